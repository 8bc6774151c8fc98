"""The commands that look inside a finished run: `invert`, `score`, `directions`, `walk`."""

import argparse
import pathlib

from kerasgan import files
from kerasgan.runs import look_inside
from kerasgan.validation.printable import printable

SEARCH = ("steps", "starts", "seed")
"""Options of the command line that are fields of `kerasgan.sampling.Search`."""


def invert(options: argparse.Namespace) -> None:
    """Writes the latents whose samples are nearest to images, and pictures of the pairs."""
    out = files.output(options.out, folder=True)
    found = look_inside.invert(
        options.run, options.images, out, options.split, options.n, options.features, **_search(options)
    )
    print(
        f"{len(found.distances)} images: root mean square difference {found.distances.mean():.3g} on {_unit(options)}"
    )
    for name in look_inside.INVERSION_FILES:
        print(f"  {printable(pathlib.Path(options.out) / name)}")


def score(options: argparse.Namespace) -> None:
    """Writes the anomaly scores of images, the most anomalous first."""
    file = files.output(options.csv)
    reference = look_inside.Reference(options.reference, options.reference_n)
    found = look_inside.score(
        options.run, options.images, file, reference, options.split, options.n, options.features, **_search(options)
    )
    below = int((found.p_values <= 0.05).sum())
    print(
        f"{len(found.scores)} images, {below} of them with p at most 0.05: at most 5 of 100 held-out images are as far "
        f"from the samples ({len(found.reference_scores)} were compared)"
    )
    print(f"  {printable(options.csv)}")


def directions(options: argparse.Namespace) -> None:
    """Writes a picture of samples along the strongest directions, one in each row."""
    out = files.output(options.out)
    found = look_inside.directions(
        options.run, out, options.n, options.method, options.frames, options.extent, options.seed, options.label
    )
    print(
        f"{len(found.names)} directions ({found.method.replace('_', ' ')}), one in each row: {printable(options.out)}"
    )


def walk(options: argparse.Namespace) -> None:
    """Writes an animation of a walk through the latents."""
    out = files.output(options.out)
    plan = look_inside.Walk(
        frames=options.seconds * options.fps,
        fps=options.fps,
        points=options.points,
        walks=options.walks,
        direction=options.direction,
        method=options.method,
        extent=options.extent,
        seed=options.seed,
        label=options.label,
    )
    frames = look_inside.walk(options.run, out, plan)
    print(f"{frames} frames: {printable(options.out)}")


def _search(options):
    return {name: getattr(options, name) for name in SEARCH if getattr(options, name) is not None}


def _unit(options):
    return "pixels in [-1, 1]" if options.features == "pixels" else f"features ({options.features})"
