"""eval_squad.py as a program: what it prints and writes, and files that it must refuse."""

import json
import pathlib
import subprocess
import sys

import pytest

import eval_squad
from tests.commands.test_eval_squad import GOLDS, NA_PROBS, PREDICTIONS, document, write
from tests.support.refusals import refusal

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def paths(tmp_path):
    """Good files; the tests replace what they need."""
    write(tmp_path, "dev.json", document(GOLDS))
    write(tmp_path, "predictions.json", PREDICTIONS)
    write(tmp_path, "na.json", NA_PROBS)
    return tmp_path


def test_out_file_holds_the_line(paths, capsys):
    out = paths / "metric.json"
    eval_squad.main(
        [str(paths / "dev.json"), str(paths / "predictions.json"), "--out-file", str(out)]
    )
    assert out.read_text() == capsys.readouterr().out


def test_verbose_talks_on_stderr_only(paths, capsys):
    eval_squad.main([str(paths / "dev.json"), str(paths / "predictions.json"), "--verbose"])
    out, err = capsys.readouterr()
    assert json.loads(out)["total"] == 4
    assert "4 questions, 2 of them with an answer" in err
    assert "2 right, 1 nearly, 1 wrong" in err


def test_as_a_program_without_tensorflow(paths):
    code = (
        "import sys, runpy; sys.modules['tensorflow'] = None; "
        "import get_results, visualize_att_zone; sys.argv[1:] = ['dev.json', 'predictions.json']; "
        "runpy.run_path(%r, run_name='__main__')" % str(ROOT / "eval_squad.py")
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=str(paths),
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["exact"] == 50.0


QUESTION_OK = {"id": "q", "question": "?", "answers": []}


def shaped(*questions):
    return {"data": [{"paragraphs": []}, {"paragraphs": [{"qas": list(questions)}]}]}


@pytest.mark.parametrize(
    "content, parts",
    [
        ("", ["is empty"]),
        ('{"data": [', ["not JSON", "line 1"]),
        ({"data": [{"paragraphs": []}]}, ["no question"]),
        (shaped({"id": "q"}), ["qas[0]: no 'answers'"]),
        (shaped({"id": "q", "answers": [{}]}), ["qas[0].answers[0]: no 'text'"]),
        (shaped({"id": "q", "answers": [{"text": None}]}), ["answers[0]: 'text' is not a text"]),
        (
            shaped(QUESTION_OK, QUESTION_OK),
            ["data[1].paragraphs[0].qas[1]", "id q is already that of"],
        ),
    ],
)
def test_refuses_other_data(paths, capsys, content, parts):
    """What else is refused in any data file: tests/squad/test_examples.py."""
    path = write(paths, "dev.json", content)
    line = refusal(capsys, eval_squad.main, path, paths / "predictions.json")
    assert "data file: %s" % path in line
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    "content, parts",
    [
        ("nonsense", ["not JSON"]),
        (["cat"], ["one object"]),
        ({"q0": 3, "q1": "", "q2": "", "q3": ""}, ["question q0 has 3", "a text"]),
        ({"q0": "", "q1": "", "q2": "", "q3": None}, ["question q3 has null"]),
        ({}, ["lacks 4 of the 4 questions (q0, q1, q2, ...)"]),
        ({"q0": "", "q3": ""}, ["lacks 2 of the 4 questions (q1, q2)", "decode"]),
        ({**PREDICTIONS, "x": "", "y": ""}, ["2 of 6 ids that are not in it (x, y)"]),
        ({"q0": "", "q1": "", "q2": "", "x": ""}, ["lacks 1 of", "(q3)", "1 of 4 ids", "(x)"]),
    ],
)
def test_refuses_other_predictions(paths, capsys, content, parts):
    path = write(paths, "predictions.json", content)
    out = paths / "metric.json"
    line = refusal(capsys, eval_squad.main, paths / "dev.json", path, "--out-file", out)
    assert "prediction file: %s" % path in line
    for part in parts:
        assert part in line
    assert not out.exists()


@pytest.mark.parametrize(
    "content, part",
    [
        ("{", "not JSON"),
        ({**NA_PROBS, "q0": "0.5"}, 'question q0 has "0.5" where a number'),
        ({**NA_PROBS, "q0": True}, "question q0 has true"),
        ({**NA_PROBS, "q0": float("nan")}, "question q0 has NaN"),
        ({**NA_PROBS, "q0": 10**400}, "question q0 has 1000"),
        ({"q0": 0.5}, "lacks 3 of the 4 questions"),
        ({**NA_PROBS, "x": 0.5}, "1 of 5 ids"),
    ],
)
def test_refuses_other_probabilities(paths, capsys, content, part):
    path = write(paths, "na.json", content)
    files = paths / "dev.json", paths / "predictions.json"
    images = paths / "images"
    options = ("--na-prob-file", path, "--out-image-dir", images)
    line = refusal(capsys, eval_squad.main, *files, *options)
    assert "--na-prob-file: %s" % path in line
    assert part in line
    assert not images.exists()


@pytest.mark.parametrize(
    "options, parts",
    [
        (["--na-prob-thresh", "0.5"], ["--na-prob-thresh", "add --na-prob-file"]),
        (["--out-image-dir", "images"], ["--out-image-dir", "add --na-prob-file"]),
        (["--na-prob-file", "na.json", "--na-prob-thresh", "x"], ["--na-prob-thresh", "'x'"]),
        (["--na-prob-file", "na.json", "--na-prob-thresh", "nan"], ["--na-prob-thresh", "nan"]),
        (["--na-prob-file", "none.json"], ["--na-prob-file: there is no file none.json"]),
        (["--out-file", "none/metric.json"], ["--out-file: there is no directory none"]),
        (["--out-file", "."], ["--out-file: . is a directory"]),
        (["--out-file", "predictions.json"], ["predictions.json is a file to read here"]),
        (
            ["--na-prob-file", "na.json", "--out-image-dir", "na.json"],
            ["--out-image-dir", "na.json"],
        ),
        (["--unknown"], ["--unknown", "--help"]),
    ],
)
def test_refuses_other_options(paths, capsys, monkeypatch, options, parts):
    monkeypatch.chdir(paths)
    before = sorted(paths.iterdir())
    line = refusal(capsys, eval_squad.main, "dev.json", "predictions.json", *options)
    for part in parts:
        assert part in line
    assert sorted(paths.iterdir()) == before


@pytest.mark.parametrize(
    "arguments, part",
    [
        (["none.json", "predictions.json"], "data file: there is no file none.json"),
        (["dev.json", "none.json"], "prediction file: there is no file none.json"),
        ([".", "predictions.json"], "data file: . is a directory"),
        (["dev.json"], "prediction_file"),
        (["predictions.json", "dev.json"], "no 'data'; it looks like a prediction file"),
        (["dev.json", "dev.json"], "dev.json is a data set, not one object"),
    ],
)
def test_refuses_other_paths(paths, capsys, monkeypatch, arguments, part):
    monkeypatch.chdir(paths)
    assert part in refusal(capsys, eval_squad.main, *arguments)
