"""Where a report's numbers come from: which reader, which data, and by which code and commands."""

import os
from typing import List, Tuple

from common import files
from maps import collected, provenance
from maps.predictions import run_name

# Enough of a checksum to tell two files apart.
_SHOWN = 16
_RESULTS = "results.json"


def stem(path):
    """``squad/dev-v1.1.json`` -> ``dev-v1.1``."""
    return os.path.splitext(os.path.basename(str(path)))[0]


def reader_name(runs):
    """What to call a reader that the user did not name.

    It is what the note beside its baseline says that it was made from, else its folder.
    """
    note = collected.reader_of(runs[0])
    source = note.get("source") if note and note.get("origin") == "converted" else None
    if isinstance(source, str):
        return os.path.basename(source.rstrip("/")) or source
    return run_name(runs[0].folder.path)


def facts_of_tables(runs, development, report_file):
    """What get_results.py noted of the tables of these very predictions; {} if there is nothing.

    The tables are looked for beside the report and beside the prediction folders.
    """
    places = [files.directory_of(report_file)]
    places += [files.directory_of(run_name(run.folder.path)) for run in runs]
    for place in dict.fromkeys(places):
        facts = provenance.read(files.join(place, _RESULTS))
        if facts and _are_of(facts, runs, development):
            return facts
    return {}


def _are_of(facts, runs, development):
    if facts.get("data", {}).get("sha256") != provenance.checksum(development.path):
        return False
    noted = [run["name"] for run in facts.get("runs", [])]
    return [run_name(run.folder.path) for run in runs][: len(noted)] == noted


def lines_of(runs, development, facts, command) -> List[Tuple[str, str]]:
    """What a reviewer needs to repeat it all: pairs of a name and a text.

    Args:
        runs: list of predictions.Run.
        development: see data_sets.development_set.
        facts: see facts_of_tables.
        command: the command line of the report.
    """
    data = "%s (SHA-256 %s)" % (development.path, provenance.checksum(development.path)[:_SHOWN])
    lines = [("Report", command), ("Questions", data)]
    for run in runs:
        lines.append(("Predictions", _text_of_run(run)))
    if facts:
        lines.append(("Tables", "%s; %s" % (facts.get("command"), facts.get("test"))))
        _add_versions(lines, "Versions of the tables", facts.get("versions"))
    _add_versions(lines, "Versions", provenance.versions())
    return lines


def _add_versions(lines, name, versions):
    if versions:
        text = ", ".join("%s %s" % pair for pair in versions.items())
        if text not in (shown for _, shown in lines):
            lines.append((name, text))


def _text_of_run(run):
    facts = collected.facts_of(run)
    parts = ["%s, baseline %s" % (facts["name"], facts["baseline_file"])]
    parts += map(_text_of_decoding, facts["decoded_by"])
    parts += _texts_of_reader(facts["reader"])
    return "; ".join(parts)


def _text_of_decoding(decoding):
    """What run_squad.py noted of its work; the fingerprint is of checkpoint, data, flags, code."""
    texts = ["decoded by %s" % decoding["run"][:_SHOWN]]
    for name, value in decoding.items():
        if name != "run":
            texts.append("%s: %s" % (name, _as_text(value)))
    return "; ".join(texts)


def _as_text(value):
    """A value of JSON as people write it: ``a=1, b=2``."""
    if isinstance(value, dict):
        pairs = ((name, _as_text(one)) for name, one in value.items())
        return ", ".join("%s=%s" % (n, "(%s)" % v if ", " in v else v) for n, v in pairs)
    if isinstance(value, list):
        return " | ".join(map(_as_text, value))
    return str(value)


def _texts_of_reader(note):
    """What the reader's own note says, flag by flag."""
    note, texts = note or {}, []
    if note.get("origin"):
        source = " from %s" % note["source"] if note.get("source") else ""
        texts.append("reader %s%s" % (note["origin"], source))
    for part in ("training", "flags"):
        if isinstance(note.get(part), dict):
            texts.append("%s: %s" % (part, _as_text(note[part])))
    return texts
