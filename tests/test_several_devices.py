"""Training shared by several devices: the same model as one device makes, batch for batch."""

import functools
import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import runtime
from tests import small

DEVICES = ["/cpu:0", "/cpu:1"]


@pytest.fixture
def two_devices(monkeypatch):
    """Makes training take this CPU for two devices, as it would two GPUs."""
    one = runtime.session_config

    def session_config(*arguments):
        config = one(*arguments)
        config.device_count["CPU"] = len(DEVICES)
        return config

    monkeypatch.setattr(runtime, "_gpus", lambda: [8.0] * len(DEVICES))
    mirrored = functools.partial(tf.distribute.MirroredStrategy, DEVICES)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", mirrored)
    monkeypatch.setattr(runtime, "session_config", session_config)


def weights(folder):
    stored = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder)))
    return {name: stored.get_tensor(name) for name in stored.get_variable_to_shape_map()}


def train(small_files, small_model, out, **more):
    start = tf.train.latest_checkpoint(str(small_model))
    # 24 questions in batches of 4: 4 steps.
    flags = dict(do_train=True, init_checkpoint=start, learning_rate=1e-3, **more)
    flags.update(num_train_epochs=0.67)
    return small.run(small_files, out, **flags)


def test_two_devices_train_the_model_that_one_trains(
    small_files, small_model, tmp_path, request, capsys
):
    assert train(small_files, small_model, tmp_path / "one") == 0
    request.getfixturevalue("two_devices")
    capsys.readouterr()
    assert train(small_files, small_model, tmp_path / "two") == 0
    assert "2 GPUs share each batch: 2 windows each" in capsys.readouterr().err
    start, one, two = map(weights, (small_model, tmp_path / "one", tmp_path / "two"))
    assert set(one) == set(two)
    assert one["global_step"] == two["global_step"] == 4
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=2e-5, err_msg=name)
    moved = max(np.abs(one[name] - start[name]).max() for name in one if "adam" not in name)
    assert moved > 1e-3


def test_a_batch_that_cannot_be_shared_evenly_is_refused(
    small_files, tmp_path, two_devices, capsys
):
    flags = dict(do_train=True, train_batch_size=5)
    assert small.run(small_files, tmp_path / "model", **flags) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "--train_batch_size: 5" in line and "2 GPUs" in line


@pytest.mark.parametrize(
    "described, expected",
    [
        (
            {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}},
            "several",
        ),
        ("nonsense", "not a description"),
    ],
)
def test_several_machines_are_refused(
    small_files, tmp_path, monkeypatch, capsys, described, expected
):
    monkeypatch.setenv("TF_CONFIG", json.dumps(described))
    assert small.run(small_files, tmp_path / "model", do_train=True) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "TF_CONFIG" in line and expected in line
