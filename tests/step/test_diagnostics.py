"""The diagnostics of training steps, each against its definition computed another way."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.step import DIAGNOSTICS, diagnostics

RULES = ("alternating", "simultaneous", "one_stage")


def one_step(gan, images, labels=None):
    gan.record_diagnostics()
    data = tf.data.Dataset.from_tensors(images if labels is None else (images, labels))
    gan.fit(data, verbose=0)
    return gan.diagnostics.read()


def gradient_norms(gan, images, latents):
    """Returns both networks' gradient norms of the simultaneous step, by a tape."""
    images = tf.constant(images)
    with tf.GradientTape(persistent=True) as tape:
        fake = gan.generator(latents, training=True)
        real_logits, fake_logits = (tf.reshape(gan.discriminator(x, training=True), [-1]) for x in (images, fake))
        d_loss = tf.reduce_mean(tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits))
        g_loss = tf.reduce_mean(tf.nn.softplus(-fake_logits))
    return [
        float(tf.linalg.global_norm(tape.gradient(loss, network.trainable_variables)))
        for loss, network in ((d_loss, gan.discriminator), (g_loss, gan.generator))
    ]


@pytest.mark.parametrize("rule", ("simultaneous", "one_stage"))
def test_gradient_norms_are_those_of_a_tape(make_gan, images, rule):
    gan = make_gan(updates=rule)
    latents = keras.random.normal((64, 4), seed=make_gan().seed_generator)  # the first that training draws
    expected = gradient_norms(gan, images, latents)
    means = one_step(gan, images).means
    assert [means["d_grad_norm"], means["g_grad_norm"]] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("rule", RULES)
def test_every_update_rule_gives_all_diagnostics(make_gan, images, rule):
    snapshot = one_step(make_gan(updates=rule, penalties="r1"), images)
    assert set(snapshot.means) == set(DIAGNOSTICS) and snapshot.steps == 1
    assert snapshot.not_finite_after is None and snapshot.not_finite == ()
    assert all(value > 0 for value in snapshot.means.values())


def test_means_are_over_the_steps_since_the_last_snapshot(make_gan, images):
    gan = make_gan(updates="simultaneous")
    gan.record_diagnostics()
    logs = gan.fit(images, batch_size=16, epochs=2, shuffle=False, verbose=0).history
    snapshot = gan.diagnostics.read()
    assert snapshot.steps == 8
    assert snapshot.means["d_loss"] == pytest.approx(np.mean(logs["d_loss"]), rel=1e-5)
    assert gan.diagnostics.read().steps == 0


@pytest.mark.parametrize("steps_per_execution", (1, 3))
def test_the_first_step_that_is_not_finite_is_known(make_gan, images, steps_per_execution):
    gan = make_gan(steps_per_execution=steps_per_execution)
    gan.record_diagnostics()
    gan.fit(images, batch_size=16, verbose=0)
    gan.diagnostics.read()
    gan.discriminator.trainable_weights[-1].assign([np.nan])
    gan.fit(images, batch_size=16, verbose=0)
    snapshot = gan.diagnostics.read()
    assert (
        snapshot.not_finite_after == 1
        and "d_loss" in snapshot.not_finite
        and "real_diversity" not in snapshot.not_finite
    )
    gan.diagnostics.read()
    gan.fit(images, batch_size=16, verbose=0)  # still not finite, and so is the next snapshot
    assert gan.diagnostics.read().not_finite_after == 1


def brute_force(images, labels):
    pairs = [(i, j) for i in range(len(images)) for j in range(len(images)) if i != j and labels[i] == labels[j]]
    return np.exp(np.mean([np.log(np.mean((images[i] - images[j]) ** 2)) for i, j in pairs]))


def test_diversity_is_the_geometric_mean_over_pairs(images):
    labels = np.arange(64, dtype="int32") % 3
    assert float(diagnostics.diversity(images)) == pytest.approx(brute_force(images, 64 * [0]), rel=1e-4)
    assert float(diagnostics.diversity(images, labels)) == pytest.approx(brute_force(images, labels), rel=1e-4)


def test_diversity_falls_when_some_images_are_alike(images):
    two_modes = np.where(np.arange(64)[:, None, None, None] < 32, images[0], images[1])
    assert np.var(two_modes, axis=0).mean() > 0.2 * np.var(images, axis=0).mean()  # a variance hardly shows it
    assert float(diagnostics.diversity(two_modes)) < 0.01 * float(diagnostics.diversity(images))
    assert float(diagnostics.diversity(images[:1])) == 1.0  # no pairs


def test_a_step_that_a_loss_scale_skips_counts_as_finite(images):
    keras.utils.set_random_seed(0)
    generator, discriminator = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4, seed=0)
    scaled = [keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-4), initial_scale=s) for s in (1e38, 8.0)]
    gan.compile(*scaled, updates="simultaneous")
    plain = gradient_norms(gan, 30 * images, keras.random.normal((64, 4), seed=keras.random.SeedGenerator(0)))
    gan.discriminator.layers[1].kernel.assign(30 * gan.discriminator.layers[1].kernel)
    means = one_step(gan, images).means
    assert means["d_grad_norm"] == 0.0  # overflowed, and skipped
    assert np.isfinite(plain[1]) and 0 < means["g_grad_norm"] < 100  # without the scale of 8


def test_training_is_the_same_with_diagnostics(make_gan, images):
    for rule in RULES:
        plain, recorded = make_gan(updates=rule, penalties="r1"), make_gan(updates=rule, penalties="r1")
        recorded.record_diagnostics()
        for gan in (plain, recorded):
            gan.fit(images, batch_size=16, epochs=2, shuffle=False, verbose=0)
        for one, other in zip(plain.get_weights(), recorded.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_model_with_diagnostics_is_saved_as_any_other(make_gan, images, tmp_path):
    gan = make_gan()
    one_step(gan, images)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.diagnostics is None
    np.testing.assert_array_equal(loaded.generate(3, seed=0), gan.generate(3, seed=0))


# Different real images


def test_equal_images_have_equal_hashes_wherever_they_are_in_a_batch(images):
    hashes = np.array(diagnostics.image_hashes(images))
    order = np.random.default_rng(1).permutation(64)
    assert np.array_equal(np.array(diagnostics.image_hashes(images[order])), hashes[order])
    assert [int(diagnostics.image_hashes(images[[number]])[0]) for number in range(5)] == hashes[:5].tolist()
    assert 0 <= hashes.min() and hashes.max() < diagnostics.MAX_DIFFERENT and len(set(hashes.tolist())) > 40


@pytest.mark.parametrize("shape", [(1,), (2,), (8, 8, 1), (48, 48, 3)])
def test_hashes_are_sums_of_whole_numbers(shape):
    images = np.random.default_rng(0).uniform(-1, 1, (300, *shape)).astype("float32")
    hashes = np.array(diagnostics.image_hashes(images))
    slightly = images + np.random.default_rng(1).uniform(-1e-7, 1e-7, images.shape).astype("float32")
    assert np.mean(np.array(diagnostics.image_hashes(slightly)) == hashes) > 0.9
    assert len(set(hashes.tolist())) > 100


@pytest.mark.parametrize("rule", RULES)
def test_different_images_are_counted_until_the_count_begins_anew(make_gan, images, rule):
    gan = make_gan(updates=rule)
    gan.record_diagnostics()
    for number, expected in ((3, 3), (1, 3), (5, 5)):
        gan.fit(np.repeat(images[:number], 4, axis=0), batch_size=4, verbose=0)
        snapshot = gan.diagnostics.read()
        assert snapshot.different == expected
    assert snapshot.images == 4 * (3 + 1 + 5)
    gan.diagnostics.begin_count()
    assert (gan.diagnostics.read().images, gan.diagnostics.read().different) == (0, 0)


def test_what_was_recorded_is_restored(make_gan, images):
    gan, other = make_gan(), make_gan()
    for each in (gan, other):
        each.record_diagnostics()
    gan.fit(images, batch_size=16, verbose=0)
    other.diagnostics.set_state(json.loads(json.dumps(gan.diagnostics.get_state())))
    assert other.diagnostics.read() == gan.diagnostics.read()
