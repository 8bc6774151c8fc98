"""What `mutations.py` does to files: each function changes one in place and returns a few words on how."""

import io
import json
import os
import pathlib
import random
import shutil
import socket
import zipfile
import zlib

NUMBERS = [0, -1, 1, 0.5, 2**31, 2**31 - 1, 2**32, 2**63, 10**30, 10**400, 1e308, -1e308, 1e-320, 10**6, 10**9]
TEXTS = [
    "",
    "\0",
    "\x1b[2J\x1b]0;title\x07",
    "a\nb\rc",
    "\u202ereversed",
    "\udcff",
    "../../elsewhere",
    "~nobody/x",
    "..",
    "$(touch x); touch y #",
    "jax; touch x #",
    "x" * 5000,
    "%s%n{0}{x}",
    "os.system",
    "Lambda",
    "float64",
    "nan",
]
OTHERS = [None, True, False, [], {}, [[]], [1, 2, 3], {"a": {"b": []}}, float("nan"), float("inf"), ["\x1b[31m"] * 3]
DEPTHS = (50, 500, 5_000, 100_000)


def bytes_flipped(rng, path):
    content = bytearray(path.read_bytes())
    count = rng.choice([1, 1, 3, 30, 300])
    for _ in range(min(count, len(content))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return f"{count} bits flipped"


def cut_short(rng, path):
    content = path.read_bytes()
    length = rng.choice([0, 1, 10, len(content) // 2, len(content) - 1, rng.randrange(len(content) + 1)])
    path.write_bytes(content[:length])
    return f"cut to {length} of {len(content)} bytes"


def block_replaced(rng, path):
    content = bytearray(path.read_bytes())
    start, length = rng.randrange(len(content) + 1), rng.choice([8, 64, 4096])
    content[start : start + length] = rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length), b""])
    path.write_bytes(content)
    return f"{length} bytes replaced at {start}"


def content_replaced(rng, path):
    depth = rng.choice(DEPTHS)
    contents = [b"", b"\0" * 1000, b"PK\x03\x04", b"not what it was", b"\xff\xfe{}", b"[" * depth, b'{"a":' * depth]
    contents += [b"[]", b"3", b"null", b'"text"', b"{}", b"9" * 5000, b'{"recipe": ' + b"9" * 5000 + b"}"]
    content = rng.choice([*contents, b" " * 9 * 2**20])
    path.write_bytes(content)
    return f"replaced by {content[:12]!r}, {len(content)} bytes"


KINDS = ["missing", "link to a file", "link to a folder", "link to nowhere", "link to itself", "pipe"]
KINDS += ["link to a device", "socket", "folder", "full folder", "file"]


def path_replaced(rng, path, elsewhere):
    """Puts something else in the place of a file or folder; links lead to `elsewhere`, which must not be touched."""
    kind = rng.choice(KINDS)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    targets = {
        "link to a file": elsewhere / "file",
        "link to a folder": elsewhere / "folder",
        "link to nowhere": elsewhere / "nowhere",
        "link to itself": path,
        "link to a device": "/dev/zero",
    }
    if kind in targets:
        path.symlink_to(targets[kind])
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        _socket(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "full folder":
        (path / "sub").mkdir(parents=True)
        (path / "sub" / "file").write_text("kept")
    elif kind == "file":
        path.write_text("a file")
    return f"{path.name}: {kind}"


def _socket(path):
    """Makes a socket; its path may be longer than a socket's address can be."""
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(before)


# JSON


def places(value, path=()):
    """All places in a JSON value, as paths of keys and indices."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def json_changed(rng, value):
    """Returns a JSON value with one to three places changed, and how."""
    said = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        path = rng.choice([each for each in places(value) if each] or [()])
        if not path:
            break
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        said.append(".".join(map(str, path)) + " " + _changed_in(rng, parent, path[-1]))
    return value, "; ".join(said)


def _changed_in(rng, parent, key):
    how = rng.choice(["number", "number", "text", "other", "other", "gone", "renamed", "nested", "long", "swapped"])
    if how == "gone":
        del parent[key]
    elif how == "renamed" and isinstance(parent, dict):
        parent[rng.choice(TEXTS)] = parent.pop(key)
    elif how == "swapped":
        others = list(parent) if isinstance(parent, dict) else range(len(parent))
        other = rng.choice(list(others))
        parent[key], parent[other] = parent[other], parent[key]
    else:
        new = {"number": rng.choice(NUMBERS), "text": rng.choice(TEXTS), "other": rng.choice(OTHERS)}.get(how)
        new = nested(rng.choice([100, 900])) if how == "nested" else "x" * 10**5 if how == "long" else new
        parent[key] = new
        return f"= {str(new)[:20]!r}"
    return how


def json_file_changed(rng, path):
    value, said = json_changed(rng, json.loads(path.read_text()))
    path.write_text(json.dumps(value))
    return said


# .keras files


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def config_changed(rng, path):
    members = members_of(path)
    value, said = json_changed(rng, json.loads(members["config.json"]))
    write_members(path, members | {"config.json": json.dumps(value).encode()})
    return f"config.json: {said}"


def sizes_changed(rng, path):
    """Changes a number in the networks' config, where it is a size."""
    members = members_of(path)
    value = json.loads(members["config.json"])
    sizes = [each for each in places(value) if each and each[-1] in SIZES]
    place = rng.choice(sizes)
    parent = value
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = number = rng.choice(NUMBERS)
    write_members(path, members | {"config.json": json.dumps(value).encode()})
    return f"config.json: {place[-1]} = {str(number)[:12]}"


SIZES = (
    "units",
    "latent_dim",
    "batch_shape",
    "target_shape",
    "filters",
    "kernel_size",
    "num_classes",
    "half_life_images",
)


def member_damaged(rng, path):
    """Damages a member within an archive that is sound itself: the checksums are those of the damaged content."""
    members = members_of(path)
    name = rng.choice(sorted(members))
    file = path.with_name("member")
    file.write_bytes(members[name])
    said = rng.choice([bytes_flipped, bytes_flipped, cut_short, block_replaced, content_replaced])(rng, file)
    members[name] = file.read_bytes()
    file.unlink()
    write_members(path, members, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    return f"{name}: {said}"


def archive_tricked(rng, path):
    members = members_of(path)
    trick = rng.choice(
        ["bomb", "big config", "missing", "outside", "absolute", "many", "bzip2", "swapped", "crc", "h5 bomb"]
    )
    if trick == "bomb":
        write_members(path, members | {"model.weights.h5": bytes(1 << 28)}, zipfile.ZIP_DEFLATED)
    elif trick == "big config":
        padded = members["config.json"] + b" " * (1 << 28)
        write_members(path, members | {"config.json": padded}, zipfile.ZIP_DEFLATED)
    elif trick == "missing":
        del members[rng.choice(sorted(members))]
        write_members(path, members)
    elif trick == "outside":
        write_members(path, members | {"../../outside": b"x", "assets/../../../outside": b"x"})
    elif trick == "absolute":
        write_members(path, members | {str(path.parent.parent / "elsewhere" / "file"): b"x"})
    elif trick == "many":
        write_members(path, members | {f"assets/{number}": b"" for number in range(20_000)})
    elif trick == "bzip2":
        write_members(path, members, zipfile.ZIP_BZIP2)
    elif trick == "swapped":
        write_members(path, dict(zip(members, reversed(list(members.values())), strict=True)))
    elif trick == "crc":
        content = path.read_bytes()
        wrong = zlib.crc32(members["config.json"]).to_bytes(4, "little")
        path.write_bytes(content.replace(wrong, b"\0\0\0\0"))
    else:
        write_members(path, members | {"model.weights.h5": _weights_bomb()})
    return f"archive: {trick}"


def _weights_bomb():
    """A small HDF5 file whose one data set has 2**31 values, none of them stored."""
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("layers/dense/vars/0", (2**31,), "float32", chunks=(2**20,), compression="gzip")
    return content.getvalue()


def class_replaced(rng, path):
    """Names another class, module or function in the config."""
    members = members_of(path)
    value = json.loads(members["config.json"])
    keys = ("class_name", "module", "registered_name")
    place = rng.choice([each for each in places(value) if each and each[-1] in keys])
    parent = value
    for key in place[:-1]:
        parent = parent[key]
    new = rng.choice(
        ["Lambda", "os", "subprocess", "builtins", "Sequential", "Functional", "GAN", "eval", "kerasgan>GAN"]
    )
    parent[place[-1]] = new
    write_members(path, members | {"config.json": json.dumps(value).encode()})
    return f"config.json: {place[-1]} = {new}"


# Checkpoints


def checkpoint_changed(rng, path):
    """Changes the header of a checkpoint, and writes the checksum that goes with it."""
    import hashlib

    from kerasgan.resume import checkpoint_files

    content, start = path.read_bytes(), len(checkpoint_files.MAGIC)
    length = int.from_bytes(content[start : start + 8], "little")
    header, rest = content[start + 8 : start + 8 + length], content[start + 8 + length : -32]
    value, said = json_changed(rng, json.loads(header))
    header = json.dumps(value).encode()
    content = checkpoint_files.MAGIC + len(header).to_bytes(8, "little") + header + rest
    path.write_bytes(content + hashlib.sha256(content).digest())
    return f"{path.name}: {said}"


FILE_MUTATORS = (bytes_flipped, cut_short, block_replaced, content_replaced)
MODEL_MUTATORS = (config_changed, sizes_changed, member_damaged, archive_tricked, class_replaced)


def mutate_model(rng, run, elsewhere):
    return rng.choice([*FILE_MUTATORS, *2 * MODEL_MUTATORS])(rng, run / "gan.keras")


def mutate_settings(rng, run, elsewhere):
    return rng.choice([*6 * [json_file_changed], *FILE_MUTATORS])(rng, run / "settings.json")


def mutate_folder(rng, run, elsewhere):
    parts = [path for path in run.rglob("*")] + [run / ".lock", run / "guard.log", run / "validation"]
    return path_replaced(rng, rng.choice(sorted(parts)), elsewhere)


def mutate_checkpoint(rng, run, elsewhere):
    path = rng.choice(sorted((run / "checkpoints").iterdir()))
    return rng.choice([*FILE_MUTATORS, *4 * [checkpoint_changed]])(rng, path)


def mutate_tables(rng, run, elsewhere):
    """Changes the history of a run, or the figures of its evaluation."""
    (run / "evaluation.json").write_text(json.dumps({"fid": 1.5, "floor": {"fid": 0.5}, "n": 100}))
    if rng.random() < 0.5:
        return rng.choice([*FILE_MUTATORS, *4 * [json_file_changed]])(rng, run / "evaluation.json")
    return rng.choice(FILE_MUTATORS)(rng, run / "history.csv")


def rng_of(seed, number):
    return random.Random(f"{seed} {number}")


def paths_in(folder):
    return sorted(pathlib.Path(folder).rglob("*"))
