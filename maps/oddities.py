"""What is odd about the prediction files of a map, so that no file of another run slips in.

In the protocol's own Table 1, three cells in the middle of the network equal the baseline to the
last question, which a masked reader's answers hardly do. Each such finding is one line, which
names the files and says what to do; none of them stops the work.
"""

import collections

from common import files, finished
from maps.predictions import named
from zones.cells import PREDICTIONS, file_name
from zones.masks import OTHER, PASSAGE, changes_rows

# How many files a line names.
_MOST_NAMED = 5


def oddities(run, reads_cls):
    """Everything odd about a folder of prediction files.

    Args:
        run: predictions.Run.
        reads_cls: whether an answer depends on what [CLS] sees in the last layer; see
            data_sets.reads_cls.

    Returns:
        list of str, one line each.
    """
    texts = {
        cell: answers.texts
        for cell, answers in run.cells.items()
        if not may_equal_baseline(cell, run.folder.num_layers, reads_cls)
    }
    records = finished.records(run.folder.path)
    vouched = set(_as_decoded(run, records))
    return [
        *_like_the_baseline(run, texts, vouched),
        *_twins(run, texts, vouched),
        *_of_several_runs(run, records, vouched),
        *_older_than_the_checkpoint(run),
    ]


def may_equal_baseline(cell, num_layers, reads_cls):
    """Whether masking the cell cannot change an answer: then its file should equal the baseline's.

    Answers are read from the passage's rows of the last layer, so a zone of other rows does
    nothing there. ``reads_cls``: the row of [CLS], which is OTHER, counts as well.
    """
    if cell.layer != num_layers - 1 or changes_rows(cell.zone, PASSAGE):
        return False
    return not (reads_cls and changes_rows(cell.zone, OTHER))


def _as_decoded(run, records):
    """The cells whose files are, to the byte, what a decoding in the folder noted that it wrote.

    Where such answers equal others, the mask did nothing: few questions, or an easy reader. It is
    less likely a wrong file, so one line names all such cells.
    """
    for cell in run.cells:
        record = records.get(file_name(PREDICTIONS, cell))
        if record and finished.is_as_written(record, files.read_bytes(run.folder.file(cell))):
            yield cell


def _like_the_baseline(run, texts, vouched):
    if run.baseline is None:
        return []
    equal = [cell for cell in texts if texts[cell] == run.baseline.texts]
    number = len(run.baseline.texts)
    lines = [
        "%s: its answers are those of %s, all %d, which masking %s hardly leaves; delete it and "
        "decode it again: bash decode_squad.sh %s"
        % (run.folder.file(cell), run.baseline_file, number, cell, cell.zone)
        for cell in equal
        if cell not in vouched
    ]
    decoded = [cell for cell in equal if cell in vouched]
    if decoded:
        lines.append(
            "%s: decoded here and since unchanged, yet with the answers of %s, all %d: %s; masking "
            "them did nothing, or too little for so few questions"
            % (run.folder.path, run.baseline_file, number, _names(decoded))
        )
    return lines


def _twins(run, texts, vouched):
    """Cells with the same answers; those that equal the baseline are not named a second time."""
    groups = collections.defaultdict(list)
    for cell, answers in texts.items():
        if run.baseline is None or answers != run.baseline.texts:
            groups[tuple(answers)].append(cell)
    twins = [cells for cells in groups.values() if len(cells) > 1]
    lines = [
        "%s: the same answers, all %d, are in %s; delete the files and decode them again"
        % (run.folder.file(cells[0]), len(texts[cells[0]]), _names(cells[1:]))
        for cells in twins
        if not vouched.issuperset(cells)
    ]
    decoded = [" = ".join(map(str, cells)) for cells in twins if vouched.issuperset(cells)]
    if decoded:
        lines.append(
            "%s: decoded here and since unchanged, yet with the same answers: %s; masking one did "
            "as masking the other, or too few questions tell them apart"
            % (run.folder.path, named(decoded, _MOST_NAMED))
        )
    return lines


def _names(cells):
    return named([file_name(PREDICTIONS, cell) for cell in cells], _MOST_NAMED)


def _of_several_runs(run, records, vouched):
    """Files that the decoding did not write as they are now, or that different runs wrote."""
    lines, by_run = [], collections.defaultdict(list)
    for cell in run.cells:
        name = file_name(PREDICTIONS, cell)
        if cell in vouched:
            by_run[records[name].get("run")].append(name)
        elif name in records:
            lines.append(
                "%s: it was changed after it was decoded; delete it and decode it again"
                % run.folder.file(cell)
            )
        elif records:
            lines.append(
                "%s: no run of run_squad.py in this folder has finished it; unless you put it "
                "there yourself, delete it and decode it again" % run.folder.file(cell)
            )
    # The largest group is taken for the right one.
    *others, _ = sorted(by_run.values(), key=len) or [[]]
    for names in others:
        lines.append(
            "%s: written by another checkpoint, data file or setting than the others: %s; delete "
            "what should not be there and decode it again"
            % (run.folder.path, named(names, _MOST_NAMED))
        )
    return lines


def _older_than_the_checkpoint(run):
    """Files written before the last checkpoint in the folder of the baseline's answers."""
    home = files.directory_of(run.baseline_file) if run.baseline_file else None
    if home is None or not files.is_directory(home):
        return []
    checkpoints = [
        files.modified(files.join(home, name))
        for name in files.list_directory(home)
        if ".ckpt-" in name and name.endswith(".index")
    ]
    if not checkpoints:
        return []
    old = [c for c in run.cells if files.modified(run.folder.file(c)) < max(checkpoints)]
    if not old:
        return []
    return [
        "%s: older than the last checkpoint in %s: %s; if the reader was trained again, delete "
        "the files and decode them again" % (run.folder.path, home, _names(old))
    ]
