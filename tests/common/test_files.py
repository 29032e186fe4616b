"""files.py: what is written is whole, and gs:// goes through TensorFlow's file system."""

import errno
import gzip
import io
import json
import os
import re
import zipfile

import pytest
import tensorflow.compat.v1 as tf
from hypothesis import example, given
from hypothesis import strategies as st

from common import files
from common.command_line import UserError
from tests.conftest import ROOT


class FakeBucket:
    """What files.py uses of tf.io.gfile, for gs:// names kept in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def _local(self, path):
        assert str(path).startswith("gs://")
        return self.folder / str(path)[len("gs://") :]

    def exists(self, path):
        return self._local(path).exists()

    def isdir(self, path):
        return self._local(path).is_dir()

    def listdir(self, path):
        return [p.name + ("/" if p.is_dir() else "") for p in self._local(path).iterdir()]

    def makedirs(self, path):
        self._local(path).mkdir(parents=True, exist_ok=True)

    def remove(self, path):
        self._local(path).unlink()

    def rename(self, old, new, overwrite):
        assert overwrite
        os.replace(str(self._local(old)), str(self._local(new)))

    def GFile(self, path, mode):  # noqa: N802, TensorFlow's name
        return open(str(self._local(path)), mode)


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A made-up bucket gs://b, in a folder."""
    fake = FakeBucket(tmp_path)
    monkeypatch.setattr(files, "_gfile", lambda: fake)
    files.make_directory("gs://b")
    return tmp_path / "b"


def test_a_bucket_is_written_listed_and_read(bucket):
    path = files.join("gs://b/", "run", "x.json")
    assert path == "gs://b/run/x.json"
    files.make_directory("gs://b/run")
    files.write_json(path, {"a": [1]})
    assert files.read_json(path) == {"a": [1]}
    assert files.list_directory("gs://b") == ["run"]
    assert files.list_directory("gs://b/run") == ["x.json"]
    files.remove(path)
    assert not files.exists(path) and files.is_directory("gs://b/run")
    with pytest.raises(UserError, match="--data: there is no file gs://b/run/x.json"):
        files.read_bytes(path, "--data")


@pytest.mark.parametrize("name", ["\ud83d", "a\0b"])
def test_there_is_no_file_of_a_name_that_none_can_have(name):
    assert not files.exists(name) and not files.is_directory(name)


def test_a_place_that_does_not_answer_is_one_line(monkeypatch):
    for ask in (files.exists, files.read_bytes):
        with pytest.raises(UserError, match="cannot reach https://b.c/x .*; name a local file"):
            ask("https://b.c/x")
    with pytest.raises(UserError, match="map: cannot write https://b.c/x.png"):
        files.write_bytes("https://b.c/x.png", b"", "map")

    class Silent(FakeBucket):
        def exists(self, path):
            raise tf.errors.FailedPreconditionError(None, None, "no such host\n\twhen reading")

    monkeypatch.setattr(files, "_gfile", lambda: Silent(None))
    with pytest.raises(UserError) as refused:
        files.read_bytes("gs://b/x")
    assert str(refused.value) == "cannot reach gs://b/x (no such host)"


@pytest.mark.parametrize("where", ["gs://b/x.json", "local"])
def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(where, bucket, tmp_path):
    path = where if "://" in where else str(tmp_path / "x.json")
    files.write_json(path, "old")
    with pytest.raises(RuntimeError), files.write_whole(path) as temporary:
        files.write_bytes(temporary, b"half of the n")
        assert files.read_json(path) == "old"
        raise RuntimeError("the machine is lost")
    assert files.read_json(path) == "old"
    left = [p.name for p in tmp_path.rglob("*") if p.is_file()]
    assert left == ["x.json"]


def test_json_is_written_as_published(tmp_path):
    path = str(tmp_path / "x.json")
    files.write_json(path, {"q": "caf\u00e9", "r": [1.5]})
    assert (tmp_path / "x.json").read_bytes() == (
        b'{\n    "q": "caf\\u00e9",\n    "r": [\n        1.5\n    ]\n}\n'
    )
    assert json.loads((tmp_path / "x.json").read_text())["q"] == "caf\u00e9"


def test_a_new_file_has_the_permissions_that_the_user_asks_for(tmp_path):
    old = os.umask(0o027)
    try:
        files.write_bytes(str(tmp_path / "x"), b"")
    finally:
        os.umask(old)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


# What a user gives in place of a file ------------------------------------------------------------


def zipped(name):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, "{}")
    return stream.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 435755784\n"
STAND_INS = {
    "nothing": (b"", "is empty"),
    "white space": (b"\xef\xbb\xbf \r\n", "is empty"),
    "pointer": (POINTER, "is a Git LFS pointer, not the file that it stands for"),
    "pointer of Windows": (POINTER.replace(b"\n", b"\r\n"), "is a Git LFS pointer"),
    "page": (b"\n<!DOCTYPE html><html>{}</html>", "is a web page (HTML)"),
    "page with a mark": (b"\xef\xbb\xbf<html lang=en>", "is a web page (HTML)"),
    "feed": (b'<?xml version="1.0"?><Error/>', "is a web page (HTML)"),
    "gzip": (gzip.compress(b"{}"), "is compressed (gzip); unpack it first"),
    "zip": (zipped("a.json"), "is compressed (ZIP, as workbooks"),
    "xz": (b"\xfd7zXZ\x00\x00", "is compressed (xz)"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
    "UTF-16 without a mark": ('{"a": 1}'.encode("utf-16-be"), "is UTF-16 text"),
    "UTF-16 in Chinese": ("注意力".encode("utf-16"), "is UTF-16 text"),
    "UTF-32": ('{"a": 1}'.encode("utf-32"), "is UTF-32 text"),
    "binary": (b"\x80\x02}q\x00.", "is not text (byte 4 is 0)"),
    "Latin-1": ('{"a": "Köln"}'.encode("latin-1"), "is not UTF-8 text (byte 8); save it as UTF-8"),
    "cut in a character": ('{"a": "Köln'.encode()[:9], "middle of a character; was it cut short?"),
}


@pytest.mark.parametrize("read", [files.read_text, files.read_json])
@pytest.mark.parametrize("name", STAND_INS)
def test_what_stands_in_a_files_place_is_named(tmp_path, name, read):
    content, complaint = STAND_INS[name]
    path = tmp_path / "given.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        read(path, "--given")
    assert str(refused.value).startswith("--given: %s " % path)
    assert complaint in str(refused.value)


def test_a_byte_order_mark_of_utf_8_is_passed_over(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes('{"a": "Köln"}'.encode("utf-8-sig"))
    assert files.read_json(path) == {"a": "Köln"}


JSON_FAULTS = {
    '{"a": 1}\n{"a": 2}\n': "is JSON Lines, one value on each line, where one JSON value",
    '{"a": 1}\r\n\r\n{"a": ': "is JSON Lines",
    '[1]\n["x': "is JSON Lines",
    '{\n"a": 1}\n{"a": 2}': "is not JSON: more follows its end (line 3, column 1)",
    '{"a": 1} {"a": 2}': "is not JSON: more follows its end (line 1, column 10)",
    '{"a": 1}\n]': "is not JSON: more follows its end",
    "{'a': 1}": "is not JSON (line 1, column 2: Expecting property name",
    '{"a" 1}': "is not JSON (line 1, column 6: Expecting ':' delimiter)",
    "id,text\n1,2": "is not JSON (line 1, column 1: Expecting value)",
    '{"a": tru}': "is not JSON (line 1, column 7: Expecting value)",
    '{"a": 1.}': "is not JSON (line 1, column 8",
    '{"a": "\n"}': "is not JSON (line 1, column 8: Invalid control character",
    '{"a": "\\u12"}': "is not JSON (line 1, column",
    '{"a": [1, ': "its end is missing (line 1, column 1",
    '{"a": [1, 2]\n': "its end is missing (line 2, column 1)",
    '{"a': "its end is missing (line 1, column 2)",
    '{"a": "\\u12': "its end is missing",
    '{"a": tr': "its end is missing (line 1, column 7)",
    '{"a": 1.': "its end is missing",
    '{"a": -': "its end is missing",
}


@pytest.mark.parametrize("text", JSON_FAULTS)
def test_what_is_not_json_says_why(tmp_path, text):
    path = tmp_path / "given.json"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        files.read_json(path, "--given", "a list is asked for")
    told = str(refused.value)
    assert told.startswith("--given: %s is " % path) and JSON_FAULTS[text] in told
    assert told.endswith("a list is asked for") == ("JSON Lines" in told)
    assert ("cut short" in told) == ("its end is missing" in JSON_FAULTS[text])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES, st.integers(1, 1000), st.booleans(), st.sampled_from([None, 1]))
@example({"a\\u00e9": -1.5e-7}, 3, True, None)
def test_a_file_cut_anywhere_is_said_to_be_cut(tmp_path_factory, value, place, is_ascii, indent):
    text = json.dumps([value], ensure_ascii=is_ascii, indent=indent)
    kept = text[: 1 + place % (len(text) - 1)]
    path = tmp_path_factory.getbasetemp() / "cut.json"
    path.write_bytes(kept.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError) as refused:
        files.read_json(path)
    assert "cut short" in str(refused.value) or "is not UTF-8" in str(refused.value)


def test_deep_nests_and_endless_numbers_are_no_data(tmp_path):
    path = tmp_path / "given.json"
    path.write_text("[" * 100000)
    with pytest.raises(UserError, match="nested too deeply"):
        files.read_json(path)
    path.write_text("[%s]" % ("1" * 5000))
    try:
        assert files.read_json(path) == [int("1" * 4000 + "0" * 1000) + int("1" * 1000)]
    except (UserError, ValueError) as error:  # Python 3.11 and later read no such number
        assert "thousands of digits" in str(error) or "4300" in str(error)


# Where nothing can be written --------------------------------------------------------------------


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_json_holds_no_number_that_is_not_finite(tmp_path, number):
    path = tmp_path / "x.json"
    files.write_json(path, "old")
    with pytest.raises(UserError, match="--out: .*x.json is not written: a number .* NaN"):
        files.write_json(path, {"a": [1, {"b": number}]}, "--out")
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
    assert files.read_json(path) == "old"


@pytest.mark.parametrize(
    "error, reason",
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "Input/output error"),
        (
            tf.errors.ResourceExhaustedError(
                None, None, "Graph execution error:\n\n/o/.x.tmp; No space left on device\n\t [[x]]"
            ),
            "No space left on device",
        ),
        (tf.errors.PermissionDeniedError(None, None, "/o; Permission denied"), "Permission denied"),
    ],
)
def test_what_keeps_a_file_from_being_written_is_told(tmp_path, error, reason):
    with pytest.raises(UserError) as refused, files.write_whole(tmp_path / "x", "--out"):
        raise error
    assert str(refused.value) == "--out: cannot write %s (%s)" % (tmp_path / "x", reason)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(UserError, match="--out: cannot write .*File name too long"):
        files.write_bytes(tmp_path / ("x" * 300), b"", "--out")


def test_files_that_begin_with_a_dot_are_not_listed(tmp_path):
    for name in ("b", "._b", ".DS_Store", "a"):
        (tmp_path / name).write_text("")
    assert files.list_directory(tmp_path) == ["a", "b"]
    with pytest.raises(UserError, match="--in: cannot list .*none"):
        files.list_directory(tmp_path / "none", "--in")


CODE = ("squad", "cmrc2018", "spans", "zones", "running", "maps", "common") + tuple(
    path.name for path in ROOT.glob("*.py")
)


def test_no_other_module_opens_a_users_path():
    """Paths may be gs://, and plain open() knows nothing of those."""
    opened = re.compile(r"(?<![\w.])open\(|\.(?:read|write)_(?:text|bytes)\(|np\.load\((?!io\.)")
    modules = [path for path in ROOT.glob("**/*.py") if path.relative_to(ROOT).parts[0] in CODE]
    assert len(modules) > 15
    for module in modules:
        # The one opens them; the other two open a terminal, and downloads on this machine.
        if module.name in ("files.py", "command_line.py", "download.py"):
            continue
        code = module.read_text().replace("files.read_text(", "").replace("files.read_bytes(", "")
        code = code.replace("files.write_bytes(", "")
        assert not opened.search(code), module.name
