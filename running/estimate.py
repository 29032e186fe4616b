"""How long a decoding will take, told after its first windows."""

import time

import numpy as np

from common.progress import counted, say

# Shorter ones are not worth a word.
_LONG = 600
# How long the windows must have been coming before the speed can be told, and how many times.
_MEASURED_SECONDS, _MEASURED_TIMES = 10, 3
# What is proposed as a sample: the largest of these that takes no longer than an hour.
_SAMPLES = (5000, 2000, 1000, 500, 200, 100)
_AN_HOUR = 3600


def costs_of(lengths, hidden_size):
    """What reading each window takes, in some unit: float ``[windows]``.

    A layer of BERT multiplies 24 H^2 numbers for each token, and 4 H more for each pair of tokens.

    Args:
        lengths: int ``[windows]``, of tokens.
        hidden_size: H.
    """
    lengths = np.asarray(lengths, float)
    return lengths * (6 * hidden_size + lengths)


class Estimate:
    """Watches a decoding, and says once how long it will take if that is long.

    Args:
        costs: float ``[windows]``, of all that are to be decoded, in the order of decoding.
        num_cells: how many cells are decoded.
        num_questions: of how many questions the windows are.
        clock: tells the seconds.
    """

    def __init__(self, costs, num_cells, num_questions, clock=time.monotonic):
        self._costs, self._num_cells, self._num_questions = costs, num_cells, num_questions
        self._clock = clock
        self._began = self._done = None
        self._times = 0

    def saw(self, first, end):
        """Takes note that windows ``first`` to ``end`` have been decoded."""
        now = self._clock()
        if self._began is None:
            # The first ones include the making of the graph.
            self._began, self._done = now, 0.0
            return
        if self._times is None:
            return
        self._done += self._costs[first:end].sum()
        self._times += 1
        elapsed = now - self._began
        if self._times >= _MEASURED_TIMES and elapsed >= _MEASURED_SECONDS:
            self._tell(elapsed * self._costs.sum() / self._done)
            self._times = None

    def _tell(self, seconds):
        if seconds < _LONG:
            return
        line = "%s x %s of %s: about %s in all on this machine." % (
            counted(self._num_cells, "cell"),
            counted(len(self._costs), "window"),
            counted(self._num_questions, "question"),
            in_words(seconds),
        )
        each = seconds / self._num_questions
        fewer = [n for n in _SAMPLES if 2 * n <= self._num_questions]
        quick = [n for n in fewer if n * each <= _AN_HOUR]
        if fewer:
            sample = quick[0] if quick else fewer[-1]
            line += (
                " A random sample of the questions, --max_questions=%d, would take about %s."
                % (
                    sample,
                    in_words(sample * each),
                )
            )
        say(line)


def in_words(seconds):
    """``2 days 3 h``, ``14 h``, ``1 h 20 min``, ``35 min``."""
    minutes = max(1, int(round(seconds / 60)))
    if minutes < 60:
        return "%d min" % minutes
    if minutes < 10 * 60:
        return "%d h %d min" % divmod(int(round(minutes, -1)), 60)
    hours = int(round(minutes / 60))
    if hours < 48:
        return "%d h" % hours
    return "%d days %d h" % divmod(hours, 24)
