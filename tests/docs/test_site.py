"""The README is one page, what the documentation names exists, and the reference has every public name."""

import ast
import configparser
import importlib
import pathlib
import re
import shlex
import subprocess
import sys
import zlib

import pytest

import kerasgan
import kerasgan_cli

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text()
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in [ROOT / "README.md", *DOCS.rglob("*.md")]}

MODULES = (
    *("objectives", "penalties", "updates", "augment", "ema", "conditions", "networks", "datasets", "callbacks"),
    *("metrics", "features", "evaluation", "pictures", "reconstruction", "sampling", "schedules", "step", "theory"),
    "signal_pictures",
    "transfer",
)
"""The public modules, each with a page of the reference."""


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def public_names(module):
    """Returns the public names of a module: what it defines, or, if it is a package, what it exports."""
    own = getattr(module, "__all__", None)
    if own is not None:
        return set(own)
    is_package = hasattr(module, "__path__")
    tree = ast.parse(pathlib.Path(module.__file__).read_text())
    imported = {
        alias.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return {name for name in (imported | defined if is_package else defined) if not name.startswith("_")}


def identifiers():
    """Returns what the reference renders, and whether its members are rendered with it.

    A function that has the name of its file, such as `kerasgan.networks.mlp`, is rendered from that file.
    """
    found = {}
    for page in (DOCS / "api").glob("*.md"):
        for block in re.finditer(r"^::: (\S+)\n((?:    .*\n)*)", page.read_text() + "\n", re.MULTILINE):
            heading = re.search(r"^ +heading: (\S+)", block[2], re.MULTILINE)
            assert heading is None or block[1] == f"{heading[1]}.{heading[1].rpartition('.')[2]}"
            found[heading[1] if heading else block[1]] = "members: false" not in block[2]
    return found


# -- the README --


def test_the_readme_is_one_page():
    assert len(without_code(README).split()) <= 1000


@pytest.mark.parametrize("start", ["pip install . && kerasgan train", 'pip install ".[test]" && pytest'])
def test_the_readme_has_the_two_commands(start):
    assert [line for line in README.splitlines() if line.startswith(start)]


# -- what is named exists --


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text, folder = without_code(PAGES[page]), (ROOT / page).parent
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    missing = [target for target in targets if target and "://" not in target and not (folder / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_scripts_that_are_named_exist(page):
    names = re.findall(r"(?:python |`|sbatch )((?:examples|benchmarks|tests|docs)/[\w/]+\.\w+)", PAGES[page])
    assert not [name for name in names if not (ROOT / name).exists() and not (ROOT / "tests" / name).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_extras_that_are_named_exist(page):
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    extras = settings["options.extras_require"]
    named = {
        name for names in re.findall(r'pip install (?:-e )?"\.\[([\w,]+)\]"', PAGES[page]) for name in names.split(",")
    }
    assert named <= set(extras)


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_are_shown_are_commands(page):
    bash = re.findall(r"^```bash\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)
    lines = [line for block in bash for line in block.splitlines()]
    spans = re.findall(r"`([^`]+)`", without_code(PAGES[page]).replace("\n", " "))
    for command in [*lines, *spans]:
        words = shlex.split(command.split(" && ")[-1], comments=True)
        words = words[next((number for number, word in enumerate(words) if "=" not in word), 0) :]
        if words[:1] == ["kerasgan"] and words[1:] not in ([], ["--help"], ["--version"]):
            kerasgan_cli.parser().parse_args(words[1:])  # wrong ones end with SystemExit


def test_every_example_is_listed_with_its_seconds():
    listed = dict(re.findall(r"^\| `(\w+)\.py` \| (\d+) \|", PAGES["docs/examples.md"], re.MULTILINE))
    examples = {path.stem: path.read_text() for path in (ROOT / "examples").glob("*.py")}
    assert listed == {
        name: re.search(r"^Takes: +(\d+) seconds", text, re.MULTILINE)[1] for name, text in examples.items()
    }


def test_tests_that_the_page_of_engines_names_exist():
    """A letter stands for a file, and backticks after it for parts of what that file's tests are called."""
    page = PAGES["docs/engines.md"]
    files = dict(re.findall(r"\b([A-Z])(?: is|) `(tests/[\w/]+\.py)`", page))
    groups = re.findall(r"\b([A-Z])((?: `[^`/]+`,?)+)", page)
    named = [(letter, name) for letter, names in groups for name in re.findall(r"`([^`]+)`", names)]
    texts = {letter: (ROOT / file).read_text() for letter, file in files.items()}
    assert len(files) == 4 and len(named) > 30
    assert not [(letter, name) for letter, name in named if name not in texts[letter]]


def test_every_file_of_the_package_has_its_floor_on_the_page():
    floors = PAGES["docs/development.md"].partition("## Which file may import which")[2].partition("## Two suites")[0]
    rooms = {path.name for path in (ROOT / "kerasgan").glob("[a-z]*") if path.suffix in ("", ".py")}
    assert not [room for room in rooms if not re.search(rf"\b{room}", floors)]


def test_every_file_with_slow_tests_is_listed():
    files = {path.relative_to(ROOT / "tests").as_posix(): path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    slow = {name for name, text in files.items() if "mark.slow" in text.replace('"mark.slow"', "")}
    table = PAGES["docs/development.md"].partition("| in the slow suite |")[2].partition("\n\n")[0]
    assert slow == set(re.findall(r"`([\w/]+\.py)`", table))


def test_every_page_is_in_the_navigation():
    named = set(re.findall(r"([\w/]+\.(?:md|ipynb))$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    there = {path.relative_to(DOCS).as_posix() for end in ("*.md", "*.ipynb") for path in DOCS.rglob(end)}
    assert named == there


# -- the reference --


def test_every_public_name_is_in_the_reference():
    found = identifiers()
    missing = [
        f"kerasgan.{name}" for name in kerasgan.__all__ if name not in MODULES and f"kerasgan.{name}" not in found
    ]
    for name in MODULES:
        module = importlib.import_module(f"kerasgan.{name}")
        if not found.get(module.__name__):
            missing += [f"{module.__name__}.{name}" for name in public_names(module)]
    assert not set(missing) - set(found)


def test_every_public_module_is_in_the_reference():
    modules = {name for name in kerasgan.__all__ if isinstance(getattr(kerasgan, name), type(sys))}
    assert modules | {"step"} == set(MODULES)
    assert {f"kerasgan.{name}" for name in MODULES} <= set(identifiers())


def test_the_reference_names_what_exists():
    for identifier in identifiers():
        module, _, name = identifier.rpartition(".")
        assert hasattr(importlib.import_module(module), name), identifier


# -- the site --


@pytest.mark.slow
def test_the_site_builds_and_has_every_public_name(tmp_path):
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    inventory = (tmp_path / "objects.inv").read_bytes().split(b"\n", 4)[4]
    anchors = {line.split()[0] for line in zlib.decompress(inventory).decode().splitlines()}
    for name in MODULES:
        module = importlib.import_module(f"kerasgan.{name}")
        for each in public_names(module):
            assert {f"{module.__name__}.{each}", f"{module.__name__}.{each}.{each}"} & anchors, f"{name}.{each}"


def test_no_file_is_rendered_in_place_of_a_function_of_its_name():
    text = "".join(page.read_text() for page in (DOCS / "api").glob("*.md"))
    rendered = re.findall(r"^::: kerasgan\.(\S+)$", text, re.MULTILINE)
    files = [name for name in rendered if (ROOT / "kerasgan" / (name.replace(".", "/") + ".py")).exists()]
    assert set(files) <= set(MODULES)
