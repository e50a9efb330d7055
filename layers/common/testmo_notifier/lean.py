"""`dataclass`, for classes of which a cold start imports a hundred and makes a few instances.

The standard library writes and compiles the methods of a dataclass while its module is imported: a quarter of a cold
start of the poller. Here it finds out the fields when somebody asks for them, or compares two instances, and writes
`__init__` when a class has had `FEW` instances; all classes share the other methods. Such a class has no `super()` in a
method, no base that is one, and no `field(init=False)`; its instances are neither copied (`replace` makes another) nor
pickled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from dataclasses import dataclass as standard
from operator import attrgetter
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

__all__ = ["dataclass"]

FEW: Final = 250  # instances: by then it would have been quicker to write a method for them
ONE_AT_A_TIME: Final = RLock()  # workers of a poll share all classes
FIELDS: Final = "__dataclass_fields__"
LATE: Final = (FIELDS, "__match_args__", "__compared__", "__hashed__")  # what a class has once its fields are known
NOT_COPIED: Final = ("__dict__", "__weakref__")


def lean(*, frozen: bool = False, slots: bool = False, kw_only: bool = False, eq: bool = True) -> Any:  # noqa: ANN401
    """What `dataclass(…)` is when it runs, with the standard library's options that we use."""
    shared: dict[str, Any] = {"__repr__": shown}
    shared |= {"__eq__": equal, "__hash__": hashed if frozen else None} if eq else {}
    shared |= {"__setattr__": refused, "__delattr__": refused} if frozen else {}

    def made(plain: type) -> type:
        made_so_far = 0
        shape: Shape | None = None

        def first_init(self: object, *args: object, **values: object) -> None:
            nonlocal made_so_far, shape
            made_so_far += 1
            shape = shape or Shape(plain)
            is_early = made_so_far <= FEW and not (kw_only and args)
            if is_early and is_filled(self, shape, args, values):
                if after := getattr(self, "__post_init__", None):
                    after()
            else:
                write = standard(frozen=frozen, kw_only=kw_only, repr=False, eq=False)
                kind.__init__ = write(twin(plain)).__init__  # type: ignore[misc]
                kind.__init__(self, *args, **values)  # type: ignore[misc]  # another one by now

        names = tuple(plain.__annotations__)
        own = {name: value for name, value in vars(plain).items() if name not in NOT_COPIED}
        if slots:  # a default is no attribute of a class that has slots
            own = {name: value for name, value in own.items() if name not in names} | {"__slots__": names}
        own |= {"__qualname__": plain.__qualname__, "__init__": first_init}
        late = {name: Unknown(plain, name, kw_only=kw_only) for name in LATE}
        kind = type(plain)(plain.__name__, plain.__bases__, {**shared, **own, **late})
        return kind

    return made


class Unknown:
    """Stands for what a class has of its fields until somebody asks for it."""

    _kind: type

    def __init__(self, plain: type, name: str, *, kw_only: bool) -> None:
        self._plain, self._name, self._kw_only = plain, name, kw_only

    def __set_name__(self, kind: type, _: str) -> None:
        self._kind = kind

    def __get__(self, _: object, __: type) -> Any:  # noqa: ANN401 - the standard library's fields, or a getter
        """Have the standard library find them in the plain class, and give them to the one that stands for it."""
        with ONE_AT_A_TIME:
            if isinstance(vars(self._kind)[FIELDS], Unknown):
                plain = twin(self._plain)
                before = set(vars(plain))
                found = vars(standard(init=False, repr=False, eq=False, kw_only=self._kw_only)(plain))
                compared = [one for one in fields(plain) if one.compare]
                in_hash = [one for one in compared if one.hash is not False]
                given = {name: found[name] for name in found.keys() - before - {FIELDS}}
                given["__compared__"] = attrgetter("__class__", *(one.name for one in compared))
                given["__hashed__"] = attrgetter("__class__", *(one.name for one in in_hash))
                for name, value in (given | {FIELDS: found[FIELDS]}).items():  # other threads go by the last
                    setattr(self._kind, name, value)
        return vars(self._kind)[self._name]


def twin(plain: type) -> type:
    """The same class anew: what the standard library makes a dataclass of, it changes."""
    own = {name: value for name, value in vars(plain).items() if name not in NOT_COPIED}
    return type(plain)(plain.__name__, plain.__bases__, own)


class Shape:
    """The names of a class's fields, and what these are where nobody says it."""

    def __init__(self, plain: type) -> None:
        self.names = tuple(plain.__annotations__)
        given = {name: value for name, value in vars(plain).items() if name in plain.__annotations__}
        said = {name: value.default if isinstance(value, Field) else value for name, value in given.items()}
        self.defaults = {name: value for name, value in said.items() if value is not MISSING}
        made = {name: value.default_factory for name, value in given.items() if isinstance(value, Field)}
        self.factories = [(name, make) for name, make in made.items() if make is not MISSING]
        self.all_names = frozenset(self.names)


def is_filled(self: object, shape: Shape, args: Sequence[object], values: Mapping[str, object]) -> bool:
    """Set the values of an instance; whether they were the right ones, and all of them."""
    names, set_value = shape.names, object.__setattr__
    if args and (len(args) > len(names) or not values.keys().isdisjoint(names[: len(args)])):
        return False
    given = {**shape.defaults, **dict(zip(names, args)), **values}  # noqa: B905 - quicker than with `strict`
    for name, make in shape.factories:
        if name not in given:
            given[name] = make()
    if given.keys() != shape.all_names:
        return False
    for name in names:
        set_value(self, name, given[name])
    return True


def refused(_: object, name: str, *__: object) -> None:
    """What is frozen does not change."""
    raise FrozenInstanceError(f"cannot assign to field {name!r}, nor delete it")


def equal(self: Any, other: Any) -> Any:  # noqa: ANN401 - True, False or NotImplemented
    """`==`: of the same class, with the same values."""
    return self.__compared__(self) == self.__compared__(other) if type(self) is type(other) else NotImplemented


def hashed(self: Any) -> int:  # noqa: ANN401
    """The hash of the values."""
    return hash(self.__hashed__(self))


def shown(self: Any) -> str:  # noqa: ANN401
    """As the constructor would be called."""
    values = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(values)})"


if TYPE_CHECKING:
    from dataclasses import dataclass  # the type checker knows it, and all that follows from it
else:
    dataclass = lean
