"""The reader with a zone masked, written out in numpy one pair of tokens and one head at a time."""

import numpy as np
import tensorflow.compat.v1 as tf

import modeling
from zones.reader import Reader

tf.disable_v2_behavior()

CONFIG = modeling.BertConfig(
    vocab_size=30,
    hidden_size=12,
    num_hidden_layers=3,
    num_attention_heads=3,
    intermediate_size=20,
    max_position_embeddings=24,
    initializer_range=0.5,
)


# Zones of one's own, as a file has them.
OWN_ZONES = {
    "sep": [["any", "sep"], ["any", "end"]],
    "front": [[["passage", "end"], "cls"]],
    "c2p": [["cls", ["passage", "question"]]],
    "nothing": [["any", "any"]],
    "s2": [["special", "special"]],
}
_FORBIDDEN = {
    "sep": lambda row, key: key in ("sep", "end"),
    "front": lambda row, key: row in ("passage", "end") and key == "cls",
    "c2p": lambda row, key: row == "cls" and key in ("passage", "question"),
    "nothing": lambda row, key: True,
    "s2": lambda row, key: {row, key} <= {"cls", "sep", "end"},
}


def kinds(roles, mask, segments):
    """What each token is: cls, question, sep, passage, end; padding, as a row, is an end, too."""
    found = []
    for place, role in enumerate(roles):
        if role:
            found.append(("question", "passage")[role - 1])
        elif place == 0:
            found.append("cls")
        else:
            found.append("end" if segments[place] or not mask[place] else "sep")
    return found


def naive_mask(zone, roles, mask, segments=None):
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
            elif zone in OWN_ZONES:
                of = kinds(roles, mask, segments)
                # Where a zone takes all tokens away, padding is still further off.
                masked[row, key] = not mask[key] or _FORBIDDEN[zone](of[row], of[key])
    term = -10000.0 * masked
    return term if zone == "all" else term - 10000.0 * (np.asarray(mask) == 0)


def naive_logits(weights, config, window, cell, attention=None):
    """The whole reader for one window, ``[4, T]`` -> ``[T, 2]``, in float64, one head at a time.

    The softmax of each layer's heads, ``[T, T]``, is added to the dict ``attention``, if there is
    one: (layer, head) -> array.
    """
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
        last = cell.layer if cell.last_layer is None else cell.last_layer
        masked_here = cell.layer is None or cell.layer <= number <= last
        plain_term = naive_mask(None, roles, mask)
        zone_term = naive_mask(cell.zone, roles, mask, segments) if masked_here else plain_term
        context = np.zeros_like(x)
        for head in range(config.num_attention_heads):
            part = slice(head * size, (head + 1) * size)
            term = zone_term if cell.head in (None, head) else plain_term
            scores = query[:, part] @ key[:, part].T / np.sqrt(size) + term
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            shares /= shares.sum(-1, keepdims=True)
            context[:, part] = shares @ value[:, part]
            if attention is not None:
                attention[number, head] = shares
        x = norm(dense(context, scope + "attention/output/dense") + x, scope + "attention/output")
        up = dense(x, scope + "intermediate/dense")
        up = 0.5 * up * (1 + np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up**3)))
        x = norm(dense(up, scope + "output/dense") + x, scope + "output")
    return x @ weights["cls/squad/output_weights"].T + weights["cls/squad/output_bias"]


def random_weights(config):
    """Random weights of a reader: variable name -> float64 array."""
    rng = np.random.RandomState(1)
    with tf.Graph().as_default():
        Reader(config)
        shapes = {v.op.name: v.shape.as_list() for v in tf.global_variables()}
    weights = {name: config.initializer_range * rng.randn(*shapes[name]) for name in sorted(shapes)}
    for name in weights:
        weights[name] += name.endswith("gamma")
    return weights


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


def load(weights, session):
    """Gives the variables of the session's graph these values, in one run rather than one for each.

    Of each run TensorFlow looks through the whole graph first.
    """
    variables = tf.global_variables()
    session.run(
        [variable.initializer for variable in variables],
        {variable.initializer.inputs[1]: weights[variable.op.name] for variable in variables},
    )
