"""What happens to each message of one batch, whatever its channel.

Every message ends in one of five ways (`Outcome.end`): it was delivered; it had been already; it goes back to the queue
until later; it is parked in the dead-letter queue, because only a person can help; it is skipped, because nobody is to
hear of it: an alarm that its channel does not post, or what a destination without a state cannot show. Whatever goes
wrong here, even what nobody thought of, sends a message back to the queue.

Channels are dealt with side by side, a thread each: one that hangs holds up no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, Literal

from testmo_notifier.channels.channel import Conversation, Transport
from testmo_notifier.delivery import pacing
from testmo_notifier.delivery.effects import Effects
from testmo_notifier.delivery.inbound import recognised
from testmo_notifier.errors import (
    NO_ANSWER,
    NO_TABLE,
    OURS,
    ConfigurationError,
    DeliveryDelayed,
    DestinationGone,
    PayloadRefused,
    Undelivered,
)
from testmo_notifier.lean import dataclass
from testmo_notifier.model import Attribute, Pace, QueuedMessage, Receipt

# Before each post: 4 s for a slot, 3 s to connect, 10 s to answer, and time to put the rest of the batch back.
LEAST_SECONDS_LEFT: Final = 20.0
# What a channel has not finished by then goes back, so that the others are acknowledged.
RESERVE_SECONDS: Final = 5.0
# How long the second post of a message waits for its slot: no other invocation is further ahead than that.
SECOND_PATIENCE: Final = timedelta(seconds=4)
# After a failed post the rest of the batch for that destination is not tried, even if its gate is open again.
NO_PATIENCE: Final = timedelta(seconds=-1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a message ended. `reason` is one word, `detail` a sentence, `error` what was raised."""

    message: QueuedMessage
    end: Literal["delivered", "duplicate", "returned", "parked", "skipped"]
    reason: str = ""
    detail: str = ""
    seconds: float = 0.0
    text_only: bool = False
    error: Exception | None = None


def deliver(messages: Iterable[QueuedMessage], effects: Effects) -> Iterator[Outcome]:
    """Deal with every message of a batch, destinations in turn; only what is `returned` stays in the queue."""
    channels: dict[str, list[QueuedMessage]] = {}
    for message in messages:
        known = recognised(message, effects.transports)
        channels.setdefault(known.channel, []).append(known)
    if len(channels) > 1:
        yield from side_by_side(channels.values(), effects)
        return
    for alone in channels.values():
        yield from deliver_channel(alone, effects)


def side_by_side(channels: Iterable[list[QueuedMessage]], effects: Effects) -> Iterator[Outcome]:
    """Every channel in a thread of its own, until this invocation has to end."""
    ended: SimpleQueue[Outcome] = SimpleQueue()

    def work(messages: list[QueuedMessage]) -> None:
        for outcome in deliver_channel(messages, effects):
            ended.put(outcome)

    open_ends = {message.queue_id: message for messages in channels for message in messages}
    for messages in channels:
        Thread(target=work, args=(messages,), daemon=True).start()
    while open_ends:
        try:
            outcome = ended.get(timeout=max(0.0, effects.seconds_left() - RESERVE_SECONDS))
        except Empty:
            break
        del open_ends[outcome.message.queue_id]
        yield outcome
    for message in open_ends.values():
        # Whoever has it in hand may deliver it yet, and then records it: it comes back with the queue's own time-out.
        yield Outcome(message, "returned", reason="out_of_time", detail="its channel did not answer in time")


def deliver_channel(messages: Iterable[QueuedMessage], effects: Effects) -> Iterator[Outcome]:
    """The messages of one channel."""
    ordered = in_turns(messages)
    to_come = Counter(message.destination for message in ordered)
    batch = Batch(effects, to_come)
    for message in ordered:
        to_come[message.destination] -= 1
        yield batch.deal_with(message)


def in_turns(messages: Iterable[QueuedMessage]) -> list[QueuedMessage]:
    """First messages of all destinations first, then the second ones: so a message waits for its own webhook alone."""
    seen: Counter[str] = Counter()
    ranked = []
    for message in messages:
        ranked.append((seen[message.destination], message))
        seen[message.destination] += 1
    return [message for _, message in sorted(ranked, key=lambda pair: pair[0])]


class Batch:
    """A channel's messages in a batch. Remembers which destinations are gone or in trouble, and leaves those alone.

    `to_come` is how many messages for each destination still follow in it.
    """

    def __init__(self, effects: Effects, to_come: Counter[str]) -> None:
        self._effects = effects
        self._to_come = to_come
        self._gone: dict[str, DestinationGone] = {}
        self._in_trouble: set[str] = set()  # gates
        self._conversations: dict[str, Conversation | None] = {}  # by message

    def deal_with(self, message: QueuedMessage) -> Outcome:
        """See one message to its end; never raises."""
        try:
            if message.is_alarm and not message.skipped:
                message = self._addressed(message)
            return self._deliver(message)
        except (DestinationGone, PayloadRefused) as exc:
            return self._park(message, exc)
        except DeliveryDelayed as exc:
            return self._give_back(message, exc, exc.reason, exc.retry_after_seconds)
        except ConfigurationError as exc:
            return self._give_back(message, exc, "secret_unreadable")
        except Exception as exc:  # noqa: BLE001 - our own bug must neither lose this message nor stop the others
            return self._give_back(message, exc, "unexpected")

    def _deliver(self, message: QueuedMessage) -> Outcome:
        if message.skipped:
            return Outcome(message, "skipped", reason=message.skipped)
        if message.problem is not None:
            raise PayloadRefused(message.problem, reason="not_ours")
        if message.only_shows and not any(self._conversation(message, fresh=fresh) for fresh in (False, True)):
            self._effects.forget(message.destination)
            return Outcome(message, "skipped", reason="nothing_to_edit")
        send = self._note if message.only_shows else self._send
        receipt = self._once(message, lambda: send(message))
        has_shown = self._show(message)
        if receipt is None and has_shown:  # it was told before, and could not be shown then
            receipt = Receipt(self._effects.now(), text_only=False)
        if receipt is None:
            return Outcome(message, "duplicate", reason="delivered_before")
        return Outcome(message, "delivered", text_only=receipt.text_only)

    def _once(self, message: QueuedMessage, send: Callable[[], Receipt]) -> Receipt | None:
        """Send what was not delivered before; an alarm, which may be about the table, even if that does not answer."""
        try:
            return self._effects.once(message, send)
        except DeliveryDelayed as exc:
            if not message.is_alarm or exc.reason != NO_TABLE:
                raise
            blind = copy(self)
            blind._effects = self._effects.without_table()  # noqa: SLF001 - its own
            return blind._send(message)  # noqa: SLF001 - the same

    def _addressed(self, message: QueuedMessage) -> QueuedMessage:
        """An alarm with the destination it goes to, the first of those that its channel names.

        One that proved gone in this batch is left out, as long as there is another: an alarm has to reach somebody.
        """
        addresses = self._effects.addresses(message.channel, False)
        names = self._transport(message).for_alarms(addresses)
        destinations = [f"{message.channel}:{name}" for name in names]
        destination = next((one for one in destinations if one not in self._gone), destinations[-1])
        attributes = (Attribute("id", "String", message.id), Attribute("destination", "String", destination))
        return replace(message, destination=destination, attributes=attributes)

    def _send(self, message: QueuedMessage) -> Receipt:
        """Post the message, in a plainer form if the first one is refused."""
        gone = self._gone.get(message.destination)
        if gone is not None:
            raise gone
        try:
            self._post_or_look_again(
                message, message.body, pacing.PATIENCE if message.receives <= 1 else pacing.PATIENCE_IN_LINE
            )
        except PayloadRefused:
            plainer = self._transport(message).plainer(message.body)
            self._post_or_look_again(message, plainer, SECOND_PATIENCE)
            return Receipt(self._effects.now(), text_only=True)
        return Receipt(self._effects.now(), text_only=False)

    def _note(self, message: QueuedMessage) -> Receipt:
        """Tell what nobody is to hear of: it is posted nowhere, so it waits for nobody's slot."""
        if conversation := self._conversation(message):
            conversation.tell(message.body)
        return Receipt(self._effects.now(), text_only=False)

    def _post_or_look_again(self, message: QueuedMessage, payload: str, patience: timedelta) -> None:
        """Post; if the webhook is gone, read the secret again and post once more with what it says now.

        A test is sent to see what the secret says now: by an address that was kept it would prove nothing.
        """
        name = message.destination.partition(":")[2]
        try:
            self._post(message, self._effects.addresses(message.channel, message.is_test).get(name), payload, patience)
        except DestinationGone:
            url = self._effects.addresses(message.channel, True).get(name)
            try:
                self._post(message, url, payload, SECOND_PATIENCE)
            except DestinationGone as exc:
                self._gone[message.destination] = exc
                raise

    def _post(self, message: QueuedMessage, url: str | None, payload: str, patience: timedelta) -> None:
        """Wait for the webhook's slot, post, and tell the other invocations how it went."""
        if url is None:
            raise DestinationGone("the secret holds no address for it that can be used", reason="no_webhook")
        conversation = self._effects.conversation(message, url)
        gate = self._gate(message.channel, message.destination)
        slot, spacing = self._next_slot(message, gate, patience), self._transport(message).post_spacing
        try:
            if conversation is None:
                self._effects.post(message.channel, url, payload)
            else:
                conversation.tell(payload)
            self._conversations[message.id] = conversation
        except DeliveryDelayed as exc:
            if exc.reason in OURS:
                raise
            self._in_trouble.add(gate)
            slot = self._shut_gate(message, gate, exc)
            if not slot.failures:  # it is this message alone
                self._in_trouble.discard(gate)
            wait = (slot.at - self._effects.now()).total_seconds()
            raise DeliveryDelayed(str(exc), reason=exc.reason, retry_after_seconds=wait) from exc
        except Undelivered:
            self._end_trouble(gate, slot, spacing)
            raise
        self._end_trouble(gate, slot, spacing)

    def _show(self, message: QueuedMessage) -> bool:
        """Edit the destination's own message of the run, if it has one, to show what was told; says whether it did.

        Many messages may wait for their turn to do so; the first one shows what all of them told.
        """
        conversation = (
            self._conversations[message.id] if message.id in self._conversations else self._conversation(message)
        )
        if conversation is None or conversation.is_shown():
            return False
        receives = message.receives  # as with posts: what is throttled for hours must not use them up
        spacing = self._transport(message).edit_spacing
        edit = partial(pacing.take_slot, message_id=message.id, receives=receives, spacing=spacing)
        slot = self._wait_for_slot(conversation.gate, edit, "other edits are first")
        try:
            conversation.show()
        except DestinationGone:
            of_now = self._conversation(message, fresh=True)
            if of_now and not of_now.is_shown():
                raise
            return False  # the secret names another by now, with a place of its own
        except DeliveryDelayed as exc:
            if exc.reason in OURS:
                raise
            asked = exc.retry_after_seconds
            wait = pacing.backoff_seconds(receives) if asked is None else asked
            # One edit that fails and fails must not hold up those of all other runs and channels of its token.
            pause = min(wait, pacing.MAX_PAUSE_SECONDS) if asked is None else asked
            slot = self._effects.change_pace(
                conversation.gate,
                lambda pace: pacing.after_throttle(
                    pace, self._effects.now(), receives=receives, retry_after_seconds=pause
                ),
            )
            wait = max(wait, (slot.at - self._effects.now()).total_seconds())
            raise DeliveryDelayed(str(exc), reason=exc.reason, retry_after_seconds=wait) from exc
        self._end_trouble(conversation.gate, slot, spacing)
        return True

    def _conversation(self, message: QueuedMessage, *, fresh: bool = False) -> Conversation | None:
        """That of a message that this batch has not posted; None where its destination has no state."""
        address = self._effects.addresses(message.channel, fresh).get(message.destination.partition(":")[2])
        return self._effects.conversation(message, address) if address else None

    def _transport(self, message: QueuedMessage) -> Transport:
        return self._effects.transports[message.channel]

    def _gate(self, channel: str, destination: str) -> str:
        """Whose pace a post keeps."""
        return pacing.gate_of(
            destination, self._effects.addresses(channel, False), self._effects.transports[channel].place
        )

    def _next_slot(self, message: QueuedMessage, gate: str, patience: timedelta) -> pacing.Slot:
        """The webhook's next slot."""
        to_come = self._to_come.items()
        take = partial(
            pacing.take_slot,
            message_id=message.id,
            receives=message.receives,
            patience=NO_PATIENCE if gate in self._in_trouble else patience,
            more=sum(n for one, n in to_come if n and self._gate(message.channel, one) == gate),
            spacing=self._transport(message).post_spacing,
        )
        return self._wait_for_slot(gate, take, "others are first", in_trouble="in_trouble")

    def _wait_for_slot(
        self,
        gate: str,
        take: Callable[[Pace, datetime], tuple[Pace, pacing.Slot]],
        words: str,
        *,
        in_trouble: str = "paced",
    ) -> pacing.Slot:
        """Wait for a slot, or raise `DeliveryDelayed` where it does not come in time."""
        effects = self._effects
        if effects.seconds_left() < LEAST_SECONDS_LEFT:
            raise DeliveryDelayed("too little time is left", reason="out_of_time", retry_after_seconds=0)
        slot = effects.change_pace(gate, lambda pace: take(pace, effects.now()))
        wait = (slot.at - effects.now()).total_seconds()
        if not slot.granted:
            raise DeliveryDelayed(words, reason=in_trouble if slot.failures else "paced", retry_after_seconds=wait)
        if wait > 0:
            effects.sleep(wait)
        return slot

    def _shut_gate(self, message: QueuedMessage, gate: str, exc: DeliveryDelayed) -> pacing.Slot:
        now, seconds = self._effects.now(), exc.retry_after_seconds
        spacing = self._transport(message).post_spacing

        def shut(pace: Pace) -> tuple[Pace, pacing.Slot]:
            if seconds is None:
                answered = exc.reason != NO_ANSWER
                return pacing.after_failure(
                    pace, now, message.id, receives=message.receives, answered=answered, spacing=spacing
                )
            return pacing.after_throttle(pace, now, receives=message.receives, retry_after_seconds=seconds)

        return self._effects.change_pace(gate, shut)

    def _end_trouble(self, gate: str, slot: pacing.Slot, spacing: timedelta) -> None:
        """It was answered: open the gate, if it was shut."""
        if not slot.failures:
            return
        now = self._effects.now()
        with suppress(DeliveryDelayed):  # had the message been taken, an error here would send it twice
            self._effects.change_pace(gate, lambda pace: pacing.after_answer(pace, now, spacing))

    def _park(self, message: QueuedMessage, exc: DestinationGone | PayloadRefused) -> Outcome:
        try:
            if message.is_alarm and self._addressed(message).destination != message.destination:
                return self.deal_with(message)
            self._effects.park(message, exc.reason)
        except Exception as failure:  # noqa: BLE001 - what could not be parked is not acknowledged: it would be lost
            return self._give_back(message, failure, "not_parked")
        return Outcome(message, "parked", reason=exc.reason, detail=str(exc), error=exc)

    def _give_back(self, message: QueuedMessage, exc: Exception, reason: str, seconds: float | None = None) -> Outcome:
        wait = pacing.backoff_seconds(message.receives) if seconds is None else seconds
        self._effects.hide(message, wait)
        detail = str(exc) if isinstance(exc, Undelivered | ConfigurationError) else ""  # others may quote anything
        return Outcome(message, "returned", reason=reason, detail=detail, seconds=wait, error=exc)
