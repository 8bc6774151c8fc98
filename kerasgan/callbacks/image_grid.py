"""Samples to look at while training goes on."""

import math
import pathlib

import keras
import numpy as np

from kerasgan import pictures

from .writer import PictureLog, training_step, whole_number


class ImageGrid(keras.callbacks.Callback):
    """Draws generated samples every few epochs, always from the same latents, so that one can see them grow.

    Each grid is the image "samples" in TensorBoard and the file `<log_dir>/images/samples-<step>.png`; the real data is
    "real" and `real.png`, once. Steps are those of the generator's optimizer. Point sets are drawn as plots, the real
    points in grey beneath. A conditional game shows one class a row, the same latents in each. Looking draws nothing
    from the model's random state: training is the same without it.

    Args:
        log_dir: folder of the run; the pictures go into `<log_dir>/images`.
        n: samples in a grid; by class, as many of each as go into it, and at least one. Of very many classes some are
            shown, spread over all.
        every_epochs: epochs from one grid to the next.
        seed: int that fixes the latents.
        real: real images (n, height, width, channels) in [-1, 1] or points (n, d), of which the first `n` images, or
            all points, are shown; `None` shows none.

    Raises:
        ValueError: if `n` or `every_epochs` is no positive whole number, or `real` cannot be drawn.
    """

    def __init__(self, log_dir, n=64, every_epochs=1, seed=0, real=None):
        super().__init__()
        self.n = whole_number("n", n, least=1)
        self.every_epochs = whole_number("every_epochs", every_epochs, least=1)
        self.seed = seed
        self.real = None if real is None else np.asarray(real)
        self._real_picture = None if real is None else self._picture_of_real()
        self._log = PictureLog(pathlib.Path(log_dir) / "images")

    def on_train_begin(self, logs=None):
        if self._real_picture is not None:
            self._log.write("real", self._real_picture, training_step(self.model), file_name="real.png")
            self._real_picture = None  # once is enough, however many fits follow

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every_epochs == 0:
            self._log.write("samples", self._picture_of_samples(), training_step(self.model))

    def on_train_end(self, logs=None):
        self._log.close()

    def _picture_of_samples(self):
        classes = self.model.num_classes
        if classes is None or len(self.model.image_shape) != 3:
            return pictures.picture_of(self.model.generate(self.n, seed=self.seed), self.real)
        rows = min(classes, 2 * math.isqrt(self.n))
        columns = max(1, self.n // rows)
        return pictures.tile(self.model.class_grid(columns, self.seed, most=rows), columns=columns)

    def _picture_of_real(self):
        images = self.real.ndim == 4
        return pictures.picture_of(None, self.real[: self.n] if images else self.real)
