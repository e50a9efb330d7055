"""Statuses watched by name: whom Testmo is asked for their ids, until when, and what is kept of the answers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from testmo_notifier.errors import Invisible, NotifierError, PollFailed, RequestRejected, Unreadable
from testmo_notifier.polling.statuses import Names, completed, learn
from testmo_notifier.sources.testmo_runs.watch import Watch

ANSWERS = {4: {3: "Failed", 9: "Needs info"}}


class Statuses:
    """A Testmo that tells the names of statuses and nothing else."""

    def __init__(self, answers: Mapping[int, Mapping[int, str] | NotifierError]) -> None:
        self.answers = answers
        self.asked: list[int] = []

    def statuses(self, project_id: int) -> dict[int, str]:
        self.asked.append(project_id)
        answer = self.answers.get(project_id, {})
        if isinstance(answer, NotifierError):
            raise answer
        return dict(answer)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unreadable("500"), "the names of statuses could not be read: 500"),
        (Invisible("403", status=403), "project 3 does not tell the names of statuses: 403"),
        (RequestRejected("422"), "project 3 does not tell the names of statuses: 422"),
    ],
)
def test_a_project_that_does_not_answer_keeps_no_other_from_being_asked(error: NotifierError, words: str) -> None:
    testmo = Statuses({3: error, **ANSWERS})

    names = learn(testmo, ["Needs info"], {}, [3, 4, 5])  # type: ignore[arg-type]

    assert testmo.asked == [3, 4]
    assert (names.learned, names.problems) == ({"needs info": (9,)}, [words])


def test_five_projects_are_asked_in_a_poll_at_most() -> None:
    testmo = Statuses({9: {9: "Needs info"}})

    names = learn(testmo, ["Needs info"], {}, range(1, 10))  # type: ignore[arg-type]

    assert (testmo.asked, names.learned) == ([1, 2, 3, 4, 5], {})


def test_what_several_projects_tell_is_put_together_until_every_name_is_known() -> None:
    testmo = Statuses({1: {3: "Failed"}, 2: {9: "Needs info"}, 3: {10: "Later"}})

    names = learn(testmo, ["failed", "Needs  Info"], {}, [1, 2, 3])  # type: ignore[arg-type]

    assert testmo.asked == [1, 2]
    assert names.learned == {"failed": (3,), "needs info": (9,)}
    assert names.others == ["Failed", "Needs info"]


def test_two_statuses_of_one_name_are_learned_in_order() -> None:
    names = learn(Statuses({1: {12: "Red", 9: "red"}}), ["Red"], {}, [1])  # type: ignore[arg-type]

    assert names.learned == {"red": (9, 12)}


def test_a_known_name_outlives_an_answer_that_lacks_it_and_follows_one_that_has_it() -> None:
    known = {"needs info": (8,), "no longer wanted": (7,)}

    assert learn(Statuses({}), ["Needs info"], known, [1]).learned == {"needs info": (8,)}  # type: ignore[arg-type]
    assert learn(Statuses(ANSWERS), ["Needs info"], known, [4]).learned == {"needs info": (9,)}  # type: ignore[arg-type]


def test_while_nobody_answers_an_unknown_name_fails_the_poll_and_a_known_one_is_a_problem_only() -> None:
    silent = Statuses({1: Unreadable("500"), 2: Unreadable("502")})

    with pytest.raises(PollFailed, match=r"could not be read: 500; until they are, nobody knows") as caught:
        learn(silent, ["Needs info"], {}, [1, 2])  # type: ignore[arg-type]
    names = learn(silent, ["Needs info"], {"needs info": (9,)}, [1, 2])  # type: ignore[arg-type]

    assert caught.value.reason == "unreadable"
    assert names.problems == [f"the names of statuses could not be read: {status}" for status in (500, 502)]


def test_the_ids_of_names_join_those_that_are_watched_by_id_once_each() -> None:
    names = Names({"needs info": (9, 3)})

    watch, problems = completed(Watch((3, 5)), ["Needs info"], names, has_runs=True)

    assert (watch.status_ids, problems) == ((3, 5, 9), [])


def test_an_unknown_name_is_told_with_the_first_25_that_there_are() -> None:
    names = Names({}, others=[f"Status {number}" for number in range(1, 27)])

    watch, (problem,) = completed(Watch((3,)), ["Nope"], names, has_runs=True)

    assert watch.status_ids == (3,)
    assert problem.startswith(
        "AlertStatusIds: no status of this Testmo is called 'Nope', so it is not watched; it has "
    )
    assert "Status 25. Correct the name" in problem


@pytest.mark.parametrize("has_runs", [True, False])
def test_nothing_at_all_to_look_for_fails_the_poll_once_there_are_runs(*, has_runs: bool) -> None:
    if has_runs:
        with pytest.raises(PollFailed, match=r"is called 'Nope'.*none so far") as caught:
            completed(Watch(()), ["Nope"], Names({}), has_runs=True)
        assert caught.value.reason == "configuration"
    else:
        assert completed(Watch(()), ["Nope"], Names({}), has_runs=False)[0].status_ids == ()
