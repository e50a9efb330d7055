"""What the commands read of the table, without taking part."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from testmo_notifier.model import FOLDERS, CaseProgress, Control
from testmo_notifier.notices.routes_file import parse_routes
from tests.support.factories import START
from tests.support.memory import MemoryStore
from tests.support.stored import PROJECT
from tests.unit.test_apart import LARGE
from tools.ops import records, status, wiring

if TYPE_CHECKING:
    import pytest


class Table:
    """A table as boto3 shows it: a scan that leaves out the bulk, and reads by key."""

    def __init__(self, items: dict[str, dict[str, Any]]) -> None:
        self.items = items

    def get_paginator(self, _name: str) -> Any:  # noqa: ANN401 - as much of it as is used
        found = [item for item in self.items.values() if item.get("sk", {}).get("S") == "CHECKPOINT"]
        return SimpleNamespace(paginate=lambda **_: [{"Items": found, "ScannedCount": len(self.items)}])

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
