"""`redrive`: dead letters back to work, at least once, resumable at any point.

A message is sent first and deleted second: a crash in between sends it twice, and what was delivered already is not
again, because a notification's id is delivered once. (`StartMessageMoveTask` would keep the `reason`
attribute, cannot bring mail back to the topic, and is not in the emulator.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tools.lib import sqs
from tools.ops.account import Account
from tools.ops.dead_letters import DeadLetter, look, take
from tools.ops.exit_status import FINE, WRONG, Desk
from tools.ops.times import counted

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

LOOKED_AT: Final = 1_000  # messages of one queue in a dry run; the rest is counted
SAY_EVERY: Final = 100
DEAD_LETTER: Final = "dead letter"
SKEW: Final = timedelta(seconds=5)  # a message younger than the command was parked anew: the fix did not help


def plan(desk: Desk, queues: Sequence[str]) -> int:
    """Say what is there and why; move nothing."""
    told: dict[str, object] = {}
    for queue in queues:
        total = sqs.depth(desk.account.sqs, desk.account.stack.dead_letter_queues[queue])
        letters = look(desk.account, queue, limit=LOOKED_AT) if total else []
        groups = Counter((one.addressee or "(none of ours)", one.reason) for one in letters)
        desk.out.heading(f"{queue}: {counted(max(total, len(letters)), DEAD_LETTER)}", {})
        for (destination, reason), number in groups.most_common():
            desk.out.note(f"{number} for {destination}: {reason}")
        if letters:
            desk.out.note(f"oldest from {min(one.sent_at for one in letters).isoformat(timespec='seconds')}")
        told[queue] = {
            "letters": max(total, len(letters)),
            "reasons": [{"destination": d, "reason": r, "count": n} for (d, r), n in groups.most_common()],
        }
    if any(isinstance(found, dict) and found["letters"] for found in told.values()):
        desk.out.note("fix what is named above first (`testmo-notifier doctor` says how), then: redrive --yes")
    desk.answer({"ok": True, "applied": False, "queues": told})
    return FINE


def apply(desk: Desk, queues: Sequence[str]) -> int:
    """Send every message again; what is none of ours stays where it is."""
    told: dict[str, object] = {}
    is_fine = True
    for queue in queues:
        moved, left, returned = move(desk, queue)
        is_fine &= not left and not returned
        told[queue] = {"moved": moved, "left": left, "came_back": returned}
        desk.out.verdict(f"{queue}: {counted(moved, DEAD_LETTER)} back to work", is_ok=True)
        if left:
            name = desk.account.stack.dead_letter_queues[queue].rpartition("/")[2]
            words = f"{queue}: {counted(left, DEAD_LETTER)} left, which are no notifications of ours"
            step = f"look at them in the console of SQS ({name}), and delete what nobody needs"
            desk.out.verdict(words, is_ok=False, next_step=step)
        if returned:
            desk.out.verdict(
                f"{queue}: {counted(returned, DEAD_LETTER)} came back dead at once: see `doctor`", is_ok=False
            )
    if any(isinstance(found, dict) and found["moved"] for found in told.values()):
        desk.out.note("what is refused again is parked again: `testmo-notifier status` shows when the queues are empty")
    desk.answer({"ok": is_fine, "applied": True, "queues": told})
    return FINE if is_fine else WRONG


def move(desk: Desk, queue: str) -> tuple[int, int, int]:
    """Messages of one queue that were moved, that are none of ours, and that were parked again meanwhile.

    No more are touched than were there at the beginning, so that a webhook that is still dead does not keep it going.
    """
    account = desk.account
    url = account.stack.dead_letter_queues[queue]
    began, total = datetime.now(UTC), sqs.depth(account.sqs, url)
    moved = 0
    foreign: list[DeadLetter] = []
    returned: list[DeadLetter] = []
    try:
        for one in take(account, queue, url, limit=total):
            if one.sent_at > began + SKEW:
                returned.append(one)
            elif send(account, one):
                account.sqs.delete_message(QueueUrl=url, ReceiptHandle=one.handle)
                moved += 1
                if moved % SAY_EVERY == 0:
                    desk.progress.note(f"{queue}: {moved} of about {total}")
            else:
                foreign.append(one)
    finally:
        for one in (*foreign, *returned):
            sqs.put_back(account.sqs, url, one.handle)
    return moved, len(foreign), len(returned)


def send(account: Account, one: DeadLetter) -> bool:
    """Send a message to where it belongs; False where nobody can say where that is."""
    if one.is_queued:
        account.sqs.send_message(
            QueueUrl=account.stack.slack_queue, MessageBody=one.body, MessageAttributes=attributes(one)
        )
        return True
    if one.channel:
        subject: Any = {"Subject": one.subject} if one.subject else {}
        given: Any = attributes(one)
        account.sns.publish(TopicArn=account.stack.topic, Message=one.body, MessageAttributes=given, **subject)
        return True
    return False


def attributes(one: DeadLetter) -> Mapping[str, MessageAttributeValueTypeDef]:
    """A notification's own attributes; why it was dead is nobody's news any more."""
    return {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in one.attributes.items()}
