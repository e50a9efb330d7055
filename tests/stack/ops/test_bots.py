"""`doctor` and `send-test` on a stack whose Slack destination is a bot: what keeps it from posting, in clear words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.fakes import FakeSlack
from tools.inbox.receiver import Inbox
from tools.inbox.workspace import Workspace

from .conftest import Operated

CHANNEL = "C012AB3CD"
TOKEN = f"xoxb-{FakeSlack.SECRET}"  # `Operated.command` sees to it that nobody says it
CASES = [
    ("invalid_auth", "Slack answered 200 (invalid_auth)", "install the app anew"),
    ("token_revoked", "Slack answered 200 (token_revoked)", "install the app anew"),
    ("missing_scope", "the token is valid and lacks the scope chat:write", "give the app the bot scope chat:write"),
    ("not_in_channel", "the token is valid, the bot is not in its channel", "/invite"),
    ("is_archived", "the token is valid, the channel is archived", "unarchive the channel"),
    ("channel_not_found", "Slack answered 200 (channel_not_found)", "invite it, correct its id"),
]


@pytest.fixture(scope="module")
def web_api(whole: Operated) -> Iterator[Inbox]:
    """A Web API, and a stack whose Slack destination is a bot there."""
    with Inbox(0) as inbox:
        bot = {"token": TOKEN, "channel": CHANNEL, "api_url": inbox.web_api}
        with whole.made_for("SlackSecretArn", json.dumps({"default": bot})):
            yield inbox


@pytest.fixture
def workspace(web_api: Inbox) -> Workspace:
    """What the bot is in; each test has one of its own."""
    web_api.workspace = Workspace()
    return web_api.workspace


def close(workspace: Workspace, word: str) -> None:
    """Let Slack have that against the bot."""
    closed = {
        "not_in_channel": {"is_member": False},
        "is_archived": {"is_archived": True},
        "channel_not_found": {"is_missing": True},
    }
    if word in closed:
        workspace.channels[CHANNEL] = closed[word]
    elif word == "missing_scope":
        workspace.scopes = "channels:read"
    else:
        workspace.refused[TOKEN] = word


def of_slack(operated: Operated) -> dict[str, Any]:
    """What `doctor` says of the bot."""
    findings = operated.command("doctor", "--json").json["findings"]
    (finding,) = (one for one in findings if one["area"] == "Slack" and "the bot of slack:default" in one["words"])
    return dict(finding)


def test_a_bot_that_may_post_is_alive_and_nothing_is_posted(operated: Operated, workspace: Workspace) -> None:
    finding = of_slack(operated)

    assert (finding["ok"], finding["words"]) == (True, "the bot of slack:default is alive and may post in its channel")
    assert workspace.messages == []
    workspace.scopes = "chat:write"
    assert "give the app channels:read, for a private one groups:read, to see" in of_slack(operated)["words"]


@pytest.mark.parametrize(("word", "words", "step"), CASES)
def test_what_keeps_a_bot_from_posting_is_found_without_a_post(
    operated: Operated, workspace: Workspace, word: str, words: str, step: str
) -> None:
    close(workspace, word)

    finding = of_slack(operated)

    assert not finding["ok"]
    assert words in finding["words"]
    assert step in finding["next_step"]
    assert workspace.messages == []


def test_a_test_message_to_a_bot_is_posted_and_edited(operated: Operated, workspace: Workspace) -> None:
    for way in ([], ["--direct"]):
        said = operated.command("send-test", "--destination", "slack:default", *way)

        assert said.status == 0, said
        message = workspace.messages.pop()
        assert message.channel == CHANNEL
        assert message.before[0]["text"].startswith("[TEST] Testmo Notifier says hello.")
        assert message.payload["text"].endswith("(Posted, then edited.)")
        assert workspace.messages == []


@pytest.mark.parametrize(("word", "_words", "step"), CASES)
def test_a_test_message_that_a_bot_may_not_post_says_what_to_do(
    operated: Operated, workspace: Workspace, word: str, _words: str, step: str
) -> None:
    close(workspace, word)

    for way in ([], ["--direct"]):
        said = operated.command("send-test", "--destination", "slack:default", "--json", *way)
        assert said.status == 1
        (sent,) = said.json["sent"]
        assert f"({word})" in sent["words"]
        assert step in sent["next_step"]
    assert workspace.messages == []
    assert operated.depth(operated.dead("Slack")) == 0, "a test is nothing to re-drive"
