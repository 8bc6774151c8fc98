"""What each player of the game minimises, as pure functions of the discriminator's logits.

A positive logit means "real". Every objective has

- `d_loss(real_logits, fake_logits)`, which the discriminator minimises, and
- `g_loss(real_logits, fake_logits)`, which the generator minimises,

both of shape (batch,): one value for each pair of a real and a generated sample, so that the engine decides how to
average and where to differentiate. The real and the fake logits have the same shape (batch,). Besides these,

- `has_total_loss` says whether d_loss + g_loss is a meaningful number: both minimised, both in [0, inf);
  `no_total_loss` says why it is not (a sentence, or None where it is);
- `bounds_js` says whether (log 4 - d_loss) / 2 is a lower bound of the Jensen-Shannon divergence;
- `paired` says whether `g_loss` looks at the real logits; where it does not, they may be None;
- `undecided` is the logit of a discriminator that cannot tell, or None where only differences of logits mean something;
- `needs_lipschitz` says whether the game is sound only for a discriminator whose slope is bounded.
"""

from keras import ops

from kerasgan import values


def _check_smoothing(label_smoothing):
    if not 0 <= label_smoothing < 0.5:
        raise ValueError(
            f"label_smoothing must lie in [0, 0.5). Received: label_smoothing={label_smoothing!r}. "
            "Salimans et al. use 0.1."
        )


def _cross_entropy(real_logits, fake_logits, label_smoothing):
    # softplus(l) = softplus(-l) + l, so that smoothing adds s l to the loss of a real image.
    return ops.softplus(-real_logits) + label_smoothing * real_logits + ops.softplus(fake_logits)


@values.value
class NonSaturating:
    """Cross-entropy for the discriminator, the generator maximises log D(G(z)) (the default).

    With D = sigmoid(logit): `d_loss = -log D(x) - log(1 - D(G(z)))`, `g_loss = -log D(G(z))`, both in [0, inf). At the
    equilibrium D = 1/2 the losses are 2 log 2 and log 2. Not to be confused with `Minimax`, which has the same fixed
    point but whose generator gradient vanishes once the discriminator rejects with confidence.

    Args:
        label_smoothing: s in [0, 0.5): the discriminator's target for real images is 1 - s instead of 1 (one-sided,
            Salimans et al., 2016, arXiv:1606.03498). Above 0 the bound on the Jensen-Shannon divergence is lost.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661 (section 3).
    """

    label_smoothing: float = 0.0

    has_total_loss = True
    no_total_loss = None
    paired = False
    undecided = 0.0
    needs_lipschitz = False

    def __post_init__(self):
        _check_smoothing(self.label_smoothing)

    @property
    def bounds_js(self):
        return self.label_smoothing == 0

    def d_loss(self, real_logits, fake_logits):
        return _cross_entropy(real_logits, fake_logits, self.label_smoothing)

    def g_loss(self, real_logits, fake_logits):
        return ops.softplus(-fake_logits)


@values.value
class Minimax:
    """The zero-sum game of the paper: the generator minimises log(1 - D(G(z))), in (-inf, 0].

    The gradient of `g_loss` with respect to the logit is -D(G(z)): it goes to 0 when the discriminator rejects with
    confidence, which is where an untrained generator starts. It is here to be studied; train with `NonSaturating`.

    Args:
        label_smoothing: as for `NonSaturating`.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661 (equation 1).
    """

    label_smoothing: float = 0.0

    has_total_loss = False
    no_total_loss = (
        "The minimax game is zero-sum in G(z): added up, the two losses cancel the generator out and leave "
        "-log D(x) alone, so `loss` is not reported. Watch d_loss and g_loss, or use objective='non_saturating'."
    )
    paired = False
    undecided = 0.0
    needs_lipschitz = False

    def __post_init__(self):
        _check_smoothing(self.label_smoothing)

    @property
    def bounds_js(self):
        return self.label_smoothing == 0

    def d_loss(self, real_logits, fake_logits):
        return _cross_entropy(real_logits, fake_logits, self.label_smoothing)

    def g_loss(self, real_logits, fake_logits):
        return -ops.softplus(fake_logits)


_TOTAL_OF_CRITICS = (
    "With this objective the generator's loss has no lower bound and no fixed level, so that adding the two losses "
    "says nothing, and `loss` is not reported. Watch d_loss, g_loss and the samples."
)


@values.value
class LeastSquares:
    """Squared distance of the logits from 1 (real) and 0 (generated).

    `d_loss = ((D(x) - 1)^2 + D(G(z))^2) / 2`, `g_loss = (D(G(z)) - 1)^2 / 2`, with D the bare logit. At the equilibrium
    the logits are 1/2, the losses 1/4 and 1/8.

    Reference: Mao et al., 2017, arXiv:1611.04076 (equation 9).
    """

    has_total_loss = True
    no_total_loss = None
    bounds_js = False
    paired = False
    undecided = 0.5
    needs_lipschitz = False

    def d_loss(self, real_logits, fake_logits):
        return (ops.square(real_logits - 1) + ops.square(fake_logits)) / 2

    def g_loss(self, real_logits, fake_logits):
        return ops.square(fake_logits - 1) / 2


@values.value
class Hinge:
    """The discriminator stops caring for images beyond a margin of 1.

    `d_loss = max(0, 1 - D(x)) + max(0, 1 + D(G(z)))`, `g_loss = -D(G(z))`, with D the bare logit.

    Reference: Lim and Ye, 2017, arXiv:1705.02894; Miyato et al., 2018, arXiv:1802.05957 (equations 16 and 17).
    """

    has_total_loss = False
    no_total_loss = _TOTAL_OF_CRITICS
    bounds_js = False
    paired = False
    undecided = 0.0
    needs_lipschitz = False

    def d_loss(self, real_logits, fake_logits):
        return ops.relu(1 - real_logits) + ops.relu(1 + fake_logits)

    def g_loss(self, real_logits, fake_logits):
        return -fake_logits


@values.value
class Wasserstein:
    """The critic's estimate of the earth mover's distance.

    `d_loss = D(G(z)) - D(x)`, `g_loss = -D(G(z))`, with D the bare logit. Minus d_loss estimates the distance only
    while the critic is 1-Lipschitz: `compile` asks for a gradient penalty or spectral normalisation.

    Reference: Arjovsky et al., 2017, arXiv:1701.07875.
    """

    has_total_loss = False
    no_total_loss = _TOTAL_OF_CRITICS
    bounds_js = False
    paired = False
    undecided = None
    needs_lipschitz = True

    def d_loss(self, real_logits, fake_logits):
        return fake_logits - real_logits

    def g_loss(self, real_logits, fake_logits):
        return -fake_logits


@values.value
class Relativistic:
    """Each generated image is judged against a real one: the relativistic pairing game, with the logistic loss.

    `d_loss = -log sigmoid(D(x) - D(G(z)))`, `g_loss = -log sigmoid(D(G(z)) - D(x))`, with D the bare logit; at the
    equilibrium log 2 each. Since only the difference counts, the discriminator cannot drop a mode from the comparison,
    and the landscape has no minima where modes are missing; and the logged `d_real` and `d_fake` mean nothing by
    themselves, only their difference does. Not to be confused with the relativistic *average* game,
    which compares with the batch's mean. Its dynamics converge only with `R1` and `R2` beside it.

    Reference: Jolicoeur-Martineau, 2018, arXiv:1807.00734; Huang et al., 2024 (R3GAN), arXiv:2501.05441.
    """

    has_total_loss = True
    no_total_loss = None
    bounds_js = False
    paired = True
    undecided = None
    needs_lipschitz = False

    def d_loss(self, real_logits, fake_logits):
        return ops.softplus(fake_logits - real_logits)

    def g_loss(self, real_logits, fake_logits):
        return ops.softplus(real_logits - fake_logits)


OBJECTIVES = {
    "non_saturating": NonSaturating,
    "minimax": Minimax,
    "least_squares": LeastSquares,
    "hinge": Hinge,
    "wasserstein": Wasserstein,
    "relativistic": Relativistic,
}
METHODS = ("d_loss", "g_loss", "has_total_loss", "no_total_loss", "bounds_js", "paired", "undecided", "needs_lipschitz")


def get(objective):
    """Returns an objective by name, one of `OBJECTIVES`; an objective passes unchanged.

    Raises:
        ValueError: for an unknown name (the nearest is suggested) or an object without the members named above.
    """
    return values.get("objective", objective, OBJECTIVES, methods=METHODS)
