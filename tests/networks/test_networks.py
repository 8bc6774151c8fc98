import keras
import numpy as np
import pytest

from kerasgan import networks


@pytest.mark.parametrize("shape", [(8, 8, 1), (12, 20, 2), (28, 28, 1), (32, 32, 3), (64, 64, 3), (36, 8, 4)])
@pytest.mark.parametrize("network", [networks.mlp, networks.dcgan])
def test_shapes_and_ranges(network, shape):
    generator, discriminator = network(shape, latent_dim=7, width=4)
    images = keras.ops.convert_to_numpy(generator(np.random.default_rng(0).normal(size=(3, 7)) * 100))
    assert images.shape == (3, *shape)
    assert np.abs(images).max() <= 1
    assert discriminator(images).shape == (3, 1)
    assert generator.output_shape == discriminator.input_shape == (None, *shape)


@pytest.mark.parametrize(("shape", "depth"), [((8, 8, 1), 1), ((28, 28, 1), 2), ((64, 64, 3), 4), ((128, 128, 3), 5)])
def test_dcgan_halves_down_to_about_four_pixels(shape, depth):
    generator, discriminator = networks.dcgan(shape, latent_dim=4, width=2)
    doublings = [layer for layer in generator.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    halvings = [layer for layer in discriminator.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(doublings) == len(halvings) == depth
    assert [layer.filters for layer in halvings] == [2 * 2**level for level in range(depth)]


def test_depth_and_width_are_arguments():
    wide, narrow = (networks.mlp((2,), 4, width=w, depth=d)[0].count_params() for w, d in ((32, 3), (16, 1)))
    assert wide == 4 * 32 + 32 + 2 * (32 * 32 + 32) + 32 * 2 + 2
    assert narrow == 4 * 16 + 16 + 16 * 2 + 2
    generator, _ = networks.dcgan((32, 32, 3), 4, width=2, depth=2)
    assert generator.layers[1].target_shape == (8, 8, 8)


def test_points_have_no_range():
    generator, discriminator = networks.mlp((2,), latent_dim=4, width=8)
    far = keras.ops.convert_to_numpy(generator(np.full((1, 4), 1e4, "float32")))
    assert np.abs(far).max() > 10
    assert discriminator(far).shape == (1, 1)


def test_each_image_is_evaluated_by_itself():
    _, discriminator = networks.dcgan((8, 8, 1), latent_dim=4, width=4)
    images = np.random.default_rng(0).uniform(-1, 1, (6, 8, 8, 1)).astype("float32")
    together = discriminator(images, training=True)
    alone = [discriminator(images[i : i + 1], training=True)[0] for i in range(6)]
    assert np.allclose(together, alone, atol=1e-6)


def test_mixed_precision_ends_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        pairs = [network((8, 8, 1), latent_dim=4, width=4) for network in (networks.mlp, networks.dcgan)]
    finally:
        keras.config.set_dtype_policy("float32")
    for generator, discriminator in pairs:
        assert generator.outputs[0].dtype == discriminator.outputs[0].dtype == "float32"
        assert generator.layers[0].compute_dtype == "bfloat16"


@pytest.mark.parametrize("shape", [(4, 8, 1), (30, 28, 1), (8, 8), (8, 8, 0), (2,)])
def test_dcgan_refuses_sizes_that_do_not_halve(shape):
    with pytest.raises(ValueError, match=r"multiples? of 4.*Received: image_shape"):
        networks.dcgan(shape, latent_dim=4)


def test_dcgan_refuses_a_depth_that_does_not_divide():
    with pytest.raises(ValueError, match="depth=None takes 2"):
        networks.dcgan((28, 28, 1), latent_dim=4, depth=3)


@pytest.mark.parametrize("network", [networks.mlp, networks.dcgan, networks.resnet])
@pytest.mark.parametrize(
    "bad",
    [
        {"width": 0},
        {"depth": True},
        {"latent_dim": 2.0},
        {"latent_dim": "4"},
        {"num_classes": 1},
        {"image_shape": (8.0, 8, 1)},
        {"image_shape": (8, True, 1)},
    ],
    ids=str,
)
def test_sizes_are_whole_numbers(network, bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"must be a whole number.*Received: {name}"):
        network(**{"image_shape": (8, 8, 1), "latent_dim": 4} | bad)


@pytest.mark.parametrize("network", [networks.mlp, networks.dcgan, networks.resnet])
def test_sizes_may_be_those_of_numpy(network, tmp_path):
    generator, _ = network(np.array([8, 8, 1]), latent_dim=np.int64(4), width=np.int32(2), depth=np.int8(1))
    generator.save(tmp_path / "generator.keras")
    assert keras.models.load_model(tmp_path / "generator.keras").output_shape == (None, 8, 8, 1)


def test_mlp_refuses_empty_images():
    for shape in ((), (0,), (8, 8, 0)):
        with pytest.raises(ValueError, match="Received: image_shape"):
            networks.mlp(shape, latent_dim=4)
