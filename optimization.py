"""AdamW as BERT uses it: no bias correction, linear warm-up, polynomial decay, clipped gradients.

Sources: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019), for the decay that
stays out of the moments; Devlin et al., "BERT" (2019), appendix A.2, for the schedule and numbers.
"""

import re

import tensorflow.compat.v1 as tf

WEIGHT_DECAY = 0.01
CLIP_NORM = 1.0
# Biases and layer norms are not decayed: pulling a scale towards zero is not regularisation.
NOT_DECAYED = re.compile(r"LayerNorm|layer_norm|bias")


def learning_rate_at(step, peak, num_train_steps, num_warmup_steps):
    """The learning rate of one step.

    Args:
        step: the step that is being taken, counted from 1 (a tensor or a number).
        peak: the learning rate that the decay starts from.
        num_train_steps: the decay ends here, at zero.
        num_warmup_steps: up to here the rate is ``peak * step / num_warmup_steps``.

    Returns:
        A float32 scalar tensor. The decay is a straight line from ``peak`` at step 0, so the rate
        falls a little, from the ramp to the line, where the warm-up ends.
    """
    step = tf.cast(step, tf.float32)
    left = 1.0 - tf.minimum(step, float(num_train_steps)) / float(num_train_steps)
    rate = peak * left
    if num_warmup_steps:
        rate = tf.where(step < float(num_warmup_steps), peak * step / float(num_warmup_steps), rate)
    return rate


class AdamWOptimizer(tf.train.Optimizer):
    """Adam with decoupled weight decay and without bias correction."""

    def __init__(self, learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-6):
        super().__init__(use_locking=False, name="AdamWOptimizer")
        self._learning_rate = learning_rate
        self._beta_1 = beta_1
        self._beta_2 = beta_2
        self._epsilon = epsilon

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        """Moves every variable that has a gradient; ``global_step`` goes up after the moves.

        The moments are variables named ``<variable>/adam_m`` and ``<variable>/adam_v``.
        """
        moves = [
            self._move(variable, *self._moments(variable), gradient, self._learning_rate)
            for gradient, variable in grads_and_vars
            if gradient is not None
        ]
        with tf.control_dependencies(moves):
            if global_step is None:
                return tf.no_op(name=name)
            return tf.assign_add(global_step, 1, name=name)

    def apply_on_replicas(self, gradients, variables, global_step):
        """One clipped step from the gradients of a tf.distribute strategy's replicas.

        It is the step that one device would take with the windows of all of them. An embedding's
        gradient comes as rows, one per token, and the norm counts a word's rows one by one; so
        their squares are added up before the rows are.
        """
        replica = tf.distribute.get_replica_context()
        count = replica.num_replicas_in_sync
        are_rows = [isinstance(gradient, tf.IndexedSlices) for gradient in gradients]
        rows = [gradient.values for gradient in gradients if isinstance(gradient, tf.IndexedSlices)]
        squares = tf.square(tf.global_norm(rows) / count) if rows else tf.constant(0.0)
        shares = [tf.convert_to_tensor(gradient) / count for gradient in gradients]
        moments = [self._moments(variable) for variable in variables]

        def step(strategy, variables, moments, shares, learning_rate, global_step):
            """One step, which all devices take together."""

            def on_one(value):
                """The value on one device."""
                return strategy.experimental_local_results(value)[0]

            sums = strategy.extended.batch_reduce_to(
                tf.distribute.ReduceOp.SUM, [(share, share) for share in shares]
            )
            *gradients, squares = sums
            others = [on_one(g) for g, of_rows in zip(gradients, are_rows) if not of_rows]
            norm = tf.sqrt(on_one(squares) + tf.square(tf.global_norm(others)))
            scale, learning_rate = CLIP_NORM / tf.maximum(norm, CLIP_NORM), on_one(learning_rate)

            def move(variable, m, v, gradient):
                """Moves a variable and its moments."""
                return self._move(variable, m, v, gradient * scale, learning_rate)

            moves = [
                strategy.extended.update(variable, move, args=(*moment, gradient))
                for variable, moment, gradient in zip(variables, moments, gradients)
            ]
            with tf.control_dependencies([tf.group(moves)]):
                return tf.group(
                    strategy.extended.update(global_step, lambda steps: steps.assign_add(1))
                )

        return replica.merge_call(
            step, args=(variables, moments, shares + [squares], self._learning_rate, global_step)
        )

    def _move(self, variable, m, v, gradient, learning_rate):
        gradient = tf.convert_to_tensor(gradient)  # an embedding's sparse rows, made dense
        next_m = self._beta_1 * m + (1.0 - self._beta_1) * gradient
        next_v = self._beta_2 * v + (1.0 - self._beta_2) * tf.square(gradient)
        update = next_m / (tf.sqrt(next_v) + self._epsilon)
        if not NOT_DECAYED.search(variable.op.name):
            update += WEIGHT_DECAY * variable
        return tf.group(
            variable.assign_sub(learning_rate * update), m.assign(next_m), v.assign(next_v)
        )

    @staticmethod
    def _moments(variable):
        # Replicas call their copies of a variable .../replica_1 and so on.
        name = re.sub(r"/replica_\d+$", "", variable.op.name)
        return [
            tf.get_variable(
                "%s/%s" % (name, moment),
                shape=variable.shape.as_list(),
                dtype=tf.float32,
                trainable=False,
                initializer=tf.zeros_initializer(),
            )
            for moment in ("adam_m", "adam_v")
        ]


def make_train_op(loss, peak_learning_rate, num_train_steps, num_warmup_steps, use_tpu=False):
    """One training step on ``loss``.

    The rate is read once, before the step counter moves. (The published code reads the counter
    in a race with its own increment and so sometimes trains its first step at rate zero.)

    Returns:
        (train_op, learning_rate): the op that moves every trainable variable and the step counter,
        and the float32 scalar that it moves them by.
    """
    global_step = tf.train.get_or_create_global_step()
    learning_rate = learning_rate_at(
        tf.identity(global_step) + 1, peak_learning_rate, num_train_steps, num_warmup_steps
    )
    optimizer = AdamWOptimizer(learning_rate)
    if use_tpu:
        optimizer = tf.tpu.CrossShardOptimizer(optimizer)
    variables = tf.trainable_variables()
    gradients = tf.gradients(loss, variables)
    if tf.distribute.has_strategy():
        return optimizer.apply_on_replicas(gradients, variables, global_step), learning_rate
    gradients, _ = tf.clip_by_global_norm(gradients, CLIP_NORM)
    return optimizer.apply_gradients(zip(gradients, variables), global_step), learning_rate
