"""What held-out images show at the end of an epoch: training images that are memorized or copied. For `Guard`."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasgan import backend, metrics
from kerasgan.datasets.sample import MAX_BYTES, Sample, Samples
from kerasgan.networks.inputs import network_inputs

from . import failure_rules, translations
from .failure_rules import Failure
from .writer import training_step

AUC = "d_memorization_auc"
"""The log: the probability that the discriminator gives a training image a larger logit than a held-out image."""

BATCH_SIZE = 128
MAX_SAMPLES = 500
MAX_PIXELS = 16
MIN_TRAINING, MIN_HELD_OUT, MIN_DIFFERENT = 10, 5, 4  # what `kerasgan.metrics.copying` needs


class HeldOutMeasures:
    """Two measures of memorization, and the failures that they show. Training is the same without them.

    - The discriminator: the probability that it ranks a training image above a held-out one (`ranking`), by the weights
      at the end of the epoch, in inference mode, without augmentation. It is measured in every epoch with validation,
      on up to 1,000 images of each kind, which are always the same (`kerasgan.datasets.sample`).
    - The generator: whether samples are nearer to training images than they should be (`kerasgan.metrics.copying`), on
      pixels, after epochs 1, 2, 4, 8 and so on, and after the last. Without held-out images only samples that almost
      equal a training image are found. Of a large data set up to 1,000 images are compared, so that copies of the
      others are overlooked; a data set that is copied as a whole is found all the same by its held-out images.

    Points, which are no images, are not compared. Where the condition is an image, samples are the translations of
    held-out conditions, since those of training images should be near to these; a `CycleGAN` is not looked at for
    copies.
    """

    def __init__(self):
        self._epochs_above = 0  # epochs in a row with a discriminator that has memorized
        self._is_copying = False
        self._model, self._samples, self._logits = None, Samples(), None

    def begin(self, model: keras.Model) -> None:
        """Prepares for a `fit` of a `kerasgan.GAN`."""
        self._model = model
        fit = model.current_fit
        self._samples = Samples() if fit is None else fit.samples
        self._logits = backend.inference(model.discriminator)

    def measure(self, epoch: int, logs: Mapping[str, Any], is_last: bool) -> tuple[dict[str, float], list[Failure]]:
        """Returns the values that are measured at the end of an epoch, and new failures.

        Args:
            epoch: the number of the epoch, from 0.
            logs: the logs of the epoch.
            is_last: whether it is the last.
        """
        values, failures = {}, []
        auc = self._auc() if "val_d_loss" in logs else None
        if auc is not None:
            values[AUC], sizes = auc
            failures += self._memorized(values[AUC], sizes)
        number = epoch + 1
        if is_last or number & (number - 1) == 0:
            found = self._copying()
            if found is not None:
                values["copying_excess"] = found[0].excess
                failures += self._copied(*found)
        return values, failures

    def get_state(self) -> dict[str, Any]:
        """Returns what a resumed training needs, as plain numbers."""
        return {"epochs_above": self._epochs_above, "is_copying": self._is_copying}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restores what `get_state` returned.

        Raises:
            ValueError: for anything else.
        """
        types = {"epochs_above": int, "is_copying": bool}
        if not isinstance(state, dict) or {name: type(value) for name, value in state.items()} != types:
            raise ValueError(f"The state must be one that HeldOutMeasures returned. Received: {str(state)[:200]}.")
        self._epochs_above, self._is_copying = state["epochs_above"], state["is_copying"]

    def _auc(self):
        """Returns the probability, and how many images of each kind it is from; None where it cannot be measured."""
        arrays = [_arrays_of(sample) for sample in (self._samples.training, self._samples.held_out)]
        if None in arrays:
            return None
        training, held_out = (self._logits_of(*each) for each in arrays)
        return ranking(training, held_out), (len(training), len(held_out))

    def _logits_of(self, images, labels):
        """Returns the logits, (n,); every batch has the same size, so that there is one function to compile."""
        logits, inputs = [], translations.discriminator_inputs(self._model, images, labels)
        for start in range(0, len(images), BATCH_SIZE):
            parts = [_padded(each[start : start + BATCH_SIZE]) for each in inputs]
            found = np.asarray(self._logits(network_inputs(*parts)), "float32")
            logits.append(found.reshape(len(found), -1).mean(axis=1))  # of a map, its mean
        return np.concatenate(logits)[: len(images)]

    def _memorized(self, auc, sizes):
        failure = failure_rules.overfitted_discriminator(training_step(self._model), auc, *sizes)
        if failure is not None:
            self._epochs_above += 1
            return [failure] if self._epochs_above == failure_rules.AUC_EPOCHS else []
        # A failure that was reported is gone when the value is halfway back.
        if self._epochs_above < failure_rules.AUC_EPOCHS or auc < (0.5 + failure_rules.MAX_AUC) / 2:
            self._epochs_above = 0
        return []

    def _copying(self):
        """Returns a `metrics.Copying`, and how many images of each kind were compared; None where there are too few."""
        training, held_out = (_arrays_of(sample) for sample in (self._samples.training, self._samples.held_out))
        if training is None or training[0].ndim != 4 or len(training[0]) < MIN_TRAINING:
            return None
        samples, real = self._samples_of(_num_samples(training[0].shape[1:]), held_out), training[0]
        if samples is None:
            return None
        if self._samples.training.mirrored:
            real = np.concatenate([real, real[:, :, ::-1]])
        features = small_pixels(real)
        if not np.isfinite(samples).all() or len(np.unique(features, axis=0)) < MIN_DIFFERENT:
            return None  # other rules report these
        others = None if held_out is None or len(held_out[0]) < MIN_HELD_OUT else small_pixels(held_out[0])
        sizes = len(training[0]), 0 if others is None else len(others)
        return metrics.copying(small_pixels(samples), features, others), sizes

    def _samples_of(self, n, held_out):
        """Returns at most n samples; None where the samples of a translation say nothing about copies."""
        if not translations.translates(self._model):
            return self._model.generate(n, seed=0)
        if held_out is None or len(held_out[0]) < MIN_TRAINING or translations.translates_both_ways(self._model):
            return None
        return self._model.translate(held_out[1][:n])

    def _copied(self, found, sizes):
        failure = failure_rules.copied_images(training_step(self._model), found, *sizes)
        was_copying, self._is_copying = self._is_copying, failure is not None
        return [] if failure is None or was_copying else [failure]


def ranking(higher: np.ndarray, lower: np.ndarray) -> float:
    """Returns the probability that a value of `higher` is above one of `lower`; equal values count one half.

    It is the area under the ROC curve, or the statistic U of Mann and Whitney as a share of all pairs: 0.5 for values
    that do not differ, 1 where all of `higher` are above all of `lower`. It is the same if a constant is added to all.

    Args:
        higher, lower: arrays (n,) and (m,).

    Returns:
        A float in [0, 1]; NaN if a value is NaN.

    Example:
        >>> import numpy as np
        >>> ranking(np.array([3.0, 1.0]), np.array([1.0, 2.0]))
        0.625
    """
    higher, lower = np.asarray(higher, "float64"), np.sort(np.asarray(lower, "float64"))
    if np.isnan(higher).any() or np.isnan(lower).any():
        return math.nan
    below, not_above = (np.searchsorted(lower, higher, side) for side in ("left", "right"))
    return float(np.mean((below + not_above) / 2) / len(lower))


def small_pixels(images: np.ndarray) -> np.ndarray:
    """Returns images (n, height, width, channels) as features (n, width): at most 16 x 16 means over squares."""
    factor = -(-max(images.shape[1:3]) // MAX_PIXELS)
    height, width = (max(size // factor, 1) for size in images.shape[1:3])
    cut = images[:, : height * factor, : width * factor]
    squares = cut.reshape(len(images), height, -1, width, cut.shape[2] // width, images.shape[3])
    return squares.mean(axis=(2, 4), dtype="float64").reshape(len(images), -1)


def _arrays_of(sample: Sample | None):
    return None if sample is None else sample.arrays()


def _padded(values):
    missing = BATCH_SIZE - len(values)
    return np.concatenate([values, np.zeros((missing, *values.shape[1:]), values.dtype)])


def _num_samples(shape):
    return max(MIN_TRAINING, min(MAX_SAMPLES, MAX_BYTES // 4 // (4 * math.prod(shape))))
