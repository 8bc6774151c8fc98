"""Laws of batches of pairs, on either engine: a condition stays with its image, and moves as it does.

`tests/backend/test_jax.py` runs this file on JAX, too.
"""

import numpy as np
import pytest

from kerasgan.backend import PairedEpochs
from kerasgan.datasets.batches import Batches, make_batches

NUM_IMAGES = 60


def places(num_images=NUM_IMAGES, height=6, width=8):
    """Returns uint8 images of two channels: the number of the image, and the number of the pixel."""
    pixels = np.broadcast_to(np.arange(height * width).reshape(1, height, width), (num_images, height, width))
    numbers = np.broadcast_to(np.arange(num_images)[:, None, None], pixels.shape)
    return np.stack([numbers, pixels], axis=-1).astype("uint8")


def made(values, conditions=None, batch_size=10, **options):
    return make_batches(values, conditions, batch_size, **{"shuffle": True, "seed": 3, **options})


def pixels(images):
    return np.round((np.asarray(images) + 1) * 127.5).astype(int)


def read(epoch):
    """Returns the images and the conditions of an epoch as arrays."""
    return [np.concatenate(part) for part in zip(*epoch, strict=True)]


CONDITIONS = {
    "labels": np.arange(NUM_IMAGES, dtype="int32"),
    "numbers": np.arange(2 * NUM_IMAGES, dtype="float32").reshape(-1, 2) - 7,
    "floats": np.linspace(-1, 0.5, NUM_IMAGES * 6 * 8, dtype="float32").reshape(-1, 6, 8, 1),
}
FACTS = {
    "labels": ((), "int32", (0, NUM_IMAGES - 1)),
    "numbers": ((2,), "float32", (-7.0, 2 * NUM_IMAGES - 8.0)),
    "floats": ((6, 8, 1), "float32", (-1.0, 0.5)),
}


@pytest.mark.parametrize("kind", CONDITIONS)
def test_any_array_stays_with_its_image(kind):
    conditions = CONDITIONS[kind]
    batches = made(places(), conditions)
    assert (batches.condition_shape, batches.condition_dtype, batches.condition_range) == FACTS[kind]
    assert batches.has_condition and batches.has_labels == (kind == "labels")
    for number, skip in ((0, 0), (3, 2)):
        images, found = read(batches.epoch(number, skip=skip))
        assert found.dtype == batches.condition_dtype and found.shape[1:] == batches.condition_shape
        np.testing.assert_array_equal(found, conditions[pixels(images)[:, 0, 0, 0]])


def test_images_alone_have_no_condition():
    batches = made(places())
    facts = (batches.condition_shape, batches.condition_dtype, batches.condition_range, batches.label_range)
    assert facts == (None, None, None, None) and not batches.has_condition


def test_conditions_change_no_order():
    names = [pixels(np.concatenate(list(made(places()).epoch(2))))[:, 0, 0, 0]]
    names += [pixels(read(made(places(), each).epoch(2))[0])[:, 0, 0, 0] for each in CONDITIONS.values()]
    assert all(np.array_equal(each, names[0]) for each in names)


def test_a_float_that_is_not_finite_shows_in_the_range():
    numbers = CONDITIONS["numbers"].copy()
    numbers[5, 1] = np.nan
    assert np.isnan(made(places(), numbers).condition_range).all()


# Mirrored and cropped


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize(("flip", "crop"), [(True, None), (False, (4, 5)), (True, (4, 5))])
def test_image_and_condition_move_alike(joined, flip, crop):
    """In one array or in two: each pixel of the condition is that of the image, which moved."""
    values = places()
    conditions = 255 - values[..., 1:]
    source = (np.concatenate([values, conditions], axis=-1),) if joined else (values, conditions)
    batches = made(*source, flip=flip, crop=crop, condition_channels=1 if joined else None)
    sides = crop or (6, 8)
    assert (batches.image_shape, batches.condition_shape) == ((*sides, 2), (*sides, 1))
    assert batches.condition_range == (-1.0, 1.0)
    seen = []
    for number in range(2):
        images, found = map(pixels, read(batches.epoch(number)))
        assert images.shape == (NUM_IMAGES, *sides, 2) and sorted(images[:, 0, 0, 0]) == list(range(NUM_IMAGES))
        np.testing.assert_array_equal(images[..., 1:], 255 - found)
        seen.append(images[np.argsort(images[:, 0, 0, 0]), :, :, 1])
    assert len({each.tobytes() for each in np.concatenate(seen)}) > (1 if crop is None else 8)
    assert not np.array_equal(*seen)


def test_crops_are_parts_of_their_images_at_all_places():
    values = places(200)
    images = pixels(np.concatenate([np.asarray(each) for each in made(values, crop=(4, 5)).epoch(1)]))
    corners = images[:, 0, 0, 1]
    tops, lefts = corners // 8, corners % 8
    for image, top, left in zip(images, tops, lefts, strict=True):
        np.testing.assert_array_equal(image, values[image[0, 0, 0], top : top + 4, left : left + 5])
    # Six standard errors of the share of one of three tops and of one of four lefts.
    assert np.abs(np.bincount(tops, minlength=3) / 200 - 1 / 3).max() < 0.2
    assert np.abs(np.bincount(lefts, minlength=4) / 200 - 1 / 4).max() < 0.19


def test_crops_follow_from_the_seed_and_the_epoch():
    first, other = (made(places(), crop=(4, 5), flip=True, seed=seed) for seed in (3, 4))
    again = made(places(), crop=(4, 5), flip=True)
    for number in range(2):
        whole = np.concatenate([np.asarray(each) for each in first.epoch(number)])
        rest = np.concatenate([np.asarray(each) for each in again.epoch(number, skip=4)])
        np.testing.assert_array_equal(rest, whole[40:])
        assert not np.array_equal(whole, np.concatenate([np.asarray(each) for each in other.epoch(number)]))


def test_crops_change_neither_the_order_nor_what_is_mirrored():
    plain = read((images,) for images in made(places(), flip=True).epoch(1))[0]
    cropped = read((images,) for images in made(places(), flip=True, crop=(6, 5)).epoch(1))[0]
    np.testing.assert_array_equal(pixels(plain)[:, 0, 0, 0], pixels(cropped)[:, 0, 0, 0])
    is_mirrored = [pixels(each)[:, 0, 0, 1] > pixels(each)[:, 0, 1, 1] for each in (plain, cropped)]
    np.testing.assert_array_equal(*is_mirrored)


def test_a_share_is_a_part_of_the_rows():
    batches = made(places(), 255 - places(), crop=(4, 5), flip=True)
    for whole, share in zip(batches.epoch(1), batches.share(lambda rows: rows[3:7]).epoch(1), strict=True):
        for part, some in zip(whole, share, strict=True):
            np.testing.assert_array_equal(np.asarray(part)[3:7], some)


def test_without_augmentation_crops_are_of_the_center():
    batches = Batches(made(places(), crop=(4, 5), flip=True).source.unaugmented(), 6)
    for number in range(2):
        images = pixels(np.concatenate([np.asarray(each) for each in batches.epoch(number)]))
        assert (images[:, 0, 0, 1] == 1 * 8 + 1).all()


def test_sixteen_bits_are_scaled_as_they_are_read():
    values = np.arange(2**16, dtype="uint16").reshape(16, 64, 64, 1)
    images = np.concatenate([np.asarray(each) for each in made(values, batch_size=4, shuffle=False)])
    assert images.dtype == np.float32 and (images.min(), images.max()) == (-1.0, 1.0)
    np.testing.assert_array_equal(np.round((images.astype("float64") + 1) * 32767.5), values)


# Two sets without pairs


def unpaired(num_first=60, num_second=24, **options):
    first, second = places(num_first), places(num_second)[:, :4, :4]
    sides = (made(first, **options), made(second, **{**options, "seed": 8}))
    return Batches(PairedEpochs(*(each.source for each in sides)), num_first // 10)


def names(epoch):
    return [np.concatenate([pixels(part)[:, 0, 0, 0] for part in side]) for side in zip(*epoch, strict=True)]


def test_each_side_has_its_own_passes():
    batches = unpaired()
    assert (batches.image_shape, batches.condition_shape, batches.condition_dtype) == ((6, 8, 2), (4, 4, 2), "float32")
    first, second = zip(*(names(batches.epoch(number)) for number in range(2)), strict=True)
    assert all(sorted(each) == list(range(60)) for each in first)
    passes = np.concatenate(second).reshape(6, 20)  # each leaves out the four images that do not fill a batch
    assert all(len(set(each)) == 20 for each in passes) and len(set(np.concatenate(passes))) == 24
    assert len({each.tobytes() for each in passes}) == 6


def test_each_side_has_the_batches_it_has_alone():
    together, alone = unpaired(flip=True, crop=(3, 3)), made(places(), flip=True, crop=(3, 3))
    for (image, _), expected in zip(together.epoch(1), alone.epoch(1), strict=True):
        np.testing.assert_array_equal(image, expected)


def test_epochs_of_pairs_begin_anywhere_and_repeat():
    batches = unpaired(flip=True)
    whole = [names(batches.epoch(number)) for number in range(2)]
    later = names(batches.epoch(1, skip=4))
    share = names(batches.share(lambda rows: rows[:5]).epoch(1, skip=5))
    for side in range(2):
        np.testing.assert_array_equal(later[side], whole[1][side][40:])
        np.testing.assert_array_equal(share[side], whole[1][side][50:55])
    parts = batches.take(4).with_epochs_of(8)
    np.testing.assert_array_equal(names(parts.epoch(0))[1], np.concatenate([each[1][:40] for each in whole]))
    doubled = batches.map(lambda a, b: (a, -b))
    assert np.array_equal(-np.asarray(next(iter(doubled))[1]), np.asarray(next(iter(batches))[1]))
