"""Translation between two domains of images without pairs."""

from typing import Any

import keras
import numpy as np

from kerasgan import backend, conditions, reconstruction, sampling, step
from kerasgan import updates as update_rules
from kerasgan.ema import EMA
from kerasgan.gan import GAN
from kerasgan.networks import joined
from kerasgan.validation import scalars

PARTS = ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
DEFAULT_UPDATES = update_rules.Alternating(same_samples=True)
_ORIGIN = {"a": "b", "b": "a"}


@keras.saving.register_keras_serializable(package="kerasgan")
class CycleGAN(GAN):
    """Two generators that translate images of domain a to domain b and back, and a discriminator for each domain.

    It is a `kerasgan.GAN` whose images are pairs (a, b), joined along the channels: its generator is
    G(a, b) = (to_a(b), to_b(a)), its discriminator has the logits of both domains, and its losses are means over both.
    So it is trained by the same step, and with the same callbacks, as every other GAN.

    Args:
        generator_ab, generator_ba: Keras models from images of the one domain to images of the other, of the same size,
            in [-1, 1].
        discriminator_a, discriminator_b: Keras models from images of a domain to one logit each, or to a map of them.
        ema, seed, name: as for `kerasgan.GAN`.
        image_size: (height, width) of the images in training, where the networks take any size; None where they are
            built for one.

    Raises:
        ValueError: if a generator's output is no image of the other domain, of the same size, or the networks share
            weights.

    Example:

    ```python
    import numpy as np

    import kerasgan

    to_b, to_a = (kerasgan.networks.translator((32, 32, 1), width=4, blocks=1) for _ in range(2))
    of_a, of_b = (kerasgan.networks.patchgan((32, 32, 1), width=4) for _ in range(2))
    gan = kerasgan.CycleGAN(to_b, to_a, of_a, of_b, image_size=(32, 32))
    gan.compile()
    a, b = np.random.uniform(-1, 1, (2, 8, 32, 32, 1)).astype("float32")
    gan.fit(a, b, batch_size=4, verbose=0)
    print(gan.translate(a, to="b").shape)  # (8, 32, 32, 1)
    ```

    Reference: Zhu et al., 2017, arXiv:1703.10593.
    """

    translates_both_ways = True

    def __init__(
        self,
        generator_ab: keras.Model,
        generator_ba: keras.Model,
        discriminator_a: keras.Model,
        discriminator_b: keras.Model,
        ema: EMA | None = None,
        seed: int | None = None,
        name: str = "cycle_gan",
        image_size: tuple[int, int] | None = None,
    ):
        networks = (generator_ab, generator_ba, discriminator_a, discriminator_b)
        _check_kinds(networks)
        size = _size_of(networks, image_size)
        channels = _check_generators(generator_ab, generator_ba, size)
        _check_discriminators((discriminator_a, discriminator_b), channels)
        for part, network in zip(PARTS, networks, strict=True):
            network.name = part  # both generators may have been built by the same function
        super().__init__(
            joined.join_generators(generator_ab, generator_ba, channels),
            joined.join_discriminators(discriminator_a, discriminator_b, channels),
            latent_dim=0,
            ema=ema,
            seed=seed,
            name=name,
            condition=conditions.Image((*size, sum(channels))),
        )
        self.channels = channels
        self.translators = {
            to: backend.sampler(self.part(name, averaged=True), 0, conditions.Image((*size, own)))
            for to, name, own in (("b", "generator_ab", channels[0]), ("a", "generator_ba", channels[1]))
        }

    @property
    def data_spec(self) -> tuple[tuple[int, ...], conditions.Condition]:
        """What `fit` takes: images of domain a, and with each one of domain b."""
        size = self.image_shape[:2]
        return (*size, self.channels[0]), conditions.Image((*size, self.channels[1]))

    def compile(
        self,
        d_optimizer: Any = "adam",
        g_optimizer: Any = "adam",
        objective: Any = "least_squares",
        cycle: float = 10.0,
        identity: float = 0.5,
        pool_images: int = 50,
        updates: Any = DEFAULT_UPDATES,
        **options: Any,
    ) -> None:
        """Configures training: `kerasgan.GAN.compile`, with the losses of the cycle and a pool of past images.

        Args:
            d_optimizer, g_optimizer, objective, updates: as for `GAN.compile`, with the defaults of the paper.
            cycle: weight of the distance between an image and itself, translated there and back; at least 0.
            identity: weight, relative to `cycle`, of the distance between an image and its translation into its own
                domain; 0 for none.
            pool_images: generated images of earlier steps, of which the discriminator sees some in place of new ones; 0
                for none.
            options: the other arguments of `GAN.compile`.

        Raises:
            ValueError: as `GAN.compile` does; for weights below 0, an identity between domains of different channels,
                or a pool with updates of both networks at once.
        """
        pool_images = scalars.whole_number("pool_images", pool_images, 0)
        loss = reconstruction.Cycle(cycle, identity, self.channels[0])
        rule = update_rules.get(updates)
        _check_pool(pool_images, rule)
        super().compile(d_optimizer, g_optimizer, objective, updates=rule, reconstruction=loss, **options)
        if pool_images != (0 if self.pool is None else self.pool.size):
            with self.placement.scope():
                self.pool = step.ImagePool(pool_images, self.image_shape, self.channels) if pool_images else None

    def translate(self, images: Any, to: str = "b", seed: int | None = 0, batch_size: int = 16) -> np.ndarray:
        """Translates images into a domain.

        Args:
            images: float array (n, height, width, channels) in [-1, 1], of the other domain, of any size that the
                generator takes.
            to: `"b"` translates images of domain a to domain b, `"a"` those of b to a.
            seed: there are no latents, and it changes nothing.
            batch_size: how many are computed at a time, at least 1; bounds the memory, changes nothing else.

        Returns:
            NumPy float32 array (n, height, width, channels).

        Raises:
            ValueError: for another domain; for images of another number of channels or out of range, or of a size that
                the generator cannot take.
        """
        if to not in self.translators:
            raise ValueError(f"to must be the domain 'a' or 'b'. Received: to={to!r}. to='b' translates images of a.")
        images = sampling.images_to_translate(images)
        batch_size = scalars.whole_number("batch_size", batch_size, 1)
        sampling.check_size(self.part(f"generator_{_ORIGIN[to]}{to}", averaged=True), 0, images.shape[1:])
        self.condition.check_range(float(images.min(initial=0)), float(images.max(initial=0)))
        shape = (*images.shape[1:3], self.channels[to == "b"])
        return sampling.in_batches(self.translators[to], [images.astype("float32")], len(images), batch_size, shape)

    def part(self, name: str, averaged: bool = False) -> keras.Model:
        """Returns one of the four networks, by the name of its argument.

        Args:
            name: one of `generator_ab`, `generator_ba`, `discriminator_a`, `discriminator_b`.
            averaged: True for the averaged generator, where there is one.
        """
        if name.startswith("discriminator"):
            return self.discriminator.get_layer(name)
        return (self.sampler if averaged else self.generator).get_layer(name)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        kept = {name: config[name] for name in ("ema", "seed", "name")}
        parts = {name: keras.saving.serialize_keras_object(self.part(name)) for name in PARTS}
        return parts | kept | {"image_size": list(self.image_shape[:2])}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        parts = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in (*PARTS, "ema")
        }
        return cls(**{**config, **parts})

    def get_compile_config(self) -> dict[str, Any]:
        config = super().get_compile_config()
        if not config:
            return config
        del config["reconstruction"]  # it follows from the weights
        loss, pool = self.reconstruction, self.pool
        return config | {
            "cycle": loss.weight,
            "identity": loss.identity,
            "pool_images": 0 if pool is None else pool.size,
        }

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        if self.pool is not None:
            for variable in self.pool.variables:
                store[variable.name] = variable

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        if self.pool is not None:
            for variable in self.pool.variables:
                variable.assign(store[variable.name])

    def batch_of(self, data: Any) -> tuple[Any, Any]:
        """Returns the images of one batch of `fit`, both domains joined, which are their own condition."""
        a, b = super().batch_of(data)
        images = keras.ops.concatenate([a, b], axis=-1)
        return images, images


def _check_pool(pool_images, rule):
    if pool_images and not isinstance(rule, update_rules.Alternating):
        raise ValueError(
            "With a pool the discriminator and the generator see different images, which one pass cannot have. "
            f"Received: pool_images={pool_images} with updates={rule!r}. Use pool_images=0, or "
            "kerasgan.updates.Alternating(same_samples=True)."
        )


def _check_kinds(networks):
    for name, network in zip(PARTS, networks, strict=True):
        if not isinstance(network, keras.Model) or len(getattr(network, "inputs", None) or []) != 1:
            raise ValueError(
                f"{name} must be a Keras model with one input, images. Received: {name}={network!r}. Use "
                "kerasgan.networks.translator and kerasgan.networks.patchgan without a condition."
            )
    if len({id(network) for network in networks}) < len(networks):
        raise ValueError("The four networks must be different ones. Received: the same one twice. Build each anew.")


def _size_of(networks, image_size):
    """Returns (height, width) of the images in training."""
    built = [network.inputs[0].shape[1:3] for network in networks]
    known = {tuple(size) for size in built if None not in size}
    if image_size is not None:
        known.add(tuple(scalars.whole_number("image_size", side, 1) for side in image_size))
    if len(known) != 1:
        raise ValueError(
            "The images of both domains have one size. Received: "
            f"{f'networks and image_size for {sorted(known)}' if known else 'networks for any size, and no image_size'}"
            ". Give image_size=(height, width), and networks for that size or for any."
        )
    return known.pop()


def _check_generators(generator_ab, generator_ba, size):
    """Checks that each generator returns images of the other domain; returns the channels of both domains."""
    channels = tuple(network.inputs[0].shape[-1] for network in (generator_ab, generator_ba))
    for network, name, own, other in (
        (generator_ab, "generator_ab", *channels),
        (generator_ba, "generator_ba", *channels[::-1]),
    ):
        translated = network.compute_output_spec(keras.KerasTensor((None, *size, own)))
        if tuple(translated.shape[1:]) != (*size, other):
            raise ValueError(
                f"{name} must return images that the other generator takes, of shape {(*size, other)}. Received: "
                f"{tuple(translated.shape[1:])} for images of shape {(*size, own)}. Build both for their channels, "
                "and for sizes that halve."
            )
    return channels


def _check_discriminators(discriminators, channels):
    for name, network, own in zip(PARTS[2:], discriminators, channels, strict=True):
        if network.inputs[0].shape[-1] not in (None, own):
            raise ValueError(
                f"{name} must take images of its domain, of {own} channels. Received: one for "
                f"{network.inputs[0].shape[-1]} channels. Build it for image_shape=(height, width, {own})."
            )
