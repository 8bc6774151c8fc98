"""Penalties on the discriminator: the points at which it is evaluated, and the penalty for each point.

The penalties are added to the discriminator's loss. Their sum is logged as `d_penalty`, apart from `d_loss`.

**Lazy penalties.** With `every=k` the discriminator minimizes d_loss + k times the penalty at its steps 0, k, 2k and so
on, and d_loss alone at all others. Each is one step of the one optimizer, with the settings given to `compile`. The
mean gradient over k steps is that of `every=1`.

This is not the lazy regularization of StyleGAN2 (Karras et al., 2020, arXiv:1912.04958). There the penalty, k times as
large, has a step of its own, after that of d_loss. Both steps share Adam's moments, with the learning rate times
c = k / (k + 1) and both betas to the power of c. Here Adam gets one gradient, that of the sum, and its rate and betas
stay as they are: the penalty's large gradient at every k-th step raises the second moment. A gamma tuned for StyleGAN2
is a first guess here.

A penalty of your own is a subclass of `Penalty` with one method, decorated with `kerasgan.frozen_config`.
"""

import abc
from collections.abc import Sequence
from typing import Any

from keras import ops

from kerasgan import configs, schedules
from kerasgan.configs import frozen_config
from kerasgan.schedules import Cosine
from kerasgan.validation import errors, scalars

WHERE = ("real", "fake", "mixed")


class Penalty(abc.ABC):
    """A penalty for each point, from the discriminator's logit and gradient there. The base class of all penalties.

    Attributes:
        where: the points: `"real"` images, `"fake"` (generated) images, or `"mixed"`: points between the two, at a
            share drawn uniformly for each pair.
        every: above 1 the penalty is added at every k-th step of the discriminator only, k times as large (lazy
            regularization), which saves most of its cost. The head of this module says how it differs from StyleGAN2.
        needs_gradient: whether `penalty` uses the gradient. Where no penalty does, none is computed.
    """

    where: str = "real"
    every: int = 1
    needs_gradient: bool = True

    @abc.abstractmethod
    def penalty(self, logits: Any, squared_norms: Any) -> Any:
        """Returns one penalty for each point, (batch,).

        Args:
            logits: the discriminator's logits at the points, float32 (batch,).
            squared_norms: |grad_x D(x)|^2, the squared norm of the logit's gradient with respect to each point, float32
                (batch,); None if `needs_gradient` is False.
        """


def _check(name, weight, every):
    if not all(each > 0 for each in schedules.bounds(weight)):
        raise ValueError(f"{name} must be positive. Received: {name}={weight!r}. Leave the penalty out to have none.")
    scalars.whole_number("every", every, 1)


@frozen_config
class R1(Penalty):
    """Zero-centered gradient penalty on real images: gamma / 2 * E |grad D(x)|^2.

    With it training converges locally, where without it the two networks circle the equilibrium. The gradient grows
    with the number of pixels, so gamma has to shrink with the scale of the data and grow with their variety: start from
    10 for small images, from 0.01 to 1 for points.

    Args:
        gamma: weight, positive; a `kerasgan.schedules.Cosine` for one that changes with the discriminator's updates.
        every: add it at every k-th discriminator step, k times as large, in the same step of the optimizer as d_loss.

    Raises:
        ValueError: if `gamma` is not positive, or `every` is not a whole number of at least 1.

    Reference: Mescheder et al., 2018, arXiv:1801.04406.
    """

    gamma: float | Cosine = 10.0
    every: int = 1

    where = "real"

    def __post_init__(self) -> None:
        _check("gamma", self.gamma, self.every)

    def penalty(self, logits: Any, squared_norms: Any) -> Any:
        return self.gamma / 2 * squared_norms


@frozen_config
class R2(Penalty):
    """Zero-centered gradient penalty on generated images: gamma / 2 * E |grad D(G(z))|^2. See `R1`.

    Together with `R1` it keeps the discriminator smooth at the generator's samples, also while these are far from the
    data.

    Args:
        gamma: weight, positive; a `kerasgan.schedules.Cosine` for one that changes with the discriminator's updates.
        every: add it at every k-th discriminator step, k times as large, in the same step of the optimizer as d_loss.

    Raises:
        ValueError: if `gamma` is not positive, or `every` is not a whole number of at least 1.

    Reference: Mescheder et al., 2018, arXiv:1801.04406; Huang et al., 2024, arXiv:2501.05441.
    """

    gamma: float | Cosine = 10.0
    every: int = 1

    where = "fake"

    def __post_init__(self) -> None:
        _check("gamma", self.gamma, self.every)

    def penalty(self, logits: Any, squared_norms: Any) -> Any:
        return self.gamma / 2 * squared_norms


@frozen_config
class GradientPenalty(Penalty):
    """One-centered gradient penalty on points between real and generated images: weight * E (|grad D| - 1)^2.

    The points are mixed with a weight drawn uniformly from [0, 1] for each pair. Where the gradient is 0 the penalty
    has gradient 0, instead of an infinite one.

    Args:
        weight: lambda in the paper, positive; a `kerasgan.schedules.Cosine` for one that changes.
        every: add it at every k-th discriminator step, k times as large, in the same step of the optimizer as d_loss.

    Raises:
        ValueError: if `weight` is not positive, or `every` is not a whole number of at least 1.

    Reference: Gulrajani et al., 2017, arXiv:1704.00028 (WGAN-GP).
    """

    weight: float | Cosine = 10.0
    every: int = 1

    where = "mixed"

    def __post_init__(self) -> None:
        _check("weight", self.weight, self.every)

    def penalty(self, logits: Any, squared_norms: Any) -> Any:
        return self.weight * ops.square(ops.sqrt(ops.maximum(squared_norms, 1e-12)) - 1)


PENALTIES: dict[str, type[Penalty]] = {"r1": R1, "r2": R2, "gradient_penalty": GradientPenalty}
MEMBERS: tuple[str, ...] = ("where", "every", "needs_gradient", "penalty")


def get(penalties: str | Penalty | Sequence[str | Penalty]) -> tuple[Penalty, ...]:
    """Returns a tuple of penalties from a penalty, a name of `PENALTIES`, or a sequence of either.

    Raises:
        ValueError: for an unknown name (the nearest is suggested), an object without the members of `Penalty`, or one
            whose points or steps are none of those described there.
    """
    if isinstance(penalties, str) or hasattr(penalties, "penalty"):
        penalties = (penalties,)
    found = tuple(configs.get("penalty", each, PENALTIES, members=MEMBERS) for each in penalties)
    for each in found:
        if each.where not in WHERE:
            raise errors.unknown_name("where", each.where, WHERE)
        scalars.whole_number("every", each.every, 1)
    return found
