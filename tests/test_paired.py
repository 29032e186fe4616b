"""Intervals and tests of paired answers: by hand, by symmetry, and by simulation."""

import numpy as np
import pytest

from report_page.paired import holm, paired


def answers(both, broken, mended, neither):
    before = [True] * (both + broken) + [False] * (mended + neither)
    after = [True] * both + [False] * broken + [True] * mended + [False] * neither
    return np.array(before), np.array(after)


@pytest.mark.parametrize(
    "counts, p",
    [
        ((0, 0, 0, 5), 1.0),
        ((9, 1, 0, 0), 1.0),
        ((9, 5, 0, 0), 2 / 32),
        ((0, 1, 7, 3), 2 * (1 + 8) / 256),
        ((10, 3, 3, 0), 1.0),
        ((0, 1, 5, 0), 2 * 7 / 64),
    ],
)
def test_mcnemar(counts, p):
    pair = paired(*answers(*counts))
    assert (pair.broken, pair.mended) == counts[1:3]
    assert pair.p == pytest.approx(p, rel=1e-12)


def test_thousands_of_questions_are_no_trouble():
    assert paired(*answers(7000, 1500, 200, 1870)).p < 1e-200
    assert paired(*answers(5000, 1000, 1000, 3000)).p == 1.0


def test_intervals_mirror_each_other():
    pair, mirrored = paired(*answers(60, 12, 5, 23)), paired(*answers(60, 5, 12, 23))
    assert (pair.low, pair.high) == pytest.approx((-mirrored.high, -mirrored.low))
    assert pair.low < 100 * (5 - 12) / 100 < pair.high
    # With nothing changed, a small sample still leaves room; a large one leaves little.
    small, large = paired(*answers(5, 0, 0, 5)), paired(*answers(5000, 0, 0, 5000))
    assert small.low < -5 and small.high > 5
    assert -0.1 < large.low < 0 < large.high < 0.1


@pytest.mark.parametrize("size, broken, mended", [(300, 0.04, 0.02), (2000, 0.15, 0.02)])
def test_coverage(size, broken, mended):
    rng = np.random.RandomState(0)
    shares = [0.7 - broken, broken, mended, 0.3 - mended]
    held, runs = 0, 1500
    for counts in rng.multinomial(size, shares, runs):
        pair = paired(*answers(*counts))
        held += pair.low <= 100 * (mended - broken) <= pair.high
    assert 0.93 <= held / runs <= 0.97


def test_holm():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
