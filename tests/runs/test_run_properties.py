"""Laws of settings and of the command line: for any content and arguments, a plan or a result, or a refusal."""

import contextlib
import dataclasses
import io
import itertools
import json
import os
import pathlib
import types

import laws
import numpy as np
import pytest
from hypothesis import strategies as st
from laws import ANYTHING, rarely, refusal

import kerasgan_cli
from kerasgan import datasets
from kerasgan.runs import plans, recipes, rehearsal, results, run_folder, training

LAWS = laws.Laws()

# Settings

JSON = st.recursive(
    ANYTHING.filter(lambda value: isinstance(value, str | float | int | None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SMALL = {
    "title": "a law",
    "source": "bell",
    "network": "mlp",
    "network_options": {"width": 2, "depth": 1},
    "latent_dim": 2,
}
FIELDS = [field.name for field in dataclasses.fields(recipes.Recipe)]
NAMES = ["dcgan", "resnet", "minimax", "wasserstein", "one_stage", "ada", "diffaugment", "digits", "nowhere"]
FIELD_VALUES = st.one_of(ANYTHING, JSON, st.sampled_from(NAMES)).filter(lambda value: not isinstance(value, np.int64))
OPTION_NAMES = st.sampled_from(["width", "depth", "scale", "num_classes", "image_shape", "latent_dim", "widht"])
RECIPES = st.builds(
    lambda changed, options: SMALL | changed | {"network_options": SMALL["network_options"] | options},
    st.dictionaries(st.sampled_from(FIELDS), FIELD_VALUES, max_size=2),
    rarely(st.dictionaries(OPTION_NAMES, FIELD_VALUES.filter(lambda value: not _large(value))), st.just({})),
)


def _large(value):
    return isinstance(value, int) and abs(value) > 100


def as_json(value):
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return json.dumps(str(value))


@LAWS.law(
    300,
    {"content": b"[" * 100_000},
    {"content": b'{"recipe": ' + b"9" * 5000 + b"}"},
    {"content": b'{"what": "a\\u0000b"}'},
    {"content": json.dumps({"what": "x" * 5000}).encode()},
    {"content": json.dumps({"recipe": SMALL | {"learning_rate": float("nan")}}).encode()},
    {"content": json.dumps({"recipe": SMALL | {"gamma": float("inf")}}).encode()},
    {"content": json.dumps({"recipe": SMALL | {"beta_1": 10**400}}).encode()},
    {"content": json.dumps({"recipe": SMALL, "seed": True}).encode()},
    content=st.one_of(
        st.binary(max_size=60),
        RECIPES.map(lambda recipe: as_json({"recipe": recipe}).encode()),
        JSON.map(lambda value: as_json(value).encode()),
        st.dictionaries(
            st.sampled_from(["recipe", "what", "seed", "name", "deterministic", "guard"]), RECIPES | JSON, max_size=4
        ).map(lambda value: as_json(value).encode()),
        st.tuples(RECIPES, st.sampled_from(["off", "warn", "stop", "rollback", "pray", None])).map(
            lambda values: as_json({"recipe": values[0], "guard": values[1]}).encode()
        ),
    ),
)
def settings_files_are_a_plan_or_a_refusal(content):
    pathlib.Path("settings.json").write_bytes(content)
    plan, message = refusal(lambda: plans.make_plan(run_folder.read_settings("settings.json"), {}, None, False))
    if message:
        return message
    for field in dataclasses.fields(recipes.Recipe):
        value = getattr(plan.recipe, field.name)
        assert not isinstance(value, float) or np.isfinite(value), field.name
    assert type(plan.seed) is int and type(plan.deterministic) is bool and type(plan.name) is str
    assert plan.guard in plans.GUARDS
    return None


@LAWS.law(
    60,
    {"recipe": SMALL | {"network_options": {"width": "wide"}}},
    {"recipe": SMALL | {"network": "dcgan"}},
    {"recipe": SMALL | {"network_options": {"width": 2, "depth": 1.5}}},
    {"recipe": SMALL | {"network_options": {"num_classes": 3}}},
    {"recipe": SMALL | {"network_options": {"image_shape": [1]}}},
    {"recipe": SMALL | {"network_options": {"scale": 2.0}}},
    {"recipe": SMALL | {"network_options": {"scale": None}}},
    recipe=RECIPES.filter(lambda recipe: not _large(recipe["latent_dim"])),
)
def recipes_build_a_gan_or_are_refused(recipe):
    info = datasets.DatasetInfo("bell", (1,), None, 100, None, scale=0.5)

    def build():
        return recipes.build(plans.make_plan({"recipe": json.loads(as_json(recipe))}, {}, None, False).recipe, info, 0)

    gan, message = refusal(build)
    if message:
        return message
    assert gan.compiled and gan.generate(2, seed=0).shape == (2, 1)
    return None


# The command line

WORDS = st.text(st.characters(exclude_characters="/~.-@", exclude_categories=["Cs"]), max_size=8)
PATHS = [
    "here",
    "./here",
    "../elsewhere",
    "settings.json",
    "\0",
    "x" * 300,
    "~nobody-of-that-name",
    "\udcff",
    "-",
    "--",
    "",
]
OPTIONS = [
    "--epochs",
    "--batch-size",
    "--conditional",
    "--seed",
    "--settings",
    "--resume",
    "--deterministic",
    "--dry-run",
]
OPTIONS += ["--n", "--label", "--out", "--features", "--split", "--json", "--samples", "--format", "--help", "--bogus"]
VALUES = ["0", "1", "2", "-1", "64", "2000", "9" * 30, "9" * 5000, "1.5", "\u00b2", "\u0663", "nan", "True"]
KNOWN = ["digits", "bell", "ring", "digit", "photos", "pixels", "onnx"]
TOKENS = st.one_of(st.sampled_from(part) for part in (OPTIONS, VALUES, KNOWN, PATHS)) | WORDS
COMMANDS = rarely(st.sampled_from(["sample", "evaluate", "export", "recipes", "--version"]) | TOKENS, st.just("train"))
SENSIBLE = [
    ["--epochs", "1"],
    ["--batch-size", "2"],
    ["--seed", "3"],
    ["--dry-run"],
    ["--deterministic"],
    ["--conditional"],
]
CHUNKS = rarely(TOKENS.map(lambda token: [token]), st.sampled_from([*SENSIBLE, ["digits"], ["bell"], ["ring"]]))


@LAWS.law(
    120,
    {"arguments": ["train", "x" * 300]},
    {"arguments": ["train", "a\0b"]},
    {"arguments": ["train", "~nobody-of-that-name"]},
    {"arguments": ["train", "bell", "--seed", "9" * 30]},
    {"arguments": ["train", "bell", "--epochs", "9" * 30]},
    {"arguments": ["sample", "x" * 300]},
    {"arguments": ["train", "--resume", "\0"]},
    arguments=st.builds(
        lambda command, rest: [command, *itertools.chain(*rest)], COMMANDS, st.lists(CHUNKS, max_size=4)
    ),
)
def any_arguments_end_with_0_or_2_and_a_message(arguments):
    with pytest.MonkeyPatch.context() as patched:
        untrained = types.SimpleNamespace(summary=lambda **_: None)
        patched.setattr(training, "_set_up", lambda plan, skip, job: (untrained, *training._load(plan, skip)))
        patched.setattr(rehearsal, "_time", lambda *arguments: "no time")
        patched.setattr(training, "_fit", lambda *arguments: None)
        patched.setattr(results, "finish", lambda *arguments: None)
        patched.setattr(kerasgan_cli, "quiet_import", contextlib.nullcontext)
        code, err = run(arguments)
    assert code in (0, 2) and "Traceback" not in err
    assert code == 0 or err.strip()
    outside = [path for path in pathlib.Path("..", "..").resolve().rglob("*") if not path.is_relative_to(os.getcwd())]
    assert [path.name for path in outside] == ["above"], outside
    logs = pathlib.Path("tensorboard_logs")
    for each in logs.iterdir() if logs.exists() else ():
        assert each.is_dir() and run_folder.read_settings(each)["name"] is not None
    return err if code else None


def run(arguments):
    """Runs a command; returns its exit code and what it printed on standard error."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            code = kerasgan_cli.main(list(arguments))
        except SystemExit as stopped:  # by argparse
            code = stopped.code or 0
    return code, err.getvalue()


@LAWS.law(
    200, {"name": "x" * 300}, {"name": "../../x"}, {"name": "\0"}, {"name": ""}, name=st.text() | st.text("./\\~ x")
)
def run_folders_stay_in_the_log_folder(name):
    made = run_folder.create("logs", name)
    assert made.is_dir() and made.resolve().parent == pathlib.Path("logs").resolve()


@pytest.mark.parametrize("name", LAWS)
def test_law(name):
    LAWS.check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_law_on_many_more(name):
    LAWS.check_many(name)
