"""Kills guarded trainings that roll back, at chosen moments, resumes them, and prints how all ended, as JSON.

Run as a program: `killed_with_guard.py FOLDER [MOMENT ...]`. A moment is ROLLBACKS:BATCHES: the training is killed at
the end of that batch after that rollback, between the guard and the checkpoint. Processes are forked from one that has
imported TensorFlow but not begun to use it.
"""

import json
import os
import pathlib
import signal
import sys

import forked
import keras
import tensorflow as tf

import kerasgan
from kerasgan.callbacks import Checkpoint, Guard
from kerasgan.resume import checkpoint_files

EPOCHS, RATE, WIDTH = 5, 0.2, 16


class Kill(keras.callbacks.Callback):
    """Kills the process at the end of a batch, counted from a rollback, or from the beginning of the process."""

    def __init__(self, guard, rollbacks, batches):
        super().__init__()
        self.guard, self.rollbacks, self.left = guard, rollbacks, batches

    def on_train_batch_end(self, batch, logs=None):
        if self.guard.num_rollbacks == self.rollbacks:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def train(folder, moment=None):
    """Trains to the end, or to the moment; writes what the guard has found."""
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(0)
    batches, info = kerasgan.datasets.load("digits", 64, seed=0)
    networks = kerasgan.networks.mlp(info.image_shape, latent_dim=4, width=WIDTH)
    gan = kerasgan.GAN(*networks, latent_dim=4, ema=kerasgan.ema.EMA(500), seed=0)
    gan.compile(*(keras.optimizers.Adam(RATE, beta_1=0.5) for _ in networks))
    checkpoint = Checkpoint(folder / "checkpoints", every_epochs=1, every_steps=4, keep=30, resume=True)
    guard = Guard("rollback", checkpoint, log_dir=folder, every_steps=5, lr_factor=0.7)
    kill = [] if moment is None else [Kill(guard, *moment)]
    gan.fit(batches, epochs=EPOCHS, verbose=0, callbacks=[guard, *kill, checkpoint])
    failures = {"rollbacks": guard.num_rollbacks, "failures": [str(each) for each in guard.failures]}
    (folder / "end.json").write_text(json.dumps(failures))


def end_of(folder):
    """What a training left: bytes of its last checkpoint, which holds the whole state, the log, and the failures."""
    last = checkpoint_files.files(folder / "checkpoints")[0]
    counters = checkpoint_files.peek_at(last)
    return {
        "name": last.name,
        "content": last.read_bytes().hex(),
        "epoch": counters["epoch"],
        "log": (folder / "guard.log").read_text().splitlines(),
        **json.loads((folder / "end.json").read_text()),
    }


def main(folder, *moments):
    folder, ends = pathlib.Path(folder), {}
    for name in ("straight", *moments):
        own = folder / name.replace(":", "-")
        own.mkdir()
        if name != "straight":
            moment = tuple(map(int, name.split(":")))
            killed = forked.exit_code(forked.start(lambda own=own, moment=moment: train(own, moment)))
            assert killed == -signal.SIGKILL, f"{name} ended with {killed}"
        assert forked.exit_code(forked.start(lambda own=own: train(own))) == 0
        ends[name] = end_of(own)
    print(json.dumps(ends))


if __name__ == "__main__":
    main(*sys.argv[1:])
