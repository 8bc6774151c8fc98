"""Tests of the JAX engine: `tests/backend/test_jax.py` runs this file in a process that cannot import TensorFlow."""

import glob
import importlib.util
import io
import json
import os
import pathlib
import signal
import sys

import engine_cases
import keras
import numpy as np
import own_values
import pytest
from PIL import Image
from power_cut import PowerCut

import kerasgan
import kerasgan_cli
from kerasgan import backend, callbacks
from kerasgan.backend.jax import events as events_module
from kerasgan.callbacks import Checkpoint
from kerasgan.resume import model_state

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 1), "uint8")  # 7 batches of 10
slow = pytest.mark.slow


@pytest.fixture
def folder():
    """Where the cases go that TensorFlow is compared with."""
    return pathlib.Path(os.environ["ENGINE_CASES"])


def test_this_is_jax_without_tensorflow():
    assert keras.backend.backend() == "jax"
    assert sys.modules.get("tensorflow") is None


# One step


@pytest.mark.parametrize("name", engine_cases.ORDINARY)
def test_steps_for_tensorflow_to_be_compared_with(name, folder):
    with engine_cases.same_random_numbers():
        engine_cases.write(folder, name)


@slow
@pytest.mark.parametrize("name", engine_cases.OTHERS)
def test_more_steps_for_tensorflow_to_be_compared_with(name, folder):
    with engine_cases.same_random_numbers():
        engine_cases.write(folder, name)


def check_distributed(name, counts):
    with engine_cases.same_random_numbers():
        one = engine_cases.trained(name)
        for count in counts:
            devices = keras.distribution.list_devices()[:count]
            assert len(devices) == count
            with keras.distribution.DataParallel(devices=devices).scope():
                several = engine_cases.trained(name)
            assert one.keys() == several.keys()
            for key, value in one.items():
                np.testing.assert_allclose(several[key], value, atol=1e-5, err_msg=f"{count} devices: {key}")


@pytest.mark.skipif(
    tuple(map(int, keras.__version__.split(".")[:2])) < (3, 15),
    reason="train_on_batch under a distribution fails within Keras 3.14 on JAX",
)
def test_several_devices_do_what_one_does():
    check_distributed("one stage; r1 at every second step", [4])


@slow
@pytest.mark.parametrize(
    "name",
    [f"{rule}; {penalty}" for rule in engine_cases.UPDATES for penalty in engine_cases.PENALTIES]
    + ["simultaneous; batch norm"],
)
def test_one_two_and_four_devices_do_what_one_does(name):
    check_distributed(name, [1, 2, 4])


def test_a_fit_on_several_devices_has_the_losses_of_one(make_gan, images):
    options = {"penalties": "r1", "d_optimizer": "sgd", "g_optimizer": "sgd"}
    one = make_gan(**options)
    expected = one.fit(images, batch_size=16, shuffle=False, validation_data=images[:16], verbose=0).history
    with keras.distribution.DataParallel(devices=keras.distribution.list_devices()[:4]).scope():
        several = make_gan(**options)
        found = several.fit(images, batch_size=16, shuffle=False, validation_data=images[:16], verbose=0).history
        samples = several.generate(3, seed=0)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(samples, one.generate(3, seed=0), atol=1e-5)


def test_a_new_compile_takes_effect(make_gan, images):
    """A step that was traced with other options is not used again."""
    gan = make_gan()
    gan.fit(images, batch_size=32, verbose=0)
    gan.compile(penalties="r1")
    assert gan.fit(images, batch_size=32, verbose=0).history["d_penalty"][0] > 0
    gan.record_diagnostics()
    gan.fit(images, batch_size=32, verbose=0)
    assert gan.diagnostics.read().steps == 2


@slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_learns(make_gan, images, policy):
    keras.config.set_dtype_policy(policy)
    try:
        gan = make_gan(penalties="r1", updates="simultaneous")
    finally:
        keras.config.set_dtype_policy("float32")
    before = gan.get_weights()
    history = gan.fit(images, batch_size=16, verbose=0).history
    assert np.isfinite([values[-1] for values in history.values()]).all()
    assert any(not np.array_equal(one, other) for one, other in zip(before, gan.get_weights(), strict=True))


# Data


def numbers(batches):
    """Which pixels of `PIXELS` the batches hold."""
    rows = {row.tobytes(): number for number, row in enumerate(PIXELS.astype("float32") / np.float32(127.5) - 1)}
    return [[rows[np.ascontiguousarray(image).tobytes()] for image in images] for images in batches]


def test_each_epoch_has_each_image_once_in_an_order_of_its_own():
    def load(**options):
        return kerasgan.datasets.load(PIXELS, 10, seed=3, **options)[0]

    batches = load()
    first, second = numbers(batches.epoch(0)), numbers(batches.epoch(1))
    assert np.sort(first, axis=None).tolist() == np.sort(second, axis=None).tolist() == list(range(70))
    assert first != second
    assert first == numbers(batches) == numbers(load())  # iterating is reading epoch 0, each time
    assert numbers(batches.epoch(1, skip=2)) == second[2:]
    assert numbers(load(passes=2)) == numbers(batches.repeat(2)) == first + second
    assert np.ravel(numbers(load(shuffle=False))).tolist() == list(range(70))


def test_a_fit_takes_each_epoch_after_the_batches_that_training_has_had(make_gan):
    batches = kerasgan.datasets.load(PIXELS, 10, seed=3, skip_batches=9)[0]
    read = []

    def record(images):
        read.extend(numbers([images]))
        return images

    make_gan().fit(batches.map(record), epochs=2, verbose=0)
    assert read == numbers(batches.epoch(1))[2:] + numbers(batches.epoch(2))


def test_about_half_of_the_images_are_mirrored():
    images = np.tile(np.linspace(-1, 1, 8, dtype="float32"), (200, 8, 1))[..., None]
    (batch,) = kerasgan.datasets.load(images, 200, flip=True)[0]
    assert set(np.sign(batch[:, 0, 0, 0])) == {-1, 1} and 60 < (batch[:, 0, 0, 0] > 0).sum() < 140


def test_a_bad_batch_is_refused_before_it_is_trained_on(make_gan):
    class Bad(keras.utils.PyDataset):
        num_batches = 2

        def __getitem__(self, index):
            images = np.zeros((4, 8, 8, 1), "float32")
            images[0] = np.nan if index else 0
            return (images,)

    with pytest.raises(ValueError, match="Images must be finite"):
        make_gan().fit(Bad(), verbose=0)


@pytest.mark.parametrize("kind", ["mapped", "generator"])
def test_images_of_half_the_range_are_warned_of(make_gan, kind):
    half = np.random.default_rng(0).uniform(0, 1, (32, 8, 8, 1)).astype("float32")
    batches = kerasgan.datasets.load(2 * half - 1, 16)[0].map(lambda images: images / 2 + 0.5)
    generator = ((half[at : at + 16],) for at in (0, 16))
    with pytest.warns(UserWarning, match="half of"):
        make_gan().fit(batches if kind == "mapped" else generator, verbose=0)


@pytest.mark.parametrize("source", ["mnist", "stacked_mnist"])
def test_what_tensorflow_reads_is_refused_without_it(source):
    with pytest.raises(ValueError, match="read by TensorFlow"):
        kerasgan.datasets.load(source)


def test_another_size_is_refused_without_tensorflow():
    with pytest.raises(ValueError, match=r"resized by TensorFlow\. Received: image_size=.* without it"):
        kerasgan.datasets.load(PIXELS, 10, image_size=4)


def test_a_folder_of_photos_needs_no_tensorflow(tmp_path):
    for number, image in enumerate(PIXELS[:4]):
        kerasgan.pictures.save_png(tmp_path / f"{number}.png", image, mark=False)
    batches, info = kerasgan.datasets.load(tmp_path, 2, image_size=4)
    batch, _ = batches
    assert info.image_shape == (4, 4, 3) and batch.shape == (2, 4, 4, 3) and abs(batch).max() <= 1


# Callbacks


def fit(folder, make_gan, epochs=3, cut_after=None, seed=0, passes=2, **options):
    """Trains, to the end or to the power cut, and returns the gan and the logs of its epochs."""
    gan, checkpoint = make_gan(seed=seed, **options), Checkpoint(folder, every_steps=1, resume=True)
    skip_batches = checkpoint.skip_batches()
    batches, _ = kerasgan.datasets.load(PIXELS, 10, seed=1, skip_batches=skip_batches)
    listed = [*([] if cut_after is None else [PowerCut(cut_after)]), callbacks.Guard(every_steps=2), checkpoint]
    try:
        gan.fit(batches.repeat(passes), epochs=epochs, callbacks=listed, verbose=0)
    except RuntimeError:
        pass
    return gan, gan.history.history


@pytest.mark.parametrize(
    ("cut_after", "options"),
    [
        (17, {"augment": kerasgan.augment.Adaptive(("translation",), adjust_images=200)}),
        pytest.param(5, {"steps_per_execution": 4, "updates": "one_stage", "penalties": "r1"}, marks=slow),
    ],
)
def test_a_training_that_was_killed_ends_as_one_that_was_not(tmp_path, make_gan, cut_after, options):
    whole, logs = fit(tmp_path / "whole", make_gan, **options)
    fit(tmp_path / "killed", make_gan, cut_after=cut_after, **options)
    resumed, rest = fit(tmp_path / "killed", make_gan, seed=99, **options)
    expected, found = model_state.arrays(whole), model_state.arrays(resumed)
    assert expected.keys() == found.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected if not name.startswith("metrics/"))
    assert {name: values[-len(rest["d_loss"]) :] for name, values in logs.items()} == rest


def test_a_rollback_gives_back_the_weights_of_its_checkpoint(tmp_path, make_gan, images):
    class BreakWeights(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                self.kept = self.model.generator.get_weights()
                weight = self.model.generator.trainable_weights[0]
                weight.assign(np.full(weight.shape, np.nan))

    class KeepWeights(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                self.kept = self.model.generator.get_weights()

    gan, checkpoint, broken, later = make_gan(), Checkpoint(tmp_path, every_steps=1), BreakWeights(), KeepWeights()
    guard = callbacks.Guard("rollback", checkpoint, log_dir=tmp_path, every_steps=1)
    gan.fit(images, batch_size=16, callbacks=[broken, guard, later, checkpoint], verbose=0)
    assert guard.num_rollbacks == 1 and "not finite" in (tmp_path / "guard.log").read_text()
    assert all(np.array_equal(one, other) for one, other in zip(broken.kept, later.kept, strict=True))
    assert all(np.isfinite(weight).all() for weight in gan.get_weights())
    assert int(gan.g_optimizer.iterations) == 3  # one of four steps was taken back


def test_without_tensorboard_the_pictures_are_written_and_it_is_said_once(tmp_path, make_gan, images, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorboard" else find_spec(name))
    listed = [callbacks.TensorBoard(tmp_path), callbacks.ImageGrid(tmp_path, n=4)]
    events_module.is_installed.cache_clear()
    try:
        with pytest.warns(UserWarning, match="Received: no package tensorboard") as said:
            make_gan().fit(images, batch_size=32, callbacks=listed, verbose=0)
    finally:
        events_module.is_installed.cache_clear()
    assert sum("no package tensorboard" in str(each.message) for each in said) == 1
    written = [path.suffix for path in tmp_path.rglob("*") if path.is_file()]
    assert ".png" in written and not any("tfevents" in path.name for path in tmp_path.rglob("*"))


def test_every_callback_writes_its_files(tmp_path, make_gan, images):
    pytest.importorskip("tensorboard")
    listed = [
        callbacks.Equilibrium(images, log_dir=tmp_path),
        callbacks.Evaluate(images, "pixels", log_dir=tmp_path, n=32, options={"subsets": 2}),
        callbacks.Guard(log_dir=tmp_path, every_steps=1),
        callbacks.TensorBoard(tmp_path, update_freq=1),
        callbacks.ImageGrid(tmp_path, n=4, real=images),
        callbacks.LatentWalk(tmp_path, rows=1, frames=3),
    ]
    history = make_gan().fit(images, batch_size=32, epochs=2, validation_data=images, callbacks=listed, verbose=0)
    assert {"js_bound", "val_fid", "val_d_loss", "d_memorization_auc"} <= set(history.history)
    runs = ("train/discriminator", "validation/discriminator", "images", "guard", "evaluation")
    found = {run: events(tmp_path / run) for run in runs}
    assert [step for step, _ in found["images"]["samples/grid"]] == [2, 4]
    width, height, png = found["images"]["samples/grid"][0][1].string_val
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.size == (int(width), int(height))
    line = [(step, tensor.float_val[0]) for step, tensor in found["train/discriminator"]["losses/loss"]]
    assert [step for step, _ in line] == [1, 2, 2, 3, 4, 4]  # each batch, and the end of each epoch
    losses = [line[2][1], line[5][1]]
    np.testing.assert_allclose(losses, history.history["d_loss"], rtol=1e-6)
    assert len(found["guard"]["training_diagnostics/d_grad_norm"]) == 4
    assert len(found["validation/discriminator"]["losses/loss"]) == 2
    assert len(found["evaluation"]["samples_evaluation/fid"]) == 2


def events(folder):
    """What TensorBoard's own reader finds in the event files of a folder: tags to lists of (step, tensor)."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found = {}
    for path in sorted(glob.glob(f"{folder}/events*")):
        for event in EventFileLoader(path).Load():
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.tensor))
    return found


def test_histograms_are_refused(tmp_path, make_gan, images):
    board = callbacks.TensorBoard(tmp_path, histogram_freq=1)
    with pytest.raises(ValueError, match="Histograms of weights are written by TensorFlow"):
        make_gan().fit(images, batch_size=32, validation_data=images, callbacks=[board], verbose=0)


# Around the model


def test_samples_are_the_same_for_the_same_seed_and_of_any_number(make_gan):
    gan = make_gan()
    many = gan.generate(9, seed=1, batch_size=4)
    np.testing.assert_array_equal(many, gan.generate(9, seed=1, batch_size=4))
    latents = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.testing.assert_allclose(gan.generate(latents=latents), gan(latents), atol=1e-6)
    assert gan.generate(0).shape == (0, 8, 8, 1) and not np.array_equal(many, gan.generate(9, seed=2))


def test_labels_are_drawn_evenly(make_gan):
    gan = engine_cases.make_case("alternating; classes")
    labels = backend.draw_labels(3000, 0, 3)
    assert labels.dtype == "int32" and np.bincount(labels).min() > 900 and len(np.bincount(labels)) == 3
    assert gan.class_grid(2).shape == (6, 8, 8, 1)


def test_formats_that_are_made_from_tensorflow_are_refused_with_the_way_out(make_gan, tmp_path):
    for form, suffix in (("litert", ".tflite"), ("openvino", ".xml")):
        with pytest.raises(ValueError, match=f"KERAS_BACKEND=tensorflow kerasgan export RUN --format {form}"):
            make_gan().export(tmp_path / f"out{suffix}")


def test_onnx_is_written_and_checked_without_tensorflow(make_gan, tmp_path):
    with pytest.raises(ImportError, match="without tensorflow"):
        make_gan().export(tmp_path / "out")
    cards = [make_gan().export(tmp_path / "out.onnx", what=what) for what in ("generator", "discriminator")]
    assert max(card["check"]["largest_difference"] for card in cards) <= 1e-5


def test_the_command_line_trains_resumes_samples_and_evaluates(tmp_path, monkeypatch, capsys):
    recipe = {"title": "small", "source": "digits", "network": "mlp", "network_options": {"width": 8}}
    recipe |= {"latent_dim": 2, "epochs": 2, "steps_per_execution": 4}
    settings, run = tmp_path / "planned.json", tmp_path / "logs" / "00001-small"
    settings.write_text(json.dumps({"name": "small", "recipe": recipe}))

    def stop(self, epoch, logs=None):
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(callbacks.LatentWalk, "on_epoch_end", stop)
        options = ["--settings", str(settings), "--deterministic", "--log-dir", str(tmp_path / "logs")]
        assert kerasgan_cli.main(["train", *options]) == 143
    assert kerasgan_cli.main(["train", "--resume", str(run)]) == 0
    printed = capsys.readouterr().out
    assert "TensorFlow writes it" in printed and "KERAS_BACKEND=tensorflow kerasgan export" in printed
    kept = json.loads((run / "settings.json").read_text())
    assert kept["engine"] == "jax" and "jax" in kept["versions"] and "tensorflow" not in kept["versions"]
    assert kerasgan_cli.main(["sample", str(run), "--n", "4", "--out", str(tmp_path / "s.png")]) == 0
    assert kerasgan_cli.main(["evaluate", str(run), "--n", "100", "--features", "pixels"]) == 0
    assert "Frechet distance" in capsys.readouterr().out
    assert kerasgan_cli.main(["export", str(run), "--out", str(tmp_path / "out.xml")]) == 2
    assert "KERAS_BACKEND=tensorflow" in capsys.readouterr().err


def test_strategies_are_refused_with_the_way_out(tmp_path, capsys):
    for strategy in ("mirrored", "multi-worker"):
        assert kerasgan_cli.main(["train", "digits", "--strategy", strategy, "--log-dir", str(tmp_path)]) == 2
        printed = capsys.readouterr().err
        assert "Strategies are TensorFlow's" in printed and "KERAS_BACKEND=tensorflow" in printed


def test_a_run_of_another_engine_is_not_resumed(tmp_path, capsys):
    (tmp_path / "settings.json").write_text(json.dumps({"recipe": {"title": "x", "source": "digits"}, "name": "x"}))
    assert kerasgan_cli.main(["train", "--resume", str(tmp_path)]) == 2
    assert "KERAS_BACKEND=tensorflow kerasgan train --resume" in capsys.readouterr().err


# To and from TensorFlow


def test_a_gan_from_tensorflow_goes_on(folder):
    gan = engine_cases.check_loaded(folder / "from_tensorflow.keras")
    assert gan.jit_compile  # "auto" was asked for, which TensorFlow takes for no without a GPU


def test_a_gan_for_tensorflow_is_saved(folder):
    engine_cases.save(folder / "to_tensorflow.keras")


def test_own_values_train_and_are_saved_and_loaded(images, tmp_path):
    own_values.check_saved_and_loaded(own_values.make_gan(), images, tmp_path / "gan.keras")


def test_kernels_of_spectral_normalization_are_stored_projected(images):
    keras.utils.set_random_seed(0)
    generator, _ = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16)
    wrapper = keras.layers.SpectralNormalization(keras.layers.Dense(1))
    discriminator = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), wrapper])
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4, seed=0)
    gan.compile(keras.optimizers.Adam(0.05), updates="one_stage")
    gan.fit(images, epochs=3, verbose=0)
    assert np.linalg.norm(np.asarray(wrapper.kernel), ord=2) == pytest.approx(1.0, abs=1e-4)


# Looking inside


def test_images_are_inverted_and_directions_are_those_of_the_first_layer():
    keras.utils.set_random_seed(0)
    generator, discriminator = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16, num_classes=3)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4, num_classes=3, seed=0)
    labels = np.array([0, 1, 2, 0, 1])
    images = gan.generate(5, seed=1, labels=labels)
    before = gan.invert(images, labels, steps=0, bank_size=300)
    after = gan.invert(images, labels, steps=60, starts=3, bank_size=300, prior=0.0, batch_size=3)
    assert np.median(after.distances) < 0.2 * np.median(before.distances) and after.labels.tolist() == labels.tolist()
    assert np.allclose(gan.generate(latents=after.latents, labels=after.labels), after.images, atol=1e-5)
    kernel = np.asarray(next(each for each in generator.weights if len(each.shape) == 2))[:4]
    found = gan.directions(4)
    assert np.allclose(np.linalg.norm(found.vectors @ kernel, axis=1), found.scales, rtol=1e-4)
