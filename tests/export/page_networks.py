"""Small generators that together have every layer which a page can run."""

import functools

import keras
import numpy as np
from keras import Input, Sequential, layers

import kerasgan
from kerasgan.networks import free_size

LATENT_DIM, CLASSES = 6, 3


def on_images(*stack, shape=(5, 4, 6)):
    """Returns a generator in which a stack of layers follows a map of 5 x 4 pixels."""
    size = int(np.prod(shape))
    return Sequential([Input((LATENT_DIM,)), layers.Dense(size), layers.Reshape(shape), *stack])


def activations():
    names = ("relu", "gelu", "leaky_relu", "tanh", "sigmoid", "silu", "elu", "softplus", "relu6", "linear")
    stack = [layers.Dense(9, activation=name) for name in names]
    return Sequential([Input((LATENT_DIM,)), *stack, layers.ReLU(6.0), layers.ReLU(negative_slope=0.1)])


def merged():
    z = Input((LATENT_DIM,))
    a = layers.Reshape((3, 2, 4))(layers.Dense(24)(z))
    b = layers.Conv2D(4, 1)(a)
    scale = layers.Reshape((1, 1, 4))(layers.Dense(4)(z))
    x = layers.Multiply()([scale, layers.Add()([a, b, a])])
    x = layers.Maximum()([x, layers.Subtract()([a, b])])
    x = layers.Minimum()([layers.Average()([x, b]), layers.Multiply()([a, layers.Dense(4)(z)])])
    rows = layers.Concatenate(axis=1)([x, b])
    return keras.Model(z, layers.Concatenate()([rows, layers.Identity()(rows)]))


def labelled():
    z, label = Input((LATENT_DIM,)), Input((), dtype="int32")
    one_hot = layers.CategoryEncoding(CLASSES, output_mode="one_hot")(label)
    x = layers.Concatenate()([z, one_hot, layers.Embedding(CLASSES, 5)(label)])
    return keras.Model([z, label], Sequential([layers.Dense(8), layers.BatchNormalization()])(x))


def trained_only():
    stack = [layers.Dropout(0.5), layers.GaussianNoise(1.0), layers.GaussianDropout(0.5)]
    return on_images(*stack, layers.SpatialDropout2D(0.5), layers.ActivityRegularization(1.0), layers.Flatten())


NETWORKS = {
    "activations": activations,
    "average pooling": lambda: on_images(layers.AveragePooling2D(2), layers.AveragePooling2D((2, 1), strides=1)),
    "batch norm": lambda: on_images(
        layers.BatchNormalization(), layers.ReLU(), layers.BatchNormalization(scale=False), layers.LeakyReLU(0.3)
    ),
    "bilinear": lambda: on_images(layers.UpSampling2D((2, 3), interpolation="bilinear")),
    "conv": lambda: on_images(
        layers.Conv2D(9, 3, padding="same", activation="relu"), layers.Conv2D(5, (2, 3), strides=(2, 1), padding="same")
    ),
    "conv 1x1": lambda: on_images(layers.Conv2D(11, 1, use_bias=False), layers.BatchNormalization()),
    "conv valid": lambda: on_images(layers.Conv2D(3, 3), layers.BatchNormalization(), layers.LeakyReLU(0.2)),
    "conv dilated": lambda: on_images(layers.Conv2D(4, 2, dilation_rate=2, padding="same")),
    "conv grouped": lambda: on_images(
        layers.Conv2D(6, 3, groups=2, padding="same"), layers.BatchNormalization(), layers.Conv2D(48, 3, groups=3)
    ),
    "conv transposed": lambda: on_images(
        layers.Conv2DTranspose(5, 4, strides=2, padding="same"),
        layers.BatchNormalization(),
        layers.Conv2DTranspose(3, (2, 3), strides=(3, 2)),
        layers.Conv2DTranspose(2, 1, strides=2, padding="same", use_bias=False),
    ),
    "depthwise": lambda: on_images(
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
        layers.BatchNormalization(),
        layers.DepthwiseConv2D(2, strides=2, activation="relu"),
        layers.SeparableConv2D(7, 2, padding="same"),
    ),
    "labelled": labelled,
    "merged": merged,
    "nearest": lambda: on_images(layers.UpSampling2D((3, 2))),
    "normalized": lambda: on_images(
        layers.GroupNormalization(3), layers.LayerNormalization(), layers.RMSNormalization(), layers.Rescaling(0.3, 0.1)
    ),
    "normalized by image": lambda: on_images(
        free_size.InstanceNormalization(), layers.Conv2D(3, 3), free_size.InstanceNormalization()
    ),
    "prelu": lambda: on_images(layers.PReLU("he_normal", shared_axes=(1, 2)), layers.PReLU("he_normal")),
    "scaled in training only": trained_only,
    "window": lambda: on_images(layers.ZeroPadding2D(((1, 2), (0, 3))), layers.Cropping2D(((2, 0), (1, 1)))),
    "with activations as layers": lambda: on_images(layers.Activation("tanh")),
    "categories": lambda: kerasgan.networks.mlp((8, 8, 1), LATENT_DIM, width=7, latent_categories=4)[0],
    "dcgan": lambda: kerasgan.networks.dcgan((8, 8, 1), LATENT_DIM, width=5)[0],
    "resnet": lambda: kerasgan.networks.resnet((8, 8, 3), LATENT_DIM, width=4, num_classes=CLASSES)[0],
    "resnext": lambda: kerasgan.networks.resnext(
        (16, 16, 3), LATENT_DIM, width=8, group_width=4, num_classes=CLASSES, norm="pixel", self_modulation=True
    )[0],
    "mlp": lambda: kerasgan.networks.mlp((8, 8, 1), LATENT_DIM, width=7, scale=2.0)[0],
}
"""Functions that make each network."""


@functools.cache
def made(name):
    """Returns a network with random weights, those of batch norm too, and the number of its classes or None."""
    network, numbers = NETWORKS[name](), np.random.default_rng(0)
    for weight in network.weights:
        if not weight.path.startswith("seed_generator") and "float" in weight.dtype:
            draw = (
                numbers.uniform(0.5, 2, weight.shape)
                if "variance" in weight.path
                else numbers.normal(size=weight.shape)
            )
            weight.assign(draw if "variance" in weight.path else 0.4 * draw)
    return network, CLASSES if len(network.inputs) == 2 else None


def inputs(num_classes, n=4):
    """Returns latents and labels; labels are None without classes."""
    latents = np.random.default_rng(1).normal(size=(n, LATENT_DIM)).astype("float32")
    return latents, None if num_classes is None else np.arange(n).astype("int32") % num_classes


def expected(network, latents, labels):
    """Returns Keras's output."""
    given = latents if labels is None else [latents, labels]
    return keras.ops.convert_to_numpy(network(given, training=False))
