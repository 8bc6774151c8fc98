"""The architecture: imports go down, one file names Keras's private attributes, the training step stands once."""

import ast
import pathlib
import sys

import pytest

import kerasgan.backend
import kerasgan.cli

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "kerasgan"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in FILES}

FLOORS = [
    {"files", "keras_internals", "random", "signal_pictures"},
    {"pictures", "resume", "validation"},
    {"animations", "configs"},
    {"conditions"},
    {"metrics", "networks", "theory"},
    {"schedules"},
    {"optimizers"},
    {"augment", "backend", "ema", "objectives", "penalties", "reconstruction", "updates"},
    {"datasets", "sampling", "step"},
    {"export", "features", "fit_checks", "gan_config"},
    {"fit_data"},
    {"evaluation", "gan", "transfer"},
    {"cycle_gan"},
    {"callbacks"},
    {"runs"},
    {"cli"},
    {"__main__"},
]
"""The folders and files of the package, the lowest first."""
FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS) for part in parts}

ENGINES = {"tensorflow", "tensorflow_datasets", "jax"}
READ_THROUGH_TENSORFLOW = (PACKAGE / "datasets" / "tfds_images.py", PACKAGE / "export" / "saved_model.py")
"""TensorFlow Datasets and SavedModels need TensorFlow on any engine, which is imported only where one is read."""
KERAS_INTERNALS = PACKAGE / "keras_internals.py"


def name_of(path):
    return str(path.relative_to(PACKAGE))


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(path):
    """The full names of all modules that a file imports, wherever in the file it does so."""
    package = ["kerasgan", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = [*base, *(node.module or "").split(".")] if node.module else base
            yield from (".".join([*module, alias.name]) for alias in node.names)


# Floors


def test_every_file_has_a_floor():
    assert {part_of(path) for path in FILES} - {"__init__"} == set(FLOOR_OF)


def test_a_file_imports_from_its_own_folder_or_from_lower_floors():
    for path in FILES:
        here = part_of(path)
        for module in imported_modules(path):
            package, part = [*module.split("."), ""][:2]
            if package == "kerasgan" and here != "__init__" and part not in (here, ""):
                assert FLOOR_OF.get(part, len(FLOORS)) < FLOOR_OF[here], f"{name_of(path)} imports {module}"


def test_only_the_engines_import_an_engine():
    for path in FILES:
        found = ENGINES & {module.split(".")[0] for module in imported_modules(path)}
        if part_of(path) != "backend" and path not in READ_THROUGH_TENSORFLOW:
            assert not found, f"{name_of(path)} imports {found}: only backend/ may"


def test_an_engine_does_not_import_the_other():
    for path in (PACKAGE / "backend").rglob("*.py"):
        found = ENGINES & {module.split(".")[0] for module in imported_modules(path)}
        assert found <= {path.parent.name}, f"{name_of(path)} imports {found}"


def test_both_engines_provide_the_same_names():
    tensorflow, jax = (names_in_all(PACKAGE / "backend" / engine / "__init__.py") for engine in ("tensorflow", "jax"))
    assert tensorflow == jax == sorted(tensorflow, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert all(hasattr(kerasgan.backend, name) for name in tensorflow)


def names_in_all(path):
    (value,) = (
        node.value for node in TREES[path].body if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    )
    return ast.literal_eval(value)


# Keras's private names


def is_private(name):
    return name.startswith("_") and not name.startswith("__") and name != "_"


def private_names_of_others(tree):
    """Private names that a file uses, but does not define: attributes, and strings such as `getattr` takes."""
    defined = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            defined.add(node.id if isinstance(node, ast.Name) else node.attr)
    parts_of_strings = {id(part) for node in ast.walk(tree) for part in _parts_of_strings(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls") and node.attr in defined
            if not is_own:
                yield ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts_of_strings:
            if node.value.isidentifier() and is_private(node.value) and node.value not in defined:
                yield repr(node.value)


def _parts_of_strings(node):
    """The constants of an f-string, or the arguments of a method of strings: endings, not names."""
    if isinstance(node, ast.JoinedStr):
        return node.values
    methods = ("removesuffix", "removeprefix", "endswith", "startswith")
    return node.args if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in methods else []


def test_the_search_finds_private_names():
    found = private_names_of_others(ast.parse("class A:\n def f(self, b):\n  self._a = b._c\n  getattr(b, '_d')"))
    assert sorted(found) == ["'_d'", "b._c"]
    assert list(private_names_of_others(ast.parse("class A:\n def f(self):\n  return self._loss_tracker")))
    assert list(private_names_of_others(TREES[KERAS_INTERNALS]))


def test_private_names_of_keras_are_in_one_file():
    for path in FILES:
        if path != KERAS_INTERNALS:
            found = list(private_names_of_others(TREES[path]))
            assert not found, f"{name_of(path)} uses {found}: only keras_internals.py may"
            assert "keras.src" not in path.read_text(), f"{name_of(path)} names keras.src"


def test_no_class_overrides_a_private_member_of_keras():
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("kerasgan")]
    classes = {each for module in modules for each in vars(module).values() if isinstance(each, type)}
    own = [each for each in classes if each.__module__.startswith("kerasgan")]
    assert kerasgan.GAN in own
    for each in own:
        bases = [base for base in each.__mro__ if base.__module__.split(".")[0] == "keras"]
        overridden = {name for name in vars(each) if is_private(name) and any(name in vars(base) for base in bases)}
        assert not overridden or each.__module__ == "kerasgan.keras_internals", (each, overridden)


# Hidden state


def test_nothing_is_hidden():
    """No import hooks, no names written into modules, nothing removed from or added to the loaded modules."""
    for path, tree in TREES.items():
        text = path.read_text()
        assert "meta_path" not in text and "globals()" not in text, name_of(path)
        for node in ast.walk(tree):
            assert not isinstance(node, ast.Global), name_of(path)
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "sys.modules":
                assert isinstance(node.ctx, ast.Load), f"{name_of(path)} writes sys.modules"
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("sys.modules."):
                assert ast.unparse(node.func) == "sys.modules.get", f"{name_of(path)} writes sys.modules"
            if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
                assert node not in tree.body, f"{name_of(path)} has a __getattr__ of the module"


# One training step


@pytest.mark.parametrize("name", ["update_discriminator", "update_generator", "update_both", "train_step", "test_step"])
def test_the_training_step_stands_once(name):
    """In `step/`. The methods `train_step` and `test_step` of the model, which Keras calls, call it."""
    found = [
        name_of(path)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    methods = ["gan.py"] if name.endswith("_step") else []
    assert found == [*methods, "step/training_step.py"]


@pytest.mark.parametrize("engine", ["tensorflow", "jax"])
def test_the_gradients_of_an_engine_are_one_short_file(engine):
    path = PACKAGE / "backend" / engine / "gradients.py"
    assert len(path.read_text().splitlines()) < 120
    tapes = {"GradientTape", "vjp", "grad", "value_and_grad"}
    for other in FILES:
        used = {node.attr for node in ast.walk(TREES[other]) if isinstance(node, ast.Attribute)} & tapes
        of_contract = {"vjp"} if part_of(other) in ("step", "sampling") else set()
        assert used <= of_contract or other.name == "gradients.py", f"{name_of(other)} uses {used}"


def test_files_are_short():
    folders = (PACKAGE, *(PACKAGE.parent / name for name in ("tests", "benchmarks", "examples")))
    lines = {path: len(path.read_text().splitlines()) for folder in folders for path in folder.rglob("*.py")}
    assert {str(path): count for path, count in lines.items() if count >= 450} == {}
