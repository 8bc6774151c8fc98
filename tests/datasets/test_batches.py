"""Laws of epochs, on either engine: the batches of an epoch are a function of its number alone.

`tests/backend/test_jax.py` runs this file on JAX, too.
"""

import itertools

import keras
import numpy as np
import pytest

from kerasgan.datasets import load

BATCHES = 7  # in an epoch of `numbered`
FIRST_TWO_EPOCHS = {
    "tensorflow": [[8, 3, 2, 4, 5, 7, 9, 1, 0, 6], [7, 1, 8, 5, 0, 9, 2, 3, 6, 4]],
    "jax": [[9, 6, 0, 2, 1, 4, 7, 5, 3, 8], [4, 1, 2, 8, 5, 0, 7, 9, 6, 3]],
}


def numbered(num_images=70, labels=False, **options):
    """Returns batches of 10 images whose pixels all hold the number of the image, which is also the label."""
    pixels = np.broadcast_to(np.arange(num_images, dtype="uint8")[:, None, None, None], (num_images, 2, 2, 1))
    return load((pixels, np.arange(num_images)), 10, labels=labels, **options)[0]


def numbers(epoch):
    """Returns the numbers of the images in each batch of an epoch."""
    return [np.round((np.asarray(batch)[:, 0, 0, 0] + 1) * 127.5).astype(int).tolist() for batch in epoch]


def endless(batches):
    """Yields the batches of all epochs, one after another."""
    return itertools.chain.from_iterable(numbers(batches.epoch(number)) for number in itertools.count())


def first(batches, count):
    return list(itertools.islice(endless(batches), count))


# One epoch


def test_an_epoch_holds_each_image_once():
    for number in range(3):
        assert sorted(np.ravel(numbers(numbered().epoch(number)))) == list(range(70))


def test_what_does_not_fill_a_batch_is_left_out():
    batches = numbered(79)
    assert len(batches) == len(numbers(batches)) == BATCHES
    assert len(set(np.ravel(numbers(batches)))) == 70


def test_an_epoch_is_always_the_same_whatever_was_read_before():
    batches = numbered()
    second = numbers(batches.epoch(1))
    next(iter(batches)), numbers(batches.epoch(4))
    unfinished = iter(batches.epoch(1))
    next(unfinished)
    assert numbers(batches.epoch(1)) == numbers(numbered().epoch(1)) == second
    assert numbers([next(unfinished)]) == second[1:2]


def test_the_order_is_the_same_in_every_process():
    """The orders of the first release: a run that is resumed with a later one goes on with its own data."""
    pixels = np.arange(10, dtype="uint8")[:, None, None]
    batches, _ = load(pixels, 10, seed=3)
    expected = FIRST_TWO_EPOCHS[keras.backend.backend()]
    assert [numbers(batches.epoch(number))[0] for number in range(2)] == expected


def test_iterating_is_reading_epoch_0():
    batches = numbered()
    assert numbers(batches) == numbers(batches) == numbers(batches.epoch(0))


def test_every_epoch_has_an_order_of_its_own():
    orders = [numbers(numbered().epoch(number)) for number in range(3)]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert list(range(70)) not in [np.ravel(order).tolist() for order in orders]


def test_a_seed_fixes_the_order_of_all_epochs():
    orders = [[numbers(numbered(seed=seed).epoch(number)) for number in range(2)] for seed in (3, 3, 4)]
    assert orders[0] == orders[1]
    assert orders[0][0] != orders[2][0] and orders[0][1] != orders[2][1]


def test_the_global_seed_changes_nothing():
    orders = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        orders.append(numbers(numbered(flip=True).epoch(1)))
    assert orders[0] == orders[1]


def test_unshuffled_data_keep_their_order_in_every_epoch():
    batches = numbered(shuffle=False)
    assert [np.ravel(numbers(batches.epoch(number))).tolist() for number in (0, 5)] == [list(range(70))] * 2


@pytest.mark.parametrize("flip", [False, True])
def test_labels_stay_with_their_images(flip):
    for images, labels in numbered(labels=True, flip=flip).epoch(1, skip=2):
        assert numbers([images]) == [np.asarray(labels).tolist()]


def test_skipped_batches_are_left_out():
    batches = numbered()
    for skip in (0, 1, 6, 7):
        assert numbers(batches.epoch(2, skip=skip)) == numbers(batches.epoch(2))[skip:]


# Epochs of other lengths


@pytest.mark.parametrize("times", [1, 3])
def test_repeated_batches_are_epochs_one_after_another(times):
    batches = numbered()
    longer, second = batches.repeat(times), first(batches, 2 * times * BATCHES)[times * BATCHES :]
    assert len(longer) == times * BATCHES
    assert numbers(longer.epoch(1)) == numbers(numbered(passes=times).epoch(1)) == second


@pytest.mark.parametrize("length", [3, 7, 16])
def test_epochs_of_another_length_hold_the_same_batches(length):
    batches = numbered().with_epochs_of(length)
    assert len(batches) == length
    assert first(batches, 40) == first(numbered(), 40)


def test_a_part_is_the_beginning_of_each_epoch():
    batches = numbered()
    for number in range(3):
        assert numbers(batches.take(3).epoch(number)) == numbers(batches.epoch(number))[:3]
        assert numbers(batches.take(9).epoch(number)) == numbers(batches.epoch(number))
    assert len(batches.take(3)) == 3 and len(batches.take(9)) == BATCHES


def taken(stream, kept, of):
    """The model of `take`: the first `kept` of every `of`."""
    return (each for number, each in enumerate(stream) if number % of < kept)


def test_parts_and_other_lengths_combine_in_any_order():
    batches, stream = numbered(), endless(numbered())
    repeated, parts = batches.take(3).repeat(2), list(itertools.islice(taken(stream, 3, 7), 30))
    assert first(repeated, 20) == parts[:20] and len(repeated) == 6
    assert numbers(repeated.epoch(1, skip=2)) == parts[8:12]
    some = list(taken(parts, 5, 6))
    assert first(repeated.take(5), 20) == first(repeated.take(5).with_epochs_of(4), 20) == some[:20]


def test_skipped_batches_stay_with_other_lengths():
    batches = numbered(skip_batches=9)
    for each in (batches, batches.repeat(2), batches.take(3), batches.with_epochs_of(5), batches.map(lambda x: x)):
        assert each.skip_batches == 9
    assert first(batches, 7) == first(numbered(), 7)  # only `fit` skips them


# Functions of batches


def test_a_function_is_applied_to_each_batch():
    batches = numbered()
    mapped = batches.map(lambda images: images * 0.5).map(lambda images: images + 0.25)
    for number in range(2):
        for images, changed in zip(batches.epoch(number), mapped.epoch(number), strict=True):
            np.testing.assert_allclose(changed, np.asarray(images) * 0.5 + 0.25, atol=1e-6)
    assert numbers(batches) == numbers(numbered())  # they are not changed themselves


@pytest.mark.parametrize("per_image", [False, True])
def test_a_function_may_take_or_give_labels(per_image):
    labeled, plain = numbered(labels=True), numbered()
    alone = labeled.map(lambda images, labels: images, per_image)
    doubled = labeled.map(lambda images, labels: (images, 2 * labels), per_image)
    again = doubled.map(lambda images, labels: (images, labels // 2))
    assert numbers(alone.epoch(1)) == numbers(plain.epoch(1))
    for images, labels in again.epoch(1):
        assert numbers([images]) == [np.asarray(labels).tolist()]


@pytest.mark.parametrize("change", [lambda each: each.repeat(2).take(9), lambda each: each.with_epochs_of(5)])
def test_a_function_and_another_length_go_in_either_order(change):
    def negated(images):
        return -images

    for number in range(2):
        before, after = change(numbered().map(negated)).epoch(number), change(numbered()).map(negated).epoch(number)
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("per_image", [False, True])
def test_the_share_of_mapped_batches_is_a_part_of_their_rows(per_image):
    """A function that needs whole batches has them; one of each image by itself has the rows of the share alone."""
    sizes = []

    def centered(images, labels):
        sizes.append(images.shape[0])
        return images - (0 if per_image else images[-1:]), labels

    batches = numbered(labels=True).map(centered, per_image=per_image)
    share = batches.share(lambda values: values[3:7])
    for (images, labels), (some, theirs) in zip(batches.epoch(1), share.epoch(1), strict=True):
        np.testing.assert_array_equal(some, np.asarray(images)[3:7])
        np.testing.assert_array_equal(theirs, np.asarray(labels)[3:7])
    assert set(sizes) == ({4, 10} if per_image else {10})


# Mirroring


def sided_images(num_images=400):
    """Returns uint8 images (num_images, 1, 3, 1): 0, the image's number in two digits of base 20, each below 200."""
    numbers = np.arange(num_images)
    columns = np.stack([0 * numbers, 10 + numbers // 20, 10 + numbers % 20], axis=1)
    return columns.astype("uint8")[:, None, :, None]


def sides(epoch):
    """Returns the numbers of `sided_images` and which of them are mirrored, in order."""
    pixels = np.round((np.concatenate([np.asarray(batch) for batch in epoch])[:, 0, :, 0] + 1) * 127.5).astype(int)
    mirrored = pixels[:, 2] == 0
    pixels[mirrored] = pixels[mirrored, ::-1]
    assert (pixels[:, 0] == 0).all()
    return (pixels[:, 1:] - 10) @ [20, 1], mirrored


def test_about_half_of_the_images_are_mirrored_and_others_in_each_epoch():
    flipped, plain = (load(sided_images(), 10, flip=flip, seed=5)[0] for flip in (True, False))
    seen = []
    for number in range(3):
        names, mirrored = sides(flipped.epoch(number))
        same_names, none = sides(plain.epoch(number))
        assert not none.any()
        if keras.backend.backend() == "tensorflow":  # on JAX one generator draws both
            assert names.tolist() == same_names.tolist()
        assert abs(mirrored.mean() - 0.5) < 0.1  # four standard errors
        by_image = np.empty(400)
        by_image[names] = mirrored
        seen += [by_image, mirrored]
    # 0.2 is four standard errors of a correlation of 400 pairs that have none.
    correlations = np.corrcoef([*seen, np.arange(400), names])[np.triu_indices(8, 1)]
    assert np.abs(correlations).max() < 0.2


def test_what_is_mirrored_follows_from_the_seed_and_the_epoch():
    batches, other = (load(sided_images(), 10, flip=True, seed=seed)[0] for seed in (5, 6))
    for number, skip in ((0, 7), (2, 0), (2, 39)):
        names, mirrored = sides(batches.epoch(number))
        same_names, same = sides(load(sided_images(), 10, flip=True, seed=5)[0].epoch(number, skip=skip))
        assert names[10 * skip :].tolist() == same_names.tolist() and mirrored[10 * skip :].tolist() == same.tolist()
        assert (sides(other.epoch(number))[1] != mirrored).mean() > 0.4


def test_floats_and_labels_are_mirrored_with_their_images():
    images = np.linspace(-1, 1, 100 * 4 * 3, dtype="float32").reshape(100, 2, 2, 3)
    for batch, labels in load((images, np.arange(100)), 10, flip=True, labels=True)[0]:
        for image, label in zip(np.asarray(batch), np.asarray(labels), strict=True):
            assert np.array_equal(image, images[label]) or np.array_equal(image, images[label][:, ::-1])


# What batches are, and are not


def test_batches_say_what_they_hold():
    batches, plain = numbered(labels=True), numbered()
    assert (batches.batch_size, batches.image_shape, batches.label_range) == (10, (2, 2, 1), (0, 69))
    assert batches.has_labels and not plain.has_labels and plain.label_range is None
    assert repr(batches) == "Batches(num_batches=7, skip_batches=0)"


@pytest.mark.parametrize("name", ["element_spec", "cardinality", "as_numpy_iterator", "prefetch", "batch", "shuffle"])
def test_what_only_an_epoch_has_names_the_way_to_it(name):
    with pytest.raises(AttributeError, match=rf"no attribute '{name}'.*Use batches\.epoch\(0\)"):
        getattr(numbered(), name)
    assert not hasattr(numbered(), name)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda batches: batches.epoch(-1), "Received: number=-1"),
        (lambda batches: batches.epoch(1.0), "Received: number=1.0"),
        (lambda batches: batches.epoch(0, skip=8), "below 8. Received: skip=8"),
        (lambda batches: batches.epoch(0, skip=True), "Received: skip=True"),
        (lambda batches: batches.repeat(0), "Received: times=0"),
        (lambda batches: batches.take(0), "Received: count=0"),
        (lambda batches: batches.with_epochs_of(None), "Received: num_batches=None"),
    ],
)
def test_numbers_are_whole(call, match):
    with pytest.raises(ValueError, match=match):
        call(numbered())


def test_integers_of_numpy_are_whole_numbers():
    batches = numbered()
    assert numbers(batches.take(np.int32(3)).epoch(np.int64(1), skip=np.uint8(1))) == numbers(batches.epoch(1))[1:3]
