"""What a worker of a cluster does: decodes one chunk of windows after another with one graph."""

import platform
import queue

import numpy as np
import tensorflow.compat.v1 as tf

from common import files
from common.command_line import UserError
from running import checkpoints
from running import estimator as runtime
from running import input as records
from running import saved as resume


def identity(checkpoint):
    """What must be the same wherever a part of a run is decoded: a dict, words -> value."""
    source = checkpoints.content_hash_source(checkpoint)
    return {
        "TensorFlow": tf.__version__,
        "the fingerprint of %s" % checkpoint: resume.fingerprint(checkpoint=source),
    }


class ChunkReader:
    """Decodes chunks of windows.

    Args:
        read_windows: makes the results of an input function, batch by batch: prediction.py's
            function of that name with all but the input function given to it.
        settings, batch, checkpoint: as it got them; the path is absolute, or ``gs://``.
        expected: identity() where the run was started.

    Raises:
        UserError: this machine does not see the checkpoint, or would not give the same answers.
    """

    def __init__(self, read_windows, settings, batch, checkpoint, expected):
        runtime.prepare(settings.verbose_logging)
        self._check(settings, checkpoint, expected)
        self._batch = batch
        self._chunks = queue.Queue()
        self._results = read_windows(records.queue_input_fn(self._chunks, settings.max_seq_length))

    @staticmethod
    def _check(settings, checkpoint, expected):
        here = platform.node()
        if settings.mixed_precision:
            runtime.check_mixed_precision(do_train=False)
        if not files.exists(checkpoint + ".index"):
            raise UserError(
                "--output_dir: a worker on %s does not see %s; put it on storage that every "
                "machine of the cluster has under that name, or on gs://" % (here, checkpoint)
            )
        for what, value in identity(checkpoint).items():
            if value != expected[what]:
                raise UserError(
                    "--ray_address: %s is %s on %s, but %s where the run was started; all "
                    "machines need the same" % (what, value, here, expected[what])
                )

    def decode(self, windows):
        """Decodes windows, given as records.make_record's bytes; returns a dict of arrays."""
        self._chunks.put(windows)
        try:
            parts = [next(self._results) for _ in range(0, len(windows), self._batch)]
        except tf.errors.OpError as error:
            # The operation that it names cannot be sent to another process.
            raise type(error)(None, None, error.message)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
