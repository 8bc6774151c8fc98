"""One training run, from its plan to the exported generator."""

import dataclasses
import pathlib
import shutil
import sys

import keras
import numpy as np

from kerasgan import backend, callbacks, datasets
from kerasgan.resume import checkpoint_files, interrupts
from kerasgan.runs import jobs, plans, recipes, record, results, run_folder, sizes
from kerasgan.validation import images
from kerasgan.validation.printable import printable, quoted

CHECKPOINT_SECONDS = 60.0
HELD_OUT_IMAGES = 1000


def train(
    plan: plans.Plan, log_dir: str | pathlib.Path, dry_run: bool = False, job: jobs.Job | None = None
) -> pathlib.Path | None:
    """Trains a new run in a new run folder, and prints at the end where the results are.

    Args:
        plan: the `kerasgan.runs.plans.Plan`.
        log_dir: the folder of all runs.
        dry_run: True loads the data, builds the networks and writes nothing.
        job: the `kerasgan.runs.jobs.Job` with the devices; None for one device. Of several workers only the chief
            writes.

    Returns:
        The run's folder; None for a dry run, and for workers other than the chief.

    Raises:
        ValueError: for data or settings that cannot be trained on; then there is no run folder.
        ConnectionError: if another worker is lost.
        interrupts.Stopped: on Ctrl-C and SIGTERM, after a checkpoint.
    """
    job = job or jobs.Job()
    gan, batches, info = _set_up(plan, 0, job)
    if dry_run:
        gan.summary()
        print(f"Dry run: nothing was written. The settings would be: {printable(dataclasses.asdict(plan))}")
        if job.workers > 1:
            print(f"This would be worker {job.worker} of {job.workers}, counted from 0, which is the chief.")
        return None
    real = _real_images(batches)
    with job.folder(lambda: run_folder.create(log_dir, plan.name)) as run, run_folder.claim(run):
        try:
            run_folder.write_settings(run, dataclasses.asdict(plan) | record.facts(info, job))
            _fit(gan, batches, plan, run, real, _checkpoint(run, resume=False), job)
        except Exception:
            epochs = getattr(getattr(gan, "history", None), "epoch", None)
            if not epochs and not checkpoint_files.files(run / run_folder.CHECKPOINTS):  # nothing was trained
                shutil.rmtree(run)
            raise
        results.finish(gan, run, job)
    return run if job.chief else None


def resume(run: str | pathlib.Path, job: jobs.Job | None = None) -> None:
    """Resumes a run that was stopped or killed, in its folder, to its last epoch.

    Args:
        run: the run's folder, which all workers of a job must see.
        job: as for `train`; it may differ from the job that started the run.

    Raises:
        ValueError: if the folder is not a run, its settings, data or checkpoints have changed, another process is
            training it, or it holds links, pipes or devices, which could lead out of it.
        ConnectionError, interrupts.Stopped: as `train`.
    """
    run, job = pathlib.Path(run), job or jobs.Job()
    settings = run_folder.read_settings(run)
    plan = plans.make_plan(settings, {}, None, False)
    record.check_engine(settings, run)
    recorded = record.recorded_data(settings, plan.recipe)
    with job.folder(lambda: run) as folder, run_folder.claim(folder):
        if not job.chief and (run / run_folder.CHECKPOINTS).is_dir():
            shutil.copytree(run / run_folder.CHECKPOINTS, folder / run_folder.CHECKPOINTS, symlinks=True)
        checkpoint = _checkpoint(folder, resume=True)
        gan, batches, info = _set_up(plan, checkpoint.skip_batches(), job)
        record.check_data(info, recorded, run)
        is_points = len(info.image_shape) == 1  # real points are drawn in every picture, real images only once
        _fit(gan, batches, plan, folder, _real_images(batches) if is_points else None, checkpoint, job)
        results.finish(gan, folder, job)


def _set_up(plan, skip_batches, job):
    """Returns the model, the batches, and the facts about the data."""
    images.check_batch_multiple(plan.recipe.batch_size, job.replicas)
    if plan.guard == "rollback" and job.workers > 1:
        raise ValueError(
            "Several workers cannot roll back together. Received: guard='rollback' for "
            f"{job.workers} workers. Use guard='stop', and --resume."
        )
    if plan.deterministic:
        backend.make_deterministic()
    sizes.check_images(plan.recipe)
    batches, info = _load(plan, skip_batches)
    sizes.check_networks(plan.recipe, info)
    with job.scope():
        gan = recipes.build(plan.recipe, info, plan.seed)
    if job.chief:
        print(f"{info.num_images:,} images of shape {info.image_shape} from {printable(info.name)}")
    return gan, batches, info


def _load(plan, skip_batches):
    recipe = plan.recipe
    batches, info = datasets.load(
        recipe.source,
        recipe.batch_size,
        image_size=recipe.image_size,
        labels=recipe.conditional,
        flip=recipe.flip,
        seed=plan.seed,
        passes=recipe.passes_per_epoch,
        skip_batches=skip_batches,
    )
    return batches, info


def _real_images(batches):
    """Returns the images of the first batch, for a picture."""
    batch = next(iter(batches))
    return np.asarray(batch[0] if isinstance(batch, tuple) else batch)


def _checkpoint(run, resume):
    folder = run / run_folder.CHECKPOINTS
    if folder.is_symlink():
        raise ValueError(f"The checkpoints must be in the run's own folder. Received: {folder}, which is a link.")
    return callbacks.Checkpoint(folder, every_epochs=1, every_seconds=CHECKPOINT_SECONDS, resume=resume)


def _fit(gan, batches, plan, run, real, checkpoint, job):
    recipe = plan.recipe
    # The guard comes before TensorBoard, which writes the logs that the guard adds.
    guard = [] if plan.guard == "off" else [callbacks.Guard(plan.guard, checkpoint, log_dir=run)]
    watching = [
        *guard,
        *([] if plan.guard == "rollback" else [keras.callbacks.TerminateOnNaN()]),
        callbacks.TensorBoard(run, write_graph=False),
        callbacks.ImageGrid(run, real=real),
        callbacks.LatentWalk(run),
    ]
    try:
        with interrupts.deferred(checkpoint.request_stop), job.together(results.how_to_resume(run, job)):
            gan.fit(
                batches,
                epochs=recipe.epochs,
                verbose=0 if not job.chief else "auto" if sys.stdout.isatty() else 2,
                callbacks=[*watching, checkpoint],
                validation_data=_held_out(recipe),
            )
    except interrupts.Stopped as stopped:
        for callback in watching:
            callback.on_train_end()  # closes the logs
        kept = stopped.checkpoint or f"{checkpoint.latest}, because no newer one could be written"
        print(f"\nStopped. Kept: {printable(kept)}\nTo resume:  kerasgan train --resume {quoted(run)}")
        raise


def _held_out(recipe):
    """Returns batches of real images that are not trained on, from a data set that has a test split; else None."""
    if not datasets.has_test_split(recipe.source):
        return None
    split = f"test[:{HELD_OUT_IMAGES}]"
    arrays, labels, _ = datasets.load_arrays(recipe.source, image_size=recipe.image_size, split=split)
    held_out = (arrays, labels) if recipe.conditional else arrays
    return datasets.load(held_out, recipe.batch_size, labels=recipe.conditional, shuffle=False)[0]
