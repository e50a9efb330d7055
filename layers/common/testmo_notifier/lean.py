"""`dataclass`, for classes of which a cold start imports a hundred and uses a few.

The standard library writes and compiles the methods of a dataclass while its module is imported: a quarter of a cold
start of the poller. Here it writes `__init__`, and what keeps a frozen value frozen, when somebody makes the first
instance or asks which fields there are; all classes share the other methods. Such a class has no `super()` in a method,
and its instances are neither copied (`replace` makes another) nor pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass as standard
from dataclasses import fields
from operator import attrgetter
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

__all__ = ["dataclass"]

ONE_AT_A_TIME: Final = RLock()  # workers of a poll share all classes
FIELDS: Final = "__dataclass_fields__"
NOT_COPIED: Final = ("__dict__", "__weakref__")


def lean(*, frozen: bool = False, slots: bool = False, kw_only: bool = False, eq: bool = True) -> Any:  # noqa: ANN401
    """What `dataclass(…)` is when it runs, with the standard library's options that we use."""
    comparing = {"__eq__": equal, "__hash__": hashed if frozen else None} if eq else {}

    def made(plain: type) -> type:
        def first_init(self: object, *args: object, **values: object) -> None:
            fields(kind)
            kind.__init__(self, *args, **values)  # type: ignore[misc]  # another one by now

        names = tuple(plain.__annotations__)
        own = {name: value for name, value in vars(plain).items() if name not in NOT_COPIED}
        if slots:  # a default is no attribute of a class that has slots
            own = {name: value for name, value in own.items() if name not in names} | {"__slots__": names}
        write = standard(frozen=frozen, kw_only=kw_only, repr=False, eq=False)
        late = {"__qualname__": plain.__qualname__, "__init__": first_init, FIELDS: Unwritten(plain, write)}
        kind = type(plain)(plain.__name__, plain.__bases__, {"__repr__": shown, **comparing, **own, **late})
        return kind

    return made


class Unwritten:
    """Stands for the fields of a class until its methods are written."""

    _kind: type

    def __init__(self, plain: type, write: Callable[[type], type]) -> None:
        self._plain, self._write = plain, write

    def __set_name__(self, kind: type, _: str) -> None:
        self._kind = kind

    def __get__(self, _: object, __: type) -> Any:  # noqa: ANN401 - the standard library's fields
        """Have the methods written for the plain class, and give them to the one that stands for it."""
        with ONE_AT_A_TIME:
            if vars(self._kind)[FIELDS] is self:
                before = set(vars(self._plain))
                written = vars(self._write(self._plain))
                compared = [one for one in fields(self._plain) if one.compare]
                in_hash = [one for one in compared if one.hash is not False]
                given = {name: written[name] for name in written.keys() - before}
                given["__compared__"] = attrgetter("__class__", *(one.name for one in compared))
                given["__hashed__"] = attrgetter("__class__", *(one.name for one in in_hash))
                last = {name: given.pop(name) for name in ("__init__", FIELDS)}  # other threads go by them
                for name, value in (given | last).items():
                    setattr(self._kind, name, value)
        return vars(self._kind)[FIELDS]


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
