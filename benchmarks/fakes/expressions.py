"""DynamoDB's expressions, as far as any version of the product may use them: conditions, updates, keys.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
An item is a dict of typed values, as on the wire (`{"pk": {"S": "CONTROL"}}`); bytes are base64.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

Value = dict[str, Any]
Item = dict[str, Value]

TOKEN: Final = re.compile(r"\s*([#:]?[A-Za-z_]\w*|<=|>=|<>|[=<>(),.+\-\[\]]|\d+)")
COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Parser:
    """Evaluates while it reads; `names` and `values` are the request's placeholders."""

    def __init__(self, text: str, item: Item, names: Mapping[str, str], values: Mapping[str, Value]) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._item, self._names, self._values = item, names, values

    def condition(self) -> bool:
        """Whether the item fulfils the whole condition."""
        holds = self._either()
        if self._peek():
            raise ValueError(f"not understood from {self._peek()!r} on")
        return holds

    def update(self) -> None:
        """Change the item as an update expression says; values are taken from what it was before."""
        before: Item = dict(self._item)
        changes: list[Callable[[], None]] = []
        while self._peek():
            clause = self._next().upper()
            while True:
                changes.append(self._change(clause, before))
                if self._peek() != ",":
                    break
                self._next()
        for change in changes:
            change()

    def _change(self, clause: str, before: Item) -> Callable[[], None]:
        path = self._path()
        if clause == "REMOVE":
            return lambda: _remove(self._item, path)
        if clause == "SET":
            self._expect("=")
            value = self._operand()
            while self._peek() in ("+", "-"):
                sign = 1 if self._next() == "+" else -1
                value = {"N": str(Decimal(value["N"]) + sign * Decimal(self._operand()["N"]))}
            return lambda: _put(self._item, path, value)
        given, old = self._operand(), _find(before, path)
        if clause == "ADD" and "N" in given:
            number = {"N": str(Decimal(old["N"] if old else 0) + Decimal(given["N"]))}
            return lambda: _put(self._item, path, number)
        ((kind, members),) = given.items()
        had = old[kind] if old else []
        rest = (
            [*had, *(m for m in members if m not in had)] if clause == "ADD" else [m for m in had if m not in members]
        )
        return (lambda: _put(self._item, path, {kind: rest})) if rest else (lambda: _remove(self._item, path))

    def _either(self) -> bool:
        holds = self._all()
        while self._peek().upper() == "OR":
            self._next()
            holds = self._all() or holds
        return holds

    def _all(self) -> bool:
        holds = self._one()
        while self._peek().upper() == "AND":
            self._next()
            holds = self._one() and holds
        return holds

    def _one(self) -> bool:
        token = self._peek()
        if token.upper() == "NOT":
            self._next()
            return not self._one()
        if token == "(":
            self._next()
            holds = self._either()
            self._expect(")")
            return holds
        if token in ("attribute_exists", "attribute_not_exists"):
            self._next()
            self._expect("(")
            found = _find(self._item, self._path())
            self._expect(")")
            return (found is not None) == (token == "attribute_exists")
        if token in ("begins_with", "contains"):
            self._next()
            self._expect("(")
            value = self._operand()
            self._expect(",")
            part = _plain(self._operand())
            self._expect(")")
            whole = _plain(value)
            return whole is not None and (whole.startswith(part) if token == "begins_with" else part in whole)
        return self._comparison()

    def _comparison(self) -> bool:
        left = _plain(self._operand())
        sign = self._next()
        if sign.upper() == "BETWEEN":
            low = _plain(self._operand())
            self._expect("AND")
            high = _plain(self._operand())
            return left is not None and low <= left <= high
        if sign.upper() == "IN":
            self._expect("(")
            choices = [_plain(self._operand())]
            while self._next() == ",":
                choices.append(_plain(self._operand()))
            return left in choices
        right = _plain(self._operand())
        return left is not None and right is not None and COMPARE[sign](left, right)

    def _operand(self) -> Value:
        token = self._peek()
        if token.startswith(":"):
            return self._values[self._next()]
        if token in ("if_not_exists", "list_append", "size"):
            self._next()
            self._expect("(")
            if token == "if_not_exists":
                path = self._path()
                self._expect(",")
                found, default = _find(self._item, path), self._operand()
                value = default if found is None else found
            elif token == "size":
                value = {"N": str(len(_plain(self._operand()) or ""))}
            else:
                first = self._operand()
                self._expect(",")
                value = {"L": [*first["L"], *self._operand()["L"]]}
            self._expect(")")
            return value
        return _find(self._item, self._path()) or {}

    def _path(self) -> list[str]:
        path = [self._name()]
        while self._peek() == ".":
            self._next()
            path.append(self._name())
        return path

    def _name(self) -> str:
        token = self._next()
        return self._names[token] if token.startswith("#") else token

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        if (found := self._next()).upper() != token:
            raise ValueError(f"{token!r} was expected and {found!r} found")


def holds(request: Mapping[str, Any], item: Item, name: str = "ConditionExpression") -> bool:
    """Whether an item fulfils the condition of a request; without one it does."""
    text = request.get(name)
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    return text is None or Parser(text, item, names, values).condition()


def updated(request: Mapping[str, Any], item: Item) -> Item:
    """An item as an update leaves it."""
    changed = _copy(item)
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    Parser(request["UpdateExpression"], changed, names, values).update()
    return changed


def size(item: Item) -> int:
    """Bytes of an item, by DynamoDB's own rules.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Value) -> int:  # noqa: PLR0911 - a type a line
    kind, content = _only(value)
    match kind:
        case "S":
            return len(str(content).encode())
        case "N":
            return (len(content.strip("-").replace(".", "")) + 1) // 2 + 1
        case "B":
            return len(content) * 3 // 4 - str(content[-2:]).count("=")
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(one) for name, one in content.items())
        case "L":
            return 3 + sum(1 + _value_size(one) for one in content)
        case "SS" | "NS" | "BS":
            return sum(_value_size({kind[0]: one}) for one in content)
    return 1  # BOOL, NULL


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"not understood: {text[at:]!r}")
        tokens.append(found[1])
        at = found.end()
    return tokens


def _plain(value: Value | None) -> Any:
    if not value:
        return None
    ((kind, content),) = value.items()
    return Decimal(content) if kind == "N" else base64.b64decode(content) if kind == "B" else content


def _find(item: Item, path: list[str]) -> Value | None:
    found = item.get(path[0])
    for name in path[1:]:
        found = found.get("M", {}).get(name) if found else None
    return found


def _only(value: Value) -> tuple[str, Any]:
    """A value's type and content."""
    ((kind, content),) = value.items()
    return kind, content


def _home(item: Item, path: list[str]) -> dict[str, Value]:
    """The map that holds the last name of a path."""
    home: dict[str, Value] = item
    for name in path[:-1]:
        home = home[name]["M"]
    return home


def _put(item: Item, path: list[str], value: Value) -> None:
    _home(item, path)[path[-1]] = value


def _remove(item: Item, path: list[str]) -> None:
    _home(item, path).pop(path[-1], None)


def _copy(item: Item) -> Item:
    """A copy whose maps may be changed."""
    return {name: {"M": _copy(value["M"])} if "M" in value else dict(value) for name, value in item.items()}
