"""Each example is one story in one short file, runs, and leaves what it promises."""

import ast
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers import needs_shared, shared_folder
from PIL import Image

EXAMPLES = sorted(pathlib.Path(__file__).parents[2].joinpath("examples").glob("*.py"))
LONGEST = 80


def example(name):
    """Imports an example by its path, as no package holds it."""
    path = next(path for path in EXAMPLES if path.stem == name)
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def left(folder):
    """Returns what a run has left, as paths relative to its folder, without event files and the inside of exports."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {path for path in paths if "events.out" not in path and not re.search(r"saved_model/(?!kerasgan)", path)}


def says(capsys, pattern):
    return re.search(pattern, " ".join(capsys.readouterr().out.split()))


def colors(path):
    return len(np.unique(np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3), axis=0))


# -- what a reader meets first --


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_is_a_short_file_that_says_what_it_is(path):
    text = path.read_text()
    tree = ast.parse(text)
    docstring = ast.get_docstring(tree)
    assert len(text.splitlines()) <= LONGEST
    assert re.match(r"[A-Z].*[.?:!]\n\nYou learn: ", docstring)
    assert f"\nRun:      python examples/{path.name} [FOLDER" in docstring
    assert re.search(r"\nTakes:    (about )?\d+ seconds on two CPU cores", docstring)
    assert re.search(rf"\nWrites:   .*into FOLDER \(tensorboard_logs/example-{path.stem}\)", docstring)
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    assert main.args.args[0].arg == "folder" and len(main.args.defaults) == len(main.args.args)
    assert ast.unparse(tree.body[-1]).startswith("if __name__ == '__main__':")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_imports_only_what_a_user_can(path):
    """Public names of kerasgan: no private ones, no engine, no other example the examples."""
    imported = [
        f"{node.module}.{name.name}" if isinstance(node, ast.ImportFrom) else name.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    ]
    assert "kerasgan" in imported
    assert not [name for name in imported if re.search(r"\._|backend|kerasgan\.runs\.training", name)]
    assert not {path.stem for path in EXAMPLES} & {name.split(".")[0] for name in imported}


# -- short runs --


@pytest.mark.slow
def test_bell(tmp_path, capsys):
    to_best, to_half = example("bell").main(tmp_path / "new", epochs=10)
    assert to_best < 0.3 and to_half < 0.2
    assert left(tmp_path) == {"new/bell.png"} and colors(tmp_path / "new" / "bell.png") > 20
    assert says(capsys, r"within 0\.\d+ of D\*.*within 0\.\d+ of 1/2")


@pytest.mark.slow
def test_classes(tmp_path, capsys):
    obeyed, varied = example("classes").main(tmp_path)
    assert obeyed > 0.9 and 0.6 < varied < 1.2
    assert {"classes.png", "sevens.png"} < left(tmp_path) and colors(tmp_path / "classes.png") > 20
    assert says(capsys, r"finds \d+ % of the generated ones to be the digit that was asked for")


@pytest.mark.slow
def test_color(tmp_path, capsys):
    error, of_gray = example("color").main(tmp_path, epochs=2, count=400, width=8)
    assert error < 2 * of_gray and {"colors.png", "gan.keras"} < left(tmp_path)
    assert says(capsys, r"a colored pixel is \d+\.\d levels of 255 from the truth")


@pytest.mark.slow
def test_domains(tmp_path, capsys):
    """A translation is much nearer to the truth than its input is, both ways."""
    errors, untouched = example("domains").main(tmp_path, epochs=3)
    assert max(errors) < 0.5 * untouched and {"domains.png", "gan.keras"} < left(tmp_path)
    assert says(capsys, r"levels of 255 from the truth in b, \d+ in a")


@pytest.mark.slow
def test_sketch(tmp_path, capsys):
    error, of_sketch = example("sketch").main(tmp_path, epochs=2, count=600)
    assert error < 0.7 * of_sketch and {"sketches.png", "mine.png"} < left(tmp_path)
    assert says(capsys, r"a pixel is \d+\.\d levels of 255 from the truth")


@pytest.mark.slow
def test_digits(tmp_path, capsys):
    gan = example("digits").main(tmp_path, epochs=2, passes_per_epoch=1)
    steps = int(gan.g_optimizer.iterations)
    grids = {f"images/samples-{number:08d}.png" for number in (steps // 2, steps)}
    assert left(tmp_path) == grids | {"images/real.png", "samples.png", "gan.keras", "saved_model/kerasgan.json"}
    assert list(tmp_path.glob("train/events*")) and says(capsys, r"probability 0\.\d+")


@pytest.mark.slow
@needs_shared
def test_mnist(tmp_path):
    """In a process of its own: TensorFlow Datasets reads TFDS_DATA_DIR when it is imported."""
    script = f"import sys; sys.path.insert(0, {str(EXAMPLES[0].parent)!r}); import mnist\n"
    script += f"mnist.main({str(tmp_path)!r}, split='train[:1%]', epochs=1, width=4)"
    environment = os.environ | {"TFDS_DATA_DIR": str(shared_folder() / "datasets" / "tensorflow_datasets")}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert re.search(r"600 training images above a test image with a probability of 0\.\d+", run.stdout)
    assert {"images/real.png"} < left(tmp_path) and list(tmp_path.glob("validation/events*"))


@pytest.mark.slow
def test_photos_drawn_for_the_run(tmp_path, capsys):
    with pytest.warns(UserWarning, match=r"broken\.jpg"):
        info = example("photos").main(tmp_path, epochs=1, image_size=16, count=64)
    assert info.num_images == 64 and info.image_shape == (16, 16, 3) and info.skipped == ("broken.jpg",)
    assert says(capsys, r"left out: broken\.jpg.*differ from each other \d+%")
    walk, samples = "latent_walk/latent_walk-00000002.png", "images/samples-00000002.png"
    assert left(tmp_path) == {"gan.keras", "images/real.png", samples, walk}


@pytest.mark.slow
def test_photos_of_ones_own(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(32):
        Image.new("RGB", (40 + number, 50), (number * 8, 0, 0)).save(photos / f"{number}.png")
    info = example("photos").main(tmp_path / "run", photos, epochs=1, image_size=16)
    assert info.num_images == 32 and info.name == "photos"


@pytest.mark.slow
def test_ring(tmp_path, capsys):
    module = example("ring")
    found = module.main(tmp_path, epochs=4)
    assert len(found) == 4 and left(tmp_path) == {"ring.png"} and list(tmp_path.glob("equilibrium/events*"))
    assert says(capsys, r"Modes found of 8.* at 200;.* at 800\.")


def test_ring_counts_modes():
    """The data itself has 8 modes and 1 - exp(-9/2) = 98.9 % within 3 sigma; a far point is no good one."""
    module = example("ring")
    normal = np.random.default_rng(0).normal(size=(8, 2000, 2))
    exact = module.ring_centers()[:, None] + module.RING_SIGMA * normal
    modes, good = module.modes_and_quality(exact.reshape(-1, 2))
    assert modes == 8 and good == pytest.approx(1 - np.exp(-4.5), abs=0.005)
    assert module.modes_and_quality(exact[:3].reshape(-1, 2))[0] == 3
    assert module.modes_and_quality(np.zeros((100, 2))) == (0, 0.0)


@pytest.mark.slow
def test_same_error(tmp_path, capsys):
    module = example("same_error")
    triples, share = module.main(tmp_path, moments=2, steps=10)
    originals, shifted, damaged = triples
    errors = [np.mean((each - originals) ** 2, axis=(1, 2, 3)) for each in (shifted, damaged)]
    assert errors[0] == pytest.approx(errors[1], rel=0.01) and errors[0].min() > 0.01
    assert np.array_equal(shifted[:, :, 1:], originals[:, :, :-1])  # nothing is lost at the border
    assert np.all(damaged <= originals + 1e-6) and damaged.min() >= -1.0
    assert 0.0 <= share <= 1.0 and left(tmp_path) == {"same_error.png"} and says(capsys, r"\d+% more real")


@pytest.mark.slow
def test_serve(tmp_path, capsys):
    of_images, of_logits = example("serve").main(tmp_path, epochs=1, passes_per_epoch=1)
    assert of_images < 1e-5 and of_logits < 1e-4
    assert left(tmp_path) == {"saved_model/kerasgan.json", "served.npz"}
    assert says(capsys, r"TensorFlow alone generated \(16, 8, 8, 1\) images")
