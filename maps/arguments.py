"""What several commands take alike from the command line."""

import shlex
import sys

from common import command_line
from maps.baselines import DATA_FILE
from maps.clustered import UNITS
from spans import data_sets


def add_folders(parser, more=""):
    """Adds the prediction folders, one for each run, and ``--baseline``.

    Args:
        parser: the command's.
        more: what else its help says of ``--baseline``.
    """
    parser.add_argument(
        "prediction_folders",
        nargs="+",
        metavar="prediction_folder",
        help="the folder with the prediction files; of several runs, the folder of each",
    )
    parser.add_argument(
        "--baseline",
        metavar="FILE",
        help="the answers with nothing masked, to compare each cell with; of several runs the "
        "name that this file has in each folder: predictions.json" + more,
    )


def add_data_file(parser, what="the questions that were decoded, with their gold answers"):
    """Adds ``--data-file``."""
    parser.add_argument(
        "--data-file",
        metavar="FILE",
        default=DATA_FILE,
        help=what + " (default: %(default)s)",
    )


def add_data_set(parser):
    """Adds ``--dataset``."""
    parser.add_argument(
        "--dataset",
        choices=data_sets.NAMES,
        help="whose metric to score by (default: told from the data file)",
    )


def add_cluster(parser):
    """Adds ``--cluster``."""
    parser.add_argument(
        "--cluster",
        choices=UNITS,
        default=UNITS[0],
        help="what questions have in common, so that they are no independent observations "
        "(default: %(default)s)",
    )


def command(script, argv):
    """The command line as it was typed, for whoever wants to repeat it.

    Args:
        script: its name.
        argv: the arguments; None for those of the program.
    """
    words = [script, *(sys.argv[1:] if argv is None else argv)]
    return command_line.text(" ".join(map(shlex.quote, words)))
