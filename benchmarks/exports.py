"""The exact difference and the size of every export: `python benchmarks/exports.py`.

Each pair of networks is exported in every format and precision, checked in the format's own runtime as `export` does
it, and its files are measured. Weights are drawn, not trained: with the variance that lets the images fill [-1, 1], and
with the statistics of batch norm that belong to them, so that differences are not hidden by empty images. Prints the
table of docs/export.md and writes JSON to a new file: `--out`.
"""

import argparse
import json
import os
import pathlib
import tempfile

import records

PAIRS = {
    "dcgan 28": ("dcgan", (28, 28, 1), {}),
    "dcgan 64": ("dcgan", (64, 64, 3), {}),
    "resnet 32": ("resnet", (32, 32, 3), {}),
    "resnet 32, no norm": ("resnet", (32, 32, 3), {"norm": None}),
    "resnext 32": ("resnext", (32, 32, 3), {}),
    "resnet 64, no norm": ("resnet", (64, 64, 3), {"norm": None}),
    "mlp 28": ("mlp", (28, 28, 1), {"width": 256}),
    "conditional dcgan 28": ("dcgan", (28, 28, 1), {"num_classes": 10}),
    "averaged dcgan 28": ("dcgan", (28, 28, 1), {}),
    "bfloat16 dcgan 28": ("dcgan", (28, 28, 1), {}),
}
LATENT_DIM = 64

TRANSLATIONS = ("unet 64", "patchgan 64", "translator 64")
UNSEEN = ((96, 48), (48, 112))
"""Sizes that the networks from image to image, built for 64x64 pixels, have never seen."""


def make_gan(name, width=None):
    """Returns the GAN of a name of `PAIRS`, with images that fill their range.

    Args:
        name: the name.
        width: of the networks; None for that of `PAIRS`, or the default of the networks.
    """
    import keras

    import kerasgan

    network, shape, options = PAIRS[name]
    options = options if width is None else options | {"width": width}
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    try:
        if name.startswith("bfloat16"):
            keras.config.set_dtype_policy("mixed_bfloat16")
        networks = getattr(kerasgan.networks, network)(shape, LATENT_DIM, **options)
    finally:
        keras.config.set_dtype_policy(before)
    for each in networks:
        draw_weights(each)
    ema = kerasgan.ema.EMA(100) if name.startswith("averaged") else None
    gan = kerasgan.GAN(*networks, latent_dim=LATENT_DIM, num_classes=options.get("num_classes"), ema=ema)
    measure_statistics(gan)
    if options.get("norm", "batch") is None:
        scale_images(gan.generator)
    return gan


def draw_weights(network):
    """Draws the kernels of a network so that the variance is kept from layer to layer."""
    import numpy as np

    random = np.random.default_rng(0)
    for weight in network.trainable_weights:
        shape = weight.shape
        if len(shape) < 2:
            continue
        # A strided transposed convolution of 4x4 sums over 4 of its 16 weights; its inputs are the last axis.
        fan_in = shape[-1] * 4 if "transpose" in weight.path else int(np.prod(shape[:-1]))
        weight.assign(random.normal(size=shape) * np.sqrt(1.5 / fan_in))


def measure_statistics(gan, batches=20, batch_size=16):
    """Sets the statistics of batch norm in the generators to those of drawn latents."""
    import numpy as np

    random = np.random.default_rng(1)
    for generator in {id(each): each for each in (gan.generator, gan.sampler)}.values():
        trainable, generator.trainable = generator.trainable, True
        for _ in range(batches):
            z = random.normal(size=(batch_size, gan.latent_dim)).astype("float32")
            labels = [] if gan.num_classes is None else [random.integers(0, gan.num_classes, batch_size)]
            generator([z, *labels] if labels else z, training=True)
        generator.trainable = trainable


def scale_images(generator):
    """Divides the kernel of the last layer by the deviation before tanh, which nothing has kept to 1 without norm."""
    import keras
    import numpy as np

    before = keras.Model(generator.inputs, generator.layers[-1].input)
    z = np.random.default_rng(1).normal(size=(16, *generator.input_shape[1:])).astype("float32")
    kernel = generator.layers[-2].kernel
    kernel.assign(kernel / keras.ops.std(before(z)))


def measure(gan, format, precision, folder):
    """Returns the row of one export: the sizes in bytes, the largest difference, the tolerance, the batch."""
    import kerasgan

    suffix = kerasgan.export.FORMATS[format].suffix
    card = gan.export(pathlib.Path(folder, f"{format}-{precision}{suffix}"), format, precision=precision)
    return {
        "format": format,
        "precision": precision,
        "bytes": sum(each["bytes"] for each in card["files"].values()),
        "difference": card["check"]["largest_difference"],
        "tolerance": card["check"]["tolerance"],
        "batch": card["inputs"][0]["shape"][0],
        "runtime": card["check"]["runtime"],
    }


def make_translation(name):
    """Returns a GAN from gray images to color, and what is exported of it, for a name of `TRANSLATIONS`."""
    import keras

    from kerasgan import GAN, conditions, networks

    keras.utils.set_random_seed(0)
    gray, shape = conditions.Image((64, 64, 1)), (64, 64, 3)
    generator = (networks.translator if name.startswith("translator") else networks.unet)(shape, gray)
    discriminator = networks.patchgan(shape, gray)
    for each in (generator, discriminator):
        draw_weights(each)
    what = "discriminator" if name.startswith("patchgan") else "generator"
    return GAN(generator, discriminator, latent_dim=0, condition=gray), what


def measure_sizes(name, format, folder):
    """Returns the row of one export: the largest difference at each size of `UNSEEN`, in the format's own runtime."""
    import numpy as np

    from kerasgan.export import FORMATS, network, place

    gan, what = make_translation(name)
    path = pathlib.Path(folder, f"{format}{FORMATS[format].suffix}")
    card, subject = gan.export(path, format, what=what), network.exported(gan, what, in_policy=False)
    row = {"network": name, "format": format, "free": card["sizes"]["free"]}
    for size in UNSEEN:
        shapes = {each.name: (2, *size, each.shape[2]) for each in subject.inputs}
        random = np.random.default_rng(2)
        inputs = {each: random.uniform(-1, 1, shape).astype("float32") for each, shape in shapes.items()}
        expected = subject.expected(inputs)
        scale = max(1.0, float(np.abs(expected).max()))
        found = place.module_of(format).run(path, subject, inputs, card)
        difference = max(float(np.abs(each - expected).max()) / scale for each in found)
        row[f"{size[0]}x{size[1]}"], row["std"] = difference, float(expected.std())
    return row


def measure_translations():
    """Returns the rows of all networks from image to image in all formats but pages, and prints them as a table."""
    rows = []
    print("| network | format | std | 96x48 | 48x112 |\n|---|---|---|---|---|", flush=True)
    for name in TRANSLATIONS:
        for format in ("tf_saved_model", "onnx", "litert", "openvino"):
            with tempfile.TemporaryDirectory() as folder:
                row = measure_sizes(name, format, folder)
            rows.append(row)
            cells = " | ".join(f"{row[f'{height}x{width}']:.1e}" for height, width in UNSEEN)
            print(f"| {name} | {format} | {row['std']:.2f} | {cells} |", flush=True)
    return rows


def tables(rows):
    """Returns the two tables of docs/export.md, Markdown: float32 in all formats, and weights with fewer bits."""
    found = {(row["pair"], row["format"], row["precision"]): row for row in rows}
    pairs = list(dict.fromkeys(row["pair"] for row in rows))
    kinds = list(dict.fromkeys((row["format"], row["precision"]) for row in rows))
    return "\n\n".join(
        _table(found, pairs, chosen)
        for chosen in (
            [kind for kind in kinds if kind[1] == "float32"],
            [kind for kind in kinds if kind[1] != "float32"],
        )
    )


def _table(found, pairs, kinds):
    names = [name if precision == "float32" else f"{name} {precision}" for name, precision in kinds]
    lines = [f"| MB, difference | {' | '.join(names)} |", f"|---{'|---' * len(kinds)}|"]
    for pair in pairs:
        rows = [found.get((pair, *kind)) for kind in kinds]
        cells = ["-" if row is None else f"{row['bytes'] / 1e6:.2f}, {row['difference']:.0e}" for row in rows]
        lines.append(f"| {pair} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", choices=list(PAIRS), default=list(PAIRS))
    parser.add_argument("--width", type=int, help="of all networks (default: their own)")
    records.add_options(parser, "exports")
    parser.add_argument(
        "--translations", action="store_true", help="measure networks from image to image at other sizes instead"
    )
    parser.add_argument("--table", metavar="FILE", help="print the tables of earlier results, and measure nothing")
    options = parser.parse_args()
    if options.table:
        return print(tables(json.loads(pathlib.Path(options.table).read_text())["rows"]))
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from kerasgan.export import FORMATS

    if options.translations:
        return records.write(options, {"rows": measure_translations()})
    kinds = [(name, each) for name, chosen in FORMATS.items() for each in chosen.precisions if each != "auto"]
    print("| networks | parameters | std of pixels | format | precision | MB | largest difference | batch |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    rows = []
    for pair in options.pairs:
        gan = make_gan(pair, options.width)
        facts = {"pair": pair, "parameters": gan.sampler.count_params(), "std": float(gan.generate(16, seed=1).std())}
        with tempfile.TemporaryDirectory() as folder:
            for format, precision in kinds:
                row = facts | measure(gan, format, precision, folder)
                rows.append(row)
                size = f"{row['bytes'] / 1e6:.2f} | {row['difference']:.1e} | {row['batch']}"
                print(
                    f"| {pair} | {row['parameters']:,} | {row['std']:.2f} | {format} | {precision} | {size} |",
                    flush=True,
                )
    records.write(options, {"rows": rows})


if __name__ == "__main__":
    main()
