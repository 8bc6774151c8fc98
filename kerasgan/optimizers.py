"""Two optimizers where Keras expects one."""

import re

import keras


def for_both(d_optimizer, g_optimizer, discriminator, generator):
    """Returns the two players' Keras optimizers, built on their networks' weights.

    Building them here, not at the first step, is what lets a saved model restore their slots. The name `"adam"` gives
    the Adam of the GAN literature, learning rate 2e-4 and beta_1 0.5, rather than Keras's own defaults (1e-3 and 0.9),
    with which GANs oscillate; every other name gives Keras's optimizer as it is.

    Args:
        d_optimizer, g_optimizer: `keras.optimizers.Optimizer`s or their names.
        discriminator, generator: the networks they are to move.

    Raises:
        ValueError: for an unknown name, one optimizer for both players, or one that moves another model's weights.

    Reference: Radford et al., 2016, arXiv:1511.06434 (section 4).
    """
    if d_optimizer is g_optimizer and not isinstance(d_optimizer, str):
        raise ValueError(
            "Each player needs an optimizer of its own, for its own slots and steps. "
            f"Received: the same {type(d_optimizer).__name__} as d_optimizer and g_optimizer. Make two."
        )
    return _get(d_optimizer, "d", discriminator), _get(g_optimizer, "g", generator)


def _get(optimizer, player, network):
    if optimizer == "adam":
        optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    optimizer = keras.optimizers.get(optimizer)
    if network.dtype_policy.name == "mixed_float16" and not hasattr(optimizer, "inner_optimizer"):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    made_up = re.sub(r"_\d+$", "", optimizer.name)
    if made_up.replace("_", "") == type(optimizer).__name__.lower():
        # Keras numbers its names by how many optimizers came before; logs are told apart by them.
        optimizer.name = f"{player}_{made_up}"
    if not optimizer.built:
        optimizer.build(network.trainable_variables)
    elif [id(v) for v in optimizer._trainable_variables] != [id(v) for v in network.trainable_variables]:
        raise ValueError(
            f"An optimizer moves the weights of one network. Received: a {player}_optimizer that was built for other "
            "weights. Make a new one."
        )
    return optimizer


@keras.saving.register_keras_serializable(package="kerasgan")
class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A share of the rates of another schedule.

    Args:
        schedule: a `keras.optimizers.schedules.LearningRateSchedule`.
        share: what its rates are multiplied by, positive.
    """

    def __init__(self, schedule, share):
        self.schedule, self.share = schedule, share

    def __call__(self, step):
        return self.share * self.schedule(step)

    def get_config(self):
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "share": self.share}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["share"])


def plain_rate(optimizer):
    """Returns an optimizer's learning rate, a float, or None where it follows a schedule or a function."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return None if callable(inner._learning_rate) else float(inner._learning_rate.numpy())


def scale_schedule(optimizer, share):
    """Multiplies the rates of an optimizer's schedule by `share`, in every step that is traced from now on.

    Returns whether it has a schedule.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    schedule = inner._learning_rate
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return False
    if isinstance(schedule, ScaledSchedule):
        schedule, share = schedule.schedule, share * schedule.share
    inner.learning_rate = ScaledSchedule(schedule, share)
    return True


class OptimizerPair(keras.optimizers.Optimizer):
    """Shows the two optimizers of a game to callbacks that look for one `model.optimizer`.

    `learning_rate` reads as the generator's, and setting it sets both; Keras's schedules go through `optimizers` and
    ask for each rate by itself, so one that multiplies keeps the ratio of two time scales (Heusel et al., 2017,
    arXiv:1706.08500). `iterations` counts generator steps. Nothing is saved through the pair: the model saves the two
    optimizers themselves.
    """

    def __init__(self, d_optimizer, g_optimizer):
        super().__init__(learning_rate=0.0, name="optimizer_pair")
        self.optimizers = [d_optimizer, g_optimizer]
        self.built = True

    @property
    def variables(self):
        return [variable for optimizer in self.optimizers for variable in optimizer.variables]

    @property
    def iterations(self):
        return self.optimizers[1].iterations

    @property
    def learning_rate(self):
        return self.optimizers[1].learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        for optimizer in self.optimizers:
            optimizer.learning_rate = learning_rate

    def finalize_variable_values(self, var_list):
        for optimizer in self.optimizers:
            optimizer.finalize_variable_values(optimizer._trainable_variables)

    def save_own_variables(self, store):
        """Saves nothing: the two optimizers are saved with the model."""

    def load_own_variables(self, store):
        """Loads nothing: see `save_own_variables`."""

    def get_config(self):
        raise ValueError("The pair is rebuilt by GAN.compile and is never serialised. Save the GAN instead.")
