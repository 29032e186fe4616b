"""Sixty prediction files -> results.csv: the score of every cell of the map, layer by layer.

Several runs give their mean, and a baseline gives each cell's significance beside it.

The table is read and written here (``read_results``, ``write_results``), so that whoever draws or
compares it agrees on its form.
"""

import csv
import io
import os
from typing import Dict, List, NamedTuple, Optional

import pandas as pd

from common import command_line, files
from common.command_line import UserError
from common.progress import say
from eval_squad import summary
from maps import oddities as doubts
from maps import several_runs, significance_table
from maps.significance import LEVEL
from spans import data_sets
from squad.metric import Scores, read_predictions
from zones.cells import BASELINE, PREDICTIONS, Cell, cell_of_file, cells_of, file_name
from zones.masks import ZONES

COLUMNS = ("layer",) + ZONES
DECIMALS = 3
_HEADER = ",".join(COLUMNS)

# How many missing files or layers an error names.
_MOST_NAMED = 60

_DATA_FILE = "squad/dev-v1.1.json"


# The folder of predictions ----------------------------------------------------------------------


def find_cells(folder, what="prediction folder"):
    """The single-layer cells of the map, all of which have a file in the folder.

    The number of layers is that of the files: the highest layer that any of them names, plus 1.

    Returns:
        list of Cell, layer by layer.

    Raises:
        UserError: there is no such folder, no cell in it, or cells are missing; the message lists
            them and says what to run.
    """
    present = _cells_in(folder, what)
    num_layers = 1 + max(cell.layer for cell in present)
    wanted = cells_of(num_layers)
    missing = [cell for cell in wanted if cell not in present]
    if missing:
        raise UserError(
            "%s: %s lacks %d of the %d files of %d layers: %s; to decode them, run: %s"
            % (
                what,
                folder,
                len(missing),
                len(wanted),
                num_layers,
                _named(file_name(PREDICTIONS, cell) for cell in missing),
                _remedy({cell.zone for cell in missing}),
            )
        )
    return wanted


def _cells_in(folder, what):
    if not files.exists(folder):
        raise UserError("%s: there is no folder %s; check the path" % (what, folder))
    if not files.is_directory(folder):
        raise UserError("%s: %s is a file; name the folder it is in" % (what, folder))
    names = files.list_directory(folder)
    cells = {cell_of_file(name) for name in names} - {None}
    # A layer may be written as 03 by hand; such a file is not the cell's.
    cells = {cell for cell in cells if file_name(PREDICTIONS, cell) in names}
    single = {cell for cell in cells if cell.layer is not None}
    if not single:
        example = file_name(PREDICTIONS, Cell(0, ZONES[0]))
        raise UserError(
            "%s: %s holds no prediction file of a cell, such as %s; to decode them, run: "
            "bash decode_squad.sh" % (what, folder, example)
        )
    return single


def _named(names):
    names = list(names)
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (" and %d more" % more if more > 0 else "")


def _remedy(zones):
    if zones == set(ZONES):
        return "bash decode_squad.sh"
    return "; ".join("bash decode_squad.sh " + zone for zone in ZONES if zone in zones)


class Run(NamedTuple):
    """What one folder of prediction files says.

    Attributes:
        folder: its path.
        answers: dict Cell -> list of str, in the data's order.
        scores: dict Cell -> Scores.
        baseline: Scores of the baseline's file, or None if there is none.
    """

    folder: str
    answers: Dict[Cell, List[str]]
    scores: Dict[Cell, Scores]
    baseline: Optional[Scores]


def read_run(
    folder, cells, development, baseline_path=None, is_needed=True, reads_cls=False
) -> Run:
    """Reads and scores the prediction files of a folder, and says on stderr what is odd there.

    Args:
        folder: its path.
        cells: the cells to read.
        development: see data_sets.development_set.
        baseline_path: the answers with nothing masked, or None.
        is_needed: whether to refuse a faulty file of the baseline, or only warn of it.
        reads_cls: see doubts.doubts.

    Raises:
        UserError: a file is not JSON, or does not fit the development set.
    """
    answers, scores = {}, {}
    for cell in cells:
        path = files.join(folder, file_name(PREDICTIONS, cell))
        answers[cell], scores[cell] = _read_and_score(path, development, "prediction file")
    baseline_answers = baseline = None
    if baseline_path is not None:
        try:
            baseline_answers, baseline = _read_and_score(baseline_path, development, "--baseline")
        except UserError as error:
            if is_needed:
                raise
            say("WARNING: the cells are not compared with the baseline: %s" % error)
    for doubt in doubts.doubts(folder, answers, baseline_answers, baseline_path, reads_cls):
        say("WARNING: " + doubt)
    return Run(folder, answers, scores, baseline)


def _read_and_score(path, development, what):
    predictions = read_predictions(path, what)
    source = "%s: %s" % (what, path)
    return development.in_order(predictions, source), development.score(predictions, source)


# The table --------------------------------------------------------------------------------------


def table_of(scores: Dict[Cell, Scores], has_answer, metric="exact") -> pd.DataFrame:
    """The map as a table: a row for each layer (index ``layer``, from 1), a column for each zone.

    Args:
        scores: Scores of every cell.
        has_answer: bool ``[questions]``.
        metric: ``exact`` or ``f1``.

    Returns:
        DataFrame of float64, percent.
    """
    rows = {}
    for cell, values in scores.items():
        score = summary(values, has_answer)[metric]
        rows.setdefault(cell.layer + 1, {})[cell.zone] = score
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(ZONES)).sort_index()
    return table.rename_axis(COLUMNS[0])


def format_score(value):
    """Three decimals, no trailing zeros: 78.344, 80.36, 80."""
    return ("%.*f" % (DECIMALS, value)).rstrip("0").rstrip(".")


def write_results(path, table, what="results file"):
    """Writes the table whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    lines = [_HEADER]
    for layer, row in table.iterrows():
        lines.append(",".join([str(layer), *(format_score(row[zone]) for zone in ZONES)]))
    files.write_bytes(path, ("\n".join(lines) + "\n").encode("ascii"), what)


def read_results(path, what="results file") -> pd.DataFrame:
    """Reads a table that write_results wrote, or a spreadsheet program that kept its form.

    Returns:
        DataFrame as table_of gives it; the rows may be in any order in the file.

    Raises:
        UserError: another header, a value that is no percentage, layers missing or repeated; the
            message gives the line.
    """
    where = "%s: %s" % (what, path)
    rows = csv.reader(io.StringIO(files.read_text(path, what)))
    try:
        header = ",".join(name.strip() for name in next(rows, []))
        if header != _HEADER:
            raise UserError(
                "%s: the first line is %r, not %r; give a file that get_results.py wrote"
                % (where, header[:80], _HEADER)
            )
        scores = _read_rows(rows, where)
    except csv.Error as error:
        raise UserError("%s, line %d: not a table (%s)" % (where, rows.line_num, error))
    _check_layers(sorted(scores), where)
    table = pd.DataFrame.from_dict(scores, orient="index", columns=list(ZONES))
    return table.sort_index().rename_axis(COLUMNS[0])


def _read_rows(rows, where):
    """dict layer -> its scores in the order of ZONES."""
    scores = {}
    for row in rows:
        if not any(field.strip() for field in row):
            continue
        here = "%s, line %d" % (where, rows.line_num)
        if len(row) != len(COLUMNS):
            raise UserError(
                "%s: %d values in place of %d; decimals have a point, not a comma"
                % (here, len(row), len(COLUMNS))
            )
        layer = _layer(row[0], here)
        if layer in scores:
            raise UserError("%s: layer %d stands there twice; leave one out" % (here, layer))
        scores[layer] = [_percentage(*pair, here) for pair in zip(ZONES, row[1:])]
    return scores


def _layer(text, here):
    try:
        layer = int(text)
    except ValueError:
        layer = 0
    if layer < 1:
        raise UserError("%s: %r is not a layer; they are numbered 1, 2, 3" % (here, text))
    return layer


def _percentage(zone, text, here):
    try:
        value = float(text)
    except ValueError:
        raise UserError("%s: %s is %r, which is not a number" % (here, zone, text))
    if not 0 <= value <= 100:  # nan is not, either
        raise UserError("%s: %s is %s, which is not a score from 0 to 100" % (here, zone, text))
    return value


def _check_layers(layers: List[int], where):
    if not layers:
        raise UserError("%s: there is no layer in it; run get_results.py again" % where)
    missing = sorted(set(range(1, layers[-1] + 1)) - set(layers))
    if missing:
        raise UserError(
            "%s: of %d layers these are missing: %s; run get_results.py again"
            % (where, layers[-1], _named(map(str, missing)))
        )


# Command line -----------------------------------------------------------------------------------

_DESCRIPTION = """\
Scores the prediction files of all cells (every layer x the zones {zones}) and
collects the scores in a table, one row for each layer, numbered from 1.

  python get_results.py prediction results.csv

reads prediction/{first}, ... (written by decode_squad.sh) and
{data}, writes results.csv and prints the table.

  python get_results.py prediction results.csv --baseline output/squad/predictions.json

writes results_significance.csv, too: how many answers each masked cell broke and
mended, the change of EM with its 95 % interval, and McNemar's exact test.

  python get_results.py prediction_seed1 prediction_seed2 results.csv

writes the mean over the runs, results_std.csv (the sample standard deviation) and
results_long.csv (EM and F1 of each run).""".format(
    zones=", ".join(ZONES),
    first=file_name(PREDICTIONS, Cell(0, ZONES[0])),
    data=_DATA_FILE,
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
        "--data-file",
        metavar="FILE",
        default=_DATA_FILE,
        help="the questions that were decoded, with their gold answers (default: %(default)s)",
    )
    parser.add_argument(
        "--dataset",
        choices=data_sets.NAMES,
        help="whose metric to score by (default: told from the data file)",
    )
    return parser


def _development_set(path, data_set):
    if path == _DATA_FILE and not files.exists(path):
        raise UserError(
            "--data-file: there is no file %s; fetch it with: bash download_squad.sh, or name "
            "another one" % path
        )
    return data_sets.development_set(path, data_set, "--data-file")


def _show(table, label):
    shown = table.rename(columns=str.upper).rename_axis(index=None, columns=COLUMNS[0])
    shown = shown.to_string(float_format="%.{}f".format(DECIMALS))
    print("%s, layer by layer, with the zone of the column masked:\n\n%s\n" % (label, shown))


def _check_options(options):
    if options.baseline and options.use_f1:
        raise UserError("--baseline: it is exact match that is tested; leave out --use-f1")
    outputs = [options.results_file]
    if len(options.prediction_folders) > 1:
        several_runs.check_names(options.prediction_folders)
        outputs += [beside(options.results_file, ending) for ending in ("std", "long")]
    if options.baseline:
        outputs.append(beside(options.results_file, "significance"))
    for path in outputs:
        files.check_writable(path, "results file", [options.data_file, options.baseline])


def beside(path, ending):
    """The file of that ending beside a results file: results.csv -> results_std.csv."""
    stem, suffix = os.path.splitext(path)
    return "%s_%s%s" % (stem, ending, suffix)


def _baselines(options):
    """For each folder its file of the baseline's answers, or None."""
    folders, name = options.prediction_folders, options.baseline
    if name is None:
        # The decoding leaves it with the cells; it is read only to find what is odd.
        paths = [files.join(folder, file_name(PREDICTIONS, BASELINE)) for folder in folders]
        return [path if files.exists(path) else None for path in paths]
    if len(folders) == 1:
        return [name]
    if name != os.path.basename(name):
        raise UserError(
            "--baseline: %s is one file, and each of %d runs has a baseline of its own; give the "
            "name that it has in each folder: --baseline predictions.json" % (name, len(folders))
        )
    return [files.join(folder, name) for folder in folders]


def _write_significance(path, runs):
    cells = [{cell: scores.exact for cell, scores in run.scores.items()} for run in runs]
    if len(runs) == 1:
        table = significance_table.table_of_run(runs[0].baseline.exact, cells[0])
    else:
        table = significance_table.table_of_runs([run.baseline.exact for run in runs], cells)
    significance_table.write_significance(path, table)
    return (
        "Baseline %s; %d of %d cells differ from it significantly (p < %g after Holm's correction)"
        % (format_score(table["baseline"][0]), table["significant"].sum(), len(table), LEVEL)
    )


def _write(options, runs, has_answer):
    """Writes every table; returns that of results_file and what to say of them, line by line."""
    tables = {
        metric: [table_of(run.scores, has_answer, metric) for run in runs]
        for metric in ("exact", "f1")
    }
    chosen = tables["f1" if options.use_f1 else "exact"]
    path = options.results_file
    table = several_runs.mean(chosen)
    write_results(path, table)
    said = ["wrote " + path]
    if len(runs) > 1:
        write_results(beside(path, "std"), several_runs.deviation(chosen))
        folders = options.prediction_folders
        several_runs.write_long(beside(path, "long"), folders, tables["exact"], tables["f1"])
        said.append("wrote %s and %s" % (beside(path, "std"), beside(path, "long")))
    if options.baseline:
        said.insert(0, _write_significance(beside(path, "significance"), runs))
        said.append("wrote " + beside(path, "significance"))
    return table, said


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_args(argv)
    _check_options(options)
    folders = options.prediction_folders
    cells = [find_cells(folder) for folder in folders]
    several_runs.check_cells(folders, cells)
    development = _development_set(options.data_file, options.dataset)
    # In CMRC 2018 the scores are shares of a whole that [CLS] is part of.
    reads_cls = not development.has_answer.all() or development.format_name != "SQuAD"
    runs = [
        read_run(folder, cells[0], development, baseline, bool(options.baseline), reads_cls)
        for folder, baseline in zip(folders, _baselines(options))
    ]
    table, said = _write(options, runs, development.has_answer)
    metric = "F1" if options.use_f1 else "Exact match"
    of_runs = " (mean of %d runs)" % len(runs) if len(runs) > 1 else ""
    _show(table, "%s in percent over %d questions%s" % (metric, len(development), of_runs))
    print("\n".join(said))


if __name__ == "__main__":
    command_line.run(main)
