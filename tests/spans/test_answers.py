"""Picking answers from logits: the published ones, and the rules against a naive loop."""

import functools
import json
import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spans import scores
from spans.answers import AnswerPicker, Candidates
from spans.passages import align
from spans.windows import make_windows
from squad.examples import Example, read_examples
from tests.support.windows import words_of
from tokenization import BasicTokenizer, Tokenizer, load_vocabulary

VOCABULARY = {
    piece: number
    for number, piece in enumerate("[PAD] [UNK] [CLS] [SEP] a b c ##a ##b ##c ' . ?".split())
}
TOKENIZER = Tokenizer(VOCABULARY, do_lower_case=False)


def examples_of(*passages, question="c"):
    return [
        Example("q%d" % number, question, passage, passage.split())
        for number, passage in enumerate(passages)
    ]


def features_of(examples, max_seq_length=40, doc_stride=2):
    return make_windows(examples, TOKENIZER, max_seq_length, doc_stride, 64, False)


def picker_of(examples, features, version_2=False, n_best_size=20, max_length=30, threshold=0.0):
    return AnswerPicker(examples, features, n_best_size, max_length, version_2, threshold)


def logits_of(features, **spots):
    """Start and end logits, 0 but where a spot says ``start_5=2.0`` or ``end_5=1.0``."""
    size = max(len(feature.tokens) for feature in features)
    logits = {name: np.zeros((len(features), size), np.float32) for name in ("start", "end")}
    for spot, value in spots.items():
        name, position = spot.split("_")
        logits[name][:, int(position)] = value
    return logits["start"], logits["end"]


@functools.lru_cache(maxsize=None)
def graph_of_best_positions(n_best_size):
    with tf.Graph().as_default() as graph:
        logits = tf.placeholder(tf.float32, [1, None, None, 2])
        return tf.Session(graph=graph), logits, scores.best_positions(logits, n_best_size)


def candidates_of(start_logits, end_logits, n_best_size):
    """Candidates of full logits ``[windows, tokens]``, by the graph that decoding runs."""
    session, logits, best = graph_of_best_positions(n_best_size)
    fed = np.stack([start_logits, end_logits], axis=-1)[np.newaxis]
    return Candidates(*(array[:, 0] for array in session.run(best, {logits: fed})))


# The goldens ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared, golden):
    """The golden questions, their windows and random logits."""
    vocabulary = load_vocabulary(shared / "data" / "bert-base-cased-vocab.txt")
    examples = read_examples(golden / "questions.json", False, False)
    features = make_windows(examples, Tokenizer(vocabulary, False), 192, 64, 64, False)
    logits = np.load(golden / "expected" / "decode_logits.npz")
    assert len(logits["unique_id"]) == len(features)
    return examples, features, candidates_of(logits["start"], logits["end"], 20)


@pytest.mark.parametrize("version", [1, 2])
def test_answers_are_the_published_ones(golden, real, version):
    def published(name):
        path = golden / "expected" / ("decode_v%d_%s.json" % (version, name))
        return json.loads(path.read_text())

    examples, features, candidates = real
    answers = picker_of(examples, features, version_2=version == 2).pick(candidates)
    # Question by question: a difference between whole files takes pytest minutes to show. Floats
    # are equal to the last digit.
    agree(answers.predictions, published("predictions"))
    agree(answers.nbest, published("nbest"))
    entry = next(iter(answers.nbest.values()))[0]
    assert list(entry) == ["text", "probability", "start_logit", "end_logit"]
    if version == 2:
        agree(answers.null_odds, published("null_odds"))
    else:
        assert answers.null_odds is None


def agree(ours, published):
    assert list(ours) == list(published)
    for question_id, value in published.items():
        assert ours[question_id] == value, question_id


# The rules, against one loop after another ------------------------------------------------------


def naive_top(logits, count):
    return sorted(range(len(logits)), key=lambda position: (-logits[position], position))[:count]


def naive_spans(feature, start, end, n_best_size, max_length):
    """(score, start, end, start logit, end logit) of a window, pair by pair."""
    spans = []
    for first in naive_top(start, n_best_size):
        for last in naive_top(end, n_best_size):
            if first >= len(feature.tokens) or last >= len(feature.tokens):
                continue
            if words_of(feature)[first] < 0 or words_of(feature)[last] < 0:
                continue
            if not feature.token_is_max_context[first]:
                continue
            if last < first or last - first + 1 > max_length:
                continue
            spans.append((start[first] + end[last], first, last, start[first], end[last]))
    return spans


def naive_text(example, feature, first, last):
    words = example.words[words_of(feature)[first] : words_of(feature)[last] + 1]
    normal = [" ".join(BasicTokenizer(False).tokenize(word)) for word in words]
    return align(feature.tokens[first : last + 1], words, normal)


def naive_entries(example, windows, n_best_size, max_length, version_2):
    """The n-best list [text, start logit, end logit] of a question, and its null entry.

    ``windows`` has (feature, start logits, end logits) of each window.
    """
    spans, null_score, null = [], None, None
    for feature, start, end in windows:
        for score, first, last, *logits in naive_spans(
            feature, start, end, n_best_size, max_length
        ):
            spans.append((score, [naive_text(example, feature, first, last), *logits]))
        if null is None or start[0] + end[0] < null_score:
            null_score, null = start[0] + end[0], ["", start[0], end[0]]
    if version_2:
        spans.append((null_score, null))
    entries = []
    for _, entry in sorted(spans, key=lambda span: -span[0]):
        if len(entries) < n_best_size and entry[0] not in [text for text, _, _ in entries]:
            entries.append(entry)
    if version_2:
        if null not in entries:
            entries.append(null)
        if len(entries) == 1:
            entries.insert(0, ["empty", 0.0, 0.0])
    return entries or [["empty", 0.0, 0.0]], null


@pytest.mark.parametrize("version_2", [False, True])
@pytest.mark.parametrize("windows_at_once", [2, 1024])
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    passages=st.lists(
        st.lists(st.sampled_from(["a", "b", "ab", "a'b.", "cab"]), min_size=1, max_size=9),
        min_size=1,
        max_size=3,
    ),
    stride=st.integers(1, 5),
    n_best_size=st.integers(1, 6),
    max_length=st.integers(1, 5),
    threshold=st.sampled_from([-2.0, 0.0, 1.5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_answers_equal_a_naive_loop(
    monkeypatch,
    version_2,
    windows_at_once,
    passages,
    stride,
    n_best_size,
    max_length,
    threshold,
    seed,
):
    monkeypatch.setattr("spans.answers._WINDOWS_AT_ONCE", windows_at_once)
    examples = examples_of(*map(" ".join, passages))
    features = features_of(examples, max_seq_length=10, doc_stride=stride)
    picker = picker_of(examples, features, version_2, n_best_size, max_length, threshold)
    random = np.random.RandomState(seed)
    for _ in range(5):
        # Eleven columns: one of padding even in the longest window. Few values, so many ties.
        start, end = random.randint(-3, 4, (2, len(features), 11)) / 2
        candidates = candidates_of(start, end, n_best_size)
        answers = picker.pick(candidates)
        for index, example in enumerate(examples):
            windows = [
                (feature, start[row].tolist(), end[row].tolist())
                for row, feature in enumerate(features)
                if feature.example_index == index
            ]
            expected = naive_entries(example, windows, n_best_size, max_length, version_2)
            check_question(example.question_id, answers, *expected, threshold)
        # Without n-best lists, and a second time, the same.
        for _ in range(2):
            quick = picker.pick(candidates, with_nbest=False)
            assert quick == (answers.predictions, None, answers.null_odds)
        assert picker.pick(candidates) == answers


def check_question(key, answers, entries, null, threshold):
    listed = [[e["text"], e["start_logit"], e["end_logit"]] for e in answers.nbest[key]]
    assert listed == entries
    weights = [math.exp(entry[1] + entry[2]) for entry in entries]
    probabilities = [entry["probability"] for entry in answers.nbest[key]]
    assert probabilities == pytest.approx([w / sum(weights) for w in weights], abs=1e-12)
    if answers.null_odds is None:
        assert answers.predictions[key] == entries[0][0]
    else:
        best = next(entry for entry in entries if entry[0])
        assert answers.null_odds[key] == null[1] + null[2] - best[1] - best[2]
        is_null = answers.null_odds[key] > threshold or best[0] == "empty"
        assert answers.predictions[key] == ("" if is_null else best[0])


def test_a_candidate_list_may_be_longer_than_asked_for(real):
    examples, features, candidates = real
    short = candidates._replace(
        **{name: getattr(candidates, name)[:, :5] for name in candidates._fields[:4]}
    )
    picker = picker_of(examples, features, n_best_size=5)
    assert picker.pick(candidates) == picker.pick(short)


def test_candidates_are_the_highest_with_ties_to_the_lower_index():
    start = np.array([[1, 3, 3, 0], [5, 5, 5, 5]], np.float32)
    end = np.array([[0, 0, 7, 0], [1, 2, 3, 4]], np.float32)
    candidates = candidates_of(start, end, 3)
    assert candidates.start_index.tolist() == [[1, 2, 0], [0, 1, 2]]
    assert candidates.start_logit.tolist() == [[3, 3, 1], [5, 5, 5]]
    assert candidates.end_index.tolist() == [[2, 0, 1], [3, 2, 1]]
    assert candidates.null_start.tolist() == [1, 5]
    assert candidates.null_end.tolist() == [0, 1]
    assert candidates.start_index.dtype == candidates.end_index.dtype == np.int32
    assert {candidates[i].dtype for i in (1, 3, 4, 5)} == {np.dtype(np.float32)}
    # Where a window has fewer tokens than are asked for, the rest can never be an answer.
    more = candidates_of(start, end, 20)
    assert more.start_index.shape == (2, 20)
    assert (more.start_logit[:, 4:] < -1e9).all()


def test_features_of_other_examples_are_refused():
    examples = examples_of("a", "b")
    with pytest.raises(ValueError, match="not those of the examples"):
        picker_of(examples, features_of(examples[:1]))


# Questions without any possible span ------------------------------------------------------------


@pytest.mark.parametrize("with_nbest", [False, True])
def test_no_possible_span_in_version_1_is_the_published_empty(with_nbest):
    examples = examples_of("a b")
    features = features_of(examples)
    # The only candidates are [CLS].
    start, end = logits_of(features, start_0=9, end_0=9)
    candidates = candidates_of(start, end, 1)
    answers = picker_of(examples, features, n_best_size=1).pick(candidates, with_nbest)
    assert answers.predictions == {"q0": "empty"}
    if with_nbest:
        entry = {"text": "empty", "probability": 1.0, "start_logit": 0.0, "end_logit": 0.0}
        assert answers.nbest == {"q0": [entry]}


@pytest.mark.parametrize("passage", ["", "\x00"])
@pytest.mark.parametrize("question", ["", "c"])
@pytest.mark.parametrize("with_nbest", [False, True])
@pytest.mark.parametrize("version_2", [False, True])
def test_a_passage_without_tokens_is_answered_by_nothing(passage, question, with_nbest, version_2):
    examples = examples_of(passage, "a b", question=question)
    features = features_of(examples)
    start, end = logits_of(features, start_0=-5, start_3=3, end_3=3)
    picker = picker_of(examples, features, version_2)
    answers = picker.pick(candidates_of(start, end, 20), with_nbest)
    assert answers.predictions["q0"] == ""
    assert answers.predictions["q1"] in ("a", "b")
    if version_2:
        assert answers.null_odds["q0"] == -5


@pytest.mark.parametrize("with_nbest", [False, True])
def test_no_possible_span_in_version_2_is_no_answer(with_nbest):
    examples = examples_of("a b")
    features = features_of(examples)
    start, end = logits_of(features, start_0=-3, start_1=9, end_0=-4, end_1=9)
    candidates = candidates_of(start, end, 1)
    picker = picker_of(examples, features, version_2=True, n_best_size=1)
    answers = picker.pick(candidates, with_nbest)
    # -7 is below the threshold: the published code would answer "empty".
    assert answers.predictions == {"q0": ""}
    assert answers.null_odds == {"q0": -7}
    if with_nbest:
        assert [entry["text"] for entry in answers.nbest["q0"]] == ["empty", ""]


@pytest.mark.parametrize("threshold, prediction", [(2.5, "a"), (2.0, "a"), (1.5, "")])
def test_no_answer_must_exceed_the_threshold(threshold, prediction):
    examples = examples_of("a b")
    features = features_of(examples)
    start, end = logits_of(features, start_0=3, start_3=1, end_0=3, end_3=3)
    picker = picker_of(examples, features, version_2=True, threshold=threshold)
    answers = picker.pick(candidates_of(start, end, 20))
    assert answers.null_odds == {"q0": 2.0}
    assert answers.predictions == {"q0": prediction}


def test_a_span_that_reads_empty_is_an_answer_like_others():
    vocabulary = {piece: i for i, piece in enumerate("[PAD] [UNK] [CLS] [SEP] empty".split())}
    examples = [Example("q0", "", "empty", ["empty"])]
    features = make_windows(examples, Tokenizer(vocabulary, False), 10, 5, 5, False)
    start, end = logits_of(features, start_2=5, end_2=5)
    picker = picker_of(examples, features, version_2=True)
    assert picker.pick(candidates_of(start, end, 20)).predictions == {"q0": "empty"}


# From pieces back to text -----------------------------------------------------------------------


def aligned(pieces, passage, do_lower_case=False):
    basic = BasicTokenizer(do_lower_case)
    words = passage.split(" ")
    return align(pieces.split(), words, [" ".join(basic.tokenize(word)) for word in words])


@pytest.mark.parametrize(
    "pieces, passage, do_lower_case, answer",
    [
        ("steve smith", "Steve Smith's", True, "Steve Smith"),
        ("1895", "(1895-1943).", False, "1895"),
        ("24 and b", "24 and boasting", False, "24 and b"),
        ("##oast ##ing", "and boasting", False, "oasting"),
        ("beyonce", "Beyonc\u00e9's", True, "Beyonc\u00e9"),
        ("$ 1 , 234", "cost $1,234.56!", False, "$1,234"),
        ("[UNK] a", "\U0001f600 ab", False, "\U0001f600 ab"),  # not to be found: all of the words
        ("ab", "a\u200db c", False, "a\u200db c"),  # the tokenizer dropped a character
        ("\u05e9\u05dc", "(\u05e9\u05dc)", False, "\u05e9\u05dc"),
        ("a", "a\x00 b", False, "a\x00 b"),
        ("\u4e2d", "\u4e2d\u6587", False, "\u4e2d"),
    ],
)
def test_alignment(pieces, passage, do_lower_case, answer):
    assert aligned(pieces, passage, do_lower_case) == answer


def test_the_first_of_two_places_is_taken():
    # Only the pieces' text is looked for: that they were those of the second word is not known.
    assert aligned("ab", "bAB ab", do_lower_case=True) == "AB"


@given(
    st.lists(st.text(alphabet="abc'.", min_size=1, max_size=5), min_size=1, max_size=6), st.data()
)
def test_whole_tokens_come_back_as_they_stood(words, data):
    """A span from the start of the words, to the end of any basic token: exactly that text."""
    passage = " ".join(words)
    tokens = BasicTokenizer(False).tokenize(passage)
    count = data.draw(st.integers(1, len(tokens)))
    characters = sum(map(len, tokens[:count]))
    # Naive: take characters of the passage until so many were no spaces.
    gold = ""
    while len(gold.replace(" ", "")) < characters:
        gold += passage[len(gold)]
    pieces = TOKENIZER.tokenize(gold)
    assert aligned(" ".join(pieces), passage) == gold


@settings(deadline=None)
@given(st.text(), st.booleans(), st.data())
def test_an_answer_is_always_part_of_the_passage(passage, do_lower_case, data):
    tokenizer = Tokenizer(VOCABULARY, do_lower_case)
    words = passage.split(" ")
    pieces = [(number, p) for number, word in enumerate(words) for p in tokenizer.tokenize(word)]
    if not pieces:
        return
    first = data.draw(st.integers(0, len(pieces) - 1))
    last = data.draw(st.integers(first, len(pieces) - 1))
    span = words[pieces[first][0] : pieces[last][0] + 1]
    normal = [tokenizer.normal_word(word) for word in span]
    text = align([piece for _, piece in pieces[first : last + 1]], span, normal)
    assert text
    assert text in " ".join(span)


def test_texts_are_worked_out_once_for_all_windows_and_questions(monkeypatch):
    aligned_pieces = []
    monkeypatch.setattr(
        "spans.passages.align", lambda pieces, *_: aligned_pieces.append(pieces) or "".join(pieces)
    )
    words = "a b c a b c".split()
    examples = [
        Example("q%d" % number, "b" * number, " ".join(words), words) for number in range(3)
    ]
    features = features_of(examples, max_seq_length=8, doc_stride=1)
    picker = picker_of(examples, features)
    random = np.random.RandomState(0)
    for _ in range(5):
        start, end = random.randn(2, len(features), 8)
        picker.pick(candidates_of(start, end, 20))
    # Six pieces have 21 spans; the windows show at most five pieces at once.
    assert 0 < len(aligned_pieces) <= 21 - 1


def test_texts_are_forgotten_when_there_are_too_many(monkeypatch, real):
    examples, features, candidates = real
    expected = picker_of(examples, features).pick(candidates)
    monkeypatch.setattr("spans.answers._MOST_TEXTS", 7)
    assert picker_of(examples, features).pick(candidates) == expected
