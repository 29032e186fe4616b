"""Decoding that survives being killed: what is finished, and what is half done.

Beside the prediction files stands a folder ``.decoding``::

    .decoding/finished/predictions_layer3_q2.json   which run made that file, and its checksum
    .decoding/<run>/cells.json                      the cells that an unfinished run decodes
    .decoding/<run>/windows-00000000-00000064.npz   its results so far, in the order of decoding

Of the windows any may be there and any missing: the workers of a cluster do not finish in order.

A *run* is named after a fingerprint of everything that its answers depend on, so that work of
another checkpoint, data file, code or flag is never taken up. Every file is written whole or not
at all.
"""

import ast
import hashlib
import io
import json
import os
import re
import zipfile

import numpy as np

from common import files
from common.finished import FOLDER
from common.progress import say
from spans.answers import Candidates
from zones.cells import Cell

_CELLS = "cells.json"
_WINDOWS = "windows-%08d-%08d.npz"
_WINDOWS_PATTERN = re.compile(r"windows-(\d+)-(\d+)\.npz")


# What decides the answers: these modules, and every one in these folders.
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

    So a model that was changed meets no old work, while a changed comment does no harm.

    Args:
        more: further modules, such as those of CODE_OF_TRAINING.
    """
    code = {}
    for name in _CODE_OF_ANSWERS + more:
        for path in _modules(os.path.join(_ROOT, name)):
            source = files.read_bytes(path)
            code[os.path.relpath(path, _ROOT)] = ast.dump(ast.parse(source)).encode()
    return code


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
        return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)

    text = json.dumps(parts, sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class UnfinishedRun:
    """The results of a run so far.

    Attributes:
        cells: the cells that the run decodes.
        candidates: Candidates with arrays ``[windows, cells, n]`` (the last two ``[windows,
            cells]``), in the order of decoding; rows of missing windows are yet to be filled.
    """

    def __init__(self, directory, run, cells, num_windows, n_best):
        """Takes up the run's saved work, or begins it.

        Args:
            directory: where the prediction files go.
            run: the run's name, from fingerprint().
            cells: the cells to decode; a run taken up may have begun with more.
            num_windows: windows of the data set.
            n_best: positions kept for every window and cell.
        """
        self.folder = files.join(directory, FOLDER, run)
        files.make_directory(self.folder)
        self.cells = self._cells_begun_with(cells)
        shape = (num_windows, len(self.cells))
        self.candidates = Candidates(
            start_index=np.zeros(shape + (n_best,), np.int32),
            start_logit=np.zeros(shape + (n_best,), np.float32),
            end_index=np.zeros(shape + (n_best,), np.int32),
            end_logit=np.zeros(shape + (n_best,), np.float32),
            null_start=np.zeros(shape, np.float32),
            null_end=np.zeros(shape, np.float32),
        )
        self._decoded = np.zeros(num_windows, bool)
        self._load()
        self._saved = self._decoded.copy()

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
            begun = [Cell(*pair) for pair in files.read_json(path)]
            if set(cells) <= set(begun):
                return begun
            # A file that was finished has been deleted since: begin again.
            self.remove()
            files.make_directory(self.folder)
        files.write_json(path, cells)
        return list(cells)

    def _load(self):
        """Reads the saved windows, whichever are there."""
        for name in files.list_directory(self.folder):
            match = _WINDOWS_PATTERN.fullmatch(name)
            if not match:
                continue
            try:
                stored = np.load(io.BytesIO(files.read_bytes(files.join(self.folder, name))))
                results = {field: stored[field] for field in Candidates._fields}
                self.add(np.arange(int(match.group(1)), int(match.group(2))), results)
            except (ValueError, KeyError, IndexError, OSError, zipfile.BadZipFile) as error:
                say("%s cannot be used (%s); its windows are decoded again" % (name, error))

    def add(self, rows, results):
        """Takes the results of some windows.

        Args:
            rows: int ``[number]``, the windows.
            results: a dict of arrays named as the fields of Candidates, a row for each window.
        """
        for field, array in zip(Candidates._fields, self.candidates):
            array[rows] = results[field]
        self._decoded[rows] = True

    def save(self):
        """Writes the windows added since the last save, each stretch of them to its own file."""
        for first, end in _stretches(self._decoded & ~self._saved):
            buffer = io.BytesIO()
            fields = zip(Candidates._fields, self.candidates)
            np.savez(buffer, **{field: array[first:end] for field, array in fields})
            files.write_bytes(files.join(self.folder, _WINDOWS % (first, end)), buffer.getvalue())
            self._saved[first:end] = True

    def remove(self):
        """Deletes the saved windows, which the prediction files have made needless."""
        files.remove_tree(self.folder)


def _stretches(chosen):
    """Where a bool array is true: ``[0 1 1 0 1]`` -> the pairs (1, 3) and (4, 5)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]
