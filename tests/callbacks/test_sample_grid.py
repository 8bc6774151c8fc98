"""Laws of SampleGrid: signals as lines, sounds in TensorBoard's audio tab, on both writers."""

import keras
import numpy as np
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import kerasgan
from kerasgan.backend.jax.events import EventFile as JaxEventFile
from kerasgan.backend.tensorflow.events import EventFile
from kerasgan.callbacks import sample_grid
from kerasgan.files import wav_bytes


def events(folder):
    for file in sorted(folder.glob("events.*")):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                yield value.tag, value.tensor.string_val


def sounds(n=3, length=64):
    return np.random.default_rng(0).uniform(-1, 1, (n, length, 1)).astype("float32")


def test_both_writers_write_the_same_sounds(tmp_path):
    for name, kind in (("tf", EventFile), ("jax", JaxEventFile)):
        file = kind(tmp_path / name)
        file.audio("samples/sounds", sounds(), 4000, step=3)
        file.close()
        [(tag, strings)] = list(events(tmp_path / name))
        found = [part for part in strings if part]  # without the labels, which are empty
        assert tag == "samples/sounds" and len(found) == 3
        assert all(part.startswith(b"RIFF") and len(part) == len(wav_bytes(sounds()[0], 4000)) for part in found)


def test_sounds_are_drawn_and_heard_and_training_is_the_same(tmp_path):
    weights = []
    for callbacks in ([], [kerasgan.callbacks.SampleGrid(tmp_path, n=2, real=sounds(), rate=4000)]):
        keras.utils.set_random_seed(0)
        networks = kerasgan.networks.dcgan((64, 1), latent_dim=4, width=2, num_classes=3)
        gan = kerasgan.GAN(*networks, latent_dim=4, num_classes=3, seed=0)
        gan.compile()
        labels = np.arange(8) % 3
        gan.fit(sounds(8), labels, batch_size=4, epochs=1, verbose=0, shuffle=False, callbacks=callbacks)
        weights.append(gan.generator.get_weights())
    assert all(np.array_equal(*pair) for pair in zip(*weights, strict=True))
    tags = [tag for tag, _ in events(tmp_path / "images")]
    assert sorted(tags) == ["samples/grid", "samples/real", "samples/real_sounds", "samples/sounds"]


def test_the_grid_is_chosen_by_the_shape_of_the_data(tmp_path):
    for source, loader, kind in (
        (sounds(), kerasgan.datasets.load_signals, kerasgan.callbacks.SampleGrid),
        (np.zeros((2, 8, 8, 8, 1), "uint8"), kerasgan.datasets.load_volumes, kerasgan.callbacks.SampleGrid),
        (np.zeros((2, 8, 8, 1), "uint8"), kerasgan.datasets.load, kerasgan.callbacks.ImageGrid),
    ):
        info = loader(source, 1)[1]
        assert type(sample_grid.sample_grid(tmp_path, info, None)) is kind
