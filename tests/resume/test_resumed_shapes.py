"""Signals and volumes with labels: a training that was cut off ends as one that was not, and the guard rolls back."""

import keras
import numpy as np
import pytest
from power_cut import PowerCut

import kerasgan
from kerasgan import callbacks, datasets
from kerasgan.callbacks import Checkpoint
from kerasgan.resume import model_state

LABELS = np.arange(24) % 3
SHAPES = {"signals": (64, 2), "volumes": (8, 8, 8, 1)}
KINDS = ["signals", pytest.param("volumes", marks=pytest.mark.slow)]


def gan_of(kind, seed=0):
    keras.utils.set_random_seed(seed)
    networks = kerasgan.networks.dcgan(SHAPES[kind], latent_dim=4, width=2, depth=1, num_classes=3)
    gan = kerasgan.GAN(*networks, latent_dim=4, num_classes=3, ema=kerasgan.ema.EMA(50), seed=seed)
    gan.compile(updates="one_stage", penalties=("r1", "r2"))
    return gan


def batches_of(kind, skip_batches=0):
    values = np.random.default_rng(0).uniform(-1, 1, (24, *SHAPES[kind]))
    load = {"signals": datasets.load_signals, "volumes": datasets.load_volumes}[kind]
    return load((values, LABELS), 6, labels=True, seed=1, skip_batches=skip_batches)[0]


def fit(folder, kind, seed=0, cut_after=None):
    """Trains for two epochs of four batches, or to the power cut; a run in the folder goes on."""
    gan, checkpoint = gan_of(kind, seed), Checkpoint(folder, every_steps=1, resume=True)
    batches = batches_of(kind, checkpoint.skip_batches())
    cut = [] if cut_after is None else [PowerCut(cut_after)]
    listed = [*cut, callbacks.Guard(every_steps=2), checkpoint]
    if cut_after is None:
        gan.fit(batches, epochs=2, callbacks=listed, verbose=0)
        return gan
    with pytest.raises(RuntimeError, match="power cut"):
        gan.fit(batches, epochs=2, callbacks=listed, verbose=0)
    return gan


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_was_cut_off_ends_as_one_that_was_not(tmp_path, kind):
    whole = fit(tmp_path / "whole", kind)
    fit(tmp_path / "cut", kind, cut_after=6)  # in the second epoch
    resumed = fit(tmp_path / "cut", kind, seed=99)
    expected, found = model_state.arrays(whole), model_state.arrays(resumed)
    assert expected.keys() == found.keys() and int(resumed.g_optimizer.iterations) == 8
    for name in expected:
        if not name.startswith("metrics/"):
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    np.testing.assert_array_equal(whole.generate(3, seed=0), resumed.generate(3, seed=0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_guard_rolls_back(tmp_path, kind):
    class BreakWeights(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                weight = self.model.generator.trainable_weights[0]
                weight.assign(np.full(weight.shape, np.nan))

    gan, checkpoint = gan_of(kind), Checkpoint(tmp_path, every_steps=1)
    guard = callbacks.Guard("rollback", checkpoint, log_dir=tmp_path, every_steps=1)
    gan.fit(batches_of(kind), callbacks=[BreakWeights(), guard, checkpoint], verbose=0)
    assert guard.num_rollbacks == 1 and "not finite" in (tmp_path / "guard.log").read_text()
    assert all(np.isfinite(weight).all() for weight in gan.get_weights())
