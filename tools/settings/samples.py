"""Digests to look at and to check templates with: a realistic one, and the edges of what can happen.

They are made as the poller makes them (rows of Testmo, `DigestBuilder`), so they are as short, clean and capped as
in life.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from testmo_notifier.adapters import testmo_rows
from testmo_notifier.model import (
    AGAIN,
    CHANGED,
    FINISHED,
    NEW,
    QUIET,
    RECOVERED,
    Counters,
    Digest,
    Expands,
    Held,
    Hold,
    Issue,
    Kind,
    Mention,
    Outgoing,
    Result,
    Run,
    Silenced,
)
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.notices.fold import folded
from testmo_notifier.notices.merge import told_of, with_news, with_passed
from testmo_notifier.polling.case_names import Known, with_names

TESTMO_URL: Final = "https://example.testmo.net"
MOMENT: Final = datetime(2026, 11, 23, 14, 3, tzinfo=UTC)
PASSED, FAILED, BLOCKED, CUSTOM = 2, 3, 5, 8

EXPANDS: Final = Expands(
    users={1: "Ada Lovelace", 2: "Grace Hopper", 3: "Alan Turing"},
    issues={
        71: Issue(71, "SHOP-123", 4, "SHOP", 10001),
        72: Issue(72, "#48", 2, "acme/shop", 48_001),
        73: Issue(73, "SHOP-9", 4, "SHOP", 10001),
        74: Issue(74, "OPS-7", 5, "OPS", 7),
    },
    statuses={3: "Failed", 5: "Blocked", 8: "Needs info"},
)
CASES: Final[Mapping[int, str]] = {
    501: "Login with an expired password",
    502: "Voucher that has expired is refused",
    503: "Pay with a credit card that needs a second factor",
    504: "Screen reader reads price and availability",
}
FOLDERS: Final[Mapping[int, str]] = {501: "11 Accounts", 502: "12 Checkout", 503: "13 Payment"}  # as they are kept
RUN: Final = Run(
    id=314,
    project_id=7,
    name="Release 4.2 regression",
    is_closed=False,
    created_at=MOMENT - timedelta(days=2),
    closed_at=None,
    counters=Counters({1: 40, 2: 54, 3: 7, 5: 1}, success=54, failure=7, completed=62, total=102),
    milestone="4.2",
    configuration="Safari 17",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """A digest, and what it is an example of."""

    words: str
    digest: Digest

    def outgoing(self, destination: str) -> Outgoing:
        """The digest on its way to a destination."""
        return Outgoing("0123456789abcdef0123456789abcdef", destination, self.digest)


NAMES: Final = (
    *("release", "one", "sixty", "again", "recovered", "finished", "all-passed", "held", "night", "folded"),
    *("custom-status", "no-names", "minimal", "malformed", "hostile", "huge"),
)


def samples(names: Sequence[str] = NAMES) -> dict[str, Sample]:
    """Samples by their names, the realistic one first; only those asked for are made (one is huge)."""
    return {name: sample(name) for name in names}


@cache
def sample(name: str) -> Sample:
    """One sample."""
    words = (
        ("four results of a release, with notes, people and issues", release),
        ("one result", one),
        ("sixty results at once", sixty),
        ("tests that failed before, with people to call", again),
        ("tests that passed again", recovered),
        ("a run that was closed with failing tests in it", finished),
        ("a run that was closed with none", all_passed),
        ("what was held over night, and what is silenced", held),
        ("a run that failed, recovered and finished over night", night),
        ("a storm: 45 runs in one message", storm),
        ("a status that an administrator made", custom_status),
        ("cases whose names are not known yet", no_names),
        ("the least that Testmo says", minimal),
        ("rows that cannot be understood", malformed),
        ("text that tries to break out, or to call people", hostile),
        ("everything as long as it can get", huge),
    )
    about, make = dict(zip(NAMES, words, strict=True))[name]
    return Sample(about, make())


def release() -> Digest:
    """The usual message."""
    return digest(
        [
            result(
                501,
                note="<p>Login page shows a <b>blank screen</b> after submitting.</p><p>Console: <code>TypeError: "
                "session is null</code></p>",
                elapsed_us=245_000_000,
                assignee_id=2,
                issue_ids=(71, 72),
                updated_at=MOMENT + timedelta(minutes=3),
                updated_by=1,
            ),
            result(502, minutes=1, created_by=2, note="<p>Voucher is taken although it ended yesterday</p>"),
            result(503, minutes=4, created_by=3, issue_ids=(71, 73, 74, 72), is_latest=False),
            result(504, minutes=6, status_id=BLOCKED, note="<ul><li>No staging device</li><li>Ordered one</li></ul>"),
        ],
        folders=FOLDERS,
    )


def one() -> Digest:
    """The shortest message there is in daily life."""
    return digest([result(501, elapsed_us=245_000_000)])


def sixty() -> Digest:
    """More than one message names."""
    rows = [result(600 + n, minutes=n, status_id=FAILED if n % 9 else BLOCKED, note="<p>500</p>") for n in range(60)]
    return digest(rows, cases={600 + n: f"Checkout in country {n + 1}" for n in range(60)})


def again() -> Digest:
    """Failing for some time, with the same note, under another status; by two routes."""
    note = "<p>provider_unreachable</p>"
    rows = [
        *(result(501 + n, minutes=n, created_by=1 + n % 2, note=note, assignee_id=2) for n in range(3)),
        result(504, minutes=6, status_id=BLOCKED, note="<p>No staging device</p>", assignee_id=3),
        result(505, minutes=9),
    ]
    made = digest(rows, cases={**CASES, 505: "Basket keeps its items"})
    since = MOMENT - timedelta(days=2, hours=4)
    told = [
        replace(row, reason=AGAIN, streak=3, since=since + timedelta(minutes=n)) if n < len(CASES) - 1 else row
        for n, row in enumerate(made.results)
    ]
    told[3] = replace(told[3], reason=AGAIN)
    told[4] = replace(told[4], reason=CHANGED, previous_status="Failed")
    return replace(
        made,
        results=tuple(told),
        reasons=(AGAIN, CHANGED),
        routes=("payments", "the rest"),
        mentions=(Mention("Grace Hopper", 2), Mention("payments-oncall", is_group=True)),
    )


def recovered() -> Digest:
    """They failed, and pass now."""
    rows = [result(501 + n, minutes=n, status_id=PASSED, created_by=1 + n % 2) for n in range(3)]
    made = digest(rows)
    since = MOMENT - timedelta(days=2, hours=4)
    told = [replace(row, reason=RECOVERED, streak=n, since=since if n else None) for n, row in enumerate(made.results)]
    return replace(made, about=RECOVERED, results=tuple(told), reasons=(RECOVERED,), routes=("payments",))


def finished() -> Digest:
    """Closed, with what still fails."""
    made = again()
    told = tuple(replace(row, reason=FINISHED, previous_status=None) for row in made.results)
    counters = Counters({2: 94, 3: 4, 5: 1, 6: 3}, success=94, failure=4, completed=102, total=102)
    return replace(
        made, about=FINISHED, counters=counters, results=told, reasons=(FINISHED,), routes=("the rest",), mentions=()
    )


def all_passed() -> Digest:
    """Closed, and nothing fails."""
    counters = Counters({2: 102}, success=102, completed=102, total=102)
    return replace(finished(), counters=counters, total=0, counts={}, results=(), keys=frozenset())


def held() -> Digest:
    """What was collected for some hours: some of it passed since, one test failed again, two results are silenced."""
    (told,) = told_of(held_of(RUN, again(), passed=(4_501, 4_505), between=(4_502,)))
    return replace(told.digest, silenced=(Silenced(2, "Ada Lovelace", MOMENT + timedelta(hours=2)),))


def night() -> Digest:
    """The same run as `held`, where other tests passed again and the run was closed before the night was over."""
    kept = held_of(RUN, again(), passed=(4_501,), between=(4_502,))
    first, *others = finished().results  # that one has passed since; another had failed before the night
    url = first.url.replace("4501", "4508")
    another = replace(first, id=9_508, test_id=4_508, case_id=508, case_name="Search by colour", url=url)
    end = replace(finished(), results=(another, *others))
    for one in (recovered_over_night(), end):
        kinds = tuple(Kind(one.about, PASSED, "Passed", one.about, one.routes) for _ in one.results[:1])
        rows = {row.id or 0: (row.test_id or 0, 0) for row in one.results} if one.about == RECOVERED else {}
        news = replace(Outgoing("", "slack:default", one), rows=rows, kinds=kinds)
        kept = with_news(kept, news, Hold(QUIET, kept.due), now=MOMENT, order=kept.order)
    (told,) = told_of(kept)
    return told.digest


def recovered_over_night() -> Digest:
    """Tests that had failed before the night."""
    cases = {506: "Basket is kept for a week", 507: "Gift card with a note"}
    rows = [result(key, minutes=40 + key % 7, status_id=PASSED, created_by=2) for key in cases]
    made = digest(rows, cases=cases)
    since = MOMENT - timedelta(days=1, hours=2)
    told = [replace(row, reason=RECOVERED, streak=2, since=since) for row in made.results]
    return replace(made, about=RECOVERED, results=tuple(told), reasons=(RECOVERED,), routes=("payments",))


def storm() -> Digest:
    """A provider is down, and every run of the night says so; some have other troubles, too."""
    projects = {7: "Shop", 8: "Billing", 9: "Warehouse", 10: "Mobile apps"}
    folders = {7: "27 Payment", 8: "28 Invoices", 9: "29 Stock"}
    runs = []
    for n in range(45):
        key = 7 + n % len(projects)
        run = replace(RUN, id=314 + n, project_id=key, name=f"Nightly {n + 1}", milestone=None, configuration=None)
        note = "<p>provider_unreachable</p>" if n % 3 else ""
        rows = [result(600 + 20 * n + k, minutes=n, note=note, created_by=1 + (n + k) % 3) for k in range(1 + n % 7)]
        rows += [result(600 + 20 * n + 19, status_id=BLOCKED, note="<p>No device</p>")] if n % 20 == 0 else []
        cases = {row.case_id or 0: f"Checkout in country {row.case_id}" for row in rows}
        made = digest(
            rows, cases=cases, folders=dict.fromkeys(cases, folders.get(key, "")), run=run, project=projects[key]
        )
        told = replace(made, reasons=(NEW,), routes=("nights",))
        runs.append(held_of(run, told, passed=(4_600 + 20 * n,) if n % 9 == 8 else ()))  # noqa: PLR2004
    return folded("slack:default", runs).digest


def held_of(run: Run, told: Digest, *, passed: Sequence[int] = (), between: Sequence[int] = ()) -> Held:
    """A digest that is held since four hours before, when some of its tests have passed, and some failed again."""
    kinds = tuple(
        Kind(told.about, row.status_id or 0, row.status, row.reason or NEW, told.routes, told.mentions)
        for row in told.results
    )
    rows = {row.id or 0: (row.test_id or 0, number) for number, row in enumerate(told.results)}
    news = replace(Outgoing("", "slack:default", told), rows=rows, kinds=kinds)
    since, due = MOMENT - timedelta(hours=4), MOMENT
    kept = with_news(None, news, Hold(QUIET, due), now=since, order=run.id)
    return replace(with_passed(kept, passed), between=frozenset(between))


def custom_status() -> Digest:
    """An instance's own status, first alone and then with the usual ones."""
    return digest([result(501), result(502, minutes=1, status_id=CUSTOM, note="<p>Which price is right?</p>")])


def no_names() -> Digest:
    """Before the names of a project's cases were read."""
    return digest([result(501), result(502, minutes=1, status_id=BLOCKED)], cases={})


def minimal() -> Digest:
    """Nothing but ids."""
    run = Run(314, 7, "", is_closed=False, created_at=None, closed_at=None, counters=Counters())
    return digest([Result(1, 1, 1, None, FAILED)], cases={}, run=run, expands=Expands())


def malformed() -> Digest:
    """Rows as they must not be, read as far as possible."""
    rows = [{}, "not an object", {"id": "x", "status_id": None, "created_at": "yesterday", "issues": "none"}]
    return digest([testmo_rows.result(row) for row in rows], cases={}, expands=Expands())


def hostile() -> Digest:
    """Markup of Slack, Jinja and HTML, mentions, control characters, writing that runs backwards."""
    text = (
        "<!channel> <@U1> @here *b* `c` {{ message }} {% raw %} &lt;b&gt; | <https://evil.example|x> \x1b[2J \u202eabc"
        "\r\n> q"
    )
    people = {1: text, 2: text}
    expands = Expands(users=people, issues={71: Issue(71, text, 4, text, -1)}, statuses={FAILED: text})
    run = replace(RUN, name=text, milestone=text, configuration=text)
    return digest(
        [result(501, note=f"<p>{text}</p><script>alert(1)</script>", assignee_id=2, issue_ids=(71,))],
        cases={501: text},
        folders={501: f"11 {text}"},
        run=run,
        expands=expands,
    )


def huge() -> Digest:
    """Everything at its limit, many times."""
    long = "&<>\U0001f9ea" * 100
    expands = Expands(
        users={1: long, 2: long},
        issues={n: Issue(n, f"{'X' * 38}-{n}", 4, "Y" * 300, 2**62) for n in range(12)},
        statuses={FAILED: long, CUSTOM: long},
    )
    rows = [
        result(600 + n, minutes=n, status_id=CUSTOM if n % 2 else FAILED, note=f"<p>{long}</p>", assignee_id=2)
        for n in range(120)
    ]
    rows = [row._replace(issue_ids=tuple(range(12)), elapsed_us=10**15) for row in rows]
    run = replace(RUN, name=long, milestone=long, configuration=long)
    cases = {600 + n: long for n in range(120)}
    return digest(rows, cases=cases, folders=dict.fromkeys(cases, f"{2**62} {long}"), run=run, expands=expands)


def result(  # noqa: PLR0913 - a factory defaults everything
    case_id: int,
    *,
    minutes: int = 0,
    status_id: int = FAILED,
    created_by: int = 1,
    is_latest: bool = True,
    note: str = "",
    elapsed_us: int | None = None,
    assignee_id: int | None = None,
    issue_ids: tuple[int, ...] = (),
    updated_at: datetime | None = None,
    updated_by: int | None = None,
) -> Result:
    """A result of the test of a case, so many minutes before `MOMENT`."""
    return Result(
        key=9_000 + case_id,
        id=9_000 + case_id,
        test_id=4_000 + case_id,
        case_id=case_id,
        status_id=status_id,
        is_latest=is_latest,
        note=note,
        elapsed_us=elapsed_us,
        assignee_id=assignee_id,
        issue_ids=issue_ids,
        created_at=MOMENT - timedelta(minutes=minutes),
        created_by=created_by,
        updated_at=updated_at,
        updated_by=updated_by,
    )


def digest(
    rows: Sequence[Result],
    *,
    cases: Mapping[int, str] = CASES,
    folders: Mapping[int, str] = {},
    run: Run = RUN,
    project: str = "Shop",
    expands: Expands = EXPANDS,
) -> Digest:
    """Results as the poller would announce them."""
    builder = DigestBuilder(TESTMO_URL, run, project)
    builder.add(rows, expands)
    made = builder.build()
    return with_names(made, {made.project_id: Known(cases, folders)})
