"""SQuAD's JSON, walked through in one place: passages, their questions, their answers.

Versions 1.1 and 2.0 of Rajpurkar et al. (2016, 2018)::

    {"data": [{"paragraphs": [{"context": "...", "qas": [
        {"id": "...", "question": "...", "is_impossible": false,
         "answers": [{"text": "...", "answer_start": 17}]}]}]}]}

Training, decoding, scoring and the report all ask here, so that they agree on what a question is.
Every field is checked when it is asked for, and an error says where the file is wrong; what nobody
asks for need not be there. Of what other tools write these are read, too:

- ids and answers that are numbers, as the text that Python's ``str`` gives; offsets such as 17.0;
- answers in columns, ``{"text": ["..."], "answer_start": [17]}``, and one answer without a list;
- rows of a table under ``data``, each with ``context``, ``id``, ``question`` and ``answers``.

Only Python's own library is needed.
"""

import math
from typing import Any, Callable, List, NamedTuple, Optional

from common import files
from common.command_line import UserError

_KIND_NAMES = {dict: "an object", list: "a list", str: "a text"}

# White space and other invisible characters: zero-width space, word joiner, byte order mark.
_BLANK = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u200b\u2060\ufeff"

_SHAPE = 'SQuAD\'s form is {"data": [{"paragraphs": [{"context": "...", "qas": [...]}]}]}'


class Answer(NamedTuple):
    """A gold answer.

    Attributes:
        text: as in the file.
        start: where it begins in the passage, in characters; None if the file does not say.
    """

    text: str
    start: Optional[int]

    def trimmed(self):
        """The answer without white space around it, its start moved by what was before it."""
        rest = self.text.lstrip(_BLANK)
        start = None if self.start is None else self.start + len(self.text) - len(rest)
        return Answer(rest.rstrip(_BLANK), start)


class Node:
    """A value in a JSON file, and where it stands there.

    Attributes:
        value: as json.loads gives it.
        where: such as ``data[3].paragraphs[0]``; empty at the top.
        source: the flag and the file, for messages.
        form: the Form that it should have.
    """

    __slots__ = ("value", "where", "source", "form")

    def __init__(self, value, where, source, form):
        self.value, self.where, self.source, self.form = value, where, source, form

    def refuse(self, fault):
        """Raises UserError: what is wrong here."""
        raise UserError("%s: %s: %s" % (self.source, self.where or "the top level", fault))

    def has(self, key, kind=object):
        """Whether this is an object with such a field."""
        is_there = isinstance(self.value, dict) and key in self.value
        return is_there and isinstance(self.value[key], kind)

    def field(self, key, kind=object):
        """The value under that key.

        Args:
            key: the field's name.
            kind: dict, list or str; object for anything.

        Raises:
            UserError: this is no object, has no such field, or one of another kind.
        """
        if not isinstance(self.value, dict):
            self.refuse("not %s's shape: an object was expected here" % self.form.name)
        if key not in self.value:
            self.refuse("no '%s', which %s's format has here" % (key, self.form.name))
        value = self.value[key]
        if not isinstance(value, kind):
            self.refuse("'%s' is not %s, as in %s" % (key, _KIND_NAMES[kind], self.form.name))
        return value

    def items(self, key):
        """Yields the entries of the list under that key, as Node; errors as of ``field``."""
        before = self.where + "." if self.where else ""
        for number, value in enumerate(self.field(key, list)):
            where = "%s%s[%d]" % (before, key, number)
            yield Node(value, where, self.source, self.form)

    def text_or_number(self, key):
        """The text under that key; a number is the text that ``str`` gives of it."""
        value = self.field(key)
        return as_text(value) or self.field(key, str)


def as_text(value):
    """The value if it is a text, ``str(value)`` of a finite number, None of anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return str(value) if isinstance(value, int) or math.isfinite(value) else None


class Form(NamedTuple):
    """How a data set's file names what it says.

    Attributes:
        name: the data set's, for messages.
        passage: the field of a passage's text.
        question_id, question: the fields of a question's id and text.
        answers_of: ``Node`` of a question -> list of Answer.
    """

    name: str
    passage: str
    question_id: str
    question: str
    answers_of: Callable[[Node], List[Answer]]


def _placed_answers(node):
    if node.has("answers", dict):
        node = _in_rows(node)
    answers = []
    for entry in node.items("answers"):
        text = entry.text_or_number("text")
        start = _whole_number(entry, "answer_start") if entry.has("answer_start") else None
        answers.append(Answer(text, start))
    return answers


def _in_rows(node):
    """A question whose answers stand in columns, as the data sets of the Hugging Face hub do.

    Or whose one answer stands in no list.
    """
    columns = Node(node.value["answers"], node.where + ".answers", node.source, node.form)
    if as_text(columns.field("text")) is not None:
        return Node({"answers": [columns.value]}, node.where, node.source, node.form)
    names = [name for name in ("text", "answer_start") if name == "text" or columns.has(name)]
    lists = [columns.field(name, list) for name in names]
    if len({len(values) for values in lists}) > 1:
        columns.refuse("%d texts, but %d offsets" % tuple(map(len, lists)))
    rows = [dict(zip(names, row)) for row in zip(*lists)]
    return Node({"answers": rows}, node.where, node.source, node.form)


def _whole_number(node, key):
    value = node.field(key)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and not value.is_integer()):
        node.refuse("'%s' is not a whole number" % key)
    return int(value)


SQUAD = Form("SQuAD", "context", "id", "question", _placed_answers)


class Passage:
    """A passage of a file; ``number`` counts them, from 0."""

    def __init__(self, node, number):
        self.number = number
        self._node = node
        self._text = None

    @property
    def has_text(self):
        """Whether the file has its text; questions that are only scored need none."""
        return self._node.has(self._node.form.passage, str)

    @property
    def text(self):
        """Its text; UserError if the file has none."""
        if self._text is None:
            self._text = self._node.field(self._node.form.passage, str)
        return self._text

    def questions(self):
        """Yields its questions. A row of a table is a passage and its question in one."""
        if self._node.has(self._node.form.question) and not self._node.has("qas"):
            yield Question(self._node, self)
            return
        for node in self._node.items("qas"):
            yield Question(node, self)


class Question:
    """A question as its file has it. A UserError of any method says where the file is wrong.

    Attributes:
        question_id: str.
        passage: Passage.
    """

    def __init__(self, node, passage):
        self.question_id = node.text_or_number(node.form.question_id)
        self.passage = passage
        self._node = node

    @property
    def where(self):
        """Its place in the file, for messages."""
        return self._node.where

    def refuse(self, fault):
        """Raises UserError: what is wrong with the question."""
        self._node.refuse(fault)

    @property
    def text(self):
        """The question itself; may be empty."""
        return self._node.field(self._node.form.question, str)

    @property
    def lists_answers(self):
        """Whether the file says anything of answers. Questions that are only decoded need none."""
        return self._node.has("answers") and self._node.value["answers"] is not None

    def answers(self):
        """The gold answers, a list of Answer, in the order of the file; may be empty."""
        if self.is_impossible and not self.lists_answers:
            return []
        self._node.field("answers")
        return self._node.form.answers_of(self._node)

    @property
    def is_impossible(self):
        """Whether it is marked as unanswerable, as questions of SQuAD 2.0 may be."""
        if not self._node.has("is_impossible") or self._node.value["is_impossible"] is None:
            return False
        value = self._node.value["is_impossible"]
        if not isinstance(value, bool):
            self.refuse("'is_impossible' is not a truth value: true or false, without quotes")
        return value

    @property
    def is_unanswerable(self):
        """Whether it is marked so, or none of its answers, if any, has a visible character."""
        has_answer = any(answer.trimmed().text for answer in self.answers())
        return self.is_impossible or not has_answer


def open_file(path, what="data file"):
    """The top of a JSON file, as Node.

    Args:
        path: the file.
        what: the flag or argument that named it.

    Raises:
        UserError: it cannot be read, or is no JSON.
    """
    return Node(files.read_json(path, what, _SHAPE), "", "%s: %s" % (what, path), SQUAD)


def questions_in(top) -> List[Question]:
    """The questions of a file of SQuAD's form, in its order.

    Raises:
        UserError: another form (says where and what), no question, or an id used twice.
    """
    return collected(passages_in(top), top.source, SQUAD.name)


def passages_in(top):
    """Yields the passages of a file of SQuAD's form; see questions_in."""
    explain_other_form(top)
    number = 0
    for article in top.items("data"):
        is_passage = article.has(SQUAD.passage) and not article.has("paragraphs")
        for node in [article] if is_passage else article.items("paragraphs"):
            yield Passage(node, number)
            number += 1


def explain_other_form(top):
    """Raises UserError that says how to mend it, if the file has a form that is known."""
    if isinstance(top.value, list):
        first = top.value[0] if top.value else None
        if isinstance(first, dict) and "context_text" in first:
            top.refuse("a list, as in CMRC 2018's own form; say --dataset=cmrc2018")
        if is_list_of_passages(top.value):
            top.refuse("a list, which SQuAD's form has under 'data'; write {\"data\": [...]}")
    elif isinstance(top.value, dict) and "data" not in top.value:
        if top.has("paragraphs", list) or top.has("context", str):
            top.refuse('one entry of a list; write {"data": [...]} with such entries in it')
        # A site's answer that it has no such file holds texts, too.
        is_reply = not {"error", "message"}.isdisjoint(top.value)
        are_texts = all(isinstance(value, str) for value in top.value.values())
        if top.value and are_texts and not is_reply:
            top.refuse("no 'data'; it looks like a prediction file: were two files swapped?")


def is_list_of_passages(value):
    """Whether it is a list such as SQuAD's form has under ``data``."""
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and ("paragraphs" in first or SQUAD.passage in first)


def collected(passages, source, title) -> List[Question]:
    """The questions of passages, checked: there are some, and each has an id of its own.

    Args:
        passages: Passage objects.
        source, title: the file and the name of its data set, for messages.
    """
    questions: List[Question] = []
    where_of_id: Any = {}
    for passage in passages:
        for question in passage.questions():
            first = where_of_id.setdefault(question.question_id, question.where)
            if first != question.where:
                question.refuse("id %s is already that of %s" % (question.question_id, first))
            questions.append(question)
    if not questions:
        raise UserError("%s has no question in it; give a file of %s" % (source, title))
    return questions
