"""Where an export is written, and what is checked before anything is written."""

import contextlib
import importlib
import importlib.util
import os
import pathlib
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from kerasgan import backend, files
from kerasgan.export.registry import FORMATS
from kerasgan.validation import errors

SAVED_MODEL = {"saved_model.pb", "variables", "assets", "assets.extra", "fingerprint.pb", "kerasgan.json"}
"""What a SavedModel's folder may hold."""


def check_choices(format: str, what: str, precision: str, options: Mapping[str, Any]) -> None:
    """Checks what is asked of a format, and that its packages are installed.

    Raises:
        ValueError: for what the format does not have, or an engine that does not write it.
        ImportError: for a package that is missing, with the line that installs it.
    """
    chosen = FORMATS[format]
    for name, value, known in (("what", what, chosen.what), ("precision", precision, chosen.precisions)):
        if value not in known:
            raise ValueError(
                f"{chosen.title} is written with {name} one of {', '.join(known)}. Received: {name}={value!r} with "
                f"format={format!r}."
            )
    known = {option.name: option for option in chosen.options}
    for name, value in options.items():
        if name not in known:
            has = f"It has: {', '.join(known)}." if known else "It has none: leave it out."
            raise ValueError(f"{chosen.title} has no option of that name. Received: {name}={value!r}. {has}")
        if known[name].choices and value not in known[name].choices:
            raise errors.unknown_name(name, value, known[name].choices)
    _check_packages(format, chosen)


def _check_packages(format, chosen):
    if backend.NAME not in chosen.needs:
        engines = " or ".join(chosen.needs)
        raise ValueError(
            f"{chosen.title} is written on {engines}. Received: format={format!r} with the Keras backend "
            f"{backend.NAME!r}. Load the .keras file with KERAS_BACKEND={next(iter(chosen.needs))}; for a run: "
            f"KERAS_BACKEND={next(iter(chosen.needs))} kerasgan export RUN --format {format} --out PATH"
        )
    needs = chosen.needs[backend.NAME]
    missing = [name for name in needs.packages if not _is_installed(name)]
    if missing:
        wanted = f'"kerasgan[{needs.extra}]"' if needs.extra else " ".join(missing)
        raise ImportError(
            f"{chosen.title} needs packages that are not installed. Received: format={format!r} without "
            f"{', '.join(missing)}. Install them: pip install {wanted}"
        )


def _is_installed(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ImportError:
        return False


def checked_path(filepath: str | os.PathLike[str], format: str) -> pathlib.Path:
    """Returns where an export goes: the path itself, or what a link there leads to.

    Raises:
        ValueError: for a path without the format's suffix, or where something else is that must not be replaced.
    """
    chosen = FORMATS[format]
    if not os.fspath(filepath).endswith(chosen.suffix):
        raise ValueError(
            f"A file of {chosen.title} ends in {chosen.suffix}. Received: {os.fspath(filepath)!r} with "
            f"format={format!r}. Write {os.fspath(filepath)}{chosen.suffix}"
        )
    path = files.output(filepath, folder=chosen.is_folder)
    if not path.name.endswith(chosen.suffix):
        raise ValueError(
            f"A file of {chosen.title} ends in {chosen.suffix}. Received: {os.fspath(filepath)!r}, a link to "
            f"{str(path)!r}. Write to that, or to another path."
        )
    for suffix in chosen.companions:
        companion = files.output(path.with_suffix(suffix))
        if companion.exists() and not path.exists():
            raise ValueError(
                f"{chosen.title} has a second file of the same name, {companion.name}. Received: "
                f"{os.fspath(filepath)!r}, beside which there is one of something else. Choose another path."
            )
    if chosen.is_folder and path.is_dir():
        held = {each.name for each in path.iterdir()}
        others = sorted(held - SAVED_MODEL if "saved_model.pb" in held else held)
        if others:
            raise ValueError(
                f"{chosen.title} is written to a new folder, or replaces one. Received: {os.fspath(filepath)!r}, which "
                f"holds {others[0]!r}. Choose another path."
            )
    return path


def module_of(format: str) -> ModuleType:
    """Returns the module of a format: see `kerasgan.export.registry`."""
    return importlib.import_module(f"kerasgan.export.{FORMATS[format].module}")


@contextlib.contextmanager
def written(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a path of the same name in a hidden folder, and moves what is written there into place at the end.

    If the writing fails, what stood at the path still stands.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.written_together(path) as unfinished:
        yield unfinished / path.name
