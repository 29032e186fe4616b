"""The demo: its data set, and the protocol that it runs on it."""

import csv
import fcntl
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

import tokenization
from demo import biographies, run
from demo.settings import DemoSettings
from tests.support import small

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MONTHS = (
    "January February March April May June July August September October November December"
).split()
DATE = re.compile(r"\b(%s) (\d{4})\b" % "|".join(MONTHS))


# The data set ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    """Both parts of the default data set, as lists of (passage, questions)."""
    settings = DemoSettings()
    return {
        part: [
            (paragraph["context"], paragraph["qas"])
            for article in settings.data_set(part)["data"]
            for paragraph in article["paragraphs"]
        ]
        for part in ("train", "dev")
    }


def everything(data):
    return data["train"] + data["dev"]


def answers_of(passages):
    return {q["answers"][0]["text"] for _, questions in passages for q in questions}


def test_counts(data):
    assert [len(data[part]) for part in ("train", "dev")] == [3000, 60]
    assert {len(questions) for _, questions in data["train"]} == {4}
    assert {len(questions) for _, questions in data["dev"]} == {5}
    ids = [q["id"] for _, questions in everything(data) for q in questions]
    assert len(set(ids)) == len(ids) == 12000 + 300
    for passage, questions in everything(data):
        assert passage.count(".") == 4
        assert len({q["question"] for q in questions}) == len(questions)
    assert len({passage for passage, _ in everything(data)}) == 3060


def test_answers_are_at_their_offset_and_nowhere_else(data):
    for passage, questions in everything(data):
        for question in questions:
            (answer,) = question["answers"]
            text, start = answer["text"], answer["answer_start"]
            assert passage[start : start + len(text)] == text
            assert passage.count(text) == 1


def test_questions_name_the_person_whom_the_passage_is_about(data):
    for passage, questions in everything(data):
        name = " ".join(passage.split()[:2])
        assert passage.count(name) == 1
        assert all(question["question"].count(name) == 1 for question in questions)
        (pronoun,) = {sentence.split()[0] for sentence in passage.split(". ")[1:]}
        men = "Albert Arthur Charles David Edward Frank George Henry John Peter Robert Thomas"
        assert pronoun == ("He" if name.split()[0] in men.split() else "She")


def test_two_word_values_of_development_are_not_in_training(data):
    training_text = "\n".join(passage for passage, _ in data["train"])
    held_out = {text for text in answers_of(data["dev"]) if " " in text}
    held_out |= {" ".join(passage.split()[:2]) for passage, _ in data["dev"]}
    held_out |= {match.group() for passage, _ in data["dev"] for match in DATE.finditer(passage)}
    assert len(held_out) > 150
    for value in held_out:
        assert value not in training_text


def test_each_word_of_development_is_in_training(data):
    words = {
        part: {
            word
            for passage, questions in data[part]
            for text in [passage] + [q["question"] for q in questions]
            for word in re.findall(r"\w+", text)
        }
        for part in data
    }
    assert words["dev"] <= words["train"]


@pytest.mark.parametrize("kind", ["person", "date", "job", "topic", "prize"])
def test_combinations_share_words_but_no_pair(kind):
    train, dev = (set(biographies.combinations(kind, part)) for part in ("train", "dev"))
    assert train and dev and not train & dev
    for place in (0, 1):
        words = {pair[place] for pair in train | dev}
        assert {pair[place] for pair in train} == {pair[place] for pair in dev} == words


def test_dates_are_in_the_order_of_a_life(data):
    for passage, _ in everything(data):
        dates = [(int(year), MONTHS.index(month)) for month, year in DATE.findall(passage)]
        assert dates == sorted(set(dates))
        if " was born " in passage and len(dates) > 1:
            assert dates[1][0] - dates[0][0] >= 18


def test_events_are_in_the_order_of_a_life(data):
    verbs = "was born|studied|worked|married|sailed|wrote|opened|won|taught|died".split("|")
    for passage, _ in everything(data):
        order = [
            verbs.index(re.search(r"\b(%s)\b" % "|".join(verbs), sentence).group())
            for sentence in passage.split(". ")
        ]
        assert order == sorted(set(order))


def test_vocabulary_has_every_token_and_no_other_is_needed(data):
    words = biographies.vocabulary()
    assert len(words) == len(set(words)) == 212
    assert words[:4] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = tokenization.Tokenizer({w: i for i, w in enumerate(words)}, do_lower_case=False)
    basic = tokenization.BasicTokenizer(do_lower_case=False)
    used = set()
    for passage, questions in everything(data):
        for text in [passage] + [question["question"] for question in questions]:
            assert tokenizer.tokenize(text) == basic.tokenize(text)
            used.update(tokenizer.tokenize(text))
    assert used == set(words[4:])


@pytest.mark.parametrize("part", ["train", "dev"])
def test_windows_fit(data, part):
    settings = DemoSettings()
    basic = tokenization.BasicTokenizer(do_lower_case=False)
    lengths = []
    for passage, questions in data[part]:
        passage_length = len(basic.tokenize(passage))
        for question in questions:
            question_length = len(basic.tokenize(question["question"]))
            assert question_length <= settings.max_query_length
            lengths.append(1 + question_length + 1 + passage_length + 1)
    assert max(lengths) <= settings.max_seq_length == 64
    assert 50 <= sum(lengths) / len(lengths) <= 56


def test_the_seed_decides_the_data_set():
    first, again, other = (
        json.dumps(biographies.data_set("train", 20, 4, seed)) for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


# The demo ---------------------------------------------------------------------------------------


def demo(*arguments, **options):
    """Starts the demo as a user does."""
    command = [sys.executable, "-m", "demo.run", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        **options,
    )


def finished(*arguments):
    """What a demo prints, which must end well."""
    process = demo(*arguments)
    text, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "WARNING" not in text + errors
    return text


def read_map(output):
    """The baseline, and the scores of the cells: (layer, zone) -> exact match in percent."""
    with open(str(output / "results.csv")) as stream:
        rows = list(csv.DictReader(stream))
    cells = {
        (int(row["layer"]), zone): float(row[zone])
        for row in rows
        for zone in ("all", "q2", "q2p", "p2q", "p2")
    }
    return json.loads((output / "metrics.json").read_text())["exact"], cells


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--seed", "-1"], "--seed"),
        (["--seed", "one"], "--seed"),
        (["--output-dir", "gs://bucket/demo"], "--output-dir"),
        (["--output-dir", "run_squad.py/demo"], "--output-dir"),
        (["--fast"], "--fast"),
    ],
)
def test_a_mistake_gets_one_line(arguments, told, capsys):
    assert small.status_of(run.main, arguments) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1 and told in errors


def test_a_directory_with_other_files_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("precious")
    assert small.status_of(run.main, ["--output-dir", str(tmp_path)]) == 2
    assert re.search(
        r": --output-dir: .* not the demo's; name a new directory\n", capsys.readouterr().err
    )
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_second_of_two_demos_says_so(tmp_path, capsys):
    with open(str(tmp_path / ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert small.status_of(run.main, ["--output-dir", str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1 and "a demo is at work in %s" % tmp_path in errors
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_every_step_works(tmp_path):
    text = finished("--quick", "--output-dir", tmp_path)
    baseline, cells = read_map(tmp_path)
    assert sorted(cells) == [(n, z) for n in (1, 2) for z in ("all", "p2", "p2q", "q2", "q2p")]
    answers = list((tmp_path / "prediction").glob("predictions_layer*.json"))
    assert len(answers) == 2 * 5
    assert {len(json.loads(path.read_text())) for path in answers} == {10 * 5}
    with open(str(tmp_path / "results_significance.csv")) as stream:
        assert {float(row["baseline"]) for row in csv.DictReader(stream)} == {round(baseline, 3)}
    assert (tmp_path / "heatmap.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "heatmap.png").read_bytes().startswith(b"\x89PNG")
    assert b"<!DOCTYPE html>" in (tmp_path / "report.html").read_bytes()[:20]
    for name, _ in run._MADE:
        assert "\n  %s " % name in text
        assert (tmp_path / name).exists()
    # The map, once, layer 1 at the bottom as in the figure.
    assert re.findall(r"^(layer|\d+) +(?:ALL|\d+\.\d)", text, re.M) == ["layer", "2", "1"]


@pytest.mark.slow
def test_killed_started_again_and_run_with_another_seed(tmp_path):
    flags = ["--quick", "--output-dir", tmp_path]
    killed = demo(*flags, start_new_session=True)
    for line in killed.stdout:
        if line.startswith("[4/7]"):
            break
    time.sleep(1)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "results.csv").exists()

    process = demo(*flags)
    _, errors = process.communicate()
    assert process.returncode == 0
    assert "nothing is trained" in errors
    first = (tmp_path / "prediction" / "predictions.json").read_bytes()

    (tmp_path / "heatmap.png").unlink()
    finished(*flags)
    assert (tmp_path / "heatmap.png").exists()

    process = demo(*flags, "--seed", "2")
    _, errors = process.communicate()
    assert process.returncode == 0
    assert "nothing is trained" not in errors and "11 of 11 are decoded" not in errors
    assert (tmp_path / "prediction" / "predictions.json").read_bytes() != first


@pytest.fixture(scope="session")
def whole_demo(tmp_path_factory):
    """The directory of a demo that was run whole; one for all of pytest's processes."""
    output = tmp_path_factory.getbasetemp().parent / "whole_demo"
    with open(str(output) + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (output / "report.html").exists():
            finished("--output-dir", output)
    return output


@pytest.mark.slow
def test_what_holds_of_the_map_on_any_machine(whole_demo):
    baseline, cells = read_map(whole_demo)
    assert baseline > 90
    ruined = cells.pop((1, "p2q"))
    assert ruined < min(cells.values()) - 25
    assert cells[4, "q2"] == cells[4, "q2p"] == round(baseline, 3)


@pytest.mark.slow
def test_the_notebook_runs_on_its_reader(whole_demo, monkeypatch):
    # Of requirements.txt, so that they are no reason to skip; ipykernel is what it starts.
    import ipykernel  # noqa: F401
    import nbclient
    import nbformat

    notebook = nbformat.read(str(ROOT / "docs" / "attention_zones.ipynb"), as_version=4)
    monkeypatch.setenv("PYTHON", sys.executable)
    monkeypatch.setenv("DEMO", str(whole_demo))
    resources = {"metadata": {"path": str(ROOT / "docs")}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", ()) for output in outputs) == 3
    printed = "".join(output.get("text", "") for output in outputs)
    assert "masked: p2q in layer 1 of the map" in printed and "WARNING" not in printed
