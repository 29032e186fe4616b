"""files.py: what is written is whole, and gs:// goes through TensorFlow's file system."""

import json
import os
import re

import pytest

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
