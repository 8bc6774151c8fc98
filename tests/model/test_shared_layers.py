"""What both networks share could not be read back from a file: it is refused when the GAN is made."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasgan


def generator_of(*stack):
    return keras.Sequential([keras.Input((4,)), *stack, layers.Dense(64), layers.Reshape((8, 8, 1))])


def discriminator_of(*stack):
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(4), *stack, layers.Dense(1)])


class Tower(keras.Model):
    """A subclassed network whose layers are built when it is called."""

    def __init__(self, shared, *rest):
        super().__init__()
        self.shared, self.rest = shared, list(rest)

    def call(self, inputs):
        outputs = self.shared(inputs)
        for layer in self.rest:
            outputs = layer(outputs)
        return outputs


class Borrowed(layers.Layer):
    """Uses the variable of another layer, in a layer of its own."""

    def __init__(self, lender):
        super().__init__()
        self.table = lender

    def call(self, inputs):
        return inputs @ self.table


def one_layer():
    shared = layers.Dense(4)
    return generator_of(shared), discriminator_of(shared)


def nested_layer():
    shared = layers.Dense(4)
    inner = keras.Sequential([keras.Input((4,)), keras.Sequential([keras.Input((4,)), shared])])
    return generator_of(inner), discriminator_of(shared)


def nested_network():
    shared = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.BatchNormalization()])
    return generator_of(shared), discriminator_of(shared)


def functional():
    shared, z, image = layers.Dense(4), keras.Input((4,)), keras.Input((8, 8, 1))
    out = layers.Reshape((8, 8, 1))(layers.Dense(64)(shared(z)))
    logit = layers.Dense(1)(shared(layers.Dense(4)(layers.Flatten()(image))))
    return keras.Model(z, out), keras.Model(image, logit)


def subclassed():
    shared = layers.Dense(4)
    discriminator = Tower(layers.Flatten(), layers.Dense(4), shared, layers.Dense(1))
    return Tower(shared, layers.Dense(64), layers.Reshape((8, 8, 1))), discriminator


def wrapped():
    shared = layers.Dense(4)
    return generator_of(shared), discriminator_of(layers.SpectralNormalization(shared))


def variable():
    lender = layers.Dense(4)
    lender.build((None, 4))
    return generator_of(lender), discriminator_of(Borrowed(lender.kernel))


def frozen_layer():
    shared = layers.Dense(4, trainable=False)
    return generator_of(shared), discriminator_of(shared)


def seed():
    shared = layers.Dropout(0.5, seed=1)
    return generator_of(shared), discriminator_of(shared)


def whole_generator():
    generator = generator_of()
    return generator, keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(4), generator, layers.Flatten(), layers.Dense(1)]
    )


def with_labels():
    shared, z, image = layers.Embedding(3, 4), keras.Input((4,)), keras.Input((8, 8, 1))
    first, second = keras.Input((), dtype="int32"), keras.Input((), dtype="int32")
    out = layers.Reshape((8, 8, 1))(layers.Dense(64)(layers.Concatenate()([z, shared(first)])))
    logit = layers.Dense(1)(layers.Concatenate()([layers.Flatten()(image), shared(second)]))
    return keras.Model([z, first], out), keras.Model([image, second], logit)


SHARED = {
    function.__name__: function
    for function in (
        one_layer,
        nested_layer,
        nested_network,
        functional,
        subclassed,
        wrapped,
        variable,
        frozen_layer,
        seed,
        whole_generator,
        with_labels,
    )
}


@pytest.mark.parametrize("how", SHARED)
def test_what_both_networks_share_is_refused(how):
    generator, discriminator = SHARED[how]()
    num_classes = 3 if how == "with_labels" else None
    with pytest.raises(ValueError, match=r"no layer and no weight in common.*Received: \d+ shared.*Make a second"):
        kerasgan.GAN(generator, discriminator, latent_dim=4, num_classes=num_classes)


def test_one_network_as_both():
    network = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    with pytest.raises(
        ValueError, match=r"must be two networks. Received: the same Sequential .* as both. Build a sec"
    ):
        kerasgan.GAN(network, network, latent_dim=1)


def test_the_layers_are_named():
    shared = [layers.Dense(4, name=f"shared_{number}") for number in range(7)]
    with pytest.raises(ValueError, match=r"'shared_0', 'shared_1'.*'shared_4' and 2 more"):
        kerasgan.GAN(generator_of(*shared), discriminator_of(*shared), latent_dim=4)


def test_networks_that_are_read_from_a_config_are_checked_too():
    """Custom objects may give the same layer twice."""
    shared = layers.Dense(4)
    gan = kerasgan.GAN(generator_of(layers.Dense(4)), discriminator_of(layers.Dense(4)), latent_dim=4)
    config = gan.get_config()

    class Same(layers.Layer):
        @classmethod
        def from_config(cls, config):
            return shared

    for name, position in (("generator", 1), ("discriminator", 3)):
        described = {"class_name": "Same", "registered_name": "Same", "module": None, "config": {}}
        config[name]["config"]["layers"][position] = described
    with pytest.raises(ValueError, match="no layer and no weight in common"):
        kerasgan.GAN.from_config(config, custom_objects={"Same": Same})


def test_what_has_no_variables_may_be_shared(tmp_path, images):
    """Such a GAN is read back as it was."""
    flat, activation = layers.Activation("tanh"), layers.LeakyReLU()
    stack = keras.Sequential([keras.Input((4,)), layers.Activation("relu")])
    pair = generator_of(flat, activation, stack), discriminator_of(flat, activation, stack)
    gan = kerasgan.GAN(*pair, latent_dim=4)
    gan.compile()
    gan.fit(images, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert np.array_equal(loaded.generate(3, seed=0), gan.generate(3, seed=0))


def test_one_network_may_use_a_layer_twice_and_serve_two_gans(tmp_path):
    twice, z = layers.Dense(4), keras.Input((4,))
    generator = keras.Model(z, layers.Reshape((8, 8, 1))(layers.Dense(64)(twice(twice(z)))))
    gans = [kerasgan.GAN(generator, discriminator_of(), latent_dim=4) for _ in range(2)]
    gans[0].save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert np.array_equal(loaded.generate(3, seed=0), gans[1].generate(3, seed=0))
