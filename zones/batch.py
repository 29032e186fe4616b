"""A batch of windows as tensors, and what a zone adds to the attention scores in it.

The letters in the shapes are those of modeling.py.
"""

import tensorflow.compat.v1 as tf

from modeling import shape_of
from zones.masks import (
    CLS,
    MASKED,
    NUM_ROLES,
    OTHER,
    PADDING,
    SEP,
    mask_table,
    sees_padding,
    tells_specials_apart,
)


class Batch:
    """A batch of windows in the order of their tokens.

    A window comes padded to T, but nobody looks at a padded key, nor needs a padded row. So unless
    told otherwise, the model reads the first L tokens only, L being the length of the longest
    window.

    Args:
        input_ids, segment_ids, token_roles: int32 ``[B, T]``.
        input_mask: int32 ``[B, T]``, 1 on tokens and 0 on padding.
        static_shapes: keep every length T, as a TPU needs.
        score_padding: whether the logits of padded positions are wanted, up to T.

    Attributes:
        batch_size: B; a number where it is known, else a scalar tensor.
        length: L (T for static shapes).
        num_rows: F, for how many positions there will be logits: L, or T for score_padding.
        key_roles: int32 ``[B, T]``, token_roles with masks.PADDING on padding.
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
        self.token_roles = token_roles
        self.static_shapes = static_shapes
        self.score_padding = score_padding
        self.batch_size, max_length = shape_of(input_ids)
        self.length = max_length
        if not static_shapes:
            self.length = tf.reduce_max(tf.reduce_sum(input_mask, axis=1))
        self.num_rows = max_length if score_padding else self.length
        self.key_roles = self.with_padding(token_roles)

    def with_padding(self, token_roles):
        """Roles ``[B, T]`` with masks.PADDING on padding."""
        return tf.where_v2(tf.cast(self.input_mask, tf.bool), token_roles, PADDING)

    def special_roles(self):
        """token_roles with masks.CLS and masks.SEP in place of OTHER, ``[B, T]``.

        The first token is [CLS]; what is special behind it in the first segment stands between
        question and passage. (Windows have their segments whether the model reads them or not.)
        """
        is_first = tf.equal(tf.range(shape_of(self.token_roles)[1]), 0)[tf.newaxis]
        is_special = tf.equal(self.token_roles, OTHER) & tf.cast(self.input_mask, tf.bool)
        is_between = is_special & tf.equal(self.segment_ids, 0)
        apart = tf.where_v2(is_between, SEP, self.token_roles)
        return tf.where_v2(is_special & is_first, CLS, apart)

    def num_keys(self, zone):
        """K, how many tokens, the first ones, are keys in a layer that masks the zone.

        Returns:
            L; or None, which is all T, where the zone looks at padding.
        """
        return None if sees_padding(zone) else self.length

    def bias(self, zone, heads=None):
        """What is added to the scores of a layer in which a zone is masked, padding included.

        A row whose every key is masked keeps the softmax of its raw scores. Adding the same number
        to a whole row does that in theory only: in float32 it costs the scores three decimals, and
        in bfloat16 all of them. So such a row gets zeros. (No zone of the protocol masks [CLS] as
        a key, so that only other windows and other zones have such rows.)

        Args:
            zone: its name; None masks nothing but padding.
            heads: float32 ``[N]``, 1 for the heads in which the zone is masked; None is all.

        Returns:
            ``[B, 1 or F, K]``; with heads, ``[N, B, 1 or F, K]``; or None where nothing is added.
        """
        if zone is None:
            return self._padding_bias(self.length)
        masked = None if sees_padding(zone) else self._zone_bias(zone)
        if heads is None:
            return masked
        return for_heads(heads, masked, self._padding_bias(self.num_keys(zone)))

    def _padding_bias(self, num_keys):
        # A batch of one window is as long as that window: there is no padding among its L keys.
        if num_keys is not None and not self.static_shapes and self.batch_size == 1:
            return None
        padding = 1.0 - tf.cast(self.input_mask[:, :num_keys], tf.float32)
        return MASKED * padding[:, tf.newaxis]

    def _zone_bias(self, zone):
        token_roles, key_roles = self.token_roles, self.key_roles
        if tells_specials_apart(zone):
            token_roles = self.special_roles()
            key_roles = self.with_padding(token_roles)
        rows = tf.one_hot(token_roles[:, : self.num_rows], NUM_ROLES)
        keys = tf.one_hot(key_roles[:, : self.length], NUM_ROLES)
        # Rows [B, F, roles] x table [roles, roles] x keys [B, roles, K]: each pair has its entry.
        table = tf.constant(mask_table(zone))
        masked = tf.matmul(tf.tensordot(rows, table, axes=1), keys, transpose_b=True)
        return bias_of(masked, keys[:, tf.newaxis, :, PADDING])


def bias_of(masked, absent=None):
    """1 where a look is forbidden and 0 elsewhere, ``[..., K]`` -> what is added to the scores.

    A row of ones becomes a row of zeros, but where keys are absent; see Batch.bias.

    Args:
        absent: 1 on keys that are none, such as padding, and 0 elsewhere; broadcasts to ``masked``.
            None is all 0.
    """
    if absent is None:
        return MASKED * (masked - tf.reduce_min(masked, axis=-1, keepdims=True))
    least = tf.reduce_min(tf.maximum(masked, absent), axis=-1, keepdims=True)
    return MASKED * (masked - least * (1.0 - absent))


def for_heads(heads, masked, others):
    """One bias for some heads and another for the rest: ``[N, B, 1 or F, K]``.

    Args:
        heads: float32 ``[N]``, 1 for the heads of the first one.
        masked, others: ``[B, 1 or F, K]``; None adds nothing.
    """
    chosen = tf.reshape(heads, [-1, 1, 1, 1])
    shares = ((chosen, masked), (1.0 - chosen, others))
    added = [share * bias for share, bias in shares if bias is not None]
    return sum(added) if added else None
