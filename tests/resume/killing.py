"""Kills trainings at random moments, resumes them, and prints how they ended, as JSON.

Run as a program: `killing.py FOLDER KILLS SEED EPOCHS SETTINGS`, the last of them JSON: fields of the recipe besides
those below, and "guard". With the source "photos" these are made, and read from the cache on the disk. The processes
are forked from one that has imported TensorFlow but not begun to use it, which saves seconds for each.
"""

import io
import itertools
import json
import os
import pathlib
import random
import signal
import sys
import time

import numpy as np
from PIL import Image

import kerasgan_cli
from kerasgan.datasets import photos
from kerasgan.resume import checkpoint_files
from kerasgan.runs import results, run_folder, training

RECIPE = {
    "title": "to be killed",
    "source": "digits",
    "network": "mlp",
    "network_options": {"width": 16},
    "latent_dim": 4,
    "passes_per_epoch": 1,
    "learning_rate": 1e-3,
    "decay_to": 0.1,
    "ema_half_life_images": 500.0,
    "steps_per_execution": 2,
}


def start(arguments):
    """Starts `kerasgan` with these arguments in a process of its own; returns its number."""
    process = os.fork()
    if process:
        return process
    try:
        out = os.open("/dev/null", os.O_WRONLY)
        os.dup2(out, 1)
        sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb"))
        training.CHECKPOINT_SECONDS = 1e-9  # after every call into the training step
        photos.is_small = lambda *_: False  # so that they are read from the disk
        results.export = lambda gan, run: None  # seconds each, and nothing that is compared
        os._exit(kerasgan_cli.main(arguments))
    except BaseException as error:
        os.write(2, repr(error).encode())
        os._exit(99)


def exit_code(process):
    """The exit code of a process that has ended, or None for one that has not."""
    done, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def newest_step(run):
    found = checkpoint_files.files(run / run_folder.CHECKPOINTS)
    return checkpoint_files.step_of(found[0]) if found else 0


def run_in(log_dir):
    """The run that has got as far as its settings, or None."""
    found = [path.parent for path in log_dir.glob("*/settings.json")]
    return found[0] if found else None


def kill_and_resume(log_dir, settings, kills, total, dice):
    """Trains to the end through a number of kills. Returns the run and what was counted."""
    counted = {"kills": 0, "in_a_write": 0, "before_the_first": 0, "lost": 0, "unsound": 0}
    while True:
        run = run_in(log_dir)
        resume = ["train", "--resume", str(run)]
        process = start(resume if run else ["train", "--settings", str(settings), "--log-dir", str(log_dir)])
        left = kills - counted["kills"]
        if not wait_to_kill(process, log_dir, left, total, dice):
            return run_in(log_dir), counted
        count_files(run_in(log_dir), process, counted)


def wait_to_kill(process, log_dir, left, total, dice):
    """Waits until a random step, or now and then a random moment; kills, and returns whether there was one to kill."""
    begun, run = time.monotonic(), run_in(log_dir)
    done = newest_step(run) if run else 0
    target = done + dice.uniform(0, 1.5 * (total - done) / (left + 1)) if left else float("inf")
    until = begun + dice.uniform(0, 2) if left and dice.random() < 0.1 else float("inf")
    while time.monotonic() < until:
        code = exit_code(process)
        if code is not None:
            if code:
                raise SystemExit(f"a training ended with {code}")
            return False
        run = run or run_in(log_dir)
        if run is not None and newest_step(run) > target:
            break
        time.sleep(0.001)
    if run and dice.random() < 0.5:
        wait_for_a_write(run / run_folder.CHECKPOINTS, process)
    else:
        time.sleep(dice.uniform(0, 0.01))
    os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1] == signal.SIGKILL


def wait_for_a_write(folder, process):
    """Waits until a checkpoint is being written, or two seconds."""
    until = time.monotonic() + 2
    while time.monotonic() < until and not is_in_a_write(folder, process):
        pass


def is_in_a_write(folder, process):
    return folder.is_dir() and any(name.startswith(f".{process}.") for name in os.listdir(folder))


def count_files(run, process, counted):
    """Counts what a kill has left."""
    counted["kills"] += 1
    folder = run / run_folder.CHECKPOINTS if run else None
    found = checkpoint_files.files(folder) if run else []
    counted["before_the_first"] += not found
    counted["in_a_write"] += bool(run) and is_in_a_write(folder, process)
    steps = [checkpoint_files.step_of(path) for path in found]
    # Two steps a call, an even number in an epoch: the last three are there, without a gap but that of a rollback.
    rolled_back = (run / "guard.log").exists() if run else False
    counted["lost"] += not rolled_back and any(a - b != 2 for a, b in itertools.pairwise(steps))
    for path in found:
        counters = checkpoint_files.peek_at(path)
        counted["unsound"] += counters is None


def make_photos(folder):
    """Writes 112 photos in two classes: 14 batches of 8."""
    random_pixels = np.random.default_rng(0)
    for number in range(112):
        path = folder / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random_pixels.integers(0, 256, (20, 24, 3), "uint8")).save(path)


def main(folder, kills, seed, epochs, more):
    folder = pathlib.Path(folder)
    settings = folder / "planned.json"
    guard = more.pop("guard", "warn")
    recipe = RECIPE | {"epochs": epochs} | more
    steps_per_epoch = 28
    if recipe["source"] == "photos":
        make_photos(folder / "photos")
        recipe, steps_per_epoch = recipe | {"source": str(folder / "photos"), "batch_size": 8}, 14
        if recipe.get("domain_b"):  # one class is to become the other, and back
            recipe |= {
                "source": str(folder / "photos" / "a"),
                "domain_b": str(folder / "photos" / "b"),
                "batch_size": 4,
            }
        os.environ["KERASGAN_CACHE"] = str(folder / "cache")
    plan = {"name": "killed", "recipe": recipe, "seed": seed, "deterministic": True, "guard": guard}
    settings.write_text(json.dumps(plan))
    process = start(["train", "--settings", str(settings), "--log-dir", str(folder / "straight")])
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if status:
        raise SystemExit(f"the straight training ended with {status}")
    dice = random.Random(seed)
    run, counted = kill_and_resume(folder / "killed", settings, kills, steps_per_epoch * epochs, dice)
    print(json.dumps(counted | {"straight": str(run_in(folder / "straight")), "killed": str(run)}))


if __name__ == "__main__":
    main(sys.argv[1], *map(json.loads, sys.argv[2:]))
