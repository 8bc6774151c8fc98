"""What `fit` and `evaluate` are handed, checked on its way in: arrays at once, datasets batch by batch as they pass.

The checks of a dataset run in its own pipeline, outside the compiled step: a bad batch is refused before a single
weight has moved on it, at the cost of one comparison for each value.
"""

import contextlib
import re
import sys

import keras
import numpy as np

from kerasgan.validation import checks

_REFUSED, _END = "kerasgan refuses: ", " (end)"  # around the sentence, to find it in TensorFlow's own


def checked(x, y, game, batch_size, smallest_batch, multiple_of=1):
    """Returns `x` and `y`, checked or wrapped so that they are checked as they are read.

    Args:
        x: an array (n, ...), or a `tf.data.Dataset` or `keras.utils.PyDataset` of batches; other sources that Keras
            knows (a generator, a grain dataset) pass unchanged, and the step checks their shapes and dtypes alone.
        y: the labels of an array, (n,), or None.
        game: the `GAN`, for its `image_shape` and `num_classes`.
        batch_size: images a batch where `x` is an array, or None for Keras's default of 32.
        smallest_batch: the fewest images that a batch may hold.
        multiple_of: every batch holds a multiple of so many images.

    Raises:
        ValueError: for images that the game cannot be trained on, no images at all, labels that it does not use, or
            none that it needs.
    """
    if isinstance(x, (list, tuple)) and len(x) == 2 and y is None:  # as `validation_data` comes
        x, y = x
    if isinstance(x, (list, tuple)) and len(x) == 1:
        x = x[0]
    if isinstance(x, (list, tuple)):
        received = f"{len(x)} arrays"
        raise ValueError(
            _no_labels(received) if game.num_classes is None else _labels_needed(game.num_classes, received)
        )
    tf = _tensorflow()
    if tf is not None and isinstance(x, tf.data.Dataset):
        from kerasgan.backend import tf_data

        return tf_data.checked(x, _parts_of(x, game, tf), game, smallest_batch, multiple_of, (_REFUSED, _END)), y
    if isinstance(x, keras.utils.PyDataset):
        return _CheckedBatches(x, game, smallest_batch), y
    if isinstance(x, np.ndarray) or keras.ops.is_tensor(x) or (tf is not None and tf.is_tensor(x)):
        fit_labels(game.num_classes, y)
        checks.array(x, game.image_shape, batch_size or 32, smallest_batch)
        for size in {min(batch_size or 32, len(x)), len(x) % (batch_size or 32)}:
            checks.batch_divides(size, multiple_of)
        if y is not None:
            y = np.asarray(y)
            checks.labels_array(y, len(x), game.num_classes)
    return x, y


def fit_labels(num_classes, labels):
    """Checks that there are labels where the game has classes, and none where it has not.

    Raises:
        ValueError: if it is the other way round.
    """
    if num_classes is None and labels is not None:
        raise ValueError(_no_labels(f"labels of type {type(labels).__name__}"))
    if num_classes is not None and labels is None:
        raise ValueError(_labels_needed(num_classes, "images alone"))


@contextlib.contextmanager
def refusals_raised():
    """Turns an error that a checked dataset raised while it was read into a `ValueError` of one sentence."""
    try:
        yield
    except Exception as error:
        tf = _tensorflow()
        if tf is None or not isinstance(error, tf.errors.InvalidArgumentError):
            raise
        found = re.search(re.escape(_REFUSED) + r"(.*?)" + re.escape(_END), str(error), re.DOTALL)
        if not found:
            raise
        raise ValueError(found.group(1)) from None


def _tensorflow():
    """Returns TensorFlow where it has been imported: what was not cannot be a dataset or an error of its."""
    return sys.modules.get("tensorflow")


def _no_labels(received):
    return (
        "This GAN is unconditional: it is trained on images alone. "
        f"Received: {received}. Leave the labels out: dataset.map(lambda images, labels: images); or build the "
        "networks and the GAN with num_classes."
    )


def _labels_needed(num_classes, received):
    return (
        f"This GAN has {num_classes} classes: it is trained on pairs (images, labels). Received: {received}. "
        "Load the data with labels=True, or pass the labels as y."
    )


def _parts_of(dataset, game, tf):
    """The specs of the images and, where the game has classes, of the labels in a dataset's batches."""
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    if len(parts) == 1 and game.num_classes is not None and isinstance(parts[0], tf.TensorSpec):
        raise ValueError(_labels_needed(game.num_classes, "a dataset of images alone"))
    wanted = 1 if game.num_classes is None else 2
    if len(parts) != wanted or not all(isinstance(part, tf.TensorSpec) for part in parts):
        wrong = _no_labels if game.num_classes is None else lambda seen: _labels_needed(game.num_classes, seen)
        raise ValueError(wrong(f"a dataset of {spec}"))
    return parts


class _CheckedBatches(keras.utils.PyDataset):
    """The batches of another `PyDataset`, each checked as it is read."""

    def __init__(self, batches, game, smallest_batch):
        super().__init__(batches.workers, batches.use_multiprocessing, batches.max_queue_size)
        self.batches, self.game, self.smallest_batch = batches, game, smallest_batch

    def __getitem__(self, index):
        batch = self.batches[index]
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
        fit_labels(self.game.num_classes, labels)
        checks.batch(np.asarray(images), self.game.image_shape, self.smallest_batch)
        if labels is not None:
            checks.labels_array(np.asarray(labels), len(images), self.game.num_classes)
        return batch

    @property
    def num_batches(self):
        return self.batches.num_batches

    def on_epoch_begin(self):
        self.batches.on_epoch_begin()

    def on_epoch_end(self):
        self.batches.on_epoch_end()
