"""All cells in one pass: the fast equal of ``reader.py``.

Masking layer k leaves every layer before k as it was. So the unmasked batch, the *trunk*, goes
through every layer once; where cells mask layer k their variants leave the trunk there, and go on
through the later layers side by side. Three more things are not computed twice:

* In layer k, all zones share one attention. A softmax over all keys is made of sums over groups of
  them, here the keys of each role; a zone puts together those that it leaves (PartialAttention).
* So that the keys of each role stand together, tokens are sorted by role (BatchByRole).
* A zone that leaves the passage's rows alone has, after layer k, only a few rows of its own: q2 and
  q2p, of a window of 190 tokens, some 16. It goes on *beside* the trunk, as these rows only, and
  leaves it in layer k + 1, where the passage sees that the others changed.

The letters in the shapes are those of modeling.py, and Z is how many cells leave at one layer.
"""

import collections
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from modeling import shape_of
from zones.batch import bias_of
from zones.cells import BASELINE
from zones.masks import (
    MASKED,
    NUM_ROLES,
    OTHER,
    PADDING,
    PASSAGE,
    QUESTION,
    changes_rows,
    mask_table,
    sees_padding,
)

# Stands for the largest of no scores: below any score or bias, and within float16's range.
LOWEST_SCORE = -60000.0

# Added to the scores of keys that are no tokens of their group. It is far below MASKED, so that a
# group whose tokens are all masked still outweighs one that has none, and in the range of float16.
ABSENT = 3 * MASKED


def read_cells(reader, batch, cells, variants_at_once=None):
    """The logits of every cell, in one pass.

    What nobody asks for is never computed: TensorFlow leaves out the part of a graph that is not
    fetched. A cell that is not one of a single layer and all heads is read as reader.py does.

    Args:
        reader: a Reader.
        batch: a Batch of B windows.
        cells: the cells to read with; BASELINE among them asks for the trunk's own logits.
        variants_at_once: the most cells of a layer to take to the end together; None is all.

    Returns:
        An ordered dict: cell -> float32 ``[B, F, 2]``, the logits of start and end.
    """
    logits = {}
    if any(cell.is_square for cell in cells):
        logits = _read_forking(reader, BatchByRole(batch), cells, variants_at_once)
    for cell in cells:
        if cell not in logits:
            logits[cell] = reader.read(batch, cell)
    return collections.OrderedDict((cell, logits[cell]) for cell in cells)


def _read_forking(reader, batch, cells, variants_at_once):
    """The logits of the trunk and of the cells that leave it, cell -> ``[B, F, 2]``.

    One layer's variants are taken to the end before the trunk goes on, so that memory holds the
    variants of one layer at most.

    Args:
        batch: a BatchByRole.
        reader, cells, variants_at_once: as in read_cells.
    """
    forks = _squares_by_layer(cells, len(reader.layers))
    # The trunk keeps its padding as long as a cell at this layer or a later one looks at it.
    last_padded = max(
        [-1] + [n for n, leaving in enumerate(forks) if any(map(_sees_padding, leaving))]
    )
    hidden = reader.embeddings(batch.input_ids, batch.segment_ids, batch.positions)
    if last_padded < 0:
        hidden = hidden[:, : batch.num_rows]
    logits, beside = {}, {}
    for number, layer in enumerate(reader.layers):
        if not (forks[number] or beside):
            hidden = layer(hidden, batch.padding_bias, batch.num_keys)
            continue
        trunk = _TrunkLayer(layer, batch, hidden, forks[number], number < last_padded)
        few_rows = [cell for cell in forks[number] if batch.carries_passage(cell.zone)]
        all_rows = [cell for cell in forks[number] if cell not in few_rows]
        for group in _in_groups(list(beside) + all_rows, variants_at_once):
            hidden = trunk.variants(group, beside)
            bias = _tile(batch.padding_bias, len(group))
            for later in reader.layers[number + 1 :]:
                hidden = later(hidden, bias, batch.num_keys)
            forked = reader.span_logits(hidden)
            logits.update(zip(group, tf.split(forked, len(group))))
            trunk.wait_for(forked)
        beside = trunk.changed_rows(few_rows)
        hidden = trunk.output
    logits[BASELINE] = unmasked = reader.span_logits(hidden)
    for cell, changed in beside.items():
        carried = unmasked[:, : batch.num_passage]
        logits[cell] = tf.concat([carried, reader.span_logits(changed)], axis=1)
    return {cell: batch.in_order(of_cell) for cell, of_cell in logits.items()}


def _sees_padding(cell):
    return sees_padding(cell.zone)


class _TrunkLayer:
    """The unmasked batch in one layer, and the cells that leave it there.

    Args:
        layer: a modeling.TransformerLayer.
        batch: a BatchByRole.
        hidden: what comes into the layer, ``[B, T, H]``, or ``[B, F, H]`` without the padding.
        cells: those that mask this layer.
        keep_padding: whether the padding's rows are wanted in the next layer.

    Attributes:
        output: what goes out of the layer, as hidden.
    """

    def __init__(self, layer, batch, hidden, cells, keep_padding):
        self._layer, self._batch = layer, batch
        self._hidden = hidden[:, : batch.num_rows]
        query, key, value = layer.project(hidden)
        self._query = query[:, :, : batch.num_rows]
        padded = any(map(_sees_padding, cells))
        groups = batch.keys_by_role(key, _with_one(value), padded=padded)
        parts = [_attend_partly(layer, self._query, *group) for group in groups]
        # The passage's keys, and attention to them: the first group.
        self._passage, self._to_passage = groups[0], parts[0]
        zones = [None] + [cell.zone for cell in cells]
        context, *contexts = _combine(parts, batch.zones_bias(zones, padded))
        self._contexts = dict(zip(cells, contexts))
        residual = self._hidden
        if keep_padding and batch.padding_apart:
            # The padding's rows look at what there is, and no zone is masked for them.
            real = slice(batch.num_keys)
            of_padding = layer.attend(
                query[:, :, batch.num_rows :],
                key[:, :, real],
                value[:, :, real],
                batch.padding_bias,
            )
            context, residual = tf.concat([context, of_padding], axis=1), hidden
        self.output = layer.finish(context, residual)

    def wait_for(self, tensor):
        """Lets whatever is made of this layer from now on be computed after that tensor."""
        with tf.control_dependencies([tensor]):
            self._contexts, self._to_passage, self.output = tf.nest.map_structure(
                tf.identity, (self._contexts, self._to_passage, self.output)
            )

    def changed_rows(self, cells):
        """The R rows that cells which carry the passage send out: cell -> ``[B, R, H]``."""
        if not cells:
            return {}
        first = self._batch.num_passage
        context = tf.concat([self._contexts[cell][:, first:] for cell in cells], axis=0)
        changed = self._layer.finish(context, _tile(self._hidden[:, first:], len(cells)))
        return dict(zip(cells, tf.split(changed, len(cells))))

    def variants(self, cells, beside):
        """What goes out of the layer for Z cells, ``[Z B, F, H]``.

        Args:
            cells: cells that mask this layer or, first, some of those beside the trunk.
            beside: cell -> the changed rows with which it comes in, ``[B, R, H]``.
        """
        contexts, residuals = [], []
        joining = [beside[cell] for cell in cells if cell in beside]
        if joining:
            context, residual = self._join(joining)
            contexts.append(context)
            residuals.append(residual)
        masked = [self._contexts[cell] for cell in cells if cell not in beside]
        contexts += masked
        residuals += [self._hidden] * len(masked)
        return self._layer.finish(tf.concat(contexts, axis=0), tf.concat(residuals, axis=0))

    def _join(self, changed):
        """Attention for variants whose rows outside the passage are not the trunk's.

        Args:
            changed: a list of Z times ``[B, R, H]``, those rows.

        Returns:
            Context and residual, each ``[Z B, F, H]``.
        """
        layer, batch, times = self._layer, self._batch, len(changed)
        passage_rows = slice(batch.num_passage)
        changed = tf.concat(changed, axis=0)
        query, key, value = layer.project(changed)
        # To the passage's keys, which are the trunk's: its own rows see there what they saw.
        passage_key, passage_value, bias = self._passage
        by_passage = [_tile_heads(x[:, :, passage_rows], times) for x in self._to_passage]
        by_others = _attend_partly(
            layer,
            query,
            _tile_heads(passage_key, times),
            _tile_heads(passage_value, times),
            _tile(bias, times),
        )
        to_passage = PartialAttention(
            *(tf.concat(both, axis=2) for both in zip(by_passage, by_others))
        )
        # To the other keys, which changed, and are the first of the changed rows.
        others = slice(batch.num_keys - batch.num_passage)
        to_others = _attend_partly(
            layer,
            tf.concat([_tile_heads(self._query[:, :, passage_rows], times), query], axis=2),
            key[:, :, others],
            _with_one(value[:, :, others]),
            _tile(batch.other_keys_bias, times),
        )
        (context,) = _combine([to_passage, to_others])
        return context, tf.concat([_tile(self._hidden[:, passage_rows], times), changed], axis=1)


def _squares_by_layer(cells, num_layers):
    by_layer = [[] for _ in range(num_layers)]
    for cell in cells:
        if cell.is_square:
            by_layer[cell.layer].append(cell)
    return by_layer


def _in_groups(cells, most):
    most = most or max(1, len(cells))
    return [cells[first : first + most] for first in range(0, len(cells), most)]


def _tile(x, times):
    """Repeats the batch: ``[B, ...]`` -> ``[times B, ...]``; None stays None."""
    return None if x is None else tf.concat([x] * times, axis=0)


def _tile_heads(x, times):
    """Repeats the batch: ``[N, B, ...]`` -> ``[N, times B, ...]``."""
    return tf.concat([x] * times, axis=1)


# Attention in parts -----------------------------------------------------------------------------


class PartialAttention(NamedTuple):
    """Attention to some of the keys, before it is divided by the sum of its weights.

    A key's weight is ``e^(s - peak)``, s being its score.
    """

    peak: tf.Tensor  # the largest score, [N, B, F, 1]
    sums: tf.Tensor  # of the weighted values, and of the weights, [N, B, F, D + 1]


def _with_one(value):
    """``[N, B, K, D]`` -> ``[N, B, K, D + 1]``: a weighted sum then has the weights' sum, too."""
    return tf.concat([value, tf.ones_like(value[..., :1])], axis=-1)


def _attend_partly(layer, query, key, value_and_one, bias):
    """Attention to a group of keys, to be combined with that to other groups.

    A softmax over all keys is made of sums over groups of them: of ``e^s``, and of ``e^s`` times
    the value (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018, section
    3.1). So what many masks share is computed once.

    Args:
        layer: the TransformerLayer.
        query, key, bias: as in TransformerLayer.attend. K may be 0.
        value_and_one: ``[N, B, K, D + 1]``, of _with_one.

    Returns:
        PartialAttention.

    Raises:
        ValueError: the layer is to drop attention out, which this leaves no place for.
    """
    if layer.attention_dropout:
        raise ValueError("cells of one layer can be decoded with, not trained with")
    scores = layer.scores(query, key, bias)
    # [N, B, F, 1]; the largest of no scores at all would be minus infinity.
    peak = tf.maximum(tf.reduce_max(scores, axis=-1, keepdims=True), LOWEST_SCORE)
    return PartialAttention(peak, tf.matmul(tf.exp(scores - peak), value_and_one))


def _combine(parts, bias=None):
    """Attention to all groups of keys, for Z masks of them at once.

    Args:
        parts: the PartialAttention to each of G groups.
        bias: what each mask adds to all scores of a group, ``[B, F, Z, G]``; None is one mask that
            adds nothing.

    Returns:
        The context for each mask, a list of Z times ``[B, F, H]``.
    """
    # [N, B, F, 1, G]
    peaks = tf.concat([part.peak for part in parts], axis=-1)[..., tf.newaxis, :]
    if bias is not None:
        peaks += bias
    weights = tf.exp(peaks - tf.reduce_max(peaks, axis=-1, keepdims=True))
    # [N, B, F, Z, G] x [N, B, F, G, D + 1]
    sums = tf.matmul(weights, tf.stack([part.sums for part in parts], axis=3))
    num_heads, _, _, _, width = sums.shape.as_list()
    values, totals = tf.split(sums, [width - 1, 1], axis=-1)
    # [Z, B, F, N, D]
    contexts = tf.transpose(values * tf.math.reciprocal(totals), [3, 1, 2, 0, 4])
    num_masks = 1 if bias is None else bias.shape.as_list()[2]
    shape = [num_masks, shape_of(contexts)[1], -1, num_heads * (width - 1)]
    return tf.unstack(tf.reshape(contexts, shape))


# Tokens sorted by role --------------------------------------------------------------------------

# The groups of keys that zones tell apart, in the order in which BatchByRole sorts them.
_KEY_ROLES = (PASSAGE, OTHER, QUESTION, PADDING)
_REAL = slice(3)


class BatchByRole:
    """The same batch with its tokens sorted by role: passage, others, question, and then padding.

    Attention does not see the order of the tokens (their positions are in their embeddings), and
    sorted so, the keys of each role stand together. For example, a window with the roles
    ``0 1 1 0 2 2 2 0`` and two padded tokens has its tokens in the order ``4 5 6 0 3 7 1 2 8 9``.

    Where windows differ, each role has as many places as in the window that has most. Places that
    stay free repeat some other token, and are masked as keys; so F, K and T, which count places
    here, may be larger than those of Batch. On a TPU, where shapes are static, the order is left
    as it is, and the keys of each role are all T, the others masked.

    Attributes:
        input_ids, segment_ids, token_roles, positions, num_rows, num_keys, padding_bias: as those
            of Batch, in the new order; num_keys is how many places are not padding.
        num_passage: how many rows, the first ones, are passage; None for static shapes, where this
            cannot be known.
        padding_apart: whether the padding's rows come behind the F rows that logits are wanted of.
        other_keys_bias: the padding_bias of the keys that are not passage; not for static shapes.
    """

    def __init__(self, batch):
        self._batch = batch
        if batch.static_shapes:
            self._keep_order(batch)
        else:
            self._sort(batch)
        self._row_roles = tf.one_hot(self.token_roles[:, : self.num_rows], NUM_ROLES)

    def _keep_order(self, batch):
        self.input_ids, self.segment_ids = batch.input_ids, batch.segment_ids
        self.token_roles, self.positions = batch.token_roles, None
        self.num_rows, self.num_keys = batch.num_rows, batch.length
        self.padding_bias, self.num_passage = batch.bias(None), None
        self.padding_apart = False
        self._sizes = None
        self._biases = [_absent_bias(tf.not_equal(batch.key_roles, role)) for role in _KEY_ROLES]

    def _sort(self, batch):
        orders, self._sizes, self._biases, self._places = [], [], [], 0
        first = 0
        for role in _KEY_ROLES:
            chosen = tf.equal(batch.key_roles, role)
            # [B, C], C being how many places the role has.
            order = _numbers_where(chosen)
            orders.append(order)
            self._sizes.append(tf.shape(order)[1])
            # Of a chosen token: how many there are before it.
            place = first - 1 + tf.cumsum(tf.cast(chosen, tf.int32), axis=1)
            if role != PADDING or batch.score_padding:
                self._places += tf.where_v2(chosen, place, 0)
            first += self._sizes[-1]
            if batch.batch_size != 1:
                self._biases.append(_absent_bias(~tf.gather(chosen, order, batch_dims=1)))
        self.positions = tf.concat(orders, axis=1)
        self.input_ids, self.segment_ids, self.token_roles = (
            tf.gather(x, self.positions, batch_dims=1)
            for x in (batch.input_ids, batch.segment_ids, batch.token_roles)
        )
        self.num_passage, *others, num_padding = self._sizes
        self.num_keys = self.num_passage + sum(others)
        self.num_rows = self.num_keys + (num_padding if batch.score_padding else 0)
        self.padding_apart = not batch.score_padding
        self.padding_bias = self.other_keys_bias = None
        if self._biases:
            self.padding_bias = tf.concat(self._biases[_REAL], axis=-1)
            self.other_keys_bias = tf.concat(self._biases[_REAL][1:], axis=-1)
        else:
            # A window alone has no free place.
            self._biases = [None] * len(_KEY_ROLES)

    def keys_by_role(self, *of_keys, padded):
        """Parts keys, and what belongs to them, into a group for each role.

        Args:
            of_keys: tensors ``[N, B, T, ...]``.
            padded: whether the padding is to be a group, the last one.

        Returns:
            For each group the parts of the tensors, and the bias ``[B, 1, C]`` of places that a
            window does not need, or None.
        """
        count = len(_KEY_ROLES) if padded else len(_KEY_ROLES[_REAL])
        if self._sizes is None:
            parted = [[x] * count for x in of_keys]
        else:
            total = sum(self._sizes[:count])
            parted = [tf.split(x[:, :, :total], self._sizes[:count], axis=2) for x in of_keys]
        return list(zip(*parted, self._biases))

    def carries_passage(self, zone):
        """Whether masking the zone leaves the passage's rows alone, and that can be made use of."""
        return self.num_passage is not None and not changes_rows(zone, PASSAGE)

    def in_order(self, logits):
        """Sorts ``[B, F, 2]`` back to the order of the tokens, and to the F of Batch."""
        if self.positions is None:
            return logits
        return tf.gather(logits, self._places[:, : self._batch.num_rows], batch_dims=1)

    def zones_bias(self, zones, padded):
        """What zones add to the scores of each role's keys.

        Args:
            zones: the names of Z zones; None masks nothing.
            padded: whether the padding is a group.

        Returns:
            ``[B, F, Z, G]`` for G groups. A row whose every group is masked gets zeros, as in
            Batch.bias.
        """
        roles = _KEY_ROLES if padded else _KEY_ROLES[_REAL]
        tables = np.stack([mask_table(zone)[:, roles] for zone in zones], axis=1)
        masked = tf.tensordot(self._row_roles, tf.constant(tables), axes=1)
        masked.set_shape([None, None, *tables.shape[1:]])
        return bias_of(masked)


def _absent_bias(absent):
    """bool ``[B, C]`` -> ``[B, 1, C]``."""
    return ABSENT * tf.cast(absent, tf.float32)[:, tf.newaxis]


def _numbers_where(chosen):
    """The numbers of the chosen tokens, bool ``[B, T]`` -> int32 ``[B, the most in a window]``.

    Where a window has fewer, other tokens' numbers follow.
    """
    chosen = tf.cast(chosen, tf.float32)
    most = tf.cast(tf.reduce_max(tf.reduce_sum(chosen, axis=1)), tf.int32)
    # top_k breaks ties toward the lower index, so that the numbers come in order.
    return tf.nn.top_k(chosen, most).indices
