"""Data without TensorFlow: batches of arrays as a `keras.utils.PyDataset`."""

import copy

import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    """Batches of images in [-1, 1] that follow from their number alone; see `kerasgan.datasets.pipeline.batches`.

    Who asks for batch 0, as Keras does at the start of each iteration, begins the next epoch: the one after the last
    pass of which anything was read. The first begins at batch number `skip_batches`.
    """

    def __init__(self, values, labels, batch_size, *, read, shuffle, seed, flip, passes, skip_batches):
        super().__init__()
        self.values, self.labels, self.batch_size = values, labels, batch_size
        self.shuffle, self.seed, self.flip, self.passes = shuffle, seed, flip, passes
        self._read = read or (lambda indices: values[indices])
        self._batches_a_pass = len(values) // batch_size
        self._start, self._reached = (
            skip_batches,
            None,
        )  # numbers: of the epoch's batch 0, and after the last that was read
        self._given = skip_batches % self.num_batches  # batches of the first epoch that are behind it
        self._orders = {}  # of the last pass, by its number

    @property
    def num_batches(self):
        """Batches an epoch, also where the first is to begin within it."""
        return self.passes * self._batches_a_pass

    def __len__(self):
        return self.num_batches

    def __getitem__(self, index):
        if index == 0:
            self._begin()
        self._reached = self._start + index + 1
        return self._batch(self._start + index)

    def __iter__(self):
        count = self.num_batches - (self._given if self._reached is None else 0)
        return (self[index] for index in range(count))

    def repeat(self, passes):
        """Returns the same batches in epochs `passes` times as long, from where this one has come to."""
        longer = copy.copy(self)
        longer._begin()
        longer.passes, longer._reached = passes * self.passes, None
        longer._given = longer._start % self._batches_a_pass
        return longer

    def _begin(self):
        if self._reached is not None:
            self._start = -(-self._reached // self._batches_a_pass) * self._batches_a_pass

    def _batch(self, number):
        pass_number, place = divmod(number, self._batches_a_pass)
        order, mirrored = self._order(pass_number)
        rows = slice(place * self.batch_size, (place + 1) * self.batch_size)
        images = self._read(order[rows])
        if mirrored is not None:
            turned = mirrored[rows].reshape(-1, *[1] * (images.ndim - 1))
            images = np.where(turned, images[:, :, ::-1], images)
        if images.dtype == np.uint8:
            images = images.astype("float32") / np.float32(127.5) - np.float32(1.0)
        return (images,) if self.labels is None else (images, self.labels[order[rows]])

    def _order(self, number):
        """The order of a pass, int64 (num_images,), and which of its places are mirrored, bool, or None for none."""
        if number not in self._orders:
            count = len(self.values)
            draws = np.random.default_rng([self.seed, number])
            order = draws.permutation(count) if self.shuffle else np.arange(count)
            mirrored = draws.integers(2, size=count).astype(bool) if self.flip else None
            self._orders = {number: (order, mirrored)}
        return self._orders[number]


def batches(values, labels, batch_size, **how):
    """Returns `Batches`."""
    return Batches(values, labels, batch_size, **how)


def fit_array(images, size, channels):
    """Returns images of another size or number of channels, through TensorFlow where it is installed.

    Raises:
        ValueError: where it is not.
    """
    try:
        from . import tf_data
    except ImportError:
        raise ValueError(
            "Arrays and named sets of images are brought to another size by TensorFlow. Received: "
            f"image_size={size}, channels={channels} without it. Bring them to that size before they are loaded, or "
            "install tensorflow; folders of photos need neither."
        ) from None
    return tf_data.fit_array(images, size, channels)
