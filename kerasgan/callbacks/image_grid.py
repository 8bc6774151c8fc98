"""Grids of samples while training goes on."""

import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kerasgan import pictures
from kerasgan.sampling.generate import grid_classes
from kerasgan.validation.scalars import whole_number

from . import translations
from .writer import PictureLog, is_due, training_step, warn_of_write_errors


class ImageGrid(keras.callbacks.Callback):
    """Draws samples next to real images every few epochs, always from the same latents.

    Each picture is the image `samples/grid` in TensorBoard and the file `<log_dir>/images/samples-<step>.png`: on the
    left a grid of samples, on the right as many real images, if there are any. Steps are training steps. The real data
    alone is drawn once, as `samples/real` and `real.png`. Points are drawn as one plot, with the real points in gray
    below. With classes, each row of a grid is one class, with the same latents in all rows; with several labels or
    numbers, samples have the conditions of the real images, or else drawn ones, always the same. At the end of training
    `<log_dir>/images/samples.gif` shows all pictures one after another. Training is the same without this callback.

    Where the condition is an image, a grid shows the input, its translation and the truth side by side, for pairs that
    are always the same: of `real`, or else of the validation data, or else of the training data. Of a
    `kerasgan.CycleGAN` it shows an image of domain a, its translation and the way back, and the same for domain b.

    Args:
        log_dir: folder of the run; the pictures go into `<log_dir>/images`.
        n: number of samples in a grid. With classes: as many columns as fit, but at least one. Of more than
            2 sqrt(n) classes only some are drawn, evenly spread.
        every_epochs: number of epochs between two pictures; None for at most 20 in a fit, evenly spread, the first and
            the last epoch among them.
        seed: int that fixes the latents.
        real: real images (n, height, width, channels) in [-1, 1], of which the first `n` are drawn, or points (n, d);
            None draws none. A pair (images, labels) puts the real images of a GAN with classes into its rows; a pair
            (images, conditions) has the conditions to be drawn with, and for a `kerasgan.CycleGAN` both domains.
        bands: of images of several channels, those that are shown: one, or three for red, green and blue, counted from
            0; None for the first three. Not for translations.

    Raises:
        ValueError: if `n` or `every_epochs` is not a whole number of at least 1, or `real` cannot be drawn; when
            training begins, if there are no pairs to be translated, or `real` has other conditions than the GAN.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> import kerasgan
        >>> images = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 1)).astype("float32")
        >>> gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16), latent_dim=4)
        >>> gan.compile()
        >>> folder = tempfile.mkdtemp()
        >>> grid = kerasgan.callbacks.ImageGrid(folder, n=16, real=images)
        >>> history = gan.fit(images, batch_size=32, epochs=2, callbacks=[grid], verbose=0)
        >>> sorted(path.name for path in pathlib.Path(folder).rglob("*.*g*f*"))
        ['samples.gif']
        >>> sorted(path.name for path in pathlib.Path(folder).rglob("*.png"))
        ['real.png', 'samples-00000002.png', 'samples-00000004.png']
    """

    def __init__(
        self,
        log_dir: str | os.PathLike,
        n: int = 64,
        every_epochs: int | None = None,
        seed: int = 0,
        real: ArrayLike | tuple[ArrayLike, ArrayLike] | None = None,
        bands: Sequence[int] | None = None,
    ):
        super().__init__()
        self.n: int = whole_number("n", n, 1)
        self.every_epochs: int | None = None if every_epochs is None else whole_number("every_epochs", every_epochs, 1)
        self.seed: int = seed
        self.real: np.ndarray | None
        self.real_labels: np.ndarray | None
        self.real, self.real_labels = _images_and_labels(real)
        self.bands: tuple[int, ...] | None = None if bands is None else tuple(bands)
        if self.real is not None and self.bands is not None:
            self.real = pictures.bands_of(self.real, self.bands)
        self._real_picture = None if self.real is None else self._draw_real(self.real)
        self._log = PictureLog(pathlib.Path(log_dir) / "images")

    def needs_samples(self, gan: keras.Model) -> bool:
        """Returns whether pairs have to come from the data of `fit`."""
        return self.real_labels is None and translations.translates(gan)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._check_conditions()
        if self._real_picture is not None:
            self._log.write("real", self._real_picture, training_step(self.model), "real.png")
            self._real_picture = None  # once, also if other fits follow

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if is_due(epoch, self.params["epochs"], self.every_epochs):
            step = training_step(self.model)
            self._log.write("grid", self._draw_samples(), step, f"samples-{step:08d}.png")

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._log.close()
        folder = self._log.folder
        with warn_of_write_errors(folder / "samples.gif"):
            pictures.save_animation(folder / "samples.gif", sorted(folder.glob("samples-*.png")))

    def _check_conditions(self):
        """Checks, before training, that there are conditions to be drawn with, and that they are those of the GAN."""
        image_shape, condition = self.model.data_spec
        if self.bands is not None and (len(image_shape) != 3 or translations.translates(self.model)):
            raise ValueError(
                f"bands are for grids of images. Received: bands={list(self.bands)} for samples of shape {image_shape} "
                f"with condition={condition!r}. Use None."
            )
        if self.real_labels is not None and condition is not None:
            condition.check_array(self.real_labels, len(self.real))
        samples = getattr(self.model.current_fit, "samples", None)
        known = samples is not None and (samples.training is not None or samples.held_out is not None)
        if self.needs_samples(self.model) and not known:
            raise ValueError(
                "A picture of translations shows pairs. Received: real=None, and data of a kind that is not looked at "
                f"apart from training. Pass real=(images, conditions): images of shape {image_shape}, and conditions "
                f"of shape {condition.shape}."
            )

    def _draw_translations(self):
        if self.real_labels is None:
            self.real, self.real_labels = translations.pairs_of_fit(self.model, self.n) or (None, None)
        if self.real_labels is None:
            raise ValueError(
                "A picture of translations shows pairs. Received: real=None, and no pairs in the data that were read. "
                "Pass real=(images, conditions)."
            )
        return translations.translation_picture(self.model, self.real, self.real_labels, self.n)

    def _draw_with_conditions(self):
        """Returns samples, with the conditions of the real images where they have some."""
        conditions = None if self.model.condition is None or self.real_labels is None else self.real_labels[: self.n]
        n = self.n if conditions is None else len(conditions)
        return self.model.generate(n, seed=self.seed, condition=conditions)

    def _draw_samples(self):
        classes = self.model.num_classes
        if translations.translates(self.model):
            return self._draw_translations()
        if len(self.model.image_shape) != 3:
            return pictures.picture_of(self._draw_with_conditions(), self.real)
        if classes is None:
            samples = self._draw_with_conditions()
            columns = math.isqrt(len(samples) - 1) + 1
            shown = None if self.real is None else self.real[: self.n]
        else:
            rows = min(classes, 2 * math.isqrt(self.n))
            columns = max(1, self.n // rows)
            samples = self.model.class_grid(columns, self.seed, most=rows)
            shown = self._real_by_class(grid_classes(classes, rows), columns)
        picture = pictures.tile(pictures.bands_of(samples, self.bands), columns=columns)
        if shown is None:
            return picture
        shown = shown[: len(samples)]
        shown = np.concatenate([shown, np.zeros((len(samples) - len(shown), *shown.shape[1:]), "float32")])  # gray
        return pictures.side_by_side(picture, pictures.tile(shown, columns=columns))

    def _real_by_class(self, classes, columns):
        """Returns real images, row by row of one class; without labels, in the order in which they were given."""
        if self.real is None or self.real_labels is None:
            return None if self.real is None else self.real[: len(classes) * columns]
        shown = np.zeros((len(classes), columns, *self.real.shape[1:]), "float32")
        for row, number in zip(shown, classes, strict=True):
            found = self.real[self.real_labels == number][:columns]
            row[: len(found)] = found
        return shown.reshape(-1, *self.real.shape[1:])

    def _draw_real(self, real):
        is_images = real.ndim == 4
        return pictures.picture_of(None, real[: self.n] if is_images else real)


def _images_and_labels(real: Any):
    """Returns the two parts of the argument `real`; either may be None."""
    if not isinstance(real, tuple):
        return None if real is None else np.asarray(real), None
    images, labels = (np.asarray(part) for part in real)
    if labels.shape[:1] != images.shape[:1]:
        raise ValueError(
            "Real images and labels, or conditions, come in pairs: as many as there are images. Received: "
            f"real=(images, labels) of shapes {images.shape} and {labels.shape}. Pass one for each image."
        )
    return images, labels
