"""Reconstruction: how far generated images are from given ones, as a part of the generator's loss.

A GAN whose condition is an image knows which real image belongs to it. The distance between the two, added to what the
generator minimizes, keeps the translation close to its input (Isola et al., 2017, arXiv:1611.07004); without pairs, an
image that is translated and back is compared with itself (Zhu et al., 2017, arXiv:1703.10593).

A reconstruction has

- `loss(images, fake_images, generate)`, which returns a scalar that is added to the generator's loss and logged as
  `g_reconstruction`;
- `check(gan)`, which raises a `ValueError` if it cannot be used with that GAN.

One of your own is a class with these members, decorated with `kerasgan.frozen_config`.
"""

import math
from collections.abc import Callable
from typing import Any

from keras import ops

from kerasgan import configs
from kerasgan.configs import frozen_config


def _check_weight(name, value):
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} must be a finite number of at least 0. Received: {name}={value!r}.")


def absolute_distance(images: Any, others: Any) -> Any:
    """Returns the mean of the absolute differences of two batches of images, a float32 scalar."""
    return ops.mean(ops.abs(ops.cast(images, "float32") - ops.cast(others, "float32")))


def squared_distance(images: Any, others: Any) -> Any:
    """Returns the mean of the squared differences of two batches of images, a float32 scalar."""
    return ops.mean(ops.square(ops.cast(images, "float32") - ops.cast(others, "float32")))


class Reconstruction:
    """The base of `L1` and `L2`: a weight times a distance between each generated image and the real one of a pair."""

    distance: Callable[[Any, Any], Any]
    weight: float

    def check(self, gan: Any) -> None:
        """Checks that the GAN knows which real image belongs to a generated one.

        Raises:
            ValueError: for a GAN without a condition.
        """
        if gan.condition is None:
            raise ValueError(
                "A reconstruction compares a generated image with the real one of the same condition. Received: "
                f"reconstruction={self!r} for a GAN without a condition. Give the networks and the GAN one, such as "
                "condition=kerasgan.conditions.Image((64, 64, 1))."
            )

    def loss(self, images: Any, fake_images: Any, generate: Callable[[Any], Any]) -> Any:
        """Returns weight * distance, a float32 scalar.

        Args:
            images: real images, float32 (batch, ...).
            fake_images: the generated images of the same conditions, (batch, ...).
            generate: a function from conditions to generated images, as training calls the generator; not used here.
        """
        return self.weight * type(self).distance(images, fake_images)


@frozen_config
class L1(Reconstruction):
    """The mean absolute difference, which keeps edges sharper than the squared one.

    Args:
        weight: at least 0; the paper's is 100.

    Raises:
        ValueError: if the weight is below 0 or not finite.

    Example:

    ```python
    import kerasgan

    sketches = kerasgan.conditions.Image((32, 32, 1))
    gan = kerasgan.GAN(*kerasgan.networks.pix2pix((32, 32, 3), condition=sketches), latent_dim=0, condition=sketches)
    gan.compile(reconstruction=kerasgan.reconstruction.L1(100.0))
    ```

    Reference: Isola et al., 2017, arXiv:1611.07004 (equation 3).
    """

    weight: float = 100.0

    distance = staticmethod(absolute_distance)

    def __post_init__(self) -> None:
        _check_weight("weight", self.weight)


@frozen_config
class L2(Reconstruction):
    """The mean squared difference.

    Args:
        weight: at least 0.

    Raises:
        ValueError: if the weight is below 0 or not finite.
    """

    weight: float = 100.0

    distance = staticmethod(squared_distance)

    def __post_init__(self) -> None:
        _check_weight("weight", self.weight)


@frozen_config
class Cycle:
    """Translated there and back, each image should be itself; and a translation into its own domain changes little.

    It is that of `kerasgan.CycleGAN`, whose images are pairs x = (a, b), joined along the channels, and whose generator
    is G(a, b) = (to_a(b), to_b(a)). Then G(G(x)) is both images after the cycle, and G(b, a) both in their own domain:

        weight * (|to_a(to_b(a)) - a| + |to_b(to_a(b)) - b| + identity * (|to_a(a) - a| + |to_b(b) - b|)) / 2

    with |.| the mean absolute difference. The halves are those of the adversarial loss, which is the mean of both
    domains'. Each cycle passes through both generators, and trains both.

    Args:
        weight: of the cycles, at least 0; the paper's is 10.
        identity: weight of the identities, relative to `weight`, at least 0; 0 leaves them out. The authors' is 0.5.
        channels: channels of the images of domain a; those of domain b follow them.

    Raises:
        ValueError: if a weight is below 0 or not finite.

    Reference: Zhu et al., 2017, arXiv:1703.10593 (equations 2 and 5.2).
    """

    weight: float = 10.0
    identity: float = 0.5
    channels: int = 3

    def __post_init__(self) -> None:
        _check_weight("cycle", self.weight)
        _check_weight("identity", self.identity)

    def check(self, gan: Any) -> None:
        """Checks that the GAN translates both ways, and that images of one domain fit into the other for `identity`.

        Raises:
            ValueError: if not.
        """
        if not getattr(gan, "translates_both_ways", False):
            raise ValueError(
                f"A cycle needs both generators. Received: reconstruction={self!r} for a GAN that translates one way. "
                "Use kerasgan.CycleGAN, or reconstruction=kerasgan.reconstruction.L1(100.0) for pairs."
            )
        others = gan.image_shape[-1] - self.channels
        if self.identity and others != self.channels:
            raise ValueError(
                "An identity needs domains of the same channels. Received: "
                f"identity={self.identity!r} for images of {self.channels} and of {others} channels. Use identity=0.0."
            )

    def loss(self, images: Any, fake_images: Any, generate: Callable[[Any], Any]) -> Any:
        """Returns the formula above, a float32 scalar; see `L1.loss` for the arguments."""
        if not self.identity:
            return self.weight * self._distance(generate(fake_images), images)
        # One call for both: the generators treat each image by itself.
        swapped = ops.concatenate([images[..., self.channels :], images[..., : self.channels]], axis=-1)
        inputs = ops.concatenate([ops.cast(fake_images, swapped.dtype), swapped], axis=0)
        after_cycle, same_domain = ops.split(generate(inputs), 2, axis=0)
        return self.weight * (self._distance(after_cycle, images) + self.identity * self._distance(same_domain, images))

    def _distance(self, images, others):
        """The mean of both domains' distances."""
        first = absolute_distance(images[..., : self.channels], others[..., : self.channels])
        second = absolute_distance(images[..., self.channels :], others[..., self.channels :])
        return (first + second) / 2


RECONSTRUCTIONS: dict[str, type[Any]] = {"l1": L1, "l2": L2, "cycle": Cycle}
MEMBERS: tuple[str, ...] = ("loss", "check")


def get(reconstruction: Any) -> Any:
    """Returns a reconstruction by name, one of `RECONSTRUCTIONS`; a value or None passes unchanged.

    Raises:
        ValueError: for an unknown name (the nearest is suggested) or an object that is no reconstruction.
    """
    if reconstruction is None:
        return None
    return configs.get("reconstruction", reconstruction, RECONSTRUCTIONS, members=MEMBERS)
