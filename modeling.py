"""BERT as a reader of passages, with attention that can be masked zone by zone.

The architecture is Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2019);
variable names are those of the public TensorFlow checkpoints, so that they load by name. A few
relatives of BERT differ in what Architecture says.

Letters for the dimensions, as used in the shapes above tensors:

    B  windows in the batch               H  hidden size
    T  tokens of a padded window          E  size of the embeddings
    L  tokens of the longest window       N  attention heads
    F  rows of an attention matrix: the   D  size of a head, H / N
       tokens that look (from)            I  intermediate (feed-forward) size
    K  its keys: the tokens looked at

A *window* is ``[CLS] question [SEP] passage [SEP]``. It comes padded to T = ``max_seq_length``, but
a padded key has no weight, so the keys are the first K = L tokens only; and since nobody looks at
a padded row either, F = L too, unless the padding's own logits are wanted (see zones/batch.py).
On a TPU, where shapes are static, all are T.
"""

import math

import tensorflow.compat.v1 as tf

from common.configuration import GELU_ERF, GELU_TANH, BertConfig

# Small parts ----------------------------------------------------------------------------------


# TensorFlow 2's graph optimiser makes one oneDNN kernel of a product, its bias and a GELU, where
# the GELU is written as its remapper knows it and stands in a name scope of its own (without one,
# another optimiser has reordered the products by then). TensorFlow 1.15 has no such kernel.
_FUSES_GELU = not tf.__version__.startswith("1.")


def gelu(x):
    """Gaussian error linear unit by the tanh formula (Hendrycks and Gimpel, 2016, section 2).

    ``x (1 + tanh(u)) / 2`` with ``u = sqrt(2/pi) (x + 0.044715 x^3)``. That is ``x sigmoid(2u)``,
    which takes two passes over the intermediate layer less where nothing is fused; and there the
    cube is a product, because ``tf.pow`` is slow on CPUs.
    """
    scale = math.sqrt(2.0 / math.pi)
    if _FUSES_GELU:
        with tf.name_scope("gelu"):
            return 0.5 * x * (1.0 + tf.tanh(scale * (x + 0.044715 * tf.pow(x, 3))))
    return x * tf.sigmoid(x * (2 * scale + (2 * scale * 0.044715) * (x * x)))


def gelu_erf(x):
    """The Gaussian error linear unit itself: ``x (1 + erf(x / sqrt(2))) / 2``.

    Hugging Face's configurations call it ``gelu``, Google's call the tanh formula so.
    """
    if _FUSES_GELU:
        with tf.name_scope("gelu"):
            return 0.5 * x * (1.0 + tf.math.erf(x / math.sqrt(2.0)))
    return x * (0.5 + 0.5 * tf.math.erf(x * math.sqrt(0.5)))


# The values that BertConfig.activation may have.
ACTIVATIONS = {GELU_TANH: gelu, GELU_ERF: gelu_erf, "relu": tf.nn.relu, "tanh": tf.tanh}


def shape_of(tensor):
    """The shape as a list: numbers where they are known, scalar tensors elsewhere."""
    dynamic = tf.shape(tensor)
    return [
        dynamic[axis] if size is None else size for axis, size in enumerate(tensor.shape.as_list())
    ]


def dropout(x, rate):
    """Zeroes a share ``rate`` of the entries and scales up the rest; 0 leaves x alone."""
    return tf.nn.dropout(x, rate=rate) if rate else x


def flat(x):
    """``[..., H]`` -> ``[rows, H]``, as matrix products want it."""
    return tf.reshape(x, [-1, x.shape.as_list()[-1]])


def first_tokens(x, count):
    """The first ``count`` tokens of ``[..., F, D]``; all of them if count is None."""
    return x if count is None else x[..., :count, :]


class Dense:
    """``x W + b``, ``[rows, in]`` -> ``[rows, out]``; variables ``<scope>/{kernel,bias}``."""

    def __init__(self, scope, size_in, size_out, initializer_range):
        with tf.variable_scope(scope):
            self.kernel = tf.get_variable(
                "kernel", [size_in, size_out], initializer=initializer(initializer_range)
            )
            self.bias = tf.get_variable("bias", [size_out], initializer=tf.zeros_initializer())

    def __call__(self, x):
        return tf.nn.bias_add(tf.matmul(x, self.kernel), self.bias)


class LayerNorm:
    """Normalises the last axis (Ba et al., 2016); variables ``<scope>/LayerNorm/{beta,gamma}``."""

    def __init__(self, size, epsilon):
        self.epsilon = epsilon
        with tf.variable_scope("LayerNorm"):
            self.beta = tf.get_variable("beta", [size], initializer=tf.zeros_initializer())
            self.gamma = tf.get_variable("gamma", [size], initializer=tf.ones_initializer())

    def __call__(self, x):
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        scale = tf.rsqrt(variance + self.epsilon) * self.gamma
        return centred * scale + self.beta


def initializer(initializer_range):
    """BERT's: a normal distribution cut off at two standard deviations; of 0, plain zeros."""
    if not initializer_range:
        return tf.zeros_initializer()
    return tf.truncated_normal_initializer(stddev=initializer_range)


# The model ------------------------------------------------------------------------------------


class Embeddings:
    """The sum of word, segment and position embeddings, normalised; E wide, projected to H."""

    def __init__(self, config: BertConfig, one_hot):
        self.one_hot = one_hot
        self.dropout = config.hidden_dropout_prob
        self.hidden_size, self.pad_id = config.hidden_size, config.pad_token_id
        self.first_position = config.first_position
        architecture = config.architecture
        self.num_segments = architecture.num_segments
        width = config.embedding_size or config.hidden_size
        with tf.variable_scope("embeddings"):

            def table(name, size):
                """The embeddings of one kind, ``[size, E]``."""
                name, shape = name + "_embeddings", [size, width]
                return tf.get_variable(
                    name, shape, initializer=initializer(config.initializer_range)
                )

            self.words = table("word", config.vocab_size)
            if self.num_segments:
                self.segments = table("token_type", config.type_vocab_size)
            self.positions = table("position", config.max_position_embeddings)
            self.norm = LayerNorm(width, config.layer_norm_eps)
        self.projection = None
        if architecture.always_projects or width != config.hidden_size:
            self.projection = Dense(
                "embeddings_project", width, config.hidden_size, config.initializer_range
            )

    def __call__(self, input_ids, input_mask, segment_ids, positions=None):
        """``[B, T]`` each -> ``[B, T, H]``.

        Args:
            input_ids, segment_ids: int32.
            input_mask: int32, 1 on tokens and 0 on padding.
            positions: where in its window each token stands; None is 0, 1, 2, ...
        """
        if self.pad_id:
            # Windows are padded with the id 0, which in this model's vocabulary is another token.
            input_ids = tf.where_v2(tf.cast(input_mask, tf.bool), input_ids, self.pad_id)
        summed = self._look_up(self.words, input_ids, self.one_hot)
        if self.num_segments > 1:
            # Two segments: a product with a one-hot row is quicker than a gather everywhere.
            summed += self._look_up(self.segments, segment_ids, one_hot=True)
        elif self.num_segments:
            summed += self.segments[0]
        summed += self._positioned(input_mask, positions)
        embedded = dropout(self.norm(summed), self.dropout)
        if self.projection is None:
            return embedded
        batch, length, _ = shape_of(embedded)
        return tf.reshape(self.projection(flat(embedded)), [batch, length, self.hidden_size])

    def _positioned(self, input_mask, positions):
        """The embeddings of the positions, ``[T, E]`` or ``[B, T, E]``."""
        length = shape_of(input_mask)[1]
        if not self.first_position:
            return (
                self.positions[:length]
                if positions is None
                else tf.gather(self.positions, positions)
            )
        if positions is None:
            positions = tf.range(length)
        is_token = tf.cast(input_mask, tf.bool)
        shifted = tf.where_v2(is_token, positions + self.first_position, self.pad_id)
        return tf.gather(self.positions, shifted)

    @staticmethod
    def _look_up(table, ids, one_hot):
        if not one_hot:
            return tf.gather(table, ids)
        rows, size = table.shape.as_list()
        one_hot_rows = tf.one_hot(tf.reshape(ids, [-1]), rows, dtype=tf.float32)
        return tf.reshape(tf.matmul(one_hot_rows, table), shape_of(ids) + [size])


class TransformerLayer:
    """One layer: self-attention and feed-forward, each with its residual and norm.

    It knows nothing of zones or of its own number; whoever calls it hands it a bias.
    """

    def __init__(self, config: BertConfig):
        hidden, width = config.hidden_size, config.initializer_range
        self.num_heads = config.num_attention_heads
        self.head_size = hidden // self.num_heads
        self.dropout = config.hidden_dropout_prob
        self.attention_dropout = config.attention_probs_dropout_prob
        self.activation = ACTIVATIONS[config.activation]
        with tf.variable_scope("attention/self"):
            query, key, value = (
                Dense(name, hidden, hidden, width) for name in ("query", "key", "value")
            )
        # Query, key and value are computed by one matrix product in place of three. The scores are
        # to be divided by sqrt(D) (Vaswani et al., 2017, section 3.2.1); it is cheaper to divide
        # the query's weights, which are far fewer numbers and come to the same.
        scale = 1.0 / math.sqrt(self.head_size)
        self.kernels = tf.concat([query.kernel * scale, key.kernel, value.kernel], axis=1)
        self.biases = tf.concat([query.bias * scale, key.bias, value.bias], axis=0)
        with tf.variable_scope("attention/output"):
            self.attention_output = Dense("dense", hidden, hidden, width)
            self.attention_norm = LayerNorm(hidden, config.layer_norm_eps)
        with tf.variable_scope("intermediate"):
            self.intermediate = Dense("dense", hidden, config.intermediate_size, width)
        with tf.variable_scope("output"):
            self.output = Dense("dense", config.intermediate_size, hidden, width)
            self.output_norm = LayerNorm(hidden, config.layer_norm_eps)

    def project(self, hidden):
        """``[B, F, H]`` -> query (scaled), key and value, each ``[N, B, F, D]``."""
        projected = tf.nn.bias_add(tf.matmul(flat(hidden), self.kernels), self.biases)
        # [3 N, B F, D]. Heads come first: TensorFlow 1.15 is slow to move more axes than that.
        by_head = tf.transpose(
            tf.reshape(projected, [-1, 3 * self.num_heads, self.head_size]), [1, 0, 2]
        )
        batch_size = shape_of(hidden)[0]
        shape = [3, self.num_heads, batch_size, -1, self.head_size]
        return tf.unstack(tf.reshape(by_head, shape))

    def attend(self, query, key, value, bias):
        """Mixes the values of the keys that each row looks at.

        Args:
            query: ``[N, B, F, D]``, scaled.
            key, value: ``[N, B, K, D]``.
            bias: added to the scores ``[N, B, F, K]`` before the softmax; broadcasts to them. None
                adds nothing.

        Returns:
            The context, ``[B, F, H]``.
        """
        scores = self.scores(query, key, bias)
        probabilities = tf.nn.softmax(scores, name="attention_probabilities")
        context = tf.matmul(dropout(probabilities, self.attention_dropout), value)
        return tf.concat(tf.unstack(context), axis=-1)

    @staticmethod
    def scores(query, key, bias):
        """How well each row's query fits each key, bias added: ``[N, B, F, K]``."""
        scores = tf.matmul(query, key, transpose_b=True, name="attention_scores")
        return scores if bias is None else scores + bias

    def finish(self, context, residual):
        """What follows the attention, row by row.

        Args:
            context: ``[B, F, H]``, of attend.
            residual: what came into the layer, ``[B, F, H]``.

        Returns:
            What goes out of it, ``[B, F, H]``.
        """
        attended = dropout(self.attention_output(flat(context)), self.dropout)
        attended = self.attention_norm(attended + flat(residual))
        raised = self.activation(self.intermediate(attended))
        finished = self.output_norm(dropout(self.output(raised), self.dropout) + attended)
        finished = tf.reshape(finished, tf.shape(residual))
        finished.set_shape(residual.shape)
        return finished

    def __call__(self, hidden, bias, num_keys=None):
        """The whole layer: ``[B, F, H]`` -> ``[B, F, H]``, looking at the first K tokens or all."""
        query, key, value = self.project(hidden)
        key, value = first_tokens(key, num_keys), first_tokens(value, num_keys)
        return self.finish(self.attend(query, key, value, bias), hidden)


def transformer_layers(config: BertConfig):
    """The layers in the order in which they are passed; variables ``encoder/layer_0/...``.

    Where the architecture shares them, the list holds one layer as often as it is passed.
    """
    layers = []
    for number in range(1 if config.architecture.shares_layers else config.num_hidden_layers):
        with tf.variable_scope("encoder/layer_%d" % number):
            layers.append(TransformerLayer(config))
    return layers * (config.num_hidden_layers // len(layers))
