"""Pictures of samples: arrays in, uint8 arrays or PNG files out.

A picture is a uint8 array of shape (height, width, channels) with 1 or 3 channels.
"""

import os
import pathlib
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasgan import files, signal_pictures

READABLE_PIXELS: int = 256
"""Pictures of small images are enlarged until their short side has about this many pixels."""

PADDING_SHADE: int = 128
"""The gray between the images of a grid; the images themselves often have a black or white border."""

MARK: str = "kerasgan"
"""The text `Software` of a PNG file, and the comment of a GIF file, that kerasgan writes."""

MARK_WITHIN_BYTES = 2048
"""The mark is in the first bytes of a file: before the pixels, after the palette of a GIF file."""

PNG_CHANNELS: tuple[int, ...] = (1, 3, 4)
"""What a PNG file may hold: gray, color, and color with an opacity."""

MOST_FRAMES: int = 100
"""Frames in an animation."""


def to_uint8(images: Any) -> np.ndarray:
    """Returns images with pixels round((x + 1) * 255 / 2), clipped to [0, 255].

    Args:
        images: floats in [-1, 1], any shape. Values outside are clipped; NaN becomes 0, which is black.

    Returns:
        uint8 array of the same shape.

    Raises:
        ValueError: if the array does not hold floats; integers are most likely pixels in [0, 255].
    """
    images = np.asarray(images)
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(
            f"Images are floats in [-1, 1]. Received: images with dtype={images.dtype}. "
            "Scale pixels in [0, 255] by images / 127.5 - 1."
        )
    scaled = np.rint((images.astype("float64") + 1.0) * 127.5)
    return np.clip(np.nan_to_num(scaled, nan=0.0), 0, 255).astype("uint8")


def bands_of(images: Any, bands: Sequence[int] | None) -> np.ndarray:
    """Returns the channels of images that pictures show, such as (3, 2, 1) for the colors of a satellite's bands.

    Args:
        images: shape (n, height, width, channels).
        bands: numbers of one channel, or of three for red, green and blue, counted from 0; None for all channels.

    Raises:
        ValueError: for another number of bands, or a channel that there is not.
    """
    images = np.asarray(images)
    if bands is None:
        return images
    channels = images.shape[-1]
    if len(bands) not in (1, 3) or not all(type(each) is int and 0 <= each < channels for each in bands):
        raise ValueError(
            f"bands are one or three channels of the images, from 0 to {channels - 1}. Received: bands={list(bands)} "
            f"for images of {channels} channels. Use None for the first three."
        )
    return images[..., list(bands)]


def tile(images: Any, columns: int | None = None, padding: int = 1) -> np.ndarray:
    """Returns one picture of many images, row by row, enlarged by a whole factor if it is small.

    Args:
        images: shape (n, height, width, channels), floats in [-1, 1]. Of more than 3 channels the first 3 are shown,
            of 2 channels the first.
        columns: images in a row; None makes the grid about square.
        padding: gray pixels between the images and around them, before enlarging.

    Returns:
        uint8, shape (factor * (rows * (height + padding) + padding), likewise for the width, 1 or 3), where the factor
        is the smallest that makes the short side at least 256 pixels. Cells without an image are gray.

    Raises:
        ValueError: if there is no image, the rank is not 4, `columns` is not positive or `padding` is negative.
    """
    images = np.asarray(images)
    _check_grid(images, columns, padding)
    count, height, width, channels = images.shape
    images = to_uint8(images[..., : 3 if channels >= 3 else 1])
    columns = min(columns or int(np.ceil(np.sqrt(count))), count)
    rows = -(-count // columns)
    cells = np.full((rows * columns, height + padding, width + padding, images.shape[-1]), PADDING_SHADE, "uint8")
    cells[:count, padding:, padding:] = images
    cells = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    picture = cells.reshape(rows * (height + padding), columns * (width + padding), -1)
    picture = np.pad(picture, ((0, padding), (0, padding), (0, 0)), constant_values=PADDING_SHADE)
    factor = max(1, -(-READABLE_PIXELS // min(picture.shape[:2])))
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)


def strips(*columns: Any, gap: int = 1) -> np.ndarray:
    """Returns images that hold several images of one height side by side, such as an input, its translation, the truth.

    Args:
        columns: what comes from left to right: shape (n, height, width, channels) each, floats in [-1, 1]. Of more than
            3 channels the first 3 are shown, of 2 channels the first; gray images are shown as gray next to colors.
        gap: gray pixels between two images.

    Returns:
        float32, shape (n, height, sum of the widths + gaps, 1 or 3), for `tile`.

    Raises:
        ValueError: if there is no column, or they are not as many images of one height.
    """
    shapes = [np.shape(column) for column in columns]
    if not shapes or any(len(shape) != 4 for shape in shapes) or len({shape[:2] for shape in shapes}) > 1:
        raise ValueError(
            "Strips are made of as many images of one height in each column. Received: columns of shapes "
            f"{shapes}. Pass arrays (n, height, width, channels)."
        )
    shown = [np.asarray(column, "float32")[..., : 3 if np.shape(column)[-1] >= 3 else 1] for column in columns]
    channels = max(each.shape[-1] for each in shown)
    shade = PADDING_SHADE / 127.5 - 1
    parts = [np.full((*shapes[0][:2], gap, channels), shade, "float32")] * (2 * len(shown) - 1)
    parts[::2] = [each if each.shape[-1] == channels else each.repeat(channels, axis=-1) for each in shown]
    return np.concatenate(parts, axis=2)


def side_by_side(left: Any, right: Any, gap: int = 16) -> np.ndarray:
    """Returns one picture of two, with a white gap between them.

    Args:
        left, right: uint8, shape (height, width, 1 or 3); the lower one is padded below with white.
        gap: pixels between them.

    Returns:
        uint8, shape (larger height, both widths + gap, larger number of channels).
    """
    parts = [np.asarray(left), np.asarray(right)]
    height, channels = (max(part.shape[axis] for part in parts) for axis in (0, 2))
    parts = [part if part.shape[2] == channels else part.repeat(channels, axis=2) for part in parts]
    parts = [np.pad(part, ((0, height - len(part)), (0, 0), (0, 0)), constant_values=255) for part in parts]
    return np.concatenate([parts[0], np.full((height, gap, channels), 255, "uint8"), parts[1]], axis=1)


def points_picture(points: Any, real: Any = None) -> np.ndarray:
    """Returns a picture of a set of points: a scatter plot in two dimensions, a histogram in one.

    With real points, the frame fits the real points with a margin of a quarter on each side, so that pictures of the
    same data can be compared; the title counts the generated points outside of it, and those that are not finite.

    Args:
        points: generated points, shape (n,), (n, 1) or (n, d); of more than two dimensions the first two are shown.
            None shows only the real points.
        real: points of the data in the same space, drawn in gray behind the others; None draws none.

    Returns:
        uint8, shape (480, 480, 3).

    Raises:
        ValueError: if there is no point, or `real` has another dimension.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    points, real = _as_points(points, real)
    low, high = _frame(points if real is None else real, margin=0.05 if real is None else 0.25)
    figure = Figure(figsize=(4.8, 4.8), dpi=100, layout="tight")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw = _draw_histogram if points.shape[1] == 1 else _draw_scatter
    if real is not None:
        draw(axes, real, low, high, label="real", color="0.7")
    if len(points):
        draw(axes, points, low, high, label="generated", color="tab:blue")
    outside = np.count_nonzero(~np.all((points >= low) & (points <= high), axis=1))
    title = f"{len(points)} generated" if len(points) else f"{len(real)} real"
    axes.set_title(title + (f", {outside} of them outside the frame" if outside else ""), fontsize=10)
    axes.set(xlim=(low[0], high[0]))
    axes.legend(loc="upper right", fontsize=8)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def picture_of(samples: Any, real: Any = None) -> np.ndarray:
    """Returns a picture of samples: images as a grid, points as a plot, signals as lines, volumes as slices.

    Args:
        samples: as for `tile` (rank 4), `points_picture` (rank 1 or 2), or `lines_picture` (rank 3) and `slices` (rank
            5) of `kerasgan.signal_pictures`; None for a picture of the real data.
        real: data to draw behind generated points, or None. A grid of generated images does not show it.

    Returns:
        uint8, shape (height, width, 1 or 3).

    Raises:
        ValueError: for any other rank.
    """
    shown = np.asarray(real if samples is None else samples)
    if shown.ndim == 4:
        return tile(shown)
    if shown.ndim in (1, 2):
        return points_picture(samples, real)
    if shown.ndim == 3:
        return signal_pictures.lines_picture(shown)
    if shown.ndim == 5:
        return tile(signal_pictures.slices(shown))
    raise ValueError(
        "Samples are images (n, height, width, channels), points (n, d), signals (n, length, channels) or volumes "
        f"(n, depth, height, width, channels). Received: shape {shown.shape}. Give gray images a channel axis of "
        "length 1."
    )


def save_png(path: str | os.PathLike[str], picture: Any, durable: bool = False, mark: bool = True) -> None:
    """Writes a picture as PNG, whole or not at all.

    Args:
        path: the file; missing folders are made, an existing file is replaced.
        picture: uint8, shape (height, width) or (height, width, channels) with 1, 3 or 4 channels.
        durable: True syncs the file to the disk, so that it survives a power cut.
        mark: True writes `Software: kerasgan` into the file, and `kerasgan.datasets.load` then leaves it out of a
            folder of photos; False is for pictures that are to be trained on.

    Raises:
        OSError: if it cannot be written.
    """
    from PIL import Image, PngImagePlugin

    path, picture = pathlib.Path(path), np.asarray(picture)
    image = Image.fromarray(picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture)
    texts = PngImagePlugin.PngInfo()
    if mark:
        texts.add_text("Software", MARK)
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.written_whole(path, durable) as unfinished:
        image.save(unfinished, format="PNG", pnginfo=texts)


def is_marked(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file has the mark of a picture that kerasgan wrote; False for what cannot be read.

    Only the first 2 KiB are read, and only of a plain file.
    """
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(MARK_WITHIN_BYTES)
    except OSError:
        return False
    if head.startswith(b"GIF8"):
        return b"\x21\xfe" + bytes([len(MARK)]) + MARK.encode() + b"\0" in head
    return head.startswith(b"\x89PNG\r\n\x1a\n") and f"Software\0{MARK}".encode() in _png_texts(head)


def _png_texts(head):
    """Returns the texts that stand before the pixels in the first bytes of a PNG file."""
    texts, position = [], 8
    while position + 8 <= len(head):
        size, kind = struct.unpack_from(">I4s", head, position)
        if kind == b"IDAT":
            break
        if kind == b"tEXt":
            texts.append(head[position + 8 : position + 8 + size])
        position += 12 + size
    return texts


def save_animation(path: str | os.PathLike[str], pngs: Sequence[str | os.PathLike[str]], seconds: float = 0.4) -> None:
    """Writes PNG files as the frames of an animated GIF, whole or not at all; nothing for less than two.

    Args:
        path: the file; an existing one is replaced.
        pngs: paths of the frames, in their order; of more than 100 so many, evenly spread. Frames of another size than
            the last are left out.
        seconds: time for each frame; the last stays four times as long.

    Raises:
        OSError: if a frame cannot be read, or the animation cannot be written.
    """
    from PIL import Image

    frames, chosen = [], np.linspace(0, len(pngs) - 1, min(len(pngs), MOST_FRAMES)).round().astype(int)
    for png in (pngs[index] for index in chosen):
        with Image.open(png) as image:
            frames.append(image.convert("L" if image.mode == "L" else "RGB"))
    frames = [frame for frame in frames if frame.size == frames[-1].size]
    if len(frames) < 2:
        return
    times = [round(1000 * seconds)] * (len(frames) - 1) + [round(4000 * seconds)]
    with files.written_whole(path, durable=False) as unfinished:
        options = {"append_images": frames[1:], "duration": times, "loop": 0, "comment": MARK.encode()}
        frames[0].save(unfinished, format="GIF", save_all=True, **options)


def _check_grid(images, columns, padding):
    if images.ndim != 4 or images.size == 0:
        raise ValueError(
            f"A grid needs images of shape (n, height, width, channels), none of them 0. Received: "
            f"images.shape={images.shape}. Give gray images a channel axis of length 1."
        )
    if (columns is not None and columns < 1) or padding < 0:
        raise ValueError(
            f"A grid has at least one column and no negative padding. Received: columns={columns}, padding={padding}. "
            "Leave them out for a square grid with lines of one pixel."
        )


def _as_points(points, real):
    """Returns both sets with shape (n, 1 or 2); `real` may stay None, `points=None` becomes an empty set."""
    if points is None and real is not None:
        points = np.empty((0, *np.shape(real)[1:]))
        return _columns(points, lowest=0)[:, :2], _columns(real)[:, :2]
    points = _columns(points)
    if real is None:
        return points[:, :2], None
    real = _columns(real)
    if real.shape[1] != points.shape[1]:
        raise ValueError(
            f"Real and generated points lie in the same space. Received: points.shape={points.shape}, "
            f"real.shape={real.shape}. Leave real out to see only the generated points."
        )
    return points[:, :2], real[:, :2]


def _columns(points, lowest=1):
    points = np.asarray(points, dtype="float64")
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim != 2 or len(points) < lowest or points.shape[1] == 0:
        raise ValueError(
            f"Points have the shape (n,) or (n, d), and there is at least one. Received: shape {points.shape}. "
            "Use tile() for images."
        )
    return points


def _frame(points, margin):
    """Returns two corners of a box around the finite points, with a margin, a share of the largest extent."""
    finite = points[np.isfinite(points).all(axis=1)]
    if not len(finite):
        finite = np.zeros((1, points.shape[1]))
    low, high = finite.min(axis=0), finite.max(axis=0)
    room = margin * (high - low).max() or 1.0
    return low - room, high + room


def _draw_scatter(axes, points, low, high, label, color):
    axes.scatter(*points.T, s=8, color=color, linewidths=0, label=label)
    axes.set(ylim=(low[1], high[1]), aspect="equal")


def _draw_histogram(axes, points, low, high, label, color):
    style = {"histtype": "stepfilled"} if label == "real" else {"histtype": "step", "linewidth": 1.5}
    bins = np.linspace(low[0], high[0], 41)
    counts, _ = np.histogram(points[:, 0], bins)
    # Share of all points, not only of those in the frame: a generator far from the data must not look like a good one.
    weights = counts / (len(points) * (bins[1] - bins[0]))
    axes.hist(bins[:-1], bins, weights=weights, color=color, label=label, **style)
    axes.set(ylabel="density")
