import pytest
from dataset_helpers import noise, save
from helpers import shared_folder
from PIL import Image


@pytest.fixture
def mnist_folder(monkeypatch):
    """TensorFlow Datasets finds MNIST in the shared data."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared_folder() / "datasets" / "tensorflow_datasets"))


@pytest.fixture
def photo_folder(tmp_path):
    """Two classes of photos, three and two, in many formats and sizes."""
    save(tmp_path, "cat/a.png", Image.fromarray(noise(40, 70)))
    save(tmp_path, "cat/b.jpg", Image.fromarray(noise(300, 200)))
    save(tmp_path, "cat/deeper/c.gif", Image.fromarray(noise(20, 20)))
    save(tmp_path, "dog/d.PNG", Image.fromarray(noise(31, 17, 4), "RGBA"))
    save(tmp_path, "dog/e.jpeg", Image.fromarray(noise(64, 64)[..., 0]))
    return tmp_path
