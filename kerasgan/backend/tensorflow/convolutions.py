"""Convolutions in the forms that are fast on a CPU, where oneDNN's are slow: equal to TensorFlow's to rounding.

A convolution is bilinear in its images and its kernel; its two gradients are the other two maps of a triple, which are
bilinear as well: `convolve` (small <- large), `spread` (large <- small: the gradient for the images, and at the same
time what a transposed convolution computes) and `correlate` (the gradient for the kernel). Each has the other two as
its gradients, so that gradients of every order exist, and each takes whichever form is fastest for its shapes:

- few channels on the large side: `spread` multiplies first, one product for each pixel and each place of the kernel,
  and then adds up what falls on the same pixel. The same with stride 1 for `convolve` to few channels, whose
  `correlate` is a product with shifted copies of them. oneDNN takes several times as long for each of these;
- many weights on few pixels: products with patches, since oneDNN spends its time on bringing the weights into order;
- in bfloat16, `correlate` of narrow images to many channels: products too; oneDNN takes up to three times as long.

`benchmarks/operations.py` shows what that is worth, on the CPU that it is run on.
"""

import dataclasses

import tensorflow as tf

FEW_CHANNELS = 4
HEAVY = 2
"""Weights for each value of the large and the small side, from which on the weights decide."""
MANY_CHANNELS = 16
"""Channels of the small side for each pixel of its width, from which on bfloat16 kernels are cheaper as products."""


@dataclasses.dataclass(frozen=True)
class Geometry:
    """A convolution with "same" padding between images (batch, height, width, channels) and smaller ones.

    Attributes:
        height, width: of the large side.
        kernel: height and width of the kernel.
        stride: in both directions.
    """

    height: int
    width: int
    kernel: int
    stride: int

    @property
    def small(self):
        """Height and width of the small side."""
        return -(-self.height // self.stride), -(-self.width // self.stride)

    @property
    def reach(self):
        """Pixels of the small side that meet a pixel of the large side, in each direction."""
        return -(-self.kernel // self.stride)

    @property
    def is_whole(self):
        """Whether strides lead through the kernel without a rest, more than one pixel each."""
        return self.stride > 1 and self.kernel % self.stride == 0

    def padding(self, axis):
        """How many pixels are added before the first, in height (axis 0) or width (1)."""
        size = (self.height, self.width)[axis]
        return max((self.small[axis] - 1) * self.stride + self.kernel - size, 0) // 2

    def is_heavy(self, kernel_shape, batch_size):
        """Whether the weights are many for so few pixels; unknown batch sizes count as large."""
        places, large, small = kernel_shape[0] * kernel_shape[1], kernel_shape[2], kernel_shape[3]
        values = self.height * self.width * large + self.small[0] * self.small[1] * small
        return batch_size is not None and places * large * small >= HEAVY * batch_size * values


def convolve(images, kernel, geometry):
    """Returns images (batch, height, width, large) convolved with a kernel (k, k, large, small): the small side."""

    @tf.custom_gradient
    def function(images, kernel):
        def gradient(upstream):
            return spread(upstream, kernel, geometry), correlate(images, upstream, geometry)

        return _convolve(images, kernel, geometry), gradient

    return function(images, kernel)


def spread(images, kernel, geometry):
    """Returns images (batch, *geometry.small, small) spread by a kernel (k, k, large, small): the large side."""

    @tf.custom_gradient
    def function(images, kernel):
        def gradient(upstream):
            return convolve(upstream, kernel, geometry), correlate(upstream, images, geometry)

        return _spread(images, kernel, geometry), gradient

    return function(images, kernel)


def correlate(large, small, geometry):
    """Returns how images of both sides go together: a kernel (k, k, large, small)."""

    @tf.custom_gradient
    def function(large, small):
        def gradient(upstream):
            return spread(small, upstream, geometry), convolve(large, upstream, geometry)

        return _correlate(large, small, geometry), gradient

    return function(large, small)


def add_bias(images, bias):
    """Returns images (batch, height, width, channels) with a bias (channels,) added.

    Its gradient is a product in bfloat16, where TensorFlow's sum is slow. Not for the results of `convolve`, where
    TensorFlow computes the gradients of bias and kernel in one.
    """
    if images.dtype != tf.bfloat16:
        return tf.nn.bias_add(images, bias)

    @tf.custom_gradient
    def function(images, bias):
        def gradient(upstream):
            rows = tf.reshape(upstream, [-1, upstream.shape[-1]])
            ones = tf.ones([1, tf.shape(rows)[0]], rows.dtype)
            return upstream, tf.matmul(ones, rows)[0]

        return tf.nn.bias_add(images, bias), gradient

    return function(images, bias)


def _convolve(images, kernel, geometry):
    if kernel.shape[3] <= FEW_CHANNELS and _turns(geometry):
        # With stride 1 a convolution is the spreading of the turned kernel.
        turned = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
        return _spread_by_products(images, turned, geometry)
    if geometry.is_heavy(kernel.shape, images.shape[0]):
        product = tf.matmul(_patches(images, geometry), tf.reshape(kernel, [-1, kernel.shape[3]]))
        return tf.reshape(product, [-1, *geometry.small, kernel.shape[3]])
    return tf.nn.conv2d(images, kernel, geometry.stride, "SAME")


def _spread(images, kernel, geometry):
    if kernel.shape[2] <= FEW_CHANNELS or geometry.is_heavy(kernel.shape, images.shape[0]):
        return _spread_by_products(images, kernel, geometry)
    shape = [tf.shape(images)[0], geometry.height, geometry.width, kernel.shape[2]]
    return tf.nn.conv2d_transpose(images, kernel, shape, geometry.stride, "SAME")


def _correlate(large, small, geometry):
    shape = (geometry.kernel, geometry.kernel, large.shape[3], small.shape[3])
    if shape[3] <= FEW_CHANNELS and _turns(geometry):
        return _correlate_with_few(large, small, shape, geometry)
    heavy = geometry.is_heavy(shape, large.shape[0])
    if geometry.is_whole and (heavy or _is_narrow(small, geometry)):
        return _correlate_by_products(large, small, shape, geometry)
    if heavy:
        rows = tf.reshape(small, [-1, shape[3]])
        return tf.reshape(tf.matmul(_patches(large, geometry), rows, transpose_a=True), shape)
    strides = [1, geometry.stride, geometry.stride, 1]
    return tf.raw_ops.Conv2DBackpropFilter(
        input=large, filter_sizes=shape, out_backprop=small, strides=strides, padding="SAME"
    )


def _is_narrow(small, geometry):
    return small.dtype == tf.bfloat16 and small.shape[3] >= MANY_CHANNELS * geometry.small[1]


def _turns(geometry):
    """Whether a turned kernel undoes the spreading: with stride 1 and as much padding on all sides."""
    return geometry.stride == 1 and geometry.kernel % 2 == 1


def _patches(images, geometry):
    """What the kernel meets at each pixel of the small side: (pixels of the batch, k * k * channels)."""
    k, s = geometry.kernel, geometry.stride
    options = {"ksizes": [1, k, k, 1], "strides": [1, s, s, 1], "rates": [1, 1, 1, 1], "padding": "SAME"}
    found = tf.raw_ops.ExtractImagePatches(images=images, **options)
    return tf.reshape(found, [-1, k * k * images.shape[3]])


def _correlate_by_products(large, small, shape, geometry):
    """The large side in squares of stride x stride pixels: `reach` x `reach` shifted copies times the small side."""
    reach, stride, (height, width) = geometry.reach, geometry.stride, geometry.small
    paddings = [[0, 0]]
    for axis, (small_size, size) in enumerate(zip(geometry.small, (geometry.height, geometry.width), strict=True)):
        before = geometry.padding(axis)
        paddings.append([before, (small_size + reach - 1) * stride - size - before])
    squares = tf.nn.space_to_depth(tf.pad(large, [*paddings, [0, 0]]), stride)
    rows = tf.reshape(small, [-1, shape[3]])
    places = [(i, j) for i in range(reach) for j in range(reach)]
    copies = (tf.reshape(squares[:, i : i + height, j : j + width], [-1, stride**2 * shape[2]]) for i, j in places)
    kernel = tf.stack([tf.matmul(copy, rows, transpose_a=True) for copy in copies])
    kernel = tf.reshape(kernel, [reach, reach, stride, stride, *shape[2:]])
    return tf.reshape(tf.transpose(kernel, [0, 2, 1, 3, 4, 5]), shape)


def _spread_by_products(images, kernel, geometry):
    """Each pixel times the whole kernel; then all that falls on the same pixel is added up, in float32."""
    places, channels = geometry.kernel**2 * kernel.shape[2], kernel.shape[2]
    rows = tf.matmul(tf.reshape(images, [-1, kernel.shape[3]]), tf.reshape(kernel, [places, -1]), transpose_b=True)
    rows = tf.cast(tf.reshape(rows, [-1, *geometry.small, geometry.kernel, geometry.kernel * channels]), tf.float32)
    added = _overlapped(rows, geometry, axis=0)  # (batch, rows, small width, stride, k * channels)
    height = added.shape[1] * geometry.stride
    added = tf.reshape(tf.transpose(added, [0, 1, 3, 2, 4]), [-1, height, geometry.small[1], geometry.kernel, channels])
    added = _overlapped(added, geometry, axis=1)  # (batch, height, columns, stride, channels)
    added = tf.reshape(added, [-1, height, added.shape[2] * geometry.stride, channels])
    top, left = geometry.padding(0), geometry.padding(1)
    return tf.cast(added[:, top : top + geometry.height, left : left + geometry.width], images.dtype)


def _overlapped(values, geometry, axis):
    """Adds what neighbours of the small side have for the same pixel of the large side.

    Takes (batch, height, width, k, values), where height (axis 0) or width (axis 1) is that of the small side, and
    returns the same with `reach` - 1 more of it, and `stride` places in place of k.
    """
    reach, stride = geometry.reach, geometry.stride
    values = tf.pad(values, [[0, 0], [0, 0], [0, 0], [0, reach * stride - geometry.kernel], [0, 0]])

    def shifted(number):
        paddings = [[0, 0]] * 5
        paddings[1 + axis] = [number, reach - 1 - number]
        return tf.pad(values[:, :, :, number * stride : (number + 1) * stride], paddings)

    return tf.add_n([shifted(number) for number in range(reach)])


def _correlate_with_few(large, small, shape, geometry):
    """The product of the many channels with shifted copies of the few."""
    k, margin = geometry.kernel, geometry.kernel // 2
    maps = tf.transpose(small, [3, 0, 1, 2])
    padded = tf.pad(maps, [[0, 0], [0, 0], [margin, margin], [margin, margin]])
    turned = range(k - 1, -1, -1)
    copies = [padded[:, :, i : i + geometry.height, j : j + geometry.width] for i in turned for j in turned]
    product = tf.matmul(tf.reshape(tf.stack(copies), [k * k * shape[3], -1]), tf.reshape(large, [-1, shape[2]]))
    return tf.transpose(tf.reshape(product, [k, k, shape[3], shape[2]]), [0, 1, 3, 2])
