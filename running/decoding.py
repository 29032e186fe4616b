"""Decoding a data set: baseline, one cell or the whole map, in one forward pass.

It has three steps. The plan (plan.py): which cells are left, under which name. The decoding itself:
of every window and cell only the best positions leave the graph, in this process, in a cluster or
on a TPU. And the writing (writing.py): answers picked from the positions, cell by cell. What is
decoded is saved as the work goes on (saved.py), so that a run that was killed goes on where it was.
"""

import collections
import contextlib
import dataclasses
import functools
import json
import time
from typing import NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf
import tqdm

from common import files
from common.configuration import BertConfig
from common.finished import describe
from common.progress import counted, progress, say
from common.sample import Sample
from running import checkpoints, cluster, estimator, loop, machines, sampling, saved
from running import input as records
from running.estimate import Estimate, costs_of
from running.plan import CELLS_AT_ONCE, description, name_of_run, plan, weighed_by
from running.writing import picker_of, write, write_attention
from spans import data_sets, scores
from spans.windows import make_windows
from zones import own, sweep
from zones.calls import with_calls
from zones.cells import BASELINE, Cell
from zones.masks import define_own, own_zones
from zones.reader import Reader

# Decoding ---------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """How windows are read, for whoever does it: all that the best positions depend on.

    Attributes:
        config: the model's BertConfig.
        checkpoint: the path of its weights.
        cells: the cells to read with.
        max_seq_length: what windows are padded to.
        limits_spans: see spans.data_sets.DataSet.
        score_padding: see spans.scores.limited.
        n_best: how many positions to keep.
        batch_size: how many windows are read together.
        variants_at_once: see zones.sweep.read_cells.
        mixed_precision: see machines.check_mixed_precision.
        own_zones: what the user's own zones are, as JSON.
        weighed: the zones whose weight is wanted; see zones.sweep.read_and_weigh.
    """

    config: BertConfig
    checkpoint: str
    cells: Tuple[Cell, ...]
    max_seq_length: int
    limits_spans: bool
    score_padding: bool
    n_best: int
    batch_size: int
    variants_at_once: int
    mixed_precision: bool
    own_zones: str = "{}"
    weighed: Tuple[str, ...] = ()


def reading_of(flags, config, checkpoint, cells, batch_size):
    """The Reading that flags ask for, in float32 and with nothing weighed.

    Args:
        flags: the flags of run_squad.py, as attributes, such as a Settings.
        config, checkpoint, cells, batch_size: as in Reading.
    """
    return Reading(
        config=config,
        checkpoint=checkpoint,
        cells=tuple(cells),
        max_seq_length=flags.max_seq_length,
        limits_spans=data_sets.named(flags.dataset).limits_spans,
        score_padding=flags.score_padding,
        n_best=min(flags.n_best_size, flags.max_seq_length),
        batch_size=batch_size,
        variants_at_once=flags.predict_batch_size,
        mixed_precision=False,
        own_zones=json.dumps(own_zones()),
    )


def windows_at_once(cells, sequences):
    """How many windows to read together so that memory holds ``sequences`` of them.

    The sweep holds a window once for each cell that masks the same first layer (zones/sweep.py), or
    ``sequences`` times if that is less. For example, five zones in each of 12 layers and 80
    sequences make 16 windows, since at each layer five variants of them go on together.
    """
    leaving = collections.Counter(cell.layer or 0 for cell in cells if cell != BASELINE)
    return max(1, sequences // max(leaving.values(), default=1))


def best_positions(reading, features, on_tpu=False):
    """The graph: windows -> the best positions for every cell.

    Args:
        reading: a Reading.
        features: dict of int32 tensors ``[B, T]``.
        on_tpu: whether shapes are static.

    Returns:
        A dict of tensors, the fields of spans.scores.best_positions; and where zones are weighed,
        saved.WEIGHTS and saved.ROWS.
    """
    # The weights are read from a checkpoint: no others are to be drawn.
    config = dataclasses.replace(reading.config, initializer_range=0.0)
    reader = Reader(config, one_hot_embeddings=on_tpu)
    if not on_tpu and not machines.gpus():
        reader.layers = with_calls(reader.layers)
    batch = records.batch_from(features, on_tpu, reading.score_padding)
    logits, weights, rows = sweep.read_and_weigh(
        reader, batch, reading.cells, reading.variants_at_once, reading.weighed
    )
    logits = scores.limited(
        tf.stack(list(logits.values())), batch, reading.limits_spans, reading.score_padding
    )
    results = dict(scores.best_positions(logits, reading.n_best)._asdict())
    if reading.weighed:
        results.update({saved.WEIGHTS: weights, saved.ROWS: rows})
    return results


def _batches(reading, windows):
    """Yields the windows in batches, as dicts of arrays."""
    for first in range(0, len(windows), reading.batch_size):
        batch = windows[first : first + reading.batch_size]
        yield records.padded(batch, reading.max_seq_length)


class BatchReader:
    """Reads batches in this process.

    Args:
        reading: a Reading.
        threads: how many batches at once; None is as many as make sense here.
    """

    def __init__(self, reading, threads=None):
        define_own(json.loads(reading.own_zones))

        def graph():
            """(inputs, outputs), as loop.Session wants them."""
            features = records.placeholders(reading.batch_size, reading.max_seq_length)
            return features, best_positions(reading, features)

        self._threads = loop.num_threads(threads)
        self._session = loop.Session(graph, reading.checkpoint, reading.mixed_precision)

    def read(self, batches):
        """Yields (number, dict of arrays) for each of the batches, in whatever order."""
        return loop.side_by_side(self._session.run, batches, self._threads)

    def close(self):
        """Gives back the memory of graph and weights."""
        self._session.close()


def decode_here(reading, windows, threads=None):
    """Decodes windows in this process.

    Args:
        reading: a Reading.
        windows: a list of Windows.
        threads: as in BatchReader.

    Yields:
        (first, end, results): the results of ``windows[first:end]``, a dict of arrays.
    """
    size, reader = reading.batch_size, BatchReader(reading, threads)
    try:
        with contextlib.closing(reader.read(_batches(reading, windows))) as found:
            for number, results in found:
                yield number * size, min((number + 1) * size, len(windows)), results
    finally:
        reader.close()


def decode_in_cluster(reading, windows, threads, ray_cluster, seconds):
    """As decode_here, in the workers of a cluster.Cluster.

    Args:
        reading, windows, threads: as in decode_here.
        ray_cluster: the Cluster.
        seconds: how long a worker is to be at one part of the work.
    """
    reading = reading._replace(checkpoint=files.absolute(reading.checkpoint))
    size, threads = reading.batch_size, threads or ray_cluster.threads
    parts = ray_cluster.read(
        BatchReader,
        reading,
        threads,
        -(-len(windows) // size),
        lambda first, end: list(_batches(reading, windows[first * size : end * size])),
        seconds,
    )
    for number, results in parts:
        yield number * size, min((number + 1) * size, len(windows)), results


def decode_on_tpu(reading, windows, tpu, path):
    """As decode_here, on a TPU.

    Args:
        reading, windows: as in decode_here.
        tpu: an estimator.Tpu.
        path: of the file that its host reads them from; it sees ``gs://`` only.
    """
    filled_up = windows + [windows[-1]] * (-len(windows) % reading.batch_size)
    records.write_records(path, filled_up, is_training=False)
    first = 0
    for results in estimator.predict(
        functools.partial(best_positions, reading, on_tpu=True),
        reading.checkpoint,
        records.prediction_input_fn(path, reading.max_seq_length),
        reading.batch_size,
        tpu,
    ):
        end = min(first + reading.batch_size, len(windows))
        yield first, end, {name: array[: end - first] for name, array in results.items()}
        first = end
    files.remove(path)


def _save_what_comes(decoded, unfinished, missing, num_windows, save_secs, estimate):
    """Takes results as they come, showing progress.

    Args:
        decoded: a generator of (first, end, results) of the missing windows.
        unfinished: the saved.UnfinishedRun.
        missing: the numbers of those windows.
        num_windows: how many there are with the others.
        save_secs: seconds from one save to the next.
        estimate: the Estimate that watches.
    """
    num_cells = len(unfinished.cells)
    what, unit = ("decoding", "window")
    if num_cells > 1:
        what, unit = ("decoding (windows x cells)", "step")
    total, begun = num_windows * num_cells, unfinished.done * num_cells
    last_save = time.time()
    with progress(None, what, total, unit=unit, initial=begun) as bar, contextlib.closing(decoded):
        try:
            for first, end, results in decoded:
                unfinished.add(missing[first:end], results)
                bar.update((end - first) * num_cells)
                estimate.saw(first, end)
                if time.time() - last_save >= save_secs:
                    unfinished.save()
                    last_save = time.time()
        finally:
            unfinished.save()


# All of it --------------------------------------------------------------------------------------


def read_examples(settings):
    """The questions of ``--predict_file``."""
    return data_sets.read_examples(
        settings.dataset,
        settings.predict_file,
        False,
        settings.version_2_with_negative,
        "--predict_file",
        say,
    )


def run(settings, tokenizer, command):
    """Decodes ``settings.cells`` over ``settings.predict_file`` and writes their files.

    Files that an equal run has already written are left alone unless ``settings.overwrite``; a run
    that was killed is taken up where it was.

    Args:
        settings: the Settings of this run.
        tokenizer: a tokenization.Tokenizer.
        command: the command line, list of str, which is noted beside the files.

    Raises:
        UserError: no fine-tuned checkpoint, a data set that will not do, or a place that cannot
            be written.
    """
    started = time.time()
    checkpoint = checkpoints.fine_tuned(settings.output_dir, settings.bert_config)
    directory, overwrite = settings.prediction_dir, settings.overwrite
    examples = read_examples(settings)
    asked = Sample(settings.max_questions or len(examples), len(examples), settings.random_seed)
    sample = sampling.settled(directory, asked, overwrite)
    plans = plan(
        directory,
        name_of_run(settings, checkpoint),
        settings.cells,
        settings.write_nbest,
        settings.version_2_with_negative,
        overwrite,
        sample,
        weighed_by(settings),
    )
    sampling.note(directory, sample, bool(plans))
    if len(plans) > 1 and len(settings.cells) > CELLS_AT_ONCE:
        say(
            "In %d parts of %d cells at most, one after the other; each writes its files."
            % (len(plans), CELLS_AT_ONCE)
        )
    if plans:  # parts of one run
        describe(directory, plans[0].run, description(settings, checkpoint), command)
    for planned in plans:
        own.note(directory, {cell.zone for cell in planned.names})
        new = [examples[place] for place in sample.chosen(but_first=planned.held)]
        with loop.errors_explained("predict_batch_size", "--prediction_dir"):
            num_windows = _decode_and_write(settings, tokenizer, checkpoint, planned, examples, new)
        loop.give_back_memory()
        say(
            "Decoded %s: %s, %s, in %s. The files are in %s"
            % (
                _named(planned.names),
                counted(len(new), "question"),
                counted(num_windows, "window"),
                tqdm.tqdm.format_interval(time.time() - started),
                directory,
            )
        )
    if not plans:
        say("Nothing is left to decode. The files are in %s" % directory)
    sampling.tell(sampling.note(directory, sample, False), sample)


def _decode_and_write(settings, tokenizer, checkpoint, planned, examples, new):
    """Decodes new examples, and writes the files of the plan; returns how many windows they are.

    The windows are made here, so that those of one part are gone before the next one's are made.
    """
    windows = make_windows(new, tokenizer, is_training=False, **settings.window_sizes)
    # The longest first: windows of a batch then need little padding, and where memory does not
    # suffice that shows in the first batch.
    order = np.argsort([-window.length for window in windows], kind="stable")
    in_order = [windows[number] for number in order]
    unfinished = _decode(settings, checkpoint, planned, in_order, len(new))
    picker = picker_of(settings, new, windows)
    results = unfinished.results(list(planned.names))
    ids = planned.sample.of_list(
        [example.question_id for example in examples], settings.predict_file
    )
    write(planned, picker, results, np.argsort(order), settings.prediction_dir, ids)
    if planned.weighed:
        write_attention(planned, *unfinished.weights(), settings.prediction_dir)
    unfinished.remove()
    return len(windows)


def _work_of(settings, planned, batch_size):
    """Names what is saved while a plan is decoded."""
    return saved.fingerprint(
        run=planned.run,
        cells=planned.asked,
        zones=own_zones({cell.zone for cell in planned.asked}.union(planned.weighed)),
        weighed=planned.weighed,
        batch=batch_size,
        overwrite=settings.overwrite,
        questions=(planned.held, planned.sample),
    )


def _decode(settings, checkpoint, planned, windows, num_questions):
    """Decodes the windows; returns the saved.UnfinishedRun that holds their results."""
    cells, tpu = list(planned.names), settings.tpu
    sequences = settings.predict_batch_size
    # A TPU's batches must be multiples of eight, so that there the flag counts windows.
    batch_size = sequences if tpu else windows_at_once(cells, sequences)
    name = _work_of(settings, planned, batch_size)
    unfinished = saved.UnfinishedRun(settings.prediction_dir, name, cells, len(windows))
    if unfinished.done:
        say(
            "Going on with an unfinished run: %d of %d windows are done"
            % (unfinished.done, len(windows))
        )
    missing = unfinished.missing()
    if not len(missing):
        return unfinished
    # Results are saved in whole batches, so that the windows left make the batches that they would
    # have made in one run, and the same answers to the last digit.
    left = [windows[number] for number in missing]
    reading = reading_of(
        settings, settings.bert_config, checkpoint, unfinished.cells, batch_size
    )._replace(mixed_precision=settings.mixed_precision, weighed=planned.weighed)
    with contextlib.ExitStack() as stack:
        if tpu:
            path = files.join(settings.output_dir, name + RECORDS)
            decoded = decode_on_tpu(reading, left, tpu, path)
        elif settings.ray_address:
            joined = cluster.joined(
                settings.ray_address, settings.ray_workers, settings.verbose_logging
            )
            decoded = decode_in_cluster(
                reading,
                left,
                settings.threads,
                stack.enter_context(joined),
                settings.sweep_save_secs,
            )
        else:
            decoded = decode_here(reading, left, settings.threads)
        estimate = _estimate(reading, left, num_questions)
        _save_what_comes(
            decoded, unfinished, missing, len(windows), settings.sweep_save_secs, estimate
        )
    return unfinished


def _estimate(reading, windows, num_questions):
    """The Estimate that watches the decoding of the windows."""
    padded_to = reading.max_seq_length if reading.score_padding else 0
    lengths = [max(padded_to, window.length) for window in windows]
    costs = costs_of(lengths, reading.config.hidden_size)
    return Estimate(costs, len(reading.cells), num_questions)


# The ending of the file that the windows are in while a TPU decodes them.
RECORDS = ".tf_record"


def _named(cells):
    masked = sum(cell != BASELINE for cell in cells)
    words = ["the baseline"] if masked < len(cells) else []
    if masked == 1:
        words.append(str(next(cell for cell in cells if cell != BASELINE)))
    elif masked:
        words.append(counted(masked, "cell"))
    return " and ".join(words)
