"""What a start imports, converts and traces: no more than it needs. Seconds are for `benchmarks/startup.py`."""

import json
import pathlib
import subprocess
import sys

import pytest

import kerasgan
from kerasgan import hooks
from kerasgan.backend import tensorflow as engine
from kerasgan.datasets import arrays

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "benchmarks"))

import startup

SMALL = {"title": "", "source": "digits", "network": "mlp", "network_options": {"width": 4}, "epochs": 1}


def modules_after(code):
    """The names of all modules that a new process has imported once it has run the code."""
    code += "\nimport json, sys; print(); print(json.dumps(sorted(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def test_the_package_imports_nothing_heavy():
    loaded = modules_after("import kerasgan")
    heavy = {"tensorflow", "keras", "numpy", "scipy", "sklearn", "matplotlib", "PIL", "asyncio", "importlib.metadata"}
    assert not heavy & set(loaded)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The modules of a process that has trained on the digits, with a recipe of seconds, up to its results."""
    settings = tmp_path_factory.mktemp("run") / "settings.json"
    settings.write_text(json.dumps({"recipe": SMALL}))
    arguments = ["train", "--settings", str(settings), "--log-dir", str(settings.parent)]
    return modules_after(f"""
from kerasgan import cli
cli._import_keras_quietly()
from kerasgan.runs import training
training._finish = lambda *given: None
assert cli.main({arguments!r}) == 0
""")


@pytest.mark.parametrize("name", ["sklearn", "matplotlib", "tensorflow_datasets", "pandas", "scipy.linalg"])
def test_training_on_the_digits_imports_only_what_it_uses(trained, name):
    assert "keras" in trained and name not in trained


def test_autograph_converts_nothing_of_ours(trained):
    """Each conversion leaves a module behind, and takes tenths of a second."""
    assert not [name for name in trained if "autograph_generated" in name]


def test_what_is_imported_already_stays(monkeypatch):
    from kerasgan import cli

    here = object()
    monkeypatch.setitem(sys.modules, "sklearn", here)
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    with cli._without(cli.NOT_FOR_US):
        assert sys.modules["sklearn"] is here
        with pytest.raises(ImportError):
            import matplotlib  # noqa: F401
    assert sys.modules["sklearn"] is here and "matplotlib" not in sys.modules


def test_the_digits_are_found_without_their_file(monkeypatch):
    quick = arrays.read_digits()
    monkeypatch.setattr(arrays, "DIGITS_FILE", "elsewhere")
    usual = arrays.read_digits()
    assert (quick.values == usual.values).all() and (quick.labels == usual.labels).all()
    assert quick.values.dtype == usual.values.dtype and quick.values.shape == usual.values.shape == (1797, 8, 8, 1)


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_the_step_is_traced_once(make_gan, images, monkeypatch, steps_per_execution):
    traced, step = [], engine.train_step

    def counted(*arguments):
        traced.append(arguments)
        return step(*arguments)

    monkeypatch.setattr(engine, "train_step", counted)
    gan = make_gan(steps_per_execution=steps_per_execution)
    gan.fit(images, batch_size=16, epochs=3, verbose=0)
    gan.fit(images, batch_size=16, epochs=1, verbose=0)
    assert len(traced) == 1


# The hook


def test_a_hook_waits_for_its_module(tmp_path, monkeypatch):
    (tmp_path / "late_module.py").write_text("VALUE = 3")
    monkeypatch.syspath_prepend(tmp_path)
    seen = []
    hooks.after_import("late_module", lambda: seen.append(sys.modules["late_module"].VALUE))
    import json  # noqa: F401

    assert seen == []
    import late_module  # noqa: F401

    assert seen == [3]
    hooks.after_import("late_module", lambda: seen.append("now"))
    assert seen == [3, "now"]
    monkeypatch.delitem(sys.modules, "late_module")


def test_a_hook_on_what_is_not_installed_changes_nothing():
    hooks.after_import("not_installed_anywhere", pytest.fail)
    with pytest.raises(ModuleNotFoundError):
        import not_installed_anywhere  # noqa: F401


# The benchmark


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


@pytest.mark.parametrize("name", sorted(set(kerasgan.__all__) - {"theory", "metrics"}))
def test_any_name_may_be_used_first(name):
    """In a process that has not imported Keras, whose import brings others of kerasgan along."""
    code = f"import kerasgan; kerasgan.{name}; import keras; assert keras.saving.get_registered_object('kerasgan>GAN')"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
