"""Numbered files in a folder that never overwrite each other, whoever else writes there."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Final

GIVE_IT: Final = "give it to this user, or work in a checkout of your own"
MAX_STEM_CHARS: Final = 60  # file systems allow 255 bytes; this is for people's eyes


def unusable(exc: OSError) -> str:
    """What cannot be read or written, and why: the file, or the folder in which it could not be made."""
    path = Path(os.fsdecode(exc.filename))
    there = next((one for one in (path, *path.parents) if one.exists()), path)
    return f"{there} cannot be used ({exc.strerror or type(exc).__name__})"


class NumberedFolder:
    """Files like `0007-release-4-2.txt`. Numbers go up, also over restarts; a file is whole from the start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._next = 1

    def write(self, words: str, suffix: str, content: bytes) -> Path:
        """Write a file named after `words`; returns its path."""
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".", dir=self.path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            return self._link(temporary, f"{slug(words)}{suffix}")
        finally:
            Path(temporary).unlink()

    def _link(self, temporary: str, name: str) -> Path:
        """Give the file the next number that is free: a link, unlike a rename, never replaces anything."""
        numbers = (re.match(r"(\d+)-", path.name) for path in self.path.iterdir())
        self._next = max(self._next, 1 + max((int(match[1]) for match in numbers if match), default=0))
        while True:
            target = self.path / f"{self._next:04d}-{name}"
            self._next += 1
            try:
                os.link(temporary, target)
            except FileExistsError:  # another command was faster
                continue
            return target


def slug(words: str) -> str:
    """Words as a file name: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:MAX_STEM_CHARS].strip("-") or "untitled"
