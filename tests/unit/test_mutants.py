"""The list of `make mutants` cannot rot: every change can still be made, and its tests are there and name its rule."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tools.lib.processes import ROOT
from tools.maintain.mutants import Copy, Mutant, NoVerdict, changed, main, mutants

MUTANTS = mutants()
RULES = [str(number) for number in range(1, 22)]


def rules_named(docstring: str) -> set[str]:
    """The rules that a test module says it proves: `Rule 5`, `rules 10 and 11`, `Slack delivery`, and the like."""
    named: set[str] = set()
    for numbers in re.findall(r"\b[Rr]ules? (\d+(?:(?:, | and )\d+)*)", docstring):
        named |= set(re.findall(r"\d+", numbers))
    return named | {name for name in ("Slack delivery", "SECURITY.md", "runbook.md") if name in docstring}


@cache
def text_of(file: str) -> str:
    return (ROOT / file).read_text("utf-8")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.rule}-{mutant.breaks}")
def test_what_is_broken_is_there_once_and_python_afterwards(mutant: Mutant) -> None:
    broken = changed(text_of(mutant.file), mutant)

    assert broken != text_of(mutant.file)
    if mutant.file.endswith(".py"):
        ast.parse(broken)


def test_no_change_names_what_its_file_does_not_know(tmp_path: Path) -> None:
    """It would be noticed by its `NameError`, which breaks every rule at once and proves nothing of the one meant."""
    broken = {f"{number}.py": mutant for number, mutant in enumerate(MUTANTS) if mutant.file.endswith(".py")}
    for name, mutant in broken.items():
        (tmp_path / name).write_text(changed(text_of(mutant.file), mutant), "utf-8")

    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F821", "--output-format"]
    found = subprocess.run([*ruff, "json", "."], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603

    unknown = [(broken[Path(one["filename"]).name].breaks, one["message"]) for one in json.loads(found.stdout)]
    assert unknown == []


def test_every_rule_of_the_promise_is_broken_in_three_ways_at_least() -> None:
    breaks = [mutant.rule for mutant in MUTANTS]

    assert [rule for rule in RULES if breaks.count(rule) < 3] == []
    assert set(breaks) == {*RULES, "Slack delivery", "SECURITY.md", "runbook.md"}
    assert len({(mutant.file, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize(("rule", "file"), sorted({(m.rule, file) for m in MUTANTS for file in m.tests}))
def test_the_tests_that_must_notice_say_which_rule_they_prove(rule: str, file: str) -> None:
    assert rule in rules_named(ast.get_docstring(ast.parse(text_of(file))) or "")


@pytest.mark.parametrize(
    ("docstring", "rules"),
    [
        ("Rule 5: what no bound can see.", {"5"}),
        ("Pages of one run (rules 1, 2 and 13).", {"1", "2", "13"}),
        ("Rules 10 and 11, and the table of Slack delivery.", {"10", "11", "Slack delivery"}),
        ("What is not said (SECURITY.md).", {"SECURITY.md"}),
        ("What rings (docs/runbook.md).", {"runbook.md"}),
        ("Rule of thumb: 5.", set()),
    ],
)
def test_a_docstring_names_rules(docstring: str, rules: set[str]) -> None:
    assert rules_named(docstring) == rules


def test_a_change_that_cannot_be_made_is_said_with_its_file() -> None:
    with pytest.raises(NoVerdict, match=MUTANTS[0].file):
        changed("something else", MUTANTS[0])


def test_only_a_test_that_fails_has_caught_a_change_and_the_tree_stays_as_it_is(tmp_path: Path) -> None:
    one_more = next(mutant for mutant in MUTANTS if mutant.rule == "13")
    before = (ROOT / one_more.file).read_bytes()
    copy = Copy(tmp_path)

    caught = copy.try_out(one_more)
    survived = copy.try_out(replace(one_more, new=f"{one_more.old} + 0"))
    unreadable = copy.try_out(replace(one_more, new="("))

    made = re.findall(r"\.venv-\w+", (ROOT / "Makefile").read_text("utf-8"))
    assert all((copy.root / name / "bin").is_dir() for name in made), "a test that lacks one fails without any change"
    assert (caught.caught_by or "").startswith("tests/unit/test_handover.py::test_a_hundred_mails")
    assert (survived.caught_by, survived.trouble) == (None, "SURVIVED")
    assert unreadable.caught_by is None
    assert unreadable.trouble.startswith("no verdict")
    assert (ROOT / one_more.file).read_bytes() == before == (copy.root / one_more.file).read_bytes()


def test_a_rule_that_nobody_breaks_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rule", "99"]) == 2
    assert "99" in capsys.readouterr().out
