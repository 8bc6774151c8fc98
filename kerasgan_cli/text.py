"""Texts for one line of the terminal, and near names."""

import difflib
import importlib.util
import pathlib
from collections.abc import Sequence
from types import ModuleType

LONGEST_MESSAGE = 2000


def near(name: str, known: Sequence[str]) -> str:
    """Returns a question that names the known name that contains a name or is nearest to it; empty for none."""
    inside = [each for each in known if len(name.strip("-")) > 2 and name.strip("-") in each]
    found = inside or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean {' or '.join(found[:2])}?" if found else ""


def one_line(message: object) -> str:
    """Returns a message, which may hold names from files, as one printable line of bounded length."""
    lines = (line.strip() for line in str(message).split("\n"))
    line = printable(" ".join(line for line in lines if line))
    half = LONGEST_MESSAGE // 2
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:half]} ... {line[-half:]}"


def printable(text: str) -> str:
    """Calls `kerasgan.validation.printable`, from its file: the package itself may be what cannot be imported."""
    return module_of("validation", "printable.py").printable(text)


def module_of(*path: str) -> ModuleType:
    """Returns the module in a file of the package, without importing the package."""
    package = importlib.util.find_spec("kerasgan")
    file = pathlib.Path(package.submodule_search_locations[0], *path)
    spec = importlib.util.spec_from_file_location(f"kerasgan_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
