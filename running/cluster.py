"""Reading on the machines of a Ray cluster. The only module that knows Ray.

The process that the user started, the *driver*, keeps the list of batches. It gives Ray one task
for each *worker* that there is to be, a chunk of batches each, and the next as soon as one is done.
Ray looks for the machine, starts processes where they are needed and lets them live from task to
task, so that a process makes its reader once. A task whose process died is given to Ray again.
(Ray's own retries do not cover what its memory monitor kills: where nothing else runs, such a task
fails the first time.)
"""

import contextlib
import functools
import importlib.util
import logging
import os
import platform
import socket
import subprocess
import sys
import time

import tensorflow.compat.v1 as tf

from common import files, quiet
from common.command_line import UserError
from common.progress import counted, say
from running import checkpoints, saved

LOCAL = "local"
AUTO = "auto"
# Seconds to wait for an answer from an address, for Ray to take us in, for a first worker.
_CONNECT, _JOIN, _START = 5, 25, 120
# How often a chunk is tried.
ATTEMPTS = 3
# Bytes of memory that a Ray of our own sets aside for results; they are small.
_STORE = 200 << 20
_PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def check(address):
    """Finds out at once whether Ray is installed and something answers at its address.

    Raises:
        UserError: no Ray, an address of another form, or nobody there.
    """
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            "--ray_address: this Python has no Ray; pip install -r requirements-ray.txt (%s)"
            % sys.executable
        )
    if address == LOCAL:
        return
    if address == AUTO:
        _try_to_join(address)
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise UserError(
            "--ray_address: %s is neither auto nor local nor the head's host:port" % address
        )
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, error)
    _try_to_join(address)


# Ray waits for minutes where nobody answers, and sometimes ends the process that waits.
_PROBE = """
import logging, sys, ray
try:
    ray.init(sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
except Exception as error:
    sys.exit(" ".join(str(error).split()))
"""


def _try_to_join(address):
    try:
        subprocess.run(
            [sys.executable, "-c", _PROBE, address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            timeout=_JOIN,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise _unreachable(address, "no answer within %d seconds" % _JOIN)
    except subprocess.CalledProcessError as error:
        raise _unreachable(address, (error.stderr.strip().split("\n") or [""])[-1].split(". ")[0])


def _unreachable(address, why):
    return UserError(
        "--ray_address=%s: cannot join Ray there (%s); start it with ray start --head, and on "
        "every other machine, this one too, with ray start --address=HEAD:6379" % (address, why)
    )


# In a worker ------------------------------------------------------------------------------------


def identity(checkpoint):
    """What must be the same wherever a part of a run is decoded: a dict, words -> value."""
    source = checkpoints.content_hash_source(checkpoint)
    return {
        "TensorFlow": tf.__version__,
        "the fingerprint of %s" % checkpoint: saved.fingerprint(checkpoint=source),
    }


def check_identity(checkpoint, expected):
    """Raises UserError unless this machine sees the checkpoint and would give the same answers."""
    here = platform.node()
    if not files.exists(checkpoint + ".index"):
        raise UserError(
            "--output_dir: a worker on %s does not see %s; put it on storage that every "
            "machine of the cluster has under that name, or on gs://" % (here, checkpoint)
        )
    for what, value in identity(checkpoint).items():
        if value != expected[what]:
            raise UserError(
                "--ray_address: %s is %s on %s, but %s where the run was started; all "
                "machines need the same" % (what, value, here, expected[what])
            )


@functools.lru_cache(maxsize=1)
def _reader(make_reader, reading, threads, expected):
    """The reader of this process, which may get several tasks."""
    quiet.prepare()
    check_identity(reading.checkpoint, dict(expected))
    return make_reader(reading, threads)


def _read(batches, *what):
    """The task of a worker: reads batches, the first time none.

    Args:
        batches: see Cluster.read.
        what: the arguments of _reader.

    Returns:
        A list of the batches' results.
    """
    reader = _reader(*what)
    results = [None] * len(batches)
    try:
        for number, result in reader.read(batches):
            results[number] = result
    except tf.errors.OpError as error:
        # The operation that it names cannot be sent to another process.
        raise type(error)(None, None, error.message)
    return results


# In the driver ----------------------------------------------------------------------------------


@contextlib.contextmanager
def joined(address, wanted, verbose):
    """Joins the cluster at an address for the time of the block; gives a Cluster.

    Args:
        address: as check takes it.
        wanted: how many workers are asked for, or None.
        verbose: whether Ray may say what it likes.

    Raises:
        UserError: it cannot be joined, or has room for no worker.
    """
    # It would report to its makers otherwise.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    # A worker must find the project's modules, wherever it was started.
    path = os.pathsep.join([_PROJECT, "${PYTHONPATH}"])
    options = dict(
        address=address,
        log_to_driver=verbose,
        logging_level=logging.INFO if verbose else logging.CRITICAL,
        runtime_env={"env_vars": {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "2"}},
    )
    if address == LOCAL:
        options.update(
            num_cpus=max(os.cpu_count(), wanted or 1),
            object_store_memory=_STORE,
            include_dashboard=False,
        )
    try:
        try:
            ray.init(**options)
        except Exception as error:
            raise _unreachable(address, error)
        yield Cluster(ray, wanted, tf.test.is_built_with_cuda())
    finally:
        ray.shutdown()


def plan(nodes, wanted, cores, uses_gpus):
    """How many workers there are to be, and what each reserves.

    With GPUs in the cluster a worker takes one, else an equal share of its machine's CPUs.

    Args:
        nodes: a dict for each machine, what it has: ``{"CPU": 16.0, "GPU": 2.0}``.
        wanted: workers asked for, or None.
        cores: the most CPUs that a worker makes use of.
        uses_gpus: see joined.

    Returns:
        (workers, CPUs of each, GPUs of each); 0 workers if there is no room at all.
    """
    gpus = 1 if uses_gpus and any(node.get("GPU", 0) >= 1 for node in nodes) else 0

    def room(cpus):
        """How many workers of so many CPUs the nodes hold."""
        places = [node.get("CPU", 0) // cpus for node in nodes]
        if gpus:
            places = [min(place, node.get("GPU", 0)) for place, node in zip(places, nodes)]
        return int(sum(map(int, places)))

    if gpus:
        workers = room(1)
    else:
        workers = sum(node.get("CPU", 0) >= 1 for node in nodes)
    workers = min(wanted or workers, room(1))
    cpus = max([c for c in range(1, cores + 1) if room(c) >= workers], default=1)
    return workers, cpus, gpus


class _Chunk:
    """Batches from ``first`` up to ``end``, and how many processes died over them."""

    def __init__(self, first, end):
        self.first, self.end = first, end
        self.deaths = 0
        self.since = time.monotonic()


class ChunkQueue:
    """Cuts a list of batches into chunks, each as large as is read in some seconds.

    Args:
        num_batches: how many there are.
        num_workers: who take them. Toward the end chunks grow small, so that all end together.
        threads: how many batches a worker reads at once; a chunk is a multiple of it.
        seconds: how long a chunk should take.
    """

    def __init__(self, num_batches, num_workers, threads, seconds):
        self._num_batches, self._num_workers = num_batches, num_workers
        self._threads, self._seconds = threads, seconds
        self._next = 0
        self._per_second = 0.0

    def __len__(self):
        """How many batches nobody has taken."""
        return self._num_batches - self._next

    def take(self):
        """The next _Chunk."""
        size = min(self._seconds * self._per_second, len(self) / (2 * self._num_workers))
        first = self._next
        rounds = max(1, int(size / self._threads))
        self._next = min(self._num_batches, first + rounds * self._threads)
        return _Chunk(first, self._next)

    def took(self, chunk):
        """Learns from a chunk that has just been read how long one takes."""
        seconds = time.monotonic() - chunk.since
        self._per_second = (chunk.end - chunk.first) / max(seconds, 1e-3)


class Cluster:
    """A Ray cluster that was joined; see joined().

    Args:
        ray: the module.
        wanted: workers asked for, or None.
        uses_gpus: whether the TensorFlow that is installed can.

    Attributes:
        num_workers: how many there will be.
        threads: how many batches one reads at once by default.
    """

    def __init__(self, ray, wanted, uses_gpus):
        self._ray = ray
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        # One that makes use of all cores of its machine is right for any number of them.
        self.num_workers, cpus, gpus = plan(nodes, wanted, os.cpu_count(), uses_gpus)
        self.threads = 1 if gpus else cpus
        each = counted(cpus, "CPU") + (" and 1 GPU" if gpus else "")
        where = "Ray at %s" % ray.get_runtime_context().gcs_address
        if not self.num_workers:
            raise UserError(
                "--ray_address: %s has no room for a worker, which needs %s" % (where, each)
            )
        say(
            "%s: %s on %s, with %s each"
            % (where, counted(self.num_workers, "worker"), counted(len(nodes), "machine"), each)
        )
        if wanted and wanted > self.num_workers:
            say(
                "NOTE: --ray_workers=%d, but the cluster has room for %d."
                % (wanted, self.num_workers)
            )
        self._task = ray.remote(
            num_cpus=cpus,
            num_gpus=gpus,
            scheduling_strategy="SPREAD",
            max_retries=0,
            # A process reads as many chunks as there are; by default one with a GPU ends after one.
            max_calls=0,
        )(_read)

    def read(self, make_reader, reading, threads, num_batches, batches, seconds):
        """Has the workers read all batches.

        Args:
            make_reader: called in a worker, once, with the next two; gives an object with
                ``read(batches)``, which gives pairs of a batch's number and its result.
            reading: a decoding.Reading, with an absolute path of its checkpoint.
            threads: how many batches a worker reads at once.
            num_batches: how many there are.
            batches: (first, end) -> the list of those batches.
            seconds: how long a chunk should take.

        Yields:
            (number, result) for every batch, in the order in which they come.

        Raises:
            UserError: processes die over the same work again and again, or none can start.
            Exception: what make_reader or ``read`` raised in a worker.
        """
        queue = ChunkQueue(num_batches, self.num_workers, threads, seconds)
        what = (make_reader, reading, threads, tuple(identity(reading.checkpoint).items()))

        def submit(chunk):
            """Sends a part of the work away; returns the task."""
            chunk.since = time.monotonic()
            return self._task.remote(batches(chunk.first, chunk.end), *what)

        # A first task makes the reader, and reads nothing.
        starts = [_Chunk(0, 0) for _ in range(min(self.num_workers, num_batches))]
        tasks = {submit(chunk): chunk for chunk in starts}
        self._wait_for_a_start(list(tasks))
        while tasks:
            (done,), _ = self._ray.wait(list(tasks), num_returns=1)
            chunk = tasks.pop(done)
            try:
                results = self._ray.get(done)
            except self._ray.exceptions.RayTaskError as error:
                # What the worker raised, with its traceback there behind it.
                raise error.cause if isinstance(error.cause, Exception) else error
            except self._ray.exceptions.RayError as error:
                self._count_death(chunk, error)
                tasks[submit(chunk)] = chunk
                continue
            if results:
                queue.took(chunk)
            if len(queue):
                chunk_after = queue.take()
                tasks[submit(chunk_after)] = chunk_after
            yield from enumerate(results, chunk.first)

    def _wait_for_a_start(self, tasks):
        told_after, given_up_after = _START / 4, _START
        if self._ray.wait(tasks, num_returns=1, timeout=told_after)[0]:
            return
        say("No worker has started yet: waiting for room in the cluster")
        if not self._ray.wait(tasks, num_returns=1, timeout=given_up_after - told_after)[0]:
            raise UserError(
                "--ray_address: no worker could start within %d seconds; is the cluster busy with "
                "other work? (ray status shows it) What is done is saved" % _START
            )

    @staticmethod
    def _count_death(chunk, error):
        """Notes that a process died over a chunk, and says so, or gives up."""
        chunk.deaths += 1
        why = "its machine ran low on memory" if "low on memory" in str(error) else _gist(error)
        if chunk.deaths < ATTEMPTS:
            say("A worker died (%s); another does its part again" % why)
        elif chunk.end == chunk.first:
            raise UserError(
                "--ray_address: workers do not start (%s); every machine needs the same Python "
                "environment and the folder %s" % (why, _PROJECT)
            )
        else:
            raise UserError(
                "--ray_address: %d workers died over the same part of the work (%s); if memory ran "
                "out, lower --predict_batch_size. What is done is saved" % (ATTEMPTS, why)
            )


def _gist(error):
    """What Ray says of a death, in a few words."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    for line in lines:
        if line.startswith("ModuleNotFoundError"):
            return line[:200]
    return "its process or machine was lost"
