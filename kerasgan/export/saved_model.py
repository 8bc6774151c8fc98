"""Export as a SavedModel of TensorFlow."""

import pathlib
from typing import Any

import keras

from kerasgan import backend


def write(gan: Any, folder: pathlib.Path, options: dict[str, Any]) -> None:
    """Writes a SavedModel with the endpoints that `kerasgan.export.export` describes.

    Raises:
        ValueError: for any option.
    """
    if options:
        raise ValueError(f"A SavedModel has no options. Received: {sorted(options)}. Leave them out.")
    archive = keras.export.ExportArchive()
    backend.add_endpoints(archive, gan)
    archive.write_out(str(folder), verbose=False)
