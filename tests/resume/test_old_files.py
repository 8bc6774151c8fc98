"""Files written before the package moved into its present layout (version 0.1.0) still load.

`conditional.keras` and `points.keras` are small models, `conditional_samples.npy` is what the first of them generated
then, and `00001-digits` is a finished run of one epoch, without its pictures and logs. The `.keras` files were
compressed anew, to be smaller.
"""

import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

import kerasgan_cli
from kerasgan import augment, penalties, updates
from kerasgan.resume import checkpoint_files
from kerasgan.runs import run_folder

written_by_keras_3_15 = pytest.mark.skipif(
    keras.version() < "3.15", reason="Keras 3.14 does not load initializers that Keras 3.15 has saved"
)
OLD = pathlib.Path(__file__).parents[1] / "data" / "before_the_move"


@pytest.fixture
def run(tmp_path):
    return shutil.copytree(OLD / "00001-digits", tmp_path / "00001-digits")


def test_an_old_model_generates_the_same_samples_and_trains_on():
    gan = keras.models.load_model(OLD / "conditional.keras")
    samples = gan.generate(4, seed=0, labels=[0, 1, 2, 0])
    np.testing.assert_allclose(samples, np.load(OLD / "conditional_samples.npy"), atol=1e-6)
    assert gan.updates == updates.OneStage() and gan.penalties == (penalties.R1(0.5, every=2), penalties.R2(0.5))
    assert gan.augment == augment.Adaptive(adjust_images=1000.0) and gan.d_optimizer.iterations == 4
    images = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")
    history = gan.fit(images, np.arange(16, dtype="int32") % 3, batch_size=8, verbose=0)
    assert gan.d_optimizer.iterations == 6 and np.isfinite(history.history["d_loss"]).all()


@written_by_keras_3_15
def test_an_old_model_of_points_compiles_as_it_was():
    gan = keras.models.load_model(OLD / "points.keras")
    assert gan.updates == updates.Alternating(2) and gan.penalties == (penalties.GradientPenalty(10.0),)
    assert gan.generate(3, seed=0).shape == (3, 2)


@written_by_keras_3_15
def test_an_old_run_is_sampled_and_evaluated(run, tmp_path, capsys):
    assert kerasgan_cli.main(["sample", str(run), "--n", "4", "--out", str(tmp_path / "samples.png")]) == 0
    figures = tmp_path / "figures.json"
    command = ["evaluate", str(run), "--n", "100", "--features", "pixels", "--json", str(figures)]
    assert kerasgan_cli.main(command) == 0
    assert json.loads(figures.read_text())["dataset"] == "digits"


def test_an_old_run_is_resumed(run, capsys):
    """The finished run as an unfinished one of two epochs: it goes on after the first."""
    settings = run_folder.read_settings(run)
    settings["recipe"]["epochs"] = 2
    run_folder.write_settings(run, settings)
    (run / run_folder.MODEL).unlink()
    with pytest.warns(UserWarning, match="other versions of .*kerasgan"):
        assert kerasgan_cli.main(["train", "--resume", str(run)]) == 0
    printed = capsys.readouterr().out
    assert "Epoch 2/2" in printed and "Epoch 1/2" not in printed
    assert [checkpoint_files.step_of(path) for path in checkpoint_files.files(run / run_folder.CHECKPOINTS)] == [14, 7]
    assert run_folder.is_finished(run) and (run / run_folder.MODEL).exists()
