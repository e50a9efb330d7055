"""Short pages, so that a history needs several of them without hundreds of rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final
from unittest.mock import patch

from testmo_notifier.model import ResultsQuery
from testmo_notifier.sources.testmo_runs import paging
from testmo_notifier.sources.testmo_runs.watch import Watch

PER_PAGE: Final = 15  # the least that Testmo takes


@contextmanager
def short_pages() -> Iterator[None]:
    """Ask for fifteen rows at a time."""
    ask = paging.results_query

    def ask_for_few(watch: Watch, created_after: datetime | None, page: int) -> ResultsQuery:
        return replace(ask(watch, created_after, page), per_page=PER_PAGE)

    with patch.object(paging, "results_query", ask_for_few):
        yield
