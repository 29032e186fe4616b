"""What the unmasked reader looks at: attention.csv of a prediction folder.

It holds the mean weight that the tokens of a zone give to its keys, for each layer, head and zone;
layers and heads count from 1. Run_squad.py --write_attention=True writes it.
"""

import numpy as np
import pandas as pd

from common import files, finished
from common.command_line import UserError
from maps import provenance
from maps.columns import read_rows
from maps.kinds import HEADS, MAP, key_of, kind_of
from zones import own
from zones.cells import ATTENTION, BASELINE, PREDICTIONS, file_name

KEYS = ["layer", "head", "zone"]
_AGAIN = "write it again with: run_squad.py --write_attention=True"


def read(path, what="attention file") -> pd.Series:
    """Reads an attention.csv, or that of a prediction folder.

    Returns:
        Series of float, 0 to 1, indexed by layer, head and zone.

    Raises:
        UserError: no such table, or one in which lines are missing or repeated.
    """
    path = path_in(path)
    own.know_of_folder(files.directory_of(path), what)
    table = read_rows(path, what, ["attention"])
    where = "%s: %s" % (what, path)
    weights = table.set_index(KEYS)["weight"]
    twice = table[weights.index.duplicated()]
    if len(twice):
        layer, head, zone = twice[KEYS].iloc[0]
        cell = "layer %d head %d %s" % (layer, head, zone)
        raise UserError(
            "%s, line %d: %s stands there twice; %s" % (where, twice.index[0], cell, _AGAIN)
        )
    num_layers, num_heads = (int(table[name].max()) if len(table) else 1 for name in KEYS[:2])
    wanted = num_layers * num_heads * max(1, table["zone"].nunique())
    if len(table) < wanted or weights.isna().any():
        raise UserError(
            "%s has %d weights in place of %d, one for each layer, head and zone; %s"
            % (where, weights.notna().sum(), wanted, _AGAIN)
        )
    return weights


def path_in(path):
    """The file itself, where a prediction folder may be named for it."""
    return files.join(path, ATTENTION) if files.is_directory(path) else path


def doubt_of(path, runs):
    """Why a file may not be of the reader whose cells are shown; None if nothing says so.

    Args:
        path: the file, or the prediction folder.
        runs: the names of the runs that decoded the cells, see saved.fingerprint; empty if nobody
            knows.
    """
    records = finished.records(files.directory_of(path_in(path)))
    own_record = records.get(ATTENTION, {})
    if not runs or not own_record.get("run"):
        return None
    if own_record["run"] not in runs:
        return "is of another checkpoint, data file, code or flags than the cells"
    baseline = records.get(file_name(PREDICTIONS, BASELINE), {})
    if baseline and own_record.get("sample") != baseline.get("sample"):
        return "is of other questions than the cells"
    return None


def of_folder(run):
    """The weights of a prediction folder, for its report.

    Args:
        run: predictions.Run.

    Returns:
        (Series as of read, or None; a warning, or None).

    Raises:
        UserError: there is an attention.csv, but none that can be read.
    """
    path = files.join(run.folder.path, ATTENTION)
    if not files.exists(path):
        return None, None
    doubt = doubt_of(path, {decoding["run"] for decoding in provenance.decodings(run)})
    if doubt:
        return None, "%s %s, and is not shown; %s" % (path, doubt, _AGAIN)
    return read(path), None


def of_keys(weights, keys) -> np.ndarray:
    """The weights of cells: of a zone in a layer, the mean over heads.

    Args:
        weights: Series as of read.
        keys: DataFrame with the columns ``layer``, ``zone`` and, for single heads, ``head``.

    Returns:
        float ``[cells]``, nan where nothing is known, as of ``all``.
    """
    names = [name for name in KEYS if name in keys]
    means = weights.groupby(level=names).mean()
    return means.reindex(pd.MultiIndex.from_frame(keys[names])).to_numpy()


def of_cells(weights, cells) -> list:
    """The weight of each Cell, a float; None for those of several layers."""
    found = [None] * len(cells)
    for kind in (MAP, HEADS):
        places = [place for place, cell in enumerate(cells) if kind_of(cell) == kind]
        keys = pd.DataFrame([key_of(cells[place]) for place in places], columns=list(kind.keys))
        for place, weight in zip(places, of_keys(weights, keys) if places else ()):
            found[place] = None if np.isnan(weight) else round(float(weight), 6)
    return found
