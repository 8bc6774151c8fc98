"""Files and folders are written whole or not at all."""

import contextlib
import os
import pathlib
import re
import socket
import stat

import pytest

from kerasgan import files


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def write(path, content, durable=True):
    with files.written_whole(path, durable) as unfinished:
        assert unfinished.name.endswith(f".{path.name}") and not unfinished.exists()
        unfinished.write_text(content)


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_written_and_replaced(tmp_path, durable):
    for content in ("one", "two"):
        write(tmp_path / "file.json", content, durable)
        assert (tmp_path / "file.json").read_text() == content and names(tmp_path) == ["file.json"]


def test_a_folder_is_written_and_replaced(tmp_path):
    for content in ("one", "two"):
        with files.written_whole(tmp_path / "folder") as unfinished:
            (unfinished / "sub").mkdir(parents=True)
            (unfinished / "sub" / content).write_text(content)
        assert names(tmp_path) == ["folder", "folder/sub", f"folder/sub/{content}"]


@pytest.mark.parametrize("fails", ["the writer", "fsync", "replace"])
def test_a_failure_leaves_what_was_there(tmp_path, monkeypatch, fails):
    path = tmp_path / "file"
    write(path, "old")

    def no_space(*arguments):
        raise OSError(28, "No space left on device")

    if fails != "the writer":
        monkeypatch.setattr(os, fails, no_space)
    with pytest.raises(OSError, match="No space"), files.written_whole(path) as unfinished:
        unfinished.write_text("new")
        if fails == "the writer":
            no_space()
    assert path.read_text() == "old" and names(tmp_path) == ["file"]


def test_an_interrupted_folder_leaves_what_was_there(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(KeyboardInterrupt), files.written_whole(tmp_path / "folder") as unfinished:
        unfinished.mkdir()
        (unfinished / "part").write_text("")
        raise KeyboardInterrupt
    assert names(tmp_path) == ["folder"]


def test_what_a_killed_process_of_the_same_number_left_is_no_hindrance(tmp_path):
    (tmp_path / f".{os.getpid()}.folder").mkdir()
    (tmp_path / f".{os.getpid()}.folder" / "part").write_text("")
    with files.written_whole(tmp_path / "folder") as unfinished:
        unfinished.mkdir()
    assert names(tmp_path) == ["folder"]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    kept = [".hidden.checkpoint", "a.checkpoint", ".1.a.json"]
    for name in [*kept, ".1.a.checkpoint"]:
        (tmp_path / name).write_text("")
    (tmp_path / ".1.b.checkpoint").mkdir()
    (tmp_path / ".1.b.checkpoint" / "part").write_text("")
    files.remove_unfinished(tmp_path, "*.checkpoint")
    assert names(tmp_path) == sorted(kept)


# Links, devices and pipes


def make_socket(path):
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def make_device(path):
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))  # as /dev/null
    except PermissionError:
        pytest.skip("making a device needs privileges")


def make_folder(path):
    path.mkdir()
    (path / "kept").write_text("kept")


def make_link(target):
    def make(path):
        (path.parent / "file").write_text("kept")
        make_folder(path.parent / "folder")
        path.symlink_to(path.parent / target)

    return make


THINGS = {
    "a named pipe": os.mkfifo,
    "a socket": make_socket,
    "a device": make_device,
    "a link to a file": make_link("file"),
    "a link to a folder": make_link("folder"),
    "a link to nowhere": make_link("nowhere"),
    "a link to itself": make_link("thing"),
}


def state(folder):
    """Kind, inode, and content or target of everything in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        kept = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        kept = os.readlink(path) if stat.S_ISLNK(status.st_mode) else kept
        found[path.relative_to(folder)] = (status.st_mode, status.st_ino, kept)
    return found


@pytest.mark.parametrize("thing", THINGS)
def test_what_is_no_file_and_no_folder_is_never_replaced(tmp_path, thing):
    THINGS[thing](tmp_path / "thing")
    before = state(tmp_path)
    with pytest.raises(OSError, match=f"replace files only.*{thing.split(' to ')[0]}"):
        write(tmp_path / "thing", "new")
    assert state(tmp_path) == before


def test_a_file_never_replaces_a_folder_nor_a_folder_a_file(tmp_path):
    make_folder(tmp_path / "folder")
    (tmp_path / "file").write_text("kept")
    before = state(tmp_path)
    with pytest.raises(OSError, match="a folder"):
        write(tmp_path / "folder", "new")
    with pytest.raises(OSError, match="a file"), files.written_whole(tmp_path / "file") as unfinished:
        unfinished.mkdir()
    assert state(tmp_path) == before


@pytest.mark.parametrize("folder", [True, False])
@pytest.mark.parametrize("thing", ["a named pipe", "a socket", "a device", "a link to itself", "the other kind"])
def test_an_output_is_a_file_or_a_folder(tmp_path, thing, folder):
    if thing == "the other kind":
        (tmp_path / "thing").write_text("kept") if folder else make_folder(tmp_path / "thing")
    else:
        THINGS[thing](tmp_path / "thing")
    (tmp_path / "link").symlink_to(tmp_path / "thing")
    before = state(tmp_path)
    for name in ("thing", "link"):
        with pytest.raises((ValueError, OSError), match=r"thing|link"):
            files.output(tmp_path / name, folder)
    assert state(tmp_path) == before


def test_an_output_behind_a_link_is_written_where_the_link_leads(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("old")
    for name in ("file", "new"):
        (tmp_path / name).symlink_to(tmp_path / "other" / name)
        write(files.output(tmp_path / name), "new")
        assert (tmp_path / name).is_symlink() and (tmp_path / "other" / name).read_text() == "new"


def test_a_deleted_file_that_is_still_open_is_no_output(tmp_path):
    if not os.path.exists("/proc/self/fd"):
        pytest.skip("needs /proc")
    with open(tmp_path / "file", "w") as file:
        (tmp_path / "file").unlink()
        with pytest.raises(ValueError, match="deleted"):
            files.output(f"/proc/self/fd/{file.fileno()}")
    assert not names(tmp_path)


# Users without a folder of their own


def test_a_user_without_a_folder_is_told_of_the_cache(monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 5)  # without a name
    with pytest.raises(ValueError, match=r"Received: '~/\.cache/kerasgan'.*KERASGAN_CACHE"):
        files.expanded("~/.cache/kerasgan")
    assert files.expanded("photos") == pathlib.Path("photos")


def test_no_other_function_asks_for_a_users_folder():
    """pathlib's own raise RuntimeError, which no caller expects."""
    package = pathlib.Path(files.__file__).parent
    for path in package.rglob("*.py"):
        assert not re.search(r"\.expanduser\(\)|Path\.home\(\)", path.read_text()), path.name


def test_files_that_are_written_together_are_moved_together(tmp_path):
    (tmp_path / "a.xml").write_text("before")
    with pytest.raises(ValueError), files.written_together(tmp_path / "a.xml") as unfinished:
        (unfinished / "a.xml").write_text("unfinished")
        raise ValueError
    assert [each.name for each in tmp_path.iterdir()] == ["a.xml"] and (tmp_path / "a.xml").read_text() == "before"
    with files.written_together(tmp_path / "a.xml") as unfinished:
        (unfinished / "a.xml").write_text("after")
        (unfinished / "a.bin").write_text("weights")
        assert (tmp_path / "a.xml").read_text() == "before"
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"a.xml": "after", "a.bin": "weights"}


def test_of_files_that_are_written_together_none_is_moved_onto_a_folder(tmp_path):
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(OSError, match="a folder"), files.written_together(tmp_path / "a.xml") as unfinished:
        (unfinished / "a.xml").write_text("after")
        (unfinished / "a.bin").write_text("weights")
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]
