"""Pairs of images: an input and a target, from two folders, from one folder of both side by side, or from arrays."""

import concurrent.futures
import dataclasses
import os
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasgan.conditions import Image
from kerasgan.validation import scalars
from kerasgan.validation.printable import printable

from . import arrays, decoding, exact, photos
from .batches import Batches, resize_array
from .info import DatasetInfo
from .load import arrays_of, batches_of, check_batch_size
from .reading import sizes
from .scale import ValueScale, stored_to_model
from .source import Source, split_indices

SIDES = ("left", "right")
Folder = str | os.PathLike[str]


def load_pairs(
    inputs: Folder | np.ndarray,
    targets: Folder | np.ndarray | None = None,
    batch_size: int = 64,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    input_channels: int | None = None,
    crop_from: int | tuple[int, int] | None = None,
    input_side: str = "left",
    split: str = "train",
    shuffle: bool = True,
    flip: bool = False,
    seed: int = 0,
    passes: int = 1,
    skip_batches: int = 0,
) -> tuple[Batches, DatasetInfo]:
    """Returns batches of pairs (targets, inputs), images and the conditions of which they are made.

    The two images of a pair are cropped, resized and mirrored alike. As for `load`, they are held in memory as uint8,
    or in a file of the cache where memory is too small.

    Args:
        inputs: what a generator gets: a folder, or an array (n, height, width[, channels]), uint8 in [0, 255] or float
            in [-1, 1]. Where `targets` is None: a folder of pictures that hold both halves side by side.
        targets: what it shall make of it: a folder whose files have the same names, extensions aside, or an array.
        batch_size: pairs in a batch.
        image_size: integer or (height, width) to which both are brought; None keeps that of arrays, and is 64 for
            folders.
        channels: channels of the targets, 1 or 3; None keeps those of arrays, and is 3 for folders.
        input_channels: channels of the inputs, likewise.
        crop_from: as for `load`: pairs are resized to it, and cropped at random to `image_size`.
        input_side: `"left"` or `"right"`, the half of a picture that is the input, where both are in one.
        split, shuffle, flip, seed, passes, skip_batches: as for `load`.

    Returns:
        A tuple (batches, info): `Batches` of pairs, targets float32 (batch_size, height, width, channels) and inputs
        (batch_size, height, width, input_channels), both in [-1, 1]; and a `DatasetInfo` whose `condition` is the
        `kerasgan.conditions.Image` of the inputs. Its `skipped` names files without a partner, and those that cannot be
        read.

    Raises:
        ValueError: when there are no pairs, the images of a pair differ in size, or an argument is out of range.

    Example:

    ```python
    import numpy as np

    import kerasgan

    colors = np.random.default_rng(0).integers(256, size=(8, 16, 16, 3), dtype="uint8")
    grays = colors.mean(axis=-1, keepdims=True).astype("uint8")
    batches, info = kerasgan.datasets.load_pairs(grays, colors, batch_size=4)
    targets, inputs = next(iter(batches))  # float32 (4, 16, 16, 3), (4, 16, 16, 1)
    assert info.condition == kerasgan.conditions.Image((16, 16, 1))
    ```

    Reference: Isola et al., 2017, arXiv:1611.07004.
    """
    batch_size = scalars.whole_number("batch_size", batch_size, 1)
    seed = scalars.whole_number("seed", seed, 0, below=2**63)
    passes = scalars.whole_number("passes", passes, 1, below=2**31)
    skip_batches = scalars.whole_number("skip_batches", skip_batches, 0, below=2**62)
    size, crop = sizes(image_size, crop_from)
    data = read_pairs(inputs, targets, size, (channels, input_channels), input_side, split)
    check_batch_size(batch_size, len(data.values), "pairs")
    return batches_of(
        data, batch_size, crop=crop, shuffle=shuffle, flip=flip, seed=seed, passes=passes, skip_batches=skip_batches
    )


def load_pair_arrays(
    inputs: Folder | np.ndarray,
    targets: Folder | np.ndarray | None = None,
    n: int | None = None,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    input_channels: int | None = None,
    input_side: str = "left",
    split: str = "train",
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, DatasetInfo]:
    """Returns targets and inputs in [-1, 1] as two arrays, and facts of the data set: for evaluation.

    Args:
        inputs, targets, image_size, channels, input_channels, input_side, split: as for `load_pairs`.
        n: how many, drawn without repetition, or all of them where there are fewer; None for all, as they are stored.
        seed: non-negative integer that fixes the choice.

    Returns:
        A tuple (targets, inputs, info): float32 (n, height, width, channels) each, and the `DatasetInfo`.

    Raises:
        ValueError: as `load_pairs` does.
    """
    seed = scalars.whole_number("seed", seed, 0)
    n = n if n is None else scalars.whole_number("n", n, 1)
    size, _ = sizes(image_size, None)
    return arrays_of(read_pairs(inputs, targets, size, (channels, input_channels), input_side, split), n, seed)


def read_pairs(
    inputs: Any,
    targets: Any,
    size: tuple[int, int] | None,
    channels: tuple[int | None, int | None],
    input_side: str,
    split: str,
) -> Source:
    """Returns pairs as `Source`, whose last channels are the inputs.

    Args:
        inputs, targets, input_side, split: as for `load_pairs`.
        size: (height, width), or None.
        channels: those of the targets and of the inputs, each 1, 3 or None.

    Raises:
        ValueError: as `load_pairs` does.
    """
    kinds = {_kind(name, each) for name, each in (("inputs", inputs), ("targets", targets))} - {None}
    if len(kinds) > 1:
        raise ValueError(
            "Both sides are folders, or both are arrays. Received: "
            f"inputs=<{type(inputs).__name__}>, targets=<{type(targets).__name__}>. Load the folder with "
            "kerasgan.datasets.load_arrays first."
        )
    if kinds == {"array"}:
        return _of_arrays(inputs, targets, size, channels).part(split)
    for name, each in zip(("channels", "input_channels"), channels, strict=True):
        if each not in (None, 1, 3):
            raise ValueError(f"Photos can be read with 1 or 3 channels. Received: {name}={each!r}. Use 1 or 3.")
    pairs = _two_folders(inputs, targets) if targets is not None else _halves(inputs, input_side)
    return _of_files(pairs, split, size or photos.DEFAULT_SIZE, tuple(each or 3 for each in channels))


def _kind(name, value):
    if value is None:
        return None
    if isinstance(value, str | os.PathLike):
        if not os.path.isdir(os.path.expanduser(value)):
            raise ValueError(f"{name} must be an existing folder, or an array. Received: {name}={os.fspath(value)!r}.")
        return "folder"
    if hasattr(value, "__array__"):
        return "array"
    raise ValueError(f"{name} must be a folder or an array. Received: {name}=<{type(value).__name__}>.")


def _of_arrays(inputs, targets, size, channels):
    if targets is None:
        raise ValueError("Arrays of pairs are two. Received: inputs alone. Pass load_pairs(inputs, targets).")
    sides = [arrays.read_arrays(np.asarray(each)) for each in (targets, inputs)]
    both = [each.values for each in sides]
    if any(each.ndim != 4 for each in both) or both[0].shape[:3] != both[1].shape[:3]:
        raise ValueError(
            "Each target has an input of its size. Received: inputs of shape "
            f"{np.shape(inputs)}, targets of shape {np.shape(targets)}. Resize or pick them first."
        )
    if both[0].dtype != both[1].dtype:
        both = [stored_to_model(each.values, each.stored_range) for each in sides]
    both = [resize_array(each, size, number) for each, number in zip(both, channels, strict=True)]
    # Pixels as they are held, or floats: in both cases of the whole range of their dtype.
    return _joined("pairs", np.concatenate(both, axis=-1), both[1].shape[-1], value_scale=sides[0].value_scale)


def _joined(name, values, input_channels, **options):
    condition = Image((*values.shape[1:3], input_channels))
    return Source(name, values, condition=condition, condition_channels=input_channels, **options)


@dataclasses.dataclass(frozen=True)
class _Pairs:
    """The files of pairs.

    Attributes:
        folder: path of the folder of the inputs.
        names: one name for each pair.
        inputs, targets: the path of each image; the same where a file holds both halves.
        alone: names of files without a partner.
        input_side: the half that is the input, or None where files hold one image.
    """

    folder: pathlib.Path
    names: list[str]
    inputs: list[pathlib.Path]
    targets: list[pathlib.Path]
    alone: tuple[str, ...] = ()
    input_side: str | None = None

    def part(self, rows):
        picked = {name: [getattr(self, name)[row] for row in rows] for name in ("names", "inputs", "targets")}
        return dataclasses.replace(self, **picked)

    def box(self, side):
        """A function from a photo to the target's (0) or the input's (1) part of it; None for the whole photo."""
        if self.input_side is None:
            return None
        is_left = (SIDES.index(self.input_side) == 0) == (side == 1)
        return lambda photo: (0 if is_left else photo.width // 2, 0, photo.width // (2 if is_left else 1), photo.height)


def _two_folders(inputs, targets):
    folders = [pathlib.Path(os.path.expanduser(each)) for each in (inputs, targets)]
    found = _by_stem(folders[0]), _by_stem(folders[1])
    names = sorted(found[0].keys() & found[1].keys())
    shared = set(names)
    alone = tuple(
        path.relative_to(folder.parent).as_posix()
        for folder, files in zip(folders, found, strict=True)
        for name, path in sorted(files.items())
        if name not in shared
    )
    counts = [len(files) - len(names) for files in found]
    if not names:
        raise ValueError(
            "A pair is two files of one name, extensions aside. Received: "
            f"inputs='{printable(folders[0])}' and targets='{printable(folders[1])}', which share none: "
            f"{decoding.listed(alone)}. Rename the files; for two folders without pairs use "
            "kerasgan.datasets.load_unpaired."
        )
    if alone:
        warnings.warn(
            f"Left out {counts[0]} inputs and {counts[1]} targets without a partner of their name, of {len(names)} "
            f"pairs that are kept: {decoding.listed(alone)}",
            stacklevel=4,
        )
    return _Pairs(folders[0], names, *([files[name] for name in names] for files in found), alone)


def _by_stem(folder):
    """The photos below a folder by their names without extensions."""
    paths = photos.photos_of_others(folder, stacklevel=6)
    found = {}
    for path in paths:
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise ValueError(
                "Files of pairs are told apart by their names, extensions aside. Received: "
                f"'{printable(found[name])}' and '{printable(path.name)}'. Rename or remove one of them."
            )
        found[name] = path
    return found


def _halves(folder, input_side):
    if input_side not in SIDES:
        raise ValueError(
            f"input_side is the half of each picture that is the input. Received: input_side={input_side!r}. Use one "
            "of 'left', 'right'."
        )
    folder = pathlib.Path(os.path.expanduser(folder))
    paths = photos.photos_of_others(folder, stacklevel=5)
    names = [path.relative_to(folder).as_posix() for path in paths]
    return _Pairs(folder, names, paths, paths, input_side=input_side)


def _of_files(pairs, split, size, channels):
    """Returns the readable pairs of a split as `Source`."""
    pairs = pairs.part(split_indices(split, len(pairs.names)))
    _check_sizes(pairs)
    num_deep = sum(kind is not None for kind in exact.kinds_of(list({*pairs.targets, *pairs.inputs})))
    if num_deep:
        warnings.warn(
            f"{num_deep} pictures in {printable(pairs.folder)} have more than 8 bits, of which 8 are kept in pairs. "
            "Pass arrays of floats in [-1, 1] to keep them.",
            stacklevel=4,
        )
    modes, shape = ["L" if each == 1 else "RGB" for each in channels], (*size, sum(channels))

    def decode_both(number):
        target = photos.decode_part(pairs.targets[number], size, modes[0], pairs.box(0))
        return np.concatenate([target, photos.decode_part(pairs.inputs[number], size, modes[1], pairs.box(1))], axis=-1)

    def key():
        files = [(str(path), *decoding.state(path)) for path in (*pairs.targets, *pairs.inputs)]
        return files, pairs.input_side, channels

    name = decoding.slug(pairs.folder)
    images, reasons, fingerprint = decoding.held(name, key, len(pairs.names), shape, decode_both)
    skipped = decoding.unreadable(pairs.folder, pairs.names, reasons, stacklevel=4)
    name = printable(pairs.folder.resolve().name)
    options = {"skipped": (*skipped, *pairs.alone), "fingerprint": fingerprint}
    return _joined(name, images, channels[1], value_scale=ValueScale("uint8", 0, 255), **options)


def _check_sizes(pairs):
    """Checks, without decoding them, that the images of each pair have one size. Files that fail are left to later.

    Raises:
        ValueError: if some have not.
    """
    with concurrent.futures.ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        both = [list(pool.map(_size, paths)) for paths in (pairs.inputs, pairs.targets)]
    rows = list(zip(pairs.names, *both, strict=True))
    if pairs.input_side is not None:
        _check_halves([(name, size) for name, size, _ in rows if size is not None and (size[0] % 2 or size[0] < 2)])
        return
    differing = [row for row in rows if None not in row and row[1] != row[2]]
    if differing:
        name, first, second = differing[0]
        raise ValueError(
            f"The two images of a pair must have one size. Received: {len(differing)} of {len(rows)} pairs of which "
            f"they differ; the first, {printable(name)}, has {first[0]}x{first[1]} pixels as input and "
            f"{second[0]}x{second[1]} as target. Resize one side first."
        )


def _check_halves(odd: Sequence[tuple[str, tuple[int, int]]]):
    if odd:
        name, (width, height) = odd[0]
        raise ValueError(
            f"A picture that holds both images side by side has an even width. Received: {len(odd)} pictures of odd "
            f"width; the first, {printable(name)}, has {width}x{height} pixels. Are these pairs? Pass two folders "
            "where inputs and targets are apart."
        )


def _size(path):
    """The (width, height) of a photo as it is shown, or None where it cannot be read."""
    try:
        return photos.shown_size(path)
    except Exception:  # decoding names the file and the reason
        return None
