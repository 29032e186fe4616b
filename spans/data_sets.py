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
import squad.metric
import tokenization
from common import files
from common.command_line import UserError


class DataSet(NamedTuple):
    """What the runner and the scripts ask a data set.

    Attributes:
        title: its name for people.
        read_examples: see squad.examples.read_examples.
        metric: the class that scores it; see squad.metric.DevelopmentSet.
        joins_words: whether the words of an answer are joined without spaces.
        limits_spans: whether only the passage may be an answer (spans.scores.within_passage).
        has_null_answers: whether "no answer" may be an answer.
    """

    title: str
    read_examples: Callable[..., list]
    metric: Callable[..., Any]
    joins_words: bool = False
    limits_spans: bool = False
    has_null_answers: bool = False


_CJK = re.compile("[%s]" % tokenization.CJK)

_DATA_SETS = {
    "squad": DataSet(
        title="SQuAD",
        read_examples=squad.examples.read_examples,
        metric=squad.metric.DevelopmentSet,
        has_null_answers=True,
    ),
    "cmrc2018": DataSet(
        title="CMRC 2018",
        read_examples=cmrc2018.examples.read_examples,
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
    data_set = named(name)
    examples = data_set.read_examples(path, is_training, version_2, what=what, log=log)
    if not data_set.joins_words and _is_chinese(examples):
        log(
            "NOTE: %s is Chinese, whose words --dataset=%s does not tell apart; say "
            "--dataset=cmrc2018" % (path, name)
        )
    return examples


def _is_chinese(examples):
    """Whether a third of the characters of the first passages are Chinese."""
    text = "".join(example.passage for example in examples[:20])
    return 3 * len(_CJK.findall(text)) > len(text)


def development_set(path, name: Optional[str] = None, what="data file"):
    """The gold answers in a file, ready to score predictions with the data set's own metric.

    Args:
        path: the JSON file.
        name: the data set's name; None tells it from the file (cmrc2018.format.is_cmrc).
        what: what to call the file in an error: a flag or an argument.

    Returns:
        An object with the interface of squad.metric.DevelopmentSet.

    Raises:
        UserError: an unknown name, or a file that is not of that data set.
    """
    if name is None:
        is_cmrc = cmrc2018.format.is_cmrc(files.read_json(path, what))
        name = "cmrc2018" if is_cmrc else DEFAULT
    return named(name).metric(path, what)
