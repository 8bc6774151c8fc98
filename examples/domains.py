"""One domain into another, without pairs: dark digits on white paper become bright ones on blue, and back.

You learn: how two sets of images that have no pairs are translated into each other (CycleGAN), what keeps a
translation close to its input (the way back), and how far it is from a truth that training never saw.

Run:      python examples/domains.py [FOLDER]
Takes:    90 seconds on two CPU cores; needs no download, scikit-learn contains the digits.
Writes:   into FOLDER (tensorboard_logs/example-domains): domains.png, with digits, their translations and the truth
          side by side, the ways there and back in images/, and gan.keras.
"""

import pathlib
import sys

import keras
import numpy as np

import kerasgan
from kerasgan import callbacks, datasets, pictures

BLUE, YELLOW = np.array([-0.8, -0.5, 0.3]), np.array([0.9, 0.8, -0.2])


def on_paper(digits):
    """Dark digits on white: float32 (n, 16, 16, 3) in [-1, 1], from digits of 8x8."""
    large = digits.repeat(2, axis=1).repeat(2, axis=2)
    return (-large).repeat(3, axis=-1).astype("float32")


def on_blue(digits):
    """The same digits in yellow on blue: what a perfect translation gives."""
    ink = (1 - on_paper(digits)) / 2
    return (BLUE + ink * (YELLOW - BLUE)).astype("float32")


def main(folder="tensorboard_logs/example-domains", epochs=8, width=8, blocks=2):
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(0)
    digits, _, _ = datasets.load_arrays("digits")
    order = np.random.default_rng(0).permutation(len(digits))
    digits = digits[order]
    # No digit is in both domains: there are no pairs to be found.
    batches, info = datasets.load_unpaired(on_paper(digits[:800]), on_blue(digits[800:1600]), batch_size=4)
    held_out = digits[1600:]

    size, b = info.image_shape, info.condition.shape
    to_b, to_a = (kerasgan.networks.translator(size, width=width, blocks=blocks) for _ in range(2))
    of_a, of_b = (kerasgan.networks.patchgan(shape, width=2 * width) for shape in (size, b))
    gan = kerasgan.CycleGAN(to_b, to_a, of_a, of_b, image_size=size[:2])
    gan.compile(*(keras.optimizers.Adam(5e-4, beta_1=0.5) for _ in range(2)), cycle=10.0, identity=0.0)
    real = on_paper(held_out), on_blue(held_out)
    gan.fit(batches, epochs=epochs, verbose=2, callbacks=[callbacks.ImageGrid(folder, n=48, real=real)])

    there, back = gan.translate(real[0], to="b"), gan.translate(real[1], to="a")
    errors = [float(np.mean(np.abs(found - truth))) for found, truth in ((there, real[1]), (back, real[0]))]
    shown = pictures.strips(real[0], there, real[1], back)[:16]
    pictures.save_png(folder / "domains.png", pictures.tile(shown, columns=2, padding=3))
    gan.save(folder / "gan.keras")
    untouched = float(np.mean(np.abs(real[0] - real[1])))
    print(
        f"Held-out digits are {127.5 * errors[0]:.0f} levels of 255 from the truth in b, {127.5 * errors[1]:.0f} in a; "
        f"left as they are, {127.5 * untouched:.0f}.\nDigit, translation, truth, its translation: {folder}"
    )
    return errors, untouched


if __name__ == "__main__":
    main(*sys.argv[1:2])
