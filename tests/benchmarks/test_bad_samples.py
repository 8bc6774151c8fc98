"""The page of bad samples shows what the runs of `bad_samples.py` gave, each with its settings and its lines."""

import dataclasses
import json
import re

import bad_samples
import numpy as np
import pytest
from PIL import Image

FOLDER = bad_samples.DOCS / "bad_samples"
RUNS = json.loads((FOLDER / "runs.json").read_text())["runs"]
PAGE = (bad_samples.DOCS / "bad_samples.md").read_text()


def section(name):
    """Returns the section of the page that has a picture."""
    (found,) = [each for each in re.split(r"^## ", PAGE, flags=re.MULTILINE) if f"](bad_samples/{name}.png)" in each]
    return found


def test_there_is_a_run_for_every_case_and_a_section_for_every_run():
    assert set(RUNS) == set(bad_samples.CASES) and len(RUNS) >= 8
    assert re.findall(r"\(bad_samples/(\w+)\.png\)", PAGE) == list(bad_samples.CASES)


@pytest.mark.parametrize("name", bad_samples.CASES)
def test_the_run_had_the_settings_of_the_script(name):
    assert RUNS[name]["settings"] == json.loads(json.dumps(dataclasses.asdict(bad_samples.CASES[name])))


@pytest.mark.parametrize("name", bad_samples.CASES)
def test_the_section_has_the_lines_of_the_run_and_a_way_out(name):
    text = section(name)
    assert bad_samples.told(RUNS[name]) in text
    assert ("**Cause**" in text and "**What to do**" in text) or name == "good"


@pytest.mark.parametrize("name", bad_samples.CASES)
def test_the_picture_is_small_and_shows_something(name):
    path = FOLDER / f"{name}.png"
    with Image.open(path) as picture:
        assert max(picture.size) <= 500 and np.asarray(picture).std() > 1
    assert path.stat().st_size < 2**17


def test_lines_replace_the_lines_below_their_picture_alone():
    run = {"logs": {"d_loss": 0.125, "val_d_loss": 3.0}, "guard": ["step 20: runaway"], "warnings": []}
    page = (
        "![a](bad_samples/one.png)\n\n- Logs: old.\n- Guard: old.\n\nText\n\n- kept\n\n"
        "![b](bad_samples/two.png)\n\nText\n"
    )
    filled = bad_samples.fill(page, {"one": run, "two": run | {"guard": []}})
    assert filled == bad_samples.fill(filled, {"one": run, "two": run | {"guard": []}})
    assert filled == (
        "![a](bad_samples/one.png)\n\n- Logs: `d_loss` 0.12.\n- Guard: step 20: runaway\n\nText\n\n- kept\n\n"
        "![b](bad_samples/two.png)\n\n- Logs: `d_loss` 0.12.\n- Guard: nothing.\n\nText\n"
    )


def test_the_defaults_are_the_run_that_goes_well():
    assert bad_samples.CASES["good"] == bad_samples.Case()
    assert sum(case == bad_samples.Case() for case in bad_samples.CASES.values()) == 1
