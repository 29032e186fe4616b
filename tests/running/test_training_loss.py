"""The loss of training, with the padding left out and with it, against a naive reader."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from running import input as records
from running import training
from tests.support.naive import CONFIG, load, naive_logits, random_weights, random_windows
from zones.cells import BASELINE

tf.disable_v2_behavior()

LENGTH = 20
NO_DROPOUT = dataclasses.replace(CONFIG, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def loss_of(features, weights, score_padding, monkeypatch):
    monkeypatch.setattr(training.optimization, "make_train_op", lambda *_: (tf.no_op(), None))
    with tf.Graph().as_default(), tf.Session() as session:
        step = training.make_step(NO_DROPOUT, False, score_padding, 1.0, 10, 1)
        loss, _ = step({name: tf.constant(array) for name, array in features.items()})
        load(weights, session)
        return session.run(loss)


def naive_loss(features, weights, score_padding):
    """The mean over windows and sides of -log softmax(logits)[right position], in float64."""
    losses = []
    names = ("input_ids", records.INPUT_MASK, "segment_ids", "token_roles")
    for number, mask in enumerate(features[records.INPUT_MASK]):
        window = [features[name][number] for name in names]
        logits = naive_logits(weights, NO_DROPOUT, window, BASELINE)
        if not score_padding:
            logits = logits[: mask.sum()]
        for side, name in enumerate(("start_position", "end_position")):
            powers = np.exp(logits[:, side])
            losses.append(-np.log(powers[features[name][number]] / powers.sum()))
    return np.mean(losses)


@pytest.mark.parametrize("score_padding", [False, True])
def test_the_loss_is_that_of_a_plain_computation(score_padding, monkeypatch):
    # No window is as long as the padding, which the published code computes all the same.
    ids, mask, segments, roles = random_windows([6, 9, 13, 17], LENGTH, CONFIG.vocab_size)
    features = {
        "input_ids": ids,
        records.INPUT_MASK: mask,
        "segment_ids": segments,
        "token_roles": roles,
        "start_position": np.array([0, 2, 5, 11], np.int32),
        "end_position": np.array([0, 4, 5, 15], np.int32),
    }
    weights = random_weights(NO_DROPOUT)
    found = loss_of(features, weights, score_padding, monkeypatch)
    assert found == pytest.approx(naive_loss(features, weights, score_padding), abs=1e-4)
    # The two are not one and the same.
    assert abs(found - naive_loss(features, weights, not score_padding)) > 0.05
