"""Updating, side by side, deleting: every parameter reaches what it configures, and what holds something stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.commands import documented, run
from tests.support.template import PARAMETER
from tools.lib import processes
from tools.lib.aws import CONFIG, Aws
from tools.local import stack
from tools.local.build import SAM, Build
from tools.local.stack import Stack

NAME: Final = "updated"
HOLDERS: Final = ("AWS::DynamoDB::Table", "AWS::SNS::Topic", "AWS::SQS::Queue")
QUEUES: Final = ("SlackQueue", "SlackDeadLetterQueue", "SubscriptionDeadLetterQueue")
KEY: Final = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
BOUNDARY: Final = "arn:aws:iam::000000000000:policy/boundary"


@dataclass(frozen=True)
class Account:
    """What the account holds of one stack, asked of each service and not of CloudFormation."""

    aws: Aws
    stack: Stack
    ids: Mapping[str, str]

    def client(self, service: str) -> Any:  # noqa: ANN401 - any service
        return client(self.aws, service)

    def variable(self, name: str, function: str = "PollerFunction") -> str | None:
        """A variable of a function; None where there is no such function."""
        if function not in self.ids:
            return None
        found = self.aws.functions.get_function_configuration(FunctionName=self.ids[function])
        return found["Environment"]["Variables"][name]

    def mail(self, topic: str) -> list[str]:
        """Who gets mail from a topic."""
        found = self.aws.sns.list_subscriptions_by_topic(TopicArn=self.ids[topic])["Subscriptions"]
        return [one["Endpoint"] for one in found if one["Protocol"] == "email"]

    def schedule(self) -> Mapping[str, Any]:
        (name,) = [key for key in self.ids if key.startswith("PollerFunctionPoll")]
        return self.aws.scheduler.get_schedule(Name=self.ids[name], GroupName=self.ids["ScheduleGroup"])

    def retention(self) -> set[int | None]:
        """Of every log group of the stack."""
        groups = [self.ids[name] for name in ("PollerLogGroup", "SlackLogGroup") if name in self.ids]
        found = self.client("logs").describe_log_groups()["logGroups"]
        return {one.get("retentionInDays") for one in found if one["logGroupName"] in groups}

    def silence(self) -> tuple[int, int] | None:
        """How long NoPollAlarm waits; None where there is none, because the schedule is off."""
        if "NoPollAlarm" not in self.ids:
            return None
        (alarm,) = self.client("cloudwatch").describe_alarms(AlarmNames=[self.ids["NoPollAlarm"]])["MetricAlarms"]
        return alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]

    def keys(self) -> set[str | None]:
        """The keys of all queues, and those the poller's role may use."""
        queues = [self.ids[name] for name in QUEUES]
        found = [
            self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in queues
        ]
        return {one.get("KmsMasterKeyId") for one in found} | {self.allowed("PollerRole").get("Key")}

    def allowed(self, role: str) -> Mapping[str, str]:
        """What a role may touch, by statement."""
        iam = self.client("iam")
        (policy,) = iam.list_role_policies(RoleName=self.ids[role])["PolicyNames"]
        document = iam.get_role_policy(RoleName=self.ids[role], PolicyName=policy)["PolicyDocument"]
        return {one["Sid"]: one["Resource"] for one in document["Statement"]}

    def setting(self, parameter: str) -> str:
        """What CloudFormation has for a parameter."""
        (found,) = self.aws.cloudformation.describe_stacks(StackName=self.stack.name)["Stacks"]
        return next(one["ParameterValue"] for one in found["Parameters"] if one["ParameterKey"] == parameter)

    def architectures(self) -> set[str]:
        """Of every function of the stack."""
        functions = [self.ids[name] for name in ("PollerFunction", "SlackFunction") if name in self.ids]
        get = self.aws.functions.get_function_configuration
        return {found for name in functions for found in get(FunctionName=name)["Architectures"]}

    def heartbeat(self) -> tuple[str | None, str | None]:
        """What the poller pings, and whether it may read it."""
        return self.variable("HEARTBEAT_SECRET_ARN"), self.allowed("PollerRole").get("Heartbeat")

    def slack(self) -> tuple[str | None, bool]:
        """Which webhook the Slack function posts to, and whether the poller renders for Slack."""
        return self.variable("SLACK_SECRET_ARN", "SlackFunction"), "slack" in str(self.variable("CHANNELS"))

    def email(self) -> tuple[list[str], bool]:
        """Who gets mail, and whether the poller renders it."""
        return self.mail("NotificationTopic"), "email" in str(self.variable("CHANNELS"))

    def token(self) -> tuple[str | None, str]:
        """Where the poller reads its token, and whether it may."""
        return self.variable("TESTMO_SECRET_ARN"), self.allowed("PollerRole")["TestmoToken"]


class Row(NamedTuple):
    """A parameter: its value at first and later, where to look, and what is seen there each time."""

    first: str
    later: str
    look: Callable[[Account], object]
    seen_first: object
    seen_later: object


def variable(parameter: str, name: str, later: str) -> Row:
    """A parameter that is a variable of the poller and nothing else."""
    first = str(PARAMETER[parameter]["Default"])
    return Row(first, later, lambda account: account.variable(name), first, later)


def secret(name: str) -> str:
    return f"arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-AbCdEf"


# Slack alone at first, later mail alone and everything else, then as at first: each is added once and taken away once.
ROWS: Final[Mapping[str, Row]] = {
    "TestmoUrl": Row(
        "https://a.testmo.net", "https://b.testmo.net", lambda account: account.variable("TESTMO_URL"),
        "https://a.testmo.net", "https://b.testmo.net",
    ),
    "TestmoSecretArn": Row(
        secret("a"), secret("b"), Account.token, (secret("a"), secret("a")), (secret("b"), secret("b"))
    ),
    "SlackSecretArn": Row(secret("slack"), "", Account.slack, (secret("slack"), True), (None, False)),
    "EmailAddress": Row("", "qa@example.com", Account.email, ([], False), (["qa@example.com"], True)),
    "OpsEmailAddress": Row(
        "", "ops@example.com", lambda account: account.mail("OpsTopic"), [], ["ops@example.com"]
    ),
    "ProjectIds": variable("ProjectIds", "PROJECT_IDS", "3,7"),
    "RunIds": variable("RunIds", "RUN_IDS", "120,121"),
    "AlertStatusIds": variable("AlertStatusIds", "ALERT_STATUS_IDS", "3, 5, Needs info"),
    "CreatedByIds": variable("CreatedByIds", "CREATED_BY_IDS", "7,12"),
    "AssigneeIds": variable("AssigneeIds", "ASSIGNEE_IDS", "0,12"),
    "OverlapSeconds": variable("OverlapSeconds", "OVERLAP_SECONDS", "600"),
    "MaxStalenessMinutes": variable("MaxStalenessMinutes", "MAX_STALENESS_MINUTES", "0"),
    "BackfillHours": variable("BackfillHours", "BACKFILL_HOURS", "24"),
    "RequestsPerMinute": variable("RequestsPerMinute", "REQUESTS_PER_MINUTE", "60"),
    "TimeZone": variable("TimeZone", "TIME_ZONE", "Europe/Berlin"),
    "PollSchedule": Row(
        "rate(365 days)", "cron(0 3 29 2 ? 2096)", lambda account: account.schedule()["ScheduleExpression"],
        "rate(365 days)", "cron(0 3 29 2 ? 2096)",
    ),  # neither comes while the test runs
    "PollScheduleState": Row(
        "ENABLED", "DISABLED", lambda account: (account.schedule()["State"], "NoPollAlarm" in account.ids),
        ("ENABLED", True), ("DISABLED", False),
    ),
    "DashboardState": Row("DISABLED", "ENABLED", lambda account: "Dashboard" in account.ids, False, True),
    "LogRetentionDays": Row("30", "90", Account.retention, {30}, {90}),
    "SilenceMinutes": Row("15", "60", Account.silence, (15, 15), (60, 60)),
    "HeartbeatSecretArn": Row("", secret("ping"), Account.heartbeat, ("", None), (secret("ping"), secret("ping"))),
    "KmsKeyArn": Row("", KEY, Account.keys, {None}, {KEY}),
    # The emulator's CloudFormation gives a role no boundary; tests/unit/test_template.py has that it would be there.
    "PermissionsBoundaryArn": Row(
        "", BOUNDARY, lambda account: account.setting("PermissionsBoundaryArn"), "", BOUNDARY
    ),
    "Architecture": Row("x86_64", "arm64", Account.architectures, {"x86_64"}, {"arm64"}),
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What was seen after one deploy; the stack has moved on since."""

    looks: Mapping[str, object]
    ids: Mapping[str, str]
    holders: Mapping[str, str]
    policies: str


@dataclass(frozen=True)
class Story:
    """One stack through four deploys: as at first, everything else, that and paused, and back."""

    first: Seen
    later: Seen
    paused: Seen
    back: Seen
    kept: tuple[bool, int]  # whether the table still has its item, and how many messages the dead-letter queue has
    stack: Stack


def client(aws: Aws, service: str) -> Any:  # noqa: ANN401 - any service
    make: Callable[..., Any] = boto3.client
    return make(
        service,
        endpoint_url=aws.endpoint,
        region_name=aws.region,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
        config=CONFIG,
    )


def resources(aws: Aws, name: str) -> dict[str, tuple[str, str]]:
    """Type and physical id of each resource of a stack by its logical id."""
    found = aws.cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return {one["LogicalResourceId"]: (one["ResourceType"], one["PhysicalResourceId"]) for one in found}


def bare(physical_id: str) -> str:
    """A resource's name as it is in an ARN: a queue's is an address, and some are ARNs themselves."""
    if physical_id.startswith("http"):
        return physical_id.rpartition("/")[2]
    return physical_id.split(":", 5)[-1] if physical_id.startswith("arn:") else physical_id


def observe(aws: Aws, found: Stack) -> Seen:
    """Look at everything there is of a stack now."""
    listed = resources(aws, found.name)
    account = Account(aws, found, {name: one for name, (_, one) in listed.items()})
    iam = client(aws, "iam")
    roles = [one for kind, one in listed.values() if kind == "AWS::IAM::Role"]
    policies = [
        iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        for role in roles
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for kind, one in listed.values():
        if kind == "AWS::SNS::Topic":
            policies.append(aws.sns.get_topic_attributes(TopicArn=one)["Attributes"]["Policy"])
        if kind == "AWS::SQS::Queue":
            policies.append(aws.sqs.get_queue_attributes(QueueUrl=one, AttributeNames=["Policy"])["Attributes"])
    return Seen(
        looks={name: row.look(account) for name, row in ROWS.items()},
        ids=account.ids,
        holders={name: one for name, (kind, one) in listed.items() if kind in HOLDERS},
        policies=json.dumps(policies),
    )


@pytest.fixture(scope="module")
def story(aws: Aws, built: Build) -> Story:
    first = {name: row.first for name, row in ROWS.items()}
    later = {name: row.later for name, row in ROWS.items()}
    on = {"PollScheduleState": "ENABLED"}  # without it there is no dead man's switch to look at
    table = client(aws, "dynamodb")
    seen: list[Seen] = []
    item = {"pk": {"S": "RUN#1"}, "sk": {"S": "CHECKPOINT"}}
    for number, parameters in enumerate((first, later | on, later, first)):
        found = stack.deploy(aws, built, parameters, name=NAME)
        seen.append(observe(aws, found))
        if number == 0:
            table.put_item(TableName=found.table, Item=item)
            aws.sqs.send_message(QueueUrl=found.dead_letter_queues["Slack"], MessageBody="parked")
    names: Any = ["ApproximateNumberOfMessages"]
    depth = aws.sqs.get_queue_attributes(QueueUrl=found.dead_letter_queues["Slack"], AttributeNames=names)["Attributes"]
    kept = table.get_item(TableName=found.table, Key=item).get("Item") == item, int(depth[names[0]])
    one, two, three, four = seen
    return Story(first=one, later=two, paused=three, back=four, kept=kept, stack=found)


def test_every_parameter_has_its_row() -> None:
    """One that is added to the template and not here would be one whose update nobody has seen."""
    assert set(ROWS) == set(PARAMETER)
    assert [name for name, row in ROWS.items() if row.first == row.later or row.seen_first == row.seen_later] == []


@pytest.mark.parametrize("parameter", PARAMETER)
def test_an_update_reaches_what_the_parameter_configures_and_so_does_the_way_back(story: Story, parameter: str) -> None:
    row = ROWS[parameter]
    later = story.paused if parameter == "PollScheduleState" else story.later
    seen = [moment.looks[parameter] for moment in (story.first, later, story.back)]
    assert seen == [row.seen_first, row.seen_later, row.seen_first]


def test_no_update_replaces_what_holds_something(story: Story) -> None:
    """A new queue would be an empty one, and a new table would announce old results again, or none."""
    assert len(story.first.holders) == 6
    assert story.first.holders == story.later.holders == story.paused.holders == story.back.holders
    assert story.kept == (True, 1)


def test_two_stacks_side_by_side_share_nothing(story: Story, aws: Aws, deployed: Stack) -> None:
    """Neither a resource nor a right to one."""
    other = observe(aws, deployed)
    for moment in (story.first, story.later, story.back):
        assert set(moment.ids.values()).isdisjoint(other.ids.values())
        for mine, yours in ((moment, other), (other, moment)):
            assert [name for name in map(bare, yours.ids.values()) if name in mine.policies] == []
            assert any(name in mine.policies for name in map(bare, mine.ids.values())), "or the names are not bare"
    assert story.first.looks["SilenceMinutes"], "and the other's pause is not its own"


def test_deleting_takes_everything_but_the_state_and_the_documented_commands_take_that(story: Story, aws: Aws) -> None:
    """Deletion protection does not stop it: the table is left out, because the template retains it."""
    command = [str(SAM), "delete", "--stack-name", NAME, "--region", aws.region, "--no-prompts"]
    done = processes.run(command, env=aws.environ())
    assert done.status == 0, done.tail()
    with pytest.raises(ClientError, match="does not exist"):
        aws.cloudformation.describe_stacks(StackName=NAME)
    assert left_over(aws) == []

    table, name = client(aws, "dynamodb"), story.stack.table
    found = table.describe_table(TableName=name)["Table"]
    assert (found["TableStatus"], found["DeletionProtectionEnabled"]) == ("ACTIVE", True)
    with pytest.raises(ClientError, match="rotect"):
        table.delete_table(TableName=name)
    commands = [words for words in documented("Delete") if words[:2] == ["aws", "dynamodb"]]
    assert [words[2] for words in commands] == ["list-tables", "update-table", "delete-table"]
    for words in commands[1:]:
        run(table, words, {"$TABLE": name})
    assert name not in table.list_tables()["TableNames"]


def left_over(aws: Aws) -> list[object]:
    """What still carries the stack's name, the table apart."""
    everything: list[object] = [
        *client(aws, "iam").list_roles()["Roles"],
        *aws.functions.list_functions()["Functions"],
        *aws.functions.list_layers()["Layers"],
        *aws.functions.list_event_source_mappings()["EventSourceMappings"],
        *aws.sns.list_topics()["Topics"],
        *aws.sqs.list_queues().get("QueueUrls", []),
        *aws.scheduler.list_schedules()["Schedules"],
        *aws.scheduler.list_schedule_groups()["ScheduleGroups"],
        *client(aws, "logs").describe_log_groups()["logGroups"],
        *client(aws, "cloudwatch").describe_alarms()["MetricAlarms"],
        *client(aws, "cloudwatch").list_dashboards()["DashboardEntries"],
    ]
    return [one for one in everything if f"{NAME}-" in json.dumps(one, default=str)]
