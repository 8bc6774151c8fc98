"""Games on several virtual devices beside the same games on one: `python tests/mirrored.py 2 core`.

TensorFlow splits the CPU only before it begins, so `test_distribution.py` runs this in a process of its own for each
number of replicas. It prints one JSON object: a dict of findings for each case.
"""

import contextlib
import functools
import json
import pathlib
import sys
import tempfile
import warnings

import keras
import numpy as np
import tensorflow as tf

import kerasgan
from kerasgan.penalties import R1, R2, GradientPenalty
from kerasgan.resume import checkpoint_files, model_state
from kerasgan.updates import Alternating

ORDERS = {
    "d_steps=1": Alternating(),
    "d_steps=2": Alternating(2),
    "simultaneous": "simultaneous",
    "one_stage": "one_stage",
}
PENALTIES = {
    "none": (),
    "R1": R1(1.0),
    "R2": R2(1.0),
    "GradientPenalty": GradientPenalty(1.0),
    "R1 and R2, every=2": (R1(1.0, every=2), R2(1.0, every=2)),
}
IMAGES = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 1)).astype("float32")
LABELS = np.arange(32, dtype="int32") % 3
BATCH, LATENT_DIM = 16, 4
SHALLOW = functools.partial(kerasgan.networks.mlp, depth=1)
STRATEGY = None  # of this process


def core():
    """What differs most: each order of play beside each penalty."""
    for order, updates in ORDERS.items():
        for penalty, penalties in PENALTIES.items():
            yield f"{order}, {penalty}", compared({"validation_data": None}, updates=updates, penalties=penalties)


def orders(names=tuple(ORDERS)):
    """Each order of play, with penalties that are due at some steps only."""
    for order in names:
        yield order, compared(updates=ORDERS[order], penalties=PENALTIES["R1 and R2, every=2"])


def two_orders():
    """The two orders of play that cut or join most."""
    yield from orders(("d_steps=2", "one_stage"))


DCGAN = {"network": kerasgan.networks.dcgan, "width": 4}
EMA = kerasgan.ema.EMA(half_life_images=50)


def quick():
    """What goes wrong most easily of all else that a game can have."""
    yield "batch norm, averaged", compared(ema=EMA, updates="simultaneous", **DCGAN)
    yield "labels", compared(classes=3, updates=Alternating(2), **DCGAN)
    adaptive = kerasgan.augment.Adaptive(policy=("brightness", "flip"), adjust_images=100, target=-0.9)
    yield "adaptive", compared(augment=adaptive, penalties=PENALTIES["R1 and R2, every=2"], updates="one_stage")
    yield "regularised", compared(network=regularised, updates="simultaneous")
    yield "global_clipnorm", compared(clip={"global_clipnorm": 0.05})
    yield "watched", watched()


def features():
    """All that a game can have besides its order of play and its penalties."""
    yield from quick()
    yield "averaged", compared(ema=EMA)
    yield "augmented", compared(augment="diffaugment", penalties=PENALTIES["R1 and R2, every=2"])
    yield "relativistic", compared(objective="relativistic", updates="simultaneous")
    yield "paired, alternating", compared(objective="relativistic", updates=Alternating(2))
    for objective in ("hinge", "least_squares", "minimax"):
        yield objective, compared(objective=objective, updates="simultaneous")
    yield "wasserstein", compared(objective="wasserstein", penalties=GradientPenalty(1.0))
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
    yield "saving", saving()
    yield "resuming", resuming()
    yield "refusals", refusals()


def observers():
    """Those who look on."""
    yield "callbacks", callbacks()
    yield "going back", going_back()


def regularised(image_shape, latent_dim, width, num_classes=None):
    """Networks whose layers are charged for their weights and for their activity, once each."""
    layers, l2 = keras.layers, keras.regularizers.L2(0.1)
    generator = [layers.Dense(64, kernel_regularizer=l2), layers.Reshape(image_shape)]
    discriminator = [
        layers.Flatten(),
        layers.Dense(width, kernel_regularizer=l2, activity_regularizer=l2),
        layers.ActivityRegularization(l2=0.1),
        layers.Dense(1),
    ]
    return (
        keras.Sequential([keras.Input((latent_dim,)), *generator]),
        keras.Sequential([keras.Input(image_shape), *discriminator]),
    )


def made(
    strategy,
    network=SHALLOW,
    width=8,
    classes=None,
    ema=None,
    optimizer=keras.optimizers.SGD,
    rate=0.1,
    clip=None,
    policy="float32",
    **rules,
):
    """A game on one device (None) or on the replicas of a strategy, the same otherwise."""
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy(policy)
        networks = network(IMAGES.shape[1:], latent_dim=LATENT_DIM, width=width, num_classes=classes)
        keras.config.set_dtype_policy("float32")
        gan = kerasgan.GAN(*networks, latent_dim=LATENT_DIM, num_classes=classes, ema=ema, seed=0)
        gan.compile(*(optimizer(rate, **clip or {}) for _ in "dg"), **rules)
    return gan


def fitted(gan, epochs=2, **options):
    labels = None if gan.num_classes is None else LABELS
    held_out = IMAGES[:BATCH] if labels is None else (IMAGES[:BATCH], LABELS[:BATCH])
    options = {"batch_size": BATCH, "shuffle": False, "validation_data": held_out, "verbose": 0} | options
    return gan.fit(IMAGES, labels, epochs=epochs, **options).history


def difference(one, other):
    """The largest difference between the weights of two games."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def compared(how=None, **options):
    """How far a game on replicas is from the same game on one device, in its weights and in its logs."""
    one, several = made(None, **options), made(STRATEGY, **options)
    start = one.get_weights()
    logs, theirs = fitted(one, **how or {}), fitted(several, **how or {})
    return {
        "moved": max(float(np.abs(a - b).max()) for a, b in zip(start, one.get_weights(), strict=True)),
        "weights": difference(one, several),
        "logs": max(abs(a - b) for name in logs for a, b in zip(logs[name], theirs[name], strict=True)),
        "names": sorted(logs) == sorted(theirs),
    }


def watched():
    """What a guard sees: norms, spread and diversity are those of the whole batch."""
    readings = []
    for strategy in (None, STRATEGY):
        gan = made(strategy, network=kerasgan.networks.dcgan, width=4)
        gan.record_diagnostics()
        fitted(gan)
        readings.append(gan.diagnostics.read())
    one, several = readings
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
    from kerasgan import random

    with STRATEGY.scope():
        generator = keras.random.SeedGenerator(3)
    count = STRATEGY.num_replicas_in_sync
    whole = np.array(random.normal((BATCH, 2), keras.random.SeedGenerator(3)))
    parts = drawn_in(STRATEGY, lambda: random.normal((BATCH // count, 2), generator))

    def of_two_parts():
        with random.batch_of(parts=2):
            return random.normal((BATCH // count, 2), generator)

    second = keras.random.SeedGenerator(3)
    second.next()
    whole_second = np.array(random.normal((BATCH, 2), second)).reshape(2, count, -1, 2)
    parts_second = drawn_in(STRATEGY, of_two_parts)
    return {
        "together": bool(np.array_equal(np.concatenate(parts), whole)),
        "different": not np.array_equal(parts[0], parts[1]),
        "parts": bool(all(np.array_equal(p, whole_second[:, k].reshape(-1, 2)) for k, p in enumerate(parts_second))),
    }


def dropout():
    """A layer's own draws differ between replicas, and go on."""
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
    """Plain batch norm normalises each replica's images; its moving statistics are one for all replicas."""
    layers = keras.layers

    def plain(image_shape, latent_dim, width, num_classes=None):
        generator = [
            keras.Input((latent_dim,)),
            layers.Dense(64),
            layers.BatchNormalization(),
            layers.Reshape((8, 8, 1)),
        ]
        return keras.Sequential(generator), kerasgan.networks.mlp(image_shape, latent_dim, width)[1]

    gan = made(STRATEGY, network=plain)
    fitted(gan)
    norm = gan.generator.layers[1]
    copies = [each.numpy() for each in norm.moving_variance.value.values]
    return {
        "same on all": all(np.array_equal(copies[0], each) for each in copies),
        "not of the whole batch": difference(made(None, network=plain), gan) > 0,
        "moved": bool(np.abs(copies[0] - 1).max() > 1e-4),
    }


def saving():
    """A game saved on replicas goes on alone as on replicas, and the other way round; it exports and generates."""
    # Batch norm that was made alone asks for nothing, also where it is loaded in a strategy's scope.
    both = {"ema": EMA, "penalties": R1(1.0, every=2)}
    found = {}
    for name, first, second in (("replicas to one", STRATEGY, None), ("one to replicas", None, STRATEGY)):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "gan.keras"
            options = both | (DCGAN if first is not None else {})
            begun, whole = made(first, **options), made(None, **options)
            fitted(begun, epochs=1)
            begun.save(path)
            with contextlib.nullcontext() if second is None else second.scope():
                loaded = keras.models.load_model(path)
            fitted(loaded, epochs=1)
            fitted(whole, epochs=1)
            fitted(whole, epochs=1)
            found[name] = difference(loaded, whole)
            if first is not None:
                begun.export(pathlib.Path(folder) / "exported")
                served = tf.saved_model.load(str(pathlib.Path(folder) / "exported")).signatures["generate"]
                images = served(n=tf.constant(5), seed=tf.constant(1))["output_0"].numpy()
                found["exported"] = float(np.abs(images - begun.generate(5, seed=1)).max())
                found["predicted"] = len(begun.predict(np.zeros((8, LATENT_DIM), "float32"), verbose=0))
    return found


def resuming():
    """A training that is stopped within an epoch and resumed with another number of replicas ends as it would have."""
    found = {}
    for name, first, second in (("replicas to one", STRATEGY, None), ("one to replicas", None, STRATEGY)):
        with tempfile.TemporaryDirectory() as folder:
            ends = [
                played(pathlib.Path(folder) / "whole", None, None),
                played(pathlib.Path(folder) / "cut", first, second),
            ]
        found[name] = max(float(np.abs(ends[0][key] - ends[1][key]).max()) for key in ends[0])
    return found


def played(folder, first, second):
    """All that a game remembers after two epochs, of which the second was stopped after one step and resumed."""

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if (self.model.g_optimizer.iterations.numpy(), stopping) == (5, True):
                raise KeyboardInterrupt

    options = {"ema": kerasgan.ema.EMA(50), "updates": Alternating(2)}
    for strategy, stopping in ((first, True), (second, False)):
        gan = made(strategy, **options)
        checkpoint = kerasgan.callbacks.Checkpoint(folder, every_steps=1, resume=not stopping)
        dataset, _ = kerasgan.datasets.load(
            (IMAGES[..., 0], LABELS), batch_size=8, skip_batches=checkpoint.skip_batches()
        )
        with contextlib.suppress(KeyboardInterrupt):
            gan.fit(dataset, epochs=2, verbose=0, callbacks=[Stop(), checkpoint])
    return {name: array.astype("float64") for name, array in model_state.arrays(gan).items()}


def refused(action):
    """The sentence with which something is refused, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            action()
    except ValueError as error:
        return str(error)
    return None


def refusals():
    """The sentences of all that is refused."""
    networks = kerasgan.networks.mlp(IMAGES.shape[1:], latent_dim=LATENT_DIM, width=4)
    elsewhere = keras.optimizers.SGD(0.1)
    gan = made(STRATEGY)
    ragged = tf.data.Dataset.from_tensor_slices(IMAGES).batch(BATCH)
    count = STRATEGY.num_replicas_in_sync

    def outside():
        with STRATEGY.scope():
            kerasgan.GAN(*networks, latent_dim=LATENT_DIM)

    def foreign():
        with STRATEGY.scope():
            mine = made(STRATEGY)
            mine.compile(elsewhere, "sgd")

    def inside():
        mine = made(None)
        with STRATEGY.scope():
            fitted(mine)

    with_one = IMAGES.copy()
    with_one[BATCH + 1] = np.nan  # of the first replica's slice of the second batch
    broken = tf.data.Dataset.from_tensor_slices(with_one).batch(BATCH)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        set_back = made(STRATEGY, steps_per_execution=4).steps_per_execution
    return {
        "networks": refused(outside),
        "optimizer": refused(foreign),
        "float16": refused(lambda: made(STRATEGY, policy="mixed_float16")),
        "xla": refused(lambda: made(STRATEGY, jit_compile=True)),
        "gathered gradients": refused(lambda: made(STRATEGY, clip={"gradient_accumulation_steps": 2})),
        "small batch": refused(lambda: gan.fit(IMAGES[: count - 1], batch_size=count - 1, verbose=0)),
        "uneven batch": refused(lambda: gan.fit(IMAGES, batch_size=count + 1, verbose=0)),
        "ragged array": refused(lambda: gan.fit(IMAGES[: BATCH + 1], batch_size=BATCH, verbose=0)),
        "ragged dataset": refused(lambda: gan.fit(ragged.unbatch().take(BATCH + 1).batch(BATCH), verbose=0)),
        "uneven dataset": refused(lambda: gan.fit(ragged.unbatch().batch(count + 1, True), verbose=0)),
        "held out": refused(lambda: gan.fit(IMAGES, batch_size=BATCH, validation_data=IMAGES[:1], verbose=0)),
        "split": refused(lambda: gan.fit(IMAGES, batch_size=BATCH, validation_split=0.5, verbose=0)),
        "one batch": refused(lambda: gan.train_on_batch(IMAGES)),
        "generator": refused(lambda: gan.fit(iter([IMAGES]), verbose=0)),
        "not a number": refused(lambda: gan.fit(broken, verbose=0)),
        "made outside": refused(inside),
        "steps": set_back,
        "told": [str(each.message) for each in told if "steps_per_execution" in str(each.message)],
        "still trains": bool(np.isfinite(fitted(gan, epochs=1)["d_loss"][0])),
    }


def callbacks():
    """The callbacks that kerasgan and Keras have, all at once, on replicas and alone."""
    ends = []
    for strategy in (None, STRATEGY):
        with tempfile.TemporaryDirectory() as folder:
            gan = made(strategy, ema=kerasgan.ema.EMA(50))
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


def going_back():
    """A guard takes a game on replicas back to its last checkpoint."""

    class Break(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.g_optimizer.iterations.numpy() == 5 and not guard.num_rollbacks:
                kernel = self.model.generator.trainable_variables[0]
                kernel.assign(kernel * np.nan)

    with tempfile.TemporaryDirectory() as folder:
        gan, checkpoint = made(STRATEGY), kerasgan.callbacks.Checkpoint(folder, every_steps=1)
        guard = kerasgan.callbacks.Guard("rollback", checkpoint, every_steps=1)
        fitted(gan, epochs=4, callbacks=[Break(), guard, checkpoint])
        rates = [float(optimizer.learning_rate.numpy()) for optimizer in (gan.d_optimizer, gan.g_optimizer)]
    return {"times": guard.num_rollbacks, "rates": rates, "sound": bool(np.isfinite(gan.generate(4, seed=0)).all())}


def main(count, *parts):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    global STRATEGY
    STRATEGY = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(count)])
    found = {}
    for part in parts:
        for name, finding in globals()[part]():
            found[name] = finding
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
