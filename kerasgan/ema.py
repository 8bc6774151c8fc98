"""The averaged generator."""

from keras import ops

from kerasgan.configs import frozen_config


@frozen_config
class EMA:
    """An exponential moving average of the generator's weights, which draws better samples than any single moment.

    After each generator step of B images: `average += (1 - 0.5^(B / half_life)) * (weights - average)`. During the
    warm-up the half-life is no more than `warm_up` times the images seen so far, so that the random start is soon
    forgotten. Trainable weights are averaged; all others (the moving statistics of batch norm) are averages already
    and are copied.

    With it `generate`, `predict`, the callbacks and the export use the averaged generator; the game itself, its losses
    and its validation do not.

    Args:
        half_life_images: images after which a weight counts half, positive.
        warm_up: ratio of the half-life to the images seen so far, positive; None for no warm-up.

    Reference: Yazici et al., 2019, arXiv:1806.04498; Karras et al., 2020, arXiv:1912.04958 (the warm-up).
    """

    half_life_images: float = 10_000
    warm_up: float | None = 0.05

    def __post_init__(self):
        for name in ("half_life_images", "warm_up"):
            number = getattr(self, name)
            if number is not None and not number > 0:
                raise ValueError(f"{name} must be positive. Received: {name}={number!r}.")

    def half_life(self, images_seen):
        """The half-life in images, once `images_seen` (a number or a scalar tensor) have been generated in training."""
        if self.warm_up is None:
            return self.half_life_images
        return ops.minimum(float(self.half_life_images), self.warm_up * ops.cast(images_seen, "float32"))
