"""Which layers a page can run: one entry for each, which adds the layer's operations to a program."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from kerasgan.export.html.program import Shape, Value

FUNCTIONS = ("tanh", "sigmoid", "silu", "gelu", "elu", "softplus", "relu6")
"""Activations of Keras that are operations of their own names; the others that can be run are leaky ReLUs."""

SLOPES = {"relu": 0.0, "leaky_relu": 0.2}


class Unsupported(Exception):
    """A setting of a layer that a page cannot run; the text stands after the word "with"."""


def _array(variable):
    return keras.ops.convert_to_numpy(variable).astype("float32")


def _bias(layer, count):
    return np.zeros(count, "float32") if getattr(layer, "bias", None) is None else _array(layer.bias)


def _refuse_unless(is_supported, setting):
    if not is_supported:
        raise Unsupported(setting)


def _activated(value: Value, function: Any, add: Callable[..., Value]) -> Value:
    """Adds an activation function of Keras."""
    name = getattr(function, "__name__", str(function))
    known = name == "linear" or name in SLOPES or name in FUNCTIONS
    _refuse_unless(known and getattr(keras.activations, name, None) is function, f"activation={name!r}")
    if name == "linear":
        return value
    return _leaky(value, SLOPES[name], add) if name in SLOPES else add("activation", [value], value.shape, name=name)


def _leaky(value, slope, add):
    return add("activation", [value], value.shape, name="leaky", slope=float(slope))


def _image(layer, values):
    """Returns the only input of a layer of images."""
    (value,) = values
    _refuse_unless(getattr(layer, "data_format", "channels_last") == "channels_last", "data_format='channels_first'")
    _refuse_unless(len(value.shape) == 3, f"an input of shape {value.shape}")
    return value


# Matrices


def dense(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    weights = {"kernel": _array(layer.kernel), "bias": _bias(layer, shape[-1])}
    return _activated(add("dense", values, shape, weights, slope=1.0), layer.activation, add)


def conv(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    image, groups = _image(layer, values), layer.groups
    kernel, bias = _dilated(_array(layer.kernel), layer.dilation_rate), _bias(layer, shape[-1])
    size, strides = kernel.shape[:2], tuple(layer.strides)
    if (*size, *strides, groups) == (1, 1, 1, 1, 1):
        added = add("dense", [image], shape, {"kernel": kernel[0, 0], "bias": bias}, slope=1.0)
        return _activated(added, layer.activation, add)
    kernel = kernel.reshape(math.prod(kernel.shape[:3]), groups, -1).transpose(1, 0, 2)
    settings = {"size": list(size), "strides": list(strides), "groups": groups, "slope": 1.0}
    pads = _pads(layer.padding, image.shape, size, strides)
    added = add("conv", [image], shape, {"kernel": kernel, "bias": bias.reshape(groups, -1)}, pads=pads, **settings)
    return _activated(added, layer.activation, add)


def _dilated(kernel, rates):
    """Returns a kernel with zeros between its rows and columns."""
    if tuple(rates) == (1, 1):
        return kernel
    sides = [(side - 1) * rate + 1 for side, rate in zip(kernel.shape, rates, strict=False)]
    spread = np.zeros((*sides, *kernel.shape[2:]), "float32")
    spread[:: rates[0], :: rates[1]] = kernel
    return spread


def _pads(padding, shape, size, strides):
    """Returns how many rows and columns of zeros are set around an image: top, bottom, left, right."""
    _refuse_unless(padding in ("same", "valid"), f"padding={padding!r}")
    if padding == "valid":
        return [0, 0, 0, 0]
    pads = []
    for side, kernel, stride in zip(shape, size, strides, strict=False):
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        pads += [total // 2, total - total // 2]
    return pads


def conv_transpose(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    image = _image(layer, values)
    _refuse_unless(tuple(layer.dilation_rate) == (1, 1), f"dilation_rate={layer.dilation_rate}")
    _refuse_unless(layer.output_padding is None, f"output_padding={layer.output_padding}")
    _refuse_unless(getattr(layer, "groups", 1) in (None, 1), f"groups={getattr(layer, 'groups', 1)}")
    kernel, strides = _array(layer.kernel), tuple(layer.strides)
    size, is_same = kernel.shape[:2], layer.padding == "same"
    crop = [max(side - stride, 0) // 2 if is_same else 0 for side, stride in zip(size, strides, strict=True)]
    weights = {
        "kernel": kernel.transpose(3, 0, 1, 2).reshape(kernel.shape[3], -1),
        "bias": _bias(layer, shape[-1]),
    }
    settings = {"size": list(size), "strides": list(strides), "crop": crop, "slope": 1.0}
    return _activated(add("conv_transpose", [image], shape, weights, **settings), layer.activation, add)


def depthwise_conv(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    kernel = _dilated(_array(layer.kernel), layer.dilation_rate)
    added = _depthwise(layer, values, shape, kernel, _bias(layer, shape[-1]), layer.strides, add)
    return _activated(added, layer.activation, add)


def separable_conv(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    kernel = _dilated(_array(layer.depthwise_kernel), layer.dilation_rate)
    between = (*shape[:2], kernel.shape[2] * kernel.shape[3])
    added = _depthwise(layer, values, between, kernel, np.zeros(between[2], "float32"), layer.strides, add)
    weights = {"kernel": _array(layer.pointwise_kernel)[0, 0], "bias": _bias(layer, shape[-1])}
    return _activated(add("dense", [added], shape, weights, slope=1.0), layer.activation, add)


def average_pooling(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    _refuse_unless(layer.padding == "valid", f"padding={layer.padding!r}")
    size, channels = tuple(layer.pool_size), shape[-1]
    kernel = np.full((*size, channels, 1), 1 / math.prod(size), "float32")
    return _depthwise(layer, values, shape, kernel, np.zeros(channels, "float32"), layer.strides, add)


def _depthwise(layer, values, shape, kernel, bias, strides, add):
    image, size = _image(layer, values), kernel.shape[:2]
    settings = {"size": list(size), "strides": list(strides), "slope": 1.0}
    pads = _pads(layer.padding, image.shape, size, strides)
    weights = {"kernel": kernel.reshape(*size, -1), "bias": bias}
    return add("depthwise_conv", [image], shape, weights, pads=pads, **settings)


# Numbers, one by one


def batch_norm(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    _refuse_unless(layer.axis in (-1, len(shape)), f"axis={layer.axis}")
    scale = 1 / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
    scale = scale if layer.gamma is None else scale * _array(layer.gamma)
    shift = -_array(layer.moving_mean) * scale
    return _affine(values[0], scale, shift if layer.beta is None else shift + _array(layer.beta), add)


def rescaling(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    _refuse_unless(np.size(layer.scale) in (1, shape[-1]), f"scale={layer.scale}")
    _refuse_unless(np.size(layer.offset) in (1, shape[-1]), f"offset={layer.offset}")
    return _affine(values[0], np.ravel(layer.scale), np.ravel(layer.offset), add)


def _affine(value, scale, shift, add):
    """Adds x scale + shift, with one number for each channel, or one for all."""
    channels = value.shape[-1:]
    weights = {"scale": np.broadcast_to(scale, channels), "shift": np.broadcast_to(shift, channels)}
    return add("affine", [value], value.shape, {name: np.float32(each) for name, each in weights.items()}, slope=1.0)


def activation(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    return _activated(values[0], layer.activation, add)


def relu(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    _refuse_unless(layer.threshold in (0, None), f"threshold={layer.threshold}")
    if layer.max_value == 6 and not layer.negative_slope:
        return add("activation", values, shape, name="relu6")
    _refuse_unless(layer.max_value is None, f"max_value={layer.max_value}")
    return _leaky(values[0], layer.negative_slope or 0.0, add)


def leaky_relu(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    return _leaky(values[0], layer.negative_slope, add)


def prelu(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    slopes = _array(layer.alpha)
    while slopes.shape[:1] == (1,) and slopes.ndim > 1:
        slopes = slopes[0]
    _refuse_unless(shape[len(shape) - slopes.ndim :] == slopes.shape, f"shared_axes={layer.shared_axes}")
    return add("prelu", values, shape, {"slopes": slopes})


def unchanged(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    """Layers that only training knows, such as dropout, and those that only change the shape."""
    return Value(values[0].number, shape)


def group_normalization(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    _refuse_unless(layer.axis in (-1, len(shape)), f"axis={layer.axis}")
    groups = shape[-1] if layer.groups == -1 else layer.groups
    return _normalized(layer, values[0], add, groups=groups, center=True, each_pixel=False)


def instance_normalization(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    return _normalized(layer, _image(layer, values), add, groups=shape[-1], center=True, each_pixel=False)


def layer_normalization(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    _refuse_unless(list(axes) in ([-1], [len(shape)]), f"axis={layer.axis}")
    center = not getattr(layer, "rms_scaling", False) and type(layer).__name__ == "LayerNormalization"
    return _normalized(layer, values[0], add, groups=1, center=center, each_pixel=True)


def _normalized(layer, value, add, **settings):
    value = add("normalize", [value], value.shape, epsilon=float(layer.epsilon), **settings)
    scale = layer.gamma if hasattr(layer, "gamma") else layer.scale
    shift = getattr(layer, "beta", None)
    if scale is None and shift is None:
        return value
    return _affine(value, 1.0 if scale is None else _array(scale), 0.0 if shift is None else _array(shift), add)


# Shapes of images


def upsampling(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    kinds = ("nearest", "bilinear")
    _refuse_unless(layer.interpolation in kinds, f"interpolation={layer.interpolation!r}")
    return add(layer.interpolation, [_image(layer, values)], shape, factors=list(layer.size))


def zero_padding(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    return add("window", [_image(layer, values)], shape, offset=[-before for before, _ in layer.padding])


def cropping(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    return add("window", [_image(layer, values)], shape, offset=[before for before, _ in layer.cropping])


# Several inputs, and labels


def merge(kind: str) -> Callable[..., Value]:
    """Returns the entry of a layer that combines its inputs number by number."""

    def combine(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
        total = values[0]
        for each in values[1:]:
            total = _pair(kind, total, each, add)
        return total

    return combine


def _pair(kind, a, b, add):
    if math.prod(a.shape) < math.prod(b.shape) and kind != "subtract":
        a, b = b, a
    own = b.shape
    while own[:1] == (1,):
        own = own[1:]
    _refuse_unless(a.shape[len(a.shape) - len(own) :] == own, f"inputs of shapes {a.shape} and {b.shape}")
    return add(kind, [a, b], a.shape)


def average(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    return _affine(merge("add")(layer, values, shape, add), 1 / len(values), 0.0, add)


def concatenate(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    axis = layer.axis - 1 if layer.axis > 0 else layer.axis + len(shape)
    return add("concatenate", values, shape, outer=math.prod(shape[:axis]))


def category_encoding(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    _refuse_unless(layer.output_mode == "one_hot", f"output_mode={layer.output_mode!r}")
    return add("one_hot", _label(values), (layer.num_tokens,))


def embedding(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    table = _array(layer.embeddings)
    return add("embedding", _label(values), (table.shape[-1],), {"table": table}, classes=len(table))


def latent_categories(layer: Any, values: list[Value], shape: Shape, add: Callable[..., Value]) -> Value:
    chosen = add("largest", values, (layer.n,), scale=layer.n**0.5)
    return add("concatenate", [*values, chosen], shape, outer=1)


def _label(values: Sequence[Value]) -> list[Value]:
    _refuse_unless(math.prod(values[0].shape) == 1, f"an input of shape {values[0].shape}")
    return list(values)


LAYERS: dict[str, Callable[..., Value]] = {
    "Activation": activation,
    "ActivityRegularization": unchanged,
    "Add": merge("add"),
    "Average": average,
    "AveragePooling2D": average_pooling,
    "BatchNormalization": batch_norm,
    "CategoryEncoding": category_encoding,
    "Concatenate": concatenate,
    "Conv2D": conv,
    "Conv2DTranspose": conv_transpose,
    "Cropping2D": cropping,
    "Dense": dense,
    "DepthwiseConv2D": depthwise_conv,
    "Dropout": unchanged,
    "Embedding": embedding,
    "Flatten": unchanged,
    "GaussianDropout": unchanged,
    "GaussianNoise": unchanged,
    "GroupNormalization": group_normalization,
    "GroupedConv2D": conv,
    "Identity": unchanged,
    "InstanceNormalization": instance_normalization,
    "LatentCategories": latent_categories,
    "LayerNormalization": layer_normalization,
    "LeakyReLU": leaky_relu,
    "Maximum": merge("maximum"),
    "Minimum": merge("minimum"),
    "Multiply": merge("multiply"),
    "PReLU": prelu,
    "RMSNormalization": layer_normalization,
    "ReLU": relu,
    "Rescaling": rescaling,
    "Reshape": unchanged,
    "SeparableConv2D": separable_conv,
    "SpatialDropout2D": unchanged,
    "Subtract": merge("subtract"),
    "UpSampling2D": upsampling,
    "ZeroPadding2D": zero_padding,
}
"""The entry of each layer, by the name of its class: from the layer, its inputs, the shape of its output and
`add(kind, inputs, shape, weights, **settings)`, which adds an operation, to its output."""
