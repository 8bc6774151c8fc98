"""Image-to-image translation beside other libraries: `python benchmarks/translation.py color edges enlarge unpaired`.

Every task has a known truth, so that the error is a number:

- `color`: CIFAR-10 photos, gray to color; `enlarge`: 8x8 to 32x32 pixels (a folder of photos, `--folder`);
- `edges`: edges of MNIST digits to digits;
- `unpaired`: domain A the digits of one half of MNIST, domain B those of the other half as outlines, inverted and
  tinted. The rule is known, the networks see no pair.

Figures on test images that no row was trained on: `error`, the mean absolute difference to the truth on [-1, 1]; for
`unpaired` of translations to both domains; `frechet`, the Frechet distance of translations and true images, on the
features of kerasgan's classifier of the data.

Rows, all with as many images in batches of the same size, and Adam with beta_1=0.5:

- `pytorch`: the networks, losses, pool, order of updates and learning rates of junyanz/pytorch-CycleGAN-and-pix2pix
  (2e-4, which falls to 0 in the second half), written anew from their description (`translation_peers.py`);
- `keras.io`: the same networks as kerasgan's, with the losses and tapes of the published pages (no pool, and of each
  cycle only the second generator's gradient), at the same rates as the PyTorch row;
- `kerasgan`: `networks.pix2pix` with the generator of the PyTorch row (batch norm, down to one pixel), or a `CycleGAN`,
  and what was good on seeds 100 to 102: a cosine decay from a higher rate, for pairs the relativistic objective and
  both networks updated from one pass, for two domains a cycle of 2 with an identity of 2.5, beta_2=0.99, and a rate
  that rises in the first tenth of the steps (without that, one seed of three was lost);
- `kerasgan bfloat16`: the same under the policy `mixed_bfloat16`.

Each run is a process of its own. `images_per_second` are those of the steps alone, without the first. With `--rates` no
figures are computed and the rows are timed in turns: run nothing else meanwhile.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import records

TASKS = ("color", "enlarge", "edges", "unpaired")
ROWS = ("kerasgan", "kerasgan bfloat16", "pytorch", "keras.io")
SIZE, TEST = 32, 2000
WIDTH = {"color": 32, "enlarge": 32, "edges": 32, "unpaired": 16}
BATCH = {"color": 16, "enlarge": 16, "edges": 16, "unpaired": 4}
RATES = {"color": (2e-4, 6e-4), "enlarge": (2e-4, 6e-4), "edges": (2e-4, 6e-4), "unpaired": (3e-3, 3e-3)}
"""Learning rates of discriminator and generator in the kerasgan row."""
BLOCKS = 4
TINT = np.array([1.0, 0.2, -0.6], "float32")
"""The paper of domain B, in [-1, 1]; its lines are black."""
HERE = pathlib.Path(__file__).resolve().parent


# Data


def outlined(images):
    """The rule from domain A to domain B: float (n, height, width, 3), white on black, to black outlines on tinted."""
    from scipy import ndimage

    gray = images[..., 0]
    lines = ndimage.grey_dilation(gray, (1, 3, 3)) - ndimage.grey_erosion(gray, (1, 2, 2))  # in [0, 2]
    share = np.clip(lines / 2, 0, 1)[..., None]
    return ((1 - share) * TINT - share).astype("float32")


def digits(split):
    """MNIST as float (n, 32, 32, 1) in [-1, 1], and the labels."""
    from kerasgan import datasets

    images, labels, _ = datasets.load_arrays("mnist", split=split)
    return np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=-1.0), labels


def edges(images):
    """Thin white edges on black, float (n, height, width, 1) in [-1, 1]."""
    from scipy import ndimage

    # One image after the other: the filter would also smooth along the axis of the images.
    slopes = np.stack([np.hypot(ndimage.sobel(image, 0), ndimage.sobel(image, 1)) for image in images[..., 0]])
    return np.where(slopes > 3.0, 1.0, -1.0).astype("float32")[..., None]


def data(task, folder):
    """Returns a dict of float32 arrays: `inputs` and `targets` to train on, `test_inputs` and `test_targets`."""
    from kerasgan import datasets

    if task in ("color", "enlarge"):
        photos = datasets.load_arrays(folder, image_size=SIZE)[0]
        photos = photos[np.random.default_rng(0).permutation(len(photos))]
        if task == "color":
            inputs = photos @ np.array([0.299, 0.587, 0.114], "float32")[:, None]
        else:
            small = photos.reshape(-1, 8, 4, 8, 4, 3).mean(axis=(2, 4))
            inputs = small.repeat(4, axis=1).repeat(4, axis=2)
        return _split(inputs, photos)
    images, _ = digits("train")
    if task == "edges":
        return _split(edges(images), images)
    images = images.repeat(3, axis=-1)
    half = (len(images) - TEST) // 2
    test = images[2 * half :]
    return {
        "inputs": images[:half],
        "targets": outlined(images[half : 2 * half]),
        "test_inputs": test,
        "test_targets": outlined(test),
    }


def _split(inputs, targets):
    parts = {"inputs": inputs[:-TEST], "targets": targets[:-TEST]}
    return parts | {"test_inputs": inputs[-TEST:], "test_targets": targets[-TEST:]}


# Rows


def train_kerasgan(task, arrays, images, seed, policy="float32"):
    """Trains with `fit`; returns a function that translates to domain b or a, and the images a second."""
    import keras

    import kerasgan

    keras.mixed_precision.set_global_policy(policy)
    keras.utils.set_random_seed(seed)
    batch, steps = BATCH[task], images // BATCH[task]
    gan = keras_networks(task, arrays, seed)[0]
    rising, beta_2 = (steps // 10, 0.99) if task == "unpaired" else (0, 0.999)
    optimizers = [
        keras.optimizers.Adam(decaying(rate, steps, rising), beta_1=0.5, beta_2=beta_2, name=name)
        for rate, name in zip(RATES[task], ("d_adam", "g_adam"), strict=True)
    ]
    if task == "unpaired":
        gan.compile(*optimizers, cycle=2.0, identity=2.5)
        a, b = arrays["inputs"], arrays["targets"]
    else:
        distance = kerasgan.reconstruction.L1(100.0)
        gan.compile(*optimizers, "relativistic", updates="simultaneous", reconstruction=distance)
        a, b = arrays["targets"], arrays["inputs"]
    rows = order(len(a), images, seed)
    first = 4 * batch
    load = kerasgan.datasets.load_unpaired if task == "unpaired" else kerasgan.datasets.load_pairs
    given = (a, b) if task == "unpaired" else (b, a)
    parts = rows[:first], rows[first:]
    warm_up, rest = (load(*(each[part] for each in given), batch, shuffle=False)[0] for part in parts)
    gan.fit(warm_up, verbose=0)
    start = time.perf_counter()
    gan.fit(rest, verbose=0)
    return gan.translate, (images - first) / (time.perf_counter() - start)


def decaying(rate, steps, rising):
    """Adam's rate: a cosine down to a fiftieth, after as many steps as given in which it rises from a twentieth."""
    import keras

    if not rising:
        return keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.02)
    rise = {"warmup_target": rate, "warmup_steps": rising}
    return keras.optimizers.schedules.CosineDecay(rate / 20, steps - rising, alpha=0.02, **rise)


def train_keras_io(task, arrays, images, seed):
    """Trains the same networks with the published training steps; returns the same."""
    import keras
    import translation_peers

    keras.utils.set_random_seed(seed)
    networks = keras_networks(task, arrays, seed)[1]
    steps = images // BATCH[task]
    peer = translation_peers.KerasPages(networks, lambda: keras.optimizers.Adam(falling(steps), beta_1=0.5))
    rows = order(len(arrays["inputs"]), images, seed)
    speed = translation_peers.run(peer.step, arrays, rows, BATCH[task])
    return peer.translate, speed


def keras_networks(task, arrays, seed):
    """Returns the GAN, and its networks as a tuple."""
    import kerasgan

    size = (SIZE, SIZE)
    if task == "unpaired":
        options = {"width": WIDTH[task], "blocks": BLOCKS}
        generators = [kerasgan.networks.translator((*size, 3), **options) for _ in "ab"]
        discriminators = [kerasgan.networks.patchgan((*size, 3), width=WIDTH[task]) for _ in "ab"]
        networks = (*generators, *discriminators)
        return kerasgan.CycleGAN(*networks, image_size=size, seed=seed), networks
    condition = kerasgan.conditions.Image((*size, arrays["inputs"].shape[-1]))
    shape = (*size, arrays["targets"].shape[-1])
    options = {"width": WIDTH[task], "depth": 5, "norm": "batch", "dropout": 0.0}
    networks = kerasgan.networks.pix2pix(shape, condition=condition, latent_dim=0, **options)
    return kerasgan.GAN(*networks, latent_dim=0, condition=condition, seed=seed), networks


def falling(steps):
    """Adam's rate: constant for half of the steps, then falling evenly to 0."""
    import keras

    half = max(steps // 2, 1)

    class Halves(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            share = (keras.ops.cast(step, "float32") - half) / half
            return 2e-4 * (1.0 - keras.ops.clip(share, 0.0, 1.0))

        def get_config(self):
            return {}

    return Halves()


def order(count, images, seed):
    """Returns the rows of the training images, in the order of their use: the same for every row of the table."""
    random = np.random.default_rng(seed)
    passes = -(-images // count)
    return np.concatenate([random.permutation(count) for _ in range(passes)])[:images]


def train_pytorch(task, arrays, images, seed, python, threads):
    """Trains in a process of its own, in which there is no TensorFlow; returns the translations."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = pathlib.Path(folder) / "data.npz", pathlib.Path(folder) / "made.npz"
        np.savez(given, rows=order(len(arrays["inputs"]), images, seed), **arrays)
        options = [task, given, made, WIDTH[task], BATCH[task], BLOCKS, seed, threads]
        subprocess.run([python, str(HERE / "translation_peers.py"), *map(str, options)], check=True)
        found = dict(np.load(made))
    return found, float(found.pop("images_per_second"))


# Figures


def figures(task, made, arrays, folder):
    """Returns the error and the Frechet distance of translations, a dict of arrays `b` and, unpaired, `a`."""
    from kerasgan import features, metrics

    truth = {"b": arrays["test_targets"], "a": arrays["test_inputs"]}
    errors = [float(np.mean(np.abs(made[to] - truth[to]))) for to in made]
    if task in ("color", "enlarge"):
        classifier = features.classifier(folder, image_size=SIZE)
        pairs = [(made["b"], truth["b"])]
    else:
        classifier = features.classifier("mnist")
        to = "b" if task == "edges" else "a"  # the classifier reads white digits on black
        pairs = [tuple(each[:, 2:30, 2:30].mean(axis=-1, keepdims=True) for each in (made[to], truth[to]))]
    distances = [metrics.frechet_distance(classifier(real).features, classifier(fake).features) for fake, real in pairs]
    return {"error": float(np.mean(errors)), "frechet": float(np.mean(distances))}


def run(task, row, seed, options):
    """Trains one row, and returns its record."""
    arrays = data(task, options.folder)
    if row == "pytorch":
        made, speed = train_pytorch(task, arrays, options.images, seed, options.pytorch, options.threads)
    else:
        if row == "keras.io":
            translate, speed = train_keras_io(task, arrays, options.images, seed)
        else:
            policy = "mixed_bfloat16" if row == "kerasgan bfloat16" else "float32"
            translate, speed = train_kerasgan(task, arrays, options.images, seed, policy)
        made = {"b": translate(arrays["test_inputs"])} if not options.rates else {}
        if task == "unpaired" and not options.rates:
            made["a"] = translate(arrays["test_targets"], to="a")
    record = {"task": task, "row": row, "seed": seed, "images": options.images, "images_per_second": speed}
    if options.rates:
        return record
    if options.pictures:
        folder = pathlib.Path(options.pictures)
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / f"{task}-{row}-{seed}.npz", **{name: values[:64] for name, values in made.items()})
    return record | figures(task, made, arrays, options.folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", choices=[*TASKS, []], default=list(TASKS))
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, ...")
    parser.add_argument("--images", type=int, default=20_000, help="images (of each domain) that a row is trained on")
    parser.add_argument("--folder", help="photos, for color and enlarge: a folder, with a sub-folder for each class")
    parser.add_argument("--pytorch", default=sys.executable, help="the Python that has PyTorch (default: this one)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each run")
    parser.add_argument("--rates", action="store_true", help="only images a second")
    parser.add_argument("--pictures", help="a folder for some translations, as arrays")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    records.add_options(parser, "translation")
    options = parser.parse_args()
    if not options.folder and {"color", "enlarge"} & set(options.tasks):
        parser.error("color and enlarge need --folder PHOTOS")
    if options.one:
        task, row, seed = options.one.split(":")
        import tensorflow as tf

        if options.threads != os.cpu_count():  # else as a user finds it: one pool inside of an operation, one beside
            tf.config.threading.set_intra_op_parallelism_threads(options.threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        print("\n" + json.dumps(run(task, row, int(seed), options)), flush=True)
        return
    found = []
    for task in options.tasks:
        for seed in range(options.seeds):
            for row in options.rows:
                command = [sys.executable, *sys.argv, "--one", f"{task}:{row}:{seed}", "--no-results"]
                environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
                found.append(json.loads(done.stdout.splitlines()[-1]))
                print(json.dumps(found[-1]), flush=True)
    print(f"\n{as_markdown(found)}\n")
    command = " ".join(["python benchmarks/translation.py", *options.tasks])
    records.write(options, {"command": f"{command} --images {options.images}"} | records.facts() | {"runs": found})


def as_markdown(found):
    """The means over seeds with their standard errors, a table for each task."""
    names = [name for name in ("error", "frechet", "images_per_second") if name in found[0]]
    lines = [f"| task | row | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for task, row in dict.fromkeys((each["task"], each["row"]) for each in found):
        cells = []
        for name in names:
            values = [each[name] for each in found if (each["task"], each["row"]) == (task, row)]
            error = f"±{np.std(values, ddof=1) / np.sqrt(len(values)):.2g}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.4g}{error}")
        lines.append(f"| {task} | {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
