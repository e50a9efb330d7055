"""`testmo-notifier local` as people and scripts run it: a process of its own, judged by what it leaves and says."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.inbox.receiver import Inbox
from tools.lib.aws import Aws
from tools.local.build import Build
from tools.local.stack import STACK_NAME
from tools.simulator import Simulator, StatusId, World

from .test_update import client
from .waiting import until

ROOT = Path(__file__).parents[2]
SECONDS = 120
OURS = ("AWS_", "TESTMO_", "SLACK_")


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "tools.cli", "local", *flags]


def environment(tmp_path: Path, extra: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "TMPDIR": str(tmp_path), **extra}


def local(tmp_path: Path, *flags: str, **extra: str) -> SimpleNamespace:
    """Run to the end; nobody is at the keyboard."""
    done = subprocess.run(  # noqa: S603 - our own command
        command(*flags), cwd=ROOT, env=environment(tmp_path, extra), stdin=subprocess.DEVNULL, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS,
    )  # fmt: skip
    return SimpleNamespace(status=done.returncode, output=done.stdout)


@contextmanager
def running(tmp_path: Path, *flags: str, **extra: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Start it; `output` grows while it runs."""
    output = tmp_path / "output.txt"
    with (
        output.open("wb") as file,
        subprocess.Popen(  # noqa: S603 - our own command
            command(*flags), cwd=ROOT, env=environment(tmp_path, extra), stdin=subprocess.DEVNULL,
            stdout=file, stderr=subprocess.STDOUT,
        ) as process,
    ):  # fmt: skip
        try:
            yield process, output
        finally:
            process.kill()


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """A Testmo with one run; each test saves the results it is about."""
    world = World()
    project = world.add_project("Shop")
    world.add_run(project, "Nightly", cases=[world.add_case(project, f"Case {number}") for number in range(20)])
    with Simulator(world) as simulator:
        yield simulator


@pytest.fixture
def outside(aws: Aws, simulator: Simulator, inbox: Inbox) -> dict[str, str]:
    """The environment of a command whose AWS, Testmo and Slack all outlive it."""
    return {
        "AWS_ENDPOINT_URL": aws.endpoint,
        "TESTMO_URL": simulator.url,
        "TESTMO_TOKEN": simulator.token,
        "SLACK_WEBHOOK_URL": inbox.webhook,
        "OVERLAP_SECONDS": "60",
    }


def fail_a_test(simulator: Simulator) -> str:
    """A new failing result of a test that has none; returns the subject of its mail."""
    world = simulator.world
    (run,) = world.runs.values()
    told = {result.test_id for result in world.results_of(run)}
    test = next(test for test in world.tests_of(run) if test.id not in told)
    world.save_result(test, StatusId.FAILED)
    return "[Testmo] 1 failed: Nightly"


@pytest.mark.usefixtures("built")
def test_a_story_is_told_to_its_end_in_files_and_words(tmp_path: Path) -> None:
    emails, events = tmp_path / "out" / "emails", tmp_path / "out" / "events"
    told = local(
        tmp_path, "--scenario", "release-day", "--interval", "0", "--emails", str(emails), "--events", str(events)
    )
    assert told.status == 0, told.output
    mails = sorted(path.read_text() for path in emails.iterdir())
    assert len(mails) == 5
    assert sum("1 blocked" in mail.partition("\n\n")[0] for mail in mails) == 1
    totals = [json.loads(path.read_text())["total"] for path in sorted(events.iterdir())]
    assert sorted(totals) == [1, 1, 1, 1, 3]
    assert len(re.findall(r"^\d\d:\d\d:\d\d  Slack$", told.output, re.MULTILINE)) == 5
    assert "everything read and delivered" in told.output
    assert "\x1b" not in told.output, "no colours where nobody looks"
    assert list(tmp_path.glob("testmo-notifier-aws-*")) == []


def test_the_inbox_shows_an_alarm(tmp_path: Path, aws: Aws, built: Build, outside: Mapping[str, str]) -> None:
    """With a webhook of its own, as anybody has it who just runs the command."""
    del built
    own = {name: value for name, value in outside.items() if name != "SLACK_WEBHOOK_URL"}
    with running(tmp_path, "--interval", "0.5", **own) as (process, output):
        until(lambda: b"poll 1" in output.read_bytes(), "the first poll")
        found = aws.cloudformation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId="LagAlarm")
        name = found["StackResourceDetail"]["PhysicalResourceId"]
        client(aws, "cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
        until(lambda: "ALARM: LagAlarm" in output.read_text().replace("`", ""), "the alarm")
        (page,) = re.findall(r"http://127\.0\.0\.1:\d+(?= shows)", output.read_text())
        with urllib.request.urlopen(f"{page}/messages.json") as told:  # noqa: S310 - http on loopback
            assert "Something has been waiting for 15 minutes" in json.load(told)[-1]["text"]
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0, output.read_text()


@pytest.mark.usefixtures("built")
def test_what_slack_refuses_for_good_is_an_exit_status_of_1(tmp_path: Path, inbox: Inbox) -> None:
    told = local(
        tmp_path, "--scenario", "hostile-text", "--interval", "0", SLACK_WEBHOOK_URL=inbox.url + "/services/gone"
    )
    assert told.status == 1, told.output
    assert "1 message could not be delivered" in told.output
    assert "/services/gone" not in told.output, "a webhook's address is a credential"


@pytest.mark.usefixtures("built")
def test_killing_it_leaves_neither_processes_nor_files(tmp_path: Path) -> None:
    with running(tmp_path, "--interval", "60") as (process, output):
        until(lambda: b"poll 1" in output.read_bytes(), "the first poll")
        found = re.search(r"embedded AWS up at http://127\.0\.0\.1:(\d+)", output.read_text())
        assert found is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        until(lambda: not listens(int(found[1])), "the end of the embedded AWS")
        until(lambda: not list(tmp_path.glob("testmo-notifier-aws-*")), "the removal of its files")


def test_a_second_call_finds_stack_and_state(
    tmp_path: Path, built: Build, simulator: Simulator, outside: Mapping[str, str]
) -> None:
    del built
    first = local(tmp_path, "--polls", "1", **outside)
    assert first.status == 0, first.output
    subject = fail_a_test(simulator)

    second = local(tmp_path, "--polls", "2", "--interval", "0", "--emails", str(tmp_path / "mails"), **outside)
    assert second.status == 0, second.output
    assert "found the stack up to date" in second.output
    assert len(list((tmp_path / "mails").iterdir())) == 1
    assert subject in second.output
    assert "For slack:default" in second.output, "somebody else's Slack: shown as it is handed over"

    third = local(tmp_path, "--polls", "1", "--emails", str(tmp_path / "mails"), **outside)
    assert third.status == 0, third.output
    assert len(list((tmp_path / "mails").iterdir())) == 1


def test_ctrl_c_ends_polling_and_still_delivers(
    tmp_path: Path, built: Build, simulator: Simulator, outside: Mapping[str, str]
) -> None:
    del built
    with running(tmp_path, "--interval", "0.5", **outside) as (process, output):
        until(lambda: b"poll 1" in output.read_bytes(), "the first poll")
        subject = fail_a_test(simulator)
        until(lambda: subject in output.read_text(), "the mail")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0, output.read_text()
    assert "everything read and delivered" in output.read_text()


def test_a_poll_that_fails_is_told_in_words_and_by_the_exit_status(
    tmp_path: Path, built: Build, simulator: Simulator, outside: Mapping[str, str]
) -> None:
    del built
    simulator.faults.add("401", times=None)
    try:
        told = local(tmp_path, "--polls", "1", **outside)
    finally:
        simulator.faults.clear()
    assert told.status == 1, told.output
    assert "1 poll failed" in told.output
    assert simulator.token not in told.output
    assert "Traceback" not in told.output


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def digests(inbox: Inbox, webhook: str) -> list[str]:
    """How the digests begin that a webhook got; alarms go there, too, where the secret has no other name."""
    texts = [str(message.payload.get("text", "")) for message in inbox.messages if message.webhook == webhook]
    return [begin for text in texts if (begin := text.partition(":")[0]).endswith(" failed")]


@pytest.mark.usefixtures("built")
def test_settings_of_ones_own_and_several_webhooks_are_tried_without_an_account(
    tmp_path: Path, outside: dict[str, str], simulator: Simulator, inbox: Inbox
) -> None:
    """Wrong ones, too: what a wrong file does on AWS is to be seen here."""
    settings = tmp_path / "settings"
    settings.mkdir()
    names = ("slack:payments", "slack:nobody", "email:managers")
    (settings / "routes.toml").write_text(f"[[routes]]\ncatch_all = true\nto = {json.dumps(names)}\n")
    del outside["SLACK_WEBHOOK_URL"]
    outside |= {"SETTINGS_DIR": str(settings), "SLACK_SECRET": json.dumps({"payments": inbox.webhook_of("payments")})}
    took_stock = local(tmp_path, "--polls", "1", **outside)
    assert took_stock.status == 0, took_stock.output
    words = "slack:nobody is routed and has no webhook in SLACK_SECRET: what goes there is parked"
    assert words in " ".join(took_stock.output.split())
    subject = fail_a_test(simulator)
    emails = tmp_path / "emails"
    told = local(tmp_path, "--polls", "1", "--emails", str(emails), **outside)
    assert digests(inbox, "payments") == ["✖ 1 failed"]
    (mail,) = [path.read_text() for path in emails.iterdir()]
    assert f"To: managers@example.com\nSubject: {subject}" in mail
    assert told.status == 1, "somebody was not told"
    assert "slack:nobody no_webhook" in told.output

    (settings / "routes.toml").write_text('[[routes]]\ncatch_all = true\nto = ["slack:payments"]\nafter = 0\n')
    subject = fail_a_test(simulator)
    told = local(tmp_path, "--polls", "1", **outside)
    output = " ".join(told.output.split())
    mistake = "routes.toml:4: route 1 has after = 0: give a whole number from 1 to 50"
    assert f"! SETTINGS_DIR/{mistake}" in output
    assert f"! {mistake}; until this is corrected and deployed, everything goes to slack:payments" in output
    assert digests(inbox, "payments") == ["✖ 1 failed"] * 2
    assert "/services/" not in told.output, "a webhook's address is a credential"
