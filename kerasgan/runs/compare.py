"""Several runs in one table: their settings, final logs and evaluations, with seeds averaged."""

import csv
import dataclasses
import io
import json
import os
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

from kerasgan import evaluation, files
from kerasgan.callbacks.history_csv import read_history
from kerasgan.evaluation import layout
from kerasgan.runs import classification, run_folder, signal_figures
from kerasgan.validation.printable import printable, quoted

EVALUATION = run_folder.EVALUATION
"""File of a run with the figures of the last `kerasgan evaluate`."""

LARGEST_FIGURE = 1e300
"""Figures from here on, infinity and NaN included, are left out: they have no mean."""

CLASSIFICATION = tuple(f"{classification.NAME}.{kind}" for kind in ("generated", "real"))
"""Accuracies of `kerasgan evaluate --classifier`."""

FIGURES = (
    *evaluation.METRICS,
    "copies.excess",
    "modes",
    "high_quality",
    "reverse_kl",
    *CLASSIFICATION,
    "attribute_error.mean",
    *signal_figures.ROWS,
)
"""Figures of an evaluation in the table; `evaluation.json` has all."""

SHOWN = ("loss", "d_loss", "g_loss", "g_reconstruction")
"""Logs in the table; the CSV file has all."""


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """What `compare` reads from a run.

    Attributes:
        path: the run's folder.
        seed: its seed.
        recipe: its recipe, as in `settings.json`.
        history: the rows of its `history.csv`, one per epoch; empty for runs from before there was one.
        figures: the numbers of its `evaluation.json`; empty if it was not evaluated, or trained on since.
        features: what they were computed on: the number of samples and the name of the features; empty without figures.
        is_stale: whether it has an evaluation from before it was trained on.
    """

    path: pathlib.Path
    seed: int
    recipe: dict[str, Any]
    history: list[dict[str, float]]
    figures: dict[str, float]
    features: str = ""
    is_stale: bool = False

    @property
    def group(self) -> str:
        """The settings that all seeds share, as text."""
        return json.dumps(self.recipe, sort_keys=True)

    @property
    def last(self) -> dict[str, float]:
        """The last row of the history and the figures, as one dict."""
        logs = dict(self.history[-1]) if self.history else {}
        if logs:
            logs["seconds"] = sum(row.get("seconds", 0.0) for row in self.history)
        return logs | self.figures


def read_run(path: str | os.PathLike[str]) -> RunSummary:
    """Returns the `RunSummary` of a run folder.

    Raises:
        ValueError: if the folder is no run, or one of its files cannot be read.
    """
    path = pathlib.Path(path)
    settings = run_folder.read_settings(path)
    recipe, seed = settings.get("recipe"), settings.get("seed")
    if not isinstance(recipe, dict) or type(seed) is not int:
        raise ValueError(
            f"RUN must be the folder of a run, with its recipe and seed. Received: {path}. Runs are in the log folder, "
            "for example tensorboard_logs/00001-digits."
        )
    try:
        history = read_history(path / run_folder.HISTORY) if (path / run_folder.HISTORY).is_file() else []
        figures = run_folder.read_object(path / EVALUATION) if (path / EVALUATION).is_file() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"The history and the evaluation of a run must be readable. Received: {path} ({error})."
        ) from None
    is_stale = bool(history) and figures.get("step", history[-1].get("step")) != history[-1].get("step")
    if is_stale or not figures:
        return RunSummary(path, seed, recipe, history, {}, is_stale=is_stale)
    computed_on = "values" if "log_spectral_distance" in figures else figures.get("extractor", "known modes")
    features = f"{figures.get('generated', '')} on {computed_on}"
    figures = {name: value for name, value in _numbers(figures).items() if name in FIGURES}
    return RunSummary(path, seed, recipe, history, figures, printable(features)[:60])


def compare(runs: Sequence[str | os.PathLike[str]], csv_file: str | os.PathLike[str] | None = None) -> str:
    """Returns a table of several runs, one column for each group of runs that differ in their seed alone.

    Where a group has several seeds, a value is the mean and the standard deviation over the seeds.

    Args:
        runs: their folders.
        csv_file: where all curves go, one row for each epoch of each run, or None.

    Raises:
        ValueError: if one of them is no run.
        OSError: if the CSV file cannot be written.
    """
    summaries = [read_run(run) for run in runs]
    if csv_file is not None:
        _write_csv(csv_file, summaries)
    groups: dict[str, list[RunSummary]] = {}
    for summary in summaries:
        groups.setdefault(summary.group, []).append(summary)
    return layout(_rows(list(groups.values())))


def remarks(runs: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Returns what to know of a table of `compare`: runs without figures, and figures that are not comparable."""
    summaries, found = [read_run(run) for run in runs], []
    without = [run for run in summaries if not run.figures and run.recipe.get("kind") != "volumes"]
    if without and len(summaries) > 1:
        why = "since it was trained on" if without[0].is_stale else "yet"
        found.append(
            "Losses of different objectives are not comparable, and no loss says how good samples are. Not evaluated "
            f"{why}: {len(without)} of {len(summaries)} runs. For each, then compare again: kerasgan evaluate "
            f"{quoted(without[0].path)}"
        )
    if len({run.features for run in summaries if run.figures}) > 1:
        found.append(
            "Figures on different features, or of different numbers of samples, are not comparable: see `samples`."
        )
    return found


def _rows(groups):
    """Returns the table: a row for each setting that differs, each log and each figure; a column for each group."""
    rows = [("", *(_title(group) for group in groups))]
    rows.append(("seeds", *(", ".join(str(run.seed) for run in group) for group in groups)))
    for name in _differing([group[0].recipe for group in groups]):
        rows.append((printable(name)[:40], *(printable(str(group[0].recipe.get(name, "")))[:40] for group in groups)))
    if any(run.features for group in groups for run in group):
        texts = (dict.fromkeys(run.features or "-" for run in group) for group in groups)
        rows.append(("samples", *(", ".join(each) for each in texts)))
    for name in ("epoch", "step", "seconds", *SHOWN, *_figure_names(groups)):
        values = [[run.last[name] for run in group if name in run.last] for group in groups]
        if any(values):
            rows.append((printable(name)[:40], *(_mean_and_spread(each) for each in values)))
    return rows


def _title(group):
    names = [printable(run.path.name) for run in group]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _differing(recipes):
    names = dict.fromkeys(name for recipe in recipes for name in recipe if name != "title")
    return [name for name in names if len({json.dumps(recipe.get(name), sort_keys=True) for recipe in recipes}) > 1]


def _figure_names(groups):
    """Returns the names of all figures, and of the logs of a validation, in the order in which they first come."""
    known = dict.fromkeys(name for group in groups for run in group for name in run.last)
    return [name for name in known if name not in ("epoch", "step", "seconds", *SHOWN) and _is_figure(name, groups)]


def _is_figure(name, groups):
    return name.startswith("val_") or any(name in run.figures for group in groups for run in group)


def _mean_and_spread(values):
    if not values:
        return "-"
    mean = statistics.mean(values)
    text = f"{mean:,.0f}" if all(float(value).is_integer() for value in values) else f"{mean:.4g}"
    return f"{text} ± {statistics.stdev(values):.2g}" if len(values) > 1 and len(set(values)) > 1 else text


def _numbers(figures):
    """Returns the numbers of a JSON object, those of inner objects with their names joined by a dot."""
    numbers: dict[str, float] = {}
    for name, value in figures.items() if isinstance(figures, dict) else ():
        if isinstance(value, dict):
            numbers |= {f"{name}.{inner}": number for inner, number in _numbers(value).items()}
        elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST_FIGURE:
            numbers[name] = value
    return numbers


def _write_csv(path, summaries):
    names = dict.fromkeys(name for run in summaries for row in run.history for name in row)
    group_numbers = {group: number for number, group in enumerate(dict.fromkeys(run.group for run in summaries), 1)}
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["run", "group", "seed", *names])
    writer.writeheader()
    for run in summaries:
        for row in run.history:
            writer.writerow({"run": str(run.path), "group": group_numbers[run.group], "seed": run.seed} | row)
    with files.written_whole(files.output(path), durable=False) as unfinished:
        unfinished.write_text(text.getvalue(), encoding="utf-8", newline="")
