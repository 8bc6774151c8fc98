"""From arrays, in memory or on disk, to batches in [-1, 1]; and how all but photo folders change the size of images."""

import numpy as np
import tensorflow as tf

from . import on_disk
from .raw import check_memory

PARALLEL_CALLS = 2
PREFETCH_BATCHES = 2
RESIZE_CHUNK_IMAGES = 1024
plain = tf.autograph.experimental.do_not_convert
"""For what is mapped over a dataset: there is nothing in it to convert, and looking for it takes half a second."""


def steady_options():
    """Returns the options of all our pipelines: deterministic, and without autotune.

    Autotune's thread sleeps for up to a minute at a time, and `fit` would wait for it when it drops the iterator.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    return options


def batches(values, labels, batch_size, *, shuffle, seed, flip=False, passes=1, first_step=0):
    """Returns a finite dataset of batches; what does not fill a batch is left out of its pass.

    Indices are shuffled, not images, and a whole batch is gathered and scaled at once: that keeps the pipeline fast.
    The order of a pass is a pure function of the seed and of how many passes came before, and of nothing else: no
    global seed, no state of a buffer. So the place in the data is one number. What is mirrored follows from the seed,
    the pass and the place in it.

    Args:
        values: uint8 images (num_images, height, width, channels) in [0, 255], brought to [-1, 1] here; float32 values
            pass unchanged. A `np.memmap` stays on disk.
        labels: int32 (num_images,), or None for batches without labels.
        batch_size: images in a batch.
        shuffle: whether each epoch has an order of its own; False keeps the order of `values`.
        seed: integer that fixes the order of all epochs, and what is mirrored.
        flip: whether to mirror images, each with probability 1/2 in each pass.
        passes: how many times one iteration (an epoch of `fit`) goes through the data.
        first_step: how many batches are taken as given already: the first iteration begins after them.

    Returns:
        `tf.data.Dataset` of float32 (batch_size, ...), or of pairs with int32 (batch_size,). Its `share_of(rows)` gives
        the same batches, of which only those images are read that `rows` picks: a function from values (batch_size,) to
        some of them.
    """
    batches_a_pass = len(values) // batch_size
    epoch_batches = passes * batches_a_pass
    first_epoch, given = divmod(first_step, epoch_batches)
    with tf.device("CPU:0"):  # else the whole data set would be put into the memory of the GPU
        images_at = _reader(values)
        labels = None if labels is None else tf.constant(labels)
        counter = tf.Variable(first_epoch - 1, dtype="int64", trainable=False)

    @plain
    def order(number):
        indices = tf.range(len(values), dtype="int64")
        if shuffle:
            indices = tf.random.experimental.stateless_shuffle(indices, seed=tf.stack([seed, number]))
        if not flip:
            mirrored = tf.zeros_like(indices, tf.bool)
        else:  # a negative number, since those of passes have given the order its random bits
            bits = tf.random.stateless_uniform(tf.shape(indices), tf.stack([seed, -1 - number]), 0, 2, tf.int32)
            mirrored = bits == 1
        return tf.data.Dataset.from_tensor_slices((indices, mirrored)).batch(batch_size, drop_remainder=True)

    @plain
    def one_epoch(epoch):
        numbers = tf.data.Dataset.range(epoch * passes, (epoch + 1) * passes)
        return numbers.flat_map(order).skip(tf.where(epoch == first_epoch, np.int64(given), np.int64(0)))

    @plain
    def batch_at(indices, mirrored):
        batch = images_at(indices)
        if flip:
            # Ten times as fast as a slice with step -1 and `tf.where`.
            both = tf.concat([batch, tf.reverse(batch, axis=[2])], axis=0)
            batch = tf.gather(both, tf.range(indices.shape[0]) + indices.shape[0] * tf.cast(mirrored, "int32"))
        if batch.dtype == tf.uint8:
            batch = tf.cast(batch, tf.float32) / 127.5 - 1.0
        return batch if labels is None else (batch, tf.gather(labels, indices))

    numbered = tf.data.Dataset.from_tensors(0).map(plain(lambda _: counter.assign_add(1))).flat_map(one_epoch)
    if not given:
        numbered = numbered.apply(tf.data.experimental.assert_cardinality(epoch_batches))

    def read(numbered):
        dataset = numbered.map(batch_at, num_parallel_calls=PARALLEL_CALLS, deterministic=True)
        return dataset.prefetch(PREFETCH_BATCHES).with_options(steady_options())

    dataset = read(numbered)
    dataset.share_of = lambda rows: read(numbered.map(plain(lambda *numbers: tuple(map(rows, numbers)))))
    if given:
        # Keras asks once how long an epoch is, and would take the short first one for the measure of all.
        dataset.cardinality = lambda: tf.constant(epoch_batches, "int64")
    return dataset


def repeated(dataset, times):
    """Returns `dataset.repeat(times)` that can still be asked for a share of its batches."""
    several = dataset.repeat(times)
    several.share_of = lambda rows: dataset.share_of(rows).repeat(times)
    return several


def _reader(values):
    """Returns a function from a tensor of indices, int64 (batch,), to those values, (batch, ...), in their dtype."""
    if not isinstance(values, np.memmap):
        held = tf.constant(values)
        return lambda indices: tf.gather(held, indices)
    read = on_disk.rows_reader(values)

    def images_at(indices):
        batch = tf.numpy_function(read, [indices], tf.uint8, stateful=False)
        return tf.ensure_shape(batch, (indices.shape[0], *values.shape[1:]))

    return images_at


def fit_images(images, size, channels):
    """Returns images of another size or number of channels, as a tensor of the same dtype and range.

    The centre with the wanted aspect ratio is kept. Shrinking averages areas, so that nothing aliases; growing is
    bilinear.

    Args:
        images: tensor ([batch,] height, width, channels), uint8 in [0, 255] or float32 in [-1, 1]; height and width may
            be unknown.
        size: (height, width), or None to keep the size.
        channels: 1 or 3, or None to keep the channels.
    """
    if channels is not None and channels != images.shape[-1]:
        images = _convert_channels(images, channels)
    if size is None or tuple(images.shape[-3:-1]) == size:
        return images
    cropped = _centre_crop(images, size)
    resized = tf.cond(
        tf.shape(cropped)[-3] > size[0],
        lambda: tf.image.resize(cropped, size, method="area"),
        lambda: tf.image.resize(cropped, size, method="bilinear"),
    )
    return tf.saturate_cast(tf.round(resized), tf.uint8) if images.dtype == tf.uint8 else resized


def fit_array(images, size, channels):
    """Returns what `fit_images` does for a NumPy array, chunk by chunk, since resizing needs float32 in between."""
    unchanged = size in (None, images.shape[1:3]) and channels in (None, images.shape[3])
    if unchanged:
        return images
    if size is not None:
        check_memory(len(images), size, channels or images.shape[3])
    with tf.device("CPU:0"):
        chunks = [images[start : start + RESIZE_CHUNK_IMAGES] for start in range(0, len(images), RESIZE_CHUNK_IMAGES)]
        return tf.concat([fit_images(tf.constant(chunk), size, channels) for chunk in chunks], axis=0).numpy()


def _convert_channels(images, channels):
    if channels == 3 and images.shape[-1] == 1:
        return tf.image.grayscale_to_rgb(images)
    if channels == 1 and images.shape[-1] == 3:
        return tf.image.rgb_to_grayscale(images)
    raise ValueError(
        f"Channels can only be converted between 1 (gray) and 3 (RGB). Received: channels={channels} for images with "
        f"{images.shape[-1]}. Leave channels=None to keep them."
    )


def _centre_crop(images, size):
    """Returns the largest centred part of `images` with the aspect ratio of `size` (height, width)."""
    shape = tf.shape(images, out_type=tf.int64)  # its products with the size leave the range of int32
    height, width = shape[-3], shape[-2]
    crop_height = tf.maximum(np.int64(1), tf.minimum(height, width * size[0] // size[1]))
    crop_width = tf.maximum(np.int64(1), tf.minimum(width, height * size[1] // size[0]))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return images[..., top : top + crop_height, left : left + crop_width, :]
