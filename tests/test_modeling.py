"""The model's logits: against the published implementation and against plain runs."""

import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from attention_zones import BASELINE, OFFERED_ZONES, ZONES, Cell, cells_of

tf.disable_v2_behavior()


def read_logits(checkpoint, inputs, cells, static_shapes=False):
    """Logits ``[cells, B, F, 2]`` of a checkpoint for inputs (four arrays ``[B, T]``)."""
    config = modeling.BertConfig.from_file(str(checkpoint / "bert_config.json"))
    with tf.Graph().as_default(), tf.Session() as session:
        reader = modeling.Reader(config)
        windows = modeling.Windows(*map(tf.constant, inputs), static_shapes=static_shapes)
        logits = reader.read(windows, cells)
        saver = tf.train.Saver(tf.trainable_variables())
        saver.restore(session, tf.train.latest_checkpoint(str(checkpoint)))
        return session.run(tf.stack(list(logits.values())))


@pytest.fixture(scope="module")
def golden_windows(golden):
    """The six windows of the golden logits, and those logits."""
    stored = np.load(str(golden / "expected" / "logits.npz"))
    roles = stored["question"] + 2 * stored["passage"]
    inputs = (stored["input_ids"], stored["input_mask"], stored["segment_ids"], roles)
    return [x.astype(np.int32) for x in inputs], stored


def test_logits_of_the_baseline_and_every_cell_are_the_published_ones(golden, golden_windows):
    inputs, stored = golden_windows
    cells = [BASELINE] + cells_of(4) + [Cell(None, zone) for zone in ZONES]
    logits = read_logits(golden / "checkpoint", inputs, cells)
    real = inputs[1].astype(bool)
    compared = 0
    for cell, found in zip(cells, logits):
        if cell == BASELINE:
            name = "baseline"
        else:
            name = "layer%s_%s" % ("" if cell.layer is None else cell.layer, cell.zone)
        if name + ".start" not in stored:
            continue
        compared += 1
        tolerance = 1e-2 if cell.zone == "all" else 1e-4
        for side, kind in enumerate(("start", "end")):
            difference = np.abs(found[..., side] - stored["%s.%s" % (name, kind)])[real]
            print(name, kind, difference.max())
            assert difference.max() < tolerance, (name, kind)
    assert compared >= 21
