"""The cache of photos is never trusted: what is read from it is what kerasgan wrote, in a folder of the user's own."""

import json
import os
import pathlib
import shutil
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kerasgan.datasets import disk_cache, load, source

COUNT, SIDE = 12, 8
BYTES = SIDE * SIDE * 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve photos, and one that cannot be read."""
    folder, chance = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(COUNT):
        pixels = chance.integers(256, size=(SIDE, SIDE, 3), dtype="uint8")
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    (folder / "05-broken.png").write_text("no image")
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache folder of a machine with too little memory for any photo, in chunks of five photos."""
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(source, "MEMORY_SHARE", 0.0)
    monkeypatch.setattr(disk_cache, "CHUNK_BYTES", 5 * BYTES)
    return tmp_path / "cache"


def read(folder):
    """Returns the images, the facts, and the warnings of the cache."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        batches, info = load(folder, 1, image_size=SIDE, shuffle=False)
        images = np.concatenate([np.asarray(batch) for batch in batches])
    return images, info, [str(each.message) for each in caught if "is not used" in str(each.message)]


def set_in(cache):
    (found,) = [path for path in cache.iterdir() if path.name.startswith("photos-")]
    return found


def edit(path, change):
    path.write_bytes(change(bytearray(path.read_bytes())))


def flipped(content, at, bit=0):
    content[at] ^= 1 << bit
    return content


def exchanged(content):
    return content[5 * BYTES : 10 * BYTES] + content[: 5 * BYTES] + content[10 * BYTES :]


def edit_record(path, change):
    record = json.loads(path.read_text())
    change(record["content"])
    path.write_text(json.dumps(record))


def as_before(path):
    """The record of a cache from before there were checksums."""
    content = json.loads(path.read_text())["content"]
    path.write_text(json.dumps({"fingerprint": content["fingerprint"], "reasons": content["reasons"]}))


IMAGES_DAMAGE = {
    "zeros": lambda content: bytes(len(content)),
    "first byte": lambda content: flipped(content, 0),
    "last byte": lambda content: flipped(content, -1, 7),
    "middle byte": lambda content: flipped(content, len(content) // 2, 3),
    "truncated": lambda content: content[:-1],
    "empty": lambda content: b"",
    "one chunk less": lambda content: content[: 5 * BYTES],
    "longer": lambda content: content + b"\0",
    "exchanged chunks": exchanged,
    "one chunk twice": lambda content: content[: 5 * BYTES] + content[: 5 * BYTES] + content[10 * BYTES :],
    "exchanged images": lambda content: content[BYTES : 2 * BYTES] + content[:BYTES] + content[2 * BYTES :],
    "other images": lambda content: np.random.default_rng(9).bytes(len(content)),
}
RECORD_DAMAGE = {
    "another fingerprint": lambda path: edit_record(path, lambda content: content.update(fingerprint="0" * 64)),
    "another reason": lambda path: edit_record(path, lambda content: content.update(reasons={"0": "moved"})),
    "another key": lambda path: edit_record(path, lambda content: content.update(key="0" * 64)),
    "other checksums": lambda path: edit_record(path, lambda content: content["chunks"].reverse()),
    "no checksums": lambda path: edit_record(path, lambda content: content.pop("chunks")),
    "an earlier version's": as_before,
    "torn": lambda path: edit(path, lambda content: content[:-9]),
    "zeros": lambda path: edit(path, lambda content: bytes(len(content))),
    "empty": lambda path: path.write_text(""),
    "too deep": lambda path: path.write_text("[" * 100_000),
    "a number": lambda path: path.write_text("3"),
    "strange content": lambda path: path.write_text('{"content": 3, "checksum": "x"}'),
    "gone": lambda path: path.unlink(),
}


def check_made_again(folder, cache, damage, reason=""):
    """Damages the cache; nothing but what was decoded from the photos may then be read, after one warning."""
    before, info, _ = read(folder)
    damage(set_in(cache))
    after, same_info, found = read(folder)
    assert np.array_equal(before, after) and same_info == info
    assert len(found) == 1 and str(set_in(cache)) in found[0] and reason in found[0], found
    assert np.array_equal(read(folder)[0], before) and read(folder)[2] == []


@pytest.mark.parametrize("damage", IMAGES_DAMAGE)
def test_damaged_images_are_decoded_again(folder, cache, damage):
    check_made_again(folder, cache, lambda path: edit(path / disk_cache.IMAGES, IMAGES_DAMAGE[damage]), "damaged")


@pytest.mark.parametrize("damage", RECORD_DAMAGE)
def test_a_damaged_record_is_made_again(folder, cache, damage):
    check_made_again(folder, cache, lambda path: RECORD_DAMAGE[damage](path / disk_cache.RECORD))


def test_the_time_of_a_file_says_nothing(folder, cache):
    """Zeros of the same length and of the same time."""

    def damage(path):
        status = (path / disk_cache.IMAGES).stat()
        edit(path / disk_cache.IMAGES, lambda content: bytes(len(content)))
        os.utime(path / disk_cache.IMAGES, ns=(status.st_atime_ns, status.st_mtime_ns))

    check_made_again(folder, cache, damage, "in chunk 1 of 3")


@given(at=st.integers(0, COUNT * BYTES - 1), bit=st.integers(0, 7))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_bit_is_found(folder, cache, at, bit):
    read(folder)
    edit(set_in(cache) / disk_cache.IMAGES, lambda content: flipped(content, at, bit))
    chunk = 1 + (at >= 5 * BYTES) + (at >= 9 * BYTES)  # the second holds four photos and the broken one
    assert f"in chunk {chunk} of 3" in read(folder)[2][0]


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_bit_of_the_record_is_found_or_harmless(folder, cache, at, bit):
    before, info, _ = read(folder)
    path = set_in(cache) / disk_cache.RECORD
    edit(path, lambda content: flipped(content, int(at * len(content)), bit))
    after, same_info, _ = read(folder)
    assert np.array_equal(before, after) and same_info == info


def test_the_cache_of_other_photos_is_not_taken(folder, cache, tmp_path):
    """A folder that was renamed to the name of another set's, of the same number of photos."""
    other = tmp_path / "other" / folder.name
    shutil.copytree(folder, other)
    for path in other.glob("[01]*.png"):
        if "broken" not in path.name:
            Image.new("RGB", (SIDE, SIDE), "red").save(path)
    read(other)
    foreign = set_in(cache)
    foreign.rename(cache / "kept")
    before = read(folder)[0]

    def swap(path):
        shutil.rmtree(path)
        (cache / "kept").rename(path)

    swap(set_in(cache))
    after, _, found = read(folder)
    assert np.array_equal(before, after) and len(found) == 1


# Folders of the user's own


needs_owners = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs a system with owners of files")


@needs_owners
@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
def test_only_the_owner_can_read_or_write_it(folder, cache, umask):
    usual = os.umask(umask)
    try:
        read(folder)
    finally:
        os.umask(usual)
    for path in (cache, set_in(cache), *set_in(cache).iterdir(), *cache.glob(".*.lock")):
        assert path.stat().st_mode & 0o077 == 0, path
    assert read(folder)[2] == []


@needs_owners
@pytest.mark.parametrize("mode", [0o770, 0o720, 0o777, 0o702])
@pytest.mark.parametrize("name", [".", disk_cache.IMAGES, disk_cache.RECORD])
def test_what_others_can_write_is_made_again(folder, cache, mode, name):
    check_made_again(folder, cache, lambda path: (path / name).chmod(mode), "can be written by other users")


@needs_owners
@pytest.mark.parametrize("name", [".", disk_cache.IMAGES, disk_cache.RECORD])
def test_what_belongs_to_another_user_is_made_again(folder, cache, name):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    check_made_again(folder, cache, lambda path: os.chown(path / name, 12345, -1), "belongs to another user")


@needs_owners
def test_where_nothing_can_be_the_users_own_that_is_said(folder, cache, monkeypatch):
    """As on a network disk that gives all files to one user."""
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(ValueError, match=r"cannot be used after it was written: .* belongs to another user.*KERASGAN_"):
        load(folder, 1, image_size=SIDE)


@needs_owners
@pytest.mark.parametrize("name", ["", disk_cache.IMAGES, disk_cache.RECORD])
@pytest.mark.parametrize("target", ["a copy", "nothing"])
def test_links_are_not_followed(folder, cache, tmp_path, name, target):
    elsewhere = tmp_path / "elsewhere"

    def damage(path):
        path = path / name if name else path
        path.rename(elsewhere)
        path.symlink_to(elsewhere if target == "a copy" else tmp_path / "nothing")

    check_made_again(folder, cache, damage, "link")
    assert elsewhere.exists() and not set_in(cache).is_symlink()
    kept = elsewhere / disk_cache.IMAGES if not name else elsewhere
    assert kept.stat().st_size > 0  # what the link led to was left alone


@needs_owners
def test_pipes_are_not_waited_for(folder, cache):
    def damage(path):
        (path / disk_cache.IMAGES).unlink()
        os.mkfifo(path / disk_cache.IMAGES, 0o600)

    check_made_again(folder, cache, damage, "no plain file")


@needs_owners
def test_a_file_in_place_of_the_folder_is_replaced(folder, cache):
    def damage(path):
        shutil.rmtree(path)
        path.write_text("a file")

    check_made_again(folder, cache, damage)


@needs_owners
def test_a_lock_that_is_a_link_is_not_followed(folder, cache, tmp_path):
    read(folder)
    shutil.rmtree(set_in(cache))
    (lock,) = cache.glob(".*.lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "victim")
    with pytest.raises(ValueError, match="cannot be written to"):
        load(folder, 1, image_size=SIDE)
    assert not (tmp_path / "victim").exists()


@needs_owners
def test_the_own_cache_folder_is_closed_to_others(folder, tmp_path, monkeypatch):
    monkeypatch.delenv("KERASGAN_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(source, "MEMORY_SHARE", 0.0)
    cache = tmp_path / ".cache" / "kerasgan"
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    read(folder)
    assert cache.stat().st_mode & 0o777 == 0o700 and set_in(cache).is_dir()
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "shared"))
    (tmp_path / "shared").mkdir(mode=0o755)
    read(folder)
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o755  # a folder of the user's choice is left as it is


@needs_owners
def test_rows_are_read_from_the_users_own_file_alone(folder, cache):
    read(folder)
    images = np.memmap(set_in(cache) / disk_cache.IMAGES, "uint8", mode="r", shape=(COUNT, SIDE, SIDE, 3))
    set_in(cache).chmod(0o777)
    with pytest.raises(OSError, match="can be written by other users"):
        disk_cache.rows_reader(images)
    assert pathlib.Path(images.filename).is_file()
