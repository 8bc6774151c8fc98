"""What a start imports, converts and traces: no more than it needs. Seconds are for `benchmarks/startup.py`."""

import json
import os
import subprocess
import sys

import keras
import pytest

import kerasgan
from kerasgan import updates
from kerasgan.datasets import arrays

SMALL = {"title": "", "source": "digits", "network": "mlp", "network_options": {"width": 4}, "epochs": 1}


def modules_after(code):
    """The names of all modules that a new process has imported after running the code."""
    code += "\nimport json, sys; print(); print(json.dumps(sorted(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def test_the_entry_module_imports_nothing_heavy():
    loaded = modules_after("import kerasgan_cli")
    heavy = {"kerasgan", "tensorflow", "keras", "numpy", "asyncio", "importlib.metadata", "tomllib"}
    assert not heavy & set(loaded)


@pytest.mark.parametrize(
    ("given", "before", "expected"),
    [(None, "", "1"), ("0", "", "0"), (None, "sys.modules['tensorflow'] = None", None)],
)
def test_the_command_turns_onednn_on_where_nobody_has_decided(given, before, expected):
    code = f"""
import os, sys
{before}
from kerasgan_cli import terminal
with terminal.quiet_import():
    pass
print(os.environ.get("TF_ENABLE_ONEDNN_OPTS"))
"""
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    environment |= {} if given is None else {"TF_ENABLE_ONEDNN_OPTS": given}
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert found.stdout.strip() == str(expected)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The modules of a process that has trained on the digits, with a recipe of seconds, up to its results."""
    settings = tmp_path_factory.mktemp("run") / "settings.json"
    settings.write_text(json.dumps({"recipe": SMALL}))
    arguments = ["train", "--settings", str(settings), "--log-dir", str(settings.parent)]
    return modules_after(f"""
import kerasgan_cli
from kerasgan.runs import results
results.finish = lambda *arguments: None
assert kerasgan_cli.main({arguments!r}) == 0
""")


@pytest.mark.parametrize("name", ["sklearn.datasets", "tensorflow_datasets", "pandas"])
def test_training_on_the_digits_imports_only_what_it_uses(trained, name):
    assert "keras" in trained and name not in trained


def test_autograph_converts_none_of_our_functions(trained):
    """Each conversion leaves a module, and takes tenths of a second."""
    assert not [name for name in trained if "autograph_generated" in name]


def test_the_digits_are_found_without_their_file(monkeypatch):
    quick = arrays.read_digits()
    monkeypatch.setattr(arrays, "DIGITS_FILE", "elsewhere")
    usual = arrays.read_digits()
    assert (quick.values == usual.values).all() and (quick.labels == usual.labels).all()
    assert quick.values.dtype == usual.values.dtype and quick.values.shape == usual.values.shape == (1797, 8, 8, 1)


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_the_step_is_traced_once(make_gan, images, monkeypatch, steps_per_execution):
    traced, play = [], updates.Alternating.play

    def counted(self, *arguments):
        traced.append(arguments)
        return play(self, *arguments)

    monkeypatch.setattr(updates.Alternating, "play", counted)
    gan = make_gan(updates="alternating", steps_per_execution=steps_per_execution)
    gan.fit(images, batch_size=16, epochs=3, verbose=0)
    gan.fit(images, batch_size=16, epochs=1, verbose=0)
    assert len(traced) == 1


def test_importing_the_package_registers_the_model():
    """So that `keras.models.load_model` finds the class."""
    assert keras.saving.get_registered_object("kerasgan>GAN") is kerasgan.GAN
