"""The guard on pairs and on two domains: a planted failure is rolled back, the pool of past images as well."""

import keras
import numpy as np
import pytest
import translators

import kerasgan
from kerasgan.callbacks import Checkpoint, Guard

A, B = np.random.default_rng(0).uniform(-1, 1, (2, 24, 8, 8, 1)).astype("float32")


class Broken(keras.callbacks.Callback):
    """Sets the generator's weights to NaN after step 7, once, and keeps what the rollback gives back."""

    def __init__(self, guard):
        super().__init__()
        self.guard, self.planted, self.pools, self.restored = guard, False, {}, None

    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.g_optimizer.iterations)
        if self.guard.num_rollbacks == 1 and self.restored is None:
            self.restored = step, _pool(self.model), self.model.get_weights()
        if self.guard.num_rollbacks == 0:
            self.pools[step] = _pool(self.model)
        if step == 7 and not self.planted:
            self.planted = True
            network = self.model.generator
            network.set_weights([np.full_like(each, np.nan) for each in network.get_weights()])


def _pool(gan):
    return None if gan.pool is None else np.array(gan.pool.images)


@pytest.mark.parametrize("make", [translators.pix2pix, translators.cycle_gan])
def test_a_failure_is_rolled_back(tmp_path, make):
    keras.utils.set_random_seed(0)
    checkpoint = Checkpoint(tmp_path, every_steps=1, every_epochs=None, keep=100)
    guard = Guard("rollback", checkpoint, every_steps=2, max_rollbacks=2)
    # After the guard, in the same step: the weights are as the rollback has left them.
    broken = Broken(guard)
    batches, _ = kerasgan.datasets.load_unpaired(A, B, batch_size=4, seed=1)
    gan = make()
    gan.fit(batches, epochs=3, verbose=0, callbacks=[guard, broken, checkpoint])
    step, pool, weights = broken.restored
    assert guard.num_rollbacks == 1 and step == 6
    assert all(np.isfinite(each).all() for each in weights)
    assert (pool is None) == (gan.pool is None)
    assert pool is None or np.array_equal(pool, broken.pools[6])
