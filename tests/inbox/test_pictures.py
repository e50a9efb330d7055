"""The README's pictures show what the code of today writes."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.maintain import pictures
from tools.maintain.chromium import Chromium, NoChromium
from tools.settings.rehearsal import rehearse


def test_the_pictures_are_of_todays_messages_and_todays_page() -> None:
    wanted = pictures.fingerprint(pictures.messages())

    assert pictures.recorded(pictures.FOLDER) == wanted, (
        "A message or the inbox page has changed since the README's pictures were taken: "
        "run `.venv/bin/testmo-notifier pictures` (it needs Chromium) and look at them."
    )


@pytest.mark.parametrize("picture", pictures.PICTURES, ids=lambda picture: picture.name)
def test_every_picture_is_there_and_small(picture: pictures.Picture) -> None:
    image = (pictures.FOLDER / picture.name).read_bytes()

    assert image.startswith(b"\x89PNG")
    assert len(image) < 250_000  # a README that loads at once


def test_a_rehearsal_says_the_same_every_time() -> None:
    assert rehearse("release-day", start=pictures.START) == rehearse("release-day", start=pictures.START)


def test_pictures_that_are_up_to_date_are_left_alone(chromium: Chromium, tmp_path: Path) -> None:
    del chromium  # it has to be there; the command starts its own, which Playwright allows in another thread alone
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(pictures.make, tmp_path).result() is True
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    assert pictures.make(tmp_path) is False
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_without_chromium_it_is_said_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(NoChromium, match="apt-get install chromium"):
        pictures.make(tmp_path)
    assert list(tmp_path.iterdir()) == []
