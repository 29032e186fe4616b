"""BERT as a reader of passages, with attention that can be masked zone by zone.

The architecture is Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2019);
variable names are those of the public TensorFlow checkpoints, so that they load by name.

Letters for the dimensions, as used in the shapes above tensors:

    B  windows in the batch               H  hidden size
    T  tokens of a padded window          N  attention heads
    L  tokens of the longest window       D  size of a head, H / N
    F  rows of an attention matrix: the   I  intermediate (feed-forward) size
       tokens that look (from)            Z  cells that fork at one layer
    K  its keys: the tokens looked at

A *window* is ``[CLS] question [SEP] passage [SEP]``. It comes padded to T = ``max_seq_length``, but
a padded key has no weight, so the keys are the first K = L tokens only; and since nobody looks at
a padded row either, F = L too, unless the padding's own logits are wanted (see Windows). On a TPU,
where shapes are static, all are T.
"""

import collections
import dataclasses
import math
from typing import NamedTuple

import tensorflow.compat.v1 as tf

import attention_zones
import files
from command_line import UserError

LAYER_NORM_EPSILON = 1e-12
# Added to the logits of padding, which no answer may start or end at.
UNREACHABLE = -1e9

# Google's later configurations describe a pooler that a span reader does not have.
_IGNORED_KEYS = ("directionality", "model_type")
_IGNORED_PREFIX = "pooler_"


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

    @classmethod
    def from_file(cls, path, what="--bert_config_file"):
        """Reads and checks a ``bert_config.json``.

        Raises:
            UserError: an unknown or missing key, a value of the wrong kind, heads that do not
                divide the hidden size, or an activation that we do not have.
        """
        values = files.read_json(path, what)
        if not isinstance(values, dict):
            raise UserError("%s: %s holds no JSON object of model settings" % (what, path))
        kinds = {field.name: field.type for field in dataclasses.fields(cls)}
        settings = {}
        for key, value in values.items():
            if key in _IGNORED_KEYS or key.startswith(_IGNORED_PREFIX):
                continue
            if key not in kinds:
                raise UserError(
                    "%s: %s has an unknown key %r; known ones are %s"
                    % (what, path, key, ", ".join(sorted(kinds)))
                )
            settings[key] = _checked_value(key, value, kinds[key], what, path)
        if "vocab_size" not in settings:
            raise UserError("%s: %s has no 'vocab_size'; is it a BERT config?" % (what, path))
        config = cls(**settings)
        config.check("%s: %s" % (what, path))
        return config

    def check(self, where):
        """Raises UserError if the parts do not fit together."""
        if self.hidden_size % self.num_attention_heads:
            raise UserError(
                "%s: hidden_size %d is not a multiple of num_attention_heads %d"
                % (where, self.hidden_size, self.num_attention_heads)
            )
        if self.hidden_act not in ACTIVATIONS:
            raise UserError(
                "%s: hidden_act %r is not known; choose from %s"
                % (where, self.hidden_act, ", ".join(sorted(ACTIVATIONS)))
            )


def _checked_value(key, value, kind, what, path):
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    right = isinstance(value, kind) and not isinstance(value, bool)
    if right and kind is int and value <= 0:
        right = False
    if right and key.endswith("_prob"):
        right = 0.0 <= value < 1.0
    if not right:
        raise UserError("%s: %s has %s = %r, which cannot be" % (what, path, key, value))
    return value


# Small parts ----------------------------------------------------------------------------------


def gelu(x):
    """Gaussian error linear unit by the tanh formula (Hendrycks and Gimpel, 2016, section 2).

    ``x (1 + tanh(u)) / 2`` with ``u = sqrt(2/pi) (x + 0.044715 x^3)``; the cube is a product,
    because ``tf.pow`` is slow on CPUs.
    """
    scale = math.sqrt(2.0 / math.pi)
    u = x * (scale + (scale * 0.044715) * (x * x))
    return x * (0.5 + 0.5 * tf.tanh(u))


ACTIVATIONS = {"gelu": gelu, "relu": tf.nn.relu, "tanh": tf.tanh}


def shape_of(tensor):
    """The shape as a list: numbers where they are known, scalar tensors elsewhere."""
    dynamic = tf.shape(tensor)
    return [
        dynamic[axis] if size is None else size for axis, size in enumerate(tensor.shape.as_list())
    ]


def dropout(x, rate):
    """Zeroes a share ``rate`` of the entries and scales up the rest; 0 leaves x alone."""
    return tf.nn.dropout(x, rate=rate) if rate else x


def dense(x, kernel, bias):
    """``[..., in]`` x ``[in, out]`` + ``[out]`` as one big matrix product: ``[..., out]``."""
    size_in, size_out = kernel.shape.as_list()
    product = tf.matmul(tf.reshape(x, [-1, size_in]), kernel)
    return tf.reshape(tf.nn.bias_add(product, bias), shape_of(x)[:-1] + [size_out])


class Dense:
    """``x W + b`` on the last axis; variables ``<scope>/kernel`` and ``<scope>/bias``."""

    def __init__(self, scope, size_in, size_out, initializer_range):
        with tf.variable_scope(scope):
            self.kernel = tf.get_variable(
                "kernel", [size_in, size_out], initializer=_initializer(initializer_range)
            )
            self.bias = tf.get_variable("bias", [size_out], initializer=tf.zeros_initializer())

    def __call__(self, x):
        return dense(x, self.kernel, self.bias)


class LayerNorm:
    """Normalises the last axis (Ba et al., 2016); variables ``<scope>/LayerNorm/{beta,gamma}``."""

    def __init__(self, size):
        with tf.variable_scope("LayerNorm"):
            self.beta = tf.get_variable("beta", [size], initializer=tf.zeros_initializer())
            self.gamma = tf.get_variable("gamma", [size], initializer=tf.ones_initializer())

    def __call__(self, x):
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        return centred * tf.rsqrt(variance + LAYER_NORM_EPSILON) * self.gamma + self.beta


def _initializer(initializer_range):
    return tf.truncated_normal_initializer(stddev=initializer_range)


# The model ------------------------------------------------------------------------------------


class Embeddings:
    """The sum of word, segment and position embeddings, normalised."""

    def __init__(self, config, one_hot):
        self.one_hot = one_hot
        self.dropout = config.hidden_dropout_prob
        with tf.variable_scope("embeddings"):
            self.words, self.segments, self.positions = (
                tf.get_variable(
                    name,
                    [size, config.hidden_size],
                    initializer=_initializer(config.initializer_range),
                )
                for name, size in (
                    ("word_embeddings", config.vocab_size),
                    ("token_type_embeddings", config.type_vocab_size),
                    ("position_embeddings", config.max_position_embeddings),
                )
            )
            self.norm = LayerNorm(config.hidden_size)

    def __call__(self, input_ids, segment_ids):
        """``[B, T]`` and ``[B, T]`` -> ``[B, T, H]``."""
        summed = (
            self._look_up(self.words, input_ids, self.one_hot)
            # Two segments: a product with a one-hot row is quicker than a gather everywhere.
            + self._look_up(self.segments, segment_ids, one_hot=True)
            + self.positions[: shape_of(input_ids)[1]]
        )
        return dropout(self.norm(summed), self.dropout)

    @staticmethod
    def _look_up(table, ids, one_hot):
        if not one_hot:
            return tf.gather(table, ids)
        rows, size = table.shape.as_list()
        flat = tf.one_hot(tf.reshape(ids, [-1]), rows, dtype=tf.float32)
        return tf.reshape(tf.matmul(flat, table), shape_of(ids) + [size])


class TransformerLayer:
    """One layer: self-attention and feed-forward, each with its residual and norm.

    It knows nothing of zones or of its own number; whoever calls it hands it a bias.
    """

    def __init__(self, config):
        hidden, width = config.hidden_size, config.initializer_range
        self.num_heads = config.num_attention_heads
        self.head_size = hidden // self.num_heads
        self.dropout = config.hidden_dropout_prob
        self.attention_dropout = config.attention_probs_dropout_prob
        self.activation = ACTIVATIONS[config.hidden_act]
        with tf.variable_scope("attention/self"):
            query, key, value = (
                Dense(name, hidden, hidden, width) for name in ("query", "key", "value")
            )
        # One product in place of three. Vaswani et al., 2017, section 3.2.1, divides the scores by
        # sqrt(D); the query's weights are the smallest thing to divide in their place.
        scale = 1.0 / math.sqrt(self.head_size)
        self.kernels = tf.concat([query.kernel * scale, key.kernel, value.kernel], axis=1)
        self.biases = tf.concat([query.bias * scale, key.bias, value.bias], axis=0)
        with tf.variable_scope("attention/output"):
            self.attention_output = Dense("dense", hidden, hidden, width)
            self.attention_norm = LayerNorm(hidden)
        with tf.variable_scope("intermediate"):
            self.intermediate = Dense("dense", hidden, config.intermediate_size, width)
        with tf.variable_scope("output"):
            self.output = Dense("dense", config.intermediate_size, hidden, width)
            self.output_norm = LayerNorm(hidden)

    def project(self, hidden):
        """``[B, F, H]`` -> query (scaled), key and value, each ``[B, N, F, D]``."""
        batch, length, _ = shape_of(hidden)
        projected = dense(hidden, self.kernels, self.biases)
        split = tf.reshape(projected, [batch, length, 3, self.num_heads, self.head_size])
        return tf.unstack(tf.transpose(split, [2, 0, 3, 1, 4]))

    @staticmethod
    def scores(query, key):
        """``[B, N, F, D]`` and ``[B, N, K, D]`` -> scaled scores without bias, ``[B, N, F, K]``."""
        return tf.matmul(query, key, transpose_b=True, name="attention_scores")

    def attend(self, scores, bias, value):
        """Mixes the values of the keys that each row looks at.

        Args:
            scores: ``[B, N, F, K]``, rows (queries) by keys.
            bias: added to the scores before the softmax; broadcasts to them. None adds nothing.
            value: ``[B, N, K, D]``.

        Returns:
            The context ``[B, F, H]``.
        """
        if bias is not None:
            scores = scores + bias
        probabilities = tf.nn.softmax(scores, name="attention_probabilities")
        probabilities = dropout(probabilities, self.attention_dropout)
        # [B, F, N, D]
        context = tf.transpose(tf.matmul(probabilities, value), [0, 2, 1, 3])
        batch, length, _, _ = shape_of(context)
        return tf.reshape(context, [batch, length, self.num_heads * self.head_size])

    def finish(self, context, residual):
        """What follows the attention, row by row: ``[B, F, H]`` and ``[B, F, H]`` -> the same."""
        attended = dropout(self.attention_output(context), self.dropout)
        attended = self.attention_norm(attended + residual)
        raised = self.activation(self.intermediate(attended))
        return self.output_norm(dropout(self.output(raised), self.dropout) + attended)

    def __call__(self, hidden, bias, num_keys):
        """The whole layer: ``[B, F, H]`` -> ``[B, F, H]``, looking at the first K tokens."""
        query, key, value = self.project(hidden)
        scores = self.scores(query, key[:, :, :num_keys])
        return self.finish(self.attend(scores, bias, value[:, :, :num_keys]), hidden)


class Windows:
    """A batch of windows as tensors, each ``[B, T]``, and the biases that follow from them.

    Args:
        input_ids, segment_ids, token_roles: int32 ``[B, T]``.
        input_mask: int32 ``[B, T]``, 1 on tokens and 0 on padding.
        static_shapes: keep every length T, as a TPU needs.
        score_padding: whether the logits of padded positions are wanted, up to T.

    Attributes:
        max_length: T.
        num_keys: L, the tokens of the longest window (T for static shapes).
        num_rows: F, for how many positions there will be logits.
        padding_bias: what BERT adds to the scores of padded keys, ``[B, 1, 1, K]``, or None if
            there are none.
        carries_passage: whether a cell that leaves the passage's rows alone takes them over from
            the trunk. The number of the other rows is not static, so not for static shapes.
    """

    def __init__(
        self,
        input_ids,
        input_mask,
        segment_ids,
        token_roles,
        static_shapes=False,
        score_padding=False,
    ):
        self.input_ids = input_ids
        self.input_mask = input_mask
        self.segment_ids = segment_ids
        self.max_length = shape_of(input_ids)[1]
        self.num_keys = self.max_length
        if not static_shapes:
            self.num_keys = tf.reduce_max(tf.reduce_sum(input_mask, axis=1))
        self.num_rows = self.max_length if score_padding else self.num_keys
        self._roles = tf.one_hot(token_roles, attention_zones.NUM_ROLES, dtype=tf.float32)
        self.padding_bias = None
        # A batch of one window is as long as that window: there is no key to mask.
        if static_shapes or input_ids.shape.as_list()[0] != 1:
            # [B, 1, 1, K]
            self.padding_bias = attention_zones.MASKED * tf.cast(
                1 - input_mask[:, tf.newaxis, tf.newaxis, : self.num_keys], tf.float32
            )
        self._zone_bias = {}
        self.carries_passage = not static_shapes
        if self.carries_passage:
            self._find_context_rows(token_roles[:, : self.num_rows])

    def _find_context_rows(self, token_roles):
        """Numbers the rows that are not passage, R of them in the window that has most.

        For the roles ``0 1 1 0 2 2 2 0`` (R = 5): context_rows is ``0 1 2 3 7`` and the slots of
        the eight positions are ``0 1 2 3 3 3 3 4``.
        """
        # [B, F]
        self.is_context = tf.not_equal(token_roles, attention_zones.PASSAGE)
        counts = tf.cumsum(tf.cast(self.is_context, tf.int32), axis=1)
        # [B, R]. top_k breaks ties toward the lower index, so that the rows come in order. What
        # fills up the list in other windows are passage rows, which no position has for its slot.
        self.context_rows = tf.nn.top_k(
            tf.cast(self.is_context, tf.float32), tf.reduce_max(counts)
        ).indices
        self._slots = tf.maximum(counts - 1, 0)

    def at_context_rows(self, x):
        """Takes the context rows out of ``[B, F, ...]``: ``[B, R, ...]``."""
        return tf.gather(x, self.context_rows, batch_dims=1)

    def with_context_rows(self, carried, changed):
        """Puts changed context rows ``[B, R, H]`` in the place of those carried, ``[B, F, H]``."""
        spread = tf.gather(changed, self._slots, batch_dims=1)
        return tf.where_v2(self.is_context[:, :, tf.newaxis], spread, carried)

    def zone_bias(self, zone):
        """What a zone adds to the scores: ``[B, 1, F, K]``, or None where it sees the padding."""
        if attention_zones.sees_padding(zone):
            return None
        if zone not in self._zone_bias:
            # Rows [B, F, 3] x table [3, 3] x keys [B, 3, K]: each pair of roles has its entry.
            table = tf.constant(attention_zones.MASKED * attention_zones.mask_table(zone))
            rows, keys = self._roles[:, : self.num_rows], self._roles[:, : self.num_keys]
            bias = tf.matmul(tf.tensordot(rows, table, axes=1), keys, transpose_b=True)
            self._zone_bias[zone] = bias[:, tf.newaxis]
            if self.padding_bias is not None:
                self._zone_bias[zone] += self.padding_bias
        return self._zone_bias[zone]


class Reader:
    """BERT with a span head: for every token, the logit of starting and of ending the answer."""

    def __init__(self, config, is_training=False, one_hot_embeddings=False):
        if not is_training:
            config = dataclasses.replace(
                config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
            )
        with tf.variable_scope("bert"):
            self.embeddings = Embeddings(config, one_hot_embeddings)
            self.layers = []
            for number in range(config.num_hidden_layers):
                with tf.variable_scope("encoder/layer_%d" % number):
                    self.layers.append(TransformerLayer(config))
        with tf.variable_scope("cls/squad"):
            self.span_weights = tf.get_variable(
                "output_weights", [2, config.hidden_size], initializer=_initializer(0.02)
            )
            self.span_bias = tf.get_variable("output_bias", [2], initializer=tf.zeros_initializer())

    def read(self, windows, cells=(attention_zones.BASELINE,)):
        """The logits of the unmasked reader and of every cell, in one pass that forks.

        Masking layer k leaves every layer before k as it was. So the unmasked batch, the *trunk*,
        goes through every layer once; where cells mask layer k their variants leave it there,
        sharing its query, key, value and raw scores, and go on through the later layers side by
        side. One layer's variants are taken to the end before the trunk goes on, so that memory
        holds the variants of one layer only. What nobody asks for is never computed: TensorFlow
        leaves out the part of a graph that is not fetched.

        Args:
            windows: a Windows of B windows.
            cells: the cells to read with; BASELINE among them asks for the trunk's own logits.

        Returns:
            An ordered dict: cell -> float32 ``[B, F, 2]``, the logits of start and end.
        """
        forks = _cells_by_layer(cells, len(self.layers))
        # The trunk keeps its padding as long as a cell at this layer or a later one looks at it.
        last_padded = max(
            [-1] + [c.layer for c in cells if c.layer is not None and _sees_padding(c)]
        )
        embedded = self.embeddings(windows.input_ids, windows.segment_ids)
        trunk = embedded if last_padded >= 0 else embedded[:, : windows.num_rows]
        logits = {}
        for number, layer in enumerate(self.layers):
            query, key, value = layer.project(trunk)
            states = _States(trunk, query, key, value)
            if number >= last_padded:
                query, trunk = query[:, :, : windows.num_rows], trunk[:, : windows.num_rows]
            scores = layer.scores(query, key[:, :, : windows.num_keys])
            context = layer.attend(scores, windows.padding_bias, value[:, :, : windows.num_keys])
            trunk = layer.finish(context, trunk)
            if forks[number]:
                variants = self._fork(layer, forks[number], windows, states, scores, trunk)
                bias = _tile(windows.padding_bias, len(forks[number]))
                forked = self.span_logits(self._run(number + 1, variants, bias, windows.num_keys))
                logits.update(zip(forks[number], tf.split(forked, len(forks[number]))))
                with tf.control_dependencies([forked]):
                    trunk = tf.identity(trunk)
        logits[attention_zones.BASELINE] = self.span_logits(trunk)
        for cell in cells:
            if cell.layer is None and cell.zone is not None:
                logits[cell] = self._read_masked_everywhere(cell.zone, windows, embedded)
        return collections.OrderedDict((cell, logits[cell]) for cell in cells)

    def _fork(self, layer, cells, windows, states, scores, unmasked):
        """One layer with each of Z zones masked.

        Args:
            layer: the layer; cells: the Z cells that mask it, as _cells_by_layer orders them.
            windows: the Windows.
            states: the trunk's _States in front of the layer.
            scores: the trunk's raw scores, ``[B, N, at least F, K]``.
            unmasked: what the layer gives without a mask, ``[B, at least F, H]``.

        Returns:
            ``[Z B, F, H]``, the cells one after another.
        """
        rows, keys = windows.num_rows, windows.num_keys
        scores, value = scores[:, :, :rows], states.value[:, :, :keys]
        residual = states.hidden[:, :rows]
        contexts, few = [], []
        for cell in cells:
            if attention_zones.sees_padding(cell.zone):
                all_scores = layer.scores(states.query[:, :, :rows], states.key)
                contexts.append(layer.attend(all_scores, None, states.value))
            elif windows.carries_passage and not attention_zones.changes_passage_rows(cell.zone):
                few.append(cell.zone)
            else:
                contexts.append(layer.attend(scores, windows.zone_bias(cell.zone), value))
        variants = []
        if contexts:
            tiled = _tile(residual, len(contexts))
            variants.append(layer.finish(tf.concat(contexts, axis=0), tiled))
        if few:
            variants += self._fork_few_rows(
                layer, few, windows, scores, value, residual, unmasked[:, :rows]
            )
        return tf.concat(variants, axis=0)

    @staticmethod
    def _fork_few_rows(layer, zones, windows, scores, value, residual, unmasked):
        """As _fork, for zones that change only rows outside the passage, R of F."""
        # [B, N, R, K]
        scores = tf.transpose(
            windows.at_context_rows(tf.transpose(scores, [0, 2, 1, 3])), [0, 2, 1, 3]
        )
        contexts = []
        for zone in zones:
            bias = windows.at_context_rows(windows.zone_bias(zone)[:, 0])[:, tf.newaxis]
            contexts.append(layer.attend(scores, bias, value))
        tiled = _tile(windows.at_context_rows(residual), len(zones))
        changed = layer.finish(tf.concat(contexts, axis=0), tiled)
        return [windows.with_context_rows(unmasked, rows) for rows in tf.split(changed, len(zones))]

    def _run(self, first, hidden, bias, num_keys):
        for layer in self.layers[first:]:
            hidden = layer(hidden, bias, num_keys)
        return hidden

    def _read_masked_everywhere(self, zone, windows, embedded):
        if attention_zones.sees_padding(zone):
            hidden = self._run(0, embedded, None, windows.max_length)
        else:
            bias = windows.zone_bias(zone)
            hidden = self._run(0, embedded[:, : windows.num_rows], bias, windows.num_keys)
        return self.span_logits(hidden[:, : windows.num_rows])

    def span_logits(self, hidden):
        """``[B, F, H]`` -> start and end logits ``[B, F, 2]``."""
        return dense(hidden, tf.transpose(self.span_weights), self.span_bias)


def _sees_padding(cell):
    return attention_zones.sees_padding(cell.zone)


class _States(NamedTuple):
    """The trunk in front of a layer: ``[B, F, H]``, and three times ``[B, N, F, D]``."""

    hidden: tf.Tensor
    query: tf.Tensor
    key: tf.Tensor
    value: tf.Tensor


def _cells_by_layer(cells, num_layers):
    """The cells of each layer, those last that change only rows outside the passage."""
    by_layer = [[] for _ in range(num_layers)]
    for cell in cells:
        if cell.layer is not None:
            by_layer[cell.layer].append(cell)
    for cells_here in by_layer:
        cells_here.sort(key=lambda cell: not attention_zones.changes_passage_rows(cell.zone))
    return by_layer


def _tile(x, times):
    """Repeats the batch: ``[B, ...]`` -> ``[times B, ...]``; None stays None."""
    if x is None:
        return None
    return tf.tile(x, [times] + [1] * (x.shape.ndims - 1))
