"""Pairs and domains without pairs, with each option of `compile`; a part of the page that `matrix` writes.

A cell is a kind and a setting, one step away from the defaults. Which cells are refused is asked of `compile`.
"""

import functools
import warnings

import keras
import numpy as np

import kerasgan
from kerasgan import networks

KINDS = ("pairs", "two domains")
SHAPE = (12, 12, 1)
A, B = np.random.default_rng(0).uniform(-1, 1, (2, 8, *SHAPE)).astype("float32")
ROLLS_BACK = "callbacks/test_guarded_translations.py"
FEATURES = (
    ("`Guard`, rolled back", ROLLS_BACK),
    ("checkpoints, resumed bit for bit", "resume/test_resumed_translations.py"),
    ("runs of the command line, killed at random moments", "resume/test_kill.py"),
    ("mirrored replicas, to 1e-5 of one device", "backend/test_replicas.py"),
    ("JAX, to 1e-5 of TensorFlow", "backend/test_jax.py"),
    ("exports at sizes that training never saw", "export/test_export_conditions.py"),
    ("translating folders from the command line", "runs/test_translate.py"),
    ("`sample`, `evaluate`, `compare`, `push` and `--from`, from the command line", "runs/test_image_to_image_runs.py"),
)
"""What else was tested on both kinds, and where."""
POLICIES = ("mixed_bfloat16", "mixed_float16")
SETTINGS = {
    **{f'`updates="{name}"`': {"updates": name, "pool_images": 0} for name in kerasgan.updates.UPDATES},
    '`updates="simultaneous"`, with a pool': {"updates": "simultaneous", "pool_images": 4},
    "`updates=Alternating(same_samples=True)`": {"updates": kerasgan.updates.Alternating(same_samples=True)},
    '`objective="relativistic"`': {"objective": "relativistic"},
    "`penalties=R1(1.0, every=2)`": {"penalties": kerasgan.penalties.R1(1.0, every=2)},
    "`augment=DiffAugment()`": {"augment": kerasgan.augment.DiffAugment()},
    "`ema`": {"ema": kerasgan.ema.EMA(half_life_images=100)},
    "`steps_per_execution=2`": {"steps_per_execution": 2},
    "`jit_compile=True`": {"jit_compile": True},
    **{f"`{policy}`": {"policy": policy} for policy in POLICIES},
}


def made(kind, setting):
    """Returns a model that is compiled.

    Raises:
        ValueError: if the setting is refused.
    """
    options = dict(SETTINGS[setting])
    ema, policy = options.pop("ema", None), options.pop("policy", "float32")
    pool = {"pool_images": options.pop("pool_images", 4)}
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        if kind == "pairs":
            condition, pool = kerasgan.conditions.Image(SHAPE), {}
            both = networks.pix2pix(SHAPE, condition=condition, width=2, depth=1, patch_depth=1)
            gan = kerasgan.GAN(*both, latent_dim=0, condition=condition, ema=ema, seed=0)
            options["reconstruction"] = kerasgan.reconstruction.L1(10.0)
        else:
            to_b, to_a = (networks.translator(SHAPE, width=2, blocks=0) for _ in "ab")
            of_a, of_b = (networks.patchgan(SHAPE, width=2, depth=1) for _ in "ab")
            gan = kerasgan.CycleGAN(to_b, to_a, of_a, of_b, ema=ema, seed=0, image_size=SHAPE[:2])
    finally:
        keras.config.set_dtype_policy(before)
    gan.compile(**options, **pool)
    return gan


@functools.cache
def answers():
    """Returns the message with which each cell is refused, or None: a dict from (kind, setting)."""
    found = {}
    for kind in KINDS:
        for setting in cells_of(kind):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    made(kind, setting)
                except ValueError as error:
                    found[kind, setting] = str(error)
                else:
                    found[kind, setting] = None
    return found


def cells_of(kind):
    """Returns the settings that there are for a kind: pairs have no pool."""
    return [setting for setting in SETTINGS if kind != "pairs" or not setting.endswith("with a pool")]


def check(kind, setting, path):
    """Trains for two steps, saves and loads the model, and trains both for two more; asserts what must hold."""
    gan = made(kind, setting)
    start = [np.array(each) for each in gan.trainable_variables]
    _fit(gan, kind)
    # The relativistic objective sees differences of logits alone: their bias has no gradient.
    still = {"logits/bias"} if "relativistic" in setting else set()
    both = zip(gan.trainable_variables, start, strict=True)
    moved = [not np.array_equal(each, before) for each, before in both if each.path not in still]
    assert np.mean(moved) > 0.9 and all(np.isfinite(np.array(each)).all() for each in gan.trainable_variables)
    gan.save(path)
    loaded = keras.models.load_model(path)
    ours, theirs = _fit(gan, kind), _fit(loaded, kind)
    close = 1e-5 if "mixed" not in setting else 2e-2
    assert {"d_loss", "g_loss", "g_reconstruction"} <= set(ours)
    for name, value in ours.items():
        assert np.isfinite(value) and np.isclose(value, theirs[name], rtol=close, atol=close), (name, value, theirs)


def _fit(gan, kind):
    x, y = (A, B) if kind == "two domains" else (B, A)
    return {name: each[-1] for name, each in gan.fit(x, y, batch_size=4, shuffle=False, verbose=0).history.items()}


def section():
    """Returns the part of the page on translations, as Markdown."""
    found = answers()
    rows = [f"| {setting} | {' | '.join(_cell(found, kind, setting) for kind in KINDS)} |" for setting in SETTINGS]
    rows += [f"| {feature} | yes | yes |" for feature, _ in FEATURES]
    tests = "\n".join(f"- {feature}: `tests/{path}`" for feature, path in FEATURES)
    return _SECTION.format(rows="\n".join(rows), tests=tests)


def _cell(found, kind, setting):
    if (kind, setting) not in found:
        return "-"
    message = found[kind, setting]
    return "yes" if message is None else f"no: {message}"


_SECTION = """
## Image to image

Pairs are a `kerasgan.GAN` of `networks.pix2pix` with `reconstruction=L1(10.0)`, two domains a `kerasgan.CycleGAN` of
`networks.translator` and `networks.patchgan`. Each setting is one step away from the defaults; "no" has the message of
`compile`, and "-" does not arise.

| setting | pairs | two domains |
|---|---|---|
{rows}

`pytest -m slow tests/model/test_translation_matrix.py` trains every cell of `compile` for two steps, saves it, loads it
and goes on; the ordinary suite has a few. The others:

{tests}
"""
