"""JSON events for programs: every digest is one, whatever the routes say."""

from __future__ import annotations

from typing import Final

from testmo_notifier.channels.channel import Channel

EVENT: Final = Channel(package=__name__, title="JSON event", is_for_people=False, others={"event:news": "news"})
