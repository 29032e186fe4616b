"""Paired statistics against naive references, and intervals against simulated pairs."""

from math import factorial

import numpy as np
import pytest

from maps import significance


def naive_mcnemar(broken, mended):
    """Adds up the chances of every number of heads that is no likelier than what was seen."""
    tosses = broken + mended
    total = 0
    for heads in range(tosses + 1):
        ways = factorial(tosses) // factorial(heads) // factorial(tosses - heads)
        if abs(2 * heads - tosses) >= abs(broken - mended):
            total += ways
    return total / 2**tosses


def test_mcnemar_against_a_naive_sum():
    for broken in range(13):
        for mended in range(13):
            p = significance.mcnemar_exact(broken, mended)
            assert p == pytest.approx(naive_mcnemar(broken, mended), rel=1e-12)
    assert significance.mcnemar_exact(0, 0) == 1


def test_holm_against_a_naive_loop():
    rng = np.random.default_rng(0)
    for size in (1, 2, 7, 60):
        p_values = np.round(rng.random(size) ** 6, 3)  # with ties
        corrected = significance.holm(p_values)
        for index, p in enumerate(p_values):
            steps = sorted(p_values)
            upto = max(place for place, value in enumerate(steps) if value == p)
            expected = max((size - j) * steps[j] for j in range(upto + 1))
            assert corrected[index] == pytest.approx(min(1, expected))


def test_counts_and_change_of_a_cell():
    before = np.array([1, 1, 1, 0, 0, 1.0, 0, 0])
    after = np.array([1, 0, 0, 1, 0, 0.0, 0, 0])
    result = significance.compare(before, after)
    assert (result.broken, result.mended, result.change) == (3, 1, -25)
    assert result.low < -25 < result.high
    assert result.p_value == naive_mcnemar(3, 1)
    both = significance.compare(before, np.stack([after, before]))
    assert both.change.tolist() == [-25, 0] and both.p_value[1] == 1


@pytest.mark.parametrize("bad", [[1, 0], [0.5, 1, 1]])
def test_answers_are_right_or_wrong_and_in_pairs(bad):
    with pytest.raises(ValueError):
        significance.compare([1, 0, 1], bad)


@pytest.mark.parametrize("questions", [100, 1000, 10570])
@pytest.mark.parametrize("broken, mended", [(5, 2), (8, 1), (20, 5), (20, 20), (40, 10)])
def test_coverage_on_simulated_pairs(questions, broken, mended):
    """The chances are such that so many questions are expected to be broken and mended."""
    rng = np.random.default_rng(1)
    chances = np.array([broken, mended, questions - broken - mended]) / questions
    counts = rng.multinomial(questions, chances, size=20000)
    truth = 100 * (mended - broken) / questions
    _, low, high = significance.change_with_interval(counts[:, 0], counts[:, 1], questions)
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.97


@pytest.mark.parametrize("broken, mended", [(1, 1), (3, 0), (2, 1)])
def test_intervals_of_a_few_changes_are_never_too_short(broken, mended):
    rng = np.random.default_rng(2)
    chances = np.array([broken, mended, 1000 - broken - mended]) / 1000
    counts = rng.multinomial(1000, chances, size=20000)
    truth = (mended - broken) / 10
    _, low, high = significance.change_with_interval(counts[:, 0], counts[:, 1], 1000)
    assert np.mean((low <= truth) & (truth <= high)) >= 0.93
