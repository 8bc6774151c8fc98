"""The model of a finished run, loaded from a file that may come from anywhere."""

import os
import zipfile

import keras

from kerasgan.gan import GAN
from kerasgan.runs import run_folder
from kerasgan.validation import model_files
from kerasgan.validation.printable import quoted


def load(run: str | os.PathLike[str]) -> GAN:
    """Returns the GAN of a finished run.

    Raises:
        ValueError: if the folder is not a finished run, or its file is damaged, or holds something other than a GAN.
    """
    file = run_folder.find(run, run_folder.MODEL)
    if not zipfile.is_zipfile(file):  # Keras says that such a file is not there
        raise ValueError(
            f"The model of a run must be a whole .keras file. Received: {file}, which is damaged or cut short "
            f"({file.stat().st_size:,} bytes). {_way_out(run)}"
        )
    model_files.check(file)
    try:
        gan = keras.models.load_model(file)
    except Exception as error:  # a damaged or crafted file can make Keras raise anything
        raise ValueError(
            f"The model of a run must be one that kerasgan has saved. Received: {file}, which cannot be loaded "
            f"({_reason(error)}). {_way_out(run)}"
        ) from error
    if not isinstance(gan, GAN):
        raise ValueError(
            f"The model of a run must be a GAN. Received: {file}, which holds a {type(gan).__name__}. {_way_out(run)}"
        )
    return gan


def _reason(error):
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def _way_out(run):
    return f"Copy the run again, or train again with: kerasgan train --settings {quoted(run)}"
