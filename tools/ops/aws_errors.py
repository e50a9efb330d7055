"""AWS's errors in words: what is wrong, and the step that helps."""

from __future__ import annotations

import os
from typing import Final

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    SSOError,
    TokenRetrievalError,
)

LOG_IN: Final = "log in again (`aws sso login`, or new keys), then run this once more"
RIGHTS: Final = "these credentials may not do that; docs/commands.md lists the rights each command needs"
DEPLOY_AGAIN: Final = "a part of the stack was deleted by hand: `sam build && sam deploy` makes it again"
AGAIN: Final = "try again in a minute"
NOBODY_THERE: Final = "check the Region (--region) and whether the network lets you out"
NO_EMULATOR: Final = "is the emulator of AWS_ENDPOINT_URL running? Unset that variable to work on AWS"

# https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, and the older services' own words
STEPS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (LOG_IN, ("ExpiredToken", "RequestExpired", "TokenRefreshRequired")),
    (LOG_IN, ("InvalidClientTokenId", "UnrecognizedClient", "InvalidAccessKeyId", "AuthFailure")),
    (LOG_IN, ("InvalidSignature", "SignatureDoesNotMatch", "MissingAuthenticationToken", "IncompleteSignature")),
    (RIGHTS, ("AccessDenied", "AuthorizationError", "UnauthorizedOperation")),
    (DEPLOY_AGAIN, ("ResourceNotFound", "NonExistentQueue", "QueueDoesNotExist", "NotFound")),
    (AGAIN, ("Throttling", "TooManyRequests", "RequestLimitExceeded", "ThroughputExceeded", "ServiceUnavailable")),
)


def explain(exc: Exception) -> tuple[str, str]:
    """What is wrong, and the next step."""
    words = " ".join(str(exc).split()).rstrip(".")
    if isinstance(exc, ClientError):
        error = exc.response["Error"]
        code = error.get("Code", "an error")
        message = " ".join(error.get("Message", "").split()).rstrip(".")
        said = f"AWS answers {code} to {exc.operation_name}" + (f" ({message})" if message else "")
        return said, next((step for step, codes in STEPS if any(one in code for one in codes)), AGAIN)
    if isinstance(exc, SSOError | TokenRetrievalError):
        return words, LOG_IN
    if isinstance(exc, EndpointConnectionError | ConnectTimeoutError | HTTPClientError):
        return words, NO_EMULATOR if os.environ.get("AWS_ENDPOINT_URL") else NOBODY_THERE
    return words, AGAIN


def in_words(exc: Exception) -> str:
    """The same in one line."""
    return ": ".join(explain(exc))
