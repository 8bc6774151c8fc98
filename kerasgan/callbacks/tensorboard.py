"""Keras's TensorBoard callback, with the losses on one chart."""

import os
from collections.abc import Mapping
from typing import Any

import keras

from kerasgan import backend, keras_internals
from kerasgan.validation import paths

from .evaluate import METRICS
from .held_out import AUC
from .writer import DIAGNOSTICS, EVALUATION, LOSSES, TRAINING, training_step, warn_of_write_errors

# For each log the run, within that of training or validation, and the tag. One tag is one chart, with a line per run.
CHARTS = {
    "loss": ("", f"{LOSSES}/loss"),
    "d_loss": ("discriminator", f"{LOSSES}/loss"),
    "g_loss": ("generator", f"{LOSSES}/loss"),
    "d_penalty": ("", f"{LOSSES}/d_penalty"),
    "d_class_loss": ("", f"{LOSSES}/d_class_loss"),
    "g_reconstruction": ("", f"{LOSSES}/g_reconstruction"),
    "d_learning_rate": ("discriminator", f"{TRAINING}/learning_rate"),
    "g_learning_rate": ("generator", f"{TRAINING}/learning_rate"),
    AUC: ("", f"{DIAGNOSTICS}/{AUC}"),
    "js_bound": ("", f"{DIAGNOSTICS}/js_bound"),
    **{name: ("", f"{EVALUATION}/{name}") for name in METRICS},
}


class TensorBoard(keras_internals.TensorBoardHooks):
    """Keras's TensorBoard callback for a GAN: all losses on one chart, which comes first on the page.

    A chart of TensorBoard is a tag, with a line for each run that has it. The runs are the folders `train` and
    `validation`, each with `discriminator` and `generator` for what both networks have:

    - `losses/loss`: the total, the discriminator's and the generator's loss; `losses/d_penalty`; `losses/d_class_loss`
      of an auxiliary classifier; `losses/g_reconstruction`, the distance from the real images of the same conditions;
    - `training/learning_rate`: of both optimizers; `training/<name>`: all other logs;
    - `samples_evaluation/<name>`: metrics of `Evaluate`, if it comes before this callback in the list;
    - `training_diagnostics/<name>`: `d_memorization_auc` of `Guard` and `js_bound` of `Equilibrium`, if these callbacks
      come before it.

    The x axis is the training step, as for the other callbacks of kerasgan. Lines have a point for the first batch and
    one for each epoch. With an integer `update_freq` they also have one after every so many batches: the means over the
    epoch so far.

    A full disk does not end training, but is warned of. On JAX this callback does not need TensorFlow, and writes no
    histograms.

    Args:
        log_dir: folder of the run.
        options: further arguments of `keras.callbacks.TensorBoard`, such as `update_freq`, `histogram_freq` or
            `profile_batch`.

    Example:
        >>> import numpy as np, tempfile
        >>> import kerasgan
        >>> gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16), latent_dim=4)
        >>> gan.compile()
        >>> board = kerasgan.callbacks.TensorBoard(tempfile.mkdtemp())
        >>> history = gan.fit(np.zeros((8, 8, 8, 1), "float32"), callbacks=[board], verbose=0)
    """

    def __init__(self, log_dir: str | os.PathLike = "logs", **options: Any):
        if backend.NAME == "tensorflow":
            paths.check_utf8("log_dir", log_dir)
        super().__init__(log_dir, **options)
        self._in_fit, self._is_new = False, False

    def summary_module(self) -> Any:
        """Returns what scalars are written with."""
        return backend.summaries()

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        self._in_fit = False

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        super().on_train_begin(logs)
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._is_new = training_step(self.model) == 0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        with warn_of_write_errors(self.log_dir):
            # Without logs: Keras would write them ungrouped, or keep 5 kB of memory for each batch if it writes none.
            super().on_train_batch_end(batch, None)
            if self._is_new:  # TensorBoard opens the groups that it finds first
                self._write("train", logs or {})
                self._flush()
            elif self.update_freq != "epoch" and self.batches_seen() % self.update_freq == 0:
                self._write("train", logs or {})
            self._is_new = False

    def write_epoch(self, logs: Mapping[str, float]) -> None:
        """Writes the logs of an epoch, and the learning rates."""
        for optimizer, name in ((self.model.d_optimizer, "d"), (self.model.g_optimizer, "g")):
            logs = {**logs, f"{name}_learning_rate": float(keras.ops.convert_to_numpy(optimizer.learning_rate))}
        if self.write_steps_per_second:
            logs = {**logs, "steps_per_second": self.steps_per_second()}
        self._write("train", {name: value for name, value in logs.items() if not name.startswith("val_")})
        self._write("validation", {name[4:]: value for name, value in logs.items() if name.startswith("val_")})
        self._flush()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        with warn_of_write_errors(self.log_dir):
            super().on_epoch_end(epoch, logs)

    def on_test_end(self, logs: Mapping[str, float] | None = None) -> None:
        with warn_of_write_errors(self.log_dir):
            super().on_test_end({})
            if not self._in_fit:  # within `fit`, the logs of the epoch hold them
                self._write("validation", logs or {})
                self._flush()

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._in_fit = False
        with warn_of_write_errors(self.log_dir):
            super().on_train_end(logs)

    def _write(self, run, logs):
        step = training_step(self.model)
        for name, value in logs.items():
            part, tag = CHARTS.get(name, ("", f"{TRAINING}/{name}"))
            with self.summary.record_if(lambda: True), self.run_writer(os.path.join(run, part)).as_default():
                self.summary.scalar(tag, value, step=step)

    def _flush(self):
        for writer in self.run_writers():
            writer.flush()
