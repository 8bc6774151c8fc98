"""Anomaly detection against PyOD's AnoGAN: `python benchmarks/anomaly.py`.

Train on nine digits of MNIST, find the tenth: for each digit that is left out, both detectors are trained on the same
images of the other nine, and score the same test images, half of them of the tenth digit. Prints the area under the ROC
curve and the seconds, of the wall and of the processor, of training and of scoring, and writes JSON to a new file:
`--out`.

PyOD's AnoGAN has the networks of its defaults. Its 500 epochs, and 20 steps in the search of each training image, one
at a time, take long: `--epochs` and `--epochs-query` bound them, and the seconds of the defaults are extrapolated, step
by step. It searches the latents of the images it is trained on, but not those of test images: `decision_function`
compares each with one and the same sample. So another column has its trained generator with a search of our own for
each test image: 500 steps of Adam on its own loss. PyOD and PyTorch are imported in a
process of their own, by `--pyod-python`, and may be in another environment.
"""

import argparse
import dataclasses
import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import records
import tables

WIDTH, STEPS = 16, 800
"""Channels of kerasgan's DCGAN next to the image, and training steps; the rest is the recipe of MNIST."""

SEARCH_STEPS, QUERIES = 500, 100
"""Steps of our search; training images from which the time of PyOD's own is taken."""


@functools.cache
def mnist():
    """Returns the images and labels of both splits, in an order of their own."""
    import kerasgan

    options = {"n": 60_000, "seed": 0}
    return [kerasgan.datasets.load_arrays("mnist", split=split, **options)[:2] for split in ("train", "test")]


def data(digit, count, test_count):
    """Returns the images of nine digits, held-out ones, test images, and which of these are of the tenth digit."""
    (images, labels), (test, test_labels) = mnist()
    normal = images[labels != digit][: count + test_count]
    half = test_count // 2
    test = np.concatenate([test[test_labels != digit][:half], test[test_labels == digit][:half]])
    return normal[:count], normal[count:], test, np.repeat([0, 1], half)


class Clock:
    """Seconds of the wall and of the processor since the last look."""

    def __init__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def __call__(self):
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        self.__init__()
        return {"wall": round(wall, 2), "cpu": round(cpu, 2)}


def own(train, held_out, test, is_anomaly, seed, width=WIDTH):
    """Returns the figures of kerasgan's scores."""
    from sklearn.metrics import roc_auc_score

    from kerasgan import datasets
    from kerasgan.runs import recipes

    clock = Clock()
    epochs = max(1, round(STEPS * 32 / len(train)))
    options = tables.MNIST_OF_0_2 | {"network_options": {"width": width}, "epochs": epochs}
    recipe = dataclasses.replace(recipes.get("mnist"), source="", **options)
    batches, info = datasets.load(train, recipe.batch_size, seed=seed)
    gan = recipes.build(recipe, info, seed)
    gan.fit(batches, epochs=epochs, verbose=0)
    seconds = {"train": clock()}
    found = gan.anomaly_scores(test, reference=held_out)
    seconds["score"] = clock()
    unit = gan.anomaly_scores(test, reference=found.reference_scores, features=unit_length).scores
    seconds["score, unit length"] = clock()
    near = gan.invert(test).distances
    seconds["score with 50 gradients"] = clock()
    alarms = found.p_values <= 0.05
    return {
        "auc": roc_auc_score(is_anomaly, found.scores),
        "auc_unit_length": roc_auc_score(is_anomaly, unit),
        "auc_50_gradients": roc_auc_score(is_anomaly, near),
        "false_alarms": float(alarms[is_anomaly == 0].mean()),
        "found": float(alarms[is_anomaly == 1].mean()),
        "seconds": seconds,
        "scored_images": len(test) + len(held_out),
    }


def unit_length(images):
    """Returns images as vectors of ink of length 1: thin digits are not nearer to everything than thick ones."""
    from keras import ops

    ink = ops.reshape(images, (ops.shape(images)[0], -1)) + 1.001
    return ink / ops.norm(ink, axis=1, keepdims=True)


def pyod_in_its_own_process(python, train, test, is_anomaly, seed, epochs, epochs_query):
    """Returns the figures of PyOD's AnoGAN, from a process that may run in another environment."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "data.npz")
        np.savez(file, train=train, test=test, is_anomaly=is_anomaly)
        command = [python, __file__, "--pyod", str(file), "--seed", str(seed), "--epochs", str(epochs)]
        command += ["--epochs-query", str(epochs_query)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def pyod(file, seed, epochs, epochs_query):
    """Prints the figures of PyOD's AnoGAN as JSON, with the seconds that its defaults would have taken."""
    import torch
    from pyod.models.anogan import AnoGAN
    from sklearn.metrics import roc_auc_score

    with np.load(file) as arrays:
        train, test, is_anomaly = (arrays[name] for name in ("train", "test", "is_anomaly"))
    train, test = (each.reshape(len(each), -1) for each in (train, test))
    torch.set_num_threads(1)  # faster than two, for batches of one image
    torch.manual_seed(seed)
    clock = Clock()
    AnoGAN(epochs=0, epochs_query=epochs_query).fit(train[:QUERIES])
    per_query = clock()["cpu"] / QUERIES / epochs_query
    detector = AnoGAN(epochs=epochs, epochs_query=epochs_query).fit(train)
    seconds = {"train": clock()}
    per_epoch = (seconds["train"]["cpu"] - per_query * len(train) * epochs_query) / epochs
    seconds["train with defaults, extrapolated"] = round(500 * per_epoch + 20 * per_query * len(train), 1)
    scores = detector.decision_function(test)
    seconds["score"] = clock()
    searched = searched_scores(detector, torch.from_numpy(test))
    seconds["own search"] = clock()
    figures = {
        "auc": roc_auc_score(is_anomaly, scores),
        "auc_searched": roc_auc_score(is_anomaly, searched),
        "seconds": seconds,
        "epochs": epochs,
        "epochs_query": epochs_query,
    }
    print(json.dumps(figures))


def searched_scores(detector, images):
    """Returns the loss of PyOD's AnoGAN at the latents that Adam finds for each image."""
    import torch

    z = torch.zeros(len(images), detector.latent_dim_G, requires_grad=True)
    adam = torch.optim.Adam([z], lr=0.05)
    with torch.no_grad():
        wanted = detector.discriminator(images)
    for _ in range(SEARCH_STEPS):
        samples = detector.generator(z)
        losses = (images - samples).abs().mean(dim=1) + (wanted - detector.discriminator(samples)).abs().mean(dim=1)
        adam.zero_grad()
        losses.sum().backward()
        adam.step()
    return losses.detach().numpy()


def run(options):
    """Returns the figures of each digit that was left out."""
    figures = {}
    for digit in options.digits:
        train, held_out, test, is_anomaly = data(digit, options.n, options.test)
        found = {"kerasgan": own(train, held_out, test, is_anomaly, options.seed)}
        print(f"digit {digit}: kerasgan {found['kerasgan']}", flush=True)
        if not options.no_pyod:
            arrays = train, test, is_anomaly
            bounds = options.epochs, options.epochs_query
            found["pyod"] = pyod_in_its_own_process(options.pyod_python, *arrays, options.seed, *bounds)
            print(f"digit {digit}: PyOD {found['pyod']}", flush=True)
        figures[digit] = found
    return figures


def table(figures):
    """Returns the figures as a Markdown table."""
    lines = [
        "| digit left out | pixels | unit length | s | PyOD | PyOD, searched | s |",
        "|---|---|---|---|---|---|---|",
    ]
    for digit, found in figures.items():
        own, peer = found["kerasgan"], found.get("pyod")
        cells = [str(digit), f"{own['auc']:.3f}", f"{own['auc_unit_length']:.3f}", f"{total(own):.0f}"]
        cells += (
            ["", "", ""]
            if peer is None
            else [f"{peer['auc']:.3f}", f"{peer['auc_searched']:.3f}", f"{total(peer):.0f}"]
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def total(found):
    """Returns the seconds of the processor for training and scoring."""
    return sum(found["seconds"][part]["cpu"] for part in ("train", "score"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", type=int, nargs="+", default=list(range(10)), help="digits to leave out, in turn")
    parser.add_argument("--n", type=int, default=6000, help="training images of the other nine digits")
    parser.add_argument("--test", type=int, default=1000, help="test images, half of them of the digit left out")
    parser.add_argument("--epochs", type=int, default=500, help="of PyOD's AnoGAN; 500 is its default")
    parser.add_argument("--epochs-query", type=int, default=20, help="of its search; 20 is its default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-pyod", action="store_true", help="kerasgan alone")
    parser.add_argument("--pyod-python", default=sys.executable, help="a Python that has pyod and torch")
    parser.add_argument("--pyod", metavar="FILE", help=argparse.SUPPRESS)
    records.add_options(parser, "anomaly")
    options = parser.parse_args()
    if options.pyod:
        return pyod(options.pyod, options.seed, options.epochs, options.epochs_query)
    figures = run(options)
    print(table(figures))
    settings = {
        "n": options.n,
        "test": options.test,
        "epochs": options.epochs,
        "epochs_query": options.epochs_query,
        "seed": options.seed,
    }
    records.write(options, {"settings": settings | {"width": WIDTH, "steps": STEPS}, "figures": figures})


if __name__ == "__main__":
    main()
