"""What kinds of encoder there are, and the shape of one: ``bert_config.json``.

Nothing here needs TensorFlow.
"""

import dataclasses
import math
import re
from typing import NamedTuple

from common import files
from common.command_line import UserError
from common.progress import say

BERT, ELECTRA, DISTILBERT, ALBERT, ROBERTA = "bert", "electra", "distilbert", "albert", "roberta"
# The two formulas that go by the name of "gelu" (see modeling.py).
GELU_TANH, GELU_ERF = "gelu_tanh", "gelu_erf"
_ACTIVATIONS = ("gelu", GELU_TANH, GELU_ERF, "relu", "tanh")


class Architecture(NamedTuple):
    """What tells one kind of encoder from another; all else is BERT's, and one code.

    Attributes:
        num_segments: how many kinds of segment a window has: question and passage; 1, where every
            token is of segment 0; or 0, where segments have no embeddings.
        always_projects: whether embeddings are projected to the hidden size even where they are as
            wide, rather than only where they are not.
        shares_layers: whether all layers are one, passed through ``num_hidden_layers`` times.
        positions_follow_padding: whether positions count from ``pad_token_id + 1``, and padding is
            at position ``pad_token_id``, rather than all counting from 0.
        gelu_is_tanh: whether its files mean the tanh formula by "gelu", as Google's do, or erf.
    """

    num_segments: int = 2
    always_projects: bool = False
    shares_layers: bool = False
    positions_follow_padding: bool = False
    gelu_is_tanh: bool = False


ARCHITECTURES = {
    # Devlin et al., "BERT" (2019).
    BERT: Architecture(gelu_is_tanh=True),
    # The discriminators of Clark et al., "ELECTRA" (2020).
    ELECTRA: Architecture(),
    # Sanh et al., "DistilBERT" (2019).
    DISTILBERT: Architecture(num_segments=0),
    # Lan et al., "ALBERT" (2020).
    ALBERT: Architecture(always_projects=True, shares_layers=True, gelu_is_tanh=True),
    # Liu et al., "RoBERTa" (2019).
    ROBERTA: Architecture(num_segments=1, positions_follow_padding=True),
}

# Keys of Google's and Hugging Face's configurations that change nothing in a reader's arithmetic.
_IGNORED_KEYS = re.compile(
    "directionality|pooler_.*|summary_.*|architectures|_name_or_path|name|language|license"
    "|transformers_version|torch_dtype|dtype|torchscript|use_cache|gradient_checkpointing"
    "|(?:bos|eos|sep|cls|mask|unk)_token_id|classifier_dropout(?:_prob)?|id2label|label2id"
    "|num_labels|finetuning_task|problem_type|output_past|output_attentions|output_hidden_states"
    # Early versions of transformers list the settings of every kind of model in each file.
    "|return_dict|use_return_dict|xla_device|use_bfloat16|chunk_size_feed_forward|tokenizer_class"
    "|prefix|task_specific_params|do_sample|early_stopping|num_beams|num_beam_groups|temperature"
    "|top_k|top_p|typical_p|diversity_penalty|repetition_penalty|length_penalty|max_length"
    "|min_length|(?:encoder_)?no_repeat_ngram_size|bad_words_ids|num_return_sequences|eos_token_ids"
    "|decoder_start_token_id|forced_(?:bos|eos)_token_id|remove_invalid_values|output_scores"
    "|return_dict_in_generate|exponential_decay_length_penalty|(?:begin_)?suppress_tokens"
    "|cross_attention_hidden_size|tf_legacy_loss"
    "|attn_implementation|_attn_implementation.*|tie_word_embeddings|position_ids"
)
# Keys that do change it, unless they have one of these values.
_PLAIN_VALUES = {
    "position_embedding_type": (None, "absolute"),
    "is_decoder": (None, False),
    "is_encoder_decoder": (None, False),
    "add_cross_attention": (None, False),
    "pruned_heads": (None, {}, []),
    "quantization_config": (None,),
    "adapters": (None, {}),
    "inner_group_num": (1,),
    "num_hidden_groups": (1,),
}


def unlike_ours(values):
    """The first key of a configuration that our model has no part for, or None.

    Args:
        values: a dict, as Google's or Hugging Face's files hold it.
    """
    return next(
        (key for key, plain in _PLAIN_VALUES.items() if key in values and values[key] not in plain),
        None,
    )


@dataclasses.dataclass(frozen=True)
class BertConfig:
    """The shape of a model, as in ``bert_config.json``."""

    vocab_size: int
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0
    # A key of ARCHITECTURES.
    model_type: str = BERT
    embedding_size: int = 0  # 0: the hidden size

    @property
    def architecture(self):
        """How the model differs from BERT: an Architecture."""
        return ARCHITECTURES[self.model_type]

    @property
    def scope(self):
        """What the names of the variables begin with."""
        return self.model_type

    @property
    def activation(self):
        """The function of the feed-forward part, by a name that leaves no doubt."""
        if self.hidden_act == "gelu":
            return GELU_TANH if self.architecture.gelu_is_tanh else GELU_ERF
        return self.hidden_act

    @property
    def first_position(self):
        """The position, among the embeddings of positions, of a window's first token."""
        return self.pad_token_id + 1 if self.architecture.positions_follow_padding else 0

    @property
    def longest_window(self):
        """The most tokens that the model knows positions for."""
        return self.max_position_embeddings - self.first_position

    @classmethod
    def from_file(cls, path, what="--bert_config_file"):
        """Reads and checks a ``bert_config.json``.

        Raises:
            UserError: an unknown or missing key, a value of the wrong kind, heads that do not
                divide the hidden size, or a part that we do not have.
        """
        values = files.read_json(path, what)
        where = "%s: %s" % (what, path)
        if not isinstance(values, dict):
            raise UserError("%s holds no JSON object of model settings" % where)
        other = unlike_ours(values)
        known = {field.name for field in dataclasses.fields(cls)}
        settings, unknown = {}, []
        for key, value in values.items():
            if key in known:
                settings[key] = value
            elif key not in _PLAIN_VALUES and not _IGNORED_KEYS.fullmatch(key):
                unknown.append(key)
        if other:
            raise UserError(
                "%s has %s = %r, which our model does not have%s"
                % (where, other, values[other], _FROM_THE_HUB)
            )
        if unknown:
            from_the_hub = "architectures" in values or "transformers_version" in values
            raise UserError(
                "%s has an unknown key %r; known ones are %s%s"
                % (
                    where,
                    unknown[0],
                    ", ".join(sorted(known)),
                    _FROM_THE_HUB if from_the_hub else "",
                )
            )
        config = cls.from_values(settings, where)
        if "transformers_version" in values and config.activation == GELU_TANH:
            say(
                "NOTE: %s was written by transformers, which means the erf formula by hidden_act "
                "%r; here it is Google's tanh formula. A reader from the Hugging Face hub is "
                "converted with convert_checkpoint.py" % (path, config.hidden_act)
            )
        return config

    @classmethod
    def from_values(cls, values, where, named=None):
        """The checked configuration of a dict.

        Args:
            values: names of our fields -> values.
            where: what an error begins with.
            named: what the file at hand calls our fields, where that differs: ours -> its.

        Raises:
            UserError: vocab_size is missing, a value cannot be, or some do not fit together.
        """
        named = named or {}
        kinds = {field.name: field.type for field in dataclasses.fields(cls)}
        if "vocab_size" not in values:
            raise UserError("%s has no 'vocab_size'; is it a BERT config?" % where)
        checked = {}
        for key, value in values.items():
            checked[key] = _checked_value(key, value, kinds[key], where, named.get(key, key))
        config = cls(**checked)
        config.check(where, named)
        return config

    def check(self, where, named=None):
        """Raises UserError if the parts do not fit together; see from_values."""

        def name(key):
            """What the user calls the field."""
            return (named or {}).get(key, key)

        if self.hidden_size % self.num_attention_heads:
            raise UserError(
                "%s: %s %d is not a multiple of %s %d"
                % (
                    where,
                    name("hidden_size"),
                    self.hidden_size,
                    name("num_attention_heads"),
                    self.num_attention_heads,
                )
            )
        for key, known in (("hidden_act", _ACTIVATIONS), ("model_type", ARCHITECTURES)):
            if getattr(self, key) not in known:
                raise UserError(
                    "%s: %s %r is not known; choose from %s%s"
                    % (
                        where,
                        name(key),
                        getattr(self, key),
                        ", ".join(sorted(known)),
                        "" if named else _FROM_THE_HUB,
                    )
                )
        if self.type_vocab_size < self.architecture.num_segments:
            raise UserError(
                "%s: type_vocab_size %d has no embedding for each of the %d segments of a window"
                % (where, self.type_vocab_size, self.architecture.num_segments)
            )
        if self.pad_token_id >= self.vocab_size:
            raise UserError(
                "%s: pad_token_id %d is not among the %d of vocab_size"
                % (where, self.pad_token_id, self.vocab_size)
            )
        if self.longest_window < 1:
            raise UserError(
                "%s: max_position_embeddings %d leaves no position behind pad_token_id %d"
                % (where, self.max_position_embeddings, self.pad_token_id)
            )


_FROM_THE_HUB = (
    "; if it is that of a reader from the Hugging Face hub, convert the reader with "
    "convert_checkpoint.py"
)
_MAY_BE_ZERO = ("embedding_size", "type_vocab_size", "pad_token_id")
# The largest sizes taken. A larger one is a typing mistake, and building such a model takes hours.
_LARGEST, _MOST_LAYERS = 10**7, 1000


def _checked_value(key, value, kind, where, name):
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(min(value, _LARGEST))
    right = isinstance(value, kind) and not isinstance(value, bool)
    if right and kind is int:
        least = 0 if key in _MAY_BE_ZERO else 1
        right = least <= value <= (_MOST_LAYERS if key == "num_hidden_layers" else _LARGEST)
    if right and kind is float:
        right = 0.0 <= value < (math.inf if key == "initializer_range" else 1.0)
    if not right:
        raise UserError("%s has %s = %s, which cannot be" % (where, name, repr(value)[:100]))
    return value
