"""Where an answer may start and end in CMRC 2018: at passage tokens, or nowhere at [CLS]."""

import tensorflow.compat.v1 as tf

from modeling import shape_of
from zones.masks import MASKED, PASSAGE


def log_probabilities(logits, token_roles):
    """The logits of starting and ending, limited to what can be an answer, after a log-softmax.

    The published reader adds -10000 outside the passage and [CLS], question and padding included,
    and trains on and decodes by log-probabilities over the window. So the scores of two windows of
    a question compare otherwise than their logits do, and padding has no say.

    Args:
        logits: float32 ``[..., B, F, 2]``, of windows whose position 0 is [CLS].
        token_roles: int32 ``[B, at least F]``, as attention_zones numbers them.

    Returns:
        float32 ``[..., B, F, 2]``.
    """
    # [B, F]
    allowed = tf.equal(token_roles[:, : shape_of(logits)[-2]], PASSAGE)
    allowed = tf.concat([tf.ones_like(allowed[:, :1]), allowed[:, 1:]], axis=1)
    outside = MASKED * (1.0 - tf.cast(allowed, logits.dtype))
    return tf.nn.log_softmax(logits + outside[:, :, tf.newaxis], axis=-2)
