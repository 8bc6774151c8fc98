"""The interface of all extractors, and the extractors without weights of kerasgan's own."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from kerasgan import backend

BATCH_SIZE = 500
MOST_VALUES = 3_072
"""An image that is compared pixel by pixel has so many values at most: 32x32x3."""


class Features(NamedTuple):
    """The features of n images.

    Attributes:
        features: float32 (n, width).
        probabilities: float32 (n, classes), rows that add up to 1; None where the extractor does not classify.
    """

    features: np.ndarray[Any, Any]
    probabilities: np.ndarray[Any, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A function from images to features, applied in batches.

    Attributes:
        name: for tables. Values of metrics are comparable only for the same name and numbers of images.
        function: from a float32 tensor (batch, ...) to an array of features (batch, width), or to a pair of features
            and probabilities (batch, classes). It must treat each image by itself.
        image_shape: (height, width, channels) of the images it takes, or None for any.
        accuracy: share of held-out images that a classifier classifies correctly; None where nothing is classified.
        batch_size: images in a batch; it bounds the memory and does not change the results.
        settings: what else is needed to make the same features again, such as the seed of a classifier; for reports.

    Example:

    ```python
    import numpy as np
    from keras import ops
    from kerasgan import features

    means = features.Extractor("means", lambda images: ops.mean(images, axis=(1, 2)))
    means(np.zeros((5, 8, 8, 3), "float32")).features.shape  # (5, 3)
    ```
    """

    name: str
    function: Callable[[Any], Any]
    image_shape: tuple[int, ...] | None = None
    accuracy: float | None = None
    batch_size: int = BATCH_SIZE
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __call__(self, images: Any) -> Features:
        """Returns the `Features` of images.

        Args:
            images: float array or tensor (n, height, width, channels) in [-1, 1], or points (n, d); n at least 1.

        Raises:
            ValueError: if there are no images, they are not floats or have another shape than the extractor takes, or
                the function does not return one row for each image.
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
                f"{shape[1:]}. Make the extractor for the size and channels of the images."
            )

    def _features_of(self, batch):
        outputs = self.function(ops.cast(batch, "float32"))
        outputs = Features(*outputs) if isinstance(outputs, tuple | list) else Features(outputs)
        arrays = [None if values is None else np.asarray(values, "float32") for values in outputs]
        if any(values is not None and (values.ndim != 2 or len(values) != len(batch)) for values in arrays):
            raise ValueError(
                f"An extractor must return one row of features for each image. Received: shape {arrays[0].shape} from "
                f"{self.name!r} for {len(batch)} images. End it with global pooling, or flatten maps."
            )
        return Features(*arrays)


def model(function: Callable[..., Any], name: str | None = None, **options: Any) -> Extractor:
    """Returns any Keras model or function of images as an `Extractor`.

    Args:
        function: a Keras model, called in inference mode, or a function of a float32 tensor (batch, ...) in [-1, 1];
            it returns features (batch, width), or a pair of features and probabilities (batch, classes).
        name: for tables; None for the name of the model or function.
        options: further fields of `Extractor`.

    Raises:
        ValueError: if it cannot be called.

    Example:

    ```python
    import keras
    import numpy as np
    from kerasgan import features

    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(16, 3), keras.layers.GlobalMaxPooling2D()])
    features.model(network)(np.zeros((5, 8, 8, 1), "float32")).features.shape  # (5, 16)
    ```
    """
    if not callable(function):
        raise ValueError(
            f"An extractor must be a Keras model or a function. Received: {function!r}. Pass a model whose output is "
            "(batch, width)."
        )
    name = name or getattr(function, "name", None) or getattr(function, "__name__", type(function).__name__)
    if not isinstance(function, keras.Model):
        return Extractor(name, function, **options)
    return Extractor(name, inference(function), **options)


def inference(network: keras.Model) -> Callable[[Any], Any]:
    """Returns a Keras model in inference mode as a compiled function of a float32 tensor."""
    return backend.inference(network)


def pixels() -> Extractor:
    """Returns the extractor whose features are the values themselves, flattened; for points, and as a last resort.

    Distances between pixels say little of how similar images look to people: a shift by one pixel is a large distance.
    Of images of more than 3,072 values (32x32x3) they are the means of squares, the smallest by which no more are left:
    the memory of a Frechet distance grows with the square of their number, and its time with the cube.
    """
    return Extractor("pixels", _values)


def _values(images):
    if len(images.shape) == 4:
        side = _square(images.shape[1:])
        images = ops.average_pool(images, side, side, padding="same", data_format="channels_last")
    return ops.reshape(images, (len(images), -1))


def _square(image_shape):
    """Returns the side of the smallest squares of which an image has few enough."""
    height, width, channels = image_shape
    for side in range(1, max(height, width)):
        if -(-height // side) * -(-width // side) * channels <= MOST_VALUES:
            return side
    return max(height, width)
