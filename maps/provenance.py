"""What a table or a figure is about: results.json beside results.csv; facts inside a figure.

results.csv keeps the protocol's form, which has no room for the name of the score in it. So
get_results.py says beside it: exact match or F1, of which questions and runs, and the baseline of
each run. Whoever reads the table uses that, as long as it is about the very scores in the table.
"""

import hashlib
import json
import os
import platform
import re

import numpy
import pandas
import scipy

from common import files, finished, notes, sample
from common.command_line import UserError
from common.notes import Between
from zones import own
from zones.cells import PREDICTIONS, file_name

_WRITER = "get_results.py"
_CODE = ("squad", "cmrc2018", "maps")
_PERCENT, _NUMBER = Between(0, 100), range(2**31)
# A text that figures show: without control characters, halves of characters, and formulas.
_DRAWN = re.compile("[^\x00-\x1f\x7f$\ud800-\udfff]*")
_RUN = {
    "name": str,
    "decoded_by?": [{"run": str, **finished.DESCRIPTION}],
    "reader?": (dict, None),
    "baseline_file?": (str, None),
    "baseline?": ({"exact": _PERCENT, "f1": _PERCENT}, None),
}
_FORM = {
    "written_by": _WRITER,
    "metric?": ("exact", "f1", None),
    "command?": str,
    "versions?": {str: str},
    "data?": {"file?": str, "sha256?": str},
    "reads_cls?": bool,
    "questions?": _NUMBER,
    "sample?": (sample.FORM, None),
    "half_interval?": (float, None),
    "passages?": _NUMBER,
    "test?": _DRAWN,
    "runs?": [_RUN],
    "zones?": dict,
    "tables?": {str: str},
}
_OTHER_TABLES = re.compile(r"(_long|_std|(_heads|_spans|_every)?(_significance)?)$")


def path_of(table_path):
    """The file of provenance of a table: results.json, of results.csv and of results_long.csv."""
    stem = os.path.splitext(str(table_path))[0]
    return _OTHER_TABLES.sub("", stem) + ".json"


def fingerprint(table):
    """A checksum of the values of a DataFrame, to three decimals, wherever it was read from."""
    text = table.to_csv(float_format="%.3f", index=table.index.name is not None)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def checksum(path):
    """The SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(files.read_bytes(path)).hexdigest()


def versions():
    """What scores and tests depend on: the code (a fingerprint), Python and its libraries."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    code = hashlib.sha256()
    for folder in _CODE:
        for name in files.list_directory(os.path.join(root, folder)):
            if name.endswith(".py"):
                code.update(files.read_bytes(os.path.join(root, folder, name)))
    libraries = {module.__name__: module.__version__ for module in (numpy, pandas, scipy)}
    return {"code": code.hexdigest()[:16], "python": platform.python_version(), **libraries}


def check_writable(table_path, inputs=()):
    """Raises UserError if the file cannot be written, or is somebody else's."""
    path = path_of(table_path)
    files.check_writable(path, "results file", inputs)
    if files.exists(path) and not notes.read(path, {"written_by": _WRITER}):
        raise UserError(
            "results file: %s would write %s, too, which is another file; choose another name"
            % (table_path, path)
        )


def write(table_path, tables, paths, **facts):
    """Writes what is known of tables that were written together.

    Args:
        table_path: results.csv.
        tables: dict ending ("", "std", "long", ...) -> DataFrame as its reader gives it.
        paths: the files of all tables, whose checksums are noted.
        facts: what is known; anything that goes into JSON.

    Raises:
        UserError: the file cannot be written.
    """
    prints = {ending: fingerprint(table) for ending, table in tables.items()}
    sums = {os.path.basename(path): checksum(path) for path in paths}
    facts = {"written_by": _WRITER, **facts, "tables": prints, "files": sums}
    files.write_bytes(
        path_of(table_path),
        (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace"),
        "results file",
    )


def of_table(table_path, table, ending=""):
    """What is known of a table that was read; nothing, if the file is not about these scores.

    Args:
        table_path: where it was read from.
        table: DataFrame as its reader gives it.
        ending: which table it is; see write.

    Returns:
        dict, empty if nothing is known.
    """
    facts = read(path_of(table_path))
    return facts if facts.get("tables", {}).get(ending) == fingerprint(table) else {}


def of_figure(command, panels, libraries):
    """What a figure says of itself in its metadata: whatever it takes to draw it again.

    Args:
        command: the command line.
        panels: list of panels.Panel.
        libraries: dict name -> version of what draws.
    """
    maps = [
        {
            "baseline": panel.baseline,
            "test": panel.test,
            "files": {path: checksum(path) for path in panel.paths},
            "about": panel.facts or None,
        }
        for panel in panels
    ]
    return {"command": command, "versions": {**versions(), **libraries}, "maps": maps}


def own_zones(table_path):
    """The definitions of the user's own zones in a table, as masks.define_own takes them."""
    zones = read(path_of(table_path)).get("zones", {})
    return own.checked(zones, "results file: " + path_of(table_path))


# What decoded the answers -----------------------------------------------------------------------


def decodings(run):
    """The runs of run_squad.py that wrote a run's files: what finished.describe noted of each.

    Args:
        run: predictions.Run.

    Returns:
        list of dict, ``run`` and, where it is known, ``checkpoint``, ``flags``, ``code``,
        ``versions``, ``commands``. It is empty for files that were put together by hand.
    """
    records = finished.records(run.folder.path)
    names = [file_name(PREDICTIONS, cell) for cell in run.cells]
    found = {records[name].get("run") for name in names if name in records}
    named = sorted(map(str, found - {None}))
    return [dict(finished.description(run.folder.path, name), run=name) for name in named]


def check_data(runs, path):
    """Makes sure that runs answer the same questions, as far as their decodings tell.

    Args:
        runs: list of predictions.Run.
        path: the file of the questions that they are scored by.

    Returns:
        list of str, doubts whether that file is what was decoded.

    Raises:
        UserError: two runs answer different data files.
    """
    decoded = {}  # checksum -> (a folder, its data file)
    for run in runs:
        for decoding in decodings(run):
            given = decoding.get("flags", {}).get("predict_file", {})
            if "sha256" in given:
                decoded.setdefault(given["sha256"], (run.folder.path, given.get("file")))
    if len({folder for folder, _ in decoded.values()}) > 1:
        (first, file), (second, other) = list(decoded.values())[:2]
        raise UserError(
            "prediction folder: %s answers %s, and %s answers other questions, %s; give runs of "
            "one data file" % (first, file, second, other)
        )
    return [
        "%s: its answers are to %s as it was then, and %s has another content; name with "
        "--data-file what was decoded" % (folder, file, path)
        for digest, (folder, file) in decoded.items()
        if digest != checksum(path)
    ][:1]


# Flags that belong to a reader; two readers may differ in them.
_OF_THE_READER = {"do_lower_case", "strip_accents", "tokenize_chinese_chars", "align_answers"}


def decoded_differently(first, second):
    """The flags in which two runs' decodings differ that should be alike: list of str.

    Args:
        first, second: what decodings gives of them.
    """
    if not first or not second:
        return []
    one, other = (of[0].get("flags", {}) for of in (first, second))
    found = [
        "were decoded with different --%s: %s and %s" % (name, one[name], other[name])
        for name in one
        if name in other and not isinstance(one[name], dict) and name not in _OF_THE_READER
        if one[name] != other[name]
    ]
    if _differ(*(of[0].get("code") for of in (first, second))):
        found.append("were decoded by different versions of the code")
    return found


def differences(first, second):
    """In what two tables differ that should be alike, as far as is known: list of str.

    Args:
        first, second: what of_table gives of them.
    """
    found = []
    if not first or not second:
        return found
    metrics = [facts.get("metric") for facts in (first, second)]
    if _differ(*metrics):
        found.append("hold different scores: %s and %s" % tuple(metrics))
    data = [facts.get("data", {}) for facts in (first, second)]
    if _differ(*(of.get("sha256") for of in data)):
        found.append("are of different questions: %s and %s" % tuple(of.get("file") for of in data))
    if first.get("sample") != second.get("sample"):
        found.append("are of different samples of the questions")
    if _differ(*(facts.get("versions", {}).get("code") for facts in (first, second))):
        found.append("were made by different versions of the code")
    runs = [facts.get("runs") or [{}] for facts in (first, second)]
    return found + decoded_differently(*(of[0].get("decoded_by") for of in runs))


def _differ(one, other):
    """Whether two values are known, and not the same."""
    return None not in (one, other) and one != other


def read(path):
    """What a file of provenance says; {} if there is none, or it is somebody else's, or damaged."""
    return notes.read(path, _FORM) or {}
