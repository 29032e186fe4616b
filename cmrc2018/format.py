"""CMRC 2018's JSON, in either of the two forms that it was published in.

Its own form, where answers have no offsets::

    [{"context_id": "DEV_0", "context_text": "...", "title": "...", "qas": [
        {"query_id": "DEV_0_QUERY_0", "query_text": "...", "answers": ["...", "..."]}]}]

and SQuAD's form, as squad/examples.py describes it.
"""

import re
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from squad.format import BadShape, field

_FORMAT = "CMRC 2018"
# The ids of the published files: TRAIN_186_QUERY_0, DEV_0_QUERY_2, TRIAL_800_QUERY_0.
_ID = re.compile(r"[A-Z]+_\d+_QUERY_\d+")


class Answer(NamedTuple):
    """A gold answer: its text, and where it starts in the passage if the file says so."""

    text: str
    offset: Optional[int]


class Question(NamedTuple):
    """A question as it stands in the file.

    Attributes:
        where: its place, for messages.
        question_id: str.
        text: the question.
        passage: the passage's text.
        answers: function without arguments -> list of Answer. It raises BadShape where there is
            none; questions to be decoded need none.
    """

    where: str
    question_id: str
    text: str
    passage: str
    answers: Any


def is_cmrc(document) -> bool:
    """Whether it is a file of CMRC 2018: in its own form, or with ids such as DEV_0_QUERY_0."""
    try:
        if isinstance(document, list):
            return "context_text" in document[0]
        first = document["data"][0]["paragraphs"][0]["qas"][0]["id"]
        return _ID.fullmatch(first) is not None
    except (LookupError, TypeError):
        return False


def questions_of(document) -> Iterator[Question]:
    """The questions of a document, in order.

    Raises:
        BadShape: it has neither form, or an id stands twice; the message says where.
    """
    where_of_id: Dict[str, str] = {}
    for question in _own_form(document) if isinstance(document, list) else _squads_form(document):
        first = where_of_id.setdefault(question.question_id, question.where)
        if first != question.where:
            raise BadShape(
                "%s: id %s is already that of %s" % (question.where, question.question_id, first)
            )
        yield question


def _own_form(document):
    for number, entry in enumerate(document):
        where = "[%d]" % number
        passage = field(entry, "context_text", str, where, _FORMAT)
        for index, node in enumerate(field(entry, "qas", list, where, _FORMAT)):
            here = "%s.qas[%d]" % (where, index)
            yield Question(
                here,
                field(node, "query_id", str, here, _FORMAT),
                field(node, "query_text", str, here, _FORMAT),
                passage,
                lambda node=node, here=here: _bare_answers(node, here),
            )


def _bare_answers(node, where):
    texts = _answers_in(node, where)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise BadShape("%s.answers[%d]: a text was expected here" % (where, number))
    return [Answer(text, None) for text in texts]


def _squads_form(document):
    for number, article in enumerate(_data_of(document)):
        where = "data[%d]" % number
        for index, paragraph in enumerate(field(article, "paragraphs", list, where)):
            here = "%s.paragraphs[%d]" % (where, index)
            passage = field(paragraph, "context", str, here)
            for count, node in enumerate(field(paragraph, "qas", list, here)):
                place = "%s.qas[%d]" % (here, count)
                yield Question(
                    place,
                    field(node, "id", str, place),
                    field(node, "question", str, place),
                    passage,
                    lambda node=node, place=place: _placed_answers(node, place),
                )


def _data_of(document):
    if not isinstance(document, dict) or "data" not in document:
        raise BadShape(
            "the top level: neither CMRC 2018's own form, a list of objects with 'context_text' "
            "and 'qas', nor SQuAD's, an object with 'data'"
        )
    return field(document, "data", list, "the top level")


def _placed_answers(node, where) -> List[Answer]:
    answers = []
    for number, answer in enumerate(_answers_in(node, where)):
        here = "%s.answers[%d]" % (where, number)
        text = field(answer, "text", str, here)
        offset = field(answer, "answer_start", int, here) if "answer_start" in answer else None
        answers.append(Answer(text, offset))
    return answers


def _answers_in(node, where):
    answers = field(node, "answers", list, where, _FORMAT)
    if not answers:
        raise BadShape("%s: 'answers' is empty; CMRC 2018 answers every question" % where)
    return answers
