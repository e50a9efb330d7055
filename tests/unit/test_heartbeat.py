"""The ping to a dead man's switch: heard or not, never in the way, and its address is a secret."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testmo_notifier import config
from testmo_notifier.adapters import heartbeat
from testmo_notifier.adapters.http import new_pool
from testmo_notifier.errors import ConfigurationError, Problem
from tests.support.fakes import FakeSlack, SlackAnswer

SECRET = "hc-ping.example/5f1a-secret"


def test_a_good_answer_is_heard(slack: FakeSlack) -> None:
    assert heartbeat.ping(new_pool(), slack.webhook) is None


@pytest.mark.parametrize("status", [302, 404, 500])
def test_any_other_answer_is_not(slack: FakeSlack, status: int) -> None:
    """No redirect is followed: the address would travel with it."""
    slack.answer(SlackAnswer(status, b"", {"Location": slack.webhook("payments")}))
    assert heartbeat.ping(new_pool(), slack.webhook) == f"the answer was {status}"


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (
            lambda: "http://127.0.0.1:1/secret",
            "no connection could be made, it was refused: check address and port, and any firewall on the way",
        ),
        (lambda: "http://[::1/secret", "the address is not valid: check it"),
    ],
)
def test_what_goes_wrong_is_said_without_the_address(read: Callable[[], str], reason: str) -> None:
    assert heartbeat.ping(new_pool(), read) == reason


def test_a_secret_that_cannot_be_read_is_said_and_not_raised() -> None:
    def unreadable() -> str:
        raise ConfigurationError([Problem("the secret arn:heartbeat cannot be read", "look")])

    assert "arn:heartbeat cannot be read" in str(heartbeat.ping(new_pool(), unreadable))


@pytest.mark.parametrize(
    "secret", ["", "hc-ping.example/x", f"http://{SECRET}", f"https://me:pw@{SECRET}", "https://10.0.0.1/x"]
)
def test_an_address_in_clear_or_inside_the_network_is_refused_and_not_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match=r"store the address that the service gives") as caught:
        config.heartbeat_url(secret)
    assert "5f1a-secret" not in str(caught.value)


def test_an_address_is_taken_as_it_is() -> None:
    assert config.heartbeat_url(f" https://{SECRET}\n") == f"https://{SECRET}"
