"""What a network tells of its classes: the layers that take the labels, whatever their names."""

import keras
import pytest
from keras import layers

import kerasgan

CLASSES = 3


def generator(label_layer, name="label"):
    """A user's own generator, whose dense layer happens to be called "label"."""
    z, labels = keras.Input((4,)), keras.Input((), dtype="int32")
    joined = layers.Concatenate()([z, layers.Flatten()(label_layer(labels))])
    points = layers.Dense(2)(layers.Dense(7, activation="relu", name=name)(joined))
    return keras.Model([z, labels], points)


def discriminator(label_layer, name="label"):
    points, labels = keras.Input((2,)), keras.Input((), dtype="int32")
    joined = layers.Concatenate()([points, layers.Flatten()(label_layer(labels))])
    return keras.Model([points, labels], layers.Dense(1)(layers.Dense(7, name=name)(joined)))


def gan_of(g_layer, d_layer, name="label"):
    networks = generator(g_layer, name), discriminator(d_layer, name)
    return kerasgan.GAN(*networks, latent_dim=4, num_classes=CLASSES)


def one_hot(classes):
    return layers.CategoryEncoding(classes, output_mode="one_hot")


@pytest.mark.parametrize("name", ["label", "hidden"])
def test_a_layer_of_the_users_may_have_any_name(name):
    assert gan_of(one_hot(CLASSES), layers.Embedding(CLASSES, 5), name).num_classes == CLASSES


def test_an_embedding_may_have_more_rows_than_there_are_classes():
    assert gan_of(layers.Embedding(CLASSES + 1, 5), layers.Embedding(CLASSES, 5)).num_classes == CLASSES


@pytest.mark.parametrize(
    ("g_layer", "d_layer", "built_for"),
    [
        (lambda: one_hot(CLASSES + 1), lambda: layers.Embedding(CLASSES, 5), "generator built for 4"),
        (lambda: one_hot(CLASSES - 1), lambda: layers.Embedding(CLASSES, 5), "generator built for 2"),
        (lambda: one_hot(CLASSES), lambda: layers.Embedding(CLASSES - 1, 5), "discriminator built for 2"),
    ],
)
def test_networks_for_other_classes_are_refused(g_layer, d_layer, built_for):
    with pytest.raises(ValueError, match=rf"same classes\. Received: num_classes=3 for a {built_for}"):
        gan_of(g_layer(), d_layer())


@pytest.mark.parametrize("network", [kerasgan.networks.mlp, kerasgan.networks.dcgan, kerasgan.networks.resnet])
@pytest.mark.parametrize("classes", [2, 5])
def test_networks_of_kerasgan_know_their_classes(network, classes):
    networks = network((8, 8, 1), latent_dim=4, width=4, num_classes=CLASSES)
    assert kerasgan.GAN(*networks, latent_dim=4, num_classes=CLASSES).num_classes == CLASSES
    with pytest.raises(ValueError, match="generator built for 3"):
        kerasgan.GAN(*networks, latent_dim=4, num_classes=classes)
