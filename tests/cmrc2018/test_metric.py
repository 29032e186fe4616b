"""The metric of CMRC 2018, its script, and the table made with it."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eval_cmrc2018
import get_results
from cmrc2018.metric import bare, segments
from maps.tables import read_results
from spans import data_sets
from tests.support import chinese
from tests.support.refusals import refusal
from zones.cells import BASELINE, cells_of, file_name

DROPPED = "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』"


# A naive reference ------------------------------------------------------------------------------


def slow_segments(text):
    """Character by character; the text between Chinese ones goes to nltk as it is."""
    from nltk import word_tokenize

    found, between = [], ""
    for c in "".join(c for c in text.lower().strip() if c not in DROPPED):
        if "\u4e00" <= c <= "\u9fa5":
            found += word_tokenize(between, preserve_line=True) if between else []
            found.append(c)
            between = ""
        else:
            between += c
    return found + (word_tokenize(between, preserve_line=True) if between else [])


def slow_scores(answers, prediction):
    """(exact match, F1), the longest common substring by trying every one."""
    exact, f1 = 0.0, 0.0
    for answer in answers:
        a, b = (
            "".join(c for c in t.lower().strip() if c not in DROPPED) for t in (answer, prediction)
        )
        exact = max(exact, float(a == b))
        a, b = slow_segments(answer), slow_segments(prediction)
        longest = 0
        for i in range(len(a)):
            for j in range(len(b)):
                k = 0
                while i + k < len(a) and j + k < len(b) and a[i + k] == b[j + k]:
                    k += 1
                longest = max(longest, k)
        if longest:
            precision, recall = longest / len(b), longest / len(a)
            f1 = max(f1, 2 * precision * recall / (precision + recall))
    return exact, f1


def write_data(path, gold):
    """A data file in CMRC 2018's own form; ``gold``: question id -> answers."""
    qas = [{"query_id": key, "query_text": "？", "answers": texts} for key, texts in gold.items()]
    path.write_text(json.dumps([{"context_id": "D", "context_text": "文", "qas": qas}]))
    return path


TEXTS = st.text(st.sampled_from("甲乙丙，·-…\"' .,ab1（"), max_size=9)


@settings(deadline=None)  # nltk is loaded first
@given(TEXTS)
def test_segments_are_those_of_a_slow_reader(text):
    assert segments(bare(text)) == slow_segments(text)


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS)
def test_scores_are_those_of_a_slow_reader(tmp_path_factory, answers, prediction):
    path = write_data(tmp_path_factory.getbasetemp() / "one.json", {"q": answers})
    scores = data_sets.development_set(path, "cmrc2018").score({"q": prediction})
    assert (scores.exact[0], scores.f1[0]) == pytest.approx(slow_scores(answers, prediction))


@pytest.mark.parametrize(
    ("prediction", "answer", "exact", "f1"),
    [
        ("在2010年", "2010年", 0, 0.8),  # 2 of 3 segments and 2 of 2
        ("《跑跑·卡丁车》", "跑跑卡丁车", 1, 1),
        ("MIT OpenCourseWare", "mit opencourseware", 1, 1),
        ("甲乙丙丁", "甲丙乙丁", 0, 0.25),  # a substring, not a subsequence
        ("甲……", "甲", 0, 2 / 3),  # the ellipsis stays, as one segment of two signs
        ("", "甲", 0, 0),
        ("，", "。", 1, 0),  # as published: equal, but no segment in common
    ],
)
def test_worked_examples(tmp_path, prediction, answer, exact, f1):
    scores = data_sets.development_set(
        write_data(tmp_path / "d.json", {"q": [answer]}), "cmrc2018"
    ).score({"q": prediction})
    assert (scores.exact[0], scores.f1[0]) == (exact, pytest.approx(f1))


def test_long_answers_of_few_characters_are_compared_whole(tmp_path):
    rng = random.Random(0)
    answer = "".join(rng.choice("甲乙丙") for _ in range(300))
    prediction = "丁" + answer[40:160]
    scores = data_sets.development_set(
        write_data(tmp_path / "d.json", {"q": [answer]}), "cmrc2018"
    ).score({"q": prediction})
    assert (scores.exact[0], scores.f1[0]) == pytest.approx(slow_scores([answer], prediction))
    assert scores.f1[0] == pytest.approx(2 * 120 / (121 + 300))


# The script -------------------------------------------------------------------------------------


def evaluated(capsys, *argv):
    """The printed JSON and the lines on stderr."""
    eval_cmrc2018.main([str(argument) for argument in argv])
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    return json.loads(out), err.splitlines()


def write_predictions(path, predictions):
    path.write_text(json.dumps(predictions))
    return path


def test_the_script_prints_the_published_fields(tmp_path, capsys):
    data = write_data(tmp_path / "d.json", {"a": ["甲乙", "丙"], "b": ["丁"], "c": ["戊己"]})
    predictions = write_predictions(tmp_path / "p.json", {"a": "丙。", "b": "", "c": "戊"})
    out = tmp_path / "out.json"
    result, said = evaluated(capsys, data, predictions, "--out-file", out)
    # F1: 1, 0 and 2/3.
    expected = {"AVERAGE": 44.444, "F1": 55.556, "EM": 33.333, "TOTAL": 3, "SKIP": 0}
    assert result == expected
    assert list(result) == list(expected)
    assert json.loads(out.read_text()) == result
    assert said == []


def test_questions_without_a_prediction_are_skipped_and_count_as_wrong(tmp_path, capsys):
    data = write_data(tmp_path / "d.json", {"a": ["甲"], "b": ["乙"]})
    predictions = write_predictions(tmp_path / "p.json", {"a": "甲", "x": "乙"})
    result, said = evaluated(capsys, data, predictions)
    assert result == {"AVERAGE": 50.0, "F1": 50.0, "EM": 50.0, "TOTAL": 2, "SKIP": 1}
    assert ["1 predictions" in said[0], "question b" in said[1]] == [True, True]


def test_both_forms_score_the_same_and_the_trial_data_is_its_own_answer(shared, tmp_path, capsys):
    results = []
    for name, document in (("s", chinese.squads_form()), ("o", chinese.own_form())):
        path = tmp_path / name
        path.write_text(json.dumps(document))
        answers = {key: passage[:4] for _, passage, qas in chinese.passages() for key, *_ in qas}
        results.append(evaluated(capsys, path, write_predictions(tmp_path / "p", answers))[0])
    assert results[0] == results[1]
    assert 0 < results[0]["F1"] < 100
    trial = shared / "data" / "cmrc2018_trial.json"
    gold = {
        qa["id"]: qa["answers"][0]["text"]
        for article in json.loads(trial.read_text(encoding="utf-8"))["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    }
    result, _ = evaluated(capsys, trial, write_predictions(tmp_path / "gold.json", gold))
    assert result == {"AVERAGE": 100.0, "F1": 100.0, "EM": 100.0, "TOTAL": 1002, "SKIP": 0}


def test_mistakes_are_one_line(tmp_path, capsys):
    data = write_data(tmp_path / "d.json", {"a": ["甲"]})
    good = write_predictions(tmp_path / "p.json", {"a": "甲"})
    other = write_predictions(tmp_path / "other.json", {"b": "甲"})
    bad = write_predictions(tmp_path / "bad.json", {"a": 3})
    main = eval_cmrc2018.main
    assert "no answer to any question" in refusal(capsys, main, data, other)
    assert "question a has 3" in refusal(capsys, main, data, bad)
    assert "it looks like a prediction file" in refusal(capsys, main, good, good)
    neither = write_predictions(tmp_path / "neither.json", {"questions": []})
    assert "neither CMRC 2018's" in refusal(capsys, main, neither, good)
    assert "--out-file" in refusal(capsys, main, data, good, "--out-file", tmp_path / "no" / "x")
    assert "no.json" in refusal(capsys, main, tmp_path / "no.json", good)


# The table --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """A folder with the files of 2 layers, whose answers are made at random."""
    rng = random.Random(1)
    (tmp_path / "prediction").mkdir()
    for cell in [BASELINE] + cells_of(2):
        answers = {
            key: passage[rng.randrange(8) :][:6]
            for _, passage, qas in chinese.passages()
            for key, *_ in qas
        }
        write_predictions(tmp_path / "prediction" / file_name("predictions", cell), answers)
    return tmp_path


@pytest.mark.parametrize("form", ["squads_form", "own_form"])
def test_the_table_is_made_with_the_metric_of_the_data(folder, capsys, form):
    data, table = folder / "data.json", folder / "results.csv"
    data.write_text(json.dumps(getattr(chinese, form)()))
    for metric, more in (("EM", []), ("F1", ["--use-f1"])):
        argv = [str(folder / "prediction"), str(table), "--data-file", str(data)]
        get_results.main(argv + more)
        found = read_results(table)
        for cell in cells_of(2):
            path = folder / "prediction" / file_name("predictions", cell)
            capsys.readouterr()
            expected = evaluated(capsys, data, path)[0][metric]
            assert found.loc[cell.layer + 1, cell.zone] == pytest.approx(expected, abs=5e-4)


def test_the_metric_can_be_named(folder, capsys):
    """The answer 3.5 differs from 35 for CMRC 2018 and not for SQuAD."""
    data, table = folder / "data.json", folder / "results.csv"
    answers = [{"text": "3.5", "answer_start": 0}]
    qas = [{"id": "mine", "question": "？", "answers": answers}]
    data.write_text(json.dumps({"data": [{"paragraphs": [{"context": "3.5", "qas": qas}]}]}))
    for cell in cells_of(2):
        write_predictions(folder / "prediction" / file_name("predictions", cell), {"mine": "35"})
    argv = [str(folder / "prediction"), str(table), "--data-file", str(data)]
    for more, score in (([], 100), (["--dataset=squad"], 100), (["--dataset=cmrc2018"], 0)):
        get_results.main(argv + more)
        assert (read_results(table) == score).all().all()
    capsys.readouterr()
    assert "--dataset" in refusal(capsys, get_results.main, *argv, "--dataset=drcd")
