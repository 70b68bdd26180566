"""Files and folders that are complete or not there, whatever is killed, fails or happens at the same time."""

from __future__ import annotations

import gzip
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from regard.atomic_writes import (
    atomic_file,
    atomic_folder,
    atomic_text,
    atomic_update,
    check_writable,
    committed_file,
    leftover_target,
    list_entries,
)
from regard.errors import DataError

TEXT = "größe\n\u2028\r\nzwei\n"


@pytest.mark.parametrize(
    ("name", "unpack"), [("out.txt", bytes), ("out.txt.gz", gzip.decompress), ("out.xz", lzma.decompress)]
)
def test_a_file_is_written_as_its_name_says(tmp_path: Path, name: str, unpack: object) -> None:
    with atomic_text(tmp_path / name) as write:
        write(TEXT)
        assert not (tmp_path / name).exists()
    assert unpack((tmp_path / name).read_bytes()).decode() == TEXT  # type: ignore[operator]
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["out.txt", "out.gz", "out.xz"])
def test_what_fails_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")

    def fail() -> None:
        with atomic_text(tmp_path / name) as write:
            write("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / name).read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_file_that_looks_like_a_draft_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "out.draft").write_text("mine")
    with atomic_text(tmp_path / "out") as write:
        write(TEXT)
    assert (tmp_path / "out.draft").read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out", "out.draft"]


def test_what_is_no_plain_file_is_written_directly() -> None:
    with atomic_text(Path(os.devnull)) as write:
        write(TEXT)
    assert not Path(os.devnull).is_file()


def test_a_path_must_be_in_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder; name a file in it"), atomic_text(tmp_path):
        pass
    with (
        pytest.raises(DataError, match=r"there is no folder .* to write into"),
        atomic_text(tmp_path / "no" / "out"),
    ):
        pass


def test_a_read_only_folder_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    with pytest.raises(DataError, match=r"out\.txt: no permission to write into .*; choose another folder"):
        check_writable(tmp_path / "out.txt")
    check_writable(Path(os.devnull))


def test_an_error_names_the_file_and_not_the_draft(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 250)
    with pytest.raises(DataError, match=r"x: cannot be written \(File name too long\)"), atomic_text(long):
        pass


def test_the_draft_may_lie_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "drafts").mkdir()
    with atomic_file(tmp_path / "out", tmp_path / "drafts") as file:
        file.write(b"new")
        (draft,) = (tmp_path / "drafts").iterdir()
        assert leftover_target(draft.name) == "out"
    assert (tmp_path / "out").read_bytes() == b"new"
    assert list((tmp_path / "drafts").iterdir()) == []


def test_content_is_flushed_to_disk_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str | int] = []
    sync, rename = os.fsync, os.replace

    def recorded_sync(handle: int) -> None:
        calls.append(os.fstat(handle).st_ino)
        sync(handle)

    def recorded_rename(source: Path, target: Path) -> None:
        calls.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(os, "replace", recorded_rename)
    with atomic_text(tmp_path / "out.gz") as write:
        write(TEXT)
    with atomic_folder(tmp_path / "folder") as draft:
        (draft / "inner").mkdir()
        (draft / "inner" / "file").touch()
    file, folder, inner, inner_file = (
        path.stat().st_ino
        for path in [tmp_path / name for name in ("out.gz", "folder", "folder/inner", "folder/inner/file")]
    )
    here = tmp_path.stat().st_ino
    assert calls == [file, "rename", here, folder, inner_file, inner, "rename", here]


def update(folder: Path, text: str) -> None:
    with atomic_update(folder) as draft:
        for name in "abc":
            (draft / name).write_text(text)


def test_an_update_that_fails_at_any_rename_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, outcomes = os.replace, []

    def replace_until(count: int) -> Callable[[Path, Path], None]:
        calls = iter(range(100))

        def failing(source: Path, target: Path) -> None:
            if next(calls) == count:
                raise OSError("no more")
            rename(source, target)

        return failing

    def texts() -> set[str]:
        return {committed_file(tmp_path, name).read_text() for name in "abc"}

    for count in range(4):  # the rename that makes it count, then a, b, c
        monkeypatch.setattr(os, "replace", rename)
        update(tmp_path, "old")
        monkeypatch.setattr(os, "replace", replace_until(count))
        with pytest.raises(OSError, match="no more"):
            update(tmp_path, "new")
        outcomes.append(texts())
    assert outcomes == [{"old"}, {"new"}, {"new"}, {"new"}]
    monkeypatch.setattr(os, "replace", rename)
    update(tmp_path, "newest")
    assert texts() == {"newest"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b", "c"]


def test_an_update_that_raises_leaves_no_draft(tmp_path: Path) -> None:
    update(tmp_path / "folder", "old")

    def fail() -> None:
        with atomic_update(tmp_path / "folder") as draft:
            (draft / "a").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / "folder" / "a").read_text() == "old"
    assert sorted(file.name for file in (tmp_path / "folder").iterdir()) == ["a", "b", "c"]


KILLED_UPDATES = """
import os, signal, sys
from pathlib import Path
from regard.atomic_writes import atomic_update, committed_file

folder = Path(sys.argv[1])

def update(text):
    with atomic_update(folder) as draft:
        for name in "abc":
            (draft / name).write_text(text)

def dying(function):
    def call(*arguments, **keywords):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return function(*arguments, **keywords)
    return call

update("old")
for instant in range(100):
    child = os.fork()
    if child == 0:
        left = instant
        for name in ("replace", "fsync", "rmdir", "mkdir"):
            setattr(os, name, dying(getattr(os, name)))
        update(f"new {instant}")
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(ended, *sorted({committed_file(folder, name).read_text() for name in "abc"}), sep="\\t")
    if ended != -signal.SIGKILL:
        break
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_system_call_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED_UPDATES, str(tmp_path)], capture_output=True, text=True, check=True
    )
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    before = "old"
    for instant, (_, *texts) in enumerate(lines):
        assert texts in ([before], [f"new {instant}"])
        before = texts[0]
    assert [ended for ended, *_ in lines] == ["-9"] * (len(lines) - 1) + ["0"]
    assert len(lines) > 10
    assert set(os.listdir(tmp_path)) == {"a", "b", "c"}


def test_updated_files_may_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with atomic_update(tmp_path) as draft:
            (draft / "weights").write_text("w")
            (draft / "weights").chmod(0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "weights").stat().st_mode & 0o777 == 0o644


def test_what_a_killed_update_left_is_no_entry(tmp_path: Path) -> None:
    assert list_entries(tmp_path / "none") == []
    for name in (".draft", ".ready", "mine"):
        (tmp_path / name).mkdir()
    assert list_entries(tmp_path) == [tmp_path / "mine"]


def test_a_folder_that_another_put_there_at_the_last_instant_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    answers = iter([False, True])  # not there yet; there

    with atomic_folder(target, keep=lambda existing: next(answers)) as draft:
        (draft / "mine").touch()
        monkeypatch.setattr(Path, "is_dir", lambda path: False)  # the other comes after this check
        target.mkdir()
        (target / "theirs").touch()
    monkeypatch.undo()
    assert [file.name for file in tmp_path.rglob("*")] == ["target", "theirs"]


def test_the_old_folder_is_there_until_the_new_one_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "target"
    for name in ("old", "new"):
        with atomic_folder(target) as draft:
            (draft / name).touch()
            assert [file.name for file in target.glob("*")] == ([] if name == "old" else ["old"])
    assert [file.name for file in tmp_path.rglob("*")] == ["target", "new"]


@pytest.mark.parametrize(
    ("name", "target"),
    [
        (".out.txt.0123456789abcdef.draft", "out.txt"),
        (".folder.0123456789abcdef.old", "folder"),
        (".out.draft", None),
        ("out", None),
    ],
)
def test_leftovers_are_recognised_by_their_names(name: str, target: str | None) -> None:
    assert leftover_target(name) == target
