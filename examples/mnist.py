"""MNIST through TensorFlow Datasets, trained on a slice, judged on images that were not trained on.

You learn: where the images come from (the folder TFDS_DATA_DIR, or else ~/tensorflow_datasets, where TensorFlow
Datasets puts what it downloads), how to take a slice of them, and how `validation_data` shows whether the
discriminator knows digits or has learnt its own by heart: a gap between `d_real` and `val_d_real`.

Run:      python examples/mnist.py [FOLDER]
Takes:    32 seconds on two CPU cores, besides a download of 11 MB where MNIST is not there yet.
Writes:   into FOLDER (tensorboard_logs/example-mnist): event files and the grids of samples in images/.
More:     kerasgan train mnist   goes on for minutes, on all images, and gives better digits.
"""

import pathlib
import sys

import keras

import kerasgan
from kerasgan import callbacks


def main(folder="tensorboard_logs/example-mnist", split="train[:20%]", epochs=6, width=32):
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(0)
    dataset, info = kerasgan.datasets.load("mnist", batch_size=64, split=split)
    held_out, _ = kerasgan.datasets.load("mnist", batch_size=64, split="test[:10%]")

    generator, discriminator = kerasgan.networks.dcgan(info.image_shape, latent_dim=64, width=width)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=64)
    gan.compile(
        d_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        g_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
    )
    gan.fit(
        dataset,
        epochs=epochs,
        validation_data=held_out,
        verbose=2,
        callbacks=[keras.callbacks.TensorBoard(folder), callbacks.ImageGrid(folder, real=next(iter(dataset)))],
    )
    # Both at the end, by one and the same discriminator: the log `d_real` is a mean over the epoch.
    seen = gan.evaluate(dataset, verbose=0, return_dict=True)["d_real"]
    unseen = gan.evaluate(held_out, verbose=0, return_dict=True)["d_real"]
    print(
        f"Mean D(x) on the {info.num_images:,} images trained on: {seen:.3f}; on test images: {unseen:.3f}. The gap is "
        f"{seen - unseen:+.3f}; a discriminator that learns its images by heart opens a wide one.\n"
        f"The samples: {folder / 'images'}"
    )
    return seen, unseen


if __name__ == "__main__":
    main(*sys.argv[1:2])
