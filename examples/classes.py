"""A seven on demand: a conditional game draws the digit that it is asked for.

You learn: how labels go into `fit` and `generate`, how to look at what they change (the same latents under every
class), and how to check in numbers that the generator does as it is told, and not always in the same way.

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

    real, labels, _ = kerasgan.datasets.load_arrays("digits")
    asked = np.repeat(np.arange(classes), 100)
    reader = features.classifier("digits", cache=folder / "classifier")
    drawn = gan.generate(seed=1, labels=asked)
    obeyed = float(np.mean(reader(drawn).probabilities.argmax(axis=1) == asked))
    varied = float(variety(drawn, asked) / variety(real, labels))
    print(
        f"A classifier that is right on {100 * reader.accuracy:.0f} % of real digits reads {100 * obeyed:.0f} % of the "
        f"drawn ones as the digit that was asked for.\nWithin a digit they vary {100 * varied:.0f} % as much as real "
        f"ones do.\nOne class a row: {folder / 'classes.png'}"
    )
    return obeyed, varied


def variety(images, labels):
    """The standard deviation of a pixel within a class, mean over pixels and classes."""
    return np.mean([images[labels == label].std(axis=0) for label in np.unique(labels)])


if __name__ == "__main__":
    main(*sys.argv[1:2])
