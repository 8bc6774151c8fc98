"""Files and folders are written whole or not at all."""

import os

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
