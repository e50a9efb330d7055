"""Settings: what is read, and the sentence each bad value gives."""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

import pytest

from testmo_notifier import config  # as a module: pytest would take an imported `testmo_url` for a test
from testmo_notifier.channels.slack.secret import read_addresses
from testmo_notifier.errors import ConfigurationError
from tests.support.problems import with_next_steps
from tests.support.slack_world import good_webhooks

POLLER = {
    "TESTMO_URL": "https://example.testmo.net",
    "TESTMO_SECRET_ARN": "arn:testmo",
    "TABLE_NAME": "state",
    "TOPIC_ARN": "arn:topic",
    "CHANNELS": "slack,email",
}
WEBHOOK = "https://hooks.slack.com/services/T000/B000/XsecretX"


def problems(**changed: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        config.PollerSettings.from_env({**POLLER, **changed})
    return with_next_steps(caught.value.problems)


def test_everything_but_where_things_are_has_a_working_default() -> None:
    settings = config.PollerSettings.from_env(POLLER)

    assert settings.testmo_url == "https://example.testmo.net"
    assert settings.channels == ("slack", "email")
    assert (settings.project_ids, settings.run_ids, settings.created_by_ids, settings.assignee_ids) == ((), (), (), ())
    assert settings.alert_status_ids == (3, 5)
    assert (settings.overlap_seconds, settings.max_staleness_minutes, settings.backfill_hours) == (300, 5, 0)
    assert settings.requests_per_minute == 120
    assert settings.time_zone.tzname(None) == "UTC"


def test_an_empty_variable_counts_as_one_that_is_not_set() -> None:
    settings = config.PollerSettings.from_env({**POLLER, "PROJECT_IDS": "", "OVERLAP_SECONDS": " "})

    assert (settings.project_ids, settings.overlap_seconds) == ((), 300)


def test_lists_may_hold_spaces_and_doubles() -> None:
    settings = config.PollerSettings.from_env(
        {**POLLER, "PROJECT_IDS": " 7, 3,7 ", "ASSIGNEE_IDS": "0,8", "CHANNELS": "slack, event"}
    )

    assert (settings.project_ids, settings.assignee_ids) == ((7, 3), (0, 8))
    assert settings.channels == ("slack", "event")


def test_all_problems_are_told_at_once_and_in_one_text() -> None:
    with pytest.raises(ConfigurationError) as caught:
        config.PollerSettings.from_env({"OVERLAP_SECONDS": "5m", "TIME_ZONE": "Mars/Olympus"})

    assert [problem.split()[0] for problem in caught.value.problems] == [
        "TESTMO_URL",
        "TESTMO_SECRET_ARN",
        "TABLE_NAME",
        "TOPIC_ARN",
        "CHANNELS",
        "TIME_ZONE",
        "OVERLAP_SECONDS",
    ]
    assert str(caught.value).startswith(
        "7 problems in the configuration:\n- TESTMO_URL is not set: give it a value\n- "
    )


def test_the_slack_function_names_what_it_lacks() -> None:
    with pytest.raises(ConfigurationError) as caught:
        config.DeliverySettings.from_env({"TABLE_NAME": "state"})

    assert caught.value.problems == (
        "SLACK_SECRET_ARN is not set: give it a value",
        "QUEUE_URL is not set: give it a value",
        "DEAD_LETTER_QUEUE_URL is not set: give it a value",
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("OVERLAP_SECONDS", "-1", "is '-1': give a whole number of seconds from 0 to 86400"),
        ("OVERLAP_SECONDS", "86401", "is '86401': give a whole number of seconds from 0 to 86400"),
        ("OVERLAP_SECONDS", "3.5", "is '3.5': give a whole number of seconds from 0 to 86400"),
        ("OVERLAP_SECONDS", "٣٠٠", "is '٣٠٠': give a whole number of seconds from 0 to 86400"),
        ("OVERLAP_SECONDS", "9" * 50, f"is '{'9' * 39}…': give a whole number of seconds from 0 to 86400"),
        ("MAX_STALENESS_MINUTES", "1441", "is '1441': give a whole number of minutes from 0 to 1440"),
        ("BACKFILL_HOURS", "721", "is '721': give a whole number of hours from 0 to 720"),
        ("BACKFILL_HOURS", "soon", "is 'soon': give a whole number of hours from 0 to 720"),
        ("REQUESTS_PER_MINUTE", "4", "is '4': give a whole number of requests from 5 to 6000"),
        ("REQUESTS_PER_MINUTE", "6001", "is '6001': give a whole number of requests from 5 to 6000"),
        ("PROJECT_IDS", "3;7", "holds '3;7': give project ids as whole numbers with commas between, like 3,7"),
        ("PROJECT_IDS", "0", "holds '0': give project ids as whole numbers with commas between, like 3,7"),
        ("PROJECT_IDS", "-3", "holds '-3': give project ids as whole numbers with commas between, like 3,7"),
        ("RUN_IDS", "12,,13", "holds '': give run ids as whole numbers with commas between, like 3,7"),
        ("RUN_IDS", "R12", "holds 'R12': give run ids as whole numbers with commas between, like 3,7"),
        ("CREATED_BY_IDS", "ada", "holds 'ada': give user ids as whole numbers with commas between, like 3,7"),
        (
            "ASSIGNEE_IDS",
            "none",
            "holds 'none': give user ids (0 is unassigned) as whole numbers with commas between, like 3,7",
        ),
        (
            "ALERT_STATUS_IDS",
            ",",
            "holds nothing: give ids from 1 to 25 or names with commas between, like 3,5 or Failed,Blocked,Needs info",
        ),
        (
            "ALERT_STATUS_IDS",
            "3,26",
            "holds '26': give ids from 1 to 25 or names with commas between, like 3,5 or Failed,Blocked,Needs info",
        ),
        (
            "ALERT_STATUS_IDS",
            "3,９９",  # noqa: RUF001 - as an input method writes them
            "holds '９９': give ids from 1 to 25 or names with commas between, like 3,5 or Failed,Blocked,Needs info",  # noqa: RUF001 - the same
        ),
        (
            "ALERT_STATUS_IDS",
            "3rd",
            "holds '3rd': give ids from 1 to 25 or names with commas between, like 3,5 or Failed,Blocked,Needs info",
        ),
        ("CHANNELS", "slack,teams", "is 'slack,teams': give slack, email and event with commas between"),
        ("CHANNELS", ",", "is ',': give slack, email and event with commas between"),
        ("TIME_ZONE", "Mars/Olympus", "is 'Mars/Olympus': give an IANA time zone like Europe/Berlin"),
        ("TIME_ZONE", "../etc/passwd", "is '../etc/passwd': give an IANA time zone like Europe/Berlin"),
        ("TIME_ZONE", "localtime", "is 'localtime': give an IANA time zone like Europe/Berlin"),  # of one machine
        ("TIME_ZONE", "right/UTC", "is 'right/UTC': give an IANA time zone like Europe/Berlin"),  # it has leap seconds
        ("TIME_ZONE", "Europe", "is 'Europe': give an IANA time zone like Europe/Berlin"),
        ("TIME_ZONE", "x" * 500, f"is '{'x' * 39}…': give an IANA time zone like Europe/Berlin"),
        ("TESTMO_SECRET_ARN", "", "is not set: give it a value"),
        ("TABLE_NAME", "  ", "is not set: give it a value"),
    ],
)
def test_a_bad_value_gives_a_sentence_that_says_what_to_give(name: str, value: str, sentence: str) -> None:
    assert problems(**{name: value}) == (f"{name} {sentence}",)


@pytest.mark.parametrize(
    "name", ["utc", "europe/berlin", "Europe/berlin", "EUROPE/BERLIN", "Etc/gmt+2", "Utc", "Etc/Utc"]
)
def test_a_zone_in_another_case_is_refused_where_its_file_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS: https://github.com/python/cpython/issues/115022. Lambda would not find it."""
    monkeypatch.setattr("zoneinfo.ZoneInfo", lambda _name: ZoneInfo("Europe/Berlin"))
    assert problems(TIME_ZONE=name) == (f"TIME_ZONE is {name!r}: give an IANA time zone like Europe/Berlin",)


def test_every_zone_is_taken() -> None:
    names = available_timezones() - {"localtime", "Factory"}
    assert {str(config.time_zone(name)) for name in names} == names


@pytest.mark.parametrize(
    ("name", "field", "least", "most"),
    [
        ("OVERLAP_SECONDS", "overlap_seconds", 0, 86_400),
        ("MAX_STALENESS_MINUTES", "max_staleness_minutes", 0, 1_440),
        ("BACKFILL_HOURS", "backfill_hours", 0, 720),
        ("REQUESTS_PER_MINUTE", "requests_per_minute", 5, 6_000),
    ],
)
def test_both_bounds_of_a_number_are_allowed(name: str, field: str, least: int, most: int) -> None:
    for value in (least, most):
        assert getattr(config.PollerSettings.from_env({**POLLER, name: str(value)}), field) == value


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("PROJECT_IDS", "project_ids", 1),
        ("RUN_IDS", "run_ids", 10**18 - 1),
        ("CREATED_BY_IDS", "created_by_ids", 1),
        ("ASSIGNEE_IDS", "assignee_ids", 0),
        ("ALERT_STATUS_IDS", "alert_status_ids", 1),
        ("ALERT_STATUS_IDS", "alert_status_ids", 25),
    ],
)
def test_the_least_and_the_greatest_id_are_allowed(name: str, field: str, value: int) -> None:
    assert getattr(config.PollerSettings.from_env({**POLLER, name: str(value)}), field) == (value,)


def test_five_bad_entries_of_a_list_are_quoted_and_no_more() -> None:
    (problem,) = problems(PROJECT_IDS="a,b,c,d,e,f")

    assert problem.startswith("PROJECT_IDS holds 'a', 'b', 'c', 'd', 'e': give project ids")


@pytest.mark.parametrize(("length", "quoted"), [(40, "x" * 40), (41, "x" * 39 + "…")])
def test_a_bad_value_is_quoted_up_to_forty_characters(length: int, quoted: str) -> None:
    assert problems(TIME_ZONE="x" * length) == (f"TIME_ZONE is '{quoted}': give an IANA time zone like Europe/Berlin",)


@pytest.mark.parametrize(
    ("raw", "origin"),
    [
        ("https://example.testmo.net/", "https://example.testmo.net"),
        ("HTTPS://Example.Testmo.NET", "https://example.testmo.net"),
        ("https://testmo.example.com:8443", "https://testmo.example.com:8443"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://203.0.113.9.example.com", "https://203.0.113.9.example.com"),
    ],
)
def test_an_address_becomes_an_origin(raw: str, origin: str) -> None:
    assert config.testmo_url(raw) == origin


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("https://example.testmo.net/projects/1", "has a path or a query"),
        ("https://example.testmo.net//", "has a path or a query"),
        ("https://example.testmo.net?token=hunter2", "has a path or a query"),
        ("https://example.testmo.net?", "has a path or a query"),
        ("https://example.testmo.net/#hunter2", "has a path or a query"),
        ("https://ada:hunter2@example.testmo.net", "holds a user name or password"),
        ("https://hunter2@example.testmo.net", "holds a user name or password"),
        ("https://@example.testmo.net", "holds a user name or password"),
        ("http://example.testmo.net", "is not https (http is for this machine only, 127.0.0.1 or localhost)"),
        ("http://127.0.0.1.evil.example", "is not https (http is for this machine only, 127.0.0.1 or localhost)"),
        ("http://192.168.1.5", "is not https (http is for this machine only, 127.0.0.1 or localhost)"),
        ("https://192.168.1.5", "is a private address"),
        ("https://10.0.0.1:8443", "is a private address"),
        ("https://169.254.169.254", "is a private address"),
        ("https://[fe80::1]", "is a private address"),
        ("https://[fd00::1]", "is a private address"),
        ("https://0.0.0.0", "is a private address"),
        ("ftp://example.testmo.net", "is not an https address"),
        ("example.testmo.net", "is not an https address"),
        ("https://", "is not an https address"),
        ("https://:443", "is not an https address"),
        ("https://example.testmo.net:hunter2", "is not an address"),
        ("https://example.testmo.net:99999", "is not an address"),
        ("https://[::1", "is not an address"),
        ("https://exam ple.testmo.net", "holds a space or a control character"),
        ("https://example.testmo.net\n.evil.example", "holds a space or a control character"),
        ("https://evil.example\\@example.testmo.net", "holds a space or a control character"),
        ("https://example.testmo.net\u200b", "holds a space or a control character"),
        (
            '"https://example.testmo.net"',
            "holds quotes or brackets, which are no part of an address",
        ),  # as docker keeps them
        ("\u201chttps://example.testmo.net\u201d", "holds quotes or brackets, which are no part of an address"),
        ("<https://example.testmo.net>", "holds quotes or brackets, which are no part of an address"),
        ("https://<instance>.testmo.net", "holds quotes or brackets, which are no part of an address"),
        ("https://{instance}.testmo.net", "holds quotes or brackets, which are no part of an address"),
    ],
)
def test_an_address_that_could_lead_elsewhere_is_refused_and_never_quoted(raw: str, reason: str) -> None:
    (problem,) = problems(TESTMO_URL=raw)

    assert problem == f"TESTMO_URL {reason}: give your instance's address alone, like https://example.testmo.net"
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "secret",
    [
        "testmo_api_abc+/=",
        " testmo_api_abc+/=\n",
        '{"token": " testmo_api_abc+/= "}',
        "\ufefftestmo_api_abc+/=\r\n",  # what Windows' editors and shells store
        '\ufeff{"token": "testmo_api_abc+/="}',
    ],
)
def test_a_token_is_a_plain_text_or_a_json_object(secret: str) -> None:
    assert config.testmo_token(secret) == "testmo_api_abc+/="


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "   ",
        "hunter2 hunter3",
        "hunter2\nhunter3",
        "hünter2",
        '"hunter2"',
        "'hunter2'",
        '{"token": 5}',
        '{"tokén": "hunter2"}',
        '{"hunter2',
        "{}",
        "https://hooks.slack.com/services/T0/B0/hunter2",  # the other secret, which must not travel to Testmo
        "xoxb-1-hunter2",
        "TESTMO_TOKEN=hunter2",
        "<hunter2>",
        '["hunter2"]',
    ],
)
def test_what_is_no_token_is_refused_and_never_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match=r"is not a Testmo token|JSON object and is none") as caught:
        config.testmo_token(secret)

    assert "hunter" not in str(caught.value)


def test_one_webhook_is_the_default_destination() -> None:
    assert good_webhooks(f" {WEBHOOK}\n") == {"default": WEBHOOK}
    assert good_webhooks(f"\ufeff{WEBHOOK}") == {"default": WEBHOOK}
    assert good_webhooks(f'\ufeff{{"default": "{WEBHOOK}"}}') == {"default": WEBHOOK}


def test_webhooks_have_names() -> None:
    gov = "https://hooks.slack-gov.com/services/T000/B000/XsecretX"
    local = "http://127.0.0.1:4000/services/T000/B000/XsecretX"

    assert good_webhooks(f'{{"default": "{WEBHOOK}", "gov": "{gov}", "here_2": "{local}"}}') == {
        "default": WEBHOOK,
        "gov": gov,
        "here_2": local,
    }


@pytest.mark.parametrize("host", ["hooks.slack.com:443", "hooks.slack-gov.com:443", "HOOKS.slack.com"])
def test_the_port_of_https_may_be_said(host: str) -> None:
    url = f"https://{host}/services/T000/B000/XsecretX"

    assert good_webhooks(url) == {"default": url}


@pytest.mark.parametrize(("name", "is_fine"), [("a" * 64, True), ("a" * 65, False), ("7-a_b", True), ("_a", False)])
def test_the_name_of_a_webhook_is_that_of_a_destination(name: str, *, is_fine: bool) -> None:
    webhooks, wrong = read_addresses(f'{{"{name}": "{WEBHOOK}"}}')

    assert (list(webhooks), len(wrong)) == (([name], 0) if is_fine else ([], 1))


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (f'"default": "{WEBHOOK}", "default": "{WEBHOOK}"', "'default'"),
        ('"a": {"token": "xoxb-1", "channel": "C012AB3CD", "token": "xoxb-2"}', "'token'"),
        (f'"default": "{WEBHOOK}", "{WEBHOOK}": "default", "{WEBHOOK}": "default"', "an entry"),
    ],
)
def test_what_stands_twice_in_a_secret_is_said_and_the_last_one_counts(pairs: str, said: str) -> None:
    """Somebody added a channel and left the old line: messages would go to one of the two, and nothing says which."""
    webhooks, wrong = read_addresses(f"{{{pairs}}}")

    assert len(webhooks) == 1
    assert wrong[0] == f"has {said} twice, and the last one counts: keep one of them"
    assert WEBHOOK not in "".join(wrong)


def test_a_wrong_name_of_a_webhook_is_told_by_its_place_in_the_secret() -> None:
    _, wrong = read_addresses(f'{{"default": "{WEBHOOK}", "Payments": "{WEBHOOK}"}}')

    assert wrong == ["entry 2 is not named like a destination: name it in small letters, digits, - and _"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "is not an https address"),
        ("http://hooks.slack.com/services/T/B/XsecretX", "is not https"),
        ("https://evil.example/services/T/B/XsecretX", "is not an address of Slack's webhook host"),
        ("https://hooks.slack.com.evil.example/services/T/B/XsecretX", "is not an address of Slack's webhook host"),
        ("https://hooks.slack.com:8443/services/T/B/XsecretX", "is not an address of Slack's webhook host"),
        ("https://XsecretX@hooks.slack.com/services/T/B/X", "holds a user name or password"),
        ("https://hooks.slack.com/triggers/T/B/XsecretX", "is not an incoming webhook"),
        ("https://hooks.slack.com/services/T/B/XsecretX?x=1", "is not an incoming webhook"),
        ("https://hooks.slack.com/services/T/B/XsecretX#a", "is not an incoming webhook"),
        ("https://hooks.slack.com/services/T/B/Xsecret X", "holds a space"),
        ("https://10.0.0.1/services/T/B/XsecretX", "is a private address"),
    ],
)
def test_what_is_no_webhook_is_refused_and_never_quoted(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"slack:payments {reason}") as caught:
        good_webhooks(f'{{"payments": "{url}"}}')

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "secret",
    [
        "{}",
        '{"default": 5}',
        '{"default"',
        "[]",
        f'{{"{WEBHOOK}": "default"}}',  # name and address the wrong way round
        f'{{"Payments": "{WEBHOOK}"}}',
    ],
)
def test_a_secret_without_a_usable_webhook_is_refused_and_never_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        good_webhooks(secret)

    assert "T000" not in str(caught.value)
    assert "hooks.slack.com/services/T" not in str(caught.value)


def test_every_webhook_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"slack:a .*; slack:b ") as caught:
        good_webhooks('{"a": "x", "b": "y"}')

    assert str(caught.value).count("is not an https address") == 2


def test_a_webhook_that_is_wrong_silences_no_other() -> None:
    assert config.usable(read_addresses)(f'{{"a": "x", "Bad Name": "y", "default": "{WEBHOOK}"}}') == {
        "default": WEBHOOK
    }
    with pytest.raises(ValueError, match=r"slack:a .*; slack:b "):
        config.usable(read_addresses)('{"a": "x", "b": "y"}')
