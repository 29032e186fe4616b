"""What make does, with false interpreters."""

import shutil
import subprocess

import pytest

from tests.support.false_machine import CREATED, Machine


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
        ("test", ["-m pytest"]),
        ("demo", ["-m demo.run"]),
        ("lint", ["-m ruff check .", "-m ruff format --check ."]),
        ("setup", []),
        (
            "setup-ray",
            [
                "-m pip install -q --disable-pip-version-check -r requirements.txt "
                "-r requirements-ray.txt"
            ],
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


def test_make_test_on_the_second_runtime(make, machine):
    assert "Python 3.11.7" in make("test", "RUNTIME=tf2").stdout
    assert machine.calls()[0] == "-m venv .venv-tf2"
    assert not (machine.project / ".venv").exists()
    assert "no runtime 'tf3'" in make("test", "RUNTIME=tf3").stderr


def test_arguments_are_passed_on(make, machine):
    assert make("test", "ARGS=-k zones").returncode == 0
    assert machine.calls()[-1] == "-m pytest -k zones"


def test_help_is_the_default_and_names_every_target(make, machine):
    shown = make()
    assert shown.returncode == 0
    for target in ("setup", "setup-ray", "demo", "test", "lint", "clean"):
        assert "make %s " % target in shown.stdout
    assert machine.calls() == []


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
