"""How often the 95 % interval of a change holds the truth, in simulated data sets.

    python -m benchmarks.coverage --samples 6000

A line for each number of passages and chances of a broken and a mended question, a column for each
correlation inside passages: percent of the intervals of get_results.py, and behind the slash of
Agresti and Min's, which take questions as independent. The last lines are of several runs.

    python -m benchmarks.coverage --rare

Where hardly a passage changes, and the best that any interval could do there (scipy 1.9 or later).
"""

import pathlib
import sys

# When it is started by its path, the folder of this file is on sys.path, not the one above.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import common.environment  # noqa: F401

import argparse

import numpy as np
from scipy.stats import multinomial

from maps import clustered
from tests.support.simulated import coverage, runs_of_passages

CHANCES = ((0.35, 0.05), (0.2, 0.1), (0.1, 0.0), (0.05, 0.02), (0.02, 0.01))
RARE = ((0.05, 0.01), (0.05, 0.0), (0.04, 0.02), (0.03, 0.01), (0.03, 0.0))
RARE += ((0.02, 0.02), (0.02, 0.01), (0.01, 0.01), (0.01, 0.0))
CORRELATIONS = (0, 0.2, 0.5, 0.8)


def least_coverage(number, broken, mended, error):
    """How seldom any interval of a change may hold the truth, of passages that change as a whole.

    A sample is then the numbers of broken and of mended passages. Those whose interval leaves out
    a change of ``mended - broken`` may have a chance of ``error`` in all, whatever the chances
    that differ by it. Of all such sets of samples, the one is sought that is likeliest if the
    chances are those given.

    Args:
        number: of passages, all of one size.
        broken, mended: chances of a change, at least as many broken.
        error: 0.05 for intervals that hold the truth in 95 of 100 samples at least.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    def likelihoods(mended):
        """How likely each of the samples is, with as many broken more as the change says."""
        chances = (mended + change, mended, 1 - change - 2 * mended)
        return multinomial.pmf(samples, number, chances)

    change = broken - mended
    samples = [(b, m, number - b - m) for b in range(13) for m in range(13 - b)]  # no more change
    of_each = [likelihoods(other) for other in np.arange(0, 0.4, 0.001)]
    best = milp(
        -likelihoods(mended),
        constraints=LinearConstraint(of_each, ub=error),
        integrality=np.ones(len(samples)),
        bounds=Bounds(0, 1),
    )
    return 1 + best.fun


def print_rare(samples):
    """Prints the table of rare changes of 30 passages."""
    columns = [*CORRELATIONS, "none changes", "no less than, of 95", "of 93"]
    print("| broken, mended | %s |" % " | ".join(map(str, columns)))
    for broken, mended in RARE:
        shares = [
            coverage(30, correlation, broken, mended, samples)[0] for correlation in CORRELATIONS
        ]
        shares += [(1 - broken - mended) ** 30]
        shares += [least_coverage(30, broken, mended, error) for error in (0.05, 0.07)]
        label = "%.0f %%, %.0f %%" % (100 * broken, 100 * mended)
        print("| %s | %s |" % (label, " | ".join("%.1f" % (100 * s) for s in shares)), flush=True)


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--samples", type=int, default=6000)
    parser.add_argument("--passages", type=int, nargs="+", default=[30, 100, 500])
    parser.add_argument("--rare", action="store_true")
    options = parser.parse_args()
    if options.rare:
        print_rare(options.samples)
        return
    print("| broken, mended | passages | %s |" % " | ".join(map(str, CORRELATIONS)))
    for broken, mended in CHANCES:
        for number in options.passages:
            found = [
                coverage(number, correlation, broken, mended, options.samples)
                for correlation in CORRELATIONS
            ]
            shares = " | ".join("%.1f / %.0f" % (100 * ours, 100 * am) for ours, am in found)
            label = "%.0f %%, %.0f %%" % (100 * broken, 100 * mended)
            print("| %s | %d | %s |" % (label, number, shares), flush=True)
    for runs in (2, 3, 5):
        for apart in (0, 0.03):
            rng = np.random.default_rng(10)
            hits = []
            for of, differences in runs_of_passages(rng, runs, 60, apart, options.samples):
                found = clustered.change(differences, clustered.Clusters(of.tolist()))
                hits.append(found.low <= -20 <= found.high)
            text = "%d runs that differ by %g points: %.1f"
            print(text % (runs, 100 * apart, 100 * np.mean(hits)), flush=True)


if __name__ == "__main__":
    main()
