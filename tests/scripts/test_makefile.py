"""What make does, with false interpreters."""

import shutil
import subprocess

import pytest

from tests.support.false_machine import CREATED, ROOT, Machine


@pytest.fixture
def machine(tmp_path):
    """A Machine."""
    return Machine(tmp_path)


@pytest.fixture
def make(machine):
    """Runs make in the machine's project."""
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    machine.add_python("python3.7", "3.7.9")
    machine.add_python("python3.11", "3.11.7")

    def run(*arguments, **variables):
        command = machine.command(**variables)
        command["args"] = [shutil.which("make"), *arguments]
        return subprocess.run(**command, check=False)

    return run


@pytest.mark.parametrize(
    ("target", "commands"),
    [
        ("test", ["-m pytest -m not slow"]),
        ("test-slow", ["-m pytest -m slow"]),
        ("demo", ["-m demo.run"]),
        ("lint", ["-m ruff check .", "-m ruff format --check ."]),
        ("setup", []),
        (
            "setup-ray",
            ["-m pip freeze", "-m pip install -r requirements.txt -r requirements-ray.txt"],
        ),
    ],
)
def test_targets_set_up_what_is_missing_and_then_run(make, machine, target, commands):
    assert make(target).returncode == 0
    assert [call.rstrip() for call in machine.calls()] == CREATED + commands
    assert make(target).returncode == 0
    assert [call.rstrip() for call in machine.calls()] == commands


def test_a_failing_test_fails_make(make):
    assert make("test", FAKE_FAILS="-m pytest", FAKE_SAYS="1 failed").returncode != 0


@pytest.mark.parametrize(
    ("runtime", "python", "environment"),
    [("1.15", "3.7.9", ".venv-1.15"), ("2.15", "3.11.7", ".venv-tf2")]
    + [("tf2", "3.11.7", ".venv-tf2"), ("2.21", "3.13.2", ".venv-2.21")],
)
def test_make_test_on_another_runtime(make, machine, runtime, python, environment):
    machine.add_python("python3.13", "3.13.2")
    run = make("test", "RUNTIME=" + runtime)
    assert "Python " + python in run.stdout
    assert "%s/bin/python -m pytest" % environment in run.stdout
    assert machine.calls()[0] == "-m venv " + environment
    assert not (machine.project / ".venv").exists()


@pytest.mark.quick
def test_a_runtime_that_the_default_environment_has_is_not_installed_again(make, machine):
    assert make("setup").returncode == 0
    machine.calls()
    assert ".venv/bin/python -m pytest" in make("test", "RUNTIME=1.15").stdout
    assert [call.split()[1] for call in machine.calls()] == ["pytest"]
    assert make("setup", "RUNTIME=2.15").returncode == 0
    assert machine.calls()[0] == "-m venv .venv-tf2"


@pytest.mark.parametrize(
    "typed",
    [pytest.param(["demo"], marks=pytest.mark.quick), ["test", "RUNTIME=2.21"], ["setup-ray"]],
)
def test_a_refusal_names_what_was_typed(make, machine, typed):
    (machine.bin / "python3.7").unlink()
    (machine.bin / "python3.11").unlink()
    refused = make(*typed)
    assert refused.returncode != 0
    assert "make " + " ".join(typed) + " PYTHON=/path/to/python" in refused.stderr


def test_an_unknown_runtime(make):
    assert "no runtime 'tf3'" in make("test", "RUNTIME=tf3").stderr


def test_arguments_are_passed_on(make, machine):
    assert make("test", "ARGS=-k zones").returncode == 0
    assert machine.calls()[-1] == "-m pytest -m not slow -k zones"


@pytest.mark.quick
def test_help_is_the_default_and_names_every_target(make, machine):
    shown = make()
    assert shown.returncode == 0
    for target in ("setup", "setup-ray", "demo", "test", "lint", "clean"):
        assert "make %s " % target in shown.stdout
    assert machine.calls() == []


@pytest.mark.quick
def test_clean_says_what_it_removes_and_keeps_the_users_work(make, machine):
    assert make("setup").returncode == 0
    work = ["output/squad/model", "prediction/predictions.json", "demo/output/results.csv"]
    work += ["squad/train-v1.1.json", "bert/vocab.txt", "results.csv"]
    caches = ["__pycache__/a.pyc", "squad/__pycache__/b.pyc", ".pytest_cache/c", ".ruff_cache/d"]
    for name in work + caches:
        (machine.project / name).parent.mkdir(parents=True, exist_ok=True)
        (machine.project / name).write_text("")
    cleaned = make("clean")
    assert cleaned.returncode == 0
    assert ".venv" in cleaned.stdout
    assert all((machine.project / name).exists() for name in work)
    assert not any((machine.project / name).exists() for name in caches)
    assert not (machine.project / ".venv").exists()


@pytest.mark.quick
def test_git_passes_over_what_the_commands_of_the_readme_write():
    written = (
        "results.csv results_significance.csv results.json squad.pdf squad.png report.html map.svg "
        "my-reader/reader.json output/squad/checkpoint prediction/predictions.json "
        "prediction_seed1/predictions.json .python/uv bert/vocab.txt "
        "squad/dev-v1.1.json squad/train-v1.1.json.part cmrc2018/cmrc2018_dev.json"
    ).split()
    run = subprocess.run(
        ["git", "check-ignore", *written],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        universal_newlines=True,
        check=False,
    )
    if run.returncode == 128:
        pytest.skip("needs a clone of the repository, not a copy")
    assert run.stdout.split() == written
