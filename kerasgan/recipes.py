"""Named settings that train: shared by the command line, the examples and the tests.

A recipe is data. Nothing heavy is imported until one is built.
"""

import dataclasses
import inspect

from kerasgan import errors


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
        batch_size: images a batch.
        epochs: how many epochs; after each, the logs get a point and the losses a line.
        passes_per_epoch: times the data is gone through in one epoch; above 1 where the data is small.
        learning_rate, beta_1: of Adam, for both players.
        objective, updates: names or config dicts of `kerasgan.objectives` and `kerasgan.updates`.
        steps_per_execution: training steps for each call into TensorFlow.

    Raises:
        ValueError: for a field of another type, or a number that must be positive and is not.
    """

    title: str
    source: str | None
    network: str = "dcgan"
    network_options: dict = dataclasses.field(default_factory=dict)
    latent_dim: int = 64
    image_size: int | None = None
    batch_size: int = 64
    epochs: int = 10
    passes_per_epoch: int = 1
    learning_rate: float = 2e-4
    beta_1: float = 0.5
    objective: str = "non_saturating"
    updates: str = "alternating"
    steps_per_execution: int = 1

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            allowed = int | float if field.type is float else field.type
            right = isinstance(value, allowed) and not isinstance(value, bool)
            if not right or (isinstance(value, int | float) and value <= 0 and field.name != "beta_1"):
                kind = getattr(field.type, "__name__", field.type)
                raise ValueError(
                    f"The setting {field.name!r} must be of type {kind}, and positive if a number. "
                    f"Received: {field.name}={value!r}."
                )


NETWORKS = ("dcgan", "mlp")

_POINTS = {
    "network": "mlp",
    "network_options": {"width": 128, "depth": 3},
    "latent_dim": 2,
    "batch_size": 256,
    "learning_rate": 1e-3,
    "steps_per_execution": 20,
}

RECIPES = {
    "digits": Recipe(
        title="1,797 handwritten digits of 8x8 pixels, from scikit-learn: no download, under two minutes on two cores",
        source="digits",
        network_options={"width": 32, "depth": 2},
        epochs=12,
        passes_per_epoch=20,
        learning_rate=5e-4,
        steps_per_execution=20,
    ),
    "mnist": Recipe(
        title="60,000 handwritten digits of 28x28 pixels, through TensorFlow Datasets",
        source="mnist",
        network_options={"width": 32},
        epochs=5,
        steps_per_execution=10,
    ),
    "photos": Recipe(
        title="your own photos: kerasgan train FOLDER (any sizes and formats; cropped square, 64x64)",
        source=None,
        image_size=64,
        latent_dim=128,
        epochs=50,
    ),
    "ring": Recipe(title="8 Gaussians on a circle: does every mode get found?", source="ring", epochs=20, **_POINTS),
    "grid": Recipe(title="25 Gaussians on a grid", source="grid", epochs=40, **_POINTS),
    "bell": Recipe(
        title="one Gaussian in one dimension: the picture that GANs are explained with",
        source="bell",
        epochs=10,
        **_POINTS | {"latent_dim": 1, "network_options": {"width": 32, "depth": 2}, "beta_1": 0.5},
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


def build(recipe, image_shape, seed):
    """Returns a compiled `GAN` as a recipe has it, its weights and latents drawn from `seed`.

    Args:
        recipe: a `Recipe`.
        image_shape: shape of one image, from the dataset's `info`.
        seed: int. Sets Python's, NumPy's and Keras's global seeds as well, from which the weights are drawn.

    Raises:
        ValueError: for a network, an option of it, an objective or an order of play that there is not.
    """
    import keras

    from kerasgan import gan, networks

    if recipe.network not in NETWORKS:
        raise errors.unknown_name("network", recipe.network, NETWORKS)
    network = getattr(networks, recipe.network)
    for option in recipe.network_options:
        if option not in inspect.signature(network).parameters:
            raise errors.unknown_name(f"option of {recipe.network}", option, inspect.signature(network).parameters)
    keras.utils.set_random_seed(seed)
    generator, discriminator = network(image_shape, recipe.latent_dim, **recipe.network_options)
    game = gan.GAN(generator, discriminator, recipe.latent_dim, seed=seed)
    d_adam, g_adam = (keras.optimizers.Adam(recipe.learning_rate, recipe.beta_1, name=f"{p}_adam") for p in "dg")
    game.compile(
        d_adam,
        g_adam,
        objective=recipe.objective,
        updates=recipe.updates,
        steps_per_execution=recipe.steps_per_execution,
    )
    return game
