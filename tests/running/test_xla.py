"""The graphs that a TPU runs, compiled by XLA on the CPU at static shapes.

An op or a shape that XLA cannot take fails here, and not on somebody's paid TPU.
"""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import optimization
from modeling import BertConfig
from running import input as records
from spans import scores
from zones import sweep
from zones.cells import BASELINE, Cell, cells_of
from zones.reader import Reader

pytestmark = pytest.mark.slow

tf.disable_v2_behavior()

# Small: XLA compiles a graph of BERT's size for minutes.
CONFIG = BertConfig(
    vocab_size=30,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=24,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
    initializer_range=0.5,
)
BATCH, LENGTH = 8, 24


def batch_of_windows():
    """A batch as the input pipeline gives it to a TPU: int32, padded to full length."""
    rng = np.random.RandomState(3)
    batch = {
        spec.name: np.zeros([BATCH, LENGTH] if spec.per_token else [BATCH], np.int32)
        for spec in records.SPECS
    }
    batch[records.INPUT_MASK] = np.zeros([BATCH, LENGTH], np.int32)
    for row, length in enumerate(rng.randint(8, LENGTH + 1, BATCH)):
        batch["input_ids"][row, :length] = rng.randint(0, 30, length)
        batch["segment_ids"][row, 5:length] = 1
        batch["token_roles"][row, 1:4] = 1
        batch["token_roles"][row, 5 : length - 1] = 2
        batch[records.INPUT_MASK][row, :length] = 1
        batch["start_position"][row], batch["end_position"][row] = 5, 6
    return batch


def one_training_step(features, static_shapes):
    """The loss before a step of the optimizer, and the step."""
    reader = Reader(CONFIG, is_training=True, one_hot_embeddings=static_shapes)
    batch = records.batch_from(features, static_shapes, score_padding=True)
    loss = scores.span_loss(
        reader.read(batch), features["start_position"], features["end_position"]
    )
    train_op, _ = optimization.make_train_op(loss, 1e-2, 10, 0)
    with tf.control_dependencies([loss, train_op]):
        return [tf.identity(loss)]


def decode(cells):
    """A function that gives the best positions of these cells."""

    def run(features, static_shapes):
        reader = Reader(CONFIG, one_hot_embeddings=static_shapes)
        batch = records.batch_from(features, static_shapes)
        logits = tf.stack(list(sweep.read_cells(reader, batch, cells).values()))
        logits = scores.without_padding(logits, features[records.INPUT_MASK])
        return list(scores.best_positions(logits, 5))

    return run


GRAPHS = {
    "training step": one_training_step,
    "baseline": decode([BASELINE]),
    "single cell": decode([Cell(1, "p2q")]),
    "masked everywhere": decode([Cell(None, "q2"), Cell(None, "all")]),
    "sweep": decode([BASELINE] + cells_of(2)),
}


def outputs_of(graph, compiled, batch, steps):
    """What the graph gives, plainly or through XLA, at each of ``steps`` runs."""
    with tf.Graph().as_default(), tf.Session() as session:
        features = {name: tf.constant(value) for name, value in batch.items()}
        if compiled:
            names = sorted(features)

            def computation(*values):
                return graph(dict(zip(names, values)), True)

            with tf.variable_scope("", use_resource=True):
                outputs = tf.xla.experimental.compile(
                    computation, [features[name] for name in names]
                )
        else:
            with tf.variable_scope("", use_resource=True):
                outputs = graph(features, False)
        session.run(tf.global_variables_initializer())
        # The same numbers for both, whatever the order in which the variables were made.
        for variable in tf.trainable_variables():
            rng = np.random.RandomState(len(variable.op.name))
            variable.load(0.5 * rng.standard_normal(variable.shape.as_list()), session)
        return [session.run(outputs) for _ in range(steps)]


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_xla_takes_the_graph_and_gives_the_same(name):
    batch = batch_of_windows()
    steps = 3 if name == "training step" else 1
    plain = outputs_of(GRAPHS[name], False, batch, steps)
    compiled = outputs_of(GRAPHS[name], True, batch, steps)
    for expected, found in zip(plain, compiled):
        for a, b in zip(expected, found):
            np.testing.assert_allclose(b, a, rtol=0, atol=2e-3)
    if name == "training step":
        losses = [float(step[0]) for step in compiled]
        assert losses[0] > losses[1] > losses[2]


def test_embeddings_are_one_hot_on_a_tpu():
    with tf.Graph().as_default() as graph:
        features = {name: tf.constant(value) for name, value in batch_of_windows().items()}
        decode([BASELINE])(features, static_shapes=True)
        assert "GatherV2" not in [op.type for op in graph.get_operations()]
        assert all(op.type not in ("PyFunc", "GeneratorDataset") for op in graph.get_operations())
