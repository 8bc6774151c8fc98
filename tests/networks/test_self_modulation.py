"""Self-modulation: that it starts without effect, what it then depends on, and what it is refused with."""

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan.networks import resnext

RNG = np.random.default_rng(0)
LATENTS = RNG.normal(size=(6, 5)).astype("float32")
LABELS = np.array([0, 1, 2, 0, 1, 2], "int32")


def generator(**options):
    keras.utils.set_random_seed(0)
    return resnext((16, 16, 3), 5, width=8, group_width=4, **options)[0]


def modulating(network):
    return [layer for layer in network.layers if layer.name.endswith(("_gain", "_shift"))]


@pytest.mark.parametrize("norm", ["batch", "pixel"])
@pytest.mark.parametrize("num_classes", [None, 3])
def test_it_starts_without_effect(num_classes, norm):
    given = LATENTS if num_classes is None else [LATENTS, LABELS]
    plain, modulated = (generator(num_classes=num_classes, norm=norm, self_modulation=which) for which in (False, True))
    assert len(modulating(modulated)) == 2 * 2 and modulating(plain) == []
    for weight in plain.weights:  # those have the same names, so that a run can go on from one without
        twin = next(each for each in modulated.weights if each.path == weight.path)
        twin.assign(weight)
    np.testing.assert_allclose(modulated(given), plain(given), atol=1e-6)


def test_gain_and_shift_are_linear_in_latents_and_classes():
    """x -> (1 + W z) x + V z on each channel, after the norm: by hand for one block."""
    network = generator(num_classes=3, self_modulation=True)
    for layer in modulating(network):
        layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.get_weights()])
    inputs = np.concatenate([LATENTS, np.eye(3)[LABELS]], axis=1)
    name = "g_8x8_block0_in"
    wanted = [network.get_layer(f"{name}_{part}").output for part in ("norm", "shifted")]
    normed, shifted = (np.asarray(each) for each in keras.Model(network.inputs, wanted)([LATENTS, LABELS]))
    gain, shift = (
        inputs @ kernel + bias
        for kernel, bias in (network.get_layer(f"{name}_{part}").get_weights() for part in ("gain", "shift"))
    )
    np.testing.assert_allclose(shifted, normed * gain[:, None, None] + shift[:, None, None], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("updates", ["alternating", "one_stage"])
def test_it_is_trained(updates):
    gan = kerasgan.GAN(*resnext((8, 8, 1), 4, width=4, self_modulation=True), latent_dim=4)
    gan.compile(updates=updates)
    images = RNG.uniform(-1, 1, (16, 8, 8, 1)).astype("float32")
    gan.fit(images, batch_size=8, epochs=2, verbose=0)
    assert all(np.any(layer.get_weights()[0] != 0) for layer in modulating(gan.generator))


def test_it_needs_a_norm():
    with pytest.raises(ValueError, match=r"Received: self_modulation=True with norm=None\. Use norm='pixel'\."):
        generator(norm=None, self_modulation=True)


@pytest.mark.parametrize("num_classes", [None, 3])
def test_directions_look_at_the_maps_not_at_the_modulation(num_classes):
    pair = resnext((8, 8, 1), 4, width=8, self_modulation=True, num_classes=num_classes)
    gan = kerasgan.GAN(*pair, latent_dim=4, num_classes=num_classes)
    kernel = pair[0].get_layer("g_basis").kernel.numpy()[:4]
    found = gan.directions(4)
    assert np.linalg.norm(found.vectors @ kernel, axis=1) == pytest.approx(found.scales, rel=1e-4)
    of_activations = gan.directions(4, "activations")
    assert np.all(of_activations.scales > 0)
    # The principal components of the latents themselves, which modulate, would all have the scale of a standard normal.
    assert np.ptp(of_activations.scales) > 0.2 and np.abs(of_activations.scales - 1).max() > 0.2


def test_anything_but_true_and_false_is_refused():
    with pytest.raises(ValueError, match="Received: self_modulation='no'"):
        generator(self_modulation="no")
