"""What is odd about the prediction files of a map, so that no file of another run slips in.

In the protocol's own Table 1, three cells in the middle of the network equal the baseline to the
last question, which a masked reader's answers hardly do. Each such finding is one line, which
names the files and says what to do; none of them stops the work. Where the folder's records prove
that a cell was really decoded so, it is no oddity but a remark.
"""

import collections

from common import files, finished
from maps.kinds import HEADS, MAP, kind_of
from maps.predictions import cells_text, named
from zones.cells import PREDICTIONS, file_name
from zones.masks import CLS, PASSAGE, changes_rows

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
        # One head of many is often not missed.
        if kind_of(cell) != HEADS and not may_equal_baseline(cell, run.folder.num_layers, reads_cls)
    }
    records = finished.records(run.folder.path)
    vouched = _as_decoded(run, records)
    return [
        *_like_the_baseline(run, texts, vouched),
        *_twins(run, texts, vouched),
        *_of_several_runs(run, records, vouched),
        *_older_than_the_checkpoint(run),
    ]


def remarks(run):
    """Which cells of the map were decoded to the answers of the baseline or of one another.

    An easy reader, or few questions: there masks may change no answer, or the same ones.

    Args:
        run: predictions.Run.

    Returns:
        list of str, one line each.
    """
    texts = {c: answers.texts for c, answers in run.cells.items() if kind_of(c) == MAP}
    vouched = _as_decoded(run, finished.records(run.folder.path))
    unchanged = _equal_to_baseline(run, texts) & vouched
    lines = []
    if unchanged:
        lines.append(
            "These masks change no answer: %s." % cells_text(unchanged, run.folder.num_layers)
        )
    twins = [
        " = ".join("%s in layer %d" % (cell.zone, cell.layer + 1) for cell in cells)
        for cells in _groups_of_twins(run, texts)
        if vouched.issuperset(cells)
    ]
    if twins:
        lines.append("These masks give the same answers: %s." % named(twins, _MOST_NAMED))
    return lines


def may_equal_baseline(cell, num_layers, reads_cls):
    """Whether masking the cell cannot change an answer: then its file should equal the baseline's.

    Answers are read from the passage's rows of the last layer, so a zone of other rows does
    nothing there. ``reads_cls``: the row of [CLS] counts as well.
    """
    if cell.layer != num_layers - 1 or changes_rows(cell.zone, PASSAGE):
        return False
    return not (reads_cls and changes_rows(cell.zone, CLS))


def _as_decoded(run, records):
    """The cells whose files are, to the byte, what a decoding in the folder noted that it wrote."""
    vouched = set()
    for cell in run.cells:
        record = records.get(file_name(PREDICTIONS, cell))
        if record and finished.is_as_written(record, files.read_bytes(run.folder.file(cell))):
            vouched.add(cell)
    return vouched


def _equal_to_baseline(run, texts):
    if run.baseline is None:
        return set()
    return {cell for cell in texts if texts[cell] == run.baseline.texts}


def _like_the_baseline(run, texts, vouched):
    return [
        "%s: its answers are those of %s, all %d, which masking %s hardly leaves; delete it and "
        "decode it again: bash decode_squad.sh %s"
        % (run.folder.file(cell), run.baseline_file, len(texts[cell]), cell, cell.zone)
        for cell in texts
        if cell in _equal_to_baseline(run, texts) - vouched
    ]


def _twins(run, texts, vouched):
    return [
        "%s: the same answers, all %d, are in %s; delete the files and decode them again"
        % (run.folder.file(cells[0]), len(texts[cells[0]]), _names(cells[1:]))
        for cells in _groups_of_twins(run, texts)
        if not vouched.issuperset(cells)
    ]


def _groups_of_twins(run, texts):
    """Cells with the same answers, but not the baseline's, as lists."""
    groups = collections.defaultdict(list)
    for cell, answers in texts.items():
        if run.baseline is None or answers != run.baseline.texts:
            groups[tuple(answers)].append(cell)
    return [cells for cells in groups.values() if len(cells) > 1]


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
