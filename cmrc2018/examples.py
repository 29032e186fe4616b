"""CMRC 2018's JSON -> Example: Chinese words, and answers whose offsets are not quite right."""

import bisect
import re

import tokenization
from cmrc2018 import format as cmrc_format
from common.progress import progress, say
from squad import format as squad_format
from squad.examples import Example, reading, report_misplaced, report_several

# Punctuation that is a word of its own, as in the published reader: the usual full-width signs and
# a few of ASCII. Other signs stay part of the word that they touch: "{zh" and "3.5" are one word
# each. Word pieces are cut at all punctuation anyway, but where a predicted answer cannot be
# aligned with the passage (spans.passages.align) it is whole words, so that they matter there.
_SIGNS = "，。、；：？！（）「」『』《》“”‘’—－～" + ',;()"$-~'
_WHITE_SPACE = " \t\r\n\u202f"
_ALONE = re.escape(_SIGNS) + tokenization.CJK
_WORD = re.compile("[{0}]|[^{0}{1}]+".format(_ALONE, _WHITE_SPACE))

# An answer that begins with one of these is trained on without it, as in the published reader.
_LEFT_OUT_AT_THE_START = frozenset("。，：:.,")

# How far to the left of its offset the published reader looks for an answer, in characters.
_MOST_SHIFTED = 3


def read_examples(path, is_training, version_2=False, what="--predict_file", log=say):
    """Reads a data set in either form (see cmrc2018/format.py).

    In training, a question with several answers keeps the first. An answer that does not stand at
    its offset is looked for up to three characters to the left, as the published reader does; how
    often that helped is said. The published reader keeps an answer that is not there either, at a
    wrong place; here its question is left out and counted. An answer without an offset is taken
    where the passage first has it; how many stand there twice is said.

    Args:
        path: a JSON file.
        is_training: whether to read the answers.
        version_2: must be False: CMRC 2018 has no unanswerable questions.
        what: the flag that named the file.
        log: takes lines about what was moved or left out.

    Returns:
        A list of Example, in the order of the file.

    Raises:
        UserError: no JSON; neither form (says where); no question at all; a question id used
            twice; in training, a question without an answer, or more than a tenth of the answers
            not found.
    """
    if version_2:
        raise ValueError("CMRC 2018 has no unanswerable questions")
    questions = cmrc_format.questions_in(squad_format.open_file(path, what))
    if not is_training:
        _check_answers(questions)
    collected = _Collected()
    for question in progress(questions, reading(path), unit="question"):
        collected.add(question, is_training)
    collected.report(path, what, log)
    return collected.examples


def _check_answers(questions):
    """Refuses, before hours of decoding, what the answers could not be scored by afterwards.

    Where no question lists an answer the file keeps them secret; it can be decoded.
    """
    listed = [question for question in questions if question.lists_answers]
    if any(question.answers() for question in listed):
        for question in listed:
            cmrc_format.answers_of(question)


def words_of(text):
    """The words of a text and where they start.

    For example, ``"游戏由Nexon 开发。"`` is ``游 戏 由 Nexon 开 发 。``

    Returns:
        (list of str, list of int).
    """
    matches = list(_WORD.finditer(text))
    return [match.group() for match in matches], [match.start() for match in matches]


def find_answer(passage, answer, offset):
    """Where an answer starts: at its offset, or one to three characters before it.

    Args:
        passage: str.
        answer: str, not empty.
        offset: int, or None for the first place that reads so.

    Returns:
        int, or None if it is not there.
    """
    if offset is None:
        found = passage.find(answer)
        return None if found < 0 else found
    for start in range(offset, max(offset - _MOST_SHIFTED, 0) - 1, -1):
        if passage.startswith(answer, start):
            return start
    return None


class _Collected:
    """The examples, and what has to be said about them."""

    def __init__(self):
        self.examples = []
        self._misplaced, self._placed = [], []  # (Question, Answer)
        self._with_several_answers = 0
        self._moved = self._ambiguous = 0
        self._passages = {}  # text -> (words, their starts)

    def add(self, question, is_training):
        """Makes the question's Example, unless its answer is not where it should be."""
        passage = question.passage.text
        if passage not in self._passages:
            self._passages[passage] = words_of(passage)
        words, starts = self._passages[passage]
        common = (question.question_id, question.text, passage, words)
        if is_training:
            self._add_with_answer(question, common, starts)
        else:
            self.examples.append(Example(*common))

    def _add_with_answer(self, question, common, starts):
        answers = cmrc_format.answers_of(question)
        self._with_several_answers += len(answers) > 1
        answer, passage, words = answers[0].trimmed(), question.passage.text, common[-1]
        start = find_answer(passage, *answer) if answer.text else None
        if start is None:
            self._misplaced.append((question, answer))
            return
        self._placed.append((question, answer))
        if answer.start is None:
            self._ambiguous += passage.find(answer.text, start + 1) >= 0
        else:
            self._moved += answer.start != start
        last = start + len(answer.text) - 1
        first_word, last_word = (bisect.bisect_right(starts, at) - 1 for at in (start, last))
        if words[first_word] in _LEFT_OUT_AT_THE_START and first_word < last_word:
            first_word += 1
        span = (first_word, last_word)
        self.examples.append(Example(*common, answer.text, *span, has_whole_words=True))

    def report(self, path, what, log):
        """Says what was moved or left out; raises UserError if too much was left out."""
        report_several(self._with_several_answers, path, log)
        num_answers = len(self._misplaced) + len(self._placed)
        if self._moved:
            log(
                "%s: %d of %d answers stand up to %d characters before their 'answer_start'; they "
                "are taken from there" % (path, self._moved, num_answers, _MOST_SHIFTED)
            )
        if self._ambiguous:
            log(
                "%s: %d of %d answers have no 'answer_start' and stand in the passage more than "
                "once; the first place counts" % (path, self._ambiguous, num_answers)
            )
        fault = "not in the passage where the file says"
        report_misplaced(self._misplaced, self._placed, path, what, log, fault)
