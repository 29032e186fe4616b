"""The machine's float32 matmul rate, ``[4096, 768] x [768, 3072]``.

    python -m benchmarks.matmul_rate

prints two numbers, in GFLOP/s: as TensorFlow reaches it, and as numpy does. They are the yardstick
of benchmarks/sweep.py, which runs this program on the same cores just before and after what it
measures.
"""

import pathlib
import sys

# When it is started by its path, the folder of this file is on sys.path, not the one above.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import common.environment  # noqa: F401

from common import quiet  # isort: split

import argparse
import time

import numpy as np
import tensorflow.compat.v1 as tf

ROWS, INNER, COLUMNS = 4096, 768, 3072
SECONDS = 3.0


def of_tensorflow():
    """TensorFlow's rate in GFLOP/s: the mean over about three seconds."""
    with tf.Graph().as_default(), tf.Session() as session:
        left, right = (tf.Variable(matrix) for matrix in _matrices())
        product = tf.matmul(left, right).op
        session.run(tf.global_variables_initializer())
        return _rate(lambda: session.run(product))


def of_numpy():
    """numpy's."""
    left, right = _matrices()
    return _rate(lambda: left @ right)


def _matrices():
    random = np.random.RandomState(0)
    return [random.rand(*shape).astype(np.float32) for shape in ((ROWS, INNER), (INNER, COLUMNS))]


def _rate(multiply):
    multiply()
    times, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        multiply()
        times += 1
    return times * 2.0 * ROWS * INNER * COLUMNS / (time.perf_counter() - started) / 1e9


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    quiet.prepare()
    print("%.1f %.1f" % (of_tensorflow(), of_numpy()))
