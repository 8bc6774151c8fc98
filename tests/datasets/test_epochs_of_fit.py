"""Laws of data in `fit`, on either engine: epoch e of a fit trains on epoch e of the data.

`tests/backend/test_jax.py` runs this file on JAX, too.
"""

import warnings

import keras
import numpy as np
import pytest
from test_batches import BATCHES, first, numbered, numbers

import kerasgan
from kerasgan.callbacks import Checkpoint


class Recorder(kerasgan.GAN):
    """A GAN that keeps the numbers of the images of each batch that it trains on, or evaluates."""

    trained: list
    evaluated: list
    learns: bool

    def train_step(self, *state_and_data):
        self.trained += numbers(keras.utils.unpack_x_y_sample_weight(state_and_data[-1])[:1])
        if self.learns:
            return super().train_step(*state_and_data)
        logs = {"d_loss": 0.0}
        return logs if keras.backend.backend() == "tensorflow" else (logs, state_and_data[0])

    def test_step(self, *state_and_data):
        self.evaluated += numbers(keras.utils.unpack_x_y_sample_weight(state_and_data[-1])[:1])
        return super().test_step(*state_and_data)


def make_recorder(num_classes=None, learns=False, **options):
    networks = kerasgan.networks.mlp((2, 2, 1), latent_dim=2, width=2, num_classes=num_classes)
    gan = Recorder(*networks, latent_dim=2, num_classes=num_classes)
    gan.compile(run_eagerly=True, **options)
    gan.learns, gan.trained, gan.evaluated = learns, [], []
    return gan


def trained_on(batches, gan=None, **options):
    """Returns the numbers of the images of each batch of a fit."""
    gan = gan or make_recorder()
    gan.trained, gan.evaluated = [], []
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*ran out of data")
        gan.fit(batches, verbose=0, **options)
    return gan.trained


def epochs(batches, *wanted):
    return [batch for number in wanted for batch in numbers(batches.epoch(number))]


def test_each_epoch_trains_on_its_own_epoch_of_the_data():
    batches = numbered()
    next(iter(batches)), numbers(batches.epoch(3))
    assert trained_on(batches, epochs=3) == epochs(batches, 0, 1, 2)


def test_every_fit_begins_with_its_initial_epoch():
    batches, gan = numbered(), make_recorder()
    assert trained_on(batches, gan, epochs=2) == trained_on(batches, gan, epochs=2) == epochs(batches, 0, 1)
    assert trained_on(batches, gan, initial_epoch=2, epochs=4) == epochs(batches, 2, 3)


@pytest.mark.parametrize("steps", [3, BATCHES, 9])
@pytest.mark.parametrize("initial_epoch", [0, 2])
def test_with_steps_per_epoch_epochs_are_so_long_one_after_another(steps, initial_epoch):
    batches = numbered()
    found = trained_on(batches, epochs=4, steps_per_epoch=steps, initial_epoch=initial_epoch)
    assert found == first(batches, 4 * steps)[initial_epoch * steps :]


@pytest.mark.parametrize("steps_per_epoch", [None, 5])
def test_a_call_of_several_steps_ends_with_its_epoch(steps_per_epoch):
    batches, gan = numbered(), make_recorder(steps_per_execution=2)
    found = trained_on(batches, gan, epochs=3, steps_per_epoch=steps_per_epoch)
    assert found == first(batches, 3 * (steps_per_epoch or BATCHES))


def test_compiled_steps_train_on_the_same_batches(make_gan):
    """The losses are those of a training on the batches as arrays, one epoch after another."""
    batches, gan, histories = numbered(), make_gan((2, 2, 1), width=2), []
    for number in range(3):
        images = np.concatenate([np.asarray(batch) for batch in batches.epoch(number)])
        histories.append(gan.fit(images, batch_size=10, shuffle=False, verbose=0).history)
    found = make_gan((2, 2, 1), width=2).fit(batches, epochs=3, verbose=0).history
    for name, values in found.items():
        np.testing.assert_allclose(values, [each[name][0] for each in histories], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("skip", [0, 2, BATCHES, 9])
@pytest.mark.parametrize("options", [{}, {"initial_epoch": 1}, {"steps_per_epoch": 4}])
def test_a_fit_begins_after_the_batches_that_training_has_had(skip, options):
    """What was left of that epoch, and then whole ones."""
    length = options.get("steps_per_epoch", BATCHES)
    count = 3 - options.get("initial_epoch", 0)
    begin = skip or options.get("initial_epoch", 0) * length
    found = trained_on(numbered(skip_batches=skip), epochs=3, **options)
    assert found == first(numbered(), (begin // length + count) * length)[begin:]


def test_the_steps_of_an_epoch_are_counted_from_its_beginning():
    class Steps(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append(batch)

    steps = []
    trained_on(numbered(skip_batches=5), epochs=2, callbacks=[Steps()])
    assert steps == [5, 6, *range(BATCHES)]


def test_parts_repetitions_and_functions_are_trained_on_as_they_are_read():
    batches = numbered(labels=True).take(3).repeat(2).map(lambda images, labels: images)
    assert trained_on(batches, epochs=2) == epochs(batches, 0, 1)
    assert trained_on(batches, epochs=2, steps_per_epoch=4) == first(batches, 8)


def test_a_list_of_callbacks_that_is_built_already_is_taken():
    gan, batches = make_recorder(), numbered()
    callbacks = keras.callbacks.CallbackList([keras.callbacks.History()], model=gan, epochs=2)
    assert trained_on(batches, gan, epochs=2, callbacks=callbacks) == epochs(batches, 0, 1)
    assert len(callbacks.callbacks) == 1


@pytest.mark.parametrize("steps_per_epoch", [None, 3])
def test_a_resumed_fit_goes_on_with_the_next_batch(tmp_path, steps_per_epoch):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if len(self.model.trained) == 10:
                raise KeyboardInterrupt

    def fit(*callbacks):
        gan, checkpoint = make_recorder(learns=True), Checkpoint(tmp_path, every_steps=1, resume=True)
        options = {"epochs": 5, "steps_per_epoch": steps_per_epoch, "callbacks": [*callbacks, checkpoint]}
        try:
            return trained_on(numbered(), gan, **options)
        except KeyboardInterrupt:
            return gan.trained

    # The tenth step is not among those that were saved: the callback before the checkpoint stopped it.
    assert fit(Stop())[:9] + fit() == first(numbered(), 5 * (steps_per_epoch or BATCHES))


def test_evaluation_takes_epoch_0_from_its_beginning_each_time():
    batches, gan = numbered(skip_batches=3), make_recorder()
    trained_on(numbered(), gan, epochs=2, validation_data=batches)
    assert gan.evaluated == 2 * epochs(batches, 0)
    gan.evaluated = []
    assert gan.evaluate(batches, verbose=0) == gan.evaluate(batches, verbose=0)
    assert gan.evaluated == 2 * epochs(batches, 0)


def test_batches_without_labels_are_not_those_of_a_gan_with_classes():
    with pytest.raises(ValueError, match=r"has 70 classes.*Received: batches of images alone.*labels=True"):
        trained_on(numbered(), make_recorder(num_classes=70))
    with pytest.raises(ValueError, match=r"unconditional.*Received: batches of images and labels.*Leave the labels"):
        trained_on(numbered(labels=True))


def test_labels_must_be_among_the_classes_before_anything_is_trained():
    gan = make_recorder(num_classes=69)
    with pytest.raises(ValueError, match=r"\[0, 69\)\. Received: labels from 0 to 69"):
        trained_on(numbered(labels=True), gan)
    assert gan.trained == []


def test_labels_besides_batches_are_refused():
    with pytest.raises(ValueError, match=r"hold their labels themselves\. Received: batches, and y of type ndarray"):
        trained_on(numbered(), y=np.arange(70))


def test_a_function_that_spoils_a_batch_is_noticed_before_it_is_trained_on():
    gan = make_recorder()
    with pytest.raises(ValueError, match=r"Images must lie in \[-1, 1\]\. Received: values from"):
        trained_on(numbered().map(lambda images: images * 100 + 100), gan)
    assert gan.trained == []


@pytest.mark.parametrize("steps_per_epoch", [0, 2.5, True])
def test_steps_per_epoch_is_a_whole_number(steps_per_epoch):
    with pytest.raises(ValueError, match=f"Received: steps_per_epoch={steps_per_epoch}"):
        trained_on(numbered(), steps_per_epoch=steps_per_epoch)
