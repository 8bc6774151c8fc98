"""Small frozen values (objectives, penalties, orders of play): how they are made, named and written to files."""

import dataclasses

import keras

from kerasgan import errors


def value(cls):
    """Makes of `cls` a frozen dataclass that Keras can write into a `.keras` file and read back.

    Two values with the same fields are equal, can be shared between models, and never change once made.
    """

    def get_config(self):
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def from_config(cls, config):
        return cls(**config)

    cls = dataclasses.dataclass(frozen=True)(cls)
    cls.get_config = get_config
    cls.from_config = classmethod(from_config)
    return keras.saving.register_keras_serializable(package="kerasgan")(cls)


def get(kind, received, known, methods):
    """Returns the value that a name stands for; a ready-made value passes unchanged.

    Args:
        kind: what is looked for, for the error's wording, for example `"objective"`.
        received: a name in `known`, or an object that has the `methods`.
        known: a dict of names to classes that can be made without arguments.
        methods: names of the attributes an object must have to serve as such a value.

    Raises:
        ValueError: for an unknown name, or an object without the methods.
    """
    if isinstance(received, str):
        if received not in known:
            raise errors.unknown_name(kind, received, known)
        return known[received]()
    if isinstance(received, type) or not all(hasattr(received, method) for method in methods):
        raise ValueError(
            f"The {kind} must be a name or a value with {', '.join(methods)}. Received: {kind}={received!r}. "
            f"Pass one of the names {sorted(known)} or an instance such as {next(iter(known.values())).__name__}()."
        )
    return received
