"""Windows of word pieces: the published ones, and the rules of stride, context and answers."""

import json
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.command_line import UserError
from spans.windows import make_windows, max_context_windows, windows_of
from squad.examples import Example, read_examples
from tests.support.windows import words_of
from tokenization import Tokenizer, load_vocabulary
from zones.masks import OTHER, PASSAGE, QUESTION

VOCABULARY = {
    piece: number
    for number, piece in enumerate(
        "[PAD] [UNK] [CLS] [SEP] a b c d w ##w ? ( ) - . 1895 1943 Japan ##ese".split()
    )
}
TOKENIZER = Tokenizer(VOCABULARY, do_lower_case=False)
MAX_SEQ_LENGTH, DOC_STRIDE, MAX_QUERY_LENGTH = 192, 64, 64  # those of the goldens


def example(passage, question="", **more):
    return Example("q0", question, passage, passage.split(), **more)


def features_of(examples, max_seq_length=20, doc_stride=5, max_query_length=64, is_training=False):
    return make_windows(
        examples, TOKENIZER, max_seq_length, doc_stride, max_query_length, is_training
    )


@pytest.fixture(scope="module")
def cased(shared):
    return Tokenizer(load_vocabulary(shared / "data" / "bert-base-cased-vocab.txt"), False)


@pytest.fixture(scope="module", params=["predict", "train"])
def published(request, golden, cased):
    """The features of the golden questions, and what the published code makes of them."""
    is_training = request.param == "train"
    examples = read_examples(golden / "questions.json", is_training, version_2=False)
    features = make_windows(
        examples, cased, MAX_SEQ_LENGTH, DOC_STRIDE, MAX_QUERY_LENGTH, is_training
    )
    return features, np.load(golden / "expected" / ("features_%s.npz" % request.param))


# The goldens ------------------------------------------------------------------------------------


def padded(rows):
    table = np.zeros((len(rows), MAX_SEQ_LENGTH), np.int64)
    for row, numbers in zip(table, rows):
        row[: len(numbers)] = numbers
    return table


@pytest.mark.parametrize("name", ["input_ids", "segment_ids"])
def test_lists_are_the_published_ones(published, name):
    features, expected = published
    np.testing.assert_array_equal(padded([getattr(f, name) for f in features]), expected[name])


def test_lengths_are_the_published_ones(published):
    features, expected = published
    lengths = expected["input_mask"].sum(axis=1).tolist()
    for name in "tokens input_ids segment_ids token_roles token_is_max_context".split():
        assert [len(getattr(feature, name)) for feature in features] == lengths


def test_questions_are_the_published_ones(published):
    windows, expected = published
    assert [window.example_index for window in windows] == expected["example_index"].tolist()


@pytest.mark.parametrize("name", ["start_position", "end_position"])
def test_answer_positions_are_the_published_ones(published, name):
    features, expected = published
    # The published arrays say -9 for "none, this is prediction".
    positions = [-9 if getattr(f, name) is None else getattr(f, name) for f in features]
    assert positions == expected[name].tolist()


def test_maps_are_the_published_ones(published, golden):
    maps = json.loads((golden / "expected" / "features_predict_maps.json").read_text())
    assert len(maps) == 60
    for feature, expected in zip(published[0], maps):
        words, context = words_of(feature), feature.token_is_max_context
        passage = np.flatnonzero(words >= 0)
        assert {str(i): words[i] for i in passage} == expected["token_to_orig_map"]
        assert {str(i): context[i] for i in passage} == expected["token_is_max_context"]
        assert not context[words < 0].any()


# Windows ----------------------------------------------------------------------------------------

SIZES = {"n": st.integers(1, 60), "size": st.integers(1, 25), "stride": st.integers(1, 30)}


def naive_windows(n, size, stride):
    """Window after window, each begun ``stride`` further, until one reaches the end."""
    windows = [(0, min(n, size))]
    while sum(windows[-1]) < n:
        start = windows[-1][0] + min(size, stride)
        windows.append((start, min(size, n - start)))
    return windows


def naive_owner(windows, piece):
    """The first window of the highest score, by looking at every window."""
    scores = [
        min(piece - start, start + length - 1 - piece) + 0.01 * length
        if start <= piece < start + length
        else -1.0
        for start, length in windows
    ]
    return scores.index(max(scores))


def test_the_worked_example():
    windows = windows_of(10, 6, 3)
    assert windows == [(0, 6), (3, 6), (6, 4)]
    # e has 1 neighbour on its poorer side in windows 0 and 1: the first counts. So has h in
    # windows 1 and 2.
    assert max_context_windows(windows).tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]


@settings(deadline=None)
@given(n=st.integers(300, 700), size=st.integers(200, 400), stride=st.integers(60, 200))
def test_a_short_last_window_is_worth_less(n, size, stride):
    """Where lengths differ by more than a hundred, they count for a token of context or more."""
    windows = windows_of(n, size, stride)
    owner = max_context_windows(windows)
    assert owner.tolist() == [naive_owner(windows, piece) for piece in range(n)]


@given(**SIZES)
def test_windows_and_their_context_equal_a_naive_reference(n, size, stride):
    windows = windows_of(n, size, stride)
    assert windows == naive_windows(n, size, stride)
    owner = max_context_windows(windows)
    assert owner.tolist() == [naive_owner(windows, piece) for piece in range(n)]


@given(**SIZES)
def test_every_piece_is_in_a_window_and_of_maximum_context_once(n, size, stride):
    features = features_of([example("a b c d w " * (n // 5 + 1))], size + 3, stride)
    seen, owned = [], []
    for feature in features:
        assert len(feature.tokens) <= size + 3
        seen.extend(words_of(feature)[words_of(feature) >= 0])
        owned.extend(words_of(feature)[feature.token_is_max_context])
    # One piece a word, so that words count pieces.
    every_piece = list(range(5 * (n // 5 + 1)))
    assert sorted(set(seen)) == every_piece
    assert sorted(owned) == every_piece


def test_no_passage_token_gives_one_empty_window():
    assert windows_of(0, 10, 3) == [(0, 0)]
    assert max_context_windows([(0, 0)]).tolist() == []


@pytest.mark.parametrize("stride", [1, 128])
def test_ten_thousand_tokens_are_quick(stride):
    started = time.process_time()
    windows = windows_of(10000, 400, stride)
    owner = max_context_windows(windows)
    # A loop over windows for each token takes a minute at stride 1.
    assert time.process_time() - started < 5
    assert len(owner) == 10000
    for piece in (0, 399, 400, 5000, 9999):
        assert owner[piece] == naive_owner(windows, piece)


# What a window holds ----------------------------------------------------------------------------


def test_a_window_in_full():
    (first, second) = features_of([example("a (b) www", "c d?")], 12, 3)
    assert first.tokens == "[CLS] c d ? [SEP] a ( b ) w ##w [SEP]".split()
    assert first.input_ids == TOKENIZER.ids(first.tokens)
    assert first.segment_ids == [0] * 5 + [1] * 7
    assert first.token_roles == [OTHER, *[QUESTION] * 3, OTHER, *[PASSAGE] * 6, OTHER]
    assert words_of(first).tolist() == [-1] * 5 + [0, 1, 1, 1, 2, 2] + [-1]
    assert first.token_is_max_context.tolist() == [False] * 5 + [True] * 5 + [False] * 2
    assert first.example_index == 0
    assert (first.passage_start, first.start_position, first.end_position) == (0, None, None)
    assert second.tokens == "[CLS] c d ? [SEP] ) w ##w ##w [SEP]".split()
    assert words_of(second).tolist() == [-1] * 5 + [1, 2, 2, 2] + [-1]
    assert second.token_is_max_context.tolist() == [False] * 6 + [False, True, True, False]
    assert second.passage_start == 3


def test_a_long_question_is_cut_off():
    (feature,) = features_of([example("a", "b c d www")], max_query_length=4)
    assert feature.tokens == "[CLS] b c d w [SEP] a [SEP]".split()


@pytest.mark.parametrize("passage", ["", " \n", "\x00 \u200d"])
@pytest.mark.parametrize("question", ["", "a"])
@pytest.mark.parametrize("is_training", [False, True])
def test_a_passage_without_tokens_has_one_window(passage, question, is_training):
    answer = {"answer_text": "\x00", "start_word": 0, "end_word": 0} if passage.split() else {}
    if is_training and not answer:
        answer = {"answer_text": "", "start_word": -1, "end_word": -1, "is_impossible": True}
    (feature,) = features_of([example(passage, question, **answer)], is_training=is_training)
    assert feature.tokens == ["[CLS]", *question, "[SEP]", "[SEP]"]
    assert (words_of(feature) == -1).all()
    assert not feature.token_is_max_context.any()
    if is_training:
        assert (feature.start_position, feature.end_position) == (0, 0)


def test_odd_characters_go_through():
    words = "\U0001f600 \u05e9\u05dc\u05d5\u05dd a\x00b \ud83d w"
    (feature,) = features_of([example(words, "\U0001f600\x00 a")], 30)
    assert feature.tokens == "[CLS] [UNK] a [SEP] [UNK] [UNK] [UNK] w [SEP]".split()
    assert words_of(feature).tolist() == [-1, -1, -1, -1, 0, 1, 2, 4, -1]


def test_a_passage_is_cut_into_pieces_once_for_all_its_questions(monkeypatch):
    asked = []
    monkeypatch.setattr(
        TOKENIZER, "pieces_of_word", lambda word: asked.append(word) or TOKENIZER.tokenize(word)
    )
    words = ["a", "b", "www"]
    questions = [Example("q%d" % number, "c", "a b www", words) for number in range(5)]
    assert len(features_of(questions)) == 5
    assert asked == words


def test_windows_of_many_questions_are_numbered_through():
    features = features_of([example("a b c d"), example("w"), example("a b c d")], 6, 2)
    assert [f.example_index for f in features] == [0, 0, 1, 2, 2]


# Answers in training ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "passage, answer, words, tokens",
    [
        ("a (1895-1943). b", "1895", (1, 1), ["1895"]),
        ("a (1895-1943). b", "1895-1943", (1, 1), ["1895", "-", "1943"]),
        ("a (1895-1943). b", "a (1895", (0, 1), ["a", "(", "1895"]),
        ("a b b", "b", (2, 2), ["b"]),
        ("b.b a", "b", (0, 0), ["b"]),  # the first of two
        ("a (b c", "b", (1, 1), ["b"]),
        ("a Japanese b", "Japan", (1, 1), ["Japan"]),
        ("a Japanese b", "ese", (1, 1), ["Japan", "##ese"]),  # pieces do not fit: the whole word
        ("a b c d", "a b c d", (0, 3), ["a", "b", "c", "d"]),
    ],
)
def test_the_answer_gets_the_tightest_pieces(passage, answer, words, tokens):
    asked = example(passage, "c", answer_text=answer, start_word=words[0], end_word=words[1])
    (feature,) = features_of([asked], is_training=True)
    found = slice(feature.start_position, feature.end_position + 1)
    assert feature.tokens[found] == tokens
    assert set(words_of(feature)[found]) <= set(range(words[0], words[1] + 1))


def test_of_two_equal_runs_the_first_is_taken():
    asked = example("b.b a", answer_text="b", start_word=0, end_word=0)
    (feature,) = features_of([asked], is_training=True)
    assert (feature.start_position, feature.end_position) == (2, 2)


def test_a_window_without_the_whole_answer_points_at_cls():
    asked = example("a b c d w", answer_text="c d", start_word=2, end_word=3)
    features = features_of([asked], max_seq_length=6, doc_stride=1, is_training=True)
    assert [f.tokens[2:-1] for f in features] == [list("abc"), list("bcd"), list("cdw")]
    assert [(f.start_position, f.end_position) for f in features] == [(0, 0), (3, 4), (2, 3)]


def test_an_unanswerable_question_points_at_cls():
    asked = example("a b", answer_text="", start_word=-1, end_word=-1, is_impossible=True)
    (feature,) = features_of([asked], is_training=True)
    assert (feature.start_position, feature.end_position) == (0, 0)


# Settings that cannot be ------------------------------------------------------------------------


def test_no_room_for_a_passage_names_question_and_flags():
    asked = [example("a", "b c d")]
    assert features_of(asked, max_seq_length=7)[0].tokens[-2] == "a"
    with pytest.raises(UserError, match="--max_seq_length: 6 .*question q0 .*--max_query_length"):
        features_of(asked, max_seq_length=6)
    assert len(features_of(asked, max_seq_length=6, max_query_length=2)) == 1


@pytest.mark.parametrize("flag", ["doc_stride", "max_query_length"])
def test_lengths_must_be_positive(flag):
    with pytest.raises(UserError, match="--%s: 0 is too small" % flag):
        features_of([example("a")], **{flag: 0})


def test_progress_is_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "spans.windows.progress", lambda items, what, unit: shown.append((what, unit)) or items
    )
    features_of([example("a")])
    assert shown == [("tokenising", "question")]


def test_a_window_takes_fewer_bytes_than_a_list_of_its_tokens():
    """SQuAD's 10,833 are in memory as long as the reader is."""
    words = ["a", "b", "w"] * 100
    asked = [Example("q%d" % number, "c d ?", " ".join(words), words) for number in range(300)]
    tracemalloc.start()
    features = features_of(asked, max_seq_length=400)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [feature.length for feature in features] == [306] * 300
    assert held < 300 * 306 * 8
