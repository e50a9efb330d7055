"""Where linked issues lead: issues.toml, and what becomes of it in each channel."""

from __future__ import annotations

import copy
import json
import zlib
from zoneinfo import ZoneInfo

import pytest

from testmo_notifier.adapters import testmo_rows
from testmo_notifier.adapters.outbox import pack_outbox, unpack_outbox
from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack.rendering import slack_payload
from testmo_notifier.errors import ConfigurationError
from testmo_notifier.model import Issue
from testmo_notifier.notices.context import Linked
from testmo_notifier.notices.issue_links import IssueLinks
from testmo_notifier.notices.view import Limits, message_view
from testmo_notifier.settings.issues_file import parse_issue_links
from tests.support.factories import make_digest, make_named, make_outgoing
from tests.support.problems import with_next_steps
from tests.support.slack_payload import details
from tools.lib.processes import SETTINGS

JIRA = IssueLinks({4: "https://example.atlassian.net/browse/{display_id}"})
SHOP = Issue(71, "SHOP-123", 4, "SHOP", 10001)
GITHUB = Issue(72, "#48", 2, "acme/shop", 9)


def links(**patterns: str) -> IssueLinks:
    return parse_issue_links("[links]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in patterns.items()))


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        parse_issue_links(text)
    return with_next_steps(caught.value.problems)


@pytest.mark.parametrize("port", [1, 8443, 65535])
def test_a_tracker_may_be_at_any_port_there_is(port: int) -> None:
    assert links(jira=f"https://x.example:{port}/{{id}}").url(SHOP) == f"https://x.example:{port}/71"


def test_the_file_that_ships_links_nothing() -> None:
    text = (SETTINGS / "issues.toml").read_text("utf-8")
    assert parse_issue_links(text) == IssueLinks()


def test_every_example_in_the_file_that_ships_is_valid() -> None:
    text = (SETTINGS / "issues.toml").read_text("utf-8")
    head, examples = text.split("[links]\n")
    parsed = parse_issue_links("[links]\n" + examples.replace("# ", ""))
    assert set(parsed.patterns) == {2, 3, 4, 5}
    assert parsed.url(SHOP) == "https://example.atlassian.net/browse/SHOP-123"
    assert parsed.url(GITHUB) == "https://github.com/acme/shop/issues/48"
    assert all(f"{{{name}}}" in head for name in ("display_id", "number", "id", "external_project_key"))


@pytest.mark.parametrize(
    ("pattern", "issue", "url"),
    [
        ("https://x.example/{display_id}", SHOP, "https://x.example/SHOP-123"),
        ("https://x.example/{number}", SHOP, "https://x.example/123"),
        ("https://x.example/{id}", SHOP, "https://x.example/71"),
        ("https://x.example/{external_project_key}/{id}", SHOP, "https://x.example/SHOP/71"),
        ("https://x.example/{external_project_id}?q={display_id}", SHOP, "https://x.example/10001?q=SHOP-123"),
        ("http://127.0.0.1:8080/{id}", SHOP, "http://127.0.0.1:8080/71"),  # nothing leaves this machine
        # Somebody's text cannot leave its place in the address.
        ("https://x.example/{display_id}/a", Issue(1, "a/../b?c#d e|<é>", 4), "https://x.example/a%2F..%2Fb%3Fc%23d%20e%7C%3C%C3%A9%3E/a"),
        # A placeholder that cannot be filled makes no link.
        ("https://x.example/{external_project_key}", Issue(1, "A-1", 4), ""),
        ("https://x.example/{external_project_id}", Issue(1, "A-1", 4), ""),
        ("https://x.example/{number}", Issue(1, "A-one", 4), ""),
        ("https://x.example/{display_id}", Issue(1, "..", 4), ""),  # would walk up the path
        ("https://x.example/{display_id}", Issue(1, "SHOP-12…", 4), ""),  # cut short, it is another issue's key
        ("https://x.example/{display_id}", Issue(1, "é" * 40, 4), ""),  # too long once it is encoded
    ],
)  # fmt: skip
def test_a_pattern_is_filled_in_or_there_is_no_link(pattern: str, issue: Issue, url: str) -> None:
    assert IssueLinks({4: pattern, 2: pattern}).url(issue) == url


def test_an_issue_of_a_tracker_without_a_pattern_has_no_link() -> None:
    assert JIRA.url(GITHUB) == ""
    assert JIRA.url(Issue(1, "SHOP-1", None)) == ""
    assert IssueLinks({1: "https://x.example/{id}"}).url(Issue(1, "SHOP-1", None)) == "", "it is not of tracker 1"


def test_trackers_have_names_and_any_other_its_number() -> None:
    parsed = links(custom="https://x.example/{id}", jira="https://y.example/{id}", **{"5": "https://z.example/{id}"})
    assert set(parsed.patterns) == {1, 4, 5}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('jira = "http://jira.example.com/{id}"', "issues.toml:2: links.jira is not an https address"),
        (
            'jira = "https://x.example/{key}"',
            "issues.toml:2: links.jira has the unknown placeholder {key}: use one of {display_id}",
        ),
        ('jira = "https://x.example/browse"', "issues.toml:2: links.jira has no placeholder"),
        ('jira = "https://{display_id}.example/"', "issues.toml:2: links.jira has a placeholder in its host"),
        ('jira = "https://x.example{id}/"', "issues.toml:2: links.jira has a placeholder in its host"),
        ('jira = "https://a:b@x.example/{id}"', "issues.toml:2: links.jira is not an address"),
        ('jira = "https://x.example:y/{id}"', "issues.toml:2: links.jira is not an address"),
        ('jira = "https://x.example:0/{id}"', "issues.toml:2: links.jira is not an address"),
        ('jira = "https://x.example:65536/{id}"', "issues.toml:2: links.jira is not an address"),
        ('jira = "javascript:alert({id})"', "issues.toml:2: links.jira is not an address"),
        ('jira = "/browse/{id}"', "issues.toml:2: links.jira is not an address"),
        ('jira = "https://x.example/a b/{id}"', "issues.toml:2: links.jira holds a character that no address has"),
        ('jira = "https://x.example/|{id}>"', "issues.toml:2: links.jira holds a character that no address has"),
        ('jira = "https://x.example/{id"', "issues.toml:2: links.jira holds a character that no address has"),
        ("jira = 4", "issues.toml:2: links.jira is not text"),
        ('linear = "https://x.example/{id}"', "issues.toml:2: links.linear is no tracker: use custom, github"),
        ("jira = ", "issues.toml:2: is not TOML: Invalid value (at line 2"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(line: str, said: str) -> None:
    assert problems(f"[links]\n{line}\n")[0].startswith(said)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    text = '[links]\n# jira = "no"\njira = "x"\n4 = "https://x.example/{id}"\n"github" = 1\n[more]\n'
    assert [problem.partition(" ")[0] for problem in problems(text)] == [
        "issues.toml:6:",
        "issues.toml:3:",
        "issues.toml:5:",
    ]


def test_a_tracker_with_two_patterns_is_refused() -> None:
    text = '[links]\njira = "https://x.example/{id}"\n4 = "https://y.example/{id}"\n'
    assert problems(text)[0].startswith("issues.toml:3: links.4 names a tracker that has a pattern already")


def test_links_that_are_no_table_are_refused() -> None:
    assert problems('links = "https://x.example/{id}"\n')[0].startswith("issues.toml:1: links is not a table")


def test_a_key_is_a_link_in_slack_and_an_address_in_mail_and_event() -> None:
    digest = make_digest([make_named(issues=(SHOP, GITHUB))])
    renderer = Renderer(ZoneInfo("UTC"), None, JIRA)
    address = "https://example.atlassian.net/browse/SHOP-123"

    slack = renderer.notification(make_outgoing(digest, "slack:default")).message
    mail = renderer.notification(make_outgoing(digest, "email:default")).message
    event = json.loads(renderer.notification(make_outgoing(digest, "event")).message)

    assert f"<{address}|SHOP-123>, #48" in slack
    assert f"SHOP-123 ({address}), #48" in mail
    assert event["results"][0]["issues"] == ["SHOP-123", "#48"]
    assert event["results"][0]["issue_urls"] == [address, None]
    assert renderer.problems == []


def test_without_patterns_keys_are_shown_as_before() -> None:
    digest = make_digest([make_named(issues=(SHOP,))])
    slack = Renderer(ZoneInfo("UTC")).notification(make_outgoing(digest)).message
    assert "SHOP-123" in slack
    assert "atlassian" not in slack


def test_a_template_reads_a_key_as_text_with_an_address() -> None:
    view = message_view(make_digest([make_named(issues=(SHOP,))]), Limits(5, 50, 50), JIRA)
    key = view.results[0].issues[0]
    assert (key, key.url) == ("SHOP-123", "https://example.atlassian.net/browse/SHOP-123")
    assert copy.deepcopy(key).parts == key.parts


def test_three_issues_are_all() -> None:
    three = tuple(Issue(n, f"SHOP-{n}", 4) for n in range(1, 4))
    view = message_view(make_digest([make_named(issues=three)]), Limits(5, 50, 50), JIRA)
    assert "SHOP-1, SHOP-2, SHOP-3" in view.results[0].details


def test_more_than_three_issues_are_counted() -> None:
    many = tuple(Issue(n, f"SHOP-{n}", 4) for n in range(1, 6))
    view = message_view(make_digest([make_named(issues=many)]), Limits(5, 50, 50), JIRA)
    phrase = next(detail for detail in view.results[0].details if "SHOP" in detail)
    assert phrase == "SHOP-1, SHOP-2, SHOP-3 and 2 more"
    assert isinstance(phrase, Linked)
    assert sum(bool(url) for _, url in phrase.parts) == 3


def test_links_give_way_before_results_do() -> None:
    """Long addresses must not cost a message its lines."""
    long = IssueLinks({4: "https://example.atlassian.net/" + "x" * 130 + "/{display_id}"})
    rows = [make_named(n, test_id=n, issues=tuple(Issue(i, f"SHOP-{i}", 4) for i in range(3))) for n in range(1, 26)]
    payload = slack_payload(Renderer(ZoneInfo("UTC"), None, long), make_digest(rows, total=25, counts={"Failed": 25}))
    blocks = details(payload)
    assert sum(block["type"] == "section" for block in blocks) >= 20
    assert "SHOP-0, SHOP-1, SHOP-2" in json.dumps(blocks), "the keys stay"


def test_the_project_of_an_issue_is_read_from_the_expands() -> None:
    row = {"id": 71, "type": 4, "display_id": "SHOP-123", "external_project_id": 10001, "external_project_key": "SHOP"}
    assert testmo_rows.expands({"issues": [row]}).issues == {71: SHOP}
    bare = {"id": 71, "display_id": "SHOP-123", "external_project_id": None, "external_project_key": None}
    assert testmo_rows.expands({"issues": [bare]}).issues == {71: Issue(71, "SHOP-123")}


def test_an_outbox_written_before_issues_had_projects_is_still_read() -> None:
    outgoing = make_outgoing(make_digest([make_named(issues=(SHOP,))]))
    content = json.loads(zlib.decompress(pack_outbox((outgoing,))))
    for issue in content["digests"][0]["results"][0]["issues"]:
        del issue["external_project_key"], issue["external_project_id"]
    old = zlib.compress(json.dumps(content).encode())
    assert unpack_outbox(old)[0].digest.results[0].issues == (Issue(71, "SHOP-123", 4),)
    assert unpack_outbox(pack_outbox((outgoing,))) == (outgoing,)
