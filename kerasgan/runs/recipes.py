"""Named settings for training: used by the command line, the examples and the tests.

A recipe is data. The named recipes are in `recipes.toml`.
"""

import contextlib
import dataclasses
import inspect
import pathlib
import tomllib
import typing
from collections.abc import Iterator
from typing import Any

import keras

from kerasgan import augment, conditions, datasets, ema, networks, optimizers, penalties, reconstruction
from kerasgan import updates as update_rules
from kerasgan.cycle_gan import CycleGAN
from kerasgan.datasets import DatasetInfo
from kerasgan.gan import GAN
from kerasgan.runs import kinds
from kerasgan.schedules import Cosine
from kerasgan.validation import errors

PRECISIONS = ("float32", "mixed_bfloat16")
NETWORKS = ("dcgan", "mlp", "resnet", "resnext", "pix2pix", "translator")
TRANSLATORS = ("pix2pix", "translator")
"""Networks from image to image."""
SOURCES = ("targets", "input_side", "condition_from", "domain_b")
"""Fields of the recipe that say where the images come from that are translated."""
MIN_HELD_OUT = 5
"""Fewer photos would show nothing: none are held out then."""

SHARES = {"beta_1": 1, "beta_2": 1, "beta_2_to": 1, "decay_to": 1, "augment_to": 1, "held_out": 0.5}
HIGHEST = SHARES | {"pool_images": 10_000, "rate": 10**6, "length": 2**24}
"""The greatest value of a field; 2^31 for the others, most of which are bounded by the memory."""
LARGEST_VALUE = 1e30
"""Values of data that float32 holds with room to spare lie between it and its negative."""
MAY_BE_ZERO = ("beta_1", "held_out", "latent_dim", "reconstruction_weight", "cycle", "identity", "pool_images")
GIVEN = ("image_shape", "latent_dim", "scale", "num_classes", "condition")
"""Arguments of a network that come from the data and from the recipe itself."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All settings of a run.

    Args:
        title: one line for people.
        source: the data: a name or a folder, as for `kerasgan.datasets.load`; None if the user must give it.
        targets: folder of the images that those in `source` are to become, under the same names; None for no pairs.
        input_side: "left" or "right": `source` is a folder of pictures that hold both images of a pair, and the input
            is on this side; None for pictures that hold one.
        condition_from: what is made of each image, and to be translated back to it: "edges", "gray", "small" or "mask";
            None for nothing.
        domain_b: a second set of images, without pairs, as for `source`: the model then translates both ways; None for
            one set.
        conditions: a CSV file of labels or numbers for the photos in `source`, as for `kerasgan.datasets.load`; None
            for none.
        kind: what the source holds: "images", "signals", "sounds" or "volumes".
        rate: samples a second of sounds, to which files of other rates are brought; None for images.
        length: values of a signal, or samples of a sound: longer ones are cut, shorter ones padded; None for the
            signals' own.
        value_range: (low, high), the values of the data that become -1 and 1; None for all that 8 and 16 bits hold,
            [-1, 1] for floats, and for signals the largest distance from 0.
        unit: name of the unit of the data's values, for the record; None for none.
        bands: channels that pictures show, one or three for red, green and blue, from 0; None for the first three.
        network: name of a function in `kerasgan.networks`: "dcgan", "mlp", "resnet" or "resnext"; for images of images
            "pix2pix", or "translator" with a discriminator of patches.
        network_options: its other arguments, such as the width.
        latent_dim: width of the latents; 0 for none, which needs a condition.
        image_size: size of photos, and of images of varying size, in pixels: one number, or [height, width]; None keeps
            the size of the images.
        held_out: share of the images, at most 0.5, that is not trained on but shows whether the training images are
            memorized or copied; 0 for none. Data with a test split use that instead; of a folder of so few photos that
            these would be fewer than 5, none are held out.
        flip: whether the images are mirrored at random; not for images with a left and a right, such as digits.
        batch_size: images in a batch.
        epochs: number of epochs. After each epoch the curves get a point and the losses are printed.
        passes_per_epoch: passes through the data in one epoch; above 1 for small data.
        learning_rate, beta_1, beta_2: of Adam, for both networks.
        d_rate_factor: the discriminator's learning rate, as a multiple of `learning_rate`.
        decay_to: share of the learning rate at the end of a cosine decay; 1.0 for no decay.
        beta_2_to: beta_2 at the end, reached along a cosine; None for the same all along.
        objective: what the networks minimize, a name in `kerasgan.objectives`, such as "relativistic" or "hinge".
        updates: the update rule, a name in `kerasgan.updates`: "alternating", "simultaneous" or "one_stage". Between
            images, alternating networks see the same samples.
        reconstruction: the distance between translations and their targets: "l1" or "l2"; None for none.
        reconstruction_weight: its weight; 0 leaves the adversarial loss alone.
        cycle: weight of the distance between an image and itself, translated to the other domain and back.
        identity: weight, relative to `cycle`, of the distance between an image and its translation into its own domain.
        pool_images: translations of earlier steps that the discriminators of two domains see again; 0 for none.
        augment: a name in `kerasgan.augment`, such as "ada" for few images; None for no augmentation.
        augment_to: probability at the end of augmentation that rises evenly, with `augment = "ramp"`.
        conditional: whether to train on the labels of the data as well.
        gamma: weight of the gradient penalties R1 and R2, for data of unit variance; higher is more stable and slower
            to sharpen; None for no penalties.
        gamma_to: gamma at the end, reached along a cosine; None for the same all along.
        penalties_every: the penalties are added only at every k-th step, with k times the weight.
        ema_half_life_images: half-life of the averaged generator in images; None for no averaging.
        ema_warm_up: at first the half-life is at most this share of the images seen so far; None for the same half-life
            all along.
        precision: the dtype policy of both networks, "float32" or "mixed_bfloat16". Weights and samples are always
            float32.
        steps_per_execution: training steps for each call into TensorFlow.

    Raises:
        ValueError: for a field of another type, a number that is not positive (beta_1 and held_out may be 0) or above
            2**31, a share or beta above 1, or an unknown precision.
    """

    title: str
    source: str | None
    targets: str | None = None
    input_side: str | None = None
    condition_from: str | None = None
    domain_b: str | None = None
    conditions: str | None = None
    kind: str = "images"
    rate: int | None = None
    length: int | None = None
    value_range: tuple | None = None
    unit: str | None = None
    bands: tuple | None = None
    network: str = "dcgan"
    network_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    latent_dim: int = 64
    image_size: int | tuple | None = None
    held_out: float = 0.0
    flip: bool = False
    batch_size: int = 64
    epochs: int = 10
    passes_per_epoch: int = 1
    learning_rate: float = 2e-4
    d_rate_factor: float = 1.0
    beta_1: float = 0.5
    beta_2: float = 0.999
    beta_2_to: float | None = None
    decay_to: float = 1.0
    objective: str = "non_saturating"
    gamma: float | None = None
    gamma_to: float | None = None
    penalties_every: int = 1
    updates: str = "alternating"
    reconstruction: str | None = None
    reconstruction_weight: float = 100.0
    cycle: float = 10.0
    identity: float = 0.5
    pool_images: int = 50
    augment: str | None = None
    augment_to: float = 0.3
    conditional: bool = False
    ema_half_life_images: float | None = None
    ema_warm_up: float | None = 0.05
    precision: str = "float32"
    steps_per_execution: int = 1

    def __post_init__(self) -> None:
        for name in ("image_size", "value_range", "bands"):
            if isinstance(getattr(self, name), list):  # as JSON and TOML have it
                object.__setattr__(self, name, tuple(getattr(self, name)))
        for field in dataclasses.fields(self):
            _check_field(field, getattr(self, field.name))
        if self.precision not in PRECISIONS:
            raise errors.unknown_name("precision", self.precision, PRECISIONS)
        if self.kind not in kinds.KINDS:
            raise errors.unknown_name("kind", self.kind, kinds.KINDS)
        size = self.image_size if isinstance(self.image_size, tuple) else (1, 1)
        if len(size) != 2 or not all(type(side) is int and 0 < side <= 2**31 for side in size):
            raise ValueError(
                "The setting 'image_size' must be a whole number, or two: height and width. Received: "
                f"image_size={list(size)}. For example: --image-size 48x96"
            )

        if self.value_range is not None and not _is_range(self.value_range):
            raise ValueError(
                "The setting 'value_range' must be two numbers, the lower one first, or none. Received: "
                f"value_range={self.value_range!r}. For example: --set value_range=[0,4095]"
            )

    @property
    def translates(self) -> bool:
        """Whether the condition is an image."""
        return any(getattr(self, name) is not None for name in SOURCES)


def _is_range(value):
    is_pair = len(value) == 2 and all(type(each) in (int, float) for each in value)
    return is_pair and -LARGEST_VALUE < value[0] < value[1] < LARGEST_VALUE


def _check_field(field, value):
    """Checks the type and the range of one field of a recipe."""
    allowed = dict if typing.get_origin(field.type) is dict else field.type
    if float in (allowed, *typing.get_args(allowed)):
        allowed = allowed | int
    right_type = isinstance(value, allowed) and isinstance(value, bool) == (field.type is bool)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    highest = HIGHEST.get(field.name, 2**31)
    # In this form NaN is out of range, too: no comparison with NaN is true.
    in_range = not is_number or 0 < value <= highest or (value == 0 and field.name in MAY_BE_ZERO)
    if not right_type or not in_range:
        raise ValueError(
            f"The setting {field.name!r} must be {_wanted(field, highest)}. Received: {field.name}={value!r}. What it "
            f"means, and a value that works: kerasgan recipes mnist"
        )


def _wanted(field, highest):
    """Returns the type and the range of a field in words: `a positive number, at most 1, or none`."""
    kinds = (dict,) if typing.get_origin(field.type) is dict else typing.get_args(field.type) or (field.type,)
    number = f"a number from 0 to {highest}" if field.name in MAY_BE_ZERO else f"a positive number, at most {highest}"
    words = {
        int: number.replace("number", "whole number"),
        float: number,
        bool: "true or false",
        str: "a text",
        tuple: "two numbers such as [0, 4095]" if field.name == "value_range" else "two whole numbers such as [48, 96]",
        type(None): "none",
    }
    return " or ".join(words.get(kind, "a table such as {width = 64}") for kind in kinds)


def _read_recipes():
    text = pathlib.Path(__file__).with_name("recipes.toml").read_text()
    return {name: Recipe(**{"source": None} | fields) for name, fields in tomllib.loads(text).items()}


RECIPES: dict[str, Recipe] = _read_recipes()


def get(name: str) -> Recipe:
    """Returns a recipe by name.

    Raises:
        ValueError: for an unknown name; the nearest is suggested.
    """
    if name not in RECIPES:
        raise errors.unknown_name("recipe", name, RECIPES)
    return RECIPES[name]


def splits(recipe: Recipe) -> tuple[str, str | None]:
    """Returns the split of the data that a recipe trains on, and that of held-out images or None.

    Raises:
        ValueError: if the data cannot be found.
    """
    sources = [recipe.source] if recipe.domain_b is None else [recipe.source, recipe.domain_b]
    if all(map(datasets.has_test_split, sources)):
        return "train", "test"
    percent = round(100 * recipe.held_out)
    counts = [kinds.count(source, recipe.kind) for source in sources if kinds.is_counted(source, recipe.kind)]
    if percent == 0 or (counts and min(counts) * percent < 100 * MIN_HELD_OUT):
        return "train", None
    return f"train[:{100 - percent}%]", f"train[{100 - percent}%:]"


def build(recipe: Recipe, info: DatasetInfo, seed: int) -> GAN:
    """Returns a compiled `GAN` with a recipe's settings.

    Args:
        recipe: the recipe.
        info: the `kerasgan.datasets.DatasetInfo` of the data.
        seed: whole number for the weights and latents. It also sets the global seeds of Python, NumPy and Keras, from
            which the weights are drawn.

    Raises:
        ValueError: for an unknown network, option of a network, objective, update rule or augmentation, or for a
            conditional recipe and data without labels.
    """
    keras.utils.set_random_seed(seed)
    _check_kind(recipe, info)
    half_life = recipe.ema_half_life_images
    average = None if half_life is None else ema.EMA(half_life, recipe.ema_warm_up)
    options: dict[str, Any] = {"ema": average, "seed": seed}
    with _dtype_policy(recipe.precision):
        parts = _networks(recipe, info) if recipe.domain_b is None else _networks_of_domains(recipe, info)
    if recipe.domain_b is None:
        gan: GAN = GAN(*parts, recipe.latent_dim, condition=condition_of(recipe, info), **options)
    else:
        gan = CycleGAN(*parts, image_size=info.image_shape[:2], **options)
    d_recipe = dataclasses.replace(recipe, learning_rate=recipe.d_rate_factor * recipe.learning_rate)
    gan.compile(
        _adam(d_recipe, info, "d_adam"),
        _adam(recipe, info, "g_adam"),
        objective=recipe.objective,
        penalties=_penalties(recipe, info),
        updates=_updates(recipe),
        augment=_augmentation(recipe, info),
        steps_per_execution=recipe.steps_per_execution,
        **_distances(recipe),
    )
    return gan


def condition_of(recipe: Recipe, info: DatasetInfo) -> conditions.Condition | None:
    """Returns the condition of a recipe for some data; None for none."""
    if recipe.conditional and info.num_classes is not None:
        return conditions.Classes(info.num_classes)
    return info.condition


def _check_kind(recipe, info):
    """Checks that the networks are for the kind of condition that the data have."""
    if recipe.domain_b is not None and recipe.network != "translator":
        raise ValueError(
            f"Two domains need network='translator'. Received: network={recipe.network!r} with domain_b="
            f"{recipe.domain_b!r}. Start from the recipe: kerasgan train --domains A B"
        )
    if recipe.network in TRANSLATORS and not recipe.translates:
        raise ValueError(
            f"The network {recipe.network!r} makes images of images. Received: data from {info.name!r} without pairs. "
            "Give kerasgan train --pairs INPUTS TARGETS, or FOLDER --condition-from edges, or --domains A B."
        )
    if recipe.translates and recipe.network not in TRANSLATORS:
        raise ValueError(
            f"Images are made of images by the networks {' and '.join(TRANSLATORS)}. Received: network="
            f"{recipe.network!r}. Choose one of them with --set network=NAME, or start from the recipe pix2pix."
        )


def _updates(recipe):
    """Returns the update rule: as the papers have it, a translation is what both networks are updated on."""
    return update_rules.Alternating(same_samples=True) if _shares_samples(recipe) else recipe.updates


def _shares_samples(recipe):
    return recipe.translates and recipe.updates == "alternating"


def _distances(recipe):
    """Returns the arguments of `compile` for the distances of a translation."""
    if recipe.domain_b is not None:
        return {name: getattr(recipe, name) for name in ("cycle", "identity", "pool_images")}
    if recipe.reconstruction is None:
        return {}
    if recipe.reconstruction not in ("l1", "l2"):
        raise errors.unknown_name("reconstruction", recipe.reconstruction, ("l1", "l2"))
    return {"reconstruction": reconstruction.RECONSTRUCTIONS[recipe.reconstruction](recipe.reconstruction_weight)}


@contextlib.contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    """Sets the dtype policy of layers that are made meanwhile, and puts the process's own policy back."""
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(usual)


def _penalties(recipe, info):
    if recipe.gamma is None:
        return ()
    # A gradient per unit of the data is `scale` times smaller than one per standard deviation.
    gamma = recipe.gamma * info.scale**2
    if recipe.gamma_to is not None:
        gamma = Cosine(gamma, recipe.gamma_to * info.scale**2, num_steps(recipe, info))
    return penalties.R1(gamma, recipe.penalties_every), penalties.R2(gamma, recipe.penalties_every)


def _networks_of_domains(recipe, info):
    """Returns the four networks of a `CycleGAN`."""
    options = _network_options(recipe)
    a, b = info.image_shape, info.condition.shape
    to_b = networks.translator(b, conditions.Image(a), **options)
    to_a = networks.translator(a, conditions.Image(b), **options)
    return to_b, to_a, *(_patches(shape, None, options) for shape in (a, b))


def _patches(shape, condition, options):
    return networks.patchgan(shape, condition, **{name: options[name] for name in options if name == "width"})


def _network_options(recipe):
    """Returns the options of the network, after a check of their names."""
    if recipe.network not in NETWORKS:
        raise errors.unknown_name("network", recipe.network, NETWORKS)
    network = getattr(networks, recipe.network)
    known = [name for name in inspect.signature(network).parameters if name not in GIVEN]
    for option in recipe.network_options:
        if option not in known:
            raise errors.unknown_name(f"option of {recipe.network}", option, known)
    return recipe.network_options


def _networks(recipe, info):
    """Returns the generator and the discriminator."""
    options = _network_options(recipe)
    condition = condition_of(recipe, info)
    if recipe.network == "translator":
        generator = networks.translator(info.image_shape, condition, **options)
        return generator, _patches(info.image_shape, condition, options)
    network = getattr(networks, recipe.network)
    scale = {"scale": info.scale} if len(info.image_shape) == 1 and info.scale != 1.0 else {}
    if scale and "scale" not in inspect.signature(network).parameters:
        raise ValueError(
            f"Points need a network for points. Received: network={recipe.network!r} for points of shape "
            f"{info.image_shape} from {info.name!r}. Use network='mlp'."
        )
    if recipe.conditional and info.num_classes is None:
        raise ValueError(
            f"A conditional GAN needs labels. Received: data from {info.name!r}, which has none. Sort photos into a "
            "sub-folder for each class, or train without --conditional."
        )
    given = {} if condition is None else {"condition": condition}
    return network(info.image_shape, recipe.latent_dim, **options, **scale, **given)


def learning_rate(recipe: Recipe, info: DatasetInfo) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate of a recipe for some data: a number, or its cosine decay over all steps."""
    if recipe.decay_to == 1.0:
        return recipe.learning_rate
    steps = num_steps(recipe, info)
    return keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps, alpha=recipe.decay_to)


def num_steps(recipe: Recipe, info: DatasetInfo) -> int:
    """Returns the training steps of a recipe for some data, at least 1."""
    return max(1, recipe.epochs * recipe.passes_per_epoch * (info.num_images // recipe.batch_size))


def _adam(recipe, info, name):
    """Returns the optimizer of one network."""
    rate = learning_rate(recipe, info)
    if recipe.beta_2_to is None:
        return keras.optimizers.Adam(rate, recipe.beta_1, recipe.beta_2, name=name)
    beta_2 = Cosine(recipe.beta_2, recipe.beta_2_to, num_steps(recipe, info))
    return optimizers.ScheduledAdam(rate, recipe.beta_1, beta_2, name=name)


def _augmentation(recipe, info):
    """Returns the augmentation of a recipe: a name, a ramp that ends with the training, or None."""
    if recipe.augment != "ramp":
        return recipe.augment
    return augment.Ramp(end_probability=recipe.augment_to, images=num_steps(recipe, info) * recipe.batch_size)
