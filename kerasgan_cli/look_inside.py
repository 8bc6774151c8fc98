"""The arguments of the commands that look inside a finished run, and of `push`."""

import argparse
from typing import Any

from .values import positive, seed

IMAGES = "a picture, a folder of photos, a .npy or .npz file, or a data set such as mnist"
METHODS = ("first_layer", "activations", "samples")
FEATURES = ("classifier", "inception", "pixels")


def add_commands(commands: Any) -> None:
    """Adds the commands to the parser of all commands."""
    _add_invert(commands.add_parser("invert", help="find the samples of a finished run that are nearest to images"))
    _add_score(commands.add_parser("score", help="anomaly scores: how far images are from a finished run's samples"))
    _add_directions(commands.add_parser("directions", help="a picture of what the strongest directions change"))
    _add_walk(commands.add_parser("walk", help="an animation of a walk through the latents of a finished run"))
    _add_push(commands.add_parser("push", help="upload a finished run to a model hub, with a model card"))


def _add_invert(invert: argparse.ArgumentParser) -> None:
    _add_images(invert)
    invert.add_argument("--out", metavar="FOLDER", required=True, help="where pairs.png, latents.csv and .npz go")
    _add_search(invert)


def _add_score(score: argparse.ArgumentParser) -> None:
    _add_images(score)
    score.add_argument("--csv", metavar="FILE", default="scores.csv", help="the CSV to write (default: %(default)s)")
    score.add_argument(
        "--reference",
        metavar="IMAGES",
        help="held-out images of the data, which the scores are compared with (default: the run's own)",
    )
    score.add_argument(
        "--reference-n", type=positive, default=500, help="at most so many of them (default: %(default)s)"
    )
    _add_search(score)


def _add_images(command):
    command.add_argument("run", metavar="RUN", help="the run's folder, such as tensorboard_logs/00001-digits")
    command.add_argument("images", metavar="IMAGES", help=IMAGES)
    command.add_argument("--split", help="split of a data set (default: test where there is one, else train)")
    command.add_argument("--n", type=positive, help="only the first so many images (default: all)")


def _add_search(command):
    command.add_argument(
        "--features",
        choices=FEATURES,
        default="pixels",
        help="what is compared; the classifier is that of the run's data (default: %(default)s)",
    )
    command.add_argument(
        "--steps",
        type=seed,
        help="gradients that the search follows from the nearest samples (default: 50; for scores 0)",
    )
    command.add_argument(
        "--starts", type=positive, default=1, help="starts of the search for each image (default: %(default)s)"
    )
    command.add_argument("--seed", type=seed, default=0, help="of the starts (default: %(default)s)")


def _add_directions(directions: argparse.ArgumentParser) -> None:
    directions.add_argument("run", metavar="RUN", help="the run's folder")
    directions.add_argument(
        "--out", metavar="FILE", default="directions.png", help="the PNG to write (default: %(default)s)"
    )
    directions.add_argument("--n", type=positive, default=8, help="number of directions (default: %(default)s)")
    directions.add_argument(
        "--method", choices=METHODS, help="where they come from (default: the first that the generator allows)"
    )
    directions.add_argument(
        "--frames", type=_frames, default=9, help="samples along each direction (default: %(default)s)"
    )
    directions.add_argument(
        "--extent",
        type=_extent,
        default=3.0,
        help="how far to go, in standard deviations of the latents (default: %(default)s)",
    )
    directions.add_argument("--seed", type=seed, default=0, help="of the latents (default: %(default)s)")
    directions.add_argument("--label", type=int, help="the class, counted from 0 (default: 0)")


def _add_walk(walk: argparse.ArgumentParser) -> None:
    walk.add_argument("run", metavar="RUN", help="the run's folder")
    walk.add_argument(
        "--out", metavar="FILE", default="walk.gif", help="a .gif, or an .mp4 file (default: %(default)s)"
    )
    walk.add_argument("--seconds", type=positive, default=10, help="length (default: %(default)s)")
    walk.add_argument("--fps", type=positive, default=20, help="frames per second (default: %(default)s)")
    walk.add_argument("--points", type=positive, default=6, help="samples that it passes (default: %(default)s)")
    walk.add_argument(
        "--walks", type=positive, help="walks side by side (default: 16; for a run with labels one of each class)"
    )
    walk.add_argument("--direction", type=positive, metavar="K", help="swing along the K-th of `kerasgan directions`")
    walk.add_argument("--method", choices=METHODS, help="where the direction comes from, as for `directions`")
    walk.add_argument(
        "--extent",
        type=_extent,
        default=3.0,
        help="how far along the direction, in standard deviations of the latents (default: %(default)s)",
    )
    walk.add_argument("--seed", type=seed, default=0, help="another walk (default: %(default)s)")
    walk.add_argument("--label", type=int, help="only one class, counted from 0")


def _add_push(push: argparse.ArgumentParser) -> None:
    push.add_argument("run", metavar="RUN", help="the run's folder")
    push.add_argument("address", metavar="hf://USER/NAME", help="where it goes; then RUN of any other command")
    push.add_argument("--private", action="store_true", help="make a new repository private")


def _frames(text):
    number = positive(text)
    if number < 2:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 2. Received: {text!r}")
    return number


def _extent(text):
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0. Received: {text!r}")
    return number
