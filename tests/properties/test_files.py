"""What a team writes into its files is read, or refused in words, and nobody is silenced (docs/runbook.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.errors import ConfigurationError, Problem
from testmo_notifier.notices.routes import destinations
from testmo_notifier.settings.issues_file import parse_issue_links
from testmo_notifier.settings.options_file import OPTIONS
from testmo_notifier.settings.people import parse_people
from testmo_notifier.settings.routes_file import ROUTE_KEYS, fallback, parse_routes
from tests.support.problems import with_next_steps

CHANNELS = ("slack", "email", "event")
VALUES = st.sampled_from(
    [
        *('"slack:a"', '["slack:a"]', '"x"', '""', "5", "-1", "0", "true", "1.5", "[]", "[[]]", "{}", "{ run = 5 }"),
        *('["new"]', '["finished"]', '["assignee", 3]', "{ status = [3] }", "2026-11-23", "nan", "9" * 5000, "[{}]"),
        '"U012AB3CD"',
    ]
)
KEYS = st.sampled_from(
    [*ROUTE_KEYS, "match.run", "exclude.tag", "colour", '"Grace Hopper"', "12", "jira", *OPTIONS, "quiet.days"]
)
LINES = st.builds("{} = {}".format, KEYS, VALUES)
TABLES = st.sampled_from(
    ["[[routes]]", "[routes]", '[destinations."slack:a"]', "[destinations]", "[people]", "[groups]", "[links]", "[["]
)
PARSERS: list[Callable[[str], object]] = [parse_routes, parse_people, parse_issue_links]
TEXTS = st.one_of(st.text(), st.lists(st.one_of(TABLES, LINES), max_size=12).map("\n".join), st.just("x=" + "[" * 5000))


@pytest.mark.parametrize("parse", PARSERS)
@given(text=TEXTS)
def test_a_file_is_read_or_refused_with_a_line_that_it_has(parse: Callable[[str], object], text: str) -> None:
    """It says what to do about each, too."""
    found: Sequence[Problem] = ()
    try:
        parse(text)
    except ConfigurationError as exc:
        found = with_next_steps(exc.problems)
    assert all(1 <= problem.line <= max(1, text.count("\n") + 1) for problem in found)


@given(text=TEXTS, channels=st.sampled_from([CHANNELS, ("slack", "event"), ("email", "event")]))
def test_whatever_a_file_says_somebody_on_the_stack_is_told_of_everything(text: str, channels: tuple[str, ...]) -> None:
    rescue = fallback(text, channels)
    told = set(destinations(rescue, channels)) - {"event"}
    assert told
    assert told == set(rescue.routes[0].destinations)
    assert rescue.routes[0].is_for_all
