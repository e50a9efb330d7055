"""`benchmarks/RESULTS.md`: the table, and where and when it was measured. A run of some rows replaces those alone."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.bench import Outcome, Row
from benchmarks.bundles import Python
from tools.lib.processes import ROOT

PAGE: Final = Path(__file__).with_name("RESULTS.md")
HEAD: Final = """# Results of `make bench`

Each figure stands beside its baseline, which was measured in the same run: the release 1.0.0 as deployed, a floor
that does the least there is to do, or a naive script. Read the ratios; seconds are those of the machine. Processor
times are medians of interleaved pairs, counts are exact. `make bench ROWS=quiet,cold_start` measures some rows again.
[docs/scale.md](../docs/scale.md) says what follows from it.
"""
COLUMNS: Final = "| | baseline | now | goal | met |\n| --- | --- | --- | --- | --- |\n"
MET: Final = {True: "yes", False: "**no**", None: ""}


def section(row: Row, outcomes: Iterable[Outcome], where: str) -> str:
    """One row of the bench."""
    lines = [f"| {one.case} | {one.baseline} | {one.now} | {one.goal} | {MET[one.met]} |" for one in outcomes]
    return f"## {row.title}\n\n{where}\n\n{COLUMNS}" + "\n".join(lines) + "\n"


def where(python: Python, now: datetime | None = None) -> str:
    """Machine, date, Python, commit."""
    moment = (now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    return f"{moment}, commit {commit()}, {python.note}, {machine()}"


def machine() -> str:
    """What the figures depend on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists() and (found := re.search(r"^model name\s*: (.+)$", info.read_text(), re.MULTILINE)):
        model = found[1]
    return f"{platform.system()}, {os.cpu_count()} × {model}"


def commit() -> str:
    """The sources, and whether they were changed since."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"  # noqa: S603 - git


def write(rows: Iterable[Row], sections: Mapping[str, str], page: Path = PAGE) -> None:
    """Put new sections in, leave the others, in the order of the rows."""
    old = (
        dict(re.findall(r"^(## .+?)\n(.*?)(?=^## |\Z)", page.read_text("utf-8"), re.MULTILINE | re.DOTALL))
        if page.exists()
        else {}
    )
    found = []
    for row in rows:
        head = f"## {row.title}"
        if row.name in sections:
            found.append(sections[row.name])
        elif head in old:
            found.append(f"{head}\n{old[head].rstrip()}\n")
    page.write_text(HEAD + "\n" + "\n".join(found), "utf-8")
