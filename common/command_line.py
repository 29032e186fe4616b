"""How every script here talks to its user: one line for a mistake, exit status 2, no traceback."""

import argparse
import errno
import itertools
import os
import sys

# What the system says when the disk is full, or the user's share of it.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class UserError(Exception):
    """A mistake that the user can mend. The message is one line that says what and how."""


class ArgumentParser(argparse.ArgumentParser):
    """argparse, whose errors are one line and whose help keeps the line breaks we wrote."""

    def __init__(self, **kwargs):
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**kwargs)

    def error(self, message):
        """Raises UserError in place of argparse's usage text."""
        raise UserError("%s (see %s --help)" % (message, self.prog))


def check_order(script, given, wanted):
    """Refuses arguments that were given in another order than the script takes them.

    Args:
        script: its name.
        given: list of str.
        wanted: for each argument an example, and a function that tells whether a text is like it.

    Raises:
        UserError: the arguments would do in another order, and do not in this one.
    """
    examples, likes = zip(*wanted)

    def fits(order):
        """Whether each of the arguments is what its place asks for."""
        return all(like(text) for like, text in zip(likes, order))

    if not fits(given) and any(map(fits, itertools.permutations(given))):
        raise UserError(
            "the arguments stand in another order; write them as in: %s %s"
            % (script, " ".join(examples))
        )


def text(argument):
    """A text for people as it was typed, whose bytes may be none of the terminal's encoding."""
    return argument.encode("utf-8", "replace").decode("utf-8")


def run(main, argv=None, goes_on=False):
    """Runs a script's ``main(argv)`` as a program and exits with its status.

    A UserError becomes ``name: message`` on stderr and status 2; control-C is status 130.

    Args:
        main: takes ``argv`` and returns the exit status, None for 0.
        argv: the arguments; None for those of the program.
        goes_on: whether a run that was stopped goes on where it was when it is started again.
    """
    for stream in (sys.stdout, sys.stderr):
        # A file's name or an answer may hold characters that the terminal's encoding lacks.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    name = os.path.basename(sys.argv[0])
    try:
        status = main(argv)
        sys.stdout.flush()
    except UserError as error:
        sys.stdout.flush()
        print("%s: %s" % (name, " ".join(str(error).split())), file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        more = "goes on from there" if goes_on else "begins again"
        print("\n%s: stopped; the same command %s" % (name, more), file=sys.stderr)
        status = 130
    except BrokenPipeError:  # whoever reads the output, such as "| head", has closed it
        _drop_output()
        status = 0
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _drop_output()
        where = " " + str(error.filename) if error.filename else ""
        print("%s: cannot write%s (%s)" % (name, where, error.strerror), file=sys.stderr)
        status = 2
    sys.exit(status)


def _drop_output():
    """Sends what Python still holds to print to nowhere, so that it does not fail when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
