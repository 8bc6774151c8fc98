"""A seven on demand: a conditional game draws the digit that it is asked for.

You learn: how labels go into `fit` and `generate`, how to look at what they change (the same latents under every
class), and how to check with a classifier, in numbers, that the generator does as it is told.

Run:      python examples/classes.py [FOLDER]
Takes:    40 seconds on two CPU cores; needs no download, scikit-learn brings the digits along.
Writes:   into FOLDER (tensorboard_logs/example-classes): classes.png, one class a row, and sevens.png.
"""

import pathlib
import sys

import keras
import numpy as np

import kerasgan
from kerasgan import features, pictures
from kerasgan.ema import EMA


def main(folder="tensorboard_logs/example-classes", epochs=6, passes_per_epoch=20):
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(0)
    dataset, info = kerasgan.datasets.load("digits", batch_size=64, labels=True, passes=passes_per_epoch)
    classes = info.num_classes
    networks = kerasgan.networks.dcgan(info.image_shape, latent_dim=64, width=32, depth=2, num_classes=classes)
    gan = kerasgan.GAN(*networks, latent_dim=64, num_classes=classes, ema=EMA(half_life_images=10_000), seed=0)
    gan.compile(
        d_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        g_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        steps_per_execution=20,
    )
    gan.fit(dataset, epochs=epochs, verbose=2)

    pictures.save_png(folder / "classes.png", pictures.tile(gan.class_grid(columns=10), columns=10))
    pictures.save_png(folder / "sevens.png", pictures.tile(gan.generate(25, seed=0, labels=7)))

    asked = np.repeat(np.arange(classes), 100)
    reader = features.classifier("digits", cache=folder / "classifier")
    read = reader(gan.generate(seed=1, labels=asked)).probabilities.argmax(axis=1)
    obeyed = float(np.mean(read == asked))
    print(
        f"A classifier that is right on {100 * reader.accuracy:.0f} % of real digits reads {100 * obeyed:.0f} % of the "
        f"drawn ones as the digit that was asked for.\nOne class a row: {folder / 'classes.png'}"
    )
    return obeyed


if __name__ == "__main__":
    main(*sys.argv[1:2])
