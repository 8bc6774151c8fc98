"""Every mistake gets one ValueError, before any training: the rule, the value received and the way out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan


def batched(images):
    return tf.data.Dataset.from_tensor_slices(images).batch(16)


def unchanged(images):
    return images


def nan_in(images, at):
    broken = images.copy()
    broken[at, 0, 0, 0] = np.nan
    return broken


def same_weights(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))


BAD_IMAGES = {
    "uint8": (lambda x: ((x + 1) * 127).astype("uint8"), r"floats in \[-1, 1\].*dtype uint8.*127.5 - 1"),
    "0 to 255": (lambda x: (x + 1) * 127.5, r"lie in \[-1, 1\].*values from 0.* to 25.*127.5 - 1"),
    "shape": (lambda x: x[:, :4], r"\(batch, 8, 8, 1\).*4, 8, 1\).*Resize"),
    "channels": (lambda x: np.repeat(x, 3, -1), r"\(batch, 8, 8, 1\).*8, 8, 3\).*Resize"),
    "rank": (lambda x: x[..., 0], r"\(batch, 8, 8, 1\).*Add the axis"),
    "NaN": (lambda x: nan_in(x, 0), r"must be finite.*values from.*Remove or replace"),
    "infinite": (lambda x: np.where(x > 0.99, np.inf, x), r"must be finite.*inf.*Remove or replace"),
    "none": (lambda x: x[:0], r"There must be images.*Received: an empty"),
}


@pytest.mark.parametrize("source", [unchanged, batched])
@pytest.mark.parametrize("bad", BAD_IMAGES)
def test_images(make_gan, images, bad, source):
    damage, message = BAD_IMAGES[bad]
    gan, untouched = make_gan(), make_gan()
    with pytest.raises(ValueError, match=message):
        gan.fit(source(damage(images)), batch_size=None, verbose=0)
    assert same_weights(gan, untouched)
    with pytest.raises(ValueError, match=message):
        gan.fit(images, validation_data=source(damage(images)), verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("source", [unchanged, batched])
@pytest.mark.parametrize("bad", BAD_IMAGES)
def test_evaluate_refuses_the_same(make_gan, images, bad, source):
    damage, message = BAD_IMAGES[bad]
    with pytest.raises(ValueError, match=message):
        make_gan().evaluate(source(damage(images)), verbose=0)


def test_nan_late_in_a_dataset_is_refused_before_it_is_trained_on(make_gan, images):
    gan, until_then = make_gan(), make_gan()
    with pytest.raises(ValueError, match="must be finite"):
        gan.fit(batched(nan_in(images, 40)), verbose=0)
    until_then.fit(batched(images[:32]), verbose=0)
    assert same_weights(gan, until_then)


def test_points_have_no_range_but_must_be_finite(make_gan):
    points = np.random.default_rng(0).normal(size=(32, 2)).astype("float32") * 10
    for source in (unchanged, batched):
        make_gan(image_shape=(2,)).fit(source(points), verbose=0)
        with pytest.raises(ValueError, match="must be finite"):
            make_gan(image_shape=(2,)).fit(source(np.where(points > 9, np.nan, points)), verbose=0)


def test_images_of_half_the_range_are_warned_of(make_gan, images):
    with pytest.warns(UserWarning, match="half of"):
        make_gan().fit(np.abs(images), verbose=0)


def test_python_generators_are_checked_for_shape_and_dtype(make_gan, images):
    gan = make_gan()
    with pytest.raises(ValueError, match="dtype uint8"):
        gan.fit(((images[:16].astype("uint8"),) for _ in range(2)), verbose=0)
    assert gan.fit(((images[:16],) for _ in range(2)), verbose=0).history["loss"]


LABELS = np.zeros(64, "int32")
WITH_LABELS = {
    "second argument": lambda gan, x: gan.fit(x, LABELS),
    "pair of arrays": lambda gan, x: gan.fit((x, LABELS)),
    "dataset of pairs": lambda gan, x: gan.fit(batched((x, LABELS))),
    "validation pair": lambda gan, x: gan.fit(x, validation_data=(x, LABELS)),
    "generator of pairs": lambda gan, x: gan.fit((x[:16], LABELS[:16]) for _ in range(1)),
    "evaluate": lambda gan, x: gan.evaluate(x, LABELS),
}


@pytest.mark.parametrize("call", WITH_LABELS)
def test_labels_for_a_gan_without_classes_are_refused(make_gan, images, call):
    with pytest.raises(ValueError, match=r"unconditional.*Received.*Leave the labels out"):
        WITH_LABELS[call](make_gan(), images)


@pytest.mark.parametrize("source", [unchanged, batched])
def test_batches_smaller_than_d_steps(make_gan, images, source):
    gan = make_gan(updates=kerasgan.updates.Alternating(5))
    with pytest.raises(ValueError, match=r"(?s)each.*discriminator step.*Received.*"):
        gan.fit(source(images[:3]), batch_size=None, verbose=0)
    with pytest.raises(ValueError, match=r"(?s)each.*discriminator step.*Received.*"):
        gan.fit(source(images[:35]), batch_size=16 if source is unchanged else None, verbose=0)
    assert all(np.all(np.isfinite(weight)) for weight in gan.weights)


def test_fit_and_evaluate_before_compile(images):
    gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), 4, width=8), latent_dim=4)
    for call in (gan.fit, gan.evaluate):
        with pytest.raises(ValueError, match=r"Received: a GAN that is not compiled. Call gan.compile\(\)"):
            call(images)


# Networks


def generator(image_shape=(8, 8, 1), latent_dim=4):
    return kerasgan.networks.mlp(image_shape, latent_dim, width=8)[0]


def discriminator(*ending, image_shape=(8, 8, 1)):
    return keras.Sequential([keras.Input(image_shape), layers.Flatten(), *ending])


def two_outputs():
    image = keras.Input((8, 8, 1))
    flat = layers.Flatten()(image)
    return keras.Model(image, [layers.Dense(1)(flat), layers.Dense(10)(flat)])


def logit_map(channels):
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(channels, 3)])


def nested_sigmoid():
    image = keras.Input((8, 8, 1))
    return keras.Model(image, discriminator(layers.Dense(1, activation="sigmoid"))(image))


class Subclassed(keras.Model):
    def __init__(self, last):
        super().__init__()
        self.flat, self.last = layers.Flatten(), last

    def call(self, images):
        return self.last(self.flat(images))


BAD_NETWORKS = {
    "other image": (
        lambda: (generator((12, 12, 1)), discriminator(layers.Dense(1))),
        "must fit the discriminator's input",
    ),
    "other rank": (lambda: (generator((2,)), discriminator(layers.Dense(1))), "must fit the discriminator's input"),
    "two logits": (lambda: (generator(), discriminator(layers.Dense(2))), r"one logit.*Received: shape \(None, 2\)"),
    "two outputs": (lambda: (generator(), two_outputs()), "one logit.*Received: 2 outputs"),
    "map of two channels": (lambda: (generator(), logit_map(2)), "one logit"),
    "sigmoid": (
        lambda: (generator(), discriminator(layers.Dense(1, activation="sigmoid"))),
        "not in a probability.*sigmoid",
    ),
    "sigmoid layer": (
        lambda: (generator(), discriminator(layers.Dense(1), layers.Activation("sigmoid"))),
        "not in a prob",
    ),
    "nested sigmoid": (lambda: (generator(), nested_sigmoid()), "not in a probability"),
    "subclassed sigmoid": (
        lambda: (generator(), Subclassed(layers.Dense(1, activation="sigmoid"))),
        "not in a probability",
    ),
    "latent width": (
        lambda: (generator(latent_dim=7), discriminator(layers.Dense(1))),
        r"latent_dim=4.*latent_dim=7\)",
    ),
    "no model": (lambda: (generator(), lambda images: images), "must be a Keras model. Received: discriminator="),
}


@pytest.mark.parametrize("bad", BAD_NETWORKS)
def test_networks_that_do_not_fit(bad):
    make, message = BAD_NETWORKS[bad]
    with pytest.raises(ValueError, match=message):
        kerasgan.GAN(*make(), latent_dim=4)


def test_subclassed_networks_train(images):
    gan = kerasgan.GAN(generator(), Subclassed(layers.Dense(1)), latent_dim=4)
    gan.compile()
    assert np.isfinite(gan.fit(images, verbose=0).history["loss"][0])


def test_no_latents_and_no_condition():
    with pytest.raises(ValueError, match=r"needs latents or a condition.*latent_dim=0"):
        kerasgan.GAN(generator(), discriminator(layers.Dense(1)), latent_dim=0)


@pytest.mark.parametrize("latent_dim", [-1, 2.0, None, (4,)])
def test_latent_dim(latent_dim):
    with pytest.raises(ValueError, match="latent_dim must be a whole number"):
        kerasgan.GAN(generator(), discriminator(layers.Dense(1)), latent_dim=latent_dim)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "nonsaturating"}, "Did you mean 'non_saturating'"),
        ({"objective": 7}, "objective=7"),
        ({"updates": "alternate"}, "Did you mean 'alternating'"),
        ({"d_optimizer": "adamm"}, "adamm"),
    ],
)
def test_compile_options(make_gan, options, message):
    with pytest.raises(ValueError, match=message):
        make_gan(**options)


@pytest.mark.parametrize("d_steps", [0, -1, 1.5, "2", None])
def test_d_steps(d_steps):
    with pytest.raises(ValueError, match="d_steps must be a whole number"):
        kerasgan.updates.Alternating(d_steps)


def test_misspelled_arguments_are_refused(make_gan, images):
    with pytest.raises(TypeError, match="epoch"):
        make_gan().fit(images, epoch=1)
    with pytest.raises(TypeError, match="objetive"):
        make_gan(objetive="minimax")
