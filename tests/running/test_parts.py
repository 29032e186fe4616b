"""Many cells are decoded in parts, so that memory does not grow with them; each writes files."""

import gc
import weakref

import pytest
import tensorflow.compat.v1 as tf

from running import decoding, plan
from tests.support import small

MOST = 4


@pytest.fixture
def read(monkeypatch):
    """The cells of each decoding, a list of tuples; the third part is interrupted."""
    found, decode_here = [], decoding.decode_here

    def noted(reading, *more):
        found.append(reading.cells)
        if len(found) == 3:
            raise KeyboardInterrupt
        return decode_here(reading, *more)

    monkeypatch.setattr(plan, "CELLS_AT_ONCE", MOST)
    monkeypatch.setattr(decoding, "CELLS_AT_ONCE", MOST)
    monkeypatch.setattr(decoding, "decode_here", noted)
    return found


def predictions(folder):
    return {path.name: path.read_bytes() for path in folder.glob("predictions*.json")}


def test_parts_write_their_files_and_go_on(small_files, small_model, tmp_path, read, capsys):
    more = dict(do_sweep=True, write_attention=True, prediction_dir=tmp_path / "parts")
    assert small.run(small_files, small_model, **more) == 130
    assert "In 3 parts of 4 cells at most, one after the other" in capsys.readouterr().err
    assert [len(cells) for cells in read] == [4, 4, 3]
    assert len(predictions(tmp_path / "parts")) == 8
    assert (tmp_path / "parts" / "attention.csv").exists()
    assert small.run(small_files, small_model, **more) == 0
    # The third part alone.
    assert read[3:] == read[2:3]
    assert len(set(sum(read[:3], ()))) == 11
    plan.CELLS_AT_ONCE = 61
    more.update(prediction_dir=tmp_path / "whole")
    assert small.run(small_files, small_model, **more) == 0
    assert predictions(tmp_path / "parts") == predictions(tmp_path / "whole")
    tables = [(tmp_path / name / "attention.csv").read_bytes() for name in ("parts", "whole")]
    assert tables[0] == tables[1]


def test_a_decoding_leaves_no_graph_in_memory(small_files, small_model, tmp_path, monkeypatch):
    sessions, Session = weakref.WeakSet(), tf.Session

    def noted(*args, **more):
        session = Session(*args, **more)
        sessions.add(session)
        return session

    monkeypatch.setattr(tf, "Session", noted)
    seen, write = [], decoding.write

    def looked_at(*args):
        gc.collect()
        seen.append(len(sessions))
        return write(*args)

    monkeypatch.setattr(decoding, "write", looked_at)
    assert small.run(small_files, small_model, do_predict=True, prediction_dir=tmp_path) == 0
    assert seen == [0]
