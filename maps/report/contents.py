"""What a report shows, gathered from the prediction files.

Only what a mask changed is kept: passages once, and for each cell the answers that differ from the
baseline's. So 10,570 questions and sixty cells stay a few megabytes.
"""

import datetime
import functools
import os
from typing import Dict, List, NamedTuple

import numpy as np

from common import files
from common.command_line import UserError
from common.progress import say
from maps.clustered import UNITS, change, clusters_of
from maps.kinds import name_of
from maps.predictions import Folder, read_answers, sample_of
from maps.report.grids import grids_of
from maps.report.questions import QUESTION_WORDS, Question, as_shown, question_word
from maps.significance import holm
from spans import data_sets
from zones.cells import BASELINE, NBEST, PREDICTIONS, file_name

# A mask's change of confidence is stored in thousandths.
_CONFIDENCE_UNITS = 1000


class Group(NamedTuple):
    """Questions that the map can be drawn for.

    Attributes:
        label: its name on the page.
        members: bool ``[questions]``.
        rule: how the page finds the members again: ``{}`` (all), ``{"word": 3}`` (an index into
            QUESTION_WORDS) or ``{"answerable": False}``.
    """

    label: str
    members: np.ndarray
    rule: dict


# Reading ----------------------------------------------------------------------------------------


def _baseline_file(folder, given):
    """The baseline's prediction file: the one that was given, or that of the folder.

    Raises:
        UserError: there is none.
    """
    path = given or folder.baseline_file()
    if not path:
        raise UserError(
            "prediction folder: %s has no %s, the answers with nothing masked; name them with "
            "--baseline FILE, such as output/squad/predictions.json"
            % (folder.path, file_name(PREDICTIONS, BASELINE))
        )
    return path


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
            # Where chances were rounded, 1 may be a little more.
            if not all(isinstance(text, str) and 0 <= chance < 1.01 for text, chance in pairs):
                raise ValueError(key)
            result[key] = dict(pairs)
        return result
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise UserError(
            "%s: %s does not hold lists of texts with probabilities; write it again with "
            "--write_nbest=True, or take it away" % (what, path)
        )


# What a mask changed ----------------------------------------------------------------------------


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


class _Variants:
    """For each question the different answers that masked readers gave in the baseline's place."""

    def __init__(self, count):
        self._known = [{} for _ in range(count)]  # text -> whether it is right

    def add(self, question, text, is_right):
        self._known[question].setdefault(text, bool(is_right))

    def as_lists(self):
        """(texts of each question, the right ones first; how many are right)."""
        texts = [sorted(known, key=lambda text: not known[text]) for known in self._known]
        return texts, [sum(known.values()) for known in self._known]


def _changes(baseline, cells, lists_of, ids):
    """The changed answers of every cell, as the page stores them.

    Args:
        baseline: Answers.
        cells: dict Cell -> Answers.
        lists_of: function of a Cell giving its n-best lists or None.
        ids: question ids.

    Returns:
        (dict Cell -> {"questions": distances from one changed question to the next, "answers":
        indices into the variants of the question, "lost": thousandths or None, "hasLists": bool},
        variants, number of right variants).
    """
    variants = _Variants(len(ids))
    changed = {}
    for cell, answers in cells.items():
        pairs = zip(baseline.texts, answers.texts)
        changed[cell] = [i for i, (before, after) in enumerate(pairs) if before != after]
        for i in changed[cell]:
            variants.add(i, answers.texts[i], answers.scores.exact[i])
    texts, num_right = variants.as_lists()
    places = [{text: place for place, text in enumerate(known)} for known in texts]
    own = lists_of(BASELINE)
    stored = {}
    for cell in cells:
        where, after = changed[cell], cells[cell].texts
        entry = stored[cell] = {
            "questions": np.diff(where, prepend=0).tolist() if where else [],
            "answers": [places[i][after[i]] for i in where],
            "lost": None,
            "hasLists": False,
        }
        if own is not None:
            lists = lists_of(cell)
            chosen = ([values[i] for i in where] for values in (ids, baseline.texts, after))
            entry["lost"] = confidence_lost(own, lists, *chosen)
            entry["hasLists"] = lists is not None
    return stored, texts, num_right


# Groups of questions and their maps -------------------------------------------------------------


def groups_of(questions: List[Question]):
    """All questions, those of each question word, and in SQuAD 2.0 those with and without answer.

    Groups without a question are left out.
    """
    words = np.array([QUESTION_WORDS.index(question_word(q.text)) for q in questions])
    answerable = np.array([bool(question.golds) for question in questions])
    groups = [Group("all", np.ones(len(questions), bool), {})]
    for index, word in enumerate(QUESTION_WORDS):
        groups.append(Group(word, words == index, {"word": index}))
    if not answerable.all():
        groups.append(Group("with an answer", answerable, {"answerable": True}))
        groups.append(Group("without an answer", ~answerable, {"answerable": False}))
    return [group for group in groups if group.members.any()], words


def _numbers_of(group, baseline, cells, grids, clusters):
    """The numbers of a group: for each cell ``[broken, mended, low, high, p, p_holm]``, or None.

    Args:
        group: Group.
        baseline: Answers.
        cells: dict Cell -> Answers, of the cells that were decoded.
        grids: list of Grid; p values are corrected over the cells of each.
        clusters: Clusters of all questions.
    """
    before, members = baseline.scores.exact[group.members], clusters.among(group.members)
    numbers = []
    for grid in grids:
        every_cell = list(_cells_in(grid))
        decoded = [cell for cell in every_cell if cell in cells]
        differences = [cells[cell].scores.exact[group.members] - before for cell in decoded]
        changes = [change(difference[np.newaxis], members) for difference in differences]
        corrected = holm([found.p_value for found in changes])
        rows = {
            cell: _numbers(*row) for cell, *row in zip(decoded, differences, changes, corrected)
        }
        numbers += [rows.get(cell) for cell in every_cell]
    return numbers


def _numbers(difference, found, corrected):
    counts = [int((difference < 0).sum()), int((difference > 0).sum())]
    others = [found.low, found.high, found.p_value, corrected]
    return [*counts, *(float("%.4g" % number) for number in others)]


def _cells_in(grid):
    """The cells of a Grid in the page's order: the first layer first."""
    return (cell for row in reversed(grid.cells) for cell in row if cell is not None)


def _as_drawn(grid, places):
    """A Grid for the page, with numbers of cells for cells; ``places`` tells them."""
    drawn = grid._asdict()
    drawn["cells"] = [[cell and places[cell] for cell in row] for row in grid.cells]
    return drawn


# All of it --------------------------------------------------------------------------------------


def gather(folder, data_file, baseline_file=None, title=None, data_set=None):
    """Everything that the page shows, as values that go into JSON.

    Args:
        folder: the prediction folder.
        data_file: the questions, with their gold answers.
        baseline_file: the baseline's predictions, if they are not in the folder.
        title: the page's heading; by default made of the data file's name.
        data_set: whose metric counts, a name of data_sets; by default told from the file.

    Raises:
        UserError: a file is missing or is not what it should be.
    """
    folder = Folder(folder)
    baseline_file = _baseline_file(folder, baseline_file)
    development = data_sets.development_set(data_file, data_set, sample=sample_of([folder]))
    passages, questions = as_shown(development.questions)
    baseline = read_answers(baseline_file, development, "baseline file")
    grids = grids_of(folder)
    wanted = [cell for grid in grids for cell in _cells_in(grid)]
    present = [cell for cell in wanted if cell in folder.cells]
    cells = {cell: read_answers(folder.file(cell), development) for cell in present}
    lists_of = functools.partial(_nbest_of_cell, folder, baseline_file)
    changes, variants, num_right = _changes(baseline, cells, lists_of, development.question_ids)
    groups, words = groups_of(questions)
    clusters = clusters_of(development, UNITS[0])
    is_right = baseline.scores.exact.astype(int)
    return {
        "title": title or "Attention zones on %s" % _stem(data_file),
        "made": str(datetime.date.today()),
        "sources": {
            "predictions": folder.path,
            "baseline": str(baseline_file),
            "questions": str(data_file),
            "sample": development.sample and development.sample.text,
        },
        "maps": [_as_drawn(grid, {c: place for place, c in enumerate(wanted)}) for grid in grids],
        "missing": [file_name(PREDICTIONS, cell) for cell in wanted if cell not in cells],
        "groups": [
            {
                **_as_counts(group, is_right),
                "numbers": _numbers_of(group, baseline, cells, grids, clusters),
            }
            for group in groups
        ],
        "cells": [
            {"name": name_of(cell), "zone": cell.zone, "changes": changes.get(cell)}
            for cell in wanted
        ],
        "passages": passages,
        "questions": {
            **_as_columns(questions),
            "id": development.question_ids,
            "word": words.tolist(),
            "baseline": baseline.texts,
            "right": is_right.tolist(),
            "variants": variants,
            "rightVariants": num_right,
        },
    }


def _as_counts(group, is_right):
    """A group of questions: its name, its rule, and how many the baseline answers rightly."""
    return {
        "label": group.label,
        "size": int(group.members.sum()),
        "right": int(is_right[group.members].sum()),
        "rule": group.rule,
    }


def _as_columns(questions):
    """What the questions are, field by field; a passage is counted from the question before."""
    return {
        "text": [question.text for question in questions],
        "passage": np.diff([question.passage for question in questions], prepend=0).tolist(),
        "golds": [[list(gold) for gold in question.golds] for question in questions],
    }


def _nbest_of_cell(folder, baseline_file, cell):
    """The n-best lists of a cell, or None; the baseline's stand beside its predictions."""
    if cell == BASELINE:
        home = files.directory_of(baseline_file)
        return _nbest_lists(files.join(home, file_name(NBEST, BASELINE)), is_large=False)
    return _nbest_lists(folder.file(cell, NBEST), is_large=True)


def _nbest_lists(path, is_large):
    if not files.exists(path):
        return None
    if is_large:  # tens of megabytes each
        say("reading " + path)
    return read_nbest(path)


def _stem(path):
    """``squad/dev-v1.1.json`` -> ``dev-v1.1``."""
    return os.path.splitext(os.path.basename(str(path)))[0]
