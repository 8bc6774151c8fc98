"""MNIST through TensorFlow Datasets, trained on a slice, evaluated on held-out images.

You learn: where the images come from (the folder TFDS_DATA_DIR, or else ~/tensorflow_datasets, into which TensorFlow
Datasets downloads), how to take a slice of them, and how `validation_data` shows whether the discriminator has
memorized its training images: by a gap between `d_real` and `val_d_real`.

Run:      python examples/mnist.py [FOLDER]
Takes:    32 seconds on two CPU cores, and a download of 11 MB where MNIST is not there yet.
Writes:   into FOLDER (tensorboard_logs/example-mnist): event files and the grids of samples in images/.
More:     kerasgan train mnist   trains for minutes, on all images, and gives better digits.
"""

import pathlib
import sys

import keras

import kerasgan
from kerasgan import callbacks


def main(folder="tensorboard_logs/example-mnist", split="train[:20%]", epochs=6, width=32):
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(0)
    batches, info = kerasgan.datasets.load("mnist", batch_size=64, split=split)
    held_out, _ = kerasgan.datasets.load("mnist", batch_size=64, split="test[:10%]")

    generator, discriminator = kerasgan.networks.dcgan(info.image_shape, latent_dim=64, width=width)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=64)
    gan.compile(
        d_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        g_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
    )
    gan.fit(
        batches,
        epochs=epochs,
        validation_data=held_out,
        verbose=2,
        callbacks=[callbacks.TensorBoard(folder), callbacks.ImageGrid(folder, real=next(iter(batches)))],
    )
    # Both with the final discriminator; the log `d_real` is a mean over the epoch.
    training = gan.evaluate(batches, verbose=0, return_dict=True)["d_real"]
    test = gan.evaluate(held_out, verbose=0, return_dict=True)["d_real"]
    print(
        f"Mean D(x) on the {info.num_images:,} images trained on: {training:.3f}; on test images: {test:.3f}. The gap "
        f"is {training - test:+.3f}; it is large for a discriminator that memorizes its images.\n"
        f"The samples: {folder / 'images'}"
    )
    return training, test


if __name__ == "__main__":
    main(*sys.argv[1:2])
