"""The map with what is looked at beside it, on the same grid, and how the two go together."""

import matplotlib
import numpy as np
import pandas as pd

from common.command_line import UserError
from maps import attention, figure
from maps.correlation import MEANING, spearman
from maps.kinds import HEADS, MAP

COLOURS = "Purples"


def colour_of(share):
    """The colour of a square and that of the text on it; ``share`` is 0 to 1 of the darkest."""
    rgba = matplotlib.colormaps[COLOURS](share)
    return matplotlib.colors.to_hex(rgba), figure.ink_on(rgba)


def weights_of(paths, table):
    """The weights of a table's cells; of several runs, their mean.

    Args:
        paths: an attention.csv of each run.
        table: panels.Table.

    Returns:
        DataFrame in percent, as Table.drawn gives it.

    Raises:
        UserError: the table is of several layers at once; a file is none, is of another reader
            than the table, as far as is known, or has other layers or heads.
    """
    if table.kind not in (MAP, HEADS):
        raise UserError(
            "--attention: a weight belongs to one layer, and %s is of %s; give results.csv or "
            "results_heads.csv" % (table.path, table.kind.title)
        )
    decoded = [run.get("decoded_by", []) for run in table.facts.get("runs", [])]
    known = {one["run"] for of_run in decoded for one in of_run}
    found = []
    for path in paths:
        weights = attention.read(path, "--attention")
        doubt = attention.doubt_of(path, known)
        if doubt:
            raise UserError(
                "--attention: %s %s of %s; decode with --write_attention=True, and make the table, "
                "of one folder" % (path, doubt, table.path)
            )
        _check_size(weights, table, "--attention: %s" % path)
        found.append(weights)
    mean = pd.concat(found).groupby(level=attention.KEYS).mean()
    return table.drawn(100 * attention.of_keys(mean, table.cells))


def _check_size(weights, table, where):
    for name in table.kind.keys[:-1]:
        own, wanted = weights.index.get_level_values(name).max(), table.cells[name].max()
        if own != wanted:
            raise UserError(
                "%s has %d %ss, and %s has %d; give the file of the folder that the table is of"
                % (where, own, name, table.path, wanted)
            )


def note_on(panel, weights):
    """How the weights go together with what masking loses: lines to be written below the map.

    Args:
        panel: panels.Panel.
        weights: DataFrame like its ``change``, in percent; nan where nothing is known.
    """
    found = spearman(weights.to_numpy().ravel(), -panel.change.to_numpy().ravel())
    text = found.text if found else "none; too few cells, or all alike"
    return "Weight and points lost: Spearman's correlation %s.\n%s" % (text, MEANING)


class Weights:
    """The weights of a map's cells, to be drawn beside it; see figure.maps_figure."""

    def __init__(self, weights):
        """Args: weights: DataFrame as of weights_of."""
        name = weights.columns.name.replace("Masked zone", "Zone looked at")
        self._weights = weights.rename_axis(columns=name.replace("is masked", "is looked at"))
        self._largest = np.nanmax(np.append(weights.to_numpy(), 1e-9))

    def draw(self, drawn, look):
        """Draws them into a figure of the look: (the Axes of the map, those of its bar)."""
        axes = drawn.add_axes([0.6, 0.2, 0.2, 0.6])
        figure.draw_squares(axes, self._weights, COLOURS, (0, self._largest), look)
        axes.patch.set(facecolor="0.95")  # of a square without a weight
        bar = figure.add_bar(axes, look)
        bar.set_ylabel("Mean weight (%)", size=look.size(12), labelpad=4 * look.shrunk)
        return axes, bar

    def annotate(self, axes, size):
        """Writes each value into its square."""
        for (row, column), value in np.ndenumerate(self._weights.to_numpy()):
            if not np.isnan(value):
                ink = colour_of(value / self._largest)[1]
                style = dict(color=ink, ha="center", va="center_baseline", size=size)
                axes.text(column + 0.5, row + 0.5, "%.1f" % value, **style)
