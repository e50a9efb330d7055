"""What the commands read of the table, without taking part."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from tests.support.memory import MemoryStore
from tests.unit.test_apart import LARGE
from tools.ops import records


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
