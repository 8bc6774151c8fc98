"""The training step: the updates that update rules (`kerasgan.updates`) are made of."""

from typing import Any

import keras
from keras import ops

from kerasgan import backend
from kerasgan.networks.inputs import network_inputs
from kerasgan.random import BatchRandom
from kerasgan.validation import networks

from . import averaging, diagnostics, forward, projection
from .penalties import penalty_loss

SMALLEST_GRADIENT = 1e-20
"""Takes the place of a discriminator's gradient that is 0 in a one-stage update: see `kerasgan.updates.OneStage`."""


def train_step(gan: Any, images: Any, condition: Any = None) -> dict[str, Any]:
    """Updates both networks on one batch, by the GAN's update rule.

    Args:
        gan: a compiled `kerasgan.GAN`.
        images: real images, float32 (batch, ...), in [-1, 1]; of a replica those of its share of the batch.
        condition: the conditions of the images, (batch, ...), or None for a GAN without.

    Returns:
        A dict of scalar float32 tensors, means over the whole batch: `d_loss`, `g_loss`, `d_penalty` (0.0 without
        penalties), `d_real` and `d_fake`, the means of `Objective.outputs` in the discriminator's updates;
        `d_class_loss` of a discriminator with an auxiliary classifier, what layers add for each real image; and
        `augment_probability` where the discriminator's images are augmented; for a GAN that records diagnostics, all of
        `kerasgan.step.DIAGNOSTICS`.
    """
    with backend.state_scope(gan):
        step = TrainingStep(gan)
        logs = gan.updates.play(step, images, condition)
        _check_losses(logs)
        step.project_kernels()
        backend.sync_statistics(gan.discriminator, gan.generator)
        if gan.ema is not None:
            whole_batch = backend.replica()[0] * forward.batch_size(images)
            averaging.update_average(gan, whole_batch // gan.updates.d_steps)
        logs = backend.mean_logs(logs)
        if gan.augment is not None:
            logs["augment_probability"] = ops.copy(gan.augment_probability)
        return logs


def test_step(gan: Any, images: Any, condition: Any, seed_generator: keras.random.SeedGenerator) -> dict[str, Any]:
    """Evaluates one batch, and updates nothing. Returns the logs without penalty, augmentation and diagnostics."""
    random = BatchRandom(seed_generator, *backend.replica())
    return backend.mean_logs(forward.evaluate_batch(gan, images, condition, random))


class TrainingStep:
    """The updates of one training step.

    Each method updates one network, or both, and returns its logs, a dict of scalar tensors.

    Args:
        gan: a compiled `kerasgan.GAN`.

    Attributes:
        gan: the same.
        random: the `kerasgan.random.BatchRandom` for latents and augmentation.
    """

    def __init__(self, gan: Any):
        self.gan = gan
        self.random = BatchRandom(gan.seed_generator, *backend.replica())
        self._updated = set()  # the networks that have not been called since their update

    def update_discriminator(self, images: Any, condition: Any = None, fake_images: Any = None) -> dict[str, Any]:
        """Updates the discriminator once, on real images and as many generated ones.

        Args:
            images: float32 (batch, ...), in [-1, 1].
            condition: the conditions of the images, (batch, ...), or None for a GAN without.
            fake_images: generated images, (batch, ...); None for new ones. Where the GAN has a pool of past images,
                some of these take their place.

        Returns:
            `d_loss`, `d_penalty`, `d_real`, `d_fake`, `d_class_loss` of a discriminator with an auxiliary classifier,
            and the diagnostics of the discriminator where they are recorded.
        """
        gan = self.gan
        variables = gan.discriminator.trainable_variables

        # Forward pass. The generator is not updated here, and needs no way back.
        if fake_images is None:
            inputs = network_inputs(self._latents(images), condition)
            fake_images = backend.call_network(gan.generator, inputs, training=True)
            self._updated.discard("generator")
        if gan.pool is not None:
            fake_images = gan.pool.exchange(fake_images, self.random)

        def total():
            real_logits, fake_logits, added_loss, added = self._discriminate(images, fake_images, condition)
            d_loss = ops.mean(gan.objective.d_loss(real_logits, fake_logits))
            return gan.d_optimizer.scale_loss(d_loss + added_loss), (real_logits, fake_logits, d_loss, added)

        scaled, pullback, (real_logits, fake_logits, d_loss, added) = backend.vjp(total, variables)

        # Backward pass through the discriminator.
        (gradients,) = pullback(ops.ones_like(scaled))
        gradients = backend.mean(gradients)

        # Update.
        backend.apply(gan.d_optimizer, gradients, variables)
        self._updated.add("discriminator")
        self._update_augmentation(real_logits, fake_logits)
        logs = self._diagnostics(gradients, images, fake_images, condition, real_logits, fake_logits)
        logs |= forward.mean_outputs(gan, real_logits, fake_logits)
        return logs | added | {"d_loss": d_loss}

    def update_generator(self, images: Any, condition: Any = None) -> dict[str, Any]:
        """Updates the generator once, on as many new latents as there are images.

        Args:
            images: float32 (batch, ...), in [-1, 1]; only objectives that are `paired` use their values.
            condition: the conditions of the images, (batch, ...), or None for a GAN without.

        Returns:
            `g_loss`, and the diagnostics of the generator where they are recorded.
        """
        gan = self.gan
        variables = gan.generator.trainable_variables

        # Forward pass. The logits of real images do not depend on the generator.
        real_logits = None
        if gan.objective.paired:
            real_logits, _ = forward.discriminate(gan, images, condition, True, self.random)
        latents = self._latents(images)

        def total():
            (fake_images, added_loss), logs = self._generate(images, latents, condition)
            fake_logits, _ = forward.discriminate(gan, fake_images, condition, True, self.random)
            g_loss = ops.mean(gan.objective.g_loss(real_logits, fake_logits))
            return gan.g_optimizer.scale_loss(g_loss + added_loss), logs | {"g_loss": g_loss}

        scaled, pullback, logs = backend.vjp(total, variables)

        # Backward pass through the discriminator and the generator.
        (gradients,) = pullback(ops.ones_like(scaled))
        gradients = backend.mean(gradients)

        # Update.
        backend.apply(gan.g_optimizer, gradients, variables)
        self._updated = {"generator"}
        return logs | diagnostics.of_generator(gan, gradients)

    def update_in_turn(self, images: Any, condition: Any = None) -> dict[str, Any]:
        """Updates the discriminator, then the generator on the same samples, generated once.

        The result is that of `update_discriminator` and `update_generator` with the same latents: the generator has not
        changed in between, and its samples are evaluated by the discriminator as just updated.

        Args:
            images: float32 (batch, ...), in [-1, 1].
            condition: the conditions of the images, (batch, ...), or None for a GAN without.

        Returns:
            The logs of `update_discriminator` and of `update_generator`.
        """
        gan = self.gan
        latents = self._latents(images)

        # Forward pass through the generator, which keeps its way back.
        def generated():
            return self._generate(images, latents, condition)

        (fake_images, _), g_pullback, g_logs = backend.vjp(generated, gan.generator.trainable_variables)

        # The discriminator's update.
        logs = self.update_discriminator(images, condition, ops.stop_gradient(fake_images))

        # Forward and backward pass through the updated discriminator.
        real_logits = None
        if gan.objective.paired:
            real_logits, _ = forward.discriminate(gan, images, condition, True, self.random)

        def discriminated(fake_images):
            fake_logits, _ = forward.discriminate(gan, fake_images, condition, True, self.random)
            g_loss = ops.mean(gan.objective.g_loss(real_logits, fake_logits))
            return gan.g_optimizer.scale_loss(g_loss), g_loss

        scaled, d_pullback, g_loss = backend.vjp(discriminated, [], fake_images)
        _, fake_gradient = d_pullback(ops.ones_like(scaled))

        # Backward pass through the generator.
        (gradients,) = g_pullback((fake_gradient, gan.g_optimizer.scale_loss(ops.ones(()))))
        gradients = backend.mean(gradients)

        # Update.
        backend.apply(gan.g_optimizer, gradients, gan.generator.trainable_variables)
        self._updated = {"generator"}
        return logs | g_logs | {"g_loss": g_loss} | diagnostics.of_generator(gan, gradients)

    def update_both(self, images: Any, condition: Any = None, one_stage: bool = False) -> dict[str, Any]:
        """Updates both networks at once, on the losses of one forward pass through each.

        Args:
            images: float32 (batch, ...), in [-1, 1].
            condition: the conditions of the images, (batch, ...), or None for a GAN without.
            one_stage: True for a single backward pass through the discriminator (Shen et al., 2021, arXiv:2103.00430),
                which needs one that evaluates each image by itself; False for one pass for each loss.

        Returns:
            The logs of `update_discriminator` and of `update_generator`.
        """
        gan = self.gan
        latents = self._latents(images)

        # Forward pass through the generator, and through the discriminator. Each keeps its own way back.
        def generated():
            return self._generate(images, latents, condition)

        def discriminated(fake_images):
            *outputs, added = self._discriminate(images, fake_images, condition)
            return tuple(outputs), added

        (fake_images, _), g_pullback, g_logs = backend.vjp(generated, gan.generator.trainable_variables)
        outputs, d_pullback, d_logs = backend.vjp(discriminated, gan.discriminator.trainable_variables, fake_images)
        real_logits, fake_logits, _ = outputs

        # Gradients of both losses with respect to the logits, which cost next to nothing.
        d_loss, g_loss, d_upstream, g_upstream = self._loss_gradients(real_logits, fake_logits)

        # Backward pass through the discriminator.
        if one_stage and len(fake_logits.shape) > 1:
            raise ValueError(networks.ONE_LOGIT)
        backward = _one_backward_pass if one_stage else _two_backward_passes
        d_gradients, fake_gradient = backward(d_pullback, fake_images, d_upstream, g_upstream)

        # Backward pass through the generator.
        (g_gradients,) = g_pullback((fake_gradient, g_upstream[-1]))

        # Update.
        d_gradients, g_gradients = backend.mean([d_gradients, g_gradients])
        self._update_both(d_gradients, g_gradients, real_logits, fake_logits)
        logs = self._diagnostics(d_gradients, images, fake_images, condition, real_logits, fake_logits)
        logs |= diagnostics.of_generator(gan, g_gradients) | forward.mean_outputs(gan, real_logits, fake_logits)
        return logs | g_logs | d_logs | {"d_loss": d_loss, "g_loss": g_loss}

    def project_kernels(self) -> None:
        """Projects the kernels of spectral normalization, of networks that have not been called since their update."""
        for name in sorted(self._updated):
            projection.project_kernels(getattr(self.gan, name))

    def _latents(self, images):
        return forward.draw_latents(self.gan, images, self.random)

    def _generate(self, images, latents, condition):
        """Returns generated images with the losses that are added to the generator's, and the logs of these."""
        gan = self.gan
        fake_images, added_loss = forward.generate(gan, latents, condition)
        if gan.reconstruction is None:
            return (fake_images, added_loss), {}

        def generate(condition):
            return forward.generate(gan, None, condition)[0]

        loss = gan.reconstruction.loss(images, fake_images, generate)
        return (fake_images, added_loss + loss), {"g_reconstruction": loss}

    def _discriminate(self, images, fake_images, condition):
        """Returns the logits of real and of generated images, what is added to the loss of these, and its logs."""
        gan = self.gan
        *logits, layer_loss, image_loss = forward.discriminate_pair(gan, images, fake_images, condition, self.random)
        penalty = penalty_loss(gan, images, fake_images, condition, self.random)
        logs = {"d_class_loss": image_loss} if gan.has_classifier else {}
        return *logits, layer_loss + penalty, logs | {"d_penalty": penalty}

    def _loss_gradients(self, real_logits, fake_logits):
        """Returns both losses, and the gradients of each, scaled as its optimizer asks for.

        The gradients are with respect to the logits of real images, the logits of generated ones, and the sum of layer
        losses (and penalties), which is added to each loss.
        """
        gan = self.gan

        def losses(real_logits, fake_logits):
            return forward.mean_losses(gan, real_logits, fake_logits), None

        (d_loss, g_loss), pullback, _ = backend.vjp(losses, [], real_logits, fake_logits)
        d_scale, g_scale = (each.scale_loss(ops.ones(())) for each in (gan.d_optimizer, gan.g_optimizer))
        _, *d_upstream = pullback((d_scale, None))
        _, *g_upstream = pullback((None, g_scale))
        return d_loss, g_loss, (*d_upstream, d_scale), (*g_upstream, g_scale)

    def _update_both(self, d_gradients, g_gradients, real_logits, fake_logits):
        gan = self.gan
        backend.apply(gan.d_optimizer, d_gradients, gan.discriminator.trainable_variables)
        backend.apply(gan.g_optimizer, g_gradients, gan.generator.trainable_variables)
        self._updated = {"discriminator", "generator"}
        self._update_augmentation(real_logits, fake_logits)

    def _update_augmentation(self, real_logits, fake_logits):
        """Updates the probability of an adaptive augmentation (`kerasgan.augment.Adaptive`)."""
        gan = self.gan
        if gan.augment is not None and gan.augment.adapts:
            real_logits, fake_logits = backend.gather((real_logits, fake_logits))
            neutral = gan.objective.neutral_logit
            distance = real_logits - (fake_logits if neutral is None else neutral)
            gan.augment_probability.assign(gan.augment.next_probability(gan.augment_probability, distance))

    def _diagnostics(self, gradients, images, fake_images, condition, real_logits, fake_logits):
        """Returns the diagnostics of an update of the discriminator, of the whole batch; empty if none are recorded."""
        if self.gan.diagnostics is None:
            return {}
        first = [None if each is None else each[: diagnostics.MAX_IMAGES] for each in (images, fake_images, condition)]
        whole = backend.gather((*first, real_logits, fake_logits))
        self.gan.diagnostics.count(ops.reshape(whole[0], (-1, *self.gan.image_shape)))  # gathered, it has no shape
        return diagnostics.of_discriminator(self.gan, gradients, *whole)


def _check_losses(logs):
    """Checks that an update rule has returned the logs of both networks."""
    missing = [name for name in ("d_loss", "g_loss") if name not in (logs or {})]
    if missing:
        raise ValueError(
            f"The logs of an update rule must hold both losses. Received: logs without {missing}. Return the logs of "
            "step.update_discriminator and step.update_generator together: d_logs | g_logs."
        )


def _two_backward_passes(d_pullback, fake_images, d_upstream, g_upstream):
    """Returns the gradients of the discriminator's weights, and those of the generator's loss for its images."""
    d_gradients, _ = d_pullback(d_upstream)
    _, fake_gradient = d_pullback((*g_upstream[:2], None))
    return d_gradients, fake_gradient


def _one_backward_pass(d_pullback, fake_images, d_upstream, g_upstream):
    """Returns the same, to rounding, from one pass.

    At each generated image the generator's gradient is the discriminator's, times the ratio of the two losses'
    gradients with respect to its logit. The pass must carry something even where the discriminator's is 0.
    """
    d_real, d_fake, d_scale = d_upstream
    carried = ops.where(ops.abs(d_fake) < SMALLEST_GRADIENT, ops.full_like(d_fake, SMALLEST_GRADIENT), d_fake)
    d_gradients, arrived = d_pullback((d_real, carried, d_scale))
    ratio = ops.reshape(g_upstream[1] / carried, [-1] + [1] * (len(fake_images.shape) - 1))
    return d_gradients, ops.cast(ratio * ops.cast(arrived, "float32"), fake_images.dtype)
