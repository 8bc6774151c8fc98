"""The house keeps its floors: a file imports only from lower floors, or from its own folder."""

import ast
import pathlib

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "kerasgan"
FLOORS = [
    {"errors", "hooks", "interrupts", "memory"},
    {"checkpoints", "theory", "values", "checks", "pictures", "runs", "networks", "draws"},
    {"metrics", "objectives", "penalties", "augment", "ema", "updates", "optimizers", "state"},
    {"backend"},
    {"datasets", "devices", "inputs", "export"},
    {"features"},
    {"evaluation"},
    {"gan"},
    {"callbacks", "recipes"},
    {"training"},
    {"judging"},
    {"cli"},
    {"__main__"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


ENGINES = {"tensorflow", "tensorflow_datasets", "jax"}
READS_THROUGH_TENSORFLOW = PACKAGE / "datasets" / "tfds_images.py"
"""TensorFlow Datasets works with nothing else, on any engine; imported only where such a set is read."""


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    """The rooms of kerasgan that a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield room_of(path)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "kerasgan":
            below = node.module.split(".")[1:]
            yield from below[:1] or (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name.split(".")[1] for name in node.names if name.name.startswith("kerasgan."))


def imported_packages(path):
    """The top-level packages that a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)


def test_every_file_has_a_floor():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert rooms == set(FLOOR_OF)


def test_imports_go_down():
    for path in PACKAGE.rglob("*.py"):
        here = room_of(path)
        for room in imported_rooms(path):
            if here not in ("__init__", room):
                assert FLOOR_OF[room] < FLOOR_OF[here], f"{path.relative_to(PACKAGE)} imports {room}"


def test_only_the_engines_know_an_engine():
    for path in PACKAGE.rglob("*.py"):
        if room_of(path) != "backend" and path != READS_THROUGH_TENSORFLOW:
            engines = ENGINES & set(imported_packages(path))
            assert not engines, f"{path.relative_to(PACKAGE)} imports {engines}: only backend/ may"


def test_an_engine_does_not_know_the_other():
    for name in ("jax", "scopes", "pieces", "vitals", "numpy_data", "events"):
        allowed = {"jax"} if name in ("jax", "scopes") else set()
        assert ENGINES & set(imported_packages(PACKAGE / "backend" / f"{name}.py")) <= allowed, name
    assert "jax" not in set(imported_packages(PACKAGE / "backend" / "tensorflow.py"))


def test_the_lazy_door_and_its_stub_agree():
    import kerasgan

    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    names = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names == set(kerasgan.__all__)
    assert all(getattr(kerasgan, name) for name in names)
