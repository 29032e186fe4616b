"""What training takes from a pre-trained checkpoint, and under which names."""

from common.command_line import UserError
from common.configuration import ARCHITECTURES
from common.progress import say
from running import checkpoints

# Parts of public checkpoints that only pre-training needs.
_PRETRAINING_PARTS = (
    "bert/pooler/",
    "cls/predictions/",
    "cls/seq_relationship/",
    "discriminator_predictions/",
    "generator/",
    "generator_predictions/",
)


def variables_of(path, config, verbose=False):
    """Which variables training takes from a pre-trained checkpoint; says so.

    Args:
        path: a checkpoint of checkpoints.named(), or None to train from scratch.
        config: the model's BertConfig.
        verbose: name every variable.

    Returns:
        A dict, the model's name of each variable to take -> its name in the checkpoint, sorted;
        the rest are initialised.

    Raises:
        UserError: a shape differs, a number is none, or nothing of the encoder is in there.
    """
    expected = checkpoints.model_shapes(config)
    if not path:
        say("Training from scratch: all %d variables are initialised." % len(expected))
        return {}
    what = "--init_checkpoint"
    stored = checkpoints.stored_shapes(path, what)
    names, prefix = _names_in(stored, expected, config)
    taken = {ours: theirs for ours, theirs in sorted(names.items()) if theirs in stored}
    if not any(name.startswith(config.scope + "/encoder/") for name in taken):
        raise _wrong_start(path, stored, config)
    checkpoints.check_shapes(
        expected, {ours: stored[theirs] for ours, theirs in taken.items()}, path, what
    )
    checkpoints.check_sound(path, taken.values(), what)
    missing = sorted(set(expected) - set(taken))
    encoder_holes = [name for name in missing if name.startswith(config.scope + "/")]
    if encoder_holes:
        say(
            "WARNING: %d variables of the encoder are not in the checkpoint, the first being %s; "
            "is num_hidden_layers right?" % (len(encoder_holes), encoder_holes[0])
        )
    say("From %s: %d of the model's %d variables." % (path, len(taken), len(expected)))
    if prefix != config.scope + "/":
        say(
            "Its names begin with %r where the model's begin with %r."
            % (prefix, config.scope + "/")
        )
    say("Initialised: %s." % (", ".join(missing) or "none"))
    _say_what_is_left(set(stored) - set(taken.values()))
    if verbose:
        for name in taken:
            say("  from checkpoint: %s %s" % (name, expected[name]))
    return taken


def _names_in(stored, expected, config):
    """What a checkpoint calls the model's variables.

    Some programs save a model as a part of another one: ``module/bert/encoder/...``.

    Returns:
        (dict: the model's name -> the checkpoint's, whether it has it or not; what stands in the
        checkpoint in place of ``bert/``).
    """
    own = config.scope + "/"
    anchor = next(name[len(own) :] for name in expected if name.startswith(own + "encoder/"))
    prefixes = sorted(
        (name[: -len(anchor)] for name in stored if ("/" + name).endswith("/" + anchor)), key=len
    )
    others = set(ARCHITECTURES) - {config.scope}
    prefixes = [prefix for prefix in prefixes if prefix.split("/")[-2:][0] not in others]
    if own in prefixes or not prefixes:
        return {name: name for name in expected}, own
    prefix = prefixes[0]
    outer = prefix[: -len(own)] if prefix.endswith(own) else prefix
    names = {}
    for name in expected:
        if name.startswith(own):
            names[name] = prefix + name[len(own) :]
        else:
            names[name] = outer + name if outer + name in stored else name
    return names, prefix


def _say_what_is_left(names):
    """Says which variables of a checkpoint a reader does not take."""
    unused = [name for name in sorted(names) if not name.endswith(checkpoints.TRAINING_STATE)]
    parts = [part for part in _PRETRAINING_PARTS if any(n.startswith(part) for n in unused)]
    if parts:
        say("Left out, for pre-training only: %s." % ", ".join(part + "*" for part in parts))
    unused = [name for name in unused if not name.startswith(_PRETRAINING_PARTS)]
    if unused:
        say("In the checkpoint but not in a reader: %s." % ", ".join(unused))


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
        % (path, config.scope, checkpoints.examples(stored))
    )
