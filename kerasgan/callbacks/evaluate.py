"""Whether the samples are getting better, as numbers, inside `fit`."""

import math
import pathlib

import keras
import numpy as np

from kerasgan import evaluation
from kerasgan.validation import errors

from .writer import SummaryWriter, training_step, whole_number

METRICS = {
    "fid": "frechet",
    "kid": "kernel",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "js": "class_divergence",
    "score": "classifier_score",
}
"""Names in the logs (after `val_`), and the fields of `kerasgan.evaluation.Evaluation` that they stand for."""

WORST = {"fid": math.inf, "kid": math.inf, "js": math.log(2), "score": 1.0}
FEWEST_IMAGES = 10


class Evaluate(keras.callbacks.Callback):
    """Measures generated samples against real images every few epochs: `val_fid`, `val_kid`, `val_precision` ...

    The keys are put into the epoch's logs, where the history and callbacks that come *later in the list* find them:

        callbacks=[Evaluate(real, "pixels"), keras.callbacks.ModelCheckpoint("best.keras", monitor="val_fid",
                   mode="min", save_best_only=True)]

    Keras cannot know that less is better: give those callbacks `mode="min"`, or `"max"` for precision, recall, density,
    coverage and score. `val_fid` is the Frechet distance on the features of *this* extractor, and `val_kid` its kernel
    distance; they are comparable within a run and between runs with the same extractor, `n` and real images, and not
    with published figures of the Inception network.

    On epochs that are not evaluated the last figures are repeated, so that the columns of history and CSV files stay
    whole; the first epoch of the first fit is always evaluated. To ModelCheckpoint a repeated figure is no improvement,
    and EarlyStopping counts such epochs: make its patience a multiple of `every_epochs`. Samples that are not finite
    get the worst figures there are: an infinite distance, 0 precision.

    A conditional game is judged with labels drawn evenly from the classes: give it real images in such shares.

    The real images are looked at once, when training begins. Samples come from latents of their own, always the same:
    training is the same without this callback.

    Args:
        real_images: float (m, ...) in [-1, 1], best not those trained on; or a `kerasgan.evaluation.Real`, which
            several callbacks or runs can share.
        extractor: as for `kerasgan.features.get`: an `Extractor`, a Keras model, "pixels" ...; None for that of `Real`.
        log_dir: folder of the run, for the same figures as scalars of TensorBoard, run `<log_dir>/evaluation`, over
            training steps; None writes none.
        every_epochs: epochs from one evaluation to the next.
        n: how many of the real images, and as many generated ones; no more than there are. Frechet distances are
            biased for few: take more than the features are wide.
        metrics: what to measure, names among `METRICS`; "js" and "score" need an extractor that classifies.
        seed: int that fixes the choice of real images, the latents and the subsets of the kernel distance.
        options: further options of `kerasgan.evaluation.evaluate`: `k`, `subsets`, `subset_size`.

    Attributes:
        latest: the last `kerasgan.evaluation.Evaluation`, or None.

    Raises:
        ValueError: for settings out of range; when training begins, for images of another shape than the generated
            ones, or metrics that the extractor cannot give.
    """

    def __init__(
        self,
        real_images,
        extractor=None,
        log_dir=None,
        every_epochs=1,
        n=5000,
        metrics=("fid", "kid", "precision", "recall"),
        seed=0,
        options=None,
    ):
        super().__init__()
        n = whole_number("n", n, least=FEWEST_IMAGES)
        self.real = _chosen(real_images, n, seed)
        self.extractor = extractor
        self.every_epochs = whole_number("every_epochs", every_epochs, least=1)
        self.metrics = _checked(metrics)
        self.seed = seed
        self.options = dict(options or {})
        self.latest = None
        self._logs = {}
        self._writer = None if log_dir is None else SummaryWriter(pathlib.Path(log_dir) / "evaluation")

    def on_train_begin(self, logs=None):
        shape = self.model.generate(1, seed=self.seed).shape[1:]
        if not isinstance(self.real, evaluation.Real):
            if self.real.shape[1:] != shape:
                raise ValueError(
                    f"Real and generated images must have the same shape. Received: real_images of shape "
                    f"{self.real.shape[1:]}, generated images of shape {shape}. Pass the images that fit() is given."
                )
            self.real = evaluation.see(self.real, self.extractor)
        classes = {"js", "score"} & set(self.metrics)
        if classes and self.real.features.probabilities is None:
            raise ValueError(
                f"The metrics {sorted(classes)} need an extractor that classifies. Received: "
                f"extractor={self.real.extractor.name!r}. Use kerasgan.features.classifier, or leave them out."
            )

    def on_epoch_end(self, epoch, logs=None):
        if not self._logs or (epoch + 1) % self.every_epochs == 0:
            self._logs = self._measured()
            self._write(self._logs)
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in self._logs.items()})

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()

    def get_state(self):
        """Returns the last figures, which stand in the logs of the epochs between two evaluations, for `Checkpoint`."""
        return {"logs": {name: float(value) for name, value in self._logs.items()}}

    def set_state(self, state):
        """Gives it back what `get_state` returned. Raises ValueError for anything else."""
        logs = state.get("logs") if isinstance(state, dict) else None
        if not isinstance(logs, dict) or not all(isinstance(value, float) for value in logs.values()):
            raise ValueError(f"The state must be one that Evaluate returned. Received: state={str(state)[:200]}.")
        self._logs = logs

    def _measured(self):
        samples = self.model.generate(len(self.real.features.features), seed=self.seed)
        if not np.isfinite(samples).all():
            return {name: WORST.get(name, 0.0) for name in self.metrics}
        wanted = [METRICS[name] for name in self.metrics]
        self.latest = evaluation.evaluate(self.real, samples, wanted=wanted, seed=self.seed, **self.options)
        return {name: getattr(self.latest, METRICS[name]) for name in self.metrics}

    def _write(self, values):
        if self._writer is not None:
            for name, value in values.items():
                self._writer.scalar(name, value, training_step(self.model))
            self._writer.flush()


def _chosen(real_images, n, seed):
    if isinstance(real_images, evaluation.Real):
        return real_images
    images = np.asarray(real_images)
    if images.ndim < 2 or len(images) < FEWEST_IMAGES:
        raise ValueError(
            f"There must be at least {FEWEST_IMAGES} real images of shape (m, height, width, channels), or points "
            f"(m, d). Received: real_images.shape={images.shape}. Some thousands make the figures steady."
        )
    return images[np.random.default_rng(seed).permutation(len(images))[:n]]


def _checked(metrics):
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    for name in names:
        if name not in METRICS:
            raise errors.unknown_name("metric", name, METRICS)
    if not names:
        raise ValueError(f"There must be something to measure. Received: metrics={metrics!r}. Take 'fid', for example.")
    return names
