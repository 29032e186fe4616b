"""--mixed_precision: where it is refused, and what it leaves as it was."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from common.command_line import UserError
from running import loop, machines, precision
from tests.support import small
from tests.support.naive import random_windows
from zones import sweep
from zones.batch import Batch
from zones.cells import BASELINE, Cell, cells_of, file_name
from zones.masks import OFFERED_ZONES
from zones.reader import Reader

tf.disable_v2_behavior()


@pytest.fixture(scope="module")
def bfloat16():
    """Skips where this runtime or processor cannot multiply in bfloat16."""
    try:
        machines.check_mixed_precision(do_train=True)
    except UserError as refusal:
        pytest.skip(str(refusal))


# What it computes -----------------------------------------------------------------------------

CONFIG = modeling.BertConfig(
    vocab_size=30,
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=128,
    max_position_embeddings=32,
    initializer_range=0.2,
)


def both_precisions(inputs, cells, **options):
    """Logits ``[cells, B, F, 2]`` of one random reader in float32 and in mixed precision."""
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        reader = Reader(CONFIG)
        inputs = [tf.placeholder_with_default(x, x.shape) for x in inputs]
        batch = Batch(*inputs, **options)
        logits = tf.stack(list(sweep.read_cells(reader, batch, cells).values()))
        read = []
        for mixed in (False, True):
            with tf.Session(config=machines.session_config(mixed)) as session:
                session.run(tf.global_variables_initializer())
                read.append(session.run(logits))
    return read


def test_every_zone_reads_in_mixed_precision_what_it_reads_in_float32(bfloat16):
    inputs = random_windows([32, 24], 32, CONFIG.vocab_size)
    cells = [BASELINE] + cells_of(2, OFFERED_ZONES) + [Cell(None, z) for z in OFFERED_ZONES]
    plain, mixed = both_precisions(inputs, cells)
    real = inputs[1].astype(bool)
    for cell, one, other in zip(cells, plain, mixed):
        difference = np.abs(one - other)[real].max()
        # bfloat16 rounds by up to 0.4 %, some twenty times on the way.
        assert difference < 0.1 * one[real].std(), cell
        if cell != BASELINE:
            assert np.abs(one - plain[0])[real].max() > 2 * difference, cell
    assert np.abs(plain - mixed).max() > 0, "nothing was read in bfloat16"


def test_rows_whose_every_key_is_masked_keep_their_raw_scores(bfloat16):
    """-10000 + a score is -9984 in bfloat16, whatever the score."""
    inputs = random_windows([32, 32], 32, CONFIG.vocab_size)
    inputs[3] = 2
    cells = [BASELINE, Cell(0, "p2"), Cell(None, "p2")]
    plain, mixed = both_precisions(inputs, cells, static_shapes=True)
    spread = plain[0].std()
    for one, other in zip(plain, mixed):
        assert np.abs(other - one).max() < 0.1 * spread
        assert np.abs(one - plain[0]).max() < 1e-3 * spread


@pytest.mark.slow
def test_training_and_decoding_in_mixed_precision(bfloat16, small_files, tmp_path, capsys):
    out = tmp_path / "model"
    mixed = dict(mixed_precision="force", do_sweep=True)
    assert small.run(small_files, out, do_train=True, **mixed) == 0
    stored = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(out)))
    kinds = stored.get_variable_to_dtype_map()
    assert {kinds[name] for name in kinds if name != "global_step"} == {tf.float32}
    for cell in [BASELINE] + cells_of(2):
        assert (out / file_name("predictions", cell)).exists()
    capsys.readouterr()
    small.run(small_files, out, **mixed)
    assert "Nothing is left to decode" in capsys.readouterr().err
    small.run(small_files, out, do_sweep=True)
    assert "Decoded the baseline and 10 cells" in capsys.readouterr().err


# Whether it pays ------------------------------------------------------------------------------


def test_it_is_used_only_where_a_measurement_says_that_it_is_faster(
    bfloat16, small_files, small_model, tmp_path, monkeypatch, capsys
):
    """The same files by another arithmetic are another run, which is decoded again."""
    measured = {"slower": (0.010, 0.012), "faster": (0.012, 0.010)}
    flags = dict(do_predict=True, prediction_dir=tmp_path)
    small.run(small_files, small_model, **flags)
    for word, seconds in measured.items():
        monkeypatch.setattr(precision, "seconds_of_feed_forward", lambda config, s=seconds: s)
        monkeypatch.setattr(loop, "apart", lambda function, *given, **options: function(*given))
        capsys.readouterr()
        assert small.run(small_files, small_model, mixed_precision=True, **flags) == 0
        said = capsys.readouterr().err
        (line,) = [line for line in said.splitlines() if "--mixed_precision" in line]
        assert "%.1f ms in float32 and %.1f in 16 bits" % tuple(1e3 * s for s in seconds) in line
        assert ("force" in line) == (word == "slower")
        assert ("Nothing is left to decode" in said) == (word == "slower")
    capsys.readouterr()
    assert small.run(small_files, small_model, mixed_precision="force", **flags) == 0
    said = capsys.readouterr().err
    assert "ms in float32" not in said and "Nothing is left to decode" in said


def test_the_measurement_is_of_both_arithmetics(bfloat16):
    wide = dataclasses.replace(CONFIG, hidden_size=768, intermediate_size=3072)
    plain, mixed = precision.seconds_of_feed_forward(wide)
    # 9 GFLOP: no processor takes under 0.1 ms for it, or more than 10 s.
    assert 1e-4 < plain < 10 and 1e-4 < mixed < 10
    assert abs(plain - mixed) > 0.02 * plain, "both took the same"


# Where it is refused --------------------------------------------------------------------------


@pytest.fixture
def refused(small_files, small_model, capsys):
    """Runs a decoding with --mixed_precision that must be refused; returns the one line."""

    def run(output_dir=small_model, **more):
        capsys.readouterr()
        flags = dict(mixed_precision=True, do_predict=True)
        flags.update(more)
        assert small.run(small_files, output_dir, **flags) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "--mixed_precision" in line
        return line

    return run


def test_a_runtime_or_processor_that_cannot_is_refused(refused, monkeypatch):
    monkeypatch.setattr(machines, "gpus", lambda: [])
    monkeypatch.setattr(machines, "_cpu_flags", lambda: {"avx512f", "fma"})
    line = refused()
    if tf.__version__.startswith("1."):
        assert "needs TensorFlow 2.15" in line
    else:
        assert "neither AVX512-BF16 nor AMX" in line


def test_machines_that_train_together_do_not_measure_each_for_itself(
    refused, small_files, tmp_path, monkeypatch, capsys
):
    """One could find 16 bits faster and another not; what is measured is not even asked for."""
    workers = {"worker": ["localhost:1", "localhost:2"]}
    task = {"cluster": workers, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv(machines.VARIABLE, json.dumps(task))
    monkeypatch.setattr(machines, "check_mixed_precision", lambda do_train: None)
    assert "--mixed_precision=force" in refused(do_train=True, output_dir=tmp_path / "model")
    assert not (tmp_path / "model").exists()
    # Where all do alike, the next mistake is named.
    for alike in ("force", False):
        more = dict(do_train=True, mixed_precision=alike, vocab_file=None)
        assert small.run(small_files, tmp_path / "model", **more) == 2
        assert "--vocab_file is missing" in capsys.readouterr().err


def test_a_gpu_without_tensor_cores_is_refused(refused, monkeypatch):
    monkeypatch.setattr(machines, "gpus", lambda: [6.1])
    assert "6.1" in refused()


def test_a_gpu_decodes_in_float16_but_does_not_train_in_it(refused, monkeypatch):
    monkeypatch.setattr(machines, "gpus", lambda: [8.6])
    assert "decoding only" in refused(do_train=True)
    machines.check_mixed_precision(do_train=False)
    config = machines.session_config(mixed_precision=True)
    assert config.graph_options.rewrite_options.auto_mixed_precision == 1


@pytest.mark.skipif(not hasattr(tf, "estimator"), reason="this TensorFlow drives no TPU")
def test_a_tpu_does_without(refused):
    assert "TPU" in refused(use_tpu=True, tpu_name="t", output_dir="gs://bucket/model")


def test_it_is_off_by_default():
    options = machines.session_config().graph_options.rewrite_options
    assert not any("mixed" in field.name for field, _ in options.ListFields())
