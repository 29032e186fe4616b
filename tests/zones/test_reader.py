"""The logits of the reader and of the sweep, against the published ones and a naive reference."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from tests.support.naive import CONFIG, load, naive_logits, random_weights, random_windows
from zones import sweep
from zones.batch import Batch
from zones.cells import BASELINE, Cell, cells_of
from zones.masks import OFFERED_ZONES, ZONES
from zones.reader import Reader

tf.disable_v2_behavior()


def one_by_one(reader, batch, cells, variants_at_once=None):
    """What sweep.read_cells gives, by the definition."""
    del variants_at_once
    return {cell: reader.read(batch, cell) for cell in cells}


WAYS = {"reader": one_by_one, "sweep": sweep.read_cells}


@pytest.fixture(params=sorted(WAYS))
def way(request):
    """One of the two ways to read cells, which every test here holds to the same numbers."""
    return WAYS[request.param]


def read_logits(way, checkpoint, inputs, cells, static_shapes=False):
    """Logits ``[cells, B, F, 2]`` of a checkpoint for inputs (four arrays ``[B, T]``)."""
    config = modeling.BertConfig.from_file(str(checkpoint / "bert_config.json"))
    with tf.Graph().as_default(), tf.Session() as session:
        reader = Reader(config)
        batch = Batch(*map(tf.constant, inputs), static_shapes=static_shapes)
        logits = way(reader, batch, cells)
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


def test_logits_of_the_baseline_and_every_cell_are_the_published_ones(way, golden, golden_windows):
    inputs, stored = golden_windows
    cells = [BASELINE] + cells_of(4) + [Cell(None, zone) for zone in ZONES]
    logits = read_logits(way, golden / "checkpoint", inputs, cells)
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


EVERY_CELL = [BASELINE] + [Cell(layer, zone) for layer in (None, 0, 1, 2) for zone in OFFERED_ZONES]
# Runs of layers, one head, and one head in several layers.
EVERY_CELL += [Cell(0, "all", last_layer=1), Cell(1, "p2", last_layer=2)]
EVERY_CELL += [Cell(1, zone, head=1) for zone in OFFERED_ZONES]
EVERY_CELL += [Cell(0, "p2q", last_layer=1, head=2), Cell(1, "all", last_layer=2, head=0)]
EVERY_CELL += [Cell(None, "union", head=0)]
# One of each kind.
SOME_CELLS = [
    BASELINE,
    Cell(None, "p2"),
    Cell(0, "all"),
    Cell(1, "q2"),
    Cell(1, "q2p"),
    Cell(1, "p2"),
]
SOME_CELLS += [Cell(0, "all", last_layer=1), Cell(1, "q2p", head=1), Cell(2, "p2q", head=2)]


@pytest.fixture(scope="module")
def weights():
    """A small random reader: variable name -> float64 array."""
    return random_weights(CONFIG)


def read(way, weights, inputs, cells, variants_at_once=None, config=CONFIG, **options):
    """The logits of cells, a list of ``[B, F, 2]``, in a graph of their own."""
    with tf.Graph().as_default(), tf.Session() as session:
        reader = Reader(config)
        batch = Batch(*map(tf.constant, inputs), **options)
        logits = list(way(reader, batch, cells, variants_at_once).values())
        load(weights, session)
        return session.run(logits)


SEVERAL = [5, 17, 24, 3]


@pytest.mark.parametrize(
    "way, cells, static_shapes, lengths",
    [
        (one_by_one, SOME_CELLS, False, SEVERAL),
        (one_by_one, SOME_CELLS, True, SEVERAL),
        (sweep.read_cells, EVERY_CELL, False, SEVERAL),
        (sweep.read_cells, EVERY_CELL, True, SEVERAL),
        (sweep.read_cells, SOME_CELLS, False, [24, 24]),
        (sweep.read_cells, SOME_CELLS, False, [9, 9, 9]),
        (sweep.read_cells, SOME_CELLS, False, [9]),
        (sweep.read_cells, SOME_CELLS, True, [4]),
    ],
)
def test_every_cell_equals_a_naive_run(way, cells, weights, static_shapes, lengths):
    inputs = random_windows(lengths, 24, CONFIG.vocab_size, seed=len(lengths))
    found = read(way, weights, inputs, cells, static_shapes=static_shapes)
    for cell, logits in zip(cells, found):
        assert logits.shape[1] == (24 if static_shapes else max(lengths))
        for window, length in enumerate(lengths):
            expected = naive_logits(weights, CONFIG, inputs[:, window], cell)
            difference = np.abs(logits[window, :length] - expected[:length]).max()
            assert difference < 2e-4, (cell, window)


def test_a_row_whose_every_key_is_masked_keeps_its_raw_scores(way, weights):
    """With nothing but passage in a window, p2 masks every look: the softmax sees a constant."""
    inputs = random_windows([24, 24], 24, CONFIG.vocab_size)
    inputs[3] = 2
    cells = [BASELINE, Cell(0, "p2"), Cell(None, "p2"), Cell(1, "union")]
    baseline, *masked = read(way, weights, inputs, cells, static_shapes=True)
    for logits in masked:
        # Float32 rounds to 1e-7 of a number's size; adding -10000 to every score costs far more.
        assert np.abs(logits - baseline).max() < 1e-6 * np.abs(baseline).max()


@pytest.mark.parametrize("static_shapes", [False, True])
def test_keys_that_outweigh_all_others_can_be_masked(way, static_shapes):
    """Scores hundreds apart: next to the largest, e^s of all others is 0 in float32."""
    config = dataclasses.replace(CONFIG, num_hidden_layers=1)
    inputs = random_windows([24, 15, 20], 24, CONFIG.vocab_size)
    cells = [BASELINE] + cells_of(1, OFFERED_ZONES)
    weights = random_weights(config)
    for name in weights:
        if name.endswith("query/kernel"):
            weights[name] *= 100
    found = read(way, weights, inputs, cells, config=config, static_shapes=static_shapes)
    for cell, logits in zip(cells, found):
        for window in range(3):
            real = inputs[1, window].astype(bool)
            expected = naive_logits(weights, config, inputs[:, window], cell)
            difference = np.abs(logits[window][real[: logits.shape[1]]] - expected[real]).max()
            assert difference < 2e-3, (cell, window)


def test_fewer_variants_at_once_read_the_same(weights):
    inputs = random_windows([9, 24, 13], 24, CONFIG.vocab_size)
    expected = read(sweep.read_cells, weights, inputs, SOME_CELLS)
    for at_once in (1, 4):
        found = read(sweep.read_cells, weights, inputs, SOME_CELLS, at_once)
        for one, other in zip(expected, found):
            assert np.abs(one - other).max() < 2e-5, at_once


def test_padded_positions_are_scored_when_asked(way, weights):
    inputs = random_windows([9, 13], 24, CONFIG.vocab_size)
    found = read(way, weights, inputs, SOME_CELLS, score_padding=True)
    for cell, logits in zip(SOME_CELLS, found):
        for window in range(2):
            expected = naive_logits(weights, CONFIG, inputs[:, window], cell)
            assert np.abs(logits[window] - expected).max() < 2e-4, cell


def test_a_window_does_not_depend_on_its_neighbours(way, weights):
    inputs = random_windows([9, 24, 13], 24, CONFIG.vocab_size)
    together = read(way, weights, inputs, SOME_CELLS)
    alone = read(way, weights, inputs[:, :1], SOME_CELLS)
    for cell, many, one in zip(SOME_CELLS, together, alone):
        assert np.abs(many[:1, :9] - one).max() < 2e-5, cell


def test_last_layer_q2_and_q2p_leave_the_passage_alone(way, weights):
    """The fact from the published table: there EM equals the baseline to the last question."""
    inputs = random_windows([24, 15], 24, CONFIG.vocab_size)
    baseline, q2, q2p, p2 = read(
        way, weights, inputs, [BASELINE] + [Cell(2, zone) for zone in ("q2", "q2p", "p2")]
    )
    passage = inputs[3] == 2
    assert np.array_equal(q2[passage], baseline[passage])
    assert np.array_equal(q2p[passage], baseline[passage])
    assert np.abs(p2[passage] - baseline[passage]).max() > 1e-3
    assert np.abs(q2[inputs[3] == 1] - baseline[inputs[3] == 1]).max() > 1e-3
