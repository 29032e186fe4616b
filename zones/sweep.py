"""All cells in one pass: the fast equal of ``reader.py``.

Masking layer k leaves every layer before k as it was. So the windows go through all layers once
with nothing masked, which is called the *trunk* here; where cells mask layer k, a *variant* of the
hidden states for each of them branches off (it *leaves* the trunk), and goes through the later
layers by itself. With three layers and two cells that mask the second of them, layer 1::

    trunk:           layer 0 -> layer 1 -------> layer 2 -> logits of the baseline
    cell (1, p2q):           -> layer 1, p2q --> layer 2 -> logits of the cell
    cell (1, p2):            -> layer 1, p2 ---> layer 2 -> logits of the cell

That is 7 layers in place of 9; for sixty cells and the baseline in 12 layers, 402 in place of 732.
Four more things save work:

* In layer k, all zones share the scores of one attention. The sums in a softmax over all keys are
  made of sums over groups of keys, here one group for each role; what a zone needs is put together
  from the groups that it does not mask (PartialAttention).
* Tokens are sorted by role, so that the keys of a group stand together (by_role.py).
* q2 and q2p mask nothing for the passage's rows, so that in layer k only the other rows come out
  *changed*: some 16 of a window's 190 tokens. Up to layer k + 1 such a cell is kept as these rows
  alone, *beside* the trunk, whose passage rows it shares. In layer k + 1 the passage looks at the
  changed rows, and there the cell leaves the trunk with all its rows.
* A cell of one head takes that head's context from its zone's, and the others' from the trunk's.

A cell of several layers leaves the trunk at its first layer, and is then read as reader.py does.

The letters in the shapes are those of modeling.py, and Z is how many cells leave at one layer.
"""

import collections
from typing import NamedTuple

import tensorflow.compat.v1 as tf

from modeling import shape_of
from zones.by_role import BatchByRole
from zones.cells import BASELINE
from zones.masks import sees_padding, tells_specials_apart

# The largest score of a group without keys. Below any score or bias, and in the range of float16.
LOWEST_SCORE = -60000.0


def read_cells(reader, batch, cells, variants_at_once=None):
    """The logits of every cell, in one pass.

    What nobody asks for is never computed: TensorFlow leaves out the part of a graph that is not
    fetched. What is masked in every layer shares nothing with the trunk.

    Args:
        reader: a Reader.
        batch: a Batch of B windows.
        cells: the cells to read with; BASELINE among them asks for the trunk's own logits.
        variants_at_once: the most cells of a layer to take to the end together; None is all.

    Returns:
        An ordered dict: cell -> float32 ``[B, F, 2]``, the logits of start and end.
    """
    return read_and_weigh(reader, batch, cells, variants_at_once)[0]


def read_and_weigh(reader, batch, cells, variants_at_once=None, weighed=()):
    """As read_cells, and how much the unmasked reader looks at the keys of zones.

    Args:
        reader, batch, cells, variants_at_once: as in read_cells.
        weighed: names of Z zones that do not see padding.

    Returns:
        (logits as of read_cells; float32 ``[B, layers, N, Z]``: in each head the sum, over the
        window's tokens that look in a zone, of the weight that they give to its keys; int32
        ``[B, Z]``: how many tokens look in it). The last two are None if no zone is weighed.
    """
    logits, weights, rows = {}, [], None
    if weighed or any(cell.layer is not None for cell in cells):
        zones = [cell.zone for cell in cells] + list(weighed)
        by_role = BatchByRole(batch, any(map(tells_specials_apart, zones)))
        logits = _read_forking(reader, by_role, cells, variants_at_once, weighed, weights)
        rows = by_role.rows_of(weighed) if weighed else None
    for cell in cells:
        if cell not in logits:
            logits[cell] = reader.read(batch, cell)
    logits = collections.OrderedDict((cell, logits[cell]) for cell in cells)
    return logits, tf.stack(weights, axis=1) if weighed else None, rows


def _read_forking(reader, batch, cells, variants_at_once, weighed=(), weights=None):
    """The logits of the trunk and of the cells that leave it, cell -> ``[B, F, 2]``.

    One layer's variants are taken to the end before the trunk goes on, so that memory holds the
    variants of one layer at most.

    Args:
        batch: a BatchByRole.
        reader, cells, variants_at_once: as in read_cells.
        weighed: as in read_and_weigh.
        weights: a list to which the weights of each layer are added, ``[B, N, Z]``.
    """
    forks = _by_first_layer(cells, len(reader.layers))
    last_padded = _last_padded(forks)
    hidden = reader.embeddings(
        batch.input_ids, batch.input_mask, batch.segment_ids, batch.positions
    )
    if last_padded < 0:
        hidden = hidden[:, : batch.num_rows]
    logits, beside = {}, {}
    for number, layer in enumerate(reader.layers):
        if not (forks[number] or beside or weighed):
            hidden = layer(hidden, batch.bias(None), batch.length)
            continue
        of_one_layer = [cell for cell in forks[number] if cell.is_of_one_layer]
        runs = [cell for cell in forks[number] if not cell.is_of_one_layer]
        trunk = _TrunkLayer(layer, batch, hidden, of_one_layer, number < last_padded)
        if weighed:
            weights.append(batch.weights_of(weighed, trunk.group_weights()))
        few_rows = [cell for cell in of_one_layer if batch.carries_passage(cell.zone)]
        all_rows = [cell for cell in of_one_layer if cell not in few_rows]
        for group in _in_groups(list(beside) + all_rows, variants_at_once):
            hidden, bias = trunk.variants(group, beside), _tile(batch.bias(None), len(group))
            for later in reader.layers[number + 1 :]:
                hidden = later(hidden, bias, batch.num_keys_of_rows)
            forked = reader.span_logits(hidden)
            logits.update(zip(group, tf.split(forked, len(group))))
            trunk.wait_for(forked)
        for cell in runs:
            logits[cell] = reader.read_on(batch, trunk.input, cell, number)
            trunk.wait_for(logits[cell])
        beside = trunk.changed_rows(few_rows)
        hidden = trunk.output
    logits[BASELINE] = unmasked = reader.span_logits(hidden)
    for cell, changed in beside.items():
        carried = unmasked[:, : batch.num_passage]
        logits[cell] = tf.concat([carried, reader.span_logits(changed)], axis=1)
    return {cell: batch.in_order(of_cell) for cell, of_cell in logits.items()}


def _last_padded(forks):
    """The last layer in which a cell looks at padding: up to it the trunk has its rows; or -1."""
    return max([-1] + [n for n, leaving in enumerate(forks) if any(map(_sees_padding, leaving))])


def _sees_padding(cell):
    return sees_padding(cell.zone)


class _TrunkLayer:
    """The unmasked batch in one layer, and the cells that leave it there.

    Args:
        layer: a modeling.TransformerLayer.
        batch: a BatchByRole.
        hidden: what comes into the layer, ``[B, T, H]``, or ``[B, F, H]`` without the padding.
        cells: those that mask this layer alone.
        keep_padding: whether the padding's rows are wanted in the next layer.

    Attributes:
        input: what comes into the layer: hidden.
        output: what goes out of it, with the same rows; or F, without keep_padding.
    """

    def __init__(self, layer, batch, hidden, cells, keep_padding):
        self._layer, self._batch = layer, batch
        self.input = hidden
        self._hidden = hidden[:, : batch.num_rows]
        query, key, value = layer.project(hidden)
        self._query = query[:, :, : batch.num_rows]
        padded = any(map(_sees_padding, cells))
        groups = batch.keys_by_role(key, _with_one(value), padded=padded)
        parts = [_attend_partly(layer, self._query, *group) for group in groups]
        self._real = parts[: batch.num_groups]
        # The passage's keys, and attention to them: the first group.
        self._passage, self._to_passage = groups[0], parts[0]
        zones = list(dict.fromkeys(cell.zone for cell in cells))
        context, *contexts = _combine(parts, batch.zones_bias([None] + zones, padded))
        self._plain_context, self._contexts = context, dict(zip(zones, contexts))
        residual = self._hidden
        if keep_padding and batch.padding_apart:
            # Rows of padding look at the window's tokens, with nothing but padding masked. Only
            # "all" in a later layer looks at them, so that cells of this layer have none.
            real = slice(batch.length)
            of_padding = layer.attend(
                query[:, :, batch.num_rows :], key[:, :, real], value[:, :, real], batch.bias(None)
            )
            context, residual = tf.concat([context, of_padding], axis=1), hidden
        self.output = layer.finish(context, residual)

    def group_weights(self):
        """How much each row gives to each group of keys, ``[N, B, F, G]``; the sum of G is 1."""
        peaks = tf.concat([part.peak for part in self._real], axis=-1)
        sums = tf.concat([part.sums[..., -1:] for part in self._real], axis=-1)
        shares = tf.exp(peaks - tf.reduce_max(peaks, axis=-1, keepdims=True)) * sums
        return shares / tf.reduce_sum(shares, axis=-1, keepdims=True)

    def wait_for(self, tensor):
        """Delays what is made of this layer from now on until that tensor has been computed.

        So TensorFlow does not compute two groups of variants at once, each of which takes memory.
        """
        with tf.control_dependencies([tensor]):
            for name in ("input", "output", "_plain_context", "_contexts", "_to_passage"):
                held = tf.nest.map_structure(tf.identity, getattr(self, name))
                setattr(self, name, held)

    def _context(self, cell):
        """The context of a cell that masks this layer, ``[B, F, H]``."""
        masked = self._contexts[cell.zone]
        if cell.head is None:
            return masked
        first = cell.head * self._layer.head_size
        end = first + self._layer.head_size
        plain = self._plain_context
        return tf.concat([plain[..., :first], masked[..., first:end], plain[..., end:]], axis=-1)

    def changed_rows(self, cells):
        """The rows that come out changed, for cells of zones that leave the passage's rows alone.

        Returns:
            cell -> ``[B, R, H]``, R being how many rows are not passage; to go on beside the trunk.
        """
        if not cells:
            return {}
        first = self._batch.num_passage
        context = tf.concat([self._context(cell)[:, first:] for cell in cells], axis=0)
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
        masked = [self._context(cell) for cell in cells if cell not in beside]
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
        layer, batch, times = self._layer, self._batch, len(changed)
        passage_rows = slice(batch.num_passage)
        changed = tf.concat(changed, axis=0)
        query, key, value = layer.project(changed)
        # Attention to the passage's keys, which are the trunk's. What the passage's own rows make
        # of them is known from the trunk; only the changed rows are computed.
        passage_key, passage_value, bias = self._passage
        by_passage = [_tile_heads(x[:, :, passage_rows], times) for x in self._to_passage]
        by_others = _attend_partly(
            layer,
            query,
            _tile_heads(passage_key, times),
            _tile_heads(passage_value, times),
            _tile(bias, times),
        )
        to_passage = PartialAttention(
            *(tf.concat(both, axis=2) for both in zip(by_passage, by_others))
        )
        # Attention of all rows to the other keys, which have changed. They are the first of the
        # changed rows; behind them may stand padding, which is no key here.
        others = slice(batch.length - batch.num_passage)
        to_others = _attend_partly(
            layer,
            tf.concat([_tile_heads(self._query[:, :, passage_rows], times), query], axis=2),
            key[:, :, others],
            _with_one(value[:, :, others]),
            _tile(batch.other_keys_bias, times),
        )
        (context,) = _combine([to_passage, to_others])
        return context, tf.concat([_tile(self._hidden[:, passage_rows], times), changed], axis=1)


def _by_first_layer(cells, num_layers):
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


# Attention in parts -----------------------------------------------------------------------------


class PartialAttention(NamedTuple):
    """Attention to some of the keys, before it is divided by the sum of its weights.

    A key's weight is ``e^(s - peak)``, s being its score.
    """

    peak: tf.Tensor  # the largest score, [N, B, F, 1]
    sums: tf.Tensor  # of the weighted values, and of the weights, [N, B, F, D + 1]


def _with_one(value):
    """``[N, B, K, D]`` -> ``[N, B, K, D + 1]``: a weighted sum then has the weights' sum, too."""
    return tf.concat([value, tf.ones_like(value[..., :1])], axis=-1)


def _attend_partly(layer, query, key, value_and_one, bias):
    """Attention to a group of keys, to be combined with that to other groups.

    A softmax over all keys is made of sums over groups of them: of ``e^s``, and of ``e^s`` times
    the value (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018, section
    3.1). So what many masks share is computed once.

    Args:
        layer: the TransformerLayer.
        query, key, bias: as in TransformerLayer.attend. K may be 0.
        value_and_one: ``[N, B, K, D + 1]``, of _with_one.

    Returns:
        PartialAttention.

    Raises:
        ValueError: the layer has attention dropout, which needs the probabilities themselves.
    """
    if layer.attention_dropout:
        raise ValueError("cells of one layer can be decoded with, not trained with")
    scores = layer.scores(query, key, bias)
    # [N, B, F, 1]. Of a group without keys it would be minus infinity, which makes NaN later.
    peak = tf.maximum(tf.reduce_max(scores, axis=-1, keepdims=True), LOWEST_SCORE)
    return PartialAttention(peak, tf.matmul(tf.exp(scores - peak), value_and_one))


def _combine(parts, bias=None):
    """Attention to all groups of keys, for Z masks of them at once.

    Args:
        parts: the PartialAttention to each of G groups.
        bias: what each mask adds to all scores of a group, ``[B, F, Z, G]``; None is one mask that
            adds nothing.

    Returns:
        The context for each mask, a list of Z times ``[B, F, H]``.
    """
    # [N, B, F, 1, G]
    peaks = tf.concat([part.peak for part in parts], axis=-1)[..., tf.newaxis, :]
    if bias is not None:
        peaks += bias
    weights = tf.exp(peaks - tf.reduce_max(peaks, axis=-1, keepdims=True))
    # [N, B, F, Z, G] x [N, B, F, G, D + 1]
    sums = tf.matmul(weights, tf.stack([part.sums for part in parts], axis=3))
    num_heads, _, _, _, width = sums.shape.as_list()
    values, totals = tf.split(sums, [width - 1, 1], axis=-1)
    # [Z, B, F, N, D]
    contexts = tf.transpose(values * tf.math.reciprocal(totals), [3, 1, 2, 0, 4])
    num_masks = 1 if bias is None else bias.shape.as_list()[2]
    shape = [num_masks, shape_of(contexts)[1], -1, num_heads * (width - 1)]
    return tf.unstack(tf.reshape(contexts, shape))
