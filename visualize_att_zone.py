"""results.csv -> the map: how much each layer needs each attention zone, as a heatmap.

A square is the score with that zone masked in that layer, minus the baseline, the score with
nothing masked. ``draw_map`` draws on any Axes; ``map_figure`` makes the figure of the protocol.
"""

import io
import math
import os

import matplotlib
import matplotlib.colors
import numpy as np
import pandas as pd
import seaborn
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import command_line
import files
from attention_zones import ZONES
from command_line import UserError
from get_results import read_results

# The range of the colours, in points. It is the published figure's, so that maps of different
# models can be laid side by side.
LOWEST, HIGHEST = -10.0, 2.0

# Red for lost points, blue for gained ones: safe for the colour-blind, and in grey print darker
# still means a greater change.
COLOURS = "RdBu"

# What is known about a format beside its name: time stamps are left out, so that the same table
# always gives the same file.
_METADATA = {
    "pdf": {"CreationDate": None},
    "png": {},
    "svg": {"Date": None},
}

_STYLE = {
    "font.size": 11,
    "axes.labelsize": 12,
    "axes.titlesize": 12,
    "pdf.fonttype": 42,  # TrueType: text stays text, as journals ask
    "svg.fonttype": "none",
    "svg.hashsalt": "attention zones",
}

# Sizes in inches.
_WIDTH, _ROW_HEIGHT, _LEAST_HEIGHT, _MARGINS = 4.8, 0.34, 2.9, 0.8
_DOTS_PER_INCH = 300


def differences(results, baseline):
    """Score minus baseline as the figure has it: the last layer on top.

    Args:
        results: DataFrame, a row for each layer (index from 1), a column for each zone, percent.
        baseline: float, percent.

    Returns:
        DataFrame in points.
    """
    return (results[list(ZONES)] - baseline).sort_index(ascending=False)


def colour_of(change):
    """The colour of a square and that of the text on it.

    Args:
        change: float, points.

    Returns:
        (colour, ``white`` or ``black``), the first as ``#rrggbb``.
    """
    # Linear in the change and white at zero, however far the range goes on either side.
    furthest = max(-LOWEST, HIGHEST)
    inside = min(HIGHEST, max(LOWEST, change))
    rgba = matplotlib.colormaps[COLOURS](0.5 + 0.5 * inside / furthest)
    red, green, blue, _ = rgba
    is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
    return matplotlib.colors.to_hex(rgba), "white" if is_dark else "black"


def draw_map(axes, change, annotate=False):
    """Draws the heatmap and its colour bar.

    Colours are as far from white below zero as above it: +1 and -1 are equally strong, and zero
    is white although the range is not symmetric.

    Args:
        axes: matplotlib Axes.
        change: DataFrame as ``differences`` gives it.
        annotate: whether to write each value into its square.
    """
    seaborn.heatmap(
        change,
        ax=axes,
        cmap=COLOURS,
        vmin=LOWEST,
        vmax=HIGHEST,
        center=0,
        linewidths=0.5,
        linecolor="white",
        xticklabels=[zone.upper() for zone in change.columns],
        yticklabels=list(change.index),
        cbar_kws={
            "label": "Score minus baseline (points)",
            "ticks": range(int(LOWEST), int(HIGHEST) + 1, 2),
            "extend": _clipped_ends(change),
            "aspect": max(12, 1.6 * len(change)),  # about as wide, however tall
        },
    )
    axes.set(xlabel="Masked zone", ylabel="Layer")
    axes.tick_params(axis="both", length=0)
    # White squares at the edge need a frame to be seen on white paper.
    for spine in axes.spines.values():
        spine.set(visible=True, color="0.6", linewidth=0.8)
    if annotate:
        _annotate(axes, change)
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)


def _annotate(axes, change):
    """Writes the values into the squares (seaborn 0.12 forgets rows under matplotlib 3.8)."""
    # Adding 0 turns -0.0, what rounding leaves of -0.04, into 0.0.
    values = np.round(change.to_numpy(), 1) + 0.0
    for (row, column), value in np.ndenumerate(values):
        axes.text(
            column + 0.5,
            row + 0.5,
            ("%.1f" % value).replace("-", "\N{MINUS SIGN}"),  # as on the colour bar
            color=colour_of(value)[1],
            ha="center",
            va="center_baseline",
            size=9,
        )


def _clipped_ends(change):
    """At which ends the colour bar gets an arrow: where values lie beyond the range."""
    below = bool((change.to_numpy() < LOWEST).any())
    above = bool((change.to_numpy() > HIGHEST).any())
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]


def map_figure(results, baseline, title=None, annotate=False):
    """The figure of one map, of a height that suits its layers.

    Args:
        results: DataFrame as for ``differences``.
        baseline: float, percent.
        title: a line above the map, or None.
        annotate: whether to write each value into its square.

    Returns:
        matplotlib Figure.
    """
    height = max(_LEAST_HEIGHT, _MARGINS + _ROW_HEIGHT * len(results))
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, height))
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        draw_map(axes, differences(results, baseline), annotate)
        if title:
            # A dollar sign is a dollar sign, not the start of a formula.
            axes.set_title(title.replace("$", r"\$"), pad=10)
    return figure


def save_figure(figure, path, what="figure file"):
    """Writes a figure whole or not at all, in the format of the file's ending.

    Raises:
        UserError: an unknown ending, or the file cannot be written.
    """
    file_format = format_of(path, what)
    stream = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(
            stream,
            format=file_format,
            dpi=_DOTS_PER_INCH,
            bbox_inches="tight",
            metadata=_METADATA[file_format],
        )
    files.write_bytes(path, stream.getvalue(), what)


def format_of(path, what="figure file"):
    """The format that a file's ending names: ``pdf``, ``png`` or ``svg``."""
    ending = os.path.splitext(str(path))[1]
    file_format = ending[1:].lower()
    if file_format not in _METADATA:
        raise UserError(
            "%s: %s does not end in one of %s"
            % (what, path, ", ".join("." + name for name in _METADATA))
        )
    return file_format


# Command line -----------------------------------------------------------------------------------

_DESCRIPTION = """\
Draws the map of attention zones: a square for each layer (1 at the bottom) and zone, coloured by
its score minus the baseline. Dark red: the reader needs that zone there.

  python visualize_att_zone.py results.csv 80.567 squad.pdf

reads results.csv (written by get_results.py) and draws squad.pdf. The baseline is the same score
with nothing masked, in percent: "exact" of eval_squad.py for predictions.json."""


def _parser():
    parser = command_line.ArgumentParser(description=_DESCRIPTION)
    parser.add_argument("results_file", help="the table of scores, written by get_results.py")
    parser.add_argument("baseline", help="the score with nothing masked, for example 80.567")
    parser.add_argument(
        "figure_file", help="the figure to write; its ending is the format: .pdf, .png or .svg"
    )
    parser.add_argument(
        "--annot", action="store_true", help="write the values into the squares, too"
    )
    parser.add_argument("--title", metavar="TEXT", help="a line above the map")
    return parser


def _baseline(text, results: pd.DataFrame):
    """The baseline score that the user typed."""
    try:
        value = float(text)
    except ValueError:
        raise UserError(
            "baseline: %r is not a number; give the score of the unmasked run, such as 80.567"
            % text
        )
    if not 0 <= value <= 100 or math.isnan(value):
        raise UserError("baseline: %s is not a score from 0 to 100" % text)
    if 0 < value <= 1 < results.to_numpy().max():
        raise UserError(
            "baseline: %s looks like a fraction, and the table has percent; is it %.5g?"
            % (text, 100 * value)
        )
    return value


def main(argv=None):
    """Runs the script; see ``--help``."""
    options = _parser().parse_args(argv)
    format_of(options.figure_file)
    files.check_writable(options.figure_file, "figure file")
    results = read_results(options.results_file)
    baseline = _baseline(options.baseline, results)
    save_figure(map_figure(results, baseline, options.title, options.annot), options.figure_file)
    print("wrote " + options.figure_file)


if __name__ == "__main__":
    command_line.run(main)
