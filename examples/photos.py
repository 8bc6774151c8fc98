"""Your own photos: a folder of any sizes and formats, cropped to squares and learned.

You learn: that a folder needs no preparation, how photos are processed (center crop, resizing, white behind
transparency, broken files named and left out), and how to see the images between the generator's samples.

Run:      python examples/photos.py [FOLDER [PHOTOS]]
          PHOTOS is the folder of photos; without it a few hundred pictures of colored shapes are drawn for the run.
Takes:    56 seconds on two CPU cores with those; real photos take longer (docs/photos.md).
Writes:   into FOLDER (tensorboard_logs/example-photos): grids of samples in images/, interpolations in
          latent_walk/, and gan.keras.
"""

import pathlib
import sys
import tempfile

import keras
import numpy as np
from PIL import Image, ImageDraw

import kerasgan
from kerasgan import callbacks


def draw_photos(folder, count):
    """Fills a folder with pictures of one shape each, of mixed sizes, shapes and formats, and one broken file."""
    random = np.random.default_rng(0)
    for number in range(count):
        width, height = (int(side) for side in random.integers(60, 200, size=2))
        photo = Image.new("RGB", (width, height), tuple(int(shade) for shade in random.integers(170, 256, size=3)))
        radius = min(width, height) * random.uniform(0.2, 0.4)
        box = [width / 2 - radius, height / 2 - radius, width / 2 + radius, height / 2 + radius]
        pen = ImageDraw.Draw(photo)
        shape = (pen.ellipse, pen.rectangle)[number % 2]
        shape(box, fill=tuple(int(shade) for shade in random.integers(0, 256, size=3)))
        photo.save(folder / f"{number:04d}.{('jpg', 'png', 'webp', 'bmp')[number % 4]}")
    (folder / "broken.jpg").write_bytes(b"not a photo")


def main(folder="tensorboard_logs/example-photos", photos=None, epochs=90, image_size=32, count=640):
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as drawn:
        if photos is None:
            draw_photos(pathlib.Path(drawn), count)
        batches, info = kerasgan.datasets.load(photos or drawn, batch_size=32, image_size=image_size)
    print(f"{info.num_images} photos, resized to {info.image_shape}; left out: {', '.join(info.skipped) or 'none'}")

    generator, discriminator = kerasgan.networks.dcgan(info.image_shape, latent_dim=64, width=32)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=64)
    gan.compile(*(keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)), steps_per_execution=5)
    real = np.concatenate([np.asarray(images) for images in batches.take(2)])
    gan.fit(
        batches,
        epochs=epochs,
        verbose=0,
        callbacks=[
            callbacks.TensorBoard(folder),
            callbacks.ImageGrid(folder, real=real, every_epochs=max(epochs // 5, 1)),
            callbacks.LatentWalk(folder, every_epochs=max(epochs // 5, 1)),
        ],
    )
    gan.save(folder / "gan.keras")
    real_spread, spread = np.std(real, axis=0).mean(), np.std(gan.generate(64, seed=0), axis=0).mean()
    print(
        f"Generated photos differ from each other {spread / real_spread:.0%} as much as real ones do (the standard "
        f"deviation of a pixel); near 0% all are the same.\nThe samples: {folder / 'images'}"
    )
    return info


if __name__ == "__main__":
    main(*sys.argv[1:3])
