"""The map as a figure: how much each layer needs each attention zone, as a heatmap.

A square is the score with that zone masked in that layer, minus the baseline, the score with
nothing masked. ``draw_map`` draws on any Axes; ``maps_figure`` makes the figure of the protocol.
"""

import functools
import io
import json
import os
import string

import matplotlib
import matplotlib.colors
import matplotlib.style
import numpy as np
import seaborn
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from common import files
from common.command_line import UserError
from common.progress import say
from maps import fonts, provenance
from maps.layout import HIGHEST, LOWEST, PLAIN, Layout, width_of, wrapped
from maps.panels import METRIC_NAMES

# Red for lost points, blue for gained ones: safe for the colour-blind, and in grey print darker
# still means a greater change.
COLOURS = "RdBu"
_ANCHORS = 11  # how many colours it is made of
_STEPS = 2400  # from one end of the range to the other

# Metadata for a file of each format: no time, so that the same command always gives the same file;
# and under which name a file says what it was made of.
_METADATA = {
    "pdf": {"CreationDate": None},
    "png": {},
    "svg": {"Date": None},
}
_FACTS = {"pdf": "Subject", "png": "Description", "svg": "Description"}

FORMATS = tuple("." + name for name in _METADATA)

# Set on top of matplotlib's defaults, never of a user's matplotlibrc, for the same reason.
_STYLE = {
    "pdf.fonttype": 42,  # TrueType: text stays text, as journals ask
    "svg.fonttype": "none",
    "svg.hashsalt": "attention zones",
    "hatch.linewidth": 0.6,
}

_DOTS_PER_INCH = 300
_LEAST_TO_READ = 4.5  # points
_MINUS, _PLUS_MINUS, _BULLET = "\N{MINUS SIGN}", "\N{PLUS-MINUS SIGN}", "\N{BULLET}"
# What any figure may have to write, but for titles.
_SIGNS = string.ascii_letters + string.digits + _MINUS + _PLUS_MINUS + _BULLET + "\N{EN DASH}(),.%"


@functools.lru_cache(maxsize=None)
def _colours():
    """The colours from -1 to 1: white, not light grey, at 0."""
    anchors = matplotlib.colormaps[COLOURS](np.linspace(0, 1, _ANCHORS))
    anchors[_ANCHORS // 2] = 1
    return matplotlib.colors.LinearSegmentedColormap.from_list("zones", anchors, 2 * _STEPS + 1)


def _share(change, look):
    """A change as a share of the furthest end of the range: -1 to 1, in the colours' strength."""
    # Linear in the change and white at zero, however far the range goes on either side.
    inside = np.clip(change, look.lowest, look.highest)
    return inside / max(-look.lowest, look.highest)


def colour_of(change, look=PLAIN):
    """The colour of a square and that of the text on it.

    Args:
        change: float, points.
        look: Look, which has the range.

    Returns:
        (colour, ``white`` or ``black``), the first as ``#rrggbb``.
    """
    rgba = _colours()(0.5 + 0.5 * _share(change, look))
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


def draw_map(axes, panel, look=PLAIN):
    """Draws the squares of a heatmap and their names, without a colour bar.

    Colours are as far from white below zero as above it: +1 and -1 are equally strong, and zero
    is white although the range is not symmetric.

    Args:
        axes: matplotlib Axes.
        panel: Panel.
        look: Look.
    """
    steps = np.linspace(look.lowest, look.highest, _STEPS + 1)
    colours = matplotlib.colors.ListedColormap(_colours()(0.5 + 0.5 * _share(steps, look)))
    draw_squares(axes, panel.change, colours, (look.lowest, look.highest), look)
    if panel.change.isna().any(axis=None):  # an empty square shows the background: hatched grey
        axes.patch.set(facecolor="0.95", edgecolor="0.6", hatch="////")


def draw_squares(axes, values, colours, ends, look):
    """Draws squares and the names of rows and columns, without a colour bar.

    Args:
        axes: matplotlib Axes.
        values: DataFrame; the names of its axes are what is written at them.
        colours: a colour map of matplotlib, or its name.
        ends: the values of its first and last colour.
        look: Look.
    """
    seaborn.heatmap(
        values,
        ax=axes,
        cmap=colours,
        vmin=ends[0],
        vmax=ends[1],
        linewidths=0.5 * look.shrunk,
        linecolor="0.9",  # to be seen between white squares, too
        xticklabels=list(values.columns),
        yticklabels=list(values.index),
        cbar=False,
    )
    axes.set(xlabel=values.columns.name, ylabel=values.index.name)
    axes.tick_params(axis="both", length=0, pad=4 * look.shrunk)
    # White squares at the edge need a frame to be seen on white paper.
    for spine in axes.spines.values():
        spine.set(visible=True, color="0.6", linewidth=0.8 * look.shrunk)
    # Seaborn turns names that would not fit now, before the map has its width.
    axes.set_xticklabels(axes.get_xticklabels(), rotation=0)
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)


def _break_labels(axes, title, layout, look):
    """Writes the title, and fits it and the names of the columns into the width of the map."""
    figure = axes.figure
    axes.set_xlabel(wrapped(figure, axes.get_xlabel(), layout.map_width, look.size(12)))
    names = axes.get_xticklabels()
    width = layout.map_width / len(names)
    if any(width_of(figure, n.get_text(), look.size(11)) > 0.95 * width for n in names):
        axes.set_xticklabels(names, rotation=90)
    if title:
        font = fonts.for_text(title, look.font)
        # A dollar sign is a dollar sign, not the start of a formula.
        title = title.replace("$", r"\$")
        title = wrapped(figure, title, layout.map_width, look.size(12), **font)
        axes.set_title(title, pad=10 * look.shrunk, **{**font, "size": look.size(12)})


def _value_size(figure, panels, layout, look):
    """The size of the values in points: as large as the squares are wide."""
    texts = {_text_of(value) for panel in panels for value in panel.change.to_numpy().flat}
    size = look.size(9)
    widest = max(width_of(figure, text, size) for text in texts)
    size = min(size, 0.94 * layout.column_width / widest * size)
    if size < _LEAST_TO_READ:
        say(
            "NOTE: the squares are too narrow for their values, which have %.1f points; choose a "
            "greater --width, or leave the values out" % size
        )
    return size


def _text_of(value):
    # Adding 0 turns -0.0, what rounding leaves of -0.04, into 0.0.
    return ("%.1f" % (np.round(value, 1) + 0.0)).replace("-", _MINUS)  # as on the colour bar


def _annotate(axes, panel, size, look):
    """Writes the values into the squares (seaborn 0.12 forgets rows under matplotlib 3.8)."""
    for (row, column), value in np.ndenumerate(panel.change.to_numpy()):
        if np.isnan(value):
            continue

        lines = [(_text_of(value), 0.5, size)]
        if panel.spread is not None:
            spread = _PLUS_MINUS + "%.1f" % panel.spread.iloc[row, column]
            lines = [(_text_of(value), 0.35, size), (spread, 0.73, 7 / 9 * size)]
        style = {"color": colour_of(value, look)[1], "ha": "center", "va": "center_baseline"}
        for text, height, text_size in lines:
            axes.text(column + 0.5, row + height, text, size=text_size, **style)


def _mark_unsure(axes, panel, has_text, look):
    """Puts a dot into the squares whose change is not significant: in a corner if there is text."""
    rows, columns = np.nonzero(panel.unsure.to_numpy())
    across, down = (0.87, 0.2) if has_text else (0.5, 0.5)
    inks = [colour_of(value, look)[1] for value in panel.change.to_numpy()[rows, columns]]
    size = (5 if has_text else 9) * look.shrunk**2
    axes.scatter(columns + across, rows + down, s=size, c=inks, linewidths=0)


def _colour_bar(figure, all_axes, panels, look):
    """One colour bar for all maps, with arrows where values lie beyond its range."""
    changes = np.concatenate([panel.change.to_numpy().ravel() for panel in panels])
    beyond = bool((changes < look.lowest).any()), bool((changes > look.highest).any())
    ends = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}
    ticks = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]).tick_values(look.lowest, look.highest)
    bar = add_bar(
        all_axes[-1],
        look,
        ticks=[tick for tick in ticks if look.lowest <= tick <= look.highest],
        extend=ends[beyond],
    )
    bar.set_ylabel("two\nlines", size=look.size(12), labelpad=4 * look.shrunk)  # keeps room
    return bar


def add_bar(axes, look, **more):
    """Adds a colour bar of the squares of Axes; where it stands, Layout says.

    Returns:
        its Axes.
    """
    figure, shrunk = axes.figure, look.shrunk
    place = figure.add_axes([0.8, 0.2, 0.05, 0.6])
    bar = figure.colorbar(axes.collections[0], cax=place, **more)
    bar.outline.set_linewidth(0)
    place.tick_params(
        length=4 * shrunk, width=0.8 * shrunk, pad=3 * shrunk, labelsize=look.size(11)
    )
    return place


def _name_the_bar(bar, panels, height, look):
    """Writes what the colours mean beside the colour bar, on one line or two.

    Args:
        bar: its Axes.
        panels: those of the figure.
        height: of the maps, in inches, if that is enough.
        look: Look.

    Returns:
        the height that the text needs, or ``height``.
    """
    name = METRIC_NAMES.get(panels[0].metric, panels[0].metric or "Score")
    size, figure = look.size(12), bar.figure
    words = "%s minus baseline (points)" % name
    if width_of(figure, words, size) > height:
        words = words.replace(" baseline", "\nbaseline")
        height = max(height, 1.02 * width_of(figure, words, size))
    bar.set_ylabel(words, size=size, labelpad=4 * look.shrunk)
    return height


def _write_letter(axes, letter, look):
    """The letter of a map beside others, above its layer numbers, clear of the title."""
    axes.annotate(
        letter,
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(-30 * look.shrunk, 10 * look.shrunk),
        textcoords="offset points",
        weight="bold",
        size=look.size(14),
    )


def notes_on(panels, look=PLAIN):
    """What the marks in the squares mean, and what else must be known: a line each."""
    notes = []
    for test in dict.fromkeys(panel.test for panel in panels if panel.unsure is not None):
        notes.append(
            _BULLET + " not significant (%s, Holm's correction, 5\N{NO-BREAK SPACE}%%)" % test
        )
    for what in dict.fromkeys(panel.spread_of for panel in panels if panel.spread is not None):
        notes.append(_PLUS_MINUS + " standard deviation of the %s over the runs" % what)
    for note in dict.fromkeys(panel.note for panel in panels if panel.note):
        notes += note.split("\n")
    if any(panel.change.isna().any(axis=None) for panel in panels):
        notes.append("hatched: not decoded")
    if (look.lowest, look.highest) != (LOWEST, HIGHEST):
        notes.append(range_text(look))
    return notes


def range_text(look):
    """The range of the colours in words."""
    return "colours from %s to %s points" % tuple(
        ("%g" % end).replace("-", _MINUS) for end in (look.lowest, look.highest)
    )


def _style(look):
    """What matplotlib is told of the text."""
    return {
        **_STYLE,
        "font.family": [look.font] if look.font else ["DejaVu Sans"],
        "font.size": look.size(11),
        "axes.labelsize": look.size(12),
        "axes.titlesize": look.size(12),
        "axes.labelpad": 4 * look.shrunk,
    }


def maps_figure(panels, annotate=False, look=PLAIN, beside=None):
    """The figure of one map or of several side by side, of a height that suits its layers.

    Args:
        panels: list of Panel, of one metric and as many layers. Two or more get the letters A, B,
            ... and share one colour bar.
        annotate: whether to write each value into its square.
        look: Look.
        beside: a map of something else on the right, with a colour bar of its own: an object with
            the methods of attention_figure.Weights; or None.

    Returns:
        matplotlib Figure.

    Raises:
        UserError: it is too narrow for the maps, or the font cannot write it.
    """
    if look.font:
        fonts.check(look.font, _SIGNS, "--font")
    # Signs that no font has are told of when the figure is saved.
    with matplotlib.style.context(["default", _style(look)]), fonts.without_warnings():
        figure = Figure(dpi=_DOTS_PER_INCH)
        FigureCanvasAgg(figure)
        all_axes = list(figure.subplots(1, len(panels), squeeze=False)[0])
        for letter, axes, panel in zip(string.ascii_uppercase, all_axes, panels):
            draw_map(axes, panel, look)
            if len(panels) > 1:
                _write_letter(axes, letter, look)
        bar = _colour_bar(figure, all_axes, panels, look)
        others = list(beside.draw(figure, look)) if beside else []
        num_columns = max(len(panel.change.columns) for panel in panels)
        layout = Layout(figure, [*all_axes, bar, *others], [bar, *others[1:]], look, num_columns)
        size = _write(panels, all_axes, annotate, layout, look)
        if beside:
            _break_labels(others[0], None, layout, look)
            if annotate:
                beside.annotate(others[0], size)
        num_lines = 2 if any(panel.spread is not None for panel in panels) else 1
        height = layout.row_height(max(num_lines * size, look.size(11)))
        height *= max(len(panel.change) for panel in panels)
        layout.place(_name_the_bar(bar, panels, height, look), notes_on(panels, look))
    return figure


def _write(panels, all_axes, annotate, layout, look):
    """Writes titles, values and dots; returns the size of the values in points, 0 without any."""
    has_text = [annotate or panel.spread is not None for panel in panels]
    size = _value_size(all_axes[0].figure, panels, layout, look) if any(has_text) else 0
    for axes, panel, is_written in zip(all_axes, panels, has_text):
        _break_labels(axes, panel.title, layout, look)
        if is_written:
            _annotate(axes, panel, size, look)
        if panel.unsure is not None:
            _mark_unsure(axes, panel, is_written, look)
    return size


def facts_of(panels, command):
    """What a figure says of itself in its metadata; see provenance.of_figure."""
    libraries = {module.__name__: module.__version__ for module in (matplotlib, seaborn)}
    return provenance.of_figure(command, panels, libraries)


def save_figure(figure, path, what="figure file", facts=None):
    """Writes a figure whole or not at all, in the format of the file's ending.

    A NOTE says which signs no installed font has. In an SVG, text stays text, and whoever shows it
    chooses the font.

    Args:
        figure: as maps_figure makes it.
        path: the file.
        what: what to call the file in an error.
        facts: what it was made of, which goes into the file's metadata as JSON; see facts_of.

    Raises:
        UserError: an unknown ending, or the file cannot be written.
    """
    file_format = format_of(path, what)
    metadata = dict(_METADATA[file_format])
    if facts:
        metadata[_FACTS[file_format]] = json.dumps(facts)
    stream = io.BytesIO()
    titles = "".join(axes.get_title() for axes in figure.axes)
    with matplotlib.style.context(["default", _STYLE]), fonts.without_warnings():
        figure.savefig(stream, format=file_format, dpi=_DOTS_PER_INCH, metadata=metadata)
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
