"""Sixty prediction files -> results.csv: the score of every cell of the map, layer by layer.

Several runs give their mean, and a baseline gives each cell's significance beside it.
"""

import common.environment  # noqa: F401

from common import command_line, files
from common.command_line import UserError
from common.progress import say
from maps import arguments, columns, predictions, provenance
from maps.baselines import DATA_FILE
from maps.collected import Asked, write_tables
from maps.oddities import remarks, warn_of
from maps.tables import beside
from spans import data_sets
from zones import own
from zones.cells import PREDICTIONS, Cell, file_name
from zones.masks import ZONES

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
    arguments.add_folders(parser)
    parser.add_argument("results_file", help="the table to write, in CSV")
    parser.add_argument(
        "--use-f1", action="store_true", help="collect F1 (default: exact match, EM)"
    )
    arguments.add_cluster(parser)
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
        help="zones that the table has a column for, behind the protocol's five: union, your own",
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="take a folder in which cells are missing: their fields in the table stay empty",
    )
    arguments.add_data_file(parser)
    arguments.add_data_set(parser)
    return parser


def _development_set(path, data_set, sample):
    if path == DATA_FILE and not files.exists(path):
        raise UserError(
            "--data-file: there is no file %s; fetch it with: bash download_squad.sh, or name "
            "another one" % path
        )
    return data_sets.development_set(path, data_set, "--data-file", sample=sample)


def _show(table, label):
    """Prints the map as it is drawn, layer 1 at the bottom."""
    shown = table.rename(columns=str.upper).rename_axis(index=None, columns="layer")
    shown = shown[::-1].to_string(float_format="%.{}f".format(columns.DECIMALS), na_rep="-")
    print("%s, layer by layer, with the zone of the column masked:\n\n%s\n" % (label, shown))


def _zones(options):
    """The zones of the map: the protocol's, and behind them those asked for."""
    return tuple(dict.fromkeys([*ZONES, *own.named(options.zones, "--zones", "")]))


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
    sample = predictions.sample_of(folders)
    development = _development_set(options.data_file, options.dataset, sample)
    runs = []
    for folder, baseline in zip(folders, predictions.baselines_of(folders, options.baseline)):
        runs.append(predictions.read_run(folder, development, cells, baseline))
    warn_of(runs, development)
    for run in runs:
        for remark in remarks(run):
            say(remark if len(runs) == 1 else "%s: %s" % (run.folder.path, remark))
    return runs, development


def _is_tested_anyway(runs, development):
    """Scores of a sample are told with their intervals, if every folder has its baseline."""
    return bool(development.sample) and all(run.baseline for run in runs)


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_args(argv)
    _check_options(options)
    runs, development = _read_runs(options)
    asked = Asked(
        options.results_file,
        "f1" if options.use_f1 else "exact",
        _zones(options),
        bool(options.baseline) or _is_tested_anyway(runs, development),
        options.cluster,
        options.bootstrap,
    )
    table, said = write_tables(asked, runs, development, arguments.command("get_results.py", argv))
    metric = "F1" if options.use_f1 else "Exact match"
    of_runs = " (mean of %d runs)" % len(runs) if len(runs) > 1 else ""
    if table is not None:
        _show(table, "%s in percent over %d questions%s" % (metric, len(development), of_runs))
    print("\n".join(said))


if __name__ == "__main__":
    command_line.run(main)
