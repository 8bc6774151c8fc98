"""A seven on demand: a conditional GAN generates the digit that is asked for.

You learn: how labels go into `fit` and `generate`, how to see their influence (the same latents with every class), and
how to measure that the generator follows the labels, and that its samples of a class vary.

Run:      python examples/classes.py [FOLDER]
Takes:    40 seconds on two CPU cores; needs no download, scikit-learn contains the digits.
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
    # So many passes through the few digits are one epoch.
    batches, info = kerasgan.datasets.load("digits", batch_size=64, labels=True, passes=passes_per_epoch)
    classes = info.num_classes
    networks = kerasgan.networks.dcgan(info.image_shape, latent_dim=64, width=32, depth=2, num_classes=classes)
    gan = kerasgan.GAN(*networks, latent_dim=64, num_classes=classes, ema=EMA(half_life_images=10_000), seed=0)
    gan.compile(
        d_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        g_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        steps_per_execution=20,
    )
    gan.fit(batches, epochs=epochs, verbose=2)

    pictures.save_png(folder / "classes.png", pictures.tile(gan.class_grid(columns=10), columns=10))
    pictures.save_png(folder / "sevens.png", pictures.tile(gan.generate(25, seed=0, labels=7)))

    real, labels, _ = kerasgan.datasets.load_arrays("digits")
    asked = np.repeat(np.arange(classes), 100)
    classifier = features.classifier("digits", cache=folder / "classifier")
    samples = gan.generate(seed=1, labels=asked)
    correct = float(np.mean(classifier(samples).probabilities.argmax(axis=1) == asked))
    varied = float(variety(samples, asked) / variety(real, labels))
    print(
        f"A classifier that is right on {100 * classifier.accuracy:.0f} % of real digits finds {100 * correct:.0f} % "
        f"of the generated ones to be the digit that was asked for.\nWithin a digit they vary {100 * varied:.0f} % as "
        f"much as real ones do.\nOne class a row: {folder / 'classes.png'}"
    )
    return correct, varied


def variety(images, labels):
    """Returns the standard deviation of a pixel within a class, mean over pixels and classes."""
    return np.mean([images[labels == label].std(axis=0) for label in np.unique(labels)])


if __name__ == "__main__":
    main(*sys.argv[1:2])
