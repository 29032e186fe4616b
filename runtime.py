"""The machine under a run: quiet logs, seeds, devices, and the estimator made from them."""

import random
import shutil

import numpy as np
import tensorflow.compat.v1 as tf

from progress import say


def prepare(verbose=False):
    """Makes TensorFlow 2 behave as 1, and silences notes and deprecation warnings, not errors."""
    tf.logging.set_verbosity(tf.logging.INFO if verbose else tf.logging.ERROR)
    tf.disable_v2_behavior()
    if shutil.which("nvidia-smi") and not tf.test.is_built_with_cuda():
        say("NOTE: this machine has a GPU, but the TensorFlow installed here cannot use it.")


def set_seeds(seed):
    """Fixes Python's and numpy's random numbers; TensorFlow's go with the estimator."""
    random.seed(seed)
    np.random.seed(seed)


def shuffled(count, seed):
    """The numbers below ``count`` in an order that the seed alone decides, as an int array."""
    return np.random.RandomState(seed).permutation(count)


def make_estimator(settings, model_fn, windows_at_once=None):
    """A TPUEstimator, which on CPUs and GPUs is a plain one.

    Args:
        settings: the Settings of this run.
        model_fn: its model function.
        windows_at_once: the batch size of predictions.
    """
    tpu = tf.estimator.tpu
    cluster = None
    if settings.use_tpu and settings.tpu_name:
        cluster = tf.distribute.cluster_resolver.TPUClusterResolver(
            settings.tpu_name, zone=settings.tpu_zone, project=settings.gcp_project
        )
    session_config = tf.ConfigProto(allow_soft_placement=True)
    session_config.gpu_options.allow_growth = True
    run_config = tpu.RunConfig(
        cluster=cluster,
        master=settings.master,
        model_dir=settings.output_dir,
        tf_random_seed=settings.random_seed,
        save_checkpoints_steps=settings.save_checkpoints_steps,
        keep_checkpoint_max=3,
        log_step_count_steps=None,
        session_config=session_config,
        tpu_config=tpu.TPUConfig(
            iterations_per_loop=settings.iterations_per_loop,
            num_shards=settings.num_tpu_cores,
            per_host_input_for_training=tpu.InputPipelineConfig.PER_HOST_V2,
        ),
    )
    return tpu.TPUEstimator(
        use_tpu=settings.use_tpu,
        model_fn=model_fn,
        config=run_config,
        train_batch_size=settings.train_batch_size,
        predict_batch_size=windows_at_once,
    )
