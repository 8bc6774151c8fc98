"""The steps of other libraries that kerasgan is compared with, on the same networks and batch.

Written from the structure of the peers' public examples (the keras.io DCGAN example; PyTorch's DCGAN example), not from
their code.
"""

import functools

import keras
import numpy as np
from keras import layers


def keras_io_step(generator, discriminator, latent_dim):
    """Two passes: D on the joined batch, then fresh latents and a second pass through both for G. In plain Keras."""
    import tensorflow as tf  # here: PyTorch's step runs where there is none

    class Example(keras.Model):
        def __init__(self):
            super().__init__()
            self.generator, self.discriminator = generator, discriminator
            self.seeds = keras.random.SeedGenerator(0)
            self.d_mean, self.g_mean = keras.metrics.Mean(name="d_loss"), keras.metrics.Mean(name="g_loss")

        def train_step(self, images):
            loss = keras.losses.BinaryCrossentropy(from_logits=True)
            batch_size = images.shape[0]
            fake = self.generator(keras.random.normal((batch_size, latent_dim), seed=self.seeds), training=True)
            both = tf.concat([fake, images], axis=0)
            labels = tf.concat([tf.zeros((batch_size, 1)), tf.ones((batch_size, 1))], axis=0)
            with tf.GradientTape() as tape:
                d_loss = loss(labels, self.discriminator(both, training=True))
            weights = self.discriminator.trainable_weights
            d_adam.apply_gradients(zip(tape.gradient(d_loss, weights), weights, strict=True))
            latents = keras.random.normal((batch_size, latent_dim), seed=self.seeds)
            with tf.GradientTape() as tape:
                logits = self.discriminator(self.generator(latents, training=True), training=True)
                g_loss = loss(tf.ones((batch_size, 1)), logits)
            weights = self.generator.trainable_weights
            g_adam.apply_gradients(zip(tape.gradient(g_loss, weights), weights, strict=True))
            self.d_mean.update_state(d_loss)
            self.g_mean.update_state(g_loss)
            return {"d_loss": self.d_mean.result(), "g_loss": self.g_mean.result()}

    d_adam, g_adam = keras.optimizers.Adam(2e-4, beta_1=0.5), keras.optimizers.Adam(2e-4, beta_1=0.5)
    d_adam.build(discriminator.trainable_variables)
    g_adam.build(generator.trainable_variables)
    return tf.function(Example().train_step, autograph=False)


class TorchExample:
    """PyTorch's DCGAN example: D on real, D on fake, update of D; D on the same fakes; update of G.

    Args:
        generator, discriminator: Keras models of whose layers both networks are, newly initialized.
        bfloat16: whether the steps run under autocast.
        channels_last: whether PyTorch keeps images as Keras does.
        device: of PyTorch.
        compiled: whether both networks are those of `torch.compile`.
    """

    def __init__(self, generator, discriminator, bfloat16, channels_last, device="cpu", compiled=False):
        import torch

        self.latent_dim, self.bfloat16, self.device = generator.input_shape[-1], bfloat16, device
        self.layout = {"memory_format": torch.channels_last} if channels_last else {}
        g, d = (_torch_of(network).to(device=device, **self.layout) for network in (generator, discriminator))
        self.g_adam, self.d_adam = (
            torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in (g, d)
        )
        self.g, self.d = (torch.compile(g), torch.compile(d)) if compiled else (g, d)
        self.loss = torch.nn.BCEWithLogitsLoss()

    def put(self, images):
        """Returns images (n, height, width, channels) as a tensor on the device."""
        import torch

        return torch.from_numpy(np.transpose(images, (0, 3, 1, 2)).copy()).to(device=self.device, **self.layout)

    def step(self, images):
        """Trains on one batch, an array or a tensor of `put`; returns the generator's loss, a tensor on the device."""
        import torch

        real = self.put(images) if isinstance(images, np.ndarray) else images
        ones, zeros = (torch.full((len(real), 1), label, device=self.device) for label in (1.0, 0.0))
        # Only forward passes are under autocast, which keeps its casts of weights until it ends.
        low = functools.partial(torch.autocast, self.device, torch.bfloat16, enabled=self.bfloat16)
        self.d_adam.zero_grad(set_to_none=True)
        with low():
            real_loss = self.loss(self.d(real).float(), ones)
        real_loss.backward()
        with low():
            fake = self.g(torch.randn(len(real), self.latent_dim, device=self.device))
            fake_loss = self.loss(self.d(fake.detach()).float(), zeros)
        fake_loss.backward()
        self.d_adam.step()
        self.g_adam.zero_grad(set_to_none=True)
        with low():
            g_loss = self.loss(self.d(fake).float(), ones)
        g_loss.backward()
        self.g_adam.step()
        return g_loss.detach()

    def draw(self, latents):
        """Returns the samples of latents (n, latent_dim), float32 (n, height, width, channels)."""
        import torch

        self.g.eval()
        with torch.no_grad():
            parts = [self.g(part.to(self.device)).cpu() for part in torch.from_numpy(latents).split(250)]
        self.g.train()
        return np.ascontiguousarray(np.transpose(torch.cat(parts).numpy(), (0, 2, 3, 1)))


def torch_step(generator, discriminator, images, bfloat16, channels_last, device="cpu", compiled=False):
    """Returns a function that runs one step of `TorchExample` on the same images; `float` of its result waits."""
    example = TorchExample(generator, discriminator, bfloat16, channels_last, device, compiled)
    real = example.put(images)
    return lambda: example.step(real)


def _torch_of(network):
    """The same layers in PyTorch, as its example starts them: weights of N(0, 0.02), of batch norm N(1, 0.02)."""
    from torch import nn

    parts, shape = [], network.input_shape
    for layer in network.layers:
        if isinstance(layer, layers.Dense):
            parts.append(nn.Linear(*layer.kernel.shape, bias=layer.use_bias))
        elif isinstance(layer, layers.Conv2DTranspose):
            parts.append(nn.ConvTranspose2d(shape[-1], layer.filters, 4, 2, 1, bias=layer.use_bias))
        elif isinstance(layer, layers.Conv2D):
            kernel, stride = layer.kernel_size[0], layer.strides[0]
            parts.append(nn.Conv2d(shape[-1], layer.filters, kernel, stride, (kernel - 1) // 2, bias=layer.use_bias))
        elif isinstance(layer, layers.BatchNormalization):
            parts.append(nn.BatchNorm2d(shape[-1]))
        elif isinstance(layer, layers.Reshape):
            height, width, channels = layer.target_shape
            parts.append(nn.Unflatten(1, (channels, height, width)))
        elif isinstance(layer, layers.GlobalMaxPooling2D):
            parts += [nn.AdaptiveMaxPool2d(1), nn.Flatten()]
        else:
            known = {
                "LeakyReLU": nn.LeakyReLU(0.2),
                "ReLU": nn.ReLU(),
                "Activation": nn.Tanh(),
                "Flatten": nn.Flatten(),
            }
            parts.append(known[type(layer).__name__])
        shape = layer.output.shape
    for part in parts:
        if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0.0, 0.02)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, 1.0, 0.02)
    return nn.Sequential(*parts)
