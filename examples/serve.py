"""Serving a generator without Keras and kerasgan: TensorFlow alone generates the same samples.

You learn: which files `gan.export` writes, how a program without the model's code calls it, and how to verify that its
samples are those of `gan.generate`: the same seed gives the same samples.

Run:      python examples/serve.py [FOLDER]
Takes:    13 seconds on two CPU cores.
Writes:   into FOLDER (tensorboard_logs/example-serve): saved_model/ with kerasgan.json, which describes inputs and
          outputs, and served.npz, the samples of the other program.
"""

import json
import pathlib
import subprocess
import sys

import keras
import numpy as np

import kerasgan

CLIENT = """
import sys

sys.modules["keras"] = sys.modules["kerasgan"] = None  # importing them fails, as if they were not installed

import numpy as np
import tensorflow as tf

folder, served = sys.argv[1:]
model = tf.saved_model.load(folder)
images = model.signatures["generate"](n=tf.constant(16), seed=tf.constant(7))["images"]
logits = model.signatures["discriminate"](images)["logits"]
np.savez(served, images=images, logits=logits)
"""


def main(folder="tensorboard_logs/example-serve", epochs=2, passes_per_epoch=20):
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(0)
    batches, info = kerasgan.datasets.load("digits")
    generator, discriminator = kerasgan.networks.dcgan(info.image_shape, latent_dim=64, width=32, depth=2)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=64)
    gan.compile(*(keras.optimizers.Adam(5e-4, beta_1=0.5) for _ in range(2)), steps_per_execution=20)
    # So many passes through the few digits are one epoch.
    gan.fit(batches.repeat(passes_per_epoch), epochs=epochs, verbose=2)

    gan.export(folder / "saved_model")
    card = json.loads((folder / "saved_model" / "kerasgan.json").read_text())
    print("kerasgan.json:", {name: card[name] for name in ("latent_shape", "image_shape", "pixel_range", "check")})
    # A new process, isolated (-I) from this one's folders and environment, has only the exported folder.
    subprocess.run([sys.executable, "-I", "-c", CLIENT, folder / "saved_model", folder / "served.npz"], check=True)

    served, images = np.load(folder / "served.npz"), gan.generate(16, seed=7)
    logits = gan.discriminator.predict(images, verbose=0)[:, 0]
    difference = float(np.max(np.abs(served["images"] - images)))
    of_logits = float(np.max(np.abs(served["logits"] - logits)))
    print(
        f"TensorFlow alone generated {served['images'].shape} images in {images.min():.2f} to {images.max():.2f}, "
        f"which differ from gan.generate's by at most {difference:.1e}; the logits by {of_logits:.1e}."
    )
    return difference, of_logits


if __name__ == "__main__":
    main(*sys.argv[1:2])
