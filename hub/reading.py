"""From the hub to here: a directory of ``save_pretrained`` becomes one for run_squad.py.

Every tensor is accounted for: taken, left out on purpose, or named as unknown or missing.
"""

import dataclasses
import re

import numpy as np
import tensorflow.compat.v1 as tf

from common import files
from common.command_line import UserError
from common.progress import counted, say
from hub import weights
from hub.architectures import OUR_SPAN_HEAD, SPAN_HEAD, our_config, their_name
from hub.tokenizer_files import read_tokenizer
from running import checkpoints, reader_folder
from running.reader_folder import CONVERTED, Note

CONFIG = "config.json"
OUR_CONFIG, OUR_CHECKPOINT = "bert_config.json", "bert_model.ckpt"

# Tensors that a reader does without: they are listed, and left out. In turn: poolers, heads of
# pre-training and of other tasks; numbers that follow from the configuration; training state.
_LEFT_OUT = re.compile(
    r"(?:.*\.)?(?:pooler|cls|predictions|seq_relationship|sop_classifier|lm_head|classifier"
    r"|pre_classifier|vocab_transform|vocab_layer_norm|vocab_projector|discriminator_predictions"
    r"|generator_predictions|generator_lm_head|generator)\..*"
    r"|(?:.*\.)?(?:position_ids|token_type_ids)"
    r"|(?:optimizer|optim|scheduler|lr_scheduler|scaler|ema)\..*|(?:global_)?step"
    r"|.*(?:exp_avg|exp_avg_sq|adam_m|adam_v)"
)
# Files that a trainer leaves beside a model.
_TRAINERS_FILES = re.compile(
    r"(optimizer|scheduler|scaler)\.(pt|bin)|rng_state.*\.pth|training_args\.bin|trainer_state\.json"
    r"|global_step\d+"
)
_WORDS = "embeddings.word_embeddings.weight"


def from_hub(directory, out):
    """Converts DIR to OUT.

    Args:
        directory: a directory of ``save_pretrained``: a span reader, or an encoder.
        out: the directory to write: for a reader an ``output_dir`` to decode from, for an encoder a
            ``BERT_DIR`` to train from.

    Raises:
        UserError: DIR cannot be read, or is no model that we have; nothing is written then.
    """
    check_apart(directory, out)
    path, stored = weights.read_directory(directory)
    config_path = files.join(directory, CONFIG)
    config = our_config(files.read_json(config_path, "DIR"), config_path)
    tokenizer = read_tokenizer(directory)
    if tokenizer.num_pieces > config.vocab_size:
        raise UserError(
            "DIR: %s has %d entries, more than the %d that config.json has room for"
            % (tokenizer.name, tokenizer.num_pieces, config.vocab_size)
        )
    if config.first_position and config.pad_token_id in tokenizer.special_ids:
        raise UserError(
            "DIR: %s: positions count from pad_token_id %d, but that token stands in every window; "
            "mend it (RoBERTa's is 1)" % (config_path, config.pad_token_id)
        )
    variables = taken_tensors(config, stored, path)
    state = [name for name in files.list_directory(directory) if _TRAINERS_FILES.fullmatch(name)]
    if state:
        say("Left out, of training: %s." % ", ".join(state))
    is_reader = set(OUR_SPAN_HEAD) <= set(variables)
    _check_place(out)
    write_checkpoint(files.join(out, OUR_CHECKPOINT), variables)
    files.write_json(files.join(out, OUR_CONFIG), dataclasses.asdict(config), "OUT")
    files.write_bytes(files.join(out, tokenizer.name), tokenizer.content, "OUT")
    _describe(directory, out, tokenizer, is_reader)
    say("Written: %s, %s and %s.* in %s" % (OUR_CONFIG, tokenizer.name, OUR_CHECKPOINT, out))
    if is_reader:
        say("For decode_squad.sh: MODEL_OUTPUT_DIR=%s" % out)
    case = tokenizer.settings.get("do_lower_case")
    say(
        "For train_squad.sh%s: BERT_DIR=%s%s"
        % (
            ", to train it further" if is_reader else "",
            out,
            "" if case is None else " DO_LOWER_CASE=%s" % case,
        )
    )


def _describe(directory, out, tokenizer, is_reader):
    """Writes the note, and what tells a reader, ready to decode with, from an encoder."""
    state = files.join(out, "checkpoint")
    if is_reader:
        text = 'model_checkpoint_path: "{0}"\nall_model_checkpoint_paths: "{0}"\n'
        files.write_bytes(state, text.format(OUR_CHECKPOINT).encode(), "OUT")
        note = _note_of_reader(directory, tokenizer)
    else:
        files.remove(state)  # An earlier conversion into this folder may have left it.
        note = Note(CONVERTED, files.absolute(directory), tokenizer.settings)
    reader_folder.write_note(out, note)


def _note_of_reader(directory, tokenizer):
    """What the note beside a reader of the hub says; of one that was trained here, what it said."""
    before = reader_folder.read_note(directory)
    if before:
        flags = before.flags
    else:
        flags = dict(tokenizer.settings, score_padding=False)
        if tokenizer.settings:
            flags["align_answers"] = False
    return Note(CONVERTED, files.absolute(directory), flags)


def check_apart(directory, out):
    """Raises UserError if OUT is the directory that is read."""
    if files.same(directory, out):
        raise UserError("OUT: %s is the directory to read here; name another one" % out)


def _check_place(out):
    """Makes OUT; refuses one that holds a model trained here."""
    files.make_directory(out, "OUT")
    trained = [n for n in files.list_directory(out, "OUT") if re.fullmatch(r"model\.ckpt-.*", n)]
    if trained:
        raise UserError(
            "OUT: %s holds a trained model (%s); name another directory" % (out, trained[0])
        )


def taken_tensors(config, stored, path):
    """Our variables from Hugging Face's tensors; says what is left out and what is missing.

    Args:
        config: the BertConfig.
        stored: a dict: name -> weights.StoredTensor.
        path: the file, for messages.

    Returns:
        A dict: our name -> float32 array. The span head is in it if the file has one.

    Raises:
        UserError: a tensor of the encoder is missing, stands there twice, has another shape or
            holds no numbers, or one is unknown.
    """
    bare = _bare_names(config, stored, path)
    taken, missing = {}, []
    for ours, shape in checkpoints.model_shapes(config).items():
        theirs = their_name(ours, config.model_type)
        if theirs in bare:
            taken[ours] = _taken(ours, shape, bare.pop(theirs), stored, path)
        else:
            missing.append(theirs)
    holes = [name for name in missing if not name.startswith(SPAN_HEAD)]
    if not holes and len(missing) == 1:
        holes = missing  # weights of the span head without its bias, or the other way round
    if holes:
        raise UserError(
            "DIR: %s lacks %s of the %s: %s; its names look like %s"
            % (
                path,
                counted(len(holes), "tensor"),
                "span head" if holes[0].startswith(SPAN_HEAD) else "encoder",
                _some(holes),
                _some(stored, 3),
            )
        )
    left_out = sorted(name for name in bare if _LEFT_OUT.fullmatch(name))
    unknown = sorted(set(bare) - set(left_out))
    if unknown:
        raise UserError(
            "DIR: %s holds %s that a %s reader has no place for: %s"
            % (path, counted(len(unknown), "tensor"), config.model_type, _some(unknown))
        )
    say("Taken: %d of the file's %d tensors." % (len(taken), len(stored)))
    say("Left out, since a reader does not use them: %s." % (", ".join(left_out) or "none"))
    if missing:
        say("Not in the file: the span head, which training makes. (%s)" % SPAN_HEAD)
    return taken


def _bare_names(config, stored, path):
    """The names without what stands in front of them: bare name -> name in the file."""
    scope = config.scope + "."
    prefixes = sorted(
        {name[: -len(_WORDS)] for name in stored if ("." + name).endswith("." + _WORDS)}
    )
    if not prefixes:
        raise UserError(
            "DIR: %s holds no %s of a %s; its names look like %s"
            % (path, _WORDS, config.model_type, _some(stored, 3))
        )
    prefix = prefixes[0]
    if len(prefixes) > 1:
        usual = [prefix for prefix in prefixes if prefix in ("", scope)]
        if len(usual) != 1:
            raise UserError(
                "DIR: %s holds an encoder under several names: %s"
                % (path, " and ".join(p + _WORDS for p in prefixes[:2]))
            )
        prefix = usual[0]
    wrapper = prefix[: -len(scope)] if prefix.endswith(scope) else prefix
    if wrapper:
        say("The names begin with %s, which is left off." % wrapper)
    bare = {}
    for name in stored:
        short = name
        for front in (prefix, wrapper):
            if front and name.startswith(front):
                short = name[len(front) :]
                break
        # The names of their early versions.
        short = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", short)
        short = re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", short)
        if short in bare:
            raise UserError(
                "DIR: %s holds one tensor under two names, %s and %s; leave the right one"
                % (path, bare[short], name)
            )
        bare[short] = name
    return bare


def _taken(ours, shape, name, stored, path):
    """A tensor as our variable: turned if it is a dense layer's, checked for shape and numbers."""
    tensor = stored[name]
    turned = ours.endswith("/kernel")
    if list(tensor.shape) != (shape[::-1] if turned else shape):
        wanted = shape[::-1] if turned else shape
        if ours in OUR_SPAN_HEAD:
            told = "where a span head has %s, for start and end" % wanted
        else:
            told = "where config.json asks for %s; take the one that belongs to it" % wanted
        raise UserError("DIR: in %s, %s has shape %s %s" % (path, name, list(tensor.shape), told))
    array = tensor.array(name)
    check_numbers(array, "DIR: in %s, %s" % (path, name))
    return np.ascontiguousarray(array.T) if turned else array


def check_numbers(array, where):
    """Raises UserError if a tensor holds something that no computing can be done with."""
    with np.errstate(invalid="ignore"):
        wrong = np.sum(~(np.abs(array) < checkpoints.LARGEST_WEIGHT))
    if wrong:
        raise UserError(
            "%s holds NaN or numbers beyond all measure (%d of %d); copy the model again, or take "
            "an earlier checkpoint of its training" % (where, wrong, array.size)
        )


def _some(names, most=4):
    more = ", and %d more" % (len(names) - most) if len(names) > most else ""
    return ", ".join(sorted(names)[:most]) + more


def write_checkpoint(path, variables):
    """Writes a TF1 checkpoint: ``variables`` is a dict of name -> float32 array.

    Raises:
        UserError: the place cannot be written.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        placed = {
            name: tf.get_variable(name, array.shape, initializer=tf.zeros_initializer())
            for name, array in variables.items()
        }
        for name, variable in placed.items():
            variable.load(variables[name], session)
        saver = tf.train.Saver(list(placed.values()))
        try:
            saver.save(session, path, write_meta_graph=False, write_state=False)
        except tf.errors.OpError as error:
            raise UserError("OUT: cannot write %s (%s)" % (path, files.reason(error)))
