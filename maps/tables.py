"""The tables in CSV: what each column holds, how it is written, what reading takes for it.

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

import csv
import io
import os
from typing import Callable, NamedTuple

import numpy as np
import pandas as pd

from common import files
from common.command_line import UserError
from maps import provenance
from maps.kinds import KINDS, MAP, key_of, zone_order
from maps.predictions import MOST_LAYERS, named, run_name, stretches
from squad.metric import plain_sum
from zones import own
from zones.masks import ZONES, known_zones

RESULTS = ("layer",) + ZONES
SCORES = ("exact", "f1")
LONG = ("run",) + MAP.keys + SCORES
# How a cell differs from the baseline, behind the columns that say which cell it is.
MEASURED = (
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
# All above is of exact match.
_MEASURED_BEFORE_F1 = MEASURED
MEASURED += (
    "mcnemar",  # McNemar's exact p, for comparison: it takes questions as independent
    "baseline_f1",
    "score_f1",
    "change_f1",
    "low_f1",
    "high_f1",
    "p_f1",
    "p_holm_f1",
    "significant_f1",
)
DECIMALS = 3

# How many stretches of missing layers an error names.
_MOST_NAMED = 60


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
    zones = known_zones()
    return zones[zones.index(text.lower())]


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
_NUMBER = _Column(
    "a %s; they are numbered 1, 2, 3", _whole(1, MOST_LAYERS), _whole_text, is_key=True
)
_COLUMNS = {
    "run": _Column("a name", str, str, is_key=True),
    **dict.fromkeys(("layer", "last_layer"), _NUMBER._replace(kind=_NUMBER.kind % "layer")),
    "head": _NUMBER._replace(kind=_NUMBER.kind % "head"),
    "zone": _Column("one of the zones %s", _zone, str, is_key=True),
    **dict.fromkeys(("baseline", "score", "exact", "f1", "baseline_f1", "score_f1"), _SCORE),
    **dict.fromkeys(("change", "low", "high", "change_f1", "low_f1", "high_f1"), _POINTS),
    **dict.fromkeys(("broken", "mended"), _COUNT),
    **dict.fromkeys(("p", "p_holm", "mcnemar", "p_f1", "p_holm_f1"), _CHANCE),
    **dict.fromkeys(("significant", "significant_f1"), _Column("1 or 0", _yes_or_no, _whole_text)),
}


def _column(name):
    """The _Column of that name; one named after a zone holds that zone's scores."""
    column = _COLUMNS.get(name)
    if column is None:
        return _SCORE._replace(write=format_score)
    return column._replace(kind=column.kind.replace("%s", ", ".join(known_zones())))


# Any table --------------------------------------------------------------------------------------


def _write(path, table, what):
    """Writes a DataFrame, its index left out, whole or not at all."""
    text = pd.DataFrame(
        {name: table[name].map(_column(name).write, na_action="ignore") for name in table}
    )
    files.write_bytes(path, text.to_csv(index=False).encode("utf-8"), what)


def _read(path, what, forms):
    """Reads a table of one of several forms, as we wrote it or a spreadsheet program saved it.

    Such programs separate by semicolons or tabs where decimals have a comma; the first line shows
    by what. A field may be empty: such a cell was not decoded.

    Args:
        path: the file.
        what: what to call it in an error.
        forms: names of forms (see _form_of), one of which it must have.

    Returns:
        DataFrame with these columns, nan where a field is empty; its index is the line in the file.

    Raises:
        UserError: another first line, or a value that its column cannot hold (gives the line).
    """
    where = "%s: %s" % (what, path)
    own.know(provenance.own_zones(path), provenance.path_of(path))
    text = files.read_text(path, what)
    separator = _separator(text)
    rows = csv.reader(io.StringIO(text, newline=None), delimiter=separator)
    found = {}
    try:
        header = _names(next(rows, []))
        if header[:1] == ("sep=",):  # Excel's own first line
            header = _names(next(rows, []))
        _check_form(header, forms, where, separator)
        for row in rows:
            if any(field.strip() for field in row):
                found[rows.line_num] = _values(header, row, "%s, line %d" % (where, rows.line_num))
    except csv.Error as error:
        raise UserError("%s, line %d: not a table (%s)" % (where, rows.line_num, error))
    return pd.DataFrame.from_dict(found, orient="index", columns=list(header))


_WRITERS = {"significance": "get_results.py --baseline"}


def _columns_of(form):
    """The columns of a form: ``results``, ``long``, ``heads``, ``heads significance``, ..."""
    if form in ("results", "long"):
        return RESULTS if form == "results" else LONG
    name, *rest = form.split(" ") if form != "significance" else ("", form)
    (keys,) = (kind.keys for kind in KINDS if kind.name == name)
    return keys + (MEASURED if rest else SCORES)


_FORMS = ("results", "long", "significance") + tuple(
    name + ending for name in ("heads", "spans", "every") for ending in ("", " significance")
)


def _form_of(header):
    """The form of the table that begins with these names, or None."""
    further = header[len(RESULTS) :]
    if header[: len(RESULTS)] == RESULTS and set(further) <= set(known_zones()) - set(ZONES):
        return "results"
    if header[-len(_MEASURED_BEFORE_F1) :] == _MEASURED_BEFORE_F1:  # of an older version
        header += MEASURED[len(_MEASURED_BEFORE_F1) :]
    return next((form for form in _FORMS if _columns_of(form) == header), None)


def _check_form(header, forms, where, separator):
    form = _form_of(header)
    if form in forms and len(set(header)) == len(header):
        return
    raise UserError(
        "%s: the first line is %r, not %r; give %s that %s wrote"
        % (
            where,
            separator.join(header)[:80],
            ",".join(_columns_of(forms[0])),
            "the other table" if form else "a file",
            _WRITERS.get(forms[0].split(" ")[-1], "get_results.py"),
        )
    )


def _separator(text):
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count)


def _names(row):
    names = [name.strip().lower() for name in row]
    while names and not names[-1]:  # Spreadsheet programs save columns that are empty.
        names.pop()
    return tuple(names)


def _values(header, row, here):
    if any(field.strip() for field in row[len(header) :]) or len(row) < len(header):
        hint = "is a decimal comma taken for a separator?" if len(row) > len(header) else ""
        raise UserError(
            "%s: %d values in place of %d; %s"
            % (here, len(row), len(header), hint or "was the file cut short?")
        )
    values = []
    for name, text in zip(header, map(str.strip, row)):
        column = _column(name)
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


def write_long(path, scores, what="results file"):
    """Writes the scores of every run and cell of the map.

    Raises:
        UserError: the file cannot be written.
    """
    _write(path, scores[list(LONG)], what)


def write_results(path, table, what="results file"):
    """Writes a map's scores, a DataFrame as map_of gives it.

    Raises:
        UserError: the file cannot be written.
    """
    _write(path, table.reset_index(), what)


def write_scores(path, scores, kind, what="results file"):
    """Writes the mean over runs of both scores of cells that are not of the map.

    Args:
        path: the file.
        scores: DataFrame as scores_of gives it.
        kind: Kind of the cells.

    Returns:
        the DataFrame that was written.

    Raises:
        UserError: the file cannot be written.
    """
    table = scores.groupby(list(kind.keys), sort=False)[list(SCORES)].mean().reset_index()
    _write(path, table, what)
    return table


def read_results(path, what="results file") -> pd.DataFrame:
    """Reads a table that write_results wrote; its rows may be in any order.

    Returns:
        DataFrame as map_of gives it.

    Raises:
        UserError: no such table, or layers are missing or repeated; the message says which.
    """
    return _by_layer(_read(path, what, ["results"]), "%s: %s" % (what, path))


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
    table = _read(path, what, ["results", "long", "heads", "spans", "every"])
    where = "%s: %s" % (what, path)
    form = _form_of(tuple(table.columns))
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


def write_significance(path, table, kind=MAP, what="significance file"):
    """Writes a table as significance.table_of gives it.

    Raises:
        UserError: the file cannot be written.
    """
    _write(path, table[list(kind.keys + MEASURED)], what)


def read_significance(path, kind=MAP, what="significance file") -> pd.DataFrame:
    """Reads a table that write_significance wrote.

    Returns:
        DataFrame with the kind's keys and the columns MEASURED; ``significant`` is bool. A table
        that an older version wrote ends behind it.

    Raises:
        UserError: no such table; cells missing or repeated; several baselines.
    """
    where = "%s: %s" % (what, path)
    table = _read(path, what, [(kind.name + " significance").strip()])
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
