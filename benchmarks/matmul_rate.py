"""The machine's float32 matmul rate, ``[4096, 768] x [768, 3072]``, as TensorFlow reaches it.

    python -m benchmarks.matmul_rate

prints one number, in GFLOP/s. It is the yardstick of benchmarks/sweep.py, which runs this program
on the same cores just before and after what it measures.
"""

import os

# TensorFlow reads this once, when it is loaded.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time

import numpy as np
import tensorflow.compat.v1 as tf

ROWS, INNER, COLUMNS = 4096, 768, 3072
SECONDS = 3.0


def measure():
    """The rate in GFLOP/s: the mean over about three seconds."""
    tf.disable_v2_behavior()
    random = np.random.RandomState(0)
    with tf.Graph().as_default(), tf.Session() as session:
        left = tf.Variable(random.rand(ROWS, INNER).astype(np.float32))
        right = tf.Variable(random.rand(INNER, COLUMNS).astype(np.float32))
        product = tf.matmul(left, right).op
        session.run(tf.global_variables_initializer())
        session.run(product)
        times, started = 0, time.perf_counter()
        while time.perf_counter() - started < SECONDS:
            session.run(product)
            times += 1
        seconds = time.perf_counter() - started
    return times * 2.0 * ROWS * INNER * COLUMNS / seconds / 1e9


if __name__ == "__main__":
    tf.logging.set_verbosity(tf.logging.ERROR)
    print("%.1f" % measure())
