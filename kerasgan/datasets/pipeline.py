"""From arrays in memory to batches in [-1, 1]; and the change of image size that all but photo folders share."""

import tensorflow as tf

PARALLEL_CALLS = 2
PREFETCH_BATCHES = 2
RESIZE_CHUNK_IMAGES = 1024


def steady_options():
    """Returns the options of all our pipelines: deterministic, and without autotune.

    Autotune's thread sleeps for up to a minute at a time, and `fit` would wait for it when it drops the iterator.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    return options


def batches(values, labels, batch_size, *, shuffle, seed, first_step=0):
    """Returns a finite dataset of batches; one pass is one epoch, and what does not fill a batch is left out.

    Indices are shuffled, not images, and a whole batch is gathered and scaled at once: that keeps the pipeline fast.
    The order of an epoch is a pure function of the seed and of how many passes over the dataset came before, and of
    nothing else: no global seed, no state of a buffer.

    Args:
        values: uint8 images (num_images, height, width, channels) in [0, 255], brought to [-1, 1] here; float32 values
            pass unchanged.
        labels: int32 (num_images,), or None for batches without labels.
        batch_size: images in a batch.
        shuffle: whether each epoch has an order of its own; False keeps the order of `values`.
        seed: integer that fixes the order of all epochs.
        first_step: batches that count as seen: the first pass gives the rest of the epoch that they end in.

    Returns:
        `tf.data.Dataset` of float32 (batch_size, ...), or of pairs with int32 (batch_size,). Its cardinality is known,
        unless it begins within an epoch: then its passes are not of one length.
    """
    steps = len(values) // batch_size
    first_pass, seen_batches = divmod(first_step, steps)
    with tf.device("CPU:0"):  # else the whole data set would be put into the memory of the GPU
        values = tf.constant(values)
        labels = None if labels is None else tf.constant(labels)
        passes = tf.Variable(first_pass - 1, dtype="int64", trainable=False)

    def order(epoch):
        indices = tf.range(len(values), dtype="int64")
        if shuffle:
            indices = tf.random.experimental.stateless_shuffle(indices, seed=tf.stack([seed, epoch]))
        if seen_batches:
            indices = indices[tf.where(epoch == first_pass, seen_batches * batch_size, 0) :]
        return tf.data.Dataset.from_tensor_slices(indices).batch(batch_size, drop_remainder=True)

    def batch_at(indices):
        batch = tf.gather(values, indices)
        if values.dtype == tf.uint8:
            batch = tf.cast(batch, tf.float32) / 127.5 - 1.0
        return batch if labels is None else (batch, tf.gather(labels, indices))

    dataset = tf.data.Dataset.from_tensors(0).map(lambda _: passes.assign_add(1)).flat_map(order)
    if not seen_batches:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    dataset = dataset.map(batch_at, num_parallel_calls=PARALLEL_CALLS, deterministic=True)
    return dataset.prefetch(PREFETCH_BATCHES).with_options(steady_options())


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
    height, width = tf.shape(images)[-3], tf.shape(images)[-2]
    crop_height = tf.maximum(1, tf.minimum(height, width * size[0] // size[1]))
    crop_width = tf.maximum(1, tf.minimum(width, height * size[1] // size[0]))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return images[..., top : top + crop_height, left : left + crop_width, :]
