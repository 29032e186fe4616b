"""The questions as a reader of the report sees them: passage, text, gold answers, question word."""

import re
from typing import Dict, List, NamedTuple, Tuple

# English forms, and Chinese ones as in CMRC 2018. A longer form stands before one that it begins
# with: "how many" is not a "how". The pattern finds the leftmost of all in a question.
_WORD_FORMS = {
    "who": ("who|whom|whose", "谁|何人"),
    "when": ("when", "什么时候|何时|哪一?年|哪一?天|几月"),
    "where": ("where", "什么地方|哪里|哪儿|何处|何地"),
    "how many": ("how (?:many|much)", "多少|几"),
    "how": ("how", "怎么|怎样|怎么样|如何"),
    "why": ("why", "为什么|为何"),
    "what": ("what", "什么|何"),
    "which": ("which", "哪"),
}
OTHER_WORD = "other"
QUESTION_WORDS = tuple(_WORD_FORMS) + (OTHER_WORD,)
_WORD = re.compile(
    "|".join(r"(\b(?:%s)\b|%s)" % forms for forms in _WORD_FORMS.values()), re.IGNORECASE
)


class Gold(NamedTuple):
    """A gold answer.

    Attributes:
        text: as in the file, without white space around it.
        start: where it stands in the passage, in UTF-16 units as JavaScript counts them; -1 if it
            does not stand where the file says, or the file does not say.
    """

    text: str
    start: int


class Question(NamedTuple):
    """A question; ``passage`` is an index into the list of passages."""

    question_id: str
    text: str
    passage: int
    golds: Tuple[Gold, ...]


def question_word(text):
    """The leftmost question word of a question, one of QUESTION_WORDS.

    ``"In what year did he leave?"`` -> ``what``; ``"How much is it?"`` -> ``how many``.
    """
    match = _WORD.search(text)
    return QUESTION_WORDS[match.lastindex - 1] if match else OTHER_WORD


def as_shown(questions) -> Tuple[List[str], List[Question]]:
    """The passages and the questions of a data set, in the order of its file.

    Args:
        questions: list of squad.format.Question.

    Raises:
        UserError: a question or its passage has no text (says where).
    """
    passages: List[str] = []
    numbers: Dict[int, int] = {}
    shown = []
    for question in questions:
        passage = question.passage
        if passage.number not in numbers:
            # Each row of a table repeats its passage.
            if not passages or passages[-1] != passage.text:
                passages.append(passage.text)
            numbers[passage.number] = len(passages) - 1
        golds: Dict[str, Gold] = {}
        for answer in (given.trimmed() for given in question.answers()):
            golds.setdefault(answer.text, Gold(answer.text, _place(answer, passage.text)))
        place = numbers[passage.number]
        shown.append(Question(question.question_id, question.text, place, tuple(golds.values())))
    return passages, shown


def _place(answer, passage):
    start = answer.start
    if start is None or start < 0 or not passage.startswith(answer.text, start):
        return -1
    # A character beyond U+FFFF, such as an emoji, is two units.
    return len(passage[:start].encode("utf-16-le", "surrogatepass")) // 2
