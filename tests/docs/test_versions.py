"""The page of versions agrees with the pins, the tested pairs and the file of Keras's internals."""

import configparser
import importlib.util
import pathlib
import re
import sys
import types

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "versions.md").read_text()


def table(first_row):
    """Returns the rows of the table whose first row begins so, a dict of the first cell to the others."""
    lines = [line for line in PAGE[PAGE.index(first_row) :].split("\n\n")[0].splitlines() if "---" not in line]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first: others for first, *others in cells}


def pins():
    """Returns the bounds of `setup.cfg`, a dict of packages to strings."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    lines = (
        settings["options"]["install_requires"].splitlines() + settings["options.extras_require"]["jax"].splitlines()
    )
    return dict(re.fullmatch(r"([\w-]+) (>=.*)", line).groups() for line in lines if re.match(r"[\w-]+ >=", line))


def pairs(monkeypatch):
    """Returns the pairs of `noxfile.py`, which is imported without nox."""
    stand_in = types.SimpleNamespace(options=types.SimpleNamespace(), session=lambda function: function)
    stand_in.parametrize = lambda *arguments, **options: lambda function: function
    monkeypatch.setitem(sys.modules, "nox", stand_in)
    spec = importlib.util.spec_from_file_location("noxfile", ROOT / "noxfile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PAIRS


def test_the_pins_on_the_page_are_those_of_the_package():
    for package in ("keras", "tensorflow", "jax"):
        assert f"`{package} {pins()[package]}`" in PAGE


def test_tested_versions_are_those_of_nox(monkeypatch):
    tested = table("| | supported | tested |")
    for name in ("Keras", "TensorFlow"):
        wanted = {
            re.search(r"==([\d.]+)\.\*", each)[1]
            for pair in pairs(monkeypatch).values()
            for each in pair
            if each.startswith(f"{name.lower()}==")
        }
        assert {version.rpartition(".")[0] for version in tested[name][1].split(" and ")} == wanted
        assert set(tested[name][0].split(" and ")) == wanted


def test_tested_versions_are_within_the_pins():
    from packaging.specifiers import SpecifierSet

    for name, others in table("| | supported | tested |").items():
        if name in ("Keras", "TensorFlow"):
            assert all(version in SpecifierSet(pins()[name.lower()]) for version in others[1].split(" and "))


def test_python_is_that_of_the_package_and_stated_where_it_is_installed():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    oldest = settings["options"]["python_requires"].removeprefix(">=")
    assert table("| | supported | tested |")["Python"][0] == f"{oldest} and later"
    for page in ("README.md", "docs/index.md"):
        assert f"Python {oldest} or later" in (ROOT / page).read_text()
        assert "versions.md" in (ROOT / page).read_text()


def test_every_part_of_the_internals_is_on_the_page():
    text = (ROOT / "kerasgan" / "keras_internals.py").read_text()
    parts = [part.lower() for part in re.findall(r"^# (.+)$", text, re.MULTILINE)]
    assert len(parts) >= 5 and list(table("| part of `keras_internals.py`"))[1:] == parts
    assert all(f"def {name}" in text for name in ("run_graph", "begin_epoch_at", "take_batches"))


def test_the_reference_on_the_page_of_citing_is_that_of_the_package():
    page = (ROOT / "docs" / "citing.md").read_text()
    citation = (ROOT / "CITATION.cff").read_text()
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    version = settings["metadata"]["version"]
    title = re.search(r'^title: "(.+)"$', citation, re.MULTILINE)[1]
    assert f"title = {{{title}}}" in page
    assert f"version = {{{version}}}" in page and f"\nversion: {version}\n" in citation
