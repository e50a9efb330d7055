"""Rules 16 to 19, call by call: whoever is told of what, and why, is told all of it, wherever the poller is killed.

The queue is a subscriber here: what the Slack function makes of it is what `test_every_call` and `test_bot` kill.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from tests.crash.cloud import Place
from tests.crash.plays import every_play
from tests.crash.stage import Play, Stage
from tests.crash.verdict import Left, check_told
from tests.support.story import BLOCKED, FAILED, PASSED

pytestmark = pytest.mark.aws

ROUTES: Final = """
[[routes]]
name = "team"
match = { run = "Pay*" }
to = ["slack:team"]
notify = ["new", "again", "changed", "recovered", "finished"]
mention = ["Ada Lovelace"]
mention_on = ["Blocked"]

[[routes]]
name = "dashboard"
match = { run = "Pay*" }
to = ["event:news"]
notify = ["recovered", "finished"]

[[routes]]
name = "stubborn"
match = { run = "Pay*" }
to = ["slack:stubborn"]
after = 2
notify = ["new", "recovered"]

[[routes]]
name = "lead"
match = { status = "Blocked" }
to = ["email:default"]

[[routes]]
name = "rest"
catch_all = true
to = ["slack:stubborn"]
"""
PEOPLE: Final = '[people]\n"Ada Lovelace" = "U012AB3CD"\n'
OVERLAP_SECONDS: Final = 300


class ATestThatFailsAgainAndAgain:
    """One test fails, fails again, passes and fails anew; another one is edited to Blocked; then the run is closed.

    After a kill the schedule polls again before anything else happens: what is told is then the same in every play.
    """

    webhooks = ("team", "stubborn")
    settings: Final = {"routes.toml": ROUTES, "people.toml": PEOPLE}

    def tell(self, stage: Stage) -> None:
        story = stage.story
        pay, other = story.add_run("Payment", tests=3), story.add_run("Other", tests=1)
        self.flaky, self.edited = story.test(pay, 1).id, story.test(pay, 2).id
        self.elsewhere = story.test(other, 1).id
        stage.poll_at_last()
        story.save(pay, 1)
        edited = story.save(pay, 2)
        stage.poll_at_last()
        story.save(pay, 1)
        story.save(pay, 3, PASSED)  # or no counter would move
        story.save(other, 1)
        stage.poll_at_last()
        story.save(pay, 1, PASSED)
        story.world.edit_result(edited, status=BLOCKED)
        stage.poll_at_last()
        story.save(pay, 1, FAILED)
        stage.poll_at_last()
        story.world.close_run(pay)
        story.wait(OVERLAP_SECONDS)
        stage.poll_at_last()

    def end(self, stage: Stage, left: Left) -> None:
        """Nobody has anything to be told any more, and this is all that anybody was."""
        for _ in range(2):
            stage.poll_at_last()
            assert (stage.polls[-1]["published"], stage.polls[-1]["problems"]) == (0, [])
        flaky, edited, elsewhere = self.flaky, self.edited, self.elsewhere
        failed = [("new", flaky), ("new", edited), ("again", flaky), ("changed", edited), ("new", flaky)]
        good = [("recovered", flaky), ("finished", flaky), ("finished", edited)]
        expected: dict[Place, dict[str, list[tuple[str, int]]]] = {
            "slack": {
                "slack:team": [*failed, *good],
                "slack:stubborn": [("new", flaky), ("recovered", flaky), ("new", elsewhere)],
            },
            "email": {"email:default": [("new", edited)]},
            "news": {"event:news": good},
            "event": {"event": [*failed, ("new", elsewhere)]},
        }
        for place, told in expected.items():
            messages = check_told(stage, place, told, left)
            calls = Counter(message.reason for message in messages if "<@U012AB3CD>" in message.body)
            assert calls.keys() == ({"changed"} if place == "slack" else set()), f"called on {place}"


def test_the_poller_killed_at_any_call_tells_each_destination_what_its_routes_ask_for(play: Play) -> None:
    played = list(every_play(play, ATestThatFailsAgainAndAgain()))

    assert {(destination, run) for p in played for destination, run in p.left.published} == {
        ("slack:team", "1"),
        ("slack:stubborn", "1"),
        ("slack:stubborn", "2"),
        ("email:default", "1"),
        ("event:news", "1"),
        ("event", "1"),
        ("event", "2"),
    }
