"""Keras's own callbacks, each on a real fit."""

import csv

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import kerasgan

keras_knows_several_optimizers = pytest.mark.skipif(
    tuple(map(int, keras.__version__.split(".")[:2])) < (3, 15),
    reason="the callbacks of Keras 3.14 do not ask a model's optimizer for its `optimizers`",
)


def fit(gan, images, *callbacks, **options):
    defaults = {"batch_size": 32, "epochs": 3, "shuffle": False, "verbose": 0}
    return gan.fit(images, callbacks=list(callbacks), **defaults | options)


def rates(gan):
    return [float(optimizer.learning_rate.numpy()) for optimizer in (gan.d_optimizer, gan.g_optimizer)]


def scalars(folder):
    events = EventAccumulator(str(folder)).Reload()
    return {tag: [event.tensor_proto for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}


@keras_knows_several_optimizers
def test_tensorboard_of_keras_gets_all_losses_and_both_learning_rates(make_gan, images, tmp_path):
    fit(make_gan(), images, keras.callbacks.TensorBoard(tmp_path), validation_data=images[:32])
    train, validation = scalars(tmp_path / "train"), scalars(tmp_path / "validation")
    for key in ("loss", "d_loss", "g_loss", "d_real", "d_fake"):
        assert len(train[f"epoch_{key}"]) == len(validation[f"epoch_{key}"]) == 3
    assert len(train["epoch_learning_rate_d_adam"]) == len(train["epoch_learning_rate_g_adam"]) == 3


def test_model_checkpoint_keeps_the_best(make_gan, images, tmp_path):
    keep = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True, monitor="g_loss", mode="min")
    gan = make_gan()
    best = min(fit(gan, images, keep).history["g_loss"])
    assert keep.best == pytest.approx(best)
    assert keras.models.load_model(tmp_path / "best.keras").generate(2, seed=0).shape == (2, 8, 8, 1)


def test_early_stopping(make_gan, images):
    stop = keras.callbacks.EarlyStopping("loss", mode="min", patience=1, min_delta=100.0)
    assert len(fit(make_gan(), images, stop, epochs=10).epoch) == 2


def test_learning_rate_scheduler_sets_both(make_gan, images):
    gan = make_gan()
    fit(gan, images, keras.callbacks.LearningRateScheduler(lambda epoch, rate: 1e-3 * 0.1**epoch))
    assert rates(gan) == pytest.approx([1e-5, 1e-5])


@keras_knows_several_optimizers
def test_two_time_scales_survive_a_schedule_that_multiplies(make_gan, images):
    gan = make_gan(d_optimizer=keras.optimizers.Adam(4e-4), g_optimizer=keras.optimizers.Adam(1e-4))
    fit(gan, images, keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5))
    assert rates(gan) == pytest.approx([0.5e-4, 0.125e-4])


def test_setting_the_learning_rate_of_the_model_sets_both(make_gan):
    gan = make_gan()
    gan.optimizer.learning_rate = 1e-3
    assert rates(gan) == pytest.approx([1e-3, 1e-3])
    assert float(gan.optimizer.learning_rate) == pytest.approx(1e-3)


def test_reduce_on_plateau_sets_both(make_gan, images):
    gan = make_gan()
    plateau = keras.callbacks.ReduceLROnPlateau("loss", mode="min", factor=0.5, patience=1, min_delta=100.0, min_lr=0.0)
    fit(gan, images, plateau)
    assert rates(gan) == pytest.approx([5e-5, 5e-5])


def test_csv_logger(make_gan, images, tmp_path):
    fit(make_gan(), images, keras.callbacks.CSVLogger(tmp_path / "log.csv"))
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert len(rows) == 3
    assert {"epoch", "loss", "d_loss", "g_loss", "d_real", "d_fake"} <= set(rows[0])


def test_terminate_on_nan(make_gan, images):
    gan = make_gan(d_optimizer=keras.optimizers.SGD(1e30), g_optimizer=keras.optimizers.SGD(1e30))
    history = fit(gan, images, keras.callbacks.TerminateOnNaN(), epochs=10)
    assert len(history.epoch) < 10


def test_backup_and_restore_goes_on_where_it_stopped(make_gan, images, tmp_path):
    class Dies(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("power cut")

    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)

    straight = make_gan()
    fit(straight, images)
    with pytest.raises(RuntimeError, match="power cut"):
        fit(make_gan(), images, backup(), Dies())
    resumed = make_gan(seed=5)
    assert fit(resumed, images, backup()).epoch == [2]
    # Threads may add in another order, which Adam's first steps magnify; weights that were not restored differ by 0.1.
    assert all(np.allclose(a, b, atol=1e-3) for a, b in zip(straight.weights, resumed.weights, strict=True))


@keras_knows_several_optimizers
def test_swap_ema_weights(make_gan, images):
    gan = make_gan(g_optimizer=keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.5))
    fit(gan, images, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    averages = gan.g_optimizer._model_variables_moving_average
    assert all(np.array_equal(a, b) for a, b in zip(averages, gan.generator.trainable_variables, strict=True))
    with pytest.raises(ValueError, match="use_ema=True"):
        fit(make_gan(), images, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))


def test_lambda_callback_gets_the_logs_of_every_step(make_gan, images):
    batches = []
    fit(make_gan(), images, keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(logs)))
    assert len(batches) == 6
    assert all(isinstance(logs["loss"], float) for logs in batches)


def test_one_optimizer_for_both_is_refused(make_gan):
    adam = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="its own optimizer"):
        make_gan(d_optimizer=adam, g_optimizer=adam)


def test_an_optimizer_of_another_gan_is_refused(make_gan):
    with pytest.raises(ValueError, match="built for other"):
        make_gan(d_optimizer=make_gan().d_optimizer)


@pytest.mark.slow
def test_compiling_again_keeps_the_optimizers(make_gan, images):
    gan = make_gan()
    fit(gan, images)
    gan.compile(gan.d_optimizer, gan.g_optimizer, updates=kerasgan.updates.Alternating(2))
    fit(gan, images, epochs=1)
    assert gan.g_optimizer.iterations.numpy() == 8 and gan.d_optimizer.iterations.numpy() == 6 + 4
