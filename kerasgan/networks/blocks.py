"""What several pairs of networks share: the sizes that halve, and how a label comes in."""

import numbers
import sys

import keras
from keras import layers

SMALLEST = 8


def check_sizes(**sizes):
    """Checks that sizes are whole numbers of at least 1.

    Raises:
        ValueError: for the first that is not.
    """
    for name, size in sizes.items():
        whole = isinstance(size, numbers.Integral) and not isinstance(size, bool)
        if not whole or size < 1:
            raise ValueError(f"{name} must be a whole number of at least 1. Received: {name}={size!r}.")


def check_halving(image_shape, depth):
    """Checks that images can be halved, `depth` times or as often as `natural_depth` says.

    Raises:
        ValueError: if the image size is not a multiple of 4, is below 8, or does not halve `depth` times.
    """
    if len(image_shape) != 3 or any(side < SMALLEST or side % 4 for side in image_shape[:2]) or image_shape[2] < 1:
        raise ValueError(
            "image_shape must be (height, width, channels) with a height and width that are multiples of 4 and at "
            f"least {SMALLEST}. Received: image_shape={image_shape}. Resize or pad the images; for points use mlp."
        )
    if depth is not None:
        check_sizes(depth=depth)
    if depth is not None and any(side % 2**depth for side in image_shape[:2]):
        raise ValueError(
            f"The image must halve `depth` times. Received: depth={depth} for image_shape={image_shape}. "
            f"depth=None takes {natural_depth(image_shape)}."
        )


def natural_depth(image_shape):
    """How many times an image halves while the result is at least 4 on both sides."""
    height, width, _ = image_shape
    depth = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 8:
        height, width, depth = height // 2, width // 2, depth + 1
    return depth


def check_classes(num_classes):
    """Checks a number of classes; None is that of an unconditional pair.

    Raises:
        ValueError: if it is neither None nor a whole number of at least 2.
    """
    whole = isinstance(num_classes, int) and not isinstance(num_classes, bool)
    if num_classes is not None and (not whole or num_classes < 2):
        raise ValueError(
            "num_classes must be a whole number of at least 2, or None for a pair without labels. "
            f"Received: num_classes={num_classes!r}. A dataset's `info.num_classes` says how many it has."
        )


def generator(latent_dim, num_classes, stack):
    """Returns the model of a stack of layers from latents, with the label beside them where there is one, to images."""
    z = keras.Input((latent_dim,), name="z")
    if num_classes is None:
        return keras.Sequential([z, *stack], name="generator")
    labels = label_input()
    images = keras.Sequential(stack, name="images")(join_label(z, labels, num_classes))
    return keras.Model([z, labels], images, name="generator")


def discriminator(image_shape, num_classes, stack, kernel_initializer="glorot_uniform"):
    """Returns the model of a stack of layers from images to features, with the logit of `project` on top."""
    image = keras.Input(image_shape, name="image")
    if num_classes is None:
        logit = layers.Dense(1, dtype="float32", kernel_initializer=kernel_initializer, name="logit")
        return keras.Sequential([image, *stack, logit], name="discriminator")
    labels = label_input()
    logit = project(keras.Sequential(stack, name="features")(image), labels, num_classes, kernel_initializer)
    return keras.Model([image, labels], logit, name="discriminator")


def batch_norm():
    """Returns batch norm of the GAN literature's momentum, over the whole batch.

    Made in the scope of a `tf.distribute` strategy it is synchronised: its statistics are those of the whole batch, not
    of each replica's share. A network with such layers can only be loaded where TensorFlow is the engine.
    """
    return layers.BatchNormalization(momentum=0.9, synchronized=_shared())


def _shared():
    tensorflow = sys.modules.get("tensorflow")  # which Keras has imported where it is the engine
    return keras.backend.backend() == "tensorflow" and tensorflow.distribute.has_strategy()


def label_input():
    """Returns the symbolic input of class numbers in [0, num_classes), int32 (batch,), named `labels`."""
    return keras.Input((), dtype="int32", name="labels")


def join_label(z, labels, num_classes):
    """Returns the latents with the label as 0s and a 1 beside them, (batch, latent_dim + num_classes).

    What a label means, the first layer learns. A learnt embedding of the latents' own loudness was tried and given up:
    it grows faster than anything else, the generator soon hears nothing but the label, and draws one image for each
    class (on the digits the variety within a class fell to a twentieth of the real one's).

    Args:
        z: symbolic latents, (batch, latent_dim).
        labels: symbolic class numbers, int32 (batch,).
        num_classes: how many classes there are.

    Reference: Mirza and Osindero, 2014, arXiv:1411.1784.
    """
    one_hot = layers.CategoryEncoding(num_classes, output_mode="one_hot", name="label")(labels)
    return layers.Concatenate(name="z_and_label")([z, one_hot])


def project(h, labels, num_classes, kernel_initializer="glorot_uniform"):
    """Returns the logit of a discriminator, float32 (batch, 1), from the last features of an image.

    Without labels: logit = w . h + b. With labels, the projection: logit = w . h + b + <embedding(label), h>. The
    embedding starts from 0, so that the discriminator starts without an opinion on the labels; its gradient, h, is
    not 0 there.

    Args:
        h: symbolic features, (batch, features).
        labels: symbolic class numbers, int32 (batch,), or None where there are none.
        num_classes: how many classes there are, or None where there are none.
        kernel_initializer: of w.

    Reference: Miyato and Koyama, 2018, arXiv:1802.05637 (equation 4).
    """
    logit = layers.Dense(1, dtype="float32", kernel_initializer=kernel_initializer, name="logit")(h)
    if labels is None:
        return logit
    # In float32, as the logit: the sum over the features is long.
    embedding = layers.Embedding(
        num_classes, h.shape[-1], embeddings_initializer="zeros", dtype="float32", name="label"
    )
    fit = layers.Dot(axes=1, dtype="float32", name="projection")([embedding(labels), h])
    return layers.Add(dtype="float32", name="conditional_logit")([logit, fit])
