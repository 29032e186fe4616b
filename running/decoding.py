"""Decoding a data set: baseline, one cell or the whole map, in one forward pass.

Of every window and cell only the best positions leave the graph. What is decoded is saved as the
work goes on (resume.py), so that a run that was killed goes on where it was.
"""

import collections
import dataclasses
import functools
import time
from contextlib import closing

import numpy as np
import tensorflow.compat.v1 as tf
import tqdm

from common import files
from common.finished import FinishedFiles
from common.progress import counted, progress, say
from running import checkpoints, chunk_reader, cluster
from running import estimator as runtime
from running import input as records
from running import saved as resume
from running.flags import ANSWERS
from spans import answers as squad_answers
from spans import data_sets, scores
from spans.answers import Candidates
from spans.windows import make_windows
from zones import sweep
from zones.cells import BASELINE, NBEST, NULL_ODDS, PREDICTIONS, file_name
from zones.reader import Reader

# The ending of the file that the windows are in while they are decoded.
RECORDS = ".tf_record"


def make_model_fn(settings, cells, n_best):
    """The estimator's model function for decoding these cells in one pass."""

    data_set = data_sets.named(settings.dataset)

    def model_fn(features, labels, mode, params):
        del labels, params
        reader = Reader(settings.bert_config, one_hot_embeddings=settings.use_tpu)
        batch = records.batch_from(features, settings.use_tpu, settings.score_padding)
        logits = sweep.read_cells(reader, batch, cells, settings.predict_batch_size)
        logits = scores.limited(
            tf.stack(list(logits.values())), batch, data_set.limits_spans, settings.score_padding
        )
        return tf.estimator.tpu.TPUEstimatorSpec(
            mode=mode,
            predictions=dict(scores.best_positions(logits, n_best)._asdict()),
            scaffold_fn=_restore_the_model_alone,
        )

    return model_fn


def _restore_the_model_alone():
    """A checkpoint to decode with need not hold any training state, not even the step."""
    variables = tf.trainable_variables()
    not_ready = tf.report_uninitialized_variables(variables)
    return tf.train.Scaffold(
        saver=tf.train.Saver(variables),
        ready_op=not_ready,
        ready_for_local_init_op=not_ready,
        local_init_op=tf.group(
            tf.train.Scaffold.default_local_init_op(), tf.train.get_global_step().initializer
        ),
    )


def windows_at_once(settings, cells):
    """How many windows to read together so that memory holds ``predict_batch_size`` sequences.

    A window with Z cells masking one layer is in memory Z times (see zones/sweep.py), or as
    often as the flag says if that is less. On a TPU the flag is the number of windows itself,
    since its batches must be multiples of eight.
    """
    if settings.use_tpu:
        return settings.predict_batch_size
    forks = collections.Counter(cell.layer for cell in cells if cell.layer is not None)
    return max(1, settings.predict_batch_size // max(forks.values(), default=1))


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


def decode(settings, tokenizer):
    """Decodes ``settings.cells`` over ``settings.predict_file`` and writes their files.

    Files that an equal run has already written are left alone unless ``settings.overwrite``; a run
    that was killed is taken up where it was.

    Raises:
        UserError: no fine-tuned checkpoint, a data set that will not do, or a place that cannot
            be written.
    """
    started = time.time()
    checkpoint = checkpoints.fine_tuned(settings.output_dir, settings.bert_config)
    run = _fingerprint(settings, checkpoint)
    finished = FinishedFiles(settings.prediction_dir, run)
    _warn_of_other_runs(settings, finished)
    pending = _pending_cells(settings, finished)
    if not pending:
        say("Nothing is left to decode. The files are in %s" % settings.prediction_dir)
        return
    examples = read_examples(settings)
    features = make_windows(examples, tokenizer, is_training=False, **settings.window_sizes)
    # The longest first, so that a batch pads little and memory that does not suffice shows at once.
    order = np.argsort([-len(feature.input_ids) for feature in features], kind="stable")
    unfinished = _decode_windows(settings, checkpoint, run, pending, [features[i] for i in order])
    _write_answers(settings, examples, features, np.argsort(order), unfinished, pending, finished)
    unfinished.remove()
    say(
        "Decoded %s: %s, %s, in %s. The files are in %s"
        % (
            _named(pending),
            counted(len(examples), "question"),
            counted(len(features), "window"),
            tqdm.tqdm.format_interval(time.time() - started),
            settings.prediction_dir,
        )
    )


def _named(cells):
    masked = sum(cell != BASELINE for cell in cells)
    words = ["the baseline"] if masked < len(cells) else []
    if masked == 1:
        words.append(str(next(cell for cell in cells if cell != BASELINE)))
    elif masked:
        words.append(counted(masked, "cell"))
    return " and ".join(words)


def _fingerprint(settings, checkpoint):
    """Names everything that the answers depend on."""
    return resume.fingerprint(
        checkpoint=checkpoints.content_hash_source(checkpoint),
        code=resume.code_of_answers(),
        flags=settings.deciding(ANSWERS),
    )


def _file_names(settings, cell):
    """The files that this run writes for a cell."""
    kinds = [PREDICTIONS]
    if cell == BASELINE or settings.write_nbest:
        kinds += [NBEST, NULL_ODDS] if settings.version_2_with_negative else [NBEST]
    return {kind: file_name(kind, cell) for kind in kinds}


def _warn_of_other_runs(settings, finished):
    """Says so if the directory will hold files of two runs, which make one table together."""
    names = {name for cell in settings.cells for name in _file_names(settings, cell).values()}
    others = finished.of_other_runs(names)
    if others:
        say(
            "WARNING: %s in %s from another checkpoint, data file, code or flags, and this run "
            "does not replace them, the first being %s; decode them again too, or name another "
            "--prediction_dir" % (counted(len(others), "file"), settings.prediction_dir, others[0])
        )


def _pending_cells(settings, finished):
    """The cells whose files are not there yet; says how many are."""
    if settings.overwrite:
        return list(settings.cells)
    pending = [
        cell
        for cell in settings.cells
        if not all(finished.holds(name) for name in _file_names(settings, cell).values())
    ]
    there = len(settings.cells) - len(pending)
    if there:
        say(
            "%d of %d are decoded already, from the same checkpoint, data, code and flags; "
            "--overwrite=True decodes them again." % (there, len(settings.cells))
        )
    return pending


def _decode_windows(settings, checkpoint, run, pending, features):
    """Runs the model over all windows; returns the resume.UnfinishedRun that holds its results."""
    batch = windows_at_once(settings, pending)
    n_best = min(settings.n_best_size, settings.max_seq_length)
    run = resume.fingerprint(
        run=run, cells=settings.cells, batch=batch, overwrite=settings.overwrite
    )
    unfinished = resume.UnfinishedRun(settings.prediction_dir, run, pending, len(features), n_best)
    cells, done = unfinished.cells, unfinished.done
    if done:
        say("Going on with an unfinished run: %d of %d windows are done" % (done, len(features)))
    missing = unfinished.missing()
    if not len(missing):
        return unfinished
    # What is done is whole batches, so that the windows left make the same batches as ever.
    left = [features[number] for number in missing]
    if settings.ray_address:
        decoded = _decode_in_cluster(settings, cells, n_best, batch, checkpoint, left)
    else:
        # A TPU's host reads them, and it sees gs:// only.
        folder = settings.output_dir if settings.use_tpu else unfinished.folder
        path = files.join(folder, run + RECORDS)
        decoded = _decode_here(settings, cells, n_best, batch, checkpoint, left, path)
    last_save = time.time()
    what, unit = (
        ("decoding", "window") if len(cells) == 1 else ("decoding (windows x cells)", "step")
    )
    total, begun = len(features) * len(cells), done * len(cells)
    with progress(None, what, total, unit=unit, initial=begun) as bar, closing(decoded):
        try:
            for first, end, results in decoded:
                unfinished.add(missing[first:end], results)
                bar.update((end - first) * len(cells))
                if time.time() - last_save >= settings.sweep_save_secs:
                    unfinished.save()
                    last_save = time.time()
        finally:
            unfinished.save()
    return unfinished


def read_windows(settings, cells, n_best, batch, checkpoint, input_fn, threads=0):
    """Reads windows with these cells: the best positions, batch by batch.

    Args:
        n_best: positions to keep.
        batch: windows in a batch.
        checkpoint: the model's.
        input_fn: an input function of records.py.
        threads: see runtime.make_estimator.

    Returns:
        A generator of dicts of arrays, as best_positions gives them.
    """
    model_fn = make_model_fn(settings, cells, n_best)
    estimator = runtime.make_estimator(settings, model_fn, batch, threads=threads)
    return estimator.predict(input_fn, checkpoint_path=checkpoint, yield_single_examples=False)


def _decode_here(settings, cells, n_best, batch, checkpoint, features, path):
    """Decodes windows in this process, by way of a file.

    Yields:
        (first, end, results): the results of ``features[first:end]``.
    """
    records.write_records(path, _filled_up(features, batch, settings.use_tpu), is_training=False)
    input_fn = records.prediction_input_fn(path, settings.max_seq_length, settings.use_tpu)
    first = 0
    for results in read_windows(settings, cells, n_best, batch, checkpoint, input_fn):
        end = min(first + batch, len(features))
        yield first, end, {name: array[: end - first] for name, array in results.items()}
        first = end
    files.remove(path)


def _decode_in_cluster(settings, cells, n_best, batch, checkpoint, features):
    """As _decode_here, in the workers of a Ray cluster and in whatever order they finish."""
    settings = dataclasses.replace(settings, output_dir=files.absolute(settings.output_dir))
    checkpoint = files.absolute(checkpoint)
    # Sums depend on how many threads add them up (seen on TensorFlow 1.15), so that a worker has
    # as many as this machine would have.
    threads = runtime.num_cores()
    make_reader = functools.partial(
        chunk_reader.ChunkReader,
        functools.partial(
            read_windows, settings, cells, n_best, batch, checkpoint, threads=threads
        ),
        settings,
        batch,
        checkpoint,
        chunk_reader.identity(checkpoint),
    )
    windows = [records.make_record(feature, is_training=False) for feature in features]
    with cluster.joined(settings, tf.test.is_built_with_cuda()) as joined:
        yield from joined.decode(make_reader, windows, batch, settings.sweep_save_secs)


def _filled_up(features, batch, static_shapes):
    """The windows, for a TPU followed by copies of the last one until the last batch is full."""
    return features + [features[-1]] * (-len(features) % batch if static_shapes else 0)


def _write_answers(settings, examples, features, rows, unfinished, pending, finished):
    """Picks the answers of each pending cell and writes its files.

    Args:
        rows: int ``[windows]``, where each of ``features`` stands in the order of decoding.
        (the rest as in decode)
    """
    picker = squad_answers.AnswerPicker(
        examples,
        features,
        settings.n_best_size,
        settings.max_answer_length,
        settings.version_2_with_negative,
        settings.null_score_diff_threshold,
        data_sets.named(settings.dataset).joins_words,
    )
    for cell in progress(pending, "writing answers", unit="cell"):
        column = unfinished.cells.index(cell)
        candidates = Candidates(*(array[rows, column] for array in unfinished.candidates))
        names = _file_names(settings, cell)
        answers = picker.pick(candidates, with_nbest=NBEST in names)
        content = {
            PREDICTIONS: answers.predictions,
            NBEST: answers.nbest,
            NULL_ODDS: answers.null_odds,
        }
        for kind, name in names.items():
            path = files.join(settings.prediction_dir, name)
            files.write_json(path, content[kind], what="--prediction_dir")
            finished.add(name)
