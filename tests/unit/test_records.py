"""What the commands read of the table, without taking part."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from benchmarks.fakes.expressions import holds
from testmo_notifier.model import FOLDERS, CaseProgress, Change, Control, Envelope
from testmo_notifier.settings.routes_file import parse_routes
from tests.support.factories import START, at, make_checkpoint, make_held, make_outgoing
from tests.support.memory import MemoryStore
from tests.support.stored import PROJECT
from tests.unit.test_overflow import LARGE
from tools.ops import records, status, wiring

if TYPE_CHECKING:
    import pytest


class Table:
    """A table as boto3 shows it: a scan that leaves out the bulk, and reads by key."""

    def __init__(self, items: dict[str, dict[str, Any]]) -> None:
        self.items = items

    def get_paginator(self, _name: str) -> Any:  # noqa: ANN401 - as much of it as is used
        def paginate(**asked: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - the same
            found = [item for item in self.items.values() if holds(asked, item, "FilterExpression")]
            return [{"Items": found, "ScannedCount": len(self.items)}]

        return SimpleNamespace(paginate=paginate)

    def batch_get_item(self, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - the same
        ((name, wanted),) = asked["RequestItems"].items()
        found = [item for item in self.items.values() for key in wanted["Keys"] if key.items() <= item.items()]
        return {"Responses": {name: found}, "UnprocessedKeys": {}}


def test_status_sees_the_sets_that_have_items_of_their_own() -> None:
    store = MemoryStore()
    written = store.commit(LARGE)
    account = SimpleNamespace(dynamodb=Table(store.items), stack=SimpleNamespace(table="state"))

    state = records.state(cast("Any", account))

    assert (state.checkpoints, state.unreadable) == ({LARGE.run_id: written}, {})


def test_commands_pass_over_what_is_held_and_know_what_envelopes_told_oldest_first() -> None:
    store = MemoryStore()
    waiting = store.commit(make_checkpoint(outbox=(make_outgoing(id="o-1"),)))
    envelope = Envelope("b7e23ec2", (make_outgoing(id="e-1"), make_outgoing(id="e-2")), START)
    store.release([Change(None, make_held())], envelope)
    rest = store.clear_envelope(replace(envelope, version=1), envelope.outbox[:1], at=at(3))
    told = store.clear(waiting, waiting.outbox, at=at(2))
    table = Table(store.items | {f"sent {number}": item for number, item in enumerate(store.told[12])})
    account = cast("Any", SimpleNamespace(dynamodb=table, stack=SimpleNamespace(table="state")))
    problems: list[str] = []

    state, sent = records.state(account), records.all_sent(account, problems.append)

    assert (state.checkpoints, state.projects, state.unreadable) == ({12: told}, {}, {})
    assert [(one.run_id, one.notifications["slack:default"]) for one in sent] == [(12, "o-1"), (12, "e-1")]
    assert (problems, rest.outbox) == ([], envelope.outbox[1:])


def test_status_says_where_routes_cannot_act_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they ask about cases is not known before these were read once."""
    store = MemoryStore()
    monkeypatch.setattr(records, "store", lambda _: store)
    state = records.State(Control(), None, {3: PROJECT})
    account = cast("Any", None)

    def unread(match: str) -> dict[str, list[int]]:
        rest = '[[routes]]\ncatch_all = true\nto = ["slack:b"]\n'
        routes = parse_routes(f'[[routes]]\nmatch = {{ {match} }}\nto = ["slack:a"]\n{rest}')
        monkeypatch.setattr(wiring, "routes", lambda: routes)
        return status.unread_cases(account, state)

    assert unread('run = "x"') == {}
    assert unread('folder = "x", test = "y"') == {"test": [3], "folder": [3]}
    store.save_case_progress(3, CaseProgress(completed_at=START), FOLDERS)
    assert unread('folder = "x", test = "y"') == {"test": [3]}
    assert status.not_yet([3]) == (
        "cases of project 3 are still being read, until then the catch-all gets what is not known"
    )
