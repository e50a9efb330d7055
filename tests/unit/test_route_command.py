"""`testmo-notifier route`: each finding, the routes that take it, and why the others do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support.story import BLOCKED, FAILED, PASSED, Story, playing
from tools.cli import main
from tools.settings import samples

ROUTES = """
[[routes]]
name = "payments"
match = { run = "*payment*" }
to = ["slack:payments"]

[[routes]]
name = "regression"
match = { run = "*regression", project = ["Shop", "Web"] }
to = ["slack:regression", "email:leads"]
notify = ["new", "changed", "recovered"]
after = 2
mention = ["assignee", "group:oncall"]
mention_on = ["Failed"]

[[routes]]
name = "not Ada's"
exclude = { tester = "ada*", status = 5 }
to = ["slack:others"]

[[routes]]
name = "summary"
notify = ["finished"]
to = ["email:managers", "event:news"]

[[routes]]
name = "the rest"
catch_all = true
to = ["slack:default"]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    (tmp_path / "routes.toml").write_text(ROUTES)
    (tmp_path / "issues.toml").write_text("")
    return tmp_path


@pytest.fixture
def story() -> Iterator[Story]:
    with playing() as story:
        yield story


def asked(*flags: str, **environ: str) -> Result:
    ours = dict.fromkeys(("TESTMO_URL", "TESTMO_TOKEN", "ALERT_STATUS_IDS", "RUN_IDS"))
    return CliRunner().invoke(main, ["route", *flags], env={**ours, **environ})


def told(*flags: str, **environ: str) -> list[dict[str, Any]]:
    done = asked("--json", *flags, **environ)
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.output)
    return found


def words_of(finding: dict[str, Any]) -> dict[str, str]:
    return {one["route"]: one["words"] for one in finding["routes"]}


def access(story: Story) -> dict[str, str]:
    return {"TESTMO_URL": story.testmo.url, "TESTMO_TOKEN": story.testmo.token}


def test_a_finding_is_explained_route_by_route_with_the_key_that_keeps_it_out(settings: Path) -> None:
    by_ada, by_grace, by_alan, blocked = told("--settings", str(settings))

    assert words_of(by_ada) == {
        "payments": 'match.run: the run is called "Release 4.2 regression" (314), wanted "*payment*"',
        "regression": "→ slack:regression, email:leads",
        "not Ada's": 'exclude.tester: it was saved by "Ada Lovelace" (1), left out: "ada*"',
        "summary": "takes no failure: it asks for finished alone",
        "the rest": "another route took it",
    }
    assert words_of(by_grace)["not Ada's"] == "→ slack:others"
    assert by_alan["destinations"] == by_grace["destinations"]
    assert words_of(blocked)["not Ada's"] == 'exclude.tester: it was saved by "Ada Lovelace" (1), left out: "ada*"'


def test_it_is_told_where_it_would_go_and_for_which_reasons(settings: Path) -> None:
    finding = told("--settings", str(settings))[0]
    assert finding["destinations"] == {
        "slack:regression": ["new (failure 2 in a row)", "changed", "recovered"],
        "email:leads": ["new (failure 2 in a row)", "changed", "recovered"],
        "email:managers": ["finished"],
        "event:news": ["finished"],
        "event": ["new", "again", "changed"],
    }
    assert finding["told_to_nobody"] == ["again"], "programs are nobody"


def test_it_is_told_when_a_destination_would_be_told(settings: Path) -> None:
    (settings / "routes.toml").write_text(
        '[[routes]]\nto = ["slack:a", "slack:b", "slack:c", "slack:d", "email:e"]\n'
        '[destinations."slack:a"]\nat_most_every = "2h30m"\nfold = 5\n'
        '[destinations."slack:b"]\ndigest_at = ["09:00", "16:00"]\ntime_zone = "Asia/Kathmandu"\n'
        '[destinations."slack:c"]\n'
        'quiet = [{ from = "18:00", to = "08:00" }, { days = "sat,sun" }, '
        '{ days = "fri", from = "12:00", to = "18:00" }]\n'
        'quiet_except = ["Blocked", 7]\n'
        '[destinations."slack:d"]\nlines = 5\n'
    )
    finding = told("--settings", str(settings))[0]
    assert finding["when"] == {
        "slack:a": "at most every 2h30m for each run; folded when more than 5 runs have news at once",
        "slack:b": "collected, and told at 09:00, 16:00 (Asia/Kathmandu)",
        "slack:c": "quiet 18:00 to 08:00, and sat, sun, and 12:00 to 18:00 on fri, but for Blocked, 7",
    }
    shown = asked("--settings", str(settings)).output
    assert "collected, and told at 09:00, 16:00" in shown
    recovered = told("--settings", str(settings), "--sample", "finished")[0]
    assert recovered["when"] == {}, "nobody is told"


def test_it_is_told_whom_a_message_would_call(settings: Path) -> None:
    found = told("--settings", str(settings))
    assert found[0]["mentions"] == [
        "Grace Hopper (not in people.toml: named, not called)",
        "group oncall (not in people.toml: named, not called)",
    ]
    assert found[3]["mentions"] == [], "it is blocked, and only failed results call"


def test_a_recovery_goes_where_a_route_asks_for_it_and_the_failure_went(settings: Path) -> None:
    first = told("--settings", str(settings), "--sample", "recovered")[0]
    assert first["about"] == "recovered"
    assert first["destinations"] == {"slack:regression": ["recovered"], "email:leads": ["recovered"]}
    assert words_of(first) == {
        "payments": "does not ask for recovered",
        "regression": "→ slack:regression, email:leads, as far as that was told of the failure",
        "not Ada's": "does not ask for recovered",
        "summary": "does not ask for recovered",
        "the rest": "does not ask for recovered",
    }


@pytest.mark.parametrize("name", ["finished", "all-passed"])
def test_the_end_of_a_run_is_one_finding(settings: Path, name: str) -> None:
    (one,) = told("--settings", str(settings), "--sample", name)
    assert (one["about"], one["destinations"], one["told_to_nobody"]) == (
        "finished",
        {"email:managers": ["finished"], "event:news": ["finished"]},
        [],
    )
    (untold,) = told("--sample", name)
    assert untold["told_to_nobody"] == ["finished"]
    assert "the run is finished" in asked("--sample", name).output
    twice = asked("--sample", name, "--sample", "finished", "--sample", "all-passed").output
    assert twice.count("the run is finished") == 1


def test_what_a_sample_does_not_know_reaches_the_catch_all(settings: Path) -> None:
    (finding,) = told("--settings", str(settings), "--sample", "minimal")
    assert finding["destinations"] == {
        "slack:others": ["new", "again", "changed"],
        "email:managers": ["finished"],
        "event:news": ["finished"],
        "event": ["new", "again", "changed"],
    }
    assert words_of(finding)["payments"] == 'match.run: the run is called "Run 314" (314), wanted "*payment*"'


@pytest.mark.parametrize("name", [name for name in samples.NAMES if name != "huge"])
def test_the_table_can_be_read_in_100_columns(settings: Path, name: str) -> None:
    done = asked("--settings", str(settings), "--sample", name)
    assert done.exit_code == 0, done.output
    assert max(map(len, done.output.splitlines())) <= 102
    assert " told " in done.output
    assert "\x1b" not in done.output


@pytest.mark.parametrize(("sample", "rest"), [("sixty", "44 more results"), ("folded", "1 more result")])
def test_findings_that_go_the_same_way_stand_together(sample: str, rest: str) -> None:
    done = asked("--sample", sample)
    assert f"and {rest}, routed the same way\n  ✓ route 1 " in done.output
    assert done.output.count("✓ route 1") == done.output.count("Run 3")


def test_a_real_run_is_read_now_and_nothing_is_written(story: Story, settings: Path) -> None:
    run = story.add_run("Mobile payment", tests=3)
    failed = story.save(run, 1, FAILED)
    story.save(run, 2, FAILED)
    story.save(run, 2, PASSED)
    story.wait()
    blocked = story.save(run, 3, BLOCKED)

    found = told("--settings", str(settings), "--run", str(run.id), **access(story))

    assert [(one["result"]["id"], one["result"]["status"], one["result"]["test"]) for one in found] == [
        (blocked.id, "Blocked", "Mobile payment case 3"),
        (failed.id, "Failed", "Mobile payment case 1"),
    ]
    assert words_of(found[0])["payments"] == "→ slack:payments"
    assert {request.method for request in story.testmo.requests} == {"GET"}


def test_a_folder_is_asked_for_where_a_route_asks_about_it(story: Story, settings: Path) -> None:
    run = story.add_run("Release 4.2")
    story.save(run)
    told("--settings", str(settings), "--run", str(run.id), **access(story))
    (asked_before,) = [request.query for request in story.requests("/projects/*/cases")]
    (settings / "routes.toml").write_text(
        '[[routes]]\nmatch = { folder = "Checkout*" }\nto = ["slack:a"]\n'
        '[[routes]]\ncatch_all = true\nto = ["slack:b"]\n'
    )

    (one,) = told("--settings", str(settings), "--run", str(run.id), **access(story))

    assert "expands" not in asked_before
    assert [request.query.get("expands") for request in story.requests("/projects/*/cases")[1:]] == [None, "folders"]
    assert words_of(one)["route 1"].startswith("match.folder: ")


@pytest.mark.parametrize("form", ["--result {run}/{result}", "--run {run} --result {result}"])
def test_a_result_is_explained_though_it_is_no_more_the_latest(story: Story, settings: Path, form: str) -> None:
    run = story.add_run("Mobile payment")
    first = story.save(run)
    story.save(run)
    (one,) = told(*form.format(run=run.id, result=first.id).split(), "--settings", str(settings), **access(story))
    assert one["result"]["id"] == first.id


def test_what_cannot_be_explained_says_why(story: Story, settings: Path) -> None:
    run = story.add_run("Mobile payment")
    passed = story.save(run, 1, PASSED)
    for flags, status, words in (
        (["--run", str(run.id)], 1, "has no failing result now: name one with --result, or try --sample"),
        (["--result", f"{run.id}/{passed.id}"], 1, f"has no failing result {passed.id}: its status is not watched"),
        (["--run", "999"], 1, "999"),
        (["--result", "5"], 2, "nothing says of which run result 5 is: give --result RUN/5, or one --run"),
        (["--result", "x"], 2, "'x' is no result: give RUN/RESULT like 42/538"),
        (["--run", "1", "--sample", "one"], 2, "--sample shows what is built in"),
        (["--settings", str(settings.parent)], 2, "routes.toml is missing"),
    ):
        done = asked(*flags, **access(story))
        assert (done.exit_code, words in done.output) == (status, True), done.output
    assert asked("--run", "1").exit_code == 2, "no TESTMO_URL"


def test_a_wrong_file_is_told_with_its_line(settings: Path) -> None:
    (settings / "routes.toml").write_text('[[routes]]\nto = ["sms:me"]\n')
    done = asked("--settings", str(settings))
    assert done.exit_code == 2
    assert "route 1 names 'sms:me'" in done.output


@pytest.mark.parametrize(("is_admin", "slack"), [(True, "U012AB3CD"), (False, "not in people.toml: named, not called")])
def test_somebody_whom_people_name_by_email_is_found_where_the_token_may_read_addresses(
    story: Story, settings: Path, *, is_admin: bool, slack: str
) -> None:
    ada = story.world.add_user("Ada Lovelace")
    story.world.viewer.is_admin = is_admin
    run = story.add_run("Old regression")
    story.save(run, assignee=ada)
    (settings / "people.toml").write_text('[people]\n"ada.lovelace@example.com" = "U012AB3CD"\n')
    (one,) = told("--settings", str(settings), "--run", str(run.id), **access(story))
    assert one["mentions"][0] == f"Ada Lovelace ({slack})"
