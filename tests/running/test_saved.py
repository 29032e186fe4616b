"""The results of a decoding between graph and answers: on disk, whatever their number."""

import tracemalloc

import numpy as np
import pytest

from running import saved
from spans.answers import Candidates
from zones.cells import BASELINE, Cell, cells_of

WINDOWS, BATCH, N = 300, 20, 5
CELLS = [
    BASELINE,
    *cells_of(4),
    Cell(None, "q2"),
    Cell(1, "p2", last_layer=2),
    Cell(0, "p2", head=3),
]


def results(rows, num_cells, n=N):
    """Made-up results of some windows: every number tells its window, cell and place."""
    of_cell = 1000.0 * np.asarray(rows)[:, np.newaxis] + np.arange(num_cells)
    of_place = of_cell[:, :, np.newaxis] + np.arange(n) / n
    return dict(
        start_index=of_place.astype(np.int32),
        start_logit=of_place.astype(np.float32),
        end_index=of_place.astype(np.int32) + 1,
        end_logit=of_place.astype(np.float32) + 1,
        null_start=of_cell.astype(np.float32),
        null_end=of_cell.astype(np.float32) + 1,
    )


def fill(unfinished, rows, n=N):
    """Adds results in the order of the rows, saving now and then."""
    for number, first in enumerate(range(0, len(rows), BATCH)):
        some = rows[first : first + BATCH]
        unfinished.add(some, results(some, len(unfinished.cells), n))
        if number % 3 == 2:
            unfinished.save()
    unfinished.save()


def assert_as_added(unfinished, cells):
    expected = results(np.arange(WINDOWS), len(unfinished.cells))
    read = list(unfinished.results(cells))
    assert [cell for cell, _ in read] == cells
    for cell, candidates in read:
        for field in Candidates._fields:
            column = expected[field][:, unfinished.cells.index(cell)]
            found = getattr(candidates, field)
            assert found.dtype == column.dtype
            np.testing.assert_array_equal(found, column)


# Whole batches, in any order.
SHUFFLED = np.random.RandomState(0).permutation(WINDOWS // BATCH)
ROWS = np.concatenate([np.arange(BATCH * b, BATCH * (b + 1)) for b in SHUFFLED])


@pytest.mark.parametrize("cells_at_once", [1, 7, 1000])
def test_what_is_added_in_any_order_is_read_back(cells_at_once, tmp_path, monkeypatch):
    of_cell = WINDOWS * (2 * N * 8 + 8)
    monkeypatch.setattr(saved, "BYTES_READ_BACK", cells_at_once * of_cell)
    unfinished = saved.UnfinishedRun(str(tmp_path), "run", CELLS, WINDOWS)
    fill(unfinished, ROWS)
    assert unfinished.done == WINDOWS and not len(unfinished.missing())
    assert_as_added(unfinished, CELLS[::-1])


def test_a_run_taken_up_has_its_cells_of_every_kind_and_goes_on(tmp_path):
    fill(saved.UnfinishedRun(str(tmp_path), "run", CELLS, WINDOWS), ROWS[:100])
    again = saved.UnfinishedRun(str(tmp_path), "run", CELLS[3:], WINDOWS)
    assert again.cells == CELLS and again.done == 100
    assert set(again.missing()) == set(ROWS[100:])
    fill(again, again.missing())
    assert_as_added(again, CELLS[3:])


def test_files_of_other_windows_are_not_used(tmp_path, capsys):
    fill(saved.UnfinishedRun(str(tmp_path), "run", CELLS, WINDOWS), ROWS)
    (tmp_path / ".decoding" / "run" / "cells.json").unlink()
    fewer = saved.UnfinishedRun(str(tmp_path), "run", CELLS[:2], WINDOWS)
    assert fewer.done == 0
    assert "cannot be used (it is of other windows)" in capsys.readouterr().err


@pytest.mark.slow
def test_memory_does_not_grow_with_windows_and_cells(tmp_path, monkeypatch):
    """Some 40 MB of results, of which no more than a few are held."""
    limit = 1 << 20
    monkeypatch.setattr(saved, "BYTES_UNSAVED", limit)
    monkeypatch.setattr(saved, "BYTES_READ_BACK", limit)
    cells = [Cell(layer, zone, head=head) for layer, zone, *_ in cells_of(12) for head in range(12)]
    of_window = len(cells) * (2 * 20 * 8 + 8)
    assert of_window * WINDOWS > 40 * limit
    unfinished = saved.UnfinishedRun(str(tmp_path), "run", cells, WINDOWS)
    tracemalloc.start()
    for window in range(WINDOWS):
        unfinished.add(np.array([window]), results([window], len(cells), 20))
    unfinished.save()
    count = sum(1 for _ in unfinished.results(cells))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == len(cells)
    assert peak < 8 * limit
