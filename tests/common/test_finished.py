"""The records of finished prediction files."""

import pytest

from common.finished import FinishedFiles, describe, description, is_as_written, records


@pytest.fixture
def folder(tmp_path):
    for name in ("predictions.json", "predictions_layer0_q2.json"):
        (tmp_path / name).write_text("{}")
        FinishedFiles(str(tmp_path), "1").add(name)
    return tmp_path


def test_a_file_is_finished_as_its_run_wrote_it(folder):
    same, other = (FinishedFiles(str(folder), run) for run in "12")
    assert same.holds("predictions.json") and not other.holds("predictions.json")
    assert other.of_other_runs(["predictions.json"]) == ["predictions_layer0_q2.json"]
    assert is_as_written(records(str(folder))["predictions.json"], b"{}")
    (folder / "predictions.json").write_text("{} ")
    assert not same.holds("predictions.json")
    (folder / "predictions_layer0_q2.json").unlink()
    assert not same.holds("predictions_layer0_q2.json")
    assert other.of_other_runs(["predictions.json"]) == []


@pytest.mark.parametrize("content", ["", '{"run": "1"', "[]", '"1"'])
def test_a_record_that_cannot_be_read_vouches_for_nothing(folder, content):
    home = folder / ".decoding" / "finished"
    (home / "predictions.json").write_text(content)
    (home / "._predictions.json").write_bytes(b"\x00\xff")
    assert not FinishedFiles(str(folder), "1").holds("predictions.json")
    assert records(str(folder))["predictions.json"] == {}
    assert set(records(str(folder))) == {"predictions.json", "predictions_layer0_q2.json"}


def test_a_folder_without_records(tmp_path):
    assert records(str(tmp_path)) == {}
    assert FinishedFiles(str(tmp_path), "1").of_other_runs([]) == []


def test_what_a_run_was_and_its_commands(tmp_path):
    place = str(tmp_path)
    assert description(place, "1") == {}
    for zone in ("q2", "p2", "q2"):
        describe(place, "1", {"code": "c"}, ["run_squad.py", "--mask_zone=" + zone])
    commands = [["run_squad.py", "--mask_zone=q2"], ["run_squad.py", "--mask_zone=p2"]]
    assert description(place, "1") == {"code": "c", "commands": commands}
    assert description(place, "2") == {}
    (tmp_path / ".decoding" / "runs" / "1.json").write_text("[")
    assert description(place, "1") == {}
