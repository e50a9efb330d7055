from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import pytest

from tests.simulator.conftest import START

if TYPE_CHECKING:
    from tests.simulator.conftest import Client, Shop

RESULTS = "/runs/1/results"

# Rows at .000, .211 and one second later; what the bound .211 finds, in every combination.
BOUNDS = [
    ("inclusive", "millisecond", [2, 3], [1, 2]),
    ("exclusive", "millisecond", [3], [1]),
    # By whole seconds the first two rows are both "on" the bound.
    ("inclusive", "second", [1, 2, 3], [1, 2]),
    ("exclusive", "second", [3], []),
]


@pytest.mark.parametrize(("bounds", "precision", "after", "before"), BOUNDS)
def test_how_a_bound_treats_the_rows_on_it(
    client: Client,
    shop: Shop,
    bounds: Literal["inclusive", "exclusive"],
    precision: Literal["millisecond", "second"],
    after: list[int],
    before: list[int],
) -> None:
    client.simulator.switches.bounds = bounds
    client.simulator.switches.precision = precision
    for milliseconds in (0, 211, 1211):
        shop.save(created_at=START + timedelta(milliseconds=milliseconds))

    assert client.ids(RESULTS, created_after="2026-03-02T09:00:00.211Z", order="asc") == after
    assert client.ids(RESULTS, created_before="2026-03-02T09:00:00.211Z", order="asc") == before


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(("ties", "ids"), [("ascending", [1, 2, 3]), ("descending", [3, 2, 1])])
def test_ties_follow_the_switch_in_either_order(
    client: Client, shop: Shop, order: str, ties: Literal["ascending", "descending"], ids: list[int]
) -> None:
    """The documentation's own sample has ties in ascending order of id while sorting descending."""
    client.simulator.switches.ties = ties
    for _ in range(3):
        shop.save()

    assert client.ids(RESULTS, order=order) == ids


def test_shuffled_ties_differ_from_request_to_request(client: Client, shop: Shop) -> None:
    client.simulator.switches.ties = "shuffled"
    for _ in range(30):
        shop.save()

    first, second = client.ids(RESULTS), client.ids(RESULTS)

    assert first != second
    assert sorted(first) == sorted(second) == list(range(1, 31))


def test_shuffling_can_be_repeated_and_never_moves_rows_with_different_dates(client: Client, shop: Shop) -> None:
    client.simulator.switches.ties = "shuffled"
    client.simulator.switches.seed = 7
    for seconds in (0, 1):
        for _ in range(15):
            shop.save(created_at=START + timedelta(seconds=seconds))

    ids = client.ids(RESULTS, order="asc")

    assert sorted(ids[:15]) == list(range(1, 16))
    assert ids[:3] == [9, 1, 5]  # with seed 7, at the first request
