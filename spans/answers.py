"""Logits -> answers: which span each question gets, and its text in the original passage.

The rules are BERT's. In each window, the ``n_best_size`` best starts and the ``n_best_size`` best
ends of the *whole* window, question and padding included, are paired; a pair stays if both ends
are passage tokens, the start has maximum context there, the end is not before the start, and the
span is not too long. Over all windows of a question, pairs are ranked by the sum of their two
logits (equal sums: earlier window, better start, better end first), and of spans with the same
text the first counts. In SQuAD 2.0 "no answer" competes, with the sum of the two logits of [CLS].

A sweep picks answers for the same windows 61 times. What does not depend on logits is prepared
once (AnswerPicker), pairs are found by numpy for all windows at once, and the text of a span is
worked out once.
"""

import math
from typing import Dict, List, NamedTuple, Optional

import numpy as np

from squad.metric import plain_sum

# Windows whose pairs are looked at in one go: 20 x 20 sums of 1,024 windows are 3 MiB.
_WINDOWS_AT_ONCE = 1024

# Texts of spans to remember, about 200 bytes each.
_MOST_TEXTS = 1000000


class Entry(NamedTuple):
    """One line of an n-best list. Logits are Python floats."""

    text: str
    start_logit: float
    end_logit: float


# What an n-best list holds where no span is possible; the published code calls it "empty", too.
_NO_SPAN = Entry("empty", 0.0, 0.0)
# The same where the passage has no word at all.
_NO_PASSAGE = Entry("", 0.0, 0.0)


class Candidates(NamedTuple):
    """The best positions of every window, in the order of the list of windows.

    Attributes:
        start_index: int32 ``[windows, n]``, the ``n`` tokens with the highest start logits, best
            first, ties to the lower index. Where a window has fewer, positions behind its end,
            which cannot be an answer, fill the places up.
        start_logit: float32 ``[windows, n]``, their logits.
        end_index: int32 ``[windows, n]``, the same for end logits.
        end_logit: float32 ``[windows, n]``.
        null_start: float32 ``[windows]``, the start logit of [CLS] (position 0).
        null_end: float32 ``[windows]``, its end logit.
    """

    start_index: np.ndarray
    start_logit: np.ndarray
    end_index: np.ndarray
    end_logit: np.ndarray
    null_start: np.ndarray
    null_end: np.ndarray


class Answers(NamedTuple):
    """What the prediction files hold; dicts in the order of the examples.

    Attributes:
        predictions: question id -> answer text.
        nbest: question id -> list of {text, probability, start_logit, end_logit}, best first;
            None if it was not asked for.
        null_odds: question id -> score of "no answer" minus that of the best span; None for
            SQuAD 1.1.
    """

    predictions: Dict[str, str]
    nbest: Optional[Dict[str, List[dict]]]
    null_odds: Optional[Dict[str, float]]


class AnswerPicker:
    """Picks the answers of one data set, as often as there are logits for it."""

    def __init__(
        self,
        examples,
        windows,
        n_best_size,
        max_answer_length,
        version_2,
        null_score_diff_threshold,
        joins_words=False,
    ):
        """Prepares what does not depend on logits.

        Args:
            examples: list of Example.
            windows: all their windows, in the order of make_windows.
            n_best_size: how many starts and ends of a window are paired, and how many entries an
                n-best list has (in SQuAD 2.0 one more, if "no answer" is not among them).
            max_answer_length: the most tokens in an answer.
            version_2: SQuAD 2.0, where "" (no answer) is an answer.
            null_score_diff_threshold: "" is predicted where its score exceeds that of the best
                span by more than this.
            joins_words: whether answers are written without spaces, as Chinese is.
        """
        self._examples = examples
        self._n_best_size = n_best_size
        self._max_answer_length = max_answer_length
        self._version_2 = version_2
        self._threshold = null_score_diff_threshold
        self._texts = _SpanTexts(windows, joins_words)
        self._example_of_window = np.array([window.example_index for window in windows], np.int64)
        if not np.array_equal(np.unique(self._example_of_window), np.arange(len(examples))):
            raise ValueError("the windows are not those of the examples")
        # [windows, tokens + 1]; the last column, False, is for candidates in the padding.
        longest = max(window.length for window in windows)
        self._may_start = np.zeros((len(windows), longest + 1), bool)
        self._may_end = np.zeros((len(windows), longest + 1), bool)
        for number, window in enumerate(windows):
            self._may_start[number, : window.length] = window.token_is_max_context
            first = window.first_passage_token
            self._may_end[number, first : first + window.num_passage_tokens] = True
        has_passage = np.zeros(len(examples), bool)
        np.logical_or.at(has_passage, self._example_of_window, self._may_end.any(axis=1))
        self._nothing = [_NO_SPAN if has else _NO_PASSAGE for has in has_passage]

    def pick(self, candidates, with_nbest=True):
        """The answers that the candidates give.

        Without n-best lists, only the best pair of each window is ranked: the first entry, and the
        first that is not "no answer", are the same. That takes a fraction of the time.

        Args:
            candidates: Candidates of all windows.
            with_nbest: whether to make the n-best lists. The rest is the same either way.

        Returns:
            Answers.
        """
        limit = self._n_best_size if with_nbest else min(self._n_best_size, 2)
        spans = self._spans(candidates, only_best=not with_nbest)
        nulls = None
        if self._version_2:
            nulls = self._null_spans(candidates)
            # Behind the others: of equal sums, a span comes before "no answer".
            spans = _Spans(*map(np.concatenate, zip(spans, nulls)))
            nulls = nulls.rows()
        predictions, nbest, null_odds = {}, {}, {}
        for index, rows in enumerate(self._ranked(spans)):
            question_id = self._examples[index].question_id
            entries = self._entries(rows, limit)
            if self._version_2:
                null = Entry("", *nulls[index][3:])
                entries = _with_null(entries, null)
                predictions[question_id], null_odds[question_id] = self._decide(entries, null)
            else:
                entries = entries or [self._nothing[index]]
                predictions[question_id] = entries[0].text
            if with_nbest:
                nbest[question_id] = _described(entries)
        return Answers(
            predictions, nbest if with_nbest else None, null_odds if self._version_2 else None
        )

    def _spans(self, candidates, only_best):
        """The pairs that the rules allow, in the order of window, rank of start, rank of end.

        Args:
            candidates: Candidates.
            only_best: whether to keep but the first of the highest pairs of each window.

        Returns:
            _Spans.
        """
        size, chunks = self._n_best_size, []
        for first in range(0, len(self._example_of_window), _WINDOWS_AT_ONCE):
            chunk = slice(first, first + _WINDOWS_AT_ONCE)
            start, end = candidates.start_index[chunk, :size], candidates.end_index[chunk, :size]
            start_logit = candidates.start_logit[chunk, :size].astype(np.float64)
            end_logit = candidates.end_logit[chunk, :size].astype(np.float64)
            allowed = self._allowed(chunk, start, end)
            if only_best:
                sums = start_logit[:, :, None] + end_logit[:, None, :]
                best = np.where(allowed, sums, -np.inf).reshape(len(sums), -1).argmax(axis=1)
                window = np.flatnonzero(allowed.reshape(len(sums), -1).any(axis=1))
                start_rank, end_rank = np.divmod(best[window], end.shape[1])
            else:
                window, start_rank, end_rank = np.nonzero(allowed)
            chunks.append(
                _Spans(
                    window + first,
                    start[window, start_rank],
                    end[window, end_rank],
                    start_logit[window, start_rank],
                    end_logit[window, end_rank],
                )
            )
        return _Spans(*map(np.concatenate, zip(*chunks)))

    def _allowed(self, chunk, start, end):
        """bool ``[windows, starts, ends]``: which pairs of positions may be an answer."""
        padding = self._may_start.shape[1] - 1
        rows = np.arange(len(start))[:, None]
        may_start = self._may_start[chunk][rows, np.minimum(start, padding)]
        may_end = self._may_end[chunk][rows, np.minimum(end, padding)]
        length = end[:, None, :] - start[:, :, None] + 1
        allowed = (length >= 1) & (length <= self._max_answer_length)
        return allowed & may_start[:, :, None] & may_end[:, None, :]

    def _null_spans(self, candidates):
        """ "No answer" of each question: that of its window with the lowest sum, the first such."""
        null_start = np.asarray(candidates.null_start, np.float64)
        null_end = np.asarray(candidates.null_end, np.float64)
        order = np.lexsort((null_start + null_end, self._example_of_window))
        _, first = np.unique(self._example_of_window[order], return_index=True)
        window = order[first]
        position = np.zeros_like(window)
        return _Spans(window, position, position, null_start[window], null_end[window])

    def _ranked(self, spans):
        """Yields, question by question, the rows of its spans from the best down."""
        example = self._example_of_window[spans.window]
        order = np.lexsort((-(spans.start_logit + spans.end_logit), example))  # stable
        ranked = _Spans(*(field[order] for field in spans))
        bounds = np.searchsorted(example[order], np.arange(len(self._examples) + 1))
        for first, last in zip(bounds, bounds[1:]):
            # A question's alone: as Python's numbers, all of SQuAD's would take 0.2 GB.
            yield _Spans(*(field[first:last] for field in ranked)).rows()

    def _entries(self, rows, limit):
        """The first ``limit`` entries with texts of their own."""
        entries, seen = [], set()
        for window, start, end, start_logit, end_logit in rows:
            # Position 0, [CLS], stands for "no answer".
            text = self._texts.text(window, start, end) if start else ""
            if text in seen:
                continue
            seen.add(text)
            entries.append(Entry(text, start_logit, end_logit))
            if len(entries) == limit:
                break
        return entries

    def _decide(self, entries, null):
        """SQuAD 2.0's prediction, and by how much "no answer" is above the best span."""
        best = next(entry for entry in entries if entry.text)
        odds = null.start_logit + null.end_logit - best.start_logit - best.end_logit
        # The published code would answer "empty" in so many letters where no span is possible.
        is_null = best is _NO_SPAN or odds > self._threshold
        return ("" if is_null else best.text), odds


class _Spans(NamedTuple):
    """Arrays of one length: where spans are, and their logits as float64."""

    window: np.ndarray
    start: np.ndarray
    end: np.ndarray
    start_logit: np.ndarray
    end_logit: np.ndarray

    def rows(self):
        """A list of tuples of Python numbers."""
        return list(zip(*(field.tolist() for field in self)))


def _with_null(entries, null):
    """Adds what every n-best list of SQuAD 2.0 has: "no answer", and an entry that is not."""
    if all(entry.text for entry in entries):
        entries = [*entries, null]
    return entries if len(entries) > 1 else [_NO_SPAN, *entries]


def _described(entries):
    """The entries as nbest_predictions.json has them: with the softmax of the sums of logits."""
    scores = [entry.start_logit + entry.end_logit for entry in entries]
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    total = plain_sum(weights)
    return [
        {
            "text": entry.text,
            "probability": weight / total,
            "start_logit": entry.start_logit,
            "end_logit": entry.end_logit,
        }
        for entry, weight in zip(entries, weights)
    ]


class _SpanTexts:
    """The texts of spans, each worked out once."""

    def __init__(self, windows, joins_words):
        self._windows = windows
        self._joins_words = joins_words
        self._texts = {}

    def text(self, window, start, end):
        """The text of the passage tokens ``start`` to ``end`` (inclusive) of a window."""
        shown = self._windows[window]
        # A span is known by its passage and its pieces there, so that windows which overlap and
        # questions of one passage share their texts.
        shift = shown.passage_start - shown.first_passage_token
        key = id(shown.passage), start + shift, end + shift
        text = self._texts.get(key)
        if text is None:
            if len(self._texts) >= _MOST_TEXTS:
                self._texts.clear()
            text = shown.passage.text(start + shift, end + shift)
            text = self._texts[key] = text.replace(" ", "") if self._joins_words else text
        return text
