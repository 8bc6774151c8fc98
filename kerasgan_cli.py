"""The console command `kerasgan`: reads the arguments before TensorFlow is imported.

It stands outside of the package, because `import kerasgan` imports Keras and TensorFlow, which takes seconds. Help,
wrong arguments, `--version` and `recipes` need neither. The commands themselves are in `kerasgan.cli`.
"""

import argparse
import contextlib
import difflib
import importlib.util
import os
import pathlib
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

FEATURES = ("classifier", "inception", "pixels")
GUARDS = ("off", "warn", "stop", "rollback")
STRATEGIES = ("one", "mirrored", "multi-worker")

DEBUG = "KERASGAN_DEBUG"
"""Environment variable: if it is set, errors are shown with their traceback."""

REFUSALS: tuple[type[Exception], ...] = (ValueError, OSError, ImportError)
"""Errors whose message says what is wrong with what was received."""

UNEXPECTED: tuple[type[Exception], ...] = (Exception,)
"""Errors whose message may not, since no check has foreseen them."""

LONGEST_MESSAGE = 2000


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: the words after `kerasgan`; None for those of this process.

    Returns:
        The exit code: 0; 2 after an error, with one line on standard error (and before it the traceback, if
        KERASGAN_DEBUG is set); 130 after Ctrl-C, 143 after SIGTERM.
    """
    with _printing_anything(), _short_warnings():
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
        near = next((hint for name in unknown if (hint := _near(name.partition("=")[0], known))), "")
        if options.command == "train":
            near += " Other settings of a recipe: --set FIELD=VALUE; kerasgan recipes NAME lists them."
        received = " ".join(map(_printable, unknown))
        command.error(f"there is no such argument. Received: {received}. {near.strip()}".strip())
    return options


def _near(name, known):
    """Returns a question that names the known name that contains a name or is nearest to it; empty for none."""
    inside = [each for each in known if len(name.strip("-")) > 2 and name.strip("-") in each]
    found = inside or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean {' or '.join(found[:2])}?" if found else ""


class _Parser(argparse.ArgumentParser):
    """A parser that suggests the nearest of several choices."""

    def error(self, message: str) -> NoReturn:
        found = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        near = _near(found[1], re.findall(r"[\w-]+", found[2])) if found else ""
        super().error(f"{message}. {near}" if near else message)


def _failed(message):
    """Prints the line of an error, while it is handled, and returns the exit code."""
    if os.environ.get(DEBUG):
        traceback.print_exc()
    print(f"kerasgan: error: {_one_line(message)}", file=sys.stderr)
    return 2


def _one_line(message):
    """Returns a message, which may hold names from files, as one printable line of bounded length."""
    lines = (line.strip() for line in str(message).split("\n"))
    line = _printable(" ".join(line for line in lines if line))
    half = LONGEST_MESSAGE // 2
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:half]} ... {line[-half:]}"


def _printable(text):
    """Calls `kerasgan.validation.printable`, from its file: the package itself may be what cannot be imported."""
    return _module_of("validation", "printable.py").printable(text)


def _module_of(*path):
    """Returns the module in a file of the package, without importing the package."""
    package = importlib.util.find_spec("kerasgan")
    file = pathlib.Path(package.submodule_search_locations[0], *path)
    spec = importlib.util.spec_from_file_location(f"kerasgan_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Stream:
    """A standard stream that is dropped, in silence, once nobody reads it, as in `kerasgan train | head -1`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self):
        """Leads the stream's descriptor to nowhere: what is buffered goes there, too, now and when Python ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _printing_anything() -> Iterator[None]:
    """Makes printing go on when a pipe is closed, and for names that the terminal's encoding does not have."""
    streams = sys.stdout, sys.stderr
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = map(_Stream, streams)
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = streams


def _run(options):
    if options.command == "recipes":
        return print_recipes() if options.recipe is None else print_recipe(options.recipe)
    with quiet_import():
        from kerasgan import cli
    return cli.COMMANDS[options.command](options)


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Hides TensorFlow's notes on its build, written to standard error during its import, which no setting hides."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _short_warnings():
    """Makes a warning one line without a place in the code, as for a user of a command."""
    usual, warnings.formatwarning = warnings.formatwarning, _format_warning
    try:
        yield
    finally:
        warnings.formatwarning = usual


def _format_warning(message, category, filename, lineno, line=None):
    return f"kerasgan: warning: {_one_line(message)}\n"


def print_recipes() -> None:
    """Prints the name and the title of each recipe, from the file that `kerasgan.runs.recipes` reads."""
    titles = {name: fields["title"] for name, fields in _recipes().items()}
    width = max(map(len, titles))
    for name, title in titles.items():
        print(f"{name:<{width}}  {title}")


def print_recipe(name: str) -> None:
    """Prints all settings of a recipe: the value of each field and its meaning.

    Raises:
        ValueError: if there is no recipe of that name.
    """
    recipes = _recipes()
    if name not in recipes:
        hint = _near(name, list(recipes)) or f"Known: {', '.join(recipes)}."
        raise ValueError(f"There is no recipe of that name. Received: {name!r}. {hint}")
    fields = {field: (recipes[name].get(field, default), text) for field, (default, text) in _recipe_fields().items()}
    title, _ = fields.pop("title")
    lines = {f"{field} = {_toml(value)}": text for field, (value, text) in fields.items()}
    width = max(map(len, lines))
    print(f"{name}: {title}\n")
    for line, text in lines.items():
        print(f"{line:<{width}}  {text}")
    print(f"\nChange them: kerasgan train {name} --set epochs=20 --set network_options.width=64")


def _recipes():
    import tomllib

    return tomllib.loads((_runs_folder() / "recipes.toml").read_text(encoding="utf-8"))


def _recipe_fields():
    """Returns the default and the meaning of each field of a recipe, from the text of `kerasgan.runs.recipes`."""
    import ast

    module = ast.parse((_runs_folder() / "recipes.py").read_text(encoding="utf-8"))
    recipe = next(each for each in module.body if isinstance(each, ast.ClassDef) and each.name == "Recipe")
    text = re.search(r"Args:\n(.*?)\n\n", ast.get_docstring(recipe), re.DOTALL)[1]
    meanings = re.findall(r"^    (\w[\w, ]*): (.*(?:\n        .*)*)", text, re.MULTILINE)
    said = {name: " ".join(meaning.split()) for names, meaning in meanings for name in names.split(", ")}
    assigned = [each for each in recipe.body if isinstance(each, ast.AnnAssign)]
    return {each.target.id: (_default(each.value), said[each.target.id]) for each in assigned}


def _default(node):
    """Returns the default of a field; None for one without, and an empty dict for one that a function makes."""
    import ast

    if isinstance(node, ast.Call):
        return {}
    return None if node is None else ast.literal_eval(node)


def _toml(value):
    """Returns a value as it is written after `--set field=`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + "}"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value}"


def _runs_folder():
    package = importlib.util.find_spec("kerasgan")  # finds it without importing it
    return pathlib.Path(package.submodule_search_locations[0], "runs")


def parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands; `options.command` is the name of the command."""
    top = _Parser(prog="kerasgan", description="Trains generative adversarial networks with Keras.")
    top.add_argument("--version", nargs=0, action=_Version, help="show the version and exit")
    commands = top.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    _add_train(commands.add_parser("train", help="train a GAN and export its generator"))
    _add_sample(commands.add_parser("sample", help="draw samples from a finished run"))
    _add_evaluate(commands.add_parser("evaluate", help="compare a finished run's samples with real images"))
    _add_export(commands.add_parser("export", help="write a finished run's generator for use without Keras"))
    _add_compare(commands.add_parser("compare", help="several runs in one table, seeds averaged"))
    _add_recipes(commands.add_parser("recipes", help="list the named settings for `train`"))
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return top


def _add_train(train):
    train.add_argument(
        "what",
        nargs="?",
        metavar="DATA",
        help="a recipe, an image set of TensorFlow Datasets, or a folder of photos (default: digits)",
    )
    train.add_argument("--epochs", type=_positive, help="number of epochs (default: the recipe's)")
    train.add_argument("--batch-size", type=_positive, help="images in a batch (default: the recipe's)")
    train.add_argument("--image-size", type=_positive, help="size of photos in pixels (default: the recipe's)")
    train.add_argument("--learning-rate", type=float, help="of Adam, for both networks (default: the recipe's)")
    train.add_argument("--objective", help="what the networks minimize, such as hinge (default: the recipe's)")
    train.add_argument("--conditional", action="store_true", default=None, help="train on the labels as well")
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


def _add_sample(sample):
    sample.add_argument("run", metavar="RUN", help="the run's folder, such as tensorboard_logs/00001-digits")
    sample.add_argument("--n", type=_positive, default=64, help="number of samples (default: %(default)s)")
    sample.add_argument("--seed", type=_seed, help="the same samples every time (default: new samples)")
    sample.add_argument("--label", type=int, help="only samples of one class, counted from 0")
    sample.add_argument("--out", metavar="FILE", default="samples.png", help="the PNG to write (default: %(default)s)")


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
        "--samples", metavar="PATH", help="write the samples for other tools: a .npz file, or a folder of PNG files"
    )


def _add_export(export):
    registry = _module_of("export", "registry.py")
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
        "--what", choices=_all(each.what for each in formats.values()), help="default: generator; both for a SavedModel"
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


def _seed(text):
    if not (text.isascii() and text.isdigit() and int(text) < 2**31):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, below 2**31. Received: {text!r}")
    return int(text)


def _positive(text):
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1. Received: {text!r}")
    return number


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser, namespace, values, option_string=None):
        import importlib.metadata

        try:
            print(importlib.metadata.version("kerasgan"))
        except importlib.metadata.PackageNotFoundError:
            print("unknown: a checkout that is not installed")
        parser.exit()


if __name__ == "__main__":
    raise SystemExit(main())
