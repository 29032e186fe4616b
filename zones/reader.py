"""The reader with one zone masked, in a few plain lines: what a cell *is*.

Training, the baseline and every single cell use this. ``sweep.py`` computes many cells in one pass
and gives the same logits, sooner.

The letters in the shapes are those of modeling.py.
"""

import dataclasses

import tensorflow.compat.v1 as tf

from modeling import Embeddings, flat, initializer, shape_of, transformer_layers
from zones.cells import BASELINE
from zones.masks import sees_padding


class Reader:
    """BERT with a span head: for every token, the logit of starting and of ending the answer.

    Args:
        config: a common.configuration.BertConfig.
        is_training: whether to drop out.
        one_hot_embeddings: look embeddings up by a product, as a TPU does best.
    """

    def __init__(self, config, is_training=False, one_hot_embeddings=False):
        if not is_training:
            config = dataclasses.replace(
                config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
            )
        with tf.variable_scope(config.scope):
            self.embeddings = Embeddings(config, one_hot_embeddings)
            self.layers = transformer_layers(config)
        with tf.variable_scope("cls/squad"):
            self.span_weights = tf.get_variable(
                "output_weights", [2, config.hidden_size], initializer=initializer(0.02)
            )
            self.span_bias = tf.get_variable("output_bias", [2], initializer=tf.zeros_initializer())

    def read(self, batch, cell=BASELINE):
        """Reads windows with the cell's zone masked in the cell's layers.

        Args:
            batch: a Batch of B windows.
            cell: a Cell; BASELINE masks nothing.

        Returns:
            float32 ``[B, F, 2]``, the logits of start and end.
        """
        hidden = self.embeddings(batch.input_ids, batch.input_mask, batch.segment_ids)
        return self.read_on(batch, hidden, cell)

    def read_on(self, batch, hidden, cell, first_layer=0):
        """Reads from a layer to the end.

        Args:
            hidden: what comes into that layer, ``[B, T, H]``; without the padding's rows,
                ``[B, F, H]``, where the cell's zone does not look at them.
            first_layer: the layer's number. Those before it must not be masked.
            batch, cell: as in read.
        """
        if not sees_padding(cell.zone):
            hidden = hidden[:, : batch.num_rows]
        heads = None if cell.head is None else tf.one_hot(cell.head, self.layers[0].num_heads)
        for number, layer in enumerate(self.layers[first_layer:], first_layer):
            zone = cell.zone if cell.masks(number) else None
            hidden = layer(hidden, batch.bias(zone, heads), batch.num_keys(zone))
        return self.span_logits(hidden[:, : batch.num_rows])

    def span_logits(self, hidden):
        """``[B, F, H]`` -> start and end logits ``[B, F, 2]``."""
        batch_size, length, _ = shape_of(hidden)
        logits = tf.matmul(flat(hidden), self.span_weights, transpose_b=True)
        return tf.reshape(tf.nn.bias_add(logits, self.span_bias), [batch_size, length, 2])
