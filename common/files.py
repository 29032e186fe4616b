"""Reading and writing users' files: local paths and ``gs://`` alike, whole or not at all.

Local paths use Python's own functions, so that the small scripts need not load TensorFlow;
anything with a scheme (``gs://bucket/name``) goes through ``tf.io.gfile``. No other module opens
a path that a user gave.
"""

import contextlib
import json
import os
import shutil
import tempfile

from common.command_line import UserError

_INVISIBLE_ENDING = ".tmp"


def _is_remote(path):
    return "://" in str(path)


def _gfile():
    # Loaded only for remote paths: it takes seconds.
    import tensorflow.compat.v1 as tf

    return tf.io.gfile


def _open(path, mode):
    return _gfile().GFile(path, mode) if _is_remote(path) else open(path, mode)


def join(directory, *names):
    """``directory/name``, which for ``gs://`` keeps the forward slash on every system."""
    if _is_remote(directory):
        return "/".join([str(directory).rstrip("/")] + list(names))
    return os.path.join(str(directory), *names)


def absolute(path):
    """The path as it is understood from any directory."""
    return str(path) if _is_remote(path) else os.path.abspath(str(path))


def exists(path):
    """Whether there is a file or directory of that name."""
    return _gfile().exists(path) if _is_remote(path) else os.path.exists(path)


def is_directory(path):
    """Whether there is a directory of that name."""
    return _gfile().isdir(path) if _is_remote(path) else os.path.isdir(path)


def directory_of(path):
    """The directory that a file is in: ``.`` for a bare name."""
    return os.path.dirname(str(path)) or "."


def modified(path):
    """When the file was last written, in seconds since 1970."""
    if _is_remote(path):
        return _gfile().stat(path).mtime_nsec / 1e9
    return os.path.getmtime(path)


def list_directory(path):
    """The sorted names in a directory."""
    names = _gfile().listdir(path) if _is_remote(path) else os.listdir(path)
    return sorted(name.rstrip("/") for name in names)


def make_directory(path, what="directory"):
    """Makes the directory and its parents; nothing happens if it is there.

    Raises:
        UserError: it cannot be made; the message names ``what`` (the flag) and the path.
    """
    try:
        _gfile().makedirs(path) if _is_remote(path) else os.makedirs(str(path), exist_ok=True)
    except Exception as error:  # TensorFlow's and the system's errors have no common class.
        raise UserError(
            "%s: cannot make the directory %s (%s); choose another place"
            % (what, path, _reason(error))
        )


def remove(path):
    """Removes a file; nothing happens if there is none."""
    if exists(path):
        _gfile().remove(path) if _is_remote(path) else os.remove(path)


def remove_tree(path):
    """Removes a directory and all in it."""
    _gfile().rmtree(path) if _is_remote(path) else shutil.rmtree(str(path))


def check_readable(path, what="file"):
    """Raises UserError unless there is a file of that name, which may be read."""
    if not path:
        raise UserError("%s: no file was named" % what)
    if not exists(path):
        raise UserError("%s: there is no file %s; check the path" % (what, path))
    if is_directory(path):
        raise UserError("%s: %s is a directory; name a file in it" % (what, path))
    if not _is_remote(path) and not os.access(path, os.R_OK):
        raise UserError("%s: %s may not be read; change its permissions" % (what, path))


def read_bytes(path, what="file"):
    """The content of a file.

    Args:
        path: local or ``gs://``.
        what: what to call it in an error, for example ``--predict_file``.

    Raises:
        UserError: missing, a directory, or unreadable.
    """
    check_readable(path, what)
    try:
        with _open(path, "rb") as stream:
            return stream.read()
    except Exception as error:
        raise UserError("%s: cannot read %s (%s)" % (what, path, _reason(error)))


def read_text(path, what="file"):
    """The content of a UTF-8 file; see read_bytes.

    Raises:
        UserError: as read_bytes, or the bytes are not UTF-8.
    """
    try:
        return read_bytes(path, what).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            "%s: %s is not UTF-8 text (byte %d); is it the right file, or still compressed?"
            % (what, path, error.start)
        )


def read_json(path, what="file"):
    """The value in a JSON file; see read_bytes.

    Raises:
        UserError: as read_text, or the text is not JSON (the message gives line and column).
    """
    text = read_text(path, what)
    try:
        return json.loads(text)
    except ValueError as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        raise UserError(
            "%s: %s is not JSON (line %d, column %d); was its download cut short?"
            % (what, path, line, column)
        )
    except RecursionError:
        raise UserError("%s: %s is JSON nested too deeply to be data" % (what, path))


@contextlib.contextmanager
def write_whole(path, what="output file"):
    """A temporary name to write to, which takes the real name when the block ends well.

    Whoever looks at ``path`` sees the old file or the whole new one, never a part. Usage::

        with write_whole("results.csv") as temporary:
            table.to_csv(temporary)

    The temporary name keeps the ending (``.pdf``), from which figure writers tell the format.

    Raises:
        UserError: the place cannot be written.
    """
    directory, name = os.path.split(str(path))
    stem, ending = os.path.splitext(name)
    if _is_remote(path):
        temporary = join(directory, ".%s.%d%s%s" % (stem, os.getpid(), _INVISIBLE_ENDING, ending))
    else:
        check_writable(path, what)
        handle, temporary = tempfile.mkstemp(
            prefix=".%s." % stem, suffix=_INVISIBLE_ENDING + ending, dir=directory or "."
        )
        os.close(handle)
    try:
        yield temporary
        if _is_remote(path):
            _gfile().rename(temporary, str(path), overwrite=True)
        else:
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, str(path))
    except OSError as error:
        raise UserError("%s: cannot write %s (%s)" % (what, path, _reason(error)))
    finally:
        remove(temporary)


def write_bytes(path, content, what="output file"):
    """Writes a file whole or not at all; see write_whole."""
    with write_whole(path, what) as temporary, _open(temporary, "wb") as stream:
        stream.write(content)


def write_json(path, value, what="output file", indent=4):
    """Writes a value as the published code does: indented by four, ASCII, a newline at the end."""
    write_bytes(path, (json.dumps(value, indent=indent) + "\n").encode("ascii"), what)


def check_writable(path, what="output file", inputs=()):
    """Finds out, before any long work, whether a local file can be written there.

    Args:
        path: the file.
        what: what to call it in an error.
        inputs: files that are read and must not be overwritten; None among them is passed over.

    Raises:
        UserError: the directory is missing or closed, or ``path`` is itself a directory or one of
            ``inputs``.
    """
    if _is_remote(path):
        return
    for read in filter(None, inputs):
        if os.path.realpath(str(path)) == os.path.realpath(str(read)):
            raise UserError("%s: %s is a file to read here; name another one" % (what, path))
    directory = os.path.dirname(str(path)) or "."
    if os.path.isdir(path):
        raise UserError("%s: %s is a directory; name a file in it" % (what, path))
    if not os.path.isdir(directory):
        raise UserError("%s: there is no directory %s; make it first" % (what, directory))
    if not os.access(directory, os.W_OK):
        raise UserError("%s: the directory %s cannot be written" % (what, directory))


def _umask():
    current = os.umask(0)
    os.umask(current)
    return current


def _reason(error):
    return getattr(error, "strerror", None) or str(error).split("\n")[0]
