"""The metric: the official numbers, and naive references for all of them."""

import contextlib
import io
import json
import pathlib
import string
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eval_squad
from spans import data_sets
from squad import no_answer

PNG = b"\x89PNG\r\n\x1a\n"


def document(golds):
    """A data set with one question for each entry: id -> list of gold answers."""
    questions = [
        {"id": key, "question": "?", "answers": [{"text": t, "answer_start": 0} for t in texts]}
        for key, texts in golds.items()
    ]
    return {"data": [{"paragraphs": [{"context": "", "qas": questions}]}]}


def write(folder, name, value):
    path = pathlib.Path(folder) / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


def evaluate(golds, predictions, *options, na_probs=None):
    """The result that the script prints for files of this content."""
    with tempfile.TemporaryDirectory() as folder:
        argv = [
            write(folder, "dev.json", document(golds)),
            write(folder, "predictions.json", predictions),
            *options,
        ]
        if na_probs is not None:
            argv += ["--na-prob-file", write(folder, "na.json", na_probs)]
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout):
            eval_squad.main(argv)
    (line,) = stdout.getvalue().splitlines()
    return json.loads(line)


# The numbers ------------------------------------------------------------------------------------


def test_golden(golden, capsys):
    expected = json.loads((golden / "expected" / "eval_expected.json").read_text())
    predictions = golden / "expected" / "eval_predictions.json"
    eval_squad.main([str(golden / "questions.json"), str(predictions)])
    (line,) = capsys.readouterr().out.splitlines()
    assert list(json.loads(line).items()) == list(expected.items())


@pytest.mark.parametrize(
    "gold, predicted, exact, f1",
    [
        (["White House"], "the  white\thouse!", 100, 100),
        (["The Who"], "Who", 100, 100),
        (["1,234"], "1234", 100, 100),
        (["in Paris"], "Paris", 0, 200 / 3),
        (["Paris", "in Paris"], "Paris", 100, 100),
        (["big big dog"], "big dog dog", 0, 200 / 3),  # words count as often as in both
        (["Anna"], "na", 0, 0),
        (["theory of a"], "theory of", 100, 100),
        (["l\u2019an 1"], "l\u2019 1", 100, 100),  # typographic quotes stay, and end a word
        (["x"], "", 0, 0),
        ([], "", 100, 100),
        ([], "x", 0, 0),
        ([], "The.", 100, 100),  # nothing is left of it
        (["a", "..."], "", 100, 100),  # nothing is left of the gold answers
        (["the", "cat"], "", 0, 0),  # gold answers of which something is left count alone
        (["\u5317\u4eac"], "\u5317\u4eac", 100, 100),
        (["\U0001f600 \u05d0\u0000"], "\U0001f600 \u05d0\u0000", 100, 100),
        (["na\u00efve caf\u00c9"], "NA\u00cfVE CAF\u00e9", 100, 100),
    ],
)
def test_one_answer(gold, predicted, exact, f1):
    result = evaluate({"q": gold}, {"q": predicted})
    assert result["exact"] == exact
    assert result["f1"] == pytest.approx(f1, rel=1e-12)


def naive_words(text):
    """The words that are compared, of a text of letters, ASCII punctuation and white space."""
    bare = "".join(char for char in text.lower() if char not in string.punctuation)
    return [word for word in bare.split() if word not in ("a", "an", "the")]


def naive_f1(predicted, gold):
    if not predicted or not gold:
        return float(predicted == gold)
    left, shared = list(gold), 0
    for word in predicted:
        if word in left:
            left.remove(word)
            shared += 1
    precision, recall = shared / len(predicted), shared / len(gold)
    return 2 * precision * recall / (precision + recall) if shared else 0.0


def naive_scores(predicted, golds):
    golds = [words for words in map(naive_words, golds) if words] or [[]]
    words = naive_words(predicted)
    return float(words in golds), max(naive_f1(words, gold) for gold in golds)


WORDS = st.sampled_from("the a An tHe of cat Cat's b-52 \u00e9t\u00e9 . ,; 1,000".split())
TEXTS = st.lists(WORDS, max_size=6).map(" ".join) | st.text("aAnthe .'\u00e9\t\u00a0", max_size=9)
QUESTION = st.tuples(st.lists(TEXTS, max_size=3), TEXTS)


@settings(deadline=None)
@given(st.lists(QUESTION, min_size=1, max_size=6))
def test_scores_are_those_of_a_naive_reference(questions):
    golds = {"q%d" % index: gold for index, (gold, _) in enumerate(questions)}
    predictions = {"q%d" % index: predicted for index, (_, predicted) in enumerate(questions)}
    expected = [naive_scores(predicted, gold) for gold, predicted in questions]
    result = evaluate(golds, predictions)
    for prefix, chosen in (
        ("", [True] * len(questions)),
        ("HasAns_", [bool(gold) for gold, _ in questions]),
        ("NoAns_", [not gold for gold, _ in questions]),
    ):
        pairs = [pair for pair, is_chosen in zip(expected, chosen) if is_chosen]
        assert result.get(prefix + "total", 0) == len(pairs)
        if pairs:
            exact, f1 = (100 * sum(column) / len(pairs) for column in zip(*pairs))
            assert result[prefix + "exact"] == exact
            assert result[prefix + "f1"] == pytest.approx(f1, rel=1e-12)
        else:
            assert not any(prefix and key.startswith(prefix) for key in result)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=2, max_size=5), st.lists(TEXTS, max_size=2))
def test_scores_do_not_depend_on_the_files_scored_before(pairs, golds):
    with tempfile.TemporaryDirectory() as folder:
        path = write(folder, "dev.json", document({"q": golds, "r": ["the cat"]}))
        together = data_sets.development_set(path)
        for q, r in pairs:
            predictions = {"q": q, "r": r}
            scores = together.score(predictions)
            alone = data_sets.development_set(path).score(predictions)
            np.testing.assert_array_equal(scores.exact, alone.exact)
            np.testing.assert_array_equal(scores.f1, alone.f1)


# Unanswerable questions -------------------------------------------------------------------------

GOLDS = {"q0": ["red cat"], "q1": ["blue"], "q2": [], "q3": []}
PREDICTIONS = {"q0": "cat", "q1": "blue", "q2": "", "q3": "green"}
NA_PROBS = {"q3": 0.9, "q2": 0.7, "q0": 0.2, "q1": 0.4}


def test_summary_tells_questions_with_and_without_an_answer_apart():
    result = evaluate(GOLDS, PREDICTIONS)
    assert list(result.items()) == [
        ("exact", 50.0),
        ("f1", pytest.approx(100 * (2 / 3 + 1 + 1) / 4)),
        ("total", 4),
        ("HasAns_exact", 50.0),
        ("HasAns_f1", pytest.approx(100 * (2 / 3 + 1) / 2)),
        ("HasAns_total", 2),
        ("NoAns_exact", 50.0),
        ("NoAns_f1", 50.0),
        ("NoAns_total", 2),
    ]


@pytest.mark.parametrize(
    "threshold, exact",
    [
        (1.0, (0, 1, 1, 0)),
        (0.9, (0, 1, 1, 0)),  # "exceeds": 0.9 itself is an answer
        (0.8, (0, 1, 1, 1)),
        (0.3, (0, 0, 1, 1)),
        (0.1, (0, 0, 1, 1)),
    ],
)
def test_threshold_says_no_answer_above_it(threshold, exact):
    result = evaluate(GOLDS, PREDICTIONS, "--na-prob-thresh", str(threshold), na_probs=NA_PROBS)
    assert result["exact"] == 100 * sum(exact) / 4
    assert result["HasAns_exact"] == 100 * sum(exact[:2]) / 2
    assert result["NoAns_exact"] == 100 * sum(exact[2:]) / 2
    # The best thresholds are those of the predictions as they are.
    assert (result["best_exact"], result["best_exact_thresh"]) == (75.0, 0.4)


def naive_best(rows):
    """(best mean in percent, its threshold) over every threshold there is.

    Args:
        rows: (score if answered, whether there is an answer, probability of none), probabilities
            all different and positive.
    """

    def mean(threshold):
        values = [value if na <= threshold else not has for value, has, na in rows]
        return 100 * sum(values) / len(values)

    thresholds = [0.0] + sorted(na for _, _, na in rows)
    best = max(map(mean, thresholds))
    return best, next(t for t in thresholds if mean(t) > best - 1e-9)


@st.composite
def answered_questions(draw):
    """golds, predictions, probabilities: every mix of answerable, answered, right and wrong."""
    count = draw(st.integers(1, 7))
    kinds = draw(
        st.lists(
            st.sampled_from("right part wrong void gap not".split()), min_size=count, max_size=count
        )
    )
    na_probs = draw(st.permutations([0.05 + 0.1 * index for index in range(count)]))
    gold = {
        "right": ["cat"],
        "part": ["red cat"],
        "wrong": ["dog"],
        "void": [],
        "gap": ["x"],
        "not": [],
    }
    said = {"right": "cat", "part": "cat", "wrong": "cat", "void": "", "gap": "", "not": "cat"}
    keys = ["q%d" % index for index in range(count)]
    return (
        {key: gold[kind] for key, kind in zip(keys, kinds)},
        {key: said[kind] for key, kind in zip(keys, kinds)},
        dict(zip(keys, na_probs)),
    )


@settings(deadline=None)
@given(answered_questions())
def test_best_thresholds_are_those_of_trying_them_all(case):
    golds, predictions, na_probs = case
    result = evaluate(golds, predictions, na_probs=na_probs)
    for position, name in enumerate(("exact", "f1")):
        rows = [
            (naive_scores(predictions[key], golds[key])[position], bool(golds[key]), na_probs[key])
            for key in golds
        ]
        best, threshold = naive_best(rows)
        assert result["best_" + name] == pytest.approx(best, rel=1e-12)
        assert result["best_%s_thresh" % name] == threshold


def test_best_threshold_takes_equal_probabilities_in_the_order_of_the_file():
    # Answering q1 before q3 would help if something could tell them apart; the official tool
    # counts as if it could.
    golds, predictions = {"q1": ["blue"], "q3": []}, {"q1": "blue", "q3": "green"}
    first = evaluate(golds, predictions, na_probs={"q1": 0.5, "q3": 0.5})
    assert (first["best_exact"], first["best_exact_thresh"]) == (100.0, 0.5)
    last = evaluate(golds, predictions, na_probs={"q3": 0.5, "q1": 0.5})
    assert (last["best_exact"], last["best_exact_thresh"]) == (50.0, 0.0)


def naive_average_precision(values, has_answer, na_probs):
    area, recall = 0.0, 0.0
    for threshold in sorted(set(na_probs)):
        chosen = [i for i, na in enumerate(na_probs) if na <= threshold]
        found = sum(values[i] for i in chosen if has_answer[i])
        area += found / len(chosen) * (found / sum(has_answer) - recall)
        recall = found / sum(has_answer)
    return 100 * area


ROWS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.4, 1.0]), st.booleans(), st.sampled_from([-3.0, 0.1, 0.2, 0.8])
    ),
    min_size=1,
    max_size=9,
)


@settings(deadline=None)
@given(ROWS.filter(lambda rows: any(has for _, has, _ in rows)))
def test_average_precision_is_that_of_trying_every_threshold(rows):
    values, has_answer, na_probs = (np.array(column) for column in zip(*rows))
    curve = no_answer.precision_recall(values, has_answer, na_probs)
    expected = naive_average_precision(
        *(column.tolist() for column in (values, has_answer, na_probs))
    )
    assert curve.average_precision == pytest.approx(expected, abs=1e-9)
    assert (curve.recall[0], curve.precision[0]) == (0.0, 1.0)
    assert len(curve.recall) == len(curve.precision) == 1 + len(set(na_probs))


def test_images(tmp_path):
    folder = tmp_path / "new" / "images"
    options = ("--out-image-dir", str(folder))
    result = evaluate(GOLDS, PREDICTIONS, *options, na_probs=NA_PROBS)
    na_probs = [NA_PROBS[key] for key in GOLDS]
    has_answer = [True, True, False, False]
    for name, values in (
        ("exact", [0, 1, 1, 0]),
        ("f1", [2 / 3, 1, 1, 0]),
        ("oracle", [1, 1, 0, 0]),
    ):
        expected = naive_average_precision(values, has_answer, na_probs)
        assert result["pr_%s_ap" % name] == pytest.approx(expected)
    assert result["pr_oracle_ap"] == 100.0
    names = "na_prob_hist_hasAns na_prob_hist_noAns pr_exact pr_f1 pr_oracle".split()
    assert sorted(path.name for path in folder.iterdir()) == [name + ".png" for name in names]
    images = [path.read_bytes() for path in folder.iterdir()]
    assert all(image.startswith(PNG) for image in images)
    assert len(set(images)) == 5


def test_images_without_answerable_questions_are_histograms_only(tmp_path):
    # Odds of null_odds.json lie outside 0 to 1.
    result = evaluate({"q": []}, {"q": ""}, "--out-image-dir", str(tmp_path), na_probs={"q": -12.5})
    assert not any(key.startswith("pr_") for key in result)
    assert [path.name for path in tmp_path.iterdir()] == ["na_prob_hist_noAns.png"]
