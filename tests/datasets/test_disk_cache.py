"""Photos that are too large for memory: the same data from a file that is made once, whole or not at all."""

import collections
import json
import os
import shutil
import sys
import threading
import warnings

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasgan.datasets import disk_cache, load, load_arrays, photos, source
from kerasgan.validation import memory

COUNT, SIDE = 20, 8


@pytest.fixture
def folder(tmp_path):
    """Twenty photos in two classes, and two that cannot be read."""
    chance = np.random.default_rng(0)
    for number in range(COUNT):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(chance.integers(256, size=(SIDE, SIDE, 3), dtype="uint8")).save(path)
    (tmp_path / "photos" / "a" / "05-broken.png").write_text("no image")
    (tmp_path / "photos" / "b" / "99-broken.png").write_text("no image")
    return tmp_path / "photos"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache folder of a machine with too little memory for any photo."""
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(source, "MEMORY_SHARE", 0.0)
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch):
    """The names of the photos that are decoded from now on."""
    names, decode = [], photos._decode

    def counted(path, size, mode):
        names.append(path.name)
        return decode(path, size, mode)

    monkeypatch.setattr(photos, "_decode", counted)
    return names


def quietly(folder, batch_size=4, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(folder, batch_size, **{"image_size": SIDE, **options})


def arrays(batches):
    """Returns the images and the labels of an epoch as arrays."""
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def sets_in(cache):
    return [path for path in cache.iterdir() if path.suffix != ".lock"]


# The same data


@pytest.mark.parametrize("flip", [False, True])
def test_memory_and_disk_hold_the_same(folder, tmp_path, monkeypatch, flip):
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(disk_cache, "CHUNK_BYTES", 3 * SIDE * SIDE * 3)  # three at a time
    in_memory, info = quietly(folder, labels=True, flip=flip)
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(source, "MEMORY_SHARE", 0.0)
    on_disk, same_info = quietly(folder, labels=True, flip=flip)
    assert sets_in(tmp_path / "cache")
    assert info == same_info and len(info.skipped) == 2 and info.num_images == COUNT
    assert on_disk.epoch(0).element_spec == in_memory.epoch(0).element_spec
    for number in range(3):
        for one, other in zip(arrays(in_memory.epoch(number)), arrays(on_disk.epoch(number)), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("number", "skip"), [(0, 1), (1, 0), (3, 4)])
def test_an_epoch_may_begin_with_any_batch(folder, cache, number, skip):
    batches, _ = quietly(folder, labels=True, flip=True, seed=3)
    whole, rest = list(batches.epoch(number)), list(batches.epoch(number, skip=skip))
    for (images, labels), (same, same_labels) in zip(whole[skip:], rest, strict=True):
        assert np.array_equal(images, same) and np.array_equal(labels, same_labels)


def test_arrays_for_evaluation_are_the_same(folder, cache, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        some, labels, _ = load_arrays(folder, 6, image_size=SIDE, seed=1)
        all_of_them, _, _ = load_arrays(folder, image_size=SIDE)
        monkeypatch.setattr(source, "MEMORY_SHARE", 1.0)
        same, same_labels, _ = load_arrays(folder, 6, image_size=SIDE, seed=1)
        np.testing.assert_array_equal(some, same)
        np.testing.assert_array_equal(labels, same_labels)
        assert all_of_them.shape == (COUNT, SIDE, SIDE, 3) and type(all_of_them) is np.ndarray
        # Floats take four bytes each: what is on disk may be more than fits.
        monkeypatch.setattr(source, "MEMORY_SHARE", 0.0)
        monkeypatch.setattr(memory, "total_bytes", lambda: COUNT * SIDE * SIDE * 3 * 4 - 1)
        with pytest.raises(ValueError, match="must fit into memory"):
            load_arrays(folder, image_size=SIDE)


def test_without_positional_reads_the_map_is_used(folder, cache, monkeypatch):
    before = arrays(quietly(folder, labels=True)[0])
    monkeypatch.delattr(os, "preadv")
    after = arrays(quietly(folder, labels=True)[0])
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


# Bounded memory


def test_photos_are_decoded_a_chunk_at_a_time_and_read_a_batch_at_a_time(folder, cache, monkeypatch):
    chunks, held = [], photos._decode_all
    monkeypatch.setattr(photos, "_decode_all", lambda *given: chunks.append(len(given[0])) or held(*given))
    monkeypatch.setattr(disk_cache, "CHUNK_BYTES", 5 * SIDE * SIDE * 3 + 1)
    read, asked = disk_cache.rows_reader, []

    def reader(values):
        rows = read(values)
        return lambda indices: asked.append(len(indices)) or rows(indices)

    monkeypatch.setattr(disk_cache, "rows_reader", reader)
    batches, _ = quietly(folder)
    assert chunks == [5, 5, 5, 5, 2]

    def touched(*arguments):
        raise AssertionError("pages of a map that are touched count as memory of the process")

    monkeypatch.setattr(np.memmap, "__getitem__", touched)
    assert sum(len(batch) for batch in batches) == COUNT
    assert asked == [4] * 5


def test_the_file_is_closed_with_its_dataset(folder, cache):
    values = opened(folder, cache)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else pytest.skip("needs /proc")
    read = disk_cache.rows_reader(values)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    assert np.array_equal(read(np.array([3, 1])), values[[3, 1]])
    del read
    assert len(os.listdir("/proc/self/fd")) == before


def opened(folder, cache):
    """Makes the file, and returns the map of its images."""
    quietly(folder)
    (found,) = sets_in(cache)
    key = json.loads((found / disk_cache.RECORD).read_text())["content"]["key"]
    return disk_cache._read(found, (COUNT + 2, SIDE, SIDE, 3), key)[0][0]


# Made once


def test_the_next_start_decodes_nothing_and_says_the_same(folder, cache, decoded, monkeypatch):
    _, info = quietly(folder)
    assert len(decoded) == COUNT + 2
    # Nor does it compute the fingerprint again.
    monkeypatch.setattr(sys.modules["kerasgan.datasets.info"], "fingerprint", pytest.fail)
    with pytest.warns(UserWarning, match=r"^Skipped 2 of 22 images that could not be read: a/05-broken"):
        _, again = load(folder, 4, image_size=SIDE)
    assert again == info and len(decoded) == COUNT + 2


def test_whatever_changes_the_images_makes_another_file(folder, cache, decoded):
    def count(**options):
        decoded.clear()
        quietly(folder, 1, **options)
        return len(decoded)

    assert count() == COUNT + 2 and count() == 0
    assert count(image_size=(SIDE, 2 * SIDE)) == count(channels=1) == COUNT + 2
    assert count(split="train[:5]") == count(split="train[5:10]") == 5
    os.utime(folder / "a" / "00.png", ns=(0, 0))
    assert count() == COUNT + 2 and count() == 0
    (folder / "a" / "00.png").rename(folder / "a" / "001.png")
    assert count() == COUNT + 2
    (folder / "b").rename(folder / "0")  # the classes change places
    assert count() == COUNT + 2 and count() == 0


def test_a_class_that_goes_changes_the_labels_of_others(tmp_path, cache, monkeypatch):
    """And with them the fingerprint, though the photos of this split stay as they were."""
    for name in "abc":
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (SIDE, SIDE), "red").save(tmp_path / "photos" / name / "0.png")
    parts = [quietly(tmp_path / "photos", 1, split=f"train[{k}:{k + 1}]", labels=True)[0] for k in range(3)]
    k = [int(arrays(batches)[1][0]) for batches in parts].index(2)
    (tmp_path / "photos" / "b" / "0.png").rename(tmp_path / "photos" / "a" / "1.png")
    batches, info = quietly(tmp_path / "photos", 1, split=f"train[{k}:{k + 1}]", labels=True)
    assert arrays(batches)[1].tolist() == [1]
    monkeypatch.setattr(source, "MEMORY_SHARE", 1.0)
    assert quietly(tmp_path / "photos", 1, split=f"train[{k}:{k + 1}]", labels=True)[1] == info


@pytest.mark.parametrize("damage", ["shorter", "longer", "torn record", "no record", "strange record", "no images"])
def test_a_damaged_file_is_made_again(folder, cache, decoded, damage):
    before = arrays(quietly(folder, labels=True)[0])
    (found,) = sets_in(cache)
    images, record = found / disk_cache.IMAGES, found / disk_cache.RECORD
    if damage == "shorter":
        os.truncate(images, images.stat().st_size - 1)
    elif damage == "longer":
        images.write_bytes(images.read_bytes() + b"0")
    elif damage == "no images":
        images.unlink()
    elif damage == "no record":
        record.unlink()
    else:
        record.write_text({"torn record": record.read_text()[:-5], "strange record": "[3]"}[damage])
    decoded.clear()
    after = arrays(quietly(folder, labels=True)[0])
    assert len(decoded) == COUNT + 2
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_what_is_stopped_leaves_nothing_and_what_is_killed_is_cleared_away(folder, cache, decoded, monkeypatch):
    def stopped(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(disk_cache, "_fingerprint", stopped)
        with pytest.raises(KeyboardInterrupt):
            quietly(folder)
    assert sets_in(cache) == []
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda *arguments, **options: None)  # as by kill -9
        patched.setattr(disk_cache, "_fingerprint", stopped)
        with pytest.raises(KeyboardInterrupt):
            quietly(folder)
    assert [path.name[0] for path in sets_in(cache)] == ["."]
    assert quietly(folder)[1].num_images == COUNT
    assert [path.name[:13] for path in sets_in(cache)] == ["photos-photos"]


def test_two_at_once_make_it_once(folder, cache, decoded):
    threads = [threading.Thread(target=on_disk_images, args=(folder,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert collections.Counter(decoded).most_common(1)[0][1] == 1 and len(sets_in(cache)) == 1


def on_disk_images(folder):
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    values, _, _ = photos._images(folder, names, None, (SIDE, SIDE), "RGB")
    assert len(values) == COUNT


def test_where_none_can_be_read_nothing_is_kept(tmp_path, cache):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_text("no image")
    with pytest.raises(ValueError, match=r"At least one photo must be readable.*a\.png, fails with"):
        load(tmp_path / "photos", 1)
    assert sets_in(cache) == []


# No space


def test_too_small_a_disk_is_refused_before_anything_is_decoded(folder, cache, decoded, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 10**6, 22 * SIDE * SIDE * 3 - 1))
    with pytest.raises(ValueError, match=r"needs space. Received: 22 photos of image_size=\(8, 8\).*KERASGAN_CACHE"):
        load(folder, 1, image_size=SIDE)
    assert decoded == [] and sets_in(cache) == []


def test_a_disk_that_fills_up_is_refused(folder, cache, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match=r"needs space.*cannot be written to .*No space left on device"):
        load(folder, 1, image_size=SIDE)
    assert sets_in(cache) == []


def test_a_cache_that_cannot_be_written_is_refused(folder, cache):
    cache.write_text("a file")
    with pytest.raises(ValueError, match=r"needs space.*cannot be written to"):
        load(folder, 1, image_size=SIDE)


def test_a_file_that_is_cut_off_while_it_is_read_ends_the_reading(folder, cache):
    batches, _ = quietly(folder)
    (found,) = sets_in(cache)
    os.truncate(found / disk_cache.IMAGES, SIDE)
    with pytest.raises(tf.errors.OpError, match="has become shorter"):
        list(batches)
