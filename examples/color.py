"""Color from gray: a generator that colors photos, and is told the truth while it learns.

You learn: how a condition is made from the images themselves (`condition_from`), what the pair of pix2pix is, how the
distance to the truth goes into training, and how to measure translations on parts of photos that it has never seen.

Run:      python examples/color.py [FOLDER [PHOTOS]]
          PHOTOS is a folder of photos; without it squares of the two photos that scikit-learn contains are colored.
Takes:    60 seconds on two CPU cores; needs no download.
Writes:   into FOLDER (tensorboard_logs/example-color): colors.png, with gray, generated and true colors side by side,
          grids of them in images/, and gan.keras.
"""

import pathlib
import sys

import keras
import numpy as np
from sklearn.datasets import load_sample_images

import kerasgan
from kerasgan import callbacks, datasets, pictures


def squares(photos, count, size):
    """Squares from random places of both photos at half their size, uint8; the last tenth is of their last fifth."""
    random, found = np.random.default_rng(0), []
    photos = [keras.ops.average_pool(photo[None].astype("float32"), 2) for photo in photos]
    photos = [np.round(np.asarray(photo[0])).astype("uint8") for photo in photos]
    for number in range(count):
        photo = photos[number % 2]
        height, width, _ = photo.shape
        border = round(0.8 * width)
        left, right = (0, border - size) if number < 0.9 * count else (border, width - size)
        x, y = random.integers(left, max(right, left) + 1), random.integers(height - size + 1)
        found.append(photo[y : y + size, x : x + size])
    return np.stack(found)


def main(folder="tensorboard_logs/example-color", photos=None, epochs=8, count=2000, size=32, width=16):
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(0)
    source = squares(load_sample_images().images, count, size) if photos is None else photos
    options = {"image_size": size, "condition_from": "gray"}
    batches, info = datasets.load(source, batch_size=8, split="train[:90%]", flip=True, **options)
    colors, grays, _ = datasets.load_arrays(source, split="train[90%:]", **options)
    print(f"{info.num_images} images of {info.image_shape} to learn from, {len(colors)} held out; {info.condition}")

    generator, discriminator = kerasgan.networks.pix2pix(info.image_shape, condition=info.condition, width=width)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=0, condition=info.condition)
    gan.compile(
        updates=kerasgan.updates.Alternating(same_samples=True),
        reconstruction=kerasgan.reconstruction.L1(100.0),
    )
    grid = callbacks.ImageGrid(folder, n=48, real=(colors, grays), every_epochs=max(epochs // 4, 1))
    gan.fit(batches, epochs=epochs, verbose=2, callbacks=[grid])

    generated = gan.translate(grays)
    error, of_gray = (float(np.mean(np.abs(each - colors))) for each in (generated, grays))
    shown = pictures.strips(grays[:16], generated[:16], colors[:16])
    pictures.save_png(folder / "colors.png", pictures.tile(shown, columns=2, padding=3))
    gan.save(folder / "gan.keras")
    print(
        f"Held-out squares: a colored pixel is {127.5 * error:.1f} levels of 255 from the truth, a gray one "
        f"{127.5 * of_gray:.1f}.\nGray, generated and true: {folder / 'colors.png'}"
    )
    return error, of_gray


if __name__ == "__main__":
    main(*sys.argv[1:3])
