"""What is printed of names from files, and what users are advised to run."""

import shlex
import shutil
import subprocess

import pytest

from kerasgan.validation.printable import printable, quoted

NAMES = [
    "plain.png",
    "two words",
    "é ü 日本",
    "\x1b[2J\x1b]0;title\x07",
    "a\rb\nc\td",
    "a\x00b",
    "a\x7f\x80\x9bb",
    "a\u202eb\u2066",
    "a\u2028b",
    "no utf-8: \udcff",
    "'; touch x #",
    "$(touch x) `touch x` \\",
]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_printed_is_printable_and_plain_text_stays(name):
    shown = printable(name)
    assert shown.isprintable()
    shown.encode()
    assert shown == name or not name.isprintable()


@pytest.mark.parametrize("name", [name for name in NAMES if "\0" not in name])
def test_a_quoted_word_is_that_word_for_a_shell(name):
    word = quoted(name)
    assert word.isprintable()
    shell = shutil.which("bash")
    if shell is None:
        assert not name.isprintable() or shlex.split(word) == [name]
        return
    said = subprocess.run([shell, "-c", f"printf %s {word}"], capture_output=True, check=True).stdout
    assert said == name.encode(errors="surrogateescape")


def test_other_things_are_printed_as_text():
    assert printable(ValueError("a\x1bb")) == "a\\x1bb" and printable(3) == "3"
