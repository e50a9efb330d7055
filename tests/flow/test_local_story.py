"""The story that `make run` tells, with its own routes: who hears of which step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tools.lib.processes import ROOT
from tools.settings.check import read_team
from tools.settings.rehearsal import Sent, rehearse

START = datetime(2026, 11, 23, 14, 1, tzinfo=UTC)
ALL_QUIET, FIRST_FAILURE, PAYMENTS_DOWN, RE_TEST, CLOSING_TIME, OVER = (
    START + timedelta(minutes=n) for n in range(1, 7)
)
STORY = ROOT / "tools" / "local" / "story"


@pytest.fixture(scope="module")
def sent() -> list[Sent]:
    """With the overlap of `make run`: the last reading of a closed run is soon after its closing."""
    return rehearse("release-day", start=START, team=read_team(STORY.joinpath), overlap=timedelta(seconds=1))


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


def test_a_test_that_passed_is_told_where_its_failure_was(sent: list[Sent]) -> None:
    assert told(sent, RE_TEST, "Login with an expired password") == ["email:default", "slack:default"]


def test_the_end_of_the_run_is_told_with_what_still_fails(sent: list[Sent]) -> None:
    assert told(sent, OVER, "Release 4.2 regression") == ["email:default", "slack:default"]
    assert told(sent, OVER, "Receipt shows the VAT") == ["email:default", "slack:default"]


def test_grace_is_called_for_what_failed_and_is_assigned_to_her(sent: list[Sent]) -> None:
    called = [(one.at, one.notification.destination) for one in sent if "<@U012AB3CD>" in one.notification.message]
    assert called == [(FIRST_FAILURE, "slack:default"), (RE_TEST, "slack:payments")]


def test_nothing_is_told_before_the_first_failure(sent: list[Sent]) -> None:
    assert [one for one in sent if one.at <= ALL_QUIET] == []
