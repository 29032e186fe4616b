"""How many floating point operations a sweep needs: multiplications and additions of its matmuls.

Softmax, norms, activations and biases are not counted; they are the overhead that the ratio to
the machine's matmul rate shows.
"""


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
    """The baseline and the five zones of every layer for one window, as reading.Reader does it.

    Args:
        config: a modeling.BertConfig.
        length: the window's tokens.
        max_length: ``max_seq_length``; the trunk is that long, since ``all`` looks at padding.
        context_rows: tokens that are not passage, the only rows that q2 and q2p change and the
            only keys that p2 leaves the passage.
    """
    total = 0
    for number in range(config.num_hidden_layers):
        last = number == config.num_hidden_layers - 1
        # The trunk, with its padding; the last layer's padding is needed as keys only.
        rows = length if last else max_length
        total += projection(config, max_length) * 2 + projection(config, rows)
        total += attention(config, rows, length) + after_attention(config, rows)
        # The forks share the trunk's query, key, value and raw scores.
        total += attention(config, length, max_length)  # all
        total += attention(config, length, length) // 2  # p2q: the context alone
        total += attention(config, length, context_rows)  # p2: keys outside the passage
        total += 2 * attention(config, context_rows, length) // 2  # q2, q2p
        total += 3 * after_attention(config, length) + 2 * after_attention(config, context_rows)
        total += 5 * (config.num_hidden_layers - number - 1) * layer(config, length, length)
    return total
