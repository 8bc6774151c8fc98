"""Update rules: which network is updated when, and on which samples.

An update rule has

- `d_steps`: the discriminator's steps for each generator step, which is also the fewest images that a batch may hold;
- `check(discriminator)`, which raises a `ValueError` if the rule cannot be used with that network;
- `play(step, images, condition=None)`, which makes the updates for one batch and returns the logs.

`step` is a `kerasgan.step.TrainingStep`. Its methods `update_discriminator`, `update_generator` and `update_both` each
make one update and return its logs. A rule of your own is a class with these three members, decorated with
`kerasgan.frozen_config`.
"""

import itertools
from typing import Any

import keras

from kerasgan import configs
from kerasgan.configs import frozen_config
from kerasgan.validation import networks, scalars


@frozen_config
class Alternating:
    """k discriminator steps, then one generator step (algorithm 1 of the paper).

    The batch is split into `d_steps` minibatches. Each discriminator step takes its own real minibatch and fresh
    latents; then the generator is updated on new latents, as many as a minibatch holds, evaluated by the discriminator
    as just updated.

    Args:
        d_steps: discriminator steps for each generator step, at least 1. The batch must hold at least `d_steps`
            images; a batch size that is a multiple of it gives minibatches of one size.
        same_samples: True updates the generator on the samples on which the discriminator was just updated, which saves
            one forward pass through the generator; for `d_steps=1`.

    Raises:
        ValueError: if `d_steps` is not a whole number of at least 1, or above 1 with `same_samples`.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661 (algorithm 1).
    """

    d_steps: int = 1
    same_samples: bool = False

    def __post_init__(self) -> None:
        scalars.whole_number("d_steps", self.d_steps, 1)
        if self.same_samples and self.d_steps > 1:
            raise ValueError(
                "Both networks share their samples only in turns of one step each. Received: same_samples="
                f"{self.same_samples!r} with d_steps={self.d_steps}. Use one of them."
            )

    def check(self, discriminator: keras.Model) -> None:
        """Accepts any discriminator."""

    def play(self, step: Any, images: Any, condition: Any = None) -> dict[str, Any]:
        """Updates the discriminator `d_steps` times, then the generator. Returns the logs, means over the steps."""
        if self.same_samples:
            return step.update_in_turn(images, condition)
        minibatches = _split(images, condition, self.d_steps)
        d_logs = [step.update_discriminator(*minibatch) for minibatch in minibatches]
        g_logs = step.update_generator(*minibatches[-1])
        return {name: sum(logs[name] for logs in d_logs) / len(d_logs) for name in d_logs[0]} | g_logs


@frozen_config
class Simultaneous:
    """Both networks are updated at once, each on its own loss, from one forward pass through each.

    The generator's loss is that of the samples on which the discriminator was trained, evaluated before either was
    updated: the vector field that the theory of GAN dynamics studies. It saves the second forward pass through the
    generator and the discriminator that `Alternating` needs.

    Reference: Mescheder et al., 2017, arXiv:1705.10461.
    """

    d_steps = 1

    def check(self, discriminator: keras.Model) -> None:
        """Accepts any discriminator."""

    def play(self, step: Any, images: Any, condition: Any = None) -> dict[str, Any]:
        """Updates both networks from the same forward pass. Returns the logs."""
        return step.update_both(images, condition)


@frozen_config
class OneStage:
    """The same step as `Simultaneous`, to rounding, with a single backward pass through the discriminator.

    At each generated image the two losses differ only by a factor: with l its logit, the gradient of the generator's
    loss with respect to the image is (dL_G/dl) / (dL_D/dl) times that of the discriminator's, for the cross-entropy
    -exp(-l). So the backward pass for the discriminator gives the generator's gradient, too. Where dL_D/dl is 0 (or
    underflows), 1e-20 takes its place: far below the rounding of the discriminator's gradient, and enough to carry the
    image's.

    This holds for every objective, but only for a discriminator that evaluates each image by itself, and has one logit
    for it: where there is a map of logits, the gradients of several meet in one pixel, each with a factor of its own.

    Raises (in `compile`):
        ValueError: for a discriminator with a map of logits, with batch norm or activity regularizers, or in float16,
            whose range is too small for the factor. Use `Simultaneous`.

    Reference: Shen et al., 2021, arXiv:2103.00430.
    """

    d_steps = 1

    def check(self, discriminator: keras.Model) -> None:
        """Checks that the discriminator evaluates each image by itself, in a type of float32's range."""
        if networks.has_map(discriminator):
            raise ValueError(networks.ONE_LOGIT)
        reason = networks.why_not_per_sample(discriminator)
        if discriminator.dtype_policy.compute_dtype == "float16":
            reason = "computes in float16"
        if reason:
            raise ValueError(
                "One-stage updates need a discriminator that evaluates each image by itself, in a type of float32's "
                f"range. Received: a discriminator that {reason}. Use updates='simultaneous'."
            )

    def play(self, step: Any, images: Any, condition: Any = None) -> dict[str, Any]:
        """Updates both networks with one backward pass through the discriminator. Returns the logs."""
        return step.update_both(images, condition, one_stage=True)


UPDATES: dict[str, type[Any]] = {"alternating": Alternating, "simultaneous": Simultaneous, "one_stage": OneStage}
MEMBERS: tuple[str, ...] = ("d_steps", "check", "play")


def get(updates: Any) -> Any:
    """Returns an update rule by name, one of `UPDATES`; an update rule passes unchanged.

    Raises:
        ValueError: for an unknown name (the nearest is suggested) or an object that is not an update rule.
    """
    return configs.get("updates", updates, UPDATES, members=MEMBERS)


def _split(images, condition, count):
    """Cuts a batch into `count` minibatches (images, condition), whose sizes differ by one image at most."""
    if count == 1:
        return [(images, condition)]
    size = keras.ops.shape(images)[0]
    ends = [size * number // count for number in range(count + 1)]
    parts = [slice(start, end) for start, end in itertools.pairwise(ends)]
    return [(images[part], None if condition is None else condition[part]) for part in parts]
