"""What delivery does to the world, and how a stack's channels do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from testmo_notifier.channels.channel import Conversation, Transport
from testmo_notifier.channels.registry import CHANNELS
from testmo_notifier.config import usable
from testmo_notifier.delivery.pacing import Slot
from testmo_notifier.lean import dataclass
from testmo_notifier.model import Pace, QueuedMessage, Receipt

if TYPE_CHECKING:
    import urllib3


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What the use case does to the world; the function of the queue wires the adapters to it.

    transports: how to deliver, by the name of the channel.
    addresses(channel, fresh): addresses by name, read again if `fresh`; raises `ConfigurationError`.
    post(channel, address, payload): deliver; raises an `Undelivered`.
    change_pace(gate, decide): change a pace for all invocations (see `pacing.gate_of`); raises `DeliveryDelayed`.
    once(message, send): run `send` unless the message was delivered before (then None); record what it returns.
    hide(message, seconds): let a message come back in so many seconds.
    park(message, reason): put a copy of a message into the dead-letter queue.
    seconds_left(): how long this invocation may still run.
    conversation(message, address): how a message is told where the destination has a state; None where it has none.
    forget(destination): it has no state any more; the secret names a webhook, or nothing.
    """

    transports: Mapping[str, Transport]
    addresses: Callable[[str, bool], Mapping[str, str]]
    post: Callable[[str, str, str], None]
    change_pace: Callable[[str, Callable[[Pace], tuple[Pace, Slot]]], Slot]
    once: Callable[[QueuedMessage, Callable[[], Receipt]], Receipt | None]
    hide: Callable[[QueuedMessage, float], None]
    park: Callable[[QueuedMessage, str], None]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    seconds_left: Callable[[], float]
    conversation: Callable[[QueuedMessage, str], Conversation | None] = lambda _message, _address: None
    forget: Callable[[str], None] = lambda _destination: None

    def without_table(self) -> Effects:
        """The same for whom the table does not answer: nobody knows of others at the same webhook, nor of a state."""
        return replace(
            self, change_pace=lambda _, decide: decide(Pace())[1], conversation=lambda _message, _address: None
        )

    @classmethod
    def of(
        cls,
        secret_arns: Mapping[str, str],
        *,
        read_secret: Callable[..., dict[str, str]],
        pool: urllib3.PoolManager,
        change_state: Callable[..., Any],
        now: Callable[[], datetime],
        **rest: Any,  # noqa: ANN401 - its other fields
    ) -> Effects:
        """Those of a stack with these channels: addresses out of their secrets, posts by their transports.

        read_secret(arn, parse, fresh=): a secret's addresses.
        change_state(destination, run_id, decide): see `ChangeState`.
        """
        transports = {name: CHANNELS[name].transport() for name in secret_arns}

        def addresses(channel: str, fresh: bool) -> dict[str, str]:  # noqa: FBT001 - the field has no names
            return read_secret(secret_arns[channel], usable(transports[channel].read_secret), fresh=fresh)

        def post(channel: str, address: str, payload: str) -> None:
            transports[channel].post(pool, address, payload, now())

        def conversation(message: QueuedMessage, address: str) -> Conversation | None:
            change = partial(change_state, message.destination, message.run_id)
            return transports[message.channel].conversation(pool, address, message, change, now)

        return cls(transports=transports, addresses=addresses, post=post, conversation=conversation, now=now, **rest)
