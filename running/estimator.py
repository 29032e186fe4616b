"""Training and decoding on a Cloud TPU, by TPUEstimator, as the protocol has it.

TensorFlow has no estimators from 2.16 on. CPUs and GPUs do without on every runtime: loop.py.
"""

from typing import NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common import files
from common.command_line import UserError
from running import machines


class Tpu(NamedTuple):
    """A Cloud TPU.

    Attributes:
        name: its name, or its grpc:// address.
        zone, project: where in Google Cloud it is.
        master: the address of a TensorFlow master, in place of a name.
        num_cores: how many cores it has.
        iterations_per_loop: training steps between its reports.
    """

    name: Optional[str]
    zone: Optional[str]
    project: Optional[str]
    master: Optional[str]
    num_cores: int
    iterations_per_loop: int


def check():
    """Raises UserError unless this TensorFlow has TPUEstimator."""
    if not hasattr(tf, "estimator"):
        raise UserError(
            "--use_tpu=True: TensorFlow %s has no TPUEstimator any more; take the runtime of "
            "TensorFlow 2.15 or 1.15 (make setup RUNTIME=2.15), or say --use_tpu=False"
            % tf.__version__
        )


def train(training, tpu):
    """Trains on a TPU.

    Args:
        training: the loop.Training.
        tpu: the Tpu.
    """

    def model_fn(features, labels, mode, params):
        """As the Estimator calls it."""
        del labels, params
        loss, train_op = training.step(features)
        return tf.estimator.tpu.TPUEstimatorSpec(
            mode=mode, loss=loss, train_op=train_op, scaffold_fn=start if training.names else None
        )

    def start():
        """Lets the variables begin with those of the checkpoint."""
        names = {its: our for our, its in training.names.items()}
        tf.train.init_from_checkpoint(training.start, names)
        return tf.train.Scaffold()

    if training.names is None:
        # The estimator itself goes on from what this file names.
        tf.train.update_checkpoint_state(training.output_dir, training.start)
    estimator = _estimator(
        tpu,
        model_fn,
        training.output_dir,
        train_batch_size=training.batch_size,
        tf_random_seed=training.seed,
        save_checkpoints_steps=training.save_every,
    )
    estimator.train(
        lambda params: training.input_fn(params["batch_size"]),
        max_steps=training.num_steps,
        hooks=training.hooks,
    )


def predict(graph, checkpoint, input_fn, batch_size, tpu):
    """Decodes on a TPU.

    Args:
        graph: dict of int32 tensors ``[B, T]`` -> dict of tensors.
        checkpoint: the path of the weights.
        input_fn: batch size -> a tf.data.Dataset of full batches.
        batch_size: windows in a batch.
        tpu: the Tpu.

    Returns:
        A generator of dicts of arrays, a batch at a time.
    """

    def model_fn(features, labels, mode, params):
        """As the Estimator calls it."""
        del labels, params
        return tf.estimator.tpu.TPUEstimatorSpec(
            mode=mode, predictions=graph(features), scaffold_fn=_restore_the_model_alone
        )

    estimator = _estimator(
        tpu, model_fn, files.directory_of(checkpoint), predict_batch_size=batch_size
    )
    return estimator.predict(
        lambda params: input_fn(params["batch_size"]),
        checkpoint_path=checkpoint,
        yield_single_examples=False,
    )


def _restore_the_model_alone():
    """A checkpoint to decode with need not hold any training state, not even the step."""
    variables = tf.trainable_variables()
    not_ready = tf.report_uninitialized_variables(variables)
    return tf.train.Scaffold(
        saver=tf.train.Saver(variables),
        ready_op=not_ready,
        ready_for_local_init_op=not_ready,
        local_init_op=tf.group(
            tf.train.Scaffold.default_local_init_op(), tf.train.get_global_step().initializer
        ),
    )


def _estimator(tpu, model_fn, model_dir, train_batch_size=8, predict_batch_size=8, **options):
    cluster = None
    if tpu.name:
        cluster = tf.distribute.cluster_resolver.TPUClusterResolver(
            tpu.name, zone=tpu.zone, project=tpu.project
        )
    config = tf.estimator.tpu.RunConfig(
        cluster=cluster,
        master=tpu.master,
        model_dir=model_dir,
        keep_checkpoint_max=3,
        log_step_count_steps=None,
        session_config=machines.session_config(),
        tpu_config=tf.estimator.tpu.TPUConfig(
            iterations_per_loop=tpu.iterations_per_loop,
            num_shards=tpu.num_cores,
            per_host_input_for_training=tf.estimator.tpu.InputPipelineConfig.PER_HOST_V2,
        ),
        **options,
    )
    return tf.estimator.tpu.TPUEstimator(
        use_tpu=True,
        model_fn=model_fn,
        config=config,
        train_batch_size=train_batch_size,
        predict_batch_size=predict_batch_size,
    )
