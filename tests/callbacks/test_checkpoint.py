"""Checkpoint: what was stopped goes on as if it had not been, bit for bit."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config

import kerasgan
from kerasgan.resume import checkpoint_files, interrupts, model_state
from kerasgan.callbacks import Checkpoint, Equilibrium
from kerasgan.callbacks.checkpoint import restore

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 1), "uint8")  # 7 batches of 10


@pytest.fixture(autouse=True)
def determinism():
    config.enable_op_determinism()
    yield
    config.disable_op_determinism()


class Dies(keras.callbacks.Callback):
    """Ends a training as a power cut does, after a number of calls into the training step."""

    def __init__(self, after):
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("power cut")


class Notes(keras.callbacks.Callback):
    """The logs of every epoch, and the numbers of the batches."""

    def __init__(self):
        super().__init__()
        self.epochs, self.batches = {}, []

    def on_train_batch_begin(self, batch, logs=None):
        self.batches.append(batch)

    def on_epoch_end(self, epoch, logs=None):
        self.epochs[epoch] = dict(logs)


class Fit:
    """A training of four epochs that can be stopped and taken up, each time with new objects as in a new process."""

    def __init__(self, make_gan, folder, epochs=4, passes=1, **options):
        self.make_gan, self.folder, self.epochs, self.passes, self.options = make_gan, folder, epochs, passes, options
        self.notes = Notes()

    def run(self, *callbacks, seed=0, **checkpoint_options):
        """Trains to the end or to the power cut. Returns the GAN, or None."""
        gan = self.make_gan(seed=seed, **self.options)
        checkpoint = Checkpoint(self.folder, resume=True, **checkpoint_options)
        dataset, _ = kerasgan.datasets.load(
            IMAGES, 10, seed=1, passes=self.passes, skip_batches=checkpoint.skip_batches()
        )
        callbacks = [self.notes, *callbacks, checkpoint]
        try:
            gan.fit(dataset, epochs=self.epochs, callbacks=callbacks, verbose=0)
        except RuntimeError:
            return None
        self.checkpoint = checkpoint
        return gan


def same(one, other):
    """Whether two games hold the same bits in every variable but the running means, which each epoch begins anew."""
    first, second = (
        {name: array for name, array in model_state.arrays(gan).items() if not name.startswith("metrics/")}
        for gan in (one, other)
    )
    assert first.keys() == second.keys()
    return all(np.array_equal(first[name], second[name]) for name in first)


slow = pytest.mark.slow
GAMES = [
    pytest.param(
        {"ema": kerasgan.ema.EMA(100), "augment": kerasgan.augment.Adaptive(adjust_images=200)}, id="averaged, adaptive"
    ),
    pytest.param({}, id="alternating", marks=slow),
    pytest.param({"updates": kerasgan.updates.Alternating(2)}, id="two steps", marks=slow),
    pytest.param({"updates": "simultaneous"}, id="simultaneous", marks=slow),
    pytest.param({"updates": "one_stage", "penalties": kerasgan.penalties.R1(1.0, 3)}, id="lazy", marks=slow),
]


@pytest.fixture
def make_any(make_gan):
    """As `make_gan`, with dropout in the discriminator and an averaged generator where it is asked for."""

    def make(seed=0, ema=None, **options):
        keras.utils.set_random_seed(seed)
        generator, _ = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16)
        layers = keras.layers
        discriminator = keras.Sequential(
            [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dropout(0.3), layers.Dense(16, "relu"), layers.Dense(1)]
        )
        gan = kerasgan.GAN(generator, discriminator, latent_dim=4, ema=ema, seed=seed)
        gan.compile(**options)
        return gan

    return make


@pytest.mark.parametrize("gan", GAMES)
def test_a_training_that_was_killed_ends_as_one_that_was_not(gan, make_any, tmp_path):
    straight = Fit(make_any, tmp_path / "straight", **gan)
    whole = straight.run()
    stopped = Fit(make_any, tmp_path / "stopped", **gan)
    assert stopped.run(Dies(after=12), every_steps=2) is None
    stopped.notes.batches.clear()
    resumed = stopped.run(seed=99, every_steps=2)
    assert stopped.checkpoint.position.step == 11 and stopped.notes.batches[:4] == [4, 5, 6, 0]
    assert same(whole, resumed)
    assert stopped.notes.epochs == straight.notes.epochs


@pytest.mark.parametrize("after", [3, *(pytest.param(after, marks=slow) for after in (2, 4, 8, 9))])
def test_executions_of_several_steps_and_passes(after, make_gan, tmp_path):
    """14 batches an epoch in calls of 4: the last call of each epoch is a short one."""
    options = {"epochs": 3, "passes": 2, "steps_per_execution": 4}
    straight = Fit(make_gan, tmp_path / "straight", **options)
    whole = straight.run()
    stopped = Fit(make_gan, tmp_path / "stopped", **options)
    assert stopped.run(Dies(after), every_steps=1) is None
    resumed = stopped.run(seed=99, every_steps=1)
    assert same(whole, resumed)
    assert stopped.notes.epochs == straight.notes.epochs


@slow
def test_a_training_that_came_to_its_end_does_nothing_more(make_gan, tmp_path):
    fit = Fit(make_gan, tmp_path / "run")
    first = fit.run()
    fit.notes.batches.clear()
    again = fit.run(seed=99)
    assert fit.notes.batches == [] and same(first, again)


@slow
def test_more_epochs_than_before(make_gan, tmp_path):
    whole = Fit(make_gan, tmp_path / "whole").run()
    Fit(make_gan, tmp_path / "parts", epochs=2).run()
    assert same(whole, Fit(make_gan, tmp_path / "parts", epochs=4).run(seed=99))


@slow
@pytest.mark.parametrize("per_call", [1, 2])  # of steps_per_epoch=5, three calls of two are six
def test_data_without_end_in_epochs_of_given_length(per_call, make_gan, tmp_path):
    def run(folder, *callbacks, seed=0):
        gan, checkpoint = (
            make_gan(seed=seed, steps_per_execution=per_call),
            Checkpoint(folder, every_steps=3, resume=True),
        )
        dataset, _ = kerasgan.datasets.load(IMAGES, 10, skip_batches=checkpoint.skip_batches())
        callbacks = [*callbacks, checkpoint]
        gan.fit(dataset.repeat(), epochs=4, steps_per_epoch=5, callbacks=callbacks, verbose=0)
        return gan

    whole = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "parts", Dies(5))
    assert same(whole, run(tmp_path / "parts", seed=99))


@slow
def test_data_of_unknown_length(make_gan, tmp_path):
    """Keras learns how long an epoch is from the first one, of which only the rest is seen."""
    batches = (IMAGES / np.float32(127.5) - 1).reshape(7, 10, 8, 8, 1)

    def run(folder, *callbacks, seed=0):
        gan, checkpoint, begin = make_gan(seed=seed), Checkpoint(folder, every_steps=3, resume=True), []

        def give():
            begin.append(0 if begin else checkpoint.skip_batches())
            yield from batches[begin[-1] :]

        begin_at = checkpoint.skip_batches()
        dataset = tf.data.Dataset.from_generator(give, output_signature=tf.TensorSpec((10, 8, 8, 1)))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Your input ran out of data")
            gan.fit(dataset, epochs=3, callbacks=[*callbacks, checkpoint], verbose=0)
        return gan, begin_at

    whole, _ = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "parts", Dies(5))
    resumed, begin_at = run(tmp_path / "parts", seed=99)
    assert begin_at == 3 and same(whole, resumed)


@slow
def test_with_validation(make_gan, tmp_path):
    """Validation uses the same running means, in between."""
    held_out = IMAGES[:20] / np.float32(127.5) - 1

    def run(folder, *callbacks, seed=0):
        gan, checkpoint, notes = make_gan(seed=seed), Checkpoint(folder, every_steps=2, resume=True), Notes()
        dataset, _ = kerasgan.datasets.load(IMAGES, 10, skip_batches=checkpoint.skip_batches())
        callbacks = [notes, *callbacks, checkpoint]
        gan.fit(dataset, epochs=3, validation_data=held_out, callbacks=callbacks, verbose=0)
        return notes.epochs

    whole = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "parts", Dies(12))
    rest = run(tmp_path / "parts", seed=99)
    assert rest.keys() == {1, 2} and all(rest[epoch] == whole[epoch] for epoch in rest)
    assert "val_d_real" in rest[1]


@slow
def test_data_that_did_not_begin_at_the_place_are_noticed(make_gan, tmp_path):
    Fit(make_gan, tmp_path / "run").run(Dies(10), every_steps=2)
    dataset, _ = kerasgan.datasets.load(IMAGES, 10)
    checkpoint = Checkpoint(tmp_path / "run", resume=True)
    with pytest.warns(UserWarning, match="may begin at another"):
        make_gan().fit(dataset, epochs=2, callbacks=checkpoint, verbose=0)


@slow
def test_another_batch_size_is_refused_within_an_epoch(make_gan, tmp_path):
    Fit(make_gan, tmp_path / "run").run(Dies(10), every_steps=2)
    dataset, _ = kerasgan.datasets.load(IMAGES, 35)
    with pytest.raises(ValueError, match="2 batches an epoch for a checkpoint with 7"):
        make_gan().fit(dataset, epochs=2, callbacks=[Checkpoint(tmp_path / "run", resume=True)], verbose=0)


def test_a_new_training_needs_a_folder_of_its_own(make_gan, tmp_path):
    Fit(make_gan, tmp_path, epochs=1).run()
    gan, (dataset, _) = make_gan(), kerasgan.datasets.load(IMAGES, 10)
    with pytest.raises(ValueError, match=r"step-00000007\.checkpoint.*resume=True"):
        gan.fit(dataset, callbacks=[Checkpoint(tmp_path)], verbose=0)
    assert restore(gan, tmp_path).step == 7
    gan.fit(dataset, callbacks=[Checkpoint(tmp_path)], verbose=0)  # which goes on from there
    assert [path.stem for path in checkpoint_files.files(tmp_path)] == ["step-00000014", "step-00000007"]


# Callbacks


def test_counters_of_callbacks_go_on(make_gan, tmp_path):
    def callbacks():
        stop = keras.callbacks.EarlyStopping("g_loss", mode="min", patience=5, restore_best_weights=True, min_delta=100)
        plateau = keras.callbacks.ReduceLROnPlateau("g_loss", mode="min", patience=2, min_delta=100, min_lr=0)
        return [stop, plateau, keras.callbacks.ModelCheckpoint(tmp_path / "m.keras", save_best_only=True, mode="min")]

    def kept(callbacks):
        stop, plateau, model = callbacks
        numbers = (stop.wait, stop.best, stop.best_epoch, plateau.wait, plateau.best, plateau.cooldown_counter)
        return *numbers, model.best, [weight.tolist() for weight in stop.best_weights]

    first, second, whole = callbacks(), callbacks(), callbacks()
    for each in (first, second, whole):
        each[2].monitor = "g_loss"
    straight = Fit(make_gan, tmp_path / "straight").run(*whole)
    fit = Fit(make_gan, tmp_path / "stopped")
    fit.run(*first, Dies(after=23))
    resumed = fit.run(*second, seed=99)
    assert kept(second) == kept(whole) and second[0].wait == 3
    rates = [[float(each.learning_rate) for each in gan.optimizer.optimizers] for gan in (straight, resumed)]
    assert rates[0] == rates[1] and rates[0][0] < 2e-4  # the plateau was counted across the two


@slow
def test_equilibrium_goes_on_having_seen_the_discriminator_tell(make_gan, tmp_path):
    seen = []
    for _ in range(2):
        watch = Equilibrium(IMAGES / np.float32(127.5) - 1, stop=False)
        watch._could_tell = not seen
        Fit(make_gan, tmp_path / "run", epochs=1 + len(seen)).run(watch)
        seen.append(watch._could_tell)
    assert seen == [True, True]
    with pytest.raises(ValueError, match="must be one that Equilibrium returned"):
        watch.set_state({"_could_tell": True})


@slow
def test_the_steps_of_tensorboard_go_on(make_gan, tmp_path):
    boards = [keras.callbacks.TensorBoard(tmp_path / name, update_freq=1) for name in "ab"]
    fit = Fit(make_gan, tmp_path / "run")
    fit.run(boards[0], Dies(10), every_steps=2)
    fit.run(boards[1], seed=99)
    assert boards[1]._global_train_batch == 4 * 7


def test_it_stands_last(make_gan, tmp_path):
    late = keras.callbacks.EarlyStopping("loss", mode="min")
    with pytest.raises(ValueError, match="Put Checkpoint at the end"):
        dataset, _ = kerasgan.datasets.load(IMAGES, 10)
        make_gan().fit(dataset, callbacks=[Checkpoint(tmp_path), late], verbose=0)


@slow
def test_a_training_that_was_stopped_early_stays_stopped(make_gan, tmp_path):
    def stop():
        return keras.callbacks.EarlyStopping("loss", mode="min", patience=1, min_delta=100)

    fit = Fit(make_gan, tmp_path / "run")
    fit.run(stop())
    fit.notes.epochs.clear()
    fit.run(stop(), seed=99)
    assert fit.notes.epochs == {}


# What is kept


def test_the_last_ones_and_the_best_are_kept(make_gan, tmp_path):
    class Falls(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["score"] = [3.0, 1.0, 2.0, 1.5][epoch]

    fit = Fit(make_gan, tmp_path)
    gan = fit.run(Falls(), keep=2, monitor="score")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.checkpoint",
        "step-00000021.checkpoint",
        "step-00000028.checkpoint",
    ]
    assert restore(gan, tmp_path, best=True).epoch == 2 and gan.g_optimizer.iterations == 14
    assert restore(gan, tmp_path).epoch == 4 and gan.g_optimizer.iterations == 28


@slow
def test_time_alone_can_be_the_measure(make_gan, tmp_path):
    Fit(make_gan, tmp_path / "always").run(Dies(5), every_epochs=None, every_seconds=1e-9)
    Fit(make_gan, tmp_path / "never").run(Dies(5), every_epochs=None, every_seconds=1e9)
    assert len(checkpoint_files.files(tmp_path / "always")) == 3 and not checkpoint_files.files(tmp_path / "never")


@slow
def test_losses_that_are_not_finite_are_not_kept(make_gan, tmp_path):
    wild = {"d_optimizer": keras.optimizers.SGD(1e30), "g_optimizer": keras.optimizers.SGD(1e30)}
    with pytest.warns(UserWarning, match="its losses are not finite"):
        Fit(make_gan, tmp_path, **wild).run()
    assert not checkpoint_files.files(tmp_path)


@slow
def test_a_request_to_stop_ends_the_step_with_a_checkpoint(make_gan, tmp_path):
    class Asks(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == at:
                checkpoint.request_stop(15)

    whole = Fit(make_gan, tmp_path / "whole").run()
    for at in (2, 6):  # within an epoch, and at its end
        checkpoint, gan = Checkpoint(tmp_path / f"{at}"), make_gan()
        dataset, _ = kerasgan.datasets.load(IMAGES, 10, seed=1)
        with pytest.raises(interrupts.Stopped) as stopped:
            gan.fit(dataset, epochs=4, callbacks=[Asks(), checkpoint], verbose=0)
        assert stopped.value.exit_code == 143
        assert stopped.value.checkpoint.name == f"step-{at + 1:08d}.checkpoint"
        assert same(whole, Fit(make_gan, tmp_path / f"{at}").run(seed=99))


@pytest.mark.parametrize("options", [{"every_epochs": -1}, {"every_steps": 1.5}, {"keep": 0}, {"mode": "low"}], ids=str)
def test_settings_out_of_range(options, tmp_path):
    with pytest.raises(ValueError, match="Received"):
        Checkpoint(tmp_path, **options)


@slow
def test_no_warning_where_all_is_well(make_gan, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = Fit(make_gan, tmp_path)
        fit.run(Dies(12), every_steps=2)
        assert fit.run(seed=99) is not None
