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

FULL_LENGTH = ("README.md", "docs/index.md")
"""Pages that train until there are digits. The ordinary suite runs the first of them, with short epochs."""

AFTER_A_RUN = ("docs/command_line.md",)
"""Pages whose blocks load the model of the first run of `kerasgan train`."""

ON_JAX = ("docs/extending.md", "docs/jax.md")
"""Pages that run with KERAS_BACKEND=jax, in a process of their own."""


def blocks(page):
    """Returns the Python blocks of a page, each after as many empty lines as stand before it on the page."""
    text = (ROOT / page).read_text()
    return ["\n" * text.count("\n", 0, block.start(1)) + block[1] for block in BLOCK.finditer(text)]


def pages():
    """Returns the pages that have Python blocks, as paths from the root of the repository."""
    paths = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    names = (path.relative_to(ROOT).as_posix() for path in paths)
    return [name for name in names if blocks(name)]


def run(page, monkeypatch, folder):
    """Runs the blocks of a page as a module of their own, in a folder."""
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    monkeypatch.setenv("KERASGAN_CACHE", str(folder / "cache"))
    monkeypatch.chdir(folder)
    for source in blocks(page):
        exec(compile(source, str(ROOT / page), "exec"), vars(module))


def save_a_model(path):
    path.parent.mkdir(parents=True)
    gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8), latent_dim=4)
    gan.compile()
    gan.save(path)


@pytest.mark.parametrize("page", [page for page in pages() if page not in ("docs/index.md", "docs/jax.md")])
def test_blocks_run(page, tmp_path, monkeypatch):
    if page in FULL_LENGTH:
        monkeypatch.setattr(kerasgan.datasets.Batches, "repeat", lambda batches, times: batches)
    if page in AFTER_A_RUN:
        save_a_model(tmp_path / "tensorboard_logs" / "00001-digits" / "gan.keras")
    run(page, monkeypatch, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", FULL_LENGTH)
def test_blocks_run_at_full_length(page, tmp_path, monkeypatch):
    run(page, monkeypatch, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", ON_JAX)
def test_blocks_run_on_jax(page, tmp_path):
    pytest.importorskip("jax")
    environment = os.environ | {"KERAS_BACKEND": "jax", "KERASGAN_CACHE": str(tmp_path / "cache")}
    script = tmp_path / "page.py"
    script.write_text("\n".join(blocks(page)))
    done = subprocess.run([sys.executable, script.name], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
