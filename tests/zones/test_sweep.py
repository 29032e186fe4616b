"""The sweep: the same answers as single runs and as published, and taken up after a kill."""

import json
import os
import pathlib
import shutil
import signal
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import run_squad
from common import files
from running.saved import UnfinishedRun
from tests.support import small
from zones.cells import BASELINE, Cell, cells_of, file_name
from zones.masks import ZONES

MOST_DIFFERENT = 0.01


def read(folder, cell=BASELINE, kind="predictions"):
    return json.loads((folder / file_name(kind, cell)).read_text())


def contents(folder):
    """Name -> bytes of every result in a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}


def different(found, expected):
    assert set(found) == set(expected)
    return sum(found[key] != expected[key] for key in expected) / len(expected)


# Goldens --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def golden_run(golden, shared, tmp_path_factory):
    """Runs run_squad.py on the golden checkpoint; returns the folder of predictions."""
    model = tmp_path_factory.mktemp("golden") / "model"
    shutil.copytree(str(golden / "checkpoint"), str(model))

    def run(folder, **more):
        flags = dict(
            vocab_file=shared / "data" / "bert-base-cased-vocab.txt",
            bert_config_file=golden / "checkpoint" / "bert_config.json",
            predict_file=golden / "questions.json",
            output_dir=model,
            prediction_dir=folder,
            do_lower_case=False,
            max_seq_length=192,
            doc_stride=64,
            predict_batch_size=64,
        )
        flags.update(more)
        assert small.status_of(run_squad.main, ["--%s=%s" % item for item in flags.items()]) == 0
        return folder

    return run


@pytest.fixture(scope="module")
def golden_sweep(golden_run, tmp_path_factory):
    return golden_run(tmp_path_factory.mktemp("sweep"), do_sweep=True)


def test_a_sweep_gives_the_published_answers(golden, golden_sweep):
    cells = [BASELINE] + cells_of(4)
    assert len(list(golden_sweep.glob("predictions*.json"))) == len(cells) == 21
    for cell in cells:
        expected = json.loads((golden / "expected" / file_name("predictions", cell)).read_text())
        assert list(read(golden_sweep, cell)) == list(expected)
        assert different(read(golden_sweep, cell), expected) <= MOST_DIFFERENT, cell
    nbest = json.loads((golden / "expected" / "nbest_predictions.json").read_text())
    found = read(golden_sweep, kind="nbest_predictions")
    assert (
        different(
            {key: [entry["text"] for entry in entries] for key, entries in found.items()},
            {key: [entry["text"] for entry in entries] for key, entries in nbest.items()},
        )
        <= MOST_DIFFERENT
    )


def test_single_runs_give_the_sweeps_files(golden_run, golden_sweep, tmp_path):
    # Answers of other single cells are held to those of sweeps with each reader of the hub.
    for cell in (BASELINE, Cell(2, "p2q")):
        mask = {} if cell == BASELINE else dict(mask_layer=cell.layer, mask_zone=cell.zone)
        golden_run(tmp_path, do_predict=True, predict_batch_size=16, **mask)
        assert different(read(tmp_path, cell), read(golden_sweep, cell)) <= MOST_DIFFERENT


@pytest.mark.parametrize(
    "zone", [z if z in ("p2q", "all") else pytest.param(z, marks=pytest.mark.slow) for z in ZONES]
)
def test_a_zone_masked_in_every_layer_gives_the_published_answers(
    golden, golden_run, tmp_path, zone
):
    golden_run(tmp_path, do_predict=True, mask_zone=zone)
    cell = Cell(None, zone)
    expected = json.loads((golden / "expected" / file_name("predictions", cell)).read_text())
    assert different(read(tmp_path, cell), expected) <= MOST_DIFFERENT


# What a sweep does ----------------------------------------------------------------------------


@pytest.mark.slow
def test_zones_one_after_another_give_what_one_sweep_gives(small_files, small_model, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    small.run(small_files, small_model, do_sweep=True, prediction_dir=whole)
    for zone in ZONES:
        small.run(small_files, small_model, do_sweep=True, mask_zone=zone, prediction_dir=parts)
    assert set(contents(parts)) == set(contents(whole))
    for cell in [BASELINE] + cells_of(2):
        assert read(parts, cell) == read(whole, cell)


def test_one_layer_and_union_can_be_swept(small_files, small_model, tmp_path):
    more = dict(mask_layer=1, mask_zone="union, q2", prediction_dir=tmp_path)
    assert small.run(small_files, small_model, do_sweep=True, **more) == 0
    assert sorted(contents(tmp_path)) == [
        "nbest_predictions.json",
        "predictions.json",
        "predictions_layer1_q2.json",
        "predictions_layer1_union.json",
    ]


def test_nbest_files_of_cells_are_written_when_asked(small_files, small_model, tmp_path):
    more = dict(mask_zone="q2", prediction_dir=tmp_path)
    small.run(small_files, small_model, do_sweep=True, **more)
    without = contents(tmp_path)
    assert "nbest_predictions_layer0_q2.json" not in without
    small.run(small_files, small_model, do_sweep=True, write_nbest=True, **more)
    assert "nbest_predictions_layer0_q2.json" in contents(tmp_path)
    first = read(tmp_path, Cell(0, "q2"), "nbest_predictions")
    assert {key: entries[0]["text"] for key, entries in first.items()} == read(
        tmp_path, Cell(0, "q2")
    )


def test_the_batch_size_changes_nothing(small_files, small_model, tmp_path):
    for size in (1, 40):
        where = tmp_path / str(size)
        small.run(
            small_files,
            small_model,
            do_sweep=True,
            predict_batch_size=size,
            prediction_dir=where,
        )
        for cell in [BASELINE] + cells_of(2):
            assert read(where, cell) == read(tmp_path / "1", cell), (size, cell)


# Work that is there already -------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_sweep(small_files, small_model, tmp_path_factory):
    """The predictions of a sweep with the small model. Only to be read."""
    folder = tmp_path_factory.mktemp("small_sweep")
    assert small.run(small_files, small_model, do_sweep=True, prediction_dir=folder) == 0
    return folder


@pytest.fixture
def swept(small_sweep, tmp_path):
    """A copy of them, to be decoded into again."""
    return pathlib.Path(shutil.copytree(str(small_sweep), str(tmp_path / "predictions")))


def other_weights(small_model, folder):
    """A copy of the small model with another bias."""
    shutil.copytree(str(small_model), str(folder))
    stored = tf.train.load_checkpoint(str(small_model / "model.ckpt-12"))
    with tf.Graph().as_default(), tf.Session() as session:
        for name in stored.get_variable_to_shape_map():
            value = stored.get_tensor(name)
            tf.get_variable(name, initializer=value + np.float32(name.endswith("query/bias")))
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, str(folder / "model.ckpt-12"))
    return folder


def test_complete_cells_are_left_alone_unless_overwritten(small_files, small_model, swept, capsys):
    sweep = dict(do_sweep=True, prediction_dir=swept)
    first = contents(swept)
    (swept / "predictions_layer1_q2.json").unlink()
    (swept / "predictions_layer0_p2.json").write_text("{}")
    capsys.readouterr()
    small.run(small_files, small_model, **sweep)
    assert "9 of 11" in capsys.readouterr().err
    assert contents(swept) == first
    small.run(small_files, small_model, **sweep)
    assert "Nothing is left" in capsys.readouterr().err
    small.run(small_files, small_model, overwrite=True, **sweep)
    assert "10 cells" in capsys.readouterr().err
    assert contents(swept) == first


@pytest.mark.parametrize(
    "change", ["checkpoint", pytest.param("data", marks=pytest.mark.slow), "flag"]
)
def test_work_of_another_run_is_never_mixed_in(
    change, small_files, small_model, swept, tmp_path, capsys
):
    model, more, before = small_model, {}, contents(swept)
    if change == "checkpoint":
        model = other_weights(small_model, tmp_path / "model")
    elif change == "data":
        more = dict(predict_file=tmp_path / "data.json")
        more["predict_file"].write_text(json.dumps(small.data_set(seed=5)))
    else:
        more = dict(max_answer_length=1)
    capsys.readouterr()
    for folder in (swept, tmp_path / "fresh"):
        small.run(small_files, model, do_sweep=True, prediction_dir=folder, **more)
        assert "decoded already" not in capsys.readouterr().err
    assert contents(swept) == contents(tmp_path / "fresh") != before


@pytest.mark.parametrize(
    "line, expected", [("EXTRA = 1", "10 cells"), ("# A remark.", "Nothing is left")]
)
def test_changed_code_decodes_again_and_a_changed_comment_does_not(
    line, expected, small_files, small_model, swept, capsys, monkeypatch
):
    read_bytes = files.read_bytes

    def edited(path, *more):
        content = read_bytes(path, *more)
        return content + line.encode() + b"\n" if str(path).endswith("modeling.py") else content

    monkeypatch.setattr(files, "read_bytes", edited)
    capsys.readouterr()
    small.run(small_files, small_model, do_sweep=True, prediction_dir=swept)
    assert expected in capsys.readouterr().err


def test_files_of_another_run_that_stay_are_warned_of(small_files, small_model, swept, capsys):
    sweep = dict(do_sweep=True, prediction_dir=swept)
    capsys.readouterr()
    small.run(small_files, small_model, max_answer_length=1, mask_zone="q2", **sweep)
    warning = [line for line in capsys.readouterr().err.splitlines() if "WARNING" in line]
    assert "8 files" in warning[0] and "predictions_layer0_all.json" in warning[0]
    small.run(small_files, small_model, max_answer_length=1, **sweep)
    assert "WARNING" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_sweep_killed_in_earnest_goes_on_and_ends_byte_identical(
    small_files, small_model, tmp_path
):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = small.start_sweep(small_files, small_model, whole)
    process.communicate()
    assert process.returncode == 0

    process = small.start_sweep(small_files, small_model, killed)
    deadline = time.time() + 60
    while time.time() < deadline and len(list(killed.rglob("windows-*.npz"))) < 5:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    saved = len(list(killed.rglob("windows-*.npz")))
    assert saved >= 5 and not contents(killed)

    process = small.start_sweep(small_files, small_model, killed)
    said = process.communicate()[1]
    assert process.returncode == 0
    done = int(said.split("unfinished run: ")[1].split()[0])
    assert saved - 1 <= done <= saved + 1
    assert contents(killed) == contents(whole)
    assert not list(killed.rglob("windows-*.npz"))


@pytest.mark.slow
def test_zones_side_by_side_give_what_one_sweep_gives(small_files, small_model, tmp_path):
    """As the tasks of a cluster do, each with a zone of its own and all with one folder."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    tasks = [small.start_sweep(small_files, small_model, parts, mask_zone=zone) for zone in ZONES]
    for task in tasks:
        task.communicate()
        assert task.returncode == 0
    small.run(small_files, small_model, do_sweep=True, prediction_dir=whole)
    assert set(contents(parts)) == set(contents(whole))
    for cell in [BASELINE] + cells_of(2):
        assert read(parts, cell) == read(whole, cell)


def test_a_damaged_save_is_decoded_again(small_files, small_model, tmp_path, monkeypatch, capsys):
    whole, damaged = tmp_path / "whole", tmp_path / "damaged"
    sweep = dict(do_sweep=True, predict_batch_size=5, sweep_save_secs=0)
    add = UnfinishedRun.add

    def add_four(unfinished, rows, results):
        if unfinished.done == 4:
            raise KeyboardInterrupt
        add(unfinished, rows, results)

    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedRun, "add", add_four)
        assert small.run(small_files, small_model, prediction_dir=damaged, **sweep) == 130
    saved = sorted(damaged.rglob("windows-*.npz"))
    assert len(saved) == 4
    saved[1].write_bytes(b"PK\x03\x04 and then nothing")
    capsys.readouterr()
    assert small.run(small_files, small_model, prediction_dir=damaged, **sweep) == 0
    said = capsys.readouterr().err
    assert "cannot be used" in said and "unfinished run: 3 of" in said
    assert small.run(small_files, small_model, prediction_dir=whole, **sweep) == 0
    assert contents(damaged) == contents(whole)


def test_a_sweep_into_a_log_writes_plain_lines_and_a_summary(small_files, small_model, tmp_path):
    process = small.start_sweep(small_files, small_model, tmp_path)
    said = process.communicate()[1]
    assert "\r" not in said and "\x1b" not in said
    assert "decoding (windows x cells): 715 steps" in said
    last = said.strip().splitlines()[-1]
    for part in ("the baseline and 10 cells", "24 questions", str(tmp_path)):
        assert part in last
