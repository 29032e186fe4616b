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
            self._find_context(token_roles)

    def _find_context(self, token_roles):
        """Numbers the tokens that are not passage: R rows in the window that has most, C keys.

        For the roles ``0 1 1 0 2 2 2 0`` (R = 5): context_rows is ``0 1 2 3 7``. With these rows
        changed and put behind the eight unchanged ones, the eight are to be taken from ``8 9 10 11
        4 5 6 12``. What fills up the list in other windows are passage tokens: none is taken from
        such a row, and as keys they are masked.
        """
        # [B, F]
        is_context = is_context_key = _is_context(token_roles[:, : self.num_rows])
        numbers = tf.range(self.num_rows)[tf.newaxis]
        slots = tf.cumsum(tf.cast(is_context, tf.int32), axis=1) - 1
        self._from_changed_context = tf.where_v2(is_context, self.num_rows + slots, numbers)
        self._from_changed_passage = tf.where_v2(is_context, numbers, self.num_rows + numbers)
        # [B, R] and [B, C]
        self.context_rows = self._context_keys = _numbers_where(is_context)
        if self.keys_of_rows is not None:
            is_context_key = _is_context(token_roles[:, : self.num_keys])
            self._context_keys = _numbers_where(is_context_key)
        self.context_keys_bias = None
        if self._padding is not None:
            # [B, 1, 1, C]
            masked = self._padding[:, 0] + 1.0 - tf.cast(is_context_key, tf.float32)
            masked = tf.gather(masked, self._context_keys, batch_dims=1)
            self.context_keys_bias = attention_zones.MASKED * masked[:, tf.newaxis, tf.newaxis]

    def at_context_rows(self, x):
        """Takes the context rows out of ``[B, F, ...]``: ``[B, R, ...]``."""
        return tf.gather(x, self.context_rows, batch_dims=1)

    def at_context_keys(self, x):
        """Takes the context keys out of ``[B, N, at least K, D]``: ``[B, N, C, D]``."""
        x = tf.gather(tf.transpose(x, [0, 2, 1, 3]), self._context_keys, batch_dims=1)
        return tf.transpose(x, [0, 2, 1, 3])

    def with_context_rows(self, carried, changed):
        """Puts changed context rows ``[B, R, H]`` in the place of those carried, ``[B, F, H]``."""
        both = tf.concat([carried, changed], axis=1)
        return tf.gather(both, self._from_changed_context, batch_dims=1)

    def with_passage_rows(self, carried, changed):
        """Puts changed passage rows in the place of those carried, both ``[B, F, H]``."""
        both = tf.concat([carried, changed], axis=1)
        return tf.gather(both, self._from_changed_passage, batch_dims=1)

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
            hidden = trunk
            if number >= last_padded:
                query, trunk = query[:, :, : windows.num_rows], trunk[:, : windows.num_rows]
            scores = layer.scores(query, key[:, :, : windows.num_keys])
            context = layer.attend(scores, windows.padding_bias, value[:, :, : windows.num_keys])
            trunk = layer.finish(context, trunk)
            for group in _in_groups(forks[number], variants_at_once):
                unmasked = _Unmasked(hidden, query, key, value, scores, context, trunk)
                variants = self._fork(layer, group, windows, unmasked)
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

    def _fork(self, layer, cells, windows, unmasked):
        """One layer with each of Z zones masked.

        Args:
            layer: the layer; cells: the Z cells that mask it, as _cells_by_layer orders them.
            windows: the Windows.
            unmasked: the trunk's _Unmasked at this layer.

        Returns:
            ``[Z B, F, H]``, the cells one after another.
        """
        rows, keys = windows.num_rows, windows.num_keys
        query, hidden = unmasked.query[:, :, :rows], unmasked.hidden[:, :rows]
        contexts, few = [], []
        for cell in cells:
            if attention_zones.sees_padding(cell.zone):
                all_scores = layer.scores(query, unmasked.key)
                contexts.append(layer.attend(all_scores, None, unmasked.value))
            elif windows.carries_passage and not attention_zones.changes_passage_rows(cell.zone):
                few.append(cell.zone)
            elif windows.carries_passage and attention_zones.hides_passage_from_itself(cell.zone):
                contexts.append(self._attend_context_keys(layer, query, windows, unmasked))
            else:
                scores, value = unmasked.scores[:, :, :rows], unmasked.value[:, :, :keys]
                contexts.append(layer.attend(scores, windows.zone_bias(cell.zone), value))
        variants = []
        if contexts:
            tiled = _tile(hidden, len(contexts))
            variants.append(layer.finish(tf.concat(contexts, axis=0), tiled))
        if few:
            variants += self._fork_few_rows(layer, few, windows, unmasked)
        return tf.concat(variants, axis=0)

    @staticmethod
    def _attend_context_keys(layer, query, windows, unmasked):
        """The context where passage rows see only the keys outside the passage, C of K.

        The other rows keep the trunk's. ``[B F, H]``.
        """
        scores = layer.scores(query, windows.at_context_keys(unmasked.key))
        value = windows.at_context_keys(unmasked.value)
        context = layer.attend(scores, windows.context_keys_bias, value)
        _, length, size = shape_of(unmasked.output)
        kept = tf.reshape(unmasked.context, [-1, length, size])[:, : windows.num_rows]
        changed = tf.reshape(context, [-1, windows.num_rows, size])
        return flat(windows.with_passage_rows(kept, changed))

    @staticmethod
    def _fork_few_rows(layer, zones, windows, unmasked):
        """As _fork, for zones that change only rows outside the passage, R of F."""
        # [B, N, R, D]. To find the scores of a few rows again costs less than to pick them out.
        query = tf.transpose(
            windows.at_context_rows(tf.transpose(unmasked.query, [0, 2, 1, 3])), [0, 2, 1, 3]
        )
        scores = layer.scores(query, unmasked.key[:, :, : windows.num_keys])
        value = unmasked.value[:, :, : windows.num_keys]
        contexts = []
        for zone in zones:
            bias = windows.at_context_rows(windows.zone_bias(zone)[:, 0])[:, tf.newaxis]
            contexts.append(layer.attend(scores, bias, value))
        tiled = _tile(windows.at_context_rows(unmasked.hidden), len(zones))
        changed = layer.finish(tf.concat(contexts, axis=0), tiled)
        carried = unmasked.output[:, : windows.num_rows]
        return [windows.with_context_rows(carried, rows) for rows in tf.split(changed, len(zones))]

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


class _Unmasked(NamedTuple):
    """What the trunk has at a layer; its rows are F or, with their padding, T."""

    hidden: tf.Tensor  # what goes in, [B, F, H]
    query: tf.Tensor  # [B, N, F, D], as key and value
    key: tf.Tensor
    value: tf.Tensor
    scores: tf.Tensor  # raw, [B, N, F, K]
    context: tf.Tensor  # flat, [B F, H]
    output: tf.Tensor  # what comes out, [B, F, H]


def _is_context(token_roles):
    return tf.not_equal(token_roles, attention_zones.PASSAGE)


def _numbers_where(chosen):
    """The numbers of the chosen tokens, bool ``[B, F]`` -> int32 ``[B, the most in a window]``.

    Where a window has fewer, other tokens' numbers follow.
    """
    chosen = tf.cast(chosen, tf.float32)
    most = tf.cast(tf.reduce_max(tf.reduce_sum(chosen, axis=1)), tf.int32)
    # top_k breaks ties toward the lower index, so that the numbers come in order.
    return tf.nn.top_k(chosen, most).indices


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
