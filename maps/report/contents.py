"""What a report shows, gathered from the prediction files.

Only what a mask changed is kept: passages once, and for each cell the answers that differ from the
baseline's. So 10,570 questions and sixty cells stay a few megabytes. What follows from the answers
(changes, intervals, tests) the page counts itself, for whichever questions it shows.
"""

import copy
import datetime
import functools
import os
from typing import List, NamedTuple, Optional

import numpy as np

from common import files
from common.command_line import UserError
from common.progress import say
from maps import attention, predictions
from maps.correlation import MEANING
from maps.kinds import name_of
from maps.oddities import warn_of
from maps.predictions import Folder, read_answers, run_name
from maps.report import origin
from maps.report.changes import changes_of, confidence_lost, read_nbest, texts_of
from maps.report.grids import grids_of
from maps.report.questions import as_columns, as_shown, ranges_of
from spans import data_sets
from zones.cells import BASELINE, NBEST, PREDICTIONS, file_name


class Asked(NamedTuple):
    """What the user asked for.

    Attributes:
        readers: one or two lists of prediction folders, one folder for each run of the reader.
        names: what to call the readers; as many or fewer.
        data_file: the questions, with their gold answers.
        report_file: the page.
        baseline: the baseline's predictions, see predictions.baselines_of; None: in the folder.
        title: the page's heading; None makes one.
        data_set: whose metric counts, a name of data_sets; None tells it from the file.
        command: the command line, for whoever wants to repeat it.
    """

    readers: List[List[str]]
    names: List[str]
    data_file: str
    report_file: str
    baseline: Optional[str] = None
    title: Optional[str] = None
    data_set: Optional[str] = None
    command: str = ""


def gather(asked):
    """Everything that the page shows, as values that go into JSON.

    Args:
        asked: Asked.

    Raises:
        UserError: a file is missing or is not what it should be.
    """
    folders = [[Folder(path) for path in paths] for paths in asked.readers]
    flat = sum(folders, [])
    baselines = [
        _baseline_file(*one) for one in zip(flat, predictions.baselines_of(flat, asked.baseline))
    ]
    sample = predictions.sample_of(flat)
    development = data_sets.development_set(asked.data_file, asked.data_set, sample=sample)
    passages, questions = as_shown(development.questions)
    grids = grids_of(_united(flat))
    wanted = [cell for grid in grids for cell in _cells_in(grid)]
    runs = [_read(*one, development, wanted) for one in zip(flat, baselines)]
    weights = [_weights(run, wanted) for run in runs]
    known = texts_of(development, _answers_of(runs))
    run_names = _short_names(runs)
    views, names = _views(folders, runs, asked.names, run_names)
    facts = origin.facts_of_tables(runs, development, asked.report_file)
    title = "Attention zones: %s on %s" % (" and ".join(names), origin.stem(asked.data_file))
    shown = {
        "title": asked.title or title,
        "made": str(datetime.date.today()),
        "sample": development.sample and development.sample.text,
        "origin": origin.lines_of(runs, development, facts, asked.command),
        "views": views,
        "beside": next((n for n, view in enumerate(views) if view["reader"] == 1), None),
        "maps": [_as_drawn(grid, wanted) for grid in grids],
        "missing": _missing(flat, wanted),
        "meaning": MEANING if any(weights) else None,
        "cells": [_as_named(cell) for cell in wanted],
        "first": _of_first_view(runs, views[0], wanted),
        "runs": [
            {
                "name": name,
                "weights": of_run,
                **_as_stored(run, wanted, known, development.question_ids),
            }
            for name, run, of_run in zip(run_names, runs, weights)
        ],
        "ranges": ranges_of(passages, questions),
        "passages": passages,
        "questions": {
            **as_columns(passages, questions),
            "id": development.question_ids,
            "answers": known.texts,
            "numRight": known.num_right,
            "f1": known.f1,
        },
    }
    warn_of(runs, development)
    return shown


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


def _read(folder, baseline_file, development, wanted):
    """The predictions.Run of a folder: the cells of the maps that it holds."""
    baseline = read_answers(baseline_file, development, "baseline file")
    present = [cell for cell in wanted if cell in folder.cells]
    cells = {cell: read_answers(folder.file(cell), development) for cell in present}
    return predictions.Run(folder, cells, baseline, str(baseline_file))


def _weights(run, wanted):
    """What the unmasked reader looks at: the weight of each cell; None if it is not known."""
    found, doubt = attention.of_folder(run)
    if doubt:
        say("WARNING: " + doubt)
    return None if found is None else attention.of_cells(found, wanted)


def _united(folders):
    """A Folder with the cells of all, for the maps."""
    united = copy.copy(folders[0])
    united.cells = set().union(*(folder.cells for folder in folders))
    united.num_layers = max(folder.num_layers for folder in folders)
    return united


def _answers_of(runs):
    for run in runs:
        yield run.baseline
        yield from run.cells.values()


# What is shown of them --------------------------------------------------------------------------


def _views(folders, runs, given, run_names):
    """What a map can be drawn of: the mean over a reader's runs, and each run.

    Returns:
        (list of dict "name", "reader", "runs"; the readers' names).
    """
    views, names, start = [], [], 0
    for reader, of_reader in enumerate(folders):
        own = list(range(start, start + len(of_reader)))
        start += len(own)
        named = given[reader] if reader < len(given) else None
        name = named or origin.reader_name([runs[number] for number in own])
        names.append(name)
        if len(own) == 1:
            views.append({"name": name, "reader": reader, "runs": own})
            continue
        mean = "%s, mean of %d runs" % (named or "all", len(own))
        views.append({"name": mean, "reader": reader, "runs": own})
        for number in own:
            views.append({"name": run_names[number], "reader": reader, "runs": [number]})
    return views, names


def _short_names(runs):
    """What runs are called on the page: their folders' last names, where these tell them apart."""
    names = [run_name(run.folder.path) for run in runs]
    short = [os.path.basename(name) for name in names]
    return short if len(set(short)) == len(short) and all(short) else names


def _missing(folders, wanted):
    """Which cells have no file: a sentence for each folder that lacks some."""
    sentences = []
    for folder in folders:
        lacking = [cell for cell in wanted if cell not in folder.cells]
        if lacking:
            share = "%d of %d squares" % (len(lacking), len(wanted))
            single = [cell for cell in lacking if cell.is_square]
            what = folder.lack(single) if len(single) == len(lacking) else folder.path
            sentences.append({"share": share, "what": what})
    return sentences


def _as_named(cell):
    """A cell for the page; the last three are its address, in which layers count from 1."""
    layers = "all" if cell.layer is None else str(cell.layer + 1)
    if cell.last_layer is not None and cell.last_layer != cell.layer:
        layers += "-%d" % (cell.last_layer + 1)
    head = None if cell.head is None else str(cell.head + 1)
    return {"name": name_of(cell), "layer": layers, "head": head, "zone": cell.zone}


def _of_first_view(runs, view, wanted):
    """Baseline and change of exact match, in percent and points, to be seen without the script."""
    chosen = [runs[number] for number in view["runs"]]
    before = np.mean([run.baseline.scores.exact.mean() for run in chosen])
    changes = [
        100 * (np.mean([run.cells[cell].scores.exact.mean() for run in chosen]) - before)
        if all(cell in run.cells for run in chosen)
        else None
        for cell in wanted
    ]
    return {"baseline": 100 * before, "changes": changes}


def _as_stored(run, wanted, known, ids):
    """The answers of a run: for each question that of the baseline, for each cell what it changed.

    Args:
        run: predictions.Run.
        wanted: the page's cells.
        known: changes.Texts.
        ids: question ids.
    """
    baseline, lists_of = run.baseline, functools.partial(_nbest_of_cell, run)
    own = lists_of(BASELINE)
    stored = []
    for cell in wanted:
        if cell not in run.cells:
            stored.append(None)
            continue
        where, entry = changes_of(baseline, run.cells[cell], known.places)
        entry.update(lost=None, hasLists=False)
        if own is not None:
            lists, after = lists_of(cell), run.cells[cell].texts
            chosen = ([values[i] for i in where] for values in (ids, baseline.texts, after))
            entry["lost"] = confidence_lost(own, lists, *chosen)
            entry["hasLists"] = lists is not None
        stored.append(entry)
    places = zip(known.places, baseline.texts)
    return {
        "baseline": [of_text[text] for of_text, text in places],
        "cells": stored,
    }


def _nbest_of_cell(run, cell):
    """The n-best lists of a cell, or None; the baseline's stand beside its predictions."""
    if cell == BASELINE:
        home = files.directory_of(run.baseline_file)
        return _nbest_lists(files.join(home, file_name(NBEST, BASELINE)), is_large=False)
    return _nbest_lists(run.folder.file(cell, NBEST), is_large=True)


def _nbest_lists(path, is_large):
    if not files.exists(path):
        return None
    if is_large:  # tens of megabytes each
        say("reading " + path)
    return read_nbest(path)


# Maps -------------------------------------------------------------------------------------------


def _cells_in(grid):
    """The cells of a Grid in the page's order: the first layer first."""
    return (cell for row in reversed(grid.cells) for cell in row if cell is not None)


def _as_drawn(grid, wanted) -> dict:
    """A Grid for the page, with places among all the cells for cells."""
    drawn, places = grid._asdict(), {cell: place for place, cell in enumerate(wanted)}
    drawn["cells"] = [[cell and places[cell] for cell in row] for row in grid.cells]
    return drawn
