"""Named settings that train: shared by the command line, the examples and the tests.

A recipe is data. Nothing heavy is imported until one is built.
"""

import contextlib
import dataclasses
import inspect
import typing

from kerasgan.validation import errors


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that a run needs to know.

    Args:
        title: one line for people.
        source: what `kerasgan.datasets.load` is given; None where the user must name it (a folder of photos).
        network: name of a function in `kerasgan.networks`.
        network_options: its options besides the shapes, such as the width.
        latent_dim: width of the latents.
        image_size: photos and images of varying size are brought to it, in pixels; None leaves images as they are.
        flip: whether the images are mirrored at random; not for what has a left and a right, as digits have.
        batch_size: images a batch.
        epochs: how many epochs; after each, the logs get a point and the losses a line.
        passes_per_epoch: times the data is gone through in one epoch; above 1 where the data is small.
        learning_rate, beta_1, beta_2: of Adam, for both players.
        decay_to: share of the learning rate that is left at the end of a cosine decay; 1.0 for none.
        objective, updates: names in `kerasgan.objectives` and `kerasgan.updates`.
        augment: a name in `kerasgan.augment`; None for no augmentation.
        conditional: whether the labels of the data are trained on as well.
        gamma: weight of R1 and R2 for data of unit variance; None for no penalties.
        penalties_every: charge them at every k-th step only, k times as much.
        ema_half_life_images: half-life of the averaged generator; None for none.
        precision: one of `PRECISIONS`, the Keras dtype policy of both networks; weights are float32 in each, and so are
            the samples.
        steps_per_execution: training steps for each call into TensorFlow.

    Raises:
        ValueError: for a field of another type, a number that is not positive (0 will do for beta_1), or above 2**31
            or, for shares and the betas, above 1; or an unknown precision.
    """

    title: str
    source: str | None
    network: str = "dcgan"
    network_options: dict = dataclasses.field(default_factory=dict)
    latent_dim: int = 64
    image_size: int | None = None
    flip: bool = False
    batch_size: int = 64
    epochs: int = 10
    passes_per_epoch: int = 1
    learning_rate: float = 2e-4
    beta_1: float = 0.5
    beta_2: float = 0.999
    decay_to: float = 1.0
    objective: str = "non_saturating"
    gamma: float | None = None
    penalties_every: int = 1
    updates: str = "alternating"
    augment: str | None = None
    conditional: bool = False
    ema_half_life_images: float | None = None
    precision: str = "float32"
    steps_per_execution: int = 1

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            allowed = field.type | int if float in (field.type, *typing.get_args(field.type)) else field.type
            right = isinstance(value, allowed) and isinstance(value, bool) == (field.type is bool)
            a_number = isinstance(value, int | float) and not isinstance(value, bool)
            most = 1 if field.name in ("beta_1", "beta_2", "decay_to") else 2**31
            # `not`: nothing compares with NaN
            if not right or (a_number and not (0 < value <= most or (value == 0 and field.name == "beta_1"))):
                kind = getattr(field.type, "__name__", field.type)
                raise ValueError(
                    f"The setting {field.name!r} must be of type {kind}, and positive if a number, at most {most}. "
                    f"Received: {field.name}={value!r}."
                )
        if self.precision not in PRECISIONS:
            raise errors.unknown_name("precision", self.precision, PRECISIONS)


PRECISIONS = ("float32", "mixed_bfloat16")
NETWORKS = ("dcgan", "mlp", "resnet")
GIVEN = ("image_shape", "latent_dim", "scale", "num_classes")  # to a network by the data and the recipe itself

# One recipe for the ring and for the grid: 31,200 steps find every mode (benchmarks/quality.py).
_MODES = {
    "network": "mlp",
    "network_options": {"width": 128, "depth": 3},
    "latent_dim": 2,
    "batch_size": 256,
    "epochs": 16,
    "passes_per_epoch": 10,
    "learning_rate": 2e-3,
    "beta_1": 0.0,
    "beta_2": 0.99,
    "decay_to": 0.002,
    "objective": "relativistic",
    "gamma": 0.05,
    "updates": "one_stage",
    "ema_half_life_images": 50_000.0,
    "steps_per_execution": 50,
}

# Much nearer to the data than a plain DCGAN of the same networks after the same images (benchmarks/quality.py).
_IMAGES = {
    "network_options": {"width": 48},
    "latent_dim": 32,
    "batch_size": 32,
    "learning_rate": 2e-3,
    "beta_1": 0.0,
    "beta_2": 0.99,
    "decay_to": 0.02,
    "objective": "relativistic",
    "gamma": 0.1,
    "penalties_every": 4,
    "updates": "one_stage",
    "ema_half_life_images": 5_000.0,
    "steps_per_execution": 10,
}

RECIPES = {
    "digits": Recipe(
        title="1,797 handwritten digits of 8x8 pixels, from scikit-learn: no download, under two minutes on two cores",
        source="digits",
        network_options={"width": 32, "depth": 2},
        epochs=12,
        passes_per_epoch=20,
        learning_rate=5e-4,
        ema_half_life_images=20_000.0,
        steps_per_execution=20,
    ),
    "mnist": Recipe(
        title="60,000 handwritten digits of 28x28 pixels, through TensorFlow Datasets",
        source="mnist",
        epochs=5,
        # One-stage updates are faster, but further from the data after the same images (quality.py orders-mnist).
        **_IMAGES | {"updates": "alternating"},
    ),
    "stacked_mnist": Recipe(
        title="three digits of MNIST as colours: are all 1,000 numbers found?",
        source="stacked_mnist",
        epochs=20,
        **_IMAGES
        | {"network_options": {"width": 32}, "batch_size": 64, "latent_dim": 64, "ema_half_life_images": 50_000.0},
    ),
    "photos": Recipe(
        title="your own photos: kerasgan train FOLDER (any sizes and formats; cropped square, 64x64)",
        source=None,
        image_size=64,
        flip=True,
        epochs=50,
        **_IMAGES | {"network_options": {}, "latent_dim": 128, "gamma": 0.5},
    ),
    "ring": Recipe(title="8 Gaussians on a circle: is every mode found?", source="ring", **_MODES),
    "grid": Recipe(title="25 Gaussians on a grid: is every mode found?", source="grid", **_MODES),
    "bell": Recipe(
        title="one Gaussian in one dimension: the picture that GANs are explained with",
        source="bell",
        # With a single latent the map from latents to points folds, and does not unfold again.
        **_MODES | {"gamma": 0.2, "epochs": 10, "passes_per_epoch": 1},
    ),
}


def get(name):
    """Returns a recipe by name.

    Raises:
        ValueError: for an unknown name; the nearest is suggested.
    """
    if name not in RECIPES:
        raise errors.unknown_name("recipe", name, RECIPES)
    return RECIPES[name]


def build(recipe, info, seed):
    """Returns a compiled `GAN` as a recipe has it, its weights and latents drawn from `seed`.

    Args:
        recipe: a `Recipe`.
        info: the `kerasgan.datasets.DatasetInfo` of the data it is for.
        seed: int. Sets Python's, NumPy's and Keras's global seeds as well, from which the weights are drawn.

    Raises:
        ValueError: for a network, an option of it, an objective, an order of play or an augmentation that there is
            not, or a conditional recipe for data without labels.
    """
    import keras

    from kerasgan import ema, gan, penalties

    keras.utils.set_random_seed(seed)
    with _policy(recipe.precision):
        generator, discriminator = _networks(recipe, info)
    half_life = recipe.ema_half_life_images
    average = None if half_life is None else ema.EMA(half_life)
    num_classes = info.num_classes if recipe.conditional else None
    game = gan.GAN(generator, discriminator, recipe.latent_dim, num_classes=num_classes, ema=average, seed=seed)
    # A gradient per unit of the data is `scale` times smaller than one per standard deviation.
    slope = None if recipe.gamma is None else (recipe.gamma * info.scale**2, recipe.penalties_every)
    game.compile(
        *(keras.optimizers.Adam(_rate(recipe, info), recipe.beta_1, recipe.beta_2, name=f"{p}_adam") for p in "dg"),
        objective=recipe.objective,
        penalties=() if slope is None else (penalties.R1(*slope), penalties.R2(*slope)),
        updates=recipe.updates,
        augment=recipe.augment,
        steps_per_execution=recipe.steps_per_execution,
    )
    return game


@contextlib.contextmanager
def _policy(name):
    """Gives the layers that are made meanwhile a dtype policy; the process keeps its own."""
    import keras

    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


def _networks(recipe, info):
    from kerasgan import networks

    if recipe.network not in NETWORKS:
        raise errors.unknown_name("network", recipe.network, NETWORKS)
    network = getattr(networks, recipe.network)
    known = [name for name in inspect.signature(network).parameters if name not in GIVEN]
    for option in recipe.network_options:
        if option not in known:
            raise errors.unknown_name(f"option of {recipe.network}", option, known)
    scale = {} if info.scale == 1.0 else {"scale": info.scale}
    if scale and "scale" not in inspect.signature(network).parameters:
        raise ValueError(
            f"Points need a network for points. Received: network={recipe.network!r} for points of shape "
            f"{info.image_shape} from {info.name!r}. Use network='mlp'."
        )
    if recipe.conditional and info.num_classes is None:
        raise ValueError(
            f"A conditional game needs labels. Received: data from {info.name!r}, which has none. Sort photos into a "
            "sub-folder for each class, or train without --conditional."
        )
    classes = {"num_classes": info.num_classes} if recipe.conditional else {}
    return network(info.image_shape, recipe.latent_dim, **recipe.network_options, **scale, **classes)


def _rate(recipe, info):
    import keras

    if recipe.decay_to == 1.0:
        return recipe.learning_rate
    steps = recipe.epochs * recipe.passes_per_epoch * (info.num_images // recipe.batch_size)
    return keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps, alpha=recipe.decay_to)
