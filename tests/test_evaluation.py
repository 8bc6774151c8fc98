"""Evaluations by their meaning: what copies, collapses and noise score."""

import dataclasses

import numpy as np
import pytest

from kerasgan import evaluation, features, metrics

RANDOM = np.random.default_rng(0)


def drawn(n, classes=(0, 1, 2, 3)):
    """Images of 4x4 pixels with one bright row, which is the class, in noise."""
    images = RANDOM.normal(-0.5, 0.1, (n, 4, 4, 1))
    images[np.arange(n), np.resize(classes, n)] += 1.0
    return images.astype("float32")


def rows(images):
    """Classifies by the brightest row, almost surely."""
    bright = images.numpy().sum(axis=(2, 3))
    shares = np.exp(20 * bright)
    return images.numpy().reshape(len(images), -1), shares / shares.sum(axis=1, keepdims=True)


REAL = drawn(400)
CLASSIFIER = features.model(rows, name="rows")


def test_a_set_against_itself():
    found = evaluation.evaluate(REAL, REAL, CLASSIFIER, subsets=5)
    assert found.fid == pytest.approx(0, abs=1e-6)
    assert found.precision == found.recall == found.coverage == 1.0
    assert found.js == 0.0 and found.score == pytest.approx(4, abs=0.1)
    assert (found.real, found.generated, found.extractor) == (400, 400, "rows")


def test_another_draw_is_near_and_noise_is_far():
    near, far = (
        evaluation.evaluate(REAL, other, CLASSIFIER, subsets=5)
        for other in (drawn(400), RANDOM.uniform(-1, 1, REAL.shape).astype("float32"))
    )
    assert near.fid < far.fid / 20 and abs(near.kid) < far.kid / 20
    assert near.precision > 0.8 > 0.1 > far.precision and near.density > 0.8 > 0.1 > far.density


def test_a_collapsed_generator():
    """One class, one image of it: precise, but it recalls and covers little, and its classes diverge."""
    collapsed = REAL[:1] + RANDOM.normal(0, 0.005, REAL.shape).astype("float32")
    found = evaluation.evaluate(REAL, collapsed, CLASSIFIER, subsets=5)
    assert found.precision > 0.95 and found.recall < 0.05 and found.coverage < 0.05
    quarter = metrics.class_divergence([1, 1, 1, 1], [1, 0, 0, 0])
    assert found.js == pytest.approx(quarter) and quarter > 0.3
    assert found.score == pytest.approx(1, abs=1e-3)


def test_the_figures_are_those_of_the_metrics():
    other = drawn(300)
    found = evaluation.evaluate(REAL, other, "pixels", k=2, subsets=4, subset_size=50, seed=3)
    flat = REAL.reshape(400, -1), other.reshape(300, -1)
    assert found.fid == pytest.approx(metrics.frechet_distance(*flat))
    assert (found.kid, found.kid_spread) == metrics.kernel_distance(*flat, 4, 50, 3)
    assert (found.precision, found.recall) == metrics.precision_recall(*flat, 2)
    assert (found.density, found.coverage) == metrics.density_coverage(*flat, 2)
    assert found.js is None and found.score is None
    own = evaluation.evaluate(REAL, other, "pixels", ("recall", "coverage"))
    assert (own.recall, own.coverage) == (metrics.precision_recall(*flat)[1], metrics.density_coverage(*flat)[1])
    assert own.precision is None and own.fid is None and own.kid_spread is None
    assert evaluation.evaluate(REAL, other, "pixels", "fid").fid == found.fid


def test_subsets_of_few_images_still_differ():
    few = evaluation.evaluate(REAL[:40], drawn(30), "pixels", ["kid"])
    flat = REAL[:40].reshape(40, -1)
    assert few.kid_spread > 1e-3 > metrics.kernel_distance(flat, flat[::-1], 5, 1000)[1]
    assert evaluation.evaluate(REAL[:2], REAL[2:4], "pixels", ["kid"]).kid is not None


def test_features_of_real_images_are_computed_once():
    seen = []

    def counts(images):
        seen.append(len(images))
        return images.numpy().reshape(len(images), -1)

    real = evaluation.extract_real(REAL, counts)
    first, again = (evaluation.evaluate(real, REAL[:100], subsets=5) for _ in range(2))
    assert seen == [400, 100, 100] and first == again
    assert real.moments is real.moments
    assert first == evaluation.evaluate(REAL, REAL[:100], counts, subsets=5)


def test_the_table_says_what_it_is_of_and_leaves_out_what_is_none():
    found = dataclasses.replace(evaluation.Evaluation("rows", 10000, 5000), fid=1.23456, kid=0.5)
    lines = evaluation.table(dataclasses.replace(found, kid_spread=0.012)).splitlines()
    assert "5,000 generated against 10,000 real, rows features" in lines[0]
    assert "1.235" in lines[2] and "0.5 ± 0.012" in lines[3] and len(lines) == 4
    assert len({len(line) for line in lines}) == 1 == len({line.count("|") for line in lines})


def test_the_table_has_columns_for_the_floor_and_the_deviations():
    found = dataclasses.replace(evaluation.Evaluation("rows", 100, 100), fid=3.0, recall=0.5)
    floor = dataclasses.replace(found, fid=1.5, recall=0.75)
    lines = evaluation.table(found, floor, {"over latents": {"fid": 0.25}}).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert cells[0][2:4] == ["over latents", "real images"]
    assert cells[2][1:4] == ["3", "± 0.25", "1.5"] and cells[3][1:4] == ["0.5", "", "0.75"]


@pytest.mark.parametrize("n, marked", [(20, True), (300, False)])
def test_values_of_few_images_are_marked(n, marked):
    found = evaluation.evaluate(drawn(n), drawn(n), "pixels", ["fid", "fid_infinity", "recall", "coverage"])
    assert set(found.notes) == ({"fid", "fid_infinity", "recall", "coverage"} if marked else set())
    assert ("(!)" in evaluation.table(found)) == marked == ("too few images" in evaluation.table(found))


def test_a_kernel_distance_within_its_deviation_is_marked():
    """Real images against real ones are not to be distinguished from 0; noise is."""
    same, noise = (
        evaluation.evaluate(REAL, other, "pixels", ["kid"], subsets=20)
        for other in (drawn(400), RANDOM.uniform(-1, 1, REAL.shape).astype("float32"))
    )
    assert "not to be distinguished from 0" in same.notes["kid"]
    assert "not to be distinguished" not in noise.notes["kid"] and "too few" in noise.notes["kid"]


def test_the_extrapolated_distance_and_copies():
    more = drawn(400)
    flat = [images.reshape(400, -1) for images in (REAL, more)]
    found = evaluation.evaluate(REAL, more, "pixels", ["fid_infinity", "copies"], training_images=REAL[:100] + 0.01)
    assert found.fid_infinity == metrics.frechet_distance_infinity(*flat)
    assert found.copies == metrics.copying(flat[1], flat[0][:100] + np.float32(0.01), flat[0])
    assert found.value("copies") == found.copies.excess and found.value("fid_infinity") == found.fid_infinity
    copies = more[:50] + RANDOM.normal(0, 0.001, more[:50].shape).astype("float32")
    assert evaluation.evaluate(REAL, copies, "pixels", "copies", training_images=more).copies.suspicious
    assert evaluation.evaluate(REAL, copies, "pixels", "copies").copies is None


def test_labels_go_with_the_real_images():
    labels = np.arange(400) % 4
    assert evaluation.extract_real(REAL, "pixels", labels).labels is labels
    with pytest.raises(ValueError, match="one label for each"):
        evaluation.extract_real(REAL, "pixels", labels[:5])


def test_every_metric_has_a_row_and_a_field():
    fields = {field.name for field in dataclasses.fields(evaluation.Evaluation)}
    assert set(evaluation.ROWS) == set(evaluation.METRICS) < fields


@pytest.mark.parametrize(
    "call",
    [
        lambda: evaluation.evaluate(REAL, REAL, "pixels", ["frechet"]),
        lambda: evaluation.evaluate(REAL, REAL[:1], "pixels"),
        lambda: evaluation.evaluate(REAL, np.full_like(REAL, np.nan), "pixels"),
        lambda: evaluation.evaluate(REAL, REAL[:, :3], "pixels"),
    ],
)
def test_refusals(call):
    with pytest.raises(ValueError, match="Received"):
        call()
