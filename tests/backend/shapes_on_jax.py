"""Signals and volumes on JAX: `tests/backend/test_jax.py` runs this file in a process that cannot import TensorFlow."""

import json

import numpy as np
import pytest

import kerasgan_cli

FAST = ["--epochs", "1", "--batch-size", "4", "--set", "network_options.width=2", "--set", "held_out=0"]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shape"), [("signals", (64, 2)), ("volumes", (8, 8, 8, 1))])
def test_a_run_is_trained_resumed_and_sampled(tmp_path, kind, shape):
    np.save(tmp_path / "data.npy", np.random.default_rng(0).uniform(-1, 1, (12, *shape)).astype("float32"))
    source, logs, out = (str(tmp_path / name) for name in ("data.npy", "logs", "out.npy"))
    assert kerasgan_cli.main(["train", source, *FAST, "--guard", "rollback", "--log-dir", logs]) == 0
    (run,) = (tmp_path / "logs").iterdir()
    assert json.loads((run / "settings.json").read_text())["recipe"]["kind"] == kind
    assert kerasgan_cli.main(["train", "--resume", str(run), "--epochs", "2"]) == 0
    assert kerasgan_cli.main(["sample", str(run), "--n", "3", "--out", out]) == 0
    samples = np.load(out)
    assert samples.shape == (3, *shape) and samples.dtype == np.float32 and np.abs(samples).max() <= 1
