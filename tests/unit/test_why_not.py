"""`deliveries` on a result that was not told somewhere: by which route, and what is known of its test."""

from __future__ import annotations

import pytest

from testmo_notifier.model import Checkpoint, Expands, Told
from testmo_notifier.notices.routes import destinations
from testmo_notifier.settings.routes_file import parse_routes
from tests.support.factories import make_checkpoint, make_result, make_run
from tools.ops.why_not import reasons
from tools.settings.route import Finding

ROUTES = parse_routes("""
[[routes]]
name = "payments"
match = { run = "*pay*" }
to = ["slack:payments"]

[[routes]]
name = "money"
match = { project = "Billing" }
to = ["slack:payments"]

[[routes]]
name = "twice"
after = 2
to = ["slack:twice"]

[[routes]]
name = "first"
notify = ["new"]
to = ["slack:first"]

[[routes]]
name = "changes"
notify = ["changed"]
to = ["slack:changes"]

[[routes]]
name = "fixed"
notify = ["recovered"]
to = ["slack:fixed"]

[[routes]]
name = "all"
to = ["slack:default"]
""")
FINDING = Finding(make_run(12, name="Nightly"), "Shop", make_result(538, test_id=7, status_id=3), Expands(), {})


def why(destination: str, told: Told | None = None) -> str:
    checkpoint: Checkpoint = make_checkpoint(told={7: told} if told else {})
    (found,) = reasons(FINDING, ROUTES, destinations(ROUTES, ("slack",)), checkpoint, [destination])
    assert found[0] == destination
    return found[1]


@pytest.mark.parametrize(
    ("destination", "told", "words"),
    [
        (
            "slack:payments",
            None,
            (
                'route \'payments\' does not take it (match.run: the run is called "Nightly" (12), wanted "*pay*"); '
                'route \'money\' does not take it (match.project: the project is "Shop" (3), wanted "Billing")'
            ),
        ),
        ("slack:twice", Told(streak=1), "route 'twice' waits for failure 2 in a row, and this is number 1"),
        (
            "slack:first",
            Told(streak=2, destinations=frozenset({"slack:first"})),
            "route 'first' asks for new, and had told of this test before",
        ),
        ("slack:changes", None, "route 'changes' asks for changed alone"),
        ("slack:fixed", None, "route 'fixed' does not take it (takes no failure: it asks for recovered alone)"),
    ],
)
def test_the_route_that_keeps_it_back_is_named_with_the_reason(destination: str, told: Told | None, words: str) -> None:
    assert why(destination, told) == words


@pytest.mark.parametrize(
    ("destination", "told"),
    [
        ("slack:default", None),
        ("slack:twice", Told(streak=2)),
        ("slack:twice", Told(streak=0)),  # unknown: then nothing waits
        ("slack:first", Told(streak=5)),  # this destination was never told of the test, so it is new there
    ],
)
def test_where_nothing_of_today_keeps_it_back_the_way_to_repeat_it_is_said(destination: str, told: Told | None) -> None:
    words = why(destination, told)
    assert words.startswith("the routes of this checkout would tell it there: they were others then")
    assert words.endswith(f"testmo-notifier rewind --run 12 --destination {destination}")
