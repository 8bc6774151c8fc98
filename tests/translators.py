"""Small networks that translate images of 8x8 pixels, and tell them apart patch by patch."""

import keras
from keras import layers

import kerasgan


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


def pix2pix():
    """A translation of pairs."""
    condition = kerasgan.conditions.Image((8, 8, 1))
    networks = translator(), patches(condition=True)
    gan = kerasgan.GAN(*networks, latent_dim=0, condition=condition, seed=0)
    optimizers = (keras.optimizers.SGD(0.1) for _ in "dg")
    options = {
        "updates": kerasgan.updates.Alternating(same_samples=True),
        "reconstruction": kerasgan.reconstruction.L1(1.0),
    }
    gan.compile(*optimizers, **options)
    return gan


def cycle_gan():
    """A translation without pairs, with a pool that is full, and changes, in the second epoch."""
    makes = (translator, translator, patches, patches)
    gan = kerasgan.CycleGAN(*(make() for make in makes), seed=0)
    gan.compile(*(keras.optimizers.SGD(0.1) for _ in "dg"), cycle=1.0, pool_images=20)
    return gan
