"""Small networks that translate images of 8x8 pixels, and tell them apart patch by patch."""

import keras
from keras import layers


def translator():
    """Images to images, each by itself."""
    image = keras.Input((8, 8, 1))
    small = layers.LeakyReLU(0.2)(layers.GroupNormalization(-1)(layers.Conv2D(4, 4, 2, padding="same")(image)))
    joined = layers.Concatenate()([layers.Conv2DTranspose(3, 4, 2, padding="same")(small), image])
    return keras.Model(image, layers.Conv2D(1, 3, padding="same", activation="tanh")(joined), name="translator")


def patches(condition=False):
    """Images, and with each its condition, to a map of logits."""
    images = [keras.Input((8, 8, 1)) for _ in range(1 + condition)]
    joined = layers.Concatenate()(images) if condition else images[0]
    small = layers.LeakyReLU(0.2)(layers.Conv2D(4, 4, 2, padding="same")(joined))
    return keras.Model(images if condition else images[0], layers.Conv2D(1, 3, padding="same")(small), name="patches")
