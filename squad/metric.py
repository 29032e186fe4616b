"""Gold answers, and the official SQuAD 2.0 score of one predicted answer.

A prediction is compared with each gold answer of its question after both are *normalised* (lower
case, no ASCII punctuation, no articles, single spaces), and the best comparison counts. Exact
match (EM) is 1 if they are equal, else 0; F1 is the harmonic mean of precision and recall over
the words they share. Source: Rajpurkar et al. (2016, 2018).

``DevelopmentSet`` reads and normalises the gold answers once and remembers how it scored a text,
so that the sixty prediction files of a map take seconds.
"""

import collections
import json
import math
import re
import string
from typing import NamedTuple

import numpy as np

from common import files
from common.command_line import UserError
from squad.format import BadShape, field

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)

# How many question ids an error shows.
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

    Another data set's metric may derive from it: ``questions``, ``prepared`` and ``compared`` say
    what its file looks like and how a text is scored.

    Attributes:
        path: the file.
        question_ids: list of str, in the order of the file.
        has_answer: bool ``[questions]``; False for the unanswerable questions of SQuAD 2.0.
    """

    format_name = "SQuAD"

    def __init__(self, path, what="data file"):
        """Reads the file.

        Args:
            path: the JSON file.
            what: what to call it in an error: a flag or an argument.

        Raises:
            UserError: no JSON; not the data set's shape (says where); no question; a repeated id.
        """
        self.path = str(path)
        answers = {}
        try:
            for where, question_id, texts in self.questions(files.read_json(path, what)):
                if question_id in answers:
                    raise BadShape("%s: the id %s was used before" % (where, question_id))
                answers[question_id] = texts
        except BadShape as error:
            raise UserError("%s: %s: %s" % (what, path, error))
        if not answers:
            raise UserError(
                "%s: %s has no question in it; give a %s file" % (what, path, self.format_name)
            )
        self.question_ids = list(answers)
        self.has_answer = np.array([bool(texts) for texts in answers.values()])
        self._golds = [self.prepared(texts) for texts in answers.values()]
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
            known = set(self.question_ids)
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
    def questions(document):
        """Yields (where in the file, question id, texts of the gold answers)."""
        return _questions(document)

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


def read_no_answer_probabilities(path, what="--na-prob-file"):
    """The probabilities (or other scores) that there is no answer: dict question id -> float.

    Raises:
        UserError: no JSON, or not one number for each question id.
    """
    return _read_by_question(path, what, _is_number, "a number")


def _read_by_question(path, what, is_good, kind):
    values = files.read_json(path, what)
    if not isinstance(values, dict):
        raise UserError(
            '%s: %s must hold one object, {"question id": %s, ...}' % (what, path, kind)
        )
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


def _questions(document):
    """Yields (where in the file, question id, texts of the gold answers)."""
    for number, article in enumerate(_list_in(document, "data", "the top level")):
        where = "data[%d]" % number
        for index, paragraph in enumerate(_list_in(article, "paragraphs", where)):
            here = "%s.paragraphs[%d]" % (where, index)
            for count, question in enumerate(_list_in(paragraph, "qas", here)):
                yield _question(question, "%s.qas[%d]" % (here, count))


def _question(question, where):
    question_id = field(question, "id", str, where)
    answers = enumerate(_list_in(question, "answers", where))
    texts = [field(answer, "text", str, "%s.answers[%d]" % (where, i)) for i, answer in answers]
    return where, question_id, texts


def _list_in(node, key, where):
    return field(node, key, list, where)


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
