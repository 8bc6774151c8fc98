"""Export as a SavedModel of TensorFlow."""

import pathlib
import warnings
from typing import Any

import keras

from kerasgan import backend
from kerasgan.validation import paths


def write(gan: Any, folder: pathlib.Path, options: dict[str, Any]) -> None:
    """Writes a SavedModel with the endpoints that `kerasgan.export.export` describes.

    Raises:
        ValueError: for any option, and for a path that TensorFlow cannot write to.
    """
    if options:
        raise ValueError(f"A SavedModel has no options. Received: {sorted(options)}. Leave them out.")
    paths.check_utf8("filepath", folder)
    archive = keras.export.ExportArchive()
    backend.add_endpoints(archive, gan)
    archive.write_out(str(folder), verbose=False)
    if not paths.is_loadable(folder):
        warnings.warn(
            "TensorFlow takes the path of a SavedModel for a pattern when it loads it, in which [...] and \\ do not "
            f"stand for themselves. Received: {str(folder)!r}, which was written. Move it before it is loaded.",
            stacklevel=2,
        )
