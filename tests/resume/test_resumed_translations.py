"""Pairs and domains without pairs, stopped in the middle of an epoch: all ends as it would have, bit for bit."""

import keras
import numpy as np
import pytest
import translators

import kerasgan
from kerasgan.resume import checkpoint_files, interrupts

A, B = np.random.default_rng(0).uniform(-1, 1, (2, 24, 8, 8, 1)).astype("float32")


class StopAfter(keras.callbacks.Callback):
    """Asks the checkpoint to stop at a step."""

    def __init__(self, checkpoint, step):
        super().__init__()
        self.checkpoint, self.step = checkpoint, step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.g_optimizer.iterations) == self.step:
            self.checkpoint.request_stop(15)


def fit(folder, make, stop_at=None, resume=False):
    """Trains three epochs of six batches, or to a step, and returns the newest checkpoint, byte for byte."""
    gan = make()
    checkpoint = kerasgan.callbacks.Checkpoint(folder, resume=resume)
    skip = checkpoint.skip_batches()
    batches, _ = kerasgan.datasets.load_unpaired(A, B, batch_size=4, skip_batches=skip, flip=True, seed=1)
    stop = [] if stop_at is None else [StopAfter(checkpoint, stop_at)]
    gan.fit(batches, epochs=3, verbose=0, callbacks=[*stop, checkpoint])
    return checkpoint_files.files(folder)[0].read_bytes()


@pytest.mark.parametrize("make", [translators.pix2pix, translators.cycle_gan])
def test_stopped_and_resumed(tmp_path, make):
    """The pool of 20 images is full after five steps, and changes from then on: at the stop, too."""

    def seeded():
        keras.utils.set_random_seed(0)
        return make()

    straight = fit(tmp_path / "straight", seeded)
    with pytest.raises(interrupts.Stopped):
        fit(tmp_path / "stopped", seeded, stop_at=9)
    assert checkpoint_files.step_of(checkpoint_files.files(tmp_path / "stopped")[0]) == 9
    assert fit(tmp_path / "stopped", make, resume=True) == straight  # weights, slots, seeds, pool and counters
