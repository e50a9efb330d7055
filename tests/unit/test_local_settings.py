"""What `local` says of settings before it deploys them: as `check` and `doctor` would, and never an address."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from testmo_notifier.adapters.http import new_pool
from testmo_notifier.channels.slack.secret import read_addresses
from testmo_notifier.channels.slack.transport import TRANSPORT
from tools.inbox.receiver import Inbox
from tools.lib.processes import SETTINGS
from tools.local import command, environment
from tools.local.environment import Flags

PAYMENTS = '[[routes]]\nto = ["slack:default", "slack:payments", "email:qa"]\n'
NO_WEBHOOK = (
    "slack:payments is routed and has no webhook in SLACK_WEBHOOK_URL: what goes there is parked; set SLACK_SECRET "
    "with that name, or take the destination out of routes.toml"
)


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings as they are deployed: the checkout's, with what a test writes into them."""
    monkeypatch.setattr(environment, "_missing_tools", lambda _: [])
    return Path(shutil.copytree(SETTINGS, tmp_path / "deployed"))


def remarks(deployed: Path, **environ: str) -> list[str]:
    settings = environment.read({"SETTINGS_DIR": str(deployed), **environ}, Flags())
    with Inbox(0) as inbox:
        secret = settings.slack_secret or command.own_webhooks(inbox, deployed)
        return list(command.remarks(settings, deployed, secret))


def test_nothing_is_said_of_what_ships(deployed: Path) -> None:
    assert remarks(deployed) == []


def test_our_own_inbox_has_a_webhook_for_each_name_that_is_routed(deployed: Path) -> None:
    (deployed / "routes.toml").write_text(PAYMENTS)
    assert remarks(deployed) == []
    with Inbox(0) as inbox:
        assert json.loads(command.own_webhooks(inbox, deployed)) == {
            "default": f"{inbox.webhook}/default",
            "payments": f"{inbox.webhook}/payments",
        }


def test_a_name_that_is_not_in_the_secret_is_said(deployed: Path) -> None:
    (deployed / "routes.toml").write_text(PAYMENTS)
    assert remarks(deployed, SLACK_WEBHOOK_URL="http://127.0.0.1:9/a-secret") == [NO_WEBHOOK]
    secret = json.dumps({"default": "http://127.0.0.1:9/a-secret", "payments": "http://127.0.0.1:9/another"})
    assert remarks(deployed, SLACK_SECRET=secret) == []


def test_a_wrong_file_is_said_by_line_and_deployed_all_the_same(deployed: Path) -> None:
    (deployed / "routes.toml").write_text(f"{PAYMENTS}after = 0\n")
    (deployed / "people.toml").write_text("[people]\nAda = 5\n")
    (deployed / "templates" / "slack_more.j2").write_text("{{ nothing }}")
    found = remarks(deployed, SLACK_WEBHOOK_URL="http://127.0.0.1:9/a-secret")
    assert [words.partition(" ")[0] for words in found] == [
        "SETTINGS_DIR/routes.toml:3:",
        "SETTINGS_DIR/people.toml:2:",
        "SETTINGS_DIR/templates/slack_more.j2:1:",
        "slack:payments",
    ]
    assert "a-secret" not in " ".join(found)


def test_with_bots_the_inbox_has_one_for_each_name(deployed: Path) -> None:
    with Inbox(0) as inbox:
        secret = command.own_webhooks(inbox, deployed, bots=True)
        addresses, problems = read_addresses(secret)
        TRANSPORT.post(new_pool(), addresses["default"], '{"text": "hello"}', datetime.now(UTC))

    assert problems == []
    assert [(message.webhook, message.payload["text"]) for message in inbox.messages] == [("default", "hello")]
