"""Sample quality against published tables: `python benchmarks/quality.py ring`.

Trains each row of a table once for each seed (of data, weights and latents alike), every run in a process of its own,
and prints the paper's rows next to ours, as mean and standard error. The same command gives the same table. Figures are
computed after every epoch and saved with the rest as JSON in a new file, `--out`: the curve shows the convergence.

- `ring`, `grid`: the protocol of PacGAN (Lin et al., 2017, arXiv:1712.04086, table 1; 10 trials): after training, 2,500
  samples; high quality = within 3 sigma of the nearest mode; a mode is found if it has one such sample; reverse KL
  between the frequencies of the found modes and uniform. Deviations: our networks, batch and number of steps are the
  recipe's (PacGAN trained 4x400 ReLU generators with batch norm against 3x200 maxout discriminators for about 400,000
  steps of batch 100).
- `mnist`: the recipe against that of kerasgan 0.2 and a plain DCGAN of the same networks as in 0.2, after the same
  180,000 images; a second classifier says of how many samples it is sure.
- `photos`: the recipe for photos of kerasgan 0.2 against the same plain DCGAN, at 32x32 pixels and half the width, on
  your own folder.
- `cifar10`, `cifar10-conditional`: the recipe for photos against other ways to train, on your own folder (that of
  CIFAR-10 gives the published table), with points of the curve at every 50,000 images and their seconds of `fit`. With
  `--rates` the rows take turns to say how many images a second they make on idle cores; `quality_points.py` reads the
  curves by images and, with these rates, by minutes.
- `orders-mnist`, `orders-digits`, `orders-ring`, `orders-bell`: a recipe (of MNIST that of 0.2) with the three update
  rules, after the same images, with the seconds of `fit` of each; those of MNIST after 180,000.
- `stacked-mnist`: 128,000 stacked images, 26,000 samples, as VEEGAN (Srivastava et al., 2017, arXiv:1705.07761) has it;
  a MNIST classifier names the mode. Deviations: the recipe's networks, and its number of epochs, of which the hour of a
  CPU is the measure; `--epochs 50` is VEEGAN's. The published rows are those that PacGAN and VEEGAN report.
"""

import argparse
import concurrent.futures
import dataclasses
import functools
import json
import multiprocessing
import os
import pathlib
import time

import numpy as np
import records
import tables


def run(name, row, seed, epochs, threads, folder, pictures=None, precision=None):
    """Trains one row of a table, and returns the figures of its samples after each epoch, and the seconds of `fit`."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    if threads == 1:
        tf.config.threading.set_inter_op_parallelism_threads(1)
    table = tables.TABLES[name]
    gan, recipe, batches = _built(table, row, seed, epochs, folder, precision)
    compute = functools.partial(table.figures, folder) if table.needs_folder else table.figures
    curve, spent = [], [0.0]
    start = time.perf_counter()

    def evaluate(epoch, logs):
        now = time.perf_counter()
        figures = compute(gan, seed)
        images = int(gan.g_optimizer.iterations.numpy()) * recipe.batch_size
        curve.append({"images": images, "seconds": now - start - spent[0], **figures})
        spent[0] += time.perf_counter() - now
        print(json.dumps({"row": row, "seed": seed, **curve[-1]}), flush=True)

    gan.fit(
        batches.repeat(recipe.passes_per_epoch),
        epochs=recipe.epochs,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=evaluate)],
    )
    if pictures:
        draw(gan, pathlib.Path(pictures) / f"{name}-{row.strip('*').replace(' ', '-')}-{seed}.png")
    return {"row": row, "seed": seed, **curve[-1], "curve": curve}


def draw(gan, path, columns=12):
    """Draws samples of a GAN, not selected: with classes, the same latents in each of at most ten."""
    from kerasgan import pictures

    images = gan.generate(columns**2, seed=0) if gan.num_classes is None else gan.class_grid(columns, most=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.save_png(path, pictures.tile(images, columns=columns))


def _built(table, row, seed, epochs, folder, precision=None):
    """Returns the compiled GAN of a row, its recipe, and its batches."""
    from kerasgan import datasets
    from kerasgan.runs import recipes

    fields = dict(table.rows[row]) | ({"precision": precision} if precision else {})
    build = fields.pop("build", recipes.build)
    recipe = dataclasses.replace(recipes.get(table.recipe), **fields)
    recipe = dataclasses.replace(recipe, epochs=epochs or table.epochs or recipe.epochs, source=folder or recipe.source)
    options = {"image_size": recipe.image_size, "labels": recipe.conditional, "flip": recipe.flip, "seed": seed}
    batches, info = datasets.load(recipe.source, recipe.batch_size, **options)
    return build(recipe, info, seed), recipe, batches


def rate(name, row, images, folder, precision=None):
    """Returns the images a second of one row, over so many images after as many that are not timed, on all cores."""
    gan, recipe, batches = _built(tables.TABLES[name], row, 0, None, folder, precision)
    # Whole calls of several steps: a last shorter one would be compiled for itself.
    steps = images // recipe.batch_size // gan.steps_per_execution * gan.steps_per_execution
    gan.fit(batches.take(steps), verbose=0)
    start = time.perf_counter()
    gan.fit(batches.take(steps), verbose=0)
    return steps * recipe.batch_size / (time.perf_counter() - start)


def measure_rates(options, table):
    """Prints and writes the images a second of all rows, which take turns, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    found = {row: [] for row in table.rows}
    with concurrent.futures.ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        for _ in range(options.rounds):
            for row in table.rows:
                given = options.name, row, options.rates, options.folder, options.precision
                found[row].append(pool.submit(rate, *given).result())
                print(f"{row}: {found[row][-1]:.0f} images a second", flush=True)
    options.results_name += f"-rates-{options.name}"
    command = f"python benchmarks/quality.py {options.name} --rates {options.rates} --rounds {options.rounds}"
    command += f" --precision {options.precision}" if options.precision else ""
    records.write(options, {"command": command + (" --folder PHOTOS" if options.folder else ""), "rates": found})


def prepare(name, folder):
    """Trains the classifier once, on one core, before all runs share it."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    if tables.TABLES[name].figures in (tables.digits, tables.clear_digits, tables.stacked_modes):
        tables._mnist_classifier()
    elif tables.TABLES[name].figures is tables.small_digits:
        tables._small_digits()
    elif tables.TABLES[name].needs_folder:
        tables._photos_classifier(folder)


def mean_and_error(values):
    """Mean and standard error; None for the error of a single value."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def as_markdown(name, rows):
    """The published rows and ours as a table; `rows` maps each label to its cells, as `tables.Table.published` does."""
    columns = tables.TABLES[name].columns
    headings = [heading for heading, _ in columns.values()]
    lines = [f"| {name} | {' | '.join(headings)} |", "|---" * (len(headings) + 1) + "|"]
    for label, cells in rows.items():
        formats = [form for _, form in columns.values()]
        lines.append(f"| {label} | {' | '.join(map(_cell, cells, formats))} |")
    return "\n".join(lines)


def _cell(figure, form):
    mean, error = figure if isinstance(figure, tuple) else (figure, None)
    if mean is None:
        return ""
    return f"{mean:{form}}" + ("" if error is None else f"±{error:{form}}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(tables.TABLES))
    parser.add_argument("--seeds", type=int, help="how many: 0, 1, ... (default: the table's)")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of these seeds (default: 0)")
    parser.add_argument("--rows", nargs="+", help="only these rows of ours (default: all)")
    parser.add_argument("--epochs", type=int, help="of each run (default: the table's)")
    parser.add_argument("--folder", help="for `photos`: the folder, with a sub-folder for each class")
    parser.add_argument("--pictures", metavar="FOLDER", help="for a grid of each run's last samples, as PNG")
    parser.add_argument("--processes", type=int, help="runs at a time (default: as the cores allow)")
    parser.add_argument("--threads", type=int, help="of each run (default: the table's); changes the seconds alone")
    parser.add_argument("--precision", choices=["float32", "mixed_bfloat16"], help="of all rows (default: the row's)")
    parser.add_argument("--rates", type=int, metavar="IMAGES", help="only images a second of `fit`, over so many")
    parser.add_argument("--rounds", type=int, default=3, help="in which the rows take turns, with --rates")
    records.add_options(parser, "quality")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    table = tables.TABLES[options.name]
    if unknown := set(options.rows or ()) - set(table.rows):
        parser.error(f"--rows takes rows of the table: {', '.join(table.rows)}. Received: {', '.join(unknown)}")
    if options.rows:
        table = dataclasses.replace(table, rows={row: table.rows[row] for row in options.rows})
    if table.needs_folder != bool(options.folder):
        parser.error(f"--folder goes with the table of photos. Received: {options.name} with folder={options.folder!r}")
    if options.rates:
        measure_rates(options, table)
        return
    seeds = options.seeds or table.seeds
    threads = options.threads or table.threads
    processes = options.processes or max(1, os.cpu_count() // threads)
    work = [
        (options.name, row, seed, options.epochs, threads, options.folder, options.pictures, options.precision)
        for row in table.rows
        for seed in range(options.first_seed, options.first_seed + seeds)
    ]
    context = multiprocessing.get_context("spawn")
    # A fresh process for each run: TensorFlow keeps the thread settings and caches of the one before.
    with concurrent.futures.ProcessPoolExecutor(processes, context, max_tasks_per_child=1) as pool:
        pool.submit(prepare, options.name, options.folder).result()
        runs = list(pool.map(run, *zip(*work, strict=True)))
    ours = {
        row: [mean_and_error([run[figure] for run in runs if run["row"] == row]) for figure in table.columns]
        for row in table.rows
    }
    facts = _facts(options, seeds)
    seconds = [run["seconds"] for run in runs]
    print(f"\n{as_markdown(options.name, table.published | ours)}\n")
    print(f"{facts['command']}, commit {facts['commit'][:10]}; {min(seconds):.0f} to {max(seconds):.0f} s of fit a run")
    for row in table.rows:
        spent = [run["seconds"] for run in runs if run["row"] == row]
        print(f"{row}: median {np.median(spent):.0f} s ({min(spent):.0f} to {max(spent):.0f})")
    kept = facts | {"rows": ours, "runs": runs}
    options.results_name += f"-{options.name}" + (f"-{options.epochs}" if options.epochs else "")
    records.write(options, kept)


def _facts(options, seeds):
    command = f"python benchmarks/quality.py {options.name} --seeds {seeds}"
    command += f" --first-seed {options.first_seed}" if options.first_seed else ""
    command += f" --epochs {options.epochs}" if options.epochs else ""
    command += f" --rows {' '.join(options.rows)}" if options.rows else ""
    command += f" --threads {options.threads}" if options.threads else ""
    command += f" --precision {options.precision}" if options.precision else ""
    command += " --folder PHOTOS" if options.folder else ""
    return {"command": command} | records.facts()


if __name__ == "__main__":
    main()
