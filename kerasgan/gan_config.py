"""How a GAN is written to a `.keras` file and read back."""

from typing import Any

import keras

from kerasgan import configs, keras_internals
from kerasgan.validation import first_mistakes

COMPILED = ("objective", "penalties", "updates", "augment", "reconstruction")
"""The frozen values that a GAN is compiled with."""


class SavedGAN(keras.Model):
    """The part of `kerasgan.GAN` that saves: its networks, settings, optimizers, seeds and augmentation probability."""

    def get_config(self) -> dict[str, Any]:
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "latent_dim": self.latent_dim,
            "num_classes": self.num_classes,
            "ema": keras.saving.serialize_keras_object(self.ema),
            "seed": self.seed,
            "name": self.name,
            "condition": None if self.num_classes else keras.saving.serialize_keras_object(self.condition),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        parts = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("generator", "discriminator", "ema", "condition")
            if name in config  # older files have no condition
        }
        return cls(**{**config, **parts})

    def get_compile_config(self) -> dict[str, Any]:
        if not self.compiled:
            return {}
        frozen = {name: getattr(self, name) for name in COMPILED}
        configs.check_saveable(frozen)
        values = {"d_optimizer": self.d_optimizer, "g_optimizer": self.g_optimizer} | frozen
        return {name: keras.saving.serialize_keras_object(value) for name, value in values.items()} | {
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
            "jit_compile": self.jit_compile_setting,  # what it comes to differs between engines and machines
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))

    def save(self, filepath: Any, *args: Any, **options: Any) -> None:
        """Writes a `.keras` file, from which training goes on: `keras.Model.save`. Warns of classes without a name."""
        first_mistakes.warn_of_unregistered({"generator": self.generator, "discriminator": self.discriminator})
        super().save(filepath, *args, **options)

    def save_own_variables(self, store: Any) -> None:
        # Keras leaves the state of seed generators out of its files; without it, training on after a load would
        # draw other latents (and other dropout masks) than training on without one.
        for number, generator in enumerate(keras_internals.seed_generators(self)):
            store[f"seed_{number}"] = generator.state
        store["augment_probability"] = self.augment_probability

    def load_own_variables(self, store: Any) -> None:
        for number, generator in enumerate(keras_internals.seed_generators(self)):
            generator.state.assign(store[f"seed_{number}"])
        if getattr(self, "augment", None) is not None and self.augment.adapts:
            self.augment_probability.assign(store["augment_probability"])
