"""The results of a run: the model, the exported generator and a picture of samples."""

import errno
import pathlib
import platform
import warnings

import numpy as np

from kerasgan import backend, files, pictures
from kerasgan.callbacks import sample_grid, translations
from kerasgan.export import CheckFailed
from kerasgan.gan import GAN
from kerasgan.runs import jobs, progress, run_folder
from kerasgan.runs import samples as run_samples
from kerasgan.validation.printable import printable, quoted

Pairs = tuple[np.ndarray, np.ndarray]
"""Images and inputs of a translation, as `kerasgan.runs.data.pairs` returns them."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def finish(gan: GAN, run: pathlib.Path, job: jobs.Job, pairs: Pairs | None = None) -> None:
    """Writes the results of a run and prints where they are. If this fails, resuming the run does it again.

    Args:
        gan: the trained model.
        run: the run's folder.
        job: the job with the devices.
        pairs: images and inputs, for a picture of translations; None for samples.

    Raises:
        ValueError: if weights are not finite.
        OSError: if something cannot be written.
    """
    _check_weights(gan, run)
    try:
        with job.together(how_to_resume(run, job)):
            write(gan, run, pairs)  # on every worker: reading some of the weights takes all of them
    except backend.WRITE_ERRORS as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].removesuffix(".")
        way_out = "Make room" if getattr(error, "errno", None) in NO_ROOM else "Mend this"
        raise OSError(
            f"The results could not be written: {reason}. {way_out}, then resume with: kerasgan train --resume "
            f"{quoted(run)}"
        ) from error
    if job.chief:
        _print_paths(run, gan)


def _check_weights(gan, run):
    """Refuses to finish a run with weights that are not finite: its samples would be black, and its checkpoints hidden.

    Raises:
        ValueError: if there are such weights.
    """
    if not all(np.isfinite(weight).all() for weight in gan.sampler.get_weights()):
        raise ValueError(
            f"A run ends with finite weights. Received: {printable(run)}, with weights that are NaN or infinite. Its "
            "checkpoints are from before. A new run that goes back to them by itself: kerasgan train --settings "
            f"{quoted(run)} --guard rollback; or one with a lower rate: --learning-rate"
        )


def how_to_resume(run: pathlib.Path, job: jobs.Job) -> str:
    """Returns the command that resumes a job of several workers; only the chief knows the run's folder."""
    path = quoted(run) if job.chief else "RUN"
    return f"Resume with as many workers, or another number: kerasgan train --resume {path}"


def write(gan: GAN, run: pathlib.Path, pairs: Pairs | None = None) -> None:
    """Writes the model, the exported generator and the samples. The samples come last: they mark a finished run."""
    with files.written_whole(run / run_folder.MODEL) as unfinished:
        gan.save(unfinished)
    if backend.EXPORTS_RUNS:
        with progress.saying("writing the SavedModel"):
            export(gan, run)
    picture = _samples_picture(gan, run) if pairs is None else translations.translation_picture(gan, *pairs)
    pictures.save_png(run / run_folder.SAMPLES, picture, durable=True)


def export(gan: GAN, run: pathlib.Path) -> None:
    """Writes the SavedModel into a run, whole or not at all, and removes what a killed process left of it.

    If its outputs are not those of the network, it is warned of: a training does not end in an error for it.
    """
    folder, facts = run / run_folder.EXPORT, run_samples.facts_of_values(run)
    files.remove_unfinished(folder.parent, folder.name)
    try:
        gan.export(folder, "tf_saved_model", **facts)
    except CheckFailed as error:
        gan.export(folder, "tf_saved_model", check=False, **facts)
        warnings.warn(f"The SavedModel was written, but use it with care. {error}", stacklevel=2)


def _samples_picture(gan, run):
    if gan.num_classes is not None and len(gan.image_shape) == 3:
        return pictures.tile(run_samples.shown(run, gan.class_grid(columns=10, seed=0, most=20)), columns=10)
    if len(gan.image_shape) in (2, 4):
        return sample_grid.sample_picture(gan.generate(16, seed=0), run_samples.rate_of(run))
    return pictures.picture_of(run_samples.shown(run, gan.generate(64, seed=0)))


def _print_paths(run, gan):
    opens = "open" if platform.system() == "Darwin" else "xdg-open"
    columns = f"   # {translations.columns_of(gan)}" if translations.translates(gan) else ""
    print(
        f"""
samples      {printable(run / run_folder.SAMPLES)}{columns}
             {opens} {quoted(run / run_folder.SAMPLES)}
logs         {printable(run)}
             tensorboard --host localhost --logdir {quoted(run.parent)}
SavedModel   {_where_exported(run / run_folder.EXPORT, _draws_alone(gan))}
more         kerasgan sample {quoted(run)}"""
    )
    if run_samples.rate_of(run) is not None:
        print(f"sounds       kerasgan sample {quoted(run)} --n 8 --out sounds")
    if translations.translates(gan):
        print(f"translate    kerasgan translate {quoted(run)} PHOTOS --out TRANSLATIONS")
    if len(gan.image_shape) == 3 and _draws_alone(gan):
        print(f"page         kerasgan export {quoted(run)} --format html   # one file that anybody can open")


def _draws_alone(gan):
    """Returns whether samples need no condition to be given: all is drawn, or there are classes, which are drawn."""
    return gan.latent_dim > 0 and (gan.condition is None or gan.num_classes is not None)


def _where_exported(folder, draws_alone):
    if not backend.EXPORTS_RUNS:
        command = f"KERAS_BACKEND=tensorflow kerasgan export {quoted(folder.parent)} --out {quoted(folder)}"
        return f"not written on JAX; TensorFlow writes it from the model of this run\n             {command}"
    shown = "['serving_default']"
    if draws_alone:
        shown = "['generate'](n=tf.constant(4), seed=tf.constant(0))['images'].shape"
    return f"""{printable(folder)}
             python -c "import sys, tensorflow as tf; model = tf.saved_model.load(sys.argv[1]); \\
             print(model.signatures{shown})" \\
             {quoted(folder)}"""
