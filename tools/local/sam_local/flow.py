"""What `make sam-local` does: a failing result travels from a Testmo to a Slack through two real containers."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tools.inbox.receiver import Inbox
from tools.lib import blocks
from tools.lib.aws import Aws
from tools.lib.processes import ROOT
from tools.lib.terminal import Terminal
from tools.local import build, stack
from tools.local.ministack import MiniStack
from tools.local.poller import Summary
from tools.local.sam_local import image, queue_event
from tools.local.sam_local.engine import Engine, find_or_start
from tools.local.sam_local.invocation import SamLocal
from tools.local.sam_local.relay import Relay
from tools.local.stack import Stack
from tools.simulator import Simulator, StatusId, World

EVENTS: Final = ROOT / "events"
FUNCTIONS: Final = ("PollerFunction", "SlackFunction")
NOTE: Final = "<p>Login page shows a blank screen after submitting an expired password.</p>"


class Unexpected(Exception):
    """Everything ran, and the outcome is wrong."""


def play(terminal: Terminal, resources: ExitStack) -> None:
    """Set up, poll twice, deliver once; raises if anything is not as it must be."""
    engine = find_or_start(resources, terminal.note)
    world = _release()
    testmo = resources.enter_context(Simulator(world))
    inbox = resources.enter_context(Inbox(0))
    ministack = resources.enter_context(MiniStack())
    terminal.heading(
        "Both functions in containers, on a stack of this machine",
        {"Engine": f"{engine.what}, bridge {engine.gateway}", "AWS": ministack.aws.endpoint, "Testmo": testmo.url},
    )
    with terminal.timed("built the template and the code"):
        built = build.build()
    with terminal.timed("deployed the stack"):
        deployed = _deploy(ministack.aws, built, testmo, inbox)
    with terminal.timed("the image is ready"):
        ports = [_port(url) for url in (ministack.aws.endpoint, testmo.url, inbox.url)]
        base = image.base_image(engine, terminal.note)
        joined = image.joined_image(engine, base, ports)
    for port in ports:
        resources.enter_context(Relay(str(engine.gateway), "127.0.0.1", port, network=engine.network))
    scratch = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="testmo-notifier-sam-local-")))
    sam = _sam_local(ministack.aws, built, deployed, engine, joined, scratch)
    _poll(sam, terminal, 1, new_failing=0)
    _fail_a_test(world, terminal)
    _poll(sam, terminal, 2, new_failing=1)
    _deliver(sam, terminal, ministack.aws, deployed, inbox, scratch)
    terminal.verdict(f"read, published and delivered from containers of {base}", is_ok=True)


def _release() -> World:
    world = World()
    shop = world.add_project("Shop")
    titles = ("Log in", "Login with an expired password", "Log out")
    world.add_run(shop, "Release 4.2 regression", cases=[world.add_case(shop, title) for title in titles])
    return world


def _fail_a_test(world: World, terminal: Terminal) -> None:
    (run,) = world.runs.values()
    world.save_result(world.tests_of(run)[1], StatusId.FAILED, note=NOTE)
    terminal.story("A tester marks 'Login with an expired password' as Failed")


def _deploy(aws: Aws, built: build.Build, testmo: Simulator, inbox: Inbox) -> Stack:
    """The stack, without the two things that would do the containers' work: the schedule and the queue's mapping."""
    deployed = stack.deploy(
        aws,
        built,
        {
            "TestmoUrl": testmo.url,
            "TestmoSecretArn": stack.make_secret(aws, "testmo", testmo.token),
            "SlackSecretArn": stack.make_secret(aws, "slack", inbox.webhook),
            "PollScheduleState": "DISABLED",
        },
    )
    for mapping in aws.functions.list_event_source_mappings()["EventSourceMappings"]:
        aws.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    return deployed


def _sam_local(aws: Aws, built: build.Build, deployed: Stack, engine: Engine, joined: str, scratch: Path) -> SamLocal:
    """`sam local invoke` with the variables of the deployed functions in the place of events/env.json's examples."""
    examples: Mapping[str, Mapping[str, str]] = json.loads((EVENTS / "env.json").read_text())
    names = dict(zip(FUNCTIONS, (deployed.poller, deployed.slack_function), strict=True))
    real: dict[str, dict[str, str]] = {}
    for function, name in names.items():
        configuration = aws.functions.get_function_configuration(FunctionName=name or "")
        known = configuration["Environment"]["Variables"]
        real[function] = {**examples[function], **known, "AWS_ENDPOINT_URL": aws.endpoint}
    variables = scratch / "env.json"
    variables.write_text(json.dumps(real, indent=2))
    # SAM CLI keeps locks among the temporary files; those of a run that was killed would make it wait for minutes.
    environ = {**aws.environ(), "DOCKER_HOST": engine.address, "TMPDIR": str(scratch)}
    return SamLocal(built, joined, variables, environ, scratch / "layers")


def _poll(sam: SamLocal, terminal: Terminal, number: int, *, new_failing: int) -> None:
    started = time.monotonic()
    answer = sam.invoke("PollerFunction", EVENTS / "schedule.json")
    summary = Summary.parse(answer)
    is_ok = summary.status == "ok" and answer["new_failing"] == new_failing
    terminal.poll(number, summary.words, time.monotonic() - started, is_ok=is_ok)
    if not is_ok:
        raise Unexpected(f"poll {number} must be ok with {new_failing} new failing results: {json.dumps(answer)}")


def _deliver(sam: SamLocal, terminal: Terminal, aws: Aws, deployed: Stack, inbox: Inbox, scratch: Path) -> None:
    """Do what Lambda's event source mapping does: receive, invoke, delete what was not given back."""
    records = queue_event.receive(aws.sqs, deployed.slack_queue)
    if len(records) != 1:
        raise Unexpected(f"one message must be in the Slack queue, there are {len(records)}")
    event = scratch / "slack_queue.json"
    event.write_text(json.dumps({"Records": records}, indent=2))
    with terminal.timed("the Slack function took the message from the queue"):
        answer = sam.invoke("SlackFunction", event)
    if answer != {"batchItemFailures": []}:
        raise Unexpected(f"the Slack function gave the message back: {json.dumps(answer)}")
    aws.sqs.delete_message(QueueUrl=deployed.slack_queue, ReceiptHandle=str(records[0]["receiptHandle"]))
    if len(inbox.messages) != 1:
        raise Unexpected(f"one message must be in Slack, there are {len(inbox.messages)}")
    terminal.message("Slack", blocks.lines(inbox.messages[0].payload))


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
