"""The three pairs of networks that are timed, in plain Keras layers as a user would write them."""

import math
import time

import keras
from keras import layers

CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)


def dcgan(size, channels, width=64, latent_dim=100):
    """The DCGAN of Radford et al. for `size` pixels: transposed convolutions with batch norm against convolutions."""
    depth = {28: 2, 32: 3, 64: 4, 128: 5}[size]
    smallest = size // 2**depth
    widths = [width * 2**level for level in range(depth)]
    generator = [
        keras.Input((latent_dim,)),
        layers.Dense(smallest * smallest * widths[-1] * 2, use_bias=False),
        layers.Reshape((smallest, smallest, widths[-1] * 2)),
        layers.BatchNormalization(momentum=0.9),
        layers.ReLU(),
    ]
    for filters in reversed(widths):
        generator += [
            layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        ]
    # The last doubling makes the image itself: one layer instead of three.
    generator[-3:] = [layers.Conv2DTranspose(channels, 4, strides=2, padding="same")]
    generator += [layers.Activation("tanh", dtype="float32")]
    discriminator = [keras.Input((size, size, channels))]
    for filters in widths:
        discriminator += [layers.Conv2D(filters, 4, strides=2, padding="same"), layers.LeakyReLU(negative_slope=0.2)]
    discriminator += [layers.Flatten(), layers.Dense(1, dtype="float32")]
    return keras.Sequential(generator), keras.Sequential(discriminator)


def keras_io(latent_dim=128):
    """The generator-heavy pair of the keras.io example, with tanh at the end for images in [-1, 1]."""
    generator = keras.Sequential(
        [
            keras.Input((latent_dim,)),
            layers.Dense(7 * 7 * 128),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Reshape((7, 7, 128)),
            layers.Conv2DTranspose(128, 4, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2DTranspose(128, 4, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(1, 7, padding="same"),
            layers.Activation("tanh", dtype="float32"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(64, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(128, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(1, dtype="float32"),
        ]
    )
    return generator, discriminator


PAIRS = {"dcgan-28": lambda: dcgan(28, 1), "dcgan-64": lambda: dcgan(64, 3), "keras.io": keras_io}


def forward_flops(network):
    """Floating-point operations of one image's forward pass, two for each multiplication with a weight."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, layers.Dense):
            total += 2 * layer.kernel.shape[0] * layer.kernel.shape[1]
        elif isinstance(layer, TRANSPOSED):  # every input pixel meets the whole kernel
            total += 2 * _size(layer.kernel) * _pixels(layer.input.shape)
        elif isinstance(layer, CONVOLUTIONS):
            total += 2 * _size(layer.kernel) * _pixels(layer.output.shape)
    return total


def _size(kernel):
    size = 1
    for axis in kernel.shape:
        size *= axis
    return size


def _pixels(shape):
    return math.prod(shape[1:-1])


def seconds(step, times):
    """Returns the seconds of one call of a function, the mean of so many."""
    start = time.perf_counter()
    for _ in range(times):
        step()
    return (time.perf_counter() - start) / times
