"""How a script must refuse a user's mistake, for the tests of all scripts."""

import pytest

from common import command_line


def refusal(capsys, main, *argv):
    """Runs ``main`` as a program that must refuse, and returns its one line on stderr."""
    with pytest.raises(SystemExit) as stopped:
        command_line.run(main, [str(argument) for argument in argv])
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    assert out == ""
    (line,) = err.splitlines()
    return line
