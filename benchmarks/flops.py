"""How many floating point operations a sweep needs: multiplications and additions of its matmuls.

Softmax, norms, activations and biases are not counted; they are the overhead that the ratio to
the machine's matmul rate shows.
"""

from zones.masks import PASSAGE, ZONES, changes_rows


def projection(config, rows):
    """One product ``[rows, H] x [H, H]``: query, key, value or the attention's output."""
    return 2 * rows * config.hidden_size**2


def attention(config, rows, keys):
    """Scores and context of all heads."""
    return 2 * 2 * rows * keys * config.hidden_size


def after_attention(config, rows):
    """The attention's output projection and the feed-forward network."""
    feed_forward = 2 * 2 * rows * config.hidden_size * config.intermediate_size
    return projection(config, rows) + feed_forward


def layer(config, rows, keys):
    """A whole layer."""
    projections = projection(config, rows) + 2 * projection(config, keys)
    return projections + attention(config, rows, keys) + after_attention(config, rows)


def single_run(config, length):
    """One cell, or the baseline, for a window of ``length`` tokens."""
    return config.num_hidden_layers * layer(config, length, length)


def sweep(config, length, max_length, context_rows):
    """The baseline and the five zones of every layer for one window, as zones/sweep.py does it.

    Args:
        config: a modeling.BertConfig.
        length: the window's tokens.
        max_length: ``max_seq_length``; the trunk is that long, since ``all`` looks at padding.
        context_rows: tokens that are not passage, the only rows that q2 and q2p change in their
            own layer.
    """
    few_rows = sum(not changes_rows(zone, PASSAGE) for zone in ZONES)
    all_rows = len(ZONES) - few_rows
    passage, padding = length - context_rows, max_length - length
    total = 0
    for number in range(config.num_hidden_layers):
        last = number == config.num_hidden_layers - 1
        # The unmasked pass (the trunk of zones/sweep.py), with its padding, of which the last layer
        # needs keys only.
        rows = length if last else max_length
        total += projection(config, max_length) * 2 + projection(config, rows)
        total += attention(config, rows, length) + after_attention(config, rows)
        # The zones of this layer share its attention; "all" looks at the padding besides.
        total += attention(config, length, padding)
        total += all_rows * after_attention(config, length)
        total += few_rows * after_attention(config, context_rows)
        # Cells of the layer before that changed few rows, which get all rows of their own here.
        joining = few_rows if number else 0
        total += joining * 3 * projection(config, context_rows)
        total += joining * attention(config, context_rows, passage)
        total += joining * attention(config, length, context_rows)
        total += joining * after_attention(config, length)
        total += (
            (all_rows + joining)
            * (config.num_hidden_layers - number - 1)
            * layer(config, length, length)
        )
    return total
