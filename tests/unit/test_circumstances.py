"""Rule 20: of all that holds news back, which comes first, and until when it does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from testmo_notifier.model import FOLD, MAILED, OUTBOX, QUIET, RATE, TIMES, UNREACHABLE, Held, Hold, MailCheck, Silence
from testmo_notifier.notices.calm import ALWAYS, Calm, Window
from testmo_notifier.notices.holding import Holding
from testmo_notifier.notices.routes import Options
from testmo_notifier.polling.circumstances import Circumstances
from tests.support.factories import at
from tests.support.holding import DESTINATION, failing_news, hold

NOW = at(600)
OFTEN = Calm(at_most_every=timedelta(minutes=15))
WAITS: dict[str, Any] = {"waiting": {(12, DESTINATION)}}
LOST: dict[str, Any] = {"unreachable": frozenset({DESTINATION})}


def around(
    calm: Calm = ALWAYS,
    *,
    silences: tuple[Silence, ...] = (),
    is_draining: bool = False,
    **given: Any,  # noqa: ANN401 - of the circumstances
) -> Circumstances:
    """Ten minutes after the start, at a destination with these options that a route names."""
    holding = Holding(now=NOW, options={DESTINATION: Options(calm=calm)}, silences=silences, is_draining=is_draining)
    return Circumstances(**{"holding": holding, "copies_due": at(3_600), "destinations": [DESTINATION], **given})


def interval(due: datetime) -> Held:
    """Its destination was told of the run a moment ago, and hears no more until then."""
    return replace(hold(failing_news({1: 11}), cause=RATE, due=due), rows={}, kinds=())


@pytest.mark.parametrize(
    ("circumstances", "set_for", "expected"),
    [
        pytest.param(around(), None, None, id="nothing holds it"),
        pytest.param(
            around(OFTEN, **WAITS, **LOST), Hold(QUIET, at(700)), Hold(QUIET, at(700)), id="what the team set"
        ),
        pytest.param(around(OFTEN, **WAITS, **LOST), Hold(FOLD, NOW), Hold(RATE, at(900)), id="told a moment ago"),
        pytest.param(around(**WAITS, **LOST), Hold(FOLD, NOW), Hold(UNREACHABLE, NOW), id="nobody gets it"),
        pytest.param(around(**WAITS), Hold(FOLD, NOW), Hold(OUTBOX, NOW), id="a message before it waits"),
        pytest.param(around(), Hold(FOLD, NOW), Hold(FOLD, NOW), id="until the end of the poll"),
    ],
)
def test_news_is_held_for_the_first_of_its_causes(
    circumstances: Circumstances, set_for: Hold | None, expected: Hold | None
) -> None:
    news = replace(failing_news({1: 11}), hold=set_for)

    assert circumstances.hold_news(news, interval(at(900)), run_id=12, now=NOW) == expected


def test_news_is_not_held_by_an_interval_that_is_over_or_that_its_destination_has_no_option_for() -> None:
    news = failing_news({1: 11})

    assert around(OFTEN).hold_news(news, interval(NOW), run_id=12, now=NOW) is None
    assert around().hold_news(news, interval(at(900)), run_id=12, now=NOW) is None
    assert around(**WAITS).hold_news(news, None, run_id=13, now=NOW) is None  # another run's message waits


ALL_DAY = Calm(quiet=(Window(days=frozenset({NOW.weekday()})),))
NIGHT = Silence("s", until=at(800), author="Ada", reason="maintenance", created_at=at(0))


@pytest.mark.parametrize(
    ("circumstances", "cause", "expected"),
    [
        pytest.param(around(ALL_DAY, **WAITS, **LOST), QUIET, UNREACHABLE, id="nobody gets it"),
        pytest.param(around(ALL_DAY, **WAITS, destinations=()), QUIET, UNREACHABLE, id="no route names it any more"),
        pytest.param(around(ALL_DAY, **WAITS, destinations=()), MAILED, MAILED, id="a copy"),
        pytest.param(around(ALL_DAY, silences=(NIGHT,), **WAITS), NIGHT.cause, NIGHT.cause, id="silenced"),
        pytest.param(around(ALL_DAY, **WAITS), FOLD, QUIET, id="quiet"),
        pytest.param(around(**WAITS), FOLD, RATE, id="told a moment ago"),
        pytest.param(around(**WAITS), TIMES, OUTBOX, id="its time has come, and a message before it waits"),
        pytest.param(around(), TIMES, None, id="its time has come"),
        pytest.param(around(), RATE, None, id="nothing holds it any more"),
    ],
)
def test_what_is_held_goes_on_being_held_for_the_first_of_its_causes(
    circumstances: Circumstances, cause: str, expected: str | None
) -> None:
    held = hold(failing_news({1: 11}), cause=cause, due=NOW)
    found = circumstances.hold_longer(held, interval(at(900)))

    assert (found.cause if found else None) == expected


@pytest.mark.parametrize("cause", [UNREACHABLE, OUTBOX])
def test_what_is_not_held_on_purpose_stays_as_old_as_it_is(cause: str) -> None:
    held = hold(failing_news({1: 11}), cause=cause, due=at(60))
    circumstances = around(**LOST) if cause == UNREACHABLE else around(**WAITS)

    assert circumstances.hold_longer(held, None) == Hold(cause, at(60))
    assert circumstances.hold_longer(replace(held, cause=QUIET), None) == Hold(cause, NOW)


def test_a_copy_of_mail_waits_for_the_next_look_where_its_message_left_late() -> None:
    copy = hold(failing_news({1: 11}), cause=MAILED, due=at(660))

    assert around().hold_longer(copy, None) == Hold(MAILED, at(660))
    assert around(late={(12, DESTINATION)}).hold_longer(copy, None) == Hold(MAILED, at(3_600))


@pytest.mark.parametrize(
    ("given", "is_heard"),
    [
        pytest.param({"check": MailCheck(at(660))}, True, id="somebody is there"),
        pytest.param({"check": MailCheck(at(659))}, False, id="the look was before it"),
        pytest.param({"check": MailCheck(at(660), problem="AccessDenied")}, False, id="AWS did not tell"),
        pytest.param({"check": None}, False, id="nobody looked"),
        pytest.param({"check": MailCheck(at(660)), "late": {(12, DESTINATION)}}, False, id="it left after the look"),
        pytest.param({"check": MailCheck(at(660)), **LOST}, False, id="nobody is there"),
        pytest.param({"check": None, "is_draining": True}, True, id="nothing is kept any more"),
    ],
)
def test_a_copy_of_mail_is_dropped_when_somebody_got_it(given: dict[str, Any], *, is_heard: bool) -> None:
    copy = hold(failing_news({1: 11}), cause=MAILED, due=at(660))

    assert around(**given).is_heard(copy) is is_heard
    assert not around(**given).is_heard(replace(copy, cause=QUIET))


def test_what_decides_changes_with_the_options_the_silences_and_who_is_there() -> None:
    assert around().decides is None
    told = [
        around(ALL_DAY),
        around(OFTEN),
        around(silences=(NIGHT,)),
        around(is_draining=True),
        around(**LOST),
        around(**LOST, instead=["slack:default"]),
        around(**LOST, destinations=[DESTINATION, "slack:default"]),
    ]
    assert len({one.decides for one in told}) == len(told)
