"""Every command, started by a Python without the packages."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# -S leaves out what is installed in the environment.
BARE = [sys.executable, "-S", "-s", "-E"]
COMMANDS = sorted(path.name for path in ROOT.glob("*.py") if "\ndef main(" in path.read_text())
MODULES = ["demo.run"] + sorted(
    "benchmarks." + path.stem
    for path in (ROOT / "benchmarks").glob("*.py")
    if "__main__" in path.read_text()
)
# What these need beside Python's own library, no environment of ours has.
NEED_NOTHING = {"benchmarks.peer"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the commands and folders, without an environment; its path has a space."""
    root = tmp_path_factory.mktemp("without environment") / "the project"
    ours = shutil.ignore_patterns(".*", "__pycache__", "output", "tests", "docs")
    shutil.copytree(str(ROOT), str(root), ignore=ours)
    return root


def refusal(project, arguments, cwd=None, python=BARE):
    """The one line of a command that cannot start."""
    run = subprocess.run(
        [*python, *arguments],
        cwd=str(cwd or project),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        check=False,
    )
    assert run.returncode == 2, run.stderr
    (line,) = run.stderr.splitlines()
    return line


def test_these_are_the_commands():
    assert len(COMMANDS) >= 8 and {"run_squad.py", "eval_squad.py", "report.py"} <= set(COMMANDS)


@pytest.mark.parametrize(
    "command", COMMANDS + [name for name in MODULES if name not in NEED_NOTHING]
)
def test_without_the_environment_a_command_says_how_to_get_it(project, command):
    arguments = [command] if command.endswith(".py") else ["-m", command]
    line = refusal(project, arguments)
    assert line.startswith(command.split(".")[-2 if command.endswith(".py") else -1])
    assert " has no " in line and sys.executable in line
    assert line.endswith("; type: make setup && source .venv/bin/activate")


def test_what_is_to_be_typed_is_true_where_the_user_stands(project, tmp_path):
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "activate").write_text("")
    try:
        line = refusal(project, ["report.py"])
        assert line.endswith("; type: source .venv/bin/activate")
        line = refusal(project, [str(project / "report.py")], cwd=tmp_path)
        assert line.endswith("; type: source '%s/.venv/bin/activate'" % project)
        # The environment's own Python: there is nothing to be activated.
        environment = str(project / ".venv-2.21")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
        line = refusal(project, ["report.py"], python=[environment + "/bin/python"])
        assert line.endswith("; type: make setup RUNTIME=2.21")
        assert refusal(project, ["report.py"]).endswith("; type: source .venv/bin/activate")
        shutil.rmtree(str(project / ".venv"))
        line = refusal(project, ["report.py"])
        assert line.endswith("; type: source .venv-2.21/bin/activate")
    finally:
        for environment in project.glob(".venv*"):
            shutil.rmtree(str(environment))


@pytest.mark.parametrize("command", ["run_squad.py", "get_results.py", "report.py"])
def test_a_control_c_while_it_is_loaded_is_one_line(command, tmp_path):
    """Its first import after ours is one that asks to be stopped."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'numpy':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    run = subprocess.run(
        [sys.executable, str(ROOT / command)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        check=False,
    )
    assert run.returncode == 130
    assert run.stderr.split("\n") == [
        "", "%s: stopped before it began; give the same command again" % command, "",
    ]  # fmt: skip


def test_a_module_of_ours_that_is_missing_is_no_matter_of_the_environment(project):
    code = "import common.environment, zones.nowhere"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=str(project), stderr=subprocess.PIPE, check=False
    )
    assert run.returncode == 1 and b"Traceback" in run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_help_by_path_and_from_anywhere(tmp_path, module):
    path = str(ROOT / (module.replace(".", "/") + ".py"))
    run = subprocess.run(
        [sys.executable, path, "--help"],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, b"") and run.stdout
