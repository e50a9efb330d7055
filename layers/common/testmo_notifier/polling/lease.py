"""One poller at a time (rule 12). The lease and what the poller keeps about itself are one item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from testmo_notifier.model import MailCheck
    from testmo_notifier.ports import Store


LEASE: Final = timedelta(seconds=30)  # a poller that was killed holds up the next one no longer than this
RENEW_AFTER: Final = timedelta(seconds=10)  # a third of it, so that a write may fail and be tried again


class Lease:
    """Makes this process the one poller, or raises `LeaseTaken`. `control` is written back when it is released."""

    def __init__(self, store: Store, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self.control = store.take_lease(now(), LEASE)
        self.started = self.renewed = now()

    def renew(self) -> None:
        """Stay the one poller; raises `LeaseTaken` when another took over after we stalled."""
        now = self._now()
        if now - self.renewed >= RENEW_AFTER:
            self._store.take_lease(now, LEASE)
            self.renewed = now

    def installed(self, at: datetime) -> None:
        """Keep the time of the first discovery before anything depends on it."""
        self.control = replace(self.control, looked=replace(self.control.looked, installed_at=at))
        self._store.save_control(self.control, release=False)

    def keep_mail(self, check: MailCheck | None) -> None:
        """Keep what the last look at the mailboxes found."""
        self.control = replace(self.control, health=replace(self.control.health, mail=check))

    def end(self) -> None:
        """Write down what the poller knows about itself, and let the next poller in; `LostRace` if it is in already."""
        self._store.save_control(self.control, release=True)
