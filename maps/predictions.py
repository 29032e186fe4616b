"""A folder of prediction files: which cells it holds, and what was answered there.

This is the one place that lists such a folder; tables, warnings and report all ask it.
"""

import os
from typing import Dict, List, NamedTuple, Optional

from common import files
from common.command_line import UserError
from common.progress import say
from squad.metric import Scores, read_predictions
from zones.cells import BASELINE, PREDICTIONS, Cell, cell_of_file, cells_of, file_name
from zones.masks import ZONES

# How many missing files an error names.
_MOST_NAMED = 60


class Folder:
    """What lies in a prediction folder.

    Attributes:
        path: the folder, as the user named it.
        cells: set of Cell, all that have a prediction file there; the baseline may be among them.
        num_layers: that of the files: the highest layer that any of them names, plus 1.
        wanted, present, missing: the cells of the map, those with a file and those without one,
            lists of Cell, layer by layer.
    """

    def __init__(self, path, what="prediction folder"):
        """Lists the folder.

        Raises:
            UserError: there is no such folder, or no cell in it.
        """
        if not files.exists(path):
            raise UserError("%s: there is no folder %s; check the path" % (what, path))
        if not files.is_directory(path):
            raise UserError("%s: %s is a file; name the folder it is in" % (what, path))
        self.path, self._what = str(path), what
        names = files.list_directory(path)
        cells = {cell_of_file(name) for name in names} - {None}
        # A layer may be written as 03 by hand; such a file is not the cell's.
        self.cells = {cell for cell in cells if file_name(PREDICTIONS, cell) in names}
        layers = [cell.layer for cell in self.cells if cell.is_square]
        if not layers:
            raise UserError(
                "%s: %s holds no prediction file of a cell, such as %s; to decode them, run: "
                "bash decode_squad.sh" % (what, path, file_name(PREDICTIONS, Cell(0, ZONES[0])))
            )
        self.num_layers = 1 + max(layers)
        self.wanted = cells_of(self.num_layers)
        self.present = [cell for cell in self.wanted if cell in self.cells]
        self.missing = [cell for cell in self.wanted if cell not in self.cells]

    def file(self, cell, kind=PREDICTIONS):
        """The path of a cell's file, whether it is there or not."""
        return files.join(self.path, file_name(kind, cell))

    def baseline_file(self):
        """The path of the baseline's prediction file in the folder, or None if there is none."""
        path = self.file(BASELINE)
        return path if files.exists(path) else None

    def check_whole(self):
        """Raises UserError if cells of the map are missing: it lists them and says what to run."""
        if self.missing:
            raise UserError(
                "%s: %s lacks %d of the %d files of %d layers: %s; to decode them, run: %s"
                % (
                    self._what,
                    self.path,
                    len(self.missing),
                    len(self.wanted),
                    self.num_layers,
                    named([file_name(PREDICTIONS, cell) for cell in self.missing], _MOST_NAMED),
                    _remedy({cell.zone for cell in self.missing}),
                )
            )


def named(names, most):
    """``a, b, c and 7 more``: the first names of a list, no more than ``most`` of them."""
    more = len(names) - most
    return ", ".join(names[:most]) + (" and %d more" % more if more > 0 else "")


def _remedy(zones):
    if zones == set(ZONES):
        return "bash decode_squad.sh"
    return "; ".join("bash decode_squad.sh " + zone for zone in ZONES if zone in zones)


# What the files say -----------------------------------------------------------------------------


class Answers(NamedTuple):
    """One prediction file, in the order of the data's questions.

    Attributes:
        texts: list of str ``[questions]``.
        scores: Scores.
    """

    texts: List[str]
    scores: Scores


def read_answers(path, development, what="prediction file") -> Answers:
    """Reads and scores a prediction file.

    Args:
        path: the file.
        development: see data_sets.development_set.
        what: what to call the file in an error.

    Raises:
        UserError: it is no prediction file, or not one of these questions.
    """
    predictions = read_predictions(path, what)
    source = "%s: %s" % (what, path)
    return Answers(
        development.in_order(predictions, source), development.score(predictions, source)
    )


class Run(NamedTuple):
    """What one folder of prediction files says.

    Attributes:
        folder: Folder.
        cells: dict Cell -> Answers.
        baseline: Answers with nothing masked, or None if they are not known.
        baseline_file: their file, or None.
    """

    folder: Folder
    cells: Dict[Cell, Answers]
    baseline: Optional[Answers]
    baseline_file: Optional[str]


def read_run(folder, development, baseline_file=None) -> Run:
    """Reads and scores the cells of a folder, and the baseline.

    Args:
        folder: Folder.
        development: see data_sets.development_set.
        baseline_file: the answers with nothing masked. By default those in the folder, if there
            are any; as nobody asked for them, a fault in them is a warning then.

    Raises:
        UserError: a file is not JSON, or does not fit the development set.
    """
    cells = {cell: read_answers(folder.file(cell), development) for cell in folder.present}
    if baseline_file:
        baseline = read_answers(baseline_file, development, "--baseline")
        return Run(folder, cells, baseline, baseline_file)
    try:
        path = folder.baseline_file()
        baseline = path and read_answers(path, development, "baseline file")
        return Run(folder, cells, baseline, path)
    except UserError as error:
        say("WARNING: the cells are not compared with the baseline: %s" % error)
        return Run(folder, cells, None, None)


# Several runs -----------------------------------------------------------------------------------


def run_name(path):
    """A run in tables: its folder as the user named it."""
    return str(path).rstrip("/")


def check_runs(folders):
    """Refuses a folder that is named twice, and runs with different cells.

    Args:
        folders: list of Folder.

    Raises:
        UserError: it names what is missing where.
    """
    names = [run_name(folder.path) for folder in folders]
    for name in names:
        if names.count(name) > 1:
            raise UserError("prediction folder: %s is named twice; name each run once" % name)
    largest = max(folders, key=lambda folder: len(folder.present))
    faults = []
    for folder in folders:
        missing = [cell for cell in largest.present if cell not in folder.cells]
        if missing:
            names = [file_name(PREDICTIONS, cell) for cell in missing]
            faults.append("%s lacks %s" % (folder.path, named(names, _MOST_NAMED)))
    if faults:
        raise UserError(
            "prediction folder: the runs have different layers: %s; give runs of one model"
            % "; ".join(faults)
        )


def baselines_of(folders, given):
    """For each folder the file of the baseline that the user named; None where none was.

    Args:
        folders: list of Folder.
        given: what stands behind ``--baseline``, or None: a path; of several runs the name that
            the file has in each folder.

    Raises:
        UserError: one file for several runs.
    """
    if given is None:
        return [None] * len(folders)
    if len(folders) == 1:
        return [given]
    if given != os.path.basename(given):
        raise UserError(
            "--baseline: %s is one file, and each of %d runs has a baseline of its own; give the "
            "name that it has in each folder: --baseline predictions.json" % (given, len(folders))
        )
    return [files.join(folder.path, given) for folder in folders]
