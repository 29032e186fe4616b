"""The questions as a reader of the report sees them: passage, text, gold answers, question word."""

import re
from typing import Dict, List, NamedTuple, Tuple

import numpy as np

import tokenization

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

# Lengths are in words; a Chinese character counts as one.
_COUNTED = re.compile("[{0}]|[^\\s{0}]+".format(tokenization.CJK))
# The page filters by this many lengths.
_RANGES = 4


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
    """The passages of a data set, each once, and its questions, in the order of the file.

    Args:
        questions: list of squad.format.Question.

    Raises:
        UserError: a question or its passage has no text (says where).
    """
    numbers: Dict[str, int] = {}
    shown = []
    for question in questions:
        passage = question.passage
        # Each row of a table repeats its passage.
        place = numbers.setdefault(passage.text, len(numbers))
        golds: Dict[str, Gold] = {}
        for answer in (given.trimmed() for given in question.answers()):
            golds.setdefault(answer.text, Gold(answer.text, _place(answer, passage.text)))
        shown.append(Question(question.question_id, question.text, place, tuple(golds.values())))
    return list(numbers), shown


def _place(answer, passage):
    start = answer.start
    if start is None or start < 0 or not passage.startswith(answer.text, start):
        return -1
    # A character beyond U+FFFF, such as an emoji, is two units.
    return len(passage[:start].encode("utf-16-le", "surrogatepass")) // 2


# Lengths ----------------------------------------------------------------------------------------


def length(text):
    """How long a text is: ``"in 2010"`` -> 2; ``"在2010年"`` -> 3."""
    return len(_COUNTED.findall(text))


def _answer_length(question):
    """The length of the shortest gold answer; 0 if there is none."""
    return min((length(gold.text) for gold in question.golds), default=0)


def ranges_of(passages, questions):
    """The lengths that the page filters by: "answer" and "passage" -> [[shortest, longest], ...].

    Each holds about as many questions; an answer of many questions' length is one by itself.
    """
    lengths = list(map(length, passages))
    answers = [_answer_length(question) for question in questions if question.golds]
    return {
        "answer": _ranges(answers),
        "passage": _ranges([lengths[question.passage] for question in questions]),
    }


def _ranges(lengths) -> List[List[int]]:
    found: List[List[int]] = []
    lengths = sorted(lengths)
    for part in range(_RANGES):
        left = [n for n in lengths if not found or n > found[-1][1]]
        if not left:
            break
        last = left[(len(left) - 1) // (_RANGES - part)]
        found.append([left[0], left[-1] if part == _RANGES - 1 else last])
    return found


def as_columns(passages, questions):
    """What the questions are, field by field; a passage is counted from the question before."""
    lengths = list(map(length, passages))
    return {
        "text": [question.text for question in questions],
        "passage": np.diff([question.passage for question in questions], prepend=0).tolist(),
        "golds": [[list(gold) for gold in question.golds] for question in questions],
        "word": [QUESTION_WORDS.index(question_word(question.text)) for question in questions],
        "answerLength": list(map(_answer_length, questions)),
        "passageLength": [lengths[question.passage] for question in questions],
    }
