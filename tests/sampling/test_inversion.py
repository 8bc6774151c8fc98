"""Inversion against closed forms, brute force and round trips; p-values against counting."""

import itertools

import numpy as np
import pytest
from linear_gan import MATRIX, linear_gan
from scipy.spatial import distance

import kerasgan
from kerasgan import sampling
from kerasgan.sampling import anomaly, nearest

POINTS = np.random.default_rng(0).normal(size=(7, 5)).astype("float32")
LONG = {"steps": 40, "bank_size": 50}


@pytest.fixture(scope="module")
def gan():
    return linear_gan()


@pytest.mark.parametrize("prior", [0.0, 0.1])
def test_a_linear_generator_is_inverted_as_ridge_regression_does(gan, prior):
    """mean((z A - x)^2) + prior mean(z^2) is least where (A A' / 5 + prior / 3 I) z = A x / 5."""
    found = gan.invert(POINTS, prior=prior, **LONG)
    expected = np.linalg.solve(MATRIX @ MATRIX.T / 5 + prior / 3 * np.eye(3), MATRIX @ POINTS.T / 5).T
    assert found.latents == pytest.approx(expected, abs=2e-3)
    residuals = np.sqrt(np.mean((expected @ MATRIX - POINTS) ** 2, axis=1))
    assert found.distances == pytest.approx(residuals, abs=1e-3)
    assert np.array_equal(found.images, gan.generate(latents=found.latents)) and found.labels is None


def test_without_steps_it_is_the_nearest_sample_of_the_bank(gan):
    found = gan.invert(POINTS, steps=0, starts=1, bank_size=1500, seed=3)
    latents = np.random.default_rng(3).standard_normal((1500, 3), "float32")
    samples = gan.generate(latents=latents)
    brute = distance.cdist(POINTS, samples)
    assert found.latents == pytest.approx(latents[brute.argmin(axis=1)], abs=0)
    assert found.distances == pytest.approx(brute.min(axis=1) / np.sqrt(5), rel=1e-4)


def test_the_starts_are_the_nearest_in_order(gan):
    search = sampling.Search(starts=4, bank_size=2500)
    starts = nearest.bank(gan, lambda images: images, search, POINTS, None)
    found = np.linalg.norm(
        gan.generate(latents=starts.latents.reshape(-1, 3)).reshape(7, 4, 5) - POINTS[:, None], axis=2
    )
    latents = np.random.default_rng(0).standard_normal((2500, 3), "float32")
    brute = np.sort(distance.cdist(POINTS, gan.generate(latents=latents)), axis=1)[:, :4]
    assert found == pytest.approx(brute, rel=1e-4)


def test_squared_distances_are_those_of_scipy():
    one, other = np.random.default_rng(1).normal(size=(2, 6, 9))
    assert nearest.squared_distances(one, other) == pytest.approx(distance.cdist(one, other, "sqeuclidean"), abs=1e-12)


def test_batches_change_nothing(gan):
    whole, parts = (gan.invert(POINTS, batch_size=size, steps=20, bank_size=50) for size in (7, 3))
    assert parts.latents == pytest.approx(whole.latents, abs=1e-5)


def test_samples_of_a_network_are_found_again(make_gan):
    gan = make_gan()
    found = gan.invert(gan.generate(6, seed=1), prior=0.0, steps=100, bank_size=1000)
    start = gan.invert(gan.generate(6, seed=1), steps=0, bank_size=1000)
    assert np.median(found.distances) < 0.05 * np.median(start.distances)


@pytest.mark.parametrize("labels", [None, np.array([0, 1, 2, 2, 1, 0])])
def test_the_class_is_found_or_kept(labels):
    gan = linear_gan(num_classes=3)
    true = np.array([0, 1, 2, 2, 1, 0])
    images = gan.generate(6, seed=2, labels=true)
    found = gan.invert(images, labels, **LONG, prior=0.0)
    assert found.labels.tolist() == true.tolist() and found.labels.dtype == np.int32
    assert found.distances == pytest.approx(np.zeros(6), abs=0.02)


def test_one_wrong_class_for_all_is_kept_and_is_far():
    gan = linear_gan(num_classes=3, offset=100.0)
    found = gan.invert(gan.generate(4, seed=2, labels=0), 2, steps=20, bank_size=50)
    assert found.labels.tolist() == [2] * 4 and found.distances.min() > 10


def test_features_decide_what_is_compared(gan):
    """Only the second dimension counts: any latents whose sample agrees there are at distance 0."""
    features = kerasgan.features.Extractor("second", lambda images: images[:, 1:2])
    found = gan.invert(POINTS, features=features, prior=0.0, **LONG)
    assert found.distances == pytest.approx(np.zeros(7), abs=1e-3)
    assert found.images[:, 1] == pytest.approx(POINTS[:, 1], abs=1e-3)
    assert np.abs(found.images[:, 0] - POINTS[:, 0]).min() > 1e-3


def test_inverting_changes_nothing_of_the_model(make_gan, images):
    gan = make_gan()
    before = [np.array(each) for each in gan.get_weights()], gan.seed_generator.state.numpy()
    gan.invert(images, steps=2, bank_size=20)
    after = [np.array(each) for each in gan.get_weights()], gan.seed_generator.state.numpy()
    assert all(map(np.array_equal, before[0], after[0])) and np.array_equal(before[1], after[1])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": -1}, "steps=-1"),
        ({"starts": 0}, "starts=0"),
        ({"starts": 30, "bank_size": 20}, "larger bank or fewer starts"),
        ({"prior": float("nan")}, "prior=nan"),
        ({"prior": "weak"}, "prior='weak'"),
        ({"labels": 1}, "num_classes=None"),
        ({"features": 3}, "Received: 3"),
        ({"images": POINTS[:, :4]}, "shape (7, 4)"),
        ({"images": POINTS[:0]}, "empty array"),
    ],
)
def test_refusals(gan, options, said):
    with pytest.raises(ValueError) as caught:
        gan.invert(**({"images": POINTS} | options))
    assert said in str(caught.value)


# Anomaly scores


def test_p_values_count_the_reference():
    assert anomaly.p_values([0.5, 1.0, 2.5, 9.0], [3.0, 1.0, 2.0]).tolist() == [1.0, 1.0, 0.5, 0.25]


def test_an_image_of_the_data_has_a_small_p_value_as_seldom_as_it_says():
    """Of exchangeable scores each is the last in turn: p takes 1/4, 2/4, 3/4, 4/4 once each."""
    scores = [0.3, 1.5, 0.7, 2.2]
    found = [anomaly.p_values([each], [other for other in scores if other != each])[0] for each in scores]
    assert sorted(found) == [0.25, 0.5, 0.75, 1.0]
    ties = [anomaly.p_values([order[0]], order[1:])[0] for order in itertools.permutations([1.0, 1.0, 2.0, 2.0])]
    assert all(np.mean(np.array(ties) <= level) <= level for level in (0.25, 0.5, 0.75))


def test_what_no_sample_is_near_to_is_an_anomaly(gan):
    random = np.random.default_rng(5)
    reference, normal = (random.normal(size=(count, 3)).astype("float32") @ MATRIX for count in (39, 20))
    outside = normal + np.array([0.0, 0.0, 0.0, 5.0, 0.0], "float32")
    found = gan.anomaly_scores(np.concatenate([normal, outside]), reference, **LONG)
    assert found.p_values[20:] == pytest.approx(np.full(20, 1 / 40))
    assert found.p_values[:20].mean() > 0.3
    again = gan.anomaly_scores(outside, found.reference_scores, **LONG)
    assert again.p_values == pytest.approx(np.full(20, 1 / 40)) and len(found.reference_scores) == 39


@pytest.mark.parametrize("reference", [[], [np.nan]])
def test_scores_need_a_reference(reference):
    with pytest.raises(ValueError, match="held-out images"):
        anomaly.p_values([1.0], reference)
