"""The tables of `quality.py`: their recipes, the figures of their samples, and the published rows."""

import dataclasses
import functools
import typing

import numpy as np

PLAIN = {
    # The networks of kerasgan 0.2 (a DCGAN with batch norm in the generator), with the rules of Radford et al., 2016
    # (arXiv:1511.06434), and their batch of 64 as the keras.io and PyTorch examples have it.
    "network": "dcgan",
    "batch_size": 64,
    "learning_rate": 2e-4,
    "beta_1": 0.5,
    "beta_2": 0.999,
    "decay_to": 1.0,
    "objective": "non_saturating",
    "gamma": None,
    "updates": "alternating",
    "ema_half_life_images": None,
}


MNIST_OF_0_2 = {
    # The recipe `mnist` of kerasgan 0.2, whose networks were a DCGAN.
    "network": "dcgan",
    "network_options": {"width": 48},
    "updates": "alternating",
    "precision": "float32",
}


PHOTOS_OF_0_2 = {
    # The recipe `photos` of kerasgan 0.2, whose networks were a DCGAN.
    "network": "dcgan",
    "network_options": {},
    "latent_dim": 128,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "beta_1": 0.0,
    "beta_2": 0.99,
    "beta_2_to": None,
    "decay_to": 0.02,
    "objective": "relativistic",
    "gamma": 0.5,
    "gamma_to": None,
    "penalties_every": 4,
    "updates": "one_stage",
    "augment": None,
    "ema_half_life_images": 5_000.0,
    "ema_warm_up": 0.05,
    "precision": "float32",
}

SMALL = 32
"""Height and width of the photos that are compared, in pixels."""


@dataclasses.dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        recipe: name of the recipe.
        rows: for each row of ours, the fields of the recipe that it changes.
        figures: a function from a GAN and a seed to a dict of figures, one for each column.
        columns: for each figure, its heading and its format.
        seeds: number of seeds, by default.
        epochs: of each run; None for the recipe's own.
        threads: of TensorFlow in each run; 1 makes a run the same every time, bit for bit, and lets one run on each
            core.
        needs_folder: whether `figures` takes a folder of photos first, on which the recipe is trained as well.
        published: rows of papers: for each column a pair (mean, standard error), a number, or None.
    """

    recipe: str
    rows: dict
    figures: typing.Callable
    columns: dict
    seeds: int
    epochs: int | None = None
    threads: int = 1
    needs_folder: bool = False
    published: dict = dataclasses.field(default_factory=dict)


def sngan(recipe, info, seed):
    """The recipe's networks with spectral norm in the discriminator, hinge loss and five discriminator steps.

    Settings of Miyato et al., 2018 (arXiv:1802.05957) as mimicry has them: batch 64, Adam(2e-4, 0, 0.9). The recipe's
    batch is that of all five steps together.
    """
    import keras

    from kerasgan import updates
    from kerasgan.runs import recipes

    gan = recipes.build(recipe, info, seed)

    class OfLabels(keras.layers.SpectralNormalization):
        """Keras's layer casts its result to the dtype of its inputs: no gradient passes through whole numbers."""

        def call(self, labels, training=False):
            return super().call(keras.ops.cast(labels, "float32"), training=training)

    def normalized(layer):
        copy = type(layer).from_config(layer.get_config())
        if isinstance(layer, keras.layers.Embedding):
            copy.embeddings_initializer = keras.initializers.GlorotUniform(seed)  # a norm of 0 cannot become 1
            return OfLabels(copy)
        has_kernel = isinstance(layer, keras.layers.Dense | keras.layers.Conv2D)
        return keras.layers.SpectralNormalization(copy) if has_kernel else copy

    discriminator = keras.models.clone_model(gan.discriminator, clone_function=normalized, recursive=True)
    return _compiled(gan, discriminator, objective="hinge", rule=updates.Alternating(d_steps=5), rate=2e-4, seed=seed)


def wgan_gp(recipe, info, seed):
    """The recipe's networks as a Wasserstein GAN with gradient penalty, five critic steps, Adam(1e-4, 0, 0.9).

    Settings of Gulrajani et al., 2017 (arXiv:1704.00028), with the same penalty weight of 10.
    """
    from kerasgan import penalties, updates
    from kerasgan.runs import recipes

    gan = recipes.build(recipe, info, seed)
    options = {"objective": "wasserstein", "penalties": penalties.GradientPenalty(10.0)}
    return _compiled(gan, gan.discriminator, rule=updates.Alternating(d_steps=5), rate=1e-4, seed=seed, **options)


def _compiled(gan, discriminator, rule, rate, seed, **options):
    import keras

    import kerasgan

    gan = kerasgan.GAN(gan.generator, discriminator, gan.latent_dim, num_classes=gan.num_classes, seed=seed)
    adams = (keras.optimizers.Adam(rate, 0.0, 0.9, name=name) for name in ("d_adam", "g_adam"))
    gan.compile(*adams, updates=rule, steps_per_execution=2, **options)
    return gan


def modes_of_points(name, gan, seed):
    """2,500 samples against the centers, by the protocol of PacGAN (Lin et al., 2017, arXiv:1712.04086)."""
    from kerasgan import datasets, metrics

    centers, sigma = {
        "ring": (datasets.ring_centers(), datasets.RING_SIGMA),
        "grid": (datasets.grid_centers(), datasets.GRID_SIGMA),
    }[name]
    found = metrics.mode_coverage(gan.generate(2500, seed=seed), centers, sigma)
    return {"modes": found.modes, "high_quality": 100 * found.high_quality, "reverse_kl": found.reverse_kl}


@functools.cache
def _mnist_classifier():
    from kerasgan import features

    return features.classifier("mnist")


@functools.cache
def _mnist_test():
    """The 10,000 test images of MNIST: their features, and how many there are of each class."""
    from kerasgan import datasets

    images, labels, _ = datasets.load_arrays("mnist", split="test")
    return _mnist_classifier()(images).features, np.bincount(labels)


def digits(gan, seed):
    """10,000 samples against the 10,000 test images, on the features of a classifier trained on MNIST's own labels."""
    from kerasgan import metrics

    real, real_classes = _mnist_test()
    generated = _mnist_classifier()(gan.generate(len(real), seed=seed))
    classes = np.bincount(generated.probabilities.argmax(axis=1), minlength=10)
    precision, recall = metrics.precision_recall(real, generated.features)
    return {
        "frechet": metrics.frechet_distance(real, generated.features),
        "class_js": metrics.class_divergence(real_classes, classes),
        "precision": precision,
        "recall": recall,
    }


@functools.cache
def _second_reader():
    """A classifier of MNIST that shares nothing with that of `_mnist_classifier`: see `second_classifier.py`."""
    import second_classifier

    from kerasgan import datasets

    images, labels, _ = datasets.load_arrays("mnist")
    return second_classifier.load("mnist", images, labels, flip=False)


def clear_digits(gan, seed, n=10_000):
    """The figures of `digits`, and the share of samples of whose class a second classifier is sure."""
    import second_classifier

    found = second_classifier.figures(_second_reader()(gan.generate(n, seed=seed)))
    return digits(gan, seed) | {"sure": found["sure"]}


@functools.cache
def _photos_classifier(folder):
    from kerasgan import features

    return features.classifier(folder, image_size=SMALL)


@functools.cache
def _photos(folder):
    """The features of 5,000 photos of the folder, always the same."""
    from kerasgan import datasets

    return _photos_classifier(folder)(datasets.load_arrays(folder, 5000, image_size=SMALL)[0]).features


def photos(folder, gan, seed):
    """5,000 samples against 5,000 photos, on the features of a classifier trained on the folder's own classes."""
    from kerasgan import metrics

    real = _photos(folder)
    generated = _photos_classifier(folder)(gan.generate(len(real), seed=seed)).features
    precision, recall = metrics.precision_recall(real, generated)
    return {"frechet": metrics.frechet_distance(real, generated), "precision": precision, "recall": recall}


@functools.cache
def _second_classifier(folder):
    """A classifier that shares nothing with the one of `_photos_classifier`: see `second_classifier.py`."""
    import second_classifier

    from kerasgan import datasets

    images, labels, _ = datasets.load_arrays(folder, image_size=SMALL)
    return second_classifier.load("photos", images, labels, flip=True)


def seen_photos(folder, gan, seed, n=5000):
    """The figures of `photos`, the kernel distance, and the share of samples whose class a second classifier sees.

    Of a conditional GAN as many samples of each class are drawn.
    """
    import second_classifier

    from kerasgan import metrics

    labels = None if gan.num_classes is None else np.arange(n) % gan.num_classes
    samples = gan.generate(n, seed=seed, labels=labels)
    real, generated = _photos(folder), _photos_classifier(folder)(samples).features
    precision, recall = metrics.precision_recall(real, generated)
    return {
        "frechet": metrics.frechet_distance(real, generated),
        "kernel": metrics.kernel_distance(real, generated)[0],
        "precision": precision,
        "recall": recall,
        **second_classifier.figures(_second_classifier(folder)(samples), labels),
    }


@functools.cache
def _small_digits():
    """The digits of 8x8 pixels: a classifier of them, their features, and how many there are of each class."""
    from kerasgan import datasets, features

    classifier = features.classifier("digits")
    images, labels, _ = datasets.load_arrays("digits")
    return classifier, classifier(images).features, np.bincount(labels)


def small_digits(gan, seed, n=5000):
    """5,000 samples against the 1,797 digits, which the recipe trains on, on the features of a classifier of theirs.

    A generator that copies them would win: compare the rows with each other only.
    """
    from kerasgan import metrics

    classifier, real, real_classes = _small_digits()
    generated = classifier(gan.generate(n, seed=seed))
    classes = np.bincount(generated.probabilities.argmax(axis=1), minlength=10)
    precision, recall = metrics.precision_recall(real, generated.features)
    return {
        "frechet": metrics.frechet_distance(real, generated.features),
        "class_js": metrics.class_divergence(real_classes, classes),
        "precision": precision,
        "recall": recall,
    }


def bell(gan, seed, n=10_000):
    """10,000 samples against the quantiles of the bell: the mean distance to move them (Wasserstein-1), in sigmas."""
    from scipy import stats

    from kerasgan import datasets

    quantiles = stats.norm.ppf((np.arange(n) + 0.5) / n)
    samples = np.sort(gan.generate(n, seed=seed).ravel())
    return {"wasserstein": float(np.mean(np.abs((samples - datasets.BELL_MEAN) / datasets.BELL_SIGMA - quantiles)))}


def stacked_modes(gan, seed, n=26_000):
    """26,000 samples: how many of the 1,000 numbers are found, and the KL divergence of their shares from even ones."""
    images = gan.generate(n, seed=seed)
    read = [_mnist_classifier()(images[..., [color]]).probabilities.argmax(axis=1) for color in range(3)]
    counts = np.bincount(100 * read[0] + 10 * read[1] + read[2], minlength=1000)
    shares = counts[counts > 0] / n
    return {"modes": int(np.sum(counts > 0)), "kl": float(np.sum(shares * np.log(1000 * shares)))}


_POINTS = {"modes": ("modes", ".1f"), "high_quality": ("high quality %", ".1f"), "reverse_kl": ("reverse KL", ".2g")}
_SMALL = {"image_size": SMALL, "network_options": {"width": 32}, "flip": False, "latent_dim": 128}
_DIGITS = {
    "frechet": ("Frechet distance", ".2f"),
    "class_js": ("classes' JS", ".4f"),
    "precision": ("precision", ".3f"),
    "recall": ("recall", ".3f"),
}

_SEEN = {
    "frechet": ("Frechet distance", ".2f"),
    "kernel": ("kernel distance", ".3f"),
    "precision": ("precision", ".3f"),
    "recall": ("recall", ".3f"),
    "sure": ("sure", ".3f"),
    "class_seen": ("class seen", ".3f"),
}
_FIVE_STEPS = PLAIN | {"network_options": {}, "image_size": SMALL, "latent_dim": 128, "batch_size": 320}
_CIFAR = {
    "plain DCGAN": PLAIN | {"network_options": {}, "image_size": SMALL, "latent_dim": 128, "precision": "float32"},
    "SNGAN": _FIVE_STEPS | {"build": sngan},
    "WGAN-GP": _FIVE_STEPS | {"build": wgan_gp},
    "photos of 0.2": PHOTOS_OF_0_2 | {"image_size": SMALL},
    "**kerasgan photos**": {"image_size": SMALL, "precision": "mixed_bfloat16"},
}

_ORDERS = {order: {"updates": order} for order in ("alternating", "simultaneous", "one_stage")}

TABLES = {
    "ring": Table(
        "ring",
        {"**kerasgan**": {}},
        functools.partial(modes_of_points, "ring"),
        _POINTS,
        seeds=10,
        published={
            "GAN": [(6.3, 0.5), (98.2, 0.2), (0.45, 0.09)],
            "ALI": [(6.6, 0.3), (97.6, 0.4), (0.36, 0.04)],
            "PacGAN4": [(7.8, 0.1), (95.9, 1.4), (0.07, 0.02)],
        },
    ),
    "grid": Table(
        "grid",
        {"**kerasgan**": {}},
        functools.partial(modes_of_points, "grid"),
        _POINTS,
        seeds=10,
        published={
            "GAN": [(17.3, 0.8), (94.8, 0.7), (0.70, 0.07)],
            "ALI": [(24.1, 0.4), (95.7, 0.6), (0.14, 0.03)],
            "PacGAN4": [(24.8, 0.2), (93.6, 0.6), (0.04, 0.01)],
        },
    ),
    "mnist": Table(
        "mnist",
        {
            "plain DCGAN": MNIST_OF_0_2 | PLAIN,
            "mnist of 0.2": MNIST_OF_0_2,
            "**kerasgan mnist**": {"precision": "mixed_bfloat16"},
        },
        clear_digits,
        _DIGITS | {"sure": ("sure", ".3f")},
        seeds=3,
        epochs=3,
    ),
    "photos": Table(
        "photos",
        {"plain DCGAN": PLAIN | _SMALL, "photos of 0.2": PHOTOS_OF_0_2 | _SMALL},
        photos,
        {name: form for name, form in _DIGITS.items() if name != "class_js"},
        seeds=3,
        epochs=2,
        needs_folder=True,
    ),
    "cifar10": Table(
        "photos",
        _CIFAR,
        seen_photos,
        {name: form for name, form in _SEEN.items() if name != "class_seen"},
        seeds=3,
        epochs=15,
        threads=2,
        needs_folder=True,
    ),
    "cifar10-conditional": Table(
        "photos",
        {row: fields | {"conditional": True} for row, fields in _CIFAR.items()},
        seen_photos,
        _SEEN,
        seeds=3,
        epochs=15,
        threads=2,
        needs_folder=True,
    ),
    "orders-mnist": Table(
        "mnist", {order: MNIST_OF_0_2 | row for order, row in _ORDERS.items()}, digits, _DIGITS, seeds=5, epochs=3
    ),
    "orders-digits": Table("digits", _ORDERS, small_digits, _DIGITS, seeds=5),
    "orders-ring": Table("ring", _ORDERS, functools.partial(modes_of_points, "ring"), _POINTS, seeds=5),
    "orders-bell": Table("bell", _ORDERS, bell, {"wasserstein": ("Wasserstein-1 / sigma", ".3f")}, seeds=5),
    "stacked-mnist": Table(
        "stacked_mnist",
        {"**kerasgan stacked_mnist**": {}},
        stacked_modes,
        {"modes": ("modes", ".0f"), "kl": ("KL", ".3f")},
        seeds=1,
        threads=2,
        published={
            "DCGAN": [99, 3.4],
            "Unrolled GAN": [48.7, 4.32],
            "VEEGAN": [150, 2.95],
            "PacDCGAN2": [1000, 0.06],
        },
    ),
}
