"""Images, signals and volumes: which layers and sizes each has, read off the shape of the data."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from keras import layers

from kerasgan.validation import scalars


@dataclasses.dataclass(frozen=True)
class Axes:
    """The axes of one kind of data, and the sizes of its convolutions.

    A signal has the sizes of an image of as many values, laid out in one row: kernels of 4x4 with stride 2 become
    kernels of 16 with stride 4, and 3x3 becomes 9. A network then has as many weights, computes as much and reaches as
    far. WaveGAN does the same to kernels of 5x5, which makes 25 (Donahue et al., 2019, arXiv:1802.04208); 25 is no
    multiple of 4, so that its transposed convolutions add up unevenly, which is heard as a pitch.

    Args:
        plural: what such data are called.
        names: names of the sides.
        stride: by which networks divide the size, again and again.
        kernel: width of the kernels that do so.
        inner_kernel: width of the kernels without stride.
        least: the smallest side that networks divide down to.
    """

    plural: str
    names: tuple[str, ...]
    stride: int
    kernel: int
    inner_kernel: int
    least: int

    @property
    def rank(self) -> int:
        """Number of sides."""
        return len(self.names)

    def conv(self, *args: Any, **options: Any) -> Any:
        """Returns a convolution with "same" padding."""
        return getattr(layers, f"Conv{self.rank}D")(*args, **({"padding": "same"} | options))

    def transposed_conv(self, *args: Any, **options: Any) -> Any:
        """Returns a transposed convolution with "same" padding."""
        return getattr(layers, f"Conv{self.rank}DTranspose")(*args, **({"padding": "same"} | options))

    def depthwise_conv(self, *args: Any, **options: Any) -> Any:
        """Returns a convolution of each channel by itself; not for volumes."""
        return getattr(layers, f"DepthwiseConv{self.rank}D")(*args, **options)

    def repeat(self) -> Any:
        """Returns the layer that enlarges maps by the stride, by nearest neighbors."""
        return getattr(layers, f"UpSampling{self.rank}D")(self.stride)

    def average(self) -> Any:
        """Returns the layer that reduces maps by the stride, by averages."""
        return getattr(layers, f"AveragePooling{self.rank}D")(self.stride)


SIGNALS = Axes("signals", ("length",), stride=4, kernel=16, inner_kernel=9, least=8)
IMAGES = Axes("images", ("height", "width"), stride=2, kernel=4, inner_kernel=3, least=4)
VOLUMES = Axes("volumes", ("depth", "height", "width"), stride=2, kernel=4, inner_kernel=3, least=4)


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The sizes of a pair of networks.

    Args:
        shape: shape of one image, signal or volume.
        axes: its kind.
        depth: how many times its sides are divided by the stride.
    """

    shape: tuple[int, ...]
    axes: Axes
    depth: int

    @property
    def smallest(self) -> tuple[int, ...]:
        """The sides of the smallest maps."""
        return tuple(side // self.axes.stride**self.depth for side in self.shape[:-1])


def whole_sides(image_shape: Sequence[int]) -> tuple[int, ...]:
    """Returns the shape of an image as a tuple of ints.

    Raises:
        ValueError: if a side is not a whole number.
    """
    return tuple(scalars.whole_number(f"image_shape[{axis}]", side, 0) for axis, side in enumerate(image_shape))


def read(
    image_shape: Sequence[int],
    depth: int | None,
    kinds: Sequence[Axes] = (IMAGES,),
    stride: int | None = None,
    kernel: int | None = None,
) -> Sizes:
    """Returns the sizes of the networks for a shape.

    Args:
        image_shape: (length, channels), (height, width, channels) or (depth, height, width, channels).
        depth: how many times the sides are divided; None divides while the result is at least the kind's `least`.
        kinds: the kinds that the networks are for.
        stride, kernel: other ones than the kind's; None for these.

    Raises:
        ValueError: if the networks are not for such a shape, or a side is too short or does not divide so.
    """
    shape = whole_sides(image_shape)
    axes = next((each for each in kinds if each.rank == len(shape) - 1), None)
    if axes is not None:
        given = {"stride": (stride, 2), "kernel": (kernel, 1)}
        given = {name: scalars.whole_number(name, *each) for name, each in given.items() if each[0] is not None}
        axes = dataclasses.replace(axes, **given)
    if axes is None or shape[-1] < 1 or any(not _fits(side, axes) for side in shape[:-1]):
        raise _unfit(shape, axes or kinds[0], kinds[1:] if axes is None else ())
    natural = _natural_depth(shape, axes)
    depth = natural if depth is None else scalars.whole_number("depth", depth, 1)
    if any(side % axes.stride**depth for side in shape[:-1]):
        verb = "halve" if axes.stride == 2 else f"divide by {axes.stride}"
        raise ValueError(
            f"The {axes.plural.removesuffix('s')} must {verb} `depth` times. Received: depth={depth} for "
            f"image_shape={shape}. depth=None takes {natural}."
        )
    return Sizes(shape, axes, depth)


def _multiple(axes):
    return 4 if axes.stride == 2 else axes.stride


def _fits(side, axes):
    return side >= axes.least * axes.stride and side % _multiple(axes) == 0


def _natural_depth(shape, axes):
    """Returns how many times all sides divide while the result is at least the smallest that there may be."""
    sides, depth = shape[:-1], 0
    while all(side % axes.stride == 0 and side >= axes.least * axes.stride for side in sides):
        sides, depth = [side // axes.stride for side in sides], depth + 1
    return depth


def _unfit(shape, axes, others):
    """Returns the error for a shape that networks of a kind are not for; it names other kinds that they are for."""
    others = [f"({', '.join((*each.names, 'channels'))}) for {each.plural}" for each in others]
    smallest = axes.least * axes.stride
    sides = " and ".join(filter(None, (", ".join(axes.names[:-1]), axes.names[-1])))
    multiple = "are multiples" if axes.rank > 1 else "is a multiple"
    return ValueError(
        f"image_shape must be ({', '.join((*axes.names, 'channels'))}) with a {sides} that {multiple} of "
        f"{_multiple(axes)} and at least {smallest}"
        + (f", or {', '.join(others)}" if others else "")
        + f". Received: image_shape={shape}. {_advice(shape, axes, smallest)}; for points use mlp."
    )


def _advice(shape, axes, smallest):
    if axes.rank != 2 or len(shape) != 3:
        return f"Cut or pad the {axes.plural}"
    below = max(smallest, min(shape[:2]) // _multiple(axes) * _multiple(axes))
    near = [below] if below >= min(shape[:2]) else [below, below + _multiple(axes)]
    return f"Resize or pad the images, photos with image_size={' or '.join(map(str, near))}"
