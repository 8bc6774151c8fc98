"""When training stops at the equilibrium, and when it must not."""

import logging

import numpy as np
import pytest
from callback_helpers import IMAGES, POINTS, fit, point_gan, scalars, steps

from kerasgan.callbacks import Equilibrium
from kerasgan.callbacks.equilibrium import nearest_neighbor_accuracy


def linear_generator(gan, shift=0.0, scale=1.0):
    """Makes a generator of one layer draw from N(shift, scale^2 I), exactly."""
    dimensions = gan.latent_dim
    gan.generator.set_weights([scale * np.eye(dimensions, dtype="float32"), np.full(dimensions, shift, "float32")])


def bell(n=1600, dimensions=1, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dimensions)).astype("float32")


def ring(n=1600):
    angle = np.random.default_rng(0).integers(0, 8, n) * np.pi / 4
    centers = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (centers + 0.02 * np.random.default_rng(1).normal(size=(n, 2))).astype("float32")


def test_bound_is_the_formula_in_history_and_tensorboard(tmp_path):
    gan, stopper = point_gan(d_rate=1e-2), Equilibrium(POINTS, tmp_path)
    first, second = fit(gan, POINTS, stopper).history, fit(gan, POINTS, stopper).history
    d_loss = np.array(first["d_loss"] + second["d_loss"])
    bound = np.array(first["js_bound"] + second["js_bound"])
    assert bound == pytest.approx((np.log(4) - d_loss) / 2, abs=1e-9) and np.ptp(bound) > 1e-4
    assert scalars(tmp_path / "equilibrium", "training_diagnostics/js_bound") == pytest.approx(bound, abs=1e-6)
    assert steps(tmp_path / "equilibrium", "training_diagnostics/js_bound") == [2, 4, 6, 8]


def test_stops_when_a_bell_is_learned():
    data = bell(6400) + 2
    gan = point_gan(1, d_hidden=(16, 16), d_rate=1e-2, g_rate=3e-3)
    stopper = Equilibrium(data)
    epochs_run = len(fit(gan, data, stopper, epochs=40, batch_size=64).epoch)
    assert 3 < epochs_run < 40 and stopper.equilibrium_epoch == epochs_run - 1
    generated = gan.generate(2000, seed=7)
    assert generated.mean() == pytest.approx(2.0, abs=0.45) and generated.std() == pytest.approx(1.0, abs=0.25)


def separated_then_matched(data, d_hidden, then, **settings):
    """The discriminator first learns to reject far samples; then the generator is set to `then`, and both go on."""
    gan = point_gan(data.shape[1], d_hidden, d_rate=2e-2, g_rate=0.0)
    stopper = Equilibrium(data, **settings)
    linear_generator(gan, shift=2.0)
    apart = fit(gan, data, stopper, epochs=3, batch_size=64).history["js_bound"]
    assert max(apart) > 0.2 and stopper.equilibrium_epoch is None
    linear_generator(gan, **then)
    return stopper, fit(gan, data, stopper, epochs=25, batch_size=64)


def test_stops_when_the_generator_is_exact_after_it_was_not():
    stopper, history = separated_then_matched(bell(), (16,), then={})
    assert stopper.equilibrium_epoch == history.epoch[-1] < 24


@pytest.mark.slow
def test_without_stop_it_only_sets_the_epoch():
    stopper, history = separated_then_matched(bell(), (16,), then={}, stop=False)
    assert stopper.equilibrium_epoch < 24 and len(history.epoch) == 25


def test_a_discriminator_that_is_too_weak_does_not_stop_it(caplog, tmp_path):
    """A linear discriminator separates the ring from a bell outside of it, but not from one in its middle."""
    with caplog.at_level(logging.WARNING):
        stopper, history = separated_then_matched(ring(), (), then={"scale": 0.7}, log_dir=tmp_path)
    assert np.max(np.abs(history.history["js_bound"][-5:])) < 0.02
    assert len(history.epoch) == 25 and stopper.equilibrium_epoch is None
    warnings = [record.getMessage() for record in caplog.records if "too weak" in record.getMessage()]
    accuracies = scalars(tmp_path / "equilibrium", "training_diagnostics/nearest_neighbor_accuracy")
    assert len(warnings) == 1 < len(accuracies) and min(accuracies) > 0.8


def untrained(shift):
    """A GAN whose discriminator has logit 0 for everything."""
    gan = point_gan(1, d_rate=0.0, g_rate=0.0)
    gan.discriminator.set_weights([np.zeros_like(weight) for weight in gan.discriminator.get_weights()])
    linear_generator(gan, shift=shift)
    return gan


def test_an_untrained_discriminator_does_not_stop_it(caplog):
    with caplog.at_level(logging.WARNING):
        history = fit(untrained(shift=5.0), bell(), Equilibrium(bell()), epochs=6)
    assert history.history["js_bound"] == pytest.approx([0.0] * 6, abs=1e-6)
    assert "too weak" in caplog.text


def test_it_needs_a_discriminator_that_could_tell_before(caplog):
    stopper = Equilibrium(bell())
    assert len(fit(untrained(shift=0.0), bell(), stopper, epochs=6).epoch) == 6
    assert stopper.equilibrium_epoch is None and "too weak" not in caplog.text


def test_refuses_an_objective_without_the_bound():
    gan = point_gan()
    before = gan.get_weights()

    class Other(type(gan.objective)):
        bounds_js = False

    gan.compile(objective=Other())
    with pytest.raises(ValueError, match=r"cross-entropy.*EarlyStopping"):
        fit(gan, POINTS, Equilibrium(POINTS))
    assert all(np.array_equal(*pair) for pair in zip(before, gan.get_weights(), strict=True))


def test_refuses_images_of_another_shape():
    with pytest.raises(ValueError, match=r"\(8, 8, 1\).*\(2,\)"):
        fit(point_gan(), POINTS, Equilibrium(IMAGES))


# The two-sample test


def test_accuracies_by_hand():
    assert nearest_neighbor_accuracy([[0.0], [1.0]], [[10.0], [11.0]]) == 1.0
    assert nearest_neighbor_accuracy([[0.0], [10.0]], [[1.0], [11.0]]) == 0.0
    assert nearest_neighbor_accuracy([[0.0], [1.0]], [[1.5], [9.0]]) == 0.5  # 1 and 1.5 are each other's nearest


def test_accuracy_is_chance_for_one_distribution_and_more_for_two():
    stopper = Equilibrium(bell(500, 2))
    assert stopper.max_accuracy() == pytest.approx(0.5 + 3 * np.sqrt(1 / 4000) + 0.02, abs=1e-12)
    same = [nearest_neighbor_accuracy(bell(500, 2, seed), bell(500, 2, seed + 100)) for seed in range(20)]
    assert max(same) < stopper.max_accuracy() and np.mean(same) == pytest.approx(0.5, abs=0.02)
    assert nearest_neighbor_accuracy(bell(500, 2), bell(500, 2, 1) + 1.5) > stopper.max_accuracy()


def test_copies_score_0_and_values_that_are_not_finite_1():
    assert nearest_neighbor_accuracy(POINTS, POINTS + 1e-6) == 0.0
    assert nearest_neighbor_accuracy(POINTS, np.full_like(POINTS, np.nan)) == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Equilibrium(POINTS[:20]), r"\(20, 2\)"),
        (lambda: Equilibrium(POINTS, tolerance=0.06), "tolerance=0.06"),
        (lambda: Equilibrium(POINTS, min_js_bound=0.7), "min_js_bound=0.7"),
        (lambda: Equilibrium(POINTS, patience=True), "patience=True"),
        (lambda: nearest_neighbor_accuracy(POINTS, POINTS[:9]), "equally many"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
