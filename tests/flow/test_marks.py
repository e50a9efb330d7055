"""Rule 8: a mark that is lost, behind, or of another version's time costs a read and loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from testmo_notifier.model import Change, Checkpoint, Control, MarkOf
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.support.factories import make_control, make_run
from tests.support.many_runs import ManyRuns
from tests.support.memory import MemoryStore, marks_key
from tests.support.story import PASSED, Story
from tools.ops.rewind import Plan, go_back
from tools.simulator.model import Run


class OfAnOlderVersion(MemoryStore):
    """The same table in the hands of a version that knows no marks: what stands there of them it leaves as it is."""

    def marks(self, run_ids: object) -> dict[int, bytes]:
        del run_ids
        return {}

    def commit(self, checkpoint: Checkpoint, mark: MarkOf | None = None, held: Sequence[Change] = ()) -> Checkpoint:
        del mark, held
        before = dict(self.items.get(marks_key(checkpoint.run_id), {}))
        written = super().commit(checkpoint)
        self.items[marks_key(checkpoint.run_id)] = before
        return written

    def take_lease(self, now: datetime, duration: timedelta) -> Control:
        self.known = super().take_lease(now, duration)
        return make_control(self.known, marks_at=None, marks_epoch="")

    def save_control(self, control: Control, *, release: bool) -> None:
        looked = self.known.looked
        kept = make_control(control, marks_at=looked.marks_at, marks_epoch=looked.marks_epoch)
        super().save_control(kept, release=release)


def older(story: Story) -> OfAnOlderVersion:
    store = OfAnOlderVersion("older")
    store.__dict__.update({**story.store.__dict__, "holder": "older"})
    return store


def mark(story: Story, run: Run) -> bytes | None:
    return story.store.marks([run.id]).get(run.id)


def is_read(story: Story, run: Run) -> bool:
    """Whether the next poll reads a run."""
    before = len(story.reads(run))
    story.wait_and_poll()
    return len(story.reads(run)) > before


@pytest.fixture
def run(story: Story) -> Run:
    """A run that was read to its end a moment ago, whose turn is far away."""
    story.settings["staleness"] = timedelta(days=1)
    run = story.add_run_and_poll()
    story.wait()
    story.save(run)
    story.wait_and_poll(2)
    assert mark(story, run)
    assert not is_read(story, run)
    return run


def test_a_mark_that_is_lost_loses_nothing(story: Story, run: Run) -> None:
    del story.store.items[marks_key(run.id)]
    story.wait_and_poll()
    result = story.fail_and_poll(run, 2)

    assert story.announced[-1] == result.id
    assert mark(story, run)


def test_a_quiet_run_without_a_mark_gets_one_at_its_turn_and_is_written_no_more(story: Story, run: Run) -> None:
    del story.store.items[marks_key(run.id)]
    before = story.checkpoint(run)
    story.settings["staleness"] = timedelta(0)
    story.wait_and_poll()
    assert mark(story, run)
    after = story.checkpoint(run)
    story.store.written.clear()
    story.wait_and_poll(5)

    assert story.store.written == ["CONTROL"] * 5
    assert after.read_at == before.read_at  # it did not move, and so it stays as quiet as it was


def test_what_an_older_version_moved_is_seen_by_the_next_poll(story: Story, run: Run) -> None:
    """It leaves a mark that fits the counters again, over a checkpoint that says something else."""
    made = mark(story, run)
    story.wait()
    story.save(run, 2)
    story.poll(store=older(story))
    story.save(run, 2, PASSED)
    story.world.delete_result(story.save(run, 2, PASSED))
    assert mark(story, run) == made
    assert is_read(story, run)
    assert mark(story, run) != made


def test_between_this_version_and_an_older_one_nothing_is_lost_and_nothing_told_twice(story: Story, run: Run) -> None:
    told = list(story.announced)
    for number in (2, 3, 4, 5):
        result = story.save(run, number)
        story.wait()
        story.poll(store=older(story) if number % 2 else None)
        told.append(result.id)
    story.wait_and_poll(3)

    assert story.announced == told


def test_a_read_that_was_interrupted_goes_on_at_the_next_poll(story: Story, run: Run) -> None:
    story.wait()
    for number in range(1, 6):
        story.save(run, number)
    story.testmo.faults.add("502", path="/runs/*/results", times=1)
    story.poll()
    assert story.announced[1:] == []
    story.wait_and_poll()

    assert len(story.announced) == 6


def test_a_rewind_deletes_the_mark(story: Story, run: Run) -> None:
    go_back(story.store, Plan(make_run(run.id), story.ago(60), frozenset()))

    assert mark(story, run) is None
    assert is_read(story, run)


def test_other_settings_make_every_run_due_whatever_its_mark_says(story: Story, run: Run) -> None:
    story.settings["watch"] = Watch((3,))

    assert is_read(story, run)
    assert not is_read(story, run)


def test_turns_that_came_while_a_project_was_left_out_of_the_polls_are_made_up_for() -> None:
    many = ManyRuns(projects=300, runs=300)
    many.poll()
    many.wait(90_000)
    many.poll()
    many.settings["requests_per_minute"] = 120
    many.wait(120)
    many.poll()
    for run_id in range(1, 301, 10):
        many.fail(run_id, counted=False)

    many.wait_and_poll(66)

    assert len(many.topic.notifications) == 30


def test_a_turn_that_waits_is_not_forgotten_while_its_project_is_left_out() -> None:
    """After a pause every run is due, and of sixty requests fifty are for lists: each is read when its time comes."""
    many = ManyRuns(projects=300, runs=300)
    many.poll()
    many.settings["requests_per_minute"] = 60
    many.wait(90_000)
    asked: set[str] = set()
    for _ in range(40):
        many.wait_and_poll()
        asked |= {path for path in many.requests if path.startswith("results")}

    assert len(asked) == 300
