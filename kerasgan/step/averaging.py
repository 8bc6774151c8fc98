"""The averaged generator's update."""

from typing import Any

from keras import ops

from kerasgan import keras_internals


def update_average(gan: Any, batch_size: Any) -> None:
    """Moves the averaged generator towards the generator as just updated (`kerasgan.ema.EMA`).

    Args:
        gan: a `kerasgan.GAN` with an averaged generator.
        batch_size: how many images the generator was updated on.
    """
    images_seen = ops.cast(gan.g_optimizer.iterations * batch_size, "float32")
    keep = ops.power(0.5, ops.cast(batch_size, "float32") / gan.ema.half_life(images_seen))
    for average, weight in zip(gan.averaged_generator.weights, gan.generator.weights, strict=True):
        if weight.trainable or weight.path.endswith(keras_internals.STATISTICS):
            average.assign(weight + (average - weight) * ops.cast(keep, average.dtype))
        else:
            average.assign(weight)
