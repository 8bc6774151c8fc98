"""Walks through the latent space, to see whether the generator has learnt a space or a list."""

import pathlib

import keras
import numpy as np

from kerasgan import pictures

from .writer import PictureLog, training_step, whole_number


class LatentWalk(keras.callbacks.Callback):
    """Draws samples along arcs between pairs of latents, one arc a row.

    Small steps in the latent space should make small changes in the image, with every image on the way as good as the
    ends. Rows that jump, or that hardly change, show what a grid of independent samples hides. The picture is
    "latent_walk" in TensorBoard and the file `<log_dir>/latent_walk/latent_walk-<step>.png`; point sets are drawn as a
    plot of all points passed. In a conditional game each row is of one class, the first rows of the first classes.
    Training is the same without it.

    Args:
        log_dir: folder of the run; the pictures go into `<log_dir>/latent_walk`.
        rows: arcs, each with ends of its own.
        steps: samples on an arc, both ends counted.
        every_epochs: epochs from one picture to the next.
        seed: int that fixes the ends.

    Raises:
        ValueError: if `rows` or `every_epochs` is no positive whole number, or `steps` is below 2.
    """

    def __init__(self, log_dir, rows=4, steps=8, every_epochs=1, seed=0):
        super().__init__()
        self.rows = whole_number("rows", rows, least=1)
        self.steps = whole_number("steps", steps, least=2)
        self.every_epochs = whole_number("every_epochs", every_epochs, least=1)
        self.seed = seed
        self._log = PictureLog(pathlib.Path(log_dir) / "latent_walk")

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every_epochs == 0:
            samples = self.model.generate(latents=self.latents(), labels=self.labels())
            images = samples.ndim == 4
            picture = pictures.tile(samples, columns=self.steps) if images else pictures.picture_of(samples)
            self._log.write("latent_walk", picture, training_step(self.model))

    def on_train_end(self, logs=None):
        self._log.close()

    def latents(self):
        """Returns the latents walked through, float32 (rows * steps, latent_dim), arc after arc."""
        shape = (2, self.rows, self.model.latent_dim)
        start, end = np.random.default_rng(self.seed).standard_normal(shape)
        walk = spherical_interpolation(start, end, np.linspace(0.0, 1.0, self.steps))
        return walk.reshape(-1, self.model.latent_dim).astype("float32")

    def labels(self):
        """Returns the label of each of `latents`, int (rows * steps,), or None where there are no classes."""
        classes = self.model.num_classes
        return None if classes is None else np.repeat(np.arange(self.rows) % classes, self.steps)


def spherical_interpolation(start, end, shares):
    """Returns points on the arc between latents, sin((1-t) w) / sin(w) start + sin(t w) / sin(w) end.

    w is the angle between the two. Gaussian latents of many dimensions lie near a sphere, and the straight line between
    two of them leaves it: halfway the norm is smaller by sqrt(2), where the generator has never been trained. Where the
    two are parallel or opposite, or one is 0, there is no one arc, and the straight line is taken.

    Args:
        start: shape (rows, latent_dim).
        end: shape (rows, latent_dim).
        shares: t, shape (steps,), in [0, 1].

    Returns:
        float64, shape (rows, steps, latent_dim).

    Reference: White, 2016, arXiv:1609.04468.
    """
    start, end = np.asarray(start, "float64")[:, None], np.asarray(end, "float64")[:, None]
    t = np.asarray(shares, "float64")[None, :, None]
    norms = np.linalg.norm(start, axis=-1, keepdims=True) * np.linalg.norm(end, axis=-1, keepdims=True)
    inner = (start * end).sum(axis=-1, keepdims=True)
    cosine = np.divide(inner, norms, out=np.ones_like(inner), where=norms > 0.0)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    straight = np.sin(angle) < 1e-6
    sine = np.where(straight, 1.0, np.sin(angle))
    of_start = np.where(straight, 1.0 - t, np.sin((1.0 - t) * angle) / sine)
    of_end = np.where(straight, t, np.sin(t * angle) / sine)
    return of_start * start + of_end * end
