"""Image sets of TensorFlow Datasets, by name."""

import contextlib
import functools
import logging
import os
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Sequence

import numpy as np

from kerasgan.validation import errors

from .source import Source

READ_BATCH_IMAGES = 512
CONNECT_TIMEOUT_SECONDS = 5.0
PREPARE_ADVICE = "If the set is already prepared elsewhere, set TFDS_DATA_DIR to the folder that holds it."
PORTS = {"http": 80, "https": 443, "ftp": 21}


def read_tfds(
    name: str, size: tuple[int, int] | None, channels: int | None, split: str, own_names: Sequence[str]
) -> Source:
    """Returns an image set of TensorFlow Datasets as `Source`, after downloading and preparing it where necessary.

    Args:
        name: its name, optionally with config and version: `"mnist"`, `"imagenet_resized/32x32"`, `"mnist:3.0.1"`.
        size: (height, width), or None for the set's own size.
        channels: 1, 3, or None for the set's own.
        split: in TFDS's own syntax: `"train"`, `"test"`, `"train[:90%]"`, `"train+test"`.
        own_names: names of sources that are not TFDS's, for the error on an unknown name.

    Raises:
        ValueError: when the name is unknown, the set has no 8-bit images or no such split, its images vary in size and
            `size` is None, or it cannot be prepared here.
    """
    with _quiet():
        builder = _builder(name, own_names)
        image_key, label_key = _keys(name, builder.info.features)
        _check_image(name, builder.info.features[image_key], size)
        _prepare(name, builder)
        images, labels = _read(name, builder, split, (image_key, label_key), size, channels)
    if label_key is None:
        return Source(name, images)
    feature = builder.info.features[label_key]
    return Source(name, images, labels, feature.num_classes, tuple(feature.names))


def is_tfds_name(name: str) -> bool:
    """Returns whether TensorFlow Datasets knows the set that `name` begins with, config and version aside."""
    tfds = _tfds()
    return re.split("[/:]", name)[0] in tfds.list_builders(with_community_datasets=False)


def has_split(name: str, split: str, own_names: Sequence[str]) -> bool:
    """Returns whether a set has a split of that name; prepares the set first. Raises ValueError as `read_tfds` does."""
    with _quiet():
        builder = _builder(name, own_names)
        _prepare(name, builder)
        return split in builder.info.splits


def facts(name: str, own_names: Sequence[str]) -> tuple[tuple[int | None, int | None, int | None], int]:
    """Returns the shape of a set's images and the number in its split "train"; see `load.facts_of_set`."""
    with _quiet():
        builder = _builder(name, own_names)
        image_key, _ = _keys(name, builder.info.features)
        _prepare(name, builder)
        return tuple(builder.info.features[image_key].shape), _num_images(name, builder, "train")


def _tfds():
    """Returns the package, which imports TensorFlow. Raises a ValueError where one of them is not installed."""
    try:
        import tensorflow  # noqa: F401  without it TFDS fails only when it reads
        import tensorflow_datasets
    except ImportError as error:
        raise ValueError(
            "The image sets of TensorFlow Datasets are read by TensorFlow, on JAX too. Received: an environment where "
            f"importing them fails with: {error}. Install tensorflow and tensorflow-datasets, or load a folder of "
            "photos, an array, 'digits', 'ring', 'grid' or 'bell'."
        ) from None
    return tensorflow_datasets


@contextlib.contextmanager
def _quiet():
    """Hides the log messages of TFDS below errors; the progress of a download stays visible."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _builder(name, own_names):
    tfds = _tfds()

    try:
        # TFDS reads the variable when it is imported; read here, it may also be set later.
        return tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"), try_gcs=False)
    except Exception as error:  # TFDS raises many kinds, AssertionError among them
        if is_tfds_name(name):
            raise _unusable(name, error, "Leave config and version out of the name for the defaults.") from None
        known = [*own_names, *tfds.list_builders(with_community_datasets=False)]
        raise errors.unknown_name("dataset", name, known) from None


def _unusable(name, error, advice):
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    return ValueError(
        f"TensorFlow Datasets must be able to prepare the set here. Received: source={name!r}, which fails with: "
        f"{reason} {advice}"
    )


def _keys(name, features):
    """Returns the names of the image and of the label feature; the second is None when there are no labels."""
    tfds = _tfds()

    def first(kind, preferred):
        keys = sorted(features, key=lambda key: key != preferred)
        return next((key for key in keys if isinstance(features[key], kind)), None)

    image_key = first(tfds.features.Image, "image")
    if image_key is None:
        raise ValueError(
            f"The set must have an image feature. Received: source={name!r} with features {sorted(features)}. "
            "Choose an image set, such as 'mnist' or 'cifar10'."
        )
    return image_key, first(tfds.features.ClassLabel, "label")


def _check_image(name, feature, size):
    if feature.np_dtype != np.uint8 or feature.shape[-1] is None:
        raise ValueError(
            f"The set's images must be uint8 with a known number of channels. Received: source={name!r} with images of "
            f"{np.dtype(feature.np_dtype).name}, shape {feature.shape}. Read it with tfds.load and pass the array."
        )
    if size is None and None in feature.shape:
        raise ValueError(
            f"A set whose images vary in size needs a size. Received: source={name!r}, image_size=None. "
            "Use image_size=64, for example."
        )


def _prepare(name, builder):
    """Downloads and prepares the set unless it is prepared."""
    if builder.is_prepared():
        return
    hosts = _unreachable_hosts(builder.url_infos or {})
    if hosts:
        reason = f"it is not prepared in {builder.data_path}, and {', '.join(hosts)} cannot be reached (no network?)."
        raise _unusable(name, reason, PREPARE_ADVICE)
    try:
        builder.download_and_prepare()
    except Exception as error:  # network, disk, checksums, files that must be fetched by hand
        raise _unusable(name, error, PREPARE_ADVICE) from None


def _unreachable_hosts(urls):
    """Returns the hosts of `urls` when none of them answers, else none: TFDS itself would try for minutes."""
    if urllib.request.getproxies():  # then the hosts need not be reachable from here
        return []
    parts = [urllib.parse.urlsplit(url) for url in urls]
    hosts = sorted({(part.hostname, part.port or PORTS[part.scheme]) for part in parts if part.scheme in PORTS})
    for host in hosts:
        try:
            socket.create_connection(host, timeout=CONNECT_TIMEOUT_SECONDS).close()
            return []
        except OSError:
            continue
    return [host for host, _ in hosts]


def _read(name, builder, split, keys, size, channels):
    """Returns images uint8 (num_images, height, width, channels) and labels int32, or None without a label feature."""
    num_images = _num_images(name, builder, split)
    batches = _batches(builder, split, keys, size, channels)
    images = np.empty((num_images, *batches.element_spec[0].shape[1:]), dtype="uint8")
    labels = np.empty(num_images, dtype="int32")
    start = 0
    for image_batch, label_batch in batches.as_numpy_iterator():
        stop = start + len(image_batch)
        images[start:stop], labels[start:stop] = image_batch, label_batch
        start = stop
    return images, labels if keys[1] else None


def _num_images(name, builder, split):
    try:
        num_images = builder.info.splits[split].num_examples
    except Exception:  # KeyError, ValueError or AssertionError, by the kind of mistake
        num_images = 0
    if num_images == 0:
        raise ValueError(
            "The split must be one of the set's, or a slice of one that holds an image. "
            f"Received: split={split!r} for source={name!r}. It has {', '.join(sorted(builder.info.splits))}; "
            "a slice is, for example, 'train[:90%]'."
        )
    return num_images


def _batches(builder, split, keys, size, channels):
    """Returns a dataset of pairs: images uint8 (batch, height, width, channels), labels int64 (batch,) or zeros."""
    from kerasgan.backend.tensorflow import data as tf_data
    from kerasgan.backend.tensorflow.resize import resize_images

    tfds = _tfds()
    image_key, label_key = keys
    plain, resize = tf_data.plain, functools.partial(resize_images, size=size, channels=channels)
    config = tfds.ReadConfig(try_autocache=False, options=tf_data.steady_options())
    decoders = tfds.decode.PartialDecoding({key: True for key in keys if key is not None})
    rows = builder.as_dataset(split=split, shuffle_files=False, decoders=decoders, read_config=config)
    rows = rows.map(plain(lambda row: (row[image_key], row[label_key] if label_key else 0)))
    if None in builder.info.features[image_key].shape:
        rows = rows.map(plain(lambda image, label: (resize(image), label)), num_parallel_calls=tf_data.PARALLEL_CALLS)
        batches = rows.batch(READ_BATCH_IMAGES)
    else:  # a batch at a time is faster
        batches = rows.batch(READ_BATCH_IMAGES).map(plain(lambda images, labels: (resize(images), labels)))
    return batches.prefetch(tf_data.PREFETCH_BATCHES).with_options(tf_data.steady_options())
