"""How the state looks in DynamoDB: items to nouns and back.

Times are ISO text, large sets are bytes (`compact`), the outbox is deflated JSON in which destinations share
their digest. A newer version must understand what an older one wrote: new attributes are optional. And an older one
what a newer one wrote, after a rollback: what it does not know is left aside.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from testmo_notifier import model
from testmo_notifier.adapters import compact
from testmo_notifier.adapters.outbox import pack_outbox, packed_keys, unpack_outbox, unpacked_keys
from testmo_notifier.adapters.overflow import overflow_of
from testmo_notifier.adapters.passing import pack_passing, resume_from, unpack_passing
from testmo_notifier.adapters.silences import SILENCES, unpack_silences
from testmo_notifier.adapters.told import pack_told, unpack_told
from testmo_notifier.lean import dataclass

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

KEEP_SENT: Final = timedelta(days=30)  # as long as the records of deliveries
SENT: Final = "SENT#"
KEEP_AFTER_CLOSING: Final = timedelta(days=180)  # re-opening a run within that time resumes where it stopped
BUCKET_CASES: Final = 250  # case ids in one item of names: 250 KB if every name were as long as Testmo allows
BUCKET_RUNS: Final = 250  # run ids in one item of marks: 5 KB
PENDING: Final = "1"  # the one key of the sparse index: only items with an outbox have it
# Version 1.0 kept no troubles, and had the alarms of these: whether one was on when it was upgraded, nobody knows.
TROUBLES_OF_1_0: Final = ("PollFailed", "Invisible", "SettingsProblems")
LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)


def run_key(run_id: int) -> Item:
    """The key of a run's checkpoint."""
    return {"pk": {"S": f"RUN#{run_id}"}, "sk": {"S": "CHECKPOINT"}}


def project_key(project_id: int) -> Item:
    """The key of what we keep per project."""
    return {"pk": {"S": f"PROJECT#{project_id}"}, "sk": {"S": "STATE"}}


CONTROL_KEY: Final[Item] = {"pk": {"S": "CONTROL"}, "sk": {"S": "POLLER"}}
BOTS: Final = "bots"  # its attribute that the Slack function adds to, and no poll writes


class Once:
    """Packs what a version of a checkpoint has, and not again for the next one: there only the outbox changes."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, Any]] = {}

    def __call__(self, name: str, form: Form, content: object) -> Any:  # noqa: ANN401 - as the form has it
        """What stands in the attribute of this name."""
        known = self._known.get(name)
        if known is None or known[0] is not content:
            known = self._known[name] = content, form.pack(content)
        return known[1]


def checkpoint_item(checkpoint: model.Checkpoint, once: Once | None = None) -> Item:
    """A checkpoint as an item; `once` knows what was packed for the version before."""
    item: Item = {**run_key(checkpoint.run_id), **packed(checkpoint, CHECKPOINT, once)}
    if checkpoint.outbox:
        item["pending"] = {"S": PENDING}
    item |= pack_told(checkpoint.told) | pack_passing(checkpoint.passing)
    if checkpoint.closed_at is not None and not checkpoint.outbox:
        item["expires_at"] = {"N": str(int((checkpoint.closed_at + KEEP_AFTER_CLOSING).timestamp()))}
    return item


def checkpoint_from(item: Mapping[str, Any]) -> model.Checkpoint:
    """The inverse of `checkpoint_item`."""
    return model.Checkpoint(
        run_id=int(item["pk"]["S"].removeprefix("RUN#")),
        outbox_bytes=len(item["outbox"]["B"]) if "outbox" in item else 0,
        overflow=overflow_of(item),
        passing=unpack_passing(item),
        told=unpack_told(item),
        **unpacked(item, CHECKPOINT),
    )


def pack_superseded(superseded: Mapping[int, model.Superseded]) -> bytes:
    """What stood in `failing` before: key to status, inverted (`~`) where a sweep no longer found it failing.

    The second number is 1 where it was told that its test had recovered.
    """
    items = superseded.items()
    return compact.pack_pairs(
        {key: (~one.status if one.gone else one.status, int(one.recovered)) for key, one in items}
    )


def unpack_superseded(packed: bytes) -> dict[int, model.Superseded]:
    """The inverse of `pack_superseded`."""
    return {
        key: model.Superseded(~status if status < 0 else status, gone=status < 0, recovered=bool(recovered))
        for key, (status, recovered) in compact.unpack_pairs(packed).items()
    }


def sent_item(sent: Sequence[model.Sent], name: str) -> Item:
    """What was published, as an item; `name` says of which outbox it was, and of which version of that.

    Where not everybody was told the same, `each` has it apart; the rest is all of it together, as ever.
    """
    first = sent[0]
    keys = frozenset[int]().union(*(one.keys for one in sent))
    together = {destination: key for one in sent for destination, key in one.notifications.items()}
    return {
        **run_key(first.run_id),
        "sk": {"S": SENT + name},
        "at": {"S": first.at.isoformat()},
        "keys": {"B": compact.pack_ids(keys)},
        "notifications": {"M": {destination: {"S": key} for destination, key in together.items()}},
        **({"each": {"B": pack_each(sent)}} if len(sent) > 1 else {}),
        "expires_at": {"N": str(int((first.at + KEEP_SENT).timestamp()))},
    }


def sent_from(item: Mapping[str, Any]) -> list[model.Sent]:
    """The inverse of `sent_item`."""
    run_id, at = int(item["pk"]["S"].removeprefix("RUN#")), datetime.fromisoformat(item["at"]["S"])
    together = (
        compact.unpack_ids(item["keys"]["B"]),
        {destination: key["S"] for destination, key in item["notifications"]["M"].items()},
    )
    each = unpack_each(item["each"]["B"]) if "each" in item else [together]
    return [model.Sent(run_id, at, keys, notifications) for keys, notifications in each]


def sent_of(run_id: int, handed_over: Iterable[model.Outgoing], at: datetime) -> list[model.Sent]:
    """What is to be kept of digests that were handed over: who was told the same stands together."""
    found: dict[frozenset[int], list[dict[str, str]]] = {}
    for out in (one for one in handed_over if not one.digest.is_silent):  # of those nobody was told anything
        keys = out.digest.keys or (result.id for result in out.digest.results)
        alike = found.setdefault(frozenset(filter(None, keys)), [])
        notifications = next((one for one in alike if out.destination not in one), None)
        if notifications is None:
            alike.append(notifications := {})
        notifications[out.destination] = out.id
    return [model.Sent(run_id, at, keys, one) for keys, alike in found.items() for one in alike]


def pack_each(sent: Sequence[model.Sent]) -> bytes:
    """Who was told what, as deflated JSON."""
    content = {**packed_keys([one.keys for one in sent]), "notifications": [dict(one.notifications) for one in sent]}
    return zlib.compress(json.dumps(content).encode())


def unpack_each(packed: bytes) -> list[tuple[frozenset[int], dict[str, str]]]:
    """The inverse of `pack_each`."""
    content = json.loads(zlib.decompress(packed))
    notifications = content["notifications"]
    return list(zip(unpacked_keys(content, len(notifications)), notifications, strict=True))


def project_item(state: model.ProjectState) -> Item:
    """What we keep of a project, as an item."""
    return {**project_key(state.project_id), **packed(state, PROJECT)}


def project_from(item: Mapping[str, Any]) -> model.ProjectState:
    """The inverse of `project_item`."""
    return model.ProjectState(project_id=int(item["pk"]["S"].removeprefix("PROJECT#")), **unpacked(item, PROJECT))


def marks_key(run_id: int) -> Item:
    """The key of the marks that this run's is among."""
    return {"pk": {"S": f"MARKS#{run_id // BUCKET_RUNS:08d}"}, "sk": {"S": "RUNS"}}


def marks_from(item: Mapping[str, Any]) -> dict[int, bytes]:
    """The marks in an item: an attribute for each run, called like its id."""
    return {int(name): value["B"] for name, value in item.items() if name not in ("pk", "sk")}


def bucket_key(project_id: int, bucket: int, of: str = model.CASES) -> Item:
    """The key of one bucket of case names, or of folders."""
    return {"pk": {"S": f"{of}#{project_id}"}, "sk": {"S": f"{bucket:08d}"}}


def bucket_item(project_id: int, bucket: int, names: Mapping[int, str], of: str = model.CASES) -> Item:
    """Case names as an item: deflated JSON."""
    content = json.dumps({str(key): name for key, name in sorted(names.items())}, ensure_ascii=False)
    return {**bucket_key(project_id, bucket, of), "names": {"B": zlib.compress(content.encode(), 9)}}


def bucket_from(item: Mapping[str, Any]) -> dict[int, str]:
    """The inverse of `bucket_item`."""
    return {int(key): name for key, name in json.loads(zlib.decompress(item["names"]["B"])).items()}


def progress_key(project_id: int, of: str = model.CASES) -> Item:
    """The key of how far a project's case names are known."""
    return {"pk": {"S": f"{of}#{project_id}"}, "sk": {"S": "PROGRESS"}}


def progress_item(project_id: int, progress: model.CaseProgress, of: str = model.CASES) -> Item:
    """How far case names are known, as an item."""
    return {**progress_key(project_id, of), **packed(progress, PROGRESS)}


def progress_from(item: Mapping[str, Any]) -> model.CaseProgress:
    """The inverse of `progress_item`."""
    return model.CaseProgress(**unpacked(item, PROGRESS))


def pack_mail(check: model.MailCheck) -> str:
    """A look at the mailboxes as JSON."""
    raw = {"at": check.at.isoformat(), "lost": sorted(check.lost), "told": sorted(check.told)}
    since = {name: moment.isoformat() for name, moment in sorted(check.since.items())}
    more = {"of": sorted(check.of), "since": since}
    return json.dumps({**raw, "problem": check.problem, **{name: one for name, one in more.items() if one}})


def unpack_mail(packed: str) -> model.MailCheck:
    """The inverse of `pack_mail`."""
    raw = json.loads(packed)
    lost, told, of = (frozenset(raw.get(name, ())) for name in ("lost", "told", "of"))
    since = {name: datetime.fromisoformat(moment) for name, moment in raw.get("since", {}).items()}
    return model.MailCheck(datetime.fromisoformat(raw["at"]), lost, told, raw["problem"], of, since)


def pack_minutes(moments: Mapping[int, datetime]) -> bytes:
    """Ids and whole minutes: thousands of them share few."""
    return compact.pack_pairs({key: (int(moment.timestamp()) // 60, 0) for key, moment in moments.items()})


def unpack_minutes(packed: bytes) -> dict[int, datetime]:
    """The inverse of `pack_minutes`."""
    return {key: datetime.fromtimestamp(minute * 60, UTC) for key, (minute, _) in compact.unpack_pairs(packed).items()}


@dataclass(frozen=True, slots=True)
class Form:
    """How a value is stored: DynamoDB's letter for it, there and back."""

    letter: str
    pack: Callable[[Any], Any]
    unpack: Callable[[Any], Any]


NUMBER: Final = Form("N", str, int)
TEXT: Final = Form("S", str, str)
TIME: Final = Form("S", datetime.isoformat, datetime.fromisoformat)
IDS: Final = Form("B", compact.pack_ids, compact.unpack_ids)
TIMES_BY_ID: Final = Form("B", compact.pack_times, compact.unpack_times)
PAIRS: Final = Form("B", compact.pack_pairs, compact.unpack_pairs)
OUTBOX: Final = Form("B", pack_outbox, unpack_outbox)
COUNTS: Final = Form(
    "M",
    lambda counts: {str(key): {"N": str(number)} for key, number in counts.items()},
    lambda packed: {int(key): int(value["N"]) for key, value in packed.items()},
)
MOMENTS: Final = Form(
    "M",
    lambda moments: {name: {"S": moment.isoformat()} for name, moment in moments.items()},
    lambda packed: {name: datetime.fromisoformat(moment["S"]) for name, moment in packed.items()},
)
UNFINISHED: Final = Form(
    "S",
    lambda resume: json.dumps(asdict(resume), default=datetime.isoformat),
    lambda packed: resume_from(json.loads(packed)),
)
# Attributes are called like the fields of their noun, but for these of a checkpoint and of what is held.
ATTRIBUTES: Final[Mapping[str, str]] = {
    "superseded": "older",
    "swept_for": "swept",
    "passed": "passed_since",
    "between": "passed_between",
}
LEFT_OUT_IF_EMPTY: Final = frozenset(
    {
        *("seen", "failing", "superseded", "outbox", "swept_for", "rewound"),
        *("rows", "passed", "between", "untold_since"),
    }
)
CHECKPOINT: Final[Mapping[str, Form]] = {
    **dict.fromkeys(("project_id", "version"), NUMBER),
    **dict.fromkeys(("cursor", "floor", "silent_before", "read_at", "closed_at", "gone_at"), TIME),
    **dict.fromkeys(("waiting_since", "finished_for"), TIME),
    **dict.fromkeys(("watching", "swept_for", "rewound"), TEXT),
    **dict.fromkeys(("resume", "sweep"), UNFINISHED),
    "seen": TIMES_BY_ID,
    "failing": PAIRS,
    "superseded": Form("B", pack_superseded, unpack_superseded),
    "unconfirmed": IDS,
    "counters": COUNTS,
    "outbox": OUTBOX,
}
PROJECT: Final[Mapping[str, Form]] = {
    **dict.fromkeys(("watched_since", "gone_at", "looked_at"), TIME),
    **dict.fromkeys(("run_closed_count", "version"), NUMBER),
    "open_runs": IDS,
    "closing": TIMES_BY_ID,
}
PROGRESS: Final[Mapping[str, Form]] = {"newest": TIME, "completed_at": TIME, "next_page": NUMBER}
# The fields of what `Control` consists of.
CONTROL: Final[Mapping[str, Form]] = {
    **dict.fromkeys(("installed_at", "polled_at", "discovered_at", "closed_checked_at", "marks_at"), TIME),
    **dict.fromkeys(("not_before", "draining_until", "watched_at", "ended_at", "finished_since"), TIME),
    **dict.fromkeys(("projects", "run_ids", "undone", "unswept", "passed_statuses"), IDS),
    **dict.fromkeys(("hidden_runs", "undone_since"), TIMES_BY_ID),
    **dict.fromkeys(("watching", "marks_epoch", "held_by"), TEXT),
    "turns": Form("B", pack_minutes, unpack_minutes),
    **dict.fromkeys(("ceased", "untold_since"), MOMENTS),
    "statuses": Form(
        "S",
        lambda statuses: json.dumps(dict(statuses)),
        lambda packed: {name: tuple(ids) for name, ids in json.loads(packed).items()},
    ),
    "requests": COUNTS,
    "sent": Form("B", compact.pack_ids, compact.unpack_sorted),
    "pauses": Form(
        "S",
        lambda pauses: json.dumps([[one.began_at.isoformat(), one.ended_at.isoformat()] for one in pauses]),
        lambda packed: tuple(model.Pause(*map(datetime.fromisoformat, pair)) for pair in json.loads(packed)),
    ),
    "mail": Form("S", pack_mail, unpack_mail),
    "troubles": Form(  # of each its times, one or two
        "S",
        lambda troubles: json.dumps(
            {name: [at.isoformat() for at in (it.seen_at, it.over_at) if at] for name, it in sorted(troubles.items())}
        ),
        lambda packed: {
            name: model.Trouble(*map(datetime.fromisoformat, at)) for name, at in json.loads(packed).items()
        },
    ),
    "wrong_files": Form("S", json.dumps, lambda packed: tuple(json.loads(packed))),
}


SUBJECTS: Final = ("looked", "left", "watching", "budget", "health")  # of `Control`; the rest only others write


def packed(noun: Any, forms: Mapping[str, Form], once: Once | None = None) -> Item:  # noqa: ANN401 - whatever has these
    """The attributes of a noun, without what is None or, of some, empty."""
    once = once or Once()
    values = {name: getattr(noun, name) for name in forms}
    there = {name: one for name, one in values.items() if one or (one is not None and name not in LEFT_OUT_IF_EMPTY)}
    item: Any = {
        ATTRIBUTES.get(name, name): {forms[name].letter: once(name, forms[name], one)} for name, one in there.items()
    }
    return dict(item)


def unpacked(item: Mapping[str, Any], forms: Mapping[str, Form]) -> dict[str, Any]:
    """The fields that an item has."""
    attributes = {name: ATTRIBUTES.get(name, name) for name in forms}
    return {
        name: forms[name].unpack(item[attribute][forms[name].letter])
        for name, attribute in attributes.items()
        if attribute in item
    }


def control_values(control: model.Control) -> Item:
    """What the poller keeps about itself, without key and lease, and without what is None and what others write."""
    item: Item = {}
    for subject in (getattr(control, name) for name in SUBJECTS):
        item |= packed(subject, forms_of(subject))
    return item


def control_from(item: Mapping[str, Any]) -> model.Control:
    """The inverse of `control_values`; an item that only ever held a lease gives the empty one."""
    empty = model.Control()
    subjects: dict[str, Any] = {name: getattr(empty, name) for name in SUBJECTS}
    control = model.Control(**{name: replace(one, **unpacked(item, forms_of(one))) for name, one in subjects.items()})
    silences, unread = unpack_silences(item.get(SILENCES, {}))
    bots = frozenset(item.get(BOTS, {}).get("SS", ()))
    control = replace(control, silences=silences, unread_silences=unread, bots=bots)
    if "troubles" in item or "undone" not in item:
        return control
    # Version 1.0 kept none: it is as if its last poll had met each of them, so that the end of each is said.
    met = dict.fromkeys(TROUBLES_OF_1_0, model.Trouble(control.looked.polled_at or LONG_AGO))
    return replace(control, health=replace(control.health, troubles=met))


def forms_of(subject: Any) -> dict[str, Form]:  # noqa: ANN401 - each of those that `Control` consists of
    """How its fields are stored."""
    return {one.name: CONTROL[one.name] for one in fields(subject)}
