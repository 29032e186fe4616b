"""The questions as a reader of the report sees them: passage, text, gold answers, question word."""

import re
from typing import List, NamedTuple, Tuple

from cmrc2018.format import questions_of
from common import files
from common.command_line import UserError
from squad.format import BadShape, field

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
        text: as in the file.
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


def read_questions(path, what="data file") -> Tuple[List[str], List[Question]]:
    """The passages and the questions of a data set, in the order of its file.

    Raises:
        UserError: no JSON, or not the shape of SQuAD or CMRC 2018 (says where).
    """
    document = files.read_json(path, what)
    # CMRC 2018 has a form of its own, a list, beside SQuAD's.
    read = _in_cmrcs_form if isinstance(document, list) else _in_squads_form
    try:
        return read(document)
    except BadShape as error:
        raise UserError("%s: %s: %s" % (what, path, error))


def _in_squads_form(document):
    passages, questions = [], []
    for number, article in enumerate(field(document, "data", list, "the top level")):
        where = "data[%d]" % number
        for index, paragraph in enumerate(field(article, "paragraphs", list, where)):
            here = "%s.paragraphs[%d]" % (where, index)
            passages.append(field(paragraph, "context", str, here))
            for count, qa in enumerate(field(paragraph, "qas", list, here)):
                questions.append(_question(qa, passages, "%s.qas[%d]" % (here, count)))
    return passages, questions


def _in_cmrcs_form(document):
    passages, questions = [], []
    for question in questions_of(document):
        if not passages or passages[-1] != question.passage:
            passages.append(question.passage)
        texts = dict.fromkeys(answer.text for answer in question.answers())
        golds = tuple(Gold(text, -1) for text in texts)
        questions.append(Question(question.question_id, question.text, len(passages) - 1, golds))
    return passages, questions


def _question(qa, passages, where):
    golds = {}
    for number, answer in enumerate(field(qa, "answers", list, where)):
        text = field(answer, "text", str, "%s.answers[%d]" % (where, number))
        golds.setdefault(text, Gold(text, _start(answer, text, passages[-1])))
    return Question(
        field(qa, "id", str, where),
        field(qa, "question", str, where),
        len(passages) - 1,
        tuple(golds.values()),
    )


def _start(answer, text, passage):
    start = answer.get("answer_start")
    if not isinstance(start, int) or start < 0 or not passage.startswith(text, start):
        return -1
    # A character beyond U+FFFF, such as an emoji, is two units.
    return len(passage[:start].encode("utf-16-le", "surrogatepass")) // 2
