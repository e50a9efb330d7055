"""Whose the addresses in people.toml are: Testmo tells it to site administrators, and is asked once an hour at most.

Nothing is asked where no entry is an address, or no route mentions anybody. What is not known costs a call in Slack and
no message: whoever has no entry is told of by name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from testmo_notifier.errors import Invisible, RequestRejected, Unreadable
from testmo_notifier.notices.routes import Routes
from testmo_notifier.settings.people import People

if TYPE_CHECKING:
    from testmo_notifier.ports import Testmo

EVERY: Final = timedelta(hours=1)  # how often it is asked who has the addresses of people.toml
FORBIDDEN: Final = (
    "people.toml names people by email, and this token may not read the addresses of Testmo's users (only a site "
    "administrator's may): use their names or ids, `testmo-notifier people` has them"
)


class Emails:
    """Lasts as long as the process. `problem` is what every poll says until the next look."""

    def __init__(self, people: People, routes: Routes) -> None:
        self.problem = ""
        self._people = people
        self._makes_a_difference = people.has_emails and any(route.mention for route in routes.routes)
        self._looked_at: datetime | None = None

    def look(self, testmo: Testmo, now: datetime, has_room: Callable[[], bool]) -> None:
        """Ask, if that is due and the budget has room. Where Testmo does not tell, what was known before holds."""
        is_due = self._looked_at is None or now - self._looked_at >= EVERY
        if not (self._makes_a_difference and is_due and has_room()):
            return
        self._looked_at = now
        try:
            self._people.learn(testmo.users())
        except (Invisible, RequestRejected):
            self.problem = FORBIDDEN
        except Unreadable as exc:
            self.problem = f"people.toml names people by email, and Testmo's users could not be read: {exc}"
        else:
            self.problem = ""
