"""Secrets: kept for a while, read again on request, never quoted (SECURITY.md)."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.exceptions import ClientError, EndpointConnectionError

from testmo_notifier import config  # as a module: pytest would take an imported `testmo_token` for a test
from testmo_notifier.adapters.secrets import read_secret
from testmo_notifier.errors import ConfigurationError
from tests.support.slack_world import good_webhooks

ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:slack-AbCdEf"


class FakeSecretsManager:
    """One secret; `answers` are given in order, the last one for ever."""

    def __init__(self, *answers: str | bytes | Exception) -> None:
        self.meta = Mock()  # Powertools registers its user agent there
        self._answers = list(answers)
        self.reads = 0

    def get_secret_value(self, **_: str) -> dict[str, Any]:
        self.reads += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"SecretBinary": answer} if isinstance(answer, bytes) else {"SecretString": answer}


def provider(fake: FakeSecretsManager) -> SecretsProvider:
    return SecretsProvider(boto3_client=fake)  # type: ignore[arg-type]  # the part of a client that is used


def test_a_secret_is_read_once_and_then_kept() -> None:
    fake = FakeSecretsManager("token-1", "token-2")
    secrets = provider(fake)

    assert [read_secret(secrets, ARN, config.testmo_token) for _ in range(3)] == ["token-1"] * 3
    assert fake.reads == 1


def test_a_fresh_read_sees_the_new_value_and_so_does_everybody_after_it() -> None:
    secrets = provider(FakeSecretsManager("token-1", "token-2"))
    read_secret(secrets, ARN, config.testmo_token)

    assert read_secret(secrets, ARN, config.testmo_token, fresh=True) == "token-2"
    assert read_secret(secrets, ARN, config.testmo_token) == "token-2"


def test_a_secret_that_is_scheduled_for_deletion_leads_to_whoever_can_take_that_back() -> None:
    """The console still shows it then, with its value gone: AWS calls the request invalid."""
    leaving = ClientError({"Error": {"Code": "InvalidRequestException", "Message": "no"}}, "GetSecretValue")

    with pytest.raises(ConfigurationError, match=r"InvalidRequestException.*aws secretsmanager restore-secret"):
        read_secret(provider(FakeSecretsManager(leaving)), ARN, config.testmo_token)


def test_a_secret_that_may_not_be_read_is_named_with_aws_word_and_the_next_step() -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSecretValue")

    with pytest.raises(ConfigurationError) as caught:
        read_secret(provider(FakeSecretsManager(denied)), ARN, config.testmo_token)

    assert f"the secret {ARN} cannot be read (AccessDeniedException): check that" in str(caught.value)


def test_a_secret_that_cannot_be_reached_is_named_too() -> None:
    away = EndpointConnectionError(endpoint_url="https://secretsmanager")

    with pytest.raises(ConfigurationError, match=r"cannot be read \(EndpointConnectionError\)"):
        read_secret(provider(FakeSecretsManager(away)), ARN, config.testmo_token)


@pytest.mark.parametrize(
    "value",
    [
        "https://evil.example/services/T0/B0/XsecretX",
        '{"default": "https://hooks.slack.com/services/T0/B0/XsecretX", "Bad Name": "XsecretX"}',
        '{"default": "https://hooks.slack.com/services/T0/B0/XsecretX"',
        "http://hooks.slack.com/services/T0/B0/XsecretX",
    ],
)
def test_a_value_that_makes_no_sense_is_described_and_never_quoted(value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_secret(provider(FakeSecretsManager(value)), ARN, good_webhooks)

    assert ARN in str(caught.value)
    error: BaseException | None = caught.value
    while error is not None:
        assert "XsecretX" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_binary_secret_is_refused_in_words() -> None:
    with pytest.raises(ConfigurationError, match="is binary: store text"):
        read_secret(provider(FakeSecretsManager(b"token")), ARN, config.testmo_token)
