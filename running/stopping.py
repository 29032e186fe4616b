"""Control-C while something is at work that should be saved first."""

import contextlib
import signal
import threading

from common.progress import say


class Stop:
    """Whether the user has asked for an end."""

    asked = False


@contextlib.contextmanager
def stopping_gently(first=None):
    """Takes a first control-C as the wish to end soon; a second one ends the process at once.

    Whoever is in the block looks at ``asked``, and when it has come to a good end, the block raises
    KeyboardInterrupt. Outside of the main thread, which gets the signal, nothing is changed.

    Args:
        first: what is done before the end, for the user; None says nothing.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number, frame):
        """Takes the signal as the user's wish."""
        del number, frame
        stop.asked = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if first:
            say("\nStopping: %s first. Control-C again ends at once." % first)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
    if stop.asked:
        raise KeyboardInterrupt
