"""Warnings about the prediction files of a map: files of another run, or changed since.

Each warning is one line that names the files and says what to do; none stops the work. The
protocol's own Table 1 shows why they are needed: three cells in the middle of the network equal the
baseline in every question, which a masked reader hardly ever does. Where the records in the folder
prove that such a file is what was decoded, it is no warning but a line of information (remarks).
"""

import collections

from common import files, finished
from common.progress import say
from maps import provenance
from maps.kinds import HEADS, MAP, kind_of, name_of, zone_order
from maps.predictions import cells_text, named
from spans import data_sets
from zones.cells import BASELINE, PREDICTIONS, file_name
from zones.masks import CLS, PASSAGE, changes_rows

# How many files a line names.
_MOST_NAMED = 5


def warn_of(runs, development):
    """Says what is odd about the files of runs, and about the file of the questions.

    Args:
        runs: list of predictions.Run.
        development: see data_sets.development_set.

    Raises:
        UserError: two runs answer different data files.
    """
    lines = provenance.check_data(runs, development.path)
    reads_cls = data_sets.reads_cls(development)
    for line in lines + [oddity for run in runs for oddity in oddities(run, reads_cls)]:
        say("WARNING: " + line)


def oddities(run, reads_cls):
    """Everything odd about a folder of prediction files, the worst first.

    Args:
        run: predictions.Run.
        reads_cls: whether an answer depends on what [CLS] sees in the last layer; see
            data_sets.reads_cls.

    Returns:
        list of str, one line for each kind of oddity.
    """
    texts = {
        cell: answers.texts
        for cell, answers in run.cells.items()
        # Masking one head of many often changes no answer; such files are no warning.
        if kind_of(cell) != HEADS and not may_equal_baseline(cell, run.folder.num_layers, reads_cls)
    }
    records = finished.records(run.folder.path)
    vouched = _as_decoded(run, records)
    return [
        *_of_several_runs(run, records, vouched),
        *_changed(run, records, vouched),
        *_twins(run, texts, vouched),
        *_like_the_baseline(run, texts, vouched),
        *_not_finished(run, records),
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
    cells = [cell for cell in texts if cell in _equal_to_baseline(run, texts) - vouched]
    if not cells:
        return []
    zones = sorted({cell.zone for cell in cells}, key=zone_order)
    return _line(
        run,
        cells,
        "the answers are those of %s, all %d, which masking hardly leaves; delete the %s and "
        "decode again: bash decode_squad.sh %s"
        % (
            run.baseline_file,
            len(texts[cells[0]]),
            "file" if len(cells) == 1 else "files",
            " ".join(zones),
        ),
    )


def _twins(run, texts, vouched):
    groups = [cells for cells in _groups_of_twins(run, texts) if not vouched.issuperset(cells)]
    if not groups:
        return []
    equal = [" = ".join(map(_with_file, cells[:_MOST_NAMED])) for cells in groups]
    return [
        "%s: %s: the same answers, all %d; delete the files and decode them again"
        % (run.folder.path, named(equal, _MOST_NAMED), len(texts[groups[0][0]]))
    ]


def _groups_of_twins(run, texts):
    """Cells with the same answers, but not the baseline's, as lists."""
    groups = collections.defaultdict(list)
    for cell, answers in texts.items():
        if run.baseline is None or answers != run.baseline.texts:
            groups[tuple(answers)].append(cell)
    return [cells for cells in groups.values() if len(cells) > 1]


def _with_file(cell):
    """``p2 in layer 1 (predictions_layer0_p2.json)``: layers count from 1, but in file names."""
    zone, where = name_of(cell).split(" masked in ")
    return "%s in %s (%s)" % (zone.lower(), where, file_name(PREDICTIONS, cell))


def _line(run, cells, text):
    """A list with one line on the files of these cells; empty if there are none."""
    files_named = named(list(map(_with_file, cells)), _MOST_NAMED)
    return ["%s: %s: %s" % (run.folder.path, files_named, text)] if cells else []


def _of_several_runs(run, records, vouched):
    """Files that different runs wrote; the largest group is taken for the right one."""
    by_run = collections.defaultdict(list)
    for cell in run.cells:
        if cell in vouched:
            by_run[records[file_name(PREDICTIONS, cell)].get("run")].append(cell)
    *others, _ = sorted(by_run.values(), key=len) or [[]]
    return _line(
        run,
        [cell for group in others for cell in group],
        "written by another checkpoint, data file or setting than the others; delete what should "
        "not be there and decode it again",
    )


def _changed(run, records, vouched):
    cells = [c for c in run.cells if c not in vouched and file_name(PREDICTIONS, c) in records]
    texts = list(map(_with_file, cells))
    if _baseline_is_changed(run, records.get(file_name(PREDICTIONS, BASELINE))):
        texts.insert(0, "the baseline (%s)" % file_name(PREDICTIONS, BASELINE))
    if not texts:
        return []
    return [
        "%s: %s: changed after it was decoded; delete it and decode it again"
        % (run.folder.path, named(texts, _MOST_NAMED))
    ]


def _baseline_is_changed(run, record):
    """Whether the baseline's answers are the folder's own, but no longer as they were decoded."""
    path = run.folder.baseline_file()
    is_its_own = record and path and str(run.baseline_file) == path
    return bool(is_its_own) and not finished.is_as_written(record, files.read_bytes(path))


def _not_finished(run, records):
    return _line(
        run,
        [c for c in run.cells if records and file_name(PREDICTIONS, c) not in records],
        "no run of run_squad.py in this folder has finished it; unless you put it there yourself, "
        "delete it and decode it again",
    )


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
    return _line(
        run,
        [c for c in run.cells if files.modified(run.folder.file(c)) < max(checkpoints)],
        "older than the last checkpoint in %s; if the reader was trained again, delete the files "
        "and decode them again" % home,
    )
