"""Every place in every note that commands read again, changed in every way, one at a time.

Whatever a note says then, the commands that read it end well or with one line; test_fuzzed_*.py
draws what these changes leave out.
"""

import json
import os
import shutil
import sys

import pytest

import compare_results
import convert_checkpoint
import get_results
import report
import run_squad
import visualize_att_zone
from common.command_line import UserError
from common.finished import FinishedFiles
from maps import figure
from running import decoding, saved
from tests.hub import test_fuzzed_directories as hub
from tests.support import small, small_map
from tests.support.fuzz import every_change, run
from tests.support.hub_files import library_tokenizer, tensors_of
from zones.cells import cells_of

pytestmark = pytest.mark.slow

# What an error begins with.
NAME = os.path.basename(sys.argv[0]) + ": "
CELL, BASELINE = "predictions_layer0_q2.json", "predictions.json"
# Beside the first stands the results.json that a report looks for.
TABLES, SIGNIFICANCE = {"a": "results.csv", "b": "b.csv"}, "results_significance.csv"
READER = {
    "origin": "trained here",
    "source": "bert_model.ckpt",
    "flags": {"do_lower_case": False, "max_seq_length": 384},
    "training": {"random_seed": 7, "sha256": {"train_file": "ab"}},
}
SAMPLE = {"questions": 40, "of": 41, "random_seed": 1}
OWN_ZONES = {"sep": [["any", ["sep", "end"]]]}
NBEST = {key: [{"text": "gold", "probability": 0.5}] for key in small_map.IDS[:2]}


def faults_of(folder, path, command_lines, document=None):
    """What is wrong after each change of a note: list of texts.

    Args:
        folder: where the commands write, which is as before after each change; what is new there
            has a name that begins with "new".
        path: the note.
        command_lines: functions that give a command and its arguments.
        document: what the note says; None is what it says now.
    """
    found = []
    document = json.loads(path.read_text()) if document is None else document
    kept = {note: note.read_bytes() for note in folder.rglob("*") if note.is_file()}
    for change, changed in every_change(document):
        for command_line in command_lines:
            path.write_text(json.dumps(changed))
            try:
                status, _, said = run(*command_line())
                assert "Traceback" not in said, said
                if status:
                    assert status == 2 and said.splitlines()[-1].startswith(NAME), said
                    assert not list(folder.glob("new*")), said
            except Exception as error:  # whatever a command lets out
                found.append("%s: %s: %s" % (command_line.__name__, change, repr(error)[-300:]))
            for new in folder.glob("new*"):
                shutil.rmtree(str(new)) if new.is_dir() else new.unlink()
            for note, content in kept.items():
                if not note.exists() or note.read_bytes() != content:
                    note.write_bytes(content)
    return found


# Of predictions and tables ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run, all its notes, and the tables of it and of a second one."""
    folder = tmp_path_factory.mktemp("notes")
    small_map.write_questions(folder / "dev.json")
    for name, shift in (("a", 0), ("b", 1)):
        run_folder = small_map.write_run(folder / name, shift)
        small_map.note_decoding(run_folder, folder / "dev.json", name, max_seq_length=384)
        lines = ["layer,head,zone,weight"]
        lines += ["%d,%d,q2,0.25" % (layer, head) for layer in (1, 2) for head in (1, 2)]
        (run_folder / "attention.csv").write_text("\n".join(lines) + "\n")
        FinishedFiles(str(run_folder), name).add("attention.csv")
        argv = [run_folder, folder / TABLES[name], "--data-file", folder / "dev.json"]
        assert run(get_results.main, *argv, "--baseline", run_folder / BASELINE)[0] == 0
    return folder


class CommandLines:
    """Those of the commands that read the notes of a folder as of ``place``."""

    def __init__(self, place):
        self._place, self._a = place, place / "a"
        self._data = ["--data-file", place / "dev.json"]

    def score(self):
        argv = [self._a, self._place / "new.csv", *self._data, "--baseline", self._a / BASELINE]
        return (get_results.main, *argv)

    def compare(self):
        return (compare_results.main, self._a, self._place / "b", *self._data)

    def compare_tables(self):
        return (compare_results.main, *(self._place / TABLES[name] for name in "ab"))

    def draw(self):
        argv = [self._place / "results.csv", self._a, self._place / "new.svg"]
        return (visualize_att_zone.main, *argv, "--caption", self._place / "new.txt", "--std")

    def draw_test(self):
        argv = [self._place / name for name in ("results.csv", SIGNIFICANCE, "new.svg")]
        argv += ["--caption", self._place / "new.txt", "--attention", self._a]
        return (visualize_att_zone.main, *argv)

    def show(self):
        argv = [self._a, self._place / "dev.json", self._place / "new.html"]
        return (report.main, *argv, "--beside", self._place / "b")


FOLDERS = ["score", "compare", "show"]
NOTES = {
    "results.json": (None, ["compare_tables", "draw", "draw_test", "show"]),
    "a/.decoding/finished/" + CELL: (None, FOLDERS),
    "a/.decoding/finished/" + BASELINE: (None, FOLDERS),
    "a/.decoding/finished/attention.csv": (None, ["show", "draw_test"]),
    "a/.decoding/runs/a.json": (None, FOLDERS),
    "a/reader.json": (READER, FOLDERS),
    "a/zones.json": (OWN_ZONES, [*FOLDERS, "draw_test"]),
    "a/sample.json": (SAMPLE, [*FOLDERS, "draw"]),
    "a/nbest_predictions.json": (NBEST, ["show"]),
}


@pytest.mark.parametrize("name", NOTES)
def test_notes_of_predictions_and_tables(place, name, monkeypatch):
    # Drawing takes the most of the time, and sees nothing of the notes but texts and metadata.
    monkeypatch.setattr(figure, "maps_figure", lambda panels, *more: None)
    monkeypatch.setattr(figure, "save_figure", lambda drawn, path, facts: json.dumps(facts))
    document, names = NOTES[name]
    lines = [getattr(CommandLines(place), of) for of in names]
    faults = faults_of(place, place / name, lines, document)
    if document is not None:
        (place / name).unlink()
    assert not faults, "\n".join(faults)


# Of readers -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decoded(small_files, small_model, tmp_path_factory):
    """A reader with one checkpoint, and its answers in the folder ``out``."""
    folder = tmp_path_factory.mktemp("decoded")
    shutil.copytree(str(small_model), str(folder / "model"))
    for path in (folder / "model").glob("model.ckpt-[06]*"):
        path.unlink()
    more = dict(do_predict=True, prediction_dir=folder / "out", max_questions=10)
    assert small.run(small_files, folder / "model", **more) == 0
    return folder


@pytest.mark.parametrize("name", ["reader.json", "training.json", "bert_config.json"])
def test_notes_of_readers(decoded, small_files, name, jobs, monkeypatch):
    refuse_to_decode(monkeypatch)
    model, note = decoded / "model", decoded / "model" / "reader.json"
    text, document = note.read_text(), None
    if name == "training.json":
        document = json.loads(text)["training"]
        note.unlink()

    def decode():
        more = dict(do_predict=True, prediction_dir=decoded / "out", max_questions=10)
        return (run_squad.main, *small.flags(small_files, model, **more))

    def train():
        return (run_squad.main, *small.flags(small_files, model, do_train=True))

    def convert():
        return (convert_checkpoint.main, "--to-safetensors", model, decoded / "new")

    faults = faults_of(decoded, model / name, [decode, train, convert], document)
    if name == "training.json":
        (model / name).unlink()
    note.write_text(text)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", [".decoding/finished/" + BASELINE, "sample.json"])
def test_notes_beside_answers(decoded, small_files, name, monkeypatch):
    """Where a decoding is to go on."""
    refuse_to_decode(monkeypatch)

    def decode():
        more = dict(do_predict=True, prediction_dir=decoded / "out", max_questions=12)
        return (run_squad.main, *small.flags(small_files, decoded / "model", **more))

    faults = faults_of(decoded, decoded / "out" / name, [decode])
    assert not faults, "\n".join(faults)


def test_a_record_of_more_answers_than_there_are(decoded, small_files, tmp_path):
    """Then all are decoded again, as for whoever begins there."""
    for name in ("new", "old"):
        out = tmp_path / name
        if name == "old":
            shutil.copytree(str(decoded / "out"), str(out))
            path = out / ".decoding" / "finished" / BASELINE
            record = json.loads(path.read_text())
            record["sample"]["questions"] += 1
            path.write_text(json.dumps(record))
        more = dict(do_predict=True, prediction_dir=out, max_questions=12)
        assert small.run(small_files, decoded / "model", **more) == 0
    texts = [(tmp_path / name / BASELINE).read_text() for name in ("new", "old")]
    assert texts[0] == texts[1] and len(json.loads(texts[0])) == 12


def refuse_to_decode(monkeypatch):
    """What is to be decoded is not, for each time that would take seconds."""

    def decode_here(*given):
        raise UserError("refused")

    monkeypatch.setattr(decoding, "decode_here", decode_here)


def test_the_cells_of_unfinished_work(tmp_path):
    cells = cells_of(2)
    path = tmp_path / ".decoding" / "run" / "cells.json"
    path.parent.mkdir(parents=True)
    for change, changed in every_change([list(cell) for cell in cells]):
        path.write_text(json.dumps(changed))
        assert set(saved.UnfinishedRun(str(tmp_path), "run", cells, 3).cells) >= set(cells), change


# Of directories of the hub ----------------------------------------------------------------------


PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORD_PIECES = {
    "version": "1.0",
    "added_tokens": [{"id": 2, "content": "[CLS]", "special": True}],
    "normalizer": {"type": "BertNormalizer", "clean_text": True, "lowercase": False},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "model": {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {piece: number for number, piece in enumerate(PIECES)},
    },
}
BYTE_PAIRS = library_tokenizer(6)
BYTE_PAIRS["model"]["merges"] = ["! !"]
BYTE_PAIRS["model"]["vocab"]["!!"] = 6
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [
        {"SpecialToken": {"id": "<s>", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "</s>", "type_id": 0}},
        {"Sequence": {"id": "B", "type_id": 0}},
        {"SpecialToken": {"id": "</s>", "type_id": 0}},
    ],
    "special_tokens": {
        "<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]},
        "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]},
    },
}
SETTINGS = {
    **hub.SETTINGS,
    "tokenizer_class": "BertTokenizer",
    "add_prefix_space": True,
    "added_tokens_decoder": {"4": {"content": "<new>"}},
}
INDEX = {"metadata": {}, "weight_map": dict.fromkeys(tensors_of(hub.CONFIG), "model.safetensors")}
INDEX["weight_map"] = dict(list(INDEX["weight_map"].items())[:3])
OF_THE_HUB = {
    "config": ("config.json", hub.CONFIG, ()),
    "settings": ("tokenizer_config.json", SETTINGS, ()),
    "word pieces": ("tokenizer.json", WORD_PIECES, ("vocab.txt",)),
    "byte pairs": ("tokenizer.json", BYTE_PAIRS, ("vocab.txt",)),
    "template": ("tokenizer.json", dict(BYTE_PAIRS, post_processor=TEMPLATE), ("vocab.txt",)),
    "vocabulary": ("vocab.json", {"<s>": 0, "</s>": 1, "!": 2, "!!": 3}, ("vocab.txt",)),
    "added": ("added_tokens.json", {"<new>": 40}, ()),
    "shards": ("model.safetensors.index.json", INDEX, ()),
}


@pytest.mark.parametrize("name", OF_THE_HUB)
def test_files_of_the_hub(name, tmp_path):
    source = tmp_path / "hub"
    source.mkdir()
    file, document, gone = OF_THE_HUB[name]
    for other, content in hub.GOOD.items():
        if other != "tokenizer.json" and other not in gone:
            (source / other).write_bytes(content)
    (source / "merges.txt").write_text("#version: 0.2\n! !\n")

    def convert():
        return (convert_and_check, source, tmp_path / "new")

    def convert_and_check(argv):
        convert_checkpoint.main(argv)
        hub.check_reader(tmp_path / "new")

    faults = faults_of(tmp_path, source / file, [convert], document)
    (source / file).write_text(json.dumps(document))
    status, _, said = run(*convert())
    assert status == 0 or name == "shards", said  # the shards lack nothing but other tensors
    assert not faults, "\n".join(faults)
