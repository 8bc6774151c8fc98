"""The engine on JAX: the training step in each order of play, as on TensorFlow, and where Keras differs there.

The functions are those of `kerasgan.backend.tensorflow`, whose header says what they take. How they come to their
gradients, and to Keras's pure steps, is in `kerasgan.backend.scopes`.
"""

import os

import jax
import numpy as np
from jax import numpy as jnp

from . import events, pieces, scopes, vitals
from .events import EventFile as EventFile
from .numpy_data import batches as batches
from .numpy_data import fit_array as fit_array
from .scopes import stepped as stepped

NAME = "jax"
PACKAGES = ("jax", "jaxlib")
WRITE_ERRORS = (OSError,)
NO_EXPORT = (
    "A SavedModel is written by TensorFlow, and so are the formats made from it. Received: the Keras backend 'jax'. "
    "Save the game as a .keras file, which TensorFlow loads as well; for a run: KERAS_BACKEND=tensorflow kerasgan "
    "export RUN --out PATH"
)
"""Why nothing can be exported, a sentence; None on an engine that can."""
_LEAST = 1e-20  # see updates.OneStage


def train_step(game, images, labels=None):
    """Plays one round in the game's order of play, which moves both networks. See `kerasgan.backend.tensorflow`."""
    logs = _PLAY[type(game.updates).__name__](game, images, labels)
    if game.ema is not None:
        pieces.average(game, pieces.batch_size(images) // game.updates.d_steps)
    return logs | ({} if game.augment is None else {"augment_probability": scopes.value(game.augment_probability)})


def test_step(game, images, labels, seed_generator):
    """Judges real images and as many generated ones, and moves nothing. Returns the same dict as `train_step`."""
    return pieces.tested(game, images, labels, seed_generator)


def alternating(game, images, labels=None):
    """k discriminator steps on their own minibatches, then one generator step (`updates.Alternating`)."""
    minibatches = pieces.split(images, labels, game.updates.d_steps)
    d_logs = [discriminator_step(game, *minibatch) for minibatch in minibatches]
    g_logs = generator_step(game, *minibatches[-1])
    return {name: sum(logs[name] for logs in d_logs) / len(d_logs) for name in d_logs[0]} | g_logs


def simultaneous(game, images, labels=None):
    """Both networks move at once, on the losses of one pass through each (`updates.Simultaneous`)."""
    latents = pieces.draw_latents(game, images)

    def charged():
        fake_images, g_extra = pieces.imagine(game, latents, labels)
        real_logits, fake_logits, d_extra = pieces.judge_both(game, images, fake_images, labels)
        d_loss, g_loss = pieces.losses(game, real_logits, fake_logits)
        penalty = _penalty(game, images, fake_images, labels)
        both = game.d_optimizer.scale_loss(d_loss + d_extra + penalty), game.g_optimizer.scale_loss(g_loss + g_extra)
        return both, (fake_images, real_logits, fake_logits, d_loss, g_loss, penalty)

    d_variables, g_variables = game.discriminator.trainable_variables, game.generator.trainable_variables
    (d_charged, g_charged), back, seen = scopes.vjp(game, charged, [*d_variables, *g_variables])
    one, none = jnp.ones_like(d_charged), jnp.zeros_like(g_charged)
    d_gradients = back((one, none))[0][: len(d_variables)]
    g_gradients = back((none, one))[0][len(d_variables) :]
    return _moved(game, d_gradients, g_gradients, images, labels, seen)


def one_stage(game, images, labels=None):
    """The step of `simultaneous` from one backward pass through the discriminator (`updates.OneStage`)."""
    latents = pieces.draw_latents(game, images)

    def imagined():
        fake_images, g_extra = pieces.imagine(game, latents, labels)
        return (fake_images, game.g_optimizer.scale_loss(g_extra)), ()

    def judged(fake_images):
        real_logits, fake_logits, d_extra = pieces.judge_both(game, images, fake_images, labels)
        penalty = _penalty(game, images, fake_images, labels)  # has no way back to the generator
        return (real_logits, fake_logits, game.d_optimizer.scale_loss(d_extra + penalty)), penalty

    def wanted(real_logits, fake_logits):
        d_loss, g_loss = pieces.losses(game, real_logits, fake_logits)
        return (game.d_optimizer.scale_loss(d_loss), game.g_optimizer.scale_loss(g_loss)), (d_loss, g_loss)

    (fake_images, g_extra), g_back, _ = scopes.vjp(game, imagined, game.generator.trainable_variables)
    logits, d_back, penalty = scopes.vjp(game, judged, game.discriminator.trainable_variables, fake_images)
    real_logits, fake_logits, d_extra = logits

    # The losses see the logits alone, so what each player wants of them costs next to nothing.
    _, back, (d_loss, g_loss) = scopes.vjp(game, wanted, [], real_logits, fake_logits)
    _, d_wants_of_real, d_wants_of_fake = back((jnp.ones(()), jnp.zeros(())))
    _, _, g_wants_of_fake = back((jnp.zeros(()), jnp.ones(())))

    # One way back through D, which must carry something even for images that D is done with.
    carried = jnp.where(jnp.abs(d_wants_of_fake) < _LEAST, _LEAST, d_wants_of_fake)
    d_gradients, arrived = d_back((d_wants_of_real, carried, jnp.ones_like(d_extra)))
    factor = jnp.reshape(g_wants_of_fake / carried, [-1] + [1] * (len(fake_images.shape) - 1))
    upstream = (factor * arrived.astype("float32")).astype(fake_images.dtype)
    (g_gradients,) = g_back((upstream, jnp.ones_like(g_extra)))
    seen = fake_images, real_logits, fake_logits, d_loss, g_loss, penalty
    return _moved(game, d_gradients, g_gradients, images, labels, seen)


def _moved(game, d_gradients, g_gradients, images, labels, seen):
    """Moves both networks at once, and returns the logs; `seen` is what the pass through them has come to."""
    fake_images, real_logits, fake_logits, d_loss, g_loss, penalty = seen
    _apply(game.d_optimizer, d_gradients, game.discriminator.trainable_variables)
    _apply(game.g_optimizer, g_gradients, game.generator.trainable_variables)
    pieces.adapt(game, real_logits, fake_logits)
    signs = vitals.of_discriminator(game, d_gradients, images, fake_images, labels, real_logits, fake_logits)
    signs |= vitals.of_generator(game, g_gradients) | pieces.probabilities(real_logits, fake_logits)
    return signs | {"d_loss": d_loss, "g_loss": g_loss, "d_penalty": penalty}


def discriminator_step(game, images, labels=None):
    """Moves the discriminator once, on real images and as many newly generated ones; the generator stays."""
    fake_images = pieces.call(game.generator, pieces.beside(pieces.draw_latents(game, images), labels), training=True)

    def charged():
        real_logits, fake_logits, d_extra = pieces.judge_both(game, images, fake_images, labels)
        d_loss = jnp.mean(game.objective.d_loss(real_logits, fake_logits))
        penalty = _penalty(game, images, fake_images, labels)
        return game.d_optimizer.scale_loss(d_loss + d_extra + penalty), (real_logits, fake_logits, d_loss, penalty)

    variables = game.discriminator.trainable_variables
    total, back, (real_logits, fake_logits, d_loss, penalty) = scopes.vjp(game, charged, variables)
    (gradients,) = back(jnp.ones_like(total))
    _apply(game.d_optimizer, gradients, variables)
    pieces.adapt(game, real_logits, fake_logits)
    seen = vitals.of_discriminator(game, gradients, images, fake_images, labels, real_logits, fake_logits)
    return seen | {"d_loss": d_loss, "d_penalty": penalty} | pieces.probabilities(real_logits, fake_logits)


def generator_step(game, images, labels=None):
    """Moves the generator once, on as many new latents as there are images; the discriminator stays."""
    # Only a paired objective looks at the real images here; their logits do not depend on the generator.
    real_logits = None
    if game.objective.paired:
        real_logits, _ = pieces.judge(game, images, labels, training=True, seed_generator=game.seed_generator)
    latents = pieces.draw_latents(game, images)

    def charged():
        fake_images, g_extra = pieces.imagine(game, latents, labels)
        fake_logits, _ = pieces.judge(game, fake_images, labels, training=True, seed_generator=game.seed_generator)
        g_loss = jnp.mean(game.objective.g_loss(real_logits, fake_logits))
        return game.g_optimizer.scale_loss(g_loss + g_extra), g_loss

    variables = game.generator.trainable_variables
    total, back, g_loss = scopes.vjp(game, charged, variables)
    (gradients,) = back(jnp.ones_like(total))
    _apply(game.g_optimizer, gradients, variables)
    return {"g_loss": g_loss} | vitals.of_generator(game, gradients)


def sampler(generator, latent_dim, num_classes):
    """Returns a compiled function from latents (n, latent_dim) to float32 images (n, ...), in inference mode.

    Where there are classes, it takes labels, int32 (n,), as well. Batches are filled up to a power of two, so that
    there are few sizes to compile for.
    """
    compiled = inference(generator)

    def sample(latents, labels=None):
        n = len(latents)
        parts = [np.asarray(latents, "float32"), *([] if num_classes is None else [np.asarray(labels, "int32")])]
        parts = [_filled(part, 1 << max(n - 1, 0).bit_length()) for part in parts]
        return compiled(pieces.beside(parts[0], parts[1] if len(parts) > 1 else None))[:n].astype("float32")

    return sample


def inference(network):
    """Returns a Keras model in inference mode as a compiled function of what it takes."""

    @jax.jit
    def compiled(trainable, non_trainable, inputs):
        return network.stateless_call(trainable, non_trainable, inputs, training=False)[0]

    def call(inputs):
        parts = network.trainable_variables, network.non_trainable_variables
        return compiled(*([scopes.value(each) for each in part] for part in parts), inputs)

    return call


def draw_labels(n, seed, num_classes):
    """Draws labels, int32 (n,), uniformly from the classes; the same for the same seed."""
    return jax.random.randint(jax.random.fold_in(jax.random.key(seed), 1), (n,), 0, num_classes, "int32")


def make_deterministic():
    """Makes every operation give the same result each time: on a GPU, as long as none has run in this process."""
    flag = "--xla_gpu_deterministic_ops=true"
    if flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


def devices():
    """Returns the kinds of the devices there are, a list of names such as "CPU"."""
    return [device.platform.upper() for device in jax.devices()]


def first_of(batches, count):
    """Returns an iterator over the first `count` batches of Keras's next epoch, as its steps take them."""
    iterator = iter(batches._get_iterator())
    return (next(iterator) for _ in range(count))


def summaries():
    """Returns what Keras's TensorBoard callback writes with."""
    return events.Summaries()


def _penalty(game, images, fake_images, labels):
    """The sum of the penalties that are due at this step of the discriminator, a scalar; 0.0 where there are none.

    Penalties that are due together share one call of the discriminator, on points of their own: nothing of them flows
    back to the generator.
    """
    total = jnp.zeros(())
    for every in sorted({penalty.every for penalty in game.penalties}):
        due = [penalty for penalty in game.penalties if penalty.every == every]
        points = [pieces.points(game, penalty.where, images, jax.lax.stop_gradient(fake_images)) for penalty in due]

        def charged(due=due, points=points, every=every):
            slopes = _squared_slopes(game, jnp.concatenate(points, axis=0), pieces.repeat(labels, len(due)))
            norms = jnp.split(slopes, len(due))
            charges = [penalty.charge(norm) for penalty, norm in zip(due, norms, strict=True)]
            return every * sum(jnp.mean(charge) for charge in charges)

        if every == 1:
            total += charged()
        else:
            total += scopes.cond(scopes.value(game.d_optimizer.iterations) % every == 0, game, charged)
    return total


def _squared_slopes(game, points, labels):
    """|grad D|^2 at each point, shape (batch,); with augmentation, of D behind it."""

    def judged(points):
        return pieces.judge(game, points, labels, training=True, seed_generator=game.seed_generator)[0], ()

    logits, back, _ = scopes.vjp(game, judged, [], points)
    _, slopes = back(jnp.ones_like(logits))
    return jnp.sum(jnp.square(slopes.astype("float32")), axis=tuple(range(1, len(points.shape))))


def _apply(optimizer, gradients, variables):
    # Not `apply`, which cannot skip a step in float16 here.
    slots = optimizer.variables
    values, slot_values = optimizer.stateless_apply(
        [scopes.value(each) for each in slots], gradients, [scopes.value(each) for each in variables]
    )
    scopes.assign([*variables, *slots], [*values, *slot_values])


def _filled(part, n):
    return np.concatenate([part, np.zeros((n - len(part), *part.shape[1:]), part.dtype)])


_PLAY = {"Alternating": alternating, "Simultaneous": simultaneous, "OneStage": one_stage}  # of `kerasgan.updates`
