"""A layer's steps as functions of TensorFlow's graph: built once, and called by every layer.

A sweep calls a layer some hundred times, and most of a start would go to building the same
operations again. So each step is built once, with its weights as arguments::

    f = function (hidden, kernel, bias, ...)   built the first time
    f(hidden of layer 1, kernel of layer 1, ...)   f(hidden of layer 2, kernel of layer 2, ...)

TensorFlow puts the operations in the place of each call before it runs the graph. So it fuses what
it fuses anywhere, frees a tensor after its last use, and the numbers are the same, bit for bit. (A
call that stays holds its inputs until all that follows it is done.)
"""

import copy

import tensorflow.compat.v1 as tf
from tensorflow.python.framework import function


def with_calls(layers):
    """The layers, each with its steps as calls, for one graph.

    Args:
        layers: a list of TransformerLayers of one configuration that do not drop out.

    Returns:
        A list of LayerOfCalls.
    """
    functions = {}
    return [LayerOfCalls(layer, functions) for layer in layers]


class LayerOfCalls:
    """What a TransformerLayer is to those who decode with it: the same steps and results.

    Args:
        layer: the TransformerLayer.
        functions: a dict that all layers of a graph share, of what they have built.
    """

    def __init__(self, layer, functions):
        self._layer, self._functions = layer, functions
        self._weights = list(_tensors(layer))
        self.num_heads, self.head_size = layer.num_heads, layer.head_size
        self.attention_dropout = layer.attention_dropout
        self.attend, self.scores = layer.attend, layer.scores

    def project(self, hidden):
        """As TransformerLayer.project."""
        return self._call("project", hidden)

    def finish(self, context, residual):
        """As TransformerLayer.finish."""
        return self._call("finish", context, residual)

    def __call__(self, hidden, bias, num_keys=None):
        """As that of TransformerLayer."""
        return self._call("__call__", hidden, bias, num_keys)

    def _call(self, step, *arguments):
        """Calls the function of a step; builds it for the first arguments of such shapes."""
        forms = tuple(None if x is None else (x.dtype, *x.shape.as_list()) for x in arguments)
        if (step, forms) not in self._functions:
            self._functions[step, forms] = _Function(self._layer, self._weights, step, arguments)
        given = [x for x in arguments if x is not None]
        return self._functions[step, forms](*given, *self._weights)


class _Function:
    """A step of a layer as a function of its arguments, those that are not None, and weights."""

    def __init__(self, layer, weights, step, arguments):
        given = [x for x in arguments if x is not None] + weights
        self._shapes = []

        @function.Defun(*(x.dtype.base_dtype for x in given))
        def body(*inputs):
            """Builds the step with the inputs in the place of arguments and weights."""
            for x, like in zip(inputs, given):
                x.set_shape(like.shape)
            others = inputs[-len(weights) :]
            same_layer = copy.deepcopy(layer, {id(w): x for w, x in zip(weights, others)})
            rest = iter(inputs)
            results = getattr(same_layer, step)(
                *(None if x is None else next(rest) for x in arguments)
            )
            self._shapes = [x.shape for x in tf.nest.flatten(results)]
            return results

        self._body = body

    def __call__(self, *inputs):
        results = self._body(*inputs)
        for x, shape in zip(tf.nest.flatten(results), self._shapes):
            x.set_shape(shape)
        return results


def _tensors(part):
    """The weights of a layer, or of a part of it, one after the other."""
    for value in vars(part).values():
        if isinstance(value, (tf.Tensor, tf.Variable)):
            yield value
        elif hasattr(value, "__dict__"):
            yield from _tensors(value)
