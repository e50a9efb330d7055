"""Rule 16: the options of a destination in `routes.toml`: what they may say, and what is said of every mistake."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from testmo_notifier.errors import ConfigurationError
from testmo_notifier.notices.calm import ALWAYS, Calm, Window
from testmo_notifier.settings.routes_file import parse_routes
from tests.support.problems import with_next_steps

ROUTE = '[[routes]]\nto = ["slack:a"]\n'
TABLE = '[destinations."slack:a"]\n'  # line 3; the options begin on line 4
KNOWN = "time_zone, lines, at_most_every, digest_at, quiet, quiet_except and fold"
SHAPE = 'give { from = "18:00", to = "08:00" } or { days = "sat,sun" }, or a list of such'


def calm(*options: str) -> Calm:
    return parse_routes(ROUTE + TABLE + "\n".join(options)).options["slack:a"].calm


def wrong(*options: str) -> list[tuple[int, str]]:
    """Each problem with its line among the options, the first of which is 1."""
    with pytest.raises(ConfigurationError) as caught:
        calm(*options)
    return [
        (problem.line - 3, problem.removeprefix(f"{problem.file}:{problem.line}: "))
        for problem in with_next_steps(caught.value.problems)
    ]


def test_all_options_about_when() -> None:
    assert calm(
        'at_most_every = "15m"',
        'digest_at = ["16:00", "09:00", "16:00"]',
        'quiet = [{ from = "18:00", to = "08:00" }, { days = "sat,sun" }]',
        'quiet_except = ["Blocked", 7]',
        "fold = 5",
    ) == Calm(
        at_most_every=timedelta(minutes=15),
        digest_at=(time(9), time(16)),
        quiet=(Window(time(18), time(8)), Window(days=frozenset((5, 6)))),
        quiet_except=("Blocked", 7),
        fold=5,
    )


def test_none_of_them_is_needed() -> None:
    assert calm("lines = 10") == ALWAYS
    assert calm("digest_at = []", "quiet = []", "quiet_except = []") == ALWAYS


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1m", timedelta(minutes=1)),
        ("90m", timedelta(minutes=90)),
        ("1h", timedelta(hours=1)),
        ("2h30m", timedelta(minutes=150)),
        ("24h", timedelta(hours=24)),
        ("1440m", timedelta(hours=24)),
    ],
)
def test_a_period_is_hours_and_minutes(written: str, meant: timedelta) -> None:
    assert calm(f'at_most_every = "{written}"').at_most_every == meant


@pytest.mark.parametrize("written", ['"90s"', '"15"', "15", '""', '"0m"', '"24h1m"', '"1 day"', '"-5m"', '"1m1h"'])
def test_any_other_period_is_refused(written: str) -> None:
    ((line, words),) = wrong("lines = 10", f"at_most_every = {written}")
    assert line == 2
    assert words.startswith("slack:a has at_most_every = ")
    assert words.endswith(': give minutes and hours from "1m" to "24h", like "15m" or "2h30m"')


@pytest.mark.parametrize("written", ['"09:00"', '["9:00"]', "09:00:00", "[09:00:00]"])
def test_a_time_may_be_alone_and_toml_s_own(written: str) -> None:
    assert calm(f"digest_at = {written}").digest_at == (time(9),)


@pytest.mark.parametrize(
    ("written", "shown"),
    [('"24:00"', "'24:00'"), ('"9 am"', "'9 am'"), ("9", "9"), ("09:00:30", "'09:00:30'"), ('"09:60"', "'09:60'")],
)
def test_any_other_time_is_refused(written: str, shown: str) -> None:
    words = f'slack:a digest_at names {shown}: give a time from "00:00" to "23:59", to the minute'
    assert wrong("lines = 10", f"digest_at = [{written}]") == [(2, words)]


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ('"sat,sun"', {5, 6}),
        ('"Sat, Sunday"', {5, 6}),
        ('"mon-fri"', {0, 1, 2, 3, 4}),
        ('"fri-mon"', {4, 5, 6, 0}),
        ('["mon", "wed-thu"]', {0, 2, 3}),
        ('"mon-tue, sat"', {0, 1, 5}),
        ('"wed-wed"', {2}),
    ],
)
def test_days_are_names_and_stretches_of_them(written: str, days: set[int]) -> None:
    assert calm(f"quiet = {{ days = {written} }}").quiet == (Window(days=frozenset(days)),)


@pytest.mark.parametrize("written", ['"weekend"', '"sa"', '"mon-"', '"mon-wed-fri"', '""', '"sat,,sun"', "6", "[6]"])
def test_any_other_day_is_refused(written: str) -> None:
    ((line, words),) = wrong("lines = 10", f"quiet = [{{ days = {written} }}]")
    assert line == 2
    assert words.startswith("slack:a quiet has days = ")
    assert words.endswith(': give days like "sat,sun" or "mon-fri"')


@pytest.mark.parametrize("toml", ['[destinations."slack:a".quiet]\nfrom = 18:00:00\nto = "08:00"\ndays = "mon-fri"\n'])
def test_a_quiet_may_be_one_table_in_any_form_of_toml(toml: str) -> None:
    as_table = parse_routes(ROUTE + toml).options["slack:a"].calm
    as_list = parse_routes(ROUTE + toml.replace("[dest", "[[dest").replace("quiet]", "quiet]]")).options["slack:a"].calm
    assert as_table == as_list == calm('quiet = { from = "18:00", to = "08:00", days = "mon-fri" }')


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('"18:00-08:00"', f"has quiet = '18:00-08:00': {SHAPE}"),
        ("true", f"has quiet = true: {SHAPE}"),
        ('{ from = "18:00" }', "quiet has from without to: give both, or neither for whole days"),
        ('{ to = "18:00" }', "quiet has to without from: give both, or neither for whole days"),
        ('{ from = "08:00", to = "08:00" }', "quiet goes from 08:00 to 08:00: leave out both for whole days"),
        ('{ day = "sat", days = "sun" }', "quiet has an unknown key 'day': use one of from, to and days"),
        ("{ days = [] }", 'quiet has days = []: give days like "sat,sun" or "mon-fri", or leave it out for every day'),
        ("{}", "has a quiet that never ends, so that it would be told nothing: leave some time of the week"),
        (
            '[{ from = "08:00", to = "20:00" }, { from = "20:00", to = "08:00" }]',
            "has a quiet that never ends, so that it would be told nothing: leave some time of the week",
        ),
    ],
)
def test_a_quiet_that_is_none_is_refused(written: str, words: str) -> None:
    assert wrong("lines = 10", f"quiet = {written}") == [(2, f"slack:a {words}")]


def test_a_quiet_may_end_at_24_00_which_is_midnight() -> None:
    until_midnight = 'quiet = {{ from = "22:00", to = "{}", days = "fri" }}'
    assert calm(until_midnight.format("24:00")) == calm(until_midnight.format("00:00"))
    words = "slack:a quiet goes from 00:00 to 00:00: leave out both for whole days"
    assert wrong('quiet = { from = "00:00", to = "24:00" }') == [(1, words)]
    words = 'slack:a quiet names \'24:00\': give a time from "00:00" to "23:59", to the minute'
    assert wrong('quiet = { from = "24:00", to = "08:00" }') == [(1, words)]


@pytest.mark.parametrize("written", ["2", "true", "[]", "{}", "1979-05-27", "[1]", '"+02:00"', '"CEST"'])
def test_what_is_no_time_zone_is_refused_with_one_that_is(written: str) -> None:
    ((line, words),) = wrong("lines = 10", f"time_zone = {written}")
    assert line == 2
    assert words.startswith("slack:a has a time_zone that is '")
    assert words.endswith("': give an IANA time zone like Europe/Berlin")


def test_an_exception_needs_a_quiet() -> None:
    words = f"slack:a has quiet_except without quiet: {SHAPE}, as quiet, or leave it out"
    assert wrong("lines = 10", 'quiet_except = ["Blocked"]') == [(2, words)]
    assert calm('quiet_except = "Blocked"', 'quiet = { days = "sat" }').quiet_except == ("Blocked",)


@pytest.mark.parametrize("written", ["0", "1001", "true", '"5"', "1.0"])
def test_a_fold_is_a_number_of_runs(written: str) -> None:
    ((line, words),) = wrong("lines = 10", f"fold = {written}")
    assert line == 2
    assert words.endswith(": give a whole number from 1 to 1000")
    assert [calm(f"fold = {number}").fold for number in (1, 1000)] == [1, 1000]


def test_everything_that_is_wrong_is_said_at_once_each_on_its_own_line() -> None:
    assert wrong(
        'at_most_every = "soon"',
        'digest_at = ["09:00", "25:00"]',
        "quiet = [",
        '  { from = "18:00", to = "8 am" },',
        '  { days = "someday" },',
        "]",
        "quiet_except = [true]",
        "fold = 0",
        "loud = true",
    ) == [
        (
            9,
            f"slack:a has an unknown option 'loud': use one of {KNOWN}",
        ),
        (1, 'slack:a has at_most_every = \'soon\': give minutes and hours from "1m" to "24h", like "15m" or "2h30m"'),
        (8, "slack:a has fold = 0: give a whole number from 1 to 1000"),
        (2, 'slack:a digest_at names \'25:00\': give a time from "00:00" to "23:59", to the minute'),
        (7, "slack:a quiet_except names true: give an id (a whole number) or a name in quotes"),
        (4, 'slack:a quiet names \'8 am\': give a time from "00:00" to "23:59", to the minute'),
        (5, 'slack:a quiet has days = \'someday\': give days like "sat,sun" or "mon-fri"'),
    ]


def test_a_mistake_is_told_on_the_line_of_the_window_that_has_it() -> None:
    first = '  { from = "18:00", to = "08:00" },'
    words = "slack:a quiet has from without to: give both, or neither for whole days"
    assert wrong("quiet = [", first, '  { from = "12:00", days = "sat" },', "]") == [(3, words)]


def test_a_quiet_that_never_ends_is_told_whatever_else_is_wrong_with_it() -> None:
    assert wrong("quiet = [", "  {},", '  { from = "12:00" },', "]") == [
        (3, "slack:a quiet has from without to: give both, or neither for whole days"),
        (1, "slack:a has a quiet that never ends, so that it would be told nothing: leave some time of the week"),
    ]


def test_a_mistake_is_told_of_the_destination_that_has_it() -> None:
    text = f'{ROUTE}[destinations."slack:payments"]\nfold = 1\n[destinations."slack:pay"]\nfold = 0\n'
    with pytest.raises(ConfigurationError) as caught:
        parse_routes(text, "r.toml")
    assert list(caught.value.problems) == ["r.toml:6: slack:pay has fold = 0: give a whole number from 1 to 1000"]


@pytest.mark.parametrize("destination", ["event", "event:news", "sms:me"])
def test_what_is_published_for_programs_never_waits(destination: str) -> None:
    with pytest.raises(ConfigurationError, match="is no destination, so it has no options"):
        parse_routes(f'{ROUTE}[destinations."{destination}"]\nfold = 5\n')
