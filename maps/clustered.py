"""Changes of a score with intervals that know that questions of one passage are alike.

SQuAD asks about five questions of a passage. If a mask breaks one of them, it is likelier to break
the others, so that they tell less than as many questions of as many passages. What counts is how
passages differ.

The variance of the mean change is *cluster-robust*: the sum over passages of the squares of their
summed deviations (Liang and Zeger, Biometrika 73, 1986; for evaluations of language models:
E. Miller, "Adding Error Bars to Evals", arXiv:2411.00640, 2024). Three corrections make it fit for
few passages:

- each passage's sum is divided by the square root of 1 - h, where h is its share of the questions
  (CR2 of Bell and McCaffrey, Survey Methodology 28, 2002, for a mean);
- Student's t takes the place of the normal distribution, with as many degrees of freedom as
  passages of one size would give: (sum n^2)^2 / sum n^4 - 1 for passages of n questions (Carter,
  Schnepel, Steigerwald, Review of Economics and Statistics 99, 2017);
- a change between -1 and 1 of few questions is skewed, so that half a question that falls by 1 and
  half a one that rises by 1 are added, as Agresti and Min do for independent pairs (Statistics in
  Medicine 24, 2005), to the *effective* number of questions: that of independent questions with
  the same variance of their mean (Korn and Graubard, Survey Methodology 24, 1998).

Of several runs, runs and passages both count as drawn by chance: the variance over passages of the
changes averaged over runs, plus the variance over runs, with Satterthwaite's degrees of freedom.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from common.command_line import UserError

# What is added: half a question that falls by 1, and half a one that rises by 1.
_ADDED = 1.0

# By chance passages may sum up alike; then nothing says that questions tell more than this many.
_MOST_EFFECTIVE = 2.0

FEW_CLUSTERS = 10

# What questions may have in common.
UNITS = ("passage", "article", "question")


class Clusters:
    """Which questions belong together.

    Attributes:
        number: how many there are. A single one cannot show how clusters differ; then each
            question counts as one below.
        of: int ``[questions]``, the number of each question's cluster, from 0.
        sizes: int ``[clusters]``.
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
        squares = self.sizes**2
        self.freedom = max(1.0, squares.sum() ** 2 / (squares**2).sum() - 1)

    def __len__(self):
        return len(self.sizes)

    def among(self, members):
        """The clusters of some questions: bool ``[questions]``."""
        return Clusters(self.of[members].tolist())

    def sums(self, values):
        """The sum of values ``[questions]`` in each cluster."""
        return np.bincount(self.of, values, minlength=len(self))


def clusters_of(development, unit, what="--cluster"):
    """The clusters of a development set's questions.

    Args:
        development: see data_sets.development_set.
        unit: one of UNITS.
        what: what to call it in an error.

    Raises:
        UserError: articles are asked for, and the file has none.
    """
    questions = development.questions
    if unit == "question":
        return Clusters(range(len(questions)))
    if unit == "article":
        articles = [question.where.partition(".paragraphs")[:2] for question in questions]
        if not all(has_paragraphs for _, has_paragraphs in articles):
            raise UserError("%s: %s is not parted into articles" % (what, development.path))
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
    """

    change: float
    low: float
    high: float
    p_value: float
    error: float


def change(differences, clusters) -> Change:
    """The mean change of a score.

    Args:
        differences: float ``[runs, questions]``, masked minus baseline, each from -1 to 1.
        clusters: Clusters of the questions.
    """
    runs, questions = differences.shape
    mean, square = differences.mean(), (differences**2).mean()
    variance, freedom = _variance(differences, clusters)
    spread = max(square - mean**2, 0.0)
    most = _MOST_EFFECTIVE * runs * questions
    effective = min(most, spread / variance) if variance > 0 else most / _MOST_EFFECTIVE
    total = effective + 2 * _ADDED
    centre = mean * effective / total
    error = np.sqrt(((square * effective + _ADDED) / total - centre**2) / total)
    margin = student.ppf(0.975, freedom) * error
    return Change(
        100 * mean,
        100 * max(centre - margin, -1.0),
        100 * min(centre + margin, 1.0),
        float(2 * student.sf(abs(centre) / error, freedom)),
        100 * np.sqrt(variance),
    )


def _variance(differences, clusters):
    """(The variance of the mean change, its degrees of freedom)."""
    runs, questions = differences.shape
    mean = differences.mean()
    sums = clusters.sums(differences.mean(0) - mean)
    over_clusters = (
        sums**2 / np.maximum(1 - clusters.sizes / questions, 1e-9)
    ).sum() / questions**2
    if runs == 1:
        return over_clusters, clusters.freedom
    over_runs = differences.mean(1).var(ddof=1) / runs
    both = over_clusters + over_runs
    if both == 0:
        return 0.0, clusters.freedom
    parts = over_clusters**2 / clusters.freedom + over_runs**2 / (runs - 1)
    return both, both**2 / parts


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
