"""The training steps of other libraries that `translation.py` compares with.

Written from the published descriptions (the papers of pix2pix and CycleGAN, the structure of
junyanz/pytorch-CycleGAN-and-pix2pix and of the Keras and TensorFlow pages), not from their code. As a script it trains
the PyTorch row in a process without TensorFlow: `translation_peers.py TASK DATA MADE WIDTH BATCH BLOCKS SEED THREADS`.
"""

import random
import sys
import time

import numpy as np

FIRST = 4
"""Steps that are not timed."""


def run(step, arrays, rows, batch, finish=float):
    """Runs a step on the rows, batch after batch; returns images a second, without the first steps."""
    steps = len(rows) // batch
    parts = [rows[number * batch : (number + 1) * batch] for number in range(steps)]
    for chosen in parts[:FIRST]:
        finish(step(arrays["inputs"][chosen], arrays["targets"][chosen]))
    start = time.perf_counter()
    for chosen in parts[FIRST:]:
        result = step(arrays["inputs"][chosen], arrays["targets"][chosen])
    finish(result)
    return (steps - FIRST) * batch / (time.perf_counter() - start)


class KerasPages:
    """The steps of TensorFlow's pix2pix page and of the keras.io CycleGAN page, on Keras networks.

    pix2pix: both losses from one forward pass, one tape each. CycleGAN: least squares, no pool, one optimizer for each
    network; a generator's loss has the cycle that ends in it, so that the other cycle does not reach it.

    Args:
        networks: a generator and a discriminator, or both generators and both discriminators of a CycleGAN.
        adam: makes an optimizer.
    """

    def __init__(self, networks, adam):
        import tensorflow as tf

        self.networks, self.adams = networks, [adam() for _ in networks]
        for network, optimizer in zip(networks, self.adams, strict=True):
            optimizer.build(network.trainable_variables)
        self.step = tf.function(self._pair if len(networks) == 2 else self._cycle, autograph=False)

    def translate(self, images, to="b"):
        network = self.networks[1 if to == "a" else 0]
        return np.concatenate([np.array(network(each, training=False)) for each in np.array_split(images, 20)])

    def _pair(self, inputs, targets):
        import tensorflow as tf

        def entropy(label, logits):
            return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(tf.shape(logits), label), logits))

        generator, discriminator = self.networks
        with tf.GradientTape(persistent=True) as tape:
            made = generator(inputs, training=True)
            real = discriminator([targets, inputs], training=True)
            fake = discriminator([made, inputs], training=True)
            g_loss = entropy(1.0, fake) + 100.0 * tf.reduce_mean(tf.abs(targets - made))
            d_loss = entropy(1.0, real) + entropy(0.0, fake)
        self._apply(tape, (g_loss, d_loss))
        return g_loss

    def _cycle(self, a, b):
        import tensorflow as tf

        def mean_square(logits, label):
            return tf.reduce_mean(tf.square(logits - label))

        def distance(one, other):
            return tf.reduce_mean(tf.abs(one - other))

        to_b, to_a, of_a, of_b = (
            lambda images, network=network: network(images, training=True) for network in self.networks
        )
        with tf.GradientTape(persistent=True) as tape:
            fake_b, fake_a = to_b(a), to_a(b)
            back_a, back_b = to_a(fake_b), to_b(fake_a)
            same_a, same_b = to_a(a), to_b(b)
            judged = [of_a(a), of_a(fake_a), of_b(b), of_b(fake_b)]
            losses = (
                mean_square(judged[3], 1.0) + 10.0 * distance(b, back_b) + 5.0 * distance(b, same_b),
                mean_square(judged[1], 1.0) + 10.0 * distance(a, back_a) + 5.0 * distance(a, same_a),
                0.5 * (mean_square(judged[0], 1.0) + mean_square(judged[1], 0.0)),
                0.5 * (mean_square(judged[2], 1.0) + mean_square(judged[3], 0.0)),
            )
        self._apply(tape, losses)
        return losses[0]

    def _apply(self, tape, losses):
        for network, optimizer, loss in zip(self.networks, self.adams, losses, strict=True):
            weights = network.trainable_variables
            optimizer.apply(tape.gradient(loss, weights), weights)


# PyTorch


def torch_unet(channels_in, channels_out, width):
    """The U-Net for 32x32 pixels: five halvings to one pixel, batch norm, no dropout below 256 pixels."""
    import torch
    from torch import nn

    class Level(nn.Module):
        def __init__(self, outer, inner, given, inside, is_outermost=False):
            super().__init__()
            self.is_outermost = is_outermost
            down = nn.Conv2d(given, inner, 4, 2, 1, bias=False)
            joined = inner if inside is None else 2 * inner
            up = nn.ConvTranspose2d(joined, outer, 4, 2, 1, bias=is_outermost)
            if is_outermost:
                parts = [down, inside, nn.ReLU(), up, nn.Tanh()]
            elif inside is None:
                parts = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, nn.BatchNorm2d(outer)]
            else:
                parts = [nn.LeakyReLU(0.2), down, nn.BatchNorm2d(inner), inside, nn.ReLU(), up, nn.BatchNorm2d(outer)]
            self.parts = nn.Sequential(*parts)

        def forward(self, images):
            return self.parts(images) if self.is_outermost else torch.cat([images, self.parts(images)], 1)

    inside = Level(8 * width, 8 * width, 8 * width, None)
    for outer, inner in ((4, 8), (2, 4), (1, 2)):
        inside = Level(outer * width, inner * width, outer * width, inside)
    return Level(channels_out, width, channels_in, inside, is_outermost=True)


def torch_translator(channels, width, blocks):
    """The residual generator, with instance norm without weights."""
    from torch import nn

    def reflected(given, made, kernel):
        return [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(given, made, kernel)]

    class Residual(nn.Module):
        def __init__(self, size):
            super().__init__()
            first = [*reflected(size, size, 3), nn.InstanceNorm2d(size), nn.ReLU()]
            self.parts = nn.Sequential(*first, *reflected(size, size, 3), nn.InstanceNorm2d(size))

        def forward(self, maps):
            return maps + self.parts(maps)

    parts = [*reflected(channels, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]
    for size in (width, 2 * width):
        parts += [nn.Conv2d(size, 2 * size, 3, 2, 1), nn.InstanceNorm2d(2 * size), nn.ReLU()]
    parts += [Residual(4 * width) for _ in range(blocks)]
    for size in (4 * width, 2 * width):
        parts += [nn.ConvTranspose2d(size, size // 2, 3, 2, 1, 1), nn.InstanceNorm2d(size // 2), nn.ReLU()]
    return nn.Sequential(*parts, *reflected(width, channels, 7), nn.Tanh())


def torch_patchgan(channels, width, norm):
    """Three halvings, two more convolutions: a map of 2x2 logits for 32x32 pixels."""
    from torch import nn

    parts = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for factor, stride in ((1, 2), (2, 2), (4, 1)):
        parts += [nn.Conv2d(factor * width, 2 * factor * width, 4, stride, 1), norm(2 * factor * width)]
        parts += [nn.LeakyReLU(0.2)]
    return nn.Sequential(*parts, nn.Conv2d(8 * width, 1, 4, 1, 1))


class TorchPairs:
    """D on the generated and the real image, halved; then G by the updated D, and 100 times the L1 distance."""

    def __init__(self, channels_in, channels_out, width, blocks):
        import torch
        from torch import nn

        self.generators = [torch_unet(channels_in, channels_out, width)]
        self.discriminators = [torch_patchgan(channels_in + channels_out, width, nn.BatchNorm2d)]
        self.entropy, self.torch = nn.BCEWithLogitsLoss(), torch

    def losses(self, inputs, targets):
        """Yields the loss of the discriminator, and when it has been updated that of the generator."""
        cat, (discriminator,) = self.torch.cat, self.discriminators
        discriminator.requires_grad_(True)
        made = self.generators[0](inputs)
        fake, real = discriminator(cat([inputs, made.detach()], 1)), discriminator(cat([inputs, targets], 1))
        ones, zeros = self.torch.ones_like(real), self.torch.zeros_like(fake)
        yield "d", 0.5 * (self.entropy(real, ones) + self.entropy(fake, zeros))
        discriminator.requires_grad_(False)
        distance = (made - targets).abs().mean()
        yield "g", self.entropy(discriminator(cat([inputs, made], 1)), ones) + 100.0 * distance


class TorchCycles:
    """Both generators by their discriminators, cycles and identities; then both discriminators, with pools of 50."""

    def __init__(self, channels_in, channels_out, width, blocks):
        from torch import nn

        self.generators = [torch_translator(channels_in, width, blocks) for _ in "ab"]
        self.discriminators = [torch_patchgan(channels_in, width, nn.InstanceNorm2d) for _ in "ab"]
        self.pools = [[], []]

    def losses(self, a, b):
        """Yields the loss of the generators, and when they have been updated that of the discriminators."""
        (to_b, to_a), (of_a, of_b) = self.generators, self.discriminators
        for each in self.discriminators:
            each.requires_grad_(False)
        fake_b, fake_a = to_b(a), to_a(b)
        loss = ((of_b(fake_b) - 1) ** 2).mean() + ((of_a(fake_a) - 1) ** 2).mean()
        loss = loss + 10.0 * ((to_a(fake_b) - a).abs().mean() + (to_b(fake_a) - b).abs().mean())
        yield "g", loss + 5.0 * ((to_b(b) - b).abs().mean() + (to_a(a) - a).abs().mean())
        total = 0.0
        for each in self.discriminators:
            each.requires_grad_(True)
        for discriminator, real, fake, pool in ((of_a, a, fake_a, self.pools[0]), (of_b, b, fake_b, self.pools[1])):
            past = self._exchanged(fake.detach(), pool)
            total = total + 0.5 * (((discriminator(real) - 1) ** 2).mean() + (discriminator(past) ** 2).mean())
        yield "d", total

    def _exchanged(self, images, pool):
        import torch

        returned = []
        for image in images:
            if len(pool) < 50:
                pool.append(image)
            elif random.random() < 0.5:
                place = random.randrange(50)
                pool[place], image = image, pool[place]
            returned.append(image)
        return torch.stack(returned)


def train_torch(task, given, made, width, batch, blocks, seed, threads):
    """Trains on the arrays of a file, and writes the translations of the test images into another."""
    import torch

    torch.set_num_threads(int(threads))
    torch.manual_seed(int(seed))
    random.seed(int(seed))
    arrays = {name: values for name, values in np.load(given).items()}
    rows, batch = arrays.pop("rows"), int(batch)
    layout = {"memory_format": torch.channels_last}
    arrays = {name: torch.from_numpy(each.transpose(0, 3, 1, 2)).to(**layout) for name, each in arrays.items()}
    kind = TorchCycles if task == "unpaired" else TorchPairs
    peer = kind(arrays["inputs"].shape[1], arrays["targets"].shape[1], int(width), int(blocks))
    networks = {"g": torch.nn.ModuleList(peer.generators), "d": torch.nn.ModuleList(peer.discriminators)}
    for network in networks.values():
        network.to(**layout).apply(_initialized)
    adams = {name: torch.optim.Adam(each.parameters(), 2e-4, (0.5, 0.999)) for name, each in networks.items()}
    half = len(rows) // batch // 2
    shares = [
        torch.optim.lr_scheduler.LambdaLR(adam, lambda step: 1 - max(0, min(1, (step - half) / half)))
        for adam in adams.values()
    ]

    def step(inputs, targets):
        for name, loss in peer.losses(inputs, targets):
            adams[name].zero_grad(set_to_none=True)
            loss.backward()
            adams[name].step()
        for share in shares:
            share.step()
        return loss.detach()

    speed = run(step, arrays, torch.from_numpy(rows), batch)
    networks["g"].eval()
    sources = {"b": (0, "test_inputs")} | ({"a": (1, "test_targets")} if task == "unpaired" else {})
    with torch.no_grad():
        found = {
            to: torch.cat([peer.generators[number](each) for each in arrays[name].split(100)])
            for to, (number, name) in sources.items()
        }
        found = {to: images.permute(0, 2, 3, 1).numpy() for to, images in found.items()}
    np.savez(made, images_per_second=speed, **found)


def _initialized(module):
    import torch

    if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
        torch.nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            torch.nn.init.zeros_(module.bias)
    if isinstance(module, torch.nn.BatchNorm2d):
        torch.nn.init.normal_(module.weight, 1.0, 0.02)


if __name__ == "__main__":
    train_torch(*sys.argv[1:])
