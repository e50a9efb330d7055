"""The outboxes of one poll (rules 10 and 13): which of them wait, since when, and for whose case's name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from testmo_notifier import model
from testmo_notifier.polling.case_names import CaseNames, has_unnamed
from testmo_notifier.polling.handover import OFF_STACK, HandOver


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


def addressed(outbox: Iterable[model.Outgoing]) -> set[tuple[int, str]]:
    """Of which run something is told to which destination."""
    return {(digest.run_id, one.destination) for one in outbox for digest in one.digest.by_run}


def waiting_since(checkpoint: model.Checkpoint) -> datetime:
    """Since when the oldest message of an outbox has been waiting; older versions did not keep it."""
    return checkpoint.waiting_since or checkpoint.read_at or checkpoint.floor
