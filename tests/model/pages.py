"""Short pages, so that a history needs several of them without hundreds of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final
from unittest.mock import patch

from testmo_notifier.model import ResultsPage, ResultsQuery, Resume
from testmo_notifier.sources.testmo_runs import paging
from testmo_notifier.sources.testmo_runs.paging import Paged
from testmo_notifier.sources.testmo_runs.passes import RunQuestions
from testmo_notifier.sources.testmo_runs.watch import Watch

PER_PAGE: Final = 15  # the least that Testmo takes


@contextmanager
def short_pages() -> Iterator[None]:
    """Ask for fifteen rows at a time."""
    ask = paging.results_query

    def ask_for_few(watch: Watch, created_after: datetime | None, page: int) -> ResultsQuery:
        return replace(ask(watch, created_after, page), per_page=PER_PAGE)

    ask_other = RunQuestions.go_through

    def ask_for_few_others(
        pages: RunQuestions, begin: Resume, query: ResultsQuery, handle: Callable[[ResultsPage], None]
    ) -> Paged:
        return ask_other(pages, begin, replace(query, per_page=PER_PAGE), handle)

    with (
        patch.object(paging, "results_query", ask_for_few),
        patch.object(RunQuestions, "go_through", ask_for_few_others),
    ):
        yield
