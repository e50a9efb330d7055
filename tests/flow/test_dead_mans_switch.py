"""NoPollAlarm rings when wanted polls do not succeed, and over no pause, whatever the schedule (docs/runbook.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.alarms import ALARMS, CloudWatch, Operation
from tests.support.schedules import MINUTE, wanted
from tests.support.story import Story

ALARM = "NoPollAlarm"
WORKING_HOURS = "cron(*/5 7-19 ? * MON-FRI *)"  # docs/parameters.md's
BERLIN = "Europe/Berlin"
FRIDAY = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)  # summer time begins on Sunday; it ends on 25 October
MONDAY_7 = datetime(2026, 3, 30, 5, 0, tzinfo=UTC)  # at seven in Berlin, and it is summer
EXTRA = [0, 5]  # how much more than the evaluated periods CloudWatch looks at is not documented


def march(day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@dataclass
class Watch:
    """A stack's dead man's switch over days, minute by minute. `succeeds` says how the poll of a moment ends.

    The scheduler's count stands in the minute of the attempt; a success in the one in which the poll was over.
    """

    expression: str
    zone: str = "UTC"
    silence: int = 15
    extra: int = 2
    takes: timedelta = timedelta(seconds=20)
    rung: list[datetime] = field(default_factory=list)
    ended: list[datetime] = field(default_factory=list)

    def plays(self, begin: datetime, end: datetime, succeeds: Callable[[datetime], bool] = lambda _: True) -> Watch:
        cloudwatch = CloudWatch(silence_minutes=self.silence, extra=self.extra)
        due = set(wanted(self.expression, self.zone, begin, end))
        rings = False
        for at in self.minutes(begin, end):
            if at in due:
                cloudwatch.put("AWS/Scheduler", "InvocationAttemptCount", at, 1, ScheduleGroup="ScheduleGroup")
                if succeeds(at):
                    cloudwatch.put("TestmoNotifier", "PollSucceeded", at + self.takes, 1, service="stack-poller")
            before, rings = rings, cloudwatch.is_alarm(ALARM, at)
            if rings != before:
                (self.rung if rings else self.ended).append(at)
        return self

    @staticmethod
    def minutes(begin: datetime, end: datetime) -> Iterator[datetime]:
        return (begin + number * MINUTE for number in range(int((end - begin) / MINUTE) + 1))


# ----- No false ring -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize("takes", [20, 170])  # seconds: within the minute, or over the next ones
@pytest.mark.parametrize(
    ("expression", "silence"),
    [
        ("rate(1 minute)", 5),
        ("rate(1 minute)", 15),
        ("rate(10 minutes)", 5),
        ("rate(1 hour)", 15),  # the default of SilenceMinutes
        ("rate(1 hour)", 60),
        ("rate(1 day)", 15),
        (WORKING_HOURS, 15),  # a pause of 59 hours
        ("cron(0 2 * * ? *)", 15),  # two o'clock is left out when summer time begins
    ],
)
def test_where_every_poll_succeeds_it_never_rings_whatever_the_schedule(
    expression: str, silence: int, takes: int, extra: int
) -> None:
    """Four days, with a weekend and the beginning of summer time in them."""
    watch = Watch(expression, BERLIN, silence, extra, timedelta(seconds=takes))
    assert watch.plays(FRIDAY, FRIDAY + timedelta(days=4)).rung == []


def test_the_longest_silence_rings_over_no_weekend() -> None:
    """1,440 minutes are a day, the weekend is longer: this is where it used to ring on Saturday."""
    evening = datetime(2026, 3, 27, 18, 30, tzinfo=UTC)
    assert Watch(WORKING_HOURS, BERLIN, 1_440).plays(evening, evening + timedelta(hours=27)).rung == []


@pytest.mark.parametrize("begin", [datetime(2026, 3, 28, 22, 0, tzinfo=UTC), datetime(2026, 10, 24, 22, 0, tzinfo=UTC)])
@pytest.mark.parametrize("expression", ["cron(*/30 * * * ? *)", "cron(30 2 * * ? *)", "cron(0 0-4 * * ? *)"])
def test_the_nights_in_which_the_clocks_change_are_like_all_others(expression: str, begin: datetime) -> None:
    assert Watch(expression, BERLIN).plays(begin, begin + timedelta(hours=14)).rung == []


def test_working_hours_move_with_summer_time() -> None:
    first = min(at for at in wanted(WORKING_HOURS, BERLIN, FRIDAY + timedelta(days=1), FRIDAY + timedelta(days=4)))
    assert first == MONDAY_7


@pytest.mark.parametrize("extra", EXTRA)
def test_polls_that_fail_now_and_then_do_not_ring(extra: int) -> None:
    """Fourteen minutes without one that succeeds, again and again, are less than fifteen."""
    watch = Watch("rate(1 minute)", extra=extra)
    assert watch.plays(FRIDAY, FRIDAY + timedelta(hours=6), lambda at: at.minute % 15 == 0).rung == []


def test_a_failed_poll_that_the_next_one_makes_good_in_time_does_not_ring() -> None:
    """Whoever wants one failed poll an hour to be no news, sets SilenceMinutes above the hour."""
    watch = Watch("rate(1 hour)", silence=75)
    assert watch.plays(FRIDAY, FRIDAY + timedelta(days=1), lambda at: at.hour % 2 == 0).rung == []


def test_where_nothing_is_attempted_nothing_rings() -> None:
    """`testmo-notifier pause`, and a schedule that is gone: HeartbeatSecretArn and doctor see that."""
    cloudwatch = CloudWatch()
    cloudwatch.put("AWS/Scheduler", "InvocationAttemptCount", FRIDAY, 1, ScheduleGroup="ScheduleGroup")
    cloudwatch.put("TestmoNotifier", "PollSucceeded", FRIDAY, 1, service="stack-poller")
    assert [at for at in Watch.minutes(FRIDAY, FRIDAY + timedelta(days=2)) if cloudwatch.is_alarm(ALARM, at)] == []


def test_a_poll_by_hand_that_succeeds_is_a_sign_of_life() -> None:
    cloudwatch = CloudWatch(ringing={ALARM})
    cloudwatch.put("AWS/Scheduler", "InvocationAttemptCount", FRIDAY, 1, ScheduleGroup="ScheduleGroup")
    cloudwatch.put("TestmoNotifier", "PollSucceeded", FRIDAY + 2 * MINUTE, 1, service="stack-poller")
    assert cloudwatch.is_alarm(ALARM, FRIDAY + MINUTE)
    assert not cloudwatch.is_alarm(ALARM, FRIDAY + 2 * MINUTE)


# ----- No silence --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize(
    ("expression", "silence", "dead_from", "rings_at"),
    [
        # In the middle of a day
        ("rate(1 minute)", 15, march(27, 13, 0), march(27, 13, 14)),
        (WORKING_HOURS, 15, march(27, 13, 0), march(27, 13, 14)),
        # At the first attempt after a weekend: not earlier, not later than on any other day
        (WORKING_HOURS, 15, march(28, 0, 0), march(30, 5, 14)),
        # At the last attempt before one: what came since is not told until Monday, and nobody else tries
        (WORKING_HOURS, 15, march(27, 18, 55), march(27, 19, 9)),
        # Rare polls
        ("rate(1 hour)", 15, march(27, 13, 30), march(27, 14, 14)),
        ("rate(1 hour)", 60, march(27, 13, 30), march(27, 14, 59)),
        ("rate(1 hour)", 75, march(27, 13, 30), march(27, 15, 14)),
        ("rate(1 day)", 15, march(27, 13, 0), march(28, 12, 14)),
    ],
)
def test_wherever_polls_die_it_rings_after_the_silence_and_once(
    expression: str, silence: int, dead_from: datetime, rings_at: datetime, extra: int
) -> None:
    """It stays: no pause, and no further attempt that fails, is a reason to ring anew."""
    watch = Watch(expression, BERLIN, silence, extra)
    watch.plays(FRIDAY, FRIDAY + timedelta(days=4), lambda at: at < dead_from)
    assert (watch.rung, watch.ended) == ([rings_at], [])


def test_the_longest_silence_ends_in_a_ring_too() -> None:
    """Dead from the first attempt after the weekend on, a day and the night in it are waited for."""
    begin = MONDAY_7 - timedelta(minutes=10)
    watch = Watch(WORKING_HOURS, BERLIN, 1_440).plays(begin, begin + timedelta(hours=25), lambda _: False)
    assert (watch.rung, watch.ended) == ([MONDAY_7 + timedelta(minutes=1_439)], [])


@pytest.mark.parametrize("extra", EXTRA)
def test_it_ends_with_the_first_poll_that_succeeds_be_it_after_a_weekend(extra: int) -> None:
    watch = Watch(WORKING_HOURS, BERLIN, extra=extra)
    watch.plays(FRIDAY, FRIDAY + timedelta(days=4), lambda at: at < FRIDAY + timedelta(hours=1) or at >= MONDAY_7)
    assert (watch.rung, watch.ended) == ([FRIDAY + timedelta(minutes=74)], [MONDAY_7])


@pytest.mark.parametrize("extra", EXTRA)
def test_a_new_stack_whose_first_poll_already_fails_rings_and_one_that_has_not_polled_yet_does_not(extra: int) -> None:
    watch = Watch("rate(1 minute)", extra=extra).plays(FRIDAY, FRIDAY + timedelta(minutes=13), lambda _: False)
    assert watch.rung == []
    watch = Watch("rate(1 minute)", extra=extra).plays(FRIDAY, FRIDAY + timedelta(minutes=14), lambda _: False)
    assert watch.rung == [FRIDAY + timedelta(minutes=14)]
    assert not CloudWatch(extra=extra).is_alarm(ALARM, FRIDAY)


def test_what_the_scheduler_cannot_even_hand_to_lambda_counts_as_attempted() -> None:
    """A role that was taken away, a function that is gone: an attempt is counted and nothing follows."""
    cloudwatch = CloudWatch()
    for minute in range(15):
        at = FRIDAY + minute * MINUTE
        cloudwatch.put("AWS/Scheduler", "InvocationAttemptCount", at, 1, ScheduleGroup="ScheduleGroup")
        cloudwatch.put("AWS/Scheduler", "TargetErrorCount", at, 1, ScheduleGroup="ScheduleGroup")
    assert cloudwatch.is_alarm(ALARM, FRIDAY + 14 * MINUTE)


# ----- With real polls ---------------------------------------------------------------------------------------


def test_real_polls_once_an_hour_ring_nothing(story: Story, tmp_path: Path) -> None:
    run = story.add_run()
    operation = Operation(story, tmp_path)
    operation.polls(1)
    for hour in range(1, 5):
        story.save(run, hour)
        operation.polls(60, every=60)
    assert operation.gone_off == set()
    assert len(story.announced) == 4


def test_a_poll_that_waits_for_testmo_is_no_success(story: Story, tmp_path: Path) -> None:
    story.add_run()
    operation = Operation(story, tmp_path)
    story.testmo.faults.add("429", times=None, retry_after=3_600)
    operation.polls(16)
    assert ALARM in operation.alarms()


def test_a_poll_that_leaves_a_run_is_a_success_because_lag_alarm_watches_that(story: Story, tmp_path: Path) -> None:
    run = story.add_run()
    operation = Operation(story, tmp_path)
    story.testmo.faults.add("500", path=f"/runs/{run.id}/results", times=None)
    operation.polls(20)
    assert operation.alarms() == {"LagAlarm"}


# ----- The judge itself --------------------------------------------------------------------------------------

X, O = 1.0, 0.0  # noqa: E741 - as AWS's table has them: breaching and not


@pytest.mark.parametrize(
    ("needed", "points", "ignored", "breaching", "not_breaching"),
    [  # AWS's own tables, three periods evaluated, five retrieved; None for "retain the current state"
        (3, [O, None, X, None, X], False, False, False),
        (3, [O, None, None, None, None], False, False, False),
        (3, [None] * 5, None, True, False),
        (3, [O, X, X, None, X], True, True, True),
        (3, [None, None, None, None, X], None, True, False),
        (3, [X, None, None, None, None], None, True, False),
        (2, [O, None, X, None, X], True, True, True),
        (2, [O, O, X, O, X], True, True, True),
        (2, [O, None, X, None, None], False, True, False),
        (2, [None, None, None, None, O], False, True, False),
        (2, [None, None, None, None, X], None, True, False),
    ],
)
def test_the_judge_says_what_aws_tables_say(
    monkeypatch: pytest.MonkeyPatch,
    needed: int,
    points: list[float | None],
    ignored: bool | None,  # noqa: FBT001
    breaching: bool,  # noqa: FBT001
    not_breaching: bool,  # noqa: FBT001
) -> None:
    """See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html."""
    for treatment, expected in (("ignore", ignored), ("breaching", breaching), ("notBreaching", not_breaching)):
        asked = {
            "Namespace": "N", "MetricName": "M", "Dimensions": [], "Statistic": "Sum", "Period": 60,
            "EvaluationPeriods": 3, "DatapointsToAlarm": needed, "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0.5, "TreatMissingData": treatment,
        }  # fmt: skip
        monkeypatch.setitem(ALARMS, "Judged", asked)
        for before in (False, True):
            cloudwatch = CloudWatch(ringing={"Judged"} if before else set())
            for minute, value in enumerate(points):
                cloudwatch.put("N", "M", FRIDAY + minute * MINUTE, *([] if value is None else [value]))
            assert cloudwatch.is_alarm("Judged", FRIDAY + 4 * MINUTE) is (before if expected is None else expected)
