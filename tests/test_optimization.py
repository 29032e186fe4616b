"""The optimizer: against the published implementation and against plain arithmetic."""

import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import optimization

tf.disable_v2_behavior()

NAMES = ("dense/kernel", "dense/bias", "LayerNorm/gamma")


def loss_of(kernel, bias, gamma):
    """The golden's loss: sum((kernel-[.4,.2,-.1,8])^2) + 3 sum(|bias|) + 5 sum(gamma^2)."""
    return (
        tf.reduce_sum(tf.square(kernel - [0.4, 0.2, -0.1, 8.0]))
        + 3 * tf.reduce_sum(tf.abs(bias))
        + 5 * tf.reduce_sum(tf.square(gamma))
    )


def test_22_steps_are_the_published_ones(golden):
    """The published code reads its step counter in a race with the counter's own increment.

    In the golden run the increment came first every time but at the second step, as its values
    show: there the learning rate is that of step 1 again. Here the step is never in a race, so
    the counter is set back before that step. The two steps past the end have rate zero.
    """
    stored = json.loads((golden / "expected" / "optimizer.json").read_text())
    with tf.Graph().as_default(), tf.Session() as session:
        variables = [
            tf.get_variable(name, initializer=tf.constant(stored["init"][name])) for name in NAMES
        ]
        train_op, _ = optimization.make_train_op(
            loss_of(*variables),
            stored["learning_rate"],
            stored["num_train_steps"],
            stored["num_warmup_steps"],
        )
        global_step = tf.train.get_global_step()
        session.run(tf.global_variables_initializer())
        for step, expected in enumerate(stored["after_each_step"]):
            global_step.load(0 if step == 1 else step, session)
            session.run(train_op)
            for found, value in zip(session.run(variables), expected):
                np.testing.assert_allclose(found, value, rtol=0, atol=1e-6)
        assert step == 21


def naive_rate(step, peak, train, warmup):
    return peak * step / warmup if step < warmup else peak * (1 - min(step, train) / train)


@pytest.mark.parametrize("warmup", [0, 1, 4])
def test_the_rate_rises_and_falls_in_straight_lines(warmup):
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.placeholder(tf.int64, [])
        rate = optimization.learning_rate_at(step, 0.5, 10, warmup)
        for number in range(1, 14):
            expected = naive_rate(number, 0.5, 10, warmup)
            assert session.run(rate, {step: number}) == pytest.approx(expected, abs=1e-7)


def test_steps_against_plain_arithmetic_with_a_sparse_gradient():
    """A row of an embedding that nobody looked up still decays and keeps its momentum.

    A row looked up twice counts as two gradients in the norm that is clipped, as published.
    """
    table = np.array([[1.0, -2.0], [0.5, 4.0], [3.0, 3.0]])
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("table", initializer=tf.constant(table, tf.float32))
        loss = 20 * tf.reduce_sum(tf.square(tf.gather(variable, [0, 2, 0])))
        train_op, _ = optimization.make_train_op(loss, 0.1, 5, 0)
        session.run(tf.global_variables_initializer())
        m = v = np.zeros_like(table)
        for step in range(1, 5):
            session.run(train_op)
            gradient = 40 * table * np.array([[2.0], [0.0], [1.0]])
            looked_up = 40 * table[[0, 2, 0]]
            gradient /= max(1.0, np.sqrt((looked_up**2).sum()))
            m = 0.9 * m + 0.1 * gradient
            v = 0.999 * v + 0.001 * gradient**2
            rate = naive_rate(step, 0.1, 5, 0)
            table = table - rate * (m / (np.sqrt(v) + 1e-6) + 0.01 * table)
            np.testing.assert_allclose(session.run(variable), table, rtol=0, atol=1e-5)
        assert session.run(tf.train.get_global_step()) == 4
