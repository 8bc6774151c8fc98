"""Folders of photos: what becomes of every kind of file."""

import tarfile

import numpy as np
import pytest
from dataset_helpers import first_batch, noise, save, values
from helpers import needs_shared, shared_folder
from PIL import Image

from kerasgan.datasets import load


def test_photos_of_all_kinds_are_read(photo_folder):
    batches, info = load(photo_folder, 5, image_size=(16, 24), labels=True, shuffle=False)
    _, labels = first_batch(batches)
    assert labels.tolist() == [0, 0, 0, 1, 1]
    assert (info.image_shape, info.class_names, info.num_classes) == ((16, 24, 3), ("cat", "dog"), 2)
    assert (info.num_images, info.skipped, info.name) == (5, (), photo_folder.name)


def test_a_photo_of_the_right_size_is_not_touched(tmp_path):
    pixels = noise(32, 32)
    save(tmp_path, "a.png", Image.fromarray(pixels))
    batches, info = load(tmp_path, 1, image_size=32)
    np.testing.assert_allclose((values(batches)[0] + 1) * 127.5, pixels, atol=1e-3)
    assert info.num_classes is None and info.class_names is None


def test_exif_orientation_is_applied(tmp_path):
    pixels = np.zeros((40, 40, 3), "uint8")
    pixels[:20] = 255  # the top half is white
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees: white comes to the right
    save(tmp_path, "a.jpg", Image.fromarray(pixels), exif=exif)
    image = values(load(tmp_path, 1, image_size=40)[0])[0]
    assert image[:, :18].max() < -0.9 and image[:, 22:].min() > 0.9


def test_transparency_is_laid_over_white(tmp_path):
    pixels = np.zeros((8, 8, 4), "uint8")
    pixels[:4, :, 3] = 255
    save(tmp_path, "a.png", Image.fromarray(pixels))
    image = values(load(tmp_path, 1, image_size=8)[0])[0]
    assert (image[:4] == -1).all() and (image[4:] == 1).all()


def test_sixteen_bits_become_eight_where_that_is_asked_for(tmp_path):
    save(tmp_path, "a.png", Image.fromarray(np.full((8, 8), 0x80FF, "uint16")))
    image = values(load(tmp_path, 1, image_size=8, bits=8, channels=1)[0])
    np.testing.assert_allclose((image + 1) * 127.5, 0x80, atol=1e-3)


def test_gray_photos_are_luminance(tmp_path):
    save(tmp_path, "a.png", Image.new("RGB", (9, 9), (255, 0, 0)))
    image = values(load(tmp_path, 1, image_size=9, channels=1)[0])
    assert image.shape == (1, 9, 9, 1)
    np.testing.assert_allclose((image + 1) / 2, 0.299, atol=0.003)


def test_a_large_jpeg_keeps_its_picture(tmp_path):
    ramp = np.broadcast_to(np.linspace(0, 255, 900).astype("uint8")[None, :, None], (600, 900, 3))
    save(tmp_path, "a.jpg", Image.fromarray(np.ascontiguousarray(ramp)), quality=95)
    row = (values(load(tmp_path, 1, image_size=20)[0])[0].mean(axis=(0, 2)) + 1) * 127.5
    np.testing.assert_allclose(row, 255 * (150 + 30 * (np.arange(20) + 0.5)) / 900, atol=3)


def test_files_that_cannot_be_read_are_skipped_and_named(photo_folder):
    (photo_folder / "cat" / "broken.jpg").write_bytes((photo_folder / "cat" / "b.jpg").read_bytes()[:3000])
    (photo_folder / "dog" / "really_text.png").write_text("not an image")
    (photo_folder / "dog" / "notes.txt").write_text("passed over: no image by its extension")
    (photo_folder / ".hidden").mkdir()
    (photo_folder / ".hidden" / "cache.jpg").write_text("passed over: hidden")
    with pytest.warns(UserWarning, match=r"^Skipped 2 of 7 images that could not be read: ") as caught:
        batches, info = load(photo_folder, 5, labels=True, shuffle=False)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert info.skipped == ("cat/broken.jpg", "dog/really_text.png")
    assert all(name in str(caught[0].message) for name in info.skipped)
    assert first_batch(batches)[1].tolist() == [0, 0, 0, 1, 1]
    assert info.num_images == 5


def test_a_decompression_bomb_is_skipped(photo_folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200 * 300 // 2 - 1)
    save(photo_folder, "dog/large_but_allowed.png", Image.fromarray(noise(200, 200)))  # Pillow would warn of it
    with pytest.warns(UserWarning, match="Skipped 1 of 6") as caught:
        _, info = load(photo_folder, 1)
    assert (info.skipped, len(caught)) == (("cat/b.jpg",), 1)


def test_photos_outside_the_class_folders_leave_no_labels(photo_folder):
    save(photo_folder, "loose.png", Image.new("L", (5, 5)))
    _, info = load(str(photo_folder), 6)
    assert (info.num_images, info.num_classes, info.class_names) == (6, None, None)
    with pytest.raises(ValueError, match="Received: labels=True"):
        load(photo_folder, 6, labels=True)


def test_a_folder_without_readable_photos_raises(tmp_path):
    with pytest.raises(ValueError, match=r"Received: source=.*has none"):
        load(tmp_path)
    (tmp_path / "a.png").write_text("not an image")
    with pytest.raises(ValueError, match=r"Received: source=.*a\.png, fails with: UnidentifiedImageError"):
        load(tmp_path)


@needs_shared
@pytest.mark.slow
def test_a_folder_of_cifar10_is_read_whole(tmp_path):
    with tarfile.open(shared_folder() / "datasets" / "cifar10-jpg-test.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    batches, info = load(tmp_path / "test", 10_000, image_size=32, labels=True)
    _, labels = first_batch(batches)
    assert np.bincount(labels).tolist() == [1000] * 10
    assert info.class_names[:3] == ("airplane", "automobile", "bird")
