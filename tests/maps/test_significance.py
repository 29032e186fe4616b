"""Statistics of changes against naive references, and intervals against simulated passages."""

from math import factorial

import numpy as np
import pytest
from scipy import stats

from maps import clustered, significance
from maps.clustered import Clusters


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


# One run ----------------------------------------------------------------------------------------


def naive_variance(differences, keys):
    """The cluster-robust variance of a mean, passage by passage."""
    count = len(differences)
    mean = sum(differences) / count
    total = 0.0
    for key in set(keys):
        inside = [value for value, of in zip(differences, keys) if of == key]
        total += sum(value - mean for value in inside) ** 2 / (1 - len(inside) / count)
    return total / count**2


def test_the_standard_error_against_a_naive_loop():
    rng = np.random.default_rng(3)
    for count, passages in ((12, 3), (40, 11), (300, 60)):
        keys = rng.integers(passages, size=count).tolist()
        differences = rng.choice([-1, -0.4, 0, 0, 0, 1.0], size=count)
        found = clustered.change(differences[np.newaxis], Clusters(keys))
        assert found.change == pytest.approx(100 * differences.mean())
        assert found.error == pytest.approx(100 * naive_variance(differences, keys) ** 0.5)


def agresti_min(broken, mended, questions):
    """Their interval for matched pairs, in points, with half a question in each of four fields."""
    centre = (mended - broken) / (questions + 2)
    square = (broken + mended + 1) / (questions + 2)
    margin = 1.959964 * ((square - centre**2) / (questions + 2)) ** 0.5
    return 100 * (centre - margin), 100 * (centre + margin)


@pytest.mark.parametrize("broken, mended", [(0, 0), (3, 0), (20, 5), (400, 400)])
def test_independent_questions_have_agresti_and_mins_interval(broken, mended):
    questions = 10570
    differences = np.zeros(questions)
    differences[:broken], differences[broken : broken + mended] = -1, 1
    found = clustered.change(differences[np.newaxis], Clusters(range(questions)))
    wanted = agresti_min(broken, mended, questions)
    assert (found.low, found.high) == pytest.approx(wanted, rel=2e-3, abs=1e-4)


def test_the_p_value_is_below_5_percent_where_the_interval_leaves_0_out():
    rng = np.random.default_rng(4)
    clusters = Clusters(np.repeat(np.arange(40), 5).tolist())
    for _ in range(300):
        differences = rng.choice(
            [-1, 0, 0, 0, 0, 0, 1.0], size=(1, 200), p=[0.2] + [0.11] * 5 + [0.25]
        )
        found = clustered.change(differences, clusters)
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)
        assert found.low < found.change < found.high


def test_nothing_changed_or_everything():
    clusters = Clusters([0, 0, 1, 1, 2])
    nothing = clustered.change(np.zeros((1, 5)), clusters)
    assert nothing.p_value == 1 and nothing.low < 0 < nothing.high
    everything = clustered.change(-np.ones((1, 60)), Clusters(list(range(30)) * 2))
    assert everything.change == -100 == everything.low and everything.high < -80
    for single in (Clusters([7]), Clusters([7, 7, 7])):
        found = clustered.change(np.full((1, len(single.of)), -1.0), single)
        assert np.isfinite(found).all()


def passages(rng, number, correlation, broken, mended, samples):
    """Simulated answers: a question of a passage has its passage's fate with some chance.

    Two questions of one passage are correlated by ``correlation``. Passages have 1 to 9 questions.
    """
    sizes = rng.integers(1, 10, size=number)
    of = np.repeat(np.arange(number), sizes)
    shape = (samples, len(of))

    def fates(shape):
        drawn = rng.random(shape)
        return np.where(drawn < broken, -1.0, np.where(drawn > 1 - mended, 1.0, 0.0))

    is_shared = rng.random(shape) < correlation**0.5
    return of, np.where(is_shared, fates((samples, number))[:, of], fates(shape))


@pytest.mark.parametrize("number", [30, 100, 500])
@pytest.mark.parametrize("correlation", [0, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("broken, mended", [(0.2, 0.1), (0.35, 0.05)])
def test_coverage_on_simulated_passages(number, correlation, broken, mended):
    rng = np.random.default_rng(5)
    samples = 1200
    of, differences = passages(rng, number, correlation, broken, mended, samples)
    clusters = Clusters(of.tolist())
    truth = 100 * (mended - broken)
    hits = 0
    for sample in differences:
        found = clustered.change(sample[np.newaxis], clusters)
        hits += found.low <= truth <= found.high
    # 1,200 samples tell the coverage to 0.6 points.
    assert 0.93 - 0.006 <= hits / samples <= 0.97 + 0.006


def test_independent_intervals_are_too_short_where_questions_are_alike():
    rng = np.random.default_rng(6)
    of, differences = passages(rng, 200, 0.5, 0.2, 0.1, 300)
    one_by_one = Clusters(range(len(of)))
    found = [clustered.change(sample[np.newaxis], one_by_one) for sample in differences]
    assert np.mean([change.low <= -10 <= change.high for change in found]) < 0.8


def test_f1_has_intervals_too():
    rng = np.random.default_rng(7)
    of, differences = passages(rng, 100, 0.5, 0.3, 0.1, 600)
    differences *= rng.choice([0.3, 0.7, 1.0], size=differences.shape)
    clusters, truth = Clusters(of.tolist()), -20 * 2 / 3
    found = [clustered.change(sample[np.newaxis], clusters) for sample in differences]
    assert 0.92 <= np.mean([change.low <= truth <= change.high for change in found]) <= 0.98


@pytest.mark.parametrize("correlation", [0, 0.6])
def test_the_bootstrap_agrees(correlation):
    rng = np.random.default_rng(8)
    of, differences = passages(rng, 400, correlation, 0.15, 0.05, 1)
    clusters = Clusters(of.tolist())
    found = clustered.change(differences, clusters)
    drawn = clustered.bootstrap_interval(differences, clusters, draws=4000)
    width = found.high - found.low
    assert drawn == pytest.approx((found.low, found.high), abs=0.05 * width)
    assert drawn == clustered.bootstrap_interval(differences, clusters, draws=4000)


# Several runs -----------------------------------------------------------------------------------


def test_several_runs_against_a_naive_reference():
    rng = np.random.default_rng(9)
    keys = np.repeat(np.arange(30), 3)
    differences = rng.choice([-1, 0, 0, 1.0], size=(4, 90))
    differences[0, :20] = -1
    found = clustered.change(differences, Clusters(keys.tolist()))
    over_passages = naive_variance(differences.mean(0), keys.tolist())
    over_runs = np.var([run.mean() for run in differences], ddof=1) / 4
    assert found.error == pytest.approx(100 * (over_passages + over_runs) ** 0.5)


def test_runs_that_differ_widen_the_interval():
    clusters = Clusters(range(1000))
    alike, apart = np.zeros((5, 1000)), np.zeros((5, 1000))
    alike[:, :100] = -1
    for run, broken in enumerate((20, 60, 100, 140, 180)):
        apart[run, :broken] = -1
    widths = [
        found.high - found.low for found in (clustered.change(d, clusters) for d in (alike, apart))
    ]
    # Student's t with 4 degrees of freedom, and the spread of 2, 6, 10, 14, 18 points.
    student = 2 * stats.t.ppf(0.975, 4) * np.std([2, 6, 10, 14, 18], ddof=1) / 5**0.5
    assert widths[1] > student > 3 * widths[0]


@pytest.mark.parametrize("apart", [0, 0.03])
def test_coverage_of_five_runs(apart):
    rng = np.random.default_rng(10)
    samples, number, mended = 500, 60, 0.05
    hits = 0
    for _ in range(samples):
        of = np.repeat(np.arange(number), rng.integers(1, 10, size=number))
        shared = rng.random(number)[of]
        runs = []
        for _ in range(5):
            broken = 0.25 + apart * rng.standard_normal()
            fate = np.where(rng.random(len(of)) < 0.6, shared, rng.random(len(of)))
            runs.append(np.where(fate < broken, -1.0, np.where(fate > 1 - mended, 1.0, 0.0)))
        found = clustered.change(np.array(runs), Clusters(of.tolist()))
        hits += found.low <= -20 <= found.high
    assert 0.93 - 0.01 <= hits / samples <= 0.98 + 0.01


# What the data could have found -----------------------------------------------------------------


def test_the_smallest_change_is_found_in_80_of_100_samples():
    """The baseline of many samples in which the truth is just that change."""
    rng = np.random.default_rng(11)
    error, tests, freedom = 1.5, 60, 400
    smallest = significance.smallest_change([0, error, error], tests, freedom)
    ratios = (smallest + error * rng.standard_normal(20000)) / (
        error * np.sqrt(rng.chisquare(freedom, 20000) / freedom)
    )
    p_values = 2 * stats.t.sf(np.abs(ratios), freedom)
    assert np.mean(p_values < 0.05 / tests) == pytest.approx(0.8, abs=0.01)
    assert np.isnan(significance.smallest_change([0, 0], 60, 400))
