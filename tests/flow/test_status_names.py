"""Rule 6, for statuses that are watched by name: Testmo turns the names into ids, and nothing is lost while it does."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from testmo_notifier.adapters import testmo as api
from testmo_notifier.config import PollerSettings, VariableReader, status_ids
from testmo_notifier.errors import ConfigurationError, PollFailed, RequestRejected, Unreadable
from testmo_notifier.model import Failing, ResultsPage, ResultsQuery, Watching
from testmo_notifier.polling.statuses import Names, completed, learn, with_watch
from testmo_notifier.sources.testmo_runs import known
from testmo_notifier.sources.testmo_runs.watch import Watch
from tests.model.pages import short_pages
from tests.support.story import FAILED, PASSED, START, Story
from tools.simulator.model import Run, Status

if TYPE_CHECKING:
    from testmo_notifier.ports import Testmo

NEEDS_INFO = 8


@pytest.fixture
def run(story: Story) -> Run:
    """A run in an instance with a status of its own, first seen by a poll that watches it by name."""
    add_status(story, NEEDS_INFO, "Needs info")
    watch_by_name(story, "needs  INFO")
    run = story.add_run_and_poll()
    story.wait()
    return run


def add_status(story: Story, status_id: int, name: str) -> None:
    story.world.statuses[status_id] = Status(status_id, name, "#8e44ad", is_final=False)


def watch_by_name(story: Story, *names: str, ids: tuple[int, ...] = (3, 5)) -> None:
    story.settings |= {"watch": Watch(ids), "status_names": names}


def unreadable(_testmo: api.Testmo, _project_id: int) -> dict[int, str]:
    raise Unreadable("/projects/1/runs answered with 500")


def asked_for_names(story: Story) -> int:
    return sum(
        request.path.endswith("/runs") and request.query.get("expands") == "statuses"
        for request in story.testmo.requests
    )


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        ("3,5", (3, 5)),
        ("Failed,Blocked", (3, 5)),
        ("failed, BLOCKED , 3", (3, 5)),
        ("Untested,Passed,Retest,Skipped", (1, 2, 4, 6)),
        ("3,Needs info", (3, "Needs info")),  # only Testmo knows its id
        ("Bloqué,保留", ("Bloqué", "保留")),
    ],
)
def test_ids_and_names_can_be_mixed(raw: str, parsed: tuple[int | str, ...]) -> None:
    assert status_ids(raw) == parsed


@pytest.mark.parametrize("raw", ["3,,5", "0", "26", "3rd party", "3;5", "Failed;Blocked", "x" * 81, "a\tb", ",", "3 5"])
def test_what_is_neither_an_id_nor_a_name_is_refused(raw: str) -> None:
    env = VariableReader({"ALERT_STATUS_IDS": raw})
    env.read("ALERT_STATUS_IDS", status_ids)
    assert "give ids from 1 to 25 or names with commas between" in env.problems[0]


def test_the_settings_of_the_poller_take_names() -> None:
    with pytest.raises(ConfigurationError) as caught:
        PollerSettings.from_env({"ALERT_STATUS_IDS": "3,Needs info"})
    assert not [problem for problem in caught.value.problems if "ALERT_STATUS_IDS" in problem]


def test_a_result_in_a_status_watched_by_name_is_announced(story: Story, run: Run) -> None:
    named, failed = story.save(run, 1, NEEDS_INFO), story.save(run, 2, FAILED)
    summary = story.poll()
    assert summary.problems == []
    assert sorted(story.announced) == sorted([named.id, failed.id])


def test_names_are_asked_for_once_and_again_every_hour(story: Story, run: Run) -> None:
    del run
    assert asked_for_names(story) == 1
    for _ in range(5):
        story.poll()
        story.wait()
    assert asked_for_names(story) == 1
    story.wait(3600)
    story.poll()
    assert asked_for_names(story) == 2


def test_without_names_nothing_is_asked(story: Story) -> None:
    story.add_run_and_poll()
    assert asked_for_names(story) == 0


def test_a_known_name_needs_no_answer(story: Story, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll that lost a status for a moment would take over its results as old ones."""
    story.wait(3600)
    result = story.save(run, 1, NEEDS_INFO)
    monkeypatch.setattr(api.Testmo, "statuses", unreadable)
    problems = story.poll().problems
    assert story.announced == [result.id]
    assert problems == ["the names of statuses could not be read: /projects/1/runs answered with 500"]


def test_a_status_that_was_renamed_stays_watched_by_its_id(story: Story, run: Run) -> None:
    add_status(story, NEEDS_INFO, "In question")
    story.wait(3600)
    result = story.save(run, 1, NEEDS_INFO)
    story.poll()
    assert story.announced == [result.id]


def test_a_name_that_moved_to_another_status_is_followed(story: Story, run: Run) -> None:
    add_status(story, NEEDS_INFO, "Old")
    add_status(story, 9, "Needs info")
    story.wait(3600)
    story.poll()
    story.wait()
    result = story.save(run, 1, 9)
    story.poll()
    assert story.announced == [result.id]


def test_what_was_saved_in_a_status_before_its_new_name_was_noticed_is_announced(story: Story, run: Run) -> None:
    """Somebody deletes a status and makes it anew. Names are asked for hourly, and failures do not wait for that."""
    before = story.save(run, 1, 9)
    story.wait(3600)
    story.poll()
    story.wait(600)
    del story.world.statuses[NEEDS_INFO]
    add_status(story, 9, "Needs info")
    results = [story.save(run, 2, 9), story.save(run, 3, 9)]
    story.wait(1200)
    results.append(story.fail_and_poll(run, 4))  # moves the window on
    story.wait_and_poll(30)
    assert sorted(story.announced) == [result.id for result in results]
    assert before.id not in story.announced


def test_so_is_what_the_window_has_left_behind_by_then_once_each(story: Story, run: Run) -> None:
    """Where its test has a newer result, no sweep finds it either."""
    before = [story.save(run, 1, 9), story.save(run, 1, PASSED)]
    story.wait(3600)
    story.poll()
    story.wait(600)
    del story.world.statuses[NEEDS_INFO]
    add_status(story, 9, "Needs info")
    results = [story.save(run, 2, 9)]
    story.save(run, 2, PASSED)
    for case in (4, 5, 4):  # moves the window on, far beyond the overlap
        story.wait(600)
        results.append(story.fail_and_poll(run, case))
    story.wait_and_poll(30)
    assert sorted(story.announced) == [result.id for result in results]
    assert before[0].id not in story.announced


def test_while_its_sweep_cannot_end_a_run_is_read_from_then_on_only_once(
    story: Story, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each poll would read all of it anew, and more each time; what is known no more would be told again."""
    told = api.Testmo.results

    def results(testmo: api.Testmo, run_id: int, query: ResultsQuery, *failing: Failing) -> ResultsPage:
        if query.get_latest_result:
            raise Unreadable("/runs/1/results answered with 500")
        return told(testmo, run_id, query, *failing)

    monkeypatch.setattr(api.Testmo, "results", results)
    monkeypatch.setattr(known, "MAX_SUPERSEDED", 5)
    story.wait(3600)
    story.poll()
    add_status(story, 9, "Needs info")
    with short_pages():
        saved = []
        for _ in range(8):
            saved += [story.save(run, case, 9).id for case in (1, 2, 3)]
            story.wait_and_poll(2, every=400)
        assert sorted(story.announced) == saved
        assert story.checkpoint(run).watching == "3,5,8//", "the sweep is still to come"
        asked = len(story.reads(run))
        story.wait_and_poll()
        assert len(story.reads(run)) == asked + 1


@pytest.mark.parametrize("is_new", [True, False], ids=["a run made since", "one from before"])
def test_what_was_there_before_its_project_was_seen_stays_old(
    story: Story,
    is_new: bool,  # noqa: FBT001 - the case
) -> None:
    """Although that came after Testmo told the names: first sight takes it over silently."""
    garden = story.world.add_project("Garden")
    runs = [] if is_new else [story.add_run(project=garden)]
    story.world.hide_project(garden)
    add_status(story, NEEDS_INFO, "Needs info")
    watch_by_name(story, "Needs info")
    story.add_run_and_poll()
    (run,) = runs or [story.add_run(project=garden)]
    story.wait_and_poll(5)
    story.save(run, 1, 9)
    story.save(run, 2, 9)
    story.save(run, 2, PASSED)
    story.wait_and_poll(10)
    story.world.show_project(garden)
    story.wait_and_poll(10)
    del story.world.statuses[NEEDS_INFO]
    add_status(story, 9, "Needs info")
    result = story.save(run, 3, 9)
    story.wait_and_poll(50)
    assert story.announced == [result.id]


@pytest.mark.usefixtures("run")
def test_what_is_imported_with_its_own_dates_into_a_run_made_since_is_told(story: Story) -> None:
    story.wait(3600)
    story.poll()
    run = story.add_run_and_poll("imported")
    del story.world.statuses[NEEDS_INFO]
    add_status(story, 9, "Needs info")
    results = [story.save(run, number, 9, created_at=story.ago(86_400 * 7)) for number in (1, 2)]
    story.wait_and_poll(70)
    assert sorted(story.announced) == [result.id for result in results]


def test_so_it_is_where_testmo_did_not_tell_the_names_when_they_were_asked_for(
    story: Story, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = story.save(run, 1, 9)
    story.wait_and_poll(14, every=300)
    add_status(story, NEEDS_INFO, "Old")
    add_status(story, 9, "Needs info")
    results = [story.save(run, 2, 9)]
    story.wait()
    results.append(story.fail_and_poll(run, 4))  # moves the window on
    with monkeypatch.context() as broken:
        broken.setattr(api.Testmo, "statuses", unreadable)
        story.wait_and_poll(24, every=300)
    story.wait_and_poll(13, every=300)
    assert sorted(story.announced) == [result.id for result in results]
    assert before.id not in story.announced
    assert "untold_since" not in story.store.items["CONTROL"]


@pytest.mark.parametrize("refuses", [True, False], ids=["a project does not tell", "all do"])
def test_what_failed_long_before_a_name_moved_stays_old_though_another_name_is_told_no_more(
    story: Story,
    monkeypatch: pytest.MonkeyPatch,
    refuses: bool,  # noqa: FBT001 - the case
) -> None:
    """A status that was renamed is watched by its id for ever; what is known of the others is an hour old at most."""
    add_status(story, NEEDS_INFO, "Needs info")
    add_status(story, 9, "Later")
    add_status(story, 10, "Broken")
    watch_by_name(story, "Needs info", "Broken")
    run, other = story.add_run_and_poll(), story.world.add_project("Other")
    story.add_run_and_poll(project=other)
    add_status(story, NEEDS_INFO, "In question")
    told = api.Testmo.statuses

    def statuses(testmo: api.Testmo, project_id: int) -> dict[int, str]:
        if refuses and project_id == other.id:
            raise RequestRejected("/projects/2/runs was rejected (422)")
        return told(testmo, project_id)

    monkeypatch.setattr(api.Testmo, "statuses", statuses)
    story.wait_and_poll(14, every=300)
    story.save(run, 1, 9)
    story.wait_and_poll(26, every=300)
    add_status(story, 10, "Was broken")
    add_status(story, 9, "Broken")
    result = story.save(run, 2, 9)
    story.wait_and_poll(14, every=300)
    assert story.announced == [result.id]


def test_where_another_name_is_watched_from_now_on_nothing_older_is_told(story: Story, run: Run) -> None:
    add_status(story, 9, "Waiting")
    story.wait_and_poll()
    story.save(run, 1, 9)
    story.wait_and_poll()
    watch_by_name(story, "Waiting")
    result = story.save(run, 2, 9)
    story.wait_and_poll()
    assert story.announced == [result.id]


def test_where_nobody_knows_when_names_were_told_last_it_is_the_last_poll_that_counts() -> None:
    before = Watching(watching="8//", watched_at=START, statuses={"odd": (8,)})
    assert with_watch(before, Watch((9,)), {"odd": (9,)}, {}).ceased == {"8//": START}


def test_where_two_names_moved_it_is_the_one_that_was_told_first_that_counts() -> None:
    before = Watching(watching="8,10//", watched_at=START, statuses={"odd": (8,), "even": (10,)})
    told_at = {"odd": START - timedelta(hours=1), "even": START - timedelta(hours=3)}
    after = with_watch(before, Watch((9, 11)), {"odd": (9,), "even": (11,)}, told_at)
    assert after.ceased == {"8,10//": START - timedelta(hours=3)}


def test_a_name_that_was_not_watched_meanwhile_brings_up_nothing_old(
    story: Story, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(api.Testmo, "statuses", unreadable)
        story.wait_and_poll(14, every=300)
    watch_by_name(story)
    story.wait_and_poll()
    add_status(story, NEEDS_INFO, "Old")
    add_status(story, 9, "Needs info")
    story.save(run, 1, 9)
    story.wait_and_poll(26, every=300)
    watch_by_name(story, "Needs info")
    story.wait_and_poll(14, every=300)
    assert story.announced == []


@pytest.mark.usefixtures("run")
def test_so_is_what_was_saved_in_a_run_that_was_opened_and_closed_meanwhile(story: Story) -> None:
    before, after = story.add_run("before"), story.add_run("after")
    story.save(before, 1, 9)
    story.world.close_run(before)
    story.wait_and_poll(70)  # names are asked for in between
    add_status(story, NEEDS_INFO, "Old")
    add_status(story, 9, "Needs info")
    result = story.save(after, 1, 9)
    story.world.close_run(after)
    story.wait_and_poll(60)
    requests = len(story.reads(after))
    story.wait_and_poll(20)
    assert story.announced == [result.id]
    assert len(story.reads(after)) == requests, "it is read once more, and done"


@pytest.mark.usefixtures("run")
def test_where_that_run_cannot_be_read_at_once_the_next_poll_reads_it(story: Story) -> None:
    run = story.add_run()
    story.wait_and_poll(70)
    add_status(story, NEEDS_INFO, "Old")
    add_status(story, 9, "Needs info")
    result = story.save(run, 1, 9)
    story.world.close_run(run)
    story.wait_and_poll(45)
    story.testmo.faults.add("500", path=f"/runs/{run.id}/results", times=None)
    assert story.wait_and_poll(10).problems, "it is named in every poll"
    story.testmo.faults.clear()
    story.wait_and_poll()
    assert story.announced == [result.id]


def test_a_name_nobody_knows_is_a_problem_in_every_poll_and_the_rest_is_watched(story: Story) -> None:
    watch_by_name(story, "Needs inof")
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run, 1, FAILED)
    for _ in range(2):
        problems = story.poll().problems
        assert problems[0].startswith("AlertStatusIds: no status of this Testmo is called 'Needs inof'")
        assert "it has Untested, Passed, Failed, Retest, Blocked, Skipped" in problems[0]
        story.wait()
    assert story.announced == [result.id]


def test_when_nothing_at_all_is_watched_the_poll_fails_in_words(story: Story) -> None:
    watch_by_name(story, "Needs inof", ids=())
    story.poll()  # without any run there is nothing to miss, and nothing that tells the names
    story.add_run()
    with pytest.raises(PollFailed, match=r"'Needs inof'.*Correct the name, or give the id"):
        story.poll()


def test_while_a_name_is_unknown_and_testmo_does_not_answer_nothing_is_read(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the results saved meanwhile would count as old when the name becomes known."""
    add_status(story, NEEDS_INFO, "Needs info")
    run = story.add_run_and_poll()
    story.wait()
    watch_by_name(story, "Needs info")
    result = story.save(run, 1, FAILED)
    with monkeypatch.context() as broken:
        broken.setattr(api.Testmo, "statuses", unreadable)
        with pytest.raises(PollFailed, match="names of statuses could not be read"):
            story.poll()
    assert story.announced == []
    story.poll()
    assert story.announced == [result.id]


@pytest.mark.parametrize(
    ("told", "untold"), [({8: "Odd"}, set()), ({9: "Even"}, {"odd"})], ids=["a known name", "none that is known"]
)
def test_a_project_that_does_not_tell_names_matters_until_another_tells_those_that_are_known(
    told: dict[int, str],
    untold: set[str],
) -> None:
    """Else a name that is misspelled, and so never told, would make all that was told look old."""

    def statuses(project_id: int) -> dict[int, str]:
        if project_id == 1:
            raise RequestRejected("/projects/1/runs was rejected (422)")
        return told

    testmo = cast("Testmo", SimpleNamespace(statuses=statuses))
    assert learn(testmo, ["Odd", "Misspelt"], {"odd": (8,)}, [1, 2]).untold == untold


def test_a_name_that_no_status_has_any_more_is_told_as_well() -> None:
    """Else what failed for weeks in a status that is given it one day would be news."""
    testmo = cast("Testmo", SimpleNamespace(statuses=lambda _project_id: {8: "Even"}))
    assert not learn(testmo, ["Odd"], {"odd": (8,)}, [1, 2]).untold


def test_two_statuses_of_one_name_are_both_watched() -> None:
    watch, problems = completed(Watch((3,)), ["Odd"], Names({"odd": (8, 9)}), has_runs=True)
    assert (watch.status_ids, problems) == ((3, 8, 9), [])


def test_an_instance_that_tells_no_names_is_a_problem_in_words(story: Story) -> None:
    """Testmo may refuse the expand; ids are watched all the same."""
    story.testmo.faults.add("no-statuses", times=None)
    watch_by_name(story, "Needs info")
    run = story.add_run_and_poll()
    story.wait()
    result = story.save(run, 1, FAILED)
    problems = story.poll().problems
    assert story.announced == [result.id]
    assert problems[0].startswith("project 1 does not tell the names of statuses: /projects/1/runs was rejected (422)")
    assert problems[1].startswith("AlertStatusIds: no status of this Testmo is called 'Needs info'")
