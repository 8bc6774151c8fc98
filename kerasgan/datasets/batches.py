"""From arrays, in memory or on disk, to batches in [-1, 1]; and how all but photo folders change the size of images."""

import numpy as np

from kerasgan.backend import engine

from . import disk_cache
from .raw import check_memory


def batches(values, labels, batch_size, *, shuffle, seed, flip=False, passes=1, skip_batches=0):
    """Returns a finite dataset of batches; what does not fill a batch is left out of its pass.

    The order of a pass is a pure function of the seed and of how many passes came before, and so is what is mirrored:
    the place in the data is one number. Each engine has orders of its own.

    Args:
        values: uint8 images (num_images, height, width, channels) in [0, 255], brought to [-1, 1] here; float32 values
            pass unchanged. A `np.memmap` stays on disk.
        labels: int32 (num_images,), or None for batches without labels.
        batch_size: images in a batch.
        shuffle: whether each epoch has an order of its own; False keeps the order of `values`.
        seed: integer that fixes the order of all epochs, and what is mirrored.
        flip: whether to mirror images, each with probability 1/2 in each pass.
        passes: how many times one iteration (an epoch of `fit`) goes through the data.
        skip_batches: how many batches are taken as given already: the first iteration begins after them.

    Returns:
        A `tf.data.Dataset` on TensorFlow, a `keras.utils.PyDataset` on JAX, of float32 (batch_size, ...), or of pairs
        with int32 (batch_size,). The former's `share_of(rows)` gives the same batches, of which only those images are
        read that `rows` picks: a function from values (batch_size,) to some of them.
    """
    read = disk_cache.rows_reader(values) if isinstance(values, np.memmap) else None
    how = {"shuffle": shuffle, "seed": seed, "flip": flip, "passes": passes, "skip_batches": skip_batches}
    return engine.batches(values, labels, batch_size, read=read, **how)


def repeated(dataset, times):
    """Returns a data set `times` over in each epoch, which can still be asked for a share of its batches."""
    several = dataset.repeat(times)
    if hasattr(dataset, "share_of"):
        several.share_of = lambda rows: dataset.share_of(rows).repeat(times)
    return several


def fit_array(images, size, channels):
    """Returns images of another size or number of channels, of the same dtype and range.

    The centre with the wanted aspect ratio is kept. Shrinking averages areas, so that nothing aliases; growing is
    bilinear.

    Args:
        images: array (n, height, width, channels), uint8 in [0, 255] or float32 in [-1, 1].
        size: (height, width), or None to keep the size.
        channels: 1 or 3, or None to keep the channels.

    Raises:
        ValueError: for channels that cannot be converted, images that the memory cannot hold, or without TensorFlow,
            which resizes them.
    """
    unchanged = size in (None, images.shape[1:3]) and channels in (None, images.shape[3])
    if unchanged:
        return images
    if size is not None:
        check_memory(len(images), size, channels or images.shape[3])
    return engine.fit_array(images, size, channels)
