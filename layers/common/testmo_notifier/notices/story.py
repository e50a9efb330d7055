"""What happened to a test or a run before, in a few words. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from testmo_notifier.model import AGAIN, FINISHED, PASSED_BETWEEN, PASSED_SINCE, RECOVERED, Digest, NamedResult
from testmo_notifier.notices.context import Linked
from testmo_notifier.text.shortening import one_line

AUTHOR_CHARS: Final = 40  # of the name of who silenced something


def news(digest: Digest, pass_rate: int | None) -> str:
    """What a message is about that is about nothing failing anew."""
    if digest.about == RECOVERED:
        return f"{numbered(digest.total, 'test')} passed again"
    if digest.about == FINISHED:
        passed = f"{pass_rate}% passed" if pass_rate is not None else ""
        failing = f"{digest.total} still failing" if digest.total else ""
        return ": ".join(filter(None, ("Run finished", ", ".join(filter(None, (passed, failing))))))
    return "" if digest.total else passed_since(digest.passed_since)


def passed_since(n: int, noun: str = "test") -> str:
    """How many tests were held as failing, and are so no more; empty for none."""
    return f"{numbered(n, noun)} failed and {'has' if n == 1 else 'have'} passed since" if n else ""


def numbered(n: int, noun: str) -> str:
    """`1 test`, `3 more tests`."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def held(digest: Digest) -> Linked:
    """Since when it was held, and how much of it has passed since; empty for what goes out at once."""
    more = passed_since(digest.passed_since, "more test") if digest.total else ""
    if digest.held_since is None:
        return Linked((more, "")) if more else Linked()
    return Linked(("held since ", ""), moment(digest.held_since), *([(f" · {more}", "")] if more else []))


def silenced(digest: Digest) -> Linked:
    """What somebody does not want to hear of yet."""
    parts: list[tuple[str, str | datetime]] = []
    for one in digest.silenced:
        words = f"{one.n} silenced by {one_line(one.author, AUTHOR_CHARS) or 'somebody'} until "
        parts += [(f"{', ' if parts else ''}{words}", ""), moment(one.until)]
    return Linked(*parts)


def moment(at: datetime) -> tuple[str, datetime]:
    """A moment as a part of a text."""
    return (f"{at:%Y-%m-%d %H:%M} UTC", at)


def story(result: NamedResult) -> Linked:
    """How a test came to fail, or for how long it had: as much of it as is known."""
    if result.reason in (PASSED_SINCE, PASSED_BETWEEN):  # of the first its status says it
        return Linked(("had passed in between", "")) if result.reason == PASSED_BETWEEN else Linked()
    in_a_row = f"{ordinal(result.streak)} in a row" if result.streak > 1 else ""
    is_older = result.since is not None and result.since != result.created_at
    if result.reason == RECOVERED:
        times = f" {result.streak} times in a row" if result.streak > 1 else ""
        words = f"had failed{times}" if times or result.since else ""
    elif result.reason == FINISHED and result.streak > 1:
        words = f"failed {result.streak} times in a row"
    elif result.reason == AGAIN:
        words = ", ".join(("failed again", *filter(None, [in_a_row or ("failing" if is_older else "")])))
    else:
        words = f"{ordinal(result.streak)} failure in a row" if in_a_row else "failing" if is_older else ""
    if not words or result.since is None or words == "failed again":
        return Linked((words, "")) if words else Linked()
    return Linked((f"{words} since ", ""), moment(result.since))


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`."""
    is_teen = number // 10 % 10 == 1
    return f"{number}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
