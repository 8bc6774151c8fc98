"""JAX as the engine: one step is TensorFlow's, and a process that trains there needs no TensorFlow.

Keras takes its backend once for each process. What is particular to JAX therefore stands in `tests/on_jax.py`, which is
run here by a pytest of its own, with four virtual devices; the games that it has played are compared here.
"""

import ast
import importlib.util
import os
import pathlib
import subprocess
import sys

import engine_cases
import keras
import numpy as np
import pytest

from kerasgan import backend

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax: pip install .[jax]")
HERE = pathlib.Path(__file__).resolve().parent
# XLA is to compile quickly, not well.
FLAGS = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"
WITHOUT_TENSORFLOW = """
import sys
import pytest

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorflow":
            raise ModuleNotFoundError("No module named 'tensorflow'")

sys.meta_path.insert(0, Absent())
sys.exit(pytest.main(sys.argv[1:]))
"""


def on_jax(folder, marked):
    """Runs the tests of JAX that are marked so, and leaves their files in a folder."""
    environment = {"KERAS_BACKEND": "jax", "XLA_FLAGS": FLAGS, "PYTHONPATH": f"{HERE.parent}:{HERE}"}
    files = {
        "--games": folder,
        "--from-tensorflow": folder / "tensorflow.keras",
        "--to-tensorflow": folder / "to.keras",
    }
    engine_cases.save(str(files["--from-tensorflow"]))
    arguments = [HERE / "on_jax.py", "-q", "-x", "-m", marked, "-p", "no:cacheprovider"]
    arguments += [f"{name}={path}" for name, path in files.items()]
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, arguments)],
        env=os.environ | environment,
        cwd=HERE.parent,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return on_jax(tmp_path_factory.mktemp("jax"), "not slow")


def compare(folder, name):
    with engine_cases.same_draws():
        expected = engine_cases.played(name)
    found = np.load(folder / f"{name}.npz")
    assert set(found.files) == set(expected)
    for key in found.files:
        np.testing.assert_allclose(found[key], expected[key], atol=1e-5, err_msg=f"{name}: {key}")


@pytest.mark.parametrize("name", engine_cases.FIRST)
def test_a_step_is_the_same_on_both_engines(name, played):
    compare(played, name)


def test_a_game_from_jax_goes_on_with_tensorflow_and_is_exported(played, tmp_path):
    gan, expected = keras.models.load_model(played / "to.keras"), np.load(played / "to.keras.npz")
    for number, variable in enumerate([*gan.weights, *gan.d_optimizer.variables, *gan.g_optimizer.variables]):
        np.testing.assert_allclose(np.asarray(variable), expected[str(number)], atol=1e-6, err_msg=variable.path)
    gan.fit(engine_cases.IMAGES, batch_size=4, verbose=0)
    assert int(gan.g_optimizer.iterations) == 4
    gan.export(tmp_path / "saved_model")
    assert (tmp_path / "saved_model" / "saved_model.pb").is_file()


@pytest.mark.slow
def test_all_other_games_too(tmp_path):
    on_jax(tmp_path, "slow")
    others = [name for name in engine_cases.games() if name not in engine_cases.FIRST]
    for name in others:
        compare(tmp_path, name)


DATA_OF_TENSORFLOW = """
import numpy as np, tensorflow as tf, engines

images = np.random.default_rng(0).uniform(-1, 1, (20, 8, 8, 1)).astype("float32")
of_arrays, of_dataset = (engine_cases.game_of("alternating; r1") for _ in range(2))
expected = of_arrays.fit(images, batch_size=4, shuffle=False, verbose=0).history
found = of_dataset.fit(tf.data.Dataset.from_tensor_slices(images).batch(4), verbose=0).history
assert found == expected, (found, expected)
images[10] = np.nan
try:
    of_dataset.fit(tf.data.Dataset.from_tensor_slices(images).batch(4), verbose=0)
except ValueError as error:
    assert "Images must be finite" in str(error)
else:
    raise SystemExit("not refused")
"""


@pytest.mark.slow
def test_datasets_of_tensorflow_are_taken_where_it_is_installed():
    environment = {"KERAS_BACKEND": "jax", "PYTHONPATH": f"{HERE.parent}:{HERE}"}
    command = [sys.executable, "-c", DATA_OF_TENSORFLOW]
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]


def test_other_backends_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match="Received: the Keras backend 'torch'"):
        backend._chosen("torch")
    assert backend.engine is backend._chosen("tensorflow")


def test_both_engines_have_the_same_public_names():
    jax, tensorflow = (
        public_names(HERE.parent / "kerasgan" / "backend" / f"{name}.py") for name in ("jax", "tensorflow")
    )
    assert tensorflow - jax == {"add_endpoints"}  # of the SavedModel, which JAX refuses by NO_EXPORT
    assert jax - tensorflow == set()


def public_names(path):
    """What a module defines, or passes on by `import x as x`."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        names |= {getattr(node, "name", "_")}
        names |= {target.id for target in getattr(node, "targets", ())}
        if isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names if alias.asname == alias.name}
    return {name for name in names if not name.startswith("_")}
