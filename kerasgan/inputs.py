"""What `fit` and `evaluate` are handed, checked on its way in: arrays at once, datasets batch by batch as they pass.

The checks of a dataset run in its own pipeline, outside the compiled step: a bad batch is refused before a single
weight has moved on it, at the cost of one comparison for each value.
"""

import contextlib
import re

import numpy as np
import tensorflow as tf

from kerasgan import checks

_REFUSED, _END = "kerasgan refuses: ", " (end)"  # around the sentence, to find it in TensorFlow's own


def checked(data, image_shape, batch_size, smallest_batch):
    """Returns `data`, checked or wrapped so that it is checked as it is read.

    Args:
        data: an array (n, ...), or a `tf.data.Dataset` of batches; other sources that Keras knows (a `PyDataset`, a
            generator) pass unchanged, and the step checks their shape and dtype alone.
        image_shape: shape of one image of the game.
        batch_size: images a batch where `data` is an array, or None for Keras's default of 32.
        smallest_batch: the fewest images that a batch may hold.

    Raises:
        ValueError: for images that the game cannot be trained on, labels, or no images at all.
    """
    if isinstance(data, (list, tuple)) and len(data) == 1:
        data = data[0]
    if isinstance(data, (list, tuple)):
        raise ValueError(_no_labels(f"{len(data)} arrays"))
    if isinstance(data, tf.data.Dataset):
        return _checked_dataset(data, image_shape, smallest_batch)
    if isinstance(data, np.ndarray) or tf.is_tensor(data):
        checks.array(data, image_shape, batch_size or 32, smallest_batch)
    return data


def no_labels(labels):
    """Checks that no labels are handed to a game that does not use them.

    Raises:
        ValueError: if `labels` is not None.
    """
    if labels is not None:
        raise ValueError(_no_labels(f"labels of type {type(labels).__name__}"))


@contextlib.contextmanager
def refusals_raised():
    """Turns an error that a checked dataset raised while it was read into a `ValueError` of one sentence."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(re.escape(_REFUSED) + r"(.*?)" + re.escape(_END), str(error), re.DOTALL)
        if not found:
            raise
        raise ValueError(found.group(1)) from None


def _no_labels(received):
    return (
        "This GAN is unconditional: it is trained on images alone. "
        f"Received: {received}. Leave the labels out: dataset.map(lambda images, labels: images)."
    )


def _checked_dataset(dataset, image_shape, smallest_batch):
    spec = dataset.element_spec
    wrapped = isinstance(spec, tuple) and len(spec) == 1
    spec = spec[0] if wrapped else spec
    if not isinstance(spec, tf.TensorSpec):
        raise ValueError(_no_labels(f"a dataset of {spec}"))
    if dataset.cardinality() == 0:
        raise ValueError(
            "There must be images to train on. Received: an empty dataset. If it was batched with "
            "drop_remainder=True, the batch may be larger than the dataset."
        )
    checks.images_spec(spec.shape, spec.dtype, image_shape)
    checks.batch_holds(spec.shape[0], smallest_batch)
    bound = 1 + checks.TOLERANCE if len(image_shape) > 1 else spec.dtype.max  # points have no range of their own

    def check(*batch):
        images = batch[0]
        enough = tf.shape(images)[0] >= smallest_batch
        finite = tf.reduce_all(tf.math.is_finite(images))
        inside = tf.reduce_all(tf.abs(images) <= tf.cast(bound, images.dtype))
        few = f"Every batch must hold an image for each of {smallest_batch} discriminator steps"
        with tf.control_dependencies(
            [
                _refuse_unless(enough, few, tf.shape(images)[:1], "Batch with drop_remainder=True"),
                _refuse_unless(finite, checks.FINITE_RULE, images, checks.MEND),
                _refuse_unless(finite & inside, checks.RANGE_RULE, images, checks.RESCALE),
            ]
        ):
            return tf.identity(images)

    return dataset.map(check)


def _refuse_unless(condition, rule, values, way_out):
    received = (tf.reduce_min(values), tf.reduce_max(values))
    sentence = tf.strings.format(f"{rule}. Received: values from {{}} to {{}}. {way_out}.", received)
    return tf.debugging.Assert(condition, [_REFUSED + sentence + _END])
