import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import objectives, theory

LOGITS = np.array([-60.0, -3.0, -0.5, 0.0, 2.0, 60.0], "float32")


def gradient(loss, logits):
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(loss(logits))
    return tape.gradient(total, logits).numpy()


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits.astype("float64")))


def test_losses_at_zero_logits_are_those_of_the_equilibrium():
    zero = np.zeros(3, "float32")
    for objective in (objectives.NonSaturating(), objectives.Minimax()):
        assert np.allclose(objective.d_loss(zero, zero), 2 * np.log(2))
    assert np.allclose(objectives.NonSaturating().g_loss(zero, zero), np.log(2))
    assert np.allclose(objectives.Minimax().g_loss(zero, zero), -np.log(2))


def test_losses_are_those_of_the_theory_for_each_pair():
    real, fake = np.array([1.5, -0.3], "float32"), np.array([-2.0, 0.7], "float32")
    for objective in (objectives.NonSaturating(), objectives.Minimax()):
        losses = keras.ops.convert_to_numpy(objective.d_loss(real, fake))
        assert losses.shape == (2,)
        assert losses.mean() == pytest.approx(theory.discriminator_loss(real, fake), rel=1e-5)
    non_saturating, minimax = (
        np.mean(o.g_loss(None, fake)) for o in (objectives.NonSaturating(), objectives.Minimax())
    )
    assert non_saturating == pytest.approx(theory.generator_loss_non_saturating(fake), rel=1e-5)
    assert minimax == pytest.approx(theory.generator_loss_minimax(fake), rel=1e-5)


def test_gradients_are_those_of_the_formulas():
    d = sigmoid(LOGITS)
    assert np.allclose(gradient(lambda x: objectives.NonSaturating().g_loss(None, x), LOGITS), d - 1, atol=1e-6)
    assert np.allclose(gradient(lambda x: objectives.Minimax().g_loss(None, x), LOGITS), -d, atol=1e-6)
    zero = tf.zeros_like(LOGITS)
    for objective in (objectives.NonSaturating(), objectives.Minimax()):
        assert np.allclose(gradient(lambda x, o=objective: o.d_loss(x, zero), LOGITS), d - 1, atol=1e-6)
        assert np.allclose(gradient(lambda x, o=objective: o.d_loss(zero, x), LOGITS), d, atol=1e-6)


def test_only_the_minimax_generator_stops_learning_when_it_is_rejected():
    rejected = np.array([-20.0], "float32")
    assert abs(gradient(lambda x: objectives.Minimax().g_loss(None, x), rejected)[0]) < 1e-8
    assert gradient(lambda x: objectives.NonSaturating().g_loss(None, x), rejected)[0] == pytest.approx(-1.0)


def test_minimax_would_cancel_the_generator_out_of_a_total_loss():
    minimax = objectives.Minimax()
    real = np.array([0.4], "float32")
    totals = [float(minimax.d_loss(real, f)[0] + minimax.g_loss(real, f)[0]) for f in (LOGITS[1:2], LOGITS[4:5])]
    assert totals[0] == pytest.approx(totals[1], abs=1e-5)
    assert not minimax.has_total_loss and "cancel" in minimax.no_total_loss


@pytest.mark.parametrize(
    ("objective", "d_loss", "g_loss", "d_gradients", "g_gradient"),
    [  # at a real logit of 0.3 and a fake one of -0.4: the losses, and their gradients by (real, fake) and by fake
        (objectives.LeastSquares(), (0.49 + 0.16) / 2, 1.96 / 2, (-0.7, -0.4), -1.4),
        (objectives.Hinge(), 0.7 + 0.6, 0.4, (-1.0, 1.0), -1.0),
        (objectives.Wasserstein(), -0.7, 0.4, (-1.0, 1.0), -1.0),
        (objectives.Relativistic(), np.log1p(np.exp(-0.7)), np.log1p(np.exp(0.7)), (-0.331812, 0.331812), -0.668188),
        (
            objectives.NonSaturating(label_smoothing=0.1),
            0.9 * np.log1p(np.exp(-0.3)) + 0.1 * np.log1p(np.exp(0.3)) + np.log1p(np.exp(-0.4)),
            np.log1p(np.exp(0.4)),
            (sigmoid(np.array(0.3)) - 0.9, sigmoid(np.array(-0.4))),
            sigmoid(np.array(-0.4)) - 1,
        ),
        (
            objectives.Minimax(label_smoothing=0.1),
            0.9 * np.log1p(np.exp(-0.3)) + 0.1 * np.log1p(np.exp(0.3)) + np.log1p(np.exp(-0.4)),
            -np.log1p(np.exp(-0.4)),
            (sigmoid(np.array(0.3)) - 0.9, sigmoid(np.array(-0.4))),
            -sigmoid(np.array(-0.4)),
        ),
    ],
    ids=str,
)
def test_hand_worked_values_and_gradients(objective, d_loss, g_loss, d_gradients, g_gradient):
    real, fake = tf.constant([0.3], tf.float64), tf.constant([-0.4], tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((real, fake))
        d, g = objective.d_loss(real, fake), objective.g_loss(real, fake)
    assert float(d[0]) == pytest.approx(d_loss, rel=1e-6) and float(g[0]) == pytest.approx(g_loss, rel=1e-6)
    assert [float(each[0]) for each in tape.gradient(d, (real, fake))] == pytest.approx(d_gradients, rel=1e-5)
    assert float(tape.gradient(g, fake)[0]) == pytest.approx(g_gradient, rel=1e-5)


def test_which_have_a_total_loss():
    """Those whose two losses are never negative, and no others."""
    random = np.random.default_rng(0)
    real, fake = (random.normal(size=1000).astype("float32") * 5 for _ in range(2))
    for name, make in objectives.OBJECTIVES.items():
        objective = make()
        least = min(np.min(objective.d_loss(real, fake)), np.min(objective.g_loss(real, fake)))
        assert objective.has_total_loss == (least >= 0), name
        assert (objective.no_total_loss is None) == objective.has_total_loss


def test_label_smoothing_loses_the_bound_and_is_checked():
    for objective in (objectives.NonSaturating, objectives.Minimax):
        assert objective().bounds_js and not objective(0.1).bounds_js
        for smoothing in (-0.1, 0.5, 2):
            with pytest.raises(ValueError, match="label_smoothing"):
                objective(smoothing)


def test_names_and_values():
    assert objectives.get("non_saturating") == objectives.NonSaturating()
    own = objectives.Minimax()
    assert objectives.get(own) is own
    with pytest.raises(ValueError, match="Did you mean 'non_saturating'"):
        objectives.get("nonsaturating")
    with pytest.raises(ValueError, match="Received: objective=3"):
        objectives.get(3)
    with pytest.raises(ValueError, match=r"a value, not its class.*Call it"):
        objectives.get(objectives.Minimax)


def test_values_survive_serialization():
    written = keras.saving.serialize_keras_object(objectives.Minimax())
    assert keras.saving.deserialize_keras_object(written) == objectives.Minimax()


# What is logged as d_real and d_fake

REAL, FAKE = np.array([2.0, -0.5, 0.3], "float32"), np.array([-1.0, 0.7, 0.3], "float32")


def outputs(objective, shift=0.0):
    return [keras.ops.convert_to_numpy(each) for each in objectives.outputs(objective, REAL + shift, FAKE + shift)]


@pytest.mark.parametrize("name", objectives.OBJECTIVES)
def test_the_logged_outputs_are_what_the_objective_is_about(name):
    """A probability only where the loss is its cross-entropy; where only differences count, no shift may show."""
    objective = objectives.get(name)
    real, fake = outputs(objective)
    shift_changes_nothing = np.allclose(objective.d_loss(REAL, FAKE), objective.d_loss(REAL + 8, FAKE + 8), atol=1e-5)
    shifted = outputs(objective, 8.0)
    assert np.allclose(real.mean() - fake.mean(), shifted[0].mean() - shifted[1].mean()) or not shift_changes_nothing
    if name in ("non_saturating", "minimax"):
        assert np.allclose(objective.d_loss(REAL, FAKE), -np.log(real) - np.log(1 - fake), rtol=1e-5)
    elif name == "relativistic":
        assert np.allclose(objective.d_loss(REAL, FAKE), -np.log(real), rtol=1e-5)
        assert np.allclose(objective.g_loss(REAL, FAKE), -np.log(fake), rtol=1e-5)
        assert np.allclose(real, shifted[0], atol=1e-6)
    else:
        assert np.array_equal(real, REAL) and np.array_equal(fake, FAKE)
    if name == "wasserstein":
        assert np.allclose(np.mean(objective.d_loss(REAL, FAKE)), fake.mean() - real.mean())


@kerasgan.frozen_config
class OwnLogits(objectives.Objective):
    def d_loss(self, real_logits, fake_logits):
        return fake_logits - real_logits

    g_loss = d_loss


class NotASubclass:
    """An objective of one's own that has the members alone, as `objectives.get` asks for."""

    no_total_loss, bounds_js, paired, neutral_logit, needs_lipschitz = None, False, True, 0.0, False
    d_loss = g_loss = OwnLogits.d_loss


def test_own_objectives_log_probabilities_by_default():
    for objective in (OwnLogits(), objectives.get(NotASubclass())):
        real, fake = outputs(objective)
        assert np.allclose(real, sigmoid(REAL)) and np.allclose(fake, sigmoid(FAKE))


@pytest.mark.filterwarnings("ignore:.*`loss` is not reported")
@pytest.mark.parametrize("updates", ["alternating", "one_stage"])
def test_fit_and_evaluate_log_the_outputs_of_the_objective(make_gan, images, updates):
    """A discriminator that answers 3 to every image."""

    def fitted(objective):
        gan = make_gan(objective=objective, penalties="r1", updates=updates, d_optimizer=keras.optimizers.SGD(0.0))
        weights = gan.discriminator.get_weights()
        gan.discriminator.set_weights([np.zeros_like(each) for each in weights[:-1]] + [np.full_like(weights[-1], 3)])
        logs = gan.fit(images, verbose=0, validation_data=images[:8]).history
        return [logs[name][0] for name in ("d_real", "d_fake", "val_d_real", "val_d_fake")]

    assert fitted("non_saturating") == pytest.approx(4 * [1 / (1 + np.exp(-3))], rel=1e-5)
    assert fitted("least_squares") == fitted("hinge") == fitted("wasserstein") == pytest.approx(4 * [3.0])
    assert fitted("relativistic") == pytest.approx(4 * [0.5])
