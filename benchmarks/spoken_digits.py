"""Spoken digits: does a recognizer that was trained on other voices name the digit that was asked for?

    python benchmarks/spoken_digits.py make FOLDER            # WAV files of espeak-ng, a sub-folder for each digit
    kerasgan train FOLDER/train --conditional ...             # a run on them
    python benchmarks/spoken_digits.py judge FOLDER RUN       # the recognizer, on samples and on real voices

The sounds are made by Debian's `espeak-ng`; where it is not installed, nothing is measured. Voices are an accent and a
variant. Three groups share none: those that the GAN is trained on, those that the recognizer is trained on, and those
that are held out for both.
"""

import argparse
import concurrent.futures
import itertools
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import records

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en-gb")
VOICES = {
    "train": ("m3", "m7", "f2", "f4"),
    "recognizer": ("m1", "m2", "m5", "m6", "f1", "f3", "f5", "klatt2", "Andy", "linda"),
    "held_out": ("m4", "m8", "Annie", "rob"),
}
SPEEDS, PITCHES = (190, 205, 220, 235, 250), (30, 40, 50, 60, 70)
"""Words a minute and espeak-ng's own scale of pitch, from 0 to 99."""

RATE, LENGTH = 4_000, 2_048
LOUDNESS = 0.12
"""Root of the mean square of every sound, before clipping."""
START_LEVEL = 0.02
"""A sound begins and ends where it is so loud, as a share of its largest value."""


def missing():
    """Returns why nothing can be measured here, or None."""
    return None if shutil.which("espeak-ng") else "espeak-ng is not installed (Debian's package of that name)"


def sayings(group):
    """Returns (digit, voice, speed, pitch) of each sound of a group, always the same."""
    voices = [f"{accent}+{variant}" for accent in ACCENTS for variant in VOICES[group]]
    return list(itertools.product(range(10), voices, SPEEDS, PITCHES))


def said(digit, voice, speed, pitch):
    """Returns one spoken digit, float32 (LENGTH, 1) in [-1, 1], from its start, as loud as all others."""
    from scipy.signal import resample_poly

    from kerasgan.datasets import sounds

    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "said.wav")
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(file), DIGITS[digit]]
        subprocess.run(command, check=True, capture_output=True)
        values, rate = sounds.read_sound(file)
    values = resample_poly(values[:, 0].astype("float64"), RATE, rate)
    loud = np.flatnonzero(np.abs(values) > START_LEVEL * np.abs(values).max())
    values = values[loud[0] : loud[-1] + 1][:LENGTH]
    values = values * LOUDNESS / np.sqrt(np.mean(values**2))
    return np.pad(np.clip(values, -1, 1), (0, LENGTH - len(values))).astype("float32")[:, None]


def make(group):
    """Returns the sounds of a group, float32 (n, LENGTH, 1), and their digits."""
    spoken = sayings(group)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        values = list(pool.map(lambda each: said(*each), spoken))
    return np.stack(values), np.array([each[0] for each in spoken], "int32")


def write(folder):
    """Writes the sounds of all groups: WAV files for training, arrays for the recognizer."""
    from kerasgan.files import wav_bytes

    for group in VOICES:
        values, digits = make(group)
        np.savez_compressed(folder / f"{group}.npz", sounds=values, labels=digits)
        print(f"{group}: {len(values):,} sounds", flush=True)
        if group != "train":
            continue
        for number, (sound, digit) in enumerate(zip(values, digits, strict=True)):
            file = folder / "train" / f"{digit}_{DIGITS[digit]}" / f"{number:05d}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(wav_bytes(sound, RATE))


# The recognizer


def log_spectrograms(sounds):
    """Returns log magnitudes of short Fourier transforms (n, times, frequencies, 1), of zero mean and unit variance."""
    from kerasgan.signal_pictures import spectrograms

    found = np.log(
        np.concatenate([spectrograms(part) for part in np.array_split(sounds, -(-len(sounds) // 256))]) + 0.1
    )
    found -= found.mean(axis=(1, 2), keepdims=True)
    return (found / (found.std(axis=(1, 2), keepdims=True) + 1e-3)).astype("float32")[..., None]


def recognizer(sounds, digits, epochs=8, seed=1_000_003):
    """Returns a function from sounds to probabilities (n, 10): a small network on spectrograms, trained on sounds that
    are shifted by up to 1/16 of their length, scaled, and have some noise added.
    """
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    copies = []
    for _ in range(2):
        shifts = random.integers(0, LENGTH // 16, len(sounds))
        shifted = np.stack([np.roll(each, shift, axis=0) for each, shift in zip(sounds, shifts, strict=True)])
        noise = random.normal(size=sounds.shape) * 10 ** random.uniform(-4, -1.7, (len(sounds), 1, 1))
        copies.append(shifted * random.uniform(0.5, 1.2, (len(sounds), 1, 1)) + noise)
    inputs = log_spectrograms(np.concatenate(copies).astype("float32"))
    network = keras.Sequential([keras.Input(inputs.shape[1:])])
    for width in (16, 32, 64):
        network.add(layers.Conv2D(width, 3, strides=(2, 2), padding="same", activation="relu"))
        network.add(layers.BatchNormalization())
    for layer in (layers.Flatten(), layers.Dropout(0.3), layers.Dense(10, activation="softmax")):
        network.add(layer)
    network.compile("adam", "sparse_categorical_crossentropy")
    network.fit(inputs, np.tile(digits, 2), batch_size=64, epochs=epochs, verbose=0)
    return lambda given: network.predict(log_spectrograms(given), 256, verbose=0)


def accuracy(probabilities, digits):
    """Returns the share of sounds whose digit is named, over all and for each digit."""
    right = probabilities.argmax(axis=1) == digits
    each = {DIGITS[digit]: round(float(right[digits == digit].mean()), 3) for digit in range(10)}
    return {"all": round(float(right.mean()), 4), **each}


def judge(folder, run, n):
    """Returns the figures of a run's samples beside those of real voices."""
    from kerasgan.runs import models

    stored = {group: np.load(folder / f"{group}.npz") for group in VOICES}
    named = recognizer(stored["recognizer"]["sounds"], stored["recognizer"]["labels"])
    real = {group: accuracy(named(stored[group]["sounds"]), stored[group]["labels"]) for group in ("train", "held_out")}
    figures = {"rate": RATE, "length": LENGTH, "real_training_voices": real["train"], "real_held_out": real["held_out"]}
    gan = models.load(run)
    asked = np.tile(np.arange(10, dtype="int32"), n // 10)
    samples = gan.generate(len(asked), seed=0, labels=asked if gan.num_classes else None)
    probabilities = named(samples)
    if gan.num_classes:
        figures["samples"] = accuracy(probabilities, asked)
        samples = gan.generate(len(asked), seed=1)  # labels at random
        probabilities = named(samples)
    counts = np.bincount(probabilities.argmax(axis=1), minlength=10)
    sure = np.bincount(probabilities.argmax(axis=1)[probabilities.max(axis=1) > 0.9], minlength=10)
    figures |= {"digits_seen": dict(zip(DIGITS, counts.tolist(), strict=True))}
    figures |= {"digits_seen_with_certainty": dict(zip(DIGITS, sure.tolist(), strict=True))}
    return figures


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("make")
    made.add_argument("folder", type=pathlib.Path)
    judged = commands.add_parser("judge")
    judged.add_argument("folder", type=pathlib.Path)
    judged.add_argument("run", type=pathlib.Path)
    judged.add_argument("--n", type=int, default=1000)
    records.add_options(parser, "spoken_digits")
    options = parser.parse_args(arguments)
    reason = missing() if options.command == "make" else None
    if reason is not None:
        print(f"skipped: {reason}")
        return 0
    if options.command == "make":
        options.folder.mkdir(parents=True, exist_ok=True)
        write(options.folder)
        return 0
    figures = judge(options.folder, options.run, options.n)
    print(json.dumps(figures, indent=2))
    records.write(options, figures | {"command": "python benchmarks/spoken_digits.py judge FOLDER RUN"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
