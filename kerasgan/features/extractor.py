"""The interface of all extractors, and those that need no weights of ours."""

import dataclasses
import typing

import keras
import numpy as np
from keras import ops

from kerasgan.backend import engine

BATCH_SIZE = 500


class Features(typing.NamedTuple):
    """What an extractor gives for n images.

    Attributes:
        features: float32 (n, width).
        probabilities: float32 (n, classes), rows that add up to 1; or None where the extractor does not classify.
    """

    features: np.ndarray
    probabilities: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A function from images to features, worked in batches.

    Attributes:
        name: for tables. Figures are comparable only where name and counts of images are the same.
        function: from a float32 tensor (batch, ...) to an array of features (batch, width), or to a pair of it and
            probabilities (batch, classes). It must treat each image by itself.
        image_shape: (height, width, channels) of the images it takes, or None for any.
        accuracy: share of held-out images that a classifier names rightly; None where nothing is classified.
        batch_size: images a batch; bounds the memory, changes nothing else.
    """

    name: str
    function: typing.Callable
    image_shape: tuple | None = None
    accuracy: float | None = None
    batch_size: int = BATCH_SIZE

    def __call__(self, images):
        """Returns the `Features` of images.

        Args:
            images: float array or tensor (n, height, width, channels) in [-1, 1], or points (n, d); n at least 1.

        Raises:
            ValueError: if there are none, they are not floats or have another shape than the extractor takes, or what
                the function makes of them has no two axes.
        """
        images = images if ops.is_tensor(images) else np.asarray(images)
        self._check(images)
        starts = range(0, len(images), self.batch_size)
        parts = [self._features_of(images[start : start + self.batch_size]) for start in starts]
        features = np.concatenate([part.features for part in parts])
        if parts[0].probabilities is None:
            return Features(features)
        return Features(features, np.concatenate([part.probabilities for part in parts]))

    def _check(self, images):
        dtype = keras.backend.standardize_dtype(images.dtype)
        shape = tuple(images.shape)
        if len(shape) < 2 or not shape[0] or not dtype.startswith(("float", "bfloat")):
            raise ValueError(
                "Images must be floats in [-1, 1] of shape (n, height, width, channels), n at least 1. Received: "
                f"shape {shape}, dtype {dtype}. Scale pixels in [0, 255] by images / 127.5 - 1."
            )
        if self.image_shape is not None and shape[1:] != self.image_shape:
            raise ValueError(
                f"The extractor {self.name!r} takes images of shape {self.image_shape}. Received: images of shape "
                f"{shape[1:]}. Make the extractor for the images' own size and channels."
            )

    def _features_of(self, batch):
        found = self.function(ops.cast(batch, "float32"))
        found = Features(*found) if isinstance(found, tuple | list) else Features(found)
        arrays = [None if each is None else np.asarray(each, "float32") for each in found]
        if any(each is not None and (each.ndim != 2 or len(each) != len(batch)) for each in arrays):
            raise ValueError(
                f"An extractor must give one row of features for each image. Received: shape {arrays[0].shape} from "
                f"{self.name!r} for {len(batch)} images. End it with global pooling, or flatten maps."
            )
        return Features(*arrays)


def model(function, name=None, **options):
    """Returns any Keras model or function of images as an `Extractor`.

    Args:
        function: a Keras model, called in inference mode, or a function of a float32 tensor (batch, ...) in [-1, 1];
            it gives features (batch, width), or a pair of features and probabilities (batch, classes).
        name: for tables; None for the model's or the function's own.
        options: further fields of `Extractor`.

    Raises:
        ValueError: if it cannot be called.
    """
    if not callable(function):
        raise ValueError(f"An extractor must be a Keras model or a function. Received: {function!r}.")
    name = name or getattr(function, "name", None) or getattr(function, "__name__", type(function).__name__)
    if not isinstance(function, keras.Model):
        return Extractor(name, function, **options)
    return Extractor(name, inference(function), **options)


def inference(network):
    """Returns a Keras model in inference mode as a compiled function of a float32 tensor."""
    return engine.inference(network)


def pixels():
    """Returns the extractor whose features are the values themselves, in one row; for points, and as a last resort.

    Distances between pixels say little of how images look to people: a shift by one pixel is far away.
    """
    return Extractor("pixels", lambda images: ops.reshape(images, (len(images), -1)))
