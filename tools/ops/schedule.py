"""`pause` and `resume`: the schedule off and on. Nothing is lost by a pause: the next poll goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from tools.ops.account import Account
from tools.ops.exit_status import FINE, Desk, NotDone

State = Literal["ENABLED", "DISABLED"]
SCHEDULE: Final = "AWS::Scheduler::Schedule"
GROUP: Final = "AWS::Scheduler::ScheduleGroup"  # before 1.1 there was none
PARAMETER: Final = "PollScheduleState"
# What UpdateSchedule takes. It keeps nothing: a field that is left out falls back to its default.
FIELDS: Final = (
    *("ActionAfterCompletion", "Description", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "Name"),
    *("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "Target"),
)


def read(account: Account) -> dict[str, Any]:
    """The schedule of the polls; raises `NotDone` where the stack has none."""
    names = account.stack.physical(SCHEDULE)
    if not names:
        raise NotDone(f"the stack {account.stack.name} has no schedule: deploy it again")
    group, _, name = names[0].rpartition("|")  # a named group comes along as group|name, or not at all
    group = group or next(iter(account.stack.physical(GROUP)), "default")
    found: Any = account.scheduler.get_schedule(Name=name, GroupName=group)
    return dict(found)


def timing(planned: Mapping[str, Any]) -> str:
    """When it polls: the expression, and the time zone where that is not UTC."""
    zone = planned.get("ScheduleExpressionTimezone") or "UTC"
    return str(planned["ScheduleExpression"]) + ("" if zone == "UTC" else f" in {zone}")


def switch(desk: Desk, state: State) -> int:
    """Set the schedule's state and leave everything else of it alone."""
    account = desk.account
    found = read(account)
    was = found["State"]
    if was != state:
        kept: Any = {name: found[name] for name in FIELDS if found.get(name)}
        account.scheduler.update_schedule(**kept, State=state)
    desk.out.verdict(words(state, is_new=was != state, expression=timing(found)), is_ok=True)
    parameter = account.stack.parameters.get(PARAMETER, "ENABLED")
    if parameter != state:
        desk.out.note(
            f"a later `sam deploy` that changes the schedule sets it to {parameter} again, "
            f"unless it is told --parameter-overrides {PARAMETER}={state}"
        )
    desk.answer({"ok": True, "state": state, "was": was, "parameter": parameter})
    return FINE


def words(state: State, *, is_new: bool, expression: str) -> str:
    """How it is now."""
    if state == "DISABLED":
        return "polls are paused; nothing is lost, only late" if is_new else "polls were paused already"
    return f"polls go on, {expression}" if is_new else f"polls were on already, {expression}"
