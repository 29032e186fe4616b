"""The map as a figure: how much each layer needs each attention zone, as a heatmap.

A square is the score with that zone masked in that layer, minus the baseline, the score with
nothing masked. ``draw_map`` draws on any Axes; ``maps_figure`` makes the figure of the protocol.
"""

import io
import os
import string

import matplotlib
import matplotlib.colors
import matplotlib.style
import numpy as np
import seaborn
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from common import files
from common.command_line import UserError
from common.progress import say
from maps import fonts
from maps.panels import METRIC_NAMES

# The range of the colours, in points. It is the published figure's, so that maps of different
# models can be laid side by side.
LOWEST, HIGHEST = -10.0, 2.0

# Red for lost points, blue for gained ones: safe for the colour-blind, and in grey print darker
# still means a greater change.
COLOURS = "RdBu"

# Metadata for a file of each format: no time, so that the same table always gives the same file.
_METADATA = {
    "pdf": {"CreationDate": None},
    "png": {},
    "svg": {"Date": None},
}

FORMATS = tuple("." + name for name in _METADATA)

# Set on top of matplotlib's defaults, never of a user's matplotlibrc, for the same reason.
STYLE = {
    "font.size": 11,
    "axes.labelsize": 12,
    "axes.titlesize": 12,
    "pdf.fonttype": 42,  # TrueType: text stays text, as journals ask
    "svg.fonttype": "none",
    "svg.hashsalt": "attention zones",
}

# Sizes in inches.
_WIDTH, _ROW_HEIGHT, _LEAST_HEIGHT, _MARGINS = 4.8, 0.34, 2.9, 0.8
_MORE_WIDTH = 4.0  # for each map beside the first
_TWO_LINES_HEIGHT = 0.42
_NUM_ZONES, _COLUMN_WIDTH = 5, 0.55  # what each column more than the protocol's adds
_SPACING = {"wspace": 0.23}  # of a map's width, for the layer numbers of the next
_DOTS_PER_INCH = 300
_LONG_BAR = 9  # of so many rows it has room for its label in the usual size


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
    return matplotlib.colors.to_hex(rgba), ink_on(rgba)


def ink_on(rgba):
    """The colour of text on a colour, an RGB of 0 to 1: ``white`` or ``black``."""
    return "white" if _luminance(rgba) < _DARK else "black"


# Below this luminance white stands out more than black does. Either way the contrast is 4.5 at
# least, what the Web Content Accessibility Guidelines ask of text.
_DARK = 0.179


def _luminance(rgba):
    """The relative luminance of an sRGB colour, 0 (black) to 1, as those guidelines define it."""
    parts = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in rgba[:3]
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


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
        xticklabels=list(change.columns),
        yticklabels=list(change.index),
        cbar=False,
    )
    axes.set(xlabel=change.columns.name, ylabel=change.index.name)
    axes.tick_params(axis="both", length=0)
    if change.isna().any(axis=None):  # an empty square shows the background: hatched grey
        axes.patch.set(facecolor="0.95", edgecolor="0.6", hatch="////")
    # White squares at the edge need a frame to be seen on white paper.
    for spine in axes.spines.values():
        spine.set(visible=True, color="0.6", linewidth=0.8)
    if annotate or panel.spread is not None:
        _annotate(axes, panel)
    if panel.unsure is not None:
        _mark_unsure(axes, panel, annotate or panel.spread is not None)
    if panel.title:
        # A dollar sign is a dollar sign, not the start of a formula.
        axes.set_title(panel.title.replace("$", r"\$"), pad=10, **fonts.for_text(panel.title))
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)


def _annotate(axes, panel):
    """Writes the values into the squares (seaborn 0.12 forgets rows under matplotlib 3.8)."""
    # Adding 0 turns -0.0, what rounding leaves of -0.04, into 0.0.
    values = np.round(panel.change.to_numpy(), 1) + 0.0
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            continue

        def write(text, height, size, value=value, at=column + 0.5):
            """Writes a number into the square."""
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


def _colour_bar(figure, all_axes, panels):
    """One colour bar for all maps, with arrows where values lie beyond its range."""
    changes = np.concatenate([panel.change.to_numpy() for panel in panels])
    ends = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}
    rows = max(len(panel.change) for panel in panels)
    metric = METRIC_NAMES.get(panels[0].metric, panels[0].metric or "Score")
    bar = figure.colorbar(
        all_axes[-1].collections[0],
        ax=all_axes if len(all_axes) > 1 else all_axes[0],
        label="%s minus baseline (points)" % metric,
        ticks=range(int(LOWEST), int(HIGHEST) + 1, 2),
        extend=ends[bool((changes < LOWEST).any()), bool((changes > HIGHEST).any())],
        aspect=max(12, 1.6 * rows),  # as wide, however tall
    )
    bar.outline.set_linewidth(0)
    if rows < _LONG_BAR:  # else the label would be longer than the bar, and cut off
        bar.ax.yaxis.label.set_size(9)


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
    for test in dict.fromkeys(panel.test for panel in panels if panel.unsure is not None):
        notes.append("\N{BULLET} not significant (%s, Holm's correction, 5 %%)" % test)
    for what in dict.fromkeys(panel.spread_of for panel in panels if panel.spread is not None):
        notes.append("\N{PLUS-MINUS SIGN} standard deviation of the %s over the runs" % what)
    for note in dict.fromkeys(panel.note for panel in panels if panel.note):
        notes += note.split("\n")
    if any(panel.change.isna().any(axis=None) for panel in panels):
        notes.append("hatched: not decoded")
    return notes


def maps_figure(panels, annotate=False):
    """The figure of one map or of several side by side, of a height that suits its layers.

    Args:
        panels: list of Panel, of one metric and as many layers. Two or more get the letters A, B,
            ... and share one colour bar.
        annotate: whether to write each value into its square.

    Returns:
        matplotlib Figure.
    """
    row_height = _ROW_HEIGHT
    if any(panel.spread is not None for panel in panels):
        row_height = _TWO_LINES_HEIGHT
    num_layers = max(len(panel.change) for panel in panels)
    height = max(_LEAST_HEIGHT, _MARGINS + row_height * num_layers)
    num_columns = max(_NUM_ZONES, *(len(panel.change.columns) for panel in panels))
    wider = _COLUMN_WIDTH * (num_columns - _NUM_ZONES)
    width = _WIDTH + wider + (_MORE_WIDTH + wider) * (len(panels) - 1)
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        all_axes = list(figure.subplots(1, len(panels), squeeze=False, gridspec_kw=_SPACING)[0])
        for letter, axes, panel in zip(string.ascii_uppercase, all_axes, panels):
            draw_map(axes, panel, annotate)
            if len(panels) > 1:
                _write_letter(axes, letter)
        _colour_bar(figure, all_axes, panels)
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


def save_figure(figure, path, what="figure file"):
    """Writes a figure whole or not at all, in the format of the file's ending.

    A NOTE says which signs no installed font has. In an SVG, text stays text, and whoever shows it
    chooses the font.

    Raises:
        UserError: an unknown ending, or the file cannot be written.
    """
    file_format = format_of(path, what)
    stream = io.BytesIO()
    titles = "".join(axes.get_title() for axes in figure.axes)
    with matplotlib.style.context(["default", STYLE]), fonts.without_warnings():
        figure.savefig(
            stream,
            format=file_format,
            dpi=_DOTS_PER_INCH,
            bbox_inches="tight",
            metadata=_METADATA[file_format],
        )
    if file_format != "svg" and fonts.missing_in(titles):
        say(
            "NOTE: no font here has the signs %s of the title, which are drawn as boxes; install "
            "one that has them, or write an .svg" % fonts.missing_in(titles)
        )
    files.write_bytes(path, stream.getvalue(), what)


def format_of(path, what="figure file"):
    """The format that a file's ending names: ``pdf``, ``png`` or ``svg``."""
    ending = os.path.splitext(str(path))[1]
    file_format = ending[1:].lower()
    if file_format not in _METADATA:
        raise UserError("%s: %s does not end in one of %s" % (what, path, ", ".join(FORMATS)))
    return file_format
