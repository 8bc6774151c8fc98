"""One training run, from what the user asked for to the exported generator."""

import dataclasses
import importlib.metadata
import pathlib
import platform
import shutil
import sys

import keras
import tensorflow as tf

from kerasgan import callbacks, datasets, errors, pictures, recipes, runs

PACKAGES = ("kerasgan", "keras", "tensorflow", "numpy")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run is to do: `name` for its folder, the `recipe` (its source filled in), the `seed`, determinism."""

    name: str
    recipe: recipes.Recipe
    seed: int
    deterministic: bool


def plan(settings, changes, seed, deterministic):
    """Returns the plan for what a user asked for, or for the settings of an earlier run.

    Args:
        settings: `{"what": ...}`, where what is a recipe's name, a folder of photos, or a name in TensorFlow
            Datasets; or the whole content of a `settings.json`.
        changes: fields of the recipe to be changed; those that are None stay.
        seed: int, or None for that of the settings, or else 0.
        deterministic: True, or False for what the settings say.

    Raises:
        ValueError: if the settings hold what no recipe has, or a recipe needs a folder that is not given.
    """
    if not {"recipe", "what"} & set(settings):
        raise ValueError(f"The settings must hold a recipe, as every run's do. Received: {sorted(settings)}.")
    if "recipe" in settings:
        name, recipe = str(settings.get("name", "run")), _recipe_from(settings["recipe"])
    else:
        name, recipe = _recipe_for(str(settings["what"]))
    recipe = dataclasses.replace(recipe, **{field: value for field, value in changes.items() if value is not None})
    seed = settings.get("seed", 0) if seed is None else seed
    if not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise ValueError(f"The seed must be a whole number of at least 0 and below 2**31. Received: seed={seed!r}.")
    return Plan(name, recipe, seed, deterministic or settings.get("deterministic") is True)


def _recipe_for(what):
    if what in recipes.RECIPES:
        recipe = recipes.get(what)
        if recipe.source is None:
            raise ValueError(
                f"The recipe {what!r} needs a folder. Received: its name alone. Run: kerasgan train FOLDER"
            )
        return what, recipe
    if pathlib.Path(what).exists() or pathlib.Path(what).parent != pathlib.Path("."):
        return pathlib.Path(what).resolve().name, dataclasses.replace(recipes.get("photos"), source=what)
    return what, dataclasses.replace(recipes.get("mnist"), source=what)


def _recipe_from(fields):
    if not isinstance(fields, dict):
        raise ValueError(f"The recipe in the settings must be a JSON object. Received: recipe={fields!r}.")
    known = {field.name for field in dataclasses.fields(recipes.Recipe)}
    for name in fields:
        if name not in known:
            raise errors.unknown_name("setting", name, known)
    if not {"title", "source"} <= set(fields):
        raise ValueError(f"The recipe in the settings must have a title and a source. Received: {sorted(fields)}.")
    return recipes.Recipe(**fields)


def train(plan, log_dir, dry_run=False):
    """Trains as planned, in a new run folder, and says at the end where everything is.

    Returns the run's folder, or None for a dry run, which loads the data, builds the networks and writes nothing.

    Raises:
        ValueError: for data or settings that cannot be trained on; then there is no run folder.
    """
    recipe = plan.recipe
    if plan.deterministic:
        tf.config.experimental.enable_op_determinism()
    dataset, info = datasets.load(
        recipe.source, recipe.batch_size, image_size=recipe.image_size, labels=recipe.conditional, seed=plan.seed
    )
    gan = recipes.build(recipe, info, plan.seed)
    print(f"{info.num_images:,} images of shape {info.image_shape} from {info.name}")
    if dry_run:
        gan.summary()
        print(f"Dry run: nothing was written. The settings would be: {dataclasses.asdict(plan)}")
        return None
    run = runs.create(log_dir, plan.name)
    runs.write_settings(run, dataclasses.asdict(plan) | _facts(info))
    try:
        _fit(gan, dataset, recipe, run)
    except Exception:
        if (
            not getattr(gan, "history", None) or not gan.history.epoch
        ):  # refused before anything was learnt: leave no trace
            shutil.rmtree(run)
        raise
    _finish(gan, run)
    return run


def _fit(gan, dataset, recipe, run):
    batch = next(iter(dataset))
    real = (batch[0] if recipe.conditional else batch).numpy()
    try:
        gan.fit(
            dataset.repeat(recipe.passes_per_epoch),
            epochs=recipe.epochs,
            verbose="auto" if sys.stdout.isatty() else 2,
            callbacks=[
                keras.callbacks.TensorBoard(run, write_graph=False),
                keras.callbacks.TerminateOnNaN(),
                callbacks.ImageGrid(run, real=real),
                callbacks.LatentWalk(run),
            ],
        )
    except KeyboardInterrupt:
        print("\nStopped. What was learnt so far is kept.")


def _finish(gan, run):
    gan.save(run / runs.MODEL)
    gan.export(run / runs.EXPORT)
    pictures.save_png(run / runs.SAMPLES, _samples_picture(gan))
    opens = "open" if platform.system() == "Darwin" else "xdg-open"
    print(
        f"""
samples      {run / runs.SAMPLES}
             {opens} {run / runs.SAMPLES}
logs         {run}
             tensorboard --host localhost --logdir {run.parent}
SavedModel   {run / runs.EXPORT}
             python -c "import tensorflow as tf; model = tf.saved_model.load('{run / runs.EXPORT}'); \\
             print(model.signatures['generate'](n=tf.constant(4), seed=tf.constant(0))['output_0'].shape)"
more         kerasgan sample {run}"""
    )


def _samples_picture(gan):
    if gan.num_classes is not None and len(gan.image_shape) == 3:
        return pictures.tile(gan.class_grid(columns=10, seed=0), columns=10)
    return pictures.picture_of(gan.generate(64, seed=0))


def _facts(info):
    """What a reader of the settings wants to know besides: the data as it was met, and the versions."""
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    return {"dataset": dataclasses.asdict(info), "versions": versions | {"python": platform.python_version()}}
