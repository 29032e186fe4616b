"""What masks changed, as a report stores it: only answers that differ from the baseline's."""

from typing import Dict, List, NamedTuple

import numpy as np

from common import files
from common.command_line import UserError

# A mask's change of confidence is stored in thousandths, F1 in ten-thousandths.
_CONFIDENCE_UNITS = 1000
_F1_UNITS = 10000
# Where probabilities were rounded, 1 may be a little more.
_HIGHEST_CHANCE = 1.01


def read_nbest(path, what="n-best file") -> Dict[str, Dict[str, float]]:
    """An n-best file: question id -> text -> probability.

    Raises:
        UserError: no JSON, or not lists of texts with probabilities.
    """
    lists = files.read_json(path, what)
    try:
        result = {}
        for key, entries in lists.items():
            # From the last to the first, so that of equal texts the likeliest counts.
            pairs = [(entry["text"], float(entry["probability"])) for entry in reversed(entries)]
            if not all(isinstance(text, str) and _is_chance(chance) for text, chance in pairs):
                raise ValueError(key)
            result[key] = dict(pairs)
        return result
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise UserError(
            "%s: %s does not hold lists of texts with probabilities; write it again with "
            "--write_nbest=True, or take it away" % (what, path)
        )


def _is_chance(value):
    return 0 <= value < _HIGHEST_CHANCE


def confidence_lost(own, cells_own, ids, before, after):
    """How much confidence in the baseline's answers a mask took, for questions it changed.

    With n-best lists of the cell: the probability of the baseline's answer, before minus after.
    Without: by how much the baseline preferred its own answer to the one that the masked reader
    gave. A text that is not in a list counts as 0 there.

    Args:
        own: the baseline's n-best, as read_nbest gives it.
        cells_own: that of the cell, or None.
        ids: ids of the questions.
        before, after: for each of them the baseline's and the masked answer.

    Returns:
        list of int, thousandths.
    """
    lost = []
    for key, baseline_text, text in zip(ids, before, after):
        if cells_own is None:
            left = own.get(key, {}).get(text, 0.0)
        else:
            left = cells_own.get(key, {}).get(baseline_text, 0.0)
        change = own.get(key, {}).get(baseline_text, 0.0) - left
        lost.append(int(round(_CONFIDENCE_UNITS * change)))
    return lost


class Texts(NamedTuple):
    """For each question all the different answers that any reader gave, the right ones first.

    Attributes:
        texts: list of str for each question.
        num_right: how many of them are right.
        f1: for each its F1, ten-thousandths.
        places: for each question text -> its index.
    """

    texts: List[List[str]]
    num_right: List[int]
    f1: List[List[int]]
    places: List[Dict[str, int]]


def texts_of(development, answers) -> Texts:
    """Gathers the answers of all readers.

    Args:
        development: see data_sets.development_set.
        answers: predictions.Answers of every cell, and of the baselines.
    """
    known: List[Dict[str, None]] = [{} for _ in development.question_ids]
    for one in answers:
        for texts, text in zip(known, one.texts):
            texts[text] = None
    result = Texts([], [], [], [])
    for index, found in enumerate(known):
        scores = {text: development.score_of(index, text) for text in found}
        texts = sorted(found, key=lambda text: not scores[text][0])  # noqa: B023
        result.texts.append(texts)
        result.num_right.append(sum(1 for text in texts if scores[text][0]))
        result.f1.append([int(round(_F1_UNITS * scores[text][1])) for text in texts])
        result.places.append({text: place for place, text in enumerate(texts)})
    return result


def changes_of(baseline, cell, places):
    """The changed answers of a cell, as the page stores them.

    Args:
        baseline, cell: Answers.
        places: see Texts.

    Returns:
        (numbers of the changed questions; dict "questions": distances from one of them to the
        next, "answers": indices into the texts of the question).
    """
    pairs = enumerate(zip(baseline.texts, cell.texts))
    where = [i for i, (before, after) in pairs if before != after]
    return where, {
        "questions": np.diff(where, prepend=0).tolist() if where else [],
        "answers": [places[i][cell.texts[i]] for i in where],
    }
