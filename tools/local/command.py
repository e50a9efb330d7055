"""`testmo-notifier local`: the whole product on this machine, from a Testmo to Slack and mail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from testmo_notifier.adapters.store import Store
from testmo_notifier.channels.channel import Channel
from testmo_notifier.channels.email import EMAIL
from testmo_notifier.channels.registry import CHANNELS
from testmo_notifier.channels.slack import SLACK
from testmo_notifier.notices.routes import destinations
from testmo_notifier.settings.team import Team
from tools.inbox.receiver import Inbox, Message
from tools.lib.addresses import EMAIL_ADDRESS, address_of
from tools.lib.aws import Aws
from tools.lib.stopping import StoppedAtOnce, Stopping
from tools.lib.terminal import Terminal
from tools.local import build, stack
from tools.local.captures import Captured, Captures
from tools.local.environment import DEFAULT_INBOX_PORT, Settings, Testmo
from tools.local.ministack import MiniStack, NotUp
from tools.local.session import Deployment, Session
from tools.ops.aws_errors import first_question, in_words
from tools.ops.held import in_store
from tools.settings import check
from tools.simulator import Simulator
from tools.simulator.scenarios import load

SIMULATOR_PORT: Final = 8376  # a fixed one, so that a stack that outlives the command finds it again

T = TypeVar("T")


class CannotStart(Exception):
    """Something outside of us is in the way; says what."""


def run(settings: Settings, terminal: Terminal) -> int:
    """Set up, poll, finish; returns the exit status.

    0: every poll succeeded and nothing is undelivered. 1: otherwise, or the set-up failed. The first Ctrl-C or SIGTERM
    is the regular way to end polling and changes none of this; the second one, or one during the set-up, stops at
    once with 128 + the signal's number.
    """
    with Stopping(lambda: terminal.note("finishing what is under way (once more to stop at once)")) as stopping:
        try:
            with ExitStack() as resources:
                session = _set_up(settings, terminal, stopping, resources)
                stopping.is_patient = True
                terminal.gap()
                return 0 if session.play() else 1
        except (CannotStart, NotUp, build.BuildFailed, stack.DeployFailed) as exc:
            terminal.verdict(str(exc), is_ok=False)
            return 1
        # An emulator that went away, another program at its address, a folder that is read-only.
        except (BotoCoreError, ClientError, ResponseParserError, OSError) as exc:
            terminal.verdict(in_words(exc), is_ok=False)
            return 1
        except StoppedAtOnce as exc:
            terminal.verdict("stopped", is_ok=False)
            return exc.status


def _set_up(settings: Settings, terminal: Terminal, stopping: Stopping, resources: ExitStack) -> Session:
    """Start what is to be started and deploy; whatever was started ends with `resources`."""
    arrivals: SimpleQueue[Message] = SimpleQueue()
    ministack = None if settings.aws else MiniStack()
    if ministack:
        resources.callback(ministack.stop)
        ministack.start()  # it comes up while we build
    testmo, advance = _testmo(settings, resources)
    inbox = _inbox(settings, arrivals, resources)
    terminal.heading("Testmo Notifier on this machine", _facts(settings, testmo, inbox))
    aws = settings.aws or _wait_for(ministack, terminal)
    with first_question():
        aws.cloudformation.list_stacks()  # says early if nobody is there, or another than AWS
    with terminal.timed() as done:
        built = build.build()
        done("built the template and the code" if built.is_new else "found the build of these very sources")
        if settings.folder:
            built = build.with_settings(built, settings.folder)
    slack_secret = settings.slack_secret or own_webhooks(inbox, built.settings, bots=settings.bots)
    for words in remarks(settings, built.settings, slack_secret):
        terminal.problem(words)
    with terminal.timed() as done:
        parameters = {
            "TestmoUrl": testmo.url,
            "TestmoSecretArn": stack.make_secret(aws, "testmo", testmo.token),
            "SlackSecretArn": stack.make_secret(aws, "slack", slack_secret),
            "EmailAddress": EMAIL_ADDRESS,
            "PollScheduleState": "DISABLED",  # the polls are ours
        }
        deployed = stack.deploy(aws, built, dict(settings.parameters) | parameters)
        captures = Captures(aws, deployed)
        captures.prepare(_routed(EMAIL, built.settings))
        done("deployed the stack" if deployed.is_new else "found the stack up to date")
    if settings.aws and not settings.testmo and not deployed.is_new:
        terminal.note("the simulator's story begins anew, but this stack remembers the last one")
    return Session(
        settings=settings,
        deployment=Deployment(aws, deployed, captures),
        arrivals=None if settings.slack_secret else arrivals,
        show=lambda captured: _show(inbox, captured),
        advance=advance,
        terminal=terminal,
        stopping=stopping,
        held=lambda: in_store(Store(aws.dynamodb, deployed.table, holder="local"))[0],
    )


def _testmo(settings: Settings, resources: ExitStack) -> tuple[Testmo, Callable[[], str | None]]:
    """The instance to poll, and what plays the next step of its story."""
    if settings.testmo:
        return settings.testmo, lambda: None
    simulator = resources.enter_context(
        _on_port(SIMULATOR_PORT, lambda port: Simulator(scenario=load(settings.scenario), port=port))
    )
    return Testmo(simulator.url, simulator.token), simulator.advance


def _inbox(settings: Settings, arrivals: SimpleQueue[Message], resources: ExitStack) -> Inbox:
    if settings.inbox_port is None:
        return resources.enter_context(_on_port(DEFAULT_INBOX_PORT, lambda port: Inbox(port, arrived=arrivals.put)))
    try:
        return resources.enter_context(Inbox(settings.inbox_port, arrived=arrivals.put))
    except OSError as exc:
        words = f"The inbox cannot listen on port {settings.inbox_port} ({exc.strerror})"
        raise CannotStart(f"{words}: --inbox-port 0 takes any free one") from exc


def _show(inbox: Inbox, captured: Captured) -> None:
    """Show what was captured on the inbox's page; what is posted to its own webhook it shows by itself."""
    to = address_of(captured.destination)
    inbox.show(captured.channel, captured.body, subject=captured.subject, to=to)


def _routed(channel: Channel, folder: Path) -> tuple[str, ...]:
    """The destinations of a channel that the routes in a folder lead to, as the stack would read them."""
    routes = Team.at_work(folder, tuple(CHANNELS)).routes
    return tuple(name for name in destinations(routes, tuple(CHANNELS)) if channel.takes(name))


def own_webhooks(inbox: Inbox, folder: Path, *, bots: bool = False) -> str:
    """A secret by which the inbox gets what any Slack destination would get, by webhooks or by bots."""
    names = [destination.partition(":")[2] for destination in (SLACK.default, *_routed(SLACK, folder))]
    made = {name: inbox.bot_of(name) if bots else inbox.webhook_of(name) for name in dict.fromkeys(names)}
    return json.dumps(made)


def remarks(settings: Settings, folder: Path, slack_secret: str) -> Iterator[str]:
    """What `check` and `doctor` would say of the settings that are deployed; the stack has to work with them anyway."""
    for problem in check.problems(folder, {}) if settings.folder else ():
        path = Path(problem.file).resolve().relative_to(folder.resolve())
        yield str(replace(problem, file=str(Path("SETTINGS_DIR") / path)))
    webhooks, _ = SLACK.transport().read_secret(slack_secret)
    for destination in _routed(SLACK, folder):
        if destination.partition(":")[2] not in webhooks:
            words = f"{destination} is routed and has no webhook in {settings.slack_from}: what goes there is parked"
            yield f"{words}; set SLACK_SECRET with that name, or take the destination out of routes.toml"


def _on_port(port: int, make: Callable[[int], T]) -> T:
    """Make something on its usual port, or on any free one if that is taken."""
    try:
        return make(port)
    except OSError:
        return make(0)


def _wait_for(ministack: MiniStack | None, terminal: Terminal) -> Aws:
    if ministack is None:
        raise CannotStart("There is no AWS to work with.")
    with terminal.timed() as done:
        ministack.wait()
        done(f"embedded AWS up at {ministack.aws.endpoint}")
    return ministack.aws


def _facts(settings: Settings, testmo: Testmo, inbox: Inbox) -> dict[str, str]:
    kept = settings.emails or "none (--emails DIR)"
    yours = {"SLACK_SECRET": "your secret (SLACK_SECRET)", "SLACK_WEBHOOK_URL": "your webhook (SLACK_WEBHOOK_URL)"}
    ours = "bots of our own (--bots)" if settings.bots else "a webhook of our own"
    slack = yours[settings.slack_from] if settings.slack_secret else ours
    return {
        "Testmo": testmo.url if settings.testmo else f"simulated at {testmo.url}, scenario {settings.scenario}",
        "Slack": slack,
        "Mail": f"to {EMAIL_ADDRESS}, captured; files: {kept}",
        "Inbox": f"{inbox.url} shows all of it while this runs",
        "Settings": f"{settings.folder} (SETTINGS_DIR)" if settings.folder else "this checkout's layers/settings",
        "AWS": f"{settings.aws.endpoint}, stack {stack.STACK_NAME}" if settings.aws else "embedded, gone at the end",
    }
