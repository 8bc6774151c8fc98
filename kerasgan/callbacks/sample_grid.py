"""Pictures and sounds of samples while training goes on: signals as lines, sounds to be heard, volumes as slices."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kerasgan import pictures, signal_pictures
from kerasgan.datasets import DatasetInfo
from kerasgan.sampling.generate import grid_classes
from kerasgan.validation.scalars import whole_number

from .image_grid import ImageGrid
from .writer import PictureLog, is_due, training_step, warn_of_write_errors

SHOWN = 8
"""Signals that are drawn, and sounds that are written, at a time."""


class SampleGrid(keras.callbacks.Callback):
    """Draws signals, sounds or volumes every few epochs, always from the same latents: `ImageGrid` for other shapes.

    Signals (length, channels) are drawn as lines with axes; the tags and files are those of `ImageGrid`:
    `samples/grid`, `samples/real`, `images/samples-<step>.png`. With a `rate` they are sounds: their spectrograms are
    below the lines, and TensorBoard's audio tab plays them, as `samples/sounds` and `samples/real_sounds`. Of volumes
    (depth, height, width, channels) the middle slices along the three sides are drawn. With classes there is one sample
    for each of up to `n` classes, evenly spread. Training is the same without this callback.

    Args:
        log_dir, every_epochs, seed: as for `ImageGrid`.
        n: number of samples.
        real: real signals or volumes (n, ...) in [-1, 1], or a pair (signals, labels); None draws none.
        rate: samples a second of sounds; None for signals that are not heard.
        class_names: names of the classes, for the titles, or None.

    Raises:
        ValueError: as `ImageGrid` does.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> import kerasgan
        >>> waves = np.random.default_rng(0).uniform(-1, 1, (64, 64, 1)).astype("float32")
        >>> gan = kerasgan.GAN(*kerasgan.networks.dcgan((64, 1), latent_dim=4, width=4), latent_dim=4)
        >>> gan.compile()
        >>> folder = tempfile.mkdtemp()
        >>> grid = kerasgan.callbacks.SampleGrid(folder, real=waves, rate=1000)
        >>> history = gan.fit(waves, batch_size=32, epochs=1, callbacks=[grid], verbose=0)
        >>> sorted(path.name for path in pathlib.Path(folder).rglob("*.png"))
        ['real.png', 'samples-00000002.png']
    """

    def __init__(
        self,
        log_dir: str | os.PathLike,
        n: int = SHOWN,
        every_epochs: int | None = None,
        seed: int = 0,
        real: ArrayLike | tuple[ArrayLike, ArrayLike] | None = None,
        rate: int | None = None,
        class_names: tuple[str, ...] | None = None,
    ):
        super().__init__()
        self.n: int = whole_number("n", n, 1)
        self.every_epochs: int | None = None if every_epochs is None else whole_number("every_epochs", every_epochs, 1)
        self.seed: int = seed
        self.rate: int | None = rate
        self.class_names: tuple[str, ...] | None = class_names
        images, labels = real if isinstance(real, tuple) else (real, None)
        self.real: np.ndarray | None = None if images is None else np.asarray(images)[: self.n]
        self.real_labels: np.ndarray | None = None if labels is None else np.asarray(labels)[: self.n]
        self._real_picture = None if self.real is None else self._draw_real(self.real)
        self._log = PictureLog(pathlib.Path(log_dir) / "images")

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        if self._real_picture is None:
            return
        step = training_step(self.model)
        self._log.write("real", self._real_picture, step, "real.png")
        self._real_picture = None  # once, also if other fits follow
        if self.rate is not None:
            self._log.write_audio("real_sounds", self.real, self.rate, step)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if not is_due(epoch, self.params["epochs"], self.every_epochs):
            return
        step, (samples, titles) = training_step(self.model), self._samples()
        self._log.write("grid", sample_picture(samples, self.rate, titles), step, f"samples-{step:08d}.png")
        if self.rate is not None:
            self._log.write_audio("sounds", samples, self.rate, step)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._log.close()
        folder = self._log.folder
        with warn_of_write_errors(folder / "samples.gif"):
            pictures.save_animation(folder / "samples.gif", sorted(folder.glob("samples-*.png")))

    def _samples(self):
        """Returns samples and their titles, of one class each where there are classes."""
        if self.model.num_classes is None:
            has_conditions = self.model.condition is not None and self.real_labels is not None
            given = self.real_labels if has_conditions else None
            n = self.n if given is None else len(given)
            return self.model.generate(n, seed=self.seed, condition=given), None
        chosen = grid_classes(self.model.num_classes, min(self.n, self.model.num_classes))
        names = self.class_names or [str(number) for number in range(self.model.num_classes)]
        samples = self.model.generate(len(chosen), seed=self.seed, labels=np.asarray(chosen))
        return samples, [names[number] for number in chosen]

    def _draw_real(self, real):
        titles = None
        if self.real_labels is not None and self.real_labels.ndim == 1 and self.class_names is not None:
            titles = [self.class_names[number] for number in self.real_labels]
        return sample_picture(real, self.rate, titles)


def sample_picture(samples: Any, rate: int | None = None, titles: Any = None) -> np.ndarray:
    """Returns a picture of signals or volumes; of sounds with their spectrograms below.

    Args:
        samples: signals (n, length, channels) or volumes (n, depth, height, width, channels); others as for
            `kerasgan.pictures.picture_of`.
        rate: samples a second of sounds, or None.
        titles: a title for each signal, or None.
    """
    samples = np.asarray(samples)
    if samples.ndim != 3:
        return pictures.picture_of(samples)
    lines = signal_pictures.lines_picture(samples, rate, titles=titles)
    if rate is None:
        return lines
    spectra = signal_pictures.spectrograms_picture(samples, rate, titles=titles)
    width = max(lines.shape[1], spectra.shape[1])
    parts = [
        np.pad(each, ((0, 0), (0, width - each.shape[1]), (0, 0)), constant_values=255) for each in (lines, spectra)
    ]
    return np.concatenate(parts)


def sample_grid(
    log_dir: str | os.PathLike, info: DatasetInfo, real: Any = None, bands: Sequence[int] | None = None
) -> ImageGrid | SampleGrid:
    """Returns the callback that draws samples of a data set: `SampleGrid` for signals and volumes, else `ImageGrid`.

    Args:
        log_dir, real, bands: as for `ImageGrid`.
        info: the facts of the data set.
    """
    if len(info.image_shape) not in (2, 4):
        return ImageGrid(log_dir, real=real, bands=bands)
    return SampleGrid(log_dir, real=real, rate=info.rate, class_names=info.class_names)
