"""What SNS is sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote_plus

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from hypothesis import given
from hypothesis import strategies as st

from testmo_notifier.adapters.topic import Topic, quoted
from testmo_notifier.model import Notification

SAID = b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"


class Raw:
    """The rest of an answer, as urllib3 gives it."""

    def stream(self, **_: object) -> list[bytes]:
        return [SAID]


@pytest.mark.parametrize("message", ["50 % + 1 = ü & ✖ 😀\n*x* ~/.-_", "%20 %2B +"])
def test_a_message_reaches_sns_as_it_is(message: str) -> None:
    bodies: list[Any] = []

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        bodies.append(request.body)
        return AWSResponse(request.url, 200, HTTPHeaders(), Raw())

    client = boto3.client("sns", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    client.meta.events.register("before-send.sns.Publish", send)  # type: ignore[arg-type]  # it may answer
    Topic(client, "arn:aws:sns:us-east-1:000000000000:topic").publish(
        Notification(
            id="one", destination="slack:default", channel="slack", subject="a b", message=message, run_id=1,
            project_id=2, statuses=("Failed",),
        )
    )  # fmt: skip

    (sent,) = [parse_qs(body.decode(), strict_parsing=True) for body in bodies]
    assert (sent["Action"], sent["Message"], sent["Subject"]) == (["Publish"], [message], ["a b"])


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_is_quoted_as_the_standard_library_does(text: str) -> None:
    assert quoted(text).decode() == quote_plus(text)
