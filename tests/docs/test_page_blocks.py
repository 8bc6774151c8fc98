"""Every Python block of the README and of the documentation runs, page by page, in the order of the page."""

import os
import pathlib
import re
import subprocess
import sys
import types

import pytest

import kerasgan

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)

ON_JAX = ("docs/jax.md", "docs/extending.md")
"""Pages that run with KERAS_BACKEND=jax, in a process of their own."""

SLOW = ()
"""Pages that take longer than some five seconds."""


def blocks(page):
    """Returns the Python blocks of a page, each after as many empty lines as stand before it on the page."""
    text = (ROOT / page).read_text()
    return ["\n" * text.count("\n", 0, block.start(1)) + block[1] for block in BLOCK.finditer(text)]


def pages():
    """Returns the pages that have Python blocks, as paths from the root of the repository."""
    paths = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    names = (path.relative_to(ROOT).as_posix() for path in paths)
    return [name for name in names if blocks(name)]


def marked(names):
    return [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [], id=name) for name in names]


def run(page, monkeypatch, folder):
    """Runs the blocks of a page as a module of their own, in a folder."""
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    monkeypatch.setenv("KERASGAN_CACHE", str(folder / "cache"))
    monkeypatch.chdir(folder)
    for source in blocks(page):
        exec(compile(source, str(ROOT / page), "exec"), vars(module))


def test_lists_name_pages():
    assert {*ON_JAX, *SLOW} <= set(pages())


@pytest.mark.parametrize("page", marked(name for name in pages() if name != "docs/jax.md"))
def test_blocks_run(page, tmp_path, monkeypatch):
    """Epochs are one pass through the data, where the page has twenty."""
    monkeypatch.setattr(kerasgan.datasets.Batches, "repeat", lambda batches, times: batches)
    run(page, monkeypatch, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_blocks_run_at_full_length(page, tmp_path, monkeypatch):
    run(page, monkeypatch, tmp_path)


@pytest.mark.parametrize("page", marked(ON_JAX))
def test_blocks_run_on_jax(page, tmp_path):
    pytest.importorskip("jax")
    environment = os.environ | {"KERAS_BACKEND": "jax", "KERASGAN_CACHE": str(tmp_path / "cache")}
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks(page)))
    done = subprocess.run([sys.executable, script.name], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
