"""Two readers' answers to the same questions: the change of exact match, its interval, its test."""

import math
from typing import NamedTuple

# What the page calls the interval.
INTERVAL = "Newcombe's (1998) for paired proportions"

# The standard normal quantile of a two-sided 95 % interval.
_Z = 1.959964


class Pair(NamedTuple):
    """What came of masking, for some questions.

    Attributes:
        broken, mended: how many were right before only, or after only.
        low, high: 95 % interval of the change, in points.
        p: McNemar's exact test, two-sided.
    """

    broken: int
    mended: int
    low: float
    high: float
    p: float


def paired(before, after):
    """Compares answers question by question.

    Args:
        before, after: bool ``[questions]``, whether an answer is right; at least one question.

    Returns:
        Pair.
    """
    counts = (before & after, before & ~after, ~before & after, ~before & ~after)
    both, broken, mended, neither = (int(count.sum()) for count in counts)
    low, high = _interval(both, broken, mended, neither)
    return Pair(broken, mended, 100 * low, 100 * high, _mcnemar(broken, mended))


def _mcnemar(broken, mended):
    """Twice the chance of so few heads, or tails, in as many tosses of a coin; exact integers."""
    tosses, fewer = broken + mended, min(broken, mended)
    ways = tail = 1
    for heads in range(1, fewer + 1):
        ways = ways * (tosses - heads + 1) // heads
        tail += ways
    return min(1.0, 2 * tail / 2**tosses)


def _interval(both, broken, mended, neither):
    """Newcombe's interval for a difference of paired proportions (1998, his method 10).

    It joins the Wilson intervals of the two proportions, and takes into account that they go
    together.
    """
    total = both + broken + mended + neither
    first, second = both + broken, both + mended
    margins = first * (total - first) * second * (total - second)
    together = both * neither - broken * mended
    if together > 0:
        together = max(0.0, together - total / 2)
    phi = together / math.sqrt(margins) if margins else 0.0
    (low1, high1), (low2, high2) = _wilson(first, total), _wilson(second, total)
    change = (mended - broken) / total
    down, up = second / total - low2, high1 - first / total
    below = math.sqrt(max(0.0, down**2 - 2 * phi * down * up + up**2))
    down, up = first / total - low1, high2 - second / total
    above = math.sqrt(max(0.0, down**2 - 2 * phi * down * up + up**2))
    return change - below, change + above


def _wilson(count, total):
    """Wilson's 95 % interval of a proportion."""
    centre = count + _Z**2 / 2
    half = _Z * math.sqrt(count * (total - count) / total + _Z**2 / 4)
    return (centre - half) / (total + _Z**2), (centre + half) / (total + _Z**2)


def holm(p_values):
    """Holm's correction (1979): the values, raised so that all may be held against one level."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, least = [0.0] * len(order), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p_values[place]))
        corrected[place] = least
    return corrected
