"""Benchmarks write next to the published results, and never over them."""

import argparse
import importlib
import json
import re

import pytest
import records

SCRIPTS = {path.stem: path.read_text() for path in records.RESULTS.parent.glob("*.py")}
NOT_WRITING = ("scaling", "translation_peers")
"""`scaling` computes the tables of a page from published results, `translation_peers` is run by `translation`."""
WRITING = sorted(
    name for name, text in SCRIPTS.items() if 'if __name__ == "__main__"' in text and name not in NOT_WRITING
)
"""All scripts but `NOT_WRITING`."""


class Parsed(Exception):
    """Carries a script's parser out of its `main`."""


def parser_of(script, monkeypatch):
    def stop(parser, arguments=None):
        raise Parsed(parser)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    monkeypatch.setattr("sys.argv", [script])
    with pytest.raises(Parsed) as caught:
        importlib.import_module(script).main()
    return caught.value.args[0]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "RESULTS", tmp_path)
    return tmp_path


def options(*arguments):
    parser = argparse.ArgumentParser()
    records.add_options(parser, "speed")
    return parser.parse_args(arguments)


def test_there_are_scripts():
    assert len(WRITING) >= 12


@pytest.mark.parametrize("script", WRITING)
def test_every_script_writes_to_a_new_file(script, monkeypatch):
    parser = parser_of(script, monkeypatch)
    known = {option for action in parser._actions for option in action.option_strings}
    assert {"--out", "--no-results"} <= known
    assert parser.get_default("results_name")


@pytest.mark.parametrize("script", sorted(set(SCRIPTS) - {"records", "scaling"}))
def test_no_script_names_a_file_of_the_published_results(script):
    assert not re.search(r'"results"|/results/[\w-]+\.json|open\([^)]*"w', SCRIPTS[script])


def test_two_runs_at_the_same_time_have_two_files(folder):
    first, second = records.write(options(), {"speed": 1}), records.write(options(), {"speed": 2})
    assert first != second and first.parent == second.parent == folder
    assert re.fullmatch(r"speed-\d{4}-\d\d-\d\d-\d{6}(-\d+)?\.json", second.name)
    assert [json.loads(path.read_text())["speed"] for path in (first, second)] == [1, 2]
    assert set(json.loads(first.read_text())) == {"speed", "commit", "date"}


def test_a_file_that_exists_is_refused_with_the_way_out(folder, capsys):
    path = folder / "speed.json"
    records.write(options("--out", str(path)), {"speed": 1})
    with pytest.raises(SystemExit):
        options("--out", str(path))
    message = capsys.readouterr().err
    assert "results go to a new file" in message and f"Received: {path}" in message and "another name" in message
    assert json.loads(path.read_text())["speed"] == 1


def test_a_file_that_appears_during_the_run_is_kept(folder):
    chosen = options("--out", str(folder / "speed.json"))
    (folder / "speed.json").write_text("{}")
    with pytest.raises(FileExistsError):
        records.write(chosen, {"speed": 2})
    assert (folder / "speed.json").read_text() == "{}"


def test_nothing_is_written_without_results(folder):
    assert records.write(options("--no-results"), {}) is None and not list(folder.iterdir())
