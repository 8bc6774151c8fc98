"""The condition that `kerasgan sample --condition` asks for, as text, and the array that it stands for."""

from typing import Any

import numpy as np

from kerasgan import conditions
from kerasgan.gan import GAN
from kerasgan.runs import run_folder
from kerasgan.validation.printable import printable, quoted


def condition_of(run: Any, gan: GAN, text: str) -> np.ndarray:
    """Returns the labels or numbers that a text asks for, float32 (size,).

    Args:
        run: the run's folder, whose settings have the names of the columns of its table.
        gan: its model.
        text: `"smile=1,age=40"`, or the values alone in the order of the table: `"1,40"`.

    Raises:
        ValueError: for a run without labels or numbers, or if the text does not give one value for each.
    """
    kind = gan.condition
    if not isinstance(kind, conditions.Labels | conditions.Vector):
        way_out = "Use --label" if isinstance(kind, conditions.Classes) else "Leave it out"
        raise ValueError(
            f"Only a run that was trained with --conditions draws by them. Received: --condition {text} for "
            f"{printable(run)}. {way_out}."
        )
    size = kind.shape[0]
    names = _names(run, size)
    parts = [part.strip() for part in text.split(",")]
    named = [part.partition("=")[::2] for part in parts if "=" in part]
    try:
        if named and len(named) == len(parts):
            given = {name.strip(): float(value) for name, value in named}
            values = [given[name] for name in names] if len(given) == len(parts) == size else []
        else:
            values = [float(part) for part in parts]
    except (ValueError, KeyError):
        values = []
    if len(values) != size:
        raise ValueError(
            f"--condition must have one value for each column of the table. Received: --condition {printable(text)}. "
            f"Use, for example, --condition {quoted(_example(kind, names))}"
        )
    kind.check_array(np.array([values]), 1)
    return np.array(values, "float32")


def _names(run, size):
    dataset = run_folder.read_settings(run).get("dataset")
    names = dataset.get("condition_names") if isinstance(dataset, dict) else None
    if isinstance(names, list) and len(names) == size and all(isinstance(name, str) for name in names):
        return names
    return [str(number) for number in range(size)]


def _example(kind, names):
    typical = (1.0,) * len(names) if isinstance(kind, conditions.Labels) else kind.mean or (0.0,) * len(names)
    return ",".join(f"{name}={value:.3g}" for name, value in zip(names, typical, strict=True))
