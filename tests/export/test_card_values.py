"""The card says how samples become values of the data, without kerasgan."""

import json

import numpy as np
import pytest
from PIL import Image

import kerasgan
from kerasgan import datasets
from kerasgan.datasets import ValueScale

NETWORKS = {2: kerasgan.networks.dcgan, 3: kerasgan.networks.mlp, 4: kerasgan.networks.dcgan}


def card_of(tmp_path, info, **options):
    networks = NETWORKS[len(info.image_shape)](info.image_shape, latent_dim=4, width=2)
    gan = kerasgan.GAN(*networks, latent_dim=4)
    facts = {"value_scale": info.value_scale, "rate": info.rate}
    gan.export(tmp_path / "model", check=False, **facts, **options)
    return json.loads((tmp_path / "model" / "kerasgan.json").read_text())


def by_hand(card, samples):
    """What somebody without kerasgan makes of samples, by what the card says."""
    scale = card["value_scale"]
    values = (np.clip(samples.astype("float64"), -1, 1) + 1) * (scale["high"] - scale["low"]) / 2 + scale["low"]
    return (np.round(values) if "rounded" in card["to_source"] else values).astype(scale["dtype"])


def test_all_16_bit_pixels_come_back_by_the_card_alone(tmp_path):
    scans = np.arange(2**16, dtype="uint16").reshape(4, 128, 128, 1)
    (tmp_path / "scans").mkdir()
    for number, scan in enumerate(scans):
        Image.fromarray(scan[..., 0]).save(tmp_path / "scans" / f"{number}.png")
    images, _, info = datasets.load_arrays(tmp_path / "scans", image_size=128)
    card = card_of(tmp_path, info)
    found = by_hand(card, images)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, scans)
    assert ValueScale(**card["value_scale"]) == info.value_scale and card["rate"] is None


@pytest.mark.parametrize(("dtype", "low", "high"), [("int16", -1000, 3000), ("uint16", 100, 4095), ("uint8", 0, 255)])
def test_a_narrower_range_comes_back_by_the_card_alone(tmp_path, dtype, low, high):
    values = np.resize(np.arange(low, high + 1), (3, 48, 96, 4)).astype(dtype)
    images, _, info = datasets.load_arrays(values, value_range=(low, high), unit="HU")
    card = card_of(tmp_path, info)
    np.testing.assert_array_equal(by_hand(card, images), values)
    assert card["value_scale"] == {"dtype": dtype, "low": low, "high": high, "unit": "HU"}


def test_signals_come_back_in_their_unit(tmp_path):
    waves = 3.7 * np.sin(np.arange(4 * 64 * 2)).reshape(4, 64, 2)
    batches, info = datasets.load_signals(waves, 4, unit="mV", shuffle=False)
    card = card_of(tmp_path, info)
    np.testing.assert_allclose(by_hand(card, np.asarray(next(iter(batches)))), waves, atol=1e-6)
    assert card["value_scale"]["unit"] == "mV" and "rounded" not in card["to_source"]
    (output,) = card["outputs"][:1]
    assert output["axes"] == ["batch", "length", "channels"] and card["pixel_range"] == output["range"] == [-1, 1]


def test_volumes_have_their_axes_and_models_without_data_no_scale(tmp_path):
    volumes = np.zeros((4, 8, 8, 8, 1), "uint8")
    volumes[0] = 9
    info = datasets.load_volumes(volumes, 4)[1]
    card = card_of(tmp_path, info)
    assert card["outputs"][0]["axes"] == ["batch", "depth", "height", "width", "channels"]
    gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=4), latent_dim=4)
    card = gan.export(tmp_path / "other", check=False)
    assert card["value_scale"] is card["to_source"] is card["rate"] is None
