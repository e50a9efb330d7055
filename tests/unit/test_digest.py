"""What one message is about: order, exact counts, caps (rule 3), names, and its id (rule 11)."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Sequence
from dataclasses import asdict

import pytest

from testmo_notifier.adapters.compact import pack_ids
from testmo_notifier.model import Expands, Issue, Told, plain
from testmo_notifier.notices.audience import Audience
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.notices.matching import Facts, Matcher
from testmo_notifier.notices.routes import Route, Routes
from tests.support.factories import at, make_builder, make_expands, make_named, make_result, make_run

CHANCE = random.Random(1)
DESTINATION = "slack:default"


def test_failed_comes_before_blocked_before_others_and_newest_first() -> None:
    builder = make_builder()
    builder.add(
        [
            make_result(1, status_id=9, created_at=at(9)),
            make_result(2, status_id=5, created_at=at(8)),
            make_result(3, status_id=3, created_at=at(1)),
            make_result(4, status_id=None, created_at=at(9)),
            make_result(5, status_id=3, created_at=at(2)),
            make_result(6, status_id=3, created_at=None),
            make_result(7, status_id=3, created_at=at(2)),
        ],
        Expands(),
    )

    digest = builder.build()

    assert [result.id for result in digest.results] == [7, 5, 3, 6, 2, 1, 4]
    assert list(digest.counts.items()) == [("Failed", 4), ("Blocked", 1), ("Status 9", 1), ("Unknown status", 1)]


@pytest.mark.parametrize("custom", [2, 4, 6, 7, 25])
def test_blocked_comes_before_every_other_status_that_may_be_watched(custom: int) -> None:
    builder = make_builder()
    builder.add([make_result(1, status_id=custom, created_at=at(9)), make_result(2, status_id=5)], Expands())

    assert [result.id for result in builder.build().results] == [2, 1]


def test_names_are_cut_at_the_lengths_that_messages_have_room_for() -> None:
    long = "x" * 1_000
    builder = make_builder(make_run(name=long, milestone=long, configuration=long), long)
    issues = {n: Issue(n, long, 4, long) for n in range(12)}
    builder.add(
        [make_result(note=f"<p>{long}</p>", issue_ids=tuple(range(12)), assignee_id=7)],
        Expands({7: long}, issues, {3: long}),
    )

    digest = builder.build()
    result = digest.results[0]

    run = (digest.run_name, digest.project_name, digest.milestone or "", digest.configuration or "")
    assert [len(text) for text in run] == [200, 200, 200, 200]
    assert [len(text or "") for text in (result.note, result.created_by_name, result.assignee, result.status)] == [
        500,
        80,
        80,
        40,
    ]
    assert [len(issue.display_id) for issue in result.issues] == [40] * 10
    assert {len(issue.external_project_key or "") for issue in result.issues} == {60}


def test_counts_are_exact_however_many_there_are_and_the_most_urgent_are_kept() -> None:
    builder = make_builder()
    for page in range(50):
        builder.add(
            [
                make_result(page * 100 + n, status_id=3 if n == 50 else 5, created_at=at(page * 100 + n))
                for n in range(100)
            ],
            Expands(),
        )

    digest = builder.build()

    assert (digest.total, digest.omitted, len(digest.results)) == (5_000, 4_950, 50)
    assert digest.counts == {"Failed": 50, "Blocked": 4_950}
    assert {result.status for result in digest.results} == {"Failed"}


def test_at_least_twenty_are_kept_however_long_their_texts() -> None:
    builder = make_builder()
    names = dict.fromkeys(range(1, 9), "漢" * 250)
    builder.add(
        [
            make_result(n, note="<p>" + "字" * 5_000, issue_ids=tuple(range(1, 9)), assignee_id=1, updated_by=2)
            for n in range(60)
        ],
        make_expands(names, names),
    )

    digest = builder.build()

    assert 20 <= len(digest.results) < 50
    assert digest.omitted == 60 - len(digest.results)


def test_names_come_from_the_expands_of_their_own_page_else_from_what_is_known() -> None:
    builder = make_builder()
    builder.add(
        [make_result(1, created_by=7, assignee_id=8, issue_ids=(54, 55), status_id=9)],
        make_expands({7: "Ada L."}, {54: "SHOP-123"}, {9: "Red"}),
    )
    builder.add([make_result(2, created_by=7, status_id=9, created_at=at(-1))], Expands())

    first, second = builder.build().results

    assert (first.created_by_name, first.assignee, first.status) == ("Ada L.", "user 8", "Red")
    assert [issue.display_id for issue in first.issues] == ["SHOP-123", "issue 55"]
    assert (second.created_by_name, second.assignee, second.status) == ("user 7", None, "Status 9")
    assert first.url == "https://example.testmo.net/runs/view/12?test_id=1"


def test_texts_are_clean_short_and_never_missing() -> None:
    builder = make_builder(make_run(name="\x00\u202e ", milestone=" ", configuration="a\nb"), "\u200b")
    builder.add([make_result(note="<p>a</p><p>b</p>", test_id=None)], make_expands({7: "\x07"}, None, {3: " "}))

    digest = builder.build()

    assert (digest.run_name, digest.project_name) == ("Run 12", "Project 3")
    assert (digest.milestone, digest.configuration) == (None, "a b")
    assert digest.results[0].note == "a\nb"
    assert (digest.results[0].created_by_name, digest.results[0].status) == ("user 7", "Status 3")
    assert digest.results[0].url == "https://example.testmo.net/runs/view/12"


def test_an_issue_that_nobody_can_read_is_told_by_its_number() -> None:
    builder = make_builder()
    builder.add([make_result(1, issue_ids=(54,))], make_expands({}, {54: "\u2800"}))

    assert [issue.display_id for issue in builder.build().results[0].issues] == ["issue 54"]


def test_no_case_is_looked_up_where_no_route_asks_for_a_name_or_a_folder() -> None:
    looked_up: list[object] = []

    def cases(asked: Collection[int]) -> dict[int, Facts]:
        looked_up.append(asked)
        return {}

    by_name = Matcher({"test": ("*login*",)})
    for route, expected in ((Route((DESTINATION,)), []), (Route((DESTINATION,), "login", by_name), [{120}, {120}])):
        audience = Audience(Routes((route,)), (DESTINATION,), {})
        builder = DigestBuilder("https://example.testmo.net", make_run(), "Shop", audience=audience, cases=cases)
        builder.add([make_result(1, case_id=120)], Expands())
        builder.for_recovered(make_result(1, case_id=120), Told())

        assert looked_up == expected


def test_the_same_news_has_the_same_id_and_other_news_another() -> None:
    def id_of(*results: tuple[int, int], run_id: int = 12, destination: str = "slack:default") -> str:
        audience = Audience(Routes((Route((destination,)),)), (destination,), {})
        builder = DigestBuilder("https://example.testmo.net", make_run(run_id), "Shop", audience=audience)
        builder.add([make_result(key, status_id=status) for key, status in results], Expands())
        return builder.outgoing()[0].id

    base = id_of((1, 3), (2, 5))
    assert base == id_of((2, 5), (1, 3))  # whatever the order of the pages
    others = {
        id_of((1, 3)),
        id_of((1, 3), (2, 3)),
        id_of((1, 3), (3, 5)),
        id_of((1, 3), (2, 5), run_id=13),
        id_of((1, 3), (2, 5), destination="slack:payments"),
    }
    assert len(others | {base}) == 6


def test_an_id_is_the_same_in_every_version_and_whatever_a_status_is_called() -> None:
    """An outbox of another version may hold it, and Slack's delivery record knows it for 30 days."""
    ids: set[str] = set()
    for name in ("Failed", "Red"):
        audience = Audience(Routes((Route(("slack:default",)),)), ("slack:default",), {})
        builder = DigestBuilder("https://example.testmo.net", make_run(12), "Shop", audience=audience, version=4)
        builder.add([make_result(1), make_result(2, status_id=None)], Expands(statuses={3: name}))
        ids.update(one.id for one in builder.outgoing())

    assert ids == {hashlib.sha256(b"slack:default\n12\n1:3\n2:0\n4").hexdigest()[:32]}


def test_a_result_whose_status_changes_while_we_read_is_told_once_as_it_is_now() -> None:
    builder = make_builder()
    builder.add([make_result(1, status_id=3), make_result(2, status_id=3)], Expands())
    builder.add([make_result(1, status_id=5)], Expands())
    digest = builder.build()

    assert (digest.total, dict(digest.counts)) == (2, {"Failed": 1, "Blocked": 1})
    assert [(result.id, result.status) for result in digest.results] == [(2, "Failed"), (1, "Blocked")]


@pytest.mark.parametrize("key", [-5, 7])
def test_a_row_without_an_id_counts_like_any_other(key: int) -> None:
    builder = make_builder()
    builder.add([make_result(None)._replace(key=key)], Expands())

    assert (builder.total, builder.build().results[0].id) == (1, None)


def test_what_is_stored_and_sent_of_a_result_is_all_of_it() -> None:
    issues = (Issue(54, "SHOP-123", 4, "SHOP", 7), Issue(55, "#9"))
    result = make_named(540, created_at=at(5), issues=issues, folder_id=7, folder="Payment")

    assert plain(result) == asdict(result)


def test_what_is_stored_and_sent_without_a_folder_does_not_mention_one() -> None:
    result = make_named(540)

    assert asdict(result).items() - plain(result).items() == {("folder_id", None), ("folder", None)}


@pytest.mark.parametrize(
    ("ids", "most"),
    [
        (range(7_000_000, 7_300_000, 3), 50_000),  # one after the other: as many as a message holds
        (sorted(CHANCE.sample(range(10**12), 100_000)), 25_000),
        (sorted(CHANCE.randrange(2**63) for _ in range(100_000)), 15_000),  # as far apart as ids can be
    ],
    ids=["dense", "far apart", "very far apart"],
)
def test_a_message_is_full_while_its_keys_still_have_room_in_an_item(ids: Sequence[int], most: int) -> None:
    """Rule 3: the outbox that holds them is committed with the checkpoint, in one item of 400 KB."""
    builder = make_builder()
    for at_least in range(0, len(ids), 100):
        if builder.is_full:
            break
        builder.add([make_result(key) for key in ids[at_least : at_least + 100]], Expands())

    assert 0.75 * most <= builder.total <= most
    assert len(pack_ids(builder.build().keys)) <= 101_000
