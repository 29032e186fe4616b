"""Checkpoints: which one a folder holds, whether it is whole, and what is taken from it.

This is the one place that decides it; training, going on, decoding, converting and the machines of
a cluster all ask here. A checkpoint is named by its path without an ending:
``output/squad/model.ckpt-1000`` are the files ``model.ckpt-1000.index``, a few kilobytes that say
what is where, and ``model.ckpt-1000.data-00000-of-00001``, the weights.

What is read is looked at before any graph is built, and without TensorFlow's operations, which
would write lines of their own about what they cannot read.
"""

import os
import re

import numpy as np
import tensorflow.compat.v1 as tf

from common import files
from common.command_line import UserError
from common.progress import say
from zones.reader import Reader

# In a folder of checkpoints, the text file in which TensorFlow notes the newest one.
_STATE = "checkpoint"
_STATED = re.compile(r'^\s*model_checkpoint_path\s*:\s*"(.*)"\s*$', re.MULTILINE)
_PART = re.compile(r"(.+)\.(?:index|meta|data-\d{5}-of-\d{5})")
_SHARD = re.compile(r"\.data-\d{5}-of-(\d{5})")
_STEP = re.compile(r"-(\d+)$")
_OF_TRAINING = re.compile(r"model\.ckpt-\d+\..+|graph\.pbtxt|events\.out\.tfevents\..+|" + _STATE)
# Weights in another program's form.
_OF_THE_HUB = re.compile(r".+\.(safetensors|bin|h5|msgpack|pt|pth)")
# How TensorFlow's reader says, on one runtime or another, that it cannot read.
_UNREADABLE = (tf.errors.OpError, ValueError, IndexError, RuntimeError)

# What the optimizer saves beside the model's own variables.
_STEP_VARIABLE = "global_step"
TRAINING_STATE = ("/adam_m", "/adam_v", _STEP_VARIABLE)
# A larger weight makes infinities as soon as it is squared.
LARGEST_WEIGHT = float(np.sqrt(np.finfo(np.float32).max))


# Which one a folder holds -----------------------------------------------------------------------


def newest(folder, what="--output_dir"):
    """The newest whole checkpoint in a folder: that of the highest step.

    The file ``checkpoint`` does not decide it, because it may hold the path where the folder lay
    before it was moved, or name files that are gone. If it names another one, a NOTE says so.

    Args:
        folder: local or ``gs://``. What lies outside of it is never taken.
        what: what to call it in an error.

    Returns:
        The path, or None if the folder holds no file of a checkpoint, or does not exist.

    Raises:
        UserError: there are files of checkpoints, but not all of any.
    """
    names = files.list_directory(folder, what) if files.is_directory(folder) else []
    stated = _stated(folder, names)
    found = sorted({_PART.fullmatch(n).group(1) for n in names if _PART.fullmatch(n)})
    # Of equal steps, or of names without one, what TensorFlow noted comes first.
    found.sort(key=lambda name: (_step_in(name), name == _base_name(stated)), reverse=True)
    faults = []
    for name in found:
        fault = _fault_of(folder, name, names)
        # A checkpoint of step 0 is untrained, and must not stand in for one that is damaged.
        if fault is None and not (faults and _step_in(name) == 0):
            _note_of_another(folder, name, stated, faults)
            return files.join(folder, name)
        faults += [fault] if fault else []
    if not found:
        return None
    raise UserError(
        "%s: %s holds no whole checkpoint: %s%s; copy all of its files again, or name another "
        "directory" % (what, folder, "; ".join(faults), _as_stated(stated))
    )


def any_in(folder):
    """Whether a folder holds files of a training's checkpoints, whole or not."""
    names = files.list_directory(folder) if files.is_directory(folder) else []
    parts = [_PART.fullmatch(name) for name in names]
    return any(part and _step_in(part.group(1)) >= 0 for part in parts)


def _stated(folder, names):
    """The path that the file ``checkpoint`` names; empty if it names none, or is not there."""
    if _STATE not in names:
        return ""
    try:
        content = files.read_bytes(files.join(folder, _STATE))
    except UserError:  # a directory, or a link to nowhere
        return ""
    match = _STATED.search(content.decode("utf-8-sig", "replace"))
    return match.group(1) if match else ""


def _base_name(path):
    """The last part of a path as any system may write it."""
    return re.split(r"[/\\]", path)[-1]


def _as_stated(stated):
    return " (its file %s names %s)" % (_STATE, stated) if stated else ""


def _step_in(name):
    match = _STEP.search(name)
    return int(match.group(1)) if match else -1


def _note_of_another(folder, name, stated, faults):
    here = (name, files.join(folder, name), files.join(files.absolute(folder), name))
    told = stated and stated not in here
    if told or faults:
        say(
            "NOTE: %s is read, the newest whole checkpoint in its folder%s%s."
            % (
                files.join(folder, name),
                ", whose file %s names %s" % (_STATE, stated) if told else "",
                "".join("; %s" % fault for fault in faults),
            )
        )


def _fault_of(folder, name, names):
    """What is missing of a checkpoint, in words that name its file; None if it is whole.

    Args:
        names: what lies in the folder.
    """
    shards = [n for n in names if n.startswith(name) and _SHARD.fullmatch(n[len(name) :])]
    total = int(_SHARD.fullmatch(shards[0][len(name) :]).group(1)) if shards else 1
    wanted = ["%s.data-%05d-of-%05d" % (name, number, total) for number in range(total)]
    for part in [name + ".index", *wanted]:
        if part not in names:
            return "%s is missing" % part
        other = _stand_in(folder, part)
        if other:
            return "%s is %s" % (part, other)
    try:
        reader = tf.train.load_checkpoint(files.join(folder, name))
        shapes, kinds = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    except _UNREADABLE as error:
        return "%s.index is damaged (%s)" % (name, _gist(error))
    # Of variables that hold texts the index does not tell how long they are.
    needed = sum(
        kinds[n].size * int(np.prod(shapes[n], dtype=np.int64))
        for n in shapes
        if kinds[n] != tf.string
    )
    there = sum(tf.io.gfile.stat(files.join(folder, shard)).length for shard in wanted)
    if there < needed:
        return "{} is cut short: {:,} of {:,} bytes".format(wanted[-1], there, needed)
    return None


def _stand_in(folder, name):
    """What is in the place of a file of a checkpoint, in words; None for what may be the file."""
    path = files.join(folder, name)
    if not files.exists(path):
        return "a link to a file that is not there"
    if files.is_directory(path):
        return "a directory"
    return files.stand_in(files.read_start(path))


def _gist(error):
    return str(error).split("\n")[0]


def going_on(folder, config, what="--output_dir"):
    """The checkpoint that training in a folder goes on from.

    Returns:
        (path, step); (None, 0) where nothing has been trained, as in a checkpoint of step 0, which
        a training that was stopped at once leaves.

    Raises:
        UserError: there are files of checkpoints, but no whole one, or one that was not saved by a
            training of this model; nothing is trained from scratch beside them.
    """
    path = newest(folder, what)
    # A name without a step is not of a training: bert_model.ckpt may lie there, to start from.
    if path is None or _step_in(path) < 0:
        return None, 0
    stored = _check_reader(path, config, what)
    if not _holds_training_state(stored):
        raise UserError(
            "%s: %s holds a model but not how far its training had come; to train it further, say "
            "--init_checkpoint=%s and name another %s" % (what, path, path, what)
        )
    _check_state(path, stored, config, what)
    step = step_of(path)
    return (path, step) if step > 0 else (None, 0)


def _check_state(path, stored, config, what):
    """Raises UserError unless the optimizer's variables are there, whole and numbers."""
    expected = {
        name + ending: shape
        for name, shape in model_shapes(config).items()
        for ending in TRAINING_STATE[:2]
    }
    missing = sorted(set(expected) - set(stored))
    if missing:
        raise UserError(
            "%s: %s lacks %d variables of the optimizer, the first being %s; take an earlier "
            "checkpoint, or say --init_checkpoint=%s and name another %s"
            % (what, path, len(missing), missing[0], path, what)
        )
    check_shapes(expected, stored, path, what)
    check_sound(path, expected, what)
    kind = tf.train.load_checkpoint(path).get_variable_to_dtype_map()[_STEP_VARIABLE]
    if kind != tf.int64 or stored[_STEP_VARIABLE] != []:
        raise UserError(
            "%s: in %s, %s is no single whole number of 64 bits; say --init_checkpoint=%s and name "
            "another %s" % (what, path, _STEP_VARIABLE, path, what)
        )


def check_places(folder, what="--output_dir"):
    """Raises UserError if a directory in a folder has the name of a file that training writes."""
    for name in files.list_directory(folder) if files.is_directory(folder) else []:
        path = files.join(folder, name)
        if _OF_TRAINING.fullmatch(name) and files.is_directory(path):
            raise UserError(
                "%s: %s is a directory, and training writes a file of that name; move it away"
                % (what, path)
            )


def clear(folder):
    """Removes what training left in a folder: its checkpoints, and TensorFlow's notes of them."""
    for name in files.list_directory(folder) if files.is_directory(folder) else []:
        if _OF_TRAINING.fullmatch(name):
            files.remove(files.join(folder, name))


# What one holds ---------------------------------------------------------------------------------


def model_shapes(config):
    """The model's variables: name -> shape, as a dict of lists."""
    shapes = {}

    def note(getter, name, shape, **kwargs):
        """Notes a variable in place of making it."""
        del getter, kwargs
        shapes[name] = list(shape)
        return tf.placeholder(tf.float32, shape)

    # Placeholders in place of variables, since the initial values are what takes long to make.
    with tf.Graph().as_default(), tf.variable_scope("", custom_getter=note):
        Reader(config)
    return shapes


def named(path, what):
    """The checkpoint that a user named: by its path, one of its files, or the folder it is in.

    Raises:
        UserError: there is none of that name, or it is not whole.
    """
    path = str(path)
    if os.path.basename(path) == _STATE and files.exists(path):
        path = files.directory_of(path)
    if files.is_directory(path):
        found = newest(path, what)
        if found is None:
            hint = _hint_of_the_hub(files.list_directory(path))
            raise UserError(
                "%s: there is no checkpoint in the folder %s%s"
                % (what, path, "; " + hint if hint else "")
            )
        return found
    match = _PART.fullmatch(path)
    path = match.group(1) if match else path
    folder, name = files.directory_of(path), os.path.basename(path)
    names = files.list_directory(folder, what) if files.is_directory(folder) else []
    there = sorted({_PART.fullmatch(n).group(1) for n in names if _PART.fullmatch(n)})
    if name not in there:
        raise UserError("%s: %s" % (what, _why_not(path, there)))
    fault = _fault_of(folder, name, names)
    if fault:
        raise UserError("%s: of %s, %s; copy or download it again" % (what, path, fault))
    return path


def _hint_of_the_hub(names):
    """What to do about weights of another program among these files; None if there are none."""
    found = next((name for name in names if _OF_THE_HUB.fullmatch(name)), None)
    return found and "%s is of a model in another form; see convert_checkpoint.py --help" % found


def _why_not(path, there):
    """Says why a path is no checkpoint.

    Args:
        there: the names of the checkpoints in its folder.
    """
    if files.exists(path) and _hint_of_the_hub([path]):
        return _hint_of_the_hub([path])
    mend = (
        "there are %s" % ", ".join(there[:5])
        if there
        else "give the name without its ending, for example bert_model.ckpt for "
        "bert_model.ckpt.index"
    )
    return "there is no checkpoint %s; %s" % (path, mend)


def stored_shapes(path, what):
    """The variables in a checkpoint: name -> shape.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return tf.train.load_checkpoint(path).get_variable_to_shape_map()
    except _UNREADABLE as error:
        raise _damaged(path, what, _gist(error))


def _damaged(path, what, why):
    return UserError("%s: %s is damaged (%s); copy or download it again" % (what, path, why))


def check_shapes(expected, stored, path, what):
    """Raises UserError if a variable has another shape; all names are the model's."""
    for name, shape in expected.items():
        if name in stored and list(stored[name]) != shape:
            raise UserError(
                "%s: in %s, %s has shape %s but --bert_config_file asks for %s; "
                "use the bert_config.json that belongs to the checkpoint"
                % (what, path, name, list(stored[name]), shape)
            )


def is_sound(array):
    """Whether an array holds finite numbers, small enough to be squared."""
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.abs(array) <= LARGEST_WEIGHT))


def check_sound(path, names, what):
    """Reads variables of a checkpoint, to know that they are as they were saved, and numbers.

    Raises:
        UserError: it is damaged, or one of them holds NaN, infinities or numbers like 1e38.
    """
    reader = tf.train.load_checkpoint(path)
    kinds = reader.get_variable_to_dtype_map()
    for name in names:
        if kinds[name] != tf.float32:
            raise UserError(
                "%s: in %s, %s is stored as %s, not as numbers of 32 bits (float32); convert the "
                "checkpoint" % (what, path, name, kinds[name].name)
            )
        try:
            array = reader.get_tensor(name)
        except _UNREADABLE as error:
            raise _damaged(path, what, _gist(error))
        if not is_sound(array):
            raise UserError(
                "%s: in %s, %s holds numbers that cannot be weights (NaN, infinite or beyond "
                "%.0e); its training failed: take an earlier checkpoint, or train again with a "
                "lower --learning_rate" % (what, path, name, LARGEST_WEIGHT)
            )


def fine_tuned(output_dir, config, what="--output_dir"):
    """The newest checkpoint of a fine-tuned model, checked to hold all of it, in numbers.

    Raises:
        UserError: none is there, a variable is missing or damaged, or one has another shape.
    """
    path = newest(output_dir, what)
    if path is None:
        raise UserError("%s: %s" % (what, _why_none(output_dir)))
    stored = _check_reader(path, config, what)
    if _holds_training_state(stored) and step_of(path) <= 0:
        raise UserError(
            "%s: %s was saved before the first step of its training; train on, with the command "
            "that began it" % (what, path)
        )
    return path


def _holds_training_state(stored):
    return _STEP_VARIABLE in stored and any(name.endswith("/adam_m") for name in stored)


def _check_reader(path, config, what):
    """Raises UserError unless the checkpoint holds a whole model; returns its stored_shapes."""
    stored, expected = stored_shapes(path, what), model_shapes(config)
    missing = sorted(set(expected) - set(stored))
    if missing:
        raise UserError(
            "%s: %s lacks %d of the model's %d variables, the first being %s; "
            "is it a fine-tuned reader of this --bert_config_file? It has, for example, %s"
            % (what, path, len(missing), len(expected), missing[0], examples(stored))
        )
    check_shapes(expected, stored, path, what)
    check_sound(path, expected, what)
    return stored


def _why_none(folder):
    """Says of a folder without a checkpoint what is in it."""
    mend = "train first (--do_train=True) or name the directory of a trained model"
    if not files.is_directory(folder):
        parent, name = os.path.split(folder)
        if files.exists(folder + ".index"):
            mend = "%s is a checkpoint; name the folder that it is in, %s" % (name, parent or ".")
        return "there is no directory %s, so no fine-tuned checkpoint to predict with; %s" % (
            folder,
            mend,
        )
    names = files.list_directory(folder)
    of_the_hub = _hint_of_the_hub(names)
    inside = [name for name in names if any_in(files.join(folder, name))]
    if of_the_hub:
        mend = of_the_hub
    elif inside:
        mend = "its folder %s holds one: name that" % inside[-1]
    listed = ", ".join(names[:5]) + (" and %d more" % (len(names) - 5) if len(names) > 5 else "")
    return "%s holds no fine-tuned checkpoint to predict with%s, only %s; %s" % (
        folder,
        _as_stated(_stated(folder, names)),
        listed or "nothing",
        mend,
    )


def examples(stored):
    """Some of the names in a checkpoint, for an error."""
    return ", ".join(sorted(stored)[:3]) or "nothing"


def step_of(path):
    """The training step that a checkpoint was saved at."""
    try:
        return int(np.max(tf.train.load_checkpoint(path).get_tensor(_STEP_VARIABLE)))
    except (TypeError, OverflowError, *_UNREADABLE):  # of what is no number
        return 0


def content_hash_source(path):
    """Bytes that change when the checkpoint's content changes.

    The index of a TensorFlow checkpoint holds a checksum of every tensor, so that its few
    kilobytes stand for the gigabytes beside it.
    """
    return files.read_bytes(path + ".index") + os.path.basename(path).encode()
