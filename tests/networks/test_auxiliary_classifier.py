"""The classifier within a discriminator: its loss by hand, on real images alone, and the game that stays as it is."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special

import kerasgan
from kerasgan.networks import resnext
from kerasgan.networks.auxiliary_classifier import AuxiliaryClassifier

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(6, 4)).astype("float32")
LABELS = np.array([0, 1, 2, 0, 1, 2], "int32")
WEIGHT = 0.7


def array(tensor):
    return ops.convert_to_numpy(tensor)


def test_it_adds_the_cross_entropy_of_each_image_and_returns_the_features():
    layer = AuxiliaryClassifier(3, WEIGHT)
    assert np.array_equal(array(layer(FEATURES, LABELS, training=True)), FEATURES)
    assert array(layer.losses[0]) == pytest.approx(WEIGHT * np.log(3))  # it starts from 0
    layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    kernel, bias = layer.get_weights()
    expected = -special.log_softmax(FEATURES @ kernel + bias, axis=1)[np.arange(6), LABELS]
    for labels in (LABELS, LABELS[:, None]):
        layer(FEATURES, labels, training=True)
        assert array(layer.losses[0]) == pytest.approx(WEIGHT * expected, rel=1e-5)


def test_a_classifier_of_fewer_classes_is_refused():
    generator, _ = resnext((8, 8, 1), 4, width=4, group_width=4, num_classes=5)
    images, labels = keras.Input((8, 8, 1)), keras.Input((), dtype="int32")
    features = AuxiliaryClassifier(3)(keras.layers.Flatten()(images), labels)
    discriminator = keras.Model([images, labels], keras.layers.Dense(1)(features))
    with pytest.raises(ValueError, match=r"same classes\. Received: num_classes=5 for a discriminator built for 3"):
        kerasgan.GAN(generator, discriminator, 4, num_classes=5)


def test_in_inference_it_does_nothing():
    layer = AuxiliaryClassifier(3, WEIGHT)
    assert np.array_equal(array(layer(FEATURES, LABELS)), FEATURES) and layer.losses == []


@pytest.mark.parametrize("weight", [0, -1.0, np.nan, np.inf, True, "1"])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(ValueError, match=r"weight must be a positive number\. Received: weight="):
        AuxiliaryClassifier(3, weight)
    if weight != 0:
        with pytest.raises(ValueError, match="auxiliary_classifier must be a weight"):
            resnext((8, 8, 1), 4, width=4, auxiliary_classifier=weight)


@pytest.mark.parametrize("num_classes", [1, 2.5, "3"])
def test_fewer_than_two_classes_are_refused(num_classes):
    with pytest.raises(ValueError, match="Received: num_classes="):
        AuxiliaryClassifier(num_classes)


def test_without_classes_the_network_has_none():
    for options in ({}, {"condition": kerasgan.conditions.Vector(2)}):
        _, discriminator = resnext((8, 8, 1), 4, width=4, auxiliary_classifier=1.0, **options)
        assert not any(isinstance(layer, AuxiliaryClassifier) for layer in discriminator.layers)


def conditional_gan(updates, classifier=WEIGHT, batch_norm=False, d_rate=1.0, **options):
    """A GAN of classes with nonzero weights everywhere; with batch norm, its discriminator is called on each kind."""
    keras.utils.set_random_seed(0)
    generator, discriminator = resnext(
        (8, 8, 1), 4, width=8, group_width=4, num_classes=3, auxiliary_classifier=classifier
    )
    if batch_norm:
        images, labels = keras.Input((8, 8, 1)), keras.Input((), dtype="int32")
        normed = keras.layers.BatchNormalization()(images)
        discriminator = keras.Model([images, labels], discriminator([normed, labels]))
    random = np.random.default_rng(1)
    for weight in discriminator.trainable_weights:
        if not weight.path.startswith("d_classes") and "/d_classes/" not in weight.path:
            weight.assign(weight + 0.3 * random.normal(size=weight.shape))
    gan = kerasgan.GAN(generator, discriminator, 4, num_classes=3, seed=0)
    sgd = keras.optimizers.SGD
    gan.compile(sgd(d_rate), sgd(1.0), updates=updates, **options)
    return gan


def moved(gan, images, labels):
    """How far a step of SGD moves each weight, by the end of its path: its gradient."""
    weights = {
        f"{network} {number} {weight.path}": weight
        for network in ("generator", "discriminator")
        for number, weight in enumerate(getattr(gan, network).trainable_weights)
    }
    before = {name: weight.numpy() for name, weight in weights.items()}
    gan.train_on_batch(images, labels)
    return {name: before[name] - weight.numpy() for name, weight in weights.items()}


@pytest.fixture
def batch():
    return RNG.uniform(-1, 1, (6, 8, 8, 1)).astype("float32"), LABELS


def of_classifier(found):
    return [value for name, value in found.items() if "d_classes" in name]


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_it_learns_from_real_images_alone(updates, batch_norm, batch):
    """At zero weights the gradient of its bias is the mean of 1/3 - (1 for the class), and that of its kernel theirs
    times the features."""
    gan = conditional_gan(updates, batch_norm=batch_norm)
    inner = next(layer for layer in gan.discriminator._flatten_layers() if layer.name == "d_classes")
    features = []
    call = inner.call
    inner.call = lambda given, *args, **options: (features.append(given), call(given, *args, **options))[1]
    gan.run_eagerly = True
    kernel, bias = of_classifier(moved(gan, *batch))
    real = array(features[0])[:6]
    errors = WEIGHT * (1 / 3 - np.eye(3)[LABELS]) / 6
    assert bias == pytest.approx(errors.sum(axis=0), abs=1e-6)
    assert kernel == pytest.approx(real.T @ errors, rel=1e-3, abs=1e-5) and np.abs(kernel).max() > 1e-3


IN_TURN = kerasgan.updates.Alternating(same_samples=True)


@pytest.mark.parametrize(
    ("updates", "batch_norm"),
    [("alternating", False), ("alternating", True), (IN_TURN, False), ("simultaneous", True), ("one_stage", False)],
)
def test_what_it_adds_is_logged(updates, batch_norm, batch):
    """Its first loss is that of equal chances, its second that of the bias which it learned: the kernel is put back."""
    gan = conditional_gan(updates, batch_norm=batch_norm)
    images, labels = batch[0], np.array([0, 0, 0, 0, 1, 2], "int32")
    assert gan.train_on_batch(images, labels, return_dict=True)["d_class_loss"] == pytest.approx(WEIGHT * np.log(3))
    kernel, bias = (weight for weight in gan.discriminator.trainable_weights if "d_classes" in weight.path)
    kernel.assign(np.zeros(kernel.shape))
    gan.reset_metrics()
    expected = -special.log_softmax(array(bias))[labels].mean() * WEIGHT
    found = gan.train_on_batch(images, labels, return_dict=True)["d_class_loss"]
    assert found == pytest.approx(expected, rel=1e-5) and found < WEIGHT * np.log(3) - 1e-3


def test_a_checkpoint_from_before_the_log_is_resumed(batch, tmp_path):
    gans = [conditional_gan("one_stage") for _ in range(2)]
    gans[0].has_classifier = False  # as then: it is not logged
    for number, gan in enumerate(gans, start=1):
        checkpoint = kerasgan.callbacks.Checkpoint(tmp_path, resume=True)
        logs = gan.fit(*batch, batch_size=3, epochs=number, callbacks=[checkpoint], verbose=0).history
        assert int(gan.g_optimizer.iterations) == 2 * number
    assert len(logs["g_loss"]) == len(logs["d_class_loss"]) == 1  # the second epoch alone


def test_without_it_there_is_no_such_log(batch):
    gan = conditional_gan("one_stage", classifier=0.0)
    assert "d_class_loss" not in gan.train_on_batch(*batch, return_dict=True)
    assert "d_class_loss" not in [metric.name for metric in gan.metrics]


def with_learned_classifier(updates, weight=WEIGHT, **options):
    """A GAN whose classifier has learned something, so that it sends gradients to the features."""
    gan = conditional_gan(updates, weight, **options)
    gan.discriminator.get_layer("d_classes").set_weights([0.5 * np.eye(8, 3), np.zeros(3)])
    return gan


@pytest.mark.parametrize("updates", ["simultaneous", "one_stage"])
def test_the_generator_does_not_learn_from_it(updates, batch):
    """Its gradients are the same with a weight of next to nothing; those of the discriminator's features are not."""
    with_one, without = (moved(with_learned_classifier(updates, weight), *batch) for weight in (WEIGHT, 1e-30))
    of_generator = [name for name in without if name.startswith("generator")]
    assert of_generator and max(np.abs(without[name]).max() for name in of_generator) > 1e-4
    for name in of_generator:
        assert np.allclose(without[name], with_one[name], rtol=1e-4, atol=1e-6)
    of_features = next(name for name in without if "d_from_image" in name)
    assert np.abs(without[of_features] - with_one[of_features]).max() > 1e-3


@pytest.mark.parametrize("updates", ["alternating", IN_TURN])
def test_nor_in_turns(updates, batch):
    """With a discriminator that stays as it is, so that it is the same with both weights."""
    with_one, without = (
        moved(with_learned_classifier(updates, weight, d_rate=0.0), *batch) for weight in (WEIGHT, 1e-30)
    )
    assert max(np.abs(value).max() for value in without.values()) > 1e-4
    for name, value in without.items():
        assert np.allclose(value, with_one[name], rtol=1e-4, atol=1e-6)


def test_one_stage_has_the_gradients_of_two_passes(batch):
    penalty = kerasgan.penalties.R1(0.5)
    gans = [with_learned_classifier(rule, penalties=penalty) for rule in ("one_stage", "simultaneous")]
    one, two = (moved(gan, *batch) for gan in gans)
    for name, gradient in two.items():
        assert one[name] == pytest.approx(gradient, rel=1e-3, abs=1e-5 * max(float(np.abs(gradient).max()), 1e-3))


def test_features_come_to_tell_the_classes_apart(tmp_path):
    """Brightness is the class."""
    labels = RNG.integers(0, 3, 128).astype("int32")
    images = (0.3 * RNG.normal(size=(128, 8, 8, 1)) + 0.5 * (labels[:, None, None, None] - 1)).clip(-1, 1)
    gan = conditional_gan("one_stage", classifier=1.0)
    gan.compile(keras.optimizers.Adam(5e-3), "adam", updates="one_stage")
    gan.fit(images.astype("float32"), labels, batch_size=32, epochs=30, verbose=0)
    layer = gan.discriminator.get_layer("d_classes")
    features = keras.Model(gan.discriminator.inputs, layer.output)
    kernel, bias = layer.get_weights()
    seen = (array(features([images, labels])) @ kernel + bias).argmax(axis=1)
    assert np.mean(seen == labels) > 0.8
    gan.discriminator.save(tmp_path / "discriminator.keras")
    again = keras.saving.load_model(tmp_path / "discriminator.keras")
    assert np.array_equal(array(again([images, labels])), array(gan.discriminator([images, labels])))
    assert again.get_layer("d_classes").weight == 1.0
