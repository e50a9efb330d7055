"""The real template.yaml, built and deployed once with `sam deploy` to an embedded AWS that enforces permissions."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import pytest

from tests.stack.emulator import RUNNING, embedded_aws
from tools.inbox.receiver import Inbox
from tools.lib.aws import Aws
from tools.local import stack
from tools.local.build import Build
from tools.local.stack import Stack

LOGGED = 150  # lines


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is of the stack lane."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.stack)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what the embedded AWS did: a message that did not arrive has its reason there."""
    report = yield
    if report.failed:
        report.sections += [("the embedded AWS's log", ministack.last_words(LOGGED)) for ministack in RUNNING]
    return report


@pytest.fixture(scope="session")
def aws() -> Iterator[Aws]:
    """An embedded AWS of this lane's own, which nobody empties."""
    with embedded_aws() as aws:
        yield aws


@pytest.fixture(scope="session")
def inbox() -> Iterator[Inbox]:
    with Inbox(0) as inbox:
        yield inbox


@pytest.fixture(scope="session")
def parameters(aws: Aws, inbox: Inbox) -> Mapping[str, str]:
    return {
        "TestmoUrl": "https://example.testmo.net",
        "TestmoSecretArn": stack.make_secret(aws, "testmo", "a-token"),
        "SlackSecretArn": stack.make_secret(aws, "slack", inbox.webhook),
        "EmailAddress": "qa@example.com",
        "PollScheduleState": "DISABLED",
    }


@pytest.fixture(scope="session")
def deployed(aws: Aws, built: Build, parameters: Mapping[str, str]) -> Stack:
    return stack.deploy(aws, built, parameters, name="shared")
