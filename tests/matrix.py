"""The options of `compile` in every combination, and the page of the documentation on these.

A cell is a dict with one choice of each dimension. Which cells are refused is asked of `compile`. The page is written
by `python tests/matrix.py --write docs/matrix.md`.
"""

import argparse
import contextlib
import functools
import heapq
import itertools
import pathlib
import warnings

import keras
import numpy as np
import translation_matrix
from keras import layers

import kerasgan
from kerasgan.penalties import R1, R2

PENALTIES = {
    "none": (),
    **{make.__name__: (make(1.0),) for make in kerasgan.penalties.PENALTIES.values()},
    "R1 and R2, every=2": (R1(1.0, every=2), R2(1.0, every=2)),
}
DIMENSIONS = {
    "updates": tuple(kerasgan.updates.UPDATES),
    "objective": tuple(kerasgan.objectives.OBJECTIVES),
    "penalties": tuple(PENALTIES),
    "discriminator": ("plain", "spectral norm", "batch norm"),
    "precision": ("float32", "mixed_bfloat16", "mixed_float16"),
    "averaged generator": ("no", "yes"),
    "jit_compile": (False, True),
    "steps_per_execution": (1, 2),
}
CHECKED = ("updates", "objective", "penalties", "discriminator", "precision")  # the dimensions that `compile` checks
LATENT_DIM = 2
IMAGES = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")


def cells(**fixed):
    """Returns all cells, in the order of `DIMENSIONS`; with `fixed`, those with these choices."""
    options = {name: (fixed[name],) if name in fixed else choices for name, choices in DIMENSIONS.items()}
    return [dict(zip(options, choices, strict=True)) for choices in itertools.product(*options.values())]


# GANs


@contextlib.contextmanager
def dtype_policy(name):
    """The context in which layers are built with a policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def make_gan(cell):
    """Returns a GAN that is not compiled, the same at each call."""
    keras.utils.set_random_seed(0)
    with dtype_policy(cell["precision"]):
        generator = keras.Sequential(
            [keras.Input((LATENT_DIM,)), *_GENERATORS[cell["discriminator"]]()], name="generator"
        )
        discriminator = keras.Sequential(
            [keras.Input(IMAGES.shape[1:]), *_DISCRIMINATORS[cell["discriminator"]]()], name="discriminator"
        )
    ema = kerasgan.ema.EMA(half_life_images=100) if cell["averaged generator"] == "yes" else None
    return kerasgan.GAN(generator, discriminator, LATENT_DIM, ema=ema, seed=0)


def compile_gan(gan, cell, optimizer="adam"):
    """Compiles a GAN with the choices of a cell. Raises the `ValueError` of `compile` if it refuses them."""
    gan.compile(
        d_optimizer=optimizer,
        g_optimizer=optimizer,
        updates=cell["updates"],
        objective=cell["objective"],
        penalties=PENALTIES[cell["penalties"]],
        jit_compile=cell["jit_compile"],
        steps_per_execution=cell["steps_per_execution"],
    )


def _dense_generator():
    return [
        layers.Dense(4, activation="relu", bias_initializer="ones"),
        layers.Dense(64, activation="tanh"),
        layers.Reshape((8, 8, 1)),
    ]


def _batch_norm_generator():
    return [
        layers.Dense(32, use_bias=False),
        layers.BatchNormalization(momentum=0.5),
        layers.LeakyReLU(0.2),
        layers.Reshape((4, 4, 2)),
        layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
    ]


def _plain():
    return [layers.Flatten(), layers.Dense(4, name="hidden"), layers.LeakyReLU(0.2), layers.Dense(1, name="logit")]


def _spectral_norm():
    hidden = layers.SpectralNormalization(layers.Dense(4), name="hidden")
    logit = layers.SpectralNormalization(layers.Dense(1, dtype="float32"), name="logit")
    return [layers.Flatten(), hidden, layers.LeakyReLU(0.2), logit]


def _batch_norm():
    return [
        layers.Conv2D(2, 4, strides=4, use_bias=False, name="convolution"),
        layers.BatchNormalization(name="normalization"),
        layers.LeakyReLU(0.2),
        layers.Flatten(),
        layers.Dense(1, name="logit"),
    ]


_DISCRIMINATORS = {"plain": _plain, "spectral norm": _spectral_norm, "batch norm": _batch_norm}
_GENERATORS = {"plain": _dense_generator, "spectral norm": _dense_generator, "batch norm": _batch_norm_generator}


# Refusals


@functools.cache
def refusals():
    """Returns the answer of `compile` to each combination of `CHECKED`: a dict from choices to messages, or None."""
    answers = {}
    for discriminator, precision in itertools.product(DIMENSIONS["discriminator"], DIMENSIONS["precision"]):
        first = {name: choices[0] for name, choices in DIMENSIONS.items()}
        networks = {"discriminator": discriminator, "precision": precision}
        gan = make_gan(first | networks)
        for cell in cells(**{name: first[name] for name in DIMENSIONS if name not in CHECKED} | networks):
            answers[choices_of(cell)] = refusal(gan, cell)
    return answers


def refusal(gan, cell):
    """Returns the message with which `compile` refuses a cell, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile_gan(gan, cell, optimizer="sgd")  # without slots to be built
        except ValueError as error:
            return str(error)
    return None


def choices_of(cell):
    return tuple(cell[name] for name in CHECKED)


def works(cell):
    return refusals()[choices_of(cell)] is None


def refused_combinations():
    """Returns the smallest combinations whose every cell is refused, and of which no choice can be left out.

    Returns a list of pairs: the choices, a dict from dimension to choice, and the message of `compile` for the cell
    with these and otherwise the first choice of each dimension.
    """
    found = []
    for size in range(1, len(CHECKED) + 1):
        for names in itertools.combinations(CHECKED, size):
            for choices in itertools.product(*(DIMENSIONS[name] for name in names)):
                combination = dict(zip(names, choices, strict=True))
                if any(smaller.items() <= combination.items() for smaller, _ in found):
                    continue
                answers = [message for key, message in refusals().items() if _has(key, combination)]
                if None not in answers:
                    found.append((combination, answers[0]))
    return found


def _has(key, combination):
    cell = dict(zip(CHECKED, key, strict=True))
    return combination.items() <= cell.items()


# Selections


def covering(strength, candidates, seen=frozenset()):
    """Chooses cells such that all combinations of `strength` choices that any candidate has occur in one of them.

    Combinations in `seen` need not occur. Greedy: the next cell is the one with the most new combinations for its cost.
    The same candidates give the same selection. Gains only shrink, so an earlier gain is an upper bound of the present.
    """
    combinations = [set(itertools.combinations(cell.items(), strength)) for cell in candidates]
    left = set().union(*combinations) - seen
    queue = [(-len(has) / cost(candidates[number]), number) for number, has in enumerate(combinations)]
    heapq.heapify(queue)
    chosen = []
    while left:
        _, number = heapq.heappop(queue)
        gain = (-len(combinations[number] & left) / cost(candidates[number]), number)
        if queue and gain > queue[0]:
            heapq.heappush(queue, gain)
        else:
            chosen.append(candidates[number])
            left -= combinations[number]
    return chosen


@functools.cache
def singles():
    """Returns cells in which every choice occurs."""
    return covering(1, [cell for cell in cells() if works(cell)])


@functools.cache
def pairs():
    """Returns cells in which every pair of choices occurs that is not refused."""
    return covering(2, [cell for cell in cells() if works(cell)])


@functools.cache
def product():
    """Returns every combination of the first dimensions that works, with the fastest choices of the others."""
    fast = cells(**{"discriminator": "plain", "jit_compile": False, "steps_per_execution": 1})
    return [cell for cell in fast if works(cell)]


@functools.cache
def triples():
    """Returns cells in which, together with those of `product`, every three choices occur that are not refused."""
    seen = set().union(*(itertools.combinations(cell.items(), 3) for cell in product()))
    return covering(3, [cell for cell in cells() if works(cell)], seen)


def cost(cell):
    """Returns the cost of a cell in a selection: XLA's compiler is slow."""
    return 2 if cell["jit_compile"] else 1


# Training


def check(cell, path):
    """Trains a cell for two steps, saves and loads it, and trains both for two more; asserts what must hold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some objectives report no total loss
        try:
            _check(cell, path)
        except Exception as error:
            error.add_note(f"The cell: {cell}")
            raise


def _check(cell, path):
    gan = make_gan(cell)
    start = _values(gan.trainable_variables)
    compile_gan(gan, cell)
    _check_logs(_fit(gan), cell)
    _check_moved(gan, start, cell)
    gan.save(path)
    loaded = keras.models.load_model(path)
    _check_same_state(gan, loaded)
    _check_steps(loaded, 2, cell)
    ours, theirs = _fit(gan), _fit(loaded)
    _check_logs(theirs, cell)
    close = 1e-5 if cell["precision"] == "float32" else 1e-2
    for name, value in ours.items():
        assert np.isclose(value, theirs[name], rtol=close, atol=close), (name, value, theirs[name])
    assert _steps(gan) == _steps(loaded)
    _check_steps(loaded, 4, cell)


def _fit(gan):
    history = gan.fit(IMAGES, batch_size=len(IMAGES) // 2, shuffle=False, verbose=0).history
    return {name: values[-1] for name, values in history.items()}


def _values(variables):
    return [np.array(variable) for variable in variables]


def _check_logs(logs, cell):
    assert {"d_loss", "g_loss", "d_real", "d_fake"} <= set(logs) and np.all(np.isfinite(list(logs.values()))), logs
    assert (logs.get("d_penalty", 0.0) > 0) == (cell["penalties"] != "none"), logs


def _check_moved(gan, start, cell):
    for variable, before in zip(gan.trainable_variables, start, strict=True):
        now = np.array(variable)
        assert np.all(np.isfinite(now)), variable.path
        assert not np.array_equal(now, before) or _may_stay(variable, cell), f"{variable.path} did not move"
    averages = gan.averaged_generator.weights if gan.ema else gan.generator.weights
    for weight, average in zip(gan.generator.weights, averages, strict=True):
        differs = weight.trainable and gan.ema is not None
        assert np.all(np.isfinite(average)) and (differs != np.array_equal(weight, average)), average.path


def _may_stay(variable, cell):
    """Returns whether a weight need not change: the last bias, where only differences of logits count."""
    last = variable.path.startswith("discriminator/logit") and variable.path.endswith("bias")
    return last and cell["objective"] in ("hinge", "wasserstein", "relativistic")


def _check_same_state(gan, loaded):
    mine, theirs = ([*each.variables, *each.optimizer.variables] for each in (gan, loaded))
    for one, other in zip(mine, theirs, strict=True):
        assert np.array_equal(one, other), one.path


def _check_steps(gan, count, cell):
    """In float16 a step whose gradient overflows is skipped, and the scale of the loss halved for the next."""
    least = count // 2 if cell["precision"] == "mixed_float16" else count
    assert all(least <= steps <= count for steps in _steps(gan)), _steps(gan)


def _steps(gan):
    return [int(optimizer.iterations) for optimizer in (gan.d_optimizer, gan.g_optimizer)]


# The page

_PAGE = """# What goes with what

Every option of `compile` works with every other, except for the combinations below, which `compile` refuses before any
training.

| dimension | choices |
|---|---|
{choices}

Of these {cells:,} combinations, {works:,} work and {refused:,} are refused. A refused combination contains one of the
following; the message is the one for the first choice of all other dimensions:

| combination | message of `compile` |
|---|---|
{refusals}

`steps_per_execution`, XLA (`jit_compile=True`) and the averaged generator make no difference to this. Some objectives
are accepted with a warning, since the sum of the two losses has no meaning:

| objective | warning of `compile` |
|---|---|
{warnings}

## How the combinations were tested

Two steps on images of 8x8 pixels, with networks of a few dozen weights: all losses are finite, every weight has changed
and is finite, and the penalty is in the logs. Saved to a `.keras` file and loaded, the GAN has the same weights,
averages, slots and counts of steps in both optimizers, and the same seeds, bit for bit. Two more steps give the same
losses as those of the GAN that was not saved. In float16, steps whose gradient overflows are skipped, as
`keras.optimizers.LossScaleOptimizer` does; at least half of the steps were taken.

- `pytest tests/model/test_matrix.py` trains {singles} combinations, in which every choice occurs.
- `pytest -m slow tests/model/test_matrix.py` trains {pairs} in which every pair of choices occurs, and {product} and
  {triples} more in which every three choices occur. The {product} are all combinations of update rule, objective,
  penalties, precision and averaged generator (plain discriminator, without XLA, one step for each call).

The discriminators: `plain` has dense layers; `spectral norm` wraps each layer in `keras.layers.SpectralNormalization`;
`batch norm` is convolutional, with batch norm in both networks. Precision is the policy under which the networks are
built, `keras.config.set_dtype_policy(...)`.

This page is written by `python tests/matrix.py --write docs/matrix.md`. A test compares it with the answers of
`compile`.
"""


def page():
    """Returns the page of the documentation."""
    everything = cells()
    working = [cell for cell in everything if works(cell)]
    page = _PAGE.format(
        choices=_rows((f"`{name}`" if "_" in name else name, _listed(choices)) for name, choices in DIMENSIONS.items()),
        cells=len(everything),
        works=len(working),
        refused=len(everything) - len(working),
        refusals=_rows((_named(choices), message) for choices, message in _merged(refused_combinations())),
        warnings=_rows(_warnings()),
        singles=len(singles()),
        pairs=len(pairs()),
        product=len(product()),
        triples=len(triples()),
    )
    return page + translation_matrix.section()


def _rows(rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _listed(choices):
    return ", ".join(f"`{choice}`" for choice in choices)


def _named(choices):
    return "; ".join(f"{name}: {' or '.join(f'`{each}`' for each in listed)}" for name, listed in choices.items())


def _merged(combinations):
    """Joins combinations that differ in one choice and break the same rule; the first one's message is kept."""
    joined = []
    for combination, message in combinations:
        for choices, other in joined:
            differ = [name for name in choices if [combination.get(name)] != choices[name]]
            if set(choices) == set(combination) and len(differ) == 1 and _rule(message) == _rule(other):
                choices[differ[0]].append(combination[differ[0]])
                break
        else:
            joined.append(({name: [choice] for name, choice in combination.items()}, message))
    return joined


def _rule(message):
    return message.split("Received:")[0]


def _warnings():
    gan = make_gan(cells()[0])
    for objective in DIMENSIONS["objective"]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            gan.compile(objective=objective, penalties="r1")
        for each in caught:
            yield f"`{objective}`", str(each.message)


def main():
    parser = argparse.ArgumentParser(description="Writes the page on the combinations of options.")
    parser.add_argument("--write", metavar="FILE", type=pathlib.Path, required=True)
    parser.parse_args().write.write_text(page())


if __name__ == "__main__":
    main()
