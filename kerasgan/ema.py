"""The averaged generator."""

from typing import Any

from keras import ops

from kerasgan.configs import frozen_config


@frozen_config
class EMA:
    """An exponential moving average of the generator's weights, which generates better samples than the weights do.

    After each generator step of B images: `average += (1 - 0.5^(B / half_life)) * (weights - average)`. During the
    warm-up the half-life is at most `warm_up` times the images seen so far, so that the random start is soon forgotten.
    Trainable weights are averaged, and so are the moving statistics of batch norm: those of the last weights do not fit
    to an average of many. All others are copied.

    With it `generate`, `predict`, the callbacks and the export use the averaged generator; training, its losses and
    validation do not.

    Args:
        half_life_images: images after which the share of a weight in the average is one half, positive.
        warm_up: ratio of the half-life to the images seen so far, positive; None for no warm-up.

    Raises:
        ValueError: if a number is not positive.

    Example:

    ```python
    import kerasgan

    networks = kerasgan.networks.dcgan((8, 8, 1), latent_dim=4, width=8)
    gan = kerasgan.GAN(*networks, latent_dim=4, ema=kerasgan.ema.EMA(half_life_images=10_000))
    ```

    Reference: Yazici et al., 2019, arXiv:1806.04498; Karras et al., 2020, arXiv:1912.04958 (the warm-up).
    """

    half_life_images: float = 10_000
    warm_up: float | None = 0.05

    def __post_init__(self) -> None:
        for name in ("half_life_images", "warm_up"):
            number = getattr(self, name)
            if number is not None and not number > 0:
                way_out = "Use ema=None for no average" if name == "half_life_images" else "Use None for no warm-up"
                raise ValueError(f"{name} must be positive. Received: {name}={number!r}. {way_out}.")

    def half_life(self, images_seen: Any) -> Any:
        """Returns the half-life in images, after `images_seen` generated images (a number or a scalar tensor)."""
        if self.warm_up is None:
            return self.half_life_images
        return ops.minimum(float(self.half_life_images), self.warm_up * ops.cast(images_seen, "float32"))
