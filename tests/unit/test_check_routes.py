"""What `check` advises: routes that can never match, change nothing, tell nobody or ask in vain."""

from __future__ import annotations

import pytest

from testmo_notifier.notices.matching import Matcher
from testmo_notifier.settings.people import People, parse_people
from testmo_notifier.settings.routes_file import parse_routes
from tools.settings import check_routes
from tools.settings.check_routes import Watched, advice, covers, misspelt

REST = '[[routes]]\nname = "rest"\ncatch_all = true\nto = ["slack:rest"]\n'
DEFAULT = Watched((3, 5))
NOT_NEW = 'it does not ask for "new"; neither does another route that selects the same'
EMPTY = "[people] of people.toml is empty: nobody is called; `testmo-notifier people` has lines for it"


def said(routes: str, people: People | None = None, watched: Watched = DEFAULT) -> list[tuple[int, str]]:
    return advice(routes, parse_routes(routes), people, watched)


def route(*lines: str, name: str = "a", to: str = "slack:a") -> str:
    return "\n".join(("[[routes]]", f'name = "{name}"', f'to = ["{to}"]', *lines)) + "\n"


@pytest.mark.parametrize(
    "routes",
    [
        '[[routes]]\ndestinations = ["slack:default", "email:default"]\n',  # the file of 1.0
        REST + route('match = { project = "Shop" }', 'notify = ["new", "recovered"]', "mention = []"),
        REST + route('match = { run = "a*" }', 'exclude = { run = "ab*" }'),
        REST + route('match = { tag = ["a", "b"] }', 'exclude = { tag = "a" }'),
        REST + route('match = { run = "a*c" }', 'exclude = { run = "a?c" }'),
        REST + route("match = { run = 7 }", 'exclude = { run = "7" }'),
        REST + route('match = { milestone = "2024", run = "[Payments] a-b | c: 5 $ (EU)" }'),  # odd, and may be names
        REST + route('match = { test = "Login, then logout", folder = "A|B", issue = "123", tag = "7" }'),
        REST + route('match = { tester = "Hopper, Grace", configuration = "Safari, macOS", run = "Release 4, EU" }'),
        REST + route('match = { status = "Needs info" }') + route("match = { status = 3 }", name="b", to="slack:b"),
        REST + route('match = { status = ["Passed", "Fail*"] }'),
        REST + route('match = { status = ["Needs info", 3] }', "exclude = { status = 3 }"),
        REST + route('match = { run = "*" }', 'exclude = { status = ["Failed", "Needs info"], tag = "*" }'),
        REST + route('match = { status = "Fail*" }', "exclude = { status = 3 }"),
        route() + route('match = { run = "x" }', to="slack:b", name="b"),
        route() + route('match = { run = "x" }', 'mention = ["Ada"]', name="b"),  # it calls somebody
        route('notify = ["new"]') + route('match = { run = "x" }', name="b"),  # it tells more
        route('notify = ["recovered"]', to="event:news") + route(name="b"),
        route("after = 2", to="slack:b", name="b") + route(),  # the other one tells the first
        REST + route('match = { run = "x" }', "after = 2") + route('match = { run = "*" }', to="slack:b", name="b"),
        REST + route("match = { run = 7 }", 'notify = ["again"]')
        + route("match = { run = 7 }", 'notify = ["new"]', name="b"),
    ],
)  # fmt: skip
def test_nothing_is_said_of_what_makes_sense(routes: str) -> None:
    assert said(routes) == []


@pytest.mark.parametrize(
    ("match", "words"),
    [
        ('run = "^Release"', "'^Release': this looks like a regular expression, and only * and ? are special"),
        ('run = "Release.*"', "this looks like a regular expression"),
        ('run = "/release/i"', "this looks like a regular expression"),
        ("run = 'Release \\d+'", "this looks like a regular expression"),
        ('run = "[a-z]+"', "this looks like a regular expression"),
        ('run = ["x", "Release$"]', "match by run names 'Release$': this looks like a regular expression"),
        ('run = "Release|Nightly"', "this is one name; if several are meant, give each by itself"),
        ('status = "Failed,Blocked"', "this is one name; if several are meant, give each by itself"),
        ('project = "Shop, Billing"', "this is one name; if several are meant, give each by itself"),
        ('run = "!Release*"', "nothing negates a name; what is not meant stands in exclude"),
        ('project = "7"', "a number in quotes is a name; an id stands without them"),
        ('status = "3"', "a number in quotes is a name; an id stands without them"),
    ],
)
def test_a_name_that_is_most_likely_none_is_told(match: str, words: str) -> None:
    (told,) = said(REST + route(f"match = {{ {match} }}"))
    assert (told[0], words in told[1]) == (8, True), told


def test_a_misspelt_status_is_told_wherever_it_stands() -> None:
    """Else what was to go at once is held all night, and whoever was to be called is not."""
    options = '[destinations."slack:a"]\nquiet = { days = "sat" }\nquiet_except = ["Blcoked", "Needs info", "Failed"]\n'
    lines = ('match = { status = ["failled", "Flaky", 3] }', 'exclude = { status = "Retests" }')
    text = REST + route(*lines, 'mention = ["assignee"]', 'mention_on = ["Faild", "Skippy*", "Flaky"]') + options

    assert [words for _, words in misspelt(text, parse_routes(text), DEFAULT)] == [
        "route 'a' has 'failled' in match: is 'Failed' meant?",
        "route 'a' has 'Retests' in exclude: is 'Retest' meant?",
        "route 'a' has 'Faild' in mention_on: is 'Failed' meant?",
        "slack:a has quiet_except 'Blcoked': is 'Blocked' meant?",
    ]


def test_a_status_of_its_own_that_a_stack_watches_by_name_is_not_called_misspelt() -> None:
    text = REST + '[destinations."slack:rest"]\nquiet = { days = "sat" }\nquiet_except = ["Fail"]\n'

    assert misspelt(text, parse_routes(text), Watched(("Fail",))) == []


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Etc/GMT+2", "slack:a has time_zone 'Etc/GMT+2', which is 2 h behind UTC, and has no summer time"),
        ("Etc/GMT-12", "slack:a has time_zone 'Etc/GMT-12', which is 12 h ahead of UTC, and has no summer time"),
        ("EST", "slack:a has time_zone 'EST', which has no summer time: name a city's"),
    ],
)
def test_a_time_zone_that_is_not_what_its_name_says_is_told(zone: str, words: str) -> None:
    ((line, told),) = said(route() + f'[destinations."slack:a"]\ntime_zone = "{zone}"\n')
    assert (line, told.startswith(words)) == (5, True), told


@pytest.mark.parametrize(
    ("quiet", "hole"),
    [
        ('[{ from = "22:00", to = "23:59" }, { from = "00:00", to = "07:00" }]', "23:59"),
        ('[{ from = "18:00", to = "08:00", days = "fri" }, { from = "08:01", to = "00:00", days = "sat" }]', "08:00"),
        ('[{ from = "22:00", to = "24:00" }, { from = "00:00", to = "07:00" }]', ""),
        ('[{ from = "18:00", to = "08:00" }, { from = "12:00", to = "13:00" }]', ""),
        ('[{ from = "18:00", to = "08:00" }, { days = "sat,sun" }]', ""),
        ('{ from = "18:00", to = "17:50" }', ""),  # ten minutes a day may be meant
    ],
)
def test_a_hole_of_minutes_in_the_quiet_is_told(quiet: str, hole: str) -> None:
    """Alertmanager and Grafana take no stretch over midnight, so people write two, and 23:59."""
    told = said(route() + f'[destinations."slack:a"]\nlines = 3\nquiet = {quiet}\n')
    words = f"slack:a is told at {hole} what was held, because the quiet has a hole of minutes then: let its"
    assert [(line, one.startswith(words)) for line, one in told] == ([(6, True)] if hole else [])


def test_a_time_zone_of_a_place_is_fine() -> None:
    assert said(route() + '[destinations."slack:a"]\ntime_zone = "America/New_York"\n') == []


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        (('match = { run = "x" }', 'exclude = { run = "X" }'), 9, "it matches by run it excludes by run"),
        (('match = { run = ["xy", "x*"] }', 'exclude = { run = "x*" }'), 9, "it matches by run it excludes by run"),
        (("match = { project = 7 }", "exclude = { project = [3, 7] }"), 9, "by project it excludes by project"),
        (('match = { status = "Passed" }',), 9, "'Passed' is not watched (AlertStatusIds is 3, 5 here)"),
        (("match = { status = [2, 8] }",), 9, "can never match: 2 and 8 are not watched (AlertStatusIds is 3, 5 here)"),
        (("match = { project = [7, 8] }",), 9, "can never match: 7 and 8 are not watched (ProjectIds is 3 here)"),
        (("match = { run = [8, 9] }",), 9, "can never match: 8 and 9 are not watched (RunIds is 7, 12 here)"),
        (("match = { tester = 2 }",), 9, "can never match: 2 is not watched (CreatedByIds is 7 here)"),
        (("match = { assignee = 2 }",), 9, "can never match: 2 is not watched (AssigneeIds is 0 here)"),
        (('exclude = { project = "*" }',), 9, "can never match: it excludes every project"),
        (('exclude = { status = ["failed", 5] }',), 9, "can never match: it excludes every status that it could match"),
        (('match = { status = "Failed" }', "exclude = { status = 3 }"), 9, "can never match: it excludes every status"),
        (
            ('match = { status = "Failed" }', 'mention = ["Ada"]', 'mention_on = ["Blocked"]'),
            11,
            "mentions people in vain: it matches no Blocked (mention_on)",
        ),
        (("match = { tester = 7 }", 'notify = ["again"]'), 10, "takes the first failure of a test and tells nobody"),
        (("match = { tester = 7 }", "after = 3"), 10, "has after = 3: failures before the 3rd in a row are told to"),
        (('notify = ["recovered"]',), 9, 'asks for "recovered" in vain: no route tells slack:a of "new" failures'),
        (("match = { run = 7 }", "mention_on = [3]"), 10, "has mention_on and mentions nobody"),
        (('notify = ["recovered"]', 'mention = ["Ada"]'), 10, "mentions people in vain: only failures do"),
    ],
)  # fmt: skip
def test_a_route_that_is_no_use_is_told_by_line(lines: tuple[str, ...], line: int, words: str) -> None:
    watched = Watched((3, 5), (3,), (7, 12), (7,), (0,))
    found = [(at, text) for at, text in said(REST + "\n" + route(*lines), watched=watched) if words in text]
    assert [at for at, _ in found] == [line]
    assert found[0][1].startswith("route 'a' ")


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        (route() + REST, [(6, "route 'rest' catches nothing: route 'a' takes everything")]),
        (
            route() + route('match = { run = "x" }', name="b"),
            [(6, "route 'b' changes nothing: what it tells slack:a is told by 'a'")],
        ),
        (
            route() + route(name="b"),  # of two that say the same, the second
            [(6, "route 'b' changes nothing: what it tells slack:a is told by 'a'")],
        ),
        (
            route() + route(name="b", to='slack:a", "slack:b'),
            [(3, "route 'a' changes nothing: what it tells slack:a is told by 'b'")],
        ),
        (
            route() + route(to="slack:b", name="b") + route("match = { run = 1 }", name="c", to='slack:a", "slack:b'),
            [(9, "route 'c' changes nothing: what it tells slack:a, slack:b is told by 'a' and 'b'")],
        ),
        (
            REST + route('match = { project = "Shop" }')
            + route('match = { project = "shop", status = 3 }', 'exclude = { run = "x" }', name="b"),
            [(11, "route 'b' changes nothing: what it tells slack:a is told by 'a'")],
        ),
        (
            REST.replace("catch_all = true", 'catch_all = true\nnotify = ["again"]'),
            [
                (4, "route 'rest' asks for \"again\" in vain: no route tells slack:rest of \"new\" failures"),
                (4, f"route 'rest' takes the first failure of a test and tells nobody, because {NOT_NEW}"),
            ],
        ),
        (
            route() + '[destinations."slack:b"]\nlines = 5\n',
            [(4, "slack:b has options and no route names it")],
        ),
        (
            route()
            + '[destinations."slack:a"]\nquiet = { from = "18:00", to = "08:00" }\nquiet_except = [3, "Passed", 8]\n',
            [
                (6, "slack:a has quiet_except 'Passed', which is not watched (AlertStatusIds is 3, 5 here)"),
                (6, "slack:a has quiet_except 8, which is not watched (AlertStatusIds is 3, 5 here)"),
            ],
        ),
        (
            route() + '[destinations."slack:a"]\ndigest_at = ["09:00", "20:00"]\n'
            'quiet = [{ from = "18:00", to = "08:00" }, { days = "sat,sun" }]\n',
            [(5, "slack:a has digest_at 20:00 in vain: it is always quiet then, and told when that ends")],
        ),
        (
            route('mention = ["Ada"]', to="email:a"),
            [(4, "route 'a' mentions people in vain: only Slack can call them, and it leads nowhere there")],
        ),
    ],
)  # fmt: skip
def test_routes_that_are_in_each_others_way(routes: str, expected: list[tuple[int, str]]) -> None:
    assert said(routes) == expected


def test_where_nothing_is_known_of_the_stack_no_status_is_called_unwatched() -> None:
    options = '[destinations."slack:rest"]\nquiet = { days = "sat" }\nquiet_except = [3, "Failed"]\n'
    routes = REST + route('match = { status = "Failed" }') + options
    assert said(routes, watched=Watched()) == []


def test_whoever_is_mentioned_without_an_entry_is_named() -> None:
    people = parse_people('[people]\n12 = "U012AB3CD"\n"ada lovelace" = "U012AB3CE"\n[groups]\noncall = "S012AB3CD"\n')
    routes = route('mention = ["assignee", "group:OnCall", "group:leads", "Ada Lovelace", "Grace Hopper", 12, 13]')
    assert said(routes, people) == [
        (4, "route 'a' mentions 'Grace Hopper', who has no entry in [people] of people.toml: they appear by name"),
        (4, "route 'a' mentions 13, who has no entry in [people] of people.toml: they appear by name"),
        (4, "route 'a' mentions group:leads, which has no entry in [groups] of people.toml: it appears by name"),
    ]
    assert said(route('mention = ["assignee"]'), People()) == [(4, f"route 'a' mentions the assignee, and {EMPTY}")]


@pytest.mark.parametrize(
    ("broad", "narrow", "is_so"),
    [
        ("*", "a*", True),
        ("a*", "ab", True),
        ("a*", "ab*", True),
        ("a?c", "abc", True),
        ("a?c", "a*c", False),
        ("*b*", "a?b", True),
        ("ab", "a*", False),
        (7, 7, True),
        (7, "7", False),
        ("*", 7, False),
    ],
)
def test_what_is_wider_is_known_by_its_form(broad: int | str, narrow: int | str, *, is_so: bool) -> None:
    assert covers(broad, narrow) is is_so


@pytest.mark.parametrize("form", ["team {}", "*team {}-*", "team {} ?"])
def test_of_thousands_of_routes_few_are_compared_with_each_other(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: 2,000 routes took 13 seconds."""
    compared = 0
    is_broader = check_routes.is_broader

    def counted(one: Matcher, other: Matcher) -> bool:
        nonlocal compared
        compared += 1
        return is_broader(one, other)

    monkeypatch.setattr(check_routes, "is_broader", counted)
    routes = [route(f'match = {{ run = "{form.format(n)}" }}', name=f"{n}") for n in range(300)]

    assert said("".join((REST, *routes))) == []
    assert compared < 1_000
