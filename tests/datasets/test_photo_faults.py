"""Photos of unknown origin: what is no photo is named and counted, costs no memory, and starts no program."""

import io
import os
import struct
import subprocess
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from kerasgan import datasets
from kerasgan.datasets import decoding, load, photos

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".gif": "GIF", ".webp": "WEBP", ".bmp": "BMP", ".tiff": "TIFF"}


def photo(suffix, side=40):
    pixels = np.random.default_rng(0).integers(256, size=(side, side, 3), dtype="uint8")
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, FORMATS[suffix])
    return content.getvalue()


def png_of(width, height):
    """A PNG of a hundred bytes that claims to be of any size."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def gif_of(width, height):
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    return b"GIF89a" + screen + bytes(6) + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02D\x01\x00;"


def bmp_of(width, height):
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


def zipped(name, content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n0 0 20 20 rectfill showpage\n%%EOF\n"
STRANGE = {
    "text.jpg": b"not an image",
    "page.png": b"<!DOCTYPE html><html><body>404</body></html>",
    "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
    "archive.jpg": zipped("a.png", photo(".png")),
    "document.jpg": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF",
    "postscript.jpg": POSTSCRIPT,
    "postscript.eps": POSTSCRIPT,
    "program.png": b"\x7fELF\x02\x01\x01" + bytes(100),
    "pickle.png": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtins.",
    "empty.jpg": b"",
    "phone.heic": b"\x00\x00\x00\x18ftypheic" + bytes(100),
    "bomb.png": png_of(50_000, 50_000),
    "widest.png": png_of(2**31 - 1, 2**31 - 1),
    "no_width.png": png_of(0, 10),
    "bomb.gif": gif_of(65_535, 65_535),
    "bomb.bmp": bmp_of(2**30, 2**30),
}


def skipped(folder, **options):
    """Loads a folder, and returns what was skipped; the warning has to name and count the same."""
    with pytest.warns(UserWarning, match="Skipped") as caught:
        _, info = load(folder, 1, **options)
    found = len(info.skipped)
    (message,) = [str(each.message) for each in caught]
    assert message.startswith(f"Skipped {found} of {found + info.num_images} images that could not be read: ")
    assert all(name in message for name in info.skipped[: decoding.NAMED_IN_WARNING])
    return info.skipped


def test_whatever_is_no_photo_is_named_and_counted(tmp_path):
    for name, content in STRANGE.items():
        (tmp_path / name).write_bytes(content)
    for suffix in FORMATS:
        (tmp_path / f"good{suffix}").write_bytes(photo(suffix))
    assert set(skipped(tmp_path)) == set(STRANGE)


@pytest.mark.parametrize("suffix", FORMATS)
def test_truncated_photos_are_skipped(tmp_path, suffix):
    whole = photo(suffix)
    for tenth in range(10):
        (tmp_path / f"{tenth}{suffix}").write_bytes(whole[: len(whole) * tenth // 10])
    (tmp_path / f"whole{suffix}").write_bytes(whole)
    torn = skipped(tmp_path)
    # The last bytes of a TIFF are its table, of the others pixels: without a tenth, none is whole.
    assert set(torn) == {f"{tenth}{suffix}" for tenth in range(10)}


def test_a_photo_with_a_wrong_extension_is_taken(tmp_path):
    (tmp_path / "really_png.jpg").write_bytes(photo(".png"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(tmp_path, 1)[1].num_images == 1


def test_no_file_makes_a_program_run(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError(f"run: {arguments}")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    (tmp_path / "a.jpg").write_bytes(POSTSCRIPT)
    with pytest.raises(ValueError, match=r"a\.jpg, fails with: UnidentifiedImageError"):
        load(tmp_path, 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a system with named pipes")
def test_pipes_devices_and_broken_links_are_skipped(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zeros.jpg").symlink_to("/dev/zero")
    (tmp_path / "nowhere.gif").symlink_to(tmp_path / "nothing")
    (tmp_path / "good.png").write_bytes(photo(".png"))
    assert set(skipped(tmp_path)) == {"pipe.png", "zeros.jpg", "nowhere.gif"}


def test_a_random_flipped_byte_never_ends_the_reading(tmp_path):
    chance = np.random.default_rng(0)
    for suffix in FORMATS:
        for number in range(20):
            content = bytearray(photo(suffix))
            content[chance.integers(len(content))] ^= 1 << chance.integers(8)
            (tmp_path / f"{number}{suffix}").write_bytes(content)
    (tmp_path / "good.png").write_bytes(photo(".png"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batches, info = load(tmp_path, 1, image_size=8)
    assert info.num_images + len(info.skipped) == 20 * len(FORMATS) + 1
    assert np.isfinite(next(iter(batches))).all()


def test_large_photos_are_decoded_one_at_a_time(tmp_path, monkeypatch):
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(photo(".png"))
    monkeypatch.setattr(photos, "LARGE_PIXELS", 40 * 40 - 1)
    at_once, most = [0], [0]
    cropped = photos._cropped

    def counted(*arguments):
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        try:
            return cropped(*arguments)
        finally:
            at_once[0] -= 1

    monkeypatch.setattr(photos, "_cropped", counted)
    load(tmp_path, 1)
    assert most[0] == 1


def test_more_than_fits_is_refused_before_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "good.png").write_bytes(photo(".png"))
    digits = np.zeros((4, 8, 8), "uint8")
    for source in (digits, "digits"):
        with pytest.raises(ValueError, match=r"must fit into memory.*Received: image_size=\(1000000, 1000000\)"):
            load(source, 1, image_size=10**6)
    with pytest.raises(ValueError, match=r"needs space.*Received: 1 photos of image_size=\(1000000, 1000000\)"):
        load(tmp_path, 1, image_size=10**6)
    assert datasets.load(digits, 1, image_size=16)[1].image_shape == (16, 16, 1)
