"""The embedded default: its data set, the steps that are done once, and the whole demo."""

import csv
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
from demo import biographies, run, steps
from demo.settings import DemoSettings

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


# Steps that are done once -----------------------------------------------------------------------


class Workshop:
    """A step that copies ``in`` to ``out``, and counts how often."""

    def __init__(self, folder):
        self.folder = folder / "output"
        self.folder.mkdir()
        self.source, self.result = folder / "in", self.folder / "out"
        self.work = self.folder / "work"
        self.source.write_text("a")
        self.made = 0

    def copy(self):
        self.made += 1
        self.work.mkdir(exist_ok=True)
        (self.work / str(self.made)).touch()
        self.result.write_text(self.source.read_text())

    def step(self, settings=1, action=None):
        return steps.Step(
            "copy",
            "Copying",
            inputs=[str(self.source)],
            outputs=[str(self.result)],
            action=action or self.copy,
            settings=settings,
            folders=(str(self.work),),
        )

    def run(self, **changes):
        """Runs the step as a fresh process would."""
        run.run_step(self.step(**changes), steps.Ledger(str(self.folder)), "[1/1]")


@pytest.fixture()
def workshop(tmp_path):
    return Workshop(tmp_path)


def test_a_finished_step_is_left_out(workshop, capsys):
    workshop.run()
    workshop.run()
    assert workshop.made == 1
    assert "done before" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change",
    [
        lambda shop: shop.result.unlink(),
        lambda shop: shop.result.write_text("other"),
        lambda shop: shop.source.write_text("b"),
    ],
    ids=["deleted result", "changed result", "changed input"],
)
def test_a_step_is_done_again_when_its_files_changed(workshop, change):
    workshop.run()
    change(workshop)
    workshop.run()
    assert workshop.made == 2
    assert workshop.result.read_text() == workshop.source.read_text()
    assert not (workshop.work / "1").exists()


def test_other_settings_never_meet_half_done_work(workshop):
    def stop():
        workshop.work.mkdir(exist_ok=True)
        (workshop.work / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workshop.run(action=stop)
    with pytest.raises(KeyboardInterrupt):
        workshop.run(action=stop)
    assert (workshop.work / "half").exists()
    workshop.run(settings=2)
    assert not (workshop.work / "half").exists()


def test_half_done_work_is_gone_on_with(workshop):
    def stop():
        workshop.work.mkdir()
        (workshop.work / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workshop.run(action=stop)
    workshop.run()
    assert workshop.made == 1
    assert (workshop.work / "half").exists()


def test_a_second_demo_waits_for_the_first(tmp_path):
    program = (
        "import sys, time; from demo.steps import only_one_at_work\n"
        "with only_one_at_work(sys.argv[1], print): print('in', flush=True); time.sleep(1.5)"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=str(ROOT), stdout=subprocess.PIPE
    )
    assert first.stdout.readline() == b"in\n"
    told = []
    began = time.monotonic()
    with steps.only_one_at_work(str(tmp_path), told.append):
        # The first process is past its sleep.
        assert time.monotonic() - began > 0.5
    assert len(told) == 1 and "still at work" in told[0]
    first.communicate()


# The demo ---------------------------------------------------------------------------------------


def test_the_table_is_laid_out_like_the_figure():
    text = run.map_as_text(
        99.0, b"layer,all,q2,q2p,p2q,p2\n1,98,98.999,100,10.333,50\n2,1,2,3,4,5\n"
    )
    *_, header, top, bottom = text.splitlines()
    assert header.split() == ["layer", "ALL", "Q2", "Q2P", "P2Q", "P2"]
    assert top.split()[0] == "2"
    assert re.findall(r"[-+\d.]+", bottom) == (
        "1 98.0 -1.0 99.0 +0.0 100.0 +1.0 10.3 -88.7 50.0 -49.0".split()
    )


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
def test_a_mistake_gets_one_line(arguments, told):
    process = demo(*arguments)
    _, errors = process.communicate()
    assert process.returncode == 2
    assert len(errors.splitlines()) == 1 and told in errors


def test_a_directory_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    process = demo("--output-dir", tmp_path)
    _, errors = process.communicate()
    assert process.returncode == 2
    assert re.fullmatch(r"run.py: --output-dir: .* not the demo's; name a new directory\n", errors)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_demo_itself_needs_no_tensorflow():
    program = "import sys, demo.run; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.call([sys.executable, "-c", program], cwd=str(ROOT)) == 0


def test_killed_started_again_and_run_twice(tmp_path):
    output = tmp_path / "demo"
    flags = ["--quick", "--output-dir", output]

    killed = demo(*flags, start_new_session=True)
    for line in killed.stdout:
        if line.startswith("[2/7]"):
            break
    time.sleep(1)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (output / "results.csv").exists()

    again = demo(*flags)
    text, errors = again.communicate()
    assert again.returncode == 0, errors
    assert text.count("done before") == 1
    with open(str(output / "results.csv")) as stream:
        rows = list(csv.DictReader(stream))
    assert [row["layer"] for row in rows] == ["1", "2"]
    baseline = json.loads((output / "metrics.json").read_text())["exact"]
    assert "With nothing masked it is %.1f." % baseline in text
    cells = list((output / "prediction").glob("predictions_layer*.json"))
    assert len(cells) == 2 * 5
    assert {len(json.loads(cell.read_text())) for cell in cells} == {4 * 5}
    assert (output / "heatmap.pdf").read_bytes().startswith(b"%PDF")
    assert (output / "heatmap.png").read_bytes().startswith(b"\x89PNG")

    with open(str(output / "results_significance.csv")) as stream:
        assert {float(row["baseline"]) for row in csv.DictReader(stream)} == {round(baseline, 3)}
    assert b"<!DOCTYPE html>" in (output / "report.html").read_bytes()[:20]
    for name in ("heatmap.pdf", "results_significance.csv", "report.html"):
        assert "  %s " % name in text

    (output / "heatmap.png").unlink()
    once_more = demo(*flags)
    text, errors = once_more.communicate()
    assert once_more.returncode == 0, errors
    assert text.count("done before") == 6
    assert (output / "heatmap.png").exists()
