"""Augmentation of the discriminator's images, so that it does not memorize a small data set.

Real and generated images are augmented alike, and the generator's gradient passes through the augmentation.

An augmentation has

- `apply(images, random, probability)`, which returns images of the same shape and dtype, differentiable in
  the images; its random numbers come from `random`, a `kerasgan.random.BatchRandom`;
- `check(image_shape)`, which raises a `ValueError` for images it cannot be applied to;
- `initial_probability`, and `adapts`: whether `next_probability(probability, real_logits)` changes it at each step.

Each transform is applied to each image with the given probability, independently of the others, and with random numbers
of its own. In this order, the order of DiffAugment:

- `"color"`: all of `"brightness"`, plus U(-0.5, 0.5) on the scale of [-1, 1]; `"saturation"`, the distance from the
  mean over the channels times U(0, 2), which does not change images of one channel; and `"contrast"`, the distance from
  the mean of the image times U(0.5, 1.5). Values may leave [-1, 1];
- `"quarter_turn"`: by 0, 90, 180 or 270 degrees; `"flip"`: left to right, with probability 1/2;
- `"translation"`: by whole pixels, up to an eighth of each side, filled with 0;
- `"cutout"`: a box of half of each side becomes 0. Its center is anywhere in the image, so that part of the box may
  lie outside.

All random numbers are drawn at every call, so that the same state of the seed generator gives a transform the same
numbers whatever the other transforms are.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from keras import ops

from kerasgan import configs
from kerasgan.configs import frozen_config
from kerasgan.random import BatchRandom
from kerasgan.validation import errors

COLORS = ("brightness", "saturation", "contrast")
# At probability 1 nothing would show which way is up: these are safe below 1 only.
SYMMETRIES = ("flip", "quarter_turn")
ALWAYS = ("color", *COLORS, "translation", "cutout")
MARGIN = 1 / 8
BOX = 1 / 2

# Numbers from U(0, 1) of each transform, in addition to the one that decides whether it is applied.
_DRAWS = {"brightness": 1, "saturation": 1, "contrast": 1, "quarter_turn": 1, "flip": 1, "translation": 2, "cutout": 2}


def _check_policy(policy: str | Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of transforms as a tuple."""
    policy = (policy,) if isinstance(policy, str) else tuple(policy)
    for name in policy:
        if name not in known:
            raise errors.unknown_name("policy", name, known)
    if not policy:
        raise ValueError("The policy must name a transform. Received: policy=(). Use augment=None for no augmentation.")
    return policy


def _check_images(image_shape, policy):
    if len(image_shape) != 3:
        raise ValueError(
            "Augmentation needs images of shape (height, width, channels). Received: "
            f"image_shape={tuple(image_shape)}. Use augment=None for points."
        )
    if "quarter_turn" in policy and image_shape[0] != image_shape[1]:
        raise ValueError(
            "Only square images can be turned by 90 degrees. Received: 'quarter_turn' for "
            f"image_shape={tuple(image_shape)}. Leave it out of the policy."
        )


@frozen_config
class DiffAugment:
    """Differentiable augmentation: every transform of the policy, on every image, at every step.

    For small data sets: with fewer than about 20,000 images a discriminator soon memorizes them.

    Args:
        policy: names of transforms: `"color"` or its parts, `"translation"`, `"cutout"`.

    Raises:
        ValueError: for an unknown or an empty policy. `"flip"` and `"quarter_turn"` are for `Adaptive`: at
            probability 1 the generator would learn to turn its images as well.

    Example:

    ```python
    import kerasgan

    networks = kerasgan.networks.dcgan((8, 8, 1), latent_dim=4, width=8)
    gan = kerasgan.GAN(*networks, latent_dim=4)
    gan.compile(augment=kerasgan.augment.DiffAugment(("translation", "cutout")))
    ```

    Reference: Zhao et al., 2020, arXiv:2006.10738.
    """

    policy: tuple[str, ...] | str = ("color", "translation", "cutout")

    adapts: ClassVar[bool] = False
    initial_probability: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "policy", _check_policy(self.policy, ALWAYS))

    def check(self, image_shape: Sequence[int]) -> None:
        """Checks the shape of an image.

        Raises:
            ValueError: if it is not (height, width, channels).
        """
        _check_images(image_shape, self.policy)

    def apply(self, images: Any, random: BatchRandom, probability: Any = 1.0) -> Any:
        """Returns the images augmented: see `transform`."""
        return transform(images, self.policy, random, probability)


@frozen_config
class Adaptive:
    """Adaptive augmentation (ADA): just enough to keep the discriminator from overfitting to the real images.

    The probability p of each transform starts at 0. After each step of B images

        p += sign(mean(sign(D(x))) - target) * B / adjust_images

    with D the logit of (augmented) real images. The mean is near 0 for a discriminator that cannot tell real from
    generated images, and 1 for one that recognizes all real ones. With p = 1 the augmentation would leak into the
    samples: if every training image is turned, nothing shows the generator which way is up. With p below 1 images that
    are not turned are the most frequent kind. The paper finds no leak below p = 0.8, so p stops at `max_probability`.

    Deviations from the paper: p changes at every step instead of every fourth; the transforms are the ones above, so
    there is no scaling, no rotation by other angles and no hue, and translation fills with 0 instead of a reflection.

    Args:
        policy: names of transforms: those of `DiffAugment`, `"flip"`, `"quarter_turn"`.
        target: of the mean sign, in (-1, 1).
        adjust_images: images in which p can go from 0 to 1, positive.
        max_probability: upper limit of p, in (0, 1).

    Raises:
        ValueError: for an unknown or an empty policy, or a number out of its range.

    Example:

    ```python
    import kerasgan

    networks = kerasgan.networks.dcgan((8, 8, 1), latent_dim=4, width=8)
    gan = kerasgan.GAN(*networks, latent_dim=4)
    gan.compile(augment=kerasgan.augment.Adaptive(target=0.5))  # or augment="ada"
    ```

    Reference: Karras et al., 2020, arXiv:2006.06676.
    """

    policy: tuple[str, ...] | str = ("color", "flip", "quarter_turn", "translation")
    target: float = 0.6
    adjust_images: float = 500_000
    max_probability: float = 0.8

    adapts: ClassVar[bool] = True
    initial_probability: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "policy", _check_policy(self.policy, (*ALWAYS, *SYMMETRIES)))
        if not -1 < self.target < 1:
            raise ValueError(f"target must lie in (-1, 1). Received: target={self.target!r}. The paper uses 0.6.")
        if not self.adjust_images > 0:
            raise ValueError(
                f"adjust_images must be positive. Received: adjust_images={self.adjust_images!r}. The paper uses "
                "500,000."
            )
        if not 0 < self.max_probability < 1:
            raise ValueError(
                "max_probability must lie in (0, 1): at 1 the augmentation leaks into the samples. Received: "
                f"max_probability={self.max_probability!r}. The paper finds up to 0.8 safe."
            )

    def check(self, image_shape: Sequence[int]) -> None:
        """Checks the shape of an image.

        Raises:
            ValueError: if it is not (height, width, channels), or not square for a policy with `"quarter_turn"`.
        """
        _check_images(image_shape, self.policy)

    def apply(self, images: Any, random: BatchRandom, probability: Any) -> Any:
        """Returns the images augmented: see `transform`."""
        return transform(images, self.policy, random, probability)

    def next_probability(self, probability: Any, real_logits: Any) -> Any:
        """Returns the probability after a step, a scalar in [0, max_probability].

        Args:
            probability: the probability before the step, a scalar.
            real_logits: logits of the step's real images, (batch,), minus the objective's neutral logit; or
                D(x) - D(G(z)) where only differences have a meaning.
        """
        mean_sign = ops.mean(ops.sign(real_logits))
        change = ops.cast(ops.shape(real_logits)[0], "float32") / self.adjust_images
        return ops.clip(probability + ops.sign(mean_sign - self.target) * change, 0.0, self.max_probability)


@frozen_config
class Ramp:
    """Augmentation with a probability that rises evenly from 0, and then stays.

    Early in training, when the discriminator has not seen the images often, augmentation only slows it down. Compared
    with `Adaptive` it needs no measurement, and the same run always has the same probability.

    Args:
        policy: names of transforms: those of `DiffAugment`, `"flip"`, `"quarter_turn"`.
        end_probability: of each transform at the end, in (0, 1).
        images: images in which it rises, positive.

    Raises:
        ValueError: for an unknown or an empty policy, or a number out of its range.

    Example:

    ```python
    import kerasgan

    networks = kerasgan.networks.dcgan((8, 8, 1), latent_dim=4, width=8)
    gan = kerasgan.GAN(*networks, latent_dim=4)
    gan.compile(augment=kerasgan.augment.Ramp(end_probability=0.3, images=100_000))
    ```

    Reference: Huang et al., 2024 (R3GAN), arXiv:2501.05441.
    """

    policy: tuple[str, ...] | str = ("color", "flip", "translation", "cutout")
    end_probability: float = 0.3
    images: float = 500_000

    adapts: ClassVar[bool] = True
    initial_probability: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "policy", _check_policy(self.policy, (*ALWAYS, *SYMMETRIES)))
        if not 0 < self.end_probability < 1:
            raise ValueError(
                "end_probability must lie in (0, 1): at 1 the augmentation leaks into the samples. Received: "
                f"end_probability={self.end_probability!r}. 0.3 is safe."
            )
        if not self.images > 0:
            raise ValueError(f"images must be positive. Received: images={self.images!r}. Use the images of the run.")

    def check(self, image_shape: Sequence[int]) -> None:
        """Checks the shape of an image: see `Adaptive.check`."""
        _check_images(image_shape, self.policy)

    def apply(self, images: Any, random: BatchRandom, probability: Any) -> Any:
        """Returns the images augmented: see `transform`."""
        return transform(images, self.policy, random, probability)

    def next_probability(self, probability: Any, real_logits: Any) -> Any:
        """Returns the probability after a step, a scalar in [0, end_probability].

        Args:
            probability: the probability before the step, a scalar.
            real_logits: logits of the step's real images, (batch,); only their number counts.
        """
        change = self.end_probability * ops.cast(ops.shape(real_logits)[0], "float32") / self.images
        return ops.minimum(probability + change, self.end_probability)


def transform(images: Any, policy: Sequence[str], random: BatchRandom, probability: Any) -> Any:
    """Returns the images after the transforms of a policy, each applied to each image with the given probability.

    Args:
        images: float (batch, height, width, channels), in [-1, 1]; all but the batch must be known.
        policy: names of transforms.
        random: the `kerasgan.random.BatchRandom` to draw from.
        probability: scalar in [0, 1].
    """
    names = {*policy, *(COLORS if "color" in policy else ())}
    numbers = _draw(ops.shape(images)[0], names, random, probability)
    if names & set(COLORS):
        images = _color(images, numbers, saturation="saturation" in names and images.shape[-1] > 1)
    if names & {"translation", *SYMMETRIES}:
        images = _turn_and_translate(images, numbers, turn="quarter_turn" in names)
    if "cutout" in names:
        images = _cut_out(images, numbers)
    return images


def _draw(batch_size, names, random, probability):
    """Returns for each transform whether it is applied, 0 or 1, and its numbers in [0, 1), all float32 (batch,)."""
    count = sum(1 + numbers for numbers in _DRAWS.values())
    columns = iter(ops.unstack(random.uniform((batch_size, count)), count, axis=1))
    table = {}
    for name, numbers in _DRAWS.items():
        applied = ops.cast(next(columns) < probability, "float32") * float(name in names)
        table[name] = (applied, *(next(columns) for _ in range(numbers)))
    return table


def _color(images, numbers, saturation):
    """Changes brightness, saturation and contrast at once: each is linear in the image, its gray and its mean."""
    (brighter, b), (saturated, s), (contrasted, c) = (numbers[name] for name in COLORS)
    brightness, contrast = brighter * (b - 0.5), 1 + contrasted * (c - 0.5)
    factor = 1 + saturated * (2 * s - 1) if saturation else 1.0
    mean = ops.cast(ops.mean(images, axis=(1, 2, 3)), "float32")
    colored = images * _per_image(contrast * factor, images) + _per_image(brightness + (1 - contrast) * mean, images)
    if saturation:
        colored += ops.mean(images, axis=3, keepdims=True) * _per_image(contrast * (1 - factor), images)
    return colored


def _per_image(numbers, images):
    """Returns one number for each image, (batch,), as (batch, 1, 1, 1) in the dtype of the images."""
    return ops.cast(ops.reshape(numbers, (-1, 1, 1, 1)), images.dtype)


def _turn_and_translate(images, numbers, turn):
    """Turns, flips and translates.

    Rows and columns are selected by matrix products with a one in each row, which on a CPU is faster than gathering
    them, above all in the backward pass. On a GPU in TF32 it rounds the pixels to 11 bits.
    """
    (turned, t), (flipped, f), (shifted, *shifts) = (numbers[name] for name in ("quarter_turn", "flip", "translation"))
    quarters = turned * ops.floor(4 * t)
    _, height, width, channels = images.shape
    if turn:
        # Not `transpose`: XLA cannot compute its gradient within a penalty that is added at some steps only.
        transposed = ops.stack(ops.unstack(images, width, axis=2), axis=1)
        images = ops.where(_per_image(quarters % 2, images) > 0, transposed, images)
    # A quarter turn is the transpose, upside down. Three are the transpose, mirrored. Two are upside down and mirrored.
    upside_down = ops.logical_or(quarters == 1, quarters == 2)
    mirrored = ops.logical_xor(quarters >= 2, flipped * f >= 0.5)
    rows = _selection(height, upside_down, shifted, shifts[0], images.dtype)
    columns = _selection(width, mirrored, shifted, shifts[1], images.dtype)
    images = ops.matmul(rows, ops.reshape(images, (-1, height, width * channels)))
    return ops.matmul(columns[:, None], ops.reshape(images, (-1, height, width, channels)))


def _selection(side, reverse, shifted, share, dtype):
    """Returns matrices (batch, side, side) that reverse a side, then shift it by at most an eighth."""
    limit = int(side * MARGIN + 0.5)
    shift = shifted * (ops.floor(share * (2 * limit + 1)) - limit)
    pixel = ops.arange(side, dtype="float32")
    source = pixel[None] - shift[:, None]
    source = ops.where(reverse[:, None], side - 1 - source, source)
    return ops.cast(source[:, :, None] == pixel[None, None], dtype)


def _cut_out(images, numbers):
    """Sets a box of each image to 0."""
    applied, *centers = numbers["cutout"]
    rows, columns = (_inside(side, share) for side, share in zip(images.shape[1:3], centers, strict=True))
    inside = ops.logical_and(rows[:, :, None, None], columns[:, None, :, None])
    return images * (1 - ops.cast(inside, images.dtype) * _per_image(applied, images))


def _inside(side, share):
    """Returns which pixels of a side a box of half its length covers, bool (batch, side); its center is anywhere."""
    box = int(side * BOX + 0.5)
    # A box of even length has its center between two pixels, so it has one more position.
    start = ops.floor(share * (side + 1 - box % 2)) - box // 2
    offset = ops.arange(side, dtype="float32")[None] - start[:, None]
    return ops.logical_and(offset >= 0, offset < box)


AUGMENTATIONS: dict[str, type[Any]] = {"diffaugment": DiffAugment, "ada": Adaptive, "ramp": Ramp}


def get(augment: Any) -> Any:
    """Returns an augmentation by name, one of `AUGMENTATIONS`; an augmentation passes unchanged, and so does None.

    Raises:
        ValueError: for an unknown name (the nearest is suggested) or an object that is not an augmentation.
    """
    if augment is None:
        return None
    members = ("apply", "check", "adapts", "initial_probability")
    return configs.get("augment", augment, AUGMENTATIONS, members=members)
