"""The map with what is looked at beside it, on the same grid, and how the two go together."""

import textwrap

import matplotlib
import matplotlib.style
import numpy as np
import pandas as pd
import seaborn

from common.command_line import UserError
from maps import attention, figure
from maps.correlation import MEANING, spearman
from maps.kinds import HEADS, MAP

COLOURS = "Purples"
_LINE = 105  # characters of a footnote below two maps


def colour_of(share):
    """The colour of a square and that of the text on it; ``share`` is 0 to 1 of the darkest."""
    rgba = matplotlib.colormaps[COLOURS](share)
    return matplotlib.colors.to_hex(rgba), figure.ink_on(rgba)


def weights_of(paths, table, what="--attention"):
    """The weights of a table's cells; of several runs, their mean.

    Args:
        paths: an attention.csv of each run.
        table: panels.Table.
        what: what to call the files in an error.

    Returns:
        DataFrame in percent, as Table.drawn gives it.

    Raises:
        UserError: the table is of several layers at once; a file is none, is of another reader
            than the table, as far as is known, or has other layers or heads.
    """
    if table.kind not in (MAP, HEADS):
        raise UserError(
            "%s: a weight belongs to one layer, and %s is of %s; give results.csv or "
            "results_heads.csv" % (what, table.path, table.kind.title)
        )
    decoded = [run.get("decoded_by") or [] for run in table.facts.get("runs", [])]
    known = {one["run"] for of_run in decoded for one in of_run}
    found = []
    for path in paths:
        weights = attention.read(path, what)
        doubt = attention.doubt_of(path, known)
        if doubt:
            raise UserError(
                "%s: %s %s of %s; decode with --write_attention=True, and make the table, of one "
                "folder" % (what, path, doubt, table.path)
            )
        _check_size(weights, table, "%s: %s" % (what, path))
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


def draw(panel, weights, annotate=False):
    """The figure: the map of a panels.Panel, and the weights of its cells beside it.

    Args:
        panel: the Panel.
        weights: DataFrame like its ``change``, in percent; nan where nothing is known.
        annotate: whether to write each value into its square.

    Returns:
        matplotlib Figure.
    """
    found = spearman(weights.to_numpy().ravel(), -panel.change.to_numpy().ravel())
    text = found.text if found else "none; too few cells, or all alike"
    lines = ["Weight and points lost: Spearman's correlation %s." % text, MEANING]
    notes = [line for one in lines for line in textwrap.wrap(one, _LINE)]
    panel = panel._replace(note="\n".join(([panel.note] if panel.note else []) + notes))
    drawn = figure.maps_figure([panel], annotate)
    width, height = drawn.get_size_inches()
    drawn.set_size_inches(2 * width, height)
    for axes in drawn.axes:
        left, bottom, across, up = axes.get_position().bounds
        axes.set_position([left / 2, bottom, across / 2, up])
    with matplotlib.style.context(["default", figure.STYLE]):
        room = drawn.subplotpars
        size = [(room.right - room.left) / 2, room.top - room.bottom]
        axes = drawn.add_axes([0.5 + room.left / 2, room.bottom, *size])
        _draw_weights(axes, weights, annotate)
        bar = drawn.colorbar(axes.collections[0], ax=axes, label="Mean weight (%)")
        bar.outline.set_linewidth(0)
    return drawn


def _draw_weights(axes, weights, annotate):
    largest = np.nanmax(np.append(weights.to_numpy(), 1e-9))
    seaborn.heatmap(
        weights,
        ax=axes,
        cmap=COLOURS,
        vmin=0,
        vmax=largest,
        linewidths=0.5,
        linecolor="white",
        xticklabels=list(weights.columns),
        yticklabels=list(weights.index),
        cbar=False,
    )
    name = weights.columns.name.replace("Masked zone", "Zone looked at")
    axes.set(xlabel=name.replace("is masked", "is looked at"), ylabel=weights.index.name)
    axes.tick_params(axis="both", length=0)
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)
    axes.patch.set(facecolor="0.95")  # of a square without a weight
    for spine in axes.spines.values():
        spine.set(visible=True, color="0.6", linewidth=0.8)
    if not annotate:
        return
    for (row, column), value in np.ndenumerate(weights.to_numpy()):
        if not np.isnan(value):
            style = dict(color=colour_of(value / largest)[1], ha="center", va="center_baseline")
            axes.text(column + 0.5, row + 0.5, "%.1f" % value, size=9, **style)
