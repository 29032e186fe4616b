"""A Python that the set-up fetches where none will do: with a false uv, and with the real one."""

import hashlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tarfile

import pytest

from tests.support.false_machine import ROOT, Machine, write_program

# Makes, as uv does, a folder with a Python where it is told to, and notes how it was called.
FALSE_UV = """#!{bash}
case "$*" in
    "python install --help") echo "{help}" ;;
    *"$FAKE_FAILS"*) echo "$FAKE_SAYS"; exit 2 ;;
    *"$FAKE_HANGS"*) exec sleep 60 ;;
    *)
        echo "uv $*" >> "$FAKE_CALLS"
        echo "$UV_CACHE_DIR $UV_PYTHON_INSTALL_DIR $UV_PYTHON_INSTALL_BIN" >> "$FAKE_CALLS"
        mkdir -p "$UV_PYTHON_INSTALL_DIR/cpython/bin"
        cp "$FAKE_FETCHED" "$UV_PYTHON_INSTALL_DIR/cpython/bin/python3.13"
        ;;
esac
"""


@pytest.fixture
def machine(tmp_path):
    """A Machine with Python 3.14 only, and a Python 3.13 that a false uv can fetch."""
    made = Machine(tmp_path)
    made.add_python("python3.14", "3.14.0")
    made.environment["FAKE_FETCHED"] = made.add_python("elsewhere/python", "3.13.9")
    return made


def add_uv(path, usage="--install-dir --no-bin"):
    write_program(path, FALSE_UV.format(bash=shutil.which("bash"), help=usage))


@pytest.mark.quick
def test_uv_of_the_path_fetches_one_into_the_project_only(machine):
    add_uv(machine.bin / "uv")
    done = machine.set_up(FETCH_PYTHON="1")
    assert done.returncode == 0, done.stderr
    assert "Python 3.13.9 with TensorFlow 2.21.0" in done.stdout
    assert "found in .python, fetched before" in done.stdout
    calls = machine.calls()
    uv = calls.index("uv python install --no-bin >=3.12,<3.14")
    assert calls[uv + 1] == ".python/cache .python/versions 0"
    assert calls[uv + 2] == "-m venv .venv"
    assert (machine.project / ".python/.gitignore").read_text() == "*\n"
    assert sorted(os.listdir(str(machine.home))) == ["elsewhere"]
    # It is there for the other environments, too.
    assert "Python 3.13.9" in machine.which("2.21")


def test_a_uv_that_cannot_leave_the_users_folders_alone_is_not_used(machine):
    add_uv(machine.bin / "uv", usage="--install-dir")
    machine.set_up(FETCH_PYTHON="1", FAKE_FAILS="--target", FAKE_SAYS="not today")
    assert not any("uv python" in call for call in machine.calls())


def test_without_uv_the_package_index_has_it(machine):
    machine.environment["FAKE_UV"] = str(machine.home / "uv")
    add_uv(machine.home / "uv")
    done = machine.set_up(FETCH_PYTHON="1")
    assert done.returncode == 0, done.stderr
    assert "Python 3.13.9 with TensorFlow 2.21.0" in done.stdout
    (call,) = [call for call in machine.calls() if "--target" in call]
    assert "pip install" in call and "--target .python/uv.part " in call and " uv==" in call


@pytest.mark.parametrize("silent", ["--target", "python install"])
@pytest.mark.parametrize("way", ["FAKE_HANGS", "FAKE_FAILS"])
def test_without_network_it_ends_in_one_line_within_15_seconds(machine, silent, way):
    if silent == "python install":
        add_uv(machine.bin / "uv")
    says = "error sending request: dns error: Name or service not known"
    failed = subprocess.run(
        **machine.command(FETCH_PYTHON="1", FAKE_SAYS=says, **{way: silent}),
        timeout=15,
        check=False,
    )
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert "did not answer" in line and "HTTPS_PROXY" in line
    assert "setup_environment.sh" in line
    assert not (machine.project / ".venv").exists()


def test_what_cannot_be_fetched(machine):
    add_uv(machine.bin / "uv")
    refused = machine.set_up("1.15", FETCH_PYTHON="1")
    assert refused.returncode == 2
    assert "no Python 3.7 to fetch" in refused.stderr and "conda create" in refused.stderr
    refused = machine.set_up(FETCH_PYTHON="maybe")
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "FETCH_PYTHON is 'maybe'" in line
    assert machine.calls() == []


def test_without_uv_or_any_python_it_says_what_it_needs(machine):
    (machine.bin / "python3.14").unlink()
    refused = machine.set_up(FETCH_PYTHON="1")
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "FETCH_PYTHON=1 needs uv on PATH, or a Python" in line


@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_it_asks(machine, answer):
    pty = pytest.importorskip("pty")
    add_uv(machine.bin / "uv")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(**{**machine.command(), "stdin": theirs, "stderr": theirs})
    os.close(theirs)
    os.write(ours, (answer + "\n").encode())
    said, _ = process.communicate()
    shown = os.read(ours, 100000).decode()
    os.close(ours)
    assert "is Python 3.14.0: TensorFlow has no package for it yet" in shown
    assert "into .python in this folder? [y/N]" in shown
    assert process.returncode == (0 if answer == "y" else 2)
    assert ("3.13.9" in said) == (answer == "y")


# With the real uv, from a mirror of our own -----------------------------------------------------


def installed_python():
    """The folder of an installed Python 3.12 or 3.13, and its version; skips without one."""
    command = ["bash", str(ROOT / "scripts/setup_environment.sh"), "--which", "2.21"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    said = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, universal_newlines=True, check=False
    ).stdout
    if not said:
        pytest.skip("needs a Python 3.12 or 3.13, to be fetched from a mirror")
    python = said.splitlines()[0].split(", ")[1].rsplit(" (", 1)[0]
    question = "import platform, sys; print(sys.base_prefix); print(platform.python_version())"
    return subprocess.check_output([python, "-c", question], universal_newlines=True).split("\n")[
        :2
    ]


def mirror(folder):
    """A tar of an installed Python, and the list of downloads that names it; returns the list."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the list of downloads in this test is for Linux on x86-64")
    prefix, version = installed_python()
    if not pathlib.Path(prefix, "bin").is_dir() or prefix == "/usr":
        pytest.skip("needs a Python that has a folder of its own")

    def wanted(member):
        folders = member.name.split("/")
        dropped = {"test", "__pycache__", "idlelib", "site-packages"} & set(folders)
        return None if dropped or member.name.endswith(".a") else member

    archive = folder / "python.tar.gz"
    with tarfile.open(str(archive), "w:gz", compresslevel=1) as tar:
        tar.add(prefix, "python", filter=wanted)
    major, minor, patch = (int(number) for number in version.split("."))
    entry = {
        "name": "cpython",
        "arch": {"family": "x86_64", "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": archive.as_uri(),
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "variant": None,
        "build": "1",
    }
    (folder / "downloads.json").write_text(
        json.dumps({"cpython-%s-linux-x86_64-gnu" % version: entry})
    )
    return folder / "downloads.json"


def test_the_real_uv_fetches_one_from_a_mirror(tmp_path):
    """uv from the package index by a Python 3.14 that has pip; nothing is written elsewhere."""
    downloads = mirror(tmp_path)
    machine = Machine(tmp_path)
    # Says that it is 3.14, and is the Python of these tests where it is asked for pip.
    write_program(
        machine.bin / "python3.14",
        '#!%s\ncase "$2" in *base_prefix*) echo "3.14.0 x86_64 linux 64 CPython False /opt" ;;\n'
        '*) exec %s "$@" ;; esac\n' % (shutil.which("bash"), sys.executable),
    )
    pip = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    variables = {"FETCH_PYTHON": "1", "UV_PYTHON_DOWNLOADS_JSON_URL": str(downloads), **pip}
    (machine.project / "requirements.txt").write_text("")  # Enough of an environment here.
    done = machine.set_up(**variables)
    if "package index did not answer" in done.stderr:
        pytest.skip("needs the package index")
    assert "import tensorflow" in done.stderr, done.stdout + done.stderr
    question = "import sys; print('%d.%d' % sys.version_info[:2], sys.base_prefix)"
    python = str(machine.project / ".venv/bin/python")
    said = subprocess.check_output([python, "-c", question], universal_newlines=True)
    version, prefix = said.split(maxsplit=1)
    assert version in ("3.12", "3.13")
    assert prefix.startswith(str(machine.project / ".python/versions"))
    assert os.listdir(str(machine.home)) == []
