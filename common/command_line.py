"""How every script here talks to its user: one line for a mistake, exit status 2, no traceback."""

import argparse
import os
import sys


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


def run(main, argv=None):
    """Runs a script's ``main(argv)`` as a program and exits with its status.

    A UserError becomes ``name: message`` on stderr and status 2; control-C is status 130.
    """
    name = os.path.basename(sys.argv[0])
    try:
        status = main(argv)
        sys.stdout.flush()
    except UserError as error:
        sys.stdout.flush()
        print("%s: %s" % (name, " ".join(str(error).split())), file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("\n%s: stopped" % name, file=sys.stderr)
        status = 130
    except BrokenPipeError:  # "| head" has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)
