"""Fast forms of layers and optimizers: outputs, gradients and states are those of Keras; and when they are not used."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan
from kerasgan import backend, keras_internals
from kerasgan.backend.tensorflow import fast_layers, gradients

KINDS = {
    "conv": [layers.Conv2D(8, 4, 2, padding="same"), layers.Conv2D(1, 7, padding="same", activation="tanh")],
    "conv without bias": [layers.Conv2D(8, 3, padding="same", use_bias=False)],
    "conv of 1x1": [layers.Conv2D(8, 1), layers.Conv2D(6, 1, use_bias=False), layers.Conv2D(3, 1, activation="tanh")],
    "conv that is not square": [layers.Conv2D(8, (3, 5), padding="same"), layers.Conv2D(3, 3, (1, 2), padding="same")],
    "conv of other kinds": [
        layers.Conv2D(8, 3, padding="valid"),
        layers.Conv2D(8, 3, dilation_rate=2, padding="same"),
        layers.Conv2D(8, 3, groups=2, padding="same"),
    ],
    "transposed": [layers.Conv2DTranspose(8, 4, 2, padding="same"), layers.Conv2DTranspose(3, 4, 2, padding="same")],
    "transposed of other kinds": [
        layers.Conv2DTranspose(8, 4, 2, padding="valid"),
        layers.Conv2DTranspose(8, 3, 2, padding="same", output_padding=1),
        layers.Conv2DTranspose(8, (2, 4), 2, padding="same", activation="relu"),
    ],
    # The second norm would cancel a scale of the first, and leave nothing but rounding of its gradient.
    "batch norm": [layers.BatchNormalization(scale=False), layers.ReLU(), layers.BatchNormalization(momentum=0.9)],
    "batch norm without center": [layers.BatchNormalization(center=False), layers.Conv2D(2, 1)],
    "batch norm of other kinds": [layers.BatchNormalization(axis=1), layers.BatchNormalization(trainable=False)],
    "leaky": [layers.Conv2D(8, 4, 2, padding="same"), layers.LeakyReLU(0.2), layers.LeakyReLU(0.0)],
    "depthwise": [layers.DepthwiseConv2D((8, 12), activation="tanh", bias_initializer="normal")],
    "depthwise of other kinds": [
        layers.DepthwiseConv2D(3, use_bias=False),
        layers.DepthwiseConv2D((6, 10), padding="same"),  # the whole map, as the next
        layers.DepthwiseConv2D((6, 10), depth_multiplier=2),
        layers.DepthwiseConv2D((1, 1)),
    ],
    "float64": [
        layers.Conv2DTranspose(2, 4, 2, padding="same", dtype="float64"),
        layers.Conv2D(3, 1, dtype="float64"),
        layers.DepthwiseConv2D((16, 24), dtype="float64"),
    ],
    "others": [layers.SpectralNormalization(layers.Conv2D(4, 3, padding="same")), layers.GroupNormalization(2)],
}


def network_of(kind):
    keras.utils.set_random_seed(0)
    copies = [layers.deserialize(layers.serialize(layer)) for layer in KINDS[kind]]
    return keras.Sequential([keras.Input((8, 12, 4)), *copies])


def outputs_and_gradients(network, images, call):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        outputs = call(network, images)
        loss = tf.reduce_sum(tf.sin(outputs))
    return [outputs, *tape.gradient(loss, [images, *network.trainable_variables])]


def by_keras(network, images):
    return network(images, training=True)


def by_fast_layers(network, images):
    return fast_layers.call_network(network, images, training=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_computes_what_keras_computes(kind):
    images = tf.constant(np.random.default_rng(0).normal(size=(5, 8, 12, 4)).astype("float32"))
    one, other = network_of(kind), network_of(kind)
    for found, expected in zip(
        outputs_and_gradients(one, images, by_fast_layers), outputs_and_gradients(other, images, by_keras), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(expected).max()))
    for found, expected in zip(one.get_weights(), other.get_weights(), strict=True):  # moving statistics as well
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["leaky", "depthwise", "conv of 1x1"])
def test_second_derivatives_are_those_of_keras(kind):
    """Of a gradient penalty: the gradients of the squared norm of a gradient with respect to the images."""
    images = tf.constant(np.random.default_rng(0).normal(size=(5, 8, 12, 4)).astype("float32"))

    def penalty_gradients(network, call):
        with tf.GradientTape() as outer:
            outer.watch(images)
            with tf.GradientTape() as inner:
                inner.watch(images)
                loss = tf.reduce_sum(tf.sin(call(network, images)))
            penalty = tf.reduce_sum(tf.square(inner.gradient(loss, images)))
        weights = [each for each in network.trainable_variables if "bias" not in each.name]
        return outer.gradient(penalty, [images, *weights])

    found, expected = (
        tf.function(penalty_gradients, autograph=False)(network_of(kind), call) for call in (by_fast_layers, by_keras)
    )
    for one, other in zip(found, expected, strict=True):
        assert np.abs(other).max() > 0
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


@pytest.mark.parametrize("kind", ["leaky", "depthwise", "conv of 1x1"])
def test_in_bfloat16_they_are_no_coarser_than_keras(kind):
    """Beside Keras in float32, of weights and images that bfloat16 holds."""
    images = tf.constant(np.random.default_rng(0).normal(size=(5, 8, 12, 4)).astype("float32"))
    images = tf.cast(tf.cast(images, tf.bfloat16), tf.float32)
    exact = network_of(kind)
    exact.set_weights([tf.cast(tf.cast(each, tf.bfloat16), tf.float32).numpy() for each in exact.get_weights()])
    copies = [type(layer).from_config(layer.get_config() | {"dtype": "mixed_bfloat16"}) for layer in exact.layers]
    half = [keras.Sequential([keras.Input((8, 12, 4)), *copies])]
    half.append(keras.models.clone_model(half[0]))
    expected = outputs_and_gradients(exact, images, by_keras)
    assert {layer.compute_dtype for network in half for layer in network.layers} == {"bfloat16"}
    errors = []
    for network, call in zip(half, (by_fast_layers, by_keras), strict=True):
        network.set_weights(exact.get_weights())
        found = outputs_and_gradients(network, images, call)
        differences = (tf.cast(one, tf.float32) - other for one, other in zip(found, expected, strict=True))
        errors.append([float(np.abs(each).max()) for each in differences])
    for ours, theirs, wanted in zip(*errors, expected, strict=True):
        assert ours <= max(1.5 * theirs, 0.01 * np.abs(wanted).max())


@pytest.mark.parametrize("strides", [(2, 2), (1, 3)])
def test_strided_convolutions_of_1x1_are_those_of_every_other_pixel(strides):
    """Beside Keras without strides: its gradient of such a kernel can end the process."""
    images = tf.constant(np.random.default_rng(0).normal(size=(5, 8, 12, 4)).astype("float32"))
    strided = keras.Sequential([keras.Input((8, 12, 4)), layers.Conv2D(3, 1, strides, bias_initializer="normal")])
    plain = keras.Sequential([keras.Input((8 // strides[0], 12 // strides[1], 4)), layers.Conv2D(3, 1)])
    plain.set_weights(strided.get_weights())
    found = outputs_and_gradients(strided, images, by_fast_layers)
    every = images[:, :: strides[0], :: strides[1]]
    expected = outputs_and_gradients(plain, every, by_keras)
    between = np.ones((8, 12), bool)
    between[:: strides[0], :: strides[1]] = False
    assert not np.any(found[1].numpy()[:, between])
    found[1] = found[1][:, :: strides[0], :: strides[1]]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_float64_is_not_summed_in_float32():
    images = tf.constant(np.random.default_rng(0).normal(size=(5, 8, 12, 4)).astype("float32"))
    found, expected = (call(network_of("float64"), images) for call in (by_fast_layers, by_keras))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_training_argument_in_the_graph_is_that_of_the_step():
    """As in Keras, where `inner(images, training=False)` in a functional model has the `training` of its call."""

    def network():
        keras.utils.set_random_seed(0)
        inner = keras.Sequential([keras.Input((8, 12, 4)), layers.BatchNormalization(), layers.Dropout(0.0)])
        images = keras.Input((8, 12, 4))
        x = layers.BatchNormalization()(inner(images, training=False), training=False)
        return keras.Model(images, layers.Dropout(0.0)(x, training=False))

    images = tf.constant(np.random.default_rng(0).normal(2.0, size=(5, 8, 12, 4)).astype("float32"))
    one, other = network(), network()
    np.testing.assert_allclose(by_fast_layers(one, images), by_keras(other, images), rtol=1e-4, atol=1e-4)
    for found, expected in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(
    "renorm" not in inspect.signature(layers.BatchNormalization).parameters, reason="Keras 3.14 has no renorm"
)
def test_batch_renorm_is_keras_own():
    images = tf.constant(np.random.default_rng(0).normal(2.0, 3.0, size=(5, 4, 4, 2)).astype("float32"))
    one, other = (keras.Sequential([keras.Input((4, 4, 2)), layers.BatchNormalization(renorm=True)]) for _ in range(2))
    for _ in range(2):
        np.testing.assert_allclose(by_fast_layers(one, images), by_keras(other, images), rtol=1e-4, atol=1e-5)
    for found, expected in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_masked_steps_do_not_count():
    signals = np.random.default_rng(0).normal(size=(3, 6, 2)).astype("float32")
    signals[:, 3:] = 0
    stack = [keras.Input((6, 2)), layers.Masking(), layers.BatchNormalization()]
    network = keras.Sequential(stack)
    expected, found = (call(network, tf.constant(signals))[:, :3] for call in (by_keras, by_fast_layers))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(np.mean(expected, axis=(0, 1))).max() < 1e-5  # the mean of three steps


def test_batch_norm_of_points():
    points = tf.constant(np.random.default_rng(0).normal(2.0, 3.0, size=(7, 5)).astype("float32"))
    networks = [keras.Sequential([keras.Input((5,)), layers.BatchNormalization(momentum=0.5)]) for _ in range(2)]
    np.testing.assert_allclose(by_fast_layers(networks[0], points), by_keras(networks[1], points), rtol=1e-4, atol=1e-5)
    for found, expected in zip(networks[0].get_weights(), networks[1].get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(6, 3), (4, 2, 6, 3)], ids=["signals", "volumes"])
def test_batch_norm_of_signals_and_volumes(shape):
    data = tf.constant(np.random.default_rng(0).normal(2.0, 3.0, size=(5, *shape)).astype("float32"))
    one, other = (keras.Sequential([keras.Input(shape), layers.BatchNormalization(momentum=0.5)]) for _ in range(2))
    expected = outputs_and_gradients(other, data, by_keras)
    by_shape = tf.function(by_fast_layers, autograph=False)  # of any number of signals
    by_shape = by_shape.get_concrete_function(one, tf.TensorSpec((None, *shape)))
    assert by_shape.output_shapes.as_list() == [None, *shape]
    for found, wanted in zip(outputs_and_gradients(one, data, by_fast_layers), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    for found, wanted in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "layer",
    [
        lambda **options: layers.Conv1D(6, 16, strides=4, padding="same", activation="relu", **options),
        lambda **options: layers.Conv1D(1, 9, padding="same", **options),
        lambda **options: layers.Conv1D(4, 3, padding="causal", **options),
        lambda **options: layers.Conv1D(4, 3, dilation_rate=2, padding="same", **options),
        lambda **options: layers.Conv1DTranspose(2, 16, strides=4, padding="same", **options),
        lambda **options: layers.Conv1DTranspose(6, 5, strides=2, padding="same", use_bias=False, **options),
    ],
)
def test_convolutions_of_signals(layer, dtype):
    signals = tf.constant(np.random.default_rng(0).normal(size=(3, 32, 5)).astype("float32"))
    # Beside Keras in float32: its gradient of a bias in bfloat16 stops to grow at 256.
    options = {"bias_initializer": "normal"}
    one = keras.Sequential([keras.Input((32, 5)), layer(dtype=dtype, **options)])
    other = keras.Sequential([keras.Input((32, 5)), layer(dtype="float32", **options)])
    one.set_weights(other.get_weights())
    tolerance = 1e-5 if dtype == "float32" else 0.03
    found, wanted = (
        outputs_and_gradients(one, signals, by_fast_layers),
        outputs_and_gradients(other, signals, by_keras),
    )
    for each, expected in zip(found, wanted, strict=True):
        np.testing.assert_allclose(each, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


def test_the_step_of_signals_uses_the_fast_forms(monkeypatch):
    used = []
    for kind in (layers.Conv1D, layers.Conv1DTranspose):
        whole = fast_layers._FAST[kind]
        spy = lambda layer, data, kind=kind, whole=whole: used.append(kind) or whole(layer, data)  # noqa: E731
        monkeypatch.setitem(fast_layers._FAST, kind, spy)
    gan = kerasgan.GAN(*kerasgan.networks.dcgan((128, 1), latent_dim=4, width=4), latent_dim=4, seed=0)
    gan.compile()
    gan.fit(np.zeros((16, 128, 1), "float32"), batch_size=8, verbose=0)
    assert set(used) == {layers.Conv1D, layers.Conv1DTranspose}


def test_inference_is_keras_own(images):
    network = network_of("batch norm")
    batch = tf.zeros((2, 8, 12, 4))
    before = network.get_weights()
    np.testing.assert_array_equal(
        fast_layers.call_network(network, batch, training=False), network(batch, training=False)
    )
    assert all(np.array_equal(one, other) for one, other in zip(before, network.get_weights(), strict=True))


def test_models_within_models_and_several_inputs():
    image, label = keras.Input((8, 8, 1)), keras.Input((3,))
    inner = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 4, 2, padding="same"), layers.Flatten()])
    model = keras.Model([image, label], layers.Dense(1)(layers.Concatenate()([inner(image), label])))
    given = [tf.ones((2, 8, 8, 1)), tf.ones((2, 3))]
    np.testing.assert_allclose(by_fast_layers(model, given), by_keras(model, given), rtol=1e-5)


class Scaled(layers.Layer):
    def call(self, images):
        self.add_loss(tf.reduce_sum(images))
        return 2 * images


class OwnModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.layer = layers.Conv2D(1, 3, padding="same")

    def call(self, images):
        return self.layer(images) + 1


@pytest.mark.parametrize(
    "network",
    [
        keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(1, 3, padding="same"), Scaled()]),
        keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(1, 3, padding="same", activity_regularizer="l2")]),
        OwnModel(),
    ],
    ids=["a custom layer", "an activity regularizer", "a custom model"],
)
def test_networks_with_layers_of_a_user_are_called_as_they_are(network, monkeypatch):
    monkeypatch.setattr(fast_layers, "_run", lambda *args: pytest.fail("ran the graph of layers"))
    network(tf.ones((1, 4, 4, 1)))
    by_fast_layers(network, tf.ones((2, 4, 4, 1)))
    assert not isinstance(network, keras.Sequential) or network.losses


def test_losses_of_a_layer_that_is_called_twice_remain():
    features, labels = keras.Input((4,)), keras.Input((), dtype="int32")
    classifier = kerasgan.networks.auxiliary_classifier.AuxiliaryClassifier(3)
    network = keras.Model([features, labels], classifier(layers.ReLU()(classifier(features, labels)), labels))
    by_fast_layers(network, [tf.ones((2, 4)), tf.constant([0, 1])])
    assert len(network.losses) == 2


def test_losses_of_weights_remain():
    network = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(1, 3, padding="same", kernel_regularizer="l2")])
    by_fast_layers(network, tf.ones((2, 4, 4, 1)))
    (loss,) = network.losses
    assert float(loss) == pytest.approx(0.01 * np.sum(network.layers[0].kernel.numpy() ** 2))


def three_steps(optimizer, apply):
    """Updates two weights by gradients of very different sizes; returns them and the state of the optimizer."""
    weights = [keras.Variable(np.ones((3, 2), "float32")), keras.Variable(np.ones(4, "float32"))]
    optimizer.build(weights)
    random = np.random.default_rng(0)
    for _ in range(3):
        gradients = [
            tf.constant(random.normal(size=each.shape) * 10.0**power, tf.float32)
            for power, each in zip((-6, 2), weights, strict=True)
        ]
        apply(optimizer, gradients, weights)
    return [each.numpy() for each in (*weights, *optimizer.variables)]


SCHEDULE = keras.optimizers.schedules.CosineDecay(0.1, 5)
ADAMS = {
    "plain": lambda: keras.optimizers.Adam(0.01, beta_1=0.5),
    "without momentum": lambda: keras.optimizers.Adam(0.01, beta_1=0.0, beta_2=0.99, epsilon=1e-3),
    "schedule": lambda: keras.optimizers.Adam(SCHEDULE),
    "clipped": lambda: keras.optimizers.Adam(0.01, clipnorm=0.1),
    "amsgrad": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "decay": lambda: keras.optimizers.Adam(0.01, weight_decay=0.1),
    "averaging": lambda: keras.optimizers.Adam(0.01, use_ema=True),
    "AdamW": lambda: keras.optimizers.AdamW(0.01),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
    "SGD": lambda: keras.optimizers.SGD(0.01),
}


@pytest.mark.parametrize("name", ADAMS)
def test_an_optimizer_updates_weights_as_keras_does(name):
    plain = three_steps(ADAMS[name](), lambda optimizer, *rest: optimizer.apply(*rest))
    for found, expected in zip(three_steps(ADAMS[name](), gradients.apply), plain, strict=True):
        np.testing.assert_allclose(found, expected, rtol=5e-5, atol=1e-9)  # 1 - beta_2 in float32


@pytest.mark.parametrize("name", ["plain", "schedule"])
def test_plain_adam_is_one_operation(name, monkeypatch):
    optimizer = ADAMS[name]()
    monkeypatch.setattr(optimizer, "apply", lambda *args: pytest.fail("called Keras's apply"))
    three_steps(optimizer, gradients.apply)


def test_constrained_weights_are_updated_by_keras():
    weight = keras.Variable(np.ones(2, "float32"))
    weight.constraint = keras.constraints.NonNeg()
    optimizer = keras.optimizers.SGD(10.0)
    adam = keras.optimizers.Adam(10.0)
    for each in (optimizer, adam):
        each.build([weight])
        gradients.apply(each, [tf.ones(2)], [weight])
        assert np.all(weight.numpy() >= 0)


ORDINARY = [("alternating", "dcgan"), ("one_stage", "resnet")]


@pytest.mark.parametrize(
    "updates, network",
    [
        pytest.param(updates, network, marks=[] if (updates, network) in ORDINARY else pytest.mark.slow)
        for updates in kerasgan.updates.UPDATES
        for network in ("dcgan", "resnet", "mlp")
    ],
)
def test_a_training_is_the_same_with_and_without(make_gan, images, updates, network, monkeypatch):
    """By SGD, whose steps are the gradients: Adam would amplify differences of rounding."""
    network = getattr(kerasgan.networks, network)

    def trained():
        rates = [keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.05)]
        gan = make_gan(network=network, d_optimizer=rates[0], g_optimizer=rates[1], updates=updates, penalties="r1")
        logs = gan.fit(images, batch_size=32, shuffle=False, verbose=0).history  # more steps would amplify rounding
        return gan.get_weights(), logs

    weights, logs = trained()
    monkeypatch.setattr(backend, "call_network", lambda network, inputs, training: network(inputs, training=training))
    monkeypatch.setattr(backend, "apply", lambda optimizer, *rest: optimizer.apply(*rest))
    plain_weights, plain_logs = trained()
    for name, values in plain_logs.items():
        np.testing.assert_allclose(logs[name], values, rtol=1e-3, atol=1e-5)
    for found, expected in zip(weights, plain_weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize(
    ("network", "other"), [("dcgan", "_leaky_relu"), ("resnext", "_leaky_relu"), ("resnext", "_depthwise_convolution")]
)
def test_the_step_uses_the_fast_forms(network, other, make_gan, images, monkeypatch):
    used, names = [], {"_convolution", "_transposed_convolution", "_batch_norm", other}
    for name in names:
        whole = getattr(fast_layers, name)
        spy = lambda layer, images, name=name, whole=whole: used.append(name) or whole(layer, images)  # noqa: E731
        for kind in [kind for kind, each in fast_layers._FAST.items() if each is whole]:
            monkeypatch.setitem(fast_layers._FAST, kind, spy)
    gan = make_gan(network=getattr(kerasgan.networks, network))
    monkeypatch.setattr(gan.d_optimizer, "apply", lambda *args: pytest.fail("called Keras's apply"))
    gan.fit(images, batch_size=16, verbose=0)
    assert set(used) == names


def test_the_saved_model_is_plain_keras(make_gan, images, tmp_path):
    gan = make_gan(network=kerasgan.networks.dcgan)
    gan.fit(images, batch_size=16, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    kinds = {
        type(layer).__module__.split(".")[0]
        for layer in keras_internals.all_layers(loaded.generator, include_self=False)
    }
    assert kinds == {"keras"}
    np.testing.assert_array_equal(loaded.generate(3, seed=0), gan.generate(3, seed=0))
