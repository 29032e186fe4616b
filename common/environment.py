"""Started by a Python without the packages, as in a new terminal, a command says so in one line.

The first import of every command, for its effect: where another import then fails, the line that
gets the environment back stands in the place of a traceback.
"""

import glob
import os
import shlex
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _say_what_is_missing(kind, error, traceback):
    """Stands in for sys.excepthook: status 2 and one line where a package is missing.

    And one line for a control-C while they are loaded, which takes seconds.
    """
    if issubclass(kind, KeyboardInterrupt):
        name = os.path.basename(sys.argv[0])
        print("\n%s: stopped before it began; give the same command again" % name, file=sys.stderr)
        sys.exit(130)
    package = (getattr(error, "name", None) or "").split(".")[0]
    if not issubclass(kind, ModuleNotFoundError) or not package or _is_ours(package):
        sys.__excepthook__(kind, error, traceback)
        return
    command = os.path.basename(sys.argv[0])
    print(
        "%s: %s has no %s; type: %s" % (command, sys.executable, package, _way_back()),
        file=sys.stderr,
    )
    sys.exit(2)


def _is_ours(package):
    path = os.path.join(_ROOT, package)
    return os.path.exists(path) or os.path.exists(path + ".py")


def _way_back():
    """What to type: the environment is not active, or is not there, or lacks something itself."""
    environments = glob.glob(os.path.join(_ROOT, ".venv*", "bin", "activate"))
    environments = sorted(os.path.dirname(os.path.dirname(activate)) for activate in environments)
    for environment in environments:
        if os.path.realpath(environment) == os.path.realpath(sys.prefix):
            runtime = os.path.basename(environment).partition("-")[2]
            return "make setup" + (runtime and " RUNTIME=" + runtime)
    environment = environments[0] if environments else os.path.join(_ROOT, ".venv")
    if os.path.realpath(os.getcwd()) == os.path.realpath(_ROOT):
        environment = os.path.basename(environment)
    activate = "source " + shlex.quote(os.path.join(environment, "bin", "activate"))
    return activate if environments else "make setup && " + activate


sys.excepthook = _say_what_is_missing
