"""Where the benchmarks write: each run into a new file, next to the published results and never over them.

Every benchmark has `--out`; without it, the new file is `benchmarks/results/<name>-<date>.json`. The published results
are the files without a date. A figure is published by hand: copy the new file over the published one, and change the
page with it.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess

RESULTS = pathlib.Path(__file__).resolve().parent / "results"


def dated(name, suffix=".json"):
    """Returns a path in `RESULTS` that does not exist: the name, the date and the time."""
    stem = f"{name}-{datetime.datetime.now():%Y-%m-%d-%H%M%S}"
    path, number = RESULTS / f"{stem}{suffix}", 2
    while path.exists():
        path, number = RESULTS / f"{stem}-{number}{suffix}", number + 1
    return path


def new_path(text):
    """Returns a path that does not exist, for argparse; otherwise raises its error, with the way out."""
    path = pathlib.Path(text)
    if path.exists():
        raise argparse.ArgumentTypeError(
            f"results go to a new file, so that none are lost. Received: {text}, which exists. Give another name, or "
            "remove the file first"
        )
    return path


def add_options(parser, name, suffix=".json"):
    """Gives a benchmark's parser the options `--out` and `--no-results`.

    Args:
        parser: an `argparse.ArgumentParser`.
        name: what the file is called, without the date.
        suffix: of the file; "" for a folder.
    """
    default = f"benchmarks/results/{name}-<date>{suffix}"
    parser.add_argument("--out", type=new_path, help=f"where the results go: a new file (default: {default})")
    parser.add_argument("--no-results", action="store_true", help="print only")
    parser.set_defaults(results_name=name, results_suffix=suffix)


def path_of(options):
    """Returns the new path of a run's results: that of `--out`, or a dated one; None with `--no-results`."""
    if options.no_results:
        return None
    return options.out or dated(options.results_name, options.results_suffix)


def write(options, kept):
    """Writes a run's results as JSON, with the commit and the date, into a new file; returns its path, or None.

    Raises:
        FileExistsError: if the file has come into being since the start.
    """
    path = path_of(options)
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "x") as file:
        file.write(json.dumps(kept | facts(), indent=1) + "\n")
    print(f"results: {path}")
    return path


class Partial:
    """The results of a run that may be killed: the file is written whole again with each of them.

    Args:
        options: the parsed arguments.

    Attributes:
        kept: the results so far, a dict that JSON can hold.
        path: the new file, or None with `--no-results`.

    Raises:
        FileExistsError: if the file has come into being since the arguments were parsed.
    """

    def __init__(self, options):
        self.kept, self.path = {}, path_of(options)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(exist_ok=False)

    def add(self, part, row):
        """Adds a row to the list of a part, and writes."""
        self.kept.setdefault(part, []).append(row)
        self.write()

    def write(self):
        """Writes what there is, whole or not at all."""
        if self.path is not None:
            unfinished = self.path.with_name(f".{self.path.name}.unfinished")
            unfinished.write_text(json.dumps(self.kept | facts(), indent=1) + "\n")
            os.replace(unfinished, self.path)


def facts():
    """Returns the commit and the date, for the results."""
    command = ["git", "-C", str(RESULTS.parent), "rev-parse", "HEAD"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:  # no git
        commit = ""
    return {"commit": commit, "date": f"{datetime.date.today()}"}
