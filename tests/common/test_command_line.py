"""command_line.py: how a program ends, whatever happens in it."""

import os
import subprocess
import sys
import textwrap

import pytest

from common import command_line
from tests.conftest import ROOT


def program(body, goes_on=False, encoding="utf-8", stdout=subprocess.PIPE):
    """Runs a program whose main is ``body``; returns status, stdout and stderr as bytes."""
    code = "import sys\nfrom common import command_line\ndef main(argv):\n%s\n" % textwrap.indent(
        body, "    "
    )
    code += "command_line.run(main, goes_on=%r)" % goes_on
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_what_the_terminals_encoding_lacks_is_escaped():
    status, out, err = program(
        "print('wrote 结果.csv'); print('köln \\udcff', file=sys.stderr)", encoding="ascii"
    )
    assert (status, out) == (0, b"wrote \\u7ed3\\u679c.csv\n")
    assert err == b"k\\xf6ln \\udcff\n"


@pytest.mark.parametrize("goes_on", [False, True])
def test_control_c_says_whether_the_same_command_goes_on(capsys, goes_on):
    def main(argv):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stopped:
        command_line.run(main, [], goes_on)
    assert stopped.value.code == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert "stopped" in last
    assert "the same command " + ("goes on from there" if goes_on else "begins again") in last


def test_a_mistake_is_the_last_line_though_it_was_written_on_several():
    status, out, err = program(
        "print('begun'); raise command_line.UserError('--flag: no\\n  such thing')"
    )
    assert (status, out) == (2, b"begun\n")
    assert err.decode().splitlines()[-1].endswith(": --flag: no such thing")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
def test_output_to_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        status, _, err = program("print('x' * 100000)", stdout=full)
    assert status == 2
    assert err.decode().endswith(": cannot write (No space left on device)\n")
    assert err.count(b"\n") == 1
