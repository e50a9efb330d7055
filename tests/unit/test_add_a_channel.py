"""The recipe "Add a channel" of CONTRIBUTING.md, followed: one folder, one line, and everything knows it.

A channel that hangs holds up no other (Slack delivery).
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier import config
from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack.transport import TRANSPORT
from testmo_notifier.delivery.deliver import deliver
from testmo_notifier.delivery.effects import Effects
from testmo_notifier.model import Pace, QueuedMessage
from testmo_notifier.notices.routes import destinations
from testmo_notifier.settings.routes_file import parse_routes
from tests.support.factories import make_digest, make_outgoing
from tests.support.toy import TOY
from tests.unit.delivery_script import NOW, Script, make_message
from tools.settings import check_templates

pytestmark = pytest.mark.usefixtures("toy")


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
    assert (told.channel, json.loads(told.message)) == ("toy", {"words": "0 new in Smoke"})
    assert json.loads(Renderer(ZoneInfo("UTC"), own).notification(outgoing).message) == {"words": "! 0 new in Smoke"}
    assert check_templates.problems(own) == []


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
    object.__setattr__(effects, "transports", {"slack": TRANSPORT, "toy": TOY.transport()})
    object.__setattr__(effects, "addresses", lambda _channel, _fresh: {"default": "address"})
    return effects


def toy_message() -> QueuedMessage:
    return QueuedMessage("sqs-t", "t", 1, '{"words": "hello"}', id="t", destination="toy:default")


def test_a_channel_keeps_the_pace_that_its_transport_declares() -> None:
    script, spacing = Script(), timedelta(seconds=3)
    effects = script.effects()
    object.__setattr__(effects, "transports", {"toy": replace(TOY.transport(), post_spacing=spacing)})

    first, second = deliver([toy_message(), replace(toy_message(), id="u", queue_id="sqs-u")], effects)

    assert [(first.end, second.end, second.reason)] == [("delivered", "returned", "paced")]
    pace = script.paces["toy:default"]
    assert (pace.next_slot, pace.line_end) == (NOW + spacing, NOW + 2 * spacing)


def test_after_trouble_too() -> None:
    script, spacing = Script(paces={"toy:default": Pace(failures=1)}), timedelta(seconds=3)
    effects = script.effects()
    object.__setattr__(effects, "transports", {"toy": replace(TOY.transport(), post_spacing=spacing)})

    assert [one.end for one in deliver([toy_message()], effects)] == ["delivered"]
    assert script.paces["toy:default"].next_slot == NOW + spacing


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
