"""What `testmo-notifier local` accepts, and how it says no."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from testmo_notifier.errors import ConfigurationError
from tests.support.problems import with_next_steps
from tools.cli import main
from tools.lib.aws import proxies
from tools.local import command as local
from tools.local import environment
from tools.local.environment import Flags, Settings
from tools.local.ministack import MiniStack

TOKEN = "testmo_api_a-secret-of-ours"
WEBHOOK = "https://hooks.slack.com/services/T0/B0/a-secret-of-ours"


@pytest.fixture(autouse=True)
def everything_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "SAM", tmp_path)
    monkeypatch.setattr(environment, "MINISTACK", tmp_path)


def problems(environ: dict[str, str] | None = None, **flags: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        environment.read(environ or {}, Flags(**flags))
    return with_next_steps(caught.value.problems)


def test_nothing_has_to_be_said() -> None:
    settings = environment.read({}, Flags())
    assert (settings.testmo, settings.slack_secret, settings.aws) == (None, None, None)
    assert (settings.polls, settings.interval_seconds, settings.scenario) == (None, 60.0, "release-day")
    assert settings.ends_with_story is False


def test_the_watch_settings_become_parameters() -> None:
    settings = environment.read({"PROJECT_IDS": " 3, 7,3", "MAX_STALENESS_MINUTES": "0"}, Flags())
    assert settings.parameters == {
        "ProjectIds": "3,7",
        "RunIds": "",
        "AlertStatusIds": "3,5",
        "CreatedByIds": "",
        "AssigneeIds": "",
        "OverlapSeconds": "300",
        "MaxStalenessMinutes": "0",
        "BackfillHours": "0",
        "RequestsPerMinute": "120",
        "TimeZone": "UTC",
    }


def test_a_testmo_a_slack_and_an_aws_of_ones_own() -> None:
    settings = environment.read(
        {
            "TESTMO_URL": "http://localhost:8080/",
            "TESTMO_TOKEN": TOKEN,
            "SLACK_WEBHOOK_URL": WEBHOOK,
            "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
            "AWS_REGION": "eu-central-1",
        },
        Flags(polls="3", interval="0.5"),
    )
    assert settings.testmo is not None
    assert settings.testmo.url == "http://localhost:8080"
    assert settings.aws is not None
    assert (settings.aws.endpoint, settings.aws.region) == ("http://127.0.0.1:4566", "eu-central-1")
    assert (settings.aws.access_key_id, settings.aws.secret_access_key) == ("test", "test")
    assert (settings.polls, settings.interval_seconds) == (3, 0.5)


def test_slack_may_be_one_address_or_a_whole_secret_and_settings_may_be_ones_own(tmp_path: Path) -> None:
    settings = environment.read({"SLACK_WEBHOOK_URL": WEBHOOK}, Flags())
    assert (settings.slack_secret, settings.slack_from, settings.folder) == (WEBHOOK, "SLACK_WEBHOOK_URL", None)
    secret = '{"default": "http://127.0.0.1:9/a-secret-of-ours", "payments": "http://localhost:9/"}'
    settings = environment.read({"SLACK_SECRET": secret, "SETTINGS_DIR": str(tmp_path)}, Flags())
    assert (settings.slack_secret, settings.slack_from, settings.folder) == (secret, "SLACK_SECRET", tmp_path)
    assert "a-secret-of-ours" not in repr(settings)


def test_a_file_of_the_settings_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "people.toml").mkdir()
    (said,) = problems({"SETTINGS_DIR": str(tmp_path)})
    assert (
        said == "SETTINGS_DIR holds people.toml, which cannot be read (Is a directory): take it out, or let it be read"
    )


def test_a_scenario_asked_for_ends_the_command_unless_polls_are_counted() -> None:
    assert environment.read({}, Flags(scenario="release-day")).ends_with_story is True
    assert environment.read({}, Flags(scenario="release-day", polls="9")).ends_with_story is False


def test_no_secret_is_in_the_settings_text() -> None:
    environ = {"TESTMO_URL": "https://x.testmo.net", "TESTMO_TOKEN": TOKEN, "SLACK_WEBHOOK_URL": WEBHOOK}
    assert "a-secret-of-ours" not in repr(environment.read(environ, Flags()))


@pytest.mark.parametrize(
    ("environ", "flags", "words"),
    [
        ({"TESTMO_URL": "https://x.testmo.net"}, {}, "TESTMO_TOKEN is not set"),
        ({"TESTMO_TOKEN": TOKEN}, {}, "TESTMO_URL is not set"),
        ({"TESTMO_URL": "http://x.testmo.net", "TESTMO_TOKEN": TOKEN}, {}, "TESTMO_URL is not https"),
        ({"TESTMO_URL": "https://x.testmo.net", "TESTMO_TOKEN": "two words"}, {}, "TESTMO_TOKEN is not a Testmo token"),
        ({"SLACK_WEBHOOK_URL": "https://evil.example.com/services/x"}, {}, "SLACK_WEBHOOK_URL is not an address"),
        ({"SLACK_WEBHOOK_URL": "http://hooks.slack.com/services/x"}, {}, "SLACK_WEBHOOK_URL is not https"),
        (
            {"SLACK_SECRET": '{"payments": "https://evil.example.com/a-secret-of-ours"}'},
            {},
            "SLACK_SECRET slack:payments is",
        ),
        (
            {"SLACK_SECRET": '{"payments": "http://hooks.slack.com/services/a-secret-of-ours"}'},
            {},
            "is not https (http is",
        ),
        ({"SLACK_SECRET": '{"payments": "a-secret-of-ours"'}, {}, "SLACK_SECRET starts like a JSON object and is none"),
        ({"SLACK_SECRET": "{}"}, {}, "SLACK_SECRET holds no webhook: give {"),
        ({"SLACK_SECRET": '{"https://x/a-secret-of-ours": "payments"}'}, {}, "SLACK_SECRET entry 1 is not named like"),
        (
            {"SLACK_SECRET": WEBHOOK, "SLACK_WEBHOOK_URL": WEBHOOK},
            {},
            "SLACK_SECRET and SLACK_WEBHOOK_URL are both set",
        ),
        (
            {"SETTINGS_DIR": "/nowhere"},
            {},
            "SETTINGS_DIR is '/nowhere', which is no folder: give one with any of routes",
        ),
        ({"SETTINGS_DIR": __file__}, {}, "which is no folder"),
        ({"ALERT_STATUS_IDS": "26"}, {}, "ALERT_STATUS_IDS holds '26'"),
        ({"OVERLAP_SECONDS": "soon"}, {}, "OVERLAP_SECONDS is 'soon'"),
        ({"TIME_ZONE": "Mars/Base"}, {}, "TIME_ZONE is 'Mars/Base'"),
        ({"AWS_ENDPOINT_URL": "https://sqs.us-east-1.amazonaws.com"}, {}, "AWS_ENDPOINT_URL is not on this machine"),
        ({"AWS_ENDPOINT_URL": "4566"}, {}, "AWS_ENDPOINT_URL is not an https address"),
        ({}, {"polls": "0"}, "--polls is '0': give a whole number of polls from 1"),
        ({}, {"polls": ""}, "--polls is not set"),
        ({}, {"interval": "-1"}, "--interval is '-1': give seconds from 0"),
        ({}, {"interval": "nan"}, "--interval is 'nan'"),
        ({}, {"inbox_port": "65536"}, "--inbox-port is '65536'"),
        ({}, {"emails": "/dev/null/mails"}, "--emails is '/dev/null/mails', which cannot be a folder"),
        ({}, {"events": __file__}, "which cannot be a folder"),
        ({}, {"scenario": "nowhere"}, "--scenario is 'nowhere': give one of default, release-day"),
        (
            {"TESTMO_URL": "https://x.testmo.net", "TESTMO_TOKEN": TOKEN},
            {"scenario": "empty"},
            "--scenario is a story of the simulator",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(environ: dict[str, str], flags: dict[str, str], words: str) -> None:
    (problem,) = problems(environ, **flags)
    assert problem.startswith(words) or words in problem
    assert "a-secret-of-ours" not in problem


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("https://x.testmo.net/runs/view/1", ["has a path or a query"]),
        ("http://u:a-secret-of-ours@x.testmo.net/api?a=b", ["holds a user name", "is not https", "has a path"]),
        ("https://10.0.0.1/api", ["is a private address", "has a path or a query"]),
        ("ftp://u:a-secret-of-ours@x.testmo.net", ["is not an https address", "holds a user name"]),
        ("https://[::1/x", ["is not an address"]),
    ],
)
def test_everything_wrong_with_an_address_is_said_at_once(url: str, wrong: list[str]) -> None:
    (problem,) = problems({"TESTMO_URL": url, "TESTMO_TOKEN": TOKEN})
    assert problem.startswith("TESTMO_URL ")
    assert [words for words in wrong if words not in problem] == []
    assert problem.count("give your instance's address alone, like https://example.testmo.net") == 1
    assert len(problem.partition(": give ")[0].split(", ")) >= len(wrong)
    assert "a-secret-of-ours" not in problem


@pytest.mark.parametrize("url", ['"https://x.testmo.net"', "'https://x.testmo.net'", "<https://x.testmo.net>"])
def test_of_an_address_in_quotes_nothing_else_is_wrong(url: str) -> None:
    (problem,) = problems({"TESTMO_URL": url, "TESTMO_TOKEN": TOKEN})
    words = "holds quotes or brackets, which are no part of an address"
    assert problem == f"TESTMO_URL {words}: give your instance's address alone, like https://example.testmo.net"


def test_a_missing_tool_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "SAM", tmp_path / "missing")
    assert problems() == ("SAM CLI is not installed: run `make setup`",)


def test_everything_wrong_is_said_at_once_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(settings: Settings, terminal: object) -> int:
        raise AssertionError((settings, terminal))

    monkeypatch.setattr(local, "run", start)
    environ = {
        "TESTMO_URL": "https://x.testmo.net",
        "TESTMO_TOKEN": "",
        "SLACK_WEBHOOK_URL": "ftp://hooks.slack.com/services/T0/B0/a-secret-of-ours",
        "BACKFILL_HOURS": "-1",
        "AWS_ENDPOINT_URL": "",
    }
    result = CliRunner().invoke(main, ["local", "--polls", "none"], env=environ)
    assert result.exit_code == 2
    assert "4 problems" in result.output
    for name in ("TESTMO_TOKEN", "SLACK_WEBHOOK_URL", "BACKFILL_HOURS", "--polls"):
        assert f"- {name} " in result.output
    assert "a-secret-of-ours" not in result.output
    assert "Traceback" not in result.output


def test_a_proxy_that_is_no_address_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example.com:1080")
    monkeypatch.delenv("https_proxy", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        environment.read({}, Flags())
    assert caught.value.problems[0].startswith("HTTPS_PROXY is not the address of an HTTP proxy: give one like")


def test_the_functions_get_the_proxies_and_what_is_on_this_machine_needs_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("no_proxy", "testmo.example.com")
    given = proxies()
    assert given["HTTPS_PROXY"] == given["https_proxy"] == "http://proxy.example.com:3128"
    assert given["NO_PROXY"] == given["no_proxy"] == "127.0.0.1,localhost,testmo.example.com"
    assert "HTTP_PROXY" not in given
    ministack = MiniStack()
    ministack._scratch = tmp_path
    assert ministack._environment()["HTTPS_PROXY"] == "http://proxy.example.com:3128"


def test_bots_of_the_inbox_and_somebody_elses_slack_exclude_each_other() -> None:
    with pytest.raises(ConfigurationError, match="--bots are the inbox's own"):
        environment.read({"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x"}, Flags(), bots=True)
