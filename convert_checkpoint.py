"""Turns a Hugging Face model directory into a checkpoint for run_squad.py, and a trained one back.

Both sides hold the same tensors under other names; Hugging Face keeps a dense layer's weights the
other way round, ``[out, in]``. Every tensor is accounted for: taken, left out on purpose, or named
as unknown or missing.
"""

import common.environment  # noqa: F401

import os

# TensorFlow reads this once, when it is loaded: show its errors, not its notes.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import dataclasses
import json
import re

import numpy as np
import safetensors
import safetensors.numpy
import tensorflow.compat.v1 as tf

import tokenization
from common import command_line, files
from common.command_line import UserError
from common.progress import counted, say
from modeling import ACTIVATIONS, BERT, ELECTRA, LAYER_NORM_EPSILON, BertConfig
from running import checkpoints
from running import estimator as runtime

WEIGHTS, CONFIG, VOCABULARY = "model.safetensors", "config.json", "vocab.txt"
OUR_CONFIG, OUR_CHECKPOINT = "bert_config.json", "bert_model.ckpt"

# What the two sides call the activations: "gelu" is the erf formula there, the tanh formula here.
_THEIR_ACTIVATIONS = {
    "gelu": "gelu_erf",
    "gelu_python": "gelu_erf",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "tanh": "tanh",
}
# Tensors that a reader does without: they are listed, and left out.
_LEFT_OUT = re.compile(
    r"(.*\.)?(pooler|predictions|seq_relationship|classifier|discriminator_predictions"
    r"|generator_predictions|generator_lm_head)\..*|.*\bposition_ids"
)
_SPAN_HEAD = "qa_outputs."
_OUR_SPAN_HEAD = ("cls/squad/output_weights", "cls/squad/output_bias")

_DESCRIPTION = """\
Converts checkpoints between Hugging Face's form and the one that run_squad.py reads.

  python convert_checkpoint.py DIR OUT

reads DIR/config.json, vocab.txt and model.safetensors of a BERT or ELECTRA model and writes
OUT/bert_config.json, vocab.txt and bert_model.ckpt.*: set BERT_DIR=OUT for train_squad.sh.

  python convert_checkpoint.py --to-safetensors OUTPUT_DIR OUT \\
      --bert_config_file FILE --vocab_file FILE

takes the newest checkpoint of a trained reader in OUTPUT_DIR and writes OUT/config.json, vocab.txt
and model.safetensors for BertForQuestionAnswering or ElectraForQuestionAnswering."""


# Names ----------------------------------------------------------------------------------------


def their_name(name, scope):
    """What Hugging Face calls a variable of ours.

    For example ``bert/encoder/layer_0/output/LayerNorm/gamma`` is
    ``encoder.layer.0.output.LayerNorm.weight`` (with or without ``bert.`` in front), and
    ``cls/squad/output_weights`` is ``qa_outputs.weight``.
    """
    if name in _OUR_SPAN_HEAD:
        return _SPAN_HEAD + ("weight" if name.endswith("weights") else "bias")
    name = re.sub(r"layer_(\d+)/", r"layer.\1.", name[len(scope) + 1 :]).replace("/", ".")
    for ours, theirs in ((".kernel", ".weight"), (".gamma", ".weight"), (".beta", ".bias")):
        if name.endswith(ours):
            return name[: -len(ours)] + theirs
    return name + ".weight" if name.endswith("_embeddings") else name


def _turned(name, array):
    """A dense layer's weights the other way round; other arrays as they are."""
    return np.ascontiguousarray(array.T) if name.endswith("/kernel") else array


# There to here --------------------------------------------------------------------------------


def read_tensors(path):
    """The tensors of a safetensors file, name -> array; 16-bit floats become float32.

    Raises:
        UserError: the file is missing, cut short, or holds a kind of number that we do not know.
    """
    try:
        stored = safetensors.deserialize(files.read_bytes(path, "DIR"))
    except safetensors.SafetensorError as error:
        raise UserError(
            "DIR: %s is not a whole safetensors file (%s); download it again" % (path, error)
        )
    return {name: _as_array(name, tensor, path) for name, tensor in stored}


_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "BOOL": "?"}


def _as_array(name, tensor, path):
    kind = tensor["dtype"]
    if kind == "BF16":
        # The upper half of a float32.
        halves = np.frombuffer(tensor["data"], "<u2").astype("<u4")
        array = (halves << 16).view("<f4")
    elif kind in _KINDS:
        array = np.frombuffer(tensor["data"], _KINDS[kind])
    else:
        raise UserError("DIR: in %s, %s is stored as %s, which is not known" % (path, name, kind))
    return array.reshape(tensor["shape"])


def our_config(theirs, path):
    """A BertConfig for Hugging Face's ``config.json``.

    Raises:
        UserError: another architecture, or a part of it that our model does not have.
    """
    kind = theirs.get("model_type") if isinstance(theirs, dict) else None
    if kind not in (BERT, ELECTRA):
        raise UserError(
            "DIR: %s has model_type %r; only bert and electra can be converted" % (path, kind)
        )
    activation = theirs.get("hidden_act", "gelu")
    for key, fits in (
        ("hidden_act", activation in _THEIR_ACTIVATIONS),
        ("layer_norm_eps", theirs.get("layer_norm_eps", 1e-12) == LAYER_NORM_EPSILON),
        ("position_embedding_type", theirs.get("position_embedding_type") in (None, "absolute")),
        ("is_decoder", not theirs.get("is_decoder")),
    ):
        if not fits:
            raise UserError(
                "DIR: %s has %s = %r, which our model does not have" % (path, key, theirs[key])
            )
    known = {field.name for field in dataclasses.fields(BertConfig)}
    values = {key: value for key, value in theirs.items() if key in known}
    values["hidden_act"] = _THEIR_ACTIVATIONS[activation]
    if kind == BERT:
        values.pop("embedding_size", None)
    config = BertConfig(**values)
    config.check("DIR: %s" % path)
    return config


def taken_tensors(config, tensors, path):
    """Our variables from Hugging Face's tensors; says what is left out and what is missing.

    Returns:
        A dict: our name -> float32 array. The span head is in it if the file has one.

    Raises:
        UserError: a tensor of the encoder is missing or has another shape, or one is unknown.
    """
    prefix = config.scope + "."
    bare = {name[len(prefix) :] if name.startswith(prefix) else name: name for name in tensors}
    for name in [name for name in bare if re.search(r"LayerNorm\.(gamma|beta)$", name)]:
        # The names of their early versions.
        newer = name.replace(".gamma", ".weight").replace(".beta", ".bias")
        bare[newer] = bare.pop(name)
    taken, missing = {}, []
    for ours, shape in checkpoints.model_shapes(config).items():
        theirs = their_name(ours, config.scope)
        if theirs not in bare:
            missing.append((ours, theirs))
            continue
        array = _turned(ours, tensors[bare.pop(theirs)]).astype(np.float32)
        if list(array.shape) != shape:
            raise UserError(
                "DIR: in %s, %s has shape %s where config.json asks for %s; take the config.json "
                "that belongs to it" % (path, theirs, list(array.shape), shape)
            )
        taken[ours] = array
    holes = [theirs for ours, theirs in missing if ours not in _OUR_SPAN_HEAD]
    if holes:
        raise UserError(
            "DIR: %s lacks %s of the encoder: %s"
            % (path, counted(len(holes), "tensor"), _some(holes))
        )
    left_out = sorted(name for name in bare if _LEFT_OUT.fullmatch(name))
    unknown = sorted(set(bare) - set(left_out))
    if unknown:
        raise UserError(
            "DIR: %s holds %s that a %s reader has no place for: %s"
            % (path, counted(len(unknown), "tensor"), config.model_type, _some(unknown))
        )
    say("Taken: %d of the file's %d tensors." % (len(taken), len(tensors)))
    say("Left out, since a reader does not use them: %s." % (", ".join(left_out) or "none"))
    if missing:
        say("Not in the file: the span head, which training makes. (%s)" % _SPAN_HEAD)
    return taken


def _some(names, most=4):
    more = ", and %d more" % (len(names) - most) if len(names) > most else ""
    return ", ".join(sorted(names)[:most]) + more


def write_checkpoint(path, variables):
    """Writes a TF1 checkpoint: ``variables`` is a dict of name -> float32 array."""
    with tf.Graph().as_default(), tf.Session() as session:
        placed = {
            name: tf.get_variable(name, array.shape, initializer=tf.zeros_initializer())
            for name, array in variables.items()
        }
        for name, variable in placed.items():
            variable.load(variables[name], session)
        saver = tf.train.Saver(list(placed.values()))
        saver.save(session, path, write_meta_graph=False, write_state=False)


def from_hugging_face(directory, out):
    """Converts DIR to OUT; see the top of this file."""
    weights = _existing(directory, WEIGHTS)
    config_path, vocabulary_path = files.join(directory, CONFIG), files.join(directory, VOCABULARY)
    config = our_config(files.read_json(config_path, "DIR"), config_path)
    vocabulary = tokenization.load_vocabulary(vocabulary_path, "DIR")
    if max(vocabulary.values()) + 1 > config.vocab_size:
        raise UserError(
            "DIR: %s has %d entries, more than the %d that config.json has room for"
            % (vocabulary_path, max(vocabulary.values()) + 1, config.vocab_size)
        )
    variables = taken_tensors(config, read_tensors(weights), weights)
    files.make_directory(out, "OUT")
    write_checkpoint(files.join(out, OUR_CHECKPOINT), variables)
    files.write_json(files.join(out, OUR_CONFIG), dataclasses.asdict(config), "OUT")
    files.write_bytes(files.join(out, VOCABULARY), files.read_bytes(vocabulary_path), "OUT")
    say("Written: %s, %s and %s.* in %s" % (OUR_CONFIG, VOCABULARY, OUR_CHECKPOINT, out))
    say("For train_squad.sh: BERT_DIR=%s%s" % (out, _case_hint(directory)))


def _existing(directory, name):
    """The path of the weights; a UserError that says what to do about other forms of them."""
    if not files.is_directory(directory):
        raise UserError("DIR: there is no directory %s; check the path" % directory)
    names = files.list_directory(directory)
    if name in names:
        return files.join(directory, name)
    if name + ".index.json" in names:
        why = "holds weights in several parts; load them with transformers and save them again "
        why += "with save_pretrained(..., max_shard_size='100GB')"
    elif "pytorch_model.bin" in names:
        why = "holds pytorch_model.bin only; load it with transformers and save it again with "
        why += "save_pretrained(..., safe_serialization=True)"
    else:
        why = "has no %s; name the directory of a Hugging Face model" % name
    raise UserError("DIR: %s %s" % (directory, why))


def _case_hint(directory):
    path = files.join(directory, "tokenizer_config.json")
    if not files.exists(path):
        return ""
    lower = files.read_json(path, "DIR").get("do_lower_case")
    return "" if lower is None else " DO_LOWER_CASE=%s" % bool(lower)


# Here to there --------------------------------------------------------------------------------


def their_config(config):
    """Hugging Face's ``config.json`` for a reader of ours, as a dict."""
    values = dataclasses.asdict(config)
    values["hidden_act"] = next(
        theirs
        for theirs, ours in _THEIR_ACTIVATIONS.items()
        if ACTIVATIONS[ours] is config.activation
    )
    if config.model_type == BERT:
        del values["embedding_size"]
    else:
        values["embedding_size"] = config.embedding_size or config.hidden_size
    name = {BERT: "BertForQuestionAnswering", ELECTRA: "ElectraForQuestionAnswering"}
    return dict(values, architectures=[name[config.model_type]], layer_norm_eps=LAYER_NORM_EPSILON)


def to_hugging_face(directory, out, config_path, vocabulary_path):
    """Converts the trained reader in OUTPUT_DIR to OUT; see the top of this file."""
    config = BertConfig.from_file(config_path)
    vocabulary = files.read_bytes(vocabulary_path, "--vocab_file")
    stored = tf.train.load_checkpoint(checkpoints.fine_tuned(directory, config, "OUTPUT_DIR"))
    tensors = {}
    for ours in checkpoints.model_shapes(config):
        theirs = their_name(ours, config.scope)
        prefix = "" if theirs.startswith(_SPAN_HEAD) else config.scope + "."
        tensors[prefix + theirs] = _turned(ours, stored.get_tensor(ours))
    files.make_directory(out, "OUT")
    # "pt": what transformers asks of a file before it loads it.
    content = safetensors.numpy.save(tensors, metadata={"format": "pt"})
    files.write_bytes(files.join(out, WEIGHTS), content, "OUT")
    text = json.dumps(their_config(config), indent=2) + "\n"
    files.write_bytes(files.join(out, CONFIG), text.encode(), "OUT")
    files.write_bytes(files.join(out, VOCABULARY), vocabulary, "OUT")
    say("Written: %d tensors, %s and %s in %s" % (len(tensors), CONFIG, VOCABULARY, out))


def main(argv=None):
    """Runs the script; see ``--help``."""
    parser = command_line.ArgumentParser(description=_DESCRIPTION)
    parser.add_argument("directory", metavar="DIR", help="a Hugging Face model, or OUTPUT_DIR")
    parser.add_argument("out", metavar="OUT", help="the directory to write")
    parser.add_argument(
        "--to-safetensors", action="store_true", help="convert a trained reader, in OUTPUT_DIR"
    )
    parser.add_argument("--bert_config_file", help="of the trained reader")
    parser.add_argument("--vocab_file", help="of the trained reader")
    options = parser.parse_args(argv)
    runtime.prepare()
    if not options.to_safetensors:
        from_hugging_face(options.directory, options.out)
        return 0
    for name in ("bert_config_file", "vocab_file"):
        if not getattr(options, name):
            raise UserError("--%s is missing; name the file that training had" % name)
    to_hugging_face(options.directory, options.out, options.bert_config_file, options.vocab_file)
    return 0


if __name__ == "__main__":
    command_line.run(main)
