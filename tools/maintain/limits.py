"""Makes docs/limits.md: every named number of the product, with its value, what it bounds, and where it is.

`make docs` writes it, and a test compares: to change a limit is a decision that a reviewer sees. What it bounds says
the comment behind the number, or the one above it; a number without is an error.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from tools.lib.processes import ROOT
from tools.maintain.pages import renewed

PAGE: Final = ROOT / "docs" / "limits.md"
SOURCES: Final = ROOT / "layers" / "common"
# The first one that a module's path begins with says where it is told.
SUBJECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "Testmo": ("adapters/testmo", "adapters/http", "adapters/light", "sources/", "model/testmo"),
    "Slack": ("channels/slack/", "delivery/"),
    "SNS, SQS, DynamoDB, secrets": ("adapters/", "channels/email/", "model/"),
    "Polls and time": ("poll",),
    "Messages": ("notices/", "channels/"),
    "Text": ("text/",),
    "Settings, and the rest": ("",),
}
UNITS: Final = {"BYTES": "bytes", "CHARS": "characters", "SECONDS": "s", "HOURS": "h", "MINUTES": "min"}
SIZES: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def limits_page() -> str:
    """The page with its tables as they are now."""
    found: dict[str, list[str]] = {subject: [] for subject in SUBJECTS}
    for path in sorted((SOURCES / "testmo_notifier").rglob("*.py")):
        where = path.relative_to(SOURCES / "testmo_notifier").as_posix()
        subject = next(one for one, some in SUBJECTS.items() if where.startswith(some))
        found[subject] += [f"| `{name}` | {value} | {bounds} | `{where}` |" for name, value, bounds in limits_in(path)]
    head = ("| limit | value | what it bounds | where |", "|---|---|---|---|")
    tables = "\n\n".join("\n".join([f"## {one}\n", *head, *rows]) for one, rows in found.items() if rows)
    return renewed(PAGE.read_text("utf-8"), {"limits": tables})


def limits_in(path: Path) -> Iterator[tuple[str, str, str]]:
    """The numbers of one module in their order: name, value, and what each bounds."""
    source = path.read_text("utf-8")
    module = importlib.import_module(path.relative_to(SOURCES).with_suffix("").as_posix().replace("/", "."))
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in (one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)):
                value = shown(name, getattr(module, name)) if name.isupper() else None
                if value is not None:
                    yield name, value, comment(source.split("\n"), node, f"{path.name}: {name}").replace("|", "\\|")


def shown(name: str, value: object) -> str | None:
    """A number in plain units, and so all of several; None for what is none."""
    if isinstance(value, Mapping):
        pairs = [(repr(key), shown(name, one)) for key, one in value.items()]
        return ", ".join(f"{key}: {one}" for key, one in pairs) if pairs and all(one for _, one in pairs) else None
    if isinstance(value, tuple | frozenset):
        parts = [shown(name, one) for one in (sorted(value, key=repr) if isinstance(value, frozenset) else value)]
        return ", ".join(map(str, parts)) if all(parts) and parts else None
    if is_dataclass(value) and not isinstance(value, type):
        named = {key: str(one) if isinstance(one, bool) else shown(key, one) for key, one in asdict(value).items()}
        return f"({', '.join(f'{key}: {one}' for key, one in named.items())})" if all(named.values()) else None
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        size, unit = next((one for one in SIZES if seconds % one[0] == 0), SIZES[-1])
        return f"{seconds / size:g} {unit}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    unit = next((UNITS[part] for part in reversed(name.split("_")) if part in UNITS), "")
    return f"{int(value) if value == int(value) else round(value, 3):,} {unit}".strip()


def comment(lines: list[str], node: ast.stmt, what: str) -> str:
    """The comment behind a number, or the lines of one above it; raises `ValueError` where there is none."""
    first = last = node.lineno - 1
    behind = next((line.rpartition("  # ")[2] for line in lines[first : node.end_lineno] if "  # " in line), "")
    while not behind and lines[first - 1].startswith("# "):
        first -= 1
    words = behind or " ".join(line[2:] for line in lines[first:last])
    if not words:
        raise ValueError(f"{what} does not say what it bounds: write a comment behind it")
    return words


if __name__ == "__main__":
    PAGE.write_text(limits_page(), "utf-8")
