"""Samples between latents while training goes on: a smooth space, or a list of memorized images."""

import os
import pathlib
from collections.abc import Mapping

import keras
import numpy as np

from kerasgan import pictures
from kerasgan.sampling.interpolation import spherical_interpolation
from kerasgan.validation.scalars import whole_number

from . import translations
from .writer import PictureLog, is_due, training_step


class LatentWalk(keras.callbacks.Callback):
    """Draws samples along arcs between pairs of latents, one arc per row.

    Small steps in the latent space should make small changes in the image, and all images of a row should be as good as
    its first and last. Rows that jump, or that hardly change, show what a grid of independent samples hides. The
    picture is `samples/latent_walk` in TensorBoard and the file `<log_dir>/latent_walk/latent_walk-<step>.png`. Points
    are drawn as one plot. With classes, each row is of one class: the first rows of the first classes. Any other
    condition is the same along a row, too: several labels and numbers are drawn, an image is one of the data of `fit`.
    Training is the same without this callback.

    Args:
        log_dir: folder of the run; the pictures go into `<log_dir>/latent_walk`.
        rows: number of arcs, each between two latents of its own.
        frames: number of samples on an arc, with both ends.
        every_epochs: number of epochs between two pictures; None for at most 20 in a fit, as for `ImageGrid`.
        seed: int that fixes the ends of the arcs.

    Raises:
        ValueError: if `rows` or `every_epochs` is not a whole number of at least 1, or `frames` not one of at least 2;
            when training begins, if the generator has no latents, or there are no images for its condition.
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

    def needs_samples(self, gan: keras.Model) -> bool:
        """Returns whether conditions have to come from the data of `fit`."""
        return gan.latent_dim > 0 and translations.translates(gan)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        if self.model.latent_dim == 0:
            raise ValueError(
                "A walk leads through the latents. Received: a GAN with latent_dim=0, whose samples follow from their "
                "condition alone. Leave LatentWalk out; ImageGrid shows the translations."
            )
        samples = getattr(self.model.current_fit, "samples", None)
        known = samples is not None and (samples.training is not None or samples.held_out is not None)
        if self.needs_samples(self.model) and not known:
            raise ValueError(
                "A walk with an image as the condition takes images of the data. Received: data of a kind that is not "
                "looked at apart from training. Pass arrays, or what kerasgan.datasets loads."
            )

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if is_due(epoch, self.params["epochs"], self.every_epochs):
            step = training_step(self.model)
            samples = self.model.generate(latents=self.latents(), condition=self.conditions())
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

    def conditions(self) -> np.ndarray | None:
        """Returns the conditions of `latents`, (rows * frames, ...), or None for a GAN without.

        Raises:
            ValueError: if they are images, and the data of `fit` have not shown any.
        """
        condition, classes = self.model.condition, self.model.num_classes
        if condition is None:
            return None
        if classes is not None:
            return np.repeat(np.arange(self.rows) % classes, self.frames)
        if not translations.translates(self.model):
            return condition.draw(self.rows, self.seed).repeat(self.frames, axis=0)
        pairs = translations.pairs_of_fit(self.model, self.rows)
        if pairs is None:
            raise ValueError("A walk needs images as conditions. Received: no pairs in the data that were read.")
        return pairs[1][np.arange(self.rows) % len(pairs[1])].repeat(self.frames, axis=0)
