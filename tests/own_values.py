"""An update rule, an objective and penalties as a user's script defines them."""

import keras
from keras import ops

import kerasgan


@kerasgan.frozen_config
class TwoGeneratorSteps:
    """One discriminator step, then two generator steps."""

    d_steps = 1

    def check(self, discriminator): ...

    def play(self, step, images, labels=None):
        logs = step.update_discriminator(images, labels)
        step.update_generator(images, labels)
        return logs | step.update_generator(images, labels)


@kerasgan.frozen_config
class Quadratic(kerasgan.objectives.Objective):
    """Squared distances of the logits from a target and its negative."""

    target: float = 1.0

    def d_loss(self, real_logits, fake_logits):
        return ops.square(real_logits - self.target) + ops.square(fake_logits + self.target)

    def g_loss(self, real_logits, fake_logits):
        return ops.square(fake_logits)


@kerasgan.frozen_config
class Drift(kerasgan.penalties.Penalty):
    """Keeps the logits of generated images close to 0; it uses no gradient."""

    weight: float = 0.1

    where = "fake"
    needs_gradient = False

    def penalty(self, logits, squared_norms):
        assert squared_norms is None
        return self.weight * ops.square(logits)


@kerasgan.frozen_config
class Lipschitz(kerasgan.penalties.Penalty):
    """Penalizes gradient norms above a bound, between real and generated images, at every second step."""

    bound: float = 0.5

    where = "mixed"
    every = 2

    def penalty(self, logits, squared_norms):
        return ops.relu(squared_norms - self.bound**2)


OPTIONS = {
    "updates": TwoGeneratorSteps(),
    "objective": Quadratic(target=0.5),
    "penalties": [Drift(), Lipschitz(bound=0.1)],
}
"""The arguments of `compile`."""


def make_gan(seed=0):
    """Returns a GAN that is compiled with all of them, and with plain SGD."""
    keras.utils.set_random_seed(seed)
    gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8, depth=1), latent_dim=4, seed=seed)
    gan.compile(keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.05), **OPTIONS)
    return gan


def check_saved_and_loaded(gan, images, path):
    """Trains a GAN of `make_gan`, saves it, loads it, and goes on: both go on alike."""
    logs = gan.fit(images, batch_size=16, shuffle=False, verbose=0).history
    assert logs["d_penalty"][0] > 0
    assert int(gan.d_optimizer.iterations) * 2 == int(gan.g_optimizer.iterations) == 2 * len(images) // 16
    gan.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.updates == OPTIONS["updates"] and loaded.objective == OPTIONS["objective"]
    assert loaded.penalties == tuple(OPTIONS["penalties"])
    assert gan.fit(images, batch_size=16, shuffle=False, verbose=0).history == (
        loaded.fit(images, batch_size=16, shuffle=False, verbose=0).history
    )
