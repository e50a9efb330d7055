"""The stack that these tests share: none of them sees what another one left."""

from __future__ import annotations

from tests.stack.waiting import until
from tests.support.fakes import SlackAnswer

from .conftest import Operated


def test_what_a_test_leaves_under_way_is_told_to_no_other(operated: Operated) -> None:
    """A message that waits for its webhook, one that is silenced, a result that nobody has read, a planned answer."""
    run, silenced, unread = (operated.new_run() for _ in range(3))
    operated.slack.always(SlackAnswer(500, b"server_error"))
    operated.command("silence", "add", "--for", "1h", "--match", f"run={silenced.id}", "--reason", "x", "--author", "A")
    for one in (run, silenced):
        operated.fail(one)
    operated.poll()
    until(lambda: operated.slack.posts, "a first try")
    operated.fail(unread)
    operated.slack.answer(SlackAnswer(404, b"no_service"))

    operated.rest()
    result = operated.fail(operated.new_run())
    operated.poll()
    operated.settle()

    assert operated.command("deliveries", "--result", str(result.id)).status == 0
    assert len(operated.slack.posts) == 1
    told = operated.command("status", "--json").json
    assert (told["queues"], told["held"], told["silences"]) == (
        {"to_slack": 0, "dead_slack": 0, "dead_subscription": 0},
        [],
        [],
    )
