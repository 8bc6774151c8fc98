"""Pairs and two domains with each option: all train, and go on after a load, or are refused with a reason."""

import pathlib

import pytest
import translation_matrix as matrix

TESTS = pathlib.Path(__file__).resolve().parents[1]
QUICK = (
    ("pairs", '`updates="one_stage"`'),
    ("pairs", "`penalties=R1(1.0, every=2)`"),
    ("two domains", "`updates=Alternating(same_samples=True)`"),
)
CELLS = [(kind, setting) for kind in matrix.KINDS for setting in matrix.cells_of(kind)]


@pytest.mark.parametrize(
    ("kind", "setting"), [pytest.param(*cell, marks=[] if cell in QUICK else pytest.mark.slow) for cell in CELLS]
)
def test_every_setting_trains_and_goes_on_after_a_load_or_is_refused(kind, setting, tmp_path):
    message = matrix.answers()[kind, setting]
    if message is None:
        return matrix.check(kind, setting, tmp_path / "gan.keras")
    assert ". Received: " in message and (". Use " in message or ". Leave it out" in message)
    with pytest.raises(ValueError, match="Received: "):
        matrix.made(kind, setting)


def test_both_kinds_are_in_the_tests_of_each_feature():
    """A test file that is named by the page has a case of pairs and one of two domains."""
    for _, path in matrix.FEATURES:
        text = (TESTS / path).read_text()
        if path.startswith("backend/"):
            text += (TESTS / "backend" / ("engine_cases.py" if "jax" in path else "replica_cases.py")).read_text()
        assert "pix2pix" in text or "translation" in text or "pairs" in text, path
        assert "cycle" in text or "domain" in text, path
