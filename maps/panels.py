"""Tables of scores -> what one map of the figure shows: changes, deviations, doubts.

A user names a table and its baseline; ``read_panel`` reads both, in any of their forms.
"""

import math
import os
from typing import NamedTuple, Optional

import numpy as np
import pandas as pd

from common import files
from common.command_line import UserError
from common.progress import say
from maps import provenance, tables
from maps.significance import MCNEMAR, STUDENT, mcnemar_exact
from maps.tables import beside

METRIC_NAMES = {"exact": "Exact match", "f1": "F1"}

# Scores and baselines are typed, or stand in tables, with three decimals; some people cut them off.
_ROUNDING = 0.0015

# Files that were written together may be a moment apart.
_SAME_TIME = 1.0


class Panel(NamedTuple):
    """One map of a figure.

    Attributes:
        change: DataFrame as ``differences`` gives it.
        title: a line above it, or None.
        unsure: bool DataFrame like ``change``, True where a change is not significant; or None.
        test: the name of the test that says so, or None.
        spread: DataFrame like ``change``, standard deviations over runs in points; or None.
        spread_of: what deviates so: "change" or "score".
        metric: a key of METRIC_NAMES, or None if it is not known.
    """

    change: pd.DataFrame
    title: Optional[str] = None
    unsure: Optional[pd.DataFrame] = None
    test: Optional[str] = None
    spread: Optional[pd.DataFrame] = None
    spread_of: str = "change"
    metric: Optional[str] = None


def differences(results, baseline):
    """Score minus baseline as the figure has it: the last layer on top.

    Args:
        results: DataFrame, a row for each layer (index from 1), a column for each zone, percent.
        baseline: float, percent.

    Returns:
        DataFrame in points.
    """
    return _as_drawn(results - baseline)


def _as_drawn(table):
    return table.sort_index(ascending=False)


def read_panel(path, baseline, metric=None, with_spread=False, title=None, names=None):
    """One map as the user named it.

    Args:
        path: results.csv or results_long.csv.
        baseline: a number, or the name of a results_significance.csv.
        metric: the score of the table as the user says, ``exact`` or ``f1``, or None.
        with_spread: whether deviations over runs are wanted.
        title: a line above the map, or None.
        names: what to call table and baseline in an error, a pair.

    Returns:
        Panel.

    Raises:
        UserError: a file or a number is not what it should be.
    """
    what, baseline_what = names or ("results file", "baseline")
    table = _Table(path, metric, what)
    unsure = test = None
    if baseline.lower().endswith(".csv"):
        value, unsure, test = _significance(baseline, table, baseline_what)
    else:
        value = _baseline(baseline, table, baseline_what)
    spread, spread_of = _spread_of(table) if with_spread else (None, "change")
    return Panel(
        differences(table.scores, value),
        title,
        unsure,
        test,
        None if spread is None else _as_drawn(spread),
        spread_of,
        table.metric,
    )


class _Table:
    """A table of scores as the user named it, with what is known about it.

    Attributes:
        path, what: the file, and what to call it in an error.
        runs: DataFrame with the columns tables.LONG if it is results_long.csv, else None.
        metric: ``exact``, ``f1``, or None if nobody says.
        scores: DataFrame as tables.map_of gives it.
        facts: see provenance.of_table.
    """

    def __init__(self, path, metric, what):
        self.path, self.what = path, what
        table = tables.read_any(path, what)
        if tables.is_long(table):
            self.runs, self.metric = table, metric or "exact"
            self.scores, _ = tables.map_of(table, self.metric)
            self.facts = provenance.of_table(path, table, "long")
        else:
            self.runs, self.scores = None, table
            self.facts = provenance.of_table(path, table)
            self.metric = metric or self.facts.get("metric")
            self._check_metric(metric)

    def _check_metric(self, metric):
        known = self.facts.get("metric")
        if metric and known in METRIC_NAMES and metric != known:
            raise UserError(
                "--metric: %s holds %s, as %s says; leave --metric out, or give the table of %s"
                % (
                    self.path,
                    METRIC_NAMES[known],
                    provenance.path_of(self.path),
                    METRIC_NAMES[metric],
                )
            )

    def baselines(self, metric):
        """The baseline of each run, dict run -> percent; empty if they are not known."""
        try:
            return {run["name"]: float(run["baseline"][metric]) for run in self.facts["runs"]}
        except (KeyError, TypeError, ValueError):
            return {}


# The baseline -----------------------------------------------------------------------------------


def _baseline(text, table, what):
    """The baseline score that the user typed; a WARNING if the table is known to have another."""
    try:
        value = float(text)
    except ValueError:
        raise UserError(
            "%s: %r is not a number; give the score of the unmasked run, such as 80.567, or a "
            "results_significance.csv" % (what, text)
        )
    if not 0 <= value <= 100 or math.isnan(value):
        raise UserError("%s: %s is not a score from 0 to 100" % (what, text))
    if 0 < value <= 1 < np.nanmax(table.scores.to_numpy()):
        raise UserError(
            "%s: %s looks like a fraction, and the table has percent; is it %.5g?"
            % (what, text, 100 * value)
        )
    doubt = _other_score(value, table)
    if doubt:
        say("WARNING: %s: %s" % (what, doubt))
    return value


def _other_score(value, table):
    """Why a typed baseline does not belong to the table, or None."""
    own, other = table.metric or "exact", "exact" if table.metric == "f1" else "f1"
    known = {metric: list(table.baselines(metric).values()) for metric in (own, other)}
    if not known[own] or abs(np.mean(known[own]) - value) <= _ROUNDING:
        return None
    text = tables.format_score(value)
    right = tables.format_score(np.mean(known[own]))
    if abs(np.mean(known[other]) - value) <= _ROUNDING:
        return "%s is the %s of the unmasked reader, and %s holds %s, whose baseline is %s" % (
            text,
            METRIC_NAMES[other],
            table.path,
            METRIC_NAMES[own],
            right,
        )
    return "%s is not the baseline of %s, which is %s" % (text, table.path, right)


def _significance(path, table, what):
    """The baseline score and the squares that are not significant, from get_results.py's table.

    Returns:
        (float, bool DataFrame like ``differences``, the name of the test).

    Raises:
        UserError: no such file or table, or one of other scores than the table's.
    """
    if table.metric == "f1":
        raise UserError(
            "%s: %s compares exact match, and %s holds F1; give the baseline's F1 as a number"
            % (what, path, table.path)
        )
    long = tables.read_significance(path, what)
    wide = long.set_index(["layer", "zone"])
    order = dict(index=table.scores.index, columns=table.scores.columns)
    scores = wide["score"].unstack().reindex(**order)
    # Both files have three decimals.
    if len(wide) != table.scores.size or not np.allclose(
        scores, table.scores, rtol=0, atol=0.0011, equal_nan=True
    ):
        raise UserError(
            "%s: %s does not hold the scores of %s; give the two files that one run of "
            "get_results.py --baseline wrote" % (what, path, table.path)
        )
    unsure = (wide["significant"] == False).unstack().reindex(**order)  # noqa: E712 (nan is not)
    return float(long["baseline"].iloc[0]), _as_drawn(unsure), _test_of(long)


def _test_of(long):
    """Which test made a table: McNemar's follows from its counts of questions, Student's not."""
    decoded = long.dropna(subset=["p"])
    p_values = mcnemar_exact(decoded["broken"], decoded["mended"])
    return MCNEMAR if np.allclose(p_values, decoded["p"], rtol=1e-4, atol=0) else STUDENT


# Deviations over runs ---------------------------------------------------------------------------


def _spread_of(table):
    """The standard deviations over runs of the change, if the runs' own baselines are known.

    Returns:
        (DataFrame like table.scores, "change"), or of the score itself: (DataFrame, "score").

    Raises:
        UserError: there is one run only, or there is no file of deviations that is the table's.
    """
    long_path = beside(table.path, "long")
    runs, facts_of = table.runs, table
    if runs is None and files.exists(long_path) and table.baselines("exact"):
        facts_of = _Table(long_path, table.metric, "--std")
        # Without facts it is not of the runs whose mean the table is.
        runs = facts_of.runs if facts_of.facts else None
    if runs is None:
        return _std_beside(table), "score"
    if runs["run"].nunique() < 2:
        raise UserError("--std: %s has one run only, and a deviation needs two" % table.path)
    own = facts_of.baselines(table.metric or "exact")
    metric = facts_of.metric
    if set(own) != set(runs["run"]):
        return tables.map_of(runs, metric)[1], "score"
    changes = runs.assign(**{metric: runs[metric] - runs["run"].map(own)})
    return tables.map_of(changes, metric)[1], "change"


def _std_beside(table):
    path = beside(table.path, "std")
    if not files.exists(path):
        raise UserError(
            "--std: there is no %s beside %s; give get_results.py the folders of several runs"
            % (os.path.basename(path), table.path)
        )
    spread = tables.read_results(path, "--std")
    if spread.shape != table.scores.shape:
        raise UserError(
            "--std: %s has %d layers in place of %d; run get_results.py again"
            % (path, len(spread), len(table.scores))
        )
    known = table.facts.get("tables")
    if known:
        is_old = known.get("std") != provenance.fingerprint(spread)
    else:
        is_old = files.modified(path) < files.modified(table.path) - _SAME_TIME
    if is_old:
        raise UserError(
            "--std: %s is older than %s, of other runs perhaps; run get_results.py with the "
            "folders of all runs" % (path, table.path)
        )
    return spread
