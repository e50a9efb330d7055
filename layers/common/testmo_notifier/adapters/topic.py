"""SNS: notifications, some of them in one call, with attributes that filter policies can read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from testmo_notifier.errors import Unpublished
from testmo_notifier.model import ASIDE, MAX_TOGETHER, Notification

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

MAX_TOGETHER_BYTES: Final = 250_000  # messages and attributes; SNS takes 256 KB, and counts as it likes
# SNS's 408 has no body, and botocore has an error of another kind for that: https://github.com/kalaspuff/tomodachi/pull/1664
NO_ANSWER: Final = (BotoCoreError, ResponseParserError)


class Topic:
    """The topic that every notification goes through. `published` hears of each that SNS took."""

    def __init__(
        self, client: SNSClient, topic_arn: str, *, published: Callable[[Notification], None] = lambda _: None
    ) -> None:
        self._client = client
        self._arn = topic_arn
        self._published = published
        client.meta.events.register("before-call.sns", encoded_once)

    def publish(self, notification: Notification) -> None:
        """Publish one notification; raises `Unpublished` when SNS did not take it."""
        problem = self._publish_alone(notification)
        if problem:
            raise problem

    def publish_all(self, notifications: Iterable[Notification]) -> list[Unpublished | None]:
        """Publish some in few calls; gives back, in their order, why SNS did not take one, None where it did."""
        return [said for some in together(notifications) for said in self._publish_some(some)]

    def _publish_some(self, some: Sequence[Notification]) -> list[Unpublished | None]:
        """What a call for several does not take is tried alone: it has its own error then, and its own attempts."""
        if len(some) == 1:
            return [self._publish_alone(some[0])]
        entries: Any = [{"Id": str(number), **asked(one)} for number, one in enumerate(some)]
        try:
            answer = self._client.publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=entries)
            taken = {int(entry["Id"]) for entry in answer.get("Successful", ())}  # of none, botocore may have no list
        except ClientError:  # of one of them, perhaps: the others are not to wait for it
            taken = set()
        except NO_ANSWER as exc:  # to ask for each once more would take all the time there is
            return [not_taken(one, exc) for one in some]
        for number in sorted(taken):
            self._published(some[number])
        return [None if number in taken else self._publish_alone(one) for number, one in enumerate(some)]

    def _publish_alone(self, notification: Notification) -> Unpublished | None:
        try:
            self._client.publish(TopicArn=self._arn, **asked(notification))
        except (*NO_ANSWER, ClientError) as exc:
            in_ascii = replace(notification, subject=notification.subject.encode("ascii", "replace").decode())
            if "Subject" in str(exc) and in_ascii != notification:
                return self._publish_alone(in_ascii)  # all that SNS took once, and what it takes now nobody has tried
            return not_taken(notification, exc)
        self._published(notification)
        return None


def asked(notification: Notification) -> Any:  # noqa: ANN401 - keyword arguments
    """What SNS is to publish."""
    subject = {"Subject": notification.subject} if notification.subject else {}
    return {"Message": notification.message, "MessageAttributes": attributes(notification), **subject}


def not_taken(notification: Notification, exc: Exception) -> Unpublished:
    """What SNS, or the way to it, said of a message."""
    problem = Unpublished(f"SNS did not take a message for {notification.destination}: {exc}")
    problem.__cause__ = exc
    return problem


def together(notifications: Iterable[Notification]) -> Iterator[list[Notification]]:
    """As many as one call takes, in their order."""
    some: list[Notification] = []
    room = MAX_TOGETHER_BYTES
    for one in notifications:
        size = len(json.dumps(asked(one), ensure_ascii=False).encode(errors="replace"))
        if some and (size > room or len(some) == MAX_TOGETHER):
            yield some
            some, room = [], MAX_TOGETHER_BYTES
        some.append(one)
        room -= size
    yield from filter(None, [some])


def encoded_once(params: dict[str, Any], **_: object) -> None:
    """Encode the form of a call here: botocore would do it twice, to sign it and to send it."""
    if isinstance(params["body"], dict):
        params["body"] = urlencode(params["body"], doseq=True).encode()


def attributes(notification: Notification) -> dict[str, MessageAttributeValueTypeDef]:
    """What filter policies read, and last what only the function of the queue does; an older one leaves that aside.

    SQS with raw delivery takes ten attributes at most, and these are nine. In ASCII alone: SNS refuses a message with
    an emoji in an attribute, and with some other characters takes it and delivers it to nobody
    (https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html). Filters read JSON.
    """
    aside = json.dumps({"order": notification.order, **notification.aside})
    lists = {"status": notification.statuses, "reason": notification.reasons, "route": notification.routes}
    return {
        "channel": {"DataType": "String", "StringValue": notification.channel},
        "destination": {"DataType": "String", "StringValue": notification.destination},
        "id": {"DataType": "String", "StringValue": notification.id},
        "run_id": {"DataType": "Number", "StringValue": str(notification.run_id)},
        "project_id": {"DataType": "Number", "StringValue": str(notification.project_id)},
        **{
            name: {"DataType": "String.Array", "StringValue": json.dumps(list(values))}
            for name, values in lists.items()
            if values or name == "status"  # an outbox that an older version wrote knows of no others
        },
        **({ASIDE: {"DataType": "String", "StringValue": aside}} if notification.aside else {}),
    }
