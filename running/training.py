"""Fine-tuning a reader: the loss, the loop with its progress, and going on after a stop."""

import tensorflow.compat.v1 as tf

import optimization
from common import files
from common.command_line import UserError
from common.progress import counted, progress, say
from running import checkpoints, flags
from running import estimator as runtime
from running import input as records
from spans import data_sets, scores
from spans.windows import make_windows
from zones.reader import Reader

# Of each machine; they may see one directory.
TRAINING_RECORDS = "train%s.tf_record"
# Stands beside the checkpoints and says what they were trained with.
TRAINING_NOTE = "training.json"


def was_trained_here(output_dir):
    """Whether this program trained the model in there."""
    return files.exists(files.join(output_dir, TRAINING_NOTE))


def make_model_fn(settings, names_from_checkpoint, num_train_steps):
    """The estimator's model function for training."""
    num_warmup_steps = int(num_train_steps * settings.warmup_proportion)
    data_set = data_sets.named(settings.dataset)

    def model_fn(features, labels, mode, params):
        del labels, mode, params
        reader = Reader(settings.bert_config, is_training=True, one_hot_embeddings=settings.use_tpu)
        batch = records.batch_from(features, static_shapes=settings.use_tpu)
        # A window's loss must not depend on how far its neighbours in the batch make it be padded.
        logits = scores.limited(
            reader.read(batch), batch, data_set.limits_spans, score_padding=False
        )
        loss = scores.span_loss(
            logits,
            features[records.START_POSITION.name],
            features[records.END_POSITION.name],
        )
        train_op, _ = optimization.make_train_op(
            loss, settings.learning_rate, num_train_steps, num_warmup_steps, settings.use_tpu
        )
        return tf.estimator.tpu.TPUEstimatorSpec(
            mode=tf.estimator.ModeKeys.TRAIN,
            loss=tf.identity(loss, name=_LOSS),
            train_op=train_op,
            scaffold_fn=_initialise_from(settings.init_checkpoint, names_from_checkpoint),
        )

    return model_fn


_LOSS = "training_loss"


def _initialise_from(path, names):
    if not names:
        return None

    def scaffold_fn():
        tf.train.init_from_checkpoint(path, {name: name for name in names})
        return tf.train.Scaffold()

    return scaffold_fn


class _ProgressHook(tf.train.SessionRunHook):
    """Shows the step, the loss and the time left."""

    def __init__(self, first_step, num_train_steps, show_loss):
        self._step = first_step
        self._total = num_train_steps
        self._show_loss = show_loss
        self._bar = None

    def begin(self):
        self._global_step = tf.train.get_global_step()
        self._bar = progress(None, "training", self._total, unit="step", initial=self._step)

    def before_run(self, run_context):
        fetches = {"step": self._global_step}
        if self._show_loss:
            fetches["loss"] = run_context.session.graph.get_tensor_by_name(_LOSS + ":0")
        return tf.train.SessionRunArgs(fetches)

    def after_run(self, run_context, run_values):
        step = int(run_values.results["step"])
        note = "loss %.3f" % run_values.results["loss"] if self._show_loss else None
        self._move_to(step, note)

    def end(self, session):
        # The step counter was read beside the last step, not after it.
        self._move_to(int(session.run(self._global_step)))
        self._bar.close()

    def _move_to(self, step, note=None):
        self._bar.update(step - self._step, note)
        self._step = step


def train(settings, tokenizer):
    """Fine-tunes the model; goes on from the newest checkpoint in ``output_dir`` if there is one.

    Raises:
        UserError: the data set, the starting checkpoint or the batch's size will not do.
    """
    strategy = runtime.training_strategy(settings)
    examples = data_sets.read_examples(
        settings.dataset,
        settings.train_file,
        True,
        settings.version_2_with_negative,
        "--train_file",
        say,
    )
    num_train_steps = int(len(examples) / settings.train_batch_size * settings.num_train_epochs)
    if num_train_steps < 1:
        raise UserError(
            "--train_file: %d questions are less than one batch of --train_batch_size=%d for "
            "--num_train_epochs=%g; make the batch smaller"
            % (len(examples), settings.train_batch_size, settings.num_train_epochs)
        )
    steps_done = _steps_done(settings, num_train_steps)
    if steps_done >= num_train_steps:
        return
    names = []
    if not steps_done:
        names = checkpoints.starting_point(
            settings.init_checkpoint, settings.bert_config, settings.verbose_logging
        )
    if settings.machine.is_first:
        _write_note(settings)
    features = make_windows(examples, tokenizer, is_training=True, **settings.window_sizes)
    path, lengths = _write_records(settings, features)
    say(
        "%s, %s, %s of %s, learning rate %g"
        % (
            counted(len(examples), "question"),
            counted(len(features), "window"),
            counted(num_train_steps, "step"),
            counted(settings.train_batch_size, "window"),
            settings.learning_rate,
        )
    )
    input_fn = records.training_input_fn(
        path,
        settings.max_seq_length,
        lengths,
        settings.random_seed,
        steps_done,
        static_shapes=settings.use_tpu,
    )
    model_fn = make_model_fn(settings, names, num_train_steps)
    hook = _ProgressHook(steps_done, num_train_steps, show_loss=not settings.use_tpu)
    estimator = runtime.make_estimator(settings, model_fn, strategy=strategy)
    runtime.train(estimator, settings.machine, input_fn, num_train_steps, [hook])
    files.remove(path)


def _steps_done(settings, num_train_steps):
    """The step that training goes on from; says what will be done."""
    newest = tf.train.latest_checkpoint(settings.output_dir)
    if newest is None:
        return 0
    checkpoints.fine_tuned(settings.output_dir, settings.bert_config)
    step = checkpoints.step_of(newest)
    there = "--output_dir: %s already holds a model trained for %d steps" % (
        settings.output_dir,
        step,
    )
    changed = _changed_since(settings)
    if changed:
        there += ", with other flags (%s)" % ", ".join(changed)
    if step >= num_train_steps:
        say(
            "%s, and these flags ask for %d: nothing is trained. To train anew, name another "
            "directory or empty this one." % (there, num_train_steps)
        )
    else:
        say("%s; training goes on from there to step %d." % (there, num_train_steps))
    return step


def _note(settings):
    return {name: getattr(settings, name) for name in flags.deciding(flags.WEIGHTS)}


def _write_note(settings):
    files.write_json(files.join(settings.output_dir, TRAINING_NOTE), _note(settings))


def _changed_since(settings):
    """The flags that differ from those noted beside the checkpoints, with their old values."""
    if not was_trained_here(settings.output_dir):
        return []
    noted = files.read_json(files.join(settings.output_dir, TRAINING_NOTE))
    return [
        "%s was %s" % (name, noted[name])
        for name, value in _note(settings).items()
        if name in noted and noted[name] != value
    ]


def _write_records(settings, features):
    """Writes the training windows in a seeded random order; returns the path and the lengths."""
    order = runtime.shuffled(len(features), settings.random_seed)
    number = "" if settings.machine.is_first else settings.machine.number
    path = files.join(settings.output_dir, TRAINING_RECORDS % number)
    records.write_records(path, [features[i] for i in order], is_training=True)
    return path, [len(feature.input_ids) for feature in features]
