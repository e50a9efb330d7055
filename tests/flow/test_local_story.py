"""The story that `make run` tells, with its own routes: who hears of which step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from testmo_notifier.notices.team import Team
from tools.lib.processes import ROOT
from tools.settings.rehearsal import Sent, rehearse

START = datetime(2026, 11, 23, 14, 1, tzinfo=UTC)
ALL_QUIET, FIRST_FAILURE, PAYMENTS_DOWN, RE_TEST, CLOSING_TIME = (START + timedelta(minutes=n) for n in range(1, 6))
STORY = ROOT / "tools" / "local" / "story"


@pytest.fixture(scope="module")
def sent() -> list[Sent]:
    return rehearse("release-day", start=START, routes=Team.read(STORY).routes)


def told(sent: list[Sent], at: datetime, words: str) -> list[str]:
    """Which people's destinations got a message in which this stands, in that minute."""
    found = [one.notification for one in sent if one.at == at and words in one.notification.message]
    return sorted(one.destination for one in found if one.channel in ("slack", "email"))


def test_what_fails_in_payment_is_told_in_a_channel_of_its_own(sent: list[Sent]) -> None:
    assert told(sent, FIRST_FAILURE, "Login with an expired password") == ["email:default", "slack:default"]
    assert told(sent, PAYMENTS_DOWN, "Pay by PayPal") == ["slack:payments"]
    assert told(sent, PAYMENTS_DOWN, "Release 4.2 payment API") == ["slack:payments"]
    assert told(sent, CLOSING_TIME, "Receipt shows the VAT") == ["slack:payments"]


def test_a_test_that_fails_again_is_told_where_its_first_failure_was(sent: list[Sent]) -> None:
    assert told(sent, RE_TEST, "Pay by PayPal") == ["slack:payments"]


def test_nothing_is_told_before_the_first_failure(sent: list[Sent]) -> None:
    assert [one for one in sent if one.at <= ALL_QUIET] == []


def test_everybody_whom_its_routes_mention_is_in_its_file_of_people() -> None:
    assert '"Grace Hopper" = "U012AB3CD"' in (STORY / "people.toml").read_text("utf-8")
