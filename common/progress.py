"""How long work shows that it goes on: a tqdm bar on a terminal, plain lines in a log.

``nohup bash decode_squad.sh &> decode.log`` must leave a log that can be read: a bar redrawn a
hundred thousand times cannot. Where stderr is no terminal, a line is written at most every ten
seconds, and one at the end.

Two ways to use it::

    for question in progress(questions, "tokenising", unit="question"):
        ...

    with progress(None, "training", total=1500, unit="step") as bar:
        bar.update(1, note="loss 0.31")
"""

import sys
import time

import tqdm

SECONDS_BETWEEN_LINES = 10.0


def progress(iterable, what, total=None, unit="item", initial=0):
    """A progress display over ``iterable``, or (None) one that ``update`` moves by hand.

    Args:
        iterable: what to go through, or None.
        what: two or three words for what is being done.
        total: how many units there are; by default the length of ``iterable``, if it has one.
        unit: the name of one unit, in the singular.
        initial: units done before now (work taken up again). They count as done but not in the
            rate, so that the time left is right.

    Returns:
        An object to iterate over, with ``update(count=1, note=None)`` and ``close()``, which is
        its own context manager.
    """
    if total is None and hasattr(iterable, "__len__"):
        total = len(iterable)
    display = _Bar if sys.stderr.isatty() else _Lines
    return display(iterable, what, total, unit, initial)


def say(message):
    """Writes a line to stderr, above a progress bar if there is one."""
    tqdm.tqdm.write(message, file=sys.stderr)


def counted(number, unit):
    """``1 window``, ``1,215 windows``."""
    return "{:,} {}{}".format(number, unit, "" if number == 1 else "s")


class _Display:
    """What bar and lines have in common: iteration and the context manager."""

    def __init__(self, iterable):
        self._iterable = iterable

    def __iter__(self):
        with self:
            for item in self._iterable:
                yield item
                self.update()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class _Bar(_Display):
    """The bar of a terminal: tqdm's."""

    def __init__(self, iterable, what, total, unit, initial):
        super().__init__(iterable)
        self._bar = tqdm.tqdm(
            desc=what,
            total=total,
            unit=" " + unit,
            initial=initial,
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def update(self, count=1, note=None):
        """Counts ``count`` more units as done; ``note`` is shown behind the rate from now on."""
        if note is not None:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(count)

    def close(self):
        """Leaves the bar as it stands and ends its line."""
        self._bar.close()


class _Lines(_Display):
    """The lines of a log, for example ``training: 300 of 1,500 steps, 20%, 16.1 steps/s, 01:14
    left, loss 0.31``."""

    def __init__(self, iterable, what, total, unit, initial):
        super().__init__(iterable)
        self._what, self._total, self._unit = what, total, unit
        self._initial = self._done = initial
        self._note = None
        self._started = self._last_line = time.monotonic()
        self._closed = False

    def update(self, count=1, note=None):
        """As _Bar.update; writes a line if the last one is ten seconds old."""
        self._done += count
        if note is not None:
            self._note = note
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._write(now, is_last=False)

    def close(self):
        """Writes the last line, once."""
        if not self._closed:
            self._closed = True
            self._write(time.monotonic(), is_last=True)

    def _write(self, now, is_last):
        seconds = now - self._started
        rate = (self._done - self._initial) / seconds if seconds > 0 else 0.0
        parts = [self._count()]
        if self._total and self._done < self._total:
            parts.append("%d%%" % (100 * self._done // self._total))
        if rate > 0:
            parts.append("%.*f %ss/s" % (1 if rate >= 1 else 3, rate, self._unit))
        if is_last:
            parts.append("in " + tqdm.tqdm.format_interval(seconds))
        elif self._total and rate > 0:
            left = max(0, self._total - self._done) / rate
            parts.append("%s left" % tqdm.tqdm.format_interval(left))
        if self._note:
            parts.append(self._note)
        sys.stderr.write("%s: %s\n" % (self._what, ", ".join(parts)))
        sys.stderr.flush()

    def _count(self):
        if self._total is None or self._done == self._total:
            return counted(self._done, self._unit)
        return "{:,} of {:,} {}s".format(self._done, self._total, self._unit)
