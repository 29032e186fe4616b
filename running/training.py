"""Fine-tuning a reader: the loss, the loop with its progress, and going on after a stop."""

import numpy as np
import tensorflow.compat.v1 as tf

import optimization
from common import files
from common.command_line import UserError
from common.progress import counted, progress, say
from running import estimator, loop, machines, reader_folder
from running import input as records
from spans import data_sets, scores
from spans.windows import make_windows
from zones.reader import Reader

# The most steps. Whoever asks for more has made a mistake.
_MOST_STEPS = 2**31
# The name has the machine's number, for several machines may train into one shared directory.
TRAINING_RECORDS = "train%s.tf_record"


def make_step(
    config, limits_spans, score_padding, learning_rate, num_steps, num_warmup_steps, on_tpu=False
):
    """The graph of a training step.

    Args:
        config: the model's BertConfig.
        limits_spans, score_padding: see spans.scores.limited.
        learning_rate, num_steps, num_warmup_steps: see optimization.learning_rate_at.
        on_tpu: whether shapes are static, and devices those of a TPU.

    Returns:
        A function: dict of int32 tensors, as training_input_fn gives them -> (loss, train_op).
    """

    def step(features):
        """See Returns above."""
        reader = Reader(config, is_training=True, one_hot_embeddings=on_tpu)
        # The loss is a softmax over a window's positions. A batch is padded to its longest window,
        # so that padding must not count, or the loss would depend on a window's neighbours; with
        # score_padding it does count, and every window is padded to max_seq_length.
        batch = records.batch_from(features, on_tpu, score_padding)
        logits = scores.limited(reader.read(batch), batch, limits_spans, score_padding)
        loss = scores.span_loss(
            logits,
            features[records.START_POSITION.name],
            features[records.END_POSITION.name],
        )
        train_op, _ = optimization.make_train_op(
            loss, learning_rate, num_steps, num_warmup_steps, on_tpu
        )
        return tf.identity(loss, name=_LOSS), train_op

    return step


_LOSS = "training_loss"


class _ProgressHook(tf.train.SessionRunHook):
    """Shows the step, the loss and the time left; ends a training whose loss becomes NaN."""

    def __init__(self, first_step, num_train_steps, show_loss):
        self._step = first_step
        self._total = num_train_steps
        self._show_loss = show_loss
        self._bar = None

    def begin(self):
        """Shows the bar."""
        self._global_step = tf.train.get_global_step()
        self._bar = progress(None, "training", self._total, unit="step", initial=self._step)

    def before_run(self, run_context):
        """Asks for the step and, if it is shown, the loss."""
        fetches = {"step": self._global_step}
        if self._show_loss:
            fetches["loss"] = run_context.session.graph.get_tensor_by_name(_LOSS + ":0")
        return tf.train.SessionRunArgs(fetches)

    def after_run(self, run_context, run_values):
        """Shows them; raises UserError if the loss is NaN."""
        step = int(run_values.results["step"])
        note = None
        if self._show_loss:
            if not np.isfinite(run_values.results["loss"]):
                raise loop.lost_at(step)
            note = "loss %.3f" % run_values.results["loss"]
        self._move_to(step, note)

    def end(self, session):
        """Shows the last step."""
        # after_run is given the counter from before the step, so that the last step is missing.
        self._move_to(int(session.run(self._global_step)))
        self._bar.close()

    def _move_to(self, step, note=None):
        self._bar.update(step - self._step, note)
        self._step = step


# What to tell if it was killed.
KILLED = (
    "the process that trains was killed; if memory ran out, lower --train_batch_size. The same "
    "command goes on from the last checkpoint"
)


def train(settings, tokenizer):
    """Fine-tunes the model; goes on from the newest checkpoint in ``output_dir`` if there is one.

    Args:
        settings: the Settings of this run.
        tokenizer: a tokenization.Tokenizer.

    Raises:
        UserError: the data set, the starting checkpoint or the batch's size will not do.
    """
    machine, tpu = settings.machine, settings.tpu
    strategy = tpu or machines.training_strategy(machine, settings.train_batch_size)
    examples = data_sets.read_examples(
        settings.dataset,
        settings.train_file,
        True,
        settings.version_2_with_negative,
        "--train_file",
        say,
    )
    num_steps = _num_steps(len(examples), settings.train_batch_size, settings.num_train_epochs)
    start = reader_folder.start_of_training(settings, num_steps)
    if start is None:
        return
    windows = make_windows(examples, tokenizer, is_training=True, **settings.window_sizes)
    say(
        "%s, %s, %s of %s, learning rate %g"
        % (
            counted(len(examples), "question"),
            counted(len(windows), "window"),
            counted(num_steps, "step"),
            counted(settings.train_batch_size, "window"),
            settings.learning_rate,
        )
    )
    number = "" if machine.is_first else machine.number
    path = files.join(settings.output_dir, TRAINING_RECORDS % number)
    lengths = [window.length for window in windows]
    training = _training(settings, path, lengths, num_steps, start.step)._replace(
        start=start.checkpoint, names=start.names
    )
    # Written in a random order, which depends on the seed alone.
    order = np.random.RandomState(settings.random_seed).permutation(len(windows))
    with loop.errors_explained("train_batch_size", "--output_dir"):
        try:
            records.write_records(path, [windows[number] for number in order], is_training=True)
            if tpu:
                estimator.train(training, tpu)
            else:
                loop.train(training, strategy, machine)
        finally:
            files.remove(path)


def _num_steps(num_questions, batch_size, num_epochs):
    """How many steps go ``num_epochs`` times through the questions, as BERT counts them."""
    num_steps = num_questions / batch_size * num_epochs
    if num_steps > _MOST_STEPS:
        raise UserError(
            "--num_train_epochs: %g times through %d questions would never end; say fewer"
            % (num_epochs, num_questions)
        )
    if num_steps < 1 and num_epochs < 1 and num_questions >= batch_size:
        raise UserError(
            "--num_train_epochs: %g of %d questions are less than one batch of "
            "--train_batch_size=%d; say more" % (num_epochs, num_questions, batch_size)
        )
    if num_steps < 1:
        raise UserError(
            "--train_file: %d questions are less than one batch of --train_batch_size=%d for "
            "--num_train_epochs=%g; make the batch smaller"
            % (num_questions, batch_size, num_epochs)
        )
    return int(num_steps)


def _training(settings, path, lengths, num_steps, steps_done):
    """The loop.Training on the windows in a file, from scratch.

    Args:
        settings: the Settings of this run.
        path, lengths, steps_done: see records.training_input_fn.
        num_steps: the global step to end with.
    """
    on_tpu = settings.tpu is not None
    return loop.Training(
        step=make_step(
            settings.bert_config,
            data_sets.named(settings.dataset).limits_spans,
            settings.score_padding,
            settings.learning_rate,
            num_steps,
            int(num_steps * settings.warmup_proportion),
            on_tpu,
        ),
        input_fn=records.training_input_fn(
            path,
            settings.max_seq_length,
            lengths,
            settings.random_seed,
            steps_done,
            static_shapes=on_tpu,
        ),
        batch_size=settings.train_batch_size,
        num_steps=num_steps,
        output_dir=settings.output_dir,
        save_every=settings.save_checkpoints_steps,
        seed=settings.random_seed,
        hooks=[_ProgressHook(steps_done, num_steps, show_loss=not on_tpu)],
        mixed_precision=settings.mixed_precision,
    )
