"""Reading windows with BERT: the unmasked pass, and the cells that fork off it.

The letters in the shapes are those of modeling.py.
"""

import collections
import dataclasses
from typing import NamedTuple

import tensorflow.compat.v1 as tf

import attention_zones
from modeling import Embeddings, TransformerLayer, flat, initializer, shape_of

# Added to the logits of padding where no answer may start or end there.
UNREACHABLE = -1e9


def without_padding(logits, input_mask):
    """Takes padding out of where an answer may start or end.

    Args:
        logits: ``[..., B, F, 2]``.
        input_mask: int32 ``[B, at least F]``, 1 on tokens and 0 on padding.

    Returns:
        The logits, with UNREACHABLE added to those of padding.
    """
    padding = tf.cast(1 - input_mask[:, : shape_of(logits)[-2], tf.newaxis], tf.float32)
    return logits + UNREACHABLE * padding


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
        keys_of_rows: K, how many of F rows are keys too, or None if all are.
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
        self.num_rows = self.num_keys
        self.keys_of_rows = None
        if score_padding:
            self.num_rows, self.keys_of_rows = self.max_length, self.num_keys
        self._roles = tf.one_hot(token_roles, attention_zones.NUM_ROLES, dtype=tf.float32)
        self._padding = self.padding_bias = None
        # A batch of one window is as long as that window: there is no key to mask.
        if static_shapes or input_ids.shape.as_list()[0] != 1:
            # [B, 1, K]
            self._padding = tf.cast(1 - input_mask[:, tf.newaxis, : self.num_keys], tf.float32)
            self.padding_bias = attention_zones.MASKED * self._padding[:, tf.newaxis]
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
        """What a zone adds to the scores: ``[B, 1, F, K]``, or None where it sees the padding.

        A row whose every key is masked keeps the softmax of its raw scores. Adding the same number
        to a whole row does that in theory only: in float32 it costs the scores three decimals, and
        in bfloat16 all of them. So such a row gets zeros.
        """
        if attention_zones.sees_padding(zone):
            return None
        if zone not in self._zone_bias:
            # Rows [B, F, 3] x table [3, 3] x keys [B, 3, K]: each pair of roles has its entry.
            table = tf.constant(attention_zones.mask_table(zone))
            rows, keys = self._roles[:, : self.num_rows], self._roles[:, : self.num_keys]
            masked = tf.matmul(tf.tensordot(rows, table, axes=1), keys, transpose_b=True)
            if self._padding is not None:
                masked += self._padding
            masked -= tf.reduce_min(masked, axis=-1, keepdims=True)
            self._zone_bias[zone] = attention_zones.MASKED * masked[:, tf.newaxis]
        return self._zone_bias[zone]


class Reader:
    """BERT with a span head: for every token, the logit of starting and of ending the answer."""

    def __init__(self, config, is_training=False, one_hot_embeddings=False):
        if not is_training:
            config = dataclasses.replace(
                config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
            )
        with tf.variable_scope(config.scope):
            self.embeddings = Embeddings(config, one_hot_embeddings)
            self.layers = []
            for number in range(config.num_hidden_layers):
                with tf.variable_scope("encoder/layer_%d" % number):
                    self.layers.append(TransformerLayer(config))
        with tf.variable_scope("cls/squad"):
            self.span_weights = tf.get_variable(
                "output_weights", [2, config.hidden_size], initializer=initializer(0.02)
            )
            self.span_bias = tf.get_variable("output_bias", [2], initializer=tf.zeros_initializer())

    def read(self, windows, cells=(attention_zones.BASELINE,), variants_at_once=None):
        """The logits of the unmasked reader and of every cell, in one pass that forks.

        Masking layer k leaves every layer before k as it was. So the unmasked batch, the *trunk*,
        goes through every layer once; where cells mask layer k their variants leave it there,
        sharing its query, key, value and raw scores, and go on through the later layers side by
        side. One layer's variants are taken to the end before the trunk goes on, so that memory
        holds the variants of one layer at most. What nobody asks for is never computed: TensorFlow
        leaves out the part of a graph that is not fetched.

        Args:
            windows: a Windows of B windows.
            cells: the cells to read with; BASELINE among them asks for the trunk's own logits.
            variants_at_once: the most cells of a layer to take to the end together; None is all.

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
            for group in _in_groups(forks[number], variants_at_once):
                variants = self._fork(layer, group, windows, states, scores, trunk)
                bias = _tile(windows.padding_bias, len(group))
                variants = self._run(number + 1, variants, bias, windows.keys_of_rows)
                forked = self.span_logits(variants)
                logits.update(zip(group, tf.split(forked, len(group))))
                # Before the trunk goes on, and before the next group begins.
                with tf.control_dependencies([forked]):
                    trunk, scores = tf.identity(trunk), tf.identity(scores)
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
            variants += self._fork_few_rows(layer, few, windows, states, unmasked[:, :rows])
        return tf.concat(variants, axis=0)

    @staticmethod
    def _fork_few_rows(layer, zones, windows, states, unmasked):
        """As _fork, for zones that change only rows outside the passage, R of F."""
        # [B, N, R, D]. To find the scores of a few rows again costs less than to pick them out.
        query = tf.transpose(
            windows.at_context_rows(tf.transpose(states.query, [0, 2, 1, 3])), [0, 2, 1, 3]
        )
        scores = layer.scores(query, states.key[:, :, : windows.num_keys])
        value = states.value[:, :, : windows.num_keys]
        contexts = []
        for zone in zones:
            bias = windows.at_context_rows(windows.zone_bias(zone)[:, 0])[:, tf.newaxis]
            contexts.append(layer.attend(scores, bias, value))
        tiled = _tile(windows.at_context_rows(states.hidden), len(zones))
        changed = layer.finish(tf.concat(contexts, axis=0), tiled)
        return [windows.with_context_rows(unmasked, rows) for rows in tf.split(changed, len(zones))]

    def _run(self, first, hidden, bias, num_keys):
        for layer in self.layers[first:]:
            hidden = layer(hidden, bias, num_keys)
        return hidden

    def _read_masked_everywhere(self, zone, windows, embedded):
        if attention_zones.sees_padding(zone):
            hidden = self._run(0, embedded, None, None)
        else:
            bias = windows.zone_bias(zone)
            hidden = self._run(0, embedded[:, : windows.num_rows], bias, windows.keys_of_rows)
        return self.span_logits(hidden[:, : windows.num_rows])

    def span_logits(self, hidden):
        """``[B, F, H]`` -> start and end logits ``[B, F, 2]``."""
        batch, length, _ = shape_of(hidden)
        logits = tf.matmul(flat(hidden), self.span_weights, transpose_b=True)
        return tf.reshape(tf.nn.bias_add(logits, self.span_bias), [batch, length, 2])


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


def _in_groups(cells, most):
    most = most or max(1, len(cells))
    return [cells[first : first + most] for first in range(0, len(cells), most)]


def _tile(x, times):
    """Repeats the batch: ``[B, ...]`` -> ``[times B, ...]``; None stays None."""
    if x is None:
        return None
    return tf.tile(x, [times] + [1] * (x.shape.ndims - 1))
