"""The law of replicas: N of them do with a batch what one device does with it."""

import functools
import itertools
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from mirrored import ORDERS, PENALTIES

from kerasgan import cli, datasets, random
from kerasgan.runs import run_folder
from kerasgan.validation import checks

SCRIPT = pathlib.Path(__file__).with_name("replica_cases.py")
TOLERANCE = 1e-5


@functools.cache
def findings(replicas, part):
    """What `replica_cases.py` finds, in one process for each number of replicas and part."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(SCRIPT), str(replicas), part]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


def check_equal(found):
    assert found["moved"] > 1e-4 and found["names"]
    assert found["weights"] < TOLERANCE and found["logs"] < TOLERANCE, found


# The same weights and logs as on one device, from the same seed


@pytest.mark.parametrize("penalties", PENALTIES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("replicas", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_each_order_of_play_with_each_penalty(replicas, order, penalties):
    check_equal(findings(replicas, "core")[f"{order}, {penalties}"])


@pytest.mark.parametrize("order", ["d_steps=2", "one_stage"])
def test_on_four(order):
    check_equal(findings(4, "two_orders")[order])


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_each_order_of_play_under_a_strategy_of_one(order):
    check_equal(findings(1, "orders")[order])


FEATURES = (
    "averaged",
    "batch norm, averaged",
    "labels",
    "augmented",
    "adaptive",
    "relativistic",
    "paired, alternating",
    "hinge",
    "least_squares",
    "minimax",
    "wasserstein",
    "regularised",
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "decoupled decay",
    "run eagerly",
    "rmsprop",
    "adam",
)
QUICK = ("batch norm, averaged", "labels", "adaptive", "regularised", "global_clipnorm")


@pytest.mark.parametrize("feature", QUICK)
def test_what_a_game_can_have_besides(feature):
    check_equal(findings(2, "quick")[feature])


@pytest.mark.slow
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("replicas", [2, 4])
def test_everything_that_a_game_can_have_besides(replicas, feature):
    check_equal(findings(replicas, "features")[feature])


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4])
def test_bfloat16_to_its_own_rounding(replicas):
    found = findings(replicas, "features")["bfloat16"]
    assert found["moved"] > 1e-2 and found["weights"] < 5e-3 and found["logs"] < 1e-2


def test_a_guard_sees_the_whole_batch():
    found = findings(2, "quick")["watched"]
    assert found["steps"] and found["means"] < 1e-4


# Random numbers


def test_replicas_share_the_draws_of_one_device():
    assert findings(2, "laws")["latents"] == {"together": True, "different": True, "parts": True}


def test_layers_draw_other_numbers_on_each_replica():
    assert findings(2, "laws")["dropout"] == {"replicas differ": True, "steps differ": True}


def test_alone_they_are_those_of_keras():
    ours = random.uniform((3, 2), keras.random.SeedGenerator(1)), random.normal((3, 2), 5)
    theirs = keras.random.uniform((3, 2), seed=keras.random.SeedGenerator(1)), keras.random.normal((3, 2), seed=5)
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


# The part of a worker


@pytest.mark.parametrize("flip", [False, True])
def test_a_share_is_some_rows_of_the_same_batches(flip):
    """In every pass of every epoch, also where the first begins within its pass."""
    pixels = np.random.default_rng(0).integers(256, size=(27, 6, 6, 1), dtype="uint8")

    def epochs(ask):
        source = (pixels, np.arange(27))
        dataset, _ = datasets.load(source, batch_size=8, labels=True, flip=flip, seed=1, skip_batches=2)
        asked = ask(datasets.repeated(dataset, 2))
        return [[(images.numpy(), labels.numpy()) for images, labels in asked] for _ in range(2)]

    whole = epochs(lambda dataset: dataset)
    share = epochs(lambda dataset: dataset.share_of(lambda values: values[2:7:2]))
    assert [len(epoch) for epoch in whole] == [len(epoch) for epoch in share] == [4, 6]
    for (images, labels), (some, theirs) in zip(*map(itertools.chain.from_iterable, (whole, share)), strict=True):
        assert np.array_equal(images[2:7:2], some) and np.array_equal(labels[2:7:2], theirs)


# Batch norm that asks for nothing


def test_plain_batch_norm_is_of_each_replica_and_its_statistics_of_all():
    found = findings(2, "laws")["batch norm of each replica"]
    assert found == {"same on all": True, "not of the whole batch": True, "moved": True}


# Files


def test_a_saved_game_goes_on_anywhere():
    found = findings(2, "laws")["saving"]
    assert found.pop("predicted") == 8
    assert all(each < TOLERANCE for each in found.values()), found


def test_a_stopped_training_goes_on_with_another_number_of_replicas():
    found = findings(2, "laws")["resuming"]
    assert all(each < TOLERANCE for each in found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4])
def test_callbacks(replicas):
    found = findings(replicas, "observers")["callbacks"]
    assert found["weights"] < TOLERANCE and found["logs"] < TOLERANCE and found["files"]


@pytest.mark.slow
def test_a_guard_takes_replicas_back():
    found = findings(2, "observers")["going back"]
    assert found == {"times": 1, "rates": [pytest.approx(0.05)] * 2, "sound": True}


# Refusals

REFUSED = {
    "networks": "Networks must be made in the scope",
    "optimizer": "Optimizers must be made in the scope",
    "float16": "Loss scaling",
    "xla": "XLA does not compile",
    "gathered gradients": "gradient_accumulation_steps=2",
    "small batch": "Replicas share every batch evenly: it must hold a multiple of 2",
    "uneven batch": "a batch of 3",
    "ragged array": "a batch of 1",
    "ragged dataset": "Replicas share every batch evenly",
    "uneven dataset": "a batch of 3",
    "held out": "a batch of 1",
    "split": "validation_split=0.5",
    "one batch": "trained and judged by fit and evaluate",
    "generator": "as an array or a tf.data.Dataset",
    "not a number": "Images must be finite",
    "made outside": "trained by the strategy in whose scope it was made",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_replicas_cannot_do_is_refused_in_a_sentence(what):
    sentence = findings(2, "laws")["refusals"][what]
    assert sentence is not None and REFUSED[what] in sentence and "Received: " in sentence


def test_steps_per_execution_is_set_back_with_a_sentence():
    found = findings(2, "laws")["refusals"]
    assert found["steps"] == 1 and len(found["told"]) == 1 and "steps_per_execution=4 is set back" in found["told"][0]
    assert found["still trains"]


def test_batches_divide():
    checks.batch_divides(8, 4)
    checks.batch_divides(None, 4)
    with pytest.raises(ValueError, match=r"multiple of 4 images.*a batch of 6"):
        checks.batch_divides(6, 4)


# The command line


def small(tmp_path, **more):
    recipe = {
        "title": "small",
        "source": "digits",
        "network": "dcgan",
        "network_options": {"width": 4, "depth": 1},
        "latent_dim": 2,
        "epochs": 1,
        "ema_half_life_images": 1000.0,
    }
    path = tmp_path / "planned.json"
    path.write_text(json.dumps({"name": "small", "recipe": recipe | more}))
    return path


def command(*arguments, **environment):
    """Runs `kerasgan` in a process of its own."""
    arguments = [sys.executable, "-m", "kerasgan", *map(str, arguments)]
    return subprocess.run(arguments, capture_output=True, text=True, env=os.environ | environment)


@pytest.mark.slow
def test_a_run_on_devices_is_resumed_on_one_and_ends_like_one_on_one(tmp_path):
    settings = small(tmp_path, epochs=2, steps_per_execution=4)
    ended = command("train", "--settings", settings, "--strategy", "mirrored", "--devices", 2, "--log-dir", tmp_path)
    assert ended.returncode == 0 and "steps_per_execution=4 is set back to 1" in ended.stderr, ended.stderr
    assert command("train", "--settings", settings, "--log-dir", tmp_path).returncode == 0
    both, one = sorted(path for path in tmp_path.iterdir() if path.is_dir())
    assert run_folder.read_settings(both)["replicas"] == 2 and run_folder.read_settings(one)["replicas"] == 1
    weights = [keras.models.load_model(run / run_folder.MODEL).get_weights() for run in (both, one)]
    for first, second in zip(*weights, strict=True):
        np.testing.assert_allclose(first, second, atol=2e-3)  # by Adam, which divides by what it rounds
    (both / run_folder.SAMPLES).unlink()
    (both / "checkpoints" / "step-00000056.checkpoint").unlink()
    assert command("train", "--resume", both).returncode == 0
    again = keras.models.load_model(both / run_folder.MODEL).get_weights()
    for first, second in zip(weights[0], again, strict=True):
        np.testing.assert_allclose(first, second, atol=2e-3)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--strategy", "multi-worker"], "TF_CONFIG"),
        (["--strategy", "mirrored", "--devices", "9"], "The CPU is split before TensorFlow begins"),
        (["--devices", "2"], "Devices are counted for --strategy mirrored"),
    ],
)
def test_jobs_that_cannot_be(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert cli.main(["train", "--settings", str(small(tmp_path)), *arguments]) == 2
    printed = capsys.readouterr().err
    assert said in printed and printed.count("\n") == 1
