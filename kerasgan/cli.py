"""The commands of `kerasgan`, each a function of its parsed arguments (see `kerasgan_cli`)."""

import argparse
from collections.abc import Callable

from kerasgan import files, pictures
from kerasgan.runs import evaluate as run_evaluation
from kerasgan.runs import jobs, models, plans, run_folder, sizes, training
from kerasgan.validation.printable import printable, quoted

CHANGES = ("epochs", "batch_size", "conditional", "precision", "steps_per_execution")
"""Fields of the recipe that `train` has an option for."""

FOLDER_FORMATS = ("tf_saved_model",)
"""Formats of `export` that are a folder, not a file."""


def train(options: argparse.Namespace) -> None:
    """Trains a new run, or resumes one."""
    if options.resume:
        return _resume(options)
    run_folder.check_writable(options.log_dir)
    settings = run_folder.read_settings(options.settings) if options.settings else {"what": options.what or "digits"}
    changes = {name: getattr(options, name) for name in CHANGES}
    plan = plans.make_plan(settings, changes, options.seed, options.deterministic, options.guard)
    job = jobs.job(options.strategy, options.devices, options.dry_run)
    training.train(plan, options.log_dir, options.dry_run, job)


def _resume(options):
    fixed = ("what", *CHANGES, "seed", "settings", "deterministic", "guard", "dry_run")
    given = {name: getattr(options, name) for name in fixed}
    changed = [name for name, value in given.items() if value is not None and value is not False]
    if changed:
        raise ValueError(
            f"A resumed run keeps its settings. Received: --resume with {', '.join(changed)}. For a new run with these "
            f"settings: kerasgan train --settings {quoted(options.resume)}"
        )
    if run_folder.is_finished(options.resume):
        run = options.resume
        print(f"{printable(run)} is finished: there is nothing to resume. Try: kerasgan sample {quoted(run)}")
        return
    training.resume(options.resume, jobs.job(options.strategy, options.devices))


def sample(options: argparse.Namespace) -> None:
    """Writes a picture of samples from a finished run."""
    out = files.output(options.out)
    gan = models.load(options.run)
    sizes.check_samples(options.n, gan.image_shape)
    samples = gan.generate(options.n, options.seed, labels=options.label)
    pictures.save_png(out, pictures.picture_of(samples))
    print(f"{options.n} samples: {printable(options.out)}")


def evaluate(options: argparse.Namespace) -> None:
    """Prints the table of a finished run's figures."""
    run_evaluation.evaluate(
        options.run, options.n, options.features, options.split, options.seed, options.json, options.samples
    )


def export(options: argparse.Namespace) -> None:
    """Writes a finished run's generator in another format."""
    out = files.output(options.out, folder=options.format in FOLDER_FORMATS)
    models.load(options.run).export(out, format=options.format)
    print(f"{options.format}: {printable(options.out)}")


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "train": train,
    "sample": sample,
    "evaluate": evaluate,
    "export": export,
}
