"""What several test files share."""

import os
import pathlib

import pytest


def shared_folder():
    """Returns the folder of shared test data: KERASGAN_SHARED, or `shared` next to the repository."""
    default = pathlib.Path(__file__).resolve().parents[2] / "shared"
    return pathlib.Path(os.environ.get("KERASGAN_SHARED", default))


needs_shared = pytest.mark.skipif(not shared_folder().is_dir(), reason="needs the shared data; set KERASGAN_SHARED")
