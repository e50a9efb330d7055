"""The soak's ledger of bots: what it calls lost, doubled, too many and behind."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from testmo_notifier.adapters.items import sent_item
from testmo_notifier.channels.slack.secret import Bot, bot_of, read_addresses
from testmo_notifier.model import FINISHED, NEW, Sent
from testmo_notifier.notices.calm import quiet_until
from testmo_notifier.settings.routes_file import parse_routes
from tests.support.bots import Bots, make_message
from tests.support.factories import START, make_digest, make_named
from tools.inbox.workspace import Posted, Workspace
from tools.maintain.soak import Ledger
from tools.maintain.soak_slack import (
    BOTS,
    NIGHT,
    QUIET,
    BotsLedger,
    FlakySlack,
    Tellings,
    is_held,
    read_bots,
    routes,
)
from tools.simulator import StatusId
from tools.simulator.model import Result

DESTINATION, CHANNEL = "slack:default", BOTS["slack:default"]
FIRST = make_message(make_digest([make_named(1, case_name="Log in")], reasons=(NEW,)), "a", 1_000)
SECOND = make_message(make_digest([make_named(2, case_name="Pay")], reasons=(NEW,)), "b", 2_000)
END = make_message(make_digest([make_named(2, case_name="Pay")], about=FINISHED), "c", 3_000)

Table = list[Mapping[str, Any]]


def told() -> tuple[Table, Workspace]:
    """Three messages that were handed over and delivered: what is in the table and in Slack."""
    bots = Bots(bot=Bot("xoxb-1", CHANNEL))
    bots.settle(FIRST)
    bots.settle(SECOND)
    bots.settle(END)
    table: Table = [
        sent_item([Sent(12, START, frozenset([number]), {DESTINATION: key})], f"{number:08d}")
        for number, key in enumerate("abc", start=1)
    ]
    table += [
        {
            "pk": {"S": f"DELIVERY#{DESTINATION}"},
            "sk": {"S": key},
            "status": {"S": "COMPLETED"},
            "data": {"S": json.dumps({"id": key})},
        }
        for key in "abc"
    ]
    (state,) = bots.states.values()
    kept = {"pk": {"S": f"DESTINATION#{DESTINATION}"}, "sk": {"S": "RUN#12"}, "state": {"S": json.dumps(state)}}
    return [*table, kept], bots.workspace


def ledger(table: Table, slack: Workspace, *, deleted: int = 0) -> BotsLedger:
    return read_bots(table, slack.messages, closed={12}, deleted=deleted)


def test_what_was_told_once_is_good() -> None:
    table, slack = told()

    assert ledger(table, slack) == BotsLedger(
        told=3, parents=1, replies=2, edits=2, lost=0, doubled=0, extra=0, behind=(), unfinished=()
    )
    assert ledger(table, slack).is_good(kills=0)


def test_a_message_without_a_record_and_one_that_is_not_in_slack_are_lost() -> None:
    table, slack = told()
    without_record = [item for item in table if item["sk"]["S"] != "b"]
    assert ledger(without_record, slack).lost == 1

    slack.messages.remove(slack.replies()[0])
    assert ledger(table, slack).lost == 1
    assert not ledger(table, slack).is_good(kills=9)


def test_a_reply_twice_and_a_parent_too_many_need_a_kill_each() -> None:
    table, slack = told()
    slack.messages.append(copy.deepcopy(slack.replies()[0]))
    slack.messages.append(Posted("9.0", CHANNEL, slack.parents()[0].payload))
    found = ledger(table, slack)

    assert (found.lost, found.doubled, found.extra) == (0, 1, 1)
    assert found.is_good(kills=2)
    assert not found.is_good(kills=1)
    assert ledger(table, slack, deleted=1).extra == 0, "it was made in place of that one"


def test_a_parent_that_was_posted_twice_is_doubled_and_a_reply_that_became_the_parent_is_not() -> None:
    table, slack = told()
    parent, first = slack.parents()[0], slack.replies()[0]

    slack.messages.append(Posted("9.0", CHANNEL, parent.before[0]))
    assert ledger(table, slack).doubled == 1

    slack.messages[-1] = Posted("9.0", CHANNEL, parent.payload, before=[first.payload])
    assert ledger(table, slack).doubled == 0


def test_a_parent_that_shows_an_older_state_is_behind() -> None:
    table, slack = told()
    parent = slack.parents()[0]
    parent.payload = parent.before[-1]

    assert ledger(table, slack).behind == ("slack:default run 12",)
    parent.is_deleted = True  # nobody sees it
    assert ledger(table, slack).behind == ()


def test_a_run_that_was_closed_and_not_told_so_is_unfinished() -> None:
    table, slack = told()

    assert read_bots(table, slack.messages, closed={12, 13}, deleted=0).unfinished == (13,)


def test_its_secret_has_two_bots_and_two_webhooks() -> None:
    slack = FlakySlack(random.Random(1), lambda: None)
    with slack.serving():
        addresses, problems = read_addresses(slack.secret)

    assert problems == []
    assert {name: bool(bot_of(address)) for name, address in addresses.items()} == {
        "payments": True,
        "default": True,
        "web": False,
        "night": False,
    }


def test_its_night_holds_everything_at_first_and_folds_what_it_tells() -> None:
    options = parse_routes(routes(START)).options[NIGHT]

    assert [quiet_until(options.calm, UTC, START + timedelta(minutes=at)) for at in (0, 3)] == [START + QUIET] * 2
    assert quiet_until(options.calm, UTC, START + QUIET) is None
    assert options.calm.fold == 2


def test_what_the_night_was_told_is_read_from_the_records_and_what_it_waits_for_from_what_is_held() -> None:
    table, _ = told()
    table = [*table, sent_item([Sent(12, START, frozenset([7, 8]), {NIGHT: "d", DESTINATION: "e"})], "00000009")]

    assert Tellings(NIGHT, table).keys == {7, 8}
    assert [item for item in table if is_held(item)] == []
    assert is_held({"pk": {"S": "RUN#12"}, "sk": {"S": f"HELD#{NIGHT}#quiet"}})
    assert not is_held({"pk": {"S": "RUN#12"}, "sk": {"S": "HELD#email:default#mailed"}})


def test_what_passed_before_its_run_was_told_need_not_be_named() -> None:
    ledger = Ledger()

    def later(seconds: float) -> datetime:
        return START + timedelta(seconds=seconds)

    def save(key: int, status: StatusId, *, test: int, seconds: float, run: int = 12) -> Result:
        ledger.saved[key] = row = Result(key, run, 1, test, test, status, later(seconds), 1, START)
        if status == StatusId.PASSED:
            ledger.passed(row, later(seconds))
        return row

    def told(number: int, seconds: float, where: str, *keys: int, run: int = 12) -> Mapping[str, Any]:
        return sent_item([Sent(run, later(seconds), frozenset(keys), {where: "d"})], f"{number:08d}")

    for key, (test, seconds, run) in enumerate([(7, 1, 12), (8, 1, 12), (9, 1, 13), (10, 1, 13), (11, 99, 12)], 1):
        save(key, StatusId.FAILED, test=test, seconds=seconds, run=run)
    in_time = save(11, StatusId.PASSED, test=7, seconds=60)
    save(12, StatusId.PASSED, test=8, seconds=261)  # when its run was told
    save(13, StatusId.PASSED, test=9, seconds=260, run=13)  # its run is told never again
    save(0, StatusId.PASSED, test=10, seconds=0, run=13)  # before it failed
    save(15, StatusId.PASSED, test=11, seconds=270)  # it was read when the run had been told of others
    in_time.status_id = StatusId.FAILED  # edited when all was told
    table = [told(1, 5, "event", 1, 2), told(2, 2, "event", 3, 4, run=13), told(3, 261, NIGHT)]
    table += [told(4, 262, "event", 5), told(5, 280, NIGHT), told(6, 1, NIGHT), told(7, 300, DESTINATION, run=13)]

    night = Tellings(NIGHT, table)

    assert ledger.counted_as_passed(night) == {1, 5}
    assert night.story_of(in_time, ledger.passes) == (
        "result 11: saved 09:01:00, read never; its test passed 11 at 09:01:00; "
        "its run was told of 09:00:01, 09:04:21, 09:04:40"
    )
