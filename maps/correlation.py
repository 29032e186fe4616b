"""Spearman's correlation of what is looked at with what is needed, over the cells of a map."""

from typing import NamedTuple, Optional

import numpy as np
import scipy.stats

# The interval is an approximation that takes more cells than these.
FEWEST_CELLS = 10
_QUANTILE = 1.959963984540054  # of the normal distribution, at 97.5 %

MEANING = (
    "Above 0, cells that get more weight tend to be needed more; that does not show that they are "
    "needed because of it, nor that a cell with little weight can be spared, and a zone of more "
    "tokens gets more weight by their number alone."
)


class Correlation(NamedTuple):
    """Spearman's correlation.

    Attributes:
        value: -1 to 1.
        low, high: its 95 % interval; None of too few cells.
        cells: over how many it is.
    """

    value: float
    low: Optional[float]
    high: Optional[float]
    cells: int

    @property
    def text(self):
        """For people: ``0.31 (95 % interval 0.03 to 0.55, cells taken as independent; ...)``."""
        if self.low is None:
            return "%.2f (%d cells, too few for an interval)" % (self.value, self.cells)
        return (
            "%.2f (95 %% interval %.2f to %.2f, cells taken as independent, Bonett and Wright "
            "2000; %d cells)" % (self.value, self.low, self.high, self.cells)
        )


def spearman(weights, losses) -> Optional[Correlation]:
    """The correlation of weights with what masking loses.

    Ties have the mean of their ranks. The interval is that of Bonett and Wright ("Sample size
    requirements for estimating Pearson, Kendall and Spearman correlations", Psychometrika 65,
    2000): Fisher's z of the correlation r has the variance ``(1 + r^2 / 2) / (cells - 3)``.

    Args:
        weights, losses: float ``[cells]``; nan where one is not known.

    Returns:
        Correlation; None where fewer than three cells have both, or all of one are alike.
    """
    weights, losses = np.asarray(weights, float), np.asarray(losses, float)
    both = ~(np.isnan(weights) | np.isnan(losses))
    # What is printed alike is alike: last digits do not make ranks.
    weights, losses = weights[both].round(6), losses[both].round(6)
    count = len(weights)
    if count < 3 or len(set(weights)) < 2 or len(set(losses)) < 2:
        return None
    value = float(scipy.stats.spearmanr(weights, losses)[0])
    if count < FEWEST_CELLS or abs(value) > 1 - 1e-9:
        return Correlation(value, None, None, count)
    width = _QUANTILE * np.sqrt((1 + value**2 / 2) / (count - 3))
    low, high = np.tanh(np.arctanh(value) + np.array([-width, width]))
    return Correlation(value, float(low), float(high), count)
