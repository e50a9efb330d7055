"""Rule 20 as its readers see it: what was held, what is silenced, and a storm of runs in one message."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import cycle
from typing import Any
from zoneinfo import ZoneInfo

from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack.rendering import by_blocks, together
from testmo_notifier.model import Digest, Held, NamedResult, Outgoing, Silenced
from testmo_notifier.notices.context import PartView
from testmo_notifier.notices.fold import folded
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.merge import told_of, with_passed
from testmo_notifier.notices.routes import Options
from testmo_notifier.notices.several import causes, line_view, several_view
from testmo_notifier.notices.view import Limits, message_view
from testmo_notifier.polling.case_names import CaseNames, has_unnamed
from testmo_notifier.settings.people import People
from tests.support.factories import START, URL, at, make_digest, make_named
from tests.support.holding import failing_news, finished_news, hold, recovered_news
from tests.support.memory import MemoryStore
from tools.lib.blocks import as_text

UTC = ZoneInfo("UTC")
LIMITS = Limits(results=50, name_chars=80, note_chars=80)
GREEN, AMBER, RED = "#2eb67d", "#ecb22e", "#e01e5a"


def of_run(run_id: int, *news: Outgoing, project: str = "Shop") -> Held:
    facts: dict[str, Any] = {"run_id": run_id, "run_name": f"Run {run_id}", "run_url": f"{URL}/runs/view/{run_id}"}
    facts |= {"project_id": sum(map(ord, project)), "project_name": project}
    return hold(*(replace(one, digest=replace(one.digest, **facts)) for one in news))


def in_slack(digest: Digest, **given: Any) -> tuple[list[str], dict[str, Any]]:  # noqa: ANN401
    """What a reader sees, line by line, and the payload."""
    renderer = Renderer(UTC, **given)
    payload = json.loads(renderer.notification(Outgoing("n-1", "slack:payments", digest)).message)
    assert renderer.problems == []
    return as_text(payload).split("\n"), payload


def in_mail(digest: Digest) -> tuple[str, list[str]]:
    told = Renderer(UTC).notification(Outgoing("n-1", "email:default", digest))
    return told.subject, told.message.split("\n")


def the_one(held: Held) -> Digest:
    (told,) = told_of(held)
    return told.digest


# One run


def test_a_message_says_since_when_it_was_held_and_what_has_passed_since() -> None:
    digest = the_one(with_passed(of_run(12, failing_news({1: 11, 2: 12, 3: 13, 4: 14})), {12, 13, 14}))

    lines, payload = in_slack(digest)
    assert lines[0] == "✖ 1 failed: Run 12"
    assert lines[2] == "held since 2026-11-23 09:00 UTC · 3 more tests failed and have passed since"
    assert sum("Failed, passed since" in line for line in lines) == 3
    assert payload["attachments"][0]["color"] == RED
    assert " more" not in lines[-1]
    subject, body = in_mail(digest)
    assert subject == "[Testmo] 1 failed: Run 12"
    assert "held since 2026-11-23 09:00 UTC · 3 more tests failed and have passed since" in body


def test_how_far_a_run_had_come_when_it_was_held_is_not_told_as_of_now() -> None:
    at_once, held = failing_news({1: 11}).digest, the_one(of_run(12, failing_news({1: 11})))
    (end,) = told_of(of_run(12, finished_news()))

    assert " · 62 of 102 done" in in_slack(at_once)[0][1]
    assert " · 62 of 102 done by then" in in_slack(held)[0][1]
    assert "was" not in in_slack(end.digest)[0][1]


def test_if_all_has_passed_since_the_message_says_it_at_the_top_in_green() -> None:
    digest = the_one(with_passed(of_run(12, failing_news({1: 11, 2: 12})), {11, 12}))

    lines, payload = in_slack(digest, people=People(groups={"ada": "S1"}))
    assert lines[0] == "✔ 2 tests failed and have passed since: Run 12"
    assert payload["attachments"][0]["color"] == GREEN
    assert "ada" not in json.dumps(payload)
    assert in_mail(digest)[0] == "[Testmo] 2 tests failed and have passed since: Run 12"


def test_what_had_passed_in_between_says_so_and_is_new() -> None:
    digest = the_one(of_run(12, failing_news({1: 11}), recovered_news({2: 11}), failing_news({3: 11})))

    assert "· had passed in between · 2 results" in in_slack(digest)[0][-1]
    view = message_view(digest, LIMITS)
    assert [(one.reason, one.story) for one in view.results] == [("new", "had passed in between")]


def test_a_message_says_what_is_silenced_by_whom_and_until_when() -> None:
    silenced = (Silenced(2, "Ada", at(7 * 3_600)), Silenced(1, "<!channel>", at(3_600)))
    digest = replace(the_one(of_run(12, failing_news({1: 11}))), silenced=silenced)

    words = "2 silenced by Ada until 2026-11-23 16:00 UTC, 1 silenced by <!channel> until 2026-11-23 10:00 UTC"
    assert words in in_slack(digest)[0]
    assert words in in_mail(digest)[1]


def test_how_many_are_not_named_leaves_out_what_has_passed_since() -> None:
    held = of_run(12, failing_news({n: n for n in range(1, 101)}, (5, "Blocked")), failing_news({101: 101}))
    digest = the_one(with_passed(held, range(1, 11)))

    view = message_view(digest, LIMITS)
    assert view.total == 91
    assert view.more == 91 - sum(one.status != "Failed, passed since" for one in view.results)


def test_a_bot_is_not_told_that_what_has_passed_since_is_failing() -> None:
    digest = the_one(with_passed(of_run(12, failing_news({1: 11, 2: 12})), {12}))

    told = Renderer(UTC).notification(Outgoing("n-1", "slack:payments", digest))
    assert told.aside["passed"] == ["12"]


# Several runs


def with_names(part: Digest) -> Digest:
    """The same, each test with a name of its own."""
    return replace(part, results=tuple(replace(one, case_name=f"Test {one.test_id}") for one in part.results))


def storm() -> Digest:
    """57 tests in 30 runs for one reason, 2 for another, and 3 runs with troubles of their own."""
    held = [
        of_run(run, failing_news({100 * run + n: n for n in range(1 + (run < 27))}, note="provider_unreachable"))
        for run in range(30)
    ]
    held += [
        of_run(40, failing_news({1: 1, 2: 2}), failing_news({3: 3}, (5, "Blocked"), note="No device")),
        of_run(41, failing_news({4: 4}, note="500"), recovered_news({5: 5}), project="Billing"),
        of_run(42, finished_news(total=2), project="CRM"),
    ]
    return folded("slack:payments", held).digest


def test_a_storm_is_one_message_with_its_counts_and_its_projects_at_the_top() -> None:
    lines, payload = in_slack(storm())

    assert lines[0] == "✖ 60 failed · ⊘ 1 blocked in 32 runs: Shop, Billing, CRM"
    assert lines[1] == "33 runs in all, 3 projects · 1 test passed again · 1 run finished"
    assert payload["attachments"][0]["color"] == RED
    assert in_mail(storm())[0] == "[Testmo] 60 failed, 1 blocked in 32 runs: Shop, Billing, CRM"


def test_of_many_projects_the_first_two_are_named() -> None:
    names = ("Shop", "Billing", "CRM", "Web")
    held = [of_run(n, failing_news({n: n}), project=name) for n, name in enumerate(names, 1)]

    digest = folded("slack:payments", held).digest
    assert in_slack(digest)[0][0] == "✖ 4 failed in 4 runs: Shop, Billing and 2 more projects"


def test_long_names_of_projects_and_long_notes_leave_room_for_other_runs() -> None:
    long_note = of_run(1, failing_news({1: 1}, note="x" * 300), project="P" * 90)
    digest = folded("slack:payments", [long_note, of_run(2, failing_news({2: 2}), project="Billing")]).digest

    assert [len(one.note) for part in digest.parts for one in part.results] == [200, 0]
    assert in_slack(digest)[0][0] == f"✖ 2 failed in 2 runs: {'P' * 59}…, Billing"


def test_tests_with_one_cause_are_one_line_with_links_to_some_of_their_runs() -> None:
    lines, _ = in_slack(storm())

    place = next(n for n, line in enumerate(lines) if "provider_unreachable" in line)
    assert lines[place] == "▌ ✖ Failed   57 tests in 30 runs: provider_unreachable"
    assert lines[place + 2].count(f"{URL}/runs/view/") == 8
    assert lines[place + 2].endswith(" · 22 more runs")
    assert "▌ ✖ Failed   2 tests in 1 run: saved by Ada L." in lines
    alone = next(n for n, line in enumerate(lines) if "No device" in line)
    assert lines[alone - 1].endswith(f"Run 40 ({URL}/runs/view/40)")
    assert "57 tests in 30 runs: provider_unreachable" in "\n".join(in_mail(storm())[1])


def test_few_tests_with_one_cause_are_named_and_lead_to_themselves() -> None:
    digest = folded(
        "slack:payments", [of_run(n, failing_news({n: n, 10 + n: 10 + n}, note="500")) for n in (1, 2)]
    ).digest
    assert {name.case_name for part in digest.parts for name in part.results} == {"Login with an expired password"}
    digest = replace(digest, parts=tuple(with_names(part) for part in digest.parts))

    lines, _ = in_slack(digest)
    place = lines.index("▌ ✖ Failed   4 tests in 2 runs: 500")
    assert lines[place + 2].startswith(f"▌ Test 11 ({URL}/runs/view/12?test_id=11) · Test 1 ({URL}/")
    assert lines[place + 2].count("Test ") == 4
    assert "Run 1" not in lines[place + 2]


def test_a_case_that_fails_in_several_runs_is_named_with_each_of_them() -> None:
    """As a regression run in three browsers has it."""
    held = [of_run(n, failing_news({n: n}, note="500")) for n in (1, 2)]

    lines, _ = in_slack(folded("slack:payments", held).digest)

    place = lines.index("▌ ✖ Failed   2 tests in 2 runs: 500")
    case, page = "Login with an expired password", f"{URL}/runs/view/12?test_id="
    assert lines[place + 2] == f"▌ {case} (Run 1) ({page}1) · {case} (Run 2) ({page}2)"


def test_what_else_a_shared_note_says_stands_under_its_line_once() -> None:
    note = "provider_unreachable\nat checkout, after 30 s"
    held = [of_run(run, failing_news({run: run}, note=note)) for run in (1, 2)]

    lines, _ = in_slack(folded("slack:payments", held).digest)

    assert "▌ ✖ Failed   2 tests in 2 runs: provider_unreachable" in lines
    assert [line for line in lines if "at checkout" in line] == ["▌ ▏ at checkout, after 30 s"]


def test_runs_that_differ_in_the_address_of_their_log_alone_share_a_cause_and_none_of_the_logs() -> None:
    def told(*builds: int) -> list[str]:
        notes = [f"Timeout (https://ci.example/{build})" for build in builds]
        held = [of_run(run, failing_news({run: run}, note=note)) for run, note in enumerate(notes, 1)]
        return in_slack(folded("slack:payments", held).digest)[0]

    assert "▌ ✖ Failed   2 tests in 2 runs: Timeout" in told(7, 8)
    assert "▌ ✖ Failed   2 tests in 2 runs: Timeout (https://ci.example/7)" in told(7, 7)


def test_a_shared_note_too_long_for_its_line_stands_under_it_and_no_other_note_does() -> None:
    note, other = "provider unreachable since 09:00", "took 30 s"
    rows = [[make_named(1, note=note)], [make_named(2, note=note), make_named(3, test_id=2, note=other)]]
    parts = tuple(make_digest(some, run_id=run) for run, some in enumerate(rows, 1))

    (cause,) = causes(make_digest(parts=parts), 12)
    line = line_view(cause, Limits(results=50, name_chars=30, note_chars=80), IssueLinks())
    assert line.note == ("provider unreachable since 09:00",)
    assert other not in str(line)


def by_cause(*runs: list[NamedResult], most: int = 12, projects: tuple[int, ...] = (3,)) -> list[tuple[int, str]]:
    """How many tests there are in each line, and what binds them."""
    parts = [
        make_digest(rows, run_id=run, project_id=project, project_name=f"Project {project}")
        for run, (rows, project) in enumerate(zip(runs, cycle(projects), strict=False), 1)
    ]
    return [(len(cause.tests), cause.words) for cause in causes(make_digest(parts=tuple(parts)), most)]


def row(number: int, folder: str = "", tester: str = "Ada", **given: Any) -> NamedResult:  # noqa: ANN401
    """A failing test, of a tester, in a folder."""
    where = {"folder_id": sum(map(ord, folder)), "folder": folder} if folder else {}
    return make_named(number, created_by=sum(map(ord, tester)), created_by_name=tester, **{**where, **given})


def test_tests_of_one_folder_are_one_line_whoever_saved_them() -> None:
    testers = ("Ada", "Grace", "Alan", "Edsger")
    runs = [[row(10 * n + k, "Payment", tester) for k in range(3)] for n, tester in enumerate(testers)]

    assert by_cause(*runs) == [(12, "folder Payment")]
    assert by_cause(*runs[:1], [row(n, "Search", "Ada") for n in (51, 52)]) == [
        (3, "folder Payment"),
        (2, "folder Search"),
    ]


def test_a_tester_with_more_than_twice_as_many_tests_all_over_the_place_comes_before_a_folder() -> None:
    blocked = [[row(10 * n + k, f"Folder {n}", "Ada") for k in range(4)] for n in range(10)]
    others = [row(201, "Folder 1", "Grace"), row(202, "Folder 1", "Alan")]

    assert by_cause(*blocked, others) == [(40, "saved by Ada"), (2, "folder Folder 1")]
    assert by_cause(*blocked[:2]) == [(4, "folder Folder 0"), (4, "folder Folder 1")]
    assert by_cause(*blocked[:3]) == [(12, "saved by Ada")]


def test_what_binds_most_comes_first_and_the_rest_is_bound_without_it() -> None:
    machine = [row(n, "Payment", "CI") for n in range(30)] + [row(n, f"Folder {n}", "CI") for n in range(30, 70)]

    assert by_cause(machine[:60], [row(99, "Search", "Ada")]) == [(30, "folder Payment"), (30, "saved by CI"), (1, "")]
    assert by_cause(machine[:61]) == [(61, "saved by CI")]


def test_a_note_says_more_than_a_folder_and_a_folder_more_than_a_tester() -> None:
    noted = [row(n, "Payment", note="provider_unreachable") for n in range(3)]
    silent = [row(n, "Payment") for n in range(10, 14)]
    elsewhere = [row(n, f"Folder {n}") for n in (20, 21)]

    assert by_cause(noted + silent, elsewhere) == [
        (4, "folder Payment"),
        (3, "provider_unreachable"),
        (2, "saved by Ada"),
    ]


def test_a_note_of_its_own_is_told_with_its_test_as_long_as_there_is_room() -> None:
    own = [[row(n, "Payment", note=f"after {n} s")] for n in range(8)]
    silent = [row(n, "Payment") for n in (10, 11)]

    assert by_cause(*own, silent, most=9) == [(2, "folder Payment"), *[(1, "")] * 8]
    assert by_cause(*own, silent, most=8) == [(10, "folder Payment")]
    unknown = [[replace(one, folder_id=None, folder=None) for one in some] for some in own]
    assert by_cause(*unknown, most=3) == [(1, "")] * 8


def test_folders_of_two_projects_and_statuses_are_lines_of_their_own() -> None:
    failed, blocked = ([row(n, "Payment", str(n), status=status) for n in (1, 2)] for status in ("Failed", "Blocked"))

    assert by_cause(failed, failed, projects=(3, 4)) == [
        (2, "folder Payment (Project 3)"),
        (2, "folder Payment (Project 4)"),
    ]
    assert by_cause(failed, blocked) == [(2, "folder Payment"), (2, "folder Payment")]
    assert by_cause(failed, failed) == [(4, "folder Payment")]


def test_a_folder_without_a_name_is_told_by_its_number() -> None:
    assert by_cause([row(1, folder_id=7)], [row(2, tester="Grace", folder_id=7)]) == [(2, "folder 7")]


def test_a_line_has_the_folder_that_all_of_its_tests_are_in() -> None:
    rows = [row(1, "Payment", note="500"), row(2, "Payment", note="500"), row(3, note="No device"), row(4, "Search")]
    one_run = make_digest([*rows, row(5, "Search", note="No device")])
    several = make_digest(about="folded", parts=(make_digest(rows), make_digest([row(5, "Search", note="No device")])))

    for digest in (one_run, several):
        view = (message_view if digest is one_run else several_view)(digest, LIMITS)
        assert {(line.name.rpartition(": ")[2], line.folder) for line in view.lines[:2]} == {
            ("500", "Payment"),
            ("No device", ""),
        }
        assert [one.folder for one in sorted(view.results, key=lambda one: one.url)] == [
            *("Payment", "Payment", "", "Search", "Search")
        ]


def test_the_headline_counts_the_runs_in_which_something_is_failing() -> None:
    held = [of_run(n, failing_news({n: n})) for n in (1, 2, 3)]
    digest = folded("slack:payments", [held[0], with_passed(held[1], {2}), with_passed(held[2], {3})]).digest

    lines, _ = in_slack(digest)
    assert lines[0] == "✖ 1 failed in 1 run: Shop"
    assert lines[1] == "3 runs in all, 1 project"
    assert in_mail(digest)[0] == "[Testmo] 1 failed in 1 run: Shop"


def test_a_destination_with_lines_of_its_own_is_shown_no_more_causes_than_that() -> None:
    """Whatever has no line is counted, and every run has its own."""
    lines = {name: Options(lines=2) for name in ("slack:payments", "email:default")}
    notes = ["provider_unreachable"] * 3 + ["500"] * 2 + ["No device", "No network"]
    held = [of_run(run, failing_news({run: run}, note=note)) for run, note in enumerate(notes, 1)]
    digest = folded("slack:payments", held).digest

    _, payload = in_slack(digest, options=lines)
    mail = Renderer(UTC, options=lines).notification(Outgoing("n-1", "email:default", digest)).message

    for told in (as_text(payload), mail):
        assert [cause for cause in dict.fromkeys(notes) if cause in told] == ["provider_unreachable", "500"]
        assert "and 2 more" in told
        assert all(f"Run {run}" in told for run in range(1, 8))
    assert all(cause in as_text(in_slack(digest)[1]) for cause in notes)


def test_runs_of_one_project_do_not_repeat_its_name() -> None:
    digest = folded("slack:payments", [of_run(n, failing_news({n: n})) for n in (1, 2)]).digest

    assert in_slack(digest)[0][-1] == f"▌ ✖ 1 failed each   Run 1 ({URL}/runs/view/1) · Run 2 ({URL}/runs/view/2)"


def test_runs_of_which_just_the_same_is_to_be_said_share_a_line() -> None:
    alike = [of_run(n, failing_news({10 * n: 10 * n})) for n in range(1, 12)]
    other = of_run(20, failing_news({200: 200, 201: 201}))

    lines = [line for line in in_slack(folded("slack:payments", [*alike, other]).digest)[0] if "/runs/view/" in line]
    first, *others = lines[-3:]
    assert first == f"▌ ✖ 2 failed   Run 20 ({URL}/runs/view/20)"
    assert [line.startswith("▌ ✖ 1 failed each   Run ") for line in others] == [True, True]
    assert [line.count("/runs/view/") for line in others] == [9, 2]


def test_every_run_has_its_exact_counts_and_its_link() -> None:
    lines, _ = in_slack(storm())

    assert f"▌ ✖ 2 failed · ⊘ 1 blocked   Run 40 ({URL}/runs/view/40) (Shop)" in lines
    assert f"▌ ✖ 1 failed   Run 41 ({URL}/runs/view/41) (Billing) · 1 test passed again" in lines
    assert f"▌ ✖   Run 42 ({URL}/runs/view/42) (CRM) · finished: 87% passed, 2 still failing" in lines
    runs = [line for line in lines if " failed   Run " in line or " failed each   " in line]
    assert sum(line.count("/runs/view/") for line in runs) == 31


def test_runs_without_room_are_counted_together() -> None:
    held = [
        of_run(n, *(failing_news({n * 10 + k: k}, note=f"{n} {k} {'ü&' * 200}") for k in range(1 + n)), project=name)
        for n, name in zip(range(45), cycle(("Shop", "Billing")), strict=False)
    ]
    held = [replace(one, frame=replace(one.frame, run_name="ü&" * 90, project_name="*ü&" * 60)) for one in held]
    digest = folded("slack:payments", [with_passed(one, {1} if one.run_id % 5 == 0 else ()) for one in held]).digest

    lines, payload = in_slack(digest)
    last = lines[-1]
    shown = sum(int(line.split()[2]) for line in lines if line.startswith("▌ ✖ ") and "failed   ü" in line)
    assert last.startswith("▌ ✖ ")
    assert " more runs" in last
    assert shown + int(last.split()[2]) == digest.total
    assert len(json.dumps(payload, ensure_ascii=False)) < 12_500


def test_runs_that_ended_with_failing_tests_are_red_whether_there_is_room_for_them_or_not() -> None:
    digest = folded("slack:payments", [of_run(n, finished_news(total=2)) for n in (1, 2, 3)]).digest
    assert in_slack(digest)[0][0].startswith("✖ ")

    view = several_view(digest, replace(LIMITS, runs=1))
    assert [(part.name, part.symbol) for part in view.parts] == [("Run 1", "✖"), ("and 2 more runs", "✖")]


def test_runs_of_which_all_passed_again_are_green_whether_there_is_room_for_them_or_not() -> None:
    digest = folded("slack:payments", [of_run(n, recovered_news({n: n})) for n in (1, 2, 3)]).digest

    view = several_view(digest, replace(LIMITS, runs=1))

    assert [(part.name, part.symbol) for part in view.parts] == [("Run 1", "✔"), ("and 2 more runs", "✔")]


def test_of_a_test_that_failed_more_than_once_the_cause_is_that_of_the_last_time() -> None:
    twice = [failing_news({1: 1}, (5, "Blocked"), note="timeout"), failing_news({2: 1}, saved_at=at(60), note="500")]
    digest = folded("slack:payments", [of_run(1, *twice), of_run(2, failing_news({3: 3}, note="500"))]).digest

    assert "▌ ✖ Failed   2 tests in 2 runs: 500" in in_slack(digest)[0]


def test_a_storm_that_is_over_is_green_and_calls_nobody() -> None:
    passed = [with_passed(of_run(n, failing_news({n: n})), {n}) for n in (1, 2)]
    digest = folded("slack:payments", [*passed, of_run(3, recovered_news({3: 3, 4: 4}))]).digest

    lines, payload = in_slack(digest)
    assert lines[0] == "✔ 2 tests failed and have passed since, 2 tests passed again in 3 runs: Shop"
    assert payload["attachments"][0]["color"] == GREEN
    assert "For " not in "\n".join(lines)
    subject, body = in_mail(digest)
    assert subject == f"[Testmo] {lines[0].removeprefix('✔ ')}"
    assert body[0] == "2 tests failed and have passed since, 2 tests passed again in 3 runs: Shop"


def test_what_is_blocked_everywhere_is_amber() -> None:
    digest = folded("slack:payments", [of_run(n, failing_news({n: n}, (5, "Blocked"))) for n in (1, 2)]).digest

    assert in_slack(digest)[1]["attachments"][0]["color"] == AMBER


def test_a_storm_calls_whom_its_runs_call_once() -> None:
    lines, payload = in_slack(storm(), people=People(groups={}, by_name={"ada": "U012AB3CD"}))

    assert lines.count("For @U012AB3CD") == 1
    assert json.dumps(payload["attachments"]).count("U012AB3CD") == 0


def test_a_storm_carries_what_filters_ask_for_and_no_state_of_a_bot() -> None:
    told = Renderer(UTC).notification(Outgoing("n-1", "slack:payments", storm()))

    assert (told.run_id, told.statuses) == (0, ("Failed", "Blocked", "Passed"))
    assert (told.reasons, told.routes) == (("new", "recovered", "finished"), ("team",))
    assert told.aside == {}


def test_the_names_of_tests_are_looked_up_in_every_run() -> None:
    store = MemoryStore()
    project = sum(map(ord, "Shop"))
    store.save_case_names(project, {120: "Pay by invoice"})
    news = failing_news({1: 1})
    unnamed = replace(news, digest=replace(news.digest, results=(replace(news.digest.results[0], case_name=None),)))
    digest = folded("slack:payments", [of_run(1, unnamed), of_run(2, failing_news({2: 2}))]).digest
    names = CaseNames(None, store, now=START, has_room=lambda: False)  # type: ignore[arg-type]  # it asks nobody

    assert has_unnamed(digest)
    named = names.name(digest)
    assert not has_unnamed(named)
    assert [one.case_name for part in named.parts for one in part.results] == ["Pay by invoice", "Pay by invoice"]


def test_runs_that_are_over_are_counted_once() -> None:
    over = [of_run(n, finished_news(total=2)) for n in (1, 2, 3)]
    well = of_run(4, recovered_news({4: 1}))
    assert several_view(folded("slack:payments", over).digest, LIMITS).news == "3 runs finished"
    news = several_view(folded("slack:payments", [*over, well]).digest, LIMITS).news
    assert news == "1 test passed again in 4 runs, 3 runs finished"


def test_a_block_tells_of_nine_runs_at_most() -> None:
    parts = [PartView(f"Run {number}", "", "", (), (), "✖") for number in range(20)]

    assert [len(block) for block in by_blocks(parts)] == [9, 9, 2]


def test_lines_share_a_block_unless_one_of_them_needs_rich_text() -> None:
    """Slack takes fifty blocks; and what was typed must be shown as typed, which costs more room."""
    assert list(together(["one", "two", "three"])) == ["one\n\ntwo\n\nthree"]
    assert list(together(["one", "t*w*o", "three", "four"])) == ["one", "t*w*o", "three\n\nfour"]
