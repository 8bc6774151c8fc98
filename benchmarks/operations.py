"""Where a step's time goes: `python benchmarks/operations.py`.

The ten operations that take the most time in one-stage steps on the pairs of `pairs.py`, batch 64, by TensorFlow's own
profiler: before (every layer and optimizer as Keras computes it) and after (`kerasgan.backend.tensorflow`), each by its
name in the graph and its kind. Milliseconds per step; operations that run in parallel add up to more than the step.
All results are saved as JSON in a new file: `--out`.
"""

import argparse
import collections
import os
import pathlib
import tempfile

import pairs
import records

BATCH, STEPS, MOST = 64, 5, 10
AROUND = ("TFE_", "Execut", "Eager", "KernelAndDevice", "train_step", "FunctionRun", "ThreadpoolListener")
"""Entries of the profiler that are not operations, but calls that contain them."""


def milliseconds(pair, fast):
    """Returns the milliseconds per step of each operation, a dict, the slowest first, and of the whole step."""
    import numpy as np
    import tensorflow as tf

    import kerasgan
    from kerasgan import backend

    kept = backend.call_network, backend.apply
    if not fast:
        backend.call_network = lambda network, inputs, training: network(inputs, training=training)
        backend.apply = lambda optimizer, gradients, variables: optimizer.apply(gradients, variables)
    try:
        generator, discriminator = pairs.PAIRS[pair]()
        gan = kerasgan.GAN(generator, discriminator, latent_dim=generator.input_shape[-1], seed=0)
        gan.compile(updates="one_stage")
        step = tf.function(gan.train_step, autograph=False)
        shape = (BATCH, *gan.image_shape)
        images = tf.constant(np.random.default_rng(0).uniform(-1, 1, shape).astype("float32"))
        for _ in range(3):
            float(step(images)["g_loss"])
    finally:
        backend.call_network, backend.apply = kept
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(STEPS):
            float(step(images)["g_loss"])
        tf.profiler.experimental.stop()
        (found,) = pathlib.Path(folder).rglob("*.xplane.pb")
        return _read(found.read_bytes())


def _read(profile):
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    totals, step = collections.Counter(), 0.0
    for plane in xplane_pb2.XSpace.FromString(profile).planes:
        for event in (event for line in plane.lines for event in line.events):
            name = plane.event_metadata[event.metadata_id].name
            spent = event.duration_ps / 1e9 / STEPS
            if name == "train_step":
                step += spent
            elif not name.startswith(AROUND):
                totals[name.replace("_MklNative", "").replace("_Mkl", "")] += spent
    return dict(totals.most_common()), step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", choices=sorted(pairs.PAIRS), default=sorted(pairs.PAIRS))
    records.add_options(parser, "operations")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    kept = {}
    for pair in options.pairs:
        kept[pair] = {}
        for name, fast in (("before", False), ("after", True)):
            totals, step = milliseconds(pair, fast)
            kept[pair][name] = {"step": step, "operations": dict(list(totals.items())[:MOST])}
            print(f"\n{pair}, {name}: {step:.1f} ms a step")
            for operation, spent in kept[pair][name]["operations"].items():
                print(f"  {spent:7.2f}  {operation}")
    records.write(options, kept)


if __name__ == "__main__":
    main()
