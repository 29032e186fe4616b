"""Windows sorted by role: the order, the places that stay free, and the way back."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.support.naive import random_windows
from zones.batch import Batch
from zones.by_role import BatchByRole
from zones.masks import OTHER, PASSAGE, QUESTION

tf.disable_v2_behavior()


def sort(inputs, score_padding=False):
    """The sorted windows of four arrays ``[B, T]``, and a session to evaluate them in."""
    session = tf.Session(graph=tf.Graph())
    with session.graph.as_default():
        batch = Batch(*map(tf.constant, inputs), score_padding=score_padding)
        by_role = BatchByRole(batch)
    return by_role, session


def test_the_order_is_passage_others_question_padding():
    roles = [OTHER, QUESTION, QUESTION, OTHER, PASSAGE, PASSAGE, PASSAGE, OTHER, 0, 0]
    ids = np.arange(10, 20)
    mask = [1] * 8 + [0] * 2
    inputs = [np.array([row], np.int32) for row in (ids, mask, np.zeros(10), roles)]
    by_role, session = sort(inputs)
    positions, sorted_ids = session.run([by_role.positions, by_role.input_ids])
    assert positions.tolist() == [[4, 5, 6, 0, 3, 7, 1, 2, 8, 9]]
    assert (sorted_ids == positions + 10).all()
    assert session.run([by_role.num_passage, by_role.length]) == [3, 8]


@pytest.mark.parametrize("score_padding", [False, True])
def test_every_token_has_one_place_and_comes_back(score_padding):
    lengths = [9, 24, 13, 4]
    inputs = random_windows(lengths, 24, 30)
    by_role, session = sort(inputs, score_padding)
    with session.graph.as_default():
        # Logits that say which token each place holds.
        token = tf.cast(by_role.positions[:, : by_role.num_rows, tf.newaxis], tf.float32)
        back = by_role.in_order(tf.concat([token, -token], axis=-1))
    back, bias, positions = session.run([back, by_role.bias(None), by_role.positions])
    for window, length in enumerate(lengths):
        places = np.flatnonzero(bias[window, 0] == 0)
        assert sorted(positions[window, places]) == list(range(length))
        scored = 24 if score_padding else length
        assert back[window, :scored, 0].tolist() == list(range(scored))
        assert back[window, :scored, 1].tolist() == [-token for token in range(scored)]
