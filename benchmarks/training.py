"""Times our training step beside a careful user's in PyTorch, on the same windows.

    python -m benchmarks.training --size small --steps 8 --peer path/to/python-with-torch

The windows are made up, of some 190 tokens each, in batches of eight of similar length. Both run
forward, backward and the optimizer with dropout, each in a process of its own; a first step, which
prepares the graph, is not timed.
"""

import pathlib
import sys

# When it is started by its path, the folder of this file is on sys.path, not the one above.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import common.environment  # noqa: F401

from common import quiet  # isort: split

import argparse
import json
import os
import time

import numpy as np
import pandas as pd
import tensorflow.compat.v1 as tf

from benchmarks.sweep import SIZES, peer_row, timed
from common import command_line
from modeling import BertConfig
from running import input as records
from running import machines, training

# Windows in a batch, and tokens of a vocabulary: those of benchmarks/peer.py.
BATCH, VOCABULARY = 8, 30000
QUESTION, LONGEST = 14, 512


def made_up_lengths(count):
    """Tokens of each window, shortest first: a normal distribution, as SQuAD's nearly are."""
    drawn = np.random.RandomState(0).normal(190, 55, count)
    return np.sort(np.clip(drawn, 60, 384).astype(int))


def batch_of(lengths):
    """A made-up batch: dict of int32 arrays, as the input pipeline gives them."""
    random = np.random.RandomState(sum(lengths))
    shape = (len(lengths), LONGEST)
    arrays = {name: np.zeros(shape, np.int32) for name in records.READ}
    for row, length in enumerate(lengths):
        arrays[records.INPUT_MASK][row, :length] = 1
        arrays[records.INPUT_IDS.name][row, :length] = random.randint(5, VOCABULARY, length)
        arrays[records.TOKEN_ROLES.name][row, 1 : QUESTION + 1] = 1
        arrays[records.TOKEN_ROLES.name][row, QUESTION + 2 : length - 1] = 2
        arrays[records.SEGMENT_IDS.name][row, QUESTION + 2 : length] = 1
    for spec in (records.START_POSITION, records.END_POSITION):
        arrays[spec.name] = np.full(len(lengths), QUESTION + 3, np.int32)
    return arrays


def train(size, lengths):
    """Trains on the windows, a batch at a time: (CPU seconds, wall seconds) for a step."""
    quiet.prepare()
    config = BertConfig(vocab_size=VOCABULARY, **SIZES[size])
    batches = [batch_of(lengths[first : first + BATCH]) for first in range(0, len(lengths), BATCH)]
    with tf.Graph().as_default():
        fed = {
            name: tf.placeholder(tf.int32, [None] + list(array.shape[1:]))
            for name, array in batches[0].items()
        }
        tf.train.get_or_create_global_step()
        _, train_op = training.make_step(config, False, False, 3e-5, 1000, 100)(fed)
        with tf.Session(config=machines.session_config()) as session:
            session.run(tf.global_variables_initializer())

            def step(batch):
                """Trains on a batch."""
                session.run(train_op, {fed[name]: batch[name] for name in fed})

            step(batches[0])
            cpu, wall = time.process_time(), time.perf_counter()
            for batch in batches:
                step(batch)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu / len(batches), wall / len(batches)


def ours(arguments, cores):
    """Our row, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.training", "--here", "--size", arguments.size]
    command += ["--steps", str(arguments.steps)]
    return json.loads(timed(command, cores).printed)


def theirs(arguments, cores, lengths):
    """PyTorch's row, of benchmarks/peer.py."""
    config = BertConfig(vocab_size=VOCABULARY, **SIZES[arguments.size])
    row = peer_row(arguments.peer, "train", cores, lengths, config)
    steps = len(lengths) / BATCH
    return {"CPU s/step": row["cpu_seconds"] / steps, "s/step": row["wall_seconds"] / steps}


def main(argv=None):
    """Prints the table; see the top of this file."""
    parser = command_line.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=sorted(SIZES), default="small")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help="a Python with PyTorch: time it, too")
    parser.add_argument("--cores", choices=("1", "all"), default="1")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    lengths = made_up_lengths(arguments.steps * BATCH)
    if arguments.here:
        cpu, wall = train(arguments.size, lengths)
        print(json.dumps({"CPU s/step": cpu, "s/step": wall}))
        return 0
    everywhere = sorted(os.sched_getaffinity(0))
    cores = everywhere if arguments.cores == "all" else everywhere[-1:]
    rows = []
    for _ in range(arguments.rounds):
        rows.append(dict(ours(arguments, cores), who="ours, TensorFlow " + tf.__version__))
        if arguments.peer:
            rows.append(dict(theirs(arguments, cores, lengths), who="PyTorch"))
    print(pd.DataFrame(rows).groupby("who").agg(["min", "median"]).to_string(float_format="%.3f"))
    return 0


if __name__ == "__main__":
    command_line.run(main)
