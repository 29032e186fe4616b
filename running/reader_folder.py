"""What a folder with a reader says of itself, so that nobody has to say it again.

Beside the checkpoint lie the model's shape, its tokenizer, and a note::

    output/squad/model.ckpt-2000.*    the weights (checkpoints.py)
    output/squad/bert_config.json
    output/squad/vocab.txt            or tokenizer.json
    output/squad/reader.json          the note

Training writes them, and so does whoever converts a reader. Folders that were trained before there
were such notes hold ``training.json``, which is read in its place.
"""

import dataclasses
import hashlib
import os
from typing import Any, Dict, NamedTuple, Optional

import tokenization
from common import files, notes
from common.command_line import UserError
from common.configuration import BertConfig
from common.progress import counted, say
from running import checkpoints, starting_point
from running.flags import AGREE, DIFFERS, FILE, SWITCH, TABLE, WEIGHTS, deciding
from spans import data_sets

CONFIG, VOCABULARIES = "bert_config.json", ("vocab.txt", "tokenizer.json")
NOTE, OLD_NOTE = "reader.json", "training.json"

TRAINED, CONVERTED = "trained here", "converted"


def _form_of(flag):
    """What a note may say of a flag (see common/notes.py)."""
    if flag.kind == SWITCH:
        return bool
    return range(flag.lower or 0, 2**31 if flag.upper is None else flag.upper + 1)


class Note(NamedTuple):
    """What the note says.

    Attributes:
        origin: TRAINED or CONVERTED.
        source: what it was made from, as the user named it: the checkpoint that training began
            with (None: from scratch), or the directory that was converted.
        flags: what run_squad.py is to do where its flags do not say it, name -> value; of those
            that the table of flags calls ``noted``.
        training: of a TRAINED one, the flags that decide its weights, name -> value; and, under
            ``sha256``, the checksums of the files among them.
    """

    origin: str
    source: Optional[str] = None
    flags: Dict[str, Any] = {}
    training: Optional[Dict[str, Any]] = None


_NOTED = {flag.name: flag for flag in TABLE if flag.noted}
_TRAINING = {
    "train_file?": (str, None),
    "init_checkpoint?": (str, None),
    "num_train_epochs?": float,
    "sha256?": {str: str},
    str: (str, bool, float, None),
}
_FORM = {
    "origin": (TRAINED, CONVERTED),
    "source?": (str, None),
    # No others, for what they would change is not known.
    "flags?": {str: (), **{name + "?": (_form_of(flag), None) for name, flag in _NOTED.items()}},
    "training?": (_TRAINING, None),
}


def write_note(folder, note):
    """Writes the note of a folder."""
    files.write_json(files.join(folder, NOTE), note._asdict())


def read_note(folder):
    """The Note of a folder; None if there is none.

    One that cannot be read still tells that this program made the reader.
    """
    if not folder:
        return None
    for name, understood in ((NOTE, _understood), (OLD_NOTE, _understood_old)):
        path = files.join(folder, name)
        if files.exists(path):
            try:
                return understood(files.read_json(path))
            except (UserError, ValueError) as error:
                say(
                    "NOTE: %s cannot be read (%s); of its reader no more is known than that it was "
                    "made by this program." % (path, error)
                )
                return Note(TRAINED, flags={"score_padding": False})
    return None


def _understood(content):
    """A Note of what read_json gave; ValueError if it is none."""
    _check(content, _FORM)
    return Note(**{name: content[name] for name in Note._fields if name in content})


def _check(content, form):
    fault = notes.fault(content, form)
    if fault:
        raise ValueError(fault)


def _understood_old(content):
    """As _understood, of the flat notes of before."""
    _check(content, _TRAINING)
    training = dict(content, score_padding=False)
    if "version_2" in training:
        training["version_2_with_negative"] = training.pop("version_2")
    return _understood(
        {
            "origin": TRAINED,
            "source": training.get("init_checkpoint"),
            "flags": {name: training[name] for name in _NOTED if name in training},
            "training": training,
        }
    )


# What the flags need not say --------------------------------------------------------------------

# Of a configuration, what plays no part in decoding.
_OF_TRAINING_ALONE = ("hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range")


def settle(asked, typed):
    """The flags, with what the reader's folder says in place of what was not typed.

    A folder in which training is to begin says nothing yet; then the one of --init_checkpoint has
    the word on configuration and tokenizer.

    Args:
        asked: the flags' values, as attributes.
        typed: the names of those that the user gave.

    Returns:
        A dict of the flags concerned, name -> value.

    Raises:
        UserError: a flag contradicts the folder, or the folder lacks what no flag names.
    """
    if asked.do_train and not asked.overwrite:
        _check_not_converted(asked.output_dir)
    is_new = asked.do_train and (asked.overwrite or not checkpoints.any_in(asked.output_dir))
    folder = asked.output_dir
    if is_new:
        folder = asked.init_checkpoint and files.directory_of(asked.init_checkpoint)
    note, own = read_note(folder), _own_files(folder)
    settled = {name: getattr(asked, name) or path for name, path in own.items()}
    for name, path in settled.items():
        if not path:
            lacking = "bert_config.json" if name == "bert_config_file" else VOCABULARIES[0]
            where = ", for there is no %s in %s" % (lacking, folder) if folder else ""
            if folder and not files.exists(folder):
                where = ", for there is no folder %s; check the path" % folder
            elif folder and files.exists(files.join(folder, "config.json")):
                where += "; of a reader of the Hugging Face hub convert_checkpoint.py makes one"
            raise UserError("--%s is missing; this run needs it%s" % (name, where))
    noted = note.flags if note else {}
    for name, value in noted.items():
        if (
            name not in typed
            and value is not None
            and not (is_new and _NOTED[name].noted == DIFFERS)
        ):
            settled[name] = value
    if not is_new:
        mend = "name another --output_dir" if asked.do_train else "leave this flag out"
        _check_vocabulary(settled["vocab_file"], own["vocab_file"], mend)
        _check_config(settled["bert_config_file"], own["bert_config_file"], mend)
        if not asked.do_train:
            _check_flags(asked, typed, noted)
    _tell_needless(settled["vocab_file"], typed)
    settled["score_padding"] = _scores_padding(asked, noted)
    return settled


def _check_not_converted(folder):
    note = read_note(folder)
    if note and note.origin == CONVERTED:
        raise UserError(
            "--output_dir: %s holds a model that was converted from %s; to train it further, say "
            "--init_checkpoint=%s and name another --output_dir" % (folder, note.source, folder)
        )


def _own_files(folder):
    """The folder's own files, by the flags that take their place; None where one is not there."""

    def first(*names):
        """The first of the files that the folder has, or None."""
        paths = [files.join(folder, name) for name in names] if folder else []
        return next((path for path in paths if files.exists(path)), None)

    return {"vocab_file": first(*VOCABULARIES), "bert_config_file": first(CONFIG)}


def _check_vocabulary(given, own, mend):
    """Raises UserError if a vocabulary that was given is not the folder's own."""
    if own in (None, given) or files.read_bytes(given, "--vocab_file") == files.read_bytes(own):
        return
    as_text = all(str(path).endswith(".txt") for path in (given, own))
    if not as_text or tokenization.load_vocabulary(given) != tokenization.load_vocabulary(own):
        raise UserError(
            "--vocab_file: %s is another vocabulary than %s, which the reader was made with; %s"
            % (given, own, mend)
        )


def _check_config(given, own, mend):
    """Raises UserError if a configuration that was given describes another model."""
    if own in (None, given):
        return
    said, there = (dataclasses.asdict(BertConfig.from_file(path)) for path in (given, own))
    for key in said:
        if said[key] != there[key] and key not in _OF_TRAINING_ALONE:
            raise UserError(
                "--bert_config_file: %s has %s %s, but the reader's own, %s, has %s; %s"
                % (given, key, said[key], own, there[key], mend)
            )


def _check_flags(asked, typed, noted):
    """Raises UserError where a flag cannot be right; says where one is not that of training."""
    meant = dict(noted)
    if noted.get("strip_accents", True) is None:
        meant["strip_accents"] = noted.get("do_lower_case")
    differing = [
        (name, getattr(asked, name), value)
        for name, value in meant.items()
        if name in typed and value not in (None, getattr(asked, name))
    ]
    for name, value, own in differing:
        if _NOTED[name].noted == AGREE:
            raise UserError(
                "--%s=%s: the reader in %s was made with %s; leave this flag out"
                % (name, value, asked.output_dir, own)
            )
    told = ["--%s=%s (it was %s)" % of for of in differing if _NOTED[of[0]].noted == DIFFERS]
    if told:
        say(
            "NOTE: the reader in %s was trained otherwise: %s."
            % (asked.output_dir, ", ".join(told))
        )


def _tell_needless(vocabulary, typed):
    """Says which of the typed flags a ``tokenizer.json`` leaves nothing to say."""
    if str(vocabulary).endswith(".json"):
        for flag in TABLE:
            if flag.name in typed and (flag.noted == AGREE or flag.name == "align_answers"):
                say(
                    "NOTE: --%s plays no part: %s says itself how text is cut"
                    % (flag.name, vocabulary)
                )


def _scores_padding(asked, noted):
    """Whether padded positions compete.

    The published code trains and decodes at --max_seq_length, padding included. Here a batch is
    padded to its longest window unless asked otherwise, so that our models do not learn what
    padding should score. Where the data set limits spans to the passage, padding has no chance, and
    the question is void.
    """
    if data_sets.named(asked.dataset).limits_spans:
        return False
    if asked.score_padding is not None:
        return asked.score_padding
    return False if asked.do_train else noted.get("score_padding", True)


# Training ---------------------------------------------------------------------------------------

# The folder has these itself, so that they are compared before (see run_squad.py).
_IN_THE_FOLDER = ("vocab_file", "bert_config_file")


def _training_of(settings):
    """What decides the weights, as Note.training has it."""
    names = [name for name in deciding(WEIGHTS) if name not in _IN_THE_FOLDER]
    training = {name: getattr(settings, name) for name in names}
    sums = {
        flag.name: hashlib.sha256(files.read_bytes(training[flag.name])).hexdigest()
        for flag in TABLE
        if flag.kind == FILE and flag.name in training
    }
    if settings.init_checkpoint:
        content = checkpoints.content_hash_source(settings.init_checkpoint)
        sums["init_checkpoint"] = hashlib.sha256(content).hexdigest()
    return dict(training, sha256=sums)


def describe(settings):
    """Writes into the folder of a training what it will say of the reader."""
    folder = settings.output_dir
    config = dataclasses.asdict(settings.bert_config)
    files.write_json(files.join(folder, CONFIG), config, indent=2)
    says_all = str(settings.vocab_file).endswith(".json")
    for name in VOCABULARIES:
        path = files.join(folder, name)
        if name.endswith(".json") != says_all:
            files.remove(path)
        elif files.absolute(settings.vocab_file) != files.absolute(path):
            files.write_bytes(path, files.read_bytes(settings.vocab_file, "--vocab_file"))
    noted = {name: getattr(settings, name) for name in _NOTED}
    if says_all:
        # Of WordPiece vocabularies alone.
        noted = {name: noted[name] for name in noted if _NOTED[name].noted != AGREE}
        del noted["align_answers"]
    write_note(folder, Note(TRAINED, settings.init_checkpoint, noted, _training_of(settings)))


class Start(NamedTuple):
    """Where a training begins.

    Attributes:
        checkpoint: the path of the one to take variables from, or None.
        step: the step to go on from.
        names: see starting_point.variables_of; None is every variable.
    """

    checkpoint: Optional[str]
    step: int
    names: Optional[Dict[str, str]]


def start_of_training(settings, num_steps):
    """Decides where training begins, and prepares its folder; says what will be done.

    Args:
        settings: the Settings of this run.
        num_steps: the step to end with.

    Returns:
        A Start, or None if everything asked for has been done.

    Raises:
        UserError: the folder holds a reader that was made otherwise, or cannot be gone on with.
    """
    folder, is_first = settings.output_dir, settings.machine.is_first
    checkpoints.check_places(folder)
    path, step = None, 0
    if not settings.overwrite:
        path, step = _newest_of_equal(settings, num_steps)
    if path and step >= num_steps:
        return None
    if path:
        start = Start(path, step, None)
    else:
        names = starting_point.variables_of(
            settings.init_checkpoint, settings.bert_config, settings.verbose_logging
        )
        start = Start(settings.init_checkpoint, 0, names)
        if is_first:
            checkpoints.clear(folder)
    if is_first:
        describe(settings)
    return start


def _newest_of_equal(settings, num_steps):
    """The newest checkpoint and its step, of a training that these settings may go on with."""
    folder, note = settings.output_dir, read_note(settings.output_dir)
    path, step = checkpoints.going_on(folder, settings.bert_config)
    if path is None:
        return None, 0
    there = "--output_dir: %s already holds a model trained for %s" % (
        folder,
        counted(step, "step"),
    )
    changed = _changed(note.training, _training_of(settings)) if note and note.training else []
    if changed:
        raise UserError(
            "%s, with other settings: %s; name another directory, or say --overwrite=True to train "
            "anew in this one" % (there, ", ".join(changed))
        )
    if step >= num_steps:
        say(
            "%s, which is what these flags ask for: nothing is trained. --overwrite=True trains "
            "anew." % there
        )
    else:
        say("%s; training goes on from there to step %d." % (there, num_steps))
    return path, step


def _changed(noted, now):
    """The flags that differ, each with both values.

    Args:
        noted, now: see Note.training.
    """
    changed = []
    sums, sums_now = noted.get("sha256", {}), now["sha256"]
    for name in deciding(WEIGHTS):
        if name not in noted or name not in now:
            continue
        before, after = noted[name], now[name]
        if name in sums and name in sums_now:
            differs = sums[name] != sums_now[name]
        elif name in ("train_file", "init_checkpoint"):
            # Of an old note. Without --init_checkpoint, what training began with is not in doubt.
            differs = after is not None and _name_of(before) != _name_of(after)
        elif name == "num_train_epochs":
            # More of them go on where fewer ended.
            differs = before > after
        else:
            differs = before != after
        if differs:
            changed.append("%s was %s, now %s" % (name, before, after))
    return changed


def _name_of(path):
    return os.path.basename(path) if path else path
