"""A pool of generated images of earlier steps."""

from typing import Any

import keras
from keras import ops

from kerasgan import backend
from kerasgan.random import BatchRandom


class ImagePool:
    """Keeps generated images of earlier steps, some of which take the place of new ones in the discriminator's update.

    It fills up first. From then on each new image is, with probability 1/2, put into the pool, and the image whose
    place it takes is returned. The two domains of a `kerasgan.CycleGAN` decide for themselves.

    Its images are variables: checkpoints hold them, and all replicas have the same.

    Args:
        size: images in the pool, at least the batch size.
        image_shape: (height, width, channels).
        parts: how many channels each domain has; their sum is that of the images.

    Reference: Shrivastava et al., 2017, arXiv:1612.07828 (section 2.3).
    """

    def __init__(self, size: int, image_shape: tuple[int, ...], parts: tuple[int, ...]):
        self.size, self.parts = size, parts
        options = {"initializer": "zeros", "trainable": False, "autocast": False}
        self.images = keras.Variable(shape=(size, *image_shape), dtype="float32", name="pool_images", **options)
        self.count = keras.Variable(shape=(), dtype="int32", name="pool_count", **options)

    @property
    def variables(self) -> list[Any]:
        """What a training step changes."""
        return [self.images, self.count]

    def exchange(self, images: Any, random: BatchRandom) -> Any:
        """Returns images for the discriminator, as many as were generated, and keeps some of these.

        Args:
            images: generated images, (batch, height, width, channels), of a replica its share.
            random: the source of the choices, which are those of the whole batch.
        """
        (whole,) = backend.gather((ops.cast(images, "float32"),))
        count = ops.shape(whole)[0]
        options = {"dtype": "float32", "seed": random.seed_generator}
        start = ops.cast(keras.random.uniform((), **options) * self.size, "int32")
        is_swapped = keras.random.uniform((count, 1, 1, len(self.parts)), **options) < 0.5
        is_swapped = ops.concatenate(
            [ops.repeat(is_swapped[..., number : number + 1], part, axis=-1) for number, part in enumerate(self.parts)],
            axis=-1,
        )
        kept = ops.convert_to_tensor(self.images)
        is_filling = ops.convert_to_tensor(self.count) < self.size
        # A run of places from a random one: no place is taken twice, and each is as likely as any other.
        places = ops.mod(ops.where(is_filling, ops.convert_to_tensor(self.count), start) + ops.arange(count), self.size)
        past = ops.take(kept, places, axis=0)
        is_stored = ops.logical_or(is_filling, is_swapped)
        self.images.assign(ops.scatter_update(kept, places[:, None], ops.where(is_stored, whole, past)))
        self.count.assign(ops.minimum(self.count + count, self.size))
        returned = ops.where(ops.logical_and(is_swapped, ops.logical_not(is_filling)), past, whole)
        replicas, replica = backend.replica()
        return returned if replicas == 1 else self._share(returned, count // replicas, replica)

    def _share(self, images, rows, replica):
        return ops.take(images, replica * rows + ops.arange(rows), axis=0)
