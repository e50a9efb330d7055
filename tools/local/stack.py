"""template.yaml as a stack on some AWS, by a real `sam deploy`; nothing is done where nothing changed."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import ClientError

from tools.lib import processes
from tools.lib.aws import Aws
from tools.local.build import SAM, Build

STACK_NAME: Final = "testmo-notifier-local"
SOURCE_TAG: Final = "source"  # what the stack was made from; equal means there is nothing to deploy
DEPLOY_TRIES: Final = 5
DEPLOY_PAUSE_SECONDS: Final = 3.0
SOMEBODY_ELSE: Final = re.compile(r"ChangeSet\b.*already exists|is in \w+_IN_PROGRESS state", re.DOTALL)
REASONS: Final = re.compile(r"(?:Reason: |Error: |Template error: ).+", re.DOTALL)


class DeployFailed(Exception):
    """`sam deploy` said no; ends with its reason."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack: the names of what is in it. `is_new` is False where nothing had to be deployed."""

    name: str
    topic_arn: str
    table: str
    poller: str
    slack_function: str | None
    slack_queue: str
    dead_letter_queues: Mapping[str, str]
    is_new: bool


def deploy(aws: Aws, build: Build, settings: Mapping[str, str], *, name: str = STACK_NAME) -> Stack:
    """Create or update the stack; `settings` are parameters, each other one gets its default.

    Every parameter is passed every time: one that is left out of an update would keep its former value.
    """
    parameters = build.parameters() | dict(settings)
    source = _fingerprint(build, parameters)
    if _deployed_source(aws, name) == source:
        return _describe(aws, name, is_new=False)
    bucket = f"{name}-artefacts"
    _make_bucket(aws, bucket)
    command = [str(SAM), "deploy", "--template-file", str(build.template), "--stack-name", name]
    command += ["--s3-bucket", bucket, "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"]
    command += ["--no-progressbar", "--no-fail-on-empty-changeset", "--tags", f"{SOURCE_TAG}={source}"]
    command += ["--parameter-overrides", *(f"{key}={_quoted(value)}" for key, value in parameters.items())]
    for _ in range(DEPLOY_TRIES):
        finished = processes.run(command, env=aws.environ())
        if not finished.status:
            return _describe(aws, name, is_new=True)
        if not SOMEBODY_ELSE.search(_reason(finished)):
            break
        time.sleep(DEPLOY_PAUSE_SECONDS)  # another command deploys this very stack
        if _deployed_source(aws, name) == source:
            return _describe(aws, name, is_new=False)
    raise DeployFailed(f"`sam deploy` failed. {_reason(finished)}")


def make_secret(aws: Aws, purpose: str, value: str, *, name: str = STACK_NAME) -> str:
    """The ARN of a secret with this value.

    The value's hash is part of the name, so another value is another ARN: the functions' configuration changes
    with it, and no warm function goes on with the value it has in memory.
    """
    secret = f"{name}/{purpose}-{hashlib.sha256(value.encode()).hexdigest()[:12]}"
    try:
        return aws.secrets.create_secret(Name=secret, SecretString=value)["ARN"]
    except aws.secrets.exceptions.ResourceExistsException:
        return aws.secrets.describe_secret(SecretId=secret)["ARN"]


def _fingerprint(build: Build, parameters: Mapping[str, str]) -> str:
    told = json.dumps([build.fingerprint, parameters], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _deployed_source(aws: Aws, name: str) -> str | None:
    """What the stack was made from, None where there is none in good order."""
    try:
        stack = aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as exc:
        if exc.response["Error"]["Code"] == "ValidationError":  # CloudFormation's way to say "no such stack"
            return None
        raise
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return None
    return next((tag["Value"] for tag in stack.get("Tags", []) if tag["Key"] == SOURCE_TAG), None)


def _describe(aws: Aws, name: str, *, is_new: bool) -> Stack:
    stack = aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return Stack(
        name=name,
        topic_arn=outputs["NotificationTopicArn"],
        table=outputs["StateTableName"],
        poller=outputs["PollerFunctionName"],
        slack_function=outputs.get("SlackFunctionName"),
        slack_queue=outputs["SlackQueueUrl"],
        dead_letter_queues={
            "Slack": outputs["SlackDeadLetterQueueUrl"],
            "SNS": outputs["SubscriptionDeadLetterQueueUrl"],
        },
        is_new=is_new,
    )


def _make_bucket(aws: Aws, bucket: str) -> None:
    try:
        aws.s3.head_bucket(Bucket=bucket)
    except ClientError:
        if aws.region == "us-east-1":  # the one Region that refuses to be named here
            aws.s3.create_bucket(Bucket=bucket)
        else:
            where = {"LocationConstraint": aws.region}
            aws.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)  # type: ignore[arg-type]  # any Region


def _quoted(value: str) -> str:
    """A parameter's value as SAM's own little language wants it; bare, an empty one is refused and a space splits."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _reason(finished: processes.Finished) -> str:
    """The reason among all that `sam deploy` prints, or the end of it."""
    found = REASONS.search(finished.output)
    return " ".join(found[0].split()) if found else f"It ended with:\n{finished.tail()}"
