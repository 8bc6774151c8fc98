"""Frozen values (objectives, penalties, update rules, augmentations): how they are made, named and written to files."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, TypeVar, dataclass_transform

import keras

from kerasgan.validation import errors

Config = TypeVar("Config")


@dataclass_transform(frozen_default=True)
def frozen_config(cls: type[Config]) -> type[Config]:
    """Makes of a class a frozen dataclass that Keras writes into a `.keras` file and reads back.

    Two values with the same fields are equal, can be shared between models, and never change. A class of your own has
    to be defined (or imported) again before a model that was compiled with it is loaded.

    Example:

    ```python
    import kerasgan

    @kerasgan.frozen_config
    class Margin(kerasgan.objectives.Objective):
        margin: float = 1.0

        def d_loss(self, real_logits, fake_logits):
            return keras.ops.relu(self.margin - real_logits) + keras.ops.relu(self.margin + fake_logits)

        def g_loss(self, real_logits, fake_logits):
            return -fake_logits

    Margin(margin=2.0)
    ```
    """

    def get_config(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def from_config(cls, config: dict[str, Any]):
        return cls(**{name: _read(value) for name, value in config.items()})

    cls = dataclasses.dataclass(frozen=True)(cls)
    cls.get_config = get_config
    cls.from_config = classmethod(from_config)
    own = cls.__module__.split(".")[0] == "kerasgan"
    return keras.saving.register_keras_serializable(package="kerasgan" if own else "Custom")(cls)


def _read(value):
    """Returns the value of a field from a file, where a frozen value within another is a dict."""
    return keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value


def get(kind: str, received: Any, known: Mapping[str, type], members: Collection[str]) -> Any:
    """Returns the value that a name stands for; a ready-made value passes unchanged.

    Args:
        kind: what is looked for, for the error's wording, for example `"objective"`.
        received: a name in `known`, or an object that has the `members`.
        known: a dict of names to classes that can be made without arguments.
        members: names of the attributes that such a value must have.

    Raises:
        ValueError: for an unknown name, or an object without the members.
    """
    if isinstance(received, str):
        if received not in known:
            raise errors.unknown_name(kind, received, known)
        return known[received]()
    missing = [name for name in members if not hasattr(received, name)]
    if isinstance(received, type) and not missing:
        raise ValueError(
            f"The {kind} must be a value, not its class. Received: {kind}={received.__name__}. Call it: "
            f"{kind}={received.__name__}()."
        )
    if isinstance(received, type) or missing:
        raise ValueError(
            f"The {kind} must be a name or a value with {', '.join(members)}. Received: {kind}={received!r}. "
            f"Pass one of the names {sorted(known)} or an instance such as {next(iter(known.values())).__name__}()."
        )
    return received


def check_saveable(values: Mapping[str, Any]) -> None:
    """Checks that values can be written into a `.keras` file and read back.

    Args:
        values: a dict of the arguments of `compile` to frozen values, tuples of these, or None.

    Raises:
        ValueError: for a value of a class that is neither decorated with `frozen_config` nor has a `get_config` of its
            own. A subclass does not inherit the decoration: Keras would write it, and not find it again.
    """
    for name, value in values.items():
        for kind in map(type, value if isinstance(value, tuple) else (value,)):
            is_registered = keras.saving.get_registered_name(kind) != kind.__name__
            if kind is not type(None) and not is_registered and "get_config" not in vars(kind):
                raise ValueError(
                    "A GAN is saved with the values that it was compiled with, so their classes must be decorated with "
                    f"@kerasgan.frozen_config. Received: {name} of the class {kind.__name__}, which is not. Decorate "
                    "the class, and compile again with a new value."
                )
