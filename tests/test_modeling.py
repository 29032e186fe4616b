"""The model's logits: against the published implementation and against plain runs."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from zones import reader as reading
from zones.batch import Windows
from zones.masks import BASELINE, OFFERED_ZONES, ZONES, Cell, cells_of

tf.disable_v2_behavior()


def read_logits(checkpoint, inputs, cells, static_shapes=False):
    """Logits ``[cells, B, F, 2]`` of a checkpoint for inputs (four arrays ``[B, T]``)."""
    config = modeling.BertConfig.from_file(str(checkpoint / "bert_config.json"))
    with tf.Graph().as_default(), tf.Session() as session:
        reader = reading.Reader(config)
        batch = Windows(*map(tf.constant, inputs), static_shapes=static_shapes)
        logits = reader.read(batch, cells)
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


# Against a naive reference --------------------------------------------------------------------


def naive_mask(zone, roles, mask):
    """The zone as a loop over every pair of tokens, after the table in the README."""
    length = len(roles)
    masked = np.zeros((length, length), bool)
    for row in range(length):
        for key in range(length):
            of_question, of_passage = roles[key] == 1, roles[key] == 2
            if zone == "q2":
                masked[row, key] = of_question and roles[row] == 1
            elif zone == "q2p":
                masked[row, key] = of_passage and roles[row] != 2
            elif zone == "p2q":
                masked[row, key] = of_question and roles[row] != 1
            elif zone == "p2":
                masked[row, key] = of_passage and roles[row] == 2
            elif zone == "union":
                masked[row, key] = of_question or of_passage
    term = -10000.0 * masked
    return term if zone == "all" else term - 10000.0 * (np.asarray(mask) == 0)


def naive_logits(weights, config, window, cell):
    """The whole reader for one window, ``[4, T]`` -> ``[T, 2]``, in float64, one head at a time."""
    ids, mask, segments, roles = window

    def dense(x, scope):
        return x @ weights[scope + "/kernel"] + weights[scope + "/bias"]

    def norm(x, scope):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * weights[scope + "/LayerNorm/gamma"] + weights[scope + "/LayerNorm/beta"]

    table = "bert/embeddings/%s_embeddings"
    x = weights[table % "word"][ids] + weights[table % "token_type"][segments]
    x = norm(x + weights[table % "position"][: len(ids)], "bert/embeddings")
    size = config.hidden_size // config.num_attention_heads
    for number in range(config.num_hidden_layers):
        scope = "bert/encoder/layer_%d/" % number
        query, key, value = (
            dense(x, scope + "attention/self/" + name) for name in ("query", "key", "value")
        )
        masked_here = cell.zone is not None and cell.layer in (None, number)
        term = naive_mask(cell.zone if masked_here else None, roles, mask)
        context = np.zeros_like(x)
        for head in range(config.num_attention_heads):
            part = slice(head * size, (head + 1) * size)
            scores = query[:, part] @ key[:, part].T / np.sqrt(size) + term
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            context[:, part] = shares / shares.sum(-1, keepdims=True) @ value[:, part]
        x = norm(dense(context, scope + "attention/output/dense") + x, scope + "attention/output")
        up = dense(x, scope + "intermediate/dense")
        up = 0.5 * up * (1 + np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up**3)))
        x = norm(dense(up, scope + "output/dense") + x, scope + "output")
    return x @ weights["cls/squad/output_weights"].T + weights["cls/squad/output_bias"]


def random_windows(lengths, max_length, vocab_size, seed=0):
    """Windows of the given lengths: ids, mask, segments and roles, each ``[B, T]``."""
    rng = np.random.RandomState(seed)
    inputs = np.zeros((4, len(lengths), max_length), np.int32)
    for ids, mask, segments, roles, length in zip(*inputs, lengths):
        question = rng.randint(0, length - 2)
        ids[:length] = rng.randint(0, vocab_size, length)
        mask[:length] = 1
        segments[question + 2 : length] = 1
        roles[1 : 1 + question] = 1
        roles[question + 2 : length - 1] = 2
    return inputs


CONFIG = modeling.BertConfig(
    vocab_size=30,
    hidden_size=12,
    num_hidden_layers=3,
    num_attention_heads=3,
    intermediate_size=20,
    max_position_embeddings=24,
    initializer_range=0.5,
)
EVERY_CELL = [BASELINE] + [Cell(layer, zone) for layer in (None, 0, 1, 2) for zone in OFFERED_ZONES]


@pytest.fixture(scope="module")
def random_reader():
    """A session with a small random reader; yields (reader, session, weights in float64)."""
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        tf.set_random_seed(1)
        reader = reading.Reader(CONFIG)
        session.run(tf.global_variables_initializer())
        weights = {v.op.name: session.run(v).astype(np.float64) for v in tf.global_variables()}
        yield reader, session, weights


def fork(random_reader, inputs, cells=EVERY_CELL, variants_at_once=None, **options):
    reader, session, _ = random_reader
    batch = Windows(*map(tf.constant, inputs), **options)
    return session.run(list(reader.read(batch, cells, variants_at_once).values()))


@pytest.mark.parametrize(
    "lengths",
    [[24, 24], [9, 9, 9], [5, 17, 24, 3], [4]],
    ids=["no padding", "all padded", "several lengths", "tiny"],
)
@pytest.mark.parametrize("static_shapes", [False, True])
def test_forked_batch_equals_one_naive_run_per_cell(random_reader, lengths, static_shapes):
    inputs = random_windows(lengths, 24, CONFIG.vocab_size, seed=len(lengths))
    found = fork(random_reader, inputs, static_shapes=static_shapes)
    for cell, logits in zip(EVERY_CELL, found):
        assert logits.shape[1] == (24 if static_shapes else max(lengths))
        for window, length in enumerate(lengths):
            expected = naive_logits(random_reader[2], CONFIG, inputs[:, window], cell)
            difference = np.abs(logits[window, :length] - expected[:length]).max()
            assert difference < 2e-4, (cell, window)


def test_a_row_whose_every_key_is_masked_keeps_its_raw_scores(random_reader):
    """With nothing but passage in a window, p2 masks every look: the softmax sees a constant."""
    inputs = random_windows([24, 24], 24, CONFIG.vocab_size)
    inputs[3] = 2
    cells = [BASELINE, Cell(0, "p2"), Cell(None, "p2"), Cell(1, "union")]
    baseline, *masked = fork(random_reader, inputs, cells, static_shapes=True)
    for logits in masked:
        # Adding -10000 to every score, as published, leaves them 7e-6 apart even here.
        assert np.abs(logits - baseline).max() < 1e-6


@pytest.mark.parametrize("static_shapes", [False, True])
def test_keys_that_outweigh_all_others_can_be_masked(static_shapes):
    """Scores hundreds apart: next to the largest, e^s of all others is 0 in float32."""
    config = dataclasses.replace(CONFIG, num_hidden_layers=1)
    inputs = random_windows([24, 15, 20], 24, CONFIG.vocab_size)
    cells = [BASELINE] + cells_of(1, OFFERED_ZONES)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        reader = reading.Reader(config)
        session.run(tf.global_variables_initializer())
        (query,) = [v for v in tf.global_variables() if v.op.name.endswith("query/kernel")]
        query.load(100 * session.run(query), session)
        weights = {v.op.name: session.run(v).astype(np.float64) for v in tf.global_variables()}
        found = fork((reader, session, weights), inputs, cells, static_shapes=static_shapes)
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
        fork(random_reader, inputs), fork(random_reader, inputs, EVERY_CELL, at_once)
    ):
        assert np.abs(one - other).max() < 2e-5


def test_padded_positions_are_scored_when_asked(random_reader):
    inputs = random_windows([9, 13], 24, CONFIG.vocab_size)
    found = fork(random_reader, inputs, score_padding=True)
    for cell, logits in zip(EVERY_CELL, found):
        for window in range(2):
            expected = naive_logits(random_reader[2], CONFIG, inputs[:, window], cell)
            assert np.abs(logits[window] - expected).max() < 2e-4, cell


def test_a_window_does_not_depend_on_its_neighbours(random_reader):
    inputs = random_windows([9, 24, 13], 24, CONFIG.vocab_size)
    together = fork(random_reader, inputs)
    alone = fork(random_reader, inputs[:, :1])
    for cell, many, one in zip(EVERY_CELL, together, alone):
        assert np.abs(many[:1, :9] - one).max() < 2e-5, cell


def test_last_layer_q2_and_q2p_leave_the_passage_alone(random_reader):
    """The fact from the published table: there EM equals the baseline to the last question."""
    inputs = random_windows([24, 15], 24, CONFIG.vocab_size)
    baseline, q2, q2p, p2 = fork(
        random_reader, inputs, [BASELINE] + [Cell(2, zone) for zone in ("q2", "q2p", "p2")]
    )
    passage = inputs[3] == 2
    assert np.array_equal(q2[passage], baseline[passage])
    assert np.array_equal(q2p[passage], baseline[passage])
    assert np.abs(p2[passage] - baseline[passage]).max() > 1e-3
    assert np.abs(q2[inputs[3] == 1] - baseline[inputs[3] == 1]).max() > 1e-3
