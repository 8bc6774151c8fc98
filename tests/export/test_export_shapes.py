"""Signals and volumes are written as ONNX, with labels too; pages and animations are for images."""

import numpy as np
import pytest

import kerasgan
import kerasgan_cli
from kerasgan.runs import run_folder

SHAPES = [(64, 2), pytest.param((8, 8, 8, 2), marks=pytest.mark.slow)]


def gan_of(shape, num_classes=None):
    networks = kerasgan.networks.dcgan(shape, latent_dim=4, width=2, depth=1, num_classes=num_classes)
    return kerasgan.GAN(*networks, latent_dim=4, num_classes=num_classes)


@pytest.mark.parametrize("shape", SHAPES)
def test_onnx_draws_the_same_samples(tmp_path, shape):
    onnxruntime = pytest.importorskip("onnxruntime")
    gan = gan_of(shape, num_classes=3)
    for part in ("generator", "discriminator"):
        card = gan.export(tmp_path / f"{part}.onnx", what=part)
        assert card["check"]["largest_difference"] <= 1e-5
    session = onnxruntime.InferenceSession(tmp_path / "generator.onnx")
    latents, labels = np.random.default_rng(0).normal(size=(5, 4)).astype("float32"), np.int32([0, 1, 2, 0, 1])
    (found,) = session.run(None, {"z": latents, "labels": labels})
    assert found.shape == (5, *shape)
    np.testing.assert_allclose(found, gan.generate(latents=latents, labels=labels), atol=1e-5)


@pytest.mark.parametrize("shape", [(64, 2), (8, 8, 8, 1)])
def test_a_page_of_them_is_refused(tmp_path, shape):
    with pytest.raises(ValueError, match=r"A page shows images .*Received: image_shape=\("):
        gan_of(shape).export(tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_an_animation_of_them_is_refused(tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    gan_of((64, 2)).save(run / run_folder.MODEL)
    (run / run_folder.SAMPLES).touch()
    (run / "settings.json").write_text('{"recipe": {"kind": "signals"}}')
    assert kerasgan_cli.main(["walk", str(run), "--out", str(tmp_path / "walk.gif")]) == 2
    error = capsys.readouterr().err
    assert "An animation shows images" in error and not (tmp_path / "walk.gif").exists()
