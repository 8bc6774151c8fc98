"""Memorized and copied training images, measured by held-out ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from power_cut import PowerCut
from sklearn.metrics import roc_auc_score

import kerasgan
from kerasgan.callbacks import Checkpoint, Guard, held_out
from kerasgan.callbacks.held_out import AUC, ranking
from kerasgan.datasets import sample

REAL = np.tanh(np.random.default_rng(0).normal(size=(2, 32, 4, 4, 1))).astype("float32")
DIGITS = np.random.default_rng(0).permutation(kerasgan.datasets.load_arrays("digits")[0])
LABELS = np.random.default_rng(1).integers(0, 3, (2, 32))


def memorizing_gan(num_classes=None, objective="non_saturating", bias=0.0, seed=0):
    """Its generator is exact and stays so: samples differ from the real images only for one who knows these."""
    keras.utils.set_random_seed(seed)
    image, label = keras.Input((4, 4, 1)), keras.Input((), dtype="int32")
    latents = keras.Input((16,))
    samples = layers.Reshape((4, 4, 1))(layers.Dense(16, "tanh", kernel_initializer="identity")(latents))
    hidden = [layers.Flatten()(image)]
    if num_classes:
        hidden.append(layers.Embedding(num_classes, 4)(label))
        samples = layers.Add()([samples, layers.Reshape((4, 4, 1))(layers.Embedding(num_classes, 16)(label))])
    hidden = hidden[0] if len(hidden) == 1 else layers.Concatenate()(hidden)
    hidden = layers.Dropout(0.1)(layers.Dense(256, "leaky_relu")(hidden))
    logit = layers.Dense(1, bias_initializer=keras.initializers.Constant(bias))(hidden)
    extra = [label] if num_classes else []
    generator = keras.Model([latents, *extra] if extra else latents, samples)
    discriminator = keras.Model([image, *extra] if extra else image, logit)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=16, num_classes=num_classes, seed=0)
    gan.compile(keras.optimizers.Adam(1e-3), keras.optimizers.SGD(1e-3), objective=objective)
    return gan


def fit(gan, data, *callbacks, epochs=3, **options):
    return gan.fit(data, epochs=epochs, verbose=0, callbacks=list(callbacks), **options).history


# The statistic


def test_the_ranking_is_the_area_under_the_roc_curve():
    random = np.random.default_rng(0)
    for decimals in (1, 8):  # with and without ties
        one, other = np.round(random.normal(0.4, 1, 300), decimals), np.round(random.normal(0, 1, 200), decimals)
        truth = np.repeat([1, 0], [300, 200])
        assert ranking(one, other) == pytest.approx(roc_auc_score(truth, np.concatenate([one, other])), abs=1e-12)
        assert ranking(one, other) == pytest.approx(1 - ranking(other, one), abs=1e-12)
        assert ranking(one + 8, other + 8) == pytest.approx(ranking(one, other), abs=1e-3)
    assert ranking(np.ones(5), np.ones(3)) == 0.5 and ranking(np.ones(5), np.zeros(3)) == 1.0
    assert np.isnan(ranking(np.array([1.0, np.nan]), np.zeros(3)))


# What is logged


def pairs(kind):
    """The same images in the same order as data of a kind, with options of `fit`: training, then held-out ones."""
    if kind == "batches":
        return [kerasgan.datasets.load(images, 8, shuffle=False)[0] for images in REAL], {}
    if kind == "tf.data":
        return [tf.data.Dataset.from_tensor_slices(images).batch(8) for images in REAL], {}
    if kind == "PyDataset":
        return [Pieces(images) for images in REAL], {}
    return list(REAL), {"batch_size": 8, "shuffle": False}


class Pieces(keras.utils.PyDataset):
    def __init__(self, images):
        super().__init__()
        self.images = images

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return (self.images[8 * index : 8 * index + 8],)


@pytest.mark.parametrize("kind", ["array", "batches", "tf.data", "PyDataset"])
def test_both_kinds_of_images_are_ranked_by_the_weights_at_the_end_of_the_epoch(kind):
    gan = memorizing_gan()
    (training, held), options = pairs(kind)
    found = []

    class Rank(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logits = [self.model.discriminator(images, training=False).numpy()[:, 0] for images in REAL]
            found.append(ranking(*logits))

    logs = fit(gan, training, Rank(), Guard(), validation_data=held, **options)
    assert logs[AUC] == pytest.approx(found, abs=2 / 32**2) and len(set(found)) == 3
    assert "d_gap" not in logs


def test_labels_are_part_of_what_is_ranked():
    gan = memorizing_gan(num_classes=3)
    data = [(images, labels.astype("int32")) for images, labels in zip(REAL, LABELS, strict=True)]
    logs = fit(gan, data[0][0], Guard(), y=data[0][1], validation_data=data[1])
    logits = [gan.discriminator([images, labels], training=False).numpy()[:, 0] for images, labels in data]
    assert logs[AUC][-1] == pytest.approx(ranking(*logits), abs=2 / 32**2)


def test_a_validation_split_is_held_out():
    gan = memorizing_gan()
    logs = fit(gan, np.concatenate(REAL), Guard(), validation_split=0.5)
    logits = [gan.discriminator(images, training=False).numpy()[:, 0] for images in REAL]
    assert logs[AUC][-1] == pytest.approx(ranking(*logits), abs=2 / 32**2)


@pytest.mark.parametrize("objective", ["relativistic", "non_saturating"])
def test_a_constant_that_the_loss_may_ignore_changes_nothing(objective):
    """With 8 added to every logit, sigmoids are 1.000 for all images."""
    gan = memorizing_gan(objective=objective)
    auc = []
    for shift in (0.0, 8.0):
        gan.d_optimizer.learning_rate = 1e-3 if shift == 0 else 0.0
        bias = gan.discriminator.weights[-1]
        bias.assign(bias + shift)
        auc.append(fit(gan, REAL[0], Guard(), epochs=12, validation_data=REAL[1])[AUC][-1])
    assert auc[0] > 0.7 and auc[1] == pytest.approx(auc[0], abs=0.01)


@pytest.mark.parametrize("objective", ["relativistic", "least_squares"])
def test_a_discriminator_that_memorizes_is_found_with_every_objective(objective):
    """Of 32 images of each kind the limit is 4 standard deviations above 0.5, 0.79, and not 0.75."""
    gan, guard = memorizing_gan(objective=objective), Guard()
    gan.d_optimizer.learning_rate = 4e-3
    auc = fit(gan, REAL[0], guard, epochs=30, validation_data=REAL[1])[AUC]
    third = next(epoch for epoch in range(2, 30) if min(auc[epoch - 2 : epoch + 1]) > 0.5 + 4 * (65 / 12) ** 0.5 / 32)
    found = [each for each in guard.failures if each.what == "overfitted discriminator"]
    assert [each.step for each in found] == [third + 1]
    assert f"a probability of {auc[third]:.2f}, where 0.50 is chance (32 and 32 images)" in found[0].evidence


def test_without_held_out_images_nothing_is_ranked():
    assert AUC not in fit(memorizing_gan(), REAL[0], Guard())


def test_only_epochs_with_validation_are_ranked():
    logs = fit(memorizing_gan(), REAL[0], Guard(), epochs=4, validation_data=REAL[1], validation_freq=2)
    assert len(logs[AUC]) == len(logs["val_d_loss"]) == 2


# Training is the same


class Once:
    """A generator function of data that come only once, as from a socket."""

    def __init__(self):
        self.read = 0

    def __call__(self):
        while self.read < 12:
            self.read += 1
            yield (np.roll(REAL[0][:8], self.read, axis=1),)


def sources():
    shuffled = tf.data.Dataset.from_tensor_slices(REAL[0]).shuffle(32, seed=1).batch(8)
    once = tf.data.Dataset.from_generator(Once(), output_signature=(tf.TensorSpec((8, 4, 4, 1)),))
    return {
        "array": (REAL[0], {"batch_size": 8}),
        "batches": (kerasgan.datasets.load(REAL[0], 8, seed=0, flip=True)[0], {}),
        "shuffled tf.data": (shuffled, {}),
        "read once": (once, {"steps_per_epoch": 4}),
        "PyDataset": (Pieces(REAL[0]), {}),
        "generator": (Once()(), {"steps_per_epoch": 4}),
    }


@pytest.mark.parametrize("source", sources())
def test_training_is_the_same_without_and_loses_no_data(source):
    """A second reader of a shuffled dataset would change the order of the first, and take what comes only once."""
    ends = []
    for callbacks in ([], [Guard()]):
        gan = memorizing_gan()
        data, options = sources()[source]
        logs = fit(gan, data, *callbacks, validation_data=REAL[1], **options)
        ends.append(gan.get_weights())
    assert all(np.array_equal(one, other) for one, other in zip(*ends, strict=True))
    assert (AUC in logs) == (source != "generator")  # of data of unknown kinds nothing is kept


@pytest.mark.parametrize(("kind", "at"), [("array", 5), ("batches", 5), ("batches", 7)])
def test_a_resumed_training_ranks_as_one_that_was_not_interrupted(tmp_path, kind, at):
    def run(folder, *callbacks, seed=0):
        data = kerasgan.datasets.load(REAL[0], 8, seed=0)[0] if kind == "batches" else REAL[0]
        checkpoint = Checkpoint(folder, every_steps=1, resume=True)
        options = {} if kind == "batches" else {"batch_size": 8, "shuffle": False}
        return fit(memorizing_gan(seed=seed), data, *callbacks, Guard(), checkpoint, validation_data=REAL[1], **options)

    whole = run(tmp_path / "whole")[AUC]
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "parts", PowerCut(at))
    rest = run(tmp_path / "parts", seed=99)[AUC]
    assert rest == whole[-len(rest) :] and len(rest) >= 1


# The sample


def test_the_sample_is_of_the_data_as_they_are():
    images = np.random.default_rng(0).uniform(-1, 1, (2400, 4, 6, 1)).astype("float32")
    batches, _ = kerasgan.datasets.load(images, 16, seed=0, flip=True)
    known = {each.tobytes() for each in images}
    first, second = (sample.sampled(batches)[1].arrays()[0] for _ in range(2))
    assert np.array_equal(first, second) and len(first) == sample.MAX_IMAGES
    assert len({each.tobytes() for each in first} & known) == len(first)  # not one is mirrored, or twice the same
    mapped, _ = sample.sampled(batches.map(lambda images: images / 2).take(3))[1].arrays()
    assert 48 < len(mapped) <= 8 * 48 and {(2 * each).tobytes() for each in mapped} <= known


@pytest.mark.parametrize("number", [90, 97])
def test_the_sample_of_a_small_set_holds_all_its_images(number):
    """A pass of 90 images in batches of 64 is one batch; the next pass has others."""
    batches, _ = kerasgan.datasets.load(DIGITS[:number], 64, seed=0)
    found, _ = sample.sampled(batches.repeat(20))[1].arrays()
    assert len(found) == number == len(np.unique(found, axis=0))


@pytest.mark.parametrize("kind", ["array", "batches"])
def test_data_in_the_order_of_their_classes_give_images_of_all_classes(kind):
    classes = np.repeat(np.arange(10), 500)
    noise = np.random.default_rng(0).uniform(0, 0.05, (5000, 2, 2, 1))  # equal images would be taken once
    images = -0.95 + 0.2 * classes[:, None, None, None] + noise
    data = images if kind == "array" else kerasgan.datasets.load(images.astype("float32"), 20, shuffle=False)[0]
    found, _ = sample.sampled(data)[1].arrays()
    counts = np.unique(np.floor((found[:, 0, 0, 0] + 1) / 0.2), return_counts=True)[1]
    assert len(counts) == 10 and counts.min() > 40


def test_the_memory_of_a_sample_is_bounded():
    photos = np.broadcast_to(np.float32(0.5), (3000, 512, 512, 3))
    found, _ = sample.sampled(photos)[1].arrays()
    assert 80 <= len(found) and found.nbytes <= sample.MAX_BYTES


# Copies


class Copies(layers.Layer):
    """Returns one of some images for each latent, with a little noise."""

    def __init__(self, images):
        super().__init__()
        self.images = images

    def call(self, latents):
        number = keras.ops.cast(keras.ops.abs(latents[:, 0]) * 1e4, "int32") % len(self.images)
        noise = 0.01 * keras.ops.reshape(keras.ops.tile(latents, [1, 4]), (-1, *self.images.shape[1:]))
        return keras.ops.take(self.images, number, axis=0) + noise


def gan_of(images):
    """A GAN whose generator returns these images, whatever it is trained on."""
    keras.utils.set_random_seed(0)
    generator = keras.Sequential([keras.Input((16,)), layers.Dense(16, "linear", kernel_initializer="identity")])
    generator.add(Copies(images))
    _, discriminator = kerasgan.networks.mlp((8, 8, 1), latent_dim=16, width=16)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=16, seed=0)
    gan.compile(g_optimizer=keras.optimizers.SGD(0.0))
    return gan


def copies_found(gan, guard, **options):
    fit(gan, DIGITS[:90], guard, **options)
    return [each for each in guard.failures if each.what == "copied training images"]


@pytest.mark.parametrize("validation", [None, DIGITS[90:300]])
def test_copies_are_found_and_reported_once(validation):
    (found,) = copies_found(gan_of(DIGITS[:90]), Guard(), epochs=5, validation_data=validation)
    assert found.step == 3 and "of the samples nearly equal one of 90 training images" in found.evidence
    assert ("held-out images" in found.evidence) == (validation is not None)


@pytest.mark.parametrize("validation", [None, DIGITS[90:300]])
def test_samples_that_are_no_copies_raise_no_alarm(validation):
    assert copies_found(gan_of(DIGITS[900:]), Guard(), epochs=4, validation_data=validation) == []


def test_copies_stop_the_training_but_are_not_rolled_back(tmp_path):
    gan, guard = gan_of(DIGITS[:90]), Guard("stop")
    assert copies_found(gan, guard, epochs=5) and gan.stop_training
    gan, checkpoint = gan_of(DIGITS[:90]), Checkpoint(tmp_path)
    guard = Guard("rollback", checkpoint)
    assert fit(gan, DIGITS[:90], guard, checkpoint, epochs=2) and guard.num_rollbacks == 0
    assert "copied training images" in [each.what for each in guard.failures]


def test_mirrored_copies_of_mirrored_training_images_are_copies():
    batches, _ = kerasgan.datasets.load(DIGITS[:96], 32, flip=True)
    guard = Guard()
    fit(gan_of(np.ascontiguousarray(DIGITS[:96, :, ::-1])), batches, guard, epochs=2)
    assert "copied training images" in [each.what for each in guard.failures]


def test_copies_are_looked_for_after_epochs_that_are_powers_of_two_and_the_last(monkeypatch):
    epochs = []
    monkeypatch.setattr(held_out.HeldOutMeasures, "_copying", lambda self: epochs.append(len(seen)))
    seen = []
    count = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch))
    fit(memorizing_gan(), REAL[0], count, Guard(), epochs=11)
    assert epochs == [1, 2, 4, 8, 11]


def test_points_are_not_compared():
    batches, info = kerasgan.datasets.load("ring", batch_size=64)
    gan = kerasgan.GAN(*kerasgan.networks.mlp(info.image_shape, latent_dim=2, width=8), latent_dim=2)
    gan.compile()
    guard = Guard()
    fit(gan, batches.take(2), guard, epochs=1)
    assert guard.failures == []


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (64, 48, 3), (5, 100, 1), (256, 256, 3)])
def test_features_are_means_over_squares(shape):
    images = np.random.default_rng(0).uniform(-1, 1, (3, *shape)).astype("float32")
    features = held_out.small_pixels(images)
    assert features.shape[0] == 3 and features.shape[1] <= 16 * 16 * shape[2]
    assert np.allclose(held_out.small_pixels(np.full((2, *shape), 0.3)), 0.3)
    if max(shape) <= 16:
        assert np.allclose(features, images.reshape(3, -1))


# The state


def test_the_state_is_restored_and_any_other_is_refused():
    one, other = held_out.HeldOutMeasures(), held_out.HeldOutMeasures()
    one.set_state({"epochs_above": 2, "is_copying": True})
    other.set_state(one.get_state())
    assert other.get_state() == {"epochs_above": 2, "is_copying": True}
    for state in (None, {}, {"epochs_above": 2}, {"epochs_above": "2", "is_copying": True}):
        with pytest.raises(ValueError, match="The state must be one that HeldOutMeasures returned"):
            one.set_state(state)


def test_python_is_called_for_the_first_batches_of_a_dataset_alone():
    import tensorflow as tf

    from kerasgan.backend.tensorflow import data

    calls = []
    dataset = tf.data.Dataset.range(100).batch(10)
    found = list(data.watched(dataset, lambda batch: calls.append(batch.tolist()), 2).as_numpy_iterator())
    assert np.array_equal(np.concatenate(found), np.arange(100))
    assert sorted(calls) == [list(range(10)), list(range(10, 20))]
