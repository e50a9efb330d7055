from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.simulator.conftest import Client, Shop

LISTS = [
    "/users",
    "/projects",
    "/projects/1/users",
    "/projects/1/runs",
    "/projects/1/cases",
    "/projects/1/folders",
    "/projects/1/milestones",
    "/projects/1/configs",
    "/runs/1/results",
]


def test_the_first_of_several_pages(client: Client, shop: Shop) -> None:
    for _ in range(32):
        shop.save()

    page = client.get("/runs/1/results", per_page=15)

    assert {**page, "result": len(page["result"])} == {
        "page": 1,
        "prev_page": None,
        "next_page": 2,
        "last_page": 3,
        "per_page": 15,
        "total": 32,
        "result": 15,
        "expands": [],
    }


def test_the_last_page_has_no_next(client: Client, shop: Shop) -> None:
    for _ in range(32):
        shop.save()

    page = client.get("/runs/1/results", per_page=15, page=3)

    assert (page["page"], page["prev_page"], page["next_page"], page["last_page"]) == (3, 2, None, 3)
    assert len(page["result"]) == 2


def test_a_list_that_fills_its_last_page_has_no_empty_page_after_it(client: Client, shop: Shop) -> None:
    for _ in range(30):
        shop.save()

    assert client.get("/runs/1/results", per_page=15, page=2)["next_page"] is None


def test_a_page_past_the_last_is_empty_and_no_error(client: Client, shop: Shop) -> None:
    shop.save()

    page = client.get("/runs/1/results", page=7)

    assert (page["result"], page["next_page"], page["last_page"], page["total"]) == ([], None, 1, 1)


def test_an_empty_list_has_no_page_numbers(client: Client) -> None:
    assert client.get("/runs/1/results", per_page=50) == {
        "page": None,
        "prev_page": None,
        "next_page": None,
        "last_page": None,
        "per_page": 50,
        "total": 0,
        "result": [],
        "expands": [],
    }


def test_a_page_has_100_rows_unless_told_otherwise(client: Client) -> None:
    assert client.get("/runs/1/results")["per_page"] == 100


@pytest.mark.parametrize("path", LISTS)
def test_the_four_page_sizes_work_on_every_list(client: Client, path: str) -> None:
    assert [client.get(path, per_page=size)["per_page"] for size in (15, 25, 50, 100)] == [15, 25, 50, 100]


@pytest.mark.parametrize("path", LISTS)
def test_any_other_page_size_is_refused_in_testmos_words(client: Client, path: str) -> None:
    for per_page in ("1", "10", "20", "101", "-15", "15.0", "many", "15,25"):
        assert client.refused(path, per_page=per_page) == (
            422,
            {
                "message": "The selected page rows is invalid.",
                "errors": {"per_page": ["The selected page rows is invalid."]},
            },
        )


@pytest.mark.parametrize("path", LISTS)
def test_pages_are_counted_from_one(client: Client, path: str) -> None:
    for page, complaint in (
        ("0", "The page must be at least 1."),
        ("-1", "The page must be at least 1."),
        ("two", "The page must be an integer."),
        ("1.5", "The page must be an integer."),
    ):
        assert client.refused(path, page=page) == (
            422,
            {"message": complaint, "errors": {"page": [complaint]}},
        )


@pytest.mark.parametrize("path", LISTS)
def test_unknown_parameters_are_ignored(client: Client, path: str) -> None:
    assert client.get(path, milestone="240", limit="5", is_latest="maybe") == client.get(path)


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_value_counts_as_not_given(client: Client, path: str) -> None:
    assert client.get(path, page="", per_page="", order="", sort="", created_after="") == client.get(path)


def test_all_bad_values_are_named_at_once_and_the_first_is_the_message(client: Client) -> None:
    status, body = client.refused("/runs/1/results", order="up", per_page="7", status_id="red")

    assert status == 422
    assert body == {
        "message": "The selected page rows is invalid.",
        "errors": {
            "per_page": ["The selected page rows is invalid."],
            "order": ["The selected order is invalid."],
            "status_id": ["The status id format is invalid."],
        },
    }


def test_json_is_written_as_php_writes_it(client: Client, shop: Shop) -> None:
    shop.save(note="<p>Größe</p>")

    body = client.ask("/runs/1/results").data

    assert b'"note":"<p>Gr\\u00f6\\u00dfe<\\/p>"' in body
