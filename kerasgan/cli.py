"""The command line: train, sample, evaluate, export, recipes. What is heavy is imported by what needs it."""

import argparse
import contextlib
import os
import sys
import warnings

from kerasgan.runs import recipes, run_folder

CHANGES = ("epochs", "batch_size", "conditional", "precision", "steps_per_execution")
"""Fields of the recipe that `train` has an option for."""

NOT_FOR_US = ("matplotlib", "sklearn")
"""What Keras imports for plots and wrappers that no command uses: a third of its start. It does without, too."""


def main(arguments=None):
    """Runs one command and returns its exit code.

    0; 2, with one line on standard error, for what is refused; 130 where Ctrl-C, 143 where SIGTERM stopped it.
    """
    options = _parser().parse_args(arguments)
    usual, warnings.formatwarning = warnings.formatwarning, _one_line
    try:
        options.command(options)
    except (ValueError, OSError, ImportError) as error:
        print(f"kerasgan: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stopped:
        if not hasattr(stopped, "exit_code"):  # a training has told what there is to know
            print("\nkerasgan: stopped", file=sys.stderr)
        return getattr(stopped, "exit_code", 130)
    finally:
        warnings.formatwarning = usual
    return 0


def _one_line(message, category, filename, lineno, line=None):
    """A warning as a user of the command line wants it: what, not where in the code."""
    return f"kerasgan: warning: {message}\n"


def _parser():
    parser = argparse.ArgumentParser(prog="kerasgan", description="Trains generative adversarial networks with Keras.")
    parser.add_argument("--version", nargs=0, action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_train(commands)

    sample = commands.add_parser("sample", help="draw samples from a finished run")
    sample.add_argument("run", metavar="RUN", help="the run's folder, such as tensorboard_logs/00001-digits")
    sample.add_argument("--n", type=_positive, default=64, help="how many samples (default: %(default)s)")
    sample.add_argument("--seed", type=_seed, help="the same samples every time (default: new ones)")
    sample.add_argument("--label", type=int, help="samples of one class alone, counted from 0")
    sample.add_argument("--out", metavar="FILE", default="samples.png", help="the PNG to write (default: %(default)s)")
    sample.set_defaults(command=_sample)

    _add_evaluate(commands)

    export = commands.add_parser("export", help="write a finished run's generator for use without Keras")
    export.add_argument("run", metavar="RUN", help="the run's folder")
    export.add_argument("--out", metavar="PATH", required=True, help="the folder or file to write")
    formats = ("tf_saved_model", "onnx", "litert", "openvino")
    export.add_argument("--format", choices=formats, default=formats[0], help="default: %(default)s")
    export.set_defaults(command=_export)

    listing = commands.add_parser("recipes", help="list the named settings that `train` knows")
    listing.set_defaults(command=_recipes)
    return parser


def _add_train(commands):
    train = commands.add_parser("train", help="train a GAN and export its generator")
    train.add_argument(
        "what",
        nargs="?",
        metavar="WHAT",
        help="a recipe, an image set of TensorFlow Datasets, or a folder of photos (default: digits)",
    )
    train.add_argument("--epochs", type=_positive, help="default: the recipe's")
    train.add_argument("--batch-size", type=_positive, help="images a batch (default: the recipe's)")
    train.add_argument("--conditional", action="store_true", default=None, help="train on the labels as well")
    train.add_argument(
        "--precision", help="float32, or mixed_bfloat16 where the processor has it (default: the recipe's)"
    )
    train.add_argument(
        "--steps-per-execution", type=_positive, help="steps a call into TensorFlow (default: the recipe's)"
    )
    train.add_argument("--seed", type=int, help="of weights, latents and data order (default: 0)")
    train.add_argument("--log-dir", default="tensorboard_logs", help="folder of all runs (default: %(default)s)")
    train.add_argument("--settings", metavar="FILE", help="run again what a run's settings.json says")
    train.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped, in its folder, as planned")
    train.add_argument("--deterministic", action="store_true", help="the same weights every time; slower")
    train.add_argument(
        "--guard",
        choices=("off", "warn", "stop", "rollback"),
        help="what to do when training fails, as by NaN or a collapse (default: warn)",
    )
    train.add_argument(
        "--strategy",
        choices=("one", "mirrored", "multi-worker"),
        default="one",
        help="one device, all of this machine's, or the workers of TF_CONFIG (default: %(default)s)",
    )
    train.add_argument(
        "--devices", type=_positive, help="of --strategy mirrored (default: all GPUs); a CPU is split into so many"
    )
    train.add_argument("--dry-run", action="store_true", help="check everything, train and write nothing")
    train.set_defaults(command=_train)


def _add_evaluate(commands):
    evaluate = commands.add_parser("evaluate", help="judge a finished run's samples against real images")
    evaluate.add_argument("run", metavar="RUN", help="the run's folder")
    evaluate.add_argument("--n", type=_positive, default=10_000, help="how many samples (default: %(default)s)")
    evaluate.add_argument(
        "--features",
        choices=("classifier", "inception", "pixels"),
        help="what compares them (default: a classifier where the data has labels, else Inception; points as they are)",
    )
    evaluate.add_argument("--split", help="of the real images (default: test where there is one, else train)")
    evaluate.add_argument("--seed", type=_seed, default=0, help="the same table every time (default: %(default)s)")
    evaluate.add_argument("--json", metavar="FILE", help="write the figures as JSON")
    evaluate.add_argument(
        "--samples", metavar="PATH", help="write the samples for other tools: a .npz file, or a folder of PNG files"
    )
    evaluate.set_defaults(command=_evaluate)


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
    """Looks the version up when it is asked for, and not on every start."""

    def __call__(self, parser, namespace, values, option_string=None):
        import importlib.metadata

        print(importlib.metadata.version("kerasgan"))
        parser.exit()


def _import_keras_quietly():
    """Imports Keras without TensorFlow's notes on its build, which no setting silences and which bury the losses."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with _without(NOT_FOR_US):
            import keras  # noqa: F401  it imports its engine
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _without(names):
    """Keeps packages from being imported meanwhile, as if they were not installed."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _train(options):
    if options.resume:
        return _resume(options)
    run_folder.check_writable(options.log_dir)
    settings = run_folder.read_settings(options.settings) if options.settings else {"what": options.what or "digits"}
    _import_keras_quietly()
    from kerasgan.runs import jobs, training

    changes = {name: getattr(options, name) for name in CHANGES}
    planned = training.plan(settings, changes, options.seed, options.deterministic, options.guard)
    job = jobs.job(options.strategy, options.devices, options.dry_run)
    training.train(planned, options.log_dir, options.dry_run, job)


def _resume(options):
    fixed = ("what", *CHANGES, "seed", "settings", "deterministic", "guard", "dry_run")
    given = {name: getattr(options, name) for name in fixed}
    changed = [name for name, value in given.items() if value is not None and value is not False]
    if changed:
        raise ValueError(
            f"A run that is resumed goes on as it was planned. Received: --resume with {', '.join(changed)}. For a new "
            f"run from its settings: kerasgan train --settings {options.resume}"
        )
    if run_folder.is_finished(options.resume):
        print(f"{options.resume} has come to its end: nothing is left to do. Try: kerasgan sample {options.resume}")
        return
    _import_keras_quietly()
    from kerasgan.runs import jobs, training

    training.resume(options.resume, jobs.job(options.strategy, options.devices))


def _sample(options):
    model = run_folder.find(options.run, run_folder.MODEL)
    _import_keras_quietly()
    import keras

    from kerasgan import pictures

    gan = keras.models.load_model(model)
    pictures.save_png(options.out, pictures.picture_of(gan.generate(options.n, options.seed, labels=options.label)))
    print(f"{options.n} samples: {options.out}")


def _evaluate(options):
    run_folder.find(options.run, run_folder.MODEL)
    _import_keras_quietly()
    from kerasgan.runs import evaluate

    evaluate.judge(options.run, options.n, options.features, options.split, options.seed, options.json, options.samples)


def _export(options):
    model = run_folder.find(options.run, run_folder.MODEL)
    _import_keras_quietly()
    import keras

    keras.models.load_model(model).export(options.out, format=options.format)
    print(f"{options.format}: {options.out}")


def _recipes(options):
    width = max(len(name) for name in recipes.RECIPES)
    for name, recipe in recipes.RECIPES.items():
        print(f"{name:<{width}}  {recipe.title}")
