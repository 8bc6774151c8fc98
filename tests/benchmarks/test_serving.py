"""The HTTP server of the examples draws what its model draws, whoever else asks at the same time."""

import concurrent.futures
import io
import json
import pathlib
import urllib.error
import urllib.request

import keras
import numpy as np
import pytest
import serving
from PIL import Image

import kerasgan


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A conditional model, and the address at which it is served."""
    keras.utils.set_random_seed(0)
    networks = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8, num_classes=3)
    gan = kerasgan.GAN(*networks, latent_dim=4, num_classes=3, seed=0)
    folder = tmp_path_factory.mktemp("served") / "model"
    gan.export(folder)
    with serving.running(folder) as address:
        yield gan, f"http://{address}"


def get(address, path):
    with urllib.request.urlopen(f"{address}{path}", timeout=60) as answer:
        return answer.read()


def expected(gan, n, seed, label):
    latents = np.random.default_rng(seed).standard_normal((n, 4), "float32")
    images = gan.generate(latents=latents, labels=np.full(n, label, "int32"))
    return np.concatenate(kerasgan.pictures.to_uint8(images), axis=1)[..., 0]


def check_picture(served, n, seed, label):
    gan, address = served
    found = np.asarray(Image.open(io.BytesIO(get(address, f"/images?n={n}&seed={seed}&label={label}"))), "int16")
    assert found.shape == (8, 8 * n)
    assert np.abs(found - expected(gan, n, seed, label)).max() <= 1  # rounding


def test_the_samples_are_those_of_the_model(served):
    check_picture(served, 4, seed=7, label=2)
    card = json.loads(get(served[1], "/"))
    assert card["num_classes"] == 3 and card["image_shape"] == [8, 8, 1]


def test_requests_at_the_same_time_get_their_own_samples(served):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        done = [pool.submit(check_picture, served, 1 + number % 5, number, number % 3) for number in range(40)]
        for each in done:
            each.result()


@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/images?n=0", 400, "n is 1 to 64"),
        ("/images?n=65", 400, "Received: n=65"),
        ("/images?label=3", 400, "label=3"),
        ("/images?seed=-1", 400, "non-negative"),
        ("/images?n=many", 400, "'many'"),
        ("/images?size=3", 400, "size"),
        ("/favicon.ico", 404, ""),
    ],
)
def test_what_cannot_be_answered_is_refused_and_the_server_goes_on(served, path, status, part):
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(served[1], path)
    assert caught.value.code == status and part in caught.value.read().decode()
    check_picture(served, 1, seed=0, label=0)


def test_the_server_is_short_and_knows_neither_keras_nor_kerasgan():
    text = pathlib.Path(serving.SERVER).read_text()
    assert len(text.splitlines()) <= 80
    assert "import keras" not in text and "from keras" not in text


def test_a_model_that_is_not_there_ends_with_a_sentence(tmp_path):
    with pytest.raises(RuntimeError, match="The server has ended with code 1"), serving.running(tmp_path / "nothing"):
        pass


def test_rates_are_of_all_clients_together():
    row = serving.as_row(4, 2, sorted([0.5] * 98 + [1.0, 3.0]), elapsed=10.0)
    assert row["requests_per_second"] == 10 and row["images_per_second"] == 20
    assert row["median_ms"] == 500 and row["p99_ms"] == 3000


def test_the_page_has_the_figures_or_says_that_they_are_to_be_measured():
    root = pathlib.Path(__file__).resolve().parents[2]
    rows = json.loads((root / "benchmarks" / "results" / "serving.json").read_text())["rows"]
    page = (root / "docs" / "serving.md").read_text()
    assert ("to be measured on an idle machine" in page) == (not rows)
    for row in rows:
        rates = f"| {row['clients']} | {row['images']} | {row['requests_per_second']:.0f} |"
        assert rates in page, rates
