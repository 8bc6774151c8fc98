"""Names of photos come from anywhere: what a terminal would obey is never printed as it is."""

import os
import sys
import unicodedata
import warnings

import pytest
from dataset_helpers import noise
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kerasgan import pictures
from kerasgan.datasets import load, source

NAMES = {
    "clears the screen": b"a\x1b[2J\x1b[H",
    "sets the title": b"a\x1b]0;owned\x07",
    "writes over the line": b"a\rSkipped 0 of 0",
    "another line": b"a\nTraceback (most recent call last):",
    "bell and backspace": b"a\x07\x08\x08",
    "C1 control": "a\x9b2J".encode(),
    "right to left": "a\u202egnp.exe".encode(),
    "isolates": "a\u2066b\u2069".encode(),
    "no width": "a\u200b\ufeffb".encode(),
    "line separator": "a\u2028b\u2029".encode(),
    "tag characters": "a\U000e0041".encode(),
    "delete": b"a\x7f",
    "Latin-1": b"caf\xe9",
    "no UTF-8 at all": b"\xff\xfe\x80",
    "half a surrogate": b"\xed\xa0\x80",
}


def is_safe(text):
    """Whether a terminal prints a text as it is, on one line."""
    return not any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for each in text)


def write(folder, name, content=b"no image"):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(os.fsencode(folder), name), "wb") as file:
        file.write(content)


def messages(call):
    """Returns all that would reach the terminal: the texts of warnings, and of the error if there is one."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except ValueError as error:
            return [str(each.message) for each in caught] + [str(error)]
    return [str(each.message) for each in caught]


needs_bytes = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are bytes on Linux only")


@needs_bytes
@pytest.mark.parametrize("disk", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_names_of_skipped_photos(tmp_path, monkeypatch, name, disk):
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    if disk:
        monkeypatch.setattr(source, "MEMORY_SHARE", 0.0)
    folder = tmp_path / "photos"
    write(folder, NAMES[name] + b".png")
    (text,) = messages(lambda: load(folder, 1))
    assert "At least one photo must be readable" in text and is_safe(text)
    Image.fromarray(noise(20, 20)).save(folder / "good.png")
    (text,) = messages(lambda: load(folder, 1))
    assert text.startswith("Skipped 1 of 2") and is_safe(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, info = load(folder, 1)
    assert [os.fsencode(each) for each in info.skipped] == [NAMES[name] + b".png"]  # the file can be found by its name


@needs_bytes
@pytest.mark.parametrize("name", NAMES)
def test_names_of_folders(tmp_path, name):
    folder = os.path.join(os.fsencode(tmp_path), NAMES[name])
    os.makedirs(folder)
    (text,) = messages(lambda: load(os.fsdecode(folder), 1))
    assert "must hold photos" in text and is_safe(text)
    write(folder, b"bad.png")
    (text,) = messages(lambda: load(os.fsdecode(folder), 1))
    assert is_safe(text)
    Image.fromarray(noise(20, 20)).save(os.path.join(folder, b"good.png"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, info = load(os.fsdecode(folder), 1)
    assert is_safe(info.name)
    info.name.encode()


@needs_bytes
@pytest.mark.parametrize("name", NAMES)
def test_names_of_what_kerasgan_wrote(tmp_path, name):
    Image.fromarray(noise(20, 20)).save(tmp_path / "good.png")
    pictures.save_png(os.path.join(os.fsdecode(os.fsencode(tmp_path)), os.fsdecode(NAMES[name] + b".png")), noise(9, 9))
    (text,) = messages(lambda: load(tmp_path, 1))
    assert "kerasgan wrote it: 1 picture" in text and is_safe(text)


@needs_bytes
@pytest.mark.parametrize("name", ["/nowhere\x1b[2J", "no\x1b]0;set\x07", "./\u202e", "\udcff/x"])
def test_names_of_sources_that_do_not_exist(name):
    (text,) = messages(lambda: load(name, 1))
    assert is_safe(text)


@needs_bytes
@given(name=st.binary(min_size=1, max_size=60).filter(lambda each: not set(each) & {0, ord("/")}))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("any")
    write(folder, b"x" + name + b".png")
    (text,) = messages(lambda: load(folder, 1))
    assert is_safe(text)
    text.encode()
