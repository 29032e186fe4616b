"""Decoding that survives being killed: what is finished, and what is half done.

Beside the prediction files stands a folder ``.decoding``::

    .decoding/finished/predictions_layer3_q2.json   which run made that file, and its checksum
    .decoding/<run>/cells.json                      the cells that an unfinished run decodes
    .decoding/<run>/windows-00000000-00000064.npz   its results so far, in the order of decoding

Any part of the windows may be saved, not just the first ones: the workers of a cluster do not
finish in order.

A *run* is named after a fingerprint of everything that its answers depend on, so that work of
another checkpoint, data file, code or flag is never taken up. Every file is written whole or not
at all.
"""

import ast
import functools
import hashlib
import io
import json
import os
import re
import zipfile

import numpy as np

from common import files, notes
from common.finished import FOLDER
from common.progress import say
from spans.answers import Candidates
from zones.cells import Cell

# Beside the fields of Candidates, where zones are weighed (see zones.sweep.read_and_weigh).
WEIGHTS, ROWS = "weights", "rows"
_CELLS = "cells.json"
_CELLS_FORM = [[(int, None), (str, None), (int, None), (int, None)]]
_WINDOWS = "windows-%08d-%08d.npz"
_WINDOWS_PATTERN = re.compile(r"windows-(\d+)-(\d+)\.npz")
# The most bytes of results in memory: before they are saved, and when answers are picked.
BYTES_UNSAVED = 8 << 20
BYTES_READ_BACK = 16 << 20


# The code that answers depend on: these modules, and every one in these folders.
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_CODE_OF_ANSWERS = (
    "common/configuration.py",
    "squad",
    "cmrc2018",
    "spans",
    "zones",
    "hub",
    "modeling.py",
    "tokenization.py",
)
CODE_OF_TRAINING = ("running/training.py", "running/input.py", "optimization.py")


def code_of_answers(*more):
    """The code that answers depend on, for fingerprint(): module -> its syntax tree, as bytes.

    After a change of the code everything is decoded again, but not after a changed comment.

    Args:
        more: further modules, such as those of CODE_OF_TRAINING.
    """
    code = {}
    for name in _CODE_OF_ANSWERS + more:
        for path in _modules(os.path.join(_ROOT, name)):
            code[os.path.relpath(path, _ROOT)] = _without_comments(files.read_bytes(path))
    return code


# A run asks twice.
@functools.lru_cache(maxsize=None)
def _without_comments(source):
    return ast.dump(ast.parse(source)).encode()


def _modules(path):
    """The Python files in a folder, at any depth; a file is itself one."""
    if path.endswith(".py"):
        return [path]
    names = files.list_directory(path) if files.is_directory(path) else []
    inside = [os.path.join(path, name) for name in names if name != "__pycache__"]
    folders = [name for name in inside if files.is_directory(name)]
    modules = [name for name in inside if name.endswith(".py")]
    return modules + [module for folder in folders for module in _modules(folder)]


def fingerprint(**parts):
    """A short hash of named parts: numbers, strings, bytes, and lists and dicts of them."""

    def plain(value):
        """What JSON has no form for, as text."""
        return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)

    text = json.dumps(parts, sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class UnfinishedRun:
    """The results of a run so far, all but the last few of them on disk.

    In memory are only those that were added since the last save; they are read back a few cells at
    a time.

    Attributes:
        cells: the cells that the run decodes.
    """

    def __init__(self, directory, run, cells, num_windows):
        """Takes up the run's saved work, or begins it.

        Args:
            directory: where the prediction files go.
            run: the run's name, from fingerprint().
            cells: the cells to decode; a run taken up may have begun with more.
            num_windows: windows of the data set, which are numbered in the order of decoding.
        """
        self.folder = files.join(directory, FOLDER, run)
        files.make_directory(self.folder, "--prediction_dir")
        self.cells = self._cells_begun_with(cells)
        self._decoded = np.zeros(num_windows, bool)
        self._saved = {}  # (first, end) -> path
        self._unsaved = []  # (rows, results)
        self._find_saved()

    @property
    def done(self):
        """How many windows are decoded."""
        return int(self._decoded.sum())

    def missing(self):
        """The windows yet to be decoded: int ``[number]``, ascending."""
        return np.flatnonzero(~self._decoded)

    def _cells_begun_with(self, cells):
        path = files.join(self.folder, _CELLS)
        if files.exists(path):
            begun = [Cell(*values) for values in notes.read(path, _CELLS_FORM) or []]
            if set(cells) <= set(begun):
                return begun
            # A file that was finished has been deleted since, or this one damaged: begin again.
            self.remove()
            files.make_directory(self.folder)
        files.write_json(path, cells, "--prediction_dir")
        return list(cells)

    def _find_saved(self):
        """Notes the saved windows, whichever are there and whole."""
        for name in files.list_directory(self.folder):
            match = _WINDOWS_PATTERN.fullmatch(name)
            if not match:
                continue
            first, end = map(int, match.groups())
            path = files.join(self.folder, name)
            try:
                shapes = {array.shape[:2] for array in _candidates(_read(path)).values()}
                if shapes != {(end - first, len(self.cells))} or end > len(self._decoded):
                    raise ValueError("it is of other windows")
            except _UNREADABLE as error:
                say("%s cannot be used (%s); its windows are decoded again" % (name, error))
            else:
                self._saved[first, end] = path
                self._decoded[first:end] = True

    def add(self, rows, results):
        """Takes the results of some windows; saves them, if there are many by now.

        Args:
            rows: int ``[number]``, the windows.
            results: a dict of arrays ``[number, cells, ...]``, named as the fields of Candidates;
                and maybe WEIGHTS and ROWS, which have no axis for cells.
        """
        self._unsaved.append((rows, results))
        self._decoded[rows] = True
        if sum(_num_bytes(unsaved) for _, unsaved in self._unsaved) > BYTES_UNSAVED:
            self.save()

    def save(self):
        """Writes the windows added since the last save, each stretch of them to its own file."""
        if not self._unsaved:
            return
        rows = np.concatenate([rows for rows, _ in self._unsaved])
        order = np.argsort(rows, kind="stable")
        arrays = {
            field: np.concatenate([results[field] for _, results in self._unsaved])[order]
            for field in self._unsaved[0][1]
        }
        rows = rows[order]
        edges = np.flatnonzero(np.diff(rows) > 1) + 1
        for first, end in zip([0, *edges], [*edges, len(rows)]):
            stretch = (int(rows[first]), int(rows[end - 1]) + 1)
            path = files.join(self.folder, _WINDOWS % stretch)
            buffer = io.BytesIO()
            np.savez(buffer, **{field: array[first:end] for field, array in arrays.items()})
            files.write_bytes(path, buffer.getvalue(), "--prediction_dir")
            self._saved[stretch] = path
        self._unsaved = []

    def results(self, cells):
        """Reads back what was saved, a few cells at a time.

        Args:
            cells: some of those of the run, which is done.

        Yields:
            (cell, Candidates) for each of them, the windows in the order of decoding.
        """
        (first, end), path = min(self._saved.items())
        of_cell = _num_bytes(_read(path)) * len(self._decoded) / ((end - first) * len(self.cells))
        at_once = max(1, int(BYTES_READ_BACK / of_cell))
        for start in range(0, len(cells), at_once):
            group = cells[start : start + at_once]
            columns = [self.cells.index(cell) for cell in group]
            arrays = None
            for (first, end), path in sorted(self._saved.items()):
                stored = _candidates(_read(path))
                stored = {field: array[:, columns] for field, array in stored.items()}
                if arrays is None:
                    arrays = {
                        field: np.zeros((len(self._decoded), *array.shape[1:]), array.dtype)
                        for field, array in stored.items()
                    }
                for field, array in stored.items():
                    arrays[field][first:end] = array
            for column, cell in enumerate(group):
                yield cell, Candidates(*(arrays[f][:, column] for f in Candidates._fields))

    def weights(self):
        """The sums of WEIGHTS and ROWS over all windows, float64 and int64.

        They are added window by window, so that they do not depend on which were saved together.
        """
        totals = [0.0, 0]
        for _, path in sorted(self._saved.items()):
            stored = _read(path)
            for weights, rows in zip(stored[WEIGHTS].astype(np.float64), stored[ROWS]):
                totals = [totals[0] + weights, totals[1] + rows.astype(np.int64)]
        return totals

    def remove(self):
        """Deletes the saved windows, which the prediction files have made needless."""
        files.remove_tree(self.folder)


_UNREADABLE = (ValueError, KeyError, IndexError, OSError, EOFError, zipfile.BadZipFile)


def _read(path):
    """The arrays of a saved file, field -> array."""
    stored = np.load(io.BytesIO(files.read_bytes(path)))
    # What is wanted is read, whether it is there or not.
    wanted = set(Candidates._fields).union(stored.files)
    return {field: stored[field] for field in wanted}


def _candidates(arrays):
    return {field: arrays[field] for field in Candidates._fields}


def _num_bytes(arrays):
    return sum(array.nbytes for array in arrays.values())
