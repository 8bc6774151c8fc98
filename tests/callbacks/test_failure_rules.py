"""Each failure rule on observations made for it."""

import dataclasses
import inspect
import re

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan.callbacks import failure_rules
from kerasgan.callbacks import guard as guard_module
from kerasgan.callbacks.failure_rules import ADVICE, Failure, Observation, Rate, Scales
from kerasgan.callbacks.held_out import ranking
from kerasgan.metrics import Copying

SOUND = {
    "d_loss": 1.3,
    "g_loss": 0.8,
    "d_real": 0.55,
    "d_fake": 0.45,
    "d_grad_norm": 1.0,
    "g_grad_norm": 1.0,
    "pairwise_accuracy": 0.6,
    "logit_spread": 0.5,
    "real_diversity": 0.3,
    "fake_diversity": 0.2,
}
NEUTRAL_LOSS = 2 * np.log(2)
NETWORKS = ("discriminator", "generator")


def observations(count=8, weights=None, **diagnostics):
    """Observations every 20 steps of sound training, but for some diagnostics: values, or functions of the number."""
    made = [Observation(0, {}, weights_at(0))]
    for number in range(1, count + 1):
        own = {name: value(number) if callable(value) else value for name, value in diagnostics.items()}
        made.append(Observation(20 * number, SOUND | own, (weights or weights_at)(number)))
    return made


def weights_at(number, growth=1.01, still=()):
    sums = {name: np.array([4.0, 1.0]) * (1.0 if name in still else growth**number) for name in NETWORKS}
    return {name: (each, np.array([1.0])) for name, each in sums.items()}


def found(made, neutral_loss=NEUTRAL_LOSS, **scales):
    return [failure.what for failure in failure_rules.failures(made, Scales(neutral_loss, **scales))]


def test_sound_training_is_no_failure():
    for count in range(1, 12):
        assert found(observations(count)) == []


def test_not_finite_names_the_step_and_the_values_and_is_the_only_failure():
    made = observations(3, fake_diversity=1e-9)
    made[-1] = Observation(60, SOUND, weights_at(3), not_finite_at=47, not_finite=("d_loss", "d_grad_norm"))
    (failure,) = failure_rules.failures(made, Scales(NEUTRAL_LOSS))
    assert failure.step == 47 and str(failure).startswith("step 47: not finite: d_loss and d_grad_norm held NaN")


def test_weights_that_are_not_finite_are_found_even_if_no_loss_shows_it():
    made = observations(2)
    made[-1].weights["generator"][1][0] = np.nan  # a moving statistic, which training does not use
    assert found(made) == ["not finite"]


@pytest.mark.parametrize(("growth", "expected"), [(1.2, []), (2.0, ["runaway"])])
def test_weights_that_grow_threefold_in_two_hundred_steps_run_away(growth, expected):
    made = observations(10, weights=lambda n: weights_at(n, growth))
    assert found(made) == expected  # growth is of sums of squares, so tenfold is 3.2


def test_weights_that_grow_from_a_small_start_do_not_run_away():
    """The norm of the last is 36 times that of the first: below three times the usual scale, and above it."""
    made = observations(10, weights=lambda n: weights_at(n, 2.05))
    last = np.sqrt(np.sum(made[-1].weights["generator"][0]))
    assert found(made, weights=dict.fromkeys(NETWORKS, last / 2.9)) == []
    assert found(made, weights=dict.fromkeys(NETWORKS, last / 3.1)) == ["runaway"]


def test_a_loss_far_above_that_of_guessing_is_runaway_if_it_lasts():
    assert found(observations(d_loss=14.0)) == ["runaway"]
    assert found(observations(d_loss=13.0)) == []
    assert found(observations(d_loss=lambda n: 14.0 if n != 6 else 1.0)) == []
    assert found(observations(d_loss=14.0), neutral_loss=0.0) == []  # a critic's loss has no such measure
    assert found(observations(logit_spread=101.0)) == ["runaway"]
    assert found(observations(logit_spread=101.0), neutral_loss=0.0) == []


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_whose_weights_do_not_change_is_dead(network):
    assert found(observations(weights=lambda n: weights_at(n, still=[network]))) == [f"dead {network}"]
    assert found(observations(4, weights=lambda n: weights_at(n, still=[network]))) == []  # not long enough


def with_rates(made, **rates):
    return [dataclasses.replace(each, rates={name: Rate(*rate) for name, rate in rates.items()}) for each in made]


@pytest.mark.parametrize(
    ("rates", "is_planned"),
    [
        (((0.0, 1e-3, True), (1e-3, 1e-3)), True),  # a schedule of its own that has ended
        (((0.0, 1e-3), (0.0, 1e-3)), True),  # both were brought down
        (((1e-7, 1e-3), (1e-7, 1e-3)), True),
        (((1e-15, 1e-3), (1e-3, 1e-3)), False),  # one of two
        (((1e-3, 1e-3, True), (1e-3, 1e-3, True)), False),
        (((0.0, 0.0), (1e-3, 1e-3)), False),  # it never was above 0
        (((0.0, 0.0, True), (0.0, 0.0, True)), False),
    ],
)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_learning_rate_that_has_fallen_as_planned_is_no_failure(network, rates, is_planned):
    (other,) = set(NETWORKS) - {network}
    for growth, expected in ((1.0, f"dead {network}"), (1 + 1e-9, f"{network} does not learn")):

        def of(number, growth=growth):
            return weights_at(number) | {network: weights_at(number, growth)[network]}

        made = with_rates(observations(weights=of), **{network: rates[0], other: rates[1]})
        assert found(made) == ([] if is_planned else [expected])


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_whose_weights_hardly_change_does_not_learn(network):
    def slow(number, growth=1 + 1e-9):
        return weights_at(number) | {network: weights_at(number, growth)[network]}

    assert found(observations(weights=slow)) == [f"{network} does not learn"]
    assert found(observations(weights=lambda n: slow(n, 1 + 1e-6))) == []  # five times 1e-6
    vanished = {f"{network[0]}_grad_norm": lambda n: 1.0 if n < 3 else 1e-9}
    assert found(observations(weights=slow, **vanished)) == []  # the gradient is the cause, not the rate


def test_new_biases_next_to_nothing_are_no_learning():
    def with_biases(number):
        kernel, bias = 4.0, 1e-24 * number**2  # of steps of 1e-12
        return weights_at(number) | {"generator": (np.array([kernel, bias]), np.array([1.0]))}

    assert found(observations(weights=with_biases)) == ["generator does not learn"]


def test_what_follows_from_a_network_that_does_not_learn_is_not_reported():
    made = observations(weights=lambda n: weights_at(n, still=["generator"]), logit_spread=200.0)
    assert found(made) == ["dead generator"]


# Flipped labels


FLIPPED = {"pairwise_accuracy": 0.001, "d_loss": 0.2, "g_loss": 0.1}


def test_a_low_loss_with_the_wrong_order_of_the_logits_means_flipped_labels():
    assert found(observations(**FLIPPED)) == ["flipped labels"]
    assert found(observations(**FLIPPED | {"logit_spread": 200.0})) == ["flipped labels"]  # hides the runaway
    assert found(observations(**FLIPPED | {"d_loss": -2.0}), neutral_loss=0.0) == ["flipped labels"]  # a critic
    assert found(observations(**FLIPPED | {"d_loss": 2.0})) == []  # it is fooled, and pays for it
    assert found(observations(**FLIPPED | {"pairwise_accuracy": 0.3})) == []
    assert found(observations(4, **FLIPPED)) == []
    assert found(observations(**FLIPPED | {"pairwise_accuracy": lambda n: 0.0 if n != 6 else 0.5})) == []


def test_two_low_losses_mean_flipped_labels():
    low = {"pairwise_accuracy": 0.999, "d_loss": 0.1, "g_loss": 0.1}
    assert found(observations(**low), g_loss=np.log(2)) == ["flipped labels"]
    assert found(observations(**low | {"g_loss": 3.0}), g_loss=np.log(2)) == []  # it leads
    assert found(observations(**low | {"d_loss": 1.0}), g_loss=np.log(2)) == []
    assert found(observations(**low)) == []  # an objective whose g_loss has no neutral value


@pytest.mark.parametrize("name", sorted(kerasgan.objectives.OBJECTIVES))
def test_no_logits_make_both_losses_of_a_sound_objective_low(name):
    """What the rule for two low losses rests on: over all pairs of logits."""
    objective = kerasgan.objectives.get(name)
    scales = guard_module.scales_of_objective(objective)
    real, fake = (each.ravel().astype("float32") for each in np.meshgrid(*[np.linspace(-6, 6, 121)] * 2))
    d_loss, g_loss = (np.asarray(loss(real, fake)) for loss in (objective.d_loss, objective.g_loss))
    is_right = real > fake
    if scales[1] is not None:
        assert not (is_right & (d_loss < scales[0] / 2) & (g_loss < scales[1])).any()
    assert not (~is_right & (d_loss < scales[0] - 1e-6)).any()


# The data


@pytest.mark.parametrize(
    ("counted", "different", "expected"),
    [(500, 1, True), (500, 9, True), (500, 10, False), (499, 1, False), (10**6, 3, True), (0, 0, False)],
)
def test_a_handful_of_images_is_too_few(counted, different, expected):
    made = observations()
    made[-1] = dataclasses.replace(made[-1], images=(counted, different))
    assert found(made) == (["too few images"] if expected else [])


def test_a_discriminator_with_the_same_logit_for_all_images_is_dead():
    assert found(observations(logit_spread=0.0)) == ["dead discriminator"]
    assert found(observations(logit_spread=lambda n: 0.0 if n != 6 else 0.1)) == []


def test_a_discriminator_wins_if_its_loss_or_the_generators_gradient_has_vanished():
    assert found(observations(pairwise_accuracy=1.0)) == []  # it leads, but both can still learn
    assert found(observations(pairwise_accuracy=1.0, d_loss=0.01)) == ["winning discriminator"]
    assert found(observations(pairwise_accuracy=0.9, d_loss=0.01)) == []
    vanished = observations(pairwise_accuracy=1.0, g_grad_norm=lambda n: 1.0 if n < 3 else 0.005)
    assert found(vanished, neutral_loss=0.0) == ["winning discriminator"]
    assert found(observations(pairwise_accuracy=0.9, g_grad_norm=lambda n: 1.0 if n < 3 else 0.005)) == []


def test_samples_that_lose_their_diversity_have_collapsed():
    assert found(observations(fake_diversity=lambda n: 0.2 if n < 3 else 0.005)) == ["collapsed generator"]
    assert found(observations(fake_diversity=lambda n: 0.2 if n < 3 else 0.01)) == []
    assert found(observations(fake_diversity=0.005)) == []  # not yet diverse
    assert found(observations(fake_diversity=1e-6)) == ["collapsed generator"]  # less than an untrained generator has
    assert found(observations(fake_diversity=1e-9, real_diversity=0.0)) == []  # nothing to compare with


def test_networks_that_circle_each_other_oscillate():
    assert found(observations(20, pairwise_accuracy=lambda n: 0.95 if n % 8 < 4 else 0.05)) == ["oscillation"]
    assert found(observations(20, pairwise_accuracy=lambda n: 0.7 if n % 8 < 4 else 0.4)) == []
    assert found(observations(20, pairwise_accuracy=lambda n: 0.95 if n < 9 else 0.05)) == []


def test_single_odd_observations_are_no_oscillation():
    """As with a critic that makes one step for each of the generator's."""
    assert found(observations(40, pairwise_accuracy=lambda n: 0.95 if n % 8 == 4 else 0.05, d_loss=1.5)) == []


def test_a_discriminator_overfits_if_it_ranks_training_images_first():
    failure = failure_rules.overfitted_discriminator(7, 0.9, 500, 100)
    assert failure.what == "overfitted discriminator" and "probability of 0.90" in failure.evidence
    assert failure_rules.overfitted_discriminator(7, 0.74, 500, 100) is None
    assert failure_rules.overfitted_discriminator(7, np.nan, 500, 100) is None


def test_few_images_are_no_evidence_of_overfitting():
    """Of 8 and 8 images every sixteenth pair of samples of one distribution has an AUC above 0.75."""
    random = np.random.default_rng(0)
    draws = [ranking(*random.normal(size=(2, 8))) for _ in range(2000)]
    assert np.mean(np.array(draws) > failure_rules.MAX_AUC) > 0.03
    assert not any(failure_rules.overfitted_discriminator(7, auc, 8, 8) for auc in draws)
    assert failure_rules.overfitted_discriminator(7, 1.0, 30, 30)


def test_copies_are_reported_with_what_shows_them():
    found = Copying(share=0.9, expected=0.5, z=8.0, close=0.4, suspicious=True)
    failure = failure_rules.copied_images(7, found, 90, 60)
    assert failure.what == "copied training images" and "40 % of the samples nearly equal one of 90" in failure.evidence
    assert "90 % are nearer to one of them than to any of 60 held-out images (50 % by chance)" in failure.evidence
    alone = dataclasses.replace(found, share=None, expected=None, z=None)
    assert "held-out" not in failure_rules.copied_images(7, alone, 90, 0).evidence
    assert failure_rules.copied_images(7, dataclasses.replace(found, suspicious=False), 90, 60) is None


# Advice


@pytest.mark.parametrize("what", ADVICE)
def test_a_failure_ends_with_its_advice(what):
    assert str(Failure(1234, what, "evidence")) == f"step 1,234: {what}: evidence. Try: {ADVICE[what]}."


def settings_in(advice):
    """Returns the (name, value) of each setting in a piece of advice, such as augment='ada' or beta_1=0."""
    found = re.findall(r"(\w+)=(\[[^\]]*\]|'[^']*'|[\d.]+)((?: or '[^']*')*)", advice)
    return [(name, eval(each)) for name, value, others in found for each in [value, *re.findall(r"'[^']*'", others)]]


@pytest.mark.parametrize("advice", sorted(set(ADVICE.values())))
def test_every_name_in_a_piece_of_advice_exists(make_gan, advice):
    compile_arguments = inspect.signature(kerasgan.GAN.compile).parameters
    settings = settings_in(advice)
    for name, value in settings:
        if name in compile_arguments:
            make_gan(**{name: value})
        else:
            keras.optimizers.Adam(**{name: value})
    # No other name stands in quotes.
    quoted = re.findall(r"['`]([^'`]*)['`]", re.sub(r"generator's|discriminator's", "", advice))
    values = [each for _, value in settings for each in (value if isinstance(value, list) else [value])]
    assert set(quoted) <= {value for value in values if isinstance(value, str)}


def test_settings_are_found_in_advice():
    advice = "objective='a' or 'b_c' with penalties=['r1', 'r2'], Adam with beta_1=0, or augment='ada'"
    assert settings_in(advice) == [
        ("objective", "a"),
        ("objective", "b_c"),
        ("penalties", ["r1", "r2"]),
        ("beta_1", 0),
        ("augment", "ada"),
    ]
