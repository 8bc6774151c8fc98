"""Types of arguments for `argparse`."""

import argparse


def seed(text: str) -> int:
    """Returns a seed, a whole number in [0, 2**31)."""
    if not (text.isascii() and text.isdigit() and int(text) < 2**31):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0, below 2**31. Received: {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Returns a whole number of at least 1."""
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1. Received: {text!r}")
    return number


def image_size(text: str) -> int | list[int]:
    """Returns an image size: a whole number of at least 1, or [height, width] for a text such as 48x96."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and int(side) for side in sides):
        raise argparse.ArgumentTypeError(
            f"must be a whole number of at least 1, or two: 48x96 for height and width. Received: {text!r}"
        )
    return int(sides[0]) if len(sides) == 1 else list(map(int, sides))


class Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser, namespace, values, option_string=None):
        import importlib.metadata

        try:
            print(importlib.metadata.version("kerasgan"))
        except importlib.metadata.PackageNotFoundError:
            print("unknown: a checkout that is not installed")
        parser.exit()
