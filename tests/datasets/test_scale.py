"""Laws of values: what goes in comes back, whatever their dtype, range and number of channels."""

import numpy as np
import pytest
from dataset_helpers import noise, save
from PIL import Image

from kerasgan.datasets import ValueScale, exact, load, load_arrays, named_images, source

ALL_16 = np.arange(2**16, dtype="uint16")


def batch(batches):
    return np.asarray(next(iter(batches)))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_every_pixel_comes_back(dtype):
    info = np.iinfo(dtype)
    values = np.arange(info.min, info.max + 1).astype(dtype)
    scale = ValueScale(dtype, info.min, info.max)
    model = scale.to_model(values)
    assert model.dtype == np.float32 and (model[0], model[-1]) == (-1, 1) and (np.diff(model) > 0).all()
    back = scale.to_source(model)
    assert back.dtype == dtype and np.array_equal(back, values)


@pytest.mark.parametrize("value_range", [None, (0, 65535), (100, 60_000), "data"])
def test_all_sixteen_bit_pixels_come_back_through_batches(value_range):
    low, high = value_range if isinstance(value_range, tuple) else (0, 65535)
    values = ALL_16[low : low + (high + 1 - low) // 64 * 64].reshape(-1, 8, 8, 1)
    batches, info = load(values, len(values), shuffle=False, value_range=value_range, unit="counts")
    assert info.value_scale.unit == "counts" and info.value_scale.dtype == "uint16"
    images = batch(batches)
    np.testing.assert_array_equal(images, info.value_scale.to_model(values))
    np.testing.assert_array_equal(info.value_scale.to_source(images), values)
    np.testing.assert_array_equal(load_arrays(values, value_range=value_range)[0], images)


def test_signed_pixels_come_back_through_batches():
    values = ALL_16.view("int16").reshape(-1, 8, 8, 1)
    for value_range, part in ((None, values), ((-1000, 3000), np.clip(values, -1000, 3000))):
        batches, info = load(part, len(part), shuffle=False, value_range=value_range)
        np.testing.assert_array_equal(info.value_scale.to_source(batch(batches)), part)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint32"])
def test_physical_units_come_back(dtype):
    values = (np.random.default_rng(0).random((20, 4, 6, 13)) * 70 + 230).astype(dtype)  # kelvin
    images, _, info = load_arrays(values, value_range=(220, 320), unit="K")
    assert images.dtype == np.float32 and info.image_shape == (4, 6, 13)
    np.testing.assert_allclose(images, (values.astype("float64") - 270) / 50, atol=1e-6)
    np.testing.assert_allclose(info.value_scale.to_source(images), values, atol=2e-5)
    exact = load_arrays(values, value_range="data")[2].value_scale
    assert (exact.low, exact.high) == (values.min(), values.max())


def test_floats_of_the_model_are_not_touched():
    values = np.float32([-1, -1e-20, 1e-30, 0.3]).reshape(1, 2, 2, 1)
    images, _, info = load_arrays(values)
    assert np.array_equal(images, values) and np.array_equal(info.value_scale.to_source(images), values)


def test_what_is_beyond_the_range_is_clipped_on_the_way_back():
    assert ValueScale("uint8", 0, 255).to_source(np.array([-3.0, 1.2])).tolist() == [0, 255]


# Files


def deep(seed=0, height=9, width=12, channels=1):
    return np.random.default_rng(seed).integers(2**16, size=(height, width, channels), dtype="uint16")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("on_disk", [False, True])
def test_gray_pictures_of_sixteen_bits_are_bit_exact(tmp_path, monkeypatch, suffix, on_disk):
    if on_disk:
        monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(source, "MEMORY_SHARE", 0.0)
    pictures = [deep(seed) for seed in range(3)]
    for number, each in enumerate(pictures):
        save(tmp_path, f"scans/{number}{suffix}", Image.fromarray(each[..., 0]))
    for _ in range(2):
        batches, info = load(tmp_path / "scans", 3, image_size=(9, 12), shuffle=False)
        assert info.image_shape == (9, 12, 1) and info.value_scale == ValueScale("uint16", 0, 65535)
        np.testing.assert_array_equal(info.value_scale.to_source(batch(batches)), np.stack(pictures))
    narrow = load_arrays(tmp_path / "scans", image_size=(9, 12), bits=8, channels=1)
    np.testing.assert_array_equal(narrow[2].value_scale.to_source(narrow[0]), np.stack(pictures) >> 8)


@pytest.mark.parametrize("channels", [3, 4])
def test_color_pictures_of_sixteen_bits_are_bit_exact(tmp_path, channels):
    tf = pytest.importorskip("tensorflow")
    picture = deep(channels=channels)
    (tmp_path / "a.png").write_bytes(tf.io.encode_png(picture).numpy())
    images, _, info = load_arrays(tmp_path, image_size=(9, 12))
    np.testing.assert_array_equal(info.value_scale.to_source(images)[0], picture)
    assert load_arrays(tmp_path, image_size=6, channels=1)[0].shape == (1, 6, 6, 1)


def test_opacity_is_kept_where_it_is_asked_for(tmp_path):
    image = noise(8, 8, 4)
    save(tmp_path, "a.png", Image.fromarray(image, "RGBA"))
    images, _, info = load_arrays(tmp_path, image_size=8, channels=4)
    np.testing.assert_array_equal(info.value_scale.to_source(images)[0], image)
    assert load_arrays(tmp_path, image_size=8)[0].shape == (1, 8, 8, 3)


def test_mixed_bits_are_said_and_can_be_widened(tmp_path):
    save(tmp_path, "a.png", Image.fromarray(deep(1)[..., 0]))
    save(tmp_path, "b.png", Image.fromarray(noise(9, 12)[..., 0]))
    with pytest.warns(UserWarning, match="1 of 2 pictures .* more than 8 bits.*bits=16") as caught:
        _, _, info = load_arrays(tmp_path, image_size=(9, 12))
    assert info.value_scale.dtype == "uint8" and caught[0].filename == __file__
    images, _, info = load_arrays(tmp_path, image_size=(9, 12), bits=16)
    found = info.value_scale.to_source(images)
    np.testing.assert_array_equal(found[0], deep(1))
    np.testing.assert_array_equal(found[1, ..., 0], noise(9, 12)[..., 0].astype("uint16") * 257)


def test_float_pictures_need_a_range(tmp_path):
    picture = np.linspace(-40, 60, 64, dtype="float32").reshape(8, 8)
    save(tmp_path, "a.tif", Image.fromarray(picture))
    images, _, info = load_arrays(tmp_path, image_size=8, value_range=(-50, 60), unit="deg C")
    np.testing.assert_allclose(info.value_scale.to_source(images)[0, ..., 0], picture, atol=1e-5)
    with pytest.raises(ValueError, match=r"their range, \[-1, 1\].*from -40 to 60. Use value_range=\(-40, 60\)"):
        load_arrays(tmp_path, image_size=8)


def test_files_and_folders_of_arrays_are_data(tmp_path):
    stack = deep(height=40, width=30, channels=5).reshape(4, 10, 30, 5)
    for number, name in enumerate(("b/0", "b/1", "a/2")):
        path = tmp_path / "stacks" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, stack[number] if number else stack[:2])
    batches, info = load(tmp_path / "stacks", 4, labels=True, shuffle=False)
    images, labels = map(np.asarray, next(iter(batches)))
    np.testing.assert_array_equal(info.value_scale.to_source(images), stack[[2, 0, 1, 1]])
    assert labels.tolist() == [0, 1, 1, 1] and info.class_names == ("a", "b") and info.image_shape == (10, 30, 5)
    assert load(tmp_path / "stacks", 1, image_size=(5, 10))[1].image_shape == (5, 10, 5)
    for split, expected in (("train[:75%]", 3), ("train[75%:]", 1), ("train", 4)):  # of the images, not of the files
        assert load(tmp_path / "stacks", 1, split=split)[1].num_images == expected
    (tmp_path / "stacks" / "b" / ".old").mkdir()
    np.save(tmp_path / "stacks" / "b" / ".old" / "0.npy", stack[0])
    assert load(tmp_path / "stacks", 1)[1].num_images == 4
    np.savez(tmp_path / "all.npz", images=stack, labels=np.arange(4))
    images, labels, info = load_arrays(tmp_path / "all.npz")
    np.testing.assert_array_equal(info.value_scale.to_source(images), stack)
    assert labels.tolist() == [0, 1, 2, 3] and info.name == "all.npz"


@pytest.mark.parametrize(
    ("files", "options", "match"),
    [
        ({"a": deep(), "b": deep(channels=2)}, {}, "one number of channels.*1 of 1, 1 of 2"),
        ({"a": deep(), "b": deep().astype("uint8")}, {}, "one dtype.*1 of uint16, 1 of uint8"),
        ({"a": deep(), "b": deep(width=13)}, {}, "one size.*image_size=64"),
        ({"a": np.float32([[0, np.nan], [0.1, 1]])}, {}, "1 NaN or infinite values, in 1 of 1 images"),
        ({"a": np.float32([[0, 3], [5, 1]])}, {}, r"value_range=\(0, 5\)"),
        ({"a": np.full((4, 4), 7, "uint16")}, {"value_range": "data"}, "Images must vary"),
        ({"a": np.arange(16).reshape(4, 4)}, {}, "int64 have no known range"),
        ({"a": deep()}, {"value_range": (0, 4095)}, r"their range, \[0, 4095\]"),
        ({"a": deep()}, {"value_range": 3}, "two finite numbers.*value_range=3"),
        ({"a": deep()}, {"channels": 1}, "its own channels"),
        ({"a": np.zeros(5)}, {}, "a of shape"),
        ({"a": deep()}, {"bits": 12}, "Received: bits=12"),
    ],
)
def test_arrays_that_do_not_go_together_are_refused(tmp_path, files, options, match):
    for name, values in files.items():
        np.save(tmp_path / f"{name}.npy", values)
    with pytest.raises(ValueError, match=match.replace("a of shape", "a.npy of shape")):
        load(tmp_path, 1, **options)


@pytest.mark.parametrize("name", ["a.npz", "folder"])
def test_damaged_arrays_are_refused_by_name(tmp_path, name):
    file = tmp_path / name / "a.npz" if name == "folder" else tmp_path / name
    file.parent.mkdir(exist_ok=True)
    np.savez(file, images=deep())
    content = file.read_bytes()
    for damaged in (content[: len(content) // 2], content[:100] + bytes(99) + content[199:]):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"file of NumPy's.*a\.npz"):
            load(tmp_path / name, 1)
        with pytest.raises(ValueError, match=r"file of NumPy's.*a\.npz"):
            named_images.load_named(str(tmp_path / name), (9, 12, 1))


def test_constant_images_are_counted():
    images = np.stack([np.full((4, 4), value, "uint16") for value in (0, 9)] + [deep(height=4, width=4)[..., 0]])
    with pytest.warns(UserWarning, match="2 of the 3 images are constant") as caught:
        load(images, 1)
    assert caught[0].filename == __file__


def test_points_have_no_range():
    with pytest.raises(ValueError, match="Points have no range"):
        load("ring", value_range=(0, 1))


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_resized_pictures_keep_the_range_of_their_values(dtype):
    """A filter with negative weights overshoots at hard edges."""
    image = np.zeros((64, 64, 2), dtype)
    image[:, 30:] = 4095
    small = exact.resized(image, (24, 24))
    assert small.dtype == dtype and small.min() == 0 and small.max() == 4095


def test_float_pictures_take_other_channels():
    assert exact._with_channels(np.full((2, 2, 1), 0.5, "float32"), 3).tolist() == np.full((2, 2, 3), 0.5).tolist()


def test_bits_do_not_depend_on_the_split(tmp_path):
    """Nine deep pictures and one of 8 bits, which is in one of the two parts."""
    random = np.random.default_rng(0)
    for number in range(10):
        dtype = "uint8" if number == 4 else "uint16"
        Image.fromarray(random.integers(0, 256, (8, 8)).astype(dtype)).save(tmp_path / f"{number}.png")
    with pytest.warns(UserWarning, match="9 of 10 pictures .* more than 8 bits"):
        found = [load_arrays(tmp_path, image_size=8, split=split)[2] for split in ("train[:80%]", "train[80%:]")]
    assert {info.image_shape for info in found} == {(8, 8, 3)}


def test_the_range_of_a_split_is_not_that_of_a_folder(tmp_path):
    for number in range(4):
        Image.fromarray(np.full((8, 8), 1000 * number, "uint16")).save(tmp_path / f"{number}.png")
    with pytest.raises(ValueError, match=r"value_range='data' with split='train\[:50%\]'.*info\.value_scale\.low"):
        load_arrays(tmp_path, image_size=8, value_range="data", split="train[:50%]")
    images, _, info = load_arrays(tmp_path, image_size=8, value_range="data")
    assert (info.value_scale.low, info.value_scale.high) == (0, 3000) and images.max() == 1
