"""A machine with false interpreters only, for the tests of the set-up: nothing is installed."""

import pathlib
import shutil
import stat
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# What an interpreter is told when an environment is made.
CREATED = [
    "-m venv .venv",
    "-m pip install pip==24.0",
    "-m pip install -r requirements.txt",
    "-c import tensorflow",
]
# All that the set-up uses beside Python. A PATH of these alone has no interpreter on it.
TOOLS = "bash cat rm mkdir mv cp ls find awk sed grep tail sleep dirname cmp env uname".split()
# Answers what the set-up asks an interpreter, and notes what it is told to do. FAKE_FAILS holds a
# part of a command that fails, printing FAKE_SAYS; FAKE_HANGS one that never ends; FAKE_SLOW one
# that takes some seconds after its first line; FAKE_INSTALLED is what pip has installed.
FAKE_PYTHON = """#!{bash}
note() {{ echo "$*" >> "$FAKE_CALLS"; }}
case "$*" in
    *"$FAKE_FAILS"*) echo "$FAKE_SAYS"; exit 1 ;;
    *"$FAKE_HANGS"*) note "$*"; exec sleep 60 ;;
    *"$FAKE_SLOW"*) echo "  Downloading a large package"; sleep 4 ;;
    *"pip freeze") echo "$FAKE_INSTALLED" ;;
    *"--target "*) mkdir -p "$5/bin"; cp "$FAKE_UV" "$5/bin/uv" ;;
esac
case "$1 $2" in
    "-c "*base_prefix*)
        echo "{version} {machine} {system} {bits} {kind} False {prefix}"
        exit {probe_status}
        ;;
    "-m venv")
        note "$*"
        echo "$LC_ALL" > "$FAKE_CALLS.locale"
        mkdir -p "$3/bin"
        cp "$0" "$3/bin/python"
        ;;
    *) note "$*" ;;
esac
"""
SHIM = """#!{bash}
echo "pyenv: python3.7: command not found" >&2
exit 127
"""


def write_program(path, text):
    """Writes an executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


class Machine:
    """A folder with a home, a PATH and a copy of the project's set-up, and no Python yet."""

    def __init__(self, folder):
        self.home, self.bin = folder / "home", folder / "bin"
        self.project = folder / "a project"
        for made in (self.home, self.bin, self.project):
            made.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        scripts = ("setup_environment.sh", "interpreters.sh", "fetch_python.sh")
        for name in ("requirements.txt", "Makefile", *("scripts/" + name for name in scripts)):
            (self.project / name).parent.mkdir(exist_ok=True)
            shutil.copy(str(ROOT / name), str(self.project / name))
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(self.home),
            "FAKE_CALLS": str(folder / "calls"),
            "FAKE_FAILS": "nothing at all",
            "FAKE_HANGS": "nothing at all",
            "FAKE_SLOW": "nothing at all",
            "FAKE_INSTALLED": "",
        }
        self._calls = folder / "calls"

    def add_python(
        self,
        path,
        version,
        machine="x86_64",
        bits=64,
        probe_status=0,
        kind="CPython",
        system="linux",
    ):
        """Puts a false interpreter there; a path without a slash is put on PATH. Returns it."""
        path = self.home / path if "/" in path else self.bin / path
        text = FAKE_PYTHON.format(
            bash=shutil.which("bash"),
            version=version,
            machine=machine,
            system=system,
            kind=kind,
            bits=bits,
            prefix="/opt/" + version,
            probe_status=probe_status,
        )
        write_program(path, text)
        return str(path)

    def add_shim(self, name):
        """Puts a pyenv shim on PATH that fails."""
        write_program(self.bin / name, SHIM.format(bash=shutil.which("bash")))
        return str(self.bin / name)

    def command(self, *arguments, **variables):
        """The arguments of subprocess.run for the set-up with these environment variables."""
        return {
            "args": [shutil.which("bash"), "scripts/setup_environment.sh", *arguments],
            "cwd": str(self.project),
            "env": {**self.environment, **variables},
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "universal_newlines": True,
        }

    def set_up(self, *arguments, **variables):
        """Runs the set-up."""
        return subprocess.run(**self.command(*arguments, **variables), check=False)

    def which(self, *arguments, **variables):
        """What the set-up says that it would take."""
        run = self.set_up("--which", *arguments, **variables)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def calls(self):
        """What the interpreters were told to do, since the last time this was asked."""
        if not self._calls.exists():
            return []
        lines = self._calls.read_text().splitlines()
        self._calls.unlink()
        return lines
