"""Loads TensorFlow without a line of its own: commands import this before whatever imports it.

While they are loaded, TensorFlow 2.15 and 2.21 write lines that look like faults and are none (GPU
libraries registered twice, instructions of the processor), most of them before they have read the
variable that would silence them. So what goes to file descriptor 2 meanwhile is held back, and let
out only if the loading fails.
"""

import contextlib
import os
import tempfile
import warnings

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# TensorFlow reads this once, when it is loaded: show its errors, not its notes and warnings.
os.environ.setdefault(_LEVEL, "2")


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
with contextlib.nullcontext() if os.environ[_LEVEL] in ("0", "1") else _held_back():
    import tensorflow.compat.v1 as tf


def prepare(verbose=False):
    """Makes TensorFlow 2 behave as 1, and silences notes and deprecation warnings, not errors."""
    tf.logging.set_verbosity(tf.logging.INFO if verbose else tf.logging.ERROR)
    tf.disable_v2_behavior()
    if not verbose:
        warnings.filterwarnings("ignore", category=UserWarning, module="tensorflow")
