"""What masking did to the answers, question by question, and whether chance alone could have.

The baseline and a masked cell answer the same questions, so they are compared in pairs: a question
is *broken* if only the baseline has it right, *mended* if only the masked reader has. All other
questions tell nothing of the change.
"""

from typing import NamedTuple, Optional

import numpy as np
import pandas as pd
from scipy.stats import binom
from scipy.stats import t as student

from maps.clustered import change
from maps.columns import MEASURED
from maps.kinds import key_of, kind_of

# A cell is marked as significant if its corrected p value is below this.
LEVEL = 0.05

# Columns that table_of adds and no file has, of exact match and F1: the standard error of the
# change and the part of it that comes from the runs, in points; its degrees of freedom; the number
# of clusters in which a question changes.
BESIDE = ("error", "run_error", "freedom", "changed")
BESIDE += tuple(name + "_f1" for name in BESIDE)

# What tests are called.
MCNEMAR = "McNemar's exact test"
STUDENT = "Student's t test over the runs"
CLUSTERED = "score test clustered by %s"
CLUSTERED_RUNS = "score test clustered by %s and run"


def mcnemar_exact(broken, mended):
    """McNemar's exact test: the two-sided p value that masking breaks as many as it mends.

    If it did, each of the n = broken + mended questions would be one or the other as a coin falls:
    p = min(1, 2 P[X <= min(broken, mended)]) with X binomial (n, 1/2). With n = 0, p is 1.

    Args:
        broken, mended: int arrays of one shape, or numbers.
    """
    broken, mended = np.asarray(broken), np.asarray(mended)
    return np.minimum(1.0, 2 * binom.cdf(np.minimum(broken, mended), broken + mended, 0.5))


def holm(p_values):
    """Holm's correction (1979) for several tests: p values that may all be held against one level.

    The k-th smallest of m, counted from 0, becomes the largest of (m - j) p_j over j <= k, at
    most 1.

    Args:
        p_values: ``[tests]``.

    Returns:
        float64 ``[tests]``, in the same order.
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * p_values[order]))
    return corrected


# The table of all cells -------------------------------------------------------------------------


def table_of(runs, cells, clusters) -> pd.DataFrame:
    """Every cell against the baseline, question by question: exact match and F1.

    Args:
        runs: list of predictions.Run, each with its baseline.
        cells: list of Cell, of one kind.
        clusters: Clusters of the questions.

    Returns:
        DataFrame with the keys of the cells' kind, the columns columns.MEASURED, where
        ``significant`` is bool, and BESIDE.
    """
    columns = dict(zip(kind_of(cells[0]).keys, zip(*map(key_of, cells))))
    exact = _scored(runs, cells, clusters, "exact")
    f1 = _scored(runs, cells, clusters, "f1")
    answers = [differences_of(runs, cell, "exact") for cell in cells]
    columns.update(exact, broken=[int((of_cell < 0).sum()) for of_cell in answers])
    columns.update(mended=[int((of_cell > 0).sum()) for of_cell in answers])
    columns["mcnemar"] = np.nan
    if len(runs) == 1:  # the same question in several runs is not several independent pairs
        columns["mcnemar"] = mcnemar_exact(columns["broken"], columns["mended"])
    columns.update((name + "_f1", values) for name, values in f1.items())
    return pd.DataFrame(columns, columns=[*kind_of(cells[0]).keys, *MEASURED, *BESIDE])


def _scored(runs, cells, clusters, metric):
    """Column -> values: the change of a score in every cell, corrected for their number."""
    before = np.stack([getattr(run.baseline.scores, metric) for run in runs])
    differences = [differences_of(runs, cell, metric) for cell in cells]
    changes = [change(of_cell, clusters) for of_cell in differences]
    p_values = [found.p_value for found in changes]
    corrected = holm(p_values)
    return {
        "baseline": 100 * before.mean(),
        "score": [100 * before.mean() + found.change for found in changes],
        "change": [found.change for found in changes],
        "low": [found.low for found in changes],
        "high": [found.high for found in changes],
        "p": p_values,
        "p_holm": corrected,
        "significant": corrected < LEVEL,
        "error": [found.error for found in changes],
        "run_error": [found.run_error for found in changes],
        "freedom": [found.freedom for found in changes],
        "changed": [
            int((clusters.sums((of_cell != 0).any(0)) > 0).sum()) for of_cell in differences
        ],
    }


def differences_of(runs, cell, metric):
    """What masking a cell does to each question's score: float ``[runs, questions]``."""
    pairs = [(run.cells[cell].scores, run.baseline.scores) for run in runs]
    return np.stack([getattr(after, metric) - getattr(before, metric) for after, before in pairs])


# What the data could have found -----------------------------------------------------------------


class Power(NamedTuple):
    """What is found in 80 of 100 samples, after the correction.

    Attributes:
        points: the smallest change.
        clusters: about how many clusters a change of one point takes; None if no number is enough,
            as the runs differ too much.
    """

    points: float
    clusters: Optional[float]


def power_of(table, clusters, ending=""):
    """What the data could have found.

    It is the change whose standard error fits into it t(1 - 0.05 / 2m) + t(0.8) times, for m tests:
    the first step of Holm's correction. The median of the cells that changed counts.

    Args:
        table: DataFrame as table_of gives it.
        clusters: how many there were.
        ending: "" for exact match, "_f1" for F1.

    Returns:
        Power, or None if no cell changed anything.
    """
    columns = ["error" + ending, "run_error" + ending, "freedom" + ending]
    changed = table.loc[table[columns[0]] > 0, columns]
    if changed.empty:
        return None
    error, run_error, freedom = changed.median()
    times = student.ppf(1 - LEVEL / 2 / len(table), freedom) + student.ppf(0.8, freedom)
    left = 1 - (times * run_error) ** 2
    needed = clusters * times**2 * (error**2 - run_error**2) / left if left > 0 else None
    return Power(float(times * error), needed)
