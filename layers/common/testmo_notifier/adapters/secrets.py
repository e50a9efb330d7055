"""Secrets by ARN, kept for five minutes. No error quotes a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from testmo_notifier.errors import ConfigurationError, Problem, WrongValue

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider

MAX_AGE_SECONDS: Final = 300  # a rotated secret is seen that much later, or at once by a `fresh` read
NEXT_STEP: Final = (
    "check that it exists in this Region, has a value, and may be read by who asks (the function, or you);"
    " if it is scheduled for deletion, `aws secretsmanager restore-secret` takes that back"
)

T = TypeVar("T")


def read_secret(provider: SecretsProvider, arn: str, parse: Callable[[str], T], *, fresh: bool = False) -> T:
    """A secret's parsed value, read again if `fresh`; raises `ConfigurationError` that names the ARN."""
    try:
        value = provider.get(arn, max_age=MAX_AGE_SECONDS, force_fetch=fresh)
    except GetParameterError as exc:
        raise ConfigurationError([Problem(f"the secret {arn} cannot be read ({cause(exc)})", NEXT_STEP)]) from None
    if not isinstance(value, str):
        raise ConfigurationError([Problem(f"the secret {arn} is binary", "store text", secret=arn)])
    try:
        return parse(value)
    except WrongValue as exc:
        # The chain could quote the value.
        raise ConfigurationError([exc.problem.of(f"the secret {arn}", secret=arn)]) from None


def cause(exc: GetParameterError) -> str:
    """AWS's word for what went wrong, or the type of the error under Powertools' own."""
    inner = exc.__context__
    return str(inner.response["Error"]["Code"]) if isinstance(inner, ClientError) else type(inner).__name__
