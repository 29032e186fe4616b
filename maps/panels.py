"""Tables of scores -> what one map of the figure shows: changes, deviations, significance.

A user names a table and its baseline; ``read_panel`` reads both, in any of their forms.
"""

import os
from typing import NamedTuple, Optional, Tuple

import numpy as np
import pandas as pd

from common import files
from common.command_line import UserError
from common.sample import Sample
from maps import baselines, provenance, tables
from maps.clustered import UNITS
from maps.kinds import EVERY, HEADS, MAP, SPANS, zone_order
from maps.significance import CLUSTERED, LEVEL, MCNEMAR, STUDENT, holm, mcnemar_exact
from maps.tables import beside

METRIC_NAMES = {"exact": "Exact match", "f1": "F1"}

# Files written by one command may differ by this much in their times, in seconds.
_SAME_TIME = 1.0


class Panel(NamedTuple):
    """One map of a figure.

    Attributes:
        change: DataFrame in points, nan where a cell was not decoded: a row for each layer, the
            last one on top, and a column for each zone or head. The names of its axes are what is
            written at them.
        title: a line above it, or None.
        unsure: bool DataFrame like ``change``, True where a change is not significant; or None.
        test: the name of the test that says so, or None.
        spread: DataFrame like ``change``, standard deviations over runs in points; or None.
        spread_of: what deviates so: "change" or "score".
        metric: a key of METRIC_NAMES, or None if it is not known.
        doubt: why the baseline may not be that of the table, for a WARNING; or None.
        note: what else is to be said below the map, a line or several; or None.
        baseline: the score with nothing masked, percent, that was taken off.
        num_tests: how many cells the test was corrected for; None without a test.
        paths: the files that it was drawn from.
        facts: see provenance.of_table.
        table: the Table that it was read from, or None.
    """

    change: pd.DataFrame
    title: Optional[str] = None
    unsure: Optional[pd.DataFrame] = None
    test: Optional[str] = None
    spread: Optional[pd.DataFrame] = None
    spread_of: str = "change"
    metric: Optional[str] = None
    doubt: Optional[str] = None
    note: Optional[str] = None
    baseline: Optional[float] = None
    num_tests: Optional[int] = None
    paths: Tuple[str, ...] = ()
    facts: Optional[dict] = None
    table: Optional["Table"] = None


class Choice(NamedTuple):
    """What to draw of a table that holds more than one map.

    Attributes:
        metric: the score, ``exact`` or ``f1``; None is the table's own.
        with_spread: whether to draw deviations over runs.
        zone: of results_heads.csv, the zone; None if it has one only.
        span: of results_spans.csv, how many layers a run has; None if all have as many.
        data_file: the questions, to score the baseline in a folder with; None if it is known.
    """

    metric: Optional[str] = None
    with_spread: bool = False
    zone: Optional[str] = None
    span: Optional[int] = None
    data_file: Optional[str] = None


def read_panel(path, baseline, choice=None, title=None, names=("results file", "baseline")):
    """One map as the user named it.

    Args:
        path: results.csv, results_long.csv, results_heads.csv, ...
        baseline: a number; or the name of a prediction folder with the baseline's answers, or of
            a results_significance.csv.
        choice: Choice; None for all of a table that holds one map.
        title: a line above the map, or None.
        names: what to call table and baseline in an error.

    Returns:
        Panel.

    Raises:
        UserError: a file or a number is not what it should be.
    """
    choice = choice or Choice()
    table = Table(path, choice, names[0])
    unsure = test = num_tests = None
    paths = [str(path)]
    if baseline.lower().endswith(".csv"):
        value, unsure, test, num_tests = _significance(baseline, table, names[1])
        paths.append(baseline)
    elif files.is_directory(baseline):
        value = baselines.of_folder(baseline, table, choice.data_file, names[1])
    else:
        value = baselines.typed(baseline, table, names[1])
    spread, spread_of = _spread_of(table, choice) if choice.with_spread else (None, "change")
    change = table.drawn(table.cells["score"] - value)
    doubt = baselines.doubt(value, baseline, table)
    return Panel(
        change,
        title,
        unsure,
        test,
        spread,
        spread_of,
        table.metric,
        "%s: %s" % (names[1], doubt) if doubt else None,
        _note_on_sample(table.facts),
        value,
        num_tests,
        tuple(paths),
        table.facts,
        table,
    )


def _note_on_sample(facts):
    """What a figure says of a table that is about a sample of the questions; None of others."""
    if not facts.get("sample"):
        return None
    note = Sample.noted(facts["sample"]).text
    points = facts.get("half_interval")
    return (
        "%s; 95 %% intervals of \N{PLUS-MINUS SIGN}%.1f points" % (note, points) if points else note
    )


class Table:
    """A table of scores as the user named it, with what is known about it.

    Attributes:
        path: the file.
        kind: Kind of its cells.
        metric: ``exact``, ``f1``, or None if nobody says.
        cells: DataFrame of the cells that are drawn: the kind's keys and ``score``, percent.
        runs: the same with a line for each run and ``run``; None if the table does not tell.
        facts: see provenance.of_table.
    """

    def __init__(self, path, choice, what):
        read = tables.read_scores(path, what)
        self.path, self.kind = path, read.kind
        self._keys = list(read.kind.keys)
        long = "run" in read.cells
        self.facts = provenance.of_table(path, read.table, "long" if long else read.kind.name)
        self.metric = choice.metric or "exact"
        if "score" in read.cells:
            self._check_metric(choice.metric)
            self.metric = choice.metric or self.facts.get("metric")
        cells = read.cells.rename(columns={self.metric: "score"})
        self._chosen = _chosen(cells, self.kind, choice, path)
        cells = cells[self._chosen(cells)]
        self.runs = cells if long else None
        self.cells = cells.groupby(self._keys, sort=False)["score"].mean().reset_index()

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

    def like(self, other):
        """Another table's lines of the cells that are drawn, in their order; nan where none is."""
        wanted = pd.MultiIndex.from_frame(self.cells[self._keys])
        indexed = other[self._chosen(other)].set_index(self._keys)
        return indexed.reindex(wanted if len(self._keys) > 1 else wanted.get_level_values(0))

    def drawn(self, values):
        """Values of the cells, in the order of ``cells``, as they are drawn; see Panel.change."""
        frame = self.cells[self._keys].assign(value=np.asarray(values))
        columns = "head" if self.kind == HEADS else "zone"
        if self.kind == EVERY:
            frame["layer"] = 1
        grid = frame.pivot(index="layer", columns=columns, values="value")
        grid = grid.sort_index(ascending=False)
        label = "Masked zone"
        if self.kind == HEADS:
            label = "Head in which %s is masked" % self.cells["zone"].iloc[0].upper()
        else:
            grid = grid[sorted(grid, key=zone_order)]
        grid.columns = pd.Index([str(name).upper() for name in grid], name=label)
        grid.index = pd.Index(map(self._row_name, grid.index), name=_ROW_LABELS[self.kind])
        return grid

    def _row_name(self, layer):
        if self.kind == EVERY:
            return "all"
        if self.kind != SPANS:
            return str(layer)
        (last,) = self.cells.loc[self.cells["layer"] == layer, "last_layer"].unique()
        return "%d\N{EN DASH}%d" % (layer, last)

    def baselines(self, metric):
        """The baseline of each run, dict run -> percent; empty if they are not known."""
        runs = self.facts.get("runs", [])
        if not all(run.get("baseline") for run in runs):
            return {}
        return {run["name"]: float(run["baseline"][metric]) for run in runs}


_ROW_LABELS = {MAP: "Layer", HEADS: "Layer", SPANS: "Layers masked together", EVERY: "Layers"}


def _chosen(cells, kind, choice, path):
    """A function that tells of each line of a DataFrame whether its cell is drawn.

    Raises:
        UserError: the table holds several maps and the user chose none, or chose another.
    """
    if kind == HEADS:
        zones = sorted(cells["zone"].unique(), key=zone_order)
        zone = _the_one(zones, choice.zone and choice.zone.lower(), "--zone", "zones", path)
        return lambda table: table["zone"] == zone
    if kind == SPANS:
        spans = sorted((1 + cells["last_layer"] - cells["layer"]).unique())
        span = _the_one(spans, choice.span, "--span", "runs of so many layers", path)
        return lambda table: 1 + table["last_layer"] - table["layer"] == span
    return lambda table: np.ones(len(table), bool)


def _the_one(there, chosen, flag, what, path):
    listed = ", ".join(map(str, there))
    if chosen is None and len(there) == 1:
        return there[0]
    if chosen is None:
        raise UserError("%s: %s has the %s %s; choose one" % (flag, path, what, listed))
    if chosen not in there:
        raise UserError(
            "%s: %s has the %s %s, and not %s" % (flag, path, what, listed or "(none)", chosen)
        )
    return chosen


# Significance -----------------------------------------------------------------------------------


def _significance(path, table, what):
    """The baseline score and the squares that are not significant, from get_results.py's table.

    Returns:
        (the baseline; bool DataFrame as drawn; the name of the test; how many cells it is
        corrected for).

    Raises:
        UserError: no such file or table, or one of other scores than the table's.
    """
    measured = tables.read_significance(path, table.kind, what)
    is_old = "mcnemar" not in measured
    if table.metric == "f1":
        if is_old:
            raise UserError(
                "%s: %s compares exact match, and %s holds F1; give the baseline's F1 as a number"
                % (what, path, table.path)
            )
        of_exact = {name[:-3]: measured[name] for name in measured if name.endswith("_f1")}
        measured = measured.assign(**of_exact)
    own = table.like(measured)
    # Both files are rounded to three decimals.
    is_of_it = np.allclose(own["score"], table.cells["score"], rtol=0, atol=0.0011, equal_nan=True)
    if not is_of_it or (table.kind == MAP and len(measured) != len(own)):
        raise UserError(
            "%s: %s does not hold the scores of %s; give the two files that one run of "
            "get_results.py --baseline wrote" % (what, path, table.path)
        )
    is_unsure = own["significant"].to_numpy() == False  # noqa: E712 (an empty field is neither)
    tested = own["p"].notna().to_numpy()
    if len(own) < len(measured):  # Holm's correction is for the cells that are drawn, not for all
        is_unsure[tested] = holm(own["p"][tested]) >= LEVEL
    unsure = table.drawn(is_unsure).fillna(False).astype(bool)
    test = _older_test_of(measured) if is_old else table.facts.get("test") or _TEST
    return float(measured["baseline"].iloc[0]), unsure, test, int(tested.sum())


_TEST = CLUSTERED % UNITS[0]


def _older_test_of(measured):
    """Which test made an older table: McNemar's follows from its counts, Student's does not."""
    decoded = measured.dropna(subset=["p"])
    p_values = mcnemar_exact(decoded["broken"], decoded["mended"])
    return MCNEMAR if np.allclose(p_values, decoded["p"], rtol=1e-4, atol=0) else STUDENT


# Deviations over runs ---------------------------------------------------------------------------


def _spread_of(table, choice):
    """The standard deviations over runs of the change, if the runs' own baselines are known.

    Returns:
        (DataFrame as drawn, "change"), or of the score itself: (DataFrame, "score").

    Raises:
        UserError: there is one run only, or there is no file of deviations that is the table's.
    """
    if table.kind != MAP:
        raise UserError("--std: deviations over runs are known of results.csv only")
    long_path = beside(table.path, "long")
    told = table
    if table.runs is None and files.exists(long_path) and table.baselines("exact"):
        long = Table(long_path, choice._replace(metric=table.metric), "--std")
        # If results.json is not about it, it may be of other runs than the table's.
        told = long if long.facts else table
    if told.runs is None:
        return table.drawn(_std_beside(table)), "score"
    if told.runs["run"].nunique() < 2:
        raise UserError("--std: %s has one run only, and a deviation needs two" % table.path)
    own, what, runs = told.baselines(told.metric), "score", told.runs
    if set(own) == set(runs["run"]):
        runs, what = runs.assign(score=runs["score"] - runs["run"].map(own)), "change"
    spread = runs.groupby(list(MAP.keys))["score"].std().reset_index()
    return table.drawn(table.like(spread)["score"]), what


def _std_beside(table):
    path = beside(table.path, "std")
    if not files.exists(path):
        raise UserError(
            "--std: there is no %s beside %s; give get_results.py the folders of several runs"
            % (os.path.basename(path), table.path)
        )
    wide = tables.read_results(path, "--std")
    if len(wide) != table.cells["layer"].nunique():
        raise UserError(
            "--std: %s has %d layers in place of %d; run get_results.py again"
            % (path, len(wide), table.cells["layer"].nunique())
        )
    known = table.facts.get("tables")
    if known:
        is_old = known.get("std") != provenance.fingerprint(wide)
    else:
        is_old = files.modified(path) < files.modified(table.path) - _SAME_TIME
    if is_old:
        raise UserError(
            "--std: %s is older than %s, of other runs perhaps; run get_results.py with the "
            "folders of all runs" % (path, table.path)
        )
    long = wide.reset_index().melt("layer", var_name="zone", value_name="score")
    return table.like(long)["score"]
