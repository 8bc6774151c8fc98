"""What each player of the game minimises, as pure functions of the discriminator's logits.

A positive logit means "real". Every objective has

- `d_loss(real_logits, fake_logits)`, which the discriminator minimises, and
- `g_loss(real_logits, fake_logits)`, which the generator minimises,

both of shape (batch,): one value for each pair of a real and a generated sample, so that the engine decides how to
average and where to differentiate. The real and the fake logits have the same shape (batch,). Besides these,

- `has_total_loss` says whether d_loss + g_loss is a meaningful number, and `no_total_loss` why it is not (a sentence,
  or None where it is);
- `bounds_js` says whether (log 4 - d_loss) / 2 is a lower bound of the Jensen-Shannon divergence;
- `paired` says whether `g_loss` looks at the real logits; where it does not, they may be None.
"""

from keras import ops

from kerasgan import values


@values.value
class NonSaturating:
    """Cross-entropy for the discriminator, the generator maximises log D(G(z)) (the default).

    With D = sigmoid(logit): `d_loss = -log D(x) - log(1 - D(G(z)))`, `g_loss = -log D(G(z))`, both in [0, inf). At the
    equilibrium D = 1/2 the losses are 2 log 2 and log 2. Not to be confused with `Minimax`, which has the same fixed
    point but whose generator gradient vanishes once the discriminator rejects with confidence.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661 (section 3).
    """

    has_total_loss = True
    no_total_loss = None
    bounds_js = True
    paired = False

    def d_loss(self, real_logits, fake_logits):
        return ops.softplus(-real_logits) + ops.softplus(fake_logits)

    def g_loss(self, real_logits, fake_logits):
        return ops.softplus(-fake_logits)


@values.value
class Minimax:
    """The zero-sum game of the paper: the generator minimises log(1 - D(G(z))), in (-inf, 0].

    The gradient of `g_loss` with respect to the logit is -D(G(z)): it goes to 0 when the discriminator rejects with
    confidence, which is where an untrained generator starts. It is here to be studied; train with `NonSaturating`.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661 (equation 1).
    """

    has_total_loss = False
    no_total_loss = (
        "The minimax game is zero-sum in G(z): added up, the two losses cancel the generator out and leave "
        "-log D(x) alone, so `loss` is not reported. Watch d_loss and g_loss, or use objective='non_saturating'."
    )
    bounds_js = True
    paired = False

    def d_loss(self, real_logits, fake_logits):
        return ops.softplus(-real_logits) + ops.softplus(fake_logits)

    def g_loss(self, real_logits, fake_logits):
        return -ops.softplus(fake_logits)


OBJECTIVES = {"non_saturating": NonSaturating, "minimax": Minimax}
METHODS = ("d_loss", "g_loss", "has_total_loss", "no_total_loss", "bounds_js", "paired")


def get(objective):
    """Returns an objective by name (`"non_saturating"`, `"minimax"`); an objective passes unchanged.

    Raises:
        ValueError: for an unknown name (the nearest is suggested) or an object without the members named above.
    """
    return values.get("objective", objective, OBJECTIVES, methods=METHODS)
