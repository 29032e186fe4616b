"""CMRC 2018's JSON, in either of the two forms that it was published in.

Its own form, where answers have no offsets::

    [{"context_id": "DEV_0", "context_text": "...", "title": "...", "qas": [
        {"query_id": "DEV_0_QUERY_0", "query_text": "...", "answers": ["...", "..."]}]}]

and SQuAD's form. Both go through the walk of squad/format.py.
"""

import re
from typing import List

from squad import format as squad_format
from squad.format import Answer, Form, Node, Passage, Question

# The ids of the published files: TRAIN_186_QUERY_0, DEV_0_QUERY_2, TRIAL_800_QUERY_0.
_ID = re.compile(r"[A-Z]+_\d+_QUERY_\d+")


def _bare_answers(node):
    answers = []
    for entry in node.items("answers"):
        # The published data has numbers among its answers: 39764.0 was a date in a spreadsheet.
        text = squad_format.as_text(entry.value)
        if text is None:
            entry.refuse("a text was expected here")
        answers.append(Answer(text, None))
    return answers


_OWN = Form("CMRC 2018", "context_text", "query_id", "query_text", _bare_answers)


def is_cmrc(top: Node) -> bool:
    """Whether it is a file of CMRC 2018: in its own form, or with ids such as DEV_0_QUERY_0."""
    document = top.value
    try:
        if isinstance(document, list):
            return "context_text" in document[0]
        first = document["data"][0]["paragraphs"][0]["qas"][0]["id"]
        return _ID.fullmatch(first) is not None
    except (LookupError, TypeError):
        return False


def questions_in(top: Node) -> List[Question]:
    """The questions of a file in either form, in its order.

    Raises:
        UserError: neither form (says where), no question, or an id used twice.
    """
    if isinstance(top.value, list) and not squad_format.is_list_of_passages(top.value):
        own = (Node(entry, "[%d]" % i, top.source, _OWN) for i, entry in enumerate(top.value))
        passages = (Passage(node, number) for number, node in enumerate(own))
    else:
        squad_format.explain_other_form(top)
        if not top.has("data"):
            top.refuse(
                "neither CMRC 2018's own form, a list of objects with 'context_text' and 'qas', "
                "nor SQuAD's, an object with 'data'"
            )
        passages = squad_format.passages_in(top)
    return squad_format.collected(passages, top.source, _OWN.name)


def answers_of(question: Question) -> List[Answer]:
    """The gold answers of a question.

    Raises:
        UserError: there is none, or one is no text.
    """
    answers = question.answers()
    if not answers:
        question.refuse("'answers' is empty; CMRC 2018 answers every question")
    return answers
