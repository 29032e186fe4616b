"""Where things stand in a figure: its width is given, its height follows from its rows.

Margins are measured, not guessed: labels, titles and notes are drawn as they will be, and maps get
the room that is left. So nothing is cut off, and a figure is as wide as a journal's column is.
"""

from typing import NamedTuple, Optional

from common.command_line import UserError

# The range of the colours, in points. It is the published figure's, so that maps of different
# models can be laid side by side.
LOWEST, HIGHEST = -10.0, 2.0

MILLIMETRES = 25.4  # of an inch
# The widths of a column and of a page of Cell Press's journals, in millimetres.
WIDTHS = {"column": 85.0, "page": 174.0}

# Sizes in inches, of a figure whose width nobody chose: of one map with the protocol's five zones,
# of each map beside it, and of each column more.
_WIDTH, _MORE_WIDTH, _COLUMN_WIDTH, _NUM_ZONES = 4.8, 4.0, 0.55, 5
_PAD, _BAR_WIDTH, _GAP = 0.06, 0.16, 0.22
_HIGHEST_ROW = 0.42
_ROW_OF_COLUMN = 0.53  # the height of a square by its width

# In a figure of a chosen width, which is printed as it is, labels have eight points, not twelve.
_SMALLER, _LEAST_TEXT = 8 / 12, 5.0
_LINE = 1.3  # from one line of text to the next, by the size of its letters


class Look(NamedTuple):
    """What the user wants a figure to look like.

    Attributes:
        width: of the figure, in millimetres; None is wide enough for labels of twelve points.
        font: the name of a font family; None is matplotlib's own.
        lowest, highest: the ends of the colours, in points; zero is between them.
    """

    width: Optional[float] = None
    font: Optional[str] = None
    lowest: float = LOWEST
    highest: float = HIGHEST

    def size(self, points):
        """The size of a text that has so many points where nobody chose a width."""
        return points if self.width is None else max(_LEAST_TEXT, _SMALLER * points)

    @property
    def shrunk(self):
        """By what lengths are multiplied that should keep to the size of the text."""
        return 1.0 if self.width is None else _SMALLER

    def inches_wide(self, num_maps, num_columns):
        """The width of the figure of so many maps, each of so many columns."""
        if self.width is not None:
            return self.width / MILLIMETRES
        wider = _COLUMN_WIDTH * (max(_NUM_ZONES, num_columns) - _NUM_ZONES)
        return _WIDTH + wider + (_MORE_WIDTH + wider) * (num_maps - 1)


PLAIN = Look()


class Layout:
    """The places of the maps and of the colour bar in a figure.

    Attributes:
        map_width: of each map, in inches.
        column_width: of a column of the map that has most, in inches.
    """

    def __init__(self, figure, all_axes, bars, look, num_columns):
        """Args:

        all_axes: all Axes, from left to right.
        bars: those that are colour bars; the others are maps.
        num_columns: of the map that has most.
        """
        self._figure, self._axes, self._bars, self._look = figure, all_axes, bars, look
        self._num_columns, self._num_maps = num_columns, len(all_axes) - len(bars)
        self._width = look.inches_wide(self._num_maps, num_columns)
        figure.set_size_inches(self._width, self._width)
        for _ in range(2):  # a label that is longer than a map stands out less from a wider one
            self._measure()
            self._stand_side_by_side(0.2, 0.6)
        self._measure()
        self._check_room()

    def _measure(self):
        """Measures the margins as they are now, and gives the maps the width that is left."""
        self._margins = [_margins(axes, self._figure) for axes in self._axes]
        shrunk = self._look.shrunk
        gaps = _GAP * (len(self._axes) - 1)
        taken = 2 * _PAD + shrunk * (_BAR_WIDTH * len(self._bars) + gaps)
        taken += sum(left + right for left, right, _, _ in self._margins)
        self.map_width = (self._width - taken) / self._num_maps
        self.column_width = self.map_width / self._num_columns

    def _check_room(self):
        """Raises UserError unless a column is as wide as its name set upright is high."""
        least = self._look.size(11) * _LINE / 72
        if self.column_width < least:
            num_columns = self._num_columns * self._num_maps
            lacking = (least - self.column_width) * num_columns
            raise UserError(
                "--width: %g mm leave no room for %d columns beside their labels; %d do"
                % (
                    self._width * MILLIMETRES,
                    num_columns,
                    (self._width + lacking) * MILLIMETRES + 1,
                )
            )

    def row_height(self, least):
        """The height of a row in inches, if its text needs ``least`` points."""
        highest = _HIGHEST_ROW * self._look.shrunk
        return max(least * _LINE / 72, min(highest, _ROW_OF_COLUMN * self.column_width))

    def place(self, map_height, notes):
        """Sets the height of the figure, and places everything in it.

        Args:
            map_height: in inches.
            notes: list of str, written below the maps, each from a line's start.
        """
        self._measure()
        self._check_room()
        figure, size = self._figure, self._look.size(9)
        left = _PAD + self._margins[0][0]
        room = self._width - left - _PAD
        text = "\n".join(wrapped(figure, note, room, size) for note in notes)
        written = figure.text(0, 0, text, size=size, va="top", linespacing=1.25)
        box = written.get_window_extent(figure.canvas.get_renderer())
        under = _PAD + (box.height / figure.dpi + size / 72 if text else 0)
        below = under + max(bottom for _, _, bottom, _ in self._margins)
        height = below + map_height + _PAD + max(top for _, _, _, top in self._margins)
        figure.set_size_inches(self._width, height)
        written.set_position((left / self._width, (under - size / 72) / height))
        self._stand_side_by_side(below / height, map_height / height)

    def _stand_side_by_side(self, bottom, height):
        """Places all Axes; bottom and height are shares of those of the figure."""
        across, shrunk = _PAD, self._look.shrunk
        for axes, margins in zip(self._axes, self._margins):
            width = shrunk * _BAR_WIDTH if axes in self._bars else max(_PAD, self.map_width)
            across += margins[0]
            axes.set_position([across / self._width, bottom, width / self._width, height])
            across += width + margins[1] + shrunk * _GAP


def _margins(axes, figure):
    """What stands beside the squares of Axes: (left, right, below, above), in inches."""
    whole = axes.get_tightbbox(figure.canvas.get_renderer())
    inside = axes.bbox
    distances = (
        inside.x0 - whole.x0,
        whole.x1 - inside.x1,
        inside.y0 - whole.y0,
        whole.y1 - inside.y1,
    )
    return [max(0.0, distance) / figure.dpi for distance in distances]


def width_of(figure, text, size, **font):
    """The width of a text, in inches."""
    drawn = figure.text(0, 0, text, **{**font, "size": size})
    box = drawn.get_window_extent(figure.canvas.get_renderer())
    drawn.remove()
    return box.width / figure.dpi


def wrapped(figure, text, width, size, **font):
    """A text broken into lines, between words if it can be, that are no wider than ``width``."""
    lines = [""]
    for word in text.split(" "):
        longer = (lines[-1] + " " + word).lstrip()
        if width_of(figure, longer, size, **font) <= width:
            lines[-1] = longer
            continue
        lines.append("")
        for sign in word:  # in some scripts a sentence has no space
            if lines[-1] and width_of(figure, lines[-1] + sign, size, **font) > width:
                lines.append("")
            lines[-1] += sign
    return "\n".join(line for line in lines if line)
