"""A digest as a JSON event: the same facts for machines. Its schema is docs/event.schema.json. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from testmo_notifier.channels.channel import Rendering
from testmo_notifier.channels.notation import plain_environment
from testmo_notifier.model import NamedResult, Outgoing, plain
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.routes import fitting
from testmo_notifier.notices.view import NO_LINKS

EVENT_SCHEMA: Final = 1  # the version of docs/event.schema.json: fields are added to it, and none changes


def event(outgoing: Outgoing, links: IssueLinks = NO_LINKS) -> dict[str, object]:
    """One event."""
    digest = outgoing.digest
    return {
        "schema": EVENT_SCHEMA,
        "id": outgoing.id,
        "run": {
            "id": digest.run_id,
            "name": digest.run_name,
            "project_id": digest.project_id,
            "project": digest.project_name,
            "url": digest.run_url,
            "milestone": digest.milestone,
            "configuration": digest.configuration,
            "tests": digest.counters.total,
            "completed": digest.counters.completed,
            "passed": digest.counters.success,
        },
        "about": digest.about,
        "routes": list(fitting(digest.routes)),
        "total": digest.total,
        "omitted": digest.omitted,
        "counts": dict(digest.counts),
        "results": [event_result(result, links) for result in digest.results],
    }


def event_result(result: NamedResult, links: IssueLinks) -> dict[str, object]:
    """One result of an event: times as ISO text, issues by their tracker's key, and where each of them leads."""
    return {
        **plain(result),
        "created_at": iso(result.created_at),
        "updated_at": iso(result.updated_at),
        "since": iso(result.since),
        "issues": [issue.display_id for issue in result.issues],
        "issue_urls": [links.url(issue) or None for issue in result.issues],
    }


def iso(moment: datetime | None) -> str | None:
    """`2026-11-23T14:03:00.000Z`."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z" if moment else None


RENDERING: Final = Rendering(
    message=lambda renderer, outgoing: ("", json.dumps(event(outgoing, renderer.links), ensure_ascii=False)),
    environment=plain_environment,
)
