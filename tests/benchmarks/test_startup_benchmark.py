"""The benchmark of start-up times counts what it says."""

import pytest
import startup


def test_stages_are_the_times_between_marks():
    marks = [10.0, 10.5, 12.0, 12.25, 13.0, 13.5, 15.0, 16.0]
    found = startup.stages(marks)
    assert list(found.values()) == [0.5, 1.5, 0.25, 0.75, 0.5, 1.5, 1.0, 6.0]
    assert startup.medians([{"total": 1.0}, {"total": 5.0}, {"total": 2.0}]) == {"total": 2.0}
    with pytest.raises(ValueError):
        startup.stages(marks[:-1])


def test_the_table_shows_what_there_is():
    lines = startup.as_markdown(
        {"a": {"total": 0.254}, "b": dict.fromkeys((*startup.STAGES, "total"), 1.0)}
    ).splitlines()
    assert lines[2] == "| a |  |  |  |  |  |  |  | 0.25 |" and lines[3].count("1.00") == 8


@pytest.mark.slow
def test_a_start_is_timed_from_outside(tmp_path):
    found = startup.run(startup.child("digits"), startup.ROOT)
    assert set(found) == {*startup.STAGES, "total"} and min(found.values()) > 0
    assert set(startup.run(["-c", "pass"], startup.ROOT)) == {"total"}
