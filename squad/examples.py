"""SQuAD's questions -> Example: one question with its passage and, in training, its answer."""

import bisect
import dataclasses
import os
import re
from typing import List, Optional

from common.command_line import UserError
from common.progress import progress, say
from squad import format as squad_format
from squad import offsets
from squad.format import Answer

# Passages are split into words at these characters only; other white space, such as a no-break
# space, stays inside a word. The published code does the same, and its answers consist of words.
_WORD = re.compile("[^ \t\r\n\u202f]+")

# The largest share of answers that may be left out because their offset is wrong. Real data has a
# few; more of them mean that the file was made wrongly.
_MOST_SKIPPED = 0.1


@dataclasses.dataclass(frozen=True)
class Example:
    """A question about a passage.

    Attributes:
        question_id: the key of the answer in the prediction file.
        question: its text; may be empty.
        passage: its text, as in the file; may be empty.
        words: the passage split at white space. One list, shared by all questions of a passage.
        answer_text: the answer's text in training ("" if there is none), else None.
        start_word: index into ``words`` where the answer starts; -1 for an unanswerable question;
            None in prediction.
        end_word: index of the answer's last word; else as start_word.
        is_impossible: whether the question is unanswerable; read in training only, else False.
        has_whole_words: whether the answer is all pieces of its words, rather than the fewest that
            read like ``answer_text``.
    """

    question_id: str
    question: str
    passage: str
    words: List[str]
    answer_text: Optional[str] = None
    start_word: Optional[int] = None
    end_word: Optional[int] = None
    is_impossible: bool = False
    has_whole_words: bool = False


def read_examples(path, is_training, version_2, what="--predict_file", log=say):
    """Reads a data set.

    Args:
        path: a JSON file of SQuAD's form; see squad/format.py.
        is_training: whether to read the answers. A question with several (the format of
            development sets) keeps the first. One whose offset does not hold its answer is left
            out and counted.
        version_2: whether there may be unanswerable questions (SQuAD 2.0).
        what: the flag that named the file.
        log: takes a line about what was left out.

    Returns:
        A list of Example, in the order of the file.

    Raises:
        UserError: no JSON; not SQuAD's form (says where); no question at all; a question id used
            twice; an unanswerable question where version_2 is False; in training, a question
            without an answer, or more than a tenth of the answers not at their offset.
    """
    questions = squad_format.questions_in(squad_format.open_file(path, what))
    if not version_2:
        _refuse_unanswerable(questions, is_training)
    collected = _Collected(version_2)
    for question in progress(questions, reading(path), unit="question"):
        if is_training:
            collected.add_with_answer(question)
        else:
            collected.add(question)
    report_several(collected.with_several_answers, path, log)
    # A file in which no question has an answer is a test set that keeps them secret.
    if version_2 and 0 < collected.unanswerable < len(questions):
        numbers = (len(questions), collected.unanswerable)
        log("%s: %d questions, %d of them unanswerable" % (path, *numbers))
    report_misplaced(collected.misplaced, collected.placed, path, what, log)
    return collected.examples


def reading(path):
    """What a progress bar says while a file is read."""
    return "reading " + os.path.basename(str(path))


def _refuse_unanswerable(questions, is_training):
    """Raises UserError if there are questions that only SQuAD 2.0's rules can score.

    Where no question lists an answer the file keeps them secret; it can be decoded.
    """
    is_known = is_training or any(q.lists_answers and q.answers() for q in questions)
    for question in questions:
        if question.is_impossible:
            fault = "an unanswerable question of SQuAD 2.0"
        elif is_known and (is_training or question.lists_answers) and not question.answers():
            fault = "'answers' is empty, as for an unanswerable question of SQuAD 2.0"
        else:
            continue
        question.refuse(fault + "; use --version_2_with_negative=True")


class _Collected:
    """The examples and what has to be said about them."""

    def __init__(self, version_2):
        self._version_2 = version_2
        self.examples = []
        self.misplaced = []  # (Question, Answer)
        self.placed = []
        self.with_several_answers = self.unanswerable = 0
        self._passages = {}  # text -> _Passage

    def add(self, question):
        """Makes the Example of a question that is to be decoded."""
        if question.lists_answers or question.is_impossible:
            # Answers that cannot be scored by should show now, not after hours of decoding.
            self.unanswerable += question.is_unanswerable
        self.examples.append(Example(*self._common(question)))

    def add_with_answer(self, question):
        """Makes the Example of a training question, unless its answer is not where it should be."""
        common = self._common(question)
        if self._version_2 and question.is_unanswerable:
            self.unanswerable += 1
            self.examples.append(Example(*common, "", -1, -1, True))
            return
        answers = question.answers()
        self.with_several_answers += len(answers) > 1
        if answers[0].start is None:
            question.refuse("answers[0] has no 'answer_start', which training needs")
        answer = answers[0].trimmed()
        passage = self._passages[question.passage.text]
        # An answer may come with white space around it, which the offset may count or not.
        span = passage.words_of(answer) or passage.words_of(Answer(answer.text, answers[0].start))
        if span is None:
            self.misplaced.append((question, answer))
        else:
            self.placed.append((question, answer))
            self.examples.append(Example(*common, answer.text, *span, False))

    def _common(self, question):
        text = question.passage.text
        if text not in self._passages:
            self._passages[text] = _Passage(text)
        return question.question_id, question.text, text, self._passages[text].words


def words_of(passage):
    """The words of a passage, as Example has them."""
    return _WORD.findall(passage)


class _Passage:
    """A passage's words and where they start, found once for all its questions."""

    def __init__(self, text):
        self._length = len(text)
        matches = list(_WORD.finditer(text))
        self.words = [match.group() for match in matches]
        self._starts = [match.start() for match in matches]

    def words_of(self, answer):
        """The first and last word of a trimmed answer, or None if it is not there.

        In ``(1895-1943).`` the answer ``1895`` at offset 1 is within word 0: ``(0, 0)``.
        """
        last = answer.start + len(answer.text) - 1
        if not answer.text or answer.start < 0 or last >= self._length:
            return None
        span = self._word_at(answer.start), self._word_at(last)
        # Both are split at all white space: where an answer has a no-break space, a word has, too.
        held = " ".join(" ".join(self.words[span[0] : span[1] + 1]).split())
        return span if " ".join(answer.text.split()) in held else None

    def _word_at(self, offset):
        """The word at a character; at white space, the word before it (the first has none)."""
        return max(0, bisect.bisect_right(self._starts, offset) - 1)


def report_several(count, path, log):
    """Says of how many questions an answer was chosen."""
    if count:
        told = "%d questions have several answers; training uses the first of each" % count
        log("%s: %s" % (path, told))


def report_misplaced(misplaced, placed, path, what, log, fault="not at their 'answer_start'"):
    """Says whose answers are not where the file says, and how they may have been counted.

    Args:
        misplaced, placed: lists of (Question, Answer): these, and the others.
        path, what, log: as in read_examples.
        fault: what is wrong with them.

    Raises:
        UserError: they are more than a tenth.
    """
    if not misplaced:
        return
    total = len(misplaced) + len(placed)
    first = misplaced[0][0]
    told = "%d of %d answers are %s (the first is that of %s, id %s)" % (
        len(misplaced), total, fault, first.where, first.question_id,
    )  # fmt: skip
    hint = offsets.hint(misplaced, placed)
    if len(misplaced) > _MOST_SKIPPED * total:
        raise UserError(
            "%s: %s: %s; %s" % (what, path, told, hint or "mend the offsets or the texts")
        )
    log("%s: %s; their questions are left out%s" % (path, told, hint and "; " + hint))
