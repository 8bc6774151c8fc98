"""Samples between latents while training goes on: a smooth space, or a list of memorized images."""

import os
import pathlib
from collections.abc import Mapping

import keras
import numpy as np

from kerasgan import pictures
from kerasgan.sampling.interpolation import spherical_interpolation
from kerasgan.validation.scalars import whole_number

from .writer import PictureLog, is_due, training_step


class LatentWalk(keras.callbacks.Callback):
    """Draws samples along arcs between pairs of latents, one arc per row.

    Small steps in the latent space should make small changes in the image, and all images of a row should be as good as
    its first and last. Rows that jump, or that hardly change, show what a grid of independent samples hides. The
    picture is `samples/latent_walk` in TensorBoard and the file `<log_dir>/latent_walk/latent_walk-<step>.png`. Points
    are drawn as one plot. With classes, each row is of one class: the first rows of the first classes. Training is the
    same without this callback.

    Args:
        log_dir: folder of the run; the pictures go into `<log_dir>/latent_walk`.
        rows: number of arcs, each between two latents of its own.
        frames: number of samples on an arc, with both ends.
        every_epochs: number of epochs between two pictures; None for at most 20 in a fit, as for `ImageGrid`.
        seed: int that fixes the ends of the arcs.

    Raises:
        ValueError: if `rows` or `every_epochs` is not a whole number of at least 1, or `frames` not one of at least 2.
    """

    def __init__(
        self, log_dir: str | os.PathLike, rows: int = 4, frames: int = 8, every_epochs: int | None = None, seed: int = 0
    ):
        super().__init__()
        self.rows: int = whole_number("rows", rows, 1)
        self.frames: int = whole_number("frames", frames, 2)
        self.every_epochs: int | None = None if every_epochs is None else whole_number("every_epochs", every_epochs, 1)
        self.seed: int = seed
        self._log = PictureLog(pathlib.Path(log_dir) / "latent_walk")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if is_due(epoch, self.params["epochs"], self.every_epochs):
            samples, step = self.model.generate(latents=self.latents(), labels=self.labels()), training_step(self.model)
            is_images = samples.ndim == 4
            picture = pictures.tile(samples, columns=self.frames) if is_images else pictures.picture_of(samples)
            self._log.write("latent_walk", picture, step, f"latent_walk-{step:08d}.png")

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._log.close()

    def latents(self) -> np.ndarray:
        """Returns the latents on all arcs, float32 (rows * frames, latent_dim), arc after arc."""
        start, end = np.random.default_rng(self.seed).standard_normal((2, self.rows, self.model.latent_dim))
        points = spherical_interpolation(start, end, np.linspace(0.0, 1.0, self.frames))
        return points.reshape(-1, self.model.latent_dim).astype("float32")

    def labels(self) -> np.ndarray | None:
        """Returns the labels of `latents`, int (rows * frames,), or None for a GAN without classes."""
        classes = self.model.num_classes
        return None if classes is None else np.repeat(np.arange(self.rows) % classes, self.frames)
