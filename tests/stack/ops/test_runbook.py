"""The runbook, followed word by word: each section on a real stack that is broken as its alarm says, until it is well.

Alarms are judged by their definitions, over the lines that the deployed functions wrote; minutes are counted, not
waited for. What a section tells to type is taken from its text and typed.
"""

from __future__ import annotations

import inspect
import io
import json
import re
import shlex
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from testmo_notifier.adapters import destinations, items, transaction
from testmo_notifier.adapters.topic import Topic
from testmo_notifier.model import Trouble
from testmo_notifier.polling.handover import OFF_STACK
from tests.stack.waiting import until
from tests.support.alarms import ALARMS, STACK, CloudWatch
from tests.support.factories import make_control
from tests.support.fakes import SlackAnswer
from tests.support.template import ROOT, TEMPLATE, actions, statements
from tools.local.poller import PollFailed
from tools.ops import records, schedule, send_test, subscriptions

from . import runbook
from .conftest import GONE, NAME, Operated, Said

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DOWN = SlackAnswer(500, b"server_error")


class Duty:
    """Somebody on duty: a broken stack, its alarms, the runbook."""

    def __init__(self, operated: Operated, folder: Path) -> None:
        self.operated = operated
        self.folder = folder
        self.cli = runbook.Cli(operated.aws)
        self.cloudwatch = CloudWatch()
        self.time = START
        self.later = ExitStack()  # what has to be as it was for the next test
        self._taken: Counter[str] = Counter()
        self._new_lines()  # what other tests left

    def follow(self, title: str) -> runbook.Follower:
        """Open the runbook at a section; the alarms that lead there are the ones it names."""
        return runbook.Follower(title, self.run)

    def run(self, line: str) -> Any:  # noqa: ANN401 - what the command said
        """Type a line."""
        line = re.sub(r"\bSTACK\b", NAME, line)
        if line.startswith("testmo-notifier "):
            return self.operated.command(*shlex.split(line)[1:])
        return self.cli.shell(line)

    def follow_the_next_step(self, said: Said, words: str) -> None:
        """Type the `aws` command that doctor gave for what it found."""
        lines = said.out.splitlines()
        (found,) = [number for number, line in enumerate(lines) if line.startswith("✗") and words in line]
        self.cli.shell(lines[found + 1].partition("→ ")[2])

    @contextmanager
    def settings(self, files: dict[str, str]) -> Iterator[Path]:
        """A settings layer with other files, deployed for a while; gives its folder."""
        folder = self.folder / "python" / "testmo_notifier_settings"
        shutil.copytree(ROOT / "layers/settings/python/testmo_notifier_settings", folder)
        for name, text in files.items():
            (folder / name).write_text(text)
        functions, poller = self.operated.aws.functions, self.operated.stack.poller
        layers = [one["Arn"] for one in functions.get_function_configuration(FunctionName=poller)["Layers"]]
        content = {"ZipFile": zipped(self.folder / "python")}
        layer = functions.publish_layer_version(LayerName="changed", Content=content)  # type: ignore[arg-type]  # its own type
        functions.update_function_configuration(FunctionName=poller, Layers=[layers[0], layer["LayerVersionArn"]])
        try:
            yield folder
        finally:
            functions.update_function_configuration(FunctionName=poller, Layers=layers)

    def passes(self, minutes: float) -> None:
        """Time goes by, for the alarms."""
        self.time += timedelta(minutes=minutes)

    def _new_lines(self) -> list[str]:
        new: list[str] = []
        for group in ("PollerLogGroup", "SlackLogGroup"):
            name = self.operated.account.stack.resources["AWS::Logs::LogGroup"][group]
            events = self.operated.account.logs.filter_log_events(logGroupName=name)["events"]
            seen: Counter[str] = Counter()
            for event in sorted(events, key=lambda one: int(one["timestamp"])):
                stream = event["logStreamName"]
                seen[stream] += 1
                if seen[stream] > self._taken[stream]:
                    new.append(event["message"])
            self._taken |= seen
        return new

    def lines(self) -> list[dict[str, Any]]:
        """What the functions logged since the last time; their metrics go to CloudWatch now."""
        found = [json.loads(line) for line in self._new_lines() if line.startswith("{")]
        for line in found:
            if "_aws" in line:
                line["service"] = line["service"].replace(f"{NAME}-", f"{STACK}-")
        printed = "\n".join(json.dumps(line) for line in found if "_aws" in line)
        self.cloudwatch.put_lines(printed, self.time)
        return [line for line in found if "_aws" not in line]

    def rings(self, alarm: str) -> bool:
        """Whether an alarm is on, by its definition."""
        self.lines()
        return self.cloudwatch.is_alarm(alarm, self.time)

    def measured(self, name: str) -> list[float]:
        """Every value of a metric of ours, whatever else its dimensions are."""
        self.lines()
        found = [points for (_, metric, _), points in self.cloudwatch.points.items() if metric == name]
        return [value for points in found for _, value in points]

    def told(self, field: str) -> list[Any]:
        """A field of every line that was logged since the last look."""
        return [line[field] for line in self.lines() if field in line]

    def queue(self, name: str, metric: str, value: float) -> None:
        """SQS measures this."""
        self.cloudwatch.put("AWS/SQS", metric, self.time, value, QueueName=name)

    def functions(self, metric: str, value: float) -> None:
        """Lambda measures this of both functions, once a minute for a quarter of an hour."""
        for _ in range(16):
            self.passes(1)
            for name in ("PollerFunction", "SlackFunction"):
                self.cloudwatch.put("AWS/Lambda", metric, self.time, value, FunctionName=name)

    def polls_are_due(self, minutes: int) -> None:
        """Time goes by, for alarms and state, and the scheduler attempts a poll every minute."""
        for minute in range(1, minutes + 1):
            due = self.time + timedelta(minutes=minute)
            self.cloudwatch.put("AWS/Scheduler", "InvocationAttemptCount", due, 1, ScheduleGroup="ScheduleGroup")
        self.age(minutes)

    def failed_poll(self) -> str:
        with pytest.raises(PollFailed) as caught:
            self.operated.poll()
        return str(caught.value)

    def age(self, minutes: int) -> None:
        """Time goes by, for what the poller keeps."""
        by = timedelta(minutes=minutes)
        self.lines()  # of the time before
        self.passes(minutes)
        account = self.operated.account
        control, _ = records.control(account)
        times = ("polled_at", "discovered_at", "closed_checked_at", "not_before")
        subjects = (control.looked, control.budget)
        older: dict[str, Any] = {
            name: at - by for name in times for one in subjects if (at := getattr(one, name, None))
        }
        older["requests"] = {}  # those of a minute ago count no longer
        older["undone_since"] = {run: at - by for run, at in control.left.undone_since.items()}
        health = control.health
        older["troubles"] = {
            name: Trouble(one.seen_at - by, one.over_at and one.over_at - by) for name, one in health.troubles.items()
        }
        older["mail"] = health.mail and replace(health.mail, at=health.mail.at - by)
        change(self.operated, items.CONTROL_KEY, items.control_values(make_control(control, **older)))
        for project in records.state(account).projects.values():
            moved: dict[str, Any] = {n: at - by for n in ("gone_at", "looked_at") if (at := getattr(project, n))}
            values = items.project_item(replace(project, **moved))
            change(self.operated, {name: values.pop(name) for name in ("pk", "sk")}, values)


def change(operated: Operated, key: Any, values: dict[str, Any]) -> None:  # noqa: ANN401 - an item's
    operated.account.dynamodb.update_item(
        TableName=operated.stack.table,
        Key=key,
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
        ExpressionAttributeNames={f"#{name}": name for name in values},
        ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
    )


@pytest.fixture
def duty(operated: Operated, tmp_path: Path) -> Iterator[Duty]:
    duty = Duty(operated, tmp_path)
    with duty.later:
        yield duty


def is_well(said: Said) -> bool:
    """What doctor says of a stack that is well again."""
    assert said.status == 0, said.out
    return f"{NAME}: all is well" in said.out


def test_the_introduction(duty: Duty) -> None:
    """The log by the command that it gives; one message from poll to Slack by its `notification_id`."""
    operated = duty.operated
    result = operated.fail(operated.new_run())
    operated.poll()
    until(lambda: operated.slack.posts, "the message")
    operated.settle()
    logs, deliveries = (one for one in runbook.introduction().commands if "STACK" in one)

    printed = duty.run(logs)
    said = duty.run(deliveries.replace("ID", str(result.id)))

    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert [line for line in lines if line.get("message") == "poll"]
    ids = [line["notification_id"] for line in lines if line.get("destination") == "slack:default"]
    slack_log = duty.run(logs.replace("PollerLogGroup", "SlackLogGroup"))
    assert '"message":"delivered"' in slack_log
    assert ids[-1] in slack_log
    assert said.status == 0
    assert "slack:default  1 result: Slack took it at" in said.out


def test_no_poll_succeeds(duty: Duty, monkeypatch: pytest.MonkeyPatch) -> None:
    operated = duty.operated
    run = operated.new_run()
    operated.fail(run)
    operated.simulator.faults.add("503", times=None)
    duty.failed_poll()
    assert not duty.rings("NoPollAlarm")
    duty.polls_are_due(14)
    assert not duty.rings("NoPollAlarm")
    duty.polls_are_due(2)
    assert duty.rings("NoPollAlarm")

    with duty.follow("No poll succeeds") as guide:
        guide.step("doctor", "do what it says", "If another alarm came with this one")
        assert not duty.rings("TokenAlarm")
        said = guide.type()
        assert "the last poll was 16 min ago" in said.out
        assert re.search(r"✗ Log: the last poll failed .* ago: .*503", said.out)

        guide.step("Testmo does not answer", "wait", "The next poll tries again")
        assert f"✗ Testmo: {operated.simulator.url}: " in said.out
        assert "whether the instance is up" in said.out
        duty.failed_poll()
        duty.polls_are_due(1)
        assert duty.rings("NoPollAlarm"), "a poll that fails is no sign of life"

        step = guide.step("the poller's log has no poll", "though the schedule is enabled")
        with monkeypatch.context() as patch:
            patch.setattr("tools.ops.logs.lines", lambda *_: iter(()))
            patch.setattr(schedule, "read", lambda _: {"State": "ENABLED", "ScheduleExpression": "rate(1 minute)"})
            said = duty.run("testmo-notifier doctor")
        assert "the poller's log has no poll of the last 20 minutes" in said.out
        assert "✗ Polls: the schedule is enabled (rate(1 minute)); the last poll was 17 min ago" in said.out
        assert {"A function fails", "A function is throttled"} <= set(re.findall(r'"([^"]+)"', step.words))

        step = guide.step("one failed poll an hour is no news", "`SilenceMinutes` above the hour")
        (minutes,) = map(int, re.findall(r"`(\d+)`", step.words))
        assert rings_after_one_failed_poll_of_an_hour(silence_minutes=15)
        assert not rings_after_one_failed_poll_of_an_hour(silence_minutes=minutes)
        assert minutes <= TEMPLATE["Parameters"]["SilenceMinutes"]["MaxValue"]

        guide.fixed("by the schedule or by hand", "also over a weekend", "Everything saved meanwhile is announced")
        duty.passes(59 * 60)
        assert duty.rings("NoPollAlarm"), "nothing was attempted, and nothing is well"
        operated.simulator.faults.clear()
        until(lambda: operated.poll().status == "ok", "a poll")
        said = guide.type()
        assert re.search(r"Last poll +\d+ s ago", said.out)
        assert not duty.rings("NoPollAlarm")
        until(lambda: operated.slack.posts, "what was saved meanwhile")

        is_not_seen_by_the_alarm_and_told_when_asked(duty, guide)


def is_not_seen_by_the_alarm_and_told_when_asked(duty: Duty, guide: runbook.Follower) -> None:
    """Somebody paused the schedule and went home."""
    duty.operated.command("pause")
    duty.age(16)
    assert not duty.rings("NoPollAlarm")
    assert re.search(r"Schedule +rate\(1 minute\), disabled", guide.type(number=1).out)
    said = duty.run("testmo-notifier doctor")
    assert "✗ Polls: the schedule is disabled (rate(1 minute)); the last poll was 16 min ago" in said.out
    assert "→ testmo-notifier resume" in said.out
    assert guide.type(number=2).status == 0
    duty.operated.command("pause")  # or the emulator would poll whenever it likes


def rings_after_one_failed_poll_of_an_hour(*, silence_minutes: int) -> bool:
    """A schedule of `rate(1 hour)`: whether the alarm has been on before the next poll came."""
    cloudwatch = CloudWatch(silence_minutes=silence_minutes)
    for hours, succeeded in ((0, 1), (1, 0), (2, 1)):
        at = START + timedelta(hours=hours)
        cloudwatch.put("AWS/Scheduler", "InvocationAttemptCount", at, 1, ScheduleGroup="ScheduleGroup")
        if succeeded:
            cloudwatch.put("TestmoNotifier", "PollSucceeded", at, 1, service=f"{STACK}-poller")
    return any(cloudwatch.is_alarm("NoPollAlarm", START + timedelta(minutes=minute)) for minute in range(150))


def test_results_are_late(duty: Duty) -> None:
    operated = duty.operated
    broken, fine = operated.new_run(), operated.new_run()
    operated.simulator.faults.add("500", path=f"/runs/{broken.id}/results", times=None)
    operated.fail(broken)
    assert operated.poll().status == "partial"
    duty.age(16)
    operated.fail(fine)
    operated.poll()
    assert duty.rings("LagAlarm")
    until(lambda: operated.slack.posts, "the other run's message")

    with duty.follow("Results are late") as guide:
        guide.step("which runs are left undone, and for how long", "why, in the words of the last poll")
        assert f"Left undone                   run {broken.id} for 16 min" in guide.type().out
        said = guide.type(number=1)
        assert f"✗ Polls: 1 run due and not read: {broken.id}; the oldest for 16 min" in said.out
        assert re.search(rf"✗ Log: the last poll, \d+ s ago, said: .*/runs/{broken.id}/results.*500", said.out)

        step = guide.step("the N requests that a minute may take are used up", "`RequestsPerMinute`")
        for _ in range(3):
            operated.new_run()
        duty.age(1)
        with operated.configured(operated.stack.poller, REQUESTS_PER_MINUTE="5"):
            (problem,) = [p for p in operated.poll().problems if "used up" in p]
        assert re.sub(r"\d+", "N", problem) in step.words

        guide.step("run N cannot be read", "Open it in the browser", "The other runs are not held up")
        assert f"✗ Testmo: run {broken.id} cannot be read: " in said.out
        assert "open it in the browser" in said.out
        operated.simulator.faults.clear()
        assert operated.poll().status == "ok"

        guide.step("SNS did not take a message", "the words of AWS stand behind it")
        operated.fail(fine, 1)
        with operated.configured(operated.stack.poller, TOPIC_ARN=f"{operated.stack.topic_arn}-of-nobody"):
            problems = operated.poll().problems
        assert [p for p in problems if re.match(r"SNS did not take a message for slack:default: .*Publish", p)]
        assert "to be published" in duty.run("testmo-notifier status").out

        step = guide.step("DynamoDB takes no more writes just now", "`ThrottledRequests`")  # tests/flow/test_alarms.py
        assert str(transaction.crowded({"pk": {"S": "RUN#1"}})).partition("not written: ")[2] in step.words

        guide.step('"could not be rendered"', "`sam build && sam deploy`")  # tests/flow/test_alarms.py

        step = guide.step("Give `SlackSecretArn`", "they go out with the next poll")  # tests/flow/test_hand_over.py
        assert OFF_STACK.partition(":")[0] in step.words

        guide.step("DynamoDB refuses it", "Report it")  # tests/unit/test_store.py
        refused = transaction.unfit({"pk": {"S": "RUN#1"}}, {"Code": "ValidationException", "Message": "why"})
        assert "DynamoDB refuses it" in str(refused)

        guide.fixed("nothing is left undone", "the outboxes are empty", "`LagSeconds` is 0")
        assert operated.poll().status == "ok"
        said = guide.type()
        assert "Left undone                   nothing" in said.out
        assert "Outboxes                      empty" in said.out
        assert duty.measured("LagSeconds")[-1] == 0
        duty.passes(5)
        operated.poll()
        assert not duty.rings("LagAlarm")


def test_testmo_refuses_the_token(duty: Duty) -> None:
    operated = duty.operated
    run = operated.new_run()
    api, old = operated.simulator._api, operated.simulator.token
    api.token = "testmo_api_the-new-one"
    duty.later.callback(setattr, api, "token", old)
    operated.fail(run)
    assert "refuses the token" in duty.failed_poll()
    assert duty.rings("TokenAlarm")

    with duty.follow("Testmo refuses the token") as guide:
        guide.step("make a new token")
        guide.step("Store it in the secret that doctor names", "No deploy", "as soon as it is refused")
        said = guide.type()
        (found,) = re.findall(r"→ make a new API token .*--secret-id (arn:\S+) ", said.out)
        duty.cli.pasted = "testmo_api_the-new-one"
        guide.type(number=1, TESTMO_SECRET_ARN=found)

        guide.step("says whose token it is and which projects it sees")
        assert operated.poll().status == "ok", "the secret is read again at once"
        said = guide.type()
        assert "✓ Testmo: the token belongs to Testmo Notifier" in said.out
        assert "✓ Testmo: 1 of 1 visible projects are watched: Shop" in said.out

        guide.fixed("doctor says so", "within a quarter of an hour", "saved meanwhile is announced")
        assert is_well(said)
        until(lambda: operated.slack.posts, "what was saved meanwhile")
        duty.passes(15)
        assert not duty.rings("TokenAlarm")


def test_testmo_throttles(duty: Duty) -> None:
    operated = duty.operated
    run = operated.new_run()
    operated.simulator.faults.add("429", retry_after=1, times=None)
    operated.fail(run)
    for _ in range(5):
        operated.poll()
        assert not duty.rings("ThrottledAlarm")
        duty.passes(5)
    operated.poll()
    assert duty.rings("ThrottledAlarm")

    with duty.follow("Testmo throttles") as guide:
        guide.step("What Testmo is asked", "`RequestsPerMinute`", "lower one", "higher `MaxStalenessMinutes`")
        (widget,) = [one for one in widgets() if one["title"] == "What Testmo is asked"]
        assert "sum(requests)" in widget["query"]
        operated.simulator.faults.clear()
        until(lambda: operated.poll().status == "ok", "the end of the pause")
        busy = duty.told("requests")[-1]
        duty.age(1)
        with operated.configured(operated.stack.poller, REQUESTS_PER_MINUTE="30", MAX_STALENESS_MINUTES="60"):
            # By chance the hourly turn of a run may come just now; the poll after that asks for less.
            until(lambda: (operated.poll(), duty.told("requests")[-1] < busy)[1], "a poll that asks for less")

        guide.step("look for the other one")

        guide.fixed("no poll says 429 for half an hour")
        duty.passes(30)
        operated.poll()
        assert not duty.rings("ThrottledAlarm")
        until(lambda: operated.slack.posts, "what was late")


def test_a_project_has_become_invisible(duty: Duty) -> None:
    operated = duty.operated
    other = operated.world.add_project("Warehouse")
    duty.later.callback(operated.world.projects.pop, other.id)
    run = operated.world.add_run(other, "Stock", cases=[operated.world.add_case(other, "Count")])
    both = f"{operated.shop.id},{other.id}"
    with operated.configured(operated.stack.poller, PROJECT_IDS=both):
        operated.poll()
        operated.world.hide_project(other)
        operated.fail(run)
        operated.poll()
        assert duty.rings("InvisibleAlarm")

        with duty.follow("A project or run has become invisible") as guide:
            guide.step("names it", "filter the poller's log for `invisible > 0`", "read `problems`")
            said = guide.type()
            assert f"✗ Testmo: project {other.id} of ProjectIds is not visible to the token's user" in said.out
            assert f"→ give the token's user access to it, or take {other.id} out of ProjectIds" in said.out
            duty.operated.poll()
            lines = [line for line in duty.lines() if line.get("invisible", 0) > 0]
            assert str(other.id) in lines[-1]["problems"][0]
            operated.world.show_project(other)
            operated.simulator.faults.add("403", path=f"/projects/{other.id}/runs", times=None)
            operated.poll()
            assert f"Hidden                        project {other.id} since 20" in guide.type(number=1).out

            guide.step("Give the token's user access", "or take the id out of `ProjectIds`")
            operated.simulator.faults.clear()

            guide.fixed("the next look, within an hour", "saved meanwhile is announced", "70 minutes after")
            duty.age(60)
            operated.poll()
            operated.settle()
            until(lambda: operated.slack.posts, "what was saved meanwhile")
            assert duty.operated.poll().problems == ()
            assert duty.rings("InvisibleAlarm")
            duty.age(10)
            operated.poll()
            assert not duty.rings("InvisibleAlarm")


def test_a_setting_does_not_fit(duty: Duty) -> None:
    operated = duty.operated
    with duty.follow("A setting does not fit") as guide:
        with operated.configured(operated.stack.poller, ALERT_STATUS_IDS="3,5,Exploded"):
            operated.new_run()
            assert duty.rings("SettingsAlarm")

            guide.step("which setting", "for a status which names there are", "Correct it and deploy")
            said = guide.type()
            assert "✗ Log: the last poll" in said.out
            assert "AlertStatusIds: no status of this Testmo is called 'Exploded'" in said.out
            assert "it has Untested, Passed, Failed" in said.out

        guide.step("A file, with its line", "everything that is wrong with it", "Correct it and deploy")
        with duty.settings({"routes.toml": '[[routes]]\nto = ["slack:default"]\nafter = 0\n'}) as settings:
            operated.fail(operated.new_run())
            said = operated.poll().problems[0]
            assert said.startswith("routes.toml:3: route 1 has after = 0: ")
            assert said.endswith("everything goes to slack:default")
            assert duty.rings("SettingsAlarm")
            assert "routes.toml:3: route 1 has after = 0: " in duty.run("testmo-notifier doctor").out
            said = guide.type(extra=f"--settings {settings}")
            assert (said.status, "routes.toml:3: route 1 has after = 0: " in said.out) == (1, True)
            until(lambda: operated.slack.posts, "what the wrong file does not silence")

        guide.step('"was rejected"', "it holds no secret")
        run = operated.new_run()
        duty.lines()
        operated.simulator.faults.add("422", path=f"/runs/{run.id}/results", times=None)
        operated.fail(run)
        operated.poll()
        (line,) = [line for line in duty.lines() if line.get("message") == "poll"]
        assert "was rejected (422)" in line["problems"][0]
        assert operated.simulator.token not in json.dumps(line)
        operated.simulator.faults.clear()

        guide.fixed("doctor says of the last poll that all is well", "`settings_problems: 0`", "70 minutes later")
        assert operated.poll().status == "ok"
        (line,) = [line for line in duty.lines() if line.get("message") == "poll"]
        assert line["settings_problems"] == 0
        assert "✓ Log: the last poll says that all is well" in duty.run("testmo-notifier doctor").out
        assert duty.rings("SettingsAlarm")
        duty.age(70)
        operated.poll()
        assert not duty.rings("SettingsAlarm")


def test_an_address_gets_no_mail(duty: Duty) -> None:
    operated = duty.operated
    topics = {"email:default": operated.stack.topic_arn, "alarms": operated.account.stack.outputs["OpsTopicArn"]}
    for destination, topic in topics.items():
        duty.later.callback(operated.command, "subscribe", destination, "qa@example.com")
        (mail,) = (s for s in subscriptions.listed(operated.account, topic) if s.endpoint == "qa@example.com")
        operated.aws.sns.unsubscribe(SubscriptionArn=mail.arn)  # as the link under a mail does
    operated.poll()
    assert not duty.rings("UnsubscribedAlarm"), "it is looked for once an hour"
    duty.age(60)
    operated.watch.posts.clear()
    operated.poll()
    assert duty.rings("UnsubscribedAlarm")
    assert operated.watch.posts, "held back only where there is no Slack either"

    with duty.follow("An address gets no mail") as guide:
        guide.step("which address it is")
        said = guide.type()
        assert "✗ Mail: EmailAddress (qa@example.com) is not subscribed any more and gets no notifications" in said.out
        assert "✗ Mail: EmailAddress (qa@example.com) is not subscribed any more and gets no alarms" in said.out
        assert "Log: " not in said.out, "what the poll said of it is said once"

        guide.step("Never confirmed", "the spam folder", "sends AWS's mail once more")

        guide.step("for `EmailAddress`", "for the alarms")
        assert "AWS has sent a mail to qa@example.com: email:default" in guide.type(ADDRESS="qa@example.com").out
        assert "AWS has sent a mail to qa@example.com: alarms" in guide.type(number=1, ADDRESS="qa@example.com").out
        assert is_well(duty.run("testmo-notifier doctor")), "what the last poll said is over"

        guide.step("Do not click the link in AWS's mail: copy it", "within two days")
        host = "https://sns.us-east-1.amazonaws.com/confirmation.html"
        said = guide.type(LINK=f"{host}?TopicArn={topics['alarms']}&Token=2336ab&Endpoint=qa@example.com")
        assert "AWS does not take that link" in said.err, "an emulator confirms by itself and made no such token"

        step = guide.step("AWS does not tell who is subscribed", "Polls go on without it")
        named = set(re.findall(r"`(sns:\w+)`", step.words))
        assert named == {"sns:ListSubscriptionsByTopic", "sns:GetSubscriptionAttributes"}
        assert named <= {action for one in statements("PollerRole").values() for action in actions(one)}
        duty.age(60)
        with operated.configured(operated.stack.poller, OPS_TOPIC_ARN=f"{topics['alarms']}-of-nobody"):
            summary = operated.poll()
        assert summary.status == "ok"
        assert [words for words in summary.problems if words.startswith("AWS does not tell who is subscribed: ")]

        guide.fixed("doctor says where mail goes", "after the next hourly look", "is lost for that mailbox")
        duty.age(60)
        assert operated.poll().problems == ()
        assert not duty.rings("UnsubscribedAlarm")
        said = duty.run("testmo-notifier doctor")
        assert "✓ Mail: email:default goes to qa@example.com" in said.out
        assert is_well(said)
        operated.fail(operated.new_run())
        operated.poll()
        assert "email:default  1 result: accepted by SNS" in guide.type().out


def test_results_that_cannot_be_understood(duty: Duty) -> None:
    operated = duty.operated
    run = operated.new_run()
    result = operated.fail(run)
    result.elapsed_us = "a minute"  # type: ignore[assignment]  # what Testmo's API does not describe
    operated.poll()
    until(lambda: operated.slack.posts, "the message, told as far as it could be understood")
    assert duty.rings("MalformedAlarm")

    with duty.follow("Results that cannot be understood") as guide:
        guide.step("the run, the result and the field")
        said = guide.type()
        field = rf"{result.id} \(elapsed is not a number\)"
        assert re.search(rf"✗ Log: the last poll, .* said: run {run.id}: 1 result told .*{field}", said.out)

        guide.step("A single one")

        guide.step("Look for a newer version", "it holds no secret")
        assert operated.simulator.token not in said.out

        guide.fixed("no further one comes", "70 minutes after the last")
        operated.fail(run, 1)
        assert operated.poll().problems == ()
        duty.passes(70)
        assert not duty.rings("MalformedAlarm")


def test_a_template_is_broken(duty: Duty) -> None:
    operated = duty.operated
    run = operated.new_run()
    settings = duty.later.enter_context(duty.settings({"templates/slack_result.j2": "{{ nothing.here }}"}))
    operated.fail(run)
    operated.poll()
    until(lambda: operated.slack.posts, "the built-in text")
    assert duty.rings("TemplateAlarm")

    with duty.follow("A template is broken") as guide:
        guide.step("names template and line", "as long as it was the last poll")
        assert re.search(r"✗ Log: the last poll.*slack_result\.j2:1: ", guide.type().out)

        guide.step("finds it on your machine by file and line", "shows the message", "Correct it and deploy")
        said = guide.type(extra=f"--settings {settings}")
        assert said.status == 1
        assert "slack_result.j2:1: " in said.out
        said = guide.type(number=1, extra=f"--settings {settings}")
        assert (said.status, "slack_result.j2" in said.err) == (1, True)
        (settings / "templates" / "slack_result.j2").unlink()
        assert duty.run(f"testmo-notifier check --settings {settings}").status == 0
        duty.later.close()

        guide.fixed("the next message looks as it should", "does not show it: its text is no template", "70 minutes")
        operated.slack.posts.clear()
        assert guide.type().status == 0
        assert [text[:6] for text in operated.slack.texts()] == ["[TEST]"]
        operated.slack.posts.clear()
        operated.fail(run, 1)
        assert operated.poll().problems == ()
        until(lambda: operated.slack.posts, "the next message")
        duty.passes(70)
        assert not duty.rings("TemplateAlarm")


def test_messages_are_parked(duty: Duty) -> None:
    operated = duty.operated
    result = operated.park_one()
    envelope = {
        "Type": "Notification",
        "Message": "body",
        "Subject": "subject",
        "MessageAttributes": {
            "channel": {"Type": "String", "Value": "email"},
            "destination": {"Type": "String", "Value": "email:default"},
        },
    }
    operated.aws.sqs.send_message(QueueUrl=operated.dead("SNS"), MessageBody=json.dumps(envelope))
    for alarm, queue in (("SlackDeadLettersAlarm", "Slack"), ("SubscriptionDeadLettersAlarm", "SNS")):
        depth = operated.depth(operated.dead(queue))
        name = alarm.replace("LettersAlarm", "LetterQueue")
        duty.queue(name, "ApproximateNumberOfMessagesVisible", depth)
        assert duty.rings(alarm)

    with duty.follow("Messages are parked") as guide:
        guide.step("which webhook or subscription is broken", "why each message was parked")
        said = guide.type()
        assert "✗ Slack: the webhook of slack:default: Slack answered 404 (no_service)" in said.out
        assert "✗ Queues: 1 dead letter (slack), slack:default: no_service" in said.out
        assert "✗ Queues: 1 dead letter (subscription), email:default: SNS could not hand it over" in said.out

        guide.step('"A destination is gone" for a webhook', "the link in AWS's mail")
        operated.slack.always(SlackAnswer())
        assert guide.type(ADDRESS="qa@example.com").status == 0

        guide.step("shows what is parked")
        said = guide.type()
        assert "1 for slack:default: no_service" in said.out
        assert operated.depth(operated.dead("Slack")) == 1

        guide.step("What Slack already has is not sent twice")
        operated.slack.posts.clear()
        assert guide.type().status == 0
        until(lambda: operated.slack.posts, "the message that was missed")
        operated.settle()

        guide.fixed("both queues of dead letters are empty")
        assert "to slack 0, dead slack 0, dead subscription 0" in guide.type().out
        assert duty.run(f"testmo-notifier deliveries --result {result.id}").status == 0
        assert is_well(duty.run("testmo-notifier doctor"))


def test_messages_wait_for_slack(duty: Duty) -> None:
    operated = duty.operated
    run = operated.new_run()
    (mapping,) = operated.aws.functions.list_event_source_mappings(FunctionName=operated.stack.slack_function or "")[
        "EventSourceMappings"
    ]
    switch = partial(operated.aws.functions.update_event_source_mapping, UUID=mapping["UUID"])
    duty.later.callback(switch, Enabled=True)
    switch(Enabled=False)
    operated.fail(run)
    operated.poll()
    assert operated.depth(operated.stack.slack_queue) == 1
    duty.queue("SlackQueue", "ApproximateAgeOfOldestMessage", 900)
    assert duty.rings("SlackQueueAgeAlarm")
    operated.slack.answer(SlackAnswer(hang_up=True))
    assert half_an_hour_late(duty) == "no_answer"
    assert duty.rings("SlackLateAlarm")

    with duty.follow("Messages wait for Slack") as guide:
        guide.step("does Slack answer, can the secret be read", "switched off", "Do what it says")
        operated.slack.always(DOWN)
        said = guide.type()
        assert "✗ Slack: the webhook of slack:default: Slack answered 500 (server_error)" in said.out
        assert "✗ Functions: SlackFunction is not fed by its queue (its trigger is Disabled)" in said.out
        operated.slack.always(SlackAnswer())
        webhooks = operated.secrets["SlackSecretArn"]

        guide.step("`no_answer`", "https://slack-status.com", "wait")

        guide.step("`secret_unreadable`", "is no JSON", "doctor says which", "does not hold up the others")
        with_a_comma = webhooks.replace("}", ",}")
        operated.store("SlackSecretArn", with_a_comma)
        with operated.configured(operated.stack.slack_function or "", MARK="a new process, which reads it anew"):
            assert half_an_hour_late(duty) == "secret_unreadable"
        said = duty.run("testmo-notifier doctor")
        what = (
            "starts like a JSON object and is none. Nothing goes to Slack until it is right; messages wait in the queue"
        )
        assert f"{what}\n  → check quotes and commas; no deploy is needed: " in said.out
        one_wrong = json.dumps({**json.loads(webhooks), "checkout": "https://example.com/hook"})
        operated.store("SlackSecretArn", one_wrong)
        said = duty.run("testmo-notifier doctor")
        assert "slack:checkout is not an address of Slack's webhook host" in said.out
        assert "✓ Slack: the webhook of slack:default" in said.out
        operated.store("SlackSecretArn", webhooks)

        guide.step("`SlackSecretArn` was taken away", "purge the queue")
        assert TEMPLATE["Resources"]["SlackFunction"]["Condition"] == "HasDelivery"
        assert "Condition" not in TEMPLATE["Resources"]["SlackQueue"]
        operated.slack.posts.clear()
        duty.follow_the_next_step(said, "SlackFunction is not fed by its queue")

        guide.fixed("nothing is on the way to Slack", "unless it was parked meanwhile")
        until(lambda: operated.slack.posts, "the message")
        operated.settle()
        assert "to slack 0, dead slack 0" in guide.type().out
        assert is_well(duty.run("testmo-notifier doctor"))


def half_an_hour_late(duty: Duty) -> str:
    """The function takes the one message that waits, as if it had been written 30 minutes ago; why it came back."""
    operated = duty.operated
    event = json.loads((ROOT / "events" / "slack_queue.json").read_text())
    (record,) = event["Records"]
    sent = datetime.now(UTC) - timedelta(minutes=30)
    record["attributes"]["SentTimestamp"] = str(int(sent.timestamp() * 1000))
    record["messageAttributes"]["id"]["stringValue"] = notification_id = f"late-{uuid4().hex}"
    duty.lines()
    operated.account.dynamodb.delete_item(TableName=operated.stack.table, Key=destinations.pace_key("slack:default"))
    operated.aws.invoked.invoke(FunctionName=operated.stack.slack_function or "", Payload=json.dumps(event).encode())
    (line,) = [line for line in duty.lines() if line.get("notification_id") == notification_id]
    assert line["end"] == "returned"
    operated.account.dynamodb.delete_item(TableName=operated.stack.table, Key=destinations.pace_key("slack:default"))
    assert line["waited_seconds"] >= 1800
    return str(line["reason"])


def test_a_destination_is_gone(duty: Duty) -> None:
    operated = duty.operated
    operated.slack.always(GONE, webhook="payments")
    message = replace(send_test.notification("slack:payments"), id="missed")
    Topic(operated.account.sns, operated.stack.topic_arn).publish(message)
    until(lambda: operated.depth(operated.dead("Slack")) == 1, "the dead letter")
    until(lambda: duty.rings("DestinationGoneAlarm"), "the alarm")
    secret = operated.parameters["SlackSecretArn"]
    before = operated.secrets["SlackSecretArn"]

    with duty.follow("A destination is gone") as guide:
        guide.step("names the destination (`slack:payments`, say) and why it is gone")
        said = guide.type()
        assert "✗ Slack: the webhook of slack:payments: Slack answered 404 (no_service)" in said.out

        guide.step("under the same name", "all of them, not only the new one")
        renewed = {**json.loads(before), "payments": operated.slack.webhook("renewed")}
        duty.cli.pasted = json.dumps(renewed)
        assert f"the Slack secret ({secret})" in said.out, "the ARN that is typed"
        guide.type(SLACK_SECRET_ARN=secret)

        guide.step()
        said = guide.type()
        assert said.status == 0
        assert "slack:payments: Slack took it (200 ok)" in said.out

        guide.step()
        assert guide.type().status == 0

        guide.fixed("the test message is in the channel", "no dead letters are left")
        until(lambda: len(operated.slack.texts("renewed")) == 2, "the test message and the one that was missed")
        operated.settle()
        assert "dead slack 0" in guide.type().out


def test_a_function_fails(duty: Duty) -> None:
    operated = duty.operated
    duty.lines()
    poller, slack = operated.stack.poller, operated.stack.slack_function or ""
    with duty.follow("A function fails") as guide:
        with operated.configured(poller, OVERLAP_SECONDS="soon"), operated.configured(slack, QUEUE_URL=None):
            assert "OVERLAP_SECONDS" in duty.failed_poll()
            said_reasons = {failed["reason"] for failed in polls_that_failed(duty)}
            duty.functions("Errors", 1)
            assert duty.rings("PollerErrorsAlarm")
            assert duty.rings("SlackErrorsAlarm")

            guide.step("which setting is missing, what the last poll failed of")
            said = guide.type()
            assert "✗ Functions: PollerFunction: OVERLAP_SECONDS is 'soon'" in said.out
            assert "✗ Functions: SlackFunction: QUEUE_URL is not set" in said.out
            assert re.search(r"✗ Log: the last poll failed \d+ s ago: .*OVERLAP_SECONDS is 'soon'", said.out)
        for fault, path in (("401", "*"), ("403", "/projects"), ("500", "*")):
            operated.simulator.faults.add(fault, path=path, times=None)
            duty.failed_poll()
            operated.simulator.faults.clear()
            said_reasons |= {failed["reason"] for failed in polls_that_failed(duty)}

        step = guide.step("`poll failed` has a `reason`")
        assert said_reasons == {"configuration", "token", "forbidden", "unreadable"}
        assert [reason for reason in (*said_reasons, "error") if f"`{reason}`" not in step.words] == []

        guide.step("`Task timed out`", "`Runtime.ImportModuleError`", "run `sam build` and `sam deploy` again")

        guide.step("deploy the version before")

        guide.fixed("a `poll` line without `poll failed` after it", "within 15 minutes")
        assert operated.poll().status == "ok"
        (line,) = [line for line in duty.lines() if str(line.get("message")).startswith("poll")]
        assert line["message"] == "poll"
        assert is_well(duty.run("testmo-notifier doctor"))
        duty.passes(15)
        assert not duty.rings("PollerErrorsAlarm")


def polls_that_failed(duty: Duty) -> list[dict[str, Any]]:
    return [line for line in duty.lines() if line.get("message") == "poll failed"]


def test_a_function_is_throttled(duty: Duty) -> None:
    operated = duty.operated
    functions = operated.aws.functions
    functions.put_function_concurrency(FunctionName=operated.stack.poller, ReservedConcurrentExecutions=0)
    duty.later.callback(functions.delete_function_concurrency, FunctionName=operated.stack.poller)
    assert "TooManyRequestsException" in duty.failed_poll()
    duty.functions("Throttles", 1)
    assert duty.rings("PollerThrottlesAlarm")
    assert duty.rings("SlackThrottlesAlarm")

    with duty.follow("A function is throttled") as guide:
        assert "This stack needs three at a time" in guide.section.text
        scaling = TEMPLATE["Resources"]["SlackFunction"]["Properties"]["Events"]["Queue"]["Properties"]
        assert scaling["ScalingConfig"]["MaximumConcurrency"] == 2, "and one poller"

        guide.step("did somebody switch the function off (reserved concurrency 0)?")
        duty.follow_the_next_step(guide.type(), "PollerFunction is switched off: its reserved concurrency is 0")

        guide.step("Concurrent executions")

        guide.step("Ask for a higher quota")

        guide.fixed("polls come every minute again")
        assert operated.poll().status == "ok"
        duty.passes(15)
        assert not duty.rings("PollerThrottlesAlarm")


def test_a_function_needs_too_long(duty: Duty) -> None:
    operated = duty.operated
    duty.functions("Duration", 48_001)
    assert duty.rings("PollerSlowAlarm")
    assert duty.rings("SlackSlowAlarm")

    with duty.follow("A function needs too long") as guide:
        guide.step("`Duration` in CloudWatch")
        assert [one for one in widgets() if any("Duration" in metric for metric in one.get("metrics", ()))]

        guide.step("Mails are paced at five a second")

        guide.step("is `no_answer` the `reason` in its log?", "ten seconds")
        operated.slack.answer(SlackAnswer(hang_up=True))
        assert half_an_hour_late(duty) == "no_answer"

        guide.fixed("below 48 s for 15 minutes", "What was cut off is done again")
        duty.passes(5)
        duty.functions("Duration", 47_999)
        assert not duty.rings("PollerSlowAlarm")
        assert not duty.rings("SlackSlowAlarm")


def test_a_silence_is_on_that_nobody_wants(duty: Duty) -> None:
    operated = duty.operated
    run = operated.new_run()
    asked = ("silence", "add", "--for", "1h", "--match", f"run={run.id}", "--reason", "moved", "--author", "Ada")
    (key,) = re.findall(r"silence end (\w+)", operated.command(*asked).out)
    result = operated.fail(run)
    operated.poll()

    with duty.follow("A silence is on that nobody wants") as guide:
        guide.step("who wanted it", "how much is held")
        listed = guide.type()
        assert "by Ada: moved" in listed.out
        assert "1 result of 1 run held" in listed.out
        assert "held (silenced by Ada until 20" in guide.type(number=1, ID=str(result.id)).out

        guide.step("ends it")
        assert "what it held is told next" in guide.type(ID=key).out

        guide.step("is another version's")
        operated.poll()
        operated.settle()
        assert operated.command("deliveries", "--result", str(result.id)).status == 0
        guide.fixed("the message has come")
        said = guide.type()
        assert key not in said.out
        assert "silenced by" not in said.out


def test_watching_from_outside(duty: Duty) -> None:
    """It has no steps: what it claims is tried."""
    operated, watch = duty.operated, duty.operated.watch
    words = " ".join(runbook.sections()["Watching from outside"].text.split())
    claims = (
        "`HeartbeatSecretArn`",
        "after every successful poll",
        "never fails a poll",
        '"the heartbeat was not heard"',
    )
    assert [claim for claim in claims if claim not in words] == []
    assert watch.posts, "after every successful poll"

    watch.answer(DOWN, DOWN, DOWN)
    assert operated.poll().status == "ok"
    assert "the heartbeat was not heard" in duty.told("message")

    operated.simulator.faults.add("401", times=None)
    watch.posts.clear()
    duty.failed_poll()
    assert watch.posts == [], "a poll that fails is no sign of life"


def widgets() -> list[dict[str, Any]]:
    body = TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return [one["properties"] for one in json.loads(body)["widgets"]]


def zipped(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder.parent))
    return packed.getvalue()


# ----- Whether it is all of it -----------------------------------------------------------------------------

SECTIONS: dict[str, Callable[..., None]] = {
    "No poll succeeds": test_no_poll_succeeds,
    "Results are late": test_results_are_late,
    "Testmo refuses the token": test_testmo_refuses_the_token,
    "Testmo throttles": test_testmo_throttles,
    "A project or run has become invisible": test_a_project_has_become_invisible,
    "A setting does not fit": test_a_setting_does_not_fit,
    "An address gets no mail": test_an_address_gets_no_mail,
    "Results that cannot be understood": test_results_that_cannot_be_understood,
    "A template is broken": test_a_template_is_broken,
    "Messages are parked": test_messages_are_parked,
    "Messages wait for Slack": test_messages_wait_for_slack,
    "A destination is gone": test_a_destination_is_gone,
    "A function fails": test_a_function_fails,
    "A function is throttled": test_a_function_is_throttled,
    "A function needs too long": test_a_function_needs_too_long,
    "A silence is on that nobody wants": test_a_silence_is_on_that_nobody_wants,
    "Watching from outside": test_watching_from_outside,
}


def test_every_section_is_followed() -> None:
    """A section that is added has to be followed above, and a step or a command that is added within it, too."""
    assert list(runbook.sections()) == list(SECTIONS)
    for title, section in runbook.sections().items():
        assert f'"{title}"' in inspect.getsource(SECTIONS[title])
        assert section.steps or not section.alarms, f"{title} has alarms and no step"


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_is_seen_to_ring_in_the_section_that_it_names(alarm: str) -> None:
    title = re.search(r'Runbook: docs/runbook\.md, "([^"]+)"\.$', ALARMS[alarm]["AlarmDescription"])
    assert title is not None
    assert alarm in runbook.sections()[title[1]].alarms
    assert f'"{alarm}"' in inspect.getsource(SECTIONS[title[1]])


def test_every_section_that_another_one_names_is_there() -> None:
    named = re.findall(r'(?:see|below,|fails" and|first:) "([A-Z][^"]+)"', runbook.commandline(runbook.TEXT))
    assert named
    assert [title for title in named if title not in SECTIONS] == []


@pytest.mark.parametrize("change", ["a section", "a step", "a command"])
def test_what_is_added_and_not_followed_is_noticed(change: str) -> None:
    """The follower itself: it would be worth nothing if it let something pass."""
    text = "intro\n\n## One\n\n`OneAlarm` · x\n\n**Do**\n\n1. `testmo-notifier doctor`\n\n**Fixed when** so.\n"
    known = runbook.sections(text)
    match change:
        case "a section":
            assert list(runbook.sections(f"{text}\n## Two\n\nword\n")) != list(known)
        case "a step":
            more = runbook.sections(text.replace("\n\n**Fixed", "\n2. Wait.\n\n**Fixed"))["One"]
            with pytest.raises(AssertionError, match="has more steps"):
                read(more)
        case "a command":
            more = runbook.sections(text.replace("doctor`", "doctor`, then `testmo-notifier status`"))["One"]
            with pytest.raises(AssertionError, match="left out"):
                read(more)
    read(known["One"])


def read(section: runbook.Section) -> None:
    with runbook.Follower("", lambda line: line, section=section) as guide:
        guide.step()
        guide.type()
        guide.fixed("so")
