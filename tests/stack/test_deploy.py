"""Deploying, updating, refusing: what CloudFormation makes of the template."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from botocore.exceptions import ClientError

from tools.lib.aws import Aws
from tools.local import stack
from tools.local.build import Build
from tools.local.stack import DeployFailed, Stack


def test_a_stack_that_would_tell_nobody_is_refused(aws: Aws, built: Build, parameters: Mapping[str, str]) -> None:
    nobody = {**parameters, "SlackSecretArn": "", "EmailAddress": ""}
    with pytest.raises(DeployFailed, match="Give SlackSecretArn or EmailAddress"):
        stack.deploy(aws, built, nobody, name="refused")
    with pytest.raises(ClientError, match="does not exist"):
        aws.cloudformation.describe_stacks(StackName="refused")


def test_a_wrong_parameter_is_refused_with_what_would_be_right(
    aws: Aws, built: Build, parameters: Mapping[str, str]
) -> None:
    with pytest.raises(DeployFailed, match="give status ids from 1 to 25"):
        stack.deploy(aws, built, {**parameters, "AlertStatusIds": "26"}, name="refused")


def test_nothing_is_deployed_where_nothing_changed(
    aws: Aws, built: Build, parameters: Mapping[str, str], deployed: Stack
) -> None:
    before = aws.cloudformation.describe_stack_events(StackName=deployed.name)["StackEvents"]
    again = stack.deploy(aws, built, parameters, name=deployed.name)
    after = aws.cloudformation.describe_stack_events(StackName=deployed.name)["StackEvents"]
    assert again.is_new is False
    assert len(after) == len(before)


def test_the_schedule_is_off_where_its_parameter_says_so(aws: Aws, deployed: Stack) -> None:
    (schedule,) = [
        aws.scheduler.get_schedule(Name=found["Name"], GroupName=found["GroupName"])
        for found in aws.scheduler.list_schedules()["Schedules"]
        if found["Name"].startswith(f"{deployed.name}-")
    ]
    assert schedule["State"] == "DISABLED"
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}


def test_another_secret_reaches_the_functions_as_another_arn(aws: Aws, parameters: Mapping[str, str]) -> None:
    """A warm function keeps a secret in memory; a new ARN is a new configuration, and that starts it anew."""
    assert stack.make_secret(aws, "testmo", "a-token") == parameters["TestmoSecretArn"]
    assert stack.make_secret(aws, "testmo", "another-token") != parameters["TestmoSecretArn"]


def test_a_second_stack_fits_beside_the_first_and_slack_can_be_switched_on_and_off(
    aws: Aws, built: Build, parameters: Mapping[str, str], deployed: Stack
) -> None:
    by_mail = {**parameters, "SlackSecretArn": ""}

    mail_only = stack.deploy(aws, built, by_mail, name="second")
    assert mail_only.slack_function is None
    assert {mail_only.poller, mail_only.table, mail_only.topic_arn}.isdisjoint(
        {deployed.poller, deployed.table, deployed.topic_arn}
    )
    assert slack_subscriptions(aws, mail_only) == []
    assert variables(aws, mail_only)["CHANNELS"] == "email,event"

    with_slack = stack.deploy(aws, built, parameters, name="second")
    assert with_slack.slack_function is not None
    assert len(slack_subscriptions(aws, with_slack)) == 1
    assert variables(aws, with_slack)["CHANNELS"] == "slack,email,event"
    assert with_slack.table == mail_only.table

    mail_again = stack.deploy(aws, built, by_mail, name="second")
    assert mail_again.slack_function is None
    assert slack_subscriptions(aws, mail_again) == []
    assert mail_again.slack_queue == with_slack.slack_queue, "what waits in it must not be lost"


def slack_subscriptions(aws: Aws, found: Stack) -> list[str]:
    subscriptions = aws.sns.list_subscriptions_by_topic(TopicArn=found.topic_arn)["Subscriptions"]
    return [subscription["Endpoint"] for subscription in subscriptions if subscription["Protocol"] == "sqs"]


def variables(aws: Aws, found: Stack) -> Mapping[str, str]:
    configuration = aws.functions.get_function_configuration(FunctionName=found.poller)
    return configuration["Environment"]["Variables"]
