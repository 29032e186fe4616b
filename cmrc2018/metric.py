"""The metric of CMRC 2018: exact match of characters, and F1 over the longest common substring.

Both texts are lower-cased and lose the signs of ``_DROPPED``. Exact match asks whether what is left
is equal. For F1 each is cut into *segments*: a Chinese character is one, and what stands between is
cut by nltk's word tokenizer, as it is for English. The longest run of segments that both have,
divided by the segments of the prediction and of the answer, gives precision and recall. The best
gold answer counts. Source: Cui et al. (2019), section 3.2, and the evaluation script that the data
was published with.
"""

import difflib
import functools
import re
from typing import List, NamedTuple, Tuple

import numpy as np

import squad.metric
from cmrc2018.format import answers_of
from common.command_line import UserError
from squad.metric import Scores

# The signs that the published script removes. It lists the ellipsis as the two characters "……",
# which no single character equals, so that ellipses stay; and "‘" is not in its list, "’" is.
_DROPPED = "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』"
_NOT_DROPPED = str.maketrans("", "", _DROPPED)
# The only characters that the published script takes for Chinese.
_CHINESE = "\u4e00-\u9fa5"
_CHINESE_CHARACTER = re.compile("[%s]" % _CHINESE)
_SEGMENT = re.compile("[{0}]|[^{0}]+".format(_CHINESE))


def bare(text: str) -> str:
    """The text as it is compared: ``"《MIT》  2·0"`` -> ``"mit  20"``; inner spaces count."""
    return text.lower().strip().translate(_NOT_DROPPED)


def segments(text: str) -> List[str]:
    """The segments of a text that went through ``bare``: ``"在2010年"`` -> ``在 2010 年``."""
    found: List[str] = []
    for part in _SEGMENT.findall(text):
        found.extend(_words(part))
    return found


@functools.lru_cache(maxsize=100000)
def _words(part) -> Tuple[str, ...]:
    if _CHINESE_CHARACTER.match(part):
        return (part,)
    return tuple(_tokenizer().tokenize(part))


@functools.lru_cache(maxsize=None)
def _tokenizer():
    # The published script calls nltk.word_tokenize, which cuts a text into sentences, for which it
    # downloads data, and each sentence into words by this tokenizer. What stands between two
    # Chinese characters is hardly ever more than one sentence.
    from nltk.tokenize.destructive import NLTKWordTokenizer

    return NLTKWordTokenizer()


_DECIMALS = 3


class _Gold(NamedTuple):
    """A gold answer: its bare text, and its segments in a matcher, indexed once."""

    text: str
    matcher: difflib.SequenceMatcher
    length: int


def _golds(texts):
    golds = []
    for text in dict.fromkeys(map(bare, texts)):
        answer = segments(text)
        matcher = difflib.SequenceMatcher(None, "", answer, autojunk=False)
        golds.append(_Gold(text, matcher, len(answer)))
    return golds


def _score(text, golds):
    """(exact match, F1) of a bare prediction: the best over the gold answers, each by itself."""
    exact = float(any(text == gold.text for gold in golds))
    predicted = segments(text)
    return exact, max(_f1(predicted, gold) for gold in golds)


def _f1(predicted, gold):
    gold.matcher.set_seq1(predicted)
    shared = gold.matcher.find_longest_match(0, len(predicted), 0, gold.length).size
    if not shared:
        return 0.0
    precision, recall = shared / len(predicted), shared / gold.length
    return 2 * precision * recall / (precision + recall)


class DevelopmentSet(squad.metric.DevelopmentSet):
    """The questions of a CMRC 2018 file with their gold answers, ready to score predictions.

    The attributes and methods are those of squad.metric.DevelopmentSet.
    """

    @staticmethod
    def gold_texts(question):
        """The texts of a question's gold answers; UserError if there are none."""
        return [answer.text for answer in answers_of(question)]

    def score_those_there(self, predictions):
        """As ``score``, with 0 for questions without a prediction, and no error.

        Predictions for unknown questions are passed over.
        """
        pairs = [
            self.score_of(index, predictions[key]) if key in predictions else (0.0, 0.0)
            for index, key in enumerate(self.question_ids)
        ]
        exact, f1 = zip(*pairs)
        return Scores(np.array(exact), np.array(f1))

    prepared = staticmethod(_golds)

    @staticmethod
    def compared(text, golds):
        """(exact match, F1) of a predicted text."""
        return _score(bare(text), golds)


def evaluation(development, predictions, source, log):
    """The metric of a prediction file, as the published script prints it.

    Questions without a prediction count as wrong and are named; predictions for unknown questions
    are passed over.

    Args:
        development: DevelopmentSet.
        predictions: dict question id -> predicted text.
        source: where they are from, for messages.
        log: takes lines about what does not fit.

    Returns:
        dict ``AVERAGE``, ``F1``, ``EM`` (percent, three decimals), ``TOTAL``, ``SKIP``.

    Raises:
        UserError: no prediction is for any of the questions.
    """
    known = development.left_out.union(development.question_ids)
    unknown = sum(key not in known for key in predictions)
    if unknown == len(predictions):
        raise UserError(
            "%s has no answer to any question of %s; give the data file that was decoded"
            % (source, development.path)
        )
    if unknown:
        log(
            "NOTE: %d predictions are for questions that are not in %s; they are left out"
            % (unknown, development.path)
        )
    skipped = [key for key in development.question_ids if key not in predictions]
    for key in skipped:
        log("no prediction for question %s" % key)
    return _summary(development.score_those_there(predictions), len(skipped))


def _summary(scores, num_skipped):
    total = len(scores.exact)
    # Added up one by one in the data's order: numpy's sum may differ in the last digit.
    f1 = 100.0 * squad.metric.plain_sum(scores.f1.tolist()) / total
    exact = 100.0 * squad.metric.plain_sum(scores.exact.tolist()) / total
    return {
        "AVERAGE": round((exact + f1) / 2, _DECIMALS),
        "F1": round(f1, _DECIMALS),
        "EM": round(exact, _DECIMALS),
        "TOTAL": total,
        "SKIP": num_skipped,
    }
