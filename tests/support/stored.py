"""Everything the product stores, as DynamoDB would get it: the real adapters, whose requests are kept and not sent."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast
from unittest.mock import patch

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from testmo_notifier.adapters import overflow
from testmo_notifier.adapters.compact import unpack, unpack_ids, unpack_pairs, unpack_sorted, unpack_times
from testmo_notifier.adapters.destinations import States, change_pace
from testmo_notifier.adapters.idempotency import DeliveryRecords
from testmo_notifier.adapters.items import unpack_minutes
from testmo_notifier.adapters.store import Store
from testmo_notifier.delivery.pacing import after_failure
from testmo_notifier.model import (
    CaseProgress,
    Change,
    Checkpoint,
    Counters,
    Envelope,
    Held,
    Issue,
    Kind,
    Look,
    MailCheck,
    Mention,
    Passing,
    Pause,
    ProjectState,
    QueuedMessage,
    Receipt,
    RecoveryGroup,
    Resume,
    Silenced,
    Standing,
    Superseded,
    Told,
    Trouble,
)
from tests.support.bots import Bots, Killed, make_message
from tests.support.factories import START, at, make_control, make_digest, make_named, make_outgoing, make_silence
from tests.support.fakes import FakeLambdaContext
from tools.ops.silence import put

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

Item = dict[str, Any]

RESULT = make_named(
    538,
    test_id=2041,
    note="Login page shows a blank screen",
    elapsed_us=240_000_000,
    assignee_id=8,
    assignee="Grace H.",
    issues=(Issue(71, "SHOP-123", 4, "SHOP", 10_001),),
    updated_at=at(5),
    updated_by=8,
    updated_by_name="Grace H.",
    previous_status="Blocked",
    reason="recovered",
    streak=3,
    since=at(-7200),
    folder_id=21,
    folder="Accounts",
)
SILENCED = Silenced(2, "Ada L.", at(3600))
KIND = Kind("failing", 3, "Failed", "again", ("payments",), (Mention("Grace H.", 8),), ("slack:lead",))
DIGEST = make_digest(
    [RESULT],
    milestone="4.2",
    configuration="Safari 17",
    omitted=1,
    counters=Counters({2: 54, 3: 7}, success=54, failure=7, completed=61, total=61),
    keys=frozenset({538, 539}),
    about="recovered",
    reasons=("recovered",),
    routes=("payments",),
    mentions=(Mention("Grace H.", 8), Mention("oncall", is_group=True)),
    held_since=at(-3600),
    passed_since=1,
    silenced=(SILENCED,),
    status_names=((8, "WIP"),),
)
FOLDED_DIGEST = replace(
    DIGEST,
    about="folded",
    results=(),
    counts={},
    keys=frozenset(),
    reasons=(),
    silenced=(),
    parts=(replace(DIGEST, standings=(Standing(3, "Failed", frozenset({2041, 2042})),), order=41_000),),
)
HELD = Held(
    run_id=12,
    destination="slack:default",
    cause="quiet",
    due=at(82_800),
    since=at(-3600),
    frame=replace(DIGEST, keys=frozenset(), routes=(), mentions=(), held_since=None, passed_since=0, silenced=()),
    rows={538: (2041, 0), 539: (2042, 1)},
    kinds=(KIND, replace(KIND, status_id=5, status="Blocked", reason="new", mentions=())),
    passed=frozenset({2042}),
    between=frozenset({2041}),
    end=make_digest(about="finished", reasons=("finished",)),
    also=("slack:lead",),
    order=41_000,
    version=1,
)
ENVELOPE = Envelope(
    "b7e23ec2", (make_outgoing(FOLDED_DIGEST, "slack:default", "3fdc6f09"),), at(0), order=41_000, version=1
)
RECOVERY_GROUP = RecoveryGroup(
    frozenset({"slack:default"}),
    "Passed",
    (make_named(551, test_id=2041, status_id=2, status="Passed"),),
    frozenset({"slack:lead"}),
)
LOOK = Look(Resume(None, 3, 210, at(58), "/desc"), frozenset({2041, 2042}), {2041: (551, 0)}, (RECOVERY_GROUP,))
PASSING = Passing(
    cursor=at(50),
    resume=Resume(at(-251), 2, 140, at(58), "2/asc"),
    due=frozenset({2042}),
    looked_at=at(-3000),
    short_by=1,
    look=LOOK,
    look_first=True,
)
CHECKPOINT = Checkpoint(
    run_id=12,
    project_id=3,
    cursor=at(60),
    floor=at(-240),
    seen={538: at(60), 539: at(60)},
    failing={2041: (538, 3), 2042: (539, 5)},
    superseded={497: Superseded(3, gone=True, recovered=True), 501: Superseded(5)},
    counters={1: 40, 2: 54, 3: 7, 5: 1},
    watching="3,5//",
    resume=Resume(at(-241), 7, 640, at(58), "3,5//"),
    sweep=Resume(None, 3, 210, at(58), "3,5//"),
    swept_for="3,5//",
    silent_before=at(-3600),
    outbox=(
        make_outgoing(DIGEST, "slack:default", "5e0c1d7a"),
        make_outgoing(replace(DIGEST, mentions=()), "event", "90af3b12"),
    ),
    version=41,
    read_at=at(61),
    closed_at=at(30),
    gone_at=at(-900),
    rewound=at(-7200).isoformat(),
    unconfirmed=frozenset({2042}),
    passing=PASSING,
    finished_for=at(-43_200),
    told={2041: Told(3, at(-7200), at(0), frozenset({"slack:default"}))},
    waiting_since=at(40),
)
PROJECT = ProjectState(
    project_id=3,
    watched_since=at(-86_400),
    run_closed_count=5,
    open_runs=frozenset({12, 15}),
    closing={11: at(30)},
    gone_at=at(-900),
    looked_at=at(60),
    version=9,
)
MAIL = MailCheck(
    at=at(-600),
    lost=frozenset({"OpsEmailAddress"}),
    told=frozenset({"OpsEmailAddress"}),
    problem="AWS does not tell who is subscribed: Throttling",
    of=frozenset({"email:default"}),
    since={"OpsEmailAddress": at(-4200)},
)
OVER = Trouble(at(-5400), over_at=at(-1200))
CONTROL = make_control(
    installed_at=at(-86_400),
    polled_at=at(60),
    discovered_at=at(60),
    closed_checked_at=at(-1200),
    not_before=at(90),
    draining_until=at(960),
    undone=frozenset({15}),
    turns={17: at(-120)},
    marks_at=at(60),
    marks_epoch="2026-11-22T09:00:00+00:00",
    undone_since={15: at(-60)},
    unswept=frozenset({12}),
    statuses={"needs info": (9,)},
    passed_statuses=frozenset({2, 8}),
    finished_since=at(-86_400),
    held_by="5e0c1d7a90af3b12",
    requests={1_795_420_860: 3},
    sent=(1_795_420_860_120, 1_795_420_860_120, 1_795_420_860_371),
    watching="3,5//",
    watched_at=at(60),
    untold_since={"needs info": at(-3_600)},
    ceased={"3//": at(-7200)},
    projects=frozenset({3, 4}),
    run_ids=frozenset({12, 15}),
    hidden_runs={18: at(-900)},
    ended_at=at(64),
    pauses=(Pause(at(-50_400), at(-7200)),),
    mail=MAIL,
    troubles={"Invisible": Trouble(at(-900)), "SettingsProblems": OVER},
    wrong_files=("people.toml:3: no id; until this is corrected and deployed, nobody is mentioned",),
)
SILENCE = make_silence(
    match={"project": ("Shop", 7), "run": ("*payment*",)}, exclude={"status": ("Blocked",)}, created_at=at(-900)
)
PROGRESS = CaseProgress(newest=at(-60), next_page=1, completed_at=at(60))
FULL = (
    RESULT,
    DIGEST,
    CHECKPOINT,
    PROJECT,
    CONTROL.looked,
    CONTROL.left,
    CONTROL.watching,
    CONTROL.budget,
    CONTROL.health,
    PROGRESS,
    DIGEST.counters,
    RESULT.issues[0],
    CHECKPOINT.resume,
    PASSING,
    LOOK,
    RECOVERY_GROUP,
    MAIL,
    OVER,
    SILENCE,
    SILENCED,
    KIND,
    HELD,
    ENVELOPE,
)


def left_at_their_defaults() -> list[str]:
    """The fields that the examples above do not fill, so that nobody could see how they are stored."""
    return [
        f"{type(noun).__name__}.{field.name}"
        for noun in FULL
        for field in fields(cast("Any", noun))
        if getattr(noun, field.name) in (None, field.default if field.default is not MISSING else None, (), {}, "")
        and f"{type(noun).__name__}.{field.name}"
        not in (
            "CaseProgress.next_page",
            "Digest.omitted",
            "Digest.parts",
            "Digest.standings",  # of parts
            "Digest.order",
            "Digest.is_silent",  # it is sent to nobody who could keep it
            "Checkpoint.overflow",
            "Checkpoint.outbox_bytes",
        )
    ]


class Recorder:
    """A DynamoDB that takes everything, keeps what was asked, and holds nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Item]] = []
        self.client = boto3.client(
            "dynamodb", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
        )
        self.client.meta.events.register("before-send.dynamodb.*", self._answer)

    def _answer(self, request: Any, **_: object) -> Any:  # noqa: ANN401 - botocore's events have no types
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        self.asked.append((operation, json.loads(request.body)))
        body = {"BatchGetItem": b'{"Responses": {}, "UnprocessedKeys": {}}', "UpdateItem": b'{"Attributes": {}}'}
        return AWSResponse(request.url, 200, cast("Any", {}), Raw(body.get(operation, b"{}")))

    def written(self) -> Iterator[Item]:
        """Each item that was put, and of each update the attributes that it sets (and whatever it removes)."""
        for operation, asked in self.asked:
            if operation == "PutItem":
                yield asked["Item"]
            elif operation == "TransactWriteItems":
                for action in asked["TransactItems"]:
                    if "Delete" not in action:
                        yield action["Put"]["Item"] if "Put" in action else updated(action["Update"])
            elif operation == "UpdateItem":
                yield updated(asked)


def updated(asked: Item) -> Item:
    """The key of an update, and the attributes that it sets, or adds to."""
    names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
    item = dict(asked["Key"])
    for path, value in re.findall(r"([#\w.]+)(?: =)? (:\w+)", asked["UpdateExpression"]):
        outer, *inner = (names.get(name, name) for name in path.split("."))
        item[outer] = {"M": {inner[0]: values[value]}} if inner else values[value]
    return item


class Raw:
    """The body of an answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


def everything_stored() -> list[Item]:
    """One item of each kind, with every attribute it can have, as the adapters write it."""
    recorder = Recorder()
    store = Store(recorder.client, "state", holder="2f1c8a")
    store.take_lease(START, timedelta(seconds=30))
    store.save_control(CONTROL, release=False)
    put(recorder.client, "state", SILENCE)
    with patch.object(overflow, "MAX_SETS_BYTES", 0):  # as if there were no room for what is failing
        store.commit(
            replace(CHECKPOINT, seen={}, superseded={}, unconfirmed=None, passing=None, told={}, outbox=(), version=40)
        )
    store.commit(replace(CHECKPOINT, version=40), lambda _: bytes.fromhex("c0ffee0123456789006a22c445"))
    store.commit(replace(CHECKPOINT, outbox=()))  # closed and told: it expires
    first = CHECKPOINT.outbox[0]
    lead = replace(first, id="17c2be40", destination="slack:lead", digest=replace(first.digest, keys=frozenset({540})))
    store.clear(CHECKPOINT, (*CHECKPOINT.outbox, lead), at=at(62))
    store.release([Change(None, HELD)], ENVELOPE)
    store.clear_envelope(ENVELOPE, (*ENVELOPE.outbox, lead), at=at(62))
    store.commit_project(replace(PROJECT, version=8))
    store.save_case_names(3, {120: "Login with an expired password", 121: "Log out"})
    store.save_case_progress(3, PROGRESS)
    change_pace(
        recorder.client, "state", "slack:default", lambda pace: after_failure(pace, START, "5e0c1d7a", receives=1)
    )
    states = States(recorder.client, "state", lambda: at(62))
    states.change("slack:default", "12", lambda _: (state_of_a_bot(), None))
    states.announce(pytest.fail)
    message = QueuedMessage("q-1", "handle", 1, "{}", id="5e0c1d7a", destination="slack:default")
    context = cast("LambdaContext", FakeLambdaContext())
    DeliveryRecords(recorder.client, "state").once(
        message, lambda: Receipt(datetime(2026, 11, 23, 9, 1, 3, tzinfo=UTC), text_only=False), context=context
    )
    return merged(recorder.written())


def state_of_a_bot() -> Item:
    """What a bot keeps of a run, while it edits its message."""
    bots, digest = Bots(now=at(62)), replace(DIGEST, about="failing")
    bots.settle(make_message(digest, "5e0c1d7a", 41_000))
    bots.between = dies_at_an_edit
    with suppress(Killed):
        bots.run(make_message(replace(digest, about="finished", omitted=0), "77aa01c2", 42_000))
    return dict(bots.states["slack:default", "12"])


def dies_at_an_edit(what: str) -> None:
    if what == "before chat.update":
        raise Killed


def merged(writes: Iterator[Item]) -> list[Item]:
    """All attributes of each item together: they are written at different times."""
    by_key: dict[tuple[str, str], Item] = {}
    for item in writes:
        by_key.setdefault((item["pk"]["S"], item["sk"]["S"]), {}).update(item)
    return list(by_key.values())


def inflated(packed: bytes) -> Any:  # noqa: ANN401 - JSON
    return json.loads(zlib.decompress(packed))


def unpack_numbers(packed: bytes) -> list[int]:
    return list(unpack(packed))


UNPACK: Final[dict[str, Callable[[bytes], Any]]] = {
    **dict.fromkeys(("seen", "closing", "undone_since", "hidden_runs"), unpack_times),
    **dict.fromkeys(("failing", "older", "content", "passed", "rows"), unpack_pairs),
    **dict.fromkeys(("open_runs", "undone", "unswept", "projects", "run_ids", "keys", "unconfirmed"), unpack_ids),
    **dict.fromkeys(("passed_statuses", "awaited", "looking", "passed_since", "passed_between"), unpack_ids),
    **dict.fromkeys(("names", "outbox", "passing", "each", "news"), inflated),
    "12": bytes.hex,
    "turns": unpack_minutes,
    "told": unpack_numbers,
    "sent": unpack_sorted,
}


def readable(item: Item) -> dict[str, Any]:
    """An item as a person would write it: packed values unpacked, JSON in texts taken out of them."""
    shown = {name: plain(name, value) for name, value in item.items()}
    for content in (shown[name] for name in ("outbox", "each") if name in shown):
        content["keys"] = [sorted(unpack_ids(base64.b64decode(keys))) for keys in content["keys"]]
        for part in (part for digest in content.get("digests", ()) for part in digest.get("parts", ())):
            part["keys"] = sorted(unpack_ids(base64.b64decode(part["keys"])))
            part["standings"] = [[*of, sorted(unpack_ids(base64.b64decode(tests)))] for *of, tests in part["standings"]]
    return cast("dict[str, Any]", json.loads(json.dumps(shown, default=as_json)))


def plain(name: str, attribute: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return int(value)
        case "M":
            return {key: plain(key, inner) for key, inner in value.items()}
        case "L":
            return [plain(name, inner) for inner in value]
        case "SS":
            return sorted(value)
        case "B":
            return UNPACK[name](base64.b64decode(value))
    return json.loads(value) if value.startswith(("{", "[")) else value


def as_json(value: Any) -> Any:  # noqa: ANN401 - JSON
    return value.isoformat() if isinstance(value, datetime) else sorted(value)


def kind_of(item: Item) -> str:
    """The kind of an item as the headings of docs/state.md write it."""
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    kinds = {
        r"RUN#\d+ / CHECKPOINT": "RUN#<run> / CHECKPOINT",
        r"RUN#\d+ / SENT#\d{8}": "RUN#<run> / SENT#<version>",
        r"RUN#\d+ / SENT#[0-9a-f]+#\d{8}": "RUN#<run> / SENT#<envelope>#<version>",
        r"RUN#\d+ / HELD#[^#]+#[^#]+": "RUN#<run> / HELD#<destination>#<cause>",
        r"HELD#[-0-9T:.+]{32} / \d+#[^#]+#[^#]+": "HELD#<due> / <run>#<destination>#<cause>",
        r"ENVELOPE#[^#]+ / OUTBOX": "ENVELOPE#<id> / OUTBOX",
        r"RUN#\d+ / SET#\d{8}#[a-z]+#[0-9a-f]{16}#\d+": "RUN#<run> / SET#<version>#<attribute>#<hash>#<part>",
        r"PROJECT#\d+ / STATE": "PROJECT#<project> / STATE",
        r"MARKS#\d{8} / RUNS": "MARKS#<bucket> / RUNS",
        r"CONTROL / POLLER": "CONTROL / POLLER",
        r"CASES#\d+ / \d{8}": "CASES#<project> / <bucket>",
        r"CASES#\d+ / PROGRESS": "CASES#<project> / PROGRESS",
        r"DELIVERY#[^#]+ / slack#[0-9a-f]{64}": "DELIVERY#<destination> / slack#<hash>",
        r"DESTINATION#[^#]+ / SLOT": "DESTINATION#<destination> / SLOT",
        r"DESTINATION#[^#]+ / RUN#\d+": "DESTINATION#<destination> / RUN#<run>",
    }
    return next((kind for pattern, kind in kinds.items() if re.fullmatch(pattern, f"{pk} / {sk}")), f"{pk} / {sk}")
