"""The tables in CSV: what each column holds, how it is written, what reading takes for it.

    results.csv                layer,all,q2,q2p,p2q,p2: a score for each cell, in percent
    results_std.csv            the same of standard deviations over runs
    results_long.csv           a line for each run and cell: both scores
    results_significance.csv   a line for each cell: how it differs from the baseline

Layers count from 1 there.
"""

import csv
import io
import os
from typing import Callable, NamedTuple

import numpy as np
import pandas as pd

from common import files
from common.command_line import UserError
from maps.predictions import named, run_name
from zones.masks import ZONES

RESULTS = ("layer",) + ZONES
LONG = ("run", "layer", "zone", "exact", "f1")
SIGNIFICANCE = (
    "layer",
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
DECIMALS = 3

# How many missing layers an error names, and how many layers a table may have.
_MOST_NAMED, _MOST_LAYERS = 60, 1000


# Columns ----------------------------------------------------------------------------------------


class _Column(NamedTuple):
    """A column.

    Attributes:
        kind: what its values are, for errors: "is 'x', which is not" ... .
        read: text -> value; raises ValueError or KeyError for what cannot be one.
        write: value -> text.
        is_key: whether it says which cell a line is about; else the field may be empty.
    """

    kind: str
    read: Callable
    write: Callable
    is_key: bool = False


def _decimal(lowest, highest):
    def read(text):
        # In half of the world 80,5 is what 80.5 is in the other.
        value = float(text.replace(",", ".") if text.count(",") == 1 else text)
        if not lowest <= value <= highest:  # nan is not, either
            raise ValueError(text)
        return value

    return read


def _whole(lowest, highest):
    def read(text):
        if not lowest <= int(text) <= highest:
            raise ValueError(text)
        return int(text)

    return read


def _zone(text):
    return ZONES[ZONES.index(text.lower())]


def _yes_or_no(text):
    # Spreadsheet programs and pandas write it as a word.
    return {"0": False, "false": False, "1": True, "true": True}[text.lower()]


def format_score(value):
    """Three decimals, no trailing zeros: 78.344, 80.36, 80."""
    return ("%.*f" % (DECIMALS, value)).rstrip("0").rstrip(".")


def _whole_text(value):
    return "%d" % value


_SCORE = _Column("a score from 0 to 100", _decimal(0, 100), "{:.3f}".format)
_POINTS = _Column("a change from -100 to 100", _decimal(-100, 100), "{:.3f}".format)
_CHANCE = _Column("a probability", _decimal(0, 1), "{:.6g}".format)
_COUNT = _Column("a number of questions", _whole(0, 10**12), _whole_text)
_COLUMNS = {
    "run": _Column("a name", str, str, is_key=True),
    "layer": _Column(
        "a layer; they are numbered 1, 2, 3", _whole(1, _MOST_LAYERS), _whole_text, is_key=True
    ),
    "zone": _Column("one of the zones " + ", ".join(ZONES), _zone, str, is_key=True),
    **dict.fromkeys(("baseline", "score", "exact", "f1"), _SCORE),
    **dict.fromkeys(("change", "low", "high"), _POINTS),
    **dict.fromkeys(("broken", "mended"), _COUNT),
    **dict.fromkeys(("p", "p_holm"), _CHANCE),
    "significant": _Column("1 or 0", _yes_or_no, _whole_text),
    **dict.fromkeys(ZONES, _SCORE._replace(write=format_score)),
}


# Any table --------------------------------------------------------------------------------------


def _write(path, table, what):
    """Writes a DataFrame, its index left out, whole or not at all."""
    text = pd.DataFrame(
        {name: table[name].map(_COLUMNS[name].write, na_action="ignore") for name in table}
    )
    files.write_bytes(path, text.to_csv(index=False).encode("utf-8"), what)


def _read(path, what, forms):
    """Reads a table of one of several forms, as we wrote it or a spreadsheet program saved it.

    Such programs separate by semicolons or tabs where decimals have a comma; the first line shows
    by what. A field may be empty: such a cell was not decoded.

    Args:
        path: the file.
        what: what to call it in an error.
        forms: dict tuple of column names -> the command that writes such a table.

    Returns:
        DataFrame with these columns, nan where a field is empty; its index is the line in the file.

    Raises:
        UserError: another first line, or a value that its column cannot hold (gives the line).
    """
    where = "%s: %s" % (what, path)
    text = files.read_text(path, what)
    separator = _separator(text)
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    found = {}
    try:
        header = _names(next(rows, []))
        if header[:1] == ("sep=",):  # Excel's own first line
            header = _names(next(rows, []))
        if header not in forms:
            columns, command = next(iter(forms.items()))
            is_ours = header in (RESULTS, LONG, SIGNIFICANCE)
            raise UserError(
                "%s: the first line is %r, not %r; give %s that %s wrote"
                % (
                    where,
                    separator.join(header)[:80],
                    ",".join(columns),
                    "the other table" if is_ours else "a file",
                    command,
                )
            )
        for row in rows:
            if any(field.strip() for field in row):
                found[rows.line_num] = _values(header, row, "%s, line %d" % (where, rows.line_num))
    except csv.Error as error:
        raise UserError("%s, line %d: not a table (%s)" % (where, rows.line_num, error))
    return pd.DataFrame.from_dict(found, orient="index", columns=list(header))


def _separator(text):
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _names(row):
    return tuple(name.strip().lower() for name in row)


def _values(header, row, here):
    if len(row) != len(header):
        raise UserError(
            "%s: %d values in place of %d; is a decimal comma taken for a separator?"
            % (here, len(row), len(header))
        )
    values = []
    for name, text in zip(header, map(str.strip, row)):
        column = _COLUMNS[name]
        if not text and not column.is_key:
            values.append(np.nan)
            continue
        try:
            values.append(column.read(text))
        except (KeyError, ValueError):
            raise UserError("%s: %s is %r, which is not %s" % (here, name, text[:40], column.kind))
    return values


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
    return 100.0 * sum(values.tolist()) / len(values)


def scores_of(runs) -> pd.DataFrame:
    """Both scores of every run and cell in percent: the columns LONG; nan for a missing cell.

    Args:
        runs: list of predictions.Run.
    """
    return pd.DataFrame(
        [
            (run_name(run.folder.path), cell.layer + 1, cell.zone, *_both(run.cells.get(cell)))
            for run in runs
            for cell in run.folder.wanted
        ],
        columns=list(LONG),
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
    cells = scores.groupby(["layer", "zone"])[metric]
    mean, deviation = (values.unstack()[list(ZONES)] for values in (cells.mean(), cells.std()))
    return mean, deviation


def write_long(path, scores, what="results file"):
    """Writes the scores of every run and cell.

    Raises:
        UserError: the file cannot be written.
    """
    _write(path, scores[list(LONG)], what)


def write_results(path, table, what="results file"):
    """Writes a map's scores, a DataFrame as map_of gives it.

    Raises:
        UserError: the file cannot be written.
    """
    _write(path, table.reset_index()[list(RESULTS)], what)


def read_results(path, what="results file") -> pd.DataFrame:
    """Reads a table that write_results wrote; its rows may be in any order.

    Returns:
        DataFrame as map_of gives it.

    Raises:
        UserError: no such table, or layers are missing or repeated; the message says which.
    """
    table = _read(path, what, {RESULTS: "get_results.py"})
    return _by_layer(table, "%s: %s" % (what, path))


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
            % (where, layers.max(), named(list(map(str, missing)), _MOST_NAMED))
        )
    return table.set_index("layer").sort_index()


def is_long(table):
    """Whether a table that read_any gave is results_long.csv."""
    return tuple(table.columns) == LONG


def read_any(path, what="results file") -> pd.DataFrame:
    """Reads results.csv as read_results does, or results_long.csv.

    Returns:
        DataFrame as map_of gives it, or with the columns LONG.

    Raises:
        UserError: no such table, or one in which cells are missing or repeated.
    """
    table = _read(path, what, {RESULTS: "get_results.py", LONG: "get_results.py"})
    where = "%s: %s" % (what, path)
    if not is_long(table):
        return _by_layer(table, where)
    for _, cells in table.groupby("run"):
        _check_cells(cells, where)
    if table.empty or table.groupby(["layer", "zone"]).size().nunique() > 1:
        raise UserError(
            "%s does not have each cell once for each run; run get_results.py again" % where
        )
    return table.reset_index(drop=True)


# Significance -----------------------------------------------------------------------------------


def write_significance(path, table, what="significance file"):
    """Writes a table as significance.table_of_run gives it.

    Raises:
        UserError: the file cannot be written.
    """
    _write(path, table[list(SIGNIFICANCE)], what)


def read_significance(path, what="significance file") -> pd.DataFrame:
    """Reads a table that write_significance wrote.

    Returns:
        DataFrame with the columns SIGNIFICANCE, layer by layer in the order of ZONES;
        ``significant`` is bool.

    Raises:
        UserError: no such table; cells missing or repeated; several baselines.
    """
    where = "%s: %s" % (what, path)
    table = _read(path, what, {SIGNIFICANCE: "get_results.py --baseline"})
    _check_cells(table, where)
    if table["baseline"].nunique() > 1:
        raise UserError("%s: its rows have different baselines; write it again" % where)
    order = table["zone"].map(ZONES.index)
    table = table.assign(order=order).sort_values(["layer", "order"]).drop(columns="order")
    return table.reset_index(drop=True)


def with_all_cells(table, cells):
    """A table of significance with a row for each cell: empty, but for the baseline, if missing."""
    keys = [(cell.layer + 1, cell.zone) for cell in cells]
    whole = table.set_index(["layer", "zone"]).reindex(keys).reset_index()
    return whole.assign(baseline=table["baseline"].iloc[0])[list(SIGNIFICANCE)]


def _check_cells(table, where):
    """Raises UserError unless there is a row for each cell of so many layers, and one only."""
    twice = table[table.duplicated(["layer", "zone"])]
    if len(twice):
        raise UserError(
            "%s, line %d: layer %d %s stands there twice; write it again"
            % (where, twice.index[0], *twice[["layer", "zone"]].iloc[0])
        )
    layers = range(1, 1 + (1 if table.empty else table["layer"].max()))
    there = set(zip(table["layer"], table["zone"]))
    missing = ["layer %d %s" % cell for cell in _product(layers) if cell not in there]
    if missing:
        raise UserError("%s lacks %s; write it again" % (where, named(missing, _MOST_NAMED)))


def _product(layers):
    return [(layer, zone) for layer in layers for zone in ZONES]
