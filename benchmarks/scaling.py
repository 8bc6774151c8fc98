"""The efficiency of many devices, on paper: `python benchmarks/scaling.py --write` fills the page `docs/scaling.md`.

A step on N devices takes the time of one device for its share of the batch, and then that of exchanging the gradients.
Step times are those in the results of `benchmarks/throughput.py`, gradient sizes those of the pairs of networks.
"""

import argparse
import json
import pathlib
import statistics

DEVICES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LINKS = {  # bytes a second each way, and the seconds until the first byte arrives
    "25 Gbit/s Ethernet": (25e9 / 8, 20e-6),
    "100 Gbit/s Ethernet": (100e9 / 8, 10e-6),
    "PCIe, 16 GB/s": (16e9, 5e-6),
    "NVLink, 300 GB/s": (300e9, 2e-6),
}
FASTER = 100
"""Speed of a device relative to the two cores that were measured, in the second table."""

PAIRS = ("dcgan-28", "dcgan-64")
BEGIN, END = "## The tables\n\n", "\n## What follows"  # between them the page has the tables


def exchange_seconds(devices, num_bytes, bandwidth, latency):
    """Returns the seconds of a ring all-reduce: 2 (N - 1) / N * bytes / bandwidth + 2 (N - 1) * latency.

    Each device sends 2 (N - 1) messages of an N-th of the bytes to its neighbor: half of them to add up, half to
    distribute the sums.

    Args:
        devices: N, the number of devices.
        num_bytes: size of all gradients together.
        bandwidth: of each device's link, in bytes per second.
        latency: seconds before the first byte of a message arrives.

    Reference: Patarasuk and Yuan, 2009, Bandwidth optimal all-reduce algorithms for clusters of workstations.
    """
    messages = 2 * (devices - 1)
    return messages / devices * num_bytes / bandwidth + messages * latency


def efficiency(devices, step_seconds, num_bytes, bandwidth, latency, fixed_batch=False):
    """Returns the images per second of N devices, divided by N times those of one.

    The exchange is assumed to start when all gradients are computed: nothing overlaps.

    Args:
        devices, num_bytes, bandwidth, latency: as for `exchange_seconds`.
        step_seconds: of one device with its whole batch.
        fixed_batch: True shares one batch among all devices; False gives each device a batch of that size.
    """
    work = step_seconds / devices if fixed_batch else step_seconds
    return work / (work + exchange_seconds(devices, num_bytes, bandwidth, latency))


def measured(results, pair, name="kerasgan one_stage", precision="float32"):
    """Returns the median seconds of a step in the results of `throughput.py`, and the images in its batch."""
    table = next(table for table in results["tables"] if table["pair"] == pair)
    row = next(row for row in table["rows"] if (row["name"], row["precision"]) == (name, precision))
    return table["batch"] / statistics.median(row["images_per_second"]), table["batch"]


def gradient_bytes(pair):
    """Returns the bytes of the gradients of both networks of a pair, in float32."""
    import pairs

    networks = pairs.PAIRS[pair]()
    return sum(4 * weight.value.shape.num_elements() for network in networks for weight in network.trainable_weights)


def table(step_seconds, num_bytes, fixed_batch=False):
    """Returns the efficiencies in percent, a row for each link and a column for each number of devices."""
    lines = [f"| devices | {' | '.join(map(str, DEVICES))} |", "|---" * (len(DEVICES) + 1) + "|"]
    for link, (bandwidth, latency) in LINKS.items():
        shares = (efficiency(n, step_seconds, num_bytes, bandwidth, latency, fixed_batch) for n in DEVICES)
        lines.append(f"| {link} | {' | '.join(f'{100 * share:.0f}' for share in shares)} |")
    return "\n".join(lines)


def page(results):
    """Yields the paragraphs of the page's tables."""
    for pair in PAIRS:
        seconds, batch = measured(results, pair)
        num_bytes = gradient_bytes(pair)
        of_pair = f"**{pair}**, gradients of {num_bytes / 1e6:.1f} MB"
        yield f"{of_pair}; two CPU cores a device, {1e3 * seconds:.0f} ms for {batch} images each:"
        yield table(seconds, num_bytes)
        yield f"{of_pair}; a device {FASTER} times as fast, {1e3 * seconds / FASTER:.2f} ms for {batch} images each:"
        yield table(seconds / FASTER, num_bytes)
        yield f"The same devices, {batch} images for all of them together:"
        yield table(seconds / FASTER, num_bytes, fixed_batch=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the tables into the page; default: print them")
    options = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parents[1]
    tables = "\n\n".join(page(json.loads((root / "benchmarks" / "results" / "throughput.json").read_text())))
    if not options.write:
        return print(tables)
    path = root / "docs" / "scaling.md"
    before, _, rest = path.read_text().partition(BEGIN)
    path.write_text(f"{before}{BEGIN}{tables}\n{rest[rest.index(END) :]}")


if __name__ == "__main__":
    main()
