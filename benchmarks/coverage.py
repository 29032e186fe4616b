"""How often the 95 % interval of a change holds the truth, in simulated data sets.

    python -m benchmarks.coverage --samples 6000

A line for each number of passages and chances of a broken and a mended question, a column for each
correlation inside passages: percent of the intervals of get_results.py, and behind the slash of
Agresti and Min's, which take questions as independent. The last lines are of several runs.
"""

import pathlib
import sys

# When it is started by its path, the folder of this file is on sys.path, not the one above.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import common.environment  # noqa: F401

import argparse

import numpy as np

from maps import clustered
from tests.support.simulated import coverage, runs_of_passages

CHANCES = ((0.35, 0.05), (0.2, 0.1), (0.1, 0.0), (0.05, 0.02), (0.02, 0.01))
CORRELATIONS = (0, 0.2, 0.5, 0.8)


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--samples", type=int, default=6000)
    parser.add_argument("--passages", type=int, nargs="+", default=[30, 100, 500])
    options = parser.parse_args()
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
