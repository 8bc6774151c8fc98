"""When to stop: at the equilibrium of the minimax game, confirmed by a two-sample test."""

import logging
import os
import pathlib
from collections.abc import Mapping, MutableMapping
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kerasgan import theory
from kerasgan.validation.scalars import whole_number

from . import translations
from .writer import DIAGNOSTICS, ScalarLog, training_step

MIN_IMAGES = 50
"""With fewer images the spread of the two-sample test is so wide that it hardly ever rejects."""

STATE = ("equilibrium_epoch", "_could_tell", "_epochs_at_half", "_has_warned")


class Equilibrium(keras.callbacks.Callback):
    """Stops training when the discriminator cannot distinguish samples from real images, and a second test agrees.

    At the equilibrium q = p the discriminator's probability is 1/2 everywhere and its loss is log 4. An untrained
    discriminator has these values too, and so has one that is too weak. Training stops only if all of these hold:

    1. *It cannot tell now.* For `patience` epochs in a row the bound (log 4 - d_loss) / 2 of the Jensen-Shannon
       divergence is within `tolerance` of 0, and `d_real` and `d_fake` within sqrt(tolerance / 2) of 1/2 (a
       discriminator that says 1/2 + c everywhere has the bound -2 c^2).
    2. *It could tell before.* In an earlier epoch the bound was above `min_js_bound`.
    3. *A second test agrees.* A nearest-neighbor two-sample test between `real_images` and as many samples is no better
       than chance: `nearest_neighbor_accuracy` is at most `max_accuracy()`. If it is better, a warning says so once,
       and the test is repeated after `patience` more epochs.

    The bound is `training_diagnostics/js_bound` in TensorBoard, in the run `<log_dir>/equilibrium`, and
    `logs["js_bound"]` for callbacks later in the list and for the history.

    Limits: The bound is one of training batches, so a discriminator that memorizes them raises it, and the noise of
    a short epoch lowers it. In a run that starts from a good generator, or is resumed without `Checkpoint`, the
    discriminator may never have been able to tell; then training goes on. The test compares pixels. For images it is
    strict: a sample's nearest neighbor is another sample for reasons that nobody sees, so GANs of large images will
    rarely be stopped. For points it overlooks small differences in density. Samples that copy `real_images` are below
    chance and pass: give images that are not trained on.

    Args:
        real_images: real images in [-1, 1] or points, shape (m, ...), best not those trained on; at least 50.
        log_dir: folder of the run; None writes nothing for TensorBoard.
        tolerance: largest distance of the bound from 0; the divergence itself is in [0, log 2]. For two normal
            distributions of the same width 0.02 is a shift of 0.4 standard deviations.
        patience: number of epochs in a row.
        n: number of real images, and of samples, in the two-sample test; at most as many as in `real_images`.
        seed: int that fixes the choice of real images and the latents.
        stop: False only sets `equilibrium_epoch`, and training goes on.
        min_js_bound: value of the bound that shows a discriminator able to tell.
        margin: accuracy above chance that the test accepts in addition to the spread; no generator is exact.

    Attributes:
        equilibrium_epoch: the first epoch (from 0) in which all three held, or None.

    Raises:
        ValueError: for too few real images or values out of range. At the start of training, if the objective does not
            bound the Jensen-Shannon divergence, or real images and samples differ in shape.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, theorem 1; Lopez-Paz and Oquab, 2017, arXiv:1610.06545.
    """

    def __init__(
        self,
        real_images: ArrayLike,
        log_dir: str | os.PathLike | None = None,
        tolerance: float = 0.02,
        patience: int = 3,
        n: int = 500,
        seed: int = 0,
        stop: bool = True,
        min_js_bound: float = 0.05,
        margin: float = 0.02,
    ):
        super().__init__()
        n, real_images = whole_number("n", n, MIN_IMAGES), np.asarray(real_images)
        _check_settings(real_images, tolerance, min_js_bound, margin)
        chosen = np.random.default_rng(seed).permutation(len(real_images))[:n]
        self.real_images: np.ndarray = real_images[chosen]
        self.tolerance: float = tolerance
        self.min_js_bound: float = min_js_bound
        self.margin: float = margin
        self.patience: int = whole_number("patience", patience, 1)
        self.seed: int = seed
        self.stop: bool = stop
        self.equilibrium_epoch: int | None = None
        self._could_tell, self._epochs_at_half, self._has_warned = False, 0, False
        self._log = ScalarLog(None if log_dir is None else pathlib.Path(log_dir) / "equilibrium", DIAGNOSTICS)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        if not self.model.objective.bounds_js:
            raise ValueError(
                "Equilibrium needs an objective whose d_loss bounds the Jensen-Shannon divergence: one of cross-"
                f"entropy. Received: objective={self.model.objective!r}. Use objective='non_saturating', or stop on "
                "a metric of the samples with keras.callbacks.EarlyStopping."
            )
        if translations.translates(self.model):
            raise ValueError(
                "Equilibrium compares samples with real images, and draws them without a condition. Received: a GAN "
                f"with condition={self.model.condition!r}. Stop on a log of held-out pairs with "
                "keras.callbacks.EarlyStopping, such as 'val_loss'."
            )
        shape = self.model.generate(1, seed=self.seed).shape[1:]
        if shape != self.real_images.shape[1:]:
            raise ValueError(
                f"Real and generated images must have the same shape. Received: real_images of shape "
                f"{self.real_images.shape[1:]}, generated images of shape {shape}. Pass images as fit() takes them."
            )
        self._epochs_at_half = 0

    def on_epoch_end(self, epoch: int, logs: MutableMapping[str, float] | None = None) -> None:
        logs = {} if logs is None else logs
        bound = float(theory.js_lower_bound(np.mean(logs["d_loss"])))
        logs["js_bound"] = bound
        self._log.write({"js_bound": bound}, training_step(self.model))
        self._could_tell = self._could_tell or bound > self.min_js_bound
        self._epochs_at_half = self._epochs_at_half + 1 if self._is_at_half(bound, logs) else 0
        if self._epochs_at_half >= self.patience and self._test_agrees() and self._could_tell:
            self.equilibrium_epoch = epoch if self.equilibrium_epoch is None else self.equilibrium_epoch
            self.model.stop_training = self.model.stop_training or self.stop

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._log.close()

    def get_state(self) -> dict[str, Any]:
        """Returns what `Checkpoint` saves: the epochs counted so far, and what was seen in them."""
        return {name: getattr(self, name) for name in STATE}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what `get_state` returned.

        Raises:
            ValueError: for anything else.
        """
        if not isinstance(state, dict) or set(state) != set(STATE) or not isinstance(state["_epochs_at_half"], int):
            raise ValueError(f"The state must be one that Equilibrium returned. Received: state={str(state)[:200]}.")
        for name, value in state.items():
            setattr(self, name, value)

    def max_accuracy(self) -> float:
        """Returns the largest accuracy that counts as chance, 1/2 + 3 sqrt(1 / (8 m)) + margin, for m images of each.

        sqrt(1 / (8 m)) is the standard deviation of the frequency of heads in 2 m tosses of a coin. Two samples that
        are each other's nearest neighbor are right or wrong together, which widens the true spread by up to sqrt(2):
        three deviations of the coin are two true ones, and a little more.
        """
        return theory.EQUILIBRIUM_PROBABILITY + 3.0 * np.sqrt(1.0 / (8.0 * len(self.real_images))) + self.margin

    def _is_at_half(self, bound, logs):
        limit = np.sqrt(self.tolerance / 2.0)
        means = np.array([np.mean(logs["d_real"]), np.mean(logs["d_fake"])])
        return abs(bound) <= self.tolerance and bool(np.all(np.abs(means - theory.EQUILIBRIUM_PROBABILITY) <= limit))

    def _test_agrees(self):
        samples = self.model.generate(len(self.real_images), seed=self.seed)
        accuracy = nearest_neighbor_accuracy(self.real_images, samples)
        self._log.write({"nearest_neighbor_accuracy": accuracy}, training_step(self.model))
        if accuracy <= self.max_accuracy():
            return True
        self._epochs_at_half = 0
        if not self._has_warned:
            logging.getLogger(__name__).warning(
                "the discriminator is too weak: its probabilities are 1/2, but nearest neighbors distinguish real "
                "images from samples with accuracy %.2f. Give it more capacity, more steps (d_steps) or a higher "
                "learning rate.",
                accuracy,
            )
        self._has_warned = True
        return False


def nearest_neighbor_accuracy(real: ArrayLike, generated: ArrayLike) -> float:
    """Returns the frequency with which a sample's nearest neighbor, among all others, is of the same kind.

    This is the leave-one-out accuracy of a 1-nearest-neighbor classifier on Euclidean distance. It is about 1/2 if both
    kinds have the same distribution, near 1 if they are far apart, and near 0 if each generated sample is a copy of a
    real one.

    Args:
        real: shape (m, ...).
        generated: shape (m, ...). Chance is 1/2 only for equal numbers.

    Returns:
        A float in [0, 1]; 1.0 if a generated value is not finite.

    Raises:
        ValueError: if the two shapes differ.

    Reference: Lopez-Paz and Oquab, 2017, arXiv:1610.06545; Xu et al., 2018, arXiv:1806.07755.
    """
    from sklearn.neighbors import NearestNeighbors

    if np.shape(real) != np.shape(generated):
        raise ValueError(
            f"The test takes equally many samples of both kinds. Received: real of shape {np.shape(real)}, generated "
            f"of shape {np.shape(generated)}. Leave out some of the larger set."
        )
    real, generated = np.asarray(real), np.asarray(generated)
    if not np.isfinite(generated).all():
        return 1.0
    samples = np.concatenate([real, generated]).reshape(2 * len(real), -1).astype("float64")
    is_real = np.arange(2 * len(real)) < len(real)
    nearest = NearestNeighbors(n_neighbors=1).fit(samples).kneighbors(return_distance=False)[:, 0]
    return float(np.mean(is_real[nearest] == is_real))


def _check_settings(real_images, tolerance, min_js_bound, margin):
    if real_images.ndim < 2 or len(real_images) < MIN_IMAGES:
        raise ValueError(
            f"The two-sample test needs at least {MIN_IMAGES} real images of shape (m, height, width, channels), or "
            f"points (m, d). Received: real_images.shape={real_images.shape}. Some hundreds make it sharp."
        )
    if not 0.0 < tolerance < min_js_bound < theory.js_lower_bound(0.0) or not 0.0 <= margin < 0.5:
        raise ValueError(
            "The bounds must satisfy 0 < tolerance < min_js_bound < log 2 and 0 <= margin < 1/2. Received: tolerance="
            f"{tolerance}, min_js_bound={min_js_bound}, margin={margin}. The defaults are 0.02, 0.05 and 0.02."
        )
