"""Training and decoding by sessions: equal to TPUEstimator's, stopped gently, on any cores."""

import functools
import os
import shutil
import signal
import threading
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import tokenization
from common.command_line import UserError
from modeling import BertConfig
from running import decoding, estimator, loop, machines, training
from running import input as records
from spans import data_sets
from spans.windows import make_windows
from tests.support import small
from zones.cells import BASELINE, Cell, cells_of

SECONDS = 300
LENGTH = 32
SIZES = dict(max_seq_length=LENGTH, doc_stride=12, max_query_length=8)


def weights(folder):
    stored = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder)))
    return {name: stored.get_tensor(name) for name in stored.get_variable_to_shape_map()}


def windows_of(small_files, is_training):
    examples = data_sets.read_examples(
        "squad", str(small_files.data), is_training, False, "file", lambda line: None
    )
    vocabulary = tokenization.load_vocabulary(str(small_files.vocab))
    tokenizer = tokenization.Tokenizer(vocabulary, False)
    return make_windows(examples, tokenizer, is_training=is_training, **SIZES)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}


# Beside TPUEstimator ----------------------------------------------------------------------------


@pytest.fixture
def tpu(monkeypatch):
    """A Tpu that is this CPU, without its sums over all of its cores."""
    if not hasattr(tf, "estimator"):
        pytest.skip("TensorFlow %s has no TPUEstimator" % tf.__version__)
    on_cpu = functools.partial(_on_cpu, tf.estimator.tpu.TPUEstimator)
    monkeypatch.setattr(tf.estimator.tpu, "TPUEstimator", on_cpu)
    monkeypatch.setattr(tf.tpu, "CrossShardOptimizer", lambda optimizer: optimizer)
    return estimator.Tpu(None, None, None, None, num_cores=1, iterations_per_loop=2)


def _on_cpu(estimator_class, use_tpu, **more):
    assert use_tpu
    return estimator_class(use_tpu=False, **more)


def test_training_gives_the_weights_of_tpu_estimator(tpu, small_files, small_model, tmp_path):
    """With a TPU's static shapes, from one start, window for window."""
    path = str(tmp_path / "windows.tf_record")
    windows = windows_of(small_files, is_training=True)
    records.write_records(path, windows, is_training=True)
    config = BertConfig.from_file(str(small_files.config))
    start = tf.train.latest_checkpoint(str(small_model))
    job = loop.Training(
        step=training.make_step(config, False, False, 1e-3, 6, 1, on_tpu=True),
        input_fn=records.training_input_fn(
            path, LENGTH, [len(w.input_ids) for w in windows], 1, 0, static_shapes=True
        ),
        batch_size=8,
        num_steps=6,
        output_dir=None,
        save_every=4,
        seed=1,
        hooks=[],
        mixed_precision=False,
        start=start,
        names={v: v for v in weights(small_model) if "adam" not in v and v != "global_step"},
    )
    loop.train(job._replace(output_dir=str(tmp_path / "loop")), None, machines.Machine())
    estimator.train(job._replace(output_dir=str(tmp_path / "tpu")), tpu)
    ours, theirs = weights(tmp_path / "loop"), weights(tmp_path / "tpu")
    before = weights(small_model)
    assert set(ours) == set(theirs)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=1e-5, err_msg=name)
    assert max(np.abs(ours[n] - before[n]).max() for n in ours if n in job.names) > 1e-3
    for folder in ("loop", "tpu"):
        names = {p.name for p in (tmp_path / folder).iterdir() if "tfevents" not in p.name}
        assert names == {
            "checkpoint",
            "graph.pbtxt",
            *("model.ckpt-%d.%s" % (step, end) for step in (0, 4, 6) for end in ENDINGS),
        }
    ours, theirs = ((tmp_path / f / "checkpoint").read_text() for f in ("loop", "tpu"))
    assert ours == theirs


ENDINGS = ("data-00000-of-00001", "index", "meta")


def test_decoding_gives_the_answers_of_tpu_estimator(tpu, small_files, small_model, tmp_path):
    windows = windows_of(small_files, is_training=False)
    reading = decoding.Reading(
        config=BertConfig.from_file(str(small_files.config)),
        checkpoint=tf.train.latest_checkpoint(str(small_model)),
        cells=(BASELINE, *cells_of(2), Cell(None, "q2")),
        max_seq_length=LENGTH,
        limits_spans=False,
        score_padding=False,
        n_best=3,
        batch_size=8,
        variants_at_once=16,
        mixed_precision=False,
    )
    path = str(tmp_path / "windows.tf_record")
    found = []
    for decoded in (
        decoding.decode_here(reading, windows, threads=2),
        decoding.decode_on_tpu(reading, windows, tpu, path),
    ):
        arrays = {}
        for first, end, results in decoded:
            for name, array in results.items():
                shape = (len(windows), *array.shape[1:])
                arrays.setdefault(name, np.full(shape, -1, array.dtype))[first:end] = array
        found.append(arrays)
    here, there = found
    assert set(here) == set(there)
    for name in here:
        np.testing.assert_allclose(here[name], there[name], rtol=0, atol=1e-4, err_msg=name)
    assert here["start_index"].shape == (len(windows), len(reading.cells), 3)
    assert not os.path.exists(path)


def test_a_tpu_where_there_is_no_estimator_is_refused(monkeypatch):
    monkeypatch.setattr(estimator, "tf", type("TensorFlow", (), {"__version__": "2.99"}))
    with pytest.raises(UserError, match=r"--use_tpu=True.*2\.99.*make setup RUNTIME=2\.15"):
        estimator.check()


# What a training leaves -------------------------------------------------------------------------


@pytest.mark.slow
def test_three_checkpoints_are_kept_also_after_going_on(small_files, small_model, tmp_path):
    def steps(folder):
        return sorted(int(p.name[11:-6]) for p in folder.glob("model.ckpt-*.index"))

    assert steps(small_model) == [0, 6, 12]
    model = tmp_path / "model"
    shutil.copytree(str(small_model), str(model))
    # 24 questions in batches of 4: 6 steps an epoch.
    more = dict(num_train_epochs=3, save_checkpoints_steps=2)
    assert small.run(small_files, model, do_train=True, **more) == 0
    assert steps(model) == [14, 16, 18]


@pytest.mark.parametrize("save_every", [pytest.param(1, marks=pytest.mark.slow), 1000])
def test_a_rate_that_is_too_high_is_said_at_once(save_every, small_files, tmp_path, capsys):
    """And no checkpoint is made of what it does to the weights."""
    more = dict(learning_rate=1e30, warmup_proportion=0, save_checkpoints_steps=save_every)
    assert small.run(small_files, tmp_path, do_train=True, **more) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "--learning_rate" in line and "at step " in line and "NaN" in line
    assert [path.name for path in tmp_path.glob("model.ckpt-*.index")] == ["model.ckpt-0.index"]
    assert not list(tmp_path.glob("*.tf_record"))


# Several threads --------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_the_number_of_threads_changes_nothing(threads, small_files, small_model, tmp_path):
    sweep = dict(do_sweep=True, write_nbest=True, predict_batch_size=4)
    for name, number in (("one", 1), ("several", threads)):
        where = dict(prediction_dir=tmp_path / name, threads=number)
        assert small.run(small_files, small_model, **sweep, **where) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "several")
    assert len(contents(tmp_path / "one")) == 22


def test_as_many_are_at_work_as_there_are_threads_and_no_more():
    running, most = [], []
    lock, all_there = threading.Lock(), threading.Barrier(3)

    def work(item):
        with lock:
            running.append(item)
            most.append(len(running))
        all_there.wait(timeout=SECONDS)
        with lock:
            running.remove(item)
        return 10 * item

    found = dict(loop.side_by_side(work, range(12), threads=3))
    assert found == {number: 10 * number for number in range(12)}
    assert max(most) == 3


def test_what_a_thread_raises_ends_the_work():
    def fail_at_three(item):
        if item == 3:
            raise UserError("three")
        return item

    with pytest.raises(UserError, match="three"):
        list(loop.side_by_side(fail_at_three, range(100), threads=2))


def test_a_control_c_lets_what_is_at_work_finish():
    started = []

    def work(item):
        started.append(item)
        if len(started) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        return item

    found, handler = [], signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        for number, result in loop.side_by_side(work, range(1000), threads=2):
            assert number == result
            found.append(result)
    assert sorted(found) == sorted(started)
    assert len(found) < 10
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize(
    "kind, message, told",
    [
        (
            "ResourceExhaustedError",
            "/o/x; No space left on device",
            "--there: cannot write /o/x; No",
        ),
        (
            "OutOfRangeError",
            "Graph error:\n\n/o/x; File too large\n\t [[s]]",
            "--there: cannot write /o/x; File",
        ),
        ("PermissionDeniedError", "/o/x; Permission denied", "--there: cannot write /o/x; Perm"),
        ("ResourceExhaustedError", "OOM when allocating", "ran out of memory; lower --size"),
        ("OutOfRangeError", "Read less bytes than requested", "is damaged (Read less bytes"),
    ],
)
def test_what_tensorflow_says_of_disk_and_memory(kind, message, told):
    with pytest.raises(UserError) as refused, loop.errors_explained("size", "--there"):
        raise getattr(tf.errors, kind)(None, None, message)
    assert told in str(refused.value) and "\n" not in str(refused.value)
