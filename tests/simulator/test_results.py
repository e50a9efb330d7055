from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.simulator.conftest import START
from tools.simulator import StatusId
from tools.simulator.model import Status

if TYPE_CHECKING:
    from tests.simulator.conftest import Client, Clock, Shop

RESULTS = "/runs/1/results"


def test_a_result_has_the_documented_keys_in_the_documented_order(client: Client, shop: Shop) -> None:
    ada = shop.world.add_user("Ada Lovelace")
    grace = shop.world.add_user("Grace Hopper")
    issue = shop.world.add_issue("SHOP-123")
    shop.save(
        1,
        StatusId.FAILED,
        note="<p>Blank.</p>",
        elapsed_us=240_000_000,
        by=ada,
        assignee=grace,
        issues=[issue],
        created_at=START + timedelta(microseconds=211_999),
    )

    (row,) = client.get(RESULTS)["result"]

    assert list(row.items()) == [
        ("id", 1),
        ("project_id", 1),
        ("run_id", 1),
        ("test_id", 2),
        ("case_id", 2),
        ("status_id", 3),
        ("note", "<p>Blank.</p>"),
        ("elapsed", 240000000),
        ("assignee_id", 3),
        ("is_latest", True),
        ("issues", [1]),
        ("created_at", "2026-03-02T09:00:00.211Z"),
        ("created_by", 2),
        ("updated_at", None),
        ("updated_by", None),
        ("deleted_at", None),
        ("deleted_by", None),
    ]


def test_what_nobody_entered_is_null_and_still_there(client: Client, shop: Shop) -> None:
    shop.save()

    (row,) = client.get(RESULTS)["result"]

    assert (row["note"], row["elapsed"], row["assignee_id"], row["issues"]) == (None, None, None, [])


def test_untested_tests_do_not_appear(client: Client) -> None:
    assert client.get(RESULTS)["total"] == 0


def test_the_newest_result_comes_first_unless_asked_otherwise(client: Client, shop: Shop, clock: Clock) -> None:
    for _ in range(3):
        shop.save()
        clock.advance(seconds=1)

    assert client.ids(RESULTS) == [3, 2, 1]
    assert client.ids(RESULTS, order="asc", sort="run_results:created_at") == [1, 2, 3]


def test_a_re_test_adds_a_row_and_takes_is_latest(client: Client, shop: Shop, clock: Clock) -> None:
    shop.save(0, StatusId.FAILED)
    clock.advance(seconds=1)
    shop.save(0, StatusId.PASSED)

    rows = client.get(RESULTS, order="asc")["result"]

    assert [(row["id"], row["is_latest"]) for row in rows] == [(1, False), (2, True)]
    assert client.ids(RESULTS, get_latest_result="1") == [2]
    assert client.ids(RESULTS, get_latest_result="true", status_id="3") == []
    assert client.ids(RESULTS, get_latest_result="0", order="asc") == [1, 2]


def test_of_two_rows_of_a_test_on_one_millisecond_the_higher_id_is_the_latest(client: Client, shop: Shop) -> None:
    shop.save(0, StatusId.FAILED)
    shop.save(0, StatusId.PASSED)

    assert client.ids(RESULTS, get_latest_result="1") == [2]


def test_dates_that_differ_below_a_millisecond_are_equal(client: Client, shop: Shop) -> None:
    shop.save(created_at=START + timedelta(microseconds=900))
    shop.save(created_at=START + timedelta(microseconds=100))

    assert client.ids(RESULTS, order="asc") == [1, 2]


def test_rows_can_be_filtered_by_status_creator_and_assignee(client: Client, shop: Shop) -> None:
    ada, grace = shop.world.add_user("Ada"), shop.world.add_user("Grace")
    shop.save(0, StatusId.PASSED, by=ada)
    shop.save(1, StatusId.FAILED, by=ada, assignee=grace)
    shop.save(2, StatusId.BLOCKED, by=grace, assignee=ada)

    assert client.ids(RESULTS, status_id="3,5") == [2, 3]
    assert client.ids(RESULTS, created_by="2") == [1, 2]
    assert client.ids(RESULTS, assignee_id="3") == [2]
    assert client.ids(RESULTS, status_id="3,5", created_by="2") == [2]


def test_assignee_0_means_unassigned(client: Client, shop: Shop) -> None:
    ada = shop.world.add_user("Ada")
    shop.save(0)
    shop.save(1, assignee=ada)

    assert client.ids(RESULTS, assignee_id="0") == [1]
    assert client.ids(RESULTS, assignee_id="0,2") == [1, 2]


def test_rows_can_be_filtered_by_creation(client: Client, shop: Shop, clock: Clock) -> None:
    for _ in range(3):
        shop.save()
        clock.advance(minutes=1)

    assert client.ids(RESULTS, created_after="2026-03-02T09:00:30.000Z", order="asc") == [2, 3]
    assert client.ids(RESULTS, created_before="2026-03-02T09:00:30Z") == [1]
    assert client.ids(RESULTS, created_after="2026-03-02T09:00:30Z", created_before="2026-03-02T10:01:30+01:00") == [2]


def test_an_edit_changes_the_row_but_not_its_creation(client: Client, shop: Shop, clock: Clock) -> None:
    ada = shop.world.add_user("Ada")
    result = shop.save(0, StatusId.PASSED)
    clock.advance(minutes=10)
    shop.world.edit_result(result, status=StatusId.FAILED, note="<p>No.</p>", by=ada)

    (row,) = client.get(RESULTS)["result"]

    assert (row["status_id"], row["note"]) == (3, "<p>No.</p>")
    assert (row["created_at"], row["updated_at"]) == ("2026-03-02T09:00:00.000Z", "2026-03-02T09:10:00.000Z")
    assert row["updated_by"] == 2
    assert client.ids(RESULTS, created_after="2026-03-02T09:05:00Z") == []


def test_a_softly_deleted_row_stays_marked_and_gives_is_latest_back(client: Client, shop: Shop, clock: Clock) -> None:
    shop.save(0, StatusId.PASSED)
    clock.advance(seconds=5)
    shop.world.delete_result(shop.save(0, StatusId.FAILED))

    rows = client.get(RESULTS, order="asc")["result"]

    assert [(row["id"], row["is_latest"], row["deleted_at"], row["deleted_by"]) for row in rows] == [
        (1, True, None, None),
        (2, False, "2026-03-02T09:00:05.000Z", 1),
    ]


def test_softly_deleted_rows_can_be_hidden_by_a_switch(client: Client, shop: Shop) -> None:
    client.simulator.switches.lists_deleted = False
    shop.world.delete_result(shop.save())

    assert client.ids(RESULTS) == []


def test_a_hard_deleted_row_is_gone(client: Client, shop: Shop) -> None:
    shop.save(0)
    shop.world.delete_result(shop.save(1), hard=True)

    assert client.ids(RESULTS) == [1]


def test_a_late_row_appears_below_newer_ones(client: Client, shop: Shop, clock: Clock) -> None:
    """It was stamped at once but committed later: a poll in between has already seen what is newer."""
    shop.save(0, created_at=START, visible_from=START + timedelta(seconds=30))
    clock.advance(seconds=10)
    shop.save(1)
    before = client.ids(RESULTS)
    clock.advance(seconds=20)

    assert before == [2]
    assert client.ids(RESULTS) == [2, 1]


def test_results_of_other_runs_stay_out(client: Client, shop: Shop) -> None:
    other = shop.world.add_run(shop.project, "Other", cases=shop.cases)
    shop.world.save_result(shop.world.tests_of(other)[0], StatusId.FAILED)
    shop.save()

    assert client.ids("/runs/1/results") == [2]
    assert client.ids("/runs/2/results") == [1]


def test_expands_hold_only_what_this_page_needs_each_once(client: Client, shop: Shop, clock: Clock) -> None:
    ada, grace = shop.world.add_user("Ada Lovelace"), shop.world.add_user("Grace Hopper")
    shop.world.add_user("Alan Turing")
    first, second = shop.world.add_issue("SHOP-123"), shop.world.add_issue("PAY-7", tracker_type=2)
    shop.world.add_issue("SHOP-9")
    shop.world.add_status(Status(9, "Needs data", "#123456", is_final=False))
    for _ in range(15):
        shop.save(0, StatusId.FAILED, by=ada, issues=[first])
    clock.advance(seconds=1)
    shop.save(1, 9, by=grace, assignee=ada, issues=[second, first])

    on_first = client.get(RESULTS, order="asc", per_page=15, expands="users,issues,statuses")["expands"]
    on_second = client.get(RESULTS, order="asc", per_page=15, page=2, expands="users,issues,statuses")["expands"]

    assert on_first == {
        "issues": [
            {
                "id": 1,
                "type": 4,
                "display_id": "SHOP-123",
                "external_project_id": 10001,
                "external_project_key": "SHOP",
            }
        ],
        "statuses": [
            {
                "id": 3,
                "name": "Failed",
                "system_name": "failed",
                "color": "#f44b25",
                "is_final": True,
                "is_untested": False,
                "is_passed": False,
                "is_failed": True,
                "aliases": [],
            }
        ],
        "users": [{"id": 2, "name": "Ada Lovelace"}],
    }
    assert [issue["display_id"] for issue in on_second["issues"]] == ["SHOP-123", "PAY-7"]
    assert [status["name"] for status in on_second["statuses"]] == ["Needs data"]
    assert [user["name"] for user in on_second["users"]] == ["Ada Lovelace", "Grace Hopper"]


def test_expands_are_an_empty_list_when_nothing_is_expanded(client: Client, shop: Shop) -> None:
    shop.save()

    assert client.get(RESULTS)["expands"] == []
    assert client.get(RESULTS, expands="issues")["expands"] == []


def test_what_was_asked_for_is_there_even_if_only_the_rest_has_rows(client: Client, shop: Shop) -> None:
    shop.save()

    assert client.get(RESULTS, expands="issues,users")["expands"] == {
        "issues": [],
        "users": [{"id": 1, "name": "Testmo Notifier"}],
    }


def test_a_forgotten_user_is_in_no_expand(client: Client, shop: Shop) -> None:
    gone = shop.world.add_user("Gone")
    shop.save(by=gone)
    shop.world.forget_user(gone)

    page = client.get(RESULTS, expands="users")

    assert (page["result"][0]["created_by"], page["expands"]) == (2, [])


def test_whoever_edited_or_deleted_a_row_is_in_the_expand(client: Client, shop: Shop) -> None:
    editor, deleter = shop.world.add_user("Editor"), shop.world.add_user("Deleter")
    shop.world.edit_result(shop.save(0), by=editor)
    shop.world.delete_result(shop.save(1), by=deleter)

    users = client.get(RESULTS, expands="users")["expands"]["users"]

    assert [user["name"] for user in users] == ["Testmo Notifier", "Editor", "Deleter"]
