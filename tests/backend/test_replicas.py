"""Replicas: several devices do with a batch what one device does with it."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from replica_cases import AUGMENTATIONS, OBJECTIVES, PENALTIES, UPDATES

import kerasgan_cli
from kerasgan import datasets
from kerasgan.backend.tensorflow import distribution
from kerasgan.random import BatchRandom
from kerasgan.runs import run_folder
from kerasgan.validation import images as image_checks

SCRIPT = pathlib.Path(__file__).with_name("replica_cases.py")
TOLERANCE = 1e-5


@functools.cache
def measured(replicas, *parts):
    """What `replica_cases.py` prints, in one process for each number of replicas."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(SCRIPT.parents[1])}
    command = [sys.executable, str(SCRIPT), str(replicas), *parts]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


def ordinary():
    """On two replicas, in one process."""
    return measured(2, "rules", "quick", "laws")


def check_equal(found):
    assert found["moved"] > 1e-4 and found["names"]
    assert found["weights"] < TOLERANCE and found["logs"] < TOLERANCE, found


# The same weights and logs as on one device, from the same seed


@pytest.mark.parametrize("rule", UPDATES)
def test_every_update_rule_on_two(rule):
    check_equal(ordinary()[rule])


@pytest.mark.slow
@pytest.mark.parametrize("penalties", PENALTIES)
@pytest.mark.parametrize("rule", UPDATES)
@pytest.mark.parametrize("replicas", [2, 4])
def test_every_update_rule_with_every_penalty(replicas, rule, penalties):
    check_equal(measured(replicas, "core")[f"{rule}, {penalties}"])


@pytest.mark.slow
@pytest.mark.parametrize("rule", UPDATES)
def test_every_update_rule_under_a_strategy_of_one(rule):
    check_equal(measured(1, "rules")[rule])


FEATURES = (
    "averaged",
    "batch norm, averaged",
    "labels",
    "adaptive",
    *AUGMENTATIONS,
    *OBJECTIVES,
    "paired, alternating",
    "regularized",
    "own values",
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "decoupled decay",
    "run eagerly",
    "rmsprop",
    "adam",
)
QUICK = ("batch norm, averaged", "labels", "adaptive", "regularized", "global_clipnorm", "translation", "cycle")


@pytest.mark.parametrize("feature", QUICK)
def test_options_of_the_gan(feature):
    check_equal(ordinary()[feature])


@pytest.mark.slow
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("replicas", [2, 4])
def test_all_options_of_the_gan(replicas, feature):
    check_equal(measured(replicas, "features")[feature])


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4])
def test_bfloat16_to_its_own_rounding(replicas):
    found = measured(replicas, "features")["bfloat16"]
    assert found["moved"] > 1e-2 and found["weights"] < 5e-3 and found["logs"] < 1e-2


def test_diagnostics_are_of_the_whole_batch():
    found = ordinary()["diagnostics"]
    assert found["steps"] and found["means"] < 1e-4


# Random numbers


def test_replicas_share_the_random_numbers_of_one_device():
    assert ordinary()["latents"] == {"together": True, "different": True, "parts": True}


def test_layers_draw_other_numbers_on_each_replica():
    assert ordinary()["dropout"] == {"replicas differ": True, "steps differ": True}


def test_on_one_device_they_are_those_of_keras():
    ours, theirs = BatchRandom(keras.random.SeedGenerator(1)), keras.random.SeedGenerator(1)
    assert np.array_equal(ours.uniform((3, 2)), keras.random.uniform((3, 2), seed=theirs))
    assert np.array_equal(ours.normal((3, 2)), keras.random.normal((3, 2), seed=theirs))


# The data of a worker


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("passes", [1, 2])
def test_a_share_is_some_rows_of_the_same_batches(flip, passes):
    """In every pass of every epoch, also after `repeat`."""
    pixels = np.random.default_rng(0).integers(256, size=(27, 6, 6, 1), dtype="uint8")
    batches, _ = datasets.load((pixels, np.arange(27)), batch_size=8, labels=True, flip=flip, seed=1)
    whole = batches.repeat(passes)
    share = whole.share(lambda values: values[2:7:2])
    for number in range(2):
        assert len(share.epoch(number)) == len(whole.epoch(number)) == 3 * passes
        for (images, labels), (some, theirs) in zip(whole.epoch(number), share.epoch(number), strict=True):
            assert np.array_equal(images[2:7:2], some) and np.array_equal(labels[2:7:2], theirs)


@pytest.mark.parametrize("change", ["as loaded", "repeat", "take", "map per image"])
def test_a_worker_reads_its_own_rows_alone(tmp_path, monkeypatch, change):
    """The second of two workers, of which each has one replica, from a data set on disk."""
    read = []
    pixels = np.memmap(tmp_path / "pixels", "uint8", "w+", shape=(12, 6, 6, 1))
    pixels[:] = np.arange(12)[:, None, None, None]

    def reader(values):
        return lambda indices: read.extend(indices.tolist()) or np.asarray(values[indices])

    monkeypatch.setattr(datasets.batches.disk_cache, "rows_reader", reader)
    batches = datasets.batches.make_batches(pixels, None, 4, shuffle=False, seed=0)
    changes = {
        "as loaded": lambda: batches,
        "repeat": lambda: batches.repeat(3),
        "take": lambda: batches.repeat(2).take(5),
        "map per image": lambda: batches.map(lambda images: images * 0.5, per_image=True).repeat(2),
    }
    rows = functools.partial(distribution._rows, 1, 2, 1, 1)
    epoch = changes[change]().share(rows).epoch(0)
    images = [batch.numpy() for batch in epoch]
    assert all(len(batch) == 2 for batch in images) and len(read) == 2 * len(images)
    assert set(read) == {2, 3, 6, 7, 10, 11}


# Batch norm that is not synchronized


def test_plain_batch_norm_is_of_each_replica_and_its_statistics_of_all():
    found = ordinary()["batch norm of each replica"]
    assert found == {"same on all": True, "not of the whole batch": True, "moved": True}


# Files


def test_a_gan_saved_on_replicas_goes_on_on_one_device():
    assert ordinary()["saved on replicas"] < TOLERANCE


def test_a_training_stopped_on_one_device_goes_on_on_replicas():
    assert ordinary()["resumed on replicas"] < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("case", ["saved on one device", "saved on replicas, batch norm", "resumed on one device"])
def test_the_other_directions(case):
    assert measured(2, "transfers")[case] < TOLERANCE


@pytest.mark.slow
def test_a_gan_on_replicas_is_exported():
    assert measured(2, "transfers")["exported"] == {"difference": pytest.approx(0, abs=TOLERANCE), "predicted": 8}


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4])
def test_callbacks(replicas):
    found = measured(replicas, "observers")["callbacks"]
    assert found["weights"] < TOLERANCE and found["logs"] < TOLERANCE and found["files"]


@pytest.mark.slow
def test_a_guard_rolls_replicas_back():
    found = measured(2, "observers")["rollback"]
    assert found == {"times": 1, "rates": [pytest.approx(0.05)] * 2, "sound": True}


# Refusals

REFUSED = {
    "networks": "Networks must be made in the scope",
    "optimizer": "Optimizers must be made in the scope",
    "float16": "Loss scaling",
    "xla": "XLA does not compile",
    "accumulated gradients": "gradient_accumulation_steps=2",
    "small batch": "Replicas share every batch evenly: it must hold a multiple of 2",
    "uneven batch": "a batch of 3",
    "ragged array": "a batch of 1",
    "ragged dataset": "Replicas share every batch evenly",
    "uneven dataset": "a batch of 3",
    "held out": "a batch of 1",
    "split": "validation_split=0.5",
    "one batch": "trained by fit and evaluated by evaluate",
    "generator": "images come as an array",
    "not a number": "Images must be finite",
    "made outside": "trained by the strategy in whose scope it was made",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_replicas_cannot_do_is_refused(case):
    message = ordinary()["refusals"][case]
    assert message is not None and REFUSED[case] in message and "Received: " in message


def test_steps_per_execution_is_set_to_1_with_a_warning():
    found = ordinary()["refusals"]
    assert found["steps"] == 1 and len(found["warnings"]) == 1
    assert "steps_per_execution=4 is set back" in found["warnings"][0] and found["still trains"]


def test_batches_divide():
    image_checks.check_batch_multiple(8, 4)
    image_checks.check_batch_multiple(None, 4)
    with pytest.raises(ValueError, match=r"multiple of 4 images.*a batch of 6"):
        image_checks.check_batch_multiple(6, 4)


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
    "arguments, message",
    [
        (["--strategy", "multi-worker"], "TF_CONFIG"),
        (["--strategy", "mirrored", "--devices", "9"], "The CPU is split before TensorFlow begins"),
        (["--devices", "2"], "Devices are counted for --strategy mirrored"),
    ],
)
def test_jobs_that_cannot_start_are_refused(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    keras.ops.zeros(1)  # TensorFlow has begun
    assert kerasgan_cli.main(["train", "--settings", str(small(tmp_path)), *arguments]) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.count("\n") == 1
