"""How each message of a batch ends: rule 11, the table of Slack delivery, and what is not quoted (SECURITY.md)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from testmo_notifier.delivery.deliver import Outcome, deliver, in_turns
from testmo_notifier.delivery.pacing import Slot
from testmo_notifier.errors import (
    ConfigurationError,
    DeliveryDelayed,
    DestinationGone,
    PayloadRefused,
    Problem,
)
from testmo_notifier.model import Pace, QueuedMessage, Receipt
from tests.unit.delivery_script import BLOCKS, NEW, NOW, OLD, Script, make_message


def gone(reason: str = "no_service") -> DestinationGone:
    return DestinationGone(f"Slack answered 404 ({reason})", reason=reason)


def refused(reason: str = "invalid_blocks") -> PayloadRefused:
    return PayloadRefused(f"Slack answered 400 ({reason})", reason=reason)


def down() -> DeliveryDelayed:
    return DeliveryDelayed("Slack answered 503 (http_503)", reason="http_503")


def throttled(seconds: float) -> DeliveryDelayed:
    return DeliveryDelayed("Slack answered 429", reason="throttled", retry_after_seconds=seconds)


def ends(outcomes: list[Outcome]) -> list[tuple[str, str, str]]:
    return [(outcome.message.id, outcome.end, outcome.reason) for outcome in outcomes]


def test_a_message_is_posted_as_it_is_and_acknowledged() -> None:
    script = Script()

    assert ends(script.run(make_message())) == [("a", "delivered", "")]
    assert script.posted == [(OLD, BLOCKS)]
    assert script.receipts == [Receipt(NOW, text_only=False)]


def test_a_message_that_was_delivered_is_acknowledged_without_a_post_or_a_slot() -> None:
    script = Script(delivered={"a"})

    assert ends(script.run(make_message())) == [("a", "duplicate", "delivered_before")]
    assert script.posted == []
    assert script.paces == {}
    assert script.fresh_reads == 0, "nor does anybody read the secret again for it"


def test_a_message_that_another_invocation_has_in_hand_goes_back() -> None:
    script = Script(record_error=DeliveryDelayed("in hand", reason="in_progress"))

    assert ends(script.run(make_message())) == [("a", "returned", "in_progress")]
    assert script.hidden == {"a": 5}


def test_refused_blocks_are_sent_once_as_text_a_second_later() -> None:
    script = Script([refused()])

    outcome = script.run(make_message())[0]

    assert (outcome.end, outcome.text_only) == ("delivered", True)
    assert [json.loads(payload) for _, payload in script.posted[1:]] == [
        {"text": "1 failed", "unfurl_links": False, "unfurl_media": False}
    ]
    assert script.slept == [1.0]
    assert script.receipts[0].text_only


def test_the_text_waits_for_another_invocation_that_was_faster_instead_of_starting_over() -> None:
    script = Script([refused()])
    effects = script.effects()
    post = effects.post

    def post_while_another_takes_a_slot(channel: str, url: str, payload: str) -> None:
        script.paces["slack:default"] = Pace(next_slot=NOW + timedelta(seconds=2))
        post(channel, url, payload)

    object.__setattr__(effects, "post", post_while_another_takes_a_slot)

    assert ends(list(deliver([make_message()], effects))) == [("a", "delivered", "")]
    assert script.slept == [2.0]


def test_a_text_that_is_refused_too_is_parked_with_slacks_reason() -> None:
    script = Script([refused(), refused("invalid_payload")])

    assert ends(script.run(make_message())) == [("a", "parked", "invalid_payload")]
    assert script.parked == {"a": "invalid_payload"}
    assert len(script.posted) == 2


def test_a_webhook_that_is_gone_is_tried_once_more_with_the_secret_read_again() -> None:
    script = Script([gone()], webhooks=[{"default": OLD}, {"default": NEW}])

    assert ends(script.run(make_message())) == [("a", "delivered", "")]
    assert [url for url, _ in script.posted] == [OLD, NEW]


def test_a_test_is_posted_by_what_the_secret_says_now_and_not_by_what_was_kept() -> None:
    script = Script(webhooks=[{"default": OLD}, {"default": NEW}])
    script.run(make_message("test-1"), make_message("0a1b"))
    assert [url for url, _ in script.posted] == [NEW, NEW]
    assert script.fresh_reads == 1, "a real message is content with what was read"


def test_a_webhook_that_stays_gone_parks_the_message_with_the_reason() -> None:
    script = Script([gone(), gone("no_active_hooks")])

    assert ends(script.run(make_message())) == [("a", "parked", "no_active_hooks")]
    assert script.fresh_reads == 1


def test_after_a_webhook_proved_gone_the_rest_of_its_batch_is_parked_without_a_storm() -> None:
    script = Script([gone(), gone()])

    outcomes = script.run(*(make_message(key) for key in "abcdefghij"))

    assert {outcome.end for outcome in outcomes} == {"parked"}
    assert len(script.posted) == 2
    assert script.fresh_reads == 1


def test_a_gone_webhook_does_not_stop_another_one() -> None:
    script = Script([gone(), gone()])

    outcomes = script.run(make_message("a"), make_message("b", destination="slack:payments"))

    assert ends(outcomes) == [("a", "parked", "no_service"), ("b", "delivered", "")]


def test_a_destination_without_a_webhook_is_looked_up_again_and_then_parked() -> None:
    script = Script(webhooks=[{"other": OLD}])

    assert ends(script.run(make_message())) == [("a", "parked", "no_webhook")]
    assert script.fresh_reads == 1
    assert script.posted == []


def test_a_webhook_that_was_just_added_is_found_by_reading_the_secret_again() -> None:
    script = Script(webhooks=[{"other": OLD}, {"default": NEW}])

    assert ends(script.run(make_message())) == [("a", "delivered", "")]


def test_a_webhook_that_fails_sends_the_message_back_and_is_left_alone() -> None:
    script = Script([down()])

    outcomes = script.run(*(make_message(key, receives=3) for key in "abc"))

    assert ends(outcomes) == [
        ("a", "returned", "http_503"),
        ("b", "returned", "in_trouble"),
        ("c", "returned", "in_trouble"),
    ]
    assert len(script.posted) == 1
    assert script.hidden["a"] == 20  # its third receive
    assert script.paces["slack:default"] == Pace(
        next_slot=NOW + timedelta(seconds=5), line_end=NOW + timedelta(seconds=11), failures=1, failed=("a",)
    )


def test_a_failed_webhook_is_not_tried_again_in_the_same_batch_even_after_its_pause() -> None:
    script = Script([down()])
    outcomes = deliver([make_message("a"), make_message("b")], script.effects())

    next(outcomes)
    script.slept.append(60)  # say, the messages to other webhooks took that long

    assert next(outcomes).reason == "in_trouble"
    assert len(script.posted) == 1


def test_a_message_that_failed_while_others_got_through_holds_up_no_other_of_its_batch() -> None:
    script = Script([down()], paces={"slack:default": Pace(failed=("a",))})

    outcomes = script.run(*(make_message(key, receives=3) for key in "abc"))

    assert ends(outcomes) == [("a", "returned", "http_503"), ("b", "delivered", ""), ("c", "delivered", "")]
    assert script.hidden == {"a": 20}
    assert script.paces["slack:default"].failures == 0


def test_a_time_out_stops_a_batch_whoever_met_one_before() -> None:
    silent = DeliveryDelayed("Slack could not be reached", reason="no_answer")
    script = Script([silent], paces={"slack:default": Pace(failed=("a",))})

    outcomes = script.run(make_message("a"), make_message("b"))

    assert ends(outcomes) == [("a", "returned", "no_answer"), ("b", "returned", "in_trouble")]
    assert script.paces["slack:default"].failures == 1


def test_a_failing_webhook_is_left_alone_by_all_its_names() -> None:
    script = Script([down()], webhooks=[{"default": OLD, "payments": OLD}])

    outcomes = script.run(make_message("a"), make_message("b", destination="slack:payments"))

    assert ends(outcomes) == [("a", "returned", "http_503"), ("b", "returned", "in_trouble")]
    assert len(script.posted) == 1


def test_a_failing_webhook_does_not_stop_another_one() -> None:
    script = Script([down()])

    outcomes = script.run(make_message("a"), make_message("b", destination="slack:payments"))

    assert ends(outcomes) == [("a", "returned", "http_503"), ("b", "delivered", "")]


def test_429_moves_the_webhooks_slot_for_everybody_and_the_message_with_it() -> None:
    script = Script([throttled(30)])

    outcomes = script.run(make_message("a"), make_message("b"))

    assert ends(outcomes) == [("a", "returned", "throttled"), ("b", "returned", "in_trouble")]
    assert script.hidden["a"] == 30
    assert script.hidden["b"] >= 30
    assert script.paces["slack:default"].next_slot == NOW + timedelta(seconds=30)


def test_a_delivery_ends_the_trouble() -> None:
    script = Script(paces={"slack:default": Pace(failures=4)})

    script.run(make_message())

    assert script.paces["slack:default"].failures == 0


def test_a_refused_message_ends_the_trouble_too_because_slack_answered() -> None:
    script = Script([refused()], paces={"slack:default": Pace(failures=4)})

    assert ends(script.run(make_message())) == [("a", "delivered", "")]
    assert script.paces["slack:default"].failures == 0


def test_a_message_that_slack_took_stays_delivered_when_the_pace_cannot_be_written() -> None:
    script = Script(paces={"slack:default": Pace(failures=4)})
    effects = script.effects()
    asked = []

    def break_after_the_post(destination: str, decide: Callable[[Pace], tuple[Pace, Slot]]) -> Slot:
        asked.append(destination)
        if len(asked) > 1:
            raise DeliveryDelayed("the table is away", reason="table_unavailable")
        return script._change_pace(destination, decide)

    object.__setattr__(effects, "change_pace", break_after_the_post)

    assert ends(list(deliver([make_message()], effects))) == [("a", "delivered", "")]
    assert len(asked) == 2


def test_messages_to_one_webhook_are_a_second_apart() -> None:
    script = Script()

    script.run(*(make_message(key) for key in "abc"))

    assert script.slept == [1.0, 1.0]


def test_messages_whose_slot_lies_ahead_go_back_one_second_after_the_other() -> None:
    script = Script(paces={"slack:default": Pace(next_slot=NOW + timedelta(seconds=10))})

    outcomes = script.run(*(make_message(key) for key in "abc"))

    assert {(outcome.end, outcome.reason) for outcome in outcomes} == {("returned", "paced")}
    assert script.hidden == {"a": 9, "b": 10, "c": 11}
    assert script.posted == []


def test_no_post_begins_that_could_be_cut_off() -> None:
    script = Script(seconds_left=19)

    assert ends(script.run(make_message())) == [("a", "returned", "out_of_time")]
    assert script.hidden == {"a": 0}
    assert script.posted == []


def test_destinations_take_turns_so_that_none_waits_for_anothers_slots() -> None:
    batch = [make_message(key, destination=f"slack:{name}") for key, name in ("ax", "bx", "cx", "dy", "ey", "fz")]

    assert [message.id for message in in_turns(batch)] == ["a", "d", "f", "b", "e", "c"]


def test_an_unreadable_secret_sends_everything_back_to_wait_for_whoever_fixes_it() -> None:
    script = Script(secret_error=ConfigurationError([Problem("the secret arn:x cannot be read", "look")]))

    outcome = script.run(make_message(receives=2))[0]

    assert (outcome.end, outcome.reason) == ("returned", "secret_unreadable")
    assert "arn:x" in outcome.detail
    assert script.hidden == {"a": 10}


def test_a_secret_that_becomes_unreadable_after_a_post_takes_no_delivery_back() -> None:
    script = Script()
    effects = script.effects()

    def post(_channel: str, url: str, payload: str) -> None:
        script.posted.append((url, payload))
        script.secret_error = ConfigurationError([Problem("the secret arn:x cannot be read", "look")])

    object.__setattr__(effects, "post", post)

    assert ends(list(deliver([make_message()], effects))) == [("a", "delivered", "")]


def test_what_is_not_ours_is_parked_with_the_reason_and_blocks_nobody() -> None:
    foreign = QueuedMessage("sqs-x", "x", 1, "hello", problem="the body is not a Slack payload")
    script = Script()

    assert ends(script.run(foreign, make_message("b"))) == [("", "parked", "not_ours"), ("b", "delivered", "")]


def test_what_cannot_be_parked_is_not_acknowledged() -> None:
    script = Script([gone(), gone()], park_error=RuntimeError("SQS is away"))

    assert ends(script.run(make_message())) == [("a", "returned", "not_parked")]
    assert script.hidden == {"a": 5}


def test_our_own_bug_loses_nothing_and_its_words_are_not_repeated() -> None:
    script = Script([ValueError(f"cannot speak to {OLD}")])  # what nobody thought of

    outcomes = script.run(make_message("a"), make_message("b"))

    assert ends(outcomes) == [("a", "returned", "unexpected"), ("b", "delivered", "")]
    assert outcomes[0].detail == ""


@pytest.mark.parametrize("error", [gone(), refused(), down(), throttled(1)])
def test_nothing_but_an_ok_completes_the_delivery_record(error: Exception) -> None:
    script = Script([error] * 4)

    script.run(make_message())

    assert script.delivered == set()


def test_the_line_of_a_webhook_begins_behind_what_follows_for_itself_and_not_behind_what_follows_for_others() -> None:
    script = Script()

    script.run(make_message("a"), *(make_message(key, destination="slack:payments") for key in "xyz"))

    assert script.paces["slack:default"].line_end == Pace().line_end
    assert script.paces["slack:payments"].line_end == NOW + timedelta(seconds=2)
