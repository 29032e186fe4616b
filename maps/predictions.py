"""A folder of prediction files: which cells it holds, and what was answered there.

This is the one place that lists such a folder; tables, warnings and report all ask it.
"""

import os
import sys
from typing import Dict, List, NamedTuple, Optional

from common import files
from common.command_line import UserError
from common.progress import say
from common.sample import Sample, read_sample
from maps.kinds import EVERY, HEADS, MAP, SPANS, in_order, kind_of, zone_order
from squad.metric import Scores, read_predictions
from zones import own
from zones.cells import BASELINE, PREDICTIONS, Cell, cell_of_file, cells_of, file_name
from zones.masks import ZONES

# How many stretches of missing layers an error names.
_MOST_NAMED = 20
# A file name with a higher layer is a mistake.
MOST_LAYERS = 1000


class Folder:
    """What lies in a prediction folder.

    Attributes:
        path: the folder, as the user named it.
        cells: set of Cell, all that have a prediction file there; the baseline may be among them.
        num_layers: that of the files: the highest layer that any of them names, plus 1.
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
        self.path = str(path)
        own.know_of_folder(path, what)
        names = files.list_directory(path)
        cells = {cell_of_file(name) for name in names} - {None}
        # A file whose name was written by hand with layer03 is not the cell's file.
        self.cells = {cell for cell in cells if file_name(PREDICTIONS, cell) in names}
        if not self.cells - {BASELINE}:
            raise UserError(
                "%s: %s holds no prediction file of a cell, such as %s; to decode them, run: "
                "bash decode_squad.sh" % (what, path, file_name(PREDICTIONS, Cell(0, ZONES[0])))
            )
        layers = [(cell.layer, cell.last_layer) for cell in self.cells]
        self.num_layers = 1 + max((n for pair in layers for n in pair if n is not None), default=-1)
        if self.num_layers > MOST_LAYERS:
            raise UserError(
                "%s: %s has a file of layer %d, and no model has as many; take it away"
                % (what, path, self.num_layers - 1)
            )

    def map_cells(self, zones=ZONES):
        """The cells of the map: all that are wanted, those there and those missing.

        They are none if these zones were decoded in no single layer. Where none of the protocol's
        was, of others' alone is something missing.

        Returns:
            three lists of Cell, layer by layer.
        """
        has_map = any(kind_of(cell) == MAP and cell.zone in zones for cell in self.cells)
        wanted = cells_of(self.num_layers, zones) if has_map else []
        present = [cell for cell in wanted if cell in self.cells]
        missing = [cell for cell in wanted if cell not in self.cells]
        if not any(cell.zone in ZONES for cell in present):
            missing = [cell for cell in missing if cell.zone not in ZONES]
        return wanted, present, missing

    def further_zones(self, zones):
        """Zones that were decoded in single layers, beside these."""
        decoded = {cell.zone for cell in self.cells if kind_of(cell) == MAP}
        return sorted(decoded - set(zones), key=zone_order)

    def cells_of_kind(self, kind):
        """The cells of a kind that have a file, in the order of their table."""
        return in_order(cell for cell in self.cells if kind_of(cell) == kind)

    def file(self, cell, kind=PREDICTIONS):
        """The path of a cell's file, whether it is there or not."""
        return files.join(self.path, file_name(kind, cell))

    def baseline_file(self):
        """The path of the baseline's prediction file in the folder, or None if there is none."""
        path = self.file(BASELINE)
        return path if files.exists(path) else None

    def lack(self, missing):
        """What is missing, and how to decode it: ``p2q, p2 in all layers are missing; ...``."""
        zones = sorted({cell.zone for cell in missing}, key=zone_order)
        first = {cell for cell in missing if cell.layer == 0}
        is_first = set(missing) == first and len(zones) > 1
        to_run = "bash decode_squad.sh"
        if zones != list(ZONES):
            to_run += " " + " ".join(zones)
        return "%s: %s missing%s; to decode what is missing: %s" % (
            self.path,
            cells_text(missing, self.num_layers) + (" is" if len(missing) == 1 else " are"),
            ", whose files are named layer0, for there layers count from 0" if is_first else "",
            to_run,
        )


def named(names, most):
    """``a, b, c and 7 more``: the first names of a list, no more than ``most`` of them."""
    more = len(names) - most
    return ", ".join(names[:most]) + (" and %d more" % more if more > 0 else "")


def cells_text(cells, num_layers):
    """``p2q, p2 in all layers and q2 in layer 3``: single layers, which count from 1."""
    zones_of = {}
    for zone in sorted({cell.zone for cell in cells}, key=zone_order):
        layers = tuple(sorted(cell.layer + 1 for cell in cells if cell.zone == zone))
        zones_of.setdefault(layers, []).append(zone)
    return " and ".join(
        "%s in %s" % (", ".join(zones), _layers_text(layers, num_layers))
        for layers, zones in zones_of.items()
    )


def _layers_text(layers, num_layers):
    """``all layers``, ``layer 3``, ``layers 1, 4-6``; they count from 1."""
    if len(layers) == num_layers:
        return "all layers"
    texts = named(stretches(layers), _MOST_NAMED)
    return "layer%s %s" % ("" if len(layers) == 1 else "s", texts)


def stretches(numbers):
    """``1``, ``4-6``: sorted numbers, those that follow one another as one text."""
    spans = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ["%d" % first if first == last else "%d-%d" % (first, last) for first, last in spans]


# What the files say -----------------------------------------------------------------------------


def sample_of(folders) -> Optional[Sample]:
    """The sample of questions that all of several folders hold; None if they hold all.

    Raises:
        UserError: they hold different ones.
    """
    samples = [sample for sample in (read_sample(folder.path) for folder in folders) if sample]
    if len({sample._replace(questions=0) for sample in samples}) > 1:
        raise UserError(
            "prediction folder: %s hold different random samples of questions, which cannot be "
            "compared; decode them with one --random_seed" % ", ".join(f.path for f in folders)
        )
    return min(samples, default=None)


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
    scores = development.score(predictions, source)
    # Most answers are the same in most cells: each text is kept in memory once.
    texts = map(sys.intern, development.in_order(predictions, source))
    return Answers(list(texts), scores)


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


def read_run(folder, development, cells, baseline_file=None) -> Run:
    """Reads and scores cells of a folder, and the baseline.

    Args:
        folder: Folder.
        development: see data_sets.development_set.
        cells: the cells to read.
        baseline_file: the answers with nothing masked. By default those in the folder, if there
            are any; as nobody asked for them, a fault in them is a warning then.

    Raises:
        UserError: a file is not JSON, or does not fit the development set.
    """
    cells = {cell: read_answers(folder.file(cell), development) for cell in cells}
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


def cells_of_all(folders, zones=ZONES, is_partial=False):
    """The cells that every folder has.

    Args:
        folders: list of Folder.
        zones: those of the map.
        is_partial: whether cells of the map may be missing; then a NOTE says which.

    Returns:
        list of Cell, of all kinds.

    Raises:
        UserError: a folder is named twice, the runs have different numbers of layers, or cells of
            the map are missing; the message says which and how to decode them.
    """
    names = [run_name(folder.path) for folder in folders]
    for name in names:
        if names.count(name) > 1:
            raise UserError("prediction folder: %s is named twice; name each run once" % name)
    first = folders[0]
    for folder in folders[1:]:
        if folder.num_layers != first.num_layers:
            raise UserError(
                "prediction folder: the runs have different layers: %s has %d, %s has %d; give "
                "runs of one model" % (first.path, first.num_layers, folder.path, folder.num_layers)
            )
    for folder in folders:
        _, _, missing = folder.map_cells(zones)
        if missing and not is_partial:
            raise UserError(
                "prediction folder: %s; or add --partial, for a table with empty fields"
                % folder.lack(missing)
            )
        if missing:
            say("NOTE: " + folder.lack(missing))
    there = [first.map_cells(zones)[1], *map(first.cells_of_kind, (HEADS, SPANS, EVERY))]
    return [
        cell for cells in there for cell in cells if all(cell in folder.cells for folder in folders)
    ]


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
