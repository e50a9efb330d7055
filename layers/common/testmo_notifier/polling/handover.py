"""From the outbox to SNS (rules 10, 13 and 15): render, publish, then clear what was published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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
from testmo_notifier.polling.case_names import CaseNames, has_unnamed

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


class Outboxes:
    """The outboxes of one poll: published under the names known by now, or when the poll has learnt more of them.

    `pending` are the runs with something left in theirs, and envelopes; `unpublished_since` says since when. The others
    name runs and destinations: `waiting` where something waits, `late` where it did when this poll began, `stuck` since
    when something is held that nobody wanted to be held.
    """

    def __init__(self, hand_over: HandOver, names: CaseNames) -> None:
        self._hand_over = hand_over
        self._names = names
        self._in_envelopes: set[tuple[int, str]] = set()
        self.unnamed: list[model.Checkpoint] = []
        self.pending: set[int | str] = set()
        self.unpublished_since: dict[int | str, datetime] = {}
        self.waiting: set[tuple[int, str]] = set()
        self.late: set[tuple[int, str]] = set()
        self.stuck: dict[tuple[int, str], datetime] = {}

    @property
    def published(self) -> int:
        """How many messages were published so far."""
        return self._hand_over.published

    @property
    def problems(self) -> list[str]:
        """What went wrong so far."""
        left = sorted(one for one in self.destinations_left if not self._hand_over.is_on_stack(one))
        gone = [f"{one} {OFF_STACK}" for one in left]
        return [*self._hand_over.problems, *self._names.problems, *gone]

    def note_held(self, held: model.Held) -> None:
        """Something is held now. Whoever wanted that knows of it; what is held because it cannot leave is lag."""
        if held.cause in (model.OUTBOX, model.UNREACHABLE):
            self.stuck[held.run_id, held.destination] = held.due

    @property
    def runs_left(self) -> int:
        """Of how many runs something could not leave; an envelope counts as one."""
        return len(self.pending | {run_id for run_id, _ in self.stuck})

    @property
    def left_since(self) -> list[datetime]:
        """Since when each of these waits."""
        return [*self.unpublished_since.values(), *self.stuck.values()]

    @property
    def destinations_left(self) -> set[str]:
        """The destinations for which something still waits."""
        return {destination for _, destination in (*self.waiting, *self.stuck)}

    def publish(self, checkpoint: model.Checkpoint) -> model.Checkpoint:
        """Hand one outbox over, and remember whether something is left in it."""
        return self._publish(replace(checkpoint, outbox=self._names_in(checkpoint.outbox)))

    def publish_waiting(self, waiting: Iterable[model.Checkpoint], go_on: Callable[[], None]) -> None:
        """Hand over what a crash or a busy poll left, oldest first; `go_on` keeps the lease."""
        for checkpoint in sorted(waiting, key=waiting_since):
            go_on()
            self.late |= addressed(checkpoint.outbox)
            self.publish(checkpoint)

    def publish_envelope(self, envelope: model.Envelope) -> None:
        """Hand over what was held and is due."""
        self.late |= addressed(envelope.outbox)
        named = replace(envelope, outbox=self._names_in(envelope.outbox))
        rest = self._hand_over.publish_envelope(named)
        if rest.outbox:
            self._in_envelopes |= addressed(rest.outbox)
            self._left(envelope.id, rest.outbox, envelope.since)

    def publish_unnamed(self, go_on: Callable[[], None]) -> Iterator[model.Checkpoint]:
        """Publish what waited for the name of a case, named or not; gives back what is left."""
        for checkpoint in self.unnamed:
            go_on()
            yield self.publish(checkpoint)

    def publish_if_named(self, checkpoint: model.Checkpoint) -> model.Checkpoint:
        """Publish at once if every case has a name, else keep it in `unnamed` for the end of the poll."""
        named = replace(checkpoint, outbox=self._names_in(checkpoint.outbox))
        if not any(has_unnamed(one.digest) and self._hand_over.may_get_more(one.destination) for one in named.outbox):
            return self._publish(named)
        self.pending.add(checkpoint.run_id)
        self.unnamed.append(checkpoint)
        return checkpoint

    def _publish(self, named: model.Checkpoint) -> model.Checkpoint:
        rest = self._hand_over.publish(named)
        self.unpublished_since.pop(rest.run_id, None)
        self.pending.discard(rest.run_id)
        self.waiting.difference_update(addressed(named.outbox) - self._in_envelopes)
        if rest.outbox:
            self._left(rest.run_id, rest.outbox, waiting_since(rest))
        return rest

    def _left(self, key: int | str, outbox: Iterable[model.Outgoing], since: datetime) -> None:
        """Something waits on."""
        self.waiting |= addressed(outbox)
        self.pending.add(key)
        self.unpublished_since[key] = since

    def learn_names(self, project_ids: Iterable[int]) -> None:
        """Spend what is left of the budget on case names, those of waiting messages first."""
        self._names.learn([checkpoint.project_id for checkpoint in self.unnamed], project_ids)

    def _names_in(self, waiting: Iterable[model.Outgoing]) -> tuple[model.Outgoing, ...]:
        outbox: list[model.Outgoing] = []
        digest: model.Digest | None = None
        for outgoing in waiting:
            if not self._hand_over.may_get_more(outgoing.destination):
                outbox.append(outgoing)  # it stays as it is
                continue
            if digest is None or outgoing.digest != digest:  # one and the same for all destinations, as a rule
                digest = outgoing.digest
                named = self._names.name(digest)
            outbox.append(replace(outgoing, digest=named))
        return tuple(outbox)


def paced(outgoing: model.Outgoing) -> Channel | None:
    """The channel of a message, if its messages keep a distance from each other."""
    channel = channel_of(outgoing.destination)
    return channel if channel and channel.seconds_between else None


def room_of(outgoing: model.Outgoing) -> int:
    """How much it takes of what a destination may get in a poll: nothing where nothing is posted."""
    return 0 if outgoing.digest.is_silent else 1


def addressed(outbox: Iterable[model.Outgoing]) -> set[tuple[int, str]]:
    """Of which run something is told to which destination."""
    return {(digest.run_id, one.destination) for one in outbox for digest in one.digest.by_run}


def waiting_since(checkpoint: model.Checkpoint) -> datetime:
    """Since when the oldest message of an outbox has been waiting; older versions did not keep it."""
    return checkpoint.waiting_since or checkpoint.read_at or checkpoint.floor


def order_of(version: int) -> int:
    """The number of the first message that a version of a checkpoint tells: later versions have higher ones."""
    return version * ORDERS_PER_VERSION


def place_of(outgoing: model.Outgoing) -> str:
    """Where a message waits that could not be published; of several runs, and of each of these, in one place."""
    digest = outgoing.digest
    return f"the outbox of run {digest.run_id}" if digest.run_id and not digest.order else "an envelope"
