"""News as a poll gives it to what holds it: a digest with all its rows and their kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from testmo_notifier.model import FAILING, FINISHED, NEW, RECOVERED, Held, Hold, Kind, Mention, Outgoing
from testmo_notifier.notices.merge import with_news
from tests.support.factories import START, at, make_digest, make_named

ADA = Mention("ada")
DESTINATION = "slack:payments"


def failing_news(
    tests: Mapping[int, int],
    status: tuple[int, str] = (3, "Failed"),
    saved_at: datetime = START,
    *,
    reason: str = NEW,
    routes: tuple[str, ...] = ("team",),
    mentions: tuple[Mention, ...] = (ADA,),
    note: str = "",
    **given: Any,  # noqa: ANN401 - of the digest
) -> Outgoing:
    """Failing results, by key the test of each."""
    named = [
        make_named(
            key, test_id=test, status_id=status[0], status=status[1], created_at=saved_at, reason=reason, note=note
        )
        for key, test in tests.items()
    ]
    digest = make_digest(named, keys=frozenset(tests), routes=routes, mentions=mentions, reasons=(reason,), **given)
    kind = Kind(FAILING, *status, reason, routes, mentions)
    return replace(
        Outgoing("as it was", DESTINATION, digest), rows={key: (test, 0) for key, test in tests.items()}, kinds=(kind,)
    )


def recovered_news(
    tests: Mapping[int, int],
    saved_at: datetime = START,
    *,
    routes: tuple[str, ...] = ("team",),
    **given: Any,  # noqa: ANN401
) -> Outgoing:
    """Tests that passed again; of which nobody asks where there are no routes."""
    named = [
        make_named(key, test_id=test, status_id=2, status="Passed", created_at=saved_at, reason=RECOVERED)
        for key, test in tests.items()
    ]
    digest = make_digest(named, about=RECOVERED, keys=frozenset(tests), routes=routes, **given)
    kind = Kind(RECOVERED, 2, "Passed", RECOVERED, routes)
    return replace(
        Outgoing("as it was", DESTINATION, digest), rows={key: (test, 0) for key, test in tests.items()}, kinds=(kind,)
    )


def finished_news(**given: Any) -> Outgoing:  # noqa: ANN401
    """The end of a run."""
    return Outgoing("as it was", DESTINATION, make_digest(**{"about": FINISHED, "routes": ("team",), **given}))


def hold(
    *news: Outgoing, before: Held | None = None, cause: str = "quiet", due: datetime | None = None, order: int = 1
) -> Held:
    """What is held when all of it was found, one after the other."""
    held = before
    for number, one in enumerate(news):
        held = with_news(
            held, one, Hold(cause, due or at(36_000)), now=at(number), order=max(order, held.order + 1 if held else 0)
        )
    assert held
    return held
