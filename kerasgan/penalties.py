"""What the discriminator is charged for its slope: where to differentiate, and what to charge for it.

A penalty has

- `where`, the points at which the gradient of the logit with respect to the image is taken: `"real"`, `"fake"` or
  `"mixed"`;
- `charge(squared_norms)`, from the squared norms of these gradients, shape (batch,), to one charge for each point;
- `every`: above 1 it is charged at every k-th step of the discriminator alone, k times as much (lazy regularisation,
  Karras et al., 2020, arXiv:1912.04958), which saves most of its cost.

The charge moves the discriminator. It is logged as `d_penalty`, apart from `d_loss`.
"""

from keras import ops

from kerasgan import values


def _check(name, weight, every):
    if not weight > 0:
        raise ValueError(f"{name} must be positive. Received: {name}={weight!r}. Leave the penalty out to have none.")
    if not isinstance(every, int) or every < 1:
        raise ValueError(f"every must be a whole number of steps, at least 1. Received: every={every!r}.")


@values.value
class R1:
    """Zero-centred gradient penalty on real images: gamma / 2 * E |grad D(x)|^2.

    It makes the game converge locally, where without it the players circle the equilibrium. The gradient grows with
    the number of pixels, and so must gamma shrink with the scale of the data and grow with their variety: start from
    10 for small images, from 0.01 to 1 for points.

    Args:
        gamma: weight, positive.
        every: charge at every k-th discriminator step, k times as much.

    Reference: Mescheder et al., 2018, arXiv:1801.04406.
    """

    gamma: float = 10.0
    every: int = 1

    where = "real"

    def __post_init__(self):
        _check("gamma", self.gamma, self.every)

    def charge(self, squared_norms):
        return self.gamma / 2 * squared_norms


@values.value
class R2:
    """Zero-centred gradient penalty on generated images: gamma / 2 * E |grad D(G(z))|^2. See `R1`.

    Beside `R1` it keeps the discriminator smooth where the generator is, also while that is far from the data.

    Reference: Mescheder et al., 2018, arXiv:1801.04406; Huang et al., 2024, arXiv:2501.05441.
    """

    gamma: float = 10.0
    every: int = 1

    where = "fake"

    def __post_init__(self):
        _check("gamma", self.gamma, self.every)

    def charge(self, squared_norms):
        return self.gamma / 2 * squared_norms


@values.value
class GradientPenalty:
    """One-centred gradient penalty on points between real and generated images: weight * E (|grad D| - 1)^2.

    The points are mixed with a weight drawn uniformly from [0, 1] for each pair. Where the gradient is 0 the charge has
    no slope, instead of an infinite one.

    Args:
        weight: lambda in the paper, positive.
        every: charge at every k-th discriminator step, k times as much.

    Reference: Gulrajani et al., 2017, arXiv:1704.00028 (WGAN-GP).
    """

    weight: float = 10.0
    every: int = 1

    where = "mixed"

    def __post_init__(self):
        _check("weight", self.weight, self.every)

    def charge(self, squared_norms):
        return self.weight * ops.square(ops.sqrt(ops.maximum(squared_norms, 1e-12)) - 1)


PENALTIES = {"r1": R1, "r2": R2, "gradient_penalty": GradientPenalty}


def get(penalties):
    """Returns a tuple of penalties from a penalty, a name of `PENALTIES`, or a sequence of either.

    Raises:
        ValueError: for an unknown name (the nearest is suggested) or an object without `where`, `charge` and `every`.
    """
    if isinstance(penalties, str) or hasattr(penalties, "charge"):
        penalties = (penalties,)
    return tuple(values.get("penalty", each, PENALTIES, methods=("where", "charge", "every")) for each in penalties)
