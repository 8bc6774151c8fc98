"""A training that ends as it does in a power cut."""

import keras


class PowerCut(keras.callbacks.Callback):
    """Ends a training after a number of calls into the training step; callbacks that come after it are not called."""

    def __init__(self, after):
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("power cut")
