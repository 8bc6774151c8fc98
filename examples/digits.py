"""Handwritten digits, from the data to a SavedModel, in ten lines.

You learn: how a GAN is built, compiled and fitted like any Keras model, watched in TensorBoard, saved and exported.

Run:      python examples/digits.py [FOLDER]
Takes:    21 seconds on two CPU cores; needs no download, scikit-learn contains the digits.
Writes:   into FOLDER (tensorboard_logs/example-digits): event files, the grids of samples in images/, samples.png,
          gan.keras (to continue training) and saved_model/ (to serve).
Watch:    tensorboard --host localhost --logdir tensorboard_logs
"""

import pathlib
import sys

import keras

import kerasgan
from kerasgan import callbacks, pictures


def main(folder="tensorboard_logs/example-digits", epochs=6, passes_per_epoch=20):
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(0)
    batches, info = kerasgan.datasets.load("digits", batch_size=64)
    generator, discriminator = kerasgan.networks.dcgan(info.image_shape, latent_dim=64, width=32, depth=2)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=64)
    gan.compile(
        d_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        g_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        steps_per_execution=20,
    )
    history = gan.fit(
        batches.repeat(passes_per_epoch),  # so many passes through the few digits are one epoch
        epochs=epochs,
        verbose=2,
        callbacks=[callbacks.TensorBoard(folder), callbacks.ImageGrid(folder, real=next(iter(batches)))],
    )
    pictures.save_png(folder / "samples.png", pictures.tile(gan.generate(64, seed=0)))
    gan.save(folder / "gan.keras")
    gan.export(folder / "saved_model")
    d_real, d_fake = history.history["d_real"][-1], history.history["d_fake"][-1]
    print(
        f"On average the discriminator gives real digits the probability {d_real:.2f} of being real, generated ones "
        f"{d_fake:.2f}; at the equilibrium both would be 0.50.\nThe samples: {folder / 'samples.png'}"
    )
    return gan


if __name__ == "__main__":
    main(*sys.argv[1:2])
