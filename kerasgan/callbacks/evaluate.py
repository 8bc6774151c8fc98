"""Metrics of the samples while training goes on."""

import math
import os
import pathlib
import warnings
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kerasgan import conditions as kinds
from kerasgan import evaluation, metrics
from kerasgan.validation import errors
from kerasgan.validation.scalars import whole_number

from . import translations
from .writer import EVALUATION, ScalarLog, training_step

METRICS = evaluation.METRICS

WORST = dict.fromkeys(("fid", "fid_infinity", "kid", "l1"), math.inf) | {"js": math.log(2), "score": 1.0, "copies": 1.0}
"""Values for samples that are not finite; 0 for all other metrics."""

MIN_IMAGES = 10


class Evaluate(keras.callbacks.Callback):
    """Compares samples with real images every few epochs: `val_fid`, `val_kid`, `val_precision` and so on.

    The metrics are in the epoch's logs, for the history and for callbacks that are *later in the list*. Keras does not
    know which of them should be small: give such callbacks `mode="min"`, or `"max"` for precision, recall, density,
    coverage and score.

    `val_fid` is the Frechet distance of the features of *this* extractor, and `val_kid` their kernel distance. They can
    be compared within a run, and between runs with the same extractor, `n` and real images, but not with published
    values, which use the Inception network.

    Epochs without an evaluation repeat the last values, so that all columns of the history and of CSV files are
    complete. The first epoch of the first fit is always evaluated. For `ModelCheckpoint` a repeated value is no
    improvement, and `EarlyStopping` counts such epochs: make its patience a multiple of `every_epochs`. Samples that
    are not finite get the worst values there are: an infinite distance, precision 0.

    A conditional GAN draws with the labels of the real images, or without them in equal shares; with the conditions of
    the real images, where these are several labels or numbers, or else with drawn ones. A GAN whose condition is an
    image translates `conditions`, and can be compared with the truth of each by the metric "l1"; a `kerasgan.CycleGAN`
    translates them from domain a to domain b. Metrics that have too
    few images to say something are warned of, once. The features of the real images are extracted once, at the start of
    training. The latents are always the same, and training is the same without this callback.

    Args:
        real_images: float (m, ...) in [-1, 1], best not those trained on; or a `kerasgan.evaluation.Real`, which
            several callbacks or runs can share.
        extractor: as for `kerasgan.features.get`: an `Extractor`, a Keras model, "pixels" and so on; None for the one
            of a `Real`.
        log_dir: folder of the run, for the same values as `samples_evaluation/<name>` in TensorBoard, in the run
            `<log_dir>/evaluation`; None writes nothing.
        every_epochs: number of epochs between two evaluations.
        n: number of real images, and of samples; at most as many as there are real images. Frechet distances are
            biased for few: take more than there are features.
        metrics: names of `kerasgan.evaluation.METRICS`; "js" and "score" need an extractor that classifies.
        seed: int that fixes the choice of real images, the latents and the subsets of the kernel distance.
        options: further arguments of `kerasgan.evaluation.evaluate`: `k`, `subsets`, `subset_size`.
        labels: classes of the real images, int (m,); None for classes in equal shares, or those of a `Real`.
        training_images: those that `fit` trains on, float (l, ...) in [-1, 1], or a `Real`; for the metric "copies",
            which needs them. The real images must be held out then.
        conditions: other conditions of the real images than classes, (m, ...); of a `kerasgan.CycleGAN`, whose real
            images are of domain b, images of domain a.

    Attributes:
        latest: the last `kerasgan.evaluation.Evaluation`, or None.

    Raises:
        ValueError: for values out of range, or "copies" without training images. At the start of training, if real
            images and samples differ in shape, or the extractor cannot give a metric.

    Example:
        >>> import tempfile
        >>> import keras, numpy as np
        >>> import kerasgan
        >>> images = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 1)).astype("float32")
        >>> gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16), latent_dim=4)
        >>> gan.compile()
        >>> evaluate = kerasgan.callbacks.Evaluate(images, "pixels", metrics=["fid", "recall"])
        >>> best = keras.callbacks.ModelCheckpoint(
        ...     tempfile.mkdtemp() + "/best.keras", monitor="val_fid", mode="min", save_best_only=True
        ... )
        >>> history = gan.fit(images, epochs=2, callbacks=[evaluate, best], verbose=0)
        >>> len(history.history["val_fid"])
        2
    """

    def __init__(
        self,
        real_images: "ArrayLike | evaluation.Real",
        extractor: Any = None,
        log_dir: str | os.PathLike | None = None,
        every_epochs: int = 1,
        n: int = 5000,
        metrics: str | Sequence[str] = ("fid", "kid", "precision", "recall"),
        seed: int = 0,
        options: Mapping[str, Any] | None = None,
        labels: ArrayLike | None = None,
        training_images: "ArrayLike | evaluation.Real | None" = None,
        conditions: ArrayLike | None = None,
    ):
        super().__init__()
        n = whole_number("n", n, MIN_IMAGES)
        self.real: np.ndarray | evaluation.Real
        self.labels: np.ndarray | None
        self.conditions: np.ndarray | None
        self.real, self.labels, self.conditions = _choose(real_images, labels, conditions, n, seed)
        self._truth = self.real  # the images, where they are given
        self.training_images: Any = training_images
        self.extractor: Any = extractor
        self.every_epochs: int = whole_number("every_epochs", every_epochs, 1)
        self.metrics: tuple[str, ...] = _check_metrics(metrics, training_images)
        self.seed: int = seed
        self.options: dict[str, Any] = dict(options or {})
        self.latest: evaluation.Evaluation | None = None
        self._logs = {}
        self._scalars = ScalarLog(None if log_dir is None else pathlib.Path(log_dir) / "evaluation", EVALUATION)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._check_conditions()
        shape = tuple(self.model.image_shape)
        if translations.translates_both_ways(self.model):
            shape = (*shape[:2], self.model.channels[1])
        if not isinstance(self.real, evaluation.Real):
            if self.real.shape[1:] != shape:
                raise ValueError(
                    f"Real and generated images must have the same shape. Received: real_images of shape "
                    f"{self.real.shape[1:]}, generated images of shape {shape}. Pass images as fit() takes them."
                )
            self.real = evaluation.extract_real(self.real, self.extractor, self.labels)
        if self.training_images is not None:
            self.training_images = evaluation.extract_real(self.training_images, self.real.extractor)
        self._warn_of_few()
        class_metrics = {"js", "score"} & set(self.metrics)
        if class_metrics and self.real.features.probabilities is None:
            raise ValueError(
                f"The metrics {sorted(class_metrics)} need an extractor that classifies. Received: "
                f"extractor={self.real.extractor.name!r}. Use kerasgan.features.classifier, or leave them out."
            )

    def on_epoch_end(self, epoch: int, logs: MutableMapping[str, float] | None = None) -> None:
        if not self._logs or (epoch + 1) % self.every_epochs == 0:
            self._logs = self._evaluate()
            self._scalars.write(self._logs, training_step(self.model))
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in self._logs.items()})

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._scalars.close()

    def get_state(self) -> dict[str, Any]:
        """Returns what `Checkpoint` saves: the last values, which the logs repeat until the next evaluation."""
        return {"logs": {name: float(value) for name, value in self._logs.items()}}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what `get_state` returned.

        Raises:
            ValueError: for anything else.
        """
        logs = state.get("logs") if isinstance(state, dict) else None
        if not isinstance(logs, dict) or not all(isinstance(value, float) for value in logs.values()):
            raise ValueError(f"The state must be one that Evaluate returned. Received: state={str(state)[:200]}.")
        self._logs = logs

    def _check_conditions(self):
        condition = self.model.data_spec[1]
        translates = translations.translates(self.model)
        if translates and self.conditions is None:
            raise ValueError(
                "A GAN whose condition is an image is evaluated on given ones. Received: conditions=None. Pass "
                "Evaluate(real_images, conditions=inputs), in the order of the real images."
            )
        if self.conditions is not None and translations.translates_both_ways(self.model):
            condition = kinds.Image((*self.model.image_shape[:2], self.model.channels[0]))
        if self.conditions is not None:
            if condition is None:
                raise ValueError("Only a GAN with a condition is evaluated with conditions. Leave conditions out.")
            condition.check_array(self.conditions, len(self.conditions))
        if "l1" not in self.metrics:
            self._truth = None
        elif not translates or translations.translates_both_ways(self.model) or not isinstance(self._truth, np.ndarray):
            raise ValueError(
                "The metric 'l1' compares translations with the real images of their pairs. Received: metrics="
                f"{self.metrics} for a GAN without pairs, or for features of real images. Leave 'l1' out, or pass the "
                "images, and the conditions of each, to a GAN whose condition is an image."
            )

    def _warn_of_few(self):
        notes = {name: metrics.too_few(name, *self.real.features.features.shape) for name in self.metrics}
        notes = {name: note for name, note in notes.items() if note is not None}
        if notes:
            warnings.warn(
                f"Evaluate has few real images for {', '.join(notes)}: {next(iter(notes.values()))}. Compare the "
                "values with each other only, or give more images.",
                stacklevel=2,
            )

    def _samples(self):
        """Returns samples with the labels of the real images, where these are known."""
        if translations.translates(self.model):
            return self.model.translate(self.conditions)
        given = {"condition": self.conditions}
        if self.model.num_classes is not None:
            given = {"labels": self.real.labels}
        return self.model.generate(len(self.real.features.features), seed=self.seed, **given)

    def _evaluate(self):
        samples = self._samples()
        if not np.isfinite(samples).all():
            return {name: WORST.get(name, 0.0) for name in self.metrics}
        options = {"seed": self.seed, "training_images": self.training_images, "truth": self._truth} | self.options
        self.latest = evaluation.evaluate(self.real, samples, metrics=self.metrics, **options)
        return {name: self.latest.value(name) for name in self.metrics}


def _choose(real_images, labels, conditions, n, seed):
    """Returns n of the real images, their labels and their conditions, or a `Real` as it is."""
    conditions = None if conditions is None else np.asarray(conditions)
    if isinstance(real_images, evaluation.Real):
        _check_count(conditions, len(real_images.features.features))
        return real_images, None, conditions
    images = np.asarray(real_images)
    if images.ndim < 2 or len(images) < MIN_IMAGES:
        raise ValueError(
            f"There must be at least {MIN_IMAGES} real images of shape (m, height, width, channels), or points (m, d). "
            f"Received: real_images.shape={images.shape}. Some thousands give steady values."
        )
    labels = None if labels is None else np.asarray(labels)
    if labels is not None and labels.shape != (len(images),):
        raise ValueError(
            f"There must be one label for each real image. Received: labels of shape {labels.shape} for {len(images)} "
            "images. Pass labels as integers (m,)."
        )
    _check_count(conditions, len(images))
    chosen = np.random.default_rng(seed).permutation(len(images))[:n]
    return (images[chosen], *(None if each is None else each[chosen] for each in (labels, conditions)))


def _check_count(conditions, count):
    if conditions is not None and len(conditions) != count:
        raise ValueError(
            f"There must be one condition for each real image. Received: {len(conditions)} conditions for {count} "
            "images. Pass them in the order of the images."
        )


def _check_metrics(metrics, training_images):
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    for name in names:
        if name not in METRICS:
            raise errors.unknown_name("metric", name, METRICS)
    if "copies" in names and training_images is None:
        raise ValueError(
            "The metric 'copies' compares samples with the training images. Received: training_images=None. Pass those "
            "that fit() trains on, and held-out images as real_images."
        )
    if not names:
        raise ValueError(f"There must be at least one metric. Received: metrics={metrics!r}. Use metrics='fid'.")
    return names
