"""Rule 16: routes decide who: whatever their order, and nothing goes unrouted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.notices.audience import taken
from testmo_notifier.notices.matching import KEYS, Fact, Facts, Matcher
from testmo_notifier.notices.routes import Route
from testmo_notifier.settings.places import Place
from tools.settings.check_routes import Entry, Index, is_broader

NAMES = st.sampled_from(["Shop", "shop", "Payments", "payments nightly", "a*b", "", "Größe", "."])
ATOMS = st.one_of(st.integers(0, 4), NAMES, st.sampled_from(["*", "?", "pay*", "*nightly", "s?op"]))
WANTED = st.dictionaries(st.sampled_from(KEYS[:4]), st.lists(ATOMS, min_size=1, max_size=3).map(tuple), max_size=3)
MATCHERS = st.builds(Matcher, match=WANTED, exclude=WANTED)
FACTS = st.dictionaries(
    st.sampled_from(KEYS[:4]),
    st.lists(st.builds(Fact, id=st.none() | st.integers(0, 4), name=st.none() | NAMES), max_size=3).map(tuple),
)
ROUTES = st.dictionaries(st.sampled_from(["one", "two", "three", "four"]), MATCHERS, min_size=1)


def takers(by: dict[str, Matcher], facts: Facts, catch_all: str = "the rest") -> set[str]:
    """The names of the routes that take a finding."""
    routes = [Route(("slack:default",), name, one, catch_all=name == catch_all) for name, one in by.items()]
    return {route.name for route in taken(routes, facts)}


@given(routes=ROUTES, facts=FACTS, order=st.randoms(use_true_random=False))
def test_the_order_of_routes_never_matters(routes: dict[str, Matcher], facts: Facts, order: object) -> None:
    names = list(routes)
    order.shuffle(names)  # type: ignore[attr-defined]  # it is a Random

    assert takers({name: routes[name] for name in names}, facts, "two") == takers(routes, facts, "two")


@given(routes=ROUTES, facts=FACTS)
def test_what_no_route_takes_is_caught(routes: dict[str, Matcher], facts: Facts) -> None:
    assert takers({**routes, "the rest": Matcher()}, facts)


@given(routes=ROUTES)
def test_what_is_not_known_reaches_the_route_that_catches_all(routes: dict[str, Matcher]) -> None:
    narrow = {name: one for name, one in routes.items() if one.match}
    assert takers({**narrow, "the rest": Matcher()}, {}) == {"the rest"}


@given(matcher=MATCHERS, facts=FACTS)
def test_a_refusal_names_a_key_of_the_route(matcher: Matcher, facts: Facts) -> None:
    refusal = matcher.refusal(facts)
    if refusal is not None:
        table, _, key = refusal.partition(".")
        assert key in {"match": matcher.match, "exclude": matcher.exclude}[table]


@given(matchers=st.lists(MATCHERS, max_size=6))
def test_no_route_that_selects_more_is_left_out_of_a_comparison(matchers: list[Matcher]) -> None:
    entries = [Entry(Route((), matcher=one), n, Place("", "")) for n, one in enumerate(matchers)]
    index = Index(entries)

    for narrow in entries:
        broader = [one for one in entries if one is not narrow and is_broader(one.route.matcher, narrow.route.matcher)]
        assert [one for one in index.broader(narrow) if one in broader] == broader
