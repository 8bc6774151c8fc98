"""Callbacks with conditions that are images, several labels or numbers, and with both directions of a CycleGAN."""

import keras
import numpy as np
import pytest
import translators
from callback_helpers import file_names, fit, scalars
from PIL import Image

import kerasgan
from kerasgan import callbacks, conditions, networks, pictures
from kerasgan.callbacks import held_out
from kerasgan.callbacks.translations import GAP

RANDOM = np.random.default_rng(0)
A, B = RANDOM.uniform(-1, 1, (2, 16, 8, 8, 1)).astype("float32")
COLORS = RANDOM.uniform(-1, 1, (2, 8, 8, 3)).astype("float32")


def gan_with_latents():
    condition = conditions.Image((8, 8, 1))
    both = networks.pix2pix((8, 8, 1), 3, width=2, depth=1, condition=condition)
    gan = kerasgan.GAN(*both, latent_dim=3, condition=condition)
    gan.compile()
    return gan


def vector_gan(condition):
    keras.utils.set_random_seed(1)
    gan = kerasgan.GAN(*networks.mlp((8, 8, 1), 4, width=8, condition=condition), latent_dim=4, condition=condition)
    gan.compile()
    return gan


def pixels(path):
    return np.asarray(Image.open(path))


def whole(picture, factor):
    """The picture before it was enlarged."""
    return picture[::factor, ::factor]


def test_strips_hold_their_columns():
    found = pictures.strips(A[:2], COLORS, np.zeros((2, 8, 5, 4)), gap=2)
    assert found.shape == (2, 8, 8 + 2 + 8 + 2 + 5, 3)
    assert np.array_equal(found[:, :, :8], A[:2].repeat(3, axis=-1)) and np.array_equal(found[:, :, 10:18], COLORS)
    with pytest.raises(ValueError, match="as many images of one height"):
        pictures.strips(A, B[:3])


def test_a_grid_shows_input_translation_and_truth(tmp_path):
    """The pairs are those of the validation data, and every third image is a translation by the trained generator."""
    gan = translators.pix2pix()
    grid = callbacks.ImageGrid(tmp_path, n=6)
    fit(gan, B[:12], grid, y=A[:12], epochs=1, batch_size=4, validation_data=(B[12:], A[12:]))
    shown = pictures.strips(grid.real_labels[:2], gan.translate(grid.real_labels[:2]), grid.real[:2])
    expected = pictures.tile(shown, columns=1, padding=GAP)
    assert np.array_equal(pixels(tmp_path / "images" / "samples-00000003.png"), expected[..., 0])
    found = {image.tobytes() for image in B[12:]}
    assert len(grid.real) == 4 and {image.tobytes() for image in grid.real} == found
    assert all(
        (B[np.where((A == each).all((1, 2, 3)))[0][0]] == truth).all()
        for each, truth in zip(grid.real_labels, grid.real, strict=True)
    )


def test_a_grid_of_a_cycle_gan_shows_both_ways(tmp_path):
    gan = translators.cycle_gan()
    fit(gan, A, callbacks.ImageGrid(tmp_path, n=12, real=(A[:5], B[:5])), y=B, epochs=1, batch_size=8)
    to_b = gan.translate(A[:2], to="b")
    first = whole(pixels(tmp_path / "images" / "samples-00000002.png"), 11)[3:11, 3:-3]
    row = pictures.to_uint8(pictures.strips(A[:1], to_b[:1], gan.translate(to_b[:1], to="a"))[0])[..., 0]
    assert np.array_equal(first[:, : row.shape[1]], row)
    assert np.array_equal(first[:, row.shape[1] + 3 :][:, :8], pictures.to_uint8(B[0])[..., 0])


def test_grids_without_pairs_are_refused_before_training(tmp_path):
    gan = translators.pix2pix()
    with pytest.raises(ValueError, match="A picture of translations shows pairs"):
        gan.fit((each for each in [(B[:4], A[:4])]), callbacks=[callbacks.ImageGrid(tmp_path)], verbose=0)
    with pytest.raises(ValueError, match="must have shape"):
        fit(gan, B, callbacks.ImageGrid(tmp_path, real=(B, A[:, :4])), y=A)


@pytest.mark.parametrize("condition", [conditions.Labels(3), conditions.Vector(2)])
def test_samples_have_fixed_conditions(tmp_path, condition):
    gan, images, values = vector_gan(condition), A, condition.draw(16, 0)
    drawn, given = tmp_path / "drawn", tmp_path / "given"
    grids = callbacks.ImageGrid(drawn, n=4), callbacks.ImageGrid(given, n=4, real=(images, values))
    real = {"real_images": images, "extractor": "pixels", "metrics": "fid", "conditions": values}
    walk = callbacks.LatentWalk(drawn, rows=2, frames=3)
    with pytest.warns(UserWarning, match="few real images"):
        fit(gan, images, *grids, walk, callbacks.Evaluate(**real), y=values, epochs=1)
    last = "images/samples-00000001.png"
    assert np.array_equal(pixels(drawn / last), pictures.tile(gan.generate(4, seed=0), columns=2)[..., 0])
    left = pictures.tile(gan.generate(seed=0, condition=values[:4]), columns=2)
    assert np.array_equal(pixels(given / last)[:, : left.shape[1]], left[..., 0])
    rows = walk.conditions().reshape(2, 3, -1)
    assert (rows == rows[:, :1]).all() and not np.array_equal(rows[0], rows[1])


def test_a_walk_needs_latents(tmp_path):
    with pytest.raises(ValueError, match="A walk leads through the latents"):
        fit(translators.pix2pix(), B, callbacks.LatentWalk(tmp_path), y=A)
    fit(gan_with_latents(), B, callbacks.LatentWalk(tmp_path, rows=2, frames=2), y=A, epochs=1)
    assert len(file_names(tmp_path / "latent_walk")) == 1


def test_translations_are_evaluated_against_the_truth():
    """L1 is that of the translations of the conditions, in the order of the real images."""
    gan = translators.pix2pix()
    evaluate = callbacks.Evaluate(B, "pixels", metrics=["fid", "l1"], conditions=A)
    with pytest.warns(UserWarning, match="few real images"):
        logs = fit(gan, B, evaluate, y=A, epochs=1).history
    assert logs["val_l1"][-1] == pytest.approx(np.abs(gan.translate(A) - B).mean(), rel=1e-5)
    with pytest.raises(ValueError, match="evaluated on given ones"):
        fit(gan, B, callbacks.Evaluate(B, "pixels", metrics="fid"), y=A)


def test_a_cycle_gan_is_evaluated_on_domain_b():
    gan = translators.cycle_gan()
    evaluate = callbacks.Evaluate(B, "pixels", metrics="fid", conditions=A)
    with pytest.warns(UserWarning, match="few real images"):
        found = fit(gan, A, evaluate, y=B, epochs=1).history["val_fid"][-1]
    assert found == pytest.approx(kerasgan.evaluation.evaluate(B, gan.translate(A), "pixels", metrics="fid").fid)
    with pytest.raises(ValueError, match="'l1' compares translations"):
        fit(gan, A, callbacks.Evaluate(B, "pixels", metrics="l1", conditions=A), y=B)


@pytest.mark.parametrize("make", [translators.pix2pix, translators.cycle_gan])
def test_guard_and_curves(tmp_path, make):
    """The discriminator's AUC is of the mean of its map; the distance from the truth has a chart of its own."""
    gan, cycle = make(), make is translators.cycle_gan
    x, y = (A, B) if cycle else (B, A)
    board, guard = callbacks.TensorBoard(tmp_path), callbacks.Guard("warn")
    table = callbacks.HistoryCSV(tmp_path / "history.csv")
    logs = fit(gan, x[:11], guard, board, table, y=y[:11], epochs=2, batch_size=4, validation_data=(x[11:], y[11:]))
    inputs = [np.concatenate([x, y], axis=-1)] if cycle else [x, y]
    logits = np.asarray(gan.discriminator(inputs if len(inputs) > 1 else inputs[0])).reshape(16, -1).mean(axis=1)
    assert logs.history[held_out.AUC][-1] == pytest.approx(held_out.ranking(logits[:11], logits[11:]))
    charted = scalars(tmp_path / "train", "losses/g_reconstruction")
    assert charted[-1] == pytest.approx(logs.history["g_reconstruction"][-1], rel=1e-5)
    assert "g_reconstruction" in (tmp_path / "history.csv").read_text().splitlines()[0]


def test_equilibrium_needs_samples_without_given_conditions():
    images = RANDOM.uniform(-1, 1, (60, 8, 8, 1)).astype("float32")
    with pytest.raises(ValueError, match="draws them without a condition"):
        fit(translators.pix2pix(), B, callbacks.Equilibrium(images), y=A)
