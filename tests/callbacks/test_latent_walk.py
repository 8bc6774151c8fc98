"""Samples along arcs in real fits of tiny GANs."""

import numpy as np
import pytest
from callback_helpers import IMAGES, POINTS, file_names, fit, image_gan, point_gan, steps
from PIL import Image

from kerasgan import pictures
from kerasgan.callbacks import LatentWalk


def test_one_arc_per_row(tmp_path):
    gan, walk = image_gan(), LatentWalk(tmp_path, rows=3, frames=5)
    fit(gan, IMAGES, walk)
    fit(gan, IMAGES, walk, epochs=1)
    folder = tmp_path / "latent_walk"
    assert steps(folder, "samples/latent_walk") == [2, 4, 6]
    assert file_names(folder) == [f"latent_walk-0000000{step}.png" for step in (2, 4, 6)]
    picture = np.asarray(Image.open(folder / "latent_walk-00000006.png"))
    assert np.array_equal(picture, pictures.tile(gan.generate(latents=walk.latents()), columns=5)[..., 0])
    assert picture.shape[0] * 5 == pytest.approx(picture.shape[1] * 3, rel=0.05)


def test_points_are_drawn_as_a_plot(tmp_path):
    fit(point_gan(), POINTS, LatentWalk(tmp_path), epochs=1)
    assert file_names(tmp_path / "latent_walk") == ["latent_walk-00000002.png"]


@pytest.mark.parametrize("options", [{"frames": 1}, {"rows": 0}, {"every_epochs": True}])
def test_refusals(tmp_path, options):
    with pytest.raises(ValueError, match="Received: {}={}".format(*next(iter(options.items())))):
        LatentWalk(tmp_path, **options)
