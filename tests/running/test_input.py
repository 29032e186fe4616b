"""Windows on disk and the batches made of them."""

import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from running import input as records

tf.disable_v2_behavior()

LENGTH = 40


def window(number, length):
    """A made-up window: its token ids tell its number and the position."""
    return types.SimpleNamespace(
        length=length,
        input_ids=[100 * number + position for position in range(length)],
        segment_ids=[position % 2 for position in range(length)],
        token_roles=[position % 3 for position in range(length)],
        start_position=number % 5,
        end_position=number % 7,
    )


def numbers(batch):
    """The numbers of a batch's windows."""
    return batch["input_ids"][:, 0] // 100


@pytest.fixture
def windows(tmp_path):
    """The path of 60 training windows of 5 to 40 tokens, and their lengths."""
    lengths = np.random.RandomState(0).randint(5, LENGTH + 1, 60)
    features = [window(number + 1, length) for number, length in enumerate(lengths)]
    path = str(tmp_path / "windows.tf_record")
    records.write_records(path, features, is_training=True)
    return path, lengths.tolist()


def batches(input_fn, count, batch_size=4):
    with tf.Graph().as_default(), tf.Session() as session:
        batch = tf.data.make_one_shot_iterator(input_fn(batch_size)).get_next()
        return [session.run(batch) for _ in range(count)]


def training_batches(windows, count, seed=1, steps_done=0, static_shapes=False):
    path, lengths = windows
    return batches(
        records.training_input_fn(path, LENGTH, lengths, seed, steps_done, static_shapes), count
    )


def test_a_window_is_read_as_it_was_written(windows):
    path, lengths = windows
    found = batches(records.prediction_input_fn(path, LENGTH), 4, batch_size=1)[3]
    in_memory = records.padded([window(4, lengths[3])], LENGTH)
    assert set(found) == set(in_memory)
    for name in found:
        np.testing.assert_array_equal(found[name], in_memory[name])
    expected, length = window(4, lengths[3]), lengths[3]
    for name in ("input_ids", "segment_ids", "token_roles"):
        assert found[name][0, :length].tolist() == getattr(expected, name)
        assert not found[name][0, length:].any()
    assert found["input_mask"][0].tolist() == [1] * length + [0] * (LENGTH - length)
    assert numbers(found).tolist() == [4]
    assert "start_position" not in found


def test_positions_are_read_in_training(windows):
    for batch in training_batches(windows, 5):
        for number, start, end in zip(
            numbers(batch), batch["start_position"], batch["end_position"]
        ):
            assert (start, end) == (number % 5, number % 7)


def test_training_batches_group_windows_of_similar_length(windows):
    spreads = [np.ptp(b["input_mask"].sum(axis=1)) for b in training_batches(windows, 60)]
    mixed = [
        np.ptp(b["input_mask"].sum(axis=1))
        for b in training_batches(windows, 60, static_shapes=True)
    ]
    assert max(spreads) <= 12 and np.mean(spreads) < 0.5 * np.mean(mixed)


def test_every_window_is_trained_on_about_equally_often(windows):
    # 75 batches of 4 are five times through 60 windows.
    seen = np.concatenate([numbers(batch) for batch in training_batches(windows, 75)])
    counts = np.bincount(seen, minlength=61)[1:]
    assert counts.min() >= 4 and counts.max() <= 6


def test_the_seed_decides_the_order_and_a_stop_does_not_change_it(windows):
    order = [numbers(batch).tolist() for batch in training_batches(windows, 30)]
    again = [numbers(batch).tolist() for batch in training_batches(windows, 30)]
    rest = [numbers(b).tolist() for b in training_batches(windows, 20, steps_done=10)]
    other = [numbers(batch).tolist() for batch in training_batches(windows, 30, seed=2)]
    assert order == again
    assert order[10:] == rest
    assert order != other


@pytest.mark.parametrize("is_training", [True, False])
def test_batches_for_a_tpu_are_static(windows, is_training):
    path, lengths = windows
    if is_training:
        input_fn = records.training_input_fn(path, LENGTH, lengths, 1, 0, static_shapes=True)
    else:
        input_fn = records.prediction_input_fn(path, LENGTH)
    with tf.Graph().as_default():
        shapes = tf.data.get_output_shapes(input_fn(8))
        assert shapes["input_ids"].as_list() == [8, LENGTH]
        assert shapes["token_roles"].as_list() == [8, LENGTH]
