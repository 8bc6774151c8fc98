"""Sample quality against published tables: `python benchmarks/quality.py ring`.

Trains the recipe of that name once for each seed (of data, weights and latents alike), each run in a process of its own
on one core, and prints the paper's rows beside ours, as mean and standard error. The same command gives the same table.
The result is kept as JSON in `benchmarks/results/`.

Protocol (Lin et al., 2017, PacGAN, arXiv:1712.04086, table 1; 10 trials): after training, 2,500 samples; high quality =
within 3 sigma of the nearest mode; a mode is found if it has one such sample; reverse KL between the frequencies of the
found modes and uniform. Deviations: our networks, batch and number of steps are the recipe's (PacGAN trained 4x400 ReLU
generators with batch norm against 3x200 maxout discriminators for about 400,000 steps of batch 100).
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import os
import pathlib
import subprocess
import time

SAMPLES = 2500
PUBLISHED = {  # modes, high quality in %, reverse KL: (mean, standard error)
    "ring": {
        "GAN": [(6.3, 0.5), (98.2, 0.2), (0.45, 0.09)],
        "ALI": [(6.6, 0.3), (97.6, 0.4), (0.36, 0.04)],
        "PacGAN4": [(7.8, 0.1), (95.9, 1.4), (0.07, 0.02)],
    },
    "grid": {
        "GAN": [(17.3, 0.8), (94.8, 0.7), (0.70, 0.07)],
        "ALI": [(24.1, 0.4), (95.7, 0.6), (0.14, 0.03)],
        "PacGAN4": [(24.8, 0.2), (93.6, 0.6), (0.04, 0.01)],
    },
}


def run(name, seed):
    """Trains a recipe on one core, and returns what its samples are worth and the seconds of `fit`."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from kerasgan import datasets, metrics, recipes

    recipe = recipes.get(name)
    keras.utils.set_random_seed(seed)
    dataset, info = datasets.load(recipe.source, recipe.batch_size, seed=seed)
    gan = recipes.build(recipe, info, seed)
    start = time.perf_counter()
    gan.fit(dataset.repeat(recipe.passes_per_epoch), epochs=recipe.epochs, verbose=0)
    seconds = time.perf_counter() - start
    centres, sigma = {
        "ring": (datasets.ring_centres(), datasets.RING_SIGMA),
        "grid": (datasets.grid_centres(), datasets.GRID_SIGMA),
    }[name]
    found = metrics.mode_coverage(gan.generate(SAMPLES, seed=seed), centres, sigma)
    result = {"seed": seed, "modes": found.modes, "high_quality": found.high_quality, "reverse_kl": found.reverse_kl}
    return result | {"seconds": seconds, "steps": int(gan.g_optimizer.iterations.numpy())}


def summary(runs):
    """The table's row: mean and standard error of modes, high quality in % and reverse KL."""
    import numpy as np

    columns = [[run["modes"] for run in runs], [100 * run["high_quality"] for run in runs]]
    columns.append([run["reverse_kl"] for run in runs])
    return [(float(np.mean(each)), float(np.std(each, ddof=1) / np.sqrt(len(each)))) for each in columns]


def table(name, runs):
    """The published rows and ours, as Markdown."""
    rows = PUBLISHED[name] | {"**kerasgan**": summary(runs)}
    lines = [f"| {name}, {len(runs)} seeds | modes | high quality % | reverse KL |", "|---|---|---|---|"]
    for label, (modes, quality, divergence) in rows.items():
        cells = f"{modes[0]:.1f}±{modes[1]:.1f} | {quality[0]:.1f}±{quality[1]:.1f}"
        lines.append(f"| {label} | {cells} | {divergence[0]:.4g}±{divergence[1]:.2g} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(PUBLISHED))
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0, 1, ... (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="runs at a time (default: the cores)")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    context = multiprocessing.get_context("spawn")
    # A fresh process for each run: TensorFlow keeps the thread settings and caches of the one before.
    with concurrent.futures.ProcessPoolExecutor(options.processes, context, max_tasks_per_child=1) as pool:
        runs = []
        for result in pool.map(run, [options.name] * options.seeds, range(options.seeds)):
            print(json.dumps(result), flush=True)
            runs.append(result)
    print(f"\n{table(options.name, runs)}\n")
    folder = pathlib.Path(__file__).parent
    commit = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    command = f"python benchmarks/quality.py {options.name} --seeds {options.seeds} --processes {options.processes}"
    kept = {"command": command, "commit": commit, "runs": runs, "row": summary(runs)}
    (folder / "results" / f"quality-{options.name}.json").write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
