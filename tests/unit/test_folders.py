"""Files that never overwrite each other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.lib.folders import NumberedFolder, slug, unusable


def test_numbers_go_on_where_an_earlier_command_stopped(tmp_path: Path) -> None:
    assert (
        NumberedFolder(tmp_path).write("[Testmo] 1 failed: Nightly", ".txt", b"a").name
        == "0001-testmo-1-failed-nightly.txt"
    )
    assert NumberedFolder(tmp_path).write("x", ".txt", b"b").name == "0002-x.txt"
    (tmp_path / "0041-by-hand.txt").touch()
    assert NumberedFolder(tmp_path).write("x", ".txt", b"c").name == "0042-x.txt"


def test_two_commands_in_one_folder_lose_nothing(tmp_path: Path) -> None:
    def write(number: int) -> Path:
        return NumberedFolder(tmp_path).write("same words", ".txt", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(write, range(100)))
    assert len(set(paths)) == 100
    assert sorted(int(path.read_text()) for path in tmp_path.iterdir()) == list(range(100))


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(f"no space left on {descriptor}")

    monkeypatch.setattr("tools.lib.folders.os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        NumberedFolder(tmp_path).write("x", ".txt", b"half")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("[Testmo] 3 failed, 1 blocked: Release 4.2", "testmo-3-failed-1-blocked-release-4-2"),
        ("../../etc/passwd", "etc-passwd"),
        ("…", "untitled"),
        ("long " * 40, ("long-" * 12)[:-1]),
    ],
)
def test_words_become_a_harmless_name(words: str, name: str) -> None:
    assert slug(words) == name


def test_the_folder_in_which_a_file_cannot_be_made_is_named(tmp_path: Path) -> None:
    for error in (
        PermissionError(13, "Permission denied", str(tmp_path / "builds" / ".building-x1")),
        OSError(30, "Read-only file system", str(tmp_path)),
    ):
        assert unusable(error) == f"{tmp_path} cannot be used ({error.strerror})"
