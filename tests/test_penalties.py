import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.backend import tensorflow as engine
from kerasgan.penalties import R1, R2, GradientPenalty

WEIGHTS = np.array([[3.0], [-4.0]], "float32")  # |grad D| is 5 everywhere
POINTS = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")


@pytest.fixture
def linear_game():
    """A game on the plane with D(x) = w . x: its gradient is w at every point."""

    def make(penalties, weights=WEIGHTS, rate=0.01, **options):
        keras.utils.set_random_seed(0)
        generator, _ = kerasgan.networks.mlp((2,), latent_dim=2, width=4)
        discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
        discriminator.set_weights([weights])
        gan = kerasgan.GAN(generator, discriminator, latent_dim=2, seed=0)
        gan.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(0.0), penalties=penalties, **options)
        return gan

    return make


def charge_and_pull(make, penalties, weights=WEIGHTS):
    """The penalty as logged, and its own gradient on w: the step with it less the step without it."""
    steps = []
    for each in (penalties, ()):
        gan = make(each, weights)
        logs = engine.discriminator_step(gan, tf.constant(POINTS))
        steps.append((float(logs["d_penalty"]), (weights - gan.discriminator.get_weights()[0]) / 0.01))
    return steps[0][0], steps[0][1] - steps[1][1]


@pytest.mark.parametrize("penalty", [R1(2.0), R2(2.0)])
def test_zero_centred_penalties(linear_game, penalty):
    charge, pull = charge_and_pull(linear_game, penalty)
    assert charge == pytest.approx(2.0 / 2 * 25, rel=1e-5)
    assert np.allclose(pull, 2.0 * WEIGHTS, rtol=1e-3)


def test_one_centred_penalty(linear_game):
    charge, pull = charge_and_pull(linear_game, GradientPenalty(3.0))
    assert charge == pytest.approx(3.0 * (5 - 1) ** 2, rel=1e-5)
    assert np.allclose(pull, 3.0 * 2 * (5 - 1) * WEIGHTS / 5, rtol=1e-3)


def test_one_centred_penalty_is_finite_where_the_gradient_is_zero(linear_game):
    charge, pull = charge_and_pull(linear_game, GradientPenalty(3.0), np.zeros((2, 1), "float32"))
    assert charge == pytest.approx(3.0, rel=1e-5)
    assert np.allclose(pull, 0, atol=1e-4)


def test_penalties_add_up(linear_game):
    charge, pull = charge_and_pull(linear_game, (R1(1.0), R2(2.0)))
    assert charge == pytest.approx(37.5, rel=1e-5)
    assert np.allclose(pull, 3.0 * WEIGHTS, rtol=1e-3)


def test_each_penalty_looks_where_it_says():
    """With D(x) = |x|^2 the gradient is 2 x, so that the charge tells the points."""
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, bias_initializer="ones")])
    generator.layers[0].kernel.assign(np.zeros((2, 2)))
    image = keras.Input((2,))
    squares = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(keras.ops.square(image))
    gan = kerasgan.GAN(generator, keras.Model(image, squares), latent_dim=2, seed=0)
    charges = {}
    for penalty in (R1(2.0), R2(2.0), GradientPenalty(1.0)):
        gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0), penalties=penalty)
        logs = engine.discriminator_step(gan, tf.constant(np.full((64, 2), 3.0, "float32")))
        charges[penalty.where] = float(logs["d_penalty"])
    assert charges["real"] == pytest.approx(4 * 18, rel=1e-5)
    assert charges["fake"] == pytest.approx(4 * 2, rel=1e-5)
    # Between the points at 1 and 3: at 1 + 2 u the norm is 2 sqrt(2) (1 + 2 u), u uniform. E (norm - 1)^2 = 25.4.
    assert charges["mixed"] == pytest.approx(1 - 8 * np.sqrt(2) + 8 * (1 + 2 + 4 / 3), rel=0.15)


def test_lazy_penalties_are_charged_every_kth_step_k_times_as_much(linear_game):
    gan = linear_game(R1(2.0, every=3), rate=0.0)
    charges = [float(engine.discriminator_step(gan, tf.constant(POINTS))["d_penalty"]) for _ in range(7)]
    assert charges == pytest.approx([75.0, 0.0, 0.0, 75.0, 0.0, 0.0, 75.0], rel=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_penalties_are_logged_apart(linear_game, jit_compile):
    gan = linear_game((R1(2.0, every=2), R2(1.0)), rate=0.0, jit_compile=jit_compile)
    plain = linear_game((), rate=0.0)
    history = gan.fit(POINTS, batch_size=4, verbose=0).history
    assert history["d_penalty"][0] == pytest.approx(25 + 12.5, rel=1e-5)
    assert set(plain.fit(POINTS, verbose=0).history) == set(history) - {"d_penalty"}
    assert history["loss"][0] == pytest.approx(history["d_loss"][0] + history["g_loss"][0], rel=1e-4)


def test_a_penalised_game_is_saved(linear_game, tmp_path):
    gan = linear_game((R1(2.0), GradientPenalty(1.0, every=4)))
    gan.save(tmp_path / "gan.keras")
    assert keras.models.load_model(tmp_path / "gan.keras").penalties == gan.penalties


def test_unsound_games_are_refused(linear_game, make_gan):
    with pytest.raises(ValueError, match=r"bounded slope.*GradientPenalty"):
        linear_game((), objective="wasserstein")
    with pytest.warns(UserWarning, match="`loss` is not reported"):
        linear_game("gradient_penalty", objective="wasserstein")

    def batch_norm(image_shape, latent_dim, width):
        generator, _ = kerasgan.networks.mlp(image_shape, latent_dim, width)
        stack = [keras.layers.Flatten(), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
        return generator, keras.Sequential([keras.Input(image_shape), *stack])

    with pytest.raises(ValueError, match=r"judged by itself.*normalises across the batch"):
        make_gan(network=batch_norm, penalties=R1())


@pytest.mark.filterwarnings("ignore:.*`loss` is not reported")
def test_spectral_normalisation_bounds_a_critic(images):
    generator, _ = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8)
    bounded = keras.layers.SpectralNormalization(keras.layers.Dense(1))
    critic = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), bounded])
    gan = kerasgan.GAN(generator, critic, latent_dim=4)
    gan.compile(objective="wasserstein")
    assert np.isfinite(gan.fit(images, verbose=0).history["d_loss"][0])
    assert np.linalg.norm(bounded.layer.kernel, 2) < 1.5


@pytest.mark.parametrize(
    "make", [lambda: R1(0.0), lambda: R2(-1), lambda: GradientPenalty(1.0, every=0), lambda: R1(every=1.5)]
)
def test_bad_values(make):
    with pytest.raises(ValueError, match="Received"):
        make()


def test_names(linear_game):
    assert linear_game(["r1", R2(3.0)]).penalties == (R1(), R2(3.0))
    with pytest.raises(ValueError, match="Did you mean 'gradient_penalty'"):
        linear_game("gradient-penalty")
