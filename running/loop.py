"""Training and decoding on CPUs and GPUs, by TensorFlow's sessions. (TPUs: estimator.py.)

Training is a MonitoredTrainingSession, whose steps use every core. Decoding keeps several batches
of windows in flight in one session, each in a Python thread that computes it alone: so no core
waits for another, and no sum depends on how many cores add it up.

TensorFlow makes the thread pools that operations use once in a process, for its first session, and
all later ones share them. Training wants a pool of every core and decoding one of a single thread;
a run that does both therefore trains in a process of its own (apart).
"""

import concurrent.futures
import contextlib
import ctypes
import gc
import itertools
import multiprocessing
import os
import threading
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
from tensorflow.python.distribute import distribute_coordinator

from common import files, quiet
from common.command_line import UserError
from running import checkpoints, machines
from running.stopping import Stop, stopping_gently

_CHECKPOINT, _INDEX = "model.ckpt", ".index"
_KEPT_CHECKPOINTS = 3
_STEPS_BETWEEN_SUMMARIES = 100

# Processes and their thread pools ---------------------------------------------------------------

_pools_are_for_decoding = threading.Event()


def make_pools_for_decoding():
    """Makes TensorFlow's pools, if nothing has made them, for one thread to an operation."""
    if not _pools_are_for_decoding.is_set():
        tf.Session(config=machines.session_config(threads=1)).close()
        _pools_are_for_decoding.set()


def apart(function, *arguments, killed, verbose=False):
    """Calls a function in a process of its own, which leaves the pools of this one to be made.

    Where decoding has made them already, it is called in here.

    Args:
        function, arguments: what to call; both go to the process.
        killed: what to tell the user if the process is killed.
        verbose: see quiet.prepare.

    Returns:
        What the function returns.

    Raises:
        UserError: the process was killed.
        Exception: what the function raised.
    """
    if _pools_are_for_decoding.is_set():
        return function(*arguments)
    executor = concurrent.futures.ProcessPoolExecutor(
        1,
        # A fork would share what TensorFlow and the drivers of a GPU have begun.
        multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(os.getpid(), verbose),
    )
    # The process gets the signal, too, and says what there is to say.
    with stopping_gently(), executor:
        try:
            return executor.submit(function, *arguments).result()
        except concurrent.futures.process.BrokenProcessPool:
            raise UserError(killed)


def _begin(parent, verbose):
    """Prepares a process, which is to end when its parent does, however that ends."""

    def watch():
        """Ends this process once its parent is gone."""
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    quiet.prepare(verbose)


# What the system says, in TensorFlow's errors of several classes, when a file cannot be written.
_NOT_WRITTEN = (
    "No space left", "quota", "File too large", "Permission denied", "Read-only file system",
)  # fmt: skip


@contextlib.contextmanager
def errors_explained(size_flag, place_flag):
    """Turns those errors of TensorFlow that a user can do something about into UserErrors.

    Args:
        size_flag: the flag that says how much memory is taken.
        place_flag: the flag that says where files are written.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if any(reason in error.message for reason in _NOT_WRITTEN):
            raise UserError("%s: cannot write %s" % (place_flag, files.telling_line(error)))
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise UserError("the device ran out of memory; lower --%s" % size_flag)
        if isinstance(error, (tf.errors.DataLossError, tf.errors.OutOfRangeError)):
            raise UserError(
                "--output_dir or --init_checkpoint: a checkpoint in there is damaged (%s); "
                "copy it again" % files.telling_line(error)
            )
        raise


# Training ---------------------------------------------------------------------------------------


class Training(NamedTuple):
    """What a training is.

    Attributes:
        step: builds the graph of a step: dict of int32 tensors ``[B, T]`` or ``[B]``, as
            running.input makes them -> (loss, train_op).
        input_fn: ``(batch_size, input_context=None)`` -> the tf.data.Dataset of batches.
        batch_size: windows in a step, of all devices together.
        num_steps: the global step to end with.
        output_dir: where checkpoints go.
        save_every: steps from one to the next.
        seed: decides initial weights and dropout.
        hooks: further tf.train.SessionRunHook objects.
        mixed_precision: see machines.check_mixed_precision.
        start: the path of a checkpoint to take variables from, or None.
        names: which variables, and how it names them, our name -> its name; None is all under
            their own names, the optimizer's and the global step among them.
    """

    step: Callable[..., Any]
    input_fn: Callable[..., Any]
    batch_size: int
    num_steps: int
    output_dir: str
    save_every: int
    seed: int
    hooks: List[Any]
    mixed_precision: bool
    start: Optional[str] = None
    names: Optional[Dict[str, str]] = None


def train(training, strategy, machine):
    """Trains on this machine, or on all of them.

    Args:
        training: a Training.
        strategy, machine: those of machines.training_strategy.
    """
    if machine.count == 1:
        _train(training, strategy, machine)
        return
    # Within this call the machines are connected, and only within it.
    distribute_coordinator.run_distribute_coordinator(
        lambda configured: _train(training, configured, machine),
        strategy,
        mode=distribute_coordinator.CoordinatorMode.INDEPENDENT_WORKER,
        session_config=machines.session_config(training.mixed_precision),
    )
    # TensorFlow keeps the server of that connection, which would write errors as the process ends.
    distribute_coordinator._thread_local.server = None
    if not machine.is_first:
        files.remove_tree(_place(training, machine))


def _place(training, machine):
    """Where a machine's checkpoints go.

    All machines save, since all take part in reading the variables, but the first one's is the
    model.
    """
    if machine.is_first:
        return training.output_dir
    return files.join(training.output_dir, "tmp_worker_%d" % machine.number)


def _train(training, strategy, machine):
    # One machine cannot end alone, for the others wait for it.
    stopping = stopping_gently("a checkpoint is saved") if machine.count == 1 else _never()
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(stopping)
        stack.enter_context(tf.Graph().as_default())
        if strategy:
            stack.enter_context(strategy.scope())
        tf.set_random_seed(training.seed)
        tf.train.get_or_create_global_step()
        loss, train_op = _step_on_all_devices(training, strategy)
        tf.summary.scalar("loss", loss)
        scaffold = _scaffold(training)
        place = _place(training, machine)
        hooks = [
            tf.train.StopAtStepHook(last_step=training.num_steps),
            _StopHook(stop),
            *training.hooks,
            tf.train.CheckpointSaverHook(
                place,
                save_steps=training.save_every,
                scaffold=scaffold,
                listeners=[_SoundWeights()],
            ),
            tf.train.SummarySaverHook(
                save_steps=_STEPS_BETWEEN_SUMMARIES, output_dir=place, scaffold=scaffold
            ),
        ]
        with tf.train.MonitoredTrainingSession(
            scaffold=scaffold,
            hooks=hooks,
            config=machines.session_config(training.mixed_precision),
            log_step_count_steps=None,
        ) as session:
            while not session.should_stop():
                session.run(train_op)


@contextlib.contextmanager
def _never():
    yield Stop()


def _step_on_all_devices(training, strategy):
    """The loss on the first device, and the op that trains on all."""
    if strategy is None:
        batches = training.input_fn(training.batch_size)
        return training.step(tf.data.make_one_shot_iterator(batches).get_next())
    iterator = strategy.make_input_fn_iterator(
        lambda context: training.input_fn(training.batch_size, context)
    )
    tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, tf.group(iterator.initialize()))
    losses, train_op = strategy.extended.call_for_each_replica(
        training.step, args=(iterator.get_next(),)
    )
    return strategy.experimental_local_results(losses)[0], strategy.group(train_op)


def _scaffold(training):
    """What initialises, restores and saves the variables."""
    saver = tf.train.Saver(
        max_to_keep=_KEPT_CHECKPOINTS, save_relative_paths=True, defer_build=True
    )
    if training.start and training.names is not None:
        names = {its: our for our, its in training.names.items()}
        tf.train.init_from_checkpoint(training.start, names)
    if not training.start or training.names is not None:
        return tf.train.Scaffold(saver=saver)

    def restore(scaffold, session):
        """Takes all variables from the checkpoint."""
        del scaffold
        saver.restore(session, training.start)
        # The saver counts the checkpoints that are there already among those it keeps.
        saver.recover_last_checkpoints(_checkpoints_in(training.output_dir))

    return tf.train.Scaffold(saver=saver, init_fn=restore)


def _checkpoints_in(directory):
    """The paths of all checkpoints of a training, oldest first."""
    prefix = files.join(directory, _CHECKPOINT + "-")
    paths = [path[: -len(_INDEX)] for path in tf.io.gfile.glob(prefix + "*" + _INDEX)]
    steps = {path: path[len(prefix) :] for path in paths}
    return sorted((p for p in paths if steps[p].isdigit()), key=lambda path: int(steps[path]))


class _StopHook(tf.train.SessionRunHook):
    """Ends the training, with a last checkpoint, when the user has asked for an end."""

    def __init__(self, stop):
        self._stop = stop

    def after_run(self, run_context, run_values):
        """Ends the training after this step, if that is asked for."""
        del run_values
        if self._stop.asked:
            run_context.request_stop()


class _SoundWeights(tf.train.CheckpointSaverListener):
    """Refuses to save weights that nobody could decode with."""

    def begin(self):
        """Adds to the graph what tells whether all weights are sound."""
        most = checkpoints.LARGEST_WEIGHT
        self._sound = tf.reduce_all(
            [tf.reduce_all(tf.abs(variable) <= most) for variable in tf.trainable_variables()]
        )

    def before_save(self, session, global_step_value):
        """Raises UserError unless they are."""
        if not session.run(self._sound):
            raise lost_at(global_step_value)


def lost_at(step):
    """The UserError for a training that has come to weights or a loss that are no numbers."""
    return UserError(
        "--learning_rate: at step %d weights or loss are NaN, or beyond all measure; lower the "
        "rate and train anew (--overwrite=True, or another --output_dir)" % step
    )


# Decoding ---------------------------------------------------------------------------------------

# Makes a session compute in the thread that calls it, in place of a pool shared by all calls.
BY_CALLER = tf.RunOptions(inter_op_thread_pool=-1)


# Passes of the graph optimiser that take seconds and save nothing in a graph that only decodes.
_IDLE_PASSES = (
    "constant_folding", "layout_optimizer", "loop_optimization", "shape_optimization",
    "dependency_optimization", "implementation_selector", "scoped_allocator_optimization",
)  # fmt: skip


def _optimise_once(options):
    """Spares a start what finds nothing to do: one round of the graph optimiser, few passes."""
    options.meta_optimizer_iterations = rewriter_config_pb2.RewriterConfig.ONE
    options.memory_optimization = rewriter_config_pb2.RewriterConfig.NO_MEM_OPT
    for name in _IDLE_PASSES:
        setattr(options, name, rewriter_config_pb2.RewriterConfig.OFF)


class Session:
    """A graph with a checkpoint's weights, which several threads may run.

    Args:
        graph: builds it: takes nothing, and returns (inputs, outputs), two dicts of tensors.
        checkpoint: its path. It need hold no training state, not even the step.
        mixed_precision: see machines.check_mixed_precision.
    """

    def __init__(self, graph, checkpoint, mixed_precision=False):
        make_pools_for_decoding()
        with tf.Graph().as_default():
            inputs, outputs = graph()
            self._inputs, self._outputs = list(inputs), list(outputs)
            saver = tf.train.Saver(tf.trainable_variables())
            config = machines.session_config(mixed_precision, threads=1)
            _optimise_once(config.graph_options.rewrite_options)
            self._session = tf.Session(config=config)
            # The optimiser's copies of the graph are gone before there are weights.
            self._run = self._session._make_callable_from_options(
                config_pb2.CallableOptions(
                    feed=[inputs[name].name for name in self._inputs],
                    fetch=[outputs[name].name for name in self._outputs],
                    run_options=BY_CALLER,
                )
            )
            _give_back_free_memory()
            saver.restore(self._session, checkpoint)
        _give_back_free_memory()

    def run(self, values):
        """Dict of arrays -> dict of arrays, computed by the thread that calls alone."""
        return dict(zip(self._outputs, self._run(*(values[name] for name in self._inputs))))

    def close(self):
        """Gives back the memory of the graph and its weights, also to the system where it can."""
        self._run = None
        self._session.close()
        self._session = None
        give_back_memory()


def give_back_memory():
    """Frees what refers to itself, as graphs do, and gives free memory back to the system."""
    gc.collect()
    _give_back_free_memory()


def _give_back_free_memory():
    """Gives back to the system what the C library keeps of freed memory, where that can be told."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # not of every C library
        ctypes.CDLL(None).malloc_trim(0)


def num_threads(asked=None):
    """How many batches to have in flight: one for every core, or one on a GPU."""
    return asked or (1 if machines.gpus() else machines.num_cores())


def side_by_side(function, items, threads):
    """Calls a function with every item, in several threads.

    Yields:
        (number, result) for each item, in the order in which they finish. After a control-C those
        at work are still finished and given, and then KeyboardInterrupt is raised.
    """
    numbered = enumerate(items)
    running = {}
    with stopping_gently(
        "what is at work is finished and saved"
    ) as stop, concurrent.futures.ThreadPoolExecutor(threads) as pool:
        while True:
            # One more than there are threads, so that none waits for us.
            free = 0 if stop.asked else threads + 1 - len(running)
            for number, item in itertools.islice(numbered, free):
                running[pool.submit(function, item)] = number
            if stop.asked:
                for future in [f for f in running if f.cancel()]:
                    del running[future]
            if not running:
                return
            done, _ = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in done:
                yield running.pop(future), future.result()
