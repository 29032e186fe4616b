"""The data sets that the runner reads, and what differs between them.

Training, decoding and scoring are one code for all; what it needs to know about a data set stands
here as one object, and what that object does is in the data set's own folder: ``squad/`` and
``cmrc2018/``.
"""

import re
from typing import Any, Callable, NamedTuple, Optional

import cmrc2018.examples
import cmrc2018.format
import cmrc2018.metric
import squad.examples
import squad.format
import squad.metric
import tokenization
from common.command_line import UserError
from common.progress import say


class DataSet(NamedTuple):
    """What the runner and the scripts ask a data set.

    Attributes:
        title: its name for people.
        questions_in: see squad.format.questions_in.
        read_examples: see squad.examples.read_examples.
        words_of: a passage -> its words, as in squad.examples.Example.
        metric: the class that scores it; see squad.metric.DevelopmentSet.
        joins_words: whether the words of an answer are joined without spaces.
        limits_spans: whether only the passage may be an answer (spans.scores.within_passage).
        has_null_answers: whether "no answer" may be an answer.
    """

    title: str
    questions_in: Callable[..., list]
    read_examples: Callable[..., list]
    words_of: Callable[[str], list]
    metric: Callable[..., Any]
    joins_words: bool = False
    limits_spans: bool = False
    has_null_answers: bool = False


_CJK = re.compile("[%s]" % tokenization.CJK)
_KANA = re.compile("[\u3041-\u30ff]")
# Of how many questions the passages are looked at to tell the language.
_PASSAGES_READ = 20

_DATA_SETS = {
    "squad": DataSet(
        title="SQuAD",
        questions_in=squad.format.questions_in,
        read_examples=squad.examples.read_examples,
        words_of=squad.examples.words_of,
        metric=squad.metric.DevelopmentSet,
        has_null_answers=True,
    ),
    "cmrc2018": DataSet(
        title="CMRC 2018",
        questions_in=cmrc2018.format.questions_in,
        read_examples=cmrc2018.examples.read_examples,
        words_of=lambda passage: cmrc2018.examples.words_of(passage)[0],
        metric=cmrc2018.metric.DevelopmentSet,
        joins_words=True,
        limits_spans=True,
    ),
}
DEFAULT = "squad"
NAMES = tuple(_DATA_SETS)


def named(name: str, what="--dataset") -> DataSet:
    """The data set of that name.

    Raises:
        UserError: there is none; the message lists those there are.
    """
    if name not in _DATA_SETS:
        raise UserError(
            "%s: there is no data set %r; choose from %s" % (what, name, ", ".join(NAMES))
        )
    return _DATA_SETS[name]


def read_examples(name, path, is_training, version_2, what, log):
    """The questions in a file; see squad.examples.read_examples."""
    examples = named(name).read_examples(path, is_training, version_2, what=what, log=log)
    _note_on_language(name, [example.passage for example in examples[:_PASSAGES_READ]], path, log)
    return examples


def example(name, question, passage):
    """A question of one's own about a passage, as read_examples gives those of a file.

    Args:
        name: the data set whose rules hold.
        question, passage: their texts.
    """
    return squad.examples.Example("question", question, passage, named(name).words_of(passage))


def _note_on_language(name, passages, path, log):
    """Says so where a third of the characters are Chinese and the rules are not made for it.

    Japanese has as many, among its own syllables.
    """
    text = "".join(passages)
    is_chinese = 3 * len(_CJK.findall(text)) > len(text) > 20 * len(_KANA.findall(text))
    if is_chinese and not named(name).joins_words:
        log(
            "NOTE: %s is Chinese, whose words --dataset=%s does not tell apart; say "
            "--dataset=cmrc2018" % (path, name)
        )


def development_set(path, name: Optional[str] = None, what="data file", log=say, sample=None):
    """The gold answers in a file, ready to score predictions with the data set's own metric.

    Args:
        path: the JSON file.
        name: the data set's name; None tells it from the file (cmrc2018.format.is_cmrc).
        what: what to call the file in an error: a flag or an argument.
        log: takes a line where the data set's rules do not suit the language, or not all count.
        sample: the Sample of the questions that counts; None if all do.

    Returns:
        An object with the interface of squad.metric.DevelopmentSet.

    Raises:
        UserError: an unknown name, or a file that is not of that data set.
    """
    top = squad.format.open_file(path, what)
    if name is None:
        name = "cmrc2018" if cmrc2018.format.is_cmrc(top) else DEFAULT
    data_set = named(name)
    questions = data_set.questions_in(top)
    development = data_set.metric(questions, path, sample)
    if sample is not None:
        log("NOTE: %s: the predictions are of %s" % (path, sample.text))
    # A score needs no passage, so that a file may have none.
    read = [question.passage for question in questions[:_PASSAGES_READ]]
    _note_on_language(name, [passage.text for passage in read if passage.has_text], path, log)
    return development


def reads_cls(development):
    """Whether answers to these questions depend on the scores of [CLS], whatever they are."""
    limits_spans = any(
        data_set.limits_spans
        for data_set in _DATA_SETS.values()
        if data_set.metric is type(development)
    )
    # Scores within limits are shares of a whole that [CLS] is part of.
    return limits_spans or not development.has_answer.all()
