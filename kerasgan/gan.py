"""A generator and a discriminator as one Keras model."""

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import keras

from kerasgan import (
    augment,
    backend,
    conditions,
    fit_checks,
    fit_data,
    gan_config,
    keras_internals,
    objectives,
    optimizers,
    penalties,
    sampling,
    step,
    updates,
)
from kerasgan import reconstruction as reconstructions
from kerasgan.ema import EMA
from kerasgan.export import export
from kerasgan.networks import auxiliary_classifier
from kerasgan.validation import arguments, first_mistakes
from kerasgan.validation import images as image_checks
from kerasgan.validation import networks as network_checks

LOGS = ("d_loss", "g_loss", "d_real", "d_fake", "d_penalty", "d_class_loss", "g_reconstruction", "augment_probability")


@keras.saving.register_keras_serializable(package="kerasgan")
class GAN(keras_internals.TrainerHooks, sampling.SamplingMethods, gan_config.SavedGAN):
    """A generator and a discriminator that are trained against each other.

    Images are float32 (batch, height, width, channels) in [-1, 1]; latents are drawn from N(0, I). Calling the model,
    and `predict`, maps latents of shape (batch, latent_dim) to images; with a condition, [latents, condition].

    During `fit` the logs hold, as means over the epoch: `loss` (the total, d_loss + g_loss), `d_loss`, `g_loss`,
    `d_real` and `d_fake`: mean D(x) and D(G(z)), as `Objective.outputs` defines them; of a discriminator with a
    `kerasgan.networks.auxiliary_classifier` also `d_class_loss`, what this adds to its loss. With `validation_data`
    (real images that are not trained on) all but the last with `val_`.

    Args:
        generator: a Keras model from (batch, latent_dim) to images in [-1, 1].
        discriminator: a Keras model from images to one logit each, shape (batch, 1), or to a map of logits, (batch,
            height, width, 1), over which the losses are means; positive means real.
        latent_dim: width of the latents; 0 for a generator that takes its condition alone.
        num_classes: None for a GAN without labels. An int for a conditional one: both networks then take labels, int32
            (batch,) in [0, num_classes), as their second input (Mirza and Osindero, 2014, arXiv:1411.1784). It is the
            short form of `condition=kerasgan.conditions.Classes(num_classes)`.
        ema: a `kerasgan.ema.EMA` for an averaged generator, which then draws all samples; None for none.
        seed: int that fixes the latents drawn in training, or None for a seed from Keras's global generator
            (`keras.utils.set_random_seed`).
        name: name of the model.
        condition: a value of `kerasgan.conditions`: classes, several labels, numbers or an image, which both networks
            take as their second input; None for none. A discriminator of one input is trained without an image that is
            the condition.

    Raises:
        ValueError: if the networks do not fit each other or `latent_dim`, or the discriminator ends in a probability;
            if they were not made in the scope of the distribution strategy in which the GAN is made.

    Example:

    ```python
    import kerasgan

    batches, info = kerasgan.datasets.load("digits", batch_size=64)
    generator, discriminator = kerasgan.networks.mlp(info.image_shape, latent_dim=16)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=16)
    gan.compile()
    gan.fit(batches.take(2), epochs=1, verbose=0)
    images = gan.generate(4, seed=0)  # float32 (4, 8, 8, 1)
    ```

    Reference: Goodfellow et al., 2014, arXiv:1406.2661.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        latent_dim: int,
        num_classes: int | None = None,
        ema: EMA | None = None,
        seed: int | None = None,
        name: str = "gan",
        condition: conditions.Condition | None = None,
    ):
        super().__init__(name=name)
        self.placement = backend.placement()
        first_mistakes.check_order(generator, discriminator)
        self.condition = conditions.resolve(num_classes, condition)
        shapes = network_checks.check_networks(generator, discriminator, latent_dim, self.condition)
        self.image_shape = shapes.image
        self.has_patches = shapes.has_patches
        self.discriminates_by_condition = shapes.discriminates_by_condition
        self.has_classifier = auxiliary_classifier.is_in(discriminator)
        self.generator = generator
        self.discriminator = discriminator
        self.latent_dim = int(latent_dim)
        self.seed = arguments.seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        # Evaluating held-out images must not change the latents that training draws next.
        self.validation_seed_generator = keras.random.SeedGenerator(0)
        self._trackers = {name: keras.metrics.Mean(name=name) for name in LOGS}
        self.augment_probability = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="augment_probability", dtype="float32", autocast=False
        )
        self.ema = arguments.instance("ema", ema, EMA, "kerasgan.ema.EMA(10_000)")
        self.averaged_generator = None if ema is None else _copy(generator)
        self.diagnostics: step.Recorder | None = None
        self.current_fit: fit_data.Fit | None = None
        self.pool: step.ImagePool | None = None
        self.sample_function = backend.sampler(self.sampler, self.latent_dim, self.condition)
        self.placement.check_networks(self)
        self.built = True

    @property
    def num_classes(self) -> int | None:
        """The number of classes, where the condition is `kerasgan.conditions.Classes`; None otherwise."""
        return getattr(self.condition, "num_classes", None)

    @property
    def data_spec(self) -> tuple[tuple[int, ...], conditions.Condition | None]:
        """What `fit` takes: the shape of one image, and the condition that comes with it or None."""
        return self.image_shape, self.condition

    @property
    def sampler(self) -> keras.Model:
        """The network that draws samples: the averaged generator where there is one, or else the generator."""
        return self.generator if self.averaged_generator is None else self.averaged_generator

    def compile(
        self,
        d_optimizer: str | keras.optimizers.Optimizer = "adam",
        g_optimizer: str | keras.optimizers.Optimizer = "adam",
        objective: str | objectives.Objective = "non_saturating",
        penalties: str | penalties.Penalty | Sequence[str | penalties.Penalty] = (),
        updates: Any = "alternating",
        augment: Any = None,
        reconstruction: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        **others: Any,
    ) -> None:
        """Configures training.

        Args:
            d_optimizer, g_optimizer: Keras optimizers, one each, or their names; `"adam"` is Adam(2e-4, beta_1=0.5).
            objective: what the two networks minimize: a name or a value of `kerasgan.objectives`.
            penalties: what is added to the discriminator's loss: one or several values of `kerasgan.penalties`, or
                their names. Their sum is then logged as `d_penalty`.
            updates: the update rule: a name or a value of `kerasgan.updates`.
            augment: what the discriminator's images go through, real and generated alike: a name or a value of
                `kerasgan.augment`; None for nothing. Its probability is then logged as `augment_probability`.
            reconstruction: a distance between generated images and real ones that is added to the generator's loss, for
                a GAN with a condition: a name or a value of `kerasgan.reconstruction`; None for none. It is then logged
                as `g_reconstruction`.
            run_eagerly: True runs the step as plain Python, for debugging.
            steps_per_execution: training steps for each call into the engine; above 1 saves Python's overhead for
                small networks, and callbacks see only the last step of each call. It is 1, with a warning, under a
                distribution strategy.
            jit_compile: True compiles the step with XLA; `"auto"` does so on JAX, and on TensorFlow where there is a
                GPU. On JAX False runs each operation by itself, which is slow.
            others: there are none; what other Keras models take is answered with what to use here.

        Raises:
            TypeError: for any other argument.
            ValueError: for an unknown name, one optimizer for both networks, or values that are unsound together: a
                Wasserstein critic whose gradient nothing bounds, a penalty on a critic with batch norm, one-stage
                updates with a discriminator that does not evaluate each image by itself; or for what several replicas
                cannot do: loss scaling, XLA, optimizers that accumulate gradients or were made elsewhere.
        """
        if others:
            raise first_mistakes.unknown_compile_arguments(others, inspect.signature(self.compile).parameters)
        penalties = arguments.penalties(penalties)
        run_eagerly = arguments.truth("run_eagerly", run_eagerly)
        jit_compile = arguments.truth("jit_compile", jit_compile, ("auto", None))
        steps_per_execution = arguments.steps_per_execution(steps_per_execution)
        objective, penalties, updates, augment = _values_of(objective, penalties, updates, augment)
        reconstruction = reconstructions.get(reconstruction)
        if augment is not None:
            first_mistakes.check_augmented_condition(self.condition)
            augment.check(self.image_shape)
        if reconstruction is not None:
            reconstruction.check(self)
        network_checks.check_combination(self.discriminator, objective, penalties)
        if objective.no_total_loss:
            warnings.warn(objective.no_total_loss, stacklevel=2)
        updates.check(self.discriminator)
        self.jit_compile_setting = jit_compile
        self.objective, self.penalties, self.updates = objective, penalties, updates
        self.reconstruction = reconstruction
        if not self.compiled or augment != self.augment:  # else a loaded model would lose its probability
            self.augment_probability.assign(0.0 if augment is None else augment.initial_probability)
        self.augment = augment
        steps_per_execution = self.placement.checked_steps(steps_per_execution)
        with self.placement.scope():
            self.d_optimizer, self.g_optimizer = optimizers.for_both(
                d_optimizer, g_optimizer, self.discriminator, self.generator
            )
        self.placement.check_compiled(self, jit_compile)
        super().compile(
            optimizer=optimizers.OptimizerPair(self.d_optimizer, self.g_optimizer),
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=False,  # each optimizer scales its own loss
        )

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> keras.callbacks.History:
        """Trains both networks; every argument is that of `keras.Model.fit`.

        Args:
            x: real images in [-1, 1]: what `kerasgan.datasets.load` returns, a `tf.data.Dataset` of batches, an array
                (n, height, width, channels), or anything else that `keras.Model.fit` takes. Only arrays are shuffled
                here. A conditional GAN takes batches of pairs (images, labels), or (images, conditions).
            y: the labels of an array, int (n,), or its conditions (n, ...); None for a GAN without.
            validation_data: real images that are not trained on, as `x` or a pair (images, labels), for the `val_`
                logs.

        Returns:
            The `keras.callbacks.History` of the logs.

        Raises:
            ValueError: before any training, if the model is not compiled, or the images are empty, not floats in
                [-1, 1], of another shape, hold NaN, or come in batches too small for the update rule. A dataset's
                values are checked as they are read, each batch before it is trained on.
        """
        self._check_compiled("fit")
        first_mistakes.warn_of_monitors(callbacks, validation_data is not None or validation_split > 0)
        options = {
            "shuffle": shuffle,
            "validation_split": validation_split,
            "initial_epoch": initial_epoch,
            "steps_per_epoch": steps_per_epoch,
        }
        x, validation_data, samples = fit_data.watch(self, callbacks, x, y, validation_data, validation_split)
        x, y = fit_data.prepare(self, x, y, batch_size, self.updates.d_steps, options)
        held_out_size = validation_batch_size or batch_size
        validation_data = fit_data.prepare_held_out(self, validation_data, held_out_size, validation_steps)
        bounds = (x, "steps_per_epoch", steps_per_epoch), (validation_data, "validation_steps", validation_steps)
        notices = [fit_data.length_notice(*bound) for bound in bounds]
        context = fit_data.fit_context(self, callbacks, x, samples, notices)
        with fit_checks.refusals_as_value_errors(), context as callbacks:
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
                steps_per_epoch=fit_data.keras_steps_per_epoch(x, steps_per_epoch),
                validation_steps=validation_steps,
                validation_batch_size=validation_batch_size,
                validation_freq=validation_freq,
            )

    def evaluate(self, x: Any = None, y: Any = None, batch_size: int | None = None, **options: Any) -> Any:
        """Evaluates held-out real images and generated ones: `keras.Model.evaluate`, the latents always the same.

        Raises:
            ValueError: as `fit` does.
        """
        self._check_compiled("evaluate")
        of_fit = keras_internals.uses_cached_validation(options)  # `fit` has checked its own
        steps = options.get("steps")
        if not of_fit:
            x, y = fit_data.prepare(self, x, y, batch_size, 1, fit_data.evaluation_options("steps", steps))
        self.validation_seed_generator.state.assign([0, 0])
        with fit_checks.refusals_as_value_errors(), fit_data.length_notice(None if of_fit else x, "steps", steps):
            return super().evaluate(x, y, batch_size=batch_size, **options)

    def record_diagnostics(self) -> None:
        """Makes training steps record `kerasgan.step.DIAGNOSTICS` in `diagnostics`, from now on.

        The norms of the gradients and the diversity of the images are among them; the step takes a little longer.
        """
        if self.diagnostics is None:
            with self.placement.scope():
                self.diagnostics = step.Recorder()
            self.train_function = None  # it was traced without
        self.diagnostics.read()

    def train_step(self, *state_and_data: Any) -> Any:
        """Trains on one batch. Keras calls it with `data` on TensorFlow, and on JAX with the state of all variables."""
        return backend.run_step(self, self._train_on, *state_and_data)

    def test_step(self, *state_and_data: Any) -> Any:
        """Evaluates one batch. Keras calls it as it calls `train_step`."""
        return backend.run_step(self, self._test_on, *state_and_data)

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Returns images from latents, or from [latents, labels]."""
        return self.sampler(inputs, training=training)

    def export(
        self,
        filepath: Any,
        format: str | None = None,
        what: str | None = None,
        precision: str | None = None,
        check: bool = True,
        value_scale: Any = None,
        rate: int | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """Writes a network for use without Keras, checks it, and returns its card: see `kerasgan.export.export`."""
        return export(self, filepath, format, what, precision, check, value_scale, rate, **options)

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables of `metrics`, of the diagnostics and of the pool: JAX carries these from step to step."""
        others = [each.variables for each in (self.diagnostics, self.pool) if each is not None]
        return sum(others, super().metrics_variables)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The running means behind the logs; the total loss is among them only where it means something."""
        left_out = [] if self.has_classifier else ["d_class_loss"]
        if self.compiled and not self.objective.has_total_loss:
            left_out.append("loss")
        if self.compiled and not self.penalties:
            left_out.append("d_penalty")
        if self.compiled and self.augment is None:
            left_out.append("augment_probability")
        if self.compiled and self.reconstruction is None:
            left_out.append("g_reconstruction")
        return [metric for metric in super().metrics if metric.name not in left_out]

    def on_epoch_iterator(self, iterator: Any) -> None:
        """Keeps Keras's iterator over training batches for callbacks; later calls in a fit are of its validation."""
        if self.current_fit is not None and self.current_fit.iterator is None:
            self.current_fit.iterator = iterator

    def replace_step_function(self, step_function: Any) -> Any:
        """Returns what Keras calls to run a step on all replicas; None for its own."""
        return self.placement.step_function(step_function, self.run_eagerly)

    def _train_on(self, data):
        results = step.train_step(self, *self.batch_of(data))
        if self.diagnostics is not None:
            self.diagnostics.add(results)
        return self._report(results)

    def _test_on(self, data):
        results = step.test_step(self, *self.batch_of(data), self.validation_seed_generator)
        logs = self._report(results)
        return {name: logs[name] for name in logs if name in (*results, "loss")}  # nothing is updated here

    def _report(self, results):
        """Updates the running means from one step's results, and returns all of them as the logs."""
        if self.objective.has_total_loss:
            # Not `+`: with the mean's own sum, TensorFlow would make one of three terms, in an order that varies from
            # one process to the next, and with it the last bit.
            both = keras.ops.stack([results["d_loss"], results["g_loss"]])
            keras_internals.total_loss_metric(self).update_state(keras.ops.sum(both))
        for name, tracker in self._trackers.items():
            if name in results:
                tracker.update_state(results[name])
        return self.get_metrics_result()

    def batch_of(self, data: Any) -> tuple[Any, Any]:
        """Returns the images and the conditions (or None) of one batch of `fit`, checked, as the step takes them."""
        images, condition, _ = keras.utils.unpack_x_y_sample_weight(data)
        image_shape, expected = self.data_spec
        fit_checks.check_condition(expected, condition)
        image_checks.check_image_spec(images.shape, images.dtype, image_shape)
        if condition is not None:
            expected.check_spec(condition.shape, condition.dtype)
            condition = keras.ops.cast(condition, expected.dtype)
        return keras.ops.cast(images, "float32"), condition

    def _check_compiled(self, method):
        if not self.compiled:
            raise ValueError(
                f"A GAN must be compiled before `{method}`. Received: a GAN that is not compiled. Call gan.compile() "
                "first; its defaults are a good start."
            )


def _values_of(objective, given_penalties, rule, augmentation):
    """Returns the values that the arguments of `compile` stand for."""
    return objectives.get(objective), penalties.get(given_penalties), updates.get(rule), augment.get(augmentation)


def _copy(network):
    """Returns a network of the same layers and weights, with variables of its own."""
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    copy.name = f"averaged_{network.name}"
    copy.set_weights(network.get_weights())
    copy.trainable = False
    return copy
