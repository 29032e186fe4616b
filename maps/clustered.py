"""Confidence intervals for changes of a score that allow for correlation inside a passage.

SQuAD asks about five questions of a passage. If a mask breaks the answer to one of them, it is
likelier to break the others, so that five questions of one passage carry less information than
five questions of five passages (for evaluations of language models: E. Miller, "Adding Error Bars
to Evals", arXiv:2411.00640, 2024). An interval is computed in three steps.

1. **The variance of the mean change**, for G passages of n questions each, N in all. It is the
   weighted mean of two estimates, with the weights G and 100.
   The first, *cluster-robust*, is the sum over passages of the square of the passage's summed
   deviations, divided by N^2 (Liang and Zeger, Biometrika 73, 1986); for a small number of passages
   each square is divided by 1 - n / N (CR2 of Bell and McCaffrey, Survey Methodology 28, 2002, for
   a mean). It assumes nothing, but varies much where few passages change.
   The second assumes that any two questions of one passage have the same correlation r:
   s^2 (1 + r (sum n^2 / N - 1)) / N, with s^2 the variance of a question's change. r is estimated
   by the analysis of variance (Donner, International Statistical Review 54, 1986).
2. **The effective number of questions**: the number of independent questions whose mean would have
   that variance (Korn and Graubard, Survey Methodology 24, 1998). If no question changes, nothing
   tells how alike those of a passage are; then it is the effective number of passages.
3. **The interval** is Tango's score interval for paired proportions (Statistics in Medicine 17,
   1998) for that number of questions. It is long enough, and asymmetric as it should be, where
   changes are rare. Its quantile is that of Student's t, not of the normal distribution; the
   degrees of freedom are the effective number of passages, N^2 / sum n^2 (Kish, Survey Sampling,
   1965), less one. F1 changes by fractions; the interval is that of the probabilities of a broken
   and of a mended question which give the same mean and the same mean square.

The p value is that of the same score test. For independent questions it is McNemar's.

Of several runs, both runs and passages are random samples: the variance is that over passages, of
the changes averaged over runs, plus that over runs, with Satterthwaite's degrees of freedom.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from common.command_line import UserError

# The weight of the variance that assumes one correlation for all passages; that of the
# cluster-robust variance is the number of passages.
_WEIGHT_OF_ONE_CORRELATION = 100.0

# The estimate of the correlation counts this many more passages, with a correlation of 1: where
# hardly a passage changes, the data alone would often give 0.
_PASSAGES_ADDED = 0.5

# The effective number of questions is at most this many times their number: the sums of a few
# passages may be equal by chance, and their variance then close to 0.
_MOST_EFFECTIVE = 2.0

# Steps of bisection, enough for all digits that a table shows.
_HALVINGS = 50

# With fewer clusters than this, or fewer in which anything changes, no interval is reliable.
FEW_CLUSTERS = 10

# What questions may share, so that they are correlated.
UNITS = ("passage", "article", "question")


class Clusters:
    """Which questions belong together.

    Attributes:
        number: how many there are. Nothing can be estimated from a single one; then each question
            is a cluster of its own in what follows.
        of: int ``[questions]``, the number of each question's cluster, from 0.
        sizes: int ``[clusters]``.
        mean_size: the number of questions in the passage of a question, on average over questions.
        freedom: degrees of freedom, see above.
    """

    def __init__(self, keys):
        """Args: keys: ``[questions]``, equal for questions of one cluster."""
        numbers = {}
        self.of = np.array([numbers.setdefault(key, len(numbers)) for key in keys])
        self.number = len(numbers)
        self.sizes = np.bincount(self.of).astype(float)
        if self.number == 1:
            self.of, self.sizes = np.arange(len(self.of)), np.ones(len(self.of))
        self.mean_size = (self.sizes**2).sum() / len(self.of)
        self.freedom = max(1.0, len(self.of) / self.mean_size - 1)

    def __len__(self):
        return len(self.sizes)

    def among(self, members):
        """The clusters of some questions: bool ``[questions]``."""
        return Clusters(self.of[members].tolist())

    def sums(self, values):
        """The sum of values ``[questions]`` in each cluster."""
        return np.bincount(self.of, values, minlength=len(self))


def clusters_of(development, unit):
    """The clusters of a development set's questions.

    Args:
        development: see data_sets.development_set.
        unit: one of UNITS.

    Raises:
        UserError: articles are asked for, and the file has none.
    """
    questions = development.questions
    if unit == "question":
        return Clusters(range(len(questions)))
    if unit == "article":
        articles = [question.where.partition(".paragraphs")[:2] for question in questions]
        if not all(has_paragraphs for _, has_paragraphs in articles):
            raise UserError("--cluster: %s is not parted into articles" % development.path)
        return Clusters([article for article, _ in articles])
    # In a table each row repeats its passage.
    return Clusters([q.passage.text if q.passage.has_text else q.passage.number for q in questions])


class Change(NamedTuple):
    """How a score changed.

    Attributes:
        change: the mean, in points.
        low, high: its 95 % interval, in points.
        p_value: two-sided, that the mean is 0; below 0.05 just where the interval leaves 0 out.
        error: standard error of the mean, in points.
        run_error: the part of it that comes from the runs, in points; 0 of one run.
        freedom: degrees of freedom of the error.
    """

    change: float
    low: float
    high: float
    p_value: float
    error: float
    run_error: float
    freedom: float


def change(differences, clusters) -> Change:
    """The mean change of a score.

    Args:
        differences: float ``[runs, questions]``, masked minus baseline, each from -1 to 1.
        clusters: Clusters of the questions.
    """
    mean, square = float(differences.mean()), float((differences**2).mean())
    over_clusters, over_runs, freedom = _variances(differences, clusters)
    variance = over_clusters + over_runs
    spread = max(square - mean**2, 0.0)
    effective = len(clusters.of) / clusters.mean_size
    if variance > 0:
        effective = min(_MOST_EFFECTIVE * differences.size, spread / variance)
    times = student.ppf(0.975, freedom)
    low, high = (_end_of_interval(mean, square, effective, times, end) for end in (-1.0, 1.0))
    distance = _distance(mean, square, effective, 0.0)
    return Change(
        100 * mean,
        100 * low,
        100 * high,
        float(2 * student.sf(distance, freedom)),
        100 * math.sqrt(variance),
        100 * math.sqrt(over_runs),
        float(freedom),
    )


def _distance(mean, square, effective, truth):
    """Tango's score statistic: the distance of the mean from a hypothetical true change.

    It is in standard errors as they are if ``truth`` is true, with the maximum-likelihood
    probabilities of a mended and a broken question, whose difference is ``truth``.
    """
    mended, broken = (square + mean) / 2, (square - mean) / 2
    half = (truth * (2 - mended + broken) - square) / 4
    likeliest = math.sqrt(max(half**2 + broken * truth * (1 - truth) / 2, 0.0)) - half
    variance = (2 * likeliest + truth - truth**2) / effective
    if variance <= 1e-15:  # every question would change in the same way, or none would
        return 0.0 if abs(mean - truth) < 1e-9 else math.inf
    return abs(mean - truth) / math.sqrt(variance)


def _end_of_interval(mean, square, effective, times, end):
    """The end of the interval towards ``end``, -1 or 1: a change at the distance ``times``."""
    inside, outside = mean, end
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if _distance(mean, square, effective, middle) <= times:
            inside = middle
        else:
            outside = middle
    return inside


def _variances(differences, clusters):
    """The variance of the mean over clusters, that over runs, and their degrees of freedom."""
    runs, _ = differences.shape
    over_clusters = _variance_over_clusters(differences.mean(0), clusters)
    over_runs = float(differences.mean(1).var(ddof=1)) / runs if runs > 1 else 0.0
    if over_runs == 0:
        return over_clusters, 0.0, clusters.freedom
    parts = over_clusters**2 / clusters.freedom + over_runs**2 / (runs - 1)
    return over_clusters, over_runs, (over_clusters + over_runs) ** 2 / parts


def _variance_over_clusters(values, clusters):
    """The variance of the mean of values ``[questions]``."""
    questions, sizes = len(values), clusters.sizes
    deviations = values - values.mean()
    spread = (deviations**2).mean()
    if spread == 0 or len(clusters) < 2:
        return 0.0
    sums = clusters.sums(deviations)
    robust = (sums**2 / (1 - sizes / questions)).sum() / questions**2
    alike = 1 + _correlation(spread, sums, clusters) * (clusters.mean_size - 1)
    weight = len(clusters) / (len(clusters) + _WEIGHT_OF_ONE_CORRELATION)
    return float(weight * robust + (1 - weight) * max(alike, 0.0) * spread / questions)


def _correlation(spread, sums, clusters):
    """The intraclass correlation of values, at most 1.

    Args:
        spread: the mean of their squared deviations, above 0.
        sums: ``[clusters]``, the sums of their deviations.
        clusters: Clusters, two at least.
    """
    questions, number = len(clusters.of), len(clusters)
    if questions == number:  # with one question in each passage, the correlation does not matter
        return 0.0
    between = (sums**2 / clusters.sizes).sum()
    inside = max(spread * questions - between, 0.0) / (questions - number)
    over = (between - (number - 1) * inside) / (questions - clusters.mean_size)
    correlation = over / (over + inside)
    return (number * correlation + _PASSAGES_ADDED) / (number + _PASSAGES_ADDED)


def bootstrap_interval(differences, clusters, draws=2000, seed=1):
    """The same interval in another way, as a check: by drawing passages, and runs, anew.

    Args:
        differences: as for change.
        clusters: Clusters.
        draws: how many samples of as many clusters (and runs) are drawn with replacement.
        seed: of the draws.

    Returns:
        (low, high), the 2.5 and 97.5 percent quantiles of the mean change, in points.
    """
    rng = np.random.default_rng(seed)
    sums = np.stack([clusters.sums(run) for run in differences])
    runs, count = sums.shape
    means = []
    for _ in range(draws):
        drawn = rng.integers(count, size=count)
        of_runs = rng.integers(runs, size=runs)
        means.append(sums[of_runs][:, drawn].sum() / runs / clusters.sizes[drawn].sum())
    return tuple(100 * np.quantile(means, [0.025, 0.975]))
