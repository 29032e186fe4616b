"""SQuAD's JSON -> Example: one question with its passage and, in training, its answer.

Versions 1.1 and 2.0 of Rajpurkar et al. (2016, 2018)::

    {"data": [{"paragraphs": [{"context": "...", "qas": [
        {"id": "...", "question": "...", "is_impossible": false,
         "answers": [{"text": "...", "answer_start": 17}]}]}]}]}

A user's own file is often a little different, so that every field is checked before it is used and
an error says where it stands.
"""

import bisect
import dataclasses
import os
import re
from typing import List, Optional

from common import files
from common.command_line import UserError
from common.progress import progress, say
from squad.format import BadShape, field

# Passages are split at these only; a no-break space, say, stays inside its word. So does the
# published code, and the answers it writes are made of these words.
_WORD = re.compile("[^ \t\r\n\u202f]+")

# A few wrong offsets are usual in real data. More of them mean that the file was made wrongly.
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
    """

    question_id: str
    question: str
    passage: str
    words: List[str]
    answer_text: Optional[str] = None
    start_word: Optional[int] = None
    end_word: Optional[int] = None
    is_impossible: bool = False


def read_examples(path, is_training, version_2, what="--predict_file", log=say):
    """Reads a data set.

    Args:
        path: a JSON file of SQuAD's format.
        is_training: whether to read the answers. A question with several (the format of
            development sets) keeps the first. One whose offset does not hold its answer is left
            out and counted.
        version_2: whether there may be unanswerable questions (SQuAD 2.0).
        what: the flag that named the file.
        log: takes a line about what was left out.

    Returns:
        A list of Example, in the order of the file.

    Raises:
        UserError: no JSON; not SQuAD's shape (says where); no question at all; a question id used
            twice; in training, a question without an answer, an unanswerable one where version_2
            is False, or more than a tenth of the answers not at their offset.
    """
    document = files.read_json(path, what)
    reader = _Reader(is_training, version_2)
    label = "reading " + os.path.basename(str(path))
    try:
        articles = field(document, "data", list, "the top level")
        for number, article in enumerate(progress(articles, label, unit="article")):
            reader.read_article(article, "data[%d]" % number)
    except BadShape as error:
        hint = "; for CMRC 2018 say --dataset=cmrc2018" if isinstance(document, list) else ""
        raise UserError("%s: %s: %s%s" % (what, path, error, hint))
    if not reader.answers and not reader.examples:
        raise UserError("%s: %s has no question in it; give a SQuAD file" % (what, path))
    _report(reader, path, what, log)
    return reader.examples


class _Reader:
    """Collects the examples and what has to be said about them."""

    def __init__(self, is_training, version_2):
        self.examples = []
        self.answers = 0
        self.misplaced = []  # where in the file, and the id
        self.with_several_answers = 0
        self._is_training, self._version_2 = is_training, version_2
        self._where_of_id = {}

    def read_article(self, article, where):
        """Reads one entry of ``data``."""
        for number, paragraph in enumerate(field(article, "paragraphs", list, where)):
            here = "%s.paragraphs[%d]" % (where, number)
            passage = _Passage(field(paragraph, "context", str, here))
            for index, question in enumerate(field(paragraph, "qas", list, here)):
                self._read_question(question, passage, "%s.qas[%d]" % (here, index))

    def _read_question(self, question, passage, where):
        text = field(question, "question", str, where)
        question_id = field(question, "id", str, where)
        first = self._where_of_id.setdefault(question_id, where)
        if first != where:
            raise BadShape("%s: id %s is already that of %s" % (where, question_id, first))
        common = (question_id, text, passage.text, passage.words)
        if not self._is_training:
            self.examples.append(Example(*common))
        elif self._is_impossible(question, where):
            self.examples.append(Example(*common, "", -1, -1, True))
        else:
            answer, offset = self._first_answer(question, where)
            self.answers += 1
            span = passage.words_of(answer, offset)
            if span is None:
                self.misplaced.append((where, question_id))
            else:
                self.examples.append(Example(*common, answer, span[0], span[1], False))

    def _is_impossible(self, question, where):
        if "is_impossible" not in question:
            return False
        is_impossible = field(question, "is_impossible", bool, where)
        if is_impossible and not self._version_2:
            raise BadShape(
                "%s is an unanswerable question of SQuAD 2.0; use --version_2_with_negative=True"
                % where
            )
        return is_impossible

    def _first_answer(self, question, where):
        answers = field(question, "answers", list, where)
        if not answers:
            raise BadShape("%s: 'answers' is empty; training needs an answer" % where)
        self.with_several_answers += len(answers) > 1
        here = where + ".answers[0]"
        return field(answers[0], "text", str, here), field(answers[0], "answer_start", int, here)


class _Passage:
    """A passage's words and where they start, found once for all its questions."""

    def __init__(self, text):
        self.text = text
        matches = list(_WORD.finditer(text))
        self.words = [match.group() for match in matches]
        self._starts = [match.start() for match in matches]

    def words_of(self, answer, offset):
        """The answer's first and last word, or None if the answer is not there.

        In ``(1895-1943).`` the answer ``1895`` at offset 1 is within word 0: ``(0, 0)``.
        """
        wanted = " ".join(answer.split())
        last = offset + len(answer) - 1
        if not wanted or offset < 0 or last >= len(self.text):
            return None
        first_word, last_word = self._word_at(offset), self._word_at(last)
        # Both sides are split anew: an answer may hold a no-break space, where words are not cut.
        held = " ".join(" ".join(self.words[first_word : last_word + 1]).split())
        return (first_word, last_word) if wanted in held else None

    def _word_at(self, offset):
        """The word at a character; at white space, the word before it (the first has none)."""
        return max(0, bisect.bisect_right(self._starts, offset) - 1)


def _report(reader, path, what, log):
    """Says what was left out; raises UserError if that is too much."""
    report_several(reader.with_several_answers, path, log)
    report_misplaced(reader.misplaced, reader.answers, path, what, log)


def report_several(count, path, log):
    """Says of how many questions an answer was chosen."""
    if count:
        told = "%d questions have several answers; training uses the first of each" % count
        log("%s: %s" % (path, told))


def report_misplaced(misplaced, num_answers, path, what, log, fault="not at their 'answer_start'"):
    """Says whose answers are not where the file says.

    Args:
        misplaced: list of (where in the file, question id).
        num_answers: of all answers.
        path, what, log: as in read_examples.
        fault: what is wrong with them.

    Raises:
        UserError: they are more than a tenth.
    """
    if not misplaced:
        return
    told = "%d of %d answers are %s (the first is that of %s, id %s)" % (
        len(misplaced),
        num_answers,
        fault,
        *misplaced[0],
    )
    if len(misplaced) > _MOST_SKIPPED * num_answers:
        raise UserError("%s: %s: %s; mend the offsets" % (what, path, told))
    log("%s: %s; their questions are left out" % (path, told))
