"""The machines that train one model together, as the environment variable TF_CONFIG names them."""

import dataclasses
import json
import os

from common.command_line import UserError

# TensorFlow's estimators read it, too.
VARIABLE = "TF_CONFIG"
# The job that all of them have: the training is synchronous, and no one does anything else.
_JOB = "worker"


@dataclasses.dataclass(frozen=True)
class Machine:
    """One of the machines.

    Attributes:
        number: its number, from 0. Machine 0 writes what is written once, and decodes.
        count: how many there are.
    """

    number: int = 0
    count: int = 1

    @property
    def is_first(self):
        """Whether this machine writes the checkpoints."""
        return self.number == 0

    def __str__(self):
        return "machine %d of %d" % (self.number + 1, self.count)


def this_machine():
    """The Machine that this process is; one of one where TF_CONFIG is not set.

    For example ``{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index":
    1}}`` makes it ``Machine(number=1, count=2)``, the second.

    Raises:
        UserError: the variable's text does not say which machines there are and which one this is.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return Machine()
    try:
        described = json.loads(text)
        addresses = {job: list(machines) for job, machines in described["cluster"].items()}
        job, index = described["task"]["type"], int(described["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            "%s: this environment variable does not name the machines; write it as {"
            '"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
            '"task": {"type": "worker", "index": 0}}, or unset it to use this one alone' % VARIABLE
        )
    for other in sorted(set(addresses) - {_JOB}):
        raise UserError(
            '%s: there is a job "%s" in its cluster, but all machines train alike; name them all '
            'under "%s"' % (VARIABLE, other, _JOB)
        )
    if job != _JOB or not 0 <= index < len(addresses.get(_JOB, ())):
        raise UserError(
            '%s: its task is %s %d, which its cluster does not have; "index" counts from 0'
            % (VARIABLE, job, index)
        )
    return Machine(index, len(addresses[_JOB]))


def leave():
    """Makes what follows work on this machine alone."""
    os.environ.pop(VARIABLE, None)
