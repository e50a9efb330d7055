"""The scenario `release-day`: a run turns red within a few minutes, is looked into, and is closed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from tools.lib import stamps
from tools.simulator.model import StatusId
from tools.simulator.shop import add_cases, add_team, tests_by_case
from tools.simulator.story import Scenario, Step
from tools.simulator.world import World

TITLE = "Release day"
DESCRIPTION = (
    "The last hours before release 4.2 of a shop. Two old failures are in the run already and nobody shall hear of "
    "them again; then it turns red, step by step, and is closed."
)
MINUTE_US = 60_000_000  # microseconds, the unit of `elapsed`

LOGIN_NOTE = (
    "<p>Login page shows a <strong>blank screen</strong> after submitting an expired password.</p>"
    "<ol><li>Open the login page on <em>Safari 17</em></li>"
    "<li>Enter a user whose password expired &gt; 90 days ago</li><li>Submit</li></ol>"
    "<p>Expected: &ldquo;Please choose a new password&rdquo;. Console:</p>"
    "<pre><code>TypeError: undefined is not an object (evaluating 'user.expiry &amp;&amp; user.expiry.days')"
    "</code></pre>"
    '<p>Since <a href="https://git.example.com/shop/web/commit/4f2c91e">4f2c91e</a>, I think. '
    "This blocks the release, &lt;!channel&gt; please do not deploy.</p>"
)
DECLINED = "<p>Every payment is declined: <code>provider_unreachable</code>.</p>"
GATEWAY_TIMEOUT = "<p>POST /payments: 504 after 30 s</p>"
NO_DEVICE = "<p>Cannot be tested while payments are down.</p>"
LOGIN = "Login with an expired password"
OLD_FAILURES = {
    "Search with umlauts and accents": "<p>&bdquo;B&auml;r&ldquo; finds no bears.</p>",
    "Write a review with a photo": "<p>The upload stops at 99 %.</p>",
}
TESTED_IN_THE_MORNING = 51
NEITHER_PASSED_NOR_FAILED = {
    "Video plays without sound at first": StatusId.SKIPPED,
    "Gallery zooms on a double tap": StatusId.RETEST,
}
QUIET = (
    "Checkout as a guest",
    "Checkout with a saved address",
    "Deliver to a parcel locker",
    "Collect in a store",
    "Choose a delivery window",
    "Terms must be accepted",
)


def release_day(*, now: Callable[[], datetime] = stamps.utc_now) -> Scenario:
    """The scenario, its history dated back from the present."""
    story = _Story(World(now=now))
    steps = (
        Step("Ada, Grace and Alan mark six more tests as Passed: all quiet", story.all_quiet),
        Step(f"Ada marks '{LOGIN}' as Failed, links SHOP-123 and assigns it to Grace", story.first_failure),
        Step(
            "Payments are down: 3 tests turn Failed and 1 Blocked on one millisecond, in two runs",
            story.payments_down,
        ),
        Step("Grace's fix lets the login pass; Alan marks 'Pay by PayPal' as Failed again", story.re_test),
        Step("Katherine marks a last test as Failed and closes the run at once", story.closing_time),
        Step("Nothing more comes: the run is over", story.over),
    )
    return Scenario(TITLE, DESCRIPTION, story.world, steps)


class _Story:
    """The places and people of the story, and what happens in each step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.team = add_team(world)
        began = world.stamp() - timedelta(hours=6)
        shop = world.add_project("Shop", created_at=began - timedelta(days=400), by=self.team.katherine)
        cases = add_cases(world, shop, created_at=began - timedelta(days=90))
        version = world.add_milestone(shop, "4.2", created_at=began - timedelta(days=30))
        self.login_issue = world.add_issue("SHOP-123")
        self.old_issue = world.add_issue("SHOP-98")
        self.run = world.add_run(
            shop,
            "Release 4.2 regression",
            cases=cases,
            config=world.add_config(shop, "Safari 17"),
            milestone=version,
            tags=("release", "regression"),
            created_at=began,
            by=self.team.katherine,
        )
        self.api_run = world.add_run(
            shop,
            "Release 4.2 payment API",
            cases=[case for case in cases if world.folders[case.folder_id].name == "Payment"],
            config=world.add_config(shop, "Staging API"),
            milestone=version,
            created_at=began,
            by=self.team.robot,
        )
        self.tests = tests_by_case(world, world.tests_of(self.run))
        self.api_tests = tests_by_case(world, world.tests_of(self.api_run))
        self._morning(began)

    def _morning(self, began: datetime) -> None:
        """What happened before: most of the shop passed, and two tests failed hours ago."""
        testers = (self.team.ada, self.team.grace, self.team.alan)
        told_elsewhere = {LOGIN, *OLD_FAILURES}
        tested = [name for name in self.tests if name not in told_elsewhere][:TESTED_IN_THE_MORNING]
        for number, name in enumerate(tested):
            at = began + timedelta(minutes=5 * number, milliseconds=137 * number)
            status = NEITHER_PASSED_NOR_FAILED.get(name, StatusId.PASSED)
            elapsed = (2 + number % 5) * MINUTE_US
            by = testers[number % len(testers)]
            self.world.save_result(self.tests[name], status, elapsed_us=elapsed, by=by, created_at=at)
        for hour, (name, note) in enumerate(OLD_FAILURES.items(), start=2):
            self.world.save_result(
                self.tests[name],
                StatusId.FAILED,
                note=note,
                by=self.team.grace,
                assignee=self.team.alan,
                issues=[self.old_issue],
                created_at=began + timedelta(hours=hour),
            )
        for test in self.api_tests.values():
            self.world.save_result(test, StatusId.PASSED, by=self.team.robot, created_at=began)

    def all_quiet(self) -> None:
        """Nobody shall be told of this."""
        testers = (self.team.ada, self.team.grace, self.team.alan)
        for number, name in enumerate(QUIET):
            self.world.save_result(
                self.tests[name], StatusId.PASSED, elapsed_us=3 * MINUTE_US, by=testers[number % len(testers)]
            )

    def first_failure(self) -> None:
        """One failure with all a message can show."""
        self.world.save_result(
            self.tests[LOGIN],
            StatusId.FAILED,
            note=LOGIN_NOTE,
            elapsed_us=4 * MINUTE_US,
            by=self.team.ada,
            assignee=self.team.grace,
            issues=[self.login_issue],
        )

    def payments_down(self) -> None:
        """Four results on one millisecond: an order by time alone would lose some of them."""
        moment = self.world.stamp()
        for tests, name, status, note, by in (
            (self.tests, "Pay by credit card", StatusId.FAILED, DECLINED, self.team.alan),
            (self.tests, "Pay by PayPal", StatusId.FAILED, DECLINED, self.team.alan),
            (self.tests, "Pay by Apple Pay", StatusId.BLOCKED, NO_DEVICE, self.team.alan),
            (self.api_tests, "Pay by credit card", StatusId.FAILED, GATEWAY_TIMEOUT, self.team.robot),
        ):
            self.world.save_result(tests[name], status, note=note, by=by, created_at=moment)

    def re_test(self) -> None:
        """A pass is no news; a second failure of the same test is."""
        self.world.save_result(self.tests[LOGIN], StatusId.PASSED, note="<p>Fixed in 4.2-rc3.</p>", by=self.team.grace)
        self.world.save_result(
            self.tests["Pay by PayPal"],
            StatusId.FAILED,
            note="<p>Still declined with <code>4.2-rc3</code>, now after 30 seconds.</p>",
            elapsed_us=2 * MINUTE_US,
            by=self.team.alan,
            assignee=self.team.grace,
        )

    def closing_time(self) -> None:
        """A failure that is there for a moment before its run leaves the list of open runs."""
        self.world.save_result(
            self.tests["Receipt shows the VAT of each line"],
            StatusId.FAILED,
            note="<p>The receipt adds 19 % to books; it has to be 7 %.</p>",
            by=self.team.katherine,
        )
        self.world.close_run(self.run, by=self.team.katherine)

    def over(self) -> None:
        """What was saved before the closing can be seen by now: the next poll reads the run for the last time."""
