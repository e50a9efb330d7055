"""Whose AWS it is, and what is in the stack: found by the stack's name alone."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from testmo_notifier.adapters.secrets import read_secret
from testmo_notifier.channels.channel import Channel
from testmo_notifier.channels.registry import queued
from testmo_notifier.config import PollerSettings, testmo_token
from testmo_notifier.errors import ConfigurationError, Problem
from tools.lib.aws import Aws, Services
from tools.lib.processes import ROOT
from tools.local.stack import STACK_NAME as LOCAL_STACK_NAME
from tools.ops.aws_errors import first_question

DEFAULT_STACK_NAME: Final = "testmo-notifier"
IN_GOOD_ORDER: Final = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
OUTPUTS: Final = ("NotificationTopicArn", "OpsTopicArn", "StateTableName", "PollerFunctionName", "SlackQueueUrl")


class NoStack(Exception):
    """The stack is not there, or is not one of ours; says what to do."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What CloudFormation says of the stack. `resources` maps a type to its logical and physical names."""

    name: str
    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    resources: Mapping[str, Mapping[str, str]]

    @property
    def version(self) -> str | None:
        """Which version it runs; None for 1.0.0, whose stacks do not say."""
        return self.outputs.get("Version")

    @property
    def topic(self) -> str:
        """The topic of all notifications."""
        return self.outputs["NotificationTopicArn"]

    @property
    def table(self) -> str:
        """The state."""
        return self.outputs["StateTableName"]

    @property
    def poller(self) -> str:
        """The poller's function."""
        return self.outputs["PollerFunctionName"]

    @property
    def slack_function(self) -> str | None:
        """The Slack function; None where the stack has no Slack."""
        return self.outputs.get("SlackFunctionName")

    @property
    def slack_queue(self) -> str:
        """What is on its way to Slack."""
        return self.outputs["SlackQueueUrl"]

    @property
    def dead_letter_queues(self) -> Mapping[str, str]:
        """By the names that `redrive --queue` takes."""
        return {
            "slack": self.outputs["SlackDeadLetterQueueUrl"],
            "subscription": self.outputs["SubscriptionDeadLetterQueueUrl"],
        }

    def physical(self, kind: str) -> list[str]:
        """The names of all its resources of one CloudFormation type."""
        return list(self.resources.get(kind, {}).values())


class Account(Services):
    """One AWS account and Region, or an emulator, and the stack in it."""

    def __init__(self, session: boto3.Session, stack_name: str, endpoint: str | None = None) -> None:
        self.stack_name = stack_name
        self.endpoint = endpoint
        self.session = session

    @classmethod
    def choose(cls, *, stack_name: str | None, region: str | None, profile: str | None) -> Account:
        """The account of the flags, else of the environment; `AWS_ENDPOINT_URL` means an emulator with its usual keys.

        Raises botocore's errors for a profile or Region that is not there, and `ConfigurationError`.
        """
        endpoint = checked_endpoint(os.environ.get("AWS_ENDPOINT_URL", ""), profile)
        if endpoint is None:
            given = {} if stack_name else deploy_parameters()  # another stack may be anywhere
            of_environment = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
            region = region or of_environment or given.get("region") or None
            session = boto3.Session(profile_name=profile, region_name=region)
            return cls(session, stack_name or given.get("stack_name") or DEFAULT_STACK_NAME)
        aws = Aws.from_env(endpoint, {**os.environ, "AWS_REGION": region} if region else os.environ)
        return cls(aws.session, stack_name or LOCAL_STACK_NAME, endpoint)

    def caller(self) -> str:
        """Who these credentials belong to, as an ARN."""
        return str(self.client("sts").get_caller_identity()["Arn"])

    @cached_property
    def stack(self) -> Stack:
        """The stack; raises `NoStack`."""
        try:
            with first_question():
                found = self.cloudformation.describe_stacks(StackName=self.stack_name)["Stacks"][0]
        except ClientError as exc:
            # CloudFormation's way to say "no such stack".
            if exc.response.get("Error", {}).get("Code") != "ValidationError":
                raise
            raise NoStack(f"there is no stack {self.stack_name} {self.where}: {self._others()}") from exc
        resources: dict[str, dict[str, str]] = {}
        for page in self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.stack_name):
            for one in page["StackResourceSummaries"]:
                names = resources.setdefault(one["ResourceType"], {})
                names[one["LogicalResourceId"]] = one.get("PhysicalResourceId", "")
        stack = Stack(
            name=self.stack_name,
            status=found["StackStatus"],
            outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
            parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])},
            resources=resources,
        )
        missing = [name for name in OUTPUTS if name not in stack.outputs]
        if missing:
            raise NoStack(self._incomplete(stack, missing))
        return stack

    @property
    def where(self) -> str:
        """The place in words."""
        return f"at {self.endpoint}" if self.endpoint else f"in {self.session.region_name} of this account"

    def _others(self) -> str:
        """What else could be meant: the stacks there that look like ours, as far as we may see them."""
        how = "name it with --stack-name, its Region with --region"
        how += "" if self.endpoint else " and the account with --profile"
        try:
            pages = self.cloudformation.get_paginator("describe_stacks").paginate()
            names = [one["StackName"] for page in pages for one in page["Stacks"] if is_ours(one)]
        except (BotoCoreError, ClientError):
            return how
        return f"{how}; there {'is' if len(names) == 1 else 'are'} {', '.join(names)}" if names else how

    def _incomplete(self, stack: Stack, missing: list[str]) -> str:
        """A stack without what we need: of somebody else, or not deployed to its end."""
        if "AWS::Scheduler::Schedule" not in stack.resources and "IN_PROGRESS" not in stack.status:
            return f"the stack {stack.name} is {stack.status} and not the notifier's: {self._others()}"
        step = deploy_step(stack.name, stack.status) or "deploy it again: sam build && sam deploy"
        return f"the stack {stack.name} is {stack.status} and lacks {', '.join(missing)}: {step}"

    def variables(self, function: str) -> Mapping[str, str]:
        """The environment of a deployed function."""
        found = self.functions.get_function_configuration(FunctionName=function)
        return found.get("Environment", {}).get("Variables", {})

    @cached_property
    def settings(self) -> PollerSettings:
        """The poller's settings as they are deployed; raises `ConfigurationError`."""
        return PollerSettings.from_env(self.variables(self.stack.poller))

    def token(self) -> str:
        """Testmo's token; raises `ConfigurationError`, which never quotes it."""
        return read_secret(self._provider, self.settings.testmo_secret_arn, testmo_token, fresh=True)

    def addresses(self, channel: Channel) -> Mapping[str, str]:
        """A channel's addresses by name, as far as they are right; empty where the stack lacks it. The same."""
        return self.addresses_and_problems(channel)[0]

    def addresses_and_problems(self, channel: Channel) -> tuple[Mapping[str, str], Sequence[Problem]]:
        """These, and what is wrong with the others; a message for one of those is parked."""
        arn = self.secret_arn(channel)
        if not arn:
            return {}, ()
        addresses, wrong = read_secret(self._provider, arn, channel.transport().read_secret, fresh=True)
        wrong = wrong or ([] if addresses else [Problem("holds no webhook", "store one")])
        return addresses, [problem.of(f"the secret {arn}", secret=arn) for problem in wrong]

    def secret_arn(self, channel: Channel) -> str:
        """Where the addresses are; empty where the stack lacks the channel."""
        return self._delivery.get(channel.secret_variable, "")

    @property
    def queue_leads_to(self) -> str:
        """The channels of the stack that its queue delivers, in words; of one that has none, those that it could."""
        has = [channel for channel in queued() if self.secret_arn(channel)]
        return " and ".join(channel.title for channel in has or queued())

    @cached_property
    def _delivery(self) -> Mapping[str, str]:
        return self.variables(self.stack.slack_function) if self.stack.slack_function else {}

    @cached_property
    def _provider(self) -> Any:  # noqa: ANN401 - imported here, because Powertools takes its time
        from aws_lambda_powertools.utilities.parameters import SecretsProvider  # noqa: PLC0415

        return SecretsProvider(boto3_client=self.secrets)


def deploy_parameters() -> dict[str, str]:
    """Which stack samconfig.toml means, and where, as `sam deploy` takes it, which writes both there.

    Raises `ConfigurationError` for a file that cannot be understood: any other stack would be a wrong one.
    """
    try:
        content = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        next_step = "correct it, or say which stack with --stack-name and --region"
        raise ConfigurationError([Problem(f"samconfig.toml cannot be read ({exc})", next_step)]) from None
    found: dict[str, str] = {}
    for command in ("global", "deploy"):
        try:
            given = content["default"][command]["parameters"]
            found |= {name: given[name] for name in ("stack_name", "region") if isinstance(given.get(name), str)}
        except (KeyError, TypeError, AttributeError):
            continue
    return {name: value for name, value in found.items() if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", value)}


def checked_endpoint(raw: str, profile: str | None) -> str | None:
    """The emulator's address, None for AWS; raises `ConfigurationError` where both could be meant."""
    if not raw:
        return None
    hint = "give an emulator's address, like http://127.0.0.1:4566, or unset it to work on AWS"
    try:
        parts = urlsplit(raw)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        is_address = False
    if not is_address:
        raise ConfigurationError([Problem("AWS_ENDPOINT_URL is no address", hint)])
    if profile:
        text = f"--profile names an account of AWS, and AWS_ENDPOINT_URL is set to {raw}"
        raise ConfigurationError([Problem(text, "leave out one of them")])
    return raw


def is_ours(stack: Any) -> bool:  # noqa: ANN401 - what CloudFormation says of a stack
    """Whether a stack is a notifier, as far as its outputs tell."""
    return {"NotificationTopicArn", "PollerFunctionName"} <= {one["OutputKey"] for one in stack.get("Outputs", [])}


def deploy_step(name: str, status: str) -> str:
    """What to do about a deploy that is under way or went wrong; empty for one that went well."""
    events = f"aws cloudformation describe-stack-events --stack-name {name} shows why"
    if status in IN_GOOD_ORDER:
        return ""
    if status == "REVIEW_IN_PROGRESS":  # a change set that nobody carried out
        return "its first deploy was prepared and not carried out: sam build && sam deploy"
    if status.endswith("_IN_PROGRESS"):
        return "somebody deploys it at this moment: look again when that is over"
    if status in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"):
        return f"its first deploy failed: {events}; delete the stack, then deploy again"
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return f"the last deploy failed and was taken back, the version before it runs: {events}; correct it and deploy"
    return f"{events}; fix that in CloudFormation's console, then deploy again"
