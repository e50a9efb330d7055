"""Rule 16: routes decide who: whatever their order, and nothing goes unrouted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.notices.matching import KEYS, Fact, Facts, Matcher, verdicts

NAMES = st.sampled_from(["Shop", "shop", "Payments", "payments nightly", "a*b", "", "Größe", "."])
ATOMS = st.one_of(st.integers(0, 4), NAMES, st.sampled_from(["*", "?", "pay*", "*nightly", "s?op"]))
WANTED = st.dictionaries(st.sampled_from(KEYS[:4]), st.lists(ATOMS, min_size=1, max_size=3).map(tuple), max_size=3)
MATCHERS = st.builds(Matcher, match=WANTED, exclude=WANTED)
FACTS = st.dictionaries(
    st.sampled_from(KEYS[:4]),
    st.lists(st.builds(Fact, id=st.none() | st.integers(0, 4), name=st.none() | NAMES), max_size=3).map(tuple),
)
ROUTES = st.dictionaries(st.sampled_from(["one", "two", "three", "four"]), MATCHERS, min_size=1)


@given(routes=ROUTES, facts=FACTS, order=st.randoms(use_true_random=False))
def test_the_order_of_routes_never_matters(routes: dict[str, Matcher], facts: Facts, order: object) -> None:
    names = list(routes)
    order.shuffle(names)  # type: ignore[attr-defined]  # it is a Random

    def taken(by: dict[str, Matcher]) -> set[str]:
        return {verdict.route for verdict in verdicts(by, ["two"], facts) if verdict.is_taken}

    assert taken({name: routes[name] for name in names}) == taken(routes)


@given(routes=ROUTES, facts=FACTS)
def test_what_no_route_takes_is_caught(routes: dict[str, Matcher], facts: Facts) -> None:
    assert any(one.is_taken for one in verdicts({**routes, "the rest": Matcher()}, ["the rest"], facts))


@given(routes=ROUTES)
def test_what_is_not_known_reaches_the_route_that_catches_all(routes: dict[str, Matcher]) -> None:
    narrow = {name: one for name, one in routes.items() if one.match}
    taken = [one.route for one in verdicts({**narrow, "the rest": Matcher()}, ["the rest"], {}) if one.is_taken]
    assert taken == ["the rest"]


@given(matcher=MATCHERS, facts=FACTS)
def test_a_refusal_names_a_key_of_the_route(matcher: Matcher, facts: Facts) -> None:
    refusal = matcher.refusal(facts)
    if refusal is not None:
        table, _, key = refusal.partition(".")
        assert key in {"match": matcher.match, "exclude": matcher.exclude}[table]
