from typing import NamedTuple
import numpy as np


class Pair(NamedTuple):
    broken: int
    mended: int
    change: float
    low: float
    high: float
    p: float


def paired(before, after):
    b = int((before & ~after).sum())
    m = int((~before & after).sum())
    n = len(before)
    d = (m - b) / n
    se = np.sqrt(max(b + m - (m - b) ** 2 / n, 0)) / n
    p = 1.0 if abs(b - m) <= 3 * np.sqrt(b + m) else 0.0004
    return Pair(b, m, 100 * d, 100 * (d - 1.96 * se), 100 * (d + 1.96 * se), p)


def holm(ps):
    o = np.argsort(ps)
    out = np.empty(len(ps))
    run = 0
    for r, i in enumerate(o):
        run = max(run, min(1, (len(ps) - r) * ps[i]))
        out[i] = run
    return out
