"""Every channel there is, a line each, in the order in which they are named."""

from __future__ import annotations

from typing import Final

from testmo_notifier.channels.channel import Channel
from testmo_notifier.channels.email import EMAIL
from testmo_notifier.channels.event import EVENT
from testmo_notifier.channels.slack import SLACK

CHANNELS: Final[dict[str, Channel]] = {channel.name: channel for channel in (SLACK, EMAIL, EVENT)}


def channel_of(destination: str) -> Channel | None:
    """The channel of a destination; None for what is no destination of any."""
    channel = CHANNELS.get(destination.partition(":")[0])
    return channel if channel and channel.takes(destination) else None


def for_people() -> list[Channel]:
    """The channels that people read: routes name their destinations."""
    return [channel for channel in CHANNELS.values() if channel.is_for_people]


def queued() -> list[Channel]:
    """The channels that the queue delivers."""
    return [channel for channel in CHANNELS.values() if channel.is_queued]
