"""Augmentation in front of the discriminator, so that it does not learn a few images by heart.

Real and generated images go through it alike, and the generator's gradient goes back through it.

An augmentation has

- `apply(images, random, probability)`, which returns images of the same shape and dtype, differentiable in
  the images; its random numbers come from `random`, a `kerasgan.random.BatchRandom`;
- `check(image_shape)`, which raises a `ValueError` for images it cannot be applied to;
- `initial_probability`, and `adapts`, which says whether `next_probability(probability, real_logits)` moves it.

Each transform is applied to each image with the given probability, independently of the others, and with numbers of
its own. In this order, in which DiffAugment has those of its own:

- `"color"`: all of `"brightness"`, plus U(-0.5, 0.5) on the scale of [-1, 1]; `"saturation"`, the distance from the
  mean over the channels times U(0, 2), which leaves one channel as it is; and `"contrast"`, the distance from the
  mean of the image times U(0.5, 1.5). Values may leave [-1, 1];
- `"quarter_turn"`: by 0, 90, 180 or 270 degrees; `"flip"`: left and right change places, or not;
- `"translation"`: by whole pixels, up to an eighth of each side, and 0 where nothing moved in;
- `"cutout"`: a box of half of each side becomes 0. Its centre is anywhere in the image, so that part of the box may
  lie outside.

Every draw is made at every call, so that the same state of the seed generator gives a transform the same numbers
whatever the others are.
"""

from typing import Any

from keras import ops

from kerasgan import configs
from kerasgan.configs import frozen_config
from kerasgan.random import BatchRandom
from kerasgan.validation import errors

COLORS = ("brightness", "saturation", "contrast")
# Turned or mirrored with certainty, images no longer tell which way is up: these are safe below 1 only.
SYMMETRIES = ("flip", "quarter_turn")
ALWAYS = ("color", *COLORS, "translation", "cutout")
MARGIN = 1 / 8
BOX = 1 / 2

# How many numbers from U(0, 1) each transform draws, besides the one that decides whether it is applied.
_DRAWS = {"brightness": 1, "saturation": 1, "contrast": 1, "quarter_turn": 1, "flip": 1, "translation": 2, "cutout": 2}


def _checked_policy(policy, known):
    policy = (policy,) if isinstance(policy, str) else tuple(policy)
    for name in policy:
        if name not in known:
            raise errors.unknown_name("policy", name, known)
    if not policy:
        raise ValueError("The policy must name a transform. Received: policy=(). Use augment=None to have none.")
    return policy


def _check_images(image_shape, policy):
    if len(image_shape) != 3:
        raise ValueError(
            "Augmentation needs images of shape (height, width, channels). Received: "
            f"image_shape={tuple(image_shape)}. Use augment=None for points."
        )
    if "quarter_turn" in policy and image_shape[0] != image_shape[1]:
        raise ValueError(
            "Only square images can make a quarter turn. Received: 'quarter_turn' for "
            f"image_shape={tuple(image_shape)}. Leave it out of the policy."
        )


@frozen_config
class DiffAugment:
    """Differentiable augmentation: every transform of the policy, on every image, at every step.

    Made for small data sets: with fewer than some 20,000 images a discriminator soon knows them by heart.

    Args:
        policy: names of transforms: `"color"` or its parts, `"translation"`, `"cutout"`.

    Raises:
        ValueError: for an unknown or an empty policy. `"flip"` and `"quarter_turn"` are for `Adaptive`: at
            probability 1 the generator would learn to turn its images as well.

    Reference: Zhao et al., 2020, arXiv:2006.10738.
    """

    policy: tuple = ("color", "translation", "cutout")

    adapts = False
    initial_probability = 1.0

    def __post_init__(self):
        object.__setattr__(self, "policy", _checked_policy(self.policy, ALWAYS))

    def check(self, image_shape):
        """Raises a `ValueError` for what is no image (height, width, channels)."""
        _check_images(image_shape, self.policy)

    def apply(self, images: Any, random: BatchRandom, probability: Any = 1.0) -> Any:
        """See `transformed`."""
        return transformed(images, self.policy, random, probability)


@frozen_config
class Adaptive:
    """Adaptive augmentation (ADA): as much of it as keeps the discriminator from being too sure of the real images.

    The probability p of each transform starts at 0. After each step of B images

        p += sign(mean(sign(D(x))) - target) * B / adjust_images

    with D the logit of (augmented) real images: near 0 for a discriminator that cannot tell, 1 for one that knows
    them all. A p of 1 would leak: if every training image is turned, nothing shows the generator which way is up, and
    its samples come out turned as well. While some images stay as they are, those are the most frequent kind and the
    generator can single them out; the paper finds no leak below p = 0.8, so p stops at `max_probability`.

    Deviations from the paper: p moves at every step instead of every fourth; the transforms are the ones above, so
    there is no scaling, no turning by other angles and no hue, and translation fills with 0 instead of a reflection.

    Args:
        policy: names of transforms: those of `DiffAugment`, `"flip"`, `"quarter_turn"`.
        target: of the mean sign, in (-1, 1).
        adjust_images: images in which p can go from 0 to 1, positive.
        max_probability: where p stops, in (0, 1).

    Raises:
        ValueError: for an unknown or an empty policy, or a number out of its range.

    Reference: Karras et al., 2020, arXiv:2006.06676.
    """

    policy: tuple = ("color", "flip", "quarter_turn", "translation")
    target: float = 0.6
    adjust_images: float = 500_000
    max_probability: float = 0.8

    adapts = True
    initial_probability = 0.0

    def __post_init__(self):
        object.__setattr__(self, "policy", _checked_policy(self.policy, (*ALWAYS, *SYMMETRIES)))
        if not -1 < self.target < 1:
            raise ValueError(f"target must lie in (-1, 1). Received: target={self.target!r}. The paper has 0.6.")
        if not self.adjust_images > 0:
            raise ValueError(f"adjust_images must be positive. Received: adjust_images={self.adjust_images!r}.")
        if not 0 < self.max_probability < 1:
            raise ValueError(
                "max_probability must lie in (0, 1): at 1 the augmentation leaks into the samples. Received: "
                f"max_probability={self.max_probability!r}. The paper finds up to 0.8 safe."
            )

    def check(self, image_shape):
        """Raises a `ValueError` for what is no image (height, width, channels), or not square but to be turned."""
        _check_images(image_shape, self.policy)

    def apply(self, images: Any, random: BatchRandom, probability: Any) -> Any:
        """See `transformed`."""
        return transformed(images, self.policy, random, probability)

    def next_probability(self, probability, real_logits):
        """Returns the probability after a step, a scalar in [0, max_probability].

        Args:
            probability: the one before, a scalar.
            real_logits: the discriminator's, of the step's real images, (batch,), counted from the logit at which it
                cannot tell; where only differences mean something, D(x) - D(G(z)).
        """
        sureness = ops.mean(ops.sign(real_logits))
        step = ops.cast(ops.shape(real_logits)[0], "float32") / self.adjust_images
        return ops.clip(probability + ops.sign(sureness - self.target) * step, 0.0, self.max_probability)


def transformed(images: Any, policy: tuple[str, ...], random: BatchRandom, probability: Any) -> Any:
    """Returns images to each of which each transform of the policy was applied with the given probability.

    Args:
        images: float (batch, height, width, channels), in [-1, 1]; all but the batch must be known.
        policy: names of transforms.
        random: the `kerasgan.random.BatchRandom` to draw from.
        probability: scalar in [0, 1].
    """
    names = {*policy, *(COLORS if "color" in policy else ())}
    drawn = _drawn(ops.shape(images)[0], names, random, probability)
    if names & set(COLORS):
        images = _colored(images, drawn, several="saturation" in names and images.shape[-1] > 1)
    if names & {"translation", *SYMMETRIES}:
        images = _moved(images, drawn, turn="quarter_turn" in names)
    if "cutout" in names:
        images = _cut(images, drawn)
    return images


def _drawn(batch_size, names, random, probability):
    """For each transform whether it is applied, 0 or 1, and its numbers in [0, 1), all float32 (batch,)."""
    count = sum(1 + numbers for numbers in _DRAWS.values())
    columns = iter(ops.unstack(random.uniform((batch_size, count)), count, axis=1))
    table = {}
    for name, numbers in _DRAWS.items():
        applied = ops.cast(next(columns) < probability, "float32") * float(name in names)
        table[name] = (applied, *(next(columns) for _ in range(numbers)))
    return table


def _colored(images, drawn, several):
    """Brightness, saturation and contrast at once: each is linear in the image, its greys and its mean."""
    (brighter, b), (saturated, s), (contrasted, c) = (drawn[name] for name in COLORS)
    brightness, contrast = brighter * (b - 0.5), 1 + contrasted * (c - 0.5)
    saturation = 1 + saturated * (2 * s - 1) if several else 1.0
    mean = ops.cast(ops.mean(images, axis=(1, 2, 3)), "float32")
    colored = images * _each(contrast * saturation, images) + _each(brightness + (1 - contrast) * mean, images)
    if several:
        colored += ops.mean(images, axis=3, keepdims=True) * _each(contrast * (1 - saturation), images)
    return colored


def _each(numbers, images):
    """One number for each image, (batch,), in the shape and dtype in which images can be multiplied by it."""
    return ops.cast(ops.reshape(numbers, (-1, 1, 1, 1)), images.dtype)


def _moved(images, drawn, turn):
    """Turns, flips and translates.

    Rows and columns are picked by a product with a matrix of zeros and a one, which on a CPU is quicker than to
    gather them, above all on the way back. On a GPU in TF32 it rounds the pixels to 11 bits.
    """
    (turned, t), (flipped, f), (shifted, *shifts) = (drawn[name] for name in ("quarter_turn", "flip", "translation"))
    quarters = turned * ops.floor(4 * t)
    _, height, width, channels = images.shape
    if turn:
        # Not `transpose`: XLA cannot take its gradient within a penalty that is charged at some steps only.
        transposed = ops.stack(ops.unstack(images, width, axis=2), axis=1)
        images = ops.where(_each(quarters % 2, images) > 0, transposed, images)
    # A quarter turn is the transpose, upside down; three are the transpose, mirrored; two are both without it.
    upside_down = ops.logical_or(quarters == 1, quarters == 2)
    mirrored = ops.logical_xor(quarters >= 2, flipped * f >= 0.5)
    rows = _picked(height, upside_down, shifted, shifts[0], images.dtype)
    columns = _picked(width, mirrored, shifted, shifts[1], images.dtype)
    images = ops.matmul(rows, ops.reshape(images, (-1, height, width * channels)))
    return ops.matmul(columns[:, None], ops.reshape(images, (-1, height, width, channels)))


def _picked(side, reverse, shifted, share, dtype):
    """Matrices (batch, side, side) that reverse a side and then move it, by at most an eighth either way."""
    most = int(side * MARGIN + 0.5)
    shift = shifted * (ops.floor(share * (2 * most + 1)) - most)
    place = ops.arange(side, dtype="float32")
    source = place[None] - shift[:, None]
    source = ops.where(reverse[:, None], side - 1 - source, source)
    return ops.cast(source[:, :, None] == place[None, None], dtype)


def _cut(images, drawn):
    """Sets a box of each image to 0."""
    applied, *centres = drawn["cutout"]
    rows, columns = (_inside(side, share) for side, share in zip(images.shape[1:3], centres, strict=True))
    inside = ops.logical_and(rows[:, :, None, None], columns[:, None, :, None])
    return images * (1 - ops.cast(inside, images.dtype) * _each(applied, images))


def _inside(side, share):
    """Which pixels of a side a box of half its length covers, bool (batch, side), its centre anywhere on the side."""
    box = int(side * BOX + 0.5)
    # A box of even length has its centre between two pixels, for which there is one place more.
    start = ops.floor(share * (side + 1 - box % 2)) - box // 2
    place = ops.arange(side, dtype="float32")[None] - start[:, None]
    return ops.logical_and(place >= 0, place < box)


AUGMENTATIONS = {"diffaugment": DiffAugment, "ada": Adaptive}


def get(augment):
    """Returns an augmentation by name, one of `AUGMENTATIONS`; an augmentation passes unchanged, and so does None.

    Raises:
        ValueError: for an unknown name (the nearest is suggested) or an object that is no augmentation.
    """
    if augment is None:
        return None
    members = ("apply", "check", "adapts", "initial_probability")
    return configs.get("augment", augment, AUGMENTATIONS, members=members)
