"""The whole poll against the simulator, rule by rule of docs/promise.md."""

from __future__ import annotations

from tests.support.story import PASSED, Story


def test_a_new_failing_result_is_announced_once(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run)

    summary = story.poll()
    story.wait()
    story.poll()

    assert (summary.status, summary.new_failing, summary.published) == ("ok", 1, 3)
    assert story.announced == [result.id]


def test_old_failures_are_not_announced_on_first_sight(story: Story) -> None:
    run = story.add_run()
    story.save(run)
    story.wait(3600)

    story.poll()
    story.wait()
    story.poll()

    assert story.announced == []


def test_rows_that_tie_on_a_millisecond_are_announced_once_each(story: Story) -> None:
    run = story.add_run_and_poll(tests=8)
    story.wait()
    first = [story.save(run, number).id for number in (1, 2, 3)]
    story.poll()
    second = [story.save(run, number, created_at=story.time).id for number in (4, 5, 6)]
    story.wait()
    story.poll()

    assert sorted(story.announced) == sorted(first + second)


def test_passes_are_not_announced(story: Story) -> None:
    run = story.add_run_and_poll()
    story.wait()
    story.save(run, status=PASSED)

    story.poll()

    assert story.announced == []
