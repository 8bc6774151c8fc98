"""Speed and time left: what is printed, when, and that the numbers are those of the steps."""

import io
import re

import pytest
from callback_helpers import IMAGES, fit, image_gan

from kerasgan.callbacks import Progress, progress


class Clock:
    """A clock that goes on by the same time whenever it is read."""

    def __init__(self, seconds):
        self.seconds, self.now = seconds, 0.0

    def perf_counter(self):
        self.now += self.seconds
        return self.now


def lines(monkeypatch, seconds_per_step, epochs=5, **options):
    """The lines of a fit of two steps per epoch, each of which takes so long."""
    monkeypatch.setattr(progress, "time", Clock(seconds_per_step))
    written = io.StringIO()
    fit(image_gan(), IMAGES, Progress(file=written, **options), epochs=epochs)
    return written.getvalue().splitlines()


def test_the_first_estimate_leaves_the_compilation_out(monkeypatch):
    # The first step is step 1 of 10; 4 seconds later, after step 2, eight are left at a quarter of a step per second.
    assert lines(monkeypatch, 4.0, every_seconds=None) == ["0.25 steps/s, about 32 seconds left"]


def test_lines_within_long_epochs(monkeypatch):
    first, *others = lines(monkeypatch, 40.0)
    assert first == "0.025 steps/s, about 5 minutes left"
    pattern = (
        r"epoch (\d) of 5, step (\d) of 2: loss [\d.]+, d_loss [\d.]+, g_loss [\d.]+; \S+ steps/s, about \d+ .* left"
    )
    found = [re.fullmatch(pattern, line).groups() for line in others]
    assert found[0] == ("2", "1") and found[-1] == ("5", "2") and len(found) == 8


def test_short_fits_print_nothing(monkeypatch):
    assert lines(monkeypatch, 0.001) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 1 second"),
        (59, "about 59 seconds"),
        (100, "about 2 minutes"),
        (3_000, "about 50 minutes"),
        (5_400, "about 1.5 hours"),
        (200_000, "about 2.3 days"),
    ],
)
def test_durations(seconds, words):
    assert progress.duration(seconds) == words


@pytest.mark.parametrize("every_seconds", [0, -1.0, float("nan")])
def test_refusals(every_seconds):
    with pytest.raises(ValueError, match="every_seconds must be positive"):
        Progress(every_seconds)
