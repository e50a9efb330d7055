"""docs/event.schema.json and the events we publish: whatever a digest holds, its event is valid and fits into SNS."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testmo_notifier.adapters import testmo_rows
from testmo_notifier.channels.event.rendering import event
from testmo_notifier.channels.render import Renderer
from testmo_notifier.model import Digest, Expands, Issue, Run
from testmo_notifier.notices.digest import DigestBuilder
from testmo_notifier.notices.issue_links import IssueLinks
from tests.support.factories import make_run
from tools.lib.processes import ROOT
from tools.settings.samples import EXPANDS, RUN, Sample, result, samples

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "event.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
LINKS = IssueLinks({4: "https://example.atlassian.net/browse/{display_id}"})
SNS_BYTES = 256 * 1024  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html

# Others rely on these (docs/events.md).
FIXED = ("schema", "id", "run", "total", "omitted", "counts", "results")
FIXED_RUN = ("id", "name", "project_id", "url")
FIXED_RESULT = (
    "id", "test_id", "case_id", "case_name", "status_id", "status", "is_latest", "created_at", "created_by",
    "updated_at", "updated_by", "assignee_id", "assignee", "elapsed_us", "issues", "note", "url",
)  # fmt: skip

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
rows = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.integers(1) | anything,
            "test_id": st.integers(1, 5) | anything,
            "case_id": st.integers(1) | anything,
            "status_id": st.integers(1, 25) | anything,
            "is_latest": st.booleans() | anything,
            "note": st.text() | anything,
            "elapsed": st.integers() | anything,
            "assignee_id": st.integers(0, 3) | anything,
            "issues": st.lists(st.integers(1, 3)) | anything,
            "created_at": st.datetimes().map(lambda moment: moment.isoformat() + "Z") | anything,
            "created_by": st.integers(1, 3) | anything,
            "updated_at": anything,
            "updated_by": anything,
        },
    ),
    min_size=1,
    max_size=60,
)


def published(digest: Digest) -> Any:  # noqa: ANN401 - JSON
    notification = Renderer(ZoneInfo("UTC"), None, LINKS).notification(Sample("", digest).outgoing("event"))
    assert len(notification.message.encode()) < SNS_BYTES - 2_000, "attributes need some room, too"
    return json.loads(notification.message)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_fixes_what_others_rely_on_and_lets_us_add() -> None:
    run, row = SCHEMA["properties"]["run"], SCHEMA["properties"]["results"]["items"]
    assert (tuple(SCHEMA["required"]), tuple(run["required"]), tuple(row["required"])) == (
        FIXED,
        FIXED_RUN,
        FIXED_RESULT,
    )
    assert all("additionalProperties" not in part for part in (SCHEMA, run, row))


@pytest.mark.parametrize("part", ["", "run", "results"])
def test_the_schema_describes_every_field_we_publish_and_no_other(part: str) -> None:
    told = event(samples()["release"].outgoing("event"), LINKS)
    whole: dict[str, Any] = {"": (told, SCHEMA), "run": (told["run"], SCHEMA["properties"]["run"])}
    results = told["results"]
    assert isinstance(results, list)
    whole["results"] = (results[0], SCHEMA["properties"]["results"]["items"])
    value, schema = whole[part]
    assert value.keys() == schema["properties"].keys()
    assert all(field["description"] for field in schema["properties"].values())


@pytest.mark.parametrize("name", [name for name, sample in samples().items() if sample.digest.held_since is None])
def test_every_sample_is_a_valid_event(name: str) -> None:
    VALIDATOR.validate(published(samples()[name].digest))


def test_only_a_run_that_finished_may_have_nothing_to_list() -> None:
    nothing = {**published(samples()["all-passed"].digest), "about": "finished"}
    assert nothing["results"] == []
    VALIDATOR.validate(nothing)
    assert not VALIDATOR.is_valid({**nothing, "about": "failing"})
    assert not VALIDATOR.is_valid({name: value for name, value in nothing.items() if name != "about"})


def test_an_event_says_why_by_which_route_and_since_when() -> None:
    told = published(samples()["again"].digest)
    assert (told["schema"], told["about"], told["routes"]) == (1, "failing", ["payments", "the rest"])
    first = told["results"][0]
    assert (first["reason"], first["streak"], first["since"]) == ("again", 3, "2026-11-21T10:03:00.000Z")
    assert [row["reason"] for row in told["results"]] == ["again", "again", "again", "again", "changed"]


def test_an_event_that_lacks_a_fixed_field_is_not_valid() -> None:
    whole = published(samples()["one"].digest)
    for name in FIXED:
        assert not VALIDATOR.is_valid({key: value for key, value in whole.items() if key != name})
    for name in FIXED_RESULT:
        row = {key: value for key, value in whole["results"][0].items() if key != name}
        assert not VALIDATOR.is_valid({**whole, "results": [row]})


def test_a_field_of_a_later_version_does_no_harm() -> None:
    whole = published(samples()["one"].digest)
    VALIDATOR.validate({**whole, "more": 1, "run": {**whole["run"], "more": 1}})


@settings(deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw=rows, text=st.text(max_size=300))
def test_whatever_testmo_sends_the_event_is_valid(raw: list[object], text: str) -> None:
    expands = Expands(
        users={1: text, 2: "Ada"},
        issues={1: Issue(1, text or "x", 4, text, 7), 2: Issue(2, "SHOP-1", 4)},
        statuses={3: text, 8: "Needs info"},
    )
    builder = DigestBuilder("https://example.testmo.net", Run(1, 2, text, False, None, None, RUN.counters), text)
    builder.add([testmo_rows.result(row) for row in raw], expands)
    VALIDATOR.validate(published(builder.build()))


def test_the_most_and_longest_addresses_of_issues_still_fit() -> None:
    """Fifty results of ten issues each, every address as long as one may get."""
    pattern = "https://example.atlassian.net/" + "x" * 120 + "/{display_id}"
    expands = Expands(EXPANDS.users, {n: Issue(n, f"{'X' * 38}-{n}", 4) for n in range(10)}, EXPANDS.statuses)
    builder = DigestBuilder("https://example.testmo.net", make_run(), "Shop")
    builder.add([result(n, minutes=n, issue_ids=tuple(range(10)), note="é" * 500) for n in range(1, 61)], expands)
    digest = builder.build()
    notification = Renderer(ZoneInfo("UTC"), None, IssueLinks({4: pattern})).notification(
        Sample("", digest).outgoing("event")
    )
    urls = [url for row in json.loads(notification.message)["results"] for url in row["issue_urls"]]
    assert len(urls) >= 200
    assert all(urls)
    assert len(notification.message.encode()) < SNS_BYTES - 2_000
