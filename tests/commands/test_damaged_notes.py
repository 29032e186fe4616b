"""Every place in every note that commands read again, changed in every way, one at a time.

Whatever a note says then, the commands that read it end well or with one line; test_fuzzed_*.py
draws what these changes leave out.
"""

import json

import pytest

import compare_results
import get_results
import report
import visualize_att_zone
from maps import figure
from tests.support import small_map
from tests.support.fuzz import every_change, run

pytestmark = pytest.mark.slow

CELL = "predictions_layer0_q2.json"
BASELINE = "predictions.json"
READER = {
    "origin": "trained here",
    "source": "bert_model.ckpt",
    "flags": {"do_lower_case": False, "max_seq_length": 384},
    "training": {"random_seed": 7, "sha256": {"train_file": "ab"}},
}
SAMPLE = {"questions": 40, "of": 41, "random_seed": 1}
ZONES = {"sep": [["any", ["sep", "end"]]], "p2cls": [["passage", "cls"]]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run, all its notes, and the tables of it and of a second one."""
    folder = tmp_path_factory.mktemp("notes")
    small_map.write_questions(folder / "dev.json")
    for name, shift in (("a", 0), ("b", 1)):
        run_folder = small_map.write_run(folder / name, shift)
        small_map.note_decoding(run_folder, folder / "dev.json", name, max_seq_length=384)
        (run_folder / "reader.json").write_text(json.dumps(READER))
        (run_folder / "zones.json").write_text(json.dumps(ZONES))
        (run_folder / "nbest_predictions.json").write_text(json.dumps(nbest()))
    for name in "ab":
        argv = [folder / name, folder / (name + ".csv"), "--data-file", folder / "dev.json"]
        assert run(get_results.main, *argv, "--baseline", folder / name / BASELINE)[0] == 0
    return folder


def nbest():
    return {key: [{"text": "gold", "probability": 0.5}] for key in small_map.IDS[:2]}


def scored(place):
    argv = [place / "a", place / "new.csv", "--data-file", place / "dev.json"]
    return get_results, [*argv, "--baseline", place / "a" / BASELINE], "new.csv"


def scored_again(place):
    command, argv, _ = scored(place)
    return command, [argv[0], place / "a.csv", *argv[2:]], "a.csv"


def compared(place):
    return compare_results, [place / "a", place / "b", "--data-file", place / "dev.json"], None


def tables_compared(place):
    return compare_results, [place / "a.csv", place / "b.csv"], None


def tables_compared_the_other_way(place):
    return compare_results, [place / "b.csv", place / "a.csv"], None


def drawn(place):
    argv = [place / "a.csv", place / "a", place / "new.svg", "--caption", place / "new.txt"]
    return visualize_att_zone, argv, "new.svg"


def drawn_with_test(place):
    argv = [place / "a.csv", place / "a_significance.csv", place / "new.svg"]
    return visualize_att_zone, [*argv, "--caption", place / "new.txt"], "new.svg"


def shown(place):
    return report, [place / "a", place / "dev.json", place / "new.html"], "new.html"


def shown_beside(place):
    command, argv, _ = shown(place)
    return command, [*argv, "--beside", place / "b"], "new.html"


def faults_of(place, name, command_lines):
    """What is wrong after each change of a note: list of (change, command line, what)."""
    path, found = place / name, []
    kept = {note: note.read_bytes() for note in [path, *place.glob("a*.*")]}
    for change, changed in every_change(json.loads(path.read_text())):
        for made in command_lines:
            path.write_text(json.dumps(changed))
            command, argv, output = made(place)
            try:
                status, _, said = run(command.main, *argv)
                if status:
                    *before, last = said.splitlines()
                    assert status == 2 and last, said
                    assert all(line.startswith(_BEFORE) for line in before), said
                    assert not list(place.glob("new*")), said
            except Exception as error:  # whatever a command lets out
                found.append("%s: %s: %s" % (made.__name__, change, repr(error)[-300:]))
            for new in place.glob("new*"):
                new.unlink()
            for note, content in kept.items():
                note.write_bytes(content)
    return found


_BEFORE = ("NOTE", "WARNING", "reading")
TABLES = [tables_compared, tables_compared_the_other_way, drawn, drawn_with_test]
ALL = [scored, compared, shown, shown_beside, drawn]
CASES = {
    "a.json": [*TABLES, scored_again],
    "a/.decoding/finished/" + CELL: ALL,
    "a/.decoding/finished/" + BASELINE: ALL,
    "a/.decoding/runs/a.json": ALL,
    "a/reader.json": ALL,
    "a/zones.json": [scored, drawn],
    "a/nbest_predictions.json": [shown],
}


@pytest.mark.parametrize("name", CASES)
def test_whatever_a_note_says_commands_end_well_or_with_one_line(place, name, monkeypatch):
    # Drawing takes the most of the time, and sees nothing of the notes but texts and metadata.
    monkeypatch.setattr(figure, "save_figure", lambda drawn, path, facts: json.dumps(facts))
    faults = faults_of(place, name, CASES[name])
    assert not faults, "\n".join(faults)
