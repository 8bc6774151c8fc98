"""The engine: the training step in each order of play, on TensorFlow. The only tapes and gradients of the package.

Every function takes the `game`, an object with `generator`, `discriminator`, `d_optimizer`, `g_optimizer`,
`objective`, `penalties`, `updates`, `augment`, `augment_probability`, `ema`, `latent_dim`, `num_classes`, `vitals` and
`seed_generator` (in practice a compiled `GAN`); real images as a float32 tensor (batch, ...), in [-1, 1]; and their
labels, int32 (batch,), or None where the game has no classes. Generated images are asked for under the labels of the
real ones beside them, so that both kinds have the same classes. Losses are means over the minibatch.
"""

import itertools

import keras
import tensorflow as tf

from kerasgan import checks, updates

from . import fast, vitals

_LEAST = 1e-20  # see updates.OneStage
_LABELS = tf.TensorSpec((None,), tf.int32, name="labels")


def train_step(game, images, labels=None):
    """Plays one round in the game's order of play, which moves both networks.

    Returns:
        A dict of scalar float32 tensors: `d_loss`, `g_loss`, `d_penalty` (0.0 without penalties), the mean
        probabilities `d_real` = D(x) and `d_fake` = D(G(z)) as the discriminator's steps saw them, and
        `augment_probability` where the discriminator's images are augmented; for a game that is watched, all of
        `vitals.NAMES`.
    """
    logs = _PLAY[type(game.updates)](game, images, labels)
    if game.ema is not None:
        _average(game, _batch_size(images) // game.updates.d_steps)
    return logs | ({} if game.augment is None else {"augment_probability": tf.identity(game.augment_probability)})


def test_step(game, images, labels, seed_generator):
    """Judges real images and as many generated ones, and moves nothing. Returns the same dict as `train_step`."""
    latents = keras.random.normal((_batch_size(images), game.latent_dim), seed=seed_generator)
    fake_images = fast.call(game.generator, _with(latents, labels), training=False)
    real_logits, _ = _judge(game, images, labels, training=False, seed_generator=seed_generator)
    fake_logits, _ = _judge(game, fake_images, labels, training=False, seed_generator=seed_generator)
    d_loss, g_loss = _losses(game, real_logits, fake_logits)
    return {"d_loss": d_loss, "g_loss": g_loss} | _probabilities(real_logits, fake_logits)


def alternating(game, images, labels=None):
    """k discriminator steps on their own minibatches, then one generator step (`updates.Alternating`)."""
    minibatches = _split(images, labels, game.updates.d_steps)
    d_logs = [discriminator_step(game, *minibatch) for minibatch in minibatches]
    g_logs = generator_step(game, *minibatches[-1])
    return {name: sum(logs[name] for logs in d_logs) / len(d_logs) for name in d_logs[0]} | g_logs


def simultaneous(game, images, labels=None):
    """Both networks move at once, on the losses of one pass through each (`updates.Simultaneous`)."""
    latents = _draw_latents(game, images)
    with tf.GradientTape(persistent=True) as tape:
        fake_images, g_extra = _imagine(game, latents, labels)
        real_logits, fake_logits, d_extra = _judge_both(game, images, fake_images, labels)
        d_loss, g_loss = _losses(game, real_logits, fake_logits)
        penalty = _penalty(game, images, fake_images, labels)
        d_charged = game.d_optimizer.scale_loss(d_loss + d_extra + penalty)
        g_charged = game.g_optimizer.scale_loss(g_loss + g_extra)
    d_variables, g_variables = game.discriminator.trainable_variables, game.generator.trainable_variables
    d_gradients, g_gradients = tape.gradient(d_charged, d_variables), tape.gradient(g_charged, g_variables)
    fast.apply(game.d_optimizer, d_gradients, d_variables)
    fast.apply(game.g_optimizer, g_gradients, g_variables)
    _adapt(game, real_logits, fake_logits)
    seen = vitals.of_discriminator(game, d_gradients, images, fake_images, labels, real_logits, fake_logits)
    seen |= vitals.of_generator(game, g_gradients)
    return seen | {"d_loss": d_loss, "g_loss": g_loss, "d_penalty": penalty} | _probabilities(real_logits, fake_logits)


def one_stage(game, images, labels=None):
    """The step of `simultaneous` from one backward pass through the discriminator (`updates.OneStage`)."""
    with tf.GradientTape() as g_tape:
        fake_images, g_extra = _imagine(game, _draw_latents(game, images), labels)
        g_extra = game.g_optimizer.scale_loss(g_extra)
    with tf.GradientTape() as d_tape:
        d_tape.watch(fake_images)
        real_logits, fake_logits, d_extra = _judge_both(game, images, fake_images, labels)
        penalty = _penalty(game, images, fake_images, labels)  # has no way back to the generator
        d_extra = game.d_optimizer.scale_loss(d_extra + penalty)

    # The losses see the logits alone, so what each player wants of them costs next to nothing.
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((real_logits, fake_logits))
        d_loss, g_loss = _losses(game, real_logits, fake_logits)
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
    fast.apply(game.d_optimizer, d_gradients, d_variables)
    fast.apply(game.g_optimizer, g_gradients, g_variables)
    _adapt(game, real_logits, fake_logits)
    seen = vitals.of_discriminator(game, d_gradients, images, fake_images, labels, real_logits, fake_logits)
    seen |= vitals.of_generator(game, g_gradients)
    return seen | {"d_loss": d_loss, "g_loss": g_loss, "d_penalty": penalty} | _probabilities(real_logits, fake_logits)


def discriminator_step(game, images, labels=None):
    """Moves the discriminator once, on real images and as many newly generated ones; the generator stays."""
    fake_images = fast.call(game.generator, _with(_draw_latents(game, images), labels), training=True)
    with tf.GradientTape() as tape:
        real_logits, fake_logits, d_extra = _judge_both(game, images, fake_images, labels)
        d_loss = tf.reduce_mean(game.objective.d_loss(real_logits, fake_logits))
        penalty = _penalty(game, images, fake_images, labels)
        charged = game.d_optimizer.scale_loss(d_loss + d_extra + penalty)
    variables = game.discriminator.trainable_variables
    gradients = tape.gradient(charged, variables)
    fast.apply(game.d_optimizer, gradients, variables)
    _adapt(game, real_logits, fake_logits)
    seen = vitals.of_discriminator(game, gradients, images, fake_images, labels, real_logits, fake_logits)
    return seen | {"d_loss": d_loss, "d_penalty": penalty} | _probabilities(real_logits, fake_logits)


def generator_step(game, images, labels=None):
    """Moves the generator once, on as many new latents as there are images; the discriminator stays."""
    # Only a paired objective looks at the real images here; their logits do not depend on the generator.
    real_logits = None
    if game.objective.paired:
        real_logits, _ = _judge(game, images, labels, training=True, seed_generator=game.seed_generator)
    latents = _draw_latents(game, images)
    with tf.GradientTape() as tape:
        fake_images, g_extra = _imagine(game, latents, labels)
        fake_logits, _ = _judge(game, fake_images, labels, training=True, seed_generator=game.seed_generator)
        g_loss = tf.reduce_mean(game.objective.g_loss(real_logits, fake_logits))
        charged = game.g_optimizer.scale_loss(g_loss + g_extra)
    variables = game.generator.trainable_variables
    gradients = tape.gradient(charged, variables)
    fast.apply(game.g_optimizer, gradients, variables)
    return {"g_loss": g_loss} | vitals.of_generator(game, gradients)


def sampler(generator, latent_dim, num_classes):
    """Returns a compiled function from latents (n, latent_dim) to float32 images (n, ...), in inference mode.

    Where there are classes, it takes labels, int32 (n,), as well.
    """
    signature = [tf.TensorSpec((None, latent_dim), tf.float32)] + ([] if num_classes is None else [_LABELS])

    @tf.function(input_signature=signature, autograph=False)
    def sample(latents, labels=None):
        return tf.cast(generator(_with(latents, labels), training=False), tf.float32)

    return sample


def draw_labels(n, seed, num_classes):
    """Draws labels, int32 (n,), uniformly from the classes; the same for the same seed."""
    return tf.random.stateless_uniform([n], [seed, 1], maxval=num_classes, dtype=tf.int32)


def add_endpoints(archive, game):
    """Adds to a `keras.export.ExportArchive` the endpoints that `kerasgan.export.export` describes."""
    labelled = [] if game.num_classes is None else [_LABELS]

    def serving_default(z, labels=None):
        return tf.cast(game.sampler(_with(z, labels), training=False), tf.float32)

    def generate(n, seed):
        # The very draw of keras.random.normal with an integer seed, but with the seed as an input.
        latents = tf.random.stateless_normal([n, game.latent_dim], seed=[seed, 0])
        return serving_default(latents, draw_labels(n, seed, game.num_classes) if labelled else None)

    def discriminate(images, labels=None):
        return _judge(game, images, labels, training=False)[0]

    archive.track(game.sampler)
    archive.track(game.discriminator)
    n, seed = (tf.TensorSpec((), tf.int32, name=name) for name in ("n", "seed"))
    latents, images = (tf.TensorSpec((None, *shape)) for shape in ((game.latent_dim,), game.image_shape))
    archive.add_endpoint("serving_default", serving_default, [_named(latents, "z"), *labelled])
    archive.add_endpoint("generate", generate, [n, seed])
    archive.add_endpoint("discriminate", discriminate, [_named(images, "images"), *labelled])


def _draw_latents(game, images):
    return keras.random.normal((_batch_size(images), game.latent_dim), seed=game.seed_generator)


def _with(inputs, labels):
    """What a network is called with: its inputs, and the labels beside them where there are classes."""
    return inputs if labels is None else [inputs, labels]


def _imagine(game, latents, labels):
    """Returns generated images, and the sum of the losses that the generator's layers added."""
    return fast.call(game.generator, _with(latents, labels), training=True), _layer_losses(game.generator)


def _judge_both(game, images, fake_images, labels):
    """Returns the logits of real and of generated images, and the discriminator's own layer losses.

    A discriminator that judges each image by itself is asked once about all of them. One that normalises across the
    batch is asked about each kind apart, as the DCGAN paper's authors do, so that neither tells on the other.
    """
    options = {"training": True, "seed_generator": game.seed_generator}
    if checks.why_not_per_sample(game.discriminator) is None:
        both = tf.concat([images, tf.cast(fake_images, images.dtype)], axis=0)
        logits, extra = _judge(game, both, _repeat(labels, 2), **options)
        return *tf.split(logits, 2), extra
    real_logits, real_extra = _judge(game, images, labels, **options)
    fake_logits, fake_extra = _judge(game, fake_images, labels, **options)
    # Halved, these are the losses of one call on both kinds: weight penalties count once.
    return real_logits, fake_logits, (real_extra + fake_extra) / 2


def _penalty(game, images, fake_images, labels):
    """The sum of the penalties that are due at this step of the discriminator, a scalar; 0.0 where there are none.

    Penalties that are due together share one call of the discriminator, on points of their own: nothing of them flows
    back to the generator.
    """
    total = tf.constant(0.0)
    for every in sorted({penalty.every for penalty in game.penalties}):
        due = [penalty for penalty in game.penalties if penalty.every == every]
        points = [_points(game, penalty.where, images, tf.stop_gradient(fake_images)) for penalty in due]

        def charged(due=due, points=points, every=every):
            norms = tf.split(_squared_slopes(game, tf.concat(points, axis=0), _repeat(labels, len(due))), len(due))
            charges = [penalty.charge(norm) for penalty, norm in zip(due, norms, strict=True)]
            return every * tf.add_n([tf.reduce_mean(charge) for charge in charges])

        if every == 1:
            total += charged()
        else:
            total += tf.cond(game.d_optimizer.iterations % every == 0, charged, lambda: 0.0)
    return total


def _points(game, where, images, fake_images):
    fake_images = tf.cast(fake_images, images.dtype)
    if where == "mixed":
        shape = [_batch_size(images)] + [1] * (len(images.shape) - 1)
        share = keras.random.uniform(shape, seed=game.seed_generator)
        return share * images + (1 - share) * fake_images
    return {"real": images, "fake": fake_images}[where]


def _squared_slopes(game, points, labels):
    """|grad D|^2 at each point, shape (batch,); with augmentation, of D behind it."""
    with tf.GradientTape() as tape:
        tape.watch(points)
        logits, _ = _judge(game, points, labels, training=True, seed_generator=game.seed_generator)
    slopes = tf.cast(tape.gradient(logits, points), tf.float32)
    return tf.reduce_sum(tf.square(slopes), axis=list(range(1, len(points.shape))))


def _average(game, batch_size):
    """Moves the averaged generator towards the generator as just updated (`kerasgan.ema.EMA`)."""
    images_seen = tf.cast(game.g_optimizer.iterations * batch_size, tf.float32)
    keep = tf.pow(0.5, tf.cast(batch_size, tf.float32) / game.ema.half_life(images_seen))
    for average, weight in zip(game.averaged_generator.weights, game.generator.weights, strict=True):
        if weight.trainable:
            average.assign(weight + (average - weight) * tf.cast(keep, average.dtype))
        else:
            average.assign(weight)


def _adapt(game, real_logits, fake_logits):
    """Moves the probability of augmenting as the discriminator's step asks (`augment.Adaptive`)."""
    if game.augment is not None and game.augment.adapts:
        undecided = game.objective.undecided
        sureness = real_logits - (fake_logits if undecided is None else undecided)
        game.augment_probability.assign(game.augment.next_probability(game.augment_probability, sureness))


def _losses(game, real_logits, fake_logits):
    return (
        tf.reduce_mean(game.objective.d_loss(real_logits, fake_logits)),
        tf.reduce_mean(game.objective.g_loss(real_logits, fake_logits)),
    )


def _judge(game, images, labels, training, seed_generator=None):
    """Returns the logits, float32 (batch,), and the sum of the losses that the discriminator's layers added.

    Where the game augments, the discriminator sees the images augmented, by draws from `seed_generator`; without one,
    as in inference, it sees them as they are.
    """
    if seed_generator is not None and game.augment is not None:  # in inference the game may have no rules yet
        images = game.augment.apply(images, seed_generator, game.augment_probability)
    logits = tf.cast(fast.call(game.discriminator, _with(images, labels), training), tf.float32)
    return tf.reshape(logits, [-1]), _layer_losses(game.discriminator)


def _layer_losses(network):
    """The sum of weight penalties and `add_loss` terms of the network's last call; 0.0 where there are none."""
    return tf.add_n([tf.cast(tf.reduce_sum(loss), tf.float32) for loss in network.losses] or [tf.constant(0.0)])


def _probabilities(real_logits, fake_logits):
    return {"d_real": tf.reduce_mean(tf.sigmoid(real_logits)), "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits))}


def _batch_size(images):
    return images.shape[0] if images.shape[0] is not None else tf.shape(images)[0]


def _split(images, labels, pieces):
    """Cuts a batch into `pieces` minibatches (images, labels), of sizes that differ by one image at most."""
    batch_size = _batch_size(images)
    ends = [batch_size * piece // pieces for piece in range(pieces + 1)]
    parts = [slice(start, end) for start, end in itertools.pairwise(ends)] if pieces > 1 else [slice(None)]
    return [(images[part], None if labels is None else labels[part]) for part in parts]


def _repeat(labels, times):
    return None if labels is None else tf.tile(labels, [times])


def _named(spec, name):
    return tf.TensorSpec(spec.shape, spec.dtype, name=name)


_PLAY = {updates.Alternating: alternating, updates.Simultaneous: simultaneous, updates.OneStage: one_stage}
