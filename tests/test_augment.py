import itertools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import augment
from kerasgan.augment import Adaptive, DiffAugment
from kerasgan.random import BatchRandom
from kerasgan.step import TrainingStep, train_step

EVERYTHING = Adaptive(policy=("color", "quarter_turn", "flip", "translation", "cutout"))
SHAPES = [(16, 12, 1), (12, 12, 3)]


def pictures(shape, count=200, seed=0):
    """Images whose pixels all differ, none of them 0."""
    values = np.random.default_rng(seed).permutation(np.linspace(0.1, 0.9, int(np.prod((count, *shape)))))
    return values.reshape(count, *shape).astype("float32")


def random_numbers(seed=0):
    return BatchRandom(keras.random.SeedGenerator(seed))


def apply(augmentation, images, probability=1.0, seed=0):
    return keras.ops.convert_to_numpy(augmentation.apply(tf.constant(images), random_numbers(seed), probability))


def translated(image, down, right):
    """NumPy's roll, with 0 where nothing moved in."""
    moved = np.roll(image, (down, right), axis=(0, 1))
    moved[: max(down, 0)] = moved[len(image) + min(down, 0) :] = 0
    moved[:, : max(right, 0)] = moved[:, image.shape[1] + min(right, 0) :] = 0
    return moved


def which(image, candidates):
    """The key of the one candidate that equals an image in every pixel."""
    found = [key for key, candidate in candidates.items() if np.array_equal(image, candidate)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [(12, 12, 1), (12, 12, 3)])
def test_probability_0_is_the_identity(shape, dtype):
    images = tf.cast(pictures(shape), dtype)
    same = EVERYTHING.apply(images, random_numbers(), tf.constant(0.0))
    assert same.dtype == images.dtype and same.shape == images.shape
    assert np.array_equal(same, images)


@pytest.mark.parametrize("name", ["brightness", "contrast", "translation", "cutout"])
def test_the_probability_is_the_share_of_images_that_change(name):
    images = pictures((64, 64, 1), count=400)  # so large that few translations are by 0 pixels
    changed = np.any(apply(DiffAugment(name), images, 0.3) != images, axis=(1, 2, 3))
    assert 0.22 < changed.mean() < 0.38
    assert np.any(apply(DiffAugment(name), images, 1.0) != images, axis=(1, 2, 3)).mean() > 0.97


def test_transforms_are_applied_independently_of_each_other():
    images = pictures((16, 16, 1), count=1000)
    changed = apply(DiffAugment(("brightness", "cutout")), images, 0.5)
    cut = np.any(changed == 0, axis=(1, 2, 3))
    brighter = np.any((changed != images) & (changed != 0), axis=(1, 2, 3))
    assert 0.2 < np.mean(cut & brighter) < 0.3 and 0.2 < np.mean(~cut & ~brighter) < 0.3


def test_brightness_moves_the_mean_and_nothing_else():
    images = pictures((16, 12, 3))
    moved = apply(DiffAugment("brightness"), images) - images
    step = moved.mean(axis=(1, 2, 3), keepdims=True)
    assert np.allclose(moved, step, atol=1e-6)
    assert -0.5 <= step.min() < -0.45 and 0.45 < step.max() <= 0.5
    assert abs(step.mean()) < 0.07 and abs(step.std() - 1 / np.sqrt(12)) < 0.03


def test_contrast_keeps_the_mean_and_stretches_the_rest():
    images = pictures((16, 12, 3))
    stretched = apply(DiffAugment("contrast"), images)
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    factor = stretched.std(axis=(1, 2, 3)) / images.std(axis=(1, 2, 3))
    assert np.allclose(stretched, mean + factor[:, None, None, None] * (images - mean), atol=1e-5)
    assert 0.499 < factor.min() < 0.55 and 1.45 < factor.max() < 1.501


def test_saturation_keeps_the_gray_and_stretches_the_colors():
    images = pictures((16, 12, 3))
    stretched = apply(DiffAugment("saturation"), images)
    gray = images.mean(axis=3, keepdims=True)
    factor = np.std(stretched - gray, axis=(1, 2, 3)) / np.std(images - gray, axis=(1, 2, 3))
    assert np.allclose(stretched, gray + factor[:, None, None, None] * (images - gray), atol=1e-5)
    assert factor.min() < 0.1 and 1.9 < factor.max() < 2.001
    assert np.array_equal(apply(DiffAugment("saturation"), images[..., :1]), images[..., :1])


def test_color_is_its_three_parts_one_after_the_other():
    images = pictures((16, 12, 3))
    apart = images
    for part in augment.COLORS:  # the same random numbers, since all are drawn at every call
        apart = apply(DiffAugment(part), apart)
    assert np.allclose(apply(DiffAugment("color"), images), apart, atol=1e-5)
    assert np.array_equal(apply(DiffAugment("color"), images), apply(DiffAugment(augment.COLORS), images))


@pytest.mark.parametrize("shape", SHAPES)
def test_translation_shifts_by_whole_pixels_up_to_an_eighth(shape):
    images = pictures(shape)
    shifts = list(itertools.product(range(-2, 3), range(-2, 3)))  # an eighth of 12 is 1.5, of 16 it is 2
    met = set()
    for image, moved in zip(images, apply(DiffAugment("translation"), images), strict=True):
        met.add(which(moved, {shift: translated(image, *shift) for shift in shifts}))
    assert met == set(shifts)


@pytest.mark.parametrize("shape", SHAPES)
def test_cutout_is_a_box_of_half_of_each_side(shape):
    images = pictures(shape, count=1000)
    cut = apply(DiffAugment("cutout"), images)
    gone = np.all(cut == 0, axis=3)
    assert np.array_equal(cut, images * ~gone[..., None])
    rows, columns = gone.any(axis=2), gone.any(axis=1)
    assert np.array_equal(gone, rows[:, :, None] & columns[:, None, :])
    for covered, side in ((rows, shape[0]), (columns, shape[1])):
        runs = np.abs(np.diff(np.pad(covered, ((0, 0), (1, 1))).astype(int), axis=1)).sum(axis=1)
        assert set(runs) == {2}  # in one piece
        lengths = [min(center + side // 4, side) - max(center - side // 4, 0) for center in range(side + 1)]
        assert set(covered.sum(axis=1)) == set(lengths) and max(lengths) == side // 2
        assert covered.sum(axis=1).mean() == pytest.approx(np.mean(lengths), rel=0.05)


@pytest.mark.parametrize("side", [5, 6, 7, 9, 28])
def test_a_box_of_any_side_lies_as_often_at_either_end(side):
    shares = keras.ops.convert_to_tensor(np.linspace(0, 1, 2000, endpoint=False, dtype="float32"))
    inside = keras.ops.convert_to_numpy(augment._inside(side, shares))
    box = (side + 1) // 2
    assert inside.sum(axis=1).max() == box and inside.sum(axis=1).min() in (box // 2, (box + 1) // 2)
    covered = inside.mean(axis=0)
    assert np.allclose(covered, covered[::-1], atol=0.002) and covered[0] < covered[side // 2]


def test_flip_mirrors_half_of_the_images():
    images = pictures((16, 12, 2))
    flipped = apply(Adaptive("flip"), images)
    kinds = [which(b, {"flipped": a[:, ::-1], "same": a}) for a, b in zip(images, flipped, strict=True)]
    assert 0.4 < kinds.count("flipped") / len(kinds) < 0.6


def test_quarter_turns_are_all_as_likely():
    images = pictures((12, 12, 2), count=400)
    turned = apply(Adaptive("quarter_turn"), images)
    kinds = [which(b, {k: np.rot90(a, k) for k in range(4)}) for a, b in zip(images, turned, strict=True)]
    assert all(0.18 < kinds.count(k) / len(kinds) < 0.32 for k in range(4))


def test_turns_flips_and_translations_compose():
    images = pictures((12, 12, 1), count=40)
    moved = apply(Adaptive(("quarter_turn", "flip", "translation")), images)
    for image, result in zip(images, moved, strict=True):
        turned = {(k, f): np.rot90(image, k)[:, :: 1 - 2 * f] for k in range(4) for f in (0, 1)}
        moves = itertools.product(range(-2, 3), range(-2, 3))
        which(result, {(k, move): translated(turned[k], *move) for move in moves for k in turned})


def test_random_numbers_come_from_the_seed_generator():
    images = np.repeat(pictures((12, 12, 3), count=1), 8, axis=0)
    one, same, other = (apply(EVERYTHING, images, 0.8, seed) for seed in (0, 0, 1))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    assert len({image.tobytes() for image in one}) == 8  # each image of a batch has numbers of its own
    random = random_numbers()
    first, second = (EVERYTHING.apply(tf.constant(images), random, 0.8).numpy() for _ in range(2))
    assert np.array_equal(first, one) and not np.array_equal(first, second)


@pytest.mark.parametrize("shape", [(12, 12, 1), (12, 12, 3)])
def test_the_gradient_is_that_of_a_linear_map(shape):
    """For fixed numbers the map A is affine: the derivative of <weights, A(x)> along v is <weights, A(v) - A(0)>."""
    images, weights, along = (pictures(shape, count=30, seed=seed) for seed in range(3))
    x = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(weights * EVERYTHING.apply(x, random_numbers(), 0.8))
    gradient = tape.gradient(total, x).numpy()
    derivative = np.sum(weights * (apply(EVERYTHING, along, 0.8) - apply(EVERYTHING, 0 * along, 0.8)), axis=(1, 2, 3))
    assert np.allclose(np.sum(gradient * along, axis=(1, 2, 3)), derivative, rtol=1e-4)
    assert np.all(np.abs(derivative) > 1)


@pytest.mark.parametrize("shape", [(12, 12, 1), (16, 16, 3)])
def test_compiled_it_is_the_same(shape):
    """XLA draws other numbers from the same seed, so both are given the same."""

    class Numbers:
        def uniform(self, shape):
            return tf.reshape(tf.constant(np.random.default_rng(0).uniform(size=(20, 16)), tf.float32), shape)

    def step(images, probability):
        with tf.GradientTape() as tape:
            tape.watch(images)
            changed = EVERYTHING.apply(images, Numbers(), probability)
        return changed, tape.gradient(changed, images, output_gradients=tf.square(changed))

    images = tf.constant(pictures(shape, count=20))
    for one, other in zip(tf.function(step, jit_compile=True)(images, 0.7), step(images, 0.7), strict=True):
        assert np.allclose(one, other, atol=1e-5)
    assert not np.array_equal(step(images, 0.7)[0], images)


def test_compiled_it_draws_anew_at_each_call():
    images = tf.constant(pictures((12, 12, 1), count=20))
    random = random_numbers()
    step = tf.function(lambda images: EVERYTHING.apply(images, random, 0.8), jit_compile=True)
    first, second = step(images).numpy(), step(images).numpy()
    assert first.shape == (20, 12, 12, 1) and np.all(np.isfinite(first)) and not np.array_equal(first, second)


def test_batches_of_unknown_size():
    random = random_numbers()
    step = tf.function(lambda x: EVERYTHING.apply(x, random, 0.5), [tf.TensorSpec((None, 8, 8, 1))], autograph=False)
    assert step(tf.zeros((3, 8, 8, 1))).shape == (3, 8, 8, 1) and step(tf.zeros((5, 8, 8, 1))).shape == (5, 8, 8, 1)


@pytest.mark.parametrize(("logits", "sign"), [([1.0, 2, 3, 4, -1], 0), ([1.0] * 5, 1), ([1.0, 1, 1, -9, -9], -1)])
def test_the_probability_changes_by_the_stated_step(logits, sign):
    ada = Adaptive(target=0.6, adjust_images=100)
    moved = float(ada.next_probability(tf.constant(0.4), tf.constant(logits)))
    assert moved == pytest.approx(0.4 + sign * 5 / 100, abs=1e-6)


def test_the_probability_keeps_to_its_range():
    ada = Adaptive(adjust_images=10, max_probability=0.7)
    sure, lost = tf.ones(4), -tf.ones(4)
    up, down = [ada.initial_probability], [0.7]
    for _ in range(4):
        up.append(float(ada.next_probability(tf.constant(up[-1]), sure)))
        down.append(float(ada.next_probability(tf.constant(down[-1]), lost)))
    assert up == pytest.approx([0, 0.4, 0.7, 0.7, 0.7]) and down == pytest.approx([0.7, 0.3, 0, 0, 0])
    assert ada.adapts and not DiffAugment().adapts and DiffAugment().initial_probability == 1.0


def test_names_and_files():
    assert augment.get(None) is None
    assert augment.get("diffaugment") == DiffAugment() and augment.get("ada") == Adaptive()
    assert augment.get(EVERYTHING) is EVERYTHING
    stored = keras.saving.serialize_keras_object(EVERYTHING)
    assert keras.saving.deserialize_keras_object(stored) == EVERYTHING == Adaptive(list(EVERYTHING.policy))
    with pytest.raises(ValueError, match="Did you mean 'diffaugment'"):
        augment.get("diff_augment")
    with pytest.raises(ValueError, match=r"apply, check.*Received"):
        augment.get(42)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DiffAugment("colour"), "Did you mean 'color'"),
        (lambda: DiffAugment(("color", "flip")), "Received: policy='flip'"),
        (lambda: Adaptive(()), "must name a transform"),
        (lambda: Adaptive(target=1.0), r"\(-1, 1\)\. Received: target=1\.0"),
        (lambda: Adaptive(adjust_images=0), "Received: adjust_images=0"),
        (lambda: Adaptive(max_probability=1.0), r"leaks.*Received: max_probability=1\.0"),
        (lambda: DiffAugment().check((2,)), r"Received: image_shape=\(2,\).*augment=None"),
        (lambda: Adaptive().check((12, 16, 1)), "Only square images"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_good_shapes():
    DiffAugment().check((12, 16, 1))
    Adaptive().check((12, 12, 3))
    Adaptive("flip").check((12, 16, 3))


# In training


@pytest.mark.parametrize("objective", ["non_saturating", "relativistic"])
def test_one_stage_equals_simultaneous_with_an_augmentation(make_gan, images, objective):
    one, other = (
        make_gan(
            d_optimizer=keras.optimizers.SGD(0.05),
            g_optimizer=keras.optimizers.SGD(0.05),
            updates=updates,
            augment=DiffAugment(),
            objective=objective,
            penalties="r1",
        )
        for updates in ("one_stage", "simultaneous")
    )
    start = one.get_weights()
    for gan in (one, other):  # one step: after several, rounding decides on which side of a kink a unit lies
        gan.fit(images[:16], batch_size=16, shuffle=False, verbose=0)
    assert not any(np.array_equal(a, b) for a, b in zip(start[1:-1], one.get_weights()[1:-1], strict=True))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_the_probability_changes_is_logged_and_is_saved(make_gan, images, tmp_path):
    gan = make_gan(augment=Adaptive(target=-0.9, adjust_images=6400), d_optimizer=keras.optimizers.SGD(0.0))
    logs = gan.fit(images, batch_size=16, epochs=3, verbose=0).history
    # Four steps of 16 images an epoch: p is 0.0025, 0.005, ... after each; the mean of the first epoch's is 0.00625.
    np.testing.assert_allclose(gan.augment_probability, 0.03, atol=1e-6)
    np.testing.assert_allclose(logs["augment_probability"][0], 0.00625, atol=1e-6)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.augment == gan.augment
    np.testing.assert_allclose(loaded.augment_probability, 0.03, atol=1e-6)
    assert "augment_probability" not in make_gan().fit(images, verbose=0).history


class Recorder:
    """An augmentation that leaves the images as they are, and counts them."""

    adapts = False
    initial_probability = 1.0

    def __init__(self):
        self.counts = []

    def check(self, image_shape):
        """Accepts any images."""

    def apply(self, images, random, probability):
        self.counts.append(len(images))
        return images


@pytest.mark.parametrize(
    ("updates", "counts"),
    [("alternating", [32, 32, 16]), ("simultaneous", [32, 32]), ("one_stage", [32, 32])],
)
def test_all_images_of_the_discriminator_are_augmented(make_gan, images, updates, counts):
    """Real and generated images together, the points of two penalties, and the images of a separate generator step."""
    recorder = Recorder()
    gan = make_gan(updates=updates, augment=recorder, penalties=("r1", "r2"))
    train_step(gan, tf.constant(images[:16]))
    assert recorder.counts == counts
    gan.generate(4)
    assert recorder.counts == counts


@pytest.mark.parametrize(
    ("objective", "real", "fake", "direction"),
    [
        ("non_saturating", 3.0, 9.0, 1),
        ("non_saturating", -3.0, -9.0, -1),
        ("least_squares", 0.4, 0.0, -1),
        ("least_squares", 0.6, 9.0, 1),
        ("relativistic", 3.0, 9.0, -1),
        ("relativistic", -3.0, -9.0, 1),
        ("hinge", 1.0, 0.0, 1),
    ],
)
def test_the_probability_follows_the_logits_of_real_images(make_gan, objective, real, fake, direction):
    """They are compared with the neutral logit, or with the generated images' where only differences count."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gan = make_gan(objective=objective, augment=Adaptive(adjust_images=64))
    gan.augment_probability.assign(0.4)
    TrainingStep(gan)._update_augmentation(tf.fill([16], real), tf.fill([16], fake))
    np.testing.assert_allclose(gan.augment_probability, 0.4 + direction * 0.25, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["diffaugment", "ada"])
def test_a_lazy_penalty_with_it_compiles(make_gan, images, name):
    gan = make_gan(augment=name, penalties=kerasgan.penalties.R1(1.0, every=2), jit_compile=True)
    logs = gan.fit(images, batch_size=16, verbose=0).history
    assert np.isfinite(logs["loss"]).all()


def test_validation_logs_hold_what_is_computed_there(make_gan, images):
    logs = make_gan(augment="ada", penalties="r1").fit(images, validation_data=images[:32], verbose=0).history
    computed = {"loss", "d_loss", "g_loss", "d_real", "d_fake"}
    assert {name for name in logs if name.startswith("val_")} == {f"val_{name}" for name in computed}
    assert computed | {"d_penalty", "augment_probability"} <= set(logs)


def test_weights_of_a_gan_without_it_do_not_switch_it_off(make_gan, tmp_path):
    make_gan().save_weights(tmp_path / "plain.weights.h5")
    gan = make_gan(augment=DiffAugment())
    gan.load_weights(tmp_path / "plain.weights.h5")
    assert float(gan.augment_probability) == 1.0


def test_gans_of_points_refuse_it(make_gan):
    with pytest.raises(ValueError, match="Augmentation needs images"):
        make_gan(image_shape=(2,), augment="diffaugment")
