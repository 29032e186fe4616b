"""CMRC 2018's JSON -> Example: Chinese words, and answers whose offsets are not quite right."""

import bisect
import os
import re

import tokenization
from cmrc2018.format import questions_of
from common import files
from common.command_line import UserError
from common.progress import progress, say
from squad.examples import Example, report_misplaced, report_several
from squad.format import BadShape

# Punctuation that is a word of its own, as the published reader has it: the usual full-width
# signs, and a few of ASCII. Of others a word may hold several, and signs stay with what they touch:
# "{zh" and "3.5" are one word. Pieces never cross punctuation, whatever the words are; what a word
# is decides how much an answer takes in that cannot be aligned (see spans.answers.align).
_SIGNS = "，。、；：？！（）「」『』《》“”‘’—－～" + ',;()"$-~'
_WHITE_SPACE = " \t\r\n\u202f"
_ALONE = re.escape(_SIGNS) + tokenization.CJK
_WORD = re.compile("[{0}]|[^{0}{1}]+".format(_ALONE, _WHITE_SPACE))

# How far to the left of its offset the published reader looks for an answer, in characters.
_MOST_SHIFTED = 3


def read_examples(path, is_training, version_2=False, what="--predict_file", log=say):
    """Reads a data set in either form (see cmrc2018/shape.py).

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
    document = files.read_json(path, what)
    collected = _Collected()
    label = "reading " + os.path.basename(str(path))
    try:
        for question in progress(list(questions_of(document)), label, unit="question"):
            collected.add(question, is_training)
    except BadShape as error:
        raise UserError("%s: %s: %s" % (what, path, error))
    if not collected.examples and not collected.misplaced:
        raise UserError("%s: %s has no question in it; give a CMRC 2018 file" % (what, path))
    collected.report(path, what, log)
    return collected.examples


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
        self.misplaced = []  # where in the file, and the id
        self._with_several_answers = 0
        self._moved = self._ambiguous = 0
        self._passages = {}  # text -> (words, their starts)

    def add(self, question, is_training):
        """Makes the question's Example, unless its answer is not where it should be."""
        if question.passage not in self._passages:
            self._passages[question.passage] = words_of(question.passage)
        words, starts = self._passages[question.passage]
        common = (question.question_id, question.text, question.passage, words)
        if not is_training:
            self.examples.append(Example(*common))
            return
        answers = question.answers()
        self._with_several_answers += len(answers) > 1
        text = answers[0].text
        start = find_answer(question.passage, text, answers[0].offset) if text.strip() else None
        if start is None:
            self.misplaced.append((question.where, question.question_id))
            return
        if answers[0].offset is None:
            self._ambiguous += question.passage.find(text, start + 1) >= 0
        else:
            self._moved += answers[0].offset != start
        # White space at its ends is no part of an answer.
        last = start + len(text.rstrip()) - 1
        start += len(text) - len(text.lstrip())
        span = (bisect.bisect_right(starts, start) - 1, bisect.bisect_right(starts, last) - 1)
        self.examples.append(Example(*common, text.strip(), *span, False))

    def report(self, path, what, log):
        """Says what was moved or left out; raises UserError if too much was left out."""
        report_several(self._with_several_answers, path, log)
        num_answers = len(self.examples) + len(self.misplaced)
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
        report_misplaced(self.misplaced, num_answers, path, what, log, fault)
