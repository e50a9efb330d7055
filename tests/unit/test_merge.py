"""Rule 20: what is held is told, exactly, when its cause ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from testmo_notifier.model import (
    FAILING,
    FINISHED,
    FOLD,
    PASSED_BETWEEN,
    PASSED_SINCE,
    QUIET,
    RATE,
    RECOVERED,
    Counters,
    Digest,
    Held,
    Hold,
    Mention,
    Outgoing,
    plain,
)
from testmo_notifier.notices import fold
from testmo_notifier.notices.fold import MAX_FOLDED_BYTES, folded, text_bytes
from testmo_notifier.notices.merge import (
    MAX_HELD_ROWS,
    failing_in,
    is_full,
    joined,
    sections_of,
    told_of,
    with_failed,
    with_news,
    with_passed,
)
from tests.support.factories import START, at, make_digest, make_named
from tests.support.holding import ADA, DESTINATION, failing_news, finished_news, hold, recovered_news


def digest_of(held: Held, about: str = FAILING) -> Digest:
    (digest,) = (one.digest for one in sections_of(held) if one.digest.about == about)
    return digest


def test_news_of_several_polls_is_one_message_with_exact_totals() -> None:
    held = hold(failing_news({1: 11, 2: 12}), failing_news({3: 13}, (5, "Blocked")), failing_news({4: 11}))

    digest = digest_of(held)
    assert (digest.total, digest.counts, digest.omitted) == (4, {"Failed": 3, "Blocked": 1}, 0)
    assert digest.keys == {1, 2, 3, 4}
    assert [one.id for one in digest.results] == [4, 2, 1, 3]  # the most urgent first, as in any message
    assert (digest.held_since, digest.routes, digest.reasons) == (START, ("team",), ("new",))


def test_the_facts_of_the_run_are_the_latest() -> None:
    later = failing_news({2: 12}, counters=Counters({2: 99}, success=99, completed=99, total=102), run_name="Renamed")

    digest = digest_of(hold(failing_news({1: 11}), later))

    assert (digest.run_name, digest.counters.success) == ("Renamed", 99)


def test_a_result_whose_status_changed_is_told_once_as_it_is_now() -> None:
    digest = digest_of(hold(failing_news({1: 11}), failing_news({1: 11}, (5, "Blocked"), reason="changed")))

    assert (digest.total, digest.counts, digest.reasons) == (1, {"Blocked": 1}, ("changed",))
    assert [(one.id, one.status) for one in digest.results] == [(1, "Blocked")]


def test_what_passed_meanwhile_is_said_so_and_calls_nobody() -> None:
    bob = Mention("bob")
    held = hold(failing_news({1: 11}, mentions=(bob,), reason="again"), failing_news({2: 12}), recovered_news({3: 11}))

    digest = digest_of(held)
    assert (digest.total, digest.counts, digest.passed_since) == (1, {"Failed": 1}, 1)
    assert digest.keys == {2}
    assert [(one.id, one.reason) for one in digest.results] == [(2, "new"), (1, PASSED_SINCE)]
    assert (digest.mentions, digest.reasons) == ((ADA,), ("new",))
    assert [one.digest.about for one in told_of(held)] == [FAILING]  # not as a recovery, too


def test_if_all_has_passed_one_message_says_only_that_and_calls_nobody() -> None:
    held = with_passed(hold(failing_news({1: 11, 2: 12})), {11, 12, 13})

    (told,) = told_of(held)
    assert (told.digest.total, told.digest.counts, told.digest.passed_since) == (0, {}, 2)
    assert (told.digest.mentions, told.digest.omitted, told.digest.routes) == ((), 0, ("team",))
    assert {one.reason for one in told.digest.results} == {PASSED_SINCE}


def test_what_passed_and_failed_again_is_failing_with_all_its_results() -> None:
    held = hold(failing_news({1: 11}), recovered_news({2: 11}), failing_news({3: 11}))

    digest = digest_of(held)
    assert (digest.total, digest.passed_since) == (2, 0)
    assert [(one.id, one.reason) for one in digest.results] == [(3, PASSED_BETWEEN), (1, PASSED_BETWEEN)]
    assert failing_in(held) == {11}


def test_a_recovery_that_is_over_is_not_told() -> None:
    held = hold(recovered_news({1: 11, 2: 12}), failing_news({3: 11}))

    failing, recovered = sections_of(held)
    assert [one.reason for one in failing.digest.results] == [PASSED_BETWEEN]
    assert recovered.digest.total == 1
    assert recovered.digest.keys == {2}
    assert [one.id for one in recovered.digest.results] == [2]


def test_a_recovery_is_told_if_somebody_asked_for_it() -> None:
    held = hold(failing_news({1: 11}), recovered_news({2: 12}, routes=()), recovered_news({3: 13}, routes=("good",)))

    digest = digest_of(held, RECOVERED)
    assert (digest.total, digest.counts, digest.routes, digest.mentions) == (1, {"Passed": 1}, ("good",), ())


def test_a_test_that_passed_twice_is_told_once_as_it_passed_last() -> None:
    digest = digest_of(hold(recovered_news({1: 11, 2: 12}), recovered_news({3: 11})), RECOVERED)

    assert (digest.total, sorted(digest.keys), digest.omitted) == (2, [2, 3], 0)


def test_how_many_recoveries_are_not_named_is_exact() -> None:
    digest = digest_of(hold(recovered_news({n: n for n in range(1, 71)})), RECOVERED)

    assert digest.total == 70
    assert digest.omitted == 70 - len(digest.results) > 0


def test_what_is_well_is_not_failing() -> None:
    assert failing_in(hold(failing_news({1: 11}), recovered_news({2: 12}))) == {11}


def test_recoveries_that_nobody_asked_for_make_nothing_to_tell() -> None:
    nothing = with_news(None, recovered_news({1: 11}, routes=()), Hold("quiet", at(60)), now=START, order=1)

    assert nothing.is_empty
    assert told_of(nothing) == ()


def test_a_run_that_is_over_comes_last_and_only_once() -> None:
    held = hold(finished_news(total=9), recovered_news({2: 12}), finished_news(total=7), failing_news({1: 11}))

    told = [one.digest for one in sections_of(held)]
    assert [(one.about, one.total) for one in told] == [(FAILING, 1), (RECOVERED, 1), (FINISHED, 7)]
    assert {one.held_since for one in told} == {START}


def test_the_first_message_of_a_pace_says_nothing_until_there_is_news() -> None:
    marker = Held(12, DESTINATION, RATE, at(900), START, make_digest())
    assert told_of(marker) == ()

    held = with_news(marker, failing_news({1: 11}), Hold(RATE, at(900)), now=at(60), order=2)
    assert (held.since, held.due) == (at(60), at(900))
    assert with_news(marker, recovered_news({1: 11}, routes=()), Hold(RATE, at(900)), now=at(60), order=2) == marker


def test_nothing_is_due_later_because_more_came() -> None:
    held = hold(failing_news({1: 11}), due=at(900))

    assert hold(failing_news({2: 12}), before=held, due=at(1_800)).due == at(900)
    assert hold(failing_news({2: 12}), before=held, due=at(600)).due == at(600)


def test_what_another_cause_held_joins_and_the_later_word_stands() -> None:
    quiet = hold(failing_news({1: 11, 2: 12}), due=at(900))
    silence = hold(failing_news({2: 12}, (5, "Blocked"), run_name="Renamed"), cause="silence:1", due=at(600), order=2)

    for one, other in ((quiet, silence), (silence, quiet)):
        both = joined(one, other)
        assert (both.cause, both.due, both.version) == (one.cause, one.due, one.version)
        digest = digest_of(both)
        assert (digest.total, digest.counts) == (2, {"Failed": 1, "Blocked": 1})
        assert (digest.run_name, {one.id: one.status for one in digest.results}) == (
            "Renamed",
            {1: "Failed", 2: "Blocked"},
        )


def test_of_two_passes_of_a_test_that_two_causes_hold_the_later_is_told() -> None:
    quiet = hold(recovered_news({3: 11}))
    silence = hold(recovered_news({5: 11}, routes=("good",)), cause="silence:1", order=2)

    for both in (joined(quiet, silence), joined(silence, quiet)):
        digest = digest_of(both, RECOVERED)
        assert (digest.total, sorted(digest.keys), digest.routes) == (1, [5], ("good",))


def test_a_test_that_failed_after_a_pass_that_another_cause_holds_is_failing() -> None:
    passed = with_passed(hold(failing_news({1: 11})), {11})
    failed = hold(failing_news({2: 11}), cause="silence:1", order=2)

    digest = digest_of(joined(passed, failed))
    assert (digest.total, digest.passed_since) == (2, 0)
    assert {one.reason for one in digest.results} == {PASSED_BETWEEN}


def test_what_failed_anew_and_was_told_at_once_is_not_said_to_be_well() -> None:
    held = with_passed(hold(failing_news({1: 11}), recovered_news({2: 12})), {11})

    digests = [one.digest for one in sections_of(with_failed(held, {11, 12}))]
    assert [(one.about, one.total, one.passed_since) for one in digests] == [(FAILING, 1, 0)]


def test_a_result_that_was_told_anew_at_once_is_not_told_as_it_was() -> None:
    held = hold(failing_news({1: 11, 2: 12}))

    digest = digest_of(with_failed(held, {12}, elsewhere={2}))
    assert digest.keys == {1}
    assert [one.id for one in digest.results] == [1]
    assert with_failed(held, {12}) == held


def without_ids(news: Outgoing) -> Outgoing:
    """The same, of rows that Testmo gave no id."""
    results = tuple(replace(one, id=None) for one in news.digest.results)
    return replace(news, digest=replace(news.digest, results=results))


def test_what_is_named_of_results_without_an_id_is_what_is_held_of_their_tests() -> None:
    held = hold(without_ids(failing_news({-1: 11, -2: 12})))
    assert [one.test_id for one in digest_of(held).results] == [11, 12]

    assert [one.test_id for one in digest_of(with_failed(held, {12}, elsewhere={-2})).results] == [11]


def test_what_has_neither_an_id_nor_a_test_is_named() -> None:
    news = failing_news({-1: 11})
    nameless = replace(news, digest=replace(news.digest, results=(make_named(None, test_id=None),)))

    assert len(digest_of(hold(replace(nameless, rows={-1: (-1, 0)}))).results) == 1


def test_what_failed_last_is_named_first_whatever_its_id() -> None:
    held = hold(failing_news({5: 11}, saved_at=at(0)), failing_news({4: 12}, saved_at=at(60)))

    assert [one.id for one in digest_of(held).results] == [4, 5]


def test_what_several_causes_held_was_held_since_the_first_of_them() -> None:
    early, late = hold(failing_news({1: 11})), replace(hold(failing_news({2: 12})), since=at(300))
    told = Held(12, DESTINATION, RATE, at(900), at(-900), make_digest())  # when it was told, not since when it is held

    for one, other in ((early, late), (late, early), (joined(told, late), early)):
        assert digest_of(joined(one, other)).held_since == START
    assert joined(told, late).since == at(300)


def test_an_id_is_fixed_and_never_that_of_an_earlier_message() -> None:
    held = hold(failing_news({1: 11}), finished_news())

    ids = [one.id for one in told_of(held)]
    assert [one.id for one in told_of(held)] == ids
    others = (
        replace(held, version=1),
        replace(held, since=at(86_400)),
        replace(held, cause="times"),
        replace(held, run_id=13),
        replace(held, destination="slack:other"),
    )
    every = [one.id for some in (held, *others) for one in told_of(some)]
    assert len(set(every)) == len(every) == 6
    assert folded(DESTINATION, [held]).id not in every
    assert folded(DESTINATION, [held]).id != folded(DESTINATION, [replace(held, version=1)]).id


def test_hundreds_of_merges_stay_small_and_stay_exact() -> None:
    held = hold(failing_news({1: 11}))
    for poll in range(1, 120):
        keys = {1_000 * poll + n: 1_000 * poll + n for n in range(60)}
        held = hold(failing_news(keys, saved_at=at(poll), note="x" * 500, reason="again"), before=held)
        held = with_passed(held, [1_000 * poll])

    digest = digest_of(held)
    assert (digest.total, digest.passed_since) == (1 + 119 * 59, 119)
    assert digest.omitted == digest.total - len(digest.results)
    assert 20 <= len(digest.results) <= 50
    assert sum(len(repr(plain(one))) for one in held.frame.results) < 40_000
    assert len(held.kinds) == 2
    assert not is_full(held)
    assert is_full(hold(failing_news({n: n for n in range(MAX_HELD_ROWS)}), before=held))


def test_what_passed_again_takes_its_room_from_what_is_failing_and_both_stay_within_30_kilobytes() -> None:
    news = failing_news({key: key for key in range(1, 51)}, note="x" * 100)
    passed = recovered_news({key: key for key in range(101, 151)}, at(60))
    alone, together = (held.frame.results for held in (hold(news), hold(news, passed)))

    assert all(28_000 < sum(len(repr(plain(one))) for one in named) <= 30_000 for named in (alone, together))
    assert len(alone) > sum(one.reason == "new" for one in together) >= 20


def test_what_is_failing_is_named_before_what_has_passed() -> None:
    held = with_passed(hold(failing_news({n: n for n in range(1, 51)}, saved_at=at(60))), range(1, 51))
    held = hold(failing_news({n: n for n in range(51, 71)}), before=held)

    digest = digest_of(held)
    assert [one.reason for one in digest.results[:20]] == ["new"] * 20
    assert digest.omitted == 0


def of_run(run_id: int, *news: Outgoing, project: tuple[int, str] = (3, "Shop")) -> Held:
    facts: dict[str, Any] = {
        "run_id": run_id,
        "run_name": f"Run {run_id}",
        "project_id": project[0],
        "project_name": project[1],
    }
    return hold(*(replace(one, digest=replace(one.digest, **facts)) for one in news))


def test_several_runs_are_one_message_with_exact_counts_for_each() -> None:
    held = [
        of_run(12, failing_news({1: 11}), failing_news({2: 12}, (5, "Blocked"))),
        of_run(13, *(failing_news({n: n}) for n in (3, 4, 5)), recovered_news({6: 6, 7: 3}), project=(4, "Billing")),
        of_run(14, finished_news(total=2)),
    ]

    one = folded(DESTINATION, held)
    digest = one.digest
    assert (one.destination, digest.about) == (DESTINATION, "folded")
    assert (digest.run_id, digest.run_name, digest.run_url, digest.project_id) == (0, "", "", 0)
    assert (digest.total, digest.counts, digest.passed_since) == (4, {"Failed": 3, "Blocked": 1}, 1)
    assert digest.reasons == ("new", "recovered", "finished")
    parts = [(part.run_id, part.total, part.passed_since, sorted(part.keys)) for part in digest.parts]
    assert parts == [(13, 2, 1, [4, 5, 6]), (12, 2, 0, [1, 2]), (14, 0, 0, [])]
    assert [[(one.about, one.total) for one in part.parts] for part in digest.parts] == [
        [(RECOVERED, 1)],
        [],
        [(FINISHED, 2)],
    ]


def test_a_message_about_runs_of_one_project_is_about_the_project() -> None:
    digest = folded(DESTINATION, [of_run(12, failing_news({1: 11})), of_run(13, failing_news({2: 11}))]).digest

    assert (digest.project_id, digest.project_name) == (3, "Shop")


def test_a_message_about_several_runs_calls_whom_what_is_still_failing_calls() -> None:
    passed = with_passed(of_run(12, failing_news({1: 11}, mentions=(Mention("bob"),))), {11})

    digest = folded(DESTINATION, [passed, of_run(13, failing_news({2: 11}))]).digest

    assert digest.mentions == (ADA,)


def test_what_two_causes_hold_of_a_run_is_one_part() -> None:
    quiet, silence = of_run(12, failing_news({1: 11})), of_run(12, failing_news({2: 12}))

    (part,) = folded(DESTINATION, [quiet, replace(silence, cause="silence:1", order=2)]).digest.parts

    assert part.total == 2


def test_a_storm_names_results_of_every_run_and_stays_small() -> None:
    held = [of_run(run, failing_news({run * 100 + n: n for n in range(1, 61)}, note="ü" * 500)) for run in range(45)]

    digest = folded(DESTINATION, held).digest
    named = [one for part in digest.parts for one in part.results]
    assert digest.total == 45 * 60
    assert digest.omitted == digest.total - len(named) == sum(part.omitted for part in digest.parts)
    assert {len(part.results) > 0 for part in digest.parts} == {True}
    assert len(named) <= 300
    assert sum(len(one.note.encode()) for one in named) < MAX_FOLDED_BYTES


@pytest.mark.parametrize(("room", "named"), [(2, [1, 1]), (1, [1, 0]), (0, [0, 0])])
def test_a_message_about_several_runs_names_what_there_is_room_for_and_counts_the_rest(
    room: int, named: list[int]
) -> None:
    held = [of_run(run, failing_news({run: run})) for run in (1, 2)]
    (one,) = digest_of(held[0]).results

    with patch.object(fold, "MAX_FOLDED_BYTES", room * text_bytes(one)):
        digest = folded(DESTINATION, held).digest
    assert [len(part.results) for part in digest.parts] == named
    assert (digest.total, digest.omitted) == (2, 2 - sum(named))


def test_a_storm_names_three_hundred_results_where_they_are_short() -> None:
    held = [of_run(run, failing_news({run * 100 + n: n for n in range(1, 61)})) for run in range(10)]

    digest = folded(DESTINATION, held).digest
    assert (digest.total, sum(len(part.results) for part in digest.parts)) == (600, 300)


def test_twenty_thousand_results_are_held_of_a_run_and_no_more() -> None:
    held = replace(hold(failing_news({1: 11})), rows={n: (n, 0) for n in range(20_000)})

    assert not is_full(held)
    assert is_full(replace(held, rows={n: (n, 0) for n in range(20_001)}))


def test_merging_is_quick_enough_for_what_an_item_holds() -> None:
    """What is counted for every row would take a minute here; the test would not end."""
    many = failing_news({n: n for n in range(MAX_HELD_ROWS)})
    held = hold(many, recovered_news({n: n for n in range(MAX_HELD_ROWS, 2 * MAX_HELD_ROWS)}))
    held = hold(recovered_news({n + 50_000: n for n in range(MAX_HELD_ROWS)}), before=held)

    assert digest_of(held).passed_since == MAX_HELD_ROWS
    assert held.frame.held_since is None
    assert held.due - held.since == timedelta(hours=10)


def test_only_what_was_held_for_somebody_says_since_when() -> None:
    """What waited for the end of a poll, to be told with other runs, was not held: each of them would say so."""
    for_this_poll = replace(hold(failing_news({1: 11})), cause=FOLD)
    over_night = replace(hold(failing_news({2: 12})), cause=QUIET)

    assert [one.digest.held_since for one in told_of(for_this_poll)] == [None]
    assert [one.digest.held_since for one in told_of(over_night)] == [START]
    both = folded("slack:payments", [for_this_poll, over_night]).digest
    assert [part.held_since for part in both.parts] == [START]
