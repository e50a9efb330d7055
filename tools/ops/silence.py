"""`silence`: hear nothing of something for a while. What it matches is held, and told when it ends."""

from __future__ import annotations

import getpass
import re
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from testmo_notifier.adapters import items
from testmo_notifier.adapters.silences import SILENCES
from testmo_notifier.model import Silence
from testmo_notifier.notices.holding import is_understood
from tools.lib.stamps import utc_now
from tools.lib.version import compared, version
from tools.ops import held, records
from tools.ops.account import Account
from tools.ops.exit_status import FINE, Desk, NotDone
from tools.ops.held import Keeping
from tools.ops.silence_asked import Asked, pack_silence, silence_of
from tools.settings.calm_words import period

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST: Final = 20  # at a time: every poll reads and writes the item that they are in
KEPT: Final = timedelta(days=1)  # after its end: until then somebody may ask who it was
STRANGE: Final = "the silence {key} is another version's and cannot be understood here, so it silences nothing"
NOBODY: Final = ("", "root")  # names that say nothing of a person


# ----- The commands --------------------------------------------------------------------------------------------


def add(desk: Desk, asked: Asked, new_id: Callable[[], str] = lambda: secrets.token_hex(3)) -> int:
    """Hear nothing of what it matches, from the next poll on."""
    account, now = desk.account, utc_now()
    asked = asked if asked.author else replace(asked, author=who(account))
    zone = held.zone_of(account.stack)
    silence = silence_of(asked, new_id(), now=now, zone=zone)
    there = records.control(account)[0].silences
    if sum(one.until > now for one in there) >= MOST:
        raise NotDone(f"{MOST} silences are on, and that is the most: `testmo-notifier silence list`, then end one")
    put(account.dynamodb, account.stack.table, silence, gone=long_over(there, now))
    keeping = Keeping(zone, (silence,))
    lasts = period(silence.until - now) or "less than 1m"
    desk.out.verdict(f"silenced until {keeping.time(silence.until)} ({lasts}): {held.selects(silence)}", is_ok=True)
    desk.out.note("what it matches is held from the next poll on, and told in one message when it ends")
    desk.out.note(f"→ to end it early: testmo-notifier silence end {silence.id}")
    if account.stack.version != version():
        runs = compared(account.stack.version, version())
        desk.progress.problem(f"the stack runs {runs}: an older one knows no silences, and tells everything")
    desk.answer({"ok": True, "silence": held.silence_json(silence, ())})
    return FINE


def show(desk: Desk) -> int:
    """Those that are on, and those that are over and have not been told yet."""
    keeping, now = held.read(desk.account, records.control(desk.account)[0]), utc_now()
    told = tell(desk, keeping, now)
    if not told:
        desk.out.verdict("nothing is silenced", is_ok=True)
    silences = [held.silence_json(one, keeping.of(one.id)) for one in keeping.open(now)]
    desk.answer({"ok": True, "silences": silences, "unreadable": strangers(keeping, now), "ended": keeping.lost()})
    return FINE


def tell(desk: Desk, keeping: Keeping, now: datetime) -> int:
    """Print them; returns how many there are."""
    there = lines(keeping, now)
    for words in there:
        desk.out.note(words)
    for key in strangers(keeping, now):
        desk.out.problem(f"{STRANGE.format(key=key)}: testmo-notifier silence end {key}")
    return len(there)


def end(desk: Desk, key: str) -> int:
    """End one now: the next poll tells what it holds."""
    account, now = desk.account, utc_now()
    control = records.control(account)[0]
    known = {one.id: one for one in control.silences}
    if key not in known and key not in control.unread_silences:
        on = ", ".join(one.id for one in control.silences if one.until > now) or "none"
        raise NotDone(f"there is no silence {key!r}; on now: {on}")
    silence = known.get(key)
    if silence is not None and silence.until <= now:
        desk.out.verdict(f"it was over already: {when(Keeping(held.zone_of(account.stack)), silence, now)}", is_ok=True)
    else:
        ended = replace(silence, until=now) if silence else None  # what nobody understands is taken out
        gone = [one for one in long_over(control.silences, now) if one != key]
        write(account.dynamodb, account.stack.table, key, ended, gone=gone)
        desk.out.verdict("it is over: what it held is told next, unless a destination is quiet", is_ok=True)
        silence = ended
    desk.answer({"ok": True, "silence": held.silence_json(silence, ()) if silence else None})
    return FINE


# ----- In words ------------------------------------------------------------------------------------------------


def line(keeping: Keeping, silence: Silence, now: datetime) -> str:
    """One: its id, who wants it and what for, until when, what it matches, and how much it holds."""
    who_and_why = f"by {silence.author}: {silence.reason}"
    much = held.volume(keeping.of(silence.id))
    return f"{silence.id}  {when(keeping, silence, now)}  {who_and_why}  {held.selects(silence)}  {much}"


def lines(keeping: Keeping, now: datetime) -> list[str]:
    """Those that are on, or over and not told yet."""
    gone = [f"{key}  ended, the next poll tells it  {held.volume(keeping.of(key))}" for key in keeping.lost()]
    return [line(keeping, one, now) for one in keeping.open(now)] + gone


def when(keeping: Keeping, silence: Silence, now: datetime) -> str:
    """Until when it is on, or since when it is over."""
    seconds = (silence.until - now).total_seconds()
    if seconds > 0:
        return f"until {keeping.time(silence.until)} ({period(silence.until - now) or 'less than 1m'} left)"
    return f"over since {keeping.time(silence.until)}, the next poll tells it"


def strangers(keeping: Keeping, now: datetime) -> list[str]:
    """The ids of those that this version cannot follow."""
    return [*keeping.unread, *(one.id for one in keeping.silences if one.until > now and not is_understood(one))]


def who(account: Account) -> str:
    """Whoever is at this machine; on one that knows only root, whose AWS credentials these are."""
    name = ""
    with suppress(OSError, KeyError, ImportError):
        name = getpass.getuser()
    if name not in NOBODY:
        return name
    caller = account.caller()
    return re.split(r"[/:]", caller)[-1] or name


# ----- What is stored ------------------------------------------------------------------------------------------


def long_over(silences: Iterable[Silence], now: datetime) -> list[str]:
    """Those that nobody asks for any more."""
    return [one.id for one in silences if one.until < now - KEPT]


def put(client: DynamoDBClient, table: str, silence: Silence, gone: Iterable[str] = ()) -> None:
    """Add one; the item may not be there yet, nor its map. Nothing else of it is touched, so it needs no lease."""
    with suppress(client.exceptions.ConditionalCheckFailedException):  # the map is there
        client.update_item(
            TableName=table,
            Key=items.CONTROL_KEY,
            UpdateExpression=f"SET {SILENCES} = :none",
            ConditionExpression=f"attribute_not_exists({SILENCES})",
            ExpressionAttributeValues={":none": {"M": {}}},
        )
    write(client, table, silence.id, silence, is_new=True, gone=gone)


def write(
    client: DynamoDBClient,
    table: str,
    key: str,
    silence: Silence | None,
    *,
    is_new: bool = False,
    gone: Iterable[str] = (),
) -> None:
    """Write one entry of the map, or remove it, and remove others that are over; raises `NotDone` in a race."""
    entry, others = f"{SILENCES}.#key", {f"#gone{number}": one for number, one in enumerate(gone)}
    removed = [f"{SILENCES}.{name}" for name in others] + ([] if silence else [entry])
    expression = [f"SET {entry} = :silence"] if silence else []
    expression += [f"REMOVE {', '.join(removed)}"] if removed else []
    values = {"ExpressionAttributeValues": {":silence": {"S": pack_silence(silence)}}} if silence else {}
    try:
        client.update_item(
            TableName=table,
            Key=items.CONTROL_KEY,
            UpdateExpression=" ".join(expression),
            ConditionExpression=f"attribute_{'not_exists' if is_new else 'exists'}({entry})",
            ExpressionAttributeNames={"#key": key, **others},
            **values,  # type: ignore[arg-type]  # there may be none, but not an empty map
        )
    except client.exceptions.ConditionalCheckFailedException as exc:
        raise NotDone("somebody else changed it at this moment: look at `testmo-notifier silence list`") from exc
