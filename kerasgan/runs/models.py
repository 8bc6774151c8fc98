"""The model of a finished run, loaded from a file that may come from anywhere."""

import os

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
    gan = model_files.load(file)
    if not isinstance(gan, GAN):
        raise ValueError(
            f"The model of a run must be a GAN. Received: {file}, which holds a {type(gan).__name__}. Copy the run "
            f"again, or train again with: kerasgan train --settings {quoted(run)}"
        )
    return gan
