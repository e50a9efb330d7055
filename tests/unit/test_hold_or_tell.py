"""Rule 20: what of a reading is told at once and what is held, and what either does to what is held already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from testmo_notifier.model import FAILING, FOLD, MAILED, OUTBOX, QUIET, RATE, RECOVERED, Held, Hold, Outgoing
from testmo_notifier.notices.calm import Calm
from testmo_notifier.notices.holding import Holding
from testmo_notifier.notices.merge import failing_in, with_passed
from testmo_notifier.notices.routes import Options
from testmo_notifier.polling.circumstances import Circumstances
from testmo_notifier.polling.hold_or_tell import HoldOrTell
from tests.support.factories import at
from tests.support.holding import DESTINATION, failing_news, hold, recovered_news

NOW = at(600)


def keeping(*before: Held, options: Mapping[str, Options] | None = None, **around: Any) -> HoldOrTell:  # noqa: ANN401
    """What is held of run 12 ten minutes after the start, and nothing else that decides."""
    holding = Holding(now=NOW, options=options or {})
    circumstances = Circumstances(**{"holding": holding, "copies_due": at(3_600), **around})
    return HoldOrTell(circumstances, 12, before, order=7, now=NOW, with_rows=lambda one: one)


def held_after(kept: HoldOrTell) -> dict[str, list[int]]:
    """The keys of what is held, by cause."""
    return {cause: sorted(one.rows) for (_, cause), one in kept.held.items()}


def told_now(kept: HoldOrTell) -> list[tuple[str, int]]:
    """What is told at once, and of how many."""
    return [(one.digest.about, one.digest.total) for one in kept.at_once]


def quiet(news: Outgoing) -> Outgoing:
    """News that come in the quiet."""
    return replace(news, hold=Hold(QUIET, at(36_000)))


def test_what_is_told_at_once_is_not_held_as_it_was() -> None:
    kept = keeping(hold(failing_news({1: 11, 2: 12})))
    kept.divide([failing_news({1: 11}, (5, "Blocked"), reason="changed")])

    assert (told_now(kept), held_after(kept)) == ([(FAILING, 1)], {QUIET: [2]})


def test_what_is_held_for_another_cause_now_is_not_held_as_it_was() -> None:
    kept = keeping(hold(failing_news({1: 11, 2: 12})))
    kept.divide([replace(failing_news({1: 11}, (5, "Blocked")), hold=Hold("silence:s", at(3_600)))])

    assert (told_now(kept), held_after(kept)) == ([], {QUIET: [2], "silence:s": [1]})


def test_what_fails_anew_and_is_told_at_once_has_not_passed_since() -> None:
    kept = keeping(with_passed(hold(failing_news({1: 11, 2: 12})), {11, 12}))
    kept.divide([failing_news({3: 11})])

    assert [failing_in(one) for one in kept.held.values()] == [{11}]


def test_what_is_told_one_destination_changes_nothing_of_what_is_held_for_others_or_of_copies() -> None:
    elsewhere = replace(with_passed(hold(failing_news({1: 11})), {11}), destination="slack:others")
    copy = hold(failing_news({1: 11}), cause=MAILED)
    kept = keeping(elsewhere, copy)
    kept.divide([failing_news({1: 11}, (5, "Blocked"))])

    assert (told_now(kept), kept.changes()) == ([(FAILING, 1)], ())


def test_a_recovery_takes_nothing_back_of_what_has_passed_since() -> None:
    kept = keeping(with_passed(hold(failing_news({1: 11})), {11}))
    kept.divide([recovered_news({5: 11})])

    assert [failing_in(one) for one in kept.held.values()] == [set()]


def test_a_recovery_is_told_where_only_a_copy_is_kept_of_the_failure() -> None:
    """The failure itself was told: whoever heard of it waits for this."""
    kept = keeping(hold(failing_news({1: 11}), cause=MAILED))
    kept.divide([recovered_news({5: 11})])

    assert told_now(kept) == [(RECOVERED, 1)]


def test_of_recoveries_only_those_are_told_whose_failure_was_and_that_somebody_asks_for() -> None:
    asked = recovered_news({5: 11, 6: 12, 7: 13})
    unasked = replace(asked.kinds[0], routes=())
    mixed = replace(asked, rows={5: (11, 0), 6: (12, 0), 7: (13, 1)}, kinds=(*asked.kinds, unasked))

    kept = keeping(hold(failing_news({1: 11})))
    kept.divide([mixed])
    assert [(one.digest.about, sorted(one.digest.keys)) for one in kept.at_once] == [(RECOVERED, [6])]
    assert [one.passed for one in kept.held.values()] == [{11}]

    alone = keeping()
    alone.divide([mixed])
    assert [(one.digest.about, sorted(one.digest.keys)) for one in alone.at_once] == [(RECOVERED, [5, 6])]


def test_recoveries_that_all_are_told_go_as_they_are() -> None:
    news = recovered_news({5: 11})
    kept = keeping()
    kept.divide([news])

    assert kept.at_once == [news]


def test_what_waits_for_the_end_of_the_poll_waits_for_what_lasts_longer() -> None:
    news = replace(failing_news({1: 11}), hold=Hold(FOLD, NOW))
    interval = Held(12, DESTINATION, RATE, at(900), at(0), news.digest)
    pace = {DESTINATION: Options(calm=Calm(at_most_every=timedelta(minutes=15), fold=2))}

    paced, behind, free = keeping(interval, options=pace), keeping(waiting={(12, DESTINATION)}), keeping()
    for kept in (paced, behind, free):
        kept.divide([news])

    assert [held_after(kept) for kept in (paced, behind, free)] == [{RATE: [1]}, {OUTBOX: [1]}, {FOLD: [1]}]


def test_what_is_quiet_goes_on_being_held_for_that_behind_a_message_that_cannot_leave() -> None:
    kept = keeping(waiting={(12, DESTINATION)}, unreachable={DESTINATION})
    kept.divide([quiet(failing_news({1: 11}))])

    assert held_after(kept) == {QUIET: [1]}


def test_of_what_goes_to_a_mailbox_a_copy_is_kept_with_all_that_went_there_before() -> None:
    kept = keeping(hold(failing_news({1: 11}), cause=MAILED, due=at(3_600)), copied={DESTINATION})
    kept.divide([failing_news({2: 12})])

    assert (told_now(kept), held_after(kept)) == ([(FAILING, 1)], {MAILED: [1, 2]})
