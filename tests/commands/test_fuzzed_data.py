"""Data and prediction files with random damage: read rightly, or refused in one line.

Each mutation changes a good file as tools, transfers and hands do: fields renamed, retyped, left
out or doubled, bytes cut or flipped, other encodings. eval_squad.py runs through its main; what
run_squad.py reads is read as it reads it, in this process, and cut into windows.
"""

import collections
import contextlib
import copy
import io
import json
import re
import string

import pytest
from hypothesis import strategies as st

import eval_cmrc2018
import eval_squad
from common.command_line import UserError
from spans import data_sets
from spans.windows import make_windows
from tests.conftest import ROOT
from tests.support import chinese, small
from tests.support.fuzz import files_after, fuzzed, run
from tokenization import Tokenizer


def cut_to_size(document):
    """A few questions of it, so that each place in it is often changed."""
    document = copy.deepcopy(document)
    document["data"][0]["paragraphs"] = document["data"][0]["paragraphs"][:3]
    for paragraph in document["data"][0]["paragraphs"]:
        paragraph["qas"] = paragraph["qas"][:2]
    document["data"] = document["data"][:1]
    return document


def real(name):
    """The real data set of that name in a list, which is empty where there is none."""
    path = ROOT.parent / "shared" / "data" / name
    return [cut_to_size(json.loads(path.read_text("utf-8")))] if path.exists() else []


SQUAD = cut_to_size(small.data_set())
SQUAD_2 = cut_to_size(small.data_set(version_2=True))
CHINESE = cut_to_size(chinese.squads_form())
OWN = chinese.own_form()[:3]
ENGLISH = [*real("xquad.en.json"), SQUAD, SQUAD_2]
ALL_CHINESE = [*real("cmrc2018_trial.json"), CHINESE, OWN]


def golds_of(document):
    """dict id -> gold answers, by a reader that knows just what squad/format.py says it reads.

    Raises what Python raises wherever the file is another.
    """

    def text_of(value):
        assert isinstance(value, (str, int, float)) and not isinstance(value, bool)
        assert abs(value) < float("inf") if isinstance(value, float) else True
        return str(value)

    def list_of(values):
        assert isinstance(values, list)
        return values

    golds = {}
    for article in list_of(document["data"]):
        is_row = "context" in article and "paragraphs" not in article
        for paragraph in [article] if is_row else list_of(article["paragraphs"]):
            is_qa = "question" in paragraph and "qas" not in paragraph
            for qa in [paragraph] if is_qa else list_of(paragraph["qas"]):
                key, answers = text_of(qa["id"]), qa.get("answers")
                assert qa.get("is_impossible") is None or isinstance(qa["is_impossible"], bool)
                if answers is None and qa.get("is_impossible"):
                    answers = []
                if isinstance(answers, dict) and not isinstance(answers["text"], list):
                    answers = [answers]
                elif isinstance(answers, dict):
                    starts = answers.get("answer_start", [0] * len(answers["text"]))
                    assert len(list_of(starts)) == len(list_of(answers["text"]))
                    answers = [
                        dict(text=t, answer_start=s) for t, s in zip(answers["text"], starts)
                    ]
                assert key not in golds
                for answer in list_of(answers):
                    start = answer.get("answer_start", 0)
                    assert not isinstance(start, bool) and start == int(start)
                golds[key] = [text_of(answer["text"]) for answer in answers]
    assert golds
    return golds


def naive_metric(golds, predictions):
    """Exact match and F1 in percent, as Rajpurkar et al. define them."""

    def words(text):
        bare = "".join(c for c in text.lower() if c not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", bare).split()

    exact = f1 = 0.0
    for key, texts in golds.items():
        predicted = words(predictions[key])
        best = [0.0, 0.0]
        for gold in [w for w in map(words, texts) if w] or [[]]:
            shared = sum((collections.Counter(gold) & collections.Counter(predicted)).values())
            near = 2 * shared / (len(gold) + len(predicted)) if shared else 0.0
            best = [max(best[0], gold == predicted), max(best[1], near, gold == predicted)]
        exact, f1 = exact + best[0], f1 + best[1]
    return 100 * exact / len(golds), 100 * f1 / len(golds)


def check_one_line(status, out, err):
    """Refused in one line, before which there may be notes."""
    assert (status, out) == (2, "")
    *notes, line = err.splitlines()
    assert all(note.startswith(("NOTE", "no prediction for")) for note in notes)
    assert " file: " in line and err.endswith("\n")


@st.composite
def evaluations(draw):
    """(the data file, the prediction file), of which often one is as it should be."""
    data = draw(files_after(ENGLISH))
    predictions = {"q%d-%d" % (n, side): "the %s red" % n for n in range(3) for side in range(2)}
    try:
        golds = golds_of(json.loads(data.decode("utf-8-sig")))
        predictions = {key: (texts or [""])[-1] for key, texts in golds.items()}
    except Exception:
        pass
    return data, draw(files_after([predictions, {key: "" for key in predictions}]))


def check_evaluation(folder, files):
    data, predictions = folder / "data.json", folder / "predictions.json"
    data.write_bytes(files[0])
    predictions.write_bytes(files[1])
    status, out, err = run(eval_squad.main, data, predictions)
    try:
        golds = golds_of(json.loads(files[0].decode("utf-8-sig")))
        given = json.loads(files[1].decode("utf-8-sig"))
        assert set(given) == set(golds) and all(isinstance(v, str) for v in given.values())
        expected = naive_metric(golds, given)
    except Exception:  # whatever Python says of a file that is another
        check_one_line(status, out, err)
        return
    assert status == 0, err
    result = json.loads(out)
    assert (result["exact"], result["f1"]) == pytest.approx(expected)
    assert result["total"] == len(golds)


VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *small.WORDS, *map(chr, range(97, 123))]
TOKENIZER = Tokenizer({piece: number for number, piece in enumerate(VOCABULARY)}, False)


@st.composite
def readings(draw):
    """(name of the data set, whether it is for training, whether of version 2, the file)."""
    name = draw(st.sampled_from(["squad", "squad", "cmrc2018"]))
    documents = [*ENGLISH, CHINESE] if name == "squad" else ALL_CHINESE
    version_2 = name == "squad" and draw(st.booleans())
    return name, draw(st.booleans()), version_2, draw(files_after(documents))


def check_reading(folder, reading):
    name, is_training, version_2, content = reading
    path, log = folder / "read.json", []
    path.write_bytes(content)
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            examples = data_sets.read_examples(
                name, path, is_training, version_2, "--train_file", log.append
            )
        except UserError as error:
            assert str(error).startswith("--train_file: %s" % path) and "\n" not in str(error)
            return
        windows = make_windows(examples, TOKENIZER, 40, 12, 12, is_training)
    assert {window.example_index for window in windows} == set(range(len(examples)))
    assert len({example.question_id for example in examples}) == len(examples) > 0
    left_out = any("left out" in line for line in log)
    if isinstance(json.loads(content.decode("utf-8-sig")), dict) and is_training:
        golds = golds_of(json.loads(content.decode("utf-8-sig")))
        assert left_out or len(examples) == len(golds)
        for example in examples:
            check_answer(example, golds[example.question_id], version_2)


def check_answer(example, golds, version_2):
    """The example's words hold the first gold answer, whatever is around them."""
    assert isinstance(example.question, str) and isinstance(example.passage, str)
    if example.is_impossible:
        assert version_2 and (example.start_word, example.end_word) == (-1, -1)
        return
    assert example.answer_text == golds[0].strip()
    held = "".join(example.words[example.start_word : example.end_word + 1])
    wanted = "".join(example.answer_text.split())
    assert wanted in "".join(held.split()) or (example.has_whole_words and wanted[1:] in held)


def check_cmrc(folder, files):
    """The script of CMRC 2018: one line of JSON, or one that says what is wrong."""
    data, predictions = folder / "cmrc.json", folder / "cmrc_predictions.json"
    data.write_bytes(files[0])
    predictions.write_bytes(files[1])
    status, out, err = run(eval_cmrc2018.main, data, predictions)
    if status == 0:
        result = json.loads(out)
        assert 0 <= result["EM"] <= 100 and 0 <= result["F1"] <= 100 and out.count("\n") == 1
        assert 0 <= result["SKIP"] < result["TOTAL"]
    else:
        check_one_line(status, out, err)


CMRC = st.tuples(
    files_after(ALL_CHINESE),
    files_after([{key: text for _, _, qas in chinese.passages() for key, _, text, _ in qas}]),
)

test_scores_are_right_or_refused = fuzzed(evaluations(), check_evaluation, 500)
test_examples_are_right_or_refused = fuzzed(readings(), check_reading, 500)
test_cmrc_scores_are_right_or_refused = fuzzed(CMRC, check_cmrc, 150)

test_scores_long = pytest.mark.slow(fuzzed(evaluations(), check_evaluation, 4000))
test_examples_long = pytest.mark.slow(fuzzed(readings(), check_reading, 4000))
test_cmrc_scores_long = pytest.mark.slow(fuzzed(CMRC, check_cmrc, 1000))
