"""The engine: the training step in each order of play, on TensorFlow. The only tapes and gradients of the package.

Every function takes the `game`, an object with `generator`, `discriminator`, `d_optimizer`, `g_optimizer`,
`objective`, `penalties`, `updates`, `augment`, `augment_probability`, `ema`, `latent_dim`, `num_classes`, `vitals` and
`seed_generator` (in practice a compiled `GAN`); real images as a float32 tensor (batch, ...), in [-1, 1]; and their
labels, int32 (batch,), or None where the game has no classes. Generated images are asked for under the labels of the
real ones beside them, so that both kinds have the same classes. Losses are means over the minibatch. On a replica of a
`tf.distribute` strategy images and losses are that replica's, gradients and logs those of all (`replicas`).
"""

import numpy as np
import tensorflow as tf

from kerasgan import draws

from . import fast, pieces, replicas, vitals
from .tf_data import batches as batches
from .tf_data import fit_array as fit_array

NAME = "tensorflow"
PACKAGES = ("tensorflow",)
WRITE_ERRORS = (OSError, tf.errors.OpError)
NO_EXPORT = None
"""Why nothing can be exported, a sentence; None on an engine that can."""
_LEAST = 1e-20  # see updates.OneStage
_LABELS = tf.TensorSpec((None,), tf.int32, name="labels")


def stepped(game, step, data):
    """Runs a step of Keras's, `step(data)`, and returns its logs; it changes the variables where they are."""
    return step(data)


def train_step(game, images, labels=None):
    """Plays one round in the game's order of play, which moves both networks.

    Returns:
        A dict of scalar float32 tensors: `d_loss`, `g_loss`, `d_penalty` (0.0 without penalties), the mean
        probabilities `d_real` = D(x) and `d_fake` = D(G(z)) as the discriminator's steps saw them, and
        `augment_probability` where the discriminator's images are augmented; for a game that is watched, all of
        `vitals.NAMES`.
    """
    logs = _PLAY[type(game.updates).__name__](game, images, labels)
    replicas.settle(game.discriminator, game.generator)
    if game.ema is not None:
        pieces.average(game, replicas.count() * pieces.batch_size(images) // game.updates.d_steps)
    augmented = {} if game.augment is None else {"augment_probability": tf.identity(game.augment_probability)}
    return replicas.mean_logs(logs) | augmented


def test_step(game, images, labels, seed_generator):
    """Judges real images and as many generated ones, and moves nothing. Returns the same dict as `train_step`."""
    return replicas.mean_logs(pieces.tested(game, images, labels, seed_generator))


def alternating(game, images, labels=None):
    """k discriminator steps on their own minibatches, then one generator step (`updates.Alternating`)."""
    minibatches = pieces.split(images, labels, game.updates.d_steps)
    d_logs = [discriminator_step(game, *minibatch) for minibatch in minibatches]
    g_logs = generator_step(game, *minibatches[-1])
    return {name: sum(logs[name] for logs in d_logs) / len(d_logs) for name in d_logs[0]} | g_logs


def simultaneous(game, images, labels=None):
    """Both networks move at once, on the losses of one pass through each (`updates.Simultaneous`)."""
    latents = pieces.draw_latents(game, images)
    with tf.GradientTape(persistent=True) as tape:
        fake_images, g_extra = pieces.imagine(game, latents, labels)
        real_logits, fake_logits, d_extra = pieces.judge_both(game, images, fake_images, labels)
        d_loss, g_loss = pieces.losses(game, real_logits, fake_logits)
        penalty = _penalty(game, images, fake_images, labels)
        d_charged = game.d_optimizer.scale_loss(d_loss + d_extra + penalty)
        g_charged = game.g_optimizer.scale_loss(g_loss + g_extra)
    d_variables, g_variables = game.discriminator.trainable_variables, game.generator.trainable_variables
    d_gradients, g_gradients = tape.gradient(d_charged, d_variables), tape.gradient(g_charged, g_variables)
    d_gradients, g_gradients = replicas.mean([d_gradients, g_gradients])
    fast.apply(game.d_optimizer, d_gradients, d_variables)
    fast.apply(game.g_optimizer, g_gradients, g_variables)
    _adapt(game, real_logits, fake_logits)
    seen = _seen(game, d_gradients, images, fake_images, labels, real_logits, fake_logits)
    seen |= vitals.of_generator(game, g_gradients) | pieces.probabilities(real_logits, fake_logits)
    return seen | {"d_loss": d_loss, "g_loss": g_loss, "d_penalty": penalty}


def one_stage(game, images, labels=None):
    """The step of `simultaneous` from one backward pass through the discriminator (`updates.OneStage`)."""
    with tf.GradientTape() as g_tape:
        fake_images, g_extra = pieces.imagine(game, pieces.draw_latents(game, images), labels)
        g_extra = game.g_optimizer.scale_loss(g_extra)
    with tf.GradientTape() as d_tape:
        d_tape.watch(fake_images)
        real_logits, fake_logits, d_extra = pieces.judge_both(game, images, fake_images, labels)
        penalty = _penalty(game, images, fake_images, labels)  # has no way back to the generator
        d_extra = game.d_optimizer.scale_loss(d_extra + penalty)

    # The losses see the logits alone, so what each player wants of them costs next to nothing.
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((real_logits, fake_logits))
        d_loss, g_loss = pieces.losses(game, real_logits, fake_logits)
        d_charged, g_charged = game.d_optimizer.scale_loss(d_loss), game.g_optimizer.scale_loss(g_loss)
    d_wants_of_real, d_wants_of_fake = tape.gradient(d_charged, (real_logits, fake_logits))
    g_wants_of_fake = tape.gradient(g_charged, fake_logits)

    # One way back through D, which must carry something even for images that D is done with.
    carried = tf.where(tf.abs(d_wants_of_fake) < _LEAST, tf.fill(tf.shape(fake_logits), _LEAST), d_wants_of_fake)
    d_variables = game.discriminator.trainable_variables
    d_gradients, arrived = d_tape.gradient(
        (real_logits, fake_logits, d_extra),
        (d_variables, fake_images),
        output_gradients=(d_wants_of_real, carried, tf.ones_like(d_extra)),
    )
    factor = tf.reshape(g_wants_of_fake / carried, [-1] + [1] * (len(fake_images.shape) - 1))
    g_variables = game.generator.trainable_variables
    g_gradients = g_tape.gradient(
        (fake_images, g_extra),
        g_variables,
        output_gradients=(tf.cast(factor * tf.cast(arrived, tf.float32), fake_images.dtype), tf.ones_like(g_extra)),
    )
    d_gradients, g_gradients = replicas.mean([d_gradients, g_gradients])
    fast.apply(game.d_optimizer, d_gradients, d_variables)
    fast.apply(game.g_optimizer, g_gradients, g_variables)
    _adapt(game, real_logits, fake_logits)
    seen = _seen(game, d_gradients, images, fake_images, labels, real_logits, fake_logits)
    seen |= vitals.of_generator(game, g_gradients) | pieces.probabilities(real_logits, fake_logits)
    return seen | {"d_loss": d_loss, "g_loss": g_loss, "d_penalty": penalty}


def discriminator_step(game, images, labels=None):
    """Moves the discriminator once, on real images and as many newly generated ones; the generator stays."""
    fake_images = pieces.call(game.generator, pieces.beside(pieces.draw_latents(game, images), labels), training=True)
    with tf.GradientTape() as tape:
        real_logits, fake_logits, d_extra = pieces.judge_both(game, images, fake_images, labels)
        d_loss = tf.reduce_mean(game.objective.d_loss(real_logits, fake_logits))
        penalty = _penalty(game, images, fake_images, labels)
        charged = game.d_optimizer.scale_loss(d_loss + d_extra + penalty)
    variables = game.discriminator.trainable_variables
    gradients = replicas.mean(tape.gradient(charged, variables))
    fast.apply(game.d_optimizer, gradients, variables)
    _adapt(game, real_logits, fake_logits)
    seen = _seen(game, gradients, images, fake_images, labels, real_logits, fake_logits)
    return seen | {"d_loss": d_loss, "d_penalty": penalty} | pieces.probabilities(real_logits, fake_logits)


def generator_step(game, images, labels=None):
    """Moves the generator once, on as many new latents as there are images; the discriminator stays."""
    # Only a paired objective looks at the real images here; their logits do not depend on the generator.
    real_logits = None
    if game.objective.paired:
        real_logits, _ = pieces.judge(game, images, labels, training=True, seed_generator=game.seed_generator)
    latents = pieces.draw_latents(game, images)
    with tf.GradientTape() as tape:
        fake_images, g_extra = pieces.imagine(game, latents, labels)
        fake_logits, _ = pieces.judge(game, fake_images, labels, training=True, seed_generator=game.seed_generator)
        g_loss = tf.reduce_mean(game.objective.g_loss(real_logits, fake_logits))
        charged = game.g_optimizer.scale_loss(g_loss + g_extra)
    variables = game.generator.trainable_variables
    gradients = replicas.mean(tape.gradient(charged, variables))
    fast.apply(game.g_optimizer, gradients, variables)
    return {"g_loss": g_loss} | vitals.of_generator(game, gradients)


def sampler(generator, latent_dim, num_classes):
    """Returns a compiled function from latents (n, latent_dim) to float32 images (n, ...), in inference mode.

    Where there are classes, it takes labels, int32 (n,), as well.
    """
    signature = [tf.TensorSpec((None, latent_dim), tf.float32)] + ([] if num_classes is None else [_LABELS])

    @tf.function(input_signature=signature, autograph=False)
    def sample(latents, labels=None):
        return tf.cast(generator(pieces.beside(latents, labels), training=False), tf.float32)

    return sample


def inference(network):
    """Returns a Keras model in inference mode as a compiled function of a float32 tensor."""
    return tf.function(lambda images: network(images, training=False), autograph=False, reduce_retracing=True)


def draw_labels(n, seed, num_classes):
    """Draws labels, int32 (n,), uniformly from the classes; the same for the same seed."""
    return tf.random.stateless_uniform([n], [seed, 1], maxval=num_classes, dtype=tf.int32)


def make_deterministic():
    """Makes every operation give the same result each time."""
    tf.config.experimental.enable_op_determinism()


def devices():
    """Returns the kinds of the devices there are, a list of names such as "CPU"."""
    return [device.device_type for device in tf.config.list_physical_devices()]


def first_of(batches, count):
    """Returns an iterator over the first `count` batches of Keras's next epoch, distributed as Keras does it."""
    data = batches.data_adapter.get_tf_dataset().take(count)
    dealt_out = not hasattr(data, "map")  # to replicas, by the game itself
    return iter(data if dealt_out else batches._distribute_strategy.experimental_distribute_dataset(data))


def summaries():
    """Returns the module that Keras's TensorBoard callback writes with."""
    return tf.summary


class EventFile:
    """An event file of TensorBoard's, of scalars and pictures.

    Args:
        folder: where it stands; made if it is not there.
    """

    def __init__(self, folder):
        self._writer = tf.summary.create_file_writer(str(folder))

    def scalar(self, name, value, step):
        """Writes a number as the scalar `name` of a step."""
        with self._writer.as_default():
            tf.summary.scalar(name, value, step=step)

    def image(self, name, picture, step):
        """Writes a picture, uint8 (height, width, 1 or 3), as the image `name` of a step."""
        with self._writer.as_default():
            tf.summary.image(name, np.asarray(picture)[None], step=step)

    def flush(self):
        """Makes everything written so far readable."""
        self._writer.flush()

    def close(self):
        """Closes the file."""
        self._writer.close()


def add_endpoints(archive, game):
    """Adds to a `keras.export.ExportArchive` the endpoints that `kerasgan.export.export` describes."""
    labelled = [] if game.num_classes is None else [_LABELS]

    def serving_default(z, labels=None):
        return tf.cast(game.sampler(pieces.beside(z, labels), training=False), tf.float32)

    def generate(n, seed):
        # The very draw of keras.random.normal with an integer seed, but with the seed as an input.
        latents = tf.random.stateless_normal([n, game.latent_dim], seed=[seed, 0])
        return serving_default(latents, draw_labels(n, seed, game.num_classes) if labelled else None)

    def discriminate(images, labels=None):
        return pieces.judge(game, images, labels, training=False)[0]

    archive.track(game.sampler)
    archive.track(game.discriminator)
    n, seed = (tf.TensorSpec((), tf.int32, name=name) for name in ("n", "seed"))
    latents, images = (tf.TensorSpec((None, *shape)) for shape in ((game.latent_dim,), game.image_shape))
    archive.add_endpoint("serving_default", serving_default, [_named(latents, "z"), *labelled])
    archive.add_endpoint("generate", generate, [n, seed])
    archive.add_endpoint("discriminate", discriminate, [_named(images, "images"), *labelled])


def _penalty(game, images, fake_images, labels):
    """The sum of the penalties that are due at this step of the discriminator, a scalar; 0.0 where there are none.

    Penalties that are due together share one call of the discriminator, on points of their own: nothing of them flows
    back to the generator.
    """
    total = tf.constant(0.0)
    for every in sorted({penalty.every for penalty in game.penalties}):
        due = [penalty for penalty in game.penalties if penalty.every == every]
        points = [pieces.points(game, penalty.where, images, tf.stop_gradient(fake_images)) for penalty in due]

        def charged(due=due, points=points, every=every):
            with draws.batch_of(parts=len(due)):
                slopes = _squared_slopes(game, tf.concat(points, axis=0), pieces.repeat(labels, len(due)))
            norms = tf.split(slopes, len(due))
            charges = [penalty.charge(norm) for penalty, norm in zip(due, norms, strict=True)]
            return every * tf.add_n([tf.reduce_mean(charge) for charge in charges])

        if every == 1:
            total += charged()
        else:
            total += tf.cond(game.d_optimizer.iterations % every == 0, charged, lambda: 0.0)
    return total


def _squared_slopes(game, points, labels):
    """|grad D|^2 at each point, shape (batch,); with augmentation, of D behind it."""
    with tf.GradientTape() as tape:
        tape.watch(points)
        logits, _ = pieces.judge(game, points, labels, training=True, seed_generator=game.seed_generator)
    slopes = tf.cast(tape.gradient(logits, points), tf.float32)
    return tf.reduce_sum(tf.square(slopes), axis=list(range(1, len(points.shape))))


def _adapt(game, real_logits, fake_logits):
    if game.augment is not None and game.augment.adapts:
        pieces.adapt(game, *replicas.gathered((real_logits, fake_logits)))


def _seen(game, gradients, images, fake_images, labels, real_logits, fake_logits):
    """The vital signs of a step of the discriminator, of the whole batch; empty for a game that is not watched."""
    if game.vitals is None:
        return {}
    first = [None if each is None else each[: vitals.MOST_IMAGES] for each in (images, fake_images, labels)]
    return vitals.of_discriminator(game, gradients, *replicas.gathered((*first, real_logits, fake_logits)))


def _named(spec, name):
    return tf.TensorSpec(spec.shape, spec.dtype, name=name)


_PLAY = {"Alternating": alternating, "Simultaneous": simultaneous, "OneStage": one_stage}  # of `kerasgan.updates`
