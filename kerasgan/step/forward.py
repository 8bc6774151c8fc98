"""Forward passes: generated images, logits and losses, in `keras.ops` alone.

Every function takes `gan`, a compiled `kerasgan.GAN`; real images as a float tensor (batch, ...), in [-1, 1]; their
conditions (batch, ...), or None for a GAN without; and where it draws, `random`, a `kerasgan.random.BatchRandom`.
Generated images have the conditions of the real ones in the same batch, so that both kinds have the same.

Logits are float32 (batch,) of a discriminator with one logit for each image, and (batch, patches) of one that returns a
map of logits. Losses are then means over the patches.
"""

from typing import Any

import keras
from keras import ops

from kerasgan import backend, objectives
from kerasgan.networks.inputs import network_inputs
from kerasgan.random import BatchRandom
from kerasgan.validation import networks


def generate(gan: Any, latents: Any, condition: Any) -> tuple[Any, Any]:
    """Returns generated images, and the sum of the losses that the generator's layers added."""
    images = backend.call_network(gan.generator, network_inputs(latents, condition), training=True)
    return images, layer_losses(gan.generator) + mean_image_loss(gan.generator, batch_size(images))


def discriminate(gan: Any, images: Any, condition: Any, training: bool, random: BatchRandom | None) -> tuple[Any, Any]:
    """Returns the logits, float32 (batch,) or (batch, patches), and the losses that the discriminator's layers added.

    Where the GAN augments, the discriminator gets the images augmented, with numbers from `random`; without `random`,
    as in inference, it gets them as they are.
    """
    if random is not None and gan.augment is not None:  # in inference the GAN may not be compiled yet
        images = gan.augment.apply(images, random, gan.augment_probability)
    inputs = network_inputs(images, condition if gan.discriminates_by_condition else None)
    logits = ops.cast(backend.call_network(gan.discriminator, inputs, training=training), "float32")
    logits = ops.reshape(logits, [batch_size(images), -1] if gan.has_patches else [-1])
    return logits, layer_losses(gan.discriminator)


def discriminate_pair(
    gan: Any, images: Any, fake_images: Any, condition: Any, random: BatchRandom
) -> tuple[Any, Any, Any, Any]:
    """Returns the logits of real and of generated images, and two sums of the discriminator's layer losses.

    Of the losses that a layer adds for each image, the mean over the real images counts. The first sum is that of all
    losses, the second that of these means.

    A discriminator that evaluates each image by itself is called once, on both kinds together. One that normalizes
    across the batch is called on each kind apart, as the DCGAN paper's authors do, so that the statistics of neither
    reveal the other.
    """
    if networks.why_not_per_sample(gan.discriminator) is None:
        both = ops.concatenate([images, ops.cast(fake_images, images.dtype)], axis=0)
        logits, losses = discriminate(gan, both, repeat_condition(condition, 2), True, random.of_parts(2))
        real_logits, fake_logits = ops.split(logits, 2)
        image_loss = mean_image_loss(gan.discriminator, batch_size(images))
        return real_logits, fake_logits, losses + image_loss, image_loss
    real_logits, real_losses = discriminate(gan, images, condition, True, random)
    image_loss = mean_image_loss(gan.discriminator, batch_size(images))
    fake_logits, fake_losses = discriminate(gan, fake_images, condition, True, random)
    # Halved, these are the losses of one call on both kinds: weight penalties count once.
    return real_logits, fake_logits, (real_losses + fake_losses) / 2 + image_loss, image_loss


def mean_losses(gan: Any, real_logits: Any, fake_logits: Any) -> tuple[Any, Any]:
    """Returns the means of the discriminator's and the generator's loss, without penalties and layer losses."""
    d_loss = ops.mean(gan.objective.d_loss(real_logits, fake_logits))
    g_loss = ops.mean(gan.objective.g_loss(real_logits, fake_logits))
    return d_loss, g_loss


def mean_outputs(gan: Any, real_logits: Any, fake_logits: Any) -> dict[str, Any]:
    """Returns the logs `d_real` and `d_fake`: the means of what the objective takes for the discriminator's outputs."""
    real, fake = objectives.outputs(gan.objective, real_logits, fake_logits)
    return {"d_real": ops.mean(real), "d_fake": ops.mean(fake)}


def evaluate_batch(gan: Any, images: Any, condition: Any, random: BatchRandom) -> dict[str, Any]:
    """Evaluates real images and as many generated ones in inference mode, and updates nothing. Returns the logs."""
    fake_images = backend.call_network(
        gan.generator, network_inputs(draw_latents(gan, images, random), condition), training=False
    )
    real_logits, _ = discriminate(gan, images, condition, False, random)
    fake_logits, _ = discriminate(gan, fake_images, condition, False, random)
    d_loss, g_loss = mean_losses(gan, real_logits, fake_logits)
    return {"d_loss": d_loss, "g_loss": g_loss} | mean_outputs(gan, real_logits, fake_logits)


def draw_latents(gan: Any, images: Any, random: BatchRandom) -> Any:
    """Returns latents, float32 (batch, latent_dim), as many as there are images; None for a generator without."""
    return random.normal((batch_size(images), gan.latent_dim)) if gan.latent_dim else None


def layer_losses(network: keras.Model) -> Any:
    """Returns the sum of weight penalties and scalar `add_loss` terms of the network's last call; 0.0 without any."""
    return _sum([loss for loss in network.losses if not _is_of_images(loss)])


def mean_image_loss(network: keras.Model, count: Any) -> Any:
    """Returns the mean over the first `count` images of the `add_loss` terms (batch,) of the network's last call."""
    return _sum([ops.mean(loss[:count]) for loss in network.losses if _is_of_images(loss)])


def _is_of_images(loss):
    return len(loss.shape) == 1


def _sum(losses):
    losses = [ops.cast(ops.sum(loss), "float32") for loss in losses]
    return ops.sum(ops.stack(losses)) if losses else ops.zeros(())


def batch_size(images: Any) -> Any:
    """Returns how many images there are, an int where that is known."""
    return ops.shape(images)[0]


def repeat_condition(condition: Any, times: int) -> Any:
    """Returns conditions repeated, as often as images are concatenated; None for None."""
    return None if condition is None else ops.concatenate([condition] * times, axis=0)
