"""Training shared by devices or machines: the same model as one makes, batch for batch."""

import contextlib
import functools
import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from running import machines
from tests.support import small

pytestmark = pytest.mark.slow

DEVICES = ["/cpu:0", "/cpu:1"]


@pytest.fixture
def two_devices(monkeypatch):
    """Makes training take this CPU for two devices, as it would two GPUs."""
    one = machines.session_config

    def session_config(*arguments):
        config = one(*arguments)
        config.device_count["CPU"] = len(DEVICES)
        return config

    monkeypatch.setattr(machines, "gpus", lambda: [8.0] * len(DEVICES))
    mirrored = functools.partial(tf.distribute.MirroredStrategy, DEVICES)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", mirrored)
    monkeypatch.setattr(machines, "session_config", session_config)


def weights(folder):
    stored = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder)))
    return {name: stored.get_tensor(name) for name in stored.get_variable_to_shape_map()}


def training_flags(small_model, **more):
    start = tf.train.latest_checkpoint(str(small_model))
    # 24 questions in batches of 4: 4 steps.
    return dict(
        do_train=True, init_checkpoint=start, learning_rate=1e-3, num_train_epochs=0.67, **more
    )


def train(small_files, small_model, out, **more):
    return small.run(small_files, out, **training_flags(small_model, **more))


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


# Several machines -------------------------------------------------------------------------------


def free_addresses(count):
    """Addresses that nobody listens on, as far as one can know."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return ["localhost:%d" % one.getsockname()[1] for one in sockets]


def tf_config(addresses, index):
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": addresses}, "task": task})


def test_two_machines_train_the_model_that_one_trains(small_files, small_model, tmp_path):
    assert train(small_files, small_model, tmp_path / "one", do_predict=True) == 0
    addresses, together = free_addresses(2), tmp_path / "two"
    flags = training_flags(small_model, do_predict=True)
    command = [sys.executable, "run_squad.py", *small.flags(small_files, together, **flags)]
    processes = [
        subprocess.Popen(
            command,
            env=dict(os.environ, TF_CONFIG=tf_config(addresses, index)),
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
        for index in range(2)
    ]
    try:
        first, second = (process.communicate(timeout=120)[1] for process in processes)
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], first + second
    assert "2 machines share each batch: 2 windows each" in first
    assert "machine 2 of 2: the first one decodes" in second
    one, two = map(weights, (tmp_path / "one", together))
    assert set(one) == set(two) and two["global_step"] == 4
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=2e-5, err_msg=name)
    assert read_predictions(together) == read_predictions(tmp_path / "one")
    # No machine leaves its windows or its copies of the model behind.
    left = {path.name for path in together.iterdir()}
    assert not [name for name in left if name.startswith(("tmp", "train"))]


def read_predictions(folder):
    return json.loads((folder / "predictions.json").read_text())


@pytest.mark.parametrize(
    "described, expected",
    [
        ("nonsense", "does not name the machines"),
        ('["a:1", "b:1"]', "does not name the machines"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "does not name the machines"),
        (tf_config(["a:1", "b:1"], 2), "worker 2"),
        (tf_config(["a:1", "b:1"], 0).replace("worker", "ps"), '"ps"'),
        (tf_config(["a:1", "b:1", "c:1"], 0), "--train_batch_size: 4"),
    ],
)
def test_machines_that_cannot_train_together_are_refused(
    small_files, tmp_path, monkeypatch, capsys, described, expected
):
    monkeypatch.setenv("TF_CONFIG", described)
    assert small.run(small_files, tmp_path / "model", do_train=True) == 2
    assert expected in capsys.readouterr().err.splitlines()[-1]
