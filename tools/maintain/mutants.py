"""`make mutants`: breaks every rule of the promise on purpose, one change at a time, and sees a test of that rule fail.

`mutants.toml` lists the changes: by rule of docs/promise.md, what is broken in words, its old and new text,
and the tests that must notice. Nothing of this happens in the working tree: each worker has a copy of it in a
temporary folder. A time-out, an import that fails or a test of something else does not count as noticed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from tools.lib.processes import ROOT, run

CATALOGUE: Final = Path(__file__).with_suffix(".toml")
PACKAGE: Final = "layers/common/testmo_notifier"
LEFT_OUT: Final = ("__pycache__", ".git", ".venv*", ".local", ".aws-sam", ".*_cache", ".hypothesis", "*.pyc")
SECONDS: Final = 180.0  # for the tests of one mutant; the slowest take a fifth of that
FILE_WIDTH: Final = 180  # characters of a line where there is no screen to fit on
# With the copy as working directory before anything of ours is imported.
PYTEST_IN: Final = "import os, sys; os.chdir(sys.argv.pop(1)); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
TESTS_FAILED: Final = 1  # pytest's exit status; others say that it did not get as far as a verdict


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change. `rule` is a number in docs/promise.md, or the name of another promise; `old` occurs once in `file`.

    `tests` are files, those that notice it fastest first.
    """

    rule: str
    breaks: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: `caught_by` is the first test that failed, None if it survived, `trouble` says why."""

    mutant: Mutant
    caught_by: str | None
    trouble: str
    seconds: float


class NoVerdict(Exception):
    """The tests fail without any change, or do not run on the copy; says what they printed."""


def mutants(catalogue: Path = CATALOGUE) -> list[Mutant]:
    """All of them, in the order of the rules."""
    sources = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in breakable()}
    return [
        Mutant(
            rule=rule["rule"],
            breaks=one["breaks"],
            file=meant(one["file"]) if "file" in one else found(one["old"], sources),
            old=one["old"],
            new=one["new"],
            tests=tuple(one.get("tests", rule["tests"])),
        )
        for rule in tomllib.loads(catalogue.read_text("utf-8"))["promise"]
        for one in rule["mutant"]
    ]


def breakable() -> Iterator[Path]:
    """The files that a mutant may break."""
    for top in ("layers", "functions", "tools"):
        yield from (path for path in sorted((ROOT / top).rglob("*")) if path.suffix in (".py", ".j2", ".js"))
    yield ROOT / "template.yaml"


def meant(file: str) -> str:
    """A file as the catalogue names it: below the package, or below the root with a `/` before it."""
    return file[1:] if file.startswith("/") else f"{PACKAGE}/{file}"


def found(old: str, sources: Mapping[str, str]) -> str:
    """The one file that holds a text; raises `NoVerdict` where there is none, or more than one."""
    files = [file for file, text in sources.items() if old in text]
    if len(files) != 1:
        raise NoVerdict(
            f"{' and '.join(files) or 'no file'} holds this, so that the catalogue must name a file:\n{old}"
        )
    return files[0]


class Copy:
    """The tree in a temporary folder. Tests run in it import from it alone."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "tree"
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*LEFT_OUT))
        for environment in ROOT.glob(".venv-*"):  # some tests look for them
            (self.root / environment.name).symlink_to(environment)
        self._env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": os.environ.get("HOME", str(folder)),
            "PYTHONPATH": ":".join(str(self.root / path) for path in ("", "layers/common", "layers/settings/python")),
        }
        modules = "testmo_notifier, testmo_notifier_settings, tools, tests"
        asked = f"import {modules}; print(*(m.__file__ or '' for m in ({modules})), sep='\\n')"
        answer = subprocess.run(  # noqa: S603 - our own Python
            [sys.executable, "-c", asked], env=self._env, cwd=self.root, capture_output=True, text=True, check=True
        )
        strangers = [path for path in answer.stdout.split() if not Path(path).is_relative_to(self.root)]
        if strangers:
            raise NoVerdict(f"not of the copy: {', '.join(strangers)}")

    def prove_sound(self, tests: Iterable[str]) -> None:
        """Without any change the tests pass; else their failures would mean nothing."""
        status, output = self.pytest(sorted(set(tests)), seconds=20 * SECONDS)
        if status != 0:
            raise NoVerdict(f"the tests fail without any change:\n{output[-3000:]}")

    @contextmanager
    def changed(self, file: str, text: str) -> Iterator[None]:
        """A file with another text, for a while."""
        path = self.root / file
        sound, times = path.read_bytes(), path.stat()
        path.write_text(text, "utf-8")
        os.utime(path, (0, 0))  # what Python compiled of the sound file has another date: it is not taken for this one
        self._env["PYTHONDONTWRITEBYTECODE"] = "1"
        try:
            yield
        finally:
            del self._env["PYTHONDONTWRITEBYTECODE"]
            path.write_bytes(sound)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def try_out(self, mutant: Mutant) -> Verdict:
        """Change one file, run the tests of its rule until one fails, and change it back."""
        began = time.monotonic()
        broken = changed((self.root / mutant.file).read_text("utf-8"), mutant)
        with self.changed(mutant.file, broken):
            status, output = self.pytest(mutant.tests, seconds=SECONDS)
        caught_by = first_failure(output) if status == TESTS_FAILED else None
        trouble = "" if caught_by else trouble_of(status, output)
        return Verdict(mutant, caught_by, trouble, time.monotonic() - began)

    def pytest(self, tests: Sequence[str], *, seconds: float) -> tuple[int | None, str]:
        """Status (None after a time-out) and what it printed. In the order given: no test is drawn by lot here."""
        options = ["-x", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider", "-p", "no:randomly"]
        command = [sys.executable, "-c", PYTEST_IN, str(self.root), *options, *tests]
        finished = run(command, env=self._env, seconds=seconds)
        return finished.status, finished.output


def first_failure(output: str) -> str | None:
    """The test that failed, None where pytest names none."""
    failed = re.search(r"^FAILED (.+?)(?: - .*)?$", output, re.MULTILINE)
    return failed.group(1) if failed else None


def changed(text: str, mutant: Mutant) -> str:
    """A file with one thing broken."""
    if text.count(mutant.old) != 1:
        raise NoVerdict(f"{mutant.file} holds this {text.count(mutant.old)} times, not once:\n{mutant.old}")
    return text.replace(mutant.old, mutant.new)


def trouble_of(status: int | None, output: str) -> str:
    """Why no test failed."""
    if status is None:
        return f"no end after {SECONDS:.0f} s"
    return "SURVIVED" if status == 0 else f"no verdict (pytest ended with {status}): {output.strip()[-300:]}"


def try_all(chosen: Sequence[Mutant], workers: int, console: Console) -> list[Verdict]:
    """Every mutant on its turn, in as many copies as there are workers."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as home:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(workers):
            folder = Path(home) / str(number)
            folder.mkdir()
            copy = Copy(folder)
            if number == 0:
                console.print("[dim]without any change the tests have to pass …[/]")
                copy.prove_sound(test for mutant in chosen for test in mutant.tests)
            copies.put(copy)

        def try_out(mutant: Mutant) -> Verdict:
            copy = copies.get()
            try:
                return copy.try_out(mutant)
            finally:
                copies.put(copy)

        verdicts = []
        with ThreadPoolExecutor(workers) as pool:
            for verdict in pool.map(try_out, chosen):
                verdicts.append(verdict)
                progress = f"{len(verdicts)}/{len(chosen)}  rule {verdict.mutant.rule}  {verdict.seconds:.1f} s"
                console.print(f"[dim]{progress}[/]" if verdict.caught_by else f"[red]{progress}: survived[/]")
        return verdicts


def table_of(verdicts: Iterable[Verdict]) -> Table:
    """Rule, what was broken, and the test that noticed."""
    table = Table("rule", "what was broken", Column("caught by", overflow="fold"))
    for verdict in verdicts:
        caught = f"[green]{escape(verdict.caught_by)}[/]" if verdict.caught_by else f"[red]{escape(verdict.trouble)}[/]"
        table.add_row(verdict.mutant.rule, escape(verdict.mutant.breaks), caught.replace("::", "\n", 1))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 if every mutant was caught, 1 if one survived, 2 if there was nothing to try."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.maintain.mutants", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rule", default="", help="only this one, like 5 or 'Slack delivery'")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1) // 2), help="how many at a time")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else FILE_WIDTH)
    chosen = [mutant for mutant in mutants() if options.rule in ("", mutant.rule)]
    if not chosen:
        console.print(f"[red]no mutant breaks rule {options.rule!r}[/]")
        return 2
    began = time.monotonic()
    try:
        verdicts = try_all(chosen, options.jobs, console)
    except NoVerdict as exc:
        console.print(escape(str(exc)), style="red")
        return 2
    console.print(table_of(verdicts))
    survivors = sum(verdict.caught_by is None for verdict in verdicts)
    outcome = f"[red]{survivors} survived[/]" if survivors else "[green]each caught by a test that names its rule[/]"
    console.print(f"{len(verdicts)} changes, {outcome} ({time.monotonic() - began:.0f} s)")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
