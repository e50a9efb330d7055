"""Reads one run as version 1.0 did. Run in a process of its own, with that release's layer on its path.

From standard input: the checkpoint's item, the rows that Testmo has (id and time), and how often to poll. To standard
output: which results were told, and the item that is left.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from testmo_notifier import model
from testmo_notifier.adapters import items

PER_PAGE = 3
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class PlainTestmo:
    """A list of rows, each of a test of its own."""

    def __init__(self, rows: list[tuple[int, str]], now: datetime) -> None:
        self.rows = [(key, datetime.fromisoformat(moment)) for key, moment in rows]
        self.now = now

    def results(self, run_id: int, query: Any, _told: object = None, /) -> Any:  # noqa: ANN401 - another version's
        del run_id
        rows = [row for row in self.rows if query.created_after is None or row[1] > query.created_after]
        page = query.page or 1
        shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
        results = tuple(
            model.Result(key=key, id=key, test_id=key, case_id=1, status_id=3, is_latest=True, created_at=created_at)
            for key, created_at in shown
        )
        more = page + 1 if page * PER_PAGE < len(rows) else None
        return model.ResultsPage(results, model.Expands(), more, len(rows), self.now)


def with_bytes(item: dict[str, Any]) -> dict[str, Any]:
    return {name: {"B": b64decode(value["B"])} if "B" in value else value for name, value in item.items()}


def as_text(item: dict[str, Any]) -> dict[str, Any]:
    return {name: {"B": b64encode(value["B"]).decode()} if "B" in value else value for name, value in item.items()}


def main() -> None:
    watch, builder, read_run = (  # this version has none of these modules
        getattr(import_module(f"testmo_notifier.{module}"), name)
        for module, name in (("detect", "Watch"), ("digest", "DigestBuilder"), ("reading", "read_run"))
    )
    given = json.load(sys.stdin)
    checkpoint = items.checkpoint_from(with_bytes(given["item"]))
    now = datetime.fromisoformat(given["now"])
    told: list[int] = []
    for poll in range(given["polls"]):
        counters = model.Counters({3: len(given["rows"])})
        run = model.Run(checkpoint.run_id, 3, "Release 4.2", False, START, None, counters)
        news = builder("https://example.testmo.net", run, "Shop")
        moment = now + timedelta(minutes=poll)
        reading = read_run(
            PlainTestmo(given["rows"], moment),
            run,
            checkpoint,
            watch((3,)),
            news,
            overlap=timedelta(seconds=5),
            sweep=True,
            now=lambda moment=moment: moment,
        )
        told += sorted(news.build().keys)
        checkpoint = reading.checkpoint
    json.dump({"told": told, "item": as_text(dict(items.checkpoint_item(checkpoint)))}, sys.stdout)


if __name__ == "__main__":
    main()
