"""The data, versions, commit and devices in a run's settings, against which a resumed run is checked."""

import dataclasses
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import warnings
from typing import Any

from kerasgan import backend
from kerasgan.datasets import DatasetInfo
from kerasgan.runs.jobs import Job
from kerasgan.runs.recipes import Recipe
from kerasgan.validation.printable import quoted

ENGINES: tuple[str, ...] = ("tensorflow", "jax")
NUM_NAMES = 100
"""Of the files that could not be read, and of the classes, so many are named in the settings."""
PACKAGES: tuple[str, ...] = ("kerasgan", "keras", *backend.PACKAGES, "numpy")
FLAGS = ("TF_ENABLE_ONEDNN_OPTS", "TF_DETERMINISTIC_OPS", "TF_XLA_FLAGS", "XLA_FLAGS", "KERAS_BACKEND")


def facts(info: DatasetInfo, job: Job) -> dict[str, Any]:
    """Returns what a run's settings hold besides the plan, a dict that JSON can hold."""
    return {
        "dataset": _bounded(dataclasses.asdict(info)),
        "engine": backend.NAME,
        "versions": versions(),
        "commit": _commit(),
        "flags": {name: os.environ[name] for name in FLAGS if name in os.environ},
        "devices": backend.devices(),
        "replicas": job.replicas,
    }


def _bounded(dataset):
    """Returns the facts of the data with at most `NUM_NAMES` names in a list, and the count where there are more."""
    for field in ("skipped", "class_names", "condition_names"):
        names = dataset[field]
        if names is not None and len(names) > NUM_NAMES:
            dataset |= {field: names[:NUM_NAMES], f"num_{field}": len(names)}
    return dataset


def versions() -> dict[str, str | None]:
    """Returns the versions of Python and of the packages that decide a run's result; None for what is not installed.

    So it is for kerasgan where a checkout is used as it is, as on a machine that installs nothing.
    """
    return {package: _version(package) for package in PACKAGES} | {"python": platform.python_version()}


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit():
    """Returns the commit of kerasgan in a git checkout, with "-dirty" after local changes; None elsewhere."""
    folder = pathlib.Path(__file__).resolve().parent
    if not (folder.parents[1] / ".git").exists():
        return None
    command = ["git", "-C", folder, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def check_engine(settings: dict[str, Any], run: pathlib.Path) -> None:
    """Checks that a run is resumed on the engine on which it started.

    Raises:
        ValueError: if it started on another engine.
    """
    engine = settings.get("engine", "tensorflow")  # runs from before there was JAX do not record it
    if engine not in ENGINES:
        raise ValueError(
            f"A run is resumed on the engine on which it started: one of {', '.join(ENGINES)}. Received: "
            f"engine={str(engine)[:80]!r} in its settings. Start again with: kerasgan train --settings {quoted(run)}"
        )
    if engine != backend.NAME:
        raise ValueError(
            f"A run is resumed on the engine on which it started: another engine draws other latents. Received: Keras "
            f"on {backend.NAME} for a run that started on {engine}. Run: KERAS_BACKEND={engine} kerasgan train "
            f"--resume {quoted(run)}"
        )


def recorded_data(settings: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    """Returns what the settings record of the data. Warns if the versions have changed since.

    Raises:
        ValueError: if the settings do not identify the data.
    """
    data = settings.get("dataset")
    count = data.get("num_images") if isinstance(data, dict) else None
    if not (type(count) is int and recipe.batch_size <= count < 2**40 and isinstance(data.get("fingerprint"), str)):
        raise ValueError(
            "The settings of a run must identify its data before it can be resumed. Received: "
            f"dataset={str(data)[:200]}. Start again with: kerasgan train --settings RUN"
        )
    now, then = versions(), settings.get("versions")
    changed = sorted(name for name in now if not isinstance(then, dict) or then.get(name) != now[name])
    if changed:
        warnings.warn(
            f"The run started with other versions of {', '.join(changed)}: the result may differ from that of a run "
            "that was not stopped.",
            stacklevel=3,
        )
    return data


def check_data(info: DatasetInfo, recorded: dict[str, Any], run: pathlib.Path) -> None:
    """Checks that a run is resumed with its own data.

    Raises:
        ValueError: if the data have changed.
    """
    if info.fingerprint != recorded["fingerprint"]:
        raise ValueError(
            f"A run is resumed with the data with which it started. Received: {info.num_images:,} images from "
            f"{info.name}, with fingerprint {info.fingerprint[:12]}, for a run that started with "
            f"{recorded['num_images']:,}, with fingerprint {recorded['fingerprint'][:12]}. Put the data back, or start "
            f"again with: kerasgan train --settings {quoted(run)}"
        )
