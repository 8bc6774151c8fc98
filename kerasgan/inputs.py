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


def checked(x, y, game, batch_size, smallest_batch, multiple_of=1):
    """Returns `x` and `y`, checked or wrapped so that they are checked as they are read.

    Args:
        x: an array (n, ...), or a `tf.data.Dataset` of batches; other sources that Keras knows (a `PyDataset`, a
            generator) pass unchanged, and the step checks their shapes and dtypes alone.
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
    if isinstance(x, tf.data.Dataset):
        return _checked_dataset(x, game, smallest_batch, multiple_of), y
    if isinstance(x, np.ndarray) or tf.is_tensor(x):
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
    except tf.errors.InvalidArgumentError as error:
        found = re.search(re.escape(_REFUSED) + r"(.*?)" + re.escape(_END), str(error), re.DOTALL)
        if not found:
            raise
        raise ValueError(found.group(1)) from None


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


def _parts_of(dataset, game):
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


def _checked_dataset(dataset, game, smallest_batch, multiple_of):
    parts = _parts_of(dataset, game)
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
    checked_dataset = dataset.map(_check(game, parts[0].dtype, smallest_batch, multiple_of))
    checked_dataset.cardinality = dataset.cardinality  # a resumed epoch's is longer than what is left of it
    if hasattr(dataset, "share_of"):  # its batches are all of one size, of which a share is what it is
        checked_dataset.share_of = lambda rows: dataset.share_of(rows).map(_check(game, parts[0].dtype, 1, 1))
    return checked_dataset


def _check(game, dtype, smallest_batch, multiple_of):
    """Returns a function from a batch to the same batch, which refuses what the game cannot be trained on."""
    # Points have no range of their own.
    bound = 1 + checks.TOLERANCE if len(game.image_shape) > 1 else dtype.max

    @tf.autograph.experimental.do_not_convert  # it has no `if` on tensors, and looking for one takes half a second
    def check(images, *labels):
        size = tf.shape(images)[:1]
        finite = tf.reduce_all(tf.math.is_finite(images))
        inside = tf.reduce_all(tf.abs(images) <= tf.cast(bound, images.dtype))
        few = f"Every batch must hold an image for each of {smallest_batch} discriminator steps"
        uneven = f"{checks.SHARES_RULE} {multiple_of}"
        refusals = [
            _refuse_unless(size[0] >= smallest_batch, few, size, "Batch with drop_remainder=True"),
            _refuse_unless(size[0] % multiple_of == 0, uneven, size, "Batch with drop_remainder=True"),
            _refuse_unless(finite, checks.FINITE_RULE, images, checks.MEND),
            _refuse_unless(finite & inside, checks.RANGE_RULE, images, checks.RESCALE),
        ]
        for each in labels:
            counted = tf.reduce_all((each >= 0) & (each < game.num_classes))
            rule = f"{checks.LABELS_RULE}, [0, {game.num_classes})"
            refusals.append(_refuse_unless(counted, rule, each, checks.RECOUNT))
        with tf.control_dependencies(refusals):
            images = tf.identity(images)
        return (images, *labels) if labels else images

    return check


def _refuse_unless(condition, rule, values, way_out):
    received = (tf.reduce_min(values), tf.reduce_max(values))
    sentence = tf.strings.format(f"{rule}. Received: values from {{}} to {{}}. {way_out}.", received)
    return tf.debugging.Assert(condition, [_REFUSED + sentence + _END])
