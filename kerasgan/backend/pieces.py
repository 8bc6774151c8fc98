"""What both engines play with: draws, calls of the networks, losses and averages, in `keras.ops` alone.

What differentiates, and with it the orders of play, is in the engines themselves. The arguments are theirs.
"""

import itertools

import keras
from keras import ops

from kerasgan import checks, draws

if keras.backend.backend() == "tensorflow":
    from .fast import call as call
else:

    def call(network, inputs, training):
        """Returns what a network makes of its inputs; here Keras's own forms are the fast ones."""
        return network(inputs, training=training)


def draw_latents(game, images):
    """Returns new latents, one for each of the images."""
    return draws.normal((batch_size(images), game.latent_dim), seed=game.seed_generator)


def beside(inputs, labels):
    """What a network is called with: its inputs, and the labels beside them where there are classes."""
    return inputs if labels is None else [inputs, labels]


def imagine(game, latents, labels):
    """Returns generated images, and the sum of the losses that the generator's layers added."""
    return call(game.generator, beside(latents, labels), training=True), layer_losses(game.generator)


def judge(game, images, labels, training, seed_generator=None):
    """Returns the logits, float32 (batch,), and the sum of the losses that the discriminator's layers added.

    Where the game augments, the discriminator sees the images augmented, by draws from `seed_generator`; without one,
    as in inference, it sees them as they are.
    """
    if seed_generator is not None and game.augment is not None:  # in inference the game may have no rules yet
        images = game.augment.apply(images, seed_generator, game.augment_probability)
    logits = ops.cast(call(game.discriminator, beside(images, labels), training), "float32")
    return ops.reshape(logits, [-1]), layer_losses(game.discriminator)


def judge_both(game, images, fake_images, labels):
    """Returns the logits of real and of generated images, and the discriminator's own layer losses.

    A discriminator that judges each image by itself is asked once about all of them. One that normalises across the
    batch is asked about each kind apart, as the DCGAN paper's authors do, so that neither tells on the other.
    """
    options = {"training": True, "seed_generator": game.seed_generator}
    if checks.why_not_per_sample(game.discriminator) is None:
        both = ops.concatenate([images, ops.cast(fake_images, images.dtype)], axis=0)
        with draws.batch_of(parts=2):
            logits, extra = judge(game, both, repeat(labels, 2), **options)
        return *ops.split(logits, 2), extra
    real_logits, real_extra = judge(game, images, labels, **options)
    fake_logits, fake_extra = judge(game, fake_images, labels, **options)
    # Halved, these are the losses of one call on both kinds: weight penalties count once.
    return real_logits, fake_logits, (real_extra + fake_extra) / 2


def losses(game, real_logits, fake_logits):
    """Returns the two players' losses, without penalties and the losses of layers."""
    return (
        ops.mean(game.objective.d_loss(real_logits, fake_logits)),
        ops.mean(game.objective.g_loss(real_logits, fake_logits)),
    )


def layer_losses(network):
    """The sum of weight penalties and `add_loss` terms of the network's last call; 0.0 where there are none."""
    found = [ops.cast(ops.sum(loss), "float32") for loss in network.losses]
    return ops.sum(ops.stack(found)) if found else ops.zeros(())


def points(game, where, images, fake_images):
    """Returns the points at which a penalty looks at the discriminator's slope, (batch, ...)."""
    fake_images = ops.cast(fake_images, images.dtype)
    if where == "mixed":
        shape = [batch_size(images)] + [1] * (len(images.shape) - 1)
        share = draws.uniform(shape, seed=game.seed_generator)
        return share * images + (1 - share) * fake_images
    return {"real": images, "fake": fake_images}[where]


def probabilities(real_logits, fake_logits):
    """Returns the logs `d_real` and `d_fake`."""
    return {"d_real": ops.mean(ops.sigmoid(real_logits)), "d_fake": ops.mean(ops.sigmoid(fake_logits))}


def tested(game, images, labels, seed_generator):
    """Judges real images and as many generated ones, and moves nothing. Returns the logs."""
    latents = draws.normal((batch_size(images), game.latent_dim), seed=seed_generator)
    fake_images = call(game.generator, beside(latents, labels), training=False)
    real_logits, _ = judge(game, images, labels, training=False, seed_generator=seed_generator)
    fake_logits, _ = judge(game, fake_images, labels, training=False, seed_generator=seed_generator)
    d_loss, g_loss = losses(game, real_logits, fake_logits)
    return {"d_loss": d_loss, "g_loss": g_loss} | probabilities(real_logits, fake_logits)


def average(game, batch_size):
    """Moves the averaged generator towards the generator as just updated (`kerasgan.ema.EMA`)."""
    images_seen = ops.cast(game.g_optimizer.iterations * batch_size, "float32")
    keep = ops.power(0.5, ops.cast(batch_size, "float32") / game.ema.half_life(images_seen))
    for average, weight in zip(game.averaged_generator.weights, game.generator.weights, strict=True):
        if weight.trainable:
            average.assign(weight + (average - weight) * ops.cast(keep, average.dtype))
        else:
            average.assign(weight)


def adapt(game, real_logits, fake_logits):
    """Moves the probability of augmenting as the discriminator's step asks (`augment.Adaptive`)."""
    if game.augment is not None and game.augment.adapts:
        undecided = game.objective.undecided
        sureness = real_logits - (fake_logits if undecided is None else undecided)
        game.augment_probability.assign(game.augment.next_probability(game.augment_probability, sureness))


def batch_size(images):
    """Returns how many images there are, an int where that is known."""
    return ops.shape(images)[0]


def split(images, labels, pieces):
    """Cuts a batch into `pieces` minibatches (images, labels), of sizes that differ by one image at most."""
    size = batch_size(images)
    ends = [size * piece // pieces for piece in range(pieces + 1)]
    parts = [slice(start, end) for start, end in itertools.pairwise(ends)] if pieces > 1 else [slice(None)]
    return [(images[part], None if labels is None else labels[part]) for part in parts]


def repeat(labels, times):
    """Returns labels over and over, as often as images are put together; None for None."""
    return None if labels is None else ops.tile(labels, [times])
