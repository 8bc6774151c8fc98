"""Animations: frames in, a GIF file or a video out."""

import importlib.util
import os
import pathlib

import numpy as np

from kerasgan import files, pictures

FORMATS = (".gif", ".mp4")
"""Endings of the files that can be written: GIF by Pillow, MP4 (H.264) by imageio and its ffmpeg."""

INSTALL = 'pip install "kerasgan[video]"'


def check(path: str | os.PathLike[str]) -> None:
    """Checks that an animation of that name can be written.

    Raises:
        ValueError: for another ending.
        ImportError: if a package is missing.
    """
    ending = pathlib.Path(path).suffix.lower()
    if ending not in FORMATS:
        raise ValueError(
            f"An animation is a .gif or an .mp4 file. Received: {os.fspath(path)!r}. Name it walk.gif, for example."
        )
    missing = [name for name in ("imageio", "imageio_ffmpeg") if importlib.util.find_spec(name) is None]
    if ending == ".mp4" and missing:
        raise ImportError(
            f"An .mp4 file needs imageio and imageio-ffmpeg. Received: {os.fspath(path)!r} without "
            f"{' and '.join(missing)}. Install them: {INSTALL}; or write a .gif file."
        )


def save(path: str | os.PathLike[str], frames: np.ndarray, frames_per_second: float = 24.0) -> None:
    """Writes an animation that repeats (GIF), or a video (MP4), whole or not at all.

    Args:
        path: the file, with the ending .gif or .mp4; an existing file is replaced.
        frames: uint8 (frames, height, width, 1 or 3). The sides of a video are even: an odd one gets a line more.
        frames_per_second: how fast it is shown. GIF files count hundredths of a second.

    Raises:
        ValueError: for another ending.
        ImportError: if a package is missing.
        OSError: if it cannot be written.

    Example:

    ```python
    import numpy as np
    from kerasgan import animations

    animations.save("fade.gif", np.arange(0, 256, 16, "uint8").reshape(-1, 1, 1, 1).repeat(8, 1).repeat(8, 2))
    ```
    """
    check(path)
    path = pathlib.Path(path)
    write = _save_gif if path.suffix.lower() == ".gif" else _save_mp4
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.written_whole(path, durable=False) as unfinished:
        write(unfinished, np.asarray(frames), frames_per_second)


def _save_gif(path, frames, frames_per_second):
    from PIL import Image

    images = [Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame) for frame in frames]
    hundredths = np.diff(np.rint(np.arange(len(images) + 1) * 100.0 / frames_per_second)).astype(int)
    options = {"append_images": images[1:], "duration": (10 * hundredths).tolist(), "loop": 0}
    images[0].save(path, format="GIF", save_all=True, comment=pictures.MARK.encode(), **options)


def _save_mp4(path, frames, frames_per_second):
    import imageio.v2

    frames = frames if frames.shape[-1] == 3 else frames.repeat(3, axis=-1)
    frames = np.pad(frames, ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)), mode="edge")
    options = {"codec": "libx264", "pixelformat": "yuv420p", "macro_block_size": 2, "quality": 8}
    with imageio.v2.get_writer(path, format="FFMPEG", fps=frames_per_second, **options) as writer:
        for frame in frames:
            writer.append_data(frame)
