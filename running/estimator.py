"""The machine under a run: quiet logs, seeds, devices, and the estimator made from them."""

import os
import random
import re
import shutil
import warnings

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import rewriter_config_pb2
from tensorflow.python.client import device_lib

from common import files
from common.command_line import UserError
from common.progress import counted, say

# TensorFlow's graph rewriters that move matrix products to 16 bits. They leave the variables, and
# so the checkpoints, in float32.
_FLOAT16_ON_GPU = "auto_mixed_precision"
_BFLOAT16_ON_CPU = "auto_mixed_precision_onednn_bfloat16"
# What Linux calls the instructions that multiply in bfloat16.
_CPU_FLAGS = {"avx512_bf16", "amx_bf16"}
# The first GPUs with tensor cores are of compute capability 7.0; the rewriter passes over others.
_TENSOR_CORES = 7.0


def prepare(verbose=False):
    """Makes TensorFlow 2 behave as 1, and silences notes and deprecation warnings, not errors."""
    tf.logging.set_verbosity(tf.logging.INFO if verbose else tf.logging.ERROR)
    tf.disable_v2_behavior()
    if not verbose:
        warnings.filterwarnings("ignore", category=UserWarning, module="tensorflow")
    if shutil.which("nvidia-smi") and not tf.test.is_built_with_cuda():
        say("NOTE: this machine has a GPU, but the TensorFlow installed here cannot use it.")


def num_cores():
    """How many cores this process may use, which is how many threads TensorFlow takes."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def set_seeds(seed):
    """Fixes Python's and numpy's random numbers; TensorFlow's go with the estimator."""
    random.seed(seed)
    np.random.seed(seed)


def shuffled(count, seed):
    """The numbers below ``count`` in an order that the seed alone decides, as an int array."""
    return np.random.RandomState(seed).permutation(count)


def _gpus():
    """The compute capabilities of the GPUs that TensorFlow can use, as floats."""
    if not tf.test.is_built_with_cuda():
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
    gpus = _gpus()
    if gpus:
        if max(gpus) < _TENSOR_CORES:
            raise UserError(
                "--mixed_precision: this GPU has no tensor cores (compute capability %.1f, needed "
                "is %.1f); leave the flag out" % (max(gpus), _TENSOR_CORES)
            )
        if do_train:
            raise UserError(
                "--mixed_precision: on a GPU it is for decoding only (gradients in float16 would "
                "need scaling); train without it"
            )
        return
    if _BFLOAT16_ON_CPU not in rewriter_config_pb2.RewriterConfig.DESCRIPTOR.fields_by_name:
        raise UserError(
            "--mixed_precision: on a CPU it needs TensorFlow 2.15, this is %s; leave the flag out "
            "or use the other environment (make setup RUNTIME=tf2)" % tf.__version__
        )
    if not _CPU_FLAGS & _cpu_flags():
        raise UserError(
            "--mixed_precision: this CPU has neither AVX512-BF16 nor AMX, so that it would not be "
            "faster; leave the flag out"
        )


def session_config(mixed_precision=False, threads=0):
    """How sessions use the devices, as a ConfigProto; for ``threads`` see make_estimator."""
    config = tf.ConfigProto(allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    config.intra_op_parallelism_threads = threads
    if mixed_precision:
        rewriter = _FLOAT16_ON_GPU if _gpus() else _BFLOAT16_ON_CPU
        on = rewriter_config_pb2.RewriterConfig.ON
        setattr(config.graph_options.rewrite_options, rewriter, on)
    return config


def training_strategy(settings):
    """How several GPUs or machines share the training: a tf.distribute strategy, or None for one.

    Raises:
        UserError: the batch cannot be shared evenly.
    """
    if settings.use_tpu:
        return None
    machine, num_gpus = settings.machine, len(_gpus())
    count = machine.count * max(1, num_gpus)
    if count == 1:
        return None
    sharers = counted(count, "GPU" if num_gpus else "machine")
    if settings.train_batch_size % count:
        raise UserError(
            "--train_batch_size: %d windows cannot be shared by %s evenly; make it a multiple "
            "of %d%s"
            % (
                settings.train_batch_size,
                sharers,
                count,
                ", or hide some of the GPUs with CUDA_VISIBLE_DEVICES" if num_gpus > 1 else "",
            )
        )
    say("%s share each batch: %d windows each." % (sharers, settings.train_batch_size // count))
    if machine.count == 1:
        return tf.distribute.MirroredStrategy()
    say("This is %s. Training begins when all of them have come." % machine)
    return tf.distribute.experimental.MultiWorkerMirroredStrategy()


def fixed_pipeline(data):
    """Takes a dataset's self-tuning away, which has nothing to tune here.

    TensorFlow 2.15 (1.15 has no such option) waits for its tuner at the end, idle; 4 to 30 seconds
    were seen.
    """
    options = tf.data.Options()
    if hasattr(options, "autotune"):
        options.autotune.enabled = False
    return data.with_options(options)


def make_estimator(settings, model_fn, windows_at_once=None, strategy=None, threads=0):
    """The estimator: a TPUEstimator, which on a CPU or one GPU is a plain one.

    Args:
        settings: the Settings of this run.
        model_fn: its model function, which returns a TPUEstimatorSpec.
        windows_at_once: the batch size of predictions.
        strategy: how several devices share the training, or None.
        threads: how many compute one operation; 0 is one for every core.
    """
    common = dict(
        model_dir=settings.output_dir,
        tf_random_seed=settings.random_seed,
        save_checkpoints_steps=settings.save_checkpoints_steps,
        keep_checkpoint_max=3,
        log_step_count_steps=None,
        session_config=session_config(settings.mixed_precision, threads),
    )
    if strategy is not None:
        return _shared_estimator(settings, model_fn, strategy, common)
    tpu = tf.estimator.tpu
    cluster = None
    if settings.use_tpu and settings.tpu_name:
        cluster = tf.distribute.cluster_resolver.TPUClusterResolver(
            settings.tpu_name, zone=settings.tpu_zone, project=settings.gcp_project
        )
    run_config = tpu.RunConfig(
        cluster=cluster,
        master=settings.master,
        tpu_config=tpu.TPUConfig(
            iterations_per_loop=settings.iterations_per_loop,
            num_shards=settings.num_tpu_cores,
            per_host_input_for_training=tpu.InputPipelineConfig.PER_HOST_V2,
        ),
        **common,
    )
    return tpu.TPUEstimator(
        use_tpu=settings.use_tpu,
        model_fn=model_fn,
        config=run_config,
        train_batch_size=settings.train_batch_size,
        predict_batch_size=windows_at_once,
    )


def _shared_estimator(settings, model_fn, strategy, common):
    """A plain Estimator: TPUEstimator knows no strategies."""

    def plain_model_fn(features, labels, mode, params):
        return model_fn(features, labels, mode, params).as_estimator_spec()

    return tf.estimator.Estimator(
        plain_model_fn,
        config=tf.estimator.RunConfig(train_distribute=strategy, **common),
        params={"batch_size": settings.train_batch_size},
    )


def train(estimator, machine, input_fn, num_train_steps, hooks):
    """Runs the training loop up to a step, on this machine or on all of them.

    Args:
        estimator: one of make_estimator.
        machine: the machines.Machine that this is.
        input_fn: gives the batches.
        num_train_steps: the step to end with.
        hooks: a list of tf.train.SessionRunHook.
    """
    if machine.count == 1:
        estimator.train(input_fn, max_steps=num_train_steps, hooks=hooks)
        return
    # The machines find each other in this call only. It evaluates nothing, for nobody is evaluator.
    tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(input_fn, max_steps=num_train_steps, hooks=hooks),
        tf.estimator.EvalSpec(input_fn),
    )
    # All save, since all take part in reading the variables, but the first machine's is the model.
    copies = files.join(estimator.model_dir, "tmp_worker_%d" % machine.number)
    if files.exists(copies):
        files.remove_tree(copies)
