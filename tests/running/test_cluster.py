"""A sweep over a Ray cluster: the files of a sweep without, whatever becomes of its workers."""

import importlib.util
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import types
from typing import NamedTuple

import pytest
import tensorflow.compat.v1 as tf

import run_squad
from common.command_line import UserError
from running import cluster, saved
from tests.conftest import ROOT
from tests.support import small
from tests.support.refusals import refusal

HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="needs Ray: make setup-ray")
SECONDS = 120


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}


def saved_files(folder):
    return sorted(folder.rglob("windows-*.npz"))


def wait_until(condition):
    deadline = time.time() + SECONDS
    while not condition():
        assert time.time() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def sweep_alone(small_files, small_model, tmp_path_factory):
    """A folder of a sweep in one process, which has not put away the windows that it saved."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved.UnfinishedRun, "remove", lambda self: None)
        one_by_one = dict(predict_batch_size=1, sweep_save_secs=0)
        small.run(small_files, small_model, do_sweep=True, prediction_dir=folder, **one_by_one)
    return folder


@pytest.fixture(scope="module")
def whole(sweep_alone):
    """The files of a sweep in one process."""
    return contents(sweep_alone)


# A cluster of two workers on this machine -------------------------------------------------------


def decoding_workers(ancestor):
    """The processes of workers that decode a chunk right now, below one of our own processes."""
    listed = subprocess.check_output(
        ["ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "args="], universal_newlines=True
    )
    rows = [line.split(None, 2) for line in listed.splitlines()]
    parents = {row[0]: row[1] for row in rows}

    def is_ours(process):
        while process in parents and process != str(ancestor):
            process = parents[process]
        return process == str(ancestor)

    titles = {row[0]: row[2] for row in rows if len(row) == 3}
    return [int(p) for p, title in titles.items() if title.startswith("ray::_read") and is_ours(p)]


def stop_one_that_decodes(process):
    """Halts a worker in the middle of a chunk; returns its process."""
    found = []

    def one_is_stopped():
        for worker in decoding_workers(process.pid):
            os.kill(worker, signal.SIGSTOP)
            # It may have finished its chunk before it halted.
            if worker in decoding_workers(process.pid):
                found.append(worker)
                return True
            os.kill(worker, signal.SIGCONT)
        return False

    wait_until(one_is_stopped)
    return found[0]


@pytest.mark.slow
@needs_ray
def test_the_chunk_of_a_killed_worker_is_done_by_another(small_files, small_model, whole, tmp_path):
    process = small.start_sweep(
        small_files, small_model, tmp_path, ray_address="local", ray_workers=2
    )
    wait_until(lambda: saved_files(tmp_path))
    worker = stop_one_that_decodes(process)
    # The other one does all the rest first, so that results come out of order.
    wait_until(lambda: len(saved_files(tmp_path)) >= 20)
    assert process.poll() is None and not contents(tmp_path)
    os.kill(worker, signal.SIGKILL)
    said = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 0, said
    assert "2 workers on 1 machine" in said
    (line,) = [line for line in said.splitlines() if "died" in line]
    assert line.endswith("another does its part again")
    assert "Traceback" not in said
    assert contents(tmp_path) == whole


@pytest.mark.slow
@needs_ray
def test_a_cluster_goes_on_with_the_work_of_one_process(
    small_files, small_model, sweep_alone, whole, tmp_path
):
    folder = tmp_path / "predictions"
    shutil.copytree(str(sweep_alone), str(folder))
    shutil.rmtree(str(folder / ".decoding" / "finished"))
    # With holes, as a cluster leaves them.
    for path in (
        list(folder.glob("*.json")) + saved_files(folder)[1:40:2] + saved_files(folder)[50:]
    ):
        path.unlink()
    there = len(saved_files(folder))
    process = small.start_sweep(
        small_files, small_model, folder, ray_address="local", ray_workers=2
    )
    said = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 0, said
    assert "unfinished run: %d of 65" % there in said
    assert contents(folder) == whole


@pytest.mark.slow
@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "auto"])
def test_nobody_at_the_address(address, small_files, small_model, capsys, monkeypatch):
    # Where auto looks first.
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(cluster, "_JOIN", 4)
    flags = small.flags(small_files, small_model, do_sweep=True, ray_address=address)
    assert "cannot join Ray there" in refusal(capsys, run_squad.main, *flags)


# What is asked in vain --------------------------------------------------------------------------


def test_without_ray_it_says_how_to_get_it(small_files, small_model, capsys, monkeypatch):
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: None)
    flags = small.flags(small_files, small_model, do_sweep=True, ray_address="auto")
    line = refusal(capsys, run_squad.main, *flags)
    assert "pip install -r requirements-ray.txt" in line


def test_ray_is_not_loaded_unless_asked_for():
    code = "import sys, run_squad; sys.exit('ray' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=str(ROOT), check=True)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (dict(do_sweep=True, ray_workers=2), "--ray_workers=2: "),
        (dict(do_predict=True, ray_address="auto"), "add --do_sweep=True"),
        (dict(do_sweep=True, ray_address="auto", use_tpu=True, tpu_name="t"), "--use_tpu=False"),
    ],
)
def test_flags_that_do_not_go_together(small_files, small_model, capsys, more, complaint):
    line = refusal(capsys, run_squad.main, *small.flags(small_files, small_model, **more))
    assert complaint in line


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "head:port"])
def test_an_address_of_another_form(address, monkeypatch):
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: True)
    with pytest.raises(UserError, match="neither auto nor local"):
        cluster.check(address)


# How work is cut and workers are placed ---------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 15, 1000])
def test_chunks_are_as_large_as_asked_and_every_batch_comes_once(seconds, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(cluster.time, "monotonic", lambda: now[0])
    queue = cluster.ChunkQueue(num_batches=103, num_workers=3, threads=4, seconds=seconds)
    chunks = []
    while len(queue):
        chunks.append(queue.take())
        now[0] += 0.5
        queue.took(chunks[-1])
    assert [chunk.first for chunk in chunks[1:]] == [chunk.end for chunk in chunks[:-1]]
    assert chunks[0].first == 0 and chunks[-1].end == 103
    sizes = [chunk.end - chunk.first for chunk in chunks]
    # Whole rounds of the worker's threads.
    assert all(size % 4 == 0 for size in sizes[:-1])
    # One round to begin with, and small ones again at the end.
    assert sizes[0] == 4 and sizes[-1] <= 4
    assert max(sizes) == (4 if seconds == 0 else 16)


@pytest.mark.parametrize(
    ("nodes", "wanted", "planned"),
    [
        # One per machine, with all of it.
        ([{"CPU": 8.0}, {"CPU": 8.0}], None, (2, 8, 0)),
        # Two to a machine.
        ([{"CPU": 8.0}, {"CPU": 8.0}], 4, (4, 4, 0)),
        # More than there is room for.
        ([{"CPU": 2.0}, {"CPU": 1.0}, {}], 4, (3, 1, 0)),
        # One per GPU; a machine without any is left alone.
        ([{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0}], None, (2, 4, 1)),
        ([{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0}], 9, (2, 4, 1)),
        # A head that takes no work.
        ([{"CPU": 0.0}], None, (0, 1, 0)),
    ],
)
def test_the_plan(nodes, wanted, planned):
    workers, cpus, gpus = cluster.plan(nodes, wanted, cores=8, uses_gpus=True)
    if workers:
        assert (workers, cpus, gpus) == planned
    else:
        assert planned[0] == 0


def test_gpus_that_tensorflow_cannot_use_are_not_taken():
    assert cluster.plan([{"CPU": 8.0, "GPU": 2.0}], None, 8, uses_gpus=False) == (1, 8, 0)


# Workers that fail ------------------------------------------------------------------------------


class Ray:
    """As much of Ray as the driver uses: machines that do at once what they are told."""

    class exceptions:
        class RayError(Exception):
            pass

        class RayTaskError(RayError):
            cause = None

    machines = [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {}}]

    def __init__(self, read):
        self._read = read

    def nodes(self):
        return self.machines

    def get_runtime_context(self):
        return types.SimpleNamespace(gcs_address="head:6379")

    def remote(self, **options):
        del options
        submit = types.SimpleNamespace(remote=lambda batches, *_: lambda: self._read(batches))
        return lambda function: submit

    def wait(self, tasks, num_returns, timeout=None):
        del num_returns, timeout
        return tasks[:1], tasks[1:]

    def get(self, task):
        return task()


@pytest.fixture
def read(monkeypatch):
    """What a cluster of such machines gives for ten batches: a function of what they do."""
    monkeypatch.setattr(cluster, "identity", lambda checkpoint: {})

    def all_of(read):
        batches = "abcdefghij"
        joined = cluster.Cluster(Ray(read), wanted=2, uses_gpus=False)
        reading = types.SimpleNamespace(checkpoint="model.ckpt-1")
        parts = joined.read(None, reading, 1, 10, lambda first, end: batches[first:end], 0)
        return sorted(parts)

    return all_of


def test_what_workers_give_comes_with_its_place(read):
    expected = [(number, letter.upper()) for number, letter in enumerate("abcdefghij")]
    assert read(lambda batches: list(batches.upper())) == expected


def failing(times, error, over="c"):
    """A worker's reading of batches that fails over one of them so many times."""
    left = [times]

    def read(batches):
        if batches == over and left[0]:
            left[0] -= 1
            raise error
        return list(batches)

    return read


def test_work_over_which_workers_die_is_given_up_in_the_end(read, capsys):
    death = Ray.exceptions.RayError("The worker died unexpectedly")
    assert (2, "c") in read(failing(cluster.ATTEMPTS - 1, death))
    said = capsys.readouterr().err
    assert said.count("A worker died (its process or machine was lost); another does") == 2
    with pytest.raises(UserError, match="3 workers died over the same part"):
        read(failing(cluster.ATTEMPTS, death))
    death = Ray.exceptions.RayError("killed due to the node running low on memory")
    with pytest.raises(UserError, match="its machine ran low on memory.* --predict_batch_size"):
        read(failing(cluster.ATTEMPTS, death))


def test_what_a_worker_refuses_is_the_users_line(read):
    error = Ray.exceptions.RayTaskError("a traceback of the worker")
    error.cause = UserError("--output_dir: a worker on b does not see it")
    with pytest.raises(UserError, match="does not see it"):
        read(failing(1, error, over=""))


def test_workers_that_never_start_are_given_up(read):
    lost = Ray.exceptions.RayError("lost")
    with pytest.raises(UserError, match="workers do not start"):
        read(failing(99, lost, over=""))


def test_a_cluster_without_room_is_refused_and_too_many_workers_are_told(capsys, monkeypatch):
    assert cluster.Cluster(Ray(None), wanted=None, uses_gpus=False).num_workers == 1
    assert "NOTE" not in capsys.readouterr().err
    assert cluster.Cluster(Ray(None), wanted=5, uses_gpus=False).num_workers == 2
    assert "--ray_workers=5, but the cluster has room for 2" in capsys.readouterr().err
    monkeypatch.setattr(Ray, "machines", [])
    with pytest.raises(UserError, match="no room for a worker"):
        cluster.Cluster(Ray(None), wanted=None, uses_gpus=False)


def test_memory_that_runs_out_in_a_worker_is_told_as_such(small_model):
    checkpoint = tf.train.latest_checkpoint(str(small_model))

    class Reader:
        def __init__(self, reading, threads):
            pass

        def read(self, batches):
            with tf.Graph().as_default():
                raise tf.errors.ResourceExhaustedError(None, tf.constant(0).op, "no memory")

    expected = tuple(cluster.identity(checkpoint).items())
    with pytest.raises(tf.errors.ResourceExhaustedError) as stopped:
        cluster._read([b"", b""], Reader, Checkpoint(checkpoint), 1, expected)
    # It goes to the driver, which turns it into the line of a run in one process.
    assert pickle.loads(pickle.dumps(stopped.value)).message == "no memory"


class Checkpoint(NamedTuple):
    """As much of a Reading as a worker checks."""

    checkpoint: str


@pytest.mark.parametrize("lacks", ["the checkpoint", "TensorFlow"])
def test_a_worker_that_would_answer_otherwise_refuses(lacks, small_model, tmp_path):
    checkpoint = tf.train.latest_checkpoint(str(small_model))
    expected = cluster.identity(checkpoint)
    if lacks == "TensorFlow":
        expected["TensorFlow"] = "9.9"
        with pytest.raises(UserError, match="TensorFlow is .* but 9.9"):
            cluster.check_identity(checkpoint, expected)
    else:
        with pytest.raises(UserError, match="does not see"):
            cluster.check_identity(str(tmp_path / "model"), expected)
