"""AWS's errors in words: what is wrong, and the step that helps."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import (
    ClientError,
    ConfigParseError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidConfigError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import NameResolutionError

from tools.lib.folders import GIVE_IT, unusable

LOG_IN: Final = "log in again (`aws sso login`, or new keys), then run this once more"
RIGHTS: Final = "these credentials may not do that; docs/commands.md lists the rights each command needs"
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
DELETED: Final = (
    "a part of the stack was deleted by hand, which `sam deploy` does not notice: see docs/deploy.md,"
    ' "A part that was deleted by hand"'
)
SET_IT: Final = "give --profile and --region, or set AWS_PROFILE and AWS_REGION"
CORRECT_IT: Final = "correct it (~/.aws/config, or AWS_CONFIG_FILE)"
AGAIN: Final = "try again in a minute"
NOBODY_THERE: Final = "check the Region (--region) and whether the network lets you out"
NO_PROXY: Final = "correct HTTPS_PROXY (or HTTP_PROXY), unset it, or name the host in NO_PROXY"
NO_NAME: Final = "its name is not known here (DNS): check the Region (--region) and the network"
NOT_TRUSTED: Final = "if a proxy opens the connections of this network, give its certificates: AWS_CA_BUNDLE=file.pem"
NO_EMULATOR: Final = "is the emulator of AWS_ENDPOINT_URL running? Unset that variable to work on AWS"
NO_AWS: Final = "what answered is not AWS: another program, or the page of a proxy"
NOT_THERE: Final = "correct AWS_ENDPOINT_URL, or unset it to work on AWS"

MISSING: Final = (NoCredentialsError, PartialCredentialsError, NoRegionError, ProfileNotFound, InvalidRegionError)
NOT_SET_UP: Final = (*MISSING, InvalidConfigError, ConfigParseError)

# https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, and the older services' own words
STEPS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (LOG_IN, ("ExpiredToken", "RequestExpired", "TokenRefreshRequired")),
    (LOG_IN, ("InvalidClientTokenId", "UnrecognizedClient", "InvalidAccessKeyId", "AuthFailure")),
    (LOG_IN, ("InvalidSignature", "SignatureDoesNotMatch", "MissingAuthenticationToken", "IncompleteSignature")),
    (RIGHTS, ("AccessDenied", "AuthorizationError", "UnauthorizedOperation")),
    (DELETED, ("ResourceNotFound", "NonExistentQueue", "QueueDoesNotExist", "NotFound")),
    (AGAIN, ("Throttling", "TooManyRequests", "RequestLimitExceeded", "ThroughputExceeded", "ServiceUnavailable")),
)


def explain(exc: Exception) -> tuple[str, str]:
    """What is wrong, and the next step."""
    words = " ".join(str(exc).split()).rstrip(".:")
    if is_no_aws(exc):
        return NO_AWS, NOT_THERE if os.environ.get("AWS_ENDPOINT_URL") else NOBODY_THERE
    if isinstance(exc, ClientError):
        error = exc.response["Error"]
        code = error.get("Code", "an error")
        message = " ".join(error.get("Message", "").split()).rstrip(".")
        said = f"AWS answers {code} to {exc.operation_name}" + (f" ({message})" if message else "")
        return said, next((step for step, codes in STEPS if any(one in code for one in codes)), AGAIN)
    if isinstance(exc, SSOError | TokenRetrievalError | CredentialRetrievalError):
        return words, LOG_IN
    if isinstance(exc, NOT_SET_UP):
        return words, SET_IT if isinstance(exc, MISSING) else CORRECT_IT
    if isinstance(exc, OSError) and exc.filename is not None:
        return unusable(exc), GIVE_IT
    return words, way_to_aws(exc)


@contextmanager
def first_question() -> Iterator[None]:
    """Of a command to AWS. Whatever answers there: botocore falls over XML that is not AWS's."""
    try:
        yield
    except LookupError as exc:
        raise ResponseParserError("neither a result nor an error came") from exc


def is_no_aws(exc: Exception) -> bool:
    """Whether it is about an answer in nobody's language: botocore's error for that is none of its own kind."""
    if isinstance(exc, ClientError):
        return not exc.response.get("Error", {}).get("Code")
    return isinstance(exc, ResponseParserError)


def way_to_aws(exc: Exception) -> str:
    """What to check where AWS cannot be reached; botocore keeps what urllib3 said."""
    if isinstance(exc, ProxyConnectionError):
        return NO_PROXY
    if isinstance(exc, SSLError):
        return NOT_TRUSTED
    if not isinstance(exc, EndpointConnectionError | ConnectTimeoutError | HTTPClientError):
        return AGAIN
    if os.environ.get("AWS_ENDPOINT_URL"):
        return NO_EMULATOR
    cause = getattr(exc, "kwargs", {}).get("error")
    return NO_NAME if isinstance(cause, NameResolutionError | socket.gaierror) else NOBODY_THERE


def in_words(exc: Exception) -> str:
    """The same in one line."""
    return ": ".join(explain(exc))
