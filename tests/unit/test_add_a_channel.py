"""The recipe "Add a channel" of CONTRIBUTING.md, followed: one folder, one line, and everything knows it.

A channel that hangs holds up no other (Slack delivery).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from testmo_notifier import config
from testmo_notifier.channels import registry
from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack import transport as slack
from testmo_notifier.delivery.deliver import deliver
from testmo_notifier.delivery.effects import Effects
from testmo_notifier.model import QueuedMessage
from testmo_notifier.notices.routes import destinations
from testmo_notifier.settings.routes_file import parse_routes
from tests.support.factories import make_digest, make_outgoing
from tests.unit.delivery_script import Script, make_message
from tools.cli import main
from tools.ops import check_ways, deliveries, records, send_test
from tools.ops.account import Account
from tools.ops.dead_letters import DeadLetter
from tools.settings import check_templates

FOLDER = {
    "__init__.py": """
from testmo_notifier.channels.channel import Channel
TOY = Channel(package=__name__, title="Toy", parameter="ToySecretArn", is_queued=True)
""",
    "rendering.py": """
from testmo_notifier.channels.channel import Rendering
from testmo_notifier.channels.notation import plain_environment
from testmo_notifier.notices.view import Limits
def message(renderer, outgoing):
    return "", renderer.text("toy_message.j2", renderer.view(outgoing.digest, Limits(5, 50, 0)))
RENDERING = Rendering(message=message, environment=plain_environment, max_weight={"toy_message.j2": 500})
""",
    "transport.py": """
def read_secret(secret): return {"default": secret}, []
def post(pool, address, payload, *, now): pass
def probe(pool, address, *, now): return "is alive"
def kind(address): return "webhook"
def place(address): return address
def conversation(pool, address, message, change, *, now): return None
def problem(body): return None if body else "the body is empty"
def plainer(body): return body
def alarm(message): return None
def for_alarms(names): return list(names)
def test_message(text): return text
""",
    "templates/toy_message.j2": "{% block words %}{{ message.total }} new in {{ message.run.name }}{% endblock %}\n",
}


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One folder, and one line in the registry."""
    for name, text in FOLDER.items():
        path = tmp_path / "channel" / "toy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path / "channel")
    from toy import TOY  # type: ignore[import-not-found] # noqa: PLC0415 - it is only there now

    monkeypatch.setitem(registry.CHANNELS, "toy", TOY)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


def test_routes_and_settings_know_it() -> None:
    routes = parse_routes('[[routes]]\ndestinations = ["toy:payments", "slack:default"]')

    assert config.channels("toy,event") == ("toy", "event")
    assert destinations(routes, ("toy", "event")) == ("toy:payments", "event")
    arns = {"TOY_SECRET_ARN": "arn:toy", "TABLE_NAME": "t", "QUEUE_URL": "q", "DEAD_LETTER_QUEUE_URL": "d"}
    assert config.DeliverySettings.from_env(arns).secret_arns == {"toy": "arn:toy"}


def test_a_digest_is_rendered_by_its_template_or_by_a_teams_own(tmp_path: Path) -> None:
    outgoing = make_outgoing(make_digest(run_name="Smoke"), "toy:default")
    own = tmp_path / "own"
    own.mkdir()
    (own / "toy_message.j2").write_text(
        '{% extends "built_in/toy_message.j2" %}{% block words %}! {{ super() }}{% endblock %}'
    )

    told = Renderer(ZoneInfo("UTC")).notification(outgoing)
    assert (told.channel, told.message.endswith("new in Smoke")) == ("toy", True)
    assert Renderer(ZoneInfo("UTC"), own).notification(outgoing).message == f"! {told.message}"
    assert check_templates.problems(own) == []


def test_preview_shows_it() -> None:
    shown = CliRunner().invoke(main, ["preview", "--channel", "toy"])

    assert shown.exit_code == 0, shown.output
    assert "Toy" in shown.output


def test_doctor_asks_its_addresses() -> None:
    channel = registry.CHANNELS["toy"]
    finding = check_ways.alive(cast("object", None), channel, "toy:default", "address", "arn:toy")  # type: ignore[arg-type]

    assert (finding.area, finding.ok, finding.words) == ("Toy", True, "the webhook of toy:default is alive")


def test_send_test_deliveries_and_redrive_take_it_for_a_channel_of_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    send_test.refuse_nonsense(["toy:default"], ("toy",), direct=True)
    assert send_test.notification("toy:default").message == send_test.TEXT

    monkeypatch.setattr(records, "delivery", lambda *_: SimpleNamespace(at="12:00", form="blocks"))
    assert deliveries.became_of(cast("Account", None), "toy:default", "n-1") == (True, "Toy took it at 12:00")

    attributes = {"id": ("String", "n-1"), "destination": ("String", "toy:default")}
    letter = DeadLetter("1", "h", "hello", "", "gone", cast("object", None), attributes)  # type: ignore[arg-type]
    assert (letter.channel, letter.is_queued) == ("toy", True)


def two_channels(script: Script, hold: Event) -> Effects:
    """Effects with both channels, of which the toy hangs until it is let go."""
    effects = script.effects()
    slack_post = effects.post

    def post(channel: str, address: str, payload: str) -> None:
        if channel == "toy":
            hold.wait(10)
        else:
            slack_post(channel, address, payload)

    object.__setattr__(effects, "post", post)
    object.__setattr__(effects, "transports", {"slack": slack, "toy": registry.CHANNELS["toy"].transport()})
    object.__setattr__(effects, "addresses", lambda _channel, _fresh: {"default": "address"})
    return effects


def toy_message() -> QueuedMessage:
    return QueuedMessage("sqs-t", "t", 1, "hello", id="t", destination="toy:default")


def test_a_channel_that_hangs_holds_up_no_other() -> None:
    hold, first = Event(), []
    outcomes = deliver([toy_message(), make_message()], two_channels(Script(), hold))

    first.append(next(outcomes))
    hold.set()
    rest = list(outcomes)

    assert [(one.message.id, one.end) for one in (*first, *rest)] == [("a", "delivered"), ("t", "delivered")]


def test_a_channel_that_hangs_keeps_no_process_alive() -> None:
    hold, before = Event(), set(threading.enumerate())
    outcomes = deliver([toy_message(), make_message()], two_channels(Script(), hold))
    next(outcomes)
    hanging = set(threading.enumerate()) - before
    hold.set()
    list(outcomes)

    assert {one.daemon for one in hanging} == {True}


def test_what_a_channel_does_not_finish_in_time_goes_back_and_the_rest_is_acknowledged() -> None:
    hold = Event()
    script = Script()
    effects = two_channels(script, hold)
    outcomes = deliver([toy_message(), make_message()], effects)
    first = next(outcomes)
    script.seconds_left = 1  # less than what is kept for the end
    rest = list(outcomes)
    hold.set()

    assert (first.message.id, first.end) == ("a", "delivered")
    assert [(one.message.id, one.end, one.reason) for one in rest] == [("t", "returned", "out_of_time")]
