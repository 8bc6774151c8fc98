"""Convolutions in forms that are faster on a CPU than oneDNN's for some shapes: equal to TensorFlow's to rounding.

A convolution is bilinear in its images and its kernel. Its two gradients are bilinear as well, and form a triple with
it: `convolve` (small <- large), `spread` (large <- small: the gradient with respect to the images, and a transposed
convolution) and `correlate` (the gradient with respect to the kernel). Each has the other two as its gradients, so that
gradients of every order exist, and each uses the form that is fastest for its shapes:

- few channels on the large side: `spread` multiplies first, one product for each pixel and each position of the kernel,
  then sums the products that belong to the same pixel. The same holds with stride 1 for `convolve` to few channels,
  whose `correlate` is a product with shifted copies of the small side. oneDNN takes several times as long for each of
  these;
- many weights on few pixels: products with patches, since oneDNN spends its time on reordering the weights;
- in bfloat16, `correlate` of narrow images to many channels, and that of 1x1 kernels: products too; oneDNN takes up to
  three times as long.

`benchmarks/operations.py` measures the gain on the CPU that it is run on.
"""

import dataclasses
import math
from collections.abc import Sequence

import tensorflow as tf

FEW_CHANNELS = 4
HEAVY = 2
"""Ratio of weights to values of both sides from which products with patches are faster."""
MANY_CHANNELS = 16
"""Ratio of channels to the width of the small side from which `correlate` in bfloat16 is faster as products."""


@dataclasses.dataclass(frozen=True)
class Geometry:
    """A convolution with "same" padding between images (batch, height, width, channels) and smaller ones.

    A signal is an image of one row: its kernel is 1 high, and its stride 1 in height.

    Attributes:
        height: of the large side.
        width: of the large side.
        kernel: height and width of the kernel.
        stride: in height and in width.
    """

    height: int
    width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]

    @property
    def small(self) -> tuple[int, int]:
        """Height and width of the small side."""
        return -(-self.height // self.stride[0]), -(-self.width // self.stride[1])

    @property
    def reach(self) -> tuple[int, int]:
        """Pixels of the small side that depend on one pixel of the large side, in height and in width."""
        return -(-self.kernel[0] // self.stride[0]), -(-self.kernel[1] // self.stride[1])

    @property
    def strides(self) -> list[int]:
        """The strides, as TensorFlow's operations take them."""
        return [1, *self.stride, 1]

    @property
    def is_pointwise(self) -> bool:
        """Whether each pixel of the small side depends on one pixel of the large side."""
        return self.kernel == (1, 1)

    @property
    def is_whole(self) -> bool:
        """Whether the kernel is a multiple of the stride, and a stride above 1."""
        return max(self.stride) > 1 and self.kernel[0] % self.stride[0] == self.kernel[1] % self.stride[1] == 0

    def padding(self, axis: int) -> int:
        """Returns the pixels of padding before the first one, in height (axis 0) or width (1)."""
        size = (self.height, self.width)[axis]
        return max((self.small[axis] - 1) * self.stride[axis] + self.kernel[axis] - size, 0) // 2

    def is_heavy(self, kernel_shape: Sequence[int], batch_size: int | None) -> bool:
        """Returns whether there are many weights for few pixels; a batch size of None (unknown) counts as large."""
        positions, large, small = kernel_shape[0] * kernel_shape[1], kernel_shape[2], kernel_shape[3]
        values = self.height * self.width * large + self.small[0] * self.small[1] * small
        return batch_size is not None and positions * large * small >= HEAVY * batch_size * values


def convolve(images: tf.Tensor, kernel: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """Returns the small side: images (batch, height, width, large) convolved with a kernel (*kernel, large, small)."""

    @tf.custom_gradient
    def function(images, kernel):
        def gradient(upstream):
            return spread(upstream, kernel, geometry), correlate(images, upstream, geometry)

        return _convolve(images, kernel, geometry), gradient

    return function(images, kernel)


def spread(images: tf.Tensor, kernel: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """Returns the transposed convolution of images (batch, *geometry.small, small) with a kernel: the large side."""

    @tf.custom_gradient
    def function(images, kernel):
        def gradient(upstream):
            return convolve(upstream, kernel, geometry), correlate(upstream, images, geometry)

        return _spread(images, kernel, geometry), gradient

    return function(images, kernel)


def correlate(large: tf.Tensor, small: tf.Tensor, geometry: Geometry) -> tf.Tensor:
    """Returns the gradient of `convolve` with respect to its kernel: (*geometry.kernel, large, small)."""

    @tf.custom_gradient
    def function(large, small):
        def gradient(upstream):
            return spread(small, upstream, geometry), convolve(large, upstream, geometry)

        return _correlate(large, small, geometry), gradient

    return function(large, small)


def add_bias(images: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Returns images (batch, height, width, channels) with a bias (channels,) added.

    In bfloat16 its gradient is a product, since TensorFlow's sum is slow. It is not used where TensorFlow computes the
    gradients of bias and kernel together, as it does after most of `convolve`.
    """
    if images.dtype != tf.bfloat16:
        return tf.nn.bias_add(images, bias)

    @tf.custom_gradient
    def function(images, bias):
        def gradient(upstream):
            rows = tf.reshape(upstream, [-1, bias.shape[0]])
            ones = tf.ones([1, tf.shape(rows)[0]], rows.dtype)
            return upstream, tf.matmul(ones, rows)[0]

        return tf.nn.bias_add(images, bias), gradient

    return function(images, bias)


def _convolve(images, kernel, geometry):
    if kernel.shape[3] <= FEW_CHANNELS and _is_symmetric(geometry):
        # With stride 1 a convolution is the transposed convolution with the rotated kernel.
        rotated = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
        return _spread_by_products(images, rotated, geometry)
    if geometry.is_heavy(kernel.shape, images.shape[0]):
        product = tf.matmul(_patches(images, geometry), tf.reshape(kernel, [-1, kernel.shape[3]]))
        return tf.reshape(product, [-1, *geometry.small, kernel.shape[3]])
    return tf.nn.conv2d(images, kernel, geometry.strides, "SAME")


def _spread(images, kernel, geometry):
    if kernel.shape[2] <= FEW_CHANNELS or geometry.is_heavy(kernel.shape, images.shape[0]):
        return _spread_by_products(images, kernel, geometry)
    shape = [tf.shape(images)[0], geometry.height, geometry.width, kernel.shape[2]]
    return tf.nn.conv2d_transpose(images, kernel, shape, geometry.strides, "SAME")


def _correlate(large, small, geometry):
    shape = (*geometry.kernel, large.shape[3], small.shape[3])
    if shape[3] <= FEW_CHANNELS and _is_symmetric(geometry):
        return _correlate_with_few(large, small, shape, geometry)
    strided = geometry.stride != (1, 1)
    if geometry.is_pointwise and (strided or large.dtype == tf.bfloat16):
        # With strides, TensorFlow's operation writes beyond its memory on some processors (2.21, float32).
        seen = large[:, :: geometry.stride[0], :: geometry.stride[1]] if strided else large
        columns, rows = tf.reshape(seen, [-1, shape[2]]), tf.reshape(small, [-1, shape[3]])
        return tf.reshape(tf.matmul(columns, rows, transpose_a=True), shape)
    heavy = geometry.is_heavy(shape, large.shape[0])
    if geometry.is_whole and (heavy or _is_narrow(small, geometry)):
        return _correlate_by_products(large, small, shape, geometry)
    if heavy:
        rows = tf.reshape(small, [-1, shape[3]])
        return tf.reshape(tf.matmul(_patches(large, geometry), rows, transpose_a=True), shape)
    options = {"strides": geometry.strides, "padding": "SAME"}
    return tf.raw_ops.Conv2DBackpropFilter(input=large, filter_sizes=shape, out_backprop=small, **options)


def _is_narrow(small, geometry):
    return small.dtype == tf.bfloat16 and small.shape[3] >= MANY_CHANNELS * geometry.small[1]


def _is_symmetric(geometry):
    """Returns whether stride is 1 and padding equal on all sides, so that `spread` is a convolution, too."""
    return geometry.stride == (1, 1) and geometry.kernel[0] % 2 == geometry.kernel[1] % 2 == 1


def _patches(images, geometry):
    """Returns the patch of the large side for each pixel of the small side: (pixels, values of a patch)."""
    options = {"ksizes": [1, *geometry.kernel, 1], "strides": geometry.strides, "rates": [1, 1, 1, 1]}
    patches = tf.raw_ops.ExtractImagePatches(images=images, **options, padding="SAME")
    return tf.reshape(patches, [-1, math.prod(geometry.kernel) * images.shape[3]])


def _correlate_by_products(large, small, shape, geometry):
    """Cuts the large side into cells of the size of the strides; multiplies shifted copies with the small side."""
    reach, stride, (height, width) = geometry.reach, geometry.stride, geometry.small
    paddings = [[0, 0]]
    for axis, size in enumerate((geometry.height, geometry.width)):
        before = geometry.padding(axis)
        paddings.append([before, (geometry.small[axis] + reach[axis] - 1) * stride[axis] - size - before])
    cells = _cells(tf.pad(large, [*paddings, [0, 0]]), stride)
    rows = tf.reshape(small, [-1, shape[3]])
    shifts = [(i, j) for i in range(reach[0]) for j in range(reach[1])]
    copies = (tf.reshape(cells[:, i : i + height, j : j + width], [-1, cells.shape[3]]) for i, j in shifts)
    kernel = tf.stack([tf.matmul(copy, rows, transpose_a=True) for copy in copies])
    kernel = tf.reshape(kernel, [*reach, *stride, *shape[2:]])
    return tf.reshape(tf.transpose(kernel, [0, 2, 1, 3, 4, 5]), shape)


def _cells(images, stride):
    """Returns the pixels of each cell of a size as channels: (batch, rows, columns, pixels of a cell * channels)."""
    if stride[0] == stride[1]:
        return tf.nn.space_to_depth(images, stride[0])
    rows, columns, channels = images.shape[1] // stride[0], images.shape[2] // stride[1], images.shape[3]
    if stride[0] > 1:
        images = tf.reshape(images, [-1, rows, stride[0], columns, stride[1] * channels])
        images = tf.transpose(images, [0, 1, 3, 2, 4])
    return tf.reshape(images, [-1, rows, columns, math.prod(stride) * channels])


def _spread_by_products(images, kernel, geometry):
    """Multiplies each pixel with the whole kernel, then sums the products of the same pixel, in float32."""
    channels, (high, wide), stride = kernel.shape[2], geometry.kernel, geometry.stride
    weights = tf.reshape(kernel, [high * wide * channels, -1])
    rows = tf.matmul(tf.reshape(images, [-1, kernel.shape[3]]), weights, transpose_b=True)
    rows = tf.cast(tf.reshape(rows, [-1, *geometry.small, high, wide * channels]), tf.float32)
    total = _overlap_add(rows, geometry, axis=0)  # (batch, rows, small width, stride, width of the kernel * channels)
    height = total.shape[1] * stride[0]
    total = tf.reshape(tf.transpose(total, [0, 1, 3, 2, 4]), [-1, height, geometry.small[1], wide, channels])
    total = _overlap_add(total, geometry, axis=1)  # (batch, height, columns, stride, channels)
    total = tf.reshape(total, [-1, height, total.shape[2] * stride[1], channels])
    top, left = geometry.padding(0), geometry.padding(1)
    return tf.cast(total[:, top : top + geometry.height, left : left + geometry.width], images.dtype)


def _overlap_add(values, geometry, axis):
    """Sums the products of neighboring pixels of the small side that belong to the same pixel of the large side.

    Takes (batch, height, width, k, values), where height (axis 0) or width (axis 1) is that of the small side and k the
    kernel's. Returns an array whose axis is its reach - 1 longer, with its stride in place of k.
    """
    reach, stride = geometry.reach[axis], geometry.stride[axis]
    values = tf.pad(values, [[0, 0], [0, 0], [0, 0], [0, reach * stride - geometry.kernel[axis]], [0, 0]])

    def shifted(number):
        paddings = [[0, 0]] * 5
        paddings[1 + axis] = [number, reach - 1 - number]
        return tf.pad(values[:, :, :, number * stride : (number + 1) * stride], paddings)

    return tf.add_n([shifted(number) for number in range(reach)])


def _correlate_with_few(large, small, shape, geometry):
    """Multiplies the side of many channels with shifted copies of the side of few."""
    high, wide = geometry.kernel
    maps = tf.transpose(small, [3, 0, 1, 2])
    padded = tf.pad(maps, [[0, 0], [0, 0], [high // 2] * 2, [wide // 2] * 2])
    shifts = [(i, j) for i in reversed(range(high)) for j in reversed(range(wide))]
    copies = [padded[:, :, i : i + geometry.height, j : j + geometry.width] for i, j in shifts]
    product = tf.matmul(tf.reshape(tf.stack(copies), [len(copies) * shape[3], -1]), tf.reshape(large, [-1, shape[2]]))
    return tf.transpose(tf.reshape(product, [high, wide, shape[3], shape[2]]), [0, 1, 3, 2])
