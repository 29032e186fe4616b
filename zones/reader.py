"""Reading windows with BERT: the unmasked pass, and the cells that fork off it.

The letters in the shapes are those of modeling.py.
"""

import collections
import dataclasses

import tensorflow.compat.v1 as tf

from modeling import (
    Embeddings,
    PartialAttention,
    TransformerLayer,
    flat,
    initializer,
    shape_of,
    with_one,
)
from zones import masks as attention_zones
from zones.batch import WindowsByRole

# Added to the logits of padding where no answer may start or end there.
UNREACHABLE = -1e9


def without_padding(logits, input_mask):
    """Takes padding out of where an answer may start or end.

    Args:
        logits: ``[..., B, F, 2]``.
        input_mask: int32 ``[B, at least F]``, 1 on tokens and 0 on padding.

    Returns:
        The logits, with UNREACHABLE added to those of padding.
    """
    padding = tf.cast(1 - input_mask[:, : shape_of(logits)[-2], tf.newaxis], tf.float32)
    return logits + UNREACHABLE * padding


class Reader:
    """BERT with a span head: for every token, the logit of starting and of ending the answer."""

    def __init__(self, config, is_training=False, one_hot_embeddings=False):
        if not is_training:
            config = dataclasses.replace(
                config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
            )
        with tf.variable_scope(config.scope):
            self.embeddings = Embeddings(config, one_hot_embeddings)
            self.layers = []
            for number in range(config.num_hidden_layers):
                with tf.variable_scope("encoder/layer_%d" % number):
                    self.layers.append(TransformerLayer(config))
        with tf.variable_scope("cls/squad"):
            self.span_weights = tf.get_variable(
                "output_weights", [2, config.hidden_size], initializer=initializer(0.02)
            )
            self.span_bias = tf.get_variable("output_bias", [2], initializer=tf.zeros_initializer())

    def read(self, windows, cells=(attention_zones.BASELINE,), variants_at_once=None):
        """The logits of the unmasked reader and of every cell, in one pass that forks.

        What nobody asks for is never computed: TensorFlow leaves out the part of a graph that is
        not fetched.

        Args:
            windows: a Windows of B windows.
            cells: the cells to read with; BASELINE among them asks for the trunk's own logits.
            variants_at_once: the most cells of a layer to take to the end together; None is all.

        Returns:
            An ordered dict: cell -> float32 ``[B, F, 2]``, the logits of start and end.
        """
        logits = {}
        if any(cell.layer is not None for cell in cells):
            logits = self._read_forking(WindowsByRole(windows), cells, variants_at_once)
        for cell in cells:
            if cell not in logits:
                logits[cell] = self._read_everywhere_masked(windows, cell.zone)
        return collections.OrderedDict((cell, logits[cell]) for cell in cells)

    def _read_everywhere_masked(self, windows, zone):
        """The logits with a zone masked in every layer; with None, those of the unmasked reader."""
        hidden, rows = self.embeddings(windows.input_ids, windows.segment_ids), windows.num_rows
        if attention_zones.sees_padding(zone):
            hidden = self._run(0, hidden, None, None)[:, :rows]
        else:
            bias = windows.padding_bias if zone is None else windows.zone_bias(zone)
            hidden = self._run(0, hidden[:, :rows], bias, windows.num_keys)
        return self.span_logits(hidden)

    def _read_forking(self, windows, cells, variants_at_once):
        """The logits of the unmasked reader and of the cells that mask one layer, cell -> logits.

        Masking layer k leaves every layer before k as it was. So the unmasked batch, the *trunk*,
        goes through every layer once; where cells mask layer k their variants leave it there,
        sharing its attention, and go on through the later layers side by side. One layer's variants
        are taken to the end before the trunk goes on, so that memory holds the variants of one
        layer at most.

        A zone that leaves the passage's rows alone has, after layer k, only a few rows of its own:
        q2 and q2p, of a window of 190 tokens, some 16. It goes on *beside* the trunk, and leaves it
        in layer k + 1, where the passage sees that the others changed.

        Args:
            windows: a WindowsByRole.
            cells, variants_at_once: as in read.
        """
        forks = _cells_by_layer(cells, len(self.layers))
        # The trunk keeps its padding as long as a cell at this layer or a later one looks at it.
        last_padded = max(
            [-1] + [n for n, leaving in enumerate(forks) if any(map(_sees_padding, leaving))]
        )
        hidden = self.embeddings(windows.input_ids, windows.segment_ids, windows.positions)
        if last_padded < 0:
            hidden = hidden[:, : windows.num_rows]
        logits, beside = {}, {}
        for number, layer in enumerate(self.layers):
            if not (forks[number] or beside):
                hidden = layer(hidden, windows.padding_bias, windows.num_keys)
                continue
            trunk = _TrunkLayer(layer, windows, hidden, forks[number], number < last_padded)
            few_rows = [cell for cell in forks[number] if windows.carries_passage(cell.zone)]
            all_rows = [cell for cell in forks[number] if cell not in few_rows]
            for group in _in_groups(list(beside) + all_rows, variants_at_once):
                hidden = trunk.variants(group, beside)
                bias = _tile(windows.padding_bias, len(group))
                hidden = self._run(number + 1, hidden, bias, windows.num_keys)
                forked = self.span_logits(hidden)
                logits.update(zip(group, tf.split(forked, len(group))))
                trunk.wait_for(forked)
            beside = trunk.changed_rows(few_rows)
            hidden = trunk.output
        logits[attention_zones.BASELINE] = unmasked = self.span_logits(hidden)
        for cell, changed in beside.items():
            carried = unmasked[:, : windows.num_passage]
            logits[cell] = tf.concat([carried, self.span_logits(changed)], axis=1)
        return {cell: windows.in_order(of_cell) for cell, of_cell in logits.items()}

    def _run(self, first, hidden, bias, num_keys):
        for layer in self.layers[first:]:
            hidden = layer(hidden, bias, num_keys)
        return hidden

    def span_logits(self, hidden):
        """``[B, F, H]`` -> start and end logits ``[B, F, 2]``."""
        batch, length, _ = shape_of(hidden)
        logits = tf.matmul(flat(hidden), self.span_weights, transpose_b=True)
        return tf.reshape(tf.nn.bias_add(logits, self.span_bias), [batch, length, 2])


def _sees_padding(cell):
    return attention_zones.sees_padding(cell.zone)


class _TrunkLayer:
    """The unmasked batch in one layer, and the cells that leave it there.

    Args:
        layer: a modeling.TransformerLayer.
        windows: a WindowsByRole.
        hidden: what comes into the layer, ``[B, T, H]``, or ``[B, F, H]`` without the padding.
        cells: those that mask this layer.
        keep_padding: whether the padding's rows are wanted in the next layer.

    Attributes:
        output: what goes out of the layer, as hidden.
    """

    def __init__(self, layer, windows, hidden, cells, keep_padding):
        self._layer, self._windows = layer, windows
        self._hidden = hidden[:, : windows.num_rows]
        query, key, value = layer.project(hidden)
        self._query = query[:, :, : windows.num_rows]
        padded = any(map(_sees_padding, cells))
        groups = windows.keys_by_role(key, with_one(value), padded=padded)
        parts = [layer.attend_partly(self._query, *group) for group in groups]
        # The passage's keys, and attention to them: the first group.
        self._passage, self._to_passage = groups[0], parts[0]
        zones = [None] + [cell.zone for cell in cells]
        context, *contexts = layer.combine(parts, windows.zones_bias(zones, padded))
        self._contexts = dict(zip(cells, contexts))
        residual = self._hidden
        if keep_padding and windows.padding_apart:
            # The padding's rows look at what there is, and no zone is masked for them.
            real = slice(windows.num_keys)
            of_padding = layer.attend(
                query[:, :, windows.num_rows :],
                key[:, :, real],
                value[:, :, real],
                windows.padding_bias,
            )
            context, residual = tf.concat([context, of_padding], axis=1), hidden
        self.output = layer.finish(context, residual)

    def wait_for(self, tensor):
        """Lets whatever is made of this layer from now on be computed after that tensor."""
        with tf.control_dependencies([tensor]):
            self._contexts, self._to_passage, self.output = tf.nest.map_structure(
                tf.identity, (self._contexts, self._to_passage, self.output)
            )

    def changed_rows(self, cells):
        """The R rows that cells which carry the passage send out: cell -> ``[B, R, H]``."""
        if not cells:
            return {}
        first = self._windows.num_passage
        context = tf.concat([self._contexts[cell][:, first:] for cell in cells], axis=0)
        changed = self._layer.finish(context, _tile(self._hidden[:, first:], len(cells)))
        return dict(zip(cells, tf.split(changed, len(cells))))

    def variants(self, cells, beside):
        """What goes out of the layer for Z cells, ``[Z B, F, H]``.

        Args:
            cells: cells that mask this layer or, first, some of those beside the trunk.
            beside: cell -> the changed rows with which it comes in, ``[B, R, H]``.
        """
        contexts, residuals = [], []
        joining = [beside[cell] for cell in cells if cell in beside]
        if joining:
            context, residual = self._join(joining)
            contexts.append(context)
            residuals.append(residual)
        masked = [self._contexts[cell] for cell in cells if cell not in beside]
        contexts += masked
        residuals += [self._hidden] * len(masked)
        return self._layer.finish(tf.concat(contexts, axis=0), tf.concat(residuals, axis=0))

    def _join(self, changed):
        """Attention for variants whose rows outside the passage are not the trunk's.

        Args:
            changed: a list of Z times ``[B, R, H]``, those rows.

        Returns:
            Context and residual, each ``[Z B, F, H]``.
        """
        layer, windows, times = self._layer, self._windows, len(changed)
        passage_rows = slice(windows.num_passage)
        changed = tf.concat(changed, axis=0)
        query, key, value = layer.project(changed)
        # To the passage's keys, which are the trunk's: its own rows see there what they saw.
        passage_key, passage_value, bias = self._passage
        by_passage = [_tile_heads(x[:, :, passage_rows], times) for x in self._to_passage]
        by_others = layer.attend_partly(
            query,
            _tile_heads(passage_key, times),
            _tile_heads(passage_value, times),
            _tile(bias, times),
        )
        to_passage = PartialAttention(
            *(tf.concat(both, axis=2) for both in zip(by_passage, by_others))
        )
        # To the other keys, which changed, and are the first of the changed rows.
        others = slice(windows.num_keys - windows.num_passage)
        to_others = layer.attend_partly(
            tf.concat([_tile_heads(self._query[:, :, passage_rows], times), query], axis=2),
            key[:, :, others],
            with_one(value[:, :, others]),
            _tile(windows.other_keys_bias, times),
        )
        (context,) = layer.combine([to_passage, to_others])
        return context, tf.concat([_tile(self._hidden[:, passage_rows], times), changed], axis=1)


def _cells_by_layer(cells, num_layers):
    by_layer = [[] for _ in range(num_layers)]
    for cell in cells:
        if cell.layer is not None:
            by_layer[cell.layer].append(cell)
    return by_layer


def _in_groups(cells, most):
    most = most or max(1, len(cells))
    return [cells[first : first + most] for first in range(0, len(cells), most)]


def _tile(x, times):
    """Repeats the batch: ``[B, ...]`` -> ``[times B, ...]``; None stays None."""
    return None if x is None else tf.concat([x] * times, axis=0)


def _tile_heads(x, times):
    """Repeats the batch: ``[N, B, ...]`` -> ``[N, times B, ...]``."""
    return tf.concat([x] * times, axis=1)
