"""The benchmark of precision, steps per execution and XLA counts what it says."""

import pytest
import settings as benchmark

from kerasgan import datasets
from kerasgan.runs import recipes


def test_contestants_differ_in_precision_steps_and_xla_alone(monkeypatch):
    built, build = [], recipes.build

    def kept(recipe, *arguments):
        built.append((recipe, build(recipe, *arguments)))
        return built[-1][1]

    monkeypatch.setattr(recipes, "build", kept)
    monkeypatch.setattr(benchmark, "speed_of_fit", lambda gan, batches, count: count)
    entered = benchmark.contestants("digits")
    ways = (1, False), (20, False), (1, True)
    assert list(entered) == [(precision, *way) for precision in recipes.PRECISIONS for way in ways]
    assert [speed(3) for speed in entered.values()] == [3 * 64] * 6
    for (precision, steps, xla), (_, gan) in zip(entered, built, strict=True):
        assert (gan.steps_per_execution, gan.jit_compile) == (steps, xla)
        assert gan.generator.layers[0].dtype_policy.name == precision
    assert len({str({**vars(recipe), "precision": "", "steps_per_execution": 0}) for recipe, _ in built}) == 1


@pytest.mark.parametrize("steps_per_execution", [1, 3])
def test_speed_is_steps_over_seconds_without_the_first_call(make_gan, monkeypatch, steps_per_execution):
    """On a clock that moves by half a second at the end of each call."""
    clock = iter(range(100))
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock) / 2)
    batches, _ = datasets.load("digits")
    gan = make_gan(steps_per_execution=steps_per_execution)
    assert benchmark.speed_of_fit(gan, batches, 6) == steps_per_execution * 2
    assert gan.g_optimizer.iterations == 6 + steps_per_execution


def test_every_contestant_is_warmed_and_takes_its_turn():
    asked = []
    entered = {name: lambda steps, name=name: asked.append((name, steps)) or 2.0 for name in "ab"}
    assert benchmark.compare(entered, rounds=2, steps=20) == {"a": [2.0, 2.0], "b": [2.0, 2.0]}
    assert asked == [("a", 2), ("b", 2)] + 2 * [("a", 20), ("b", 20)]


def test_rows_are_medians_and_ratios_to_the_first():
    rows = benchmark.as_rows(
        "ring", {("float32", 1, False): [1.0, 9.0, 2.0], ("mixed_bfloat16", 1, True): [5.0, 6.0, 4.0]}
    )
    assert [(row["median"], row["ratio"]) for row in rows] == [(2.0, 1.0), (5.0, 2.5)]
    assert set(benchmark.STEPS) <= set(recipes.RECIPES)
