"""Data through tf.data: from arrays to batches in [-1, 1], images of another size, and the checks of a dataset.

On JAX it is imported only where TensorFlow is used for data.
"""

import numpy as np
import tensorflow as tf

from kerasgan.validation import checks

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


def batches(values, labels, batch_size, *, read, shuffle, seed, flip, passes, skip_batches):
    """Returns what `kerasgan.datasets.pipeline.batches` does, as a `tf.data.Dataset`.

    Indices are shuffled, not images, and a whole batch is gathered and scaled at once: that keeps the pipeline fast.
    The order of a pass is a pure function of the seed and of how many passes came before, and of nothing else: no
    global seed, no state of a buffer. What is mirrored follows from the seed, the pass and the place in it.

    Args:
        read: a function from indices, int64 (batch,), to those of the values, as NumPy arrays, where they are on disk;
            None where they are in memory.
    """
    batches_a_pass = len(values) // batch_size
    epoch_batches = passes * batches_a_pass
    first_epoch, given = divmod(skip_batches, epoch_batches)
    with tf.device("CPU:0"):  # else the whole data set would be put into the memory of the GPU
        images_at = _reader(values, read)
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

    def gathered(numbered):
        dataset = numbered.map(batch_at, num_parallel_calls=PARALLEL_CALLS, deterministic=True)
        return dataset.prefetch(PREFETCH_BATCHES).with_options(steady_options())

    dataset = gathered(numbered)
    dataset.share_of = lambda rows: gathered(numbered.map(plain(lambda *numbers: tuple(map(rows, numbers)))))
    if given:
        # Keras asks once how long an epoch is, and would take the short first one for the measure of all.
        dataset.cardinality = lambda: tf.constant(epoch_batches, "int64")
    return dataset


def _reader(values, read):
    """Returns a function from a tensor of indices, int64 (batch,), to those values, (batch, ...), in their dtype."""
    if read is None:
        held = tf.constant(values)
        return lambda indices: tf.gather(held, indices)

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


def checked(dataset, parts, game, smallest_batch, multiple_of, mark):
    """Returns a dataset each batch of which is checked as it is read, before it is trained on.

    Args:
        dataset: a `tf.data.Dataset` of batches.
        parts: the specs of the images and, where the game has classes, of the labels in them.
        game: the `GAN`.
        smallest_batch: the fewest images that a batch may hold.
        multiple_of: every batch holds a multiple of so many images.
        mark: what stands before and after the sentence in the error of a batch that is refused, a pair.

    Raises:
        ValueError: for a dataset that is seen to be unfit at once.
    """
    if dataset.cardinality() == 0:
        raise ValueError(
            "There must be images to train on. Received: an empty dataset. If it was batched with "
            "drop_remainder=True, the batch may be larger than the dataset."
        )
    checks.images_spec(parts[0].shape, parts[0].dtype, game.image_shape)
    checks.batch_holds(parts[0].shape[0], smallest_batch)
    checks.batch_divides(parts[0].shape[0], multiple_of)
    for labels in parts[1:]:
        checks.labels_spec(labels.shape, labels.dtype)
    # Points have no range of their own.
    bound = 1 + checks.TOLERANCE if len(game.image_shape) > 1 else parts[0].dtype.max
    found = dataset.map(_check(game, bound, smallest_batch, multiple_of, mark))
    found.cardinality = dataset.cardinality  # a resumed epoch's is longer than what is left of it
    if hasattr(dataset, "share_of"):  # its batches are all of one size, of which a share is what it is
        found.share_of = lambda rows: dataset.share_of(rows).map(_check(game, bound, 1, 1, mark))
    return found


def _check(game, bound, smallest_batch, multiple_of, mark):
    """Returns a function from a batch to the same batch, which refuses what the game cannot be trained on."""

    @plain
    def check(images, *labels):
        size = tf.shape(images)[:1]
        finite = tf.reduce_all(tf.math.is_finite(images))
        inside = tf.reduce_all(tf.abs(images) <= tf.cast(bound, images.dtype))
        few = f"Every batch must hold an image for each of {smallest_batch} discriminator steps"
        uneven = f"{checks.SHARES_RULE} {multiple_of}"
        refusals = [
            _refuse_unless(mark, size[0] >= smallest_batch, few, size, "Batch with drop_remainder=True"),
            _refuse_unless(mark, size[0] % multiple_of == 0, uneven, size, "Batch with drop_remainder=True"),
            _refuse_unless(mark, finite, checks.FINITE_RULE, images, checks.MEND),
            _refuse_unless(mark, finite & inside, checks.RANGE_RULE, images, checks.RESCALE),
        ]
        for each in labels:
            counted = tf.reduce_all((each >= 0) & (each < game.num_classes))
            rule = f"{checks.LABELS_RULE}, [0, {game.num_classes})"
            refusals.append(_refuse_unless(mark, counted, rule, each, checks.RECOUNT))
        with tf.control_dependencies(refusals):
            images = tf.identity(images)
        return (images, *labels) if labels else images

    return check


def _refuse_unless(mark, condition, rule, values, way_out):
    received = (tf.reduce_min(values), tf.reduce_max(values))
    sentence = tf.strings.format(f"{rule}. Received: values from {{}} to {{}}. {way_out}.", received)
    return tf.debugging.Assert(condition, [mark[0] + sentence + mark[1]])
