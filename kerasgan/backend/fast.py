"""Networks and optimizers in the forms that are fast on a CPU: the same layers, weights and updates, to rounding.

The networks stay plain Keras models, also when they are saved; only the training step calls them through `call`, which
goes through their graph of layers and computes some by other means:

- convolutions and transposed ones, by `kerasgan.backend.convolutions`;
- batch norm, by TensorFlow's fused kernel, which Keras does not use.

Layers that it does not know, or options of theirs, run as they are, and so do whole networks that are no graph of
Keras's own layers: a layer of a user's may count on being called by its model.
"""

import keras
import tensorflow as tf
from keras import layers

from . import convolutions, replicas

OWN_LAYERS = ("keras.src.layers.", "kerasgan.networks.")


def call(network, inputs, training):
    """Returns `network(inputs, training=training)`, to rounding; in inference exactly that.

    Args:
        network: a Keras model.
        inputs: a tensor, or a list of tensors.
        training: True or False.
    """
    graph = _graph(network)
    if not training or graph is None or not _on_cpu() or not _known(network):
        return network(inputs, training=training)
    return _walked(graph, inputs)


def apply(optimizer, gradients, variables):
    """Does `optimizer.apply(gradients, variables)`, to rounding: Adam's whole update of a weight in one operation.

    On replicas the gradients are the means over all of them (`replicas.mean`), and each replica moves its own copies.
    It has 1 - beta_2 in float32, which differs from Keras's by up to 5e-5 of it, and with it the second moments.
    """
    if not _is_plain_adam(optimizer, gradients, variables):
        replicas.averaged(optimizer).apply(gradients, variables)
        return
    step = tf.cast(optimizer.iterations.value + 1, tf.float32)
    shared = {
        "beta1_power": tf.pow(tf.constant(optimizer.beta_1, tf.float32), step),
        "beta2_power": tf.pow(tf.constant(optimizer.beta_2, tf.float32), step),
        "lr": tf.cast(optimizer.learning_rate, tf.float32),
        "beta1": optimizer.beta_1,
        "beta2": optimizer.beta_2,
        "epsilon": optimizer.epsilon,
    }
    for variable, gradient in zip(variables, gradients, strict=True):
        index = optimizer._get_variable_index(variable)
        slots = (variable, optimizer._momentums[index], optimizer._velocities[index])
        var, m, v = (slot.value.handle for slot in slots)
        tf.raw_ops.ResourceApplyAdam(var=var, m=m, v=v, grad=gradient, **shared)
    optimizer.iterations.assign_add(1)


def _on_cpu():
    return not tf.config.list_physical_devices("GPU")


def _graph(network):
    """Returns the graph of layers behind a model, or None for one that has its own `call`."""
    if type(network) is keras.Sequential:
        return network._functional
    return network if type(network).__module__.endswith("models.functional") else None


def _known(network):
    """Whether all layers are Keras's own (or ours), and none adds losses of its activity, which only its model sees."""
    for layer in network._flatten_layers(include_self=False):
        own = f"{type(layer).__module__}.".startswith(OWN_LAYERS) or _graph(layer) is not None
        if not own or isinstance(layer, layers.ActivityRegularization):
            return False
        if getattr(layer, "activity_regularizer", None) is not None:
            return False
    return True


def _walked(graph, inputs):
    def operation(layer):
        inner = _graph(layer) if isinstance(layer, keras.Model) else None
        if inner is not None:
            return lambda images, mask=None: _walked(inner, images)
        fast = _FAST.get(type(layer))
        if fast is not None and not getattr(layer, "quantization_mode", None):
            return lambda images, mask=None: _named(fast, layer, images)
        return lambda *args, **options: _as_it_is(layer, *args, **options)

    outputs = graph._run_through_graph(inputs, operation_fn=operation)
    return outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else outputs


def _named(fast, layer, images):
    with tf.name_scope(layer.name):  # as Keras does it, for those who profile
        return fast(layer, images)


def _as_it_is(layer, *args, **options):
    if getattr(layer, "_call_has_training_arg", False):
        options["training"] = True
    return layer(*args, **options)


def _convolution(layer, images):
    geometry = _geometry(layer, images.shape, images.shape[1:3])
    if geometry is None:
        return layer(images)
    images = tf.cast(images, layer.compute_dtype)
    return _finished(layer, convolutions.convolve(images, tf.cast(layer.kernel, layer.compute_dtype), geometry))


def _transposed_convolution(layer, images):
    large = [None if side is None else side * layer.strides[0] for side in images.shape[1:3]]
    geometry = _geometry(layer, images.shape, large)
    if geometry is None or layer.output_padding is not None:
        return layer(images)
    images = tf.cast(images, layer.compute_dtype)
    images = convolutions.spread(images, tf.cast(layer.kernel, layer.compute_dtype), geometry)
    return _finished(layer, images, add=convolutions.add_bias)


def _geometry(layer, shape, large):
    """Returns the `Geometry` of a convolution with images of such a shape, or None where it describes no such one."""
    square = len(set(layer.kernel_size)) == len(set(layer.strides)) == 1 and set(layer.dilation_rate) == {1}
    usual = layer.padding == "same" and layer.data_format == "channels_last" and getattr(layer, "groups", 1) == 1
    if not square or not usual or len(shape) != 4 or None in tuple(large) or getattr(layer, "lora_enabled", False):
        return None
    return convolutions.Geometry(*large, kernel=layer.kernel_size[0], stride=layer.strides[0])


def _finished(layer, images, add=tf.nn.bias_add):
    if layer.use_bias:
        images = add(images, tf.cast(layer.bias, images.dtype))
    return images if layer.activation is None else layer.activation(images)


def _batch_norm(layer, images):
    rank = len(images.shape)
    known = rank in (2, 4) and layer.axis in (-1, rank - 1) and (not layer.synchronized or replicas.count() == 1)
    dtype = layer.compute_dtype
    if not layer.trainable or not known or dtype not in ("float32", "bfloat16"):
        return layer(images, training=True)
    images = tf.cast(images, dtype)
    channels = images.shape[-1]
    scale = tf.cast(layer.gamma, tf.float32) if layer.scale else tf.ones([channels])
    offset = tf.cast(layer.beta, tf.float32) if layer.center else tf.zeros([channels])
    maps = images if rank == 4 else images[:, None, None, :]
    result = tf.raw_ops.FusedBatchNormV3(
        x=maps, scale=scale, offset=offset, mean=[], variance=[], epsilon=layer.epsilon, is_training=True
    )
    count = tf.cast(tf.size(maps) / channels, tf.float32)
    # The kernel's variance is for estimation, divided by n - 1; Keras keeps the one divided by n.
    _move(layer.moving_mean, result.batch_mean, layer.momentum)
    _move(layer.moving_variance, result.batch_variance * (count - 1.0) / count, layer.momentum)
    return result.y if rank == 4 else result.y[:, 0, 0, :]


def _move(average, value, momentum):
    average.assign(average * momentum + tf.cast(value, average.dtype) * (1.0 - momentum))


def _is_plain_adam(optimizer, gradients, variables):
    """Whether an optimizer is Keras's Adam without what this operation cannot do, on dense gradients in float32."""
    options = ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "gradient_accumulation_steps")
    return (
        type(optimizer) is keras.optimizers.Adam
        and not optimizer.amsgrad
        and not optimizer.use_ema
        and optimizer.loss_scale_factor is None
        and all(getattr(optimizer, name) is None for name in options)
        and not tf.distribute.in_cross_replica_context()
        and all(tf.is_tensor(each) and each.dtype == tf.float32 for each in gradients)
        and not any(isinstance(each, tf.IndexedSlices) for each in gradients)
        and all(each.dtype == "float32" and each.constraint is None for each in variables)
    )


_FAST = {
    layers.Conv2D: _convolution,
    layers.Conv2DTranspose: _transposed_convolution,
    layers.BatchNormalization: _batch_norm,
}
