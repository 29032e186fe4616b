"""The cells of the map: a zone masked in a layer, in several, or in one head; and their file names.

This module needs Python's own library only, so that scripts which read file names start at once.
"""

import re
from typing import Iterable, List, NamedTuple, Optional

from zones.masks import ZONES, known_zones


class Cell(NamedTuple):
    """One square of a map: a zone masked in a set of layers, for all heads or for one.

    Attributes:
        layer: the index, from 0, of the first layer in which the zone is masked; None is "in every
            layer at once".
        zone: one of masks.known_zones(), or None for the baseline (nothing masked).
        last_layer: the index of the last one, for a run of layers ("knockout window" in Geva et
            al., "Dissecting Recall of Factual Associations", 2023); None is the first one itself.
        head: the index of the only head that is masked; None is all of them.
    """

    layer: Optional[int]
    zone: Optional[str]
    last_layer: Optional[int] = None
    head: Optional[int] = None

    def masks(self, number: int) -> bool:
        """Whether the zone is masked in the layer of that number."""
        if self.zone is None:
            return False
        if self.layer is None:
            return True
        last = self.layer if self.last_layer is None else self.last_layer
        return self.layer <= number <= last

    @property
    def is_of_one_layer(self) -> bool:
        """Whether the zone is masked in one layer, as in the protocol's sixty."""
        return self.layer is not None and self.last_layer in (None, self.layer)

    @property
    def is_square(self) -> bool:
        """Whether it is of the protocol's kind: one layer, all heads."""
        return self.is_of_one_layer and self.head is None

    def __str__(self):
        if self.zone is None:
            return "baseline"
        if self.layer is None:
            where = "every layer"
        elif self.last_layer is None:
            where = "layer %d" % self.layer
        else:
            where = "layers %d-%d" % (self.layer, self.last_layer)
        return "%s in %s%s" % (
            self.zone,
            where,
            "" if self.head is None else ", head %d" % self.head,
        )


BASELINE = Cell(layer=None, zone=None)


def cells_of(num_layers: int, zones: Iterable[str] = ZONES) -> List[Cell]:
    """Every square of the map, layer by layer: 12 layers x 5 zones = the protocol's sixty."""
    zones = list(zones)
    return [Cell(layer, zone) for layer in range(num_layers) for zone in zones]


def cell_of_run(first: int, last: int, zone: str, head: Optional[int] = None) -> Cell:
    """The cell of a run of layers, from the first to the last one; they may be one and the same."""
    return Cell(first, zone, last if last > first else None, head)


def cells_of_runs(num_layers: int, length: int, zones: Iterable[str] = ZONES) -> List[Cell]:
    """A cell for every run of ``length`` consecutive layers: of 3 among 12, 0-2, 1-3, ..., 9-11."""
    zones = list(zones)
    return [
        cell_of_run(first, first + length - 1, zone)
        for first in range(num_layers - length + 1)
        for zone in zones
    ]


def cells_of_heads(num_layers: int, num_heads: int, zones: Iterable[str] = ZONES) -> List[Cell]:
    """A cell for every head of every layer, in which it alone is masked."""
    zones = list(zones)
    return [
        Cell(layer, zone, head=head)
        for layer in range(num_layers)
        for head in range(num_heads)
        for zone in zones
    ]


# File names -----------------------------------------------------------------------------------

PREDICTIONS, NBEST, NULL_ODDS = "predictions", "nbest_predictions", "null_odds"
# Beside them: what the reader looks at with nothing masked. Layers and heads count from 1 there.
ATTENTION = "attention.csv"

_PREDICTION_FILE = re.compile(
    r"%s(?:_layer(?:(?P<layer>\d+)(?:-(?P<last_layer>\d+))?)?(?:_head(?P<head>\d+))?"
    r"_(?P<zone>[a-z][a-z0-9-]*))?\.json" % PREDICTIONS
)


def file_name(kind: str, cell: Cell) -> str:
    """The file of one cell, such as ``predictions_layer3_q2.json``.

    For example, the baseline's is ``predictions.json``; in every layer,
    ``predictions_layer_q2.json``; in layers 3 to 5, ``predictions_layer3-5_q2.json``; in head 7 of
    layer 3, ``predictions_layer3_head7_q2.json``.

    Args:
        kind: PREDICTIONS, NBEST or NULL_ODDS.
        cell: the Cell.
    """
    if cell.zone is None:
        return kind + ".json"
    layers = "" if cell.layer is None else "%d" % cell.layer
    if cell.last_layer is not None:
        layers += "-%d" % cell.last_layer
    head = "" if cell.head is None else "_head%d" % cell.head
    return "%s_layer%s%s_%s.json" % (kind, layers, head, cell.zone)


def cell_of_file(name: str) -> Optional[Cell]:
    """The cell whose predictions a file of this name holds, or None for any other file."""
    match = _PREDICTION_FILE.fullmatch(name)
    if not match or match.group("zone") not in (None, *known_zones()):
        return None
    numbers = {
        part: None if match.group(part) is None else int(match.group(part))
        for part in ("layer", "last_layer", "head")
    }
    return Cell(zone=match.group("zone"), **numbers)
