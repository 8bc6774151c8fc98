"""Checkpoint: a training that was stopped goes on as if it had not been, bit for bit."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from power_cut import PowerCut
from tensorflow.python.framework import config

import kerasgan
from kerasgan.callbacks import Checkpoint, Equilibrium
from kerasgan.resume import checkpoint_files, interrupts, model_state
from kerasgan.resume.restore import restore

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 1), "uint8")  # 7 batches of 10
AT_STEP_3 = {"step": 3, "epoch": 0, "batch": 3, "batches_per_epoch": 7, "best": None, "stopped": False, "callbacks": {}}


@pytest.fixture(autouse=True)
def determinism():
    config.enable_op_determinism()
    yield
    config.disable_op_determinism()


class Recorder(keras.callbacks.Callback):
    """The logs of every epoch, and the numbers of the batches."""

    def __init__(self):
        super().__init__()
        self.epochs, self.batches = {}, []

    def on_train_batch_begin(self, batch, logs=None):
        self.batches.append(batch)

    def on_epoch_end(self, epoch, logs=None):
        self.epochs[epoch] = dict(logs)


class Fit:
    """A training of four epochs that can be stopped and resumed, each time with new objects as in a new process."""

    def __init__(self, make_gan, folder, epochs=4, passes=1, **options):
        self.make_gan, self.folder, self.epochs, self.passes, self.options = make_gan, folder, epochs, passes, options
        self.recorder = Recorder()

    def run(self, *callbacks, seed=0, **checkpoint_options):
        """Trains to the end or to the power cut. Returns the GAN, or None."""
        gan = self.make_gan(seed=seed, **self.options)
        checkpoint = Checkpoint(self.folder, resume=True, **checkpoint_options)
        skip_batches = checkpoint.skip_batches()
        batches, _ = kerasgan.datasets.load(IMAGES, 10, seed=1, passes=self.passes, skip_batches=skip_batches)
        callbacks = [self.recorder, *callbacks, checkpoint]
        try:
            gan.fit(batches, epochs=self.epochs, callbacks=callbacks, verbose=0)
        except RuntimeError:
            return None
        self.checkpoint = checkpoint
        return gan


def same(one, other):
    """Whether two GANs hold the same bits in every variable but the running means, which each epoch resets."""
    first, second = (
        {name: array for name, array in model_state.arrays(gan).items() if not name.startswith("metrics/")}
        for gan in (one, other)
    )
    assert first.keys() == second.keys()
    return all(np.array_equal(first[name], second[name]) for name in first)


slow = pytest.mark.slow
OPTIONS = [
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


@pytest.mark.parametrize("options", OPTIONS)
def test_a_training_that_was_killed_ends_as_one_that_was_not(options, make_any, tmp_path):
    straight = Fit(make_any, tmp_path / "straight", **options)
    whole = straight.run()
    stopped = Fit(make_any, tmp_path / "stopped", **options)
    assert stopped.run(PowerCut(after=12), every_steps=2) is None
    stopped.recorder.batches.clear()
    resumed = stopped.run(seed=99, every_steps=2)
    assert stopped.checkpoint.position.step == 11 and stopped.recorder.batches[:4] == [4, 5, 6, 0]
    assert same(whole, resumed)
    assert stopped.recorder.epochs == straight.recorder.epochs


@pytest.mark.parametrize("after", [3, *(pytest.param(after, marks=slow) for after in (2, 4, 8, 9))])
def test_executions_of_several_steps_and_passes(after, make_gan, tmp_path):
    """14 batches an epoch in calls of 4: the last call of each epoch is a short one."""
    options = {"epochs": 3, "passes": 2, "steps_per_execution": 4}
    straight = Fit(make_gan, tmp_path / "straight", **options)
    whole = straight.run()
    stopped = Fit(make_gan, tmp_path / "stopped", **options)
    assert stopped.run(PowerCut(after), every_steps=1) is None
    resumed = stopped.run(seed=99, every_steps=1)
    assert same(whole, resumed)
    assert stopped.recorder.epochs == straight.recorder.epochs


@slow
def test_a_training_that_came_to_its_end_does_nothing_more(make_gan, tmp_path):
    fit = Fit(make_gan, tmp_path / "run")
    first = fit.run()
    fit.recorder.batches.clear()
    again = fit.run(seed=99)
    assert fit.recorder.batches == [] and same(first, again)


@slow
def test_more_epochs_than_before(make_gan, tmp_path):
    whole = Fit(make_gan, tmp_path / "whole").run()
    Fit(make_gan, tmp_path / "parts", epochs=2).run()
    assert same(whole, Fit(make_gan, tmp_path / "parts", epochs=4).run(seed=99))


@slow
@pytest.mark.parametrize("per_call", [1, 2])  # of steps_per_epoch=5, three calls of two are six
@pytest.mark.parametrize("kind", ["batches", "dataset without end"])
def test_epochs_of_a_given_length(kind, per_call, make_gan, tmp_path):
    def run(folder, *callbacks, seed=0):
        gan = make_gan(seed=seed, steps_per_execution=per_call)
        checkpoint = Checkpoint(folder, every_steps=3, resume=True)
        skip_batches = checkpoint.skip_batches()
        data, _ = kerasgan.datasets.load(IMAGES, 10, skip_batches=skip_batches)
        if kind == "dataset without end":
            data = data.epoch(0).repeat().skip(skip_batches)
        gan.fit(data, epochs=4, steps_per_epoch=5, callbacks=[*callbacks, checkpoint], verbose=0)
        return gan

    whole = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "parts", PowerCut(5))
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
        run(tmp_path / "parts", PowerCut(5))
    resumed, begin_at = run(tmp_path / "parts", seed=99)
    assert begin_at == 3 and same(whole, resumed)


@slow
def test_with_validation(make_gan, tmp_path):
    """Validation uses the same running means, in between."""
    held_out = IMAGES[:20] / np.float32(127.5) - 1

    def run(folder, *callbacks, seed=0):
        gan, checkpoint, recorder = make_gan(seed=seed), Checkpoint(folder, every_steps=2, resume=True), Recorder()
        batches, _ = kerasgan.datasets.load(IMAGES, 10, skip_batches=checkpoint.skip_batches())
        callbacks = [recorder, *callbacks, checkpoint]
        gan.fit(batches, epochs=3, validation_data=held_out, callbacks=callbacks, verbose=0)
        return recorder.epochs

    whole = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "parts", PowerCut(12))
    rest = run(tmp_path / "parts", seed=99)
    assert rest.keys() == {1, 2} and all(rest[epoch] == whole[epoch] for epoch in rest)
    assert "val_d_real" in rest[1]


@slow
def test_a_dataset_that_may_begin_elsewhere_is_warned_of(make_gan, tmp_path):
    """`fit` begins batches at the position by itself; of a `tf.data.Dataset` it does not know where it begins."""
    Fit(make_gan, tmp_path / "run").run(PowerCut(10), every_steps=2)
    batches, _ = kerasgan.datasets.load(IMAGES, 10)
    with pytest.warns(UserWarning, match="may begin at another"):
        make_gan().fit(batches.epoch(0), epochs=2, callbacks=[Checkpoint(tmp_path / "run", resume=True)], verbose=0)


@slow
def test_batches_loaded_without_skip_batches_go_on_at_the_position(make_gan, tmp_path):
    whole = Fit(make_gan, tmp_path / "whole", epochs=2).run()
    Fit(make_gan, tmp_path / "run").run(PowerCut(10), every_steps=2)
    gan, (batches, _) = make_gan(seed=99), kerasgan.datasets.load(IMAGES, 10, seed=1)
    gan.fit(batches, epochs=2, callbacks=[Checkpoint(tmp_path / "run", resume=True)], verbose=0)
    assert same(whole, gan)


@slow
def test_another_batch_size_is_refused_within_an_epoch(make_gan, tmp_path):
    Fit(make_gan, tmp_path / "run").run(PowerCut(10), every_steps=2)
    batches, _ = kerasgan.datasets.load(IMAGES, 35)
    with pytest.raises(ValueError, match="2 batches in an epoch for a checkpoint with 7"):
        make_gan().fit(batches, epochs=2, callbacks=[Checkpoint(tmp_path / "run", resume=True)], verbose=0)


def test_data_asked_for_at_another_position_are_refused(make_gan, tmp_path):
    Fit(make_gan, tmp_path, epochs=1).run()
    checkpoint = Checkpoint(tmp_path, resume=True)
    batches, _ = kerasgan.datasets.load(IMAGES, 10, skip_batches=checkpoint.skip_batches())
    with pytest.warns(UserWarning, match="Passed over"):
        checkpoint_files.files(tmp_path)[0].write_bytes(b"damaged")
        checkpoint_files.write(tmp_path, 3, model_state.arrays(make_gan()), AT_STEP_3)
        with pytest.raises(ValueError, match=r"go on at batch 3.*Received: data for batch 7.*skip_batches=3"):
            make_gan().fit(batches, epochs=2, callbacks=[checkpoint], verbose=0)


def test_a_new_training_needs_a_folder_of_its_own(make_gan, tmp_path):
    Fit(make_gan, tmp_path, epochs=1).run()
    gan, (batches, _) = make_gan(), kerasgan.datasets.load(IMAGES, 10)
    with pytest.raises(ValueError, match=r"step-00000007\.checkpoint.*resume=True"):
        gan.fit(batches, callbacks=[Checkpoint(tmp_path)], verbose=0)
    assert restore(gan, tmp_path)[1].step == 7
    gan.fit(batches, callbacks=[Checkpoint(tmp_path)], verbose=0)  # which goes on from there
    assert [path.stem for path in checkpoint_files.files(tmp_path)] == ["step-00000014", "step-00000007"]


# Callbacks


def test_the_state_of_callbacks_is_restored(make_gan, tmp_path):
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
    fit.run(*first, PowerCut(after=23))
    resumed = fit.run(*second, seed=99)
    assert kept(second) == kept(whole) and second[0].wait == 3
    rates = [[float(each.learning_rate) for each in gan.optimizer.optimizers] for gan in (straight, resumed)]
    assert rates[0] == rates[1] and rates[0][0] < 2e-4  # the plateau was counted across the two


@slow
def test_equilibrium_remembers_that_the_discriminator_was_better_than_chance(make_gan, tmp_path):
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
    fit.run(boards[0], PowerCut(10), every_steps=2)
    fit.run(boards[1], seed=99)
    assert boards[1]._global_train_batch == 4 * 7


def test_it_must_be_the_last_callback(make_gan, tmp_path):
    late = keras.callbacks.EarlyStopping("loss", mode="min")
    with pytest.raises(ValueError, match="Put Checkpoint at the end"):
        batches, _ = kerasgan.datasets.load(IMAGES, 10)
        make_gan().fit(batches, callbacks=[Checkpoint(tmp_path), late], verbose=0)


@slow
def test_a_training_that_was_stopped_early_stays_stopped(make_gan, tmp_path):
    def stop():
        return keras.callbacks.EarlyStopping("loss", mode="min", patience=1, min_delta=100)

    fit = Fit(make_gan, tmp_path / "run")
    fit.run(stop())
    fit.recorder.epochs.clear()
    fit.run(stop(), seed=99)
    assert fit.recorder.epochs == {}


# Which checkpoints there are


def test_the_last_ones_and_the_best_are_kept(make_gan, tmp_path):
    class Score(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["score"] = [3.0, 1.0, 2.0, 1.5][epoch]

    fit = Fit(make_gan, tmp_path)
    gan = fit.run(Score(), keep=2, monitor="score")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.checkpoint",
        "step-00000021.checkpoint",
        "step-00000028.checkpoint",
    ]
    assert restore(gan, tmp_path, best=True)[1].epoch == 2 and gan.g_optimizer.iterations == 14
    assert restore(gan, tmp_path)[1].epoch == 4 and gan.g_optimizer.iterations == 28


@slow
def test_checkpoints_by_time_alone(make_gan, tmp_path):
    Fit(make_gan, tmp_path / "always").run(PowerCut(5), every_epochs=None, every_seconds=1e-9)
    Fit(make_gan, tmp_path / "never").run(PowerCut(5), every_epochs=None, every_seconds=1e9)
    assert len(checkpoint_files.files(tmp_path / "always")) == 3 and not checkpoint_files.files(tmp_path / "never")


@slow
def test_states_whose_losses_are_not_finite_are_not_saved(make_gan, tmp_path):
    wild = {"d_optimizer": keras.optimizers.SGD(1e30), "g_optimizer": keras.optimizers.SGD(1e30)}
    with pytest.warns(UserWarning, match="its losses are not finite"):
        Fit(make_gan, tmp_path, **wild).run()
    assert not checkpoint_files.files(tmp_path)


@slow
def test_a_request_to_stop_ends_the_step_with_a_checkpoint(make_gan, tmp_path):
    class RequestStop(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == at:
                checkpoint.request_stop(15)

    whole = Fit(make_gan, tmp_path / "whole").run()
    for at in (2, 6):  # within an epoch, and at its end
        checkpoint, gan = Checkpoint(tmp_path / f"{at}"), make_gan()
        batches, _ = kerasgan.datasets.load(IMAGES, 10, seed=1)
        with pytest.raises(interrupts.Stopped) as stopped:
            gan.fit(batches, epochs=4, callbacks=[RequestStop(), checkpoint], verbose=0)
        assert stopped.value.exit_code == 143
        assert stopped.value.checkpoint.name == f"step-{at + 1:08d}.checkpoint"
        assert same(whole, Fit(make_gan, tmp_path / f"{at}").run(seed=99))


@pytest.mark.parametrize(
    "options",
    [{"every_epochs": 0}, {"every_steps": 1.5}, {"every_seconds": -1}, {"keep": 0}, {"mode": "low"}],
    ids=str,
)
def test_settings_out_of_range(options, tmp_path):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"{name} must be .*Received: {name}={value!r}"):
        Checkpoint(tmp_path, **options)


@slow
def test_a_resumed_training_warns_of_nothing(make_gan, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fit = Fit(make_gan, tmp_path)
        fit.run(PowerCut(12), every_steps=2)
        assert fit.run(seed=99) is not None


class Stop(keras.callbacks.Callback):
    """Stops the training after its first epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 0


@pytest.mark.parametrize(("goes_on", "epochs"), [(False, []), (True, [1, 2])])
def test_what_another_callback_has_stopped_goes_on_if_asked_to(goes_on, epochs, make_gan, tmp_path):
    images = (IMAGES / np.float32(127.5) - 1).astype("float32")
    make_gan().fit(images, batch_size=10, epochs=3, callbacks=[Stop(), Checkpoint(tmp_path)], verbose=0)
    checkpoint = Checkpoint(tmp_path, resume=True)
    checkpoint.goes_on = goes_on
    history = make_gan().fit(images, batch_size=10, epochs=3, callbacks=[checkpoint], verbose=0)
    assert history.epoch == epochs
