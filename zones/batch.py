"""A batch of windows as the model reads it: its tensors, who may look at whom, and by which order.

The letters in the shapes are those of modeling.py.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from modeling import shape_of
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

# Added to the scores of keys that are no tokens of their group. It is far below MASKED, so that a
# group whose tokens are all masked still outweighs one that has none, and in the range of float16.
ABSENT = 3 * MASKED


class Windows:
    """A batch of windows in the order of their tokens.

    Args:
        input_ids, segment_ids, token_roles: int32 ``[B, T]``.
        input_mask: int32 ``[B, T]``, 1 on tokens and 0 on padding.
        static_shapes: keep every length T, as a TPU needs.
        score_padding: whether the logits of padded positions are wanted, up to T.

    Attributes:
        positions: int32 ``[B, T]``, where in its window each token stands; None is in order.
        num_rows: F, for how many positions there will be logits.
        num_keys: K, how many of them, the first ones, are keys: the L tokens of the longest window
            (T for static shapes).
        padding_bias: what is added to the scores of keys that are not there, ``[B, 1, K]``; or None
            if all are.
    """

    positions = None

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
        self.token_roles = token_roles
        self.static_shapes = static_shapes
        self.score_padding = score_padding
        self.batch_size, max_length = shape_of(input_ids)
        self.num_keys = max_length
        if not static_shapes:
            self.num_keys = tf.reduce_max(tf.reduce_sum(input_mask, axis=1))
        self.num_rows = max_length if score_padding else self.num_keys
        # [B, T]
        self.key_roles = tf.where_v2(tf.cast(input_mask, tf.bool), token_roles, PADDING)
        self.padding_bias = None
        # A batch of one window is as long as that window: there is no key to mask.
        if static_shapes or self.batch_size != 1:
            padding = 1.0 - tf.cast(input_mask[:, : self.num_keys], tf.float32)
            self.padding_bias = MASKED * padding[:, tf.newaxis]

    def zone_bias(self, zone):
        """What a zone adds to the scores, padding included: ``[B, F, K]``.

        None where the zone sees the padding, and so all T keys. A row whose every key is masked
        keeps the softmax of its raw scores. Adding the same number to a whole row does that in
        theory only: in float32 it costs the scores three decimals, and in bfloat16 all of them. So
        such a row gets zeros. (No zone that is offered masks [CLS] as a key, so that only other
        windows and other zones have such rows.)
        """
        if sees_padding(zone):
            return None
        rows = tf.one_hot(self.token_roles[:, : self.num_rows], NUM_ROLES)
        keys = tf.one_hot(self.key_roles[:, : self.num_keys], NUM_ROLES + 1)
        # Rows [B, F, 3] x table [3, 4] x keys [B, 4, K]: each pair of roles has its entry.
        masked = tf.matmul(
            tf.tensordot(rows, tf.constant(mask_table(zone)), axes=1), keys, transpose_b=True
        )
        return _without_constant(masked)


def _without_constant(masked):
    """0 and 1 to what is added to scores, of which a row may be all ones (see zone_bias)."""
    return MASKED * (masked - tf.reduce_min(masked, axis=-1, keepdims=True))


# The groups of keys that zones tell apart, in the order in which WindowsByRole sorts them.
_KEY_ROLES = (PASSAGE, OTHER, QUESTION, PADDING)
_REAL = slice(3)


class WindowsByRole:
    """The same batch with its tokens sorted by role: passage, others, question, and then padding.

    Attention does not see the order of the tokens (their positions are in their embeddings), and
    sorted so, the keys of each role stand together. For example, a window with the roles
    ``0 1 1 0 2 2 2 0`` and two padded tokens has its tokens in the order ``4 5 6 0 3 7 1 2 8 9``.

    Where windows differ, each role has as many places as in the window that has most. Places that
    stay free repeat some other token, and are masked as keys; so F, K and T, which count places
    here, may be larger than those of Windows. On a TPU, where shapes are static, the order is left
    as it is, and the keys of each role are all T, the others masked.

    Attributes:
        input_ids, segment_ids, token_roles, positions, num_rows, num_keys, padding_bias: as those
            of Windows, in the new order; num_keys is how many places are not padding.
        num_passage: how many rows, the first ones, are passage; None for static shapes, where this
            cannot be known.
        padding_apart: whether the padding's rows come behind the F rows that logits are wanted of.
        other_keys_bias: the padding_bias of the keys that are not passage; not for static shapes.
    """

    def __init__(self, windows):
        self._windows = windows
        if windows.static_shapes:
            self._keep_order(windows)
        else:
            self._sort(windows)
        self._row_roles = tf.one_hot(self.token_roles[:, : self.num_rows], NUM_ROLES)

    def _keep_order(self, windows):
        self.input_ids, self.segment_ids = windows.input_ids, windows.segment_ids
        self.token_roles, self.positions = windows.token_roles, None
        self.num_rows, self.num_keys = windows.num_rows, windows.num_keys
        self.padding_bias, self.num_passage = windows.padding_bias, None
        self.padding_apart = False
        self._sizes = None
        self._biases = [_bias_of(tf.not_equal(windows.key_roles, role)) for role in _KEY_ROLES]

    def _sort(self, windows):
        orders, self._sizes, self._biases, self._places = [], [], [], 0
        first = 0
        for role in _KEY_ROLES:
            chosen = tf.equal(windows.key_roles, role)
            # [B, C], C being how many places the role has.
            order = _numbers_where(chosen)
            orders.append(order)
            self._sizes.append(tf.shape(order)[1])
            # Of a chosen token: how many there are before it.
            place = first - 1 + tf.cumsum(tf.cast(chosen, tf.int32), axis=1)
            if role != PADDING or windows.score_padding:
                self._places += tf.where_v2(chosen, place, 0)
            first += self._sizes[-1]
            if windows.batch_size != 1:
                self._biases.append(_bias_of(~tf.gather(chosen, order, batch_dims=1)))
        self.positions = tf.concat(orders, axis=1)
        self.input_ids, self.segment_ids, self.token_roles = (
            tf.gather(x, self.positions, batch_dims=1)
            for x in (windows.input_ids, windows.segment_ids, windows.token_roles)
        )
        self.num_passage, *others, num_padding = self._sizes
        self.num_keys = self.num_passage + sum(others)
        self.num_rows = self.num_keys + (num_padding if windows.score_padding else 0)
        self.padding_apart = not windows.score_padding
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
        """Sorts ``[B, F, 2]`` back to the order of the tokens, and to the F of Windows."""
        if self.positions is None:
            return logits
        return tf.gather(logits, self._places[:, : self._windows.num_rows], batch_dims=1)

    def zones_bias(self, zones, padded):
        """What zones add to the scores of each role's keys.

        Args:
            zones: the names of Z zones; None masks nothing.
            padded: whether the padding is a group.

        Returns:
            ``[B, F, Z, G]`` for G groups. A row whose every group is masked gets zeros, as in
            Windows.zone_bias.
        """
        roles = _KEY_ROLES if padded else _KEY_ROLES[_REAL]
        tables = np.stack([mask_table(zone)[:, roles] for zone in zones], axis=1)
        masked = tf.tensordot(self._row_roles, tf.constant(tables), axes=1)
        masked.set_shape([None, None, *tables.shape[1:]])
        return _without_constant(masked)


def _bias_of(absent):
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
