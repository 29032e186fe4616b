"""TensorFlow's own lines: none where all is well, all of them where it cannot be loaded."""

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.support import small


def stderr_of(code, **environment):
    """What a fresh Python writes to stderr while it runs the code in the project's folder."""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=str(ROOT),
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env=dict({k: v for k, v in os.environ.items() if k[:6] != "TF_CPP"}, **environment),
        check=False,
    )
    return ran.returncode, ran.stderr


SESSION = """
from common import quiet
import tensorflow.compat.v1 as tf
quiet.prepare()
with tf.Session() as session:
    session.run(tf.matmul(tf.ones([9, 9]), tf.ones([9, 9])))
"""


# A tensor's memory is kept for the next one: no page of it is asked of the system again.
KEPT = """
import resource, sys
product = tf.reduce_sum(tf.random_uniform([1 << 24]))
with tf.Session() as session:
    faults = []
    for _ in range(4):
        session.run(product)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
assert faults[3] - faults[2] < 1000, faults
assert "keras" not in sys.modules
"""


def test_tensorflow_says_nothing_keeps_memory_and_leaves_keras_out():
    assert stderr_of(SESSION + KEPT) == (0, "")


def test_whoever_asks_for_its_notes_gets_them():
    assert "CPU" in stderr_of(SESSION, TF_CPP_MIN_LOG_LEVEL="0")[1]


def test_what_was_held_back_is_let_out_when_it_cannot_be_loaded(tmp_path):
    package = tmp_path / "tensorflow"
    (package / "compat").mkdir(parents=True)
    (package / "__init__.py").write_text("import os; os.write(2, b'no AVX here\\n')")
    (package / "compat" / "__init__.py").write_text("")
    (package / "compat" / "v1.py").write_text("raise ImportError('cannot be loaded')")
    status, said = stderr_of("from common import quiet", PYTHONPATH=str(tmp_path))
    assert status == 1
    assert "no AVX here" in said and said.splitlines()[-1] == "ImportError: cannot be loaded"


def test_without_a_stderr_it_is_loaded_all_the_same():
    code = "import os; os.close(2); from common import quiet; os.write(1, b'loaded')"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=str(ROOT), stdout=subprocess.PIPE, check=False
    )
    assert ran.stdout == b"loaded"


# The words with which lines of ours begin, when a small model is trained and decoded.
OURS = (
    "NOTE: ", "Training from scratch", "Decoded the baseline", "decoding", "reading data.json",
    "tokenising", "training: ", "writing answers", "24 questions, 65 windows",
)  # fmt: skip


COMMANDS = sorted(p.name for p in ROOT.glob("*.py") if '"__main__"' in p.read_text())


def run(*command):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        check=False,
    )


# These load TensorFlow.
LOUD = {"ask.py", "convert_checkpoint.py", "run_squad.py"}


@pytest.mark.parametrize(
    "command",
    [c if c in LOUD else pytest.param(c, marks=pytest.mark.slow) for c in COMMANDS],
)
def test_a_commands_help_comes_without_lines_of_others(command):
    ran = run(command, "--help")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout


@pytest.mark.slow
def test_converting_says_what_is_ours_and_nothing_else(shared, tmp_path):
    reader = shared / "golden" / "hub" / "bert-qa" / "model"
    for ran in (
        run("convert_checkpoint.py", reader, tmp_path / "ours"),
        run("convert_checkpoint.py", "--to-safetensors", tmp_path / "ours", tmp_path / "theirs"),
    ):
        assert ran.returncode == 0, ran.stderr
        assert not [line for line in ran.stderr.splitlines() if re.match(r"[IWEF]?\d{4}|20", line)]
        assert "tensorflow" not in ran.stderr.lower()


def test_training_and_decoding_say_what_is_ours_and_nothing_else(small_files, tmp_path):
    """As a program trains and decodes: the training in a process of its own."""
    flags = small.flags(small_files, tmp_path, do_train=True, do_predict=True)
    ran = run("run_squad.py", *flags)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stderr.splitlines()
    assert not [line for line in lines if not line.startswith(OURS)]
    assert [line for line in lines if line.startswith("training: 12 steps")]
