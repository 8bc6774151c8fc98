"""Grids of samples while training goes on."""

import math
import os
import pathlib
from collections.abc import Mapping

import keras
import numpy as np
from numpy.typing import ArrayLike

from kerasgan import pictures
from kerasgan.validation.scalars import whole_number

from .writer import PictureLog, training_step


class ImageGrid(keras.callbacks.Callback):
    """Draws samples every few epochs, always from the same latents.

    Each grid is the image `samples/grid` in TensorBoard and the file `<log_dir>/images/samples-<step>.png`. The real
    data is drawn once, as `samples/real` and `real.png`. Steps are training steps. Points are drawn as a plot, with the
    real points in gray below. With classes, each row of the grid is one class, with the same latents in all rows.
    Training is the same without this callback.

    Args:
        log_dir: folder of the run; the pictures go into `<log_dir>/images`.
        n: number of samples in a grid. With classes: as many columns as fit, but at least one. Of more than
            2 sqrt(n) classes only some are drawn, evenly spread.
        every_epochs: number of epochs between two grids.
        seed: int that fixes the latents.
        real: real images (n, height, width, channels) in [-1, 1], of which the first `n` are drawn, or points (n, d);
            None draws none.

    Raises:
        ValueError: if `n` or `every_epochs` is not a whole number of at least 1, or `real` cannot be drawn.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> import kerasgan
        >>> images = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 1)).astype("float32")
        >>> gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16), latent_dim=4)
        >>> gan.compile()
        >>> folder = tempfile.mkdtemp()
        >>> grid = kerasgan.callbacks.ImageGrid(folder, n=16, real=images)
        >>> history = gan.fit(images, batch_size=32, callbacks=[grid], verbose=0)
        >>> sorted(path.name for path in pathlib.Path(folder).rglob("*.png"))
        ['real.png', 'samples-00000002.png']
    """

    def __init__(
        self,
        log_dir: str | os.PathLike,
        n: int = 64,
        every_epochs: int = 1,
        seed: int = 0,
        real: ArrayLike | None = None,
    ):
        super().__init__()
        self.n: int = whole_number("n", n, 1)
        self.every_epochs: int = whole_number("every_epochs", every_epochs, 1)
        self.seed: int = seed
        self.real: np.ndarray | None = None if real is None else np.asarray(real)
        self._real_picture = None if self.real is None else self._draw_real(self.real)
        self._log = PictureLog(pathlib.Path(log_dir) / "images")

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        if self._real_picture is not None:
            self._log.write("real", self._real_picture, training_step(self.model), "real.png")
            self._real_picture = None  # once, also if other fits follow

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if (epoch + 1) % self.every_epochs == 0:
            step = training_step(self.model)
            self._log.write("grid", self._draw_samples(), step, f"samples-{step:08d}.png")

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._log.close()

    def _draw_samples(self):
        classes = self.model.num_classes
        if classes is None or len(self.model.image_shape) != 3:
            return pictures.picture_of(self.model.generate(self.n, seed=self.seed), self.real)
        rows = min(classes, 2 * math.isqrt(self.n))
        columns = max(1, self.n // rows)
        return pictures.tile(self.model.class_grid(columns, self.seed, most=rows), columns=columns)

    def _draw_real(self, real):
        is_images = real.ndim == 4
        return pictures.picture_of(None, real[: self.n] if is_images else real)
