"""Slack through incoming webhooks."""

from __future__ import annotations

from typing import Final

from testmo_notifier.channels.channel import Channel

SLACK: Final = Channel(package=__name__, title="Slack", parameter="SlackSecretArn", is_queued=True)
