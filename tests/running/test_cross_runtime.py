"""A model trained on one TensorFlow decodes on the other to the same answers."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.support import small
from zones.cells import BASELINE, PREDICTIONS, cells_of, file_name

# The environments that the Makefile makes; OTHER_PYTHON names another one to test with.
ENVIRONMENTS = (ROOT / ".venv", ROOT / ".venv-tf2")


def other_python():
    """The interpreter of the runtime that these tests do not run on, or None."""
    if os.environ.get("OTHER_PYTHON"):
        return os.environ["OTHER_PYTHON"]
    for environment in ENVIRONMENTS:
        python = environment / "bin" / "python"
        if python.exists() and os.path.realpath(sys.prefix) != os.path.realpath(str(environment)):
            return str(python)
    return None


def test_a_model_trained_here_decodes_there_to_the_same_answers(small_files, small_model, tmp_path):
    python = other_python()
    if python is None:
        pytest.skip("needs the other runtime: make setup RUNTIME=tf2, or make setup")
    sweep = dict(do_sweep=True)
    assert small.run(small_files, small_model, prediction_dir=tmp_path / "here", **sweep) == 0
    flags = small.flags(small_files, small_model, prediction_dir=tmp_path / "there", **sweep)
    subprocess.run([python, str(ROOT / "run_squad.py")] + flags, check=True)
    for cell in [BASELINE] + cells_of(small.CONFIG["num_hidden_layers"]):
        name = file_name(PREDICTIONS, cell)
        here, there = (
            json.loads((tmp_path / where / name).read_text()) for where in ("here", "there")
        )
        assert set(here) == set(there)
        assert sum(here[key] != there[key] for key in here) <= 0.01 * len(here), name
