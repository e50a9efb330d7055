"""Rule 20, where something stands in the way: what is held is told all the same, once, and no poll is stuck on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest

from testmo_notifier.errors import LostRace, TooLarge
from testmo_notifier.model import (
    FOLDED,
    Change,
    Checkpoint,
    Envelope,
    Held,
    HeldKey,
    MarkOf,
    Silence,
    unmarked,
)
from testmo_notifier.notices import merge
from testmo_notifier.poll import poll
from testmo_notifier.polling.report import Report
from tests.flow.test_held import BLOCKED, PASSED, Recording, begin, calm, hour, told
from tests.flow.test_rewind import rewind
from tests.flow.test_routes import follow
from tests.support.fakes import FakeMailboxes
from tests.support.memory import MemoryStore
from tests.support.story import Story, playing
from tools.simulator.model import Run

QA, REST = "email:qa", "slack:default"
TO_QA = f'[[routes]]\nto = ["{QA}"]\n[[routes]]\ncatch_all = true\nto = ["{REST}"]\n[destinations."{QA}"]\n'
NOTHING: tuple[list[HeldKey], list[Envelope]] = ([], [])


@pytest.fixture
def story() -> Iterator[Story]:
    with playing() as story:
        story.renderer = Recording(story.renderer)  # type: ignore[assignment]
        yield story


def with_mailbox(story: Story, options: str = "") -> tuple[FakeMailboxes, Run]:
    """A route to a mailbox, and a run; who catches all is told what nobody gets there."""
    boxes = FakeMailboxes(routed=[QA])
    return boxes, begin(story, TO_QA + options, boxes)


def quiet(begins: float, ends: float) -> str:
    return f'quiet = {{ from = "{hour(begins)}", to = "{hour(ends)}" }}\n'


def test_more_destinations_than_one_write_has_room_for_are_told_all_the_same(story: Story) -> None:
    names = [f"slack:team-{number}" for number in range(60)]
    options = "".join(f'[destinations."{name}"]\nat_most_every = "15m"\n' for name in names)
    run = begin(story, f"[[routes]]\nto = {names}\n{options}")
    for number in (1, 2):
        story.save(run, number)
        report = story.wait_and_poll()
        assert report.status == "ok"
    story.wait_and_poll(35)
    assert {sum(digest.total for digest in told(story, name)) for name in names} == {2}
    assert story.store.held_until(None) == NOTHING


def test_what_one_write_has_no_room_for_is_told_at_once(story: Story) -> None:
    class Small(MemoryStore):
        def commit(self, checkpoint: Checkpoint, mark: MarkOf = unmarked, held: Sequence[Change] = ()) -> Checkpoint:
            if held:
                raise TooLarge("4 MB at most")
            return super().commit(checkpoint, mark)

    run = begin(story, calm(quiet(-1, 1)))
    story.save(run, 1)
    story.store.__class__ = Small
    assert story.wait_and_poll().status == "ok"
    assert [digest.total for digest in told(story)] == [1]


def test_where_one_message_of_many_runs_has_no_room_it_is_several(story: Story) -> None:
    class Small(MemoryStore):
        def release(self, changes: Sequence[Change], envelope: Envelope | None = None) -> None:
            if envelope and len(envelope.outbox[0].digest.parts) > 2:
                raise TooLarge("400 KB at most")
            super().release(changes, envelope)

    follow(story, calm("fold = 1"))
    runs = [story.add_run(f"Run {number}") for number in range(5)]
    story.poll()
    story.store.__class__ = Small
    for run in runs:
        story.save(run, 1)
    assert story.wait_and_poll().status == "ok"
    assert sorted(digest.total for digest in told(story)) == [1, 2, 2]
    assert story.store.held_until(None) == NOTHING


def test_many_runs_at_once_are_told_whatever_else_is_kept_of_them(story: Story) -> None:
    boxes, _ = with_mailbox(story, 'fold = 2\nat_most_every = "5m"\n')
    boxes.routed, boxes.now_lost = [QA, "email:other"], {"email:other"}  # so that there is a look every five minutes
    runs = [story.add_run(f"Run {number}", 3) for number in range(60)]
    story.poll()
    for number in (1, 2, 3):
        for run in runs:
            story.save(run, number)
        story.wait_and_poll(7)
    assert [digest.about for digest in told(story, QA)] == [FOLDED] * 6
    assert sum(digest.total for digest in told(story, QA)) == 180


def test_a_copy_is_kept_until_a_look_after_its_message_went_out(story: Story) -> None:
    boxes, run = with_mailbox(story)
    story.topic.refused = {QA}
    story.save(run, 1)
    story.wait_and_poll(62)  # the mailbox was looked at meanwhile, and is well
    story.topic.refused = set()
    story.wait_and_poll()
    assert len(told(story, QA)) > 0
    boxes.now_lost = {QA}
    story.wait_and_poll(65)
    assert [digest.total for digest in told(story)] == [1]
    assert story.store.held_until(None) == NOTHING


def test_what_a_mailbox_got_is_told_nobody_else_when_no_route_names_it_any_more(story: Story) -> None:
    with_mailbox(story)
    run = story.add_run_and_poll()
    story.fail_and_poll(run, 1)
    follow(story, calm(""))
    story.wait_and_poll(65)
    assert ([digest.total for digest in told(story, QA)], told(story)) == ([1], [])
    assert story.store.held_until(None) == NOTHING


def test_a_copy_has_all_that_was_told_together(story: Story) -> None:
    boxes, run = with_mailbox(story, quiet(-1, 0.5))
    story.store.put_silence(
        Silence("s", story.time + timedelta(minutes=30), "Ada", "", story.time, {"status": ("blocked",)})
    )
    story.save(run, 1)
    story.save(run, 2, BLOCKED)
    story.wait_and_poll(31)
    assert [digest.total for digest in told(story, QA)] == [2]
    boxes.now_lost = {QA}
    story.wait_and_poll(65)
    assert [digest.total for digest in told(story)] == [2]


def test_what_nobody_gets_is_told_instead_and_once(story: Story) -> None:
    boxes, run = with_mailbox(story, quiet(-1, 2))
    story.fail_and_poll(run, 1)
    boxes.now_lost = {QA}
    story.wait_and_poll(200)
    assert (told(story, QA), [digest.total for digest in told(story)]) == ([], [1])
    assert story.store.held_until(None) == NOTHING


def test_what_stands_behind_a_message_that_nobody_gets_is_told_instead(story: Story) -> None:
    boxes, run = with_mailbox(story)
    story.topic.refused = {QA}
    for number in (1, 2):
        story.fail_and_poll(run, number)
    boxes.now_lost = {QA}
    story.wait_and_poll(65)
    assert [digest.total for digest in told(story)] == [2]


def test_a_copy_of_what_nobody_got_is_told_to_others_by_who_drains_too(story: Story) -> None:
    boxes, run = with_mailbox(story)
    story.fail_and_poll(run, 1)
    boxes.now_lost = {QA}
    while boxes.looks < 2:
        story.wait_and_poll()
    assert told(story) == []
    poll(story.setup(), drain=True)
    assert [digest.total for digest in told(story)] == [1]


def test_what_the_quiet_held_comes_no_sooner_after_the_last_message_either(story: Story) -> None:
    run = begin(story, calm(f'at_most_every = "15m"\n{quiet(0.05, 0.1)}'))
    story.save(run, 1)
    story.wait_and_poll(4)
    story.save(run, 2)
    story.wait_and_poll(6)
    assert [digest.total for digest in told(story)] == [1]
    story.wait_and_poll(8)
    assert [digest.total for digest in told(story)] == [1, 1]


def test_what_another_poller_adds_to_what_is_told_just_now_is_told_too(story: Story) -> None:
    class Other(MemoryStore):
        """One in which another poller reads the run when this one has read what it tells."""

        def held(self, keys: Sequence[HeldKey]) -> list[Held]:
            found = super().held(keys)
            reads.extend(one for one in found if not one.is_empty)
            if found and len(reads) == 2:
                add(found[0])
            return found

    run = begin(story, calm('at_most_every = "5m"'))
    for number in (1, 2):
        story.fail_and_poll(run, number)
    reads: list[Held] = []
    other = story.store.as_seen_by("other")

    def add(there: Held) -> None:
        ((key, (_, kind)),) = there.rows.items()
        other.release([Change(there, replace(there, rows={**there.rows, key + 100: (3, kind)}))])

    story.store.__class__ = Other
    story.wait_and_poll(6)
    assert len(reads) > 2
    assert [digest.total for digest in told(story)] == [1, 2]


def test_a_time_that_lies_in_the_quiet_is_told_at_its_end(story: Story) -> None:
    run = begin(story, calm(f'digest_at = ["{hour(0.5)}"]\n{quiet(0.2, 1)}'))
    story.save(run, 1)
    story.wait_and_poll(59)
    assert told(story) == []
    story.wait_and_poll(2)
    assert [digest.total for digest in told(story)] == [1]


def test_a_test_that_is_well_is_not_told_before_its_failure(story: Story) -> None:
    run = begin(story, calm(quiet(0.04, 0.1), 'notify = ["new", "recovered"]'))
    story.topic.refused = {REST}
    story.fail_and_poll(run, 1)
    ((waiting, *_),) = (one.outbox for one in story.store.pending())
    story.topic.refused = {waiting.id}
    story.wait_and_poll(2)
    story.save(run, 1, PASSED)
    story.wait_and_poll(7)
    assert [one for one in story.topic.notifications if one.destination == REST] == []

    story.topic.refused = set()
    story.wait_and_poll()
    sent = [one.reasons for one in story.topic.notifications if one.destination == REST]
    assert sent == [("new",), ("recovered",)]


def test_what_was_held_on_purpose_is_late_only_since_it_cannot_leave(story: Story) -> None:
    run = begin(story, calm(quiet(-1, 2), to=QA), FakeMailboxes(routed=[QA], lost=[QA]))
    story.save(run, 1)
    story.wait_and_poll(110)
    report = story.wait_and_poll(15)
    assert report.pending == 1
    assert 200 < report.lag_seconds < 400


def test_what_waits_behind_a_message_is_late_since_it_was_found(story: Story) -> None:
    follow(story, calm(""))
    run = story.add_run_and_poll()
    story.topic.refused = {REST}
    story.fail_and_poll(run, 1)
    story.fail_and_poll(run, 2)
    found = story.time
    story.wait_and_poll(5)
    assert held_now(story).due == found


def test_what_has_no_room_beside_what_holds_it_now_is_told(story: Story) -> None:
    run = begin(story, calm(quiet(0.5, 2)))
    story.store.put_silence(
        Silence("s", story.time + timedelta(minutes=40), "Ada", "", story.time, {"status": ("blocked",)})
    )
    story.wait_and_poll(31)
    story.save(run, 1)
    story.save(run, 2, BLOCKED)
    story.wait_and_poll()
    with patch.object(merge, "MAX_HELD_ROWS", 1):
        story.wait_and_poll(10)
    assert [digest.counts for digest in told(story)] == [{"Blocked": 1}]
    story.wait_and_poll(90)
    assert [digest.counts for digest in told(story)] == [{"Blocked": 1}, {"Failed": 1}]


def held_now(story: Story) -> Held:
    """The one thing that is held."""
    ((key,), _) = story.store.held_until(None)
    return story.store.held([key])[0]


def test_what_a_later_version_holds_is_left_to_it(story: Story) -> None:
    run = begin(story, calm(quiet(-1, 1)))
    story.fail_and_poll(run, 1)
    theirs = replace(held_now(story), cause="moon", version=0)
    theirs = replace(theirs, kinds=(replace(theirs.kinds[0], about="a tide"),))
    story.store.release([Change(None, theirs)])
    story.save(run, 2)
    assert story.wait_and_poll(61).status == "ok"
    assert [digest.total for digest in told(story)] == [2]
    assert held_now(story).cause == "moon"


def test_an_item_that_cannot_be_read_ends_no_poll_and_is_late(story: Story) -> None:
    follow(story, calm(quiet(-1, 1)))
    run, other = story.add_run(), story.add_run("Nightly")
    story.poll()
    story.fail_and_poll(run, 1)
    (name,) = (key for key in story.store.items if key.startswith(f"RUN#{run.id}/HELD#"))
    story.store.items[name]["news"] = {"B": b"broken"}
    follow(story, calm(""))
    story.save(other, 1)
    report = story.wait_and_poll()
    assert [digest.run_id for digest in told(story)] == [other.id]
    assert (report.pending, len(report.problems)) == (1, 1)


def test_who_was_told_of_a_run_and_asks_for_no_pause_any_more_is_told_nothing_late(story: Story) -> None:
    run = begin(story, calm('at_most_every = "15m"'))
    story.fail_and_poll(run, 1)
    follow(story, calm(quiet(-1, 1)))
    story.wait_and_poll()
    assert story.store.held_until(None) == NOTHING


def test_what_is_well_by_now_breaks_no_quiet(story: Story) -> None:
    run = begin(story, calm(f'{quiet(0.2, 1)}quiet_except = ["Blocked"]'))
    story.store.put_silence(Silence("s", story.time + timedelta(minutes=30), "Ada", "", story.time))
    story.save(run, 1)
    story.save(run, 2, BLOCKED)
    story.wait_and_poll()
    story.save(run, 2, PASSED)
    story.wait_and_poll(40)
    assert told(story) == []
    story.wait_and_poll(20)
    assert [(digest.total, digest.passed_since) for digest in told(story)] == [(1, 1)]


def test_only_runs_with_something_to_tell_make_one_message_of_many(story: Story) -> None:
    follow(story, calm('fold = 2\nat_most_every = "5m"'))
    runs = [story.add_run(f"Run {number}") for number in range(4)]
    story.poll()
    for run in runs:
        story.save(run, 1)
    story.wait_and_poll()
    story.save(runs[0], 2)
    story.save(runs[1], 2)
    story.wait_and_poll(6)
    assert [digest.about for digest in told(story)] == [FOLDED, "failing", "failing"]


def test_another_poller_that_was_faster_loses_nothing_and_tells_nothing_twice(story: Story) -> None:
    class Overtaken(MemoryStore):
        def release(self, changes: Sequence[Change], envelope: Envelope | None = None) -> None:
            if envelope and self.written[-1:] != ["overtaken"]:
                self.written.append("overtaken")
                super().release(changes, envelope)  # somebody else's, who was killed then
                raise LostRace("overtaken")
            super().release(changes, envelope)

    run = begin(story, calm(quiet(-1, 0.05)))
    story.fail_and_poll(run, 1)
    story.store.__class__ = Overtaken
    story.wait_and_poll(4)
    assert len({one.id for one in story.topic.notifications if one.destination == REST}) == 1
    assert story.store.held_until(None) == NOTHING


@pytest.mark.parametrize("name", ["commit", "clear", "release", "clear_envelope"])
def test_what_was_written_though_nobody_could_say_so_is_told_once(story: Story, name: str) -> None:
    """As where DynamoDB is still at a transaction when that is tried again."""
    write = getattr(story.store, name)
    in_doubt: list[str] = []

    def write_in_doubt(*args: object, **details: object) -> None:
        in_doubt.append(name)
        write(*args, **details)
        raise LostRace("may be written or not")

    run = begin(story, calm(quiet(-1, 0.05)))
    with patch.object(story.store, name, write_in_doubt):
        results = [story.fail_and_poll(run, number).id for number in (1, 2)]
        story.wait_and_poll(3)
    assert in_doubt
    story.wait_and_poll(2)
    assert story.announced == results
    assert [digest.total for digest in told(story)] == [2]
    assert (story.store.pending(), story.store.held_until(None)) == ([], NOTHING)


def test_a_run_that_another_poller_told_holds_up_no_other_and_is_said_as_that(story: Story) -> None:
    class Overtaken(MemoryStore):
        def release(self, changes: Sequence[Change], envelope: Envelope | None = None) -> None:
            if envelope and envelope.outbox[0].digest.run_id == first.id:
                raise LostRace("overtaken")
            super().release(changes, envelope)

    first = begin(story, calm('at_most_every = "15m"\n'))
    second = story.add_run()
    for number in (1, 2):
        story.save(first, number)
        story.fail_and_poll(second, number)
    story.store.__class__ = Overtaken
    story.wait(900)
    report = story.poll()
    assert [digest.run_id for digest in told(story)[2:]] == [second.id]
    assert report.problems == ["overtaken"]


def test_what_the_table_does_not_let_move_on_is_late_until_it_does(story: Story) -> None:
    """Nobody would be told otherwise: the poll sees Testmo, and reads and tells everything else."""

    class Crowded(MemoryStore):
        def release(self, *_: object, **__: object) -> None:
            raise LostRace("RUN#1 was not written: DynamoDB takes no more writes just now")

    run = begin(story, calm('at_most_every = "15m"\n' + quiet(0.1, 1)))
    for number in (1, 2):  # the second is held, and when it is due it is quiet
        story.fail_and_poll(run, number)
    story.store.__class__ = Crowded
    assert story.wait_and_poll(12).lag_seconds == 0, "it is not due"
    late = story.wait_and_poll(12)
    assert (late.pending, late.lag_seconds) == (1, 600)
    story.store.__class__ = MemoryStore
    assert story.wait_and_poll().lag_seconds == 0
    assert [digest.total for digest in told(story)] == [1]


def test_what_is_held_and_rewound_is_told_once(story: Story) -> None:
    run = begin(story, calm(quiet(-1, 1)))
    story.save(run, 1)
    story.fail_and_poll(run, 2)
    rewind(story, run.id, 3_600, set(story.announced))
    story.wait_and_poll(62)
    assert story.total == 4, "programs are told again, and at once"
    assert [(digest.total, digest.passed_since) for digest in told(story)] == [(2, 0)]


def test_what_is_held_of_a_run_that_is_deleted_is_told(story: Story) -> None:
    run = begin(story, calm(quiet(-1, 1)))
    story.fail_and_poll(run, 1)
    story.world.delete_run(run)
    story.wait_and_poll(62)
    assert [digest.total for digest in told(story)] == [1]
    assert story.store.held_until(None) == NOTHING


def test_an_edited_status_is_told_as_it_is_when_it_is_told(story: Story) -> None:
    run = begin(story, calm(quiet(-1, 1)))
    row = story.fail_and_poll(run, 1)
    story.world.edit_result(row, status=BLOCKED)
    story.wait_and_poll(62)
    assert [digest.counts for digest in told(story)] == [{"Blocked": 1}]


def test_a_run_that_ends_in_the_quiet_is_told_with_what_failed_in_it(story: Story) -> None:
    run = begin(story, calm(quiet(-1, 1), 'notify = ["new", "finished"]'))
    story.fail_and_poll(run, 1)
    story.world.close_run(run)
    story.wait_and_poll(62)
    [digest] = told(story)
    assert [(one.about, one.total) for one in (digest, *digest.parts)] == [("failing", 1), ("finished", 1)]
    assert story.store.held_until(None) == NOTHING


def slowly(story: Story, **given: bool) -> tuple[Report, float]:
    """A minute later, a poll in which a write takes a quarter of a second; and what is left of its sixty."""
    before = len(story.store.written)

    def seconds_left() -> float:
        return 60 - (len(story.store.written) - before) / 4

    story.wait()
    return poll(story.setup(seconds_left=seconds_left), **given), seconds_left()


def due_together(story: Story, runs: int) -> list[Run]:
    """So many runs with something to tell, and each in a message of its own."""
    begin(story, calm('at_most_every = "5m"'))
    found = [story.add_run(f"Run {number}") for number in range(runs)]
    story.poll()
    for number in (1, 2):
        for run in found:
            story.save(run, number)
        story.wait_and_poll()
    story.wait(300)
    return found


def test_more_than_one_poll_has_time_for_is_told_by_several_and_none_of_them_is_cut_off(story: Story) -> None:
    runs = due_together(story, 60)
    before = len(told(story))
    story.save(runs[0], 3)
    report, left = slowly(story)
    assert left > 5
    assert (report.status, report.problems) == (
        "partial",
        ["no time was left to go through all that is held (35 runs due): the next poll goes on"],
    )
    assert (report.new_failing, len(told(story)) - before) == (1, 25)
    assert (report.pending, round(report.lag_seconds)) == (35, 120)  # workers sleep a moment between requests

    reports = [slowly(story) for _ in range(3)]
    assert [report.status for report, _ in reports] == ["partial", "ok", "ok"]
    assert sorted(digest.run_id for digest in told(story)[before:]) == sorted(run.id for run in runs)


def test_who_drains_has_all_of_a_poll_for_what_is_held_and_is_not_cut_off_either(story: Story) -> None:
    due_together(story, 60)
    before = len(told(story))
    report, left = slowly(story, drain=True)
    assert 3 < left < 5
    assert len(told(story)) - before > 30
    assert report.pending > 0


def test_envelopes_for_which_no_time_is_left_wait_and_nothing_overtakes_them(story: Story) -> None:
    (run, *_) = due_together(story, 3)
    story.topic.refused = {REST}
    story.wait_and_poll()
    story.topic.refused = set()
    before = len(told(story))
    report = story.poll(seconds_left=lambda: 4.0)
    assert (len(told(story)), report.pending) == (before, 3)
    story.save(run, 3)
    story.wait_and_poll(8)
    assert [digest.total for digest in told(story) if digest.run_id == run.id][-2:] == [1, 1]


def test_what_moves_into_another_one_of_the_same_run_is_no_trouble(story: Story) -> None:
    run = begin(story, calm(quiet(-1, 1)))
    story.store.put_silence(
        Silence("s", story.time + timedelta(minutes=30), "Ada", "", story.time, {"status": ("blocked",)})
    )
    story.save(run, 1)
    story.save(run, 2, BLOCKED)
    story.wait_and_poll(29)
    follow(story, calm(quiet(-1, 2)))
    report = story.wait_and_poll()
    assert (report.status, report.problems) == ("ok", [])
    story.wait_and_poll(91)
    assert [digest.total for digest in told(story)] == [2]


class Crashed(Exception):
    """As good as a kill."""


class Crashing(MemoryStore):
    """Is written to, and no more when something was told."""

    def release(self, changes: Sequence[Change], envelope: Envelope | None = None) -> None:
        super().release(changes, envelope)
        if envelope:
            raise Crashed


def test_who_hears_of_runs_so_often_at_most_does_so_whatever_a_crash_leaves_of_many(story: Story) -> None:
    follow(story, calm(f'at_most_every = "15m"\n{quiet(-1, 0.1)}'))
    runs = [story.add_run(f"Run {number}") for number in range(19)]
    story.poll()
    for run in runs:
        story.save(run, 1)
    story.wait_and_poll(5)
    story.store.__class__ = Crashing
    story.wait_and_poll(2)
    story.store.__class__ = MemoryStore
    for run in runs:
        story.save(run, 2)
    story.wait_and_poll(3)
    assert [(digest.about, digest.total) for digest in told(story)] == [(FOLDED, 19)]
    story.wait_and_poll(15)
    assert sum(digest.total for digest in told(story)) == 38


def test_of_more_runs_than_one_write_has_room_for_each_is_told_so_often_at_most_too(story: Story) -> None:
    follow(story, calm(f'at_most_every = "15m"\n{quiet(-1, 0.1)}'))
    runs = [story.add_run(f"Run {number}") for number in range(20)]
    story.poll()
    for number in (1, 2):
        for run in runs:
            story.save(run, number)
        story.wait_and_poll(7)
    assert [(digest.about, digest.total) for digest in told(story)] == [(FOLDED, 20)]
    story.wait_and_poll(15)
    assert sum(digest.total for digest in told(story)) == 40


def test_who_hears_of_a_run_so_often_at_most_does_so_whatever_a_crash_leaves(story: Story) -> None:
    run = begin(story, calm(f'at_most_every = "15m"\n{quiet(-1, 0.1)}'))
    story.save(run, 1)
    story.wait_and_poll(5)
    story.store.__class__ = Crashing
    story.wait_and_poll(2)
    story.store.__class__ = MemoryStore
    story.save(run, 2)
    story.wait_and_poll(3)
    assert [digest.total for digest in told(story)] == [1]
    story.wait_and_poll(15)
    assert [digest.total for digest in told(story)] == [1, 1]
