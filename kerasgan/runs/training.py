"""One training run, from its plan to the exported generator."""

import contextlib
import dataclasses
import itertools
import pathlib
import shutil
import sys

import keras
import numpy as np

from kerasgan import backend, callbacks, datasets
from kerasgan.callbacks import sample_grid
from kerasgan.resume import checkpoint_files, interrupts
from kerasgan.runs import (
    advice,
    data,
    extension,
    jobs,
    photo_settings,
    plans,
    progress,
    recipes,
    record,
    rehearsal,
    results,
    run_folder,
    sizes,
    starts,
)
from kerasgan.validation import images
from kerasgan.validation.printable import printable, quoted

CHECKPOINT_SECONDS = 60.0
ROLLBACK_STEPS = 200
"""Steps between the checkpoints that a rollback can go back to, besides those at the ends of epochs."""

HELD_OUT_IMAGES = 1000
GRID_IMAGES = 256
"""Real images for the pictures: enough for a few of each class."""

PROGRESS_SECONDS = 20.0


def train(
    plan: plans.Plan,
    log_dir: str | pathlib.Path,
    dry_run: bool = False,
    job: jobs.Job | None = None,
    start: dict[str, str] | None = None,
) -> pathlib.Path | None:
    """Trains a new run in a new run folder, and prints at the end where the results are.

    Args:
        plan: the `kerasgan.runs.plans.Plan`.
        log_dir: the folder of all runs.
        dry_run: True loads the data, builds the networks, tries a few steps, prints the settings as JSON, and writes
            nothing.
        job: the `kerasgan.runs.jobs.Job` with the devices; None for one device. Of several workers only the chief
            writes.
        start: the run whose weights this one starts from, as `kerasgan.runs.starts.start_of` returns it; None for
            random weights.

    Returns:
        The run's folder; None for a dry run, and for workers other than the chief.

    Raises:
        ValueError: for data or settings that cannot be trained on; then there is no run folder.
        ConnectionError: if another worker is lost.
        interrupts.Stopped: on Ctrl-C and SIGTERM, after a checkpoint.
    """
    job = job or jobs.Job()
    if dry_run:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for the settings alone
            gan, batches, info = _set_up(rehearsal.shortened(plan), 0, job)
            _begin(gan, start, info, job, fit=False)
        return rehearsal.rehearse(gan, batches, plan, info, job, {} if start is None else {"from": start})
    gan, batches, info = _set_up(plan, 0, job)
    _begin(gan, start, info, job)
    advised = advice.small_plan(plan.recipe, info)
    if advised and job.chief:
        print(advised)
    real = _real_images(batches, plan.recipe)
    with job.folder(lambda: run_folder.create(log_dir, plan.name)) as run, run_folder.claim(run):
        try:
            begun = {} if start is None else {"from": start}
            run_folder.write_settings(run, dataclasses.asdict(plan) | begun | record.facts(info, job))
            _fit(gan, batches, plan, info, run, real, _checkpoint(plan, run, resume=False), job)
        except Exception:
            epochs = getattr(getattr(gan, "history", None), "epoch", None)
            saved = checkpoint_files.files(run / run_folder.CHECKPOINTS)
            if not epochs and not any(map(checkpoint_files.step_of, saved)):  # nothing was trained
                shutil.rmtree(run)
            raise
        results.finish(gan, run, job, real if plan.recipe.translates else None)
    return run if job.chief else None


def resume(run: str | pathlib.Path, job: jobs.Job | None = None, epochs: int | None = None) -> None:
    """Resumes a run that was stopped or killed, in its folder, to its last epoch, or extends it to more epochs.

    Args:
        run: the run's folder, which all workers of a job must see.
        job: as for `train`; it may differ from the job that started the run.
        epochs: number of epochs in all, those before included, for a run that goes on longer than planned; it may be
            finished. A learning rate that decays follows the schedule of so many epochs from here on. None keeps the
            number in the settings.

    Raises:
        ValueError: if the folder is not a run, `epochs` is not more than it has, its settings, data or checkpoints
            have changed, another process is training it, or it holds links, pipes or devices, which could lead out of
            it.
        ConnectionError, interrupts.Stopped: as `train`.
    """
    run, job = pathlib.Path(run), job or jobs.Job()
    settings = run_folder.read_settings(run)
    plan = plans.make_plan(settings, {}, None, False)
    record.check_engine(settings, run)
    recorded, start = record.recorded_data(settings, plan.recipe), starts.recorded(settings)
    longer = None if epochs is None else extension.extended(plan, epochs, run)
    with job.folder(lambda: run) as folder, run_folder.claim(folder):
        if not job.chief and (run / run_folder.CHECKPOINTS).is_dir():
            shutil.copytree(run / run_folder.CHECKPOINTS, folder / run_folder.CHECKPOINTS, symlinks=True)
        checkpoint = _checkpoint(plan, folder, resume=True)
        checkpoint.goes_on = longer is not None
        gan, batches, info = _set_up(longer or plan, checkpoint.skip_batches(), job)
        record.check_data(info, recorded, run)
        if not checkpoint_files.files(folder / run_folder.CHECKPOINTS):  # stopped before the first one
            _begin(gan, start, info, job)
        if longer is not None:
            extension.begin(folder, settings, plan, longer, info, job)
            plan = longer
        real = _real_images(batches, plan.recipe)
        _fit(gan, batches, plan, info, folder, real, checkpoint, job)
        results.finish(gan, folder, job, real if plan.recipe.translates else None)


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
    with progress.saying("loading the data"):
        batches, info = _load(plan, skip_batches)
    sizes.check_bands(plan.recipe, info)
    sizes.check_networks(plan.recipe, info)
    with job.scope():
        gan = recipes.build(plan.recipe, info, plan.seed)
    if job.chief:
        print(f"{info.num_images:,} {plan.recipe.kind} of shape {info.image_shape} from {printable(info.name)}")
        if len(info.image_shape) == 3 or plan.recipe.kind != "images":
            print(photo_settings.described(plan.recipe, info.num_images))
    return gan, batches, info


def _begin(gan, start, info, job, fit=True):
    """Gives the model the weights that it starts from, where these are not random."""
    if start is not None:
        starts.check_job(job)
        print(starts.apply(gan, start, info, fit))


def _load(plan, skip_batches):
    recipe = plan.recipe
    options = {"passes": recipe.passes_per_epoch, "skip_batches": skip_batches}
    return data.load(recipe, recipes.splits(recipe)[0], plan.seed, **options)


def _real_images(batches, recipe):
    """Returns real images for the pictures, as `ImageGrid` takes them: those of the first batches, with labels.

    For a translation they are pairs that it is not trained on, where there are some.
    """
    if recipe.translates:
        return data.pairs(recipe)
    count = -(-GRID_IMAGES // recipe.batch_size)
    first = list(itertools.islice(batches, count))
    if not recipe.conditional and recipe.conditions is None:
        return np.concatenate([np.asarray(batch[0] if isinstance(batch, tuple) else batch) for batch in first])
    return tuple(np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*first, strict=True))


def _checkpoint(plan, run, resume):
    folder = run / run_folder.CHECKPOINTS
    if folder.is_symlink():
        raise ValueError(f"The checkpoints must be in the run's own folder. Received: {folder}, which is a link.")
    steps = ROLLBACK_STEPS if plan.guard == "rollback" else None
    return callbacks.Checkpoint(
        folder, every_epochs=1, every_steps=steps, every_seconds=CHECKPOINT_SECONDS, resume=resume
    )


def _fit(gan, batches, plan, info, run, real, checkpoint, job):
    recipe, in_terminal = plan.recipe, sys.stdout.isatty()
    # The guard comes before TensorBoard, which writes the logs that the guard adds.
    guard = [] if plan.guard == "off" else [callbacks.Guard(plan.guard, checkpoint, log_dir=run)]
    watching = [
        *guard,
        *([] if plan.guard == "rollback" else [keras.callbacks.TerminateOnNaN()]),
        callbacks.TensorBoard(run, write_graph=False),
        callbacks.HistoryCSV(run / run_folder.HISTORY),
        sample_grid.sample_grid(run, info, real, recipe.bands),
        *([callbacks.LatentWalk(run)] if gan.latent_dim and recipe.kind == "images" else []),
        *([progress.Compiling(), callbacks.Progress(None if in_terminal else PROGRESS_SECONDS)] if job.chief else []),
    ]
    held_out = _held_out(recipe, job)
    sized = {"validation_batch_size": recipe.batch_size} if isinstance(held_out, tuple | np.ndarray) else {}
    try:
        with interrupts.deferred(checkpoint.request_stop), job.together(results.how_to_resume(run, job)):
            gan.fit(
                batches,
                epochs=recipe.epochs,
                verbose=0 if not job.chief else "auto" if in_terminal else 2,
                callbacks=[*watching, checkpoint],
                validation_data=held_out,
                **sized,
            )
    except interrupts.Stopped as stopped:
        for callback in watching:
            callback.on_train_end()  # closes the logs
        kept = stopped.checkpoint or f"{checkpoint.latest}, because no newer one could be written"
        print(f"\nStopped. Kept: {printable(kept)}\nTo resume:  kerasgan train --resume {quoted(run)}")
        raise


def _held_out(recipe, job):
    """Returns batches of real images that are not trained on; None where there are too few for the replicas."""
    split = recipes.splits(recipe)[1]
    if split is None:
        return None
    n, split = (None, f"test[:{HELD_OUT_IMAGES}]") if split == "test" else (HELD_OUT_IMAGES, split)
    arrays, labels, _ = data.load_arrays(recipe, n, split)
    batch_size = min(recipe.batch_size, len(arrays) // job.replicas * job.replicas)
    if batch_size == 0:
        return None
    if recipe.translates:
        return datasets.load_pairs(labels, arrays, batch_size, shuffle=False)[0]
    if recipe.conditions is not None or (recipe.kind != "images" and recipe.conditional):
        return arrays, labels
    if recipe.kind != "images":
        return arrays
    held_out = (arrays, labels) if recipe.conditional else arrays
    return datasets.load(held_out, batch_size, labels=recipe.conditional, shuffle=False)[0]
