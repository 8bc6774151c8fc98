"""A page that onnxruntime-web runs: networks with layers that kerasgan's own kernels do not have."""

import os
import pathlib

import numpy as np
import pytest
from browsers import browser, require_browser
from keras import Input, Sequential, layers
from test_html_page import current, near, shown, wait

import kerasgan
from kerasgan.pictures import to_uint8


@pytest.mark.slow
def test_a_page_on_onnxruntime_web_draws_what_generate_draws(tmp_path):
    pytest.importorskip("onnxruntime")
    require_browser()
    folder = os.environ.get("KERASGAN_ONNXRUNTIME_WEB")
    if not folder:
        pytest.skip("KERASGAN_ONNXRUNTIME_WEB does not name the npm package")
    stack = [layers.Dense(64), layers.Reshape((8, 8)), layers.Softmax(), layers.Reshape((8, 8, 1))]
    generator = Sequential([Input((4,)), *stack, layers.Rescaling(8.0, -1.0)])
    discriminator = Sequential([Input((8, 8, 1)), layers.Flatten(), layers.Dense(1)])
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4)
    with pytest.raises(ValueError, match="Softmax"):
        gan.export(tmp_path / "page.html")
    gan.export(tmp_path / "page.html", runtime="onnx", onnxruntime_web=str(pathlib.Path(folder)))
    with browser(tmp_path / "profile") as driver:
        driver.get((tmp_path / "page.html").as_uri())
        wait(driver)
        latents, _ = current(driver)
        picture = to_uint8(gan.generate(latents=np.atleast_2d(latents)))[0, ..., 0].astype(int)
        assert picture.std() > 0 and near(shown(driver), picture)
