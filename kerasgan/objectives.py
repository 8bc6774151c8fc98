"""What the discriminator and the generator minimize, as pure functions of the discriminator's logits.

A positive logit means "real". The real and the fake logits have the same shape (batch,), and so have the losses: one
value for each pair of a real and a generated sample. The training step takes their means.

An objective of your own is a subclass of `Objective` with two methods, decorated with `kerasgan.frozen_config`.
"""

import abc
from typing import Any, ClassVar

from keras import ops

from kerasgan import configs
from kerasgan.configs import frozen_config


class Objective(abc.ABC):
    """Two losses, and what is known of them. The base class of all objectives.

    Attributes:
        no_total_loss: None where d_loss + g_loss is a meaningful number: both minimized, both in [0, inf). Otherwise a
            sentence that says why it is not; then `loss` is not logged.
        bounds_js: whether (log 4 - d_loss) / 2 is a lower bound of the Jensen-Shannon divergence.
        paired: whether `g_loss` depends on the real logits; where it does not, they may be None.
        neutral_logit: the logit of a discriminator that cannot tell real from generated images; None where only
            differences of logits have a meaning.
        needs_lipschitz: whether the objective is sound only for a discriminator whose gradient is bounded.

    Example:

    ```python
    import kerasgan
    from keras import ops

    @kerasgan.frozen_config
    class Quadratic(kerasgan.objectives.Objective):
        target: float = 1.0

        def d_loss(self, real_logits, fake_logits):
            return ops.square(real_logits - self.target) + ops.square(fake_logits + self.target)

        def g_loss(self, real_logits, fake_logits):
            return ops.square(fake_logits)

    gan = kerasgan.GAN(*kerasgan.networks.mlp((2,), latent_dim=2, width=8), latent_dim=2)
    gan.compile(objective=Quadratic(target=2.0))
    ```
    """

    no_total_loss: ClassVar[str | None] = None
    bounds_js: bool = False
    paired: ClassVar[bool] = False
    neutral_logit: ClassVar[float | None] = 0.0
    needs_lipschitz: ClassVar[bool] = False

    @property
    def has_total_loss(self) -> bool:
        """Whether `loss` = d_loss + g_loss is logged."""
        return self.no_total_loss is None

    @abc.abstractmethod
    def d_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        """Returns what the discriminator minimizes, (batch,), from logits of real and generated images, (batch,)."""

    @abc.abstractmethod
    def g_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        """Returns what the generator minimizes, (batch,), from logits of real and generated images, (batch,)."""

    def outputs(self, real_logits: Any, fake_logits: Any) -> tuple[Any, Any]:
        """Returns the discriminator's outputs for real and for generated images, whose means are `d_real` and `d_fake`.

        By default these are probabilities of being real: sigmoid of the logit, D(x) and D(G(z)). Where only differences
        of logits have a meaning (`neutral_logit` is None), an image is compared with the other one of its pair:
        sigmoid(D(x) - D(G(z))) and sigmoid(D(G(z)) - D(x)). Override it where the values are not logits.

        Args:
            real_logits, fake_logits: the logits, float32 (batch,).

        Returns:
            Two tensors (batch,). They are logged alone, and nothing is trained on them.
        """
        if self.neutral_logit is None:
            return ops.sigmoid(real_logits - fake_logits), ops.sigmoid(fake_logits - real_logits)
        return ops.sigmoid(real_logits), ops.sigmoid(fake_logits)


def _check_smoothing(label_smoothing):
    if not 0 <= label_smoothing < 0.5:
        raise ValueError(
            f"label_smoothing must lie in [0, 0.5). Received: label_smoothing={label_smoothing!r}. "
            "Salimans et al. use 0.1."
        )


def _cross_entropy(real_logits, fake_logits, label_smoothing):
    # softplus(l) = softplus(-l) + l, so that smoothing adds s l to the loss of a real image.
    return ops.softplus(-real_logits) + label_smoothing * real_logits + ops.softplus(fake_logits)


@frozen_config
class NonSaturating(Objective):
    """Cross-entropy for the discriminator, the generator maximizes log D(G(z)) (the default).

    With D = sigmoid(logit): `d_loss = -log D(x) - log(1 - D(G(z)))`, `g_loss = -log D(G(z))`, both in [0, inf). At the
    equilibrium D = 1/2 the losses are 2 log 2 and log 2. Not to be confused with `Minimax`, which has the same fixed
    point but whose generator gradient vanishes once the discriminator rejects with confidence.

    Args:
        label_smoothing: s in [0, 0.5): the discriminator's target for real images is 1 - s instead of 1 (one-sided,
            Salimans et al., 2016, arXiv:1606.03498). Above 0 the bound on the Jensen-Shannon divergence is lost.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661 (section 3).
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        _check_smoothing(self.label_smoothing)

    @property
    def bounds_js(self) -> bool:
        return self.label_smoothing == 0

    def d_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return _cross_entropy(real_logits, fake_logits, self.label_smoothing)

    def g_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return ops.softplus(-fake_logits)


@frozen_config
class Minimax(Objective):
    """The zero-sum minimax game of the paper: the generator minimizes log(1 - D(G(z))), in (-inf, 0].

    The gradient of `g_loss` with respect to the logit is -D(G(z)): it goes to 0 when the discriminator rejects with
    confidence, which is where an untrained generator starts. It is here to be studied; train with `NonSaturating`.

    Args:
        label_smoothing: as for `NonSaturating`.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661 (equation 1).
    """

    label_smoothing: float = 0.0

    no_total_loss: ClassVar[str | None] = (
        "The minimax game is zero-sum in G(z): added up, the two losses cancel the generator out and leave "
        "-log D(x) alone, so `loss` is not reported. Watch d_loss and g_loss, or use objective='non_saturating'."
    )

    def __post_init__(self) -> None:
        _check_smoothing(self.label_smoothing)

    @property
    def bounds_js(self) -> bool:
        return self.label_smoothing == 0

    def d_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return _cross_entropy(real_logits, fake_logits, self.label_smoothing)

    def g_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return -ops.softplus(fake_logits)


_TOTAL_OF_CRITICS = (
    "With this objective the generator's loss has no lower bound and no fixed level, so the sum of the two losses has "
    "no meaning, and `loss` is not reported. Watch d_loss, g_loss and the samples."
)


@frozen_config
class LeastSquares(Objective):
    """Squared distance of the logits from 1 (real) and 0 (generated).

    `d_loss = ((D(x) - 1)^2 + D(G(z))^2) / 2`, `g_loss = (D(G(z)) - 1)^2 / 2`, with D the bare logit. At the equilibrium
    the logits are 1/2, the losses 1/4 and 1/8. The logs `d_real` and `d_fake` are mean logits: the targets are 1 and 0.

    Reference: Mao et al., 2017, arXiv:1611.04076 (equation 9).
    """

    neutral_logit: ClassVar[float | None] = 0.5

    def d_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return (ops.square(real_logits - 1) + ops.square(fake_logits)) / 2

    def g_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return ops.square(fake_logits - 1) / 2

    def outputs(self, real_logits: Any, fake_logits: Any) -> tuple[Any, Any]:
        """Returns the values as they are: they are not logits of probabilities."""
        return real_logits, fake_logits


@frozen_config
class Hinge(Objective):
    """The hinge loss: images beyond a margin of 1 no longer count.

    `d_loss = max(0, 1 - D(x)) + max(0, 1 + D(G(z)))`, `g_loss = -D(G(z))`, with D the bare logit. The logs `d_real` and
    `d_fake` are mean logits, whose targets are at least 1 and at most -1.

    Reference: Lim and Ye, 2017, arXiv:1705.02894; Miyato et al., 2018, arXiv:1802.05957 (equations 16 and 17).
    """

    no_total_loss: ClassVar[str | None] = _TOTAL_OF_CRITICS

    def d_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return ops.relu(1 - real_logits) + ops.relu(1 + fake_logits)

    def g_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return -fake_logits

    def outputs(self, real_logits: Any, fake_logits: Any) -> tuple[Any, Any]:
        """Returns the values as they are: they are not logits of probabilities."""
        return real_logits, fake_logits


@frozen_config
class Wasserstein(Objective):
    """The critic's estimate of the earth mover's distance.

    `d_loss = D(G(z)) - D(x)`, `g_loss = -D(G(z))`, with D the bare logit. Minus d_loss estimates the distance only
    while the critic is 1-Lipschitz: `compile` asks for a gradient penalty or spectral normalization. The logs `d_real`
    and `d_fake` are mean logits, of which only the difference has a meaning: it is minus d_loss.

    Reference: Arjovsky et al., 2017, arXiv:1701.07875.
    """

    no_total_loss: ClassVar[str | None] = _TOTAL_OF_CRITICS
    neutral_logit: ClassVar[float | None] = None
    needs_lipschitz: ClassVar[bool] = True

    def d_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return fake_logits - real_logits

    def g_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return -fake_logits

    def outputs(self, real_logits: Any, fake_logits: Any) -> tuple[Any, Any]:
        """Returns the values as they are: they are not logits of probabilities."""
        return real_logits, fake_logits


@frozen_config
class Relativistic(Objective):
    """Each generated image is compared with a real one: relativistic pairing, with the logistic loss.

    `d_loss = -log sigmoid(D(x) - D(G(z)))`, `g_loss = -log sigmoid(D(G(z)) - D(x))`, with D the bare logit; at the
    equilibrium log 2 each. Since only the difference counts, the discriminator cannot drop a mode from the comparison,
    and the landscape has no minima where modes are missing. The logs are `d_real` = mean
    sigmoid(D(x) - D(G(z))), the probability that the real image of a pair is the real one, and `d_fake` = 1 - `d_real`.
    Not to be confused with the relativistic *average* loss, which compares with
    the mean of the batch. Its dynamics converge only with both `R1` and `R2`.

    Reference: Jolicoeur-Martineau, 2018, arXiv:1807.00734; Huang et al., 2024 (R3GAN), arXiv:2501.05441.
    """

    paired: ClassVar[bool] = True
    neutral_logit: ClassVar[float | None] = None

    def d_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return ops.softplus(fake_logits - real_logits)

    def g_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        return ops.softplus(real_logits - fake_logits)


OBJECTIVES: dict[str, type[Objective]] = {
    "non_saturating": NonSaturating,
    "minimax": Minimax,
    "least_squares": LeastSquares,
    "hinge": Hinge,
    "wasserstein": Wasserstein,
    "relativistic": Relativistic,
}
MEMBERS: tuple[str, ...] = (
    "d_loss",
    "g_loss",
    "no_total_loss",
    "bounds_js",
    "paired",
    "neutral_logit",
    "needs_lipschitz",
)


def get(objective: str | Objective) -> Objective:
    """Returns an objective by name, one of `OBJECTIVES`; an objective passes unchanged.

    Raises:
        ValueError: for an unknown name (the nearest is suggested) or an object without the members named above.
    """
    return configs.get("objective", objective, OBJECTIVES, members=MEMBERS)


def outputs(objective: Any, real_logits: Any, fake_logits: Any) -> tuple[Any, Any]:
    """Returns `objective.outputs(real_logits, fake_logits)`, or the default of `Objective` for one without it."""
    if hasattr(objective, "outputs"):
        return objective.outputs(real_logits, fake_logits)
    return Objective.outputs(objective, real_logits, fake_logits)
