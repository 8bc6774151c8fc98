"""The game as a Keras model."""

import contextlib
import math
import secrets
import types
import warnings

import keras
import numpy as np

from kerasgan import augment as augmentation
from kerasgan import fit_data, objectives, optimizers
from kerasgan.validation import checks, memory
from kerasgan import ema as averages  # noqa: F401  a saved game names what is registered there
from kerasgan import export as exporting
from kerasgan import penalties as slopes
from kerasgan import updates as orders
from kerasgan.backend import crew as crews
from kerasgan.backend import engine, vitals

LOGS = ("d_loss", "g_loss", "d_real", "d_fake", "d_penalty", "augment_probability")


@keras.saving.register_keras_serializable(package="kerasgan")
class GAN(keras.Model):
    """A generator and a discriminator that learn from each other.

    Images are float32 (batch, height, width, channels) in [-1, 1]; latents are drawn from N(0, I). Calling the model,
    and `predict`, maps latents of shape (batch, latent_dim) to images; in a conditional game, [latents, labels].

    During `fit` the logs hold, as means over the epoch: `loss` (the total, d_loss + g_loss), `d_loss`, `g_loss`,
    `d_real` (mean D(x)) and `d_fake` (mean D(G(z))). With `validation_data` (real images the discriminator has not
    trained on) the same with `val_`: the gap between `d_real` and `val_d_real` is how much it has learnt by heart.

    Args:
        generator: a Keras model from (batch, latent_dim) to images in [-1, 1].
        discriminator: a Keras model from images to one logit each, shape (batch, 1); positive means real.
        latent_dim: width of the latents, a positive int.
        num_classes: None for a game without labels. An int for a conditional one: both networks then take labels, int32
            (batch,) in [0, num_classes), as their second input (Mirza and Osindero, 2014, arXiv:1411.1784).
        ema: a `kerasgan.ema.EMA` for an averaged generator, which then draws all samples; None for none.
        seed: int that fixes the latents drawn in training, or None for a seed from Keras's global generator
            (`keras.utils.set_random_seed`).
        name: name of the model.

    Raises:
        ValueError: if the networks do not fit each other or `latent_dim`, or the discriminator ends in a probability;
            if they were not made in the scope of the distribution strategy in which the game is made.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661.
    """

    def __init__(self, generator, discriminator, latent_dim, num_classes=None, ema=None, seed=None, name="gan"):
        super().__init__(name=name)
        self.crew = crews.crew()
        self.image_shape = checks.networks(generator, discriminator, latent_dim, num_classes)
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = latent_dim
        self.num_classes = None if num_classes is None else int(num_classes)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # Looking at held-out images must not change the latents that training draws next.
        self.validation_seed_generator = keras.random.SeedGenerator(0)
        self._trackers = {name: keras.metrics.Mean(name=name) for name in LOGS}
        self.augment_probability = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="augment_probability", dtype="float32", autocast=False
        )
        self.ema = ema
        self.averaged_generator = None if ema is None else _copy(generator)
        self.vitals = None
        self._sample = engine.sampler(self.sampler, latent_dim, num_classes)
        self.crew.check_networks(self)
        self.built = True

    @property
    def sampler(self):
        """The network that draws samples: the averaged generator where there is one, or else the generator."""
        return self.generator if self.averaged_generator is None else self.averaged_generator

    def compile(
        self,
        d_optimizer="adam",
        g_optimizer="adam",
        objective="non_saturating",
        penalties=(),
        updates="alternating",
        augment=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
    ):
        """Sets the rules of the game.

        Args:
            d_optimizer, g_optimizer: Keras optimizers, one each, or their names; `"adam"` is Adam(2e-4, beta_1=0.5).
            objective: what each player minimises: a name or a value of `kerasgan.objectives`.
            penalties: what the discriminator is charged for its slope: one or several values of `kerasgan.penalties`,
                or their names. Their sum is then logged as `d_penalty`.
            updates: the order of play: a name or a value of `kerasgan.updates`.
            augment: what the discriminator's images go through, real and generated alike: a name or a value of
                `kerasgan.augment`; None for nothing. The probability of it is then logged as `augment_probability`.
            run_eagerly: True runs the step as plain Python, for debugging.
            steps_per_execution: training steps for each call into the engine; above 1 saves Python's overhead for
                small networks, and callbacks see only the last step of each call. It is 1, with a warning, under a
                distribution strategy.
            jit_compile: True compiles the step with XLA; `"auto"` does so on JAX, and on TensorFlow where there is a
                GPU. On JAX False runs each operation by itself, which is slow.

        Raises:
            ValueError: for an unknown name, one optimizer for both players, or values that are unsound together: a
                Wasserstein critic whose slope nothing bounds, a penalty on a critic with batch norm, one-stage updates
                with a discriminator that does not judge each image by itself; or for what several replicas cannot do:
                loss scaling, XLA, optimizers that gather gradients over several steps or were made elsewhere.
        """
        objective, penalties, updates = objectives.get(objective), slopes.get(penalties), orders.get(updates)
        augment = augmentation.get(augment)
        if augment is not None:
            augment.check(self.image_shape)
        checks.sound(self.discriminator, objective, penalties)
        if objective.no_total_loss:
            warnings.warn(objective.no_total_loss, stacklevel=2)
        updates.check(self.discriminator)
        self._asked_jit_compile = jit_compile
        self.objective = objective
        self.penalties = penalties
        self.updates = updates
        if not self.compiled or augment != self.augment:  # else a loaded game would forget how far it had come
            self.augment_probability.assign(0.0 if augment is None else augment.initial_probability)
        self.augment = augment
        steps_per_execution = self.crew.checked_steps(steps_per_execution)
        with self.crew.scope():
            self.d_optimizer, self.g_optimizer = optimizers.for_both(
                d_optimizer, g_optimizer, self.discriminator, self.generator
            )
        self.crew.check_rules(self, jit_compile)
        super().compile(
            optimizer=optimizers.OptimizerPair(self.d_optimizer, self.g_optimizer),
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=False,  # each player's optimizer scales its own loss
        )

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains both networks; every argument is that of `keras.Model.fit`.

        Args:
            x: real images in [-1, 1]: a `tf.data.Dataset` of batches, an array (n, height, width, channels), or
                anything else that `keras.Model.fit` takes. Only arrays are shuffled here.
                A conditional game takes datasets of pairs (images, labels).
            y: the labels of an array, int (n,); None for a game without classes.
            validation_data: real images that are not trained on, as `x` or a pair (images, labels), for the `val_`
                logs.

        Returns:
            The `keras.callbacks.History` of the logs.

        Raises:
            ValueError: before any training, if the model is not compiled, or the images are empty, not floats in
                [-1, 1], of another shape, hold NaN, or come in batches too small for the order of play. A dataset's
                values are checked as they are read, each batch before it is trained on.
        """
        self._must_be_compiled("fit")
        x, y = self._taken_in(x, y, batch_size, self.updates.d_steps, shuffle, validation_split)
        if validation_data is not None:
            held_out = self._taken_in(validation_data, None, validation_batch_size or batch_size, 1)
            validation_data = held_out if held_out[1] is not None else held_out[0]
        with fit_data.refusals_raised(), self._fit_shown(callbacks):
            return super().fit(
                x=x,
                y=y,
                batch_size=batch_size,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                validation_split=validation_split,
                validation_data=validation_data,
                shuffle=shuffle and hasattr(x, "__array__"),  # Keras warns of it, at its default, for anything else
                initial_epoch=initial_epoch,
                steps_per_epoch=steps_per_epoch,
                validation_steps=validation_steps,
                validation_batch_size=validation_batch_size,
                validation_freq=validation_freq,
            )

    @contextlib.contextmanager
    def _fit_shown(self, callbacks):
        """Shows callbacks that save and restore a fit what Keras keeps to itself, as `current_fit`.

        Its `callbacks` are all that the fit was given, its `batches` Keras's iterator over those of each epoch.
        """
        callbacks = keras.tree.flatten(getattr(callbacks, "callbacks", callbacks) or [])
        self.current_fit = types.SimpleNamespace(callbacks=callbacks, batches=None)
        try:
            yield
        finally:
            self.current_fit = None

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # There is nothing left to build, and under a strategy Keras would run through a batch for it.
        self._show_batches(iterator)

    def _symbolic_build(self, iterator=None, data_batch=None):
        self._show_batches(iterator)
        super()._symbolic_build(iterator, data_batch)

    def _show_batches(self, iterator):
        # The one place where Keras hands the iterator to the model, on TensorFlow in the first of these methods, on JAX
        # in the second alone; later calls within a fit are of its validation.
        if getattr(self, "current_fit", None) is not None and self.current_fit.batches is None:
            self.current_fit.batches = iterator

    def _make_function(self, step_function, *args, **options):
        if self.crew.alone:
            return super()._make_function(step_function, *args, **options)
        return self.crew.step_function(step_function, self.run_eagerly)

    def _taken_in(self, x, y, batch_size, minibatches, shuffle=False, validation_split=0.0):
        """Checks data on their way in; where replicas share the batches, deals them out."""
        self.crew.check_here()
        if self.crew.has_dealt(x):
            return x, y
        if validation_split and not self.crew.alone:
            raise ValueError(
                "Under a distribution strategy held-out images are named. Received: validation_split="
                f"{validation_split}. Pass them as validation_data."
            )
        x, y = fit_data.checked(x, y, self, batch_size, minibatches, self.crew.shares(minibatches))
        return self.crew.dealt(x, y, self, batch_size, minibatches, shuffle)

    def evaluate(self, x=None, y=None, batch_size=None, **options):
        """Judges held-out real images against generated ones: `keras.Model.evaluate`, the latents always the same.

        Raises:
            ValueError: as `fit` does.
        """
        self._must_be_compiled("evaluate")
        if not options.get("_use_cached_eval_dataset"):  # `fit` has checked its own
            x, y = self._taken_in(x, y, batch_size, 1)
        self.validation_seed_generator.state.assign([0, 0])
        with fit_data.refusals_raised():
            return super().evaluate(x, y, batch_size=batch_size, **options)

    def watch(self):
        """Makes training steps keep their vital signs as `vitals`, a `kerasgan.step.diagnostics.Vitals`, from now on.

        The norms of the gradients and the diversity of the images are among them; the step takes a little longer.
        """
        if self.vitals is None:
            with self.crew.scope():
                self.vitals = vitals.Vitals()
            self.train_function = None  # it was traced without
        self.vitals.read()

    def train_step(self, *state_and_data):
        """Trains on one batch. Keras calls it with `data` on TensorFlow, and on JAX with the state of all variables."""
        return engine.stepped(self, self._train_on, *state_and_data)

    def test_step(self, *state_and_data):
        """Judges one batch. Keras calls it as it calls `train_step`."""
        return engine.stepped(self, self._test_on, *state_and_data)

    def _train_on(self, data):
        results = engine.train_step(self, *self._batch_of(data))
        if self.vitals is not None:
            self.vitals.add(results)
        return self._report(results)

    def _test_on(self, data):
        results = engine.test_step(self, *self._batch_of(data), self.validation_seed_generator)
        logs = self._report(results)
        return {name: logs[name] for name in logs if name in (*results, "loss")}  # nothing is charged or moved here

    def call(self, inputs, training=False):
        return self.sampler(inputs, training=training)

    def generate(self, n=None, seed=None, latents=None, labels=None, batch_size=256):
        """Draws samples from the generator, without touching anything that training depends on.

        Args:
            n: how many samples; may be left out where `latents` or an array of `labels` are given.
            seed: int in [0, 2**31) for the same samples every time, on one machine with the same weights; None for
                new ones.
            latents: float array (n, latent_dim) to be used instead of drawn ones, or None to draw from N(0, I).
            labels: for a conditional game: one class for all samples, or int array (n,); None draws them uniformly.
            batch_size: how many are computed at a time, at least 1; bounds the memory, changes nothing else.

        Returns:
            NumPy float32 array (n, height, width, channels), in [-1, 1] as far as the generator keeps to it.

        Raises:
            ValueError: if n is negative, left out, more than the memory holds or not the number of latents or labels
                given, the latents have another width or are not finite, the labels are no classes of the game, or the
                seed or the batch size is no such number.
        """
        latents = None if latents is None else checks.numbers("latents", latents)
        labels = None if labels is None else checks.numbers("labels", labels)
        given = next((each for each in (latents, labels) if np.ndim(each) > 0), None)
        n = self._checked_n(len(given) if n is None and given is not None else n)
        checks.whole_number("batch_size", batch_size, 1)
        seed = _checked_seed(seed)
        parts = [self._latents(n, seed, latents)]
        if self.num_classes is not None or labels is not None:
            parts.append(self._labels(n, seed, labels))
        pieces = [self._sample(*(part[i : i + batch_size] for part in parts)) for i in range(0, n, batch_size)]
        return np.concatenate([np.empty((0, *self.image_shape), "float32"), *pieces])

    def class_grid(self, columns=8, seed=0, most=None):
        """Draws the same latents under every class: what the labels change, and what they leave alone.

        Args:
            columns: samples of each class, at least 1.
            seed: int for the same latents every time.
            most: where there are more classes, only so many are drawn, spread over all; None for every class.

        Returns:
            NumPy float32 array (classes * columns, height, width, channels), class after class, for
            `kerasgan.pictures.tile(..., columns=columns)`.

        Raises:
            ValueError: if the game has no classes, or there are to be no columns.
        """
        if not isinstance(columns, (int, np.integer)) or columns < 1:
            raise ValueError(f"columns must be a whole number of at least 1. Received: columns={columns!r}.")
        if self.num_classes is None:
            raise ValueError("A grid of classes needs classes. Received: a GAN with num_classes=None. Use generate().")
        count = self.num_classes if most is None else min(most, self.num_classes)
        classes = np.linspace(0, self.num_classes - 1, count).round().astype("int32")
        latents = np.tile(self._latents(columns, _checked_seed(seed), None), (count, 1))
        return self.generate(latents=latents, labels=np.repeat(classes, columns))

    def _checked_n(self, n):
        checks.whole_number("n", n, 0)
        num_bytes = 4 * int(n) * (self.latent_dim + math.prod(self.image_shape))
        if not memory.fits(num_bytes):
            raise ValueError(
                f"All samples must fit into memory. Received: n={n}, which takes {num_bytes / 2**30:,.0f} GiB. Draw "
                "them in several calls, each with a seed of its own."
            )
        return int(n)

    def _latents(self, n, seed, latents):
        if latents is None:
            return keras.ops.convert_to_numpy(keras.random.normal((int(n), self.latent_dim), seed=seed))
        if latents.shape != (n, self.latent_dim):
            raise ValueError(
                f"Latents must have shape (n, latent_dim) = ({n}, {self.latent_dim}). Received: {latents.shape}."
            )
        with np.errstate(over="ignore"):
            finite = latents.astype("float32")
        if not np.isfinite(finite).all():
            raise ValueError(f"Latents must be finite. Received: values from {latents.min():g} to {latents.max():g}.")
        return finite

    def _labels(self, n, seed, labels):
        if self.num_classes is None:
            raise ValueError(
                f"Only a conditional game draws by label. Received: labels={labels!r} for a GAN with num_classes=None."
            )
        if labels is None:
            return keras.ops.convert_to_numpy(engine.draw_labels(n, seed, self.num_classes))
        labels = np.full((n,), labels) if np.ndim(labels) == 0 else np.asarray(labels)
        checks.labels_array(labels, n, self.num_classes)
        return labels.astype("int32")

    @property
    def metrics_variables(self):
        """The variables of `metrics`, and where vital signs are kept: JAX carries these from step to step."""
        return super().metrics_variables + ([] if self.vitals is None else [self.vitals.variable])

    @property
    def metrics(self):
        """The running means behind the logs; the total loss is among them only where it means something."""
        silent = []
        if self.compiled and not self.objective.has_total_loss:
            silent.append("loss")
        if self.compiled and not self.penalties:
            silent.append("d_penalty")
        if self.compiled and self.augment is None:
            silent.append("augment_probability")
        return [metric for metric in super().metrics if metric.name not in silent]

    def export(self, filepath, format="tf_saved_model", **options):
        """Writes the generator for use without Keras: see `kerasgan.export.export`."""
        return exporting.export(self, filepath, format, **options)

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "latent_dim": self.latent_dim,
            "num_classes": self.num_classes,
            "ema": keras.saving.serialize_keras_object(self.ema),
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        parts = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("generator", "discriminator", "ema")
        }
        return cls(**{**config, **parts})

    def get_compile_config(self):
        if not self.compiled:
            return {}
        values = {
            name: getattr(self, name)
            for name in ("d_optimizer", "g_optimizer", "objective", "penalties", "updates", "augment")
        }
        return {name: keras.saving.serialize_keras_object(value) for name, value in values.items()} | {
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
            "jit_compile": self._asked_jit_compile,  # what it comes to differs between engines and machines
        }

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    def save_own_variables(self, store):
        # Keras leaves the state of seed generators out of its files; without it, training on after a load would
        # draw other latents (and other dropout masks) than training on without one.
        for number, generator in enumerate(self._all_seed_generators()):
            store[f"seed_{number}"] = generator.state
        store["augment_probability"] = self.augment_probability

    def load_own_variables(self, store):
        for number, generator in enumerate(self._all_seed_generators()):
            generator.state.assign(store[f"seed_{number}"])
        if getattr(self, "augment", None) is not None and self.augment.adapts:
            self.augment_probability.assign(store["augment_probability"])

    def _all_seed_generators(self):
        layers = self._flatten_layers()
        return list({id(each): each for layer in layers for each in layer._seed_generators}.values())

    def _report(self, results):
        """Updates the running means from one step's results, and returns all of them as the logs."""
        if self.objective.has_total_loss:
            # Not `+`: with the mean's own sum, TensorFlow would make one of three terms, in an order that varies from
            # one process to the next, and with it the last bit.
            both = keras.ops.stack([results["d_loss"], results["g_loss"]])
            self._loss_tracker.update_state(keras.ops.sum(both))
        for name, tracker in self._trackers.items():
            if name in results:
                tracker.update_state(results[name])
        return self.get_metrics_result()

    def _batch_of(self, data):
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        fit_data.fit_labels(self.num_classes, labels)
        checks.images_spec(images.shape, images.dtype, self.image_shape)
        if labels is not None:
            checks.labels_spec(labels.shape, labels.dtype)
            labels = keras.ops.cast(labels, "int32")
        return keras.ops.cast(images, "float32"), labels

    def _must_be_compiled(self, method):
        if not self.compiled:
            raise ValueError(
                f"The game needs its rules before `{method}`. Received: a GAN that is not compiled. "
                "Call gan.compile() first; its defaults are a good start."
            )


def _checked_seed(seed):
    """Returns a seed as an int, a new one for None."""
    if seed is None:
        return secrets.randbelow(2**31)
    checks.whole_number("seed", seed, 0, below=2**31)
    return int(seed)


def _copy(network):
    """A network of the same layers and weights, with variables of its own."""
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    copy.name = f"averaged_{network.name}"
    copy.set_weights(network.get_weights())
    copy.trainable = False
    return copy
