"""The small parts of modeling.py, by their plain formulas."""

import numpy as np
import pytest
import scipy.special
import tensorflow.compat.v1 as tf

import modeling
from running import machines

tf.disable_v2_behavior()


def tanh_formula(x):
    return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


def erf_formula(x):
    return x * (1 + scipy.special.erf(x / np.sqrt(2))) / 2


@pytest.mark.parametrize(
    "gelu, formula", [(modeling.gelu, tanh_formula), (modeling.gelu_erf, erf_formula)]
)
def test_the_gelus_are_their_formulas_and_one_kernel_with_the_product_before(gelu, formula):
    inputs = np.random.RandomState(0).randn(40, 64).astype(np.float32)
    with tf.Graph().as_default(), tf.Session(config=machines.session_config(threads=1)) as session:
        tf.set_random_seed(1)
        rows = tf.placeholder(tf.float32, [None, 64])
        product = modeling.Dense("dense", 64, 48, initializer_range=0.2)(rows)
        raised = gelu(product) + 0.0
        session.run(tf.global_variables_initializer())
        before = session.run(product, {rows: inputs})
        options = tf.RunOptions(output_partition_graphs=True)
        metadata = tf.RunMetadata()
        after = session.run(raised, {rows: inputs}, options=options, run_metadata=metadata)
    assert np.abs(after - formula(before.astype(np.float64))).max() < 2e-6
    nodes = [node for graph in metadata.partition_graphs for node in graph.node]
    if not any(node.op.startswith("_Mkl") for node in nodes):
        pytest.skip("no oneDNN in this TensorFlow, or on this processor")
    fused = [list(node.attr["fused_ops"].list.s) for node in nodes]
    assert any(b"BiasAdd" in ops and b"Gelu" in ops[-1] for ops in fused if ops)
