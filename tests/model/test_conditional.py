"""Conditional GANs: labels are inputs of both networks, and samples have the class of their label."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import pictures, step
from kerasgan.updates import Alternating

CLASSES = 3


@pytest.fixture
def labels():
    return np.random.default_rng(1).integers(CLASSES, size=64)


@pytest.fixture
def make_conditional():
    """A small conditional gan that starts from the same weights and latents each time."""

    def make(image_shape=(8, 8, 1), network=kerasgan.networks.mlp, **options):
        keras.utils.set_random_seed(0)
        generator, discriminator = network(image_shape, latent_dim=4, width=16, num_classes=CLASSES)
        gan = kerasgan.GAN(generator, discriminator, latent_dim=4, num_classes=CLASSES, seed=0)
        gan.compile(**options)
        return gan

    return make


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"updates": Alternating(2), "objective": "least_squares"},
        {"updates": "simultaneous", "penalties": ("r1", "r2")},
        {"updates": "one_stage", "penalties": "gradient_penalty"},
    ],
    ids=str,
)
def test_every_update_rule_changes_every_weight(make_conditional, images, labels, options):
    gan = make_conditional(**options)
    before = gan.get_weights()
    gan.fit(images, labels, batch_size=16, epochs=2, verbose=0)
    moved = [not np.array_equal(*pair) for pair in zip(before, gan.get_weights(), strict=True)]
    names = [weight.path for weight in gan.weights]
    assert [name for name, has in zip(names, moved, strict=True) if not has] == ["gan/augment_probability"]


@pytest.mark.parametrize("objective", ["non_saturating", "relativistic"])
def test_one_stage_equals_simultaneous(make_conditional, images, labels, objective):
    one, other = (
        make_conditional(
            d_optimizer=keras.optimizers.SGD(0.01),
            g_optimizer=keras.optimizers.SGD(0.01),
            updates=rule,
            objective=objective,
            penalties="r1",
        )
        for rule in ("one_stage", "simultaneous")
    )
    for gan in (one, other):
        gan.fit(images, labels, batch_size=16, shuffle=False, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_arrays_and_datasets_give_the_same_training(make_conditional, images, labels):
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(16)
    one, other = make_conditional(), make_conditional()
    one.fit(images, labels, batch_size=16, shuffle=False, verbose=0, validation_data=(images[:16], labels[:16]))
    logs = other.fit(dataset, verbose=0, validation_data=dataset.take(1)).history
    assert {"val_loss", "val_d_real"} <= set(logs)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_it_learns_the_classes():
    """The classes are points at 0, 4 and 8: samples of a class are near its point."""
    keras.utils.set_random_seed(0)
    labels = np.random.default_rng(0).integers(CLASSES, size=2048)
    points = (4.0 * labels[:, None] + 0.1 * np.random.default_rng(1).standard_normal((2048, 1))).astype("float32")
    generator, discriminator = kerasgan.networks.mlp((1,), 2, width=32, depth=2, scale=3.0, num_classes=CLASSES)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=2, num_classes=CLASSES, seed=0)
    falling = keras.optimizers.schedules.CosineDecay(2e-3, decay_steps=1280, alpha=0.02)
    rates = (keras.optimizers.Adam(falling, beta_1=0.0), keras.optimizers.Adam(falling, beta_1=0.0))
    penalties = (kerasgan.penalties.R1(0.5), kerasgan.penalties.R2(0.5))
    gan.compile(*rates, objective="relativistic", penalties=penalties, updates="one_stage", steps_per_execution=16)
    gan.fit(points, labels, batch_size=128, epochs=80, verbose=0)
    hits = [np.abs(gan.generate(200, seed=0, labels=label) - 4.0 * label) < 2.0 for label in range(CLASSES)]
    assert np.mean(hits) > 0.9, np.mean(hits, axis=(1, 2))  # 1/3 by chance


@pytest.mark.slow
def test_samples_of_a_class_vary_as_the_data_do():
    """An embedding of labels with too large a scale left a twentieth of the variation within a class."""
    keras.utils.set_random_seed(0)
    batches, info = kerasgan.datasets.load("digits", labels=True, passes=20)
    networks = kerasgan.networks.dcgan(info.image_shape, latent_dim=64, width=16, depth=2, num_classes=10)
    gan = kerasgan.GAN(*networks, latent_dim=64, num_classes=10, seed=0)
    rates = (keras.optimizers.Adam(5e-4, beta_1=0.5), keras.optimizers.Adam(5e-4, beta_1=0.5))
    gan.compile(*rates, steps_per_execution=20)
    gan.fit(batches, epochs=2, verbose=0)
    images, labels, _ = kerasgan.datasets.load_arrays("digits")
    for label in range(10):
        drawn = np.std(gan.generate(200, seed=0, labels=label), axis=0).mean()
        assert 0.2 < drawn / np.std(images[labels == label], axis=0).mean() < 1.5, label


def test_generate_by_label(make_conditional):
    gan = make_conditional()
    mixed = gan.generate(latents=np.ones((4, 4)), labels=np.array([0, 1, 2, 1]))
    close(mixed[1], mixed[3])
    assert not np.allclose(mixed[0], mixed[1], atol=1e-3)
    one_class = gan.generate(5, seed=3, labels=1)
    assert np.array_equal(one_class, gan.generate(seed=3, labels=np.ones(5, int)))
    close(gan.generate(6, seed=2), gan.generate(6, seed=2, batch_size=4))
    assert gan.generate(0).shape == (0, 8, 8, 1)
    close(gan.predict([np.ones((1, 4)), np.array([2])], verbose=0)[0], mixed[2])


def close(found, expected):
    """Products of another number of rows may round in another way."""
    np.testing.assert_allclose(found, expected, atol=1e-6)


class LabelGenerator(keras.Model):
    """A generator whose images have the value of their label at every pixel."""

    def __init__(self):
        super().__init__()
        self.gain = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):
        latents, labels = inputs
        flat = keras.ops.cast(labels, "float32")[:, None, None, None] / 10 * self.gain
        return keras.ops.ones((1, 8, 8, 1)) * flat + 0 * latents[:, :1, None, None]


class Recorder(keras.Model):
    """A discriminator that records its inputs."""

    def __init__(self):
        super().__init__()
        self.logit = keras.layers.Dense(1)
        self.recorded = []

    def call(self, inputs):
        images, labels = inputs
        if hasattr(images, "numpy"):
            self.recorded.append((images.numpy()[:, 0, 0, 0] * 10, labels.numpy()))
        return self.logit(keras.ops.reshape(images, (-1, 64)))


@pytest.mark.parametrize("updates", [Alternating(1), Alternating(3), "simultaneous", "one_stage"], ids=str)
@pytest.mark.parametrize("objective", ["non_saturating", "relativistic"])
def test_every_image_is_evaluated_with_its_own_label(updates, objective):
    """Real images, generated ones and the points of penalties: the label is the value of the pixels."""
    gan = kerasgan.GAN(LabelGenerator(), Recorder(), latent_dim=2, num_classes=7, seed=0)
    still = (keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    gan.compile(*still, objective=objective, updates=updates, penalties=("r1", "r2", "gradient_penalty"))
    labels = np.arange(12, dtype="int32") % 7
    images = (np.ones((12, 8, 8, 1)) * labels[:, None, None, None] / 10).astype("float32")
    gan.discriminator.recorded.clear()
    step.train_step(gan, tf.constant(images), tf.constant(labels))
    assert len(gan.discriminator.recorded) >= 2
    for values, given in gan.discriminator.recorded:
        assert len(given) >= 4
        np.testing.assert_allclose(values, given, atol=1e-5)


def test_labels_are_drawn_evenly(make_conditional):
    """Without labels every class is drawn equally often, and its samples are those of the label."""
    gan = make_conditional()
    drawn = gan.generate(3000, seed=0)
    drawn_labels = kerasgan.backend.draw_labels(3000, 0, CLASSES).numpy()
    shares = np.bincount(drawn_labels, minlength=CLASSES) / 3000
    np.testing.assert_allclose(shares, 1 / CLASSES, atol=0.04)
    np.testing.assert_array_equal(drawn, gan.generate(3000, seed=0, labels=drawn_labels))


def test_class_grid_has_one_class_in_each_row(make_conditional):
    gan = make_conditional()
    grid = gan.class_grid(columns=5, seed=1)
    assert grid.shape == (CLASSES * 5, 8, 8, 1)
    close(grid[5:10], gan.generate(5, seed=1, labels=1))
    assert pictures.tile(grid, columns=5).ndim == 3
    close(gan.class_grid(columns=5, seed=1, most=2), np.concatenate([grid[:5], grid[10:]]))
    for columns in (0, -1, 2.5, None):
        with pytest.raises(ValueError, match="columns"):
            gan.class_grid(columns)


def test_saving_and_export_keep_the_labels(make_conditional, images, labels, tmp_path):
    gan = make_conditional(network=kerasgan.networks.dcgan)
    gan.fit(images, labels, batch_size=32, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.num_classes == CLASSES and same(gan, loaded)
    for each in (gan, loaded):
        each.fit(images, labels, batch_size=32, shuffle=False, verbose=0)
    for a, b in zip(gan.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    gan.export(tmp_path / "saved")
    served = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(served.generate(6, 5)["images"], gan.generate(6, seed=5), atol=1e-5)
    z, classes = np.ones((2, 4), "float32"), np.array([0, 2], "int32")
    drawn = served.serving_default(z, classes)["images"]
    np.testing.assert_allclose(drawn, gan.generate(latents=z, labels=classes), atol=1e-5)
    assert served.discriminate(images[:2], classes)["logits"].shape == (2,)
    card = json.loads((tmp_path / "saved" / "kerasgan.json").read_text())
    assert card["num_classes"] == CLASSES and card["labels"].startswith("int32 (n,), 0 to 2;")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"y": None}, "images alone"),
        ({"y": np.zeros(63, int)}, "63 labels for 64 images"),
        ({"y": np.full(64, CLASSES)}, "labels from 3 to 3"),
        ({"y": np.full(64, -1)}, "labels from -1"),
        ({"y": np.zeros(64)}, "float64"),
        ({"y": np.eye(64, CLASSES, dtype=int)}, r"shape \(64, 3\)"),
        ({"y": np.zeros((64, 1), int)}, r"labels\[:, 0\]"),
    ],
)
def test_labels_that_do_not_fit_are_refused(make_conditional, images, given, message):
    gan = make_conditional()
    before = gan.get_weights()
    with pytest.raises(ValueError, match=message):
        gan.fit(images, given["y"], verbose=0)
    assert all(np.array_equal(*pair) for pair in zip(before, gan.get_weights(), strict=True))


def test_bad_labels_late_in_a_dataset_are_refused(make_conditional, images, labels):
    bad = np.concatenate([labels[:48], np.full(16, 7)])
    dataset = tf.data.Dataset.from_tensor_slices((images, bad)).batch(16)
    with pytest.raises(ValueError, match="range of the classes"):
        make_conditional().fit(dataset, verbose=0)
    with pytest.raises(ValueError, match="3 classes"):
        make_conditional().fit(dataset.map(lambda images, labels: images), verbose=0)


def test_networks_and_classes_must_agree(make_gan):
    conditional = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, num_classes=CLASSES)
    plain = kerasgan.networks.mlp((8, 8, 1), latent_dim=4)
    with pytest.raises(ValueError, match="generator must have one input"):
        kerasgan.GAN(*conditional, latent_dim=4)
    with pytest.raises(ValueError, match="generator must have two inputs"):
        kerasgan.GAN(*plain, latent_dim=4, num_classes=CLASSES)
    for wrong in (0, True, 2.0):
        with pytest.raises(ValueError, match=f"num_classes={wrong}"):
            kerasgan.GAN(*conditional, latent_dim=4, num_classes=wrong)
    with pytest.raises(ValueError, match="same classes"):
        kerasgan.GAN(*conditional, latent_dim=4, num_classes=CLASSES + 2)
    assert kerasgan.GAN(*conditional, latent_dim=4, num_classes=np.int64(CLASSES)).num_classes == CLASSES
    with pytest.raises(ValueError, match="Only a conditional GAN"):
        make_gan().generate(4, labels=1)
    with pytest.raises(ValueError, match="needs classes"):
        make_gan().class_grid()


@pytest.mark.parametrize("labels", [CLASSES, -1, np.array([0, 9]), np.array([0.5, 1.0]), "1"])
def test_labels_outside_of_the_classes_are_refused(make_conditional, labels):
    with pytest.raises(ValueError, match="abels"):
        make_conditional().generate(2, labels=labels)


@pytest.mark.parametrize("updates", ["alternating", "simultaneous", "one_stage"])
def test_the_gradients_of_a_repeated_class_are_added(updates):
    """After Adam's first step the second moment of each weight is the square of its gradient, not of parts of it."""
    generator, discriminator = kerasgan.networks.mlp((3,), latent_dim=2, width=4, depth=1, num_classes=2)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=2, num_classes=2, seed=0)
    gan.compile(keras.optimizers.Adam(beta_1=0.5), keras.optimizers.Adam(beta_1=0.5), updates=updates)
    points, labels = np.random.default_rng(0).normal(size=(8, 3)).astype("float32"), np.array([0, 1, 1, 1] * 2)
    gan.fit(points, labels, batch_size=8, verbose=0)
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        for first, second in zip(optimizer._momentums, optimizer._velocities, strict=True):
            gradient = np.asarray(first) / 0.5
            np.testing.assert_allclose(np.asarray(second) / 0.001, gradient**2, rtol=1e-3, atol=1e-9)
