"""Runs in processes of their own: stopped, killed, on one core or two, on a disk that is full."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import tensorflow.compat.v1 as tf

from tests.conftest import ROOT
from tests.support import small
from tests.support.hub_files import bert_config, tensors_of, write_directory

pytestmark = pytest.mark.slow

SECONDS = 300


def start(small_files, out, cores=None, **more):
    command = [sys.executable, str(ROOT / "run_squad.py"), *small.flags(small_files, out, **more)]
    if cores:
        command = ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        # Its own group, as a terminal gives one to a command.
        start_new_session=True,
    )


def finish(process):
    said = process.communicate(timeout=SECONDS)[1]
    return process.returncode, said.splitlines()


def wait_until(condition):
    deadline = time.time() + SECONDS
    while not condition():
        assert time.time() < deadline
        time.sleep(0.02)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}


def newest_weights(folder):
    stored = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder)))
    return {name: stored.get_tensor(name).tobytes() for name in stored.get_variable_to_shape_map()}


# Control-C --------------------------------------------------------------------------------------


@pytest.mark.parametrize("and_decode", [False, True])
def test_a_control_c_in_training_saves_a_checkpoint_to_go_on_from(
    and_decode, small_files, tmp_path
):
    """The terminal sends the signal to every process of the command."""
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    more = dict(do_train=True, do_predict=and_decode, num_train_epochs=40)
    assert finish(start(small_files, whole, **more))[0] == 0
    process = start(small_files, stopped, **more)
    wait_until(lambda: (stopped / "model.ckpt-0.index").exists())
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    status, lines = finish(process)
    assert status == 130
    assert sum("a checkpoint is saved first" in line for line in lines) == 1
    assert lines[-1] == "run_squad.py: stopped; the same command goes on from there"
    assert not [line for line in lines if "Traceback" in line]
    (step,) = [
        int(path.name[11:-6])
        for path in stopped.glob("model.ckpt-*.index")
        if path.name != "model.ckpt-0.index"
    ]
    assert 0 < step < 240
    assert not list(stopped.glob("*.tf_record"))
    status, lines = finish(start(small_files, stopped, **more))
    assert status == 0
    assert any("training goes on from there to step 240" in line for line in lines)
    assert newest_weights(stopped) == newest_weights(whole)
    if and_decode:
        for name in ("predictions.json", "nbest_predictions.json"):
            assert (stopped / name).read_bytes() == (whole / name).read_bytes()


def test_a_control_c_in_decoding_keeps_what_is_decoded(small_files, small_model, tmp_path):
    flags = dict(do_sweep=True, prediction_dir=tmp_path, predict_batch_size=1, sweep_save_secs=0)
    process = start(small_files, small_model, **flags)
    wait_until(lambda: len(list(tmp_path.rglob("windows-*.npz"))) >= 3)
    os.killpg(process.pid, signal.SIGINT)
    status, lines = finish(process)
    assert status == 130
    assert lines[-1] == "run_squad.py: stopped; the same command goes on from there"
    assert not [line for line in lines if "Traceback" in line]
    saved = len(list(tmp_path.rglob("windows-*.npz")))
    status, lines = finish(start(small_files, small_model, **flags))
    assert status == 0
    assert any("unfinished run: %d of 65 windows" % saved in line for line in lines)


def test_a_second_control_c_ends_at_once(small_files, tmp_path):
    process = start(small_files, tmp_path, do_train=True, num_train_epochs=10000)
    wait_until(lambda: (tmp_path / "model.ckpt-0.index").exists())
    # Before the saving is over, if that can be: halted, the process gets both in one go.
    for sent in (signal.SIGSTOP, signal.SIGINT, signal.SIGCONT):
        os.killpg(process.pid, sent)
    with contextlib.suppress(ProcessLookupError):
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
    assert finish(process)[0] in (130, -signal.SIGINT)


def test_the_process_that_trains_ends_with_the_command(small_files, tmp_path):
    flags = dict(do_train=True, do_predict=True, num_train_epochs=10000)
    process = start(small_files, tmp_path, **flags)
    wait_until(lambda: (tmp_path / "model.ckpt-0.index").exists())

    def alive():
        listed = subprocess.check_output(["ps", "-A", "-o", "pgid=,stat="]).decode().split("\n")
        rows = [line.split() for line in listed if line.strip()]
        return [row for row in rows if row[0] == str(process.pid) and row[1][0] != "Z"]

    assert len(alive()) >= 2
    process.kill()
    process.communicate()
    wait_until(lambda: not alive())


# Cores ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wide_files(tmp_path_factory):
    """A model wide enough that a product of matrices is shared by the cores that there are."""
    files = small.write_files(tmp_path_factory.mktemp("wide"))
    wide = dict(hidden_size=384, intermediate_size=1536, num_attention_heads=6)
    files.config.write_text(json.dumps(dict(small.CONFIG, **wide)))
    return files


def test_the_files_are_the_same_on_one_core_and_on_two(wide_files, tmp_path):
    """And after training in the same command, whose steps use all cores."""
    everywhere = sorted(os.sched_getaffinity(0))
    if len(everywhere) < 2:
        pytest.skip("needs two cores")
    model = tmp_path / "model"
    decode = dict(do_sweep=True, write_nbest=True)
    both = dict(do_train=True, num_train_epochs=0.5, **decode)
    status, lines = finish(start(wide_files, model, prediction_dir=tmp_path / "after", **both))
    assert status == 0, lines
    for name, cores in (("one", everywhere[:1]), ("two", everywhere[:2])):
        process = start(wide_files, model, cores, prediction_dir=tmp_path / name, **decode)
        status, lines = finish(process)
        assert status == 0, lines
    assert len(contents(tmp_path / "one")) == 22
    assert contents(tmp_path / "one") == contents(tmp_path / "two") == contents(tmp_path / "after")


# A full disk ------------------------------------------------------------------------------------


@pytest.fixture
def full_disk(tmp_path):
    """A function that makes a file system with so many bytes free, where that is allowed."""
    mounted = []

    def make(size):
        place = tmp_path / "disk"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=%d" % size, "tmpfs", str(place)]
        if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode:
            pytest.skip("may not mount a file system")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


# From "not even the windows" to "not the last checkpoint".
@pytest.mark.parametrize("size", [4096, 40960, 300000, 3 << 20])
def test_a_full_disk_is_said_in_training(size, full_disk, small_files):
    status, lines = finish(start(small_files, full_disk(size) / "model", do_train=True))
    assert status == 2
    assert "cannot write" in lines[-1] and "No space left on device" in lines[-1], lines
    assert "--output_dir" in lines[-1] or "output" in lines[-1]
    assert not [line for line in lines if "Traceback" in line]


def test_a_full_disk_is_said_in_converting(full_disk, small_files, small_model, tmp_path):
    config = bert_config()
    model = write_directory(tmp_path / "hub", config, tensors_of(config), small_files.vocab)
    out = full_disk(8192) / "out"
    for arguments in ([model, out], ["--to-safetensors", small_model, out]):
        command = [sys.executable, "convert_checkpoint.py", *map(str, arguments)]
        run = subprocess.run(
            command, cwd=str(ROOT), stderr=subprocess.PIPE, universal_newlines=True, check=False
        )
        last = run.stderr.splitlines()[-1]
        assert run.returncode == 2 and "Traceback" not in run.stderr
        assert last.startswith("convert_checkpoint.py: OUT: cannot write %s" % out)
        assert "No space left on device" in last and not list(out.iterdir())


@pytest.mark.parametrize("size", [4096, 40960])
def test_a_full_disk_is_said_in_decoding(size, full_disk, small_files, small_model):
    place = full_disk(size)
    status, lines = finish(start(small_files, small_model, do_sweep=True, prediction_dir=place))
    assert status == 2
    assert "--prediction_dir: cannot write" in lines[-1], lines
    assert "No space left on device" in lines[-1]
    assert not [line for line in lines if "Traceback" in line]
    left = list(place.glob("*.json"))
    assert all(json.loads(path.read_text()) for path in left)
    shutil.rmtree(str(place / ".decoding"), ignore_errors=True)
