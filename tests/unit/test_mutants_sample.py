"""`make mutants-sample`: which changes are drawn, who judges them, and what counts as noticed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tools.lib.processes import ROOT
from tools.maintain.mutants_sample import (
    ELSEWHERE,
    Change,
    annotated,
    changed_lines,
    changes_in,
    drawn,
    how_noticed,
    is_star,
    judges,
    main,
    worth_trying,
)

PACKAGE = "layers/common/testmo_notifier"


def make_change(line: int = 1, operator: str = "core/AddNot", column: int = 0, file: str = "due.py") -> Change:
    return Change(f"{PACKAGE}/{file}", line, column, operator, 0)


def test_the_list_of_changes_is_read_from_what_cosmic_ray_dumps() -> None:
    mutation = {
        "module_path": f"{PACKAGE}/due.py", "operator_name": "core/AddNot", "occurrence": 3,
        "start_pos": [22, 8], "end_pos": [22, 11], "operator_args": {}, "definition_name": "is_done",
    }  # fmt: skip
    dump = json.dumps([{"job_id": "a", "mutations": [mutation]}, None]) + "\n"

    assert list(changes_in(dump)) == [Change(f"{PACKAGE}/due.py", 22, 8, "core/AddNot", 3)]


def test_a_place_is_drawn_once_however_many_changes_there_are_for_it() -> None:
    plus = [make_change(1, f"core/ReplaceBinaryOperator_Add_{name}") for name in ("Sub", "Mul", "Div", "Mod", "Pow")]
    others = [make_change(line) for line in range(2, 12)]

    firsts = Counter(drawn([*plus, *others], 1, seed)[0].line == 1 for seed in range(400))
    everything = drawn([*plus, *others], 99, 1)

    assert firsts[True] < 80
    assert sorted(change.line for change in everything) == list(range(1, 12))


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    changes = [make_change(line) for line in range(100)]

    assert drawn(changes, 9, 7) == drawn(changes, 9, 7) != drawn(changes, 9, 8)


def test_annotations_are_no_code_that_runs(tmp_path: Path) -> None:
    source = "def f(a: int | None = 1 | 2) -> int | None:\n    b: int | str = 3 | 4\n    return a | b\n"
    (tmp_path / PACKAGE).mkdir(parents=True)
    (tmp_path / PACKAGE / "due.py").write_text(source)
    columns = [(line, column) for line, text in enumerate(source.splitlines(), 1) for column in places_of("|", text)]

    kept = worth_trying([make_change(line, column=column) for line, column in columns], tmp_path)

    assert [(change.line, change.column) for change in kept] == [(1, 24), (2, 21), (3, 13)]
    assert len(list(annotated(source))) == 3


def places_of(mark: str, text: str) -> list[int]:
    return [column for column, character in enumerate(text) if character == mark]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_only_an_embedded_aws_runs_is_not_tried(name: str) -> None:
    assert (ROOT / PACKAGE / "adapters" / name).is_file()
    assert worth_trying([make_change(file=f"adapters/{name}")], ROOT) == []


def test_one_module_or_the_lines_of_a_branch_are_tried_alone() -> None:
    due = "polling/due.py"
    changes = [make_change(1, file=due), make_change(2, file=due), make_change(2, file="notices/routes.py")]

    assert worth_trying(changes, ROOT, modules=["routes.py"]) == changes[2:]
    assert worth_trying(changes, ROOT, lines={f"{PACKAGE}/polling/due.py": {2, 3}}) == [changes[1]]
    assert worth_trying(changes, ROOT, lines={}) == []


def test_the_lines_of_a_branch_are_those_it_adds_or_changes() -> None:
    diff = (
        f"--- a/{PACKAGE}/due.py\n+++ b/{PACKAGE}/due.py\n@@ -3 +3 @@ def x\n-a\n+b\n@@ -9,0 +10,2 @@\n+c\n+d\n"
        f"@@ -20,2 +22,0 @@\n-e\n-f\n--- /dev/null\n+++ b/{PACKAGE}/new.py\n@@ -0,0 +1,3 @@\n+a\n+b\n+c\n"
    )

    assert changed_lines(diff) == {f"{PACKAGE}/due.py": {3, 10, 11}, f"{PACKAGE}/new.py": {1, 2, 3}}


@pytest.mark.parametrize(
    ("module", "near"),
    [
        ("polling/due.py", "tests/unit/test_due.py"),
        ("adapters/items.py", "tests/unit/test_items.py"),
        ("adapters/compact.py", "tests/unit/test_compact.py"),
    ],
)
def test_tests_that_import_a_module_judge_first_and_all_others_after_them(module: str, near: str) -> None:
    groups = judges(ROOT, f"{PACKAGE}/{module}")
    names = [name for group in groups for name in group]

    assert near in groups[0]
    units = [name.startswith("tests/unit/") for name in groups[0]]
    assert units == sorted(units, reverse=True), "the quickest go first"
    assert len(names) == len(set(names)), "a test file that runs twice"
    assert {"tests/flow/test_poll.py", "tests/model/test_promise.py", "tests/contract/test_store.py"} < set(names)
    assert groups[-1][0] == "tests/flow/test_crash.py", "the slow ones come last"
    assert [name for name in names if "mutants" in name or name.startswith(("tests/stack", "tests/crash"))] == []


@pytest.mark.parametrize(
    ("status", "output", "noticed"),
    [
        (0, "631 passed", None),
        (1, "FAILED tests/unit/test_due.py::test_a - AssertionError\n1 failed", "tests/unit/test_due.py::test_a"),
        (1, "ERROR tests/unit/test_due.py::test_a\n1 error", "pytest ended with 1"),
        (2, "ERROR tests/unit/test_due.py - SyntaxError", "pytest ended with 2"),  # the module cannot be imported
        (None, "", "no end after 900 s"),
    ],
)
def test_whatever_is_no_success_has_noticed_a_change(status: int | None, output: str, noticed: str | None) -> None:
    assert how_noticed(status, output) == noticed


@pytest.mark.parametrize(
    ("line", "kept"),
    [("x = a * b", True), ("def f(a, *, b):", False), ("f(**b)", False), ("[1, *b]", False), ("    *b,", False)],
)
def test_the_star_of_an_argument_is_no_operator(line: str, *, kept: bool) -> None:
    star = "core/ReplaceBinaryOperator_Pow_Mod" if "**" in line else "core/ReplaceBinaryOperator_Mul_Add"
    change = make_change(1, star, line.index("*"))

    assert is_star(change, line) is not kept


def test_a_revision_that_is_none_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.maintain.mutants_sample.Copy", lambda _: None)

    assert main(["--changed", "no-such-revision"]) == 2
    assert "no-such-revision" in capsys.readouterr().out
