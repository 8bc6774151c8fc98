"""All that is to be known of a machine with a GPU, in one call: `KERAS_BACKEND=jax python benchmarks/gpu.py`.

It needs JAX, and no TensorFlow. PyTorch is measured where it is installed. Each row of speed is a process of its own,
whose rows are kept as JSON in a new file, `--out`, as they come: a run that is killed leaves what it has. With
`--minutes` the parts share so many: the training is given what the others leave, and what lasts longer is stopped.

- `kerasgan`: images a second of each update rule in float32 and bfloat16 on a DCGAN, with the seconds that JAX takes to
  trace the step and XLA to compile it; and those of `fit`, with the data in memory.
- `torch`: the step of PyTorch's DCGAN example on the same networks and batch, plain and with `torch.compile`.
- `memory`: peak memory of one-stage steps by batch size: of the device, or on a CPU of the process.
- `train`: the recipe `--recipe` on `--folder`, a folder of photos with a sub-folder for each class, at 32 pixels and
  with labels, for `--train-minutes` of training; at each point of the curve the Frechet distance on the features of a
  classifier, and the share of samples that this classifier takes for the class that was asked for. The last grid and
  the network that draws it stand next to the JSON, as .png and .keras.

A bare machine with Python 3.12, JAX 0.11, NumPy and SciPy lacks 27 MB of packages. Where there is a network:

    pip download --dest wheels --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64
    --platform manylinux_2_27_x86_64 --platform manylinux2014_x86_64 "keras==3.15.*" namex optree h5py absl-py rich
    markdown-it-py mdurl pygments packaging pillow scikit-learn joblib threadpoolctl narwhals typing_extensions

and there `--wheels wheels` unpacks them into a temporary folder and uses them from it.
"""

import argparse
import importlib.util
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import records

AROUND_TRAINING = 2.0
"""Minutes that the training needs besides, for its classifier, the compiler and the figures."""

MARK = "MEASURED "
"""How a line begins by which a part hands over a row."""

PARTS = ("kerasgan", "torch", "memory", "train")
SAME = "alternating on the same samples"
"""As PyTorch's example does it: the discriminator and the generator see the samples of one forward pass."""

RULES = ("alternating", SAME, "simultaneous", "one_stage")
FIT = "one_stage in fit"
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
USUAL = {"rules": (*RULES, FIT), "precisions": tuple(POLICIES), "size": 64, "width": 64, "batch": 128, "steps": 50}
USUAL |= {"compiled": (False, True), "seconds": 2.0, "rounds": 5}
USUAL |= {"points": 20, "samples": 5000, "batches": (64, 256, 1024)}
QUICK = {"rules": ("one_stage", FIT), "precisions": ("float32",), "size": 32, "width": 2, "batch": 4, "steps": 2}
QUICK |= {"compiled": (False,), "seconds": 0.0, "rounds": 2}
QUICK |= {"points": 2, "samples": 20, "batches": (4,)}
QUICK_RECIPE = ["network_options.width=2", "batch_size=4", "steps_per_execution=2"]


def images_of(settings, batch):
    """Returns a batch of noise, which is as fast to learn as anything."""
    import numpy as np

    shape = (batch, settings["size"], settings["size"], 3)
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def make_gan(settings, rule, precision, steps_per_execution=1):
    """Returns a compiled GAN of the pair that is timed."""
    import keras
    import pairs

    import kerasgan

    keras.config.set_dtype_policy(POLICIES[precision])
    networks = pairs.dcgan(settings["size"], 3, settings["width"])
    gan = kerasgan.GAN(*networks, latent_dim=networks[0].input_shape[-1], seed=0)
    rule = kerasgan.updates.Alternating(same_samples=True) if rule == SAME else rule
    gan.compile(updates=rule, steps_per_execution=steps_per_execution)
    keras.config.set_dtype_policy("float32")
    return gan


def compiled_step(gan, images):
    """Returns a training step compiled for a batch, the state that it takes, and the seconds to trace and compile."""
    import jax

    parts = gan.trainable_variables, gan.non_trainable_variables, gan.optimizer.variables, gan.metrics_variables
    state = tuple([jax.numpy.array(each.value) for each in part] for part in parts)
    start = time.perf_counter()
    lowered = jax.jit(gan.train_step, donate_argnums=0).lower(state, (images,))
    traced = time.perf_counter()
    step = lowered.compile()
    return step, state, {"trace_seconds": traced - start, "compile_seconds": time.perf_counter() - traced}


def rate_of(run, settings):
    """Returns the images a second of a function from a number of steps that ends when they are done.

    The steps are doubled until they take `seconds`, by when the device runs at its full clock; then rounds of as many
    are timed, of which the median is the rate.
    """

    def seconds(steps):
        start = time.perf_counter()
        run(steps)
        return time.perf_counter() - start

    steps = settings["steps"]
    run(2)
    while seconds(steps) < settings["seconds"]:
        steps *= 2
    rounds = [settings["batch"] * steps / seconds(steps) for _ in range(settings["rounds"])]
    return {"images_per_second": statistics.median(rounds), "rounds": rounds, "steps": steps}


def measure_machine(settings):
    """Yields the devices and versions."""
    import platform

    import jax
    import keras

    kinds = [device.device_kind for device in jax.devices()]
    versions = {"python": platform.python_version(), "jax": jax.__version__, "keras": keras.__version__}
    yield {"devices": kinds, "platform": jax.devices()[0].platform, "cores": os.cpu_count(), **versions}


def measure_kerasgan(settings):
    """Yields the speed of each update rule, and that of `fit`."""
    import jax

    batch = settings["batch"]
    images = jax.numpy.asarray(images_of(settings, batch))
    for precision in settings["precisions"]:
        for rule in settings["rules"]:
            if rule == FIT:
                yield {"step": rule, "precision": precision, "batch": batch} | _speed_of_fit(settings, precision)
                continue
            step, state, seconds = compiled_step(make_gan(settings, rule, precision), images)

            def run(steps, step=step, state=[state]):  # noqa: B006  the state is kept from call to call
                for _ in range(steps):
                    logs, state[0] = step(state[0], (images,))
                jax.block_until_ready(logs)

            yield {"step": rule, "precision": precision, "batch": batch} | rate_of(run, settings) | seconds


def _speed_of_fit(settings, precision):
    from kerasgan import datasets

    batches, _ = datasets.load(images_of(settings, 2 * settings["batch"]), settings["batch"])
    gan = make_gan(settings, "one_stage", precision, steps_per_execution=2)
    speed = _long_speed(gan, batches, settings)
    return {"images_per_second": speed * settings["batch"]}


def _long_speed(gan, batches, settings):
    """Returns the steps a second of `fit` over `seconds` at least, after as many that are not counted."""
    import settings as settings_benchmark

    calls = gan.steps_per_execution
    speed = settings_benchmark.speed_of_fit(gan, batches, 5 * calls)
    for _ in range(2 if settings["seconds"] else 0):
        steps = calls * max(5, round(settings["seconds"] * speed / calls))
        speed = settings_benchmark.speed_of_fit(gan, batches, steps)
    return speed


def measure_torch(settings):
    """Yields the speed of PyTorch's step, plain and compiled; or why there is none."""
    if importlib.util.find_spec("torch") is None:
        yield {"skipped": "PyTorch is not installed"}
        return
    import pairs
    import peers
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = True  # as XLA does
    torch.backends.cudnn.benchmark = True  # as the example does, and XLA by itself
    generator, discriminator = pairs.dcgan(settings["size"], 3, settings["width"])
    images = images_of(settings, settings["batch"])
    for precision in settings["precisions"]:
        for compiled in settings["compiled"]:
            name = "torch.compile" if compiled else "plain"
            options = {"bfloat16": precision == "bfloat16", "channels_last": True, "device": device}
            row = {"step": f"PyTorch {name}", "precision": precision, "device": device, "batch": settings["batch"]}
            try:
                step = peers.torch_step(generator, discriminator, images, compiled=compiled, **options)
                start = time.perf_counter()
                float(step())
                first = time.perf_counter() - start
                speed = rate_of(lambda steps, step=step: _wait(step, steps), settings)
                yield row | speed | {"first_step_seconds": first, "torch": torch.__version__}
            except Exception as error:  # torch.compile needs a compiler of the machine's own
                yield row | {"error": f"{type(error).__name__}: {str(error)[:300]}"}


def _wait(step, steps):
    for _ in range(steps):
        loss = step()
    float(loss)


def measure_memory(settings):
    """Yields the memory of one-stage steps of one batch size: what XLA plans for a step, and the peaks.

    The peaks hold more than a step needs: the weights that the GAN keeps beside the state of the step, and what XLA
    allocates while it tries out its kernels.
    """
    import resource

    import jax

    batch, (precision,) = settings["batch"], settings["precisions"]
    images = jax.numpy.asarray(images_of(settings, batch))
    step, state, _ = compiled_step(make_gan(settings, "one_stage", precision), images)
    for _ in range(3):
        logs, state = step(state, (images,))
    jax.block_until_ready(logs)
    stats = jax.devices()[0].memory_stats() or {}
    planned = step.memory_analysis()
    parts = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
    mib = (sum(getattr(planned, part) for part in parts) - planned.alias_size_in_bytes) / 2**20
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    peak = {"device_peak_mib": stats["peak_bytes_in_use"] / 2**20} if "peak_bytes_in_use" in stats else {}
    yield {"batch": batch, "precision": precision, "step_mib": mib, "process_peak_mib": resident, **peak}


def measure_train(settings):
    """Yields the plan, then the points of the curve."""
    import dataclasses

    from kerasgan import datasets
    from kerasgan.runs import overrides, recipes

    changes = {"image_size": 32, "conditional": True} | overrides.assignments(settings["set"])
    recipe = overrides.change(recipes.get(settings["recipe"]), changes)
    recipe = dataclasses.replace(recipe, source=settings["folder"])
    split, held_out = recipes.splits(recipe)
    options = {"image_size": recipe.image_size, "split": split, "labels": True, "flip": recipe.flip, "seed": 0}
    batches, info = datasets.load(recipe.source, recipe.batch_size, **options)
    calls = recipe.steps_per_execution
    speed = _long_speed(recipes.build(recipe, info, 0), batches, settings)
    steps = max(1, int(60 * settings["minutes"] * speed))
    recipe = dataclasses.replace(recipe, epochs=max(1, round(steps / len(batches))))
    gan = recipes.build(recipe, info, 0)
    per_point = calls * max(1, -(-steps // (settings["points"] * calls)))
    facts = {"held_out": held_out, "images": info.num_images, "classes": info.num_classes}
    plan = dataclasses.asdict(recipe) | {"source": "PHOTOS"}
    yield {"plan": plan, **facts, "steps_per_second": speed, "steps": steps}
    yield from _curve(gan, batches.with_epochs_of(per_point), settings, recipe, held_out)


def _curve(gan, batches, settings, recipe, held_out):
    """Trains until the minutes are over, and yields the figures after each part of it."""
    from kerasgan import datasets, features, pictures

    if settings["samples"] < USUAL["samples"]:  # the quick form: a classifier that has hardly learned
        importlib.import_module("kerasgan.features.classifier").MIN_IMAGES = 100
    classifier = features.classifier(recipe.source, image_size=recipe.image_size)
    real, _, _ = datasets.load_arrays(
        recipe.source, settings["samples"], image_size=recipe.image_size, split=held_out or "train"
    )
    real, spent, limit = classifier(real).features, 0.0, 60 * settings["minutes"]
    for point in range(2 * settings["points"]):
        start = time.perf_counter()
        gan.fit(batches, initial_epoch=point, epochs=point + 1, verbose=0)
        spent += time.perf_counter() - start
        images = int(gan.g_optimizer.iterations.numpy()) * recipe.batch_size
        facts = {"images": images, "seconds": spent, "accuracy": classifier.accuracy, "real_images": len(real)}
        yield facts | _figures(gan, classifier, real)
        if settings["picture"]:
            gan.sampler.save(pathlib.Path(settings["picture"]).with_suffix(".keras"))
            picture = pictures.tile(gan.class_grid(columns=10, most=20), columns=10)
            pictures.save_png(settings["picture"], picture)
        if (spent + (time.perf_counter() - start) / 2 > limit and spent > 0.98 * limit) or spent >= limit:
            return


def _figures(gan, classifier, real):
    import numpy as np

    from kerasgan import metrics

    labels = np.arange(len(real)) % gan.num_classes
    found = classifier(gan.generate(seed=0, labels=labels))
    seen = float(np.mean(found.probabilities.argmax(axis=1) == labels))
    return {"frechet": metrics.frechet_distance(real, found.features), "class_seen": seen}


MEASURES = {
    "machine": measure_machine,
    "kerasgan": measure_kerasgan,
    "torch": measure_torch,
    "memory": measure_memory,
    "train": measure_train,
}


def run_part(name, settings, results, environment, ends=math.inf):
    """Runs a part in a process of its own, keeps its rows, and returns whether it came to its end.

    Args:
        name, settings: of the part.
        results: to which its rows are added.
        environment: of the process.
        ends: the time, of `time.monotonic`, at which it is killed.
    """
    command = [sys.executable, __file__, "--part", json.dumps([name, settings])]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        timer = threading.Timer(min(ends - time.monotonic(), threading.TIMEOUT_MAX), process.kill)
        timer.daemon = True
        timer.start()
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith(MARK):
                results.add(name, json.loads(line.removeprefix(MARK)))
        process.wait()
        timer.cancel()
    if process.returncode:
        named = {key: settings[key] for key in ("rules", "compiled", "batch", "precisions") if key in settings}
        results.add(name, named | {"error": f"ended with exit code {process.returncode}"})
    return process.returncode == 0


def install(wheels, target):
    """Unpacks the wheels of a folder into another, without a network and without what they depend on."""
    files = sorted(map(str, pathlib.Path(wheels).glob("*.whl")))
    if not files:
        raise SystemExit(f"--wheels takes a folder of .whl files. Received: {wheels}, which has none.")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", target]
    subprocess.run([*command, *files], check=True)


def environment_of(packages):
    """Returns the environment of the parts: JAX as the engine, this checkout, and the packages of `--wheels`."""
    here = pathlib.Path(__file__).resolve().parents[1]
    paths = [str(here), packages, os.environ.get("PYTHONPATH", "")]
    # Each part is a process of its own, and takes what it needs: the peak is then that of the step.
    usual = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} | os.environ
    return usual | {"KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def run_all(options, results, environment):
    """Runs the parts that are asked for, one after another."""
    settings = QUICK if options.quick else USUAL
    ends = math.inf if options.minutes is None else time.monotonic() + 60 * options.minutes
    run_part("machine", {}, results, environment, ends)
    for precision in settings["precisions"]:
        alone = settings | {"precisions": [precision]}
        for rule in settings["rules"] if "kerasgan" in options.parts else ():
            run_part("kerasgan", alone | {"rules": [rule]}, results, environment, ends)
        for compiled in settings["compiled"] if "torch" in options.parts else ():
            # The networks are read from Keras models, for which JAX must not take the GPU's memory.
            on_cpu = environment | {"JAX_PLATFORMS": "cpu"}
            run_part("torch", alone | {"compiled": [compiled]}, results, on_cpu, ends)
        for batch in settings["batches"] if "memory" in options.parts else ():
            if not run_part("memory", alone | {"batch": batch}, results, environment, ends):
                break
    if "train" in options.parts and not options.folder:
        results.add("train", {"skipped": "no --folder of photos was given"})
    elif "train" in options.parts:
        changes = [*(QUICK_RECIPE if options.quick else ()), *(options.set or ())]
        given = {"folder": os.path.abspath(options.folder), "recipe": options.recipe, "set": changes}
        picture = None if results.path is None else str(results.path.with_suffix(".png"))
        left = (ends - time.monotonic()) / 60 - AROUND_TRAINING
        given |= {"minutes": max(0.1, min(options.train_minutes, left)), "picture": picture}
        run_part("train", settings | given, results, environment, ends)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all")
    parser.add_argument("--folder", help="photos to train on, with a sub-folder for each class")
    parser.add_argument("--train-minutes", type=float, default=8.0, help="of training (default: %(default)g)")
    parser.add_argument("--minutes", type=float, help="of everything (default: as long as it takes)")
    parser.add_argument("--recipe", default="photos", help="default: %(default)s")
    parser.add_argument("--set", action="append", metavar="FIELD=VALUE", help="change a field of the recipe")
    parser.add_argument("--wheels", metavar="FOLDER", help="packages that the machine lacks: see above")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see whether it runs")
    parser.add_argument("--part", type=json.loads, help=argparse.SUPPRESS)
    records.add_options(parser, "gpu")
    options = parser.parse_args()
    if options.part:
        name, settings = options.part
        for row in MEASURES[name](settings):
            print(MARK + json.dumps(row), flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="kerasgan-wheels-") as packages:
        if options.wheels:
            install(options.wheels, packages)
        results = records.Partial(options)
        run_all(options, results, environment_of(packages if options.wheels else ""))
    print(f"results: {results.path}")


if __name__ == "__main__":
    main()
