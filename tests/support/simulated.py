"""Simulated changes of answers, and how often intervals hold the truth."""

import numpy as np

from maps import clustered

# Of passages, of other sizes each.
_SETS = 50


def passages(rng, number, correlation, broken, mended, samples):
    """Simulated answers: a question of a passage has its passage's fate with some chance.

    Two questions of one passage are correlated by ``correlation``. Passages have 1 to 9 questions.

    Args:
        rng: numpy Generator.
        number: how many passages.
        correlation: 0 to 1.
        broken, mended: the chances of a change by -1 and by 1.
        samples: how many data sets of the same passages.

    Returns:
        (int ``[questions]``, each one's passage; float ``[samples, questions]``).
    """
    of = np.repeat(np.arange(number), rng.integers(1, 10, size=number))
    shape = (samples, len(of))

    def fates(shape):
        drawn = rng.random(shape)
        return np.where(drawn < broken, -1.0, np.where(drawn > 1 - mended, 1.0, 0.0))

    is_shared = rng.random(shape) < correlation**0.5
    return of, np.where(is_shared, fates((samples, number))[:, of], fates(shape))


def runs_of_passages(rng, runs, number, apart, samples):
    """Simulated answers of several runs, question by question more alike than within a passage.

    Args:
        rng, number, samples: see passages.
        runs: how many.
        apart: standard deviation of the runs' own chances of a broken question; it is 0.25 on
            average, and that of a mended one 0.05.

    Yields:
        (int ``[questions]``, float ``[runs, questions]``), ``samples`` times.
    """
    for _ in range(samples):
        of = np.repeat(np.arange(number), rng.integers(1, 10, size=number))
        shared = rng.random(number)[of]
        found = []
        for _ in range(runs):
            broken = 0.25 + apart * rng.standard_normal()
            fate = np.where(rng.random(len(of)) < 0.6, shared, rng.random(len(of)))
            found.append(np.where(fate < broken, -1.0, np.where(fate > 0.95, 1.0, 0.0)))
        yield of, np.array(found)


def agresti_min(differences):
    """Their interval for matched pairs, in points: half a question is added in each of four fields.

    It takes questions as independent (Statistics in Medicine 24, 2005).

    Args:
        differences: float ``[questions]``, each -1, 0 or 1.
    """
    count = len(differences) + 2
    centre = differences.sum() / count
    square = (np.abs(differences).sum() + 1) / count
    margin = 1.959964 * ((square - centre**2) / count) ** 0.5
    return 100 * (centre - margin), 100 * (centre + margin)


def coverage(number, correlation, broken, mended, samples, seed=5):
    """How often 95 % intervals hold the true change.

    The samples are of fifty sets of passages, so that no set of sizes decides.

    Args:
        number, correlation, broken, mended: see passages.
        samples: how many data sets.
        seed: of the simulation.

    Returns:
        (share of ours that hold it, share of Agresti and Min's).
    """
    rng = np.random.default_rng(seed)
    truth, hits = 100 * (mended - broken), np.zeros(2)
    for _ in range(_SETS):
        of, drawn = passages(rng, number, correlation, broken, mended, samples // _SETS)
        clusters = clustered.Clusters(of.tolist())
        for differences in drawn:
            found = clustered.change(differences[np.newaxis], clusters)
            low, high = agresti_min(differences)
            hits += found.low <= truth <= found.high, low <= truth <= high
    return tuple(hits / (_SETS * (samples // _SETS)))
