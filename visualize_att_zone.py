"""results.csv -> the map: how much each layer needs each attention zone, as a heatmap.

A square is the score with that zone masked in that layer, minus the baseline, the score with
nothing masked. ``draw_map`` draws on any Axes; ``map_figure`` makes the figure of the protocol.
"""

import io
import math
import os
import string
from typing import NamedTuple, Optional

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

# What the colour bar calls the score.
METRIC_LABELS = {None: "Score", "exact": "Exact match", "f1": "F1"}

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
_MORE_WIDTH = 3.8  # for each map beside the first
_TWO_LINES_HEIGHT = 0.42
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


class Panel(NamedTuple):
    """One map of a figure.

    Attributes:
        change: DataFrame as ``differences`` gives it.
        title: a line above it, or None.
        unsure: bool DataFrame like ``change``, True where a change is not significant; or None.
        spread: DataFrame like ``change``, standard deviations over runs in points; or None.
    """

    change: pd.DataFrame
    title: Optional[str] = None
    unsure: Optional[pd.DataFrame] = None
    spread: Optional[pd.DataFrame] = None


def draw_map(axes, panel, annotate=False):
    """Draws the heatmap, without a colour bar.

    Colours are as far from white below zero as above it: +1 and -1 are equally strong, and zero
    is white although the range is not symmetric.

    Args:
        axes: matplotlib Axes.
        panel: Panel.
        annotate: whether to write each value into its square.
    """
    change = panel.change
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
        cbar=False,
    )
    axes.set(xlabel="Masked zone", ylabel="Layer")
    axes.tick_params(axis="both", length=0)
    # White squares at the edge need a frame to be seen on white paper.
    for spine in axes.spines.values():
        spine.set(visible=True, color="0.6", linewidth=0.8)
    if annotate or panel.spread is not None:
        _annotate(axes, panel)
    if panel.unsure is not None:
        _mark_unsure(axes, panel, annotate or panel.spread is not None)
    if panel.title:
        # A dollar sign is a dollar sign, not the start of a formula.
        axes.set_title(panel.title.replace("$", r"\$"), pad=10)
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)


def _annotate(axes, panel):
    """Writes the values into the squares (seaborn 0.12 forgets rows under matplotlib 3.8)."""
    # Adding 0 turns -0.0, what rounding leaves of -0.04, into 0.0.
    values = np.round(panel.change.to_numpy(), 1) + 0.0
    for (row, column), value in np.ndenumerate(values):

        def write(text, height, size, value=value, at=column + 0.5):
            style = dict(color=colour_of(value)[1], ha="center", va="center_baseline", size=size)
            axes.text(at, height, text, **style)

        text = ("%.1f" % value).replace("-", "\N{MINUS SIGN}")  # as on the colour bar
        if panel.spread is None:
            write(text, row + 0.5, 9)
        else:
            write(text, row + 0.35, 9)
            write("\N{PLUS-MINUS SIGN}%.1f" % panel.spread.iloc[row, column], row + 0.73, 7)


def _mark_unsure(axes, panel, has_text):
    """Puts a dot into the squares whose change is not significant: in a corner if there is text."""
    rows, columns = np.nonzero(panel.unsure.to_numpy())
    across, down = (0.87, 0.2) if has_text else (0.5, 0.5)
    inks = [colour_of(value)[1] for value in panel.change.to_numpy()[rows, columns]]
    axes.scatter(columns + across, rows + down, s=5 if has_text else 9, c=inks, linewidths=0)


def _colour_bar(figure, all_axes, panels, metric):
    """One colour bar for all maps, with arrows where values lie beyond its range."""
    changes = np.concatenate([panel.change.to_numpy() for panel in panels])
    ends = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}
    bar = figure.colorbar(
        all_axes[-1].collections[0],
        ax=all_axes if len(all_axes) > 1 else all_axes[0],
        label="%s minus baseline (points)" % METRIC_LABELS[metric],
        ticks=range(int(LOWEST), int(HIGHEST) + 1, 2),
        extend=ends[bool((changes < LOWEST).any()), bool((changes > HIGHEST).any())],
        aspect=max(12, 1.6 * max(len(panel.change) for panel in panels)),  # as wide, however tall
    )
    bar.outline.set_linewidth(0)


def _write_letter(axes, letter):
    """The letter of a map beside others, above its layer numbers, clear of the title."""
    axes.annotate(
        letter,
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(-30, 10),
        textcoords="offset points",
        weight="bold",
        size=14,
    )


def _footnotes(panels):
    """What the marks in the squares mean, a line each."""
    notes = []
    if any(panel.unsure is not None for panel in panels):
        notes.append("\N{BULLET} not significant (McNemar's exact test, Holm's correction, 5 %)")
    if any(panel.spread is not None for panel in panels):
        notes.append("\N{PLUS-MINUS SIGN} standard deviation over the runs")
    return notes


def maps_figure(panels, annotate=False, metric=None):
    """The figure of one map or of several side by side, of a height that suits its layers.

    Args:
        panels: list of Panel. Two or more get the letters A, B, ... and share one colour bar.
        annotate: whether to write each value into its square.
        metric: a key of METRIC_LABELS, which names the score at the colour bar.

    Returns:
        matplotlib Figure.
    """
    row_height = _ROW_HEIGHT
    if any(panel.spread is not None for panel in panels):
        row_height = _TWO_LINES_HEIGHT
    num_layers = max(len(panel.change) for panel in panels)
    height = max(_LEAST_HEIGHT, _MARGINS + row_height * num_layers)
    width = _WIDTH + _MORE_WIDTH * (len(panels) - 1)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        all_axes = list(figure.subplots(1, len(panels), squeeze=False)[0])
        for letter, axes, panel in zip(string.ascii_uppercase, all_axes, panels):
            draw_map(axes, panel, annotate)
            if len(panels) > 1:
                _write_letter(axes, letter)
        _colour_bar(figure, all_axes, panels, metric)
        for number, note in enumerate(_footnotes(panels)):
            all_axes[0].annotate(
                note,
                xy=(0, 0),
                xycoords="axes fraction",
                xytext=(0, -48 - 13 * number),
                textcoords="offset points",
                size=9,
                va="top",
            )
    return figure


def map_figure(results, baseline, title=None, annotate=False):
    """The figure of one map.

    Args:
        results: DataFrame as for ``differences``.
        baseline: float, percent.
        title: a line above the map, or None.
        annotate: whether to write each value into its square.

    Returns:
        matplotlib Figure.
    """
    return maps_figure([Panel(differences(results, baseline), title)], annotate)


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


# What the user named ----------------------------------------------------------------------------


class _Table(NamedTuple):
    """A table of scores, and their standard deviations over runs if they are known."""

    results: pd.DataFrame
    spread: Optional[pd.DataFrame]


def _read_table(path, metric, with_spread, what="results file"):
    """The scores in results.csv, or (of the metric) in results_long.csv.

    Raises:
        UserError: a file is missing or no such table.
    """
    if is_long(path, what):
        runs = read_long(path, what).groupby(["layer", "zone"])[metric or "exact"]
        if with_spread and runs.size().min() < 2:
            raise UserError("--std: %s has one run, and a deviation takes two" % path)
        mean, spread = (values.unstack()[list(ZONES)] for values in (runs.mean(), runs.std()))
        return _Table(mean, spread if with_spread else None)
    results = read_results(path, what)
    if not with_spread:
        return _Table(results, None)
    stem, ending = os.path.splitext(path)
    spread = read_results(stem + _STD_ENDING + ending, "--std")
    _check_same_layers(spread, results, "--std: %s" % (stem + _STD_ENDING + ending), path)
    return _Table(results, spread)


def _check_same_layers(table, results, source, path):
    if len(table) != len(results):
        raise UserError(
            "%s has %d layers, and %s has %d; give files of the same runs"
            % (source, len(table), path, len(results))
        )


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
