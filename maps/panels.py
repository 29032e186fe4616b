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
from maps.tables import beside, read_results, read_scores, read_significance
from zones.masks import ZONES


class Panel(NamedTuple):
    """One map of a figure.

    Attributes:
        change: DataFrame as ``differences`` gives it.
        title: a line above it, or None.
        unsure: bool DataFrame like ``change``, True where a change is not significant; or None.
        spread: DataFrame like ``change``, standard deviations over runs in points; or None.
    """

    change: pd.DataFrame
    title: Optional[str] = None
    unsure: Optional[pd.DataFrame] = None
    spread: Optional[pd.DataFrame] = None


def differences(results, baseline):
    """Score minus baseline as the figure has it: the last layer on top.

    Args:
        results: DataFrame, a row for each layer (index from 1), a column for each zone, percent.
        baseline: float, percent.

    Returns:
        DataFrame in points.
    """
    return (results[list(ZONES)] - baseline).sort_index(ascending=False)


# What the user named ----------------------------------------------------------------------------


def _spread_of(path, spread, results):
    """The standard deviations over runs: from the long table, or from the file beside the means."""
    if spread is not None:
        if spread.isna().all(axis=None):
            raise UserError("--std: %s has one run only, and a deviation needs two" % path)
        return spread
    std_path = beside(path, "std")
    if not files.exists(std_path):
        raise UserError(
            "--std: there is no %s beside %s; give get_results.py the folders of several runs"
            % (os.path.basename(std_path), path)
        )
    spread = read_results(std_path, "--std")
    if len(spread) != len(results):
        raise UserError(
            "--std: %s has %d layers in place of %d; run get_results.py again"
            % (std_path, len(spread), len(results))
        )
    return spread


def _baseline(text, results: pd.DataFrame, what="baseline"):
    """The baseline score that the user typed."""
    try:
        value = float(text)
    except ValueError:
        raise UserError(
            "%s: %r is not a number; give the score of the unmasked run, such as 80.567, or a "
            "results_significance.csv" % (what, text)
        )
    if not 0 <= value <= 100 or math.isnan(value):
        raise UserError("%s: %s is not a score from 0 to 100" % (what, text))
    if 0 < value <= 1 < results.to_numpy().max():
        raise UserError(
            "%s: %s looks like a fraction, and the table has percent; is it %.5g?"
            % (what, text, 100 * value)
        )
    return value


def _significance(path, results, source, what):
    """The baseline score and the squares that are not significant, from get_results.py's table.

    Returns:
        (float, bool DataFrame like ``differences``).

    Raises:
        UserError: no such file or table, or one of other scores than ``results``.
    """
    table = read_significance(path, what)
    wide = table.set_index(["layer", "zone"])
    scores = wide["score"].unstack().reindex(index=results.index, columns=list(ZONES))
    # Both files have three decimals.
    if len(wide) != results.size or not np.allclose(scores, results, rtol=0, atol=0.0011):
        raise UserError(
            "%s: %s does not hold the scores of %s; give the two files that one run of "
            "get_results.py --baseline wrote" % (what, path, source)
        )
    sure = wide["significant"].unstack()[list(ZONES)].sort_index(ascending=False)
    return float(wide["baseline"].iloc[0]), ~sure.astype(bool)


def read_panel(path, baseline, options, title=None, what="results file", baseline_what="baseline"):
    """One map as the user named it.

    Args:
        path: results.csv or results_long.csv.
        baseline: a number, or the name of a results_significance.csv.
        options: ``metric`` and ``std`` of the command line.
        title: a line above the map, or None.
        what, baseline_what: what to call the two in an error.

    Returns:
        Panel.

    Raises:
        UserError: a file or a number is not what it should be.
    """
    results, spread = read_scores(path, options.metric or "exact", what)
    unsure = None
    if baseline.lower().endswith(".csv"):
        value, unsure = _significance(baseline, results, path, baseline_what)
    else:
        value = _baseline(baseline, results, baseline_what)
    if options.std:
        spread = _spread_of(path, spread, results)[list(ZONES)].sort_index(ascending=False)
    return Panel(differences(results, value), title, unsure, spread if options.std else None)
