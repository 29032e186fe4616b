"""A batch with its tokens sorted by role, as the sweep reads it.

The letters in the shapes are those of modeling.py.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from zones.batch import bias_of, for_heads
from zones.masks import (
    CLS,
    MASKED,
    NUM_ROLES,
    OTHER,
    PADDING,
    PASSAGE,
    QUESTION,
    SEP,
    changes_rows,
    mask_table,
    sees_padding,
)

# Added to the scores of places in a group that no token of the group fills. It is far below MASKED,
# so that tokens which are all masked still outweigh such places, and in the range of float16.
ABSENT = 3 * MASKED

# The groups of keys that zones tell apart, in the order in which BatchByRole sorts them.
_KEY_ROLES = (PASSAGE, OTHER, QUESTION, PADDING)
# Of zones that tell special tokens apart.
_ALL_ROLES = (PASSAGE, OTHER, CLS, SEP, QUESTION, PADDING)
_REAL = slice(-1)


class BatchByRole:
    """The same batch with its tokens sorted by role: passage, others, question, and then padding.

    With ``specials_apart``, [CLS] and the [SEP] in the middle are roles of their own among the
    others.

    Attention does not see the order of the tokens (their positions are in their embeddings), and
    sorted so, the keys of each role stand together. For example, a window with the roles
    ``0 1 1 0 2 2 2 0`` and two padded tokens has its tokens in the order ``4 5 6 0 3 7 1 2 8 9``.

    Where windows differ, each role has as many places as in the window that has most. Places that
    stay free repeat some other token, and are masked as keys; so F, K and T, which count places
    here, may be larger than those of Batch. On a TPU, where shapes are static, the order is left
    as it is, and the keys of each role are all T, the others masked.

    Attributes:
        input_ids, input_mask, segment_ids, token_roles, num_rows, length: as those of Batch, in
            the new order; length is how many places are not padding.
        positions: int32 ``[B, T]``, where in its window each token stands; None is in order.
        num_passage: how many rows, the first ones, are passage; None for static shapes, where this
            cannot be known.
        padding_apart: whether the padding's rows come behind the F rows that logits are wanted of.
        num_keys_of_rows: how many of those F rows, the first ones, are keys; None is all.
        other_keys_bias: what bias(None) adds to keys that are not passage; not for static shapes.
    """

    def __init__(self, batch, specials_apart=False):
        self._batch = batch
        self._roles = _ALL_ROLES if specials_apart else _KEY_ROLES
        self._own_roles = batch.special_roles() if specials_apart else batch.token_roles
        self._key_roles = batch.with_padding(self._own_roles)
        if batch.static_shapes:
            self._keep_order(batch)
        else:
            self._sort(batch)
        # What zones_bias has made: all layers ask for the same.
        self._zones_bias = {}
        self.num_keys_of_rows = None if self.padding_apart else self.length
        self._row_roles = tf.one_hot(self.token_roles[:, : self.num_rows], NUM_ROLES)

    def _keep_order(self, batch):
        self.input_ids, self.input_mask = batch.input_ids, batch.input_mask
        self.segment_ids = batch.segment_ids
        self.token_roles, self.positions = self._own_roles, None
        self.num_rows, self.length = batch.num_rows, batch.length
        self.num_passage = None
        self.padding_apart = False
        self._sizes = None
        self._biases = [_absent_bias(tf.not_equal(self._key_roles, role)) for role in self._roles]

    def _sort(self, batch):
        orders, self._sizes, self._biases, self._places = [], [], [], 0
        first = 0
        for role in self._roles:
            chosen = tf.equal(self._key_roles, role)
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
        self._places = self._places[:, : batch.num_rows]
        self.positions = tf.concat(orders, axis=1)
        self.input_ids, self.input_mask, self.segment_ids, self.token_roles = (
            tf.gather(x, self.positions, batch_dims=1)
            for x in (batch.input_ids, batch.input_mask, batch.segment_ids, self._own_roles)
        )
        self.num_passage, *others, num_padding = self._sizes
        self.length = self.num_passage + sum(others)
        self.num_rows = self.length + (num_padding if batch.score_padding else 0)
        self.padding_apart = not batch.score_padding
        self.other_keys_bias = None
        if self._biases:
            self.other_keys_bias = tf.concat(self._biases[_REAL][1:], axis=-1)
        else:
            # In a batch of one window each role has as many places as tokens: none is absent.
            self._biases = [None] * len(self._roles)

    def num_keys(self, zone):
        """As that of Batch."""
        return None if sees_padding(zone) else self.length

    def bias(self, zone, heads=None):
        """As that of Batch, for keys in this order."""
        if self._sizes is None:
            return self._batch.bias(zone, heads)
        if zone is None:
            return self._absent(_REAL)
        everywhere = sees_padding(zone)
        masked = self._absent(slice(None)) if everywhere else self._zone_bias(zone)
        if heads is None:
            return masked
        others = self._padding_bias() if everywhere else self._absent(_REAL)
        return for_heads(heads, masked, others)

    def _absent(self, groups):
        """What is added to the keys of some groups, ``[B, 1, K]``; None is nothing."""
        biases = self._biases[groups]
        return None if biases[0] is None else tf.concat(biases, axis=-1)

    def _padding_bias(self):
        """The same for all T places, padding masked."""
        is_padding = tf.range(tf.shape(self.positions)[1]) >= self.length
        absent = self._absent(slice(None))
        padding = MASKED * tf.cast(is_padding, tf.float32)[tf.newaxis, tf.newaxis]
        return padding if absent is None else padding + absent

    def _zone_bias(self, zone):
        """The zone's bias, ``[B, F, K]``."""
        group = [tf.fill([size], number) for number, size in enumerate(self._sizes[_REAL])]
        table = tf.constant(mask_table(zone)[:, self._roles[_REAL]])
        masked = tf.gather(
            tf.tensordot(self._row_roles, table, axes=1), tf.concat(group, 0), axis=2
        )
        absent = self._absent(_REAL)
        if absent is None:
            return bias_of(masked)
        is_absent = absent / ABSENT
        return bias_of(tf.maximum(masked, is_absent), is_absent) + absent

    def keys_by_role(self, *of_keys, padded):
        """Parts keys, and what belongs to them, into a group for each role.

        Args:
            of_keys: tensors ``[N, B, T, ...]``.
            padded: whether the padding is to be a group, the last one.

        Returns:
            For each group the parts of the tensors, and the bias ``[B, 1, C]`` of places that a
            window does not need, or None.
        """
        count = len(self._roles) if padded else len(self._roles[_REAL])
        if self._sizes is None:
            parted = [[x] * count for x in of_keys]
        else:
            total = sum(self._sizes[:count])
            parted = [tf.split(x[:, :, :total], self._sizes[:count], axis=2) for x in of_keys]
        return list(zip(*parted, self._biases))

    def carries_passage(self, zone):
        """Whether the passage's rows of a layer that masks the zone are those of the trunk."""
        return self.num_passage is not None and not changes_rows(zone, PASSAGE)

    def in_order(self, logits):
        """Sorts ``[B, F, 2]`` back to the order of the tokens, and to the F of Batch."""
        if self.positions is None:
            return logits
        return tf.gather(logits, self._places, batch_dims=1)

    def zones_bias(self, zones, padded):
        """What zones add to the scores of each role's keys.

        Args:
            zones: the names of Z zones; None masks nothing.
            padded: whether the padding is a group.

        Returns:
            ``[B, F, Z, G]`` for G groups. A row whose every token is masked gets zeros, as in
            Batch.bias.
        """
        asked = (*zones, padded)
        if asked not in self._zones_bias:
            roles = self._roles if padded else self._roles[_REAL]
            tables = np.stack([mask_table(zone)[:, roles] for zone in zones], axis=1)
            masked = tf.tensordot(self._row_roles, tf.constant(tables), axes=1)
            masked.set_shape([None, None, *tables.shape[1:]])
            self._zones_bias[asked] = bias_of(masked, self._absent_groups(roles))
        return self._zones_bias[asked]

    @property
    def num_groups(self):
        """How many groups keys are parted into, padding not counted."""
        return len(self._roles[_REAL])

    def _tokens_by_role(self):
        """``[B, roles, F]``, 1 where a row is a token of the role, and no place that stays free."""
        if self._sizes is None:
            is_token = tf.cast(self.input_mask[:, : self.num_rows], tf.float32)
        else:
            absent = self._absent(_REAL)
            count = [tf.shape(self.positions)[0], 1, self.length]
            is_token = tf.ones(count) if absent is None else 1.0 - absent / ABSENT
            is_token = tf.pad(is_token[:, 0], [[0, 0], [0, self.num_rows - self.length]])
        return tf.transpose(self._row_roles * is_token[..., tf.newaxis], [0, 2, 1])

    def rows_of(self, zones):
        """How many of a window's tokens have keys in each of Z zones, int32 ``[B, Z]``."""
        roles = self._roles[_REAL]
        tables = np.stack([mask_table(zone)[:, roles] for zone in zones])
        present = 1.0 - self._absent_groups(roles)[:, 0, 0]
        # [B, Z, roles]
        looks = tf.cast(tf.tensordot(present, tables, [[1], [2]]) > 0, tf.float32)
        counts = tf.reduce_sum(self._tokens_by_role(), axis=2)
        return tf.cast(tf.reduce_sum(looks * counts[:, tf.newaxis], axis=2), tf.int32)

    def weights_of(self, zones, weights):
        """Sums, over the tokens that look in a zone, of what they give to its keys.

        Args:
            zones: the names of Z zones.
            weights: ``[N, B, F, G]``, what each row gives to each group of keys.

        Returns:
            ``[B, N, Z]``.
        """
        num_heads = weights.shape.as_list()[0]
        # [N, B, roles, G]
        of_roles = tf.matmul(tf.stack([self._tokens_by_role()] * num_heads), weights)
        tables = np.stack([mask_table(zone)[:, self._roles[_REAL]] for zone in zones])
        return tf.transpose(tf.tensordot(of_roles, tables, [[2, 3], [1, 2]]), [1, 0, 2])

    def _absent_groups(self, roles):
        """1 where a window has no token of a role, ``[B, 1, 1, G]``; padding is no token."""
        absent = [
            tf.reduce_all(tf.not_equal(self._key_roles, role) | (role == PADDING), axis=1)
            for role in roles
        ]
        return tf.cast(tf.stack(absent, axis=1), tf.float32)[:, tf.newaxis, tf.newaxis]


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
