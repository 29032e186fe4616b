"""Layers as functions of the graph: the same logits, and a graph that grows with the calls only."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.support.naive import CONFIG, load, random_weights, random_windows
from zones import sweep
from zones.batch import Batch
from zones.calls import with_calls
from zones.cells import BASELINE, Cell, cells_of
from zones.reader import Reader

tf.disable_v2_behavior()

# One of each kind: a head, a run of layers, every layer.
CELLS = [BASELINE, *cells_of(3), Cell(1, "p2", head=1), Cell(0, "p2q", 1), Cell(None, "union")]


def graph_of(config, inputs, cells, calls, **options):
    """(logits ``[cells, B, F, 2]``, how many operations the graph of the cells has)."""
    batch = Batch(*map(tf.constant, inputs), **options)
    reader = Reader(config)
    before = len(tf.get_default_graph().get_operations())
    if calls:
        reader.layers = with_calls(reader.layers)
    logits = tf.stack(list(sweep.read_cells(reader, batch, cells).values()))
    return logits, len(tf.get_default_graph().get_operations()) - before


@pytest.mark.parametrize("model", ["bert", pytest.param("albert", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "lengths, options",
    [([24], {}), pytest.param([9, 13], dict(score_padding=True), marks=pytest.mark.slow)],
)
def test_called_layers_give_the_same_logits(model, lengths, options):
    config = dataclasses.replace(CONFIG, model_type=model)
    inputs = random_windows(lengths, 24, config.vocab_size, seed=len(lengths))
    weights, found = random_weights(config), []
    for calls in (False, True):
        with tf.Graph().as_default(), tf.Session() as session:
            logits, _ = graph_of(config, inputs, CELLS, calls, **options)
            load(weights, session)
            found.append(session.run(logits))
    assert np.ptp(found[0]) > 0.1
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)


@pytest.mark.slow
def test_a_layer_is_built_once_however_often_it_is_called():
    inputs = random_windows([9], 24, CONFIG.vocab_size, seed=1)
    sizes = {}
    for calls in (False, True):
        with tf.Graph().as_default():
            config = dataclasses.replace(CONFIG, num_hidden_layers=8)
            _, sizes[calls] = graph_of(config, inputs, [BASELINE, *cells_of(8)], calls)
    assert sizes[True] < 0.6 * sizes[False]
