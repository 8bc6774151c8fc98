"""Small GANs, their data, and what callbacks have written."""

import pathlib
from operator import itemgetter

import keras
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

import kerasgan

IMAGES = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 1)).astype("float32")
POINTS = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")


def mlp(inputs, hidden, outputs):
    layers = [keras.layers.Dense(width, activation="leaky_relu") for width in hidden]
    return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(outputs)])


def image_gan():
    """A GAN with state of every kind in its networks: batch norm and dropout."""
    keras.utils.set_random_seed(3)
    generator = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(64, activation="tanh"),
            keras.layers.Reshape((8, 8, 1)),
        ]
    )
    discriminator = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
    )
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4)
    gan.compile()
    return gan


def point_gan(dimensions=2, d_hidden=(16,), g_hidden=(), d_rate=2e-4, g_rate=2e-4):
    keras.utils.set_random_seed(3)
    gan = kerasgan.GAN(
        mlp(dimensions, g_hidden, dimensions), mlp(dimensions, d_hidden, 1), latent_dim=dimensions, seed=1
    )
    gan.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for rate in (d_rate, g_rate)))
    return gan


def fit(gan, data, *callbacks, epochs=2, batch_size=32, **options):
    return gan.fit(data, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=list(callbacks), **options)


def events(folder):
    """Returns {tag: [(step, value), ...]} of a folder's event files, sorted by step."""
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    # Two files that were opened within one second are read in no certain order.
    return {
        tag: sorted(
            ((event.step, make_ndarray(event.tensor_proto)) for event in accumulator.Tensors(tag)), key=itemgetter(0)
        )
        for tag in accumulator.Tags()["tensors"]
    }


def steps(folder, tag):
    return [step for step, _ in events(folder)[tag]]


def scalars(folder, tag):
    return [float(value) for _, value in events(folder)[tag]]


def file_names(folder, pattern="*.png"):
    return sorted(path.name for path in pathlib.Path(folder).glob(pattern))
