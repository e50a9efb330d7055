"""What happened to a test or a run before, in a few words. Pure."""

from __future__ import annotations

from testmo_notifier.model import AGAIN, FINISHED, RECOVERED, Digest, NamedResult
from testmo_notifier.notices.context import Linked


def news(digest: Digest, pass_rate: int | None) -> str:
    """What a message is about that is about nothing failing anew."""
    if digest.about == RECOVERED:
        return f"{digest.total} {'test' if digest.total == 1 else 'tests'} passed again"
    if digest.about == FINISHED:
        passed = f"{pass_rate} % passed" if pass_rate is not None else ""
        failing = f"{digest.total} still failing" if digest.total else ""
        return ": ".join(filter(None, ("Run finished", ", ".join(filter(None, (passed, failing))))))
    return ""


def story(result: NamedResult) -> Linked:
    """How a test came to fail, or for how long it had: as much of it as is known."""
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
    return Linked((f"{words} since ", ""), (f"{result.since:%Y-%m-%d %H:%M} UTC", result.since))


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`."""
    is_teen = number // 10 % 10 == 1
    return f"{number}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
