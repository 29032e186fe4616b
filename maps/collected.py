"""From the scores of runs to every table of them: what is written where, and what is said of it."""

from typing import NamedTuple, Tuple

import numpy as np

from common import files, notes
from common.progress import counted, say
from maps import columns, kinds, predictions, provenance, significance, tables
from maps.clustered import FEW_CLUSTERS, UNITS, bootstrap_interval, clusters_of
from maps.tables import beside
from spans import data_sets
from zones.masks import own_zones


class Asked(NamedTuple):
    """What the user asked for.

    Attributes:
        path: results.csv; the other tables stand beside it.
        metric: the score in it, ``exact`` or ``f1``.
        zones: the zones of its columns.
        is_tested: whether to compare each cell with the baseline.
        cluster: what questions have in common; one of clustered.UNITS.
        draws: of a bootstrap that checks the intervals; 0 for none.
    """

    path: str
    metric: str
    zones: Tuple[str, ...]
    is_tested: bool
    cluster: str
    draws: int

    @property
    def ending(self):
        """Of the columns that are about the score: none of exact match, ``_f1`` of F1."""
        return "_f1" if self.metric == "f1" else ""


def write_tables(asked, runs, development, command):
    """Writes every table that the runs give, and beside them what they are about.

    Args:
        asked: Asked.
        runs: list of predictions.Run with the same cells.
        development: see data_sets.development_set.
        command: the command line, for whoever wants to repeat it.

    Returns:
        (the scores of the map as tables.map_of gives them, or None if no cell of it was decoded;
        what to say of it all, list of str).

    Raises:
        UserError: a file cannot be written, or the data has no such clusters.
    """
    table, made, said, measured = None, {}, [], None
    clusters = clusters_of(development, asked.cluster)
    if asked.is_tested and clusters.number < FEW_CLUSTERS:
        say(
            "WARNING: %s has %s; intervals from so few are not to be trusted"
            % (development.path, counted(clusters.number, asked.cluster))
        )
    wanted, _, _ = runs[0].folder.map_cells(asked.zones)
    if wanted:
        table, made, said, measured = _write_map(asked, runs, wanted, clusters)
    further = runs[0].folder.further_zones(asked.zones)
    if further:
        names = ",".join(further)
        said.append("single layers of %s: --zones=%s gives them a column" % (names, names))
    if not wanted:
        what = "of these zones no single layer" if further else "no single layer"
        said.append("%s was decoded; %s is not written" % (what, asked.path))
    more, said_of_more = _write_others(asked, runs, clusters)
    made.update(more)
    facts = {
        "metric": asked.metric,
        "command": command,
        "versions": provenance.versions(),
        "data": {
            "file": development.path,
            "sha256": provenance.checksum(development.path),
        },
        # Whether masking q2p in the last layer, which [CLS] sees, may change an answer.
        "reads_cls": data_sets.reads_cls(development),
        "questions": len(development),
        "sample": development.sample and development.sample._asdict(),
        "half_interval": None if measured is None else _half_interval(measured, asked),
        "passages": clusters_of(development, UNITS[0]).number,
        "clusters": {"unit": asked.cluster, "number": clusters.number},
        "test": _test_name(runs, asked),
        "runs": [facts_of(run) for run in runs],
        "zones": own_zones(),
    }
    provenance.write(asked.path, made, _paths(asked, made), **facts)
    return table, said + said_of_more


def _paths(asked, made):
    """The files of the tables that were made: ending -> DataFrame."""
    endings = list(made)
    if asked.is_tested:
        tested = ["", *(kind.name for kind in kinds.KINDS)]
        endings += [(e + "_significance").strip("_") for e in made if e in tested]
    return [beside(asked.path, ending) if ending else asked.path for ending in endings]


def _significance(runs, cells, clusters, asked):
    """The table of significance of cells of one kind, and what to say of it."""
    cells = [cell for cell in cells if cell in runs[0].cells]
    table = significance.table_of(runs, cells, clusters)
    said = (
        "Baseline %s; %d of %d cells differ from it significantly (p < %g after Holm's correction; "
        "%s)"
        % (
            columns.format_score(table["baseline" + asked.ending][0]),
            table["significant" + asked.ending].sum(),
            len(table),
            significance.LEVEL,
            _test_name(runs, asked),
        )
    )
    return table, said


def _power(measured, runs, clusters, asked):
    """What the data could have found: a line, or none if no cell changed anything."""
    power = significance.power_of(measured, clusters.number, asked.ending)
    if power is None:
        return []
    if power.clusters is None:
        needed = "no number of %ss is enough where %d runs differ so" % (asked.cluster, len(runs))
    else:
        needed = "it takes about " + counted(int(np.ceil(power.clusters)), asked.cluster)
    return [
        "With %s of %s, a change of %.1f points is found in 80 of 100 samples (after the "
        "correction for %s); for one of 1 point %s"
        % (
            counted(len(clusters.of), "question"),
            counted(clusters.number, asked.cluster),
            power.points,
            counted(len(measured), "cell"),
            needed,
        )
    ]


def _rare(measured, runs, asked):
    """In how many cells intervals rest on few passages: a line, or none if in no cell."""
    changed = measured["changed" + asked.ending]
    few = int(((changed > 0) & (changed < FEW_CLUSTERS)).sum())
    if not few:
        return []
    advice = "hold these against McNemar's test" if len(runs) == 1 else "their intervals are rough"
    return [
        "In %d of %s fewer than %d %ss change; %s"
        % (few, counted(len(changed), "cell"), FEW_CLUSTERS, asked.cluster, advice)
    ]


def _bootstrap(measured, runs, clusters, asked):
    """How far a clustered bootstrap's intervals are from those of the table: a line.

    Where nothing changes, nothing changes in any draw, and that says nothing: then there is none.
    """
    apart = {}
    for cell in kinds.in_order(c for c in runs[0].cells if kinds.kind_of(c) == kinds.MAP):
        row = measured[(measured["layer"] == cell.layer + 1) & (measured["zone"] == cell.zone)]
        if row["changed" + asked.ending].iloc[0]:
            differences = significance.differences_of(runs, cell, asked.metric)
            drawn = bootstrap_interval(differences, clusters, asked.draws)
            ends = row[["low" + asked.ending, "high" + asked.ending]].to_numpy()[0]
            apart[cell] = np.abs(ends - drawn).max()
    if not apart:
        return []
    cell = max(apart, key=apart.get)
    return [
        "A clustered bootstrap (%s, seed 1) has the same ends of intervals to within %.2f points "
        "(furthest apart: %s in layer %d)"
        % (counted(asked.draws, "draw"), apart[cell], cell.zone, cell.layer + 1)
    ]


def _test_name(runs, asked):
    name = significance.CLUSTERED if len(runs) == 1 else significance.CLUSTERED_RUNS
    return name % asked.cluster


def _write_map(asked, runs, wanted, clusters):
    """Writes the tables of the map.

    Returns:
        (its scores, ending -> table, what to say of them, the table of significance or None).
    """
    path, measured = asked.path, None
    scores = tables.scores_of(runs, kinds.MAP, wanted)
    table, deviation = tables.map_of(scores, asked.metric)
    columns.write_rows(path, table.reset_index())
    said, made = ["wrote " + path], {"": table}
    if len(runs) > 1:
        made.update(std=deviation, long=scores)
        columns.write_rows(beside(path, "std"), deviation.reset_index())
        columns.write_rows(beside(path, "long"), scores)
        said.append("wrote %s and %s" % (beside(path, "std"), beside(path, "long")))
    if asked.is_tested:
        measured, summary = _significance(runs, wanted, clusters, asked)
        said_of_test = [
            summary,
            *_power(measured, runs, clusters, asked),
            *_rare(measured, runs, asked),
        ]
        if asked.draws:
            said_of_test += _bootstrap(measured, runs, clusters, asked)
        said = said_of_test + said
        measured = tables.with_all_cells(measured, wanted)
        _write_significance(path, measured, kinds.MAP)
        said.append("wrote " + beside(path, "significance"))
    return table, made, said, measured


def _write_significance(path, measured, kind):
    names = [*kind.keys, *columns.MEASURED]
    columns.write_rows(beside(path, "significance"), measured[names])


def _half_interval(measured, asked):
    """Half the length of the cells' 95 % intervals, their median, in points."""
    lengths = measured["high" + asked.ending] - measured["low" + asked.ending]
    return round(float(lengths.median()) / 2, 2)


def _write_others(asked, runs, clusters):
    """Writes the tables of cells that have no place in the map: (ending -> table, what to say)."""
    made, said = {}, []
    for kind in kinds.KINDS:
        cells = kinds.in_order(c for c in runs[0].cells if kinds.kind_of(c) == kind)
        if kind == kinds.MAP or not cells:
            continue
        path = beside(asked.path, kind.name)
        scores = tables.scores_of(runs, kind, cells)
        made[kind.name] = tables.mean_of(scores, kind)
        columns.write_rows(path, made[kind.name])
        text = "%s: %s" % (kind.title, counted(len(cells), "cell"))
        if asked.is_tested:
            measured, text_of = _significance(runs, cells, clusters, asked)
            _write_significance(path, measured, kind)
            text += ". %s" % text_of
            path = "%s and %s" % (path, beside(path, "significance"))
        said.append("wrote %s (%s)" % (path, text))
    return made, said


def reader_of(run):
    """What the reader's folder says of it, if it is known which that is; else None.

    It is the folder of the baseline's answers, or that of the checkpoint that decoding noted.
    """
    decodings = provenance.decodings(run)
    checkpoints = [decoding.get("checkpoint", {}).get("file") for decoding in decodings]
    for path in [run.baseline_file, *checkpoints]:
        home = files.directory_of(path) if path else None
        for name in ("reader.json", "training.json"):
            note = home and files.join(home, name)
            if note and files.exists(note):
                return notes.read(note, dict)
    return None


def facts_of(run):
    """What is known of a predictions.Run and its reader, as it goes into JSON."""
    baseline = None
    if run.baseline is not None:
        baseline = {
            name: round(tables.percent(values), 4)
            for name, values in run.baseline.scores._asdict().items()
        }
    return {
        "name": predictions.run_name(run.folder.path),
        "decoded_by": provenance.decodings(run),
        "reader": reader_of(run),
        "baseline_file": run.baseline_file,
        "baseline": baseline,
    }
