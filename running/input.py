"""Windows as tensors: what a window has (SPECS) is declared once, for training and decoding alike.

Training, and decoding on a TPU, read windows from a file of TFRecords, where each has its own
length; the input pipeline pads it. Training reads them in a seeded random order and puts windows of
similar length into one batch; a TPU decodes them in the order of the file. A CPU or GPU decodes
arrays, which ``padded`` makes without a file.
"""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from common import files
from zones.batch import Batch

# Windows kept in memory to draw the next one from. The file itself is shuffled too.
_SHUFFLE_BUFFER = 20000


class FeatureSpec(NamedTuple):
    """One feature of a window.

    Attributes:
        name: its key in the record and in the model's inputs, and an attribute of a Window.
        per_token: whether it is a list, one number per token, rather than a single number.
        training_only: whether prediction goes without it.
    """

    name: str
    per_token: bool
    training_only: bool = False


INPUT_IDS = FeatureSpec("input_ids", per_token=True)
SEGMENT_IDS = FeatureSpec("segment_ids", per_token=True)
TOKEN_ROLES = FeatureSpec("token_roles", per_token=True)
START_POSITION = FeatureSpec("start_position", per_token=False, training_only=True)
END_POSITION = FeatureSpec("end_position", per_token=False, training_only=True)
SPECS = (INPUT_IDS, SEGMENT_IDS, TOKEN_ROLES, START_POSITION, END_POSITION)

# 1 on a window's tokens, 0 on its padding. Not stored in a record, but made as it is read.
INPUT_MASK = "input_mask"


def _specs(is_training):
    return [spec for spec in SPECS if is_training or not spec.training_only]


# The features that the model is fed with.
READ = tuple(spec.name for spec in _specs(is_training=False)) + (INPUT_MASK,)


def write_records(path, windows, is_training):
    """Writes windows to a TFRecord file, whole or not at all.

    Args:
        path: local or ``gs://``.
        windows: spans.windows.Window objects, in the order in which they are to be read.
        is_training: whether to write the answer's positions too.
    """
    with files.write_whole(path) as temporary, tf.io.TFRecordWriter(temporary) as writer:
        for window in windows:
            writer.write(_make_record(window, is_training))


def _make_record(window, is_training):
    """A window as bytes, which _parse_record reads again."""
    stored = {}
    for spec in _specs(is_training):
        value = getattr(window, spec.name)
        numbers = value if spec.per_token else [value]
        stored[spec.name] = tf.train.Feature(int64_list=tf.train.Int64List(value=numbers))
    return tf.train.Example(features=tf.train.Features(feature=stored)).SerializeToString()


def _parse_record(record, is_training):
    """A serialized record -> a dict of int32 tensors, scalars or ``[tokens of the window]``."""
    declared = {
        spec.name: tf.FixedLenSequenceFeature([], tf.int64, allow_missing=True)
        if spec.per_token
        else tf.FixedLenFeature([], tf.int64)
        for spec in _specs(is_training)
    }
    parsed = tf.parse_single_example(record, declared)
    # TPUs have no int64.
    window = {name: tf.cast(value, tf.int32) for name, value in parsed.items()}
    window[INPUT_MASK] = tf.ones_like(window[INPUT_IDS.name])
    return window


def _parser(is_training):
    # tf.data would look for Python's ifs and loops to convert, for a second; there are none.
    return tf.autograph.experimental.do_not_convert(
        functools.partial(_parse_record, is_training=is_training)
    )


def batch_from(features, static_shapes, score_padding=False):
    """A parsed batch as the model takes it.

    Args:
        features: dict of int32 tensors ``[B, T]``, as the input functions give them.
        static_shapes, score_padding: see zones.batch.Batch.
    """
    return Batch(
        features[INPUT_IDS.name],
        features[INPUT_MASK],
        features[SEGMENT_IDS.name],
        features[TOKEN_ROLES.name],
        static_shapes,
        score_padding,
    )


def _padded_shapes(is_training, max_seq_length):
    shapes = {spec.name: [max_seq_length] if spec.per_token else [] for spec in _specs(is_training)}
    shapes[INPUT_MASK] = [max_seq_length]
    return shapes


def placeholders(batch_size, max_seq_length):
    """Where a batch of ``padded`` is fed: a dict of int32 placeholders ``[B, T]``.

    Args:
        batch_size: the most windows in a batch; of 1 the model makes use.
        max_seq_length: T.
    """
    shape = [1 if batch_size == 1 else None, max_seq_length]
    return {name: tf.placeholder(tf.int32, shape, name) for name in READ}


def padded(windows, max_seq_length):
    """Windows as the model reads them: a dict of int32 arrays ``[windows, max_seq_length]``."""
    shape = (len(windows), max_seq_length)
    arrays = {name: np.zeros(shape, np.int32) for name in READ}
    for row, window in enumerate(windows):
        length = window.length
        arrays[INPUT_MASK][row, :length] = 1
        for spec in _specs(is_training=False):
            arrays[spec.name][row, :length] = getattr(window, spec.name)
    return arrays


def training_input_fn(path, max_seq_length, lengths, seed, steps_done, static_shapes):
    """The input function for training: endless batches in a seeded random order.

    Batches are padded to ``max_seq_length``; the model trims them to their longest window.

    Args:
        path: a file of write_records.
        lengths: tokens of every window in it, from which the groups of similar length are made.
        seed: fixes the order.
        steps_done: batches to leave out, so that training that was stopped goes on where it was.
        static_shapes: for TPUs; makes no groups, since nothing is trimmed there.

    Where a tf.distribute strategy's devices share each batch, it is cut into as many parts. A
    machine is given those of its own devices, one after another.

    Returns:
        A function: (batch size, the strategy's tf.distribute.InputContext if there is one) -> a
        tf.data.Dataset.
    """
    shapes = _padded_shapes(True, max_seq_length)
    edges = [] if static_shapes else _length_groups(lengths)

    def input_fn(batch_size, input_context=None):
        """See Returns above."""
        data = tf.data.TFRecordDataset(path)
        data = data.shuffle(min(len(lengths), _SHUFFLE_BUFFER), seed=seed).repeat()
        data = data.map(_parser(True), num_parallel_calls=2)
        if edges:
            data = data.apply(
                tf.data.experimental.bucket_by_sequence_length(
                    lambda window: tf.size(window[INPUT_IDS.name]),
                    bucket_boundaries=edges,
                    bucket_batch_sizes=[batch_size] * (len(edges) + 1),
                    padded_shapes=shapes,
                )
            )
        else:
            data = data.padded_batch(batch_size, shapes, drop_remainder=True)
        data = data.skip(steps_done)
        if input_context is not None:
            data = _share_of(data, batch_size, input_context)
        return _fixed(data.prefetch(2))

    return input_fn


def _share_of(data, batch_size, context):
    """Cuts batches into one part for each device, and leaves those of this machine's devices.

    For batches of 8 on 2 machines of 2 devices, the second machine gets windows 4 and 5 of the
    first batch, then 6 and 7, then 4 and 5 of the next.

    Args:
        data: a dataset of batches of ``batch_size`` windows.
        context: the strategy's tf.distribute.InputContext.
    """
    machines, machine = context.num_input_pipelines, context.input_pipeline_id
    data = data.apply(tf.data.experimental.unbatch())
    data = data.batch(batch_size // machines, drop_remainder=True).shard(machines, machine)
    data = data.apply(tf.data.experimental.unbatch())
    return data.batch(batch_size // context.num_replicas_in_sync, drop_remainder=True)


def _length_groups(lengths, groups=6):
    """Edges that part the windows into about equal groups of similar length."""
    edges = np.percentile(lengths, np.linspace(0, 100, groups + 1)[1:-1]).astype(int)
    return sorted({int(edge) for edge in edges if min(lengths) < edge <= max(lengths)})


def prediction_input_fn(path, max_seq_length):
    """The input function for decoding on a TPU: batch size -> the windows of a file in order.

    Args:
        path: a file of write_records, whose windows must be a multiple of the batch size.
        max_seq_length: what they are padded to.
    """

    def input_fn(batch_size):
        """See Returns above."""
        data = tf.data.TFRecordDataset(path).map(_parser(False), num_parallel_calls=2)
        shapes = _padded_shapes(False, max_seq_length)
        return _fixed(data.padded_batch(batch_size, shapes, drop_remainder=True).prefetch(2))

    return input_fn


def _fixed(data):
    """Takes a dataset's self-tuning away, which has nothing to tune here.

    TensorFlow 2.15 (1.15 has no such option) waits for its tuner at the end, idle; 4 to 30 seconds
    were seen.
    """
    options = tf.data.Options()
    if hasattr(options, "autotune"):
        options.autotune.enabled = False
    return data.with_options(options)
