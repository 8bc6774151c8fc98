"""The residual pair with grouped convolutions, for images of any size that halves."""

import functools
import math
import sys
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasgan.conditions import Classes, Condition
from kerasgan.networks import blocks
from kerasgan.networks.auxiliary_classifier import AuxiliaryClassifier, is_weight
from kerasgan.validation import scalars

NEGATIVE_SLOPE = 0.2
FULL_WIDTH_STAGES = 2
"""The smallest maps, which have all channels; each larger one has half the channels of the one before."""

NORMS = ("batch", "pixel", None)


@keras.saving.register_keras_serializable(package="kerasgan")
class GroupedConv2D(layers.Conv2D):
    """A convolution in groups, by default of 3x3 pixels with "same" padding.

    It is Keras's `Conv2D`, which compiles every grouped convolution with XLA on TensorFlow. On a CPU that is slower by
    orders of magnitude, and such a network cannot be exported to other formats. Here it is TensorFlow's own operation,
    or one for each group where TensorFlow has no gradients of the grouped one: on CPUs on which it does not use oneDNN.
    """

    def __init__(self, filters: int, kernel_size: int = 3, **options: Any):
        super().__init__(filters, kernel_size, **({"padding": "same"} | options))

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Returns the convolution, without bias and activation."""
        if keras.backend.backend() != "tensorflow" or self.data_format != "channels_last":
            return super().convolution_op(inputs, kernel)
        tensorflow = sys.modules["tensorflow"]  # imported by Keras, which runs on it
        options = {"strides": self.strides, "padding": self.padding.upper(), "dilations": self.dilation_rate}
        if _has_grouped_gradients(tensorflow):
            return tensorflow.nn.conv2d(inputs, kernel, **options)
        parts = zip(
            tensorflow.split(inputs, self.groups, axis=-1), tensorflow.split(kernel, self.groups, axis=-1), strict=True
        )
        return tensorflow.concat([tensorflow.nn.conv2d(*part, **options) for part in parts], axis=-1)


@functools.cache
def _has_grouped_gradients(tensorflow):
    """Returns whether TensorFlow differentiates a grouped convolution here: it says so only when it is to do so."""
    options = {"input_sizes": [1, 4, 4, 4], "strides": [1, 1, 1, 1], "padding": "SAME"}
    with tensorflow.init_scope():  # not within the function that is being traced
        images, kernel = tensorflow.ones([1, 4, 4, 4]), tensorflow.ones([3, 3, 2, 4])
        try:
            tensorflow.raw_ops.Conv2DBackpropInput(filter=kernel, out_backprop=images, **options)
        except (tensorflow.errors.InvalidArgumentError, tensorflow.errors.UnimplementedError):
            return False
    return True


def resnext(
    image_shape: Sequence[int],
    latent_dim: int,
    width: int = 256,
    depth: int | None = None,
    blocks_per_stage: int = 1,
    group_width: int = 16,
    expansion: float = 1.0,
    num_classes: int | None = None,
    norm: str | None = "batch",
    condition: Condition | None = None,
    latent_categories: int = 0,
    self_modulation: bool = False,
    auxiliary_classifier: float = 0.0,
) -> tuple[keras.Model, keras.Model]:
    """Returns a residual generator and discriminator with grouped convolutions that mirror each other.

    The generator projects the latents to a small map and doubles it `depth` times: by nearest neighbors, and the last
    time by a strided transposed convolution. The discriminator halves the image `depth` times: first by a strided
    convolution, then by averages of 2x2 pixels; a depthwise convolution reduces the last map to one value a channel. At
    each size below the image's there are blocks

        x + conv1x1(f(conv3x3(f(conv1x1(x))))),    f = LeakyReLU,

    whose inner maps are `expansion` times as wide (above 1 an inverted bottleneck), and whose 3x3 convolution joins
    only the channels of one group. The two smallest sizes have `width` channels, and each doubling halves them. So a
    pair for larger images has the same stages, and more of them.

    Without normalization the last convolution of each block starts from 0, so that the block starts as the identity,
    and the other two are scaled by blocks^(-1/4) (Zhang et al., 2019, arXiv:1901.09321). The discriminator is always of
    this kind: it evaluates each image by itself, which gradient penalties and one-stage updates need.

    Deviations from R3GAN, for speed on a CPU: there is no block at the size of the image, and maps are doubled by
    nearest neighbors. Batch norm in the generator is the default, as in `resnet`.

    Args:
        image_shape: (height, width, channels); height and width are multiples of 4 and at least 8.
        latent_dim: width of the latents; 0 for a generator of its condition alone.
        width: channels of the two smallest maps.
        depth: how many times the size is halved; None halves while the result is at least 4 on both sides.
        blocks_per_stage: blocks at each size.
        group_width: channels of a group of the 3x3 convolutions; where maps do not divide so, the greatest common
            divisor.
        expansion: how many times as wide the inner maps of a block are; R3GAN has 2.0, at which a step took 1.7 times
            as long and learned no more from the same images.
        num_classes: number of classes of the labels; None for a pair without labels. With labels, the generator takes
            latents and labels and the discriminator images and labels, each label int32 in [0, num_classes);
            see `kerasgan.networks.blocks.join_condition` and `kerasgan.networks.blocks.project`.
        norm: what is normalized before the activations of the generator: `"batch"` for batch norm; `"pixel"` for the
            channels of each pixel, divided by their root mean square and scaled (Karras et al., 2018,
            arXiv:1710.10196), so that samples do not depend on the others of a batch in training, which matters for
            small batches; None for none, and blocks that start as the identity.
        condition: classes, labels or numbers of `kerasgan.conditions`, or None: see `dcgan`.
        latent_categories: of how many categories the latents choose one, so that samples of separate kinds, such as
            digits, need not be joined by others between them; 0 for none. See
            `kerasgan.networks.latent_categories.LatentCategories`.
        self_modulation: whether the latents (and the condition) also scale and shift the channels that enter each block
            of the generator, by a linear layer after the norm there, and so decide at every size, not at the first
            alone (Chen et al., 2019, arXiv:1810.01365). It starts without effect, and needs a norm.
        auxiliary_classifier: weight of the cross-entropy by which the last features of the discriminator learn the
            classes of real images; 0 for none. Without classes it has no effect. See
            `kerasgan.networks.auxiliary_classifier.AuxiliaryClassifier`.

    Returns:
        A pair of `keras.Model`s: (batch, latent_dim) -> (batch, *image_shape) in [-1, 1], and
        (batch, *image_shape) -> (batch, 1). The inputs are named `z`, `image` and, with a condition, `labels` for
        classes and `condition` for others. Layers are named after
        their network and size, such as `g_8x8_block0_expand`: a stage has the same name in a pair for larger images.

    Raises:
        ValueError: if the image size is not a multiple of 4, is below 8, or does not halve `depth` times; for a bad
            width, number of blocks or classes, or stages without a channel; for another norm; for self-modulation
            without a norm; for an `auxiliary_classifier` that is no number of at least 0; if the condition is an
            image, or there are neither latents nor a condition.

    Example:

    ```python
    import kerasgan

    generator, discriminator = kerasgan.networks.resnext((32, 32, 3), latent_dim=64, width=16)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=64)
    ```

    Reference: Huang et al., 2024 (R3GAN), arXiv:2501.05441; Xie et al., 2017 (ResNeXt), arXiv:1611.05431.
    """
    width = scalars.whole_number("width", width, 1)
    blocks_per_stage = scalars.whole_number("blocks_per_stage", blocks_per_stage, 1)
    group_width = scalars.whole_number("group_width", group_width, 1)
    image_shape, depth = blocks.halvings(image_shape, depth)
    condition = blocks.condition_of(num_classes, condition)
    if norm not in NORMS:
        raise ValueError(f"norm must be 'batch', 'pixel' or None. Received: norm={norm!r}. 'batch' is the default.")
    if not is_weight(auxiliary_classifier):
        raise ValueError(
            "auxiliary_classifier must be a weight, a number of at least 0. Received: "
            f"auxiliary_classifier={auxiliary_classifier!r}. Use 1.0, or 0 for none."
        )
    if type(self_modulation) is not bool:
        raise ValueError(f"self_modulation must be True or False. Received: self_modulation={self_modulation!r}.")
    if self_modulation and norm is None:
        raise ValueError(
            "Self-modulation scales and shifts what a norm has brought to unit size. Received: self_modulation=True "
            "with norm=None. Use norm='pixel'."
        )
    stages = _Stages(image_shape, depth, width, blocks_per_stage, group_width, expansion)
    inputs, x = blocks.generator_inputs(latent_dim, condition, latent_categories)
    generator = _generator(stages, inputs, x, norm, x if self_modulation else None)
    return generator, _discriminator(stages, condition, auxiliary_classifier)


class _Stages:
    """The sizes of both networks, and their blocks.

    Attributes:
        sizes: (height, width, channels) of the maps, from the largest, at half the size of the image, to the smallest.
    """

    def __init__(self, image_shape, depth, width, blocks_per_stage, group_width, expansion):
        self.image_shape = image_shape
        self.sizes = [
            (image_shape[0] >> level, image_shape[1] >> level, width >> max(depth - level + 1 - FULL_WIDTH_STAGES, 0))
            for level in range(1, depth + 1)
        ]
        narrowest = self.sizes[0][-1]
        is_number = isinstance(expansion, int | float) and not isinstance(expansion, bool)
        if not is_number or not 1 <= narrowest * expansion < math.inf:
            raise ValueError(
                "Each stage must have at least one channel, of which the largest maps have width / "
                f"{2 ** max(depth - FULL_WIDTH_STAGES, 0)}. Received: width={width}, expansion={expansion!r} for "
                f"image_shape={tuple(image_shape)}. Use width=256, expansion=1.0."
            )
        self.blocks_per_stage = blocks_per_stage
        self.group_width = group_width
        self.expansion = expansion

    def stage(self, x, prefix, norm=None, modulation=None):
        """Returns the maps after the blocks of one size; for `modulation` see `_modulated`."""
        name = f"{prefix}_{x.shape[1]}x{x.shape[2]}"
        for number in range(self.blocks_per_stage):
            x = self._block(x, f"{name}_block{number}", norm, modulation)
        return x

    def _block(self, x, name, norm, modulation):
        channels, inner = x.shape[-1], int(x.shape[-1] * self.expansion)
        # A LeakyReLU keeps (1 + slope^2) / 2 of the variance.
        gain = 2 / (1 + NEGATIVE_SLOPE**2)
        # Three convolutions a block: each of the first two is scaled by blocks^(-1/4), its variance by blocks^(-1/2).
        share = 1.0 if norm else (len(self.sizes) * self.blocks_per_stage) ** -0.5
        first, second = blocks.scaled(share), blocks.scaled(gain * share)
        options = {"use_bias": norm != "batch"}  # which subtracts every bias
        branch = x if norm is None else _activated(x, norm, f"{name}_in", modulation)
        first = first if norm is None else blocks.scaled(gain)
        branch = layers.Conv2D(inner, 1, kernel_initializer=first, name=f"{name}_expand", **options)(branch)
        branch = _activated(branch, norm, f"{name}_expand")
        groups = inner // math.gcd(inner, self.group_width)
        grouped = GroupedConv2D if groups > 1 else layers.Conv2D
        branch = grouped(
            inner, 3, padding="same", groups=groups, kernel_initializer=second, name=f"{name}_grouped", **options
        )(branch)
        branch = _activated(branch, norm, f"{name}_grouped")
        last = "zeros" if norm is None else blocks.scaled(gain)
        branch = layers.Conv2D(channels, 1, use_bias=False, kernel_initializer=last, name=f"{name}_reduce")(branch)
        return layers.Add(name=f"{name}_add")([x, branch])


def _generator(stages, inputs, x, norm, modulation):
    height, width, channels = stages.sizes[-1]
    x = layers.Dense(height * width * channels, kernel_initializer=blocks.scaled(1.0), name="g_basis")(x)
    x = layers.Reshape((height, width, channels))(x)
    for size in reversed(stages.sizes):
        if x.shape[1:3] != size[:2]:
            x = _conv1x1(x, size[-1], f"g_{size[0]}x{size[1]}_widths")
            x = layers.UpSampling2D(2, name=f"g_{size[0]}x{size[1]}_up")(x)
        x = stages.stage(x, "g", norm, modulation)
    x = _activated(x, norm, "g_out")
    # Each pixel of the image sums over 4 of the 16 weights of each channel; Keras's "fan out" is all 16.
    pixels = blocks.scaled(4.0, mode="fan_out")
    to_image = layers.Conv2DTranspose(
        stages.image_shape[-1], 4, strides=2, padding="same", kernel_initializer=pixels, name="g_to_image"
    )
    images = layers.Activation("tanh", dtype="float32")(to_image(x))
    return blocks.model(inputs, images, "generator")


def _discriminator(stages, condition, auxiliary_classifier):
    image = keras.Input(stages.image_shape, name="image")
    given = None if condition is None else condition.input()
    from_image = layers.Conv2D(
        stages.sizes[0][-1], 4, strides=2, padding="same", kernel_initializer=blocks.scaled(1.0), name="d_from_image"
    )
    x = from_image(image)
    for size in stages.sizes:
        if x.shape[1:3] != size[:2]:
            name = f"d_{size[0]}x{size[1]}"
            x = _conv1x1(layers.AveragePooling2D(2, name=f"{name}_down")(x), size[-1], f"{name}_widths")
        x = stages.stage(x, "d")
    x = layers.LeakyReLU(NEGATIVE_SLOPE)(x)
    # Keras's "fan in" counts all channels, though a depthwise convolution sums each channel by itself.
    whole = blocks.scaled(1.0, mode="fan_out")
    x = layers.DepthwiseConv2D(x.shape[1:3], depthwise_initializer=whole, name="d_basis")(x)
    x = layers.Flatten()(x)
    if auxiliary_classifier and isinstance(condition, Classes):
        x = AuxiliaryClassifier(condition.num_classes, auxiliary_classifier, name="d_classes")(x, given)
    logit = blocks.project(x, given, condition)
    return blocks.model([image] if given is None else [image, given], logit, "discriminator")


def _activated(x, norm, name, modulation=None):
    if norm is not None:
        make = blocks.batch_norm if norm == "batch" else layers.RMSNormalization
        x = make(name=f"{name}_norm")(x)
    if modulation is not None:
        x = _modulated(x, modulation, name)
    return layers.LeakyReLU(NEGATIVE_SLOPE, name=f"{name}_activation")(x)


def _modulated(x, modulation, name):
    """Returns maps whose channels are scaled and shifted by linear functions of `modulation`, (batch, size)."""

    def of_channels(part, start):
        linear = layers.Dense(x.shape[-1], kernel_initializer="zeros", bias_initializer=start, name=f"{name}_{part}")
        return layers.Reshape((1, 1, x.shape[-1]))(linear(modulation))

    scaled = layers.Multiply(name=f"{name}_scaled")([x, of_channels("gain", "ones")])
    return layers.Add(name=f"{name}_shifted")([scaled, of_channels("shift", "zeros")])


def _conv1x1(x, filters, name):
    """Returns maps of another number of channels; the same maps if they have it already."""
    if x.shape[-1] == filters:
        return x
    return layers.Conv2D(filters, 1, use_bias=False, kernel_initializer=blocks.scaled(1.0), name=name)(x)
