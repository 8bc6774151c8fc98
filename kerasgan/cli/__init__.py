"""The commands of `kerasgan`, each a function of its parsed arguments (see `kerasgan_cli`)."""

import argparse
import dataclasses
import pathlib
from collections.abc import Callable

from kerasgan import files
from kerasgan.callbacks import translations
from kerasgan.export import place, registry
from kerasgan.runs import (
    asked,
    jobs,
    models,
    overrides,
    page_options,
    plans,
    progress,
    run_folder,
    sizes,
    starts,
    training,
)
from kerasgan.runs import compare as compare_runs
from kerasgan.runs import evaluate as run_evaluation
from kerasgan.runs import samples as run_samples
from kerasgan.validation.printable import printable, quoted

from . import hub, look_inside, translation

CHANGES = (
    "epochs",
    "batch_size",
    "image_size",
    "learning_rate",
    "objective",
    "conditional",
    "precision",
    "steps_per_execution",
)
"""Fields of the recipe that `train` has an option for."""


def train(options: argparse.Namespace) -> None:
    """Trains new runs, one for each seed, or resumes one."""
    if options.resume:
        return _resume(options)
    run_folder.check_writable(options.log_dir)
    job = jobs.job(options.strategy, options.devices, options.dry_run)
    plan_of_each, start, done = *_plans(options, job), []
    for plan in plan_of_each:
        done.append(training.train(plan, options.log_dir, options.dry_run, job, start))
    if len(done) > 1 and job.chief:
        folders = " ".join(map(quoted, done))
        print(f"\n{compare_runs.compare(done)}\n")
        print(f"quality      kerasgan evaluate {quoted(done[0])}   # for each run: then `compare` has its figures, too")
        print(f"again        kerasgan compare {folders}")


def _plans(options, job):
    """Returns the plan of each run that is asked for, and the run whose weights they start from, or None."""
    settings = run_folder.read_settings(options.settings) if options.settings else {}
    source = getattr(options, "from")
    start = starts.recorded(settings) if source is None else starts.start_of(source)
    if source is not None and not options.settings:
        settings = starts.settings_of(source, translation.source_of(options))
    settings, what = translation.settings_of(options, settings)
    if what or not (options.settings or settings):
        settings |= {"what": what or "digits"}
    changes = {name: getattr(options, name) for name in CHANGES if getattr(options, name) is not None}
    changes |= overrides.assignments(options.set or ())
    if options.recipe is not None:
        settings = settings | {"recipe": _over_recipe(settings.get("recipe", {}), options.recipe)}
    if source is not None:
        changes = starts.fitting_networks(settings, changes)
    first = plans.make_plan(settings, changes, options.seed, options.deterministic, options.guard)
    if options.seeds is None or options.dry_run:
        return [first], start
    if job.workers > 1:
        raise ValueError(
            f"Several workers train one run. Received: --seeds {options.seeds} for {job.workers} workers. Start them "
            "once for each --seed."
        )
    seeds = range(first.seed, first.seed + options.seeds)
    return [dataclasses.replace(first, name=f"{first.name}-seed{seed}", seed=seed) for seed in seeds], start


def _over_recipe(fields, name):
    """Returns the fields of a recipe in the settings, laid over a recipe of that name."""
    if not isinstance(fields, dict) or "title" in fields:
        raise ValueError(
            f"--recipe is for settings that are no whole recipe. Received: --recipe {name} with the recipe of a run. "
            "Leave --recipe out, or start from the data alone."
        )
    return fields | {"base": name}


def _resume(options):
    fixed = (
        "what",
        "recipe",
        *CHANGES,
        *translation.OPTIONS,
        "set",
        "seed",
        "seeds",
        "settings",
        "from",
        "deterministic",
        "guard",
        "dry_run",
    )
    given = {name: getattr(options, name) for name in fixed if name != "epochs"}
    changed = [
        "DATA" if name == "what" else f"--{name.replace('_', '-')}"
        for name, value in given.items()
        if value is not None and value is not False
    ]
    if changed:
        model = f"{options.resume}/{run_folder.MODEL}"
        raise ValueError(
            f"A resumed run keeps its settings, except for --epochs. Received: --resume with {', '.join(changed)}. A "
            f"new run with these settings: kerasgan train --settings {quoted(options.resume)} {changed[0]} ...; in a "
            f"script, to go on from its weights with others: gan = keras.models.load_model({printable(model)!r}), then "
            "gan.compile(...) and gan.fit(...)"
        )
    run, job = options.resume, jobs.job(options.strategy, options.devices)
    if options.epochs is None and run_folder.is_finished(run):
        print(
            f"{printable(run)} is finished: there is nothing to resume. For more epochs: kerasgan train --resume "
            f"{quoted(run)} --epochs N. For samples: kerasgan sample {quoted(run)}"
        )
        return
    training.resume(run, job, options.epochs)


def sample(options: argparse.Namespace) -> None:
    """Writes a picture of samples from a finished run."""
    out = files.output(options.out, folder=not pathlib.Path(options.out).suffix)
    if options.label is not None:
        _check_label(options)
    gan = models.load(options.run)
    condition = None if options.condition is None else asked.condition_of(options.run, gan, options.condition)
    if translations.translates(gan):
        return translation.sample(options, gan, out)
    sizes.check_samples(options.n, gan.image_shape)
    samples = gan.generate(options.n, options.seed, labels=options.label, condition=condition)
    run_samples.write(options.run, gan, samples, out, options.label)
    print(f"{options.n} samples: {printable(options.out)}")


def _check_label(options):
    """Refuses a label for a run without labels, before the model is loaded."""
    recipe = run_folder.read_settings(options.run).get("recipe")
    if isinstance(recipe, dict) and recipe.get("conditions") is not None:
        raise ValueError(
            f"A run with --conditions draws by them. Received: --label {options.label}. Use --condition VALUES, one "
            "for each column of the table."
        )
    if isinstance(recipe, dict) and recipe.get("conditional") is False:
        raise ValueError(
            f"Only a run with labels draws by label. Received: --label {options.label} for a run that was trained "
            f"without. Leave --label out, or train with labels: kerasgan train --settings {quoted(options.run)} "
            "--conditional"
        )


def compare(options: argparse.Namespace) -> None:
    """Prints several runs in one table."""
    print(compare_runs.compare(options.runs, options.csv))
    for remark in compare_runs.remarks(options.runs):
        print(f"\n{remark}")
    if options.csv is not None:
        print(f"\ncurves  {printable(options.csv)}")


def evaluate(options: argparse.Namespace) -> None:
    """Prints the table of a finished run's figures."""
    run_evaluation.evaluate(
        options.run,
        options.n,
        options.features,
        options.split,
        options.seed,
        options.json,
        options.samples,
        options.seeds,
        options.classifier,
    )


def _named_as_run(options):
    """Returns the file of an export for which no path is given."""
    suffix = options.format and registry.FORMATS[options.format].suffix
    if not suffix:
        raise ValueError(
            f"An export that is a folder needs a path. Received: no --out. Add one: kerasgan export "
            f"{quoted(options.run)} --out model"
        )
    return f"{pathlib.Path(options.run).resolve().name}{suffix}"


def export(options: argparse.Namespace) -> None:
    """Writes a finished run's generator in another format."""
    options.out = options.out or _named_as_run(options)
    format = options.format or registry.format_of(options.out)
    place.checked_path(options.out, format)
    given = {name: getattr(options, name) for name in registry.options() if getattr(options, name) is not None}
    chosen = registry.FORMATS[format]
    place.check_choices(
        format, options.what or chosen.what[0], options.precision or next(iter(chosen.precisions)), given
    )
    if format == "html":
        given = page_options.of_run(options.run) | given
    with progress.saying(f"writing {format}"):
        gan = models.load(options.run)
        given |= run_samples.facts_of_values(options.run)
        card = gan.export(options.out, format, options.what, options.precision, options.check, **given)
    print(f"{format}: {printable(options.out)}")
    if card["check"] is not None:
        found = card["check"]
        print(
            f"checked in {found['runtime']}: it differs from the network by at most "
            f"{found['largest_difference']:.1e} ({found['tolerance']:g} is allowed)"
        )


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "train": train,
    "sample": sample,
    "evaluate": evaluate,
    "compare": compare,
    "export": export,
    "invert": look_inside.invert,
    "score": look_inside.score,
    "directions": look_inside.directions,
    "walk": look_inside.walk,
    "push": hub.push,
    "translate": translation.translate,
}
COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    name: hub.with_local_run(command) for name, command in _COMMANDS.items()
}
"""The commands, by name. A run may be named by its address on a hub."""
