"""Does a long run keep its speed and memory? `python benchmarks/long_run.py`.

20,000 steps of a small GAN on the digits, with every callback of a long run: grids and a walk after every epoch of 500
steps, metrics after every second epoch, checkpoints (the last three and the best), the guard, TensorBoard. After each
epoch the resident memory, threads, open files and images per second are read from `/proc` (Linux); the first three
epochs, in which TensorFlow warms up, are left out of the comparison. All results are saved as JSON in
a new file: `--out`.
"""

import argparse
import json
import os
import pathlib
import statistics
import tempfile
import time

import records

WARM_UP = 3
STEPS, BATCH = 500, 64


def measured():
    """Returns the resident memory in MiB, the threads and the open files of this process."""
    status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
    files = [link for link in pathlib.Path("/proc/self/fd").iterdir() if link.exists() or link.is_symlink()]
    return {
        "resident_mib": int(status["VmRSS"].split()[0]) / 1024,
        "threads": int(status["Threads"]),
        "open_files": len(files),
    }


def run(epochs, folder):
    """Trains, and returns the measurements after each epoch."""
    import keras

    import kerasgan
    from kerasgan import callbacks

    batches, info = kerasgan.datasets.load("digits", BATCH, seed=0)
    held_out, _, _ = kerasgan.datasets.load_arrays("digits", n=500)
    keras.utils.set_random_seed(0)
    networks = kerasgan.networks.mlp(info.image_shape, latent_dim=16, width=64)
    gan = kerasgan.GAN(*networks, latent_dim=16, ema=kerasgan.ema.EMA(10_000), seed=0)
    gan.compile(penalties=("r1", "r2"), updates="one_stage")
    readings, started = [], []

    def read(epoch, logs):
        seconds = time.perf_counter() - started.pop()
        readings.append({"epoch": epoch, "images_a_second": STEPS * BATCH / seconds, **measured()})
        print(json.dumps(readings[-1]), flush=True)

    watch = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: started.append(time.perf_counter()), on_epoch_end=read
    )
    everything = [
        callbacks.Guard(log_dir=folder),
        callbacks.Evaluate(held_out, "pixels", log_dir=folder, every_epochs=2),
        callbacks.TensorBoard(folder, write_graph=False),
        callbacks.ImageGrid(folder),
        callbacks.LatentWalk(folder),
        watch,
        callbacks.Checkpoint(pathlib.Path(folder) / "checkpoints", monitor="val_fid"),
    ]
    gan.fit(batches.with_epochs_of(STEPS), epochs=epochs, verbose=0, callbacks=everything)
    return readings


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40, help=f"of {STEPS} steps (default: %(default)s)")
    records.add_options(parser, "long-run")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with tempfile.TemporaryDirectory() as folder:
        readings = run(options.epochs, folder)
    # Two epochs each: metrics are computed in every second one.
    first, last = readings[WARM_UP : WARM_UP + 2], readings[-2:]
    print(f"\n| means of two | epochs {WARM_UP + 1} and {WARM_UP + 2} | the last two |\n|---|---|---|")
    for name in list(readings[0])[1:]:
        means = [statistics.mean(each[name] for each in part) for part in (first, last)]
        print(f"| {name.replace('_', ' ')} | {means[0]:.0f} | {means[1]:.0f} |")
    command = f"python benchmarks/long_run.py --epochs {options.epochs}"
    records.write(options, {"command": command, "readings": readings})


if __name__ == "__main__":
    main()
