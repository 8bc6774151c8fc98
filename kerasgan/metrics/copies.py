"""Whether a generator copies its training images."""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from kerasgan.validation import scalars

from . import checks, neighbors

MIN_IMAGES, MIN_HELD_OUT = 10, 5
NEIGHBOR, QUANTILE = 5, 0.05
CALIBRATION = 2000
"""Training images that are compared with the other training images, to calibrate `close`."""

MAX_EXCESS, MAX_Z, MAX_CLOSE = 0.25, 4.0, 0.3
"""Limits of what is not suspicious, measured by `benchmarks/copying.py`."""


@dataclasses.dataclass(frozen=True)
class Copying:
    """How much nearer samples are to training images than they should be.

    Attributes:
        share: share of the samples whose nearest real image is a training image, not a held-out one; None without
            held-out images.
        expected: the same share for any generator that does not know which images were held out: training images as a
            share of all that were compared; None without held-out images.
        z: `share - expected` in standard deviations, over all ways to hold out as many images; None without.
        close: share of the samples that are closer to a training image, relative to its surroundings, than 95 % of
            images are to other ones; 0.05 for images that are not copies.
        suspicious: whether the samples seem to be copies.
    """

    share: float | None
    expected: float | None
    z: float | None
    close: float
    suspicious: bool

    @property
    def excess(self) -> float:
        """How far `share`, or `close` without held-out images, is on the way from its expected value (0) to 1."""
        value, expected = (self.close, QUANTILE) if self.share is None else (self.share, self.expected)
        return (value - expected) / (1 - expected)


def copying(generated: ArrayLike, training: ArrayLike, held_out: ArrayLike | None = None, seed: int = 0) -> Copying:
    """Returns whether samples are nearer to training images than to images that were held out.

    Two tests are made. Both are made so that blurry, noisy or collapsed samples are not taken for copies, as they are
    by distances to training images alone:

    - `share` of the samples that are nearer to a training image than to every held-out image. For a generator that is
      as near to both, it is `n_training / (n_training + n_held_out)`, whatever its quality and variety. Its standard
      deviation is over random choices of the held-out images, so that samples with one nearest image count as one.
    - `close`: the distance to the nearest training image, over the distance to the fifth nearest, is compared with the
      same ratio between training images. It finds only samples that are almost equal to a training image, but needs no
      held-out images.

    Samples are suspicious where `share` is more than four deviations, and a quarter of the way to 1, above its expected
    value, or `close` is above 0.3. Samples that resemble the training images because the images of the data resemble
    each other are not.

    Args:
        generated: features of generated images, (n, width), n at least 10.
        training: features of the images that the generator was trained on, (m, width), m at least 10. Where training
            mirrors images, add the mirrored ones.
        held_out: features of images of the same kind that it was not trained on, (l, width), l at least 5; no more of
            them than of training images are compared. None where there are none.
        seed: whole number, of the choices of images.

    Returns:
        A `Copying`.

    Raises:
        ValueError: for features that cannot be compared, too few of them, or training images that are all the same.

    Example:

    ```python
    import numpy as np
    from kerasgan import metrics

    random = np.random.default_rng(0)
    training, held_out, new = random.normal(size=(3, 300, 8))
    metrics.copying(new, training, held_out).suspicious  # False
    metrics.copying(training + 0.1 * random.normal(size=(300, 8)), training, held_out).suspicious  # True
    ```

    Reference: Meehan et al., 2020, arXiv:2004.05675 (the question, and held-out images as the measure).
    """
    seed = scalars.whole_number("seed", seed, 0)
    training, generated = checks.features(training, generated, min_samples=MIN_IMAGES, names=("training", "generated"))
    random = np.random.default_rng(seed)
    close = _close(generated, training, random)
    if held_out is None:
        return Copying(None, None, None, close, close > MAX_CLOSE)
    training, held_out = checks.features(training, held_out, min_samples=MIN_HELD_OUT, names=("training", "held_out"))
    held_out = held_out[random.permutation(len(held_out))[: len(training)]]
    share, expected, z = _nearer_to_training(generated, training, held_out)
    excess = (share - expected) / (1 - expected)
    return Copying(share, expected, z, close, close > MAX_CLOSE or (z > MAX_Z and excess > MAX_EXCESS))


def _nearer_to_training(generated, training, held_out):
    """Returns the share of samples that are nearer to training images, the expected share, and its z-score."""
    (to_training, i), (to_held_out, j) = (neighbors.nearest(images, generated) for images in (training, held_out))
    num_training, num_held_out = len(training), len(held_out)
    total = num_training + num_held_out
    expected = num_training / total
    share = np.mean(to_training < to_held_out) + expected * np.mean(to_training == to_held_out)
    # The variance over a random choice of the held-out images: of the mean of a sample of labels without replacement,
    # weighted by how many samples each real image is the nearest of.
    weights = np.bincount(np.where(to_training <= to_held_out, i, num_training + j), minlength=total) / len(generated)
    variance = expected * (1 - expected) * (np.sum(weights**2) - 1 / total) * total / (total - 1)
    return float(share), expected, float((share - expected) / math.sqrt(max(variance, 1e-12)))


def _close(generated, training, random):
    """Returns the share of samples that are closer to a training image than 95 % of training images are to others."""
    training = np.unique(training, axis=0)  # otherwise the copies of a repeated image would be its own surroundings
    k = min(NEIGHBOR, len(training) - 2)
    if k < 2:
        raise ValueError(
            f"There must be at least 4 different training images. Received: {len(training)} different ones. A "
            "generator that is trained on so few can only copy them."
        )
    found = neighbors.distances(training, generated, k)
    chosen = random.permutation(len(training))[:CALIBRATION]
    others = neighbors.distances(training, training[chosen], k + 1)[:, 1:]  # the nearest of all is the image itself
    limit = np.quantile(others[:, 0] / others[:, -1], QUANTILE)
    return float(np.mean(found[:, 0] < limit * found[:, -1]))
