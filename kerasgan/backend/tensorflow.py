"""The engine: the training step in each order of play, on TensorFlow. The only tapes and gradients of the package.

Every function takes the `game`, an object with `generator`, `discriminator`, `d_optimizer`, `g_optimizer`,
`objective`, `updates`, `latent_dim` and `seed_generator` (in practice a compiled `GAN`), and real images as a float32
tensor (batch, ...), in [-1, 1]. Losses are means over the minibatch.
"""

import itertools

import keras
import tensorflow as tf

from kerasgan import updates


def train_step(game, images):
    """Plays one round in the game's order of play, which moves both networks.

    Returns:
        A dict of scalar float32 tensors: `d_loss`, `g_loss`, and the mean probabilities `d_real` = D(x) and
        `d_fake` = D(G(z)) as the discriminator's steps saw them.
    """
    return _PLAY[type(game.updates)](game, images)


def test_step(game, images, seed_generator):
    """Judges real images and as many generated ones, and moves nothing. Returns the same dict as `train_step`."""
    latents = keras.random.normal((_batch_size(images), game.latent_dim), seed=seed_generator)
    real_logits, _ = _judge(game, images, training=False)
    fake_logits, _ = _judge(game, game.generator(latents, training=False), training=False)
    return {
        "d_loss": tf.reduce_mean(game.objective.d_loss(real_logits, fake_logits)),
        "g_loss": tf.reduce_mean(game.objective.g_loss(real_logits, fake_logits)),
    } | _probabilities(real_logits, fake_logits)


def alternating(game, images):
    """k discriminator steps on their own minibatches, then one generator step (`updates.Alternating`)."""
    minibatches = _split(images, game.updates.d_steps)
    d_logs = [discriminator_step(game, minibatch) for minibatch in minibatches]
    g_logs = generator_step(game, minibatches[-1])
    return {name: sum(logs[name] for logs in d_logs) / len(d_logs) for name in d_logs[0]} | g_logs


def discriminator_step(game, images):
    """Moves the discriminator once, on real images and as many newly generated ones; the generator stays."""
    fake_images = game.generator(_draw_latents(game, images), training=True)
    with tf.GradientTape() as tape:
        real_logits, real_extra = _judge(game, images, training=True)
        fake_logits, fake_extra = _judge(game, fake_images, training=True)
        d_loss = tf.reduce_mean(game.objective.d_loss(real_logits, fake_logits))
        # Halved, the layers' own losses are those of one call on both halves: weight penalties count once.
        charged = game.d_optimizer.scale_loss(d_loss + (real_extra + fake_extra) / 2)
    variables = game.discriminator.trainable_variables
    game.d_optimizer.apply(tape.gradient(charged, variables), variables)
    return {"d_loss": d_loss} | _probabilities(real_logits, fake_logits)


def generator_step(game, images):
    """Moves the generator once, on as many new latents as there are images; the discriminator stays."""
    # Only a paired objective looks at the real images here; their logits do not depend on the generator.
    real_logits = _judge(game, images, training=True)[0] if game.objective.paired else None
    latents = _draw_latents(game, images)
    with tf.GradientTape() as tape:
        fake_images = game.generator(latents, training=True)
        g_extra = _layer_losses(game.generator)
        fake_logits, _ = _judge(game, fake_images, training=True)
        g_loss = tf.reduce_mean(game.objective.g_loss(real_logits, fake_logits))
        charged = game.g_optimizer.scale_loss(g_loss + g_extra)
    variables = game.generator.trainable_variables
    game.g_optimizer.apply(tape.gradient(charged, variables), variables)
    return {"g_loss": g_loss}


def sampler(generator, latent_dim):
    """Returns a compiled function from latents (n, latent_dim) to float32 images (n, ...), in inference mode."""

    @tf.function(input_signature=[tf.TensorSpec((None, latent_dim), tf.float32)], autograph=False)
    def sample(latents):
        return tf.cast(generator(latents, training=False), tf.float32)

    return sample


def add_endpoints(archive, game):
    """Adds to a `keras.export.ExportArchive` the endpoints that `kerasgan.export.export` describes."""

    def serving_default(z):
        return tf.cast(game.generator(z, training=False), tf.float32)

    def generate(n, seed):
        # The very draw of keras.random.normal with an integer seed, but with the seed as an input.
        return serving_default(tf.random.stateless_normal([n, game.latent_dim], seed=[seed, 0]))

    def discriminate(images):
        return _judge(game, images, training=False)[0]

    archive.track(game.generator)
    archive.track(game.discriminator)
    n, seed = (tf.TensorSpec((), tf.int32, name=name) for name in ("n", "seed"))
    archive.add_endpoint("serving_default", serving_default, [tf.TensorSpec((None, game.latent_dim), name="z")])
    archive.add_endpoint("generate", generate, [n, seed])
    archive.add_endpoint("discriminate", discriminate, [tf.TensorSpec((None, *game.image_shape), name="images")])


def _draw_latents(game, images):
    return keras.random.normal((_batch_size(images), game.latent_dim), seed=game.seed_generator)


def _judge(game, images, training):
    """Returns the logits, float32 (batch,), and the sum of the losses that the discriminator's layers added."""
    logits = tf.cast(game.discriminator(images, training=training), tf.float32)
    return tf.reshape(logits, [-1]), _layer_losses(game.discriminator)


def _layer_losses(network):
    """The sum of weight penalties and `add_loss` terms of the network's last call; 0.0 where there are none."""
    return tf.add_n([tf.cast(tf.reduce_sum(loss), tf.float32) for loss in network.losses] or [tf.constant(0.0)])


def _probabilities(real_logits, fake_logits):
    return {"d_real": tf.reduce_mean(tf.sigmoid(real_logits)), "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits))}


def _batch_size(images):
    return images.shape[0] if images.shape[0] is not None else tf.shape(images)[0]


def _split(images, pieces):
    """Cuts a batch into `pieces` minibatches, of sizes that differ by one image at most."""
    if pieces == 1:
        return [images]
    batch_size = _batch_size(images)
    ends = [batch_size * piece // pieces for piece in range(pieces + 1)]
    return [images[start:end] for start, end in itertools.pairwise(ends)]


_PLAY = {updates.Alternating: alternating}
