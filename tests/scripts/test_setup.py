"""setup_environment.sh with false interpreters: nothing is installed here."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.support.false_machine import CREATED, ROOT, Machine, write_program


@pytest.fixture
def machine(tmp_path):
    """A Machine."""
    return Machine(tmp_path)


# Which interpreter ------------------------------------------------------------------------------


@pytest.mark.quick
def test_python_3_7_on_path_comes_first(machine):
    python = machine.add_python("python3.7", "3.7.9")
    machine.add_python("python3.11", "3.11.7")
    said = machine.which()
    assert "Python 3.7.9 with TensorFlow 1.15.3, %s " % python in said
    assert "found on PATH" in said


def test_a_shim_that_fails_is_passed_over(machine):
    shim = machine.add_shim("python3.7")
    python = machine.add_python(".pyenv/versions/3.7.16/bin/python", "3.7.16")
    said = machine.which()
    assert python in said
    assert "found in pyenv's versions" in said
    assert shim + " does not start" in said


def test_pyenv_may_be_elsewhere(machine, tmp_path):
    python = machine.add_python(str(tmp_path / "pyenv/versions/3.7.16/bin/python"), "3.7.16")
    assert python in machine.which(PYENV_ROOT=str(tmp_path / "pyenv"))


@pytest.mark.parametrize("where", ["miniconda3/envs/zones", "anaconda3", "listed", "active"])
def test_conda(machine, where):
    python = machine.add_python(where + "/bin/python", "3.7.12")
    (machine.home / ".conda").mkdir()
    (machine.home / ".conda/environments.txt").write_text("%s\n" % (machine.home / "listed"))
    variables = {"CONDA_PREFIX": str(machine.home / "active")} if where == "active" else {}
    said = machine.which(**variables)
    assert python in said
    assert "in a conda environment" in said


def test_a_newer_one_is_found_behind_a_name_without_number(machine):
    python = machine.add_python("python3", "3.10.4")
    said = machine.which()
    assert "Python 3.10.4 with TensorFlow 2.15.1, %s " % python in said


@pytest.mark.quick
def test_without_3_7_the_newest_of_the_others(machine):
    machine.add_python("python3.11", "3.11.2")
    python = machine.add_python("python3.12", "3.12.1")
    newer = machine.add_python("python3", "3.14.1")
    said = machine.which()
    assert newer + " is Python 3.14.1: TensorFlow has no package for it yet" in said
    assert "Python 3.12.1 with TensorFlow 2.21.0, %s " % python in said
    assert "no Python 3.7 will do here" in said


@pytest.mark.parametrize("processor", ["arm64", "aarch64"])
def test_3_7_counts_only_where_its_tensorflow_has_wheels(machine, processor):
    old = machine.add_python("python3.7", "3.7.9", machine=processor)
    new = machine.add_python("python3.10", "3.10.9", machine=processor)
    said = machine.which()
    assert "Python 3.10.9 with TensorFlow 2.15.1, %s " % new in said
    assert "%s is for %s (linux), where TensorFlow 1.15 cannot be" % (old, processor) in said


def test_it_must_be_able_to_make_environments(machine):
    poor = machine.add_python("python3.11", "3.11.2", probe_status=1)
    good = machine.add_python("python3.9", "3.9.2")
    said = machine.which()
    assert "Python 3.9.2" in said
    assert good in said
    assert poor + " cannot make virtual environments" in said
    assert "apt install python3.11-venv" in said


def test_32_bits_are_too_few(machine):
    machine.add_python("python3.7", "3.7.9", bits=32)
    refused = machine.set_up("--which")
    assert refused.returncode == 2
    assert "is a 32-bit Python" in refused.stderr


def test_tf2_wants_a_newer_one_although_there_is_3_7(machine):
    machine.add_python("python3.7", "3.7.9")
    python = machine.add_python(".pyenv/versions/3.10.13/bin/python", "3.10.13")
    assert "Python 3.10.13 with TensorFlow 2.15.1, %s " % python in machine.which("tf2")
    assert "Python 3.7.9" in machine.which()


@pytest.mark.parametrize(
    ("version", "runtime", "reason"),
    [
        pytest.param("3.14.0", [], "TensorFlow has no package for it yet", marks=pytest.mark.quick),
        ("3.15.1", ["2.21"], "TensorFlow has no package for it yet"),
        ("3.8.18", [], "too new for TensorFlow 1.15, too old for 2.15"),
        ("3.6.9", [], "too old"),
        ("3.12.3", ["2.15"], "it is for TensorFlow 2.21 (RUNTIME=2.21)"),
        ("3.7.9", ["2.21"], "it is for TensorFlow 1.15 (RUNTIME=1.15)"),
    ],
)
def test_none_that_will_do_says_what_is_there_and_the_ways_to_get_one(
    machine, version, runtime, reason
):
    name = "python" + version.rpartition(".")[0]
    python = machine.add_python(name, version)
    refused = machine.set_up(*runtime)
    assert refused.returncode == 2
    assert "%s is Python %s: %s\n" % (python, version, reason) in refused.stderr
    assert "conda create -y -n zones python=3." in refused.stderr
    assert "PYTHON=/path/to/python" in refused.stderr
    assert "apt" not in refused.stderr and "brew" not in refused.stderr  # There are none here.
    last = refused.stderr.splitlines()[-1]
    assert last.startswith("setup_environment.sh: found no Python 3.")
    command = " ".join(["bash scripts/setup_environment.sh", *runtime])
    assert last.endswith(": %s FETCH_PYTHON=1" % command)
    assert sorted(os.listdir(str(machine.project))) == ["Makefile", "requirements.txt", "scripts"]


def test_only_ways_that_this_machine_has_are_named(machine):
    bash = shutil.which("bash")
    write_program(machine.bin / "apt-cache", "#!%s\necho 'python3.12-venv - it'\n" % bash)
    write_program(machine.bin / "brew", "#!%s\n" % bash)
    refused = machine.set_up()
    assert refused.returncode == 2
    assert "    sudo apt-get install -y python3.12-venv\n" in refused.stderr
    assert "    brew install python@3.13\n" in refused.stderr
    assert "dnf" not in refused.stderr and "pyenv install" not in refused.stderr
    # Without any Python there is nothing yet to fetch uv with.
    assert "python3-pip, or pip or uv in another way; then" in refused.stderr
    assert "FETCH_PYTHON" not in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"kind": "free-threaded"}, "is a free-threaded Python"),
        ({"kind": "PyPy"}, "is a PyPy Python"),
        ({"system": "darwin"}, "is for x86_64 (darwin), where TensorFlow 2.21 cannot be installed"),
        ({"machine": "riscv64"}, "is for riscv64 (linux), where TensorFlow 2.21 cannot be"),
    ],
)
def test_what_tensorflow_has_no_packages_for(machine, facts, reason):
    python = machine.add_python("python3.13", "3.13.1", **facts)
    refused = machine.set_up()
    assert refused.returncode == 2
    assert "%s %s" % (python, reason) in refused.stderr


def test_the_variable_decides(machine):
    machine.add_python("python3.7", "3.7.9")
    python = machine.add_python("mine/python", "3.9.5")
    said = machine.which(PYTHON=python)
    assert "Python 3.9.5 with TensorFlow 2.15.1, %s " % python in said
    assert "PYTHON names it" in said


@pytest.mark.parametrize(
    ("version", "runtime", "complaint"),
    [("3.14.1", [], "is Python 3.14.1"), ("3.8.2", [], "is Python 3.8.2")]
    + [("3.7.9", ["tf2"], "is Python 3.7.9"), ("2.7.18", [], "is Python 2.7.18")],
)
def test_the_variable_names_a_version_that_will_not_do(machine, version, runtime, complaint):
    machine.add_python("python3.11", "3.11.7")
    python = machine.add_python("mine/python", version)
    refused = machine.set_up(*runtime, PYTHON=python)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "PYTHON=%s %s" % (python, complaint) in line


@pytest.mark.parametrize("name", ["python3.7", "no-such-python", "/no/such/python", "no/python"])
def test_the_variable_names_one_that_does_not_start(machine, name):
    machine.add_shim("python3.7")
    refused = machine.set_up(PYTHON=name)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "%s does not start" % name in line


def test_the_real_interpreter_is_judged_as_it_is(machine):
    """The question that is asked of interpreters, asked of a real one inside an environment."""
    version = "%d.%d.%d" % sys.version_info[:3]
    said = machine.which(PYTHON=sys.executable)
    assert said.startswith("Python %s with TensorFlow" % version)
    # Not the one in the environment, which may be about to be made anew.
    base = "%s/bin/python%d.%d" % ((sys.base_prefix,) + sys.version_info[:2])
    if sys.prefix != sys.base_prefix and os.path.exists(base):
        assert ", %s (" % base in said


@pytest.mark.parametrize(
    ("system", "runtime", "says"),
    [
        (
            "Linux aarch64",
            "1.15",
            "only for x86-64; take RUNTIME=2.21",
        ),
        ("Darwin x86_64", "2.21", "no TensorFlow 2.21 for Intel Macs; take RUNTIME=2.15"),
        ("Darwin x86_64", "", "conda create -y -n zones python=3.11"),
        ("Darwin arm64", "", "conda create -y -n zones python=3.13"),
    ],
)
def test_what_is_proposed_exists_for_the_machine(machine, system, runtime, says):
    (machine.bin / "uname").unlink()
    bash = shutil.which("bash")
    text = "#!%s\nset -- $1 %s\ncase $1 in -m) echo $3 ;; *) echo $2 $3 ;; esac\n" % (bash, system)
    write_program(machine.bin / "uname", text)
    refused = machine.set_up(*runtime.split())
    assert refused.returncode == 2
    assert says in refused.stderr


def test_the_versions_of_tensorflow_are_those_of_the_requirements(machine):
    pinned = re.findall(r"^tensorflow\S*==(\S+);", (ROOT / "requirements.txt").read_text(), re.M)
    for version, python in (("1.15.3", "3.7.9"), ("2.15.1", "3.10.1"), ("2.21.0", "3.12.4")):
        interpreter = machine.add_python("mine/python" + python, python)
        assert "with TensorFlow %s," % version in machine.which(PYTHON=interpreter)
        pinned = [pin for pin in pinned if pin != version]
    assert pinned == []


# The environment --------------------------------------------------------------------------------


@pytest.mark.quick
def test_an_environment_is_made_once(machine):
    machine.add_python("python3.7", "3.7.9")
    first = machine.set_up()
    assert first.returncode == 0, first.stderr
    assert machine.calls() == CREATED
    assert "Taken: Python 3.7.9 with TensorFlow 1.15.3" in first.stdout
    assert (machine.project / ".venv/.gitignore").read_text() == "*\n"

    second = machine.set_up()
    assert second.returncode == 0
    assert machine.calls() == []
    assert second.stdout.startswith(".venv: Python 3.7.9 with TensorFlow 1.15.3")


def test_the_second_runtime_has_an_environment_of_its_own(machine):
    machine.add_python("python3.7", "3.7.9")
    machine.add_python("python3.11", "3.11.7")
    assert machine.set_up().returncode == 0
    machine.calls()
    assert machine.set_up("tf2").returncode == 0
    assert machine.calls()[0] == "-m venv .venv-tf2"
    assert machine.set_up().returncode == 0
    assert machine.calls() == []


@pytest.mark.quick
def test_changed_requirements_are_installed(machine):
    machine.add_python("python3.7", "3.7.9")
    assert machine.set_up().returncode == 0
    machine.calls()
    os.utime(str(machine.project / "requirements.txt"))  # As a checkout of the same content does.
    assert machine.set_up().returncode == 0
    assert machine.calls() == []

    with (machine.project / "requirements.txt").open("a") as stream:
        stream.write("more==1.0\n")
    again = machine.set_up()
    assert "requirements.txt has changed" in again.stdout
    assert machine.calls() == ["-m pip freeze"] + CREATED[2:]
    assert machine.set_up().returncode == 0
    assert machine.calls() == []


def test_a_tensorflow_of_the_users_stays_when_requirements_change(machine):
    machine.add_python("python3.7", "3.7.9")
    assert machine.set_up().returncode == 0
    with (machine.project / "requirements.txt").open("a") as stream:
        stream.write("more==1.0\n")
    assert machine.set_up(FAKE_INSTALLED="tensorflow-gpu==1.15.3").returncode == 0
    assert "-m pip install -r .venv/needed.txt" in machine.calls()
    needed = (machine.project / ".venv/needed.txt").read_text()
    assert "more==1.0" in needed and "\ntensorflow" not in needed


@pytest.mark.parametrize("failing", ["-m venv", "pip==24.0", "-r requirements", "tensorflow"])
def test_a_failure_shows_the_log_and_the_next_run_starts_anew(machine, failing):
    machine.add_python("python3.7", "3.7.9")
    failed = machine.set_up(FAKE_FAILS=failing, FAKE_SAYS="what pip said about it")
    assert failed.returncode == 1
    assert "what pip said about it" in failed.stderr
    machine.calls()
    (machine.project / ".venv/rubbish").write_text("left behind")

    again = machine.set_up()
    assert again.returncode == 0
    assert "its last set-up was not finished" in again.stdout
    assert machine.calls() == CREATED
    assert not (machine.project / ".venv/rubbish").exists()


@pytest.mark.parametrize(
    ("says", "hint"),
    [
        ("Connection to the index timed out. (connect timeout=10)", "HTTPS_PROXY"),
        ("Failed to establish a new connection: Temporary failure in name resolution", "network"),
        ("ReadTimeoutError: Read timed out.", "network"),
        ("SSLError(SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED)", "network"),
        ("OSError: [Errno 13] Permission denied: '/srv'", "no permission"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for tensorflow==1.15.3", "no package"),
        ("ERROR: something else", "bash scripts/setup_environment.sh"),
    ],
)
def test_hints(machine, says, hint):
    machine.add_python("python3.7", "3.7.9")
    failed = machine.set_up(FAKE_FAILS="-r requirements", FAKE_SAYS=says)
    assert hint in failed.stderr.splitlines()[-1]
    # Where only the network is at fault, what pip said about it is no help.
    assert (len(failed.stderr.splitlines()) == 1) == ("network" in failed.stderr)


@pytest.mark.parametrize("silent", ["pip==24.0", "-r requirements"])
@pytest.mark.parametrize("patience", ["3", ""])
def test_an_index_that_does_not_answer_ends_in_one_line(machine, silent, patience):
    machine.add_python("python3.7", "3.7.9")
    started = time.time()
    failed = machine.set_up(FAKE_HANGS=silent, PATIENCE=patience, SECONDS_BETWEEN_SIGNS="2")
    assert time.time() - started < (30 if not patience else 10)
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert "the package index did not answer" in line and "PIP_INDEX_URL" in line
    assert re.search(r"\n  [1-9] s: \+ ", failed.stdout)


def test_one_that_is_only_slow_is_waited_for(machine):
    machine.add_python("python3.7", "3.7.9")
    done = machine.set_up(FAKE_SLOW="-r requirements", PATIENCE="3", SECONDS_BETWEEN_SIGNS="2")
    assert done.returncode == 0, done.stderr
    assert re.search(r"\n  [2-9] s: Downloading a large package\n", done.stdout)


def stop_during(machine, command, how):
    """Starts the set-up, and ends it while an interpreter is busy with ``command``."""
    process = subprocess.Popen(
        **machine.command(FAKE_HANGS=command),
        start_new_session=True,
        # Whoever runs the tests in the background may have made them deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    deadline = time.time() + 30
    calls = machine.environment["FAKE_CALLS"]
    while not (os.path.exists(calls) and command in open(calls).read()):
        assert time.time() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, how)
    return process.communicate()[1].splitlines(), process.returncode


@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGINT, marks=pytest.mark.quick), signal.SIGTERM, signal.SIGKILL]
)
def test_stopped_and_started_again(machine, how):
    machine.add_python("python3.7", "3.7.9")
    lines, status = stop_during(machine, "-r requirements", how)
    assert status != 0
    if how != signal.SIGKILL:
        assert lines[-1].endswith(
            "stopped; the same command starts it again: bash scripts/setup_environment.sh"
        )
    machine.calls()
    again = machine.set_up()
    assert again.returncode == 0
    assert "its last set-up was not finished" in again.stdout
    assert machine.calls() == CREATED
    assert not (machine.project / ".venv.lock").exists()


def test_a_second_set_up_waits_for_the_first(machine):
    machine.add_python("python3.7", "3.7.9")
    lock = machine.project / ".venv.lock"
    lock.mkdir()
    (lock / "pid").write_text("%d\n" % os.getpid())
    second = subprocess.Popen(**machine.command())
    assert "process %d is at it; waiting" % os.getpid() in second.stdout.readline()
    assert machine.calls() == []
    shutil.rmtree(str(lock))
    second.communicate()
    assert second.returncode == 0
    assert machine.calls() == CREATED


def test_an_environment_whose_python_is_gone_is_made_anew(machine):
    machine.add_python("python3.7", "3.7.9")
    assert machine.set_up().returncode == 0
    machine.calls()
    (machine.project / ".venv/bin/python").unlink()
    again = machine.set_up()
    assert "its Python no longer starts" in again.stdout
    assert machine.calls() == CREATED


def test_another_interpreter_makes_it_anew_and_the_same_does_not(machine):
    old = machine.add_python("python3.7", "3.7.9")
    new = machine.add_python("python3.11", "3.11.7")
    assert machine.set_up().returncode == 0
    machine.calls()
    assert machine.set_up(PYTHON=old).returncode == 0
    assert machine.calls() == []
    again = machine.set_up(PYTHON=new)
    assert "PYTHON names another interpreter" in again.stdout
    assert machine.calls() == CREATED
    assert machine.set_up().stdout.startswith(".venv: Python 3.11.7")


def test_an_environment_of_somebody_else_is_left_alone(machine):
    machine.add_python("python3.7", "3.7.9")
    (machine.project / ".venv/bin").mkdir(parents=True)
    refused = machine.set_up()
    assert refused.returncode == 2
    assert ".venv was not made by this script" in refused.stderr
    assert os.listdir(str(machine.project / ".venv")) == ["bin"]


@pytest.mark.parametrize("locale", [{}, {"LANG": "C"}, {"LC_ALL": "nowhere.UTF-8"}])
def test_a_path_that_is_not_ascii_gets_a_locale_that_reads_it(tmp_path, locale):
    """Python 3.7 misreads its own path without; pip then fails far from the cause."""
    folder = tmp_path / "Zo\u00e9"
    folder.mkdir()
    machine = Machine(folder)
    machine.add_python("python3.7", "3.7.9")
    done = machine.set_up(**locale)
    assert done.returncode == 0, done.stderr
    seen = (folder / "calls.locale").read_text()
    assert "utf" in seen.lower() and "nowhere" not in seen


def test_the_environment_may_be_a_link_to_a_larger_disk(machine, tmp_path):
    machine.add_python("python3.7", "3.7.9")
    (tmp_path / "larger disk").mkdir()
    (machine.project / ".venv").symlink_to(tmp_path / "larger disk")
    failed = machine.set_up(FAKE_FAILS="-r requirements", FAKE_SAYS="")
    assert failed.returncode == 1
    assert machine.set_up().returncode == 0
    assert (machine.project / ".venv").is_symlink()
    assert (tmp_path / "larger disk/bin/python").exists()


def test_an_unknown_runtime(machine):
    refused = machine.set_up("tf3")
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "no runtime 'tf3'" in line
