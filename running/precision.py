"""Whether 16 bits pay on this machine: measured before they are used.

A processor may have instructions for 16 bits and still be slower with them, where TensorFlow or
oneDNN has no good kernel for it.
"""

import time

import numpy as np
import tensorflow.compat.v1 as tf

from common.progress import say
from modeling import TransformerLayer
from running import loop, machines
from running.flags import FORCE

# Five cells of a window of 190 tokens.
_ROWS = 950
_SECONDS = 1.0


def settled(asked, config, verbose=False):
    """Whether to multiply in 16 bits. Says what was measured.

    Args:
        asked: True, False or FORCE.
        config: the model's BertConfig.
        verbose: see quiet.prepare.
    """
    if asked in (False, FORCE):
        return bool(asked)
    killed = "--mixed_precision: the process that measures it was killed; leave the flag out"
    plain, mixed = loop.apart(seconds_of_feed_forward, config, killed=killed, verbose=verbose)
    pays = mixed < plain
    say(
        "--mixed_precision: this model's products take %.1f ms in float32 and %.1f in 16 bits on "
        "this machine%s"
        % (
            1000 * plain,
            1000 * mixed,
            "." if pays else ", so float32 is used (--mixed_precision=force uses 16 bits).",
        )
    )
    return pays


def seconds_of_feed_forward(config):
    """The least seconds that the products behind one layer's attention take.

    Args:
        config: a BertConfig.

    Returns:
        (seconds in float32, seconds in 16 bits).
    """
    loop.make_pools_for_decoding()
    runs = [_feed_forward(config, mixed) for mixed in (False, True)]
    seconds = [[], []]
    end = time.perf_counter() + _SECONDS
    # In turns, so that whatever else the machine does hits both. Their first runs prepare kernels.
    while len(seconds[0]) < 4 or time.perf_counter() < end:
        for run, taken in zip(runs, seconds):
            started = time.perf_counter()
            run()
            taken.append(time.perf_counter() - started)
    return tuple(min(taken[1:]) for taken in seconds)


def _feed_forward(config, mixed_precision):
    """A function that computes it once."""
    rows = np.random.RandomState(0).randn(1, _ROWS, config.hidden_size).astype(np.float32)
    with tf.Graph().as_default():
        context, residual = (tf.get_variable(name, initializer=rows) for name in "cr")
        finished = TransformerLayer(config).finish(context, residual).op
        session = tf.Session(config=machines.session_config(mixed_precision, threads=1))
        session.run(tf.global_variables_initializer())
    return lambda: session.run(finished, options=loop.BY_CALLER)
