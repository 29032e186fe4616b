"""The kinds of cells: each has a table and a figure of its own.

In tables layers and heads count from 1, in flags and file names from 0.
"""

from typing import NamedTuple, Tuple

from zones.masks import known_zones


class Kind(NamedTuple):
    """Cells that belong in one table.

    Attributes:
        name: the ending of the table's file: results_heads.csv; none for the map itself.
        keys: the columns that say which cell a line is about.
        title: what it is called in messages.
    """

    name: str
    keys: Tuple[str, ...]
    title: str


MAP = Kind("", ("layer", "zone"), "single layers")
HEADS = Kind("heads", ("layer", "head", "zone"), "single heads")
SPANS = Kind("spans", ("layer", "last_layer", "zone"), "runs of layers")
EVERY = Kind("every", ("zone",), "every layer at once")
KINDS = (MAP, HEADS, SPANS, EVERY)


def kind_of(cell):
    """The kind of a cell; None for the baseline, and for one head in several layers."""
    if cell.zone is None:
        return None
    if cell.head is not None:
        return HEADS if cell.is_of_one_layer else None
    if cell.layer is None:
        return EVERY
    return MAP if cell.is_square else SPANS


def key_of(cell):
    """What stands in the columns ``keys`` of the cell's kind: a tuple."""
    numbers = {"layer": cell.layer, "last_layer": cell.last_layer, "head": cell.head}
    return tuple(cell.zone if key == "zone" else numbers[key] + 1 for key in kind_of(cell).keys)


def zone_order(zone):
    """Where a zone stands among others."""
    zones = known_zones()
    return zones.index(zone) if zone in zones else len(zones)


def in_order(cells):
    """Cells of one kind in the order of their table: by layers and heads, then by zones."""

    def place(cell):
        """What the cells are sorted by."""
        *numbers, zone = key_of(cell)
        return (*numbers, zone_order(zone))

    return sorted(cells, key=place)


def name_of(cell):
    """A cell for people, who count layers and heads from 1: ``P2Q masked in layer 3, head 8``."""
    if cell.layer is None:
        where = "every layer"
    elif cell.is_of_one_layer:
        where = "layer %d" % (cell.layer + 1)
    else:
        where = "layers %d to %d" % (cell.layer + 1, cell.last_layer + 1)
    head = "" if cell.head is None else ", head %d" % (cell.head + 1)
    return "%s masked in %s%s" % (cell.zone.upper(), where, head)
