"""Rule 16: `routes.toml`: what it may say, what it may not, and what a wrong one still says (docs/runbook.md).

What is secret is not repeated (SECURITY.md).
"""

from __future__ import annotations

from pathlib import Path

import pytest

import testmo_notifier_settings
from testmo_notifier.errors import ConfigurationError
from testmo_notifier.notices.matching import KEYS, Fact, Matcher
from testmo_notifier.notices.routes import BY_DEFAULT, Options, Route, Routes, check_reach, destinations
from testmo_notifier.settings.routes_file import KNOWN_MENTIONS, ROUTE_KEYS, fallback, parse_routes
from tests.support.problems import with_next_steps

KNOWN_OPTIONS = "time_zone, lines, at_most_every, digest_at, quiet, quiet_except and fold"
WHOLE = """\
[[routes]]
name = "payments"
match = { project = ["Shop", 7], run = "*payment*", status = ["Failed"] }
exclude = { tag = "experimental" }
to = ["slack:payments", "email:payments"]
notify = ["new", "changed", "recovered"]
after = 2
mention = ["assignee", "group:payments-oncall"]
mention_on = ["Failed"]

[[routes]]
name = "the rest"
catch_all = true
to = ["slack:default"]

[destinations."slack:payments"]
time_zone = "Europe/Berlin"
lines = 10
"""


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(ConfigurationError) as caught:
        parse_routes(text)
    return [
        (problem.line, problem.removeprefix(f"{problem.file}:{problem.line}: "))
        for problem in with_next_steps(caught.value.problems)
    ]


def test_a_file_of_1_0_is_a_route_for_everything() -> None:
    assert parse_routes('[[routes]]\ndestinations = ["slack:default"]\n') == Routes(
        (Route(name="route 1", destinations=("slack:default",), notify=BY_DEFAULT),)
    )


def test_everything_that_a_route_may_say() -> None:
    read = parse_routes(WHOLE)

    payments, rest = read.routes
    assert payments == Route(
        name="payments",
        destinations=("slack:payments", "email:payments"),
        matcher=Matcher(
            {"project": ("Shop", 7), "run": ("*payment*",), "status": ("Failed",)}, {"tag": ("experimental",)}
        ),
        notify=frozenset(("new", "changed", "recovered")),
        after=2,
        mention=("assignee", "group:payments-oncall"),
        mention_on=("Failed",),
    )
    assert (rest.catch_all, rest.takes, rest.is_for_all) == (True, True, True)
    zone = read.options["slack:payments"].time_zone
    assert zone is not None
    assert read.options == {"slack:payments": Options(zone, 10)}
    assert str(zone) == "Europe/Berlin"


def test_everything_that_is_wrong_is_said_at_once_with_its_line() -> None:
    text = """\
colour = "red"
[[routes]]
name = "a"
match = { team = "x", run = [], status = true }
to = ["sms:me", "event:news"]
after = 0
notify = ["sometimes"]
mention = "Ada"

[[routes]]
name = "a"
catch_all = "yes"

[destinations."slack:payments"]
lines = 0
time_zone = "Mars"
colour = "red"
"""
    assert problems(text) == [
        (1, "unknown key 'colour': use [[routes]] or [destinations]"),
        (7, "route 'a' notify names 'sometimes': use one of new, again, changed, recovered, finished"),
        (
            4,
            f"route 'a' match has an unknown key 'team': use one of {', '.join(KEYS)}",
        ),
        (4, "route 'a' match by run is empty, which matches nothing: give an id or a name, or leave it out"),
        (4, "route 'a' match by status names true: give an id (a whole number) or a name in quotes"),
        (6, "route 'a' has after = 0: give a whole number from 1 to 50"),
        (5, "route 'a' names 'sms:me': give slack:<name> or email:<name>"),
        (
            8,
            'route \'a\' mention is no list: give one like ["assignee", "group:payments-oncall", "Grace Hopper", 12]',
        ),
        (12, "route 'a' has catch_all = 'yes': give true or false"),
        (10, 'route \'a\' has no destinations: give a list like to = ["slack:default", "email:default"]'),
        (11, "route 2 is called 'a' like one before: give it another name"),
        (17, f"slack:payments has an unknown option 'colour': use one of {KNOWN_OPTIONS}"),
        (15, "slack:payments has lines = 0: give a whole number from 1 to 50"),
        (16, "slack:payments has a time_zone that is 'Mars': give an IANA time zone like Europe/Berlin"),
    ]


@pytest.mark.parametrize(
    "routes",
    [
        'match = { run = "x" }\nto = ["slack:a"]',
        'exclude = { run = "x" }\nto = ["slack:a"]',
        'after = 2\nto = ["slack:a"]',
        'notify = ["again"]\nto = ["slack:a"]',
        'catch_all = true\nmatch = { run = "x" }\nto = ["slack:a"]',
        'catch_all = true\nexclude = { run = "x" }\nto = ["slack:a"]',
        'catch_all = true\nnotify = ["recovered"]\nto = ["slack:a"]',
    ],
)
def test_a_file_that_leaves_something_out_is_refused(routes: str) -> None:
    (only,) = problems(f"# ours\n\n[[routes]]\n{routes}\n")
    assert only[0] == 3
    assert "some findings would go nowhere" in only[1]


def test_recoveries_for_programs_are_no_failures() -> None:
    assert "programs get those in any case" in problems('[[routes]]\nto = ["event:news"]\n')[0][1]
    rest = '[[routes]]\nto = ["slack:a"]\n'
    news = parse_routes(f'{rest}[[routes]]\nnotify = ["recovered"]\nto = ["event:news"]\n').routes[1]
    assert (news.takes, news.destinations) == (False, ("event:news",))


def test_the_end_of_a_run_is_not_asked_for_by_what_results_have() -> None:
    text = '[[routes]]\nto = ["slack:a"]\nmatch = { tester = "Ada" }\nnotify = ["finished"]\n'
    line, words = problems(text)[0]
    assert line == 4
    assert words.startswith('route 1 asks for "finished", which is about a whole run, but matches by tester: leave out')


@pytest.mark.parametrize(
    ("wanted", "fact", "is_so"),
    [
        ("shop", Fact(name="SHOP"), True),
        ("STRASSE", Fact(name="Straße"), True),
        ("Gro\u0308ße *", Fact(name="Größe  4.2"), True),  # a Mac's umlaut, and two spaces that messages show as one
        ("Release 4.2", Fact(name="Release\u200b\u00a04.2\ufeff"), True),  # pasted into Testmo from a page or a chat
        ("Zahlungs\u00adabwicklung", Fact(name="Zahlungsabwicklung"), True),  # or into the file
        ("\U0001f468\u200d\U0001f469", Fact(name="\U0001f468\U0001f469"), False),  # what joins signs can be seen
        ("*pay*", Fact(name="Nightly payments"), True),
        ("p?y", Fact(name="pay"), True),
        ("p?y", Fact(name="paay"), False),
        ("a.c", Fact(name="abc"), False),
        ("[a]", Fact(name="[A]"), True),
        ("*", Fact(name="two\nlines"), True),
        ("*", Fact(id=7), False),
        (7, Fact(id=7), True),
        ("7", Fact(id=7, name="x"), False),
        (7, Fact(name="7"), False),
    ],
)
def test_ids_are_numbers_and_only_two_marks_are_special(wanted: int | str, fact: Fact, *, is_so: bool) -> None:
    assert (Matcher({"run": (wanted,)}).refusal({"run": (fact,)}) is None) is is_so


@pytest.mark.parametrize(
    ("wanted", "name", "is_so"),
    [
        ("*a*a*a*a*a*a*a*b", "a" * 2_000, False),
        ("**/checkout/**/pay*!", "a/checkout/pay" * 140, False),
        ("***x***", "a" * 2_000, False),
        ("*pay*check*out*", "pay check out " * 140, True),
        ("*a?a*b", "a" * 1_999 + "b", True),
        ("pay*pay", "pay", False),  # what stands on both sides of a star is not the same
        ("*ab*ab", "ab ab", True),
    ],
)
def test_no_name_takes_long_to_compare_however_many_stars_there_are(wanted: str, name: str, *, is_so: bool) -> None:
    """Tried in every way that stars can share a name, the first of these would outlast the stack."""
    assert (Matcher({"test": (wanted,)}).refusal({"test": (Fact(name=name),)}) is None) is is_so


def test_the_routes_that_come_with_it_are_right_and_reach_everybody() -> None:
    text = (Path(testmo_notifier_settings.__file__).parent / "routes.toml").read_text(encoding="utf-8")

    assert destinations(parse_routes(text), ("slack", "email")) == ("slack:default", "email:default", "event")


def test_every_route_is_followed_and_each_destination_named_once() -> None:
    text = """
    [[routes]]
    destinations = ["slack:default", "slack:payments", "slack:default"]
    [[routes]]
    destinations = ["email:default", "slack:payments"]
    """

    routes = parse_routes(text)

    assert routes.routes[0].destinations == ("slack:default", "slack:payments")
    assert destinations(routes, ("slack", "email")) == ("slack:default", "slack:payments", "email:default", "event")


def test_a_channel_the_stack_does_not_have_is_left_out_but_never_the_event() -> None:
    routes = Routes((Route(("slack:default", "email:default")),))

    assert destinations(routes, ("email",)) == ("email:default", "event")
    assert destinations(routes, ()) == ("event",)


def test_routes_that_reach_nobody_on_this_stack_are_wrong() -> None:
    routes = Routes((Route(("slack:default", "slack:payments")),))

    check_reach(routes, ("slack", "event"))
    check_reach(routes, ("event",))  # nobody is meant to be reached
    with pytest.raises(ConfigurationError, match=r"reaches nobody on this stack, which has email: add email:default"):
        check_reach(routes, ("email", "event"))
    with pytest.raises(ConfigurationError, match=r"which has slack, email: add slack:default or email:default"):
        check_reach(Routes(()), ("email", "slack"))


def test_so_are_those_of_which_only_the_ones_with_conditions_reach_anybody() -> None:
    payments = Route(("slack:payments",), "payments", Matcher({"run": ("*pay*",)}))
    rest = Route(("email:default",), "rest", catch_all=True)

    check_reach(Routes((payments, rest)), ("slack", "email"))
    words = (
        r"what no other route takes reaches nobody on this stack, which has slack; add slack:default to route 'rest'"
    )
    with pytest.raises(ConfigurationError, match=words):
        check_reach(Routes((payments, rest)), ("slack", "event"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[routes", "r.toml:1: is not TOML: "),
        ("", "r.toml:1: has no [[routes]]: write one at least, which says where digests go"),
        ("routes = 5", "r.toml:1: has no [[routes]]: write one at least, which says where digests go"),
        ("routes = [5]", "r.toml:1: route 1 is no table"),
        ("[[routes]]", 'r.toml:1: route 1 has no destinations: give a list like to = ["slack:default", "email:def'),
        (
            "[[routes]]\ndestinations = 'slack:default'",
            'r.toml:2: route 1 has no destinations: give a list like to = ["slack:default", "email:default"]',
        ),
        (
            "[[routes]]\ndestinations = ['teams:default']",
            "r.toml:2: route 1 names 'teams:default': give slack:<name> or email:<name>",
        ),
        (
            "[[routes]]\ndestinations = ['slack:Payments']",
            "r.toml:2: route 1 names 'slack:Payments': give slack:<name> or email:<name>, in small",
        ),
        (
            "[[routes]]\ndestinations = ['https://hooks.slack.com/services/T0/B0/hidden']",
            "r.toml:2: route 1 names 'https://hooks.slack.com…': store a webhook's address in the Slack secret",
        ),
        ("[[routes]]\nname = 'a'\n\nexclude = ['x']", "r.toml:4: route 'a' exclude is no table"),
        ("[[routes]]\ndestinations = [5]", "r.toml:1: route 1 names 5: give slack:<name> or email:<name>"),
        (
            "[[routes]]\ndestinations = ['slack:default\\n']",
            "r.toml:2: route 1 names 'slack:default\\\\n': give slack:<name> or email:<name>",
        ),
    ],
)
def test_a_mistake_gives_a_sentence_with_file_line_and_route(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_routes(text, "r.toml")

    assert caught.value.problems[0].startswith(problem)


@pytest.mark.parametrize(
    "secret", ["https://hooks.slack.com/services/T0/B0/hidden", "xoxb-1-hidden", "testmo_api_hidden"]
)
@pytest.mark.parametrize("key", ["name", "to", "match", "mention", "notify", "after", "destinations"])
def test_what_is_secret_and_stands_in_the_file_by_mistake_is_not_repeated(key: str, secret: str) -> None:
    whole = (
        f'"{secret}"' if key in ("name", "after") else f'{{ "{secret}" = 1 }}' if key == "match" else f'["{secret}"]'
    )
    with pytest.raises(ConfigurationError) as caught:
        parse_routes(f'[[routes]]\n{key} = {whole}\n[destinations."{secret}"]\n')
    assert caught.value.problems
    assert "hidden" not in " ".join(caught.value.problems)


@pytest.mark.parametrize(
    ("name", "is_fine"),
    [("slack:" + "a" * 64, True), ("slack:" + "a" * 65, False), ("email:7-a_b", True), ("slack:-a", False)],
)
def test_a_destination_has_a_channel_and_a_short_plain_name(name: str, *, is_fine: bool) -> None:
    text = f"[[routes]]\ndestinations = ['{name}']"

    if is_fine:
        assert parse_routes(text).routes[0].destinations == (name,)
    else:
        with pytest.raises(ConfigurationError):
            parse_routes(text)


def test_a_mistake_names_its_own_route() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_routes("[[routes]]\ndestinations = ['slack:a']\n[[routes]]\ndestinations = ['b', 'slack:c']\nx = 1")

    assert caught.value.problems == (
        f"routes.toml:5: route 2 has an unknown key 'x': use one of {', '.join(ROUTE_KEYS)}",
        "routes.toml:4: route 2 names 'b': give slack:<name> or email:<name>",
    )


def test_a_problem_carries_where_it_is_and_what_is_wrong_apart_from_its_sentence() -> None:
    text = '[[routes]]\ndestinations = ["slack:default"]\n\n[[routes]]\ndestinations = [\n  "sms:me",\n]\n'
    with pytest.raises(ConfigurationError) as caught:
        parse_routes(text)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("routes.toml", 6)
    assert (problem.text, problem.next_step) == ("route 2 names 'sms:me'", "give slack:<name> or email:<name>")
    assert problem == f"routes.toml:6: {problem.text}: {problem.next_step}"


def test_what_a_comment_says_is_not_where_the_mistake_is() -> None:
    text = '[[routes]] # of sms:me we dream\nname = "a # b" # after = 0\nto = ["slack:a", "sms:me"]\nafter = 0\n'
    assert [line for line, _ in problems(text)] == [4, 3]


def mentioned(words: str) -> tuple[int | str, ...]:
    return parse_routes(f'[[routes]]\nto = ["slack:a"]\nmention = [{words}]\n').routes[0].mention


def test_a_route_calls_people_by_what_they_are_by_name_id_or_email_and_groups() -> None:
    words = '"assignee", "Tester", "Group:payments-oncall", "Grace Hopper", 12, "grace@example.com", "Ester", 12'
    assert mentioned(words) == (
        *("assignee", "tester", "group:payments-oncall", "Grace Hopper", 12, "grace@example.com", "Ester"),
    )
    assert mentioned("") == ()


@pytest.mark.parametrize(
    ("word", "shown", "hint"),
    [
        ('"asignee"', "'asignee'", KNOWN_MENTIONS),
        ('"boss"', "'boss'", KNOWN_MENTIONS),
        ('"groups:oncall"', "'groups:oncall'", KNOWN_MENTIONS),
        ('"group:"', "'group:'", KNOWN_MENTIONS),
        ('"group: "', "'group: '", KNOWN_MENTIONS),
        ('"@Grace"', "'@Grace'", KNOWN_MENTIONS),
        ('"<@U012AB3CD>"', "'<@U012AB3CD>'", KNOWN_MENTIONS),
        ('"12"', "'12'", KNOWN_MENTIONS),
        ('""', "''", KNOWN_MENTIONS),
        ("0", "0", KNOWN_MENTIONS),
        ("true", "true", KNOWN_MENTIONS),
        ("1.5", "1.5", KNOWN_MENTIONS),
        (
            '"U012AB3CD"',
            "'U012AB3CD'",
            "put Slack's ids into people.toml, and name the Testmo user or group:<name> here",
        ),
        ('"@here"', "'@here'", 'give it a name in [groups] of people.toml, like everybody = "here", and mention "gr'),
        ('"<!channel>"', "'<!channel>'", "give it a name in [groups] of people.toml, like everybody ="),
    ],
)
def test_what_calls_nobody_is_refused_with_what_would(word: str, shown: str, hint: str) -> None:
    text = f'[[routes]]\nto = ["slack:a"]\nmention = [\n  "assignee",\n  {word},\n]\n'
    ((line, words),) = problems(text)
    assert words.startswith(f"route 1 mention names {shown}{';' if ': ' in shown else ':'} {hint}")
    assert line in (3, 5)


def saved_by(text: str, *channels: str) -> tuple[str, ...]:
    """Where everything goes while the file says this."""
    found = fallback(text, channels or ("slack", "email", "event"))
    assert [route.is_for_all for route in found.routes] == [True]
    assert found.routes[0].notify == BY_DEFAULT
    return found.routes[0].destinations


CATCH_ALL = '[[routes]]\nname = "rest"\ncatch_all = true\nto = ["slack:rest", "email:rest"]\n'
PAYMENTS = '[[routes]]\nmatch = { run = "*pay*" }\nto = ["slack:payments"]\n'


@pytest.mark.parametrize(
    "mistake",
    [
        "colour = 1\n[[routes]]\nto = ['slack:a']\n",
        f"{PAYMENTS}colour = 1\n",
        f"{PAYMENTS}after = 0\n",
        "[[routes]]\nto = ['slack:payments'\n\n",  # no TOML from here on
        f"{PAYMENTS}name = Payments\n",
        f"{PAYMENTS}[destinations.'slack:payments']\nlines = -1\n",
    ],
)
def test_a_wrong_file_tells_what_catches_all(mistake: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_routes(mistake + CATCH_ALL)
    assert saved_by(mistake + CATCH_ALL) == ("slack:rest", "email:rest")
    assert saved_by(mistake + CATCH_ALL, "email", "event") == ("email:rest",)


def test_a_wrong_file_without_such_a_route_tells_every_destination_it_names() -> None:
    text = f"{PAYMENTS}[[routes]]\nafter = 2\nto = ['email:qa', 'sms:me']  # once slack:old\n# to = ['slack:older']\n"
    assert saved_by(text) == ("slack:payments", "email:qa")
    assert saved_by(text, "slack", "event") == ("slack:payments",)
    assert saved_by(f"{text}[[routes]\n") == ("slack:payments", "email:qa")
    assert saved_by(f"{text}{CATCH_ALL}", "slack") == ("slack:rest",)
    assert saved_by("[[routes]]\nto = ['slack:a#b', \"it's slack:c\"] # slack:d\n[[") == ("slack:a", "slack:c")


def test_a_catch_all_that_leads_nowhere_on_this_stack_is_none() -> None:
    text = f"{PAYMENTS}[[routes]]\ncatch_all = true\nto = ['email:rest', 'sms:me', 'event:news']\n"
    assert saved_by(text, "slack", "event") == ("slack:payments",)
    assert saved_by(text) == ("email:rest",)


@pytest.mark.parametrize(
    "text", ["", "routes = 5", "[[routes]]\nto = ['sms:me', 'slack:']", "\x00\ufffd\ufffd", "# slack:a"]
)
def test_a_file_that_names_nobody_leaves_every_channel_of_the_stack(text: str) -> None:
    assert saved_by(text) == ("slack:default", "email:default")
    assert saved_by(text, "email", "event") == ("email:default",)
