"""Several machines train one GAN: each computes its share of the batch, and all end with the same weights.

You learn: how a GAN is built under MultiWorkerMirroredStrategy, which worker writes files, and how to verify that all
agree.

Run:      python examples/workers.py [FOLDER]
          on each machine, with TF_CONFIG to tell which it is; to try it on one, in two terminals:
          TF_CONFIG='{"cluster": {"worker": ["localhost:2222", "localhost:2223"]},
                      "task": {"type": "worker", "index": 0}}' python examples/workers.py
          and the same with "index": 1. Without TF_CONFIG there is one worker.
Takes:    45 seconds on two CPU cores, for two workers; needs no download.
Writes:   into FOLDER (tensorboard_logs/example-workers): samples.png and gan.keras, from the first worker alone.
"""

import pathlib
import sys

import keras
import tensorflow as tf

import kerasgan
from kerasgan import pictures


def main(folder="tensorboard_logs/example-workers", epochs=4, passes_per_epoch=5):
    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # before any other call of TensorFlow
    worker, workers = strategy.cluster_resolver.task_id or 0, max(1, len(servers(strategy)))
    keras.utils.set_random_seed(0)

    # The batch is that of all workers together; in `fit` each reads its own share of it.
    # So many passes through the few digits are one epoch.
    batches, info = kerasgan.datasets.load("digits", batch_size=64, passes=passes_per_epoch)
    with strategy.scope():
        generator, discriminator = kerasgan.networks.dcgan(info.image_shape, latent_dim=64, width=32, depth=2)
        gan = kerasgan.GAN(generator, discriminator, latent_dim=64, seed=0)
        gan.compile(
            d_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
            g_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        )
    gan.fit(batches, epochs=epochs, verbose=2 if worker == 0 else 0)

    total = sum(float(abs(weight).sum()) for weight in gan.get_weights())
    print(
        f"Worker {worker} of {workers} ends with weights whose absolute values add up to {total:.4f}, the same on all."
    )
    if worker == 0:
        folder = pathlib.Path(folder)
        pictures.save_png(folder / "samples.png", pictures.tile(gan.generate(64, seed=0)))
        gan.save(folder / "gan.keras")
        print(f"The samples: {folder / 'samples.png'}")
    return gan


def servers(strategy):
    """Returns the addresses of all workers."""
    return strategy.cluster_resolver.cluster_spec().as_dict().get("worker", [])


if __name__ == "__main__":
    main(*sys.argv[1:2])
