"""A poll without a message does without a renderer; those of one function compile what they share once."""

from __future__ import annotations

from datetime import UTC
from functools import cache
from pathlib import Path

from testmo_notifier.channels.render import Renderer
from testmo_notifier.wiring.poller import LateRenderer
from tests.support.factories import make_digest, make_outgoing


def test_a_renderer_is_made_with_the_first_message_of_all_polls() -> None:
    made: list[Renderer] = []

    @cache
    def lasting() -> Renderer:
        made.append(Renderer(UTC))
        return made[-1]

    quiet, first, second = LateRenderer(lasting), LateRenderer(lasting), LateRenderer(lasting)
    assert (quiet.problems, made) == ((), [])

    told = first.notification(make_outgoing(make_digest(), "email:default"))
    assert told.destination == "email:default"
    assert told.message == second.notification(make_outgoing(make_digest(), "email:default")).message
    assert len(made) == 1


def test_what_was_wrong_with_templates_is_told_by_the_poll_that_met_it(tmp_path: Path) -> None:
    (tmp_path / "email_body.j2").write_text("{{ nobody.knows }}", "utf-8")
    lasting = cache(lambda: Renderer(UTC, tmp_path))
    first, second = LateRenderer(lasting), LateRenderer(lasting)

    first.notification(make_outgoing(make_digest(), "email:default"))

    assert [str(one) for one in first.problems] == [
        "email_body.j2:1: 'nobody' is undefined: docs/templates.md lists what there is"
    ]
    assert list(second.problems) == []
    second.notification(make_outgoing(make_digest(), "event"))
    assert list(second.problems) == []
