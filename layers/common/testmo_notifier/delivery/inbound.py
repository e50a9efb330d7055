"""Whose a message of the queue is: of which channel, an alarm, or none of ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from testmo_notifier.channels.channel import Transport
from testmo_notifier.channels.registry import channel_of, queued
from testmo_notifier.model import QueuedMessage


def recognised(message: QueuedMessage, transports: Mapping[str, Transport]) -> QueuedMessage:
    """The message with its channel, or with the reason why it is none of ours; of an alarm, what is to be posted.

    What no channel can claim is counted as the first one's. An alarm has no destination yet.
    """
    if message.is_alarm:
        return message
    if not message.destination:
        for name, transport in transports.items():
            if alarm := transport.alarm(message):
                return replace(alarm, channel=name)
    channel = channel_of(message.destination)
    name = channel.name if channel and channel.name in transports else next(iter(transports))
    problem = message.problem or transports[name].problem(message.body)
    if not problem and (channel is None or channel.name not in transports):
        like = " or ".join(one.default for one in queued())
        problem = f"the message attribute `destination` is missing or is not like {like}"
    elif not problem and not message.id:
        problem = "the message attribute `id` is missing"
    return replace(message, channel=name, problem=problem)
