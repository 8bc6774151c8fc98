"""How many images a metric needs: `python benchmarks/few_images.py`.

Real images against other real images, and against real images without one of their ten classes, for growing numbers of
both. Where a metric cannot see that a tenth of the data is missing, its figure says little. The table has the value of
each metric for the whole data (the floor), without a class, and how often the latter is beyond 95 % of the former. The
limits in `kerasgan/metrics/sample_size.py`, by which figures from few images are marked, are from here.
"""

import argparse

import numpy as np
import records

MULTIPLES = (0.25, 0.5, 1, 2, 4, 8, 16, 32)
WORSE = {"fid": 1, "fid_infinity": 1, "kid": 1, "recall": -1, "coverage": -1}
"""Metrics that a lost class should change, and in which direction."""


def figures(real, other, seed):
    """Returns the metrics of two sets of features."""
    from kerasgan import metrics

    return {
        "fid": metrics.frechet_distance(real, other),
        "fid_infinity": metrics.frechet_distance_infinity(real, other, seed=seed),
        "kid": metrics.kernel_distance(real, other, 5, max(2, min(1000, len(real) // 2)), seed)[0],
        "recall": metrics.precision_recall(real, other)[1],
        "coverage": metrics.density_coverage(real, other)[1],
    }


def draw(features, labels, n, seed):
    """Returns the metrics of n real images against n others, and against n others without a class."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(features))
    real, others = order[:n], order[n:]
    fewer = others[labels[others] != seed % 10]
    if len(fewer) < n:
        return None
    return [figures(features[real], features[chosen[:n]], seed) for chosen in (others, fewer)]


def measure(name, extractor, split, draws):
    """Returns one row for each number of images: floors, values without a class, and how often these are seen."""
    from kerasgan import datasets, features

    images, labels, _ = datasets.load_arrays(name, split=split)
    found = features.get(extractor, name if extractor == "classifier" else None)(images).features
    rows = []
    for multiple in MULTIPLES:
        n = round(multiple * found.shape[1])
        pairs = [draw(found, labels, n, seed) for seed in range(draws)] if n >= 8 else []
        if not pairs or pairs[0] is None:
            continue
        rows.append({"data": name, "features": extractor, "width": found.shape[1], "n": n, "multiple": multiple})
        for metric, sign in WORSE.items():
            floors, lost = (np.array([pair[which][metric] for pair in pairs]) for which in (0, 1))
            seen = np.mean(sign * lost > np.quantile(sign * floors, 0.95))
            numbers = {"floor": floors.mean(), "error": floors.std(ddof=1), "lost": lost.mean(), "seen": seen}
            rows[-1][metric] = {name: float(number) for name, number in numbers.items()}
        print(as_line(rows[-1]), flush=True)
    return rows


def as_line(row):
    """Returns a row as text."""
    cells = [f"{m} {row[m]['floor']:.3g}/{row[m]['lost']:.3g} {100 * row[m]['seen']:.0f} %" for m in WORSE]
    return f"{row['data']} {row['features']} n={row['n']} ({row['multiple']} widths): " + ", ".join(cells)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=20, help="of each number of images (default: %(default)s)")
    records.add_options(parser, "few-images")
    options = parser.parse_args()
    sets = [("digits", "classifier", "train"), ("digits", "pixels", "train"), ("mnist", "classifier", "test")]
    rows = [row for each in sets for row in measure(*each, options.draws)]
    records.write(options, {"command": f"python benchmarks/few_images.py --draws {options.draws}", "rows": rows})


if __name__ == "__main__":
    main()
