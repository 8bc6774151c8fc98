"""Does it learn? A short run on the ring finds every mode, and a broken objective does not.

Each mutation is a mistake found in published code: the generator's sign flipped, the labels of real and generated
images swapped, the penalties dropped. On the ring a short run with falling rates succeeds without penalties, so that
the last one is tested where it decides everything, on the Dirac-GAN (Mescheder et al., 2018, arXiv:1801.04406).
"""

import dataclasses

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan import datasets, frozen_config, metrics
from kerasgan.objectives import Relativistic
from kerasgan.runs import recipes


@frozen_config
class FlippedGenerator(Relativistic):
    def g_loss(self, real_logits, fake_logits):
        return -super().g_loss(real_logits, fake_logits)


@frozen_config
class SwappedLabels(Relativistic):
    def d_loss(self, real_logits, fake_logits):
        return super().d_loss(fake_logits, real_logits)


def trained_on_the_ring(seed=0, objective=None):
    """Trains the ring's recipe for 2,925 steps, and returns the `ModeCoverage` of its samples."""
    recipe = dataclasses.replace(recipes.get("ring"), epochs=1, passes_per_epoch=15)
    keras.utils.set_random_seed(seed)
    dataset, info = datasets.load("ring", recipe.batch_size, seed=seed)
    gan = recipes.build(recipe, info, seed)
    if objective is not None:
        gan.compile(
            gan.d_optimizer,
            gan.g_optimizer,
            objective=objective,
            penalties=gan.penalties,
            updates=gan.updates,
            steps_per_execution=recipe.steps_per_execution,
        )
    gan.fit(dataset.repeat(recipe.passes_per_epoch), verbose=0)
    samples = gan.generate(2500, seed=0)
    return metrics.mode_coverage(samples, datasets.ring_centers(), datasets.RING_SIGMA)


def covers_the_ring(coverage):
    return coverage.modes == 8 and coverage.high_quality > 0.5 and coverage.reverse_kl < 0.05


def test_a_short_run_finds_the_whole_ring():
    coverage = trained_on_the_ring()
    assert covers_the_ring(coverage), coverage


@pytest.mark.slow
@pytest.mark.parametrize("objective", [FlippedGenerator(), SwappedLabels()], ids=str)
def test_a_broken_objective_does_not(objective):
    coverage = trained_on_the_ring(objective=objective)
    assert not covers_the_ring(coverage), coverage


def test_the_bell_is_learned():
    """The mean distance between quantiles of samples and data, in standard deviations of the data."""
    recipe = recipes.get("bell")
    dataset, info = datasets.load("bell", recipe.batch_size)
    gan = recipes.build(recipe, info, 0)
    quantiles = np.quantile(np.random.default_rng(1).normal(size=100_000), (np.arange(2000) + 0.5) / 2000)

    def distance():
        samples = np.sort(gan.generate(2000, seed=0).ravel())
        return np.abs((samples - datasets.BELL_MEAN) / datasets.BELL_SIGMA - quantiles).mean()

    assert distance() > 1
    gan.fit(dataset.repeat(recipe.passes_per_epoch), epochs=recipe.epochs, verbose=0)
    assert distance() < 0.15


class Point(keras.Model):
    """A generator that puts all its mass on one point, whatever the latents."""

    def __init__(self):
        super().__init__()
        self.theta = self.add_weight(shape=(1,), initializer="ones")

    def call(self, latents):
        return keras.ops.zeros((keras.ops.shape(latents)[0], 1)) + self.theta


def distance_from_equilibrium(penalties, steps=400):
    """Trains the Dirac-GAN: data at 0, the generator at theta = 1, D(x) = psi x, psi = 1. Returns |(theta, psi)|."""
    discriminator = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")]
    )
    gan = kerasgan.GAN(Point(), discriminator, latent_dim=1, seed=0)
    rates = (keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    gan.compile(*rates, objective="minimax", penalties=penalties, updates="simultaneous")
    gan.fit(np.zeros((steps, 1), "float32"), batch_size=1, verbose=0)
    return np.hypot(*(float(np.squeeze(weight)) for weight in gan.trainable_variables))


@pytest.mark.filterwarnings("ignore:The minimax game")
def test_training_circles_without_a_penalty_and_converges_with_it():
    assert distance_from_equilibrium(()) > np.sqrt(2)
    assert distance_from_equilibrium(kerasgan.penalties.R1(1.0)) < 0.01
