"""Rule 21: silences, which one holds a finding back, and how they are stored beside what a poll writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testmo_notifier.adapters import items
from testmo_notifier.adapters.silences import unpack_silences
from testmo_notifier.model import Control, Silence
from testmo_notifier.notices.holding import is_understood, selects_run, silencing
from testmo_notifier.notices.matching import Fact, Facts
from tests.support.factories import START, at, make_digest, make_silence
from tools.ops.silence_asked import pack_silence

FACTS: Facts = {
    "project": (Fact(3, "Shop"),),
    "run": (Fact(12, "Nightly payment run"),),
    "status": (Fact(3, "Failed"),),
    "tag": (),
}


def held_by(*silences: Silence, now: float = 0, facts: Facts = FACTS) -> str | None:
    found = silencing(silences, facts, at(now))
    return found.id if found else None


# ----- Which one holds a finding back ------------------------------------------------------------------------


def test_of_the_silences_that_match_the_one_that_lasts_longest_holds_a_finding_back() -> None:
    short, long_ = make_silence("short", until=at(60)), make_silence("long", until=at(600))
    other = make_silence("other", until=at(6000), match={"project": ("Web",)})
    assert held_by(short, long_, other) == "long"
    assert held_by(long_, short) == "long"
    assert held_by(other) is None
    assert held_by() is None


@pytest.mark.parametrize(("now", "by"), [(59.9, "5f3a"), (60, None), (61, None)])
def test_a_silence_holds_nothing_from_its_end_on(now: float, by: str | None) -> None:
    assert held_by(make_silence(until=at(60)), now=now) == by


@pytest.mark.parametrize(
    ("match", "exclude", "is_held"),
    [
        ({}, {}, True),  # everything
        ({"project": ("shop",)}, {}, True),  # whatever the case
        ({"project": (3,)}, {}, True),
        ({"project": ("3",)}, {}, False),  # a name that is a number
        ({"project": ("Web", "Shop")}, {}, True),  # any of them
        ({"project": ("Shop",), "run": ("*payment*",)}, {}, True),
        ({"project": ("Shop",), "run": ("Weekly",)}, {}, False),  # every key must hold
        ({"project": ("Shop",)}, {"status": ("Failed",)}, False),
        ({"project": ("Shop",)}, {"tag": ("*",)}, True),  # known to have none
        ({"milestone": ("*",)}, {}, False),  # what is not known matches nothing, so it is told
        ({"project": ("Shop",)}, {"test": ("Login",)}, True),  # and excludes nothing
    ],
)
def test_a_silence_matches_as_a_route_does(match: Any, exclude: Any, is_held: bool) -> None:  # noqa: ANN401, FBT001 - a row
    assert (held_by(make_silence(match=match, exclude=exclude)) is not None) is is_held


@pytest.mark.parametrize(
    ("exclude", "selects"),
    [({}, True), ({"milestone": ("4.1",)}, True), ({"milestone": ("4.2",)}, False), ({"milestone": (5,)}, False)],
)
def test_a_silence_selects_no_run_that_it_may_leave_out(exclude: Any, selects: bool) -> None:  # noqa: ANN401, FBT001 - a row
    """Of what is held the name of the milestone is known, and not its id."""
    assert selects_run(make_silence("one", match={}, exclude=exclude), make_digest(milestone="4.2")) is selects


@pytest.mark.parametrize("table", ["match", "exclude"])
def test_a_silence_that_asks_for_what_only_a_later_version_knows_silences_nothing(table: str) -> None:
    asked: dict[str, Any] = {table: {"environment": ("staging",)}}
    strange = make_silence(until=at(9000), **asked)
    assert not is_understood(strange)
    assert held_by(strange) is None
    assert held_by(strange, make_silence("known")) == "known"


# ----- How they are stored -----------------------------------------------------------------------------------


def stored(**texts: str) -> dict[str, Any]:
    return {"silences": {"M": {key: {"S": text} for key, text in texts.items()}}}


def test_a_silence_comes_back_as_it_was() -> None:
    full = make_silence(
        reason="Zürich “migrates”", match={"project": ("Shop", 7), "run": ("*€*",)}, exclude={"status": (5,)}
    )
    later = make_silence("a", until=at(9000), match={})
    control = items.control_from(stored(**{"a": pack_silence(later), "5f3a": pack_silence(full)}))
    assert control == Control(silences=(full, later))  # those that end first at the beginning


def changed(**fields: Any) -> str:  # noqa: ANN401 - JSON
    return json.dumps({**json.loads(pack_silence(make_silence())), **fields})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "7",
        "null",
        "{}",
        "[" * 100_000,
        changed(until="soon"),
        changed(until=1_795_420_860),
        changed(until="2026-11-23T11:00:00"),  # in which zone?
        changed(until="2026-11-30T09:00:01+00:00"),  # longer than a week
        changed(until="9999-12-31T23:59:59-12:00", created_at="9999-12-31T23:59:59-12:00"),
        changed(created_at=None),
        changed(author=None),
        changed(reason=["x"]),
        changed(author=[], reason=[]),
        changed(author="\ud800"),
        changed(match="Shop"),
        changed(match=["project"]),
        changed(match={"project": "Shop"}),
        changed(match={"project": []}),
        changed(match={"project": [None]}),
        changed(match={"project": [True]}),
        changed(match={"project": [["Shop"]]}),
        changed(exclude={"project": {"Shop": 1}}),
    ],
    ids=lambda text: text[:60],
)
def test_a_silence_that_nobody_understands_is_left_aside_and_named_and_the_others_hold(text: str) -> None:
    control = items.control_from(stored(bad=text, **{"5f3a": pack_silence(make_silence())}))
    assert control.silences == (make_silence(),)
    assert control.unread_silences == ("bad",)


@pytest.mark.parametrize("attribute", [{"S": "x"}, {"M": {}}, {"L": []}, {"NULL": True}])
def test_no_silences_in_whatever_form_are_none(attribute: dict[str, Any]) -> None:
    assert items.control_from({"silences": attribute}) == Control()
    assert unpack_silences({"M": {"a": {"N": "1"}}}) == ((), ("a",))


def test_what_a_later_version_adds_to_a_silence_is_left_aside() -> None:
    assert items.control_from(stored(**{"5f3a": changed(channel="slack")})).silences == (make_silence(),)


def test_a_poll_writes_no_silences() -> None:
    control = Control(silences=(make_silence(created_at=START),), unread_silences=("bad",))
    assert items.control_values(control) == items.control_values(Control())
