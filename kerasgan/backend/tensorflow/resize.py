"""Images of another size or number of channels, through TensorFlow. On JAX it is imported only where it is used."""

from typing import Any

import numpy as np
import tensorflow as tf

RESIZE_CHUNK_IMAGES = 1024


def resize_images(images: Any, size: tuple[int, int] | None, channels: int | None) -> Any:
    """Returns images of another size or number of channels, as a tensor of the same dtype and range.

    The center with the aspect ratio of `size` is kept. Shrinking averages areas, so that nothing aliases; growing is
    bilinear.

    Args:
        images: tensor ([batch,] height, width, channels), uint8, uint16 or float32; height and width may
            be unknown.
        size: (height, width), or None to keep the size.
        channels: 1 or 3, or None to keep the channels.
    """
    if channels is not None and channels != images.shape[-1]:
        images = _convert_channels(images, channels)
    if size is None or tuple(images.shape[-3:-1]) == size:
        return images
    cropped = _center_crop(images, size)
    resized = tf.cond(
        tf.shape(cropped)[-3] > size[0],
        lambda: tf.image.resize(cropped, size, method="area"),
        lambda: tf.image.resize(cropped, size, method="bilinear"),
    )
    return tf.saturate_cast(tf.round(resized), images.dtype) if images.dtype.is_integer else resized


def resize_array(images: np.ndarray, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """Returns what `resize_images` does for a NumPy array, chunk by chunk, since resizing needs float32 in between."""
    with tf.device("CPU:0"):
        chunks = [images[start : start + RESIZE_CHUNK_IMAGES] for start in range(0, len(images), RESIZE_CHUNK_IMAGES)]
        return tf.concat([resize_images(tf.constant(chunk), size, channels) for chunk in chunks], axis=0).numpy()


def decode_png(content: bytes) -> np.ndarray:
    """Returns a PNG of 16 bits, all of them kept: uint16 (height, width, channels).

    Raises:
        ValueError: if it is damaged.
    """
    try:
        with tf.device("CPU:0"):
            return tf.io.decode_png(content, dtype=tf.uint16).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(str(error).splitlines()[0]) from None


def _convert_channels(images, channels):
    if channels == 3 and images.shape[-1] == 1:
        return tf.image.grayscale_to_rgb(images)
    if channels == 1 and images.shape[-1] == 3:
        return tf.image.rgb_to_grayscale(images)
    raise ValueError(
        f"Channels can only be converted between 1 (gray) and 3 (RGB). Received: channels={channels} for images with "
        f"{images.shape[-1]}. Leave channels=None to keep them."
    )


def _center_crop(images, size):
    """Returns the largest centered part of `images` with the aspect ratio of `size` (height, width)."""
    shape = tf.shape(images, out_type=tf.int64)  # its products with the size leave the range of int32
    height, width = shape[-3], shape[-2]
    crop_height = tf.maximum(np.int64(1), tf.minimum(height, width * size[0] // size[1]))
    crop_width = tf.maximum(np.int64(1), tf.minimum(width, height * size[1] // size[0]))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return images[..., top : top + crop_height, left : left + crop_width, :]
