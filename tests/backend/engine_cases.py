"""GANs that both engines train from the same weights, images and random numbers, one process for each engine."""

import contextlib
import itertools
import pathlib
import warnings

import keras
import numpy as np
import own_values
from keras import layers
from translators import patches, translator

import kerasgan
from kerasgan import augment, backend, conditions, ema, objectives, penalties, reconstruction, updates

LATENT_DIM = 4
RESNEXT = {
    "categories": {"latent_categories": 3},
    "modulated": {"num_classes": 3, "self_modulation": True, "auxiliary_classifier": 0.5},
}
"""Options of `resnext`."""

SHAPES = {"signals": (32, 2), "sounds": (64, 2), "volumes": (8, 8, 8, 1)}
STEPS = 2
IMAGES = np.random.default_rng(1).uniform(-1, 1, (8, 8, 8, 1)).astype("float32")
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 0], "int32")
CONDITIONS = np.random.default_rng(2).uniform(-1, 1, (8, 8, 8, 1)).astype("float32")


def in_words(name):
    return name.replace("_", " ")


# All that kerasgan has by name, so that a new one is compared, too.
RULES = {in_words(name): make() for name, make in updates.UPDATES.items()}
UPDATES = RULES | {
    "alternating, two": updates.Alternating(2),
    "alternating, same samples": updates.Alternating(same_samples=True),
}
PENALTIES = {
    "none": (),
    **{in_words(name): (make(0.3),) for name, make in penalties.PENALTIES.items()},
    "r1 and r2": (penalties.R1(0.3), penalties.R2(0.2)),
    "r1 at every second step": (penalties.R1(0.3, every=2), penalties.GradientPenalty(0.1)),
}
OBJECTIVES = {name: make() for name, make in objectives.OBJECTIVES.items()}
AUGMENTATIONS = {name: make() for name, make in augment.AUGMENTATIONS.items()}
AUGMENTATIONS["ada"] = augment.Adaptive(adjust_images=20)  # adjusted within the few steps


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


def regularized():
    """Layers that add losses: of their weights and of their activity."""
    l2 = keras.regularizers.L2
    return [
        layers.Flatten(),
        layers.Dense(8, kernel_regularizer=l2(0.01), activity_regularizer=l2(0.01)),
        layers.Dense(1, activity_regularizer=l2(0.02)),
    ]


def regularized_generator():
    weights = keras.regularizers.L2(0.01)
    return [layers.Dense(64, activation="tanh", kernel_regularizer=weights), layers.Reshape((8, 8, 1))]


def spectral_norm():
    return [layers.Flatten(), layers.SpectralNormalization(layers.Dense(8)), layers.LeakyReLU(0.2), layers.Dense(1)]


NETWORKS = {
    "dense": (dense_generator, dense),
    "batch norm": (batch_norm_generator, batch_norm),
    "layer losses": (regularized_generator, regularized),
    "spectral norm": (dense_generator, spectral_norm),
}


def cases():
    """Returns all cases: a dict of names to (networks, options of the GAN, options of `compile`)."""
    found = {}
    for rule, penalty in itertools.product(UPDATES, PENALTIES):
        found[f"{rule}; {penalty}"] = "dense", {}, {"updates": UPDATES[rule], "penalties": PENALTIES[penalty]}
    for objective, rule in itertools.product(OBJECTIVES, RULES):
        bounded = (penalties.GradientPenalty(0.3),) if OBJECTIVES[objective].needs_lipschitz else ()
        options = {"updates": UPDATES[rule], "objective": objective, "penalties": bounded}
        found[f"{rule}; {objective}"] = "dense", {}, options
    for rule, networks in itertools.product(("alternating, two", "simultaneous"), ("batch norm", "layer losses")):
        found[f"{rule}; {networks}"] = networks, {"ema": ema.EMA(50)}, {"updates": UPDATES[rule]}
    for rule in UPDATES:
        options = {"updates": UPDATES[rule], "penalties": penalties.R1(0.3, every=2)}
        found[f"{rule}; spectral norm, averaged"] = "spectral norm", {"ema": ema.EMA(50, warm_up=None)}, options
        found[f"{rule}; classes"] = "classes", {"num_classes": 3, "ema": ema.EMA(50)}, options
        for name, each in AUGMENTATIONS.items():
            found[f"{rule}; {name}"] = "dense", {}, options | {"augment": each}
    for shape in SHAPES:
        found[f"one stage; {shape}"] = shape, {"num_classes": 3}, {"updates": "one_stage", "penalties": PENALTIES["r1"]}
    for rule in set(UPDATES) - {"one stage"}:
        options = {"updates": UPDATES[rule], "reconstruction": reconstruction.L1(10.0)}
        found[f"{rule}; translation"] = "translation", {"ema": ema.EMA(50)}, options
    found["one stage; categories"] = "categories", {"ema": ema.EMA(50)}, {"updates": "one_stage"}
    classifier = {"updates": "one_stage", "objective": "relativistic", "penalties": penalties.R1(0.1, every=2)}
    found["one stage; modulated, with a classifier"] = "modulated", {"num_classes": 3}, classifier
    found["cycle, pool"] = "cycle", {}, {"pool_images": 10}
    found["cycle, simultaneous"] = "cycle", {}, {"pool_images": 0, "updates": "simultaneous", "identity": 0.0}
    found["own values"] = "dense", {}, own_values.OPTIONS
    return found


def make_case(name, **changes):
    """Returns a compiled GAN, the same at each call and on each engine."""
    networks, options, compile_options = cases()[name]
    generator, discriminator, latent_dim = None, None, LATENT_DIM
    if networks == "cycle":
        gan = kerasgan.CycleGAN(*(make() for make in (translator, translator, patches, patches)), seed=0)
        generator, discriminator = gan.generator, gan.discriminator
    elif networks == "translation":
        generator, discriminator, latent_dim = translator(), patches(condition=True), 0
        options = options | {"condition": conditions.Image((8, 8, 1))}
    elif networks in SHAPES:
        options_of_networks = {"width": 2, "depth": 1, "num_classes": 3}
        make, given = kerasgan.networks.dcgan, (SHAPES[networks], LATENT_DIM)
        if networks == "sounds":
            make, options_of_networks["spectrogram"] = kerasgan.networks.resnet, 16
        generator, discriminator = make(*given, **options_of_networks)
    elif networks == "classes":
        generator, discriminator = kerasgan.networks.mlp((8, 8, 1), LATENT_DIM, width=8, depth=1, num_classes=3)
    elif networks in RESNEXT:
        options_of_networks = {"width": 4, "group_width": 2} | RESNEXT[networks]
        generator, discriminator = kerasgan.networks.resnext((8, 8, 1), LATENT_DIM, **options_of_networks)
    else:
        for_generator, for_discriminator = NETWORKS[networks]
        generator = keras.Sequential([keras.Input((LATENT_DIM,)), *for_generator()])
        discriminator = keras.Sequential([keras.Input((8, 8, 1)), *for_discriminator()])
    random, deviation = np.random.default_rng(0), 0.1 if networks in SHAPES else 0.3  # their sums are longer
    for weight in (*generator.weights, *discriminator.weights):
        if weight.trainable or weight.name == "vector_u":
            weight.assign(random.normal(0, deviation, weight.shape).astype("float32"))
    if networks != "cycle":
        gan = kerasgan.GAN(generator, discriminator, latent_dim, seed=0, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some objectives have no total loss
        optimizers = {f"{network}_optimizer": keras.optimizers.SGD(0.1) for network in "dg"}
        gan.compile(**optimizers | compile_options | changes)
    return gan


@contextlib.contextmanager
def same_random_numbers():
    """Makes both engines draw the same numbers from the same state of a seed generator, others from each state."""
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


def trained(name):
    """Returns the logs and all weights of a case after `STEPS` steps, a dict of arrays."""
    gan = make_case(name, run_eagerly=backend.NAME == "tensorflow")  # compiling is slower there
    images = IMAGES
    shape = gan.data_spec[0]
    if shape != IMAGES.shape[1:]:
        images = np.random.default_rng(1).uniform(-1, 1, (8, *shape)).astype("float32")
    data = (images,) if gan.condition is None else (images, CONDITIONS if gan.num_classes is None else LABELS)
    for _ in range(STEPS):
        logs = gan.train_on_batch(*data, return_dict=True)
    found = {f"log {key}": np.asarray(value) for key, value in logs.items()}
    for part in ("generator", "discriminator", "averaged_generator"):
        weights = getattr(getattr(gan, part), "weights", [])
        found |= {f"{part} {number} {each.name}": np.asarray(each) for number, each in enumerate(weights)}
    found["seed state"] = np.asarray(gan.seed_generator.state)[1].astype("int64")
    return found


ORDINARY = [
    "one stage; categories",
    "one stage; modulated, with a classifier",
    "alternating; spectral norm, averaged",
    "alternating, two; layer losses",
    "simultaneous; batch norm",
    "simultaneous; ada",
    "one stage; r1 at every second step",
    "one stage; classes",
    "one stage; signals",
    "alternating, same samples; translation",
    "cycle, pool",
    "own values",
]
"""Cases that are compared each time; the others are slow tests."""
OTHERS = [name for name in cases() if name not in ORDINARY]


def write(folder, name):
    """Trains a case, and writes the result into a folder."""
    np.savez(pathlib.Path(folder) / f"{name}.npz", **trained(name))


def save(file):
    """Trains a GAN a little, and saves it; its weights and its optimizers' slots are written next to it."""
    gan = make_case("alternating; spectral norm, averaged", d_optimizer="adam", g_optimizer="adam")
    gan.fit(IMAGES, batch_size=4, verbose=0)
    gan.save(file)
    variables = [*gan.weights, *gan.d_optimizer.variables, *gan.g_optimizer.variables]
    np.savez(f"{file}.npz", **{str(number): np.asarray(each) for number, each in enumerate(variables)})


def check_loaded(file):
    """Loads what `save` has written on another engine, compares it, trains it further and returns it."""
    gan, expected = keras.models.load_model(file), np.load(f"{file}.npz")
    for number, variable in enumerate([*gan.weights, *gan.d_optimizer.variables, *gan.g_optimizer.variables]):
        np.testing.assert_allclose(np.asarray(variable), expected[str(number)], atol=1e-6, err_msg=variable.path)
    gan.fit(IMAGES, batch_size=4, verbose=0)
    assert int(gan.g_optimizer.iterations) == 4
    return gan
