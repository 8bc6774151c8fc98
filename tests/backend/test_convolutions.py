"""Fast convolutions and TensorFlow's give the same: for each of the three maps, with gradients of both orders."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from kerasgan.backend.tensorflow import convolutions
from kerasgan.backend.tensorflow.convolutions import Geometry

KERNELS = [
    ((k, k), (s, s)) for k, s in ((7, 1), (3, 1), (1, 1), (4, 1), (4, 2), (5, 2), (3, 2), (2, 2), (5, 3), (3, 4))
]
KERNELS += [((3, 5), (1, 1)), ((4, 6), (2, 3)), ((3, 4), (1, 2)), ((4, 3), (2, 1)), ((5, 3), (2, 4))]
ROW_KERNELS = [((1, k), (1, s)) for k, s in ((9, 1), (16, 4), (25, 4), (3, 2), (1, 1))]
CHANNELS = [(1, 2), (2, 1), (3, 3), (5, 6), (64, 96)]  # few on either side, few on both, and many
SIZES = [(8, 12), (9, 7), (4, 4)]
ROWS = [(1, 32), (1, 8), (1, 13)]
SHAPES = [*itertools.product(SIZES, KERNELS), *itertools.product(ROWS, ROW_KERNELS)]


def tensors(geometry, large, small, batch_size=2):
    """Images of the large side, a kernel, and images of the small side."""
    random = np.random.default_rng(0)
    shapes = [(batch_size, geometry.height, geometry.width, large), (*geometry.kernel, large, small)]
    shapes.append((2, *geometry.small, small))
    return [tf.constant(random.normal(size=shape).astype("float32")) for shape in shapes]


def plain(geometry, images, kernel, small):
    """The three maps, as TensorFlow computes them."""
    strides = [1, *geometry.stride, 1]
    return (
        tf.nn.conv2d(images, kernel, strides, "SAME"),
        tf.nn.conv2d_transpose(small, kernel, images.shape, strides, "SAME"),
        tf.raw_ops.Conv2DBackpropFilter(
            input=images, filter_sizes=kernel.shape, out_backprop=small, strides=strides, padding="SAME"
        ),
    )


def ours(geometry, images, kernel, small):
    return (
        convolutions.convolve(images, kernel, geometry),
        convolutions.spread(small, kernel, geometry),
        convolutions.correlate(images, small, geometry),
    )


def assert_close(found, expected, tolerance=5e-6):
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        one, other = (np.asarray(tf.cast(each, tf.float32)) for each in (one, other))
        assert np.abs(one - other).max() <= tolerance * np.abs(other).max()


@pytest.mark.parametrize(("size", "kernel"), SHAPES)
def test_every_map_is_tensorflows(size, kernel):
    for large, small in CHANNELS:
        geometry = Geometry(*size, *kernel)
        given = tensors(geometry, large, small)
        assert_close(ours(geometry, *given), plain(geometry, *given))


def test_the_shapes_need_every_form():
    heavy = [
        Geometry(*size, *kernel).is_heavy((*kernel[0], large, small), batch_size=2)
        for (size, kernel), (large, small) in itertools.product(SHAPES, CHANNELS)
    ]
    assert any(heavy) and not all(heavy)
    assert not Geometry(4, 4, (4, 4), (2, 2)).is_heavy((4, 4, 64, 96), None)  # a batch of unknown size


GEOMETRIES = [Geometry(4, 4, (k, k), (s, s)) for k, s in ((7, 1), (4, 2), (3, 2), (1, 1))]
GEOMETRIES += [Geometry(1, 16, (1, 16), (1, 4)), Geometry(1, 16, (1, 9), (1, 1))]


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(("large", "small"), CHANNELS)
def test_gradients_of_both_orders_are_tensorflows(geometry, large, small):
    """First and second derivatives of a sum of squares, as a gradient penalty takes them."""
    images, weights, below = tensors(geometry, large, small)

    def derivatives(maps):
        given = [images, weights, below]
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(given)
            with tf.GradientTape(persistent=True) as inner:
                inner.watch(given)
                losses = [tf.reduce_sum(tf.square(each)) for each in maps(geometry, *given)]
            first = [each for loss in losses for each in inner.gradient(loss, given) if each is not None]
            squares = tf.add_n([tf.reduce_sum(tf.square(each)) for each in first])
        return first + outer.gradient(squares, given)

    assert_close(derivatives(ours), derivatives(plain), tolerance=2e-5)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_strided_kernels_of_1x1_see_every_second_pixel(dtype):
    """Not beside TensorFlow's own gradient, which writes beyond its memory for these shapes, on some processors."""
    geometry, pixels = Geometry(8, 12, (1, 1), (2, 2)), Geometry(4, 6, (1, 1), (1, 1))
    images, kernel, _ = (tf.cast(each, dtype) for each in tensors(geometry, 8, 6))
    found = []
    for convolve in (
        lambda images, kernel: convolutions.convolve(images, kernel, geometry),
        lambda images, kernel: convolutions.convolve(images[:, ::2, ::2], kernel, pixels),
    ):
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            loss = tf.reduce_sum(tf.square(convolve(images, kernel)))
        found.append([loss, *tape.gradient(loss, [images, kernel])])
    assert_close(*found, tolerance=1e-5 if dtype == tf.float32 else 0.02)


@pytest.mark.parametrize(
    "geometry", [Geometry(8, 8, (k, k), (s, s)) for k, s in ((7, 1), (4, 2), (1, 1))] + [GEOMETRIES[-2]]
)
def test_bfloat16_is_no_coarser_than_tensorflows(geometry):
    for large, small in CHANNELS:  # the last is narrow, with many channels
        exact = tensors(geometry, large, small)
        half = [tf.cast(each, tf.bfloat16) for each in exact]
        rounded = plain(geometry, *[tf.cast(each, tf.float32) for each in half])
        assert_close(ours(geometry, *half), [tf.cast(each, tf.bfloat16) for each in rounded], tolerance=0.02)


def test_batches_of_unknown_size():
    geometry = Geometry(8, 8, (4, 4), (2, 2))
    images, kernel, small = tensors(geometry, 3, 8)
    spec = [tf.TensorSpec((None, *each.shape[1:])) for each in (images, small)]

    @tf.function(input_signature=spec)
    def both(images, small):
        return ours(geometry, images, kernel, small)

    assert_close(both(images, small), plain(geometry, images, kernel, small))
