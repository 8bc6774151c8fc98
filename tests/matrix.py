"""What goes with what: the choices that a game is made of, each beside every other, and the page that tells of it.

A cell is a dict with one choice of each dimension. `python tests/matrix.py --write docs/matrix.md` writes the page;
what `compile` refuses is asked of `compile`.
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
from keras import layers

import kerasgan
from kerasgan.penalties import R1, R2, GradientPenalty

PENALTIES = {
    "none": (),
    "R1": (R1(1.0),),
    "R2": (R2(1.0),),
    "GradientPenalty": (GradientPenalty(1.0),),
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
ASKED = ("updates", "objective", "penalties", "discriminator", "precision")  # what `compile` looks at
LATENT_DIM = 2
IMAGES = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")


def cells(**fixed):
    """All cells, in the order of `DIMENSIONS`; with `fixed`, those that have these choices."""
    options = {name: (fixed[name],) if name in fixed else choices for name, choices in DIMENSIONS.items()}
    return [dict(zip(options, choices, strict=True)) for choices in itertools.product(*options.values())]


# Games


@contextlib.contextmanager
def dtype_policy(name):
    """Builds layers with a policy, and leaves the one that was there as it was."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def game_of(cell):
    """A game that is not compiled, the same at each call."""
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


def compile_game(game, cell, optimizer="adam"):
    """Sets the rules of a cell. Raises the `ValueError` of one that `compile` refuses."""
    game.compile(
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
    return [layers.Flatten(), layers.Dense(4), layers.LeakyReLU(0.2), layers.Dense(1, name="logit")]


def _spectral_norm():
    hidden = layers.SpectralNormalization(layers.Dense(4), name="hidden")
    logit = layers.SpectralNormalization(layers.Dense(1, dtype="float32"), name="logit")
    return [layers.Flatten(), hidden, layers.LeakyReLU(0.2), logit]


def _batch_norm():
    return [
        layers.Conv2D(2, 4, strides=4, use_bias=False),
        layers.BatchNormalization(name="normalisation"),
        layers.LeakyReLU(0.2),
        layers.Flatten(),
        layers.Dense(1, name="logit"),
    ]


_DISCRIMINATORS = {"plain": _plain, "spectral norm": _spectral_norm, "batch norm": _batch_norm}
_GENERATORS = {"plain": _dense_generator, "spectral norm": _dense_generator, "batch norm": _batch_norm_generator}


# Refusals


@functools.cache
def refusals():
    """What `compile` says to each combination of `ASKED`: a dict from these choices to its sentence, or None."""
    said = {}
    for discriminator, precision in itertools.product(DIMENSIONS["discriminator"], DIMENSIONS["precision"]):
        first = {name: choices[0] for name, choices in DIMENSIONS.items()}
        asked = {"discriminator": discriminator, "precision": precision}
        game = game_of(first | asked)
        for cell in cells(**{name: first[name] for name in DIMENSIONS if name not in ASKED} | asked):
            said[choices_of(cell)] = refusal(game, cell)
    return said


def refusal(game, cell):
    """What `compile` says to a cell, or None where it takes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile_game(game, cell, optimizer="sgd")  # without slots to be built
        except ValueError as error:
            return str(error)
    return None


def choices_of(cell):
    return tuple(cell[name] for name in ASKED)


def works(cell):
    return refusals()[choices_of(cell)] is None


def refused_combinations():
    """The least that is refused: dicts of choices whose every cell is refused, and of which none can be left out.

    Returns a list of pairs: the choices, a dict from dimension to choice, and the sentence of `compile`, for the cell
    that has them and for the rest the first choice of each dimension.
    """
    found = []
    for size in range(1, len(ASKED) + 1):
        for names in itertools.combinations(ASKED, size):
            for choices in itertools.product(*(DIMENSIONS[name] for name in names)):
                combination = dict(zip(names, choices, strict=True))
                if any(smaller.items() <= combination.items() for smaller, _ in found):
                    continue
                answers = [said for key, said in refusals().items() if _has(key, combination)]
                if None not in answers:
                    found.append((combination, answers[0]))
    return found


def _has(key, combination):
    cell = dict(zip(ASKED, key, strict=True))
    return combination.items() <= cell.items()


# Selections


def covering(strength, candidates, seen=frozenset()):
    """Chooses cells so that all combinations of `strength` choices that any of the candidates has are in one of them.

    Those that were `seen` elsewhere need not be.

    Greedy: each next cell is the one with the most that is new for what it costs. The same candidates give the same
    selection. Gains only shrink, so what a cell's was at some time bounds what it is now.
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
def pairs():
    """Cells in which every pair of choices occurs that is not refused."""
    return covering(2, [cell for cell in cells() if works(cell)])


@functools.cache
def product():
    """Every combination of the first dimensions that is not refused, with the quickest choices of the others."""
    quick = cells(**{"discriminator": "plain", "jit_compile": False, "steps_per_execution": 1})
    return [cell for cell in quick if works(cell)]


@functools.cache
def triples():
    """Cells in which, beside those of `product`, every three choices occur together that are not refused."""
    seen = set().union(*(itertools.combinations(cell.items(), 3) for cell in product()))
    return covering(3, [cell for cell in cells() if works(cell)], seen)


def cost(cell):
    """What a cell counts for in a selection: XLA's compiler is slow."""
    return 2 if cell["jit_compile"] else 1


# Playing


def play(cell, path):
    """Plays two steps of a cell, saves, loads, and plays two more with and without the load; asserts what must hold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some objectives report no total loss
        try:
            _play(cell, path)
        except Exception as error:
            error.add_note(f"The cell: {cell}")
            raise


def _play(cell, path):
    game = game_of(cell)
    start = _values(game.trainable_variables)
    compile_game(game, cell)
    _check_logs(_fit(game), cell)
    _check_moved(game, start, cell)
    game.save(path)
    loaded = keras.models.load_model(path)
    _check_same_state(game, loaded)
    _check_steps(loaded, 2, cell)
    ours, theirs = _fit(game), _fit(loaded)
    _check_logs(theirs, cell)
    close = 1e-5 if cell["precision"] == "float32" else 1e-2
    for name, value in ours.items():
        assert np.isclose(value, theirs[name], rtol=close, atol=close), (name, value, theirs[name])
    assert _steps(game) == _steps(loaded)
    _check_steps(loaded, 4, cell)


def _fit(game):
    history = game.fit(IMAGES, batch_size=len(IMAGES) // 2, shuffle=False, verbose=0).history
    return {name: values[-1] for name, values in history.items()}


def _values(variables):
    return [np.array(variable) for variable in variables]


def _check_logs(logs, cell):
    assert {"d_loss", "g_loss", "d_real", "d_fake"} <= set(logs) and np.all(np.isfinite(list(logs.values()))), logs
    assert (logs.get("d_penalty", 0.0) > 0) == (cell["penalties"] != "none"), logs


def _check_moved(game, start, cell):
    for variable, before in zip(game.trainable_variables, start, strict=True):
        now = np.array(variable)
        assert np.all(np.isfinite(now)), variable.path
        assert not np.array_equal(now, before) or _free(variable, cell), f"{variable.path} did not move"
    averages = game.averaged_generator.weights if game.ema else game.generator.weights
    for weight, average in zip(game.generator.weights, averages, strict=True):
        trails = weight.trainable and game.ema is not None
        assert np.all(np.isfinite(average)) and (trails != np.array_equal(weight, average)), average.path


def _free(variable, cell):
    """Whether a weight may stay: the last bias, where only differences of logits count or all are within the hinge."""
    last = variable.path.startswith("discriminator/logit") and variable.path.endswith("bias")
    return last and cell["objective"] in ("hinge", "wasserstein", "relativistic")


def _check_same_state(game, loaded):
    mine, theirs = ([*each.variables, *each.optimizer.variables] for each in (game, loaded))
    for one, other in zip(mine, theirs, strict=True):
        assert np.array_equal(one, other), one.path


def _check_steps(game, played, cell):
    """In float16 a step whose gradient overflows is skipped, and the scale of the loss halved for the next."""
    least = played // 2 if cell["precision"] == "mixed_float16" else played
    assert all(least <= steps <= played for steps in _steps(game)), _steps(game)


def _steps(game):
    return [int(optimizer.iterations) for optimizer in (game.d_optimizer, game.g_optimizer)]


# The page

_PAGE = """# What goes with what

Every choice of `compile` goes with every other, but for the cells below, which `compile` refuses before any training.

| dimension | choices |
|---|---|
{choices}

That makes {cells:,} games. {works:,} of them work; {refused:,} are refused, each because it holds one of these (the
sentence is that for the first choice of all other dimensions):

| together | `compile` says |
|---|---|
{refusals}

`steps_per_execution`, XLA (`jit_compile=True`) and the averaged generator never matter to it. Some objectives are taken
with a warning, since the sum of the two losses says nothing there:

| objective | `compile` warns |
|---|---|
{warnings}

## What a game that works has shown

Two steps on images of 8x8 pixels, with networks of a few dozen weights: all losses are finite, every weight has moved
and is finite, and the penalty is charged. Saved to a `.keras` file and loaded, it has the same weights, averages, slots
and counts of steps in both optimizers, and the same seeds, bit for bit. Two more steps give the losses of the same game
that was never saved. In float16, steps whose gradient overflows are skipped, as `keras.optimizers.LossScaleOptimizer`
does; at least half of the steps were taken.

- `pytest -m "not slow" tests/test_matrix.py` plays {pairs} games, in which every pair of choices occurs.
- `pytest tests/test_matrix.py` plays {product} games besides, with every combination of order, objective, penalties,
  precision and averaged generator (plain discriminator, without XLA, one step for each call), and {triples} more, so
  that every three choices of all dimensions occur.

The discriminators: `plain` is dense; `spectral norm` wraps each layer in `keras.layers.SpectralNormalization`; `batch
norm` is convolutional, with batch norm in both networks. Precision is the policy under which the networks are built,
`keras.config.set_dtype_policy(...)`.

This page is written by `python tests/matrix.py --write docs/matrix.md`; a test compares it with what `compile` says.
"""


def page():
    """The page for readers, as text."""
    everything = cells()
    playable = [cell for cell in everything if works(cell)]
    return _PAGE.format(
        choices=_rows((f"`{name}`" if "_" in name else name, _listed(choices)) for name, choices in DIMENSIONS.items()),
        cells=len(everything),
        works=len(playable),
        refused=len(everything) - len(playable),
        refusals=_rows((_named(choices), said) for choices, said in _merged(refused_combinations())),
        warnings=_rows(_warnings()),
        pairs=len(pairs()),
        product=len(product()),
        triples=len(triples()),
    )


def _rows(rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _listed(choices):
    return ", ".join(f"`{choice}`" for choice in choices)


def _named(choices):
    return "; ".join(f"{name}: {' or '.join(f'`{each}`' for each in listed)}" for name, listed in choices.items())


def _merged(combinations):
    """Joins combinations that differ in one choice and break one rule; of what was received, the first is told."""
    joined = []
    for combination, said in combinations:
        for choices, other in joined:
            differ = [name for name in choices if [combination.get(name)] != choices[name]]
            if set(choices) == set(combination) and len(differ) == 1 and _rule(said) == _rule(other):
                choices[differ[0]].append(combination[differ[0]])
                break
        else:
            joined.append(({name: [choice] for name, choice in combination.items()}, said))
    return joined


def _rule(said):
    return said.split("Received:")[0]


def _warnings():
    game = game_of(cells()[0])
    for objective in DIMENSIONS["objective"]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            game.compile(objective=objective, penalties="r1")
        for each in caught:
            yield f"`{objective}`", str(each.message)


def main():
    parser = argparse.ArgumentParser(description="Writes the page of what goes with what.")
    parser.add_argument("--write", metavar="FILE", type=pathlib.Path, required=True)
    parser.parse_args().write.write_text(page())


if __name__ == "__main__":
    main()
