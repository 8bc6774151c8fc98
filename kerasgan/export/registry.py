"""The formats of `export`: one entry each, with all that is known of a format before its module is imported.

A format is one module of `kerasgan.export` (a file or a folder) and one entry of `FORMATS`. The module has

- `write(exported, path, precision, card, **options)`: writes the file or folder, and returns what is to be added to the
  card, a dict or None. `exported` is a `network.Exported`; `card` is the card as far as it is known. Where the format
  cannot leave sizes free, it writes `exported.of_fixed_size()`, and returns `card.ports` of that.
- `run(path, exported, inputs, card)`: runs what was written in its own runtime on arrays by name, and returns a list of
  arrays, each of which should be the network's output. A format whose module lacks it is not checked.
- `check_gan(gan)`: refuses GANs that the format cannot hold. Only formats that cannot hold some have it.
- `embed(path, card)`: puts the card into the file. Only formats that carry their card have it.

The command line reads this file without importing the package, so it imports nothing but the standard library.
"""

from collections.abc import Mapping
from typing import NamedTuple

DOMAINS = ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
"""The networks of a `kerasgan.CycleGAN`."""

ONE = ("generator", "discriminator", *DOMAINS)
BOTH = ("both", *ONE)


class Option(NamedTuple):
    """One option of a format: a keyword argument of `export`, and on the command line `--name`.

    Args:
        name: the keyword.
        default: its value if it is left out.
        help: what it does, for `--help`.
        choices: its values; () for any text.
    """

    name: str
    default: str
    help: str
    choices: tuple[str, ...] = ()


class Needs(NamedTuple):
    """What has to be installed for a format on one engine.

    Args:
        extra: the extra of kerasgan that installs it; "" for none.
        packages: the modules that must be importable.
    """

    extra: str = ""
    packages: tuple[str, ...] = ()


class Format(NamedTuple):
    """One format.

    Args:
        module: its module, under `kerasgan.export`.
        title: its name in prose.
        suffix: the end of its file's name; "" for a folder.
        needs: what has to be installed, for each engine that can write it.
        precisions: the values of `precision` that it takes, with the tolerance of each: the largest difference from
            the network in float32 that the check lets pass.
        what: the values of `what` that it takes for one kind of GAN or another. The first that a GAN has is the
            default.
        options: further options.
        companions: suffixes of further files that it writes next to the first, in its place.
    """

    module: str
    title: str
    suffix: str
    needs: Mapping[str, Needs]
    precisions: Mapping[str, float]
    what: tuple[str, ...] = ONE
    options: tuple[Option, ...] = ()
    companions: tuple[str, ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, not a file."""
        return not self.suffix


FLOAT32 = {"float32": 1e-5}
WEIGHTS = {**FLOAT32, "float16": 1e-2, "int8": 0.25}
ONNX = {
    "tensorflow": Needs("onnx", ("onnx", "onnxruntime", "tf2onnx")),
    "jax": Needs("jax-onnx", ("onnx", "onnxruntime", "jax2onnx")),
}
LITERT = {"tensorflow": Needs("litert", ("ai_edge_litert",))}
OPENVINO = {"tensorflow": Needs("openvino", ("openvino",))}
SAVED_MODEL = {"tensorflow": Needs(), "jax": Needs("", ("tensorflow",))}
ANYWHERE = {"tensorflow": Needs(), "jax": Needs()}
PIXELS = {"auto": 8e-3, "float16": 8e-3, "float32": 1e-5}
"""A pixel has 255 levels, 7.8e-3 apart."""
PAGE = (
    Option("title", "Generator", "title of a page (default: the name of the data)"),
    Option("data", "", "what a page says that it was trained on (default: number and name of the run's images)"),
    Option("class_names", "", "names of the classes in a page, with commas between them (default: the run's)"),
    Option("directions", "", "number of sliders for latent directions in a page (default: 0)"),
    Option("runtime", "own", "what runs a page: own kernels, or onnxruntime-web for all layers", ("own", "onnx")),
    Option("onnxruntime_web", "", "folder of the npm package onnxruntime-web, for --runtime onnx"),
)
FORMATS: dict[str, Format] = {
    "tf_saved_model": Format("saved_model", "TensorFlow's SavedModel", "", SAVED_MODEL, FLOAT32, BOTH),
    "onnx": Format("onnx", "ONNX", ".onnx", ONNX, WEIGHTS),
    "litert": Format("litert", "LiteRT", ".tflite", LITERT, WEIGHTS),
    "openvino": Format("openvino", "OpenVINO", ".xml", OPENVINO, FLOAT32, companions=(".bin",)),
    "html": Format("html", "A page", ".html", ANYWHERE, PIXELS, ("generator",), PAGE),
}


def options() -> dict[str, Option]:
    """Returns the further options of all formats, by name."""
    return {option.name: option for each in FORMATS.values() for option in each.options}


def format_of(path: str) -> str:
    """Returns the name of the format whose file's name ends as a path does; that of a folder if there is none."""
    ends = (name for name, each in FORMATS.items() if each.suffix and str(path).endswith(each.suffix))
    return next(ends, "tf_saved_model")
