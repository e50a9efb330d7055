"""The scenarios by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from tools.lib import stamps
from tools.simulator import release_day
from tools.simulator.model import Issue, Run, StatusId
from tools.simulator.shop import Team, add_cases, add_team, tests_by_case
from tools.simulator.story import Scenario, Step
from tools.simulator.world import World


def load(name: str, *, now: Callable[[], datetime] = stamps.utc_now) -> Scenario:
    """Build a scenario in a world of its own.

    Raises:
        ValueError: there is no such scenario.
    """
    if name not in SCENARIOS:
        raise ValueError(f"no scenario is called {name!r}; there are: {', '.join(SCENARIOS)}")
    return SCENARIOS[name][1](now=now)


def default(*, now: Callable[[], datetime] = stamps.utc_now) -> Scenario:
    """Two projects, open and closed runs, every status, a forgotten user: something to read everywhere."""
    world = World(now=now)
    team = add_team(world)
    gone = world.add_user("Charles Babbage")
    week_ago = world.stamp() - timedelta(days=7)
    shop = world.add_project("Shop", note="<p>The web shop.</p>", created_at=week_ago - timedelta(days=300))
    cases = add_cases(world, shop, created_at=week_ago - timedelta(days=90))
    old = world.add_milestone(shop, "4.1", created_at=week_ago)
    new = world.add_milestone(shop, "4.2", due_date=date(2026, 12, 18), created_at=week_ago)
    world.complete_milestone(old)
    safari, chrome = world.add_config(shop, "Safari 17"), world.add_config(shop, "Chrome 131")
    login, payment = world.add_issue("SHOP-123"), world.add_issue("PAY-7")
    closed = world.add_run(
        shop, "Release 4.1 regression", cases=cases[:40], config=chrome, milestone=old, created_at=week_ago
    )
    for number, test in enumerate(world.tests_of(closed)):
        at = week_ago + timedelta(minutes=number)
        status = StatusId.FAILED if number in (7, 23) else StatusId.PASSED
        world.save_result(test, status, by=gone if number == 0 else team.ada, created_at=at)
    world.close_run(closed, by=team.katherine)
    began = world.stamp() - timedelta(hours=3)
    opened = world.add_run(
        shop,
        "Release 4.2 regression",
        cases=cases,
        config=safari,
        milestone=new,
        issues=[login],
        tags=("release", "regression"),
        created_at=began,
        by=team.katherine,
    )
    save_every_status(world, opened, team, began, (login, payment))
    app = world.add_project("Mobile app", created_at=week_ago)
    app_cases = [world.add_case(app, name) for name in ("Install from the store", "Update keeps the login")]
    nightly = world.add_run(app, "Nightly", cases=app_cases, created_at=began, by=team.robot)
    for test in world.tests_of(nightly):
        world.save_result(test, StatusId.PASSED, by=team.robot, created_at=began)
    world.forget_user(gone)
    return Scenario("Something to read", SCENARIOS["default"][0], world)


def save_every_status(world: World, run: Run, team: Team, began: datetime, issues: tuple[Issue, Issue]) -> None:
    """Results of every status, some of them re-tested, with everything that a result can have."""
    # The counters of a real run with 102 tests, scaled to the hundred cases of the shop.
    counts = {
        StatusId.PASSED: 40,
        StatusId.FAILED: 7,
        StatusId.RETEST: 5,
        StatusId.BLOCKED: 1,
        StatusId.SKIPPED: 11,
        StatusId.WIP: 3,
    }
    for test in world.tests_of(run)[:3]:  # these are re-tested below
        world.save_result(test, StatusId.FAILED, by=team.ada, created_at=began - timedelta(minutes=1))
    tests = iter(world.tests_of(run))
    for status, count in counts.items():
        for number in range(count):
            failed = status in (StatusId.FAILED, StatusId.BLOCKED)
            world.save_result(
                next(tests),
                status,
                note="<p>Fails on <em>Safari 17</em> only.</p>" if failed else None,
                elapsed_us=240_000_000 if number % 2 else None,
                by=(team.ada, team.grace, team.robot)[number % 3],
                assignee=team.grace if failed and number % 2 else None,
                issues=[issues[number % 2]] if failed else [],
                created_at=began + timedelta(minutes=2 * number),
            )


def hostile_text(*, now: Callable[[], datetime] = stamps.utc_now) -> Scenario:
    """Names and notes that try to ping, to forge links, to break out of markup, or are endless."""
    world = World(now=now)
    mallory = world.add_user("<!here> & <@U123>")
    project = world.add_project("*Shop* <https://evil.example.com|Shop>")
    names = (
        "<!channel> *bold* _it_ ~gone~ `code` {{ 7 * 7 }} ${x}",
        "<script>alert(1)</script> & \u202egnirts desrever",
        "Zero\u200bwidth \U0001f4a5 e\u0301 " + "very long " * 200,
        "line\nbreak\r\nSubject: forged",
        "",
    )
    notes = (
        "<p>&lt;!channel&gt; &lt;@U123&gt; <a href='javascript:alert(1)'>click</a></p>",
        "<p>" + "<b>" * 500 + "deep</p>",
        "<p>" + "x" * 60_000 + "</p>",
        "<script>alert(1)</script><style>p{}</style><p>only this</p><!-- a comment -->",
        "not <closed & &nosuch; &#0; &#x110000;",
    )
    cases = [world.add_case(project, name) for name in names]
    run = world.add_run(project, "<!everyone> run\nwith a break", cases=cases, tags=("<b>",), by=mallory)

    def save() -> None:
        issue = world.add_issue("<!here>|EVIL-1")
        for test, note in zip(world.tests_of(run), notes, strict=True):
            world.save_result(test, StatusId.FAILED, note=note, by=mallory, assignee=mallory, issues=[issue])

    steps = [Step("Mallory saves five Failed results full of traps", save)]
    return Scenario("Hostile text", SCENARIOS["hostile-text"][0], world, steps)


def empty(*, now: Callable[[], datetime] = stamps.utc_now) -> Scenario:
    """A new instance: every list is empty."""
    return Scenario("Empty", SCENARIOS["empty"][0], World(now=now))


def throttled(*, now: Callable[[], datetime] = stamps.utc_now) -> Scenario:
    """The default world behind a tight rate limit."""
    world = default(now=now).world
    run = next(run for run in world.runs.values() if run.closed_at is None)
    test = tests_by_case(world, world.tests_of(run))["Export orders as CSV"]
    steps = [Step("A test turns Failed", lambda: world.save_result(test, StatusId.FAILED))]
    return Scenario("Throttled", SCENARIOS["throttled"][0], world, steps, requests_per_minute=20)


# Name → one line for `--help`, and what builds the scenario; the default comes first.
SCENARIOS: Mapping[str, tuple[str, Callable[..., Scenario]]] = {
    "default": ("projects, open and closed runs, results, cases, users, issues to read; nothing moves", default),
    "release-day": ("a run turns red in five steps and is closed; old failures stay old", release_day.release_day),
    "hostile-text": ("names and notes that try to ping, to forge links or to break the layout", hostile_text),
    "throttled": ("the default world behind a limit of 20 requests a minute", throttled),
    "empty": ("a new instance without projects", empty),
}
