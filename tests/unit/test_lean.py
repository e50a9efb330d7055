"""Our `dataclass` is the standard library's in all that anybody can see of it, but for what its making costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, asdict, field, fields, is_dataclass, replace
from functools import cached_property
from threading import Barrier
from typing import Any

import pytest

from testmo_notifier import lean

Maker = Callable[..., Callable[[type], Any]]


@pytest.fixture(params=["first instances", "later instances", "standard"])
def dataclass(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Maker:
    if request.param == "later instances":
        monkeypatch.setattr(lean, "FEW", 0)
    return dataclasses.dataclass if request.param == "standard" else lean.dataclass


def example(dataclass: Maker) -> Any:  # noqa: ANN401 - a class
    @dataclass(frozen=True, slots=True)
    class Example:
        """What is tried on both."""

        id: int
        name: str = "no name"
        rows: Mapping[int, str] = field(default_factory=dict, hash=False)
        token: str = field(default="secret", repr=False)
        order: int = field(default=0, compare=False)

        @property
        def title(self) -> str:
            return f"{self.id} {self.name}"

        @classmethod
        def first(cls) -> Example:
            return cls(1)

    return Example


def test_values_come_by_place_by_name_and_by_default(dataclass: Maker) -> None:
    kind = example(dataclass)
    first, second = kind.first(), kind(2, "two", {3: "three"}, order=4)

    assert (first.id, first.name, first.rows, first.token, first.order) == (1, "no name", {}, "secret", 0)
    assert (second.id, second.name, second.rows, second.order) == (2, "two", {3: "three"}, 4)
    assert first.title == "1 no name"
    assert kind(1).rows is not kind(1).rows


@pytest.mark.parametrize(
    ("given", "names", "words"),
    [
        ((), {}, "missing 1 required positional argument: 'id'"),
        ((1,), {"id": 2}, "got multiple values for argument 'id'"),
        ((1,), {"nobody": 2}, "got an unexpected keyword argument 'nobody'"),
        ((1, 2, 3, 4, 5, 6), {}, "takes from 2 to 6 positional arguments but 7 were given"),
    ],
)
def test_wrong_arguments_are_refused_by_name(
    dataclass: Maker, given: tuple[int, ...], names: dict[str, int], words: str
) -> None:
    with pytest.raises(TypeError, match=words):
        example(dataclass)(*given, **names)


def test_values_are_equal_by_what_is_compared_and_of_their_own_class_alone(dataclass: Maker) -> None:
    kind, other = example(dataclass), example(dataclass)

    assert kind(1) == kind(1, order=5)
    assert kind(1) != kind(1, rows={1: "one"})
    assert kind(1) != kind(1, token="other")
    assert kind(1) != other(1)
    assert kind(1) != 1


def test_equal_values_are_one_key(dataclass: Maker) -> None:
    kind = example(dataclass)

    assert {kind(1): "found"}[kind(1, order=5)] == "found"
    assert hash(kind(1, rows={1: "one"})) == hash(kind(1))  # what cannot be hashed is left out
    assert len({kind(number % 3) for number in range(9)}) == 3


def test_a_value_is_shown_as_it_was_called_without_what_is_secret(dataclass: Maker) -> None:
    assert repr(example(dataclass)(1)) == "example.<locals>.Example(id=1, name='no name', rows={}, order=0)"


def test_a_frozen_value_takes_neither_another_value_nor_another_attribute(dataclass: Maker) -> None:
    value = example(dataclass)(1)

    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'id'"):
        value.id = 2
    with pytest.raises(FrozenInstanceError, match="'id'"):
        del value.id
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        value.another = 2
    assert value.id == 1
    assert not hasattr(value, "__dict__")


def test_the_standard_library_knows_it(dataclass: Maker) -> None:
    kind = example(dataclass)
    value = kind(1, rows={2: "two"})

    assert (is_dataclass(kind), is_dataclass(value)) == (True, True)
    assert [one.name for one in fields(kind)] == ["id", "name", "rows", "token", "order"]
    assert asdict(value) == {"id": 1, "name": "no name", "rows": {2: "two"}, "token": "secret", "order": 0}
    assert replace(value, name="two") == kind(1, "two", {2: "two"})
    with pytest.raises(TypeError, match="nobody"):
        replace(value, nobody=1)
    assert kind.__match_args__ == ("id", "name", "rows", "token", "order")


def test_with_names_alone_nothing_comes_by_place(dataclass: Maker) -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        first: int = 1
        second: int

    kind: Any = Named
    assert (kind(second=2).first, kind(second=2).second) == (1, 2)
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        kind(2)
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'second'"):
        kind()


def test_what_is_not_frozen_changes_and_is_no_key(dataclass: Maker) -> None:
    @dataclass(slots=True)
    class Gathering:
        found: list[int] = field(default_factory=list)
        count: int = 0

    one = Gathering()
    one.count += 1
    one.found.append(3)

    assert one == Gathering([3], 1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_without_comparison_each_is_itself_alone(dataclass: Maker) -> None:
    @dataclass(frozen=True, slots=True, eq=False)
    class Single:
        id: int

    one = Single(1)
    assert one != Single(1)
    assert {one: 1}[one] == 1


def test_without_slots_a_property_may_be_kept(dataclass: Maker) -> None:
    @dataclass(frozen=True)
    class Lasting:
        id: int
        looks: list[int] = field(default_factory=list, compare=False)

        @cached_property
        def seen(self) -> int:
            self.looks.append(self.id)
            return self.id

    one: Any = Lasting(3)
    assert (one.seen, one.seen, one.looks) == (3, 3, [3])
    assert one == Lasting(3)
    with pytest.raises(FrozenInstanceError):
        one.id = 4


def test_what_a_class_does_after_it_was_filled_is_done_once(dataclass: Maker) -> None:
    @dataclass(slots=True)
    class Sorted:
        found: list[int]
        looks: list[int] = field(default_factory=list)

        def __post_init__(self) -> None:
            self.found = sorted(self.found)
            self.looks.append(len(self.found))

    looks: list[int] = []
    assert Sorted([3, 1, 2], looks).found == [1, 2, 3]
    assert looks == [3]
    with pytest.raises(TypeError, match="nobody"):
        Sorted([1], looks, nobody=1)  # type: ignore[call-arg]
    assert looks == [3]


def test_a_class_without_fields_is_one_value(dataclass: Maker) -> None:
    @dataclass(frozen=True, slots=True)
    class Nothing:
        pass

    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())


def test_a_class_may_say_itself_how_it_reads(dataclass: Maker) -> None:
    @dataclass(frozen=True, slots=True)
    class Spoken:
        id: int

        def __repr__(self) -> str:
            return f"number {self.id}"

    assert repr(Spoken(3)) == "number 3"


@pytest.mark.parametrize(
    "ask",
    [fields, repr, asdict, replace, hash, lambda one: one == type(one)(2), lambda one: type(one).__match_args__],
)
def test_the_fields_of_a_class_are_found_when_they_are_asked_for(ask: Callable[[Any], object]) -> None:
    """What a cold start saves: an instance alone needs no more than the names and defaults that stand in the class."""
    kind = example(lean.dataclass)
    one = kind(1)
    assert type(vars(kind)["__dataclass_fields__"]).__name__ == "Unknown"

    ask(one)

    assert [*vars(kind)["__dataclass_fields__"]] == ["id", "name", "rows", "token", "order"]


def test_the_method_that_fills_an_instance_is_written_when_there_were_many() -> None:
    kind = example(lean.dataclass)

    names = []
    for number in range(lean.FEW + 1):
        assert (kind(number).id, kind(id=number).id) == (number, number)
        names.append(kind.__init__.__name__)

    assert {*names[: lean.FEW // 2 - 1]} == {"first_init"}
    assert names[lean.FEW // 2] == "__init__"


def test_a_class_may_be_derived_from_it_before_it_has_an_instance(dataclass: Maker) -> None:
    class Derived(example(dataclass)):  # type: ignore[misc]  # a class that is made here
        def __init__(self, number: int) -> None:
            super().__init__(number, "derived")

    assert (Derived(3).id, Derived(4).name) == (3, "derived")
    assert [one.name for one in fields(Derived)][:2] == ["id", "name"]


def test_threads_that_make_the_first_instance_at_once_all_get_one() -> None:
    kind, begin = example(lean.dataclass), Barrier(8)

    def make(number: int) -> Any:  # noqa: ANN401 - an instance
        begin.wait()
        return kind(number)

    with ThreadPoolExecutor(8) as pool:
        assert [one.id for one in pool.map(make, range(8))] == list(range(8))
