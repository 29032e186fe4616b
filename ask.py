"""One question to one reader: its answer, with and without a zone masked, and the map of it."""

import common.environment  # noqa: F401

from common import quiet  # isort: split

import types
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from common import command_line, files
from common.command_line import UserError
from common.configuration import BertConfig
from common.progress import progress
from hub import tokenizers
from running import checkpoints, decoding, reader_folder, writing
from running.asked import cells_asked
from running.flags import parse
from spans import data_sets
from spans.answers import Candidates
from spans.windows import make_windows
from zones import own
from zones.cells import BASELINE, Cell, cells_of
from zones.masks import OFFERED_ZONES, PASSAGE, QUESTION, ZONES

_DESCRIPTION = """\
Asks a reader one question about one passage.

  python ask.py output/squad --passage passage.txt --question "Who built the bridge?"

prints its answer and that answer's probability, which is its share of the n-best list as in
nbest_predictions.json. With a zone masked beside it (layers and heads count from 0 in flags):

  python ask.py output/squad --passage passage.txt --question TEXT --mask_zone p2q --mask_layer 3

For every cell, by how much masking it changes the probability of the answer that the reader gives
with nothing masked; as a table, or as a picture:

  python ask.py output/squad --passage passage.txt --question TEXT --map
  python ask.py output/squad --passage passage.txt --question TEXT --map map.png

READER is what training or convert_checkpoint.py wrote."""

# Options that are flags of run_squad.py, and mean what they mean there.
_FLAGS = (
    ("zones_file", "zones of your own, as for run_squad.py"),
    ("mask_zone", "the zone to mask: %s" % ", ".join(OFFERED_ZONES)),
    ("mask_layer", "the layer to mask it in, from 0, or a run of layers, such as 3-5"),
    ("mask_head", "the only head to mask it in, from 0"),
    ("dataset", "whose rules: %s" % " or ".join(data_sets.NAMES)),
    ("version_2_with_negative", "True: the answer may be that there is none, as in SQuAD 2.0"),
    ("vocab_file", "of a reader whose folder lacks it"),
    ("bert_config_file", "of a reader whose folder lacks it"),
    ("do_lower_case", "False for cased models whose folder does not say so"),
)
# Of those, what the note of a training says.
_OF_TRAINING = ("dataset", "version_2_with_negative")

_NO_ANSWER = "(no answer)"
# Characters that fit above a map.
_LONGEST_TITLE = 40


class _Asked(NamedTuple):
    """A question that is ready to be read, and its reader.

    Attributes:
        flags: those of run_squad.py, settled, as attributes.
        config: the model's BertConfig.
        checkpoint: the path of its weights.
        masked: the cell to mask; BASELINE if none.
        zones: those of the map.
        windows, example: the question's.
    """

    flags: Any
    config: BertConfig
    checkpoint: str
    masked: Cell
    zones: list
    windows: list
    example: Any


class _Answer(NamedTuple):
    """What a reader says: the text, "" for no answer, and the n-best list, text -> probability."""

    text: str
    probabilities: dict


def _parser():
    parser = command_line.ArgumentParser(description=_DESCRIPTION)
    parser.add_argument("reader", metavar="READER", help="the folder of a reader")
    parser.add_argument("--passage", metavar="FILE", required=True, help="a text file, in UTF-8")
    parser.add_argument(
        "--question", metavar="TEXT", required=True, type=command_line.text, help="the question"
    )
    for name, text in _FLAGS:
        parser.add_argument("--" + name, metavar=name.split("_")[-1].upper(), help=text)
    parser.add_argument(
        "--map",
        metavar="FILE",
        nargs="?",
        const="",
        help="read with every cell masked; print the changes, or draw them (.png, .svg or .pdf)",
    )
    parser.add_argument("--zones", help="with --map: its zones, by default %s" % ",".join(ZONES))
    return parser


def _check(options):
    """Raises UserError for options that do not go together, or a picture that cannot be written."""
    if options.zones and options.map is None:
        raise UserError("--zones chooses the columns of --map; add --map")
    for name in ("mask_layer", "mask_head"):
        if getattr(options, name) is not None and not options.mask_zone:
            raise UserError("--%s says where but not what to mask; add --mask_zone" % name)
    if len((options.mask_zone or "").split(",")) > 1:
        raise UserError(
            "--mask_zone: one zone is masked at a time; for several give --map --zones=%s"
            % options.mask_zone
        )
    if options.map:
        files.check_writable(options.map, "--map", [options.passage])
        _figure().format_of(options.map, "--map")


def _figure():
    """maps.figure, which takes longer to import than a question takes to be answered."""
    from maps import figure

    return figure


def _check_reader(folder):
    """Raises UserError, with the way out, unless the folder may hold a reader."""
    if not files.is_directory(folder):
        raise UserError("READER: there is no folder %s" % folder)
    is_ours = files.exists(files.join(folder, reader_folder.CONFIG)) or checkpoints.any_in(folder)
    if not is_ours and files.exists(files.join(folder, "config.json")):
        raise UserError(
            "READER: %s is in the Hugging Face hub's form; convert it once: python "
            "convert_checkpoint.py %s my-reader" % (folder, folder)
        )
    if not is_ours:
        raise UserError(
            "READER: there is no reader in %s; name the folder that training or "
            "convert_checkpoint.py wrote" % folder
        )


def _flags_of(options):
    """The flags of run_squad.py, with what the reader's folder says of itself."""
    given = {name: getattr(options, name) for name, _ in _FLAGS}
    given = {name: value for name, value in given.items() if value is not None}
    note = reader_folder.read_note(options.reader)
    training = (note.training if note else None) or {}
    said = {name: training[name] for name in _OF_TRAINING if training.get(name) is not None}
    line = ["--%s=%s" % item for item in {**said, **given}.items()]
    parsed = parse(["--do_predict=True", "--output_dir=" + options.reader, *line])
    flags = types.SimpleNamespace(**parsed.flag_values_dict())
    vars(flags).update(reader_folder.settle(flags, set(given)))
    return flags


def _prepare(options):
    """Reads passage and reader; returns an _Asked.

    Raises:
        UserError: a file or a text is not what it should be.
    """
    passage = files.read_text(options.passage, "--passage").strip()
    if not options.question.strip():
        raise UserError("--question is empty; give the text of a question")
    _check_reader(options.reader)
    flags = _flags_of(options)
    config = BertConfig.from_file(flags.bert_config_file)
    (masked,) = cells_asked(flags, config)
    zones = own.named(options.zones, "--zones") or list(ZONES)
    checkpoint = checkpoints.fine_tuned(options.reader, config, "READER")
    flags.max_seq_length = min(flags.max_seq_length, config.longest_window)
    tokenizer = tokenizers.load(
        flags.vocab_file,
        flags.do_lower_case,
        flags.strip_accents,
        flags.tokenize_chinese_chars,
        flags.align_answers,
    )
    example = data_sets.example(flags.dataset, options.question.strip(), passage)
    windows = make_windows(
        [example],
        tokenizer,
        is_training=False,
        max_seq_length=flags.max_seq_length,
        doc_stride=flags.doc_stride,
        max_query_length=flags.max_query_length,
    )
    for name, role in (("passage", PASSAGE), ("question", QUESTION)):
        if not any(role in window.token_roles for window in windows):
            raise UserError(
                "--%s: there is nothing in it to read, only spaces or signs that are not shown"
                % name
            )
    return _Asked(flags, config, checkpoint, masked, zones, windows, example)


def _read(asked, cells):
    """Reads the question with each of the cells masked: cell -> _Answer."""
    flags = asked.flags
    at_once = decoding.windows_at_once(cells, flags.predict_batch_size)
    reading = decoding.reading_of(flags, asked.config, asked.checkpoint, cells, at_once)
    parts = {}
    with progress(None, "reading", len(asked.windows), unit="window") as bar:
        for first, end, results in decoding.decode_here(reading, asked.windows):
            parts[first] = results
            bar.update(end - first)
    # [windows, cells, ...]
    fields = [
        np.concatenate([parts[first][name] for first in sorted(parts)])
        for name in Candidates._fields
    ]
    picker = writing.picker_of(flags, [asked.example], asked.windows)
    answers = {}
    for number, cell in enumerate(cells):
        picked = picker.pick(Candidates(*(field[:, number] for field in fields)))
        ((text,), (nbest,)) = picked.predictions.values(), picked.nbest.values()
        answers[cell] = _Answer(text, {entry["text"]: entry["probability"] for entry in nbest})
    return answers


def _told(answers, masked):
    """The lines that say what was answered.

    Args:
        answers: what _read returns.
        masked: the cell asked for; BASELINE if none.
    """
    baseline = answers[BASELINE]
    lines = ["nothing masked: " + _with_probability(baseline, baseline.text)]
    if masked != BASELINE:
        answer = answers[masked]
        lines.append("%s masked: %s" % (masked, _with_probability(answer, answer.text)))
        if answer.text != baseline.text:
            lines.append("%s masked: %s" % (masked, _with_probability(answer, baseline.text)))
    return lines


def _with_probability(answer, text):
    probability = answer.probabilities.get(text)
    shown = "not in the n-best list" if probability is None else "probability %.3f" % probability
    return "%s (%s)" % (text or _NO_ANSWER, shown)


def _changes(answers, num_layers, zones):
    """By how many points each cell changes the probability of the baseline's answer.

    An answer that is not in a cell's n-best list has none of its probability.

    Returns:
        DataFrame, a row for each layer, from 1, the last one on top, a column for each zone.
    """
    text, unmasked = answers[BASELINE].text, answers[BASELINE].probabilities
    values = [
        100 * (answers[cell].probabilities.get(text, 0.0) - unmasked[text])
        for cell in cells_of(num_layers, zones)
    ]
    changes = pd.DataFrame(
        np.reshape(values, [num_layers, len(zones)]),
        index=pd.Index([str(number + 1) for number in range(num_layers)], name="Layer"),
        columns=pd.Index([zone.upper() for zone in zones], name="Masked zone"),
    )
    return changes[::-1]


def _show(changes, text, path, argv):
    """Prints the changes, or draws them where a path is given."""
    if not path:
        print(
            '\nchange of the probability of "%s", in points, layer by layer (from 1), with the '
            "zone of the column masked:\n" % (text or _NO_ANSWER)
        )
        # Adding 0 turns -0.0, what rounding leaves of -0.004, into 0.0.
        table = changes.round(2).add(0.0).rename_axis(index=None, columns="layer")
        print(table.to_string(float_format="%.2f"))
        return
    from maps import arguments
    from maps.panels import Panel

    title = text if len(text) <= _LONGEST_TITLE else text[: _LONGEST_TITLE - 3] + "..."
    panel = Panel(changes, title=title or _NO_ANSWER, metric="Probability")
    figure = _figure()
    facts = figure.facts_of([panel], arguments.command("ask.py", argv))
    figure.save_figure(figure.maps_figure([panel], annotate=True), path, "--map", facts)
    print("wrote " + path)


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_args(argv)
    _check(options)
    quiet.prepare()
    asked = _prepare(options)
    zones, num_layers = asked.zones, asked.config.num_hidden_layers
    cells = [BASELINE, asked.masked]
    cells += cells_of(num_layers, zones) if options.map is not None else []
    answers = _read(asked, list(dict.fromkeys(cells)))
    print("\n".join(_told(answers, asked.masked)))
    if options.map is not None:
        changes = _changes(answers, num_layers, zones)
        _show(changes, answers[BASELINE].text, options.map, argv)
    return 0


if __name__ == "__main__":
    command_line.run(main)
