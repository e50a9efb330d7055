"""`silence`: what may be asked for, and how silences and what they hold are told."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from testmo_notifier.errors import ConfigurationError
from testmo_notifier.model import Control, Envelope, Held, Silence
from tests.support.factories import START, at, make_digest, make_named, make_outgoing, make_silence
from tests.support.problems import with_next_steps
from tools.cli import main
from tools.ops import check_held, deliveries, held, records, silence
from tools.ops.held import Keeping
from tools.ops.silence_asked import Asked, look_over, silence_of

BERLIN = ZoneInfo("Europe/Berlin")  # 10:00 there at the START of every test


def made(*, now: datetime = START, zone: ZoneInfo = BERLIN, **asked: Any) -> Silence:  # noqa: ANN401 - flags
    usual = {"duration": "2h", "match": ("project=Shop",), "reason": "migration", "author": "ada"}
    if "until" in asked:
        del usual["duration"]
    return silence_of(Asked(**cast("Any", {**usual, **asked})), "5f3a", now=now, zone=zone)


def problems(**asked: Any) -> list[str]:  # noqa: ANN401 - flags
    with pytest.raises(ConfigurationError) as caught:
        made(**asked)
    return [str(one) for one in with_next_steps(caught.value.problems)]


# ----- Its end -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "lasts"),
    [
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("1d12h", timedelta(hours=36)),
        (" 1H30M ", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
    ],
)
def test_a_silence_lasts_as_long_as_it_is_asked_for(typed: str, lasts: timedelta) -> None:
    assert made(duration=typed).until == START + lasts


@pytest.mark.parametrize(
    ("typed", "until"),
    [
        ("16:00", "2026-11-23T15:00:00+00:00"),  # in the zone of the stack
        ("10:01", "2026-11-23T09:01:00+00:00"),
        ("10:00", "2026-11-24T09:00:00+00:00"),  # the next time that it is so late
        ("9:30", "2026-11-24T08:30:00+00:00"),
        ("2026-11-27T16:00", "2026-11-27T15:00:00+00:00"),
        ("2026-11-27 16:00", "2026-11-27T15:00:00+00:00"),
        ("2026-11-27T16:00+05:30", "2026-11-27T10:30:00+00:00"),
        ("2026-11-27T16:00Z", "2026-11-27T16:00:00+00:00"),
        ("2026-11-24", "2026-11-23T23:00:00+00:00"),  # as that day begins
    ],
)
def test_a_silence_ends_at_the_time_that_is_named(typed: str, until: str) -> None:
    found = made(until=typed).until
    assert (found.isoformat(), found.tzinfo) == (until, UTC)


def test_a_time_of_day_is_that_of_the_clocks_on_the_wall_when_summer_time_ends() -> None:
    evening = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)  # 22:00 in summer; the clocks go back at 03:00
    assert made(until="21:00", now=evening).until == datetime(2026, 10, 25, 20, 0, tzinfo=UTC)
    second_time = datetime(2026, 10, 25, 1, 40, tzinfo=UTC)  # 02:40 in Berlin, as it was an hour ago
    assert made(until="02:50", now=second_time).until == datetime(2026, 10, 25, 1, 50, tzinfo=UTC)
    first_time = second_time - timedelta(hours=1)
    assert made(until="02:50", now=first_time).until == datetime(2026, 10, 25, 0, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"duration": None}, "it has no end: give --for 30m, 2h or 1d12h, or --until 16:00"),
        ({"duration": "2h", "until": "16:00"}, "it has both --for and --until: keep one"),
        ({"duration": "2"}, "--for is '2': give --for 30m, 2h or 1d12h"),
        ({"duration": ""}, "--for is '': give --for 30m, 2h or 1d12h"),
        ({"duration": "two hours"}, "--for is 'two hours': give --for 30m, 2h or 1d12h"),
        ({"duration": "-2h"}, "--for is '-2h': give --for 30m, 2h or 1d12h"),
        ({"duration": "0m"}, "--for 0m is over already: give --for 30m, 2h or 1d12h"),
        ({"duration": "7d1m"}, "--for 7d1m is too long: give 7 days at most, then add another one"),
        ({"until": "24:00"}, "--until is '24:00': give --until 16:00 or --until 2026-11-27T16:00"),
        ({"until": "tomorrow"}, "--until is 'tomorrow': give --until 16:00 or --until 2026-11-27T16:00"),
        ({"until": "0001-01-01T00:00+05:00"}, None),
        ({"until": "9999-12-31T23:59-05:00"}, None),
        (
            {"until": "2026-11-23T09:59"},
            "--until 2026-11-23T09:59 is over already: give --until 16:00 or --until 2026-11-27T16:00",
        ),
        ({"until": "2026-12-01"}, "--until 2026-12-01 is too long: give 7 days at most, then add another one"),
    ],
)
def test_a_silence_has_one_end_that_comes_within_a_week(asked: dict[str, Any], words: str | None) -> None:
    (found,) = problems(**asked)
    assert words is None or found == words


# ----- What it matches ---------------------------------------------------------------------------------------


def test_what_is_matched_is_read_as_in_the_file_of_routes() -> None:
    found = made(
        match=("project=Shop", "project = 7", 'run="2024"', "run=*payment*", "test=a=b", "project=Shop"),
        exclude=("status='Blocked'",),
    )
    assert found.match == {"project": ("Shop", 7), "run": ("2024", "*payment*"), "test": ("a=b",)}
    assert found.exclude == {"status": ("Blocked",)}
    assert (found.author, found.reason, found.created_at) == ("ada", "migration", START)


def test_everything_that_is_wrong_is_said_at_once_with_what_would_be_right() -> None:
    found = problems(
        duration="soon",
        match=("Shop", "projekt=Shop", "run=", "=x"),
        exclude=("colour=red", "status=''"),
        reason=" ",
        author="x" * 61,
    )
    keys = "project, run, milestone, configuration, tag, status, assignee, tester, issue, test, folder"
    assert found == [
        "--for is 'soon': give --for 30m, 2h or 1d12h",
        "--match 'Shop' is no key=value: give one like --match project=Shop",
        "--match '=x' is no key=value: give one like --match project=Shop",
        f"--match has an unknown key 'projekt': use one of {keys}",
        "--match by run names '': give an id (a whole number) or a name in quotes",
        f"--exclude has an unknown key 'colour': use one of {keys}",
        "--exclude by status names '': give an id (a whole number) or a name in quotes",
        "it has no reason: say what for, so that others know, with --reason TEXT",
        "--author has 61 characters: 60 are the most",
    ]


@pytest.mark.parametrize(
    ("match", "exclude"),
    [
        ((), ()),
        ((), ("status=Blocked",)),
        (("project=*",), ()),
        (("project=**", "run=x", "run=*"), ()),
        (("project=?*",), ()),
        (("run=*?*",), ()),
    ],
)
def test_a_silence_of_everything_has_to_be_meant(match: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    (words,) = problems(match=match, exclude=exclude)
    assert words.startswith("it matches everything: nobody is told of any failing result of any run until it ends")
    assert "--yes if that is meant" in words
    assert made(match=match, exclude=exclude, is_meant=True).id == "5f3a"


@pytest.mark.parametrize("match", [("assignee=*",), ("project=*", "run=x"), ("project=**x",)])
def test_what_leaves_something_out_needs_no_yes(match: tuple[str, ...]) -> None:
    assert made(match=match).match


@pytest.mark.parametrize("one", ['project=~"Sh.*"', "project=~Shop", "project==Shop", "run= =~x"])
def test_what_other_tools_write_for_a_match_is_refused_with_what_is_written_here(one: str) -> None:
    (words,) = problems(match=(one,))
    assert words.startswith(f"--match '{one}' is no key=value with one =, and * and ? alone are special: give --match ")
    assert words.endswith("=Shop*, and a name that begins like that in quotes")


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (
            "run=^Release.*",
            "this looks like a regular expression, and only * and ? are special in a name; if it is a name",
        ),
        (
            "run=Release|Nightly",
            "this is one name; if several are meant, give each by itself; if it is a name",
        ),
        (
            "status=Failed,Blocked",
            "this is one name; if several are meant, give each by itself; if it is a name",
        ),
        ("project!=Shop", "nothing is negated here; say what is left out with --exclude"),
        (
            "project=!Shop",
            "nothing negates a name; what is not meant stands in exclude; if it is a name",
        ),
    ],
)
def test_what_would_silence_nothing_because_it_is_no_name_is_refused(one: str, words: str) -> None:
    (told,) = problems(match=(one,))
    assert told.startswith(f"--match '{one}': {words}")


def test_a_name_that_begins_with_a_sign_stands_in_quotes() -> None:
    assert made(match=("project='=Shop'", 'run="~x"')).match == {"project": ("=Shop",), "run": ("~x",)}
    assert made(match=("run='US|EU, all'", 'test="^x$"')).match == {"run": ("US|EU, all",), "test": ("^x$",)}


def test_what_is_wrong_on_any_stack_is_said_before_anybody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    told = CliRunner().invoke(main, ["silence", "add", "--for", "2x", "--match", "project=Shop", "--json"])
    words = "--for is '2x': give --for 30m, 2h or 1d12h"
    reason = "it has no reason: say what for, so that others know, with --reason TEXT"
    assert (told.exit_code, json.loads(told.output)) == (2, {"ok": False, "error": f"{words}\n{reason}"})


@pytest.mark.parametrize(
    ("until", "is_wrong"),
    [
        ("16:00", False),
        ("2026-11-24T00:00", False),
        ("2026-11-23T09:00", False),  # over here, and to come elsewhere
        ("2026-11-22T09:00", True),
        ("2026-12-30T09:00", True),
        ("soon", True),
    ],
)
def test_what_hangs_on_the_zone_of_the_stack_waits_for_it(until: str, *, is_wrong: bool) -> None:
    asked = Asked(until=until, match=("project=Shop",), reason="migration")
    with pytest.raises(ConfigurationError) if is_wrong else nullcontext():
        look_over(asked, START)


def test_a_silence_that_can_match_nothing_is_refused() -> None:
    words = "it can never match: everything that it matches by project it excludes by project"
    assert problems(exclude=("project=Sh*",)) == [f"{words}; correct --match and --exclude"]


def test_a_silence_is_small_because_every_poll_reads_it() -> None:
    (words,) = problems(match=tuple(f"test=A rather long name of a case {number}" for number in range(60)))
    assert words == "it names too much: 2000 bytes are the most; use * in a name, or add two silences"


def test_what_steers_a_terminal_or_cannot_be_told_is_cleaned() -> None:
    found = made(reason="moved\x1b[2J \udcff\nnow", author="Ada\u202e", match=("project=Sh\x00op\udcff",))
    assert (found.reason, found.author, found.match) == ("moved now", "Ada", {"project": ("Sh op",)})


def test_no_secret_that_was_pasted_is_printed() -> None:
    (words,) = problems(match=("https://hooks.example.com/services/T0/B0/SECRET",))
    assert "SECRET" not in words


# ----- In words ----------------------------------------------------------------------------------------------


def make_held(cause: str = "quiet", **given: Any) -> Held:  # noqa: ANN401 - fields
    usual: dict[str, Any] = {"due": at(3600), "since": at(-600), "frame": make_digest([]), "rows": {538: (2041, 0)}}
    return Held(**{"run_id": 12, "destination": "slack:lead", "cause": cause, **usual, **given})


def keeping(*found: Held, silences: tuple[Silence, ...] = (make_silence(),), **given: Any) -> Keeping:  # noqa: ANN401 - fields
    return Keeping(BERLIN, silences, held=found, **given)


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("quiet", "held until 2026-11-23T11:00+01:00 (quiet)"),
        ("times", "held until 2026-11-23T11:00+01:00 (digest_at)"),
        ("rate", "held until 2026-11-23T11:00+01:00 (at_most_every)"),
        ("silence:5f3a", "held (silenced by Ada until 2026-11-23T12:00+01:00)"),
        ("silence:gone", "held (by a silence that is over: the next poll tells it)"),
        ("fold", "held (fold: told with those of other runs by the next poll)"),
        ("outbox", "held (an earlier message of that run has to go out first)"),
        ("unreachable", "held (nobody has confirmed that address)"),
        ("of a later version", "held (of a later version)"),
    ],
)
def test_what_is_held_is_told_with_its_end_and_its_reason(cause: str, words: str) -> None:
    assert keeping().words(make_held(cause)) == words


def test_status_says_by_destination_and_cause_how_much_is_held_and_since_when() -> None:
    found = held.groups(
        [
            make_held(rows={1: (1, 0), 2: (2, 0)}),
            make_held(run_id=15, since=at(-9000), due=at(60)),
            make_held("silence:5f3a"),
            make_held(destination="email:qa", rows={}, end=make_digest([])),
        ]
    )
    told = [(one.destination, one.words(keeping()), one.since) for one in found]
    assert told == [
        ("email:qa", "1 run, 0 results  held until 2026-11-23T11:00+01:00 (quiet)", at(-600)),
        ("slack:lead", "2 runs, 3 results  held until 2026-11-23T10:01+01:00 (quiet)", at(-9000)),
        ("slack:lead", "1 run, 1 result  held (silenced by Ada until 2026-11-23T12:00+01:00)", at(-600)),
    ]


def test_programs_get_the_silences_that_are_on_or_hold_something() -> None:
    over, forgotten = make_silence("over", until=at(-60)), make_silence("forgotten", until=at(-60))
    found = keeping(make_held("silence:over"), silences=(forgotten, over, make_silence()), unread=("bad",))
    told = cast("Any", held.as_json(found, START))
    assert [(one["id"], one["until"], one["held"]) for one in told["silences"]] == [
        ("over", "2026-11-23T08:59:00+00:00", {"results": 1, "runs": 1}),
        ("5f3a", "2026-11-23T11:00:00+00:00", {"results": 0, "runs": 0}),
    ]
    assert told["silences_unread"] == ["bad"]
    (group,) = told["held"]
    assert group == {
        "destination": "slack:lead",
        "cause": "silence:over",
        "runs": 1,
        "results": 1,
        "due": "2026-11-23T10:00:00+00:00",
        "since": "2026-11-23T08:50:00+00:00",
    }


def test_a_silence_is_listed_with_who_why_until_when_what_and_how_much() -> None:
    over = make_silence("over", until=at(-60), match={}, exclude={"status": (5, "Retest")})
    forgotten = make_silence("forgotten", until=at(-60))
    found = keeping(
        make_held("silence:5f3a"),
        make_held("silence:5f3a", destination="email:qa"),
        make_held("silence:5f3a", run_id=15, rows={601: (1, 0)}),
        make_held("silence:over", rows={}, end=make_digest([])),
        make_held("silence:lost"),
        silences=(forgotten, over, make_silence()),
    )
    over_since = "over since 2026-11-23T09:59+01:00, the next poll tells it"
    by = "  by Ada: Payments are migrated  "
    assert silence.lines(found, START) == [
        f'over  {over_since}{by}everything, not status=5 or "Retest"  the end of 1 run held',
        f'5f3a  until 2026-11-23T12:00+01:00 (2h left){by}project="Shop"  2 results of 2 runs held',
        "lost  ended, the next poll tells it  1 result of 1 run held",
    ]


def test_doctor_names_each_silence_with_the_way_to_end_it_and_what_is_held_too_long() -> None:
    later = make_silence("later", match={"environment": ("x",)})
    ended = make_silence("ended", until=at(-700))
    leaving = Envelope("e", (make_outgoing(make_digest([make_named(538)]), "slack:lead", "n-1"),), since=at(-1200))
    found = keeping(
        make_held(),
        make_held("times", due=at(-540)),
        make_held("rate", due=at(-660)),
        make_held("unreachable", due=at(-9000)),
        make_held("silence:ended", due=at(3600)),
        silences=(ended, make_silence(), later),
        unread=("bad",),
        envelopes=(leaving,),
    )
    findings = list(check_held.findings(found, START))
    assert [(one.ok, one.words.partition("  by ")[0], one.next_step) for one in findings if one.area == "Silences"] == [
        (True, "ended  over since 2026-11-23T09:48+01:00, the next poll tells it", ""),
        (True, "5f3a  until 2026-11-23T12:00+01:00 (2h left)", "testmo-notifier silence end 5f3a ends it"),
        (True, "later  until 2026-11-23T12:00+01:00 (2h left)", "testmo-notifier silence end later ends it"),
        (False, silence.STRANGE.format(key="bad"), "end it: testmo-notifier silence end bad"),
        (False, silence.STRANGE.format(key="later"), "end it: testmo-notifier silence end later"),
    ]
    late = [one.words for one in findings if one.area == "Held" and not one.ok]
    assert late == [
        "slack:lead: 1 run, 1 result  held until 2026-11-23T09:49+01:00 (at_most_every); it was due 11 min ago",
        "slack:lead: 1 run, 1 result  held (silenced by Ada until 2026-11-23T09:48+01:00); it was due 12 min ago",
        "1 message that had been held still to be published, for 20 min",
    ]
    assert silence.strangers(found, at(9000)) == ["bad"]  # the other one is over
    assert [one.words for one in check_held.findings(keeping(silences=()), START)] == ["nothing is held"]


class Kept:
    """A store in which something is held."""

    def __init__(self, *found: Held, envelopes: tuple[Envelope, ...] = ()) -> None:
        self.found, self.envelopes = {one.key: one for one in found}, envelopes

    def held_until(self, _moment: None) -> tuple[list[Any], list[Envelope]]:
        return list(self.found), list(self.envelopes)

    def held(self, keys: list[Any]) -> list[Held]:
        return [self.found[key] for key in keys]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - as much of one as is used
    leaving = make_outgoing(make_digest([make_named(538)], run_id=20, keys=frozenset({538})), "email:qa", "n-1")
    kept = Kept(
        make_held(),
        make_held("mailed", destination="email:qa"),  # a copy of what was told
        make_held("rate", destination="slack:b", rows={}),  # says when something was told
        make_held("silence:5f3a", run_id=15, rows={601: (1, 0)}),
        envelopes=(Envelope("e", (leaving,), since=START),),
    )
    monkeypatch.setattr(records, "store", lambda _: kept)
    monkeypatch.setattr(records, "control", lambda _: (Control(silences=(make_silence(),)), None))
    return SimpleNamespace(account=SimpleNamespace(stack=SimpleNamespace(parameters={"TimeZone": "Europe/Berlin"})))


@pytest.mark.parametrize(
    ("result", "run", "told"),
    [
        (
            538,
            None,
            [
                (12, "slack:lead", "held until 2026-11-23T11:00+01:00 (quiet)"),
                (20, "email:qa", "waits in the outbox for the next poll"),
            ],
        ),
        (538, 20, [(20, "email:qa", "waits in the outbox for the next poll")]),
        (601, None, [(15, "slack:lead", "held (silenced by Ada until 2026-11-23T12:00+01:00)")]),
        (None, 15, [(15, "slack:lead", "held (silenced by Ada until 2026-11-23T12:00+01:00)")]),
        (7, None, []),
    ],
)
def test_a_result_that_is_held_says_until_when_and_why_and_counts_as_not_told(
    desk: Any,  # noqa: ANN401 - as much of one as is used
    result: int | None,
    run: int | None,
    told: list[tuple[int, str, str]],
) -> None:
    found = deliveries.held_back(desk, result, run)
    assert [(one.run_id, one.destination, one.words) for one in found] == told
    assert not any(one.is_told or one.at for one in found)


# ----- Who ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "caller", "name"),
    [
        ("ada", None, "ada"),
        ("root", "arn:aws:sts::123456789012:assumed-role/Admin/grace@example.com", "grace@example.com"),
        ("root", "arn:aws:iam::123456789012:user/team/grace", "grace"),
        ("root", "arn:aws:iam::123456789012:root", "root"),
    ],
)
def test_the_author_is_whoever_is_at_this_machine_else_whose_credentials_these_are(
    monkeypatch: pytest.MonkeyPatch, user: str, caller: str | None, name: str
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: user)
    assert silence.who(cast("Any", SimpleNamespace(caller=lambda: caller))) == name
