"""`testmo-notifier preview`: what is shown, and that nothing else happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from testmo_notifier.channels.email.rendering import mail
from testmo_notifier.channels.registry import CHANNELS
from testmo_notifier.channels.render import Renderer
from testmo_notifier.channels.slack.rendering import slack_payload
from tests.support.story import BLOCKED, FAILED, PASSED, Story, playing
from tools.cli import main
from tools.inbox.receiver import Inbox
from tools.settings import preview, samples


def show(*flags: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["preview", *flags], env={"TESTMO_URL": None, "TIME_ZONE": None, **environ})


def shown(*flags: str, **environ: str) -> list[dict[str, Any]]:
    result = show("--json", *flags, **environ)
    assert result.exit_code == 0, result.output
    told: list[dict[str, Any]] = json.loads(result.output)
    return told


@pytest.fixture
def story() -> Iterator[Story]:
    with playing() as story:
        yield story


def access(story: Story) -> dict[str, str]:
    return {"TESTMO_URL": story.testmo.url, "TESTMO_TOKEN": story.testmo.token}


def test_a_release_is_shown_for_all_channels_at_once() -> None:
    result = show()
    assert result.exit_code == 0
    assert "✖ 3 failed · ⊘ 1 blocked: Release 4.2 regression" in result.output
    assert "[Testmo] 3 failed, 1 blocked: Release 4.2 regression" in result.output
    assert '"schema": 1' in result.output


@pytest.mark.parametrize("name", samples.NAMES)
@pytest.mark.parametrize("channel", CHANNELS)
def test_every_sample_can_be_shown_in_every_channel(name: str, channel: str) -> None:
    result = show("--sample", name, "--channel", channel)
    assert result.exit_code == 0, result.output
    assert (f"({name}: " in result.output) is (
        channel != "event" or name not in ("held", "night", "folded")
    )  # at once, run by run
    assert "\x1b" not in result.output


def test_what_editors_write_reads_as_it_was_meant_on_every_channel(story: Story) -> None:
    cases = [story.world.add_case(story.shop, name) for name in ("Undo \x1b]0;title\x07works", "\u3164", "\u200d")]
    run = story.world.add_run(story.shop, "Release 4.2", cases=cases)
    table = (
        "<table><tr><th><p>Step</p></th><th><p>Seen</p></th></tr><tr><td>1</td><td>blank<br>screen</td></tr></table>"
    )
    for number, note in enumerate(
        (
            '<p><img src="data:image/png;base64,' + "iVBORw0KGgo" * 3_000 + '"></p><p>The button removes line 2.</p>',
            "<ol start=3><li><p>Open the cart</p><ul><li><p>as a guest</p></li></ul></li><li><p>Pay</p></li></ol>",
            "<style>p { margin: 0cm }</style>" * 900 + f"{table}<details><summary>Log</summary>\x1b[31mERROR</details>",
        ),
        1,
    ):
        story.save(run, number, note=note)

    told = shown("--run", str(run.id), **access(story))

    assert [said["channel"] for said in told] == ["slack", "email", "event"]
    for said in told:
        words = str(said["content"]).replace("\\n", "\n")
        for unwanted in ("base64", "margin", "\x1b", "[31m", "title"):
            assert unwanted not in words
        for wanted in ("The button removes line 2.", "3. Open the cart", "  • as a guest", "4. Pay", "Undo works"):
            assert wanted in words
        for wanted in ("Step | Seen", "1 | blank screen", "Log", "ERROR"):
            assert wanted in words
        if said["channel"] != "event":
            assert f"C-{cases[1].id}" in words
            assert f"C-{cases[2].id}" in words


def test_the_samples_meet_no_problem_in_the_built_in_templates() -> None:
    renderer = Renderer(ZoneInfo("UTC"))
    for sample in samples.samples().values():
        slack_payload(renderer, sample.digest)
        mail(renderer, sample.digest)
    assert renderer.problems == []


def test_a_test_of_a_sample_has_one_name_and_one_address() -> None:
    for sample in samples.samples().values():
        parts = [(part, other) for part in (sample.digest, *sample.digest.parts) for other in (part, *part.parts)]
        rows = [(other.run_id, row) for _, other in parts for row in other.results if row.test_id is not None]
        told = {(run, row.test_id, row.case_name, row.url) for run, row in rows}
        assert len({(run, test) for run, test, *_ in told}) == len({url for *_, url in told}) == len(told)


def test_the_block_kit_builder_gets_the_blocks_of_the_message() -> None:
    (told,) = shown("--channel", "slack")
    address, _, fragment = told["block_kit_builder"].partition("#")
    assert address == "https://app.slack.com/block-kit-builder/"
    assert json.loads(unquote(fragment)) == {name: told["content"][name] for name in ("blocks", "attachments")}
    assert told["block_kit_builder"] in show("--channel", "slack", "--builder").output
    assert address not in show("--channel", "slack").output  # thousands of characters are for who asks


def test_json_holds_everything_that_was_asked_for() -> None:
    told = shown("--sample", "one", "--sample", "sixty")
    assert [(one["sample"], one["channel"]) for one in told] == [
        (name, channel) for name in ("one", "sixty") for channel in ("slack", "email", "event")
    ]
    assert told[1]["content"]["subject"] == "[Testmo] 1 failed: Release 4.2 regression"
    assert len({one["sample"] for one in shown("--sample", "all", "--channel", "event")}) == len(samples.NAMES) - 3, (
        "but for what is held"
    )


def test_it_shows_the_templates_and_links_of_the_team(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "issues.toml").write_text('[links]\njira = "https://example.atlassian.net/browse/{display_id}"\n')
    (tmp_path / "templates" / "slack_header.j2").write_text("Oh no: {{ message.run.name }}")
    output = show("--settings", str(tmp_path)).output
    assert "Oh no: Release 4.2 regression" in output
    assert "SHOP-123 (https://example.atlassian.net/browse/SHOP-123)" in output


def test_it_shows_what_one_destination_gets(tmp_path: Path) -> None:
    own = tmp_path / "templates" / "slack" / "payments"
    own.mkdir(parents=True)
    (own / "slack_header.j2").write_text("Payments: {{ message.total }}")
    (tmp_path / "issues.toml").write_text("")
    (tmp_path / "routes.toml").write_text(
        '[[routes]]\ndestinations = ["slack:payments"]\n[destinations."slack:payments"]\nlines = 1\n'
    )
    (told,) = shown("--settings", str(tmp_path), "--destination", "slack:payments")
    assert told["content"]["blocks"][0]["text"]["text"] == "Payments: 4"
    assert json.dumps(told["content"]["attachments"]).count("test_id=") == 1
    assert "and 3 more" in json.dumps(told["content"]["attachments"])
    assert "Payments" not in show("--settings", str(tmp_path), "--destination", "slack:other").output
    assert "recovered" in show("--destination", "event:news", "--sample", "recovered").output


def test_a_destination_that_is_none_is_told_with_what_they_look_like() -> None:
    result = show("--destination", "#payments")
    assert result.exit_code == 2
    assert "'#payments' is no destination: give slack:default, email:default, event" in result.stderr


def test_a_destination_of_another_channel_than_the_one_asked_for_is_refused() -> None:
    result = show("--destination", "email:default", "--channel", "slack")
    assert result.exit_code == 2
    assert "email:default is not of the channel slack: leave out --channel" in result.stderr
    assert show("--destination", "email:default", "--channel", "email").exit_code == 0


def test_issue_links_in_another_encoding_are_told_without_routes_too(tmp_path: Path) -> None:
    (tmp_path / "issues.toml").write_bytes(b"# \xfc\n")
    result = show("--settings", str(tmp_path))
    assert (result.exit_code, "issues.toml:1: is not UTF-8 text: save it as UTF-8" in result.stderr) == (2, True)


def test_a_template_that_breaks_is_told_and_the_built_in_text_is_shown(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "slack_header.j2").write_text("{{ nothing }}")
    result = show("--settings", str(tmp_path))
    assert result.exit_code == 1
    assert "slack_header.j2:1: 'nothing' is undefined" in result.output
    assert "3 failed" in result.output


def test_a_wrong_setting_is_told_with_status_2(tmp_path: Path) -> None:
    (tmp_path / "issues.toml").write_text('[links]\njira = "x"\n')
    assert show("--settings", str(tmp_path)).exit_code == 2
    told = show("--run", "1")
    assert told.exit_code == 2
    assert "TESTMO_URL is not set" in told.output
    assert show(TIME_ZONE="Mars").exit_code == 2


def test_a_run_is_shown_with_its_latest_failing_results_and_nothing_moves(story: Story) -> None:
    run = story.add_run(tests=4)
    story.save(run, 1, FAILED, note="<p>old</p>")
    story.wait()
    story.save(run, 1, PASSED)
    story.save(run, 2, FAILED, note="<p>blank screen</p>")
    story.save(run, 3, BLOCKED)
    event, mail = (shown("--run", str(run.id), "--channel", name, **access(story))[0] for name in ("event", "email"))
    assert event["content"]["counts"] == {"Failed": 1, "Blocked": 1}
    assert event["content"]["run"]["name"] == "Release 4.2"
    assert event["content"]["run"]["project"] == "Shop"
    assert [result["case_name"] for result in event["content"]["results"]] == [
        "Release 4.2 case 2",
        "Release 4.2 case 3",
    ]
    assert mail["content"]["subject"] == "[Testmo] 1 failed, 1 blocked: Release 4.2"
    assert story.store.items == {}
    assert story.topic.notifications == []


def test_several_runs_are_shown_one_after_the_other(story: Story) -> None:
    first, second = story.add_run("Nightly"), story.add_run("Weekly")
    story.save(first)
    story.save(second)
    flags = ["--run", str(first.id), "--run", str(second.id), "--channel", "email"]
    assert [one["sample"] for one in shown(*flags, **access(story))] == [f"run {first.id}", f"run {second.id}"]


def test_a_run_that_cannot_be_shown_is_told_in_words_with_status_1(story: Story) -> None:
    run = story.add_run()
    told = show("--run", str(run.id), **access(story))
    assert (told.exit_code, told.output) == (1, f"run {run.id} (Release 4.2) has no failing result to show\n")
    assert "is not there (404)" in show("--run", "999", **access(story)).output
    refused = show("--run", str(run.id), **{**access(story), "TESTMO_TOKEN": "not-the-token"})
    assert refused.exit_code == 1
    assert "Testmo refuses the token" in refused.output
    assert "not-the-token" not in refused.output


def test_the_page_gets_every_message() -> None:
    maker = Renderer(ZoneInfo("UTC"))
    previews = preview.render(preview.chosen(["one"]), [one.default for one in CHANNELS.values()], maker)
    with Inbox(0) as inbox:
        for told in (one.notification for one in previews):
            inbox.show(told.channel, told.message, subject=told.subject)
        assert [entry.kind for entry in inbox.entries.after(0)] == ["slack", "email", "event"]


def test_a_proxy_that_is_no_address_is_a_wrong_setting(story: Story) -> None:
    result = show("--run", "1", **access(story), HTTPS_PROXY="socks5://proxy:1080")
    assert result.exit_code == 2
    assert "HTTPS_PROXY is not the address of an HTTP proxy" in result.stderr


def test_a_proxy_that_is_not_there_is_named() -> None:
    given = {"TESTMO_URL": "https://example.testmo.net", "TESTMO_TOKEN": "t", "HTTPS_PROXY": "http://127.0.0.1:1"}
    result = show("--run", "1", **given, NO_PROXY="", no_proxy="", https_proxy="http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "the proxy of HTTPS_PROXY or HTTP_PROXY could not be reached: correct it, or unset it" in result.stderr
