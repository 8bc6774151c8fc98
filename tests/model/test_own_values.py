"""A user's own update rule, objective and penalties: compiled, trained, saved and loaded (on JAX: tests/backend)."""

import keras
import numpy as np
import own_values
import pytest

import kerasgan
from kerasgan import backend


def test_they_train_and_are_saved_and_loaded(images, tmp_path):
    own_values.check_saved_and_loaded(own_values.make_gan(), images, tmp_path / "gan.keras")


def test_they_are_compared_by_their_fields():
    assert own_values.Quadratic(2.0) == own_values.Quadratic(target=2.0) != own_values.Quadratic()
    with pytest.raises(AttributeError):
        own_values.Quadratic().target = 3.0


def test_a_rule_of_two_generator_steps_is_what_its_methods_do(make_gan, images):
    """The logs are of the first discriminator step and of the last generator step."""
    gan = make_gan(updates=own_values.TwoGeneratorSteps(), d_optimizer="sgd", g_optimizer="sgd")
    other = make_gan(d_optimizer="sgd", g_optimizer="sgd", run_eagerly=True)
    step = kerasgan.step.TrainingStep(other)
    expected = step.update_discriminator(images)
    step.update_generator(images)
    expected |= step.update_generator(images)
    found = gan.train_on_batch(images, return_dict=True)
    for name in ("d_loss", "g_loss", "d_real", "d_fake"):
        assert float(found[name]) == pytest.approx(float(expected[name]), abs=1e-6)
    for one, weight in zip(gan.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, weight, atol=1e-6)


def test_an_objective_without_weights_of_its_own_is_the_formula(make_gan, images):
    """`LeastSquares`, written as a user would write it, gives the same losses."""

    @kerasgan.frozen_config
    class Mine(kerasgan.objectives.Objective):
        neutral_logit = 0.5

        def d_loss(self, real_logits, fake_logits):
            return ((real_logits - 1) ** 2 + fake_logits**2) / 2

        def g_loss(self, real_logits, fake_logits):
            return (fake_logits - 1) ** 2 / 2

    own, built_in = (
        make_gan(objective=objective).train_on_batch(images, return_dict=True)
        for objective in (Mine(), "least_squares")
    )
    outputs = ("d_real", "d_fake")  # an objective that does not define its outputs has those of cross-entropy
    assert {name: own[name] for name in own if name not in outputs} == pytest.approx(
        {name: built_in[name] for name in built_in if name not in outputs}, rel=1e-5
    )


# Penalties


def test_a_penalty_without_a_gradient_computes_none(make_gan, images, monkeypatch):
    inputs = []
    own_vjp = backend.vjp

    def vjp(function, variables, *given):
        inputs.append((len(variables), len(given)))
        return own_vjp(function, variables, *given)

    def gradients_by_images(*penalties):
        inputs.clear()
        gan = make_gan(penalties=penalties, run_eagerly=True)
        logs = gan.train_on_batch(images[:8], return_dict=True)
        assert float(logs["d_penalty"]) > 0
        return [each for each in inputs if each == (0, 1)]

    monkeypatch.setattr(backend, "vjp", vjp)
    assert not gradients_by_images(own_values.Drift())
    assert len(gradients_by_images(own_values.Drift(), kerasgan.penalties.R1(1.0))) == 1


@pytest.mark.parametrize("where", kerasgan.penalties.WHERE)
def test_a_penalty_is_evaluated_where_it_says(make_gan, images, where):
    """Real images, generated ones (here zeros), or points between the two."""
    at = where

    @kerasgan.frozen_config
    class Mean(kerasgan.penalties.Penalty):
        where = at
        needs_gradient = False

        def penalty(self, logits, squared_norms):
            return keras.ops.exp(logits)

    gan = make_gan(penalties=Mean(), d_optimizer=keras.optimizers.SGD(0.0), g_optimizer=keras.optimizers.SGD(0.0))
    for weight in gan.generator.weights:
        weight.assign(keras.ops.zeros(weight.shape))
    logs = gan.train_on_batch(images[:8], return_dict=True)
    at_real, at_fake = (
        float(np.exp(gan.discriminator(points)).mean()) for points in (images[:8], np.zeros_like(images[:8]))
    )
    found = float(logs["d_penalty"])
    if where == "mixed":
        assert found not in (pytest.approx(at_real, rel=1e-4), pytest.approx(at_fake, rel=1e-4))
    else:
        assert found == pytest.approx(at_real if where == "real" else at_fake, rel=1e-5)


@pytest.mark.parametrize("where, near", [("reals", "real"), ("Fake", "fake"), ("mix", "mixed")])
def test_an_unknown_place_of_a_penalty_is_refused_with_the_near_name(make_gan, where, near):
    wrong = where

    @kerasgan.frozen_config
    class Wrong(kerasgan.penalties.Penalty):
        where = wrong

        def penalty(self, logits, squared_norms):
            return squared_norms

    with pytest.raises(ValueError, match=f"Received: where='{where}'. Did you mean '{near}'"):
        make_gan(penalties=Wrong())


@pytest.mark.parametrize("every", [0, 1.5, True])
def test_a_penalty_is_due_at_whole_steps(make_gan, every):
    @kerasgan.frozen_config
    class Wrong(kerasgan.penalties.Penalty):
        every: float = 1

        def penalty(self, logits, squared_norms):
            return squared_norms

    with pytest.raises(ValueError, match=r"every must be a whole number of at least 1. Received: every="):
        make_gan(penalties=Wrong(every))


# What is not such a value


class UndecoratedObjective(kerasgan.objectives.Objective):
    def d_loss(self, real_logits, fake_logits):
        return real_logits - fake_logits

    def g_loss(self, real_logits, fake_logits):
        return fake_logits


class UndecoratedPenalty(kerasgan.penalties.R1):
    """Of a decorated class, whose decoration it does not inherit."""


class UndecoratedRule:
    d_steps = 1

    def check(self, discriminator): ...

    def play(self, step, images, labels=None):
        return step.update_both(images, labels)


@pytest.mark.parametrize(
    "argument, value",
    [("objective", UndecoratedObjective()), ("penalties", UndecoratedPenalty()), ("updates", UndecoratedRule())],
)
def test_a_class_that_is_not_decorated_trains_and_says_at_save_what_to_do(make_gan, images, tmp_path, argument, value):
    gan = make_gan(**{argument: value})
    gan.train_on_batch(images[:8])
    expected = rf"decorated with @kerasgan.frozen_config. Received: {argument} of the class {type(value).__name__}"
    with pytest.raises(ValueError, match=expected):
        gan.save(tmp_path / "gan.keras")


@pytest.mark.parametrize(
    "argument, value, missing",
    [
        ("updates", UndecoratedPenalty(), "play"),
        ("objective", UndecoratedRule(), "d_loss"),
        ("penalties", [3], "where"),
    ],
)
def test_a_value_of_another_kind_is_refused(make_gan, argument, value, missing):
    with pytest.raises(ValueError, match=f"must be a name or a value with .*{missing}"):
        make_gan(**{argument: value})


def test_a_rule_that_leaves_out_a_loss_is_refused(make_gan, images):
    @kerasgan.frozen_config
    class DiscriminatorAlone(own_values.TwoGeneratorSteps):
        def play(self, step, images, labels=None):
            return step.update_discriminator(images, labels)

    @kerasgan.frozen_config
    class Nothing(own_values.TwoGeneratorSteps):
        def play(self, step, images, labels=None):
            step.update_both(images, labels)

    for rule, missing in ((DiscriminatorAlone(), r"\['g_loss'\]"), (Nothing(), r"\['d_loss', 'g_loss'\]")):
        with pytest.raises(ValueError, match=f"must hold both losses. Received: logs without {missing}"):
            make_gan(updates=rule).train_on_batch(images[:8])


def test_logs_without_the_diagnostics_are_refused(make_gan, images):
    """A rule that drops logs still trains; with diagnostics recorded it is told which are missing."""

    @kerasgan.frozen_config
    class Silent(own_values.TwoGeneratorSteps):
        def play(self, step, images, labels=None):
            logs = step.update_both(images, labels)
            return {name: logs[name] for name in ("d_loss", "g_loss")}

    gan = make_gan(updates=Silent())
    gan.record_diagnostics()
    with pytest.raises(ValueError, match=r"must hold all diagnostics. Received: logs without \['d_real'"):
        gan.train_on_batch(images[:8])
