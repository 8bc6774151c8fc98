"""Two optimizers where Keras expects one."""

import re
from typing import Any

import keras

from kerasgan import keras_internals, schedules
from kerasgan.schedules import Cosine


def for_both(
    d_optimizer: str | keras.optimizers.Optimizer,
    g_optimizer: str | keras.optimizers.Optimizer,
    discriminator: keras.Model,
    generator: keras.Model,
) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
    """Returns the Keras optimizers of both networks, built on their weights.

    They are built here, not at the first step, so that a saved model can restore their slots. The name `"adam"` means
    the Adam of the GAN literature, learning rate 2e-4 and beta_1 0.5, instead of Keras's defaults (1e-3 and 0.9), with
    which GANs oscillate; every other name means Keras's optimizer as it is.

    Args:
        d_optimizer: the discriminator's `keras.optimizers.Optimizer`, or its name.
        g_optimizer: the generator's.
        discriminator: the network that `d_optimizer` updates.
        generator: the network that `g_optimizer` updates.

    Returns:
        The discriminator's optimizer, and the generator's.

    Raises:
        ValueError: for an unknown name, one optimizer for both networks, or one that was built for other weights.

    Reference: Radford et al., 2016, arXiv:1511.06434 (section 4).
    """
    if d_optimizer is g_optimizer and not isinstance(d_optimizer, str):
        raise ValueError(
            "Each network needs its own optimizer, with its own slots and steps. "
            f"Received: the same {type(d_optimizer).__name__} as d_optimizer and g_optimizer. Make two."
        )
    return _get(d_optimizer, "d", discriminator), _get(g_optimizer, "g", generator)


def _get(optimizer, prefix, network):
    if optimizer == "adam":
        optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    received = optimizer
    try:
        optimizer = keras.optimizers.get(received)
    except (ValueError, TypeError, KeyError):
        optimizer = None
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise ValueError(
            f"The {prefix}_optimizer must be a Keras optimizer, or the name of one. Received: "
            f"{prefix}_optimizer={received!r}. Use keras.optimizers.Adam(2e-4, beta_1=0.5)."
        )
    if network.dtype_policy.name == "mixed_float16" and not hasattr(optimizer, "inner_optimizer"):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    default_name = re.sub(r"_\d+$", "", optimizer.name)
    if default_name.replace("_", "") == type(optimizer).__name__.lower():
        # Keras numbers default names by how many optimizers came before; logs need names that do not change.
        optimizer.name = f"{prefix}_{default_name}"
    if not optimizer.built:
        optimizer.build(network.trainable_variables)
    elif not _same(keras_internals.trained_variables(optimizer), network.trainable_variables):
        raise ValueError(
            f"An optimizer updates the weights of one network. Received: a {prefix}_optimizer that was built for other "
            "weights. Make a new one."
        )
    return optimizer


def _same(variables, others):
    return [id(variable) for variable in variables] == [id(variable) for variable in others]


@keras.saving.register_keras_serializable(package="kerasgan")
class ScaledSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Another schedule times a constant.

    Args:
        schedule: a `keras.optimizers.schedules.LearningRateSchedule`.
        share: the constant, positive.
    """

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, share: float):
        self.schedule = schedule
        self.share = share

    def __call__(self, step: Any) -> Any:
        return self.share * self.schedule(step)

    def get_config(self) -> dict[str, Any]:
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "share": self.share}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ScaledSchedule":
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["share"])


@keras.saving.register_keras_serializable(package="kerasgan")
class ScheduledAdam(keras.optimizers.Adam):
    """Adam whose beta_2 changes over training.

    beta_2 is the decay of the second moments. A small one at the start forgets the first, large gradients; a large one
    at the end averages over more of them. The bias of the moments is corrected with beta_2 as it is at the step.

    Args:
        learning_rate: a number or a `keras.optimizers.schedules.LearningRateSchedule`.
        beta_1: decay of the first moments.
        beta_2: a `kerasgan.schedules.Cosine` over this optimizer's steps.
        options: those of `keras.optimizers.Adam`.

    Raises:
        ValueError: if `beta_2` is no schedule between numbers in [0, 1).

    Reference: Kingma and Ba, 2015, arXiv:1412.6980; Huang et al., 2024, arXiv:2501.05441 (the schedule).
    """

    def __init__(self, learning_rate: Any = 2e-4, beta_1: float = 0.0, beta_2: Any = None, **options: Any):
        if not isinstance(beta_2, Cosine) or not all(0 <= each < 1 for each in schedules.bounds(beta_2)):
            raise ValueError(
                f"beta_2 must be a schedule between numbers in [0, 1). Received: beta_2={beta_2!r}. Use "
                "kerasgan.schedules.Cosine(0.9, 0.99, steps=10_000), or keras.optimizers.Adam for a constant."
            )
        super().__init__(learning_rate, beta_1, beta_2.start, **options)
        self.beta_2_schedule = beta_2

    @property
    def beta_2(self) -> Any:
        """The decay of the second moments at the present step, a float32 scalar tensor."""
        return self.beta_2_schedule(self.iterations)

    @beta_2.setter
    def beta_2(self, beta_2: float) -> None:
        """Keras sets the start here."""

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_2": keras.saving.serialize_keras_object(self.beta_2_schedule)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "ScheduledAdam":
        beta_2 = keras.saving.deserialize_keras_object(config["beta_2"])
        return super().from_config(config | {"beta_2": beta_2}, custom_objects)


def plain_rate(optimizer: keras.optimizers.Optimizer) -> float | None:
    """Returns an optimizer's learning rate, or None where it follows a schedule or a function."""
    rate = keras_internals.learning_rate_setting(_inner(optimizer))
    return None if callable(rate) else float(keras.ops.convert_to_numpy(rate))


def scale_schedule(optimizer: keras.optimizers.Optimizer, share: float) -> bool:
    """Multiplies an optimizer's schedule by a constant, in every step that is traced from now on.

    Returns:
        Whether it has a schedule.
    """
    inner = _inner(optimizer)
    schedule = keras_internals.learning_rate_setting(inner)
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return False
    if isinstance(schedule, ScaledSchedule):
        schedule, share = schedule.schedule, share * schedule.share
    inner.learning_rate = ScaledSchedule(schedule, share)
    return True


def schedule_share(optimizer: keras.optimizers.Optimizer) -> float | None:
    """Returns the constant by which `scale_schedule` multiplied an optimizer's schedule; None without a schedule."""
    schedule = keras_internals.learning_rate_setting(_inner(optimizer))
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return None
    return schedule.share if isinstance(schedule, ScaledSchedule) else 1.0


def set_schedule_share(optimizer: keras.optimizers.Optimizer, share: float | None) -> bool:
    """Makes `schedule_share` return `share` for an optimizer with a schedule, in every step traced from now on.

    Returns:
        Whether that was a change.
    """
    before = schedule_share(optimizer)
    if before is None or share is None or before == share:
        return False
    inner = _inner(optimizer)
    schedule = keras_internals.learning_rate_setting(inner)
    schedule = schedule.schedule if isinstance(schedule, ScaledSchedule) else schedule
    inner.learning_rate = schedule if share == 1 else ScaledSchedule(schedule, share)
    return True


def current_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """Returns an optimizer's learning rate at its present step, also where it follows a schedule or a function."""
    return float(keras.ops.convert_to_numpy(_inner(optimizer).learning_rate))


def _inner(optimizer):
    """Returns the optimizer that a `LossScaleOptimizer` wraps, or the optimizer itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


class OptimizerPair(keras.optimizers.Optimizer):
    """Shows the two optimizers of a GAN to callbacks that use `model.optimizer`.

    `learning_rate` is the generator's, and setting it sets both. Keras's schedules iterate over `optimizers` and read
    each rate by itself, so a schedule that multiplies keeps the ratio of two time scales (Heusel et al., 2017,
    arXiv:1706.08500). `iterations` counts generator steps. Nothing is saved through the pair: the model saves the two
    optimizers themselves.
    """

    def __init__(self, d_optimizer: keras.optimizers.Optimizer, g_optimizer: keras.optimizers.Optimizer):
        super().__init__(learning_rate=0.0, name="optimizer_pair")
        self.optimizers: list[keras.optimizers.Optimizer] = [d_optimizer, g_optimizer]
        self.built = True

    @property
    def variables(self) -> list[Any]:
        """The variables of both optimizers."""
        return [variable for optimizer in self.optimizers for variable in optimizer.variables]

    @property
    def iterations(self) -> Any:
        """The number of generator steps."""
        return self.optimizers[1].iterations

    @property
    def learning_rate(self) -> Any:
        """The generator's learning rate."""
        return self.optimizers[1].learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        for optimizer in self.optimizers:
            optimizer.learning_rate = learning_rate

    def finalize_variable_values(self, var_list: Any) -> None:
        """Lets each optimizer finalize its own weights; `var_list` is not used."""
        for optimizer in self.optimizers:
            optimizer.finalize_variable_values(keras_internals.trained_variables(optimizer))

    def save_own_variables(self, store: Any) -> None:
        """Saves nothing: the two optimizers are saved with the model."""

    def load_own_variables(self, store: Any) -> None:
        """Loads nothing: see `save_own_variables`."""

    def get_config(self) -> dict[str, Any]:
        raise ValueError("The pair is rebuilt by GAN.compile and is never serialized. Save the GAN instead.")
