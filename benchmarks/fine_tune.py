"""What a start from another run's weights is worth: `python benchmarks/fine_tune.py --folder PHOTOS`.

A GAN learns 100 photos of one class, twice: from random weights, and from the weights of a GAN that was trained on the
photos of all other classes. Both have the same networks and settings: those of the recipe `photos` of kerasgan 0.2 with
DiffAugment and a constant learning rate, at 16x16 pixels. The figure is the Frechet distance of samples to the
remaining photos of the class, which none has seen, on the features of a classifier of the folder's classes; beside it
stands that of the 100 photos themselves. Prints how many images each needs for the best distance that the start from
random weights reaches, and writes the curves as JSON to a new file, `--out`, as they come.
"""

import argparse
import dataclasses
import os

import numpy as np
import records
import tables

PHOTOS, SIZE, SAMPLES = 100, 16, 1000
SETTINGS = tables.PHOTOS_OF_0_2 | {
    "network_options": {"width": 32},
    "augment": "diffaugment",
    "decay_to": 1.0,
    "learning_rate": 1e-3,
    "latent_dim": 64,
    "steps_per_execution": 15,
    "image_size": SIZE,
}


def load(folder, name):
    """Returns all photos and labels, 100 photos of the class of that name, and the rest of the class."""
    from kerasgan import datasets

    images, labels, info = datasets.load_arrays(folder, image_size=SIZE)
    number = info.class_names.index(name)
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(labels == number))
    return images, labels, number, images[chosen[:PHOTOS]], images[chosen[PHOTOS:]]


def make(images, seed):
    """Returns a compiled GAN, and batches of these images."""
    from kerasgan import datasets
    from kerasgan.runs import recipes

    recipe = dataclasses.replace(recipes.get("photos"), **SETTINGS)
    batches, info = datasets.load(images, recipe.batch_size, seed=seed, flip=True)
    return recipes.build(recipe, info, seed), batches


def curve(gan, batches, lengths, distance):
    """Trains for so many steps at a time, and yields the images so far and the distance after each."""
    steps = 0
    for number, length in enumerate(lengths):
        gan.fit(batches.with_epochs_of(length), epochs=1, verbose=0)
        steps += length
        yield {"images": steps * batches.batch_size, "frechet": distance(gan, number)}


def first_at_most(points, distance):
    """Returns the images after which a curve first has at most a distance, or None."""
    return next((point["images"] for point in points if point["frechet"] <= distance), None)


def measure(options, results):
    """Trains the source, then both starts for each seed."""
    from kerasgan import features, metrics, transfer

    images, labels, number, photos, rest = load(options.folder, options.photos_of)
    classifier = features.classifier((images, labels))
    real = classifier(rest).features
    floor = metrics.frechet_distance(real, classifier(photos).features)
    results.kept |= {"accuracy": classifier.accuracy, "distance_of_the_photos": floor, "settings": SETTINGS}

    def distance(gan, seed):
        return metrics.frechet_distance(real, classifier(gan.generate(SAMPLES, seed=seed)).features)

    source, batches = make(images[labels != number], seed=100)
    (last,) = curve(source, batches, [options.source_steps], distance)
    results.add("source", last)
    print(f"source: {last}; the photos themselves: {floor:.1f}", flush=True)
    tenth = options.steps // 10
    fine = [tenth // 10] * 10
    for seed in range(options.seeds):
        runs = {}
        for name, lengths in (("random weights", [tenth] * 10), ("--from", [*fine, *([tenth] * 4)])):
            gan, batches = make(photos, seed)
            if name == "--from":
                transfer.copy_weights(source, gan)
            runs[name] = [{"images": 0, "frechet": distance(gan, 0)}, *curve(gan, batches, lengths, distance)]
        best = min(runs["random weights"], key=lambda point: point["frechet"])
        needed = first_at_most(runs["--from"], best["frechet"])
        row = {"seed": seed, "best_of_random_weights": best, "images_needed_from": needed}
        results.add("seeds", row | {"curves": runs})
        print(row, "best of --from:", min(point["frechet"] for point in runs["--from"]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", required=True, help="photos, with a sub-folder for each class")
    parser.add_argument("--photos-of", default="horse", help="the class that is learned (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=1500, help="from random weights (default: %(default)s)")
    parser.add_argument("--source-steps", type=int, default=3000, help="of the source (default: %(default)s)")
    records.add_options(parser, "fine-tune")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    results = records.Partial(options)
    results.kept["command"] = f"python benchmarks/fine_tune.py --folder PHOTOS --seeds {options.seeds}"
    measure(options, results)
    print(f"results: {results.path}")


if __name__ == "__main__":
    main()
