"""The formulas of kerasgan.theory against values worked by hand, and the laws they have to obey."""

import numpy as np
import pytest

from kerasgan import theory

LOG_2, LOG_4 = 0.6931471805599453, 1.3862943611198906
P, Q = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])
RNG_PAIRS = np.random.default_rng(0).dirichlet(np.ones(6), size=(2, 50))


def derivative(function, at, step=1e-5):
    """The derivative of a function of one number, by central differences."""
    return (function(at + step) - function(at - step)) / (2 * step)


# -- information --


def test_information_content_is_the_table_of_the_course():
    assert theory.information_content(P) == pytest.approx([0.357, 1.609, 2.303], abs=5e-4)
    assert theory.information_content(1.0) == 0.0
    assert theory.information_content(0.0) == np.inf


def test_information_of_independent_events_adds():
    assert theory.information_content(0.7 * 0.2) == pytest.approx(
        theory.information_content([0.7, 0.2]).sum(), abs=1e-12
    )


def test_entropy_by_hand():
    assert theory.entropy(P) == pytest.approx(0.802, abs=5e-4)
    rounded_first = 0.7 * 0.36 + 0.2 * 1.61 + 0.1 * 2.30
    assert rounded_first == pytest.approx(0.804, abs=5e-4) and theory.entropy(P) < rounded_first


def test_entropy_is_largest_for_the_uniform_distribution_and_0_for_a_certain_one():
    assert theory.entropy(np.full(6, 1 / 6)) == pytest.approx(np.log(6), abs=1e-12)
    assert np.all(theory.entropy(RNG_PAIRS) < np.log(6))
    assert theory.entropy([0.0, 1.0, 0.0]) == 0.0


def test_entropy_takes_a_batch_over_the_last_axis():
    assert theory.entropy(RNG_PAIRS).shape == (2, 50)
    assert theory.entropy(RNG_PAIRS)[1, 7] == theory.entropy(RNG_PAIRS[1, 7])


def test_binary_entropy_is_the_entropy_of_a_coin():
    assert theory.binary_entropy(0.5) == pytest.approx(LOG_2, abs=1e-12)
    assert theory.binary_entropy([0.0, 1.0]).tolist() == [0.0, 0.0]
    assert theory.binary_entropy(0.3) == pytest.approx(theory.entropy([0.3, 0.7]), abs=1e-12)


def test_kl_by_hand_and_not_symmetric():
    by_hand = 0.7 * np.log(7) + 0.2 * np.log(2 / 3) + 0.1 * np.log(1 / 6)  # 1.1019
    the_other_way = 0.1 * np.log(1 / 7) + 0.3 * np.log(3 / 2) + 0.6 * np.log(6)  # 1.0021
    assert theory.kl_divergence(P, Q) == pytest.approx(by_hand, abs=1e-12)
    assert theory.kl_divergence(Q, P) == pytest.approx(the_other_way, abs=1e-12)
    assert by_hand == pytest.approx(1.1019, abs=5e-5) and the_other_way == pytest.approx(1.0021, abs=5e-5)


def test_kl_is_0_only_for_equals_and_infinite_where_q_lacks_an_outcome():
    assert theory.kl_divergence(P, P) == 0.0
    assert np.all(theory.kl_divergence(*RNG_PAIRS) > 1e-3)
    assert theory.kl_divergence([0.5, 0.5], [1.0, 0.0]) == np.inf
    assert theory.kl_divergence([1.0, 0.0], [0.5, 0.5]) == pytest.approx(LOG_2, abs=1e-12)


def test_js_is_symmetric_and_bounded_by_0_and_log_2():
    p, q = RNG_PAIRS
    js = theory.js_divergence(p, q)
    assert js == pytest.approx(theory.js_divergence(q, p), abs=1e-12)
    assert np.all((js > 0.0) & (js < LOG_2))
    assert theory.js_divergence(P, P) == 0.0
    assert theory.js_divergence([1.0, 0.0], [0.0, 1.0]) == pytest.approx(LOG_2, abs=1e-12)


def test_js_by_hand():
    by_hand = (np.log(4 / 3) + 0.5 * np.log(2 / 3) + 0.5 * np.log(2)) / 2  # (1, 0) and (1/2, 1/2), middle (3/4, 1/4)
    assert theory.js_divergence([1.0, 0.0], [0.5, 0.5]) == pytest.approx(by_hand, abs=1e-12)
    assert by_hand == pytest.approx(0.2158, abs=5e-5)


def test_cross_entropy_is_entropy_plus_kl():
    p, q = RNG_PAIRS
    assert theory.cross_entropy(p, q) == pytest.approx(theory.entropy(p) + theory.kl_divergence(p, q), abs=1e-12)


def test_cross_entropy_of_a_one_hot_label():
    assert theory.cross_entropy([0, 1, 0], [0.3, 0.6, 0.1]) == pytest.approx(-np.log(0.6), abs=1e-12)


def test_binary_cross_entropy_from_logits_is_the_formula():
    logit, label = np.linspace(-5, 5, 11), np.linspace(0, 1, 11)
    d = 1 / (1 + np.exp(-logit))
    assert theory.binary_cross_entropy(label, logit) == pytest.approx(
        -(label * np.log(d) + (1 - label) * np.log(1 - d)), abs=1e-12
    )


def test_binary_cross_entropy_survives_certainty():
    assert theory.binary_cross_entropy([1, 0], [1000.0, -1000.0]) == pytest.approx([0, 0], abs=1e-12)
    assert theory.binary_cross_entropy([1, 0], [-1000.0, 1000.0]) == pytest.approx([1000, 1000], abs=1e-9)


def test_sigmoid_and_softplus_without_overflow():
    with np.errstate(over="raise"):
        assert theory.sigmoid([-1000.0, 0.0, 1000.0]) == pytest.approx([0, 0.5, 1], abs=1e-12)
        assert theory.softplus([-1000.0, 0.0, 1000.0]) == pytest.approx([0, LOG_2, 1000], abs=1e-12)
    assert derivative(theory.softplus, 0.8) == pytest.approx(theory.sigmoid(0.8), abs=1e-9)


# -- the minimax game --


def test_equilibrium_constants():
    half, neutral_logit = np.full(4, 0.5), np.zeros(4)
    assert theory.value_function(half, half) == pytest.approx(-1.386, abs=5e-4)
    assert theory.discriminator_loss(neutral_logit, neutral_logit) == pytest.approx(1.386, abs=5e-4)
    assert theory.generator_loss_non_saturating(neutral_logit) == pytest.approx(0.693, abs=5e-4)
    assert theory.total_loss(neutral_logit, neutral_logit) == pytest.approx(2.079, abs=5e-4)


def test_constants_are_what_the_functions_give_at_the_equilibrium():
    half, neutral_logit = [theory.EQUILIBRIUM_PROBABILITY], [0.0]
    assert theory.value_function(half, half) == pytest.approx(theory.EQUILIBRIUM_VALUE, abs=1e-12)
    assert theory.discriminator_loss(neutral_logit, neutral_logit) == pytest.approx(
        theory.EQUILIBRIUM_DISCRIMINATOR_LOSS, abs=1e-12
    )
    assert theory.generator_loss_non_saturating(neutral_logit) == pytest.approx(
        theory.EQUILIBRIUM_GENERATOR_LOSS, abs=1e-12
    )
    assert theory.total_loss(neutral_logit, neutral_logit) == pytest.approx(theory.EQUILIBRIUM_TOTAL_LOSS, abs=1e-12)


def test_value_function_by_hand():
    by_hand = (np.log(0.9) + np.log(0.6)) / 2 + np.log(1 - 0.2)  # -0.5312
    assert theory.value_function([0.9, 0.6], [0.2]) == pytest.approx(by_hand, abs=1e-12)
    assert by_hand == pytest.approx(-0.5312, abs=5e-5)
    assert theory.value_function([1.0], [0.0]) == 0.0
    assert theory.value_function([0.0], [0.5]) == -np.inf


def test_discriminator_loss_is_minus_the_value_and_twice_the_mean_cross_entropy():
    real, fake = np.array([2.0, -0.3, 1.1]), np.array([-1.5, 0.4, 0.2])
    loss = theory.discriminator_loss(real, fake)
    assert loss == pytest.approx(-theory.value_function(theory.sigmoid(real), theory.sigmoid(fake)), abs=1e-12)
    over_all = theory.binary_cross_entropy([1, 1, 1, 0, 0, 0], np.concatenate([real, fake])).mean()
    assert loss == pytest.approx(2 * over_all, abs=1e-12)


def test_minimax_saturates_and_non_saturating_does_not():
    rejected = -10.0
    assert derivative(lambda logit: theory.generator_loss_minimax([logit]), rejected) == pytest.approx(
        -theory.sigmoid(rejected), abs=1e-8
    )
    assert abs(derivative(lambda logit: theory.generator_loss_minimax([logit]), rejected)) < 1e-4
    assert derivative(lambda logit: theory.generator_loss_non_saturating([logit]), rejected) == pytest.approx(
        -1.0, abs=1e-4
    )


def test_both_generator_losses_pull_the_same_way_and_equally_at_one_half():
    at_half = [
        derivative(lambda logit, f=f: f([logit]), 0.0)
        for f in (theory.generator_loss_minimax, theory.generator_loss_non_saturating)
    ]
    assert at_half == pytest.approx([-0.5, -0.5], abs=1e-9)


def test_adding_the_minimax_loss_cancels_the_generator():
    real, fake = np.array([0.5, 1.5]), np.array([-2.0, 3.0])
    assert theory.discriminator_loss(real, fake) + theory.generator_loss_minimax(fake) == pytest.approx(
        -np.log(theory.sigmoid(real)).mean(), abs=1e-12
    )


def test_optimal_discriminator_is_what_a_search_finds():
    grid = np.linspace(0.001, 0.999, 999)
    with np.errstate(divide="ignore"):
        value = P[:, None] * np.log(grid) + Q[:, None] * np.log(1 - grid)
    assert grid[value.argmax(axis=1)] == pytest.approx(theory.optimal_discriminator(P, Q), abs=1e-3)


def test_no_perturbed_discriminator_does_better_than_the_optimal_one():
    best = theory.optimal_discriminator(P, Q)
    value = lambda d: (P * np.log(d) + Q * np.log(1 - d)).sum()  # noqa: E731
    assert value(best) == pytest.approx(theory.value_at_optimum(P, Q), abs=1e-12)
    for change in np.random.default_rng(1).uniform(-0.1, 0.1, size=(200, 3)):
        assert value(np.clip(best + change, 1e-6, 1 - 1e-6)) < value(best)


def test_optimal_discriminator_by_hand_and_where_nothing_is():
    assert theory.optimal_discriminator([3.0, 0.0, 1.0, 0.0], [1.0, 2.0, 0.0, 0.0]).tolist() == [0.75, 0.0, 1.0, 0.5]


def test_value_at_optimum_lies_between_minus_log_4_and_0():
    assert theory.value_at_optimum(P, P) == pytest.approx(-LOG_4, abs=1e-12)
    assert theory.value_at_optimum([1.0, 0.0], [0.0, 1.0]) == pytest.approx(0.0, abs=1e-12)


def test_js_bound_is_tight_at_the_optimum_and_lower_elsewhere():
    js = theory.js_divergence(P, Q)
    best = theory.optimal_discriminator(P, Q)
    loss = lambda d: -(P * np.log(d) + Q * np.log(1 - d)).sum()  # noqa: E731
    assert theory.js_lower_bound(loss(best)) == pytest.approx(js, abs=1e-12)
    for change in np.random.default_rng(2).uniform(-0.1, 0.1, size=(50, 3)):
        assert theory.js_lower_bound(loss(np.clip(best + change, 1e-6, 1 - 1e-6))) < js
    assert theory.js_lower_bound([LOG_4, 0.0]) == pytest.approx([0.0, LOG_2], abs=1e-12)


# -- the Dirac-GAN --


def jacobian(objective, r1_gamma, step=1e-6):
    field = lambda point: theory.dirac_gan_vector_field(*point, objective=objective, r1_gamma=r1_gamma)  # noqa: E731
    columns = [(field(step * axis) - field(-step * axis)) / (2 * step) for axis in np.eye(2)]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("objective", ["non_saturating", "minimax"])
def test_dirac_gan_circles_without_r1(objective):
    eigenvalues = np.linalg.eigvals(jacobian(objective, 0.0))
    assert eigenvalues.real == pytest.approx([0.0, 0.0], abs=1e-6)
    assert np.sort(eigenvalues.imag) == pytest.approx([-0.5, 0.5], abs=1e-6)


@pytest.mark.parametrize("objective", ["non_saturating", "minimax"])
@pytest.mark.parametrize("r1_gamma", [0.3, 2.0])
def test_dirac_gan_converges_with_r1(objective, r1_gamma):
    eigenvalues = np.linalg.eigvals(jacobian(objective, r1_gamma))
    root = np.sqrt(complex(r1_gamma**2 - 1))
    assert np.sort_complex(eigenvalues) == pytest.approx(
        np.sort_complex([(-r1_gamma - root) / 2, (-r1_gamma + root) / 2]), abs=1e-6
    )
    assert np.all(eigenvalues.real < -0.1)


@pytest.mark.parametrize("r1_gamma, converges", [(0.0, False), (1.0, True)])
def test_dirac_gan_walk(r1_gamma, converges):
    point = np.array([1.0, 1.0])
    for _ in range(500):
        point = point + 0.1 * theory.dirac_gan_vector_field(*point, r1_gamma=r1_gamma)
    assert (np.linalg.norm(point) < 1e-3) == converges


def test_dirac_gan_field_is_minus_the_gradients_of_the_losses():
    theta, psi, gamma = 0.7, -0.4, 0.3
    field = theory.dirac_gan_vector_field(theta, psi, "non_saturating", gamma)
    assert field[0] == pytest.approx(
        -derivative(lambda t: theory.generator_loss_non_saturating([psi * t]), theta), abs=1e-8
    )
    penalized = lambda s: theory.discriminator_loss([0.0], [s * theta]) + gamma / 2 * s**2  # noqa: E731
    assert field[1] == pytest.approx(-derivative(penalized, psi), abs=1e-8)
    minimax = theory.dirac_gan_vector_field(theta, psi, "minimax")
    assert minimax[0] == pytest.approx(-derivative(lambda t: theory.generator_loss_minimax([psi * t]), theta), abs=1e-8)


def test_dirac_gan_field_takes_a_grid():
    theta, psi = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 4))
    assert theory.dirac_gan_vector_field(theta, psi).shape == (4, 5, 2)


# -- refusals --


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: theory.entropy([0.5, 0.6, -0.1]), "must not be negative"),
        (lambda: theory.entropy([0.5, 0.6]), "must sum to 1"),
        (lambda: theory.entropy(1.0), "must sum to 1"),
        (lambda: theory.entropy([np.nan, 1.0]), "must not be negative"),
        (lambda: theory.kl_divergence(P, [0.5, 0.6, 0.1]), "q="),
        (lambda: theory.js_divergence(P, [0.5, 0.5]), "same outcomes"),
        (lambda: theory.information_content(1.2), r"\[0, 1\]"),
        (lambda: theory.binary_entropy(-0.1), r"\[0, 1\]"),
        (lambda: theory.binary_cross_entropy(2, 0.0), "label="),
        (lambda: theory.value_function([0.5], [1.5]), "d_fake="),
        (lambda: theory.value_function([], [0.5]), "at least one"),
        (lambda: theory.discriminator_loss([], [0.5]), "real_logits"),
        (lambda: theory.optimal_discriminator([-1.0], [1.0]), "p="),
        (lambda: theory.dirac_gan_vector_field(0, 0, "nonsaturating"), "non_saturating"),
        (lambda: theory.dirac_gan_vector_field(0, 0, r1_gamma=-1.0), "r1_gamma=-1.0"),
    ],
)
def test_refusals_name_the_argument_and_the_rule(call, message):
    with pytest.raises(ValueError, match=message):
        call()
