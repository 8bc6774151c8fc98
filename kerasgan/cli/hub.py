"""The command `push`, and runs on a hub in the other commands."""

import argparse
import functools
from collections.abc import Callable

from kerasgan.runs import hub
from kerasgan.validation.printable import printable, quoted


def push(options: argparse.Namespace) -> None:
    """Uploads a finished run, and prints how it is used."""
    url = hub.push(options.run, options.address, options.private)
    print(f"pushed       {printable(url)}")
    print(f"use it       kerasgan sample {quoted(options.address)}")


def with_local_run(command: Callable[[argparse.Namespace], None]) -> Callable[[argparse.Namespace], None]:
    """Returns a command whose `run` may be an address on a hub, which is downloaded first."""

    @functools.wraps(command)
    def run(options):
        if hub.is_address(getattr(options, "run", None)):
            options.run = hub.local(options.run)
        if hub.is_address(getattr(options, "from", None)):
            setattr(options, "from", hub.local(getattr(options, "from")))
        if hasattr(options, "runs"):
            options.runs = list(map(hub.local, options.runs))
        return command(options)

    return run
