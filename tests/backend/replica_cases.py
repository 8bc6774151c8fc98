"""GANs on several virtual devices, compared with the same on one: `python tests/backend/replica_cases.py 2 core`.

TensorFlow splits the CPU only before it begins, so `test_replicas.py` runs this in a process of its own for each number
of replicas. It prints one JSON object: a dict of measurements for each case.
"""

import contextlib
import functools
import itertools
import json
import pathlib
import sys
import tempfile
import warnings

import keras
import numpy as np
import own_values
import replica_networks
import tensorflow as tf
import translators

import kerasgan
from kerasgan import backend
from kerasgan.penalties import R1, R2, GradientPenalty
from kerasgan.random import BatchRandom
from kerasgan.resume import checkpoint_files, model_state
from kerasgan.updates import Alternating

# All that kerasgan has by name, so that a new one is compared, too.
UPDATES = {name: make() for name, make in kerasgan.updates.UPDATES.items()} | {"d_steps=2": Alternating(2)}
OBJECTIVES = {name: make() for name, make in kerasgan.objectives.OBJECTIVES.items()}
AUGMENTATIONS = {name: make() for name, make in kerasgan.augment.AUGMENTATIONS.items()}
PENALTIES = {
    "none": (),
    **{make.__name__: make(1.0) for make in kerasgan.penalties.PENALTIES.values()},
    "R1 and R2, every=2": (R1(1.0, every=2), R2(1.0, every=2)),
}
IMAGES = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 1)).astype("float32")
LABELS = np.arange(32, dtype="int32") % 3
BATCH, LATENT_DIM = 16, 4
SHALLOW = functools.partial(kerasgan.networks.mlp, depth=1)
STRATEGY = None  # of this process


def core():
    """Every update rule with every penalty."""
    for rule, penalty in itertools.product(UPDATES, PENALTIES):
        yield f"{rule}, {penalty}", compared(updates=UPDATES[rule], penalties=PENALTIES[penalty], validation_data=None)


def rules():
    """Every update rule, with penalties that are due at some steps only."""
    for rule, updates in UPDATES.items():
        yield rule, compared(updates=updates, penalties=PENALTIES["R1 and R2, every=2"])


DCGAN, EMA = {"network": kerasgan.networks.dcgan, "width": 4}, kerasgan.ema.EMA(half_life_images=50)


def quick():
    """The other options that go wrong most easily."""
    yield "batch norm, averaged", compared(ema=EMA, updates="simultaneous", **DCGAN)
    yield "labels", compared(classes=3, updates=Alternating(2), **DCGAN)
    adaptive = kerasgan.augment.Adaptive(policy=("brightness", "flip"), adjust_images=100, target=-0.9)
    yield "adaptive", compared(augment=adaptive, penalties=PENALTIES["R1 and R2, every=2"], updates="one_stage")
    yield "regularized", compared(network=replica_networks.regularized, updates="simultaneous")
    yield "global_clipnorm", compared(clip={"global_clipnorm": 0.05})
    yield "diagnostics", diagnostics()
    yield "translation", translation(translators.pix2pix)
    yield "cycle", translation(translators.cycle_gan)


def features():
    """All options of a GAN other than its update rule and its penalties."""
    yield from quick()
    yield "averaged", compared(ema=EMA)
    for augment in AUGMENTATIONS:
        yield augment, compared(augment=augment, penalties=PENALTIES["R1 and R2, every=2"])
    yield "paired, alternating", compared(objective="relativistic", updates=Alternating(2))
    for objective, made in OBJECTIVES.items():
        bounded = GradientPenalty(1.0) if made.needs_lipschitz else ()
        yield objective, compared(objective=objective, updates="simultaneous", penalties=bounded)
    yield "own values", compared(**own_values.OPTIONS)
    yield "clipnorm", compared(clip={"clipnorm": 0.05})
    yield "clipvalue", compared(clip={"clipvalue": 0.01}, updates="one_stage")
    yield "decoupled decay", compared(clip={"weight_decay": 0.1})
    yield "bfloat16", compared(policy="mixed_bfloat16", updates="one_stage")
    yield "run eagerly", compared(run_eagerly=True)
    yield "rmsprop", compared(optimizer=keras.optimizers.RMSprop, rate=1e-3, clip={"use_ema": True})
    yield "adam", compared(optimizer=keras.optimizers.Adam, rate=1e-3, updates="simultaneous")


def laws():
    """Single laws."""
    yield "latents", latents()
    yield "dropout", dropout()
    yield "batch norm of each replica", each_replicas_batch_norm()
    yield "saved on replicas", saved(STRATEGY, None)
    yield "resumed on replicas", resumed(None, STRATEGY)
    yield "refusals", refusals()


def transfers():
    """Saving, resuming and exporting in all directions."""
    yield "saved on one device", saved(None, STRATEGY)
    # With batch norm, which is not synchronized where it was made on one device.
    yield "saved on replicas, batch norm", saved(STRATEGY, None, **DCGAN)
    yield "resumed on one device", resumed(STRATEGY, None)
    yield "exported", exported()


def observers():
    """Callbacks."""
    yield "callbacks", callbacks()
    yield "rollback", rollback()


def make(
    strategy,
    network=SHALLOW,
    width=8,
    classes=None,
    ema=None,
    optimizer=keras.optimizers.SGD,
    rate=0.1,
    clip=None,
    policy="float32",
    **options,
):
    """A GAN on one device (None) or on the replicas of a strategy, the same otherwise; options go to `compile`."""
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy(policy)
        networks = network(IMAGES.shape[1:], latent_dim=LATENT_DIM, width=width, num_classes=classes)
        keras.config.set_dtype_policy("float32")
        gan = kerasgan.GAN(*networks, latent_dim=LATENT_DIM, num_classes=classes, ema=ema, seed=0)
        gan.compile(*(optimizer(rate, **clip or {}) for _ in "dg"), **options)
    return gan


def fitted(gan, epochs=2, **options):
    labels = None if gan.num_classes is None else LABELS
    held_out = IMAGES[:BATCH] if labels is None else (IMAGES[:BATCH], LABELS[:BATCH])
    options = {"batch_size": BATCH, "shuffle": False, "validation_data": held_out, "verbose": 0} | options
    return gan.fit(IMAGES, labels, epochs=epochs, **options).history


def difference(one, other):
    """The largest difference between the weights of two GANs."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def compared(**options):
    """How far a GAN on replicas is from the same GAN on one device, in its weights and in its logs."""
    fit_options = {"validation_data": None} if "validation_data" in options else {}
    options.pop("validation_data", None)
    one, several = make(None, **options), make(STRATEGY, **options)
    start = one.get_weights()
    logs, theirs = fitted(one, **fit_options), fitted(several, **fit_options)
    return {
        "moved": max(float(np.abs(a - b).max()) for a, b in zip(start, one.get_weights(), strict=True)),
        "weights": difference(one, several),
        "logs": max(abs(a - b) for name in logs for a, b in zip(logs[name], theirs[name], strict=True)),
        "names": sorted(logs) == sorted(theirs),
    }


def translation(make):
    """The same as `compared`, of a GAN whose condition is an image, and of its pool."""
    gans, logs = [], []
    for strategy in (None, STRATEGY):
        with contextlib.nullcontext() if strategy is None else strategy.scope():
            keras.utils.set_random_seed(0)
            gans.append(make())
        start = gans[-1].get_weights()
        options = {"epochs": 3, "batch_size": BATCH, "shuffle": False, "verbose": 0}
        logs.append(gans[-1].fit(IMAGES, IMAGES[::-1].copy(), **options).history)
    one, several = gans
    pools = [[] if gan.pool is None else gan.pool.variables for gan in gans]
    return {
        "moved": max(float(np.abs(a - b).max()) for a, b in zip(start, several.get_weights(), strict=True)),
        "weights": max(
            [difference(one, several)]
            + [float(np.abs(np.array(a) - np.array(b)).max()) for a, b in zip(*pools, strict=True)]
        ),
        "logs": max(abs(a - b) for name in logs[0] for a, b in zip(logs[0][name], logs[1][name], strict=True)),
        "names": sorted(logs[0]) == sorted(logs[1]),
    }


def diagnostics():
    """Diagnostics: norms, spread and diversity are those of the whole batch."""
    snapshots = []
    for strategy in (None, STRATEGY):
        gan = make(strategy, network=kerasgan.networks.dcgan, width=4)
        gan.record_diagnostics()
        fitted(gan)
        snapshots.append(gan.diagnostics.read())
    one, several = snapshots
    return {
        "steps": one.steps == several.steps == 4,
        "means": max(abs(one.means[name] - several.means[name]) / (abs(one.means[name]) + 1e-6) for name in one.means),
    }


def drawn_in(strategy, draw):
    """What each replica draws, a list of arrays."""
    run = tf.function(lambda: strategy.run(draw), autograph=False)
    return [each.numpy() for each in strategy.experimental_local_results(run())]


def latents():
    """Replicas draw different latents, all of them together those of one device."""
    with STRATEGY.scope():
        generator = keras.random.SeedGenerator(3)
    count = STRATEGY.num_replicas_in_sync

    def drawn(parts):
        return BatchRandom(generator, *backend.replica()).of_parts(parts).normal((BATCH // count, 2))

    on_one_device = BatchRandom(keras.random.SeedGenerator(3))
    whole, whole_of_two = (np.array(on_one_device.normal((BATCH, 2))) for _ in range(2))
    shares, shares_of_two = (drawn_in(STRATEGY, functools.partial(drawn, parts)) for parts in (1, 2))
    of_two = whole_of_two.reshape(2, count, -1, 2)
    return {
        "together": bool(np.array_equal(np.concatenate(shares), whole)),
        "different": not np.array_equal(shares[0], shares[1]),
        "parts": all(np.array_equal(each, of_two[:, k].reshape(-1, 2)) for k, each in enumerate(shares_of_two)),
    }


def dropout():
    """A layer's own random numbers differ between replicas and between steps."""
    with STRATEGY.scope():
        layer = keras.layers.Dropout(0.5, seed=1)
        generator = keras.Sequential(
            [keras.Input((LATENT_DIM,)), keras.layers.Dense(64), keras.layers.Reshape((8, 8, 1))]
        )
        discriminator = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), layer, keras.layers.Dense(1)])
        kerasgan.GAN(generator, discriminator, LATENT_DIM, seed=0).compile()
    masks, again = (drawn_in(STRATEGY, lambda: layer(tf.ones((4, *IMAGES.shape[1:])), training=True)) for _ in range(2))
    return {
        "replicas differ": not np.array_equal(masks[0], masks[1]),
        "steps differ": not np.array_equal(masks[0], again[0]),
    }


def each_replicas_batch_norm():
    """Plain batch norm normalizes each replica's images; its moving statistics are one for all replicas."""
    gan = make(STRATEGY, network=replica_networks.plain_batch_norm)
    fitted(gan)
    norm = gan.generator.layers[1]
    copies = [each.numpy() for each in norm.moving_variance.value.values]
    return {
        "same on all": all(np.array_equal(copies[0], each) for each in copies),
        "not of the whole batch": difference(make(None, network=replica_networks.plain_batch_norm), gan) > 0,
        "moved": bool(np.abs(copies[0] - 1).max() > 1e-4),
    }


def saved(first, second, **options):
    """How far a GAN that was saved on one strategy and trained further on another is from one trained on one device."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "gan.keras"
        options |= {"ema": EMA, "penalties": R1(1.0, every=2)}
        stopped, whole = make(first, **options), make(None, **options)
        fitted(stopped, epochs=1)
        stopped.save(path)
        with contextlib.nullcontext() if second is None else second.scope():
            loaded = keras.models.load_model(path)
        fitted(loaded, epochs=1)
        for _ in range(2):
            fitted(whole, epochs=1)
        return difference(loaded, whole)


def exported():
    """How far samples of the export of a GAN on replicas are from its own; and how many `predict` returns of eight."""
    gan = make(STRATEGY, **DCGAN)
    with tempfile.TemporaryDirectory() as folder:
        gan.export(f"{folder}/exported")
        served = tf.saved_model.load(f"{folder}/exported").signatures["generate"]
        images = served(n=tf.constant(5), seed=tf.constant(1))["images"].numpy()
    predicted = gan.predict(np.zeros((8, LATENT_DIM), "float32"), verbose=0)
    return {"difference": float(np.abs(images - gan.generate(5, seed=1)).max()), "predicted": len(predicted)}


def resumed(first, second):
    """How far a GAN that was stopped within an epoch and resumed on another strategy is from one on one device."""
    with tempfile.TemporaryDirectory() as folder:
        whole, cut = (
            state_after_a_stop(pathlib.Path(folder) / name, *strategies)
            for name, strategies in (("whole", (None, None)), ("cut", (first, second)))
        )
    return max(float(np.abs(whole[key] - cut[key]).max()) for key in whole)


def state_after_a_stop(folder, first, second):
    """The state of a GAN after two epochs, of which the second was stopped after one step and resumed."""

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if (self.model.g_optimizer.iterations.numpy(), stopping) == (5, True):
                raise KeyboardInterrupt

    options = {"ema": kerasgan.ema.EMA(50), "updates": Alternating(2)}
    for strategy, stopping in ((first, True), (second, False)):
        gan = make(strategy, **options)
        checkpoint = kerasgan.callbacks.Checkpoint(folder, every_steps=1, resume=not stopping)
        skip_batches = checkpoint.skip_batches()
        batches, _ = kerasgan.datasets.load((IMAGES[..., 0], LABELS), batch_size=8, skip_batches=skip_batches)
        with contextlib.suppress(KeyboardInterrupt):
            gan.fit(batches, epochs=2, verbose=0, callbacks=[Stop(), checkpoint])
    return {name: array.astype("float64") for name, array in model_state.arrays(gan).items()}


def refused(action):
    """The message with which something is refused, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            action()
    except ValueError as error:
        return str(error)
    return None


def refusals():
    """The messages of all that is refused."""
    networks = kerasgan.networks.mlp(IMAGES.shape[1:], latent_dim=LATENT_DIM, width=4)
    elsewhere = keras.optimizers.SGD(0.1)
    gan = make(STRATEGY)
    ragged = tf.data.Dataset.from_tensor_slices(IMAGES).batch(BATCH)
    count = STRATEGY.num_replicas_in_sync

    def outside():
        with STRATEGY.scope():
            kerasgan.GAN(*networks, latent_dim=LATENT_DIM)

    def optimizer_of_outside():
        with STRATEGY.scope():
            gan = make(STRATEGY)
            gan.compile(elsewhere, "sgd")

    def inside():
        gan = make(None)
        with STRATEGY.scope():
            fitted(gan)

    with_nan = IMAGES.copy()
    with_nan[BATCH + 1] = np.nan  # of the first replica's slice of the second batch
    broken = tf.data.Dataset.from_tensor_slices(with_nan).batch(BATCH)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        set_back = make(STRATEGY, steps_per_execution=4).steps_per_execution
    return {
        "networks": refused(outside),
        "optimizer": refused(optimizer_of_outside),
        "float16": refused(lambda: make(STRATEGY, policy="mixed_float16")),
        "xla": refused(lambda: make(STRATEGY, jit_compile=True)),
        "accumulated gradients": refused(lambda: make(STRATEGY, clip={"gradient_accumulation_steps": 2})),
        "small batch": refused(lambda: gan.fit(IMAGES[: count - 1], batch_size=count - 1, verbose=0)),
        "uneven batch": refused(lambda: gan.fit(IMAGES, batch_size=count + 1, verbose=0)),
        "ragged array": refused(lambda: gan.fit(IMAGES[: BATCH + 1], batch_size=BATCH, verbose=0)),
        "ragged dataset": refused(lambda: gan.fit(ragged.unbatch().take(BATCH + 1).batch(BATCH), verbose=0)),
        "uneven dataset": refused(lambda: gan.fit(ragged.unbatch().batch(count + 1, True), verbose=0)),
        "held out": refused(lambda: gan.fit(IMAGES, batch_size=BATCH, validation_data=IMAGES[:1], verbose=0)),
        "split": refused(lambda: gan.fit(IMAGES, batch_size=BATCH, validation_split=0.5, verbose=0)),
        "one batch": refused(lambda: gan.train_on_batch(IMAGES)),
        "generator": refused(lambda: gan.fit((each for each in [IMAGES]), verbose=0)),
        "not a number": refused(lambda: gan.fit(broken, verbose=0)),
        "made outside": refused(inside),
        "steps": set_back,
        "warnings": [str(each.message) for each in caught if "steps_per_execution" in str(each.message)],
        "still trains": bool(np.isfinite(fitted(gan, epochs=1)["d_loss"][0])),
    }


def callbacks():
    """The callbacks of kerasgan and of Keras, all at once, on replicas and on one device."""
    ends = []
    for strategy in (None, STRATEGY):
        with tempfile.TemporaryDirectory() as folder:
            gan = make(strategy, ema=kerasgan.ema.EMA(50))
            checkpoint = kerasgan.callbacks.Checkpoint(pathlib.Path(folder) / "checkpoints", every_steps=1)
            features = kerasgan.features.get("pixels")
            history = fitted(
                gan,
                callbacks=[
                    kerasgan.callbacks.Guard("rollback", checkpoint, log_dir=folder, every_steps=1),
                    keras.callbacks.TerminateOnNaN(),
                    keras.callbacks.EarlyStopping("val_d_loss", patience=5, mode="min"),
                    keras.callbacks.ReduceLROnPlateau("d_loss", patience=1, min_delta=10.0, mode="min"),
                    keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
                    keras.callbacks.ModelCheckpoint(f"{folder}/best.keras", monitor="loss"),
                    kerasgan.callbacks.TensorBoard(folder, write_graph=False),
                    kerasgan.callbacks.ImageGrid(folder, real=IMAGES),
                    kerasgan.callbacks.LatentWalk(folder),
                    kerasgan.callbacks.Evaluate(IMAGES, features),
                    kerasgan.callbacks.Equilibrium(np.tile(IMAGES, (2, 1, 1, 1))),
                    checkpoint,
                ],
            )
            kept = [path.name for path in checkpoint_files.files(pathlib.Path(folder) / "checkpoints")]
            ends.append((gan, history, kept, sorted(path.name for path in pathlib.Path(folder).iterdir())))
    (one, logs, kept, files), (several, theirs, also, others) = ends
    return {
        "weights": difference(one, several),
        "logs": max(abs(a - b) for name in logs for a, b in zip(logs[name], theirs[name], strict=True)),
        "files": kept == also and files == others,
    }


def rollback():
    """A guard gives a GAN on replicas the state of its last checkpoint."""

    class Break(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.g_optimizer.iterations.numpy() == 5 and not guard.num_rollbacks:
                kernel = self.model.generator.trainable_variables[0]
                kernel.assign(kernel * np.nan)

    with tempfile.TemporaryDirectory() as folder:
        gan, checkpoint = make(STRATEGY), kerasgan.callbacks.Checkpoint(folder, every_steps=1)
        guard = kerasgan.callbacks.Guard("rollback", checkpoint, every_steps=1)
        fitted(gan, epochs=4, callbacks=[Break(), guard, checkpoint])
        rates = [float(optimizer.learning_rate.numpy()) for optimizer in (gan.d_optimizer, gan.g_optimizer)]
    return {"times": guard.num_rollbacks, "rates": rates, "sound": bool(np.isfinite(gan.generate(4, seed=0)).all())}


PARTS = {each.__name__: each for each in (core, rules, quick, features, laws, transfers, observers)}


def main(count, *parts):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    global STRATEGY
    STRATEGY = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(count)])
    found = {}
    for part in parts:
        found |= dict(PARTS[part]())
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
