"""What is wrong with a file or a setting, as every test that breaks one gets it."""

from __future__ import annotations

from collections.abc import Sequence

from testmo_notifier.errors import Problem


def with_next_steps(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The problems themselves, each of which says what to do, and that once and at its end."""
    for problem in problems:
        assert problem.text, problem
        assert problem.next_step, problem
        assert problem.endswith(f" {problem.next_step}")
        assert problem.next_step not in problem.text
    return tuple(problems)
