"""Which prediction files are finished, and by which run: the records of a folder.

For each finished prediction file, ``.decoding/finished`` beside it holds a record of the same name:
which run wrote it, and its checksum. Decoding passes over what is finished; whoever reads the files
learns from the records whether they are of one run, and still as they were written. What that run
was, with which checkpoint, data and flags, stands in ``.decoding/runs``.
"""

import hashlib
import re

from common import files, notes, sample

# What decoding keeps beside its prediction files, finished and half done.
FOLDER = ".decoding"
_FINISHED, _RUNS = "finished", "runs"

# A run's name is that of a file, too.
_RUN = re.compile("[0-9A-Za-z_-]{1,64}")
_RECORD = {"run": _RUN, "sha256": str, "zones?": dict, "sample?": sample.FORM}
_FILE = {"file?": (str, None), "sha256?": str}
DESCRIPTION = {
    "checkpoint?": _FILE,
    "flags?": {"predict_file?": _FILE},
    "code?": str,
    "versions?": {str: str},
    "commands?": [[str]],
}


class FinishedFiles:
    """Which prediction files are complete, and made by the very run that is asked for now."""

    def __init__(self, directory, run):
        self._directory = directory
        self._run = run

    def holds(self, name, zones=None):
        """Whether the file is there as this run wrote it; ``zones`` as in record."""
        return self.record(name, zones) is not None

    def record(self, name, zones=None):
        """The record of a file that is there as this run wrote it, else None.

        Args:
            name: of the file.
            zones: what zones of the user's own it is about: name -> definition, or None.
        """
        path = files.join(self._directory, name)
        record = _record(self._directory, name)
        if record.get("run") != self._run or not files.exists(path):
            return None
        if (record.get("zones") or {}) != (zones or {}):
            return None
        return record if is_as_written(record, files.read_bytes(path)) else None

    def number_in(self, name):
        """How many questions a finished JSON file answers."""
        return len(files.read_json(files.join(self._directory, name)))

    def add(self, name, zones=None, **more):
        """Notes that the file is complete; ``zones`` as in record, and more that it is to say."""
        files.make_directory(files.join(self._directory, FOLDER, _FINISHED))
        content = files.read_bytes(files.join(self._directory, name))
        record = dict(more, run=self._run, sha256=_sha256(content))
        if zones:
            record["zones"] = zones
        files.write_json(_path(self._directory, name), record, "--prediction_dir")

    def of_other_runs(self, names):
        """Files there that another run wrote, but for ``names``, which this one writes."""
        return [
            name
            for name, record in records(self._directory).items()
            if name not in names
            and files.exists(files.join(self._directory, name))
            and record.get("run") != self._run
        ]


def records(directory):
    """What FinishedFiles noted in a directory: file name -> dict with ``run`` and ``sha256``.

    It is empty where the files were put together by hand; so is a record that cannot be read.
    """
    folder = files.join(directory, FOLDER, _FINISHED)
    if not files.is_directory(folder):
        return {}
    names = files.list_directory(folder)
    return {
        name: _record(directory, name)
        for name in names
        if name.endswith((".json", ".csv")) and not name.startswith(".")
    }


def describe(directory, run, facts, command):
    """Notes what a run is, and with which commands it was begun.

    Args:
        directory: where its prediction files go.
        run: its name.
        facts: dict that goes into JSON.
        command: list of str, the command line.
    """
    commands = description(directory, run).get("commands", [])
    if command not in commands:
        files.make_directory(files.join(directory, FOLDER, _RUNS))
        path = files.join(directory, FOLDER, _RUNS, run + ".json")
        files.write_json(
            path, {**facts, "commands": [*commands, command]}, "--prediction_dir", indent=1
        )


def description(directory, run):
    """What describe() noted of a run; an empty dict if it did not, or that cannot be read."""
    return notes.read(files.join(directory, FOLDER, _RUNS, "%s.json" % run), DESCRIPTION) or {}


def is_as_written(record, content):
    """Whether the bytes of a file are those that its record is about."""
    return record.get("sha256") == _sha256(content)


def _path(directory, name):
    return files.join(directory, FOLDER, _FINISHED, name)


def _record(directory, name):
    """The record of a file; an empty one, if there is none or it was damaged."""
    return notes.read(_path(directory, name), _RECORD) or {}


def _sha256(content):
    return hashlib.sha256(content).hexdigest()
