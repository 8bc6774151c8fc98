"""Epochs on TensorFlow: what a `tf.data.Dataset` has besides its batches, and what is mapped over it."""

import gc

import numpy as np
import pytest
import tensorflow as tf
from dataset_helpers import numbered_images

from kerasgan.datasets import load


def test_an_epoch_has_a_spec_a_length_and_steady_options():
    epoch = load((numbered_images(), np.arange(100)), 10, labels=True)[0].epoch(3, skip=4)
    assert isinstance(epoch, tf.data.Dataset)
    assert epoch.element_spec == (tf.TensorSpec((10, 2, 2, 1), tf.float32), tf.TensorSpec((10,), tf.int32))
    assert len(epoch) == int(epoch.cardinality()) == 6
    assert epoch.options().autotune.enabled is False and epoch.options().deterministic is True


def test_functions_are_traced_once_for_all_epochs():
    traced = []
    batches = load(numbered_images(), 10)[0].map(lambda images: traced.append(images) or images)
    for number in range(4):
        next(iter(batches.epoch(number)))
    assert len(traced) == 1


@pytest.mark.parametrize("per_image", [False, True])
def test_a_mapped_function_may_branch_as_python_does(per_image):
    """As in `tf.data.Dataset.map`: AutoGraph makes a graph of it."""

    def brightened(images):
        if tf.reduce_mean(images) < 0:
            images = -images
        return images

    means = [float(tf.reduce_mean(batch)) for batch in load(numbered_images(), 10)[0].map(brightened, per_image)]
    assert len(means) == 10 and min(means) > 0


def test_a_dataset_outlives_the_batches_that_made_it():
    epoch = load(numbered_images(), 10)[0].map(lambda images: images * 0.5).epoch(1)
    gc.collect()
    assert sum(len(batch) for batch in epoch.map(lambda images: images + 1).take(9)) == 90


def test_the_data_stay_in_the_memory_of_the_cpu():
    with tf.device("CPU:0"):
        expected = [np.asarray(batch) for batch in load(numbered_images(), 10)[0]]
    for batch, same in zip(load(numbered_images(), 10)[0], expected, strict=True):
        assert batch.device.endswith("CPU:0") and np.array_equal(batch, same)
