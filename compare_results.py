"""Compares two maps zone by zone, such as those of one run and of the mean over five."""

from common import command_line
from common.command_line import UserError
from maps.tables import read_results
from zones.masks import ZONES

_DESCRIPTION = """\
Compares two tables that get_results.py wrote, zone by zone:

  python compare_results.py results_a.csv results_b.csv

deviation   the sample standard deviation of the difference over the layers, in points
largest     the largest difference, second minus first, and its layer
rank        Spearman's rank correlation of the two columns

and, for the whole maps, the rank correlation of all cells."""


def compare(first, second):
    """Differences of two maps.

    Args:
        first, second: DataFrames as get_results.read_results gives them, of the same layers.

    Returns:
        dict zone -> (deviation, largest difference, its layer, rank correlation); the last is nan
        for a column of equal scores.
    """
    differences = second - first
    rows = {}
    for zone in ZONES:
        layer = differences[zone].abs().idxmax()
        rank = first[zone].corr(second[zone], method="spearman")
        rows[zone] = differences[zone].std(), differences[zone][layer], layer, rank
    return rows


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
    for zone, row in compare(first, second).items():
        print("%-4s %10.3f %8.3f %6d %6.3f" % ((zone,) + row))
    whole = first.stack().corr(second.stack(), method="spearman")
    print("Rank correlation of the two maps: %.3f" % whole)


if __name__ == "__main__":
    command_line.run(main)
