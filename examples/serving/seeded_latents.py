"""The latents of a seed, in plain NumPy: any client draws the samples of `gan.generate(n, seed)` by itself.

You learn: how a seed becomes latents and labels, in 40 lines to be ported to any language, and how to run an exported
ONNX file with them: no Keras, no TensorFlow.

The algorithm is TensorFlow's `stateless_normal`: random bits by Philox4x32-10 (Salmon et al., 2011), normal numbers by
the transform of Box and Muller. A model that was exported on JAX says `threefry2x32` in its card; there a client takes
its latents from NumPy, or from `jax.random.normal(jax.random.key(seed), (n, latent_dim))`.

Run:      python examples/serving/seeded_latents.py MODEL.onnx [N] [SEED]
Takes:    a second.
Writes:   samples.npy, float32 (n, height, width, channels).
"""

import json
import sys

import numpy as np

MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
KEY_STEPS = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)


def philox(counters, key):
    """Returns four random words for each counter: ten rounds of Philox4x32.

    Args:
        counters: uint32 (count, 4).
        key: uint32 (2,).
    """
    a, b, c, d = (counters[:, column].astype("uint32") for column in range(4))
    first, second = (np.uint32(each) for each in key)
    with np.errstate(over="ignore"):
        for _ in range(10):
            products = MULTIPLIERS[0] * a.astype("uint64"), MULTIPLIERS[1] * c.astype("uint64")
            (high_a, low_a), (high_c, low_c) = (
                ((each >> np.uint64(32)).astype("uint32"), each.astype("uint32")) for each in products
            )
            a, b, c, d = high_c ^ b ^ first, low_c, high_a ^ d ^ second, low_a
            first, second = first + KEY_STEPS[0], second + KEY_STEPS[1]
    return np.stack([a, b, c, d], axis=1)


def random_words(seed, stream, count):
    """Returns `count` random words, uint32, of a seed; streams 0 (latents) and 1 (labels) are independent."""
    scrambled = philox(np.array([[seed, 0, stream, 0]], "uint32"), (0x3EC8F720, 0x02461E29))[0]
    blocks = np.arange(-(-count // 4))
    counters = np.zeros((len(blocks), 4), "uint32")
    counters[:, 0] = blocks
    counters[:, 2:] = scrambled[2:]
    return philox(counters, scrambled[:2]).reshape(-1)[:count]


def latents(n, latent_dim, seed):
    """Returns the latents of `gan.generate(n, seed)`, float32 (n, latent_dim), to the last bits of sin, cos and log."""
    count = n * latent_dim
    words = random_words(seed % (2**31 - 2), 0, count + count % 2)
    # The last 23 bits of a word are the mantissa of a number in [1, 2).
    uniform = ((words & np.uint32(0x7FFFFF)) | np.uint32(127 << 23)).view("float32") - np.float32(1)
    radius = np.sqrt(-2 * np.log(np.maximum(uniform[0::2], np.float32(1e-7))))
    angle = np.float32(2 * np.pi) * uniform[1::2]
    return np.stack([np.sin(angle) * radius, np.cos(angle) * radius], axis=1).reshape(-1)[:count].reshape(n, latent_dim)


def labels(n, num_classes, seed):
    """Returns the labels of `gan.generate(n, seed)`, int32 (n,)."""
    return (random_words(seed, 1, n) % np.uint32(num_classes)).astype("int32")


def main(path, n=4, seed=0):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    card = json.loads(session.get_modelmeta().custom_metadata_map["kerasgan"])
    n, seed = int(n), int(seed)
    inputs = {"z": latents(n, card["latent_shape"][0], seed)}
    if card["num_classes"] is not None:
        inputs["labels"] = labels(n, card["num_classes"], seed)
    (images,) = session.run(["images"], inputs)
    np.save("samples.npy", images)
    print(f"samples.npy: {images.shape}, from {images.min():.2f} to {images.max():.2f}")
    return images


if __name__ == "__main__":
    main(*sys.argv[1:])
