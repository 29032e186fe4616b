"""A model trained on one TensorFlow decodes on every other to the same answers."""

import itertools
import json
import os
import subprocess

import pytest

from tests.conftest import ROOT
from tests.support import small
from zones.cells import BASELINE, PREDICTIONS, cells_of, file_name

pytestmark = pytest.mark.slow

CELLS = [BASELINE, *cells_of(small.CONFIG["num_hidden_layers"])]


def pythons():
    """TensorFlow's version -> an interpreter that has it, of the environments that make makes."""
    found = {}
    for path in sorted(ROOT.glob(".venv*/bin/python")):
        command = [str(path), "-c", "import tensorflow; print(tensorflow.__version__)"]
        asked = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
        )
        if asked.returncode == 0:
            found.setdefault(asked.stdout.decode().strip(), str(path))
    return found


@pytest.fixture(scope="module")
def runtimes():
    found = pythons()
    if len(found) < 2:
        pytest.skip("needs two runtimes at least: make setup RUNTIME=1.15, 2.15, 2.21")
    return found


def run(python, flags):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run([python, str(ROOT / "run_squad.py"), *flags], env=environment, check=True)


def test_what_one_runtime_trains_all_decode_alike(runtimes, small_files, tmp_path):
    for trainer, python in runtimes.items():
        model = tmp_path / trainer
        run(python, small.flags(small_files, model, do_train=True, learning_rate=1e-3))
        for decoder, other in runtimes.items():
            where = dict(prediction_dir=model / decoder, write_nbest=True)
            run(other, small.flags(small_files, model, do_sweep=True, **where))
        for decoder, cell in itertools.product(runtimes, CELLS):
            name = file_name(PREDICTIONS, cell)
            here, there = (
                json.loads((model / which / name).read_text()) for which in (trainer, decoder)
            )
            assert list(here) == list(there)
            different = sum(here[key] != there[key] for key in here)
            assert different <= 0.01 * len(here), (trainer, decoder, name)
