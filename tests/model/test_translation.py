"""GANs whose condition is an image, with pairs and without: what is added to the losses, and which weights it moves."""

import itertools

import keras
import numpy as np
import pytest
import translators
from keras import layers, ops

import kerasgan
from kerasgan import conditions, reconstruction, step, updates

IMAGES, CONDITIONS = np.random.default_rng(1).uniform(-1, 1, (2, 8, 8, 8, 1)).astype("float32")
IMAGE = conditions.Image((8, 8, 1))


def pairs(seed=0, **options):
    """A compiled GAN that translates images of 8x8 pixels."""
    keras.utils.set_random_seed(seed)
    networks = translators.translator(), translators.patches(condition=True)
    gan = kerasgan.GAN(*networks, latent_dim=0, condition=IMAGE, seed=0)
    gan.compile(*(keras.optimizers.SGD(0.1) for _ in "dg"), **{"run_eagerly": True} | options)
    return gan


def cycles(seed=0, **options):
    """A compiled CycleGAN of images of 8x8 pixels."""
    keras.utils.set_random_seed(seed)
    makes = (translators.translator, translators.translator, translators.patches, translators.patches)
    gan = kerasgan.CycleGAN(*(make() for make in makes), seed=0)
    gan.compile(*(keras.optimizers.SGD(0.1) for _ in "dg"), **{"run_eagerly": True} | options)
    return gan


def one_step(gan, images=IMAGES, condition=CONDITIONS):
    """Trains on one batch; returns the logs, and by how much each weight of the networks has moved."""
    networks = {"generator": gan.generator, "discriminator": gan.discriminator}
    before = {name: [np.array(each) for each in network.trainable_weights] for name, network in networks.items()}
    logs = {name: float(value) for name, value in gan.train_on_batch(images, condition, return_dict=True).items()}
    moved = {
        name: [np.array(after) - kept for after, kept in zip(network.trainable_weights, before[name], strict=True)]
        for name, network in networks.items()
    }
    return logs, moved


# Reconstruction


@pytest.mark.parametrize("kind", [reconstruction.L1, reconstruction.L2])
def test_a_reconstruction_is_the_weighted_distance_to_the_real_image(kind):
    gan = pairs(reconstruction=kind(7.0), updates="simultaneous")
    difference = gan.generate(condition=CONDITIONS) - IMAGES
    expected = np.abs(difference) if kind is reconstruction.L1 else difference**2
    assert one_step(gan)[0]["g_reconstruction"] == pytest.approx(7.0 * expected.mean(), rel=1e-4)


@pytest.mark.parametrize("rule", ["alternating", "simultaneous", updates.Alternating(same_samples=True)])
def test_its_gradient_is_added_to_that_of_the_generator_alone(rule):
    """The moves with a weight of 3 are those without, plus three times those of a weight of 1 alone."""
    moves = {weight: one_step(pairs(reconstruction=reconstruction.L1(weight), updates=rule))[1] for weight in (0, 1, 3)}
    for none, one, three in zip(*(moves[weight]["generator"] for weight in (0, 1, 3)), strict=True):
        np.testing.assert_allclose(three - none, 3 * (one - none), atol=2e-5)
    for none, three in zip(moves[0]["discriminator"], moves[3]["discriminator"], strict=True):
        np.testing.assert_allclose(three, none, atol=1e-6)


def test_one_stage_updates_stay_exact_with_a_reconstruction():
    """One logit for each image: the single backward pass gives the moves of two."""
    found = []
    for rule in ("simultaneous", "one_stage"):
        keras.utils.set_random_seed(0)
        images = [keras.Input((8, 8, 1)) for _ in range(2)]
        features = layers.Flatten()(layers.Concatenate()(images))
        discriminator = keras.Model(images, layers.Dense(1)(layers.Dense(8, activation="tanh")(features)))
        gan = kerasgan.GAN(translators.translator(), discriminator, latent_dim=0, condition=IMAGE, seed=0)
        options = {"updates": rule, "reconstruction": reconstruction.L1(10.0)}
        gan.compile(*(keras.optimizers.SGD(0.1) for _ in "dg"), **options)
        found.append(one_step(gan)[1])
    for name in found[0]:
        for two, one in zip(found[0][name], found[1][name], strict=True):
            np.testing.assert_allclose(one, two, atol=1e-6)


def test_the_same_samples_give_the_step_of_new_ones_where_there_are_no_latents():
    """Generated anew from the same conditions, samples are the same, so that both rules make the same step."""
    rules = ("alternating", updates.Alternating(same_samples=True))
    (new, moved), (same, moved_too) = (one_step(pairs(reconstruction="l1", updates=rule)) for rule in rules)
    assert new == pytest.approx(same, rel=1e-5)
    for name in moved:
        for one, other in zip(moved[name], moved_too[name], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


def test_losses_are_means_over_the_map_of_logits():
    gan = pairs(updates="simultaneous", objective="least_squares")
    fake = gan.generate(condition=CONDITIONS)
    real_logits, fake_logits = (np.array(gan.discriminator([each, CONDITIONS])) for each in (IMAGES, fake))
    assert real_logits.shape == (8, 4, 4, 1)
    real, made = (ops.convert_to_tensor(each.reshape(-1)) for each in (real_logits, fake_logits))
    logs = one_step(gan)[0]
    assert logs["d_loss"] == pytest.approx(float(np.mean(np.array(gan.objective.d_loss(real, made)))), rel=1e-4)
    assert logs["g_loss"] == pytest.approx(float(np.mean(np.array(gan.objective.g_loss(real, made)))), rel=1e-4)


def test_a_penalty_looks_at_the_mean_of_the_map():
    """R1 of a linear discriminator: gamma / 2 times the squared norm of its mean logit's gradient."""
    images = [keras.Input((8, 8, 1)) for _ in range(2)]
    linear = layers.Conv2D(1, 2, 2, use_bias=False)
    discriminator = keras.Model(images, linear(images[0]) + 0 * linear(images[1]))
    gan = kerasgan.GAN(translators.translator(), discriminator, latent_dim=0, condition=IMAGE, seed=0)
    gan.compile(penalties=kerasgan.penalties.R1(2.0), updates="simultaneous")
    kernel = np.array(linear.kernel)
    expected = 2.0 / 2 * 16 * np.sum((kernel / 16) ** 2)  # each of the 16 patches is seen by its own logit alone
    assert one_step(gan)[0]["d_penalty"] == pytest.approx(expected, rel=1e-4)


# Cycles


def test_a_cycle_is_that_of_both_generators():
    gan = cycles(updates="simultaneous", pool_images=0, cycle=3.0, identity=0.5)
    a, b = IMAGES, CONDITIONS
    to_b, to_a = (lambda images, to=to: gan.translate(images, to=to) for to in "ba")
    distance = lambda one, other: np.abs(one - other).mean()  # noqa: E731
    cycle = distance(to_a(to_b(a)), a) + distance(to_b(to_a(b)), b)
    identity = distance(to_a(a), a) + distance(to_b(b), b)
    assert one_step(gan, a, b)[0]["g_reconstruction"] == pytest.approx(3.0 * (cycle + 0.5 * identity) / 2, rel=1e-4)


@pytest.mark.parametrize("domain", ["a", "b"])
def test_each_cycle_moves_both_generators_and_each_identity_its_own(domain):
    """With the other domain constant and its discriminator silent, the terms of one domain are what is left."""
    gan = cycles(updates="simultaneous", pool_images=0)
    parts = {name: gan.part(name).trainable_variables for name in ("generator_ab", "generator_ba")}

    def moves(term):
        def total():
            a, b = (ops.convert_to_tensor(each) for each in (IMAGES, CONDITIONS))
            to_b, to_a = gan.part("generator_ab"), gan.part("generator_ba")
            there, back, image = (to_b, to_a, a) if domain == "a" else (to_a, to_b, b)
            made = back(there(image)) if term == "cycle" else back(image)
            return ops.mean(ops.abs(made - image)), None

        variables = list(itertools.chain(*parts.values()))
        _, pullback, _ = kerasgan.backend.vjp(total, variables)
        (gradients,) = pullback(ops.ones(()))
        sizes = [0.0 if each is None else float(ops.max(ops.abs(each))) for each in gradients]
        count = len(parts["generator_ab"])
        return max(sizes[:count]) > 0, max(sizes[count:]) > 0

    assert moves("cycle") == (True, True)
    assert moves("identity") == ((False, True) if domain == "a" else (True, False))


def test_the_loss_of_the_cycles_is_the_sum_of_their_gradients():
    """What the step does with `cycle` alone is gradient descent on both cycles, written out."""
    none, weighted = (
        one_step(cycles(updates="simultaneous", pool_images=0, cycle=weight, identity=0.0))[1]["generator"]
        for weight in (0.0, 2.0)
    )
    gan = cycles(updates="simultaneous", pool_images=0)

    def total():
        a, b = (ops.convert_to_tensor(each) for each in (IMAGES, CONDITIONS))
        to_b, to_a = gan.part("generator_ab"), gan.part("generator_ba")
        return ops.mean(ops.abs(to_a(to_b(a)) - a)) + ops.mean(ops.abs(to_b(to_a(b)) - b)), None

    _, pullback, _ = kerasgan.backend.vjp(total, gan.generator.trainable_variables)
    (gradients,) = pullback(ops.ones(()))
    for without, with_cycles, gradient in zip(none, weighted, gradients, strict=True):
        np.testing.assert_allclose(with_cycles - without, -0.1 * 2.0 / 2 * np.array(gradient), atol=1e-5)


# The pool


def test_the_pool_fills_up_and_then_returns_past_images():
    pool = step.ImagePool(6, (2, 2, 2), (1, 1))
    random = kerasgan.random.BatchRandom(keras.random.SeedGenerator(0))
    seen, swapped = [], 0
    for number in range(40):
        images = ops.ones((4, 2, 2, 2)) * ops.reshape(ops.arange(4.0), (4, 1, 1, 1)) + 10.0 * number
        returned = np.array(pool.exchange(images, random))
        if number < 2:  # it is not full yet
            assert np.array_equal(returned, np.array(images))
        for part in range(2):
            values = returned[..., part]
            assert np.array_equal(values.min(axis=(1, 2)), values.max(axis=(1, 2)))
            assert set(values[:, 0, 0]) <= {*seen, *np.array(images)[:, 0, 0, 0]}
            swapped += int(np.sum(values[:, 0, 0] < 10 * number)) if number >= 2 else 0
        seen += np.array(images)[:, 0, 0, 0].tolist()
    assert int(pool.count) == 6
    # 304 choices of probability 1/2: within four standard deviations.
    assert abs(swapped - 152) < 4 * np.sqrt(304) / 2


def test_training_goes_on_after_a_load_with_the_pool(tmp_path):
    gan = cycles(pool_images=8, run_eagerly=False)
    gan.fit(IMAGES, CONDITIONS, batch_size=4, epochs=2, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    again = [each.fit(IMAGES, CONDITIONS, batch_size=4, verbose=0, shuffle=False) for each in (gan, loaded)]
    assert again[0].history == again[1].history
    for one, other in zip(gan.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(np.array(gan.pool.images), np.array(loaded.pool.images))


# Samples


def test_translation_of_other_sizes():
    generator = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            layers.Conv2D(4, 4, 2, padding="same"),
            layers.Conv2DTranspose(3, 4, 2, padding="same", activation="tanh"),
        ]
    )
    images = [keras.Input((None, None, channels)) for channels in (3, 1)]
    discriminator = keras.Model(images, layers.Conv2D(1, 4, 2)(layers.Concatenate()(images)))
    gan = kerasgan.GAN(generator, discriminator, latent_dim=0, condition=IMAGE)
    assert gan.image_shape == (8, 8, 3)
    wide = np.random.default_rng(0).uniform(-1, 1, (2, 12, 20, 1)).astype("float32")
    translated = gan.translate(wide)
    np.testing.assert_allclose(translated, np.array(generator(wide)), atol=1e-6)
    with pytest.raises(ValueError, match=r"Received: 13x20\. The nearest size is 14x20"):
        gan.translate(wide[:, np.r_[0:12, 0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda gan: gan.generate(3), "must be given"),
        (lambda gan: gan.generate(), "Pass condition"),
        (lambda gan: gan.generate(latents=np.zeros((2, 4)), condition=CONDITIONS[:2]), "no latents"),
        (lambda gan: gan.translate(CONDITIONS[0]), "shape"),
        (lambda gan: gan.translate(CONDITIONS.repeat(3, axis=-1)), "1 channels. Received: images of 3"),
        (lambda gan: gan.translate(CONDITIONS * 255), r"\[-1, 1\]"),
        (lambda gan: gan.class_grid(), "needs classes"),
        (lambda gan: gan.compile(augment="diffaugment"), "not the images that are their condition"),
        (lambda gan: gan.compile(updates="one_stage"), "one logit for each image"),
        (lambda gan: gan.compile(reconstruction=reconstruction.L1(-1.0)), "weight must be a finite number"),
        (lambda gan: gan.compile(reconstruction="cycle"), "Use kerasgan.CycleGAN"),
        (lambda gan: gan.compile(reconstruction="l3"), "l1"),
        (lambda gan: gan.fit(IMAGES, verbose=0), "pairs"),
        (lambda gan: gan.fit(IMAGES, CONDITIONS[:, :4], verbose=0), "shape"),
        (lambda gan: gan.fit(IMAGES, np.arange(8), verbose=0), "shape"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(pairs())


def test_only_translations_translate():
    gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), 4, width=4, depth=1), latent_dim=4)
    with pytest.raises(ValueError, match="whose condition is an image"):
        gan.translate(IMAGES)
    with pytest.raises(ValueError, match="without a condition"):
        gan.compile(reconstruction="l1")


def other(channels_in, channels_out):
    image = keras.Input((8, 8, channels_in))
    return keras.Model(image, layers.Conv2D(channels_out, 3, padding="same")(image))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            lambda: (other(1, 3), other(1, 3), other(1, 1), other(1, 1)),
            "generator_ab must return images",
        ),
        (
            lambda: (other(1, 3), other(3, 1), other(3, 1), other(1, 1)),
            "discriminator_a must take images",
        ),
        (lambda: (translators.translator(),) * 2 + (other(1, 1), other(1, 1)), "same one twice"),
        (lambda: (*kerasgan.networks.mlp((8, 8, 1), 4, width=4), other(1, 1), other(1, 1)), "size"),
    ],
)
def test_networks_of_a_cycle_that_do_not_fit(parts, message):
    with pytest.raises(ValueError, match=message):
        kerasgan.CycleGAN(*parts())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cycle": -1.0}, "cycle must be a finite number of at least 0"),
        ({"identity": float("nan")}, "identity must be a finite number"),
        ({"pool_images": -1}, "pool_images must be a whole number"),
        ({"updates": "simultaneous"}, "With a pool"),
        ({"updates": "one_stage", "pool_images": 0}, "one logit for each image"),
    ],
)
def test_settings_of_a_cycle_that_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cycles(**options)
