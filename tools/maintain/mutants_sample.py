"""`make mutants-sample`: breaks the product where nobody thought of it, and counts what the quick tests notice.

`make mutants` tries the breakages that somebody planned. Here Cosmic Ray lists every change it knows, places are drawn
by lot, and one change is tried at each: first the tests that import the changed module, then all the others that need
no deployed stack. Who survives is shown with its place: either a test is missing, or the change changes nothing.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from functools import cache
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from tools.lib.processes import ROOT
from tools.maintain.mutants import FILE_WIDTH, PACKAGE, TESTS_FAILED, Copy, NoVerdict, first_failure

COSMIC_RAY: Final = ("uv", "tool", "run", "--quiet", "--from", "cosmic-ray==8.7.0", "cosmic-ray")
LANES: Final = (
    "flow",
    "contract",
    "unit",
    "properties",
    "model",
)  # what needs no deployed stack, quickest to notice first
QUICK: Final = ("flow", "contract", "unit")
SLOW: Final = ("test_crash.py", "test_scale.py", "test_two_pollers.py")  # of these, last
NO_JUDGES: Final = ("test_mutants.py", "test_mutants_sample.py")  # they notice that a text changed, not what it does
# Only lanes with an embedded AWS run these: here nobody would notice anything.
ELSEWHERE: Final = ("machine.py", "idempotency.py", "destinations.py", "topic.py")
SECONDS: Final = 900.0  # for all tests of one change; on an idle machine they take three minutes
STARS: Final = ("core/ReplaceBinaryOperator_Mul", "core/ReplaceBinaryOperator_Pow")
SESSION: Final = """
[cosmic-ray]
module-path = "{package}"
timeout = 60.0
excluded-modules = []
test-command = "false"
[cosmic-ray.distributor]
name = "local"
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One change as Cosmic Ray names it: an operator, and which of the places in a file where it applies."""

    file: str
    line: int
    column: int
    operator: str
    occurrence: int

    @property
    def place(self) -> tuple[str, int, int, str]:
        """Where it is; a `<` that may become one of five others is one place."""
        return self.file, self.line, self.column, self.operator.partition("_")[0]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change: `noticed` says how, None if nobody did."""

    change: Change
    noticed: str | None
    diff: str
    seconds: float


def cosmic_ray(*arguments: str, cwd: Path) -> str:
    """What one command of Cosmic Ray prints."""
    command = [str(ROOT / ".venv" / "bin" / COSMIC_RAY[0]), *COSMIC_RAY[1:], *arguments]
    answer = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603 - pinned above
    if answer.returncode != 0:
        raise NoVerdict(f"cosmic-ray {arguments[0]} ended with {answer.returncode}:\n{answer.stderr[-2000:]}")
    return answer.stdout


def all_changes(tree: Path, home: Path) -> list[Change]:
    """Every change that Cosmic Ray knows in the product."""
    config, session = home / "session.toml", home / "session.sqlite"
    config.write_text(SESSION.format(package=PACKAGE), "utf-8")
    cosmic_ray("init", str(config), str(session), cwd=tree)
    return sorted(changes_in(cosmic_ray("dump", str(session), cwd=tree)), key=lambda one: (one.place, one.operator))


def changes_in(dump: str) -> Iterator[Change]:
    """The changes in a dump: JSON lines, each a work item with one mutation, and its result."""
    for line in dump.splitlines():
        item: Any = json.loads(line)[0]
        (one,) = item["mutations"]
        start: tuple[int, int] = (one["start_pos"][0], one["start_pos"][1])
        yield Change(one["module_path"], *start, one["operator_name"], one["occurrence"])


def worth_trying(
    changes: Iterable[Change], tree: Path, *, modules: Sequence[str] = (), lines: Mapping[str, set[int]] | None = None
) -> list[Change]:
    """Those of code that runs, and runs in these lanes; of some modules or changed lines alone where that is asked."""
    sources = cache(lambda file: (tree / file).read_text("utf-8"))
    notes = cache(lambda file: frozenset(annotated(sources(file))))
    return [
        change
        for change in changes
        if Path(change.file).name not in ELSEWHERE
        and (not modules or change.file.endswith(tuple(f"/{module}" for module in modules)))
        and (lines is None or change.line in lines.get(change.file, ()))
        and not any(begin <= (change.line, change.column) < end for begin, end in notes(change.file))
        and not is_star(change, sources(change.file))
    ]


def is_star(change: Change, source: str) -> bool:
    """Whether it takes the star of `*args`, `**settings` or `(*, now)` for an operator, as Cosmic Ray does."""
    before = source.splitlines()[change.line - 1][: change.column].rstrip()
    return change.operator.startswith(STARS) and (not before or before.endswith(tuple("([{,=:")))


def annotated(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations stand: nothing evaluates them, so a change there changes nothing."""
    for node in ast.walk(ast.parse(source)):
        for name in ("annotation", "returns"):
            note = getattr(node, name, None)
            if note is not None:
                yield (note.lineno, note.col_offset), (note.end_lineno, note.end_col_offset)


def drawn(changes: Iterable[Change], number: int, seed: int) -> list[Change]:
    """So many places by lot, and of each one change: a `+` with eleven replacements weighs no more than an `and`."""
    lot = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    places: dict[tuple[str, int, int, str], list[Change]] = {}
    for change in changes:
        places.setdefault(change.place, []).append(change)
    chosen = lot.sample(sorted(places), min(number, len(places)))
    return [lot.choice(places[place]) for place in chosen]


def changed_lines(diff: str) -> dict[str, set[int]]:
    """The lines that a `git diff --unified=0` adds or changes, by file."""
    lines: dict[str, set[int]] = {}
    file = ""
    for line in diff.splitlines():
        if line.startswith("+++ b/"):
            file = line.removeprefix("+++ b/")
        elif hunk := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            lines.setdefault(file, set()).update(range(first, first + count))
    return lines


def diff_against(revision: str) -> str:
    """What the working tree changed in the product since a revision."""
    command = ["git", "diff", "--unified=0", revision, "--", PACKAGE]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if answer.returncode != 0:
        raise NoVerdict(f"git diff {revision}: {answer.stderr.strip()}")
    return answer.stdout


def judges(tree: Path, file: str) -> list[list[str]]:
    """The test files to run one group after the other: those that import a module, then lane by lane the others.

    Of those that import it, its unit tests go first.
    """
    package, _, module = file.removeprefix("layers/common/").removesuffix(".py").replace("/", ".").rpartition(".")
    imported = re.compile(
        rf"^(from|import) {re.escape(package)}\.{module}\b|^from {re.escape(package)} import .*\b{module}\b",
        re.MULTILINE,
    )
    near: list[str] = []
    groups: list[list[str]] = [near]
    late: list[str] = []
    for lane in LANES:
        others: list[str] = []
        groups.append(others)
        for path in sorted((tree / "tests" / lane).glob("test_*.py")):
            is_near = lane in QUICK and imported.search(path.read_text("utf-8")) is not None
            group = late if path.name in SLOW else near if is_near else others
            group += [] if path.name in NO_JUDGES else [str(path.relative_to(tree))]
    near.sort(key=lambda name: not name.startswith("tests/unit/"))  # seconds, where those of flow take minutes
    return [group for group in (*groups, late) if group]


def try_out(copy: Copy, change: Change) -> Outcome:
    """Make a change, run the tests until one fails, and take it back."""
    began = time.monotonic()
    sound = (copy.root / change.file).read_text("utf-8")
    try:
        cosmic_ray("apply", change.file, change.operator, str(change.occurrence), cwd=copy.root)
        broken = (copy.root / change.file).read_text("utf-8")
    finally:
        (copy.root / change.file).write_text(sound, "utf-8")
    diff = "\n".join(unified_diff(sound.splitlines(), broken.splitlines(), change.file, change.file, "", "", 0, ""))
    noticed = None
    with copy.changed(change.file, broken):
        for tests in judges(copy.root, change.file):
            noticed = noticed or how_noticed(*copy.pytest(tests, seconds=SECONDS))
    return Outcome(change, noticed, diff, time.monotonic() - began)


def how_noticed(status: int | None, output: str) -> str | None:
    """By which test, or by what else; None when every test passed."""
    if status == 0:
        return None
    if status is None:
        return f"no end after {SECONDS:.0f} s"
    return (first_failure(output) if status == TESTS_FAILED else None) or f"pytest ended with {status}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 if every change was noticed, 1 if one was not, 2 if there was nothing to try."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.maintain.mutants_sample", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--number", type=int, default=30, help="how many places")
    parser.add_argument("--seed", type=int, default=None, help="the same seed draws the same places of the same code")
    parser.add_argument("--changed", default="", metavar="REVISION", help="lines changed since then, nothing else")
    parser.add_argument("--module", action="append", default=[], help="only this one, like digest.py; more than once")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else FILE_WIDTH)
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    try:
        outcomes = sample(options.number, seed, options.module, options.changed, console)
    except NoVerdict as exc:
        console.print(escape(str(exc)), style="red")
        return 2
    survivors = [outcome for outcome in outcomes if outcome.noticed is None]
    for outcome in survivors:
        console.print(f"\n[red]survived:[/] {outcome.change.operator}\n{escape(outcome.diff)}")
    console.print(f"{len(outcomes) - len(survivors)} of {len(outcomes)} changes noticed (seed {seed})")
    return 1 if survivors else 0


def sample(number: int, seed: int, modules: Sequence[str], revision: str, console: Console) -> list[Outcome]:
    """Draw, try, and say of each how it ended."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as home:
        copy = Copy(Path(home))
        lines = changed_lines(diff_against(revision)) if revision else None
        known = worth_trying(all_changes(copy.root, Path(home)), copy.root, modules=modules, lines=lines)
        chosen = drawn(known, number, seed)
        if not chosen:
            raise NoVerdict("there is nothing to change: is a module misspelt, or no line of the product changed?")
        console.print(f"[dim]{len(chosen)} of {len(known)} known changes, seed {seed}; first without any change …[/]")
        copy.prove_sound(name for group in judges(copy.root, chosen[0].file) for name in group)
        outcomes = []
        for change in chosen:
            outcome = try_out(copy, change)
            outcomes.append(outcome)
            place = f"{change.file.removeprefix(f'{PACKAGE}/')}:{change.line} {change.operator.removeprefix('core/')}"
            words = f"[dim]{escape(outcome.noticed)}[/]" if outcome.noticed else "[red]SURVIVED[/]"
            console.print(f"{len(outcomes)}/{len(chosen)}  {place}  {words}  [dim]{outcome.seconds:.0f} s[/]")
        return outcomes


if __name__ == "__main__":
    sys.exit(main())
