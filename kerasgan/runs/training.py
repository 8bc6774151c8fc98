"""One training run, from what the user asked for to the exported generator."""

import dataclasses
import importlib.metadata
import os
import pathlib
import platform
import shlex
import shutil
import subprocess
import sys
import warnings

import keras
import numpy as np

from kerasgan import callbacks, datasets, pictures
from kerasgan.resume import checkpoint_files, interrupts
from kerasgan.runs import jobs, recipes, run_folder
from kerasgan.validation import checks, errors
from kerasgan.backend import engine

PACKAGES = ("kerasgan", "keras", *engine.PACKAGES, "numpy")
FLAGS = ("TF_ENABLE_ONEDNN_OPTS", "TF_DETERMINISTIC_OPS", "TF_XLA_FLAGS", "XLA_FLAGS", "KERAS_BACKEND")
CHECKPOINT_SECONDS = 60.0
GUARDS = ("off", *callbacks.guard.POLICIES)
HELD_OUT_IMAGES = 1000


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run is to do: `name` for its folder, the `recipe` (its source filled in), `seed`, determinism, `guard`."""

    name: str
    recipe: recipes.Recipe
    seed: int
    deterministic: bool
    guard: str


def plan(settings, changes, seed, deterministic, guard=None):
    """Returns the plan for what a user asked for, or for the settings of an earlier run.

    Args:
        settings: `{"what": ...}`, where what is a recipe's name, a folder of photos, or a name in TensorFlow
            Datasets; or the whole content of a `settings.json`.
        changes: fields of the recipe to be changed; those that are None stay.
        seed: int, or None for that of the settings, or else 0.
        deterministic: True, or False for what the settings say.
        guard: one of `GUARDS`: what is done about a failure; None for what the settings say, or else "warn".

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
    if type(seed) is not int or not 0 <= seed < 2**31:
        raise ValueError(f"The seed must be a whole number of at least 0 and below 2**31. Received: seed={seed!r}.")
    guard = settings.get("guard", "warn") if guard is None else guard
    if guard not in GUARDS:
        raise ValueError(f"The guard must be one of {GUARDS}. Received: guard={str(guard)[:80]!r}.")
    return Plan(name, recipe, seed, deterministic or settings.get("deterministic") is True, guard)


def _recipe_for(what):
    if what in recipes.RECIPES:
        recipe = recipes.get(what)
        if recipe.source is None:
            raise ValueError(
                f"The recipe {what!r} needs a folder. Received: its name alone. Run: kerasgan train FOLDER"
            )
        return what, recipe
    if os.path.exists(what) or pathlib.Path(what).parent != pathlib.Path("."):
        return pathlib.Path(os.path.abspath(what)).name, dataclasses.replace(recipes.get("photos"), source=what)
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


def train(plan, log_dir, dry_run=False, job=None):
    """Trains as planned, in a new run folder, and says at the end where everything is.

    Args:
        plan: the `Plan`.
        log_dir: the folder of all runs.
        dry_run: True loads the data, builds the networks and writes nothing.
        job: the `kerasgan.runs.jobs.Job` that says where it is computed; None for one device. Of several workers the
            chief alone writes.

    Returns the run's folder; None for a dry run, and for workers that are not the chief.

    Raises:
        ValueError: for data or settings that cannot be trained on; then there is no run folder.
        ConnectionError: if another worker is gone.
        interrupts.Stopped: on Ctrl-C and SIGTERM, once there is a checkpoint.
    """
    job = job or jobs.Job()
    gan, dataset, info = _set_up(plan, 0, job)
    if dry_run:
        gan.summary()
        print(f"Dry run: nothing was written. The settings would be: {dataclasses.asdict(plan)}")
        if job.workers > 1:
            print(f"This would be worker {job.worker} of {job.workers}, counted from 0, which is the chief.")
        return None
    real = _images(next(iter(dataset)), plan.recipe)
    with job.folder(lambda: run_folder.create(log_dir, plan.name)) as run, run_folder.claim(run):
        try:
            run_folder.write_settings(run, dataclasses.asdict(plan) | _facts(info, job))
            _fit(gan, dataset, plan, run, real, _checkpoint(run, resume=False), job)
        except Exception:
            learnt = getattr(getattr(gan, "history", None), "epoch", None)
            if not learnt and not checkpoint_files.files(run / run_folder.CHECKPOINTS):  # refused before anything was learnt
                shutil.rmtree(run)
            raise
        _finish(gan, run, job)
    return run if job.chief else None


def resume(run, job=None):
    """Goes on with a run that was stopped or killed, in its folder and to its planned end.

    Args:
        run: the run's folder, which all workers of a job must see.
        job: as for `train`; it need not be that of before.

    Raises:
        ValueError: if the folder is no run, its settings, data or checkpoints are not as the run left them, or another
            process is training it.
        ConnectionError, interrupts.Stopped: as `train`.
    """
    run, job = pathlib.Path(run), job or jobs.Job()
    settings = run_folder.read_settings(run)
    planned = plan(settings, {}, None, False)
    _check_engine(settings, run)
    kept = _kept_facts(settings, planned.recipe)
    with job.folder(lambda: run) as folder, run_folder.claim(folder):
        if not job.chief and (run / run_folder.CHECKPOINTS).is_dir():
            shutil.copytree(run / run_folder.CHECKPOINTS, folder / run_folder.CHECKPOINTS, symlinks=True)
        checkpoint = _checkpoint(folder, resume=True)
        # The first pass is the one that was looked at for the picture of the real images.
        looked_at = kept["num_images"] // planned.recipe.batch_size
        gan, dataset, info = _set_up(planned, looked_at + checkpoint.skip_batches(), job)
        if info.fingerprint != kept["fingerprint"]:
            raise ValueError(
                f"A run goes on with the data that it was begun with. Received: {info.num_images:,} images from "
                f"{info.name}, of fingerprint {info.fingerprint[:12]}, for a run begun with {kept['num_images']:,}, of "
                f"fingerprint {kept['fingerprint'][:12]}. Put the data back, or begin anew with: kerasgan train "
                f"--settings {run}"
            )
        points = len(info.image_shape) == 1  # they are drawn behind every picture; real images only once
        real = _images(next(iter(_load(planned, 0)[0])), planned.recipe) if points else None
        _fit(gan, dataset, planned, folder, real, checkpoint, job)
        _finish(gan, folder, job)


def _check_engine(settings, run):
    begun_on = settings.get("engine", "tensorflow")  # of runs from before there was another
    if begun_on != engine.NAME:
        raise ValueError(
            f"A run goes on with the engine that it was begun on: another draws other latents. Received: Keras on "
            f"{engine.NAME} for a run begun on {str(begun_on)[:80]}. Run: KERAS_BACKEND={str(begun_on)[:80]} kerasgan "
            f"train --resume {shlex.quote(str(run))}"
        )


def _set_up(plan, skip_batches, job):
    """Returns the game, the dataset, and what is known of it."""
    checks.batch_divides(plan.recipe.batch_size, job.replicas)
    if plan.guard == "rollback" and job.workers > 1:
        raise ValueError(
            "Several workers do not go back together. Received: guard='rollback' for "
            f"{job.workers} workers. Use guard='stop', and --resume."
        )
    if plan.deterministic:
        engine.make_deterministic()
    dataset, info = _load(plan, skip_batches)
    with job.scope():
        gan = recipes.build(plan.recipe, info, plan.seed)
    if job.chief:
        print(f"{info.num_images:,} images of shape {info.image_shape} from {info.name}")
    return gan, dataset, info


def _load(plan, skip_batches):
    recipe = plan.recipe
    return datasets.load(
        recipe.source,
        recipe.batch_size,
        image_size=recipe.image_size,
        labels=recipe.conditional,
        flip=recipe.flip,
        seed=plan.seed,
        skip_batches=skip_batches,
    )


def _images(batch, recipe):
    return np.asarray(batch[0] if recipe.conditional or isinstance(batch, tuple) else batch)


def _kept_facts(settings, recipe):
    """Returns what the settings say of the data, and warns where the versions are not those of the beginning."""
    kept = settings.get("dataset")
    count = kept.get("num_images") if isinstance(kept, dict) else None
    if not (type(count) is int and recipe.batch_size <= count < 2**40 and isinstance(kept.get("fingerprint"), str)):
        raise ValueError(
            "The settings of a run that is resumed must tell its data apart from others. Received: "
            f"dataset={str(kept)[:200]}. Begin anew with: kerasgan train --settings RUN"
        )
    now, then = _versions(), settings.get("versions")
    changed = sorted(name for name in now if not isinstance(then, dict) or then.get(name) != now[name])
    if changed:
        warnings.warn(
            f"The run was begun with other versions of {', '.join(changed)}: it may differ from one that was not "
            "stopped in the last digits.",
            stacklevel=3,
        )
    return kept


def _checkpoint(run, resume):
    folder = run / run_folder.CHECKPOINTS
    if folder.is_symlink():
        raise ValueError(f"The checkpoints must stand in the run's own folder. Received: {folder}, which is a link.")
    return callbacks.Checkpoint(folder, every_epochs=1, every_seconds=CHECKPOINT_SECONDS, resume=resume)


def _fit(gan, dataset, plan, run, real, checkpoint, job):
    recipe = plan.recipe
    # Before TensorBoard's, which writes what it adds to the logs.
    guard = [] if plan.guard == "off" else [callbacks.Guard(plan.guard, checkpoint, log_dir=run)]
    watching = [
        *guard,
        *([] if plan.guard == "rollback" else [keras.callbacks.TerminateOnNaN()]),
        callbacks.TensorBoard(run, write_graph=False),
        callbacks.ImageGrid(run, real=real),
        callbacks.LatentWalk(run),
    ]
    try:
        with interrupts.deferred(checkpoint.request_stop), job.together(_go_on(run, job)):
            gan.fit(
                datasets.repeated(dataset, recipe.passes_per_epoch),
                epochs=recipe.epochs,
                verbose=0 if not job.chief else "auto" if sys.stdout.isatty() else 2,
                callbacks=[*watching, checkpoint],
                validation_data=_held_out(recipe),
            )
    except interrupts.Stopped as stopped:
        for each in watching:
            each.on_train_end()  # closes the logs
        kept = stopped.checkpoint or f"{checkpoint.latest}, as no newer one could be written"
        print(f"\nStopped. Kept: {kept}\nTo go on:  kerasgan train --resume {shlex.quote(str(run))}")
        raise


def _go_on(run, job):
    where = shlex.quote(str(run)) if job.chief else "RUN"  # of which only the chief knows
    return f"Go on with as many workers, or another number: kerasgan train --resume {where}"


def _held_out(recipe):
    """Returns real images that are not trained on, of a named set that has some: do they look as real to D?"""
    if not datasets.has_test_split(recipe.source):
        return None
    split = f"test[:{HELD_OUT_IMAGES}]"
    images, labels, _ = datasets.load_arrays(recipe.source, image_size=recipe.image_size, split=split)
    held_out = (images, labels) if recipe.conditional else images
    return datasets.load(held_out, recipe.batch_size, labels=recipe.conditional, shuffle=False)[0]


def _finish(gan, run, job):
    """Writes what a run is for, and says where it is. What fails here can be done again: the run is resumed at its end.

    Raises:
        OSError: if it cannot be written.
    """
    try:
        with job.together(_go_on(run, job)):
            _write_results(gan, run)  # on all workers: some of what is read takes all of them
    except engine.WRITE_ERRORS as error:
        reason = str(error).splitlines()[0]
        raise OSError(
            f"What was learnt could not be written: {reason}. Make room, then go on with: kerasgan train --resume "
            f"{shlex.quote(str(run))}"
        ) from error
    if not job.chief:
        return
    opens = "open" if platform.system() == "Darwin" else "xdg-open"
    print(
        f"""
samples      {run / run_folder.SAMPLES}
             {opens} {run / run_folder.SAMPLES}
logs         {run}
             tensorboard --host localhost --logdir {run.parent}
SavedModel   {_where_exported(run / run_folder.EXPORT)}
more         kerasgan sample {run}"""
    )


def _where_exported(folder):
    if engine.NO_EXPORT is not None:
        command = f"KERAS_BACKEND=tensorflow kerasgan export {shlex.quote(str(folder.parent))} --out {folder}"
        return f"none yet: TensorFlow writes it, from what was learnt here\n             {command}"
    return f"""{folder}
             python -c "import tensorflow as tf; model = tf.saved_model.load('{folder}'); \\
             print(model.signatures['generate'](n=tf.constant(4), seed=tf.constant(0))['output_0'].shape)\""""


def _write_results(gan, run):
    with run_folder.written_whole(run / run_folder.MODEL) as beside:
        gan.save(beside)
    if engine.NO_EXPORT is None:
        _export(gan, run / run_folder.EXPORT)
    pictures.save_png(run / run_folder.SAMPLES, _samples_picture(gan))  # last: it shows that the run has come to its end


def _export(gan, folder):
    """Writes the SavedModel beside and renames it; what a run that was killed here has left is cleared away."""
    for left in folder.parent.glob(f".*.{folder.name}"):
        shutil.rmtree(left)
    beside = folder.with_name(f".{os.getpid()}.{folder.name}")
    gan.export(beside)
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(beside, folder)


def _samples_picture(gan):
    if gan.num_classes is not None and len(gan.image_shape) == 3:
        return pictures.tile(gan.class_grid(columns=10, seed=0, most=20), columns=10)
    return pictures.picture_of(gan.generate(64, seed=0))


def _facts(info, job):
    """What a reader of the settings wants to know besides: the data as it was met, versions, commit and flags."""
    return {
        "dataset": dataclasses.asdict(info),
        "engine": engine.NAME,
        "versions": _versions(),
        "commit": _commit(),
        "flags": {name: os.environ[name] for name in FLAGS if name in os.environ},
        "devices": engine.devices(),
        "replicas": job.replicas,
    }


def _versions():
    return {package: importlib.metadata.version(package) for package in PACKAGES} | {
        "python": platform.python_version()
    }


def _commit():
    """The commit of kerasgan where it runs from a git checkout, with "-dirty" where that has been changed, or None."""
    folder = pathlib.Path(__file__).resolve().parent
    if not (folder.parent / ".git").exists():
        return None
    command = ["git", "-C", folder, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
