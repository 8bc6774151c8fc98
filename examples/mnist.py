"""MNIST through TensorFlow Datasets, trained on a slice, evaluated on held-out images.

You learn: where the images come from (the folder TFDS_DATA_DIR, or else ~/tensorflow_datasets, into which TensorFlow
Datasets downloads), how to take a slice of them, and how `validation_data` shows whether the discriminator has
memorized its training images: by `d_memorization_auc`, which `Guard` logs.

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
    history = gan.fit(
        batches,
        epochs=epochs,
        validation_data=held_out,
        verbose=2,
        callbacks=[
            callbacks.Guard(),  # before TensorBoard, which writes what it logs
            callbacks.TensorBoard(folder),
            callbacks.ImageGrid(folder, real=next(iter(batches))),
        ],
    )
    auc = history.history["d_memorization_auc"][-1]
    print(
        f"The discriminator ranks one of the {info.num_images:,} training images above a test image with a probability "
        f"of {auc:.3f}: 0.5 is chance, and 1.0 is a discriminator that knows its images by heart.\n"
        f"The samples: {folder / 'images'}"
    )
    return auc


if __name__ == "__main__":
    main(*sys.argv[1:2])
