"""Rule 10, from the poller to SNS: several messages in one call, each taken or not for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from botocore.stub import ANY, Stubber

from testmo_notifier.adapters.machine import client_config
from testmo_notifier.adapters.topic import MAX_TOGETHER_BYTES, Topic, attributes, encoded_once, together
from testmo_notifier.errors import Unpublished
from testmo_notifier.model import Notification

ARN = "arn:aws:sns:us-east-1:0:topic"
MESSAGE = Notification("k", "event", "event", "", "{}", run_id=1, project_id=1, statuses=("Failed",))


def message(destination: str, text: str = "{}") -> Notification:
    return replace(MESSAGE, destination=destination, message=text)


class Sns:
    """SNS by its own description of calls and answers, and a topic that tells what it published."""

    def __init__(self) -> None:
        client = boto3.client("sns", region_name="us-east-1", config=client_config())
        self.client, self.stub, self.told = client, Stubber(client), list[str]()
        self.topic = Topic(client, ARN, published=lambda one: self.told.append(one.destination))

    def takes(self, *numbers: int, of: int) -> None:
        """A call for several: some of it is taken."""
        entries = [{"Id": str(number), "Message": "{}", "MessageAttributes": ANY} for number in range(of)]
        failed = [
            {"Id": str(number), "Code": "InternalError", "SenderFault": False}
            for number in range(of)
            if number not in numbers
        ]
        successful = [{"Id": str(number), "MessageId": "m"} for number in reversed(numbers)]
        asked = {"TopicArn": ARN, "PublishBatchRequestEntries": entries}
        self.stub.add_response("publish_batch", {"Successful": successful, "Failed": failed}, asked)

    def publish_all(self, *destinations: str) -> list[str | None]:
        """What is said of messages for these."""
        with self.stub:
            said = self.topic.publish_all(list(map(message, destinations)))
        self.stub.assert_no_pending_responses()
        return [None if one is None else str(one) for one in said]


class Empty:
    """The body of an answer that has none."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield b""


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> Sns:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return Sns()


def test_several_messages_are_one_call(sns: Sns) -> None:
    sns.takes(0, 1, 2, of=3)

    assert sns.publish_all("slack:default", "email:default", "event") == [None, None, None]
    assert sns.told == ["slack:default", "email:default", "event"]


def test_what_a_call_for_several_does_not_take_is_tried_alone_and_nothing_else_goes_out_twice(sns: Sns) -> None:
    sns.takes(0, 2, of=3)
    sns.stub.add_response("publish", {"MessageId": "m"})

    assert sns.publish_all("slack:default", "email:default", "event") == [None, None, None]
    assert sns.told == ["slack:default", "event", "email:default"]


def test_where_an_answer_names_nothing_that_was_taken_all_of_it_is_tried_alone(sns: Sns) -> None:
    failed = [{"Id": str(number), "Code": "InternalError", "SenderFault": False} for number in range(2)]
    sns.stub.add_response("publish_batch", {"Failed": failed})
    sns.stub.add_response("publish", {"MessageId": "m"})
    sns.stub.add_response("publish", {"MessageId": "m"})

    assert sns.publish_all("slack:default", "email:default") == [None, None]


def test_what_is_not_taken_alone_either_is_named_with_its_own_error(sns: Sns) -> None:
    sns.takes(0, of=2)
    sns.stub.add_client_error("publish", "InvalidParameter", "Invalid parameter: Subject")

    said = sns.publish_all("slack:default", "email:default")

    assert said[0] is None
    assert said[1] is not None
    assert said[1].startswith("SNS did not take a message for email:default: ")
    assert said[1].endswith("Invalid parameter: Subject")
    assert sns.told == ["slack:default"]


def test_a_subject_that_sns_refuses_goes_out_in_ascii(sns: Sns) -> None:
    mail = replace(message("email:default"), subject="✖ 1 failed: Prüfung")
    sns.stub.add_client_error("publish", "InvalidParameter", "Invalid parameter: Subject")
    asked = {"TopicArn": ARN, "Message": "{}", "MessageAttributes": ANY, "Subject": "? 1 failed: Pr?fung"}
    sns.stub.add_response("publish", {"MessageId": "m"}, asked)

    with sns.stub:
        sns.topic.publish(mail)

    sns.stub.assert_no_pending_responses()
    assert sns.told == ["email:default"]


def test_a_subject_that_is_refused_in_ascii_too_is_named(sns: Sns) -> None:
    for _ in range(2):
        sns.stub.add_client_error("publish", "InvalidParameter", "Invalid parameter: Subject")

    with sns.stub, pytest.raises(Unpublished, match="Invalid parameter: Subject"):
        sns.topic.publish(replace(message("email:default"), subject="✖ 1 failed"))


def test_a_message_for_which_a_whole_call_is_refused_does_not_keep_the_others(sns: Sns) -> None:
    sns.stub.add_client_error("publish_batch", "InvalidParameter", "Invalid parameter: Subject")
    sns.stub.add_response("publish", {"MessageId": "m"})
    sns.stub.add_client_error("publish", "InvalidParameter", "Invalid parameter: Subject")

    said = sns.publish_all("slack:default", "email:default")

    assert [one is None for one in said] == [True, False]


def test_where_no_answer_comes_none_is_asked_for_again(sns: Sns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would take all the time that a call may take, and nobody knows whether they were taken."""
    calls = []

    def hangs(*_: object, **asked: object) -> object:
        calls.append(asked)
        raise ReadTimeoutError(endpoint_url="sns")

    monkeypatch.setattr(sns.client, "publish_batch", hangs)
    said = sns.publish_all("slack:default", "email:default")

    assert len(calls) == 1
    assert [one is None for one in said] == [False, False]


@pytest.mark.parametrize("destinations", [("event",), ("event", "slack:default")])
def test_an_answer_without_a_body_is_none_and_does_not_end_the_poll(sns: Sns, destinations: tuple[str, ...]) -> None:
    """SNS says 408 like that, and botocore raises what is no error of its own kind."""
    sent = []

    def answer(**_: object) -> AWSResponse:
        sent.append(1)
        return AWSResponse("https://sns", 408, HTTPHeaders(), Empty())

    events: Any = sns.client.meta.events
    events.register("before-send.sns", answer)
    said = sns.topic.publish_all(list(map(message, destinations)))

    assert all("SNS did not take a message for " in str(one) for one in said)
    assert (len(said), len(sent), sns.told) == (len(destinations), 1, [])


def test_one_message_is_a_call_of_its_own_that_raises(sns: Sns) -> None:
    sns.stub.add_client_error("publish", "Throttling", "Rate exceeded")

    with sns.stub, pytest.raises(Unpublished, match=r"SNS did not take a message for event: .*Rate exceeded"):
        sns.topic.publish(message("event"))
    assert sns.told == []


def test_a_call_takes_no_more_than_ten_messages_and_256_kilobytes() -> None:
    large = "ü" * 60_000  # 120,000 bytes

    assert [len(some) for some in together([MESSAGE] * 21)] == [10, 10, 1]
    assert [len(some) for some in together([message("event", large)] * 5)] == [2, 2, 1]
    assert [len(some) for some in together([message("event", "x" * 2 * MAX_TOGETHER_BYTES), MESSAGE])] == [1, 1]
    assert list(together([])) == []


def test_the_form_of_a_call_is_the_one_that_botocore_would_send() -> None:
    form = {"Action": "Publish", "Message": "50% = ½ & more\n", "Subject": "A b"}
    params: dict[str, Any] = {"body": dict(form)}

    encoded_once(params)
    encoded_once(params)

    assert params["body"] == urlencode(form).encode()
    assert {name: values[0] for name, values in parse_qs(params["body"].decode()).items()} == form


def test_who_filters_finds_a_status_on_every_message_and_reasons_and_routes_where_there_are_any() -> None:
    """A policy may ask for what has no reason: `{"reason": [{"exists": false}]}`."""
    bare, full = (
        attributes(replace(MESSAGE, statuses=())),
        attributes(replace(MESSAGE, reasons=("new",), routes=("a",))),
    )

    assert list(bare) == ["channel", "destination", "id", "run_id", "project_id", "status"]
    assert bare["status"]["StringValue"] == "[]"
    assert (full["reason"]["StringValue"], full["route"]["StringValue"]) == ('["new"]', '["a"]')
