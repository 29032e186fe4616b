"""Reading and writing users' files: local paths and ``gs://`` alike, whole or not at all.

Local paths use Python's own functions, so that the small scripts need not load TensorFlow;
anything with a scheme (``gs://bucket/name``) goes through ``tf.io.gfile``. No other module opens
a path that a user gave.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import tempfile

from common.command_line import UserError

_INVISIBLE_ENDING = ".tmp"

# The beginnings of what is often found in place of the file that was wanted.
_LFS_POINTER = re.compile(rb"version https?://\S+\s+(?:ext-\S+ \S+\s+)*oid \S+:")
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<?xml")
_ENOUGH_TO_TELL = 1000
# A byte order mark and white space.
_AROUND_TEXT = b"\xef\xbb\xbf \t\r\n"
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "ZIP, as workbooks of spreadsheet programs are, too",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
# Tried in this order, since UTF-16's mark is how UTF-32's begins.
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


def _is_remote(path):
    return "://" in str(path)


def _gfile():
    # Loaded only for remote paths: it takes seconds.
    from common.quiet import tf

    return tf.io.gfile


def _ask(name, path):
    """What a function of tf.io.gfile says of a path; in one line, if its place does not answer."""
    try:
        return getattr(_gfile(), name)(path)
    except Exception as error:
        if not _is_of_file_systems(error):
            raise
        hint = "" if str(path).startswith("gs://") else "; name a local file, or one on gs://"
        raise UserError("cannot reach %s (%s)%s" % (path, reason(error), hint))


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
    return _ask("exists", path) if _is_remote(path) else _is(os.path.exists, path)


def is_directory(path):
    """Whether there is a directory of that name."""
    return _ask("isdir", path) if _is_remote(path) else _is(os.path.isdir, path)


def _is(test, path):
    """What os.path says; False of a name that no file can have, for which Python 3.7 raises."""
    try:
        return test(path)
    except ValueError:
        return False


def same(path, other):
    """Whether two paths are of one file or directory."""
    if _is_remote(path) or _is_remote(other):
        return str(path).rstrip("/") == str(other).rstrip("/")
    return os.path.realpath(str(path)) == os.path.realpath(str(other))


def directory_of(path):
    """The directory that a file is in: ``.`` for a bare name."""
    return os.path.dirname(str(path)) or "."


def modified(path):
    """When the file was last written, in seconds since 1970."""
    if _is_remote(path):
        return _ask("stat", path).mtime_nsec / 1e9
    return os.path.getmtime(path)


def list_directory(path, what="directory"):
    """The sorted names in a directory, but those that begin with a dot.

    Systems leave files of their own beside a user's, such as ``._predictions.json`` of macOS.

    Raises:
        UserError: it cannot be read.
    """
    try:
        names = _gfile().listdir(path) if _is_remote(path) else os.listdir(path)
    except Exception as error:
        raise UserError("%s: cannot list %s (%s)" % (what, path, reason(error)))
    return sorted(name.rstrip("/") for name in names if not name.startswith("."))


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
            % (what, path, reason(error))
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
        raise UserError("%s: cannot read %s (%s)" % (what, path, reason(error)))


def read_start(path):
    """The first thousand bytes of a file that may be large."""
    with _open(path, "rb") as stream:
        return stream.read(_ENOUGH_TO_TELL)


def check_is_itself(content, path, what="file"):
    """Refuses what often lies in the place of a file after a download that failed.

    Args:
        content: the file's bytes, or the first thousand of them.
        path, what: for the message.

    Raises:
        UserError: nothing is in it, or it is a Git LFS pointer or a web page.
    """
    if not content.strip(_AROUND_TEXT):
        raise UserError("%s: %s is empty; is it the right file?" % (what, path))
    other = stand_in(content)
    if other:
        raise UserError("%s: %s is %s" % (what, path, other))


def stand_in(content):
    """What the first thousand bytes show to stand in a file's place, and how to mend it; or None.

    A Git LFS pointer, or a web page.
    """
    start = content.lstrip(_AROUND_TEXT)[:_ENOUGH_TO_TELL].lower()
    if _LFS_POINTER.match(start):
        return "a Git LFS pointer, not the file that it stands for; fetch that with: git lfs pull"
    if start.startswith(_PAGES):
        return (
            "a web page (HTML), such as a site sends to ask for a login, not the file itself; "
            "download it again"
        )
    return None


def read_text(path, what="file"):
    """The content of a user's UTF-8 file, with or without a byte order mark; see read_bytes.

    Raises:
        UserError: as read_bytes and check_is_itself, or the bytes are not UTF-8.
    """
    content = read_bytes(path, what)
    check_is_itself(content, path, what)
    other = _other_than_utf_8(content)
    if other:
        raise UserError("%s: %s is %s" % (what, path, other))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            fault = "ends in the middle of a character; was it cut short?"
        else:
            fault = "is not UTF-8 text (byte %d); save it as UTF-8" % error.start
        raise UserError("%s: %s %s" % (what, path, fault))


def _other_than_utf_8(content):
    """What the bytes are, if that is plain, and how to mend it; None for what may be UTF-8."""
    for start, name in _COMPRESSED.items():
        if content.startswith(start):
            return "compressed (%s); unpack it first" % name
    for mark, name in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return "%s text; save it as UTF-8" % name
    if b"\x00" not in content:
        return None
    if content[:4].count(0) == 2 and content[:2].count(0) == 1:
        return "UTF-16 text; save it as UTF-8"
    return "not text (byte %d is 0); is it the right file, and whole?" % content.index(0)


def read_json(path, what="file", form="", of_pairs=None):
    """The value in a JSON file; see read_text.

    Args:
        path, what: as in read_bytes.
        form: what the file should look like, for those who bring JSON Lines.
        of_pairs: makes the value of a JSON object of its (name, value) pairs; None makes a dict.

    Raises:
        UserError: as read_text, or the text is not JSON (the message gives line and column).
    """
    text = read_text(path, what)
    try:
        return json.loads(text, object_pairs_hook=of_pairs)
    except json.JSONDecodeError as error:
        raise UserError("%s: %s %s" % (what, path, _why_no_json(text, error, form)))
    except RecursionError:
        raise UserError("%s: %s is JSON nested too deeply to be data" % (what, path))
    except ValueError:  # Python 3.11 and later read no integer of more than 4,300 digits.
        raise UserError("%s: %s holds a number of thousands of digits" % (what, path))


def _why_no_json(text, error, form):
    place = "line %d, column %d" % (error.lineno, error.colno)
    if error.msg.startswith("Extra data"):
        first = text[: error.pos]
        value = first.strip()
        if "\n" not in value and "\n" in first.rpartition(value)[2] and text[error.pos] in "{[":
            told = "is JSON Lines, one value on each line, where one JSON value was expected"
            return told + (": " + form if form else "")
        return "is not JSON: more follows its end (%s)" % place
    if _lacks_its_end(text, error):
        return "is not JSON: its end is missing (%s); was it cut short?" % place
    return "is not JSON (%s: %s)" % (place, error.msg)


def _lacks_its_end(text, error):
    """Whether it is at the end of the text, and nowhere before, that it fails to be JSON."""
    if error.msg.startswith("Unterminated string"):
        return True
    rest = text[error.pos :].strip()
    if error.msg.startswith("Invalid \\uXXXX"):
        return len(rest) < 6 and '"' not in rest
    words = ("true", "false", "null", "NaN", "-Infinity", "Infinity")
    return any(word.startswith(rest) for word in words) or rest in (
        ".", "e", "E", "e+", "e-", "E+", "E-",
    )  # fmt: skip


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
    if not _is_remote(path):
        check_writable(path, what)
    temporary = None
    try:
        temporary = _temporary_beside(path)
        yield temporary
        if _is_remote(path):
            _gfile().rename(temporary, str(path), overwrite=True)
        else:
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, str(path))
    except Exception as error:
        if not _is_of_file_systems(error):
            raise
        raise UserError("%s: cannot write %s (%s)" % (what, path, reason(error)))
    finally:
        if temporary:
            with contextlib.suppress(OSError, UserError):
                remove(temporary)


def _temporary_beside(path):
    directory, name = os.path.split(str(path))
    stem, ending = os.path.splitext(name)
    if _is_remote(path):
        return join(directory, ".%s.%d%s%s" % (stem, os.getpid(), _INVISIBLE_ENDING, ending))
    handle, temporary = tempfile.mkstemp(
        prefix=".%s." % stem, suffix=_INVISIBLE_ENDING + ending, dir=directory or "."
    )
    os.close(handle)
    return temporary


def _is_of_file_systems(error):
    """Whether it is an error of the system, or one of those that TensorFlow makes of them."""
    return isinstance(error, OSError) or (
        type(error).__module__.startswith("tensorflow.") and hasattr(error, "error_code")
    )


def write_bytes(path, content, what="output file"):
    """Writes a file whole or not at all; see write_whole."""
    with write_whole(path, what) as temporary, _open(temporary, "wb") as stream:
        stream.write(content)


_PIECES_AT_ONCE = 10000


def write_json(path, value, what="output file", indent=4):
    """Writes a value as the published code does: indented by four, ASCII, a newline at the end.

    Raises:
        UserError: the place cannot be written, or a number in the value is not finite.
    """
    pieces = json.JSONEncoder(indent=indent, allow_nan=False).iterencode(value)
    try:
        with write_whole(path, what) as temporary, _open(temporary, "wb") as stream:
            # A few at a time: all of them take ten times the memory of the text.
            for text in iter(lambda: "".join(itertools.islice(pieces, _PIECES_AT_ONCE)), ""):
                stream.write(text.encode("ascii"))
            stream.write(b"\n")
    except ValueError:
        raise UserError(
            "%s: %s is not written: a number for it is NaN or infinite, which JSON cannot hold"
            % (what, path)
        )


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
        if same(path, read):
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


def reason(error):
    """What the system says: its own words, or TensorFlow's line "the path; the system's words"."""
    return getattr(error, "strerror", None) or telling_line(error).split("; ")[-1]


def telling_line(error):
    """The line of an error that says what is wrong, and with which file.

    In TensorFlow 2 it is "the path; the system's words", and may stand below others.
    """
    lines = str(getattr(error, "message", error)).split("\n")
    return next((line for line in lines if "; " in line), lines[0])
