"""The order of play: who moves when, and on which samples. Plain values; the engine in `backend` plays them.

An order of play has `d_steps`, the discriminator's steps in a round, which is also the fewest images that a batch may
hold, and `check(discriminator)`, which raises a `ValueError` if it cannot be played with that network.
"""

from kerasgan import checks, values


@values.value
class Alternating:
    """k discriminator steps, then one generator step (algorithm 1 of the paper).

    The batch that `fit` hands over is split into `d_steps` minibatches. Each discriminator step takes its own real
    minibatch and fresh latents; then the generator steps on new latents, as many as a minibatch holds, judged by the
    discriminator as just updated.

    Args:
        d_steps: discriminator steps for each generator step, at least 1. The batch must hold at least `d_steps`
            images; a batch size that is a multiple of it gives minibatches of one size.

    Raises:
        ValueError: if `d_steps` is not a whole number of at least 1.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661 (algorithm 1).
    """

    d_steps: int = 1

    def __post_init__(self):
        if not isinstance(self.d_steps, int) or self.d_steps < 1:
            raise ValueError(
                f"d_steps must be a whole number of at least 1. Received: d_steps={self.d_steps!r}. "
                "The paper and most of its successors use 1."
            )

    def check(self, discriminator):
        """Any discriminator will do."""


@values.value
class Simultaneous:
    """Both players move at once, each on its own loss, from one pass through each network.

    The generator's loss is that of the samples on which the discriminator was trained, as judged before either moved:
    the vector field that the theory of GAN dynamics studies. It saves the alternating order's second pass through the
    generator and the discriminator.

    Reference: Mescheder et al., 2017, arXiv:1705.10461.
    """

    d_steps = 1

    def check(self, discriminator):
        """Any discriminator will do."""


@values.value
class OneStage:
    """The same step as `Simultaneous`, to rounding, from a single backward pass through the discriminator.

    At each generated image the two losses differ only by a factor: with l its logit, the gradient of the generator's
    loss with respect to the image is (dL_G/dl) / (dL_D/dl) times that of the discriminator's, for the cross-entropy
    -exp(-l). So the backward pass that moves the discriminator brings the generator's gradient along. Where
    dL_D/dl is 0 (or underflows), 1e-20 takes its place: far below the rounding of the discriminator's gradient, and
    enough to carry the image's.

    This holds for every objective, but only for a discriminator that judges each image by itself.

    Raises (in `compile`):
        ValueError: for a discriminator with batch norm or activity regularisers, or one in float16, whose range is too
            small for the factor. Use `Simultaneous`.

    Reference: Shen et al., 2021, arXiv:2103.00430.
    """

    d_steps = 1

    def check(self, discriminator):
        reason = checks.why_not_per_sample(discriminator)
        if discriminator.dtype_policy.compute_dtype == "float16":
            reason = "computes in float16"
        if reason:
            raise ValueError(
                "One-stage updates need a discriminator that judges each image by itself, in a type of float32's "
                f"range. Received: a discriminator that {reason}. Use updates='simultaneous'."
            )


UPDATES = {"alternating": Alternating, "simultaneous": Simultaneous, "one_stage": OneStage}


def get(updates):
    """Returns an order of play by name, one of `UPDATES`; an order of play passes unchanged.

    Raises:
        ValueError: for an unknown name (the nearest is suggested) or an object that is no order of play.
    """
    return values.get("updates", updates, UPDATES, methods=("d_steps", "check"))
