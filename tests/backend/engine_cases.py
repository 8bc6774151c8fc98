"""Games that both engines play from the same weights, images and draws, one process for each engine."""

import contextlib
import pathlib
import warnings

import keras
import numpy as np
from keras import layers

import kerasgan
from kerasgan import augment, ema, penalties, updates

LATENT_DIM = 4
STEPS = 2
IMAGES = np.random.default_rng(1).uniform(-1, 1, (8, 8, 8, 1)).astype("float32")
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 0], "int32")

ORDERS = {
    "alternating": updates.Alternating(),
    "alternating, two": updates.Alternating(2),
    "simultaneous": updates.Simultaneous(),
    "one stage": updates.OneStage(),
}
PENALTIES = {
    "none": (),
    "r1": (penalties.R1(0.3),),
    "r2": (penalties.R2(0.3),),
    "gradient penalty": (penalties.GradientPenalty(0.3),),
    "r1 and r2": (penalties.R1(0.3), penalties.R2(0.2)),
    "r1 at every second step": (penalties.R1(0.3, every=2), penalties.GradientPenalty(0.1)),
}
OBJECTIVES = ("non_saturating", "minimax", "least_squares", "hinge", "wasserstein", "relativistic")


def dense():
    return [layers.Flatten(), layers.Dense(8), layers.LeakyReLU(0.2), layers.Dense(1)]


def dense_generator():
    return [layers.Dense(12, activation="tanh"), layers.Dense(64, activation="tanh"), layers.Reshape((8, 8, 1))]


def batch_norm():
    convolution = layers.Conv2D(4, 4, 2, padding="same", use_bias=False)
    return [convolution, layers.BatchNormalization(momentum=0.5), layers.ReLU(), layers.Flatten(), layers.Dense(1)]


def batch_norm_generator():
    return [
        layers.Dense(32, use_bias=False),
        layers.BatchNormalization(momentum=0.5),
        layers.ReLU(),
        layers.Reshape((4, 4, 2)),
        layers.Conv2DTranspose(1, 4, 2, padding="same", activation="tanh"),
    ]


def charged():
    """Layers that add losses: of their weights and of their activity."""
    return [
        layers.Flatten(),
        layers.Dense(
            8, kernel_regularizer=keras.regularizers.L2(0.01), activity_regularizer=keras.regularizers.L2(0.01)
        ),
        layers.Dense(1, activity_regularizer=keras.regularizers.L2(0.02)),
    ]


def charged_generator():
    weights = keras.regularizers.L2(0.01)
    return [layers.Dense(64, activation="tanh", kernel_regularizer=weights), layers.Reshape((8, 8, 1))]


def spectral_norm():
    return [layers.Flatten(), layers.SpectralNormalization(layers.Dense(8)), layers.LeakyReLU(0.2), layers.Dense(1)]


NETWORKS = {
    "dense": (dense_generator, dense),
    "batch norm": (batch_norm_generator, batch_norm),
    "losses of layers": (charged_generator, charged),
    "spectral norm": (dense_generator, spectral_norm),
}


def games():
    """All games: a dict of names to (networks, options of the GAN, options of `compile`)."""
    found = {}
    for order, penalty in ((order, penalty) for order in ORDERS for penalty in PENALTIES):
        rules = {"updates": ORDERS[order], "penalties": PENALTIES[penalty]}
        found[f"{order}; {penalty}"] = "dense", {}, rules
    for objective in OBJECTIVES[1:]:
        bounded = (penalties.GradientPenalty(0.3),) if objective == "wasserstein" else ()
        for order in ("alternating", "simultaneous", "one stage"):
            rules = {"updates": ORDERS[order], "objective": objective, "penalties": bounded}
            found[f"{order}; {objective}"] = "dense", {}, rules
    for order in ("alternating, two", "simultaneous"):
        for networks in ("batch norm", "losses of layers"):
            found[f"{order}; {networks}"] = networks, {"ema": ema.EMA(50)}, {"updates": ORDERS[order]}
    for order in ORDERS:
        rules = {"updates": ORDERS[order], "penalties": penalties.R1(0.3, every=2)}
        found[f"{order}; spectral norm, averaged"] = "spectral norm", {"ema": ema.EMA(50, warm_up=None)}, rules
        found[f"{order}; classes"] = "classes", {"num_classes": 3, "ema": ema.EMA(50)}, rules
        for name, each in (("diffaugment", augment.DiffAugment()), ("ada", augment.Adaptive(adjust_images=20))):
            found[f"{order}; {name}"] = "dense", {}, rules | {"augment": each}
    return found


def game_of(name, **changes):
    """A compiled gan, the same at each call and on each engine."""
    networks, options, rules = games()[name]
    if networks == "classes":
        generator, discriminator = kerasgan.networks.mlp((8, 8, 1), LATENT_DIM, width=8, depth=1, num_classes=3)
    else:
        for_generator, for_discriminator = NETWORKS[networks]
        generator = keras.Sequential([keras.Input((LATENT_DIM,)), *for_generator()])
        discriminator = keras.Sequential([keras.Input((8, 8, 1)), *for_discriminator()])
    draws = np.random.default_rng(0)
    for weight in (*generator.weights, *discriminator.weights):
        if weight.trainable or weight.name == "vector_u":
            weight.assign(draws.normal(0, 0.3, weight.shape).astype("float32"))
    gan = kerasgan.GAN(generator, discriminator, LATENT_DIM, seed=0, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some objectives have no total loss
        optimizers = {f"{player}_optimizer": keras.optimizers.SGD(0.1) for player in "dg"}
        gan.compile(**optimizers | rules | changes)
    return gan


@contextlib.contextmanager
def same_draws():
    """Makes both engines draw the same numbers from the same state of a seed generator, each state others."""
    kept = keras.random.normal, keras.random.uniform

    def drawing(kind):
        def draw(shape, *bounds, dtype=None, seed=None):
            table = getattr(np.random.default_rng(2), kind)(size=(64, *shape)).astype("float32")
            return keras.ops.take(keras.ops.convert_to_tensor(table), keras.ops.cast(seed.next()[1], "int32"), axis=0)

        return draw

    keras.random.normal, keras.random.uniform = drawing("normal"), drawing("random")
    try:
        yield
    finally:
        keras.random.normal, keras.random.uniform = kept


def played(name):
    """Returns what a gan has come to after some steps: its logs and all its weights, a dict of arrays."""
    gan = game_of(name, run_eagerly=engine.NAME == "tensorflow")  # compiling is slower there
    data = (IMAGES,) if gan.num_classes is None else (IMAGES, LABELS)
    for _ in range(STEPS):
        logs = gan.train_on_batch(*data, return_dict=True)
    found = {f"log {key}": np.asarray(value) for key, value in logs.items()}
    for part in ("generator", "discriminator", "averaged_generator"):
        weights = getattr(getattr(gan, part), "weights", [])
        found |= {f"{part} {number} {each.name}": np.asarray(each) for number, each in enumerate(weights)}
    found["draws"] = np.asarray(gan.seed_generator.state)[1].astype("int64")
    return found


FIRST = [f"{order}; {penalty}" for order in ORDERS for penalty in PENALTIES] + [
    "alternating; relativistic",
    "simultaneous; batch norm",
    "alternating, two; losses of layers",
    "alternating; spectral norm, averaged",
    "one stage; classes",
    "simultaneous; ada",
]
"""Games that are compared each time; the others take longer together than all the rest of the tests of an engine."""


def write(folder, name):
    """Writes what a gan has come to into a folder."""
    np.savez(pathlib.Path(folder) / f"{name}.npz", **played(name))


def save(file):
    """Trains a gan a little, and saves it, its weights and its optimizers' slots, in which two engines agree."""
    gan = game_of("alternating; spectral norm, averaged", d_optimizer="adam", g_optimizer="adam")
    gan.fit(IMAGES, batch_size=4, verbose=0)
    gan.save(file)
    everything = [*gan.weights, *gan.d_optimizer.variables, *gan.g_optimizer.variables]
    np.savez(f"{file}.npz", **{str(number): np.asarray(each) for number, each in enumerate(everything)})
