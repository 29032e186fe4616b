"""What a run computes on: the machines that train one model together, and the devices of this one.

The machines are those that the environment variable TF_CONFIG names.
"""

import dataclasses
import json
import os
import re
import shutil

import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import rewriter_config_pb2
from tensorflow.python.client import device_lib

from common import files
from common.command_line import UserError
from common.progress import counted, say

# The environment variable that says which machines train together; TensorFlow reads it, too.
VARIABLE = "TF_CONFIG"
# TensorFlow's word for the job of each machine: to compute gradients (none only stores variables).
_JOB = "worker"


@dataclasses.dataclass(frozen=True)
class Machine:
    """One of the machines.

    Attributes:
        number: its number, from 0. Machine 0 writes what is written once, and decodes.
        count: how many there are.
    """

    number: int = 0
    count: int = 1

    @property
    def is_first(self):
        """Whether this machine writes the checkpoints."""
        return self.number == 0

    def __str__(self):
        return "machine %d of %d" % (self.number + 1, self.count)


def this_machine():
    """The Machine that this process is; one of one where TF_CONFIG is not set.

    For example ``{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index":
    1}}`` makes it ``Machine(number=1, count=2)``, the second.

    Raises:
        UserError: the variable's text does not say which machines there are and which one this is.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return Machine()
    try:
        described = json.loads(text)
        addresses = {job: list(machines) for job, machines in described["cluster"].items()}
        job, index = described["task"]["type"], int(described["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            "%s: this environment variable does not name the machines; write it as {"
            '"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
            '"task": {"type": "worker", "index": 0}}, or unset it to use this one alone' % VARIABLE
        )
    for other in sorted(set(addresses) - {_JOB}):
        raise UserError(
            '%s: there is a job "%s" in its cluster, but all machines train alike; name them all '
            'under "%s"' % (VARIABLE, other, _JOB)
        )
    if job != _JOB or not 0 <= index < len(addresses.get(_JOB, ())):
        raise UserError(
            '%s: its task is %s %d, which its cluster does not have; "index" counts from 0'
            % (VARIABLE, job, index)
        )
    return Machine(index, len(addresses[_JOB]))


def leave():
    """Makes what follows work on this machine alone."""
    os.environ.pop(VARIABLE, None)


# Devices ----------------------------------------------------------------------------------------

# TensorFlow's graph rewriters that move matrix products to 16 bits. They leave the variables, and
# so the checkpoints, in float32.
_FLOAT16_ON_GPU = "auto_mixed_precision"
_BFLOAT16_ON_CPU = "auto_mixed_precision_onednn_bfloat16"
# What Linux calls the instructions that multiply in bfloat16.
_CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
# The first GPUs with tensor cores are of compute capability 7.0; the rewriter passes over others.
_TENSOR_CORES = 7.0


def num_cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def tell_of_unused_gpu():
    """Says so if there is a GPU that the installed TensorFlow has no code for."""
    if shutil.which("nvidia-smi") and not tf.test.is_built_with_cuda():
        say("NOTE: this machine has a GPU, but the TensorFlow installed here cannot use it.")


def gpus():
    """The compute capabilities of the GPUs that TensorFlow can use, as floats."""
    # To ask device_lib makes the thread pools of this process; see loop.py.
    if not tf.config.experimental.list_physical_devices("GPU"):
        return []
    described = [
        re.search(r"compute capability: (\d+\.\d+)", device.physical_device_desc)
        for device in device_lib.list_local_devices()
        if device.device_type == "GPU"
    ]
    return [float(match.group(1)) for match in described if match]


def _cpu_flags():
    """What Linux says that this CPU can do, as a set of words; elsewhere an empty one."""
    path = "/proc/cpuinfo"
    if not files.exists(path):
        return set()
    match = re.search(r"^flags\s*:(.*)$", files.read_bytes(path).decode(), re.MULTILINE)
    return set(match.group(1).split()) if match else set()


def check_mixed_precision(do_train):
    """Raises UserError unless matrices can be multiplied in 16 bits here."""
    found = gpus()
    if found:
        if max(found) < _TENSOR_CORES:
            raise UserError(
                "--mixed_precision: this GPU has no tensor cores (compute capability %.1f, needed "
                "is %.1f); leave the flag out" % (max(found), _TENSOR_CORES)
            )
        if do_train:
            raise UserError(
                "--mixed_precision: on a GPU it is for decoding only (gradients in float16 would "
                "need scaling); train without it"
            )
        return
    if _BFLOAT16_ON_CPU not in rewriter_config_pb2.RewriterConfig.DESCRIPTOR.fields_by_name:
        raise UserError(
            "--mixed_precision: on a CPU it needs TensorFlow 2.15 or later, this is %s; leave the "
            "flag out or use another environment (make setup RUNTIME=2.15)" % tf.__version__
        )
    if not _CPU_FLAGS & _cpu_flags():
        raise UserError(
            "--mixed_precision: this CPU has neither AVX512-BF16 nor AMX, so that it would not be "
            "faster; leave the flag out"
        )


def session_config(mixed_precision=False, threads=0):
    """How sessions use the devices, as a ConfigProto.

    Args:
        mixed_precision: see check_mixed_precision.
        threads: how many compute one operation; 0 is one for every core.
    """
    config = tf.ConfigProto(allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    config.intra_op_parallelism_threads = threads
    if mixed_precision:
        rewriter = _FLOAT16_ON_GPU if gpus() else _BFLOAT16_ON_CPU
        on = rewriter_config_pb2.RewriterConfig.ON
        setattr(config.graph_options.rewrite_options, rewriter, on)
    return config


def training_strategy(machine, batch_size):
    """How several GPUs or machines share the training: a tf.distribute strategy, or None for one.

    Args:
        machine: the Machine that this is.
        batch_size: how many windows they share at each step.

    Raises:
        UserError: the batch cannot be shared evenly.
    """
    num_gpus = len(gpus())
    count = machine.count * max(1, num_gpus)
    if count == 1:
        return None
    sharers = counted(count, "GPU" if num_gpus else "machine")
    if batch_size % count:
        raise UserError(
            "--train_batch_size: %d windows cannot be shared by %s evenly; make it a multiple "
            "of %d%s"
            % (
                batch_size,
                sharers,
                count,
                ", or hide some of the GPUs with CUDA_VISIBLE_DEVICES" if num_gpus > 1 else "",
            )
        )
    say("%s share each batch: %d windows each." % (sharers, batch_size // count))
    if machine.count == 1:
        return tf.distribute.MirroredStrategy()
    say("This is %s. Training begins when all of them have come." % machine)
    return tf.distribute.experimental.MultiWorkerMirroredStrategy()
