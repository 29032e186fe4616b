"""From logits to answers' positions: what may be an answer, the loss, and the best positions.

The letters in the shapes are those of modeling.py.
"""

import tensorflow.compat.v1 as tf

from modeling import shape_of
from spans.answers import Candidates
from zones.masks import MASKED, PASSAGE

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


def within_passage(logits, token_roles):
    """CMRC 2018's rule: logits limited to the passage and [CLS], after a log-softmax.

    The published reader adds -10000 outside the passage and [CLS], question and padding included,
    and trains on and decodes by log-probabilities over the window. So the scores of two windows of
    a question compare otherwise than their logits do, and padding has no say.

    Args:
        logits: float32 ``[..., B, F, 2]``, of windows whose position 0 is [CLS].
        token_roles: int32 ``[B, at least F]``, as zones.masks numbers them.

    Returns:
        float32 ``[..., B, F, 2]``.
    """
    # [B, F]
    allowed = tf.equal(token_roles[:, : shape_of(logits)[-2]], PASSAGE)
    allowed = tf.concat([tf.ones_like(allowed[:, :1]), allowed[:, 1:]], axis=1)
    outside = MASKED * (1.0 - tf.cast(allowed, logits.dtype))
    return tf.nn.log_softmax(logits + outside[:, :, tf.newaxis], axis=-2)


def limited(logits, batch, limits_spans, score_padding):
    """What answers are picked by and trained on.

    Args:
        logits: ``[..., B, F, 2]``.
        batch: the zones.batch.Batch that was read.
        limits_spans: whether the data set has CMRC 2018's rule.
        score_padding: whether padded positions compete as the published code lets them.

    Returns:
        The logits, limited to where an answer may start or end.
    """
    if limits_spans:
        return within_passage(logits, batch.token_roles)
    return logits if score_padding else without_padding(logits, batch.input_mask)


def span_loss(logits, start_positions, end_positions):
    """The mean cross entropy of the start and of the end (Devlin et al., 2019, section 4.2).

    Args:
        logits: ``[B, F, 2]``; or log-probabilities, which a softmax leaves as they are.
        start_positions, end_positions: int32 ``[B]``; 0, which is [CLS], where the window does
            not hold the answer.
    """
    losses = [
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=positions, logits=logits[:, :, side])
        for side, positions in enumerate((start_positions, end_positions))
    ]
    return (tf.reduce_mean(losses[0]) + tf.reduce_mean(losses[1])) / 2.0


def best_positions(logits, n_best_size):
    """The best starts and ends of every window and cell.

    ``tf.nn.top_k`` breaks ties toward the lower index, as answer picking wants it.

    Args:
        logits: ``[C, B, F, 2]``, for C cells; see limited.
        n_best_size: how many to take, n.

    Returns:
        Candidates of tensors: four ``[B, C, n]``, two ``[B, C]``.
    """
    # [B, C, 2, F]
    logits = tf.transpose(logits, [1, 0, 3, 2])
    # A batch of very short windows may have fewer than n tokens.
    lacking = tf.maximum(0, n_best_size - tf.shape(logits)[3])
    reachable = tf.pad(
        logits, [[0, 0], [0, 0], [0, 0], [0, lacking]], constant_values=2 * UNREACHABLE
    )
    best, index = tf.nn.top_k(reachable, n_best_size)
    return Candidates(
        start_index=index[:, :, 0],
        start_logit=best[:, :, 0],
        end_index=index[:, :, 1],
        end_logit=best[:, :, 1],
        null_start=logits[:, :, 0, 0],
        null_end=logits[:, :, 1, 0],
    )
