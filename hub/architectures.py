"""What each architecture is called on the Hugging Face hub: its settings, tensors and classes.

Both sides hold the same tensors under other names; there a dense layer's weights are the other way
round, ``[out, in]``.
"""

import dataclasses
import re
from typing import Dict, NamedTuple, Tuple

from common.command_line import UserError
from common.configuration import (
    ALBERT,
    ARCHITECTURES,
    BERT,
    DISTILBERT,
    ELECTRA,
    GELU_ERF,
    GELU_TANH,
    ROBERTA,
    BertConfig,
    unlike_ours,
)
from common.progress import say


class HubArchitecture(NamedTuple):
    """The names of one architecture.

    Attributes:
        reader: the class of its span reader.
        tokenizer: the class of the tokenizer that such a reader usually has.
        keys: of the settings that ``config.json`` calls otherwise: our name -> its name.
        defaults: what ``transformers`` takes for settings that ``config.json`` leaves out, where
            that is not BERT's: our name -> value.
        parts: of the names of tensors: pairs (ours, its), replaced one after another in a name that
            is written as BERT's are there.
    """

    reader: str
    tokenizer: str
    keys: Dict[str, str] = {}
    defaults: Dict[str, object] = {}
    parts: Tuple[Tuple[str, str], ...] = ()


HUB_ARCHITECTURES = {
    BERT: HubArchitecture("BertForQuestionAnswering", "BertTokenizer"),
    ELECTRA: HubArchitecture(
        "ElectraForQuestionAnswering", "ElectraTokenizer", defaults={"embedding_size": 128}
    ),
    DISTILBERT: HubArchitecture(
        "DistilBertForQuestionAnswering",
        "DistilBertTokenizer",
        keys={
            "hidden_size": "dim",
            "num_hidden_layers": "n_layers",
            "num_attention_heads": "n_heads",
            "intermediate_size": "hidden_dim",
            "hidden_act": "activation",
            "hidden_dropout_prob": "dropout",
            "attention_probs_dropout_prob": "attention_dropout",
        },
        parts=(
            ("encoder.layer.", "transformer.layer."),
            ("attention.self.query", "attention.q_lin"),
            ("attention.self.key", "attention.k_lin"),
            ("attention.self.value", "attention.v_lin"),
            ("attention.output.dense", "attention.out_lin"),
            ("attention.output.LayerNorm", "sa_layer_norm"),
            ("intermediate.dense", "ffn.lin1"),
            ("output.dense", "ffn.lin2"),
            ("output.LayerNorm", "output_layer_norm"),
        ),
    ),
    ALBERT: HubArchitecture(
        "AlbertForQuestionAnswering",
        "AlbertTokenizer",
        defaults={
            "embedding_size": 128,
            "hidden_act": "gelu_new",
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        parts=(
            ("encoder.layer.0.", "encoder.albert_layer_groups.0.albert_layers.0."),
            ("attention.self.", "attention."),
            ("attention.output.", "attention."),
            ("intermediate.dense", "ffn"),
            ("output.dense", "ffn_output"),
            ("output.LayerNorm", "full_layer_layer_norm"),
            ("embeddings_project", "encoder.embedding_hidden_mapping_in"),
        ),
    ),
    ROBERTA: HubArchitecture(
        "RobertaForQuestionAnswering", "RobertaTokenizer", defaults={"pad_token_id": 1}
    ),
}

# Without these a shape would be guessed.
_NEEDED = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
)
# Settings that mean nothing to some architectures, whatever their files say.
_MEANINGLESS = {
    BERT: ("embedding_size",),
    DISTILBERT: ("embedding_size", "type_vocab_size", "layer_norm_eps"),
    ROBERTA: ("embedding_size",),
}
# What the two sides call the activations: "gelu" is the erf formula there.
_ACTIVATIONS = {
    "gelu": GELU_ERF,
    "gelu_python": GELU_ERF,
    "gelu_new": GELU_TANH,
    "gelu_pytorch_tanh": GELU_TANH,
    "gelu_fast": GELU_TANH,
    "relu": "relu",
    "tanh": "tanh",
}

SPAN_HEAD = "qa_outputs."
OUR_SPAN_HEAD = {
    "cls/squad/output_weights": SPAN_HEAD + "weight",
    "cls/squad/output_bias": SPAN_HEAD + "bias",
}


# Names ----------------------------------------------------------------------------------------


def their_name(name, model_type):
    """What Hugging Face calls a variable of ours, without ``bert.`` and the like in front.

    For example, for BERT, ``bert/encoder/layer_0/output/LayerNorm/gamma`` is
    ``encoder.layer.0.output.LayerNorm.weight``, and ``cls/squad/output_weights`` is
    ``qa_outputs.weight``.
    """
    if name in OUR_SPAN_HEAD:
        return OUR_SPAN_HEAD[name]
    name = re.sub(r"layer_(\d+)/", r"layer.\1.", name[len(model_type) + 1 :]).replace("/", ".")
    for ours, theirs in ((".kernel", ".weight"), (".gamma", ".weight"), (".beta", ".bias")):
        if name.endswith(ours):
            name = name[: -len(ours)] + theirs
    if name.endswith("_embeddings"):
        name += ".weight"
    for ours, theirs in HUB_ARCHITECTURES[model_type].parts:
        name = name.replace(ours, theirs)
    return name


# Configurations -------------------------------------------------------------------------------


def our_config(theirs, path):
    """A BertConfig for Hugging Face's ``config.json``.

    Args:
        theirs: the JSON value.
        path: the file, for errors.

    Raises:
        UserError: another architecture, a part of it that our model does not have, or a value that
            cannot be.
    """
    where = "DIR: %s" % path
    model_type = _model_type(theirs, where)
    named = HUB_ARCHITECTURES[model_type].keys
    other = unlike_ours(theirs)
    if other:
        raise UserError(
            "%s has %s = %r, which our model does not have" % (where, other, theirs[other])
        )
    values = dict(HUB_ARCHITECTURES[model_type].defaults)
    for field in dataclasses.fields(BertConfig):
        key = named.get(field.name, field.name)
        if key in theirs and field.name not in _MEANINGLESS.get(model_type, ()):
            values[field.name] = theirs[key]
        elif field.name in _NEEDED:
            raise UserError("%s has no %s; is it the model's own?" % (where, key))
    # null: the model has no padding token. Any id will do, since padding is never looked at; but
    # where positions count from it there is none to put in its place.
    if (
        values.get("pad_token_id", 0) is None
        and not ARCHITECTURES[model_type].positions_follow_padding
    ):
        values["pad_token_id"] = 0
    if "auto_map" in theirs:
        say(
            "WARNING: %s names code of the model's own (auto_map), which is not run here: it is "
            "taken to be a plain %s" % (where, model_type)
        )
    activation = values.pop("hidden_act", "gelu")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise UserError(
            "%s has %s = %r, which our model does not have; it has %s"
            % (where, named.get("hidden_act", "hidden_act"), activation, ", ".join(_ACTIVATIONS))
        )
    values.update(model_type=model_type, hidden_act=_ACTIVATIONS[activation])
    return BertConfig.from_values(values, where, named)


def _model_type(theirs, where):
    """The architecture's name; that of old files, which have none, by the class of the model."""
    if not isinstance(theirs, dict):
        raise UserError("%s holds no JSON object of model settings" % where)
    kind = theirs.get("model_type")
    classes = theirs.get("architectures")
    if kind is None and isinstance(classes, list) and classes:
        kind = re.sub(r"(For|Model|LMHead).*", "", str(classes[0])).lower()
    if not isinstance(kind, str) or kind not in HUB_ARCHITECTURES:
        raise UserError(
            "%s: readers of model_type %r cannot be converted; %s can"
            % (where, kind, ", ".join(sorted(HUB_ARCHITECTURES)))
        )
    return kind


def their_config(config):
    """Hugging Face's ``config.json`` for a reader of ours, as a dict."""
    architecture = HUB_ARCHITECTURES[config.model_type]
    values = dataclasses.asdict(config)
    values["hidden_act"] = next(
        theirs for theirs, ours in _ACTIVATIONS.items() if ours == config.activation
    )
    values["embedding_size"] = config.embedding_size or config.hidden_size
    for key in _MEANINGLESS.get(config.model_type, ()):
        del values[key]
    theirs = {architecture.keys.get(key, key): value for key, value in values.items()}
    return dict(theirs, architectures=[architecture.reader])
