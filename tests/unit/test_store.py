"""Rules 10 and 12: what the store makes of answers that a real DynamoDB gives and the embedded one never does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from testmo_notifier.adapters import items
from testmo_notifier.adapters.store import Store
from testmo_notifier.errors import LeaseTaken, LostRace, NotifierError, TooLarge
from testmo_notifier.model import CaseProgress, ProjectState
from tests.support.factories import START, at, make_checkpoint, make_outgoing
from tests.support.stored import Raw
from tests.unit.test_overflow import LARGE

LEASE = at(30) - START


class Scripted:
    """A store whose table gives the answers of a script, the last one again and again."""

    def __init__(self, *answers: tuple[int, Mapping[str, Any]]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.meta.events.register("before-send.dynamodb.*", self._answer)
        self.store = Store(client, "state", holder="me")

    def _answer(self, request: Any, **_: object) -> Any:  # noqa: ANN401 - botocore's events have no types
        self.asked.append(json.loads(request.body))
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return AWSResponse(request.url, status, cast("Any", {}), Raw(json.dumps(body).encode()))


def error(kind: str, message: str, **more: object) -> tuple[int, dict[str, object]]:
    return 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", "message": message, **more}


def cancelled(*reasons: str) -> tuple[int, dict[str, object]]:
    return error("TransactionCanceledException", "cancelled", CancellationReasons=[{"Code": code} for code in reasons])


def test_an_item_that_is_too_large_is_named_and_any_other_refusal_stays_what_it_is() -> None:
    too_large = Scripted(error("ValidationException", "Item size has exceeded the maximum allowed size"))
    with pytest.raises(TooLarge, match=r"RUN#12 is larger than DynamoDB takes \(400 KB\)"):
        too_large.store.commit(make_checkpoint())

    other = error("ItemCollectionSizeLimitExceededException", "the size of the collection")
    with pytest.raises(ClientError):
        Scripted(other).store.commit(make_checkpoint())


@pytest.mark.parametrize(
    "refusal",
    [
        error("ValidationException", "One or more parameter values were invalid"),
        error(
            "TransactionCanceledException",
            "cancelled",
            CancellationReasons=[
                {"Code": "None"},
                {"Code": "ValidationError", "Message": "One or more parameter values were invalid"},
            ],
        ),
    ],
)
def test_an_item_that_dynamodb_refuses_for_what_is_in_it_ends_no_poll(refusal: tuple[int, dict[str, object]]) -> None:
    """Otherwise that one run would keep all others from being told, poll by poll."""
    said = r"was not written: DynamoDB refuses it \(One or more parameter values were invalid\)"
    with pytest.raises(LostRace, match=said):
        Scripted(refusal).store.commit(make_checkpoint(), lambda _: b"a mark")


@pytest.mark.parametrize("reasons", [("ConditionalCheckFailed", "None"), ("TransactionConflict", "None")])
def test_an_outbox_that_somebody_else_is_clearing_is_a_lost_race(reasons: tuple[str, ...]) -> None:
    checkpoint = make_checkpoint(outbox=(make_outgoing(),), version=4)

    with pytest.raises(LostRace, match=r"RUN#12 was written by another poller"):
        Scripted(cancelled(*reasons)).store.clear(checkpoint, checkpoint.outbox, at=START)


@pytest.mark.parametrize("reasons", [("ThrottlingError", "None"), ("None", "ProvisionedThroughputExceeded")])
def test_a_transaction_that_dynamodb_throttles_ends_no_poll(reasons: tuple[str, ...]) -> None:
    """Large items are written twice in a transaction: two of them a second are as much as one partition takes."""
    with pytest.raises(LostRace, match="RUN#12 was not written: DynamoDB takes no more writes just now"):
        Scripted(cancelled(*reasons)).store.commit(make_checkpoint(), lambda _: b"a mark")


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"]
)
def test_a_throttled_call_ends_no_poll_either(code: str) -> None:
    """Otherwise the first run with news would keep all others from being told, poll by poll."""
    with pytest.raises(LostRace, match="RUN#12 was not written: DynamoDB takes no more writes just now"):
        Scripted(error(code, "Rate exceeded")).store.commit(make_checkpoint(), lambda _: b"a mark")


@pytest.mark.parametrize("code", ["ThrottlingException", "ProvisionedThroughputExceededException"])
def test_a_throttled_set_of_its_own_ends_no_poll_either(code: str) -> None:
    """Each is an item of up to 380 KB, and a partition takes two or three of these a second."""
    with pytest.raises(LostRace, match="RUN#12 was not written: DynamoDB takes no more writes just now"):
        Scripted(error(code, "Rate exceeded")).store.commit(LARGE)


def test_what_could_not_be_left_to_ttl_is_left_over_and_the_write_that_was_done_stands() -> None:
    table = Scripted((200, {}))
    written = table.store.commit(LARGE)
    table.answers = [(200, {}), error("ThrottlingException", "Rate exceeded")]

    after = table.store.commit(replace(written, failing={}, seen={}, superseded={}, unconfirmed=frozenset()))

    assert (written.version, after.version) == (1, 2)
    assert table.asked[-1]["UpdateExpression"] == "SET expires_at = :moment"


def test_why_else_it_could_not_be_left_to_ttl_is_said() -> None:
    table = Scripted((200, {}))
    written = table.store.commit(LARGE)
    table.answers = [(200, {}), error("AccessDeniedException", "not authorized to perform: dynamodb:UpdateItem")]

    with pytest.raises(ClientError, match="dynamodb:UpdateItem"):
        table.store.commit(replace(written, failing={}, seen={}, superseded={}, unconfirmed=frozenset()))


def test_a_project_that_dynamodb_throttles_ends_no_poll_either() -> None:
    with pytest.raises(LostRace, match="PROJECT#3 was not written: DynamoDB takes no more writes just now"):
        Scripted(error("ThrottlingException", "Rate exceeded")).store.commit_project(ProjectState(3, START))


@pytest.mark.parametrize(
    ("code", "message", "why"),
    [
        ("ThrottlingException", "Rate exceeded", r"CASES#3 was not written: DynamoDB takes no more writes just now"),
        ("ValidationException", "Item size exceeded", r"CASES#3 is larger than DynamoDB takes \(400 KB\)"),
    ],
)
def test_names_that_dynamodb_does_not_take_end_no_poll(code: str, message: str, why: str) -> None:
    """The messages that waited for them go out behind this, with `C-<id>`."""
    table = Scripted(error(code, message))
    table.answers[:0] = [(200, {"Responses": {}, "UnprocessedKeys": {}})] * 2
    with pytest.raises(NotifierError, match=why):
        table.store.save_case_names(3, {1: "Save as draft"})
    with pytest.raises(NotifierError, match=why):
        Scripted(error(code, message)).store.save_case_progress(3, CaseProgress())


def test_a_transaction_that_is_still_in_progress_ends_no_poll() -> None:
    """No answer came in time, and the second try of the same found the first one at work."""
    with pytest.raises(LostRace, match="RUN#12 may be written or not: DynamoDB is still at it"):
        Scripted(error("TransactionInProgressException", "in progress")).store.commit(make_checkpoint())


@pytest.mark.parametrize("reasons", [("None", "ItemCollectionSizeLimitExceeded"), ()])
def test_an_outbox_that_cannot_be_cleared_for_another_reason_is_no_lost_race(reasons: tuple[str, ...]) -> None:
    checkpoint = make_checkpoint(outbox=(make_outgoing(),), version=4)

    with pytest.raises(ClientError, match="TransactionCanceled"):
        Scripted(cancelled(*reasons)).store.clear(checkpoint, checkpoint.outbox, at=START)


def unprocessed(*keys: object) -> dict[str, object]:
    return {"state": {"Keys": list(keys)}} if keys else {}


def test_what_dynamodb_left_out_of_an_answer_is_asked_for_again() -> None:
    stored = items.checkpoint_item(make_checkpoint(13))
    table = Scripted(
        (200, {"Responses": {}, "UnprocessedKeys": unprocessed(items.run_key(13))}),
        (200, {"Responses": {"state": [stored]}, "UnprocessedKeys": {}}),
    )

    assert list(table.store.checkpoints([13])) == [13]
    assert [asked["RequestItems"]["state"]["Keys"] for asked in table.asked] == [[items.run_key(13)]] * 2
    assert all(asked["RequestItems"]["state"]["ConsistentRead"] for asked in table.asked)


def test_a_table_that_leaves_everything_out_for_ever_is_said_and_not_taken_for_an_empty_one() -> None:
    table = Scripted((200, {"Responses": {}, "UnprocessedKeys": unprocessed(items.run_key(13))}))

    with pytest.raises(NotifierError, match="DynamoDB left 1 items unread: is the table throttled"):
        table.store.checkpoints([13])
    assert len(table.asked) == 20


def test_a_hundred_items_are_asked_for_at_a_time_and_each_once() -> None:
    table = Scripted((200, {"Responses": {}, "UnprocessedKeys": {}}))

    table.store.checkpoints([*range(1, 251), *range(1, 251)])

    asked = [asked["RequestItems"]["state"]["Keys"] for asked in table.asked]
    assert [len(keys) for keys in asked] == [100, 100, 50]


@pytest.mark.parametrize(
    ("item", "until"), [({"lease_until": {"S": "2026-11-23T09:00:20.000+00:00"}}, at(20)), ({}, at(30))]
)
def test_a_lease_that_is_taken_says_until_when_as_far_as_anybody_knows(item: dict[str, object], until: object) -> None:
    table = Scripted(error("ConditionalCheckFailedException", "no", Item=item))

    with pytest.raises(LeaseTaken) as caught:
        table.store.take_lease(START, LEASE)

    assert caught.value.until == until
