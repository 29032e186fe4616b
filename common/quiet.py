"""Loads TensorFlow without a line of its own: commands import this before whatever imports it.

And without Keras, and with an allocator that keeps memory: both as it is loaded, or never.

While they are loaded, TensorFlow 2.15 and 2.21 write lines that look like faults and are none (GPU
libraries registered twice, instructions of the processor), most of them before they have read the
variable that would silence them. So what goes to file descriptor 2 meanwhile is held back, and let
out only if the loading fails.
"""

import contextlib
import gc
import os
import sys
import tempfile
import warnings

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# TensorFlow reads this once, when it is loaded: show its errors, not its notes and warnings.
os.environ.setdefault(_LEVEL, "2")
if sys.version_info < (3, 8):
    # TensorFlow 1.15 asks the system for the memory of every tensor, and gives it back: a seventh
    # of a window's time, in which other threads wait, and 0.3 GB of BERT-base in pieces too small
    # for the next tensor. Its other allocator keeps what it has, as TensorFlow 2's own does.
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
    os.environ.setdefault("TF_CPU_BFC_MEM_LIMIT_IN_MB", str(1 << 24))  # as much as there is
# TensorFlow 2 loads it with itself, and pandas and more with it: some 60 MB and half a second.
_UNUSED = "keras"


@contextlib.contextmanager
def _left_out(package):
    """Keeps a package that is not loaded yet from being loaded in the block."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None
    try:
        yield
    finally:
        del sys.modules[package]


@contextlib.contextmanager
def _held_back():
    """Holds back what is written to file descriptor 2, unless the block raises."""
    try:
        stderr, held = os.dup(2), tempfile.TemporaryFile()
    except OSError:  # There is no such descriptor, or no place to hold anything.
        yield
        return
    with held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


# A user who asked TensorFlow for notes (0) or warnings (1) is shown everything.
with contextlib.nullcontext() if os.environ[_LEVEL] in ("0", "1") else _held_back(), _left_out(
    _UNUSED
):
    import tensorflow.compat.v1 as tf
# What is loaded stays. The collector of garbage need not look through it again and again while
# graphs are built: a seventh of the seconds that this takes.
gc.freeze()


def prepare(verbose=False):
    """Makes TensorFlow 2 behave as 1, and silences notes and deprecation warnings, not errors."""
    tf.logging.set_verbosity(tf.logging.INFO if verbose else tf.logging.ERROR)
    tf.disable_v2_behavior()
    if not verbose:
        warnings.filterwarnings("ignore", category=UserWarning, module="tensorflow")
