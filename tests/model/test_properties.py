"""Laws of the doors, tried on whatever may come through them: what is documented comes out, or a refusal in a sentence.

Each law is tried on a few inputs, the same ones each time; in the slow suite on thousands of others.
"""

import contextlib
import dataclasses
import functools
import io
import itertools
import json
import os
import pathlib
import tempfile
import types
import warnings

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import kerasgan
from kerasgan import cli, datasets
from kerasgan.runs import recipes, run_folder, training
from kerasgan.datasets import raw

LAWS = {}
SLOW_FACTOR = 20


def law(examples, *always, **inputs):
    """Makes of a function a law that is tried on so many inputs, and on those that once broke it."""

    def register(holds):
        LAWS[holds.__name__] = (holds, examples, always, inputs)
        return holds

    return register


def tried(name, factor=1):
    """Tries a law; returns on how many inputs it was, and how many of these were refused."""
    holds, examples, always, inputs = LAWS[name]
    answers = []

    def counted(**drawn):
        answers.append(None)
        answers[-1] = holds(**drawn)

    for each in always:
        counted = example(**each)(counted)
    options = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
    with warnings.catch_warnings(), folder_of_its_own():
        warnings.simplefilter("ignore")
        settings(max_examples=examples * factor, derandomize=factor == 1, **options)(given(**inputs)(counted))()
    return len(answers), sum(isinstance(answer, str) for answer in answers)


@contextlib.contextmanager
def folder_of_its_own():
    """Works in an empty folder that is two levels deep, so that one level up is still nobody else's."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        inner = pathlib.Path(folder).resolve() / "above" / "here"
        inner.mkdir(parents=True)
        os.chdir(inner)
        try:
            yield
        finally:
            os.chdir(before)


def refusal(call):
    """Returns a pair: what a call returns, and the sentence with which it was refused; one of them is None."""
    try:
        return call(), None
    except (ValueError, TypeError) as error:
        said = str(error)
        assert "Received" in said, f"{type(error).__name__}: {said}"
        return None, said


# Values of every kind

SPECIAL = st.sampled_from(
    [None, True, False, "", "3", "\0", b"1", 0.5, 2.0, float("nan"), float("inf"), -1, 0, [], {}, ()]
)
HUGE = st.sampled_from([2**31, 2**32, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63) - 1])
NUMBERS = st.integers(-3, 12) | st.builds(np.int64, st.integers(-3, 12)) | HUGE
ANYTHING = st.one_of(NUMBERS, SPECIAL, st.floats(), st.text(max_size=5), st.lists(st.integers(-2, 9), max_size=3))
DTYPES = ["u1", "f4", "f2", "f8", "i1", "i4", "i8", "u8", "b1", "c8", "U3", "S2", "O", "M8[s]", ">f4", ">i2"]


def usual(value, others=ANYTHING):
    """Mostly a value that will do, so that more than the first check is reached."""
    return rarely(others, st.just(value))


def rarely(others, usually):
    """Draws from `others` one time in ten."""
    return st.integers(0, 9).flatmap(lambda roll: others if roll == 9 else usually)


@st.composite
def arrays(draw):
    """Arrays of any shape and type; most of those of floats with values that images have."""
    odd = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5)
    shape = draw(rarely(odd, hnp.array_shapes(min_dims=1, max_dims=4, max_side=3)))
    dtype = np.dtype(draw(rarely(st.sampled_from(DTYPES), st.sampled_from(DTYPES[:4]))))
    if dtype.kind == "O":
        return np.full(shape, draw(st.sampled_from([None, "3", b"1", 0.5, 1])), dtype="O")
    bound = draw(st.sampled_from([1, 1, 1, 1, 2, None])) if dtype.kind == "f" else None
    array = draw(hnp.arrays(dtype, shape, **({"elements": st.floats(-bound, bound, width=16)} if bound else {})))
    if draw(st.integers(0, 19)) == 0:  # of any size, and yet it takes no memory
        array = np.broadcast_to(np.zeros((), dtype), (2**40, 8, 8))
    return array[..., ::-1] if array.ndim and draw(st.booleans()) else array


def labelled(array):
    """Pairs of an array with labels, mostly one for each row."""
    count = array.shape[0] if 0 < array.ndim and array.shape[0] < 10 else 5
    return st.tuples(st.just(array), rarely(LABELS, hnp.arrays("i4", count, elements=st.integers(0, 9))))


LABELS = st.one_of(arrays(), hnp.arrays("i4", st.tuples(st.integers(0, 5)), elements=st.integers(-1, 9)), ANYTHING)
SOURCES = rarely(ANYTHING | st.text(max_size=300), arrays() | arrays().flatmap(labelled))
SIZES = usual(None, st.one_of(st.integers(-1, 20), HUGE, st.tuples(NUMBERS, NUMBERS), SPECIAL))
SPLIT_TEXTS = st.from_regex(r"\A ?train(\[-?[0-9]{0,2}%?:-?[0-9]{0,2}%?\])?\Z") | st.text(
    "train[]:%-+0123456789", max_size=16
)
SPLITS = usual("train", SPLIT_TEXTS | ANYTHING)


# Data


@law(
    250,
    {"source": np.broadcast_to(np.uint8(0), (2**40, 8, 8)), "options": {}},
    {"source": np.broadcast_to(np.float32(0), (2**40, 2)), "options": {}},
    {"source": np.linspace(-3, 1, 8).reshape(2, 2, 2), "options": {"batch_size": 1}},
    {"source": np.linspace(-1, 3, 8).reshape(2, 2, 2), "options": {"batch_size": 1}},
    {"source": np.full((3, 2), 1e300), "options": {"batch_size": 1}},
    {"source": np.full((3, 2), 1e38), "options": {"batch_size": 1}},
    {"source": np.zeros((1, 1, 1), "u1"), "options": {"batch_size": 1, "image_size": (1, 2**31)}},
    {"source": "~nobody-of-that-name", "options": {}},
    {"source": "x" * 5000, "options": {}},
    {"source": "/" + "x" * 5000, "options": {}},
    {"source": "a\0b", "options": {}},
    {"source": np.zeros((3, 2), "f4"), "options": {"batch_size": 1, "seed": 2**64}},
    {"source": np.zeros((3, 2), "f4"), "options": {"batch_size": 1, "passes": 2**62}},
    {"source": np.zeros((3, 2), "f4"), "options": {"batch_size": 1, "skip_batches": 2**70}},
    {"source": np.zeros((3, 2), "f4"), "options": {"batch_size": 1, "split": "train[:" + "9" * 5000 + "]"}},
    source=SOURCES,
    options=st.fixed_dictionaries(
        {"batch_size": usual(1, ANYTHING)},
        optional={
            "image_size": SIZES,
            "channels": usual(None),
            "split": SPLITS,
            "labels": rarely(ANYTHING, st.booleans()),
            "shuffle": st.booleans(),
            "seed": usual(0),
            "passes": usual(1),
            "skip_batches": usual(0),
        },
    ),
)
def load_gives_batches_or_a_refusal(source, options):
    loaded, said = refusal(lambda: datasets.load(source, **options))
    if said:
        return said
    dataset, info = loaded
    batch = next(iter(dataset))
    images, labels = batch if options.get("labels") else (batch, np.zeros(options["batch_size"], "int32"))
    images, labels = np.asarray(images), np.asarray(labels)
    assert images.dtype == np.float32 and images.shape == (options["batch_size"], *info.image_shape)
    assert np.isfinite(images).all() and np.isfinite(info.scale)
    assert len(info.image_shape) == 1 or np.abs(images).max() <= 1
    assert labels.dtype == np.int32 and labels.shape == images.shape[:1]
    assert labels.min() >= 0 and labels.max() < (info.num_classes or 1)
    return None


@law(
    25,
    num_images=st.integers(1, 12),
    batch_size=st.integers(1, 12),
    passes=st.integers(1, 3),
    seed=st.integers(0, 2**31 - 1),
    shuffle=st.booleans(),
    skip_batches=st.integers(0, 20),
)
def a_first_step_gives_exactly_the_tail(num_images, batch_size, passes, seed, shuffle, skip_batches):
    points = np.arange(num_images, dtype="float32")
    options = {"passes": passes, "seed": seed, "shuffle": shuffle}
    whole, said = refusal(lambda: datasets.load(points, batch_size, **options)[0])
    if said:
        assert batch_size > num_images
        return said
    tail = datasets.load(points, batch_size, skip_batches=skip_batches, **options)[0]
    epoch = passes * (num_images // batch_size)
    epochs = skip_batches // epoch + 2
    everything = list(whole.repeat(epochs).as_numpy_iterator())
    assert len(everything) == epochs * epoch
    first, second = (list(tail.as_numpy_iterator()) for _ in range(2))
    assert len(first) == epoch - skip_batches % epoch and np.array_equal(first + second, everything[skip_batches:])
    for start in range(0, len(everything), epoch // passes):  # each pass has every image once, but for the rest
        assert len(np.unique(everything[start : start + epoch // passes])) == epoch // passes * batch_size
    return None


@law(
    400,
    {"split": "train[:" + "9" * 5000 + "]", "num_images": 5},
    split=SPLITS,
    num_images=st.integers(1, 200),
)
def a_split_names_some_of_the_images_or_is_refused(split, num_images):
    indices, said = refusal(lambda: raw.split_indices(split, num_images))
    if said:
        return said
    assert len(indices) > 0 and np.array_equal(indices, np.unique(indices))
    assert indices[0] >= 0 and indices[-1] < num_images
    return None


@law(100, cut=st.integers(1, 99), num_images=st.integers(2, 300), percent=st.booleans())
def two_halves_of_a_split_make_the_whole(cut, num_images, percent):
    mark = f"{cut}%" if percent else f"{cut % num_images}"
    halves = [
        refusal(lambda part=part: raw.split_indices(f"train[{part}]", num_images)) for part in (f":{mark}", f"{mark}:")
    ]
    together = np.concatenate([[] if said else indices for indices, said in halves])
    assert np.array_equal(np.sort(together), np.arange(num_images))
    return halves[0][1] or halves[1][1]


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


@law(
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
    plan, said = refusal(lambda: training.plan(run_folder.read_settings("settings.json"), {}, None, False))
    if said:
        return said
    for field in dataclasses.fields(recipes.Recipe):
        value = getattr(plan.recipe, field.name)
        assert not isinstance(value, float) or np.isfinite(value), field.name
    assert type(plan.seed) is int and type(plan.deterministic) is bool and type(plan.name) is str
    assert plan.guard in training.GUARDS
    return None


@law(
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
def recipes_build_a_game_or_are_refused(recipe):
    info = datasets.DatasetInfo("bell", (1,), None, 100, None, scale=0.5)

    def build():
        return recipes.build(training.plan({"recipe": json.loads(as_json(recipe))}, {}, None, False).recipe, info, 0)

    gan, said = refusal(build)
    if said:
        return said
    assert gan.compiled and gan.generate(2, seed=0).shape == (2, 1)
    return None


# The command line

WORDS = st.text(st.characters(exclude_characters="/~.-@", exclude_categories=["Cs"]), max_size=8)
PATHS = [
    "here",
    "./here",
    "../beside",
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


@law(
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
        untrained = types.SimpleNamespace(summary=lambda: None)
        patched.setattr(
            training, "_set_up", lambda plan, skip_batches, job: (untrained, *training._load(plan, skip_batches))
        )
        for name in ("_fit", "_finish"):
            patched.setattr(training, name, lambda *arguments: None)
        patched.setattr(cli, "_import_keras_quietly", lambda: None)
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
            code = cli.main(list(arguments))
        except SystemExit as stopped:  # argparse's own way
            code = stopped.code or 0
    return code, err.getvalue()


@law(200, {"name": "x" * 300}, {"name": "../../x"}, {"name": "\0"}, {"name": ""}, name=st.text() | st.text("./\\~ x"))
def run_folders_stay_in_the_log_folder(name):
    made = run_folder.create("logs", name)
    assert made.is_dir() and made.resolve().parent == pathlib.Path("logs").resolve()


# Samples


@functools.cache
def gan(num_classes):
    keras.utils.set_random_seed(0)
    networks = kerasgan.networks.mlp((2, 2, 1), latent_dim=3, width=4, depth=1, num_classes=num_classes)
    return kerasgan.GAN(*networks, latent_dim=3, num_classes=num_classes, seed=0)


LATENTS = st.one_of(hnp.arrays("f4", st.tuples(st.integers(0, 5), st.sampled_from([3, 3, 3, 2]))), arrays(), ANYTHING)
CLASSES = st.one_of(
    st.integers(-1, 4), hnp.arrays("i4", st.integers(0, 5), elements=st.integers(0, 3)), arrays(), ANYTHING
)


@law(
    300,
    {"num_classes": None, "options": {"n": 5, "batch_size": -1}},
    {"num_classes": None, "options": {"n": 5, "batch_size": 0}},
    {"num_classes": None, "options": {"n": 2**40}},
    {"num_classes": None, "options": {"n": 10**30}},
    {"num_classes": 4, "options": {"n": 5, "seed": "5"}},
    {"num_classes": 4, "options": {"n": 5, "seed": 2.7}},
    {"num_classes": 4, "options": {"n": 5, "seed": 2**40}},
    {"num_classes": 4, "options": {"n": 5, "seed": -1}},
    {"num_classes": 4, "options": {"n": 5, "labels": 10**30}},
    {"num_classes": None, "options": {"latents": [[1, 2, 3], [4]]}},
    {"num_classes": None, "options": {"latents": np.full((2, 3), 1e300)}},
    {"num_classes": None, "options": {"latents": np.full((2, 3), np.nan)}},
    num_classes=st.sampled_from([None, 4]),
    options=st.fixed_dictionaries(
        {},
        optional={
            "n": usual(4),
            "seed": usual(3),
            "latents": usual(None, LATENTS),
            "labels": usual(None, CLASSES),
            "batch_size": usual(2),
        },
    ),
)
def generate_draws_what_is_asked_for_or_refuses(num_classes, options):
    drawn, said = refusal(lambda: gan(num_classes).generate(**options))
    if said:
        return said
    given_ = [len(options[name]) for name in ("latents", "labels") if np.ndim(options.get(name)) > 0]
    count = options["n"] if options.get("n") is not None else given_[0]
    assert drawn.shape == (count, 2, 2, 1) and drawn.dtype == np.float32
    assert np.isfinite(drawn).all() and np.abs(drawn).max(initial=0) <= 1
    assert options.get("latents") is None or np.isfinite(options["latents"]).all()  # a ReLU may hide it
    if isinstance(options.get("seed"), int | np.integer):
        assert np.array_equal(drawn, gan(num_classes).generate(**options))
        whole = gan(num_classes).generate(**options | {"batch_size": 256})
        assert np.allclose(drawn, whole, atol=1e-6)
    return None


@pytest.mark.parametrize("name", LAWS)
def test_law(name):
    inputs, refused = tried(name)
    assert inputs - refused >= inputs / 10  # a law of what is let in says nothing where nothing is


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_law_on_many_more(name):
    inputs, refused = tried(name, SLOW_FACTOR)
    print(f"{name}: {inputs:,} inputs, {refused:,} refused")
    assert inputs >= LAWS[name][1] * SLOW_FACTOR / 2
