"""Checkpoints: do they hold the model that is asked for, and what is taken from them?"""

import os

import tensorflow.compat.v1 as tf

from common.command_line import UserError
from common.configuration import ARCHITECTURES
from common.progress import say
from zones.reader import Reader

# What an optimizer keeps beside the model.
_TRAINING_STATE = ("/adam_m", "/adam_v", "global_step")
# What public checkpoints hold beside the encoder, of pre-training.
_PRETRAINING_PARTS = (
    "bert/pooler/",
    "cls/predictions/",
    "cls/seq_relationship/",
    "discriminator_predictions/",
    "generator/",
    "generator_predictions/",
)


def model_shapes(config):
    """The model's variables: name -> shape, as a dict of lists."""
    with tf.Graph().as_default():
        Reader(config)
        return {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}


def stored_shapes(path, what):
    """The variables in a checkpoint: name -> shape.

    Raises:
        UserError: there is no readable checkpoint under that name.
    """
    if not tf.io.gfile.exists(path + ".index"):
        raise UserError(
            "%s: there is no checkpoint %s; give the name without its ending, "
            "for example bert_model.ckpt for bert_model.ckpt.index" % (what, path)
        )
    try:
        return tf.train.load_checkpoint(path).get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError) as error:
        raise UserError(
            "%s: %s is not a whole checkpoint (%s); copy or download it again"
            % (what, path, str(error).split("\n")[0])
        )


def _check_shapes(expected, stored, path, what):
    for name, shape in expected.items():
        if name in stored and list(stored[name]) != shape:
            raise UserError(
                "%s: in %s, %s has shape %s but --bert_config_file asks for %s; "
                "use the bert_config.json that belongs to the checkpoint"
                % (what, path, name, list(stored[name]), shape)
            )


def fine_tuned(output_dir, config, what="--output_dir"):
    """The newest checkpoint of a fine-tuned model, checked to hold all of it.

    Raises:
        UserError: none is there, a variable is missing, or one has another shape.
    """
    path = tf.train.latest_checkpoint(output_dir) if tf.io.gfile.exists(output_dir) else None
    if path is None:
        raise UserError(
            "%s: %s holds no fine-tuned checkpoint to predict with; "
            "train first (--do_train=True) or name the directory of a trained model"
            % (what, output_dir)
        )
    expected, stored = model_shapes(config), stored_shapes(path, what)
    missing = sorted(set(expected) - set(stored))
    if missing:
        raise UserError(
            "%s: %s lacks %d of the model's variables, the first being %s; "
            "is it a fine-tuned reader of this --bert_config_file?"
            % (what, path, len(missing), missing[0])
        )
    _check_shapes(expected, stored, path, what)
    return path


def starting_point(path, config, verbose=False):
    """Which variables training takes from a pre-trained checkpoint; says so.

    Args:
        path: the checkpoint's name without ending, or None to train from scratch.
        config: the model's BertConfig.
        verbose: name every variable.

    Returns:
        The names to take, sorted; the rest are initialised.

    Raises:
        UserError: a shape differs, or nothing of the encoder is in the checkpoint.
    """
    expected = model_shapes(config)
    if not path:
        say("Training from scratch: all %d variables are initialised." % len(expected))
        return []
    stored = stored_shapes(path, "--init_checkpoint")
    _check_shapes(expected, stored, path, "--init_checkpoint")
    taken = sorted(set(expected) & set(stored))
    missing = sorted(set(expected) - set(stored))
    if not any(name.startswith(config.scope + "/encoder/") for name in taken):
        raise _wrong_start(path, stored, config)
    encoder_holes = [name for name in missing if name.startswith(config.scope + "/")]
    if encoder_holes:
        say(
            "WARNING: %d variables of the encoder are not in the checkpoint, the first being %s; "
            "is num_hidden_layers right?" % (len(encoder_holes), encoder_holes[0])
        )
    say("From %s: %d of the model's %d variables." % (path, len(taken), len(expected)))
    say("Initialised: %s." % (", ".join(missing) or "none"))
    unused = [n for n in sorted(set(stored) - set(expected)) if not n.endswith(_TRAINING_STATE)]
    parts = [part for part in _PRETRAINING_PARTS if any(n.startswith(part) for n in unused)]
    if parts:
        say("Left out, for pre-training only: %s." % ", ".join(part + "*" for part in parts))
    unused = [name for name in unused if not name.startswith(_PRETRAINING_PARTS)]
    if unused:
        say("In the checkpoint but not in a reader: %s." % ", ".join(unused))
    if verbose:
        for name in taken:
            say("  from checkpoint: %s %s" % (name, expected[name]))
    return taken


def _wrong_start(path, stored, config):
    """The UserError for a checkpoint that has nothing of the encoder."""
    for other in sorted(set(ARCHITECTURES) - {config.model_type}):
        if any(name.startswith(other + "/encoder/") for name in stored):
            return UserError(
                '--init_checkpoint: %s is of model_type "%s", and --bert_config_file says "%s"; '
                "mend the configuration or take the one that belongs to the checkpoint"
                % (path, other, config.model_type)
            )
    return UserError(
        "--init_checkpoint: %s holds nothing of the encoder (%s/encoder/...); is it the "
        "checkpoint of a reader's encoder? It has, for example, %s"
        % (path, config.scope, ", ".join(sorted(stored)[:3]) or "nothing")
    )


def step_of(path):
    """The training step that a checkpoint was saved at."""
    try:
        return int(tf.train.load_variable(path, "global_step"))
    except (tf.errors.OpError, ValueError):
        return 0


def content_hash_source(path):
    """Bytes that change when the checkpoint's content changes.

    The index of a TensorFlow checkpoint holds a checksum of every tensor, so that its few
    kilobytes stand for the gigabytes beside it.
    """
    with tf.io.gfile.GFile(path + ".index", "rb") as stream:
        return stream.read() + os.path.basename(path).encode()
