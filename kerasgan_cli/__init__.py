"""The console command `kerasgan`: reads the arguments before TensorFlow is imported.

It stands outside of the package, because `import kerasgan` imports Keras and TensorFlow, which takes seconds. Help,
wrong arguments, `--version` and `recipes` need neither. The commands themselves are in `kerasgan.cli`.
"""

import argparse
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from . import look_inside, text
from .recipes import print_recipe, print_recipes
from .terminal import printing_anything, quiet_import, short_warnings
from .values import Version
from .values import image_size as _image_size
from .values import positive as _positive
from .values import seed as _seed

FEATURES = ("classifier", "inception", "pixels")
GUARDS = ("off", "warn", "stop", "rollback")
CONDITIONS = ("edges", "gray", "small", "mask")
SIDES = ("left", "right")
STRATEGIES = ("one", "mirrored", "multi-worker")

DEBUG = "KERASGAN_DEBUG"
"""Environment variable: if it is set, errors are shown with their traceback."""

REFUSALS: tuple[type[Exception], ...] = (ValueError, OSError, ImportError)
"""Errors whose message says what is wrong with what was received."""

UNEXPECTED: tuple[type[Exception], ...] = (Exception,)
"""Errors whose message may not, since no check has foreseen them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: the words after `kerasgan`; None for those of this process.

    Returns:
        The exit code: 0; 2 after an error, with one line on standard error (and before it the traceback, if
        KERASGAN_DEBUG is set); 130 after Ctrl-C, 143 after SIGTERM.
    """
    with printing_anything(), short_warnings():
        options = _parsed(arguments)
        try:
            _run(options)
        except REFUSALS as error:
            return _failed(str(error) or type(error).__name__)
        except UNEXPECTED as error:
            return _failed(f"unexpected {type(error).__name__}: {error}. Set {DEBUG}=1 to see where, and report it.")
        except KeyboardInterrupt as stopped:
            if not hasattr(stopped, "exit_code"):  # a stopped training has printed its own message
                print("\nkerasgan: stopped", file=sys.stderr)
            return getattr(stopped, "exit_code", 130)
    return 0


def _parsed(arguments):
    """Returns the parsed arguments; unknown ones are answered by the command that was called, with the near name."""
    options, unknown = parser().parse_known_args(arguments)
    if unknown:
        command: argparse.ArgumentParser = options.parser
        known = [name for action in command._actions for name in action.option_strings]
        near = next((hint for name in unknown if (hint := text.near(name.partition("=")[0], known))), "")
        if options.command == "train":
            near += " Other settings of a recipe: --set FIELD=VALUE; kerasgan recipes NAME lists them."
        received = " ".join(map(text.printable, unknown))
        command.error(f"there is no such argument. Received: {received}. {near.strip()}".strip())
    return options


class _Parser(argparse.ArgumentParser):
    """A parser that suggests the nearest of several choices."""

    def error(self, message: str) -> NoReturn:
        found = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        near = text.near(found[1], re.findall(r"[\w-]+", found[2])) if found else ""
        super().error(f"{message}. {near}" if near else message)


def _failed(message):
    """Prints the line of an error, while it is handled, and returns the exit code."""
    if os.environ.get(DEBUG):
        traceback.print_exc()
    print(f"kerasgan: error: {text.one_line(message)}", file=sys.stderr)
    return 2


def _run(options):
    if options.command == "recipes":
        return print_recipes() if options.recipe is None else print_recipe(options.recipe)
    with quiet_import():
        from kerasgan import cli
    return cli.COMMANDS[options.command](options)


def parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands; `options.command` is the name of the command."""
    top = _Parser(prog="kerasgan", description="Trains generative adversarial networks with Keras.")
    top.add_argument("--version", nargs=0, action=Version, help="show the version and exit")
    commands = top.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    _add_train(commands.add_parser("train", help="train a GAN and export its generator"))
    _add_sample(commands.add_parser("sample", help="draw samples from a finished run"))
    _add_translate(commands.add_parser("translate", help="translate a folder of photos by a finished run"))
    _add_evaluate(commands.add_parser("evaluate", help="compare a finished run's samples with real images"))
    _add_export(commands.add_parser("export", help="write a finished run's generator for use without Keras"))
    _add_compare(commands.add_parser("compare", help="several runs in one table, seeds averaged"))
    look_inside.add_commands(commands)
    _add_recipes(commands.add_parser("recipes", help="list the named settings for `train`"))
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return top


def _add_train(train):
    train.add_argument(
        "what",
        nargs="?",
        metavar="DATA",
        help="a recipe, an image set of TensorFlow Datasets, or a folder of photos, sounds, signals or volumes "
        "(default: digits)",
    )
    train.add_argument(
        "--recipe", metavar="RECIPE", help="the recipe for DATA, such as sound (default: that of what DATA holds)"
    )
    train.add_argument("--epochs", type=_positive, help="number of epochs (default: the recipe's)")
    train.add_argument("--batch-size", type=_positive, help="images in a batch (default: the recipe's)")
    train.add_argument(
        "--image-size",
        type=_image_size,
        metavar="SIZE",
        help="size of photos in pixels, such as 64, or 48x96 for height and width (default: the recipe's)",
    )
    train.add_argument("--learning-rate", type=float, help="of Adam, for both networks (default: the recipe's)")
    train.add_argument("--objective", help="what the networks minimize, such as hinge (default: the recipe's)")
    train.add_argument("--conditional", action="store_true", default=None, help="train on the labels as well")
    _add_conditions(train)
    train.add_argument("--precision", help="float32, or mixed_bfloat16 if the processor has it (default: the recipe's)")
    train.add_argument(
        "--steps-per-execution", type=_positive, help="steps for each call into TensorFlow (default: the recipe's)"
    )
    train.add_argument(
        "--set",
        action="append",
        metavar="FIELD=VALUE",
        help="change any field of the recipe, such as network_options.width=64; `kerasgan recipes NAME` lists them",
    )
    train.add_argument("--seed", type=int, help="seed of weights, latents and data order (default: 0)")
    train.add_argument("--seeds", type=_positive, help="train so many runs, with the seeds from --seed on")
    train.add_argument("--log-dir", default="tensorboard_logs", help="folder of all runs (default: %(default)s)")
    train.add_argument("--settings", metavar="FILE", help="settings of an earlier run, or some laid over a recipe")
    train.add_argument("--resume", metavar="RUN", help="resume a run in its folder; with --epochs, also a finished one")
    train.add_argument(
        "--from",
        metavar="RUN",
        help="start from the weights, and the settings, of a finished run: other photos, other classes, or with twice "
        "its --image-size",
    )
    train.add_argument("--deterministic", action="store_true", help="the same weights every time; slower")
    train.add_argument(
        "--guard", choices=GUARDS, help="what to do when training fails, such as NaN or a collapse (default: warn)"
    )
    train.add_argument(
        "--strategy",
        choices=STRATEGIES,
        default=STRATEGIES[0],
        help="one device, all devices of this machine, or the workers in TF_CONFIG (default: %(default)s)",
    )
    train.add_argument(
        "--devices",
        type=_positive,
        help="number of devices for --strategy mirrored (default: all GPUs); without GPUs the CPU is split",
    )
    train.add_argument(
        "--dry-run",
        action="store_true",
        help="check everything, estimate the time, print the settings as JSON; write nothing",
    )


def _add_conditions(train):
    """Adds what images are translated from: each of these trains a model from image to image."""
    train.add_argument(
        "--pairs", nargs=2, metavar=("INPUTS", "TARGETS"), help="two folders of photos that have the same names"
    )
    train.add_argument(
        "--pairs-side-by-side",
        nargs="?",
        const=SIDES[0],
        choices=SIDES,
        help="DATA is a folder of pictures of two photos each, the input on the left, or on the side that is named",
    )
    train.add_argument(
        "--condition-from",
        choices=CONDITIONS,
        help="what is made of each photo in DATA and to be translated back: a sketch, gray, small, a part hidden",
    )
    train.add_argument(
        "--domains", nargs=2, metavar=("A", "B"), help="two folders of photos without pairs, to be translated both ways"
    )
    train.add_argument(
        "--conditions", metavar="TABLE", help="a CSV file of labels or numbers for the photos in DATA, to draw by"
    )


def _add_translate(translate):
    translate.add_argument("run", metavar="RUN", help="the folder of a run that translates images")
    translate.add_argument("images", metavar="FOLDER", help="a folder of photos, or a picture")
    translate.add_argument("--out", metavar="FOLDER", required=True, help="where the translations go, as PNG files")
    translate.add_argument("--to", choices=("a", "b"), help="of a run on two domains: which one (default: b)")
    translate.add_argument(
        "--from-photos",
        action="store_true",
        help="make the input of each photo, as in training with --condition-from",
    )
    translate.add_argument("--seed", type=_seed, default=0, help="of the latents, if there are (default: %(default)s)")
    translate.add_argument("--overwrite", action="store_true", help="replace pictures that are there already")


def _add_sample(sample):
    sample.add_argument("run", metavar="RUN", help="the run's folder, such as tensorboard_logs/00001-digits")
    sample.add_argument("--n", type=_positive, default=64, help="number of samples (default: %(default)s)")
    sample.add_argument("--seed", type=_seed, help="the same samples every time (default: new samples)")
    sample.add_argument("--label", type=int, help="only samples of one class, counted from 0")
    sample.add_argument(
        "--condition",
        metavar="VALUES",
        help="labels or numbers of all samples, for a run with --conditions: smile=1,age=40, or 1,40 in the order of "
        "the table; --condition=-1,40 where the first is below 0 (default: drawn as in the data)",
    )
    sample.add_argument(
        "--out",
        metavar="PATH",
        default="samples.png",
        help="a .png file for one picture, a .npy file for values in the data's own dtype and range, or a folder: WAV "
        "files of sounds, PNG or .npy files of others (default: %(default)s)",
    )


def _add_evaluate(evaluate):
    evaluate.add_argument("run", metavar="RUN", help="the run's folder")
    evaluate.add_argument("--n", type=_positive, default=10_000, help="number of samples (default: %(default)s)")
    evaluate.add_argument(
        "--features",
        choices=FEATURES,
        help="features to compare (default: of a classifier where the data has labels, else of Inception; points "
        "without features)",
    )
    evaluate.add_argument("--split", help="split of the real images (default: test where there is one, else train)")
    evaluate.add_argument("--seed", type=_seed, default=0, help="the same table every time (default: %(default)s)")
    evaluate.add_argument(
        "--seeds",
        type=_positive,
        default=3,
        help="sets of samples, and classifiers, for the deviations of the figures; 1 is fastest (default: %(default)s)",
    )
    evaluate.add_argument("--json", metavar="FILE", help="write the figures as JSON")
    evaluate.add_argument(
        "--classifier",
        action="store_true",
        help="also train a classifier on samples, and one on real images, and test both on real images",
    )
    evaluate.add_argument(
        "--samples", metavar="PATH", help="write the samples for other tools: a .npz file, or a folder of PNG files"
    )


def _add_export(export):
    registry = text.module_of("export", "registry.py")
    formats = registry.FORMATS
    suffixes = ", ".join(f"{each.suffix} for {name}" for name, each in formats.items() if each.suffix)
    export.add_argument("run", metavar="RUN", help="the run's folder")
    export.add_argument(
        "--out", metavar="PATH", help="the folder or file to write (default for files: the run's name, in this folder)"
    )
    export.add_argument(
        "--format", choices=list(formats), help=f"default: that of PATH's end, {suffixes}; else tf_saved_model"
    )
    export.add_argument(
        "--what",
        choices=_all(each.what for each in formats.values()),
        help="default: generator (of a CycleGAN generator_ab); both, that is all networks, for a SavedModel",
    )
    export.add_argument(
        "--precision",
        choices=_all(each.precisions for each in formats.values()),
        help="of the stored weights (default: float32; for html float16 where the pixels stay within one level)",
    )
    export.add_argument(
        "--no-check", dest="check", action="store_false", help="do not compare what was written with the network"
    )
    for name, option in registry.options().items():
        export.add_argument(f"--{name.replace('_', '-')}", choices=option.choices or None, help=option.help)


def _all(several):
    """Returns the values of several tuples, each once, in order."""
    return list(dict.fromkeys(value for values in several for value in values))


def _add_compare(compare):
    compare.add_argument("runs", metavar="RUN", nargs="+", help="the runs' folders")
    compare.add_argument("--csv", metavar="FILE", help="write all curves, one row for each epoch of each run")


def _add_recipes(recipes):
    recipes.add_argument(
        "recipe", metavar="RECIPE", nargs="?", help="show all settings of this one, with their meaning"
    )
