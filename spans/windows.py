"""Example -> Window: the pieces of text that the model can read at once.

A window is ``[CLS] question [SEP] passage [SEP]``, or has the special tokens of another model in
their places, such as RoBERTa's two between question and passage (``tokenization.Layout``). A
passage that is too long is read through several windows, which begin ``doc_stride`` pieces apart
and overlap::

    passage of 10 pieces, room for 6, doc_stride 3:
        window 0    a b c d e f                (start 0, length 6)
        window 1          d e f g h i          (start 3, length 6)
        window 2                g h i j        (start 6, length 4)

A piece in an overlap has little context on one side in one window and more in another. An answer
may start only at pieces for which the window is the one of *maximum context*: where the smaller
of the numbers of pieces to the left and to the right is greatest (see max_context_windows).
"""

import functools
from typing import Any, List, NamedTuple, Optional

import numpy as np

from common.command_line import UserError
from common.progress import progress, say
from spans.passages import passage_of
from zones.masks import OTHER, PASSAGE, QUESTION

# The share of unknown pieces from which on a vocabulary is taken to be of another language.
_MOST_UNKNOWN = 0.1


class Around(NamedTuple):
    """What stands before and behind the passage in all windows of a question."""

    before: List[str]
    before_ids: List[int]
    before_roles: List[int]
    after: List[str]
    after_ids: List[int]


class Window(NamedTuple):
    """What the model reads at once; nothing is padded, and every list has ``n`` entries.

    The lists are put together as they are asked for: those of SQuAD's 10,833 windows would take
    70 MB for hours, while the model reads.

    Attributes:
        example_index: index of the question in the list of examples.
        around: what stands before and behind the passage tokens.
        passage: the whole passage (spans.passages), from which answers get their text.
        passage_start: which piece of the whole passage is the window's first passage token.
        num_passage_tokens: how many of its pieces the window has.
        token_is_max_context: bool ``[n]``, whether no other window shows the token with more
            context; False where it is not passage.
        start_position: index into ``tokens`` of the answer's first token; 0 ([CLS]) where the
            answer is not wholly in the window or the question is unanswerable; None in prediction.
        end_position: index of the answer's last token; else as start_position.
    """

    example_index: int
    around: Around
    passage: Any
    passage_start: int
    num_passage_tokens: int
    token_is_max_context: np.ndarray
    start_position: Optional[int]
    end_position: Optional[int]

    @property
    def length(self):
        """How many tokens it has: ``n``."""
        return len(self.token_is_max_context)

    @property
    def first_passage_token(self):
        """Where the first passage token stands in the window."""
        return len(self.around.before)

    @property
    def tokens(self):
        """``n`` pieces, special tokens among them."""
        return self.around.before + self.passage.pieces[self._pieces] + self.around.after

    @property
    def input_ids(self):
        """``n`` ids of the tokens."""
        return self.around.before_ids + self.passage.ids[self._pieces] + self.around.after_ids

    @property
    def segment_ids(self):
        """``n`` times 0 (up to the last special token before the passage) or 1."""
        before = self.first_passage_token
        return [0] * before + [1] * (self.length - before)

    @property
    def token_roles(self):
        """``n`` times zones.masks.OTHER (special tokens), QUESTION or PASSAGE."""
        around = self.around
        passage = [PASSAGE] * self.num_passage_tokens
        return around.before_roles + passage + [OTHER] * len(around.after)

    @property
    def _pieces(self):
        return slice(self.passage_start, self.passage_start + self.num_passage_tokens)


def make_windows(
    examples, tokenizer, max_seq_length, doc_stride, max_query_length, is_training
) -> List[Window]:
    """Makes the windows of the examples, in order, showing progress.

    Args:
        examples: a list of Example. Passages are cut into pieces once for each ``words`` list, so
            that questions of one passage should share it, as those of read_examples do.
        tokenizer: a tokenization.Tokenizer, or another with its interface.
        max_seq_length: the most tokens in a window.
        doc_stride: how many passage pieces further a window begins than the one before it.
        max_query_length: a question is cut off after this many pieces.
        is_training: whether start_position and end_position are wanted.

    Returns:
        A list of Window. Every example has at least one, even without any passage token.

    Raises:
        UserError: a length is not positive, or max_seq_length leaves no room for a passage token
            behind a question.
    """
    for flag, value in (("doc_stride", doc_stride), ("max_query_length", max_query_length)):
        if value < 1:
            raise UserError("--%s: %d is too small; it must be at least 1" % (flag, value))
    layout = tokenizer.layout
    num_special = sum(map(len, layout))
    passages, windows = {}, []
    for index, example in enumerate(progress(examples, "tokenising", unit="question")):
        passage = passages.get(id(example.words))
        if passage is None:
            passage = passages[id(example.words)] = _WindowedPassage(example, tokenizer)
        question = tokenizer.tokenize(example.question)[:max_query_length]
        room = max_seq_length - len(question) - num_special
        if room < 1:
            raise UserError(
                "--max_seq_length: %d has no room for any passage behind question %s (%d word "
                "pieces and %d special tokens); raise it or lower --max_query_length"
                % (max_seq_length, example.question_id, len(question), num_special)
            )
        positions_of = _no_positions
        if is_training:
            answer = passage.whole.answer_pieces(example)
            positions_of = functools.partial(_answer_in_window, answer)
        windows += _windows_of_question(
            index, question, passage, passage.windows(room, doc_stride), tokenizer, positions_of
        )
    note = _note_on_unknown(passages.values(), tokenizer)
    if note:
        say(note)
    return windows


def _note_on_unknown(passages, tokenizer):
    """Says so if a vocabulary does not know the language of the passages; else None.

    Of real data in a model's own language it lacks 2 pieces in 1,000 at most.
    """
    pieces = sum(len(passage.whole.pieces) for passage in passages)
    unknown = sum(passage.whole.pieces.count(tokenizer.unknown) for passage in passages)
    if unknown <= _MOST_UNKNOWN * pieces:
        return None
    too_long = ""
    if tokenizer.longest_token:
        count = sum(tokenizer.num_too_long(passage.text) for passage in passages)
        too_long = "; words of more than %d characters, which are not looked up: %d" % (
            tokenizer.longest_token,
            count,
        )
    return (
        "NOTE: the vocabulary does not know %.1f%% of the pieces of the passages, which become %s%s"
        ". Is it that of a model for this language?"
        % (100 * unknown / pieces, tokenizer.unknown, too_long)
    )


def windows_of(num_passage_tokens, window_size, doc_stride):
    """Where the windows over a passage lie.

    Args:
        num_passage_tokens: the passage's length in pieces; 0 gives one empty window.
        window_size: the most passage pieces in a window, at least 1.
        doc_stride: at least 1. One beyond window_size counts as window_size: nothing is left out.

    Returns:
        A list of (start, length), for example ``windows_of(10, 6, 3) == [(0, 6), (3, 6), (6, 4)]``.
    """
    windows, start = [], 0
    while True:
        length = min(num_passage_tokens - start, window_size)
        windows.append((start, length))
        if start + length >= num_passage_tokens:
            return windows
        start += min(length, doc_stride)


def max_context_windows(windows):
    """For each passage piece, which window shows it with the most context.

    The score of a piece in a window is ``min(pieces to its left, pieces to its right) + 0.01 *
    length of the window``; of equal scores the first window's counts. In the example at the top,
    piece f has (5 left, 0 right) in window 0 and (2, 3) in window 1, which is its window.

    Args:
        windows: what windows_of returns.

    Returns:
        int32 ``[pieces of the passage]``, an index into windows.
    """
    num_pieces = sum(windows[-1])
    best = np.full(num_pieces, -1.0)
    owner = np.zeros(num_pieces, np.int32)
    for index, (start, length) in enumerate(windows):
        left = np.arange(length)
        score = np.minimum(left, left[::-1]) + 0.01 * length
        pieces = slice(start, start + length)
        better = score > best[pieces]
        best[pieces][better] = score[better]
        owner[pieces][better] = index
    return owner


class _WindowedPassage:
    """A passage, and where windows over it lie."""

    def __init__(self, example, tokenizer):
        self.text, self.whole = example.passage, passage_of(example, tokenizer)
        self._windows = {}

    def windows(self, room, doc_stride):
        """windows_of and max_context_windows, once for all questions of one length."""
        if room not in self._windows:
            windows = windows_of(len(self.whole.pieces), room, doc_stride)
            self._windows[room] = (windows, max_context_windows(windows))
        return self._windows[room]


def _windows_of_question(index, question, passage, windows, tokenizer, positions_of):
    """Yields the windows of one question.

    Args:
        index: the question's, in the list of examples.
        question: its pieces.
        passage: the _WindowedPassage.
        windows: what its windows() gives for the room that the question leaves.
        tokenizer: gives the pieces' ids.
        positions_of: _answer_in_window of the answer, or _no_positions.
    """
    layout = tokenizer.layout
    before, after = [*layout.before, *question, *layout.between], layout.after
    roles_before = (
        [OTHER] * len(layout.before) + [QUESTION] * len(question) + [OTHER] * len(layout.between)
    )
    around = Around(before, tokenizer.ids(before), roles_before, after, tokenizer.ids(after))
    bounds, owner = windows
    for number, (start, length) in enumerate(bounds):
        is_max_context = np.zeros(len(before) + length + len(after), bool)
        is_max_context[len(before) : len(before) + length] = owner[start : start + length] == number
        start_position, end_position = positions_of(start, length, len(before))
        yield Window(
            example_index=index,
            around=around,
            passage=passage.whole,
            passage_start=start,
            num_passage_tokens=length,
            token_is_max_context=is_max_context,
            start_position=start_position,
            end_position=end_position,
        )


def _answer_in_window(answer, start, length, first_passage_token):
    """The answer's first and last token; [CLS] twice where the window does not hold all of it.

    Args:
        answer: its first and last piece in the passage, or None.
        start, length: which pieces of the passage the window has.
        first_passage_token: where the first of them stands in the window.
    """
    if answer is None or answer[0] < start or answer[1] >= start + length:
        return 0, 0
    shift = first_passage_token - start
    return answer[0] + shift, answer[1] + shift


def _no_positions(start, length, first_passage_token):
    """What stands for _answer_in_window in prediction."""
    del start, length, first_passage_token
    return None, None
