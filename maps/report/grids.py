"""The maps of a report: which cell stands where. The first is the protocol's, layers by zones."""

from typing import List, NamedTuple, Optional, Tuple

from maps.kinds import EVERY, HEADS, MAP, SPANS, zone_order
from zones.cells import Cell
from zones.masks import ZONES


class Grid(NamedTuple):
    """A map.

    Attributes:
        label: its name, by which it is chosen.
        row_head, column_head: what rows and columns are.
        rows, columns: their names, the last layer first.
        cells: for each row the Cell of each column, or None where there can be none.
    """

    label: str
    row_head: str
    column_head: str
    rows: List[str]
    columns: List[str]
    cells: List[List[Optional[Cell]]]


def grids_of(folder) -> List[Grid]:
    """Every map that the cells of a predictions.Folder make; none without cells is left empty."""
    heads = folder.cells_of_kind(HEADS)
    spans = folder.cells_of_kind(SPANS)
    every = folder.cells_of_kind(EVERY)
    grids = [_layers(folder)] if folder.cells_of_kind(MAP) else []
    if every:
        columns = [cell.zone.upper() for cell in every]
        grids.append(Grid("every layer at once", "Layers", "zone", ["all"], columns, [every]))
    for length in sorted({cell.last_layer - cell.layer for cell in spans}):
        grids.append(_spans([cell for cell in spans if cell.last_layer - cell.layer == length]))
    for zone in sorted({cell.zone for cell in heads}, key=zone_order):
        grids.append(_heads([cell for cell in heads if cell.zone == zone]))
    return grids


def _grid(label, heads, cells, row_of, column_of):
    """A Grid of cells; ``row_of`` and ``column_of`` give what sorts, and what is shown."""
    rows = sorted({row_of(cell) for cell in cells}, reverse=True)
    columns = sorted({column_of(cell) for cell in cells})
    places = {(row_of(cell), column_of(cell)): cell for cell in cells}
    return Grid(
        label,
        *heads,
        [name for _, name in rows],
        [name for _, name in columns],
        [[places.get((row, column)) for column in columns] for row in rows],
    )


def _zone_of(cell) -> Tuple[int, str]:
    return zone_order(cell.zone), cell.zone.upper()


def _layer_of(cell) -> Tuple[int, str]:
    return cell.layer, str(cell.layer + 1)


def _layers(folder):
    decoded = {cell.zone for cell in folder.cells_of_kind(MAP)}
    zones = list(ZONES) + sorted(decoded - set(ZONES), key=zone_order)
    wanted, _, _ = folder.map_cells(zones)
    return _grid("layers and zones", ("Layer", "zone"), wanted, _layer_of, _zone_of)


def _spans(cells):
    length = cells[0].last_layer - cells[0].layer + 1

    def row_of(cell):
        """The row's number and name."""
        return cell.layer, "%d\N{EN DASH}%d" % (cell.layer + 1, cell.last_layer + 1)

    label = "%d layers in a row" % length
    return _grid(label, ("Layers", "zone"), cells, row_of, _zone_of)


def _heads(cells):
    def column_of(cell):
        """The column's number and name."""
        return cell.head, str(cell.head + 1)

    label = "heads, %s" % cells[0].zone.upper()
    return _grid(label, ("Layer", "head"), cells, _layer_of, column_of)
