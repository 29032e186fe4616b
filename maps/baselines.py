"""Which baseline belongs to a table: the score with nothing masked, in percent."""

import math

import numpy as np

from common import files
from common.command_line import UserError
from common.sample import read_sample
from maps import columns, predictions, tables
from maps.kinds import MAP
from spans import data_sets
from zones.cells import BASELINE, PREDICTIONS, file_name

DATA_FILE = "squad/dev-v1.1.json"

_NAMES = {"exact": "exact match", "f1": "F1"}

# A reader with a lower score is hardly trained: its answers may lie in the question, whose rows the
# masks of the last layer do change.
_LEAST_OF_A_TRAINED_READER = 5.0


def typed(text, table, what):
    """The baseline score that the user typed, percent.

    Args:
        text: what was typed.
        table: panels.Table.
        what: what to call it in an error.

    Raises:
        UserError: no number from 0 to 100, or a share where the table has percent.
    """
    try:
        value = float(_as_number(text))
    except ValueError:
        raise UserError(
            "%s: %r is not a number; give the score of the unmasked run, such as 80.567, or the "
            "prediction folder, or a results_significance.csv" % (what, text)
        )
    if not 0 <= value <= 100 or math.isnan(value):
        raise UserError("%s: %s is not a score from 0 to 100" % (what, text))
    if 0 < value <= 1 < table.cells["score"].max():
        raise UserError(
            "%s: %s looks like a fraction, and the table has percent; is it %.5g?"
            % (what, text, 100 * value)
        )
    return value


def _as_number(text):
    """``80,567`` and ``80.567%`` as Python writes numbers."""
    return text.strip().rstrip("%").replace(",", ".")


def doubt(value, text, table):
    """Why a baseline may not belong to a table, or None.

    Args:
        value: the baseline, percent.
        text: what the user named for it: the number, or a file or folder.
        table: panels.Table.
    """
    return _other_score(value, text, table) or _last_layer(value, text, table)


def _other_score(value, text, table):
    """Why a typed baseline does not belong to the table, as far as its facts tell; or None."""
    own, other = table.metric or "exact", "exact" if table.metric == "f1" else "f1"
    known = {metric: list(table.baselines(metric).values()) for metric in (own, other)}
    if not known[own] or _is_rounded(text, value, np.mean(known[own])):
        return None
    right = columns.format_score(np.mean(known[own]))
    if _is_rounded(text, value, np.mean(known[other])):
        return "%s is the %s of the unmasked reader, and %s holds %s, whose baseline is %s" % (
            text,
            _NAMES[other],
            table.path,
            _NAMES[own],
            right,
        )
    return "%s is not the baseline of %s, which is %s" % (text, table.path, right)


def _is_rounded(text, value, exact):
    """Whether a number as it was typed is another, rounded or cut off."""
    try:
        number = _as_number(text)
        float(number)
        decimals = min(3, max(1, len(number.partition(".")[2])))
    except ValueError:  # the text names a file or folder, whose scores have all decimals
        decimals = 3
    return abs(value - exact) <= 10.0**-decimals + 0.0005


def of_folder(folder, table, data_file, what):
    """The score of the baseline's answers in a prediction folder.

    It is what get_results.py noted beside the table, if that folder was one of its runs; else the
    answers are scored here.

    Args:
        folder: the folder that the user named.
        table: panels.Table.
        data_file: the questions; None for those of the table.
        what: what to call the folder in an error.

    Raises:
        UserError: the folder has no baseline, or the questions are not known.
    """
    metric = table.metric or "exact"
    known = table.baselines(metric).get(predictions.run_name(folder))
    if known is not None and data_file is None:
        return known
    path = files.join(folder, file_name(PREDICTIONS, BASELINE))
    if not files.exists(path):
        raise UserError(
            "%s: %s has no %s, the answers with nothing masked; give their score as a number"
            % (what, folder, file_name(PREDICTIONS, BASELINE))
        )
    data_file = data_file or table.facts.get("data", {}).get("file") or DATA_FILE
    if not files.exists(data_file):
        raise UserError(
            "%s: to score %s, its questions are needed, and there is no %s; name them with "
            "--data-file" % (what, path, data_file)
        )
    sample = read_sample(folder)
    development = data_sets.development_set(data_file, None, "--data-file", sample=sample)
    scores = predictions.read_answers(path, development, what).scores
    return tables.percent(getattr(scores, metric))


def _last_layer(value, text, table):
    """Whether masking q2 or q2p in the last layer changes the score, which it cannot.

    After the last layer come the logits, each from its own token; neither zone changes a row of
    the passage there. Where [CLS] counts as well (SQuAD 2.0, CMRC 2018), q2p may change answers,
    and where nobody says whether it does, q2 alone is checked.
    """
    if table.kind != MAP or value < _LEAST_OF_A_TRAINED_READER:
        return None
    last = table.cells["layer"].max()
    zones = ["q2"] if table.facts.get("reads_cls", True) else ["q2", "q2p"]
    cells = table.cells[table.cells["layer"] == last].set_index("zone")["score"]
    found = {zone: cells[zone] for zone in zones if not math.isnan(cells[zone])}
    if all(_is_rounded(text, value, score) for score in found.values()):
        return None
    shown = " and ".join("%s %s" % (z, columns.format_score(score)) for z, score in found.items())
    return (
        "in the last layer of %s, %s should equal the baseline %s, for masking there changes no "
        "row of the passage; is it the baseline of another table, or the table of another reader?"
        % (table.path, shown, columns.format_score(value))
    )
