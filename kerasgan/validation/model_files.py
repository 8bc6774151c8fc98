"""`.keras` files from anywhere: bounded before anything of their size is allocated.

A `.keras` file is a zip archive of `config.json`, which describes the networks, and `model.weights.h5`, which holds
their weights. Keras builds what the first describes and then reads the second, so a small file can ask for any amount
of memory: by what it unpacks to, by datasets that HDF5 has compressed or never stored, and by networks for which it
holds no weights.
"""

import io
import json
import math
import os
import pathlib
import re
import stat
import zipfile
from typing import Any

import h5py
import keras
import numpy as np

from kerasgan import keras_internals
from kerasgan.validation.printable import printable

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
LARGEST_CONFIG_BYTES = 4 * 2**20
DEEPEST_CONFIG = 100
MOST_MEMBERS = 1000
MOST_WEIGHTS = 100_000
NETWORKS = ("generator", "discriminator", "generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
"""Names of the networks in the config of a `kerasgan.GAN` or a `kerasgan.CycleGAN`."""

LARGEST_OUTPUT_BYTES = 2**30
EXPANSION = 10
SMALL_BYTES = 64 * 2**20
"""What an archive may unpack to: `EXPANSION` times its size, or this where that is more. Keras compresses nothing."""

DAMAGED = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zipfile.zlib.error)


def load(path: str | os.PathLike[str]) -> Any:
    """Returns the model in a `.keras` file, loaded by Keras once the file is known to be bounded.

    Args:
        path: the file.

    Raises:
        ValueError: for a file that is not there or not a plain file, is damaged, asks for more memory than the weights
            that it holds, or cannot be loaded by Keras.
    """
    check(path)
    try:
        return keras.models.load_model(str(path))
    except Exception as error:  # a damaged or crafted file can make Keras raise anything
        raise _refusal(path, f"which cannot be loaded ({_reason(error)})") from error


def check(path: str | os.PathLike[str]) -> None:
    """Checks that a `.keras` file is whole, and that loading it takes no more memory than the weights that it holds.

    The networks are built for this, but without values for their weights.

    Raises:
        ValueError: for a file of which this is not true.
    """
    path = pathlib.Path(path)
    try:
        with _opened(path) as file, zipfile.ZipFile(file) as archive:
            _check_sizes(archive, os.fstat(file.fileno()).st_size)
            config = _config(archive)
            stored_bytes = _stored_bytes(_read(archive, WEIGHTS))
        _check_networks(config, stored_bytes)
    except DAMAGED as error:
        raise _refusal(path, f"which is damaged or cut short ({_reason(error)})") from error
    except FileNotFoundError:
        raise ValueError(f"There is no such .keras file. Received: {str(path)!r}. Check the path.") from None
    except _Refused as refused:
        raise _refusal(path, str(refused)) from None
    except OSError as error:
        raise _refusal(path, f"which cannot be read ({_reason(error)})") from error


class _Refused(Exception):
    """What is wrong with a file, as the end of the sentence "Received: PATH, ..."."""


def _opened(path):
    """Opens a plain file; a pipe could wait for ever."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise _Refused("which is not a plain file")
    return file


def _check_sizes(archive, file_bytes):
    """Checks what an archive says of the sizes of its members. Reading one never gives more than is said."""
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise _Refused(f"which holds {len(members):,} files in place of at most {MOST_MEMBERS:,}")
    if any(each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for each in members):
        raise _Refused("which is compressed in a way that Keras does not use")
    missing = {CONFIG, WEIGHTS} - {each.filename for each in members}
    if missing:
        raise _Refused(f"which holds no {min(missing)}")
    unpacked, limit = sum(each.file_size for each in members), max(SMALL_BYTES, EXPANSION * file_bytes)
    if unpacked > limit:
        raise _Refused(f"a file of {file_bytes:,} bytes that unpacks to {unpacked:,}, more than {limit:,}")


def _read(archive, name):
    with archive.open(name) as member:
        return member.read()


def _config(archive):
    """Returns the object in `config.json`."""
    size = archive.getinfo(CONFIG).file_size
    if size > LARGEST_CONFIG_BYTES:
        raise _Refused(f"whose {CONFIG} takes {size:,} bytes in place of at most {LARGEST_CONFIG_BYTES:,}")
    text = _read(archive, CONFIG)
    if _depth(text) > DEEPEST_CONFIG:
        raise _Refused(f"whose {CONFIG} is nested deeper than {DEEPEST_CONFIG} levels")
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _Refused(f"whose {CONFIG} is damaged ({_reason(error)})") from None
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise _Refused(f"whose {CONFIG} describes no model")
    return config


def _depth(text):
    """Returns how deep the brackets of a JSON text are nested."""
    depth = deepest = 0
    for bracket in re.findall(rb"[\[\]{}]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _stored_bytes(content):
    """Returns how many bytes the weights in a HDF5 file take, after checking that the file itself holds them all."""
    sizes = []

    def add(name, found):
        if len(sizes) >= MOST_WEIGHTS:
            raise _Refused(f"whose weights are more than {MOST_WEIGHTS:,}")
        if isinstance(found, h5py.Dataset):
            if found.external or found.is_virtual:
                raise _Refused(f"whose weights {name[:80]!r} are in another file")
            sizes.append(math.prod(found.shape or ()) * found.dtype.itemsize)
        else:
            sizes.append(0)

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            linked = file.visititems_links(lambda name, link: None if isinstance(link, h5py.HardLink) else name)
            if linked is not None:
                raise _Refused(f"whose weights {linked[:80]!r} are a link")
            file.visititems(add)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise _Refused(f"whose {WEIGHTS} is damaged ({_reason(error)})") from None
    if sum(sizes) > len(content):
        raise _Refused(f"whose weights unpack from {len(content):,} bytes to {sum(sizes):,}")
    return sum(sizes)


def _check_networks(config, stored_bytes):
    """Checks that there are weights for the networks that a config describes, and that their outputs have a bound."""
    inner = config["config"]
    parts = {name: inner[name] for name in NETWORKS if name in inner} or {"model": config}
    needed = 0
    for name, part in parts.items():
        copies = 2 if name.startswith("generator") and inner.get("ema") else 1  # the averaged generator
        try:
            with keras_internals.variables_without_values():
                network = keras.saving.deserialize_keras_object(part, safe_mode=True)
            needed += copies * sum(map(_bytes, network.variables))
            outputs = keras_internals.output_shapes(network)
        except Exception as error:  # a damaged or crafted config can make Keras raise anything
            raise _Refused(f"whose {name} cannot be built ({_reason(error)})") from None
        if needed > stored_bytes:
            raise _Refused(f"whose networks take {needed:,} bytes, of which it holds {stored_bytes:,}")
        largest = max((math.prod(size or 1 for size in shape) for shape in outputs), default=0)
        if 4 * largest > LARGEST_OUTPUT_BYTES:
            raise _Refused(f"of which one layer returns {4 * largest:,} bytes for each sample")


def _bytes(variable):
    dtype = keras.backend.standardize_dtype(variable.dtype)
    width = 2 if dtype == "bfloat16" else 1 if dtype.startswith("float8") else np.dtype(dtype).itemsize
    return math.prod(variable.shape) * width


def _reason(error):
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {printable(lines[0][:300])}" if lines else type(error).__name__


def _refusal(path, problem):
    return ValueError(
        f"A .keras file must be whole, and hold the weights of its networks. Received: {str(path)!r}, {problem}. Copy "
        "it again, or save the GAN again."
    )
