"""A photo from a sketch: outlines in, photos out, at any size.

You learn: how sketches are made of photos (`condition_from="edges"`), how sketches of your own are translated, and that
a network from image to image takes images of other sizes than those that it was trained on.

Run:      python examples/sketch.py [FOLDER [PHOTOS]]
          PHOTOS is a folder of photos; without it pictures of colored shapes are drawn for the run.
Takes:    60 seconds on two CPU cores; needs no download.
Writes:   into FOLDER (tensorboard_logs/example-sketch): sketches.png, with sketch, generated and true image side by
          side, mine.png, a drawing that is twice as wide, grids in images/, and gan.keras.
"""

import pathlib
import sys

import keras
import numpy as np
from PIL import Image, ImageDraw

import kerasgan
from kerasgan import callbacks, datasets, pictures


def draw_shapes(count, size):
    """Pictures of a shape: circles are red, squares blue and triangles yellow, in many shades, uint8."""
    random, found = np.random.default_rng(0), []
    shades = ([190, 60, 50], [50, 80, 190], [220, 190, 60])
    for number in range(count):
        picture = Image.new("RGB", (size, size), tuple(map(int, random.integers(200, 256, size=3))))
        pen, color = ImageDraw.Draw(picture), tuple(map(int, random.normal(shades[number % 3], 12).clip(0, 255)))
        radius = random.uniform(0.2, 0.4) * size
        x, y = random.uniform(radius, size - radius, size=2)
        box = [x - radius, y - radius, x + radius, y + radius]
        if number % 3 == 2:
            pen.polygon([(x, box[1]), (box[2], box[3]), (box[0], box[3])], fill=color)
        else:
            (pen.ellipse, pen.rectangle)[number % 3](box, fill=color)
        found.append(np.asarray(picture))
    return np.stack(found)


def my_sketch(size):
    """A circle and a square in one drawing, dark lines on white, float32 (1, size, 2 * size, 1)."""
    drawing = Image.new("L", (2 * size, size), 255)
    pen = ImageDraw.Draw(drawing)
    pen.ellipse([size * 0.2, size * 0.2, size * 0.8, size * 0.8], outline=0)
    pen.rectangle([size * 1.25, size * 0.25, size * 1.75, size * 0.75], outline=0)
    return np.asarray(drawing, "float32")[None, :, :, None] / 127.5 - 1


def main(folder="tensorboard_logs/example-sketch", photos=None, epochs=6, count=2000, size=32, width=16):
    folder = pathlib.Path(folder)
    keras.utils.set_random_seed(0)
    source = draw_shapes(count, size) if photos is None else photos
    options = {"image_size": size, "condition_from": "edges"}
    batches, info = datasets.load(source, batch_size=8, split="train[:90%]", flip=True, **options)
    images, sketches, _ = datasets.load_arrays(source, split="train[90%:]", **options)
    networks = kerasgan.networks.pix2pix(info.image_shape, condition=info.condition, width=width)
    gan = kerasgan.GAN(*networks, latent_dim=0, condition=info.condition)
    gan.compile(updates=kerasgan.updates.Alternating(same_samples=True), reconstruction="l1")
    grid = callbacks.ImageGrid(folder, n=48, real=(images, sketches), every_epochs=max(epochs // 3, 1))
    gan.fit(batches, epochs=epochs, verbose=2, callbacks=[grid])

    generated = gan.translate(sketches)
    error, of_sketch = (float(np.mean(np.abs(each - images))) for each in (generated, sketches))
    shown = pictures.strips(sketches[:16], generated[:16], images[:16])
    pictures.save_png(folder / "sketches.png", pictures.tile(shown, columns=2, padding=3))
    mine = my_sketch(size)
    pictures.save_png(folder / "mine.png", pictures.tile(pictures.strips(mine, gan.translate(mine))))
    gan.save(folder / "gan.keras")
    print(f"Held-out images: a pixel is {127.5 * error:.1f} levels of 255 from the truth.\nAll: {folder}")
    return error, of_sketch


if __name__ == "__main__":
    main(*sys.argv[1:3])
