"""Several processes on one machine as one job: `kerasgan train --strategy multi-worker`."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

import kerasgan_cli
from kerasgan.resume import checkpoint_files, model_state
from kerasgan.runs import run_folder

SMALL = {
    "title": "small",
    "source": "digits",
    "network": "dcgan",
    "network_options": {"width": 4, "depth": 1},
    "latent_dim": 2,
    "epochs": 1,
    "ema_half_life_images": 1000.0,
}
NO_PICTURES = {"batch_size": 128, "network": "mlp", "network_options": {"width": 8, "depth": 1}}


def small(tmp_path, **more):
    """Writes the settings of a small recipe, with changed fields; returns the file."""
    path = tmp_path / "planned.json"
    path.write_text(json.dumps({"name": "small", "recipe": SMALL | more}))
    return path


def free_ports(count):
    with contextlib.ExitStack() as sockets:
        opened = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in opened:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in opened]


def start(workers, tmp_path, *arguments):
    """Starts `kerasgan train` as a job of so many processes, whose temporary folders stand in `tmp_path`."""
    servers = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    processes = []
    for index in range(workers):
        task = {"cluster": {"worker": servers}, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(task), "TMPDIR": str(tmp_path / "temporary")}
        (tmp_path / "temporary").mkdir(exist_ok=True)
        command = [sys.executable, "-m", "kerasgan", "train", "--strategy", "multi-worker", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, env=environment, **pipes))
    return processes


def ended(processes, within=300):
    """Waits for all; returns their exit codes and what they printed, standard error last."""
    printed = [process.communicate(timeout=within) for process in processes]
    return [process.returncode for process in processes], printed


def single(*arguments):
    """Runs `kerasgan train` in one process, on one device."""
    command = [sys.executable, "-m", "kerasgan", "train", *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def last_state(run):
    """All arrays of a finished run's last checkpoint, the last losses among them."""
    gan = keras.models.load_model(run / run_folder.MODEL)
    newest = checkpoint_files.files(run / run_folder.CHECKPOINTS)[0]
    return checkpoint_files.read(newest, model_state.spec(gan)).arrays


def losses(run):
    """The means behind the logs of the last epoch."""
    arrays = {name: each for name, each in last_state(run).items() if name.startswith(model_state.METRICS)}
    return {name: float(each) for name, each in arrays.items()}


def killed_in(epoch, victim, processes, log_dir):
    """Kills one process of a job as soon as the checkpoint of an epoch is there."""
    deadline = time.monotonic() + 200
    while not list(log_dir.glob(f"*/checkpoints/step-{epoch * 14:08d}.checkpoint")):
        assert time.monotonic() < deadline and all(process.poll() is None for process in processes)
        time.sleep(0.02)
    processes[victim].send_signal(signal.SIGKILL)


MODELS = {
    "the plainest": NO_PICTURES,
    "one stage, averaged, labels": NO_PICTURES
    | {"updates": "one_stage", "objective": "relativistic", "gamma": 0.1, "ema_half_life_images": 500.0}
    | {"conditional": True},
    "simultaneous, lazy penalties, adaptive": {"batch_size": 128, "network": "dcgan"}
    | {"network_options": {"width": 4, "depth": 2}, "updates": "simultaneous", "gamma": 0.1, "penalties_every": 2}
    | {"augment": "ada"},
}


@pytest.mark.parametrize(
    "model", [pytest.param(model, marks=[] if model == "the plainest" else pytest.mark.slow) for model in MODELS]
)
def test_two_processes_are_one_job(tmp_path, model):
    """The chief writes the run, the other nothing; the losses are those of one process."""
    settings = small(tmp_path, **MODELS[model])
    codes, printed = ended(start(2, tmp_path, "--settings", settings, "--log-dir", tmp_path / "job"))
    assert codes == [0, 0], printed
    assert kerasgan_cli.main(["train", "--settings", str(settings), "--log-dir", str(tmp_path / "one")]) == 0
    (run,), (reference,) = ((tmp_path / name).iterdir() for name in ("job", "one"))
    assert {run_folder.MODEL, run_folder.SAMPLES, run_folder.EXPORT, run_folder.SETTINGS} <= {
        path.name for path in run.iterdir()
    }
    assert run_folder.read_settings(run)["replicas"] == 2
    assert printed[1][0] == "" and "samples.png" in printed[0][0] and "d_loss: " in printed[0][0]
    assert not [path for path in (tmp_path / "temporary").iterdir() if path.name.startswith("kerasgan-worker-")]
    assert losses(run) == pytest.approx(losses(reference), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_that_is_killed_ends_the_job_and_it_is_resumed(tmp_path, victim):
    """With as many workers it ends with the very same bits, with another number with the same losses to rounding."""
    settings = small(tmp_path, **NO_PICTURES, epochs=6)
    planned = ["--settings", settings, "--deterministic", "--log-dir"]
    codes, printed = ended(start(2, tmp_path, *planned, tmp_path / "whole"))
    assert codes == [0, 0], printed
    job = start(2, tmp_path, *planned, tmp_path / "cut")
    killed_in(2, victim, job, tmp_path / "cut")
    began = time.monotonic()
    codes, printed = ended(job, within=60)
    assert time.monotonic() - began < 60 and codes[victim] == -signal.SIGKILL and codes[1 - victim] == 2
    said = printed[1 - victim][1].splitlines()[-1]
    assert "A job of several workers ends when one of them is lost" in said and "--resume" in said
    (whole,), (cut,) = ((tmp_path / name).iterdir() for name in ("whole", "cut"))

    shutil.copytree(cut, tmp_path / "copy")
    codes, printed = ended(start(2, tmp_path, "--resume", cut))
    assert codes == [0, 0], printed
    expected, found = last_state(whole), last_state(cut)
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
    single("--resume", tmp_path / "copy")
    assert losses(tmp_path / "copy") == pytest.approx(losses(whole), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("asked", [0, 1])
def test_sigterm_ends_a_job_with_a_checkpoint(tmp_path, asked):
    """Whether every process of the job is asked to end, as by a cluster's manager, or one that is not the chief."""
    settings = small(tmp_path, **NO_PICTURES, epochs=200)
    job = start(2, tmp_path, "--settings", settings, "--log-dir", tmp_path / "job")
    deadline = time.monotonic() + 200
    while not list((tmp_path / "job").glob("*/checkpoints/*.checkpoint")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for process in job[asked:]:
        process.send_signal(signal.SIGTERM)
    codes, printed = ended(job, within=60)
    assert codes == [143, 143], printed
    (run,) = (tmp_path / "job").iterdir()
    assert "Stopped. Kept: " in printed[0][0] and f"kerasgan train --resume {run}" in printed[0][0]
    assert checkpoint_files.files(run / run_folder.CHECKPOINTS) and not (run / run_folder.MODEL).exists()


@pytest.mark.slow
def test_a_dry_run_of_a_worker_waits_for_no_other(tmp_path):
    logs = tmp_path / "logs"
    both = start(2, tmp_path, "--settings", small(tmp_path), "--dry-run", "--log-dir", logs)
    both[1].kill()
    codes, printed = ended(both[:1])
    assert codes == [0] and "worker 0 of 2" in printed[0][0] and not logs.exists()


# A cluster's manager


def stub(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def test_what_the_cluster_would_start(tmp_path):
    """The SLURM script on a cluster of two machines, in which `srun` starts each process here, with --dry-run."""
    script = pathlib.Path(__file__).parents[2] / "docs" / "kerasgan.sbatch"
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)=(\S+)", script.read_text(), re.MULTILINE))
    assert options["ntasks-per-node"] == "1"  # TF_CONFIG names one process a machine
    stub(tmp_path, "scontrol", '[ "$*" = "show hostnames node[1-2]" ] && printf "node1\\nnode2\\n"')
    stub(tmp_path, "srun", 'shift; for SLURM_PROCID in 0 1; do export SLURM_PROCID; "$@" || exit 1; done')
    stub(tmp_path, "kerasgan", f'echo "TF_CONFIG $TF_CONFIG"; exec {sys.executable} -m kerasgan "$@"')
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "node[1-2]"}
    logs = tmp_path / "my logs"
    command = ["bash", script, "--settings", small(tmp_path), "--log-dir", logs, "--dry-run"]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert finished.returncode == 0 and not logs.exists(), finished.stderr
    told = [json.loads(line.split(" ", 1)[1]) for line in finished.stdout.splitlines() if line.startswith("TF_CONFIG")]
    assert [each["task"] for each in told] == [{"type": "worker", "index": index} for index in (0, 1)]
    assert all(each["cluster"] == {"worker": ["node1:2222", "node2:2222"]} for each in told)
    assert [f"This would be worker {index} of 2" in finished.stderr for index in (0, 1)] == [True, True]


# The example


@pytest.mark.slow
def test_the_example_ends_with_the_same_weights_on_both(tmp_path):
    script = pathlib.Path(__file__).parents[2] / "examples" / "workers.py"
    servers, processes = [f"localhost:{port}" for port in free_ports(2)], []
    folder = str(script.parent)
    code = f"import sys; sys.path.insert(0, {folder!r}); import workers; workers.main({str(tmp_path)!r}, 1, 1)"
    for index in (0, 1):
        task = {"cluster": {"worker": servers}, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(task)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes))
    codes, printed = ended(processes)
    assert codes == [0, 0], printed
    totals = [re.search(r"add up to ([\d.]+)", out)[1] for out, _ in printed]
    assert totals[0] == totals[1] and (tmp_path / "gan.keras").exists() and (tmp_path / "samples.png").exists()
