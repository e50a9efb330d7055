"""A renderer that is made with the first message. Most polls have none, and start without Jinja and all templates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import cached_property
from typing import TYPE_CHECKING

from testmo_notifier.errors import Problem
from testmo_notifier.model import Notification, Outgoing
from testmo_notifier.settings.team import Team

if TYPE_CHECKING:
    from testmo_notifier.channels.render import Renderer


def lasting_renderer(team: Team, time_zone: tzinfo, clock: Callable[[], float]) -> Renderer:
    """The one that keeps what is compiled."""
    from testmo_notifier.channels.render import Renderer  # noqa: PLC0415 - this is what is late

    return Renderer.of(team, time_zone, clock)


class LateRenderer:
    """That of one poll. `lasting` gives the one behind it, the same each time."""

    def __init__(self, lasting: Callable[[], Renderer]) -> None:
        self._lasting = lasting

    @cached_property
    def _renderer(self) -> Renderer:
        return self._lasting().for_one_poll()

    @property
    def problems(self) -> Sequence[Problem]:
        """What was wrong with templates so far."""
        return self._renderer.problems if "_renderer" in vars(self) else ()

    def notification(self, outgoing: Outgoing) -> Notification:
        """One digest for one destination."""
        return self._renderer.notification(outgoing)
