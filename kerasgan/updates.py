"""The order of play: who moves when, and on which samples. Plain values; the engine in `backend` plays them."""

from kerasgan import values


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

    @property
    def smallest_batch(self):
        """The fewest images that a batch may hold."""
        return self.d_steps


UPDATES = {"alternating": Alternating}


def get(updates):
    """Returns an order of play by name (`"alternating"`); an order of play passes unchanged.

    Raises:
        ValueError: for an unknown name (the nearest is suggested) or an object that is no order of play.
    """
    return values.get("updates", updates, UPDATES, methods=("smallest_batch",))
