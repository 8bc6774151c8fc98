"""What networks do with their condition: classes, labels, numbers, and nothing else but the condition."""

import functools

import keras
import numpy as np
import pytest

from kerasgan import conditions, networks
from kerasgan.networks import blocks

RNG = np.random.default_rng(0)
YEARS = conditions.Vector(2, mean=(2000.0, -3e-9), std=(10.0, 2e-9))
NETWORKS = {
    "mlp": functools.partial(networks.mlp, width=8, depth=1),
    "dcgan": functools.partial(networks.dcgan, width=4),
    "resnet": functools.partial(networks.resnet, width=4, norm=None),
    "resnext": functools.partial(networks.resnext, width=8, group_width=4, norm=None),
}
CONDITIONS = {"classes": conditions.Classes(3), "labels": conditions.Labels(4), "vector": YEARS}


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def perturb(*models):
    for model in models:
        model.set_weights([w + 0.3 * RNG.normal(size=w.shape) for w in model.get_weights()])


CASES = [
    *((name, "vector", 5) for name in NETWORKS),
    *(("mlp", kind, latent_dim) for kind in ("classes", "labels") for latent_dim in (5, 0)),
    *(("resnet", kind, 0) for kind in CONDITIONS),
]


@pytest.mark.parametrize(("name", "kind", "latent_dim"), CASES)
def test_the_condition_matters(name, kind, latent_dim, tmp_path):
    condition = CONDITIONS[kind]
    generator, discriminator = NETWORKS[name]((8, 8, 1), latent_dim, condition=condition)
    given = np.array([0, 1, 2, 0], "int32") if kind == "classes" else condition.draw(4, seed=0)
    z = RNG.normal(size=(4, 5)).astype("float32")
    inputs = [z, given] if latent_dim else given
    assert [each.name for each in generator.inputs] == [*(["z"] if latent_dim else []), condition.input_name]
    assert [each.name for each in discriminator.inputs] == ["image", condition.input_name]
    images = RNG.uniform(-1, 1, (4, 8, 8, 1)).astype("float32")
    other = np.roll(given, 1, axis=0)
    logits = numpy(discriminator([images, given]))
    assert np.array_equal(logits, numpy(discriminator([images, other])))  # no influence at the start
    perturb(generator, discriminator)
    differ = (given != other).reshape(4, -1).any(axis=1)
    assert differ.any()
    drawn, again = numpy(generator(inputs)), numpy(generator([z, other] if latent_dim else other))
    assert drawn.shape == (4, 8, 8, 1)
    moved = [
        np.abs(drawn - again).reshape(4, -1).max(axis=1) > 1e-4,
        np.abs(numpy(discriminator([images, given])) - numpy(discriminator([images, other])))[:, 0] > 1e-4,
    ]
    assert all(np.array_equal(each, differ) for each in moved)
    generator.save(tmp_path / "g.keras")
    assert np.array_equal(numpy(keras.models.load_model(tmp_path / "g.keras")(inputs)), drawn)


def test_numbers_are_standardized_from_their_own_unit():
    given = keras.Input((2,))
    encode = keras.Model(given, blocks.encode(given, YEARS))
    values = np.array([[2000, -3e-9], [2020, 1e-9], [1990, -5e-9]], "float32")
    np.testing.assert_allclose(numpy(encode(values)), [[0, 0], [2, 2], [-1, -1]], atol=1e-4)


def test_numbers_are_standardized_before_they_are_rounded():
    """bfloat16 has 8 bits: years of one decade would be the same."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        given = keras.Input((2,))
        encode = keras.Model(given, keras.layers.Activation("linear")(blocks.encode(given, YEARS)))
    finally:
        keras.config.set_dtype_policy("float32")
    out = numpy(keras.ops.cast(encode(np.array([[2000, -3e-9], [2001, -3e-9]], "float32")), "float32"))
    np.testing.assert_allclose(out, [[0, 0], [0.1, 0]], atol=1e-3)


@pytest.mark.parametrize("condition", [conditions.Vector(2), conditions.Labels(2)], ids=str)
def test_what_has_unit_size_stays_as_it_is(condition):
    given = condition.input()
    assert blocks.encode(given, condition) is given


def test_the_projection_of_labels_and_numbers_by_hand():
    h, given = keras.Input((6,)), YEARS.input()
    model = keras.Model([h, given], blocks.project(h, given, YEARS))
    kernel, bias = model.get_layer("logit").get_weights()
    (projection,) = model.get_layer("embedding").get_weights()
    assert projection.shape == (2, 6) and not projection.any()
    projection = RNG.normal(size=(2, 6)).astype("float32")
    model.get_layer("embedding").set_weights([projection])
    x, c = RNG.normal(size=(3, 6)).astype("float32"), np.array([[0, 1], [2, 0], [-1, 1]], "float32")
    raw = (c * [10, 2e-9] + [2000, -3e-9]).astype("float32")
    expected = x @ kernel + bias + np.sum((c @ projection) * x, axis=1, keepdims=True)
    np.testing.assert_allclose(numpy(model([x, raw])), expected, atol=1e-4)


def test_the_generator_takes_the_standardized_numbers_after_the_latents():
    z, given = keras.Input((3,)), YEARS.input()
    joined = keras.Model([z, given], blocks.join_condition(z, given, YEARS))
    out = numpy(joined([np.ones((1, 3), "float32"), np.array([[2010, -1e-9]], "float32")]))
    np.testing.assert_allclose(out, [[1, 1, 1, 1, 1]], atol=1e-4)


@pytest.mark.parametrize("name", ["mlp", "resnet"])
def test_num_classes_is_short_for_classes(name):
    made = []
    for options in ({"num_classes": 3}, {"condition": conditions.Classes(3)}):
        keras.backend.clear_session()
        keras.utils.set_random_seed(0)
        made.append(NETWORKS[name]((8, 8, 1), 5, **options))
    for one, other in zip(*made, strict=True):
        assert one.get_config() == other.get_config()
        assert [w.path for w in one.weights] == [w.path for w in other.weights]
        assert all(np.array_equal(*pair) for pair in zip(one.get_weights(), other.get_weights(), strict=True))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"condition": conditions.Image((8, 8, 1))}, "Received: condition=Image.*unet and kerasgan.networks.patchgan"),
        ({"condition": "labels"}, "must be a value of kerasgan.conditions"),
        ({"condition": YEARS, "num_classes": 3}, "There is one condition"),
        ({"condition": conditions.Classes(1)}, "Received: num_classes=1"),
        ({"latent_dim": 0}, "latents, a condition, or both"),
    ],
    ids=["an image", "no condition", "two", "one class", "nothing"],
)
def test_conditions_that_do_not_fit_are_refused(name, options, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        NETWORKS[name](**{"image_shape": (8, 8, 1), "latent_dim": 4} | options)
