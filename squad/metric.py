"""Gold answers, and the official SQuAD 2.0 score of one predicted answer.

A prediction is compared with each gold answer of its question after both are *normalised* (lower
case, no ASCII punctuation, no articles, single spaces), and the best comparison counts. Exact
match (EM) is 1 if they are equal, else 0; F1 is the harmonic mean of precision and recall over
the words they share. Source: Rajpurkar et al. (2016, 2018).

``DevelopmentSet`` reads and normalises the gold answers once and remembers how it scored a text,
so that the sixty prediction files of a map take seconds.
"""

import collections
import functools
import json
import math
import operator
import re
import string
from typing import List, NamedTuple

import numpy as np

from common import files
from common.command_line import UserError
from squad.format import Question

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)

# The most question ids that an error lists.
_IDS_SHOWN = 3

_RIGHT, _WRONG = (1.0, 1.0), (0.0, 0.0)


def normalise(text):
    """The text as it is compared: ``"The  White House!"`` -> ``"white house"``."""
    bare = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


# Data and predictions ---------------------------------------------------------------------------


class Scores(NamedTuple):
    """The scores of one prediction file, float64 ``[questions]``, 0 to 1, in the data's order."""

    exact: np.ndarray
    f1: np.ndarray


class _Gold(NamedTuple):
    """A gold answer, normalised: its text, its words with their counts, how many words."""

    text: str
    bag: collections.Counter
    length: int


class DevelopmentSet:
    """The questions of a data set with their gold answers, ready to score prediction files.

    Another data set's metric may derive from it: ``gold_texts``, ``prepared`` and ``compared`` say
    how a text is scored.

    Attributes:
        path: the file.
        questions: list of squad.format.Question, in the order of the file.
        question_ids: their ids.
        sample: the common.sample.Sample of the file's questions that alone counts; None if all do.
        left_out: ids of the file's other questions.
        has_answer: bool ``[questions]``; False for the unanswerable questions of SQuAD 2.0.
    """

    def __init__(self, questions: List[Question], path, sample=None):
        """Reads the gold answers.

        Args:
            questions: as squad.format.questions_in gives them.
            path: the file they are from, for messages.
            sample: see the attribute.

        Raises:
            UserError: a question without a list of answers, or with one that is none.
        """
        self.path = str(path)
        self.sample = sample
        self.left_out = frozenset()
        if sample is not None:
            everything = {question.question_id for question in questions}
            questions = sample.of_list(questions, self.path)
            self.left_out = everything.difference(question.question_id for question in questions)
        self.questions = questions
        self.question_ids = [question.question_id for question in questions]
        texts = [self.gold_texts(question) for question in questions]
        self.has_answer = np.array(list(map(bool, texts)))
        self._golds = list(map(self.prepared, texts))
        self._known = [{} for _ in self._golds]  # per question: predicted text -> (exact, f1)

    def __len__(self):
        return len(self.question_ids)

    def score(self, predictions, source="the predictions"):
        """Scores one answer to every question.

        Args:
            predictions: dict question id -> predicted text, of just these questions.
            source: where the predictions are from, for the error.

        Returns:
            Scores.

        Raises:
            UserError: questions without a prediction, or predictions for unknown questions.
        """
        texts = self.in_order(predictions, source)
        pairs = [self.score_of(index, text) for index, text in enumerate(texts)]
        exact, f1 = zip(*pairs)
        return Scores(np.array(exact), np.array(f1))

    def in_order(self, by_question, source):
        """The values of a dict with question ids as keys, in the order of ``question_ids``.

        Raises:
            UserError: the keys are not just the questions; the message says how many differ.
        """
        missing = [key for key in self.question_ids if key not in by_question]
        unknown = []
        if len(by_question) != len(self) - len(missing):
            known = self.left_out.union(self.question_ids)
            unknown = [key for key in by_question if key not in known]
        if not missing and not unknown:
            return [by_question[key] for key in self.question_ids]
        faults = []
        if missing:
            faults.append("lacks %d of the %d questions (%s)" % _counted(missing, len(self)))
        if unknown:
            faults.append(
                "has %d of %d ids that are not in it (%s)" % _counted(unknown, len(by_question))
            )
        raise UserError(
            "%s does not fit the questions of %s: it %s; give the data file that was decoded, or "
            "decode this one" % (source, self.path, " and ".join(faults))
        )

    @staticmethod
    def gold_texts(question):
        """The texts of a question's gold answers."""
        return [answer.text for answer in question.answers()]

    @staticmethod
    def prepared(texts):
        """The gold answers of a question, as ``compared`` takes them."""
        return _golds(texts)

    @staticmethod
    def compared(text, golds):
        """(exact match, F1) of a predicted text."""
        return _score(normalise(text), golds)

    def score_of(self, index, text):
        """(exact match, F1) of a text as the answer to the question of that index."""
        known = self._known[index]
        if text not in known:
            known[text] = self.compared(text, self._golds[index])
        return known[text]


def read_predictions(path, what="prediction file"):
    """The predictions in a file: dict question id -> text.

    Raises:
        UserError: no JSON, or not one text for each question id.
    """
    return _read_by_question(path, what, lambda value: isinstance(value, str), "a text")


def read_no_answer_probabilities(path):
    """The probabilities (or other scores) that there is no answer: dict question id -> float.

    Raises:
        UserError: no JSON, or not one number for each question id.
    """
    return _read_by_question(path, "--na-prob-file", _is_number, "a number")


def _read_by_question(path, what, is_good, kind):
    form = 'one object, {"question id": %s, ...}' % kind
    values = files.read_json(path, what, form)
    if not isinstance(values, dict):
        raise UserError("%s: %s must hold %s" % (what, path, form))
    if isinstance(values.get("data"), list):
        raise UserError("%s: %s is a data set, not %s" % (what, path, form))
    for key, value in values.items():
        if not is_good(value):
            raise UserError(
                "%s: %s: question %s has %s where %s was expected"
                % (what, path, key, json.dumps(value)[:40], kind)
            )
    return values


def _is_number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the floats
        return False


def _counted(ids, total):
    shown = ", ".join(ids[:_IDS_SHOWN]) + (", ..." if len(ids) > _IDS_SHOWN else "")
    return len(ids), total, shown


# Scores of a data set ---------------------------------------------------------------------------


def plain_sum(values):
    """The sum of floats, added one after another, to the last digit the same on every Python.

    From 3.12 on, Python's own sum() keeps what rounding loses, and the official scripts' figures,
    made on older ones, then differ in the last digit.
    """
    return functools.reduce(operator.add, values, 0.0)


def summary(scores, has_answer):
    """The metric in percent, as the official tool names it.

    Args:
        scores: Scores.
        has_answer: bool ``[questions]``.

    Returns:
        dict ``exact``, ``f1``, ``total``, then the same with ``HasAns_`` and ``NoAns_`` for the
        questions with and without an answer, where there are any.
    """
    result = _means(scores, np.ones_like(has_answer), "")
    for prefix, chosen in (("HasAns_", has_answer), ("NoAns_", ~has_answer)):
        if chosen.any():
            result.update(_means(scores, chosen, prefix))
    return result


def _means(scores, chosen, prefix):
    # Added up one by one in the data's order, as the official tool does: numpy's sum goes
    # pairwise and may differ in the last digit.
    total = int(chosen.sum())
    return {
        prefix + "exact": 100.0 * plain_sum(scores.exact[chosen].tolist()) / total,
        prefix + "f1": 100.0 * plain_sum(scores.f1[chosen].tolist()) / total,
        prefix + "total": total,
    }


# Scores of one answer ---------------------------------------------------------------------------


def _golds(texts):
    """The different gold answers of a question; the empty one, if none has a word left."""
    normal = dict.fromkeys(filter(None, map(normalise, texts))) or [""]
    golds = []
    for text in normal:
        words = text.split()
        golds.append(_Gold(text, collections.Counter(words), len(words)))
    return golds


def _score(text, golds):
    """(exact match, F1) of a normalised prediction: the best over the gold answers."""
    if any(text == gold.text for gold in golds):
        return _RIGHT
    words = text.split()
    bag = collections.Counter(words)
    f1 = max(_f1(bag, len(words), gold) for gold in golds)
    return (0.0, f1) if f1 else _WRONG


def _f1(bag, length, gold):
    """F1 of two texts that differ; of two empty ones it would be 1, but those are equal."""
    shared = sum(min(bag[word], gold.bag[word]) for word in bag.keys() & gold.bag.keys())
    if not shared:
        return 0.0
    precision, recall = shared / length, shared / gold.length
    return 2 * precision * recall / (precision + recall)
