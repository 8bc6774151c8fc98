"""Every example in a docstring runs: interactive sessions give what they show, blocks of code end without an error."""

import doctest
import importlib
import inspect
import pathlib
import pkgutil
import re

import pytest

import kerasgan

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules():
    names = (each.name for each in pkgutil.walk_packages(kerasgan.__path__, "kerasgan."))
    skipped = ("kerasgan.__main__", "kerasgan.backend.jax")
    return ["kerasgan", *(name for name in names if not name.startswith(skipped))]


def blocks(test):
    """Returns the blocks of Python code in a docstring."""
    return BLOCK.findall(inspect.cleandoc(test.docstring or ""))


def examples():
    """Returns every docstring that has an example, by the full name of what it documents."""
    finder, found = doctest.DocTestFinder(exclude_empty=False), {}
    for name in modules():
        for test in finder.find(importlib.import_module(name), name):
            if test.examples or blocks(test):
                found[test.name] = test
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    test = EXAMPLES[name]
    for block in blocks(test):
        exec(compile(block, name, "exec"), {"__name__": "example"})
    failures = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=failures.append)
    assert not failures, "".join(failures)


def test_the_model_and_the_loader_have_examples():
    assert {"kerasgan.gan.GAN", "kerasgan.datasets.batches.Batches"} <= set(EXAMPLES)
    assert all(pathlib.Path(test.filename).is_file() for test in EXAMPLES.values())
