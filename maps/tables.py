"""The tables in CSV: what is in each, and how scores become one. Their columns: columns.py.

    results.csv                layer,all,q2,q2p,p2q,p2: a score for each cell, in percent
    results_std.csv            the same of standard deviations over runs
    results_long.csv           a line for each run and cell: both scores
    results_significance.csv   a line for each cell: how it differs from the baseline

and, of cells that have no place in such a map, both scores of each, the mean over runs (and
results_heads_significance.csv, and so on)::

    results_heads.csv          layer,head,zone,exact,f1
    results_spans.csv          layer,last_layer,zone,exact,f1
    results_every.csv          zone,exact,f1

Layers and heads count from 1 there.
"""

import os
from typing import NamedTuple

import numpy as np
import pandas as pd

from common.command_line import UserError
from maps.columns import SCORES, form_of, read_rows
from maps.kinds import KINDS, MAP, key_of, zone_order
from maps.predictions import named, run_name, stretches
from squad.metric import plain_sum
from zones.masks import ZONES

# How many stretches of missing layers an error names.
_MOST_NAMED = 60


def beside(path, ending):
    """The file of that ending beside a results file: results.csv -> results_std.csv."""
    stem, suffix = os.path.splitext(str(path))
    return "%s_%s%s" % (stem, ending, suffix)


# Scores -----------------------------------------------------------------------------------------


def percent(values):
    """The mean of scores in percent.

    They are added up one by one in the data's order, as the official tool does: numpy's sum goes
    pairwise and may differ in the last digit.
    """
    return 100.0 * plain_sum(values.tolist()) / len(values)


def scores_of(runs, kind, cells) -> pd.DataFrame:
    """Both scores of every run and cell in percent; nan where a run lacks a cell.

    Args:
        runs: list of predictions.Run.
        kind: Kind of the cells.
        cells: list of Cell.

    Returns:
        DataFrame with the columns ``run``, the kind's keys, ``exact``, ``f1``.
    """
    return pd.DataFrame(
        [
            (run_name(run.folder.path), *key_of(cell), *_both(run.cells.get(cell)))
            for run in runs
            for cell in cells
        ],
        columns=["run", *kind.keys, *SCORES],
    )


def _both(answers):
    return (np.nan, np.nan) if answers is None else map(percent, answers.scores)


def map_of(scores, metric="exact"):
    """The mean over runs and the sample standard deviation (nan of one run) of each cell's score.

    Args:
        scores: DataFrame with the columns LONG.
        metric: ``exact`` or ``f1``.

    Returns:
        two DataFrames of float64: a row for each layer (index ``layer``), a column for each zone.
    """
    zones = sorted(scores["zone"].unique(), key=zone_order)
    cells = scores.groupby(["layer", "zone"])[metric]
    mean, deviation = (values.unstack()[zones] for values in (cells.mean(), cells.std()))
    return mean, deviation


def mean_of(scores, kind):
    """The mean over runs of both scores of each cell: scores_of without its column ``run``."""
    return scores.groupby(list(kind.keys), sort=False)[list(SCORES)].mean().reset_index()


def read_results(path, what="results file") -> pd.DataFrame:
    """Reads results.csv, or results_std.csv; its rows may be in any order.

    Returns:
        DataFrame as map_of gives it.

    Raises:
        UserError: no such table, or layers are missing or repeated; the message says which.
    """
    return _by_layer(read_rows(path, what, ["results"]), "%s: %s" % (what, path))


def _by_layer(table, where):
    layers = table["layer"]
    if layers.empty:
        raise UserError("%s: there is no layer in it; run get_results.py again" % where)
    twice = layers[layers.duplicated()]
    if len(twice):
        raise UserError(
            "%s, line %d: layer %d stands there twice; leave one out"
            % (where, twice.index[0], twice.iloc[0])
        )
    missing = sorted(set(range(1, layers.max() + 1)) - set(layers))
    if missing:
        raise UserError(
            "%s: of %d layers these are missing: %s; run get_results.py again"
            % (where, layers.max(), named(stretches(missing), _MOST_NAMED))
        )
    table = table.set_index("layer").sort_index()
    if table.isna().all(axis=None):
        raise UserError("%s: there is no score in it; run get_results.py again" % where)
    return table


class Scores(NamedTuple):
    """A table of scores in any form.

    Attributes:
        kind: Kind of its cells.
        cells: DataFrame, a line for each run and cell: the kind's keys and the scores: ``exact``
            and ``f1``, or ``score`` of results.csv, whose metric only others can tell. If it tells
            runs apart, ``run``, too.
        table: what its provenance is about, as provenance.write took it.
    """

    kind: NamedTuple
    cells: pd.DataFrame
    table: pd.DataFrame


def read_scores(path, what="results file") -> Scores:
    """Reads results.csv, results_long.csv, results_heads.csv, results_spans.csv, results_every.csv.

    Raises:
        UserError: no such table, or one in which cells are missing or repeated.
    """
    table = read_rows(path, what, ["results", "long", "heads", "spans", "every"])
    where = "%s: %s" % (what, path)
    form = form_of(tuple(table.columns))
    if form == "results":
        table = _by_layer(table, where)
        cells = table.reset_index().melt("layer", var_name="zone", value_name="score")
        return Scores(MAP, cells, table)
    if form != "long":
        (kind,) = (kind for kind in KINDS if kind.name == form)
        _check_unique(table, list(kind.keys), where)
        return Scores(kind, table.reset_index(drop=True), table.reset_index(drop=True))
    for _, cells in table.groupby("run"):
        _check_cells(cells, where)
    if table.empty or table.groupby(list(MAP.keys)).size().nunique() > 1:
        raise UserError(
            "%s does not have each cell once for each run; run get_results.py again" % where
        )
    return Scores(MAP, table.reset_index(drop=True), table.reset_index(drop=True))


# Significance -----------------------------------------------------------------------------------


def read_significance(path, kind=MAP, what="significance file") -> pd.DataFrame:
    """Reads the table that tells how cells of a kind differ from the baseline.

    Returns:
        DataFrame with the kind's keys and the columns MEASURED; ``significant`` is bool. A table
        that an older version wrote ends behind it.

    Raises:
        UserError: no such table; cells missing or repeated; several baselines.
    """
    where = "%s: %s" % (what, path)
    table = read_rows(path, what, [(kind.name + " significance").strip()])
    if kind == MAP:
        _check_cells(table, where)
    _check_unique(table, list(kind.keys), where)
    if table["baseline"].nunique() > 1:
        raise UserError("%s: its rows have different baselines; write it again" % where)
    order = table.assign(zone=table["zone"].map(zone_order)).sort_values(list(kind.keys)).index
    return table.loc[order].reset_index(drop=True)


def with_all_cells(table, cells):
    """A table of significance with a row for each cell: empty, but for the baseline, if missing.

    Args:
        table: DataFrame as significance.table_of gives it.
        cells: list of Cell, of the map.
    """
    keys = list(map(key_of, cells))
    whole = table.set_index(list(MAP.keys)).reindex(keys).reset_index()
    baselines = {name: table[name].iloc[0] for name in ("baseline", "baseline_f1")}
    return whole.assign(**baselines)


def _check_unique(table, keys, where):
    twice = table[table.duplicated(keys)]
    if len(twice):
        *numbers, zone = zip(keys, twice[keys].iloc[0])
        cell = " ".join(["%s %d" % pair for pair in numbers] + [zone[1]])
        raise UserError(
            "%s, line %d: %s stands there twice; write it again" % (where, twice.index[0], cell)
        )


def _check_cells(table, where):
    """Raises UserError unless there is a row for each cell of so many layers, and one only."""
    _check_unique(table, list(MAP.keys), where)
    layers = range(1, 1 + (1 if table.empty else table["layer"].max()))
    zones = list(ZONES) + sorted(set(table["zone"]) - set(ZONES), key=zone_order)
    there = set(zip(table["layer"], table["zone"]))
    wanted = [(layer, zone) for layer in layers for zone in zones]
    missing = ["layer %d %s" % cell for cell in wanted if cell not in there]
    if missing:
        raise UserError("%s lacks %s; write it again" % (where, named(missing, _MOST_NAMED)))
