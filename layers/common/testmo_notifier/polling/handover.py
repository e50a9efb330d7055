"""From the outbox to SNS (rules 10, 13 and 15): render, publish, then clear what was published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from testmo_notifier import model
from testmo_notifier.channels.channel import Channel
from testmo_notifier.channels.registry import channel_of
from testmo_notifier.errors import LostRace, unexpected
from testmo_notifier.lean import dataclass
from testmo_notifier.notices.standings import with_silent

if TYPE_CHECKING:
    from testmo_notifier.polling.setup import Setup

MIN_SECONDS_LEFT: Final = 5.0  # of a poll, with which another message is begun
# The stored digest; what is sent for it, itself or what goes with it in silence; that as it is published.
Message = tuple[model.Outgoing, model.Outgoing, model.Notification]
ORDERS_PER_VERSION: Final = 1_000  # more than one outbox holds: what a later version tells comes after
LAST: Final = ORDERS_PER_VERSION - 2  # what is told of a run with others comes after all else of the same version

OFF_STACK: Final = "is on no channel of this stack: what waits for it goes out once its parameter is given again"

T = TypeVar("T", model.Checkpoint, model.Envelope)


@dataclass(slots=True, eq=False)
class HandOver:
    """Hands outboxes over, and counts for the whole poll. `showing` are destinations that show how a run is.

    Of what an earlier poll of this process published and could not clear `setup.gone_out` has the ids: where the table
    takes no writes for hours, the same mail does not go out each minute.
    """

    setup: Setup
    mark: model.MarkOf = model.unmarked
    unreachable: Collection[str] = ()
    showing: Collection[str] = ()
    published: int = 0  # messages, so far
    problems: list[str] = field(default_factory=list)
    _sent: Counter[str] = field(default_factory=Counter)
    _order: int = 0  # of the next message
    _last: dict[str, datetime] = field(default_factory=dict)  # by channel, when it was last published to

    def publish(self, checkpoint: model.Checkpoint) -> model.Checkpoint:
        """Publish what an outbox holds and clear it; what could not be published stays in it."""
        clear, at = partial(self.setup.store.clear, mark=self.mark), self.setup.now
        return self._empty(checkpoint, order_of(checkpoint.version), lambda done: clear(checkpoint, done, at=at()))

    def publish_envelope(self, envelope: model.Envelope) -> model.Envelope:
        """The same with an envelope."""
        clear, at = self.setup.store.clear_envelope, self.setup.now
        return self._empty(envelope, envelope.order, lambda done: clear(envelope, done, at=at()))

    def _empty(self, waiting: T, order: int, clear: Callable[[list[model.Outgoing]], T]) -> T:
        """Publish, then clear. Gives back what still waits: all of it, if the clearing cannot be written now."""
        done = self._publish_all(waiting.outbox, order)
        if not done:
            return waiting
        ids = {outgoing.id for outgoing in done}
        self.setup.gone_out.update(ids)  # whatever becomes of the write
        try:
            rest = clear(done)
        except LostRace as exc:
            self.problems.append(f"{exc}: its messages may go out twice")
            return waiting
        self.setup.gone_out.difference_update(ids)
        return rest

    def _publish_all(self, outbox: Sequence[model.Outgoing], order: int) -> list[model.Outgoing]:
        """Publish what can be published, several at a time; the messages are numbered from `order` on.

        A destination that still waits for a failure does not hear of a recovery, or of the end of the run, before it.
        What leads to silent messages has been published when all of them are, too.
        """
        self._order = order
        batch: list[Message] = []
        left: dict[str, str] = {}  # what waits on: its id, and where it goes
        for outgoing in outbox:
            for one in with_silent(outgoing, self.showing):
                if outgoing.id in self.setup.gone_out:
                    self._order += 1  # it had that number
                    continue
                if self._goes_after(one, batch):
                    self._send(batch, left)
                    batch = []
                waits = outgoing.id in left or (one.digest.about != model.FAILING and one.destination in left.values())
                notification = None if waits else self._notification(one)
                if notification is None:
                    left[outgoing.id] = outgoing.destination
                else:
                    batch.append((outgoing, one, notification))
        self._send(batch, left)
        return [outgoing for outgoing in outbox if outgoing.id not in left]

    def _goes_after(self, outgoing: model.Outgoing, batch: list[Message]) -> bool:
        """Whether a message has to wait for those of a batch, and is not one of them."""
        depends = outgoing.digest.about != model.FAILING or outgoing.digest.is_silent
        if depends and outgoing.destination in {one.destination for _, one, _ in batch if not one.digest.is_silent}:
            return True  # it depends on whether they are taken
        channel, others = paced(outgoing), [paced(one) for _, one, _ in batch]
        return len(batch) == model.MAX_TOGETHER or (channel is not None and channel in others)

    def _has_time(self) -> bool:
        return self.setup.seconds_left() >= MIN_SECONDS_LEFT

    def is_on_stack(self, destination: str) -> bool:
        """Whether the stack has its channel; what goes to one that was taken from it, nobody gets."""
        channel = channel_of(destination)
        return channel is None or channel.name in self.setup.channels

    def may_get_more(self, destination: str) -> bool:
        """Whether a destination may get another message in this poll."""
        if destination in self.unreachable or not self.is_on_stack(destination) or not self._has_time():
            return False  # nobody would get it, or no time is left
        channel = channel_of(destination)
        most = channel.max_per_poll if channel else None
        return most is None or self._sent[destination] < most

    def _notification(self, outgoing: model.Outgoing) -> model.Notification | None:
        """What is published next; None if it has to wait, or cannot be rendered. What is not posted takes no room."""
        digest = outgoing.digest
        if not (self._has_time() if digest.is_silent else self.may_get_more(outgoing.destination)):
            return None
        order = digest.order + LAST if digest.order else self._order
        try:
            notification = replace(self.setup.renderer.notification(outgoing), order=order)
        except Exception as exc:  # noqa: BLE001 - one message nobody can render must not end this poll and every other
            words = f"a message for {outgoing.destination} could not be rendered"
            self.problems.append(f"{words}, it stays in {place_of(outgoing)}: {unexpected(exc)}")
            return None
        self._order += 1
        self._sent[outgoing.destination] += room_of(outgoing)
        return notification

    def _send(self, batch: list[Message], left: dict[str, str]) -> None:
        """Publish a batch; whatever has a message in it that was not taken is among those `left`."""
        if not batch:
            return
        for channel in filter(None, (paced(one) for _, one, _ in batch)):
            self._pace(channel)
        said = self.setup.topic.publish_all([notification for *_, notification in batch])
        for (outgoing, one, _), problem in zip(batch, said, strict=True):
            if problem is None:
                self.published += 1
            else:
                self.problems.append(f"{problem}: it stays in {place_of(outgoing)}")
                self._sent[one.destination] -= room_of(one)
                left[outgoing.id] = outgoing.destination

    def _pace(self, channel: Channel) -> None:
        if channel.name in self._last:
            wait = channel.seconds_between - (self.setup.now() - self._last[channel.name]).total_seconds()
            if wait > 0:
                self.setup.sleep(min(wait, channel.seconds_between))
        self._last[channel.name] = self.setup.now()


def paced(outgoing: model.Outgoing) -> Channel | None:
    """The channel of a message, if its messages keep a distance from each other."""
    channel = channel_of(outgoing.destination)
    return channel if channel and channel.seconds_between else None


def room_of(outgoing: model.Outgoing) -> int:
    """How much it takes of what a destination may get in a poll: nothing where nothing is posted."""
    return 0 if outgoing.digest.is_silent else 1


def order_of(version: int) -> int:
    """The number of the first message that a version of a checkpoint tells: later versions have higher ones."""
    return version * ORDERS_PER_VERSION


def place_of(outgoing: model.Outgoing) -> str:
    """Where a message waits that could not be published; of several runs, and of each of these, in one place."""
    digest = outgoing.digest
    return f"the outbox of run {digest.run_id}" if digest.run_id and not digest.order else "an envelope"
