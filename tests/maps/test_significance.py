"""Statistics of changes against naive references, and intervals against simulated passages."""

from math import factorial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from maps import clustered, significance
from maps.clustered import Clusters
from tests.support.simulated import coverage, passages, runs_of_passages


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
    """The variance of a mean: cluster-robust, drawn to that of passages of equal likeness."""
    count, number = len(differences), len(set(keys))
    mean = sum(differences) / count
    robust = between = within = squared_sizes = 0.0
    for key in set(keys):
        inside = [value for value, of in zip(differences, keys) if of == key]
        own = sum(inside) / len(inside)
        robust += sum(value - mean for value in inside) ** 2 / (1 - len(inside) / count)
        between += len(inside) * (own - mean) ** 2
        within += sum((value - own) ** 2 for value in inside)
        squared_sizes += len(inside) ** 2
    # The two mean squares of the analysis of variance, and the correlation they give (Donner).
    size = (count - squared_sizes / count) / (number - 1)
    of_between, of_within = between / (number - 1), within / (count - number)
    correlation = (of_between - of_within) / (of_between + (size - 1) * of_within)
    correlation += (1 - correlation) * 0.5 / (number + 0.5)
    alike = 1 + correlation * (squared_sizes / count - 1)
    alike *= sum((value - mean) ** 2 for value in differences) / count**2
    return (number * robust / count**2 + 100 * alike) / (number + 100)


def test_the_standard_error_against_a_naive_loop():
    rng = np.random.default_rng(3)
    for count, number in ((12, 3), (40, 11), (300, 60)):
        keys = rng.integers(number, size=count).tolist()
        differences = rng.choice([-1, -0.4, 0, 0, 0, 1.0], size=count)
        found = clustered.change(differences[np.newaxis], Clusters(keys))
        assert found.change == pytest.approx(100 * differences.mean())
        assert found.error == pytest.approx(100 * naive_variance(differences, keys) ** 0.5)


def naive_score(mended, broken, questions, truth):
    """Tango's statistic, squared; the likeliest chances are searched, not solved for."""

    def likelihood(chance):
        terms = ((mended, chance + truth), (broken, chance))
        terms += ((questions - mended - broken, 1 - truth - 2 * chance),)
        return sum(times * np.log(max(share, 1e-300)) for times, share in terms if times)

    chances = max(0.0, -truth), (1 - truth) / 2
    for _ in range(200):
        first, second = chances[0] * 2 / 3 + chances[1] / 3, chances[0] / 3 + chances[1] * 2 / 3
        is_left = likelihood(first) > likelihood(second)
        chances = (chances[0], second) if is_left else (first, chances[1])
    chance = sum(chances) / 2
    error = (2 * chance + truth - truth**2) / questions
    return ((mended - broken) / questions - truth) ** 2 / error


@pytest.mark.parametrize("broken, mended", [(0, 0), (3, 0), (0, 1), (20, 5), (400, 400)])
def test_independent_questions_have_tangos_interval(broken, mended):
    questions = 10570
    differences = np.zeros(questions)
    differences[:broken], differences[broken : broken + mended] = -1, 1
    found = clustered.change(differences[np.newaxis], Clusters(range(questions)))
    assert found.low < found.change < found.high
    for end in (found.low, found.high):
        score = naive_score(mended, broken, questions, end / 100)
        assert score**0.5 == pytest.approx(stats.t.ppf(0.975, questions - 1), rel=2e-3)


def test_the_p_value_of_independent_questions_is_mcnemars():
    differences = np.zeros(5000)
    differences[:60], differences[60:90] = -1, 1
    found = clustered.change(differences[np.newaxis], Clusters(range(5000)))
    without_continuity = 2 * stats.norm.sf((60 - 30) / (60 + 30) ** 0.5)
    assert found.p_value == pytest.approx(without_continuity, rel=0.03)


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
    pairs = Clusters(list(range(30)) * 2)
    nothing = clustered.change(np.zeros((1, 60)), pairs)
    # Tango's interval for thirty questions, as many as there are passages.
    square = stats.t.ppf(0.975, 29) ** 2
    assert nothing.p_value == 1 and nothing.high == pytest.approx(100 * square / (30 + square))
    assert nothing.low == -nothing.high
    everything = clustered.change(-np.ones((1, 60)), pairs)
    assert everything.change == -100 == everything.low and everything.high < -75
    for single in (Clusters([7]), Clusters([7, 7, 7])):
        found = clustered.change(np.full((1, len(single.of)), -1.0), single)
        assert np.isfinite(found).all()


# Chances of a broken and a mended question.
CHANCES = [(0.35, 0.05), (0.2, 0.1), (0.1, 0.0), (0.05, 0.02)]


@pytest.mark.parametrize("broken, mended", CHANCES)
@pytest.mark.parametrize("correlation", [0, 0.8])
def test_coverage_of_few_passages(broken, mended, correlation):
    samples = 500
    ours, independent = coverage(30, correlation, broken, mended, samples)
    # So many samples tell the coverage to a point.
    assert 0.93 - 0.01 <= ours <= 0.97 + 0.01
    assert independent < 0.65 or correlation == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [30, 60, 100, 500])
@pytest.mark.parametrize("correlation", [0, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("broken, mended", CHANCES)
def test_coverage_on_simulated_passages(number, correlation, broken, mended):
    ours, _ = coverage(number, correlation, broken, mended, 6000)
    # In 4 of 100 samples of the one nothing changes; no interval may miss the truth in these.
    highest = 0.975 if (number, correlation, mended) == (30, 0.8, 0.02) else 0.97
    # So many samples tell the coverage to 0.3 points.
    assert 0.93 - 0.003 <= ours <= highest + 0.003


@pytest.mark.parametrize("broken, mended", [(0.02, 0.01), (0.03, 0.0)])
def test_an_interval_holds_the_truth_where_hardly_a_passage_changes(broken, mended):
    """Most of 30 passages keep all their answers; no interval that allows for it is short."""
    ours, _ = coverage(30, 0.8, broken, mended, 400)
    assert ours >= 0.93


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
    drawn = runs_of_passages(np.random.default_rng(10), 5, 60, apart, 600)
    found = [clustered.change(differences, Clusters(of.tolist())) for of, differences in drawn]
    hits = np.mean([change.low <= -20 <= change.high for change in found])
    assert 0.93 - 0.01 <= hits <= 0.97 + 0.01


# What the data could have found -----------------------------------------------------------------


def table_with(errors, run_errors, freedom):
    return pd.DataFrame({"error": errors, "run_error": run_errors, "freedom": freedom})


def test_the_smallest_change_is_found_in_80_of_100_samples():
    """The errors of many samples in which the truth is just that change."""
    rng = np.random.default_rng(11)
    error, freedom = 1.5, 400
    table = table_with([0] + [error] * 59, 0.0, freedom)
    smallest = significance.power_of(table, 400).points
    ratios = (smallest + error * rng.standard_normal(20000)) / (
        error * np.sqrt(rng.chisquare(freedom, 20000) / freedom)
    )
    p_values = 2 * stats.t.sf(np.abs(ratios), freedom)
    assert np.mean(p_values < 0.05 / 60) == pytest.approx(0.8, abs=0.01)
    assert significance.power_of(table_with([0, 0], 0.0, freedom), 400) is None


def test_the_smallest_change_of_simulated_passages():
    """One of sixty cells loses what could be found; it is found in about 80 of 100 data sets."""
    rng, number = np.random.default_rng(12), 400
    of, differences = passages(rng, number, 0.3, 0.11, 0.05, 300)
    clusters = Clusters(of.tolist())
    found = [clustered.change(sample[np.newaxis], clusters) for sample in differences]
    table = table_with([change.error for change in found[:60]], 0.0, clusters.freedom)
    smallest = significance.power_of(table, number).points
    assert smallest == pytest.approx(6, abs=0.5)  # what these chances make of the truth
    assert np.mean([change.p_value < 0.05 / 60 for change in found]) == pytest.approx(0.8, abs=0.1)


def test_how_many_passages_a_change_of_one_point_takes():
    table = table_with([2.0] * 10, 0.0, 1000)
    power = significance.power_of(table, 50)
    assert power.clusters == pytest.approx(50 * power.points**2)
    # So many passages bring the error down to where 1 point is found.
    less = table_with([2.0 * (50 / power.clusters) ** 0.5] * 10, 0.0, 1000)
    assert significance.power_of(less, power.clusters).points == pytest.approx(1)
    # More passages do not bring down what comes from the runs.
    some = significance.power_of(table_with([2.0] * 10, 0.2, 1000), 50)
    assert some.points == power.points and some.clusters > 1.5 * power.clusters
    assert significance.power_of(table_with([2.0] * 10, 0.5, 1000), 50).clusters is None
