"""Networks for data of any shape: wide images, many channels, signals and volumes."""

import functools

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan import conditions, networks
from kerasgan.networks import shapes

RNG = np.random.default_rng(0)
DCGAN = functools.partial(networks.dcgan, width=2)
RESNET = functools.partial(networks.resnet, width=2)
RESNEXT = functools.partial(networks.resnext, width=8, group_width=4)
MLP = functools.partial(networks.mlp, width=4)


def from_image(image_shape, latent_dim):
    return networks.pix2pix(image_shape, latent_dim, width=2, condition=conditions.Image((*image_shape[:2], 2)))


def translated(image_shape, latent_dim):
    condition = conditions.Image((*image_shape[:2], 2))
    generator = networks.translator(image_shape, condition, width=2, blocks=1)
    return generator, networks.patchgan(image_shape, condition, width=2)


WIDE = [(48, 96, 1), (16, 16, 13)]
CASES = [
    *((network, shape) for network in (DCGAN, RESNET, RESNEXT, MLP, from_image, translated) for shape in WIDE),
    *((network, shape) for network in (DCGAN, RESNET) for shape in [(100, 12), (1024, 2), (32, 3)]),
    *((network, shape) for network in (DCGAN, MLP) for shape in [(64, 1), (8, 16, 12, 2)]),
]


def name_of(case):
    return getattr(getattr(case, "func", case), "__name__", str(case))


@pytest.mark.parametrize(("network", "shape"), CASES, ids=name_of)
def test_any_shape(network, shape):
    generator, discriminator = network(shape, latent_dim=3)
    shapes_of_inputs = [(3,) if each.name == "z" else (*shape[:-1], 2) for each in generator.inputs]
    given = [RNG.normal(size=(2, *each)).clip(-1, 1).astype("float32") for each in shapes_of_inputs]
    drawn = generator(given if len(given) > 1 else given[0], training=True)
    assert drawn.shape == (2, *shape) and np.abs(keras.ops.convert_to_numpy(drawn)).max() <= 1
    condition = keras.ops.convert_to_tensor(given[-1])
    logits = discriminator([drawn, condition] if len(discriminator.inputs) > 1 else drawn)
    assert logits.shape[0] == 2 and logits.shape[-1] == 1
    if len(discriminator.inputs) == 1:
        assert logits.shape == (2, 1)


def test_a_signal_is_an_image_in_one_row():
    """A signal of as many values takes as many weights, in kernels of as many values, and as many halvings."""
    for network in (DCGAN, RESNET):
        image, signal = (network(shape, latent_dim=3, width=4) for shape in ((64, 64, 1), (4096, 1)))
        for one, other in zip(image, signal, strict=True):
            assert one.count_params() == other.count_params()
            sizes = [sorted(np.prod(w.shape) for w in model.weights) for model in (one, other)]
            assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("shape", "options", "smallest"),
    [
        ((4096, 1), {}, (16,)),
        ((128, 3), {}, (8,)),
        ((100, 1), {}, (25,)),
        ((128, 3), {"stride": 2}, (8,)),
        ((24, 1), {"stride": 2, "kernel": 5}, (12,)),
        ((8000, 1), {"depth": 2}, (500,)),
        ((16, 32, 8, 1), {}, (8, 16, 4)),
        ((48, 96, 1), {"stride": 4, "kernel": 7}, (12, 24)),
    ],
)
def test_how_far_sizes_are_divided(shape, options, smallest):
    generator, discriminator = networks.dcgan(shape, latent_dim=3, width=1, **options)
    assert generator.layers[1].target_shape[:-1] == smallest
    convolutions = [layer for layer in discriminator.layers if "conv" in layer.name]
    assert convolutions[-1].output.shape[1:-1] == smallest
    assert set(convolutions[0].kernel_size) == {options.get("kernel", 16 if len(shape) == 2 else 4)}


def test_a_signal_is_evaluated_by_itself():
    for network in (DCGAN, RESNET):
        _, discriminator = network((64, 2), latent_dim=3)
        discriminator.set_weights([w + 0.1 * RNG.normal(size=w.shape) for w in discriminator.get_weights()])
        signals = RNG.uniform(-1, 1, (4, 64, 2)).astype("float32")
        together = discriminator(signals, training=True)
        alone = [discriminator(signals[i : i + 1], training=True)[0] for i in range(4)]
        assert np.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "shape", "policy"),
    [(DCGAN, (64, 2), "mixed_bfloat16"), (RESNET, (64, 2), "float32"), (DCGAN, (8, 8, 8, 1), "mixed_bfloat16")],
    ids=name_of,
)
def test_a_step_moves_every_weight(network, shape, policy):
    """With one-stage updates, R1 and a condition."""
    keras.config.set_dtype_policy(policy)
    try:
        networks_ = network(shape, latent_dim=3, num_classes=2)
    finally:
        keras.config.set_dtype_policy("float32")
    gan = kerasgan.GAN(*networks_, latent_dim=3, num_classes=2, seed=0)
    gan.compile(
        keras.optimizers.SGD(0.1, name="d"),
        keras.optimizers.SGD(0.1, name="g"),
        objective="relativistic",
        penalties=("r1",),
        updates="one_stage",
    )
    before = [(weight.path, weight.numpy()) for weight in gan.trainable_variables]
    data = RNG.uniform(-1, 1, (24, *shape)).astype("float32"), np.arange(24, dtype="int32") % 2
    gan.fit(*data, batch_size=8, verbose=0)
    after = [weight.numpy() for weight in gan.trainable_variables]
    still = [path for (path, was), now in zip(before, after, strict=True) if np.array_equal(was, now)]
    assert [path for path in still if path != "logit/bias"] == []
    assert all(np.isfinite(each).all() for each in after)


@pytest.mark.parametrize("shape", [(64, 2), (8, 8, 8, 1)])
def test_saved_and_loaded_they_compute_the_same(shape, tmp_path):
    for network in (DCGAN, RESNET)[: 4 - len(shape) + 1]:
        generator, _ = network(shape, latent_dim=3)
        generator.save(tmp_path / "generator.keras")
        z = RNG.normal(size=(2, 3)).astype("float32")
        assert np.array_equal(keras.models.load_model(tmp_path / "generator.keras")(z), generator(z))


REFUSED = {
    "short signals": (DCGAN, (16, 1), r"a length that is a multiple of 4 and at least 32.*image_shape=\(16, 1\).*Cut"),
    "odd signals": (RESNET, (66, 1), r"a length that is a multiple of 4.*Received: image_shape=\(66, 1\)"),
    "small volumes": (DCGAN, (8, 8, 4, 1), r"a depth, height and width that are multiples of 4 and at least 8"),
    "volumes": (RESNET, (8, 8, 8, 1), r"\(height, width, channels\).*or \(length, channels\) for signals"),
    "signals": (RESNEXT, (64, 1), r"a height and width that are multiples of 4.*Received: image_shape=\(64, 1\)"),
    "signals from image to image": (networks.patchgan, (64, 1), "Received: image_shape"),
    "points": (DCGAN, (64,), "for points use mlp"),
    "no channels": (DCGAN, (64, 0), "Received: image_shape"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_shapes_that_do_not_fit_are_refused(case):
    network, shape, message = REFUSED[case]
    with pytest.raises(ValueError, match=f"(?s){message}"):
        network(shape) if network is networks.patchgan else network(shape, latent_dim=3)


def test_other_kinds_are_named_where_the_shape_is_of_none():
    for shape, named in (((30, 28, 1), False), ((30, 1), False), ((64,), True)):
        with pytest.raises(ValueError) as error:
            networks.dcgan(shape, latent_dim=3)
        assert ("for volumes" in str(error.value)) == named


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 4}, "must divide by 4 `depth` times.*depth=None takes 1"),
        ({"stride": 1}, "Received: stride=1"),
        ({"kernel": 0}, "Received: kernel=0"),
        ({"stride": 3}, "a multiple of 3 and at least 24"),
    ],
)
def test_strides_and_kernels_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        networks.dcgan((64, 1), latent_dim=3, **options)


def test_the_kinds_have_the_layers_of_their_rank():
    for axes, rank in ((shapes.SIGNALS, 1), (shapes.IMAGES, 2), (shapes.VOLUMES, 3)):
        assert axes.rank == rank
        assert type(axes.conv(1, 3)).__name__ == f"Conv{rank}D"
        assert axes.transposed_conv(1, 4).padding == "same"
    assert shapes.SIGNALS.kernel == shapes.IMAGES.kernel**2 and shapes.SIGNALS.stride == shapes.IMAGES.stride**2
