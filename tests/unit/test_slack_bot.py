"""Bots in Slack's secret, and what the Web API's answers mean (Slack delivery)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from testmo_notifier.adapters.http import Answer, new_pool
from testmo_notifier.channels.slack import web_api
from testmo_notifier.channels.slack.secret import Bot, bot_of, read_addresses
from testmo_notifier.channels.slack.transport import TRANSPORT
from testmo_notifier.errors import DeliveryDelayed, DestinationGone, PayloadRefused, Undelivered
from tools.inbox.receiver import Inbox

if TYPE_CHECKING:
    import urllib3

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TOKEN = "xoxb-1-2-XsecretX"
WEBHOOK = "https://hooks.slack.com/services/T000/B000/XsecretX"
PAYLOAD = json.dumps({"text": "3 failed", "blocks": [{"type": "divider"}], "unfurl_links": False})


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox(0) as inbox:
        yield inbox


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    pool = new_pool()
    yield pool
    pool.clear()


def at(inbox: Inbox) -> str:
    return Bot(TOKEN, "C012AB3CD", inbox.web_api).as_address()


def test_a_secret_may_hold_bots_beside_webhooks() -> None:
    addresses, problems = read_addresses(
        json.dumps({"default": WEBHOOK, "payments": {"token": TOKEN, "channel": "C012AB3CD"}})
    )

    assert problems == []
    assert addresses["default"] == WEBHOOK
    assert bot_of(addresses["default"]) is None
    assert bot_of(addresses["payments"]) == Bot(TOKEN, "C012AB3CD", "https://slack.com/api")


def test_several_bots_may_share_a_token_and_an_address() -> None:
    api_url = "http://127.0.0.1:4010/api/"
    secret = {"token": TOKEN, "api_url": api_url, "a": {"channel": "C0A"}, "b": {"channel": "G0B", "token": "xoxb-2"}}

    addresses, problems = read_addresses(json.dumps(secret))

    assert problems == []
    assert {name: bot_of(address) for name, address in addresses.items()} == {
        "a": Bot(TOKEN, "C0A", "http://127.0.0.1:4010/api"),
        "b": Bot("xoxb-2", "G0B", "http://127.0.0.1:4010/api"),
    }


def test_a_webhook_that_is_called_token_stays_a_webhook() -> None:
    assert read_addresses(json.dumps({"token": WEBHOOK})) == ({"token": WEBHOOK}, [])


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"channel": "C0A"}, "has no bot token"),
        ({"token": "xoxp-1-XsecretX", "channel": "C0A"}, "a token that is no bot's"),
        ({"token": "xoxe.xoxb-1-XsecretX", "channel": "C0A"}, "without token rotation"),
        ({"token": f"{TOKEN}\r\nHost: evil", "channel": "C0A"}, "a token that is no bot's"),
        ({"token": TOKEN}, "has no channel"),
        ({"token": TOKEN, "channel": "#XsecretX"}, "a channel that is no id"),
        ({"token": TOKEN, "channel": 5}, "has no channel"),
        ({"token": TOKEN, "channel": "C0A", "XsecretX": 1}, "holds something else"),
        ({"token": TOKEN, "channel": "C0A", "api_url": "http://example.com/XsecretX"}, "is not https"),
        ({"token": TOKEN, "channel": "C0A", "api_url": "https://10.0.0.1/XsecretX"}, "a private address"),
        ({"token": TOKEN, "channel": "C0A", "api_url": "https://example.com/?XsecretX"}, "with a query"),
        ({"token": TOKEN, "channel": "C0A", "api_url": None}, "is not an https address"),
    ],
)
def test_a_bot_that_is_wrong_is_told_without_a_word_of_it_and_spares_the_others(
    entry: dict[str, object], words: str
) -> None:
    addresses, problems = read_addresses(json.dumps({"default": WEBHOOK, "payments": entry}))

    assert list(addresses) == ["default"]
    assert problems[0].startswith("slack:payments ")
    assert words in problems[0]
    assert "XsecretX" not in problems[0]


@pytest.mark.parametrize("secret", [TOKEN, {"token": TOKEN, "channel": "C012AB3CD"}, {"payments": "xoxp-1-XsecretX"}])
def test_a_token_where_a_webhook_or_a_bot_belongs_is_told_how_a_bot_is_written(secret: object) -> None:
    addresses, problems = read_addresses(secret if isinstance(secret, str) else json.dumps(secret))

    assert addresses == {}
    hint = 'is a token alone: give a bot by name, like {"default": {"token": "xoxb-…", "channel": "C…"}}'
    assert problems[0].split(" ", 1)[1] == hint
    assert "XsecretX" not in str(problems)


def test_a_bots_token_is_shown_nowhere() -> None:
    assert "XsecretX" not in repr(Bot(TOKEN, "C0A"))


def test_a_bot_posts_the_whole_message_into_its_channel(inbox: Inbox, pool: urllib3.PoolManager) -> None:
    TRANSPORT.post(pool, at(inbox), PAYLOAD, NOW)

    ((method, values),) = inbox.workspace.calls
    assert method == "chat.postMessage"
    assert values == {
        "channel": "C012AB3CD",
        "text": "3 failed",
        "blocks": [{"type": "divider"}],
        "attachments": [],
        "unfurl_links": False,
        "parse": "none",
        "link_names": False,
    }


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("channel_not_found", DestinationGone),
        ("is_archived", DestinationGone),
        ("not_in_channel", DestinationGone),
        ("invalid_auth", DestinationGone),
        ("account_inactive", DestinationGone),
        ("token_revoked", DestinationGone),
        ("missing_scope", DestinationGone),
        ("restricted_action", DestinationGone),
        ("restricted_action_thread_only_channel", DestinationGone),
        ("msg_too_long", PayloadRefused),
        ("invalid_blocks", PayloadRefused),
        ("invalid_attachments", PayloadRefused),
        ("a_word_that_nobody_listed", PayloadRefused),
        ("internal_error", DeliveryDelayed),
        ("fatal_error", DeliveryDelayed),
        ("service_unavailable", DeliveryDelayed),
        ("external_channel_migrating", DeliveryDelayed),
    ],
)
def test_what_slack_says_no_with_decides_what_becomes_of_the_message(
    inbox: Inbox, pool: urllib3.PoolManager, word: str, error: type[Undelivered]
) -> None:
    inbox.workspace.answer_next("chat.postMessage", word)

    with pytest.raises(error) as raised:
        TRANSPORT.post(pool, at(inbox), PAYLOAD, NOW)

    assert raised.value.reason == word
    assert inbox.workspace.messages == []


def test_a_bot_that_is_throttled_waits_as_long_as_slack_says(inbox: Inbox, pool: urllib3.PoolManager) -> None:
    inbox.workspace.answer_next("chat.postMessage", "ratelimited", status=429, retry_after=7)

    with pytest.raises(DeliveryDelayed) as raised:
        TRANSPORT.post(pool, at(inbox), PAYLOAD, NOW)

    assert (raised.value.reason, raised.value.retry_after_seconds) == ("throttled", 7)


@pytest.mark.parametrize("status", [500, 503, 302, 404])
def test_a_page_that_is_not_slacks_means_try_again(inbox: Inbox, pool: urllib3.PoolManager, status: int) -> None:
    inbox.workspace.answer_next("chat.postMessage", "Not A Word", status=status)

    with pytest.raises(DeliveryDelayed):
        TRANSPORT.post(pool, at(inbox), PAYLOAD, NOW)


def test_a_bot_is_probed_without_a_post(inbox: Inbox, pool: urllib3.PoolManager) -> None:
    assert TRANSPORT.probe(pool, at(inbox), NOW) == "is alive and may post in its channel"
    assert [method for method, _ in inbox.workspace.calls] == ["auth.test", "conversations.info"]


@pytest.mark.parametrize(
    ("scopes", "channel", "reason"),
    [
        ("channels:read", {}, "missing_scope"),
        ("chat:write,channels:read", {"is_member": False}, "not_in_channel"),
        ("chat:write,chat:write.public,groups:read", {"is_member": False, "is_private": True}, "not_in_channel"),
        ("chat:write,channels:read", {"is_archived": True}, "is_archived"),
        ("chat:write,channels:read", {"is_missing": True}, "channel_not_found"),
    ],
)
def test_a_probe_tells_what_would_keep_a_bot_from_posting(
    inbox: Inbox, pool: urllib3.PoolManager, scopes: str, channel: dict[str, bool], reason: str
) -> None:
    inbox.workspace.scopes, inbox.workspace.channels = scopes, {"C012AB3CD": channel}

    with pytest.raises(DestinationGone) as raised:
        TRANSPORT.probe(pool, at(inbox), NOW)

    assert raised.value.reason == reason


def test_a_probe_needs_no_more_scopes_than_a_post_does(inbox: Inbox, pool: urllib3.PoolManager) -> None:
    inbox.workspace.scopes = "chat:write"

    assert "channels:read, for a private one groups:read" in TRANSPORT.probe(pool, at(inbox), NOW)


@pytest.mark.parametrize("channel", [b"null", b"[]", b'"C012AB3CD"', b"{}"])
def test_a_probe_takes_a_yes_that_says_nothing_of_the_channel(pool: urllib3.PoolManager, channel: bytes) -> None:
    yes = Answer(200, b'{"ok": true, "channel": ' + channel + b"}", {"x-oauth-scopes": "chat:write,channels:read"})

    with patch.object(web_api, "ask", lambda *_args, **_given: yes):
        assert TRANSPORT.probe(pool, Bot(TOKEN, "C012AB3CD").as_address(), NOW).startswith("is alive")


def test_a_bot_may_post_to_a_public_channel_that_it_is_not_in(pool: urllib3.PoolManager) -> None:
    scopes = {"x-oauth-scopes": "chat:write,chat:write.public,channels:read"}
    yes = Answer(200, b'{"ok": true, "channel": {"is_member": false}}', scopes)

    with patch.object(web_api, "ask", lambda *_args, **_given: yes):
        said = TRANSPORT.probe(pool, Bot(TOKEN, "C012AB3CD").as_address(), NOW)

    assert said == "is alive and may post in its channel"


@pytest.mark.parametrize(("said", "channel"), [({"channel": "D024BE91L"}, "D024BE91L"), ({}, "U012AB3CD")])
def test_where_slack_says_that_a_message_stands_it_is_edited(said: dict[str, str], channel: str) -> None:
    assert web_api.posted(said, Bot(TOKEN, "U012AB3CD")).channel == channel  # posted to a person, it stands in a DM
