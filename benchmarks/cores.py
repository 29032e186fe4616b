"""Times what several cores gain: in one window together, or side by side with a window each.

    python -m benchmarks.cores --size half --windows 8 --rounds 3

The windows are made up, of BERT-base's width and --length tokens; each is read with the baseline
and all cells of the map. Every figure is from a process of its own, because the first session of a
process decides how many threads an operation has: a whole round of them one after another, as often
as --rounds says, of which the median is shown. A first window, which prepares the graph, is not
timed. The last two rows are the yardstick: a product of two matrices, alone, and one on each core.
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
import resource
import tempfile
import time

import numpy as np
import pandas as pd
import tensorflow.compat.v1 as tf

from benchmarks.matmul_rate import COLUMNS, INNER, ROWS
from benchmarks.sweep import SIZES, make_checkpoint, timed
from common import command_line
from modeling import BertConfig
from running import decoding, loop, machines
from running import input as records
from zones.cells import BASELINE, cells_of

VOCABULARY, QUESTION = 1000, 14
ALONE, TOGETHER, SIDE_BY_SIDE = "one thread", "all threads in one window", "windows side by side"
WAYS = (ALONE, TOGETHER, SIDE_BY_SIDE)
MATMUL_ALONE, MATMULS = "one matmul", "a matmul on each core"


def window(number, length, max_seq_length):
    """A made-up batch of one window: dict of int32 arrays ``[1, max_seq_length]``."""
    tokens = np.random.RandomState(number).randint(5, VOCABULARY, length)
    passage = slice(QUESTION + 2, length - 1)
    batch = {name: np.zeros((1, max_seq_length), np.int32) for name in records.READ}
    batch[records.INPUT_IDS.name][0, :length] = tokens
    batch[records.SEGMENT_IDS.name][0, QUESTION + 2 : length] = 1
    batch[records.TOKEN_ROLES.name][0, 1 : QUESTION + 1] = 1
    batch[records.TOKEN_ROLES.name][0, passage] = 2
    batch[records.INPUT_MASK][0, :length] = 1
    return batch


def reading_of(model, max_seq_length):
    """A Reading of the baseline and every cell, a window at a time."""
    config = BertConfig.from_file(str(model / "bert_config.json"))
    return decoding.Reading(
        config=config,
        checkpoint=str(model / "model.ckpt"),
        cells=(BASELINE, *cells_of(config.num_hidden_layers)),
        max_seq_length=max_seq_length,
        limits_spans=False,
        score_padding=False,
        n_best=20,
        batch_size=1,
        variants_at_once=8,
        mixed_precision=False,
    )


def together(reading):
    """A function that reads a batch with the threads of all cores, as a plain session does."""
    with tf.Graph().as_default():
        features = records.placeholders(1, reading.max_seq_length)
        best = decoding.best_positions(reading, features)
        session = tf.Session(config=machines.session_config())
        tf.train.Saver(tf.trainable_variables()).restore(session, reading.checkpoint)
    return lambda batch: session.run(best, {features[name]: batch[name] for name in features})


def read_windows(way, model, windows, length, max_seq_length, threads):
    """Seconds for a window, in this process."""
    reading = reading_of(model, max_seq_length)
    batches = [window(number, length, max_seq_length) for number in range(windows)]
    if way == TOGETHER:
        read = together(reading)

        def read_all(batches):
            """The results of all batches, a list."""
            return [read(batch) for batch in batches]
    else:
        reader = decoding.BatchReader(reading, 1 if way == ALONE else threads)

        def read_all(batches):
            """The results of all batches, a list."""
            return list(reader.read(batches))

    # Warms up every thread: each allocates memory of its own the first time.
    read_all(batches[:threads])
    started = time.perf_counter()
    read_all(batches)
    return (time.perf_counter() - started) / windows


def multiply(way, threads, seconds=3.0):
    """Seconds for a product of two matrices, when so many threads work on one each."""
    loop.make_pools_for_decoding()
    random = np.random.RandomState(0)
    with tf.Graph().as_default(), tf.Session(config=machines.session_config(threads=1)) as session:
        left = tf.Variable(random.rand(ROWS, INNER).astype(np.float32))
        right = tf.Variable(random.rand(INNER, COLUMNS).astype(np.float32))
        product = tf.matmul(left, right).op
        session.run(tf.global_variables_initializer())
        options = tf.RunOptions(inter_op_thread_pool=-1)

        def some(times):
            """Multiplies so many times."""
            for _ in range(times):
                session.run(product, options=options)

        started = time.perf_counter()
        some(5)
        times = max(5, int(5 * seconds / (time.perf_counter() - started)))
        workers = 1 if way == MATMUL_ALONE else threads
        started = time.perf_counter()
        list(loop.side_by_side(some, [times] * workers, workers))
        return (time.perf_counter() - started) / (times * workers)


def main(argv=None):
    """Prints the table; see the top of this file."""
    parser = command_line.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=sorted(SIZES), default="half")
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--length", type=int, default=190, help="tokens of a window")
    parser.add_argument("--max_seq_length", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--model", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    threads = machines.num_cores()
    if arguments.way:
        quiet.prepare()
        if arguments.way in WAYS:
            sizes = (arguments.windows, arguments.length, arguments.max_seq_length)
            seconds = read_windows(arguments.way, arguments.model, *sizes, threads)
        else:
            seconds = multiply(arguments.way, threads)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2.0**20
        print(json.dumps({"seconds": seconds, "GiB": memory}))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "model"
        make_checkpoint(model, arguments.size, VOCABULARY)
        print(table(arguments, model).to_string(float_format="%.3f"))
    return 0


def table(arguments, model):
    """The ways as a DataFrame: median seconds, times faster than one thread, memory."""
    rows, cores = [], os.sched_getaffinity(0)
    for _ in range(arguments.rounds):
        for way in (MATMUL_ALONE, MATMULS, *WAYS):
            command = [sys.executable, "-m", "benchmarks.cores", "--way", way, "--model", model]
            for name in ("windows", "length", "max_seq_length"):
                command += ["--" + name, getattr(arguments, name)]
            printed = timed([str(part) for part in command], cores).printed
            rows.append(dict(json.loads(printed), way=way))
    medians = pd.DataFrame(rows).groupby("way").median().reindex([*WAYS, MATMUL_ALONE, MATMULS])
    alone = [ALONE] * len(WAYS) + [MATMUL_ALONE] * 2
    medians["times faster"] = medians["seconds"][alone].values / medians["seconds"]
    return medians


if __name__ == "__main__":
    command_line.run(main)
