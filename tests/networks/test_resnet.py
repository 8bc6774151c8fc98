import keras
import numpy as np
import pytest

import kerasgan
from kerasgan import networks

RNG = np.random.default_rng(0)
LATENTS = RNG.normal(size=(6, 5)).astype("float32")
LABELS = np.array([0, 1, 2, 0, 1, 2], "int32")


def pair(shape=(8, 8, 1), seed=0, width=4, norm=None, **options):
    keras.utils.set_random_seed(seed)
    return networks.resnet(shape, latent_dim=5, width=width, norm=norm, **options)


def perturb(*models):
    """Moves every weight a little, so that nothing is 0 any more."""
    for model in models:
        model.set_weights([w + 0.1 * RNG.normal(size=w.shape) for w in model.get_weights()])


def pictures(shape, count=6):
    return RNG.uniform(-1, 1, (count, *shape)).astype("float32")


@pytest.mark.parametrize("norm", [None, "batch"])
@pytest.mark.parametrize(
    ("shape", "smallest"), [((28, 28, 1), 7), ((32, 32, 3), 4), ((12, 20, 2), 6), ((64, 64, 3), 4), ((128, 128, 3), 4)]
)
def test_shapes_and_ranges(shape, smallest, norm):
    generator, discriminator = pair(shape, norm=norm)
    images = keras.ops.convert_to_numpy(generator(LATENTS * 100))
    assert images.shape == (6, *shape) and np.abs(images).max() <= 1
    assert discriminator(images).shape == (6, 1)
    assert generator.output_shape == discriminator.input_shape == (None, *shape)
    reshape = next(layer for layer in generator.layers if isinstance(layer, keras.layers.Reshape))
    assert reshape.target_shape[0] == smallest


def test_width_and_depth():
    generator, discriminator = pair((128, 128, 3), width=2)
    halves = [layer.output.shape[1:] for layer in discriminator.layers if isinstance(layer, keras.layers.Add)]
    doubles = [layer.output.shape[1:] for layer in generator.layers if isinstance(layer, keras.layers.Add)]
    assert halves == [(64, 64, 2), (32, 32, 4), (16, 16, 8), (8, 8, 16), (4, 4, 16)] == doubles[::-1]
    _, shallow = pair((32, 32, 3), width=2, depth=1)
    assert sum(isinstance(layer, keras.layers.Add) for layer in shallow.layers) == 1


@pytest.mark.parametrize("norm", [None, "batch"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3)])
def test_it_starts_alive(shape, norm):
    generator, discriminator = pair(shape, width=16, norm=norm)
    images = keras.ops.convert_to_numpy(generator(RNG.normal(size=(64, 5)), training=True))
    assert np.mean(np.abs(images) > 0.99) < 0.1 and 0.2 < images.std() < 0.8
    logits = keras.ops.convert_to_numpy(discriminator(images))
    assert 0.1 < logits.std() < 2 and np.all(np.abs(logits) < 10)


def test_its_blocks_start_as_the_identity():
    _, discriminator = pair((32, 32, 3))
    for layer in discriminator.layers:
        if isinstance(layer, keras.layers.Add):
            skip, branch = layer.input
            outputs = keras.Model(discriminator.inputs[0], [skip, branch, layer.output])(pictures((32, 32, 3)))
            skip, branch, total = map(keras.ops.convert_to_numpy, outputs)
            assert not branch.any() and np.array_equal(skip, total) and skip.any()


@pytest.mark.parametrize("norm", [None, "batch"])
def test_each_image_is_evaluated_by_itself(norm):
    _, discriminator = pair(norm=norm)
    perturb(discriminator)
    images = pictures((8, 8, 1))
    logits = keras.ops.convert_to_numpy(discriminator(images, training=True))
    order = RNG.permutation(6)
    assert np.allclose(discriminator(images[order], training=True), logits[order], atol=1e-5)
    others = np.concatenate([images[:1], pictures((8, 8, 1), 5)])
    assert np.allclose(discriminator(others, training=True)[0], logits[0], atol=1e-5)
    assert np.std(logits) > 0.01


def test_only_the_generator_has_batch_norm_and_by_default():
    norms = [
        sum(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
        for model in (*pair(), *networks.resnet((8, 8, 1), latent_dim=5, width=4))
    ]
    assert norms == [0, 0, 3, 0]


@pytest.mark.parametrize("options", [{}, {"num_classes": 3}, {"norm": "batch"}], ids=str)
def test_saved_and_loaded_it_computes_the_same(options, tmp_path):
    generator, discriminator = pair(**options)
    perturb(generator, discriminator)
    labels = [LABELS] if "num_classes" in options else []
    for model, inputs in ((generator, [LATENTS, *labels]), (discriminator, [pictures((8, 8, 1)), *labels])):
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
        inputs = inputs if labels else inputs[0]
        assert np.array_equal(loaded(inputs), model(inputs))


@pytest.mark.parametrize(("updates", "norm"), [("one_stage", None), ("alternating", None), ("one_stage", "batch")])
def test_every_weight_learns(updates, norm):
    """Convolutions that start at 0 learn first, and the layers before them after that."""
    generator, discriminator = pair(norm=norm)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=5, seed=0)
    gan.compile(
        *(keras.optimizers.SGD(0.1) for _ in "dg"),
        objective="relativistic",
        penalties=("r1", kerasgan.penalties.R2(1.0)),
        updates=updates,
    )
    before = [(weight.path, weight.numpy()) for weight in gan.trainable_variables]
    gan.fit(pictures((8, 8, 1), 24), batch_size=6, verbose=0)
    # A bias of the last layer moves real and generated logits alike: in their difference it does not count.
    still = [
        path
        for (path, was), weight in zip(before, gan.trainable_variables, strict=True)
        if np.array_equal(was, weight.numpy()) and path != "logit/bias"
    ]
    assert not still and all(np.all(np.isfinite(weight.numpy())) for weight in gan.trainable_variables)


def test_mixed_precision_ends_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        models = [*pair(), *pair(num_classes=3)]
    finally:
        keras.config.set_dtype_policy("float32")
    for model in models:
        assert model.outputs[0].dtype == "float32"
        assert {layer.compute_dtype for layer in model.layers if "conv2d" in layer.name} == {"bfloat16"}
    labels = keras.ops.convert_to_tensor(LABELS)
    image = models[2]([keras.ops.convert_to_tensor(LATENTS), labels])
    assert image.dtype == models[3]([image, labels]).dtype == "float32"


def test_labels_matter():
    generator, discriminator = pair(num_classes=3)
    assert [each.name for each in generator.inputs] == ["z", "labels"]
    assert [each.name for each in discriminator.inputs] == ["image", "labels"]
    images, others = pictures((8, 8, 1)), (LABELS + 1) % 3
    assert np.array_equal(discriminator([images, LABELS]), discriminator([images, others]))  # no influence yet
    perturb(generator, discriminator)
    for model, inputs in ((generator, LATENTS), (discriminator, images)):
        same, again, other = (keras.ops.convert_to_numpy(model([inputs, y])) for y in (LABELS, LABELS, others))
        assert np.array_equal(same, again)
        assert np.all(np.abs(same - other).reshape(6, -1).max(axis=1) > 1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": (30, 28, 1)}, r"multiples of 4.*Received: image_shape"),
        ({"shape": (2,)}, r"Received: image_shape=\(2,\)"),
        ({"shape": (28, 28, 1), "depth": 3}, "depth=None takes 2"),
        ({"num_classes": 1}, "Received: num_classes=1"),
        ({"num_classes": "ten"}, "Received: num_classes='ten'"),
        ({"norm": "layer"}, "Received: norm='layer'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        pair(**options)
