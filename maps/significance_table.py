"""results_significance.csv: every cell against the baseline, written and read.

A row for each cell, so that any program that reads CSV can use it; the columns are ``COLUMNS``.
Scores and changes are exact match in percent and points.
"""

import csv
import io

import numpy as np
import pandas as pd
from scipy.stats import t as student

from common import files
from common.command_line import UserError
from maps.significance import LEVEL, compare, holm
from zones.cells import cells_of
from zones.masks import ZONES

COLUMNS = (
    "layer",  # from 1
    "zone",
    "baseline",
    "score",
    "change",
    "low",
    "high",
    "broken",
    "mended",
    "p",
    "p_holm",
    "significant",  # 1 if p_holm is below 0.05, else 0
)
_HEADER = ",".join(COLUMNS)
_WHOLE_NUMBERS = ("layer", "broken", "mended", "significant")


def table_of_run(baseline_right, cells_right) -> pd.DataFrame:
    """Every cell of one run against its baseline, question by question; see significance.compare.

    Args:
        baseline_right: exact match of the baseline, 0 or 1, ``[questions]``.
        cells_right: dict Cell -> the same of a masked reader.

    Returns:
        DataFrame with COLUMNS, layer by layer; ``significant`` is bool.
    """
    result = compare(baseline_right, np.stack(list(cells_right.values())))
    return _table(
        cells_right,
        baseline=100 * np.mean(baseline_right),
        score=[100 * np.mean(right) for right in cells_right.values()],
        **result._asdict(),
    )


def table_of_runs(baselines_right, cells_right) -> pd.DataFrame:
    """Every cell of several runs: is the change more than runs differ by chance?

    The runs answer the same questions, so their pairs may not be thrown together. Each run's
    change is one observation: interval and p value are Student's, with one degree of freedom less
    than there are runs. ``broken`` and ``mended`` are counted over all runs.

    Args:
        baselines_right: a list over runs; see table_of_run.
        cells_right: a list over runs, two at least.

    Returns:
        as table_of_run.
    """
    tables = [table_of_run(*pair) for pair in zip(baselines_right, cells_right)]
    columns = {name: np.stack([table[name] for table in tables]) for name in COLUMNS[2:9]}
    change, deviation = columns["change"].mean(0), columns["change"].std(0, ddof=1)
    error, freedom = deviation / np.sqrt(len(tables)), len(tables) - 1
    margin = student.ppf(0.975, freedom) * error
    # Runs that agree to the last digit: no change is certain then, and so is any other.
    ratio = np.divide(np.abs(change), error, out=np.full_like(error, np.inf), where=error > 0)
    p_value = np.where(change == 0, 1.0, 2 * student.sf(ratio, freedom))
    return _table(
        cells_right[0],
        baseline=columns["baseline"].mean(0),
        score=columns["score"].mean(0),
        change=change,
        low=np.maximum(change - margin, -100),
        high=np.minimum(change + margin, 100),
        broken=columns["broken"].sum(0),
        mended=columns["mended"].sum(0),
        p_value=p_value,
    )


def _table(cells, p_value, **columns):
    corrected = holm(p_value)
    columns.update(p=p_value, p_holm=corrected, significant=corrected < LEVEL)
    columns["layer"] = [cell.layer + 1 for cell in cells]
    columns["zone"] = [cell.zone for cell in cells]
    return pd.DataFrame(columns, columns=list(COLUMNS))


def write_significance(path, table, what="significance file"):
    """Writes the table whole or not at all: points with three decimals, p with six digits.

    Raises:
        UserError: the file cannot be written.
    """
    text = table.copy()
    for name in COLUMNS[2:7]:
        text[name] = ["%.3f" % value for value in table[name]]
    for name in ("p", "p_holm"):
        text[name] = ["%.6g" % value for value in table[name]]
    text["significant"] = table["significant"].astype(int)
    lines = [",".join(map(str, row)) for row in text.itertuples(index=False)]
    files.write_bytes(path, ("\n".join([_HEADER, *lines]) + "\n").encode("ascii"), what)


def read_significance(path, what="significance file") -> pd.DataFrame:
    """Reads a table that write_significance wrote.

    Returns:
        DataFrame with COLUMNS, layer by layer in the order of ZONES; ``significant`` is bool.

    Raises:
        UserError: another header, a value that cannot be, cells missing or repeated, or several
            baselines; the message gives the line or the cells.
    """
    where = "%s: %s" % (what, path)
    rows = csv.reader(io.StringIO(files.read_text(path, what)))
    try:
        header = ",".join(name.strip() for name in next(rows, []))
        if header != _HEADER:
            raise UserError(
                "%s: the first line is %r, not %r; give a file that get_results.py --baseline wrote"
                % (where, header[:80], _HEADER)
            )
        read = [_row(row, "%s, line %d" % (where, rows.line_num)) for row in rows if any(row)]
    except csv.Error as error:
        raise UserError("%s, line %d: not a table (%s)" % (where, rows.line_num, error))
    table = pd.DataFrame(read, columns=list(COLUMNS))
    _check_cells(list(zip(table["layer"], table["zone"])), where)
    if table["baseline"].nunique() > 1:
        raise UserError("%s: its rows have different baselines; write it again" % where)
    order = table["zone"].map(ZONES.index)
    table = table.assign(order=order).sort_values(["layer", "order"]).drop(columns="order")
    return table.reset_index(drop=True)


def _row(row, here):
    if len(row) != len(COLUMNS):
        raise UserError("%s: %d values in place of %d" % (here, len(row), len(COLUMNS)))
    values = {}
    for name, text in zip(COLUMNS, map(str.strip, row)):
        try:
            values[name] = _value(name, text)
        except ValueError:
            raise UserError("%s: %s cannot be %r; write the file again" % (here, name, text))
    return values


def _value(name, text):
    """Raises ValueError for what the column cannot hold."""
    if name == "zone":
        ZONES.index(text)
        return text
    if name == "significant":  # spreadsheet programs and pandas write it as a word
        text = {"true": "1", "false": "0"}.get(text.lower(), text)
    value = int(text) if name in _WHOLE_NUMBERS else float(text)
    low, high = _LIMITS.get(name, (0, 10**12))
    if not low <= value <= high:  # nan is not, either
        raise ValueError(text)
    return bool(value) if name == "significant" else value


_LIMITS = {
    "layer": (1, 10**6),
    "baseline": (0, 100),
    "score": (0, 100),
    "change": (-100, 100),
    "low": (-100, 100),
    "high": (-100, 100),
    "p": (0, 1),
    "p_holm": (0, 1),
    "significant": (0, 1),
}


def _check_cells(cells, where):
    layers = max((layer for layer, _ in cells), default=1)
    wanted = [(cell.layer + 1, cell.zone) for cell in cells_of(min(layers, 1000))]
    missing = sorted(set(wanted) - set(cells))
    if missing or len(set(cells)) < len(cells):
        fault = "lacks " + ", ".join("layer %d %s" % cell for cell in missing[:60])
        raise UserError("%s %s; write it again" % (where, fault if missing else "has a cell twice"))
