"""The last step of a decoding: answers picked from the best positions, written cell by cell."""

import numpy as np

from common import files
from common.progress import progress
from running import sampling
from spans import data_sets
from spans.answers import AnswerPicker
from zones.cells import ATTENTION, NBEST, NULL_ODDS, PREDICTIONS
from zones.masks import own_zones


def picker_of(flags, examples, windows):
    """The AnswerPicker that flags ask for; see decoding.reading_of."""
    return AnswerPicker(
        examples,
        windows,
        flags.n_best_size,
        flags.max_answer_length,
        flags.version_2_with_negative,
        flags.null_score_diff_threshold,
        data_sets.named(flags.dataset).joins_words,
    )


def write(planned, picker, results, rows, directory, ids):
    """Picks the answers of each cell and writes its files, with those that they held before.

    Args:
        planned: the Plan.
        picker: an AnswerPicker.
        results: (cell, Candidates) of every cell of the plan, windows in the order of decoding.
        rows: int ``[windows]``, where each of the picker's windows stands in that order.
        directory: where the files go.
        ids: of the questions that the files shall hold, in order.
    """
    with progress(None, "writing answers", len(planned.names), unit="cell") as bar:
        for cell, candidates in results:
            names = planned.names[cell]
            in_order = type(candidates)(*(array[rows] for array in candidates))
            answers = picker.pick(in_order, with_nbest=NBEST in names)
            content = {
                PREDICTIONS: answers.predictions,
                NBEST: answers.nbest,
                NULL_ODDS: answers.null_odds,
            }
            for kind, name in names.items():
                if kind == ATTENTION:
                    continue
                path = files.join(directory, name)
                new = content[kind]
                if planned.held:
                    before = files.read_json(path)
                    new = {each: new[each] if each in new else before[each] for each in ids}
                files.write_json(path, new, "--prediction_dir")
                noted = sampling.noted(planned.sample)
                planned.finished.add(name, own_zones([cell.zone]), **noted)
            bar.update()


def write_attention(planned, weights, rows, directory):
    """Writes the mean weight of each layer, head and zone.

    Args:
        planned: the Plan.
        weights: float ``[layers, heads, zones]``, sums over the tokens that look.
        rows: int ``[zones]``, how many those are.
        directory: where the file goes.
    """
    lines = ["layer,head,zone,weight"]
    for (layer, head, zone), weight in np.ndenumerate(weights):
        if rows[zone]:
            mean = weight / rows[zone]
            lines.append("%d,%d,%s,%.6f" % (layer + 1, head + 1, planned.weighed[zone], mean))
    content = ("\n".join(lines) + "\n").encode()
    files.write_bytes(files.join(directory, ATTENTION), content, "--prediction_dir")
    noted = sampling.noted(planned.sample)
    planned.finished.add(ATTENTION, own_zones(planned.weighed), **noted)
