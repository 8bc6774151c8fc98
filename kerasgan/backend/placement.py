"""Who plays a game: one process alone on one device, or the replicas of a distribution strategy."""

import contextlib

import keras


def crew():
    """Returns the crew for a game that is made here: `Alone`, or that of the strategy in whose scope this is."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.distribute.has_strategy():
            from .strategies import Replicas

            return Replicas(tf.distribute.get_strategy())
    return Alone()


class Alone:
    """No strategy: everything is as Keras has it."""

    alone = True
    count = 1

    def scope(self):
        """Returns the context in which variables are made."""
        return contextlib.nullcontext()

    def check_here(self):
        """Checks that a game made outside of any strategy is not trained in the scope of one.

        Raises:
            ValueError: if it is.
        """
        if not crew().alone:
            raise ValueError(
                "A game is trained by the strategy in whose scope it was made. Received: one made outside, within a "
                "`strategy.scope()`. Build the networks, the GAN and its optimizers within it; fit goes anywhere."
            )

    def agreed(self, signal_number, batch):
        """Returns the signal by which training is to end after a batch, or None: alone, at once."""
        return signal_number

    def check_networks(self, game):
        """Any networks will do."""

    def check_rules(self, game, jit_compile):
        """Any rules will do."""

    def checked_steps(self, steps_per_execution):
        """Returns how many steps one call takes: as many as asked for."""
        return steps_per_execution

    def shares(self, minibatches):
        """Returns of what the size of every batch must be a multiple: of anything."""
        return 1

    def has_dealt(self, x):
        """Whether these data have been dealt out already."""
        return False

    def dealt(self, x, y, game, batch_size, minibatches, shuffle=False):
        """Returns the data of `fit` or `evaluate` as they are."""
        return x, y
