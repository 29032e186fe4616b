"""Chunks of work on the machines of a Ray cluster. The only module that knows Ray.

The process that the user started, the *driver*, keeps the queue. Each *worker*, a process somewhere
in the cluster, has one chunk at a time; when its results come, it gets the next. The chunk of a
worker that died goes to another, and a new worker is started in its place. Nothing is kept in the
cluster that the driver could not do again.
"""

import contextlib
import importlib.util
import logging
import os
import socket
import subprocess
import sys
import time

from common.command_line import UserError
from common.progress import counted, say

LOCAL = "local"
AUTO = "auto"
# Seconds to wait for an answer from an address, for Ray to take us in, for a first worker.
_CONNECT, _JOIN, _START = 5, 25, 120
# How often a chunk, or the start of a worker, is tried.
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


@contextlib.contextmanager
def joined(settings, uses_gpus):
    """Joins the cluster of ``settings.ray_address`` for the time of the block; gives a Cluster.

    Args:
        settings: the Settings of this run.
        uses_gpus: whether the TensorFlow that is installed can.

    Raises:
        UserError: it cannot be joined, or has room for no worker.
    """
    # It would report to its makers otherwise.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    wanted = settings.ray_workers
    # A worker must find the project's modules, wherever it was started.
    path = os.pathsep.join([_PROJECT, "${PYTHONPATH}"])
    options = dict(
        address=settings.ray_address,
        log_to_driver=settings.verbose_logging,
        logging_level=logging.INFO if settings.verbose_logging else logging.CRITICAL,
        runtime_env={"env_vars": {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "2"}},
    )
    if settings.ray_address == LOCAL:
        options.update(
            num_cpus=max(os.cpu_count(), wanted or 1),
            object_store_memory=_STORE,
            include_dashboard=False,
        )
    try:
        try:
            ray.init(**options)
        except Exception as error:
            raise _unreachable(settings.ray_address, error)
        yield Cluster(ray, wanted, uses_gpus)
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
    """Items from ``first`` up to ``end``, and how many workers died over them."""

    def __init__(self, first, end):
        self.first, self.end = first, end
        self.deaths = 0


class ChunkQueue:
    """Cuts items into chunks of whole batches, each as large as fits into some seconds.

    Args:
        num_items, batch: how many there are, and how many a batch has.
        num_workers: who take them. Toward the end chunks grow small, so that all end together.
        seconds: how long a chunk should take.
    """

    def __init__(self, num_items, batch, num_workers, seconds):
        self._num_items, self._batch, self._seconds = num_items, batch, seconds
        self._num_workers = num_workers
        self._next = 0
        self._given_back = []
        self._batches_per_second = 0.0

    def __len__(self):
        """How many items nobody has taken."""
        return self._num_items - self._next + sum(c.end - c.first for c in self._given_back)

    def take(self):
        """The next _Chunk; given back ones first."""
        if self._given_back:
            return self._given_back.pop(0)
        left = -(-(self._num_items - self._next) // self._batch)
        batches = min(self._seconds * self._batches_per_second, left / (2 * self._num_workers))
        first = self._next
        self._next = min(self._num_items, first + max(1, int(batches)) * self._batch)
        return _Chunk(first, self._next)

    def give_back(self, chunk):
        """Takes back what a worker could not finish."""
        self._given_back.append(chunk)

    def took(self, chunk, seconds):
        """Learns from how long a chunk took."""
        batches = -(-(chunk.end - chunk.first) // self._batch)
        self._batches_per_second = batches / max(seconds, 1e-3)


class _Worker:
    """What lives in a worker process. An error comes to the driver when it is next spoken to."""

    def __init__(self, make_reader):
        self._make_reader = make_reader

    def start(self):
        self._reader = self._make_reader()
        return socket.gethostname()

    def decode(self, items):
        return self._reader.decode(items)


class Cluster:
    """A Ray cluster that was joined; see joined().

    Args:
        ray: the module.
        wanted: workers asked for, or None.
        uses_gpus: see joined.
    """

    def __init__(self, ray, wanted, uses_gpus):
        self._ray = ray
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        # One that makes use of all cores of its machine is right for any number of them.
        self.num_workers, cpus, gpus = plan(nodes, wanted, os.cpu_count(), uses_gpus)
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
        self._actor_class = ray.remote(_Worker).options(
            num_cpus=cpus, num_gpus=gpus, scheduling_strategy="SPREAD"
        )

    def decode(self, make_reader, items, batch, seconds):
        """Has the workers decode all items.

        Args:
            make_reader: called in each worker, once; gives an object with ``decode(items)``.
            items: a list.
            batch: chunks are whole batches of so many items.
            seconds: how long a chunk should take.

        Yields:
            (first, end, results): what ``decode`` gave for ``items[first:end]``, in the order in
            which it comes.

        Raises:
            UserError: workers die again and again, or none can start.
            Exception: what make_reader or ``decode`` raised in a worker.
        """
        queue = ChunkQueue(len(items), batch, self.num_workers, seconds)
        size = min(self.num_workers, -(-len(items) // batch))
        team = _Team(self._ray, self._actor_class, make_reader, items, queue, size)
        while team.is_needed():
            for chunk, results in team.wait():
                yield chunk.first, chunk.end, results


class _Call:
    """A question to a worker that has not answered yet; without a chunk it is starting."""

    def __init__(self, actor, host, chunk=None):
        self.actor, self.host, self.chunk = actor, host, chunk
        self.since = time.monotonic()


class _Team:
    """The workers of one decoding, ``size`` of them, and what each is at."""

    def __init__(self, ray, actor_class, make_reader, items, queue, size):
        self._ray, self._actor_class = ray, actor_class
        self._make_reader, self._items, self._queue = make_reader, items, queue
        self._calls = {}
        self._idle = []
        self._size = size
        self._failed_starts = 0
        self._last_news = time.monotonic()
        self._told_of_waiting = False
        for _ in range(size):
            self._hire()

    def _hire(self):
        """Starts a worker; it gets work once it says that it is ready."""
        actor = self._actor_class.remote(self._make_reader)
        self._calls[actor.start.remote()] = _Call(actor, None)

    def is_needed(self):
        """Whether anything is left to be done."""
        return len(self._queue) > 0 or any(call.chunk for call in self._calls.values())

    def wait(self):
        """Waits for news; returns a list of (chunk, results), which may be empty."""
        done, _ = self._ray.wait(list(self._calls), num_returns=1, timeout=5)
        if done:
            self._last_news = time.monotonic()
        elif not any(call.chunk for call in self._calls.values()):
            self._check_that_some_start()
        finished = [self._hear(self._calls.pop(ref), ref) for ref in done]
        while self._idle and len(self._queue):
            self._give(*self._idle.pop(0))
        return [result for result in finished if result]

    def _give(self, actor, host):
        chunk = self._queue.take()
        ref = actor.decode.remote(self._items[chunk.first : chunk.end])
        self._calls[ref] = _Call(actor, host, chunk)

    def _hear(self, call, ref):
        """Takes a worker's answer, or its death; returns (chunk, results) if it has some."""
        errors = self._ray.exceptions
        try:
            answer = self._ray.get(ref)
        except errors.RayTaskError as error:
            # What the worker raised, with its traceback there behind it.
            raise error.cause if isinstance(error.cause, Exception) else error
        except errors.RayError as error:
            self._bury(call, error)
            return None
        self._failed_starts = 0
        if call.chunk is None:
            self._idle.append((call.actor, answer))
            return None
        self._idle.append((call.actor, call.host))
        self._queue.took(call.chunk, time.monotonic() - call.since)
        return call.chunk, answer

    def _bury(self, call, error):
        """Puts the chunk of a worker that died back, and starts another worker."""
        why = "its machine ran low on memory; " if "low on memory" in str(error) else ""
        if call.chunk is None:
            self._failed_starts += 1
            if self._failed_starts >= ATTEMPTS * self._size:
                raise UserError(
                    "--ray_address: workers do not start (%s%s); every machine needs the same "
                    "Python environment and the folder %s" % (why, _gist(error), _PROJECT)
                )
        else:
            call.chunk.deaths += 1
            number = counted(call.chunk.end - call.chunk.first, "window")
            if call.chunk.deaths >= ATTEMPTS:
                raise UserError(
                    "--ray_address: %d workers died over the same %s, the last on %s (%s%s); if "
                    "memory ran out, lower --predict_batch_size. What is done is saved"
                    % (ATTEMPTS, number, call.host, why, _gist(error))
                )
            say(
                "A worker on %s died (%s%s); another decodes its %s again"
                % (call.host, why, _gist(error), number)
            )
            self._queue.give_back(call.chunk)
        self._hire()

    def _check_that_some_start(self):
        waited = time.monotonic() - self._last_news
        if waited > _START / 4 and not self._told_of_waiting:
            self._told_of_waiting = True
            say("No worker has started yet: waiting for room in the cluster")
        if waited > _START:
            raise UserError(
                "--ray_address: no worker could start within %d seconds; is the cluster busy with "
                "other work? (ray status shows it) What is done is saved" % _START
            )


_DEAD = "The actor is dead because "


def _gist(error):
    """What Ray says of a death, without what it says of every death."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()]
    for line in lines:
        if line.startswith("ModuleNotFoundError"):
            return line[:200]
        if line.startswith(_DEAD):
            return line[len(_DEAD) :].split(".")[0]
    return "its process or machine was lost"
