"""What a decoding is to do: which cells are left, under which names, of how many questions."""

import hashlib
import platform
from typing import Dict, NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.finished import FinishedFiles
from common.progress import counted, say
from common.sample import Sample
from running import checkpoints, sampling, saved
from running.flags import ANSWERS
from zones.cells import ATTENTION, BASELINE, NBEST, NULL_ODDS, PREDICTIONS, Cell, file_name
from zones.masks import OFFERED_ZONES, known_zones, own_zones, sees_padding

# The most cells of one pass, as many as the map of BERT-base has with its baseline: the graph grows
# with them.
CELLS_AT_ONCE = 61


class Plan(NamedTuple):
    """What is left to be decoded.

    Attributes:
        run: the run's name: whatever has it would give the same answers (see saved.fingerprint).
        names: cell -> kind of file (PREDICTIONS and so on) -> the name of that file.
        finished: the FinishedFiles of the directory.
        sample: the Sample that the files are to hold.
        held: how many of its questions, the first, each of them holds already.
        asked: the cells of which these are what is left.
        weighed: the zones whose weights are to be in attention.csv; none, if it is not left.
    """

    run: str
    names: Dict[Cell, Dict[str, str]]
    finished: FinishedFiles
    sample: Sample
    held: int
    asked: Tuple[Cell, ...]
    weighed: Tuple[str, ...] = ()


def plan(directory, run, cells, nbest_for_all, version_2, overwrite, sample, weighed=()):
    """Finds out what is left; says how many are there, and what will stay of other runs.

    Args:
        directory: where prediction files go.
        run: as in Plan.
        cells: those asked for.
        nbest_for_all: whether masked cells have n-best files, too.
        version_2: whether there are null odds beside them.
        overwrite: whether what is there is decoded again.
        sample: the Sample that is asked for.
        weighed: the zones of attention.csv; none, if it is not asked for.

    Returns:
        A list of Plans, each for cells of which as many questions are decoded, and for
        CELLS_AT_ONCE at most: with many, the first are written before the last are begun.
    """
    names = {}
    for cell in cells:
        kinds = [PREDICTIONS]
        if cell == BASELINE or nbest_for_all:
            kinds += [NBEST, NULL_ODDS] if version_2 else [NBEST]
        names[cell] = {kind: file_name(kind, cell) for kind in kinds}
    if weighed:
        names[BASELINE][ATTENTION] = ATTENTION
    finished = FinishedFiles(directory, run)
    others = finished.of_other_runs({n for of_cell in names.values() for n in of_cell.values()})
    if others:
        say(
            "WARNING: %s in %s from another checkpoint, data file, code or flags, and this run "
            "does not replace them, the first being %s; decode them again too, or name another "
            "--prediction_dir" % (counted(len(others), "file"), directory, others[0])
        )
    held = {}
    for cell, of_cell in names.items():
        numbers = [
            _held(finished, name, weighed if kind == ATTENTION else [cell.zone], sample)
            for kind, name in of_cell.items()
        ]
        held[cell] = 0 if overwrite else min(numbers)
    left = [cell for cell in names if held[cell] < sample.questions]
    if len(left) < len(names):
        say(
            "%d of %d are decoded already, from the same checkpoint, data, code and flags; "
            "--overwrite=True decodes them again." % (len(names) - len(left), len(names))
        )
    plans = []
    # Parts of what is asked for, not of what is left, so that they are the same when it goes on.
    parts = [tuple(cells[n : n + CELLS_AT_ONCE]) for n in range(0, len(cells), CELLS_AT_ONCE)]
    for number in sorted({held[cell] for cell in left}):
        for part in parts:
            of_part = {cell: names[cell] for cell in left if held[cell] == number and cell in part}
            zones = weighed if ATTENTION in of_part.get(BASELINE, {}) else ()
            if of_part:
                plans.append(Plan(run, of_part, finished, sample, number, part, zones))
    return plans


def _held(finished, name, zones, sample):
    """How many questions of the sample a file of the plan holds already."""
    number = sampling.held_by(finished.record(name, own_zones(zones)), sample)
    if not number or number >= sample.questions:
        return number
    # Means over some questions are not part of those over more.
    return number if name != ATTENTION and finished.number_in(name) == number else 0


def weighed_by(settings):
    """The zones of attention.csv: those offered and those of the cells, but for "all"."""
    if not settings.write_attention:
        return ()
    zones = {cell.zone for cell in settings.cells}.union(OFFERED_ZONES)
    return tuple(zone for zone in known_zones() if zone in zones and not sees_padding(zone))


def name_of_run(settings, checkpoint):
    """Names everything that the answers depend on."""
    return saved.fingerprint(
        checkpoint=checkpoints.content_hash_source(checkpoint),
        code=saved.code_of_answers(),
        flags=settings.deciding(ANSWERS),
    )


def description(settings, checkpoint):
    """What a fingerprint is of, for people: a file by its name and checksum."""
    given = settings.deciding(ANSWERS)
    for name, value in given.items():
        if isinstance(value, bytes):
            digest = hashlib.sha256(value).hexdigest()
            given[name] = {"file": getattr(settings, name), "sha256": digest}
    source = checkpoints.content_hash_source(checkpoint)
    return {
        "checkpoint": {"file": checkpoint, "sha256": hashlib.sha256(source).hexdigest()},
        "flags": given,
        "code": saved.fingerprint(code=saved.code_of_answers()),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
    }
