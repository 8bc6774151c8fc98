"""Callbacks in real fits of tiny games: what is written where, that looking changes nothing, when training stops."""

import logging
import pathlib
from operator import itemgetter

import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

import kerasgan
from kerasgan import pictures
from kerasgan.callbacks import Equilibrium, ImageGrid, LatentWalk
from kerasgan.callbacks.equilibrium import nearest_neighbour_accuracy
from kerasgan.callbacks.latent_walk import spherical_interpolation
from kerasgan.callbacks.writer import SummaryWriter

IMAGES = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 1)).astype("float32")
POINTS = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")


def mlp(inputs, hidden, outputs):
    layers = [keras.layers.Dense(width, activation="leaky_relu") for width in hidden]
    return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(outputs)])


def image_gan():
    keras.utils.set_random_seed(3)
    generator = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(64, activation="tanh"),
            keras.layers.Reshape((8, 8, 1)),
        ]
    )
    discriminator = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
    )
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4)
    gan.compile()
    return gan


def point_gan(dimensions=2, d_hidden=(16,), g_hidden=(), d_rate=2e-4, g_rate=2e-4):
    keras.utils.set_random_seed(3)
    gan = kerasgan.GAN(
        mlp(dimensions, g_hidden, dimensions), mlp(dimensions, d_hidden, 1), latent_dim=dimensions, seed=1
    )
    adam = lambda rate: keras.optimizers.Adam(rate, beta_1=0.5)  # noqa: E731
    gan.compile(d_optimizer=adam(d_rate), g_optimizer=adam(g_rate))
    return gan


def fit(gan, data, callbacks, epochs=2, batch_size=32):
    return gan.fit(data, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=callbacks)


def events(folder):
    """Returns {tag: [(step, value), ...]} of a folder's event files, sorted by step."""
    read = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    read.Reload()
    # Sorted, as two files opened within one second are read in no certain order.
    return {
        tag: sorted(((event.step, make_ndarray(event.tensor_proto)) for event in read.Tensors(tag)), key=itemgetter(0))
        for tag in read.Tags()["tensors"]
    }


def steps(folder, tag):
    return [step for step, _ in events(folder)[tag]]


def scalars(folder, tag):
    return [float(value) for _, value in events(folder)[tag]]


def names(folder, pattern="*.png"):
    return sorted(path.name for path in pathlib.Path(folder).glob(pattern))


# -- the writer --


def test_writer_opens_nothing_before_the_first_write(tmp_path):
    writer = SummaryWriter(tmp_path / "run")
    writer.flush()
    writer.close()
    assert not (tmp_path / "run").exists()


def test_writer_opens_one_file_and_another_after_close(tmp_path):
    writer = SummaryWriter(tmp_path)
    for step in (1, 2):
        writer.scalar("a", 0.5 * step, step)
    writer.flush()
    assert len(names(tmp_path, "events*")) == 1 and steps(tmp_path, "a") == [1, 2]
    writer.close()
    writer.scalar("a", 1.5, 3)
    writer.close()
    assert len(names(tmp_path, "events*")) == 2
    assert steps(tmp_path, "a") == [1, 2, 3] and scalars(tmp_path, "a") == [0.5, 1.0, 1.5]


# -- grids --


def test_image_grid_writes_tags_files_and_steps_that_go_on(tmp_path):
    gan, grid = image_gan(), ImageGrid(tmp_path, n=9, real=IMAGES)
    fit(gan, IMAGES, [grid])
    fit(gan, IMAGES, [grid], epochs=1)
    folder = tmp_path / "images"
    assert set(events(folder)) == {"samples", "real"}
    assert steps(folder, "samples") == [2, 4, 6] and steps(folder, "real") == [0]
    assert names(folder) == ["real.png", "samples-00000002.png", "samples-00000004.png", "samples-00000006.png"]


def test_image_grid_is_the_picture_of_what_the_model_generates(tmp_path):
    gan = image_gan()
    fit(gan, IMAGES, [ImageGrid(tmp_path, n=9, seed=5, real=IMAGES)], epochs=1)
    shown = np.asarray(Image.open(tmp_path / "images" / "samples-00000002.png"))
    assert np.array_equal(shown, pictures.tile(gan.generate(9, seed=5))[..., 0])
    real = np.asarray(Image.open(tmp_path / "images" / "real.png"))
    assert np.array_equal(real, pictures.tile(IMAGES[:9])[..., 0])
    _, (width, height, png) = events(tmp_path / "images")["samples"][0]
    assert (int(height), int(width)) == shown.shape and png.startswith(b"\x89PNG")


def test_image_grid_every_few_epochs(tmp_path):
    fit(image_gan(), IMAGES, [ImageGrid(tmp_path, n=4, every_epochs=2)], epochs=5)
    assert steps(tmp_path / "images", "samples") == [4, 8]


def test_image_grid_can_be_read_before_training_ends(tmp_path):
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(steps(tmp_path / "images", "samples"))
    )
    fit(image_gan(), IMAGES, [ImageGrid(tmp_path, n=4), look])
    assert seen == [[2], [2, 4]]


@pytest.mark.parametrize("dimensions", [1, 2])
def test_image_grid_draws_points(tmp_path, dimensions):
    points = POINTS[:, :dimensions]
    gan = point_gan(dimensions)
    fit(gan, points, [ImageGrid(tmp_path, n=50, real=points)], epochs=1)
    shown = np.asarray(Image.open(tmp_path / "images" / "samples-00000002.png"))
    assert np.array_equal(shown, pictures.points_picture(gan.generate(50, seed=0), points))
    assert names(tmp_path / "images") == ["real.png", "samples-00000002.png"]


def test_latent_walk_writes_one_arc_a_row(tmp_path):
    gan, walk = image_gan(), LatentWalk(tmp_path, rows=3, steps=5)
    fit(gan, IMAGES, [walk])
    fit(gan, IMAGES, [walk], epochs=1)
    folder = tmp_path / "latent_walk"
    assert steps(folder, "latent_walk") == [2, 4, 6]
    assert names(folder) == [f"latent_walk-0000000{step}.png" for step in (2, 4, 6)]
    shown = np.asarray(Image.open(folder / "latent_walk-00000006.png"))
    assert np.array_equal(shown, pictures.tile(gan.generate(latents=walk.latents()), columns=5)[..., 0])
    assert shown.shape[0] * 5 == pytest.approx(shown.shape[1] * 3, rel=0.05)


def test_latent_walk_draws_points(tmp_path):
    fit(point_gan(), POINTS, [LatentWalk(tmp_path)], epochs=1)
    assert names(tmp_path / "latent_walk") == ["latent_walk-00000002.png"]


def test_looking_does_not_change_training(tmp_path):
    plain = image_gan()
    fit(plain, IMAGES, [])
    watched = image_gan()
    callbacks = [ImageGrid(tmp_path, n=9, real=IMAGES), LatentWalk(tmp_path), Equilibrium(IMAGES, tmp_path)]
    fit(watched, IMAGES, callbacks)
    assert len(plain.weights) > 8
    for one, other in zip(plain.weights, watched.weights, strict=True):
        assert np.array_equal(one.numpy(), other.numpy()), one.path
    # Random layers draw on states of their own: they stand where they stood without the callbacks.
    states = [gan.discriminator.layers[1].seed_generator.state.numpy() for gan in (plain, watched)]
    assert np.array_equal(*states) and np.any(states[0])


# -- the arc --


def test_arc_begins_and_ends_where_it_should_and_keeps_the_norm():
    start, end = np.random.default_rng(0).normal(size=(2, 6, 32))
    start, end = (5 * x / np.linalg.norm(x, axis=1, keepdims=True) for x in (start, end))
    arc = spherical_interpolation(start, end, np.linspace(0, 1, 7))
    assert arc.shape == (6, 7, 32)
    assert arc[:, 0] == pytest.approx(start, abs=1e-12) and arc[:, -1] == pytest.approx(end, abs=1e-12)
    assert np.linalg.norm(arc, axis=-1) == pytest.approx(np.full((6, 7), 5.0), abs=1e-9)
    angles = np.arccos((arc[:, 1:] * arc[:, :-1]).sum(axis=-1) / 25)
    assert angles == pytest.approx(angles[:, :1].repeat(6, axis=1), abs=1e-6)


def test_arc_by_hand():
    half = np.sqrt(0.5)
    assert spherical_interpolation([[1.0, 0.0]], [[0.0, 1.0]], [0.5])[0, 0] == pytest.approx([half, half], abs=1e-12)


@pytest.mark.parametrize("end", [[2.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
def test_arc_is_straight_where_there_is_none(end):
    walk = spherical_interpolation([[1.0, 0.0]], [end], [0.0, 0.25, 1.0])[0, :, 0]
    assert walk == pytest.approx([1.0, 0.75 + 0.25 * end[0], end[0]], abs=1e-12)


# -- the equilibrium --


def linear_generator(gan, shift=0.0, scale=1.0):
    """Makes a generator of one layer draw from N(shift, scale^2 I), exactly."""
    dimensions = gan.latent_dim
    gan.generator.set_weights([scale * np.eye(dimensions, dtype="float32"), np.full(dimensions, shift, "float32")])


def bell(n=1600, dimensions=1, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dimensions)).astype("float32")


def ring(n=1600):
    angle = np.random.default_rng(0).integers(0, 8, n) * np.pi / 4
    centres = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (centres + 0.02 * np.random.default_rng(1).normal(size=(n, 2))).astype("float32")


def test_bound_is_the_formula_in_history_and_tensorboard(tmp_path):
    gan, stopper = point_gan(d_rate=1e-2), Equilibrium(POINTS, tmp_path)
    first, second = fit(gan, POINTS, [stopper]).history, fit(gan, POINTS, [stopper]).history
    d_loss = np.array(first["d_loss"] + second["d_loss"])
    bound = np.array(first["js_bound"] + second["js_bound"])
    assert bound == pytest.approx((np.log(4) - d_loss) / 2, abs=1e-9) and np.ptp(bound) > 1e-4
    assert scalars(tmp_path / "equilibrium", "js_bound") == pytest.approx(bound, abs=1e-6)
    assert steps(tmp_path / "equilibrium", "js_bound") == [2, 4, 6, 8]


def test_stops_when_a_bell_is_learnt():
    data = bell(6400) + 2
    gan = point_gan(1, d_hidden=(16, 16), d_rate=1e-2, g_rate=3e-3)
    stopper = Equilibrium(data)
    epochs_run = len(fit(gan, data, [stopper], epochs=40, batch_size=64).epoch)
    assert 3 < epochs_run < 40 and stopper.equilibrium_epoch == epochs_run - 1
    generated = gan.generate(2000, seed=7)
    assert generated.mean() == pytest.approx(2.0, abs=0.45) and generated.std() == pytest.approx(1.0, abs=0.25)


def told_apart_then_matched(data, d_hidden, then, **settings):
    """The discriminator first learns to tell samples far off; then the generator is set to `then` and both go on."""
    gan = point_gan(data.shape[1], d_hidden, d_rate=2e-2, g_rate=0.0)
    stopper = Equilibrium(data, **settings)
    linear_generator(gan, shift=2.0)
    apart = fit(gan, data, [stopper], epochs=3, batch_size=64).history["js_bound"]
    assert max(apart) > 0.2 and stopper.equilibrium_epoch is None
    linear_generator(gan, **then)
    return stopper, fit(gan, data, [stopper], epochs=25, batch_size=64)


def test_stops_when_the_generator_is_exact_after_it_was_not():
    stopper, history = told_apart_then_matched(bell(), (16,), then={})
    assert stopper.equilibrium_epoch == history.epoch[-1] < 24


@pytest.mark.slow
def test_without_stop_it_only_notes_the_epoch():
    stopper, history = told_apart_then_matched(bell(), (16,), then={}, stop=False)
    assert stopper.equilibrium_epoch < 24 and len(history.epoch) == 25


def test_is_not_fooled_by_a_discriminator_too_weak_to_tell(caplog, tmp_path):
    """A straight line cannot part the ring from a bell in its middle, though it told a bell off to the side."""
    with caplog.at_level(logging.WARNING):
        stopper, history = told_apart_then_matched(ring(), (), then={"scale": 0.7}, log_dir=tmp_path)
    assert np.max(np.abs(history.history["js_bound"][-5:])) < 0.02
    assert len(history.epoch) == 25 and stopper.equilibrium_epoch is None
    warnings = [record.getMessage() for record in caplog.records if "too weak" in record.getMessage()]
    accuracies = scalars(tmp_path / "equilibrium", "witness_accuracy")
    assert len(warnings) == 1 < len(accuracies) and min(accuracies) > 0.8


def untrained(shift):
    """A discriminator that has learnt nothing, and says 1/2 to everything."""
    gan = point_gan(1, d_rate=0.0, g_rate=0.0)
    gan.discriminator.set_weights([np.zeros_like(weight) for weight in gan.discriminator.get_weights()])
    linear_generator(gan, shift=shift)
    return gan


def test_is_not_fooled_by_an_untrained_discriminator(caplog):
    with caplog.at_level(logging.WARNING):
        history = fit(untrained(shift=5.0), bell(), [Equilibrium(bell())], epochs=6)
    assert history.history["js_bound"] == pytest.approx([0.0] * 6, abs=1e-6)
    assert "too weak" in caplog.text


def test_needs_a_discriminator_that_could_tell_even_if_the_witness_agrees(caplog):
    stopper = Equilibrium(bell())
    assert len(fit(untrained(shift=0.0), bell(), [stopper], epochs=6).epoch) == 6
    assert stopper.equilibrium_epoch is None and "too weak" not in caplog.text


def test_refuses_an_objective_without_the_bound():
    gan = point_gan()
    before = gan.get_weights()

    class Other(type(gan.objective)):
        bounds_js = False

    gan.compile(objective=Other())
    with pytest.raises(ValueError, match=r"cross-entropy.*EarlyStopping"):
        fit(gan, POINTS, [Equilibrium(POINTS)])
    assert all(np.array_equal(*pair) for pair in zip(before, gan.get_weights(), strict=True))


def test_refuses_images_of_another_shape():
    with pytest.raises(ValueError, match=r"\(8, 8, 1\).*\(2,\)"):
        fit(point_gan(), POINTS, [Equilibrium(IMAGES)])


# -- the witness --


def test_witness_by_hand():
    assert nearest_neighbour_accuracy([[0.0], [1.0]], [[10.0], [11.0]]) == 1.0
    assert nearest_neighbour_accuracy([[0.0], [10.0]], [[1.0], [11.0]]) == 0.0
    assert nearest_neighbour_accuracy([[0.0], [1.0]], [[1.5], [9.0]]) == 0.5  # 1 and 1.5 see each other


def test_witness_says_chance_for_one_distribution_and_more_for_two():
    stopper = Equilibrium(bell(500, 2))
    assert stopper.witness_threshold() == pytest.approx(0.5 + 3 * np.sqrt(1 / 4000) + 0.02, abs=1e-12)
    same = [nearest_neighbour_accuracy(bell(500, 2, seed), bell(500, 2, seed + 100)) for seed in range(20)]
    assert max(same) < stopper.witness_threshold() and np.mean(same) == pytest.approx(0.5, abs=0.02)
    assert nearest_neighbour_accuracy(bell(500, 2), bell(500, 2, 1) + 1.5) > stopper.witness_threshold()


def test_witness_sees_copies_and_broken_samples():
    assert nearest_neighbour_accuracy(POINTS, POINTS + 1e-6) == 0.0
    assert nearest_neighbour_accuracy(POINTS, np.full_like(POINTS, np.nan)) == 1.0


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda folder: ImageGrid(folder, n=0), "n=0"),
        (lambda folder: ImageGrid(folder, every_epochs=0.5), "every_epochs=0.5"),
        (lambda folder: ImageGrid(folder, real=np.zeros((2, 3, 4))), r"\(2, 3, 4\)"),
        (lambda folder: LatentWalk(folder, steps=1), "steps=1"),
        (lambda folder: Equilibrium(POINTS[:20]), r"\(20, 2\)"),
        (lambda folder: Equilibrium(POINTS, tolerance=0.06), "tolerance=0.06"),
        (lambda folder: Equilibrium(POINTS, patience=True), "patience=True"),
        (lambda folder: nearest_neighbour_accuracy(POINTS, POINTS[:9]), "equally many"),
    ],
)
def test_refusals(tmp_path, make, message):
    with pytest.raises(ValueError, match=message):
        make(tmp_path)
