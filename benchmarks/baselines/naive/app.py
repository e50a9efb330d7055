"""The best naive script: connections kept alive, every result of every open run at every poll, filtered here."""
# ruff: noqa: INP001 - loaded as a file, like a function

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import urllib3

pool = urllib3.PoolManager()
seen: set[int] = set()


def handler(_event: object, _context: object) -> int:
    """One poll; how many failing results were not seen before."""
    new = {
        row["id"]
        for project in pages("/projects?")
        for run in pages(f"/projects/{project['id']}/runs?is_closed=0")
        for row in pages(f"/runs/{run['id']}/results?")
        if row["status_id"] in (3, 5) and row["id"] not in seen
    }
    seen.update(new)
    return len(new)


def pages(path: str) -> Iterator[dict[str, Any]]:
    """Every row of a list."""
    page: int | None = 1
    while page is not None:
        url = f"{os.environ['TESTMO_URL']}/api/v1{path}&per_page=100&page={page}"
        answer = json.loads(pool.request("GET", url, headers={"Authorization": "Bearer token"}).data)
        yield from answer["result"]
        page = answer["next_page"]
