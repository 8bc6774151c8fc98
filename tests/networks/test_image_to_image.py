"""Networks from image to image: `unet`, `patchgan`, `pix2pix` and `translator`."""

import keras
import numpy as np
import pytest

from kerasgan import networks
from kerasgan.conditions import Classes, Image
from kerasgan.networks import free_size, sizes

RNG = np.random.default_rng(0)
GRAY, SHAPE = Image((32, 48, 1)), (32, 48, 3)


def make(kind, **options):
    """Returns a small network in which every weight has some value, so that all of them count."""
    keras.utils.set_random_seed(0)
    network = {
        "unet": lambda: networks.unet(SHAPE, GRAY, width=4, **options),
        "unet with latents": lambda: networks.unet(SHAPE, GRAY, latent_dim=5, width=4, **options),
        "patchgan": lambda: networks.patchgan(SHAPE, GRAY, width=4, **options),
        "patchgan alone": lambda: networks.patchgan(SHAPE, width=4, **options),
        "translator": lambda: networks.translator(SHAPE, GRAY, width=4, blocks=1, **options),
    }[kind]()
    network.set_weights([w + 0.2 * RNG.normal(size=w.shape) for w in network.get_weights()])
    return network


KINDS = ["unet", "unet with latents", "patchgan", "patchgan alone", "translator"]


def inputs_of(network, height, width, count=3):
    """Returns a batch for each input of a network, as it takes them."""
    shapes = [(5,) if each.name == "z" else (height, width, each.shape[-1]) for each in network.inputs]
    values = [RNG.uniform(-1, 1, (count, *shape)).astype("float32") for shape in shapes]
    return values if len(values) > 1 else values[0]


def rows(inputs, which):
    return [each[which] for each in inputs] if isinstance(inputs, list) else inputs[which]


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("size", [(32, 48), (24, 8)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_they_take_images_of_other_sizes(kind, size):
    network = make(kind)
    if kind == "translator" and min(size) < 12:
        size = (24, 12)
    outputs = numpy(network(inputs_of(network, *size)))
    if "patchgan" in kind:
        assert outputs.shape == (3, size[0] // 8, size[1] // 8, 1)
    else:
        assert outputs.shape == (3, *size, 3) and np.abs(outputs).max() <= 1
    assert network.input_shape[-1 if isinstance(network.input_shape, list) else slice(None)][1:3] == (None, None)


@pytest.mark.parametrize("kind", KINDS)
def test_training_and_inference_agree_and_each_image_counts_for_itself(kind):
    network = make(kind)
    inputs = inputs_of(network, 32, 48)
    together = numpy(network(inputs, training=True))
    np.testing.assert_allclose(together, numpy(network(inputs, training=False)), atol=1e-6)
    alone = [numpy(network(rows(inputs, slice(i, i + 1)), training=True))[0] for i in range(3)]
    np.testing.assert_allclose(together, alone, atol=2e-5)
    assert np.std(together, axis=0).mean() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_they_compute_the_same(kind, tmp_path):
    network = make(kind)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    inputs = inputs_of(network, 16, 24)
    assert np.array_equal(numpy(loaded(inputs)), numpy(network(inputs)))


def test_inputs_and_outputs_have_names_and_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        made = {kind: make(kind) for kind in KINDS}
    finally:
        keras.config.set_dtype_policy("float32")
    assert {kind: [each.name for each in network.inputs] for kind, network in made.items()} == {
        "unet": ["condition"],
        "unet with latents": ["z", "condition"],
        "patchgan": ["image", "condition"],
        "patchgan alone": ["image"],
        "translator": ["condition"],
    }
    for kind, network in made.items():
        exact = make(kind)
        exact.set_weights(network.get_weights())
        inputs = inputs_of(network, 16, 24)
        outputs = network(inputs)
        assert outputs.dtype == "float32"
        assert "bfloat16" in {layer.compute_dtype for layer in network.layers}
        expected = numpy(exact(inputs))
        assert np.abs(numpy(outputs) - expected).mean() < 0.05 * max(1, np.abs(expected).max())


# norms


def test_layer_norm_keeps_the_differences_between_channels():
    maps = np.stack([np.full((8, 8), 3.0), RNG.normal(size=(8, 8))], axis=-1)[None].astype("float32")
    instance, layer = (numpy(free_size.normalized(maps, norm)) for norm in ("instance", "layer"))
    assert np.abs(instance[..., 0]).max() < 1e-3  # a flat channel is lost
    assert layer[..., 0].min() > 0.5 and abs(layer.mean()) < 1e-5
    np.testing.assert_allclose(layer.std(), 1.0, atol=1e-4)


@pytest.mark.parametrize(("norm", "kind"), [("batch", "BatchNormalization"), ("layer", "GroupNormalization")])
def test_the_generator_has_the_norm_that_was_asked_for(norm, kind):
    generator, discriminator = networks.pix2pix(SHAPE, condition=GRAY, width=2, norm=norm)
    found = [[type(layer).__name__ for layer in network.layers] for network in (generator, discriminator)]
    assert found[0].count(kind) == 3 and "InstanceNormalization" not in found[0]
    # A discriminator never mixes images: penalties and one-stage updates stay possible.
    assert not {"BatchNormalization", "InstanceNormalization", "GroupNormalization"} & set(found[1])


def test_the_discriminator_has_the_norm_that_was_asked_for():
    _, discriminator = networks.pix2pix(SHAPE, condition=GRAY, width=2, patch_norm="layer")
    assert [type(layer).__name__ for layer in discriminator.layers].count("GroupNormalization") == 3
    with pytest.raises(ValueError, match="Received: norm='batch'"):
        networks.pix2pix(SHAPE, condition=GRAY, width=2, patch_norm="batch")


@pytest.mark.parametrize("make", [networks.unet, networks.patchgan])
def test_without_a_norm_weights_start_so_that_signals_neither_fade_nor_grow(make):
    network = make((64, 64, 3), Image((64, 64, 3)), width=16, norm=None)
    convolutions = [layer for layer in network.layers if type(layer) is keras.layers.Conv2D]
    for layer in convolutions[1:-1]:
        inputs = np.prod(layer.kernel.shape[:3])
        np.testing.assert_allclose(np.std(numpy(layer.kernel)) * np.sqrt(inputs / 2), 1.0, atol=0.1)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):  # a pixel sees a quarter of the kernel
            inputs = layer.kernel.shape[-1] * 4
            np.testing.assert_allclose(np.std(numpy(layer.kernel)) * np.sqrt(inputs / 2), 1.0, atol=0.1)


# unet


@pytest.mark.parametrize(
    ("shape", "depth", "smallest"),
    [((28, 28, 1), None, (7, 7)), ((32, 32, 3), None, (4, 4)), ((48, 96, 1), None, (6, 12)), ((32, 32, 3), 5, (1, 1))],
)
def test_the_unet_halves_down_to_about_four_pixels(shape, depth, smallest):
    network = networks.unet(shape, Image((*shape[:2], 2)), width=1, depth=depth)
    halvings = [layer for layer in network.layers if type(layer) is keras.layers.Conv2D]
    maps = keras.Model(network.inputs[0], halvings[-1].output)(np.zeros((1, *shape[:2], 2)))
    assert maps.shape[1:3] == smallest
    assert [layer.filters for layer in halvings] == [min(2**level, 8) for level in range(len(halvings))]
    assert network(np.ones((1, *shape[:2], 2))).shape == (1, *shape)
    assert sizes.multiple(network, sizes.ports_of(network), (64, 64)) == 2 ** len(halvings)


@pytest.mark.parametrize(("size", "depth", "count"), [(64, 4, 0), (128, 5, 1), (1024, 8, 3)])
def test_dropout_is_where_maps_have_all_channels(size, depth, count):
    network = networks.unet((size, size, 3), Image((size, size, 1)), width=1)
    dropped = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    assert len(dropped) == count and all(layer.rate == 0.5 and layer.output.shape[-1] == 8 for layer in dropped)
    assert sizes.multiple(network, sizes.ports_of(network), (64, 64)) == 2**depth


def test_dropout_acts_in_training_alone():
    network = networks.unet((128, 128, 3), Image((128, 128, 1)), width=1, norm=None)
    images = RNG.uniform(-1, 1, (1, 128, 128, 1))
    network.set_weights([w + 0.5 * RNG.normal(size=w.shape) for w in network.get_weights()])
    assert np.array_equal(numpy(network(images)), numpy(network(images)))
    assert not np.allclose(numpy(network(images, training=True)), numpy(network(images)), atol=1e-3)


def test_latents_change_what_is_drawn_of_one_condition():
    network = make("unet with latents")
    z, condition = inputs_of(network, 16, 16)
    condition = np.repeat(condition[:1], 3, axis=0)
    drawn = numpy(network([z, condition]))
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-2 and np.abs(drawn[1] - drawn[2]).max() > 1e-2
    weights = {weight.path for weight in network.weights} - {weight.path for weight in make("unet").weights}
    assert [path for path in weights if path.startswith("latents")] == ["latents/kernel"]


@pytest.mark.parametrize("kind", ["unet", "translator"])
def test_a_generator_starts_alive(kind):
    network = {
        "unet": lambda: networks.unet((32, 32, 3), Image((32, 32, 1)), width=16),
        "translator": lambda: networks.translator((32, 32, 3), Image((32, 32, 1)), width=16, blocks=2),
    }[kind]()
    drawn = numpy(network(RNG.uniform(-1, 1, (8, 32, 32, 1)), training=True))
    assert 0.05 < drawn.std() < 0.9 and np.mean(np.abs(drawn) > 0.99) < 0.2


# patchgan


@pytest.mark.parametrize(
    ("shape", "depth", "size"),
    [((256, 256, 3), 3, (32, 32)), ((28, 28, 1), 3, (7, 7)), ((8, 8, 1), 3, (4, 4)), ((16, 64, 4), 3, (4, 16))],
)
def test_the_depth_of_patchgan_follows_small_images(shape, depth, size):
    network = networks.patchgan(shape, width=1, depth=depth)
    assert network(np.zeros((1, *shape))).shape == (1, *size, 1)


def test_a_patch_has_70_pixels():
    """Without norm one logit depends on 70 rows of the image."""
    network = make("patchgan alone", norm=None)
    image = RNG.uniform(-1, 1, (96, 96, 3)).astype("float32")
    others = np.repeat(image[None], 96, axis=0)
    others[np.arange(96), np.arange(96)] += 1  # each with another row
    changed = numpy(network(others))[:, 6, 6, 0] != numpy(network(np.repeat(image[None], 96, axis=0)))[:, 6, 6, 0]
    changed = changed.tolist()
    assert np.flatnonzero(changed).tolist() == list(range(changed.index(True), changed.index(True) + 70))


def test_norms_of_patchgan():
    for norm, count in (("instance", 3), (None, 0)):
        network = make("patchgan", norm=norm)
        norms = [layer for layer in network.layers if isinstance(layer, free_size.InstanceNormalization)]
        assert len(norms) == count
    first = next(layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D))
    assert first.use_bias and first.kernel.shape[2] == 4  # three channels of the image, one of the condition


# translator and the parts


@pytest.mark.parametrize(("size", "blocks", "count"), [(128, None, 6), (132, None, 9), (32, 2, 2)])
def test_the_blocks_of_the_translator(size, blocks, count):
    network = networks.translator((size, size, 3), width=1, blocks=blocks)
    assert sum(isinstance(layer, keras.layers.Add) for layer in network.layers) == count
    assert sizes.multiple(network, sizes.ports_of(network), (64, 64)) == 4


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_borders_are_reflected_as_numpy_does_it(policy):
    images = RNG.normal(size=(2, 4, 5, 3)).astype("float32")
    layer = free_size.ReflectPadding2D(3, dtype=policy)
    expected = np.pad(images, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="reflect")
    np.testing.assert_allclose(numpy(keras.ops.cast(layer(images), "float32")), expected, rtol=1e-2)
    assert layer.compute_output_shape((None, None, 5, 3)) == (None, None, 11, 3)


@pytest.mark.parametrize(("policy", "atol"), [("float32", 2e-6), ("mixed_bfloat16", 3e-2), ("float64", 1e-12)])
def test_instance_norm_by_hand(policy, atol):
    # In bfloat16 half a step of inputs below 8 is 2^-6, and these are divided by 2 and scaled by 2; of outputs below 4
    # it is 2^-7.
    images = np.clip(RNG.normal(3, 2, size=(2, 4, 5, 3)), -7.9, 7.9)
    mean, var = images.mean((1, 2), keepdims=True), images.var((1, 2), keepdims=True)
    layer = free_size.InstanceNormalization(dtype=policy)
    layer.build((None, None, None, 3))
    layer.set_weights([np.array([1.0, 2.0, -1.0]), np.array([0.0, 0.5, 1.0])])
    expected = (images - mean) / np.sqrt(var + 1e-5) * [1.0, 2.0, -1.0] + [0.0, 0.5, 1.0]
    found = layer(keras.ops.convert_to_tensor(images, "float64" if policy == "float64" else "float32"))
    assert found.dtype == layer.compute_dtype
    np.testing.assert_allclose(numpy(keras.ops.cast(found, "float64")), expected, atol=atol)


def test_instance_norm_keeps_what_a_mean_of_squares_would_lose():
    """With a mean of 3,000 and a deviation of 1, E[x^2] - E[x]^2 has two digits in float32."""
    images = RNG.normal(3000, 1, size=(1, 64, 64, 2)).astype("float32").astype("float64")
    expected = (images - images.mean((1, 2))) / images.std((1, 2))
    np.testing.assert_allclose(numpy(free_size.InstanceNormalization()(images)), expected, atol=2e-3)


def test_one_pixel_is_the_shift_alone():
    layer = free_size.InstanceNormalization()
    layer.build((None, 1, 1, 2))
    layer.beta.assign([0.25, -1.0])
    np.testing.assert_array_equal(numpy(layer(np.full((1, 1, 1, 2), 7.0)))[0, 0, 0], [0.25, -1.0])


def test_models_with_the_group_norm_of_keras_still_load(tmp_path):
    """As networks were saved before they had an instance norm of their own; both compute the same."""
    before = keras.layers.GroupNormalization(groups=-1, epsilon=1e-5)
    images = RNG.normal(size=(2, 8, 8, 3)).astype("float32")
    saved = keras.Sequential([keras.Input((None, None, 3)), before, keras.layers.Conv2D(2, 3)])
    saved.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy(loaded(images)), numpy(saved(images)))
    np.testing.assert_allclose(numpy(free_size.InstanceNormalization()(images)), numpy(before(images)), atol=2e-6)


# Refusals


def test_pix2pix_is_both():
    generator, discriminator = networks.pix2pix(SHAPE, condition=GRAY, width=2, patch_depth=2)
    condition = keras.ops.ones((1, 32, 48, 1))
    assert discriminator([generator(condition), condition]).shape == (1, 8, 12, 1)
    generator, _ = networks.pix2pix(SHAPE, 4, condition=GRAY, width=2)
    assert [each.name for each in generator.inputs] == ["z", "condition"]


REFUSED = {
    "no condition": (lambda: networks.pix2pix(SHAPE), "takes an image.*Received: condition=None"),
    "classes": (lambda: networks.unet(SHAPE, Classes(3)), "takes an image.*Classes"),
    "classes of patches": (lambda: networks.patchgan(SHAPE, Classes(3)), "patchgan takes an image"),
    "another size": (lambda: networks.unet((64, 64, 3), GRAY), "height and width.*Received: condition"),
    "a size that does not halve": (lambda: networks.unet(SHAPE, GRAY, depth=5), "depth=None takes 3"),
    "a size of no multiple": (lambda: networks.translator((30, 32, 3)), "multiples of 4"),
    "a size that cannot be reflected": (lambda: networks.translator((8, 32, 3)), "at least 12"),
    "small patches": (lambda: networks.patchgan((4, 8, 1)), "at least 8 pixels"),
    "dropout": (lambda: networks.unet(SHAPE, GRAY, dropout=1), r"dropout must be .*Received: dropout=1"),
    "norm": (lambda: networks.patchgan(SHAPE, norm="batch"), "Received: norm='batch'"),
    "width": (lambda: networks.translator(SHAPE, width=0), "Received: width=0"),
    "blocks": (lambda: networks.translator(SHAPE, blocks=-1), "Received: blocks=-1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case):
    build, message = REFUSED[case]
    with pytest.raises(ValueError, match=f"(?s){message}"):
        build()
