"""Laws of pairs: partners stay together, moved alike; two sets without pairs; what each mistake raises."""

import numpy as np
import pytest
from dataset_helpers import noise, save
from PIL import Image

from kerasgan import conditions
from kerasgan.datasets import load_arrays, load_pair_arrays, load_pairs, load_unpaired, photos, source

COUNT = 6


def gray_of(image):
    return np.asarray(Image.fromarray(image).convert("L"))


@pytest.fixture
def pairs(tmp_path):
    """Six photos of 8x8, and the same in gray, in two folders and side by side, the gray one on the left."""
    for number in range(COUNT):
        image = noise(8, 8, seed=number)
        save(tmp_path, f"out/deeper/{number}.png", Image.fromarray(image))
        save(tmp_path, f"in/deeper/{number}.bmp", Image.fromarray(gray_of(image)))
        both = np.concatenate([gray_of(image)[..., None].repeat(3, axis=-1), image], axis=1)
        save(tmp_path, f"both/{number}.png", Image.fromarray(both))
    return tmp_path


def read(batches, epoch=0):
    return [np.concatenate(part) for part in zip(*batches.epoch(epoch), strict=True)]


def check_partners(targets, inputs):
    """Each input is the luma of its target, whatever their order and whichever are mirrored."""
    levels = np.round((targets + 1) * 127.5)
    luma = np.stack([gray_of(each.astype("uint8")) for each in levels])
    np.testing.assert_array_equal(np.round((inputs + 1) * 127.5), luma[..., None].repeat(inputs.shape[-1], axis=-1))


@pytest.mark.parametrize("flip", [False, True])
def test_files_of_one_name_are_pairs(pairs, flip):
    batches, info = load_pairs(pairs / "in", pairs / "out", 3, image_size=8, input_channels=1, flip=flip)
    assert (info.image_shape, info.condition, info.num_images) == ((8, 8, 3), conditions.Image((8, 8, 1)), COUNT)
    assert (batches.image_shape, batches.condition_shape, len(batches)) == ((8, 8, 3), (8, 8, 1), 2)
    assert batches.condition_range == (-1.0, 1.0)
    for epoch in range(2):
        check_partners(*read(batches, epoch))


@pytest.mark.parametrize("side", ["left", "right"])
def test_one_file_holds_both_halves(pairs, side):
    batches, info = load_pairs(pairs / "both", batch_size=3, image_size=8, input_side=side, shuffle=False)
    assert info.image_shape == (8, 8, 3) and info.condition == conditions.Image((8, 8, 3))
    targets, inputs = read(batches)
    check_partners(*((targets, inputs) if side == "left" else (inputs, targets)))


def test_pictures_of_16_bits_are_said_to_lose_8(pairs):
    save(pairs, "out/deeper/0.png", Image.fromarray(np.arange(64, dtype="uint16").reshape(8, 8)))
    for given in ((pairs / "in", pairs / "out"), (pairs / "out", pairs / "in")):
        with pytest.warns(UserWarning, match="1 pictures in .* have more than 8 bits, of which 8 are kept") as caught:
            load_pairs(*given, 3, image_size=8)
        assert caught[0].filename == __file__


def test_both_are_resized_and_cropped_alike(tmp_path):
    """Of equal files all pixels stay equal, whatever is done to them."""
    for number in range(4):
        image = Image.fromarray(noise(24, 40, seed=number))
        for side in ("in", "out"):
            save(tmp_path, f"{side}/{number}.png", image)
    batches, info = load_pairs(tmp_path / "in", tmp_path / "out", 4, image_size=(9, 7), crop_from=(12, 10), flip=True)
    assert info.image_shape == (9, 7, 3) and info.condition.shape == (9, 7, 3)
    for epoch in range(2):
        targets, inputs = read(batches, epoch)
        assert targets.shape == (4, 9, 7, 3)
        np.testing.assert_array_equal(targets, inputs)


def test_arrays_folders_and_halves_are_the_same_data(pairs):
    targets, inputs, info = load_pair_arrays(pairs / "in", pairs / "out", image_size=8, input_channels=1)
    halves = load_pair_arrays(pairs / "both", image_size=8, input_channels=1)
    np.testing.assert_array_equal(targets, halves[0])
    np.testing.assert_array_equal(inputs, halves[1])
    assert info.fingerprint == halves[2].fingerprint
    given = load_pair_arrays(inputs, np.round((targets + 1) * 127.5).astype("uint8"))
    np.testing.assert_allclose(given[0], targets, atol=1e-6)
    np.testing.assert_array_equal(given[1], inputs)
    some = load_pair_arrays(inputs, targets, n=2, seed=3)
    assert some[0].shape == (2, 8, 8, 3)
    check_partners(*some[:2])


@pytest.mark.parametrize(
    "dtypes", [("uint16", "uint16"), ("uint8", "uint16"), ("uint16", "float32"), ("int16", "uint8")]
)
def test_arrays_of_pairs_may_have_any_pixels(dtypes):
    """Each side is what it is alone."""
    targets, inputs = (array() if each == "uint8" else (array() * 100).astype(each) for each in dtypes)
    inputs = inputs / np.float32(1e5) if dtypes[1] == "float32" else inputs
    found = load_pair_arrays(inputs, targets)
    for part, alone in zip(found[:2], (targets, inputs), strict=True):
        np.testing.assert_allclose(part, load_arrays(alone)[0], atol=1e-6)
    assert found[2].value_scale == load_arrays(targets)[2].value_scale
    (batch,) = load_pairs(inputs, targets, 9, shuffle=False)[0]
    for part, expected in zip(batch, found[:2], strict=True):
        np.testing.assert_array_equal(part, expected)


def test_slices_of_pairs_share_none(pairs):
    parts = [load_pair_arrays(pairs / "both", image_size=8, split=f"train{part}") for part in ("[:50%]", "[50%:]")]
    names = [{each.tobytes() for each in targets} for targets, _, _ in parts]
    assert len(names[0] | names[1]) == COUNT and not names[0] & names[1]


def test_the_cache_holds_both_images_of_a_pair(pairs, tmp_path, monkeypatch):
    options = {"batch_size": 3, "image_size": 8, "flip": True, "seed": 3}
    expected = read(load_pairs(pairs / "in", pairs / "out", **options)[0], 1)
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(source, "MEMORY_SHARE", 0.0)
    for _ in range(2):
        batches, _ = load_pairs(pairs / "in", pairs / "out", **options)
        for part, same in zip(read(batches, 1), expected, strict=True):
            np.testing.assert_array_equal(part, same)
        monkeypatch.setattr(photos, "decode_part", pytest.fail)  # the second start decodes nothing
    assert len([each for each in (tmp_path / "cache").iterdir() if each.is_dir()]) == 1


def test_files_without_a_partner_are_counted_and_named(pairs):
    (pairs / "in/deeper/0.bmp").unlink()
    (pairs / "out/deeper/1.png").unlink()
    (pairs / "out/deeper/2.png").write_text("no image")
    with pytest.warns(UserWarning) as caught:
        batches, info = load_pairs(pairs / "in", pairs / "out", 3, image_size=8, input_channels=1)
    messages = [str(each.message) for each in caught]
    assert "Left out 1 inputs and 1 targets without a partner" in messages[0] and "of 5 pairs" not in messages[0]
    assert "Skipped 1 of 4 images" in messages[1] and {each.filename for each in caught} == {__file__}
    assert info.skipped == ("deeper/2", "in/deeper/1.bmp", "out/deeper/0.png") and info.num_images == 3
    check_partners(*read(batches))


def array(num_images=9, side=8):
    return np.stack([noise(side, side, seed=number) for number in range(num_images)])


@pytest.mark.parametrize(
    ("change", "arguments", "match"),
    [
        ({"in/x.png": 9}, ("in", "empty"), "The folder must hold photos"),
        ({"other/x.png": 9}, ("in", "other"), "two files of one name.*share none: .*load_unpaired"),
        ({"in/deeper/1.bmp": 9}, ("in", "out"), "1 of 6 pairs.*deeper/1, has 9x8 pixels as input and 8x8"),
        ({"in/deeper/1.jpg": 8}, ("in", "out"), "told apart by their names.*1.bmp' and '1.jpg'"),
        ({"both/1.png": 9}, ("both",), "even width. Received: 1 pictures.*1.png, has 9x8 pixels"),
        ({}, ("nothing", "out"), "inputs must be an existing folder"),
        ({}, ("in", array()), "Both sides are folders, or both are arrays"),
        ({}, (array(),), "Arrays of pairs are two"),
        ({}, (array(), array(8)), "Each target has an input of its size"),
        ({}, (array(), array(9, 7)), "Each target has an input of its size"),
        ({}, (array(), array() * 2.0), "Float images must lie in"),
        ({}, ([1, 2], array()), "inputs must be a folder or an array. Received: inputs=<list>"),
    ],
)
def test_pairs_that_do_not_match_are_refused(pairs, change, arguments, match):
    (pairs / "empty").mkdir()
    for name, width in change.items():
        save(pairs, name, Image.fromarray(noise(8, width)))
    arguments = [pairs / each if isinstance(each, str) else each for each in arguments]
    with pytest.raises(ValueError, match=match):
        load_pairs(*arguments, batch_size=2, image_size=8)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"input_side": "top"}, "Received: input_side='top'"),
        ({"input_channels": 2}, "Received: input_channels=2"),
        ({"batch_size": 7}, "batch_size=7 for 6 pairs"),
        ({"crop_from": 4}, "image_size=8, crop_from=4"),
    ],
)
def test_arguments_of_pairs_are_checked(pairs, options, match):
    with pytest.raises(ValueError, match=match):
        load_pairs(pairs / "both", **{"image_size": 8, "batch_size": 2, **options})


# Without pairs


def rows_of(images, part):
    """Returns which of the images each of a part is."""
    pixels = np.round((np.asarray(part) + 1) * 127.5)
    return [int(np.flatnonzero((images == each).all(axis=(1, 2, 3)))[0]) for each in pixels]


def test_each_set_has_an_order_of_its_own():
    first, second = array(10), array(4)[:, :, :, :1]
    batches, info = load_unpaired(first, second, 2, seed=1)
    assert len(batches) == 5 and info.num_images == 10
    assert (info.image_shape, info.condition) == ((8, 8, 3), conditions.Image((8, 8, 1)))
    orders = [[rows_of(*each) for each in zip((first, second), read(batches, e), strict=True)] for e in range(2)]
    assert all(sorted(order[0]) == list(range(10)) for order in orders)
    passes = np.concatenate([order[1] for order in orders]).reshape(5, 4)
    assert all(sorted(each) == [0, 1, 2, 3] for each in passes) and len({each.tobytes() for each in passes}) > 1
    later = load_unpaired(first, second, 2, seed=1)[0].epoch(1, skip=3)
    assert [rows_of(second, part[1]) for part in later] == np.reshape(orders[1][1], (5, 2))[3:].tolist()


def test_sets_of_one_size_are_no_pairs():
    images = array(40, 2)
    batches, _ = load_unpaired(images, images, 4)
    first, second = (rows_of(images, part) for part in read(batches))
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 8


@pytest.mark.parametrize(
    ("second", "options", "match"),
    [
        ("empty", {}, "Domain b must be a set of images. The folder must hold photos"),
        (array()[:0], {}, "Domain b must be a set of images. An array must hold at least one"),
        (array(9, 7), {}, "must have one size. Received: 8x8 in a and 7x7 in b"),
        (array(3), {}, "batch_size=4 for 3 images of b"),
        ("ring", {}, "Domain b must be a set of images. Received: the points 'ring'"),
        (array(), {"seed": -1}, "Received: seed=-1"),
    ],
)
def test_sets_that_do_not_go_together_are_refused(tmp_path, second, options, match):
    (tmp_path / "empty").mkdir()
    second = tmp_path / second if isinstance(second, str) and second == "empty" else second
    with pytest.raises(ValueError, match=match):
        load_unpaired(array(), second, 4, **options)
