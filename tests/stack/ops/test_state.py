"""`status`, `deliveries`, `dry-run`, `rewind`, `pause` and `resume`: the work itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from types import SimpleNamespace
from typing import TYPE_CHECKING

from testmo_notifier.adapters.items import CONTROL_KEY
from testmo_notifier.settings.routes_file import parse_routes
from testmo_notifier.version import VERSION
from tests.stack.waiting import until
from tests.support.fakes import SlackAnswer
from tools.ops import records, wiring

from .conftest import GONE, Operated

if TYPE_CHECKING:
    import pytest


def test_status_says_how_far_everything_is(operated: Operated) -> None:
    run = operated.new_run()
    operated.fail(run)
    operated.poll()
    operated.settle()

    said = operated.command("status")
    assert said.status == 0
    assert f"  Version                       {VERSION}\n" in said.out
    assert f"run {run.id}  open  project {operated.shop.id}" in said.out
    assert "1 failing" in said.out
    told = operated.command("status", "--json").json
    assert told["lag_seconds"] < 60
    assert (told["version"], told["command_version"]) == (VERSION, VERSION)
    assert told["queues"] == {"to_slack": 0, "dead_slack": 0, "dead_subscription": 0}
    assert (told["outboxes"], told["undone"], told["schedule"]) == ([], [], "DISABLED")


def test_a_run_that_testmo_hides_is_named_by_status_and_doctor_until_it_is_shown_again(operated: Operated) -> None:
    run = operated.new_run()
    operated.fail(run)
    operated.simulator.faults.add("403", path=f"/runs/{run.id}/results", times=None)
    operated.poll()

    said = operated.command("status")
    assert f"run {run.id} since 20" in said.out
    assert "hidden since 20" in said.out
    assert list(operated.command("status", "--json").json["hidden"]) == [f"run {run.id}"]
    doctor = operated.command("doctor")
    assert (doctor.status, f"run {run.id} has become invisible" in doctor.out) == (1, True)
    assert operated.command("dry-run").status == 1

    operated.simulator.faults.clear()
    store = records.store(operated.account)
    store.commit(replace(store.checkpoints([run.id])[run.id], gone_at=None))  # the hour is over
    assert operated.poll().hidden == 0
    assert operated.command("status", "--json").json["hidden"] == {}


def test_a_run_that_was_deleted_is_nobodys_fault(operated: Operated) -> None:
    run = operated.new_run()
    operated.fail(run)
    operated.simulator.faults.add("404", path=f"/runs/{run.id}*", times=None)
    operated.poll()

    assert operated.command("status", "--json").json["hidden"] == {}
    assert "has become invisible" not in operated.command("doctor").out
    operated.simulator.faults.clear()


def test_status_says_whether_testmo_asked_for_a_pause(operated: Operated) -> None:
    operated.new_run()
    operated.simulator.faults.add("429", path="/projects", retry_after=3_600)
    operated.poll()
    assert operated.command("status", "--json").json["not_before"] is not None
    assert "by Testmo until" in operated.command("status").out
    operated.account.dynamodb.update_item(
        TableName=operated.stack.table, Key=CONTROL_KEY, UpdateExpression="REMOVE not_before"
    )  # the hour is over
    assert operated.poll().status == "ok"
    assert operated.command("status", "--json").json["not_before"] is None


def test_whoever_was_told_is_known_by_result(operated: Operated) -> None:
    run = operated.new_run()
    result = operated.fail(run)
    operated.poll()
    operated.settle()

    said = operated.command("deliveries", "--result", str(result.id))
    assert said.status == 0, said
    assert "slack:default  1 result: Slack took it at" in said.out
    assert "email:default  1 result: accepted by SNS: that is all that can be known" in said.out
    found = operated.command("deliveries", "--since", "10m", "--run", str(run.id), "--json")
    assert found.status == 0
    assert {one["destination"] for one in found.json["deliveries"]} == {"slack:default", "email:default", "event"}
    assert operated.command("deliveries", "--since", "2999-01-01", "--json").json == {"ok": True, "deliveries": []}


def test_whoever_was_not_told_is_known_too(operated: Operated) -> None:
    result = operated.park_one()

    said = operated.command("deliveries", "--result", str(result.id))
    assert said.status == 1
    assert "published, not taken by Slack yet" in said.out
    unknown = operated.command("deliveries", "--result", "999999")
    assert unknown.status == 1
    assert "no notification of the last 30 days is about result 999999" in unknown.out
    assert operated.command("deliveries").status == 2
    assert operated.command("deliveries", "--since", "yesterday").status == 2


def test_a_result_that_was_not_told_somewhere_says_why(operated: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    result = operated.fail(operated.new_run())
    operated.poll()
    until(lambda: operated.slack.posts, "the message")
    operated.settle()
    payments = '[[routes]]\nname = "payments"\nmatch = { run = "*payment*" }\nto = ["slack:payments"]\n'
    routes = parse_routes(f'{payments}[[routes]]\nto = ["slack:default", "email:default"]\n')
    monkeypatch.setattr(wiring, "routes", lambda: routes)

    said = operated.command("deliveries", "--result", str(result.id))

    assert said.status == 0, said
    assert "not told to slack:payments: route 'payments' does not take it (match.run: the run is called" in said.out
    operated.simulator.faults.add("401", times=None)
    refused = operated.command("deliveries", "--result", str(result.id), "--json")
    assert (refused.status, refused.json["not_told"]) == (0, {}), refused
    assert "why it was told to nobody else cannot be said now: " in refused.err


def test_a_dry_run_shows_what_would_go_out_and_moves_nothing(operated: Operated) -> None:
    run = operated.new_run()
    result = operated.fail(run)

    first, second = (operated.command("dry-run") for _ in range(2))

    assert first.status == second.status == 0, first
    assert "[Testmo] 1 failed: Nightly" in second.out
    assert "3 messages would go out; nothing was sent, nothing moved" in second.out
    assert operated.slack.posts == []
    assert operated.command("deliveries", "--result", str(result.id)).status == 1
    operated.poll()
    until(lambda: operated.slack.posts, "the message of the real poll")


def test_a_dry_run_needs_no_stack(operated: Operated) -> None:
    operated.fail(operated.new_run())
    access = {"TESTMO_URL": operated.simulator.url, "TESTMO_TOKEN": operated.simulator.token}

    said = operated.command("dry-run", "--from-environment", "--json", **access, BACKFILL_HOURS="1")

    assert said.status == 0, said
    assert {message["destination"] for message in said.json["messages"]} == {"slack:default", "email:default", "event"}
    assert operated.command("dry-run", "--from-environment", TESTMO_TOKEN="x y").status == 2


def test_a_dry_run_with_a_refused_token_is_a_sentence(operated: Operated) -> None:
    operated.simulator.faults.add("401", times=None)
    said = operated.command("dry-run")
    assert said.status == 1
    assert "✗" in said.err


def test_a_rewound_run_is_announced_again(operated: Operated) -> None:
    """With another id, or Slack would take it for delivered."""
    run = operated.new_run()
    results = [operated.fail(run, number).id for number in range(2)]
    operated.poll()
    until(lambda: len(operated.slack.posts) == 1, "the first message")

    shown = operated.command("rewind", "--run", str(run.id), "--json")
    assert shown.status == 0
    assert (shown.json["applied"], shown.json["runs"][0]["results"]) == (False, results)
    operated.poll()
    operated.settle()
    assert len(operated.slack.posts) == 1, "a dry run moves nothing"

    done = operated.command("rewind", "--run", str(run.id), "--yes")
    assert done.status == 0, done
    assert "2 results of 1 run: the next polls announce them again" in done.out
    operated.poll()
    until(lambda: len(operated.slack.posts) == 2, "the same message again")
    operated.poll()
    operated.settle()
    assert len(operated.slack.posts) == 2, "again is once"
    told = operated.command("deliveries", "--result", str(results[0]), "--json").json["deliveries"]
    assert len({one["notification"] for one in told}) == 6, "two times three destinations"


def test_one_destination_is_told_again_and_nobody_else_is(operated: Operated) -> None:
    run = operated.new_run()
    result = operated.fail(run)
    operated.poll()
    until(lambda: len(operated.slack.posts) == 1, "the first message")

    done = operated.command("rewind", "--since", "10m", "--destination", "slack:default", "--yes", "--json")
    assert (done.status, done.json["results"], done.json["destination"]) == (0, 1, "slack:default"), done
    operated.poll()
    until(lambda: len(operated.slack.posts) == 2, "the same message again")

    told = operated.command("deliveries", "--result", str(result.id), "--json").json["deliveries"]
    assert sorted(one["destination"] for one in told) == ["email:default", "event", "slack:default", "slack:default"]
    unknown = operated.command("rewind", "--since", "10m", "--destination", "slack:payments")
    assert unknown.status == 2
    assert "no route of this checkout leads to slack:payments on this stack: there are slack:default" in unknown.err


def test_a_rewind_waits_until_no_poll_is_at_work(operated: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    run = operated.new_run()
    operated.fail(run)
    operated.poll()
    until(lambda: len(operated.slack.posts) == 1, "the first message")
    somebody = records.store(operated.account, holder="a poll")
    control = somebody.take_lease(datetime.now(UTC), timedelta(minutes=5))
    ends = SimpleNamespace(monotonic=monotonic, sleep=lambda _: somebody.save_control(control, release=True))
    monkeypatch.setattr("tools.ops.rewind.time", ends)  # that poll is over when somebody waits for it

    done = operated.command("rewind", "--run", str(run.id), "--yes")

    assert done.status == 0, done
    assert "another poller is at work" in done.err
    operated.poll()
    until(lambda: len(operated.slack.posts) == 2, "the same message again")


def test_a_closed_run_is_rewound_by_time(operated: Operated) -> None:
    run = operated.new_run()
    operated.fail(run)
    operated.world.close_run(run)
    operated.poll()
    until(lambda: len(operated.slack.posts) == 1, "the first message")
    operated.poll()

    done = operated.command("rewind", "--since", "10m", "--project", str(operated.shop.id), "--yes", "--json")

    assert (done.status, done.json["results"]) == (0, 1), done
    operated.poll()
    until(lambda: len(operated.slack.posts) == 2, "the same message again")


def test_what_cannot_be_rewound_is_refused(operated: Operated) -> None:
    run = operated.new_run()
    assert operated.command("rewind").status == 2
    assert operated.command("rewind", "--since", "2999-01-01").status == 2
    assert operated.command("rewind", "--run", str(run.id), "--project", "1").status == 2
    assert operated.command("rewind", "--run", "999999").status == 1
    nothing = operated.command("rewind", "--run", str(run.id), "--yes")
    assert nothing.status == 0
    assert "nothing is failing there" in nothing.out


def test_polls_are_paused_and_resumed_and_the_rest_of_the_schedule_stays(operated: Operated) -> None:
    (where,) = [
        {"Name": one["Name"], "GroupName": one["GroupName"]}
        for one in operated.aws.scheduler.list_schedules()["Schedules"]
        if one["Name"].startswith(f"{operated.stack.name}-")
    ]
    before = operated.aws.scheduler.get_schedule(**where)

    resumed = operated.command("resume")
    assert resumed.status == 0
    assert "polls go on, rate(1 minute)" in resumed.out
    assert "sets it to DISABLED again" in resumed.out
    on = operated.aws.scheduler.get_schedule(**where)
    paused = operated.command("pause", "--json")
    assert (paused.status, paused.json["state"], paused.json["was"]) == (0, "DISABLED", "ENABLED")
    off = operated.aws.scheduler.get_schedule(**where)

    kept = ("Target", "ScheduleExpression", "Description", "FlexibleTimeWindow")
    assert [{key: one.get(key) for key in kept} for one in (on, off)] == [{key: before.get(key) for key in kept}] * 2
    assert (on["State"], off["State"]) == ("ENABLED", "DISABLED")
    assert "polls were paused already" in operated.command("pause").out


def test_after_a_drain_nothing_waits_and_nothing_is_read_until_somebody_stays(operated: Operated) -> None:
    run = operated.new_run()
    operated.fail(run)

    drained = operated.command("drain", "--json")
    assert (drained.status, drained.json["ok"], drained.json["waiting"]) == (0, True, []), drained
    until_then = drained.json["draining_until"]
    assert operated.command("status", "--json").json["draining_until"] == until_then
    assert f"nothing is read until {until_then}" in operated.command("status").out
    assert operated.poll().status == "waiting"
    assert operated.slack.posts == []
    assert "testmo-notifier drain --cancel" in operated.command("doctor").out

    stays = operated.command("drain", "--cancel")
    assert stays.status == 0, stays
    until(lambda: operated.slack.posts, "the message of what failed meanwhile")
    assert operated.command("status", "--json").json["draining_until"] is None


def test_a_webhook_that_is_fixed_takes_what_was_missed(operated: Operated) -> None:
    """The runbook word by word: doctor says it, redrive does it, deliveries proves it."""
    result = operated.park_one()
    assert operated.command("doctor").status == 1
    operated.slack.always(SlackAnswer())
    assert operated.command("redrive", "--yes").status == 0
    until(lambda: operated.command("deliveries", "--result", str(result.id)).status == 0, "the delivery")
    assert operated.command("doctor").status == 0
    assert GONE.status == 404
