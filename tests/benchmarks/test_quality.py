"""The quality benchmark counts and prints what it says."""

import numpy as np
import pytest
import quality
import tables
from PIL import Image

import kerasgan


class Drawn:
    """A stand-in for a GAN, whose samples are given."""

    def __init__(self, images):
        self.images = images

    def generate(self, n, seed):
        return self.images[:n]


@pytest.fixture
def readable_digits(monkeypatch):
    """A classifier that reads the digit off an image's first pixel."""

    class Read:
        def __init__(self, images):
            digits = np.round(images[:, 0, 0, 0]).astype(int)
            self.probabilities = np.eye(10)[digits]

    monkeypatch.setattr(tables, "_mnist_classifier", lambda: Read)


def test_stacked_modes_by_hand(readable_digits):
    """Two of four samples are 123, the others 456 and 789: KL = log 1000 - H(1/2, 1/4, 1/4)."""
    numbers = np.array([[1, 2, 3], [1, 2, 3], [4, 5, 6], [7, 8, 9]], "float32")
    found = tables.stacked_modes(Drawn(numbers[:, None, None, :]), seed=0, n=4)
    assert found["modes"] == 3
    assert found["kl"] == pytest.approx(np.log(1000) - 1.5 * np.log(2))


def test_an_even_cover_of_all_thousand_has_no_divergence(readable_digits):
    numbers = np.stack(np.unravel_index(np.arange(1000), (10, 10, 10)), axis=-1).astype("float32")
    found = tables.stacked_modes(Drawn(numbers[:, None, None, :]), seed=0, n=1000)
    assert found == {"modes": 1000, "kl": pytest.approx(0.0, abs=1e-12)}


def test_mean_and_standard_error():
    assert quality.mean_and_error([1.0, 2.0, 3.0]) == pytest.approx((2.0, 1 / np.sqrt(3)))
    assert quality.mean_and_error([5.0]) == (5.0, None)


def test_a_table_shows_published_rows_and_ours():
    rows = {"paper": [8, (98.25, 0.2), None], "ours": [(8.0, 0.0), (97.0, None), (0.002, 0.0005)]}
    assert quality.as_markdown("ring", rows).splitlines() == [
        "| ring | modes | high quality % | reverse KL |",
        "|---|---|---|---|",
        "| paper | 8.0 | 98.2±0.2 |  |",
        "| ours | 8.0±0.0 | 97.0 | 0.002±0.0005 |",
    ]


def test_rows_change_fields_that_recipes_have():
    from kerasgan.runs import recipes

    for table in tables.TABLES.values():
        known = set(vars(recipes.get(table.recipe)))
        assert all(set(changes) - {"build"} <= known for changes in table.rows.values())
        assert all(callable(changes.get("build", print)) for changes in table.rows.values())
        assert all(len(cells) == len(table.columns) for cells in table.published.values())


@pytest.mark.parametrize("conditional", [False, True])
def test_rivals_are_built_as_their_papers_have_them(conditional):
    """SNGAN normalizes every kernel of its discriminator; both take five steps of the discriminator for each batch."""
    import keras

    from kerasgan import datasets
    from kerasgan.runs import recipes

    fields = tables._CIFAR["SNGAN"] | {"network_options": {"width": 4, "depth": 1}, "conditional": conditional}
    fields.pop("build")
    recipe = recipes.dataclasses.replace(recipes.get("photos"), **fields)
    info = datasets.DatasetInfo("small", (8, 8, 3), 3 if conditional else None, 100, None)
    sngan, wgan_gp = tables.sngan(recipe, info, 0), tables.wgan_gp(recipe, info, 0)
    weighted = [layer for layer in sngan.discriminator.layers if layer.weights]
    plain = [each for layer in weighted for each in ([layer] if not isinstance(layer, keras.Model) else layer.layers)]
    assert all(isinstance(each, keras.layers.SpectralNormalization) for each in plain if each.weights)
    assert sngan.updates == wgan_gp.updates == kerasgan.updates.Alternating(d_steps=5)
    assert recipe.batch_size == 5 * 64
    images = np.random.default_rng(0).uniform(-1, 1, (10, 8, 8, 3)).astype("float32")
    for gan in (sngan, wgan_gp):
        before = [keras.ops.convert_to_numpy(weight) for weight in gan.discriminator.trainable_weights]
        gan.fit(images, np.arange(10) % 3 if conditional else None, batch_size=10, verbose=0)
        for weight, was in zip(gan.discriminator.trainable_weights, before, strict=True):
            # A bias of the critic's output moves all logits alike, which the Wasserstein loss does not see.
            assert weight.path.endswith("logit/bias") or np.any(keras.ops.convert_to_numpy(weight) != was), weight.path
    largest = {
        np.round(np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2), 1)
        for kernel in map(keras.ops.convert_to_numpy, sngan.discriminator.trainable_weights)
        if kernel.ndim > 1
    }
    assert largest == {1.0}


@pytest.mark.parametrize(("num_classes", "rows"), [(None, 3), (2, 2)])
def test_a_picture_has_a_row_for_each_class(tmp_path, num_classes, rows):
    networks = kerasgan.networks.mlp((4, 4, 1), latent_dim=2, width=4, num_classes=num_classes)
    gan = kerasgan.GAN(*networks, latent_dim=2, num_classes=num_classes)
    quality.draw(gan, tmp_path / "new" / "grid.png", columns=3)
    width, height = Image.open(tmp_path / "new" / "grid.png").size  # small pictures are enlarged
    assert width * (rows * 5 + 1) == height * (3 * 5 + 1)
