import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.penalties import R1, R2, GradientPenalty, Penalty
from kerasgan.step import TrainingStep

WEIGHTS = np.array([[3.0], [-4.0]], "float32")  # |grad D| is 5 everywhere
POINTS = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")


@pytest.fixture
def linear_gan():
    """A GAN on the plane with D(x) = w . x: its gradient is w at every point."""

    def make(penalties, weights=WEIGHTS, rate=0.01, **options):
        keras.utils.set_random_seed(0)
        generator, _ = kerasgan.networks.mlp((2,), latent_dim=2, width=4)
        discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
        discriminator.set_weights([weights])
        gan = kerasgan.GAN(generator, discriminator, latent_dim=2, seed=0)
        gan.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(0.0), penalties=penalties, **options)
        return gan

    return make


def discriminator_step(gan, points):
    return TrainingStep(gan).update_discriminator(tf.constant(points))


def penalty_and_gradient(make, penalties, weights=WEIGHTS):
    """The penalty as logged, and its gradient with respect to w: the step with it minus the step without it."""
    steps = []
    for chosen in (penalties, ()):
        gan = make(chosen, weights)
        logs = discriminator_step(gan, POINTS)
        steps.append((float(logs["d_penalty"]), (weights - gan.discriminator.get_weights()[0]) / 0.01))
    return steps[0][0], steps[0][1] - steps[1][1]


@pytest.mark.parametrize("penalty", [R1(2.0), R2(2.0)])
def test_zero_centered_penalties(linear_gan, penalty):
    value, gradient = penalty_and_gradient(linear_gan, penalty)
    assert value == pytest.approx(2.0 / 2 * 25, rel=1e-5)
    assert np.allclose(gradient, 2.0 * WEIGHTS, rtol=1e-3)


def test_one_centered_penalty(linear_gan):
    penalty, gradient = penalty_and_gradient(linear_gan, GradientPenalty(3.0))
    assert penalty == pytest.approx(3.0 * (5 - 1) ** 2, rel=1e-5)
    assert np.allclose(gradient, 3.0 * 2 * (5 - 1) * WEIGHTS / 5, rtol=1e-3)


def test_one_centered_penalty_is_finite_where_the_gradient_is_zero(linear_gan):
    penalty, gradient = penalty_and_gradient(linear_gan, GradientPenalty(3.0), np.zeros((2, 1), "float32"))
    assert penalty == pytest.approx(3.0, rel=1e-5)
    assert np.allclose(gradient, 0, atol=1e-4)


def test_penalties_add_up(linear_gan):
    penalty, gradient = penalty_and_gradient(linear_gan, (R1(1.0), R2(2.0)))
    assert penalty == pytest.approx(37.5, rel=1e-5)
    assert np.allclose(gradient, 3.0 * WEIGHTS, rtol=1e-3)


def test_each_penalty_is_evaluated_at_its_points():
    """With D(x) = |x|^2 the gradient is 2 x, so that the value of a penalty tells its points."""
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, bias_initializer="ones")])
    generator.layers[0].kernel.assign(np.zeros((2, 2)))
    image = keras.Input((2,))
    squares = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(keras.ops.square(image))
    gan = kerasgan.GAN(generator, keras.Model(image, squares), latent_dim=2, seed=0)
    values = {}
    for penalty in (R1(2.0), R2(2.0), GradientPenalty(1.0)):
        gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), penalties=penalty)
        logs = discriminator_step(gan, np.full((64, 2), 3.0, "float32"))
        values[penalty.where] = float(logs["d_penalty"])
    assert values["real"] == pytest.approx(4 * 18, rel=1e-5)
    assert values["fake"] == pytest.approx(4 * 2, rel=1e-5)
    # Between the points at 1 and 3: at 1 + 2 u the norm is 2 sqrt(2) (1 + 2 u), u uniform. E (norm - 1)^2 = 25.4.
    assert values["mixed"] == pytest.approx(1 - 8 * np.sqrt(2) + 8 * (1 + 2 + 4 / 3), rel=0.15)


def test_lazy_penalties_are_added_every_kth_step_k_times_as_large(linear_gan):
    gan = linear_gan(R1(2.0, every=3), rate=0.0)
    values = [float(discriminator_step(gan, POINTS)["d_penalty"]) for _ in range(7)]
    assert values == pytest.approx([75.0, 0.0, 0.0, 75.0, 0.0, 0.0, 75.0], rel=1e-5)


class FirstMoment(kerasgan.objectives.Objective):
    """d_loss is the mean of the real logits: for D(x) = w . x its gradient is the mean of the points."""

    def d_loss(self, real_logits, fake_logits):
        return real_logits

    def g_loss(self, real_logits, fake_logits):
        return fake_logits


def adam(weights, gradients, rate, beta_1=0.5, beta_2=0.99):
    """Adam of Keras with plain arithmetic; `gradients` are functions of the weights, one for each step."""
    first = second = 0.0
    for number, gradient in enumerate(gradients, 1):
        step = gradient(weights)
        first, second = beta_1 * first + (1 - beta_1) * step, beta_2 * second + (1 - beta_2) * step**2
        size = rate * np.sqrt(1 - beta_2**number) / (1 - beta_1**number)
        weights = weights - size * first / (np.sqrt(second) + 1e-7)
    return weights


def test_a_lazy_penalty_is_part_of_the_one_step_of_the_one_optimizer(linear_gan):
    """With StyleGAN2 it would have a step of its own, and the rate and the betas of both would be others."""
    gan = linear_gan(R1(2.0, every=3))
    gan.compile(keras.optimizers.Adam(0.1, 0.5, 0.99), objective=FirstMoment(), penalties=R1(2.0, every=3))
    for _ in range(5):
        discriminator_step(gan, POINTS)
    mean = POINTS.mean(axis=0)[:, None].astype("float64")
    gradients = [(lambda w: mean + 3 * 2.0 * w) if number % 3 == 0 else (lambda w: mean) for number in range(5)]
    assert int(gan.d_optimizer.iterations) == 5
    assert np.allclose(gan.discriminator.get_weights()[0], adam(WEIGHTS.astype("float64"), gradients, 0.1), rtol=1e-5)


@pytest.mark.parametrize("penalty", [R1, R2, GradientPenalty, Penalty])
def test_the_difference_from_stylegan2_is_said_at_the_option(penalty):
    assert "k / (k + 1)" in kerasgan.penalties.__doc__ and "step of its own" in kerasgan.penalties.__doc__
    assert "same step of the optimizer" in penalty.__doc__ or "head of this module" in penalty.__doc__


@pytest.mark.parametrize("jit_compile", [False, True])
def test_penalties_are_logged_apart(linear_gan, jit_compile):
    gan = linear_gan((R1(2.0, every=2), R2(1.0)), rate=0.0, jit_compile=jit_compile)
    plain = linear_gan((), rate=0.0)
    history = gan.fit(POINTS, batch_size=4, verbose=0).history
    assert history["d_penalty"][0] == pytest.approx(25 + 12.5, rel=1e-5)
    assert set(plain.fit(POINTS, verbose=0).history) == set(history) - {"d_penalty"}
    assert history["loss"][0] == pytest.approx(history["d_loss"][0] + history["g_loss"][0], rel=1e-4)


def test_penalties_are_saved(linear_gan, tmp_path):
    gan = linear_gan((R1(2.0), GradientPenalty(1.0, every=4)))
    gan.save(tmp_path / "gan.keras")
    assert keras.models.load_model(tmp_path / "gan.keras").penalties == gan.penalties


def test_unsound_combinations_are_refused(linear_gan, make_gan):
    with pytest.raises(ValueError, match=r"bounded gradient.*GradientPenalty"):
        linear_gan((), objective="wasserstein")
    with pytest.warns(UserWarning, match="`loss` is not reported"):
        linear_gan("gradient_penalty", objective="wasserstein")

    def batch_norm(image_shape, latent_dim, width):
        generator, _ = kerasgan.networks.mlp(image_shape, latent_dim, width)
        stack = [keras.layers.Flatten(), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
        return generator, keras.Sequential([keras.Input(image_shape), *stack])

    with pytest.raises(ValueError, match=r"evaluate each image by itself.*normalizes across the batch"):
        make_gan(network=batch_norm, penalties=R1())


@pytest.mark.filterwarnings("ignore:.*`loss` is not reported")
def test_spectral_normalization_bounds_a_critic(images):
    gan = critic_of(keras.layers.SpectralNormalization(keras.layers.Dense(1)))
    gan.compile(objective="wasserstein")
    assert np.isfinite(gan.fit(images, verbose=0).history["d_loss"][0])
    assert np.linalg.norm(gan.discriminator.layers[-1].layer.kernel, 2) < 1.5


def critic_of(*layers):
    generator, _ = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8)
    critic = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), *layers])
    return kerasgan.GAN(generator, critic, latent_dim=4)


def wrapped(units):
    return keras.layers.SpectralNormalization(keras.layers.Dense(units))


@pytest.mark.filterwarnings("ignore:.*`loss` is not reported")
def test_spectral_normalization_has_to_bound_every_layer():
    for layers in ([wrapped(8), keras.layers.Dense(1, name="free")], [keras.layers.Dense(1, name="free")]):
        with pytest.raises(ValueError, match=r"no spectral normalization of layer 'free'\. Use"):
            critic_of(*layers).compile(objective="wasserstein")
    nested = keras.Sequential([wrapped(8), keras.layers.LeakyReLU(), keras.layers.Dense(4, name="free")])
    with pytest.raises(ValueError, match="layer 'free'"):
        critic_of(nested, wrapped(1)).compile(objective="wasserstein")
    critic_of(wrapped(8), keras.layers.LeakyReLU(), wrapped(1)).compile(objective="wasserstein")


@kerasgan.frozen_config
class SquaredLogits(Penalty):
    """Keeps the logits of real images near 0, without a gradient with respect to the images."""

    weight: float = 0.1

    needs_gradient = False

    def penalty(self, logits, squared_norms):
        assert squared_norms is None
        return self.weight * keras.ops.square(logits)


def test_a_penalty_of_the_users_own(linear_gan, tmp_path):
    gan = linear_gan((R2(1.0), SquaredLogits(0.5)), rate=0.0)
    logits = POINTS @ WEIGHTS
    penalty = float(discriminator_step(gan, POINTS)["d_penalty"])
    assert penalty == pytest.approx(12.5 + 0.5 * np.mean(logits**2), rel=1e-5)
    gan.save(tmp_path / "gan.keras")
    assert keras.models.load_model(tmp_path / "gan.keras").penalties == (R2(1.0), SquaredLogits(0.5))
    with pytest.raises(ValueError, match="bounded gradient"):  # it bounds no gradient
        linear_gan(SquaredLogits(), objective="wasserstein")


@pytest.mark.parametrize(
    "make",
    [
        lambda: R1(0.0),
        lambda: R2(-1),
        lambda: GradientPenalty(1.0, every=0),
        lambda: R1(every=1.5),
        lambda: GradientPenalty(every=True),
    ],
)
def test_bad_values(make):
    with pytest.raises(ValueError, match="Received"):
        make()


def test_names(linear_gan):
    assert linear_gan(["r1", R2(3.0)]).penalties == (R1(), R2(3.0))
    with pytest.raises(ValueError, match="Did you mean 'gradient_penalty'"):
        linear_gan("gradient-penalty")
