"""Sizes that a network takes: which power of two, the next one, and the nearest one."""

import keras
import pytest
import translators
from keras import layers

from kerasgan import networks
from kerasgan.conditions import Image
from kerasgan.networks import sizes


def unet():
    return networks.unet((16, 16, 1), Image((16, 16, 1)), width=2, depth=2)


def small():
    return networks.translator((16, 16, 1), width=2, blocks=0)


def parallel():
    """One path halves twice, another one not at all: the strides' product alone does not say what it takes."""
    image = keras.Input((None, None, 1))
    halved = layers.UpSampling2D(4)(layers.AveragePooling2D(2)(layers.AveragePooling2D(2)(image)))
    quartered = layers.UpSampling2D(4)(layers.AveragePooling2D(4)(image))
    return keras.Model(image, layers.Add()([halved, quartered]))


@pytest.mark.parametrize(
    ("make", "size", "following", "nearest"),
    [
        (unet, (9, 12), (12, 12), (8, 12)),
        (unet, (10, 3), (12, 4), (12, 4)),
        (small, (5, 21), (8, 24), (4, 20)),
        (parallel, (9, 12), (12, 12), (8, 12)),
        (translators.translator, (5, 8), (8, 8), (8, 8)),
        (translators.translator, (9, 8), None, (8, 8)),
    ],
    ids=["unet", "unet of small images", "borders", "parallel paths", "fixed", "above the fixed size"],
)
def test_the_next_and_the_nearest_size(make, size, following, nearest):
    network = make()
    ports = sizes.ports_of(network)
    assert sizes.next_size(network, ports, size) == following
    assert sizes.nearest_size(network, ports, size) == nearest
    assert sizes.takes(network, ports, nearest)


def test_a_network_that_returns_another_size_takes_none():
    image = keras.Input((None, None, 1))
    network = keras.Model(image, layers.AveragePooling2D(2)(image))
    ports = sizes.ports_of(network)
    assert sizes.multiple(network, ports, (16, 16)) is None and sizes.multiple(network, ports, (16, 16), False) == 1
    assert sizes.next_size(network, ports, (16, 16)) is None and sizes.nearest_size(network, ports, (16, 16)) is None
