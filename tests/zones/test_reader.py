"""The logits of the reader and of the sweep, against the published ones and a naive reference."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from tests.support.naive import CONFIG, naive_logits, random_windows
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
EVERY_CELL += [Cell(0, "p2q", last_layer=1, head=2), Cell(None, "union", head=0)]


@pytest.fixture(scope="module")
def random_reader():
    """A session with a small random reader; yields (reader, session, weights in float64)."""
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        tf.set_random_seed(1)
        reader = Reader(CONFIG)
        session.run(tf.global_variables_initializer())
        weights = {v.op.name: session.run(v).astype(np.float64) for v in tf.global_variables()}
        yield reader, session, weights


def read(way, random_reader, inputs, cells=EVERY_CELL, variants_at_once=None, **options):
    reader, session, _ = random_reader
    batch = Batch(*map(tf.constant, inputs), **options)
    return session.run(list(way(reader, batch, cells, variants_at_once).values()))


@pytest.mark.parametrize(
    "lengths",
    [[24, 24], [9, 9, 9], [5, 17, 24, 3], [4]],
    ids=["no padding", "all padded", "several lengths", "tiny"],
)
@pytest.mark.parametrize("static_shapes", [False, True])
def test_every_cell_equals_a_naive_run(way, random_reader, lengths, static_shapes):
    inputs = random_windows(lengths, 24, CONFIG.vocab_size, seed=len(lengths))
    found = read(way, random_reader, inputs, static_shapes=static_shapes)
    for cell, logits in zip(EVERY_CELL, found):
        assert logits.shape[1] == (24 if static_shapes else max(lengths))
        for window, length in enumerate(lengths):
            expected = naive_logits(random_reader[2], CONFIG, inputs[:, window], cell)
            difference = np.abs(logits[window, :length] - expected[:length]).max()
            assert difference < 2e-4, (cell, window)


def test_a_row_whose_every_key_is_masked_keeps_its_raw_scores(way, random_reader):
    """With nothing but passage in a window, p2 masks every look: the softmax sees a constant."""
    inputs = random_windows([24, 24], 24, CONFIG.vocab_size)
    inputs[3] = 2
    cells = [BASELINE, Cell(0, "p2"), Cell(None, "p2"), Cell(1, "union")]
    baseline, *masked = read(way, random_reader, inputs, cells, static_shapes=True)
    for logits in masked:
        # Adding -10000 to every score, as published, leaves them 7e-6 apart even here.
        assert np.abs(logits - baseline).max() < 1e-6


@pytest.mark.parametrize("static_shapes", [False, True])
def test_keys_that_outweigh_all_others_can_be_masked(way, static_shapes):
    """Scores hundreds apart: next to the largest, e^s of all others is 0 in float32."""
    config = dataclasses.replace(CONFIG, num_hidden_layers=1)
    inputs = random_windows([24, 15, 20], 24, CONFIG.vocab_size)
    cells = [BASELINE] + cells_of(1, OFFERED_ZONES)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        reader = Reader(config)
        session.run(tf.global_variables_initializer())
        (query,) = [v for v in tf.global_variables() if v.op.name.endswith("query/kernel")]
        query.load(100 * session.run(query), session)
        weights = {v.op.name: session.run(v).astype(np.float64) for v in tf.global_variables()}
        found = read(way, (reader, session, weights), inputs, cells, static_shapes=static_shapes)
    for cell, logits in zip(cells, found):
        for window in range(3):
            real = inputs[1, window].astype(bool)
            expected = naive_logits(weights, config, inputs[:, window], cell)
            difference = np.abs(logits[window][real[: logits.shape[1]]] - expected[real]).max()
            assert difference < 2e-3, (cell, window)


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_fewer_variants_at_once_read_the_same(random_reader, at_once):
    inputs = random_windows([9, 24, 13], 24, CONFIG.vocab_size)
    for one, other in zip(
        read(sweep.read_cells, random_reader, inputs),
        read(sweep.read_cells, random_reader, inputs, EVERY_CELL, at_once),
    ):
        assert np.abs(one - other).max() < 2e-5


def test_padded_positions_are_scored_when_asked(way, random_reader):
    inputs = random_windows([9, 13], 24, CONFIG.vocab_size)
    found = read(way, random_reader, inputs, score_padding=True)
    for cell, logits in zip(EVERY_CELL, found):
        for window in range(2):
            expected = naive_logits(random_reader[2], CONFIG, inputs[:, window], cell)
            assert np.abs(logits[window] - expected).max() < 2e-4, cell


def test_a_window_does_not_depend_on_its_neighbours(way, random_reader):
    inputs = random_windows([9, 24, 13], 24, CONFIG.vocab_size)
    together = read(way, random_reader, inputs)
    alone = read(way, random_reader, inputs[:, :1])
    for cell, many, one in zip(EVERY_CELL, together, alone):
        assert np.abs(many[:1, :9] - one).max() < 2e-5, cell


def test_last_layer_q2_and_q2p_leave_the_passage_alone(way, random_reader):
    """The fact from the published table: there EM equals the baseline to the last question."""
    inputs = random_windows([24, 15], 24, CONFIG.vocab_size)
    baseline, q2, q2p, p2 = read(
        way, random_reader, inputs, [BASELINE] + [Cell(2, zone) for zone in ("q2", "q2p", "p2")]
    )
    passage = inputs[3] == 2
    assert np.array_equal(q2[passage], baseline[passage])
    assert np.array_equal(q2p[passage], baseline[passage])
    assert np.abs(p2[passage] - baseline[passage]).max() > 1e-3
    assert np.abs(q2[inputs[3] == 1] - baseline[inputs[3] == 1]).max() > 1e-3
