"""Sixty prediction files -> results.csv: the score of every cell of the map, layer by layer.

Several runs give their mean, and a baseline gives each cell's significance beside it.
"""

import common.environment  # noqa: F401

import numpy as np

from common import command_line, files
from common.command_line import UserError
from common.progress import counted, say
from maps import kinds, predictions, provenance, significance, tables
from maps.baselines import DATA_FILE
from maps.clustered import FEW_CLUSTERS, UNITS, bootstrap_interval, clusters_of
from maps.oddities import oddities, remarks
from maps.tables import beside
from spans import data_sets
from zones.cells import PREDICTIONS, Cell, file_name
from zones.masks import OFFERED_ZONES, ZONES

_ORDER = (
    ("prediction", lambda text: not text.lower().endswith((".csv", ".json"))),
    ("results.csv", lambda text: not files.is_directory(text)),
)

_DESCRIPTION = """\
Scores the prediction files of all cells (every layer x the zones {zones}) and
collects the scores in a table, one row for each layer, numbered from 1.

  python get_results.py prediction results.csv

reads prediction/{first}, ... (written by decode_squad.sh) and
{data}, writes results.csv and prints the table.

  python get_results.py prediction results.csv --baseline output/squad/predictions.json

writes results_significance.csv, too: how many answers each masked cell broke and
mended, the changes of EM and F1, each with its 95 % interval and p value. They know that
questions of one passage are alike (--cluster). McNemar's exact test stands beside them.

  python get_results.py prediction_seed1 prediction_seed2 results.csv

writes the mean over the runs, results_std.csv (the sample standard deviation) and
results_long.csv (EM and F1 of each run).

Of cells that the map has no place for, such as single heads, runs of layers, and every
layer at once, it writes results_heads.csv, results_spans.csv, results_every.csv.

results.json says what is in the table: the score, the questions, the runs and their
baselines. visualize_att_zone.py reads it.""".format(
    zones=", ".join(ZONES),
    first=file_name(PREDICTIONS, Cell(0, ZONES[0])),
    data=DATA_FILE,
)


def _parser():
    parser = command_line.ArgumentParser(description=_DESCRIPTION)
    parser.add_argument(
        "prediction_folders",
        nargs="+",
        metavar="prediction_folder",
        help="the folder with the prediction files; several for several runs",
    )
    parser.add_argument("results_file", help="the table to write, in CSV")
    parser.add_argument(
        "--baseline",
        metavar="FILE",
        help="the answers with nothing masked, to compare each cell with; for several runs the "
        "name that this file has in each folder: predictions.json",
    )
    parser.add_argument(
        "--use-f1", action="store_true", help="collect F1 (default: exact match, EM)"
    )
    parser.add_argument(
        "--cluster",
        choices=UNITS,
        default=UNITS[0],
        help="what questions have in common, so that they are no independent observations "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--bootstrap",
        metavar="DRAWS",
        type=int,
        default=0,
        help="with --baseline: check the intervals by a clustered bootstrap of so many draws, such "
        "as 2000, and say how far apart they are",
    )
    parser.add_argument(
        "--zones",
        metavar="LIST",
        help="zones that the table has a column for, behind the protocol's five: union",
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="take a folder in which cells are missing: their fields in the table stay empty",
    )
    parser.add_argument(
        "--data-file",
        metavar="FILE",
        default=DATA_FILE,
        help="the questions that were decoded, with their gold answers (default: %(default)s)",
    )
    parser.add_argument(
        "--dataset",
        choices=data_sets.NAMES,
        help="whose metric to score by (default: told from the data file)",
    )
    return parser


def _development_set(path, data_set):
    if path == DATA_FILE and not files.exists(path):
        raise UserError(
            "--data-file: there is no file %s; fetch it with: bash download_squad.sh, or name "
            "another one" % path
        )
    return data_sets.development_set(path, data_set, "--data-file")


def _show(table, label):
    """Prints the map as it is drawn, layer 1 at the bottom."""
    shown = table.rename(columns=str.upper).rename_axis(index=None, columns="layer")
    shown = shown[::-1].to_string(float_format="%.{}f".format(tables.DECIMALS), na_rep="-")
    print("%s, layer by layer, with the zone of the column masked:\n\n%s\n" % (label, shown))


def _zones(options):
    """The zones of the map: the protocol's, and behind them those asked for."""
    further = [name.strip().lower() for name in (options.zones or "").split(",") if name.strip()]
    for name in further:
        if name not in OFFERED_ZONES:
            raise UserError(
                "--zones: there is no zone %s; choose from %s" % (name, ", ".join(OFFERED_ZONES))
            )
    return tuple(dict.fromkeys(ZONES + tuple(further)))


def _check_options(options):
    given = (options.prediction_folders[0], options.results_file)
    command_line.check_order("get_results.py", given, _ORDER)
    endings = ["std", "long"] if len(options.prediction_folders) > 1 else []
    endings += ["significance"] if options.baseline else []
    outputs = [beside(options.results_file, ending) for ending in endings]
    inputs = [options.data_file, options.baseline]
    for path in [options.results_file, *outputs]:
        files.check_writable(path, "results file", inputs)
    provenance.check_writable(options.results_file, inputs)


def _read_runs(options):
    """The runs and their questions; says what is odd about them."""
    folders = [predictions.Folder(path) for path in options.prediction_folders]
    cells = predictions.cells_of_all(folders, _zones(options), options.partial)
    development = _development_set(options.data_file, options.dataset)
    reads_cls = data_sets.reads_cls(development)
    runs = []
    for folder, baseline in zip(folders, predictions.baselines_of(folders, options.baseline)):
        runs.append(predictions.read_run(folder, development, cells, baseline))
        for oddity in oddities(runs[-1], reads_cls):
            say("WARNING: " + oddity)
        for remark in remarks(runs[-1]):
            say(remark)
    return runs, development


def _significance(runs, cells, clusters, options):
    """The table of significance of cells of one kind, and what to say of it."""
    cells = [cell for cell in cells if cell in runs[0].cells]
    table = significance.table_of(runs, cells, clusters)
    ending = "_f1" if options.use_f1 else ""
    said = (
        "Baseline %s; %d of %d cells differ from it significantly (p < %g after Holm's correction; "
        "%s)"
        % (
            tables.format_score(table["baseline" + ending][0]),
            table["significant" + ending].sum(),
            len(table),
            significance.LEVEL,
            _test_name(runs, options),
        )
    )
    return table, said


def _power(measured, runs, clusters, options):
    """What the data could have found: a line, or none if no cell changed anything."""
    errors = measured["error_f1" if options.use_f1 else "error"].dropna()
    points = significance.smallest_change(errors, len(errors), clusters.freedom)
    if np.isnan(points):
        return []
    text = (
        "With %s of %s, a change of %.1f points is found in 80 of 100 samples (after the "
        "correction for %d cells)"
        % (
            counted(len(clusters.of), "question"),
            counted(clusters.number, options.cluster),
            points,
            len(errors),
        )
    )
    if len(runs) == 1:
        needed = int(np.ceil(clusters.number * points**2))
        text += "; for one of 1 point it takes about " + counted(needed, options.cluster)
    return [text]


def _bootstrap(measured, runs, clusters, options):
    """How far a clustered bootstrap's intervals are from those of the table: a line."""
    metric, ending = ("f1", "_f1") if options.use_f1 else ("exact", "")
    before = np.stack([getattr(run.baseline.scores, metric) for run in runs])
    apart = {}
    for cell in kinds.in_order(c for c in runs[0].cells if kinds.kind_of(c) == kinds.MAP):
        after = np.stack([getattr(run.cells[cell].scores, metric) for run in runs])
        drawn = bootstrap_interval(after - before, clusters, options.bootstrap)
        row = measured[(measured["layer"] == cell.layer + 1) & (measured["zone"] == cell.zone)]
        ends = row[["low" + ending, "high" + ending]].to_numpy()[0]
        apart[cell] = np.abs(ends - drawn).max()
    cell = max(apart, key=apart.get)
    return [
        "A clustered bootstrap (%s, seed 1) has the same ends of intervals to within %.2f points "
        "(furthest apart: %s in layer %d)"
        % (counted(options.bootstrap, "draw"), apart[cell], cell.zone, cell.layer + 1)
    ]


def _test_name(runs, options):
    name = significance.CLUSTERED if len(runs) == 1 else significance.CLUSTERED_RUNS
    return name % options.cluster


def _write_map(options, runs, wanted, clusters):
    """Writes the tables of the map; returns (its scores, ending -> table, what to say of them)."""
    path = options.results_file
    scores = tables.scores_of(runs, kinds.MAP, wanted)
    table, deviation = tables.map_of(scores, "f1" if options.use_f1 else "exact")
    tables.write_results(path, table)
    said, made = ["wrote " + path], {"": table}
    if len(runs) > 1:
        made.update(std=deviation, long=scores)
        tables.write_results(beside(path, "std"), deviation)
        tables.write_long(beside(path, "long"), scores)
        said.append("wrote %s and %s" % (beside(path, "std"), beside(path, "long")))
    if options.baseline:
        measured, summary = _significance(runs, wanted, clusters, options)
        said = [summary, *_power(measured, runs, clusters, options), *said]
        if options.bootstrap:
            said[2:2] = _bootstrap(measured, runs, clusters, options)
        measured = tables.with_all_cells(measured, wanted)
        tables.write_significance(beside(path, "significance"), measured)
        said.append("wrote " + beside(path, "significance"))
    return table, made, said


def _write_others(options, runs, clusters):
    """Writes the tables of cells that have no place in the map: (ending -> table, what to say)."""
    made, said = {}, []
    for kind in kinds.KINDS:
        cells = kinds.in_order(c for c in runs[0].cells if kinds.kind_of(c) == kind)
        if kind == kinds.MAP or not cells:
            continue
        path = beside(options.results_file, kind.name)
        scores = tables.scores_of(runs, kind, cells)
        made[kind.name] = tables.write_scores(path, scores, kind)
        text = "%s: %s" % (kind.title, counted(len(cells), "cell"))
        if options.baseline:
            measured, text_of = _significance(runs, cells, clusters, options)
            tables.write_significance(beside(path, "significance"), measured, kind)
            text += ". %s" % text_of
            path = "%s and %s" % (path, beside(path, "significance"))
        said.append("wrote %s (%s)" % (path, text))
    return made, said


def _write(options, runs, development):
    """Writes every table; returns that of results_file or None, and what to say of them."""
    table, made, said = None, {}, []
    clusters = clusters_of(development, options.cluster)
    if options.baseline and clusters.number < FEW_CLUSTERS:
        say(
            "WARNING: %s has %s; intervals from so few are not to be trusted"
            % (options.data_file, counted(clusters.number, options.cluster))
        )
    wanted, _, _ = runs[0].folder.map_cells(_zones(options))
    if wanted:
        table, made, said = _write_map(options, runs, wanted, clusters)
    else:
        said.append("no single layer was decoded; %s is not written" % options.results_file)
    more, said_of_more = _write_others(options, runs, clusters)
    made.update(more)
    facts = {
        "metric": "f1" if options.use_f1 else "exact",
        "data_file": options.data_file,
        # Whether masking q2p in the last layer, which [CLS] sees, may change an answer.
        "reads_cls": data_sets.reads_cls(development),
        "questions": len(development),
        "clusters": {"unit": options.cluster, "number": clusters.number},
        "test": _test_name(runs, options),
        "runs": [_facts_of(run) for run in runs],
    }
    provenance.write(options.results_file, made, **facts)
    return table, said + said_of_more


def _facts_of(run):
    baseline = None
    if run.baseline is not None:
        baseline = {
            name: round(tables.percent(values), 4)
            for name, values in run.baseline.scores._asdict().items()
        }
    return {
        "name": predictions.run_name(run.folder.path),
        "baseline_file": run.baseline_file,
        "baseline": baseline,
    }


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_args(argv)
    _check_options(options)
    runs, development = _read_runs(options)
    table, said = _write(options, runs, development)
    metric = "F1" if options.use_f1 else "Exact match"
    of_runs = " (mean of %d runs)" % len(runs) if len(runs) > 1 else ""
    if table is not None:
        _show(table, "%s in percent over %d questions%s" % (metric, len(development), of_runs))
    print("\n".join(said))


if __name__ == "__main__":
    command_line.run(main)
