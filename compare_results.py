"""Compares two maps zone by zone, such as those of one run and of the mean over five."""

import common.environment  # noqa: F401

import pandas as pd

from common import command_line
from common.command_line import UserError
from maps.tables import read_results

_DESCRIPTION = """\
Compares two tables that get_results.py wrote, zone by zone:

  python compare_results.py results_a.csv results_b.csv

deviation   the sample standard deviation of the difference over the layers, in points
largest     the largest difference, second minus first, and its layer
rank        Spearman's rank correlation of the two columns; - where one does not vary

and, for the whole maps, the rank correlation of all cells."""


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


def main(argv=None):
    """Runs the script; see ``--help``."""
    parser = command_line.ArgumentParser(description=_DESCRIPTION)
    parser.add_argument("first", help="a table, in CSV")
    parser.add_argument("second", help="another one, of as many layers")
    options = parser.parse_args(argv)
    first = read_results(options.first, "first table")
    second = read_results(options.second, "second table")
    if len(first) != len(second):
        raise UserError(
            "%s has %d layers, %s has %d; give two tables of one model"
            % (options.first, len(first), options.second, len(second))
        )
    if len(first) < 2:
        raise UserError("%s has one layer only; a deviation needs two" % options.first)
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


if __name__ == "__main__":
    command_line.run(main)
