"""Columns of the tables in CSV: their names, what values each takes, how they are read and written.

What the tables are, tables.py says.
"""

import csv
import io
from typing import Callable, NamedTuple

import numpy as np
import pandas as pd

from common import files
from common.command_line import UserError
from maps import provenance
from maps.kinds import HEADS, KINDS, MAP
from maps.predictions import MOST_LAYERS
from zones import own
from zones.masks import ZONES, known_zones

RESULTS = ("layer",) + ZONES
SCORES = ("exact", "f1")
LONG = ("run",) + MAP.keys + SCORES
ATTENTION = HEADS.keys + ("weight",)
# The columns of a table of significance, after those that name the cell.
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
# So far exact match; tables of older versions end here.
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
        """The number that a text is."""
        # Many languages write a decimal comma.
        value = float(text.replace(",", ".") if text.count(",") == 1 else text)
        if not lowest <= value <= highest:  # nan is not, either
            raise ValueError(text)
        return value

    return read


def _whole(lowest, highest):
    def read(text):
        """The number that a text is."""
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
    "weight": _Column("a share from 0 to 1", _decimal(0, 1), "{:.6f}".format),
}


def _column(name):
    """The _Column of that name; one named after a zone holds that zone's scores."""
    column = _COLUMNS.get(name)
    if column is None:
        return _SCORE._replace(write=format_score)
    return column._replace(kind=column.kind.replace("%s", ", ".join(known_zones())))


# Any table --------------------------------------------------------------------------------------


def write_rows(path, table):
    """Writes a DataFrame, its index left out, whole or not at all."""
    text = pd.DataFrame(
        {name: table[name].map(_column(name).write, na_action="ignore") for name in table}
    )
    files.write_bytes(path, text.to_csv(index=False).encode("utf-8"), "results file")


def read_rows(path, what, forms):
    """Reads a table of one of several forms, as we wrote it or a spreadsheet program saved it.

    Such programs separate by semicolons or tabs where decimals have a comma; the first line shows
    by what. A field may be empty: such a cell was not decoded.

    Args:
        path: the file.
        what: what to call it in an error.
        forms: names of forms (see form_of), one of which it must have.

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


_WRITERS = {
    "significance": "get_results.py --baseline",
    "attention": "run_squad.py --write_attention=True",
}


def _columns_of(form):
    """The columns of a form: ``results``, ``long``, ``heads``, ``heads significance``, ..."""
    whole = {"results": RESULTS, "long": LONG, "attention": ATTENTION}
    if form in whole:
        return whole[form]
    name, *rest = form.split(" ") if form != "significance" else ("", form)
    (keys,) = (kind.keys for kind in KINDS if kind.name == name)
    return keys + (MEASURED if rest else SCORES)


_FORMS = ("results", "long", "significance", "attention") + tuple(
    name + ending for name in ("heads", "spans", "every") for ending in ("", " significance")
)


def form_of(header):
    """The form of the table that begins with these names, or None."""
    further = header[len(RESULTS) :]
    if header[: len(RESULTS)] == RESULTS and set(further) <= set(known_zones()) - set(ZONES):
        return "results"
    if header[-len(_MEASURED_BEFORE_F1) :] == _MEASURED_BEFORE_F1:  # of an older version
        header += MEASURED[len(_MEASURED_BEFORE_F1) :]
    return next((form for form in _FORMS if _columns_of(form) == header), None)


def _check_form(header, forms, where, separator):
    form = form_of(header)
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
