"""Layers in forms that are fast on a CPU: the same layers and weights, equal to rounding.

The networks stay plain Keras models, also when they are saved. Only the training step calls them through
`call_network`, which runs their graph of layers and computes some kinds of layers in another way:

- convolutions and transposed convolutions, by `kerasgan.backend.tensorflow.convolutions`;
- batch norm, by TensorFlow's fused kernel, which Keras does not use;
- leaky ReLUs, whose gradient is that of their result, so that a convolution before one computes both at once;
- depthwise convolutions of whole maps to one pixel, as a product and a sum.

Other layers, and layers with other options, run as they are. So do networks with layers that are not Keras's own,
which may rely on being called by their model.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from kerasgan import keras_internals
from kerasgan.networks.auxiliary_classifier import AuxiliaryClassifier

from . import convolutions, replicas

DTYPES = ("float32", "bfloat16", "float16")
"""Of convolutions that are summed in float32."""


def call_network(network: keras.Model, inputs: Any, training: bool) -> Any:
    """Returns `network(inputs, training=training)`, to rounding; in inference exactly that.

    Args:
        network: a Keras model.
        inputs: a tensor, or a list of tensors.
        training: True or False.
    """
    graph = keras_internals.functional_graph(network)
    if not training or graph is None or not _on_cpu() or not _known(network):
        return network(inputs, training=training)
    return _run(graph, inputs)


def _on_cpu():
    return not tf.config.list_physical_devices("GPU")


def _known(network):
    """Returns whether all layers are Keras's own (or ours) and do without what the call of a model does around them.

    A model collects the losses of a layer's activity, those of a layer that it calls twice, and the masks of its steps.
    """
    for layer in keras_internals.all_layers(network, include_self=False):
        own = keras_internals.is_built_in(layer) or keras_internals.functional_graph(layer) is not None
        if not own or isinstance(layer, layers.ActivityRegularization):
            return False
        if getattr(layer, "activity_regularizer", None) is not None:
            return False
        if isinstance(layer, layers.Masking) or getattr(layer, "mask_zero", False):
            return False
        if isinstance(layer, AuxiliaryClassifier) and keras_internals.num_calls(layer) > 1:
            return False
    return True


def _run(graph, inputs):
    def operation(layer):
        inner = keras_internals.functional_graph(layer) if isinstance(layer, keras.Model) else None
        fast = _FAST.get(type(layer))

        def call(*args, mask=None, **options):
            # A `training` that the graph was made with does not count, as in Keras: that of the step does.
            if mask is None and inner is not None:
                return _run(inner, *args)
            if mask is None and fast is not None and not getattr(layer, "quantization_mode", None):
                return _named(fast, layer, *args)
            return _unchanged(layer, *args, **(options if mask is None else options | {"mask": mask}))

        return call

    return keras_internals.run_graph(graph, inputs, operation)


def _named(fast, layer, images):
    with tf.name_scope(layer.name):  # as Keras does it, for profiles
        return fast(layer, images)


def _unchanged(layer, *args, **options):
    if keras_internals.takes_training_argument(layer):
        options["training"] = True
    return layer(*args, **options)


def _convolution(layer, images):
    geometry = _geometry(layer, images.shape, images.shape[1:-1])
    if geometry is None:
        return layer(images)
    images, kernel = _as_images(layer, images)
    add = convolutions.add_bias if geometry.is_pointwise else tf.nn.bias_add
    return _with_bias_and_activation(layer, convolutions.convolve(images, kernel, geometry), add)


def _transposed_convolution(layer, images):
    sides = zip(images.shape[1:-1], layer.strides, strict=True)
    geometry = _geometry(layer, images.shape, [None if side is None else side * stride for side, stride in sides])
    if geometry is None or layer.output_padding is not None:
        return layer(images)
    images, kernel = _as_images(layer, images)
    return _with_bias_and_activation(layer, convolutions.spread(images, kernel, geometry), add=convolutions.add_bias)


def _geometry(layer, shape, large):
    """Returns the `Geometry` of a convolution with images of this shape, or None for one of another kind."""
    padding = "same" if set(layer.kernel_size) == {1} else layer.padding  # one pixel reaches over no border
    usual = padding == "same" and layer.data_format == "channels_last" and getattr(layer, "groups", 1) == 1
    plain = set(layer.dilation_rate) == {1} and not getattr(layer, "lora_enabled", False)
    plain = plain and layer.compute_dtype in DTYPES
    if not usual or not plain or len(shape) != layer.rank + 2 or None in tuple(large):
        return None
    row = (1,) * (2 - layer.rank)  # a signal is an image of one row
    return convolutions.Geometry(*row, *large, kernel=(*row, *layer.kernel_size), stride=(*row, *layer.strides))


def _as_images(layer, images):
    """Returns images and the layer's kernel in its dtype of computing; signals as images of one row."""
    given = images, layer.kernel
    images, kernel = (tf.cast(each, layer.compute_dtype) for each in given)
    return (images, kernel) if layer.rank == 2 else (tf.expand_dims(images, 1), tf.expand_dims(kernel, 0))


def _with_bias_and_activation(layer, images, add=tf.nn.bias_add):
    if layer.use_bias:
        images = add(images, tf.cast(layer.bias, images.dtype))
    images = images if layer.rank == 2 else tf.squeeze(images, 1)
    return images if layer.activation is None else layer.activation(images)


def _batch_norm(layer, images):
    rank = len(images.shape)
    known = rank >= 2 and layer.axis in (-1, rank - 1) and (not layer.synchronized or replicas.replica()[0] == 1)
    dtype = layer.compute_dtype
    plain = layer.trainable and not getattr(layer, "renorm", False)
    if not plain or not known or dtype not in ("float32", "bfloat16"):
        return layer(images, training=True)
    images = tf.cast(images, dtype)
    channels = images.shape[-1]
    scale = tf.cast(layer.gamma, tf.float32) if layer.scale else tf.ones([channels])
    offset = tf.cast(layer.beta, tf.float32) if layer.center else tf.zeros([channels])
    maps = images if rank == 4 else tf.reshape(images, [tf.shape(images)[0], -1, 1, channels])
    result = tf.raw_ops.FusedBatchNormV3(
        x=maps, scale=scale, offset=offset, mean=[], variance=[], epsilon=layer.epsilon, is_training=True
    )
    count = tf.cast(tf.size(maps) / channels, tf.float32)
    # The kernel divides the variance by n - 1; Keras divides it by n.
    _move(layer.moving_mean, result.batch_mean, layer.momentum)
    _move(layer.moving_variance, result.batch_variance * (count - 1.0) / count, layer.momentum)
    return result.y if rank == 4 else tf.reshape(result.y, tf.shape(images))


def _leaky_relu(layer, values):
    return leaky_relu(tf.cast(values, layer.compute_dtype), float(layer.negative_slope))


def leaky_relu(values: tf.Tensor, slope: float) -> tf.Tensor:
    """Returns values, and `slope` times those below 0; for gradients of every order the values are not kept.

    Args:
        values: a tensor of floats.
        slope: at least 0, so that the result has the sign of the values, or is 0.
    """

    @tf.custom_gradient
    def function(values):
        result = tf.nn.leaky_relu(values, slope)
        return result, lambda upstream: _sloped(upstream, result, slope)

    return function(values)


def _sloped(upstream, result, slope):
    """Returns the gradient with respect to the values of `leaky_relu`, which is linear in `upstream`."""

    @tf.custom_gradient
    def function(upstream, result):
        sloped = tf.raw_ops.LeakyReluGrad(gradients=upstream, features=result, alpha=slope)
        return sloped, lambda second: (_sloped(second, result, slope), None)

    return function(upstream, result)


def _depthwise_convolution(layer, images):
    usual = layer.padding == "valid" and layer.data_format == "channels_last" and layer.depth_multiplier == 1
    whole = tuple(images.shape[1:3]) == tuple(layer.kernel_size)
    if not usual or not whole or layer.compute_dtype not in DTYPES:
        return layer(images)
    kernel = tf.cast(layer.kernel, layer.compute_dtype)
    products = tf.cast(tf.cast(images, kernel.dtype), tf.float32) * tf.cast(kernel[..., 0], tf.float32)
    sums = tf.cast(tf.reduce_sum(products, [1, 2], keepdims=True), kernel.dtype)
    return _with_bias_and_activation(layer, sums)


def _move(average, value, momentum):
    average.assign(average * momentum + tf.cast(value, average.dtype) * (1.0 - momentum))


_FAST = {
    layers.Conv1D: _convolution,
    layers.Conv2D: _convolution,
    layers.Conv1DTranspose: _transposed_convolution,
    layers.Conv2DTranspose: _transposed_convolution,
    layers.DepthwiseConv2D: _depthwise_convolution,
    layers.BatchNormalization: _batch_norm,
    layers.LeakyReLU: _leaky_relu,
}
