"""JAX as the engine: a training step is TensorFlow's, and a process that trains on JAX needs no TensorFlow.

Keras takes its backend once for each process. The tests that need JAX are in `on_jax.py` and `shapes_on_jax.py`, which
a pytest of its own runs from here, with four virtual devices; the cases that it has trained are compared here.
"""

import importlib.util
import os
import pathlib
import subprocess
import sys

import engine_cases
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax: pip install .[jax]")
HERE = pathlib.Path(__file__).resolve().parent
# XLA is to compile quickly, not well.
FLAGS = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"
ENGINE_INDEPENDENT = ("test_batches.py", "test_conditions.py", "test_epochs_of_fit.py")
"""Files of `tests/datasets` that hold on either engine."""
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


def environment(**variables):
    paths = [HERE.parents[1], HERE.parent, HERE]
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "KERAS_BACKEND": "jax"} | variables


def run_on_jax(folder, marked):
    """Runs those tests of JAX that are marked so. Returns the folder of the cases they trained, and the result."""
    engine_cases.save(folder / "from_tensorflow.keras")
    files = [
        HERE / "on_jax.py",
        HERE / "shapes_on_jax.py",
        *(HERE.parent / "datasets" / name for name in ENGINE_INDEPENDENT),
    ]
    arguments = [*files, "-n", "0", "-q", "--tb=short", "-m", marked, "-p", "no:cacheprovider"]
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, arguments)],
        env=environment(XLA_FLAGS=FLAGS, ENGINE_CASES=str(folder)),
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
    )
    return folder, result


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory):
    return run_on_jax(tmp_path_factory.mktemp("jax"), "not slow")


@pytest.fixture(scope="module")
def slow_on_jax(tmp_path_factory):
    return run_on_jax(tmp_path_factory.mktemp("jax"), "slow")


def check_passed(result):
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]


def compare(folder, name):
    with engine_cases.same_random_numbers():
        expected = engine_cases.trained(name)
    found = np.load(folder / f"{name}.npz")
    assert set(found.files) == set(expected)
    for key in found.files:
        np.testing.assert_allclose(found[key], expected[key], atol=1e-5, err_msg=f"{name}: {key}")


def test_the_tests_of_jax_pass(on_jax):
    check_passed(on_jax[1])


@pytest.mark.slow
def test_the_slow_tests_of_jax_pass(slow_on_jax):
    check_passed(slow_on_jax[1])


@pytest.mark.parametrize("name", engine_cases.ORDINARY)
def test_a_step_is_the_same_on_both_engines(name, on_jax):
    compare(on_jax[0], name)


@pytest.mark.slow
@pytest.mark.parametrize("name", engine_cases.OTHERS)
def test_all_other_steps_too(name, slow_on_jax):
    compare(slow_on_jax[0], name)


def test_a_gan_from_jax_goes_on_with_tensorflow_and_is_exported(on_jax, tmp_path):
    gan = engine_cases.check_loaded(on_jax[0] / "to_tensorflow.keras")
    gan.export(tmp_path / "saved_model")
    assert (tmp_path / "saved_model" / "saved_model.pb").is_file()


DATA_OF_TENSORFLOW = """
import engine_cases, numpy as np, tensorflow as tf

images = np.random.default_rng(0).uniform(-1, 1, (20, 8, 8, 1)).astype("float32")
of_arrays, of_dataset = (engine_cases.make_case("alternating; r1") for _ in range(2))
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
    command = [sys.executable, "-c", DATA_OF_TENSORFLOW]
    result = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]


SAVED_MODEL = """
import sys
import kerasgan

gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8), latent_dim=4)
card = gan.export(sys.argv[1])
assert card["endpoints"] == ["serving_default", "discriminate"], card
assert len(card["check"]["differences"]) == 2 and card["check"]["largest_difference"] <= 1e-5, card
"""


def test_a_saved_model_is_written_where_tensorflow_is_installed(tmp_path):
    command = [sys.executable, "-c", SAVED_MODEL, str(tmp_path / "saved_model")]
    result = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]


SAVED_TRANSLATOR = """
import sys
import numpy as np
import tensorflow as tf
import kerasgan

gray = kerasgan.conditions.Image((16, 16, 1))
gan = kerasgan.GAN(*kerasgan.networks.pix2pix((16, 16, 3), condition=gray, width=2), latent_dim=0, condition=gray)
card = gan.export(sys.argv[1], what="generator")
assert card["sizes"]["free"] and card["check"]["sizes"] == [[16, 16], [20, 24]], card
images = np.random.default_rng(0).uniform(-1, 1, (2, 24, 40, 1)).astype("float32")
translated = tf.saved_model.load(sys.argv[1]).signatures["translate"](images=tf.constant(images))["translated"]
assert np.abs(translated.numpy() - gan.translate(images)).max() <= 1e-5
card = gan.export(sys.argv[1] + ".onnx")
assert not card["sizes"]["free"] and card["inputs"][0]["shape"] == ["batch", 16, 16, 1], card
"""


@pytest.mark.slow
def test_a_saved_model_leaves_sizes_free_and_onnx_has_that_of_training(tmp_path):
    command = [sys.executable, "-c", SAVED_TRANSLATOR, str(tmp_path / "saved_model")]
    result = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]


def test_other_backends_are_refused_with_the_way_out():
    command = [sys.executable, "-c", "import kerasgan"]
    result = subprocess.run(command, env=environment(KERAS_BACKEND="numpy"), capture_output=True, text=True)
    assert "Received: the Keras backend 'numpy'. Set KERAS_BACKEND=jax" in result.stderr
