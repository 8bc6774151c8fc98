"""The figures of a run on signals or sounds: spectra and marginal statistics, each with its floor."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasgan import evaluation, metrics
from kerasgan.runs import report, run_folder

ROWS = {
    "log_spectral_distance": ("log-spectral distance", "dB between the mean spectra; 0 for the same"),
    "mean": ("means", "Wasserstein distance, in standard deviations of the data"),
    "deviation": ("standard deviations", "the same"),
    "largest": ("largest values", "the same"),
    "steps": ("steps between neighbors", "the same"),
}


def of_signals(real: report.RealImages, generated: Sequence[np.ndarray]) -> tuple[str, dict[str, Any]]:
    """Returns a table for people, and a dict for JSON, of signals against real ones.

    Args:
        real: the real signals; the others among them give the floor.
        generated: several sets of samples; the first one's figures are taken.
    """
    found, floor = (_values(real.images, each) for each in (generated[0], real.others))
    title = f"{len(generated[0]):,} generated against {len(real.images):,} real"
    rows = [(title, "", "real signals", "")]
    rows += [(name, f"{found[field]:.4g}", f"{floor[field]:.4g}", note) for field, (name, note) in ROWS.items()]
    counts = {"generated": len(generated[0]), "real": len(real.images)}
    return evaluation.layout(rows), report.without_infinities(counts | found | {"floor": floor})


def _values(real, generated):
    distance = metrics.log_spectral_distance(real, generated)
    return {"log_spectral_distance": distance} | dataclasses.asdict(metrics.marginal_distances(real, generated))


def check_not_volumes(recipe: Any, run: Any) -> None:
    """Refuses volumes, for which there are no figures.

    Raises:
        ValueError: for a run on volumes.
    """
    if recipe.kind == "volumes":
        raise ValueError(
            f"There are no figures for volumes. Received: {run}/{run_folder.SETTINGS} with kind='volumes'. Look at its "
            "slices, and compare values: kerasgan sample RUN --out samples.npy"
        )
