"""Steps that are done once: which are finished, and whether their results still hold.

The ledger is a file ``demo.json`` in the output directory. For each step it keeps a fingerprint of
all that the step depends on (the bytes of the files it reads, and its settings) and, once the step
has ended well, a checksum of every file it wrote. A step is left out only if both still agree. So a
demo that was killed goes on where it was, a file that was deleted or changed is made again, and
other settings never meet old results.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import os
from typing import Callable, Sequence, Tuple

from common import files
from common.command_line import UserError
from running import saved as resume

_LEDGER, _LOCK = "demo.json", ".lock"


@dataclasses.dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: its key in the ledger.
        headline: what the user is told it does.
        inputs: the files that it reads.
        outputs: the files that it writes.
        action: does it; called without arguments.
        settings: what else the result depends on; anything that goes into JSON.
        folders: directories of half-done work that the action goes on with when it is called
            again. They are removed where that work belongs to other inputs or settings.
    """

    name: str
    headline: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    action: Callable[[], None]
    settings: object = None
    folders: Tuple[str, ...] = ()


class Ledger:
    """What is done in one output directory."""

    def __init__(self, directory):
        """Opens the directory's ledger, or begins one; see only_one_at_work for the directory."""
        self._path = files.join(directory, _LEDGER)
        if files.exists(self._path):
            self._steps = files.read_json(self._path, "--output-dir")
        else:
            self._steps = {}
            self._write()

    def is_finished(self, step):
        """Whether the step's results are there, whole, and made from what is there now."""
        record = self._steps.get(step.name, {})
        return (
            all(map(files.exists, step.inputs))
            and record.get("from") == _fingerprint(step)
            and record.get("made") == _checksums(step.outputs)
        )

    def begin(self, step):
        """Notes that the step is begun, and removes half-done work that it cannot go on with.

        That is work of other settings, and what is left of results that were whole once.
        """
        made_from = _fingerprint(step)
        if self._steps.get(step.name) != {"from": made_from}:
            for folder in filter(files.exists, step.folders):
                files.remove_tree(folder)
        self._steps[step.name] = {"from": made_from}
        self._write()

    def finish(self, step):
        """Notes that the step has ended well."""
        self._steps[step.name]["made"] = _checksums(step.outputs)
        self._write()

    def _write(self):
        files.write_json(self._path, self._steps, "--output-dir")


def _fingerprint(step):
    content = {os.path.basename(path): files.read_bytes(path) for path in step.inputs}
    return resume.fingerprint(inputs=content, settings=step.settings)


def _checksums(paths):
    """File name -> SHA-256, with None for a file that is not there."""
    return {
        os.path.basename(path): hashlib.sha256(files.read_bytes(path)).hexdigest()
        if files.exists(path)
        else None
        for path in paths
    }


@contextlib.contextmanager
def only_one_at_work(directory, say):
    """Keeps two demos from writing to one directory: the later one waits for the earlier.

    Yields:
        A file descriptor to hand on to child processes. The lock lasts until all who have it are
        gone: if a demo is killed outright while its training goes on, the next demo waits for
        that training and then uses its result.

    Raises:
        UserError: the directory cannot be made or written, or holds files of somebody else: the
            demo removes what is out of date, and must not do so there.
    """
    files.make_directory(directory, "--output-dir")
    if set(files.list_directory(directory)) - {_LOCK} and not files.exists(
        files.join(directory, _LEDGER)
    ):
        raise UserError(
            "--output-dir: %s holds files that are not the demo's; name a new directory" % directory
        )
    path = files.join(directory, _LOCK)
    files.check_writable(path, "--output-dir")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("An earlier run is still at work in %s; waiting for it to end." % directory)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
