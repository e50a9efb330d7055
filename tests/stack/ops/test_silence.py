"""`silence`: people write into the poller's own item, and `status`, `doctor` and `silence list` say so."""

from __future__ import annotations

from testmo_notifier.adapters.items import CONTROL_KEY
from tools.ops import records

from .conftest import Operated, Said

SHOP = ("--match", "project=Shop", "--match", "run=*payment*", "--reason", "Payments are migrated", "--author", "Ada")


def add(operated: Operated, *words: str) -> str:
    said = operated.command("silence", "add", *words, "--json")
    assert said.status == 0, said
    return str(said.json["silence"]["id"])


def silenced(said: Said) -> list[tuple[str, str, dict[str, list[str]]]]:
    return [(one["id"], one["author"], one["match"]) for one in said.json["silences"]]


def test_a_silence_is_on_from_the_next_poll_until_somebody_ends_it(operated: Operated) -> None:
    said = operated.command("silence", "add", "--for", "2h", *SHOP)
    assert said.status == 0, said
    assert "✓ silenced until 20" in said.out
    assert '(2h): project="Shop", run="*payment*"' in said.out
    (key,) = [one[0] for one in silenced(operated.command("silence", "list", "--json"))]
    assert f"→ to end it early: testmo-notifier silence end {key}" in said.out

    matches = {"project": ["Shop"], "run": ["*payment*"]}
    assert silenced(operated.command("status", "--json")) == [(key, "Ada", matches)]
    listed = operated.command("silence", "list")
    assert "by Ada: Payments are migrated" in listed.out
    assert "nothing held" in listed.out
    assert operated.command("status").out.count(f"  {key}  until 20") == 1
    assert f"→ testmo-notifier silence end {key} ends it" in operated.command("doctor").out

    assert operated.poll().status == "ok"  # which writes the rest of the item
    assert silenced(operated.command("silence", "list", "--json")) == [(key, "Ada", matches)]

    ended = operated.command("silence", "end", key)
    assert (ended.status, ended.out) == (0, "✓ it is over: what it held is told next, unless a destination is quiet\n")
    assert operated.command("silence", "list").out == "✓ nothing is silenced\n"
    again = operated.command("silence", "end", key)
    assert (again.status, "it was over already" in again.out) == (0, True)
    assert key in {one.id for one in records.control(operated.account)[0].silences}  # until it is over for a day


def test_what_is_silenced_is_held_named_by_everybody_who_is_asked_and_told_when_it_ends(operated: Operated) -> None:
    run = operated.new_run()
    key = add(operated, "--for", "1h", "--match", f"run={run.id}", "--reason", "moved", "--author", "Ada")
    result = operated.fail(run)
    assert operated.poll().published == 1  # the event, for programs

    (one,) = operated.command("silence", "list", "--json").json["silences"]
    assert (one["id"], one["held"]) == (key, {"results": 1, "runs": 1})
    assert "1 result of 1 run held" in operated.command("silence", "list").out
    asked = operated.command("deliveries", "--result", str(result.id))
    assert asked.status == 1
    assert asked.out.count("held (silenced by Ada until 20") == 2
    assert "not told to" not in asked.out
    status = operated.command("status")
    assert "slack:default  1 run, 1 result  held (silenced by Ada until 20" in status.out
    assert {one["destination"] for one in operated.command("status", "--json").json["held"]} == {
        "slack:default",
        "email:default",
    }
    assert "✓ Held: slack:default: 1 run, 1 result  held (silenced by Ada" in operated.command("doctor").out

    operated.command("silence", "end", key)
    assert "the next poll tells it" in operated.command("silence", "list").out
    assert operated.poll().published == 2
    assert operated.command("status", "--json").json["held"] == []
    operated.settle()
    assert operated.command("deliveries", "--result", str(result.id)).status == 0


def test_two_people_may_silence_things_at_once_and_neither_takes_the_others(operated: Operated) -> None:
    first, second = (add(operated, "--until", until, *SHOP) for until in ("23:59", "0:01"))
    operated.poll()
    assert {one[0] for one in silenced(operated.command("silence", "list", "--json"))} == {first, second}
    operated.command("silence", "end", first)
    assert {one[0] for one in silenced(operated.command("silence", "list", "--json"))} == {second}


def test_what_is_wrong_with_a_silence_is_said_at_once_and_nothing_is_written(operated: Operated) -> None:
    before = records.control(operated.account)[0].silences

    said = operated.command("silence", "add", "--for", "8d", "--match", "projekt=Shop", "--author", "Ada")
    assert said.status == 2
    assert "✗ --for 8d is too long: give 7 days at most, then add another one" in said.err
    assert "✗ --match has an unknown key 'projekt': use one of project, run" in said.err
    assert "✗ it has no reason: say what for" in said.err
    everything = operated.command("silence", "add", "--for", "1h", "--reason", "x", "--author", "Ada")
    assert (everything.status, "it matches everything" in everything.err) == (2, True)
    unknown = operated.command("silence", "end", "nope")
    assert (unknown.status, "there is no silence 'nope'" in unknown.err) == (1, True)
    assert operated.command("silence", "end").status == 2

    assert records.control(operated.account)[0].silences == before


def test_everything_is_silenced_where_it_is_meant_and_by_whoever_is_there(operated: Operated) -> None:
    key = add(operated, "--for", "1h", "--reason", "Testmo is moved", "--yes")
    (one,) = operated.command("silence", "list", "--json").json["silences"]
    assert (one["id"], one["match"], one["held"]) == (key, {}, {"results": 0, "runs": 0})
    assert one["author"]


def test_what_another_version_wrote_stops_no_poll_and_is_named_until_somebody_takes_it_out(operated: Operated) -> None:
    add(operated, "--for", "1h", *SHOP)
    operated.account.dynamodb.update_item(
        TableName=operated.account.stack.table,
        Key=CONTROL_KEY,
        UpdateExpression="SET silences.#key = :silence",
        ExpressionAttributeNames={"#key": "strange"},
        ExpressionAttributeValues={":silence": {"S": '{"until": "when it rains"}'}},
    )
    run = operated.new_run()
    operated.fail(run)
    assert operated.poll().published == 3  # nothing of it is called *payment*

    for words in (("silence", "list"), ("status",), ("doctor",)):
        assert "the silence strange is another version's and cannot be understood here" in operated.command(*words).out
    assert operated.command("status", "--json").json["silences_unread"] == ["strange"]
    assert operated.command("silence", "end", "strange").status == 0
    assert operated.command("silence", "list", "--json").json["unreadable"] == []
