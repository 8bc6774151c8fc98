"""Trainings that are killed, and end as those that were not."""

import json
import pathlib
import subprocess
import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kerasgan.resume import checkpoint_files
from kerasgan.runs import run_folder

KILLING = pathlib.Path(__file__).with_name("killing.py")


def epochs_of(run):
    """The logs that TensorBoard has; an epoch that was ended twice must have ended the same."""
    logs = {}
    for part in ("train", "train/discriminator", "train/generator"):
        events = EventAccumulator(str(run / part), size_guidance={"tensors": 0}).Reload()
        for tag in events.Tags()["tensors"]:
            for event in events.Tensors(tag):
                value = event.tensor_proto.SerializeToString()
                assert logs.setdefault((part, tag, event.step), value) == value
    return logs


# State of every kind: adaptive augmentation, labels, lazy penalties
EVERYTHING = {"conditional": True, "augment": "ada", "gamma": 0.1, "penalties_every": 3}


def kill(folder, kills, seed, epochs, **more):
    """Trains straight and through kills, and compares, bit for bit. Returns what was counted."""
    command = [sys.executable, KILLING, folder, *map(json.dumps, (kills, seed, epochs, more))]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr[-3000:]
    counted = json.loads(finished.stdout.splitlines()[-1])
    straight, killed = (pathlib.Path(counted.pop(name)) for name in ("straight", "killed"))
    if more.get("guard") == "rollback":
        lines = [(run / "guard.log").read_text().splitlines() for run in (straight, killed)]
        assert sum("rolled back to step" in line for line in lines[0]) == counted_rollbacks(straight) >= 1
        assert [line.replace(str(killed), str(straight)) for line in lines[1]] == lines[0]
    # The last checkpoint holds all weights, slots, seeds and counters.
    last = [checkpoint_files.files(run / run_folder.CHECKPOINTS)[0] for run in (straight, killed)]
    assert last[0].name == last[1].name and last[0].read_bytes() == last[1].read_bytes()
    if more.get("guard") != "rollback":  # which reaches some steps more than once, with other weights
        logs = epochs_of(straight)
        assert logs == epochs_of(killed)
        assert len({step for *_, step in logs}) == 1 + epochs  # the first batch, each epoch
    assert (straight / run_folder.SAMPLES).read_bytes() == (killed / run_folder.SAMPLES).read_bytes()
    if more.get("guard") == "rollback":  # the step goes back, and other checkpoints are kept
        assert counted["kills"] >= kills / 2 and counted["unsound"] == 0, counted
    else:
        assert counted["kills"] == kills and counted["lost"] == counted["unsound"] == 0, counted
    return counted


def test_three_kills(tmp_path):
    kill(tmp_path, kills=3, seed=0, epochs=3)


def counted_rollbacks(run):
    newest = checkpoint_files.files(run / run_folder.CHECKPOINTS)[0]
    states = checkpoint_files.peek_at(newest)["callbacks"]
    return next(state["num_rollbacks"] for name, state in states.items() if name.endswith("Guard"))


TRANSLATED = {"source": "photos", "image_size": 16, "flip": True, "latent_dim": 0, "network_options": {"width": 2}}
KINDS = {
    "digits": {},
    "labels and adaptive augmentation": EVERYTHING,
    "photos from the disk": {"source": "photos", "image_size": 16, "conditional": True, "flip": True},
    "pairs": TRANSLATED | {"network": "pix2pix", "condition_from": "gray", "reconstruction": "l1"},
    "domains without pairs": TRANSLATED | {"network": "translator", "domain_b": "photos", "pool_images": 8},
    "a guard that rolls back": {"guard": "rollback", "learning_rate": 0.2, "decay_to": 1.0},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_kills_at_random_moments(tmp_path, kind):
    """At least fifty in all."""
    kills = 24 if "guard" in KINDS[kind] else 5 if kind in ("pairs", "domains without pairs") else 13
    counted = kill(tmp_path, kills=kills, seed=3, epochs=16 if kills > 5 else 4, **KINDS[kind])
    print(kind, counted)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_thirty_kills(tmp_path, seed):
    counted = kill(tmp_path, kills=30, seed=seed, epochs=12, **EVERYTHING)
    print(counted)
    assert counted["in_a_write"] > 0
