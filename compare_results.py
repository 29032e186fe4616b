"""Compares two maps zone by zone, such as those of one run and of the mean over five."""

import common.environment  # noqa: F401

import numpy as np
import pandas as pd

from common import command_line, files
from common.command_line import UserError
from common.progress import counted, say
from maps import arguments, predictions, provenance
from maps.clustered import change, clusters_of
from maps.kinds import name_of
from maps.oddities import warn_of
from maps.panels import METRIC_NAMES
from maps.significance import LEVEL, differences_of, holm
from maps.tables import read_results
from spans import data_sets

_DESCRIPTION = """\
Compares two tables that get_results.py wrote, zone by zone:

  python compare_results.py results_a.csv results_b.csv

deviation   the sample standard deviation of the difference over the layers, in points
largest     the largest difference, second minus first, and its layer
rank        Spearman's rank correlation of the two columns; - where one does not vary

and, for the whole maps, the rank correlation of all cells. Two prediction folders of one data set
are compared question by question:

  python compare_results.py prediction_a prediction_b --data-file squad/dev-v1.1.json

which says how exact match and F1 of the readers differ with nothing masked, and which masks do not
change both readers alike."""


def compare(first, second):
    """Differences of two maps.

    Args:
        first, second: DataFrames as tables.read_results gives them, of the same layers.

    Returns:
        dict zone -> (deviation, largest difference, its layer, rank correlation). Only cells that
        both have count; a zone without two is left out. The last is None for a column without
        variation.
    """
    rows = {}
    for zone in [zone for zone in first if zone in second]:
        differences = (second[zone] - first[zone]).dropna()
        if len(differences) > 1:
            layer = differences.abs().idxmax()
            rank = rank_correlation(first[zone], second[zone])
            rows[zone] = differences.std(), differences[layer], layer, rank
    return rows


def rank_correlation(first, second):
    """Spearman's rank correlation over the cells that both have; None if one does not vary."""
    pairs = pd.DataFrame({"first": first, "second": second}).dropna()
    if pairs.nunique().min() < 2:
        return None
    return pairs["first"].corr(pairs["second"], method="spearman")


# Folders ----------------------------------------------------------------------------------------


def _compare_folders(options):
    """Two readers, question by question; prints what differs."""
    folders = [predictions.Folder(path) for path in (options.first, options.second)]
    cells = predictions.cells_of_all(folders, is_partial=True)
    sample = predictions.sample_of(folders)
    development = data_sets.development_set(
        options.data_file, options.dataset, "--data-file", sample=sample
    )
    runs = [predictions.read_run(folder, development, cells) for folder in folders]
    for run in runs:
        if run.baseline is None:
            raise UserError(
                "%s has no predictions.json, the answers with nothing masked, that it could be "
                "compared by" % run.folder.path
            )
    warn_of(runs, development)
    for doubt in provenance.decoded_differently(*map(provenance.decodings, runs)):
        say("WARNING: %s and %s %s" % (options.first, options.second, doubt))
    clusters = clusters_of(development, options.cluster)
    print(
        "%s of %s, second minus first (score test clustered by %s)"
        % (
            counted(len(development), "question"),
            counted(clusters.number, options.cluster),
            options.cluster,
        )
    )
    for metric, name in METRIC_NAMES.items():
        first, second = (getattr(run.baseline.scores, metric) for run in runs)
        found = change((second - first)[np.newaxis], clusters)
        print("\n%s with nothing masked: %s" % (name, _line(first, second, found)))
        _print_cells(runs, cells, clusters, metric)


def _print_cells(runs, cells, clusters, metric):
    """Prints the cells whose masking does not change both readers alike, the surest first."""
    changes = [differences_of(runs, cell, metric) for cell in cells]
    found = [change((second - first)[np.newaxis], clusters) for first, second in changes]
    corrected = holm([difference.p_value for difference in found])
    rows = sorted(zip(corrected, range(len(cells))))
    sure = [(p, place) for p, place in rows if p < LEVEL]
    print(
        "Masking changes it differently (p < %g after Holm's correction) in %d of %s%s"
        % (LEVEL, len(sure), counted(len(cells), "cell"), ":" if sure else ".")
    )
    for p, place in sure:
        text = _line(*changes[place], found[place])
        print("%-32s %s, by Holm %.3g" % (name_of(cells[place]), text, p))


def _line(first, second, found):
    return "%.2f and %.2f, difference %+.2f (%+.2f to %+.2f), p %.3g" % (
        100 * first.mean(),
        100 * second.mean(),
        found.change,
        found.low,
        found.high,
        found.p_value,
    )


# Tables -----------------------------------------------------------------------------------------


def _compare_tables(options):
    first = read_results(options.first, "first table")
    second = read_results(options.second, "second table")
    if len(first) != len(second):
        raise UserError(
            "%s has %d layers, %s has %d; give two tables of one model"
            % (options.first, len(first), options.second, len(second))
        )
    if len(first) < 2:
        raise UserError("%s has one layer only; a deviation needs two" % options.first)
    for doubt in provenance.differences(
        provenance.of_table(options.first, first), provenance.of_table(options.second, second)
    ):
        say("WARNING: %s and %s %s" % (options.first, options.second, doubt))
    print("zone  deviation  largest  layer   rank")
    rows = compare(first, second)
    for zone, (*numbers, rank) in rows.items():
        print("%-4s %10.3f %8.3f %6d %6s" % (zone, *numbers, _text(rank)))
    constant = [zone for zone, row in rows.items() if row[-1] is None]
    if constant:
        print(
            "- %s do not vary in one of the tables, and have no rank correlation"
            % ", ".join(constant)
        )
    whole = rank_correlation(first.melt()["value"], second.melt()["value"])
    print("Rank correlation of the two maps: " + _text(whole))


def _text(rank):
    return "-" if rank is None else "%.3f" % rank


def _parser():
    parser = command_line.ArgumentParser(description=_DESCRIPTION)
    parser.add_argument("first", help="a table, in CSV, or a prediction folder")
    parser.add_argument("second", help="another one, of as many layers")
    arguments.add_data_file(parser, "of two folders, the questions with their gold answers")
    arguments.add_data_set(parser)
    arguments.add_cluster(parser)
    return parser


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_args(argv)
    are_folders = [files.is_directory(path) for path in (options.first, options.second)]
    if all(are_folders):
        _compare_folders(options)
    elif any(are_folders):
        raise UserError(
            "one of %s and %s is a folder; give two tables, or two prediction folders"
            % (options.first, options.second)
        )
    else:
        _compare_tables(options)


if __name__ == "__main__":
    command_line.run(main)
