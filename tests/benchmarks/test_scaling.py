"""What sharing a batch costs: on paper, as the page says, and as the benchmark counts it."""

import itertools
import json
import pathlib

import pytest
import replicas as benchmark
import scaling

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_an_exchange_by_hand():
    # Four devices, 8 MB, 1 GB/s, 1 ms: six messages of 2 MB, each 2 ms and the latency.
    assert scaling.exchange_seconds(4, 8e6, 1e9, 1e-3) == pytest.approx(6 * (2e-3 + 1e-3))
    assert scaling.exchange_seconds(1, 8e6, 1e9, 1e-3) == 0.0


def test_efficiency_by_hand():
    assert scaling.efficiency(4, 18e-3, 8e6, 1e9, 1e-3) == pytest.approx(0.5)
    assert scaling.efficiency(4, 4 * 18e-3, 8e6, 1e9, 1e-3, fixed_batch=True) == pytest.approx(0.5)


@pytest.mark.parametrize("fixed_batch", [False, True])
def test_efficiency_falls_with_devices_and_rises_with_bandwidth(fixed_batch):
    found = [scaling.efficiency(n, 0.1, 1e7, 1e9, 1e-5, fixed_batch) for n in scaling.DEVICES]
    assert found[0] == 1.0 and all(a > b > 0 for a, b in itertools.pairwise(found))
    assert scaling.efficiency(8, 0.1, 1e7, 1e10, 1e-5, fixed_batch) > found[3]


def test_the_page_holds_the_tables_that_the_script_prints():
    results = json.loads((ROOT / "benchmarks" / "results" / "throughput.json").read_text())
    page = (ROOT / "docs" / "scaling.md").read_text()
    assert all(paragraph in page for paragraph in scaling.page(results))


def test_gradients_are_those_of_both_networks():
    import pairs

    generator, discriminator = pairs.PAIRS["keras.io"]()
    assert scaling.gradient_bytes("keras.io") == 4 * (generator.count_params() + discriminator.count_params())


def test_the_benchmark_counts_to_the_first_way():
    rows = benchmark.as_rows({"one device": [90.0, 110.0, 100.0], "2 replicas": [70.0, 90.0, 80.0]})
    assert [row["efficiency"] for row in rows] == [1.0, 0.8]
    assert "| 2 replicas | 80 (70-90) | 0.80 |" in benchmark.as_markdown(rows)
