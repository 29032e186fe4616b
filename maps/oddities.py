"""What is odd about the prediction files of a map, so that no file of another run slips in.

In the protocol's own Table 1, three cells in the middle of the network equal the baseline to the
last question, which a masked reader's answers hardly do. Each such finding is one line, which
names the files and says what to do; none of them stops the work.
"""

import collections

from common import files, finished
from zones import masks
from zones.cells import PREDICTIONS, file_name
from zones.masks import OTHER, PASSAGE

# How many files a line names.
_MOST_NAMED = 5


def doubts(folder, answers, baseline, baseline_path, reads_cls):
    """Everything odd about a folder of prediction files.

    Args:
        folder: the folder.
        answers: dict Cell -> the answers in its file, list of str in the data's order.
        baseline: the answers with nothing masked, or None if they are not known.
        baseline_path: their file, or None.
        reads_cls: whether an answer depends on what [CLS] sees in the last layer: where there
            may be no answer (SQuAD 2.0), or scores are shares of a whole with it (CMRC 2018).

    Returns:
        list of str, one line each.
    """
    harmless = _harmless(answers, reads_cls)
    odd = {cell: texts for cell, texts in answers.items() if cell not in harmless}
    records = finished.records(folder)
    vouched = set(_as_decoded(folder, answers, records))
    return [
        *_like_the_baseline(folder, odd, baseline, baseline_path, vouched),
        *_twins(folder, odd, baseline, vouched),
        *_of_several_runs(folder, answers, records, vouched),
        *_older_than_the_checkpoint(folder, answers, baseline_path),
    ]


def may_equal_baseline(cell, num_layers, reads_cls):
    """Whether masking the cell cannot change an answer: then its file should equal the baseline's.

    Answers are read from the passage's rows of the last layer, so a zone of other rows does
    nothing there. ``reads_cls``: the row of [CLS], which is OTHER, counts as well.
    """
    if cell.layer != num_layers - 1 or masks.changes_rows(cell.zone, PASSAGE):
        return False
    return not (reads_cls and masks.changes_rows(cell.zone, OTHER))


def _harmless(answers, reads_cls):
    num_layers = 1 + max(cell.layer for cell in answers)
    return {cell for cell in answers if may_equal_baseline(cell, num_layers, reads_cls)}


def _as_decoded(folder, answers, records):
    """The cells whose files are, to the byte, what a decoding in the folder noted that it wrote.

    Where such answers equal others, the mask did nothing: few questions, or an easy reader. It is
    less likely a wrong file, so one line names all such cells.
    """
    for cell in answers:
        record = records.get(file_name(PREDICTIONS, cell), {})
        if finished.is_as_written(record, files.read_bytes(_path(folder, cell))):
            yield cell


def _path(folder, cell):
    return files.join(folder, file_name(PREDICTIONS, cell))


def _like_the_baseline(folder, answers, baseline, baseline_path, vouched):
    equal = [cell for cell, texts in answers.items() if texts == baseline]
    lines = [
        "%s: its answers are those of %s, all %d, which masking %s hardly leaves; delete it and "
        "decode it again: bash decode_squad.sh %s"
        % (_path(folder, cell), baseline_path, len(baseline), cell, cell.zone)
        for cell in equal
        if cell not in vouched
    ]
    decoded = [cell for cell in equal if cell in vouched]
    if decoded:
        lines.append(
            "%s: decoded here and since unchanged, yet with the answers of %s, all %d: %s; masking "
            "them did nothing, or too little for so few questions"
            % (folder, baseline_path, len(baseline), _named(decoded))
        )
    return lines


def _twins(folder, answers, baseline, vouched):
    """Cells with the same answers; those that equal the baseline are not named a second time."""
    groups = collections.defaultdict(list)
    for cell, texts in answers.items():
        if texts != baseline:
            groups[tuple(texts)].append(cell)
    twins = [cells for cells in groups.values() if len(cells) > 1]
    lines = [
        "%s: the same answers, all %d, are in %s; delete the files and decode them again"
        % (_path(folder, cells[0]), len(answers[cells[0]]), _named(cells[1:]))
        for cells in twins
        if not vouched.issuperset(cells)
    ]
    decoded = [" = ".join(map(str, cells)) for cells in twins if vouched.issuperset(cells)]
    if decoded:
        lines.append(
            "%s: decoded here and since unchanged, yet with the same answers: %s; masking one did "
            "as masking the other, or too few questions tell them apart" % (folder, _shown(decoded))
        )
    return lines


def _named(cells):
    return _shown([file_name(PREDICTIONS, cell) for cell in cells])


def _shown(names):
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (" and %d more" % more if more > 0 else "")


def _of_several_runs(folder, answers, records, vouched):
    """Files that the decoding did not write as they are now, or that different runs wrote."""
    lines, by_run = [], collections.defaultdict(list)
    for cell in answers:
        name = file_name(PREDICTIONS, cell)
        if cell in vouched:
            by_run[records[name].get("run")].append(name)
        elif name in records:
            lines.append(
                "%s: it was changed after it was decoded; delete it and decode it again"
                % _path(folder, cell)
            )
        elif records:
            lines.append(
                "%s: no run of run_squad.py in this folder has finished it; unless you put it "
                "there yourself, delete it and decode it again" % _path(folder, cell)
            )
    # The largest group is taken for the right one.
    *others, _ = sorted(by_run.values(), key=len) or [[]]
    for names in others:
        lines.append(
            "%s: written by another checkpoint, data file or setting than the others: %s; delete "
            "what should not be there and decode it again" % (folder, _shown(names))
        )
    return lines


def _older_than_the_checkpoint(folder, answers, baseline_path):
    """Files written before the last checkpoint in the folder of the baseline's answers."""
    home = files.directory_of(baseline_path) if baseline_path else None
    if home is None or not files.is_directory(home):
        return []
    checkpoints = [
        files.modified(files.join(home, name))
        for name in files.list_directory(home)
        if ".ckpt-" in name and name.endswith(".index")
    ]
    if not checkpoints:
        return []
    old = [cell for cell in answers if files.modified(_path(folder, cell)) < max(checkpoints)]
    if not old:
        return []
    return [
        "%s: older than the last checkpoint in %s: %s; if the reader was trained again, delete "
        "the files and decode them again" % (folder, home, _named(old))
    ]
